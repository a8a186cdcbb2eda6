"""One address, one account; a failed login says nothing; and there is always somebody who can administer.

The three maps under `Users` belong to the tests, so that they can be looked into, made to fail in the middle of
an operation, or be changed by "somebody else" between two steps.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import unittest
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from unittest import mock

import bcrypt

from authref.admins import Admins, LastAdmin, Outdated, Roster
from authref.maps import MemoryMap
from authref.passwords import MAX_COST
from authref.users import Cost, EmailTaken, InvalidCredentials, Pointer, User, Users, objections
from tests.basics import PASSWORD, SENTENCE, TEST_COST, Clock
from tests.test_maps import WRITES, Watched, race
from tests.test_passwords import counted_work

ALICE, BOB = "alice@example.com", "bob@example.com"


def outcome(act: Callable[[], object]) -> str:
    """The name of the exception that this raises; "done" if none."""
    try:
        act()
    except (EmailTaken, LastAdmin, Outdated, Crash) as error:
        return type(error).__name__
    except InvalidCredentials as error:
        return str(error.args[0])
    return "done"


class Crash(Exception):
    """The machine is switched off, or the store cannot be reached."""


class UsersTestCase(unittest.TestCase):
    """Users over maps that the test holds in its hands."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.records: Watched[User] = Watched(MemoryMap(self.clock))
        self.addresses: Watched[Pointer] = Watched(MemoryMap(self.clock))
        self.rosters: Watched[Roster] = Watched(MemoryMap(self.clock))
        self.costs: Watched[Cost] = Watched(MemoryMap(self.clock))
        self.maps = (self.records, self.addresses, self.rosters)
        self.users = self.users_at(TEST_COST)
        self.admins = Admins(self.records, self.addresses, self.rosters, MemoryMap(self.clock))

    def users_at(self, cost: int) -> Users:
        """The same accounts under another bcrypt cost, as after a restart."""
        return Users(self.records, self.addresses, self.costs, cost, self.clock)

    def sign_up_admin(self, email: str) -> User:
        """A new account that counts as an admin's."""
        user = self.admins.change(self.users.sign_up(email, PASSWORD, role="admin").id)
        assert user is not None
        return user

    def log_in(self, email: str = ALICE, password: str = PASSWORD) -> str:
        """The reason why this login fails, or "done"."""
        return outcome(lambda: self.users.check_credentials(email, password))

    def listed(self) -> tuple[str, ...]:
        """The roster."""
        return next(iter(self.rosters.inner.page("", 10).values())).admins

    def everybody(self) -> list[User]:
        """All accounts, page by page."""
        found, after = [], ""
        while after is not None:
            page, after = self.users.page(after, 2)
            found += page
        return found

    def active_admins(self) -> list[str]:
        """The addresses of those who can log in and administer."""
        return [user.email for user in self.everybody() if user.is_active_admin and self.log_in(user.email) == "done"]


def quick_hash(password: bytes, salt: bytes) -> bytes:
    """A hash of bcrypt's form, made with next to no work."""
    return salt[:29] + hashlib.sha256(password).hexdigest()[:31].encode()


def quick_check(password: bytes, stored: bytes) -> bool:
    return quick_hash(password, stored) == stored


class QuickUsersTestCase(UsersTestCase):
    """The same, where hundreds of accounts are needed and hashing them is not the point."""

    @classmethod
    def setUpClass(cls) -> None:
        quick = mock.patch.multiple("bcrypt", hashpw=quick_hash, checkpw=quick_check)
        quick.start()
        cls.addClassCleanup(quick.stop)


