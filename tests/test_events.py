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

from authref.events import MAX_COUNTED, MAX_VALUE, Events
from tests.basics import START, Clock
from tests.support import Harness
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
        race(*[lambda number=number: events.emit("user_created", number=number) for number in range(50)])
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


class Floods(unittest.TestCase):
    """Whoever sends a thousand bad tokens a second must not fill the disk, and must be noticed all the same."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lines: list[dict[str, Any]] = []
        self.events = Events(lambda line: self.lines.append(json.loads(line)), "json", self.clock)

    def emit(self, times: int, event: str = "authn_token_refused", **fields: Any) -> None:
        for _ in range(times):
            self.events.emit(event, **{"reason": "BadSignature: no", "peer": "10.0.0.1", **fields})

    def told(self) -> int:
        """How many events the lines tell of, the counted ones too."""
        return sum(line.get("repeated", 1) for line in self.lines)

    def test_a_few(self) -> None:
        """Five equal lines within a second are written as they are; of a sixth only the count is."""
        self.emit(5)
        self.clock.advance(1)
        self.emit(5)
        self.assertEqual((len(self.lines), [line for line in self.lines if "repeated" in line]), (10, []))
        del self.lines[5:]
        self.emit(1)
        self.assertEqual(len(self.lines), 5)
        self.clock.advance(1)
        self.emit(1)
        self.assertEqual([line.get("repeated") for line in self.lines], [None] * 5 + [1, None])

    def test_two_thousand_bad_tokens_in_two_seconds(self) -> None:
        """They leave six lines a second, and every one of them is counted."""
        for _ in range(2):
            self.emit(1000)
            self.clock.advance(1)
        self.events.emit("authn_login_success", user="u1")
        self.assertEqual(len(self.lines), 13)
        self.assertEqual([line["repeated"] for line in self.lines if "repeated" in line], [995, 995])
        self.assertEqual(self.told(), 2001)

    def test_what_the_count_says(self) -> None:
        """The count stands in a line that is equal to those it stands for, at the time when it is told."""
        self.emit(7)
        self.clock.advance(60)
        self.events.emit("user_created")
        first, count = self.lines[0], self.lines[5]
        self.assertEqual(count, {**first, "datetime": "2100-01-15T08:01:00.000+00:00", "repeated": 2})
        lines: list[str] = []
        events = Events(lines.append, now=self.clock)
        for _ in range(7):
            events.emit("authz_fail", peer="10.0.0.1")
        self.clock.advance(60)
        events.emit("user_created")
        self.assertEqual(lines[5], '2100-01-15T08:02:00.000+00:00 WARN  authz_fail peer="10.0.0.1" repeated=2\n')

    def test_lines_that_differ(self) -> None:
        """Only equal lines are counted together: another account, address, reason or event has lines of its own."""
        for fields in ({}, {"peer": "10.0.0.2"}, {"reason": "Expired"}, {"user": "u1"}, {"event": "authz_fail"}):
            self.emit(6, **fields)
        self.assertEqual(len(self.lines), 25)
        self.clock.advance(1)
        self.events.emit("user_created")
        self.assertEqual((len(self.lines), self.told()), (31, 31))

    def test_the_last_second(self) -> None:
        """What was counted last is told before the server says that it stops, in the same second too."""
        self.emit(50)
        self.events.emit("sys_shutdown")
        self.assertEqual([line["event"] for line in self.lines[5:]], ["authn_token_refused", "sys_shutdown"])
        self.assertEqual(self.told(), 51)

    def test_a_clock_that_is_set_back(self) -> None:
        """A second that comes again is another one: nothing waits until the clock is where it was."""
        self.emit(7)
        self.clock.advance(-3600)
        self.emit(7)
        self.assertEqual(len(self.lines), 11)

    def test_lines_that_all_differ(self) -> None:
        """A thousand kinds of line are told apart in a second; then counting begins anew, and none is lost."""
        self.assertEqual(MAX_COUNTED, 1000)
        self.emit(7, peer="10.0.0.1")
        for number in range(999):
            self.emit(1, peer=f"2001:db8::{number:x}")
        self.assertEqual((len(self.lines), self.told()), (5 + 999, 5 + 999))
        self.emit(1, peer="10.0.0.2")
        self.assertEqual(self.lines[-2]["repeated"], 2)
        self.emit(7, peer="10.0.0.1")
        self.clock.advance(1)
        self.events.emit("user_created")
        self.assertEqual(self.told(), 7 + 999 + 1 + 7 + 1)
        self.assertEqual(len(self.events._counts), 1)

    def test_on_the_wire(self) -> None:
        """Two thousand requests with a bad token are refused one by one, and take some lines of log."""
        harness = Harness(events=self.events)
        for _ in range(2000):
            harness.send("GET", "/token/me", authorization="Bearer a.b.c")
        self.events.emit("sys_shutdown")
        self.assertEqual((len(self.lines), self.told()), (7, 2001))


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
