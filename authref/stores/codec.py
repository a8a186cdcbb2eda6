"""How does a value become text and the same value again? As a JSON object, one member for each field.

JSON and not pickle: reading a pickle runs what stands in it, so whoever can write to the store would run the
server. The text is also how stores compare: equal values give equal text.

A field that a later version adds needs a default: entries from before do not have it.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from typing import Generic, TypeVar

from authref.maps import StoreUnavailable

V = TypeVar("V")

KEPT, LONGEST = 8192, 1024  # values of a map that are kept, and characters of what they were read from: 22 MB at most

_decoder = json.JSONDecoder()
_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Codec(Generic[V]):
    """Writes and reads the values of one frozen dataclass, whose fields are text, numbers, bools, None and tuples."""

    def __init__(self, kind: type[V]) -> None:
        self._kind = kind
        # Most requests come from few users, and to read JSON again costs more than to fetch it. It is kept by its text,
        # which is fetched each time: whoever changed the entry, also in another process, has changed its text. And it
        # is frozen, so that all who are given it may have the same one.
        self._kept = lru_cache(KEPT)(self._understand)
        self._names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        self._tuples = [field.name for field in fields(kind) if str(field.type).startswith("tuple")]  # type: ignore[arg-type]

    def write(self, value: V) -> str:
        """The value as text."""
        return _encoder.encode({name: getattr(value, name) for name in self._names})

    def read(self, text: str) -> V:
        """The value that the text says. Raises StoreUnavailable for what no version up to this one has written."""
        return self._kept(text) if len(text) <= LONGEST else self._understand(text)

    def _understand(self, text: str) -> V:
        try:
            members, end = _decoder.raw_decode(text)
            if end < len(text):
                raise ValueError
            for name in self._tuples:
                if name in members:
                    members[name] = tuple(members[name])  # JSON has lists only, and a list equals no tuple
            return self._kind(**members)
        except (ValueError, TypeError, RecursionError):
            raise StoreUnavailable(f"an entry is no {self._kind.__name__} of this version of authref") from None
