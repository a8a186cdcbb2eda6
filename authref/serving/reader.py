"""Where does one request end and the next begin? Whoever answers that differently gets attacked.

Two readers that disagree on a request's length, a proxy and a server, can be made to see different
requests in the same bytes: that is request smuggling. So this reader is strict (RFC 9112): bytes become
exactly one request or a refusal, and after a refusal the connection closes, since nobody knows any more
what the following bytes mean.

    request  = method SP target SP "HTTP/1." ("0" | "1") CR LF  *( name ":" value CR LF )  CR LF  [ body ]
    target   = "/" path [ "?" query ]  |  "http" ["s"] "://" our own host and such a target  |  "*" with OPTIONS
    body     = Content-Length bytes  |  *( hex-size CR LF data CR LF )  "0" CR LF CR LF      (chunked)

Where we bend RFC 9112, always towards refusing: chunk extensions and trailers (nobody honest sends them, and
both have carried attacks), a body in hundreds of chunks, an empty line before a request, leading zeros in a
Content-Length, an absolute target that names another host than Host, and HTTP/1.0 without a Host (but for PROBE).

Left out: sockets and deadlines (server.py), what a path means (app/).
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from authref.wire import Headers, Problem, Request

MAX_REQUEST_LINE = 8 * 1024  # bytes; beyond: 414
MAX_HEAD = 16 * 1024  # bytes, request line and fields together; beyond: 431
MAX_FIELDS = 100  # beyond: 431
MAX_BODY = 64 * 1024  # bytes; beyond: 413. Our largest honest body is two passwords of 1,024 characters
MAX_CHUNKS = 256  # of one body; beyond: 413. Read one by one, 65,536 of one byte keep everybody else waiting

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})  # others: 501
PROBE = "/health"  # load balancers ask for it in HTTP/1.0 and name no Host

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([!-~]+) (HTTP/[0-9]\.[0-9])")
_TARGET = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
# A field runs from one CR LF to the next; no control byte but a tab fits in between, so neither does a bare
# CR or LF, and a folded line (one that starts with a blank) has no name.
_FIELD = re.compile(rf"\r\n({_TOKEN}):([^\x00-\x08\x0a-\x1f\x7f]*)(?=\r\n)")
_HOST = re.compile(r"[A-Za-z0-9.\-_]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
# Not int() alone: it takes '+5', '5_0' and the digits of other scripts. No leading zero: some readers take 010 for 8.
_DIGITS = re.compile(r"0|[1-9][0-9]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_FIRST_BYTE = re.compile(_TOKEN.encode())  # of a method; what speaks TLS to a plain port begins with another
_START_OF_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{0,8}|[0-9A-Fa-f]{1,8}\r")


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body, and how that body is framed: `length` in bytes, None when chunked."""

    method: str
    target: str
    headers: Headers
    length: int | None
    keep_alive: bool
    expects_continue: bool


def read_head(text: str) -> Head:
    """The head that `text` says; `text` ends with the last field's CR LF. Raises Problem (RFC 9112 §3, §5, §6)."""
    line, _, _ = text.partition("\r\n")
    _refuse_oversize(len(line), len(text))
    method, target, version = _read_request_line(line)
    headers = _read_fields(text[len(line) :])
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = _join_repeated(headers)
    host = fields.get("host", "")
    is_probe = version == "HTTP/1.0" and target == PROBE and method in ("GET", "HEAD") and "host" not in fields
    if not (_HOST.fullmatch(host) or is_probe):
        raise _malformed("A request has exactly one Host, and it is a host name.")
    length = _body_length(fields, version)
    expects_continue = _expects_continue(fields) and version == "HTTP/1.1"
    close = "close" in fields.get("connection", "").lower() or version == "HTTP/1.0"
    path = target if (method, target) == ("OPTIONS", "*") else _origin_form(target, host)
    return Head(method, path, headers, length, not close, expects_continue)


def _malformed(detail: str) -> Problem:
    return Problem(400, "malformed_request", detail)


