"""Where else can a map be kept? In a file that outlives the process, or in a server that several machines share.

    memory                    in the process; maps.py
    sqlite:PATH               in one file, for the processes of one machine; sqlite_store.py
    redis://HOST:PORT/NUMBER  in a Redis or Valkey server, for the processes of many; redis_store.py

All of them keep the promises of `maps.Map`, and one contract test holds them to it. The core cannot tell them apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from authref.maps import MemoryStore, Store


def open_store(name: str, now: Callable[[], float] = time.time) -> Store:
    """The store of this name, ready for use. Raises ValueError, one sentence with its remedy."""
    if name == "memory":
        return MemoryStore(now)
    if name.startswith("sqlite:") and name != "sqlite:":
        from authref.stores.sqlite_store import SqliteStore

        return SqliteStore(name.removeprefix("sqlite:"), now)
    if name.startswith(("redis://", "rediss://", "unix://")):
        try:
            from authref.stores.redis_store import RedisStore
        except ImportError:
            raise ValueError("The Redis store needs one more package: python -m pip install redis") from None
        return RedisStore(name, now)
    raise ValueError("A store is one of: memory, sqlite:PATH, redis://HOST:PORT/NUMBER")
