"""How does a value become text and the same value again? As a JSON object, one member for each field.

JSON and not pickle: reading a pickle runs what stands in it, so whoever can write to the store would run the
server. The text is also how stores compare: equal values give equal text.

A field that a later version adds needs a default: entries from before do not have it.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Generic, TypeVar

from authref.maps import StoreUnavailable

V = TypeVar("V")

_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Codec(Generic[V]):
    """Writes and reads the values of one frozen dataclass, whose fields are text, numbers, bools, None and tuples."""

    def __init__(self, kind: type[V]) -> None:
        self._kind = kind
        self._names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        self._tuples = [field.name for field in fields(kind) if str(field.type).startswith("tuple")]  # type: ignore[arg-type]

    def write(self, value: V) -> str:
        """The value as text."""
        return _encoder.encode({name: getattr(value, name) for name in self._names})

    def read(self, text: str) -> V:
        """The value that the text says. Raises StoreUnavailable for what no version up to this one has written."""
        try:
            members = json.loads(text)
            for name in self._tuples:
                if name in members:
                    members[name] = tuple(members[name])  # JSON has lists only, and a list equals no tuple
            return self._kind(**members)
        except (ValueError, TypeError, RecursionError):
            raise StoreUnavailable(f"an entry is no {self._kind.__name__} of this version of authref") from None
