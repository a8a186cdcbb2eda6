"""python -m tests.benchmarks.sizes: what do 1, 10 and 100 million logins need? A table from this machine's own figures.

Rules of this file:
- each store is filled with living sessions and with token logins, each of a user of its own and with a browser's name,
  and asked how much it has grown: the process's memory (VmRSS), the pages of the SQLite file, Redis's used_memory;
- indexes count, for they are in it; accounts do not, they are there whoever is logged in;
- the figures for more are those of the largest size that was filled, multiplied;
- operations are verbs of maps, counted while the whole app answers: in Redis each is one way, and none of them scans.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from authref.maps import MemoryStore
from authref.passwords import COST, hash_password
from authref.refresh import Family, family_of, new_family
from authref.sessions import IDLE_LIFETIME, Session
from authref.users import User
from tests.benchmarks.processes import machine, redis_server
from tests.benchmarks.stores import BROWSER
from tests.support import Harness, body
from tests.test_maps import Watched

SIZES = (1_000, 100_000, 1_000_000)
MILLIONS = (1, 10, 100)
LOGINS = (1, 10, 100)  # a second
BATCH = 1000  # writes that Redis is told at once while it is filled
KINDS = {"session": Session, "token login": Family}


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.sizes")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="entries to fill in")
    sizes = parser.parse_args().sizes
    print(f"{', '.join(machine().values())}\n")
    grown = dict(_bytes(sizes))
    print(_table(["bytes an entry, indexes and all", *(f"{size:,}" for size in sizes)],
                 ([name, *(f"{each:,.0f}" for each in found)] for name, found in grown.items())))  # fmt: skip
    print(_table(["GiB", *(f"{millions} million" for millions in MILLIONS)],
                 ([name, *(f"{found[-1] * millions * 1e6 / 2**30:,.1f}" for millions in MILLIONS)]
                  for name, found in grown.items())))  # fmt: skip
    print(_table(["request", "operations", "which"], _operations()))
    began = time.process_time()
    hash_password("correct horse battery", COST)
    seconds = time.process_time() - began
    print(_table([f"logins a second, {seconds:.2f} s of hashing each (cost {COST})", "cores"],
                 ([str(rate), str(math.ceil(rate * seconds))] for rate in LOGINS)))  # fmt: skip


def _bytes(sizes: list[int]) -> Iterator[tuple[str, list[float]]]:
    """For each store and kind of entry the bytes of one, at each size."""
    with tempfile.TemporaryDirectory() as folder, redis_server() as redis_url:
        for store, url in (("memory", "memory"), ("SQLite", f"sqlite:{folder}/"), ("Redis", redis_url)):
            for kind in KINDS if url else ():
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                    yield f"{kind}, {store}", pool.submit(_fill, url, kind, sizes).result()


def _fill(url: str, kind: str, sizes: list[int]) -> list[float]:
    """The bytes of one entry, at each of the sizes."""
    store, size_of, flush = _open(url, kind)
    entries, empty, number, found = store.map(kind, KINDS[kind]), size_of(), 0, []
    for size in sizes:
        while number < size:
            key, value = _entry(kind, BROWSER.format(number % 40 + 100))
            entries[key] = value
            number += 1
            if number % BATCH == 0 or number == size:
                flush()
        found.append((size_of() - empty) / size)
    store.close()
    return found


def _open(url: str, kind: str) -> tuple[Any, Callable[[], int], Callable[[], object]]:
    """The store, what says how much is in it, and what sends off what it was told."""
    if url == "memory":
        page = os.sysconf("SC_PAGE_SIZE")
        return MemoryStore(), lambda: int(Path("/proc/self/statm").read_text().split()[1]) * page, list
    if url.startswith("sqlite:"):
        from tests.unflushed import UnflushedStore

        file = UnflushedStore(f"{url.removeprefix('sqlite:')}{kind}.db")
        pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        return file, lambda: int(file.read(pages)[0][0]), list
    from authref.stores.redis_store import RedisStore

    store = RedisStore(url, prefix=kind)
    pipeline = store._client.pipeline(transaction=False)
    store._scripts["set"].registered_client = pipeline
    return store, lambda: int(store._client.info("memory")["used_memory"]), pipeline.execute


def _entry(kind: str, browser: str) -> tuple[str, Session | Family]:
    """The key and the value of a login just made."""
    user, now = User(secrets.token_urlsafe(16), "user@example.com", "user", False, ""), time.time()
    if kind == "session":
        return secrets.token_hex(32), Session(user.id, 0, now, now, now + IDLE_LIFETIME, browser)
    family, token = new_family(user, browser, now)
    return family_of(token), family


class CountingStore(MemoryStore):
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


def _operations() -> Iterator[list[str]]:
    """For each request how often it asks the store, and for what."""
    harness = Harness(CountingStore, revocation="denylist")
    harness.sign_up()
    account = {"email": "alice@example.com", "password": "correct horse battery"}
    cookie, login = harness.cookie(), body(harness.send("POST", "/token/login", account))
    bearer, refresh = f"Bearer {login['token']}", {"refresh_token": login["refresh_token"]}
    store = harness.app.store
    assert isinstance(store, CountingStore)
    store.taken()
    for method, path, value, headers in (
        ("GET", "/me", None, {"cookie": cookie}),
        ("GET", "/token/me", None, {"authorization": bearer}),
        ("POST", "/login", account, {}),
        ("POST", "/token/login", account, {}),
        ("POST", "/token/refresh", refresh, {}),
        ("POST", "/token/logout", refresh, {}),
        ("POST", "/logout", None, {"cookie": cookie}),
    ):
        answer = harness.send(method, path, value, **headers)
        assert answer.status == 200, (path, answer.body)
        asked = store.taken()
        which = ", ".join(f"{count} {name}" if count > 1 else name for name, count in sorted(asked.items()))
        yield [f"{method} {path}", str(asked.total()), which]


def _table(heads: list[str], rows: Any) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
