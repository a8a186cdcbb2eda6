"""How can a login last a month when its tokens last 15 minutes? By a second token, good for one use.

The access token is shown to every service and so is stolen most easily. The refresh token is shown only here,
and its use makes a successor (rotation, RFC 9700 §4.14). So a stolen one betrays itself: thief and owner hold
the same token, and whoever comes second brings one that was used before.

    refresh token = handle "." secret      the handle is the family's: all tokens that came from one login

Rules of this file:
- one token of a family lives. A second use within a minute of a token's first use is a retry (two tabs, an
  answer that got lost): it gets the living token, however many steps ahead. Any other use is theft;
- the record holds no token, but SHA-256 of the living one, and a step from each used one to its successor,
  masked by a keyed hash whose key is the used token. Who reads the store can use nothing, and who holds a
  token can go on from it;
- the record is changed by `replace` only: of many uses at once, each sees the one before it.

What is left to a thief: to come within a minute after each renewal of the owner. Both then hold the same token,
until the login ends. Once either side has used it, the other has a minute; a later use ends the family.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from authref import jwt
from authref.maps import Map
from authref.users import User

LIFETIME = 30 * 24 * 60 * 60  # seconds from the login on, however often it is refreshed
ACCESS_LIFETIME = 15 * 60  # seconds: how long a stolen access token stays useful when nothing is asked
RETRY_WINDOW = 60  # seconds: longer than clients wait for an answer before they ask again
MIN_AGE = 1  # seconds before a token is used up: so a record has 60 steps at most, however fast somebody asks

_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Family:
    """All refresh tokens that came from one login; times are Unix seconds."""

    user_id: str
    password_version: int  # of the password that the login proved
    created_at: float
    last_seen: float
    expires_at: float
    user_agent: str
    # SHA-256 of the living token; and steps: SHA-256 of a used token, when it was used first, its successor, masked.
    # Servers of the first edition kept hashes of several living tokens, and pass over steps.
    live: tuple[str, ...]
    used: str = ""  # SHA-256 of the token that was used up last
    used_at: float = 0.0  # when that was


class InvalidGrant(Exception):
    """The refresh token is refused; the message says why, for the log only."""


class Reused(InvalidGrant):
    """An old token came back: somebody has a copy. The caller must end this family."""


class Families:
    """All logins by token that can still be refreshed."""

    def __init__(self, records: Map[Family], now: Callable[[], float]) -> None:
        self.records, self._now = records, now

    def start(self, user: User, user_agent: str) -> tuple[Family, str]:
        """A new family's record, and its first refresh token."""
        token, now = _token(secrets.token_urlsafe(16), secrets.token_bytes(32)), self._now()
        live = (_sha256(token),)
        family = Family(user.id, user.password_version, now, now, now + LIFETIME, user_agent, live)
        self.records[family_of(token)] = family
        return family, token

    def use(self, token: str, family: Family | None) -> tuple[Family, str]:
        """The family after a use of its token, and the token to go on with. Raises InvalidGrant, Reused.

        That is "" when the next access token lasts as long as the family: nothing is left to renew.
        """
        while family is not None:
            changed, newest = self._after_use(family, token)
            if self.records.replace(family_of(token), family, changed):
                return changed, newest
            family = self.records.get(family_of(token))  # another use came between: look again
        raise InvalidGrant("unknown or ended")

    def _after_use(self, family: Family, token: str) -> tuple[Family, str]:
        """The record after a use of this token, and the token to go on with. Raises Reused."""
        now = self._now()
        steps = _recent_steps(family, now)
        newest = _follow(steps, token)
        # A clock set back must not hide when the last access token was given: the deny list keeps until then.
        family = replace(family, last_seen=max(now, family.last_seen))
        if _sha256(newest) in family.live:
            if family.expires_at - now <= ACCESS_LIFETIME:
                return family, ""
            if newest != token or now - family.used_at < MIN_AGE:
                return family, newest
        elif _sha256(newest) != family.used or now - family.used_at >= RETRY_WINDOW:
            raise Reused("used before")
        # else a server of the first edition used it up, and left no step: it gets another successor
        return _spend(family, steps, newest, now)


def family_of(token: str) -> str:
    """The id of the family that a refresh token names, living or not; "" for what is no refresh token."""
    match = _TOKEN.fullmatch(token)
    # Half a SHA-256 is enough to find the family, and keeps access tokens, which carry it, shorter.
    return _sha256(match[1])[:32] if match else ""


def _recent_steps(family: Family, now: float) -> dict[str, str]:
    """The steps of the last minute, by the used token's SHA-256. One ahead of our clock is recent too."""
    steps = {line.split()[0]: line for line in family.live if " " in line}
    return {used: step for used, step in steps.items() if now - float(step.split()[1]) < RETRY_WINDOW}


def _follow(steps: dict[str, str], token: str) -> str:
    """The newest token that this one leads to: itself, if no step begins there."""
    while step := steps.get(_sha256(token)):
        token = _token(token.partition(".")[0], _masked(bytes.fromhex(step.split()[2]), token))
    return token


def _spend(family: Family, steps: dict[str, str], token: str, now: float) -> tuple[Family, str]:
    """The record after this token is used up, and its successor, which lives from now on."""
    secret, used = secrets.token_bytes(32), _sha256(token)
    successor = _token(token.partition(".")[0], secret)
    used_at = max(now, family.used_at)  # by no clock may a step end before those that it leads to
    step = f"{used} {used_at} {_masked(secret, token).hex()}"
    living = (line for line in family.live if " " not in line and line != used)
    live = (*living, _sha256(successor), *steps.values(), step)
    return replace(family, live=live, used=used, used_at=used_at), successor


def _masked(secret: bytes, token: str) -> bytes:
    """The secret XOR a keyed hash, whose key is the token. The same again takes the mask off."""
    mask = hmac.digest(token.encode(), b"successor", "sha256")
    return bytes(a ^ b for a, b in zip(secret, mask, strict=True))


def _token(handle: str, secret: bytes) -> str:
    return f"{handle}.{jwt.encode(secret).decode()}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
