"""What does a server use? Started here, asked what it does before anything is timed, and read from /proc.

Rules of this file:
- a server counts with all its processes: workers and masters too;
- a server that does not answer as the others do is not measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.benchmarks.field import Contestant, free_port

ALICE = {"email": "alice@example.com", "password": "correct horse battery"}
USER_FIELDS = {"id", "email", "role", "disabled", "created_at"}
START_SECONDS = 30
SERVER_CPU, CLIENT_CPU = 0, 1  # when pinned apart


class NotTheSame(Exception):
    """The server does not answer as all of them must."""


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    contestant: Contestant
    process: subprocess.Popen[bytes]
    port: int

    def cpu_seconds(self) -> float:
        """What the server has used so far, in user and system mode."""
        ticks = 0
        for pid in _tree(self.process.pid):
            fields = _proc(pid, "stat").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if fields else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_megabytes(self) -> float:
        """The sum of its processes' largest resident sizes; what they share counts in each."""
        lines = [line for pid in _tree(self.process.pid) for line in _proc(pid, "status").splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

    def send(
        self, method: str, path: str, value: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """The status, the headers and the JSON (or None) of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = None if value is None else json.dumps(value).encode()
        content = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, body, {**content, **(headers or {})})
            answer = connection.getresponse()
            received = answer.read()
        finally:
            connection.close()
        is_json = "json" in (answer.getheader("content-type") or "")
        fields = {name.lower(): text for name, text in reversed(answer.getheaders())}
        return answer.status, fields, json.loads(received) if is_json else None

    def sign_up(self, account: dict[str, str]) -> None:
        """Make the account, if it is not there yet."""
        if self.contestant.needs_sign_up:
            status, _, _ = self.send("POST", "/signup", account)
            _demand(status in (201, 409), f"POST /signup answered {status}")

    def credentials(self) -> dict[str, dict[str, str]]:
        """Log in by both mechanisms: for each measured path, the header that opens it. Raises NotTheSame.

        Each path is asked with its header, without it, and with one that is wrong in a single character.
        """
        status, headers, _ = self.send("POST", "/login", ALICE)
        _demand(status == 200, f"POST /login answered {status}")
        cookie = headers.get("set-cookie", "").partition(";")[0]
        status, _, answer = self.send("POST", "/token/login", ALICE)
        _demand(status == 200, f"POST /token/login answered {status}")
        found = {"/me": {"Cookie": cookie}, "/token/me": {"Authorization": f"Bearer {answer['token']}"}}
        for path, header in found.items():
            status, _, answer = self.send("GET", path, headers=header)
            user = answer.get("user") if isinstance(answer, dict) else None
            right = isinstance(user, dict) and set(user) == USER_FIELDS and user["email"] == ALICE["email"]
            _demand(status == 200 and right, f"GET {path} answered {status}, {answer}")
            for bad in ({}, {name: _spoiled(text) for name, text in header.items()}):
                status, _, _ = self.send("GET", path, headers=bad)
                _demand(status == 401, f"GET {path} without its credential answered {status}")
        return found


@contextmanager
def started(contestant: Contestant, pinned: bool) -> Iterator[Running]:
    """The server, on a free port, while the block runs; pinned to one CPU or free. Raises NotTheSame."""
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in contestant.command]
    pin = ["taskset", "--cpu-list", str(SERVER_CPU)] if pinned else []
    foreign = {name: text for name, text in os.environ.items() if not name.startswith("AUTHREF_")}
    environment = {**foreign, **contestant.environment}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*pin, *command], cwd=contestant.folder, env=environment, stdout=output, stderr=output
        )
        try:
            running = Running(contestant, process, port)
            _await(running)
            running.sign_up(ALICE)
            running.credentials()
            yield running
        except NotTheSame as error:
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
            raise NotTheSame(f"{error} {said[-300:]}".strip()) from None
        finally:
            _stop(process)


@contextmanager
def redis_server(pinned: bool = False) -> Iterator[str | None]:
    """A Redis of our own, which writes nothing to disk: its URL while the block runs, or None without redis-server."""
    if not shutil.which("redis-server"):
        yield None
        return
    port = free_port()
    pin = ["taskset", "--cpu-list", str(SERVER_CPU)] if pinned else []
    command = [*pin, "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            _stop(process)


def machine() -> dict[str, str]:
    """What this machine is, for the report."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "CPU": f"{model}, {len(os.sched_getaffinity(0))} usable cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{os.uname().sysname} {os.uname().release}",
        "Python": sys.version.split()[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _await(running: Running) -> None:
    """Return once the server accepts connections."""
    deadline = time.monotonic() + START_SECONDS
    while running.process.poll() is None and time.monotonic() < deadline:
        try:
            running.send("GET", "/me")
            return
        except (OSError, HTTPException):
            time.sleep(0.05)
    raise NotTheSame("The server did not start.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    tree = _tree(process.pid)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        for pid in tree:  # its own processes, by their ids
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, 9)
        process.wait()


def _tree(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _proc(pid, f"task/{listing.parent.name}/children").split():
            found += _tree(int(child))
    return found


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it has just ended
        return ""


def _spoiled(credential: str) -> str:
    """The credential with its tenth character from the end replaced: in a token that is in the signature."""
    other = "A" if credential[-10] != "A" else "B"
    return credential[:-10] + other + credential[-9:]


def _demand(holds: bool, sentence: str) -> None:
    if not holds:
        raise NotTheSame(sentence)
