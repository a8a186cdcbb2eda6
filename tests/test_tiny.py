"""Chapter one does what the big server does, as far as it goes, and makes none of the classic mistakes.

The three classes are asked without a socket, so that the exercises judge quickly. The story is one list of steps that
is told to both servers over real sockets.
"""

from __future__ import annotations

import ast
import base64
import hmac
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import bcrypt

import authref
from authref import tiny
from tests.basics import PASSWORD, TEST_COST, chance
from tests.support import Harness, exchange, running, status
from tests.test_cli import PROJECT, ask, environment
from tests.warm import result_of

SOURCE = Path(authref.__file__).with_name("tiny.py")
ALICE = {"id": "a1", "email": "alice@example.com", "role": "user"}
ROOT = {"id": "r1", "email": "root@example.com", "role": "admin"}
# RFC 7515, appendix A.1: a key, what was signed with it, and the signature.
RFC_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RFC_TEXT = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC_SIGNATURE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@dataclass
class Asked:
    """What the verbs need of a request."""

    headers: Message


def request(**headers: str) -> Any:
    """A request with these headers, whose names know no case."""
    message = Message()
    for name, value in headers.items():
        message[name] = value
    return Asked(message)


def decoded(part: str) -> dict[str, Any]:
    """What a token's part says."""
    value = json.loads(base64.urlsafe_b64decode(part + "=="))
    assert isinstance(value, dict)
    return value


def encoded(value: object) -> str:
    """A token's part that says this."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def cheap() -> Any:
    """While the block runs a hash takes a millisecond, whatever it was to take."""
    salt = bcrypt.gensalt
    return mock.patch("bcrypt.gensalt", lambda rounds=12, prefix=b"2b": salt(TEST_COST, prefix))


def at(moment: float) -> Any:
    """While the block runs it is so late in chapter one."""
    return mock.patch.object(tiny, "time", lambda: moment)


class Passwords(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(cheap())
        self.users = tiny.Users()

    def test_a_new_user(self) -> None:
        """Whoever signs up is a user with an id, an address and a role, and nothing of the password is in it."""
        user = self.users.sign_up("alice@example.com", PASSWORD)
        self.assertEqual({**(user or {}), "id": ""}, {"id": "", "email": "alice@example.com", "role": "user"})
        self.assertEqual((self.users.sign_up("root@example.com", PASSWORD, "admin") or {}).get("role"), "admin")

    def test_ids(self) -> None:
        """Each user has an id of their own, which nobody can guess."""
        ids = {(self.users.sign_up(f"u{number}@example.com", PASSWORD) or {}).get("id", "") for number in range(8)}
        with self.subTest("different ids of 8 users"):
            self.assertEqual(len(ids), 8)
        with self.subTest("characters of the shortest id"):
            self.assertGreaterEqual(min(map(len, ids)), 16)

    def test_where_ids_come_from(self) -> None:
        """An id comes from the system's generator, by `secrets`, os.urandom or uuid4: all else can be worked out."""
        ids = []
        for seed in (1, 2):
            with chance(seed) as asked, self.subTest("bytes asked of the system's generator"):
                ids.append((tiny.Users().sign_up("alice@example.com", PASSWORD) or {}).get("id"))
                self.assertGreaterEqual(sum(asked), 8)
        self.assertNotEqual(*ids)

    def test_what_is_kept(self) -> None:
        """The password itself is nowhere; what is kept beside the user is a bcrypt hash that recognises it."""
        self.users.sign_up("alice@example.com", PASSWORD)
        user, stored = self.users["alice@example.com"]
        self.assertEqual(user["email"], "alice@example.com")
        self.assertNotIn(PASSWORD, repr(dict(self.users)))
        self.assertTrue(bcrypt.checkpw(PASSWORD.encode(), stored))

    def test_two_with_one_password(self) -> None:
        """Two who chose the same password have different hashes: each needs a guess of its own."""
        for email in ("alice@example.com", "bob@example.com"):
            self.users.sign_up(email, PASSWORD)
        self.assertNotEqual(self.users["alice@example.com"][1], self.users["bob@example.com"][1])

    def test_how_slow_a_guess_is(self) -> None:
        """Nobody made the hash cheaper than bcrypt does by itself: 2**12 rounds a guess."""
        with mock.patch("bcrypt.gensalt", wraps=bcrypt.gensalt) as salt:
            self.users.sign_up("alice@example.com", PASSWORD)
        with self.subTest("bcrypt's cost"):
            for call in salt.call_args_list:
                self.assertGreaterEqual([*call.args, call.kwargs.get("rounds", 12)][0], 12)

    def test_an_address_that_is_taken(self) -> None:
        """A second one with the same address is refused, and the first keeps account and password."""
        first = self.users.sign_up("alice@example.com", PASSWORD)
        self.assertIsNone(self.users.sign_up("alice@example.com", "another password"))
        self.assertEqual(self.users.check_credentials("alice@example.com", PASSWORD), first)

    def test_the_right_password(self) -> None:
        """Address and password together give their user, and not somebody else."""
        for email in ("alice@example.com", "bob@example.com"):
            user = self.users.sign_up(email, f"password of {email}")
            self.assertEqual(self.users.check_credentials(email, f"password of {email}"), user)

    def test_wrong_passwords(self) -> None:
        """Neither another password, nor a part of it, nor the stored hash itself opens the account."""
        self.users.sign_up("alice@example.com", PASSWORD)
        hashed = self.users["alice@example.com"][1].decode()
        for password in ("another password", PASSWORD.upper(), PASSWORD[:-1], PASSWORD + " ", "", hashed):
            with self.subTest(password=password):
                self.assertIsNone(self.users.check_credentials("alice@example.com", password))

    def test_an_unknown_address(self) -> None:
        """An address that nobody has gives nobody, and no exception."""
        self.users.sign_up("alice@example.com", PASSWORD)
        self.assertIsNone(self.users.check_credentials("bob@example.com", PASSWORD))

    def test_more_than_bcrypt_reads(self) -> None:
        """bcrypt reads 72 bytes: the right password and one more is wrong, and no exception."""
        self.users.sign_up("alice@example.com", "x" * 72)
        self.assertIsNotNone(self.users.check_credentials("alice@example.com", "x" * 72))
        for password in ("x" * 73, "x" * 5000, "é" * 40):
            with self.subTest(password=password[:80]):
                self.assertIsNone(self.users.check_credentials("alice@example.com", password))


class SessionsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.sessions = tiny.Sessions()

    def log_in(self, user: dict[str, str] = ALICE) -> str:
        """The value of the cookie that a login gives."""
        return str(self.sessions.log_in(user)[2]["Set-Cookie"]).partition(";")[0].partition("=")[2]

    def who(self, cookie: str) -> str:
        """The address of whoever sends this Cookie header."""
        return (self.sessions.authenticate(request(Cookie=cookie)) or {"email": "nobody"})["email"]

    def test_whoever_logged_in(self) -> None:
        """The cookie that a login gives is recognised as its user's, and two who are logged in stay apart."""
        cookies = {user["email"]: self.log_in(user) for user in (ALICE, ROOT)}
        for email, value in cookies.items():
            self.assertEqual(self.who(f"session={value}"), email)

    def test_the_answer(self) -> None:
        """The answer is 200 with the user, and the number stands in the cookie only."""
        code, content, headers = self.sessions.log_in(ALICE)
        self.assertEqual((code, content, list(headers)), (200, {"user": ALICE}, ["Set-Cookie"]))

    def test_the_flags(self) -> None:
        """The cookie is hidden from scripts and from other sites' forms, and is sent to every path."""
        first, *flags = self.sessions.log_in(ALICE)[2]["Set-Cookie"].split("; ")
        self.assertRegex(first, r"\Asession=[^; ]+\Z")
        self.assertLessEqual({"HttpOnly", "SameSite=Lax", "Path=/"}, set(flags))

    def test_numbers(self) -> None:
        """Each login has a new number of 256 random bits, in letters that a cookie may have."""
        numbers = {self.log_in() for _ in range(64)}
        with self.subTest("different numbers of 64 logins"):
            self.assertEqual(len(numbers), 64)
        for number in numbers:
            self.assertRegex(number, r"\A[A-Za-z0-9_-]{43,}\Z")
        for place in range(40):  # each of them changes from login to login: nothing in it is a clock or a counter
            self.assertGreater(len({number[place] for number in numbers}), 8)

    def test_where_numbers_come_from(self) -> None:
        """All bits of a number come from the system's generator, as `secrets` asks it: all else can be worked out."""
        numbers = []
        for seed in (1, 2):
            with chance(seed) as asked, self.subTest("bytes asked of the system's generator"):
                numbers.append(self.log_in())
                self.assertGreaterEqual(sum(asked), 32)
        self.assertNotEqual(*numbers)

    def test_nothing_shown(self) -> None:
        """Whoever shows no cookie, or one that nobody was given, is nobody, also while others are logged in."""
        self.log_in()
        self.assertIsNone(self.sessions.authenticate(request()))
        for cookie in ("", "session=", "session=made-up", "theme=dark", "session"):
            with self.subTest(cookie=cookie):
                self.assertEqual(self.who(cookie), "nobody")

    def test_among_other_cookies(self) -> None:
        """A browser sends all cookies in one line; ours is found before, between and behind the others."""
        number = self.log_in()
        for cookie in ("session={}", "a=1; session={}", "session={}; b=2", "a=1; session={}; b=2", "a=1;session={}"):
            with self.subTest(cookie=cookie):
                self.assertEqual(self.sessions.read_cookie(request(Cookie=cookie.format(number))), number)

    def test_names_like_ours(self) -> None:
        """Only the whole name is ours: what merely holds it, or ends or begins with it, is another cookie."""
        for cookie in ("my_session=x", "session2=x", "SESSION=x", "a=session=x", "a=session", "xsession=x; b=1", "=x"):
            with self.subTest(cookie=cookie):
                self.assertEqual(self.sessions.read_cookie(request(Cookie=cookie)), "")

    def test_a_value_with_equals(self) -> None:
        """The first equals sign ends the name; those after it, and pairs without one, do no harm."""
        for cookie, value in (("session=a=b=", "a=b="), ("flag; session=x; ", "x"), ("a==; session=x", "x")):
            with self.subTest(cookie=cookie):
                self.assertEqual(self.sessions.read_cookie(request(Cookie=cookie)), value)

    def test_no_cookie(self) -> None:
        """Without a Cookie header, or with an empty one, the number is an empty text."""
        self.assertEqual([self.sessions.read_cookie(request(**headers)) for headers in ({}, {"Cookie": ""})], ["", ""])

    def test_a_copy_of_the_cookie(self) -> None:
        """After the logout the number opens nothing, for whoever copied it as well; the server keeps nothing of it."""
        number = self.log_in()
        self.sessions.log_out(request(Cookie=f"session={number}"))
        self.assertEqual(self.who(f"session={number}"), "nobody")
        self.assertNotIn(number, self.sessions)

    def test_others_stay(self) -> None:
        """A logout ends this one login: somebody else's goes on, and so does the same user's on another machine."""
        mine, others = self.log_in(), {self.log_in(): "alice@example.com", self.log_in(ROOT): "root@example.com"}
        self.sessions.log_out(request(Cookie=f"session={mine}"))
        for number, email in others.items():
            self.assertEqual(self.who(f"session={number}"), email)

    def test_what_the_browser_is_told(self) -> None:
        """The answer makes the browser drop the cookie: the same name and path, no value, no life left."""
        code, content, headers = self.sessions.log_out(request(Cookie=f"session={self.log_in()}"))
        self.assertEqual((code, content), (200, {"message": "Logged out"}))
        first, *flags = headers["Set-Cookie"].split("; ")
        self.assertEqual(first, "session=")
        self.assertLessEqual({"Max-Age=0", "Path=/"}, set(flags))

    def test_logging_out_twice(self) -> None:
        """Whoever is not logged in is logged out just the same: 200, and no exception."""
        number = self.log_in()
        for headers in ({}, {"Cookie": "session=made-up"}, *[{"Cookie": f"session={number}"}] * 2):
            with self.subTest(headers=headers):
                self.assertEqual(self.sessions.log_out(request(**headers))[0], 200)


