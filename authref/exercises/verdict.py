"""What came of one claim? A verdict, which the trial writes and all others read.

The trial (trial.py) makes it in a process of its own, and it travels as JSON: so its fields are texts and numbers.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

HOLE = "yours to write"  # what a function says whose body was cut out
NOTE = "given"  # a file in the process's folder: what the function was given last, should the process not live to tell


class _Short(reprlib.Repr):
    """Shortens at every level: repr() of a whole record, at each of a thousand calls, would take seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 240
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 8

    def repr1(self, x: object, level: int) -> str:
        """As it would be anyway, but quickly for what is shown most."""
        if x is None or type(x) is str and len(x) <= self.maxlong:
            return repr(x)
        kind: Any = type(x)
        if level > 0 and (names := _fields(kind)):
            parts = [f"{name}={self.repr1(getattr(x, name), level - 1)}" for name in names]
            return f"{kind.__name__}({', '.join(parts)})"
        return super().repr1(x, level)


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """What is shown of a record of this kind; nothing if it is none."""
    return tuple(each.name for each in fields(kind) if each.repr) if is_dataclass(kind) else ()


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