class SigningUp(UsersTestCase):
    def test_a_new_account(self) -> None:
        """It has a random id, its address in small letters, the lowest role, the time in UTC, and no plain password."""
        user = self.users.sign_up("Alice@Example.COM", PASSWORD)
        self.assertRegex(user.id, r"\A[A-Za-z0-9_-]{22}\Z")
        self.assertEqual((user.email, user.role, user.disabled), (ALICE, "user", False))
        self.assertEqual(user.created_at, "2100-01-15T08:00:00Z")
        self.assertRegex(user.password_hash, r"\A\$2b\$04\$")
        self.assertEqual(self.users.get(user.id), user)

    def test_what_others_may_see(self) -> None:
        """The public form has five fields and no hash, and printing a user shows no hash either."""
        user = self.users.sign_up(ALICE, PASSWORD)
        self.assertEqual(list(user.public()), ["id", "email", "role", "disabled", "created_at"])
        for text in (repr(user), str(user), repr(user.public())):
            self.assertIn(ALICE, text)
            self.assertNotIn(user.password_hash, text)

    def test_an_address_that_is_taken(self) -> None:
        """However it is spelt, a taken address makes no second account, and the first keeps its password."""
        user = self.users.sign_up(ALICE, PASSWORD)
        for twin in (ALICE, ALICE.upper(), "Alice@example.com", "alice@EXAMPLE.com"):
            with self.subTest(twin):
                with mock.patch("authref.users.hash_password", side_effect=AssertionError("it was hashed")):
                    taken = outcome(lambda twin=twin: self.users.sign_up(twin, "another password"))
                self.assertEqual(taken, "EmailTaken")  # and that costs no core a quarter of a second
                self.assertEqual(self.log_in(twin), "done")
                self.assertEqual(self.log_in(twin, "another password"), "wrong_password")
        self.assertEqual(self.everybody(), [user])
        self.assertEqual(outcome(lambda: self.users.sign_up(BOB, PASSWORD)), "done")

    def test_a_hundred_sign_ups_at_once(self) -> None:
        """Of a hundred who take one address at once, in two spellings, one gets it, and one account is there."""
        outcomes = race(
            *[lambda: outcome(lambda: self.users.sign_up(ALICE, PASSWORD))] * 50,
            *[lambda: outcome(lambda: self.users.sign_up(ALICE.upper(), PASSWORD))] * 50,
        )
        self.assertEqual((outcomes.count("done"), outcomes.count("EmailTaken")), (1, 99))
        (user,) = self.everybody()
        self.assertEqual(self.users.check_credentials(ALICE, PASSWORD), user)
        self.assertEqual([len(entries) for entries in self.maps], [1, 1, 0])  # no loser left anything behind

    def test_losers_of_a_race_that_all_hashed(self) -> None:
        """Even if several servers on one store all hash before any stores the address, one account results."""
        before_the_end = threading.Barrier(4)
        self.addresses.before = lambda verb, key: before_the_end.wait(5) if verb in WRITES else None
        servers = [self.users_at(TEST_COST) for _ in range(4)]
        outcomes = race(*[lambda users=users: outcome(lambda: users.sign_up(ALICE, PASSWORD)) for users in servers])
        self.assertEqual((outcomes.count("done"), outcomes.count("EmailTaken")), (1, 3))
        self.assertEqual(len(self.everybody()), 1)
        self.assertEqual([len(entries) for entries in self.maps], [1, 1, 0])
        self.assertEqual(self.log_in(), "done")

    def test_two_who_make_the_first_admin(self) -> None:
        """Of two servers that make one admin at once, one does, and the other leaves nothing behind."""
        before_the_end = threading.Barrier(2)
        self.addresses.before = lambda verb, key: before_the_end.wait(5) if verb in WRITES else None
        servers = [self.users_at(TEST_COST) for _ in range(2)]
        race(*[lambda users=users: outcome(lambda: users.sign_up(ALICE, PASSWORD, "admin")) for users in servers])
        self.assertEqual([len(entries) for entries in self.maps], [1, 1, 0])

    def test_an_address_whose_account_is_gone(self) -> None:
        """What a deletion that broke off has left of an address is taken by the next sign-up, and by one only."""
        gone = Pointer("an id that nobody has")
        self.addresses[ALICE] = gone
        user = self.users.sign_up(ALICE, PASSWORD)
        self.assertEqual(self.users.check_credentials(ALICE, PASSWORD), user)
        self.assertEqual(outcome(lambda: self.users.sign_up(ALICE, PASSWORD)), "EmailTaken")
        self.addresses[BOB] = gone

        def take_it_first(verb: str, key: str) -> None:
            if verb == "replace":
                self.addresses.before = lambda verb, key: None
                self.users.sign_up(BOB, "bob's own password")

        self.addresses.before = take_it_first
        self.assertEqual(outcome(lambda: self.users.sign_up(BOB, PASSWORD)), "EmailTaken")
        self.assertEqual(self.log_in(BOB, "bob's own password"), "done")
        self.assertEqual(len(self.everybody()), 2)
        self.assertEqual(len(self.records), 2)

    def test_a_sign_up_that_fails(self) -> None:
        """A sign-up that breaks off, at its hash or at the store, keeps the address for nobody."""
        failures = {
            "hash": mock.patch("authref.users.hash_password", side_effect=Crash),
            "store": mock.patch.object(self.records, "before", side_effect=Crash),
        }
        for name, failure in failures.items():
            with self.subTest(name):
                with failure:
                    self.assertEqual(outcome(lambda: self.users.sign_up(ALICE, PASSWORD)), "Crash")
                self.assertEqual(outcome(lambda: self.users.sign_up(ALICE, PASSWORD)), "done")
                self.admins.delete(self.everybody()[0].id)

    def test_accounts_page_by_page(self) -> None:
        """Walking the pages meets every account once, in the order of ids, whatever the size of a page."""
        ids = sorted(self.users.sign_up(f"user{number}@example.com", PASSWORD).id for number in range(6))
        for limit in (1, 2, 3, 5, 6, 7):
            with self.subTest(limit=limit):
                seen: list[str] = []
                after: str | None = ""
                while after is not None:
                    page, after = self.users.page(after, limit)
                    self.assertLessEqual(len(page), limit)
                    seen += [user.id for user in page]
                self.assertEqual(seen, ids)

    def test_a_page_while_somebody_is_changed(self) -> None:
        """An account whose role is changed while the page is made is on the page all the same."""
        user = self.users.sign_up(ALICE, PASSWORD)

        def meanwhile(verb: str, key: str) -> None:
            if verb == "page":
                self.records.after = lambda verb, key: None
                self.admins.change(user.id, disabled=True)

        self.records.after = meanwhile
        self.assertEqual([found.id for found in self.users.page("", 10)[0]], [user.id])


