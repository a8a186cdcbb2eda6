"""Whose files are these? The learner's. Here is what stands in them at first, and what is remembered beside them.

    01-who-are-you.py …   one file an exercise, named by its number and id
    test_exercises.py     so that `python -m unittest` works here
    .progress.json        what is solved, how many hints were shown, and what each file was like when it was written

Rules of this file:
- a file that the learner has touched is never written again, but by `reset`, which keeps the old one beside it;
- a file is known by its id: when an update of authref moves an exercise, its number changes, and nothing else;
- nothing is ever written inside of authref.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from typing import Any

from authref.exercises.cutting import PACKAGE, cut, line_of, path_of, source_of, text_of
from authref.exercises.excerpt import excerpt, with_imports
from authref.exercises.exercise import BREAK, HEAL, LESSONS, PREDICT, Exercise
from authref.exercises.judge import hollow, module_of, name_of
from authref.exercises.reading import read
from authref.exercises.verdict import HOLE

NAME = "authref-exercises"


def _program() -> str:
    """How this program is called in the learner's folder: as it was here, by its path where no shell would find it."""
    called = os.path.abspath(sys.argv[0])
    if called == str(PACKAGE / "__main__.py"):
        found = os.path.dirname(shutil.which("python") or "") == os.path.dirname(sys.executable)
        return f"{'python' if found else shlex.quote(sys.executable)} -m authref exercises"
    if os.path.basename(called) == "authref":
        return f"{'authref' if shutil.which('authref') == called else shlex.quote(called)} exercises"
    return "python -m authref exercises"


PROGRAM = _program()
LINES = 60  # of an exercise's file, at most
_STATE = ".progress.json"
_TESTS = '''\
"""`python -m unittest` in this folder judges all exercises. `{program} start` made it."""

import sys

# Where authref was when this was made; an installed one comes first.
sys.path.append({path!r})
from authref.exercises.as_unittest import judged_in  # noqa: E402

load_tests = judged_in(__file__)
'''


def page(number: int, exercise: Exercise) -> str:
    """The file of an exercise as the learner gets it."""
    head = "\n".join(f"# {line}".rstrip() for line in _head(number, exercise))
    if exercise.kind == PREDICT:
        return f"{head}\n{_questions(exercise)}"
    name, source = name_of(exercise), source_of(module_of(exercise))
    if exercise.kind == BREAK:
        naive = with_imports(module_of(exercise), source, name, exercise.naive)
        return f"{head}\n\n{naive}\n\n{hollow(exercise.attack)}"
    hole = cut(text_of(source, name), name.split(".")[-1], HOLE)
    version = exercise.naive if exercise.kind == HEAL else hole
    left = LINES - len(head.split("\n")) - 1
    return f"{head}\n\n{excerpt(module_of(exercise), source, name, version, left)}"


def _head(number: int, exercise: Exercise) -> list[str]:
    name = name_of(exercise)
    file = path_of(module_of(exercise)).relative_to(PACKAGE.parent).as_posix() if name else ""
    judged = (
        f"you may add imports and helpers. To be judged it is put into its place in {file}, where all names of that "
        "file are at hand."
    )
    what = {
        PREDICT: "Put a value in the place of each ... below: a number, a text in quotes, None, a dict.",
        HEAL: f"Mend `{name}`, which is naive below; {judged}",
        BREAK: f"First comes `{name}` in a naive version, as it might stand in {file}. Write `attack`; all names of "
        "that file are at hand.",
    }
    usual = f"Write `{name}`; {judged}"
    return [
        f"Exercise {number}, {exercise.kind}: {exercise.title}",
        f"Lesson {exercise.lesson}: {LESSONS[exercise.lesson]} (about {exercise.minutes} min, {exercise.difficulty})",
        "",
        *_wrapped(exercise.task),
        *_wrapped(f"Why an attacker cares: {exercise.attacker}"),
        *_wrapped(f"Read: {exercise.read}"),
        "",
        *_wrapped(what.get(exercise.kind, usual)),
        *(_wrapped(f"Read it, without the answer: {PROGRAM} read {number}") if name and [*read(exercise)] else []),
        *_wrapped(f"Judge it: {PROGRAM} run {number}"),
        *_wrapped(f"A hint: {PROGRAM} hint {number}"),
    ]


