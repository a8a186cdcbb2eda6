"""The table of OWASP ASVS requirements (asvs.md) leaves no row out and names no test that is not there."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS / "asvs.md").read_text("utf-8")

# The requirements that apply to a server of accounts, sessions and tokens; some go together.
IDS = re.findall(
    r"\S+",
    """
1.1.1 1.2.1/1.2.3 1.3.2/1.5.2 1.3.12 1.4.3 1.5.3 2.1.1/2.1.3 2.2.1/2.2.2 2.3.1 2.3.3/2.3.4 2.4.1
3.2.1 3.3.1 3.3.2 3.3.3 3.3.4 3.3.5 3.4.1 3.4.2 3.4.3/3.4.6/3.4.7/3.4.8 3.4.4/3.4.5 3.5.1–3.5.3
3.5.8 3.7.2 4.1.1 4.1.3 4.1.4 4.2.1/4.2.2 4.2.5 6.1.1–6.1.3 6.2.1 6.2.2/6.2.3 6.2.4/6.2.12
6.2.5/6.2.8/6.2.9/6.2.10 6.2.6/6.2.7 6.2.11 6.3.1 6.3.2 6.3.3 6.3.4 6.3.5/6.3.7 6.3.8
6.4.1/6.4.2/6.4.6 7.1.1/7.1.2 7.2.1/7.2.2 7.2.3 7.2.4 7.3.1/7.3.2 7.4.1 7.4.2 7.4.3 7.4.5
7.5.1/7.5.2/7.5.3 8.1.1/8.1.2 8.2.1/8.2.2/8.2.3 8.3.1 8.3.2 9.1.1–9.1.3 9.2.1 9.2.2 9.2.3/9.2.4
10.3.1–10.3.3 10.4.5 10.4.8/10.4.9 11.1.1/11.1.2 11.2.2/11.2.3/11.2.4 11.4.1/11.4.2 11.5.1 13.1.2
13.3.1/13.3.4 13.4.1–13.4.6 14.2.1 14.3.1/14.3.2 15.1.3/15.2.2 15.2.3 15.3.1/15.3.3 15.3.4 15.3.5
15.3.7 15.4.1–15.4.4 16.1.1–16.2.5 16.3.1–16.3.4 16.4.1 16.5.1–16.5.4
""",
)


def rows() -> list[list[str]]:
    """The cells of each row: id, level, what it asks for, verdict, where."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line[2:3].isdigit()]


class Asvs(unittest.TestCase):
    def test_a_requirement_left_out(self) -> None:
        """Each requirement has one row, in the standard's order: what is left out would look as if it were met."""
        self.assertEqual([row[0] for row in rows()], IDS)

    def test_a_verdict(self) -> None:
        """Each row says met, partly or not met, and then where, or why not."""
        for requirement, _, _, verdict, where in rows():
            with self.subTest(requirement):
                self.assertIn(verdict, ("met", "partly", "not met"))
                self.assertGreater(len(where), 5)

    def test_a_test_that_is_not_there(self) -> None:
        """Every test file that the table names exists."""
        for name in sorted(set(re.findall(r"`(test_\w+)`", TABLE))):
            with self.subTest(name):
                self.assertTrue((TESTS / f"{name}.py").is_file())


if __name__ == "__main__":
    unittest.main()
