"""Two admins at once, in all interleavings: a part of what `python -m tests.model_admins` goes through in minutes."""

from __future__ import annotations

import unittest
from dataclasses import replace
from unittest import mock

from authref.admins import Admins, Roster
from tests.model_admins import A, Ask, B, Explorer, beginnings, requests

# The story that left the first edition without an admin: deleted, enabled again, and the other one steps down.
DELETES, FINISHES = (Ask(A, "delete", A),), (Ask(B, "enable", A), Ask(B, "demote", B))
# And one for a writer who is slow: A is made an admin again before the end of A's own demotion is written.
STEPS_DOWN, GOES_TOO = (Ask(A, "demote", A),), (Ask(B, "promote", A), Ask(B, "demote", B))


def finish_late(self: Admins, roster: Roster) -> None:
    """What a change would write if it did not ask whether a later one has been written."""
    user = self._records.get(roster.user_id)
    if user and user.change_number != roster.number:
        changed = replace(user, role=roster.role, disabled=roster.disabled, change_number=roster.number)
        self._records.replace(user.id, user, replace(changed, expires_at=0) if roster.deleted else changed)


class TwoAdmins(unittest.TestCase):
    def setUp(self) -> None:
        self.explorer = Explorer(beginnings()["both are admins"])

    def test_pairs(self) -> None:
        """Whatever two admins ask for at once, one stays, and it ends as if one had come after the other."""
        for second in requests(B)[::2]:
            with self.subTest(f"A demotes B while {second}"):
                self.assertGreater(self.explorer.explore((Ask(A, "demote", B),), (second,)), 100)
                self.assertEqual(self.explorer.faults, set())

    def test_two_stories(self) -> None:
        """Whoever comes back while they go, in whatever order, is there when the other one goes; or that is refused."""
        for story in ((DELETES, FINISHES), (STEPS_DOWN, GOES_TOO)):
            with self.subTest(story[1][0]):
                self.assertGreater(self.explorer.explore(*story), 10_000)
                self.assertEqual(self.explorer.faults, set())

    def test_requests_that_break_off(self) -> None:
        """Broken off at any step, and repeated or not, two requests still leave somebody who can administer."""
        self.assertGreater(self.explorer.explore((Ask(A, "demote", B),), (Ask(B, "disable", A),), crashes=1), 1_000_000)
        self.assertEqual(self.explorer.faults, set())

    def test_a_late_writer(self) -> None:
        """The twin: if an old change were written over a later one, the same search would find nobody left."""
        with mock.patch.object(Admins, "_finish", finish_late):
            self.explorer.explore(STEPS_DOWN, GOES_TOO)
        self.assertIn("nobody administers", " ".join(self.explorer.faults))


if __name__ == "__main__":
    unittest.main()
