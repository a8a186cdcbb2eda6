"""The book is the source: no line is missing, each link leads somewhere, and it is one page without a script."""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import socket
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from html import escape
from pathlib import Path
from unittest import mock

from authref.book import Book, main
from authref.book.asked import ASKED
from authref.book.chapters import OPENING, PACKAGE, chapters, pieces, texts
from authref.book.paths import SHORT
from authref.book.words import first_uses
from authref.wire import Request

MAX_BYTES = 1_500_000
HAS_PACKAGES = all(importlib.util.find_spec(name) for name in ("markdown_it", "pygments"))


@cache
def html() -> str:
    """The book, made once for all questions here."""
    from authref.book.page import book

    return book()


class Chapters(unittest.TestCase):
    def test_each_line_once(self) -> None:
        """Every line of a source that is no docstring is in one piece, in its order: nothing is left out."""
        for chapter in chapters():
            source = PACKAGE.joinpath(chapter.file).read_text("utf-8")
            tree = ast.parse(source)
            outside = [tree, *_definitions(tree)]
            docstrings = {
                number
                for node in outside
                if ast.get_docstring(node)
                for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
            }
            kept = [line for number, line in enumerate(source.splitlines(), 1) if number not in docstrings]
            shown = [line for piece in chapter.pieces for line in piece.code.splitlines()]
            with self.subTest(chapter.file):
                self.assertEqual([line for line in shown if line.strip()], [line for line in kept if line.strip()])

    def test_a_class(self) -> None:
        """A class is cut into its head and its methods, each with its own prose; comments stay with what they touch."""
        source = 'import os\n\n\n# why\nclass A:\n    """One."""\n\n    x = 1\n\n'
        source += '    # how\n    def f(self):\n        """Two."""\n'
        found = [(piece.name, piece.prose, piece.code) for piece in pieces(source)]
        self.assertEqual(found, [("", "", "import os"), ("A", "One.", "# why\nclass A:\n\n    x = 1"),
                                 ("A.f", "Two.", "    # how\n    def f(self):")])  # fmt: skip

    def test_what_is_asked(self) -> None:
        """Each chapter ends with three questions, but for the one that is only an index; none asks of another file."""
        files = {chapter.file for chapter in chapters()}
        self.assertEqual(files - {"serving/__init__.py"}, set(ASKED))
        for file, questions in ASKED.items():
            with self.subTest(file):
                self.assertEqual(len(set(questions)), 3)


