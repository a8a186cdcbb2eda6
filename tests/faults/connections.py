"""What becomes of connection 1,025? It is served; whoever holds most of the 1,024 places gives one up.

hog      one address holds them all, in silence or with half a request on each, and goes on coming while fifty honest
         newcomers ask, each from an address of its own: all of them are served
many     1,024 addresses hold one connection each, after one answer. The newcomers take the places of those that have
         been idle longest, and nobody else notices

After they have gone, everybody gets in. Once with whatever `ulimit -n` is, and once with a soft limit of 1,024, as
many systems have it, which the server has to raise.
"""

from __future__ import annotations

import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

from authref.serving.server import MAX_CONNECTIONS
from tests.faults.claims import CannotRun, Flags, claim
from tests.faults.client import Client, Unanswered
from tests.faults.processes import Server, health

NEEDED = 3 * MAX_CONNECTIONS  # files of this process, which holds the clients
NEWCOMERS = 50
HOG = "127.0.0.66"
HALF = b"GET /me HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "


def run(flags: Flags) -> Iterator[str]:
    """Hold them all, and let more come."""
    _raise_limit()
    for limit in ("-S -n 1024",) if flags.quick else ("", "-S -n 1024"):
        for said in (b"", HALF):
            with tempfile.TemporaryDirectory() as folder, Server(folder, limit=limit) as server:
                yield f"{_words(limit)}: {_hog(server, said)}"
        with tempfile.TemporaryDirectory() as folder, Server(folder, limit=limit) as server:
            yield f"{_words(limit)}: {_many(server)}"


def _words(limit: str) -> str:
    return f"ulimit {limit}" if limit else "no ulimit"


def _hog(server: Server, said: bytes) -> str:
    """One address against all others."""
    with ExitStack() as stack:

        def come() -> None:
            one = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10, (HOG, 0)))
            one.sendall(said)

        for _ in range(MAX_CONNECTIONS):
            come()
        refused, slowest = 0, 0.0
        for _ in range(NEWCOMERS):
            for _ in range(3):
                come()
            begun = time.monotonic()
            try:
                refused += health(server.port) != 200
            except Unanswered:
                refused += 1
            slowest = max(slowest, time.monotonic() - begun)
    words = "half a request on each" if said else "silent"
    claim(not refused, f"one address holds all places ({words}): {refused} of {NEWCOMERS} newcomers were refused")
    _end(server)
    return f"one address holds all {MAX_CONNECTIONS:,}, {words}: 0 of {NEWCOMERS} refused, slowest {slowest:.3f} s"


def _many(server: Server) -> str:
    """A thousand addresses with one connection each."""
    with ExitStack() as stack:
        held = [stack.enter_context(closing(Client(server.port))) for _ in range(MAX_CONNECTIONS)]
        for client in held:
            claim(client.ask("GET", "/").status == 200, "one of the first 1,024 was not served")
        for _ in range(NEWCOMERS):
            newcomer = stack.enter_context(closing(Client(server.port)))
            claim(newcomer.ask("GET", "/").status == 200, "a newcomer was not served")
        for client in held[NEWCOMERS:]:
            before = client.socket
            claim(client.ask("GET", "/").status == 200, "somebody who was in was not served any more")
            claim(client.socket is before, "somebody had to come again who had not been idle longest")
    again = _end(server)
    return f"{len(held):,} addresses hold one each: {NEWCOMERS} more served, each for the longest idle one; {again}"


def _end(server: Server) -> str:
    begun = time.monotonic()
    while health(server.port) != 200:
        claim(time.monotonic() - begun < 3, "after all have gone, nobody gets in")
    again = time.monotonic() - begun
    server.stop()
    return f"{again:.3f} s after all had gone a newcomer was in"


def _raise_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < NEEDED:
        raise CannotRun(f"it holds {MAX_CONNECTIONS:,} connections, and ulimit -Hn is {hard}")
    if 0 <= soft < NEEDED:
        resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED, hard))
