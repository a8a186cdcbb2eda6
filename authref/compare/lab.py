"""What does an experiment need? A server to ask, a client that hides nothing, a clock to set, a store that counts.

Rules of this file:
- a server listens on loopback, on a free port, and ends with the block that started it, however that ends;
- keys and passwords are of this run only. Passwords are hashed at bcrypt's cheapest: a login costs a hash by
  either mechanism, the same one, and that is not what is compared here;
- an account is gone, with its logins, when the block that needed it ends: the store may be somebody's.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from authref.app import App, Settings, build
from authref.maps import Map, Store
from authref.serving.server import Server
from authref.sessions import Sessions
from authref.tokens import Tokens
from authref.users import User
from authref.wire import Headers, Request, Response, write_json

V = TypeVar("V")

COST = 4  # bcrypt's cheapest: a millisecond
PASSWORD = secrets.token_urlsafe(12)  # of all accounts of this run
EMAIL = "alice@example.com"
TIMEOUT = 20  # seconds for an answer


@dataclass(frozen=True)
class Mechanism:
    """Where one logs in by it and is known by it, and what of the login's answer goes into the next request."""

    name: str
    log_in: str
    me: str
    credential: Callable[[Response], Headers]
    of: Callable[[App], Sessions | Tokens]


def _cookie(answer: Response) -> Headers:
    return (("cookie", (answer.header("set-cookie") or "").partition(";")[0]),)


def _bearer(answer: Response) -> Headers:
    return (("authorization", f"Bearer {json.loads(answer.body).get('token')}"),)


SESSION = Mechanism("session", "/login", "/me", _cookie, lambda app: app.sessions)
TOKEN = Mechanism("token", "/token/login", "/token/me", _bearer, lambda app: app.tokens)
BOTH = (SESSION, TOKEN)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = float(int(time.time()))

    def __call__(self) -> float:
        return self.time


class Counting(Store):
    """A store that counts what its maps are asked, by map; `maps` are those inside, which do not count."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(now)
        self.asked: Counter[str] = Counter()
        self.maps: dict[str, Map[Any]] = {}

    def map(self, name: str, kind: type[V]) -> Map[V]:
        """The map of this name, each question to which is counted."""
        self.maps[name] = super().map(name, kind)
        counted: Any = _CountingMap(self.maps[name], lambda: self.asked.update([name]))
        result: Map[V] = counted
        return result

    def during(self, act: Callable[[], object]) -> dict[str, int]:
        """How often each map was asked while `act` ran."""
        self.asked.clear()
        act()
        return dict(self.asked)

    def records(self) -> dict[str, int]:
        """How many records each map holds."""
        return {name: len(inner) for name, inner in self.maps.items()}


class _CountingMap:
    def __init__(self, inner: Map[Any], count: Callable[[], object]) -> None:
        self._inner, self._count = inner, count

    def __getattr__(self, verb: str) -> Any:  # get, pop, replace …
        self._count()
        return getattr(self._inner, verb)

    def __setitem__(self, key: str, value: object) -> None:
        self.__getattr__("__setitem__")(key, value)

    def __len__(self) -> int:
        return int(self.__getattr__("__len__")())


def make_app(store: Store | None = None, **settings: Any) -> App:
    """An app of this run."""
    return build(Settings(store=store, bcrypt_cost=COST, **settings))


@contextmanager
def guest(app: App, email: str = EMAIL) -> Iterator[User]:
    """An account that is gone, with all its logins, when the block ends."""
    user = app.users.sign_up(email, PASSWORD)
    try:
        yield user
    finally:
        remove(app, email)


def remove(app: App, email: str) -> None:
    """Leave nothing of this account in the store."""
    if user := app.users.by_email(email):
        app.admins.delete(user.id)
        app.sessions.end_all(user.id)
        app.tokens.end_all(user.id)


def proof(email: str = EMAIL) -> dict[str, str]:
    """What the person with this address sends to sign up or to log in."""
    return {"email": email, "password": PASSWORD}


def log_in(app: App, mechanism: Mechanism, user: User) -> Response:
    """The answer to a login of this user, whose password was asked for already."""
    return mechanism.of(app).log_in(user, Request("POST", mechanism.log_in, (("user-agent", "compare"),)))


def ask(app: App, method: str, path: str, headers: Headers = (), value: object = None) -> Response:
    """The app's answer, without a socket."""
    more = () if value is None else (("content-type", "application/json"),)
    return app(Request(method, path, headers + more, b"" if value is None else write_json(value)))


class Client:
    """One connection that stays open; the bytes of the latest exchange are in `sent` and `received`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 0), TIMEOUT)
        self.sent = self.received = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def message(self, method: str, path: str, headers: Headers = (), value: object = None) -> bytes:
        """A request's bytes, as small a client as there is would send them."""
        body = b"" if value is None else write_json(value)
        fields = (("host", self.host), ("user-agent", "compare"), *headers)
        if value is not None:
            fields += (("content-type", "application/json"), ("content-length", str(len(body))))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in fields), "", ""]
        return "\r\n".join(lines).encode("latin-1") + body

    def send(self, method: str, path: str, headers: Headers = (), value: object = None) -> Response:
        """The answer. Raises OSError when there is none."""
        self.sent, self.received = self.message(method, path, headers, value), b""
        self.socket.sendall(self.sent)
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head = self.received.partition(b"\r\n\r\n")[0]
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = tuple((name, text) for name, _, text in (line.partition(": ") for line in lines))
        while len(self.received) < len(head) + 4 + int(dict(fields).get("content-length", 0)):
            self._receive()
        return Response(int(status.split(" ")[1]), self.received[len(head) + 4 :], fields)

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("a server closed the connection")
        self.received += data


@contextmanager
def serving(app: App, host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a server for this app, in a thread, while the block runs."""
    with Server(app, host, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.stop()
            thread.join()
