"""Was that a whole answer? A client that knows exactly which bytes came, and from which address it asks.

`http.client` takes a head that breaks off for a head that ends. Here an answer is whole or it is none: only then
"acknowledged" means something.

Each client has a loopback address of its own for a while (the whole of 127.0.0.0/8 is this machine), for authref
counts sign-ups and failed logins by address, and these clients are meant to be many people.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import time
from dataclasses import dataclass
from typing import Any

TIMEOUT = 30.0  # seconds: longer than authref lets anybody wait
REQUESTS_AN_ADDRESS = 15  # fewer than an address may fail or sign up in a minute

_addresses = itertools.count(time.time_ns() // 1_000_000 % 2**23 + 2**16)  # a second run meets no count of the first


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: str = ""  # the Cookie header of a browser that keeps all of them

    @property
    def value(self) -> Any:
        """The JSON value of the body."""
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        """The Cookie header that this answer asks for."""
        return self.headers.get("set-cookie", "").partition(";")[0]


class Unanswered(Exception):
    """No whole answer came. What became of the request is not known, unless it was never sent."""

    def __init__(self, received: bytes = b"", sent: bool = True) -> None:
        super().__init__(f"{len(received)} bytes of an answer" if sent else "no connection")
        self.received, self.sent = received, sent


class Client:
    """One connection at a time, opened when it is needed; `moving` to another address now and then."""

    def __init__(self, port: int = 0, timeout: float = TIMEOUT, moving: bool = True, address: str = "") -> None:
        self.port, self._timeout, self._moving = port, timeout, moving
        self.socket: socket.socket | None = None
        self._asked = 0
        self.address = address

    def ask(self, method: str, path: str, value: object = None, **headers: str) -> Answer:
        """The answer. Raises Unanswered."""
        body = b"" if value is None else json.dumps(value).encode()
        fields = {"host": "127.0.0.1", "content-length": str(len(body)), **headers}
        if value is not None:
            fields["content-type"] = "application/json"
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in fields.items())
        connection = self.connect()
        try:
            connection.sendall(head.encode("ascii") + b"\r\n" + body)
        except OSError:
            self.close()
            raise Unanswered from None
        return self._read(connection)

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def connect(self) -> socket.socket:
        """The open connection. Raises Unanswered."""
        if self._asked % REQUESTS_AN_ADDRESS == 0 and (self._moving or not self._asked):
            self.close()
            if self._moving or not self.address:
                self.address = str(socket.inet_ntoa((0x7F000000 + next(_addresses)).to_bytes(4, "big")))
        self._asked += 1
        if self.socket is None:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port), self._timeout, (self.address, 0))
            except OSError:
                raise Unanswered(sent=False) from None
        return self.socket

    def _read(self, connection: socket.socket) -> Answer:
        received = b""
        while True:
            if answer := whole_answer(received):
                if answer.headers.get("connection") == "close":
                    self.close()
                return answer
            try:
                chunk = connection.recv(65536)
            except OSError:
                chunk = b""
            if not chunk:
                self.close()
                raise Unanswered(received)
            received += chunk


def whole_answer(received: bytes) -> Answer | None:
    """The answer that these bytes are, or None while something is missing."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    lines = head.decode("latin-1").split("\r\n")
    parts = (line.partition(":") for line in reversed(lines[1:]))  # of two cookies the first, the session's, counts
    headers = {name.lower(): text.strip() for name, _, text in parts}
    found = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", lines[0])
    assert found, f"no status line: {lines[0]!r}"
    if len(body) < int(headers.get("content-length", "0")):
        return None
    kept = re.findall(r"(?mi)^set-cookie: *([^;\r]*)", head.decode("latin-1"))
    return Answer(int(found[1]), headers, body, "; ".join(kept))
