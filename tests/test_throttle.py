"""How many guesses does a stranger get, and who pays for it? throttle.py, through the routes that ask for a password.

Every test moves the clock by hand: a quarter of an hour of waiting takes no time here.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import unittest
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from typing import TypeVar
from unittest import mock

from authref import throttle
from authref.maps import MemoryMap, StoreUnavailable
from authref.throttle import ADDRESS_WINDOW, FORGET_AFTER, Counter, Throttle, Turns
from authref.users import InvalidCredentials
from authref.wire import Problem, Request, Response
from tests.basics import JSON, PASSWORD, SENTENCE, Clock
from tests.support import Harness, body, quick_hashes

EMAIL, BOB, NOBODY = "alice@example.com", "bob@example.com", "nobody@example.com"
WAITS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900)  # seconds, after the fifth failure and each one more
T = TypeVar("T")
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


def together(tasks: list[Callable[[], T]]) -> list[T]:
    """The answers to all of these, begun by one thread each, at one moment as far as possible."""
    answers: list[T] = []
    start = threading.Event()

    def run(task: Callable[[], T]) -> None:
        start.wait()
        answers.append(task())

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # seconds: let the threads get into each other's way
    for thread in threads:
        thread.start()
    start.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    return answers


class MeetingMap(MemoryMap[Counter]):
    """A map where, after `meet`, the next two who look an account up have both looked before either goes on."""

    _barrier: threading.Barrier | None = None

    def meet(self) -> None:
        self._barrier = threading.Barrier(2, action=lambda: setattr(self, "_barrier", None), timeout=10)

    def get(self, key: str) -> Counter | None:
        value = super().get(key)
        if self._barrier is not None and key.startswith("account"):
            self._barrier.wait()
        return value


class ThrottleCase(unittest.TestCase):
    hashes = staticmethod(quick_hashes)

    def setUp(self) -> None:
        self.enterContext(self.hashes())
        self.harness = Harness()
        self.clock = self.harness.clock
        self.alice = self.harness.sign_up(EMAIL)

    def post(self, path: str, value: object, peer: str = HERE, **headers: str) -> Response:
        fields = (*JSON, *headers.items())
        return self.harness.app(Request("POST", path, fields, json.dumps(value).encode(), peer))

    def attempt(self, email: str = EMAIL, password: str = "wrong password", peer: str = HERE) -> Response:
        return self.post("/login", {"email": email, "password": password}, peer)

    def right(self, email: str = EMAIL, peer: str = HERE) -> Response:
        return self.attempt(email, PASSWORD, peer)

    def fail_five_times(self, email: str = EMAIL) -> None:
        for _ in range(5):
            self.assertEqual(self.attempt(email).status, 401)

    def assert_waits(self, answer: Response, seconds: int) -> None:
        self.assertEqual((answer.status, answer.header("retry-after")), (429, str(seconds)))


class Accounts(ThrottleCase):
    def test_the_schedule(self) -> None:
        """Five failures are free; then each next try waits 1, 2, 4 … 900 seconds, and is let in exactly then."""
        self.fail_five_times()
        for wait in WAITS:
            self.assert_waits(self.attempt(), wait)
            self.clock.advance(0.25)
            self.assert_waits(self.attempt(), wait)  # rounded up: who waits as long as was said gets in
            self.clock.advance(wait - 0.5)
            self.assert_waits(self.attempt(), 1)
            self.clock.advance(0.25)
            self.assertEqual(self.attempt().status, 401)

    def test_asking_while_waiting(self) -> None:
        """Knocking too early costs nothing: otherwise an impatient owner would wait for ever."""
        self.fail_five_times()
        for _ in range(100):
            self.assert_waits(self.attempt(), 1)
        self.clock.advance(1)
        self.assertEqual(self.right().status, 200)

    def test_the_right_password_while_waiting(self) -> None:
        """The right password is refused too while there is a wait, or a guesser learns which guess was right."""
        self.fail_five_times()
        self.assertEqual(self.right(), self.attempt())
        self.assert_waits(self.right(), 1)
        self.clock.advance(1)
        self.assertEqual(self.right().status, 200)

    def test_success(self) -> None:
        """A login forgets the failures before it: five are free again, and typing errors never add up."""
        for _ in range(3):
            for _ in range(4):
                self.assertEqual(self.attempt().status, 401)
            self.assertEqual(self.right().status, 200)
        self.fail_five_times_from(ELSEWHERE)
        self.assert_waits(self.attempt(peer=ELSEWHERE), 1)

    def fail_five_times_from(self, peer: str) -> None:
        for _ in range(5):
            self.assertEqual(self.attempt(peer=peer).status, 401)

    def test_another_address(self) -> None:
        """The account waits wherever the guesses come from: a thousand rented machines are no thousand accounts."""
        for number in range(5):
            self.assertEqual(self.attempt(peer=f"203.0.113.{number}").status, 401)
        self.assert_waits(self.attempt(peer=ELSEWHERE), 1)

    def test_another_account(self) -> None:
        """Only the account that was guessed at waits, not one with a like address."""
        others = (BOB, "alice@other.example", "alice@example.co", "lice@example.com")
        for email in others:
            self.harness.sign_up(email)
        self.fail_five_times()
        for email in others:
            self.assertEqual(self.right(email).status, 200)

    def test_another_spelling(self) -> None:
        """All spellings of one address are one account, so capitals do not buy five more guesses."""
        for email in (EMAIL, EMAIL.upper(), EMAIL.title(), "alice@EXAMPLE.com", "aLICE@example.com"):
            self.assertEqual(self.attempt(email).status, 401)
        for email in (EMAIL, "alicE@example.com"):
            self.assert_waits(self.attempt(email), 1)

    def test_the_other_door(self) -> None:
        """Guesses at /login and /token/login are guesses at one password and counted together."""
        login = {"email": EMAIL, "password": "wrong password"}
        for path in ("/login", "/token/login", "/login", "/token/login", "/login"):
            self.assertEqual(self.post(path, login).status, 401, path)
        for path in ("/login", "/token/login"):
            self.assert_waits(self.post(path, login), 1)

    def test_the_door_inside(self) -> None:
        """Changing the password is counted apart: guessing there waits too, but strangers cannot keep the owner out."""
        inside = {"authorization": self.harness.bearer(EMAIL)}
        wrong = {"current_password": "wrong password", "new_password": PASSWORD + "!"}
        for _ in range(5):
            self.attempt()
        self.assert_waits(self.right(peer=ELSEWHERE), 1)
        for _ in range(5):
            self.assertEqual(self.post("/me/password", wrong, **inside).status, 401)
        self.assert_waits(self.post("/me/password", wrong, **inside), 1)
        self.clock.advance(1)
        right = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
        self.assertEqual(self.post("/me/password", right, **inside).status, 204)

    def test_an_address_that_names_another_count(self) -> None:
        """A stranger who logs in as "password of …" is counted as that, not as the owner who changes the password."""
        inside = {"authorization": self.harness.bearer(EMAIL)}
        for name in (f"password of {self.alice}", f"PASSWORD OF {self.alice}", f"account password of {self.alice}"):
            for _ in range(6):
                self.attempt(name, peer=ELSEWHERE)
        right = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
        self.assertEqual(self.post("/me/password", right, **inside).status, 204)
        for _ in range(5):
            self.attempt(f"login as {EMAIL}")
        self.assertEqual(self.attempt(password=PASSWORD + "!").status, 200)

    def test_the_longest_address(self) -> None:
        """Two accounts that differ only in the last of 254 characters are two counts: neither waits for the other."""
        first, other = ("a" * 253 + end for end in "xy")
        self.fail_five_times(first)
        self.assertEqual(self.attempt(other, peer=ELSEWHERE).status, 401)
        self.assert_waits(self.attempt(first, peer=ELSEWHERE), 1)

    def test_a_day_without_a_failure(self) -> None:
        """After 24 hours the account starts anew, a second earlier it does not."""
        for seconds, next_one in ((FORGET_AFTER - 1, 429), (FORGET_AFTER, 401)):
            with self.subTest(seconds=seconds):
                self.setUp()
                self.fail_five_times()
                self.clock.advance(seconds)
                self.assertEqual(self.attempt().status, 401)
                self.assertEqual(self.attempt().status, next_one)

    def test_what_is_no_guess(self) -> None:
        """A request that never reaches the password, wrong in form or without one, uses nothing up."""
        for value in ({"email": EMAIL}, {"email": EMAIL, "password": ""}, {"email": EMAIL, "password": "x" * 1025}, []):
            for _ in range(10):
                self.assertEqual(self.post("/login", value).status, 400)
        self.fail_five_times()
        self.assert_waits(self.attempt(), 1)


class KnownAndUnknown(ThrottleCase):
    def test_byte_for_byte(self) -> None:
        """Known, unknown and disabled accounts answer alike at every step: waiting must not tell who is a user here."""
        self.harness.app.admins.change(self.harness.sign_up(BOB), disabled=True)
        for _ in range(5):
            known, disabled, unknown = (self.attempt(email) for email in (EMAIL, BOB, NOBODY))
            self.assertEqual((known.status, disabled, unknown), (401, known, known))
        for wait in WAITS[1:]:
            self.clock.advance(900)
            for status in (401, 429):
                known, disabled, unknown = (self.attempt(email) for email in (EMAIL, BOB, NOBODY))
                self.assertEqual((known.status, disabled, unknown), (status, known, known))
            self.assert_waits(unknown, wait)

    def test_an_address_that_nobody_could_have(self) -> None:
        """Text that is no e-mail address waits like one that is, and a long one is cut before it is remembered."""
        for email in ("", "no address", "ключ@example.com", "a" * 60_000):
            with self.subTest(email[:20]):
                for _ in range(5):
                    self.assertEqual(self.attempt(email, peer=email[:20]).status, 401)
                self.assert_waits(self.attempt(email, peer=ELSEWHERE), 1)


class Addresses(ThrottleCase):
    def fail_everywhere(self, peer: str = HERE, times: int = 20) -> None:
        """One failure each on many accounts: the attack with one common password and a list of users."""
        for number in range(times):
            self.assertEqual(self.attempt(f"user{number}@example.com", peer=peer).status, 401, number)

    def test_forwarding_headers(self) -> None:
        """Who forwards a request can say anything: the address that counts is the socket's."""
        for number in range(20):
            self.attempt(f"user{number}@example.com")
        wrong = {"email": EMAIL, "password": "wrong password"}
        for name in ("x-forwarded-for", "x-real-ip", "forwarded", "x-client-ip", "true-client-ip"):
            with self.subTest(name):
                self.assertEqual(self.post("/login", wrong, HERE, **{name: ELSEWHERE}).status, 429)
        self.assertEqual(self.post("/login", wrong, ELSEWHERE).status, 401)

    def test_twenty_failures_in_a_minute(self) -> None:
        """The next try from that address waits for the window's end, whoever it is for; other addresses go on."""
        self.fail_everywhere()
        self.assert_waits(self.attempt(NOBODY), 60)
        self.assert_waits(self.right(), 60)
        self.assertEqual(self.right(peer=ELSEWHERE).status, 200)

    def test_nineteen_failures_in_a_minute(self) -> None:
        """One failure fewer, and the owner of an account behind the same address still gets in."""
        self.fail_everywhere(times=19)
        self.assertEqual(self.right().status, 200)

    def test_the_end_of_the_window(self) -> None:
        """It ends a minute after its first failure, to the second, and later knocking does not push that away."""
        self.fail_everywhere(times=1)
        self.clock.advance(30)
        self.fail_everywhere(times=19)
        self.assert_waits(self.right(), 30)
        self.clock.advance(29.5)
        self.assert_waits(self.right(), 1)
        self.clock.advance(0.5)
        self.assertEqual(self.right().status, 200)
        self.fail_everywhere()
        self.assert_waits(self.right(), 60)

    def test_a_good_account(self) -> None:
        """Logging in between the guesses with an account of one's own does not buy an address more of them."""
        self.harness.sign_up(BOB)
        for number in range(20):
            self.assertEqual(self.attempt(f"user{number}@example.com").status, 401)
            if number < 19:
                self.assertEqual(self.right(BOB).status, 200)
        self.assert_waits(self.attempt(NOBODY), 60)
        self.assert_waits(self.right(BOB), 60)

    def test_ip_version_6(self) -> None:
        """One home has a whole /64, so that counts as one address; the neighbour's /64 does not."""
        for number in range(20):
            self.assertEqual(self.attempt(f"user{number}@example.com", peer=f"2001:db8:1:2::{number:x}").status, 401)
        for peer in ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:DB8:1:2:0:0:0:1", "2001:db8:1:2::1%eth0"):
            with self.subTest(peer):
                self.assert_waits(self.right(peer=peer), 60)
        for peer in ("2001:db8:1:3::1", "2001:db8::1", "fe80::1", HERE, ""):
            with self.subTest(peer):
                self.assertEqual(self.right(peer=peer).status, 200)

    def test_ip_version_4_on_a_socket_of_version_6(self) -> None:
        """With `--host ::` each IPv4 client arrives as ::ffff:a.b.c.d: one guesser must not lock out all others."""
        self.fail_everywhere(peer="::ffff:192.0.2.1")
        self.assert_waits(self.right(peer="::ffff:192.0.2.1"), 60)
        self.assertEqual(self.right(peer="::ffff:198.51.100.7").status, 200)

    def test_signing_up(self) -> None:
        """120 sign-ups a minute and address: the answer "taken" tells who has an account here."""
        taken = {"email": EMAIL, "password": PASSWORD}
        weak = {"email": "new@example.com", "password": "short"}
        for _ in range(120):
            self.assertEqual(self.post("/signup", taken).status, 409)
            self.assertEqual(self.post("/signup", weak).status, 400)  # it asks nothing and counts for nothing
        good = {"email": "new@example.com", "password": PASSWORD}
        self.assert_waits(self.post("/signup", good), 60)
        self.assertEqual(self.right().status, 200)  # logging in is another counter
        self.assertEqual(self.post("/signup", good, ELSEWHERE).status, 201)
        self.clock.advance(ADDRESS_WINDOW)
        self.assertEqual(self.post("/signup", {**good, "email": "newer@example.com"}).status, 201)

    def test_failed_logins_and_signing_up(self) -> None:
        """An address that guessed too often may still sign up: the counters are two."""
        self.fail_everywhere()
        good = {"email": "new@example.com", "password": PASSWORD}
        self.assertEqual(self.post("/signup", good).status, 201)


