"""Who are you, and how do you prove it once?

An account is a name and a secret. `sign_up` makes one, `check_credentials` asks for the secret; sessions and tokens
only remember the answer.

Rules of this file:
- one address, one account, however it is spelt and however many sign up at once;
- an unknown address, a wrong password and a disabled account cost the same time and look the same. Otherwise a
  login form tells strangers who has an account here (enumeration). (Sign-up does tell; throttle.py limits it);
- ids are random and never used again, so that what a deleted user left behind opens nothing;
- while we hash, somebody may change the password. So `who_proved` asks afterwards: is it still the same one?
- an account and its address are two writes. After a crash in between nobody can log in, and the address is free.

Left out: proof that the address is theirs (a mail with a link), and multi-factor authentication.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field, replace

from authref.maps import Clock, Map
from authref.passwords import COST, MAX_COST, cost_of, hash_of_nobody, hash_password, objection, verify_password
from authref.wire import rfc3339

# local part "@" labels, ASCII only (the HTML standard's form): 'а' in Cyrillic, a trailing blank or a NUL
# would make a second account that looks like the first.
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@" + _LABEL + r"(?:\." + _LABEL + ")*")
MAX_EMAIL = 254  # characters (RFC 5321 §4.5.3.1)


@dataclass(frozen=True, slots=True)
class User:
    """One account. `created_at` is RFC 3339 text, in UTC."""

    id: str
    email: str
    role: str
    disabled: bool
    created_at: str
    password_hash: str = field(default="", repr=False)
    password_version: int = 0  # counts the changes: a login counts only for the password it proved
    change_number: int = 0  # of the last change of role or state; admins.py says what for
    expires_at: float | None = None  # set once the account is deleted

    def public(self) -> dict[str, object]:
        """What others may see, field by field: a new field stays inside until somebody adds it here."""
        return {
            "id": self.id,
            "email": self.email,
            "role": self.role,
            "disabled": self.disabled,
            "created_at": self.created_at,
        }

    @property
    def is_active_admin(self) -> bool:
        return self.role == "admin" and not self.disabled


@dataclass(frozen=True, slots=True)
class Pointer:
    """Whose the key is."""

    user_id: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """The highest bcrypt cost of any process or hash."""

    value: int


class EmailTaken(Exception):
    """Another account has this address."""


class InvalidCredentials(Exception):
    """The login failed. Its arguments, the reason and the user's id, are for the log, never for the client."""


class Users:
    """All accounts: their records by id, and whose each address is."""

    def __init__(
        self, records: Map[User], addresses: Map[Pointer], costs: Map[Cost], cost: int = COST, now: Clock = time.time
    ) -> None:
        self._records, self._addresses = records, addresses
        self._costs, self._cost, self._now = costs, cost, now
        self._highest_cost(cost)  # tells the other processes

    def sign_up(self, email: str, password: str, role: str = "user") -> User:
        """The new account. The caller has seen that `objections` is empty. Raises EmailTaken."""
        email, user_id = email.lower(), secrets.token_urlsafe(16)
        if self.by_email(email):  # spares the hash; who is first is decided below
            raise EmailTaken
        user = User(user_id, email, role, False, rfc3339(self._now()), hash_password(password, self._cost))
        self._records[user_id] = user
        mine = Pointer(user_id)
        found = self._addresses.setdefault(email, mine)
        # Each address is stored after its account: one without an account belongs to somebody who was deleted.
        if found != mine and (self.get(found.user_id) or not self._addresses.replace(email, found, mine)):
            self._records.pop(user_id)
            raise EmailTaken
        return user

    def check_credentials(self, email: str, password: str) -> User:
        """The user whose password this is; a weak hash is renewed. Raises InvalidCredentials after the same work."""
        user = self.by_email(email)
        stored = user.password_hash if user else ""
        work = self._highest_cost(cost_of(stored))
        right = verify_password(password, stored if cost_of(stored) else hash_of_nobody(work), work)
        if user is None:
            raise InvalidCredentials("unknown_user", None)
        if not right:
            raise InvalidCredentials("wrong_password", user.id)
        if user.disabled:
            raise InvalidCredentials("account_disabled", user.id)
        return self._strengthen(user, password)

    def set_password(self, user_id: str, password: str, proved_version: int) -> User | None:
        """The account with its new password, or None if the proof counts no more. Every older login is void."""
        stored = hash_password(password, self._cost)
        while user := self.who_proved(user_id, proved_version):
            changed = replace(user, password_hash=stored, password_version=user.password_version + 1)
            if self._records.replace(user_id, user, changed):
                return changed
        return None

    def who_proved(self, user_id: str, password_version: int) -> User | None:
        """The user of this id, if this version of their password is still theirs and they may log in."""
        user = self.get(user_id)
        return user if user and user.password_version == password_version and not user.disabled else None

    def get(self, user_id: str) -> User | None:
        """The account as it is now, or None."""
        return self._records.get(user_id)

    def by_email(self, email: str) -> User | None:
        """The account with this address, or None."""
        # Only what sign-up takes is looked up: lower() turns the Kelvin sign into 'k', another spelling of an address.
        pointer = self._addresses.get(email.lower()) if email.isascii() else None
        return self.get(pointer.user_id if pointer else "")  # as many look-ups for nobody

    def page(self, after: str, limit: int) -> tuple[list[User], str | None]:
        """Up to `limit` accounts with ids greater than `after`, and what to pass as `after` for more, or None."""
        records = self._records.page(after, limit)
        users = [user for user in records.values() if self._addresses.get(user.email) == Pointer(user.id)]
        return users, max(records) if len(records) == limit else None

    def _highest_cost(self, seen: int) -> int:
        """The highest cost that is known here, and from now on at least the one just seen."""
        known = self._costs.get("highest") or self._costs.setdefault("highest", Cost(self._cost))
        if known.value >= seen:
            return min(known.value, MAX_COST)
        self._costs.replace("highest", known, Cost(seen))  # unless another process was faster: look again
        return self._highest_cost(seen)

    def _strengthen(self, user: User, password: str) -> User:
        """The user with a hash of today's cost; only at login is the password at hand."""
        if cost_of(user.password_hash) >= self._cost:
            return user
        stronger = replace(user, password_hash=hash_password(password, self._cost))
        return stronger if self._records.replace(user.id, user, stronger) else user


def objections(email: str, password: str) -> dict[str, str]:
    """What is wrong with a sign-up, a sentence for each field; empty when nothing is."""
    found = {}
    if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email):
        found["email"] = "This is not an e-mail address of ASCII letters, digits and the usual signs."
    if sentence := objection(password, email):
        found["password"] = sentence
    return found