class Objections(unittest.TestCase):
    LONGEST = "l" * 64 + "@" + ".".join(["d" * 63, "d" * 63, "d" * 61])  # 254 characters

    def test_addresses_that_are_taken(self) -> None:
        """Addresses as people have them, and each part at its greatest length."""
        self.assertEqual(len(self.LONGEST), 254)
        table = {
            "ordinary": ALICE,
            "capitals": "Alice@Example.COM",
            "a tag": "alice+shop@example.com",
            "an apostrophe": "o'hara@example.ie",
            "all signs": "!#$%&'*+/=?^_`{|}~-@example.com",
            "subdomains": "a@a.b.c.d.example.com",
            "no dot in the domain": "root@localhost",
            "Punycode": "alice@xn--bcher-kva.example",
            "64 before the @": "l" * 64 + "@example.com",
            "254 in all": self.LONGEST,
        }
        for name, email in table.items():
            with self.subTest(name):
                self.assertEqual(objections(email, PASSWORD), {})

    def test_addresses_that_are_not(self) -> None:
        """Whatever could pass for somebody else's address, or break out of a line, is refused, and only that field."""
        table = {
            "empty": "",
            "no @": "alice.example.com",
            "nothing before the @": "@example.com",
            "nothing behind it": "alice@",
            "two @": "alice@bob@example.com",
            "255 in all": self.LONGEST + "d",
            "65 before the @": "l" * 65 + "@example.com",
            "64 in a label": "a@" + "d" * 64 + ".com",
            "a blank behind": ALICE + " ",
            "a blank in front": " " + ALICE,
            "a blank within": "ali ce@example.com",
            "a tab behind": ALICE + "\t",
            "a line break behind": ALICE + "\n",
            "a second header": ALICE + "\r\nBcc: eve@example.com",
            "a NUL behind": ALICE + "\0",
            "a NUL within": "alice\0@example.com",
            "no-break space": ALICE + "\u00a0",
            "zero-width space": "ali\u200bce@example.com",
            "direction mark": "\u202e" + ALICE,
            "Cyrillic a": "\u0430lice@example.com",
            "Kelvin sign, k in small letters": "\u212aate@example.com",
            "long s, S in capitals": "bo\u017fs@example.com",
            "dotless i": "al\u0131ce@example.com",
            "full-width @": "alice\uff20example.com",
            "full-width a": "\uff41lice@example.com",
            "accent": "alic\u00e9@example.com",
            "Cyrillic domain": "alice@ex\u0430mple.com",
            "a dot at the end": ALICE + ".",
            "a dot at the start": "alice@.example.com",
            "two dots": "alice@example..com",
            "a hyphen at an end": "alice@-example.com",
            "an underscore in the domain": "alice@exa_mple.com",
            "an IP address in brackets": "alice@[127.0.0.1]",
            "a name beside it": "Alice <alice@example.com>",
            "quotes": '"alice"@example.com',
            "a comment": "alice(home)@example.com",
            "a list": "alice@example.com,bob@example.com",
            "1 MB": "a" * 1_000_000 + "@example.com",
        }
        for name, email in table.items():
            with self.subTest(name):
                found = objections(email, PASSWORD)
                self.assertEqual(list(found), ["email"])
                self.assertRegex(found["email"], SENTENCE)

    def test_password_and_both(self) -> None:
        """A bad password is an objection to the password, and two faults are named together."""
        self.assertEqual(objections(ALICE, "short"), {"password": "A password has 8 to 1024 characters."})
        self.assertEqual(list(objections(ALICE, ALICE.upper())), ["password"])
        self.assertEqual(list(objections("", "short")), ["email", "password"])


