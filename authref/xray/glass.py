"""What does the server remember, and what changed just now? A store made of glass.

It keeps what the memory store keeps, in the same maps, and notes which verb was called on which entry while a request
is watched. The core does not know: a store is handed in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from authref.events import Events
from authref.maps import Map, Store

V = TypeVar("V")

ROWS = 40  # of a table on the page


@dataclass(slots=True)
class Change:
    """One entry of one map, before and after; None where there was, or is, none."""

    map: str
    key: str
    before: object
    after: object


@dataclass(slots=True)
class Notes:
    """What happened behind one request."""

    looked_up: dict[str, int] = field(default_factory=dict)  # map -> how often it was asked
    changes: list[Change] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


_watching = threading.local()


@contextmanager
def watched() -> Iterator[Notes]:
    """Notes of what this thread does to the maps and the log in the block."""
    notes = _watching.notes = Notes()
    try:
        yield notes
    finally:
        _watching.notes = None


def _notes() -> Notes | None:
    return getattr(_watching, "notes", None)


class GlassStore(Store):
    """The memory store, whose maps can be looked into. A map of a name is the same one each time it is asked for."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self.maps: dict[str, GlassMap[Any]] = {}

    def map(self, name: str, kind: type[V]) -> Map[V]:
        """The map of this name."""
        return self.maps.setdefault(name, GlassMap(name, super().map(name, kind)))

    def tables(self) -> dict[str, list[tuple[str, dict[str, object]]]]:
        """The newest entries of each map, in the form of a table: the key, and the columns."""
        return {name: each.rows() for name, each in self.maps.items()}


class GlassMap(Map[V]):
    """A map that passes each verb on, and notes it while a request is watched."""

    def __init__(self, name: str, inner: Map[V]) -> None:
        self._name, self._inner = name, inner

    def get(self, key: str) -> V | None:
        self._looked_up()
        return self._inner.get(key)

    def __setitem__(self, key: str, value: V) -> None:
        before = self._inner.get(key)
        self._inner[key] = value
        self._changed(key, before)

    def setdefault(self, key: str, value: V) -> V:
        self._looked_up()
        there = self._inner.setdefault(key, value)
        if there is value:
            self._changed(key, None)
        return there

    def pop(self, key: str) -> V | None:
        self._looked_up()
        value = self._inner.pop(key)
        if value is not None:
            self._changed(key, value)
        return value

    def replace(self, key: str, old: V, new: V) -> bool:
        self._looked_up()
        done = self._inner.replace(key, old, new)
        if done:
            self._changed(key, old)
        return done

    def owned_by(self, user_id: str) -> dict[str, V]:
        self._looked_up()
        return self._inner.owned_by(user_id)

    def drop_owned_by(self, user_id: str) -> int:
        self._looked_up()
        owned = self._inner.owned_by(user_id)
        dropped = self._inner.drop_owned_by(user_id)
        for key, value in owned.items():
            self._changed(key, value)
        return dropped

    def page(self, after: str, limit: int) -> dict[str, V]:
        self._looked_up()
        return self._inner.page(after, limit)

    def __len__(self) -> int:
        return len(self._inner)

    def rows(self) -> list[tuple[str, dict[str, object]]]:
        """Up to ROWS living entries, and what they hold."""
        return [(key, columns(value)) for key, value in self._inner.page("", ROWS).items()]

    def _looked_up(self) -> None:
        if notes := _notes():
            notes.looked_up[self._name] = notes.looked_up.get(self._name, 0) + 1

    def _changed(self, key: str, before: object) -> None:
        """Note what is left of this change and those before it: a try that was counted and taken back is none."""
        if notes := _notes():
            for earlier in [change for change in notes.changes if (change.map, change.key) == (self._name, key)]:
                before = earlier.before
                notes.changes.remove(earlier)
            after = self._inner.get(key)
            if before != after:
                notes.changes.append(Change(self._name, key, before, after))


class OverheardEvents(Events):
    """An event log that also tells a watched request what it says of it."""

    def __init__(self, log: Events) -> None:
        super().__init__()
        self._log = log

    def emit(self, event: str, **details: object) -> None:
        """Write the event, and note it."""
        if notes := _notes():
            notes.events.append(" ".join([event, *(f"{name}={value}" for name, value in details.items())])[:400])
        self._log.emit(event, **details)


def columns(value: object) -> dict[str, object]:
    """What the record holds, for a page: hashes of passwords stay inside, as `repr=False` asks."""
    if not is_dataclass(value):
        return {"value": str(value)[:200]}
    return {each.name: _cell(getattr(value, each.name)) if each.repr else "not shown" for each in fields(value)}


def _cell(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple):
        return [_cell(each) for each in value[:10]]
    if is_dataclass(value):
        return columns(value)
    return str(value)[:200]


class Clock:
    """The time of day, and how far somebody has put it forward."""

    def __init__(self) -> None:
        self.ahead = 0.0  # seconds

    def __call__(self) -> float:
        return time.time() + self.ahead
