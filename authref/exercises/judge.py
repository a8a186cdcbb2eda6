"""Is this file the answer? The claims of an exercise, asked in a process of their own (trial.py).

A learner's function may do anything: loop, crash, end the program. Then the claim that was running has failed, and
a new process goes on with the next one; only this file knows about time, and nursery.py about processes.

What is judged is text. So a grader can judge a folder, a test a string, and verify.py the reference itself.
"""

from __future__ import annotations

import ast
import json
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from authref.exercises.cutting import PACKAGE, find, functions, header_of, parse, path_of, source_of, swap
from authref.exercises.exercise import BREAK, PREDICT, Exercise, Question
from authref.exercises.nursery import start
from authref.exercises.verdict import HOLE, NOTE, Verdict, sentence, show

TIME = 10  # seconds of the processor for one claim: all of them together take one or two
TIME_AFTER = 2  # seconds, once a claim has not ended: the others will hardly do better
PATIENCE = 2  # so many times as long may pass by the clock: a busy machine is no mistake, and some wait for ever


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
    for verdict in verdicts:  # a trial that did not live to say it
        verdict.sentence = verdict.sentence or sentence_of(verdict.claim)
    return Judgement(verdicts)


def sentence_of(claim: str) -> str:
    """The docstring of the test, which says what must hold; "" if there is none."""
    _, module, test = claim.split(".", 2)
    tree = _parsed(tests_folder() / f"{module}.py")
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    names = [test, *(f"{name}.{test.rpartition('.')[2]}" for name in classes)]  # a class may have it from another one
    node = next((node for name in names if (node := find(tree, name))), None)
    return sentence(ast.get_docstring(node)) if node else ""


@cache
def _parsed(path: Path) -> ast.Module:
    return parse(path.read_text("utf-8"))


def objection(exercise: Exercise, text: str, name: str) -> str:
    """Why this text cannot be judged at all, in a sentence or two; "" if it can."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"{name}, line {error.lineno}" if error.lineno else name
        line = f"\n  {error.text.strip()}" if error.text else ""
        return f"Python cannot read {where}: {error.msg}.{line}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"Python cannot read {name}: {error}."
    if exercise.kind == PREDICT:
        return ""
    wanted = hollow(exercise.attack) if exercise.kind == BREAK else source_of(module_of(exercise))
    target = "attack" if exercise.kind == BREAK else name_of(exercise)
    class_, _, function = target.rpartition(".")
    if find(parse(text), target) is not None:
        return ""
    if function in [each.rpartition(".")[2] for each in functions(text)]:
        place = f"in `class {class_}:`; indent it below that line" if class_ else "by itself, at the left margin"
        return f"In {name} `{function}` does not stand {place}."
    where = f"In `class {class_}:` it" if class_ else "It"
    return f"There is no function {target} in {name}. {where} begins: {header_of(wanted, target)}"


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
        with _trial({**job, "claims": left, "limit": limit}) as trial:
            for verdict in trial.verdicts():
                left.remove(verdict.claim)
                yield verdict
                if not left or not verdict.passed and not every:
                    return
            end, given = trial.end(), trial.given()
            limit = TIME_AFTER if trial.expired else limit
        yield Verdict(left.pop(0), given=given, error=end)
        if not every:
            return


class _Trial:
    """One run of trial.py."""

    def __init__(self, job: dict[str, Any], folder: str) -> None:
        self.expired, self._limit, self._note = False, job["limit"], Path(folder, NOTE)
        self._process = start()
        line = self._process.line
        line.settimeout(self._limit * PATIENCE)
        with suppress(OSError):  # it may be gone already; then there are no answers
            line.sendall(json.dumps({**job, "folder": folder}).encode() + b"\n")
        self._answers = line.makefile("rb")

    def verdicts(self) -> Iterator[Verdict]:
        """Its answers, until it ends or says no more."""
        try:
            while (line := self._answers.readline()).endswith(b"\n"):
                yield Verdict(**json.loads(line))
        except TimeoutError:
            self.expired = True
        except ConnectionError:  # it was killed before it had read everything
            return

    def end(self) -> str:
        """How it came to an end before all was said, in a sentence."""
        status = self._process.end()
        self.expired = self.expired or status == -signal.SIGPROF
        if self.expired:
            return f"It had not ended after {self._limit:g} seconds: look for a loop that never does."
        if status < 0:
            return f"It crashed Python ({signal.Signals(-status).name}): look for a recursion without end."
        return f"It ended the whole program (exit status {status})."

    def given(self) -> str:
        """What the learner's function was given last, in the claim that did not end."""
        try:
            return self._note.read_bytes().partition(b"\0")[0].decode("utf-8", "replace")
        except OSError:
            return ""

    def close(self) -> None:
        self._process.end()
        self._answers.close()
        self._process.line.close()


@contextmanager
def _trial(job: dict[str, Any]) -> Iterator[_Trial]:
    """A process with an empty folder of its own; both are gone afterwards."""
    folder = tempfile.mkdtemp(prefix="authref-")
    try:
        with closing(_Trial(job, folder)) as trial:
            yield trial
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- the kinds that have no claims in the test suite --------------------------------------------------------------

GETS_PAST = "The attack gets past the naive version."
IS_STOPPED = "The same attack is stopped by authref's own version: what you found is the hole, not honest use."


def _broken(exercise: Exercise, text: str, name: str) -> Iterator[Verdict]:
    source = source_of(module_of(exercise))
    for claim, version in ((GETS_PAST, swap(source, name_of(exercise), exercise.naive)), (IS_STOPPED, source)):
        job = job_of(exercise, version, learners=None, file=name)
        job |= {"attack": text, "check": exercise.check, "succeeds": claim == GETS_PAST}
        for verdict in run(job, [claim]):
            verdict.sentence = claim
            verdict.hole = verdict.error == f"NotImplementedError: {HOLE}"
            yield verdict
            if not verdict.passed:
                return


def _predicted(exercise: Exercise, text: str) -> Iterator[Verdict]:
    answers = {
        target.id: statement.value
        for statement in parse(text).body
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
