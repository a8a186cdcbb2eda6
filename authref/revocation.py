"""A signed word stays true until it expires. What does it cost to take it back earlier?

A session ends when its record goes. A token has no record: whoever has the key believes it and asks nobody.
To end one early, something must be asked at each request after all. The three answers here differ in what
is kept, and for how long:

    none        nothing is kept and nothing asked. Access ends with the token, at most 15 minutes later.
    denylist    the logins that were ended, each until some time after the last token it gave out has expired:
                a short list, for most tokens are never revoked.
    allowlist   the logins that live. A token then needs a look-up like a session and ends as exactly; the
                list is there already, for refreshing needs it.

The fourth answer is to change the key (keys.py): it ends every token of everybody.

A list names logins, by the `fam` claim that all tokens of one login share, and not single tokens (`jti`) or
a time before which a user's tokens count as old: one entry ends them all, whichever were handed out, and
nothing hangs on comparing two clock readings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from authref.maps import Map
from authref.refresh import Families, Family

ACCESS_LIFETIME = 15 * 60  # seconds: how long a stolen access token stays useful when nothing is asked
# Seconds that a denial outlives its token. Else a clock that went an hour ahead would end both, and with the clock
# set right again the token would live, and nobody remember that it was taken back.
CLOCK_ERROR = 2 * 60 * 60
MODES = ("none", "denylist", "allowlist")


class Revocation(Protocol):
    """What verifying an access token asks the server, and what the server notes when a login ends."""

    asks: str  # what it does to the store: "reads", or "" for nothing

    def is_revoked(self, family_id: str) -> bool:
        """True if the login that the token came from was ended."""

    def end(self, family_id: str, family: Family) -> None:
        """Note that the login ends."""


class Stateless(Revocation):
    """Nothing is kept, so nothing can be taken back."""

    asks = ""

    def is_revoked(self, family_id: str) -> bool:
        return False

    def end(self, family_id: str, family: Family) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Denial:
    """One login that was ended, for as long as it matters."""

    expires_at: float


class DenyList(Revocation):
    """The logins that were ended; empty on most days."""

    asks = "reads"

    def __init__(self, denials: Map[Denial], now: Callable[[], float] = time.time) -> None:
        self._denials, self._now = denials, now

    def is_revoked(self, family_id: str) -> bool:
        return self._denials.get(family_id) is not None

    def end(self, family_id: str, family: Family) -> None:
        # From its last token on, not from now: a clock set back must not let the entry go before the token.
        last_token = max(family.last_seen, self._now())
        self._denials[family_id] = Denial(last_token + ACCESS_LIFETIME + CLOCK_ERROR)


class AllowList(Revocation):
    """The logins that live. Ending one takes it off the list by itself."""

    asks = "reads"

    def __init__(self, families: Families) -> None:
        self._families = families

    def is_revoked(self, family_id: str) -> bool:
        return self._families.get(family_id) is None

    def end(self, family_id: str, family: Family) -> None:
        pass
