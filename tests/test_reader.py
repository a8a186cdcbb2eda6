"""Bytes become exactly one request or a refusal, however they are cut on their way.

Each row of a table is read three times: whole, a byte at a time, and cut in two at some place. The three must agree,
for a server never learns how the network cut what it gets.
"""

from __future__ import annotations

import json
import random
import re
import unittest
from collections.abc import Iterable
from contextlib import suppress

from authref.serving.reader import MAX_BODY, MAX_CHUNKS, MAX_FIELDS, MAX_HEAD, MAX_REQUEST_LINE, Reader, read_head
from authref.wire import Problem, Request
from tests.basics import SENTENCE

Outcome = tuple[list[Request], int]
CODES = {
    400: "malformed_request",
    413: "content_too_large",
    414: "uri_too_long",
    417: "expectation_failed",
    431: "header_fields_too_large",
    501: "not_implemented",
    505: "http_version_not_supported",
}


def read(pieces: Iterable[bytes]) -> Outcome:
    """The requests in these bytes, and the status of the refusal that ends them (0 for none); it says what is wrong."""
    reader, requests = Reader("peer"), []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (request := reader.next_request()) is not None:
                requests.append(request)
    except Problem as problem:
        status, said = problem.response.status, json.loads(problem.response.body)
        assert said["code"] == CODES[status], said
        assert re.search(SENTENCE, said["detail"]), said
        return requests, status
    return requests, 0


