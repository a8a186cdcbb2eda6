"""python -m tests.benchmarks.sizes: what do 1, 10 and 100 million logins need? Tables from this machine's own figures.

Rules of this file:
- each store is filled with living sessions and with token logins, each of a user of its own and with a browser's name,
  and asked how much it has grown: the process's memory (VmRSS), the pages of the SQLite file, Redis's used_memory;
  indexes count. Redis is filled with as many accounts, too;
- operations are verbs of maps, counted while the whole app answers. What they cost Redis is what its process says that
  it used of its core (INFO cpu), and how many commands it ran (INFO commandstats), scripts and all in them;
- that is measured at each size, for requests that come alone: on a busy host those that wait are asked together;
- the figures for more are those of the largest size that was filled, multiplied;
- what people do is assumed, below, and nothing else is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import re
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from authref.app import App
from authref.devices import DeviceKey
from authref.maps import Store
from authref.passwords import COST, hash_password
from authref.refresh import ACCESS_LIFETIME, LIFETIME, Family, family_of, new_family
from authref.sessions import IDLE_LIFETIME, TOUCH_INTERVAL, Session
from authref.stores.redis_store import _COMMON, RedisStore
from authref.users import Pointer, User
from authref.wire import Request, Response
from tests.basics import Clock
from tests.benchmarks.processes import machine, redis_server
from tests.benchmarks.stores import BROWSER
from tests.support import Harness, body
from tests.test_maps import Watched

SIZES = (1_000, 100_000, 1_000_000)
MILLIONS = (1, 10, 100)
LOGINS = (1, 10, 100, 1_000)  # a second
BATCH = 200  # entries that are filled in at once
PATIENCE = 60.0  # seconds for an answer of a Redis that is being filled
FILL = "for at = 2, #ARGV, 2 do put(ARGV[at], ARGV[at + 1]) end"
REPEATS = 400  # requests of a kind, for what one costs Redis
ROUND = 64  # requests that are answered together
TOGETHER = ("GET /me", "GET /token/me")
TOGETHER_GET = f"get, {ROUND} at once"
PASSWORD = "correct horse battery"

# What people do.
ASKS_EVERY = 60  # seconds between two requests of a living login
SESSION_LASTS = 8 * 60 * 60  # seconds from login to logout
TOKEN_LOGIN_LASTS = LIFETIME
# What one machine for Redis has.
NODE_MEMORY = 48  # GiB for data: three quarters of 64, for it copies what changes while it writes a file
NODE_CORE = 0.7  # of the one core that it uses: beyond that requests wait for each other

ABOUT = f"""# What millions of logins need

Made by `python -m tests.benchmarks.sizes`; the rows for millions are the figures at the most entries, multiplied.

{{}}

Times are what Redis used of its core, not what a client waits.

