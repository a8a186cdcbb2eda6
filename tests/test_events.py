"""The event log: one line an event, whatever the values hold, and never a reason for a request to fail.

Whoever can put a line break into a log can write history: a login that never was, a refusal that vanishes.
"""

from __future__ import annotations

import io
import json
import os
import threading
import time
import unittest
from typing import Any
from unittest import mock

from authref.events import MAX_VALUE, Events
from tests.support import START, Clock, Harness
from tests.test_maps import race

FORMS = ("text", "json")

# What people put into a user agent or an address when they know that somebody will read the log.
HOSTILE = {
    "CR LF": 'x\r\n2100-01-15T08:00:00.000+00:00 INFO  authn_login_success user="admin"',
    "a bare CR hides what stood before it": "harmless\rnothing to see",
    "ESC": "\x1b[2J\x1b]0;title\x07",
    "NUL": "before\0after",
    "DEL and backspaces": "abc\x7f\x08\x08\x08",
    "C1 controls": "\x85\x9b31m",
    "line and paragraph separators": "a\u2028b\u2029c",
    "bidi": "\u202etxt.exe\u202c \u2066x\u2069 \u200f",
    "zero width": "ad\u200bmin\ufeff",
    "half a surrogate pair": "\ud800",
    "outside the basic plane": "\U0001f511",
    "quote and backslash": '" level="INFO\\" \\',
    "JSON": '"}\n{"event":"authn_login_success"}',
}


def line_of(form: str, event: str = "user_created", **fields: Any) -> str:
    """What one event looks like; fails unless it is exactly one write."""
    written: list[str] = []
    Events(written.append, form, Clock()).emit(event, **fields)
    (line,) = written
    return line


def value_of(form: str, line: str) -> Any:
    """The value of the field `note`, read back from the line."""
    return json.loads(line)["note"] if form == "json" else json.loads(line.partition(" note=")[2])


class OneLine(unittest.TestCase):
    def test_values_that_would_forge_a_line(self) -> None:
        """A value with control, separator or direction characters stays one line of printable ASCII, and readable."""
        for form in FORMS:
            for name, value in HOSTILE.items():
                with self.subTest(name, form=form):
                    line = line_of(form, note=value)
                    self.assertRegex(line, r"\A[ -~]+\n\Z")
                    self.assertEqual(value_of(form, line), value)

    def test_values_that_are_no_text(self) -> None:
        """Bytes, lists and objects of any class are written as text, escaped like text."""

        class Nasty:
            def __str__(self) -> str:
                return "a\nb"

        for form in FORMS:
            for value in (b"a\nb\xff", ["a\n", "\u2028"], {"a\nb": 1}, ValueError("a\nb"), Nasty()):
                with self.subTest(repr(value)[:20], form=form):
                    line = line_of(form, note=value)
                    self.assertRegex(line, r"\A[ -~]+\n\Z")
                    self.assertEqual(value_of(form, line), str(value))

    def test_plain_values_keep_their_kind(self) -> None:
        """None, numbers and truth values are not turned into text: programs that read the log compare them."""
        for form in FORMS:
            for value in (None, True, False, 0, -7, 2.5, "7"):
                with self.subTest(value, form=form):
                    read = value_of(form, line_of(form, note=value))
                    self.assertEqual((type(read), read), (type(value), value))

    def test_numbers_that_json_cannot_carry(self) -> None:
        """A number that is no number is a line like any other, and the line is JSON."""

        def refuse(literal: str) -> None:
            self.fail(f"{literal} is not JSON")

        for form in FORMS:
            for name, value in {"NaN": float("nan"), "infinity": float("inf")}.items():
                with self.subTest(name, form=form):
                    line = line_of(form, note=value)
                    self.assertLess(len(line), 1000)
                    if form == "json":
                        json.loads(line, parse_constant=refuse)

    def test_numbers_beyond_what_others_read(self) -> None:
        """Whole numbers stay numbers as long as JavaScript reads them as they are, below 2**53; then they are text."""
        for form in FORMS:
            for value in (107, 2**53 - 1, 1 - 2**53):
                self.assertEqual(value_of(form, line_of(form, note=value)), value)
            for value in (2**53, -(2**53), 2**60):
                self.assertEqual(value_of(form, line_of(form, note=value)), str(value))

    def test_a_million_characters(self) -> None:
        """However much a value holds, its line stays short: a flood of text must not become a flood of log."""
        for form in FORMS:
            for character in ("a", "\n", "\u2028", "\U0001f511"):
                with self.subTest(repr(character), form=form):
                    line = line_of(form, note=character * 1_000_000)
                    self.assertLess(len(line), 12 * MAX_VALUE + 200)  # an escaped pair of surrogates takes 12 bytes
                    self.assertEqual(value_of(form, line), character * MAX_VALUE + "…")

    def test_one_character_over_the_cap(self) -> None:
        """A value of the greatest length arrives whole; one more character is cut, and the cut can be seen."""
        for form in FORMS:
            with self.subTest(form=form):
                self.assertEqual(value_of(form, line_of(form, note="a" * MAX_VALUE)), "a" * MAX_VALUE)
                self.assertEqual(value_of(form, line_of(form, note="a" * (MAX_VALUE + 1))), "a" * MAX_VALUE + "…")

    def test_fifty_threads_at_once(self) -> None:
        """One event is written at a time, so that two of them never share a line."""
        inside, most, lines = 0, 0, []

        def slow_write(line: str) -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.0002)
            lines.append(line)
            inside -= 1

        events = Events(slow_write, "json")
        race(*[lambda: events.emit("user_created")] * 50)
        self.assertEqual((most, len(lines)), (1, 50))