def _wrapped(text: str) -> list[str]:
    return wrapped(text, 98)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many columns; what goes on after "- " stands below its first word."""
    lines = []
    for part in text.split("\n"):
        lines += wrap(part, width, subsequent_indent="  " * part.startswith("- "), break_on_hyphens=False)
    return lines


def _questions(exercise: Exercise) -> str:
    lines: list[str] = []
    before: list[str] = []
    for number, question in enumerate(exercise.questions, 1):
        setup = question.setup.strip().split("\n")
        if setup not in ([""], before):
            same = len(os.path.commonprefix([before, setup]))
            same = same if len(setup) // 2 < same < len(setup) else 0  # else not worth the detour
            what = f"the same has run anew, as far as `{setup[same - 1].strip()}`, and then" if same else "this has run"
            lines += ["", *(f"# {line}" for line in _wrapped(f"Before it, {what}:"))]
            lines += [f"#     {line}".rstrip() for line in setup[same:]]
            before = setup
        lines += ["", *(f"# {line}" for line in _wrapped(f"{number}. {question.text}"))]
        lines += [f"#     {line}".rstrip() for line in question.expression.strip().split("\n")]
        lines += ["", f"ANSWER_{number} = ..."]
    return "\n".join([*lines, ""])


class Folder:
    """A learner's folder."""

    def __init__(self, path: Path, exercises: Sequence[Exercise]) -> None:
        self.path, self.exercises = path, exercises
        self._state: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            read = json.loads((path / _STATE).read_text("utf-8"))
            self._state = read if isinstance(read, dict) else {}

    def start(self) -> int:
        """Write what is missing, and anew what nobody has touched; how many exercises were added."""
        self.path.mkdir(parents=True, exist_ok=True)
        added = 0
        for number, exercise in enumerate(self.exercises, 1):
            path, text = self._moved(number, exercise), page(number, exercise)
            added += not path.exists()
            if not path.exists() or self._known("written", exercise.id) == _digest(path.read_bytes()):
                self._write(exercise, path, text)
        tests = _TESTS.format(program=PROGRAM, path=str(PACKAGE.parent))
        (self.path / "test_exercises.py").write_text(tests, "utf-8")
        self.save()
        return added

    def reset(self, number: int) -> Path:
        """The exercise's file as it was at first. What was there before lies beside it, as .old."""
        exercise = self.exercises[number - 1]
        path = self.file(number)
        if path.exists() and not self.is_as_written(number):
            path.replace(path.with_suffix(".old"))
        self._write(exercise, path, page(number, exercise))
        self.mark(number, False)
        return path

    def file(self, number: int) -> Path:
        """The exercise's file, under whatever number; where it belongs, if there is none."""
        exercise = self.exercises[number - 1]
        with suppress(OSError):
            for name in sorted(os.listdir(self.path)):
                if re.fullmatch(rf"\d+-{re.escape(exercise.id)}\.py", name):
                    return self.path / name
        return self.path / f"{number:02}-{exercise.id}.py"

    def is_as_written(self, number: int) -> bool:
        """True if nobody has touched the file."""
        with suppress(OSError):
            digest = _digest(self.file(number).read_bytes())
            return bool(self._known("written", self.exercises[number - 1].id) == digest)
        return True

    def line(self, number: int) -> int:
        """The line at which the work begins; 0 where there is none."""
        exercise = self.exercises[number - 1]
        with suppress(OSError, ValueError, SyntaxError, LookupError):
            text = self.file(number).read_text("utf-8")
            if exercise.kind == PREDICT:
                answers = (at for at, line in enumerate(text.split("\n"), 1) if line.startswith("ANSWER"))
                return next(answers, 0)
            return line_of(text, "attack" if exercise.kind == BREAK else name_of(exercise))
        return 0

    def is_solved(self, number: int) -> bool:
        """True if all its claims held when it was judged last."""
        return self._known("solved", self.exercises[number - 1].id) is True

    def mark(self, number: int, solved: bool) -> None:
        """Remember whether this exercise is solved."""
        self._state.setdefault("solved", {})[self.exercises[number - 1].id] = solved
        self.save()

    def next_hint(self, number: int) -> int:
        """How many hints to show now: one more than last time, three at most."""
        exercise = self.exercises[number - 1]
        shown = min(int(self._known("hints", exercise.id) or 0) + 1, len(exercise.hints))
        self._state.setdefault("hints", {})[exercise.id] = shown
        self.save()
        return shown

    def told(self, number: int) -> bool:
        """Whether the answers of a prediction are known: it is solved, or all hints were shown."""
        exercise = self.exercises[number - 1]
        return self.is_solved(number) or int(self._known("hints", exercise.id) or 0) >= len(exercise.hints)

    def save(self) -> None:
        """Write down the progress; without it in a folder that cannot be written, such as one that is graded."""
        with suppress(OSError):
            beside = self.path / f"{_STATE}.new"
            beside.write_text(json.dumps(self._state, indent=1) + "\n", "utf-8")
            beside.replace(self.path / _STATE)

    def _known(self, kind: str, name: str) -> Any:
        about = self._state.get(kind)
        return about.get(name) if isinstance(about, dict) else None

    def _moved(self, number: int, exercise: Exercise) -> Path:
        path, wanted = self.file(number), self.path / f"{number:02}-{exercise.id}.py"
        if path.exists() and path != wanted:
            path.rename(wanted)
        return wanted

    def _write(self, exercise: Exercise, path: Path, text: str) -> None:
        path.write_bytes(text.encode())
        self._state.setdefault("written", {})[exercise.id] = _digest(text.encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_authrefs(path: Path) -> bool:
    """True inside of authref itself, the package or its clone, where a learner's files must not lie."""
    clone = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else PACKAGE
    return path.resolve().is_relative_to(clone)


def is_somebody_elses(path: Path) -> bool:
    """True for a folder that holds other things, among which a learner's files should not be strewn."""
    return path.is_dir() and not (path / _STATE).exists() and any(path.iterdir())


def default(here: Path) -> Path:
    """Where a new folder goes if nobody says: here; beside the clone, if here is inside of it."""
    return (PACKAGE.parent.parent if is_authrefs(here) else here) / NAME


def started(here: Path) -> Path | None:
    """The folder that was started here, or here is in; not one further up, for what stands in it is run."""
    return next((place for place in (here, default(here)) if (place / _STATE).exists()), None)
