"""What does a chapter consist of? A source file, cut into pieces: prose on one side, the code it speaks of beside it.

Nothing is copied by hand and no source knows of the book. A piece is a docstring with the code below it; what stands
between two definitions, such as constants with their comments, is a piece without prose.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import authref

PACKAGE = Path(authref.__file__).parent
ROOMS = ("serving", "stores")  # that are read with the core: how bytes get in, and where maps are kept

OPENING = "opening"  # the name of a place: what stands at the top of a file

Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Piece:
    """Some prose and the lines of code beside it; `name` is what they define: "", "parse", "Sessions.log_in"."""

    name: str
    prose: str
    code: str
    first: int  # the number of the code's first line


@dataclass(frozen=True)
class Chapter:
    """One file: its path in the package, its question, its minutes ("" if nobody counted), and its pieces."""

    file: str
    title: str
    minutes: str
    opening: str
    pieces: tuple[Piece, ...]


@cache
def chapters() -> tuple[Chapter, ...]:
    """All chapters: the files of the contents page in its order, then those of the rooms."""
    entries = re.findall(r"^    (\w+)(?:\.py|/) +.*?(?:  +(\d+ min))?$", authref.__doc__ or "", re.MULTILINE)
    found = []
    for name, minutes in [*entries, *((room, "") for room in ROOMS)]:
        folder = PACKAGE / name
        for path in sorted(folder.glob("*.py")) if folder.is_dir() else [PACKAGE / f"{name}.py"]:
            found.append(chapter(path, minutes if path.stem == "__init__" or not folder.is_dir() else ""))
    return tuple(found)


def texts() -> dict[tuple[str, str], str]:
    """What stands at each place, a file and a name in it: an opening, or prose and code of a definition."""
    found = {(each.file, OPENING): each.opening for each in chapters()}
    for each in chapters():
        found |= {(each.file, piece.name): f"{piece.prose}\n{piece.code}" for piece in each.pieces if piece.name}
    return found


def chapter(path: Path, minutes: str) -> Chapter:
    """The file as a chapter; its title is the first sentence of its opening."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    opening = ast.get_docstring(tree) or ""
    title = re.split(r"(?<=[.?!])\s", opening, maxsplit=1)[0].replace("\n", " ").rstrip(".")
    return Chapter(path.relative_to(PACKAGE).as_posix(), title, minutes, opening, tuple(pieces(source)))


def pieces(source: str) -> Iterator[Piece]:
    """The pieces of the source, in its order; every line but those of docstrings is in one of them."""
    tree = ast.parse(source)
    last = tree.body[0].end_lineno or 0 if ast.get_docstring(tree) else 0
    lines = source.splitlines()
    yield from _pieces(tree.body[bool(last) :], lines, last, len(lines), "")


def _pieces(body: list[ast.stmt], lines: list[str], last: int, final: int, inside: str) -> Iterator[Piece]:
    """The pieces behind line `last`, up to line `final`."""
    for node in body:
        if not isinstance(node, Definition):
            continue
        begin = _above(lines, _first(node), last)  # comments that touch a definition belong to it
        if between := _piece("", "", lines, last + 1, begin - 1):
            yield between
        end = node.end_lineno or begin
        docstring = ast.get_docstring(node) or ""
        methods = [each for each in node.body if isinstance(node, ast.ClassDef) and isinstance(each, ast.FunctionDef)]
        name = f"{inside}{node.name}"
        stop = _above(lines, _first(methods[0]), begin) - 1 if methods else end
        yield _definition(node, name, docstring, lines, begin, stop)
        if methods:
            yield from _pieces(node.body, lines, stop, end, f"{name}.")
        last = end
    if rest := _piece("", "", lines, last + 1, final):
        yield rest


def _definition(node: Definition, name: str, docstring: str, lines: list[str], begin: int, stop: int) -> Piece:
    """The definition's lines without its docstring."""
    gone: range = range(0)
    if docstring:
        gone = range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    kept = [lines[number - 1] for number in range(begin, stop + 1) if number not in gone]
    return Piece(name, docstring, "\n".join(kept).rstrip(), begin)


def _piece(name: str, prose: str, lines: list[str], first: int, last: int) -> Piece | None:
    while first <= last and not lines[first - 1].strip():
        first += 1
    code = "\n".join(lines[first - 1 : last]).rstrip()
    return Piece(name, prose, code, first) if code else None


def _first(node: Definition) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _above(lines: list[str], first: int, last: int) -> int:
    """The first line of the comments that touch line `first`."""
    while first - 1 > last and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return first
