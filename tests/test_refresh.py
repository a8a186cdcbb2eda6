"""How long does a login by token last, and what does a stolen refresh token give? refresh.py and its route.

Most tests speak to the whole app; the last two classes build Tokens from its parts, to look into the map
that a thief of the store would see, and to break that map in the middle of a request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
import unittest
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from unittest import mock

from authref import jwt
from authref.events import Events
from authref.maps import MemoryMap, StoreUnavailable
from authref.refresh import (
    ACCESS_LIFETIME,
    LIFETIME,
    RETRY_WINDOW,
    Family,
    InvalidGrant,
    Reused,
    family_of,
    new_family,
    use,
)
from authref.revocation import Revocation
from authref.stores.codec import Codec
from authref.tokens import MAX_PER_USER, Tokens
from authref.wire import Request, Response
from tests.basics import JSON, KEYS, PASSWORD, START, Clock
from tests.support import STORE, Harness, accounts, body

EMAIL = "alice@example.com"
DAY = 24 * 60 * 60  # seconds
T = TypeVar("T")


class RefreshCase(unittest.TestCase):
    """Alice has an account; `log_in` gives her tokens, `use` sends a refresh token."""

    def setUp(self) -> None:
        self.harness = Harness()
        self.clock = self.harness.clock
        self.alice = self.harness.sign_up(EMAIL)

    def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> dict[str, Any]:
        answer = self.harness.send("POST", "/token/login", {"email": email, "password": password})
        self.assertEqual(answer.status, 200)
        return body(answer)

    def use(self, token: object) -> Response:
        return self.harness.send("POST", "/token/refresh", {"refresh_token": token})

    def successor(self, token: str) -> str:
        """The refresh token that comes for this one."""
        answer = self.use(token)
        self.assertEqual(answer.status, 200, answer.body)
        return str(body(answer)["refresh_token"])

    def me(self, access_token: str) -> Response:
        return self.harness.send("GET", "/token/me", authorization=f"Bearer {access_token}")

    def claims(self, access_token: str) -> dict[str, Any]:
        return jwt.verify(access_token, KEYS, now=self.clock())

    def assert_refused(self, token: object) -> None:
        answer = self.use(token)
        self.assertEqual((answer.status, body(answer).get("code")), (400, "invalid_grant"))


class Rotation(RefreshCase):
    def test_an_exchange(self) -> None:
        """A refresh is answered like a login: a new access token of the same login, and a new refresh token."""
        first = self.log_in()
        self.clock.advance(1)
        answer = self.use(first["refresh_token"])
        second = body(answer)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertEqual(list(second), list(first))
        self.assertEqual((second["token_type"], second["expires_in"]), ("Bearer", ACCESS_LIFETIME))
        self.assertNotEqual(second["refresh_token"], first["refresh_token"])
        before, after = self.claims(first["token"]), self.claims(second["token"])
        self.assertEqual((after["sub"], after["fam"]), (self.alice, before["fam"]))
        self.assertNotEqual(after["jti"], before["jti"])
        self.assertEqual(after["iat"], before["iat"] + 1)
        self.assertEqual(self.me(second["token"]).status, 200)

    def test_a_used_token(self) -> None:
        """A refresh token is good for one use."""
        token = self.log_in()["refresh_token"]
        self.assertEqual(self.use(token).status, 200)
        self.clock.advance(RETRY_WINDOW)
        self.assert_refused(token)

    def test_a_long_chain(self) -> None:
        """A login goes on through any number of exchanges, and no token of the chain comes twice."""
        seen = [self.log_in()["refresh_token"]]
        for _ in range(50):
            self.clock.advance(60)
            seen.append(self.successor(seen[-1]))
        self.assertEqual(len(set(seen)), len(seen))

    def test_two_logins(self) -> None:
        """Each login has a family of its own, which rotates by itself."""
        laptop, phone = self.log_in()["refresh_token"], self.log_in()["refresh_token"]
        for _ in range(3):
            self.clock.advance(60)
            laptop = self.successor(laptop)
        self.successor(phone)

    def test_a_changed_role(self) -> None:
        """The next access token says what is true now; the one before keeps its old words until it expires."""
        first = self.log_in()
        self.harness.app.admins.change(self.alice, role="admin")
        second = body(self.use(first["refresh_token"]))
        self.assertEqual(body(self.me(first["token"]))["user"]["role"], "user")
        self.assertEqual(body(self.me(second["token"]))["user"]["role"], "admin")

    def test_the_form_of_a_refusal(self) -> None:
        """Whatever was wrong, the answer is the same bytes: 400 invalid_grant (RFC 6749 §5.2), and no challenge."""
        used, ended, expired = (self.log_in()["refresh_token"] for _ in range(3))
        self.successor(used)
        self.clock.advance(RETRY_WINDOW)
        self.harness.send("POST", "/token/logout", {"refresh_token": ended})
        answers = [self.use(token) for token in (used, used, ended, "junk", "A" * 22 + "." + "A" * 43)]
        self.clock.advance(LIFETIME)
        answers.append(self.use(expired))
        for answer in answers:
            self.assertEqual(answer, answers[0])
        problem = body(answers[0])
        self.assertEqual(answers[0].header("content-type"), "application/problem+json")
        self.assertEqual((answers[0].status, problem["status"], problem["code"]), (400, 400, "invalid_grant"))
        self.assertIsNone(answers[0].header("www-authenticate"))

    def test_a_body_of_another_form(self) -> None:
        """Only one text field named refresh_token is read; anything else is 400 and uses nothing up."""
        token = self.log_in()["refresh_token"]
        wrong: tuple[object, ...] = (
            {},
            [],
            token,
            {"refresh_token": None},
            {"refresh_token": [token]},
            {"refresh_token": 1},
            {"token": token},
            {"refresh_token": token, "scope": "admin"},
        )
        for value in wrong:
            with self.subTest(value):
                answer = self.harness.send("POST", "/token/refresh", value)
                self.assertEqual((answer.status, body(answer)["code"]), (400, "invalid_request"))
        self.assertEqual(self.use(token).status, 200)

    def test_each_token_at_the_other_door(self) -> None:
        """A refresh token opens no route, and an access token refreshes nothing; each works at its own door."""
        login = self.log_in()
        self.assertEqual(self.me(login["refresh_token"]).status, 401)
        self.assert_refused(login["token"])
        self.assertEqual(self.me(login["token"]).status, 200)
        self.assertEqual(self.use(login["refresh_token"]).status, 200)


class Retry(RefreshCase):
    def test_the_edges_of_the_window(self) -> None:
        """A second use is a retry for less than a minute after the first, or if the first lies ahead of our clock."""
        for seconds, status in ((0, 200), (59.999, 200), (60, 400), (3600, 400), (-1, 200), (-60, 200), (-3600, 200)):
            with self.subTest(seconds=seconds):
                token = self.log_in()["refresh_token"]
                self.successor(token)
                self.clock.advance(seconds)
                self.assertEqual(self.use(token).status, status)
                self.clock.time = START

    def test_a_lost_answer(self) -> None:
        """A client whose answer got lost asks again with the same token and goes on with what comes then."""
        login = self.log_in()
        self.use(login["refresh_token"])  # this answer never arrives
        self.clock.advance(30)
        answer = body(self.use(login["refresh_token"]))
        self.assertEqual(self.me(answer["token"]).status, 200)
        self.assertEqual(self.claims(answer["token"])["fam"], self.claims(login["token"])["fam"])
        token = answer["refresh_token"]
        for _ in range(3):
            self.clock.advance(RETRY_WINDOW)
            token = self.successor(token)

    def test_two_tabs(self) -> None:
        """Tabs that share a token get the same successor: whichever answer arrives, or arrives last, is good."""
        token = self.log_in()["refresh_token"]
        for _ in range(5):
            first = self.successor(token)
            self.clock.advance(10)
            self.assertEqual(self.successor(token), first)
            self.assertNotEqual(first, token)
            self.clock.advance(ACCESS_LIFETIME)
            token = first

    def test_a_token_from_many_steps_ago(self) -> None:
        """A retry gets the living token, however many steps the others have gone on meanwhile."""
        token = newest = self.log_in()["refresh_token"]
        for _ in range(RETRY_WINDOW - 1):
            newest = self.successor(newest)
            self.clock.advance(1)
        self.assertEqual(self.successor(token), newest)
        self.clock.advance(1)
        self.assert_refused(token)

    def test_the_answer_of_one_tab_is_lost(self) -> None:
        """Two tabs use a token; one has gone on by the time that the other, whose answer got lost, asks again."""
        token = self.log_in()["refresh_token"]
        self.use(token)  # tab A: this answer never arrives
        newest = self.successor(token)
        self.clock.advance(2)
        newest = self.successor(newest)
        self.clock.advance(2)
        self.assertEqual(self.successor(token), newest)

    def test_retries_one_after_the_other(self) -> None:
        """The window counts from the first use: retrying in time does not push its end away."""
        token = self.log_in()["refresh_token"]
        self.successor(token)
        for _ in range(3):
            self.clock.advance(19)
            self.successor(token)
        self.clock.advance(3)
        self.assert_refused(token)

    def test_a_token_younger_than_a_second(self) -> None:
        """A successor is handed back as it is for a second: asking fast uses nothing up, and later it is used up."""
        token = self.log_in()["refresh_token"]
        young = self.successor(token)
        for seconds in (0, 0.999, -5, -3600):
            with self.subTest(seconds=seconds):
                self.clock.time = START + seconds
                self.assertEqual(self.successor(young), young)
        self.clock.time = START + 1
        self.assertNotEqual(self.successor(young), young)

    def test_retries_without_end(self) -> None:
        """However fast and long somebody asks, with old tokens or new ones, a record has 60 steps: less than 10 KB."""
        token = self.log_in()["refresh_token"]
        tokens = [token]
        for _ in range(300):
            for chosen in (tokens[-1], tokens[len(tokens) // 2], tokens[-60:][0]):
                tokens.append(self.successor(chosen))
            self.clock.advance(0.5)
            tokens = list(dict.fromkeys(tokens))[-40:]
        (family,) = self.harness.app.tokens.logins(self.alice).values()
        self.assertEqual(len(family.live), 1 + RETRY_WINDOW)
        self.assertLess(len(Codec(Family).write(family)), 10_000)
        self.clock.advance(RETRY_WINDOW)
        self.successor(tokens[-1])
        (family,) = self.harness.app.tokens.logins(self.alice).values()
        self.assertEqual(len(family.live), 2)

    def test_an_outage_before_the_user_is_found(self) -> None:
        """The user is looked up before the token is used: who asks again after an outage of an hour is no thief."""
        token = self.log_in()["refresh_token"]
        with mock.patch.object(self.harness.app.users, "get", side_effect=StoreUnavailable("away")):
            self.assertEqual(self.use(token).status, 503)
        self.clock.advance(3600)
        self.assertEqual(self.use(token).status, 200)


class Theft(RefreshCase):
    def test_who_comes_second(self) -> None:
        """When a thief and the owner have both used one token, the login ends for both, whoever was first."""
        for first in ("thief", "owner"):
            with self.subTest(first=first):
                stolen = self.log_in()["refresh_token"]
                held = self.successor(stolen)  # by whoever was first
                self.clock.advance(RETRY_WINDOW)
                self.assert_refused(stolen)
                self.assert_refused(held)
                self.assert_refused(stolen)

    def test_a_thief_who_follows(self) -> None:
        """Who comes within a minute after each of the owner's renewals holds the owner's token, until one is late."""
        for late in ("thief", "owner"):
            with self.subTest(late=late):
                owner = thief = self.log_in()["refresh_token"]
                for _ in range(100):
                    owner = self.successor(owner)
                    self.clock.advance(RETRY_WINDOW - 1)
                    thief = self.successor(thief)
                    self.assertEqual(thief, owner)
                    self.clock.advance(ACCESS_LIFETIME - RETRY_WINDOW)
                self.successor(owner if late == "thief" else thief)
                self.clock.advance(RETRY_WINDOW)
                self.assert_refused(thief if late == "thief" else owner)
                self.assertEqual(self.harness.app.tokens.logins(self.alice), {})

    def test_other_logins(self) -> None:
        """A theft ends the login that was robbed and no other: not the owner's other ones, not other people's."""
        self.harness.sign_up("bob@example.com")
        others = [self.log_in()["refresh_token"], self.log_in("bob@example.com")["refresh_token"]]
        cookie = self.harness.cookie(EMAIL)
        stolen = self.log_in()["refresh_token"]
        self.successor(stolen)
        self.clock.advance(RETRY_WINDOW)
        self.assert_refused(stolen)
        for token in others:
            self.successor(token)
        self.assertEqual(self.harness.send("GET", "/me", cookie=cookie).status, 200)

    def test_the_log_of_a_theft(self) -> None:
        """A theft leaves one line of the highest level, naming the user and nothing of any token."""
        stolen = self.log_in()["refresh_token"]
        held = self.successor(stolen)
        self.clock.advance(RETRY_WINDOW)
        self.assertEqual(self.harness.events("authn_token_reuse"), [])
        self.assert_refused(stolen)
        self.assert_refused(stolen)
        (line,) = self.harness.events("authn_token_reuse")
        self.assertEqual((line["level"], line["user"]), ("CRITICAL", self.alice))
        for part in (*stolen.split("."), *held.split(".")):
            self.assertNotIn(part, "".join(self.harness.log))

    def test_the_right_handle_with_another_secret(self) -> None:
        """Who brings a handle has held a token of that login, so this too is theft: that login ends, no other."""
        other, token = self.log_in()["refresh_token"], self.log_in()["refresh_token"]
        handle = token.partition(".")[0]
        self.assert_refused(f"{handle}.{other.partition('.')[2]}")
        self.assert_refused(token)
        self.successor(other)

    def test_a_token_cut_short(self) -> None:
        """A token that lost its end on the way is no old token come back: the login goes on."""
        token = self.log_in()["refresh_token"]
        for text in (token[:-1], token + "A", token.partition(".")[0], token.partition(".")[0] + ".", token + "\n"):
            with self.subTest(text):
                self.assert_refused(text)
        self.successor(token)

    def test_somebody_who_knows_the_family_id_only(self) -> None:
        """The `fam` claim, which every service reads, ends nobody's login: no handle can be made from it."""
        self.harness.sign_up("mallory@example.com")
        mallory = self.harness.cookie("mallory@example.com")
        login = self.log_in()
        fam = self.claims(login["token"])["fam"]
        packed = base64.urlsafe_b64encode(bytes.fromhex(fam)).decode().rstrip("=")
        self.assertEqual(len(packed), 22)  # as long as a handle: the most promising try
        secret = "A" * 43
        for handle in (fam, fam[:22], fam[10:], packed, hashlib.sha256(fam.encode()).hexdigest()[:22], ""):
            with self.subTest(handle):
                token = f"{handle}.{secret}"
                self.assert_refused(token)
                self.assertEqual(self.harness.send("POST", "/token/logout", {"refresh_token": token}).status, 200)
        self.assert_refused(fam)
        self.assertEqual(self.harness.send("DELETE", f"/me/sessions/{fam}", cookie=mallory).status, 404)
        self.successor(login["refresh_token"])


