"""A SQLite store for tests: what they write need not outlive a power cut, and so waits for no disk."""

from __future__ import annotations

import sqlite3

from authref.stores.sqlite_store import SqliteStore


class UnflushedStore(SqliteStore):
    """One that does not wait for the disk."""

    def _connect(self, waits: bool) -> sqlite3.Connection:
        connection = super()._connect(waits)
        connection.execute("PRAGMA synchronous = OFF")
        return connection
