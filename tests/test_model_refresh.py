"""Refresh tokens in every order of events: model_refresh.py to a depth that takes a second, and what it must find.

`python -m tests.model_refresh` goes deeper. Here each naive version stands beside the claim that it breaks.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

from authref import refresh
from authref.refresh import RETRY_WINDOW, Family, InvalidGrant, Reused, _after_use, _sha256, family_of
from tests.model_refresh import Model, Outcome, Pending, State, SteppedMap, Violation, shipped

Used = tuple[Family, str]


def first_edition(family: Family, token: str, now: float) -> Used:
    """As it was: a retry within ten seconds, of the token used last only, gets a successor of its own."""
    used, successor = _sha256(token), f"{token.partition('.')[0]}.{refresh.secrets.token_urlsafe(32)}"
    live = tuple(each for each in family.live if each != used)
    if len(live) < len(family.live):
        family = replace(family, used=used, used_at=now)
    elif used != family.used or abs(now - family.used_at) >= 10:
        raise Reused("used before")
    return replace(family, live=(*live, _sha256(successor))), successor


def moving_window(family: Family, token: str, now: float) -> Used:
    """Each retry opens the window anew."""
    changed, newest = _after_use(family, token, now)
    lines = [line.split() for line in changed.live]
    dated = [[used, str(now), *rest[1:]] if used == _sha256(token) and rest else [used, *rest] for used, *rest in lines]
    return replace(changed, live=tuple(" ".join(line) for line in dated)), newest


def no_retry(family: Family, token: str, now: float) -> Used:
    """Each token is good for one use, whatever happens to the answer."""
    if _sha256(token) not in family.live:
        raise Reused("used before")
    return _after_use(family, token, now)


def any_secret(family: Family, token: str, now: float) -> Used:
    """Who has the handle is believed."""
    try:
        return _after_use(family, token, now)
    except Reused:
        return family, token


def overwriting(families: Any, token: str, family: Family | None, now: Callable[[], float]) -> Used:
    """The record is written without a look at what another server has written meanwhile."""
    if family is None:
        raise InvalidGrant("unknown or ended")
    changed, newest = _after_use(family, token, now())
    families[family_of(token)] = changed
    return changed, newest


class SideBySide(Model):
    """Servers of both editions on one store: those of the first one have a clock that is half a second behind."""

    def __init__(self, depth: int) -> None:
        super().__init__(depth, offsets=(0, -0.5), claims=(), ticks=(5,), renew=self.either)

    def either(self, records: SteppedMap, now: Callable[[], float], token: str) -> str | None:
        edition = first_edition if records.clock % 1 else _after_use
        with mock.patch.object(refresh, "_after_use", edition):
            return shipped(records, now, token)

    def judge(self, state: State, pending: Pending, outcome: Outcome, way: list[str]) -> State:
        seen = [each for each in outcome.log if isinstance(each, Family)]
        if outcome.ended and pending.age is not None and pending.age < 9 and seen[-1].used == _sha256(pending.token):
            raise Violation(f"refused {pending.age} s after its use, the last there was: {', '.join(way)}")
        return super().judge(state, pending, outcome, way)


class EveryOrder(unittest.TestCase):
    def test_three_renewals(self) -> None:
        """Two tabs and another client, answers lost, seconds and minutes between: nobody in time is refused."""
        model = Model(3)
        self.assertGreater(model.run(), 20_000)
        self.assertGreater(model.thefts, 100)

    def test_clocks_that_differ(self) -> None:
        """The same with servers whose clocks are two seconds apart, or an hour: a use ahead of the clock is a retry."""
        for offsets in ((0, 2), (0, -3600)):
            with self.subTest(offsets):
                self.assertGreater(Model(2, offsets=offsets).run(), 1_500)

    def test_slow_servers(self) -> None:
        """The same if time passes between a server's look at the record and its writing."""
        self.assertGreater(Model(2, slow=True, ticks=(RETRY_WINDOW,)).run(), 1_500)

    def test_servers_of_the_first_edition(self) -> None:
        """During a rolling restart what they promise holds at all servers: who used the last token may ask again."""
        self.assertGreater(SideBySide(3).run(), 50_000)


class NaiveVersions(unittest.TestCase):
    """The model is worth something if it finds what is wrong with these, and what is right with them."""

    def first_fault(self, naive: Callable[..., Used], claim: str, depth: int = 3, window: int = 60) -> str:
        """The way to the first violation of this claim, or ""."""
        name = "authref.tokens.use" if naive is overwriting else "authref.refresh._after_use"
        with mock.patch(name, naive):
            try:
                Model(depth, claims=(claim,), window=window).run()
            except Violation as found:
                return str(found)
        return ""

    def test_the_first_edition(self) -> None:
        """Its retries make branches, and log out who asks again two seconds after others have gone on."""
        self.assertIn("2 living tokens", self.first_fault(first_edition, "one", 2, 10))
        way = "1 s pass, tab 1 asks, tab 1 is answered, 1 s pass, tab 1 asks, tab 1 is answered, 1 s pass, other asks"
        self.assertIn(way, self.first_fault(first_edition, "window", window=10))
        self.assertEqual(self.first_fault(first_edition, "found", window=10), "")

    def test_a_window_that_moves_on(self) -> None:
        """If each retry opens the window anew, a thief who comes once a minute is never found."""
        self.assertIn("taken 60.0 s after", self.first_fault(moving_window, "found"))
        self.assertEqual(self.first_fault(moving_window, "window", 2), "")

    def test_no_window(self) -> None:
        """Without one, a lost answer logs its owner out."""
        self.assertIn("refused 1.0 s after", self.first_fault(no_retry, "window", 2))

    def test_the_handle_alone(self) -> None:
        """If the secret does not matter, no theft is ever found."""
        self.assertIn("taken 60.0 s after", self.first_fault(any_secret, "found", 2))

    def test_a_record_that_is_overwritten(self) -> None:
        """If two servers write one after the other, what the first gave out is worth nothing."""
        self.assertIn("refused None s after", self.first_fault(overwriting, "window"))


if __name__ == "__main__":
    unittest.main()
