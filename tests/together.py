"""How do the tests use all cores? Several processes run them, each taking module after module.

unittest asks `load_tests` in __init__.py for the tests of this folder; that is where this suite comes from. What the
other processes saw is told to unittest as if it had happened here: names, dots, failures and the sum are the same.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import signal
import sys
import tempfile
import traceback
import unittest
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

Suites = Sequence[unittest.TestSuite]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
PROCESSES = CORES + 1 if CORES > 1 else 1  # one more than there are cores: some tests wait
TOLD = ("startTest", "stopTest", "addSuccess", "addSkip", "addFailure", "addError", "addSubTest", "addExpectedFailure",
        "addUnexpectedSuccess")  # fmt: skip


class Together(unittest.TestSuite):
    """Suites that share nothing, run by several processes."""

    def __init__(self, suites: Suites, processes: int = PROCESSES) -> None:
        super().__init__(suites)
        self.processes = processes if hasattr(os, "fork") else 1

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        """Run all of them; in the end the result knows of each test."""
        suites = list(self)
        queue = _queue(len(suites))
        others = [_begin(suites, queue, result) for _ in range(min(self.processes, len(suites)) - 1)]
        try:
            for number in _take(queue, result):
                suites[number](result)
                _sweep()
            os.close(queue)
            while others:
                _hear(*others[0], result)
                del others[0]
        except BaseException:  # Ctrl-C, which the others do not hear
            for process, told in others:
                told.close()
                with suppress(OSError):  # it has ended
                    os.kill(process, signal.SIGINT)
                    os.waitpid(process, 0)
            raise
        return result


def _queue(count: int) -> int:
    """A pipe that holds the numbers below `count`, a byte each: whoever reads one has a suite to run."""
    queue, end = os.pipe()
    os.write(end, bytes(range(count)))
    os.close(end)
    return queue


def _take(queue: int, result: unittest.TestResult) -> Iterator[int]:
    while taken := os.read(queue, 1):
        if not result.shouldStop:
            yield taken[0]


def _sweep() -> None:
    """Look for garbage, which is done seldom while tests run, and never again among what is left."""
    gc.collect()
    gc.freeze()


def _begin(suites: Suites, queue: int, result: unittest.TestResult) -> tuple[int, BinaryIO]:
    """Another process that takes suites, and the file in which it tells what it saw."""
    told = tempfile.TemporaryFile()  # noqa: SIM115 - it is read when the process has ended
    sys.stdout.flush()  # else both would print what is still unwritten
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a thread that another suite left
        process = os.fork()
    if not process:
        status = 1
        try:
            _bear_witness(suites, queue, told, result)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)
    return process, told


def _bear_witness(suites: Suites, queue: int, told: BinaryIO, result: unittest.TestResult) -> None:
    os.setsid()  # Ctrl-C is for the command, which ends this process once: a second one would stop it cleaning up
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
    parent = os.getppid()
    atexit._clear()  # what was to be cleaned up before belongs to the process that made it
    witness = Witness()
    witness.failfast, witness.buffer = result.failfast, result.buffer
    for number in _take(queue, witness):
        if os.getppid() != parent:
            return  # the command was killed
        unittest.TestSuite([suites[number]]).run(witness)
        witness.tell(told)
        _sweep()
    atexit._run_exitfuncs()
    sys.stdout.flush()


def _hear(process: int, told: BinaryIO, result: unittest.TestResult) -> None:
    """Tell the result what that process saw, once it has ended."""
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    told.seek(0)
    with told:
        try:
            while True:
                name, *details = pickle.load(told)
                getattr(result, name)(*details)
        except EOFError:
            pass
    if status:
        died = Report(f"a process that ran tests ended with {status}", "tests.together", None)
        result.addError(died, (Broken, Broken("what it had not told yet is lost"), None))


class Failed(AssertionError):
    """An assertion failed in another process; the text is the traceback there."""


class Broken(Exception):
    """A test ended by an exception in another process; the text is the traceback there."""


class Report(unittest.TestCase):
    """A test that ran in another process: how it is called, and what it says."""

    def __init__(self, text: str, name: str, sentence: str | None) -> None:
        self._text, self._name, self._sentence = text, name, sentence

    def __str__(self) -> str:
        return self._text

    def id(self) -> str:
        return self._name

    def shortDescription(self) -> str | None:
        return self._sentence


class Part(Report, unittest.case._SubTest):  # type: ignore[misc]
    """A case of a table: unittest gives it a line of its own only if it is one of these."""


class Witness(unittest.TestResult):
    """Writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Any, ...]] = []

    def tell(self, told: BinaryIO) -> None:
        """Write it to the file: between two suites, for a test may have forbidden this process to write much."""
        for each in self.seen:
            pickle.dump(each, told)
        told.flush()
        self.seen.clear()


def _sees(name: str) -> Any:
    plainly = getattr(unittest.TestResult, name)

    def seen(self: Witness, test: Any, *details: Any) -> None:
        plainly(self, test, *details)
        self.seen.append((name, *(_portable(self, test, each) for each in (test, *details))))

    return seen


for _name in TOLD:
    setattr(Witness, _name, _sees(_name))


def _portable(witness: Witness, test: unittest.TestCase, detail: Any) -> Any:
    """The detail without what another process could not understand."""
    if isinstance(detail, tuple):
        kind = Failed if issubclass(detail[0], test.failureException or ()) else Broken
        return kind, kind("\n" + witness._exc_info_to_string(detail, test)), None  # type: ignore[attr-defined]
    if detail is None or isinstance(detail, str):
        return detail
    kind = Part if isinstance(detail, unittest.case._SubTest) else Report
    return kind(str(detail), detail.id(), detail.shortDescription())
