"""The engine of the exercises, on a small catalogue of its own: cut, judge, teach, and touch nothing of the learner's.

Whether each of the real exercises works both ways is what `python -m authref exercises verify` shows, in a minute.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import replace
from email.message import Message
from itertools import count, islice
from pathlib import Path
from textwrap import dedent
from unittest import mock

import authref
from authref import exercises, jwt
from authref.exercises import cutting, nursery, verify
from authref.exercises import judge as judge_module
from authref.exercises import report as report_module
from authref.exercises.cutting import cut, functions, graft, source_of, swap, text_of
from authref.exercises.excerpt import excerpt
from authref.exercises.exercise import BREAK, EASY, HEAL, PREDICT, WRITE, Exercise, Question
from authref.exercises.folder import Folder, _program, page
from authref.exercises.judge import IS_STOPPED, Judgement, judge, sentence_of
from authref.exercises.keys import keys
from authref.exercises.lessons import EXERCISES, GIVEN
from authref.exercises.reading import read
from authref.exercises.report import as_json, report
from authref.exercises.trial import PRINTED
from authref.exercises.verdict import HOLE, Verdict, show
from authref.wire import Request, Response

PACKAGE = Path(authref.__file__).parent
HINTS = ("Look at the semicolons.", "RFC 6265 §5.4; str.partition.", "Split, cut, count, and drop what comes twice.")
TABLE, BROWSERS = "tests.test_cookies.Reading.test_the_table", "tests.test_cookies.Reading.test_what_browsers_send"
CLEARING = "tests.test_cookies.Writing.test_clearing"
NAIVE_CLEAR = """
def clear_cookie(name: str, *, secure: bool = False) -> str:
    return f"{name}="
"""
NAIVE_PARSE = """
def parse(header):
    pairs = (pair.partition("=") for pair in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
"""
NAIVE_UNSIGN = "def unsign(token, key):\n    return b''\n"
NAIVE_SET = "def set_cookie(name, value, *, max_age, now, secure=False):\n    return ''\n"
UNSIGNING = "tests.test_jwt.SignAndUnsign.test_what_it_refuses"
PREFIX = "tests.test_cookies.Writing.test_prefix_without_secure"
PARSE = Exercise(
    "cookies-parse", 8, WRITE, "Read a Cookie header", "Make a dict of it.", "Cookies can be planted.",
    "RFC 6265 §5.4", HINTS, target="authref.cookies:parse", claims=(TABLE, BROWSERS),
    minutes=5, difficulty=EASY,
)  # fmt: skip
CLEAR = Exercise(
    "cookies-clear", 12, HEAL, "Forget", "Make the browser forget.", "Old cookies open doors.", "RFC 6265 §5.3", HINTS,
    target="authref.cookies:clear_cookie", claims=(CLEARING,), naive=NAIVE_CLEAR,
    minutes=5, difficulty=EASY,
)  # fmt: skip
BLANK = Exercise(
    "cookies-blank", 13, BREAK, "A blank that is none", "Plant it.", "Blanks are not equal.", "cookies.py", HINTS,
    target="authref.cookies:parse", naive=NAIVE_PARSE,
    attack='def attack() -> str:\n    """A header in which no pair is named session, and yet it is read."""\n',
    check='def check(target, attack):\n    return target(attack()).get("session") == "evil"\n',
    minutes=5, difficulty=EASY,
)  # fmt: skip
SAY = Exercise(
    "cookies-say", 8, PREDICT, "What does it say?", "Say what comes back.", "Twice is never.", "cookies.py", HINTS,
    questions=(
        Question("One cookie.", 'parse("a=1")', "from authref.cookies import parse"),
        Question("Its number.", 'len(parse("a=1; a=2"))', "from authref.cookies import parse", "Twice is none."),
        Question("A line break.", 'set_cookie("a\\n", "", max_age=0, now=0)', "from authref.cookies import set_cookie"),
    ),
    minutes=5, difficulty=EASY,
)  # fmt: skip
TINY = (PARSE, CLEAR, BLANK, SAY)
SOURCE = source_of("authref.cookies")
ATTACK = 'def attack():\n    return "\\u2000session=evil"\n'
ANSWERS = 'ANSWER_1 = {"a": "1"}\nANSWER_2 = 0\nANSWER_3 = "ValueError"\n'


# What a module enters by unittest's own means ends as soon as a test runs tests of its own.
_warm = ExitStack()


def setUpModule() -> None:
    _warm.enter_context(nursery.warm())


def tearDownModule() -> None:
    _warm.close()


def answer(body: str) -> str:
    """A learner's file in which `parse` has this body."""
    return cut(SOURCE, "parse", HOLE).replace(f'    raise NotImplementedError("{HOLE}")', body)


def judgements(texts: dict[str, str], exercise: Exercise = PARSE) -> dict[str, Judgement]:
    """Each text judged, several at a time."""
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(texts, pool.map(lambda text: judge(exercise, text, "mine.py"), texts.values()), strict=True))


