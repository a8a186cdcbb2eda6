"""The server as clients meet it: real sockets, honest clients and hostile ones, one server thread.

No test waits for a deadline: it sets the server's clock forward. A test that needs a login to take long holds it with
a `Gate` instead of sleeping.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import monotonic  # the real one: that of the server is set forward
from typing import Any
from unittest import mock

from authref.app import App
from authref.maps import Store
from authref.serving.cores import cores
from authref.serving.reader import MAX_BODY, MAX_HEAD, MAX_REQUEST_LINE
from authref.serving.server import (
    LINGER,
    RECEIVE,
    STATES,
    STOP_SECONDS,
    WORK,
    Server,
    _allow_files,
    ends,
    serve,
    stop_on_signals,
)
from authref.throttle import Turns
from authref.wire import Problem, Request, Response
from tests.basics import PASSWORD
from tests.support import Harness, exchange, running, status

HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
OPENAPI = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"  # the longest answer there is
ME = b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n"
TOKEN_ME = b"GET /token/me HTTP/1.1\r\nHost: a\r\n\r\n"
BAD = b"GET /health HTTP/1.1\r\nHost: a\r\nbad line\r\n\r\n"
PATIENCE = 1.5  # seconds within which what a test waits for must have happened: no deadline is as short


def post(path: str, value: object) -> bytes:
    """A POST of the value as JSON."""
    data = json.dumps(value).encode()
    lines = (f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", f"Content-Length: {len(data)}")
    return "\r\n".join([*lines, "", ""]).encode() + data


def login(path: str = "/login") -> bytes:
    """Alice's login."""
    return post(path, {"email": "alice@example.com", "password": PASSWORD})


@dataclass(frozen=True)
class Answer:
    """One answer off the wire; of repeated headers, `headers` has the last."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """A client that sends bytes as it likes and reads one answer at a time."""

    def __init__(self, server: Server, receive_buffer: int = 0, address: str = "127.0.0.1") -> None:
        self.sock = socket.socket()
        self.sock.bind((address, 0))
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent is there at once
        self.sock.settimeout(5)
        self.sock.connect(("127.0.0.1", server.server_port))
        self.file = self.sock.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(self, data: bytes) -> Answer:
        """The answer to this request."""
        self.send(data)
        return self.answer()

    def answer(self, without_body: bool = False) -> Answer:
        """The next answer; `without_body` if it is one to HEAD."""
        line = self.file.readline()
        assert line, "the server closed instead of answering"
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while (field := self.file.readline()) != b"\r\n":
            name, _, value = field.decode("latin-1").rstrip("\r\n").partition(": ")
            headers[name] = value
        length = 0 if without_body else int(headers.get("content-length", "0"))
        return Answer(int(line.split(b" ")[1]), headers, self.file.read(length))

    def rest(self) -> bytes:
        """What still comes until the server closes; TimeoutError if it does not."""
        self.sock.settimeout(PATIENCE)
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""

    def hears(self, seconds: float = 0.0) -> bool:
        """True once the server has sent something or closed; False if it has done neither in this time."""
        return bool(select.select([self.sock], [], [], seconds)[0])

    def vanish(self) -> None:
        """End the connection with a reset, as a crashed or unplugged client does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Gate:
    """Every check of a password on this app waits at the gate until it is opened."""

    def __init__(self, app: App) -> None:
        self._check = app.users.check_credentials
        self._came, self._open = threading.Semaphore(0), threading.Event()
        app.users.check_credentials = self._wait  # type: ignore[method-assign]

    def _wait(self, email: str, password: str) -> Any:
        self._came.release()
        assert self._open.wait(10), "nobody opened the gate"
        return self._check(email, password)

    def wait_for_one(self) -> None:
        """Return when another login has come to the gate."""
        assert self._came.acquire(timeout=5), "no login has come"

    def open(self) -> None:
        self._open.set()


@contextmanager
def gate(app: App) -> Iterator[Gate]:
    """A gate that is open at the latest when the block ends."""
    held = Gate(app)
    try:
        yield held
    finally:
        held.open()


def in_state(server: Server, state: str) -> int:
    """How many connections are in this state."""
    return sum(connection.state == state for connection in list(server.connections))


