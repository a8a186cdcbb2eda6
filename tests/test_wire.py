"""Requests and responses are values; the one JSON reader is strict; an answer is exactly its bytes.

The tables hold what a hostile client sends. Nearly every row stands beside the nearest thing that an honest client may
send, so that a reader which refuses everything fails here too.
"""

from __future__ import annotations

import json
import os
import sys
import time
import unittest
from dataclasses import FrozenInstanceError
from unittest import mock

from authref.wire import PHRASES, Problem, Request, Response, read_json, rfc3339, write_json, write_response
from tests.basics import SENTENCE

JSON_TYPE = ("content-type", "application/json")
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"


def refusal(call: object) -> tuple[int, str]:
    """Status and code of the Problem that the call raises; (0, "") if it raises none."""
    assert callable(call)
    try:
        call()
    except Problem as problem:
        return problem.response.status, problem.code
    return 0, ""


class Values(unittest.TestCase):
    def test_many_user_agents(self) -> None:
        """One that many send is kept once; of those that somebody makes up, memory holds a thousand, not all."""

        def user_agent(prefix: str, number: int) -> str:
            return Request("GET", "/", (("user-agent", f"{prefix} {number:0190}"),)).user_agent

        self.assertIs(user_agent("a", 1), user_agent("a", 1))
        for count in (2000, 20_000):  # the first ones fill what is filled once
            before = sys.getallocatedblocks()
            for number in range(count):
                user_agent(str(count), number)
            grown = sys.getallocatedblocks() - before
        self.assertLess(grown, 2000)

    def test_assignment(self) -> None:
        """Nobody changes a request or a response after it was made: what was checked is what is used."""
        for value, field in ((Request("GET", "/"), "target"), (Response(200), "status")):
            with self.subTest(type(value).__name__), self.assertRaises(FrozenInstanceError):
                setattr(value, field, "/admin")

    def test_equal_content(self) -> None:
        """Two requests or responses with the same content are the same value."""
        self.assertEqual(Request("GET", "/", (("host", "a"),)), Request("GET", "/", (("host", "a"),)))
        self.assertEqual(len({Request("GET", "/"), Request("GET", "/")}), 1)
        self.assertNotEqual(Request("GET", "/"), Request("GET", "/?"))
        self.assertEqual(Response(200, b"x"), Response(200, b"x"))
        self.assertNotEqual(Response(200, b"x"), Response(200, b"x", (("allow", "GET"),)))

    def test_nothing_but_method_and_target(self) -> None:
        """A test builds a request in one line: no headers, no body, from this machine."""
        request = Request("GET", "/me")
        self.assertEqual((request.headers, request.body, request.peer), ((), b"", "127.0.0.1"))


class Target(unittest.TestCase):
    def test_percent_signs_in_the_path(self) -> None:
        """The path is what was sent: decoding "%2e%2e" or "%2f" would make another path of a harmless one."""
        for path in ("/", "/me", "/%6de", "/%2e%2e/", "/users%2f1", "/a%00b", "/%c0%af", "//evil", "/users/", "/a;x"):
            with self.subTest(path):
                self.assertEqual(Request("GET", path).path, path)

    def test_question_marks(self) -> None:
        """The path ends at the first question mark; later ones belong to the query."""
        request = Request("GET", "/users?after=a?b")
        self.assertEqual((request.path, request.query), ("/users", {"after": "a?b"}))

    def test_a_query(self) -> None:
        """The query's parameters are decoded once, and only "&" separates them."""
        for query, value in (
            ("", {}),
            ("?", {}),
            ("?limit=5&after=x", {"limit": "5", "after": "x"}),
            ("?a=", {"a": ""}),
            ("?a=b=c", {"a": "b=c"}),
            ("?a=b%3Dc%26d", {"a": "b=c&d"}),
            ("?a=%2541", {"a": "%41"}),  # decoded twice it would be "A"
            ("?a=b+c%2B", {"a": "b c+"}),
            ("?a=%C3%A9", {"a": "é"}),
            ("?a=1;b=2", {"a": "1;b=2"}),
        ):
            with self.subTest(query):
                self.assertEqual(Request("GET", "/users" + query).query, value)

    def test_a_query_with_two_meanings(self) -> None:
        """A name that comes twice is refused: a proxy may judge the first value while we act on the second."""
        for query in (
            "?a=1&a=2",
            "?a=1&a=1",
            "?a=1&%61=2",  # the same name in another spelling
            "?a",
            "?a=1&",
            "?a=1&&b=2",
            "?a=%ff",  # not UTF-8
            "?a=%C0%AF",  # an overlong "/"
            "?a=%ED%A0%80",  # half a surrogate pair
        ):
            with self.subTest(query):
                request = Request("GET", "/users" + query)
                self.assertEqual(refusal(lambda request=request: request.query), (400, "invalid_request"))