def command(*arguments: str, catalogue: Sequence[Exercise] = TINY) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `authref exercises` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch("authref.exercises.commands.catalogue", lambda: catalogue),
    ):
        try:
            status = exercises.main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file of the folder, with its digest; compiled ones aside, which Python writes."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Cutting(unittest.TestCase):
    def test_every_function_of_the_core(self) -> None:
        """Each function can be cut by program: the rest of the file stays, character by character, and still parses."""
        count = 0
        for path in [*PACKAGE.glob("*.py"), *PACKAGE.glob("app/*.py")]:
            source = path.read_text("utf-8")
            names = functions(source)
            self.assertEqual(len(names), len(set(names)), path)
            for name in names:
                with self.subTest(path.name, function=name):
                    before = cutting.find(cutting.parsed(source), name)
                    assert before is not None
                    lines, hollow = source.split("\n"), cut(source, name, HOLE).split("\n")
                    first, last = before.lineno - 1, (before.end_lineno or 0) - len(lines)
                    self.assertEqual((hollow[:first], hollow[last:]), (lines[:first], lines[last:]))
                    (after,) = ast.parse(dedent("\n".join(hollow[first:last]))).body
                    assert isinstance(after, cutting.Function)
                    self.assertEqual(ast.get_docstring(after), ast.get_docstring(before))
                    self.assertEqual(ast.dump(after.args), ast.dump(before.args))
                    self.assertIn("NotImplementedError", ast.unparse(after.body[-1]))
                    self.assertLessEqual(len(after.body), 2)
                    count += 1
        self.assertGreater(count, 250)

    def test_shapes_of_functions(self) -> None:
        """On one line, without a docstring, decorated, a property, asynchronous, with comments around: all are cut."""
        hole = 'raise NotImplementedError("x")'
        for source, name, expected in (
            ("def f(): return 1\ng = 2", "f", f"def f():\n    {hole}\ng = 2"),
            ('def f(): "é"; return 1', "f", f'def f(): "é"\n    {hole}'),
            ("def f(\n    a,  # why\n):\n    # a hint\n    return a\n    # more", "f",
             f"def f(\n    a,  # why\n):\n    {hole}"),
            ("class A:\n    @property\n    def b(self):\n        '''Doc.'''\n        return 1\n\n    c = 1", "A.b",
             f"class A:\n    @property\n    def b(self):\n        '''Doc.'''\n        {hole}\n\n    c = 1"),
            ("async def f():\n    await g()\n# next", "f", f"async def f():\n    {hole}\n# next"),
            ("def f():\n    def g():\n        return 1\n    return g", "f.g",
             f"def f():\n    def g():\n        {hole}\n    return g"),
        ):  # fmt: skip
            with self.subTest(source):
                self.assertEqual(cut(source, name, "x"), expected)
        with self.assertRaises(LookupError):
            cut("def f(): return 1", "g", "x")

    def test_another_version(self) -> None:
        """A naive version takes the function's place and indent, its imports stand at the top of the file."""
        source = "import a\n\n@b\nclass C:\n    @staticmethod\n    def d():\n        return 1\n\n    e = 2\n"
        text = "import f\n\n@g\ndef d():\n    return f\n"
        expected = "import a\n\nimport f\n\n\n@b\nclass C:\n    @g\n    def d():\n        return f\n\n    e = 2\n"
        self.assertEqual(swap(source, "C.d", text), expected)

    def test_what_is_taken_from_a_learner(self) -> None:
        """The function and new names are taken; other functions, old constants and loose statements are not."""
        source = "import a\nX = 1\ndef f(): return 1\nclass C:\n    def g(self): return 1\n    def h(self): return 1\n"
        theirs = (
            "import b\nX = 2\nY = 3\nprint('loose')\ndef helper(): return 4\ndef f(): return 2\n"
            "class C:\n    def g(self): return 5\n    def h(self): return 5\n    def mine(self): return 6\n"
        )
        self.assertEqual(
            ast.unparse(graft(source, theirs, "C.g")).split("\n"),
            ast.unparse(ast.parse(
                "import a\nX = 1\ndef f(): return 1\nimport b\nY = 3\ndef helper(): return 4\n"
                "class C:\n    def mine(self): return 6\n    def g(self): return 5\n    def h(self): return 1\n"
            )).split("\n"),
        )  # fmt: skip


