"""What does each attack on the logins get, and what does it cost the owner? A day of each, with the clock passed in.

    python -m tests.test_throttle_table     prints the table that the claims below are about

The owner, Alice, tries to log in every hour, from the browser that she has used before and from a new one.
"""

from __future__ import annotations

import heapq
import itertools
import json
import statistics
import threading
import unittest
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from authref.events import Events
from authref.maps import Map, Store
from authref.throttle import ADDRESS_FAILURES, FREE_FAILURES, Turns
from authref.wire import Request, Response
from tests.basics import JSON, PASSWORD, Clock
from tests.support import Harness, body, quick_hashes

V = TypeVar("V")
EMAIL = "alice@example.com"
DAY, HOUR = 86_400, 3_600  # seconds
HASH = 0.25  # seconds
Player = Iterator[float]  # plays on, and says in how many seconds again


@dataclass
class Tries:
    """What became of somebody's logins."""

    made: int = 0
    right: int = 0
    guesses: int = 0  # those whose password was looked at and found wrong

    def __str__(self) -> str:
        return f"{self.right / self.made:4.0%}" if self.made else "   –"


class SameMaps(Store):
    """A store in memory that several apps share, with a clock of its own."""

    def __init__(self, now: Callable[[], float] = Clock()) -> None:  # noqa: B008
        super().__init__(now)
        self._maps: dict[str, Any] = {}

    def map(self, name: str, kind: type[V]) -> Map[V]:
        return self._maps.setdefault(name, super().map(name, kind))  # type: ignore[no-any-return]


class Day:
    """Twenty-four hours at one server, or at several that share a store and have clocks of their own."""

    def __init__(self, *clocks_ahead: float) -> None:
        self.clock = Clock()
        store = SameMaps(self.clock)
        self.servers = []
        for ahead in clocks_ahead or (0.0,):
            harness = Harness(lambda now: store, now=lambda ahead=ahead: self.clock() + ahead, events=Events())
            self.servers.append(harness.app)
        self.alice = self.servers[0].users.sign_up(EMAIL, PASSWORD)
        self.known, self.new, self.strangers = Tries(), Tries(), Tries()
        first, second = (self.log_in(Tries(), PASSWORD).headers for _ in range(2))
        self.cookies = {"known": first[2][1], "stolen": second[2][1]}  # after the session's

    def log_in(
        self, tries: Tries, password: str, email: str = EMAIL, peer: str = "192.0.2.1", at: int = 0,
        cookie: str = "", path: str = "/login",
    ) -> Response:  # fmt: skip
        headers = (*JSON, *((("cookie", cookie.partition(";")[0]),) if cookie else ()))
        text = json.dumps({"email": email, "password": password}).encode()
        answer = self.servers[at](Request("POST", path, headers, text, peer))
        tries.made += 1
        tries.right += answer.status == 200
        tries.guesses += answer.status == 401
        return answer

    def owner(self) -> Player:
        """Every hour, from the known browser and from one that is new each time."""
        for hour in itertools.count():
            self.log_in(self.known, PASSWORD, peer="198.51.100.1", cookie=self.cookies["known"])
            self.log_in(self.new, PASSWORD, peer=f"198.51.100.{hour % 200 + 2}")
            yield HOUR

    def guesser(self, peers: int = 1, cookie: str = "", servers: int = 1) -> Player:
        """A wrong password as soon as one is let in, from each address in turn, at each server."""
        for number in itertools.count():
            waits = []
            for at in range(servers):
                peer = f"203.0.113.{number % peers}"
                answer = self.log_in(self.strangers, "a wrong password", peer=peer, at=at, cookie=cookie)
                waits.append(float(answer.header("retry-after") or 0))
            yield min(waits) + 0.01

    def play(self, *players: Player) -> Day:
        """Let them all play until the day is over."""
        start = self.clock.time
        due = [(start + 1.0 + number, number, player) for number, player in enumerate((self.owner(), *players))]
        heapq.heapify(due)
        while due[0][0] < start + DAY:
            self.clock.time, number, player = heapq.heappop(due)
            heapq.heappush(due, (self.clock() + next(player), number, player))
        return self


def old_phone(day: Day) -> Player:
    """The owner's phone, with the password that was good last year, every five minutes."""
    while True:
        day.log_in(day.strangers, "the old password", peer="198.51.100.1")
        yield 300


