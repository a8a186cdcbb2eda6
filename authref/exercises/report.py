"""What does a failure teach? One claim at a time: what must hold, what you were given, what you returned.

Then what an attacker does with it, and where to read. No traceback: of where it happened only the line counts that is
the learner's own. Everything fits 80 columns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from textwrap import wrap
from typing import Any

from authref.exercises.cutting import source_of, text_of
from authref.exercises.exercise import BREAK, HEAL, LESSONS, PREDICT, Exercise
from authref.exercises.folder import PROGRAM, Folder, wrapped
from authref.exercises.judge import Judgement, module_of, name_of, outcome, sentence_of
from authref.exercises.lessons import PATHS, in_order, on_path
from authref.exercises.reading import read
from authref.exercises.verdict import Verdict
from authref.terminal import in_colour

WIDTH = 78  # columns
_LABEL = 12  # columns before a value
_BEFORE = 28  # characters that are shown before the place where two texts differ, and after it
_HEADINGS = re.compile(
    r"^(Exercise \d+, .*|Solved\.|Why so$|Why an .* cares$|What it lacks$|Read$|"
    r"# authref/.*$|(?:Claim|Question) \d+ of \d+:)",
    re.M,
)


def report(number: int, folder: Folder, judgement: Judgement, on: str = f"And on: {PROGRAM} next") -> str:
    """All that is to be said about one exercise after it was judged; `on` is the last line of a solved one."""
    exercise, path = folder.exercises[number - 1], folder.file(number)
    lines = [f"Exercise {number}, {exercise.kind}: {exercise.title}", *_about(exercise), ""]
    if judgement.solved:
        held = "1 claim holds" if len(judgement.verdicts) == 1 else f"All {len(judgement.verdicts)} claims hold"
        lines += [f"Solved. {held}; {summary(folder)}.", *_paragraph(_path_done(number, folder)), ""]
        lines += [*reasons(exercise), ""] if exercise.kind == PREDICT else []
        lines += [*_answered(judgement.verdicts), ""] if exercise.kind == BREAK else []
        lines += [*_watch(exercise), f"What authref has: {PROGRAM} show {number}", on]
    elif judgement.problem:
        lines += _paragraph(judgement.problem)
    else:
        if folder.is_as_written(number):
            lines += [*_paragraph(exercise.task), ""]
        if folder.is_as_written(number) and exercise.kind == HEAL:
            lines += [*_paragraph(f"Yours to mend: {path.parent.name}/{path.name}, line {folder.line(number)}"), ""]
        lines += _failure(exercise, judgement, path, folder.line(number), folder.told(number))
        lines += ["", *_why(exercise)]
        lines += ["", f"A hint: {PROGRAM} hint {number}"]
    return "\n".join(lines)


def _watch(exercise: Exercise) -> list[str]:
    """How to see the attacks that this exercise stops; nothing where there is none."""
    first, *others = exercise.attacks or ("",)
    more = _paragraph(f"or {', '.join(others)}", "  ") if others else []
    return [f"Watch it: {PROGRAM.removesuffix('exercises')}attack {first}", *more] if first else []


def _about(exercise: Exercise) -> list[str]:
    effort = f"  about {exercise.minutes} minutes, {exercise.difficulty}"
    return [f"  lesson {exercise.lesson}, {LESSONS[exercise.lesson]}{_target(exercise)}", effort]


def _why(exercise: Exercise) -> list[str]:
    return ["Why an attacker cares", *_paragraph(exercise.attacker, "  "), "Read", *_paragraph(exercise.read, "  ")]


def _path_done(number: int, folder: Folder) -> str:
    """What to say to somebody whose exercise was the last one of a path, and "" to all others."""
    names = list(PATHS)
    for name, following in zip(names, [*names[1:], ""], strict=True):
        numbers = on_path(folder.exercises, name)
        if number in numbers and all(map(folder.is_solved, numbers)):
            more = f" The next one is {following}." if following and numbers != in_order(folder.exercises) else ""
            return f"That was the path of {name}.{more}"
        if number in numbers:
            return ""
    return ""


def beginning(folder: Folder) -> str:
    """Which exercises come first, and what to do with the first one that is open: its file, and the line."""
    name, numbers = next(iter(PATHS)), on_path(folder.exercises, next(iter(PATHS)))
    lines = [f"Start with these ({name}):", ""]
    for number in numbers:
        exercise = folder.exercises[number - 1]
        lines += [
            f"  {number:3}  {exercise.title} ({exercise.kind}, {exercise.minutes} min) {state(number, folder)}".rstrip()
        ]
    left = [number for number in in_order(folder.exercises) if not folder.is_solved(number)]
    if left:
        path = folder.file(left[0])
        first = f"First open {path.parent.name}/{path.name} in your editor. The task stands at the top; "
        lines += ["", *_paragraph(f"{first}you write from line {folder.line(left[0])} on.")]
    return "\n".join(lines)


def onward(folder: Folder, following: int | None) -> str:
    """Which exercise is next, and its file; its text comes when the learner goes on."""
    if following is None:
        return "Nothing is left. Break something of your own."
    each = folder.exercises[following - 1]
    text = f"And on: {following} {each.title} ({each.kind}, {each.minutes} min), in {folder.file(following).name}"
    return "\n".join(_paragraph(text))


def progress(folder: Folder) -> str:
    """How far each path is, in one line."""
    counts = ((name, on_path(folder.exercises, name)) for name in PATHS)
    return " · ".join(f"{name}: {sum(map(folder.is_solved, own))} of {len(own)}" for name, own in counts)


def _target(exercise: Exercise) -> str:
    return f"; {exercise.target.replace(':', '.')}" if exercise.target else ""


def _failure(exercise: Exercise, judgement: Judgement, path: Path, line: int, told: bool) -> Iterator[str]:
    verdict = judgement.failed
    if verdict is None:
        return
    place = f"{path.name}, line {verdict.line or line}"
    if verdict.hole:
        yield from [*_paragraph(f"Yours to write: {path.parent.name}/{place}"), ""]
    total = {PREDICT: len(exercise.questions), BREAK: 2}.get(exercise.kind, len(exercise.claims))
    which = list(judgement.verdicts).index(verdict) + 1
    what = "Question" if exercise.kind == PREDICT else "Claim"
    if verdict.hole and what == "Claim":
        yield from [*_paragraph("Not written yet. It is judged by claims, each a test of authref's own:"), ""]
    yield from _paragraph(f"{what} {which} of {total}: {verdict.sentence}")
    if exercise.kind == PREDICT:
        yield from ["", *(f"  {line}" for line in verdict.case.strip().split("\n"))]
        yield from ["", *_predicted(judgement.verdicts, told)]
    elif not verdict.hole:
        yield from ["", *_lines(exercise, judgement, verdict, place)]


def _predicted(verdicts: Sequence[Verdict], told: bool) -> Iterator[str]:
    """Right or wrong, for each answer; what comes back instead is told after the last hint."""
    for number, verdict in enumerate(verdicts, 1):
        if verdict.hole:
            yield f"  {number}.  no answer yet"
        elif verdict.error:
            yield from _value(f"{number}.  none", verdict.error)
        else:
            yield from _value(f"{number}.  {'right' if verdict.passed else 'wrong'}", verdict.seen)
            if told and not verdict.passed:
                yield from _value("comes back", verdict.expected)
    if any(not verdict.passed and not verdict.hole for verdict in verdicts) and not told:
        yield from ["", *_paragraph("What comes back is told after the third hint.")]


def reasons(exercise: Exercise) -> Iterator[str]:
    """What comes back to each question, and why."""
    for number, question in enumerate(exercise.questions, 1):
        yield from _value(f"ANSWER_{number}", repr(outcome(question)))
        yield from _value("", question.reason)


def _answered(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What either version answered to an attack."""
    yield from _value("attack gave", verdicts[0].seen)
    for label, verdict in zip(("naive said", "authref"), verdicts, strict=False):
        yield from _value(label, verdict.raised or verdict.returned or "nothing: it was not called")