def _refuse_oversize(line: int, head: int) -> None:
    if line > MAX_REQUEST_LINE:
        raise Problem(414, "uri_too_long", f"The request line is longer than {MAX_REQUEST_LINE} bytes.")
    if head > MAX_HEAD:
        raise Problem(431, "header_fields_too_large", f"The header fields are longer than {MAX_HEAD} bytes.")


def _read_request_line(line: str) -> tuple[str, str, str]:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _malformed("The request line is not: method, space, target, space, HTTP version.")
    method, target, version = match.groups()
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise Problem(505, "http_version_not_supported", "This server speaks HTTP/1.1.")
    if method not in METHODS:
        raise Problem(501, "not_implemented", "This server implements no such method.")
    return method, target, version


def _read_fields(block: str) -> Headers:
    """The fields of a block in which each is preceded by CR LF and the last is followed by one."""
    found = _FIELD.findall(block)
    if len(found) != block.count("\r\n") - 1:  # a line that is no field was passed over
        raise _malformed("A header line is not: name, colon, value, CR LF.")
    if len(found) > MAX_FIELDS:
        raise Problem(431, "header_fields_too_large", f"There are more than {MAX_FIELDS} header fields.")
    # Blank and tab only: str.strip() would eat U+00A0 and others, and turn one name or value into another.
    return tuple([(name.lower(), value.strip(" \t")) for name, value in found])


def _join_repeated(headers: Headers) -> dict[str, str]:
    """The fields by name, several lines of one name joined; two readers of a second Host would choose differently."""
    fields: dict[str, str] = {}
    for name, value in headers:
        if name in fields and name in ("host", "content-length", "transfer-encoding"):
            raise _malformed(f"A request has at most one {name}.")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _body_length(fields: dict[str, str], version: str) -> int | None:
    """The body's length in bytes, None for chunked, 0 when no field speaks of a body (RFC 9112 §6.3)."""
    length, coding = fields.get("content-length"), fields.get("transfer-encoding")
    if coding is not None:
        if length is not None or version == "HTTP/1.0":
            raise _malformed("Transfer-Encoding together with Content-Length, or in HTTP/1.0, has two meanings.")
        *others, last = [each.strip(" \t") for each in coding.lower().split(",")]
        if last != "chunked" or "chunked" in others:
            raise _malformed("Only where chunked is the last transfer coding does a request say where it ends.")
        if others:
            raise Problem(501, "not_implemented", "The only transfer coding this server knows is chunked.")
        return None
    if length is None:
        return 0
    if not _DIGITS.fullmatch(length):
        raise _malformed("Content-Length is one number in ASCII digits, without leading zeros.")
    if len(length) > 18 or int(length) > MAX_BODY:  # int() raises for thousands of digits
        raise _too_large()
    return int(length)


def _too_large() -> Problem:
    return Problem(413, "content_too_large", f"The body has more than {MAX_BODY} bytes or {MAX_CHUNKS} chunks.")


def _expects_continue(fields: dict[str, str]) -> bool:
    expectation = fields.get("expect")
    if expectation is not None and expectation.lower() != "100-continue":
        raise Problem(417, "expectation_failed", "The only expectation this server meets is 100-continue.")
    return expectation is not None


def _origin_form(target: str, host: str) -> str:
    """The target as path and query; an absolute one must name the host that Host names (RFC 9112 §3.2)."""
    if not target.startswith("/"):
        scheme, _, rest = target.partition("://")
        authority, slash, path = rest.partition("/")
        if scheme.lower() not in ("http", "https") or authority.lower() != host.lower():
            raise _malformed("The target is no path, or names another host than Host does.")
        target = slash + path or "/"
    if not _TARGET.fullmatch(target):
        raise _malformed("The target is not a path with an optional query.")
    return target


