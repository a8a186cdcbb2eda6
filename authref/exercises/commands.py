"""authref exercises: start, next, watch, run, hint, read, show, reset, list, verify.

The exit status: 0 all well, 1 something is not solved, 2 not understood. What is wrong is one sentence with its
remedy. `--json` says the same for programs.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from authref.exercises import report
from authref.exercises.exercise import Exercise
from authref.exercises.folder import PROGRAM, Folder, default, is_authrefs, is_somebody_elses, started
from authref.exercises.judge import Judgement, judge, tests_folder
from authref.exercises.keys import Pressed, keys
from authref.terminal import Parser, did_you_mean, fail, say

POLL = 0.3  # seconds between two looks at the files
CORES = os.cpu_count() or 1


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    if not arguments:
        going = started(Path.cwd()) is not None
        fail(f"{'Go on with' if going else 'Begin with'}: {PROGRAM} {'watch' if going else 'start'} (--help has more)")
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = chosen.command
    return command(chosen)


def catalogue() -> tuple[Exercise, ...]:
    """All exercises, by their numbers."""
    from authref.exercises.lessons import EXERCISES

    return EXERCISES


def given() -> dict[str, str]:
    """What of the core no exercise asks for, with the reasons."""
    from authref.exercises.lessons import GIVEN

    return GIVEN


def judged(folder: Folder, number: int, *, every: bool = False) -> Judgement:
    """The judgement on the learner's file, which is remembered."""
    path = folder.file(number)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Judgement(problem=f"{path.name} is missing; {PROGRAM} start puts it back.")
    except (OSError, UnicodeDecodeError) as error:
        return Judgement(problem=f"{path.name} cannot be read ({error}); save it as text, in UTF-8.")
    return judge(folder.exercises[number - 1], text, path.name, every=every)


def _start(chosen: argparse.Namespace) -> int:
    named = chosen.folder or os.environ.get("AUTHREF_EXERCISES")
    path = Path(named) if named else started(Path.cwd()) or default(Path.cwd())
    if is_authrefs(path):
        fail(f"{path} lies inside of authref itself; choose a folder of your own: {PROGRAM} start ../mine")
    if is_somebody_elses(path):
        fail(f"{path} is no folder of exercises, and not empty; choose another one: {PROGRAM} start DIR")
    folder = Folder(path, catalogue())
    try:
        added = folder.start()
    except OSError as error:
        fail(f"Cannot write to {path} ({error.strerror}); choose another folder: {PROGRAM} start DIR")
    new = {0: "No exercise was missing in", 1: "1 exercise was put into"}.get(added, f"{added} exercises were put into")
    say(f"{new} {path}{', a file each' if added > 1 else ''}; {report.summary(folder)}.")
    say(report.beginning(folder))
    where = "here" if started(Path.cwd()) == path else "in that folder"
    say(f"Then start this {where}, and let it run; it judges each save:\n  {PROGRAM} watch")
    return 0


