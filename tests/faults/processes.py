"""Who is broken here? A server of authref and one of Redis, as real processes that can be killed and started again.

Only processes that were started here are ever signalled, by their ids.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.claims import Broken, CannotRun, claim, eventually
from tests.faults.client import Client, Unanswered
from tests.test_cli import PROJECT, environment

START_SECONDS = 20.0  # on a busy machine


class Server:
    """`python -m authref` with these flags, in a process group of its own; it can be started many times."""

    def __init__(self, folder: str, *flags: str, limit: str = "", **variables: str) -> None:
        self.flags = ("--port", "0", "--bcrypt-cost", "4", "--quiet", *flags)
        self._limit = ["sh", "-c", f'ulimit {limit} && exec "$@"', "sh"] if limit else []
        self._tree = Path(os.environ.get("AUTHREF_FAULTS_TREE", PROJECT))  # another checkout shows what was mended
        self._environment, self._log = environment(self._tree, **variables), Path(folder, "authref.log")
        self._seen = 0  # bytes of the log that earlier starts wrote
        self.port = 0
        self.slowest_start = 0.0

    def launch(self) -> None:
        """Begin to start it; `start` waits too."""
        self._seen = self._log.stat().st_size if self._log.exists() else 0
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                [*self._limit, sys.executable, "-m", "authref", *self.flags],
                env=self._environment, cwd=self._tree, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def start(self) -> None:
        """Start it, and return when it serves."""
        begun = time.monotonic()
        self.launch()
        pattern = re.compile(r"sys_startup url=\"http://127\.0\.0\.1:(\d+)\"")
        while not (found := pattern.search(self.log)):
            claim(self.process.poll() is None, f"the server did not start: {self.log.strip()}")
            claim(time.monotonic() - begun < START_SECONDS, "the server did not start in time")
            time.sleep(0.002)
        self.port = int(found[1])
        self.slowest_start = max(self.slowest_start, time.monotonic() - begun)

    @property
    def log(self) -> str:
        """What it has written since it was started last."""
        with open(self._log, "rb") as log:
            log.seek(self._seen)
            return log.read().decode("utf-8", "replace")

    def kill(self) -> None:
        """kill -9 for the whole group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        eventually(lambda: not self.family(), 5, "a killed process lives on")

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 10.0) -> float:
        """Send the signal; the seconds until it ended, with status 0, nothing left and nothing untoward in the log."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.await_end(within)
        return time.monotonic() - begun

    def await_end(self, within: float = 10.0) -> None:
        """Return when it has ended as it should. Raises Broken."""
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Broken(f"the server did not end within {within:g} s") from None
        claim(status == 0, f"the server ended with status {status}: {self.log[-500:]}")
        claim(not self.family(), "a worker outlived the first process")
        self.check_log()

    def check_log(self) -> None:
        """Raise Broken if a request crashed."""
        for word in ("Traceback", "sys_crash"):
            found = re.search(rf".*{word}(.|\n)*", self.log)
            claim(not found, f"the server's log says: {found[0][:1500] if found else ''}")

    def family(self) -> list[int]:
        """The ids of all its processes that live: those of its group."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            state, _, group = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it has ended meanwhile
            return False
        return int(group) == self.process.pid and state not in "ZX"  # dead and not yet buried

    def workers(self) -> list[int]:
        """The ids of the processes that the first one has started."""
        return [pid for pid in self.family() if pid != self.process.pid]

    def cpu_seconds(self) -> float:
        """What all its processes have used so far."""
        ticks = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        """How many descriptors the first process holds."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.kill()


class Redis:
    """A Redis of our own, on a port that stays its own, which keeps what it has confirmed."""

    def __init__(self, folder: str, *flags: str, password: str | None = None) -> None:
        if not shutil.which("redis-server"):
            raise CannotRun("there is no redis-server here; install it: apt-get install redis-server")
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise CannotRun("the package redis is missing; install it: pip install redis") from None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
            "--rdbcompression", "no", "--logfile", str(Path(folder, "redis.log")),
            *(("--requirepass", password) if password else ()), *flags,
        ]  # fmt: skip
        self._client = redis.Redis(port=self.port, socket_timeout=10, retry=Retry(NoBackoff(), 0), password=password)
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, *flags: str) -> None:
        """Begin to start it."""
        self.process = subprocess.Popen([*self._command, *flags], stdin=subprocess.DEVNULL)

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.launch()
        eventually(self.answers, 10, "redis-server did not start")

    def command(self, *words: str) -> Any:
        """What it answers."""
        return self._client.execute_command(*words)  # type: ignore[no-untyped-call]

    def shut_down(self) -> None:
        """SHUTDOWN NOSAVE: all it keeps is in its log of writes."""
        with suppress(Exception):  # it closes the connection instead of an answer
            self.command("SHUTDOWN", "NOSAVE")
        assert self.process
        self.process.wait(10)

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL, SIGSTOP or SIGCONT."""
        assert self.process
        self.process.send_signal(number)
        if number is signal.SIGKILL:
            self.process.wait()

    def prepare_slow_start(self, seconds: float) -> list[str]:
        """The flags with which a start would load for about so long what is in it now."""
        self.command("BGREWRITEAOF")  # one entry for each key, and the delay is for each entry
        eventually(lambda: self._is_rewritten(), 10, "Redis did not rewrite its log")
        delay = int(seconds * 1e6 / self.command("DBSIZE"))
        return ["--key-load-delay", str(delay), "--loading-process-events-interval-bytes", "1024"]

    def _is_rewritten(self) -> bool:
        return int(self.command("INFO", "persistence")["aof_rewrite_in_progress"]) == 0

    def answers(self) -> bool:
        """True if it can be asked."""
        with suppress(Exception):
            return bool(self._client.ping())
        return False

    def __enter__(self) -> Redis:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._client.close()


@contextmanager
def small_disk(folder: str, size: str) -> Iterator[Path]:
    """A file system of this size while the block runs."""
    place = Path(folder, "disk")
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "authref-faults", str(place)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotRun(f"it mounts a small file system, which only root may ({done.stderr.strip()})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def health(port: int) -> int:
    """The status of GET /health; 0 without an answer."""
    client = Client(port)
    try:
        return client.ask("GET", "/health").status
    except Unanswered:
        return 0
    finally:
        client.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