class Judging(unittest.TestCase):
    def test_both_ways(self) -> None:
        """Of each kind: unsolved it fails in the hole, or for its naive version; solved it passes."""
        solved = (SOURCE, SOURCE, ATTACK, ANSWERS)
        jobs = [*((each, page(1, each)) for each in TINY), *zip(TINY, solved, strict=True)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda job: judge(*job, "mine.py"), jobs))
        for exercise, before, after in zip(TINY, found, found[len(TINY) :], strict=False):
            with self.subTest(exercise.kind):
                self.assertEqual((before.solved, before.untouched), (False, exercise.kind != HEAL))
                self.assertTrue(after.solved)

    def test_verify(self) -> None:
        """The room's own check finds nothing wrong here; and each thing that can be wrong is found."""
        with mock.patch.object(verify, "_attacks", lambda: {BLANK.id: ATTACK}):
            self.assertEqual(verify.verify(TINY), [])
        wrong = Exercise("wrong", 1, WRITE, "", "", "", "", HINTS, target="authref.cookies:parse", claims=(CLEARING,),
                         minutes=5, difficulty=EASY)  # fmt: skip
        weak = Exercise("weak", 1, PREDICT, "", "", "", "", HINTS, questions=(Question("", "object()"),),
                        minutes=5, difficulty=EASY)  # fmt: skip
        gone = Exercise("gone", 1, WRITE, "", "", "", "", HINTS, target="authref.cookies:gone", claims=(CLEARING,),
                        minutes=5, difficulty=EASY)  # fmt: skip
        mute = replace(BLANK, id="mute", check="def check(target, attack):\n    return target.__doc__ is None\n")
        kept = {BLANK.id: 'def attack(): return "session=evil"', "mute": ATTACK}
        with mock.patch.object(verify, "_attacks", lambda: kept):
            complaints = verify.verify([wrong, weak, gone, BLANK, mute])
        found = "\n".join(complaints)
        for words in ("1 wrong: tests.test_cookies.Writing.test_clearing holds", "2 weak: what comes back is no",
                      "3 gone: cannot be made", "4 cookies-blank: the kept attack fails",
                      "5 mute: what the naive version answered"):  # fmt: skip
            self.assertIn(words, found)

    def test_what_is_neither_asked_nor_given(self) -> None:
        """A public function of the core that the catalogue forgets is named, and so is a gift that is none."""
        found = verify.uncovered(TINY, {"authref.cookies": "", "authref.jwt:sign": "", "authref.jwt:nothing": ""})
        self.assertIn("authref.wire:Request.json is neither asked for nor given", found)
        self.assertIn("authref.jwt:nothing is given in vain", found)
        self.assertFalse([line for line in found if "cookies" in line or "jwt:sign" in line or "._" in line])

    def test_nothing_is_left_over(self) -> None:
        """Of the real catalogue nothing public is neither asked for nor given."""
        self.assertEqual(verify.uncovered(EXERCISES, GIVEN), [])

    def test_whatever_a_learner_writes(self) -> None:
        """A loop, a crash, an exit: each is a sentence about this claim, and nothing else is harmed."""
        texts = {
            "syntax": answer("    return {"),
            "deleted": SOURCE.replace("def parse", "def read"),
            "exit": answer("    raise SystemExit(0)"),
            "hard exit": answer("    import os; os._exit(0)"),
            "killed": answer("    import os; os.kill(os.getpid(), 9)"),
            "recursion": answer("    return parse(header)"),
            "output": answer("    print('x' * 10**6); return {}"),
            "thread": answer("    from threading import Event, Thread; Thread(target=Event().wait).start(); return {}"),
            "signature": SOURCE.replace("def parse(header: str)", "def parse()"),
            "mistake": answer("    found = {}\n    return found[header]"),
            "null": SOURCE + "\0",
            "import": SOURCE.replace("import re\n", "import re, nowhere\n"),
            "too early": "import nowhere\n" + SOURCE,
        }
        found = judgements(texts)
        self.assertEqual([name for name, judgement in found.items() if judgement.solved], [])
        for name, words in {
            "deleted": "There is no function parse in mine.py. It begins: def parse(header: str) -> dict[str, str]:",
            "syntax": "was never closed.\n  return {",
            "null": "Python cannot read mine.py",
            "too early": "from __future__ imports must occur at the beginning of the file",
        }.items():
            self.assertIn(words, found[name].problem)
        for name, words in {
            "exit": "SystemExit: 0",
            "hard exit": "It ended the whole program (exit status 0)",
            "killed": "It crashed Python (SIGKILL)",
            "recursion": "Error: ",  # RecursionError; at the very end of the stack Python 3.11 rarely says SystemError
            "signature": "TypeError: parse() takes 0 positional arguments",
            "mistake": "KeyError",
            "import": "ModuleNotFoundError: No module named 'nowhere'",
        }.items():
            failed = found[name].failed
            assert failed is not None
            self.assertIn(words, failed.error, name)
        crash, early = found["hard exit"].failed, found["import"].failed
        assert crash is not None and early is not None
        self.assertRegex(crash.given, "^header = ")
        self.assertEqual((early.given, early.asserted), ("", ""))
        output, mistake = found["output"].failed, found["mistake"].failed
        assert output is not None and mistake is not None
        self.assertEqual(len(output.printed), PRINTED)
        self.assertEqual(texts["mistake"].split("\n")[mistake.line - 1], "    return found[header]")
        self.assertRegex(mistake.given, "^header = ")

    def test_a_function_in_another_place(self) -> None:
        """A function that stands outside of its class, or inside of one, is told so, and where it belongs."""
        [method] = [each for each in EXERCISES if each.id == "tiny-hs256"]
        for exercise, text, expected in (
            (
                method,
                "def sign(self, text): ...",
                "In mine.py `sign` does not stand in `class Tokens:`; indent it below",
            ),
            (method, "class Users:\n    def sign(self, text): ...", "`sign` does not stand in `class Tokens:`"),
            (
                method,
                "class Tokens: ...",
                "There is no function Tokens.sign in mine.py. In `class Tokens:` it begins: def",
            ),
            (PARSE, "class A:\n    def parse(header): ...", "In mine.py `parse` does not stand by itself, at the left"),
            (PARSE, "parse = 1", "There is no function parse in mine.py. It begins: def parse"),
        ):
            with self.subTest(text):
                self.assertIn(expected, judge(exercise, text, "mine.py").problem)

    def test_where_two_texts_differ(self) -> None:
        """Of two long texts that begin alike the first difference is shown by itself; of others it can be seen."""
        folder = Folder(Path("nowhere"), TINY)
        alike, a, rest = "a" * 80, "…" + "a" * 28, ("b01 " + "b" * 80, "c29\n" + "c" * 80)
        for seen, expected, shown in (
            (alike + rest[0], alike + rest[1], [f"{a}b01 {'b' * 24}", f"{a}c29 {'c' * 24}"]),
            ("a401", "a429", []),
            (rest[0], rest[1], []),
            (alike, "None", []),
        ):
            verdict = Verdict("tests.x", sentence="One.", seen=seen, expected=expected)
            said = report(1, folder, Judgement((verdict,))).split("\n")
            with self.subTest(seen):
                places = [number for number, line in enumerate(said) if "they differ" in line]
                found = [line[14:] for number in places for line in said[number : number + 3]]
                self.assertEqual(found, [*shown, " " * 29 + "^"] if shown else [])

    def test_what_naive_and_authref_answer(self) -> None:
        """After an attack, whether it works or not, either version's own answer is shown."""
        folder = Folder(Path("nowhere"), TINY)
        for attack, naive, own in ((ATTACK, "{'session': 'evil'}", "{'\\u2000session': 'evil'}"),
                                   ("def attack():\n    return 'a=1'\n", "{'a': '1'}", None)):  # fmt: skip
            with self.subTest(attack):
                said = report(3, folder, judge(BLANK, attack, "mine.py"))
                self.assertIn(f"naive said  {naive}\n", said)
                self.assertEqual(re.findall(r"authref     (.*)", said), [own] if own else [])

    def test_which_attacks_it_stops(self) -> None:
        """Who solved an exercise, or has it shown, is told how to watch its attacks; for programs a list."""
        folder = Folder(Path("nowhere"), (replace(PARSE, attacks=("cookie-twice", "broken-neighbour")), PARSE))
        solved = judge(PARSE, SOURCE, "mine.py")
        line = "Watch it: python -m authref attack cookie-twice\n  or broken-neighbour"
        for number, there in ((1, [line]), (2, [])):
            for said in (report(number, folder, solved), report_module.shown(folder.exercises[number - 1], number, "")):
                with self.subTest(number):
                    self.assertEqual(re.findall("Watch it:.*\n.*", said), there)
        self.assertEqual(as_json(1, folder)["attacks"], ["cookie-twice", "broken-neighbour"])

    def test_tokens_and_exchanges(self) -> None:
        """A token is shown with what it says, a request and a response in two lines of HTTP; all else as before."""
        token = jwt.create({"sub": "a"}, {"k1": bytes(range(32))})
        told = '<{"alg": "HS256", "typ": "at+jwt", "kid": "k1"} . {"sub": "a"} . '
        self.assertRegex(show(token), rf"\A'{re.escape(told)}[\w-]{{8}}…>'\Z")
        request = Request("GET", "/me", (("authorization", f"Bearer {token}"), ("cookie", "a=1")))
        self.assertRegex(show(request), rf"\AGET /me\n  authorization: Bearer {re.escape(told)}[^\n]*>; cookie: a=1\Z")
        answer = Response.json({"a": 1})
        self.assertEqual(show(answer), 'HTTP/1.1 200\n  content-type: application/json; {"a":1}')
        self.assertEqual(show(Response(204)), "HTTP/1.1 204")
        self.assertEqual(show(Request("GET", "/", (("a", "b  "), ("c", "d")))), "GET /\n  a: b␠␠; c: d")
        headers = Message()
        headers["Authorization"] = f"Bearer {token}"
        self.assertRegex(show(headers), rf"\A{{'Authorization': 'Bearer {re.escape(told)}[\w-]{{8}}…>'}}\Z")
        for text in (
            "eyJ",
            "eyJ.eyJ.",
            "eyJhbGciOiJub25lIn0.eyJ4.x",
            "plain, longer than forty characters in a row",
        ):
            self.assertEqual(show(text), repr(text))

    def test_bytes(self) -> None:
        """A long key is shown by its length and its ends; bytes that can be read, and few ones, as they are."""
        self.assertEqual(show(bytes(range(64))), "<64 bytes, 0001020304050607 … 38393a3b3c3d3e3f>")
        for data in (bytes(range(24)), b'{"iss":"joe",\r\n "exp":1300819380}', b""):
            self.assertEqual(show(data), repr(data))
        self.assertLess(len(show(b"a" * 10_000)), 300)

    def test_an_endless_loop(self) -> None:
        """Who computes too long is told so, and which limit it was; the process does not outlive it."""
        with mock.patch.multiple(judge_module, TIME=0.1, PATIENCE=10**4):  # however long that takes on a busy machine
            failed = judge(PARSE, answer("    while True: pass"), "mine.py").failed
        assert failed is not None
        self.assertIn("It had not ended after 0.1 seconds", failed.error)
        self.assertRegex(failed.given, "^header = ")

    def test_an_endless_sleep(self) -> None:
        """Who waits for ever, and computes nothing, is told so too."""
        with mock.patch.multiple(judge_module, TIME=0.1, PATIENCE=1):
            failed = judge(PARSE, answer("    import time; time.sleep(10**6)"), "mine.py").failed
        assert failed is not None
        self.assertIn("It had not ended after 0.1 seconds", failed.error)

    def test_a_python_for_each(self) -> None:
        """Without a nursery a trial is a new Python, and the verdicts are the same ones."""
        texts = {"right": SOURCE, "crash": answer("    import os; os._exit(3)")}
        exercise = replace(PARSE, claims=(TABLE,))
        with mock.patch.object(nursery, "_open", []):
            found = judgements(texts, exercise)
        self.assertTrue(found["right"].solved)
        self.assertEqual(found["crash"], judge(exercise, texts["crash"], "mine.py"))
        failed = found["crash"].failed
        assert failed is not None
        self.assertEqual(failed.error, "It ended the whole program (exit status 3).")

    def test_a_refusal_that_does_not_come(self) -> None:
        """An exception that was expected is named as expected, in whichever form the claim asks for it."""
        for exercise, text, refusal in (
            (replace(PARSE, target="authref.jwt:unsign", claims=(UNSIGNING,)), NAIVE_UNSIGN, "Malformed is raised"),
            (replace(PARSE, target="authref.cookies:set_cookie", claims=(PREFIX,)), NAIVE_SET, "ValueError is raised"),
        ):
            failed = judge(exercise, text, "mine.py").failed
            assert failed is not None
            self.assertEqual(failed.expected, refusal)

    def test_the_rest_goes_on(self) -> None:
        """After a claim that crashed the process the others are judged all the same, when all are asked for."""
        text = answer("    import os; os._exit(3)")
        verdicts = judge(PARSE, text, "mine.py", every=True).verdicts
        self.assertEqual([verdict.claim for verdict in verdicts], list(PARSE.claims))
        self.assertEqual({verdict.error for verdict in verdicts}, {"It ended the whole program (exit status 3)."})

    def test_helpers_and_imports(self) -> None:
        """What a learner adds at the top of the file is at hand when their function runs."""
        body = SOURCE[SOURCE.index("    cookies: dict") : SOURCE.index("def values")].rstrip()
        text = answer("    assert string.digits\n    return helper(header)")
        text = text.replace("import re\n", "import re\nimport string\n")
        self.assertTrue(judge(PARSE, f"{text}\n\ndef helper(header):\n{body}\n", "mine.py").solved)

    def test_an_update_around_it(self) -> None:
        """A file of last year is judged within the source of today: what was renamed around it does no harm."""
        today = SOURCE.replace("_VALUE", "_TODAY")
        with mock.patch("authref.exercises.judge.source_of", lambda module: today):
            self.assertTrue(judge(PARSE, SOURCE, "mine.py").solved)

    def test_an_attack_on_everybody(self) -> None:
        """What gets past the reference too is no attack but honest use, and is not taken."""
        failed = judge(BLANK, 'def attack(): return "session=evil"', "mine.py").failed
        assert failed is not None
        self.assertEqual((failed.sentence, failed.seen), (IS_STOPPED, "'session=evil'"))

    def test_answers_that_are_none(self) -> None:
        """An answer is a value: True is not 1, an expression is not run, and what is left open is not wrong."""
        for line in ("ANSWER_2 = False", "ANSWER_2 = len([])", "ANSWER_2 = 'x", "", "ANSWER_2 = ..."):
            with self.subTest(line):
                judgement = judge(SAY, ANSWERS.replace("ANSWER_2 = 0", line), "mine.py")
                self.assertFalse(judgement.solved)
                self.assertEqual(judgement.untouched, line in ("", "ANSWER_2 = ..."))