class Junk(RefreshCase):
    def test_what_is_no_token(self) -> None:
        """Whatever text arrives, the answer is 400 invalid_grant and no login ends."""
        login, other = self.log_in(), self.log_in()
        handle, _, secret = login["refresh_token"].partition(".")
        other_handle, _, _ = other["refresh_token"].partition(".")
        junk = (
            "",
            ".",
            "..",
            "a.b",
            handle,
            secret,
            f".{secret}",
            f"{secret}.{handle}",
            f"{handle}..{secret}",
            f"{handle}.{secret}.",
            f"{handle}.{secret}.{secret}",
            f" {handle}.{secret}",
            f"{handle}.{secret}\0",
            f"{handle}.{secret}=",
            f"{handle[:-1]}é.{secret}",
            f"{handle}.{secret[:-1]}٣",  # an Arabic digit, which some patterns take for \d
            "ключ" * 20,
            "\U0001f511",
            "A" * 1024 * 1024,
            "." * 1024 * 1024,
            login["token"],
            f"Bearer {handle}.{secret}",
        )
        for text in junk:
            with self.subTest(text[:80]):
                self.assert_refused(text)
        self.assertNotEqual(handle, other_handle)
        self.successor(login["refresh_token"])
        self.successor(other["refresh_token"])

    def test_another_logins_secret(self) -> None:
        """A secret is worth nothing without its own handle."""
        _, _, secret = self.log_in()["refresh_token"].partition(".")
        self.assert_refused("A" * 22 + "." + secret)