def made_up_names(day: Day) -> Player:
    """Thousands of names that nobody has, then guesses at Alice."""
    for number in range(2_000):
        day.log_in(Tries(), "x", f"user{number}@example.com", peer=f"2001:db8:{number:x}::1")
    yield from day.guesser(peers=100)


def spraying(day: Day) -> Player:
    """One password on 3,000 accounts, all from one address, as fast as it goes."""
    for number in itertools.count():
        email = f"user{number}@example.com"
        answer = day.log_in(day.strangers, "correct horse", email, peer="198.51.100.1")  # beside the known browser
        yield float(answer.header("retry-after") or 0) + 0.01 if number < 3_000 else DAY


def program(day: Day) -> Player:
    """A program of the owner without cookies, that logs in every hour instead of refreshing."""
    while True:
        day.log_in(Tries(), PASSWORD, peer="198.51.100.9", path="/token/login")
        yield HOUR


def nobody(day: Day) -> Player:
    """The twin: no attack."""
    while True:
        yield HOUR


ATTACKS: dict[str, Callable[[], Day]] = {
    "no attack": lambda: (day := Day()).play(nobody(day)),
    "one wrong password at the end of each wait": lambda: (day := Day()).play(day.guesser()),
    "the same from 200 addresses": lambda: (day := Day()).play(day.guesser(peers=200)),
    "a phone repeats an old password": lambda: (day := Day()).play(old_phone(day)),
    "made-up names first, then guesses": lambda: (day := Day()).play(made_up_names(day)),
    "one password on 3,000 accounts, one address": lambda: (day := Day()).play(spraying(day)),
    "guesses with a stolen device cookie": lambda: (day := Day()).play(day.guesser(cookie=day.cookies["stolen"])),
    "two servers, clocks half an hour apart": lambda: (day := Day(0, 1800)).play(day.guesser(servers=2)),
    "two servers, clocks half an hour apart, other one first": lambda: (day := Day(1800, 0)).play(
        day.guesser(servers=2)
    ),
    "guesses, and a program logs in every hour": lambda: (day := Day()).play(day.guesser(), program(day)),
}


class FirstCome(Turns):
    """The line as one would build it first: for the claims below, which it must not meet."""

    def _call(self) -> None:
        while len(self._running) < self._cores and self._waiting:
            place = next(iter(self._waiting))
            self._running[place] = self._waiting.pop(place)
            place.set()

    def _dismiss(self) -> None:
        place, _ = self._waiting.popitem()
        place.set()


def stand_in_line(turns: Turns, crowd: list[Mapping[str, int]]) -> list[float]:
    """The seconds that an honest login from elsewhere takes, one every five for a minute; inf for a refusal.

    Each of the crowd asks again as soon as it has an answer, or a second after a refusal, as it is told.
    """
    honest: Mapping[str, int] = {"account owner": FREE_FAILURES, "198.51.100.1": ADDRESS_FAILURES}
    arrivals = [(0.0, number, names) for number, names in enumerate(crowd)]
    arrivals += [(1.0 + 5 * number, -1, honest) for number in range(12)]
    heapq.heapify(arrivals)
    inside: dict[threading.Event, tuple[float, int, Mapping[str, int]]] = {}
    ends: dict[threading.Event, float] = {}
    took: list[float] = []
    for step in itertools.count():
        now = step * HASH / 4
        if now > 60:
            return took
        for place in [place for place, end in ends.items() if end <= now]:
            turns._leave(place)
            del ends[place]
            since, number, names = inside.pop(place)
            took += [now - since] if names is honest else []
            heapq.heappush(arrivals, (now if names is not honest else inf, number, names))
        while arrivals[0][0] <= now:
            _, number, names = heapq.heappop(arrivals)
            inside[turns._enter(names)] = (now, number, names)
        for place, (_, number, names) in list(inside.items()):
            if place in turns._running:
                ends.setdefault(place, now + HASH)
            elif place.is_set():  # it lost its place
                del inside[place]
                took += [inf] if names is honest else []
                heapq.heappush(arrivals, (now + 1 if names is not honest else inf, number, names))
    raise AssertionError


