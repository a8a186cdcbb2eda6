"""There is always somebody who can administer, whatever happens at once and whatever breaks off.

The maps belong to the tests, as in test_users.py. model_admins.py goes through all interleavings of two requests.
"""

from __future__ import annotations

import threading
import unittest
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from authref.admins import Admins
from authref.maps import MemoryMap
from authref.users import Pointer
from tests.basics import PASSWORD, TEST_COST
from tests.test_maps import WRITES, race
from tests.test_users import ALICE, BOB, Crash, QuickUsersTestCase, UsersTestCase, outcome


class ChangingAndDeleting(UsersTestCase):
    def test_change(self) -> None:
        """Only what is named changes; the answer is the account as it is from then on."""
        admin = self.sign_up_admin(BOB)
        user = self.users.sign_up(ALICE, PASSWORD)
        steps = (
            ({"role": "admin"}, ("admin", False)),
            ({"disabled": True}, ("admin", True)),
            ({"role": "user"}, ("user", True)),
            ({"disabled": False}, ("user", False)),
            ({"role": "admin", "disabled": True}, ("admin", True)),
            ({}, ("admin", True)),
        )
        for fields, expected in steps:
            with self.subTest(str(fields)):
                changed = self.admins.change(user.id, **fields)
                self.assertEqual((changed.role, changed.disabled), expected)
                self.assertEqual(self.users.get(user.id), changed)
                self.assertEqual(replace(changed, role="user", disabled=False, change_number=0), user)
                listed = [each.id for each in (admin, changed) if each.is_active_admin]
                self.assertEqual(sorted(self.listed()), sorted(listed))  # whoever may administer, and nobody else
        self.assertEqual(self.users.get(admin.id), admin)

    def test_somebody_who_is_not_there(self) -> None:
        """Changing or deleting nobody says so, and makes nobody."""
        for user_id in ("", "nobody", ALICE):
            with self.subTest(user_id):
                self.assertIsNone(self.admins.change(user_id, role="admin"))
                self.assertFalse(self.admins.delete(user_id))
        self.assertEqual([len(entries) for entries in self.maps], [0, 0, 1])
        self.assertEqual(self.listed(), ())

    def test_delete(self) -> None:
        """A deleted account is gone from every list, cannot log in, and is deleted once; others stay."""
        bob = self.users.sign_up(BOB, PASSWORD)
        alice = self.users.sign_up(ALICE, PASSWORD)
        self.assertTrue(self.admins.delete(alice.id))
        self.assertFalse(self.admins.delete(alice.id))
        self.assertIsNone(self.users.get(alice.id))
        self.assertEqual(self.log_in(), "unknown_user")
        self.assertEqual(self.everybody(), [bob])
        self.assertEqual(self.log_in(BOB), "done")

    def test_a_deleted_address_signs_up_again(self) -> None:
        """It can, and is somebody else: another id, so that nothing left behind by the first opens anything."""
        first = self.users.sign_up(ALICE, PASSWORD)
        self.admins.delete(first.id)
        second = self.users.sign_up(ALICE, "another password")
        self.assertNotEqual(first.id, second.id)
        self.assertIsNone(self.users.get(first.id))
        self.assertFalse(self.admins.delete(first.id))
        self.assertEqual(self.log_in(ALICE, "another password"), "done")
        self.assertEqual(self.log_in(ALICE, PASSWORD), "wrong_password")

    def test_fifty_deletions_at_once(self) -> None:
        """However many delete one account at once, one hears that it did."""
        user = self.users.sign_up(ALICE, PASSWORD)
        self.assertEqual(race(*[lambda: self.admins.delete(user.id)] * 50).count(True), 1)

    def test_changed_and_deleted_at_once(self) -> None:
        """A change that meets a deletion never brings the account back."""
        self.sign_up_admin(BOB)  # so that nobody else is the last one
        for _ in range(5):
            user = self.users.sign_up(ALICE, PASSWORD)
            race(
                *[lambda user=user: self.admins.change(user.id, disabled=True)] * 10,
                lambda user=user: self.admins.delete(user.id),
                *[lambda user=user: self.admins.change(user.id, role="admin")] * 10,
            )
            self.assertIsNone(self.users.get(user.id))
            self.assertEqual([len(entries) for entries in self.maps], [1, 1, 1])


