"""What is a figure, and what is a claim? One comes from measuring, the other from comparing figures.

A comparison that was written down once goes on saying the same when the thing has changed. Here a sentence
that asserts something is made together with the test whether it is so, from what this run saw.

Rules of this file:
- a time or a rate is never one number: it is a median with the lowest and the highest that were seen. (What was
  counted, such as bytes or look-ups, has no spread unless the things counted differ.)
- a claim that did not hold is shown like one that did, with its evidence;
- what a reader sees is a list of blocks. The writers (text.py, page.py) draw blocks and know nothing of logins;
- a chart is made of columns of a table, so it cannot say anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    lowest: float
    highest: float
    unit: str

    def __str__(self) -> str:
        ends = number(self.lowest), number(self.highest)
        return f"{number(self.median)} {self.unit}" + (f" ({ends[0]}–{ends[1]})" if ends[0] != ends[1] else "")


class Seconds(int):
    """A time found to the second, written as people say it, too.

    >>> str(Seconds(900))
    '900 s (15 min)'
    """

    def __str__(self) -> str:
        for size, name in ((24 * 3600, "days"), (3600, "h"), (60, "min")):
            if self >= 2 * size:
                return f"{number(float(self))} s ({number(self / size)} {name})"
        return f"{number(float(self))} s"


@dataclass(frozen=True)
class Claim:
    """A sentence that asserts something, whether it held on this run, and the figures that say so."""

    text: str
    held: bool
    evidence: str


@dataclass(frozen=True)
class Heading:
    """Begins a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Prose: what was done, never what came out."""

    text: str


@dataclass(frozen=True)
class Pair:
    """Two panels of lines as they are, sessions left and tokens right."""

    left: Sequence[str]
    right: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first cell of a row names it. A page draws the figures of the `charted` columns as bars."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    charted: Sequence[str] = ()
    logarithmic: bool = False


@dataclass(frozen=True)
class Claims:
    """Claims, each with a name, under a title and, perhaps, what they have to say together."""

    title: str
    claims: Mapping[str, Claim]
    text: str = ""


Block = Heading | Paragraph | Pair | Table | Claims


def spread(values: Iterable[float], unit: str) -> Spread:
    """The measurements' middle and ends."""
    found = sorted(values)
    return Spread(median(found), found[0], found[-1], unit)


def number(value: float) -> str:
    """At least three digits that count.

    >>> number(12345.6), number(45.67), number(0.0123), number(7)
    ('12,346', '45.7', '0.0123', '7')
    """
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def count(amount: int, thing: str) -> str:
    """So many things.

    >>> count(1, "look-up"), count(10_000, "record")
    ('1 look-up', '10,000 records')
    """
    return f"{amount:,} {thing}{'' if amount == 1 else 's'}"
