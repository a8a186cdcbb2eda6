"""What stands to be pasted in the README and on the pages works as it stands.

Each line that is set in by four blanks has one of three fates here: it is run, or asked for its help where the whole
takes minutes, or another test runs it. A line without a fate fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests import warm
from tests.test_cli import PROJECT, Program, environment
from tests.test_pages import README, pages

# What takes minutes, or asks: whether the command is there, and takes these flags, its parser says.
HELP = (".venv/bin/authref attack", ".venv/bin/authref compare", ".venv/bin/authref choose",
        "authref exercises start")  # fmt: skip
ELSEWHERE = {
    r"python3 -m venv .*": "test_readme.py, and .ci/run",
    r"\.venv/bin/pip install .*": ".ci/run",
    r"\. \.venv/bin/activate": "test_readme.py",
    r"python -m authref exercises start": "test_readme.py",
    r"\.venv/bin/python -m unittest tests\.\w+": "the suite",
    r"\.venv/bin/python -m tests\.check_exercises": ".ci/run",
    r"\.venv/bin/ruff check \. && \.venv/bin/mypy": ".ci/run",
    r"export AUTHREF_STORE=redis://\S+ AUTHREF_KEYS=.*": "test_wsgi.py",
    r"\.venv/bin/gunicorn .* authref\.wsgi:application": "test_wsgi.py",
}
STARTED = ".venv/bin/authref --store sqlite:authref.db --workers 2"
RUN = (
    '''export AUTHREF_KEYS="$(.venv/bin/authref keys new)"''',
    ".venv/bin/authref jwt create --sub alice | .venv/bin/authref jwt verify -",
    ".venv/bin/authref exercises run --json --folder FOLDER",
    ".venv/bin/python -m tests.reading",
)
# What stands within a sentence, and is run as well, one after the other in one folder.
INLINE = (
    'export AUTHREF_KEYS="$(.venv/bin/authref keys new),$AUTHREF_KEYS"',
    "authref backup sqlite:PATH COPY",
    "authref restore COPY sqlite:PATH",
)


def lines() -> list[tuple[str, str]]:
    """Each line to paste, after the name of its page; a continued line is one with the next."""
    found = []
    for path in pages():
        text = re.sub(r"(?s)```.*?```", "", path.read_text("utf-8")).replace("\\\n", "")
        found += [(path.name, line.strip()) for line in re.findall(r"(?m)^ {4}(\S.*)$", text)]
    return found


def elsewhere(line: str) -> bool:
    """True if another test, or CI, runs a line of this form."""
    return any(re.fullmatch(form, line) for form in ELSEWHERE)


class TheLines(unittest.TestCase):
    def test_a_line_without_a_fate(self) -> None:
        """Every line to paste is run, here or elsewhere; and nothing is said here of lines that are gone."""
        known = {*HELP, *RUN, STARTED}
        found = {line for _, line in lines()}
        self.assertGreater(len(found), 15)
        for name, line in lines():
            with self.subTest(name, line=line):
                self.assertTrue(line in known or elsewhere(line))
        self.assertEqual(known - found, set())
        text = "".join(path.read_text("utf-8") for path in pages())
        for line in INLINE:
            self.assertIn(f"`{line}`", text)

    def test_a_command_that_lost_its_place(self) -> None:
        """A command stands set in, in a block or between backticks: else it is a paragraph, and its quotes change."""
        for path in pages():
            text = re.sub(r"(?s)```.*?```", "", path.read_text("utf-8"))
            with self.subTest(path.name):
                self.assertIsNone(re.search(r"(?m)^(?:export |python|pip |curl |\.venv/|authref \w+$)", text))

    def test_flags_in_sentences(self) -> None:
        """Each flag that a page names between backticks is one of some command of authref."""
        texts = [path.read_text("utf-8") for path in sorted((PROJECT / "authref").rglob("*.py"))]
        for path in pages():
            for flag in set(re.findall(r"`[^`\n]*?(--[a-z][a-z-]+)", path.read_text("utf-8"))) - {"--help"}:
                with self.subTest(path.name, flag=flag):
                    self.assertTrue(any(f'"{flag}"' in text for text in texts))


@unittest.skipUnless(shutil.which("bash"), "needs bash")
class Running(unittest.TestCase):
    def setUp(self) -> None:
        """A folder that looks like a clone after the setup: its two programs are those of this test."""
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        programs = Path(self.folder, ".venv", "bin")
        programs.mkdir(parents=True)
        for name, command in {"python": "", "authref": f"-I -S '{warm.__file__}' '{warm.address()}'"}.items():
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n', "utf-8")
            path.chmod(0o755)

    def bash(self, *commands: str) -> str:
        """What they print, one after the other. Each must succeed."""
        script = "set -eo pipefail\n" + "\n".join(commands)
        path = f"{self.folder}/.venv/bin:{os.environ['PATH']}"
        done = subprocess.run(["bash"], input=script, cwd=self.folder, env=environment(PATH=path),
                              capture_output=True, text=True)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_those_that_take_minutes(self) -> None:
        """Each long command is there, and takes the flags that it is shown with."""
        self.assertIn("usage", self.bash(*(f"{command} --help" for command in HELP)))

    def test_tokens_on_the_command_line(self) -> None:
        """A key ring in a variable, a token made with it and believed by it, and a second key put in front."""
        self.assertIn("alice", self.bash(*RUN[:2], INLINE[0], RUN[1]))

    def test_a_copy_and_back(self) -> None:
        """A store that has run is copied; of the copy a new store is made."""
        with Program("--store", f"sqlite:{self.folder}/PATH"):
            pass
        Path(self.folder).chmod(0o700)
        said = self.bash(INLINE[1], "mv PATH old", INLINE[2], "test -s PATH")
        self.assertIn("The signing keys are not in it", said)

    def test_two_processes(self) -> None:
        """The line of two workers starts a server."""
        *_, store, _, workers = STARTED.split()
        with Program("--store", store, "--workers", workers) as program:
            self.assertTrue(program.url)

    def test_how_far_a_learner_is(self) -> None:
        """A folder is graded: an object for each exercise. Nothing is solved, so the status is 1."""
        self.bash("authref exercises start FOLDER")
        said = self.bash(f"{RUN[2]} 3 || test $? = 1")
        self.assertIn('"claims"', said)

    def test_the_reading_minutes(self) -> None:
        """The count of lines and minutes prints its table."""
        self.assertIn("the core", self.bash(f"cd '{PROJECT}'", RUN[3].replace(".venv/bin/python", sys.executable)))


class ThePictures(unittest.TestCase):
    def test_who_holds_what(self) -> None:
        """The two diagrams of the README are what is drawn from exchanges of today."""
        from tests.pictures import sequence

        for name in sequence.STORIES:
            with self.subTest(name):
                shown = README.parent.joinpath("tests", "pictures", f"{name}.svg").read_text("utf-8")
                self.assertEqual(shown, sequence.picture(name))

    def test_a_choice(self) -> None:
        """The README's picture of a recommendation is what the command says today: `python -m tests.pictures`."""
        from tests.pictures import terminal

        shown = README.parent.joinpath("tests", "pictures", "choose.svg").read_text("utf-8")
        self.assertEqual(shown, terminal.picture())


if __name__ == "__main__":
    unittest.main()
