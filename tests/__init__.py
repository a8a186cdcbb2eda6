"""Each test is a claim: its name says what is changed, its docstring what must then hold."""

from __future__ import annotations

import gc
import signal
import unittest
from functools import cache
from pathlib import Path

for _number in {"SIGINT", "SIGHUP"} & set(dir(signal)):  # what the background and nohup ignore, a test may send
    if signal.getsignal(getattr(signal, _number)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _number), lambda *_: None)  # is ignored here; who is started does not inherit it


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    """All tests of this folder, when unittest looks for them: several modules at a time."""
    import bcrypt

    from tests import warm
    from tests.together import Together

    warm.address()  # while the tests are imported here, authref is imported there
    gc.set_threshold(20_000)  # instead of 700: to look for garbage so often takes a tenth of the time
    for name in ("hashpw", "checkpw"):  # the same question has the same answer: it is remembered
        setattr(bcrypt, name, cache(getattr(bcrypt, name)))
    found = loader.discover(str(Path(__file__).parent), pattern or "test*.py")
    gc.freeze()  # nobody looks through what is imported now again, and forks share it
    return Together([each for each in found if each.countTestCases()])