class Header(unittest.TestCase):
    def test_a_repeated_header(self) -> None:
        """Lines of one name are joined, so that a second Cookie line cannot hide behind the first."""
        headers = (("cookie", "session=a"), ("host", "x"), ("cookie", "session=b"))
        self.assertEqual(Request("GET", "/", headers).header("cookie"), "session=a, session=b")
        self.assertEqual(Request("GET", "/", headers[:2]).header("cookie"), "session=a")

    def test_an_absent_and_an_empty_header(self) -> None:
        """No header is None; a header without a value is the empty text."""
        request = Request("GET", "/", (("origin", ""),))
        self.assertIsNone(request.header("cookie"))
        self.assertEqual(request.header("origin"), "")

    def test_a_repeated_header_of_a_response(self) -> None:
        """A response gives the first value of a name, or None; each Set-Cookie line stays on its own."""
        response = Response(200, headers=(("set-cookie", "a=1"), ("set-cookie", "b=2")))
        self.assertEqual(response.header("set-cookie"), "a=1")
        self.assertIsNone(response.header("location"))
        self.assertEqual(len(response.headers), 2)


class JsonBody(unittest.TestCase):
    CODES = {0: "", 400: "invalid_json", 411: "length_required", 415: "unsupported_media_type"}

    def test_media_types(self) -> None:
        """Only application/json is read: a form on a foreign page posts text/plain without asking first."""
        good = b'{"a":1}'
        for status, name, headers, body in (
            (0, "JSON", (JSON_TYPE,), good),
            (0, "in capitals", (("content-type", "Application/JSON"),), good),
            (0, "with charset", (("content-type", "application/json; charset=UTF-8"),), good),
            (0, "blanks around", (("content-type", "application/json ;\tcharset=utf-8"),), good),
            (411, "no body, no length", (JSON_TYPE,), b""),
            (400, "no body, length 0", (JSON_TYPE, ("content-length", "0")), b""),
            (415, "no type", (), good),
            (415, "an empty type", (("content-type", ""),), good),
            (415, "text/plain", (("content-type", "text/plain"),), good),
            (415, "a form", (("content-type", "application/x-www-form-urlencoded"),), good),
            (415, "a form with a file", (("content-type", "multipart/form-data; boundary=x"),), good),
            (415, "a longer name", (("content-type", "application/jsonp"),), good),
            (415, "another kind of JSON", (("content-type", "application/merge-patch+json"),), good),
            (415, "JSON as a parameter", (("content-type", "text/plain; application/json"),), good),
            (415, "two types", (("content-type", "application/json, text/plain"),), good),
            (415, "two lines", (JSON_TYPE, ("content-type", "text/plain")), good),
            (415, "U+00A0 beside it", (("content-type", "application/json\xa0"),), good),
            (415, "another charset", (("content-type", "application/json; charset=utf-16"),), good),
            (415, "an unknown parameter", (("content-type", "application/json; charset=utf-8; x=1"),), good),
            (415, "U+00A0 behind the charset", (("content-type", "application/json; charset=utf-8\xa0"),), good),
            (415, "gzip", (JSON_TYPE, ("content-encoding", "gzip")), good),
            (415, "gzip, nameless", (JSON_TYPE, ("content-encoding", "")), good),
            (400, "not JSON", (JSON_TYPE,), b"a=1"),
            (400, "a key twice", (JSON_TYPE,), b'{"a":1,"a":2}'),
            (400, "not UTF-8", (JSON_TYPE,), b'{"a":"\xff"}'),
        ):
            with self.subTest(name):
                request = Request("POST", "/login", headers, body)
                self.assertEqual(refusal(request.json), (status, self.CODES[status]))
                if status == 0:
                    self.assertEqual(request.json(), {"a": 1})
                else:
                    with self.assertRaises(Problem) as caught:
                        request.json()
                    self.assertRegex(json.loads(caught.exception.response.body)["detail"], SENTENCE)

    def test_a_broken_body(self) -> None:
        """The refusal has one wording for all that is broken, and quotes nothing of it."""
        with self.assertRaises(Problem) as caught:
            Request("POST", "/login", (JSON_TYPE,), b'{"password":"hunter2"').json()
        self.assertEqual(caught.exception.code, "invalid_json")
        self.assertNotIn(b"hunter2", caught.exception.response.body)


