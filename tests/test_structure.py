"""The house keeps its order: who imports whom, what no file may use, and that the core lives without its rooms.

The reading order stands in authref/__init__.py. Sources are parsed, not imported, so an import hidden in a function
counts as well.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path

import bcrypt

import authref
from authref import cli
from tests.basics import PASSWORD
from tests.test_cli import Program, environment

PACKAGE = Path(authref.__file__).parent
BANNED_MODULES = {
    "pickle": "reading it runs what it says",
    "marshal": "reading it runs what it says",
    "shelve": "it is pickle underneath",
    "random": "it can be predicted from what it gave before; secrets cannot",
    "uuid": "an id that identifies is not an id that cannot be guessed; secrets gives those",
    "importlib": "this file could not see what it imports",
}
BANNED_CALLS = {"eval", "exec", "compile", "__import__"}
# The exercises run what whoever does them has written, on their own machine; no request gets there.
RUNS_ITS_USERS_CODE = PACKAGE / "exercises"
COMMANDS = """
import json, sys
from authref.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as end:
        print(end.code, file=sys.stderr)
"""
MAC_NAMES = re.compile("signature|digest|mac|hash", re.IGNORECASE)


def reading_order() -> list[str]:
    """The core files as authref's docstring lists them: `wire.py` as "wire", `app/` as "app"."""
    entries = re.findall(r"^ {4}(\w+)(?:\.py|/)  +\S", authref.__doc__ or "", re.MULTILINE)
    return list(entries)


@cache
@cache
def rooms() -> set[str]:
    """The folders that are packages, other than the core's own."""
    return {folder.parent.name for folder in PACKAGE.glob("*/__init__.py")} - {"app"}


ENTRANCES = {"cli", "configuration", "wsgi"}  # they open a room when it is asked for


