"""The pages beside the source say what is so: their links lead somewhere, their places are there, their runs happen."""

from __future__ import annotations

import ast
import re
import textwrap
import unittest
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from authref import jwt
from authref.keys import fresh_keys
from authref.maps import MemoryStore
from authref.wire import Response
from tests import reading
from tests.basics import KEYS, PASSWORD
from tests.support import Harness, body, quick_hashes

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "authref"
PAGES = PACKAGE / "book" / "pages"
README = PROJECT / "README.md"
MAX_WORDS_OF_README = 1000
MAX_WORDS_OF_AN_ANSWER = 150
EMAIL = "alice@example.com"


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
        """The minutes of the reading paths are those that are counted, to the nearest five; chapter one's exactly."""
        shown = dict(re.findall(r"^\| (.*?) \| (\d+) \| ", README.read_text("utf-8"), re.M))
        whole = sum(reading.minutes(parts) for parts in reading.core().values())
        counted = {"the core as far as tokens": reading.before("roles"), "the whole core": whole}
        self.assertEqual(int(shown["chapter one"]), round(reading.minutes(reading.texts()["tiny"])))
        for name, minutes in counted.items():
            with self.subTest(name):
                self.assertLessEqual(abs(int(shown[name]) - minutes), 2.5)

    def test_the_short_path(self) -> None:
        """Each of its places is there; together they take as long as it says, and never more than 30 minutes."""
        text = (PAGES / "paths.md").read_text("utf-8").partition("## 30 minutes")[2].partition("## Two hours")[0]
        places = [
            (file, name)
            for file, names in re.findall(r"`([\w/]+\.py)`: ((?:opening|`[\w.]+`)(?:, (?:opening|`[\w.]+`))*)", text)
            for name in names.replace("`", "").split(", ")
        ]
        self.assertGreater(len(places), 20)
        minutes = sum(reading.text_of(place(*each)).minutes for each in places)
        self.assertLessEqual(minutes, 30)
        [said] = re.findall(r"It takes (\d+) minutes", text)
        self.assertLessEqual(abs(int(said) - minutes), 1.5)

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


class TheWords(unittest.TestCase):
    def test_places(self) -> None:
        """Each word has a sentence, and a place in the source where it happens."""
        rows = re.findall(r"^\| ([^|`]+?) \| (.+?) \| `([\w/]+\.py)`: `([\w.]+)` \|$", words(), re.M)
        self.assertEqual(len(rows), len(words().splitlines()) - 2)
        self.assertGreaterEqual(len(rows), 60)
        self.assertEqual([row[0].lower() for row in rows], sorted(row[0].lower() for row in rows))
        for word, sentence, file, name in rows:
            with self.subTest(word):
                self.assertTrue(place(file, name))
                self.assertTrue(sentence.endswith("."))


def words() -> str:
    """The table of words."""
    text = (PAGES / "words.md").read_text("utf-8")
    return text[text.index("| word |") :]


@dataclass
class Client:
    """What somebody holds."""

    cookie: str = ""
    token: str = ""
    refresh: str = ""
    password: str = PASSWORD