def _lines(exercise: Exercise, judgement: Judgement, verdict: Verdict, place: str) -> Iterator[str]:
    where = f" ({place})" if verdict.line else ""
    same = verdict.raised == verdict.error
    yield from _value("case", verdict.case)
    if exercise.kind != BREAK or verdict.given:
        yield from _value("given", verdict.given or "nothing yet: it was not called before the claim failed")
    if exercise.kind == BREAK:
        yield from _answered(judgement.verdicts)
    else:
        yield from _value("returned", verdict.returned)
        yield from _value("raised", verdict.raised and verdict.raised + where)
    if not same:
        yield from _value("stopped by", verdict.error and verdict.error + ("" if verdict.raised else where))
    if verdict.seen != verdict.returned and exercise.kind != BREAK:
        yield from _value("looked at", verdict.seen)
    yield from _value("expected", verdict.expected or _unsaid(exercise, verdict))
    yield from _value("they differ", _difference(verdict.seen, verdict.expected))
    yield from _value("asked by", verdict.asserted)
    yield from _value("printed", verdict.printed[:500].strip())


def _difference(seen: str, expected: str) -> str:
    """Where two long texts that begin alike differ first, one below the other; "" for others."""
    place = len(os.path.commonprefix([seen, expected]))
    if min(len(seen), len(expected)) < WIDTH - _LABEL or place < _BEFORE:
        return ""
    first, second = (text[place - _BEFORE : place + _BEFORE].replace("\n", " ") for text in (seen, expected))
    return f"…{first}\n…{second}\n {' ' * _BEFORE}^"