def cut(data: bytes, size: int) -> list[bytes]:
    """The data in pieces of this many bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def with_line(line: bytes) -> bytes:
    """A request with this request line."""
    return line + b"\r\nHost: a.example\r\n\r\n"


def with_fields(*lines: bytes) -> bytes:
    """A GET with these header lines after its Host."""
    return b"".join(each + b"\r\n" for each in (b"GET / HTTP/1.1", b"Host: a.example", *lines, b""))


def with_hosts(*hosts: bytes) -> bytes:
    """A GET with these Host lines and no other."""
    return b"GET / HTTP/1.1\r\n" + b"".join(b"Host: %s\r\n" % host for host in hosts) + b"\r\n"


def with_body(framing: bytes, body: bytes = b"hello") -> bytes:
    """A POST with this header line before its body."""
    return b"POST /login HTTP/1.1\r\nHost: a.example\r\n" + framing + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    """A POST with this chunked body."""
    return with_body(b"Transfer-Encoding: chunked", body)


class ReaderTest(unittest.TestCase):
    def check(self, data: bytes) -> Outcome:
        """The outcome, which is the same whole, byte by byte, and cut in two."""
        whole = read([data])
        self.assertEqual(read(cut(data, 1)), whole, "a byte at a time")
        middle = len(data) // 2
        self.assertEqual(read([data[:middle], data[middle:]]), whole, "in two halves")
        return whole

    def check_accepted(self, name: str, data: bytes) -> Request:
        """The one request that the data is."""
        requests, status = self.check(data)
        self.assertEqual((len(requests), status), (1, 0), name)
        return requests[0]

    def check_refused(self, table: Iterable[tuple[int, str, bytes]]) -> None:
        """Each row's data is refused with the row's status."""
        for status, name, data in table:
            with self.subTest(name):
                self.assertEqual(self.check(data), ([], status))


class RequestLine(ReaderTest):
    def test_good_lines(self) -> None:
        """A request keeps its method and its target as sent: nothing is decoded, joined or normalised."""
        for line in (
            b"GET / HTTP/1.1",
            b"HEAD /me HTTP/1.1",
            b"PUT /a/b?c=d&e=%20 HTTP/1.1",
            b"PATCH /users/x-_.~ HTTP/1.1",
            b"DELETE /users/1 HTTP/1.0",
            b"OPTIONS /!$&'()*+,;=:@ HTTP/1.1",
            b"GET //evil HTTP/1.1",
            b"GET /%2e%2e/ HTTP/1.1",
            b"GET /../x HTTP/1.1",
            b"GET /a%00b HTTP/1.1",
            b"GET /%c0%af HTTP/1.1",  # an overlong "/"
            b"GET /users/ HTTP/1.1",
            b"GET /users;x HTTP/1.1",
            b"GET /users%2f HTTP/1.1",
            b"GET /?a?b/c HTTP/1.1",
        ):
            with self.subTest(line):
                request = self.check_accepted("", with_line(line))
                self.assertEqual(f"{request.method} {request.target}".encode(), line.rpartition(b" ")[0])
                self.assertEqual((request.body, request.peer), (b"", "peer"))

    def test_malformed_lines(self) -> None:
        """A request line is method, one space, target, one space, version: whoever guesses, guesses differently."""
        self.check_refused(
            (400, repr(line), with_line(line))
            for line in (
                b"",
                b"\r\nGET / HTTP/1.1",  # an empty line before it
                b"\r\n\r\nGET / HTTP/1.1",
                b"GET /",  # HTTP/0.9
                b"GET",
                b"GET / ",
                b"GET  / HTTP/1.1",
                b"GET /  HTTP/1.1",
                b"GET\t/\tHTTP/1.1",
                b" GET / HTTP/1.1",
                b"GET / HTTP/1.1 ",
                b"GET /a b HTTP/1.1",
                b"GET / HTTP/1.1 x",
                b"G@T / HTTP/1.1",
                b"GET(x) / HTTP/1.1",
                b"G\xcbT / HTTP/1.1",
                b"GET /\0 HTTP/1.1",
                b"GET /\x7f HTTP/1.1",
                b"GET /\xc3\xa9 HTTP/1.1",  # not percent-encoded
                b"GET / HTTP/1.1\rX: y",  # a bare CR
                b"GET / HTTP/1.1\nX: y",  # a bare LF
            )
        )

    def test_versions(self) -> None:
        """1.1 and 1.0 are spoken; other versions get 505, and what is no version 400."""
        self.check_accepted("1.1", with_line(b"GET / HTTP/1.1"))
        self.check_accepted("1.0", with_line(b"GET / HTTP/1.0"))
        self.check_refused(
            (status, repr(version), with_line(b"GET / " + version))
            for status, version in (
                (505, b"HTTP/1.2"),
                (505, b"HTTP/2.0"),
                (505, b"HTTP/0.9"),
                (400, b"HTTP/01.1"),
                (400, b"HTTP/1.10"),
                (400, b"HTTP/1,1"),
                (400, b"HTTP/1"),
                (400, b"HTTP/2"),
                (400, b"HTTP/1.\xb2"),  # a superscript two
                (400, b"http/1.1"),
                (400, b"HTTPS/1.1"),
                (400, b"HTTP/-1.1"),
            )
        )
        self.check_refused([(505, "an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")])

    def test_methods(self) -> None:
        """A method of the standard is read, so that a path can say 405 and what it takes; others get 501."""
        for method in (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"):
            with self.subTest(method):
                self.check_accepted("", with_line(method + b" / HTTP/1.1"))
        self.check_refused(
            (501, repr(method), with_line(method + b" / HTTP/1.1"))
            for method in (b"CONNECT", b"get", b"Get", b"GETS", b"PROPFIND", b"X-_.~!")
        )
        self.check_refused([(501, "a tunnel", with_line(b"CONNECT a.example:443 HTTP/1.1"))])

    def test_absolute_form(self) -> None:
        """A target may name our own host, and no other: else the two names could be routed differently."""
        for target, expected in (
            (b"http://a.example/me", "/me"),
            (b"http://a.example/me?x=http://b.example/", "/me?x=http://b.example/"),
            (b"http://a.example/", "/"),
            (b"http://a.example", "/"),
            (b"HTTPS://A.EXAMPLE/me", "/me"),
            (b"http://a.example//evil", "//evil"),
        ):
            with self.subTest(target):
                request = self.check_accepted("", with_line(b"GET " + target + b" HTTP/1.1"))
                self.assertEqual(request.target, expected)
        self.check_refused(
            (400, repr(target), with_line(b"GET " + target + b" HTTP/1.1"))
            for target in (
                b"http://evil.example/me",
                b"http://a.example.evil/me",
                b"http://a.example:81/me",
                b"http://a.example@evil.example/me",
                b"http://user@a.example/me",
                b"http:///me",
                b"http:/me",
                b"ftp://a.example/me",
                b"javascript://a.example/me",
            )
        )

    def test_other_targets(self) -> None:
        """A target that is no path is refused: a host and port, a lone percent sign, a fragment; "*" is for OPTIONS."""
        self.assertEqual(self.check_accepted("*", with_line(b"OPTIONS * HTTP/1.1")).target, "*")
        self.check_refused(
            (400, repr(target), with_line(method + b" " + target + b" HTTP/1.1"))
            for method, target in (
                (b"GET", b"*"),
                (b"POST", b"*"),
                (b"OPTIONS", b"**"),
                (b"OPTIONS", b"/*/%"),
                (b"GET", b"a.example:443"),
                (b"GET", b"me"),
                (b"GET", b"?x=1"),
                (b"GET", b"/%"),
                (b"GET", b"/%4"),
                (b"GET", b"/%zz"),
                (b"GET", b"/%u0041"),
                (b"GET", b"/me#x"),
                (b"GET", b"\\me"),
                (b"GET", b"/a\\b"),
                (b"GET", b'/"'),
                (b"GET", b"/<x>"),
            )
        )


class Fields(ReaderTest):
    def test_good_fields(self) -> None:
        """Names are lower-cased, blanks around values go, and order and repetition stay."""
        data = with_fields(
            *(b"ACCEPT:a", b"X-a: \t b \t", b"x-A:c", b"Empty:", b"!#$%&'*+-.^_`|~9: x:y", b"Tab: a\tb"),
            *(b"Wide: \xa0\xff", b"X: XaX"),
        )
        request = self.check_accepted("", data)
        expected = (
            ("host", "a.example"),
            ("accept", "a"),
            ("x-a", "b"),
            ("x-a", "c"),
            ("empty", ""),
            ("!#$%&'*+-.^_`|~9", "x:y"),
            ("tab", "a\tb"),
            ("wide", "\xa0\xff"),  # str.strip() would take the U+00A0 for a blank
            ("x", "XaX"),
        )
        self.assertEqual(request.headers, expected)

    def test_malformed_fields(self) -> None:
        """A line that is no field is refused: skipping or mending it is how two readers come to disagree."""
        self.check_refused(
            (400, repr(line), with_fields(line, b"Accept: a"))
            for line in (
                b" folded: x",  # obs-fold: a proxy may join it to the line above
                b"\tfolded",
                b" ",
                b"X : y",
                b"X\t: y",
                b"Content-Length : 5",
                b": y",
                b"no colon",
                b"X(y): z",
                b"X Y: z",
                b"X\xe9: y",
                b"X\0: y",
                b"X: \0",
                b"X: a\x01b",
                b"X: a\x0bb",
                b"X: a\x1bb",
                b"X: a\x7f",
                b"X: a\rY: b",  # a bare CR
                b"X: a\nY: b",  # a bare LF
                b"X: a\r\r",  # CR CR LF
                b"X: a\r",
                b"X: a\n",
            )
        )
        self.check_refused([(400, "a folded first line", b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n")])

    def test_bare_line_feeds(self) -> None:
        """A head in bare LFs is refused as soon as its first line has come, not at the deadline."""
        self.check_refused([(400, "LF only", b"GET / HTTP/1.1\nHost: a.example\n\n")])
        self.check_refused([(400, "LF after the request line", b"GET / HTTP/1.1\nHost: a.example\r\n\r\n")])

    def test_hosts(self) -> None:
        """There is exactly one Host, and it is a host: a second one could be believed by somebody else."""
        for host in (b"a.example", b"A.Example:8000", b"127.0.0.1:80", b"[::1]", b"[::1]:8000", b"my_host", b" a "):
            with self.subTest(host):
                request = self.check_accepted("", with_hosts(host))
                self.assertEqual(request.header("host"), host.decode().strip())
        self.check_refused(
            (400, repr(hosts), with_hosts(*hosts))
            for hosts in (
                (),
                (b"",),
                (b"a.example", b"b.example"),
                (b"a.example", b"a.example"),
                (b"a.example, b.example",),
                (b"a.example/x",),
                (b"user@a.example",),
                (b"a example",),
                (b"a.example:",),
                (b"a.example:123456",),
                (b"a.example:\xb2",),
                (b"[::1",),
                (b"::1",),
                (b"a\xe9.example",),
                (b"<script>",),
            )
        )

    def test_no_host_in_http_1_0(self) -> None:
        """Load balancers ask for /health in HTTP/1.0 and name no Host; for all else there is one, as in HTTP/1.1."""
        for method in (b"GET", b"HEAD"):
            self.assertEqual(self.check_accepted("", method + b" /health HTTP/1.0\r\n\r\n").header("host"), None)
        self.check_refused(
            (400, repr(data), data + b"\r\n\r\n")
            for data in (
                b"GET / HTTP/1.0",
                b"GET /me HTTP/1.0",
                b"GET /health?x HTTP/1.0",
                b"GET http:///health HTTP/1.0",
                b"POST /health HTTP/1.0",
                b"GET /health HTTP/1.1",
                b"GET /health HTTP/1.0\r\nHost:",
                b"GET /health HTTP/1.0\r\nHost: a\r\nHost: a",
            )
        )

    def test_fields_we_know_nothing_of(self) -> None:
        """An offer to change the protocol, or anything else unknown, is read like any field and not followed."""
        for line in (b"Upgrade: h2c", b"Upgrade: websocket", b"HTTP2-Settings: AAMAAABk", b"Content-Encoding: gzip"):
            with self.subTest(line):
                self.assertEqual(len(self.check_accepted("", with_fields(line)).headers), 2)


class BodyLength(ReaderTest):
    def test_content_lengths(self) -> None:
        """Content-Length is ASCII digits: int() would take "+5", "5_0" and Arabic ones, and a proxy would not."""
        for value in (b"5", b" 5", b"\t5\t"):
            with self.subTest(value):
                self.assertEqual(self.check_accepted("", with_body(b"Content-Length:" + value)).body, b"hello")
        self.check_refused(
            (400, repr(value), with_body(b"Content-Length:" + value))
            for value in (
                b"",
                b"05",  # by the rules of C that is octal
                b"00",
                b"+5",
                b"-1",
                b"-0",
                b"0x5",
                b"5_0",
                b"1e3",
                b"5.0",
                b"5 5",
                b"5,5",
                b"5, 5",
                b"5,",
                b"five",
                "٣".encode(),
                b"\xb2",
                b"\xa05",  # U+00A0 is no blank here
                b"5;x",
            )
        )
        self.check_refused([(413, "10**30", with_body(b"Content-Length: 1" + b"0" * 30))])
        self.check_refused([(413, "10**5000", with_body(b"Content-Length: 1" + b"0" * 5000))])

    def test_content_length_in_other_digits(self) -> None:
        """Text that was decoded otherwise than we do, as UTF-8, brings no other digits either."""
        head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n"
        self.assertEqual(read_head(head.format("3")).length, 3)
        with self.assertRaises(Problem):
            read_head(head.format("٣"))

    def test_two_content_lengths(self) -> None:
        """Two Content-Length fields: a proxy and we could each believe another one, so the request is refused."""
        self.check_refused(
            (400, name, with_body(framing))
            for name, framing in (
                ("different", b"Content-Length: 5\r\nContent-Length: 6"),
                ("equal", b"Content-Length: 5\r\nContent-Length: 5"),
                ("in two spellings", b"content-length: 5\r\nX: y\r\nCONTENT-LENGTH: 5"),
            )
        )

    def test_content_length_and_chunked(self) -> None:
        """Both framings at once is the classic smuggling request: each reader obeys another one."""
        body = b"0\r\n\r\n"
        self.check_refused(
            (400, name, with_body(framing, body))
            for name, framing in (
                ("length first", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
                ("coding first", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
                ("an unknown coding", b"Transfer-Encoding: gzip\r\nContent-Length: 5"),
                ("a bad length", b"Transfer-Encoding: chunked\r\nContent-Length: x"),
                ("coding twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
                ("coding twice, once unknown", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
            )
        )
        self.assertEqual(self.check_accepted("", with_body(b"Content-Length: 5", body)).body, body)
        self.assertEqual(self.check_accepted("", with_body(b"Transfer-Encoding: chunked", body)).body, b"")

    def test_transfer_codings(self) -> None:
        """The only coding is exactly "chunked": what is almost that, one reader obeys and the other passes over.

        Where it is not the last, nobody can tell where the body ends: 400 (RFC 9112 §6.3); before it, 501.
        """
        for value in (b"chunked", b" Chunked\t"):
            with self.subTest(value):
                data = with_body(b"Transfer-Encoding:" + value, b"5\r\nhello\r\n0\r\n\r\n")
                self.assertEqual(self.check_accepted("", data).body, b"hello")
        self.check_refused(
            (status, repr(value), with_body(b"Transfer-Encoding:" + value, b"0\r\n\r\n"))
            for status, value in (
                (400, b""),
                (400, b"gzip"),
                (400, b"identity"),
                (501, b"gzip, chunked"),
                (400, b"chunked, gzip"),
                (400, b"chunked, chunked"),
                (501, b"gzip;q=1 ,\tchunked"),
                (400, b"chunked;q=1"),
                (400, b'"chunked"'),
                (400, b"xchunked"),
                (400, b"chunked\xa0"),
                (400, b"\x0bchunked"),
                (400, b"chunked\0"),
            )
        )

    def test_chunked_in_http_1_0(self) -> None:
        """An HTTP/1.0 proxy in between does not know chunked and would see another body."""
        data = chunked(b"0\r\n\r\n")
        self.check_accepted("", data)
        self.check_refused([(400, "HTTP/1.0", data.replace(b"HTTP/1.1", b"HTTP/1.0"))])

    def test_no_length_at_all(self) -> None:
        """Without a length there is no body: the bytes that follow are the next request."""
        requests, status = self.check(b"POST /logout HTTP/1.1\r\nHost: a\r\n\r\n" + with_fields())
        self.assertEqual(([request.method for request in requests], status), (["POST", "GET"], 0))
        self.assertEqual(self.check_accepted("", with_body(b"Content-Length: 0", b"")).body, b"")


class Chunks(ReaderTest):
    def test_good_chunks(self) -> None:
        """Chunks are joined; their sizes are hexadecimal in either case."""
        for chunks, body in (
            (b"0\r\n\r\n", b""),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
            (b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", b"hello"),
            (b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a"),
            (b"00000005\r\nhello\r\n000\r\n\r\n", b"hello"),
            (b"7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", b"0\r\n\r\nGE"),  # an end of chunks within a chunk
        ):
            with self.subTest(chunks):
                self.assertEqual(self.check_accepted("", chunked(chunks)).body, body)

    def test_malformed_chunks(self) -> None:
        """A chunk is its size, CR LF, as many bytes, CR LF; whoever is lenient here ends the request elsewhere."""
        self.check_refused(
            (400, repr(chunks[:30]), chunked(chunks))
            for chunks in (
                b"\r\n",
                b"+5\r\nhello\r\n0\r\n\r\n",
                b"-5\r\nhello\r\n0\r\n\r\n",
                b"0x5\r\nhello\r\n0\r\n\r\n",
                b"5_0\r\nhello\r\n0\r\n\r\n",
                b" 5\r\nhello\r\n0\r\n\r\n",
                b"5 \r\nhello\r\n0\r\n\r\n",
                b"g\r\nhello\r\n0\r\n\r\n",
                "٣\r\nabc\r\n0\r\n\r\n".encode(),
                b"5\nhello\r\n0\r\n\r\n",  # a bare LF after the size
                b"5\rhello\r\n0\r\n\r\n",  # a bare CR
                b"5\r\rhello\r\n0\r\n\r\n",
                b"5\r\nhello\n0\r\n\r\n",  # a bare LF after the data
                b"5\r\nhello0\r\n\r\n",  # nothing after the data
                b"5\r\nhello!\r\n0\r\n\r\n",  # more data than announced
                b"6\r\nhello\r\n0\r\n\r\n",  # less
                b"5\r\nhello\r\n\r\n0\r\n\r\n",
                b"5;a=b\r\nhello\r\n0\r\n\r\n",  # an extension
                b"5;" + b"a" * 65536 + b"\r\nhello\r\n0\r\n\r\n",
                b"000000005\r\nhello\r\n0\r\n\r\n",  # nine digits
                b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",  # -1 in 64 bits
                b"10000000000000005\r\nhello\r\n0\r\n\r\n",  # 5 in 64 bits
                b"0\r\nContent-Length: 5\r\n\r\n",  # a trailer
                b"0\r\nX: y\r\n\r\n",
                b"0\r\n \r\n\r\n",
                b"0\r\n\n\n",
            )
        )

    def test_refused_at_once(self) -> None:
        """What can no longer become an end of chunks, or a request, is refused at its first wrong byte."""
        for name, data in (
            ("a lone LF after the last chunk", chunked(b"0\r\n\n")),
            ("a trailer", chunked(b"0\r\nX")),
            ("a lone LF after a chunk", chunked(b"5\r\nhello\n")),
            ("TLS spoken to a plain port", b"\x16"),
            ("a blank", b" "),
            ("a line end before the request", b"\r"),
            ("a byte no method has", b"\xc3"),
        ):
            with self.subTest(name):
                self.assertEqual(read([data]), ([], 400))
                self.assertEqual(read([data[:-1]]), ([], 0))

    def test_missing_end(self) -> None:
        """A body without its last chunk is not finished, so it is no request yet."""
        for chunks in (b"", b"5", b"5\r", b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n", b"0\r\n\r"):
            with self.subTest(chunks):
                self.assertEqual(self.check(chunked(chunks)), ([], 0))

    def test_two_chunked_requests(self) -> None:
        """The second request's body holds nothing of the first one's."""
        data = chunked(b"5\r\nfirst\r\n0\r\n\r\n") + chunked(b"6\r\nsecond\r\n0\r\n\r\n")
        requests, status = self.check(data)
        self.assertEqual(([request.body for request in requests], status), ([b"first", b"second"], 0))


class Limits(ReaderTest):
    """At the limit and one beyond; and cut at each place near the end, for that is where off-by-one lives."""

    def check(self, data: bytes) -> Outcome:
        whole = read([data])
        for place in [1, *range(max(2, len(data) - 40), len(data))]:
            self.assertEqual(read([data[:place], data[place:]]), whole, f"cut {len(data) - place} bytes before the end")
        self.assertEqual(read(cut(data, 1000)), whole, "in pieces of 1000")
        return whole

    def line_of(self, length: int) -> bytes:
        return with_line(b"GET /".ljust(length - len(" HTTP/1.1"), b"a") + b" HTTP/1.1")

    def head_of(self, length: int) -> bytes:
        """A request whose head has this many bytes, without the empty line that ends it."""
        start = b"GET / HTTP/1.1\r\nHost: a.example\r\nX: "
        return start.ljust(length - 2, b"x") + b"\r\n\r\n"

    def test_a_long_request_line(self) -> None:
        """A request line of 8 KiB is read, one of a byte more gets 414."""
        self.assertEqual(MAX_REQUEST_LINE, 8192)
        request = self.check_accepted("8192", self.line_of(MAX_REQUEST_LINE))
        self.assertEqual(len(f"GET {request.target} HTTP/1.1"), MAX_REQUEST_LINE)
        self.check_refused([(414, "8193", self.line_of(MAX_REQUEST_LINE + 1))])

    def test_a_long_head(self) -> None:
        """A head of 16 KiB is read, one of a byte more gets 431."""
        self.assertEqual(MAX_HEAD, 16384)
        self.check_accepted("16384", self.head_of(MAX_HEAD))
        self.check_refused([(431, "16385", self.head_of(MAX_HEAD + 1))])

    def test_an_endless_head(self) -> None:
        """What can no longer become a head is refused at once, not kept: memory is what it would eat."""
        self.assertEqual(read([b"a" * MAX_REQUEST_LINE]), ([], 0))
        self.assertEqual(read([b"a" * (MAX_REQUEST_LINE + 2)]), ([], 414))
        self.assertEqual(read([b"GET / HTTP/1.1\r\nX: ".ljust(MAX_HEAD, b"x")]), ([], 0))
        self.assertEqual(read([b"GET / HTTP/1.1\r\nX: ".ljust(MAX_HEAD + 4, b"x")]), ([], 431))

    def test_many_fields(self) -> None:
        """100 fields are read, 101 get 431, and so do 10,000 cookies in one line."""
        self.assertEqual(MAX_FIELDS, 100)
        request = self.check_accepted("100", with_fields(*[b"X: y"] * (MAX_FIELDS - 1)))
        self.assertEqual(len(request.headers), MAX_FIELDS)
        self.check_refused(
            [
                (431, "101", with_fields(*[b"X: y"] * MAX_FIELDS)),
                (431, "10,000 cookies", with_fields(b"Cookie: " + b"a=1; " * 10_000)),
                (431, "a token of 1 MB", with_fields(b"Authorization: Bearer " + b"a" * 1_000_000)),
            ]
        )

    def test_a_long_body(self) -> None:
        """A body of 64 KiB is read, one of a byte more gets 413, before the first byte of it has come."""
        self.assertEqual(MAX_BODY, 65536)
        body = b"x" * MAX_BODY
        self.assertEqual(self.check_accepted("64 KiB", with_body(b"Content-Length: 65536", body)).body, body)
        self.check_refused([(413, "a byte more", with_body(b"Content-Length: 65537", b""))])

    def test_a_long_chunked_body(self) -> None:
        """Chunks may add up to 64 KiB; the chunk that goes beyond is refused by its size, before its data."""
        half = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        self.assertEqual(len(self.check_accepted("64 KiB", chunked(half * 2 + b"0\r\n\r\n")).body), MAX_BODY)
        self.check_refused(
            [
                (413, "one chunk", chunked(b"10001\r\n")),
                (413, "the largest size there is", chunked(b"FFFFFFFF\r\n")),
                (413, "a byte more after two chunks", chunked(half * 2 + b"1\r\n")),
                (413, "two chunks", chunked(half + b"8001\r\n")),
            ]
        )

    def test_many_chunks(self) -> None:
        """256 are read. 65,536 of one byte took a fifth of a second, in the thread that serves everybody."""
        self.assertEqual(MAX_CHUNKS, 256)
        most = b"1\r\nx\r\n" * MAX_CHUNKS
        self.assertEqual(self.check_accepted("256", chunked(most + b"0\r\n\r\n")).body, b"x" * MAX_CHUNKS)
        self.check_refused(
            [
                (413, "one more", chunked(most + b"1\r\nx\r\n0\r\n\r\n")),
                (413, "and no end", chunked(most * 10)),
            ]
        )


class Pipeline(ReaderTest):
    def test_three_at_once(self) -> None:
        """Requests that arrive together come out one by one, in order, each with its own body."""
        data = with_body(b"Content-Length: 5", b"first") + with_fields(b"X: 2") + chunked(b"5\r\nthird\r\n0\r\n\r\n")
        requests, status = self.check(data)
        expected = [("POST", b"first"), ("GET", b""), ("POST", b"third")]
        self.assertEqual(([(each.method, each.body) for each in requests], status), (expected, 0))

    def test_one_call_for_one_request(self) -> None:
        """`next_request` gives one request a call, `head` belongs to it, and then there is None."""
        reader = Reader("peer")
        reader.feed(with_fields(b"Connection: close") + with_line(b"GET /b HTTP/1.1"))
        for target, keep_alive in (("/", False), ("/b", True)):
            request = reader.next_request()
            assert request is not None and reader.head is not None
            self.assertEqual((request.target, reader.head.keep_alive), (target, keep_alive))
        self.assertIsNone(reader.next_request())

    def test_a_request_in_a_body(self) -> None:
        """What lies within the length of a body is body, even if it reads like a request (smuggling)."""
        inner = with_line(b"GET /users HTTP/1.1")
        for name, data in (
            ("by length", with_body(b"Content-Length: %d" % len(inner), inner)),
            ("by chunks", chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner))),
            ("of a GET", with_fields(b"Content-Length: %d" % len(inner)) + inner),
        ):
            with self.subTest(name):
                self.assertEqual(self.check_accepted(name, data).body, inner)

    def test_what_is_known_of_a_refused_one(self) -> None:
        """The fields of a refused request are known once its head is whole: never those of the one before it."""
        origin = b"Origin: https://app.example"
        for name, data, known in (
            ("a body announced too long", with_body(origin + b"\r\nContent-Length: 65537", b""), True),
            ("a chunk announced too long", with_body(origin + b"\r\nTransfer-Encoding: chunked", b"10001\r\n"), True),
            ("half a body", with_body(origin + b"\r\nContent-Length: 5", b"he"), True),
            ("half a head", b"GET / HTTP/1.1\r\n" + origin + b"\r\n", False),
            ("a line that is no field", with_fields(origin, b"bad line"), False),
            ("nothing", b"", True),  # it is the one before
        ):
            with self.subTest(name):
                reader = Reader("192.0.2.1")
                reader.feed(with_fields(origin) + data)
                self.assertIsNotNone(reader.next_request())
                with suppress(Problem):
                    self.assertIsNone(reader.next_request())
                self.assertEqual(reader.so_far().header("origin"), "https://app.example" if known else None)
                self.assertEqual(reader.so_far().peer, "192.0.2.1")

    def test_a_good_request_after_a_bad_one(self) -> None:
        """After a refusal nothing more is read: nobody knows where the next request would begin."""
        good, bad = with_fields(), with_fields(b"bad line")
        self.assertEqual(len(self.check(good + good)[0]), 2)
        self.assertEqual(self.check(good + bad + good), ([self.check_accepted("", good)], 400))


class RepeatedHeads(unittest.TestCase):
    """The head of the request before is remembered; it must never stand in for another one."""

    def requests(self, *pieces: bytes) -> list[Request | None]:
        reader, found = Reader("192.0.2.1"), []
        for piece in pieces:
            reader.feed(piece)
            found.append(reader.next_request())
        return found

    def test_a_head_that_differs_in_one_byte(self) -> None:
        """A head of the same length with another cookie is another head: one caller must not get another's answer."""
        ours, other = with_fields(b"Cookie: session=aaa"), with_fields(b"Cookie: session=aab")
        cookies = [request and request.header("cookie") for request in self.requests(ours, other, ours, ours)]
        self.assertEqual(cookies, [f"session={value}" for value in ("aaa", "aab", "aaa", "aaa")])

    def test_the_same_head_with_another_body(self) -> None:
        """What is remembered is the head alone; each request has the body that came with it, by length or in chunks."""
        for framing, frame in ((b"Content-Length: 5", b"%s"), (b"Transfer-Encoding: chunked", b"5\r\n%s\r\n0\r\n\r\n")):
            with self.subTest(framing):
                pieces = [with_body(framing, frame % body) for body in (b"right", b"wrong", b"right")]
                bodies = [request and request.body for request in self.requests(*pieces)]
                self.assertEqual(bodies, [b"right", b"wrong", b"right"])

    def test_a_bad_head_after_a_good_one(self) -> None:
        """A refused head is refused again: nothing of a refusal is remembered."""
        reader, bad = Reader("192.0.2.1"), with_line(b"GET /a b HTTP/1.1")
        reader.feed(with_fields(b"A: b"))
        self.assertIsNotNone(reader.next_request())
        for _ in range(2):
            reader.feed(bad)
            self.assertRaises(Problem, reader.next_request)