class LoggingIn(UsersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.alice = self.users.sign_up(ALICE, PASSWORD)
        self.users.sign_up(BOB, "bob's own password")

    def test_the_right_password(self) -> None:
        """Whoever knows the password is that user, however the address is spelt."""
        for email in (ALICE, "Alice@Example.com", ALICE.upper()):
            with self.subTest(email):
                self.assertEqual(self.users.check_credentials(email, PASSWORD), self.alice)

    def test_reasons(self) -> None:
        """Each way to fail has its reason for the log, with the id of the account if there is one."""
        gone = self.users.sign_up("gone@example.com", PASSWORD)
        self.admins.delete(gone.id)
        banned = self.users.sign_up("banned@example.com", PASSWORD)
        self.admins.change(banned.id, disabled=True)
        kate = self.users.sign_up("kate@example.com", PASSWORD)
        table = {
            "unknown": ("nobody@example.com", PASSWORD, "unknown_user", None),
            "no address at all": ("", PASSWORD, "unknown_user", None),
            "an id in place of the address": (self.alice.id, PASSWORD, "unknown_user", None),
            "deleted": (gone.email, PASSWORD, "unknown_user", None),
            "a blank behind": (ALICE + " ", PASSWORD, "unknown_user", None),
            "a NUL behind": (ALICE + "\0", PASSWORD, "unknown_user", None),
            "Kelvin sign, which lower() turns into k": ("\u212aate@example.com", PASSWORD, "unknown_user", None),
            "wrong": (kate.email, PASSWORD + "!", "wrong_password", kate.id),
            "empty": (kate.email, "", "wrong_password", kate.id),
            "somebody else's": (ALICE, "bob's own password", "wrong_password", self.alice.id),
            "the stored hash": (ALICE, self.alice.password_hash, "wrong_password", self.alice.id),
            "disabled": (banned.email, PASSWORD, "account_disabled", banned.id),
            "disabled and wrong": (banned.email, PASSWORD + "!", "wrong_password", banned.id),
        }
        for name, (email, password, reason, user_id) in table.items():
            with self.subTest(name):
                with self.assertRaises(InvalidCredentials) as caught:
                    self.users.check_credentials(email, password)
                self.assertEqual(caught.exception.args, (reason, user_id))
        self.assertEqual(self.log_in("kate@example.com"), "done")

    def test_what_a_failure_costs(self) -> None:
        """Known, unknown or disabled: one hash of the same cost, so that the time tells nobody who has an account."""
        banned = self.users.sign_up("banned@example.com", PASSWORD)
        self.admins.change(banned.id, disabled=True)
        table = {
            "right": (ALICE, PASSWORD),
            "wrong": (ALICE, "wrong password"),
            "unknown": ("nobody@example.com", PASSWORD),
            "no address at all": ("", PASSWORD),
            "no ASCII": ("\u212aate@example.com", PASSWORD),
            "disabled": (banned.email, PASSWORD),
            "disabled and wrong": (banned.email, "wrong password"),
        }
        for name, (email, password) in table.items():
            with (
                self.subTest(name),
                mock.patch("bcrypt.checkpw", wraps=bcrypt.checkpw) as checkpw,
                mock.patch("bcrypt.hashpw", wraps=bcrypt.hashpw) as hashpw,
            ):
                self.log_in(email, password)
                self.assertEqual((checkpw.call_count, hashpw.call_count), (1, 0))
                self.assertTrue(checkpw.call_args[0][1].startswith(b"$2b$04$"))

    def test_the_same_work_whatever_the_cost(self) -> None:
        """Known or not, wrong or disabled, with an old hash or a new one: each failure takes the same rounds.

        Whatever cost each process was started with, and one after the other or side by side. The rounds are counted;
        a clock would tell something else on each machine.
        """
        for costs in ((4, 6), (6, 4), (5, 7, 4), (7, 5, 6, 4)):
            self.setUp()
            emails = ["nobody@example.com", ""]
            processes = []
            for number, cost in enumerate(costs):
                processes.append(self.users_at(cost))
                for name in (f"{number}@example.com", f"banned{number}@example.com"):
                    user = processes[-1].sign_up(name, PASSWORD)
                    emails.append(name)
                self.admins.change(user.id, disabled=True)
            with counted_work() as rounds:
                for (number, users), email in itertools.product(enumerate(processes), emails):
                    with self.subTest(costs=costs, process=number, email=email):
                        rounds.clear()
                        password = PASSWORD if email.startswith("banned") else "wrong password"
                        outcome(lambda: users.check_credentials(email, password))  # noqa: B023
                        self.assertEqual(f"{sum(rounds)} rounds", f"{2 ** max(costs)} rounds")

    def test_a_hash_from_before_costs_were_noted(self) -> None:
        """That a store has dearer hashes than any process is noticed at the first of them; from then on all is even."""
        self.users_at(6).sign_up("old@example.com", PASSWORD)
        self.costs.pop("highest")
        self.users = self.users_at(4)
        for email, expected in (("nobody@example.com", 2**4), ("old@example.com", 2**6), ("nobody@example.com", 2**6)):
            with counted_work() as rounds:
                self.log_in(email, "wrong password")
            self.assertEqual(f"{sum(rounds)} rounds", f"{expected} rounds")

    def test_a_store_that_was_emptied_while_we_run(self) -> None:
        """A store that lost all it kept, or only the note of costs, makes no answer quicker: nobody costs a hash."""
        self.costs.pop("highest")
        for email in ("nobody@example.com", ALICE, ""):
            with counted_work() as rounds:
                self.log_in(email, "wrong password")
            self.assertEqual(sum(rounds), 2**4)

    def test_a_cost_that_somebody_planted(self) -> None:
        """Whoever can write into the store makes no login run for days: beyond what may be chosen nothing counts."""
        self.costs["highest"] = Cost(31)
        with mock.patch("bcrypt.checkpw", return_value=False) as checkpw:
            for email in (ALICE, "nobody@example.com"):
                self.log_in(email, "wrong password")
        self.assertLessEqual(max(int(call.args[1][4:6]) for call in checkpw.call_args_list), MAX_COST)

    def test_a_stored_hash_that_is_none_of_ours(self) -> None:
        """Brought from elsewhere, too dear, or no hash at all: nobody logs in, and it takes as long as for nobody."""
        ours = self.alice.password_hash
        for stored in (ours, "", "!", "$2y$" + ours[4:], "$2b$15$" + ours[7:], ours[:-1], ours + " "):
            with self.subTest(stored=stored), counted_work() as rounds:
                self.records[self.alice.id] = replace(self.alice, password_hash=stored)
                self.assertEqual(self.log_in(ALICE) == "done", stored == ours)
                self.assertEqual(sum(rounds), 2**4)

    def test_processes_that_start_at_once(self) -> None:
        """Of all that start at the same moment the highest cost is known in the end, whoever wrote last."""
        for _ in range(20):
            self.setUp()
            race(*[partial(self.users_at, cost) for cost in (4, 14, 7, 9, 13, 5)])
            self.assertEqual(self.costs.get("highest"), Cost(14))

    def test_disabled_and_enabled_again(self) -> None:
        """A disabled account cannot log in; enabled again, it can, with the same password."""
        self.admins.change(self.alice.id, disabled=True)
        self.assertEqual(self.log_in(), "account_disabled")
        self.admins.change(self.alice.id, disabled=False)
        self.assertEqual(self.log_in(), "done")


class Strengthening(UsersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.alice = self.users.sign_up(ALICE, PASSWORD)
        self.users = self.users_at(TEST_COST + 1)

    def stored(self) -> User:
        found = self.users.get(self.alice.id)
        assert found is not None
        return found

    def test_a_login_after_the_cost_was_raised(self) -> None:
        """The login that has the password at hand renews the hash, once, and changes nothing else."""
        returned = self.users.check_credentials(ALICE, PASSWORD)
        self.assertTrue(returned.password_hash.startswith("$2b$05$"))
        self.assertEqual(self.stored(), returned)
        self.assertEqual(replace(returned, password_hash=self.alice.password_hash), self.alice)
        self.assertEqual(self.users.check_credentials(ALICE, PASSWORD), returned)
        self.assertEqual(self.log_in(ALICE, PASSWORD + "!"), "wrong_password")

    def test_a_failed_login_after_the_cost_was_raised(self) -> None:
        """A wrong password or a disabled account renews nothing: it would store a hash of what an attacker sent."""
        self.log_in(ALICE, "wrong password")
        self.assertEqual(self.stored(), self.alice)
        banned = self.admins.change(self.alice.id, disabled=True)
        self.log_in()
        self.assertEqual(self.stored(), banned)

    def test_a_login_after_the_cost_was_lowered(self) -> None:
        """A hash dearer than today's cost stays: weaker is never an improvement."""
        self.users.check_credentials(ALICE, PASSWORD)
        stronger = self.stored()
        self.users = self.users_at(TEST_COST)
        self.assertEqual(self.users.check_credentials(ALICE, PASSWORD), stronger)
        self.assertEqual(self.stored(), stronger)

    def test_deleted_or_changed_while_hashing(self) -> None:
        """Renewing a hash never brings a deleted account back and never undoes a change made meanwhile."""
        changes: dict[str, tuple[Callable[[], object], Callable[[], object], object]] = {
            "disabled": (
                lambda: self.admins.change(self.alice.id, disabled=True),
                lambda: self.stored().disabled,
                True,
            ),
            "promoted": (
                lambda: self.admins.change(self.alice.id, role="admin"),
                lambda: self.stored().role,
                "admin",
            ),
            "deleted": (
                lambda: self.admins.delete(self.alice.id),
                lambda: self.users.get(self.alice.id),
                None,
            ),
        }
        for name, (change, look, expected) in changes.items():
            with self.subTest(name):
                self.setUp()
                self.meanwhile("replace", change)
                self.users.check_credentials(ALICE, PASSWORD)
                self.assertEqual(look(), expected)

    def test_promoted_while_the_new_hash_is_stored(self) -> None:
        """A promotion in the midst of renewing counts: the new admin may relieve the old one."""
        old = self.sign_up_admin(BOB)

        def promote_after_the_write(verb: str, key: str) -> None:
            if verb == "replace":
                self.records.after = lambda verb, key: None
                self.admins.change(self.alice.id, role="admin")

        self.records.after = promote_after_the_write
        self.users.check_credentials(ALICE, PASSWORD)
        self.assertTrue(self.stored().is_active_admin)
        self.assertEqual(outcome(lambda: self.admins.change(old.id, role="user")), "done")

    def meanwhile(self, verb: str, act: Callable[[], object]) -> None:
        """Let somebody do this just before the next such write to the records."""

        def once(called: str, key: str) -> None:
            if called == verb:
                self.records.before = lambda verb, key: None
                act()

        self.records.before = once


class NewPasswords(UsersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.alice = self.users.sign_up(ALICE, PASSWORD)

    def test_a_new_password(self) -> None:
        """From then on it is the only one, and its version tells the logins that proved the one before."""
        changed = self.users.set_password(self.alice.id, "another password", 0)
        self.assertEqual(changed.password_version, self.alice.password_version + 1)
        self.assertEqual(replace(changed, password_hash="", password_version=0), replace(self.alice, password_hash=""))
        self.assertEqual(self.log_in(ALICE, "another password"), "done")
        self.assertEqual(self.log_in(ALICE, PASSWORD), "wrong_password")

    def test_for_nobody(self) -> None:
        """A deleted account gets no password and does not come back."""
        self.admins.delete(self.alice.id)
        self.assertIsNone(self.users.set_password(self.alice.id, "another password", 0))
        self.assertEqual(self.everybody(), [])

    def test_while_somebody_logs_in_and_the_hash_is_renewed(self) -> None:
        """A login with the old password that meets the change neither undoes it nor counts as proof of the new one."""
        strict = self.users_at(TEST_COST + 1)

        def change_first(verb: str, key: str) -> None:
            if verb == "replace":
                self.records.before = lambda verb, key: None
                self.users.set_password(self.alice.id, "another password", 0)

        self.records.before = change_first
        proved = strict.check_credentials(ALICE, PASSWORD)
        self.assertEqual(proved.password_version, self.alice.password_version)
        self.assertEqual(self.users.get(self.alice.id).password_version, self.alice.password_version + 1)
        self.assertEqual(self.log_in(ALICE, "another password"), "done")
        self.assertEqual(self.log_in(ALICE, PASSWORD), "wrong_password")

    def test_while_the_account_is_changed_by_an_admin(self) -> None:
        """A change of role or state that meets a new password does not bring the old one back."""

        def change_first(verb: str, key: str) -> None:
            if verb == "replace":
                self.records.before = lambda verb, key: None
                self.users.set_password(self.alice.id, "another password", 0)

        self.records.before = change_first
        self.admins.change(self.alice.id, role="admin")
        changed = self.users.get(self.alice.id)
        assert changed is not None
        self.assertEqual((changed.role, changed.password_version), ("admin", 1))
        self.assertEqual(self.log_in(ALICE, "another password"), "done")
        self.assertEqual(self.log_in(ALICE, PASSWORD), "wrong_password")

    def test_while_the_account_is_changed(self) -> None:
        """A new password that meets a promotion does not undo it; one that meets a ban does not count."""
        for change, expected in (({"role": "admin"}, "another password"), ({"disabled": True}, PASSWORD)):
            with self.subTest(str(change)):
                self.setUp()

                def change_first(verb: str, key: str, change: dict[str, object] = change) -> None:
                    if verb == "replace":
                        self.records.before = lambda verb, key: None
                        self.admins.change(self.alice.id, **change)

                self.records.before = change_first
                changed = self.users.set_password(self.alice.id, "another password", 0)
                self.assertEqual(changed is None, "disabled" in change)
                for field, value in change.items():
                    self.assertEqual(getattr(self.users.get(self.alice.id), field), value)
                self.admins.change(self.alice.id, disabled=False)
                self.assertEqual(self.log_in(ALICE, expected), "done")

    def test_several_at_once(self) -> None:
        """Of several changes that proved one password, one is made: whoever is second has not proved the new one."""
        changed = race(*[lambda: self.users.set_password(self.alice.id, "another password", 0)] * 10)
        self.assertEqual([user.password_version for user in changed if user], [1])
        self.assertEqual(self.users.get(self.alice.id).password_version, 1)

    def test_one_after_the_other(self) -> None:
        """Each change counts, so that no login that proved an older password stays good, nor an older proof."""
        for version in range(3):
            changed = self.users.set_password(self.alice.id, f"password number {version}", version)
            self.assertEqual(changed.password_version, version + 1)
            for older in range(version + 1):
                self.assertIsNone(self.users.set_password(self.alice.id, "another password", older))
            self.assertEqual(self.log_in(ALICE, f"password number {version}"), "done")


if __name__ == "__main__":
    unittest.main()
