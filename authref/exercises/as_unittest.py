"""How does `python -m unittest` judge a learner's folder? One test an exercise, and the same words.

The file test_exercises.py in that folder calls `judged_in`.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from authref.exercises.commands import CORES, catalogue, judged
from authref.exercises.folder import Folder
from authref.exercises.judge import Judgement
from authref.exercises.report import report

__unittest = True  # unittest leaves the frames of this file out of what it prints: the words are enough


class Exercises(unittest.TestCase):
    """One exercise, judged."""

    def __init__(self, folder: Folder, number: int, judgement: Future[Judgement]) -> None:
        super().__init__("judged")
        self.folder, self.number, self.judgement = folder, number, judgement

    def __str__(self) -> str:
        return f"{self.number} {self.folder.exercises[self.number - 1].id}"

    def id(self) -> str:
        """What unittest calls it."""
        return f"exercises.{self.folder.exercises[self.number - 1].id}"

    def judged(self) -> None:
        """Fails, with the report as its reason, unless the exercise is solved."""
        judgement = self.judgement.result()
        self.folder.mark(self.number, judgement.solved)
        if not judgement.solved:
            self.fail("\n" + report(self.number, self.folder, judgement))


def judged_in(file: str) -> Callable[[unittest.TestLoader, unittest.TestSuite, str | None], unittest.TestSuite]:
    """The `load_tests` of the file in a learner's folder."""

    def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
        folder, pool = Folder(Path(file).parent, catalogue()), ThreadPoolExecutor(CORES)
        numbers = range(1, len(folder.exercises) + 1)
        cases = [Exercises(folder, number, pool.submit(judged, folder, number)) for number in numbers]
        return unittest.TestSuite(cases)

    return load_tests