class Cuts(ReaderTest):
    GOOD = (
        with_fields(b"Cookie: session=abc"),
        with_body(b"Content-Type: application/json\r\nContent-Length: 7", b'{"a":1}'),
        chunked(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"),
        with_line(b"DELETE http://a.example/users/1?x=%20 HTTP/1.1"),
        with_body(b"Expect: 100-continue\r\nContent-Length: 5"),
        b"HEAD / HTTP/1.0\r\nHost: [::1]:80\r\nConnection: keep-alive\r\n\r\n",
    )

    def test_cut_in_two_anywhere(self) -> None:
        """A request means the same wherever the network cut it."""
        for data in self.GOOD:
            whole = read([data])
            self.assertEqual((len(whole[0]), whole[1]), (1, 0))
            for place in range(1, len(data)):
                with self.subTest(data=data, place=place):
                    self.assertEqual(read([data[:place]]), ([], 0))
                    self.assertEqual(read([data[:place], data[place:]]), whole)

    def test_waiting_for(self) -> None:
        """A reader says what it waits for, so that the server knows which deadline holds."""
        reader = Reader("peer")
        for piece, state in (
            (b"", "request"),
            (b"P", "head"),
            (b"OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r", "head"),
            (b"\n", "body"),
            (b"x", "body"),
        ):
            reader.feed(piece)
            self.assertIsNone(reader.next_request())
            self.assertEqual(reader.waiting_for, state)
        reader.feed(b"y")
        self.assertIsNotNone(reader.next_request())
        self.assertEqual(reader.waiting_for, "request")

    def test_random_damage(self) -> None:
        """Whatever bytes come, the outcome is requests or a Problem, no other exception, and no cut changes it."""
        dice = random.Random(7230)
        accepted = refused = 0
        for _ in range(800):
            data = damaged(dice, b"".join(dice.choices(self.GOOD, k=dice.randint(1, 3))))
            whole = read([data])
            for size in (1, dice.randint(2, 40)):
                self.assertEqual(read(cut(data, size)), whole, data)
            accepted += bool(whole[0])
            refused += whole[1] != 0
        self.assertGreater(min(accepted, refused), 120, "the damage is too great or too small to show anything")


def damaged(dice: random.Random, data: bytes) -> bytes:
    """The data with one to three bytes or words put in, taken out or exchanged."""
    words = (b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"0", b"9", b"\xff", b"%", b"Content-Length: 3\r\n", b"")
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(data))
        data = data[:place] + dice.choice(words) + data[place + dice.randint(0, 2) :]
    return data