@dataclass
class Play:
    """The lines under a question, one after the other, on one server. Each raises AssertionError where it lies."""

    settings: dict[str, Any] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = MemoryStore(lambda: self.harness.clock())
        self.keys = dict(KEYS)
        self.start()

    def start(self) -> None:
        """The server starts, over what it remembers."""
        old = getattr(self, "harness", None)
        self.harness = Harness(store=lambda now: self.store, keys=self.keys, **self.settings)
        if old:
            self.harness.clock.time = old.clock.time

    def line(self, text: str) -> None:
        """Do what the line says, and see that it is so."""
        for form, act in FORMS.items():
            if found := re.fullmatch(form, text):
                return act(self, *found.groups())
        raise AssertionError(f"nobody knows how to play {text!r}")

    def later(self, minutes: str) -> None:
        self.harness.clock.advance(60 * int(minutes))

    def copies(self, who: str) -> None:
        self.clients[who] = Client(**vars(self.clients["you"]))

    def starts(self, lost: str) -> None:
        if "key" in lost:
            self.keys = fresh_keys()
        else:
            self.store = MemoryStore(lambda: self.harness.clock())
        self.start()

    def url(self, url: str) -> None:
        self.settings = {"public_url": url}
        self.start()

    def log(self, reason: str) -> None:
        assert reason in [event.get("reason") for event in self.harness.events()], self.harness.events()

    def judged(self, claim: str, verdict: str) -> None:
        """A token made with this claim meets the verdict."""
        now = self.harness.clock()
        claims: dict[str, object] = {"iss": "authref", "sub": "u", "jti": "t", "iat": now - 900, "exp": now + 900}
        claims |= {"sub": 7} if claim == "with sub 7" else {"exp": now - 1}
        token = jwt.sign(jwt.write_json(claims), *_signing(self.keys))
        leeway = 5 if verdict.endswith("leeway of 5") else 0
        try:
            jwt.verify(token, self.keys, now=now, leeway=leeway)
            seen = f"accepted with a leeway of {leeway}"
        except jwt.InvalidToken as refused:
            seen = f"refused: {type(refused).__name__}"
        assert seen == verdict, seen

    def ask(self, who: str, method: str, path: str, how: str | None, status: str, rest: str | None) -> None:
        """Send it as this client would, keep what comes back, and compare."""
        client = self.clients.setdefault(who, Client())
        headers = {"host": "localhost"}
        if path.startswith("/token") and client.token:
            headers["authorization"] = f"Bearer {client.token}"
        elif client.cookie:
            headers["cookie"] = client.cookie
        value: dict[str, str] | None = {"email": EMAIL, "password": client.password}
        if path in ("/token/refresh", "/token/logout"):
            value = {"refresh_token": client.refresh}
        elif path == "/me/password":
            value = {"current_password": client.password, "new_password": client.password + "!"}
        elif method == "GET" or path == "/logout":
            value = None
        if how:
            self.otherwise(how, headers, value, client)
        answer = self.harness.send(method, path, value, **headers)
        self.keep(client, path, answer)
        assert str(answer.status) == status, (answer.status, answer.body)
        shown = f"{answer.headers} {answer.body!r}"
        assert all(each in shown for each in (rest or "").split()), shown

    def otherwise(self, how: str, headers: dict[str, str], value: dict[str, str] | None, client: Client) -> None:
        """What is another way than usual in this request."""
        if how.startswith("from "):
            headers["origin"] = how.removeprefix("from ")
        elif how == "with the token as a cookie":
            del headers["authorization"]
            headers["cookie"] = f"session={client.token}"
        elif how == "without the cookie":
            del headers["cookie"]
        elif value is not None and how.startswith("as "):
            value["email"] = how.removeprefix("as ")
        elif value is not None:
            value["password"] = "x" * 72 + how[-1] if "72 times x" in how else "a wrong password"

    def keep(self, client: Client, path: str, answer: Response) -> None:
        """What a client keeps of an answer."""
        for name, value in answer.headers:
            if name == "set-cookie" and "session=" in value:
                client.cookie = value.partition(";")[0]
        if answer.status == 200 and path in ("/token/login", "/token/refresh"):
            client.token = body(answer)["token"]
            client.refresh = body(answer)["refresh_token"]


def _signing(keys: dict[str, bytes]) -> tuple[bytes, dict[str, object]]:
    kid, key = next(iter(keys.items()))
    return key, {"alg": "HS256", "typ": "at+jwt", "kid": kid}


FORMS: dict[str, Any] = {
    r"(\w+) (GET|POST) (/[\w/]*)(?: ((?:with|as|from|without) .+?))? (\d{3})(?: (.+))?": Play.ask,
    r"(\d+) minutes later": Play.later,
    r"a (\w+) copies the refresh token": Play.copies,
    r"authref --public-url (\S+)": Play.url,
    r"the server starts again, (.+)": Play.starts,
    r"the log says: (\w+)": Play.log,
    r"a token (.+) is ((?:refused|accepted).+)": Play.judged,
}


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
        with quick_hashes():
            for title, _, lines in self.questions():
                play = Play()
                for number, line in enumerate(lines, 1):
                    with self.subTest(title, line=f"{number}. {line}"):
                        play.line(line)

    def test_short_answers(self) -> None:
        """An answer has at most 150 words."""
        for title, answer, _ in self.questions():
            with self.subTest(title):
                self.assertLessEqual(len(answer.split()), MAX_WORDS_OF_AN_ANSWER)

    def test_a_line_that_lies(self) -> None:
        """A line that is not so, or that nobody understands, is found."""
        for line in ("you GET /me 200", "you POST /login 200", "something else", "the log says: wrong_password",
                     "a token with sub 7 is accepted with a leeway of 0"):  # fmt: skip
            with self.subTest(line), quick_hashes(), self.assertRaises(AssertionError):
                Play().line(line)


if __name__ == "__main__":
    unittest.main()
