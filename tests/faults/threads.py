"""What becomes of the threads that hash? They are had where they can be, and missed where they cannot.

nice     started with niceness 15 by a user who may not take that back: a login is answered all the same
few      a user who may have 60 threads (`ulimit -u`) where 128 are wished: it starts, and logs people in
none     a user who may have no thread: one sentence and status 2, with two workers too, which give up after a while

They need another user than root: root may have as many threads as it likes, and any niceness.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.claims import CannotRun, Flags, claim
from tests.faults.client import Client
from tests.test_cli import PROJECT, environment

USER = 61_003  # nobody's
FEW, GIVEN_UP = 60, 60.0
BECOME = f"""
import concurrent.futures, os, resource, sys, traceback
import authref.app, authref.serving.workers, authref.stores.sqlite_store
from authref.cli import main
niceness, threads = map(int, sys.argv[1:3])
os.nice(niceness)
resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
os.setgroups([])
os.setgid({USER})
os.setuid({USER})
sys.exit(main(sys.argv[3:]))
"""
LOGIN = {"email": "alice@example.com", "password": "correct horse battery"}


def run(flags: Flags) -> Iterator[str]:
    """Start it where threads are scarce."""
    if os.geteuid() != 0:
        raise CannotRun("it starts servers as another user, which only root may")
    for name, niceness, threads in (("niceness 15", 15, 1000), (f"{FEW} threads", 0, FEW)):
        with tempfile.TemporaryDirectory() as folder:
            yield f"{name}: {_log_in(folder, niceness, threads)}"
    for workers in ("1", "2"):
        with tempfile.TemporaryDirectory() as folder:
            flags_ = ("--workers", workers, "--store", f"sqlite:{folder}/db")
            begun = time.monotonic()
            with _started(folder, 0, 1 if workers == "1" else 3, *flags_) as process:
                try:
                    status = process.wait(GIVEN_UP)
                except subprocess.TimeoutExpired:
                    process.kill()
                    claim(False, f"{workers} worker(s) without threads: it goes on for ever: {_log(folder)[-300:]}")
            last = _log(folder).splitlines()[-1]
            claim(status == 2, f"without threads the status is {status}: {last}")
            claim(re.fullmatch(r"authref: [A-Z].*\.", last), f"without threads it says {last!r}")
            claim("Traceback" not in _log(folder), "without threads there is a traceback")
            yield f"no threads, {workers} worker(s): status 2 after {time.monotonic() - begun:.1f} s, {last!r}"


def _started(folder: str, niceness: int, threads: int, *flags: str) -> subprocess.Popen[bytes]:
    """A server that has become another user; what Python needs was loaded before, for that user may not read it."""
    os.chown(folder, USER, USER)
    words = [*map(str, (niceness, threads)), "--port", "0", "--bcrypt-cost", "4", "--quiet", *flags]
    with open(Path(folder, "log"), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", BECOME, *words], env=environment(PROJECT), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, cwd=folder,
        )  # fmt: skip


def _log(folder: str) -> str:
    return Path(folder, "log").read_text()


def _log_in(folder: str, niceness: int, threads: int) -> str:
    """Start, sign up, log in, stop."""
    with _started(folder, niceness, threads) as process:
        try:
            give_up = time.monotonic() + 20
            while not (found := re.search(r"sys_startup url=\"http://127\.0\.0\.1:(\d+)\"", _log(folder))):
                claim(process.poll() is None and time.monotonic() < give_up, f"it did not start: {_log(folder)[-300:]}")
                time.sleep(0.01)
            client = Client(int(found[1]), timeout=5.0)
            claim(client.ask("POST", "/signup", LOGIN).status == 201, "nobody can sign up")
            claim(client.ask("POST", "/login", LOGIN).status == 200, "nobody can log in")
            running = len(os.listdir(f"/proc/{process.pid}/task")) - 1
            begun = time.monotonic()
            process.terminate()
            claim(process.wait(10) == 0, "SIGTERM does not end it")
        finally:
            process.kill()
    return f"{running} threads log people in; SIGTERM ended it after {time.monotonic() - begun:.2f} s"