class HeadFlags(ReaderTest):
    def head(self, data: bytes) -> tuple[bool, bool]:
        """Whether the connection goes on after this request, and whether its client waits for "100 Continue"."""
        reader = Reader("peer")
        reader.feed(data)
        reader.next_request()
        assert reader.head is not None
        return reader.head.keep_alive, reader.wants_continue

    def test_keep_alive(self) -> None:
        """A connection goes on unless the client says "close" in any Connection line, or speaks HTTP/1.0."""
        for keep_alive, lines in (
            (True, ()),
            (True, (b"Connection: keep-alive",)),
            (True, (b"Connection: ",)),
            (False, (b"Connection: close",)),
            (False, (b"connection: CLOSE",)),
            (False, (b"Connection: keep-alive, close",)),
            (False, (b"Connection: keep-alive", b"Connection: close")),
            (False, (b"Connection: close", b"Connection: keep-alive")),
        ):
            with self.subTest(lines):
                self.assertEqual(self.head(with_fields(*lines))[0], keep_alive)
        self.assertFalse(self.head(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")[0])
        self.assertFalse(self.head(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")[0])

    def test_wants_continue(self) -> None:
        """A client waits for "100 Continue" if it said so and nothing of its body has come (RFC 9110 §10.1.1)."""
        length, chunks = b"\r\nContent-Length: 5", b"\r\nTransfer-Encoding: chunked"
        for wants, name, data in (
            (True, "a length", with_body(b"Expect: 100-continue" + length, b"")),
            (True, "in capitals", with_body(b"EXPECT: 100-Continue" + length, b"")),
            (True, "chunks", with_body(b"Expect: 100-continue" + chunks, b"")),
            (False, "no expectation", with_body(b"X: 100-continue" + length, b"")),
            (False, "the body has begun", with_body(b"Expect: 100-continue" + length, b"h")),
            (False, "the body is here", with_body(b"Expect: 100-continue" + length, b"hello")),
            (False, "a first chunk is here", with_body(b"Expect: 100-continue" + chunks, b"1\r\nx\r\n")),
            (False, "an empty body", with_body(b"Expect: 100-continue\r\nContent-Length: 0", b"")),
            (False, "no body", with_fields(b"Expect: 100-continue")),
        ):
            with self.subTest(name):
                self.assertEqual(self.head(data)[1], wants)

    def test_an_expectation_in_http_1_0(self) -> None:
        """HTTP/1.0 knows no "100 Continue"; the client would take it for the answer (RFC 9110 §10.1.1)."""
        data = b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        self.assertFalse(self.head(data)[1])
        self.assertTrue(self.head(data.replace(b"HTTP/1.0", b"HTTP/1.1"))[1])

    def test_other_expectations(self) -> None:
        """Any other expectation gets 417, and a body that is too large 413 instead of "100 Continue"."""
        self.check_refused(
            (status, repr(line), with_body(line, b""))
            for status, line in (
                (417, b"Expect: 200-ok\r\nContent-Length: 5"),
                (417, b"Expect: \r\nContent-Length: 5"),
                (417, b"Expect: 100-continue, x\r\nContent-Length: 5"),
                (417, b"Expect: 100-continued"),
                (417, b"Expect: x\r\nExpect: 100-continue\r\nContent-Length: 5"),
                (413, b"Expect: 100-continue\r\nContent-Length: 65537"),
            )
        )
        self.assertEqual(self.check(with_body(b"Expect: 100-continue\r\nContent-Length: 5", b"")), ([], 0))


if __name__ == "__main__":
    unittest.main()
