"""Does every exercise work? Both ways, for each: unsolved it fails for the right reason, solved it passes.

    predict   open and with wrong answers it fails; with what really comes back it passes
    write     with the hole each of its claims fails, and fails in the hole; with the reference all hold
    heal      the naive version fails at least one claim; with the reference all hold
    break     the hole is reported; a kept attack gets past the naive version and not past the reference, and of
              the claims that see to it the naive version fails at least one

And of all other exercises' claims, each holds beside the hole, unless it goes through the hole itself: that every
exercise stands alone is measured, not promised.

Attacks are kept in tests/solutions/, which learners do not get; without it breaks are checked half.
"""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from authref.exercises.cutting import PACKAGE, functions, source_of, swap
from authref.exercises.exercise import BREAK, HEAL, PREDICT, WRITE, Exercise
from authref.exercises.folder import page
from authref.exercises.judge import job_of, judge, module_of, name_of, outcome, run, sentence_of
from authref.exercises.report import reference

SOLUTIONS = "solutions/__init__.py"
BROKEN = ("NameError", "AttributeError", "ImportError", "ModuleNotFoundError", "SyntaxError")  # of a question


def verify(exercises: Sequence[Exercise]) -> list[str]:
    """What is wrong with the exercises, in sentences; empty if nothing is."""
    claims = [claim for exercise in exercises for claim in exercise.claims]
    attacks = _attacks()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda pair: list(_about(pair[0], pair[1], claims, attacks)), enumerate(exercises, 1))
        return [complaint for complaints in found for complaint in complaints]


def uncovered(exercises: Sequence[Exercise], given: Mapping[str, str]) -> list[str]:
    """Public functions of the core that are neither asked for nor given with a reason; and what is given in vain.

    `given` names files ("authref.serving.server"), classes ("authref.maps:Map") and functions.
    """
    targets = {exercise.target for exercise in exercises}
    core = [*PACKAGE.glob("[!_]*.py"), *(PACKAGE / "app").glob("*.py")]
    core.remove(PACKAGE / "tiny.py")  # chapter one, which is none of the core
    modules = [".".join(["authref", *path.relative_to(PACKAGE).with_suffix("").parts]) for path in sorted(core)]
    modules = [module.removesuffix(".__init__") for module in modules]
    known = [f"{module}:{name}" for module in modules for name in functions(source_of(module))]
    public = [name for name in known if not any(part.startswith("_") for part in name.partition(":")[2].split("."))]
    missing = [name for name in public if name not in targets and not any(_covers(each, name) for each in given)]
    vain = [each for each in given if each in targets or not any(_covers(each, name) for name in known)]
    forgotten = [f"{name} is neither asked for nor given" for name in missing]
    return [*forgotten, *(f"{each} is given in vain" for each in vain)]


def _covers(given: str, name: str) -> bool:
    return name == given or name.startswith((f"{given}:", f"{given}."))


def _attacks() -> dict[str, str]:
    path = PACKAGE.parent / "tests" / SOLUTIONS
    kept: dict[str, str] = runpy.run_path(str(path), run_name="solutions")["ATTACKS"] if path.exists() else {}
    return kept


def _about(number: int, exercise: Exercise, claims: Sequence[str], attacks: dict[str, str]) -> Iterator[str]:
    try:
        for complaint in _complaints(number, exercise, claims, attacks):
            yield f"{number} {exercise.id}: {complaint}"
    except (LookupError, OSError, SyntaxError) as error:
        yield f"{number} {exercise.id}: cannot be made ({error})"


def _complaints(number: int, exercise: Exercise, claims: Sequence[str], attacks: dict[str, str]) -> Iterator[str]:
    first = page(number, exercise)
    if exercise.kind == PREDICT:
        yield from _predict(exercise, first)
        return
    source = source_of(module_of(exercise))
    if exercise.kind == BREAK:
        yield from _break(exercise, first, attacks)
        naive = job_of(exercise, swap(source, name_of(exercise), exercise.naive), learners=None, file="naive.py")
        if exercise.claims and all(verdict.passed for verdict in run(naive, exercise.claims)):
            yield "the naive version passes all claims"
    else:
        yield from _unsolved(exercise, job_of(exercise, source, learners=first, file="unsolved.py"), claims)
    yield from _solved(job_of(exercise, source, learners=source, file="solved.py"), exercise.claims)


def _unsolved(exercise: Exercise, job: dict[str, Any], claims: Sequence[str]) -> Iterator[str]:
    others = [claim for claim in dict.fromkeys(claims) if claim not in exercise.claims]
    verdicts = {verdict.claim: verdict for verdict in run(job, [*exercise.claims, *others], every=True)}
    own = [verdicts[claim] for claim in exercise.claims]
    for verdict in own:
        if exercise.kind == WRITE and (verdict.passed or not verdict.hole):
            yield f"{verdict.claim} {'holds' if verdict.passed else 'fails elsewhere'} although nothing is written"
        if exercise.kind == HEAL and not verdict.passed and not verdict.calls:
            yield f"{verdict.claim} fails without the naive version"
    if all(verdict.passed for verdict in own):
        yield "it is solved from the start"
    for claim in others:
        if not verdicts[claim].passed and not verdicts[claim].calls:
            yield f"{claim}, of another exercise, fails and never calls {exercise.target}: {verdicts[claim].error}"


def _solved(job: dict[str, Any], claims: Sequence[str]) -> Iterator[str]:
    for verdict in run(job, claims, every=True):
        if not verdict.passed:
            yield f"{verdict.claim} fails with the reference: {verdict.error or verdict.expected}"
        elif not sentence_of(verdict.claim):
            yield f"{verdict.claim} has no sentence"


def _predict(exercise: Exercise, text: str) -> Iterator[str]:
    if judge(exercise, text, "open.py").solved:
        yield "it is solved from the start"
    right = reference(exercise)
    if not judge(exercise, right, "right.py").solved:
        yield f"what comes back is no literal, or not always the same: {right}"
    if any(verdict.passed for verdict in judge(exercise, right.replace(" = ", " = 0, "), "wrong.py").verdicts):
        yield "a wrong answer is taken"
    if any(value in BROKEN for value in map(outcome, exercise.questions)):
        yield f"a question fails: {right}"


def _break(exercise: Exercise, text: str, attacks: dict[str, str]) -> Iterator[str]:
    if not judge(exercise, text, "open.py").untouched:
        yield "its hole is not reported"
    if not attacks:
        return
    if exercise.id not in attacks:
        yield f"no attack is kept in {SOLUTIONS}"
        return
    judgement = judge(exercise, attacks[exercise.id], "attack.py")
    if not judgement.solved:
        failed = judgement.failed
        yield f"the kept attack fails: {failed.sentence} {failed.error}" if failed else judgement.problem
    elif not all(verdict.returned or verdict.raised for verdict in judgement.verdicts):
        yield "what the naive version answered, or the reference, is not known"
