"""Does it hold? A process of its own in which authref runs with one function by the learner, and claims are judged.

It is given a job over a socket, as a line of JSON, and answers a line for each claim, in their order. The process
may loop, crash or end itself: judge.py, which started it, waits only so long and knows which claim it had reached.

Rules of this file:
- authref is the installed one, but for one module, whose source is grafted when it is imported: nothing is copied
  or written, and every module that imports from it gets the learner's function;
- that function is wrapped, so that a claim that fails can show what it was given last and what it returned;
- so are unittest's assertions: their two sides say what was expected, better than their messages do;
- what the claims and the learner print is kept, up to a limit: whoever learns debugs with print.
"""

from __future__ import annotations

import ast
import functools
import importlib
import io
import json
import linecache
import os
import re
import signal
import socket
import sys
import tempfile
import unittest
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import CodeType, ModuleType, TracebackType
from typing import Any

from authref.exercises.cutting import LEARNERS, graft
from authref.exercises.verdict import HOLE, NOTE, Verdict, sentence, show

MEMORY = 4 * 1024**3  # bytes of address space: a loop that only fills a list ends in MemoryError, not the machine
PRINTED = 2000  # characters that are kept
_RECORD = "__authref_exercises_record__"


# What each assertion expects, of its arguments; and which of them is what it looked at, if not the first.
EXPECTED = {
    "assertEqual": "{1}", "assertNotEqual": "anything but {1}", "assertIs": "{1}", "assertIsNot": "not {1}",
    "assertTrue": "True", "assertFalse": "False", "assertIsNone": "None", "assertIsNotNone": "anything but None",
    "assertIn": "{0} in it", "assertNotIn": "no {0} in it", "assertIsInstance": "an instance of {1}",
    "assertLess": "less than {1}", "assertLessEqual": "at most {1}", "assertGreater": "more than {1}",
    "assertGreaterEqual": "at least {1}", "assertRegex": "text that matches {1}", "assertCountEqual": "{1}",
    "assertRaises": "{0} is raised", "assertRaisesRegex": "{0} is raised, and says {1}",
    "assertNotRegex": "no text like {1}",
}  # fmt: skip
_LOOKED_AT = {"assertIn": 1, "assertNotIn": 1}


class Recorder:
    """A decorator that remembers the last call of what it decorates."""

    def __init__(self, line_of: Callable[[TracebackType | None], int]) -> None:
        self.line_of = line_of
        self._note = os.open(NOTE, os.O_WRONLY | os.O_CREAT)
        self.calls, self.hole, self.line = 0, False, 0
        self.given = self.returned = self.raised = ""

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]

        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            given = _arguments(names, args, kwargs)
            self.note(given)
            self.calls += 1
            returned, raised, line = "", "", 0
            try:
                value = function(*args, **kwargs)
                returned = show(value)
                return value
            except BaseException as error:
                raised, line = _describe(error), self.line_of(error.__traceback__)
                self.hole = self.hole or raised == f"NotImplementedError: {HOLE}"
                raise
            finally:  # for recursion: the outer call is the last to end
                self.given, self.returned, self.raised, self.line = given, returned, raised, line

        return recorded

    def note(self, given: str) -> None:
        """Write it down; a NUL, which no `show` contains, ends it."""
        with suppress(OSError):
            os.pwrite(self._note, given.encode("utf-8", "backslashreplace") + b"\0", 0)


def _arguments(names: Sequence[str], args: Sequence[object], kwargs: dict[str, object]) -> str:
    named = {**dict(zip(names, args, strict=False)), **kwargs}
    parts = [f"{name} = {show(value)}" for name, value in named.items() if name not in ("self", "cls")]
    return ", ".join([*parts, *(show(value) for value in args[len(names) :])]) or "no arguments"