class ReadJson(unittest.TestCase):
    # What is wrong, the bytes, and the nearest right ones with their value.
    TABLE: tuple[tuple[str, bytes, bytes, object], ...] = (
        ("a key twice", b'{"role":"user","role":"admin"}', b'{"role":"user","roles":"admin"}', None),
        ("a key twice, once escaped", rb'{"a":1,"\u0061":2}', rb'{"a":1,"\u0062":2}', {"a": 1, "b": 2}),
        ("a key twice, deep inside", b'[{"a":{"b":1,"b":1}}]', b'[{"a":{"b":1},"b":1}]', None),
        ("the empty key twice", b'{"":1,"":2}', b'{"":1}', {"": 1}),
        ("NaN", b"[NaN]", b'["NaN"]', ["NaN"]),
        ("Infinity", b"[Infinity]", b'["Infinity"]', ["Infinity"]),
        ("-Infinity", b"[-Infinity]", b"[-0.0]", [0.0]),
        ("1e400, which is infinite", b"[1e400]", b"[1e300]", [1e300]),
        ("-1e400", b"[-1e400]", b"[1e-400]", [0.0]),
        ("10**5000", b"1" + b"0" * 5000, b"1" + b"0" * 400, 10**400),
        ("UTF-16", '{"a":1}'.encode("utf-16-le"), b'{"a":1}', {"a": 1}),
        ("UTF-16 with a mark", '{"a":1}'.encode("utf-16"), rb'"\ufeff"', "\ufeff"),
        ("UTF-32", '{"a":1}'.encode("utf-32-be"), b'{"a": 1}', {"a": 1}),
        ("a byte order mark", b'\xef\xbb\xbf{"a":1}', b'"\xef\xbb\xbf"', "\ufeff"),
        ("invalid UTF-8", b'"\xff"', b'"\xc3\xbf"', "ÿ"),
        ("overlong UTF-8", b'"\xc0\xaf"', b'"/"', "/"),
        ("half a surrogate pair in UTF-8", b'"\xed\xa0\x80"', b'"\xf0\x9f\x98\x80"', "😀"),
        ("the first half of a pair", rb'"\ud83d"', rb'"\ud83d\ude00"', "😀"),
        ("the second half", rb'["\ude00"]', rb'["\u00e9"]', ["é"]),
        ("the halves in the wrong order", rb'"\ude00\ud83d"', rb'"\\ude00\\ud83d"', r"\ude00\ud83d"),
        ("half a pair in a key", rb'{"\ud83d":1}', rb'{"\ud83d\ude00":1}', {"😀": 1}),
        ("100,000 arrays deep", b"[" * 100_000 + b"]" * 100_000, b"[" * 100 + b"]" * 100, None),
        ("100,000 objects deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b'{"a":' * 100 + b"1" + b"}" * 100, None),
        ("100,000 deep and never closed", b"[" * 100_000, b"[]", []),
        ("nothing", b"", b'""', ""),
        ("blanks only", b" \t\r\n", b" \t\r\n0 ", 0),
        ("two values", b"{} {}", b"[{}, {}]", [{}, {}]),
        ("something after the value", b'{"a":1}x', b'{"a":1}\n', {"a": 1}),
        ("X after the value", b'{"a":1}X', b'{"a":"X"}', {"a": "X"}),
        ("X before the value", b'X{"a":1}', b'{"X":1}', {"X": 1}),
        ("NUL after the value", b'{"a":1}\0', b'{"a":1}', {"a": 1}),
        ("U+00A0 as a blank", b'\xc2\xa0"a"', b' "a"', "a"),
        ("a line end in text", b'"a\nb"', rb'"a\nb"', "a\nb"),
        ("NUL in text", b'"\0"', rb'"\u0000"', "\0"),
        ("a comma too many", b'{"a":1,}', b'{"a":1}', {"a": 1}),
        ("single quotes", b"{'a':1}", b'{"a":"\'"}', {"a": "'"}),
        ("a comment", b"[1]//x", b'["//x"]', ["//x"]),
        ("a leading zero", b"01", b"10", 10),
        ("a plus sign", b"+1", b"-1", -1),
        ("Arabic digits", '"a":٣'.encode(), '"٣"'.encode(), "٣"),
    )

    def test_doubtful_bytes(self) -> None:
        """Whatever two JSON readers could read differently, or one could choke on, is a ValueError."""
        for name, doubtful, _, _ in self.TABLE:
            with self.subTest(name), self.assertRaises(ValueError):
                read_json(doubtful)

    def test_their_honest_twins(self) -> None:
        """The nearest right bytes are read, as json.loads reads them."""
        for name, _, honest, value in self.TABLE:
            with self.subTest(name):
                self.assertEqual(read_json(honest), json.loads(honest) if value is None else value)

    def test_true_and_one(self) -> None:
        """true is a bool and 1 a number: a route that asks for one must be able to refuse the other."""
        value = read_json(b"[true, 1, 1.0, null]")
        assert isinstance(value, list)
        self.assertEqual([type(each) for each in value], [bool, int, float, type(None)])


