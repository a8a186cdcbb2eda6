"""A browser that has logged in before is known to that account, and its cookie is good for nothing else: devices.py."""

from __future__ import annotations

import re
import unittest
from dataclasses import replace

from authref.devices import MAX_NOTES, DeviceKey, Devices
from authref.maps import MemoryMap
from authref.users import User
from authref.wire import Request
from tests.basics import KEYS, PASSWORD
from tests.support import Harness, quick_hashes
from tests.test_throttle_table import SameMaps

ALICE, BOB = (User(f"{name} id", f"{name}@example.com", "user", False, "") for name in ("alice", "bob"))
LOGIN = {"email": "alice@example.com", "password": PASSWORD}
WRONG = {**LOGIN, "password": "a wrong password"}


def with_cookie(cookie: str) -> Request:
    return Request("POST", "/login", (("cookie", cookie),) if cookie else ())


class Notes(unittest.TestCase):
    def setUp(self) -> None:
        self.keys: MemoryMap[DeviceKey] = MemoryMap()
        self.devices = Devices(self.keys)

    def remember(self, user: User, cookie: str = "") -> str:
        """The Cookie header of the browser after a login."""
        ((name, line),) = self.devices.remember(user, with_cookie(cookie))
        self.assertEqual(name, "set-cookie")
        return line.partition(";")[0]

    def knows(self, user: User | None, cookie: str) -> bool:
        return self.devices.recognise(user, with_cookie(cookie)) != ""

    def test_whose_it_is(self) -> None:
        """A note is of one account and of its password's version: for any other, and for nobody, it is nothing."""
        cookie = self.remember(ALICE)
        self.remember(BOB)
        self.assertTrue(self.knows(ALICE, cookie))
        for user in (BOB, None, replace(ALICE, password_version=1)):
            self.assertFalse(self.knows(user, cookie))

    def test_a_forged_one(self) -> None:
        """Each digit counts: what is changed, cut, made up or spelt in capitals is no note."""
        cookie = self.remember(ALICE)
        name, _, note = cookie.partition("=")
        for position in (0, 31, 32, 63):
            other = "0" if note[position] != "0" else "1"
            self.assertFalse(self.knows(ALICE, f"{name}={note[:position]}{other}{note[position + 1 :]}"), position)
        for forged in ("", note[:-1], note[:32] + "0" * 32, note[32:] + note[:32], "x" * 10_000, "é" * 64, "." * 64):
            self.assertFalse(self.knows(ALICE, f"{name}={forged}"), forged[:70])
        self.assertFalse(self.knows(ALICE, f"{cookie}; {cookie}"))  # twice is not there (cookies.py)
        self.assertTrue(self.knows(ALICE, f"a=b; {cookie}; c=d"))

    def test_several_accounts(self) -> None:
        """One browser is known to eight accounts at once; a ninth takes the place of the one that was used first."""
        users = [replace(ALICE, id=f"user {number}") for number in range(MAX_NOTES + 1)]
        cookie = ""
        for user in users[:-1]:
            cookie = self.remember(user, cookie)
        self.assertTrue(all(self.knows(user, cookie) for user in users[:-1]))
        cookie = self.remember(users[0], cookie)  # used again: the newest
        cookie = self.remember(users[-1], cookie)
        self.assertEqual([self.knows(user, cookie) for user in users], [True, False] + [True] * (MAX_NOTES - 1))
        self.assertLess(len(cookie), 600)

    def test_the_same_account_again(self) -> None:
        """Each login gives another number, and the old note goes: one account never fills the cookie."""
        cookie = first = self.remember(ALICE)
        for _ in range(20):
            cookie = self.remember(ALICE, cookie)
        self.assertEqual(len(cookie), len(first))
        self.assertNotEqual(cookie, first)
        numbers = {self.devices.recognise(ALICE, with_cookie(each)) for each in (cookie, first)}
        self.assertEqual(len(numbers), 2)  # two browsers, should somebody have kept the old one

    def test_whose_the_key_is(self) -> None:
        """It belongs to the account, as all that is kept of somebody does."""
        self.remember(ALICE)
        self.assertEqual(list(self.keys.owned_by(ALICE.id)), [ALICE.id])

    def test_forgotten(self) -> None:
        """When the account forgets its browsers, every note is void, and a new login makes a good one."""
        cookie = self.remember(ALICE)
        self.devices.forget(ALICE.id)
        self.assertFalse(self.knows(ALICE, cookie))
        self.assertTrue(self.knows(ALICE, self.remember(ALICE, cookie)))
        self.assertFalse(self.knows(ALICE, cookie))

    def test_what_it_says(self) -> None:
        """Neither cookie nor key says whose it is: no address, no id."""
        cookie = self.remember(ALICE)
        self.assertRegex(cookie, r"\Adevice=[0-9a-f]{64}\Z")
        self.assertRegex(self.remember(BOB, cookie), r"\Adevice=[0-9a-f]{64}\.[0-9a-f]{64}\Z")
        self.assertEqual(Devices(self.keys, secure=True).cookie_name, "__Host-device")


