"""What happens when the disk is full? SQLite on a file system of a few megabytes, filled under load.

Writing gives 503 and /health says so; reading goes on: somebody asks /me and /token/me all the time and gets 200 each
time. With room again everything is well by itself, and nothing that was acknowledged is lost. Then once more, with a
restart while it is full.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.claims import Broken, Flags, claim, eventually
from tests.faults.load import ACKNOWLEDGED, Book, Crowd, Customer
from tests.faults.processes import Server, health, small_disk

NOTICED, RECOVERED = 20.0, 5.0  # seconds in which /health must say so; SQLite first uses up the space it has


def run(flags: Flags) -> Iterator[str]:
    """Fill the disk, with one process and with two."""
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder, small_disk(folder, "16m") as disk:
            yield f"{workers} process(es): {_fill_it(folder, disk, workers, flags)}"


def _fill_it(folder: str, disk: Path, workers: int, flags: Flags) -> str:
    book = Book("denylist")
    store = ("--store", f"sqlite:{disk}/authref.db", "--workers", str(workers), "--revocation", book.revocation)
    with Server(folder, *store) as server, Crowd(book) as crowd, Reader(book) as reader:
        book.port = server.port
        reader.begin()
        crowd.begin()
        crowd.pause(0.5)
        claim(not book.counts["503s"], "503 before the disk was full")
        with Filler(disk):
            noticed = _await_trouble(server)
            crowd.pause(flags.rounds(3, 1))
        recovered = eventually(lambda: health(server.port) == 200, RECOVERED, "with room again /health is not well")
        refused = book.counts["503s"]
        claim(refused, "no write met the full disk")
        crowd.pause(0.5)
        crowd.end()
        reads = reader.end()
        crowd.check()
        crowd.begin()
        with Filler(disk):
            _await_trouble(server)
            server.stop()
            crowd.end()
            said = _start_on_a_full_disk(server)
        server.start()
        book.port = server.port
        crowd.check(everything=True)
        server.stop()
    return (
        f"/health 503 after {noticed:.1f} s, {refused} times 503 for writing, {reads} reads, all 200, slowest"
        f" {reader.slowest:.2f} s; with room again well after {recovered:.2f} s; {book.said(*ACKNOWLEDGED)}"
        f" acknowledged, 0 lost; a start on the full disk {said}"
    )


def _await_trouble(server: Server) -> float:
    return eventually(lambda: health(server.port) == 503, NOTICED, "/health did not say that the disk is full")


def _start_on_a_full_disk(server: Server) -> str:
    """It serves, or it says in a sentence why not."""
    server.launch()
    eventually(lambda: server.process.poll() is not None or "sys_startup" in server.log, 20, "it does not start")
    status = server.process.poll()
    if status is None:
        server.kill()
        return "serves"
    claim(status == 2, f"a start on a full disk ends with status {status}: {server.log}")
    claim(re.fullmatch(r"authref: [^\n]*make room[^\n]*\n", server.log), f"a start on a full disk says: {server.log}")
    return "ends with status 2 and one sentence"


class Filler:
    """A file that takes what room there is, and what becomes free, while the block runs."""

    def __init__(self, disk: Path) -> None:
        self._path, self._stop = disk / "filler", threading.Event()
        self._thread = threading.Thread(target=self._fill)

    def _fill(self) -> None:
        with open(self._path, "ab", buffering=0) as file:
            while not self._stop.is_set():
                try:
                    file.write(bytes(4096))
                except OSError as error:
                    assert error.errno == errno.ENOSPC, error
                    time.sleep(0.01)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        os.unlink(self._path)


class Reader:
    """Somebody who is logged in by both mechanisms and asks all the time who they are."""

    def __init__(self, book: Book) -> None:
        self._book, self._customer = book, Customer(book)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._reads, self._broken = 0, ""
        self.slowest = 0.0

    def begin(self) -> None:
        """Sign up, log in, and ask from now on."""
        self._customer.sign_up()
        self._account = self._customer.accounts[0]
        self._customer.log_in(self._account)
        self._customer.token_log_in(self._account)
        self._thread.start()

    def end(self) -> int:
        """How many answers there were. Raises Broken if one of them was no 200."""
        self._stop.set()
        self._thread.join()
        claim(not self._broken, self._broken)
        claim(self._reads > 10, "hardly anything was read")
        return self._reads

    def _read(self) -> None:
        customer = Customer(Book(self._book.revocation))  # its own book: here 503 is no excuse
        customer.book.port = self._book.port
        try:
            while not self._stop.wait(0.01):
                for login in self._account.logins:
                    answer = customer.ask("GET", login.path, {200}, what="a reader", headers=login.headers)
                    claim(answer, f"{login.path} is not answered while the disk is full")
                    self._reads += 1
        except Broken as broken:
            self._broken = str(broken)
        self.slowest = customer.book.slowest

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident:
            self._thread.join()