Assumed: a living login asks each {ASKS_EVERY} s. A session is ended after {SESSION_LASTS // 3600} hours, a token login
after {TOKEN_LOGIN_LASTS // 86400} days. Each has an account of its own, and the deny list is on. A machine for Redis
has {NODE_MEMORY} GiB for data, and is asked for {NODE_CORE:.0%} of the one core that Redis uses.
"""

BEGIN = time.time()
MAPS: dict[str, type[Any]] = {
    "sessions": Session, "families": Family, "users": User, "addresses": Pointer, "devices": DeviceKey,
}  # fmt: skip
KINDS = {"session": ("sessions",), "token login": ("families",), "account": ("users", "addresses", "devices")}

Found = dict[str, list[float]]  # for each name a figure at each size


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.sizes")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="entries to fill in")
    parser.add_argument(
        "--raw", type=Path, metavar="FILE", help="what was measured; a run that broke off goes on from it"
    )
    flags = parser.parse_args()
    sizes = flags.sizes
    heads = [f"{size:,}" for size in sizes]
    print(ABOUT.format(", ".join(machine().values())))
    grown = {
        f"{kind}, {store}": _kept(flags.raw, f"{kind}, {store}, {sizes}", partial(_grown, store, kind, sizes))
        for store in ("memory", "SQLite")
        for kind in ("session", "token login")
    }
    redis = Redis(**_kept(flags.raw, f"Redis, {sizes}", lambda: vars(Filling(sizes).found)))
    grown |= {f"{kind}, Redis": found for kind, found in redis.grown.items()}
    print(_table(["bytes an entry, indexes and all", *heads], _rows(grown, "{:,.0f}")))
    giga = {name: [found[-1] * each * 1e6 / 2**30 for each in MILLIONS] for name, found in grown.items()}
    print(_table(["GiB", *(f"{each} million" for each in MILLIONS)], _rows(giga, "{:,.1f}")))
    operations = dict(_operations())
    print(_table(["request", "operations", "which"],
                 ([name, str(asked.total()), _which(asked)] for name, asked in operations.items())))  # fmt: skip
    print(_table(["request", "sent to Redis", "commands run there", *(f"µs of its core at {size}" for size in heads),
                  "a second on one node"],
                 ([name, f"{redis.sent[name]:,.2f}", f"{redis.commands[name]:,.2f}",
                   *(f"{each * 1e6:,.0f}" for each in found), f"{NODE_CORE / found[-1]:,.0f}"]
                  for name, found in redis.seconds.items())))  # fmt: skip
    print(f"One node runs {redis.gets:,.0f} `GET` a second for 50 connections (redis-benchmark, on this machine).\n")
    verbs = {verb: [each * 1e6 for each in found] for verb, found in redis.verbs.items()}
    print(_table(["verb of the map `sessions`", *(f"µs of its core at {size}" for size in heads)],
                 _rows(verbs, "{:,.1f}")))  # fmt: skip
    hashing = _seconds_of_a_hash()
    print(_table([f"logins a second, {hashing:.2f} s of hashing each (cost {COST})", "cores"],
                 ([f"{rate:,}", str(math.ceil(rate * hashing))] for rate in LOGINS)))  # fmt: skip
    print(_table(["living", "requests a second", "logins a second", "cores for hashing", "GiB on Redis",
                  "cores of Redis, asked alone", f"{ROUND} at once", "nodes' worth"],
                 _needs(redis, hashing)))  # fmt: skip
    breaks = _breaks(redis, operations)
    print(_table(["map", "bytes a login", "one node holds, million logins", "serves, asked alone", f"{ROUND} at once"],
                 breaks))  # fmt: skip
    for kind in USES:
        memory, core = NODE_MEMORY / _memory(redis, kind, 1e6), NODE_CORE / _cores(redis, kind, 1e6)
        limit = "memory" if memory < core else "core"
        print(f"One node for all maps is full at {min(memory, core):,.1f} million {kind}s, by its {limit}.")
    print(f"Beyond that each map needs a node of its own, and {breaks[0][0]} breaks first. authref keeps all on one.")


def _needs(redis: Redis, hashing: float) -> Iterator[list[str]]:
    """For each number of living logins what they need, with their accounts."""
    for kind, uses in USES.items():
        for millions in MILLIONS:
            living = millions * 1_000_000
            logins = living * sum(rate for name, rate in uses.items() if name.endswith("/login"))
            memory, together = _memory(redis, kind, living), _cores(redis, kind, living)
            alone = living * sum(rate * redis.seconds[name][-1] for name, rate in uses.items())
            yield [f"{millions} million {kind}s", f"{living * sum(uses.values()):,.0f}", f"{logins:,.1f}",
                   str(math.ceil(logins * hashing)), f"{memory:,.1f}", f"{alone:,.2f}", f"{together:,.2f}",
                   str(math.ceil(max(memory / NODE_MEMORY, together / NODE_CORE)))]  # fmt: skip


def _memory(redis: Redis, kind: str, living: float) -> float:
    """GiB, with the accounts."""
    return living * (redis.grown[kind][-1] + redis.grown["account"][-1]) / 2**30


def _cores(redis: Redis, kind: str, living: float) -> float:
    """Of Redis, when requests that can be are answered together."""
    return living * sum(rate * _least(redis.seconds, name) for name, rate in USES[kind].items())


def _breaks(redis: Redis, operations: dict[str, Counter[str]]) -> list[list[str]]:
    """For each map how many million logins fill one node with it alone, the first to break first."""
    rows = []
    for name in (*MAPS, "denials", "counters"):
        together = max(_spent(name, uses, operations, lambda verb: _least(redis.verbs, verb)) for uses in USES.values())
        alone = max(_spent(name, uses, operations, lambda verb: redis.verbs[verb][-1]) for uses in USES.values())
        size = redis.grown_map.get(name, [0.0])[-1]
        limits = [NODE_MEMORY * 2**30 / size if size else math.inf,
                  *(NODE_CORE / each if each else math.inf for each in (alone, together))]  # fmt: skip
        told = ["–" if each == math.inf else f"{each / 1e6:,.1f}" for each in limits]
        rows.append((min(limits[0], limits[2]), [f"`{name}`", f"{size:,.0f}" if size else "–", *told]))
    return [row for _, row in sorted(rows, key=lambda found: found[0])]


def _spent(
    name: str, uses: dict[str, float], operations: dict[str, Counter[str]], cost: Callable[[str], float]
) -> float:
    """What one living login takes of the core that this map lies on: the seconds of each second."""
    return sum(
        rate * count * cost(asked.removeprefix(f"{name}."))
        for request, rate in uses.items()
        for asked, count in operations[request].items()
        if asked.startswith(f"{name}.")
    )


def _least(found: Found, name: str) -> float:
    """The figure at the largest size for those that are asked together, where they can be."""
    return found.get(f"{name}, {ROUND} at once", found[name])[-1]


USES: dict[str, dict[str, float]] = {  # requests of one living login, a second
    "session": {
        "GET /me": 1 / ASKS_EVERY - 1 / TOUCH_INTERVAL,
        "GET /me, noting that it was used": 1 / TOUCH_INTERVAL,
        "POST /login": 1 / SESSION_LASTS,
        "POST /logout": 1 / SESSION_LASTS,
    },
    "token login": {
        "GET /token/me": 1 / ASKS_EVERY,
        "POST /token/refresh": 1 / ACCESS_LIFETIME,
        "POST /token/login": 1 / TOKEN_LOGIN_LASTS,
        "POST /token/logout": 1 / TOKEN_LOGIN_LASTS,
    },
}


def _kept(path: Path | None, name: str, measure: Callable[[], Any]) -> Any:
    """What was measured before and written down there, or is now."""
    known = json.loads(path.read_text()) if path and path.exists() else {}
    if name not in known:
        known[name] = measure()
        if path:
            path.write_text(json.dumps(known, indent=1))
    return known[name]


def _grown(store: str, kind: str, sizes: list[int]) -> list[float]:
    """The bytes of one login of this kind in this store, at each size: in a process of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        return pool.submit(_fill, store, folder, kind, sizes).result()


def _fill(name: str, folder: str, kind: str, sizes: list[int]) -> list[float]:
    """The bytes of one entry, at each of the sizes."""
    store, size_of = _open(name, f"{folder}/{kind}.db")
    maps, empty, filled, found = [(each, store.map(each, MAPS[each])) for each in KINDS[kind]], size_of(), 0, []
    for size in sizes:
        for each, entries in maps:
            for batch in _batches(each, filled, size):
                _write(store, entries, batch)
        filled = size
        found.append((size_of() - empty) / size)
    store.close()
    return found


def _batches(name: str, first: int, end: int) -> Iterator[list[tuple[str, Any]]]:
    """What is to be filled into this map, some at a time."""
    for start in range(first, end, BATCH):
        yield [_entry(name, number) for number in range(start, min(start + BATCH, end))]


def _write(store: Any, entries: Any, batch: list[tuple[str, Any]]) -> None:
    """All of it at once, where the store can: one by one it would take an hour."""
    if isinstance(store, RedisStore):
        texts = [text for key, value in batch for text in (key, entries._codec.write(value))]
        store._scripts["fill"](keys=[entries._prefix], args=[repr(BEGIN), *texts])
    elif type(store) is Store:
        for key, value in batch:
            entries[key] = value
    else:
        with store.writing() as connection:
            for key, value in batch:
                entries._put(connection, key, None, value)


def _open(name: str, path: str) -> tuple[Store, Callable[[], int]]:
    """The store, and what says how much is in it."""
    if name == "memory":
        page = os.sysconf("SC_PAGE_SIZE")
        return Store(), lambda: int(Path("/proc/self/statm").read_text().split()[1]) * page
    from tests.unflushed import UnflushedStore

    file = UnflushedStore(path)
    pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    return file, lambda: int(file.read(pages)[0][0])


def _random(what: str, number: int, size: int) -> str:
    """Text that looks random, the same whenever it is asked for."""
    digest = hashlib.blake2b(f"{what} {number}".encode(), digest_size=size).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _entry(name: str, number: int) -> tuple[str, Any]:
    """The key and the value in this map of a login just made."""
    user_id, browser = _random("user", number, 16), BROWSER.format(number % 40 + 100)
    email = f"user{number}@example.com"
    user = User(user_id, email, "user", False, "2026-01-01T00:00:00Z", f"$2b$12${'x' * 53}")
    if name == "sessions":
        key = hashlib.sha256(_random("session", number, 32).encode()).hexdigest()
        return key, Session(user_id, 0, BEGIN, BEGIN, BEGIN + IDLE_LIFETIME, browser)
    if name == "families":
        family, token = new_family(user, browser, BEGIN)
        return family_of(token), family
    if name == "users":
        return user_id, user
    return (email, Pointer(user_id)) if name == "addresses" else (user_id, DeviceKey(user_id, secrets.token_hex(32)))


@dataclass
class Redis:
    """What was found in a Redis of our own, at each size."""

    grown_map: Found = field(default_factory=dict)  # bytes of an entry
    seconds: Found = field(default_factory=dict)  # of its core, for a request
    verbs: Found = field(default_factory=dict)  # for a verb of a map
    sent: dict[str, float] = field(default_factory=dict)  # how often a request asks it
    commands: dict[str, float] = field(default_factory=dict)  # what it then runs
    gets: float = 0.0  # a second

    @property
    def grown(self) -> Found:
        """The bytes of an entry of each kind."""
        kinds = {kind: [self.grown_map[name] for name in names] for kind, names in KINDS.items()}
        return {kind: [sum(sizes) for sizes in zip(*found, strict=True)] for kind, found in kinds.items()}


class Filling:
    """Fills it, and measures."""

    def __init__(self, sizes: list[int]) -> None:
        self.found, filled = Redis(), 0
        with redis_server() as url, mock.patch("authref.stores.redis_store.TIMEOUT", PATIENCE):
            if url is None:
                raise SystemExit("redis-server is missing.")
            self._url = url
            self._store = self._open(lambda: BEGIN)
            self._client = self._store._client
            self._store._scripts["fill"] = self._client.register_script(_COMMON + FILL)
            for size in sizes:
                for name in MAPS:
                    self._grow(name, filled, size)
                self._ask(size)
                self._look(size)
                filled = size
            self._store.close()
            self.found.gets = _gets_a_second(url)

    def _open(self, now: Callable[[], float]) -> RedisStore:
        return RedisStore(self._url, now)

    def _grow(self, name: str, filled: int, size: int) -> None:
        """Fill the map up to this size."""
        entries, before = self._store.map(name, MAPS[name]), self._client.info("memory")["used_memory"]
        for batch in _batches(name, filled, size):
            _write(self._store, entries, batch)
        found = self.found.grown_map.setdefault(name, [])
        grown = self._client.info("memory")["used_memory"] - before
        found.append(((found[-1] * filled if found else 0) + grown) / size)

    def _ask(self, size: int) -> None:
        """What each request costs it."""
        clock, answers = Clock(BEGIN), list[Response]()
        harness = Harness(self._open, now=clock, revocation="denylist")
        app, names = harness.app, range(size, size + REPEATS)
        for name, requests in _requests(harness, clock, names, answers):
            if name == "GET /me":  # of people from everywhere in the map
                requests = [_get_me("session=" + _random("session", size * n // REPEATS, 32)) for n in range(REPEATS)]
            self._note(name, lambda requests=requests: answers.extend(map(app, requests)))
            if name in TOGETHER:
                self._note(f"{name}, {ROUND} at once", partial(_together, app, requests))

    def _note(self, name: str, call: Callable[[], object]) -> None:
        seconds, self.found.sent[name], self.found.commands[name] = self._used(call, REPEATS)
        self.found.seconds.setdefault(name, []).append(seconds)

    def _look(self, size: int) -> None:
        """What each verb of a map costs it."""
        entries: Any = self._store.map("sessions", Session)
        old = dict(_entry("sessions", size * number // REPEATS) for number in range(REPEATS))
        new = [_entry("sessions", 10**9 + size + number) for number in range(2 * REPEATS)]
        keys = [f"{entries._prefix}entry:{key}" for key in old]
        verbs: dict[str, Callable[[], object]] = {
            "get": lambda: [entries.get(key) for key in old],
            TOGETHER_GET: lambda: [self._client.mget(keys[n : n + ROUND]) for n in range(0, REPEATS, ROUND)],
            "owned_by": lambda: [entries.owned_by(value.user_id) for value in old.values()],
            "replace": lambda: [entries.replace(key, value, replace(value, last_seen=BEGIN + 1.5))
                                for key, value in old.items()],
            "set": lambda: [entries.__setitem__(key, value) for key, value in new[:REPEATS]],
            "setdefault": lambda: [entries.setdefault(key, value) for key, value in new[REPEATS:]],
            "pop": lambda: [entries.pop(key) for key, _ in new[:REPEATS]],
        }  # fmt: skip
        for verb, call in verbs.items():
            self.found.verbs.setdefault(verb, []).append(self._used(call, REPEATS)[0])
        for key, _ in new:
            entries.pop(key)
        for key, value in old.items():
            entries[key] = value

    def _used(self, call: Callable[[], object], count: int) -> tuple[float, float, float]:
        """For one of so many: the seconds of its core, how often it was asked, and the commands that it ran."""
        before = self._said()
        call()
        found = [after - earlier for after, earlier in zip(self._said(), before, strict=True)]
        return found[0] / count, (found[1] - 1) / count, (found[2] - 1) / count  # one of them is INFO

    def _said(self) -> tuple[float, float, float]:
        about = self._client.info("all")
        commands = sum(each["calls"] for name, each in about.items() if name.startswith("cmdstat_"))
        return about["used_cpu_user"] + about["used_cpu_sys"], about["total_reads_processed"], commands


def _together(app: App, requests: list[Request]) -> None:
    """Answer them, so many in one round."""
    for first in range(0, len(requests), ROUND):
        some = requests[first : first + ROUND]
        found = app.together([lambda request=request: app(request).body for request in some])
        assert all(each and b'"user"' in each for each in found), found


def _gets_a_second(url: str) -> float:
    """What redis-benchmark says; 0 without it."""
    if not shutil.which("redis-benchmark"):
        return 0.0
    command = ["redis-benchmark", "-p", str(urlsplit(url).port), "-t", "get", "-n", "200000", "-c", "50", "--csv"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r'"GET","([0-9.]+)"', said)
    return float(found[1]) if found else 0.0


class CountingStore(Store):
    """Maps whose verbs are counted."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self.maps: dict[str, Watched[Any]] = {}

    def map(self, name: str, kind: type[Any]) -> Any:
        return self.maps.setdefault(name, Watched(super().map(name, kind)))

    def taken(self) -> Counter[str]:
        """What was asked since the last time."""
        found = Counter(f"{name}.{verb}" for name, each in self.maps.items() for verb, _ in each.calls)
        for each in self.maps.values():
            each.calls.clear()
        return found


def _operations() -> Iterator[tuple[str, Counter[str]]]:
    """For each request what it asks the store for, and how often."""
    clock, answers = Clock(BEGIN), list[Response]()
    harness = Harness(CountingStore, now=clock, revocation="denylist")
    store = harness.app.store
    assert isinstance(store, CountingStore)
    for name, [request] in _requests(harness, clock, range(1), answers):
        store.taken()
        answers.append(harness.app(request))
        yield name, store.taken()


def _requests(
    harness: Harness, clock: Clock, numbers: range, answers: list[Response]
) -> Iterator[tuple[str, list[Request]]]:
    """The requests of each kind that these people send; the caller puts the answers into the list."""
    accounts = [{"email": f"caller{number}@example.com", "password": PASSWORD} for number in numbers]
    for account in accounts:
        harness.sign_up(account["email"])

    def made(method: str, path: str, headers: list[tuple[str, str]], values: list[dict[str, str]]) -> list[Request]:
        assert all(answer.status == 200 for answer in answers), answers
        answers.clear()
        kind = [("content-type", "application/json")] if values else []
        bodies = [json.dumps(value).encode() for value in values] or [b""] * len(accounts)
        return [
            Request(method, path, (*([headers[n]] if headers else []), *kind), text) for n, text in enumerate(bodies)
        ]

    yield "POST /login", made("POST", "/login", [], accounts)
    cookies = [("cookie", (answer.header("set-cookie") or "").partition(";")[0]) for answer in answers]
    yield "GET /me", made("GET", "/me", cookies, [])
    clock.advance(TOUCH_INTERVAL + 1)
    yield "GET /me, noting that it was used", made("GET", "/me", cookies, [])
    yield "POST /token/login", made("POST", "/token/login", [], accounts)
    logins = [body(answer) for answer in answers]
    yield (
        "GET /token/me",
        made("GET", "/token/me", [("authorization", f"Bearer {each['token']}") for each in logins], []),
    )
    clock.advance(2)
    refresh = [{"refresh_token": each["refresh_token"]} for each in logins]
    yield "POST /token/refresh", made("POST", "/token/refresh", [], refresh)
    refresh = [{"refresh_token": body(answer)["refresh_token"]} for answer in answers]
    yield "POST /token/logout", made("POST", "/token/logout", [], refresh)
    yield "POST /logout", made("POST", "/logout", cookies, [])


def _get_me(cookie: str) -> Request:
    return Request("GET", "/me", (("cookie", cookie),))


def _seconds_of_a_hash() -> float:
    """Of a core, for one password."""
    found = []
    for _ in range(5):
        began = time.process_time()
        hash_password(PASSWORD, COST)
        found.append(time.process_time() - began)
    return statistics.median(found)


def _which(asked: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in sorted(asked.items()))


def _rows(found: Found, pattern: str) -> Iterable[list[str]]:
    return ([name, *(pattern.format(each) for each in figures)] for name, figures in found.items())


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
