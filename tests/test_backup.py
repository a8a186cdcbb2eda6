"""A copy of a store is whole while servers write, and what is restored from one lets nobody in without a password."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
import unittest
from contextlib import chdir, closing
from pathlib import Path
from unittest import mock

from authref.keys import fresh_keys
from authref.stores import backup as room
from authref.stores import sqlite_store
from authref.stores.backup import backup, restore
from tests.basics import PASSWORD
from tests.support import Harness, body
from tests.test_maps import Note
from tests.unflushed import UnflushedStore

MAPS = ("users", "addresses", "sessions", "families", "devices", "denials")


class Backups(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path, self.copy, self.new = (str(self.folder / name) for name in ("store", "copy", "new"))

    def open(self, path: str) -> UnflushedStore:
        store = UnflushedStore(path)
        self.addCleanup(store.close)
        return store

    def fill(self) -> UnflushedStore:
        """A store that stays open, as that of a running server."""
        store = self.open(self.path)
        for name in MAPS:
            store.map(name, Note)["k"] = Note(f"secret of {name}")
        return store

    def kept(self, path: str) -> set[str]:
        store = self.open(path)
        return {name for name in MAPS if store.map(name, Note).get("k")}

    def test_a_copy_of_a_running_store(self) -> None:
        """It holds what was written, the log's part too, in one file for its owner; it says where the keys are."""
        self.fill()
        self.assertIn(f"copy {self.path}.keys", backup(f"sqlite:{self.path}", self.copy))
        self.assertEqual(os.stat(self.copy).st_mode & 0o7777, 0o600)
        self.assertEqual({path.name for path in self.folder.glob("copy*")}, {"copy"})
        self.assertEqual(self.kept(self.copy), set(MAPS))

    def test_what_a_restored_store_has(self) -> None:
        """Accounts and denials, and no login or known browser, not even in the file's free pages."""
        self.fill()
        backup(f"sqlite:{self.path}", self.copy)
        before = Path(self.copy).read_bytes()
        said = restore(self.copy, f"sqlite:{self.new}")
        self.assertEqual({path.name for path in self.folder.glob("copy*")}, {"copy"})
        self.assertEqual(Path(self.copy).read_bytes(), before)
        self.assertRegex(said, "everybody must log in again. Passwords are those of the copy")
        self.assertRegex(said, "access tokens of the last 15 minutes do, also those that were taken back since")
        content = Path(self.new).read_bytes()
        self.assertNotIn(b"secret of sessions", content)
        self.assertIn(b"secret of users", content)
        self.assertEqual(self.kept(self.new), {"users", "addresses", "denials"})
        self.assertEqual(os.stat(self.new).st_mode & 0o7777, 0o600)

    def test_a_token_that_was_taken_back_since(self) -> None:
        """What restore says of access tokens: they go on, unless the list of living logins or the key has changed."""
        for mode, fresh_key, expected in (("denylist", False, 200), ("allowlist", False, 401), ("denylist", True, 401)):
            with self.subTest(mode, fresh_key=fresh_key), tempfile.TemporaryDirectory() as folder:
                before, copy, after = (f"{folder}/{name}" for name in ("before", "copy", "after"))
                lab = Harness(lambda now, path=before: self.open(path), revocation=mode)
                lab.sign_up()
                tokens = body(lab.send("POST", "/token/login", {"email": "alice@example.com", "password": PASSWORD}))
                backup(f"sqlite:{before}", copy)
                lab.send("POST", "/token/logout", {"refresh_token": tokens["refresh_token"]})
                bearer = {"authorization": f"Bearer {tokens['token']}"}
                self.assertEqual(lab.send("GET", "/token/me", **bearer).status, 401)
                restore(copy, f"sqlite:{after}")
                keys = fresh_keys() if fresh_key else lab.app.settings.keys
                again = Harness(lambda now, path=after: self.open(path), revocation=mode, keys=keys)
                self.assertEqual(again.send("GET", "/token/me", **bearer).status, expected)

    def test_a_file_that_is_there(self) -> None:
        """Neither command writes over a file, and the file stays as it was."""
        self.fill()
        Path(self.new).write_text("mine")
        self.assertRaisesRegex(ValueError, "File exists", backup, f"sqlite:{self.path}", self.new)
        self.assertRaisesRegex(ValueError, "File exists", restore, self.path, f"sqlite:{self.new}")
        self.assertEqual(Path(self.new).read_text(), "mine")

    def test_what_is_no_store(self) -> None:
        """A file that is missing, text, or another program's is refused in a sentence, and no copy is left."""
        text, foreign = self.folder / "text", self.folder / "foreign"
        text.write_text("To do: buy milk\n" * 1000)
        with closing(sqlite3.connect(foreign)) as connection:
            connection.execute("CREATE TABLE entries (map)")
        for source in (self.folder / "missing", self.folder, text, foreign):
            with self.subTest(source.name):
                self.assertRaisesRegex(ValueError, r"^\S.*\.$", backup, f"sqlite:{source}", self.copy)
                self.assertRaisesRegex(ValueError, r"^\S.*\.$", restore, str(source), f"sqlite:{self.new}")
                self.assertEqual(list(self.folder.glob("copy*")) + list(self.folder.glob("new*")), [])
        for name in ("memory", "sqlite:", "redis://localhost"):
            self.assertRaisesRegex(ValueError, r"^Only a SQLite store .* sqlite:PATH\.$", backup, name, self.copy)

    def test_a_file_that_is_away(self) -> None:
        """A store that is not there is told from a folder that is no store."""
        self.assertRaisesRegex(ValueError, " is not there; ", backup, f"sqlite:{self.path}-away", self.copy)
        self.assertRaisesRegex(ValueError, " is no ordinary file; ", backup, f"sqlite:{self.folder}", self.copy)

    def test_a_copy_is_only_read(self) -> None:
        """Who restores finds the copy as it lay, its log too: the next attempt needs both."""
        self.fill()
        for ending in ("", "-wal"):
            Path(self.copy + ending).write_bytes(Path(self.path + ending).read_bytes())
        before = [Path(self.copy + ending).read_bytes() for ending in ("", "-wal")]
        restore(self.copy, f"sqlite:{self.new}")
        self.assertEqual([Path(self.copy + ending).read_bytes() for ending in ("", "-wal")], before)
        self.assertEqual(self.kept(self.new), {"users", "addresses", "denials"})

    def test_what_lies_about_afterwards(self) -> None:
        """No file but the one that was asked for: the logins that a restore takes away would stand in it."""
        self.fill()
        with chdir(self.folder):
            backup(f"sqlite:{self.path}", self.copy)
            restore(self.copy, f"sqlite:{self.new}")
        there = {path.name for path in self.folder.iterdir()}
        self.assertEqual(there, {"store", "store-wal", "store-shm", "copy", "new"})

    def test_a_copy_that_breaks_off(self) -> None:
        """Nothing of it stays: SQLite would take a log beside the next file of that name for a part of it."""

        def break_off(source: str, target: str, change: str) -> None:
            for ending in ("", "-journal", "-wal", "-shm"):
                Path(target + ending).write_bytes(b"half")
            raise sqlite3.OperationalError("disk I/O error")

        self.fill()
        with mock.patch.object(room, "_fill", break_off):
            self.assertRaisesRegex(ValueError, "disk I/O error", backup, f"sqlite:{self.path}", self.copy)
        self.assertEqual(list(self.folder.glob("copy*")), [])

    def test_a_copy_of_the_file_alone(self) -> None:
        """It is a store of ours from the first second, and holds what was written after a while, without a close."""
        with mock.patch.object(sqlite_store, "CHECKPOINT_SECONDS", 0.01):
            self.open(self.path)
            with closing(sqlite3.connect(f"file:{self.path}?immutable=1", uri=True)) as alone:  # not the log
                self.assertEqual(alone.execute("SELECT count(*) FROM entries").fetchone(), (0,))
                self.assertEqual(alone.execute("PRAGMA application_id").fetchone(), (sqlite_store.APPLICATION_ID,))
            self.fill()
            give_up = time.monotonic() + 30
            while b"secret of denials" not in Path(self.path).read_bytes() and time.monotonic() < give_up:
                time.sleep(0.01)
            self.assertIn(b"secret of denials", Path(self.path).read_bytes())


if __name__ == "__main__":
    unittest.main()