def eventually(happened: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """True as soon as it has happened, False if it does not within these seconds."""
    end = monotonic() + seconds
    while not happened():
        if monotonic() > end:
            return False
        time.sleep(0.002)
    return True


class ServerTest(unittest.TestCase):
    """A server with one user, Alice, for each test, and a way to see whether it is well."""

    def setUp(self) -> None:
        self.harness = Harness(now=time.time)
        self.harness.sign_up()
        self.late = 0.0  # seconds that the server's clock is ahead of ours
        self.enterContext(mock.patch("time.monotonic", lambda: monotonic() + self.late))

    def serve(self) -> Server:
        """A server of the harness's app until the test ends."""
        return self.enterContext(running(self.harness.app))

    def pass_time(self, server: Server, seconds: float) -> None:
        """The server reads what has been sent; then so many seconds pass, and it has looked at its deadlines."""
        with Client(server) as other:
            other.ask(HEALTH)  # comes in at the door after all others, who are heard by then
        self.late += seconds
        with Client(server) as other:  # another one: the first may have waited too long by now
            for _ in range(2):  # in one round at the earliest, and in the next: between rounds it looks
                self.assertEqual(other.ask(HEALTH).status, 200)

    def assert_silence(self, server: Server, client: Client, complaint: str | None = None) -> None:
        """The server has read what the client has sent, and has neither answered nor closed."""
        self.pass_time(server, 0)
        self.assertFalse(client.hears(), complaint)

    def stop(self, server: Server) -> None:
        """Stop it, and return when it has noticed."""
        server.stop()
        self.assertTrue(eventually(lambda: server.socket.fileno() < 0))

    def client(self, server: Server, receive_buffer: int = 0) -> Client:
        """A client that is closed before the server stops."""
        return self.enterContext(Client(server, receive_buffer))

    def slow_reader(self, server: Server, data: bytes) -> Client:
        """A client that has sent this and not yet taken the answer, which is too long for the buffers in between."""
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # its connections inherit that
        before = len(server.connections)
        client = self.client(server, receive_buffer=4096)
        client.send(data)
        self.assertTrue(eventually(lambda: len(server.connections) > before and in_state(server, "answer") > before))
        return client

    @contextmanager
    def stalled(self, server: Server) -> Iterator[None]:
        """The server's thread stands still while the block runs, in a request of somebody else."""
        begun, go_on, tokens = threading.Event(), threading.Event(), self.harness.app.tokens
        authenticate = tokens.authenticate

        def wait(request: Request) -> Any:
            begun.set()
            assert go_on.wait(10), "nobody let the server go on"
            return authenticate(request)

        with Client(server) as other, mock.patch.object(tokens, "authenticate", wait):
            other.send(TOKEN_ME)
            assert begun.wait(5), "the server has not begun"
            try:
                yield
            finally:
                go_on.set()
                self.assertEqual(other.answer().status, 401)

    def assert_well(self, server: Server) -> None:
        """A new client is served at once."""
        with Client(server) as client:
            client.sock.settimeout(PATIENCE)
            self.assertEqual(client.ask(HEALTH).status, 200)


class Answers(ServerTest):
    def test_a_second_request(self) -> None:
        """A connection stays open for the next request, whether the answer was good news or bad."""
        client = self.client(self.serve())
        unknown = HEALTH.replace(b"health", b"nothing")
        for request, expected in ((HEALTH, 200), (ME, 401), (login(), 200), (unknown, 404), (HEALTH, 200)):
            answer = client.ask(request)
            self.assertEqual(answer.status, expected)
            self.assertEqual(answer.headers["connection"], "keep-alive")
            self.assertEqual(answer.headers["keep-alive"], f"timeout={STATES['idle'][0]:.0f}")

    def test_connection_close(self) -> None:
        """A client that asks to close, or speaks HTTP/1.0, is told so and gets nothing after its answer."""
        server = self.serve()
        for name, request in (
            ("close", b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            ("HTTP/1.0", b"GET /health HTTP/1.0\r\nHost: a\r\n\r\n"),
            ("HTTP/1.0 that would stay", b"GET /health HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"),
        ):
            with self.subTest(name), Client(server) as client:
                answer = client.ask(request + HEALTH)
                self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
                self.assertNotIn("keep-alive", answer.headers)
                self.assertEqual(client.rest(), b"")

    def test_a_load_balancer(self) -> None:
        """HTTP/1.0 without a Host is answered for /health, in which load balancers ask so, and for nothing else."""
        server = self.serve()
        for request, expected in (
            (b"GET /health HTTP/1.0\r\n\r\n", 200),
            (b"HEAD /health HTTP/1.0\r\n\r\n", 200),
            (b"GET /me HTTP/1.0\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\n\r\n", 400),
        ):
            with self.subTest(request):
                self.assertEqual(status(exchange(server, request)), expected)

    def test_what_the_server_can_do(self) -> None:
        """OPTIONS of the server as such names all methods that some path takes, and the connection goes on."""
        client = self.client(self.serve())
        answer = client.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual((answer.status, answer.headers["allow"]), (204, "DELETE, GET, HEAD, PATCH, POST"))
        self.assertEqual(client.ask(HEALTH).status, 200)

    def test_pipelined_requests(self) -> None:
        """Requests sent together are answered in their order, the slow ones too."""
        client = self.client(self.serve())
        client.send(login() + HEALTH + login("/token/login") + ME + post("/login", {}) + HEALTH)
        answers = [client.answer() for _ in range(6)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 200, 401, 400, 200])
        self.assertIn("set-cookie", answers[0].headers)
        self.assertIn(b"Bearer", answers[2].body)

    def test_a_slow_request_before_a_quick_one(self) -> None:
        """A quick request waits for the slow one before it on its connection, but not for one on another."""
        server = self.serve()
        client = self.client(server)
        with gate(self.harness.app) as held:
            client.send(login() + HEALTH)
            held.wait_for_one()
            self.assert_silence(server, client, "an answer has overtaken another")
        self.assertIn(b"alice", client.answer().body)
        self.assertIn(b"ok", client.answer().body)

    def test_somebody_elses_long_pipeline(self) -> None:
        """A client with hundreds of requests in line gets one answer a round, like everybody else."""
        served: list[str] = []
        both_have_sent, answer = threading.Event(), App.__call__

        def note(request: Request) -> Response:
            served.append(request.path)
            both_have_sent.wait(5)
            return answer(self.harness.app, request)

        with mock.patch.object(App, "__call__", side_effect=note):
            server = self.serve()
            greedy, modest = self.client(server), self.client(server)
            greedy.send(b"GET /greedy HTTP/1.1\r\nHost: a\r\n\r\n" * 300)
            modest.send(b"GET /modest HTTP/1.1\r\nHost: a\r\n\r\n")
            both_have_sent.set()
            self.assertEqual(modest.answer().status, 404)
            self.assertEqual({greedy.answer().status for _ in range(300)}, {404})
        self.assertLess(served.index("/modest"), 10)

    def test_a_long_pipeline(self) -> None:
        """Two thousand requests in one go are all answered, while another client is served too."""
        server = self.serve()
        client = self.client(server)
        sender = threading.Thread(target=client.send, args=(HEALTH * 2000,))
        sender.start()
        self.assert_well(server)
        self.assertEqual({client.answer().status for _ in range(2000)}, {200})
        sender.join()

    def test_a_request_a_byte_at_a_time(self) -> None:
        """A request that comes in single bytes gets the answer that it gets whole."""
        client = self.client(self.serve())
        whole = client.ask(login())
        for byte in login():
            client.send(bytes([byte]))
        answer = client.answer()
        self.assertEqual((answer.status, answer.body), (200, whole.body))

    def test_head(self) -> None:
        """HEAD gets the head that GET gets, its length too, and no body; errors are no exception."""
        client = self.client(self.serve())
        for path in ("/", "/health", "/openapi.json", "/me", "/nothing", "/users"):
            with self.subTest(path):
                request = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                # Together: were there a body after the first head, the second answer could not be read.
                client.send(request.replace(b"GET", b"HEAD") + request)
                head, get = client.answer(without_body=True), client.answer()
                self.assertEqual(head.status, get.status)
                self.assertEqual({**head.headers, "date": ""}, {**get.headers, "date": ""})
                self.assertEqual(int(head.headers["content-length"]), len(get.body))

    def test_content_length(self) -> None:
        """The length in the head is the number of bytes that follow it."""
        server = self.serve()
        for path in ("/", "/health", "/openapi.json", "/me", "/nothing"):
            with self.subTest(path):
                answer = exchange(server, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
                head, _, body = answer.partition(b"\r\n\r\n")
                self.assertIn(b"content-length: %d" % len(body), head.split(b"\r\n"))

    def test_a_deletion(self) -> None:
        """204 has no body and no length, and the connection goes on after it."""
        cookie, user_id = self.harness.cookie(), self.harness.events("authn_login_success")[0]["user"]
        client = self.client(self.serve())
        request = f"DELETE /users/{user_id} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n".encode()
        client.send(request + HEALTH)
        answer = client.answer()
        self.assertEqual((answer.status, answer.headers.get("content-length")), (204, None))
        self.assertEqual(client.answer().status, 200)

    def test_date(self) -> None:
        """Each answer has the time, in the form of HTTP, and in the next second another."""
        client = self.client(self.serve())
        date = client.ask(HEALTH).headers["date"]
        self.assertRegex(date, r"\A[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\Z")
        self.assertLess(abs(parsedate_to_datetime(date).timestamp() - time.time()), 3)
        with mock.patch("time.time", return_value=1_800_000_000.5):
            self.assertEqual(client.ask(HEALTH).headers["date"], "Fri, 15 Jan 2027 08:00:00 GMT")
        with mock.patch("time.time", return_value=1_800_000_001.5):
            self.assertEqual(client.ask(HEALTH).headers["date"], "Fri, 15 Jan 2027 08:00:01 GMT")

    def test_the_client_ends_its_half(self) -> None:
        """A client that says it will send no more still gets the answers to what it has sent."""
        answer = exchange(self.serve(), login() + HEALTH)
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK\r\n"), 2)

    def test_half_a_request_and_the_end(self) -> None:
        """Half a request is never served, not even when nothing more can come."""
        server = self.serve()
        for data in (b"", b"GET /hea", HEALTH[:-1], login()[:-1]):
            with self.subTest(data):
                self.assertEqual(exchange(server, data), b"")
        self.assertEqual(status(exchange(server, login())), 200)
        self.assertEqual(len(self.harness.events("authn_login_success")), 1)

    def test_an_address_of_the_client(self) -> None:
        """The app is told the address that the connection comes from."""
        exchange(self.serve(), post("/login", {"email": "alice@example.com", "password": "wrong"}))
        self.assertEqual([event["peer"] for event in self.harness.events("authn_login_fail")], ["127.0.0.1"])


class Refusals(ServerTest):
    """What cannot be read is answered, with all headers that other answers have, and nothing after it is believed."""

    UNREADABLE = (
        (400, "a line that is no field", BAD),
        (400, "no Host", b"GET / HTTP/1.1\r\n\r\n"),
        (400, "two lengths", HEALTH[:-2] + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
        (400, "length and chunks", HEALTH[:-2] + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "a bad chunk", HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n"),
        (400, "HTTP/0.9", b"GET /\r\n\r\n"),
        (400, "TLS spoken to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n\r\n"),
        (413, "a body announced too long", post("/login", {}).replace(b"Length: 2", b"Length: 65537")),
        (413, "a chunk announced too long", HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n10001\r\n"),
        (414, "a long request line", b"GET /".ljust(MAX_REQUEST_LINE + 1, b"a") + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        (417, "an unknown expectation", HEALTH[:-2] + b"Expect: 200-ok\r\n\r\n"),
        (431, "a long head", HEALTH[:-2] + b"Cookie: ".ljust(MAX_HEAD, b"a") + b"\r\n\r\n"),
        (431, "many fields", HEALTH[:-2] + b"X: y\r\n" * 100 + b"\r\n"),
        (501, "an unknown method", b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (501, "an unknown coding", HEALTH[:-2] + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
        (400, "a coding without an end", HEALTH[:-2] + b"Transfer-Encoding: gzip\r\n\r\n"),
        (505, "an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    )
    UNSERVED = (
        (404, "an unknown path", b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"),
        (405, "another method", b"DELETE /me HTTP/1.1\r\nHost: a\r\n\r\n"),
        (405, "a method that nothing takes", b"TRACE /me HTTP/1.1\r\nHost: a\r\n\r\n"),
        (411, "no body", b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n"),
        (415, "a form", login().replace(b"application/json", b"text/plain")),
        (400, "broken JSON", login().replace(b'"email"', b"'email'")),
        (401, "no session", ME),
        (403, "another site", login().replace(b"Host: a", b"Host: a\r\nOrigin: http://evil.example")),
    )

    def assert_hardened(self, answer: Answer) -> None:
        """The answer is a problem that no page can embed, no cache keeps, and that names no version."""
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertEqual(json.loads(answer.body)["status"], answer.status)
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertIn("frame-ancestors 'none'", answer.headers["content-security-policy"])
        self.assertEqual(answer.headers["cross-origin-resource-policy"], "same-origin")
        self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertNotRegex(answer.headers["server"], "[0-9]")
        self.assertIn("date", answer.headers)

    def test_a_request_after_an_unreadable_one(self) -> None:
        """After a refusal the connection closes: bytes behind it may be the inside of a body (smuggling)."""
        server = self.serve()
        for expected, name, data in self.UNREADABLE:
            with self.subTest(name), Client(server) as client:
                answer = client.ask(data + login() + HEALTH)
                self.assertEqual((answer.status, answer.headers["connection"]), (expected, "close"))
                self.assert_hardened(answer)
                self.assertEqual(client.rest(), b"")
        self.assertEqual(self.harness.events("authn_login_success"), [], "a smuggled login was carried out")

    def test_an_unreadable_head(self) -> None:
        """HEAD that is refused gets no body either, whatever was wrong; GET gets one."""
        server = self.serve()
        for expected, name, data in self.UNREADABLE:
            for method, has_body in ((b"GET ", True), (b"HEAD ", False)):
                if data.startswith(b"GET ") and name != "HTTP/0.9":
                    with self.subTest(name, method=method), Client(server) as client:
                        client.send(data.replace(b"GET ", method, 1))
                        answer = client.answer(without_body=not has_body)
                        self.assertEqual((answer.status, client.rest()), (expected, b""))

    def test_an_unreadable_head_after_an_empty_line(self) -> None:
        """The method that counts is that of the request which is refused, not that of the one behind it."""
        bad = b"\r\n%s /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n%s /health HTTP/1.1\r\nHost: a\r\n\r\n"
        server = self.serve()
        for one, other in ((b"HEAD", b"GET"), (b"GET", b"HEAD"), (b"HEADX", b"HEAD")):
            with self.subTest(one), Client(server) as client:
                client.send(bad % (one, other))
                self.assertEqual(client.answer(without_body=one == b"HEAD").status, 400)
                self.assertEqual(client.rest(), b"")

    def test_a_request_after_an_unserved_one(self) -> None:
        """A request that was read and refused leaves no doubt about where the next one begins: it is served."""
        client = self.client(self.serve())
        for expected, name, data in self.UNSERVED:
            with self.subTest(name):
                answer = client.ask(data + HEALTH)
                self.assertEqual(answer.status, expected)
                self.assert_hardened(answer)
                self.assertEqual(client.answer().status, 200)

    def test_an_unreadable_request_after_a_good_one(self) -> None:
        """The good one is answered first, a slow one too; only then comes the refusal."""
        server = self.serve()
        for request in (HEALTH, login()):
            with self.subTest(request), Client(server) as client:
                client.send(request + BAD + HEALTH)
                self.assertEqual([client.answer().status, client.answer().status], [200, 400])
                self.assertEqual(client.rest(), b"")

    def test_the_allow_header(self) -> None:
        """405 says what the path does take, HEAD beside GET."""
        client = self.client(self.serve())
        for request, allowed in (
            (b"DELETE /me HTTP/1.1\r\nHost: a\r\n\r\n", "GET, HEAD"),
            (b"GET /login HTTP/1.1\r\nHost: a\r\n\r\n", "POST"),
        ):
            answer = client.ask(request)
            self.assertEqual((answer.status, answer.headers["allow"]), (405, allowed))

    def test_a_megabyte_sent_before_listening(self) -> None:
        """A client that sends a whole MB before it reads still reads the 413: closing at once would reset it away."""
        server = self.serve()
        megabyte = b"x" * 1_000_000
        for name, framing in (
            ("by length", b"Content-Length: 1000000\r\n\r\n"),
            ("by chunks", b"Transfer-Encoding: chunked\r\n\r\nf4240\r\n"),
        ):
            with self.subTest(name), Client(server) as client:
                answer = client.ask(b"POST /login HTTP/1.1\r\nHost: a\r\n" + framing + megabyte)
                self.assertEqual(answer.status, 413)
                self.assertIn(b"content_too_large", answer.body)
                client.sock.shutdown(socket.SHUT_WR)
                self.assertEqual(client.rest(), b"")

    def test_a_refused_upload_that_comes_slowly(self) -> None:
        """Whoever sends a refused body slowly still reads the 413: it is not reset away while bytes come, in bounds."""
        server = self.serve()
        client = self.client(server)
        client.send(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        self.assertTrue(eventually(lambda: in_state(server, "goodbye") == 1))
        for second in range(int(LINGER) - 1):
            client.send(b"x" * 100)
            self.pass_time(server, 1)
            self.assertEqual(in_state(server, "goodbye"), 1, f"closed after {second} s")
        self.assertEqual(client.answer().status, 413)
        client.send(b"x" * 100)
        self.pass_time(server, 3)
        self.assertEqual(in_state(server, "goodbye"), 0, "it would never end")
        silent = self.client(server)
        silent.send(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        self.assertTrue(eventually(lambda: in_state(server, "goodbye") == 1))
        self.pass_time(server, 3)
        self.assertEqual(in_state(server, "goodbye"), 0, "a silent one needs no more time")

    def test_a_page_that_is_refused(self) -> None:
        """A page of a listed origin can read what was refused after its head was read; others cannot."""
        harness = Harness(now=time.time, allow_origins=("https://app.example",))
        with running(harness.app) as server:
            for name, framing, expected in (
                ("by length", b"Content-Length: 65537\r\n\r\n", 413),
                ("by chunks", b"Transfer-Encoding: chunked\r\n\r\n10001\r\n", 413),
                ("half a body", b"Content-Length: 10\r\n\r\nhalf", 408),
            ):
                for origin, reads in ((b"https://app.example", True), (b"https://evil.example", False)):
                    with self.subTest(name, origin=origin), Client(server) as client:
                        client.send(b"POST /login HTTP/1.1\r\nHost: a\r\nOrigin: " + origin + b"\r\n" + framing)
                        if expected == 408:
                            self.pass_time(server, 16)
                        answer = client.answer()
                        self.assertEqual(answer.status, expected)
                        allowed = answer.headers.get("access-control-allow-origin")
                        self.assertEqual(allowed, origin.decode() if reads else None)

    def test_the_longest_body(self) -> None:
        """A body of exactly 64 KiB is read, and a wrong password of that length is just wrong."""
        client = self.client(self.serve())
        empty = len(json.dumps({"email": "alice@example.com", "password": ""}))
        request = post("/login", {"email": "alice@example.com", "password": "x" * (MAX_BODY - empty)})
        self.assertIn(b"Content-Length: 65536\r\n", request)
        self.assertEqual((client.ask(request).status, client.ask(HEALTH).status), (400, 200))

    def test_expect_continue(self) -> None:
        """A client that asks first hears 100, sends its body, and gets its answer; the next request hears no 100."""
        server = self.serve()
        client = self.client(server)
        request = login()
        head, body = request[: request.index(b"\r\n\r\n") + 4], request.partition(b"\r\n\r\n")[2]
        for _ in range(2):
            client.send(head.replace(b"Host: a", b"Host: a\r\nExpect: 100-continue"))
            self.assertEqual(client.answer(), Answer(100, {}, b""))
            client.send(body[:10])
            self.assert_silence(server, client)
            client.send(body[10:])
            self.assertEqual(client.answer().status, 200)
        self.assertEqual(client.ask(login()).status, 200)

    def test_expect_continue_in_chunks(self) -> None:
        """A chunked body is asked for with one 100, not with one for each chunk."""
        server = self.serve()
        client = self.client(server)
        body = login().partition(b"\r\n\r\n")[2]
        client.send(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        client.send(b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(client.answer(), Answer(100, {}, b""))
        client.send(b"5\r\n" + body[:5] + b"\r\n")
        self.assert_silence(server, client)
        client.send(b"%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\n\r\n")
        self.assertEqual(client.answer().status, 200)

    def test_expect_continue_without_waiting(self) -> None:
        """A client that sends its body, or half of it, along with the question gets no 100: nothing is held back."""
        server = self.serve()
        client = self.client(server)
        request = login().replace(b"Host: a", b"Host: a\r\nExpect: 100-continue")
        self.assertEqual(client.ask(request).status, 200)
        client.send(request[:-10])
        self.assert_silence(server, client)
        self.assertEqual(client.ask(request[-10:]).status, 200)

    def test_expect_continue_with_too_long_a_body(self) -> None:
        """A body over the limit is refused before it is sent: 413, and no 100 in front of it."""
        head = b"POST /login HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n"
        with Client(self.serve()) as client:
            self.assertEqual(client.ask(head).status, 413)
            client.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(client.rest(), b"")


class SlowClients(ServerTest):
    # What a client sends before it falls silent, and the status of the one answer it gets (0: none at all).
    SILENT = (
        (0, "nothing", b""),
        (200, "a whole request", HEALTH),  # a 408 later would be taken for the answer to the next one
        (408, "a byte", b"G"),
        (408, "half a head", HEALTH[:20]),
        (408, "a head but its last byte", HEALTH[:-1]),
        (408, "half a body", login()[:-5]),
        (408, "a head, no body", login()[: login().index(b"\r\n\r\n") + 4]),
        (408, "half a chunk", HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        (408, "a chunk, no end", HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    )

    def test_150_clients_that_fall_silent(self) -> None:
        """Whoever stops half way gets 408 at the deadline, an idle client not a word; others are served meanwhile.

        Whoever had an answer stays longer.
        """
        with running(self.harness.app) as server, ExitStack() as clients:
            slow = []
            for expected, name, data in self.SILENT * 17:
                client = clients.enter_context(Client(server))
                client.send(data)
                slow.append((expected, name, client))
            self.assert_well(server)
            self.assertTrue(eventually(lambda: in_state(server, "working") == 0))
            self.pass_time(server, 9)
            for expected, name, client in slow:
                self.assertIs(client.hears(), expected == 200, name)
            self.pass_time(server, 6)
            for expected, name, client in slow:
                with self.subTest(name):
                    if expected == 200:
                        self.assertEqual([client.answer().status, client.hears()], [200, False])
                        continue
                    answer = client.rest()
                    self.assertEqual((status(answer), answer.count(b"HTTP/1.1 ")), (expected, 1 if expected else 0))
            self.pass_time(server, 60)
            for _, _, client in slow:
                self.assertEqual(client.rest(), b"")
            self.assert_well(server)

    def test_the_deadlines(self) -> None:
        """What a client can delay ends within 10 seconds (a head) or 15 (the rest); only our own work may last."""
        seconds = {state: row[0] for state, row in STATES.items()}
        self.assertEqual((seconds["head"], seconds["new"], seconds["idle"]), (10, 15, 75))
        self.assertEqual([state for state, limit in seconds.items() if limit > 15], ["idle", "working"])

    def test_a_pause_after_an_answer(self) -> None:
        """A connection that has had an answer waits longer than proxies do, who else send into a closed door."""
        server = self.serve()
        used, fresh = self.client(server), self.client(server)
        self.assertEqual(used.ask(HEALTH).status, 200)
        self.pass_time(server, 70)
        self.assertEqual(fresh.rest(), b"")
        self.assertEqual(used.ask(HEALTH).status, 200)
        self.pass_time(server, 76)
        self.assertEqual(used.rest(), b"")

    def test_a_byte_now_and_then(self) -> None:
        """A byte does not move the deadline: else one laptop holds every connection for ever (slowloris)."""
        server = self.serve()
        dribbling = []
        for start, rest in (
            (b"GET / HTTP/1.1\r\nX: ", b"x"),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", b"x"),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        ):
            client = self.client(server)
            client.send(start)
            dribbling.append((client, itertools.cycle(rest)))
        for _ in range(15):
            for client, drops in dribbling:
                if not client.hears():
                    client.send(bytes([next(drops)]))
            self.pass_time(server, 1)
        for client, _ in dribbling:
            self.assertTrue(client.hears(), "a deadline moved")
            self.assertEqual(client.answer().status, 408)

    def test_a_client_that_does_not_read(self) -> None:
        """Who does not take an answer is put out at the deadline, even if they take a little of it now and then."""
        sessions, long = self.harness.app.sessions, Response(200, b"x" * 4_000_000)
        with mock.patch.object(sessions, "authenticate", return_value=long):
            server = self.serve()
            clients = [self.slow_reader(server, ME) for _ in range(3)]
            for _ in range(15):
                clients[0].sock.recv(8192)
                self.assertEqual(in_state(server, "answer"), 3)
                self.pass_time(server, 1)
            self.assertEqual(in_state(server, "answer"), 0, "a slow reader is still there")

    def test_a_client_that_only_asks(self) -> None:
        """Who sends requests and reads nothing is not read from any more: their answers do not pile up in memory."""
        client = self.slow_reader(self.serve(), OPENAPI)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.sock.settimeout(0.1)
        with self.assertRaises(TimeoutError):
            client.send(OPENAPI * 200_000)  # 9 MB

    def test_a_client_that_reads_slowly_but_in_time(self) -> None:
        """A client that takes its time, but less than the deadline, gets every byte, and its next request answered."""
        client = self.slow_reader(self.serve(), OPENAPI * 20)
        expected = self.harness.send("GET", "/openapi.json").body
        for _ in range(20):
            self.assertEqual(client.answer().body, expected)
        self.assertEqual(client.ask(HEALTH).status, 200)

    def test_the_rest_of_a_request_at_its_deadline(self) -> None:
        """A request that is complete just as its time is up is answered or refused, and the order stays in any case."""
        with gate(self.harness.app) as held:
            server = self.serve()
            client = self.client(server)
            client.send(OPENAPI[:10])
            self.assertTrue(eventually(lambda: in_state(server, "head") == 1))
            with self.stalled(server):
                client.send(OPENAPI[10:] + login() + HEALTH)
                self.late = STATES["head"][0]
            first = client.answer()
            if first.status == 408:
                self.assertEqual(client.rest(), b"")
            else:
                self.assert_silence(server, client, "an answer has overtaken another")
                held.open()
                self.assertEqual([first.status, client.answer().status, client.answer().status], [200, 200, 200])

    def test_a_slow_answer(self) -> None:
        """The deadlines are for clients: an answer that we are slow to make is not cut off by them."""
        with gate(self.harness.app) as held:
            server = self.serve()
            client = self.client(server)
            client.send(login())
            held.wait_for_one()
            self.pass_time(server, 60)
            self.assertFalse(client.hears())
            held.open()
            self.assertEqual(client.answer().status, 200)

    def test_clients_that_vanish(self) -> None:
        """A client that breaks off at any point hurts nobody else."""
        with gate(self.harness.app) as held:
            server = self.serve()
            for data in (b"", b"G", login()[:-1], BAD, HEALTH * 100):
                client = Client(server)
                client.send(data)
                client.vanish()
            client = Client(server)
            client.send(login())
            held.wait_for_one()
            client.vanish()  # its answer is still to come
            self.assert_well(server)
            held.open()
            self.assertTrue(eventually(lambda: not server.connections))
            self.assert_well(server)

    def test_clients_that_are_gone_when_they_should_hear(self) -> None:
        """Neither a goodbye nor a 100 that nobody hears ends the server for all others."""
        send, gone = socket.socket.send, OSError(107, "Transport endpoint is not connected")

        def nobody(sock: socket.socket, data: bytes) -> int:
            if data.startswith(b"HTTP/1.1 100"):
                raise gone
            return send(sock, data)

        server = self.serve()
        with mock.patch.object(socket.socket, "shutdown", side_effect=gone), Client(server) as client:
            self.assertEqual(client.ask(BAD).status, 400)
            self.assert_well(server)
        deaf = mock.patch.object(socket.socket, "setsockopt", side_effect=gone)
        with deaf, socket.create_connection(("127.0.0.1", server.server_port)) as plain:
            plain.sendall(HEALTH)
            self.assertTrue(plain.recv(100).startswith(b"HTTP/1.1 200 "))
        with mock.patch.object(socket.socket, "send", nobody), Client(server) as client:
            head, _, _ = login().partition(b"\r\n\r\n")
            client.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
            self.assert_well(server)

    def test_a_wake_with_nothing_to_read(self) -> None:
        """The system may say that there is something where there is nothing: that is no byte, and no end."""
        recv, nothing = socket.socket.recv, iter([BlockingIOError(11, "Resource temporarily unavailable")])

        def nothing_once(sock: socket.socket, size: int) -> bytes:
            if size == RECEIVE and (failure := next(nothing, None)):
                raise failure
            return recv(sock, size)

        client = self.client(self.serve())
        with mock.patch.object(socket.socket, "recv", nothing_once):
            self.assertEqual(client.ask(HEALTH).status, 200)
        self.assertIsNone(next(nothing, None))

    def test_64_logins_at_once(self) -> None:
        """While as many logins are under way as may wait, everybody else is served at once, and then they are."""
        turns = mock.patch("authref.throttle.turns", Turns(running=2, waiting=62))
        with turns, running(self.harness.app, 72) as server, gate(self.harness.app) as held, ExitStack() as clients:
            waiting = [clients.enter_context(Client(server)) for _ in range(64)]
            for client in waiting:
                client.send(login())
            for _ in range(2):
                held.wait_for_one()
            self.assertTrue(eventually(lambda: in_state(server, "working") == 64))
            self.assert_well(server)
            held.open()
            self.assertEqual({client.answer().status for client in waiting}, {200})


class ConnectionLimit(ServerTest):
    """When all places are taken. A client may come from any of our own addresses, 127.0.0.1 and so on."""

    HOG, ONE, OTHER = "127.0.0.66", "127.0.0.1", "127.0.0.2"

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch("authref.serving.server.MAX_CONNECTIONS", 6))

    def clients(self, server: Server, *addresses: str) -> list[Client]:
        """A client from each of these addresses, let in in this order."""
        clients = []
        for address in addresses:
            client = self.enterContext(Client(server, address=address))
            self.assertEqual(client.ask(HEALTH).status, 200)
            self.late += 0.001  # so that each is idle for longer than the next
            clients.append(client)
        return clients

    def test_one_address_that_holds_all(self) -> None:
        """Newcomers get in, each at the price of the connection that the greediest address has left idle longest."""
        server = self.serve()
        hogs = self.clients(server, *[self.HOG] * 6)
        self.assertEqual(hogs[0].ask(HEALTH).status, 200)  # it is not the longest idle one any more
        guests = self.clients(server, self.ONE, self.OTHER)
        self.assertEqual([hogs[1].rest(), hogs[2].rest()], [b"", b""])
        for client in (hogs[0], *hogs[3:], *guests):
            self.assertEqual(client.ask(HEALTH).status, 200)
        self.assertEqual(len(server.connections), 6)

    def test_one_that_goes_on_coming(self) -> None:
        """However often the greedy one comes again, only its own connections give way."""
        server = self.serve()
        guests = self.clients(server, self.ONE, self.OTHER)
        for _ in range(20):
            self.clients(server, self.HOG)
        for client in guests:
            self.assertEqual(client.ask(HEALTH).status, 200)

    def test_half_a_request_on_each(self) -> None:
        """Nor do half requests keep others out; one that waits in silence goes before one that is being sent."""
        server = self.serve()
        hogs = self.clients(server, *[self.HOG] * 6)
        for client in hogs[:-1]:
            client.send(HEALTH[:10])
        self.assertTrue(eventually(lambda: in_state(server, "head") == 5))
        self.clients(server, self.ONE)
        self.assertEqual(hogs[-1].rest(), b"")
        self.clients(server, self.OTHER)
        self.assertEqual(hogs[0].rest(), b"")

    def test_a_proxy_that_is_trusted(self) -> None:
        """A proxy's connections are those of many: none of them gives way to a stranger."""
        server = self.serve()
        server.trusted = {self.ONE}
        proxy = self.clients(server, *[self.ONE] * 4)
        self.clients(server, *[self.OTHER] * 2, self.HOG, self.HOG, *[self.ONE] * 2)
        for client in proxy:
            self.assertEqual(client.ask(HEALTH).status, 200)

    def test_addresses_of_one_home(self) -> None:
        """IPv6 counts by /64, and an IPv4 client that was let in over IPv6 by its own address."""
        server = self.serve()
        for one, other, together in (
            ("2001:db8::1", "2001:db8::ffff:0:1", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("::ffff:192.0.2.1", "192.0.2.1", True),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
            ("fe80::1%eth0", "fe80::2%eth0", True),
            ("192.0.2.1", "192.0.2.2", False),
        ):
            with self.subTest(one, other=other):
                self.assertEqual(server._crowd(one) is server._crowd(other), together)

    def test_no_more_files(self) -> None:
        """Where the system gives out no more files, the greedy one gives way too; who has one connection keeps it."""
        server = self.serve()
        only = self.clients(server, self.ONE, self.OTHER)
        self.assertFalse(server._make_room(fewest=2))
        hogs = self.clients(server, self.HOG, self.HOG)
        accept, failures = socket.socket.accept, iter([OSError(24, "Too many open files")])

        def fail_once(listening: socket.socket) -> Any:
            for failure in failures:
                raise failure
            return accept(listening)

        with mock.patch.object(socket.socket, "accept", fail_once):
            self.clients(server, "127.0.0.3")
        self.assertEqual(hogs[0].rest(), b"")
        for client in (*only, hogs[1]):
            self.assertEqual(client.ask(HEALTH).status, 200)

    def test_all_at_work(self) -> None:
        """Only where every connection waits for our own work does a newcomer hear 503, and when to come back."""
        admitted = mock.patch("authref.throttle.Throttle.guess", lambda *guess: nullcontext())
        with admitted, gate(self.harness.app) as held, running(self.harness.app, 6) as server:
            served = [self.client(server) for _ in range(6)]
            for client in served:
                client.send(login())  # some are at the hash, some in the line before it
            self.assertTrue(eventually(lambda: in_state(server, "working") == 6))
            with Client(server) as client:
                refused = client.ask(HEALTH)
                self.assertEqual((refused.status, refused.headers["connection"]), (503, "close"))
                self.assertEqual(json.loads(refused.body)["code"], "too_many_connections")
                self.assertRegex(json.loads(refused.body)["detail"], r"^Too many connections .*\.$")
                self.assertGreater(int(refused.headers["retry-after"]), 0)
                self.assertEqual(refused.headers["x-content-type-options"], "nosniff")
                client.sock.shutdown(socket.SHUT_WR)
                self.assertEqual(client.rest(), b"")
            held.open()
            self.assertEqual({client.answer().status for client in served}, {200})
            self.assert_well(server)

    def test_one_address_at_work_on_all(self) -> None:
        """Who keeps us at work on every connection keeps nobody else out: what was begun last gets no answer."""
        admitted = mock.patch("authref.throttle.Throttle.guess", lambda *guess: nullcontext())
        with admitted, gate(self.harness.app) as held, running(self.harness.app, 7) as server:
            hogs = [self.enterContext(Client(server, address=self.HOG)) for _ in range(6)]
            for number, client in enumerate(hogs, 1):
                client.send(login())
                self.assertTrue(eventually(lambda: in_state(server, "working") == number))  # noqa: B023
            self.assertEqual(self.enterContext(Client(server, address=self.ONE)).ask(HEALTH).status, 200)
            self.assertEqual(hogs[5].rest(), b"")
            with Client(server, address=self.HOG) as another:
                self.assertEqual(another.ask(HEALTH).status, 503)
            held.open()
            self.assertEqual({client.answer().status for client in hogs[:5]}, {200})
            self.assert_well(server)

    def test_work_that_nobody_waits_for(self) -> None:
        """What was cut is not begun; and while as much waits as there are places, nothing is cut for more of it."""
        checked: list[object] = []
        server, held = self.enterContext(running(self.harness.app, 1)), threading.Event()
        self.addCleanup(held.set)

        def check(*arguments: object) -> bool:
            checked.append(arguments)
            return held.wait(PATIENCE)

        self.enterContext(mock.patch("authref.throttle.Throttle.guess", lambda *guess: nullcontext()))
        self.enterContext(mock.patch("authref.users.verify_password", check))
        hogs = [self.enterContext(Client(server, address=self.HOG)) for _ in range(6)]
        for number, client in enumerate(hogs, 1):
            client.send(login())
            self.assertTrue(eventually(lambda: in_state(server, "working") == number))  # noqa: B023
        self.assertTrue(eventually(lambda: server.slow_work.qsize() == 5))
        guest = self.enterContext(Client(server, address=self.ONE))
        guest.send(login())
        self.assertTrue(eventually(lambda: server.slow_work.qsize() == 6))
        with Client(server, address=self.OTHER) as another:
            self.assertEqual(another.ask(HEALTH).status, 503)
        held.set()
        self.assertEqual([client.answer().status for client in (*hogs[:5], guest)], [200] * 6)
        self.assertEqual((hogs[5].rest(), len(checked)), (b"", 6))

    def test_many_addresses_at_work(self) -> None:
        """Nobody's work under way ends for a newcomer's sake where each address has one connection."""
        admitted = mock.patch("authref.throttle.Throttle.guess", lambda *guess: nullcontext())
        with admitted, gate(self.harness.app) as held, running(self.harness.app, 6) as server:
            served = [self.enterContext(Client(server, address=f"127.0.0.{number}")) for number in range(3, 9)]
            for client in served:
                client.send(login())
            self.assertTrue(eventually(lambda: in_state(server, "working") == 6))
            refused = [self.enterContext(Client(server, address=self.ONE)) for _ in range(4)]
            # Who has heard that all places are taken, and stays on the line, gives none to the next one.
            self.assertEqual([client.ask(HEALTH).status for client in refused], [503] * 4)
            held.open()
            self.assertEqual({client.answer().status for client in served}, {200})


class Threads(ServerTest):
    """The pool that makes slow answers: its threads are had, kept and missed."""

    def test_a_process_that_is_nicer_already(self) -> None:
        """Where the system lets no thread be nicer, the threads work all the same."""
        with mock.patch("os.setpriority", side_effect=PermissionError(13, "Permission denied")):
            self.assertEqual(self.client(self.serve()).ask(login()).status, 200)

    def test_fewer_threads_than_wished(self) -> None:
        """As many threads work as the system gives us."""
        start, started = threading.Thread.start, itertools.count()

        def start_two(thread: threading.Thread) -> None:
            if thread.daemon and next(started) >= 2:
                raise RuntimeError("can't start new thread")
            start(thread)

        with mock.patch.object(threading.Thread, "start", start_two):
            client = self.client(self.serve())
            self.assertEqual([client.ask(login()).status for _ in range(3)], [200] * 3)

    def test_no_thread(self) -> None:
        """Without one the server does not start, and says so in a sentence before it greets anybody."""
        greeted: list[str] = []
        none_starts = mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread"))
        with none_starts, self.assertRaisesRegex(ValueError, r"^Not one thread .*\.$"):
            serve(self.harness.app, "127.0.0.1", 0, greeted.append)
        self.assertEqual(greeted, [])

    def test_a_thread_that_dies(self) -> None:
        """It is replaced, and nobody notices."""
        server = self.serve()
        before = list(server.pool)
        server.slow_work.put(None)  # one of them ends
        self.assertTrue(eventually(lambda: len(server.pool) == 4 and server.pool != before))
        self.assertEqual(self.client(server).ask(login()).status, 200)

    def test_a_pool_that_lost_its_threads(self) -> None:
        """Slow requests, waiting ones too, hear 503 instead of nothing; /health says so; all ends when one is back."""
        with mock.patch.object(Server, "_work", lambda server: None):  # each thread dies as it begins
            self.harness = Harness(Store)  # whose other answers need no thread
            self.harness.sign_up()
            server = self.serve()
            waiting, client = self.client(server), self.client(server)
            waiting.send(login())
            refused = waiting.answer()
            self.assertEqual((refused.status, json.loads(refused.body)["code"]), (503, "no_threads"))
            self.assertGreater(int(refused.headers["retry-after"]), 0)
            self.assertTrue(eventually(lambda: self.harness.app.unwell != ""))
            health = client.ask(HEALTH)
            self.assertEqual((health.status, json.loads(health.body)["code"]), (503, "unwell"))
            self.assertIn("no thread", json.loads(health.body)["detail"])
            self.assertEqual(client.ask(ME).status, 401)
            with Client(server) as late:
                self.assertEqual(late.ask(login()).status, 503)
        self.assertTrue(eventually(lambda: self.harness.app.unwell == ""))
        self.assertEqual([client.ask(HEALTH).status, client.ask(login()).status], [200, 200])


    def test_whom_the_system_prefers(self) -> None:
        """Threads that hash give way to the one that serves everybody, and keep no process alive that should end."""
        server = self.serve()
        self.assertEqual(self.client(server).ask(login()).status, 200)  # they have begun
        self.assertTrue(all(thread.daemon for thread in server.pool))
        if sys.platform == "linux":
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            nice = {os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in server.pool}
            self.assertEqual(nice, {max(10, ours)})


class Loop(ServerTest):
    """The round of the one thread that serves all: when it waits, and for what."""

    @contextmanager
    def turning(self, seconds: float) -> Iterator[tuple[Server, mock.Mock, mock.Mock]]:
        """A server that looks at its deadlines so rarely; and what counts its waits and these looks."""
        with mock.patch("authref.serving.server.POOL_THREADS", 1), Server(self.harness.app, "127.0.0.1", 0) as server:
            server.begin()
            select = mock.Mock(wraps=server.selector.select)
            with (
                mock.patch.object(server.selector, "select", select),
                mock.patch.object(server, "_sweep", wraps=server._sweep) as sweep,
            ):
                thread = threading.Thread(target=server.serve_forever, args=(seconds,))
                thread.start()
                yield server, select, sweep
                server.stop()
                thread.join(10)
                self.assertFalse(thread.is_alive())

    def test_requests_that_came_together(self) -> None:
        """One answer a round, and the next round begins at once; looking at all connections is no part of each."""
        with self.turning(30) as (server, _, sweep), Client(server) as client:
            client.sock.settimeout(PATIENCE)
            client.send(HEALTH * 50)
            self.assertEqual({client.answer().status for _ in range(50)}, {200})
            self.assertEqual(sweep.call_count, 1)

    def test_when_nothing_happens(self) -> None:
        """It waits, and costs nothing."""
        with self.turning(30) as (server, select, _), Client(server) as client:
            self.assertEqual(client.ask(HEALTH).status, 200)
            time.sleep(0.02)
            before = select.call_count
            time.sleep(0.05)
            self.assertLessEqual(select.call_count - before, 1)

    def test_woken_again_and_again(self) -> None:
        """Whoever wakes it never waits for it, not even while it stands still: a signal handler could not end."""
        server = self.enterContext(Server(self.harness.app, "127.0.0.1", 0))
        server.begin()
        waking = threading.Thread(target=lambda: [server.wake() for _ in range(2000)], daemon=True)
        waking.start()
        waking.join(5)
        self.assertFalse(waking.is_alive())
        server._on_wake()  # the twin: it hears of it

    def test_what_is_open_when_it_is_closed(self) -> None:
        """Connections, threads and all files end with the server, also with one that has not begun."""
        Server(self.harness.app, "127.0.0.1", 0).server_close()
        server = Server(self.harness.app, "127.0.0.1", 0)
        with mock.patch("authref.serving.server.POOL_THREADS", 2):
            server.begin()
        with Client(server) as client:
            self.assertTrue(eventually(server._accept))
            pool = list(server.pool)
            server.server_close()
            self.assertEqual(client.rest(), b"")
        self.assertTrue(eventually(lambda: not any(thread.is_alive() for thread in pool)))
        server.wake()  # by a thread that has finished just now
        self.assertRaises(OSError, server._alarm.getsockname)

    def test_addresses(self) -> None:
        """IPv6 is served as IPv4 is, and its address stands in brackets in a URL."""
        for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
            with self.subTest(host), ExitStack() as stack:
                try:
                    socket.create_server((host, 0), family=socket.AF_INET6 if host == "::1" else socket.AF_INET).close()
                except OSError:
                    self.skipTest("this machine has no IPv6")
                server = stack.enter_context(Server(self.harness.app, host, 0))
                thread = threading.Thread(target=server.serve_forever, args=(0.02,))
                with mock.patch("authref.serving.server.POOL_THREADS", 1):
                    thread.start()
                    self.assertEqual(server.url, f"http://{shown}:{server.server_port}")
                    connection = http.client.HTTPConnection(host, server.server_port, timeout=5)
                    connection.request("GET", "/health")
                    self.assertEqual(connection.getresponse().status, 200)
                    connection.close()
                    server.stop()
                    thread.join(10)
                self.assertFalse(thread.is_alive())

    def test_how_many_files(self) -> None:
        """As many as it needs, or as the system allows; where it cannot ask for them, it serves with those it has."""
        import resource

        name = resource.RLIMIT_NOFILE
        for soft, hard, asked in ((256, 4096, 2048), (1024, -1, 2048), (1024, 1500, 1500), (0, 4096, 2048),
                                  (2048, 4096, None), (4096, 4096, None), (-1, -1, None)):  # fmt: skip
            with (
                self.subTest(soft=soft, hard=hard),
                mock.patch("resource.getrlimit", return_value=(soft, hard)) as get,
                mock.patch("resource.setrlimit") as set_limit,
            ):
                _allow_files()
                get.assert_called_once_with(name)
                self.assertEqual(set_limit.mock_calls, [mock.call(name, (asked, hard))] if asked else [])
        for error in (OSError(1, "Operation not permitted"), ValueError("not allowed to raise maximum limit")):
            refused = mock.patch("resource.setrlimit", side_effect=error)
            with mock.patch("resource.getrlimit", return_value=(1, 9)), refused:
                _allow_files()
        with mock.patch.dict(sys.modules, {"resource": None}):
            _allow_files()


class AnotherApp(unittest.TestCase):
    """What the server needs of an app is the protocol `App` and no more: it serves one of a few lines."""

    class Greeter:
        unwell = ""

        def __call__(self, request: Request) -> Response:
            if request.path == "/crash":
                return Response(200, b"", (("x", "a\r\nb"),))  # cannot be written
            return Response(200, f"{request.method} {request.path} on {threading.current_thread().name}".encode())

        def is_slow(self, request: Request) -> bool:
            return request.path == "/slow"

        def refuse(self, error: Exception, request: Request) -> Response:
            if isinstance(error, Problem):
                return error.response
            return Response(500, type(error).__name__.encode() + request.path.encode())

    def test_it_is_served(self) -> None:
        """Quick answers are made in the serving thread, slow ones in another, and both kinds of refusal are its own."""
        with running(self.Greeter()) as server, Client(server) as client:
            quick, slow, crash, bad = (
                client.ask(f"GET /{path} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode())
                for path, more in (("quick", ""), ("slow", ""), ("crash", ""), ("bad", "bad line\r\n"))
            )
        self.assertTrue(quick.body.startswith(b"GET /quick on "))
        self.assertTrue(slow.body.startswith(b"GET /slow on "))
        self.assertNotEqual(quick.body.rpartition(b" ")[2], slow.body.rpartition(b" ")[2])
        self.assertEqual((crash.status, crash.body), (500, b"ValueError/crash"))
        self.assertEqual((bad.status, bad.headers["connection"]), (400, "close"))

    def test_an_answer_that_cannot_be_written(self) -> None:
        """What is said instead is framed as the request wants it: without a body for HEAD, and closed where it asks."""
        with running(self.Greeter()) as server, Client(server) as client:
            client.send(b"HEAD /crash HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.answer(without_body=True).headers["connection"], "keep-alive")
            last = client.ask(b"GET /crash HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertEqual((last.status, last.headers["connection"]), (500, "close"))
            self.assertEqual(client.rest(), b"")


class Rounds(unittest.TestCase):
    """An app that answers together what waits, and says which way each answer came: with how many others."""

    class Crowd(AnotherApp.Greeter):
        def __init__(self) -> None:
            self.gate, self.rounds = threading.Event(), list[int]()

        def __call__(self, request: Request) -> Response:
            if request.path == "/first":
                assert self.gate.wait(5)
            return Response(200, request.method.encode())

        def is_slow(self, request: Request) -> bool:
            return True

        def together(self, jobs: list[Callable[[], bytes]]) -> list[bytes | None]:
            self.rounds.append(len(jobs))
            return [job() for job in jobs[:-1]] + [None]  # the last one wants to be alone

    def setUp(self) -> None:
        self.app = self.Crowd()

    def held_up(self, stack: ExitStack, count: int) -> tuple[Server, list[Client]]:
        """A server whose first round is held up, and clients that wait: the one of that round, then so many more."""
        server = stack.enter_context(running(self.app))
        stack.callback(self.app.gate.set)
        clients = [stack.enter_context(Client(server)) for _ in range(1 + count)]
        clients[0].send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(eventually(lambda: bool(server.round)))
        for client in clients[1:]:
            client.send(ME)
        self.assertTrue(eventually(lambda: len(server.next_round) == count))
        return server, clients

    def test_those_who_come_meanwhile(self) -> None:
        """They are the next round; one that comes alone needs none, and who could not be served in it comes again."""
        with ExitStack() as stack:
            _, clients = self.held_up(stack, 5)
            self.app.gate.set()
            self.assertEqual([client.answer().body for client in clients], [b"GET"] * 6)
            self.assertEqual(self.app.rounds, [5])
            self.assertEqual(clients[0].ask(ME).body, b"GET")
            self.assertEqual(self.app.rounds, [5])

    def test_those_that_one_client_sent_ahead(self) -> None:
        """Each begins when the one before it is answered: none waits until the server looks at its deadlines."""
        with running(self.app, sweep=3600) as server, Client(server) as client:
            client.send(ME * 20)
            self.assertEqual([client.answer().body for _ in range(20)], [b"GET"] * 20)

    def test_heads(self) -> None:
        """HEAD asks for what GET does, and waits for the round as GET does."""
        with ExitStack() as stack:
            server, _ = self.held_up(stack, 1)
            head = stack.enter_context(Client(server))
            head.send(ME.replace(b"GET", b"HEAD"))
            self.assertTrue(eventually(lambda: len(server.next_round) == 2))
            self.app.gate.set()
            self.assertEqual(head.answer(without_body=True).status, 200)
        self.assertEqual(self.app.rounds, [2])

    def test_what_is_not_safe(self) -> None:
        """A request that may change something waits for no round, and is begun once."""
        with ExitStack() as stack:
            server, _ = self.held_up(stack, 2)
            with Client(server) as client:
                self.assertEqual(client.ask(login()).body, b"POST")
            self.assertEqual(self.app.rounds, [])

    def test_a_crowd(self) -> None:
        """A round has its limit, and the rest is the next one."""
        with ExitStack() as stack, mock.patch("authref.serving.server.MAX_TOGETHER", 3):
            _, clients = self.held_up(stack, 8)
            self.app.gate.set()
            self.assertEqual([client.answer().status for client in clients], [200] * 9)
        self.assertEqual(self.app.rounds, [3, 3, 2])

    def test_a_round_whose_thread_dies(self) -> None:
        """The next round begins all the same."""
        with mock.patch("authref.serving.server.WORK", 0.0), ExitStack() as stack:  # nobody ends what it had
            server, clients = self.held_up(stack, 3)
            stack.enter_context(mock.patch.object(threading, "excepthook"))
            stack.enter_context(mock.patch.object(self.app, "together", side_effect=SystemExit))
            server.together = self.app.together
            self.app.gate.set()
            self.assertEqual(clients[0].answer().status, 200)
            self.assertTrue(eventually(lambda: not server.round and not server.next_round))
            self.assertEqual(clients[0].ask(ME).status, 200)

    def test_a_round_that_no_thread_takes(self) -> None:
        """All of it hear 503 when the pool has lost its threads, and once there are some again, rounds go on."""
        tend = Server._tend_pool
        dying = mock.patch.object(Server, "_work", lambda server: None)  # each thread dies as it begins
        unnoticed = mock.patch.object(Server, "_tend_pool", lambda server: server.round and tend(server))
        with ExitStack() as stack:
            with dying, unnoticed:  # before a round waits for a thread
                server = stack.enter_context(running(self.app))
                clients = [stack.enter_context(Client(server)) for _ in range(3)]
                for client in clients:
                    client.send(ME)
                self.assertEqual([client.answer().status for client in clients], [503] * 3)
            self.assertTrue(eventually(lambda: self.app.unwell == ""))
            with Client(server) as client:
                self.assertEqual(client.ask(ME).body, b"GET")


class Crashes(ServerTest):
    def test_a_handler_that_crashes(self) -> None:
        """An error in a handler is a 500 that tells nothing, and nobody is let in; the server goes on."""
        client = self.client(self.serve())
        for request, part, method in (
            (ME, self.harness.app.sessions, "authenticate"),
            (login(), self.harness.app.users, "check_credentials"),  # in the pool
        ):
            with mock.patch.object(part, method, side_effect=RuntimeError("the secret is hunter2")):
                answer = client.ask(request)
            self.assertEqual((answer.status, json.loads(answer.body)["code"]), (500, "internal_error"))
            self.assertNotIn(b"hunter2", answer.body)
            self.assertNotIn("set-cookie", answer.headers)
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
            self.assertEqual(client.ask(HEALTH).status, 200)
        self.assertEqual([event["error"] for event in self.harness.events("sys_crash")], ["RuntimeError"] * 2)
        self.assertNotIn("hunter2", "".join(self.harness.log))

    def test_an_answer_that_cannot_be_written(self) -> None:
        """A handler's header that breaks its line becomes a 500, not two headers."""
        client = self.client(self.serve())
        for answer in (
            Response(200, b"", (("location", "/\r\nset-cookie: session=evil"),)),
            Response(200, b"", (("x", "\u20ac"),)),
            Response(299),
        ):
            sessions = self.harness.app.sessions
            with self.subTest(answer), mock.patch.object(sessions, "authenticate", return_value=answer):
                self.assertEqual(client.ask(ME).status, 500)
        self.assertEqual(client.ask(HEALTH).status, 200)

    def test_a_log_that_cannot_be_written(self) -> None:
        """A full disk under the log costs no request."""
        harness = Harness(now=time.time)
        with mock.patch.object(harness.app.events, "_write", side_effect=OSError(28, "No space left on device")):
            client = self.enterContext(Client(self.enterContext(running(harness.app))))
            self.assertEqual([client.ask(login()).status, client.ask(BAD).status], [401, 400])


SHORT_GRACE = mock.patch("authref.serving.server.GRACE", 0.02)  # for tests that wait until it is over


class GracefulStop(ServerTest):
    def assert_ended(self, server: Server) -> None:
        """The server's loop has ended, soon."""
        self.assertTrue(eventually(lambda: not server.connections), "connections are still open")

    @SHORT_GRACE
    def test_idle_connections(self) -> None:
        """A stop closes idle connections, soon and without a word, and lets nobody new in."""
        server = self.serve()
        fresh, used = self.client(server), self.client(server)
        self.assertEqual(used.ask(HEALTH).status, 200)
        server.stop()
        self.assertEqual((fresh.rest(), used.rest()), (b"", b""))
        self.assert_ended(server)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", server.server_port), timeout=1)

    @SHORT_GRACE
    def test_a_login_in_flight(self) -> None:
        """A login that was under way is answered, as the last one of its connection."""
        with gate(self.harness.app) as held:
            server = self.serve()
            client = self.client(server)
            client.send(login())
            held.wait_for_one()
            self.stop(server)
            self.assertFalse(client.hears(0.05), "the stop has cut the login off")
            held.open()
            answer = client.answer()
            self.assertEqual((answer.status, answer.headers.get("connection")), (200, "close"))
            self.assertEqual(client.rest(), b"")
            client.close()
            self.assert_ended(server)

    def test_a_login_that_takes_longer_than_patience(self) -> None:
        """A stop waits for a login in flight longer than for a client: the whole line before a hash goes through."""
        with gate(self.harness.app) as held:
            server = self.serve()
            client = self.client(server)
            client.send(login())
            held.wait_for_one()
            self.stop(server)
            self.late = 19.0  # seconds have passed
            self.assertFalse(client.hears(0.1), "the stop has cut the login off")
            held.open()
            self.assertEqual(client.answer().status, 200)

    def test_work_that_hangs(self) -> None:
        """Our own work has a deadline too, once we are told to end: a store that hangs does not keep us for ever."""
        with gate(self.harness.app) as held:
            server = self.serve()
            client = self.client(server)
            client.send(login())
            held.wait_for_one()
            self.stop(server)
            self.late = WORK + 1
            self.assertEqual(client.rest(), b"")
            self.assert_ended(server)

    def test_a_request_on_its_way(self) -> None:
        """A request that the server has not read yet when it is stopped is answered, and is its connection's last."""
        with running(self.harness.app) as server, ExitStack() as clients:
            known = clients.enter_context(Client(server))
            self.assertEqual(known.ask(HEALTH).status, 200)
            with self.stalled(server):
                new = clients.enter_context(Client(server))
                for client in (known, new):
                    client.send(HEALTH)
                server.stop()
            for client in (known, new):
                answer = client.answer()
                self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
                self.assertEqual(client.rest(), b"")

    def test_a_client_that_comes_just_after_the_stop(self) -> None:
        """Who connects before the server has noticed that it should stop is answered, and the stop goes on."""
        with running(self.harness.app) as server, ExitStack() as clients:
            with self.stalled(server):
                server.stop()
                client = clients.enter_context(Client(server))
                client.send(HEALTH)
            self.assertEqual(client.answer().status, 200)
            self.assertEqual(client.rest(), b"")
            client.close()
            self.assert_ended(server)

    def test_half_a_request(self) -> None:
        """A client in the middle of its request may finish it, and is closed afterwards."""
        server = self.serve()
        client = self.client(server)
        client.send(HEALTH[:10])
        self.assertTrue(eventually(lambda: in_state(server, "head") == 1))
        self.stop(server)
        self.assertFalse(client.hears(0.05))
        answer = client.ask(HEALTH[10:])
        self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
        self.assertEqual(client.rest(), b"")

    def test_a_client_that_never_finishes(self) -> None:
        """A stop waits a few seconds at most for a client that sends half a request and then nothing."""
        server = self.serve()
        client = self.client(server)
        client.send(HEALTH[:10])
        self.assertTrue(eventually(lambda: in_state(server, "head") == 1))
        self.stop(server)
        self.late = 1.0
        self.assertFalse(client.hears(0.3), "it had no time to finish")
        self.late = 3.0
        answer = client.answer()
        self.assertEqual((answer.status, json.loads(answer.body)["code"]), (408, "request_timeout"))
        self.assertIn("too long", json.loads(answer.body)["detail"])

    @SHORT_GRACE
    def test_a_client_slow_to_read(self) -> None:
        """A client that takes its answer slowly gets all of it, and the connection does not go on afterwards."""
        expected = self.harness.send("GET", "/openapi.json").body
        for requests in (1, 5):
            with self.subTest(requests=requests), running(self.harness.app) as server:
                with self.slow_reader(server, OPENAPI * requests) as client:
                    self.stop(server)
                    self.assertTrue(client.rest().endswith(expected))
                self.assert_ended(server)

    def test_an_upload_that_goes_on(self) -> None:
        """Who was refused may send on for a while, but a stop does not wait for them."""
        server = self.serve()
        client = self.client(server)
        client.send(BAD)
        self.assertTrue(eventually(lambda: in_state(server, "goodbye") == 1))
        self.stop(server)
        for _ in range(10):
            self.late += 1
            with suppress(OSError):  # it is closed already
                client.send(b"x")
            eventually(lambda: not server.connections, 0.05)
        self.assert_ended(server)

    @SHORT_GRACE
    def test_a_stop_without_files(self) -> None:
        """Where the system gives out no more files, so that nobody can be let in, a stop still ends it."""
        server = self.serve()
        client = self.client(server)
        self.assertEqual(client.ask(HEALTH).status, 200)
        with mock.patch.object(socket.socket, "accept", side_effect=OSError(24, "Too many open files")):
            self.client(server)
            self.assertTrue(eventually(lambda: server.socket not in server.selector.get_map()))
            self.stop(server)
            self.assertEqual(client.rest(), b"")
            self.assert_ended(server)

    def test_stop_twice(self) -> None:
        """A second Ctrl-C changes nothing."""
        server = self.serve()
        server.stop()
        server.stop()
        self.assert_ended(server)


class Signals(ServerTest):
    """What the system says to a server that runs in the main thread, as ours does."""

    def setUp(self) -> None:
        super().setUp()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
            signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup

    def test_what_ends_a_server(self) -> None:
        """Ctrl-C, SIGTERM, and a terminal that is closed; but not where that is ignored, as under nohup."""
        for ignored, more in ((signal.SIG_DFL, [signal.SIGHUP]), (signal.SIG_IGN, [])):
            signal.signal(signal.SIGHUP, ignored)
            self.assertEqual(list(ends()), [signal.SIGINT, signal.SIGTERM, *more])

    def test_a_stop(self) -> None:
        """Each of them ends it: what is under way is answered, and if all hangs, the system ends the process."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), mock.patch("signal.alarm") as alarm:
                self.stopped_by(number)
                self.assertEqual(alarm.mock_calls, [mock.call(STOP_SECONDS), mock.call(0)])

    def stopped_by(self, number: int) -> None:
        """Serve, and hear this signal while a login is under way, which is answered."""
        servers: list[Server] = []
        heard: list[str | bytes] = []

        def begin(server: Server) -> None:
            servers.append(server)
            stop_on_signals(server)

        def visit(url: str) -> None:
            try:
                with Client(servers[0]) as client:
                    client.send(login())
                    held.wait_for_one()
                    os.kill(os.getpid(), number)
                    self.assertTrue(eventually(lambda: servers[0].stopping))
                    held.open()
                    heard.extend((url, client.answer().body))
            finally:
                servers[0].stop()  # whatever went wrong, the test goes on

        def ready(url: str) -> None:
            threading.Thread(target=visit, args=(url,)).start()

        share = self.enterContext(mock.patch("authref.serving.server.share_cores"))
        with mock.patch("authref.serving.server.stop_on_signals", begin), gate(self.harness.app) as held:
            serve(self.harness.app, "127.0.0.1", 0, ready, {"192.0.2.1"})
        share.assert_called_once_with(cores())
        self.assertEqual(servers[0].trusted, {"192.0.2.1"})
        self.assertEqual(heard[:1], [servers[0].url])
        self.assertIn(b"alice", heard[1])


class ForeignClient(ServerTest):
    def test_http_client(self) -> None:
        """Python's own client, which we did not write, goes through a whole visit on one connection."""
        server = self.serve()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
        self.addCleanup(connection.close)

        def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body, headers, encode_chunked=not isinstance(body, str | None))
            response = connection.getresponse()
            return response.status, response.headers, response.read()

        bob = json.dumps({"email": "bob@example.com", "password": PASSWORD})
        self.assertEqual(ask("POST", "/signup", bob)[0], 201)
        sock = connection.sock
        chunks = iter([bob[:20].encode(), bob[20:].encode()])
        answer, headers, _ = ask("POST", "/login", chunks, Transfer_Encoding="chunked")
        self.assertEqual(answer, 200)
        cookie = headers["set-cookie"].partition(";")[0]
        self.assertEqual(ask("GET", "/me", Cookie=cookie)[0], 200)
        self.assertEqual(ask("HEAD", "/me", Cookie=cookie)[2], b"")
        self.assertEqual(ask("GET", "/nothing")[0], 404)
        self.assertEqual(ask("POST", "/logout", Cookie=cookie)[0], 200)
        self.assertEqual(ask("GET", "/me", Cookie=cookie)[0], 401)
        self.assertIs(connection.sock, sock, "the connection was not kept")


class SlowRoutes(ServerTest):
    def test_which_routes_are_slow(self) -> None:
        """What hashes a password or walks through many records is kept from the thread that serves everybody."""
        app = Harness(Store).app  # what else is slow hangs on the store: test_stores.py
        for slow, method, path in (
            (True, "POST", "/login"),
            (True, "POST", "/token/login"),
            (True, "POST", "/signup"),
            (True, "GET", "/users"),
            (True, "HEAD", "/users"),  # it does all that GET does
            (True, "GET", "/me/sessions"),
            (False, "GET", "/health"),
            (False, "GET", "/me"),
            (False, "GET", "/login"),
            (False, "GET", "/nothing"),
        ):
            with self.subTest(method=method, path=path):
                self.assertEqual(app.is_slow(Request(method, path)), slow)


if __name__ == "__main__":
    unittest.main()
