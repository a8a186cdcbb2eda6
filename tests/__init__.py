"""Each test is a claim: its name says what is changed, its docstring what must then hold."""

from __future__ import annotations

import gc
import signal
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

for _number in {"SIGINT", "SIGHUP"} & set(dir(signal)):  # what the background and nohup ignore, a test may send
    if signal.getsignal(getattr(signal, _number)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _number), lambda *_: None)  # is ignored here; who is started does not inherit it


# Whoever takes one of these last keeps all the others waiting.
FIRST = ("test_exercises", "test_start", "test_page_lines", "test_attacks", "test_compare", "test_throttle_table",
         "test_lost_answers", "test_model_refresh", "test_sqlite_store", "test_app", "test_throttle", "test_stores",
         "test_structure", "test_inspector", "test_workers", "test_cli", "test_tiny", "test_wsgi")  # fmt: skip


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    """All tests of this folder, when unittest looks for them: several modules at a time."""
    from tests import warm
    from tests.together import Together

    warm.address()  # while the tests are imported here, authref is imported there
    _remember()
    with _no_interruption():
        found = loader.discover(str(Path(__file__).parent), pattern or "test*.py")
    gc.set_threshold(200_000)  # instead of 700: to look for garbage so often takes a tenth of the time
    gc.freeze()  # nobody looks through what is imported now again, and forks share it
    suites = [each for each in found if each.countTestCases()]
    return Together(sorted(suites, key=lambda suite: min(map(_place, _modules(suite)))))


def _place(module: str) -> int:
    return FIRST.index(module) if module in FIRST else len(FIRST)


@contextmanager
def _no_interruption() -> Iterator[None]:
    """Ctrl-C counts after the block: within it unittest would take it for the fault of a module, and go on."""
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    yield
    signal.signal(signal.SIGINT, before)
    for number in asked[:1]:
        signal.raise_signal(number)


def _remember() -> None:
    """Have what depends on its arguments alone, and is asked the same thing thousands of times, worked out once."""
    import ipaddress

    import bcrypt

    for module, name in ((bcrypt, "hashpw"), (bcrypt, "checkpw"), (ipaddress, "ip_address"), (ipaddress, "ip_network")):
        setattr(module, name, cache(getattr(module, name)))


def _modules(suite: unittest.TestSuite) -> set[str]:
    """The names of the modules whose tests are in it."""
    inner = [_modules(each) if isinstance(each, unittest.TestSuite) else {type(each).__module__} for each in suite]
    return {name.rpartition(".")[2] for each in inner for name in each}
