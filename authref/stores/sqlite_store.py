"""How does a server remember across a restart? It writes to a file, and answers only when the disk has it.

SQLite is a database in one file, part of Python's standard library. All maps live in one table: whose an entry
is and when it ends stand in columns of their own, with an index each, so that neither question scans.

Rules of this file:
- whatever was answered is on the disk: a write-ahead log, flushed at each commit (`synchronous = FULL`). A
  process killed at any moment, or a machine without power, loses only what nobody was told yet;
- a connection is one conversation: who asks borrows one and gives it back, so there are no more than ask at once,
  whatever threads a server has; readers never wait for the one who writes. Connections are not forked along: the
  file's locks stay with the process that took them;
- each verb is one statement or one transaction that begins as a writer (`BEGIN IMMEDIATE`): two who both read
  before they write would both believe to be first;
- what may get lost, when a session was last used, is written without waiting, or not at all: the thread that serves
  everybody writes it, and would wait for the disk on behalf of all;
- what has ended is not there for readers at once. It leaves the file a few entries at each write, CLOCK_ERROR later:
  a process whose clock is ahead must not end the logins of the others;
- the log comes into the file once a minute, on a thread of its own: a copy of the file alone lacks little;
- a file that is not ours, too new, damaged, readable by others or in a folder where they may write is refused, never
  mended or overwritten.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from authref.maps import Map, Store, StoreUnavailable
from authref.revocation import CLOCK_ERROR
from authref.stores.codec import Codec

V = TypeVar("V")

APPLICATION_ID = 0x61757468  # "auth", in the file's header: how we know a file of ours
BUSY_SECONDS = 5.0  # how long to wait while another process writes
CHECKPOINT_SECONDS = 60.0  # from a write until the log is brought into the file at the latest
MAX_IDLE = 32  # connections of each kind that are kept for the next one who asks
CHECKPOINT = 1000  # pages in the log from which on a writer brings them into the file
PURGED_AT_ONCE = 10  # ended entries that a write removes: more than it adds, and never a long work

# What leads from each version of the file to the next one; `user_version` in its header counts those done.
MIGRATIONS = (
    """
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY,
        map TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        owner TEXT,
        ends REAL,
        UNIQUE (map, key)
    );
    CREATE INDEX entries_by_owner ON entries (map, owner, number) WHERE owner IS NOT NULL;
    CREATE INDEX entries_by_end ON entries (map, ends);
    """,
)

# Values go in by the question marks only, never into the text: what a client sent must not become SQL.
_HEADER = """
    SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
    FROM pragma_application_id, pragma_user_version
