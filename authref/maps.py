"""Where does a server keep what it must remember? In a map, and the map must be able to forget.

Rules of a map, which is a dict otherwise:
- a value may carry `expires_at` (Unix seconds); from then on the entry is not there, so no ended session opens doors;
- a value may carry `user_id`; all entries of one user are found without looking at anybody else's;
- each method is atomic: of many callers at once, one `setdefault` inserts, one `pop` gets, one `replace` wins.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

Clock = Callable[[], float]  # the time in Unix seconds
V = TypeVar("V")


class Map(Protocol[V]):
    """What every store offers. Keys are text; values are frozen and compared by content."""

    def get(self, key: str) -> V | None:
        """The live value, or None."""

    def __setitem__(self, key: str, value: V) -> None:
        """Store the value, whatever was there before."""

    def setdefault(self, key: str, value: V) -> V:
        """Store the value if the key is free. Returns what is there now."""

    def pop(self, key: str) -> V | None:
        """Remove the entry and return its value; None if there is none."""

    def replace(self, key: str, old: V, new: V) -> bool:
        """Store `new` if the live value still equals `old`. Returns whether it did."""

    def touch(self, key: str, old: V, new: V) -> bool:
        """`replace` for what may get lost, such as when somebody was last seen: it never fails."""
        with suppress(StoreUnavailable):
            return self.replace(key, old, new)
        return False

    def owned_by(self, user_id: str) -> dict[str, V]:
        """The live entries whose value has this `user_id`, in the order in which they were first stored."""

    def drop_owned_by(self, user_id: str) -> int:
        """Remove them all. Returns how many there were."""

    def page(self, after: str, limit: int) -> dict[str, V]:
        """Up to `limit` live entries with keys greater than `after`, in the order of their keys."""

    def __len__(self) -> int:
        """How many live entries there are; it may count them one by one."""


class StoreUnavailable(Exception):
    """The store does not answer, or keeps nothing: nothing may be promised, and nobody let in."""


class Store:
    """Where maps are kept: in this process, until it ends. `stores/` has others, which differ where they say so."""

    shared = False  # other processes see the same maps
    slow: frozenset[str] = frozenset()  # "reads" and "writes", where those may keep the caller waiting
    forgets = ""  # what it may drop although it was told to keep it
    key_file: str | None = None  # where the signing keys can lie beside it
    together: Callable[[list[Callable[[], bytes]]], list[bytes | None]] | None = None  # see stores/together.py

    def __init__(self, now: Clock = time.time) -> None:
        self._now = now

    def map(self, name: str, kind: type[V]) -> Map[V]:
        """The map of this name, whose values are all of this dataclass."""
        return MemoryMap(self._now)

    def check(self) -> list[str]:
        """What is odd just now, in a sentence each. Raises StoreUnavailable."""
        return []

    def warnings(self) -> list[str]:
        """The same, and what this store may forget although it was told to keep it."""
        return []

    def close(self) -> None:
        """Let go of files and connections; whoever asks again opens them again."""


class MemoryMap(Map[V]):
    """The map as a dict, and beside it the keys of each owner."""

    def __init__(self, now: Clock = time.time) -> None:
        self._now = now
        self._entries: dict[str, V] = {}
        self._owned: dict[str, tuple[str, ...]] = {}  # user id -> keys
        self._unchecked: list[str] = []  # keys at which tidying up has yet to look
        self._lock = threading.RLock()

    def get(self, key: str) -> V | None:
        value = self._entries.get(key)  # one look-up is atomic by itself; the lock is for changes
        return None if value is None or self._ended(value) else value

    def __setitem__(self, key: str, value: V) -> None:
        with self._lock:
            old, owner = self._entries.get(key), _owner(value)
            if old is None:
                self._tidy_up()
            self._entries[key] = value
            if _owner(old) != owner:
                self._disown(key, old)
                if owner is not None:
                    self._owned[owner] = (*self._owned.get(owner, ()), key)

    def setdefault(self, key: str, value: V) -> V:
        """What is there now: of several callers at once, one stores its value."""
        with self._lock:
            current = self.get(key)
            if current is None:
                self[key] = current = value
            return current

    def pop(self, key: str) -> V | None:
        """The value for the one caller that removes it; None for all others."""
        with self._lock:
            value = self.get(key)
            self._disown(key, self._entries.pop(key, None))
            return value

    def replace(self, key: str, old: V, new: V) -> bool:
        """True for the one caller that changes `old` to `new`."""
        with self._lock:
            if self.get(key) != old:
                return False
            self[key] = new
            return True

    def owned_by(self, user_id: str) -> dict[str, V]:
        with self._lock:
            keys = self._owned.get(user_id, ())
            return {key: value for key in keys if (value := self.get(key)) is not None}

    def drop_owned_by(self, user_id: str) -> int:
        with self._lock:
            return sum(self.pop(key) is not None for key in self._owned.get(user_id, ()))

    def page(self, after: str, limit: int) -> dict[str, V]:
        with self._lock:
            live = (key for key, value in self._entries.items() if key > after and not self._ended(value))
            return {key: self._entries[key] for key in heapq.nsmallest(limit, live)}

    def __len__(self) -> int:
        with self._lock:
            return sum(not self._ended(value) for value in self._entries.values())

    def _tidy_up(self) -> None:
        """Look at three entries and remove those that have ended: what comes in makes room."""
        if not self._unchecked:
            self._unchecked = list(self._entries)
        for key in self._unchecked[-3:]:
            if self.get(key) is None:
                self.pop(key)
        del self._unchecked[-3:]

    def _ended(self, value: V) -> bool:
        end = getattr(value, "expires_at", None)
        return end is not None and end <= self._now()

    def _disown(self, key: str, value: V | None) -> None:
        if (owner := _owner(value)) is not None:
            keys = tuple(other for other in self._owned.pop(owner) if other != key)
            if keys:
                self._owned[owner] = keys


def _owner(value: object) -> str | None:
    return getattr(value, "user_id", None)