class WhoeverAsks(QuickUsersTestCase):
    """A change is asked for by somebody who was let in a moment ago."""

    def setUp(self) -> None:
        super().setUp()
        self.root, self.bob = self.sign_up_admin("root@example.com"), self.sign_up_admin(BOB)
        self.alice = self.users.sign_up(ALICE, PASSWORD)

    def test_whoever_is_what_they_were(self) -> None:
        """The twin of what follows: an admin who is one still changes and deletes, and users delete themselves."""
        self.assertTrue(self.admins.change(self.alice.id, self.bob, disabled=True).disabled)
        self.assertFalse(self.admins.change(self.alice.id, self.bob, disabled=False).disabled)
        self.assertTrue(self.admins.delete(self.alice.id, self.users.get(self.alice.id)))
        self.assertTrue(self.admins.delete(self.bob.id, self.bob))

    def test_whoever_is_not(self) -> None:
        """Demoted, disabled, deleted or with a new password since they were let in: nothing is done in their name."""
        ends: dict[str, Callable[[], object]] = {
            "demoted": lambda: self.admins.change(self.bob.id, role="user"),
            "disabled": lambda: self.admins.change(self.bob.id, disabled=True),
            "deleted": lambda: self.admins.delete(self.bob.id),
            "a new password": lambda: self.users.set_password(self.bob.id, "another password", 0),
        }
        for name, end in ends.items():
            for asked in ("change", "delete"):
                with self.subTest(name, asked=asked):
                    self.setUp()
                    end()
                    ask = getattr(self.admins, asked)
                    self.assertEqual(outcome(lambda ask=ask: ask(self.root.id, self.bob)), "Outdated")
                    self.assertEqual(self.users.get(self.root.id), self.root)

    def test_whoever_loses_the_right_meanwhile(self) -> None:
        """A demotion that comes at any moment of a change comes before it or after it: it is never undone by it."""
        for moment in range(1, 20):
            self.setUp()
            asked = 0

            def demote(verb: str, key: str, moment: int = moment) -> None:
                nonlocal asked
                asked += 1
                if asked == moment:
                    self.admins.change(self.bob.id, role="user")

            for entries in self.maps:
                entries.before = demote
            with self.subTest(moment=moment):
                promoted = outcome(lambda: self.admins.change(self.bob.id, self.bob, role="admin", disabled=False))
                self.assertIn(promoted, ("done", "Outdated"))
                if asked >= moment:
                    self.assertFalse(self.users.get(self.bob.id).is_active_admin)

    def test_what_comes_before_the_account_ends(self) -> None:
        """It is called before a ban or a deletion is written, and neither for a promotion nor for what is refused."""
        seen: list[bool] = []

        def before() -> None:
            seen.append(self.users.get(self.alice.id).disabled)

        self.admins.change(self.alice.id, self.root, before, role="admin")
        self.assertEqual(seen, [])
        self.admins.change(self.alice.id, self.root, before, disabled=True)
        self.assertEqual(seen, [False])
        self.admins.delete(self.alice.id, self.root, before)
        self.assertEqual(seen, [False, True])
        self.admins.change(self.bob.id, role="user")
        self.assertEqual(outcome(lambda: self.admins.delete(self.root.id, self.root, before)), "LastAdmin")
        self.assertEqual(seen, [False, True])


