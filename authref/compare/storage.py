"""What do so many logins leave on the server?

Rules of this file:
- each login is another user's: of one user, the 21st would end the first;
- records are measured as the text that SQLite and Redis would store, with their keys: the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from authref.compare.figures import Block, Claim, Claims, Spread, Table, count, number, spread
from authref.compare.lab import Clock, Counting, Mechanism, guest, log_in, make_app
from authref.stores.codec import Codec

ACCOUNTS = {"users", "addresses", "admins", "roster", "costs"}  # the maps that are there before anybody logs in


@dataclass(frozen=True)
class Stored:
    """What so many logins, of as many users, left on the server."""

    mechanism: str
    logins: int
    records: int
    bytes_total: int
    bytes_each: Spread


def stored(mechanism: Mechanism, logins: int) -> Stored:
    """What this many logins leave in all maps but those of the accounts."""
    clock = Clock()
    clock.time += 0.123456  # as long a text as a real clock's
    store = Counting(clock)
    app = make_app(store, now=clock)
    with guest(app) as alice:
        for index in range(logins):
            user = replace(alice, id=f"{index:022}")
            store.maps["users"][user.id] = user
            log_in(app, mechanism, user)
        kept = [store.maps[name].page("", 2 * logins) for name in store.maps.keys() - ACCOUNTS]
    sizes = [len(key) + len(Codec(type(record)).write(record)) for page in kept for key, record in page.items()]
    return Stored(mechanism.name, logins, len(sizes), sum(sizes), spread(sizes or [0], "bytes"))


def claims(stored: Sequence[Stored]) -> dict[str, Claim]:
    """What the figures show."""
    each = [one.bytes_total / max(1, one.records) for one in stored if one.mechanism == "session"]
    counted = ", ".join(f"{one.records:,} of {one.logins:,} ({one.mechanism})" for one in stored)
    return {
        "records": Claim(
            "A login leaves one record on the server, by either mechanism.",
            all(one.records == one.logins for one in stored), f"records of logins: {counted}"),
        "many": Claim(
            "A login takes as much room when there are many as when there is one.",
            max(each) <= 1.1 * min(each), f"{number(min(each))} to {number(max(each))} bytes a session"),
    }  # fmt: skip


def tell(stored: Sequence[Stored]) -> list[Block]:
    """The evidence for readers."""
    rows = [(count(one.logins, "login"), one.mechanism, one.bytes_each, f"{one.records:,}", f"{one.bytes_total:,}")
            for one in stored]  # fmt: skip
    return [
        Table("Server storage: what logins left, as stored text with its keys",
              ("after", "by", "a login leaves", "records", "bytes in all"), rows, charted=["a login leaves"]),
        Claims("Server storage", claims(stored)),
    ]  # fmt: skip
