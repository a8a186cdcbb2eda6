"""How is an exercise made from the source, and how does an answer get back into it? By program, both ways.

Out: `cut` replaces the body of one function by `raise NotImplementedError`, `swap` the whole function by another
version. Both work on the text, so that every other character stays as it is.

In: `graft` puts the learner's function into the source of today. Their file may be a year old: of all that stands
in it only that function counts, and names that the source has not (imports, helpers). So an update of authref
changes what is around their work, and never their work.

Functions are named as Python names them: `parse`, `Sessions.authenticate`. The name must stand directly in the
module, class or function above it, not in an `if`.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from textwrap import dedent, indent

import authref

PACKAGE = Path(authref.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef
Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Added to the line numbers of a learner's file: a line of a traceback then says whose it is.
LEARNERS = 1_000_000
# Two threads that parsed at once met "AST constructor recursion depth mismatch", a SystemError (seen on 3.11.7).
_ONE_PARSES = threading.Lock()


def path_of(module: str) -> Path:
    """The file of a module of authref."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def source_of(module: str) -> str:
    """The source of a module of authref, as it stands today."""
    return path_of(module).read_text("utf-8")


def parse(source: str) -> ast.Module:
    """The syntax tree. Raises SyntaxError."""
    with _ONE_PARSES:
        return ast.parse(source)


@lru_cache(maxsize=64)
def parsed(source: str) -> ast.Module:
    """The syntax tree, to be read and not to be changed. Raises SyntaxError."""
    return parse(source)


def functions(source: str) -> list[str]:
    """The names of all functions that can be cut, in their order."""
    return list(_names(parsed(source).body, ""))


def find(tree: ast.Module, name: str) -> Function | None:
    """The function of this name, or None."""
    return _find(tree.body, name.split("."))


def cut(source: str, name: str, message: str) -> str:
    """The source without the body of this function; signature, docstring and surroundings stay as they are."""
    node, lines = _known(source, name), source.split("\n")
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None:
        kept = _upto(lines, first.lineno, first.col_offset)
        while not kept[-1].strip() or kept[-1].lstrip().startswith("#"):  # comments above a line belong to it
            kept.pop()
    else:
        kept = _upto(lines, first.end_lineno or 0, first.end_col_offset or 0)
    rest = lines[node.end_lineno :]
    while rest and rest[0].lstrip().startswith("#") and len(rest[0]) - len(rest[0].lstrip()) > node.col_offset:
        rest.pop(0)
    hole = " " * (node.col_offset + 4) + f'raise NotImplementedError("{message}")'
    return "\n".join([*kept[:-1], kept[-1].rstrip(), hole, *rest])


def swap(source: str, name: str, text: str) -> str:
    """The source with this function replaced by the text's; what else the text has stands before it, at the top."""
    text, last = dedent(text).strip("\n"), name.split(".")[-1]
    theirs = _lines_of(_known(text, last))
    version = text.split("\n")[theirs]
    besides = [*text.split("\n")[: theirs.start], *text.split("\n")[theirs.stop :]]
    node, lines = _known(source, name), source.split("\n")
    lines[_lines_of(node)] = indent("\n".join(version), " " * node.col_offset).split("\n")
    if any(line.strip() for line in besides):
        top = next(part for part in parsed(source).body if part.lineno <= node.lineno <= (part.end_lineno or 0))
        start = _lines_of(top).start
        lines[start:start] = [*"\n".join(besides).strip("\n").split("\n"), "", ""]
    return "\n".join(lines)


def text_of(source: str, name: str) -> str:
    """The function's own text, with its decorators."""
    return dedent("\n".join(source.split("\n")[_lines_of(_known(source, name))]))


def header_of(source: str, name: str) -> str:
    """The function's `def` line, on one line."""
    node = _known(source, name)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}:"


def line_of(source: str, name: str) -> int:
    """The line on which the function's body begins, after its docstring."""
    node = _known(source, name)
    return node.body[min(len(node.body) - 1, 1 if ast.get_docstring(node) is not None else 0)].lineno


def graft(source: str, learners: str, name: str) -> ast.Module:
    """The source with the learner's function in place of its own, and with the names that they added.

    What comes from the learner has line numbers from LEARNERS on.
    """
    tree, theirs = parse(source), parse(learners)
    ast.increment_lineno(theirs, LEARNERS)
    _graft(tree.body, theirs.body, name.split("."))
    return tree


def _graft(body: list[ast.stmt], theirs: list[ast.stmt], names: Sequence[str]) -> None:
    ours, mine = _last(body, names[0]), _last(theirs, names[0])
    if ours is None or mine is None:
        raise LookupError(names[0])
    known = {name for statement in body for name in _bound(statement)}
    if len(names) > 1:
        _graft(ours.body, mine.body, names[1:])
    place = body.index(ours)
    added = [statement for statement in theirs if _bound(statement) - known]
    body[place : place + 1] = [*added, mine if len(names) == 1 else ours]


def _bound(statement: ast.stmt) -> set[str]:
    """The names that an import, a definition or an assignment makes; nothing else is taken from a learner's file."""
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return set()  # only at the top of a file, where the source has its own
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(name.asname or name.name).split(".")[0] for name in statement.names}
    if isinstance(statement, Named):
        return {statement.name}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return set()


def _names(body: Sequence[ast.stmt], above: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, Named):
            if not isinstance(node, ast.ClassDef):
                yield above + node.name
            yield from _names(node.body, f"{above}{node.name}.")


def _last(body: Sequence[ast.stmt], name: str) -> Named | None:
    """The last definition of the name, for that is the one Python ends up with."""
    return next((node for node in reversed(body) if isinstance(node, Named) and node.name == name), None)


def _find(body: Sequence[ast.stmt], names: Sequence[str]) -> Function | None:
    node = _last(body, names[0])
    if node is not None and len(names) > 1:
        return _find(node.body, names[1:])
    return None if isinstance(node, ast.ClassDef) else node


def _known(source: str, name: str) -> Function:
    node = find(parsed(source), name)
    if node is None:
        raise LookupError(f"there is no function {name}")
    return node


def _lines_of(node: ast.stmt) -> slice:
    """Where a statement stands in a list of lines, with its decorators."""
    decorators = node.decorator_list if isinstance(node, Named) else []
    return slice(min([node.lineno, *(each.lineno for each in decorators)]) - 1, node.end_lineno)


def _upto(lines: list[str], line: int, column: int) -> list[str]:
    """The lines up to a place that the parser named: its columns count bytes of UTF-8."""
    return [*lines[: line - 1], lines[line - 1].encode()[:column].decode()]
