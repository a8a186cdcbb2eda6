"""The terminal sessions of README and pages are run as they stand, and every line of output is compared.

`…` stands for whatever differs from run to run: an id, a time, a token.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stdout
from pathlib import Path

from authref import exercises
from authref.events import Events
from authref.exercises.cutting import source_of, swap, text_of
from tests.support import Harness, running

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text("utf-8")
PAGES = PROJECT / "authref" / "book" / "pages"


NAIVE_PARSE = """
def parse(header):
    cookies = {}
    for pair in header.split(";"):
        if "=" in pair:
            name, value = pair.split("=", 1)
            cookies[name.strip()] = value.strip()
    return cookies
"""


def session() -> list[tuple[str, str]]:
    """The README's commands, each with the output that it promises as a comment."""
    steps: list[tuple[str, str]] = []
    for line in "".join(re.findall(r"```sh\n(.*?)```", README, re.S)).splitlines(keepends=True):
        if line.startswith("# "):
            steps[-1] = (steps[-1][0], steps[-1][1] + line[2:])
        else:
            steps.append((line.rstrip("\n"), ""))
    return steps


def exercise() -> list[tuple[str, str]]:
    """The commands of the page on teaching, each with the output that it promises."""
    text = "".join(re.findall(r"```text\n(.*?)```", (PAGES / "teach.md").read_text("utf-8"), re.S))
    return [(command, promised) for command, promised in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.M)]


def pattern(promised: str) -> str:
    """A regular expression for the promised output, in which … matches anything within a line."""
    return ".+?".join(re.escape(part) for part in promised.split("…"))


@unittest.skipUnless(shutil.which("curl") and shutil.which("bash"), "needs curl and bash")
class ReadmeSession(unittest.TestCase):
    def test_the_session_as_printed(self) -> None:
        """Whoever types the README's commands sees the README's answers."""
        with running(Harness(now=time.time).app) as server, tempfile.TemporaryDirectory() as folder:
            answers = self.run_in_bash(server.url, folder)
        for (command, promised), seen in zip(session(), answers, strict=True):
            with self.subTest(command):
                self.assertRegex(seen.replace("\r", ""), rf"\A{pattern(promised)}\Z")

    def run_in_bash(self, url: str, folder: str) -> list[str]:
        """What each command printed. One shell runs them all, since they set variables for each other."""
        mark = "--- end of command ---"
        script = "".join(f"{command}\necho '{mark}'\n" for command, _ in session())
        script = script.replace("http://127.0.0.1:8000", url).replace(".venv/bin/python", sys.executable)
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(["bash"], input=script, cwd=folder, env=environment, capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split(mark + "\n")[:-1]

    def test_what_the_log_says(self) -> None:
        """The refusal's reason stands in the server's log, in the words of the README, and not in its answer."""
        log: list[str] = []
        harness = Harness(events=Events(log.append))
        harness.send("GET", "/me", cookie="session=" + "A" * 43)
        [promised] = re.findall(r"```text\n(.*?)```", README, re.S)
        self.assertRegex("".join(log), rf"\A{pattern(promised)}\Z")

    def test_the_commands_of_the_setup(self) -> None:
        """One command shows the page, one starts the server and one runs the tests, each a single line."""
        commands = re.findall(r"^    (python3 -m venv .*)$", README, re.M)
        ends = [command.rpartition(" -m ")[2] for command in commands]
        self.assertEqual(ends, ["authref --xray", "authref", "unittest"])


class ReadmeExercise(unittest.TestCase):
    def test_the_exercise_as_printed(self) -> None:
        """Whoever writes what the page says of the exercise sees what it shows; at the end it is solved."""
        with tempfile.TemporaryDirectory() as folder:
            self.run_one("start", folder)
            path = Path(folder, "20-cookies-parse.py")
            right = swap(path.read_text("utf-8"), "parse", text_of(source_of("authref.cookies"), "parse"))
            path.write_text(swap(right, "parse", NAIVE_PARSE), "utf-8")
            for command, promised in exercise():
                with self.subTest(command):
                    *_, verb, number = command.split()
                    if "Solved." in promised:
                        path.write_text(right, "utf-8")
                    self.assertRegex(self.run_one(verb, "--folder", folder, number), rf"\A{pattern(promised)}\Z")

    def run_one(self, *arguments: str) -> str:
        """What `authref exercises` prints with these arguments."""
        with redirect_stdout(io.StringIO()) as printed:
            exercises.main(arguments)
        return printed.getvalue()


if __name__ == "__main__":
    unittest.main()