class Ends(RefreshCase):
    def test_thirty_days(self) -> None:
        """A login refreshed every day still ends 30 days after it began, to the second."""
        token = self.log_in()["refresh_token"]
        for _ in range(29):
            self.clock.advance(DAY)
            token = self.successor(token)
        self.clock.time = START + 30 * DAY - 1
        self.assertEqual(self.use(token).status, 200)
        self.clock.time = START + 30 * DAY
        self.assert_refused(token)

    def test_the_last_access_tokens(self) -> None:
        """No access token outlives the login it came from; one that ends with it comes without a refresh token."""
        for left, expected in ((3600, 900), (901, 900), (900, 900), (899, 899), (1, 1)):
            with self.subTest(seconds_left=left):
                self.clock.time = START
                token = self.log_in()["refresh_token"]
                self.clock.time = START + LIFETIME - left
                answer = body(self.use(token))
                self.assertEqual(answer["expires_in"], expected)
                self.assertEqual("refresh_token" in answer, left > ACCESS_LIFETIME)
                self.assertEqual(answer["refresh_expires_in"], left if left > ACCESS_LIFETIME else 0)
                self.assertEqual(self.claims(answer["token"])["exp"], self.clock() + expected)
                self.clock.advance(expected - 1)
                self.assertEqual(self.me(answer["token"]).status, 200)
                self.clock.advance(1)
                self.assertEqual(self.me(answer["token"]).status, 401)
                self.clock.time = START
                token = self.log_in()["refresh_token"]
                self.clock.time = START + LIFETIME - left - 1
                self.use(token)
                self.clock.advance(1)
                self.assertEqual("refresh_token" in body(self.use(token)), left > ACCESS_LIFETIME, "for a retry")

    def test_clients_near_the_end(self) -> None:
        """However early a client renews, only one of its tokens is shorter than the others: nothing comes after it."""
        for early in (0, 60, 300, 898):  # seconds before the access token ends
            with self.subTest(early=early):
                self.clock.time = START
                token = self.log_in()["refresh_token"]
                self.clock.time = START + LIFETIME - 2 * ACCESS_LIFETIME - 7
                lifetimes = []
                while token:
                    answer = body(self.use(token))
                    token = answer.get("refresh_token")
                    lifetimes.append(answer["expires_in"])
                    self.clock.advance(max(1, answer["expires_in"] - early))
                self.assertEqual(set(lifetimes[:-1]), {ACCESS_LIFETIME})
                self.assertLessEqual(lifetimes[-1], ACCESS_LIFETIME)

    def test_the_last_token_that_is_kept(self) -> None:
        """Who keeps the token that the last answer did not replace is no thief, and goes on until the end only."""
        token = self.log_in()["refresh_token"]
        self.clock.time = START + LIFETIME - ACCESS_LIFETIME
        for left in (ACCESS_LIFETIME, ACCESS_LIFETIME - RETRY_WINDOW, 1):
            self.clock.time = START + LIFETIME - left
            answer = body(self.use(token))
            self.assertEqual((answer["expires_in"], answer["refresh_expires_in"]), (left, 0))
        self.clock.advance(1)
        self.assert_refused(token)
        self.assertEqual(self.harness.events("authn_token_reuse"), [])

    def test_how_long_it_can_be_renewed(self) -> None:
        """Each answer says in seconds how long its refresh token is good, from the login's 30 days on."""
        answer = self.log_in()
        self.assertEqual(answer["refresh_expires_in"], LIFETIME)
        self.clock.advance(DAY)
        self.assertEqual(body(self.use(answer["refresh_token"]))["refresh_expires_in"], LIFETIME - DAY)

    def test_a_login_between_two_seconds(self) -> None:
        """Times in a token are whole seconds, and rounding does not give one a moment more than the login has."""
        self.clock.advance(0.75)
        token = self.log_in()["refresh_token"]
        self.clock.advance(LIFETIME - 300)
        answer = body(self.use(token))
        self.assertLessEqual(self.claims(answer["token"])["exp"], START + 0.75 + LIFETIME)

    def test_log_out(self) -> None:
        """Any token of a login ends it; logging out with an unknown token is 200 as well and ends nothing."""
        gone, used, kept = (self.log_in()["refresh_token"] for _ in range(3))
        last = self.successor(used)
        for token in (gone, used, "junk", "A" * 22 + "." + "A" * 43):
            self.assertEqual(self.harness.send("POST", "/token/logout", {"refresh_token": token}).status, 200)
        self.assert_refused(gone)
        self.assert_refused(last)
        self.successor(kept)

    def test_changes_to_the_account(self) -> None:
        """Disabled, deleted or given a new password: its refresh tokens end, other people's do not."""
        self.harness.sign_up("root@example.com", role="admin")
        root = self.harness.cookie("root@example.com")
        fields = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
        changes: tuple[tuple[str, str, object], ...] = (
            ("PATCH", "/users/{id}", {"disabled": True}),
            ("DELETE", "/users/{id}", None),
            ("POST", "/me/password", fields),
        )
        for number, (method, path, value) in enumerate(changes):
            with self.subTest(f"{method} {path}"):
                email = f"user{number}@example.com"
                user_id = self.harness.sign_up(email)
                token, bystander = self.log_in(email)["refresh_token"], self.log_in()["refresh_token"]
                caller = self.harness.cookie(email) if path == "/me/password" else root
                answer = self.harness.send(method, path.replace("{id}", user_id), value, cookie=caller)
                self.assertIn(answer.status, (200, 204))
                self.assert_refused(token)
                self.successor(bystander)

    def test_a_change_that_was_cut_off_in_the_middle(self) -> None:
        """The account's record decides: logins are void even if the process died before clearing them."""
        users, admins = self.harness.app.users, self.harness.app.admins
        changes: tuple[Callable[[str], object], ...] = (
            lambda user_id: admins.change(user_id, disabled=True),
            admins.delete,
            lambda user_id: users.set_password(user_id, PASSWORD + "!", 0),
        )
        for number, change in enumerate(changes):
            with self.subTest(number):
                email = f"user{number}@example.com"
                user_id = self.harness.sign_up(email)
                token = self.log_in(email)["refresh_token"]
                change(user_id)
                self.assert_refused(token)
                admins.change(user_id, disabled=False)
                self.assert_refused(token)

    def test_disabled_and_enabled_again(self) -> None:
        """Being enabled again brings no old login back; a new login works."""
        self.harness.sign_up("root@example.com", role="admin")
        root, token = self.harness.cookie("root@example.com"), self.log_in()["refresh_token"]
        for disabled in (True, False):
            self.harness.send("PATCH", f"/users/{self.alice}", {"disabled": disabled}, cookie=root)
        self.assert_refused(token)
        self.successor(self.log_in()["refresh_token"])

    def test_one_login_too_many(self) -> None:
        """The 21st login of a user ends the oldest one, and nobody else's."""
        self.harness.sign_up("bob@example.com")
        bob = self.log_in("bob@example.com")["refresh_token"]
        cookie = self.harness.cookie(EMAIL)
        tokens = []
        for _ in range(MAX_PER_USER + 1):
            self.clock.advance(1)
            tokens.append(self.log_in()["refresh_token"])
        self.assert_refused(tokens[0])
        for token in (*tokens[1:], bob):
            self.successor(token)
        self.assertEqual(self.harness.send("GET", "/me", cookie=cookie).status, 200)

    def test_one_login_too_many_with_the_clock_set_back(self) -> None:
        """The login that just proved the password is never the one that goes, whatever the clock says of its age."""
        for _ in range(MAX_PER_USER):
            self.log_in()
        self.clock.advance(-1)
        self.successor(self.log_in()["refresh_token"])