class Pages(unittest.TestCase):
    def test_what_ran_before(self) -> None:
        """What several questions have run before them stands there once; of the next, what is different."""
        first = "a = 1\nb = 2\nc = 3\n"
        setups = (first, first, first + "d = 4", "e = 5")
        asked = replace(SAY, questions=tuple(Question("What?", "a", setup) for setup in setups))
        text = page(1, asked)
        self.assertEqual(text.count("# Before it"), 3)
        self.assertIn("# Before it, this has run:\n#     a = 1\n#     b = 2\n#     c = 3\n\n# 1. What?", text)
        self.assertIn("# Before it, the same has run anew, as far as `c = 3`, and then:\n#     d = 4\n\n# 3.", text)
        self.assertIn("# Before it, this has run:\n#     e = 5\n\n# 4. What?", text)

    def test_what_a_file_holds(self) -> None:
        """A file holds the function, in its class, imports for all it works with, and of what it calls the sentence."""
        source = """
import a
import b.c
from d import e, f as g

LIMIT = 3  # tries
LEFT = 4

class Base: ...

@g
class C(Base):
    field: e = 1

    def asked(self, x: int) -> int:
        '''What comes back. More of it.'''
        return self.helper(a.one, b.two) + LIMIT + self.field + other(g)

    def helper(self, y, z): ...

def other(h: int = 2) -> str:
    '''Another one.'''
"""
        version = 'def asked(self, x: int) -> int:\n    raise NotImplementedError("")'
        text = excerpt("authref.m", source, "C.asked", version, 60)
        self.assertEqual(
            text,
            """from __future__ import annotations

import a
import b.c
from d import f as g

from authref.m import Base, LIMIT, other


# At hand:
#   self.field: e = 1
#   self.helper(y, z)
#   LIMIT = 3  # tries
#   other(h: int=2) -> str: Another one
class C(Base):
    def asked(self, x: int) -> int:
        raise NotImplementedError("")
""",
        )
        short = excerpt("authref.m", source, "C.asked", version, 15)
        self.assertLessEqual(short.count("\n"), 15)
        self.assertIn("def asked", short)

    def test_a_long_comment(self) -> None:
        """What is at hand is never cut in the middle: it goes on in the next line, or is left out as a whole."""
        words = " ".join(f"word{number}" for number in range(30))
        source = f"""
LIMIT = 3  # {words}
class C:
    last = "{words}"  # of all

    def asked(self):
        return LIMIT, self.last
"""
        version = "def asked(self): ..."
        for limit in range(10, 24):
            text = excerpt("authref.m", source, "C.asked", version, limit)
            about = re.findall(r"(?m)^# .*", text)
            told = " ".join(" ".join(line[1:] for line in about).split())
            with self.subTest(limit):
                both = [f"At hand: self.last = '{words}'", f"LIMIT = 3 # {words}"]
                self.assertIn(told, ["", "At hand:", both[0], " ".join(both)])
                self.assertLessEqual(max(map(len, about), default=0), 100)
        self.assertEqual(told, " ".join(both), "with lines enough all of it is there")

    def test_what_is_set_in_init(self) -> None:
        """What `__init__` sets is at hand as what its parameter is, and so is what a base class of authref has."""
        source = """
from authref.app.routes import Routes

class C(Routes):
    def __init__(self, map: Map[int], events):
        self._map, self.events = map, events
        self.limit: int = 3

    def f(self):
        return self._map, self.events, self.limit, self.sessions, self.mechanism(1)
"""
        text = excerpt("authref.m", source, "C.f", "def f(self): ...", 60)
        self.assertIn(
            """# At hand:
#   self.events
#   self.sessions: Sessions
#   self.mechanism(request: Request) -> Mechanism: What judges the request
#   self._map: Map[int]
#   self.limit: int = 3
class C(Routes):
""",
            text,
        )

    def test_what_is_to_be_read(self) -> None:
        """All that `Read` names of authref is found, and nowhere in it the answer of what is written or mended."""
        for number, exercise in enumerate(EXERCISES, 1):
            found = dict(read(exercise))
            files = set(re.findall(r"authref/[\w/]+\.py", exercise.read))
            with self.subTest(exercise.id):
                self.assertEqual({place.partition(":")[0] for place in found}, files)
                named = {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", exercise.read)}
                self.assertLessEqual(named, {re.split(r"[.:] ?", place)[-1] for place in found})
                self.assertIn(f"read {number}" if found and exercise.target else "run", page(number, exercise))
                if exercise.kind in (WRITE, HEAL):
                    module, _, name = exercise.target.partition(":")
                    source, shown = source_of(module), "\n".join(found.values()).split("\n")
                    kept = text_of(cut(source, name, HOLE), name).split("\n")
                    body = [line.strip() for line in text_of(source, name).split("\n") if line not in kept]
                    twos = ["\n".join(body[place : place + 2]) for place in range(max(1, len(body) - 1))]
                    self.assertEqual([two for two in twos if two in "\n".join(map(str.strip, shown))], [])

    def test_what_is_read_without_the_answer(self) -> None:
        """A named class has a hole where the answer stands; a method comes from the answer's class, a comment along."""
        named = "authref/maps.py: MemoryMap, `get`; RFC 1"
        found = dict(read(replace(PARSE, target="authref.maps:MemoryMap.setdefault", read=named)))
        self.assertEqual(list(found), ["authref/maps.py: MemoryMap", "authref/maps.py: MemoryMap.get"])
        self.assertEqual(found["authref/maps.py: MemoryMap"].count(HOLE), 1)
        constant = dict(read(replace(PARSE, read="authref/revocation.py: CLOCK_ERROR, what is no name")))
        self.assertRegex("\n".join(constant.values()), r"\A# Seconds .*\n.*\nCLOCK_ERROR = .*\Z")
        self.assertEqual(list(read(replace(PARSE, read="RFC 6265 §5.4"))), [])

    def test_each_file_runs(self) -> None:
        """Python runs each file as it is: all that is imported is there."""
        for number, exercise in enumerate(EXERCISES, 1):
            if exercise.kind != PREDICT:
                with self.subTest(exercise.id):
                    exec(compile(page(number, exercise), "page", "exec"), {"__name__": "page"})  # noqa: S102


class InAFolder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "mine")
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop("AUTHREF_EXERCISES", None)  # whoever runs this may have one
        self.assertEqual(command("start", str(self.path))[0], 0)
        here = mock.patch.object(Path, "cwd", lambda: self.path)
        here.start()
        self.addCleanup(here.stop)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, "utf-8")

    def test_a_course(self) -> None:
        """From the first look to the right answer: the hole, a wrong answer and what it says, hints, and progress."""
        status, out, _ = command("next")
        self.assertEqual(status, 1)
        self.assertIn("Make a dict of it.", out)
        self.assertIn("Yours to write: mine/01-cookies-parse.py, line ", out)
        self.write("01-cookies-parse.py", answer("    return dict(pair.split('=') for pair in header.split(';'))"))
        status, out, _ = command("run", "1")
        self.assertEqual(status, 1)
        for words in ("Claim 1 of 2: Planted, quoted, encoded and broken pairs", "  case        two cookies\n",
                      "  given       header = 'session=abc; theme=dark'\n",
                      "  returned    {' theme': 'dark', 'session': 'abc'}\n",
                      "  expected    {'session': 'abc', 'theme': 'dark'}\n", "tests/test_cookies.py:",
                      "Why an attacker cares\n  Cookies can be planted.\nRead\n", "hint 1"):  # fmt: skip
            self.assertIn(words, out)
        self.assertNotIn("Traceback", out)
        self.assertLessEqual(max(map(len, out.split("\n"))), 80)
        self.assertEqual(command("show", "1")[0], 2)
        self.assertIn("Read\n  RFC 6265 §5.4\n", command("read", "1")[1] + "\n")
        for shown in (1, 2, 3, 3):
            out = command("hint", "cookies-parse")[1]
            self.assertEqual([hint[:9] in out for hint in HINTS], [True] * shown + [False] * (3 - shown))
        self.write("01-cookies-parse.py", SOURCE)
        status, out, _ = command("run", "1")
        self.assertEqual((status, "Solved. All 2 claims hold; 1 of 4 solved." in out), (0, True))
        self.assertIn('for pair in header.split(";"):', command("show", "1")[1])
        self.assertIn("1 of 4 solved", command("list")[1])
        out = command("next")[1]
        self.assertIn("Exercise 2, heal", out)
        self.assertRegex(out, r"Yours to mend: mine/02-cookies-clear.py, line \d+\n")

    def test_the_order_of_the_paths(self) -> None:
        """What comes next follows the paths: first the few of thirty minutes, wherever they stand in the course."""
        paths = {"30 minutes": ("cookies-say",), "two hours": ("cookies-clear",), "everything": ()}
        with mock.patch.dict("authref.exercises.lessons.PATHS", paths):
            out = command("start", str(self.path))[1]
            self.assertIn("Start with these (30 minutes)", out)
            self.assertIn("   4  What does it say?", out)
            said = " ".join(out.split())
            self.assertRegex(said, r"First open mine/04-cookies-say\.py in your editor\. .* from line [1-9]\d* on\.")
            self.assertRegex(said, r"Then start this here, .*: python -m authref exercises watch\Z")
            self.assertIn("Exercise 4, predict", command("next")[1])
            self.write("04-cookies-say.py", ANSWERS)
            out = command("run", "4")[1]
            self.assertIn("That was the path of 30 minutes. The next one is two hours.", " ".join(out.split()))
            self.assertIn("Exercise 2, heal", command("next")[1])
            self.write("02-cookies-clear.py", SOURCE)
            command("run", "2")
            self.assertIn("Exercise 1, write", command("next")[1])
            self.assertIn("30 minutes: 1 of 1 · two hours: 2 of 2 · everything: 2 of 4", command("list")[1])

    def test_a_prediction(self) -> None:
        """Each answer is called right or wrong; what comes back is told after the third hint, with a reason."""
        self.write("04-cookies-say.py", 'ANSWER_1 = {"a": "1"}\nANSWER_2 = 7\nANSWER_3 = ...\n')
        out = command("run", "4")[1]
        for words in ("1.  right   {'a': '1'}\n", "2.  wrong   7\n", "3.  no answer yet\n", "after the third hint"):
            self.assertIn(words, out)
        self.assertNotIn("comes back  ", out)
        for shown in (1, 2, 3):
            out = command("hint", "4")[1]
            self.assertEqual(("Twice is none." in out, "ANSWER_2    0\n" in out), (shown == 3,) * 2)
        self.assertRegex(command("run", "4")[1], r"2\.  wrong   7\n +comes back +0\n")
        self.write("04-cookies-say.py", ANSWERS)
        self.assertIn("Twice is none.", command("run", "4")[1])
        self.assertIn("Twice is none.", command("show", "4")[1])

    def test_for_programs(self) -> None:
        """As JSON: every claim of every exercise, and the exit status says whether all are solved."""
        self.write("02-cookies-clear.py", SOURCE)
        self.write("03-cookies-blank.py", ATTACK)
        self.write("04-cookies-say.py", ANSWERS.replace("= 0", "= 1"))
        [said] = json.loads(command("run", "4", "--json")[1])
        self.assertEqual(
            [claim["expected"] for claim in said["claims"]], ["", "", ""]
        )  # it would give the answers away
        self.write("04-cookies-say.py", ANSWERS)
        status, out, _ = command("run", "--json")
        found = {each["id"]: each for each in json.loads(out)}
        self.assertEqual(status, 1)
        self.assertEqual([each["solved"] for each in found.values()], [False, True, True, True])
        self.assertEqual([claim["claim"] for claim in found["cookies-parse"]["claims"]], list(PARSE.claims))
        states = [each["state"] for each in json.loads(command("list", "--json")[1])]
        self.assertEqual(states, ["open", "solved", "solved", "solved"])
        self.write("01-cookies-parse.py", SOURCE)
        self.assertEqual(command("run", "--json")[0], 0)
        self.assertEqual(json.loads(command("next", "--json")[1]), [])

    def test_what_is_theirs_stays(self) -> None:
        """Starting again, after an update too, writes what is new and what nobody touched, and nothing else."""
        self.write("01-cookies-parse.py", "# mine")
        status, out, _ = command("start", catalogue=(SAY, *TINY[:3]))
        self.assertEqual((status, out.split("; ")[0]), (0, f"No exercise was missing in {self.path}"))
        self.assertEqual(
            [path.name for path in sorted(self.path.glob("0*"))],
            ["01-cookies-say.py", "02-cookies-parse.py", "03-cookies-clear.py", "04-cookies-blank.py"],
        )
        self.assertEqual((self.path / "02-cookies-parse.py").read_text(), "# mine")
        self.assertIn("# Exercise 3, heal", (self.path / "03-cookies-clear.py").read_text())

    def test_how_it_was_called(self) -> None:
        """The commands that are shown are called as this one was, by a path where a shell would not find them."""
        bin_, other = "/somewhere/.venv/bin", "/else where/bin"
        for called, python, found, expected in (
            (f"{bin_}/authref", f"{bin_}/python3", f"{bin_}/authref", "authref exercises"),
            (f"{bin_}/authref", f"{bin_}/python3", None, f"{bin_}/authref exercises"),
            (f"{other}/authref", f"{bin_}/python3", f"{bin_}/authref", f"'{other}/authref' exercises"),
            (f"{PACKAGE}/__main__.py", f"{bin_}/python3", f"{bin_}/python", "python -m authref exercises"),
            (f"{PACKAGE}/__main__.py", f"{bin_}/python3", "/usr/bin/python", f"{bin_}/python3 -m authref exercises"),
            (f"{PACKAGE}/__main__.py", f"{bin_}/python3", None, f"{bin_}/python3 -m authref exercises"),
            ("/any/unittest/__main__.py", f"{bin_}/python3", None, "python -m authref exercises"),
        ):
            with self.subTest(called, found=found), mock.patch("sys.argv", [called]), mock.patch(
                "sys.executable", python), mock.patch("shutil.which", lambda name, found=found: found):  # fmt: skip
                self.assertEqual(_program(), expected)

    def test_a_folder_further_up(self) -> None:
        """A folder that lies above or beside it is not taken for the learner's: what stands in there would be run."""
        inside = self.path / "work"
        inside.mkdir()
        with mock.patch.object(Path, "cwd", lambda: inside):
            self.assertEqual(command("list")[0], 2)
        self.assertEqual(command("list")[0], 0)  # the twin

    def test_a_folder_of_other_things(self) -> None:
        """Fifty files are not strewn into a folder that holds something else; an empty one is filled."""
        full, empty = self.path / "full", self.path / "empty"
        for folder in (full, empty):
            folder.mkdir()
        (full / "test_exercises.py").write_text("mine", "utf-8")
        self.assertEqual(command("start", str(full))[0], 2)
        self.assertEqual([path.read_text("utf-8") for path in full.iterdir()], ["mine"])
        self.assertEqual(command("start", str(empty))[0], 0)

    def test_reset(self) -> None:
        """An exercise can begin anew; what was there is kept beside it."""
        first = (self.path / "01-cookies-parse.py").read_text("utf-8")
        self.write("01-cookies-parse.py", "# mine")
        self.assertEqual(command("reset", "1")[0], 0)
        self.assertEqual((self.path / "01-cookies-parse.py").read_text("utf-8"), first)
        self.assertEqual((self.path / "01-cookies-parse.old").read_text("utf-8"), "# mine")
        self.assertEqual(command("reset")[0], 2)
        self.assertEqual(command("reset", "--all")[0], 0)

    def test_files_that_are_no_answer(self) -> None:
        """A file that is gone, not text, or a damaged memory of the progress: a sentence, and the way on."""
        (self.path / "01-cookies-parse.py").unlink()
        (self.path / "02-cookies-clear.py").write_bytes(b"\xff\xfe")
        self.write("04-cookies-say.py", "")  # as an editor leaves it for a moment, when it saves
        self.assertEqual(command("run", "4")[1].count("no answer yet"), 3)
        self.write(".progress.json", "[")
        self.assertIn("01-cookies-parse.py is missing; python -m authref exercises start", command("run", "1")[1])
        self.assertIn("02-cookies-clear.py cannot be read", command("run", "2")[1])
        self.assertEqual(command("start")[0], 0)
        self.assertTrue((self.path / "01-cookies-parse.py").exists())

    def test_several(self) -> None:
        """Of each that was named and failed the whole report is shown, and a line of every one of them below."""
        self.write("01-cookies-parse.py", SOURCE)
        status, out, _ = command("run", "1", "2", "4")
        self.assertEqual(status, 1)
        folder = Folder(self.path, TINY)
        for number in (2, 4):
            path = folder.file(number)
            judgement = judge(TINY[number - 1], path.read_text("utf-8"), path.name)
            self.assertEqual(out.count(report(number, folder, judgement)), 1)
        self.assertNotIn("Exercise 1,", out)
        self.assertEqual(re.findall(r"(?m)^ +(\d) ", out.rpartition("no  lesson, kind")[2]), ["1", "2", "4"])
        self.assertNotIn("Exercise ", command("run")[1])  # of all of them that would be too much

    def test_what_is_not_understood(self) -> None:
        """One sentence on standard error and status 2: no such exercise, no folder, a place inside of authref."""
        for arguments in (("run", "9"), ("run", "x"), ("hint", "0"), ("list", "--folder", str(self.path / "gone")),
                          ("list", "--folder", str(PACKAGE)),
                          ("start", str(PACKAGE / "mine")), (), ("walk",)):  # fmt: skip
            with self.subTest(arguments):
                status, out, err = command(*arguments)
                self.assertEqual((status, out), (2, ""))
                self.assertRegex(err, r"\Aauthref: [^\n]+\n\Z")

        err = command("run", "cookies-pares")[2]
        self.assertIn("There is no exercise cookies-pares. Did you mean cookies-parse?", err)

    def test_nothing_asked(self) -> None:
        """Without a command it says how to begin, or, where there is a folder, how to go on."""
        self.assertIn("Go on with: python -m authref exercises watch", command()[2])
        with mock.patch.object(Path, "cwd", lambda: self.path.parent):
            self.assertIn("Begin with: python -m authref exercises start", command()[2])

    def test_by_unittest(self) -> None:
        """Plain `python -m unittest` in the folder says the same, an exercise a test."""
        self.write("01-cookies-parse.py", SOURCE)
        from authref.exercises.as_unittest import judged_in

        with mock.patch("authref.exercises.as_unittest.catalogue", lambda: TINY):
            load_tests = judged_in(str(self.path / "test_exercises.py"))
            suite = load_tests(unittest.defaultTestLoader, unittest.TestSuite(), None)
            out = io.StringIO()
            result = unittest.TextTestRunner(out).run(suite)
        self.assertEqual((result.testsRun, len(result.failures), len(result.errors)), (4, 3, 0))
        folder = Folder(self.path, TINY)
        text = (self.path / "02-cookies-clear.py").read_text("utf-8")
        self.assertIn(report(2, folder, judge(CLEAR, text, "02-cookies-clear.py")), out.getvalue())
        self.assertNotIn("File ", out.getvalue())
        self.assertTrue(folder.is_solved(1))

    def test_watch(self) -> None:
        """A saved file is judged at once, and Ctrl-C ends quietly with status 0; alone, no other one is offered."""
        real_sleep, seen = time.sleep, []

        def sleep(seconds: float) -> None:
            real_sleep(0.01)
            seen.append(seconds)
            if len(seen) == 1:
                self.write("04-cookies-say.py", ANSWERS)
            if len(seen) == 3:
                raise KeyboardInterrupt

        with mock.patch("authref.exercises.commands.time.sleep", sleep), mock.patch("sys.stdin", io.StringIO()):
            status, out, _ = command("watch", "4")
        self.assertEqual(status, 0)
        self.assertEqual(out.count("Exercise 4, predict"), 2)
        self.assertIn("Solved.", out)
        self.assertGreaterEqual(min(seen), 0.1)
        with mock.patch("authref.exercises.commands.keys", lambda: nullcontext(lambda _: next(pressed))):
            pressed = iter(["s", "n", "q"])
            out = command("watch", "1")[1]
        self.assertEqual((out.count("Exercise 1, write"), out.count("Exercise 2")), (1, 0))
        self.assertIn("\nh: a hint, l: list, q: end\n", out)

    def test_watch_goes_on(self) -> None:
        """When one is solved the next one is named, and shown when the learner goes on; each key does what it says."""
        pressed = iter(["n", "h", "", "x", "n", "s", "l", "q"])
        shown: list[str] = []

        def press(seconds: float) -> str:
            key = next(pressed)
            shown.append(key)
            if len(shown) == 3:
                self.write("01-cookies-parse.py", SOURCE)
            return key

        with mock.patch("authref.exercises.commands.keys", lambda: nullcontext(press)):
            status, out, _ = command("watch")
        self.assertEqual((status, shown), (0, ["n", "h", "", "x", "n", "s", "l", "q"]))
        places = [out.index(words) for words in (
            "Exercise 1, write", HINTS[0], "Solved. All 2 claims hold", "And on: 2 Forget (heal, 5 min), in ",
            "1 of 4 solved. Watching", "Exercise 2, heal", "Exercise 3, break", " no  lesson, kind and title",
        )]  # fmt: skip
        self.assertNotIn("exercises next", out)
        self.assertEqual(places, sorted(places))
        self.assertEqual(out.count("Exercise 2, heal"), 1)
        self.assertEqual(out.count("n: go on, h: a hint, s: skip, l: list, q: end"), 1, "only where something waits")
        self.assertEqual(out.count("Watching"), 6, "one at first, and one for each key and save that does something")
        self.assertLess(max(map(len, out.split("\n"))), 80)

    def test_another_one_is_saved(self) -> None:
        """Who solves another exercise than the one whose turn it is stays there; a second save moves nobody."""
        right = (self.path / "02-cookies-clear.py").read_text("utf-8")
        right = swap(right, "clear_cookie", text_of(SOURCE, "clear_cookie"))
        pressed, saves = iter(["", "", "h", "q"]), iter([right, right + "\n"])

        def press(seconds: float) -> str:
            for text in islice(saves, 1):
                self.write("02-cookies-clear.py", text)
            return next(pressed)

        with mock.patch("authref.exercises.commands.keys", lambda: nullcontext(press)):
            out = command("watch")[1]
        self.assertEqual(out.count("And on: 1 "), 2)
        self.assertIn(HINTS[0], out)

    def test_what_watch_goes_on_to(self) -> None:
        """After a solution `watch` goes on to what `next` names, past no open one; what was skipped comes last."""
        saves = {1: ("04-cookies-say.py", "ANSWER_1 = 1\n"), 2: ("04-cookies-say.py", ANSWERS),
                 3: ("04-cookies-say.py", ANSWERS + "\n"), 6: ("02-cookies-clear.py", SOURCE)}  # fmt: skip
        pressed, times = iter(["", "", "", "n", "s", "", "n", "s", "q"]), count(1)

        def press(seconds: float) -> str:
            for name, text in filter(None, [saves.get(next(times))]):
                self.write(name, text)
            return next(pressed)

        with mock.patch("authref.exercises.commands.keys", lambda: nullcontext(press)):
            named = re.findall(r"And on: \d|Exercise \d, \w+|Solved", command("watch")[1])
        solved_4, solved_2 = ["Exercise 4, predict", "Solved"], ["Exercise 2, heal", "Solved"]
        self.assertEqual(named, [
            "Exercise 1, write", "Exercise 4, predict",  # the second is wrong: now it is its turn
            *solved_4, "And on: 1", *solved_4, "And on: 1", "Exercise 1, write",
            "Exercise 2, heal",  # skipped to
            *solved_2, "And on: 3", "Exercise 3, break", "Exercise 1, write",
        ])  # fmt: skip

    @unittest.skipIf(sys.platform == "win32", "needs a pseudo-terminal")
    def test_keys_of_a_terminal(self) -> None:
        """A key counts without the end of a line, and the terminal is then as it was; elsewhere there are none."""
        import pty
        import termios

        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        with open(slave, encoding="utf-8") as terminal, mock.patch("sys.stdin", terminal):
            before = termios.tcgetattr(terminal)
            with keys() as pressed:
                assert pressed is not None
                self.assertEqual(pressed(0), "")
                os.write(master, b"hx")
                self.assertEqual((pressed(5), pressed(5)), ("h", "x"))
            self.assertEqual(termios.tcgetattr(terminal), before)
        with mock.patch("sys.stdin", io.StringIO("h")), keys() as pressed:
            self.assertIsNone(pressed)


