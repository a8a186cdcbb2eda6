"""What came of one claim? A verdict, which the trial writes and all others read.

The trial (trial.py) makes it in a process of its own, and it travels as JSON: so its fields are texts and numbers.
"""

from __future__ import annotations

import json
import re
import reprlib
from base64 import urlsafe_b64decode
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

HOLE = "yours to write"  # what a function says whose body was cut out
NOTE = "given"  # a file in the process's folder: what the function was given last, should the process not live to tell


MOST_BYTES = 24  # that are shown one by one where they are no text
_READABLE = re.compile(rb"[\t\n\r -~]*")


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
        return super().repr1(x, level)

    def repr_str(self, x: str, level: int) -> str:
        shown = decoded(x)
        return super().repr_str(x, level) if shown == x else f"'{shown}'"

    def repr_bytes(self, x: bytes, level: int) -> str:
        """As it is where it can be read; of a key or a digest how long it is, and how it begins and ends."""
        if len(x) <= MOST_BYTES or _READABLE.fullmatch(x):
            return super().repr_instance(x, level)
        return f"<{len(x)} bytes, {x[:8].hex()} … {x[-8:].hex()}>"

    def repr_instance(self, x: object, level: int) -> str:
        kind: Any = type(x)
        if kind.__module__ == "authref.wire" and kind.__name__ in ("Request", "Response"):
            return _as_http(x)
        if kind.__module__ == "email.message":  # the headers of a request, as http.server has them
            return super().repr1(dict(x.items()), level)  # type: ignore[attr-defined]
        names = _fields(kind)
        if level <= 0 or not names:
            return super().repr_instance(x, level)
        parts = [f"{name}={self.repr1(getattr(x, name), level - 1)}" for name in names]
        return f"{kind.__name__}({', '.join(parts)})"


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """What is shown of a record of this kind; nothing if it is none."""
    return tuple(each.name for each in fields(kind) if each.repr) if is_dataclass(kind) else ()


show = _Short().repr

_TOKEN = re.compile(r"(eyJ[\w-]*)\.(eyJ[\w-]*)\.([\w-]*)", re.ASCII)
LONG = 600  # characters of an exchange that are shown


def decoded(text: str) -> str:
    """The text with what its tokens say in their place: header, payload, and the beginning of the signature."""
    return _TOKEN.sub(_parts, text) if "eyJ" in text else text


def _parts(token: re.Match[str]) -> str:
    try:
        said = [json.loads(urlsafe_b64decode(part + "==")) for part in token.group(1, 2)]
        header, payload = (json.dumps(part)[:300] for part in said)
    except (ValueError, RecursionError):
        return token[0]
    signature = token[3][:8] + "…" if len(token[3]) > 8 else token[3]
    return f"<{header} . {payload} . {signature}>"


def _as_http(message: Any) -> str:
    """A request or a response in two lines: what is asked or answered, and what goes with it; blanks at an end as ␠."""
    first = f"{message.method} {message.target}" if hasattr(message, "method") else f"HTTP/1.1 {message.status}"
    lines = [re.sub(" +$", lambda blanks: "␠" * len(blanks[0]), f"{name}: {value}") for name, value in message.headers]
    body = message.body.decode("utf-8", "backslashreplace").strip()
    second = decoded("; ".join([*lines, *([body] if body else [])]))
    return f"{first}\n  {second[:LONG]}" if second else first


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