class AtOnce(RefreshCase):
    def together(self, tasks: list[Callable[[], T]]) -> list[T]:
        """The answers to all of these, begun by one thread each, at one moment as far as possible."""
        answers: list[T] = []
        start = threading.Event()

        def run(task: Callable[[], T]) -> None:
            start.wait()
            answers.append(task())

        threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)  # seconds: let the threads get into each other's way
        for thread in threads:
            thread.start()
        start.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
        self.assertEqual(len(answers), len(tasks))
        return answers

    EACH = 20 if STORE == "memory" else 2  # elsewhere each look, and each look again, has its price

    def test_a_thousand_uses_of_one_token(self) -> None:
        """All are answered with one and the same successor, nothing counts as theft, and the client goes on."""
        token = self.log_in()["refresh_token"]
        answers = sum(self.together([lambda: [self.use(token) for _ in range(self.EACH)]] * 50), [])
        self.assertEqual({answer.status for answer in answers}, {200})
        given = [body(answer) for answer in answers]
        self.assertEqual(len({answer["refresh_token"] for answer in given}), 1)
        self.assertEqual(len({self.claims(answer["token"])["fam"] for answer in given}), 1)
        self.assertEqual(len(self.harness.app.tokens.logins(self.alice)), 1)
        self.assertEqual(self.harness.events("authn_token_reuse"), [])
        token = given[0]["refresh_token"]
        for _ in range(3):
            self.clock.advance(60)
            token = self.successor(token)

    def test_refreshing_while_logging_out(self) -> None:
        """When all is over after a logout, no answer that was given beside it can be used any more."""
        token = self.log_in()["refresh_token"]
        uses: list[Callable[[], Response]] = [lambda: self.use(token)] * 50
        end = [lambda: self.harness.send("POST", "/token/logout", {"refresh_token": token})]
        answers = self.together([*uses[:25], *end, *uses[25:]])
        self.assertLessEqual({answer.status for answer in answers}, {200, 400})
        for answer in answers:
            if "refresh_token" in body(answer):
                self.assert_refused(body(answer)["refresh_token"])
        self.assertEqual(self.harness.app.tokens.logins(self.alice), {})

    def test_refreshing_while_a_theft_is_found(self) -> None:
        """An honest use beside the thief's replay cannot save the family: at the end nothing of it lives."""
        old = self.log_in()["refresh_token"]
        live = self.successor(old)
        self.clock.advance(RETRY_WINDOW)
        uses: list[Callable[[], Response]] = [lambda: self.use(live), lambda: self.use(old)] * 25
        answers = self.together(uses)
        self.assertLessEqual({answer.status for answer in answers}, {200, 400})
        for answer in answers:
            if answer.status == 200:
                self.assert_refused(body(answer)["refresh_token"])
        self.assertEqual(self.harness.app.tokens.logins(self.alice), {})


