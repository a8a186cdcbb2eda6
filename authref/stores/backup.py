"""How is a database copied while somebody writes to it? By asking the database, which knows what belongs together.

A plain copy of the file lacks what still stands in the log beside it. And what comes back from a copy is the past:
sessions that were ended since, refresh tokens that were used, passwords that were changed because they had leaked.

Rules of this file:
- nothing is written over: both commands make a file that was not there, for its owner alone, or none;
- a restored store has no logins and knows no browsers. Denials stay: they only refuse. Those made since the copy are
  lost: an access token that was taken back since is believed again for what is left of its 15 minutes. A new key ends
  it, and so does --revocation allowlist, which asks for the login;
- the signing keys are in no copy: with the store, they would open every account.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from authref.stores.sqlite_store import SqliteStore, create_private

# What stands for a login, or for a browser that has seen one.
_LOGINS = "DELETE FROM entries WHERE map IN ('sessions', 'families', 'devices')"


def backup(store: str, copy: str) -> str:
    """Copy the store of this name, whole, into a new file; what to know about it. Raises ValueError, in a sentence."""
    path = _path(store)
    _copy(path, copy, "")
    return f"{copy} is a whole copy of {path}. The signing keys are not in it: copy {path}.keys, too."


def restore(copy: str, store: str) -> str:
    """Make a new store of the copy, without its logins; what to know about it. Raises ValueError, in a sentence."""
    path = _path(store)
    _copy(copy, path, _LOGINS)
    return (
        f"{path} is restored; everybody must log in again. Passwords are those of the copy: whoever changed theirs"
        f" since, because it leaked, must do so again. Without its keys in {path}.keys a start makes new ones: then no"
        " token goes on. With them, access tokens of the last 15 minutes do, also those that were taken back since."
    )


def _path(store: str) -> str:
    if not store.startswith("sqlite:") or store == "sqlite:":
        raise ValueError("Only a SQLite store is a file to copy; name it as sqlite:PATH.")
    return store.removeprefix("sqlite:")


def _copy(source: str, target: str, change: str) -> None:
    """Make `target` from what `source` holds after this change. Raises ValueError."""
    if not os.path.isfile(source):
        why = "is no ordinary file" if os.path.lexists(source) else "is not there"
        raise ValueError(f"{source} {why}; name the file to copy.")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise ValueError(f"Cannot make {target} ({error.strerror}); name another file.") from None
    try:
        create_private(target)
        _fill(source, target, change)
        SqliteStore(target).close()  # looks whether it is a store of ours, and sound
        with closing(sqlite3.connect(target)) as made:
            made.execute("PRAGMA journal_mode = DELETE")  # one file: who only reads it makes none beside it
    except BaseException as error:
        for ending in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                os.unlink(target + ending)
        if isinstance(error, sqlite3.Error):
            raise ValueError(f"Cannot copy {source} ({error}); name the file of a store.") from None
        raise


def _fill(source: str, target: str, change: str) -> None:
    """Copy by way of memory: no moment in which `target` holds what the change takes away."""
    readable = Path(source).absolute().as_uri() + "?mode=ro"
    with (
        closing(sqlite3.connect(readable, uri=True)) as original,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as between,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(between)
        if change:
            between.execute(change)
            between.execute("VACUUM")  # deleted entries lie in the free pages until then
        between.backup(copy)
