"""Where does a reader meet a word of the field for the first time? There stands its sentence.

The words are those of the page of words, each with a place in the source where it happens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ROW = re.compile(r"^\| ([^|`]+?) \| (.+?) \| `([\w/]+\.py)`: `([\w.]+)` \|$", re.MULTILINE)


@dataclass(frozen=True)
class Word:
    """A word, its sentence, and where it happens."""

    word: str
    sentence: str
    file: str
    name: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What finds it in a text, one of it or several; short names of claims only as they are written."""
        is_short = len(self.word) <= 3
        flags = re.IGNORECASE if self.word.islower() and not is_short else 0
        spelled = re.escape(self.word).replace(r"\ ", "[ -]?")
        return re.compile(rf"(?<![\w/.-]){spelled}{'' if is_short else '(?:e?s)?'}(?![\w(=-])", flags)


def words() -> tuple[Word, ...]:
    """All of them, in the page's order."""
    text = (Path(__file__).parent / "pages" / "words.md").read_text("utf-8")
    return tuple(Word(*row) for row in _ROW.findall(text))


def first_uses(texts: Iterable[tuple[str, str]]) -> dict[str, list[Word]]:
    """The words that each text, under its name, is the first to use; `texts` are in the order of reading."""
    left, found = list(words()), dict[str, list[Word]]()
    for place, text in texts:
        for word in [each for each in left if each.pattern.search(text)]:
            left.remove(word)
            found.setdefault(place, []).append(word)
    return found