"""
_GET = "SELECT value FROM entries WHERE map = ? AND key = ? AND (ends IS NULL OR ends > ?)"
_OWNED = "SELECT key, value FROM entries WHERE map = ? AND owner = ? AND (ends IS NULL OR ends > ?) ORDER BY number"
_PAGE = "SELECT key, value FROM entries WHERE map = ? AND key > ? AND (ends IS NULL OR ends > ?) ORDER BY key LIMIT ?"
_COUNT = "SELECT count(*) FROM entries WHERE map = ? AND (ends IS NULL OR ends > ?)"
_INSERT = "INSERT INTO entries (map, key, value, owner, ends) VALUES (?, ?, ?, ?, ?)"
_UPDATE = "UPDATE entries SET value = ?, ends = ? WHERE map = ? AND key = ?"
_DELETE = "DELETE FROM entries WHERE map = ? AND key = ?"
_DROP_OWNED = "DELETE FROM entries WHERE map = ? AND owner = ? RETURNING ends IS NULL OR ends > ?"
_PURGE = "DELETE FROM entries WHERE number IN (SELECT number FROM entries WHERE map = ? AND ends <= ? LIMIT ?)"


class SqliteStore(Store):
    """Maps in one file. Raises ValueError, in a sentence, for a file that cannot be used."""

    shared = True
    slow = frozenset({"writes"})  # a write waits for the disk

    def __init__(self, path: str, now: Callable[[], float] = time.time) -> None:
        self._path, self._now = path, now
        self._url = Path(path).absolute().as_uri() + "?mode=rw"  # a file that went away is not made again, and empty
        self.key_file = path + ".keys"
        self._one_writer = threading.Lock()  # SQLite's own waiting is by sleeping; among threads this is quicker
        self._write_failed = False
        self._checkpoint_due: threading.Timer | None = None
        self._process = os.getpid()  # the one that opened these:
        self._open: set[sqlite3.Connection] = set()
        self._idle: dict[bool, list[sqlite3.Connection]] = {True: [], False: []}
        create_private(path)
        try:
            self._prepare()
        except (sqlite3.Error, StoreUnavailable) as error:
            self.close()
            remedy = "make room on the disk, restore a copy, or name another file"
            raise ValueError(f"Cannot use {path} as a store ({error}); {remedy}.") from None
        except ValueError:
            self.close()
            raise

    def map(self, name: str, kind: type[V]) -> Map[V]:
        return SqliteMap(self, name, Codec(kind), self._now)

    def check(self) -> list[str]:
        with self.writing() as connection:
            if self._write_failed:  # on a full disk, say: only a write that reaches it tells that it is over
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        return []

    def close(self) -> None:
        if timer := self._checkpoint_due:
            timer.cancel()
            if timer.is_alive():
                timer.join()  # no thread is left, for a fork to lose or a signal to meet
        self._checkpoint_due, self._open = None, set()
        # Only what nobody has: SQLite crashes when a connection is closed while a thread reads with it. The one that is
        # lent out is not ours any more, and is closed when it comes back.
        for idle in self._idle.values():
            while idle:
                with suppress(IndexError):  # somebody else has just taken the last one
                    idle.pop().close()

    def borrow(self, waits: bool = True) -> sqlite3.Connection:
        """A connection that nobody else has; one that does not wait waits for nobody who writes, nor for the disk."""
        if self._open and self._process != os.getpid():
            raise StoreUnavailable("SQLite: this process was forked while the store was open; close it before")
        try:
            return self._idle[waits].pop()
        except IndexError:
            self._process = os.getpid()
            return self._connect(waits)

    def give_back(self, connection: sqlite3.Connection, waits: bool = True) -> None:
        """Keep the connection for the next one, unless there are enough or the store was closed."""
        if connection in self._open and len(self._idle[waits]) < MAX_IDLE:
            self._idle[waits].append(connection)
        else:
            self._open.discard(connection)
            connection.close()

    def _connect(self, waits: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._url, timeout=BUSY_SECONDS if waits else 0, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            # NORMAL leaves the flush to the next one who is patient; so is the tidying up of the log, a long work.
            connection.execute(f"PRAGMA synchronous = {'FULL' if waits else 'NORMAL'}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT if waits else 0}")
        except sqlite3.Error:  # no database
            connection.close()
            raise
        self._open.add(connection)
        return connection

    def read(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows. Raises StoreUnavailable."""
        connection = None
        try:
            connection = self.borrow()
            return connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite: {error}") from error
        finally:
            if connection:
                self.give_back(connection)

    @contextmanager
    def writing(self, waits: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes beside; left without an error, it is on the disk, if it `waits`.

        Raises StoreUnavailable.
        """
        if not self._one_writer.acquire(timeout=BUSY_SECONDS if waits else 0):
            raise StoreUnavailable("SQLite: other threads have been writing for too long")
        connection = None
        try:
            connection = self.borrow(waits)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._write_failed = True
            raise StoreUnavailable(f"SQLite: {error}") from error
        finally:
            if connection:
                self.give_back(connection, waits)
            self._one_writer.release()
        self._write_failed = False
        self._plan_checkpoint()

    def _plan_checkpoint(self) -> None:
        if self._checkpoint_due is None:
            timer = threading.Timer(CHECKPOINT_SECONDS, self._checkpoint)
            timer.daemon = True
            self._checkpoint_due = timer  # before it starts: it may be over at once, and takes itself away
            try:
                timer.start()
            except RuntimeError:  # no thread to be had: the next write tries again
                self._checkpoint_due = None

    def _checkpoint(self) -> None:
        """Bring the log into the file, as far as readers let it; it runs on a thread of its own."""
        self._checkpoint_due = None  # a write from here on plans the next one
        with suppress(StoreUnavailable):
            self.read("PRAGMA wal_checkpoint(PASSIVE)")

    def _prepare(self) -> None:
        """Bring the file up to date; what may be wrong with it is found before anything is written."""
        version = self._version()
        if self.read("PRAGMA quick_check(1)") != [("ok",)]:
            raise ValueError(f"{self._path} is damaged; restore a copy, or name another file.")
        if not self._write_ahead():
            raise ValueError(f"{self._path} is on a file system without shared memory; name another file.")
        if version < len(MIGRATIONS):
            with self.writing() as connection:
                for migration in MIGRATIONS[self._version() :]:  # another process may have been faster
                    for statement in migration.split(";"):
                        connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            self.read("PRAGMA wal_checkpoint(PASSIVE)")  # else a copy of the file alone would be a new, empty store

    def _write_ahead(self) -> bool:
        """True if the file has a write-ahead log now."""
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self.read("PRAGMA journal_mode = WAL") == [("wal",)]
            except StoreUnavailable:  # another process is doing the same: the one thing SQLite does not wait for
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def _version(self) -> int:
        """How many migrations the file has had."""
        [(application, version, things)] = self.read(_HEADER)
        if application != APPLICATION_ID and (application, version, things) != (0, 0, 0):
            raise ValueError(f"{self._path} is the database of another program; name another file.")
        if version > len(MIGRATIONS):
            raise ValueError(f"{self._path} was written by a newer authref; run that one, or name another file.")
        return int(version)


class SqliteMap(Map[V]):
    """One map of the file."""

    def __init__(self, store: SqliteStore, name: str, codec: Codec[V], now: Callable[[], float]) -> None:
        self._store, self._name, self._codec, self._now = store, name, codec, now

    def get(self, key: str) -> V | None:
        rows = self._store.read(_GET, self._name, key, self._now())
        return self._codec.read(rows[0][0]) if rows else None

    def __setitem__(self, key: str, value: V) -> None:
        with self._store.writing() as connection:
            self._put(connection, key, self.get(key), value)

    def setdefault(self, key: str, value: V) -> V:
        with self._store.writing() as connection:
            current = self.get(key)
            if current is None:
                self._put(connection, key, None, value)
            return value if current is None else current

    def pop(self, key: str) -> V | None:
        with self._store.writing() as connection:
            value = self.get(key)
            connection.execute(_DELETE, (self._name, key))
            return value

    def replace(self, key: str, old: V, new: V) -> bool:
        return self._replace(key, old, new, waits=True)

    def touch(self, key: str, old: V, new: V) -> bool:
        with suppress(StoreUnavailable):  # the thread that serves everybody calls this
            return self._replace(key, old, new, waits=False)
        return False

    def owned_by(self, user_id: str) -> dict[str, V]:
        return self._many(self._store.read(_OWNED, self._name, user_id, self._now()))

    def drop_owned_by(self, user_id: str) -> int:
        with self._store.writing() as connection:
            rows = connection.execute(_DROP_OWNED, (self._name, user_id, self._now()))
            return sum(was_live for (was_live,) in rows)

    def page(self, after: str, limit: int) -> dict[str, V]:
        return self._many(self._store.read(_PAGE, self._name, after, self._now(), limit))

    def __len__(self) -> int:
        return int(self._store.read(_COUNT, self._name, self._now())[0][0])

    def _replace(self, key: str, old: V, new: V, waits: bool) -> bool:
        with self._store.writing(waits) as connection:
            if self.get(key) != old:
                return False
            self._put(connection, key, old, new)
            return True

    def _put(self, connection: sqlite3.Connection, key: str, old: V | None, value: V) -> None:
        """Store the value in place of `old`; of the same owner, it keeps its place in the order."""
        text, owner, end = self._codec.write(value), _owner(value), getattr(value, "expires_at", None)
        if old is not None and _owner(old) == owner:
            connection.execute(_UPDATE, (text, end, self._name, key))
        else:
            connection.execute(_DELETE, (self._name, key))  # somebody else's, or one that has ended
            connection.execute(_INSERT, (self._name, key, text, owner, end))
        connection.execute(_PURGE, (self._name, self._now() - CLOCK_ERROR, PURGED_AT_ONCE))

    def _many(self, rows: list[tuple[Any, ...]]) -> dict[str, V]:
        return {key: self._codec.read(text) for key, text in rows}


def _owner(value: object) -> str | None:
    return getattr(value, "user_id", None)


def create_private(path: str) -> None:
    """Make the file if it is not there; what it holds, hashes of passwords, is for nobody else to read.

    One that is there is not opened: to close it again would take away the locks this process may have on it.
    Raises ValueError.
    """
    if path == ":memory:":
        raise ValueError("sqlite::memory: would be a file of that name; use --store memory, or name another file.")
    if not hasattr(os, "geteuid"):
        raise ValueError("The SQLite store needs a system whose files have owners, such as Linux; use --store memory.")
    try:
        real = os.path.realpath(path)
        _refuse_open_folder(os.path.dirname(real))
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _refuse_shared(path, os.stat(path))
        # SQLite rolls in, or writes into, what lies there already, and would wait for ever for a pipe.
        for companion in (real + ending for ending in ("-journal", "-wal", "-shm")):
            with suppress(FileNotFoundError):
                _refuse_shared(companion, os.lstat(companion))
    except OSError as error:
        raise ValueError(f"Cannot use {path} as a store ({error.strerror}); name another file.") from None
    if not os.access(path, os.R_OK | os.W_OK):
        raise ValueError(f"{path} may not be read and written by this user; name another file.")


def _refuse_shared(path: str, status: os.stat_result) -> None:
    """Raise ValueError for a file that is not for its owner alone, or whose owner is somebody else."""
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is no ordinary file; name another one.")
    if status.st_uid not in (0, os.geteuid()):
        raise ValueError(f"{path} is somebody else's, who may read and change it; name another file.")
    if status.st_mode & 0o077:
        raise ValueError(f"Others may read or change {path}; run: chmod 600 {path}")


def _refuse_open_folder(folder: str) -> None:
    """Raise ValueError if others may put files there: SQLite would take a journal of theirs for ours, at any time."""
    status = os.lstat(folder)
    ours = status.st_gid in (os.getegid(), *os.getgroups())
    if status.st_mode & stat.S_IWOTH or status.st_mode & stat.S_IWGRP and not ours:
        raise ValueError(f"Others may put files into {folder}; use a folder of your own, or run: chmod go-w {folder}")
