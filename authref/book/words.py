"""Where does a reader meet a word of the field for the first time? There stands its sentence.

The words are those of the page of words, each with a place in the source where it happens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Place = TypeVar("Place")
_ROW = re.compile(r"^\| ([^|`]+?) \| (.+?) \| `([\w/]+\.py)`: `([\w.]+)` \|$", re.MULTILINE)


@dataclass(frozen=True)
class Word:
    """A word, with other forms of it behind commas, its sentence, and where it happens."""

    word: str
    sentence: str
    file: str
    name: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What finds it in a text, one of it or several, in each of its forms."""
        return re.compile("|".join(map(_pattern, self.word.split(", "))))


def _pattern(form: str) -> str:
    """A word of prose in small letters is none inside of code; short claims, names and capitals stand as written."""
    if not form.islower() or len(form) <= 3 or "_" in form:
        return rf"(?<![\w-]){re.escape(form)}{'' if form.islower() else 's?'}(?!\w)"
    spelled = re.escape(form).replace(r"\ ", "[ -]?")
    return rf"(?i:(?<![\w/.-]){spelled}(?:e?s)?(?![\w(=-]))"


def words() -> tuple[Word, ...]:
    """All of them, in the page's order."""
    text = (Path(__file__).parent / "pages" / "words.md").read_text("utf-8")
    return tuple(Word(*row) for row in _ROW.findall(text))


def first_uses(texts: Iterable[tuple[Place, str]]) -> dict[Place, list[Word]]:
    """The words that each text, under its name, is the first to use; `texts` are in the order of reading."""
    left, found = list(words()), dict[Place, list[Word]]()
    for place, text in texts:
        for word in [each for each in left if each.pattern.search(text)]:
            left.remove(word)
            found.setdefault(place, []).append(word)
    return found