def core_files() -> dict[str, list[Path]]:
    """The files of each core name; only app has several. Chapter one stands in front of the core, alone."""
    files = {path.stem: [path] for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    del files["tiny"]
    if (PACKAGE / "app").is_dir():
        files["app"] = sorted((PACKAGE / "app").glob("*.py"))
    return files


def imports(tree: ast.Module, package: str) -> Iterator[tuple[str, bool]]:
    """The modules that a file of this package imports, in full, each with whether that happens in a function."""
    for node, nested in statements(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, nested) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            for name in node.names:  # `from authref import jwt` imports a file
                yield (f"authref.{name.name}" if module == "authref" else module), nested


def statements(node: ast.AST, nested: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """The statements below this node, each with whether it stands in a function or is there for types only."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):  # no import hides in one
            yield child, nested
            in_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from statements(child, nested or in_function or for_types)


@cache
def imports_of(path: Path) -> list[tuple[str, bool]]:
    """What this file of authref imports."""
    package = ".".join(["authref", *path.parent.relative_to(PACKAGE).parts])
    return list(imports(parse(path), package))


@cache
def parse(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All there is in the file's syntax tree."""
    return list(ast.walk(parse(path)))


@cache
def graph() -> dict[str, set[str]]:
    """What each file of the project imports of it, wherever in the file that stands, by their dotted names."""
    files = {".".join(["authref", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__"): path
             for path in PACKAGE.rglob("*.py")}  # fmt: skip
    return {name: set(arrows(path, files)) for name, path in files.items()}


def arrows(path: Path, known: Container[str]) -> Iterator[str]:
    """The files of the project that this one names: `from authref.app import App, routes` is app and app.routes."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield from (module for module in [whole if whole in known else str(node.module)] if module in known)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)


def way_back(graph: Mapping[str, set[str]], start: str) -> list[str] | None:
    """The shortest way from this name back to it, or None."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for name in sorted(graph[way[-1]] - seen):
            if name == start:
                return [*way, name]
            seen.add(name)
            ways.append([*way, name])
    return None


class TheReaderOfImports(unittest.TestCase):
    def test_every_way_to_import(self) -> None:
        """Before it judges the files: this module's own reader sees relative, nested and renamed imports."""
        source = """
import os.path as p
from authref import jwt, __version__
from authref.app import routes
from . import keys
from .maps import Map
from .. import users
def function():
    from authref import inspector
    import shelve
class Class:
    from authref.wire import Request
    def method(self):
        import pickle
"""
        found = list(imports(ast.parse(source), "authref.app"))
        self.assertEqual(
            [name for name, nested in found if not nested],
            ["os.path", "authref.jwt", "authref.__version__", "authref.app", "authref.app", "authref.app.maps",
             "authref.users", "authref.wire"],
        )  # fmt: skip
        self.assertEqual({name for name, nested in found if nested}, {"authref.inspector", "shelve", "pickle"})


class TheReadingOrder(unittest.TestCase):
    def test_a_file_that_is_not_in_the_list(self) -> None:
        """The contents page lists chapter one and then exactly the core files there are, each once."""
        self.assertEqual(reading_order()[0], "tiny")
        self.assertEqual(sorted(reading_order()[1:]), sorted(core_files()))
        self.assertGreater(len(reading_order()), 10)

    def test_an_import_from_below(self) -> None:
        """Each core file imports only from files above it, so that whoever reads in order has read what it needs."""
        order = reading_order()
        for name, paths in core_files().items():
            allowed = {*order[: order.index(name)], "__version__"} | ({"app"} if name == "app" else set())
            for path in paths:
                for module, _ in imports_of(path):
                    if module.split(".")[0] != "authref" or (name in ENTRANCES and module.split(".")[1] in rooms()):
                        continue
                    with self.subTest(path.relative_to(PACKAGE), imports=module):
                        self.assertIn(module.split(".")[1], allowed)

    def test_chapter_one_stands_alone(self) -> None:
        """tiny.py is bcrypt and the standard library, and nobody imports it but the command that starts it."""
        named = {module.split(".")[0] for module, _ in imports_of(PACKAGE / "tiny.py")}
        self.assertIn("bcrypt", named)
        self.assertLessEqual(named, sys.stdlib_module_names | {"bcrypt"})
        users = [path for path in PACKAGE.rglob("*.py") if "authref.tiny" in dict(imports_of(path))]
        self.assertEqual(users, [PACKAGE / "cli.py"])
        self.assertTrue(dict(imports_of(PACKAGE / "cli.py"))["authref.tiny"], "not before it is asked for")

    def test_two_files_that_import_each_other(self) -> None:
        """No file, core or room, imports itself however long the way round: each can be read after those it needs."""
        for module in graph():
            way = way_back(graph(), module)
            with self.subTest(module):
                self.assertIsNone(way, " -> ".join(way or ()))

    def test_a_way_round_that_is_put_back(self) -> None:
        """Before it is believed: a circle of three, one import in a function and one for types, is found."""
        circle = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
        self.assertEqual([way_back(circle, name) is None for name in circle], [False, False, False, True])
        source = "if TYPE_CHECKING:\n    from authref.cli import main\ndef late():\n    import authref.jwt\n"
        self.assertEqual({name for name, _ in imports(ast.parse(source), "authref")}, {"authref.cli", "authref.jwt"})

    def test_the_files_of_app_among_themselves(self) -> None:
        """The routes' files build on routes.py and settings.py; only the table knows all of them."""
        for path in core_files()["app"]:
            if path.stem not in ("__init__", "app"):
                siblings = {module for module, _ in imports_of(path) if module.startswith("authref.app")}
                with self.subTest(path.name):
                    self.assertLessEqual(siblings, {"authref.app.routes", "authref.app.settings"})

    def test_a_core_file_that_needs_a_room(self) -> None:
        """No core file imports a room; an entrance opens one when it is asked for."""
        for name, paths in core_files().items():
            for path in paths:
                for module, nested in imports_of(path):
                    if module.split(".")[0] == "authref" and module.split(".")[1] in rooms():
                        with self.subTest(path.relative_to(PACKAGE), imports=module):
                            self.assertIn(name, ENTRANCES)
                            self.assertTrue(nested or name == "wsgi" and module.startswith("authref.serving."))

    def test_a_room_that_needs_another(self) -> None:
        """Rooms share the servers and the stores, and know nothing of each other; only the book looks into three."""
        for room in rooms():
            others = {"xray", "exercises", "attacks"} if room == "book" else set()
            for path in (PACKAGE / room).rglob("*.py"):
                for module, _ in imports_of(path):
                    if module.split(".")[0] == "authref" and module.split(".")[1:2] and module.split(".")[1] in rooms():
                        with self.subTest(path.relative_to(PACKAGE), imports=module):
                            self.assertIn(module.split(".")[1], {room, "serving", "stores"} | others)

    def test_the_room_of_the_stores(self) -> None:
        """A store is the core's maps and the standard library; only the one for Redis speaks through a package."""
        for path in (PACKAGE / "stores").glob("*.py"):
            for module, _ in imports_of(path):
                with self.subTest(path.name, imports=module):
                    if module.split(".")[0] == "authref":
                        self.assertIn(module.split(".")[1], {"stores", *reading_order()} - {"app", "cli"})
                    elif module.split(".")[0] == "redis":
                        self.assertIn(path.name, ("redis_store.py", "redis_link.py"))
                    else:
                        self.assertIn(module.split(".")[0], sys.stdlib_module_names)

    def test_a_store_that_is_not_asked_for(self) -> None:
        """The two kinds of store are imported only when they are chosen: who takes SQLite needs no package."""
        nested = dict(imports_of(PACKAGE / "stores" / "__init__.py"))
        for module in ("authref.stores.sqlite_store", "authref.stores.redis_store"):
            self.assertTrue(nested[module], module)

    def test_somebody_elses_code(self) -> None:
        """The core is the standard library and bcrypt, and bcrypt in one file only."""
        for name, paths in core_files().items():
            for path in paths:
                for module, _ in imports_of(path):
                    top = module.split(".")[0]
                    with self.subTest(path.relative_to(PACKAGE), imports=module):
                        if top == "bcrypt":
                            self.assertEqual(name, "passwords")
                        else:
                            self.assertIn(top, sys.stdlib_module_names | {"authref"})

    def test_a_file_named_like_one_of_pythons(self) -> None:
        """A file called secrets.py or http.py would hide the real one from whoever runs Python in this folder."""
        for path in PACKAGE.rglob("*.py"):
            if not path.stem.startswith("__"):
                with self.subTest(path.relative_to(PACKAGE)):
                    self.assertNotIn(path.stem, sys.stdlib_module_names)


class WhatNoFileUses(unittest.TestCase):
    def test_dangerous_modules(self) -> None:
        """No file, room or core, reads data that can run or draws numbers that can be guessed."""
        for path in PACKAGE.rglob("*.py"):
            for module, _ in imports_of(path):
                with self.subTest(path.relative_to(PACKAGE), imports=module):
                    if not (path.is_relative_to(RUNS_ITS_USERS_CODE) and module.startswith("importlib")):
                        self.assertNotIn(module.split(".")[0], BANNED_MODULES)

    def test_text_that_becomes_code(self) -> None:
        """Nothing is ever evaluated, but by the exercises, which are there to run what their reader writes."""
        for path in PACKAGE.rglob("*.py"):
            if path.is_relative_to(RUNS_ITS_USERS_CODE):
                continue
            called = {node.func.id for node in nodes(path)
                      if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
            with self.subTest(path.relative_to(PACKAGE)):
                self.assertEqual(called & BANNED_CALLS, set())

    def test_comparing_a_signature_with_equals(self) -> None:
        """Signatures meet in compare_digest: `==` stops at the first difference, and the time tells where that was."""
        for name in ("jwt.py", "tiny.py"):
            tree = parse(PACKAGE / name)
            calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
            self.assertIn("hmac.compare_digest", calls)
            for node in ast.walk(tree):
                if isinstance(node, ast.Compare) and any(isinstance(sign, ast.Eq | ast.NotEq) for sign in node.ops):
                    with self.subTest(name, line=ast.unparse(node)):
                        self.assertIsNone(MAC_NAMES.search(ast.unparse(node)))


class WhatAReaderMeets(unittest.TestCase):
    def test_a_file_without_an_opening(self) -> None:
        """Each core file opens with its question, its answer and its rules: four lines at least."""
        for paths in core_files().values():
            for path in paths:
                if path.stem == "__init__":  # of app: the folder's own opening, as long as it needs
                    continue
                tree = parse(path)
                with self.subTest(path.relative_to(PACKAGE)):
                    self.assertIsNotNone(ast.get_docstring(tree))
                    opening = tree.body[0]
                    self.assertGreaterEqual((opening.end_lineno or 0) - opening.lineno + 1, 4)

    def test_a_link(self) -> None:
        """What is read is no link: on another machine it would lead nowhere."""
        root = PACKAGE.parent
        shown = [path for path in root.iterdir() if not path.name.startswith(".")]
        below = [path for name in ("authref", "tests", "findings") for path in root.joinpath(name).rglob("*")]
        self.assertEqual([path.name for path in [*shown, *below] if path.is_symlink()], [])

    def test_a_public_name_without_a_sentence(self) -> None:
        """Each public function and class of the core says in its own docstring what it is or gives.

        A class that is nothing but a name is explained by the class that it is a kind of.
        """
        seen = 0
        for paths in core_files().values():
            for path in paths:
                classes = [node for node in parse(path).body if isinstance(node, ast.ClassDef)]
                kinds = {node.name: ast.get_docstring(node) or "" for node in classes}
                for node in parse(path).body:
                    if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                        seen += 1
                        with self.subTest(path.relative_to(PACKAGE), name=node.name):
                            said = ast.get_docstring(node)
                            if isinstance(node, ast.ClassDef) and ast.unparse(node.body[0]) == "...":
                                said = kinds[ast.unparse(node.bases[0])]
                                self.assertIn(f"\n{node.name} ", said)
                            self.assertIsNotNone(said)
        self.assertGreater(seen, 50)


class WithoutTheRooms(unittest.TestCase):
    """A copy of the core alone, in a folder of its own."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.copy = Path(cls.folder, "authref")
        shutil.copytree(PACKAGE, cls.copy, ignore=shutil.ignore_patterns("__pycache__", *(rooms() - {"serving"})))
        # With -S, and bcrypt's folder named here: an editable install would find the rooms where they still are.
        cls.path = os.pathsep.join([cls.folder, str(Path(bcrypt.__file__).parent.parent)])

    def test_the_copy(self) -> None:
        """It has the core, and of the rooms only the servers."""
        self.assertEqual({path.parent.name for path in self.copy.glob("*/__init__.py")}, {"app", "serving"})

    def test_a_server_of_the_core_alone(self) -> None:
        """With every other room deleted the server starts, signs up, logs in by both mechanisms and says who one is."""
        with Program("--quiet", python=("-S",), PYTHONPATH=self.path) as program:
            alice = {"email": "alice@example.com", "password": PASSWORD}
            self.assertEqual(program.send("POST", "/signup", alice)[0], 201)
            status, headers, _ = program.send("POST", "/login", alice)
            self.assertEqual(status, 200)
            cookie = headers["set-cookie"].partition(";")[0]
            self.assertEqual(program.send("GET", "/me", cookie=cookie)[0], 200)
            status, _, answer = program.send("POST", "/token/login", alice)
            token = f"Bearer {answer['token']}"
            self.assertEqual(program.send("GET", "/token/me", authorization=token)[0], 200)
            self.assertEqual(program.send("GET", "/me")[0], 401)
        self.assertTrue(any(self.copy.rglob("*.pyc")), "Python ran another copy")

    def test_a_command_whose_room_is_gone(self) -> None:
        """A command or a store of a deleted room says so in one line and status 2, like all that goes wrong."""
        rooms_of = {"attack": "attacks", "jwt": "inspector", "choose": "compare"}
        rooms_of |= dict.fromkeys(("backup", "restore"), "stores")
        cases = [
            (rooms_of.get(name, name), [name, "x"]) for name in cli.COMMANDS if name not in ("tiny", "keys", "help")
        ]
        cases += [("stores", ["--port", "0", "--bcrypt-cost", "4", "--store", "sqlite:db"])]
        command = [sys.executable, "-S", "-c", COMMANDS, json.dumps([arguments for _, arguments in cases])]
        done = subprocess.run(command, cwd=self.folder, env=environment(PYTHONPATH=self.path), text=True,
                              capture_output=True, timeout=30)  # fmt: skip
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 2 * len(cases), done.stderr)
        for (room, arguments), sentence, status in zip(cases, lines[::2], lines[1::2], strict=True):
            with self.subTest(arguments):
                self.assertRegex(sentence, rf"\Aauthref: [^\n]*authref/{room}, is missing[^\n]*\Z")
                self.assertEqual(status, "2")


if __name__ == "__main__":
    unittest.main()