def _describe(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


class Grafting(MetaPathFinder, SourceFileLoader):  # type: ignore[misc]
    """Finds and loads one module, with the learner's function in it."""

    def __init__(self, job: dict[str, Any], recorder: Recorder) -> None:
        super().__init__(job["module"], job["path"])
        self.job, self.recorder = job, recorder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        folder = os.path.dirname(self.path)
        inside = [folder] if os.path.basename(self.path) == "__init__.py" else None
        if fullname != self.name:
            return None
        return spec_from_file_location(fullname, self.path, loader=self, submodule_search_locations=inside)

    def get_code(self, fullname: str) -> CodeType:
        return compile(_tree(self.job), self.path, "exec", dont_inherit=True)  # and no .pyc is written

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[_RECORD] = self.recorder
        super().exec_module(module)


def _tree(job: dict[str, Any]) -> ast.Module:
    learners: str | None = job["learners"]
    tree = ast.parse(job["source"]) if learners is None else graft(job["source"], learners, job["name"])
    node: Any = tree
    for name in job["name"].split("."):
        node = [each for each in node.body if getattr(each, "name", "") == name][-1]
    decorator = ast.copy_location(ast.Name(_RECORD, ast.Load()), node)
    node.decorator_list.append(decorator)  # the last one is applied first: to the function itself
    return tree


class First(unittest.TestResult):
    """Keeps the first failure, and stops there."""

    def __init__(self, keep: Callable[[BaseException, TracebackType | None, str], None]) -> None:
        super().__init__()
        self.failfast, self.keep, self.good = True, keep, True

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        if self.good:
            self.keep(err[1], err[2], "")
        self.good = False
        self.stop()

    addFailure = addError

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None and self.good:
            self.keep(err[1], err[2], subtest._subDescription())  # type: ignore[attr-defined]
        self.good = self.good and err is None

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.addError(test, (None, unittest.SkipTest(f"skipped, {reason}"), None))


class Printed(io.StringIO):
    """Takes any amount of text and keeps the beginning."""

    def write(self, text: str, /) -> int:
        super().write(text[: max(0, PRINTED - self.tell())])
        return len(text)


class Trial:
    """Judges one claim after the other."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job, self.recorder = job, Recorder(self._line)
        self.assertion: tuple[str, tuple[object, ...]] | None = None
        sys.meta_path.insert(0, Grafting(job, self.recorder))
        # Without the differences that unittest prints, which take minutes for two long lists.
        setattr(unittest.TestCase, "_getAssertEqualityFunc", lambda case, *_: case._baseAssertEqual)  # noqa: B010
        for name in EXPECTED:
            setattr(unittest.TestCase, name, self._watched(name, getattr(unittest.TestCase, name)))

    def _watched(self, name: str, assertion: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(assertion)
        def watched(case: unittest.TestCase, *args: Any, **kwargs: Any) -> Any:
            try:
                return assertion(case, *args, **kwargs)
            except AssertionError:
                self.assertion = (name, args)  # of nested ones the outermost is the last
                raise

        return watched

    def judge(self, claim: str) -> Verdict:
        """The verdict on one claim; nothing but the end of the process escapes."""
        self.verdict, self.assertion, before = Verdict(claim), None, self.recorder.calls
        self.recorder.hole, self.recorder.line = False, 0
        self.recorder.given = self.recorder.returned = self.recorder.raised = ""
        self.recorder.note("")
        printed = Printed()
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                self.verdict.passed = self._attack() if "check" in self.job else self._run(claim)
            except BaseException as error:
                self._keep(error, error.__traceback__, "")
        if "check" in self.job:  # whatever came of the attack: what this version of the target answered
            verdict, recorder = self.verdict, self.recorder
            verdict.given, verdict.returned, verdict.raised = recorder.given, recorder.returned, recorder.raised
        self.verdict.calls, self.verdict.hole = self.recorder.calls - before, self.recorder.hole
        self.verdict.printed = printed.getvalue()
        return self.verdict

    def _run(self, claim: str) -> bool:
        module, name, method = claim.rsplit(".", 2)
        case = getattr(importlib.import_module(module), name)(method)
        self._limit()
        self.verdict.sentence = sentence(getattr(case, method).__doc__)
        result = First(self._keep)
        unittest.TestSuite([case]).run(result)
        return result.good

    def _limit(self) -> None:
        """From now on so many seconds of the processor; then the system ends the process, whatever it does."""
        signal.setitimer(signal.ITIMER_PROF, self.job["limit"])

    def _attack(self) -> bool:
        """True if the learner's attack does to this version of the target what the job says it must."""
        module = importlib.import_module(self.job["module"])
        target: Any = module
        for name in self.job["name"].split("."):
            target = getattr(target, name)
        room = dict(vars(module))
        self._limit()
        exec(compile(self.job["attack"], self.job["file"], "exec", dont_inherit=True), room)  # noqa: S102
        attack = room["attack"]

        def seen(*args: Any) -> Any:
            value = attack(*args)
            self.verdict.seen = show(value)
            return value

        judge: dict[str, Any] = dict(vars(module))
        exec(compile(self.job["check"], "the check", "exec", dont_inherit=True), judge)  # noqa: S102
        try:
            return bool(judge["check"](target, seen)) is bool(self.job["succeeds"])
        except Exception:
            if self.job["succeeds"]:
                raise
            return True  # the reference refused it by an exception: it was stopped

    def _keep(self, error: BaseException, trace: TracebackType | None, case: str) -> None:
        verdict, recorder = self.verdict, self.recorder
        verdict.case = case.strip("()[]") if case.count("[") + case.count("(") == 1 else case
        verdict.given, verdict.returned, verdict.raised = recorder.given, recorder.returned, recorder.raised
        if not isinstance(error, AssertionError):
            verdict.error = _describe(error)
        elif self.assertion is None:  # assertRaises as a context says "ValueError not raised", or "… by f"
            text = str(error).split("\n")[0][:300]
            verdict.expected = re.sub(r"(?s) not raised( by .*)?\Z", " is raised", text)
        else:
            verdict.seen, verdict.expected = self._sides(*self.assertion)
        verdict.line = self._line(trace) or recorder.line  # of an exception that somebody caught on the way, too
        while trace is not None:
            path, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            if path.startswith(self.job["tests"]):
                name = os.path.relpath(path, os.path.dirname(self.job["tests"])).replace(os.sep, "/")
                verdict.asserted = f"{name}:{line}: {linecache.getline(path, line).strip()}"
            trace = trace.tb_next
        if verdict.error and verdict.line and not recorder.given:  # the file itself, and nothing that was asked of it
            verdict.asserted = ""

    def _line(self, trace: TracebackType | None) -> int:
        """The last line of the learner's file in this traceback; 0 if it has none."""
        found = 0
        while trace is not None:
            path, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            if path == self.job["file"] or path == self.job["path"] and line > LEARNERS:
                found = line % LEARNERS
            trace = trace.tb_next
        return found

    def _sides(self, name: str, args: tuple[object, ...]) -> tuple[str, str]:
        """What the assertion looked at, and what it expected."""
        shown = [each.__name__ if isinstance(each, type) else show(each) for each in args]
        if name == "assertEqual" and shown[1] == self.recorder.returned:
            shown.reverse()
        place = _LOOKED_AT.get(name, 0)
        seen = "" if name.startswith("assertRaises") else shown[place]
        return seen, EXPECTED[name].format(*shown)


def _lend(folder: str) -> None:
    """Make the folder's files importable as the package `tests`, wherever they lie."""
    spec = spec_from_file_location("tests", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder])
    if spec is not None:
        sys.modules["tests"] = module_from_spec(spec)


def attend(line: socket.socket) -> None:
    """Do the job that comes over this line, and answer on it. Ends the process, whatever threads the learner left."""
    try:
        job = json.loads(line.makefile("rb").readline())
        _settle(job)
        trial = Trial(job)
        for claim in job["claims"]:
            line.sendall(json.dumps(asdict(trial.judge(claim))).encode() + b"\n")
    finally:
        os._exit(0)


def _settle(job: dict[str, Any]) -> None:
    """Move into the folder of the job, out of reach of the terminal and of what the caller has set for a server."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.chdir(job["folder"])
    for name in [name for name in os.environ if name.startswith("AUTHREF_")]:
        del os.environ[name]
    os.environ["TMPDIR"] = tempfile.tempdir = job["folder"]
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _lend(job["tests"])


if __name__ == "__main__":
    attend(socket.socket(fileno=os.dup(0)))