class TokensTest(unittest.TestCase):
    def setUp(self) -> None:
        self.tokens = tiny.Tokens()

    def token(self, user: dict[str, str] = ALICE) -> str:
        """The token that a login gives."""
        return str(self.tokens.log_in(user)[1]["token"])  # type: ignore[index]

    def who(self, token: str) -> str:
        """The address of whoever sends this token."""
        return (self.tokens.authenticate(request(Authorization=f"Bearer {token}")) or {"email": "nobody"})["email"]

    def signed(self, header: object, claims: object, key: bytes = b"") -> str:
        """A token made by hand, without chapter one."""
        text = f"{encoded(header)}.{encoded(claims)}"
        mac = hmac.digest(key or tiny.KEY, text.encode(), "sha256")
        return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def test_the_example_of_the_rfc(self) -> None:
        """The key and the text of RFC 7515 give the signature of RFC 7515."""
        with mock.patch.object(tiny, "KEY", base64.urlsafe_b64decode(RFC_KEY + "==")):
            self.assertEqual(self.tokens.sign(RFC_TEXT), RFC_SIGNATURE)

    def test_another_key(self) -> None:
        """Another key gives another signature: whoever lacks ours cannot make it."""
        ours = self.tokens.sign(RFC_TEXT)
        with mock.patch.object(tiny, "KEY", bytes(32)):
            self.assertNotEqual(self.tokens.sign(RFC_TEXT), ours)

    def test_another_text(self) -> None:
        """Whatever is changed, added or left out changes the signature; the same text has the same one."""
        ours = self.tokens.sign(RFC_TEXT)
        self.assertEqual(self.tokens.sign(RFC_TEXT), ours)
        for text in (RFC_TEXT[:-1], RFC_TEXT + "A", "A" + RFC_TEXT, RFC_TEXT.swapcase(), ""):
            with self.subTest(text=text):
                self.assertNotEqual(self.tokens.sign(text), ours)

    def test_how_it_is_written(self) -> None:
        """A signature is 32 bytes in base64url without padding, 43 signs that may stand in a header or address."""
        for number in range(50):
            self.assertRegex(self.tokens.sign(str(number)), r"\A[A-Za-z0-9_-]{43}\Z")

    def test_the_answer(self) -> None:
        """The answer is 200 with the token, how to send it and how long it lives, and sets no cookie."""
        code, content, headers = self.tokens.log_in(ALICE)
        self.assertEqual((code, headers), (200, {}))
        expected = {"token": self.token(), "token_type": "Bearer", "expires_in": 900}
        self.assertEqual({**content, "token": ""}, {**expected, "token": ""})  # type: ignore[dict-item]

    def test_what_a_token_says(self) -> None:
        """Header and claims can be read by anybody: the algorithm, whose it is, and when it ends, in whole seconds."""
        with at(1_000.5):
            header, claims, _ = self.token().split(".")
        self.assertEqual(decoded(header), {"alg": "HS256", "typ": "JWT"})
        expected = {"sub": "a1", "email": "alice@example.com", "role": "user", "exp": 1900}
        self.assertEqual({name: decoded(claims).get(name) for name in expected}, expected)
        self.assertIs(type(decoded(claims)["exp"]), int)

    def test_what_is_signed(self) -> None:
        """The third part is the signature of the first two and the dot between them."""
        text, _, signature = self.token().rpartition(".")
        self.assertEqual(signature, self.tokens.sign(text))
        self.assertRegex(text, r"\A[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")

    def test_a_good_token(self) -> None:
        """A token that we signed says who is asking, field by field, and of two users each is told apart."""
        padded = [{**ALICE, "email": "a" * length + "@example.com"} for length in (1, 2, 3)]  # by 0, 1 and 2 signs
        for user in (*padded, ALICE, ROOT):
            shown = request(Authorization=f"Bearer {self.token(user)}")
            self.assertEqual(self.tokens.authenticate(shown), user)

    def test_no_token(self) -> None:
        """Without a token, or with a text that is none, one is nobody, and nothing breaks."""
        self.assertIsNone(self.tokens.authenticate(request()))
        for text in ("", "Bearer", "Bearer ", "Bearer x", "Bearer ..", "Bearer a.b.c", "Basic YTpi", "Bearer a.b.é"):
            with self.subTest(text=text):
                self.assertIsNone(self.tokens.authenticate(request(Authorization=text)))

    def test_changed_claims(self) -> None:
        """Whoever writes "admin" into the claims, and keeps the signature, is nobody."""
        header, claims, signature = self.token().split(".")
        forged = encoded({**decoded(claims), "role": "admin"})
        self.assertEqual(self.who(f"{header}.{claims}.{signature}"), "alice@example.com")
        self.assertEqual(self.who(f"{header}.{forged}.{signature}"), "nobody")

    def test_no_signature(self) -> None:
        """A token whose signature is missing, empty or cut is nobody's, however short the rest."""
        header, claims, signature = self.token().split(".")
        for rest in ("", signature[:1], signature[:-1], signature + "A", f"{signature}.{signature}"):
            with self.subTest(signature=rest):
                self.assertEqual(self.who(f"{header}.{claims}.{rest}"), "nobody")
        self.assertEqual(self.who(f"{header}.{claims}"), "nobody")

    def test_algorithms_that_the_token_names(self) -> None:
        """A header that says "none" changes nothing: it is we who say how a token is checked."""
        claims = {"sub": "r1", "email": "root@example.com", "role": "admin", "exp": time.time() + 60}
        self.assertEqual(self.who(self.signed({"alg": "HS256", "typ": "JWT"}, claims)), "root@example.com")
        for name in ("none", "None", "NONE", "", "HS512"):
            with self.subTest(alg=name):
                self.assertEqual(self.who(f"{encoded({'alg': name})}.{encoded(claims)}."), "nobody")

    def test_somebody_elses_key(self) -> None:
        """A token signed with another key, an empty one too, is nobody's."""
        claims = {"sub": "r1", "email": "root@example.com", "role": "admin", "exp": time.time() + 60}
        for key in (b"secret", bytes(32)):
            self.assertEqual(self.who(self.signed({"alg": "HS256", "typ": "JWT"}, claims, key)), "nobody")

    def test_the_end(self) -> None:
        """A token is good until its last second, and nobody's from `exp` on."""
        with at(1_000):
            token = self.token()
        for moment, email in ((1_000, "alice@example.com"), (1_899, "alice@example.com"), (1_900, "nobody")):
            with self.subTest(exp=1_900, now=moment), at(moment):
                self.assertEqual(self.who(token), email)

    def test_how_signatures_are_compared(self) -> None:
        """No signature meets another by `==`, which stops at the first difference: its time tells where."""

        class Text(str):
            compared = "in constant time"

            def __eq__(self, other: object) -> bool:
                Text.compared = "by =="
                return str(self) == other

            __hash__ = str.__hash__

            def __ne__(self, other: object) -> bool:
                return not self == other

            def encode(self, *_: Any) -> Bytes:  # type: ignore[override]
                return Bytes(str.encode(self))

        class Bytes(bytes):
            def __eq__(self, other: object) -> bool:
                Text.compared = "by =="
                return bytes(self) == other

            __hash__ = bytes.__hash__

            def __ne__(self, other: object) -> bool:
                return not self == other

        token, sign = self.token(), tiny.Tokens.sign
        with mock.patch.object(tiny.Tokens, "sign", lambda tokens, text: Text(sign(tokens, text))):
            self.assertEqual(self.who(token), "alice@example.com")
            self.assertEqual(self.who(token[:-2] + "xx"), "nobody")
        self.assertEqual(Text.compared, "in constant time")

    def test_logging_out(self) -> None:
        """The logout ends nothing, and does not claim to: the client throws the token away, and a copy goes on."""
        token = self.token()
        answer = self.tokens.log_out(request(Authorization=f"Bearer {token}"))
        self.assertEqual(answer, (200, {"message": "Logged out"}, {}))
        self.assertEqual(self.who(token), "alice@example.com")