class FragileMap:
    """A memory map that fails when told to, like a store behind a network: before it does a thing, or after."""

    def __init__(self, now: Clock) -> None:
        self.inner: MemoryMap[Family] = MemoryMap(now)
        self.breaks: tuple[str, str] | None = None  # a verb, and "before" or "after"

    def _do(self, verb: str, *arguments: object) -> Any:
        if self.breaks == (verb, "before"):
            raise ConnectionError
        result = getattr(self.inner, verb)(*arguments)
        if self.breaks == (verb, "after"):
            raise ConnectionError
        return result

    def get(self, key: str) -> Any:
        return self._do("get", key)

    def __setitem__(self, key: str, value: Family) -> None:
        self._do("__setitem__", key, value)

    def pop(self, key: str) -> Any:
        return self._do("pop", key)

    def replace(self, key: str, old: Family, new: Family) -> Any:
        return self._do("replace", key, old, new)

    def owned_by(self, user_id: str) -> Any:
        return self._do("owned_by", user_id)

    def __len__(self) -> int:
        return len(self.inner)


class PartsCase(unittest.TestCase):
    """Tokens made of their parts, over a map that the test holds in its hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.records = FragileMap(self.clock)
        self.users = accounts(self.clock)[0]
        self.alice = self.users.sign_up(EMAIL, PASSWORD)
        self.tokens = self.made("none")

    def made(self, mode: str) -> Tokens:
        records: Any = self.records
        revocation = Revocation(mode, records, MemoryMap(self.clock), self.clock)
        return Tokens(KEYS, records, revocation, self.users, Events().emit, issuer="i", audience="a", now=self.clock)

    def start(self, user_agent: str = "") -> tuple[Family, str]:
        """A new family of Alice's, in the map, and its first token."""
        family, token = new_family(self.alice, user_agent, self.clock())
        self.records[family_of(token)] = family
        return family, token

    def use_seen(self, token: str, seen: Family) -> tuple[Family, str]:
        """What a use gives to whoever has looked the family up before."""
        records: Any = self.records
        return use(records, token, seen, self.clock)

    def log_in(self) -> str:
        return str(body(self.tokens.log_in(self.alice, Request("POST", "/token/login")))["refresh_token"])

    def use(self, token: str) -> Response:
        return self.tokens.refresh(token, Request("POST", "/token/refresh"))

    def log_out(self, token: str) -> Response:
        value = b'{"refresh_token":"' + token.encode() + b'"}'
        return self.tokens.log_out(Request("POST", "/token/logout", JSON, value))


