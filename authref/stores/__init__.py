"""Where else can a map be kept? In a file that outlives the process, or in a server that several machines share.

    memory                    in the process; maps.py
    sqlite:PATH               in one file, for the processes of one machine; sqlite_store.py
    redis://HOST:PORT/NUMBER  in a Redis or Valkey server, for the processes of many; redis_store.py
    redis+sentinel://HOST:PORT,HOST:PORT/NAME   in the one that Sentinel calls the master; redis_link.py

All of them keep the promises of `maps.Map`, and one contract test holds them to it. The core cannot tell them apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from authref.maps import Store
from authref.terminal import pip_install


def open_store(name: str, now: Callable[[], float] = time.time, copies: int = 0) -> Store:
    """The store of this name, ready for use; `copies` counts the replicas that must have what is confirmed.

    Raises ValueError, one sentence with its remedy.
    """
    by_network = name.startswith(("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://"))
    if copies and not by_network:
        raise ValueError("Only Redis has replicas; leave --store-copies away.")
    if name == "memory":
        return Store(now)
    if name.startswith("sqlite:") and name != "sqlite:":
        from authref.stores.sqlite_store import SqliteStore

        return SqliteStore(name.removeprefix("sqlite:"), now)
    if by_network:
        try:
            from authref.stores.redis_store import RedisStore
        except ImportError:
            raise ValueError(f"The Redis store needs one more package: {pip_install('redis')}") from None
        return RedisStore(name, now, copies=copies)
    kinds = "memory, sqlite:PATH, redis://HOST:PORT/NUMBER, redis+sentinel://HOST:PORT,HOST:PORT/NAME"
    raise ValueError(f"A store is one of: {kinds}")