def _next(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    number = _first_open(folder, _order(folder))
    if number is None:
        say("[]" if chosen.json else f"{report.summary(folder)}: nothing is left. Break something of your own.")
        return 0
    return _say(folder, [number], chosen.json)


def _first_open(folder: Folder, order: Sequence[int]) -> int | None:
    return next((number for number in order if not folder.is_solved(number)), None)


def _order(folder: Folder) -> list[int]:
    from authref.exercises.lessons import in_order

    return in_order(folder.exercises)


def _run(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    return _say(folder, [_number(folder, text) for text in chosen.exercises], chosen.json)


def _say(folder: Folder, numbers: Sequence[int], as_json: bool) -> int:
    """Judge these exercises, all of them if none is named, and say what came out."""
    wanted = numbers or range(1, len(folder.exercises) + 1)
    if len(wanted) == 1:  # in this thread, so that Ctrl-C ends it at once
        results = {wanted[0]: judged(folder, wanted[0], every=as_json)}
    else:
        from concurrent.futures import ThreadPoolExecutor  # most of the time it is one exercise that is judged

        with ThreadPoolExecutor(CORES) as pool:
            results = dict(zip(wanted, pool.map(lambda n: judged(folder, n, every=as_json), wanted), strict=True))
    for number, judgement in results.items():
        folder.mark(number, judgement.solved)
    status = 0 if all(judgement.solved for judgement in results.values()) else 1
    if as_json:
        say(json.dumps([report.as_json(number, folder, results[number]) for number in wanted], indent=2))
    elif len(numbers) == 1:
        say(report.highlight(report.report(numbers[0], folder, results[numbers[0]])))
    else:
        for number in filter(lambda each: not results[each].solved, numbers):  # why; of all 46 it would be too much
            say(report.highlight(report.report(number, folder, results[number])) + "\n\n" + "-" * report.WIDTH)
        say(report.table(folder, wanted))
    return status


def _watch(chosen: argparse.Namespace) -> int:
    """Judge what is saved, and name the next exercise when one is solved; until Ctrl-C, or the key q."""
    folder = _folder(chosen)
    alone = _number(folder, chosen.exercise) if chosen.exercise else None
    numbers = [alone] if alone else range(1, len(folder.exercises) + 1)
    saved = _saved(folder, numbers)
    with suppress(KeyboardInterrupt), keys() as pressed:
        watch = Watch(folder, alone)
        watch.prompt(pressed)
        while True:
            key = pressed(POLL) if pressed else _no_key(POLL)
            now = _saved(folder, numbers)
            changed = [number for number in numbers if now[number] != saved[number]]
            saved = now
            for number in changed:
                watch.judge(number)
            known = key in watch.offered
            if known and not watch.press(key):
                return 0
            if changed or known:
                watch.prompt(pressed)
    say("")
    return 0


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""


class Watch:
    """Whose turn it is, what was said of it, and what each key does; `alone` is the only exercise that is watched."""

    def __init__(self, folder: Folder, alone: int | None) -> None:
        self._folder, self._alone = folder, alone
        self._order = _order(folder)  # what is skipped goes to its end
        self._current = alone or _first_open(self._folder, self._order)
        self._waits = False  # for the learner to go on: the text of the exercise was not shown yet
        if self._current is not None:
            _say(folder, [self._current], False)

    @property
    def offered(self) -> dict[str, str]:
        """The keys that do something now, each with what it does."""
        here = {"n": "go on", "\n": ""} if self._waits else {}
        here |= {"h": "a hint"} if self._current else {}
        return here | ({"s": "skip"} if self._current and not self._alone else {}) | {"l": "list", "q": "end"}

    def judge(self, number: int) -> None:
        """Say what came of the file that was saved, and, once it is right, which exercise is next."""
        say("\n" + "-" * report.WIDTH)
        judgement = judged(self._folder, number)
        self._folder.mark(number, judgement.solved)
        if self._alone or not judgement.solved:
            self._current, self._waits = number, False
            say(report.highlight(report.report(number, self._folder, judgement)))
            return
        if self._current is None or self._folder.is_solved(self._current):
            self._current = _first_open(self._folder, self._order)
        self._waits = self._current is not None
        on = report.onward(self._folder, self._current)
        say(report.highlight(report.report(number, self._folder, judgement, on)))

    def press(self, key: str) -> bool:
        """Do what this key, one that is offered, is for; False for the one that ends."""
        if key == "s" and self._current:
            self._order.append(self._order.pop(self._order.index(self._current)))
            self._current = _first_open(self._folder, self._order)
        if key in ("n", "\n", "s") and self._current:
            self._waits = False
            say("\n" + "-" * report.WIDTH)
            _say(self._folder, [self._current], False)
        elif key == "h" and self._current:
            exercise, count = self._folder.exercises[self._current - 1], self._folder.next_hint(self._current)
            say(report.highlight("\n" + report.hints(exercise, count, self._current)))
        elif key == "l":
            say("\n" + report.table(self._folder, range(1, len(self._folder.exercises) + 1)))
        return key != "q"

    def prompt(self, pressed: Pressed | None) -> None:
        """Say how far the learner is, and what can be done now."""
        how = ", ".join(f"{key}: {about}" for key, about in self.offered.items() if about)
        watching = "Watching; save a file to have it judged."
        say(f"\n{report.summary(self._folder)}. {watching}\n{how if pressed else 'Ctrl-C ends'}")


def _saved(folder: Folder, numbers: Sequence[int]) -> dict[int, tuple[int, int] | None]:
    """When each file was saved, and its size; None for one that is away, as while an editor replaces it."""

    def when(path: Path) -> tuple[int, int] | None:
        try:
            return path.stat().st_mtime_ns, path.stat().st_size
        except OSError:
            return None

    return {number: when(folder.file(number)) for number in numbers}


def _hint(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    number = _number(folder, chosen.exercise)
    say(report.highlight(report.hints(folder.exercises[number - 1], folder.next_hint(number), number)))
    return 0


def _read(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    number = _number(folder, chosen.exercise)
    say(report.highlight(report.to_read(folder.exercises[number - 1], number)))
    return 0


def _show(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    number = _number(folder, chosen.exercise)
    if not folder.is_solved(number) and not chosen.force:
        fail(f"Exercise {number} is not solved yet; to see it all the same: {PROGRAM} show {number} --force")
    exercise = folder.exercises[number - 1]
    say(report.highlight(report.shown(exercise, number, report.reference(exercise))))
    return 0


def _reset(chosen: argparse.Namespace) -> int:
    folder = _folder(chosen)
    if chosen.all == bool(chosen.exercise):
        fail(f"Say which exercise: {PROGRAM} reset N, or all of them: {PROGRAM} reset --all")
    numbers = range(1, len(folder.exercises) + 1) if chosen.all else [_number(folder, chosen.exercise)]
    for number in numbers:
        path = folder.reset(number)
        old = path.with_suffix(".old")
        say(f"{path.name} is as it was at first" + (f"; what you had is in {old.name}" if old.exists() else "") + ".")
    return 0


def _list(chosen: argparse.Namespace) -> int:
    if chosen.markdown:
        say(report.contents(catalogue()))
        return 0
    folder = _folder(chosen)
    numbers = range(1, len(folder.exercises) + 1)
    if chosen.json:
        say(json.dumps([report.as_json(number, folder) for number in numbers], indent=2))
    else:
        say(report.table(folder, numbers))
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    from authref.exercises import verify

    started, exercises = time.monotonic(), catalogue()
    complaints = verify.uncovered(exercises, given()) + verify.verify(exercises)
    if chosen.json:
        say(json.dumps({"exercises": len(exercises), "complaints": complaints}, indent=2))
    else:
        what = f"{len(exercises)} exercises, both ways, in {time.monotonic() - started:.0f} s"
        say("\n".join([*complaints, f"{what}: {len(complaints) or 'no'} complaints."]))
    return 1 if complaints else 0


def _folder(chosen: argparse.Namespace) -> Folder:
    """The learner's folder: the one that is named, else the one that was started here."""
    named = chosen.folder or os.environ.get("AUTHREF_EXERCISES")
    path = Path(named) if named else started(Path.cwd())
    if path is None or not path.is_dir():
        fail(f"There is no folder of exercises {'at ' + str(path) if path else 'here'}; make one: {PROGRAM} start")
    if not tests_folder().is_dir():
        fail(f"The claims are missing ({tests_folder()}); install authref anew.")
    folder = Folder(path, catalogue())
    if not any(folder.file(number).exists() for number in range(1, len(folder.exercises) + 1)):
        fail(f"There are no exercises in {path}; put them there: {PROGRAM} start '{path}'")
    return folder


def _number(folder: Folder, text: str) -> int:
    """The number that is meant, by itself or by the exercise's id."""
    ids = {exercise.id: number for number, exercise in enumerate(folder.exercises, 1)}
    number = ids.get(text) or (int(text) if text.isascii() and text.isdigit() else 0)
    if not 1 <= number <= len(ids):
        fail(f"There is no exercise {text}.{did_you_mean(text, ids)} {PROGRAM} list shows them, 1 to {len(ids)}.")
    return number


def _parser() -> Parser:
    parser = Parser("authref exercises", description="Write authref yourself, one function at a time; its tests judge.")
    commands = parser.add_subparsers(required=True, metavar="start|next|watch|run|hint|read|show|reset|list|verify")

    def add(name: str, command: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about.capitalize() + ".")
        added.set_defaults(command=command)
        if name not in ("start", "verify"):
            about = "the learner's folder (default: AUTHREF_EXERCISES, else the one here)"
            added.add_argument("--folder", metavar="DIR", help=about)
        if name in ("next", "run", "list", "verify"):
            added.add_argument("--json", action="store_true", help="for programs, and with all claims")
        return added

    number = "an exercise: its number, or its id as in the name of its file"
    start = add("start", _start, "make a folder of exercises, or add to one what is new")
    about = "default: AUTHREF_EXERCISES, else authref-exercises"
    start.add_argument("folder", nargs="?", metavar="DIR", help=about)
    add("next", _next, "judge the next exercise that is not solved; those of the shorter paths come first")
    watch = add("watch", _watch, "judge an exercise whenever its file is saved; with a number, that one only")
    watch.add_argument("exercise", nargs="?", metavar="N", help=number)
    run = add("run", _run, "judge these exercises; all, if none is named")
    run.add_argument("exercises", nargs="*", metavar="N", help=number)
    hint = add("hint", _hint, "a hint; each time a deeper one, up to three")
    hint.add_argument("exercise", metavar="N", help=number)
    read = add("read", _read, "what an exercise tells you to read of authref, without the answer")
    read.add_argument("exercise", metavar="N", help=number)
    show = add("show", _show, "what authref has, and why")
    show.add_argument("exercise", metavar="N", help=number)
    show.add_argument("--force", action="store_true", help="although it is not solved")
    reset = add("reset", _reset, "begin an exercise anew")
    reset.add_argument("exercise", nargs="?", metavar="N", help=number)
    reset.add_argument("--all", action="store_true", help="all exercises")
    listed = add("list", _list, "all exercises and how far you are, a line each")
    listed.add_argument("--markdown", action="store_true", help="the lessons and their exercises, as a table")
    add("verify", _verify, "show that every exercise works: unsolved it fails, solved it passes")
    return parser