class Elsewhere(unittest.TestCase):
    """Copies of authref in folders of their own, run by another process."""

    def course(self, root: Path, package: Path) -> None:
        """Begin, judge, ask for a hint and begin anew; the copy stays as it was."""
        before, variables = fingerprint(package), {**os.environ, "PYTHONPATH": str(package.parent)}
        variables.pop("AUTHREF_EXERCISES", None)
        code = "import sys; from authref.exercises import main; sys.exit(max(main(a.split()) for a in sys.argv[1:]))"
        arguments = ("start", "hint cookies-parse", "run cookies-parse", "reset cookies-parse")
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments],
            cwd=root, env=variables, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, "Yours to write: authref-exercises/[0-9]+-cookies-parse.py, line")
        self.assertEqual(fingerprint(package), before)

    def copies(self, tests: str) -> tuple[Path, Path]:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = Path(folder.name, "root").resolve()
        compiled = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, root / "authref", ignore=compiled)
        shutil.copytree(PACKAGE.parent / "tests", root / tests, ignore=compiled)
        return root, root / "authref"

    def test_a_clone(self) -> None:
        """From a clone, in its own folder: the learner's files lie beside it, and it is never written."""
        root, package = self.copies("tests")
        (root / "pyproject.toml").touch()
        self.course(root, package)
        self.assertTrue((root.parent / "authref-exercises" / "test_exercises.py").exists())

    def test_an_installed_copy(self) -> None:
        """Without a clone the claims come from inside of the package, and everything else is the same."""
        root, package = self.copies("authref/exercises/suite")
        with mock.patch.object(judge_module, "PACKAGE", package):
            self.assertEqual(judge_module.tests_folder(), package / "exercises" / "suite")
        beside = root.parent / "elsewhere"
        beside.mkdir()
        self.course(beside, package)
        self.assertTrue((beside / "authref-exercises" / "test_exercises.py").exists())


class TheCatalogue(unittest.TestCase):
    def test_each_exercise(self) -> None:
        """Ids are unique, hints three, titles fit; each file can be made, each claim says so."""
        self.assertEqual(len({exercise.id for exercise in EXERCISES}), len(EXERCISES))
        for number, exercise in enumerate(EXERCISES, 1):
            with self.subTest(exercise.id):
                text = page(number, exercise)
                ast.parse(text)
                self.assertLessEqual(text.count("\n"), 60)
                self.assertLessEqual(max(map(len, text.split("\n"))), 120)
                self.assertTrue(all(exercise.hints) and len(exercise.hints) == 3)
                self.assertTrue(exercise.task and exercise.attacker and exercise.read)
                self.assertLessEqual(len(exercise.title), 40)
                for claim in exercise.claims:
                    self.assertTrue(sentence_of(claim), claim)


if __name__ == "__main__":
    unittest.main()
