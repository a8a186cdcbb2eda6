"""How do you take rights away, so that somebody is always left who can give them?

Two admins demote each other in the same moment, and each has looked first: the other one was still there. What
was looked at must still be true when it is used. So all changes of rights go one after the other, however many
servers make them: each is decided by one write of one record, the roster.

Rules of this file:
- the roster holds the last change, with its number. The account follows, and carries the number then. Whoever
  comes next writes it there first, should that have broken off, and only then looks at anything;
- a change takes the place of the last one only if that is still the last. Else it looks again;
- without another active admin, none can be demoted, disabled or deleted;
- a deletion is a change like others, so nothing that was on its way brings an account back;
- whoever asks for a change must then still be who they were when they were let in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from authref.maps import Map
from authref.users import Pointer, User

_KEY = "roster"  # of the only entry in its map
Before = Callable[[], object] | None


@dataclass(frozen=True, slots=True)
class Roster:
    """Who the active admins are, and the last change: its number, and what it made of whom."""

    admins: tuple[str, ...]
    number: int = 0
    user_id: str = ""
    role: str = ""
    disabled: bool = False
    deleted: bool = False


class LastAdmin(Exception):
    """After this nobody could administer any more."""


class Outdated(Exception):
    """Whoever asks is not who they were when they were let in: judge them anew."""


class Admins:
    """Roles, states and deletions of all accounts."""

    def __init__(
        self, records: Map[User], addresses: Map[Pointer], rosters: Map[Roster], listed: Map[Pointer]
    ) -> None:
        self._records, self._addresses, self._rosters = records, addresses, rosters
        self._listed = listed  # in the first edition each admin had an entry here, and there was no roster

    def change(self, user_id: str, by: User | None = None, before: Before = None, **fields: Any) -> User | None:
        """The account with its new role or state, in force from the next request on; None if there is none.

        `before` is called just before an account is disabled or deleted. Raises LastAdmin, Outdated.
        """
        while True:
            roster = self._roster()
            self._finish(roster)
            if by and self._records.get(by.id) != by:
                raise Outdated
            user = self._records.get(user_id)
            if user is None:
                return None
            changed = replace(user, **fields)
            if changed == user and user.is_active_admin == (user_id in roster.admins):
                return user
            others = tuple(id for id in roster.admins if id != user_id)
            steps_down = user.is_active_admin and not changed.is_active_admin
            rest = map(self._records.get, others)
            if steps_down and not any(one and one.is_active_admin for one in rest):
                raise LastAdmin
            if before and changed.disabled:
                before()
            admins = (*others, user_id) if changed.is_active_admin else others
            deleted = changed.expires_at is not None
            decided = Roster(admins, roster.number + 1, user_id, changed.role, changed.disabled, deleted)
            if self._rosters.replace(_KEY, roster, decided):
                self._finish(decided)
                return replace(changed, change_number=decided.number)

    def delete(self, user_id: str, by: User | None = None, before: Before = None) -> bool:
        """True if the account was there and is gone. Raises LastAdmin, Outdated."""
        deleted = self.change(user_id, by, before, disabled=True, expires_at=0)
        self._addresses.drop_owned_by(user_id)  # also if the account was gone: a deletion may have broken off here
        return deleted is not None

    def _roster(self) -> Roster:
        found = self._rosters.get(_KEY)
        return found or self._rosters.setdefault(_KEY, Roster(tuple(self._listed.page("", 1_000_000))))

    def _finish(self, roster: Roster) -> None:
        """Write the last change into its account, unless somebody has."""
        while (user := self._records.get(roster.user_id)) and user.change_number < roster.number:
            changed = replace(user, role=roster.role, disabled=roster.disabled, change_number=roster.number)
            self._records.replace(user.id, user, replace(changed, expires_at=0) if roster.deleted else changed)