class InTheApp(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(quick_hashes())
        self.harness = Harness()
        self.alice = self.harness.sign_up()
        self.session, self.device = self.cookies(LOGIN)

    def cookies(self, login: dict[str, str], **headers: str) -> list[str]:
        answer = self.harness.send("POST", "/login", login, **headers)
        return [line.partition(";")[0] for name, line in answer.headers if name == "set-cookie"]

    def keep_strangers_waiting(self) -> None:
        for _ in range(6):
            self.harness.send("POST", "/login", WRONG)
        self.assertEqual(self.harness.send("POST", "/login", LOGIN).status, 429)

    def status(self, login: dict[str, str] = LOGIN, path: str = "/login") -> int:
        return self.harness.send("POST", path, login, cookie=self.device).status

    def test_while_strangers_wait(self) -> None:
        """The known browser logs in by either mechanism, and what it gets wrong counts for it alone."""
        self.keep_strangers_waiting()
        for path in ("/login", "/token/login"):
            self.assertEqual(self.status(path=path), 200)
        self.assertEqual([self.status(WRONG) for _ in range(6)], [401] * 5 + [429])
        self.harness.clock.advance(1)
        self.assertEqual(self.status(), 200)
        self.assertEqual([self.status(WRONG) for _ in range(5)], [401] * 5)  # five in a row, from the start

    def test_an_address_that_waits(self) -> None:
        """Who guesses from the owner's own address keeps strangers out there, and not the known browser."""
        for number in range(20):
            self.harness.send("POST", "/login", {**WRONG, "email": f"user{number}@example.com"})
        self.assertEqual(self.harness.send("POST", "/login", LOGIN).status, 429)
        self.assertEqual(self.status(), 200)

    def test_what_ends_it(self) -> None:
        """Logging out keeps the browser known; logging out everywhere and a new password do not."""
        change = {"current_password": PASSWORD, "new_password": "another password"}
        for what, method, path, value, login, known in (
            ("log out", "POST", "/logout", None, LOGIN, True),
            ("log out everywhere", "DELETE", "/me/sessions", None, LOGIN, False),
            ("a new password", "POST", "/me/password", change, {**LOGIN, "password": "another password"}, False),
        ):
            with self.subTest(what):
                self.setUp()
                answer = self.harness.send(method, path, value, cookie=self.session)
                self.assertLess(answer.status, 300)
                for _ in range(6):
                    self.harness.send("POST", "/login", WRONG)
                self.assertEqual(self.status(login), 200 if known else 429)
                if what == "a new password":  # this browser has heard it, and has a note of the new one
                    self.device = answer.headers[1][1].partition(";")[0]
                    self.assertEqual(self.status(login), 200)

    def test_a_change_of_keys(self) -> None:
        """The keys that sign tokens have no part in it: whoever changes them makes nobody a stranger."""
        store = SameMaps()
        self.harness = Harness(lambda now: store)
        self.harness.sign_up()
        _, self.device = self.cookies(LOGIN)
        self.keep_strangers_waiting()
        self.harness = Harness(lambda now: store, keys={"k9": bytes(reversed(KEYS["k1"]))})
        self.assertEqual(self.status(), 200)
        self.assertEqual(self.harness.send("POST", "/login", LOGIN).status, 429)

    def test_a_failed_login(self) -> None:
        """It sets no cookie and takes none away, whoever it was for."""
        for email in ("alice@example.com", "nobody@example.com"):
            for cookie in ("", self.device):
                headers = {"cookie": cookie} if cookie else {}
                self.assertEqual(self.cookies({**WRONG, "email": email}, **headers), [])

    def test_a_login_by_token(self) -> None:
        """It sets no cookie at all: what carries a token needs none."""
        answer = self.harness.send("POST", "/token/login", LOGIN)
        self.assertIsNone(answer.header("set-cookie"))

    def test_alone(self) -> None:
        """It logs nobody in."""
        self.assertEqual(self.harness.send("GET", "/me", cookie=self.device).status, 401)

    def test_the_flags(self) -> None:
        """Behind TLS it has the guarded name; no script reads it, no other site sends it."""
        harness = Harness(public_url="https://auth.example")
        harness.sign_up()
        line = [text for name, text in harness.send("POST", "/login", LOGIN).headers if name == "set-cookie"][1]
        self.assertTrue(re.match("__Host-device=", line))
        self.assertIn("Max-Age=31536000; Expires=Sat, 15 Jan 2101 08:00:00 GMT", line)
        self.assertLessEqual({"HttpOnly", "SameSite=Lax", "Path=/", "Secure"}, set(line.split("; ")))


if __name__ == "__main__":
    unittest.main()
