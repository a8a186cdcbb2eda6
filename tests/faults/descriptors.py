"""What if the system gives out no more file descriptors? The server may open 200, and 300 clients come.

Those who are in go on being served, the others wait at the door, and the server does not spin meanwhile: what it
computes is read from /proc. When some leave, others get in. With SQLite, whose file then cannot be opened by every
thread, each answer is right or a 503 with Retry-After.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from tests.faults.claims import Flags, claim
from tests.faults.client import TIMEOUT, Client, Unanswered
from tests.faults.load import ACKNOWLEDGED, Book, Crowd
from tests.faults.processes import Server

FILES, CLIENTS = 200, 300
IDLE_SHARE = 0.10  # of a core, at most, while all are waiting
ADMITTED = 2.0  # seconds until somebody who waited is in
PLACES = 10  # customers; when they have gone, so many others get in at once
IDLE = 10.0  # seconds: after 15 the server closes who says nothing
KEPT = 3  # of those who are served stay to the end
UNANSWERED = 2.0  # seconds: whoever has no answer by then is outside; a busy machine is late by tenths of one


def run(flags: Flags) -> Iterator[str]:
    """With what is in memory, and with SQLite."""
    for store in ("memory", "sqlite"):
        with tempfile.TemporaryDirectory() as folder:
            where = f"sqlite:{folder}/authref.db" if store == "sqlite" else store
            book = Book("denylist")
            with Crowd(book, PLACES, moving=False) as crowd:
                start = ("--store", where, "--revocation", book.revocation)
                with Server(folder, *start, limit=f"-n {FILES}") as server:
                    yield f"{store}: {_exhaust(server, crowd, flags)}"
                    server.stop()
                if store == "sqlite":
                    with Server(folder, *start) as server:
                        book.port = server.port
                        crowd.check(everything=True)
                        yield f"sqlite: {book.said(*ACKNOWLEDGED)} acknowledged, 0 lost"


def _exhaust(server: Server, crowd: Crowd, flags: Flags) -> str:
    book = crowd.book
    book.port = server.port
    crowd.begin()
    crowd.pause(0.3)  # the customers are in before the others come
    clients = [Client(server.port) for _ in range(CLIENTS)]
    served = _come(clients)
    claim(len(served) < CLIENTS, "descriptors were left for all")
    for client in clients[len(served) :]:
        client.connect()  # the system lets them in as far as the door
    before = Counter(book.counts)
    crowd.pause(flags.rounds(3, 1))
    meanwhile = book.counts - before
    claim(meanwhile["right answers"] > 10, "those who were in were not served any more")
    asked = time.monotonic()
    for client in served[:KEPT]:
        claim(client.ask("GET", "/").status == 200, "somebody who was in was not served any more")
    crowd.end()
    share = _share_of_a_core(server, flags.rounds(3, 1))
    claim(share < IDLE_SHARE, f"the server computes for {share:.0%} of the time while all are waiting")
    waiting = clients[len(served) + PLACES]
    begun = time.monotonic()
    for client in clients:  # all of them: those who wait, too, would take the places of those who leave
        if client is not waiting and client not in served[:KEPT]:
            client.close()
    claim(_is_served(waiting), "somebody who came later was not served")
    admitted = time.monotonic() - begun
    claim(admitted < ADMITTED, f"after others had left, somebody waited {admitted:.1f} s to get in")
    if time.monotonic() - asked < IDLE:
        for client in served[:KEPT]:
            claim(client.ask("GET", "/").status == 200, "somebody who was in was not served any more")
    for client in clients:
        client.close()
    return (
        f"{len(served)} of {CLIENTS} got in; then {meanwhile['right answers']} right answers and {meanwhile['503s']}"
        f" times 503 for those who were; {share:.1%} of a core while all wait; in {admitted:.2f} s after others left"
    )


def _is_served(waiting: Client) -> bool:
    """True if a client that has waited is answered; one that was let in meanwhile, and was idle too long, asks anew."""
    with suppress(Unanswered):
        return waiting.ask("GET", "/").status == 200
    return waiting.ask("GET", "/").status == 200


def _come(clients: list[Client]) -> list[Client]:
    """Let all connect and ask; those who were answered. The first to wait tells that the others would wait too."""
    served = []
    for client in clients:
        client.connect().settimeout(UNANSWERED)
        try:
            claim(client.ask("GET", "/").status == 200, "an answer other than 200")
        except Unanswered:
            break
        client.connect().settimeout(TIMEOUT)
        served.append(client)
    return served


def _share_of_a_core(server: Server, seconds: float) -> float:
    before = server.cpu_seconds()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / seconds
