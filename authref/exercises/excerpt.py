"""What does a learner's file hold of the source? What the function needs, and of the rest only where it stands.

A file of a whole module is one to get lost in: the hole was somewhere in 200 lines. So the file holds the function, in
its class if it has one, and imports for what it works with. What it calls stands above it in a comment, each with its
sentence. It is judged in its place in the source of today (cutting.py), where all names of that file are at hand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from textwrap import indent, wrap

from authref.exercises.cutting import Function, Named, find, parse, parsed, source_of
from authref.exercises.verdict import sentence

WIDTH = 98  # columns of a comment
Bindings = dict[str, ast.stmt]


def excerpt(module: str, source: str, name: str, version: str, limit: int) -> str:
    """A file with this version of the function, which takes at most `limit` lines where comments can be left out."""
    *classes, _ = name.split(".")
    own = _Names(parsed(source), name, version)
    parts = ["from __future__ import annotations", *_imports(module, own), ""]
    body = version.strip("\n")
    for depth, each in reversed(list(enumerate(classes))):
        body = f"class {each}{own.bases}:\n{indent(body, '    ')}"
        parts += [] if depth else [""]
    text = "\n".join([*parts, "{about}", body, ""])
    about = list(_about(source, own))
    while about and sum(map(len, about)) + text.count("\n") > limit:
        about.pop()
    return text.replace("{about}\n", "".join(f"{line}\n" for entry in about for line in entry))


def with_imports(module: str, source: str, name: str, version: str) -> str:
    """This version by itself, outside of any class, with imports for what it alone works with."""
    own = _Names(parsed(source), name, version, alone=True)
    return "\n".join(["from __future__ import annotations", *_imports(module, own), "", "", version.strip("\n"), ""])


class _Names:
    """What the function works with: names of its module, and attributes of its own class."""

    def __init__(self, tree: ast.Module, name: str, version: str, alone: bool = False) -> None:
        node = find(tree, name)
        if node is None:
            raise LookupError(f"there is no function {name}")
        nodes = [*([] if alone else ast.walk(node)), *ast.walk(parse(version))]
        itself = {each.attr for each in nodes if isinstance(each, ast.Attribute) and _is_self(each.value)}
        self.bound = dict(_bindings(tree.body))
        self.class_ = self.bound.get(name.split(".")[0]) if "." in name else None
        bases = self.class_.bases if isinstance(self.class_, ast.ClassDef) else []
        self.bases = f"({', '.join(map(ast.unparse, bases))})" if bases else ""
        nodes += [each for base in bases for each in ast.walk(base)]
        self.used = {each.id for each in nodes if isinstance(each, ast.Name)}
        members = self.class_.body if isinstance(self.class_, ast.ClassDef) else []
        inherited = [each for base in bases for each in _inherited(base, self.bound)]
        found = dict([*inherited, *_attributes(members), *_bindings(members)])  # what is said last counts
        self.members = [(key, each) for key, each in found.items() if key in itself and each is not node]
        self.bound.pop(name.split(".")[0], None)

    def wanted(self, *kinds: type[ast.stmt]) -> list[tuple[str, ast.stmt]]:
        """The names of the module that the function uses and that such statements bind."""
        return [(name, each) for name, each in self.bound.items() if name in self.used and isinstance(each, kinds)]


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _bindings(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Each name that is bound here, with its statement; also under `if TYPE_CHECKING`."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from (((each.asname or each.name).split(".")[0], statement) for each in statement.names)
        elif isinstance(statement, Named):
            yield statement.name, statement
        elif isinstance(statement, ast.Assign):
            yield from ((each.id, statement) for each in statement.targets if isinstance(each, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement
        elif isinstance(statement, ast.If):
            yield from _bindings(statement.body)


def _attributes(members: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Each attribute that `__init__` sets, with its line; as a declaration where it is told what it is."""
    for function in members:
        if isinstance(function, Function) and function.name == "__init__":
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            types = {each.arg: each.annotation for each in arguments}
            for statement in function.body:
                for each in ast.walk(statement):
                    if isinstance(each, ast.Attribute) and _is_self(each.value) and isinstance(each.ctx, ast.Store):
                        kind = types.get(each.attr.lstrip("_")) or _class_made(statement)
                        yield each.attr, parse(f"{each.attr}: {ast.unparse(kind)}").body[0] if kind else statement