class AtOnce(ThrottleCase):
    hashes = nullcontext  # each takes its time, in which others come

    def test_guesses_while_the_account_waits(self) -> None:
        """Fifty guesses sent the moment the waiting ends are one guess: the first takes the turn, the others wait."""
        for email in (EMAIL, NOBODY):
            with self.subTest(email):
                self.fail_five_times(email)
                for wait in (1, 2):
                    self.clock.advance(wait)
                    answers = together([lambda email=email: self.attempt(email)] * 50)  # type: ignore[misc]
                    self.assertEqual(sorted(answer.status for answer in answers), [401] + [429] * 49)
                self.clock.advance(ADDRESS_WINDOW)

    def test_guesses_before_the_account_waits(self) -> None:
        """Failures at once are all counted: none is lost because two of them wrote the same number."""
        peers = [f"203.0.113.{number}" for number in range(20)]
        answers = together([lambda peer=peer: self.attempt(peer=peer) for peer in peers])  # type: ignore[misc]
        failures = [answer.status for answer in answers].count(401)
        self.assertGreaterEqual(failures, 5)
        self.assert_waits(self.attempt(), WAITS[min(failures - 5, 10)])

    def test_guesses_from_one_address(self) -> None:
        """The address's failures are all counted too."""
        emails = [f"user{number}@example.com" for number in range(20)]
        together([lambda email=email: self.attempt(email) for email in emails])  # type: ignore[misc]
        self.assert_waits(self.attempt(NOBODY), 60)