class WriteJson(unittest.TestCase):
    def test_text_beyond_ascii(self) -> None:
        """What is written is ASCII without blanks, keys in their order, and says the same when read back."""
        value = {"b": "é😀\u2028", "a": [1, None, True]}
        self.assertEqual(write_json(value), rb'{"b":"\u00e9\ud83d\ude00\u2028","a":[1,null,true]}')
        self.assertEqual(read_json(write_json(value)), value)

    def test_numbers_that_json_cannot_carry(self) -> None:
        """NaN and Infinity are never sent: half of the clients could not read the answer."""
        self.assertEqual(write_json(1e300), b"1e+300")
        for number in (float("nan"), float("inf"), float("-inf")):
            with self.subTest(number), self.assertRaises(ValueError):
                write_json(number)


class Problems(unittest.TestCase):
    def test_the_form(self) -> None:
        """An error has the members of RFC 9457 and `code`, in this order, and its own media type."""
        response = Response.problem(404, "not_found", "Nothing is here.")
        self.assertEqual(response.status, 404)
        self.assertEqual(response.headers, (("content-type", "application/problem+json"),))
        expected = {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "Nothing is here.",
            "code": "not_found",
        }
        self.assertEqual(json.loads(response.body), expected)
        self.assertEqual(list(json.loads(response.body)), list(expected))

    def test_headers_and_errors(self) -> None:
        """An error can carry headers, after its type, and one sentence for each wrong field."""
        errors = {"email": "Missing."}
        response = Response.problem(400, "invalid_request", "No.", (("retry-after", "1"),), errors=errors)
        self.assertEqual(response.headers[1:], (("retry-after", "1"),))
        self.assertEqual(json.loads(response.body)["errors"], {"email": "Missing."})
        self.assertNotIn(b"errors", Response.problem(400, "invalid_request", "No.").body)

    def test_the_exception(self) -> None:
        """A Problem carries its answer, the one that `Response.problem` builds from the same words."""
        words = (405, "method_not_allowed", "This path takes GET.", (("allow", "GET"),))
        problem = Problem(*words, errors={"email": "Missing."})
        self.assertEqual(problem.response, Response.problem(*words, errors={"email": "Missing."}))
        self.assertEqual(problem.code, "method_not_allowed")

    def test_a_value(self) -> None:
        """An ordinary answer is JSON with a status of one's choice."""
        response = Response.json({"user": 1}, 201, (("location", "/users/1"),))
        expected = Response(201, b'{"user":1}\n', (JSON_TYPE, ("location", "/users/1")))
        self.assertEqual(response, expected)
        self.assertEqual(Response.json({"user": 1}), Response(200, b'{"user":1}\n', (JSON_TYPE,)))

    @unittest.skipUnless(hasattr(time, "tzset"), "needs a system on which a program can change its time zone")
    def test_a_time(self) -> None:
        """A time is RFC 3339 in UTC, in whole seconds that have passed, wherever the server stands."""
        self.addCleanup(time.tzset)
        for zone in ("UTC", "Asia/Tokyo", "XXX+5"):
            with self.subTest(zone), mock.patch.dict(os.environ, TZ=zone):
                time.tzset()
                self.assertEqual(rfc3339(1_800_000_000), "2027-01-15T08:00:00Z")
                self.assertEqual(rfc3339(1_783_174_271.999), "2026-07-04T14:11:11Z")