# -- both servers, over real sockets

NEW = {"email": "alice@example.com", "password": PASSWORD}
ADMIN = {"email": "root@example.com", "password": "an admin's own password"}
# Each step: what happens, method and path, what is sent as JSON, what is shown, and the status with a user or a code.
STORY: tuple[tuple[str, str, Any, str, int, str], ...] = (
    ("nobody is logged in", "GET /me", None, "", 401, "unauthorized"),
    ("nor by token", "GET /token/me", None, "", 401, "unauthorized"),
    ("nobody has signed up", "POST /login", NEW, "", 401, "invalid_credentials"),
    ("Alice signs up", "POST /signup", NEW, "", 201, "alice@example.com"),
    ("the address is taken", "POST /signup", {**NEW, "password": "another password"}, "", 409, "email_taken"),
    ("a short password", "POST /signup", {"email": "b@example.com", "password": "short"}, "", 400, "invalid_request"),
    ("no password", "POST /signup", {"email": "b@example.com"}, "", 400, "invalid_request"),
    ("a number for a password", "POST /login", {**NEW, "password": 12345678}, "", 400, "invalid_request"),
    ("a list", "POST /login", ["alice@example.com", PASSWORD], "", 400, "invalid_request"),
    ("no JSON", "POST /token/login", b'{"email": ', "", 400, "invalid_json"),
    ("a wrong password", "POST /login", {**NEW, "password": "a wrong password"}, "", 401, "invalid_credentials"),
    ("and for a token", "POST /token/login", {**NEW, "password": "a wrong password"}, "", 401, "invalid_credentials"),
    ("Alice logs in by session", "POST /login", NEW, "", 200, "alice@example.com"),
    ("the server remembers her", "GET /me", None, "cookie", 200, "alice@example.com"),
    ("Alice logs in by token", "POST /token/login", NEW, "", 200, "Bearer"),
    ("the token says who she is", "GET /token/me", None, "token", 200, "alice@example.com"),
    ("a cookie is no token", "GET /token/me", None, "cookie", 401, "unauthorized"),
    ("a token is no cookie", "GET /me", None, "token", 401, "unauthorized"),
    ("she is no admin", "GET /users", None, "cookie", 403, "forbidden"),
    ("by token neither", "GET /users", None, "token", 403, "forbidden"),
    ("a stranger asks for all", "GET /users", None, "", 401, "unauthorized"),
    ("she logs out", "POST /logout", None, "cookie", 200, "Logged out"),
    ("her old cookie opens nothing", "GET /me", None, "cookie", 401, "unauthorized"),
    ("twice is once", "POST /logout", None, "cookie", 200, "Logged out"),
    ("the token is thrown away", "POST /token/logout", {"refresh_token": "none"}, "", 200, "Logged out"),
    ("and a copy goes on", "GET /token/me", None, "token", 200, "alice@example.com"),
    ("the admin logs in", "POST /login", ADMIN, "", 200, "root@example.com"),
    ("and sees everybody", "GET /users", None, "cookie", 200, "alice@example.com root@example.com"),
    ("the admin takes a token", "POST /token/login", ADMIN, "", 200, "Bearer"),
    ("and sees the same", "GET /users", None, "token", 200, "alice@example.com root@example.com"),
    ("nothing is here", "GET /nothing", None, "", 404, "not_found"),
)


