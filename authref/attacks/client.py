"""How does an attacker's client speak? In bytes that it wrote itself, from an address of its own.

Rules of this file:
- only loopback is spoken to: an address is checked before the first connection, and no redirect is followed;
- a cookie is kept and sent as a browser does it: a Secure one never travels over http;
- what travelled is kept as it was, for who wants to read it; whoever writes it out masks it first (`masked`).
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

PATIENCE = 15.0  # seconds until a server that says nothing is given up
MOST = 1 << 20  # bytes of one answer that are read

_numbers = itertools.count(secrets.randbelow(1 << 20))
_INTERIM = re.compile(rb"(?:HTTP/1\.[01] 1.*?\r\n\r\n)+", re.DOTALL)
_CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding:[ \t]*chunked[ \t]*(?:\r\n|\Z)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r\n")
_LONG = re.compile(r"[A-Za-z0-9_~+-]{20,}=*")  # session ids, parts of tokens, refresh tokens: those with a digit


@dataclass(frozen=True)
class Answer:
    """What came back for `request`, its method and target. A status of 0: nothing did, and the connection ended."""

    request: str
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Every value of the header."""
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str:
        """The first value of the header, or ""."""
        return next(iter(self.all(name)), "")

    @property
    def json(self) -> dict[str, object]:
        """The JSON object in the body, or an empty one."""
        with suppress(ValueError, RecursionError):
            if isinstance(value := json.loads(self.body), dict):
                return value
        return {}


@dataclass(frozen=True)
class Address:
    """Where the server listens, once it is known that this is loopback. `host` is a literal address."""

    host: str
    port: int

    @property
    def named(self) -> str:
        """As it stands in a Host header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(url: str) -> Address:
    """The loopback address that the URL names. Raises ValueError, in a sentence, for any other one."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise ValueError("This is no address of a server; write it like http://127.0.0.1:8000") from None
    if parts.scheme != "http" or parts.path not in ("", "/") or parts.username or parts.query:
        raise ValueError("This is no address of a server; write it like http://127.0.0.1:8000")
    if host == "localhost":  # looked up once, and what was found is kept
        with suppress(OSError):
            host = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            "Attacks are played on this machine only, and no flag changes that; name http://127.0.0.1:PORT"
        )
    return Address(host, port)


def parse(request: str, data: bytes) -> Answer:
    """The answer that these bytes are."""
    head, _, body = _final(data).partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    found = re.match(r"HTTP/1\.[01] (\d{3})", line)
    if found is None or found[1].startswith("1"):
        return Answer(request)
    headers = tuple((name.lower(), value.strip(" \t")) for name, _, value in (each.partition(":") for each in fields))
    if _CHUNKED.search(head):
        body, _ = _unchunked(body)
    return Answer(request, int(found[1]), headers, body)


def _unchunked(data: bytes) -> tuple[bytes, bool]:
    """What the chunks hold, and whether the last one has come."""
    parts: list[bytes] = []
    place = 0
    while match := _SIZE.match(data, place):
        size = int(match[1], 16)
        if not size:
            return b"".join(parts), data.endswith(b"\r\n\r\n", place)
        parts.append(data[match.end() : match.end() + size])
        place = match.end() + size + 2
    return b"".join(parts), False


def _final(data: bytes) -> bytes:
    """The bytes without the interim answers (1xx) before the last one; a server may send any number of them."""
    return data[interim.end() :] if (interim := _INTERIM.match(data)) else data


def _is_whole(data: bytes) -> bool:
    """True once nothing more need come, although the connection may stay open."""
    head, end, body = _final(data).partition(b"\r\n\r\n")
    if not end:
        return False
    if _CHUNKED.search(head):
        return _unchunked(body)[1]
    length = re.search(rb"(?i)\r\ncontent-length:[ \t]*(\d{1,18})(?!\d)", head)  # int() raises for thousands of digits
    if length:
        return len(body) >= int(length[1])
    return re.match(rb"HTTP/1\.[01] (204|304)", head) is not None


