"""What many tests need: a clock that is set by hand, an app with cheap hashes, a client, a server on a real socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any
from unittest import mock

from authref.app import App, Settings, build
from authref.events import Events
from authref.passwords import hash_password
from authref.server import Server
from authref.wire import Request, Response

TEST_COST = 4  # bcrypt's cheapest: a millisecond instead of a quarter of a second
START = 1_800_000_000.0  # Unix seconds at which every test's clock begins
KEYS = {"k1": bytes(range(32)), "k0": bytes(range(100, 132))}
PASSWORD = "correct horse battery"
JSON = (("content-type", "application/json"),)


@cache
def hashed(password: str, cost: int) -> str:
    """A hash of the password, the same at each call."""
    return hash_password(password, cost)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: float = START) -> None:
        self.time = start

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


class Harness:
    """An app, its clock, and the lines of its event log; `post`, `get` and so on call the app like a client would."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.log: list[str] = []
        chosen: dict[str, Any] = {
            "bcrypt_cost": TEST_COST,
            "keys": KEYS,
            "now": self.clock,
            "events": Events(self.log.append, "json", self.clock),
        }
        # The hash that stands in for nobody's, and those of `sign_up`, are made once for all tests: it saves seconds.
        nobody = mock.patch("authref.users.hash_password", lambda password, cost: hashed("nobody's password", cost))
        with nobody if "admin_email" not in settings else nullcontext():
            self.app: App = build(Settings(**{**chosen, **settings}))

    def send(self, method: str, target: str, value: object = None, **headers: str) -> Response:
        """The app's answer. `value` goes as JSON; a header `content_type` is sent as content-type."""
        fields = tuple((name.replace("_", "-"), text) for name, text in headers.items())
        body = b""
        if value is not None:
            body, fields = json.dumps(value).encode(), JSON + fields
        return self.app(Request(method, target, fields, body))

    def sign_up(self, email: str = "alice@example.com", password: str = PASSWORD, role: str = "user") -> str:
        """The id of a new user."""
        with mock.patch("authref.users.hash_password", hashed):
            return self.app.users.sign_up(email, password, role).id

    def cookie(self, email: str = "alice@example.com", password: str = PASSWORD) -> str:
        """The Cookie header of a new session."""
        answer = self.send("POST", "/login", {"email": email, "password": password})
        return (answer.header("set-cookie") or "").partition(";")[0]

    def bearer(self, email: str = "alice@example.com", password: str = PASSWORD) -> str:
        """The Authorization header of a new token."""
        return "Bearer " + body(self.send("POST", "/token/login", {"email": email, "password": password}))["token"]

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The events logged so far, all of them or those of one name."""
        lines = [json.loads(line) for line in self.log]
        return [line for line in lines if name in ("", line["event"])]


def body(response: Response) -> dict[str, Any]:
    """The response's JSON object."""
    value = json.loads(response.body)
    assert isinstance(value, dict)
    return value


@contextmanager
def running(app: App) -> Iterator[Server]:
    """The app on a free port of 127.0.0.1 while the block runs."""
    # Enough threads for 64 logins at once; the others would only take time to start.
    with mock.patch("authref.server.POOL_THREADS", 72), Server(app, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(30)
            assert not thread.is_alive(), "the server did not stop"


def exchange(server: Server, data: bytes, *, timeout: float = 5) -> bytes:
    """All that the server answers to these bytes until it closes, or until the client has ended its half."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=timeout) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        return received


def status(answer: bytes) -> int:
    """The status of the first answer in these bytes; 0 when there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 else 0