class Client:
    """One client of a server: it keeps what its logins gave it."""

    def __init__(self, port: int) -> None:
        self.port, self.shown = port, {"": {}, "cookie": {}, "token": {}}

    def send(self, route: str, value: Any, shows: str) -> tuple[int, str]:
        """The status, and what the answer is about: a user, a code, a message or a kind of token."""
        method, path = route.split()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        data = value if isinstance(value, bytes) else None if value is None else json.dumps(value).encode()
        kind = {} if value is None else {"Content-Type": "application/json"}
        connection.request(method, path, data, {**kind, **self.shown[shows]})
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        if path.endswith("/login") and answer.status == 200:
            cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
            if cookie:
                self.shown["cookie"] = {"Cookie": cookie}
            else:
                self.shown["token"] = {"Authorization": f"Bearer {content['token']}"}
        return answer.status, about(content)


def about(content: dict[str, Any]) -> str:
    """What an answer says, in a word."""
    if "users" in content:
        return " ".join(sorted(user["email"] for user in content["users"]))
    return str(content.get("code") or content.get("message") or content.get("token_type") or content["user"]["email"])


@contextmanager
def chapter_one() -> Iterator[ThreadingHTTPServer]:
    """A server of chapter one while the block runs, with nobody in it but the admin; the log is kept in `lines`."""

    class Fresh(tiny.Handler):
        users, sessions, tokens = tiny.Users(), tiny.Sessions(), tiny.Tokens()

        def log_message(self, format: str, *args: Any) -> None:
            server.lines.append(format % args)  # type: ignore[attr-defined]

    with cheap(), ThreadingHTTPServer(("127.0.0.1", 0), Fresh) as server:
        server.lines = []  # type: ignore[attr-defined]
        Fresh.users.sign_up(ADMIN["email"], ADMIN["password"], "admin")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(30)


