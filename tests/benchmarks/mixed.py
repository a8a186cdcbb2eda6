"""What happens to the many who read while some log in? Reads and logins at once, with real hashes (bcrypt, cost 10).

90 of 100 requests are GET /me, 9 GET /token/me, 1 is POST /login, by somebody else than the reader: the oldest of 20
sessions goes. wrk's p99 covers all of them, logins too, which are slow on purpose and are every hundredth request. So
one more client asks GET /me now and then on a connection of its own, and its p99 is that of the readers.
"""

from __future__ import annotations

import json
import threading
import time
from argparse import Namespace
from http.client import HTTPConnection
from typing import Any

from tests.benchmarks.field import Contestant
from tests.benchmarks.processes import Running, machine, started
from tests.benchmarks.versions import versions
from tests.benchmarks.wrk import check_tools, wrk

BOB = {"email": "bob@example.com", "password": "staple battery horse"}
COST = 10
PROBE_INTERVAL = 0.01  # seconds


def run(flags: Namespace) -> dict[str, Any]:
    """One run against authref, free on all CPUs."""
    check_tools()
    contestant = Contestant.authref(f"authref, bcrypt cost {COST}", "--bcrypt-cost", str(COST))
    with started(contestant, pinned=False) as server:
        server.sign_up(BOB)
        credentials = server.credentials()
        cookie, bearer = credentials["/me"]["Cookie"], credentials["/token/me"]["Authorization"]
        probe = Probe(server, cookie)
        probe.start()
        row = wrk(
            server,
            "/me",
            {},
            seconds=flags.mixed_seconds,
            connections=flags.connections,
            script="mixed.lua",
            arguments=(cookie, bearer, json.dumps(BOB)),
        )
        probe.finish()
        row |= {"server": contestant.name, "reads": probe.summary(), "memory": server.peak_megabytes()}
    reads = row["reads"]
    print(f"mixed {row['rate']:.0f}/s, {row['failed']} failed, p99 {row['p99']:.1f} ms; GET /me alone: {reads}")
    return {"machine": machine(), "flags": vars(flags), "mixed": row, "versions": versions()}


class Probe(threading.Thread):
    """One more reader, who notes how long each answer took."""

    def __init__(self, server: Running, cookie: str) -> None:
        super().__init__()
        self._connection, self._cookie = HTTPConnection("127.0.0.1", server.port, timeout=30), cookie
        self._finished = threading.Event()
        self._milliseconds: list[float] = []
        self._failed = 0

    def run(self) -> None:
        while not self._finished.wait(PROBE_INTERVAL):
            began = time.perf_counter()
            self._connection.request("GET", "/me", headers={"Cookie": self._cookie})
            answer = self._connection.getresponse()
            answer.read()
            self._milliseconds.append(1000 * (time.perf_counter() - began))
            self._failed += answer.status != 200

    def finish(self) -> None:
        """Ask no more."""
        self._finished.set()
        self.join()
        self._connection.close()

    def summary(self) -> dict[str, float]:
        """How many, how many failed, and milliseconds."""
        sorted_ = sorted(self._milliseconds)
        return {
            "requests": len(sorted_),
            "failed": self._failed,
            "p50": round(sorted_[len(sorted_) // 2], 3),
            "p99": round(sorted_[len(sorted_) * 99 // 100], 3),
            "max": round(sorted_[-1], 3),
        }
