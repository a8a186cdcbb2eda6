"""Each test is a claim: its name says what is changed, its docstring what must then hold."""

from __future__ import annotations

import gc
import unittest
from pathlib import Path


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    """All tests of this folder, when unittest looks for them: several modules at a time."""
    from tests.together import Together

    gc.set_threshold(20_000)  # instead of 700: to look for garbage so often takes a tenth of the time
    found = loader.discover(str(Path(__file__).parent), pattern or "test*.py")
    return Together([each for each in found if each.countTestCases()])
