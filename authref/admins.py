"""How do you take rights away, so that somebody is always left who can give them?

Two admins demote each other in the same moment, and each has looked first: the other one was still there. What
was looked at must still be true when it is used. So all changes of rights go one after the other.

One record, the roster, lists who counts as an admin. A change writes it first, then the account, each only if
nobody was faster; else it begins anew.

Rules of this file:
- each change has a number of its own, which it leaves in the roster and in the account. So a slow writer
  finds what it has read changed, though it may look the same, and writes nothing late;
- an admin counts if their account carries the number beside their name on the roster. What a crash between the
  two writes leaves counts for nobody, until the change is repeated;
- without another admin who counts, none can be demoted, disabled or deleted;
- a deletion is such a change: the account has ended, and nothing that was on its way brings it back;
- whoever asks for a change is judged again after the roster was read, for they may have lost the right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from authref.maps import Map
from authref.users import Pointer, User

_KEY = "roster"  # of the only entry in its map


@dataclass(frozen=True, slots=True)
class Roster:
    """Who counts as an admin: each id with the number of the change that made it one."""

    number: int  # of the last change
    admins: dict[str, int]


class LastAdmin(Exception):
    """After this nobody could administer any more."""


class Leaving(Exception):
    """Whoever asks does not count: a change of their own rights is under way, or broke off."""


class Outdated(Exception):
    """Whoever asks has changed since they were let in: judge them anew."""


class Admins:
    """Roles, states and deletions of all accounts."""

    def __init__(
        self, records: Map[User], addresses: Map[Pointer], rosters: Map[Roster], listed: Map[Pointer]
    ) -> None:
        self._records, self._addresses, self._rosters = records, addresses, rosters
        self._listed = listed  # in the first edition each admin had an entry here, and there was no roster

    def change(
        self, user_id: str, by: User | None = None, before: Callable[[], object] | None = None, **fields: Any
    ) -> User | None:
        """The account with its new role or state, in force from the next request on; None if there is none.

        `before` is called just before an account is disabled or deleted. Raises LastAdmin, Outdated.
        """
        while True:
            roster = self._roster()  # read first: what is read afterwards holds as long as the roster does
            if by:
                self._judge(by, user_id, roster)
            user = by if by and by.id == user_id else self._records.get(user_id)
            if user is None:
                return None
            changed = replace(user, **fields)
            if changed == user and user.is_active_admin == _counts(user, roster):
                return user
            number = roster.number + 1
            admins = {id: listed for id, listed in roster.admins.items() if id != user_id}
            if changed.is_active_admin:
                admins[user_id] = number
            elif user.is_active_admin and not any(_counts(self._records.get(id), roster) for id in admins):
                raise LastAdmin("last admin")
            if before and changed.disabled:
                before()
            if self._rosters.replace(_KEY, roster, Roster(number, admins)):
                changed = replace(changed, change_number=number)
                if self._records.replace(user_id, user, changed):
                    return changed

    def delete(self, user_id: str, by: User | None = None, before: Callable[[], object] | None = None) -> bool:
        """True if the account was there and is gone. Raises LastAdmin, Outdated."""
        deleted = self.change(user_id, by, before, disabled=True, expires_at=0)
        self._addresses.drop_owned_by(user_id)  # also if the account was gone: a deletion may have broken off here
        return deleted is not None

    def _judge(self, by: User, user_id: str, roster: Roster) -> None:
        if self._records.get(by.id) != by:
            raise Outdated
        if by.id != user_id and not _counts(by, roster):
            raise Leaving("leaving")

    def _roster(self) -> Roster:
        found = self._rosters.get(_KEY)
        return found or self._rosters.setdefault(_KEY, Roster(0, dict.fromkeys(self._listed.page("", 1_000_000), 0)))


def _counts(user: User | None, roster: Roster) -> bool:
    return user is not None and user.is_active_admin and roster.admins.get(user.id) == user.change_number
