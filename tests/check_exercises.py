"""Every exercise both ways, and every answer, right or wrong: `python -m tests.check_exercises [id ...]`.

Unsolved, an exercise's own claims must fail, and because of the function in question; with the reference they must all
pass; each plausible wrong answer of solutions/ must fail just the claim that is named there first. Each
variant is a copy of the package in a temporary folder with one function exchanged, judged in a process of its own.

This shares no code with the engine that learners use, so that each can find the other's mistakes.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import authref
from authref.exercises.exercise import BREAK, HEAL, PREDICT, WRITE, Exercise
from authref.exercises.lessons import EXERCISES
from tests.solutions import ATTACKS, WRONG
from tests.solutions.right import RIGHT

PACKAGE = Path(authref.__file__).parent
ROOT = Path(__file__).parent.parent
PATIENCE = 60  # seconds that one variant may take
# What a blank does: it leaves a note that it was reached, for the app turns any exception into a 500.
BLANK = "import builtins\nbuiltins.blank_was_reached = True\nraise NotImplementedError"

Outcomes = dict[str, list[str]]  # claim -> the kinds of its failures, "reached" among them if the blank was called


def source_file(target: str, package: Path = PACKAGE) -> Path:
    """The file of "authref.cookies:parse"."""
    path = package.parent.joinpath(*target.partition(":")[0].split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def find(target: str, text: str) -> ast.FunctionDef:
    """The target's definition in its file's text."""
    body: list[ast.stmt] = ast.parse(text).body
    *classes, name = target.partition(":")[2].split(".")
    for wanted in classes:
        (found,) = [node for node in body if isinstance(node, ast.ClassDef) and node.name == wanted]
        body = found.body
    (function,) = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == name]
    return function


def spliced(target: str, text: str, source: str | None) -> str:
    """The file's text with another source for the target; None stands for a blank body."""
    function, lines = find(target, text), text.splitlines()
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(function.body) > 1
    start = min([function.lineno, *(each.lineno for each in function.decorator_list)])
    margin = " " * function.col_offset
    if source is None:
        start, source, margin = function.body[1 if has_docstring else 0].lineno, BLANK, margin + "    "
    new = textwrap.indent(textwrap.dedent(source).strip("\n"), margin).splitlines()
    return "\n".join([*lines[: start - 1], *new, *lines[function.end_lineno or start :], ""])


class Variant:
    """A copy of the package with one function exchanged; without a target, the package as it is."""

    def __init__(self, target: str = "", source: str | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="exercise-")
        self.path = Path(self._folder.name)
        shutil.copytree(PACKAGE, self.path / "authref")
        if target:
            file = source_file(target, self.path / "authref")
            file.write_text(spliced(target, file.read_text("utf-8"), source), "utf-8")

    def run(self, job: str, argument: object) -> Any:
        """What the job below gives in a process that imports this copy."""
        # Neither the folder of this program nor an installed copy must come before the variant.
        paths = [str(self.path), str(ROOT)]
        code = f"import sys; sys.path[:0] = {paths!r}; import tests.check_exercises as c; c.{job}()"
        environment = {**os.environ, "PYTHONSAFEPATH": "1"}
        try:
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=self.path,
                env=environment,
                input=json.dumps(argument),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return None
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(done.stdout.rstrip("\n").rpartition("\n")[2])

    def __enter__(self) -> Variant:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


# -- what runs inside a variant


