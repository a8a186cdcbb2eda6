"""Is anybody left with half an answer when the server is told to stop? SIGTERM under load, many times.

Each request that was begun is answered in full, or its connection ends without a byte of an answer; what was answered
is there at the next start; the server ends with status 0 within seconds, though others hold idle connections, and its
log holds no traceback. With what is in memory, with SQLite, and with SQLite and two processes.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator

from tests.faults.claims import Flags, claim
from tests.faults.client import Client
from tests.faults.load import Book, Crowd
from tests.faults.processes import Server

SECONDS = 5.0  # to end


def run(flags: Flags) -> Iterator[str]:
    """Stop each of the three."""
    for name, workers in (("memory", 1), ("sqlite", 1), ("sqlite", 2)):
        slowest, answers, unanswered = 0.0, 0, 0
        with tempfile.TemporaryDirectory() as folder:
            store = f"sqlite:{folder}/authref.db" if name == "sqlite" else name
            server = Server(folder, "--store", store, "--workers", str(workers), "--revocation", "allowlist")
            book = Book("allowlist")
            for _ in range(flags.rounds(10, 1)):
                ended = _stop_under_load(server, book, name == "sqlite")
                slowest = max(slowest, ended)
            answers, unanswered = book.counts["right answers"], book.counts["unanswered"]
        yield (
            f"{name}, {workers} process(es): {flags.rounds(10, 1)} stop(s), status 0, slowest"
            f" {slowest:.2f} s; {answers:,} whole answers, {unanswered} requests without a byte of one, 0 cut"
        )


def _stop_under_load(server: Server, book: Book, keeps: bool) -> float:
    """The seconds until it ended."""
    with Crowd(book, 12) as crowd, server:
        book.port = server.port
        crowd.begin()
        idle = [Client(server.port) for _ in range(20)]
        for client in idle:
            client.ask("GET", "/")
        crowd.pause(random.uniform(0.2, 0.6))
        ended = server.stop(within=SECONDS)
        crowd.end()
        claim(not book.cut, f"an answer was cut: {book.cut[:1]}")
        claim("sys_shutdown" in server.log, "the log does not tell of the end")
        for client in idle:
            claim(client.connect().recv(1) == b"", "somebody idle got an answer to nothing")
            client.close()
        if keeps:
            with server:
                book.port = server.port
                crowd.check()
                server.stop()
    return ended
