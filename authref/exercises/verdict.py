"""What came of one claim? A verdict, which the trial writes and all others read.

The trial (trial.py) makes it in a process of its own, and it travels as JSON: so its fields are texts and numbers.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, fields, is_dataclass

HOLE = "yours to write"  # what a function says whose body was cut out
NOTE = "given"  # a file in the process's folder: what the function was given last, should the process not live to tell


class _Short(reprlib.Repr):
    """Shortens at every level: repr() of a whole record, at each of a thousand calls, would take seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 240
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 8

    def repr1(self, x: object, level: int) -> str:
        if x is None or type(x) is str and len(x) <= self.maxlong:  # no other text than below, but ten times as fast
            return repr(x)
        return super().repr1(x, level)

    def repr_instance(self, x: object, level: int) -> str:
        if level <= 0 or isinstance(x, type) or not is_dataclass(x):
            return super().repr_instance(x, level)
        parts = [f"{each.name}={self.repr1(getattr(x, each.name), level - 1)}" for each in fields(x) if each.repr]
        return f"{type(x).__name__}({', '.join(parts)})"


show = _Short().repr


@dataclass
class Verdict:
    """What came of one claim. The texts are "" where there is nothing to say."""

    claim: str
    passed: bool = False
    sentence: str = ""  # of the claim
    calls: int = 0  # of the target
    hole: bool = False  # it was called and is not written yet
    case: str = ""  # of the claim's table
    given: str = ""  # to the target, in its last call
    returned: str = ""
    raised: str = ""  # by the target
    error: str = ""  # what ended the claim, if not an assertion
    line: int = 0  # of the learner's file
    seen: str = ""  # what the assertion looked at; the attack, of a break
    expected: str = ""
    asserted: str = ""  # file, line and text of the assertion
    printed: str = ""


def sentence(docstring: str | None) -> str:
    """What a claim says, from the docstring of its test; "" if there is none."""
    return " ".join((docstring or "").split("\n\n")[0].split())
