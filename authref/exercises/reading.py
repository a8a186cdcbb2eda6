"""Where can a learner read without meeting the answer? Here: what `Read` names of authref, cut out of its files.

`authref/refresh.py: the opening, Family, _follow` gives the file's docstring and the text of these two. Where the
answer itself would stand, as in a class that is named, there is the hole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from textwrap import dedent

from authref.exercises.cutting import Named, cut, parsed, source_of
from authref.exercises.exercise import HEAL, WRITE, Exercise
from authref.exercises.judge import module_of, name_of
from authref.exercises.verdict import HOLE

_FILE = re.compile(r"(authref/[\w/]+)\.py")
_WORD = re.compile(r"[A-Za-z_][\w.]*\w")


def read(exercise: Exercise) -> Iterator[tuple[str, str]]:
    """What is named there of authref: each with its place, such as "authref/tiny.py: Tokens.sign", and its text."""
    for part in exercise.read.split("; "):
        files, words = _FILE.findall(part), _WORD.findall(_FILE.sub("", part))
        for file in files:
            module = file.replace("/", ".")
            source = source_of(module)
            found = dict(_found(exercise, module, source, words))
            if not found or "opening" in part or "openings" in part:
                yield f"{file}.py: the opening", f'"""{ast.get_docstring(parsed(source))}\n"""'
            yield from ((f"{file}.py: {name}", text) for name, text in found.items())


def _found(exercise: Exercise, module: str, source: str, words: list[str]) -> Iterator[tuple[str, str]]:
    """Of these words those that the module defines, with their text."""
    class_ = ""
    if module == module_of(exercise) and exercise.kind in (WRITE, HEAL):
        source, class_ = cut(source, name_of(exercise), HOLE), name_of(exercise).rpartition(".")[0]
    places = dict(_defined(parsed(source).body, ""))
    for word in words:
        ends = [name for name in places if name.rpartition(".")[2] == word]
        if name := next((name for name in (word, f"{class_}.{word}", *ends) if name in places), ""):
            yield name, _text(source, places[name])


def _defined(body: list[ast.stmt], above: str) -> Iterator[tuple[str, ast.stmt]]:
    for statement in body:
        if isinstance(statement, Named):
            yield above + statement.name, statement
            if isinstance(statement, ast.ClassDef):
                yield from _defined(statement.body, f"{statement.name}.")
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and not above:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from ((target.id, statement) for target in targets if isinstance(target, ast.Name))


def _text(source: str, statement: ast.stmt) -> str:
    decorators = statement.decorator_list if isinstance(statement, Named) else []
    first, lines = min([statement.lineno, *(each.lineno for each in decorators)]) - 1, source.split("\n")
    while lines[first - 1].lstrip().startswith("#"):  # comments above a statement belong to it
        first -= 1
    return dedent("\n".join(lines[first : statement.end_lineno]))
