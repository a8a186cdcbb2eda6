"""What does a session cost, in microseconds and in bytes, when there are a million of them?

Timed is all that stands between a request and its user: `Sessions.authenticate`, which reads the cookie, hashes the
id, looks up the session and then its user. The users stay in memory; the sessions are in the store.

Rules of this file:
- a process of its own for each store, so that its memory is nobody else's;
- in memory the sessions are made by `Sessions.log_in`, as the server makes them: unique random ids, one user each, a
  browser's name each (or none). Bytes are what the process grew by (VmRSS), not what Python says of its objects;
- in the other stores they are written straight into the map, and without what makes a write safe or answered (see
  `hurried`): that would take an hour, and changes nothing of what is read later;
- looked up are sessions chosen at random among 50,000 from the whole store, each by a request of its own: the caches of
  the processor help at a million as little as they would in life;
- the clock of `Sessions` stands still, so that no look-up happens to be the one in three minutes that writes.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import secrets
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from authref.events import Events
from authref.maps import Map, MemoryMap
from authref.sessions import IDLE_LIFETIME, Session, Sessions
from authref.users import Cost, Pointer, User, Users
from authref.wire import Request, Response
from tests.benchmarks.processes import redis_server

MEMORY, SQLITE, REDIS = "memory", "SQLite", "Redis"
REPEATS = 5
LOOKUPS = 10_000  # in each repeat
SAMPLE = 50_000  # ids that are kept to be looked up; their own weight is taken off
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)


def run(flags: Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """For each store and number of sessions the microseconds of a look-up; for memory the bytes of a session."""
    sizes = [1, 1000, flags.sessions]
    result: dict[str, Any] = {"sizes": sizes, "microseconds": {}, "bytes": {}}
    absent = {}
    with tempfile.TemporaryDirectory() as folder, redis_server() as redis_url:
        for store, url in ((MEMORY, "memory"), (SQLITE, f"sqlite:{folder}/sessions.db"), (REDIS, redis_url)):
            if url is None:
                absent[f"{store} look-up"] = "redis-server is missing"
                continue
            try:
                found = _apart(_look_up, url, sizes)
            except (ModuleNotFoundError, ValueError) as error:  # no authref.stores; no package for Redis
                absent[f"{store} look-up"] = str(error)
                continue
            result["microseconds"][store] = found["microseconds"]
            result["bytes"] |= found["bytes"]
            times = ", ".join(f"{us:.2f} µs" for us in found["microseconds"])
            print(f"look-up, {store:6} at {sizes}: {times}", flush=True)
    result["bytes"] |= _apart(_bytes_without_browser, flags.sessions)
    print(f"bytes of a session in memory: {result['bytes']}")
    return result, absent


def _apart(function: Any, *arguments: Any) -> Any:
    """What the function returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _look_up(url: str, sizes: Sequence[int]) -> dict[str, Any]:
    from authref.stores import open_store

    store = open_store(url, time.time)
    world = World(store.map("sessions", Session), sizes[-1])
    microseconds, sampled, before = [], [], _resident_bytes()
    every = max(1, sizes[-1] // SAMPLE)
    for size in sizes:
        with hurried(store) as flush:
            for number in range(world.filled, size):
                browser = BROWSER.format(number % 40 + 100)
                session_id = world.log_in(browser) if url == "memory" else world.write(browser)
                if number % every == 0 or number < sizes[1]:
                    sampled.append(session_id)
                if number % 1000 == 0:
                    flush()
        if size == sizes[-1]:
            grown = _resident_bytes() - before - sum(map(sys.getsizeof, sampled))
        microseconds.append(world.time_look_ups(sampled))
    kind = {"with a browser's name": grown / sizes[-1]}
    return {"microseconds": microseconds, "bytes": kind if url == "memory" else {}}


def _bytes_without_browser(size: int) -> dict[str, float]:
    world = World(MemoryMap(), size)
    before = _resident_bytes()
    for _ in range(size):
        world.log_in("")
    return {"without a browser's name": (_resident_bytes() - before) / size}


@contextmanager
def hurried(store: Any) -> Iterator[Callable[[], object]]:
    """While the block runs SQLite does not wait for the disk, and Redis is told many writes at once, by `flush`."""
    if hasattr(store, "borrow"):
        connection = store.borrow()
        connection.execute("PRAGMA synchronous = OFF")
        store.give_back(connection)  # one thread is always lent the same
        yield lambda: None
        connection.execute("PRAGMA synchronous = FULL")
    elif hasattr(store, "_client"):
        pipeline = store._client.pipeline(transaction=False)
        for script in store._scripts.values():
            script.registered_client = pipeline
        yield pipeline.execute
        pipeline.execute()
        for script in store._scripts.values():
            script.registered_client = store._client
    else:
        yield lambda: None


class World:
    """Users in memory, one for each session to come, and their sessions in the store."""

    def __init__(self, records: Map[Session], users: int) -> None:
        self.filled = 0
        self._records, accounts = records, MemoryMap[User]()
        self._users = [
            User(secrets.token_urlsafe(16), f"user{number}@example.com", "user", False, "2027-01-15T08:00:00Z")
            for number in range(users)
        ]
        for user in self._users:
            accounts[user.id] = user
        everybody = Users(accounts, MemoryMap[Pointer](), MemoryMap[Cost](), cost=4)
        self._start = time.time()
        self._sessions = Sessions(records, everybody, Events(None, "off").emit, now=lambda: self._start)

    def log_in(self, browser: str) -> str:
        """The id of a session, made as the server makes it."""
        headers = (("user-agent", browser),) if browser else ()
        answer = self._sessions.log_in(self._users[self.filled], Request("POST", "/login", headers))
        self.filled += 1
        return (answer.header("set-cookie") or "").partition("=")[2].partition(";")[0]

    def write(self, browser: str) -> str:
        """The id of a session, written into the map."""
        session_id, now = secrets.token_urlsafe(32), self._start
        session = Session(self._users[self.filled].id, 0, now, now, now + IDLE_LIFETIME, browser)
        self._records[hashlib.sha256(session_id.encode()).hexdigest()] = session
        self.filled += 1
        return session_id

    def time_look_ups(self, session_ids: Sequence[str]) -> float:
        """Microseconds of one, the median of the repeats."""
        authenticate, found = self._sessions.authenticate, []
        for _ in range(REPEATS):
            chosen = [secrets.choice(session_ids) for _ in range(LOOKUPS)]
            requests = [Request("GET", "/me", (("cookie", f"session={session_id}"),)) for session_id in chosen]
            if isinstance(authenticate(requests[0]), Response):
                raise RuntimeError("the store does not find its sessions")
            began = time.perf_counter()
            for request in requests:
                authenticate(request)
            found.append(1e6 * (time.perf_counter() - began) / LOOKUPS)
        return statistics.median(found)


def _resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
