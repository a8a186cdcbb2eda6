"""What does somebody read whose store is not there at the start? One sentence and exit status 2, never a traceback.

Each case starts `python -m authref` as its user would; a few at once. With `--admin-email`, which writes to the
store before anything is served, and without.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from authref.keys import fresh_keys, write_keys
from tests.faults.claims import Flags, claim
from tests.faults.processes import Redis, free_port, small_disk
from tests.test_cli import PROJECT, environment

SECONDS = 15.0  # for a start that fails: Redis gets 2 s to connect and 2 s to answer, Python a few to begin
NOBODY = 65534
# Everything is imported by root, who may read it; then nobody starts the program.
AS_NOBODY = f"""
import os, sys, authref.app, authref.cli, authref.serving.server, authref.stores.sqlite_store, authref.serving.workers
os.setgid({NOBODY}); os.setuid({NOBODY})
sys.exit(authref.cli.main())
"""


@dataclass(frozen=True)
class Case:
    """A store that is not there, and what the sentence must say."""

    name: str
    store: str
    pattern: str
    as_nobody: bool = False
    only_with_admin: bool = False  # else it is noticed at the first request


def run(flags: Flags) -> Iterator[str]:
    """All cases for both kinds of store."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.chmod(folder, 0o755)  # for nobody
        cases = [*_files(folder, stack), *_servers(folder, stack)]
        with ThreadPoolExecutor(2) as pool:
            tasks = [(case, admin) for case in cases for admin in (False, True) if admin or not case.only_with_admin]
            slowest = max(pool.map(_start, tasks))
    yield f"{len(tasks)} starts without {len(cases)} kinds of store: status 2, one sentence; slowest {slowest:.1f} s"


def _files(folder: str, stack: ExitStack) -> Iterator[Case]:
    yield Case("a missing folder", f"sqlite:{folder}/missing/a.db", "No such file")
    os.mkdir(f"{folder}/a folder")
    yield Case("a folder", f"sqlite:{folder}/a folder", "no ordinary file")
    unreadable = _file(folder, "unreadable.db", b"")
    yield Case("an unreadable file", f"sqlite:{unreadable}", "may not be read and written", as_nobody=os.geteuid() == 0)
    if os.geteuid() != 0:
        unreadable.chmod(0)
    public = _file(folder, "public.db", b"")
    public.chmod(0o644)
    yield Case("a file that others may read", f"sqlite:{public}", "chmod 600")
    yield Case("no database", f"sqlite:{_file(folder, 'text.db', b'a text, ' * 1000)}", "not a database")
    for name, statement, pattern in (
        ("foreign", "CREATE TABLE recipes (name TEXT)", "another program"),
        ("newer", f"PRAGMA application_id = {0x61757468}; PRAGMA user_version = 99", "newer authref"),
    ):
        path = _file(folder, f"{name}.db", b"")
        connection = sqlite3.connect(path)
        connection.executescript(statement)
        connection.close()
        yield Case(f"a {name} database", f"sqlite:{path}", pattern)
    device = "/dev/null"
    yield Case("no file at all", f"sqlite:{device}", "no ordinary file")
    disk = stack.enter_context(small_disk(folder, "1m"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    yield Case("a read-only disk", f"sqlite:{disk}/a.db", "Read-only file system")


def _file(folder: str, name: str, content: bytes) -> Path:
    path = Path(folder, name)
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def _servers(folder: str, stack: ExitStack) -> Iterator[Case]:
    yield Case("nobody listens", f"redis://127.0.0.1:{free_port()}/0", "Redis.*refused")
    yield Case("no such host", "redis://redis.invalid:6379/0", "Redis")
    yield Case("no such socket", f"unix://{folder}/redis.sock", "Redis")
    silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    yield Case("it says nothing", f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "Redis.*[Tt]ime")
    os.mkdir(f"{folder}/locked")
    locked = stack.enter_context(Redis(f"{folder}/locked", password="secret"))
    yield Case("no password", locked.url, "Redis.*authenticate")
    wrong = locked.url.replace("//", "//:wrong@")
    yield Case("a wrong password", wrong, "Redis.*(WRONGPASS|invalid username-password)")
    locked.command("ACL", "SETUSER", "guest", "on", ">guest", "~*", "+info", "+set", "+hello", "+client")
    guest = locked.url.replace("//", "//guest:guest@")
    yield Case("a user who may do little", guest, "NoPermission", only_with_admin=True)
    os.mkdir(f"{folder}/replica")
    replica = stack.enter_context(Redis(f"{folder}/replica"))
    replica.command("REPLICAOF", "127.0.0.1", "1")
    yield Case("a replica", replica.url, "Redis.*read.only")
    os.mkdir(f"{folder}/loading")
    loading = stack.enter_context(Redis(f"{folder}/loading"))
    for number in range(1000):
        loading.command("SET", str(number), "x" * 1000)
    delay = loading.prepare_slow_start(60)
    loading.signal(signal.SIGKILL)
    loading.launch(*delay)
    yield Case("it loads", loading.url, "Redis.*loading")


def _start(task: tuple[Case, bool]) -> float:
    """Start the program; the seconds until it ended as it should. Raises Broken."""
    case, admin = task
    flags = ["--port", "0", "--bcrypt-cost", "4", *(["--admin-email", "root@example.com"] if admin else [])]
    program = ["-c", AS_NOBODY] if case.as_nobody else ["-m", "authref"]
    keys = {} if case.store.startswith("sqlite:") else {"AUTHREF_KEYS": write_keys(fresh_keys())}
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, *program, *flags], env=environment(PROJECT, AUTHREF_STORE=case.store, **keys),
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"").decode() if isinstance(late.stderr, bytes) else late.stderr
        claim(False, f"{case.name}: still there after {SECONDS:g} s: {said}")
        raise
    claim(done.returncode == 2, f"{case.name}: status {done.returncode}: {done.stderr[-800:]}")
    one_sentence = re.fullmatch(rf"authref: [^\n]*{case.pattern}[^\n]*\n", done.stderr)
    claim(one_sentence, f"{case.name}: not one sentence with {case.pattern!r}: {done.stderr}")
    claim("wrong@" not in done.stderr, f"{case.name}: the password is on the screen")
    return time.monotonic() - begun
