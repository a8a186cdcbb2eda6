"""The app under WSGI servers: what it makes of an environ, honest or hostile, and two real ones that share a store.

A WSGI server has read the request already and says in a dict what it understood; much of what reader.py would have
seen is lost by then. What is not lost must be judged as our own server judges it.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from contextlib import redirect_stderr, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote_to_bytes
from wsgiref.validate import validator

from authref.app import App
from authref.serving.reader import MAX_BODY, MAX_FIELDS, MAX_HEAD, MAX_REQUEST_LINE
from tests.basics import PASSWORD
from tests.support import WITHOUT_REDIS, Harness, RedisServer, exchange, running
from tests.test_cli import ADMIN_PASSWORD, RING, ask, environment
from tests.warm import result_of

# It makes an app as it is imported, and only one with a store that processes can share.
with (
    tempfile.TemporaryDirectory() as folder,
    mock.patch.dict(os.environ, environment(AUTHREF_BCRYPT_COST="4", AUTHREF_STORE=f"sqlite:{folder}/db"), clear=True),
):
    from authref.wsgi import Application, app_of_environment

WITHOUT_GUNICORN = "" if find_spec("gunicorn") else "needs gunicorn"
OF_THE_SERVER = ("connection", "date", "keep-alive", "server")  # headers that each server writes in its own way
Answer = tuple[int, list[tuple[str, str]], bytes]


def environ(method: str = "GET", target: str = "/", body: bytes = b"", **more: Any) -> dict[str, Any]:
    """What a WSGI server would say of this request; with a value of None a variable is absent."""
    path, _, query = target.partition("?")
    described = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": "a.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "HTTP_HOST": "a.example",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    return {name: value for name, value in {**described, **more}.items() if value is not None}


def environ_of(data: bytes, **more: Any) -> dict[str, Any]:
    """What a WSGI server as lenient as can be would say of these bytes."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target = line.split(" ")[:2]
    named: dict[str, Any] = {"HTTP_HOST": None}
    for field in fields:
        name, _, value = field.partition(":")
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        named[key] = f"{named[key]},{value.strip()}" if named.get(key) else value.strip()
    if named.get("HTTP_TRANSFER_ENCODING") == "chunked":
        size, _, chunks = body.partition(b"\r\n")
        body, named["wsgi.input_terminated"] = chunks[: int(size, 16)], True
    return environ(method, target, body, **{"CONTENT_LENGTH": "", **named, **more})


def send(app: App, described: dict[str, Any], strict: bool = True) -> Answer:
    """The answer under WSGI; `strict` has both sides watched by the standard library's judge of WSGI."""
    application = Application(app)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        started.append((status, headers))
        return lambda data: None

    chunks: Any = (validator(application) if strict else application)(described, start_response)
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    [(status, headers)] = started
    return int(status.split(" ")[0]), headers, body