class Meeting(PartsCase):
    """What happens once in a million times, made to happen: something changes between looking and writing."""

    def test_two_uses_that_both_saw_the_same_record(self) -> None:
        """Of two uses at once the second does not overwrite the first, but looks again: both get one successor."""
        seen, token = self.start()
        for _ in range(2):  # with an unused token, and with one that has been used
            self.clock.advance(1)
            changed, newest = self.use_seen(token, seen)
            self.assertEqual(self.use_seen(token, seen)[1], newest)
            token, seen = newest, changed
        self.assertEqual(len(self.records), 1)
        self.clock.advance(RETRY_WINDOW)
        self.use_seen(newest, changed)

    def test_an_end_after_the_look(self) -> None:
        """A family that ends while a use is under way stays ended: the use does not write it back."""
        seen, token = self.start()
        self.records.pop(family_of(token))
        with self.assertRaises(InvalidGrant) as caught:
            self.use_seen(token, seen)
        self.assertNotIsInstance(caught.exception, Reused)
        self.assertEqual(len(self.records), 0)

    def test_a_theft_that_is_seen_at_the_second_look(self) -> None:
        """Who looked when the token was good, and wrote after it had been used for a minute, brings an old one."""
        seen, token = self.start()
        self.use_seen(token, seen)
        self.clock.advance(RETRY_WINDOW)
        with self.assertRaises(Reused):
            self.use_seen(token, seen)