def _inherited(base: ast.expr, bound: Bindings) -> Iterator[tuple[str, ast.stmt]]:
    """What a base class has, that comes from another file of authref."""
    origin = bound.get(base.id) if isinstance(base, ast.Name) else None
    if isinstance(origin, ast.ImportFrom) and _is_authrefs(origin.module or ""):
        node = dict(_bindings(parsed(source_of(origin.module or "")).body)).get(ast.unparse(base))
        if isinstance(node, ast.ClassDef):
            yield from [*_attributes(node.body), *_bindings(node.body)]


def _class_made(statement: ast.stmt) -> ast.expr | None:
    """The class of which the statement makes something, if it does that alone."""
    call = statement.value if isinstance(statement, ast.Assign) else None
    is_class = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id[0].isupper()
    return call.func if is_class else None  # type: ignore[union-attr]


def _imports(module: str, own: _Names) -> Iterator[str]:
    """The import lines: those of the source, with what is needed of them, and one for the source itself."""
    lines: dict[str, list[str]] = {}
    plain = []
    for name, statement in own.wanted(ast.Import, ast.ImportFrom):
        alias = next(each for each in statement.names if (each.asname or each.name).split(".")[0] == name)  # type: ignore[attr-defined]
        text = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        if isinstance(statement, ast.ImportFrom):
            lines.setdefault(statement.module or "", []).append(text)
        else:
            plain.append(f"import {text}")
    if mine := [name for name, _ in own.wanted(*_DEFINED)]:
        lines[module] = mine
    standard = [f"from {each} import {', '.join(names)}" for each, names in lines.items() if not _is_authrefs(each)]
    ours = [f"from {each} import {', '.join(sorted(lines[each]))}" for each in sorted(lines) if _is_authrefs(each)]
    for block in (sorted(plain) + sorted(standard), ours):
        if block:
            yield ""
            for line in block:
                yield from wrap(line, WIDTH, subsequent_indent="    ") if len(line) <= WIDTH else _wrapped_import(line)


_DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def _is_authrefs(module: str) -> bool:
    return module.partition(".")[0] == "authref"


def _wrapped_import(line: str) -> list[str]:
    start, _, names = line.partition(" import ")
    body = wrap(names, WIDTH - 4, initial_indent="    ", subsequent_indent="    ")
    return [f"{start} import (", *body[:-1], f"{body[-1]},", ")"]


def _about(source: str, own: _Names) -> Iterator[list[str]]:
    """A comment on what the function calls and looks at: the lines of each, its sentence or as it is written."""
    names = [(name, each) for name, each in own.wanted(*_DEFINED) if not isinstance(each, ast.ClassDef)]
    found = [*((f"self.{name}", each) for name, each in own.members), *names]
    if found:
        yield ["# At hand:"]
    for name, statement in found:
        text = _entry(source, name, statement)
        lines = wrap(text, WIDTH - 4, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        yield [f"#   {line}" for line in lines]


def _entry(source: str, name: str, statement: ast.stmt) -> str:
    if isinstance(statement, Function):
        arguments = ast.unparse(statement.args).removeprefix("self, ").removeprefix("self")
        returns = f" -> {ast.unparse(statement.returns)}" if statement.returns else ""
        about = sentence(ast.get_docstring(statement)).split(". ")[0].rstrip(".")
        return f"{name}({arguments}){returns}{': ' + about if about else ''}"
    if name.startswith("self."):
        written = ast.unparse(statement).removeprefix("self.")
        return f"self.{written}" if written.startswith(name.removeprefix("self.")) else name
    return source.split("\n")[statement.lineno - 1].strip()