class WhatALineSays(unittest.TestCase):
    def test_text(self) -> None:
        """The text form is: when, how serious, what, and the fields in their order."""
        self.assertEqual(
            line_of("text", "authz_fail", user="u1", peer="10.0.0.1", tries=3),
            '2100-01-15T08:00:00.000+00:00 WARN  authz_fail user="u1" peer="10.0.0.1" tries=3\n',
        )

    def test_json(self) -> None:
        """The JSON form says the same, as one object."""
        self.assertEqual(
            line_of("json", "authz_fail", user="u1"),
            '{"datetime": "2100-01-15T08:00:00.000+00:00", "level": "WARN", "event": "authz_fail", "user": "u1"}\n',
        )

    def test_a_server_in_tokyo(self) -> None:
        """Times are UTC and say so, wherever the server stands: logs of several machines are read together."""
        self.addCleanup(time.tzset)
        with mock.patch.dict(os.environ, TZ="Asia/Tokyo"):
            time.tzset()
            self.assertNotEqual(time.localtime(START).tm_hour, 8, "the time zone was not changed")
            for form in FORMS:
                with self.subTest(form=form):
                    self.assertIn("2100-01-15T08:00:00.000+00:00", line_of(form))

    def test_levels(self) -> None:
        """Attempts are warnings, a crash is critical, and daily business is neither."""
        expected = {
            "authn_login_fail": "WARN",
            "authn_token_refused": "WARN",
            "authz_fail": "WARN",
            "malicious_cors": "WARN",
            "input_validation_fail": "WARN",
            "excess_rate_limit_exceeded": "WARN",
            "session_use_after_expire": "WARN",
            "authn_token_reuse": "CRITICAL",
            "sys_crash": "CRITICAL",
            "authn_login_success": "INFO",
            "session_created": "INFO",
            "user_created": "INFO",
            "sys_startup": "INFO",
            "an event that nobody thought of": "INFO",
        }
        for event, level in expected.items():
            with self.subTest(event):
                self.assertEqual(json.loads(line_of("json", event))["level"], level)
                self.assertEqual(line_of("text", event).split()[1], level)


class WhenItCannotBeWritten(unittest.TestCase):
    def test_a_writer_that_fails(self) -> None:
        """A full disk, a closed pipe, a closed file: emit returns, and the next event is written."""
        closed = io.StringIO()
        closed.close()
        failures = {
            "full disk": OSError(28, "No space left on device"),
            "closed pipe": BrokenPipeError(),
            "ValueError": ValueError(),
            "closed file": closed.write,
        }
        for form in FORMS:
            for name, failure in failures.items():
                with self.subTest(name, form=form):
                    write = mock.Mock(side_effect=failure)
                    events = Events(write, form, Clock())
                    events.emit("user_created")
                    write.assert_called_once()
                    write.side_effect = None
                    done = threading.Thread(target=events.emit, args=("user_deleted",), daemon=True)
                    done.start()
                    done.join(5)
                    self.assertFalse(done.is_alive(), "a failure left the log locked")
                    self.assertIn("user_deleted", write.call_args[0][0])

    def test_a_request_while_the_disk_is_full(self) -> None:
        """A login is answered as ever when its event cannot be written."""
        harness = Harness(events=Events(mock.Mock(side_effect=OSError(28, "No space left on device"))))
        harness.sign_up()
        self.assertIn("session=", harness.cookie())

    def test_without_a_form(self) -> None:
        """Who names no form gets the text that people read."""
        written: list[str] = []
        Events(written.append, now=Clock()).emit("user_created", user="u1")
        self.assertEqual(written, [line_of("text", user="u1")])

    def test_without_a_writer(self) -> None:
        """With the log off, nothing is written and no value is even looked at."""
        value = mock.Mock(__str__=mock.Mock(side_effect=AssertionError("was looked at")))
        Events(None).emit("user_created", note=value)
        with self.assertRaises(AssertionError):  # the twin: with a writer it is
            line_of("text", note=value)


if __name__ == "__main__":
    unittest.main()