class TheRoster(QuickUsersTestCase):
    def test_a_store_of_the_first_edition(self) -> None:
        """It kept an entry for each admin, and no roster: they count, and what a crash left there does not."""
        root, other, former = (self.users.sign_up(f"{name}@example.com", PASSWORD, role="admin") for name in "abc")
        kept: MemoryMap[Pointer] = MemoryMap(self.clock)
        self.records[former.id] = replace(former, role="user")
        for user_id in (root.id, other.id, former.id, "gone"):
            kept[user_id] = Pointer(user_id)
        self.admins = Admins(self.records, self.addresses, self.rosters, kept)
        self.assertEqual(self.admins.change(root.id, role="user").role, "user")
        self.assertEqual(outcome(lambda: self.admins.delete(other.id)), "LastAdmin")
        self.assertTrue(self.admins.delete(former.id))
        self.admins.change(root.id, role="admin")
        self.assertTrue(self.admins.delete(other.id))

    def test_an_admin_who_is_not_listed(self) -> None:
        """Whom a crash kept off the roster does not count, until somebody makes them an admin once more."""
        root = self.sign_up_admin("root@example.com")
        other = self.users.sign_up(ALICE, PASSWORD, role="admin")
        self.assertEqual(outcome(lambda: self.admins.delete(root.id)), "LastAdmin")
        self.admins.change(other.id, role="admin")
        self.assertTrue(self.admins.delete(root.id))

    def test_a_change_that_changes_nothing(self) -> None:
        """It writes nothing, so that a start with the admin's name needs no store that takes writes."""
        root = self.sign_up_admin("root@example.com")
        alice = self.users.sign_up(ALICE, PASSWORD)
        for entries in self.maps:
            entries.calls.clear()
        for user in (root, alice):
            self.assertEqual(self.admins.change(user.id), user)
            self.assertEqual(self.admins.change(user.id, role=user.role, disabled=False), user)
        self.assertEqual([entries.asked(*WRITES) for entries in self.maps], [0, 0, 0])

    def test_a_slow_writer(self) -> None:
        """A ban that is slow to be written is written by whoever comes next, and not once more when that is over.

        The account looks as before, and the other admin may have gone since because it does.
        """
        root, bob = self.sign_up_admin("root@example.com"), self.sign_up_admin(BOB)

        def meanwhile(verb: str, key: str) -> None:
            if verb == "replace":
                self.records.before = lambda verb, key: None
                self.admins.change(bob.id, disabled=False)
                self.admins.change(root.id, role="user")

        self.records.before = meanwhile
        self.assertEqual(outcome(lambda: self.admins.change(bob.id, disabled=True)), "done")
        self.assertEqual(self.active_admins(), [BOB])


