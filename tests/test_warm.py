"""Programs that are forked of a Python that stands ready: they are what a new one is, and none outlives the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest

import tests
from tests.test_cli import PROJECT, environment
from tests.warm import Forked, result_of

# Starts a program by way of the one that stands ready, and is killed.
KILLED = """
import os, signal
from tests.warm import Forked
Forked("-c", "import time; time.sleep(60)", streams=(0, 1, 2), cwd=".", env={})
os.kill(os.getpid(), signal.SIGKILL)
"""


class Warm(unittest.TestCase):
    def test_like_a_new_python(self) -> None:
        """Both say the same on both outputs, and end with the same status, whether it is good or bad."""
        for arguments in (("-m", "authref", "keys", "--help"), ("-m", "authref", "--ports", "80")):
            new = subprocess.run([sys.executable, *arguments], env=environment(), capture_output=True, text=True)
            with self.subTest(arguments):
                self.assertEqual(result_of(*arguments, env=environment()), (new.returncode, new.stdout, new.stderr))

    def test_what_it_is_given(self) -> None:
        """Arguments, folder and environment are its own, and it begins in a session of its own."""
        code = "import os, sys; print(sys.argv, os.getcwd(), dict(os.environ), os.getsid(0) == os.getpid())"
        said = result_of("-c", code, "a", "b", cwd="/", env={"X": "y"})
        self.assertEqual(said, (0, "['-c', 'a', 'b'] / {'X': 'y'} True\n", ""))

    def test_ended_by_a_signal(self) -> None:
        """The status is minus the signal, as of any program; one that runs has none."""
        with open(os.devnull, "r+b") as nothing:
            program = Forked("-c", "import time; time.sleep(60)", streams=(nothing.fileno(),) * 3, cwd="/", env={})
        self.assertIsNone(program.poll())
        with self.assertRaises(subprocess.TimeoutExpired):
            program.wait(0.001)
        program.kill()
        self.assertEqual((program.wait(10), program.poll()), (-signal.SIGKILL, -signal.SIGKILL))

    def test_tests_that_are_killed(self) -> None:
        """Whatever they had started this way ends: its output, which it has as long as it lives, is closed."""
        done = subprocess.run([sys.executable, "-c", KILLED], env=environment(PROJECT), capture_output=True, text=True,
                              timeout=30)  # fmt: skip
        self.assertEqual((done.returncode, done.stdout, done.stderr), (-signal.SIGKILL, "", ""))

    def test_ctrl_c_while_the_tests_are_imported(self) -> None:
        """It ends the command, and is no fault of the module that was imported just then; it comes once."""
        came = False
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        with self.assertRaises(KeyboardInterrupt), tests._no_interruption():
            signal.raise_signal(signal.SIGINT)
            came = True
        self.assertTrue(came)


if __name__ == "__main__":
    unittest.main()
