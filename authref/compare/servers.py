"""How do three servers start, and how do they surely end?

Rules of this file:
- each is `python -m authref` on a free port, a process of its own; they share a key ring and, perhaps, a store;
- all of them end with the block that started them, however that ends;
- each also watches a pipe that only we hold open. So it ends even if we are killed with no chance to tidy up;
- whoever lends us a store finds it afterwards without our accounts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex

import authref
from authref.compare.lab import COST, make_app, remove
from authref.keys import fresh_keys, write_keys
from authref.stores import open_store

_CHILD = """
import sys, authref.compare.servers, authref.cli
authref.compare.servers.end_unwatched()
sys.exit(authref.cli.main(sys.argv[1:]))
"""


class Process:
    """One server, and the address of somebody who may have an account there until it ends."""

    def __init__(self, store: str, keys: str) -> None:
        # What the reader's own shell has set for a server is not for ours. The store goes this way, for it may hold
        # a password, and everybody can list the flags.
        kept = {name: text for name, text in os.environ.items() if not name.startswith("AUTHREF_")}
        path = os.pathsep.join(filter(None, [str(Path(authref.__file__).parent.parent), kept.get("PYTHONPATH")]))
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _CHILD, "--port", "0", "--log", "off", "--bcrypt-cost", str(COST)],
            env={**kept, "PYTHONPATH": path, "AUTHREF_KEYS": keys, "AUTHREF_STORE": store},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us; we end the server then
        )
        self.url, self.email = "", f"{token_hex(8)}@compare.example"

    def wait_until_ready(self) -> None:
        """Learn the URL. Raises ValueError, in a sentence, if the server does not start."""
        banner = next(iter(self._process.stdout or ()), "").split()
        if len(banner) < 3:
            reason = " ".join(self.kill().split()) or "it said nothing"
            raise ValueError(f"A server of this comparison did not start ({reason}); mend that, or try again.")
        self.url = banner[2]

    def kill(self) -> str:
        """End it with no warning, as a crash does; what it had to complain about."""
        self._process.kill()
        return self._process.communicate()[1] if self._process.stdin and not self._process.stdin.closed else ""


@contextmanager
def processes(number: int, store: str) -> Iterator[Sequence[Process]]:
    """So many servers, starting, with one fresh key ring; after the block none, and none of their accounts."""
    started: list[Process] = []
    keys = write_keys(fresh_keys())
    try:
        for _ in range(number):
            started.append(Process(store, keys))
        yield started
    finally:
        for process in started:
            process.kill()
        with closing(open_store(store)) as opened:
            app = make_app(opened)
            for process in started:
                remove(app, process.email)


def end_unwatched() -> None:
    """End this process, the one that a Process runs in, as soon as nobody holds the other end of its input."""

    def watch() -> None:
        sys.stdin.read()  # nothing is ever written: it returns when whoever started us has gone
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