class TheLastAdmin(QuickUsersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = self.sign_up_admin("root@example.com")

    # Each way by which somebody stops being an active admin.
    WAYS: dict[str, Callable[[Admins, str], object]] = {
        "demoted": lambda admins, user_id: admins.change(user_id, role="user"),
        "disabled": lambda admins, user_id: admins.change(user_id, disabled=True),
        "both": lambda admins, user_id: admins.change(user_id, role="user", disabled=True),
        "deleted": lambda admins, user_id: admins.delete(user_id),
    }

    def test_the_only_admin(self) -> None:
        """The only admin stays one, whatever is tried; and an ordinary user is no help."""
        self.users.sign_up(ALICE, PASSWORD)
        for name, end in self.WAYS.items():
            with self.subTest(name):
                self.assertEqual(outcome(lambda end=end: end(self.admins, self.root.id)), "LastAdmin")
                self.assertEqual(self.users.get(self.root.id), self.root)
                self.assertEqual(self.listed(), (self.root.id,))
                self.assertEqual(self.log_in("root@example.com"), "done")

    def test_one_of_two(self) -> None:
        """One of two admins may go, in each way; then the other is the last."""
        for name, end in self.WAYS.items():
            with self.subTest(name):
                self.setUp()
                other = self.sign_up_admin(ALICE)
                self.assertEqual(outcome(lambda end=end: end(self.admins, self.root.id)), "done")
                for again in self.WAYS.values():
                    refused = outcome(lambda again=again, other=other: again(self.admins, other.id))
                    self.assertEqual(refused, "LastAdmin")
                self.assertEqual(self.active_admins(), [ALICE])

    def test_a_second_admin_who_is_none(self) -> None:
        """An admin who is disabled, demoted or deleted does not count as the other one."""
        for name, end in self.WAYS.items():
            with self.subTest(name):
                self.setUp()
                other = self.sign_up_admin(ALICE)
                end(self.admins, other.id)
                self.assertEqual(outcome(lambda: self.admins.change(self.root.id, disabled=True)), "LastAdmin")

    def test_a_second_admin_who_is_one_again(self) -> None:
        """Enabled or promoted again, they count."""
        other = self.sign_up_admin(ALICE)
        for off, on in (({"role": "user"}, {"role": "admin"}), ({"disabled": True}, {"disabled": False})):
            with self.subTest(str(off)):
                self.admins.change(other.id, **off)
                self.admins.change(other.id, **on)
                self.assertEqual(outcome(lambda: self.admins.change(self.root.id, role="user")), "done")
                self.admins.change(self.root.id, role="admin")

    def test_what_is_no_loss(self) -> None:
        """The last admin may be set to what they are; a disabled admin and a user may always go."""
        self.assertEqual(self.admins.change(self.root.id, role="admin", disabled=False), self.root)
        idle = self.sign_up_admin(ALICE)
        self.admins.change(idle.id, disabled=True)
        self.assertEqual(self.admins.change(idle.id, role="user").role, "user")
        self.assertTrue(self.admins.delete(idle.id))
        self.assertTrue(self.admins.delete(self.users.sign_up(BOB, PASSWORD).id))

    def test_the_other_admin_among_hundreds_of_disabled_ones(self) -> None:
        """The one other active admin is found, however many who are not active stand before them."""
        others = [self.sign_up_admin(f"a{n}@example.com") for n in range(250)]
        for other in others:
            self.admins.change(other.id, disabled=True)
        self.assertEqual(outcome(lambda: self.admins.change(self.root.id, role="user")), "LastAdmin")
        for other in (min(others, key=lambda user: user.id), max(others, key=lambda user: user.id)):
            self.admins.change(other.id, disabled=False)
            self.assertEqual(outcome(lambda: self.admins.change(self.root.id, role="user")), "done")
            self.admins.change(self.root.id, role="admin")
            self.admins.change(other.id, disabled=True)

    def test_two_admins_against_each_other(self) -> None:
        """Two admins who are demoted, disabled or deleted at the same moment: one remains, never none."""
        for first in self.WAYS:
            for second in self.WAYS:
                with self.subTest(f"{first} and {second}"):
                    self.setUp()
                    other = self.sign_up_admin(ALICE)
                    # Each waits a moment before its first write, so that both look for other admins before one acts.
                    both_have_looked = threading.Barrier(2)

                    def wait(verb: str, key: str, barrier: threading.Barrier = both_have_looked) -> None:
                        if verb in WRITES:
                            with suppress(threading.BrokenBarrierError):  # the other one is not let in: as it should be
                                barrier.wait(0.005)

                    for entries in self.maps:
                        entries.before = wait
                    outcomes = race(
                        lambda way=self.WAYS[first]: outcome(lambda: way(self.admins, self.root.id)),
                        lambda way=self.WAYS[second], user=other: outcome(lambda: way(self.admins, user.id)),
                    )
                    self.assertIn("LastAdmin", outcomes)  # or both: each left the seat, and found the other gone
                    self.assertEqual(len(self.active_admins()), outcomes.count("LastAdmin"))


class Crashes(QuickUsersTestCase):
    """The power fails at a write. What was written before it is all there is, and it must not be a lie."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.users.sign_up(ALICE, PASSWORD)
        self.admin = self.sign_up_admin("root@example.com")
        self.spare = self.sign_up_admin("spare@example.com")

    # Everything that writes more than once.
    OPERATIONS: dict[str, Callable[[Crashes], object]] = {
        "sign up": lambda self: self.users.sign_up(BOB, PASSWORD),
        "sign up as an admin": lambda self: self.sign_up_admin(BOB),
        "delete a user": lambda self: self.admins.delete(self.alice.id),
        "delete an admin": lambda self: self.admins.delete(self.admin.id),
        "promote": lambda self: self.admins.change(self.alice.id, role="admin"),
        "demote": lambda self: self.admins.change(self.admin.id, role="user"),
        "disable": lambda self: self.admins.change(self.admin.id, disabled=True),
        "set a password": lambda self: self.users.set_password(self.alice.id, PASSWORD, 0),
        "renew a hash": lambda self: self.users_at(TEST_COST + 1).check_credentials(ALICE, PASSWORD),
    }

    def crash_at(self, write: int, *, done: bool) -> None:
        """Let the write of this number fail: before anything happened, or, with `done`, after it was done."""
        writes = 0

        def count(verb: str, key: str) -> None:
            nonlocal writes
            writes += verb in WRITES
            if verb in WRITES and writes == write:
                raise Crash

        for entries in self.maps:
            if done:
                entries.after = count
            else:
                entries.before = count

    def recover(self) -> None:
        """Start again: the maps work, and nothing is remembered but what stands in them."""
        for entries in self.maps:
            entries.before = entries.after = lambda verb, key: None
        self.users = self.users_at(TEST_COST)

    def after_every_crash(self, check: Callable[[str], object], *operations: str) -> None:
        """Run the operations with a crash at the first write, at the second, and so on; `check` after each crash."""
        for operation in operations or self.OPERATIONS:
            for done in (False, True):
                crashes = 0
                while self.crashes(operation, crashes + 1, done=done):
                    crashes += 1
                    with self.subTest(operation, write=crashes, done=done):
                        check(operation)
                self.assertGreater(crashes, 0, "it never wrote")

    def crashes(self, operation: str, write: int, *, done: bool) -> bool:
        """Run the operation with a crash at this write, and start again. False if it ended before it came so far."""
        self.setUp()
        self.crash_at(write, done=done)
        crashed = self.do(operation) == "Crash"
        self.recover()
        return crashed

    def do(self, operation: str) -> str:
        return outcome(lambda: self.OPERATIONS[operation](self))

    def test_addresses_point_to_somebody(self) -> None:
        """After a crash at any write, each address leads to its only account, or to nobody and signs up again."""

        def check(operation: str) -> None:
            for email, pointer in self.addresses.page("", 100).items():
                user = self.users.get(pointer.user_id) or self.users.sign_up(email, PASSWORD)
                self.assertEqual(user.email, email)
            emails = [user.email for user in self.everybody()]
            self.assertEqual(len(emails), len(set(emails)))

        self.after_every_crash(check)

    def test_everybody_can_log_in_or_sign_up(self) -> None:
        """After a crash at any write, each address can log in or be signed up: nobody is locked out for ever."""

        def check(operation: str) -> None:
            for email in (ALICE, BOB, "root@example.com"):
                if self.log_in(email) == "unknown_user":
                    self.users.sign_up(email, PASSWORD)
                self.assertIn(self.log_in(email), ("done", "account_disabled"))

        self.after_every_crash(check)

    def test_admins_can_be_counted(self) -> None:
        """After a crash at any write, and one more change of anybody, each active admin counts."""

        def check(operation: str) -> None:
            self.admins.change(self.spare.id, role="admin")  # what had been decided before is done first
            admins = [user for user in self.everybody() if user.is_active_admin]
            for admin in admins:  # whom a crash kept off the roster comes onto it
                if outcome(lambda admin=admin: self.admins.change(admin.id, role="user")) == "done":
                    self.admins.change(admin.id, role="admin")
            for admin in admins:
                for other in admins:
                    if other != admin:
                        self.admins.change(other.id, role="user")  # raises LastAdmin if `admin` is not counted
                for other in admins:
                    self.admins.change(other.id, role="admin")

        self.after_every_crash(check)

    def test_somebody_can_administer(self) -> None:
        """After a crash at any write, the last admin who can log in stays: who is only half there does not count."""

        def check(operation: str) -> None:
            for user in self.everybody():
                outcome(lambda user=user: self.admins.change(user.id, role="user"))
            self.assertEqual(len(self.active_admins()), 1)

        self.after_every_crash(check)

    def test_trying_again(self) -> None:
        """After a crash at any write, the same operation leads to where it would have led without the crash."""

        def state() -> set[tuple[str, str, bool, str]]:
            return {(user.email, user.role, user.disabled, user.password_hash[:7]) for user in self.everybody()}

        for operation in self.OPERATIONS:
            self.setUp()
            self.do(operation)
            expected = state()

            def check(operation: str, expected: object = expected) -> None:
                self.assertIn(self.do(operation), ("done", "EmailTaken"))  # taken by us, before the crash
                self.assertEqual(state(), expected)

            self.after_every_crash(check, operation)

    def test_deleting_again_forgets_the_address(self) -> None:
        """After a crash at any write of a deletion, the same deletion leaves nothing: no account and no address."""

        def check(operation: str) -> None:
            self.admins.delete(self.alice.id)
            self.assertIsNone(self.records.get(self.alice.id))
            self.assertIsNone(self.addresses.get(ALICE))

        self.after_every_crash(check, "delete a user")

    def test_deleting_again_what_was_half_deleted(self) -> None:
        """If the address was signed up again meanwhile, finishing the old deletion leaves the new account alone."""

        def check(operation: str) -> None:
            if outcome(lambda: self.users.sign_up(ALICE, "another password")) == "done":
                self.admins.delete(self.alice.id)
                self.assertEqual(self.log_in(ALICE, "another password"), "done")
                self.assertEqual(outcome(lambda: self.users.sign_up(ALICE, PASSWORD)), "EmailTaken")

        self.after_every_crash(check, "delete a user")


if __name__ == "__main__":
    unittest.main()
