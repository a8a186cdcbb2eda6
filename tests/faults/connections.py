"""What becomes of connection 1,025? It hears 503 with Retry-After, and the 1,024 before it never notice.

1,024 clients hold a connection each, after one answer. Then more come, and go on coming; all that are held ask again.
After they have gone, everybody gets in. Once with whatever `ulimit -n` is, and once with a soft limit of 1,024, as
many systems have it, which the server has to raise.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

from authref.serving.server import MAX_CONNECTIONS
from tests.faults.claims import CannotRun, Flags, claim
from tests.faults.client import Client
from tests.faults.processes import Server, health

NEEDED = 3 * MAX_CONNECTIONS  # files of this process, which holds the clients
NEWCOMERS = 50


def run(flags: Flags) -> Iterator[str]:
    """Hold them all, and let more come."""
    _raise_limit()
    for limit in ("-S -n 1024",) if flags.quick else ("", "-S -n 1024"):
        with tempfile.TemporaryDirectory() as folder:
            yield f"ulimit {limit}: ".replace("ulimit :", "no ulimit:") + _hold(Server(folder, limit=limit))


def _hold(server: Server) -> str:
    with server, ExitStack() as stack:
        held = [stack.enter_context(closing(Client(server.port))) for _ in range(MAX_CONNECTIONS)]
        for client in held:
            claim(client.ask("GET", "/").status == 200, "one of the first 1,024 was not served")
        slowest = 0.0
        for _ in range(NEWCOMERS):
            newcomer, begun = Client(server.port), time.monotonic()
            answer = newcomer.ask("GET", "/me")
            slowest = max(slowest, time.monotonic() - begun)
            claim(answer.status == 503, f"connection 1,025 got {answer.status}")
            claim(answer.headers.get("retry-after", "").isdigit(), "connection 1,025 was not told when to come again")
            claim(answer.headers.get("connection") == "close", "connection 1,025 was not told that it is closed")
            newcomer.close()
        first = [client.socket for client in held]
        for client in held:
            claim(client.ask("GET", "/").status == 200, "somebody who was in was not served any more")
        claim([client.socket for client in held] == first, "somebody who was in had to come again")
        stack.close()
        begun = time.monotonic()
        while health(server.port) != 200:
            claim(time.monotonic() - begun < 3, "after all have gone, nobody gets in")
        again = time.monotonic() - begun
        server.stop()
    return (
        f"{len(held):,} held, each served twice on one connection; {NEWCOMERS} more got 503 with Retry-After within"
        f" {slowest:.3f} s; {again:.3f} s after all had gone a newcomer was in"
    )


def _raise_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < NEEDED:
        raise CannotRun(f"it holds {MAX_CONNECTIONS:,} connections, and ulimit -Hn is {hard}")
    if 0 <= soft < NEEDED:
        resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED, hard))