def _unsaid(exercise: Exercise, verdict: Verdict) -> str:
    if exercise.kind == BREAK and not verdict.error:
        return "that the attack works on the naive version, and fails on authref's own"
    return "no exception here" if verdict.raised and verdict.raised == verdict.error else ""


def _value(label: str, text: str) -> Iterator[str]:
    """A labelled value, on as many lines as it needs; none for ""."""
    lines = _printable(text).split("\n") if text else []
    pieces = (wrap(line, WIDTH - _LABEL - 2, break_on_hyphens=False) or [""] for line in lines)
    for index, line in enumerate(chain(*pieces)):
        yield f"  {'' if index else label:{_LABEL}}{line}".rstrip()


def _printable(text: str) -> str:
    """The text with what a terminal would not show, or would obey, in the spelling of Python."""
    shown = (each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text.expandtabs(4))
    return "".join(shown)


def _paragraph(text: str, indent: str = "") -> list[str]:
    return [indent + line for line in wrapped(text, WIDTH - len(indent))]


def hints(exercise: Exercise, count: int, number: int) -> str:
    """The first `count` hints, and how to come by the next."""
    lines = [f"Exercise {number}, {exercise.kind}: {exercise.title}"]
    for index, text in enumerate(exercise.hints[:count], 1):
        lines += ["", *_paragraph(f"{index}. {text}")]
    if exercise.kind == PREDICT and count == len(exercise.hints):
        lines += ["", *reasons(exercise)]
    more = f"deeper: {PROGRAM} hint {number}" if count < len(exercise.hints) else "that was the last one"
    return "\n".join([*lines, "", f"Hint {count} of {len(exercise.hints)}; {more}"])


def to_read(exercise: Exercise, number: int) -> str:
    """What to read, and the text of what is authref's own, without the answer."""
    lines = [f"Exercise {number}, {exercise.kind}: {exercise.title}", "", "Read", *_paragraph(exercise.read, "  ")]
    for place, text in read(exercise):
        lines += ["", f"# {place}", "", text]
    return "\n".join(lines)


