"""Where does a learner's function run? In a process of its own, forked from one that stands ready.

To start Python and to import what every trial needs takes longer than the trial itself. So a command opens a nursery:
a process that has imported it all, and waits. Where none is open, a trial is a Python that is started for it.

Rules of this file:
- nothing that a learner wrote runs in the nursery, only in its children;
- it has forgotten authref and the tests: each trial imports them anew, with the learner's function in them;
- a trial is reaped only when it is ended here: until then no other process can have its number, and be killed for it;
- however the command ends, the nursery ends with it, and so does every trial.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from authref.exercises.cutting import PACKAGE

ROOT = str(PACKAGE.parent)


class Process(Protocol):
    """A process that has begun trial.py; what it is asked and what it answers go through `line`."""

    line: socket.socket

    def end(self) -> int:
        """Kill it, and what it started, if it has not ended; its exit status, or the signal as a negative number."""


def start() -> Process:
    """A process for one trial."""
    return _Forked(_open[-1]) if _open else _Started()


@contextmanager
def warm() -> Iterator[None]:
    """While the block runs trials are forks of a nursery, where the system can fork.

    To be entered early, before there are threads: what the nursery imports it then imports while the command does.
    """
    if _open or not hasattr(os, "fork"):
        yield
        return
    _open.append(_Nursery())
    try:
        yield
    finally:
        _open.pop().close()


class _Started:
    """A new Python."""

    def __init__(self) -> None:
        import subprocess  # most commands do without

        self.line, theirs = socket.socketpair()
        paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "authref.exercises.trial"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                start_new_session=True,
            )

    def end(self) -> int:
        if self._process.returncode is None:
            _kill(self._process.pid)
        status: int = self._process.wait()
        return status


class _Forked:
    """A fork of the nursery."""

    def __init__(self, nursery: _Nursery) -> None:
        self.line, theirs = socket.socketpair()
        with theirs:
            self._nursery, self._number = nursery, nursery.ask(0, theirs.fileno())
        self._status: int | None = None

    def end(self) -> int:
        if self._status is None:
            self._status = self._nursery.ask(self._number)
        return self._status


class _Nursery:
    """The command's end of it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._turn = threading.Lock()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads that a test left, whose locks nobody takes
            self._number = os.fork()
        if not self._number:
            try:
                self._control.close()
                _tend(theirs)
            finally:
                os._exit(0)
        theirs.close()

    def ask(self, number: int, *handed: int) -> int:
        """The number of a new trial, which has the handed socket; or how the trial of this number ended."""
        with self._turn:
            socket.send_fds(self._control, [number.to_bytes(4)], handed)
            answer = self._control.recv(4)
        if not answer:
            raise ConnectionError("the process that runs the trials was killed")
        return int.from_bytes(answer, signed=True)

    def close(self) -> None:
        self._control.close()
        os.waitpid(self._number, 0)


_open: list[_Nursery] = []


def _tend(control: socket.socket) -> None:
    """Fork a trial for each socket that comes, and end those whose numbers come, until nobody is there to ask."""
    _become_like_new()
    from authref.exercises import trial

    gc.freeze()  # no child looks through what was there before it
    children: set[int] = set()
    while (message := socket.recv_fds(control, 4, 1))[0]:
        number, handed = int.from_bytes(message[0]), message[1]
        if handed:
            if children:  # the first one imports what it needs, and no more; for the others it pays to have this ready
                import unittest.mock  # noqa: F401 - it takes longest
            answer = os.fork()
            if not answer:
                control.close()
                os.setsid()
                trial.attend(socket.socket(fileno=handed[0]))
            os.close(handed[0])
            children.add(answer)
        else:
            children.remove(number)
            answer = _reap(number)
        control.send(answer.to_bytes(4, signed=True))
    for number in children:
        _reap(number)


def _become_like_new() -> None:
    """Leave the terminal and the modules of the command behind, and its folder, from which nothing is imported."""
    os.setsid()  # Ctrl-C is for the command
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    _forgotten.update({name: sys.modules.pop(name) for name in list(sys.modules) if _is_ours(name)})
    sys.path[:] = [ROOT, *(path for path in sys.path if path not in ("", os.getcwd(), ROOT))]


_forgotten: dict[str, object] = {}  # to let go of them would run what they do at their end


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("authref", "tests")


def _reap(number: int) -> int:
    _kill(number)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def _kill(number: int) -> None:
    """End a process that has not been waited for, and all of its session."""
    for kill in (os.killpg, os.kill):  # it may not yet have a session of its own
        with suppress(OSError):
            kill(number, signal.SIGKILL)