def _definitions(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """The classes, functions and methods below the node; what stands inside a function stays code."""
    for each in node.body:
        if isinstance(each, ast.ClassDef | ast.FunctionDef):
            yield each
        if isinstance(each, ast.ClassDef):
            yield from _definitions(each)


@unittest.skipUnless(HAS_PACKAGES, "needs markdown-it-py and pygments: authref[book]")
class ThePage(unittest.TestCase):
    def test_size_and_what_it_loads(self) -> None:
        """One file of at most 1.5 MB that loads nothing and runs nothing."""
        self.assertLessEqual(len(html().encode()), MAX_BYTES)
        for forbidden in ("<script", "<iframe", "<form", "@import", "url(", "javascript:"):
            self.assertFalse(forbidden in html(), forbidden)
        self.assertEqual([each for each in re.findall(r'src="([^"]*)"', html()) if not each.startswith("data:")], [])

    def test_links(self) -> None:
        """Each link inside the book has its place, once; each other one leads to an RFC."""
        places = re.findall(r' id="([^"]*)"', html())
        self.assertEqual(len(places), len(set(places)))
        links = set(re.findall(r'href="([^"]*)"', html()))
        self.assertGreater(len(links), 300)
        for link in links - {"data:,"}:
            with self.subTest(link):
                if link.startswith("#"):
                    self.assertTrue(link[1:] in places)
                else:
                    self.assertRegex(link, r"\Ahttps://(www\.rfc-editor\.org/rfc/rfc\d+(#section-[\d.]+)?|[\w./-]+)\Z")

    def test_markup_in_a_source(self) -> None:
        """What looks like markup in a source is text in the book."""
        self.assertTrue("&lt;U+2000&gt;__Host-session" in html())

    def test_what_is_shown_at_work(self) -> None:
        """A chapter shows the exchange that it is about, and chapter one the attacks that it lets through."""
        for chapter, words in (
            ("keys", "UnknownKey"), ("roles", "403 Forbidden"), ("admins", "changed: roster +"), ("guards", "nosniff"),
            ("refresh", "refresh token used before"), ("revocation", "changed: denials +"), ("tiny", "authref attack"),
            ("sessions", "what every answer carries"),
        ):  # fmt: skip
            with self.subTest(chapter):
                self.assertIn(words, html().partition(f'<section id="{chapter}">')[2].partition("</section>")[0])

    def test_a_name_leads_to_its_chapter(self) -> None:
        """A function that one file takes from another is linked there."""
        text = html().partition('<section id="users">')[2].partition("</section>")[0]
        self.assertTrue('href="#passwords.hash_password"' in text)

    def test_a_name_after_a_dot(self) -> None:
        """What stands after a dot is linked as a part of what stands before it: a file, a class, or `self`."""
        app, jwt, sessions = (
            html().partition(f'<section id="{name}">')[2].partition("</section>")[0]
            for name in ("app", "jwt", "sessions")
        )
        self.assertIn('<a href="#guards.is_ours">', app)
        self.assertIn('<a href="#sessions.Sessions.', sessions)
        for line in [
            line for line in jwt.splitlines() if '<span class="n">token</span><span class="o">.</span>' in line
        ]:
            self.assertNotIn('<a href="#jwt.encode">', line)  # of text, which is not ours

    def test_what_there_is_to_do(self) -> None:
        """A chapter ends with an exchange, three questions, its exercises, its attacks and its lines of the x-ray."""
        text = html().partition('<section id="sessions">')[2].partition("</section>")[0]
        parts = ("At work", "Can you say now", "authref exercises run", "authref attack NAME", "On the x-ray page")
        for words in ("POST /login HTTP/1.1", *parts):
            with self.subTest(words):
                self.assertTrue(words in text)
        self.assertFalse("correct horse" in text)


@unittest.skipUnless(HAS_PACKAGES, "needs markdown-it-py and pygments: authref[book]")
class TheWay(unittest.TestCase):
    def test_from_place_to_place(self) -> None:
        """Whoever follows the short path by its links comes through all its places in their order, to the questions."""
        seen, place = [], "wire"
        while place != "page-paths":
            seen.append(place)
            here = html().partition(f' id="{place}"')[2]
            number, place = re.findall(r'30 minutes, (\d+) of \d+\. \w+:? <a href="#([^"]+)"', here)[0]
            self.assertEqual(int(number), len(seen))
        self.assertEqual(len(seen), len(SHORT.places))
        self.assertEqual((seen[0], seen[-1]), ("wire", "revocation"))

    def test_a_word_at_its_first_use(self) -> None:
        """Each word of the short path is said in a sentence where it is met first, and nowhere else in the chapters."""
        for (file, name), told in first_uses((each, texts()[each]) for each in SHORT.places).items():
            place = file.removesuffix(".py").replace("/", "-") + f".{name}".removesuffix(f".{OPENING}")
            here = html().partition(f' id="{place}"')[2].partition(' class="piece')[0]
            for word in told:
                with self.subTest(place, word=word.word):
                    self.assertEqual(html().count(f"<b>{word.word}</b>"), 1)
                    self.assertIn(f"<p><b>{word.word}</b> {escape(word.sentence)}</p>", here)

    def test_an_answer_by_a_run(self) -> None:
        """Under each question stand its lines, and below them what travelled; the refusal is unfolded."""
        text = html().partition('<section id="page-questions">')[2].partition("</section>")[0]
        self.assertGreater(text.count('<details class="run"'), 40)
        self.assertIn("the log: authn_login_fail reason=unknown_user", text)
        self.assertRegex(text, r'<details class="run" open><summary>you GET /token/me 401</summary>')
        self.assertNotIn("correct horse", text)

    def test_a_file_in_a_sentence(self) -> None:
        """A file that a text names leads to its chapter, and what stands in it to its place; code stays as it is."""
        text = html().partition('<section id="page-words">')[2]
        self.assertIn('<a href="#cookies.set_cookie"><code>cookies.py</code>: <code>set_cookie</code></a>', text)
        self.assertIn('<a href="#sessions">sessions.py</a>', html().partition('<section id="tiny">')[2])
        self.assertEqual(re.findall(r"<a [^>]*>[^<]*<a ", html()), [])


class TheCommand(unittest.TestCase):
    @unittest.skipUnless(HAS_PACKAGES, "needs markdown-it-py and pygments: authref[book]")
    def test_a_file(self) -> None:
        """`--out FILE` writes the page and says so; where it cannot, it says that in a sentence."""
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()) as out:
            self.assertEqual(main(["--out", f"{folder}/book.html"]), 0)
            self.assertTrue(Path(folder, "book.html").read_text("utf-8").startswith("<!doctype html>"))
        self.assertIn("one file", out.getvalue())
        with redirect_stderr(io.StringIO()) as err, self.assertRaises(SystemExit):
            main(["--out", "/nowhere/at/all/book.html"])
        self.assertRegex(err.getvalue(), r"\Aauthref: Cannot write [^\n]+\n\Z")

    @unittest.skipUnless(HAS_PACKAGES, "needs markdown-it-py and pygments: authref[book]")
    def test_a_port(self) -> None:
        """A port that is taken, or that is none, is told in a sentence."""
        with socket.create_server(("127.0.0.1", 0)) as taken, mock.patch("authref.book.page.book", lambda: ""):
            for port in (taken.getsockname()[1], 99999, -1):
                with self.subTest(port), redirect_stderr(io.StringIO()) as err, self.assertRaises(SystemExit):
                    main(["--port", str(port)])
                self.assertRegex(err.getvalue(), rf"\Aauthref: Cannot listen on port {port} [^\n]+--port 0\n\Z")

    def test_without_the_packages(self) -> None:
        """Where they are not installed, one sentence says how to get them."""
        loaded = {name: module for name, module in sys.modules.items() if name != "authref.book.page"}
        with (
            mock.patch.dict(sys.modules, {**loaded, "markdown_it": None}, clear=True),
            redirect_stderr(io.StringIO()) as err,
            self.assertRaises(SystemExit) as ended,
        ):
            main([])
        self.assertEqual(ended.exception.code, 2)
        self.assertRegex(err.getvalue(), r"\Aauthref: [^\n]+: \S+ -m pip install markdown-it-py pygments\n\Z")

    def test_what_it_answers(self) -> None:
        """The page at `/`, without a script by its policy too; nothing else, and nothing but GET."""
        app = Book("<!doctype html>")
        answer = app(Request("GET", "/"))
        self.assertEqual((answer.status, answer.body), (200, b"<!doctype html>"))
        self.assertIn("default-src 'none'", answer.header("content-security-policy") or "")
        self.assertEqual([app(Request(*each)).status for each in (("GET", "/x"), ("POST", "/"))], [404, 405])


if __name__ == "__main__":
    unittest.main()
