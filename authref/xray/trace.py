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


def traced(function: Callable[[], T]) -> tuple[T, Step]:
    """What the function gives, and the calls it made. Nothing else that runs meanwhile is slower for it."""
    root = Step(None)
    before = sys.gettrace()
    sys.settrace(_tracer(root))
    try:
        return function(), root
    finally:
        sys.settrace(before)


def _tracer(root: Step) -> Callable[[FrameType, str, Any], Any]:
    """What Python calls for each function that begins (sys.settrace)."""
    stack = [root]

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if not _is_ours(code):
            return None
        if code.co_name[0] == "<":  # a comprehension, a generator, a lambda: lines of the function around it
            return on_inner
        step = Step(code)
        stack[-1].steps.append(step)
        stack.append(step)
        return on_line

    def on_line(frame: FrameType, event: str, argument: Any) -> Any:
        step = stack[-1]
        if event == "line":
            step.lines.add(frame.f_lineno)
            step.raised = ""  # whatever was raised has been caught
        elif event == "exception":
            step.raised = argument[0].__name__  # its message stays inside: it may quote what a client sent
        else:
            stack.pop()
        return on_line

    def on_inner(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            stack[-1].lines.add(frame.f_lineno)
        return on_inner

    return on_call


@cache
def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(_OURS) and not code.co_filename.startswith(_HERE)


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