class WriteResponse(unittest.TestCase):
    HEAD = b"HTTP/1.1 200 OK\r\ndate: Fri, 15 Jan 2027 08:00:00 GMT\r\n"

    def test_the_bytes(self) -> None:
        """An answer is its status line, Date, its headers in their order, its length, an empty line and its body."""
        response = Response(200, b"hello", (("set-cookie", "a=1"), ("set-cookie", "b=2")))
        lines = b"set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 5\r\n"
        self.assertEqual(write_response(response, DATE), self.HEAD + lines + b"\r\nhello")

    def test_an_empty_body(self) -> None:
        """An empty body has the length 0; without one the client would wait for the connection's end."""
        self.assertEqual(write_response(Response(200), DATE), self.HEAD + b"content-length: 0\r\n\r\n")

    def test_head(self) -> None:
        """HEAD gets what GET gets, the length too, up to the empty line."""
        response = Response(200, b"hello", (("allow", "GET"),))
        whole, head = write_response(response, DATE), write_response(response, DATE, without_body=True)
        self.assertEqual(head + b"hello", whole)

    def test_close(self) -> None:
        """The last answer of a connection says so."""
        closing = write_response(Response(200, b"x"), DATE, "connection: close\r\n")
        self.assertEqual(closing, self.HEAD + b"content-length: 1\r\nconnection: close\r\n\r\nx")

    def test_kept(self) -> None:
        """Any other answer may say how long the connection stays open."""
        answer = write_response(Response(200, b"x"), DATE, "keep-alive: timeout=75\r\n")
        self.assertEqual(answer, self.HEAD + b"content-length: 1\r\nkeep-alive: timeout=75\r\n\r\nx")

    def test_204(self) -> None:
        """204 names no length (RFC 9110 §8.6)."""
        expected = b"HTTP/1.1 204 No Content\r\ndate: " + DATE.encode() + b"\r\n\r\n"
        self.assertEqual(write_response(Response(204), DATE), expected)

    def test_204_with_a_body(self) -> None:
        """204 ends with its head: the client would take further bytes for the beginning of the next answer."""
        try:
            answer = write_response(Response(204, b"HTTP/1.1 200 OK\r\n\r\n"), DATE)
        except ValueError:
            return  # refusing it is as good
        self.assertEqual(answer.partition(b"\r\n\r\n")[2], b"")

    def test_every_status(self) -> None:
        """Each status the project sends has its phrase."""
        self.assertEqual({200: PHRASES[200], 431: PHRASES[431]}, {200: "OK", 431: "Request Header Fields Too Large"})
        for status in (200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 417, 429, 431, 500, 501):
            with self.subTest(status):
                self.assertTrue(write_response(Response(status), DATE).startswith(b"HTTP/1.1 %d " % status))

    def test_a_line_break_in_a_header(self) -> None:
        """A header that would begin a new line is never sent: what follows would be the attacker's own Set-Cookie."""
        for name, header in (
            ("CR LF", ("location", "/a\r\nset-cookie: session=evil")),
            ("LF", ("location", "/a\nset-cookie: session=evil")),
            ("CR", ("location", "/a\rset-cookie: session=evil")),
            ("an empty line", ("location", "/a\r\n\r\n<script>")),
            ("at the end", ("location", "/a\r\n")),
            ("in the name", ("x\r\nset-cookie: a", "b")),
            ("NUL", ("location", "/a\0b")),
            ("U+010A, cut to a byte it is LF", ("location", "/a\u010aset-cookie: session=evil")),
            ("U+010D U+010A", ("location", "/a\u010d\u010aset-cookie: session=evil")),
        ):
            with self.subTest(name), self.assertRaises(ValueError):
                write_response(Response(200, b"", (("allow", "GET"), header)), DATE)

    def test_harmless_headers(self) -> None:
        """A tab, Latin-1 and line breaks in the body are sent as they are."""
        response = Response(200, b"a\r\n\r\nb\0", (("x", "a\tb"), ("y", "\xe9")))
        lines = b"x: a\tb\r\ny: \xe9\r\ncontent-length: 7\r\n"
        self.assertEqual(write_response(response, DATE), self.HEAD + lines + b"\r\na\r\n\r\nb\0")


if __name__ == "__main__":
    unittest.main()
