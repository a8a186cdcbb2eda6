"""Who are you, and how do you prove it once?

An account is a name somebody chose and a secret only they know. `sign_up` makes one, `check_credentials`
asks for the secret; everything after that, sessions and tokens, only remembers the answer.

Rules of this file:
- one address, one account, however it is spelt and however many sign up at once;
- an unknown address, a wrong password and a disabled account cost the same time and look the same from
  outside: otherwise a login form tells strangers who has an account here. (Signing up does tell, as long as
  addresses are not confirmed by mail; throttle.py counts that);
- ids are random and never used again, so that what was left behind by a deleted user opens nothing;
- writes are ordered so that a crash between two of them leaves a record nobody points to, never a pointer
  to nothing: an address that belongs to no account could never sign up again;
- there is always somebody who can administer: the last active admin cannot be demoted, disabled or deleted.
  Each active admin has a seat. Whoever is to go leaves the seat first and then looks who is still seated: of
  two who go at once, on whichever machines, each finds the other gone, and at least one is refused.

Left out: proof that the address is really theirs (a mail with a link), and multi-factor authentication.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from authref.maps import Map
from authref.passwords import COST, MAX_COST, cost_of, hash_of_nobody, hash_password, objection, verify_password
from authref.wire import rfc3339

# local part "@" labels, ASCII only (the HTML standard's form): 'а' in Cyrillic, a trailing blank or a NUL
# would make a second account that looks like the first.
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
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
    """An entry of an index, an address or a seat among the admins: it says whose it is."""

    user_id: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """The highest bcrypt cost that any process was started with, or that any hash has."""

    value: int


class EmailTaken(Exception):
    """Another account has this address."""


class LastAdmin(Exception):
    """After this nobody could administer any more."""


class InvalidCredentials(Exception):
    """The login failed. `reason` and `user_id` are for the event log; the client must not learn them."""

    def __init__(self, reason: str, user_id: str | None) -> None:
        super().__init__(reason)
        self.reason, self.user_id = reason, user_id


class Users:
    """All accounts: records by id, the e-mail index, and the ids of the admins."""

    def __init__(
        self,
        records: Map[User],
        addresses: Map[Pointer],
        admins: Map[Pointer],
        costs: Map[Cost],
        cost: int = COST,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._records, self._addresses, self._admins = records, addresses, admins
        self._costs, self._cost, self._now = costs, cost, now
        self._highest_cost(cost)  # tells the other processes
        self._signing_up: dict[str, str] = {}  # addresses whose password is being hashed, with the ids to come

    def sign_up(self, email: str, password: str, role: str = "user") -> User:
        """The new account. The caller has seen that `objections` is empty. Raises EmailTaken."""
        email, user_id = email.lower(), secrets.token_urlsafe(16)
        # Spares the hash where the answer is known; who is first is decided when the address is stored.
        if self._addresses.get(email) or self._signing_up.setdefault(email, user_id) != user_id:
            raise EmailTaken
        try:
            password_hash = hash_password(password, self._cost)
            user = User(user_id, email, role, False, rfc3339(self._now()), password_hash)
            if user.is_active_admin:
                self._admins[user.id] = Pointer(user.id)
            self._records[user.id] = user
        finally:
            del self._signing_up[email]
        if self._addresses.setdefault(email, Pointer(user.id)).user_id != user.id:
            self._forget(user)
            raise EmailTaken
        return user

    def check_credentials(self, email: str, password: str) -> User:
        """The user whose password this is. Raises InvalidCredentials.

        Every way to fail takes the same work: a quicker answer would tell who has no account, or an old one.
        """
        user = self.by_email(email)
        work = self._highest_cost(cost_of(user.password_hash) if user else 0)
        right = verify_password(password, user.password_hash if user else hash_of_nobody(work), work)
        if user is None:
            raise InvalidCredentials("unknown_user", None)
        if not right:
            raise InvalidCredentials("wrong_password", user.id)
        if user.disabled:
            raise InvalidCredentials("account_disabled", user.id)
        return self._strengthen(user, password)

    def get(self, user_id: str) -> User | None:
        """The account as it is now, or None."""
        return self._records.get(user_id)

    def page(self, after: str, limit: int) -> tuple[list[User], str | None]:
        """Up to `limit` accounts with ids greater than `after`, and what to pass as `after` for more, or None."""
        records = self._records.page(after, limit)
        users = [user for user in records.values() if self._is_whole(user)]
        return users, max(records) if len(records) == limit else None

    def change(self, user_id: str, *, role: str | None = None, disabled: bool | None = None) -> User | None:
        """The account with its new role or state, in force from the next request on. Raises LastAdmin."""
        while user := self._records.get(user_id):
            changed = replace(
                user,
                role=user.role if role is None else role,
                disabled=user.disabled if disabled is None else disabled,
            )
            if user.is_active_admin and not changed.is_active_admin:
                self._leave_seat(user)
            if changed.is_active_admin and not user.is_active_admin:  # else it would seat somebody who is just leaving
                self._admins[user.id] = Pointer(user.id)  # before the rights: a crash leaves a seat too many
            if self._records.replace(user.id, user, changed):
                return changed
            if user.is_active_admin:  # somebody else changed the record meanwhile: look again
                self._admins[user.id] = Pointer(user.id)
        self._admins.pop(user_id)  # the account was deleted meanwhile, and the seat may just have been written
        return None

    def set_password(self, user_id: str, password: str) -> User | None:
        """The account with its new password; every login that proved an older one is void."""
        password_hash = hash_password(password, self._cost)
        while user := self._records.get(user_id):
            version = user.password_version + 1
            changed = replace(user, password_hash=password_hash, password_version=version)
            if self._records.replace(user_id, user, changed):
                return changed
        return None

    def delete(self, user_id: str) -> bool:
        """True if the account was there and is gone. Raises LastAdmin."""
        user = self.change(user_id, disabled=True)  # what breaks off after this leaves an account that opens nothing
        if user is None:
            return False
        self._release(user)
        return self._forget(user)

    def by_email(self, email: str) -> User | None:
        """The account with this address, or None."""
        # Only what sign-up takes is looked up: lower() turns the Kelvin sign into 'k', another spelling of an address.
        pointer = self._addresses.get(email.lower()) if email.isascii() else None
        return self._records.get(pointer.user_id if pointer else "")  # as many look-ups for nobody

    def _is_whole(self, user: User) -> bool:
        """False for what a sign-up or a deletion that broke off has left: nobody can log in with it."""
        return self._addresses.get(user.email) == Pointer(user.id)

    def _release(self, user: User) -> None:
        """Free the address, unless it is somebody else's by now: an entry that has ended is not there."""
        self._addresses.replace(user.email, Pointer(user.id), Pointer(user.id, expires_at=0))

    def _forget(self, user: User) -> bool:
        """True for whoever removed the record, if several try at once."""
        removed = self._records.pop(user.id) is not None
        self._admins.pop(user.id)
        return removed

    def _leave_seat(self, user: User) -> None:
        """Take the user's seat away. Raises LastAdmin, and gives it back, if no other active admin has one."""
        self._admins.pop(user.id)
        after = ""
        while seats := self._admins.page(after, 100):
            others = (self._records.get(seat) for seat in seats)
            if any(other and other.is_active_admin and self._is_whole(other) for other in others):
                return
            after = max(seats)
        self._admins[user.id] = Pointer(user.id)
        raise LastAdmin

    def _highest_cost(self, seen: int) -> int:
        """The highest cost that is known here, and from now on at least the one just seen."""
        known = self._costs.get("highest") or self._costs.setdefault("highest", Cost(seen))
        if known.value >= seen:
            return min(known.value, MAX_COST)
        self._costs.replace("highest", known, Cost(seen))  # unless another process was faster: look again
        return self._highest_cost(seen)

    def _strengthen(self, user: User, password: str) -> User:
        """The user with a hash of today's cost; the password is at hand only now, at login."""
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
