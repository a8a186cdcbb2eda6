"""What does a login leave, at the client and at the server?

    identity         what says who one is: a record on the server, or what the client holds
    client holds     how many bytes travel each time, and what can be read in them without a key
    server storage   what so many logins leave behind

They are three of the seven rows; lockout.py, scaling.py and travel.py measure the others, cost.py what requests cost.

Rules of this file:
- each function measures one mechanism, so that its cell can be made anew with another;
- records are measured as the text that SQLite and Redis would store, with their keys: the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from authref import jwt
from authref.compare.figures import Block, Claim, Claims, Pair, Spread, Table, count, number, spread
from authref.compare.lab import EMAIL, Counting, Mechanism, guest, log_in, make_app
from authref.stores.codec import Codec

ACCOUNTS = {"users", "addresses", "admins"}  # the maps that are there before anybody logs in


@dataclass(frozen=True)
class Carried:
    """What a client holds after a login, and what it says."""

    mechanism: str
    says: dict[str, object]  # the record that the cookie stands for, or the token's own claims
    readable: tuple[str, ...]  # which of it can be read, without a key, in what the client holds
    header_bytes: int  # of the line that goes with each request
    refresh_bytes: int  # held, and sent only to be exchanged


@dataclass(frozen=True)
class Stored:
    """What so many logins, of as many users, left on the server."""

    mechanism: str
    logins: int
    records: int
    bytes_total: int
    bytes_each: Spread


def carried(mechanism: Mechanism, email: str = EMAIL) -> Carried:
    """What a client holds after this user's login."""
    store = Counting()
    app = make_app(store)
    with guest(app, email) as user:
        answer = log_in(app, mechanism, user)
        record = next(iter(store.maps["sessions"].page("", 1).values()), None)
    [(name, text)] = mechanism.credential(answer)
    readable = unverified_readable(text)
    says = {field: getattr(record, field) for field in record.__slots__} if record else readable
    refresh = str(json.loads(answer.body).get("refresh_token", ""))
    return Carried(mechanism.name, says, tuple(readable), len(f"{name}: {text}\r\n"), len(refresh))


def unverified_readable(credential: str) -> dict[str, object]:
    """What anybody can read in a credential, without any key: the members of what is JSON in its second part."""
    try:
        value = json.loads(jwt.decode(credential.split(".")[1].encode("ascii")))
    except (IndexError, jwt.Malformed, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def stored(mechanism: Mechanism, logins: int) -> Stored:
    """What this many logins leave in all maps but those of the accounts."""
    store = Counting()
    app = make_app(store)
    with guest(app) as alice:
        for index in range(logins):
            user = replace(alice, id=f"{index:022}")  # each another one: of one user, the 21st login ends the first
            store.maps["users"][user.id] = user
            log_in(app, mechanism, user)
        kept = [store.maps[name].page("", 2 * logins) for name in store.maps.keys() - ACCOUNTS]
    sizes = [len(key) + len(Codec(type(record)).write(record)) for page in kept for key, record in page.items()]
    return Stored(mechanism.name, logins, len(sizes), sum(sizes), spread(sizes or [0], "bytes"))


def claims(carried: Sequence[Carried], stored: Sequence[Stored]) -> dict[str, Claim]:
    """What the figures show."""
    session, token = carried
    each = [one.bytes_total / max(1, one.records) for one in stored if one.mechanism == "session"]
    counted = ", ".join(f"{one.records:,} of {one.logins:,} ({one.mechanism})" for one in stored)
    return {
        "readable": Claim(
            "A token tells whoever holds it whose it is; a cookie tells nothing.",
            "email" in token.readable and not session.readable,
            f"readable without a key: of a token {len(token.readable)} claims, of a cookie {len(session.readable)}"),
        "records": Claim(
            "A login leaves one record on the server, by either mechanism.",
            all(one.records == one.logins for one in stored), f"records of logins: {counted}"),
        "many": Claim(
            "A login takes as much room when there are many as when there is one.",
            max(each) <= 1.1 * min(each), f"{number(min(each))} to {number(max(each))} bytes a session"),
    }  # fmt: skip


def tell(carried: Sequence[Carried], stored: Sequence[Stored]) -> list[Block]:
    """The evidence for readers."""
    titles = ("IDENTITY by session: the record that the cookie stands for", "IDENTITY by token: what it says, decoded")
    return [
        Pair(*((title, *json.dumps(one.says, indent=2).split("\n"))
               for title, one in zip(titles, carried, strict=True))),
        Table("Client holds", ("by", "in each request", "readable without a key"),
              [(one.mechanism, spread([one.header_bytes], "bytes"), ", ".join(one.readable) or "nothing")
               for one in carried], charted=["in each request"]),
        Table("Server storage: what logins left, as stored text with its keys",
              ("after", "by", "a login leaves", "records", "bytes in all"),
              [(count(one.logins, "login"), one.mechanism, one.bytes_each, f"{one.records:,}", f"{one.bytes_total:,}")
               for one in stored], charted=["a login leaves"]),
        Claims("Identity, client holds, server storage", claims(carried, stored)),
    ]  # fmt: skip
