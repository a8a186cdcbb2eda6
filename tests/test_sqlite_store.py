"""The map in a file keeps what a map promises, and what a file has to: nothing is lost, nobody else reads it.

The contract of maps.py is run on it; the rest is about the file: whose it is, what is done when it is not as it should
be, and what several processes see that have it open.
"""

from __future__ import annotations

import itertools
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

from authref.maps import Map, StoreUnavailable
from authref.revocation import CLOCK_ERROR
from authref.sessions import TOUCH_INTERVAL
from authref.stores import sqlite_store
from authref.stores.sqlite_store import BUSY_SECONDS, MIGRATIONS, PURGED_AT_ONCE, SqliteStore
from tests.basics import START, Clock
from tests.support import Harness, exchange, in_a_fork, running, status
from tests.test_maps import MapContract, Note, race
from tests.test_stores import ROOT, ProcessRaces
from tests.unflushed import UnflushedStore

COLOURED = (*MIGRATIONS, "ALTER TABLE entries ADD COLUMN colour TEXT; UPDATE entries SET colour = 'blue' || number;")
FAILING = (*MIGRATIONS, "ALTER TABLE entries ADD COLUMN colour TEXT; INSERT INTO nowhere VALUES (1);")


class SqliteContract(MapContract, unittest.TestCase):
    THREADS, ROUNDS = 20, 1  # each thread opens the file

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.clock_of_store: Callable[[], float] = Clock()
        cls.store = UnflushedStore(f"{folder.name}/store", lambda: cls.clock_of_store())
        cls.addClassCleanup(cls.store.close)
        cls.made = 0

    def make(self, now: Callable[[], float]) -> Map[Note]:
        """One more map in one file: the entries of all the tests before lie beside its own."""
        type(self).clock_of_store, type(self).made = staticmethod(now), self.made + 1
        return self.store.map(f"notes {self.made}", Note)


class StoreCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.clock = Path(folder.name), Clock()
        self.path = self.folder / "store"

    def open(self) -> SqliteStore:
        store = UnflushedStore(str(self.path), self.clock)
        self.addCleanup(store.close)
        return store

    def notes(self) -> Map[Note]:
        return self.open().map("notes", Note)

    def fill(self, count: int = 1) -> None:
        """A file of ours with this many entries, closed again."""
        text = sqlite_store.Codec(Note).write(Note("x" * 100))
        rows = [("notes", f"k{number:04}", text) for number in range(count)]
        with closing(self.open()) as store, store.writing() as connection:
            connection.executemany("INSERT INTO entries (map, key, value) VALUES (?, ?, ?)", rows)

    def sql(self, script: str) -> None:
        """Run this on the file, past the store."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript("PRAGMA synchronous = OFF;" + script)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What a stranger reads in the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()

    def content(self) -> dict[str, bytes]:
        """What lies in the folder, to the byte; but not the index of the log, which is made anew each time."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
        return {str(path): content for path in files if (content := path.read_bytes()) or path == self.path}

    def open_files(self) -> int:
        """How many of our open files are the store, or lie beside it."""
        opened = (os.path.realpath(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd"))
        return sum(each.startswith(str(self.path)) for each in opened)

    def assert_refused(self, pattern: str) -> None:
        """The file cannot be opened, the reason is one sentence, and everything is as it was."""
        before = self.content()
        with self.assertRaisesRegex(ValueError, pattern) as caught:
            SqliteStore(str(self.path), self.clock)
        self.assertRegex(str(caught.exception), r"^[A-Z/][^\n]*(?:another (file|one)\.|chmod 600 \S+)$")
        self.assertIn(str(self.path), str(caught.exception))
        self.assertEqual(self.content(), before)


class WhoseFileItIs(StoreCase):
    def test_a_new_file(self) -> None:
        """The file and its two companions are for their owner alone, whatever the umask says: it holds hashes."""
        for umask in (0o000, 0o022, 0o077):
            with self.subTest(umask=oct(umask)):
                before = os.umask(umask)
                try:
                    self.notes()["k"] = Note()
                finally:
                    os.umask(before)
                modes = {path.name: oct(path.stat().st_mode & 0o7777) for path in self.folder.iterdir()}
                self.assertEqual(modes, dict.fromkeys(("store", "store-wal", "store-shm"), "0o600"))
                self.doCleanups()
                self.setUp()

    def test_where_its_keys_are(self) -> None:
        """Beside the file, under its name: with other keys at the next start all tokens would end."""
        self.assertEqual(self.open().key_file, f"{self.path}.keys")

    def test_a_file_that_others_can_touch(self) -> None:
        """It is refused with its remedy: others may have read it, and quietly mending it would hide that."""
        self.fill()
        for mode in (0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777):
            with self.subTest(oct(mode)):
                self.path.chmod(mode)
                self.assert_refused(f"Others may read or change .* run: chmod 600 {self.path}")
                self.assertEqual(self.path.stat().st_mode & 0o7777, mode)
        for mode in (0o600, 0o700):
            with self.subTest(oct(mode)):
                self.path.chmod(mode)
                self.assertEqual(self.notes().get("k0000"), Note("x" * 100))

    def test_a_companion_that_was_there_before(self) -> None:
        """A log or an index that others can read, or that leads elsewhere, is refused: SQLite would write into it."""
        self.fill()
        for name in ("store-journal", "store-wal", "store-shm"):
            companion = self.folder / name
            with self.subTest(name):
                companion.touch()
                companion.chmod(0o666)
                self.assert_refused(f"Others may read or change {companion}; run: chmod 600 {companion}")
                companion.unlink()
                companion.symlink_to(self.folder / "elsewhere")
                self.assert_refused(f"{companion} is no ordinary file")
                companion.unlink()
                companion.touch(0o600)  # the twin: what a process that was killed has left
                self.assertEqual(self.notes().get("k0000"), Note("x" * 100))
                self.doCleanups()
                self.setUp()
                self.fill()

    def test_a_pipe_or_a_folder_as_companion(self) -> None:
        """Whatever lies where SQLite will look is refused at once: nothing waits for a pipe."""
        self.fill()
        for name in ("store-journal", "store-wal", "store-shm"):
            companion = self.folder / name
            with self.subTest(name):
                os.mkfifo(companion, 0o600)
                self.assert_refused(f"{companion} is no ordinary file")
                companion.unlink()
                companion.mkdir(0o700)
                self.assert_refused(f"{companion} is no ordinary file")
                companion.rmdir()

    def test_a_folder_where_others_may_write(self) -> None:
        """It is refused with its remedy, sticky or not: a journal put there would be rolled into the file."""
        for mode, groups, refused in (
            (0o700, [], False), (0o755, [], False), (0o770, [self.folder.stat().st_gid], False), (0o770, [], True),
            (0o777, [], True), (0o1777, [], True), (0o702, [], True), (0o1770, [], True),
        ):  # fmt: skip
            group = mock.patch("os.getegid", return_value=-1), mock.patch("os.getgroups", return_value=groups)
            with self.subTest(oct(mode), groups=groups), group[0], group[1]:
                self.folder.chmod(mode)
                if refused:
                    with self.assertRaisesRegex(ValueError, f"^Others .* run: chmod go-w {self.folder}$"):
                        SqliteStore(str(self.path), self.clock)
                    self.assertFalse(self.path.exists())
                else:
                    self.notes()["k"] = Note()
                    self.doCleanups()
                    self.setUp()

    def test_memory_and_systems_without_owners(self) -> None:
        """What SQLite calls memory would be a file here, and some systems cannot say whose a file is: a sentence."""
        self.assertRaisesRegex(ValueError, "use --store memory", SqliteStore, ":memory:")
        with mock.patch.object(os, "geteuid"):
            del os.geteuid
            self.assertRaisesRegex(ValueError, "use --store memory", SqliteStore, str(self.path))
        self.assertEqual(list(self.folder.iterdir()), [])
        self.notes()["k"] = Note()

    def test_somebody_elses_file(self) -> None:
        """A server that root starts does not write hashes into a file that somebody laid out for it."""
        self.fill()
        for uid, refused in ((0, False), (1234, False), (4321, True)):
            status = os.stat_result((0o100600, 0, 0, 1, uid, 0, 0, 0, 0, 0))
            stat = mock.patch("os.stat", return_value=status)
            with self.subTest(uid), mock.patch("os.geteuid", return_value=1234), stat:
                if refused:
                    with self.assertRaisesRegex(ValueError, f"^{self.path} is somebody else's.* name another file.$"):
                        sqlite_store.create_private(str(self.path))
                else:
                    sqlite_store.create_private(str(self.path))

    def test_what_is_no_file_of_ours(self) -> None:
        """Whatever else lies there is refused in a sentence and left to the byte: one typo must not cost a database."""
        foreign: dict[str, Callable[[], object]] = {
            "another program's": lambda: self.sql("CREATE TABLE t (x); INSERT INTO t VALUES (1);"),
            "another program's, in WAL mode": lambda: self.sql("PRAGMA journal_mode = WAL; CREATE TABLE t (x);"),
            "another program's, named as such": lambda: self.sql("PRAGMA application_id = 7; CREATE TABLE t (x);"),
            "another program's, without tables": lambda: self.sql("PRAGMA application_id = 7; VACUUM;"),
            "a version but no name": lambda: self.sql("PRAGMA user_version = 1; VACUUM;"),
            "a view only": lambda: self.sql("CREATE VIEW v AS SELECT 1;"),
            "text": lambda: self.path.write_text("To do: buy milk\n" * 1000),
            "short text": lambda: self.path.write_text("no"),
            "a ring of keys": lambda: self.path.write_text("k1:AAAA"),
            "nearly a database": lambda: self.path.write_bytes(b"SQLite format 3\0" + bytes(4096)),
        }
        for name, make in foreign.items():
            with self.subTest(name):
                self.path.touch(0o600)
                make()
                self.assert_refused(f"{self.path}")
                self.assertEqual(self.open_files(), 0, "left open")
                self.path.unlink()
        for name, make in {"nothing yet": lambda: None, "an empty file": lambda: self.path.touch(0o600)}.items():
            with self.subTest(name):
                make()
                self.notes()["k"] = Note()
                self.doCleanups()
                self.setUp()

    def test_what_is_no_file(self) -> None:
        """A folder, a pipe, a device, a link to nothing, a folder that is not there: one sentence, nothing is made."""
        places: dict[str, Callable[[], object]] = {
            "a folder": lambda: self.path.mkdir(0o700),
            "a pipe": lambda: os.mkfifo(self.path, 0o600),
            "a link to nothing": lambda: self.path.symlink_to("nowhere"),
            "a link to a device": lambda: self.path.symlink_to("/dev/null"),
        }
        for name, make in places.items():
            with self.subTest(name):
                make()
                self.assert_refused(f"{self.path}")
                os.rmdir(self.path) if self.path.is_dir() else self.path.unlink()
        self.path = self.folder / "missing" / "store"
        self.assert_refused("No such file or directory")
        self.path = self.folder / ("x" * 300)
        self.assert_refused("File name too long")

    def test_a_name_that_means_something_to_sqlite(self) -> None:
        """A name is the name of a file, in the folder where the start was: never memory, which nobody would keep."""
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        for name in ("memory", "file:x?mode=memory", "a?b", "a#b", "a%20b", "with a blank", "é"):
            with self.subTest(name):
                os.chdir(self.folder)
                with closing(UnflushedStore(name, self.clock)) as store:
                    os.chdir("/")
                    race(*[partial(store.map("notes", Note).__setitem__, "k", Note(name))])  # in a thread of its own
                with closing(SqliteStore(str(self.folder / name), self.clock)) as store:
                    self.assertEqual(store.map("notes", Note).get("k"), Note(name))

    def test_a_file_that_may_only_be_read(self) -> None:
        """It is refused at the start, not at the first login."""
        self.fill()
        self.folder.chmod(0o755)
        owner = 65534 if os.getuid() == 0 else os.getuid()  # root may write everything: be somebody else

        def refused() -> str:
            if os.getuid() == 0:
                os.setuid(owner)
            try:
                SqliteStore(str(self.path)).close()
            except ValueError as error:
                return str(error)
            return "it was taken"

        os.chown(self.path, owner, -1)
        self.path.chmod(0o400)
        before = self.content()
        self.assertRegex(in_a_fork(refused), r"^/.* may not be read and written by this user; name another file\.$")
        self.assertEqual(self.content(), before)
        os.chown(self.folder, owner, -1)
        self.path.chmod(0o600)
        self.assertEqual(in_a_fork(refused), "it was taken")


class DamageAndAge(StoreCase):
    def test_a_damaged_file(self) -> None:
        """Damage is found at the start and nothing is written over it: what can still be saved stays."""
        self.fill(300)
        good = self.path.read_bytes()
        pages = len(good) // 4096
        self.assertGreater(pages, 10)
        damaged = {
            **{f"page {page} overwritten": good[: page * 4096] + b"\xff" * 4096 + good[(page + 1) * 4096 :]
               for page in (2, pages // 2, pages - 1)},
            "cut in half": good[: len(good) // 2],
            "the last page missing": good[:-4096],
            "only the first page": good[:4096],
            "only the header": good[:100],
            "a header that lies": b"SQLite format 3\0" + bytes(84) + good[100:],
        }  # fmt: skip
        for name, content in damaged.items():
            with self.subTest(name):
                self.path.write_bytes(content)
                self.assert_refused(f"{self.path}")
                self.assertEqual(self.open_files(), 0, "left open")
        self.path.write_bytes(good)
        self.assertEqual(len(self.notes()), 300)

    def test_a_file_of_a_newer_version(self) -> None:
        """An older authref does not guess at what a newer one has written."""
        self.fill()
        for version in (len(MIGRATIONS) + 1, 99):
            self.sql(f"PRAGMA user_version = {version}")
            self.assert_refused("newer authref")
        self.sql(f"PRAGMA user_version = {len(MIGRATIONS)}")
        self.assertEqual(len(self.notes()), 1)

    def test_a_file_of_an_older_version(self) -> None:
        """It is brought up to date with all its entries, once; the older authref then keeps its hands off."""
        self.fill(3)
        for _ in range(2):
            with mock.patch.object(sqlite_store, "MIGRATIONS", COLOURED), closing(self.open()) as store:
                self.assertEqual(len(store.map("notes", Note)), 3)
        self.assertEqual(self.rows("SELECT colour FROM entries"), [("blue1",), ("blue2",), ("blue3",)])
        self.assertEqual(self.rows("PRAGMA user_version"), [(len(COLOURED),)])
        self.assert_refused("newer authref")

    def test_a_migration_that_fails_half_way(self) -> None:
        """All of it or nothing: the file is of the old version, and the old authref goes on with it."""
        self.fill(3)
        schema = self.rows("SELECT sql FROM sqlite_schema")
        with mock.patch.object(sqlite_store, "MIGRATIONS", FAILING):
            self.assert_refused("no such table: nowhere")
        self.assertEqual(self.rows("PRAGMA user_version"), [(len(MIGRATIONS),)])
        self.assertEqual(self.rows("SELECT sql FROM sqlite_schema"), schema)
        self.assertEqual(len(self.notes()), 3)

    def test_a_start_beside_another(self) -> None:
        """Two that make the file at once get into each other's way; the second one waits, as for any other write."""
        read, failures = SqliteStore.read, iter([StoreUnavailable("SQLite: database is locked")] * 2)

        def busy(store: SqliteStore, statement: str, *parameters: object) -> list[tuple[object, ...]]:
            if "WAL" in statement and (failure := next(failures, None)):
                raise failure
            return read(store, statement, *parameters)

        with mock.patch.object(SqliteStore, "read", busy):
            self.open().check()
            failures = itertools.repeat(StoreUnavailable("SQLite: database is locked"))
            with mock.patch.object(sqlite_store, "BUSY_SECONDS", 0.02):
                self.assert_refused("database is locked")

    def test_a_file_system_without_a_log(self) -> None:
        """Where no write-ahead log can be had, the file is refused: processes would not see what others wrote."""
        read = SqliteStore.read

        def without(store: SqliteStore, statement: str, *parameters: object) -> list[tuple[object, ...]]:
            return [("delete",)] if "WAL" in statement else read(store, statement, *parameters)

        self.fill()
        with mock.patch.object(SqliteStore, "read", without):
            self.assert_refused("without shared memory")

    def test_a_second_start(self) -> None:
        """Opening writes nothing: a file that is as it should be stays so to the byte."""
        self.fill(3)
        before = self.content()
        self.open().close()
        self.assertEqual(self.content(), before)


class WhatIsOnTheDisk(StoreCase):
    def test_every_connection(self) -> None:
        """Each thread's connection waits for the disk (FULL) and writes ahead (WAL), also one opened after a close."""
        store = SqliteStore(str(self.path), self.clock)
        self.addCleanup(store.close)

        def settings() -> list[tuple[object, ...]]:
            return (
                store.read("PRAGMA synchronous") + store.read("PRAGMA journal_mode") + store.read("PRAGMA busy_timeout")
            )

        expected = [(2,), ("wal",), (1000 * BUSY_SECONDS,)]
        self.assertEqual(race(settings, settings, settings), [expected] * 3)
        store.close()
        self.assertEqual(settings(), expected)

    def test_looking_after_it(self) -> None:
        """To ask whether it is well writes nothing, however often a load balancer does."""
        self.fill()
        store = self.open()
        before = self.content()
        for _ in range(3):
            self.assertEqual(store.check(), [])
        self.assertEqual(self.content(), before)

    def test_the_log_comes_into_the_file(self) -> None:
        """Again and again, each time for the writes since: a copy of the file alone lacks a minute, not a month."""
        with mock.patch.object(sqlite_store, "CHECKPOINT_SECONDS", 0.01):
            notes = self.notes()
            for number in range(3):
                notes["k"] = Note(f"written {number}")
                give_up = time.monotonic() + 30
                while f"written {number}".encode() not in self.path.read_bytes() and time.monotonic() < give_up:
                    time.sleep(0.002)
                self.assertIn(f"written {number}".encode(), self.path.read_bytes())

    def test_a_timer_that_is_quicker_than_who_starts_it(self) -> None:
        """The next write plans another one: else the log would not come in until the next start."""
        self.fill()
        store, start = self.open(), threading.Timer.start

        def start_and_wait(timer: threading.Timer) -> None:
            start(timer)
            timer.join()

        at_once = mock.patch.object(sqlite_store, "CHECKPOINT_SECONDS", 0)
        with at_once, mock.patch("threading.Timer.start", start_and_wait):
            for number in range(2):
                store.map("notes", Note)["k"] = Note(f"written {number}")
                self.assertIn(f"written {number}".encode(), self.path.read_bytes())

    def test_a_log_that_cannot_come_in_now(self) -> None:
        """Without a thread for it, or while the disk is away, the write is done all the same, and a later one sees to
        it; a process that ends does not wait for it."""
        self.fill()
        store = self.open()
        notes = store.map("notes", Note)
        with mock.patch("threading.Thread.start", side_effect=RuntimeError("can't start new thread")):
            notes["k"] = Note("no thread")
        self.assertEqual((notes.get("k"), store._checkpoint_due), (Note("no thread"), None))
        notes["k"] = Note("a thread")
        self.assertTrue(store._checkpoint_due.daemon)
        with mock.patch.object(store, "read", side_effect=StoreUnavailable("SQLite: disk I/O error")):
            store._checkpoint()
        due = store._checkpoint_due
        notes["k"] = Note("the next one")
        self.assertIsNone(due)
        self.assertIsNotNone(store._checkpoint_due)

    def test_a_process_that_is_killed(self) -> None:
        """What a process was told is kept is there after SIGKILL, and nothing of what it had only begun."""
        script = """
import itertools, sys
from authref.revocation import CLOCK_ERROR
from authref.stores.sqlite_store import SqliteStore
from authref.users import Pointer
entries = SqliteStore(sys.argv[1]).map("pointers", Pointer)
for number in itertools.count():
    entries[f"{number:05}"] = Pointer("u")
    print(number, flush=True)
"""
        command = [sys.executable, "-c", script, str(self.path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            told = 20 + len(writer.stdout.read().splitlines())
        keys = [key for (key,) in self.open().read("SELECT key FROM entries ORDER BY number")]
        self.assertEqual(keys, [f"{number:05}" for number in range(len(keys))])
        self.assertIn(len(keys), (told, told + 1))

    def test_what_has_ended(self) -> None:
        """It leaves the file, a few entries at each write: the file does not grow, and nobody waits for all of them."""
        notes = self.notes()
        store = self.open()
        with store.writing() as connection:
            ended = [("notes", f"old{n}", "{}", "u", START - CLOCK_ERROR) for n in range(3 * PURGED_AT_ONCE + 5)]
            connection.executemany("INSERT INTO entries (map, key, value, owner, ends) VALUES (?, ?, ?, ?, ?)", ended)
        counts = []
        for _ in range(4):
            notes["k"] = Note("live", "u", START + 10)
            counts += [count for (count,) in store.read("SELECT count(*) FROM entries WHERE ends <= ?", START)]
        self.assertEqual(counts, [2 * PURGED_AT_ONCE + 5, PURGED_AT_ONCE + 5, 5, 0])
        self.assertEqual(notes.owned_by("u"), {"k": Note("live", "u", START + 10)})
        self.clock.advance(10)
        notes.replace("k", Note(), Note())
        self.assertEqual(len(notes), 0)

    def test_many_entries(self) -> None:
        """No verb looks through all of them: each statement finds its rows by an index, in the order wanted."""
        store = self.open()
        searches = {
            "_GET": "map=? AND key=?",
            "_OWNED": "map=? AND owner=?",
            "_PAGE": "map=? AND key>?",
            "_COUNT": "map=?",  # all of one map, in the index alone
            "_UPDATE": "map=? AND key=?",
            "_DELETE": "map=? AND key=?",
            "_DROP_OWNED": "map=? AND owner=?",
            "_PURGE": "map=? AND ends<?",
        }
        constants = {name: str(text) for name, text in vars(sqlite_store).items() if name.startswith("_")}
        statements = {name: text for name, text in constants.items() if "entries WHERE" in text or "UPDATE" in text}
        self.assertEqual(statements.keys(), searches.keys())
        for name, search in searches.items():
            with self.subTest(name):
                statement = statements[name]
                plan = [row[3] for row in store.read("EXPLAIN QUERY PLAN " + statement, *["x"] * statement.count("?"))]
                self.assertTrue(any(f"({search})" in step for step in plan), plan)
                for step in plan:
                    self.assertNotRegex(step, "SCAN|TEMP B-TREE")

    def test_text_of_every_kind(self) -> None:
        """Keys, values and owners are never read as SQL, cut at a NUL, or changed on the way."""
        notes = self.notes()
        texts = ("", "\0", "a\0b", "'; DROP TABLE entries; --", '"', "?1", "%_*", "\r\n", "\u2028\u2029", "\U0001f511",
                 "\ufeff", "\uffff", "\x85", "\\u0000", "e\u0301", "\u202e", "y" * 1_000_000)  # fmt: skip
        for text in texts:
            notes[text] = Note(text, text)
        for text in texts:
            with self.subTest(repr(text)[:20]):
                self.assertEqual(notes.get(text), Note(text, text))
                self.assertEqual(notes.owned_by(text), {text: Note(text, text)})
        self.assertEqual(list(notes.page("", 100)), sorted(texts)[1:])

    def test_two_maps(self) -> None:
        """Maps of one file know nothing of each other, and a map of the same name is the same map."""
        store = self.open()
        sessions, families = store.map("sessions", Note), store.map("families", Note)
        sessions["k"] = Note("session", "u")
        self.assertIsNone(families.get("k"))
        self.assertEqual((len(families), families.owned_by("u"), families.drop_owned_by("u")), (0, {}, 0))
        self.assertEqual(store.map("sessions", Note).get("k"), Note("session", "u"))


class WhenItCannotWrite(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(sqlite_store, "BUSY_SECONDS", 0.02)
        patch.start()
        self.addCleanup(patch.stop)

    def writes(self, notes: Map[Note]) -> dict[str, Callable[[], object]]:
        """Each verb that writes, on something that is there."""
        there = Note("there", "u")
        return {
            "[]=": lambda: notes.__setitem__("there", Note()),
            "setdefault": lambda: notes.setdefault("free", Note()),
            "pop": lambda: notes.pop("there"),
            "replace": lambda: notes.replace("there", there, Note()),
            "drop_owned_by": lambda: notes.drop_owned_by("u"),
        }

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another process is writing and does not come to an end."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def full(self) -> Iterator[None]:
        """The disk takes no more: no file may become longer than the store's own are."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = max(os.path.getsize(f"{self.path}{suffix}") for suffix in ("", "-wal", "-shm"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_in_the_middle(self) -> None:
        """Each write raises, reads go on, nothing has changed; and when it is over, all is well by itself."""
        for name, trouble in {"locked": self.locked, "full": self.full}.items():
            store = self.open()
            notes = store.map("notes", Note)
            notes["there"] = Note("there", "u")
            while name == "full" and os.path.getsize(f"{self.path}-wal") < 32768:
                notes["fill"] = Note("longer than the index of the log")
            with self.subTest(name):
                with trouble():
                    for verb, write in self.writes(notes).items():
                        with self.subTest(verb):
                            self.assertRaises(StoreUnavailable, write)
                            self.assertEqual(notes.get("there"), Note("there", "u"))
                            self.assertIsNone(notes.get("free"))
                            self.assertEqual(list(notes.owned_by("u")), ["there"])
                    self.assertRaises(StoreUnavailable, store.check)
                store.check()
                for write in self.writes(notes).values():
                    write()
                    notes["there"] = Note("there", "u")
            self.doCleanups()
            self.setUp()

    def test_a_touch_meanwhile(self) -> None:
        """The thread that serves everybody waits for nobody who writes: what it may lose is lost, and is written again
        later; one slow disk would hold up every client."""
        store = self.open()
        notes, seen = store.map("notes", Note), Note("seen", "u")
        notes["k"] = seen
        with mock.patch.object(sqlite_store, "BUSY_SECONDS", 60):
            for name, busy in {"another process": self.locked, "another thread": self.writing_elsewhere(store)}.items():
                with self.subTest(name):
                    with busy():
                        self.assertFalse(notes.touch("k", seen, Note("seen again", "u")))
                    self.assertEqual(notes.get("k"), seen)
            with mock.patch.object(store, "_one_writer") as lock:
                lock.acquire.return_value = False
                self.assertFalse(notes.touch("k", seen, Note("seen again", "u")))
                lock.acquire.assert_called_once_with(timeout=0)
        self.assertTrue(notes.touch("k", seen, Note("seen again", "u")))
        self.assertEqual(self.open().map("notes", Note).get("k"), Note("seen again", "u"))

    def test_whoever_is_logged_in_meanwhile(self) -> None:
        """Another process that writes on and on holds up no reader, though a session's last use is to be noted."""
        harness = Harness(store=lambda now: SqliteStore(str(self.path), now))
        harness.sign_up()
        cookie = harness.cookie()
        harness.clock.advance(TOUCH_INTERVAL)
        head = f"GET /me HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n"
        with mock.patch.object(sqlite_store, "BUSY_SECONDS", 60), running(harness.app) as server, self.locked():
            self.assertEqual(status(exchange(server, head.encode())), 200)

    def writing_elsewhere(self, store: SqliteStore) -> Callable[[], AbstractContextManager[None]]:
        """Another thread of this process is writing while the block runs."""

        @contextmanager
        def busy() -> Iterator[None]:
            begun, end = threading.Event(), threading.Event()

            def write() -> None:
                with store.writing():
                    begun.set()
                    end.wait(30)

            thread = threading.Thread(target=write)
            thread.start()
            begun.wait(30)
            try:
                yield
            finally:
                end.set()
                thread.join()

        return busy

    def test_a_touch_and_the_disk(self) -> None:
        """A touch is not flushed, and the next write that is promised flushes it, too; the log it leaves to others."""
        store = SqliteStore(str(self.path), self.clock)
        self.addCleanup(store.close)
        settings = ("PRAGMA synchronous", "PRAGMA wal_autocheckpoint", "PRAGMA busy_timeout")
        for waits, expected in {True: [(2,), (1000,), (20,)], False: [(1,), (0,), (0,)]}.items():
            connection = store.borrow(waits)
            self.assertEqual([connection.execute(setting).fetchone() for setting in settings], expected)
            store.give_back(connection, waits)

    def test_closed_while_a_checkpoint_is_planned(self) -> None:
        """A store may be closed between the plan for a checkpoint and the start of its thread."""
        self.fill()
        store = self.open()
        store._checkpoint_due = threading.Timer(sqlite_store.CHECKPOINT_SECONDS, store._checkpoint)
        store.close()
        self.assertIsNone(store._checkpoint_due)

    def test_closed_while_others_read(self) -> None:
        """A connection that somebody reads with is closed when it comes back: to close it earlier crashes Python."""

        def job() -> list[str]:
            store, failures, over = SqliteStore(str(self.path), self.clock), [], threading.Event()
            notes: Map[Note] = store.map("notes", Note)
            notes["k"] = Note()

            def read_once() -> None:
                try:
                    assert notes.get("k") == Note()
                except Exception as error:
                    if "is locked" not in str(error):  # on a busy machine whoever closes it may take seconds
                        failures.append(repr(error))

            def read() -> None:
                while not over.is_set():
                    read_once()

            readers = [threading.Thread(target=read) for _ in range(4)]
            for reader in readers:
                reader.start()
            for _ in range(300):
                store.close()
                read_once()
            over.set()
            for reader in readers:
                reader.join()
            store.close()
            return failures

        self.assertEqual(in_a_fork(job), [])

    def test_many_waiting(self) -> None:
        """Those who wait behind each other wait no longer than those who wait alone: nobody hangs for minutes."""
        notes = self.notes()

        def refusal() -> str:
            with self.assertRaises(StoreUnavailable) as caught:
                notes.pop("k")
            return str(caught.exception)

        with self.locked():
            self.assertEqual(refusal(), "SQLite: database is locked")
            self.assertIn("SQLite: other threads have been writing for too long", race(*[refusal] * 10))

    def test_a_short_wait(self) -> None:
        """The twin: who writes for a moment only makes others wait, not fail."""
        with mock.patch.object(sqlite_store, "BUSY_SECONDS", 5):
            notes = self.notes()
        with mock.patch.object(sqlite_store, "BUSY_SECONDS", 5), self.locked():
            waiting = threading.Thread(target=notes.__setitem__, args=("k", Note()))
            waiting.start()
            waiting.join(0.05)
            self.assertTrue(waiting.is_alive())
        waiting.join()
        self.assertEqual(notes.get("k"), Note())

    def test_a_value_that_is_none(self) -> None:
        """What stands there and is not ours raises in every verb that has to understand it, and harms no other."""
        store = self.open()
        notes = store.map("notes", Note)
        for text in ("", "x", "[]", '{"text":"no such field","colour":1}', "5", "null", "[" * 100_000):
            with self.subTest(text[:10]):
                notes["k"], notes["other"] = Note("k", "u"), Note("other")
                with store.writing() as connection:
                    connection.execute("UPDATE entries SET value = ? WHERE key = 'k'", (text,))
                for look in (lambda: notes.get("k"), lambda: notes.page("", 9), lambda: notes.owned_by("u"),
                             lambda: notes.pop("k"), lambda: notes.replace("k", Note(), Note())):  # fmt: skip
                    self.assertRaises(StoreUnavailable, look)
                self.assertEqual(notes.get("other"), Note("other"))
                self.assertEqual(notes.drop_owned_by("u"), 1)  # and can be got rid of
        with store.writing() as connection:
            connection.execute("UPDATE entries SET value = CAST(x'ff' AS TEXT)")
        self.assertRaises(StoreUnavailable, notes.get, "other")

    def test_a_file_that_went_away(self) -> None:
        """A connection opened later does not make a new and empty file: that would be a server without accounts."""
        store = self.open()
        store.map("notes", Note)["k"] = Note()
        store.close()
        self.path.unlink()
        for verb in (partial(store.map("notes", Note).get, "k"), store.check):
            self.assertRaisesRegex(StoreUnavailable, "^SQLite: unable to open", verb)
        self.assertEqual(list(self.folder.iterdir()), [])


class Processes(ProcessRaces, StoreCase):
    RACERS = 4
    ROUNDS = 100

    def test_a_fork(self) -> None:
        """A forked process has the file for itself if the store was closed before; else it is told so and gets nothing.

        SQLite's locks do not go along: with the connection it inherited, or with one beside it, it would write over
        what others write.
        """
        store = self.open()
        notes = store.map("notes", Note)
        notes["k"] = Note("from the parent")

        def child() -> list[object]:
            seen: list[object] = []
            for verb in (partial(notes.get, "k"), partial(notes.pop, "k"), store.check):
                try:
                    seen.append(verb())
                except StoreUnavailable as error:
                    seen.append("forked" in str(error))
            return seen

        self.assertEqual(in_a_fork(child), [True, True, True])
        self.assertEqual(race(partial(in_a_fork, child)), [[True, True, True]])  # forked from another thread
        self.assertEqual(notes.get("k"), Note("from the parent"))
        store.close()
        self.assertEqual(in_a_fork(child), [Note("from the parent"), Note("from the parent"), []])
        self.assertIsNone(notes.get("k"))

    def test_a_second_store_on_the_file(self) -> None:
        """Opening the file again in one process does not make the process lose its locks, and with them its writes."""
        notes = self.notes()
        notes["before"] = Note()
        self.open().close()
        self.open()
        another = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM entries').fetchall()"
        subprocess.run([sys.executable, "-c", another, str(self.path)], check=True)
        notes["after"] = Note()
        self.assertEqual(self.rows("SELECT key FROM entries ORDER BY key"), [("after",), ("before",)])

    def test_threads_that_do_not_end(self) -> None:
        """Some servers' threads are not Python's and seem to live for ever: no call leaves a connection behind."""
        store = self.open()
        notes = store.map("notes", Note)
        notes["k"] = Note()
        for number in range(50):
            with mock.patch("threading.current_thread", return_value=threading.Thread(name=str(number))):
                self.assertEqual(notes.get("k"), Note())
        self.assertLessEqual(len(store._open), 3)

    def test_many_at_once(self) -> None:
        """After a rush no more connections stay than are kept for the next one, and a close leaves none to come back:
        each is an open file, and one that outlives a close would be forked along."""
        store = self.open()
        with mock.patch.object(sqlite_store, "MAX_IDLE", 2):
            for rush in [store.borrow() for _ in range(5)], [store.borrow() for _ in range(3)]:
                for connection in rush:
                    store.give_back(connection)
            self.assertEqual((len(store._idle[True]), len(store._open)), (2, 2))
            late = store.borrow()
            store.close()
            store.give_back(late)
            self.assertEqual((store._idle[True], self.open_files()), ([], 0))

    def test_threads_that_end(self) -> None:
        """A server that takes a new thread for each request does not run out of files."""
        notes = self.notes()
        notes["k"] = Note()
        for _ in range(5):
            self.assertEqual(race(*[partial(notes.get, "k")] * 4), [Note()] * 4)
        self.assertLess(self.open_files(), 3 * 6)


if __name__ == "__main__":
    unittest.main()
