"""How can a login last a month when its tokens last 15 minutes? By a second token, good for one use.

A refresh token gets new tokens, and each use makes its successor (rotation, RFC 9700 §4.14). So a stolen one
betrays itself: thief and owner hold the same token, and whoever comes second brings a used one.

    refresh token = handle "." secret      the handle is the family's: all tokens that came from one login

    10:00:00    a token is used        its successor takes its place, the one token of the family that lives
    10:00:30    it is used again       a retry, from a second tab or after a lost answer: it gets the living token
    10:20:00    it is used again       theft: the family ends, for thief and owner

Rules of this file:
- whoever reads the store can use nothing. It holds SHA-256 of the living token, and for a minute a step from each
  used one: random text. Only who has that token can make its successor of it (HMAC, with the token as key);
- a token with the family's handle that neither lives nor is a retry was used before: theft;
- the record is changed by `replace` only: of two uses at once one is second, and looks again;
- a thief who always comes within a minute of the owner is not noticed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace

from authref import jwt
from authref.maps import Clock, Map
from authref.users import User

LIFETIME = 30 * 24 * 60 * 60  # seconds from the login on, however often it is refreshed
ACCESS_LIFETIME = 15 * 60  # seconds: how long a stolen access token is good when nothing is asked
RETRY_WINDOW = 60  # seconds: clients ask again sooner if no answer comes
MIN_AGE = 1  # seconds before a token is used up: so at most 60 steps, and a write a second

_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}")
Steps = dict[str, list[str]]  # by the used token's SHA-256


@dataclass(frozen=True, slots=True)
class Family:
    """All refresh tokens that came from one login; times are Unix seconds."""

    user_id: str
    password_version: int  # of the password that the login proved
    created_at: float
    last_seen: float
    expires_at: float
    user_agent: str
    # SHA-256 of the living token, and the steps: a token's SHA-256, the time of its first use, and a text.
    # The first edition kept hashes alone, of several living tokens; its servers pass over steps.
    live: tuple[str, ...]
    used: str = ""  # SHA-256 of the token that was used up last
    used_at: float = 0.0  # when that was


class InvalidGrant(Exception):
    """The refresh token is refused; the message says why, for the log only."""


class Reused(InvalidGrant):
    """An old token came back: somebody has a copy. The caller must end this family."""


def new_family(user: User, user_agent: str, now: float) -> tuple[Family, str]:
    """The record of a login, and its first refresh token."""
    token = f"{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}"
    live, end = (_sha256(token),), now + LIFETIME
    return Family(user.id, user.password_version, now, now, end, user_agent, live), token


def family_of(token: str) -> str:
    """The id of the family that a refresh token names, living or not; "" for what is no refresh token."""
    match = _TOKEN.fullmatch(token)
    # Half a SHA-256 is enough to find it, and keeps access tokens, which carry it, shorter.
    return _sha256(match[1])[:32] if match else ""


def use(families: Map[Family], token: str, family: Family | None, now: Clock) -> tuple[Family, str]:
    """The family after a use of its token, and the token to go on with. Raises InvalidGrant, Reused."""
    while family is not None:
        changed, newest = _after_use(family, token, now())
        if changed is family or families.replace(family_of(token), family, changed):
            return changed, newest
        family = families.get(family_of(token))  # another use came between: look again
    raise InvalidGrant("unknown or ended")


def _after_use(family: Family, token: str, now: float) -> tuple[Family, str]:
    """The record after a use of this token, and the token to go on with. Raises Reused."""
    steps, newest = _follow(family, token, now)
    # Never back, when a clock was set back: denials are kept for as long as the last access token.
    if now - family.last_seen >= MIN_AGE:
        family = replace(family, last_seen=now)
    if _sha256(newest) in family.live:
        if family.expires_at - now <= ACCESS_LIFETIME:
            return family, ""  # nothing is left to renew
        if newest != token or now - family.used_at < MIN_AGE:
            return family, newest
    elif _sha256(newest) != family.used or now - family.used_at >= RETRY_WINDOW:
        raise Reused("used before")
    # else a server of the first edition used it up, and left no step: it gets another successor
    return _spend(family, steps, newest, now)


def _follow(family: Family, token: str, now: float) -> tuple[Steps, str]:
    """The steps of the last minute, or ahead of our clock, and the newest token that this one leads to."""
    lines = (line.split() for line in family.live if " " in line)
    steps = {step[0]: step for step in lines if now - float(step[1]) < RETRY_WINDOW}
    while step := steps.get(_sha256(token)):
        token = _successor(token, step[2])
    return steps, token


def _spend(family: Family, steps: Steps, token: str, now: float) -> tuple[Family, str]:
    """The record after this token is used up, and its successor, which lives from now on."""
    used, text = _sha256(token), secrets.token_urlsafe(32)
    successor = _successor(token, text)
    used_at = max(now, family.used_at)  # by no clock may a step end before those that it leads to
    steps = {**steps, used: [used, str(used_at), text]}
    living = (line for line in family.live if " " not in line and line != used)
    live = (*living, _sha256(successor), *map(" ".join, steps.values()))
    return replace(family, live=live, used=used, used_at=used_at), successor


def _successor(token: str, text: str) -> str:
    secret = hmac.digest(token.encode(), text.encode(), "sha256")
    return f"{token.partition('.')[0]}.{jwt.encode(secret).decode()}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
