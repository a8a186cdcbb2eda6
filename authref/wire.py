"""What does a server see of you? One request, as bytes. Then it answers and forgets you.

HTTP is stateless (RFC 9110 §3.3): nothing in a second request says who sent the first, unless the client puts
something into it. Everything in this project is about that something.

Rules of this file:
- a request and a response are values: frozen, compared by content, built in a test in one line;
- header names are lower-case; the headers are a tuple of pairs, because `set-cookie` may come twice;
- one JSON reader serves bodies and tokens: no two parts of the system read the same bytes differently;
- what cannot be read raises `Problem`, which carries the answer to send.

Left out: sockets, and the grammar of a request's bytes (serving/).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from math import isfinite
from urllib.parse import parse_qsl

Headers = tuple[tuple[str, str], ...]
Emit = Callable[..., object]  # writes an event, its name and fields, into the log (events.py)

PHRASES = {status.value: status.phrase for status in HTTPStatus}  # 404 -> "Not Found"

_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)
_shared = lru_cache(maxsize=1000)(str)  # one object of equal texts: sessions are many, browsers few


class Problem(Exception):
    """A request that cannot be served as it stands; the arguments are those of `Response.problem`."""

    def __init__(self, status: int, code: str, detail: str, headers: Headers = (), **more: object) -> None:
        super().__init__(detail)
        self.code = code
        self.response = Response.problem(status, code, detail, headers, **more)


@dataclass(frozen=True, slots=True)
class Request:
    """What one client sent once: `target` is the path with its query, `peer` the address it came from."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    peer: str = "127.0.0.1"

    @property
    def path(self) -> str:
        """The target without its query; not decoded, or `/%6de` were another path to the next server."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, decoded once. Raises Problem 400 when one is malformed or comes twice."""
        text = self.target.partition("?")[2]
        try:
            pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict") if text else []
            return _without_duplicates(pairs)
        except ValueError:
            raise Problem(400, "invalid_request", "The query is malformed, or repeats a name.") from None

    def header(self, name: str) -> str | None:
        """The field's value, or None. Lines of one name are joined by ", " (RFC 9110 §5.3): no second one can hide."""
        values = [value for field, value in self.headers if field == name]
        return ", ".join(values) if values else None

    @property
    def user_agent(self) -> str:
        """What the client calls itself, cut to 200 characters: shown to its user, never believed."""
        return _shared((self.header("user-agent") or "")[:200])

    def json(self) -> object:
        """The body's JSON value. Raises Problem: 411 no body, 415 not declared as JSON, 400 not valid JSON.

        A form on a foreign page may post `text/plain`, but never `application/json`.
        """
        if not self.body and self.header("content-length") is None:
            raise Problem(411, "length_required", "Send a JSON body and its Content-Length.")
        media_type, _, more = (self.header("content-type") or "").lower().partition(";")
        if media_type.strip(" \t") != "application/json" or more.strip(" \t") not in ("", "charset=utf-8"):
            raise Problem(415, "unsupported_media_type", "Send the body as Content-Type: application/json.")
        if self.header("content-encoding") is not None:
            raise Problem(415, "unsupported_media_type", "Send the body without a Content-Encoding.")
        try:
            return read_json(self.body)
        except ValueError:
            raise Problem(400, "invalid_json", "The body is not valid JSON in UTF-8, or names a key twice.") from None


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    @staticmethod
    def json(value: object, status: int = 200, headers: Headers = ()) -> Response:
        """A response whose body is `value` as JSON in UTF-8."""
        return Response(status, write_json(value) + b"\n", (("content-type", "application/json"), *headers))

    @staticmethod
    def problem(status: int, code: str, detail: str, headers: Headers = (), **more: object) -> Response:
        """An error as RFC 9457 describes it, with `code`, a stable word to match on, and whatever `more` there is.

        >>> Response.problem(404, "not_found", "Nothing is here.").body
        b'{"type":"about:blank","title":"Not Found","status":404,"detail":"Nothing is here.","code":"not_found"}\\n'
        """
        value = {"type": "about:blank", "title": PHRASES[status], "status": status, "detail": detail, "code": code}
        body = write_json({**value, **more}) + b"\n"
        return Response(status, body, (("content-type", "application/problem+json"), *headers))

    def header(self, name: str) -> str | None:
        """The first value of the header, or None."""
        return next((value for field, value in self.headers if field == name), None)


def read_json(data: bytes) -> object:
    """The one value that `data` says in JSON (RFC 8259), UTF-8. Raises ValueError for anything doubtful.

    `json.loads` alone is too kind. Of `{"role":"user","role":"admin"}` it keeps the last, where others keep the
    first. It also guesses UTF-16, and takes NaN and 1e400 for numbers.
    """
    try:
        text = data.decode("utf-8").strip(" \t\r\n")
        value, end = _decoder.raw_decode(text)
        if end != len(text):
            raise ValueError("more than one value")
        if "\\u" in text:
            # An escape is the only way to write half a surrogate pair; encoding the result would fail later.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write_json(value: object) -> bytes:
    """The value as compact JSON, ASCII only, keys in their order."""
    return _encoder.encode(value).encode("ascii")


def rfc3339(moment: float) -> str:
    """The Unix seconds as text in UTC, such as 2027-01-15T08:00:00Z."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_duplicates(pairs: list[tuple[str, str]]) -> dict[str, str]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name comes twice")
    return result


def _finite(literal: str) -> float:
    number = float(literal)
    if not isfinite(number):
        raise ValueError(f"{literal} is not a number JSON can carry")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_float=_finite, parse_constant=_finite)


def write_response(response: Response, date: str, more: str = "", without_body: bool = False) -> bytes:
    """The answer's bytes, all of them, for one send (RFC 9112 §4); `more` are lines about the connection.

    Raises ValueError for a line break in a header: what came after it would be a header of the attacker's choosing.
    """
    fields = "".join([f"{name}: {value}\r\n" for name, value in response.headers])
    count = len(response.headers)
    if fields.count("\r") != count or fields.count("\n") != count or "\0" in fields:
        raise ValueError("a header holds a control character")
    no_content = response.status == 204  # it names no length (RFC 9110 §8.6)
    length = "" if no_content else f"content-length: {len(response.body)}\r\n"
    start = f"HTTP/1.1 {response.status} {PHRASES[response.status]}\r\ndate: {date}\r\n"
    head = f"{start}{fields}{length}{more}\r\n".encode("latin-1")
    return head if without_body or no_content else head + response.body
