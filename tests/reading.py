"""How long does it take to read authref? `python -m tests.reading` prints lines and minutes, file by file, and in sum.

A minute is 200 words of prose, or 15 other lines that are not blank. Prose is docstrings and comment lines.

    python -m tests.reading           the table
    python -m tests.reading write     the table, and its minutes written onto the contents page

What counts as the core is authentication itself: the flat files but the entrances and chapter one, and all of app/.
The limits stand here, so that the core gets shorter and never longer; test_reading.py holds the files to them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import authref

PACKAGE = Path(authref.__file__).parent
NOT_COUNTED = ("configuration", "terminal", "cli", "tiny", "wsgi")

WORDS_A_MINUTE, LINES_A_MINUTE = 200, 15
AIM = (2400, 125)  # lines and minutes of the core: where it has to come to
MAX_LINES = 2828  # of the core, prose and blank lines too: where it stands; this number only ever goes down
MAX_MINUTES = 152.2  # for the core, likewise
MAX_WORDS = 30  # in a sentence: half of the readers read in a second or third language
FIRST_SESSION = 40  # the minute of the core in which somebody is logged in, at the latest
FIRST_SESSION_OF_CHAPTER_ONE = 5
LINE_LENGTH = 51.29  # characters in a line of code, on average; 48.76 in the first edition, and the aim

ENTRY = re.compile(r"^    (?P<name>\w+)(?:\.py|/) +(?P<caption>\S.*?)(?:  +(?P<minutes>\d+) min)?$", re.MULTILINE)
COLUMN = 110  # where the minutes end on the contents page


@dataclass(frozen=True)
class Text:
    """A file's lines, parted into prose and code."""

    lines: tuple[str, ...]
    prose: tuple[str, ...]  # the docstrings and the blocks of comments, each with its line ends
    code: tuple[str, ...]

    @property
    def minutes(self) -> float:
        """What it takes to read them."""
        return sum(len(block.split()) for block in self.prose) / WORDS_A_MINUTE + len(self.code) / LINES_A_MINUTE


def text_of(source: str) -> Text:
    """The source's lines, its prose and its code."""
    lines = source.splitlines()
    docstrings = dict(_docstrings(ast.parse(source)))
    taken = {number for place in docstrings for number in place}
    comments = {number: line.strip() for number, line in enumerate(lines, 1) if number not in taken}
    comments = {number: line for number, line in comments.items() if line.startswith("#")}
    code = [line for number, line in enumerate(lines, 1) if line.strip() and number not in taken | comments.keys()]
    return Text(tuple(lines), (*docstrings.values(), *_blocks(comments)), tuple(code))


def _docstrings(tree: ast.AST) -> Iterator[tuple[range, str]]:
    """Each docstring below the node, and the numbers of its lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1), text


def _blocks(comments: dict[int, str]) -> Iterator[str]:
    """The comments, those of neighbouring lines together and without their signs."""
    numbered = enumerate(sorted(comments))
    for _, block in groupby(numbered, lambda pair: pair[1] - pair[0]):
        yield "\n".join(comments[number].lstrip("#").strip() for _, number in block)


def sentences(block: str) -> Iterator[str]:
    """The sentences of a docstring or a comment; what is set in by four blanks is an example, and none."""
    text = re.sub(r"(?m)^    .*$", "", block)
    for part in re.split(r"\n\s*\n|\n(?=- )", text):  # a paragraph, an item of a list
        yield from (" ".join(each.split()) for each in re.split(r"(?<=[.!?])\s+(?=[A-Z`(])", part) if each.strip())


def contents() -> dict[str, re.Match[str]]:
    """The entries of the contents page by name: `wire` for `wire.py`, `app` for `app/`."""
    return {entry["name"]: entry for entry in ENTRY.finditer(authref.__doc__ or "")}


@cache
def texts() -> dict[str, list[Text]]:
    """The texts of each entry on the contents page, in its order; only a folder has several."""
    found = {}
    for name in contents():
        folder = PACKAGE / name
        files = sorted(folder.glob("*.py")) if folder.is_dir() else [PACKAGE / f"{name}.py"]
        found[name] = [text_of(path.read_text("utf-8")) for path in files]
    return found


def core() -> dict[str, list[Text]]:
    """Those that count."""
    return {name: parts for name, parts in texts().items() if name not in NOT_COUNTED}


def minutes(parts: list[Text]) -> float:
    """What it takes to read them all."""
    return sum(part.minutes for part in parts)


def until(name: str, pattern: str) -> float:
    """The minutes that this file takes up to the line that the pattern finds. Raises ValueError if there is none."""
    lines = texts()[name][0].lines
    for number, line in enumerate(lines):
        if re.search(pattern, line):
            return _share(lines, number, texts()[name][0])
    raise ValueError(f"no line of {name} is {pattern}")


def _share(lines: tuple[str, ...], number: int, text: Text) -> float:
    """The minutes of the first lines: a line is worth the file's average, for a file may be cut anywhere."""
    return text.minutes * sum(map(bool, map(str.strip, lines[:number]))) / sum(map(bool, map(str.strip, lines)))


def before(name: str) -> float:
    """The minutes that the core above this file takes."""
    above = list(core())[: list(core()).index(name)]
    return sum(minutes(core()[each]) for each in above)


def milestones() -> dict[str, float]:
    """The minute of the core in which a reader meets each of these for the first time."""
    return {
        "password": before("passwords") + until("passwords", "def hash_password"),
        "session": before("sessions") + until("sessions", "def log_in"),
        "token": before("tokens") + until("tokens", "def log_in"),
    }


def code_line() -> float:
    """How long a line of the core's code is, on average."""
    code = [line for parts in core().values() for part in parts for line in part.code]
    return sum(map(len, code)) / len(code)


def table() -> str:
    """Lines and minutes of each file, and the minute in which a reader of the core has read it."""
    rows = [f"{'':16}{'lines':>6}{'minutes':>9}{'read by':>9}"]
    for name, parts in texts().items():
        end = f"{before(name) + minutes(parts):9.1f}" if name in core() else f"{'-':>9}"
        rows.append(f"{name:16}{sum(len(part.lines) for part in parts):6}{minutes(parts):9.1f}{end}")
    parts = [part for each in core().values() for part in each]
    rows.append(f"{'the core':16}{sum(len(part.lines) for part in parts):6}{minutes(parts):9.1f}")
    rows.append(f"{'at most':16}{MAX_LINES:6}{MAX_MINUTES:9.1f}")
    rows += [f"first {what} in minute {minute:.0f}" for what, minute in milestones().items()]
    rows.append(f"a line of code has {code_line():.2f} characters, on average; at most {LINE_LENGTH}")
    return "\n".join(rows)


def write_contents() -> None:
    """Put each entry's minutes behind its caption on the contents page."""
    path = PACKAGE / "__init__.py"

    def entry(found: re.Match[str]) -> str:
        plain = re.sub(r"  +\d+ min$", "", found[0])
        return f"{plain:{COLUMN - 6}}{round(minutes(texts()[found['name']])):3} min"

    path.write_text(ENTRY.sub(entry, path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write_contents()
    print(table())
