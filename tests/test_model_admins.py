"""Two admins at once, in all interleavings: a part of what `python -m tests.model_admins` goes through in minutes."""

from __future__ import annotations

import itertools
import unittest
from unittest import mock

from authref.admins import Roster
from authref.users import User
from tests.model_admins import A, Ask, B, Explorer, beginnings, requests

DELETES = (Ask(A, "delete", A),)
FINISHES = (Ask(B, "enable", A), Ask(B, "demote", B))  # the story that left the first edition without an admin


def counts_by_name(user: User | None, roster: Roster) -> bool:
    """What would be asked if changes had no numbers."""
    return user is not None and user.is_active_admin and user.id in roster.admins


class TwoAdmins(unittest.TestCase):
    def setUp(self) -> None:
        self.explorer = Explorer(beginnings()["both are admins"])

    def test_pairs(self) -> None:
        """Whatever two admins ask for at once, one stays, and it ends as if one had come after the other."""
        interleavings = 0
        for first, second in itertools.product((Ask(A, "demote", B),), requests(B)):
            with self.subTest(f"{first} while {second}"):
                interleavings += self.explorer.explore((first,), (second,))
                self.assertEqual(self.explorer.faults, set())
        self.assertGreater(interleavings, 30_000)

    def test_a_deletion_while_the_account_is_enabled_again(self) -> None:
        """Deleted, enabled again meanwhile, and then the other one demotes themselves: one of these is refused."""
        self.assertGreater(self.explorer.explore(DELETES, FINISHES), 100_000)
        self.assertEqual(self.explorer.faults, set())

    def test_requests_that_break_off(self) -> None:
        """Broken off at any step, and repeated, two requests still leave somebody who can administer."""
        self.assertGreater(self.explorer.explore((Ask(A, "demote", B),), (Ask(B, "disable", A),), crashes=1), 1_000_000)
        self.assertEqual(self.explorer.faults, set())

    def test_changes_without_numbers(self) -> None:
        """The twin: if those counted whose names stand on the roster, the same search would find nobody left."""
        story = (Ask(A, "demote", B),), (Ask(B, "promote", B), Ask(B, "demote", A))
        self.explorer.explore(*story, crashes=1)
        self.assertEqual(self.explorer.faults, set())
        with mock.patch("authref.admins._counts", counts_by_name):
            self.explorer.explore(*story, crashes=1)
        self.assertIn("nobody administers", " ".join(self.explorer.faults))


if __name__ == "__main__":
    unittest.main()