class WhoeverIsLoggedIn(ThrottleCase):
    def test_while_the_account_waits(self) -> None:
        """Lockout as an attack: while strangers guess at the account, its sessions and tokens go on, refreshing too."""
        cookie = self.harness.cookie(EMAIL)
        login = body(self.harness.send("POST", "/token/login", {"email": EMAIL, "password": PASSWORD}))
        self.fail_five_times()
        for wait in WAITS:
            self.clock.advance(wait)
            self.attempt(peer=ELSEWHERE)
            if wait <= 256:
                self.assertEqual(self.harness.send("GET", "/me", cookie=cookie).status, 200)
        refreshed = self.post("/token/refresh", {"refresh_token": login["refresh_token"]})
        self.assertEqual(refreshed.status, 200)
        bearer = f"Bearer {body(refreshed)['token']}"
        self.assertEqual(self.harness.send("GET", "/token/me", authorization=bearer).status, 200)
        self.assert_waits(self.right(), 900)

    def test_guessing_through_a_stolen_session(self) -> None:
        """POST /me/password is a place to guess as well, so it waits like a login; the session itself goes on."""
        cookie = self.harness.cookie(EMAIL)
        wrong = {"current_password": "wrong password", "new_password": PASSWORD + "!"}
        for _ in range(5):
            self.assertEqual(self.post("/me/password", wrong, cookie=cookie).status, 401)
        self.assert_waits(self.post("/me/password", {**wrong, "current_password": PASSWORD}, cookie=cookie), 1)
        self.assertEqual(self.harness.send("GET", "/me", cookie=cookie).status, 200)
        self.clock.advance(1)
        answer = self.post("/me/password", {**wrong, "current_password": PASSWORD}, cookie=cookie)
        self.assertEqual(answer.status, 204)