class TheInterface(unittest.TestCase):
    def test_every_kind_of_route(self) -> None:
        """A whole visit by session and by token passes wsgiref's judge, and each answer is that of its route."""
        harness = Harness(allow_origins=("https://app.example",))
        cookie = bearer = refresh = ""
        alice = b'{"email": "alice@example.com", "password": "correct horse battery"}'
        for expected, method, target, body in (
            (200, "GET", "/", b""),
            (200, "HEAD", "/", b""),
            (200, "GET", "/openapi.json", b""),
            (200, "GET", "/health", b""),
            (201, "POST", "/signup", alice),
            (409, "POST", "/signup", alice),
            (200, "POST", "/login", alice),
            (200, "GET", "/me", b""),
            (200, "HEAD", "/me", b""),
            (200, "GET", "/me/sessions", b""),
            (403, "GET", "/users?limit=1", b""),
            (200, "POST", "/token/login", alice),
            (200, "GET", "/token/me", b""),
            (200, "POST", "/token/refresh", b'{"refresh_token": "%s"}'),
            (204, "DELETE", "/me/sessions", b""),
            (401, "GET", "/me", b""),
            (404, "GET", "/nothing", b""),
            (405, "PUT", "/me", b""),
            (415, "POST", "/login", b"email=alice"),
            (411, "POST", "/login", b""),
            (204, "OPTIONS", "/token/login", b""),
        ):
            with self.subTest(method=method, target=target):
                more = {"HTTP_COOKIE": cookie} if "token" not in target else {"HTTP_AUTHORIZATION": bearer}
                more |= {"CONTENT_TYPE": "application/json"} if body.startswith(b"{") else {}
                if method == "OPTIONS":
                    more = {"HTTP_ORIGIN": "https://app.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
                body = body.replace(b"%s", refresh.encode())
                status, headers, answer = send(harness.app, environ(method, target, body, **more))
                fields = dict(reversed(headers))  # of two cookies the first
                self.assertEqual(status, expected)
                self.assertEqual(fields["cache-control"], "no-store")
                if status == 204:
                    self.assertEqual((fields.get("content-length"), answer), (None, b""))
                elif method == "HEAD":
                    self.assertGreater(int(fields["content-length"]), 0)
                    self.assertEqual(answer, b"")
                else:
                    self.assertEqual(int(fields["content-length"]), len(answer))
                cookie = fields.get("set-cookie", cookie).partition(";")[0]
                if target == "/token/login" and status == 200:
                    bearer, refresh = "Bearer " + answer.decode().split('"')[3], answer.decode().split('"')[13]


class HostileEnvirons(unittest.TestCase):
    def setUp(self) -> None:
        self.harness = Harness()
        self.harness.sign_up()

    def check(self, table: tuple[tuple[int, str, dict[str, Any]], ...]) -> None:
        """Each row's environ gets the row's status, and a refusal is one of ours."""
        for expected, name, described in table:
            with self.subTest(name):
                status, _, answer = send(self.harness.app, described, strict=False)
                self.assertEqual(status, expected)
                self.assertIn(b'"code":' if expected >= 400 else b"", answer)

    def test_where_the_target_stands(self) -> None:
        """The target is judged as sent: a path decoded once more is another one, past a guard that saw `/%6de`."""
        absent = {"RAW_URI": None}
        me = {"HTTP_COOKIE": self.harness.cookie()}
        self.check((
            (200, "as sent", environ(target="/me", **me)),
            (404, "encoded", environ(target="/%6de", **me)),
            (404, "encoded twice", environ(target="/%256de", **me)),
            (404, "an encoded slash", environ(target="/me%2Fsessions", **me)),
            (404, "in REQUEST_URI", environ(REQUEST_URI="/%6de", PATH_INFO="/me", **me, **absent)),
            (200, "absolute", environ(target="http://a.example/me", PATH_INFO="/me", **me)),
            (400, "absolute, of another host", environ(target="http://b.example/me", PATH_INFO="/me", **me)),
            (400, "a path of dots is no path of ours", environ(target="me", **me)),
            (204, "*", environ("OPTIONS", "*", **me)),
            (400, "* with GET", environ("GET", "*", **me)),
            (400, "with a fragment", environ(target="/me#x", PATH_INFO="/me", **me)),
            (400, "with a blank", environ(target="/me x", **me)),
            (400, "a line end in it", environ(target="/me HTTP/1.1\r\nHost: b.example\r\n\r\nGET /", **me)),
            (400, "bytes beyond ASCII", environ(target="/\xe9", **me)),
            (404, "in eventlet's word", environ(RAW_PATH_INFO="/%6de", PATH_INFO="/me", **me, **absent)),
            (200, "in eventlet's word, as it is", environ(RAW_PATH_INFO="/me", PATH_INFO="/me", **me, **absent)),
            # Without any, the decoded path is all there is; it is at least not decoded a second time.
            (200, "decoded only", environ(target="/me", **me, **absent)),
            (404, "a percent sign that was one", environ(PATH_INFO="/%6de", **me, **absent)),
            (404, "a question mark that was encoded", environ(PATH_INFO="/me?limit=1", **me, **absent)),
            (400, "an unknown query", environ(target="/me?x=1", **me, **absent)),
            (404, "line ends", environ(PATH_INFO="/me\r\nx: y", **me, **absent)),
            (404, "bytes beyond ASCII, decoded", environ(PATH_INFO="/\xc3\xa9", **me, **absent)),
            (400, "nothing", environ(PATH_INFO="", **me, **absent)),
            (400, "no path, and no URI", environ(PATH_INFO=None, **me, **absent)),
            (200, "no prefix, and no URI", environ(PATH_INFO="/me", SCRIPT_NAME=None, **me, **absent)),
            (200, "nothing but a prefix", environ(PATH_INFO=None, SCRIPT_NAME="/me", **me, **absent)),
        ))  # fmt: skip

    def test_a_prefix_that_a_client_names(self) -> None:
        """No prefix is taken off: `SCRIPT_NAME: /open` would lead past whoever guards `/me` in front of us."""
        me = {"HTTP_COOKIE": self.harness.cookie(), "SCRIPT_NAME": "/open", "PATH_INFO": "/me"}
        self.check((
            (404, "in the URI", environ(target="/open/me", **me)),
            (404, "without a URI", environ(RAW_URI=None, **me)),
            (404, "half a word", environ(target="/openme", **me)),
            (200, "that does not stand there", environ(target="/me", **me)),
        ))  # fmt: skip

    def test_a_line_end_in_a_header(self) -> None:
        """A value that holds a line end would become two headers when the head is put together again."""
        self.check(tuple(
            (400, repr((name, value)), environ(target="/health", **{name: value}))
            for name, value in (
                ("HTTP_X", "a\r\nCookie: session=b"),
                ("HTTP_X", "a\nb"),
                ("HTTP_X", "a\rb"),
                ("HTTP_X", "a\r\n\r\nGET /me HTTP/1.1"),
                ("HTTP_X", "a\0b"),
                ("HTTP_X", "\x7f"),
                ("HTTP_X\r\nY", "a"),
                ("HTTP_X Y", "a"),
                ("HTTP_", "a"),
                ("HTTP_\xc9", "a"),
                ("HTTP_HOST", "a.example\r\nX: y"),
                ("CONTENT_TYPE", "application/json\r\nAuthorization: Bearer x"),
                ("CONTENT_LENGTH", "0\r\nX: y"),
                ("REQUEST_METHOD", "GET /me HTTP/1.1\r\nX: y\r\nGET"),
            )
        ))  # fmt: skip
        self.check(((200, "the twin", environ(target="/health", HTTP_X="a\tb \xe9", HTTP_HOST=" a.example ")),))

    def test_the_length_of_a_body(self) -> None:
        """A body is as long as its length says, or the request is refused: half a request is no request."""
        body = b'{"email": "nobody@example.com", "password": "correct horse battery"}'
        kind = {"CONTENT_TYPE": "application/json"}
        length = len(body)
        chunked = {**kind, "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
        ended = {**chunked, "wsgi.input_terminated": True}
        self.check((
            (401, "right", environ("POST", "/login", body, **kind)),
            (400, "one too many", environ("POST", "/login", body, **kind, CONTENT_LENGTH=str(length + 1))),
            (400, "one too few", environ("POST", "/login", body, **kind, CONTENT_LENGTH=str(length - 1))),
            (401, "more follows", environ("POST", "/login", body + b"GET /", **kind, CONTENT_LENGTH=str(length))),
            (411, "empty", environ("POST", "/login", body, **kind, CONTENT_LENGTH="")),
            (411, "absent", environ("POST", "/login", body, **kind, CONTENT_LENGTH=None)),
            (400, "zero", environ("POST", "/login", body, **kind, CONTENT_LENGTH="0")),
            (400, "negative", environ("POST", "/login", body, **kind, CONTENT_LENGTH="-1")),
            (400, "with a plus", environ("POST", "/login", body, **kind, CONTENT_LENGTH=f"+{length}")),
            (400, "twice", environ("POST", "/login", body, **kind, CONTENT_LENGTH=f"{length},{length}")),
            (400, "in another script", environ("POST", "/login", body, **kind, CONTENT_LENGTH="\u0663")),
            (400, "in hexadecimal", environ("POST", "/login", body, **kind, CONTENT_LENGTH="0x10")),
            (413, "huge", environ("POST", "/login", body, **kind, CONTENT_LENGTH=str(MAX_BODY + 1))),
            (413, "of thousands of digits", environ("POST", "/login", body, **kind, CONTENT_LENGTH="9" * 5000)),
            (400, "the longest", environ("POST", "/login", b" " * MAX_BODY, **kind)),
            (400, "in a header of its own too", environ("POST", "/login", body, **kind, HTTP_CONTENT_LENGTH="5")),
            (401, "and the same there", environ("POST", "/login", body, **kind, HTTP_CONTENT_LENGTH=str(length),
                                                HTTP_CONTENT_TYPE="application/json")),
            (415, "and another type", environ("POST", "/login", body, **kind, HTTP_CONTENT_TYPE="text/plain")),
            (401, "chunked, and in memory as a whole", environ("POST", "/login", body, **chunked)),
            (401, "chunked, and the server does", environ("POST", "/login", body, **ended)),
            (413, "chunked, without an end", environ("POST", "/login", b" " * (MAX_BODY + 1), **ended)),
            (400, "both", environ("POST", "/login", body, **{**ended, "CONTENT_LENGTH": str(length)})),
            (400, "another coding", environ("POST", "/login", body, **{**ended, "HTTP_TRANSFER_ENCODING": "gzip"})),
            (501, "a second one", environ("POST", "/login", body, **{**ended, "HTTP_TRANSFER_ENCODING": "x, chunked"})),
        ))  # fmt: skip

    def test_what_a_refusal_says(self) -> None:
        """A code to match on and a sentence: a client that only hears "no" sends the same again."""
        chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
        stream, ended = mock.Mock(**{"read.return_value": b""}), {"wsgi.input_terminated": True}
        for code, word, described in (
            ("length_required", "Content-Length", environ("POST", "/login", **chunked, **{"wsgi.input": stream})),
            ("content_too_large", "65536", environ("POST", "/login", b" " * (MAX_BODY + 1), **chunked, **ended)),
            ("malformed_request", "ended before", environ("POST", "/login", b"{}", CONTENT_LENGTH="3")),
            ("malformed_request", "line end", environ(HTTP_X="a\r\nCookie: session=b")),
        ):
            with self.subTest(code):
                problem = json.loads(send(self.harness.app, described, strict=False)[2])
                self.assertEqual(problem["code"], code)
                self.assertRegex(problem["detail"], rf"^(This|The|A) [^\n]*{word}[^\n]*\.$")

    def test_servers_that_end_a_chunked_body_and_do_not_say_so(self) -> None:
        """A chunked body is read where the server is known to end it, and refused where it might read on for ever."""
        body = b'{"email": "nobody@example.com", "password": "correct horse battery"}'
        for name, expected in (
            ("eventlet.wsgi.Input", 401),
            ("twisted.web.wsgi._InputStream", 401),
            ("a2wsgi.wsgi.Body", 401),
            ("another.wsgi.Input", 411),
        ):
            module, _, kind = name.rpartition(".")
            stream = type(kind, (), {"__module__": module, "read": io.BytesIO(body).read})()
            more = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream}
            self.check(((expected, name, environ("POST", "/login", CONTENT_TYPE="application/json", **more)),))

    def test_no_more_is_read_than_there_is(self) -> None:
        """The body's length is all that is read: more would wait for ever, or take from the request that follows."""
        for name, more, expected in (
            ("a length", {"CONTENT_LENGTH": "10"}, [10]),
            ("none", {"CONTENT_LENGTH": ""}, [0]),
            ("too much", {"CONTENT_LENGTH": str(MAX_BODY + 1)}, []),
            ("chunked", {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
             [MAX_BODY + 1]),
        ):  # fmt: skip
            with self.subTest(name):
                stream = mock.Mock(wraps=io.BytesIO(b"x" * 2 * MAX_BODY))
                send(self.harness.app, environ("POST", "/login", **more, **{"wsgi.input": stream}), strict=False)
                self.assertEqual([call.args[0] for call in stream.read.call_args_list], expected)

    def test_a_body_that_the_server_cannot_read(self) -> None:
        """Its error stays the server's: only the server knows where the next request begins, so it must hear of it."""
        stream = mock.Mock(**{"read.side_effect": ConnectionError("gone")})
        described = environ("POST", "/login", CONTENT_LENGTH="5", **{"wsgi.input": stream})
        with self.assertRaises(ConnectionError):
            send(self.harness.app, described, strict=False)
        self.assertEqual(self.harness.log[1:], [])

    def test_who_it_is_for(self) -> None:
        """Host is one host name; without it a page of any origin could be ours."""
        self.check(tuple(
            (status, repr(host), environ(target="/health", HTTP_HOST=host))
            for status, host in (
                (200, "a.example"), (200, "a.example:8000"), (200, "[::1]:8000"),
                (400, None), (400, ""), (400, "a.example,b.example"), (400, "a.example, b.example"),
                (400, "a.example/x"), (400, "user@a.example"),
            )
        ))  # fmt: skip

    def test_methods(self) -> None:
        """Methods are those we know, in capitals: `get` is none."""
        self.check((
            (200, "GET", environ("GET", "/health")),
            (200, "HEAD", environ("HEAD", "/health")),
            (405, "PUT", environ("PUT", "/health")),
            (501, "get", environ("get", "/health")),
            (405, "TRACE", environ("TRACE", "/health")),
            (501, "CONNECT", environ("CONNECT", "/health")),
            (501, "X", environ("X", "/health")),
            (400, "none", environ("", "/health")),
            (400, "two", environ("GET GET", "/health")),
        ))  # fmt: skip

    def test_what_the_server_has_joined(self) -> None:
        """Lines of one name come as one: two cookies or two tokens are none, never the first or the last of them."""
        cookie, bearer = self.harness.cookie(), self.harness.bearer()
        for glue in (",", ", ", "; "):
            self.check((
                (401, f"the cookie twice, {glue!r}", environ(target="/me", HTTP_COOKIE=f"{cookie}{glue}{cookie}")),
                (401, f"a planted one first, {glue!r}", environ(target="/me", HTTP_COOKIE=f"session=x{glue}{cookie}")),
                (400, f"two tokens, {glue!r}",
                 environ(target="/token/me", HTTP_AUTHORIZATION=f"{bearer}{glue}{bearer}")),
            ))  # fmt: skip
        other = self.harness.cookie("bob@example.com") if self.harness.sign_up("bob@example.com") else ""
        for name in ("session", "__Host-session"):
            planted = other.replace("session", name)
            for line in (
                f"{cookie}; x=1,{planted}",
                f"{cookie}; x=1, {planted}",
                f"{cookie}; x=1,y=2,{planted}; z=3",
                f"{planted}; x=1,{cookie}",
                f"{cookie}; x=1,{name}=",
                f"a=1; {cookie}; x,{planted}",
            ):
                self.check(((401, f"hidden in a neighbour: {line}", environ(target="/me", HTTP_COOKIE=line)),))
        self.check((
            (200, "one cookie", environ(target="/me", HTTP_COOKIE=f"a=1; {cookie}")),
            (200, "a neighbour with a comma", environ(target="/me", HTTP_COOKIE=f"a=1,2,b=session; {cookie}; c=3,4")),
            (200, "one token", environ(target="/token/me", HTTP_AUTHORIZATION=bearer)),
        ))  # fmt: skip

    def test_names_that_look_alike(self) -> None:
        """A variable that only looks like a header opens nothing: credentials are in Cookie and Authorization."""
        cookie, bearer = self.harness.cookie(), self.harness.bearer()
        self.check((
            (401, "without HTTP_", environ(target="/token/me", AUTHORIZATION=bearer)),
            (401, "in lower case", environ(target="/token/me", http_authorization=bearer)),
            (401, "with a line below at the end", environ(target="/token/me", HTTP_AUTHORIZATION_=bearer)),
            (401, "with one in front", environ(target="/token/me", HTTP__AUTHORIZATION=bearer)),
            (401, "with an X", environ(target="/token/me", HTTP_X_AUTHORIZATION=bearer)),
            (401, "of a proxy", environ(target="/token/me", HTTP_PROXY_AUTHORIZATION=bearer)),
            (401, "the server's own word", environ(target="/me", REMOTE_USER="alice@example.com", AUTH_TYPE="Basic")),
            (401, "COOKIE", environ(target="/me", COOKIE=cookie)),
        ))  # fmt: skip

    def test_where_it_came_from(self) -> None:
        """Failed logins count for the peer; no header can name another one, and a socket without an address is one."""
        wrong = b'{"email": "%d@example.com", "password": "a wrong password"}'
        for peer in ("192.0.2.7", "", None):
            with self.subTest(peer):
                for number in range(21):
                    more = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": f"192.0.2.{number}",
                            "CONTENT_TYPE": "application/json"}  # fmt: skip
                    status, _, _ = send(self.harness.app, environ("POST", "/login", wrong % number, **more), False)
                    self.assertEqual(status, 401 if number < 20 else 429)
                self.assertEqual(self.harness.events("authn_login_fail")[-1]["peer"], peer or "")
            other = environ("POST", "/login", wrong % 99, REMOTE_ADDR="192.0.2.8", CONTENT_TYPE="application/json")
            self.assertEqual(send(self.harness.app, other, strict=False)[0], 401, "all peers count as one")
            self.harness.clock.advance(60)

    def test_a_form_on_another_site(self) -> None:
        """The guard against other sites' pages stands here too: what they send carries our cookies."""
        more = {"HTTP_COOKIE": self.harness.cookie()}
        self.check((
            (403, "its origin", environ("POST", "/logout", HTTP_ORIGIN="https://evil.example", **more)),
            (403, "cross-site", environ("POST", "/logout", HTTP_SEC_FETCH_SITE="cross-site", **more)),
            (403, "and a claim beside", environ("POST", "/logout", HTTP_SEC_FETCH_SITE="cross-site,none", **more)),
            (200, "ours", environ("POST", "/logout", HTTP_ORIGIN="http://a.example", **more)),
        ))  # fmt: skip


class LikeOurOwnServer(unittest.TestCase):
    """The same bytes, once through server.py and once through an environ."""

    def test_the_same_request(self) -> None:
        """Status, headers and body are those of our own server, for what is served and for what is refused."""
        harness = Harness(allow_origins=("https://app.example",))
        harness.sign_up()
        cookie, bearer = harness.cookie().encode(), harness.bearer().encode()
        alice = b'{"email": "alice@example.com", "password": "a wrong password"}'

        def get(target: bytes, *fields: bytes, method: bytes = b"GET", host: bytes = b"Host: a.example") -> bytes:
            return b"\r\n".join([method + b" " + target + b" HTTP/1.1", host, *fields, b"", b""])

        def post(target: bytes, body: bytes, *fields: bytes) -> bytes:
            length = b"Content-Length: %d" % len(body)
            return get(target, b"Content-Type: application/json", length, *fields, method=b"POST") + body

        table: tuple[tuple[int, bytes], ...] = (
            (200, get(b"/")),
            (200, get(b"/openapi.json")),
            (200, get(b"/health")),
            (200, get(b"/health", method=b"HEAD")),
            (200, get(b"http://a.example/health")),
            (200, get(b"/me", b"Cookie: " + cookie)),
            (200, get(b"/me", b"Cookie: " + cookie, method=b"HEAD")),
            (200, get(b"/token/me", b"Authorization: " + bearer)),
            (200, get(b"/token/me", b"Authorization: " + bearer, b"Origin: https://app.example")),
            (200, get(b"/me/sessions", b"Authorization: " + bearer)),
            (401, get(b"/me")),
            (401, get(b"/me", b"Cookie: " + cookie, b"Cookie: " + cookie)),
            (401, get(b"/me", b"Cookie: a=1", b"Cookie: " + cookie)),
            (401, get(b"/token/me", b"Authorization: Bearer x")),
            (400, get(b"/token/me", b"Authorization: " + bearer, b"Authorization: " + bearer)),
            (403, get(b"/users", b"Cookie: " + cookie)),
            (404, get(b"/nothing")),
            (404, get(b"/%6de", b"Cookie: " + cookie)),
            (404, get(b"//me", b"Cookie: " + cookie)),
            (405, get(b"/me", method=b"PUT")),
            (204, get(b"/login", b"Origin: https://app.example", b"Access-Control-Request-Method: POST",
                      method=b"OPTIONS")),
            (403, post(b"/login", alice, b"Origin: https://evil.example")),
            (401, post(b"/login", alice)),
            (401, get(b"/login", b"Content-Type: application/json", b"Transfer-Encoding: chunked", method=b"POST")
             + b"%x\r\n%s\r\n0\r\n\r\n" % (len(alice), alice)),
            (400, post(b"/login", b"{}")),
            (400, post(b"/login", b'{"a": 1, "a": 2}')),
            (400, post(b"/token/refresh", b'{"refresh_token": "x"}')),
            (411, get(b"/login", b"Content-Type: application/json", method=b"POST")),
            (415, get(b"/login", b"Content-Length: 2", method=b"POST") + b"{}"),
            (400, get(b"/health", host=b"X: y")),
            (400, get(b"/health", host=b"Host: a.example/x")),
            (400, get(b"/health", b"X: a\0b")),
            (400, get(b"/health", b"X Y: a")),
            (400, get(b"http://b.example/health")),
            (204, get(b"*", method=b"OPTIONS")),
            (400, get(b"*")),
            (400, get(b"/health", b"Content-Length: +0")),
            (400, get(b"/health", b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
            (400, get(b"/health", b"Transfer-Encoding: gzip")),
            (413, get(b"/login", b"Content-Length: %d" % (MAX_BODY + 1), method=b"POST")),
            (413, get(b"/login", b"Content-Length: %d" % (MAX_BODY + 1), b"Origin: https://app.example",
                      method=b"POST")),
            (413, get(b"/login", b"Content-Length: %d" % (MAX_BODY + 1), b"Origin: https://evil.example",
                      method=b"POST")),
            (414, get(b"/" + b"a" * MAX_REQUEST_LINE)),
            (417, get(b"/health", b"Expect: tea")),
            (431, get(b"/health", b"X: " + b"a" * MAX_HEAD)),
            (431, get(b"/health", *(b"X-%d: a" % number for number in range(MAX_FIELDS)))),
            (501, get(b"/health", method=b"get")),
            (405, get(b"/health", method=b"TRACE")),
        )  # fmt: skip
        with running(harness.app) as server:
            for expected, data in table:
                with self.subTest(data[:100]):
                    head, _, body = exchange(server, data).partition(b"\r\n\r\n")
                    line, *fields = head.decode("latin-1").split("\r\n")
                    own = [tuple(field.split(": ", 1)) for field in fields]
                    status, headers, answer = send(harness.app, environ_of(data, REMOTE_ADDR="127.0.0.1"), strict=False)
                    self.assertEqual((int(line.split(" ")[1]), status), (expected, expected))
                    self.assertEqual(answer, body)
                    self.assertEqual(*(
                        [field for field in sorted(found) if field[0] not in OF_THE_SERVER] for found in (headers, own)
                    ))  # fmt: skip


class TheEnvironment(unittest.TestCase):
    """What AUTHREF_… variables make of it; most of it in this process, for a process takes long."""

    def setUp(self) -> None:
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def made(self, **variables: str) -> App:
        """The app that they describe."""
        variables = {"AUTHREF_BCRYPT_COST": "4", "AUTHREF_STORE": f"sqlite:{self.folder}/db", **variables}
        with mock.patch.dict(os.environ, environment(**variables), clear=True):
            app = app_of_environment()
        self.addCleanup(app.store.close)
        return app

    def test_what_can_be_chosen(self) -> None:
        """Each flag that is not about the socket has a variable, and what it says is what is served."""
        with tempfile.TemporaryDirectory() as folder:
            app = self.made(
                AUTHREF_STORE=f"sqlite:{folder}/a@b",  # a file may be called so; a password stands before a host's @
                AUTHREF_PUBLIC_URL="https://auth.example",
                AUTHREF_ALLOW_ORIGIN="https://a.example https://b.example",
                AUTHREF_REVOCATION="allowlist",
                AUTHREF_ADMIN_EMAIL="root@example.com",
                AUTHREF_ADMIN_PASSWORD=ADMIN_PASSWORD,
                AUTHREF_KEYS=RING,
                AUTHREF_LOG="off",
            )
            found = app.settings
            self.assertEqual((found.public_url, found.secure), ("https://auth.example", True))
            self.assertEqual(found.allow_origins, ("https://a.example", "https://b.example"))
            self.assertEqual((found.revocation, found.bcrypt_cost, list(found.keys)), ("allowlist", 4, ["k1"]))
            self.assertTrue(app.store.shared)
            root = app.users.check_credentials("root@example.com", ADMIN_PASSWORD)
            self.assertEqual(root.role, "admin")
            with self.subTest("keys in a file"):
                other = self.made(AUTHREF_KEY_FILE=f"{folder}/keys")
                self.assertIn(next(iter(other.settings.keys)), Path(folder, "keys").read_text())
        with self.subTest("empty is as if it were not there"):
            plain = self.made(AUTHREF_PUBLIC_URL="", AUTHREF_REVOCATION="", AUTHREF_ALLOW_ORIGIN="", AUTHREF_LOG="")
            self.assertEqual((plain.settings.public_url, plain.settings.revocation), (None, "none"))

    def test_what_cannot(self) -> None:
        """A variable with a mistake in it ends the program with status 2 and a sentence that names what to write."""
        for pattern, variables in (
            ("--revocation", {"AUTHREF_REVOCATION": "x"}),
            ("--bcrypt-cost", {"AUTHREF_BCRYPT_COST": "x"}),
            ("cost.*4 to 14", {"AUTHREF_BCRYPT_COST": "3"}),
            ("--log", {"AUTHREF_LOG": "xml"}),
            ("https://auth.example", {"AUTHREF_PUBLIC_URL": "auth.example"}),
            ("https://auth.example", {"AUTHREF_PUBLIC_URL": "--help"}),
            ("https://auth.example", {"AUTHREF_ALLOW_ORIGIN": "https://a.example,https://b.example"}),
            ("A store is one of", {"AUTHREF_STORE": "postgres://x"}),
            ("AUTHREF_STORE=sqlite:PATH", {"AUTHREF_STORE": "memory"}),
            ("AUTHREF_STORE=sqlite:PATH", {"AUTHREF_STORE": ""}),
            ("Redis", {"AUTHREF_STORE": "redis://127.0.0.1:1/0", "AUTHREF_KEYS": RING}),
            ("AUTHREF_KEYS", {"AUTHREF_KEYS": "hunter2"}),
            ("/no such folder/keys", {"AUTHREF_KEY_FILE": "/no such folder/keys"}),
            ("AUTHREF_ADMIN_PASSWORD", {"AUTHREF_ADMIN_EMAIL": "root@example.com"}),
            ("common", {"AUTHREF_ADMIN_EMAIL": "root@example.com", "AUTHREF_ADMIN_PASSWORD": "password1"}),
        ):
            with self.subTest(variables), redirect_stderr(io.StringIO()) as err:
                with self.assertRaises(SystemExit) as ended:
                    self.made(**variables)
                self.assertEqual(ended.exception.code, 2)
                self.assertRegex(err.getvalue(), rf"\Aauthref: [^\n]*{pattern}[^\n]*\n\Z")

    def test_a_server_that_believes_the_header(self) -> None:
        """Under uvicorn, which takes X-Forwarded-For for the address by itself, a warning says how to stop that."""
        for name, loaded, typed, warned in (
            ("as it starts by itself", {"uvicorn": mock.Mock()}, ["uvicorn", "a:b"], True),
            ("told not to", {"uvicorn": mock.Mock()}, ["uvicorn", "--no-proxy-headers", "a:b"], False),
            ("another server", {}, ["gunicorn", "a:b"], False),
        ):
            with (
                self.subTest(name),
                mock.patch.dict(sys.modules, loaded),
                mock.patch.object(sys, "argv", typed),
                redirect_stderr(io.StringIO()) as err,
            ):
                self.made()
                said = r": uvicorn takes what X-Forwarded-For .*\(--no-proxy-headers\).*: AUTHREF_TRUSTED_PROXY\.\n"
                (self.assertRegex if warned else self.assertNotRegex)(err.getvalue(), said)

    def test_the_cores_of_a_container(self) -> None:
        """It hashes on the cores that it was granted, as our own server does."""
        with mock.patch("authref.wsgi.cores", return_value=3), mock.patch("authref.wsgi.share_cores") as share:
            self.made()
        share.assert_called_once_with(3)

    def test_as_it_is_imported(self) -> None:
        """The same in a process of its own: `import authref.wsgi` makes the app, or ends it without a traceback."""
        code = "from authref.wsgi import application; print(application)"
        cases = (
            ({"AUTHREF_BCRYPT_COST": "4", "AUTHREF_STORE": f"sqlite:{self.folder}/db"}, 0, r"\A\Z"),
            ({"AUTHREF_REVOCATION": "x"}, 2, r"\Aauthref: [^\n]*--revocation[^\n]*\n\Z"),
        )
        for variables, expected, pattern in cases:
            with self.subTest(variables):
                status, _, err = result_of("-c", code, env=environment(**variables))
                self.assertEqual(status, expected, err)
                self.assertRegex(err, pattern)


class Gunicorn:
    """`gunicorn authref.wsgi:application` with two processes on a port of its own, until it is killed."""

    def __init__(self, folder: str, name: str, *flags: str, **variables: str) -> None:
        self._log = Path(folder, f"{name}.log")
        command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--workers", "2", "--threads", "4"]
        # Its own home: gunicorn may keep a socket there.
        variables = {"AUTHREF_BCRYPT_COST": "4", "HOME": folder, **variables}
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen([*command, *flags, "authref.wsgi"], env=environment(**variables),
                                            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)  # fmt: skip

    @property
    def log(self) -> str:
        """What it has written until now."""
        return self._log.read_text("utf-8")

    def wait(self) -> str:
        """Its URL, once both processes serve."""
        self.url = ""
        wait_until(lambda: self.process.poll() is not None or self._serves(), self)
        return self.url

    def _serves(self) -> bool:
        if "Listening at: http" in self.log:
            self.url = self.log.partition("Listening at: ")[2].split()[0]
        return self.url != "" and self.boots() == 2

    def boots(self) -> int:
        """How many processes have begun."""
        return self.log.count("Booting worker")

    def kill(self) -> None:
        """End it and its processes, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def wait_until(happened: Any, server: Gunicorn) -> None:
    """Return as soon as it has happened."""
    give_up = time.monotonic() + 20
    while not happened():
        if time.monotonic() > give_up:
            raise AssertionError(f"it does not happen: {server.log}")
        time.sleep(0.01)


@unittest.skipIf(WITHOUT_REDIS or WITHOUT_GUNICORN, WITHOUT_REDIS or WITHOUT_GUNICORN)
class UnderGunicorn(unittest.TestCase):
    """Two servers of two processes each, as if on two machines, with one Redis; and one with SQLite."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        redis = RedisServer()
        cls.addClassCleanup(redis.stop)
        shared = {"AUTHREF_STORE": redis.url, "AUTHREF_KEYS": RING, "AUTHREF_REVOCATION": "denylist"}
        cls.here = Gunicorn(folder, "here", "--preload", **shared)
        cls.there = Gunicorn(folder, "there", **shared)
        cls.alone = Gunicorn(folder, "alone", "--preload", AUTHREF_STORE=f"sqlite:{folder}/db")
        for server in (cls.here, cls.there, cls.alone):
            cls.addClassCleanup(server.kill)
        cls.a, cls.b, cls.c = (server.wait() for server in (cls.here, cls.there, cls.alone))

    def sign_up(self, email: str, url: str = "") -> dict[str, str]:
        """The credentials of a new account."""
        new = {"email": email, "password": PASSWORD}
        self.assertEqual(ask(url or self.a, "POST", "/signup", new)[0], 201)
        return new

    def log_in(self, url: str, credentials: dict[str, str]) -> str:
        """The cookie of a new session."""
        status, headers, _ = ask(url, "POST", "/login", credentials)
        self.assertEqual(status, 200)
        return headers["set-cookie"].partition(";")[0]

    def test_a_session_at_two_servers(self) -> None:
        """Whoever logs in at one is known to both, and a logout at one is a logout at both."""
        cookie = self.log_in(self.a, self.sign_up("session@example.com"))
        for _ in range(4):
            self.assertEqual([ask(url, "GET", "/me", cookie=cookie)[0] for url in (self.a, self.b)], [200, 200])
        self.assertEqual(ask(self.a, "POST", "/logout", cookie=cookie)[0], 200)
        for _ in range(4):
            self.assertEqual([ask(url, "GET", "/me", cookie=cookie)[0] for url in (self.b, self.a)], [401, 401])

    def test_a_token_at_two_servers(self) -> None:
        """A login by token is refreshed at the other server, and ended for both: the deny list is one."""
        credentials = self.sign_up("token@example.com")
        _, _, first = ask(self.a, "POST", "/token/login", credentials)
        status, _, second = ask(self.b, "POST", "/token/refresh", {"refresh_token": first["refresh_token"]})
        self.assertEqual(status, 200)
        bearers = [f"Bearer {answer['token']}" for answer in (first, second)]
        for url in (self.a, self.b):
            for bearer in bearers:
                self.assertEqual(ask(url, "GET", "/token/me", authorization=bearer)[0], 200)
        self.assertEqual(ask(self.b, "POST", "/token/logout", {"refresh_token": second["refresh_token"]})[0], 200)
        for url in (self.a, self.b):
            for bearer in bearers:
                self.assertEqual(ask(url, "GET", "/token/me", authorization=bearer)[0], 401)

    def test_one_refresh_token_at_both_at_once(self) -> None:
        """Two uses in one moment, at two servers, are two tabs: one successor, and one login, which ends as a whole."""
        credentials = self.sign_up("tabs@example.com")
        _, _, first = ask(self.a, "POST", "/token/login", credentials)
        answers: list[tuple[int, dict[str, str], Any]] = []
        both = threading.Barrier(4)

        def use(url: str) -> None:
            both.wait(10)
            answers.append(ask(url, "POST", "/token/refresh", {"refresh_token": first["refresh_token"]}))

        threads = [threading.Thread(target=use, args=(url,)) for url in (self.a, self.b) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        self.assertEqual([status for status, _, _ in answers], [200] * 4)
        tokens = {answer["refresh_token"] for _, _, answer in answers}
        self.assertEqual(len(tokens), 1)
        bearer = f"Bearer {answers[0][2]['token']}"
        _, _, logins = ask(self.b, "GET", "/me/sessions", authorization=bearer)
        self.assertEqual(len(logins["sessions"]), 1)
        self.assertEqual(ask(self.a, "POST", "/token/logout", {"refresh_token": first["refresh_token"]})[0], 200)
        for token in (first["refresh_token"], *tokens):
            self.assertEqual(ask(self.b, "POST", "/token/refresh", {"refresh_token": token})[0], 400)

    def test_guesses_at_two_servers(self) -> None:
        """Failed logins count together: two servers are not twice as many guesses."""
        wrong = {**self.sign_up("guess@example.com"), "password": "a wrong password"}
        found = [ask(url, "POST", "/login", wrong)[0] for url in (self.a, self.b, self.a, self.b, self.a)]
        self.assertEqual(found, [401] * 5)
        status, headers, _ = ask(self.b, "POST", "/login", wrong)
        self.assertEqual(status, 429)
        self.assertIn("retry-after", headers)

    def test_processes_that_are_replaced(self) -> None:
        """A server that starts its processes anew (kill -HUP) forgets nobody: what they knew was not in them."""
        credentials = self.sign_up("restart@example.com")
        cookie = self.log_in(self.b, credentials)
        _, _, login = ask(self.b, "POST", "/token/login", credentials)
        self.there.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.there.boots() == 4, self.there)
        self.assertEqual(ask(self.b, "GET", "/me", cookie=cookie)[0], 200)
        self.assertEqual(ask(self.b, "GET", "/token/me", authorization=f"Bearer {login['token']}")[0], 200)

    def test_sqlite_that_was_open_before_the_fork(self) -> None:
        """With --preload the store is opened before the fork; the processes open it again, each for itself."""
        cookie = self.log_in(self.c, self.sign_up("alice@example.com", self.c))
        outcomes: list[int] = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(ask(self.c, "GET", "/me/sessions", cookie=cookie)[0]))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        self.assertEqual(outcomes, [200] * 16)
        self.assertEqual(ask(self.c, "POST", "/logout", cookie=cookie)[0], 200)
        for _ in range(4):
            self.assertEqual(ask(self.c, "GET", "/me", cookie=cookie)[0], 401)
        self.assertNotIn("sys_", self.alone.log)

    def test_what_redis_may_forget(self) -> None:
        """A Redis that does not write at once is named on standard error; SQLite needs no such warning."""
        self.assertIn("Warning: Redis may forget", self.here.log)
        self.assertNotIn("Warning", self.alone.log)

    def test_two_readers_of_one_connection(self) -> None:
        """What gunicorn reads as one request we read as one: after a refusal no rest of it is answered as another."""
        hidden = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
        for name, data in (
            ("a chunk without a size", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            ("two lengths", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ("a length with a plus", b"Content-Length: +0\r\n\r\n"),
        ):
            port = int(self.a.rpartition(":")[2])
            with self.subTest(name), socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(b"POST /login HTTP/1.1\r\nHost: a\r\n" + data + hidden)
                received = b""
                while chunk := client.recv(65536):
                    received += chunk
                self.assertTrue(received.startswith(b"HTTP/1.1 400 "))
                self.assertNotIn(b'{"status":"ok"}', received)


WITHOUT_OTHERS = "" if find_spec("waitress") and find_spec("pyuwsgi") else "needs waitress and pyuwsgi"


@unittest.skipIf(WITHOUT_GUNICORN or WITHOUT_OTHERS, WITHOUT_GUNICORN or WITHOUT_OTHERS)
class RealServers(unittest.TestCase):
    def test_what_they_let_through(self) -> None:
        """gunicorn, waitress and uWSGI, with bytes that mean harm: no more gets through than their table says."""
        from tests.field.wsgi_servers import is_it_safe

        for name, known in (
            ("gunicorn, gthread", ""),
            ("waitress", "a length and chunks"),
            ("uWSGI", "an address in `X_Forwarded_For`"),
        ):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                found = is_it_safe(name, folder, visits=50)
                self.assertIn(found["let through"], ("nothing", known))
                self.assertIn(found["lost"], ("nothing", "a chunked body (411)"))
                self.assertEqual(found["files left open"], "none")


if __name__ == "__main__":
    unittest.main()