class FirstEdition(PartsCase):
    """Records as the first edition of this file wrote them, and still writes them on a server not yet restarted."""

    def keep(self, *tokens: str, used: str = "", used_at: float = 0.0) -> None:
        """A family with these living tokens, and this one used last."""
        family, token = self.start()
        live = tuple(hashlib.sha256(each.encode()).hexdigest() for each in tokens)
        used = hashlib.sha256(used.encode()).hexdigest() if used else ""
        self.records.pop(family_of(token))
        self.records[family_of(tokens[0])] = replace(family, live=live, used=used, used_at=used_at)

    def tokens_of_one_login(self, number: int) -> list[str]:
        return [f"{'h' * 22}.{each:043d}" for each in range(number)]

    def successor(self, token: str) -> str:
        return str(body(self.use(token))["refresh_token"])

    def test_several_living_tokens(self) -> None:
        """Each goes on by itself, with retries, and none of them ends the others; the number does not grow."""
        tokens = self.tokens_of_one_login(5)
        self.keep(*tokens)
        for token in tokens:
            self.clock.advance(20)
            newest = self.successor(token)
            self.clock.advance(20)
            self.assertEqual(self.successor(token), newest)
            self.clock.advance(20)
            self.successor(newest)
        (family,) = self.records.owned_by(self.alice.id).values()
        self.assertEqual(len([line for line in family.live if " " not in line]), 5)

    def test_an_answer_that_got_lost_in_between(self) -> None:
        """What a server of the first edition used up in the last minute is a retry, and gets its own successor."""
        used, living = self.tokens_of_one_login(2)
        self.keep(living, used=used, used_at=START)
        self.clock.advance(RETRY_WINDOW - 1)
        second = self.successor(used)
        self.assertEqual(self.successor(used), second)
        self.clock.advance(1)
        self.assertEqual(len({second, self.successor(second), self.successor(living)}), 3)

    def test_a_theft_of_before(self) -> None:
        """A token that was used more than a minute ago, or before the last one, is an old token come back."""
        oldest, used, living = self.tokens_of_one_login(3)
        for token, later in ((used, RETRY_WINDOW), (oldest, 0)):
            with self.subTest(later=later):
                self.keep(living, used=used, used_at=self.clock())
                self.clock.advance(later)
                self.assertEqual(self.use(token).status, 400)
                self.assertEqual(self.use(living).status, 400)

    def test_a_server_of_the_first_edition_in_between(self) -> None:
        """It uses up a token and passes over the steps; from an older token they still lead to where it went on."""
        _, first = self.start()
        second = self.successor(first)
        key = family_of(first)
        (family,) = self.records.owned_by(self.alice.id).values()
        hashed = hashlib.sha256(second.encode()).hexdigest()
        third = f"{second[:23]}{'t' * 43}"
        live = (*(line for line in family.live if line != hashed), hashlib.sha256(third.encode()).hexdigest())
        self.clock.advance(5)
        self.records[key] = replace(family, live=live, used=hashed, used_at=self.clock())
        self.clock.advance(5)
        retried = self.successor(first)
        self.clock.advance(RETRY_WINDOW)
        self.assertEqual((self.use(retried).status, self.use(third).status), (200, 200))

    def test_the_fields_of_a_record(self) -> None:
        """They are those of the first edition, with texts in `live`: its servers can read what this one writes."""
        self.use(self.log_in())
        (family,) = self.records.owned_by(self.alice.id).values()
        members = json.loads(Codec(Family).write(family))
        kinds = {"user_id": str, "password_version": int, "created_at": float, "last_seen": float, "expires_at": float}
        kinds |= {"user_agent": str, "live": list, "used": str, "used_at": float}
        self.assertEqual({name: type(value) for name, value in members.items()}, kinds)
        self.assertEqual({type(line) for line in members["live"]}, {str})
        self.assertEqual(family.used, family.live[-1].split()[0])