class Form(ThrottleCase):
    def test_the_answer(self) -> None:
        """429 is a problem like any other: a code, a whole number of seconds, no-store, no word about the account."""
        self.fail_five_times()
        answer = self.attempt()
        problem = body(answer)
        self.assertEqual((answer.status, problem["status"], problem["code"]), (429, 429, "too_many_requests"))
        self.assertEqual(problem["title"], "Too Many Requests")
        self.assertRegex(problem["detail"], SENTENCE)
        self.assertEqual(answer.header("content-type"), "application/problem+json")
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertEqual(answer.header("retry-after"), "1")
        self.assertNotIn(b"alice", answer.body)

    def test_the_log(self) -> None:
        """Each refusal leaves a line with the address it came from, and not the e-mail: people type passwords there."""
        self.fail_five_times()
        self.attempt(peer=ELSEWHERE)
        (line,) = self.harness.events("excess_rate_limit_exceeded")
        self.assertEqual((line["level"], line["peer"]), ("WARN", ELSEWHERE))
        self.assertNotIn(EMAIL, "".join(self.harness.log))


class Counters(unittest.TestCase):
    """The counters themselves: none is lost, a flood does not fill the memory, and what is over leaves it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.counters: MemoryMap[Counter] = MemoryMap(self.clock)
        self.throttle = Throttle(self.counters, b"key", self.clock)

    def guess(self, user_id: str | None = "alice", device: str = "", peer: str = HERE, wrong: bool = True) -> int:
        """What becomes of one try, as a status: 200, 401, 429 or 503."""
        try:
            with self.throttle.guess(f"{user_id}@example.com", user_id, device, peer):
                if wrong:
                    raise InvalidCredentials("wrong_password", user_id)
        except InvalidCredentials:
            return 401
        except Problem as problem:
            return problem.response.status
        return 200

    def counts(self) -> dict[str, int]:
        return {key: counter.count for key, counter in self.counters.page("", 100_000).items()}

    def test_a_try_that_is_still_being_hashed(self) -> None:
        """The turn is taken by asking, not by failing: who asks while the first is being looked at has to wait."""
        for _ in range(5):
            self.throttle.admit("account alice")
        self.clock.advance(1)
        self.throttle.admit("account alice")
        with self.assertRaises(Problem):
            self.throttle.admit("account alice")

    def test_two_tries_that_both_saw_the_waiting_end(self) -> None:
        """However close together they come, one of them takes the turn and the other waits."""
        counters = MeetingMap(self.clock)
        throttle_ = Throttle(counters, b"key", self.clock)
        for _ in range(5):
            throttle_.admit("account alice")
        self.clock.advance(1)

        def admitted() -> bool:
            try:
                throttle_.admit("account alice")
            except Problem:
                return False
            return True

        counters.meet()
        self.assertEqual(sorted(together([admitted, admitted])), [False, True])

    def test_two_failures_that_both_saw_the_same_count(self) -> None:
        """Both are counted, whether there was a counter already or not."""
        for before in (0, 3):
            with self.subTest(before=before):
                counters = MeetingMap(self.clock)
                throttle_ = Throttle(counters, b"key", self.clock)
                for _ in range(before):
                    throttle_.admit("account alice")
                counters.meet()
                together([lambda throttle_=throttle_: throttle_.admit("account alice")] * 2)  # type: ignore[misc]
                self.assertEqual({counter.count for counter in counters.page("", 10).values()}, {before + 2})

    def test_failures_at_once(self) -> None:
        """Of a hundred at once five are let in for the account and twenty for the address, and each of them counts."""
        with mock.patch("authref.throttle.turns", Turns(running=100, waiting=100)):
            statuses = together([lambda n=n: self.guess(peer=f"192.0.2.{n}") for n in range(100)])  # type: ignore[misc]
            self.assertEqual((statuses.count(401), statuses.count(429)), (5, 95))
            statuses = together([lambda n=n: self.guess(f"user{n}", peer=ELSEWHERE) for n in range(100)])  # type: ignore[misc]
            self.assertEqual((statuses.count(401), statuses.count(429)), (20, 80))
        self.assertEqual(sorted(self.counts().values())[-2:], [5, 20])

    def test_what_was_no_guess(self) -> None:
        """A 503, a crash, and a login that succeeds, take back what was counted when they began."""
        for _ in range(3):
            self.guess()
        before = self.counts()
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            self.assertEqual(self.guess(), 503)
        self.assertEqual(self.counts(), before)
        with self.assertRaises(StoreUnavailable), self.throttle.guess(EMAIL, "alice", "", HERE):
            raise StoreUnavailable
        self.assertEqual(self.counts(), before)
        self.assertEqual(self.guess(wrong=False), 200)
        self.assertEqual(list(self.counts().values()), [3])  # the address keeps its own, the account starts anew

    def test_a_refusal(self) -> None:
        """Knocking at an account that waits does not use up the address, nor the other way round."""
        for _ in range(5):
            self.guess()
        before = self.counts()
        for _ in range(50):
            self.assertEqual(self.guess(), 429)
        self.assertEqual(self.counts(), before)
        for number in range(20):
            self.guess(f"user{number}", peer=ELSEWHERE)
        self.assertEqual(self.guess("bob", peer=ELSEWHERE), 429)
        self.assertNotIn("account bob", self.counts())

    def test_a_stranger_who_succeeds(self) -> None:
        """A login forgives strangers five failures and no more: else each would buy a guesser a new start."""
        for failures, left in ((5, 0), (6, 6)):
            with self.subTest(failures=failures):
                self.setUp()
                for _ in range(failures):
                    self.guess(peer=ELSEWHERE)
                    self.clock.advance(900)
                self.assertEqual(self.guess(wrong=False), 200)
                self.assertEqual(self.counts().get("account alice", 0), left)

    def test_many_accounts_and_addresses(self) -> None:
        """There is an upper limit without anything that is let through: names that nobody has share their counters."""
        for number in range(3_000):
            with suppress(InvalidCredentials), self.throttle.guess(f"user{number}", None, "", f"2001:db8:{number:x}::"):
                raise InvalidCredentials("unknown_user", None)
        keys = self.counts()
        self.assertTrue(all(re.fullmatch("(nobody|address) [0-9a-f]{4}", key) for key in keys))
        self.assertGreater(len(keys), 5_000)  # and yet few share one
        for _ in range(5):
            self.assertEqual(self.guess(), 401)
        self.assertEqual(self.guess(), 429)

    def test_who_shares_a_counter(self) -> None:
        """Only the server knows: with another key it is others, so nobody can make up names that hit a chosen one."""

        def twins(key: bytes) -> list[int]:
            buckets = Throttle(self.counters, key, self.clock)._bucket
            chosen = buckets("nobody", EMAIL)
            return [number for number in range(30_000) if buckets("nobody", str(number)) == chosen]

        first, second = twins(b"one key"), twins(b"another key")
        self.assertNotEqual(first, second)

    def test_counters_that_are_over(self) -> None:
        """An address is forgotten after its minute, an account after a day, or at once when its owner logs in."""
        self.guess()
        self.guess("bob")
        with self.throttle.sign_up(HERE):
            pass
        self.assertEqual(len(self.counters), 4)
        self.clock.advance(ADDRESS_WINDOW)
        self.assertEqual(len(self.counters), 2)
        self.guess("bob", wrong=False)
        self.assertEqual(len(self.counters), 1)
        self.clock.advance(FORGET_AFTER - ADDRESS_WINDOW)
        self.assertEqual(len(self.counters), 0)

    def test_a_try_that_never_came_to_an_end(self) -> None:
        """An account whose turn was taken, and no more heard of, is forgotten after a day like any other."""
        self.throttle.admit("account alice")
        self.clock.advance(FORGET_AFTER - 1)
        self.assertEqual(len(self.counters), 1)
        self.clock.advance(1)
        self.assertEqual(len(self.counters), 0)

    def test_long_names(self) -> None:
        """What is remembered of an e-mail address has a set length, whatever was sent."""
        with suppress(InvalidCredentials), self.throttle.guess("a" * 60_000, None, "", HERE):
            raise InvalidCredentials("unknown_user", None)
        self.assertLess(max(map(len, self.counts())), 100)

    def test_asking_and_succeeding(self) -> None:
        """Logins that are let in and succeed leave no counter at all."""
        for number in range(100):
            self.assertEqual(self.guess(f"user{number}", wrong=False), 200)
        self.assertEqual(self.counts(), {})

    def test_a_clock_that_is_ahead(self) -> None:
        """What a clock far ahead has written keeps nobody waiting for hours, and is not free for the taking."""
        for _ in range(8):
            self.guess()
            self.clock.advance(8)
        ahead = self.counts()["account alice"]
        self.clock.advance(-2 * 3600)
        statuses = [self.guess(peer=ELSEWHERE) for _ in range(8)]
        self.assertEqual(statuses, [401] * 5 + [429] * 3)  # a second count, like the first
        self.clock.advance(1)
        self.assertEqual(self.guess(peer=ELSEWHERE), 401)
        self.clock.advance(2 * 3600)
        self.assertEqual(self.counts()["account alice"], ahead)  # which nothing was taken from

    def test_two_accounts_and_a_clock_that_is_ahead(self) -> None:
        """The second count is each account's own, too: else who guesses at one keeps the other out."""
        for user in ("alice", "bob"):
            for number in range(8):
                self.guess(user, peer=f"192.0.2.{number}")
                self.clock.advance(8)
        self.clock.advance(-2 * 3600)
        self.assertEqual([self.guess("alice", peer=ELSEWHERE) for _ in range(6)], [401] * 5 + [429])
        self.assertEqual(self.guess("bob", peer=ELSEWHERE), 401)


