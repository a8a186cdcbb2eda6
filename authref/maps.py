"""Where does a server keep what it must remember? In a map, and the map must be able to forget.

A plain dict forgets nothing: sessions that ended would open doors for ever, "log this user out everywhere"
would search through everybody, and two requests at once could both believe that they were first.

Rules of a map here:
- a value may carry `expires_at` (Unix seconds); from that moment on the entry is not there;
- a value may carry `user_id`; all entries of one user are found without looking at anybody else's;
- each verb is atomic: whatever runs at once, one `setdefault` inserts, one `pop` gets, one `replace` wins.

`Map` is what callers may rely on, and a `Store` is where maps are kept. `MemoryMap` and `MemoryStore` keep
everything in this process and lose it with it; the room `stores/` has the ones that keep it.
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
        """Store the value if the key is free. Returns what is there now: `value` itself for whoever was first."""

    def pop(self, key: str) -> V | None:
        """Remove the entry and return its value: exactly one of several callers gets it, the others None."""

    def replace(self, key: str, old: V, new: V) -> bool:
        """Store `new` if the live value still equals `old`. False means that somebody else was faster."""

    def touch(self, key: str, old: V, new: V) -> bool:
        """`replace` for what may get lost, such as when somebody was last seen: rather than fail it does nothing.

        A store in which others wait for the disk does nothing rather than wait, too.
        """
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
        """How many live entries there are."""


class StoreUnavailable(Exception):
    """The store does not answer, or does not take what it is told: nothing may be promised, and nobody let in."""


class Store(Protocol):
    """Where maps are kept."""

    shared: bool  # other processes see the same maps
    slow: frozenset[str]  # "reads" and "writes", where those may keep the caller waiting
    key_file: str | None  # where the signing keys can lie beside it

    def map(self, name: str, kind: type[V]) -> Map[V]:
        """The map of this name, whose values are all of this dataclass."""

    def check(self) -> None:
        """Raise StoreUnavailable if something could not be kept just now."""

    def warnings(self) -> list[str]:
        """What this store may forget although it was told to keep it, in a sentence each."""

    def close(self) -> None:
        """Let go of files and connections; whoever asks again opens them again."""


class MemoryStore(Store):
    """Maps in this process."""

    shared = False
    slow: frozenset[str] = frozenset()
    key_file = None

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def map(self, name: str, kind: type[V]) -> Map[V]:
        return MemoryMap(self._now)

    def check(self) -> None:
        pass

    def warnings(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


class MemoryMap(Map[V]):
    """The map as a dict with two indexes: whose an entry is, and which one ends next."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._entries: dict[str, V] = {}
        self._owned: dict[str, tuple[str, ...]] = {}  # user id -> keys; a tuple, for most users own one or two
        self._ends: list[tuple[float, str]] = []  # a heap: the entry that ends first is on top
        self._lock = threading.RLock()

    def get(self, key: str) -> V | None:
        value = self._entries.get(key)  # one look-up is atomic by itself; the lock is for those that change things
        return None if value is None or self._ended(value) else value

    def __setitem__(self, key: str, value: V) -> None:
        with self._lock:
            self._purge()
            old = self._entries.get(key)
            self._entries[key] = value
            if _owner(old) != _owner(value):
                self._disown(key, _owner(old))
                self._own(key, _owner(value))
            end, old_end = _end(value), _end(old)
            if end is not None and (old_end is None or end < old_end):  # a later one is noticed by _purge
                heapq.heappush(self._ends, (end, key))

    def setdefault(self, key: str, value: V) -> V:
        with self._lock:
            current = self.get(key)
            if current is None:
                self[key] = value
            return value if current is None else current

    def pop(self, key: str) -> V | None:
        with self._lock:
            value = self.get(key)
            self._remove(key)
            return value

    def replace(self, key: str, old: V, new: V) -> bool:
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
            dropped = self.owned_by(user_id)
            for key in self._owned.pop(user_id, ()):
                del self._entries[key]
            return len(dropped)

    def page(self, after: str, limit: int) -> dict[str, V]:
        with self._lock:
            self._purge()
            keys = heapq.nsmallest(limit, (key for key in self._entries if key > after))
            return {key: self._entries[key] for key in keys}

    def __len__(self) -> int:
        with self._lock:
            self._purge()
            return len(self._entries)

    def _ended(self, value: V) -> bool:
        end = _end(value)
        return end is not None and end <= self._now()

    def _remove(self, key: str) -> None:
        self._disown(key, _owner(self._entries.pop(key, None)))

    def _own(self, key: str, owner: str | None) -> None:
        if owner is not None:
            self._owned[owner] = (*self._owned.get(owner, ()), key)

    def _disown(self, key: str, owner: str | None) -> None:
        if owner is not None:
            self._owned[owner] = tuple(other for other in self._owned[owner] if other != key)
            if not self._owned[owner]:
                del self._owned[owner]

    def _purge(self) -> None:
        """Remove what has ended, so that memory follows the live entries; each costs its own removal, no scan."""
        if len(self._ends) > 2 * len(self._entries) + 100:  # most of them left early: begin the heap anew
            self._ends = [(end, key) for key, value in self._entries.items() if (end := _end(value)) is not None]
            heapq.heapify(self._ends)
        while self._ends and self._ends[0][0] <= self._now():
            _, key = heapq.heappop(self._ends)
            value = self._entries.get(key)
            if value is not None and self._ended(value):
                self._remove(key)
            elif (end := _end(value)) is not None:  # replaced since by one that ends later
                heapq.heappush(self._ends, (end, key))


def _owner(value: object) -> str | None:
    return getattr(value, "user_id", None)


def _end(value: object) -> float | None:
    return getattr(value, "expires_at", None)