class OneStory(unittest.TestCase):
    """The same client speaks to both servers, and hears the same."""

    def tell(self, port: int) -> None:
        client = Client(port)
        for says, route, value, shows, *expected in STORY:
            with self.subTest(says, route=route):
                self.assertEqual(client.send(route, value, shows), tuple(expected))

    def test_told_to_chapter_one(self) -> None:
        """Chapter one gives each step of the story its status, and its user or code."""
        with chapter_one() as server:
            self.tell(server.server_port)

    def test_told_to_the_big_server(self) -> None:
        """The big server gives each of them the same."""
        harness = Harness()
        harness.sign_up(ADMIN["email"], ADMIN["password"], "admin")
        with running(harness.app) as server:
            self.tell(server.server_port)


class OverSockets(unittest.TestCase):
    """What chapter one does right where bytes come in."""

    def setUp(self) -> None:
        self.server = self.enterContext(chapter_one())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def test_a_role_that_somebody_gives_themselves(self) -> None:
        """Whoever signs up is a user, whatever else they send."""
        answer = ask(self.url, "POST", "/signup", {**NEW, "role": "admin", "id": "mine", "password_hash": "x"})
        self.assertEqual((answer[0], answer[2]["user"]["role"]), (201, "user"))
        self.assertNotEqual(answer[2]["user"]["id"], "mine")

    def test_a_number_from_outside(self) -> None:
        """A session's number that somebody planted before the login is nobody's after it (fixation)."""
        ask(self.url, "POST", "/signup", NEW)
        status, headers, _ = ask(self.url, "POST", "/login", NEW, cookie="session=planted")
        self.assertEqual(status, 200)
        self.assertNotIn("planted", headers["set-cookie"])
        self.assertEqual(ask(self.url, "GET", "/me", cookie="session=planted")[0], 401)

    def test_logging_out_by_a_link(self) -> None:
        """GET /logout is no route: a picture on somebody's page must not log anybody out."""
        ask(self.url, "POST", "/signup", NEW)
        cookie = ask(self.url, "POST", "/login", NEW)[1]["set-cookie"].partition(";")[0]
        self.assertEqual(ask(self.url, "GET", "/logout", cookie=cookie)[0], 404)
        self.assertEqual(ask(self.url, "GET", "/me", cookie=cookie)[0], 200)

    def test_what_an_answer_never_holds(self) -> None:
        """No answer holds a password or a hash, and no line of the log a password, a token or a cookie."""
        answers = [ask(self.url, "POST", path, NEW) for path in ("/signup", "/signup", "/login", "/token/login")]
        token, cookie = answers[3][2]["token"], answers[2][1]["set-cookie"].partition(";")[0]
        answers.append(ask(self.url, "GET", "/token/me", authorization=f"Bearer {token}"))
        answers.append(ask(self.url, "GET", "/me", cookie=cookie))
        self.assertEqual([answer[0] for answer in answers], [201, 409, 200, 200, 200, 200])
        for answer in answers:
            self.assertNotRegex(repr(answer), rf"{PASSWORD}|\$2b\$|password")
        log = "\n".join(self.server.lines)  # type: ignore[attr-defined]
        self.assertEqual(len(log.splitlines()), len(answers))
        for secret in (PASSWORD, token, cookie.partition("=")[2]):
            self.assertNotIn(secret, log)

    def test_an_unknown_address_and_a_wrong_password(self) -> None:
        """A failed login is answered with the same bytes, whoever it was for."""
        ask(self.url, "POST", "/signup", NEW)
        answers = [ask(self.url, "POST", "/login", {**NEW, **change})
                   for change in ({"password": "a wrong password"}, {"email": "bob@example.com"})]  # fmt: skip
        seen = [(code, {**headers, "date": ""}, content) for code, headers, content in answers]
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0][0], 401)

    def test_bodies_that_cannot_be_read(self) -> None:
        """A body that is no JSON or has not the fields gets a 400 with a code, on a connection that is not dropped."""
        bodies = (b"", b"x=1", b"{", b"null", b"[]", b"\xff", b'{"email": [], "password": {}}', b"1e999", b'"text"',
                  b'{"email": "b@example.com", "password": "%s"}' % (b"x" * 73), b'{"password": "correct horse"}',
                  b'{"email": "b@example.com", "password": "\\ud800 and more"}')  # fmt: skip
        for body in bodies:
            with self.subTest(body=body):
                head = b"POST /signup HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
                answer = exchange(self.server, head + body)  # type: ignore[arg-type]
                self.assertEqual(status(answer), 400)
                self.assertRegex(json.loads(answer.partition(b"\r\n\r\n")[2])["code"], r"\Ainvalid_(json|request)\Z")

    def test_passwords_of_seventy_three_bytes(self) -> None:
        """bcrypt takes 72 bytes: longer ones are no password to sign up with, and a wrong one to log in with."""
        for password, signs_up, logs_in in (("x" * 72, 201, 200), ("x" * 73, 400, 401), ("é" * 37, 400, 401)):
            with self.subTest(password=password):
                fields = {"email": f"{len(password)}@example.com", "password": password}
                code, _, content = ask(self.url, "POST", "/signup", fields)
                self.assertEqual((code, content.get("code", "")), (signs_up, "" if code == 201 else "invalid_request"))
                fields["email"] = "72@example.com"
                self.assertEqual(ask(self.url, "POST", "/login", fields)[0], logs_in)

    def test_a_body_that_nobody_asks_for(self) -> None:
        """It is read before the answer all the same: closing with bytes unread is a reset, and can take the answer."""
        for route, code in ((b"POST /nothing", 404), (b"POST /logout", 200), (b"GET /me", 401)):
            with self.subTest(route=route), socket.create_connection(self.server.server_address[:2], 10) as client:
                client.sendall(route + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
                client.settimeout(0.1)
                self.assertRaises(TimeoutError, client.recv, 1)
                client.settimeout(10)
                client.sendall(b"{}")
                with client.makefile("rb") as answer:
                    self.assertEqual(status(answer.read()), code)

    def test_a_length_that_is_no_number(self) -> None:
        """So does a Content-Length in words."""
        answer = exchange(self.server, b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n")  # type: ignore[arg-type]
        self.assertEqual(status(answer), 400)

    def test_clients_that_keep_the_connection(self) -> None:
        """A client that wants to keep its connection gets each answer whole, also where nobody asked for its body."""
        connection = HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        long = b"[%s]" % (b"1," * 30_000 + b"1")
        for method, path, body in (("GET", "/me", None), ("POST", "/nothing", b'"x"'), ("GET", "/me", b"{}"),
                                   ("POST", "/logout", b"{}"), ("POST", "/nothing", long)):  # fmt: skip
            with self.subTest(method=method, path=path):
                connection.request(method, path, body, {"Connection": "keep-alive"})
                answer = connection.getresponse()
                content = answer.read()
                self.assertEqual(int(answer.getheader("Content-Length") or -1), len(content))
                self.assertTrue(json.loads(content))
        connection.close()


class TheFile(unittest.TestCase):
    def functions(self) -> list[ast.FunctionDef]:
        return [node for node in ast.walk(ast.parse(SOURCE.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]

    def test_its_length(self) -> None:
        """It has at most 140 lines, prose and blank lines too, and a function has five or fewer, in the median."""
        self.assertLessEqual(SOURCE.read_bytes().count(b"\n"), 140)
        lengths = [(node.end_lineno or 0) - node.body[0].lineno + 1 for node in self.functions()]
        self.assertGreater(len(lengths), 12)
        self.assertLessEqual(statistics.median(lengths), 5)

    def test_the_verbs(self) -> None:
        """Sessions and tokens have the same three verbs, in the same order, with the same parameters."""
        verbs = ("log_in", "authenticate", "log_out")
        headers = {}
        for node in ast.parse(SOURCE.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name in ("Sessions", "Tokens"):
                methods = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name in verbs]
                headers[node.name] = [(each.name, ast.unparse(each.args)) for each in methods]
        self.assertEqual(headers["Sessions"], headers["Tokens"])
        self.assertEqual(tuple(name for name, _ in headers["Tokens"]), verbs)

    def test_what_it_says_it_lacks(self) -> None:
        """The files that its opening names as those that add something are there."""
        names = re.findall(r"\b(\w+\.py|\w+/)(?=[,. ;])", (tiny.__doc__ or "").partition("    ALICE=")[0])
        self.assertGreater(len(names), 12)
        for name in names:
            self.assertTrue(SOURCE.parent.joinpath(name).exists(), name)


# What Python imports by itself when it starts: here it makes hashes cheap that nobody may choose the cost of.
CHEAP = f"import bcrypt; salt = bcrypt.gensalt; bcrypt.gensalt = lambda: salt({TEST_COST})\n"


@unittest.skipUnless(shutil.which("curl") and shutil.which("bash"), "needs curl and bash")
class Started(unittest.TestCase):
    """As its reader starts it."""

    @contextmanager
    def program(self, *arguments: str) -> Iterator[SimpleNamespace]:
        """Python with these arguments while the block runs, once it has printed all of its banner."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            Path(folder, "sitecustomize.py").write_text(CHEAP, "utf-8")
            paths = {"PYTHONPATH": os.pathsep.join([folder, str(PROJECT)])}
            with open(out, "wb") as stdout, open(err, "wb") as stderr:
                process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment(**paths),
                                           stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)  # fmt: skip
            try:
                deadline = time.monotonic() + 20
                while not re.search("admin@example.com password .*\n", text := out.read_text("utf-8")):
                    self.assertIsNone(process.poll(), text + err.read_text("utf-8"))
                    self.assertLess(time.monotonic(), deadline, text + err.read_text("utf-8"))
                    time.sleep(0.01)
                yield SimpleNamespace(folder=folder, out=text, err=err, process=process)
            finally:
                process.kill()
                process.wait()

    def test_by_its_path(self) -> None:
        """`python authref/tiny.py` prints lines that paste, and a password that opens the admin's account."""
        with self.program(str(SOURCE)) as program:
            lines = [line for line in program.out.splitlines() if line.startswith("  ")]
            done = subprocess.run(["bash"], input="\n".join(lines) + "\n", cwd=program.folder, env=environment(),
                                  capture_output=True, text=True, timeout=60)  # fmt: skip
            statuses = re.findall(r"^HTTP/1\.\d (\d{3}) ", done.stdout, re.MULTILINE)
            self.assertEqual(statuses, ["201", "200", "200", "200", "200", "401"], done.stdout + done.stderr)
            url = "http://" + re.findall(r"127\.0\.0\.1:\d+", program.out)[0]
            password = re.findall("admin@example.com password (.*)\n", program.out)[0]
            answer = ask(url, "POST", "/login", {"email": "admin@example.com", "password": password})
            self.assertEqual((answer[0], answer[2]["user"]["role"]), (200, "admin"))

    def test_by_the_command(self) -> None:
        """`python -m authref tiny` serves too, on the port that it is given; Ctrl-C ends both without a word."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        passwords = set()
        for arguments in (("-m", "authref", "tiny", "--port", str(port)), (str(SOURCE),)):
            with self.subTest(arguments), self.program(*arguments) as program:
                passwords |= set(re.findall("admin@example.com password (.{16,})\n", program.out))
                self.assertIn(f"127.0.0.1:{port}" if "tiny" in arguments else "127.0.0.1:", program.out)
                program.process.send_signal(signal.SIGINT)
                self.assertEqual(program.process.wait(20), 0)
                self.assertEqual(program.err.read_text("utf-8"), "")
        self.assertEqual(len(passwords), 2, "a password of its own at each start")

    def test_a_port_that_is_taken(self) -> None:
        """A taken port is one sentence with a command that works; no password was hashed for it."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            status, out, err = result_of("-m", "authref", "tiny", "--port", port, env=environment())
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err, r"\Aauthref: Cannot listen on [^\n]*; try: [^\n]*authref tiny --port \d+\n\Z")


if __name__ == "__main__":
    unittest.main()
