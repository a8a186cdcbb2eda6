"""Is what was acknowledged still there after `kill -9`? Killed at any moment under load, with SQLite as the store.

The server is started, all that happened since the last start is checked, the customers go on, the whole process
group is killed after 50 to 400 ms; and so on. At the end everything of all starts is checked once more. In four
variants: with each list for ending access tokens, with one process and with two.

A second part kills the very first start, while the database and the key file are made.
"""

from __future__ import annotations

import fnmatch
import os
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.faults.claims import Flags, claim
from tests.faults.load import ACKNOWLEDGED, Book, Crowd
from tests.faults.processes import Server

VARIANTS = tuple((revocation, workers) for workers in (1, 2) for revocation in ("denylist", "allowlist"))


def run(flags: Flags) -> Iterator[str]:
    """Kill it while it serves, then while it starts for the first time."""
    with ThreadPoolExecutor(2) as pool:  # starting takes one core
        shares = [flags.times // 4 + (number < flags.times % 4) for number in range(4)]
        counts: Counter[str] = Counter()
        slowest = 0.0
        for found, start in pool.map(lambda share, variant: _under_load(share, *variant), shares, VARIANTS):
            counts += found
            slowest = max(slowest, start)
        figures = ", ".join(f"{counts[name]:,} {name}" for name in ACKNOWLEDGED)
        yield f"{flags.times} kills, {figures} acknowledged, 0 lost"
        yield (
            f"{counts['unanswered']:,} requests in flight, each happened whole or not at all as far as one write goes;"
            f" slowest start {slowest:.2f} s"
        )
        times = flags.rounds(40, 10)
        drafts = sum(pool.map(lambda number: _first_start(number % 2 + 1), range(times)))
        yield f"{times} kills in the very first start: the next one works; {drafts} drafts of a key file left over"


def _under_load(times: int, revocation: str, workers: int) -> tuple[Counter[str], float]:
    """What was counted, and the slowest start in seconds."""
    book = Book(revocation)
    with tempfile.TemporaryDirectory() as folder, Crowd(book, 6) as crowd:
        store = ("--store", f"sqlite:{folder}/authref.db", "--workers", str(workers), "--revocation", revocation)
        server = Server(folder, *store)
        for _ in range(times):
            with server:
                book.port = server.port
                crowd.check()
                crowd.begin()
                crowd.pause(random.uniform(0.05, 0.4))
                server.check_log()
                server.kill()
                crowd.end()
        with server:
            book.port = server.port
            crowd.check(everything=True)
            server.stop()
    claim(not book.counts["503s"], f"{book.counts['503s']} answers were 503, though the disk was there all the time")
    claim(2 * book.counts["sign-ups"] >= times, "the customers hardly came to do anything")
    return book.counts, server.slowest_start


def _first_start(workers: int) -> int:
    """Kill a first start at any moment, often just when a file is made; then start it in earnest: drafts left over."""
    book = Book()
    with tempfile.TemporaryDirectory() as folder, Crowd(book, 1) as crowd:
        path = Path(folder, "authref.db")
        server = Server(folder, "--store", f"sqlite:{path}", "--workers", str(workers), "--revocation", "denylist")
        server.launch()
        random.choice((_wait, partial(_await_file, folder, "authref.db"), partial(_await_file, folder, "*.keys*")))()
        server.kill()
        with server:
            book.port = server.port
            crowd.begin()
            crowd.pause(0.1)
            crowd.end()
            crowd.check()
            server.stop()
        with sqlite3.connect(path) as connection:
            claim(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the database is damaged")
        return len(list(Path(folder).glob("authref.db.keys.*")))


def _wait() -> None:
    time.sleep(random.uniform(0, 0.5))


def _await_file(folder: str, pattern: str) -> None:
    """Return a moment after there is such a file."""
    deadline = time.monotonic() + 10
    while not fnmatch.filter(os.listdir(folder), pattern) and time.monotonic() < deadline:
        pass
    time.sleep(random.choice((0, random.uniform(0, 0.02))))
