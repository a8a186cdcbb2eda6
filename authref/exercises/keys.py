"""Which key was pressed? Asked between two looks at the files, without waiting for the end of a line.

Where there is no terminal, or none of this kind, no key is ever pressed, and all else works as before.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from select import select

Pressed = Callable[[float], str]


@contextmanager
def keys() -> Iterator[Pressed | None]:
    """Gives what waits so many seconds for a key and returns it, or ""; None without a terminal."""
    if sys.stdin is None or not sys.stdin.isatty() or find_spec("termios") is None:
        yield None
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield lambda seconds: _pressed(terminal, seconds)
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _pressed(terminal: int, seconds: float) -> str:
    ready, _, _ = select([terminal], [], [], seconds)
    key = os.read(terminal, 1).decode("ascii", "replace") if ready else ""
    if ready and not key:  # the terminal is gone
        time.sleep(seconds)
    return key
