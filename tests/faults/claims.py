"""How does a check say that a claim does not hold? With a sentence, which ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


class Broken(Exception):
    """A claim does not hold; the message says which, and what was seen instead."""


class CannotRun(Exception):
    """This machine lacks what the check needs; the message says what. That is no success."""


@dataclass(frozen=True)
class Flags:
    """How much is done."""

    times: int = 100  # kills
    quick: bool = False

    def rounds(self, full: int, quick: int) -> int:
        """How often something is done."""
        return quick if self.quick else full


def claim(holds: object, sentence: str) -> None:
    """Raise Broken with the sentence unless it holds."""
    if not holds:
        raise Broken(sentence)


def eventually(holds: Callable[[], object], within: float, sentence: str) -> float:
    """The seconds until it held. Raises Broken with the sentence if that takes too long."""
    begun = time.monotonic()
    while not holds():
        claim(time.monotonic() - begun < within, f"{sentence} (waited {within:g} s)")
        time.sleep(0.005)
    return time.monotonic() - begun
