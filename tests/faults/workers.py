"""What do the others notice when one of several processes dies? SQLite, `--workers 2`, customers on both.

a worker     kill -9 under load: clients of the other notice nothing, those of the dead one come again, it is
             replaced; a few times, and at the end all stop
the first    kill -9 of the process that started the others: they end by themselves, and the port is free
Ctrl-C       SIGINT to the whole group, as a terminal sends it: all end, with status 0
"""

from __future__ import annotations

import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from tests.faults.claims import Broken, Flags, claim, eventually
from tests.faults.client import Client, Unanswered
from tests.faults.load import ACKNOWLEDGED, Book, Crowd, Customer
from tests.faults.processes import Server, health

REPLACED = 3.0  # seconds until there are two again
ENDED = 5.0  # seconds until all have ended


def run(flags: Flags) -> Iterator[str]:
    """Kill a worker, the first process, and everybody."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, "--store", f"sqlite:{folder}/authref.db", "--workers", "2", "--revocation", "denylist")
        book = Book("denylist")
        # Not moving: who comes again comes to another process, and the question is who had to.
        with server, Crowd(book, 8, moving=False) as crowd:
            book.port = server.port
            yield _kill_workers(server, crowd, flags.rounds(6, 2))
        yield f"{book.said(*ACKNOWLEDGED)} acknowledged, 0 lost"
        first = max(_end(server, _kill_the_first) for _ in range(flags.rounds(10, 3)))
        yield f"the first process killed: its workers ended by themselves, the slowest after {first:.2f} s"
        together = max(_end(server, _ctrl_c) for _ in range(flags.rounds(10, 3)))
        yield f"Ctrl-C to the whole group: status 0, all ended after {together:.2f} s at most"


def _kill_workers(server: Server, crowd: Crowd, times: int) -> str:
    broken, unharmed, slowest = 0, 0, 0.0
    for number in range(times):
        eventually(lambda: len(server.workers()) == 2, REPLACED, "there are not two workers")
        workers = server.workers()
        serving = _spread(crowd, workers)
        breaks = {customer: customer.breaks for customer in serving}
        victim = workers[number % 2]
        os.kill(victim, signal.SIGKILL)
        is_replaced = partial(_is_replaced, server, workers)
        slowest = max(slowest, eventually(is_replaced, REPLACED, "a dead worker is not replaced"))
        crowd.pause(0.3)
        for customer, worker in serving.items():
            if worker != victim:
                claim(customer.breaks == breaks[customer], "a client of the other process had no answer")
                unharmed += 1
            broken += customer.breaks - breaks[customer]
        crowd.end()
    claim(unharmed, "no client was served by the other process, so nothing was seen")
    claim(broken, "no client was served by the process that was killed, so nothing was seen")
    claim("sys_worker_died" in server.log, "the log does not tell of it")
    claim(not crowd.book.counts["503s"], "somebody got 503")
    crowd.check()
    server.stop()
    return (
        f"{times} workers killed: {broken} requests of their clients without an answer, none of {unharmed} clients of"
        f" the others noticed; replaced after {slowest:.2f} s at most; at the end all stopped"
    )


def _spread(crowd: Crowd, workers: list[int]) -> dict[Customer, int]:
    """Let the customers begin, and again, until each worker serves some of them; who is served by which."""
    for _ in range(50):
        crowd.begin()
        crowd.pause(0.3)
        found = {each: _served_by(each.client, workers) for each in crowd.customers}
        serving = {each: worker for each, worker in found.items() if worker is not None}
        if set(serving.values()) == set(workers):
            return serving
        crowd.end()
    raise Broken("one of the processes lets nobody in")


def _is_replaced(server: Server, before: list[int]) -> bool:
    """True once a new process lets clients in."""
    now = server.workers()
    with closing(Client(server.port)) as client, suppress(Unanswered):
        client.ask("GET", "/")
        return len(now) == 2 and _served_by(client, now) not in (None, *before)
    return False


def _end(server: Server, how: Callable[[Server], None]) -> float:
    """The seconds until all had ended; under load, and sometimes while they only begin."""
    book = Book("denylist")
    with server, Crowd(book) as crowd:
        book.port = server.port
        crowd.begin()
        crowd.pause(random.uniform(0, 0.4))
        begun = time.monotonic()
        how(server)
        took = time.monotonic() - begun
        crowd.end()
        server.check_log()
        claim(health(server.port) == 0, "somebody still listens")
        claim(not book.cut, "an answer was cut")
    return took


def _kill_the_first(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    eventually(lambda: not server.family(), ENDED, "workers outlive the first process")


def _ctrl_c(server: Server) -> None:
    os.killpg(server.process.pid, signal.SIGINT)
    server.await_end(ENDED)


def _served_by(client: Client, workers: list[int]) -> int | None:
    """The process that holds the other end of the client's connection, as /proc tells."""
    connection = client.socket
    if connection is None:
        return None
    try:
        address, own_port = connection.getsockname()
    except OSError:  # it was closed just now
        return None
    remote = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{own_port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[2] == remote and fields[1].endswith(f":{client.port:04X}"):
            return next((pid for pid in workers if _holds(pid, f"socket:[{fields[9]}]")), None)
    return None


def _holds(pid: int, name: str) -> bool:
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):  # the process has just ended
        for file in os.listdir(folder):
            with suppress(OSError):  # the file was closed just now
                if os.readlink(f"{folder}/{file}") == name:
                    return True
    return False