class TakingTurns(unittest.TestCase):
    """bcrypt is what makes a stranger's request costly: it must not be given more cores or patience than there are."""

    def setUp(self) -> None:
        self.inside = self.most = 0
        self.lock = threading.Lock()
        self.go = threading.Event()
        self.addCleanup(self.go.set)

    def work(self, turns: Turns, started: threading.Semaphore) -> str:
        """Take a turn that lasts until `go`; "done", or "too busy"."""
        try:
            with turns.take({}):
                with self.lock:
                    self.inside += 1
                    self.most = max(self.most, self.inside)
                started.release()
                self.assertTrue(self.go.wait(5))
                with self.lock:
                    self.inside -= 1
        except Problem:
            return "too busy"
        return "done"

    def test_more_callers_than_places(self) -> None:
        """Two run, three wait, and the other five of ten hear at once that it is too much."""
        turns, started = Turns(running=2, waiting=3), threading.Semaphore(0)
        refused = threading.Semaphore(0)

        def caller() -> str:
            outcome = self.work(turns, started)
            if outcome == "too busy":
                refused.release()
            return outcome

        def door_keeper() -> str:
            try:
                for semaphore, times in ((started, 2), (refused, 5)):  # the refused do not wait for anybody's end
                    for _ in range(times):
                        self.assertTrue(semaphore.acquire(timeout=2))
            finally:
                self.go.set()
            return "opened"

        outcomes = together([door_keeper, *[caller] * 10])
        self.assertEqual((outcomes.count("done"), outcomes.count("too busy")), (5, 5))
        self.assertEqual(self.most, 2)
        self.assertEqual(self.work(turns, started), "done")  # the rush is over

    def test_no_waiting(self) -> None:
        """With no places to wait, a second caller is refused while the first runs, and served afterwards."""
        turns = Turns(running=1, waiting=0)
        with turns.take({}):
            self.assertEqual(in_time(turns), "too busy")
        self.assertEqual(in_time(turns), "done")

    def test_an_exception_inside(self) -> None:
        """Whoever fails during their turn gives it back: a hundred failures do not use up the places."""
        turns = Turns(running=1, waiting=1)
        for _ in range(100):
            with self.assertRaises(ZeroDivisionError), turns.take({}):
                raise ZeroDivisionError
        self.assertEqual(in_time(turns), "done")

    def test_refusals_give_nothing_back(self) -> None:
        """Being refused frees no place that was not taken: after a hundred refusals the next is refused as well."""
        turns = Turns(running=1, waiting=0)
        with turns.take({}):
            for _ in range(100):
                self.assertEqual(in_time(turns), "too busy")

    def test_the_cores_that_hash(self) -> None:
        """At the start all of the machine's, then as many as there are for this process: the next caller waits."""
        self.assertEqual((throttle.turns._cores > 0, throttle.MAX_WAITING), (True, 64))
        with mock.patch.object(throttle, "turns"), mock.patch.object(throttle, "MAX_WAITING", 0):
            for cores in (1, 2, 4):
                with self.subTest(cores=cores), ExitStack() as taken:
                    throttle.share_cores(cores)
                    for _ in range(cores):
                        taken.enter_context(throttle.turns.take({}))
                    self.assertEqual(in_time(throttle.turns), "too busy")

    def order(self, turns: Turns, *arrivals: dict[str, int]) -> list[int]:
        """In which order they are called who come one after the other, -1 for each that is not; one core, busy."""
        busy = turns._enter({})
        places = [turns._enter(names) for names in arrivals]
        called = []
        while place := next(iter(turns._running), None):
            if place is not busy:
                called.append(places.index(place))
            turns._leave(place)
        return called + [-1] * (len(places) - len(called))

    def test_who_is_next(self) -> None:
        """Addresses take turns, and so do accounts, whoever came first; alone, one may have all there is."""
        a, b, c = ({name: 9} for name in ("a", "b", "c"))
        ab, ac = a | b, a | c
        table = {
            "one alone": ([a, a, a], [0, 1, 2]),
            "two": ([a, a, a, b, b], [0, 3, 1, 4, 2]),
            "three": ([a, a, b, b, c, c], [0, 2, 4, 1, 3, 5]),
            "one account, many addresses": ([ab, ac, a | {"d": 9}, {"e": 9, "f": 9}], [0, 3, 1, 2]),
            "one address, an eager account and another": ([ab, ab, ab, ac], [0, 3, 1, 2]),
            "an eager account at a new address": ([b | c, a | {"d": 9}, a | {"e": 9}, b | c], [0, 1, 3, 2]),
            "no more at once than it may": ([{"a": 0}, b], [1, -1]),
        }
        for name, (arrivals, expected) in table.items():
            with self.subTest(name):
                self.assertEqual(self.order(Turns(running=1, waiting=99), *arrivals), expected)

    def test_how_many_at_once(self) -> None:
        """Whoever may have one turn at a time has one, also while cores are free; others pass by meanwhile."""
        turns = Turns(running=3, waiting=9)
        first, second, other = (turns._enter({name: 1}) for name in ("a", "a", "b"))
        self.assertEqual([place.is_set() for place in (first, second, other)], [True, False, True])
        turns._leave(first)
        self.assertTrue(second.is_set())

    def test_who_breaks_off_waiting(self) -> None:
        """They leave the line: a turn that is given to nobody would never end, and its core be lost."""
        turns = Turns(running=1, waiting=9)
        busy = turns._enter({})
        gone = mock.patch.object(threading.Event, "wait", side_effect=SystemExit)
        with gone, self.assertRaises(SystemExit), turns.take({}):
            self.fail("it was nobody's turn")
        turns._leave(busy)
        self.assertEqual(in_time(turns), "done")

    def test_what_is_remembered(self) -> None:
        """Of those who had a turn only so many are kept in mind as may wait: memory has an end."""
        turns = Turns(running=1, waiting=1)
        for number in range(3 * throttle.MAX_WAITING):
            with turns.take({f"user {number}": 9}):
                pass
        self.assertEqual(len(turns._served), throttle.MAX_WAITING)

    def test_who_loses_a_place(self) -> None:
        """When all places are taken, the newest of whoever holds most goes, and that may be the newcomer."""
        a, b, c = ({name: 9} for name in ("a", "b", "c"))
        table = {
            "all of one": ([a, a, a, a], {3}),
            "a newcomer of another": ([a, a, a, b], {2}),
            "two of equal size": ([a, a, b, b], {3}),
            "each has one": ([a, b, c, {"d": 9}], {3}),
            "one account from many addresses": ([a | b, a | c, a | {"d": 9}, {"e": 9}], {2}),
            "of one address the eager account": ([a | b, a | b, a | b, a | c], {2}),
        }
        for name, (arrivals, lost) in table.items():
            with self.subTest(name):
                called = self.order(Turns(running=1, waiting=3), *arrivals)
                self.assertEqual(set(range(4)) - set(called), lost)

    def test_who_waited_in_vain(self) -> None:
        """Whoever loses a place hears so at once, and does not wait for a core."""
        turns, lost = Turns(running=1, waiting=1), threading.Event()

        def wait() -> None:
            try:
                with turns.take({"a": 9}):
                    pass
            except Problem:
                lost.set()

        with turns.take({"a": 9}):
            threading.Thread(target=wait, daemon=True).start()
            give_up = time.monotonic() + 2
            while not turns._waiting and time.monotonic() < give_up:
                time.sleep(0.001)
            place = turns._enter({"b": 9})
            self.assertTrue(lost.wait(2))
            self.assertEqual(list(turns._waiting), [place])


def in_time(turns: Turns) -> str:
    """How a short turn ended: "done", or "too busy". Fails if it stands in line for longer than two seconds."""
    outcome: list[str] = []

    def run() -> None:
        try:
            with turns.take({}):
                pass
        except Problem:
            outcome.append("too busy")
        else:
            outcome.append("done")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(2)
    return outcome[0] if outcome else "it waits, and should have been refused"


if __name__ == "__main__":
    unittest.main()
