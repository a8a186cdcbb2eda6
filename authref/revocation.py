"""A signed word stays true until it expires. What does it cost to take it back earlier?

A token has no record that could go: to end it early, something must be asked at each request after all. Three
answers differ in what is kept:

    none        nothing, and nothing is asked: the default. Access ends with the token, at most 15 minutes later.
    denylist    the logins that were ended, until their last tokens have expired: a short list.
    allowlist   the logins that live. A token then needs a look-up like a session and ends as promptly; the
                list is there already, for refreshing needs it.

The fourth answer is to change the key (keys.py): it ends every token of everybody. A list names logins, by the
`fam` claim that all tokens of one login share: one entry ends them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from authref.maps import Clock, Map
from authref.refresh import ACCESS_LIFETIME, Family

# Seconds that a denial outlives its token. Else a clock an hour ahead would end both, and once it is set right
# the token would live, and nobody remember that it was taken back.
CLOCK_ERROR = 2 * 60 * 60
MODES = ("none", "denylist", "allowlist")


@dataclass(frozen=True, slots=True)
class Denial:
    """One login that was ended, for as long as it matters."""

    expires_at: float


@dataclass(frozen=True)
class Revocation:
    """How logins by token end, and what verifying an access token asks about that."""

    mode: str
    families: Map[Family]
    denials: Map[Denial]
    now: Clock

    def is_revoked(self, family_id: str) -> bool:
        """True if the login that a token came from is known to have ended."""
        if self.mode == "denylist":
            return self.denials.get(family_id) is not None
        return self.mode == "allowlist" and self.families.get(family_id) is None

    def end(self, family_id: str, family: Family) -> None:
        """End a login. It is noted first: a crash in between must not leave one that nobody can end any more."""
        if self.mode == "denylist":
            # From its last token on, not from now: a clock set back must not let the entry go before the token.
            last_token = max(family.last_seen, self.now())
            self.denials[family_id] = Denial(last_token + ACCESS_LIFETIME + CLOCK_ERROR)
        self.families.pop(family_id)