CROWDS: dict[str, list[Mapping[str, int]]] = {
    "nobody else": [],
    "right passwords, 1 account, 70 connections": [{"mallory": FREE_FAILURES, "203.0.113.1": ADDRESS_FAILURES}] * 70,
    "right passwords, 1 account, 100 connections, 100 addresses": [
        {"mallory": FREE_FAILURES, f"203.0.113.{number}": ADDRESS_FAILURES} for number in range(100)
    ],
    "right passwords, 100 accounts, 100 connections, 1 address": [
        {f"mallory {number}": FREE_FAILURES, "203.0.113.1": ADDRESS_FAILURES} for number in range(100)
    ],
}


class ADayOfEach(unittest.TestCase):
    """What throttle.py promises at its top, played."""

    days: dict[str, Day] = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.days = played()

    def test_the_known_browser(self) -> None:
        """Whatever strangers do, from wherever, the browser that the owner has used before logs in at the first try."""
        for name, day in self.days.items():
            with self.subTest(name):
                self.assertEqual((day.known.made, day.known.right), (24, 24))

    def test_guesses_at_one_account(self) -> None:
        """Strangers get about a hundred guesses a day, twice as many where clocks differ, and none for nothing."""
        most = {
            "two servers, clocks half an hour apart": 220,
            "two servers, clocks half an hour apart, other one first": 220,
            "guesses, and a program logs in every hour": 110 + 24 * 6,
            "one password on 3,000 accounts, one address": 3_000,  # one each
        }
        for name, day in self.days.items():
            with self.subTest(name):
                self.assertLessEqual(day.strangers.guesses, most.get(name, 110))
        self.assertGreater(self.days["one wrong password at the end of each wait"].strangers.guesses, 100)

    def test_a_new_browser(self) -> None:
        """It is a stranger: without an attack it always gets in, while somebody guesses hardly ever."""
        self.assertEqual(self.days["no attack"].new.right, 24)
        self.assertLess(self.days["one wrong password at the end of each wait"].new.right, 12)

    def test_the_line(self) -> None:
        """However many connections one account or one address has, an honest login from elsewhere takes no second."""
        for name, crowd in CROWDS.items():
            with self.subTest(name):
                took = stand_in_line(Turns(running=2, waiting=64), crowd)
                self.assertEqual(len(took), 12)
                self.assertLess(max(took), 1)
        with self.subTest("first come, first served"):
            took = stand_in_line(FirstCome(running=2, waiting=64), CROWDS["right passwords, 1 account, 70 connections"])
            self.assertGreater(statistics.median(took), 3)


class TheProof(unittest.TestCase):
    def test_names_that_nobody_has(self) -> None:
        """No answer, header or look-up differs between a name that somebody has and one that nobody has."""
        with quick_hashes():
            for cookie in ("", f"device={'a' * 64}"):
                seen: list[list[object]] = [[], []]
                for email, answers in zip((EMAIL, "nobody@example.com"), seen, strict=True):
                    day = Day()
                    for wait in (0, 0, 0, 0, 0, 0, 1, 2, 4, 2):
                        day.clock.advance(wait)
                        answers.append(day.log_in(Tries(), "a wrong password", email, cookie=cookie))
                self.assertEqual(*seen)
                self.assertEqual(body(seen[0][-1])["code"], "too_many_requests")  # type: ignore[arg-type]


def played() -> dict[str, Day]:
    """A day of each."""
    with quick_hashes():
        return {name: attack() for name, attack in ATTACKS.items()}


def main() -> None:
    """Print the table."""
    print(f"{'a day of':56} {'known browser':>13} {'new browser':>11} {'guesses':>8}")
    for name, day in played().items():
        print(f"{name:56} {day.known!s:>13} {day.new!s:>11} {day.strangers.guesses:8,}")
    print(f"\n{'a minute of, on two cores':56} {'honest login: median':>20} {'slowest':>8} {'refused':>8}")
    for kind in (Turns, FirstCome):
        for name, crowd in CROWDS.items():
            took = stand_in_line(kind(running=2, waiting=64), crowd)
            refused = sum(each == inf for each in took)
            label = name if kind is Turns else f"(first come) {name}"
            print(f"{label:56} {statistics.median(took):18.2f} s {max(took):6.2f} s {refused:4}/{len(took)}")


if __name__ == "__main__":
    main()
