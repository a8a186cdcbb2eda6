"""Tests that run in several processes: unittest is told all of it, also what went wrong, and nothing twice."""

from __future__ import annotations

import io
import os
import re
import time
import unittest
import warnings
from typing import ClassVar

from tests.together import Together


class Sample(unittest.TestCase):
    """Everything that can become of a test. It is no test of ours: `load_tests` below leaves it out."""

    def test_good(self) -> None:
        """A sentence."""

    def test_failing(self) -> None:
        self.assertEqual(1, 2)

    def test_broken(self) -> None:
        raise KeyError("x")

    def test_table(self) -> None:
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)

    def test_skipped(self) -> None:
        self.skipTest("not today")

    @unittest.expectedFailure
    def test_expected(self) -> None:
        self.fail()

    @unittest.expectedFailure
    def test_unexpected(self) -> None:
        pass


class Unprepared(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        raise OSError("no room")

    def test_never(self) -> None:
        pass


class Deadly(unittest.TestCase):
    """Ends the other process; this one waits for that."""

    ours: ClassVar[int]
    ends: ClassVar[list[int]]  # of a pipe, which the other process has as long as it lives

    def test_the_end(self) -> None:
        if os.getpid() != self.ours:
            os._exit(3)
        os.close(self.ends.pop())
        os.read(self.ends[0], 1)


class Interrupted(unittest.TestCase):
    """Ctrl-C comes while the other process runs a test, which says that it was told."""

    ours: ClassVar[int]
    ends: ClassVar[tuple[int, int]]  # of a pipe

    def test_until_then(self) -> None:
        if os.getpid() == self.ours:
            os.read(self.ends[0], 1)
            raise KeyboardInterrupt
        try:
            os.write(self.ends[1], b"b")
            time.sleep(60)
        except KeyboardInterrupt:
            os.write(self.ends[1], b"told")
            raise


class Orphaned(unittest.TestCase):
    """The command is killed while the other process runs a test, and that test ends later."""

    ours: ClassVar[int]
    ends: ClassVar[tuple[int, int]]  # of a pipe

    def test_until_then(self) -> None:
        if os.getpid() == self.ours:
            os.read(self.ends[0], 1)
            os._exit(0)
        os.write(self.ends[1], b"b")
        while os.getppid() == self.ours:
            time.sleep(0.001)
        os.write(self.ends[1], b"e")


class Elsewhere(unittest.TestCase):
    """Where it runs is written down by its name."""

    def test_where(self) -> None:
        self.assertEqual(os.getpid(), 0)


def suites(*cases: type[unittest.TestCase], times: int = 1) -> list[unittest.TestSuite]:
    return [unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases * times]


def told(suite: unittest.TestSuite) -> tuple[unittest.TestResult, list[str]]:
    """The result, and the lines of `python -m unittest -v` that name the tests, sorted.

    Without that of a class which could not be prepared: unittest leaves its name out after an expected failure.
    """
    out = io.StringIO()
    result = unittest.TextTestRunner(out, verbosity=2).run(suite)
    lines = re.findall(r"^.* \.\.\. .*$", out.getvalue(), re.MULTILINE)
    return result, sorted(line for line in lines if not line.startswith("setUpClass"))


@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
class SeveralProcesses(unittest.TestCase):
    def test_whatever_becomes_of_a_test(self) -> None:
        """Passed, failed, broken, skipped, part of a table, expected or never begun: the same is said as by one."""
        all_kinds = [Unprepared, *[Sample] * 8]
        one, lines = told(unittest.TestSuite(suites(*all_kinds)))
        for processes in (2, 4):
            with self.subTest(processes=processes):
                several, same = told(Together(suites(*all_kinds), processes))
                self.assertEqual(same, lines)
                for kind in ("failures", "errors", "skipped", "expectedFailures", "unexpectedSuccesses"):
                    self.assertEqual(len(getattr(several, kind)), len(getattr(one, kind)), kind)
                self.assertEqual(several.testsRun, one.testsRun)
                self.assertFalse(several.wasSuccessful())

    def test_the_traceback(self) -> None:
        """What is told of a failure is the traceback of the process in which it happened."""
        result, _ = told(Together(suites(Sample, times=8), 2))
        for _, text in result.failures:
            self.assertRegex(text, r"File \".*test_together\.py\", line \d+, in test_(failing|table)")

    def test_each_once(self) -> None:
        """Each suite is run by one process, whoever is free."""
        result, lines = told(Together(suites(Elsewhere, times=200), 3))
        self.assertEqual((len(result.failures), len(lines)), (200, 200))

    def test_a_process_that_dies(self) -> None:
        """It takes what it has not told with it, and that is an error: no test passes by being lost."""
        Deadly.ours, Deadly.ends = os.getpid(), list(os.pipe())
        result, _ = told(Together(suites(Deadly, times=2), 2))
        os.close(Deadly.ends.pop())
        self.assertFalse(result.wasSuccessful())
        self.assertIn("ended with 3", str(result.errors[0][0]))

    def test_ctrl_c(self) -> None:
        """It ends the others too, and they have ended when the command ends."""
        Interrupted.ours, Interrupted.ends = os.getpid(), os.pipe()
        with self.assertRaises(KeyboardInterrupt):
            Together(suites(Interrupted, times=2), 2).run(unittest.TestResult())
        os.close(Interrupted.ends[1])
        with open(Interrupted.ends[0], "rb") as said:
            self.assertEqual(said.read(), b"told")

    def test_a_command_that_is_killed(self) -> None:
        """Its other processes end with the tests that they are at, and begin no more."""
        Orphaned.ends = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a thread that another test left
            command = os.fork()
        if not command:
            Orphaned.ours = os.getpid()
            Together(suites(Orphaned, times=20), 2).run(unittest.TestResult())
        os.waitpid(command, 0)
        os.close(Orphaned.ends[1])
        with open(Orphaned.ends[0], "rb") as said:
            self.assertEqual(said.read(), b"e")

    def test_one_process(self) -> None:
        """The twin: with one, everything happens here."""
        result, _ = told(Together(suites(Elsewhere, times=3), 1))
        self.assertEqual({re.findall(r"AssertionError: (\d+) != 0", text)[0] for _, text in result.failures},
                         {str(os.getpid())})  # fmt: skip


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    return loader.loadTestsFromTestCase(SeveralProcesses)


if __name__ == "__main__":
    unittest.main()
