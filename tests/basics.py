"""What many tests need, and what needs no app: values, a clock that is set by hand, one function in place of another.

It stands apart from support.py, so that an exercise about one function is judged without importing all the others.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TEST_COST = 4  # bcrypt's cheapest: a millisecond instead of a quarter of a second
START = 4_103_683_200.0  # Unix seconds at which every test's clock begins: far ahead, for Redis has a clock of its own
KEYS = {"k1": bytes(range(32)), "k0": bytes(range(100, 132))}
PASSWORD = "correct horse battery"
JSON = (("content-type", "application/json"),)
SENTENCE = r"\A[A-Z]\S* .*[a-z].*[.…?!]\Z"  # what a refusal says to people


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: float = START) -> None:
        self.time = start

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


@contextmanager
def in_place_of(function: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """While the block runs, the other one is called wherever a module knows the function, by whatever name.

    `from hmac import compare_digest` and `secrets.compare_digest` are right answers to an exercise, too.
    """
    places = [
        (module, name)
        for module in list(sys.modules.values())
        for name, value in list(getattr(module, "__dict__", {}).items())
        if value is function
    ]
    for module, name in places:
        setattr(module, name, other)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, function)


@contextmanager
def chance(seed: int) -> Iterator[list[int]]:
    """While the block runs, the operating system's generator gives what follows from the seed; bytes asked, each time.

    `secrets`, os.urandom, uuid.uuid4 and random.SystemRandom all ask this one; random.random and uuid.uuid1 do not.
    """
    asked: list[int] = []
    source = random.Random(seed)

    def urandom(size: int) -> bytes:
        asked.append(size)
        return source.randbytes(size)

    with in_place_of(os.urandom, urandom):
        yield asked
