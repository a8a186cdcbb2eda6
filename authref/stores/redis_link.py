"""How is a Redis server reached, and by which of its connections may one still speak?

    redis://[USER]:PASSWORD@HOST:PORT/NUMBER             one server
    redis+sentinel://[USER]:PASSWORD@HOST:PORT,HOST:PORT/NAME/NUMBER   the master of this name, which Sentinel knows
    rediss://…, rediss+sentinel://…                      the same over TLS

Rules of this file:
- a connection that nobody used for a while is not used again. A firewall may have forgotten it, and would keep whoever
  speaks on it waiting; and the server behind it may be a master no more;
- where the master is, is asked again after a second of silence. Before Sentinel makes another one, the old one has
  been silent for longer than that: so no connection leads to an old master that came back.
"""

from __future__ import annotations

import math
import re
import socket
import time
from contextlib import suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

MAX_CONNECTIONS = 10_000  # as many as there are threads; unsaid, it is 100, and who comes after those gets an error
IDLE = 60.0  # seconds without use after which a connection is made anew; firewalls forget one after minutes
SENTINEL_IDLE = 1.0  # seconds: at most Sentinel's down-after-milliseconds, which is rarely less than 5,000
SENTINEL_TIMEOUT = 0.5  # seconds until the next sentinel is asked
SENTINEL_PORT = 26379

_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}  # seconds, seconds, times
_SENTINELS = re.compile(r"(rediss?)\+sentinel://([^@]*@)?([^/@]+)/([^/?#]+)(?:/([0-9]*))?(\?.*)?")


def connect(url: str, timeout: float) -> Any:
    """A client of the server at this address. Raises what redis-py raises; ValueError for what is no address."""
    how: dict[str, Any] = {
        "decode_responses": True,
        "max_connections": MAX_CONNECTIONS,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    if not url.startswith("unix:"):
        options = {getattr(socket, name): value for name, value in _KEEP_ALIVE.items() if hasattr(socket, name)}
        how |= {"socket_keepalive": True, "socket_keepalive_options": options}
    by_sentinel = "+sentinel:" in url.partition("//")[0]
    client: Any = _by_sentinel(url, how) if by_sentinel else redis.Redis.from_url(url, **how)
    pool = client.connection_pool
    pool.connection_class = _fresh(pool.connection_class, SENTINEL_IDLE if by_sentinel else IDLE)
    return client


def said(error: Exception) -> str:
    """What went wrong; of Sentinel in our own words, for redis-py writes down all it was told."""
    return "no sentinel names a master" if isinstance(error, MasterNotFoundError) else str(error)


def replicas(client: Any) -> int:
    """How many there are: those that Sentinel knows, also while they are away, or those that follow the master."""
    pool = client.connection_pool
    if sentinel := getattr(pool, "sentinel_manager", None):
        return len(sentinel.sentinels[0].sentinel_slaves(pool.service_name))
    return int(client.info("replication")["connected_slaves"])


def _by_sentinel(url: str, how: dict[str, Any]) -> Any:
    """A client of the master. The sentinels are asked without the password, and with it where they want one."""
    found = _SENTINELS.fullmatch(url)
    if found is None:
        raise ValueError
    scheme, credentials, places, name, number, query = found.groups("")
    hosts = [_place(place) for place in places.split(",")]
    parsed = parse_url(f"{scheme}://{credentials}host/{number or 0}{query}")  # type: ignore[no-untyped-call]
    named = {**how, **parsed, "ssl": scheme == "rediss"}
    for foreign in ("host", "connection_class"):
        named.pop(foreign, None)
    short = {"socket_timeout": SENTINEL_TIMEOUT, "socket_connect_timeout": SENTINEL_TIMEOUT}
    for_sentinels = {**named, **short, "db": 0, "max_connections": None}
    without = {key: value for key, value in for_sentinels.items() if key not in ("username", "password")}
    sentinel: Any = Sentinel(hosts, sentinel_kwargs=without)  # type: ignore[no-untyped-call]
    with suppress(MasterNotFoundError):
        sentinel.discover_master(name)
        return sentinel.master_for(name, **named)
    sentinel = Sentinel(hosts, sentinel_kwargs=for_sentinels)  # type: ignore[no-untyped-call]
    sentinel.discover_master(name)
    return sentinel.master_for(name, **named)


def _place(text: str) -> tuple[str, int]:
    """The host and the port."""
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::([0-9]+))?|([^:\[\]]+)(?::([0-9]+))?", text)
    if found is None:
        raise ValueError
    return found[1] or found[3], int(found[2] or found[4] or SENTINEL_PORT)


def _fresh(kind: Any, seconds: float) -> Any:
    """The kind of connection, but of each that was not used for so many seconds a new one."""

    class Fresh(kind):  # type: ignore[misc]
        used = -math.inf

        def connect(self) -> None:  # each time the pool lends it
            now = time.monotonic()
            if now - self.used > seconds:
                self.disconnect()
            self.used = now
            super().connect()

    return Fresh
