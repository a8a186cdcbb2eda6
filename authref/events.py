"""What happened here, and who did it? One line each, so that a person or a program can find out later.

An attack that leaves no trace is never noticed; a log that holds passwords or tokens is an attack waiting
to happen. So:
- every login, change of rights, refused credential and failure leaves a line; an ordinary request, one
  without credentials and one to a path that does not exist leave none;
- names follow the OWASP logging vocabulary, times are UTC, people appear as user ids;
- an event never holds a password, a cookie, a token, a key, a hash, an e-mail address (people type
  passwords into that field) or any path or query that a client chose;
- whatever a value holds, it stays one line: control characters, U+2028 and the marks that reverse the
  reading direction arrive as escapes, so that nobody can forge a line or hide one (log injection);
- a log that cannot be written, on a full disk or a closed pipe, never breaks a request. (A pipe that nobody
  reads does hold us up once it is full, rather than lose lines.)
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

MAX_VALUE = 200  # characters of one value: a line stays readable, and a flood of text stays small

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

Write = Callable[[str], object]


class Events:
    """Writes events with `write`, one call a line; `form` is "text" or "json", `now` gives Unix seconds."""

    def __init__(self, write: Write | None = None, form: str = "text", now: Callable[[], float] = time.time) -> None:
        self._write, self._form, self._now = write, form, now
        self._one_at_a_time = threading.Lock()

    def emit(self, event: str, **fields: object) -> None:
        """Write one line: when, how serious, what, and the fields given."""
        if self._write is None:
            return
        when = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        line = {"datetime": when, "level": LEVELS.get(event, "INFO"), "event": event, **fields}
        text = as_json(line) if self._form == "json" else as_text(line)
        with self._one_at_a_time, suppress(OSError, ValueError):  # a full disk, a closed pipe: the request goes on
            self._write(text + "\n")


def as_json(line: dict[str, object]) -> str:
    """The line as one JSON object, ASCII only."""
    return json.dumps({name: _shorten(value) for name, value in line.items()})


def as_text(line: dict[str, object]) -> str:
    """The line as `2026-01-31T12:00:00.000+00:00 INFO  user_created user="…"`."""
    first = f"{line['datetime']} {line['level']!s:5} {line['event']}"
    rest = [f"{name}={json.dumps(_shorten(line[name]))}" for name in list(line)[3:]]
    return " ".join([first, *rest])


def _shorten(value: object) -> object:
    # A number beyond 2**53, an infinity or NaN goes as text: JSON, or whoever reads it, cannot hold it.
    if value is None or isinstance(value, (int, float)) and abs(value) < 2**53:
        return value
    text = str(value)
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"