def shown(exercise: Exercise, number: int, text: str) -> str:
    """The reference, and why it is like that."""
    title = f"Exercise {number}, {exercise.kind}: {exercise.title}"
    watch = ["", *_watch(exercise)] if exercise.attacks else []
    text = "\n".join(reasons(exercise)) if exercise.kind == PREDICT else text.rstrip()
    lacks = ["What it lacks", *_paragraph(exercise.lacks, "  ")] if exercise.lacks else []
    so = ["Why so", *_paragraph(exercise.why, "  ")] if exercise.why else []
    return "\n".join([title, *_about(exercise), "", text, "", *so, *lacks, *_why(exercise), *watch])


def table(folder: Folder, numbers: Sequence[int]) -> str:
    """The exercises, a line each, and the progress in two more."""
    rows = [row(number, folder) for number in numbers]
    return "\n".join([" no  lesson, kind and title", *rows, "", summary(folder), progress(folder)])


def row(number: int, folder: Folder) -> str:
    """One exercise in one line."""
    each = folder.exercises[number - 1]
    about = f"{number:3}  {each.lesson:2}  {each.kind:8} {each.title:40} {each.minutes:2} min {each.difficulty:6}"
    return f"{about} {state(number, folder)}".rstrip()


def state(number: int, folder: Folder) -> str:
    """How far it is: solved, begun, or nothing yet."""
    return "solved" if folder.is_solved(number) else "" if folder.is_as_written(number) else "begun"


def summary(folder: Folder) -> str:
    """The progress in one line."""
    count = sum(folder.is_solved(number) for number in range(1, len(folder.exercises) + 1))
    return f"{count} of {len(folder.exercises)} solved"


def as_json(number: int, folder: Folder, judgement: Judgement | None = None) -> dict[str, Any]:
    """The same for programs."""
    exercise = folder.exercises[number - 1]
    about = {"number": number, "id": exercise.id, "lesson": exercise.lesson, "kind": exercise.kind}
    about |= {"title": exercise.title, "minutes": exercise.minutes, "difficulty": exercise.difficulty}
    about |= {"target": exercise.target, "file": folder.file(number).name, "attacks": list(exercise.attacks)}
    if judgement is None:
        return {**about, "state": state(number, folder) or "open"}
    verdicts = [asdict(verdict) for verdict in judgement.verdicts]
    if exercise.kind == PREDICT and not folder.told(number):
        verdicts = [{**verdict, "expected": ""} for verdict in verdicts]
    return {**about, "solved": judgement.solved, "problem": judgement.problem, "claims": verdicts}


def contents(exercises: tuple[Exercise, ...]) -> str:
    """The table of lessons and exercises, in Markdown: what the page on teaching shows."""
    lines = ["| lesson | exercises |", "|---|---|"]
    for lesson, title in LESSONS.items():
        mine = [f"{n} {each.title} ({each.kind})" for n, each in enumerate(exercises, 1) if each.lesson == lesson]
        lines += [f"| {lesson}. {title} | {' · '.join(mine)} |"]
    return "\n".join(lines)


def highlight(text: str) -> str:
    """The text with its headings in bold, on a terminal whose user has not asked for NO_COLOR."""
    return _HEADINGS.sub("\033[1m\\g<0>\033[0m", text) if in_colour() else text


def reference(exercise: Exercise) -> str:
    """The right answer; of an attack, the version that withstands it."""
    if exercise.kind == PREDICT:
        return "\n".join(f"ANSWER_{n} = {outcome(question)!r}" for n, question in enumerate(exercise.questions, 1))
    text = text_of(source_of(module_of(exercise)), name_of(exercise))
    if exercise.kind != BREAK:
        return text
    seen_to = "".join(f"\n- {sentence_of(claim)}" for claim in exercise.claims)
    return f"What withstands the attack:\n\n{text}\n\nWhat the tests ask of it:\n{seen_to}"
