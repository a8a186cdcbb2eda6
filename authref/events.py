"""What happened here, and who did it? One line each, so that a person or a program can find out later.

An attack that leaves no trace is never noticed; a log that holds passwords is an attack waiting to happen. So:
- every login, change of rights, refused credential and failure leaves a line, an ordinary request none;
- names follow the OWASP logging vocabulary, times are UTC, people appear as user ids;
- no event holds a password, cookie, token, key or hash; nor an e-mail address (people type passwords into that
  field), nor a path or query that a client chose;
- what could break or reverse a line arrives as escapes, or somebody could forge lines (log injection);
- of equal lines within a second a few are written and the rest counted (`repeated`, said in a later second);
- a log that cannot be written never breaks a request. (A full pipe does hold us up, rather than lose lines.)
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from authref.maps import Clock

MAX_VALUE = 200  # characters of one value: a flood of text stays small
FEW = 5  # equal lines in a second; further ones are counted
MAX_COUNTED = 1000  # lines that are told apart, or whoever makes them differ fills the memory

# What a reader of the log should look at first: an attempt, a failure, or daily business.
LEVELS = {
    "authn_login_fail": "WARN",
    "authn_token_refused": "WARN",
    "authn_token_reuse": "CRITICAL",  # somebody has a copy of a refresh token
    "authz_fail": "WARN",
    "excess_rate_limit_exceeded": "WARN",
    "input_validation_fail": "WARN",
    "malicious_cors": "WARN",
    "session_use_after_expire": "WARN",
    "sys_crash": "CRITICAL",
    "sys_store_unavailable": "CRITICAL",
    "sys_worker_died": "WARN",
}

Line = tuple[str, tuple[tuple[str, object], ...]]  # an event and its fields
Write = Callable[[str], object]


class Events:
    """Writes events with `write`, one call a line; `form` is "text" or "json", `now` gives Unix seconds."""

    def __init__(self, write: Write | None = None, form: str = "text", now: Clock = time.time) -> None:
        self._write, self._form, self._now = write, form, now
        self._one_at_a_time = threading.Lock()
        self._second, self._counts = 0, Counter[Line]()

    def emit(self, event: str, **fields: object) -> None:
        """Write one line: when, how serious, what, and the fields given."""
        if self._write is None:
            return
        now = self._now()
        line = event, tuple((name, _shorten(value)) for name, value in fields.items())
        with self._one_at_a_time:
            for each in self._due(line, int(now)):
                with suppress(OSError, ValueError):  # a full disk, a closed pipe: the request goes on
                    self._write(self._text(each, now) + "\n")

    def _due(self, line: Line, second: int) -> list[Line]:
        """What to write now: the line, unless it came too often, and first what was kept back before this second."""
        due = []
        if second != self._second or line[0] == "sys_shutdown" or len(self._counts) == MAX_COUNTED:
            for (event, fields), count in self._counts.items():
                if count > FEW:
                    due.append((event, (*fields, ("repeated", count - FEW))))
            self._second, self._counts = second, Counter()
        self._counts[line] += 1
        return [*due, line] if self._counts[line] <= FEW else due

    def _text(self, line: Line, now: float) -> str:
        event, fields = line
        when = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        level = LEVELS.get(event, "INFO")
        if self._form == "json":
            return json.dumps({"datetime": when, "level": level, "event": event, **dict(fields)})
        return " ".join([f"{when} {level:5} {event}", *[f"{name}={json.dumps(value)}" for name, value in fields]])


def _shorten(value: object) -> object:
    # A number beyond 2**53, an infinity or NaN goes as text: JSON, or whoever reads it, cannot hold it.
    if value is None or isinstance(value, (int, float)) and abs(value) < 2**53:
        return value
    text = str(value)
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"