class Storage(PartsCase):
    def test_a_leaked_store(self) -> None:
        """The records hold no token and nothing from which one can be made: a thief of the store logs in as nobody."""
        first = self.log_in()
        token = body(self.use(first))["refresh_token"]
        ((key, family),) = self.records.owned_by(self.alice.id).items()
        text = repr((key, family))
        for part in (*first.split("."), *token.split(".")):
            self.assertNotIn(part, text)
        found = set(re.findall(r"[A-Za-z0-9_-]{22,}", text))
        self.assertLess({key, family.used, *" ".join(family.live).split()} - {str(START)}, found)  # all is tried below
        for left in found | {value[:22] for value in found}:
            for right in found | {value[:43] for value in found}:
                self.assertEqual(self.use(f"{left}.{right}").status, 400)
            self.assertEqual(self.use(left).status, 400)
        self.assertEqual(self.use(token).status, 200)

    def test_what_its_owner_sees(self) -> None:
        """A record says when the login began, when it was used last, and by what; also if the clock was set back."""
        family, token = self.start("Lynx/2.9")
        for moment, seen in ((60, 60), (30, 60), (90, 90)):
            with self.subTest(moment):
                self.clock.time = START + moment
                _, token = self.use_seen(token, family)
                (family,) = self.records.owned_by(self.alice.id).values()
                self.assertEqual((family.created_at, family.last_seen), (START, START + seen))
                self.assertEqual(family.user_agent, "Lynx/2.9")

    def test_a_flood_of_retries(self) -> None:
        """However often somebody asks within a second, the record is written once: only last_seen would change."""
        token = self.log_in()
        self.use(token)
        self.clock.advance(5)
        with mock.patch.object(self.records, "replace", side_effect=self.records.replace) as written:
            self.assertEqual({self.use(token).status for _ in range(50)}, {200})
            self.assertEqual(written.call_count, 1)
            self.clock.advance(1)
            self.use(token)
            self.assertEqual(written.call_count, 2)

    def test_a_flood_of_junk(self) -> None:
        """Refresh tokens that nobody was given leave no record behind, in the form of tokens or in none."""
        token = self.log_in()
        for number in range(1000):
            self.assertEqual(self.use(f"{number:022d}.{number:043d}").status, 400)
            self.assertEqual(self.use(f"junk {number}").status, 400)
        self.assertEqual(len(self.records), 1)
        self.assertEqual(self.use(token).status, 200)

    def test_logins_that_ended(self) -> None:
        """Ended by logout, theft or time, a family leaves no record, and refreshing does not add any."""
        out, stolen, kept = self.log_in(), self.log_in(), self.log_in()
        for _ in range(20):
            self.clock.advance(60)
            kept = body(self.use(kept))["refresh_token"]
        self.assertEqual(len(self.records), 3)
        self.log_out(out)
        self.use(stolen)
        self.clock.advance(RETRY_WINDOW)
        self.use(stolen)
        self.assertEqual(len(self.records), 1)
        self.clock.advance(LIFETIME)
        self.assertEqual(len(self.records), 0)


class Crashes(PartsCase):
    def interrupt(self, verb: str, moment: str, act: Callable[[], object]) -> None:
        """Do this while the map fails at that verb."""
        self.records.breaks = (verb, moment)
        with self.assertRaises(ConnectionError):
            act()
        self.records.breaks = None

    def test_in_the_middle_of_an_exchange(self) -> None:
        """Wherever the store fails, the same token works again right after, and there is one family as before."""
        for verb, moment in (("get", "before"), ("get", "after"), ("replace", "before"), ("replace", "after")):
            with self.subTest(f"{moment} {verb}"):
                token = self.log_in()
                before = len(self.records)
                self.interrupt(verb, moment, lambda token=token: self.use(token))  # type: ignore[misc]
                self.assertEqual(len(self.records), before)
                answer = self.use(token)
                self.assertEqual(answer.status, 200)
                self.clock.advance(60)
                self.assertEqual(self.use(body(answer)["refresh_token"]).status, 200)
                self.assertEqual(len(self.records), before)

    def test_in_the_middle_of_a_login(self) -> None:
        """A login that failed has given no token away; what it may leave is one record that nobody can use."""
        for verb, moment, left in (("__setitem__", "before", 0), ("__setitem__", "after", 1), ("owned_by", "after", 1)):
            with self.subTest(f"{moment} {verb}"):
                before = len(self.records)
                self.interrupt(verb, moment, self.log_in)
                self.assertEqual(len(self.records), before + left)
        self.assertEqual(self.use(self.log_in()).status, 200)

    def test_in_the_middle_of_a_theft(self) -> None:
        """If the store fails while a robbed login is being ended, the old token is still theft at its next use."""
        for moment in ("before", "after"):
            with self.subTest(moment):
                stolen = self.log_in()
                held = body(self.use(stolen))["refresh_token"]
                self.clock.advance(RETRY_WINDOW)
                self.interrupt("pop", moment, lambda stolen=stolen: self.use(stolen))  # type: ignore[misc]
                self.assertEqual(self.use(stolen).status, 400)
                self.assertEqual(self.use(held).status, 400)
                self.assertEqual(len(self.records), 0)

    def test_in_the_middle_of_a_logout(self) -> None:
        """A logout that failed can be repeated, and then has happened: also where live logins are listed."""
        self.tokens = self.made("allowlist")
        for verb, moment in (("get", "before"), ("pop", "before"), ("pop", "after")):
            with self.subTest(f"{moment} {verb}"):
                token = self.log_in()
                self.interrupt(verb, moment, lambda token=token: self.log_out(token))  # type: ignore[misc]
                self.assertEqual(self.log_out(token).status, 200)
                self.assertEqual(self.use(token).status, 400)

    def test_a_crash_after_the_note_and_before_the_end(self) -> None:
        """A login is noted as ended before its family goes, so a crash between the two can be finished by repeating."""
        self.tokens = self.made("denylist")
        token = self.log_in()
        self.interrupt("pop", "before", lambda: self.log_out(token))
        self.assertTrue(self.tokens.revocation.is_revoked(family_of(token)))
        self.assertEqual(len(self.records), 1)
        self.assertEqual(self.log_out(token).status, 200)
        self.assertEqual(len(self.records), 0)


if __name__ == "__main__":
    unittest.main()
