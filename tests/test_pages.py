"""The pages beside the source say what is so: their links lead somewhere, their places are there, their runs happen."""

from __future__ import annotations

import ast
import re
import textwrap
import unittest
from functools import cache
from pathlib import Path
from typing import Any

from authref import passwords, refresh, sessions, throttle, tokens, users
from authref.book.chapters import OPENING, chapters, texts
from authref.book.paths import LONG, SHORT, as_markdown
from authref.book.runs import Lie, Run
from authref.book.words import first_uses, words
from authref.serving import reader, server
from tests import reading

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "authref"
PAGES = PACKAGE / "book" / "pages"
README = PROJECT / "README.md"
MAX_WORDS_OF_README = 1000
MAX_WORDS_OF_AN_ANSWER = 150


def pages() -> list[Path]:
    """The README and all pages."""
    return [README, *sorted(PAGES.glob("*.md"))]


@cache
def tree_of(file: str) -> ast.Module:
    """The parsed source of this file of the package."""
    return ast.parse(PACKAGE.joinpath(file).read_text("utf-8"))


def place(file: str, name: str) -> str:
    """The source of a place: `opening`, a function, a class, `Class.method` or a constant. Raises LookupError."""
    source = PACKAGE.joinpath(file).read_text("utf-8")
    if name == "opening":
        return f'"""{ast.get_docstring(tree_of(file))}\n"""\n'
    found: Any = tree_of(file)
    for part in name.split("."):
        found = next((each for each in found.body if part in _names(each)), None)
        if found is None:
            raise LookupError(f"{file} has no {name}")
    return textwrap.dedent("\n".join(source.splitlines()[found.lineno - 1 : found.end_lineno]))


