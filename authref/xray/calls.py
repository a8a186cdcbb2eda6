"""Which code ran for this request? Its functions in their order, and their lines; never a value.

Rules of this file:
- tracing is on while the request runs, in its own thread, and for files of the project outside this room;
- what is kept are places: a function, the lines that ran, the kind of an exception. A password in a local variable
  cannot come out of a place;
- a step is said in the words of the function's docstring. Where that reads badly, the docstring wants mending.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

import authref

PACKAGE = Path(authref.__file__).parent
_OURS = f"{PACKAGE}{'/' if '/' in str(PACKAGE) else chr(92)}"
_HERE = str(Path(__file__).parent)

T = TypeVar("T")

MAX_KEPT = 500  # requests of one kind run the same lines: those marks are kept once


# What happened, in order: a function began (its place in _codes, below zero), a line of it ran (its number), an
# exception came up (the name of its kind), a function ended (None).
Marks = tuple[int | str | None, ...]


@dataclass(slots=True)
class Step:
    """One call: the function, the lines of it that ran, what it called, and the exception that left it."""

    code: CodeType | None
    lines: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    raised: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """What a reader is shown of a step: where it stands, and its sentence. `first` is its first line."""

    file: str
    name: str
    sentence: str
    first: int


def traced(function: Callable[[], T]) -> tuple[T, Marks]:
    """What the function gives, and what ran. Nothing else that runs meanwhile is slower for it."""
    marks: list[int | str | None] = []
    before = sys.gettrace()
    sys.settrace(_tracer(marks))
    try:
        result = function()
    finally:
        sys.settrace(before)
    seen = tuple(marks)
    return result, _same.setdefault(seen, seen) if len(_same) < MAX_KEPT else _same.get(seen, seen)


_same: dict[Marks, Marks] = {}


def _tracer(marks: list[int | str | None]) -> Callable[[FrameType, str, Any], Any]:
    """What Python calls for each function that begins (sys.settrace). It only notes: a request should not wait."""
    note = marks.append

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        place = _places.get(id(code)) or _place(code)
        if place == FOREIGN:
            return None
        if place == INNER:
            return on_inner
        note(place)
        return on_line

    def on_line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            note(frame.f_lineno)
        elif event == "exception":
            note(argument[0].__name__)  # its message stays inside: it may quote what a client sent
        else:
            note(None)
        return on_line

    def on_inner(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            note(frame.f_lineno)
        return on_inner

    return on_call


def tree(marks: Marks) -> Step:
    """The marks as calls within calls, below a step that stands for all of them."""
    root = Step(None)
    stack = [root]
    for mark, following in zip(marks, (*marks[1:], None), strict=False):
        if mark is None:
            ended = stack.pop()
            ended.raised = following if isinstance(following, str) else ""  # it came up in the caller, too
        elif isinstance(mark, int) and mark < 0:
            stack[-1].steps.append(Step(_codes[-mark]))
            stack.append(stack[-1].steps[-1])
        elif isinstance(mark, int):
            stack[-1].lines.add(mark)
    return root


FOREIGN, INNER = 1, 2
_codes: list[CodeType | None] = [None]  # ours, each once; they stay, so that no other one gets the id of one
_places: dict[int, int] = {}
_one_at_a_time = threading.Lock()


def _place(code: CodeType) -> int:
    """Below zero, the place of our function in _codes; INNER for a part of one; FOREIGN for all that is not ours."""
    with _one_at_a_time:
        if not code.co_filename.startswith(_OURS) or code.co_filename.startswith(_HERE):
            place = FOREIGN
        elif code.co_name[0] == "<":  # a comprehension, a generator, a lambda: lines of the function around it
            place = INNER
        else:
            place = -len(_codes)
        _codes.append(code)
        return _places.setdefault(id(code), place)


@cache
def function_of(code: CodeType) -> Function:
    """What the code's function is, by the file it stands in."""
    path = Path(code.co_filename)
    file = path.relative_to(PACKAGE).as_posix()
    for name, node in _definitions(path):
        if (first := _first(node)) == code.co_firstlineno:
            return Function(file, name, sentence_of(ast.get_docstring(node) or ""), first)
    return Function(file, code.co_qualname, "", code.co_firstlineno)


def sentence_of(docstring: str) -> str:
    """The first sentence of it, on one line."""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    end = paragraph.find(". ")
    return paragraph if end < 0 else paragraph[: end + 1]


def _first(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


@cache
def _definitions(path: Path) -> tuple[tuple[str, ast.FunctionDef], ...]:
    """Each function of the file with its name, `Class.method` where it is one."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                yield prefix + child.name, child
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")

    return tuple(walk(ast.parse(path.read_text("utf-8")), ""))


def source_of(file: str, name: str) -> dict[str, object]:
    """The function's source. Raises ValueError when the project has no such file or function."""
    paths = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    for known, node in _definitions(paths[file]) if file in paths else ():
        if known == name:
            first = _first(node)
            lines = paths[file].read_text("utf-8").splitlines()[first - 1 : node.end_lineno]
            return {"file": file, "name": name, "first": first, "lines": lines}
    raise ValueError("There is no such function.")
