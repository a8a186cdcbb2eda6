"""How does one question to the store serve many requests? Their handlers begin, and begin again with the answers.

Over a network sixty-four look-ups take hardly longer than one, if they are asked together. But a handler is a plain
function that looks up a session and then its user; it cannot wait while others come to the same place. So it breaks
off where it misses something, and is called again once that is here:

    GET /me   misses session 9f2c   breaks off
    GET /me   misses session 71aa   breaks off        one question: both sessions
    GET /me   misses user alice     breaks off
    GET /me   misses user bob       breaks off        one question: both users
    GET /me   misses nothing        this is its answer
    GET /me   misses nothing        this is its answer

Rules of this file:
- a handler may begin again only if nothing has happened yet. Before it writes, or asks for more than single entries,
  it breaks off for good, and is answered alone. (It logs what it decided, after its look-ups: so that comes once.)
- what was found serves one round and is forgotten. All requests of a round were there before its first question,
  so nothing that they are told is older than they are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


class BreakOff(BaseException):
    """A job misses this key, or, without one, wants more than to look up. No Exception: no handler may catch it."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key


class Round(threading.local):
    """What has been found for the jobs of this thread's round; None while there is no round."""

    found: dict[str, str | None] | None = None

    def look_up(self, key: str) -> str | None:
        """What was found at this key. Raises BreakOff."""
        if self.found is None or key not in self.found:
            raise BreakOff(key)
        return self.found[key]

    def leave(self) -> None:
        """For whoever wants more than to look up. Raises BreakOff if there is a round."""
        if self.found is not None:
            raise BreakOff

    def answers(
        self, jobs: Iterable[Callable[[], T]], fetch: Callable[[list[str]], list[str | None]]
    ) -> list[T | None]:
        """What each job returns, None for those that are to be called alone; `fetch` finds all keys at once."""
        left, found = dict(enumerate(jobs)), dict[str, str | None]()
        answers: list[T | None] = [None] * len(left)
        while left:
            missing = dict[str, None]()
            for number, job in list(left.items()):
                try:
                    self.found = found
                    answers[number] = job()
                    del left[number]
                except BreakOff as reason:
                    if reason.key is None:
                        del left[number]
                    else:
                        missing[reason.key] = None
                finally:
                    self.found = None
            try:
                found.update(zip(missing, fetch(list(missing)) if missing else (), strict=True))
            except Exception:  # whatever a store answers, nobody is left without an answer
                break  # alone, each hears what is wrong with its own
        return answers
