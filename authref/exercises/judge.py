"""Is this file the answer? The claims of an exercise, asked in a process of their own (trial.py).

A learner's function may do anything: loop, crash, end the program. Then the claim that was running has failed, and
a new process goes on with the next one; only this file knows about processes and time.

What is judged is text. So a grader can judge a folder, a test a string, and verify.py the reference itself.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from authref.exercises.cutting import PACKAGE, find, header_of, path_of, source_of, swap
from authref.exercises.exercise import BREAK, PREDICT, Exercise, Question
from authref.exercises.trial import HOLE, NOTE, Verdict, show

TIME = 10  # seconds for one claim, and for the start of the process; all of them together take one or two
TIME_AFTER = 2  # seconds, once a claim has not ended: the others will hardly do better


@dataclass(frozen=True)
class Judgement:
    """What came of one exercise: a verdict for each claim, or the problem that kept all of them from being asked."""

    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""

    @property
    def solved(self) -> bool:
        return not self.problem and all(verdict.passed for verdict in self.verdicts)

    @property
    def untouched(self) -> bool:
        """The hole is still there: nothing is wrong yet."""
        return any(verdict.hole for verdict in self.verdicts)

    @property
    def failed(self) -> Verdict | None:
        """The first claim that does not hold."""
        return next((verdict for verdict in self.verdicts if not verdict.passed), None)


def judge(exercise: Exercise, text: str, name: str, *, every: bool = False) -> Judgement:
    """The judgement on the learner's text; `name` is their file's. Stops at the first failure unless `every`."""
    if problem := objection(exercise, text, name):
        return Judgement(problem=problem)
    if exercise.kind == PREDICT:
        return Judgement(tuple(_predicted(exercise, text)))
    if exercise.kind == BREAK:
        return Judgement(tuple(_broken(exercise, text, name)))
    job = job_of(exercise, source_of(module_of(exercise)), learners=text, file=name)
    verdicts = tuple(run(job, exercise.claims, every=every))
    for verdict in verdicts:
        verdict.sentence = sentence_of(verdict.claim)
    return Judgement(verdicts)


def sentence_of(claim: str) -> str:
    """The docstring of the test, which says what must hold; "" if there is none."""
    _, module, test = claim.split(".", 2)
    tree = _parsed(tests_folder() / f"{module}.py")
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    names = [test, *(f"{name}.{test.rpartition('.')[2]}" for name in classes)]  # a class may have it from another one
    node = next((node for name in names if (node := find(tree, name))), None)
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split()) if node else ""


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def objection(exercise: Exercise, text: str, name: str) -> str:
    """Why this text cannot be judged at all, in a sentence or two; "" if it can."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"{name}, line {error.lineno}" if error.lineno else name
        return f"Python cannot read {where}: {error.msg}."
    except (ValueError, RecursionError, MemoryError) as error:
        return f"Python cannot read {name}: {error}."
    if exercise.kind == PREDICT:
        return ""
    wanted = hollow(exercise.attack) if exercise.kind == BREAK else source_of(module_of(exercise))
    target = "attack" if exercise.kind == BREAK else name_of(exercise)
    if find(ast.parse(text), target) is None:
        return f"There is no function {target} in {name}. It begins: {header_of(wanted, target)}"
    return ""


def hollow(header: str) -> str:
    """A function of which only the `def` line and the docstring are given."""
    return f'{header.rstrip()}\n    raise NotImplementedError("{HOLE}")\n'


def module_of(exercise: Exercise) -> str:
    """The module of the target."""
    return exercise.target.partition(":")[0]


def name_of(exercise: Exercise) -> str:
    """The target's name in its module."""
    return exercise.target.partition(":")[2]


def job_of(exercise: Exercise, source: str, *, learners: str | None, file: str) -> dict[str, Any]:
    """What trial.py has to know; with `learners` None the source is run as it stands."""
    return {
        "module": module_of(exercise),
        "name": name_of(exercise),
        "path": str(path_of(module_of(exercise))),
        "source": source,
        "learners": learners,
        "file": file,
        "tests": str(tests_folder()),
    }


def tests_folder() -> Path:
    """Where the claims are: beside the package in a clone, inside it where it was installed."""
    beside, inside = PACKAGE.parent / "tests", PACKAGE / "exercises" / "suite"
    return beside if (PACKAGE.parent / "pyproject.toml").exists() and beside.is_dir() else inside


# -- what is asked of the process ---------------------------------------------------------------------------------


