"""How do the two servers of the course start, and how do they surely end?

Rules of this file:
- each is a process of its own on a free port of loopback, started by its command: chapter one, and the whole of it;
- its clock is ours: it is put ahead where time has to pass;
- both end with the block that started them, however that ends. Each also watches a pipe that only we hold open,
  so that it ends even if we are killed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from secrets import token_urlsafe

import authref
from authref.attacks.client import address_of
from authref.attacks.scene import Account, Target
from authref.keys import fresh_keys, write_keys

COST = 8  # of bcrypt: 16 ms instead of a quarter of a second, for hundreds of logins
_CHILD = f"""
import bcrypt, os, sys, threading, time
clock, ahead, salt = time.time, [0.0], bcrypt.gensalt
time.time = lambda: clock() + ahead[0]
bcrypt.gensalt = lambda rounds={COST}: salt(rounds)  # for chapter one, which names no cost
def watch():
    for line in sys.stdin:
        ahead[0] += float(line)
        print("put", flush=True)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
import authref.cli
sys.exit(authref.cli.main(sys.argv[1:]))
"""

# What gets through and is meant to: the price of a choice, said by the one who made it.
_TOKEN = "a token is looked up nowhere (--revocation none), so it is good until it ends, 15 minutes at most"  # noqa: S105
PRICES = {
    "sign-up-tells": "addresses are not confirmed by mail, so signing up must say that one is taken; it is counted",
    "refresh-reuse-at-once": "two tabs, or an answer that got lost: within a minute a second use is a retry",
    "token-after-logout": _TOKEN,
    "token-after-password-change": _TOKEN,
    "token-after-disable": _TOKEN,
    "token-after-delete": _TOKEN,
    "token-after-key-change": "an older key verifies until it is taken out of the ring, so that a change ends no login",
}
TINY_PRICES = {"token-after-logout": "nothing is kept that could be forgotten, so a token ends soon: 15 minutes"}


@contextmanager
def tiny() -> Iterator[Target]:
    """Chapter one, as it is, while the block runs."""
    with _process(["tiny", "--port", "0"]) as lines:
        said = ""
        for line in lines.read:
            said += line
            if found := re.search(r"^ ?(admin@\S+) password (\S+)$", line):
                port = re.findall(r"127\.0\.0\.1:(\d+)", said)[0]
                admin = Account(found[1], found[2])
                address = address_of(f"http://127.0.0.1:{port}")
                yield Target("tiny", address, admin=admin, ours=True, prices=TINY_PRICES, wait=lines.wait)
                return
        raise ValueError("Chapter one did not start; start it yourself to see why: authref tiny --port 0")


@contextmanager
def whole(
    root: Path | None = None, cost: int = COST, more: Sequence[str] = (), keys: Mapping[str, bytes] | None = None
) -> Iterator[Target]:
    """The whole server while the block runs; from another folder's copy of the package, if one is named."""
    admin, keys = Account("root@attack.example", token_urlsafe(16)), keys or fresh_keys()
    flags = ["--port", "0", "--log", "off", "--bcrypt-cost", str(cost), "--admin-email", admin.email, *more]
    variables = {"AUTHREF_ADMIN_PASSWORD": admin.password, "AUTHREF_KEYS": write_keys(keys)}
    with _process(flags, variables, root) as lines:
        banner = next(lines.read, "").split()
        if len(banner) < 3:
            raise ValueError("The server did not start; start it yourself to see why: authref --port 0")
        key = next(iter(keys.values()))
        yield Target(
            "authref", address_of(f"http://127.0.0.1:{banner[2].rpartition(':')[2]}"), admin=admin, key=key, ours=True,
            prices=PRICES, wait=lines.wait, another=partial(whole, root, cost),
        )  # fmt: skip


@contextmanager
def both() -> Iterator[list[Target]]:
    """The two of them."""
    with ExitStack() as stack:
        with ThreadPoolExecutor(2) as pool:
            targets = list(pool.map(stack.enter_context, (tiny(), whole())))
        yield targets


class _Child:
    """A command that runs: what it prints, and its clock."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._clock, self.read = process.stdin, iter(process.stdout or ())

    def wait(self, seconds: float) -> None:
        """Put its clock ahead by so many seconds."""
        print(seconds, file=self._clock, flush=True)
        while next(self.read, "put\n") != "put\n":
            pass


@contextmanager
def _process(
    arguments: Sequence[str], variables: Mapping[str, str] | None = None, root: Path | None = None
) -> Iterator[_Child]:
    """A command of authref, while it runs."""
    # What the reader's own shell has set for a server is not for ours.
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AUTHREF_")}
    place = str(root or Path(authref.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [place, kept.get("PYTHONPATH")]))
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-c", _CHILD, *arguments],
        env={**kept, **(variables or {}), "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; we end the server then
    )
    try:
        yield _Child(process)
    finally:
        process.kill()
        process.communicate()
