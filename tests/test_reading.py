"""The core can be read in an afternoon: how long it is, how long that takes, and when the first login comes.

`python -m tests.reading` prints the figures; `python -m tests.reading write` brings the contents page up to date.
"""

from __future__ import annotations

import unittest

from tests import reading

SAMPLE = '''"""What is this?

    an example that is not counted as a sentence but is read all the same

- one rule
- another
"""

# A comment
# of two lines.
import os


class Thing:
    """It is one."""

    size = 3  # this is code

    def grow(self) -> str:
        """Bigger."""
        return """no
docstring"""
'''


class Counting(unittest.TestCase):
    def test_prose_and_code(self) -> None:
        """Docstrings and comment lines are prose, by the word; every other line that is not blank is code."""
        text = reading.text_of(SAMPLE)
        self.assertEqual(len(text.lines), 22)
        self.assertEqual(text.code, ("import os", "class Thing:", "    size = 3  # this is code",
                                     "    def grow(self) -> str:", '        return """no', 'docstring"""'))  # fmt: skip
        words = 3 + 15 + 5 + 5 + 3 + 1  # question, example, rules, comment, class, method
        self.assertEqual(sum(len(block.split()) for block in text.prose), words)
        self.assertAlmostEqual(text.minutes, words / 200 + 6 / 15)

    def test_sentences(self) -> None:
        """A sentence ends at a full stop, at the end of its paragraph or of its item; an example is none."""
        block = reading.text_of(SAMPLE).prose[0] + "\n\nIt says `a.b` (RFC 1 §2.3). Then\nit ends! (Or not.)"
        self.assertEqual(
            list(reading.sentences(block)),
            ["What is this?", "- one rule", "- another", "It says `a.b` (RFC 1 §2.3).", "Then it ends!", "(Or not.)"],
        )


class TheCore(unittest.TestCase):
    def test_the_minutes_on_the_contents_page(self) -> None:
        """Behind each caption stand the minutes that the file takes, to the nearest one or its neighbour."""
        for name, entry in reading.contents().items():
            with self.subTest(name):
                self.assertIsNotNone(entry["minutes"], "python -m tests.reading write")
                exact = reading.minutes(reading.texts()[name])
                self.assertLess(abs(int(entry["minutes"]) - exact), 1, "python -m tests.reading write")

    def test_its_length(self) -> None:
        """The core has at most 2,400 lines and takes 125 minutes: longer, and nobody reads it."""
        parts = [part for each in reading.core().values() for part in each]
        self.assertGreater(len(parts), 15)
        with self.subTest("lines"):
            self.assertLessEqual(sum(len(part.lines) for part in parts), reading.MAX_LINES)
        with self.subTest("minutes"):
            self.assertLessEqual(reading.minutes(parts), reading.MAX_MINUTES)

    def test_the_first_login(self) -> None:
        """Whoever reads the core in its order is logged in by minute 40."""
        self.assertLessEqual(reading.milestones()["session"], reading.FIRST_SESSION)

    def test_the_first_login_of_chapter_one(self) -> None:
        """In chapter one, where all is in one file, that takes five minutes."""
        self.assertIn("tiny", list(reading.contents()))
        self.assertLessEqual(reading.until("tiny", "class .*Session"), reading.FIRST_SESSION_OF_CHAPTER_ONE)

    def test_long_sentences(self) -> None:
        """No sentence of its prose has more than 30 words: half of its readers read it in a foreign language."""
        for name, parts in reading.core().items():
            for sentence in (each for part in parts for block in part.prose for each in reading.sentences(block)):
                with self.subTest(name, sentence=sentence[:60]):
                    self.assertLessEqual(len(sentence.split()), reading.MAX_WORDS)

    def test_long_lines(self) -> None:
        """Lines of code are no longer than they were on average: fewer lines must not mean two in one."""
        self.assertLessEqual(reading.code_line(), reading.LINE_LENGTH)


if __name__ == "__main__":
    unittest.main()
