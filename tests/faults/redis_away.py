"""Is anybody let in while Redis is away, and does authref come back by itself? Redis is broken in six ways under load.

    shutdown   SHUTDOWN NOSAVE, and a start some seconds later
    kill       kill -9, likewise: with appendfsync always nothing that was confirmed is lost
    hang       SIGSTOP: it takes connections and says nothing
    read-only  REPLICAOF a master that is not there
    full       maxmemory 1mb, noeviction
    loading    killed, started again and slow to read its data: it answers LOADING

authref is never restarted. Customers go on all the time: each answer is right or a 503 with Retry-After, and while
Redis certainly cannot be asked, nothing is a yes. Every 50 ms somebody asks /health.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from authref.keys import fresh_keys, write_keys
from tests.faults.claims import Flags, claim, eventually
from tests.faults.client import Client
from tests.faults.load import ACKNOWLEDGED, Book, Crowd, Customer
from tests.faults.processes import Redis, Server, health

NOTICED, RECOVERED = 5.0, 5.0  # seconds in which /health must say so
QUICK_ANSWER = 0.5  # seconds, for what asks no store


def run(flags: Flags) -> Iterator[str]:
    """All six in both modes that ask a list, the second one with two processes; then what needs no store."""
    counts: Counter[str] = Counter()
    for revocation, workers in (("denylist", 1), ("allowlist", 2)):
        with tempfile.TemporaryDirectory() as folder, Redis(folder) as redis:
            book = Book(revocation)
            yield from _six_faults(folder, redis, book, workers, flags)
            counts += book.counts
    figures = ", ".join(f"{counts[name]:,} {name}" for name in ACKNOWLEDGED)
    yield f"{figures} acknowledged, 0 lost; {counts['503s']:,} times 503, nobody let in by mistake"
    with tempfile.TemporaryDirectory() as folder, Redis(folder) as redis:
        yield _without_a_store(folder, redis, flags)


def _six_faults(folder: str, redis: Redis, book: Book, workers: int, flags: Flags) -> Iterator[str]:
    faults = Faults(redis, book, 0.5 if flags.quick else 2.0)
    server = Server(folder, "--store", redis.url, "--revocation", book.revocation, "--workers", str(workers),
                    AUTHREF_KEYS=write_keys(fresh_keys()))  # fmt: skip
    with server, Crowd(book, 6) as crowd:
        book.port = server.port
        table = faults.table()
        names = ("kill", "hang") if flags.quick and workers > 1 else table
        said = [f"{name} {_break(name, table[name], server, crowd)}" for name in names]
        crowd.check(everything=True)
        server.stop()
    yield f"{book.revocation}, {workers} process(es): {'; '.join(said)}"


class Faults:
    """The ways to break Redis, each for the length of a block; `book.away` is true while it certainly cannot answer."""

    def __init__(self, redis: Redis, book: Book, seconds: float) -> None:
        self.redis, self.book, self.seconds = redis, book, seconds

    def table(self) -> dict[str, Callable[[], AbstractContextManager[None]]]:
        """All of them by name."""
        return {
            "shutdown": self.shutdown,
            "kill": self.kill,
            "hang": self.hang,
            "read-only": self.read_only,
            "full": self.full,
            "loading": self.loading,
        }

    @contextmanager
    def shutdown(self) -> Iterator[None]:
        self.redis.shut_down()
        with self._away():
            yield
            time.sleep(self.seconds)
        self.redis.start()

    @contextmanager
    def kill(self) -> Iterator[None]:
        self.redis.signal(signal.SIGKILL)
        with self._away():
            yield
            time.sleep(self.seconds)
        self.redis.start()

    @contextmanager
    def hang(self) -> Iterator[None]:
        self.redis.signal(signal.SIGSTOP)
        time.sleep(0.02)  # until it stands
        with self._away():
            yield
            time.sleep(2 * self.seconds)
        self.redis.signal(signal.SIGCONT)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        self.redis.command("REPLICAOF", "127.0.0.1", "1")
        yield
        time.sleep(self.seconds)
        self.redis.command("REPLICAOF", "NO", "ONE")

    @contextmanager
    def full(self) -> Iterator[None]:
        self.redis.command("CONFIG", "SET", "maxmemory", "1mb")
        yield
        time.sleep(self.seconds)
        self.redis.command("CONFIG", "SET", "maxmemory", "0")

    @contextmanager
    def loading(self) -> Iterator[None]:
        delay = self.redis.prepare_slow_start(self.seconds)
        self.redis.signal(signal.SIGKILL)
        self.redis.launch(*delay)
        yield
        eventually(self.redis.answers, 60, "Redis did not finish loading")

    @contextmanager
    def _away(self) -> Iterator[None]:
        self.book.away = True
        yield
        self.book.away = False


def _break(name: str, fault: Callable[[], AbstractContextManager[None]], server: Server, crowd: Crowd) -> str:
    """Break Redis under load, mend it, check everything; what was seen."""
    counts = crowd.book.counts
    with Watch(server.port) as watch:
        crowd.begin()
        crowd.pause(0.3)
        before = counts["503s"]
        with fault():
            noticed = watch.wait_for(503, NOTICED, f"{name}: /health did not say that the store is away")
            eventually(lambda: counts["503s"] > before, 20, f"{name}: no request met the fault")
        recovered = watch.wait_for(200, RECOVERED, f"{name}: /health did not say that the store is back")
        crowd.pause(0)  # has anybody seen something wrong?
        seen = counts["503s"] - before
        claim(seen, f"{name}: no request met the fault")
        crowd.pause(0.3)
        crowd.end()
    crowd.check()
    return f"noticed after {noticed:.2f} s, {seen} times 503, well {recovered:.2f} s after it was back"


class Watch:
    """Asks /health every 50 ms, with a few questions under way at once: while Redis hangs, each takes two seconds."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._seen: list[tuple[float, int]] = []  # when an answer came, and its status
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(4)]

    def _ask(self) -> None:
        while not self._stop.wait(0.05):
            status = health(self._port)
            self._seen.append((time.monotonic(), status))

    def wait_for(self, status: int, within: float, sentence: str) -> float:
        """Seconds until this answer comes."""
        begun = time.monotonic()
        return eventually(
            lambda: any(came >= begun and seen == status for came, seen in list(self._seen)), within, sentence
        )

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _without_a_store(folder: str, redis: Redis, flags: Flags) -> str:
    """While Redis hangs, and 40 others wait for it: what asks no store is answered at once."""
    server = Server(folder, "--store", redis.url, AUTHREF_KEYS=write_keys(fresh_keys()))
    book = Book("none")
    with server:
        book.port = server.port
        alice = Customer(book)
        alice.sign_up()
        account = alice.accounts[0]
        alice.log_in(account)
        alice.token_log_in(account)
        session, token = account.logins
        redis.signal(signal.SIGSTOP)
        stop = threading.Event()
        others = [threading.Thread(target=_keep_asking, args=(server.port, session.headers, stop)) for _ in range(40)]
        for thread in others:
            thread.start()
        time.sleep(0.3)
        slowest, client, answers = 0.0, Client(server.port), 0
        until = time.monotonic() + flags.rounds(5, 3)
        while time.monotonic() < until:
            for path, headers in (("/", {}), ("/token/me", token.headers)):
                begun = time.monotonic()
                status = client.ask("GET", path, None, **headers).status
                slowest = max(slowest, time.monotonic() - begun)
                claim(status == 200, f"GET {path} answered {status} while Redis hung, and it asks no store")
                answers += 1
            time.sleep(0.01)
        claim(slowest < QUICK_ANSWER, f"an answer that asks no store took {slowest:.2f} s while Redis hung")
        redis.signal(signal.SIGCONT)
        stop.set()
        for thread in others:
            thread.join()
        eventually(lambda: health(server.port) == 200, RECOVERED, "/health did not come back")
        alice.check()
        server.stop()
    return f"none: while Redis hung and 40 waited for it, {answers} answers of / and /token/me, slowest {slowest:.3f} s"


def _keep_asking(port: int, headers: dict[str, str], stop: threading.Event) -> None:
    client = Client(port)
    while not stop.is_set():
        client.ask("GET", "/me", None, **headers)
    client.close()
