"""How can a login last a month when its tokens last 15 minutes? By a second token, good for one use.

The access token is shown to every service and so is stolen most easily; the refresh token is shown only
here, only to be exchanged. Each exchange gives a new one and ends the old one (rotation, RFC 9700 §4.14).
So a stolen refresh token betrays itself: sooner or later thief and owner both use it, and the second use
ends the whole family, that is, everything that came from one login.

    refresh token = handle "." secret      the handle is the family's, the secret is this token's own

Rules of this file:
- one record a family, changed by `replace` only, so that of many uses at once each sees the one before it;
- the record holds SHA-256 of what the client holds: whoever reads the store can use nothing of it;
- within 10 seconds, and only for the token used last, a second use is a retry (two tabs, an answer that got
  lost) and gets a successor of its own. Whatever else carries a living handle and is not live is an old
  token come back: theft;
- a family ends 30 days after its login, however often it is refreshed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from authref.maps import Map
from authref.users import User

LIFETIME = 30 * 24 * 60 * 60  # seconds from the login on
RETRY_WINDOW = 10  # seconds in which an answer that got lost is asked for again
MAX_LIVE = 1000  # unused tokens of one family: a retry adds one, and someone may retry on purpose

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
    live: tuple[str, ...]  # SHA-256 of each token that may be used
    used: str = ""  # SHA-256 of the token that was used last
    used_at: float = 0.0  # when it was used first


class InvalidGrant(Exception):
    """The refresh token is refused; the message says why, for the log only."""


class Reused(InvalidGrant):
    """An old token came back: somebody has a copy. The caller must end this family."""

    def __init__(self, family_id: str) -> None:
        super().__init__("reused")
        self.family_id = family_id


class Families:
    """All logins by token that can still be refreshed."""

    def __init__(self, records: Map[Family], now: Callable[[], float] = time.time) -> None:
        self._records, self._now = records, now

    def start(self, user: User, user_agent: str) -> tuple[str, Family, str]:
        """A new family: its id, its record, and its first refresh token."""
        handle, now = secrets.token_urlsafe(16), self._now()
        token = _token(handle)
        live = (_sha256(token),)
        family = Family(user.id, user.password_version, now, now, now + LIFETIME, user_agent, live)
        self._records[_family_id(handle)] = family
        return _family_id(handle), family, token

    def use(self, token: str) -> tuple[str, Family, str]:
        """The family's id, its record, and the successor of this token. Raises InvalidGrant, Reused."""
        family_id, successor = family_of(token), _token(token.partition(".")[0])
        while family := self._records.get(family_id):
            changed = self._after_use(family, _sha256(token), _sha256(successor))
            if changed is None:
                raise Reused(family_id)
            if self._records.replace(family_id, family, changed):
                return family_id, changed, successor
            # else another use came between: look again
        raise InvalidGrant("unknown or ended")

    def _after_use(self, family: Family, used: str, successor: str) -> Family | None:
        """The record after a use of the token with this hash; None when that is theft. Raises InvalidGrant."""
        now = self._now()
        # A clock set back must not hide when the last access token was given: the deny list keeps until then.
        family = replace(family, last_seen=max(now, family.last_seen))
        if used in family.live:
            others = tuple(token for token in family.live if token != used)
            return replace(family, live=(*others, successor), used=used, used_at=now)
        if used != family.used or abs(now - family.used_at) >= RETRY_WINDOW:
            return None
        if len(family.live) >= MAX_LIVE:
            raise InvalidGrant("too many retries")
        return replace(family, live=(*family.live, successor))

    def get(self, family_id: str) -> Family | None:
        """The family while it lives."""
        return self._records.get(family_id)

    def owned_by(self, user_id: str) -> dict[str, Family]:
        """The user's living families."""
        return self._records.owned_by(user_id)

    def end(self, family_id: str) -> None:
        """None of the family's tokens can be used from now on."""
        self._records.pop(family_id)


def family_of(token: str) -> str:
    """The id of the family that a refresh token names, living or not; "" for what is no refresh token."""
    match = _TOKEN.fullmatch(token)
    return _family_id(match[1]) if match else ""


def _token(handle: str) -> str:
    return f"{handle}.{secrets.token_urlsafe(32)}"


def _family_id(handle: str) -> str:
    # Half a SHA-256 is enough to find the family, and keeps access tokens, which carry it, shorter.
    return _sha256(handle)[:32]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
