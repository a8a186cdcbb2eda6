"""The list of requirements in asvs.md is whole, and what it points to is there."""

from __future__ import annotations

import re
import unittest
from collections import Counter
from pathlib import Path

import authref
from authref.events import LEVELS

TESTS, SOURCE = Path(__file__).parent, Path(authref.__file__).parent
LIST = (TESTS / "asvs.md").read_text("utf-8")
CODE = {path.relative_to(SOURCE).as_posix(): path.read_text("utf-8") for path in SOURCE.rglob("*.py")}

VERDICTS = ("met", "partly", "not met")

# Every requirement of the standard that concerns us; some are judged together.
IDS = """
    1.1.1  1.2.1/1.2.3  1.3.2/1.5.2  1.3.12  1.4.3  1.5.3
    2.1.1/2.1.3  2.2.1/2.2.2  2.3.1  2.3.3/2.3.4  2.4.1
    3.2.1  3.3.1  3.3.2  3.3.3  3.3.4  3.3.5  3.4.1  3.4.2  3.4.3/3.4.6/3.4.7/3.4.8  3.4.4/3.4.5  3.5.1–3.5.3
    3.5.8  3.7.2
    4.1.1  4.1.3  4.1.4  4.2.1/4.2.2  4.2.5
    6.1.1–6.1.3  6.2.1  6.2.2/6.2.3  6.2.4/6.2.12  6.2.5/6.2.8/6.2.9/6.2.10  6.2.6/6.2.7  6.2.11
    6.3.1  6.3.2  6.3.3  6.3.4  6.3.5/6.3.7  6.3.8  6.4.1/6.4.2/6.4.6
    7.1.1/7.1.2  7.2.1/7.2.2  7.2.3  7.2.4  7.3.1/7.3.2  7.4.1  7.4.2  7.4.3  7.4.5  7.5.1/7.5.2/7.5.3
    8.1.1/8.1.2  8.2.1/8.2.2/8.2.3  8.3.1  8.3.2
    9.1.1–9.1.3  9.2.1  9.2.2  9.2.3/9.2.4
    10.3.1–10.3.3  10.4.5  10.4.8/10.4.9
    11.1.1/11.1.2  11.2.2/11.2.3/11.2.4  11.4.1/11.4.2  11.5.1
    13.1.2  13.3.1/13.3.4  13.4.1–13.4.6
    14.2.1  14.3.1/14.3.2
    15.1.3/15.2.2  15.2.3  15.3.1/15.3.3  15.3.4  15.3.5  15.3.7  15.4.1–15.4.4
    16.1.1–16.2.5  16.3.1–16.3.4  16.4.1  16.5.1–16.5.4
"""


def rows() -> list[list[str]]:
    """The cells of each requirement."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"(?m)^\| ?[0-9].*$", LIST)]


def section(title: str) -> str:
    """What stands under the heading that begins so."""
    return LIST.partition(f"\n## {title}")[2].partition("\n## ")[0]


class TheList(unittest.TestCase):
    def test_a_requirement_left_out(self) -> None:
        """Each requirement stands in the list exactly once, so that nobody can drop one that is not met."""
        self.assertEqual(Counter(row[0] for row in rows()), Counter(IDS.split()))

    def test_a_row_that_says_nothing(self) -> None:
        """Each row has a level, says what is asked, one of three verdicts, and where it is seen or why it is not."""
        for row in rows():
            with self.subTest(row[0]):
                self.assertEqual(len(row), 5)
                _, level, asked, verdict, where = row
                self.assertRegex(level, r"\A[1-3](?:[/–][1-3])*\Z")
                self.assertIn(verdict, VERDICTS)
                self.assertGreater(len(asked), 10)
                self.assertGreater(len(where), 20)

    def test_a_file_that_was_renamed(self) -> None:
        """Every file that the list names is there, in the tests or in the package."""
        named = set(re.findall(r"`([A-Za-z_/]+\.(?:py|html|json|toml))`", LIST))
        self.assertGreater(len(named), 40)
        for name in sorted(named):
            with self.subTest(name):
                self.assertTrue((TESTS.parent / name).is_file() or (SOURCE / name).is_file())

    def test_something_met_without_evidence(self) -> None:
        """What is said to be met names a file in which it can be seen."""
        for row in rows():
            if row[3] == "met":
                with self.subTest(row[0]):
                    self.assertRegex(row[4], r"`[A-Za-z_/]+\.py`|README|`pages/[a-z-]+\.md`")


class Inventories(unittest.TestCase):
    def test_an_event_that_is_not_listed(self) -> None:
        """Each event that the source emits is listed and each one listed is emitted: whoever reads the log knows
        what it can say, and what is missing."""
        listed = set(re.findall(r"`([a-z]+_[a-z_]+)`", section("Events")))
        emitted = set(LEVELS)
        for text in CODE.values():
            emitted |= set(re.findall(r"""emit\(\s*"([a-z_]+)\"""", text))
        self.assertEqual(emitted - listed, set())
        everything = "".join(CODE.values())
        self.assertEqual([name for name in sorted(listed) if f'"{name}"' not in everything], [])

    def test_a_lock_that_is_not_listed(self) -> None:
        """Each file that makes a lock is listed, for two that are taken in different orders stop a server for good."""
        with_locks = {name for name, text in CODE.items() if re.search(r"threading\.(R?Lock|Semaphore)\(", text)}
        self.assertEqual(set(re.findall(r"`([a-z_/]+\.py)`", section("Locks"))), with_locks)

    def test_an_import_that_has_no_business_here(self) -> None:
        """No file imports what is random only by looks, or what makes objects or code out of bytes."""
        for name, text in CODE.items():
            with self.subTest(name):
                self.assertFalse(re.findall(r"(?m)^\s*(?:import|from) (?:random|uuid|pickle|marshal|shelve)\b", text))
                if not name.startswith("exercises/"):  # whose business it is to run what its reader has written
                    self.assertFalse(re.findall(r"(?<![\w.])(?:eval|exec)\(", text))


if __name__ == "__main__":
    unittest.main()