class Recorder(unittest.TestResult):
    """Notes the kinds of a test's failures."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: Outcomes = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        builtins.blank_was_reached = False  # type: ignore[attr-defined]
        self.outcomes[test.id()] = []

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        if builtins.blank_was_reached:  # type: ignore[attr-defined]
            self.outcomes[test.id()].append("reached")

    def addError(self, test: Any, err: Any) -> None:
        self._note(test, err)

    def addFailure(self, test: Any, err: Any) -> None:
        self._note(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._note(test, err)

    def _note(self, test: Any, err: Any) -> None:
        kinds = self.outcomes.setdefault(test.id(), [])
        if err[0].__name__ not in kinds:
            kinds.append(err[0].__name__)


def judge() -> None:
    """Run the claims that stand on stdin; print their outcomes."""
    claims: list[str] = json.load(sys.stdin)
    recorder = Recorder()
    for claim in claims:
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName(claim)
        except Exception as error:  # what was exchanged breaks the import already
            recorder.outcomes[claim] = [type(error).__name__]
            continue
        suite.run(recorder)
    print("\n" + json.dumps({claim: recorder.outcomes.get(claim, ["_FailedTest"]) for claim in claims}))


def attack() -> None:
    """Tell whether the attack on stdin gets past the version that is in place."""
    target, attack_source, check_source = json.load(sys.stdin)
    module, _, name = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    space: dict[str, Any] = {}
    exec(attack_source, space)
    exec(check_source, space)
    try:
        passed = space["check"](found, space["attack"])
    except Exception as error:  # an attack that is no attack at all
        passed = f"{type(error).__name__}: {error}"
    print("\n" + json.dumps(passed))


def evaluate() -> None:
    """Print what the questions on stdin give."""
    answers = []
    for setup, expression in json.load(sys.stdin):
        space: dict[str, Any] = {}
        exec(setup, space)
        answers.append(repr(eval(expression, space)))
    print("\n" + json.dumps(answers))


# -- what is asked of each exercise


def failed(outcomes: Outcomes | None, claims: tuple[str, ...]) -> list[str]:
    """Those of the claims that fail; all of them when the variant never came to an end."""
    if outcomes is None:
        return list(claims)
    return [claim for claim in claims if set(outcomes[claim]) - {"reached"}]


def short(claim: str) -> str:
    return claim.removeprefix("tests.test_")


def all_claims() -> list[str]:
    """Every claim of the catalogue, once."""
    return sorted({claim for exercise in EXERCISES for claim in exercise.claims})


def check_blank(exercise: Exercise) -> Iterator[str]:
    """A blank body fails every claim of its exercise, because it was reached, and no claim that does not reach it."""
    others = {each.claims[0] for each in EXERCISES if each.claims} - set(exercise.claims)
    with Variant(exercise.target) as variant:
        outcomes = variant.run("judge", [*exercise.claims, *sorted(others)])
    if outcomes is None:
        yield "with a blank the claims do not come to an end"
        return
    for claim in exercise.claims:
        if "reached" not in outcomes[claim]:
            yield f"{short(claim)} never reaches the blank: {outcomes[claim]}"
        elif outcomes[claim] == ["reached"]:
            yield f"{short(claim)} passes with a blank"
    for claim, kinds in outcomes.items():
        if kinds and "reached" not in kinds and claim not in exercise.claims:
            yield f"{short(claim)} fails although it does not reach the blank: {kinds}"


def check_naive(exercise: Exercise) -> Iterator[str]:
    """The naive version serves honest use and fails the attacks, as a failed assertion and not as a crash."""
    with Variant(exercise.target, exercise.naive) as variant:
        outcomes = variant.run("judge", list(exercise.claims))
    holes = failed(outcomes, exercise.claims)
    if exercise.kind == HEAL and len(holes) == len(exercise.claims):
        yield "the naive version fails even the honest claims"
    if not holes:
        yield "the naive version passes every claim"
    if exercise.kind == HEAL and exercise.claims[0] in holes:
        yield f"the naive version fails the first claim, {short(exercise.claims[0])}"
    for claim in holes:
        if "AssertionError" not in outcomes[claim]:
            yield f"{short(claim)} fails with {outcomes[claim]}"


def check_wrong(exercise: Exercise) -> Iterator[str]:
    """Each wrong answer fails, and the first claim that it fails is the one that is named."""
    for number, wrong in enumerate(WRONG.get(exercise.id, ()), 1):
        with Variant(exercise.target, wrong.source) as variant:
            found = failed(variant.run("judge", list(exercise.claims)), exercise.claims)
        if not found:
            yield f"wrong answer {number} passes everything: {wrong.why}"
        elif short(found[0]) != short(wrong.fails):
            yield f"wrong answer {number} fails {short(found[0])} first, not {wrong.fails}"


def check_right(exercise: Exercise) -> Iterator[str]:
    """Each other right answer passes everything."""
    for number, source in enumerate(RIGHT.get(exercise.id, ()), 1):
        with Variant(exercise.target, source) as variant:
            outcomes = variant.run("judge", list(exercise.claims))
        if found := failed(outcomes, exercise.claims):
            yield f"right answer {number} fails {', '.join(map(short, found))}: {outcomes and outcomes[found[0]]}"


def check_attacks(exercise: Exercise) -> Iterator[str]:
    """The attack gets past the naive version and not past the reference; each wrong one fails as it is told."""
    with Variant(exercise.target, exercise.naive) as naive, Variant() as reference:

        def passes(source: str) -> list[object]:
            job = [exercise.target, source, exercise.check]
            return [variant.run("attack", job) for variant in (naive, reference)]

        for number, source in enumerate((ATTACKS[exercise.id], *RIGHT.get(exercise.id, ()))):
            outcome = passes(source)
            if outcome[0] is not True or outcome[1] is True:  # an attack that fails may raise
                yield f"attack {number} gives {outcome}"
        for number, wrong in enumerate(WRONG[exercise.id], 1):
            outcome = passes(wrong.source)
            # A wrong attack meets the naive version in vain, or is none: the reference takes it as well.
            expected = {"naive": outcome[0] is not True, "reference": outcome == [True, True]}[wrong.fails]
            if not expected:
                yield f"wrong attack {number} gives {outcome}, and should fail at the {wrong.fails}"


def check_answers(exercise: Exercise) -> Iterator[str]:
    """Each question has an answer that can be written down, the same each time, and the wrong ones are other ones."""
    questions = [(question.setup, question.expression) for question in exercise.questions]
    with Variant() as variant:
        answers, again = variant.run("evaluate", questions), variant.run("evaluate", questions)
    if answers != again:
        yield "the answers change"
    for answer in answers:
        try:
            ast.literal_eval(answer)
        except (ValueError, SyntaxError):
            yield f"{answer} is no literal"
    for wrong in WRONG[exercise.id]:
        if answers[int(wrong.fails) - 1] == repr(ast.literal_eval(wrong.source)):
            yield f"{wrong.source} is right"


def check_reference() -> Iterator[str]:
    """With the reference every claim passes."""
    with Variant() as variant:
        for claim, kinds in variant.run("judge", all_claims()).items():
            if kinds:
                yield f"{claim} fails: {kinds}"


CHECKS: dict[str, tuple[Callable[[Exercise], Iterator[str]], ...]] = {
    PREDICT: (check_answers,),
    WRITE: (check_blank, check_wrong, check_right),
    HEAL: (check_blank, check_naive, check_wrong, check_right),
    BREAK: (check_attacks, check_naive),
}


def main(chosen: list[str]) -> int:
    """Check the chosen exercises, or all; the number of complaints."""
    started = time.perf_counter()
    jobs: list[tuple[str, Callable[[], Iterator[str]]]] = [("reference", check_reference)]
    for exercise in EXERCISES:
        if not chosen or exercise.id in chosen:
            jobs += [(exercise.id, lambda check=check, each=exercise: check(each)) for check in CHECKS[exercise.kind]]

    def complaints(job: tuple[str, Callable[[], Iterator[str]]]) -> list[str]:
        try:
            return [f"{job[0]}: {complaint}" for complaint in job[1]()]
        except Exception as error:
            return [f"{job[0]}: {type(error).__name__}: {error}"]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [line for lines in pool.map(complaints, jobs) for line in lines]
    print("\n".join(found))
    wrong, right = (sum(map(len, answers.values())) for answers in (WRONG, RIGHT))
    seconds = time.perf_counter() - started
    print(
        f"{len(EXERCISES)} exercises, {len(all_claims())} claims, {right} right and {wrong} wrong answers:"
        f" {len(found)} complaints"
    )
    print(f"{seconds:.0f} s")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
