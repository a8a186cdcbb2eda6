"""What the x-ray costs: `python -m tests.benchmarks.xray`.

A watched `GET /me` against a plain one in this process, alternating; what the feed takes in memory; the bytes of the
page; and how long a start takes until the page answers.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from authref import xray
from authref.app import Settings, build
from authref.wire import Request, Response
from authref.xray.recorder import MAX_EXCHANGES
from authref.xray.world import World
from tests.basics import PASSWORD, TEST_COST

ROUNDS, REQUESTS = 7, 2000
HOST = ("host", "localhost")


def main() -> None:
    """Print the figures."""
    world, plain = World(Settings(bcrypt_cost=TEST_COST)), build(Settings(bcrypt_cost=TEST_COST))
    watched, unwatched = _visit(world.answer), _visit(plain)
    ratios = [_seconds(world.answer, watched) / _seconds(plain, unwatched) for _ in range(ROUNDS)]
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"a watched GET /me costs {statistics.median(ratios):.1f} x a plain one ({spread})")
    tracemalloc.start()
    world.begin()
    watched = _visit(world.answer)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(MAX_EXCHANGES):
        world.answer(watched)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    print(f"{len(world.recorder)} exchanges take {taken / 2**20:.0f} MB")
    files = sorted(Path(xray.__file__).parent.glob("page.*"))
    print(f"the page has {sum(path.stat().st_size for path in files) / 1024:.0f} KB in {len(files)} files")
    print(f"ready after {statistics.median(_start() for _ in range(5)):.2f} s")


def _visit(app: Callable[[Request], Response]) -> Request:
    """A GET /me with a living session."""
    data = json.dumps({"email": "a@example.com", "password": PASSWORD}).encode()
    framing = (HOST, ("content-type", "application/json"), ("content-length", str(len(data))))
    app(Request("POST", "/signup", framing, data))
    cookie = (app(Request("POST", "/login", framing, data)).header("set-cookie") or "").partition(";")[0]
    return Request("GET", "/me", (HOST, ("user-agent", "curl/8.5.0"), ("accept", "*/*"), ("cookie", cookie)))


def _seconds(app: Callable[[Request], Response], request: Request) -> float:
    started = time.process_time()
    for _ in range(REQUESTS):
        app(request)
    return time.process_time() - started


def _start() -> float:
    """Seconds from the start of the program to the page's first byte."""
    started = time.monotonic()
    command = [sys.executable, "-m", "authref", "--xray", "--port", "0", "--log", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout
        try:
            address = next(line.split()[-1] for line in server.stdout if "/xray/" in line)
            with urlopen(address) as page:  # noqa: S310
                page.read(1)
            return time.monotonic() - started
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