def run(job: dict[str, Any], claims: Sequence[str], *, every: bool = False) -> Iterator[Verdict]:
    """The verdicts on these claims, in their order; after the first failure the rest only if `every` is asked for."""
    left, limit = list(claims), float(TIME)
    while left:
        with _process({**job, "claims": left}) as process:
            for verdict in process.verdicts(limit):
                left.remove(verdict.claim)
                yield verdict
                if not left or not verdict.passed and not every:
                    return
            end = process.end(limit)
            limit = TIME_AFTER if process.expired.is_set() else limit
            given = process.given()
        yield Verdict(left.pop(0), given=given, error=end)
        if not every:
            return


class _Process:
    """One run of trial.py."""

    def __init__(self, job: dict[str, Any], folder: str) -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("AUTHREF_")}
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.expired = threading.Event()
        self._note = Path(folder, NOTE)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "authref.exercises.trial"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**variables, "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": folder},
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101 - they are pipes
        self._answers = self._process.stdout
        with suppress(OSError), self._process.stdin as pipe:  # it may be gone already; then there are no answers
            pipe.write(json.dumps(job).encode())

    def verdicts(self, limit: float) -> Iterator[Verdict]:
        """Its answers; each must come within `limit` seconds of the one before."""
        while True:
            timer = threading.Timer(limit, self._expire)
            timer.start()
            try:
                line = self._answers.readline()
            finally:
                timer.cancel()
            if not line.endswith(b"\n"):
                return
            yield Verdict(**json.loads(line))

    def end(self, limit: float) -> str:
        """How it came to an end before all was said, in a sentence."""
        if self.expired.is_set():
            return f"It had not ended after {limit:g} seconds: look for a loop that never does."
        with suppress(subprocess.TimeoutExpired):  # it may have closed its pipe only
            self._process.wait(1)
        self.kill()
        status = self._process.wait()
        if status < 0:
            return f"It crashed Python ({signal.Signals(-status).name}): look for a recursion without end."
        return f"It ended the whole program (exit status {status})."

    def given(self) -> str:
        """What the learner's function was given last, in the claim that did not end."""
        try:
            return self._note.read_bytes().partition(b"\0")[0].decode("utf-8", "replace")
        except OSError:
            return ""

    def _expire(self) -> None:
        self.expired.set()
        self.kill()

    def kill(self) -> None:
        """End it, and what it started."""
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self._process.wait()
        self._answers.close()


@contextmanager
def _process(job: dict[str, Any]) -> Iterator[_Process]:
    """A process with an empty folder of its own; both are gone afterwards."""
    folder = tempfile.mkdtemp(prefix="authref-")
    try:
        process = _Process(job, folder)
        try:
            yield process
        finally:
            process.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- the kinds that have no claims in the test suite --------------------------------------------------------------

GETS_PAST = "The attack gets past the naive version."
IS_STOPPED = "The same attack is stopped by authref's own version: what you found is the hole, not honest use."


def _broken(exercise: Exercise, text: str, name: str) -> Iterator[Verdict]:
    source = source_of(module_of(exercise))
    for sentence, version in ((GETS_PAST, swap(source, name_of(exercise), exercise.naive)), (IS_STOPPED, source)):
        job = job_of(exercise, version, learners=None, file=name)
        job |= {"attack": text, "check": exercise.check, "succeeds": sentence == GETS_PAST}
        for verdict in run(job, [sentence]):
            verdict.sentence = sentence
            verdict.hole = verdict.error == f"NotImplementedError: {HOLE}"
            yield verdict
            if not verdict.passed:
                return


def _predicted(exercise: Exercise, text: str) -> Iterator[Verdict]:
    answers = {
        target.id: statement.value
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for number, question in enumerate(exercise.questions, 1):
        name = f"ANSWER_{number}"
        verdict = Verdict(name, sentence=question.text, case=question.expression)
        node = answers.get(name)
        if node is None or isinstance(node, ast.Constant) and node.value is ...:
            verdict.hole, verdict.line = True, node.lineno if node else 0
        else:
            _compare(verdict, node, question)
        yield verdict


def _compare(verdict: Verdict, node: ast.expr, question: Question) -> None:
    try:
        answer = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        verdict.line, verdict.error = node.lineno, "an answer is a value such as 404, 'text', None or {'a': 'b'}"
        return
    value = outcome(question)
    verdict.passed = type(answer) is type(value) and answer == value
    verdict.line, verdict.seen, verdict.expected = node.lineno, show(answer), show(value)


def outcome(question: Question) -> object:
    """What comes back; of an exception, its name."""
    room: dict[str, Any] = {}
    try:
        exec(question.setup, room)  # noqa: S102 - the catalogue's own text
        return eval(question.expression, room)  # noqa: S307
    except Exception as error:
        return type(error).__name__