class Client:
    """One person's client: an address, a jar of cookies, and all that travelled."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}  # sent with each request
        self.owner = ""  # what its user logs in with
        self.withheld: set[str] = set()  # cookies that are Secure, and so never travel here
        self.travelled: list[tuple[str, bytes]] = []  # ">" or "<" and the bytes; "#" and whose turn it is
        number = next(_numbers)
        self._source = f"127.{1 + (number >> 16) % 254}.{(number >> 8) % 256}.{1 + number % 254}"

    def connect(self, timeout: float = PATIENCE) -> socket.socket:
        """A new connection, from an address of our own where the system has it (Linux; 127.0.0.1 is taken else)."""
        where = (self.address.host, self.address.port)
        if self.address.host == "127.0.0.1":
            with suppress(OSError):
                return socket.create_connection(where, timeout, (self._source, 0))
        return socket.create_connection(where, timeout)

    def send(
        self,
        route: str,
        value: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to the route, "POST /login"; `value` goes as JSON, `form` as a form, both with our cookies."""
        method, _, target = route.partition(" ")
        fields = {"Host": self.address.named, "Connection": "close", "User-Agent": "authref-attack"}
        fields.update(self.own_fields())
        body = b""
        if form is not None:
            body, fields["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif value is not None:
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            fields["Content-Type"] = "application/json"
        if body or method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
            fields["Content-Length"] = str(len(body))
        fields.update(headers or {})
        head = "".join(f"{name}: {text}\r\n" for name, text in fields.items() if text)
        answer = self.raw(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body, route)
        self._keep(answer)
        return answer

    def own_fields(self) -> dict[str, str]:
        """The header fields that say who this is: its cookies, and what it sends with each request."""
        cookies = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        return {**({"Cookie": cookies} if cookies else {}), **self.headers}

    def raw(self, data: bytes, route: str = "", timeout: float = PATIENCE) -> Answer:
        """The first answer to these bytes, however odd they are."""
        request = route.partition("?")[0] or data[:60].split(b"\r")[0].decode("latin-1")
        return parse(request, self._ask(data, timeout, _is_whole))

    def raw_to_the_end(self, data: bytes, timeout: float) -> bytes:
        """All that comes for these bytes until the connection ends."""
        return self._ask(data, timeout, lambda received: False)

    def _ask(self, data: bytes, timeout: float, is_whole: Callable[[bytes], bool]) -> bytes:
        """What comes for these bytes until it is whole; no longer than `timeout` in all, and no more than MOST."""
        self.travelled.append((">", data))
        received, end = b"", time.monotonic() + timeout
        with suppress(OSError), self.connect(timeout) as sock:
            sock.settimeout(timeout / 2)
            with suppress(ConnectionError, TimeoutError):  # it reads no more, and may have answered
                sock.sendall(data)
            while len(received) < MOST and not is_whole(received) and (left := end - time.monotonic()) > 0:
                sock.settimeout(left)  # not for each piece: they may come a byte at a time
                piece = sock.recv(65536)
                if not piece:
                    break
                received += piece
        self.travelled.append(("<", received))
        return received

    def _keep(self, answer: Answer) -> None:
        for line in answer.all("set-cookie"):
            pair, *attributes = (part.strip(" \t") for part in line.split(";"))
            name, _, value = pair.partition("=")
            flags = {each.partition("=")[0].lower(): each.partition("=")[2] for each in attributes}
            if "secure" in flags:
                self.withheld.add(name)
            elif flags.get("max-age", "1").lstrip("-") == "0" or not value or "1970" in flags.get("expires", ""):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def masked(text: str, *known: str) -> str:
    """The text without what opens a door: long opaque words are cut short, and what is `known` to be secret is gone."""
    for secret in filter(None, known):
        text = text.replace(secret, "[secret]")
    return _LONG.sub(lambda found: found[0][:6] + "…" if re.search("[0-9]", found[0]) else found[0], text)