def _names(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {getattr(node, "name", ""), *(each.id for each in targets if isinstance(each, ast.Name))}


class EachPage(unittest.TestCase):
    def test_links(self) -> None:
        """Each link leads to a file that is there, or to another site."""
        for path in pages():
            text = path.read_text("utf-8")
            links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
            for link in links:
                with self.subTest(path.name, link=link):
                    if not link.startswith("https://"):
                        self.assertTrue(path.parent.joinpath(link.partition("#")[0]).exists())

    def test_lines(self) -> None:
        """No line of prose is longer than those of the source; a row of a table or a line to paste may be."""
        for path in pages():
            prose = re.sub(r"(?s)```.*?```", "", path.read_text("utf-8")).split("\n")
            long = [line for line in prose if len(line) > 120 and not line.startswith(("|", "<", "    ", "!["))]
            with self.subTest(path.name):
                self.assertEqual(long, [])

    def test_pages_that_nobody_finds(self) -> None:
        """Each page is linked from the README, or from a page that is."""
        reached, waiting = set[Path](), [README]
        while waiting:
            path = waiting.pop()
            reached.add(path)
            links = re.findall(r"\]\(([^)#]+\.md)\)", path.read_text("utf-8"))
            waiting += {path.parent.joinpath(link).resolve() for link in links} & set(pages()) - reached
        self.assertEqual(reached, set(pages()))

    def test_long_sentences(self) -> None:
        """No sentence has more than 30 words; half of the readers read in a foreign language."""
        for path in pages():
            prose = re.sub(
                r"(?s)```.*?```|<picture>.*?</picture>|^\|.*?$|^#.*?$", "", path.read_text("utf-8"), flags=re.M
            )
            for sentence in reading.sentences(prose):
                with self.subTest(path.name, sentence=sentence[:60]):
                    self.assertLessEqual(len(sentence.split()), reading.MAX_WORDS)

    def test_the_length_of_the_readme(self) -> None:
        """The README fits on a screen and a half: at most 1,000 words."""
        self.assertLessEqual(len(README.read_text("utf-8").split()), MAX_WORDS_OF_README)


class ThePaths(unittest.TestCase):
    def test_minutes_of_the_readme(self) -> None:
        """The minutes of the reading paths are those that are counted; of the whole core to the nearest five."""
        shown = dict(re.findall(r"^\| (?:\[)?([\w ]+?)(?:\]\(.*?\))? \| (\d+) \| ", README.read_text("utf-8"), re.M))
        whole = sum(reading.minutes(parts) for parts in reading.core().values())
        self.assertEqual(int(shown.pop("chapter one")), round(reading.minutes(reading.texts()["tiny"])))
        self.assertLessEqual(abs(int(shown.pop("everything")) - whole), 2.5)
        self.assertEqual(shown, {"30 minutes": str(SHORT.minutes), "two hours": str(LONG.minutes)})

    def test_places(self) -> None:
        """Each place of a path is there, once; together they take as long as it says, and no longer than it is named.

        A tenth may be between: who changes a docstring need not come here.
        """
        for way, most in ((SHORT, 30), (LONG, 120)):
            minutes = sum(reading.text_of(place(*each)).minutes for each in way.places)
            with self.subTest(way.title, minutes=round(minutes)):
                self.assertEqual(len(set(way.places)), len(way.places))
                self.assertLessEqual(minutes, most)
                self.assertLessEqual(abs(way.minutes - minutes), way.minutes / 10)
        self.assertIn(f" {len(SHORT.places)} places", README.read_text("utf-8"))

    def test_the_page_of_paths(self) -> None:
        """The page has both tables and their minutes as the book has them."""
        text = (PAGES / "paths.md").read_text("utf-8")
        for way in (SHORT, LONG):
            with self.subTest(way.title):
                part = text.partition(f"## {way.title}\n")[2].partition("\n## ")[0]
                self.assertIn(as_markdown(way), part)
                self.assertIn(f"It takes {way.minutes} minutes", part)

    def test_where_the_short_path_leads(self) -> None:
        """It goes from the cookie to why a token goes on, and asks ten questions at the end."""
        files = [step.file for step in SHORT.steps]
        self.assertLess(files.index("cookies.py"), files.index("sessions.py"))
        self.assertLess(files.index("sessions.py"), files.index("tokens.py"))
        self.assertIn("Why does a token go on", SHORT.steps[-1].question)
        text = (PAGES / "paths.md").read_text("utf-8").partition(f"## {SHORT.title}")[2].partition("\n## ")[0]
        self.assertEqual(len(re.findall(r"(?m)^\d+\. .+\?$", text)), 10)

    def test_all_files(self) -> None:
        """The page shows the files of the contents page, in its order."""
        shown = re.findall(r"^\| `(\w+)(?:\.py|/)` \|", (PAGES / "paths.md").read_text("utf-8"), re.M)
        self.assertEqual(shown, list(reading.contents()))

    def test_the_first_exercises(self) -> None:
        """The six that the README begins with are in the catalogue, under these numbers."""
        text = README.read_text("utf-8").partition("## Write it yourself")[2].partition("\n## ")[0]
        first = re.findall(r"^- (\d+ .+?)(?:\s\s|$)", text, re.M)
        catalogue = (PAGES / "teach.md").read_text("utf-8")
        self.assertEqual(len(first), 6)
        for each in first:
            self.assertIn(each, catalogue)


class TheLimits(unittest.TestCase):
    def test_numbers(self) -> None:
        """The page of limits says what stands in the source, in every row that holds a number."""
        seconds = {name: f"{state[0]:.0f} s" for name, state in server.STATES.items()}
        kib = [f"{each // 1024} KiB" for each in (reader.MAX_REQUEST_LINE, reader.MAX_HEAD, reader.MAX_BODY)]
        day, minute = 24 * 60 * 60, 60
        rows = (
            f"| password | {passwords.MIN_LENGTH} to {passwords.MAX_LENGTH:,} characters,",
            f"| e-mail address | {users.MAX_EMAIL} ASCII characters |",
            f"| request line, head, fields | {kib[0]}, {kib[1]}, {reader.MAX_FIELDS} | 414, 431, 431 |",
            f"| body | {kib[2]}, in at most {reader.MAX_CHUNKS} chunks | 413 |",
            f"| {seconds['new']}, {seconds['head']}, {seconds['body']}; {seconds['idle']} |",
            f"| connections | {server.MAX_CONNECTIONS:,} |",
            f"| time for our own work after SIGTERM | {server.WORK:.0f} s |",
            f"| hashes running, waiting | one per core, {throttle.MAX_WAITING};",
            f"| session | {sessions.IDLE_LIFETIME // minute} minutes without use,"
            f" {sessions.ABSOLUTE_LIFETIME // 3600} hours in all, {sessions.MAX_PER_USER} per user |",
            f"| access token | {refresh.ACCESS_LIFETIME // minute} minutes |",
            f"| refresh token | one use, repeated for a minute at most, {refresh.LIFETIME // day} days from the login,"
            f" {tokens.MAX_PER_USER} logins per user |",
            f"| {throttle.FREE_FAILURES} in a row, then a wait of 1, 2, 4 … {throttle.MAX_WAIT} s before each try |",
            f"| {throttle.ADDRESS_FAILURES}, {throttle.ADDRESS_SIGN_UPS} a minute |",
        )
        text = (PAGES / "limits.md").read_text("utf-8")
        self.assertEqual(text.count("\n| ") - 1, len(rows))
        self.assertEqual((refresh.RETRY_WINDOW, throttle.ADDRESS_WINDOW), (minute, minute))
        for row in rows:
            with self.subTest(row):
                self.assertIn(row, text)


class TheWords(unittest.TestCase):
    def test_places(self) -> None:
        """Each word has a sentence, and a place in the source where it happens."""
        lines = (PAGES / "words.md").read_text("utf-8").partition("| word |")[2].splitlines()
        self.assertEqual(len(words()), len(lines) - 2, "a row that is none")
        self.assertGreaterEqual(len(words()), 60)
        self.assertEqual([each.word.lower() for each in words()], sorted(each.word.lower() for each in words()))
        for each in words():
            with self.subTest(each.word):
                self.assertTrue(place(each.file, each.name))
                self.assertTrue(each.sentence.endswith("."))

    def test_a_word_that_is_met(self) -> None:
        """A word is told where it is met first, in any form, and not inside another one, and not a second time."""
        read = [
            ("a", "Types are exports."),
            ("b", "A HASH, and no hashes; `exp` ends it."),
            ("c", "denylist hash exp"),
        ]
        found = {name: [each.word for each in those] for name, those in first_uses(read).items()}
        self.assertEqual(found, {"b": ["exp", "hash"], "c": ["deny list"]})

    def test_a_word_on_the_short_path(self) -> None:
        """A word in the prose of the short path is told at the first place that has it; most words are met."""
        prose = {(each.file, OPENING): each.opening for each in chapters()}
        prose |= {(each.file, piece.name): piece.prose for each in chapters() for piece in each.pieces}
        told = first_uses((number, texts()[each]) for number, each in enumerate(SHORT.places))
        told_at = {word.word: number for number, those in told.items() for word in those}
        for word in words():
            forms = "|".join(re.escape(form) for form in word.word.split(", "))
            flags = re.IGNORECASE if len(word.word) > 3 else 0
            used = re.compile(rf"(?<![\w-])({forms})(e?s)?(?!\w|(?-i:-[a-z]))", flags)
            first = [number for number, each in enumerate(SHORT.places) if used.search(prose[each])][:1]
            with self.subTest(word.word):
                self.assertLessEqual(told_at.get(word.word, 1000), *first or (1000,))
        self.assertGreaterEqual(len(told_at), 45)


class TheQuestions(unittest.TestCase):
    def questions(self) -> list[tuple[str, str, list[str]]]:
        """Each question, its answer, and its lines."""
        text = (PAGES / "questions.md").read_text("utf-8")
        parts = re.findall(r"^## (.+?)\n\n(.*?)```play\n(.*?)```", text, re.S | re.M)
        self.assertEqual(len(parts), text.count("\n## "))
        return [(title, answer, lines.splitlines()) for title, answer, lines in parts]

    def test_each_answer_by_a_run(self) -> None:
        """What the lines under an answer say happens."""
        self.assertGreaterEqual(len(self.questions()), 13)
        for title, _, lines in self.questions():
            run = Run()
            for number, line in enumerate(lines, 1):
                with self.subTest(title, line=f"{number}. {line}"):
                    run.play(line)

    def test_short_answers(self) -> None:
        """An answer has at most 150 words."""
        for title, answer, _ in self.questions():
            with self.subTest(title):
                self.assertLessEqual(len(answer.split()), MAX_WORDS_OF_AN_ANSWER)

    def test_a_line_that_lies(self) -> None:
        """A line that is not so, or that nobody understands, is found."""
        for line in ("you GET /me 200", "you POST /login 200", "something else", "the log says: wrong_password",
                     "a token with sub 7 is accepted with a leeway of 0",
                     "a browser GET localhost/me 401, sends its cookie",
                     "a browser GET localhost/me 200, has no cookie"):  # fmt: skip
            with self.subTest(line), self.assertRaises(Lie):
                Run().play(line)


if __name__ == "__main__":
    unittest.main()
