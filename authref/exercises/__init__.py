"""How do you learn authentication? Write it, one function at a time, with the test suite as the judge.

    exercise.py     what an exercise is                      lessons.py   all of them, in the order of the course
    cutting.py      one hole in the one source               trial.py     the process in which the claims are run
    judge.py        asks them about a learner's file         report.py    says what came out, in words
    folder.py       the learner's files, which are theirs    commands.py  start, next, watch, run, hint, show, …
    excerpt.py      what of the source such a file holds     keys.py      which key was pressed meanwhile
    reading.py      what to read, without the answer         world.py     the server that predictions ask
    as_unittest.py  the same for `python -m unittest`        verify.py    shows that every exercise works, both ways

This is a room: the core never imports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

JUDGING = ("next", "run", "verify", "watch")  # the commands that ask whether something holds


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status: 0 all well, 1 not solved, 2 not understood."""
    # Here and not above: trial.py runs in this package and must meet no module of the core before it is ready.
    from authref.exercises.nursery import warm

    with warm() if arguments[:1] and arguments[0] in JUDGING else nullcontext():
        from authref.exercises.commands import main as command

        return command(arguments)