class Reader:
    """One connection's bytes, cut into requests: `feed` what arrives, then call `next_request` until it is None."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.head: Head | None = None  # of the request being read, or of the one just returned
        self.waiting_for = "request"  # then "head" once a byte of it has come, then "body"
        self._buffer = b""
        self._head_text = b""  # what `head` was read from
        self._last_head = b""  # the one that came last, read or refused
        self._chunks, self._chunk_count = b"", 0

    def feed(self, data: bytes) -> None:
        """Take in what a socket gave, cut anywhere."""
        self._buffer = self._buffer + data if self._buffer else data

    def next_request(self) -> Request | None:
        """The next whole request, or None until more bytes have come. Raises Problem; read nothing after that."""
        if self.waiting_for != "body" and not (self._buffer and self._take_head()):
            return None
        head = self.head
        if head is None:
            return None
        body = self._take_chunks() if head.length is None else self._take_bytes(head.length)
        if body is None:
            return None
        self.waiting_for = "request"
        return Request(head.method, head.target, head.headers, body, self.peer)

    def so_far(self) -> Request:
        """What is known of a request that is refused: its fields, if all of its head has come, and its peer.

        And its method if that is HEAD, for then no answer has a body (RFC 9110 §9.3.2).
        """
        head = (self._last_head or self._buffer).removeprefix(b"\r\n")  # an empty line may stand before it
        line, _, _ = head.partition(b"\r\n")
        headers: Headers = ()
        with suppress(Problem):
            headers = _read_fields(head[len(line) :].decode("latin-1")) if self._last_head else ()
        method = "HEAD" if line.startswith(b"HEAD ") else ""
        return Request(method, "", headers, b"", self.peer)

    @property
    def has_bytes(self) -> bool:
        """True if bytes of a further request have come already."""
        return bool(self._buffer)

    @property
    def wants_continue(self) -> bool:
        """True while a client holds its body back until it reads "100 Continue" (RFC 9110 §10.1.1)."""
        nothing_came = self.waiting_for == "body" and not self._buffer and not self._chunks
        return nothing_came and self.head is not None and self.head.expects_continue

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            self._last_head = b""
            self._refuse_endless_head()
            self.waiting_for = "head"
            return False
        text, self._buffer = self._buffer[: end + 2], self._buffer[end + 4 :]
        self._last_head = text
        if text != self._head_text:  # who asks again on one connection mostly repeats the head, byte for byte
            self.head, self._head_text = read_head(text.decode("latin-1")), text
        self._chunks, self._chunk_count = b"", 0
        self.waiting_for = "body"
        return True

    def _refuse_endless_head(self) -> None:
        """Raise as soon as what has come can no longer become a head."""
        if not _FIRST_BYTE.match(self._buffer):
            raise _malformed("A request begins with its method.")
        line, newline, _ = self._buffer.partition(b"\n")
        # The CR that ends a line, or the head, may be here before its LF; it counts for neither.
        _refuse_oversize(len(line.removesuffix(b"\r")), len(self._buffer) - 1)
        if newline and not line.endswith(b"\r"):
            raise _malformed("A line ends with CR LF.")

    def _take_bytes(self, length: int) -> bytes | None:
        if len(self._buffer) < length:
            return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _take_chunks(self) -> bytes | None:
        """The chunked body once its last chunk has come (RFC 9112 §7.1)."""
        while match := _CHUNK_SIZE.match(self._buffer):
            size = int(match[1], 16)
            if len(self._chunks) + size > MAX_BODY or self._chunk_count > MAX_CHUNKS:
                raise _too_large()
            end = match.end() + size
            line_end = self._buffer[end : end + 2]
            if not b"\r\n".startswith(line_end):
                raise _malformed("A chunk is not as long as it says, or a trailer follows the last one.")
            if len(line_end) < 2:
                return None
            self._chunks += self._buffer[match.end() : end]
            self._chunk_count += 1
            self._buffer = self._buffer[end + 2 :]
            if size == 0:
                return self._chunks
        if not _START_OF_CHUNK_SIZE.fullmatch(self._buffer[:11]):
            raise _malformed("A chunk's size is one to eight hexadecimal digits and CR LF.")
        return None
