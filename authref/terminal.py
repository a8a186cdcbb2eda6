"""How does a command speak? In one sentence, on the right stream, and in colour only where somebody looks.

Rules of this file:
- an error is one sentence with its remedy, and exit status 2; no traceback reaches a user;
- Ctrl-C is no error: it ends a command without a word.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from authref.maps import StoreUnavailable


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message}; {self.prog} --help lists what there is.")


def fail(sentence: str) -> NoReturn:
    """End the program with the sentence on standard error and status 2."""
    print(f"authref: {sentence}", file=sys.stderr)
    raise SystemExit(2)


@contextmanager
def sentences() -> Iterator[None]:
    """Makes one sentence of what goes wrong in the block, and ends the program."""
    try:
        yield
    except ModuleNotFoundError as missing:
        package, _, room = (missing.name or "").partition(".")
        if package == "authref":
            fail(f"A part of authref that this needs, authref/{room.split('.')[0]}, is missing; install authref anew.")
        fail(f"The package {package} is missing; install it: python -m pip install {package}")
    except ValueError as error:
        fail(str(error))
    except StoreUnavailable as error:  # it was there a moment ago, and failed while the first admin was made
        fail(f"The store does not answer ({error}); start it, or name another one.")


def warn(sentence: str) -> None:
    """Say on standard error what should worry whoever starts this."""
    print(f"Warning: {sentence}", file=sys.stderr)


def in_colour() -> bool:
    """True on a terminal whose user has not asked for NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def highlight(text: str) -> str:
    """The text with its lines to paste, those that begin with two blanks, in bold, where there are colours."""
    return re.sub(r"(?m)^  .*$", "\033[1m\\g<0>\033[0m", text) if in_colour() else text
