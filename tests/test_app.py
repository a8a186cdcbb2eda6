"""The routes, one by one: what each answers when all is well, and what comes back for everything else.

The app is called as a function, without a socket, so each test shows a request beside its answer. Who may call
which route is the subject of test_authorization.py.
"""

from __future__ import annotations

import inspect
import json
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from authref.admins import Outdated
from authref.app.settings import Settings
from authref.events import Events
from authref.jwt import verify
from authref.keys import fresh_keys
from authref.maps import Store
from authref.throttle import Turns
from authref.wire import Request, Response
from tests.basics import JSON, KEYS, PASSWORD, SENTENCE, START, Clock, chance
from tests.support import Harness, body, exchange, map_class, quick_hashes, running, status, without_time
from tests.test_cookies import CLEARED
from tests.test_throttle_table import SameMaps

ALICE = {"email": "alice@example.com", "password": PASSWORD}
LOGINS = ("/login", "/token/login")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
USER_FIELDS = {"id", "email", "role", "disabled", "created_at"}
TOKEN_FIELDS = {"token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
LOGIN_FIELDS = {"id", "kind", "created_at", "last_seen", "user_agent", "current"}
SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def with_body(harness: Harness, method: str, target: str, data: bytes, **headers: str) -> Response:
    """The answer to exactly these bytes; they are declared as JSON unless `content_type` says otherwise."""
    fields = {"content_type": "application/json", "content_length": str(len(data)), **headers}
    pairs = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return harness.app(Request(method, target, pairs, data))


def everybody(harness: Harness) -> list[dict[str, Any]]:
    """The users as the store has them."""
    return [user.public() for user in harness.app.users.page("", 100)[0]]


@contextmanager
def recorded_writes() -> Iterator[list[str]]:
    """The names of the maps' verbs that changed something while the block ran."""
    seen: list[str] = []

    def spy(verb: str) -> Callable[..., object]:
        original = getattr(map_class(), verb)

        def recorded(self: object, *arguments: object) -> object:
            seen.append(verb)
            return original(self, *arguments)

        return recorded

    with ExitStack() as stack:
        for verb in ("__setitem__", "setdefault", "pop", "replace", "drop_owned_by"):
            stack.enter_context(mock.patch.object(map_class(), verb, spy(verb)))
        yield seen


def broken_handler(*_: object) -> None:
    raise RuntimeError


class AppTest(unittest.TestCase):
    """A harness with one user, alice, and one admin, root."""

    def setUp(self) -> None:
        self.harness = Harness()
        self.alice = self.harness.sign_up()
        self.root = self.harness.sign_up("root@example.com", role="admin")
        self.as_alice = {"cookie": self.harness.cookie()}
        self.as_root = {"cookie": self.harness.cookie("root@example.com")}

    def assert_problem(self, response: Response, status: int, code: str) -> dict[str, Any]:
        """It is this problem, in the form of RFC 9457; gives its members."""
        self.assertEqual((response.status, body(response).get("code")), (status, code), response)
        self.assertEqual(response.header("content-type"), "application/problem+json")
        value = body(response)
        self.assertEqual(set(value) - {"errors"}, {"type", "title", "status", "detail", "code"})
        self.assertEqual(value["status"], status)
        self.assertRegex(value["detail"], SENTENCE)
        return value

    def assert_user(self, response: Response, status: int = 200) -> dict[str, Any]:
        """It holds one user and nothing else; gives the user."""
        self.assertEqual((response.status, set(body(response))), (status, {"user"}), response)
        self.assertEqual(response.header("content-type"), "application/json")
        user = body(response)["user"]
        self.assertEqual(set(user), USER_FIELDS)
        self.assertNotIn(b"$2b$", response.body)
        return dict(user)


class WhenAllIsWell(AppTest):
    def test_signup(self) -> None:
        """Signing up answers 201, the user without any hash, where the user is, and no cookie."""
        answer = self.harness.send("POST", "/signup", {"email": "Bob@Example.com", "password": PASSWORD})
        user = self.assert_user(answer, 201)
        self.assertEqual(
            user, {"id": user["id"], "email": "bob@example.com", "role": "user", "disabled": False,
                   "created_at": "2100-01-15T08:00:00Z"},
        )  # fmt: skip
        self.assertEqual(answer.header("location"), f"/users/{user['id']}")
        self.assertIsNone(answer.header("set-cookie"))
        as_bob = self.harness.cookie("bob@example.com")
        self.assertEqual(self.assert_user(self.harness.send("GET", f"/users/{user['id']}", cookie=as_bob)), user)

    def test_signup_of_a_taken_address(self) -> None:
        """A second account of one address, however it is spelt, answers 409 and leaves the first as it was."""
        for email in ("alice@example.com", "ALICE@Example.COM"):
            with self.subTest(email):
                answer = self.harness.send("POST", "/signup", {"email": email, "password": "another password"})
                self.assert_problem(answer, 409, "email_taken")
        self.assertEqual(self.harness.send("POST", "/login", ALICE).status, 200)

    def test_what_the_log_hears_of_a_signup(self) -> None:
        """A new account is noted with its id, one that is refused with the reason; both with the client's address."""
        answers = [
            self.harness.app(Request("POST", "/signup", JSON, json.dumps(fields).encode(), "192.0.2.7"))
            for fields in ({"email": "bob@example.com", "password": PASSWORD}, ALICE)
        ]
        created, refused = (without_time(line) for line in self.harness.events() if line["event"].startswith("user_"))
        user_id = body(answers[0])["user"]["id"]
        self.assertEqual(created, {"event": "user_created", "user": user_id, "peer": "192.0.2.7"})
        self.assertEqual(refused, {"event": "user_create_fail", "reason": "email_taken", "peer": "192.0.2.7"})

    def test_signup_with_fields_that_cannot_be(self) -> None:
        """What is wrong with an address or a password is told for each field."""
        for email, password, wrong in (
            ("no address", PASSWORD, {"email"}),
            ("carol@example.com ", PASSWORD, {"email"}),
            ("c\u0430rol@example.com", PASSWORD, {"email"}),
            ("carol@example.com\0", PASSWORD, {"email"}),
            ("carol@example.com", "short", {"password"}),
            ("carol@example.com", "x" * 1025, {"password"}),
            ("carol@example.com", "password1", {"password"}),
            ("carol@example.com", "Carol@example.com", {"password"}),
            ("", "", {"email", "password"}),
        ):
            with self.subTest(email=email, password=password):
                answer = self.harness.send("POST", "/signup", {"email": email, "password": password})
                self.assertEqual(set(self.assert_problem(answer, 400, "invalid_request")["errors"]), wrong)
        accepted = {"email": "carol@example.com", "password": "x" * 1024}
        self.assert_user(self.harness.send("POST", "/signup", accepted), 201)

    def test_login_by_session(self) -> None:
        """A login answers 200, the user, and the session's cookie with the flags that guard it."""
        answer = self.harness.send("POST", "/login", ALICE)
        self.assertEqual(self.assert_user(answer)["id"], self.alice)
        (cookie,) = [value for _, value in answer.headers if value.startswith("session=")]
        until = "Max-Age=86400; Expires=Sat, 16 Jan 2100 08:00:00 GMT"
        self.assertRegex(cookie, rf"\Asession=[\w-]{{43}}; Path=/; {until}; HttpOnly; SameSite=Lax\Z")

    def test_login_under_https(self) -> None:
        """Where browsers come by https, the cookie has the guarded name and never travels without TLS."""
        harness = Harness(public_url="https://auth.example")
        harness.sign_up()
        cookie = harness.send("POST", "/login", ALICE).header("set-cookie") or ""
        self.assertRegex(cookie, r"\A__Host-session=[\w-]{43}; .*; Secure\Z")
        pair = cookie.partition(";")[0]
        self.assertEqual(harness.send("GET", "/me", cookie=pair).status, 200)
        self.assertEqual(harness.send("GET", "/me", cookie=pair.removeprefix("__Host-")).status, 401)

    def test_login_by_token(self) -> None:
        """A token login answers both tokens, their type and the first one's lifetime, and sets no cookie."""
        answer = self.harness.send("POST", "/token/login", ALICE)
        self.assertEqual((answer.status, set(body(answer))), (200, TOKEN_FIELDS))
        self.assertEqual((body(answer)["token_type"], body(answer)["expires_in"]), ("Bearer", 900))
        self.assertIsNone(answer.header("set-cookie"))
        claims = verify(body(answer)["token"], KEYS, issuer="authref", audience="authref", now=START)
        self.assertEqual(claims["sub"], self.alice)
        self.assertNotIn("$2b$", json.dumps(claims))

    def test_me_by_either(self) -> None:
        """Both mechanisms give the same account of the same user."""
        by_session = self.assert_user(self.harness.send("GET", "/me", **self.as_alice))
        by_token = self.assert_user(self.harness.send("GET", "/token/me", authorization=self.harness.bearer()))
        self.assertEqual(by_session, by_token)
        self.assertEqual(by_session["email"], "alice@example.com")

    def test_me_after_a_change(self) -> None:
        """However often somebody has asked before, /me shows each change at once, and to nobody else."""
        for role in ("admin", "user", "admin"):
            self.harness.send("PATCH", f"/users/{self.alice}", {"role": role}, **self.as_root)
            for _ in range(2):
                me = self.assert_user(self.harness.send("GET", "/me", **self.as_alice))
                self.assertEqual((me["id"], me["role"]), (self.alice, role))
            root = self.assert_user(self.harness.send("GET", "/me", **self.as_root))
            self.assertEqual((root["id"], root["role"]), (self.root, "admin"))

    def test_refresh(self) -> None:
        """A refresh token is exchanged for both tokens anew, in the form of a login, and is then used up."""
        first = body(self.harness.send("POST", "/token/login", ALICE))
        answer = self.harness.send("POST", "/token/refresh", {"refresh_token": first["refresh_token"]})
        self.assertEqual((answer.status, set(body(answer))), (200, TOKEN_FIELDS))
        self.assertNotEqual(body(answer)["refresh_token"], first["refresh_token"])
        me = self.harness.send("GET", "/token/me", authorization=f"Bearer {body(answer)['token']}")
        self.assertEqual(self.assert_user(me)["id"], self.alice)
        self.harness.clock.advance(60)  # a lost answer is asked for again sooner than that
        again = self.harness.send("POST", "/token/refresh", {"refresh_token": first["refresh_token"]})
        self.assert_problem(again, 400, "invalid_grant")

    def test_refresh_tokens_that_are_none(self) -> None:
        """A text that is no refresh token of ours is 400 `invalid_grant`, whatever it looks like."""
        access = self.harness.bearer().removeprefix("Bearer ")
        for token in ("", "x", "A" * 22 + "." + "A" * 43, access, "\0", "\u0660" * 22 + "." + "A" * 43, "x" * 9000):
            with self.subTest(token[:20]):
                answer = self.harness.send("POST", "/token/refresh", {"refresh_token": token})
                self.assert_problem(answer, 400, "invalid_grant")

    def test_token_logout(self) -> None:
        """A logout by token answers 200, known token or not, and the known one cannot be refreshed any more."""
        token = body(self.harness.send("POST", "/token/login", ALICE))["refresh_token"]
        for text in (token, token, "unknown", ""):
            with self.subTest(text[:8]):
                answer = self.harness.send("POST", "/token/logout", {"refresh_token": text})
                self.assertEqual((answer.status, body(answer)), (200, {"message": "Logged out"}))
        refused = self.harness.send("POST", "/token/refresh", {"refresh_token": token})
        self.assert_problem(refused, 400, "invalid_grant")

    def test_own_logins(self) -> None:
        """A user sees their own logins of both kinds, which one is asking, and no id that opens anything."""
        self.harness.send("POST", "/token/login", ALICE, user_agent="phone")
        answer = self.harness.send("GET", "/me/sessions", **self.as_alice)
        logins = body(answer)["sessions"]
        self.assertEqual((answer.status, set(body(answer)), len(logins)), (200, {"sessions"}, 2))
        self.assertEqual([(login["kind"], login["current"]) for login in logins], [("session", True), ("token", False)])
        for login in logins:
            self.assertEqual(set(login), LOGIN_FIELDS)
            self.assertEqual(login["created_at"], "2100-01-15T08:00:00Z")
            for credentials in ({"cookie": f"session={login['id']}"}, {"authorization": f"Bearer {login['id']}"}):
                self.assertEqual(self.harness.send("GET", "/me/sessions", **credentials).status, 401)
        self.assertNotIn(self.as_alice["cookie"].removeprefix("session="), answer.body.decode())

    def test_ending_own_logins(self) -> None:
        """One login, or all of them, can be ended: 204, and they open nothing any more."""
        other = {"cookie": self.harness.cookie()}
        logins = body(self.harness.send("GET", "/me/sessions", **other))["sessions"]
        first = next(login["id"] for login in logins if not login["current"])
        self.assertEqual(self.harness.send("DELETE", f"/me/sessions/{first}", **other).status, 204)
        self.assertEqual(self.harness.send("GET", "/me", **self.as_alice).status, 401)
        self.assert_problem(self.harness.send("DELETE", f"/me/sessions/{first}", **other), 404, "not_found")
        self.assertEqual(self.harness.send("GET", "/me", **other).status, 200)
        self.assertEqual(self.harness.send("DELETE", "/me/sessions", **other).status, 204)
        self.assertEqual(self.harness.send("GET", "/me", **other).status, 401)
        self.assertEqual(self.harness.send("GET", "/me", **self.as_root).status, 200)

    def test_change_of_password(self) -> None:
        """A new password answers 204 and a new session id; the old id and the old password open nothing."""
        change = {"current_password": PASSWORD, "new_password": "another password"}
        answer = self.harness.send("POST", "/me/password", change, **self.as_alice)
        self.assertEqual((answer.status, answer.body), (204, b""))
        renewed = (answer.header("set-cookie") or "").partition(";")[0]
        self.assertNotEqual(renewed, self.as_alice["cookie"])
        self.assertEqual(self.assert_user(self.harness.send("GET", "/me", cookie=renewed))["id"], self.alice)
        self.assertEqual(self.harness.send("GET", "/me", **self.as_alice).status, 401)
        self.assert_problem(self.harness.send("POST", "/login", ALICE), 401, "invalid_credentials")
        self.assertEqual(self.harness.send("POST", "/login", {**ALICE, "password": "another password"}).status, 200)

    def test_change_of_password_refused(self) -> None:
        """Without the current password, or to one that nobody may choose, nothing changes."""
        for current, new, expected, code in (
            ("a wrong password", "another password", 401, "invalid_credentials"),
            ("", "another password", 400, "invalid_request"),
            (PASSWORD, "short", 400, "invalid_request"),
            (PASSWORD, "password1", 400, "invalid_request"),
            (PASSWORD, "ALICE@example.com", 400, "invalid_request"),
        ):
            with self.subTest(current=current, new=new):
                change = {"current_password": current, "new_password": new}
                answer = self.harness.send("POST", "/me/password", change, **self.as_alice)
                self.assert_problem(answer, expected, code)
                self.assertIsNone(answer.header("set-cookie"))
        self.assertEqual(self.harness.send("GET", "/me", **self.as_alice).status, 200)
        self.assertEqual(self.harness.send("POST", "/login", ALICE).status, 200)

    def test_logout(self) -> None:
        """A logout clears the cookie *and* ends the session: a copy of the cookie opens nothing any more."""
        answer = self.harness.send("POST", "/logout", **self.as_alice)
        self.assertEqual((answer.status, body(answer)), (200, {"message": "Logged out"}))
        self.assertEqual(answer.header("set-cookie"), CLEARED)
        self.assertEqual(answer.header("clear-site-data"), '"cache", "storage"')
        self.assert_problem(self.harness.send("GET", "/me", **self.as_alice), 401, "unauthorized")

    def test_logout_without_a_session(self) -> None:
        """Logging out needs no login; whoever has no cookie, a foreign one or an ended one gets the same 200."""
        expected = self.harness.send("POST", "/logout", cookie=self.harness.cookie())
        for cookie in ({}, {"cookie": "session=" + "A" * 43}, {"cookie": "session=x"}, {"cookie": ";;;="}):
            with self.subTest(cookie):
                self.assertEqual(self.harness.send("POST", "/logout", **cookie), expected)
        self.assertEqual(self.harness.send("GET", "/me", **self.as_alice).status, 200)

    def test_show_user(self) -> None:
        """A user sees their own account, an admin anybody's."""
        for caller in (self.as_alice, self.as_root):
            answer = self.harness.send("GET", f"/users/{self.alice}", **caller)
            self.assertEqual(self.assert_user(answer)["email"], "alice@example.com")

    def test_change_user(self) -> None:
        """Role and state can be changed alone or together, and nothing else changes with them."""
        before = self.assert_user(self.harness.send("GET", f"/users/{self.alice}", **self.as_root))
        for change in ({"role": "admin"}, {"disabled": True}, {"role": "user", "disabled": False}):
            with self.subTest(change):
                answer = self.harness.send("PATCH", f"/users/{self.alice}", change, **self.as_root)
                before |= change
                self.assertEqual(self.assert_user(answer), before)
        self.assertEqual(self.harness.send("POST", "/login", ALICE).status, 200)

    def test_delete_user(self) -> None:
        """A deletion answers 204 without a body; login and sessions end, and the address is free again."""
        answer = self.harness.send("DELETE", f"/users/{self.alice}", **self.as_alice)
        self.assertEqual((answer.status, answer.body, answer.header("content-type")), (204, b"", None))
        self.assertEqual(self.harness.send("GET", "/me", **self.as_alice).status, 401)
        self.assertEqual(self.harness.send("POST", "/login", ALICE).status, 401)
        self.assert_problem(self.harness.send("GET", f"/users/{self.alice}", **self.as_root), 404, "not_found")
        again = self.assert_user(self.harness.send("POST", "/signup", ALICE), 201)
        self.assertNotEqual(again["id"], self.alice)  # an old token or session of the first opens nothing here

    def test_what_is_here(self) -> None:
        """Health, the description for programs and the page for people need no login."""
        self.assertEqual(body(self.harness.send("GET", "/health"))["status"], "ok")
        for target, kind in (("/openapi.json", "application/json"), ("/", "text/html; charset=utf-8")):
            answer = self.harness.send("GET", target)
            self.assertEqual((answer.status, answer.header("content-type")), (200, kind))

    def test_no_content_type_twice(self) -> None:
        """No answer names its media type, its length or its status twice."""
        for answer in (self.harness.send("GET", "/me", **self.as_alice), self.harness.send("GET", "/me")):
            names = [name for name, _ in answer.headers]
            self.assertEqual(len(names), len(set(names)))


class AFailedLogin(AppTest):
    def test_who_does_not_exist(self) -> None:
        """Unknown, disabled, deleted or just mistaken: equal bytes and headers, or a login form tells who is here."""
        for name in ("disabled", "deleted"):
            self.harness.sign_up(f"{name}@example.com")
        users = {user["email"]: user["id"] for user in everybody(self.harness)}
        self.harness.app.admins.change(users["disabled@example.com"], disabled=True)
        self.harness.app.admins.delete(users["deleted@example.com"])
        for target in LOGINS:
            wrong = {"email": "alice@example.com", "password": "a wrong password"}
            expected = self.harness.send("POST", target, wrong)
            self.assert_problem(expected, 401, "invalid_credentials")
            for email, password in (
                ("nobody@example.com", PASSWORD),
                ("disabled@example.com", PASSWORD),
                ("disabled@example.com", "a wrong password"),
                ("deleted@example.com", PASSWORD),
                ("no address at all", PASSWORD),
                ("", "x"),
                ("\u212aelvin@example.com", PASSWORD),
                ("alice@example.com\0", PASSWORD),
                (" alice@example.com", PASSWORD),
                ("alice@example.com", PASSWORD.upper()),
                ("alice@example.com", PASSWORD + " "),
                ("alice@example.com", "x" * 1024),
            ):
                with self.subTest(target, email=email, password=password):
                    self.harness.clock.advance(61)  # else the tries of one address become too many
                    answer = self.harness.send("POST", target, {"email": email, "password": password})
                    self.assertEqual(answer, expected)
            self.assertEqual(self.harness.send("POST", target, ALICE).status, 200)

    def test_one_hash_whoever_it_is(self) -> None:
        """Each failure costs one hash comparison: a quick answer would tell that nobody has this address."""
        self.harness.app.admins.change(self.harness.sign_up("disabled@example.com"), disabled=True)
        for email in ("alice@example.com", "nobody@example.com", "disabled@example.com", "\u0430"):
            with self.subTest(email), mock.patch("bcrypt.checkpw", return_value=False) as compare:
                self.harness.send("POST", "/login", {"email": email, "password": "a wrong password"})
                self.assertEqual(compare.call_count, 1)

    def test_on_the_wire(self) -> None:
        """The bytes of the whole answer are equal too, but for the date."""

        def login(email: str) -> list[bytes]:
            data = json.dumps({"email": email, "password": "a wrong password"}).encode()
            head = f"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
            answer = exchange(server, head.encode() + b"\r\n\r\n" + data)
            return [line for line in answer.split(b"\r\n") if not line.startswith(b"date:")]

        with running(self.harness.app) as server:
            known, unknown = login("alice@example.com"), login("nobody@example.com")
        self.assertEqual(known[0], b"HTTP/1.1 401 Unauthorized")
        self.assertEqual(known, unknown)

    def test_passwords_of_no_length(self) -> None:
        """An empty password, or one longer than any that can be chosen, is refused before it costs a hash."""
        for target in LOGINS:
            for email in ("alice@example.com", "nobody@example.com"):
                for password in ("", "x" * 1025):
                    with self.subTest(target, email=email), mock.patch("bcrypt.checkpw") as compare:
                        answer = self.harness.send("POST", target, {"email": email, "password": password})
                        self.assert_problem(answer, 400, "invalid_request")
                        compare.assert_not_called()


class HostileBodies(AppTest):
    """The routes that read JSON, each with a body it accepts."""

    def setUp(self) -> None:
        super().setUp()
        self.json_routes: tuple[tuple[str, str, dict[str, object]], ...] = (
            ("POST", "/signup", {"email": "new@example.com", "password": PASSWORD}),
            ("POST", "/login", dict(ALICE)),
            ("POST", "/token/login", dict(ALICE)),
            ("POST", "/token/refresh", {"refresh_token": self.refresh_token()}),
            ("POST", "/token/logout", {"refresh_token": self.refresh_token()}),
            ("PATCH", f"/users/{self.alice}", {"role": "user", "disabled": False}),
            ("POST", "/me/password", {"current_password": PASSWORD, "new_password": "another password"}),
        )

    def refresh_token(self) -> str:
        """A refresh token of alice's."""
        return str(body(self.harness.send("POST", "/token/login", ALICE))["refresh_token"])

    def refuse(self, method: str, target: str, data: bytes, status: int, code: str, **headers: str) -> dict[str, Any]:
        """The route refuses these bytes, changes nothing and hands nothing out; gives the problem."""
        before = everybody(self.harness)
        answer = with_body(self.harness, method, target, data, **self.as_root, **headers)
        problem = self.assert_problem(answer, status, code)
        self.assertEqual(everybody(self.harness), before)
        self.assertIsNone(answer.header("set-cookie"))
        return problem

    def test_the_bodies_they_accept(self) -> None:
        """The twin of all the refusals in this class: each route takes its own body, whatever its blanks and order."""
        for method, target, value in self.json_routes:
            with self.subTest(target):
                data = json.dumps(dict(reversed(value.items())), indent=3).encode()
                caller = {} if target in LOGINS else self.as_root  # a login with a cookie ends that one's session
                self.assertIn(with_body(self.harness, method, target, data, **caller).status, (200, 201, 204))

    def test_no_json(self) -> None:
        """What is not one JSON value in UTF-8, or can be read in two ways, is 400 and never 500."""
        for method, target, value in self.json_routes:
            good = json.dumps(value).encode()
            first = next(iter(value))
            for data in (
                b"",
                b"{",
                good[:-1],
                good + good,
                good + b"x",
                good.replace(b'"', b"'"),
                b"\xef\xbb\xbf" + good,  # a byte order mark
                good.decode().encode("utf-16"),
                good[:-1] + b',"x":"\xff"}',
                good[:-1] + b',"x":"\\ud800"}',  # half of a surrogate pair
                good[:-1] + b',"x":NaN}',
                good[:-1] + b',"x":Infinity}',
                good[:-1] + b',"x":1e400}',
                good[:-1] + b',"' + first.encode() + b'":' + json.dumps(value[first]).encode() + b"}",
                good[:-1] + b',"\\u00' + f"{ord(first[0]):x}{first[1:]}".encode() + b'":"admin"}',  # twice, by escape
            ):
                with self.subTest(target, data=data):
                    self.refuse(method, target, data, 400, "invalid_json")

    def test_json_bombs(self) -> None:
        """Depth, width and long numbers, as much as a body can hold, are 400 and soon over."""
        size = 60_000
        bombs = (
            b"[" * size,
            b'{"a":' * (size // 5),
            b"[" * (size // 2) + b"]" * (size // 2),
            b'{"email":' + b"9" * size + b"}",
            b'{"email":1e' + b"9" * size + b"}",
            b'{"email":"' + b"\\u0041" * (size // 6) + b'","password":' + b"[" * 100,
            b'{"password":"' + b'\\"' * (size // 2),
            b"{" + b",".join(b'"%d":0' % number for number in range(size // 9)) + b"}",
            b"[" + b"0," * (size // 2) + b"0]",
        )
        started = time.perf_counter()
        for method, target, _ in self.json_routes:
            for data in bombs:
                with self.subTest(target, data=data[:20]):
                    answer = with_body(self.harness, method, target, data, **self.as_root)
                    self.assertEqual(answer.status, 400)
        self.assertLess((time.perf_counter() - started) / (len(self.json_routes) * len(bombs)), 0.1)

    def test_no_object(self) -> None:
        """A list, a text, a number, true or null is valid JSON, and no body of any route."""
        for method, target, value in self.json_routes:
            for other in ([], [value], "text", "", 0, 1.5, True, False, None):
                with self.subTest(target, value=other):
                    self.refuse(method, target, json.dumps(other).encode(), 400, "invalid_request")

    def test_wrong_types(self) -> None:
        """A value of another type than the field's is refused and its field named: nothing is converted."""
        for method, target, value in self.json_routes:
            for name, right in value.items():
                for wrong in (["a"], [], {"a": "b"}, {}, 0, 1, -1.5, None, "true" if right is False else True):
                    with self.subTest(target, field=name, value=wrong):
                        data = json.dumps({**value, name: wrong}).encode()
                        problem = self.refuse(method, target, data, 400, "invalid_request")
                        self.assertEqual(list(problem["errors"]), [name])

    def test_missing_fields(self) -> None:
        """Each required field is asked for; of a change, one field is enough and none is too little."""
        for method, target, value in self.json_routes:
            names = set(value) if method == "POST" else set()
            for name in names:
                with self.subTest(target, missing=name):
                    data = json.dumps({key: value[key] for key in value if key != name}).encode()
                    problem = self.refuse(method, target, data, 400, "invalid_request")
                    self.assertEqual(list(problem["errors"]), [name])
            with self.subTest(target, missing="all"):
                problem = self.refuse(method, target, b"{}", 400, "invalid_request")
                self.assertEqual(set(problem.get("errors", {})), names)

    def test_unknown_fields(self) -> None:
        """A field the route does not know is refused, not ignored: `"role": "admin"` at sign-up (mass assignment)."""
        unknown = (
            *("role", "id", "password_hash", "is_admin", "disabled", "created_at", "email", "password", "token"),
            *("Email", "Role", "password ", "", "\0", "__proto__", "__class__", "user", "grant_type", "x" * 5000),
        )
        for method, target, value in self.json_routes:
            for name in sorted(set(unknown) - set(value)):
                with self.subTest(target, field=name[:20]):
                    data = json.dumps({**value, name: "admin"}).encode()
                    problem = self.refuse(method, target, data, 400, "invalid_request")
                    self.assertEqual(len(problem["errors"]), 1)

    def test_roles_that_are_none(self) -> None:
        """Only the two roles can be given, in their one spelling."""
        for role in ("root", "ADMIN", "Admin", "admin ", "", "admin\0", "user,admin", "anyone"):
            with self.subTest(role):
                data = json.dumps({"role": role}).encode()
                self.refuse("PATCH", f"/users/{self.alice}", data, 400, "invalid_request")

    def test_media_types(self) -> None:
        """A body that is not declared as JSON is 415: foreign pages can post the other types without asking first."""
        for method, target, value in self.json_routes:
            good = json.dumps(value).encode()
            for kind in ("text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", "text/json",
                         "multipart/form-data; boundary=x", "multipart/form-data", "application/jsonp", "", "*/*",
                         "application/problem+json", "application/json, text/plain", "text/plain, application/json",
                         "application/json; charset=utf-16", "application/json; x=application/json"):  # fmt: skip
                with self.subTest(target, content_type=kind):
                    self.refuse(method, target, good, 415, "unsupported_media_type", content_type=kind)
            request = Request(method, target, (("cookie", self.as_root["cookie"]),), good)
            self.assert_problem(self.harness.app(request), 415, "unsupported_media_type")
        for kind in ("application/json", "Application/JSON;charset=UTF-8", "application/json ; charset=utf-8"):
            with self.subTest(content_type=kind):
                answer = with_body(self.harness, "POST", "/login", json.dumps(ALICE).encode(), content_type=kind)
                self.assertEqual(answer.status, 200)

    def test_real_forms(self) -> None:
        """What an HTML form can send, and a body compressed with gzip, logs nobody in."""
        for kind, data in (
            ("application/x-www-form-urlencoded", b"email=alice%40example.com&password=correct+horse+battery"),
            ("text/plain", b'{"email":"alice@example.com","password":"correct horse battery","x":"="}'),
            ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na\r\n'),
        ):
            for target in ("/signup", *LOGINS):
                with self.subTest(target, content_type=kind):
                    self.refuse("POST", target, data, 415, "unsupported_media_type", content_type=kind)
        for coding in ("gzip", "br", "identity", ""):
            data = json.dumps(ALICE).encode()
            with self.subTest(content_encoding=coding):
                self.refuse("POST", "/login", data, 415, "unsupported_media_type", content_encoding=coding)

    def test_no_body_at_all(self) -> None:
        """A request that announces no body is asked for one: 411."""
        for method, target, _ in self.json_routes:
            with self.subTest(target):
                answer = self.harness.send(method, target, **self.as_root)
                self.assert_problem(answer, 411, "length_required")


class Paths(AppTest):
    def test_unknown_paths(self) -> None:
        """What is not in the table is 404, for every method."""
        for target in ("/nothing", "/admin", "/.git/config", "/openapi.yaml", "/favicon.ico", "/users/a/b", "/token"):
            for method in METHODS:
                with self.subTest(target, method=method):
                    answer = self.harness.send(method, target, **self.as_root)
                    self.assert_problem(answer, 404, "not_found")

    def test_other_methods(self) -> None:
        """A method that a path does not take is 405, and Allow names those that it takes."""
        paths: dict[str, set[str]] = {}
        for route in self.harness.app.routes:
            paths.setdefault(route.path, set()).update({"GET", "HEAD"} if route.method == "GET" else {route.method})
        self.assertEqual(paths["/users/{id}"], {"GET", "HEAD", "PATCH", "DELETE"})  # the table is not empty
        for path, taken in paths.items():
            for method in {*METHODS, "TRACE", "FOO", "get"} - taken:
                with self.subTest(path, method=method):
                    answer = self.harness.send(method, path.replace("{id}", "x"), **self.as_root)
                    self.assert_problem(answer, 405, "method_not_allowed")
                    self.assertEqual(answer.header("allow"), ", ".join(sorted(taken)))

    def test_head(self) -> None:
        """HEAD answers what GET answers, header for header, and sends no body."""
        targets = [route.path.replace("{id}", self.root) for route in self.harness.app.routes if route.method == "GET"]
        for target in targets:
            for caller in ({}, self.as_root):
                with self.subTest(target, caller=caller):
                    get = self.harness.send("GET", target, **caller)
                    self.assertEqual(self.harness.send("HEAD", target, **caller), get)
        with running(self.harness.app) as server:
            for target in ("/health", "/me", "/nothing"):
                with self.subTest(target, over="a socket"):
                    tail = f" {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                    get, _, _ = exchange(server, b"GET" + tail).partition(b"\r\n\r\n")
                    head, _, rest = exchange(server, b"HEAD" + tail).partition(b"\r\n\r\n")
                    self.assertEqual((head.splitlines()[2:], rest), (get.splitlines()[2:], b""))  # [1] is the date

    def test_odd_paths(self) -> None:
        """Another spelling of a path is another path: never a 500, and never somebody's data."""
        alice, root = self.alice, self.root
        odd = (
            *("/users/", "/Users", "/USERS", "/users;x", "/users;x=y/", "/users%2f", "/users%2F", "/%75sers"),
            *("/users.json", "//users", "/users//", "//", "///", "//evil", "//evil/users", "/%2e%2e/", "/../users"),
            *("/./users", "/users/../users", "/users\\", "/users%00", "/users%", "/me/", "/me%20", "/me/../users"),
            *(f"//users/{alice}", f"/users/{alice}/", f"/users/{alice};x", f"/users/{alice}%00", f"/users/{alice}%2f"),
            *(f"/users//{alice}", f"/users/{alice}/me", f"/users/{alice}.json", f"/users/{alice}%20"),
            *(f"/users/{root}/", f"/users/{root},{alice}", f"/users/{root}\0", f"/users%2f{root}", f"/Users/{root}"),
            *("/users/{id}", "/users/{id}/", "/{id}", "/users/*", "/users/%", "/users/..", "/users/.", "/users/me"),
            *("/users/0", "/users/null", "/users/" + "x" * 5000, "/users/alice@example.com", "/users/'%20or%201=1--"),
            *("", "*", "users", "?", "/users#x", "/users/%c0%ae", "\u00e9", "/\u212a", "/users/\u0660", "/token/me/"),
        )
        for who, caller in (("nobody", {}), ("alice", self.as_alice), ("root", self.as_root)):
            for target in odd:
                for method in ("GET", "HEAD"):
                    with self.subTest(target, method=method, caller=who):
                        answer = self.harness.send(method, target, **caller)
                        self.assertIn(answer.status, (401, 403, 404))
                        self.assertNotIn(b"@example.com", answer.body)
                        if who == "root":  # who may see everybody: what is not there is not there
                            self.assertEqual(answer.status, 404)
        self.assertEqual(self.harness.send("GET", "/users", **self.as_root).status, 200)

    def test_odd_paths_that_would_change_something(self) -> None:
        """Nor does another spelling delete or change anybody."""
        before = everybody(self.harness)
        for target in (f"/users/{self.alice}/", f"/users/{self.alice}%00", f"//users/{self.alice}", "/users/{id}",
                       f"/users/{self.alice};x", f"/Users/{self.alice}", "/users/..", "/users/"):  # fmt: skip
            for method, value in (("DELETE", None), ("PATCH", {"disabled": True})):
                with self.subTest(target, method=method):
                    answer = self.harness.send(method, target, value, **self.as_root)
                    self.assert_problem(answer, 404, "not_found")
        self.assertEqual(everybody(self.harness), before)
        self.assertEqual(self.harness.send("DELETE", f"/users/{self.alice}", **self.as_root).status, 204)

    def test_odd_paths_on_the_wire(self) -> None:
        """Over a socket too: 400 for what is no path, 404 for what is none of ours."""
        with running(self.harness.app) as server:
            for target, expected in (
                (b"/users/", 404), (b"//evil", 404), (b"/%2e%2e/", 404), (b"/users%2f", 404), (b"/users;x", 404),
                (b"/a%00b", 404), (b"/%c0%ae%c0%ae/", 404), (b"/%", 400), (b"/%zz", 400), (b"/\xc0\xae", 400),
                (b"/a\\b", 400), (b"/a#b", 400), (b"*", 400), (b"http://evil/users", 400), (b"/health", 200),
            ):  # fmt: skip
                with self.subTest(target):
                    answer = exchange(server, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertEqual(status(answer), expected)

    def test_any_path_can_be_weighed(self) -> None:
        """Whether a request is slow is asked before anything else, so no path or method may upset the question."""
        app = Harness(Store).app
        for target in ("", "/", "//", "/{id}", "/users/{id}", "?", "*", "\0", "/" * 9000):
            for method in ("GET", "", "FOO"):
                self.assertFalse(app.is_slow(Request(method, target)))
        self.assertTrue(app.is_slow(Request("POST", "/login?x=y")))

    def test_what_hashes_is_slow(self) -> None:
        """A route that costs a hash says so, or one login would hold up everybody else's requests."""
        for route in self.harness.app.routes:
            with self.subTest(route.path, method=route.method), ExitStack() as stack:
                hashes = [stack.enter_context(mock.patch(f"bcrypt.{name}", side_effect=RuntimeError))
                          for name in ("hashpw", "checkpw")]  # fmt: skip
                account = {"email": "new@example.com", "password": PASSWORD}
                value = {"role": "user"} if route.method == "PATCH" else account
                self.harness.send(route.method, route.path.replace("{id}", self.alice), value, **self.as_root)
                if any(hash_.called for hash_ in hashes):
                    self.assertEqual(route.work, "hashes")
        self.assertFalse(self.harness.app.is_slow(Request("GET", "/token/me")))

    def test_repeated_and_malformed_queries(self) -> None:
        """A parameter that comes twice, or cannot be decoded, is 400: two readers would choose differently."""
        for query in ("limit=1&limit=100", "limit=1&limit=1", "after=a&after=b", "limit=1&lim%69t=2", "after=%ff",
                      "after=%ed%a0%80", "limit", "&", "limit=1&", "=1&=1"):  # fmt: skip
            with self.subTest(query):
                answer = self.harness.send("GET", f"/users?{query}", **self.as_root)
                self.assert_problem(answer, 400, "invalid_request")
        for query in ("", "limit=1", "limit=1&after=", "after=%7e&lim%69t=2", "after=a%26limit=1"):
            with self.subTest(query):
                self.assertEqual(self.harness.send("GET", f"/users?{query}", **self.as_root).status, 200)

    def test_limits_that_are_none(self) -> None:
        """A limit is a number from 1 to 100 in ASCII digits."""
        for limit in ("0", "101", "-1", "+5", "1.0", "1e1", "0x5", "5_0", "%D9%A3", "", "%205", "null", "9" * 5000):
            with self.subTest(limit):
                answer = self.harness.send("GET", f"/users?limit={limit}", **self.as_root)
                self.assert_problem(answer, 400, "invalid_request")
        for limit in ("1", "01", "100"):
            self.assertEqual(self.harness.send("GET", f"/users?limit={limit}", **self.as_root).status, 200)

    def test_credentials_in_the_query(self) -> None:
        """A token or a session id in the query is refused: queries end up in logs and histories."""
        token = self.harness.bearer().removeprefix("Bearer ")
        session = self.as_root["cookie"].removeprefix("session=")
        for target in ("/me", "/token/me", "/users", f"/users/{self.alice}"):
            for query in (f"access_token={token}", f"token={token}", f"session={session}"):
                with self.subTest(target, query=query[:12]):
                    self.assert_problem(self.harness.send("GET", f"{target}?{query}"), 400, "invalid_request")
                    self.assertNotIn(query.partition("=")[2], "".join(self.harness.log))

    def test_unknown_parameters(self) -> None:
        """A query parameter that the route does not take is refused, never ignored."""
        for route in self.harness.app.routes:
            target = route.path.replace("{id}", self.alice)
            for query in ("x=1", "Limit=1", "role=admin", "limit[]=1", "id=1", "_method=DELETE"):
                with self.subTest(target, method=route.method, query=query):
                    answer = self.harness.send(route.method, f"{target}?{query}", **self.as_root)
                    self.assert_problem(answer, 400, "invalid_request")
        self.assertEqual(self.harness.send("GET", "/me?", **self.as_root).status, 200)


class WhatMayBeChosen(unittest.TestCase):
    def test_settings_that_nobody_should_run(self) -> None:
        """Each is refused in a sentence that says what to write; its neighbour is taken."""
        for chosen, said in (
            ({"bcrypt_cost": 3}, "from 4 to 14"), ({"bcrypt_cost": 4}, ""),
            ({"bcrypt_cost": 14}, ""), ({"bcrypt_cost": 15}, "from 4 to 14"),
            ({"revocation": "deny"}, "one of none, denylist, allowlist"), ({"revocation": "denylist"}, ""),
            ({"admin_email": "root", "admin_password": "short"}, "first admin .* e-mail address.* characters"),
            ({"admin_email": "root@example.com"}, "first admin .* characters"),
            ({"admin_email": "root@example.com", "admin_password": PASSWORD}, ""),
            ({"public_url": "capacitor://localhost"}, "is one of browsers"), ({"public_url": "http://a.example"}, ""),
        ):  # fmt: skip
            with self.subTest(chosen):
                settings = Settings(keys=KEYS, **chosen)
                if said:
                    self.assertRaisesRegex(ValueError, rf"^The [^\n]*{said}[^\n]*\.$", settings.check)
                else:
                    settings.check()


class TheFirstAdmin(unittest.TestCase):
    SETTINGS = {"admin_email": "root@example.com", "admin_password": PASSWORD}

    def setUp(self) -> None:
        self.store = SameMaps(Clock())
        self.closed = self.enterContext(mock.patch.object(self.store, "close"))

    def built(self, **settings: str) -> Harness:
        return Harness(lambda now: self.store, **settings)

    def test_one_that_the_store_has_already(self) -> None:
        """The account is made once; later starts find it, with the password that it has by then."""
        first = self.built(**self.SETTINGS)
        again = self.built(admin_email="ROOT@example.com", admin_password="another battery staple")
        self.assertEqual((first.app.made_admin, again.app.made_admin), (True, False))
        self.assertFalse(self.built().app.made_admin)
        self.assertEqual(again.send("GET", "/users", cookie=again.cookie("root@example.com")).status, 200)

    def test_the_only_one(self) -> None:
        """The first admin counts as one: another one may be demoted, they themselves not while there is no other."""
        harness = self.built(**self.SETTINGS)
        other = harness.sign_up("other@example.com", role="admin")
        admin = harness.app.users.by_email("root@example.com")
        assert admin is not None
        as_admin = {"cookie": harness.cookie("root@example.com")}
        for user_id, expected in ((other, 200), (admin.id, 409)):
            self.assertEqual(harness.send("PATCH", f"/users/{user_id}", {"role": "user"}, **as_admin).status, expected)

    def test_a_stranger_who_was_faster(self) -> None:
        """Whoever signed up with the address before is made no admin: the start ends, in a sentence."""
        before = self.built()
        stranger = before.sign_up("root@example.com")
        with self.assertRaisesRegex(ValueError, r"^root@example\.com has an account, and it is no admin; [^\n]+\.$"):
            self.built(**self.SETTINGS)
        self.closed.assert_called_once()
        user = before.app.users.get(stranger)
        self.assertEqual(user and user.role, "user")


class WhatIsKept(unittest.TestCase):
    def test_the_names_of_the_maps(self) -> None:
        """They stay from version to version: under another name all accounts would be gone after an upgrade."""
        seen: dict[str, str] = {}

        class Watching(Store):
            def map(self, name: str, kind: type[Any]) -> Any:
                seen[name] = kind.__name__
                return super().map(name, kind)

        Harness(Watching)
        self.assertEqual(seen, {
            "users": "User", "addresses": "Pointer", "costs": "Cost", "roster": "Roster", "admins": "Pointer",
            "sessions": "Session", "families": "Family", "denials": "Denial", "counters": "Counter",
            "devices": "DeviceKey",
        })  # fmt: skip


class WhatNobodyGuesses(unittest.TestCase):
    def values(self, seed: int) -> dict[str, str]:
        """All that a server makes up for a new user's two logins, when the system's generator gives what follows."""
        harness = Harness()
        with chance(seed):
            user_id = harness.sign_up()
            answer = harness.send("POST", "/login", {"email": "alice@example.com", "password": PASSWORD})
            session, device = (value.partition(";")[0] for name, value in answer.headers if name == "set-cookie")
            tokens = body(harness.send("POST", "/token/login", {"email": "alice@example.com", "password": PASSWORD}))
            used = body(harness.send("POST", "/token/refresh", {"refresh_token": tokens["refresh_token"]}))
            (key,) = fresh_keys().values()
        handle, _, secret = tokens["refresh_token"].partition(".")
        jti = str(verify(tokens["token"], KEYS, now=START)["jti"])
        return {"user id": user_id, "session": session, "device": device, "handle": handle, "refresh": secret,
                "successor": used["refresh_token"].partition(".")[2], "jti": jti, "key": key.hex()}  # fmt: skip

    def test_where_it_comes_from(self) -> None:
        """Ids, tokens and keys come from the system's generator alone: what a clock or counter gives is worked out."""
        one, same, other = self.values(1), self.values(1), self.values(2)
        self.assertEqual(one, same)
        for name in one:
            with self.subTest(name):
                self.assertNotEqual(one[name], other[name])


class WhoDidIt(unittest.TestCase):
    def test_the_line_of_each_change(self) -> None:
        """Whoever looks into a theft finds who ended, changed or deleted what, and was refused: a line for each."""
        harness = Harness()
        alice, root = harness.sign_up(), harness.sign_up("root@example.com", role="admin")
        as_alice, as_root = ({"cookie": harness.cookie(email)} for email in (ALICE["email"], "root@example.com"))
        of_alice = body(harness.send("GET", "/me/sessions", **as_alice))["sessions"][0]["id"]
        new = {"current_password": PASSWORD, "new_password": "a new battery staple"}
        token_of_alice = {"authorization": harness.bearer()}
        state = {"role": "admin", "disabled": False}
        for caller, method, path, value, expected in (
            ({}, "POST", "/login", {**ALICE, "password": "a wrong password"},
             {"event": "authn_login_fail", "reason": "wrong_password", "user": alice, "peer": "127.0.0.1"}),
            ({}, "POST", "/login", ALICE, {"event": "authn_login_success", "user": alice, "peer": "127.0.0.1"}),
            (as_alice, "GET", "/users", None,
             {"event": "authz_fail", "rule": "admin", "method": "GET", "user": alice, "peer": "127.0.0.1"}),
            (as_alice, "DELETE", f"/me/sessions/{of_alice}", None,
             {"event": "session_expired", "reason": "ended by its user", "user": alice, "peer": "127.0.0.1"}),
            ("again", "DELETE", "/me/sessions", None,
             {"event": "session_expired", "reason": "all ended by their user", "user": alice, "peer": "127.0.0.1"}),
            ("again", "POST", "/me/password", new,
             {"event": "authn_password_change", "user": alice, "peer": "127.0.0.1"}),
            (as_root, "PATCH", f"/users/{root}", {"disabled": True},
             {"event": "authz_fail", "reason": "last admin", "user": root, "by": root}),
            (as_root, "DELETE", f"/users/{root}", None,
             {"event": "authz_fail", "reason": "last admin", "user": root, "by": root}),
            (as_root, "PATCH", f"/users/{alice}", {"role": "admin"},
             {"event": "privilege_permissions_changed", "user": alice, "by": root, **state}),
            (as_root, "PATCH", f"/users/{alice}", {"disabled": True},
             {"event": "user_updated", "user": alice, "by": root, **state, "disabled": True}),
            (token_of_alice, "GET", "/me/sessions", None,
             {"event": "authz_fail", "reason": "disabled or deleted", "user": alice, "peer": "127.0.0.1"}),
            (as_root, "DELETE", f"/users/{alice}", None, {"event": "user_deleted", "user": alice, "by": root}),
        ):  # fmt: skip
            with self.subTest(method, path=path):
                headers = {"cookie": harness.cookie()} if isinstance(caller, str) else caller
                before = len(harness.events())
                harness.send(method, path, value, **headers)
                lines = harness.events()[before:]
                for line in lines:
                    del line["datetime"], line["level"]
                self.assertIn(expected, lines)


class WrongFields(AppTest):
    def test_what_is_said_of_each(self) -> None:
        """Each wrong field is named with what is wrong with it: a client heals all of them at once."""
        text, missing, unknown = "This field is text.", "This field is missing.", "This route knows no such field."
        for method, path, value, expected in (
            ("POST", "/login", {"email": 5, "role": "admin"}, {"email": text, "password": missing, "role": unknown}),
            ("PATCH", f"/users/{self.alice}", {"role": True, "disabled": "yes"},
             {"role": text, "disabled": "This field is true or false."}),
            ("POST", "/login", {**ALICE, **{f"f{number}": 1 for number in range(12)}},
             {f"f{number}": unknown for number in range(10)}),
            ("POST", "/login", {**ALICE, "x" * 101: 1}, {"x" * 100: unknown}),
        ):  # fmt: skip
            with self.subTest(value=value):
                answer = self.harness.send(method, path, value, **self.as_root)
                self.assertEqual(self.assert_problem(answer, 400, "invalid_request")["errors"], expected)


class Deleting(AppTest):
    def test_what_the_browser_is_told(self) -> None:
        """Whoever deletes their own account need not keep a cookie; an admin who deletes somebody keeps theirs."""
        bob = self.harness.sign_up("bob@example.com")
        for user_id, caller, told in ((bob, self.as_root, None), (self.alice, self.as_alice, CLEARED)):
            answer = self.harness.send("DELETE", f"/users/{user_id}", **caller)
            self.assertEqual((answer.status, answer.header("set-cookie")), (204, told))

    def test_the_last_admin(self) -> None:
        """Neither goes nor loses the right, and is told what to do first."""
        path = f"/users/{self.root}"
        for method, value in (("DELETE", None), ("PATCH", {"role": "user"}), ("PATCH", {"disabled": True})):
            answer = self.harness.send(method, path, value, **self.as_root)
            self.assertRegex(self.assert_problem(answer, 409, "last_admin")["detail"], "^This is the last active admin")
        self.assertEqual(self.harness.send("GET", path, **self.as_root).status, 200)

    def test_two_admins_at_once(self) -> None:
        """Who came second begins again, with the same account: it is gone, or it was said why not."""
        delete, once = self.harness.app.admins.delete, iter([Outdated()])

        def late(*arguments: Any) -> bool:
            for outdated in once:
                raise outdated
            return bool(delete(*arguments))

        with mock.patch.object(self.harness.app.admins, "delete", late):
            self.assertEqual(self.harness.send("DELETE", f"/users/{self.alice}", **self.as_root).status, 204)
        self.assertNotIn(self.alice, [user["id"] for user in everybody(self.harness)])


class Paging(AppTest):
    def walk(self, limit: int) -> list[list[str]]:
        """The ids on each page, from the first to the last."""
        pages: list[list[str]] = []
        after: str | None = ""
        while after is not None:
            answer = self.harness.send("GET", f"/users?limit={limit}&after={after}", **self.as_root)
            self.assertEqual((answer.status, set(body(answer))), (200, {"users", "next"}))
            for user in body(answer)["users"]:
                self.assertEqual(set(user), USER_FIELDS)
            pages.append([user["id"] for user in body(answer)["users"]])
            after = body(answer)["next"]
            self.assertLess(len(pages), 30, "it never ends")
        return pages

    def test_walking_all_pages(self) -> None:
        """Following `next` shows every user once, in the order of their ids, whatever the size of the pages."""
        others = [self.harness.sign_up(f"u{number}@example.com") for number in range(7)]
        expected = sorted([self.alice, self.root, *others])
        for limit in (1, 2, 3, 4, 9, 10, 100):
            with self.subTest(limit):
                pages = self.walk(limit)
                self.assertEqual([user_id for page in pages for user_id in page], expected)
                self.assertLessEqual(max(map(len, pages)), limit)

    def test_changes_while_walking(self) -> None:
        """Users who come and go in between cost the others neither a place nor a second one."""
        ids = sorted(self.harness.sign_up(f"u{number}@example.com") for number in range(6))
        first = body(self.harness.send("GET", "/users?limit=3", **self.as_root))
        gone = next(user_id for user_id in ids if user_id > first["next"] and user_id != self.root)
        self.harness.app.admins.delete(gone)
        rest = body(self.harness.send("GET", f"/users?after={first['next']}", **self.as_root))
        seen = [user["id"] for user in first["users"] + rest["users"]]
        self.assertEqual(seen, sorted({*ids, self.alice, self.root} - {gone}))

    def test_starting_points_that_are_no_id(self) -> None:
        """`after` is only a place in the order: any text is one, and none reveals or breaks anything."""
        for after in ("~", "%00", "x" * 3000, "%F0%9F%98%80", "..%2f", "'%20or%20''='"):
            with self.subTest(after[:20]):
                self.assertEqual(self.harness.send("GET", f"/users?after={after}", **self.as_root).status, 200)
        last = self.harness.send("GET", "/users?after=~", **self.as_root)
        self.assertEqual(body(last), {"users": [], "next": None})


class ReadingChangesNothing(AppTest):
    def test_get_and_head_on_every_route(self) -> None:
        """No GET or HEAD writes to a map or logs a change, or a link on a foreign page could press buttons."""
        targets = [route.path.replace("{id}", self.root) for route in self.harness.app.routes if route.method == "GET"]
        self.assertGreaterEqual(len(targets), 7)
        token = self.harness.bearer("root@example.com")
        lines = len(self.harness.log)
        for target in targets:
            for method in ("GET", "HEAD"):
                for caller in (self.as_root, {"authorization": token}):
                    with self.subTest(target, method=method), recorded_writes() as writes:
                        self.assertIn(self.harness.send(method, target, **caller).status, (200, 401))
                        self.assertEqual(writes, [])
        logged = {event["event"] for event in self.harness.events()[lines:]}
        self.assertLessEqual(logged, {"authn_token_refused"})

    def test_get_on_the_other_routes(self) -> None:
        """What POST, PATCH and DELETE do, GET does not: the path takes no GET, or GET only shows."""
        with recorded_writes() as writes:
            for route in self.harness.app.routes:
                if route.method != "GET":
                    target = route.path.replace("{id}", self.alice)
                    answer = self.harness.send("GET", target, ALICE, **self.as_root)
                    self.assertIn(answer.status, (200, 405))
        self.assertEqual(writes, [])

    def test_the_recorder_sees_writes(self) -> None:
        """The twin: the same recorder sees what a login, a change and a deletion write."""
        target = f"/users/{self.alice}"
        for method, path, value in (
            ("POST", "/login", ALICE),
            ("PATCH", target, {"disabled": True}),
            ("DELETE", target, None),
        ):
            with self.subTest(path, method=method), recorded_writes() as writes:
                self.harness.send(method, path, value, **({} if path == "/login" else self.as_root))
                self.assertNotEqual(writes, [])


class WhenPartsBreak(AppTest):
    """Every dependency is made to raise, under every request; nothing but a plain 500 may come of it."""

    PARTS = (
        *(
            f"{map_class().__module__}.{map_class().__name__}.{verb}"
            for verb in ("get", "__setitem__", "setdefault", "pop", "replace", "page", "owned_by", "drop_owned_by")
        ),
        "authref.users.Users.sign_up",
        "authref.users.Users.check_credentials",
        "authref.users.Users.get",
        "authref.users.Users.page",
        "authref.admins.Admins.change",
        "authref.admins.Admins.delete",
        "authref.users.Users.set_password",
        "authref.sessions.Sessions.log_in",
        "authref.sessions.Sessions.authenticate",
        "authref.sessions.Sessions.log_out",
        "authref.sessions.Sessions.logins",
        "authref.sessions.Sessions.end_all",
        "authref.tokens.Tokens.log_in",
        "authref.tokens.Tokens.authenticate",
        "authref.tokens.Tokens.refresh",
        "authref.tokens.new_family",
        "authref.tokens.use",
        "authref.revocation.Revocation.is_revoked",
        "authref.revocation.Revocation.end",
        "authref.throttle.Throttle.guess",
        "authref.throttle.Throttle.sign_up",
        "authref.throttle.Throttle.turn",
        "authref.throttle.Throttle.admit",
        "authref.throttle.Turns.take",
        "authref.devices.Devices.recognise",
        "authref.devices.Devices.remember",
        "authref.devices.Devices.forget",
        "authref.jwt.create",
        "authref.jwt.verify",
        "authref.roles.permits",
        "authref.cookies.values",
        "authref.cookies.set_cookie",
        "authref.guards.is_cross_site",
        "bcrypt.hashpw",
        "bcrypt.checkpw",
        "secrets.token_urlsafe",
        "hashlib.sha256",
    )
    SECRET = "a detail such as /etc/authref and hunter2"

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(quick_hashes())

    def requests(self, harness: Harness) -> list[tuple[str, str, object, dict[str, str]]]:
        """One request for each route, each with all it needs to succeed."""
        alice, carol = harness.sign_up(), harness.sign_up("carol@example.com")
        harness.sign_up("root@example.com", role="admin")
        as_root = {"cookie": harness.cookie("root@example.com")}
        with_token = {"authorization": harness.bearer("root@example.com")}
        as_carol = {"authorization": harness.bearer("carol@example.com")}
        refresh, end = (
            {"refresh_token": body(harness.send("POST", "/token/login", ALICE))["refresh_token"]} for _ in range(2)
        )
        harness.cookie("carol@example.com")
        login = next(iter(harness.app.sessions.logins(carol)))
        change = {"current_password": PASSWORD, "new_password": "another password"}
        return [
            ("POST", "/signup", {"email": "new@example.com", "password": PASSWORD}, {}),
            ("POST", "/login", ALICE, {}),
            ("GET", "/me", None, as_root),
            ("POST", "/token/login", ALICE, {}),
            ("POST", "/token/refresh", refresh, {}),
            ("POST", "/token/logout", end, {}),
            ("GET", "/token/me", None, with_token),
            ("GET", "/me/sessions", None, as_root),
            ("DELETE", f"/me/sessions/{login}", None, as_carol),
            ("POST", "/me/password", change, as_carol),
            ("DELETE", "/me/sessions", None, as_carol),
            ("GET", "/users", None, as_root),
            ("GET", f"/users/{alice}", None, with_token),
            ("PATCH", f"/users/{alice}", {"role": "user"}, as_root),
            ("DELETE", f"/users/{alice}", None, as_root),
            ("POST", "/logout", None, {"cookie": harness.cookie()}),
            ("GET", "/health", None, {}),
            ("GET", "/openapi.json", None, {}),
            ("GET", "/", None, {}),
        ]

    def test_the_requests_when_nothing_is_broken(self) -> None:
        """The twin: one request for each row of the table, and all succeed."""
        harness = Harness()
        requests = self.requests(harness)
        self.assertEqual(len(requests), len(harness.app.routes))
        for method, target, value, headers in requests:
            with self.subTest(target, method=method):
                self.assertIn(harness.send(method, target, value, **headers).status, (200, 201, 204))

    def test_each_part_raising(self) -> None:
        """A broken part ends as the one 500 that tells nothing and lets nobody in; what needs it not still works."""
        for part in self.PARTS:
            harness = Harness()
            answers = []
            requests = self.requests(harness)
            with mock.patch(part, side_effect=RuntimeError(self.SECRET)):
                for method, target, value, headers in requests:
                    with self.subTest(part, method=method, target=target):
                        answer = harness.send(method, target, value, **headers)
                        answers.append(answer.status)
                        if answer.status == 500:
                            self.assert_problem(answer, 500, "internal_error")
                            self.assertIsNone(answer.header("set-cookie"))
                        else:
                            self.assertIn(answer.status, (200, 201, 204))
                        for text in (answer.body.decode(), str(answer.headers), "".join(harness.log)):
                            self.assertNotIn(self.SECRET, text)
                            self.assertNotIn("Traceback", text)
            with self.subTest(part, then="the next requests are fine"):
                self.assertIn(500, answers, "no request reached this part: is it still called by this name?")
                self.assertEqual(len(harness.events("sys_crash")), answers.count(500))
                harness.sign_up("later@example.com")
                cookie = harness.cookie("later@example.com")
                self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)

    def test_a_broken_part_lets_nobody_in(self) -> None:
        """Where the part that should say no raises instead, the answer is not yes."""
        wrong = {"email": "alice@example.com", "password": "a wrong password"}
        for part in self.PARTS:
            self.setUp()  # a fresh harness, on which nobody has failed to log in
            with mock.patch(part, side_effect=RuntimeError(self.SECRET)):
                for method, target, value, headers in (
                    ("POST", "/login", wrong, {}),
                    ("POST", "/token/login", wrong, {}),
                    ("GET", "/me", None, {"cookie": "session=" + "A" * 43}),
                    ("GET", "/token/me", None, {"authorization": "Bearer a.b.c"}),
                    ("POST", "/token/refresh", {"refresh_token": "A" * 22 + "." + "A" * 43}, {}),
                    ("POST", "/me/password", {"current_password": "wrong", "new_password": PASSWORD}, self.as_alice),
                    ("GET", "/users", None, self.as_alice),
                    ("DELETE", f"/users/{self.root}", None, self.as_alice),
                ):
                    with self.subTest(part, target=target):
                        answer = self.harness.send(method, target, value, **headers)
                        self.assertIn(answer.status, (400, 401, 403, 500))
                        self.assertIsNone(answer.header("set-cookie"))
                        self.assertNotIn(b'"token"', answer.body)

    def test_errors_of_every_kind(self) -> None:
        """No kind of exception finds its way past the last resort."""
        for error in (RuntimeError, KeyError, ValueError, OSError, MemoryError, RecursionError, AssertionError,
                      TimeoutError, StopIteration, UnicodeError, LookupError):  # fmt: skip
            with self.subTest(error.__name__), mock.patch("authref.users.Users.get", side_effect=error(self.SECRET)):
                answer = self.harness.send("GET", "/me", **self.as_alice)
                self.assert_problem(answer, 500, "internal_error")
                self.assertNotIn("hunter2", answer.body.decode())
                self.assertEqual(self.harness.events("sys_crash")[-1]["error"], error.__name__)

    def test_where_it_broke(self) -> None:
        """The log names the file and the line that failed, so that somebody can look; the client hears neither."""
        lines, start = inspect.getsourcelines(broken_handler)
        with mock.patch.object(self.harness.app.users, "get", side_effect=broken_handler):
            answer = self.harness.send("GET", "/me", **self.as_alice)
        place = f"test_app.py:{start + len(lines) - 1}"
        self.assertEqual(self.harness.events("sys_crash")[-1]["at"], place)
        self.assertNotIn(place.encode(), answer.body)

    def test_who_broke_a_rule(self) -> None:
        """The log says what was wrong with a request, and from where it came; a mistyped path is daily business."""
        for target, value, headers, event in (
            ("/signup", {}, {}, {"event": "input_validation_fail", "reason": "invalid_request"}),
            ("/logout", None, {"origin": "https://evil.example"}, {"event": "malicious_cors", "method": "POST"}),
            ("/nowhere", None, {}, None), ("/health", None, {}, None),
        ):  # fmt: skip
            with self.subTest(target):
                self.harness.log.clear()
                self.harness.send("POST", target, value, **headers)
                said = [without_time(each) for each in self.harness.events()]
                self.assertEqual(said, [{**event, "peer": "127.0.0.1"}] if event else [])

    def test_a_sign_up_that_breaks_half_way(self) -> None:
        """Whatever write of a sign-up is the last one, the address can sign up again afterwards."""
        for number, verb in enumerate(("__setitem__", "setdefault", "pop")):
            account = {"email": f"half{number}@example.com", "password": PASSWORD}
            with self.subTest(verb):
                with mock.patch.object(map_class(), verb, side_effect=RuntimeError):
                    self.harness.send("POST", "/signup", account)
                self.assertIn(self.harness.send("POST", "/signup", account).status, (201, 409))
                self.assertEqual(self.harness.send("POST", "/login", account).status, 200)
        emails = [user["email"] for user in body(self.harness.send("GET", "/users", **self.as_root))["users"]]
        self.assertEqual(len(emails), len(set(emails)))

    def test_a_clock_that_fails(self) -> None:
        """Without a clock nobody can tell what has ended, so nobody is let in."""
        clock = mock.Mock(return_value=START)

        lines: list[str] = []
        harness = Harness(now=clock, events=Events(lines.append, "json", Clock()))
        harness.sign_up()
        cookie, token = harness.cookie(), harness.bearer()
        for error, expected in ((OSError(self.SECRET), 500), (None, 200)):
            clock.side_effect = error
            self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, expected)
            self.assertEqual(harness.send("GET", "/token/me", authorization=token).status, expected)

    def test_a_log_that_cannot_be_written(self) -> None:
        """A full disk under the log costs no request."""

        def full(line: str) -> None:
            raise OSError("No space left on device")

        harness = Harness(events=Events(full))
        harness.sign_up()
        self.assertEqual(harness.send("POST", "/login", ALICE).status, 200)
        self.assertEqual(harness.send("POST", "/login", {**ALICE, "password": "wrong"}).status, 401)

    def test_a_500_on_the_wire(self) -> None:
        """A crash costs its own request: the same connection, and everybody else, is served on."""
        login = json.dumps(ALICE).encode()
        request = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        with running(self.harness.app) as server, mock.patch("bcrypt.checkpw", side_effect=MemoryError):
            answers = exchange(server, request % len(login) + login + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(status(answers), 500)
        self.assertIn(b'{"status":"ok"', answers)


class Unwell(AppTest):
    def test_a_server_that_cannot_do_its_part(self) -> None:
        """/health says so, and when to ask again, so that whoever balances the load sends nobody; then all is well."""
        self.harness.app.unwell = "The server has no thread left."
        answer = self.harness.send("GET", "/health")
        self.assertEqual(self.assert_problem(answer, 503, "unwell")["detail"], "The server has no thread left.")
        self.assertEqual(answer.header("retry-after"), "1")
        self.harness.app.unwell = ""
        self.assertEqual(self.harness.send("GET", "/health").status, 200)

    def test_a_store_that_is_odd(self) -> None:
        """/health stays 200, and says what is odd; when nothing is, there is no such member."""
        for warnings, said in ((["Its disk is nearly full."], {"warnings": ["Its disk is nearly full."]}), ([], {})):
            with self.subTest(warnings), mock.patch.object(self.harness.app.store, "check", return_value=warnings):
                answer = self.harness.send("GET", "/health")
                self.assertEqual((answer.status, body(answer)), (200, {"status": "ok", **said}))


class TooManyLogins(AppTest):
    def test_no_place_left(self) -> None:
        """When more hashes wait than anybody should wait for, 503 says when to come back; the rest goes on."""
        new = {"email": "new@example.com", "password": PASSWORD}
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            for target, value in (("/signup", new), ("/login", ALICE), ("/token/login", ALICE)):
                with self.subTest(target):
                    answer = self.harness.send("POST", target, value)
                    self.assert_problem(answer, 503, "too_busy")
                    self.assertRegex(answer.header("retry-after") or "", r"\A[1-9][0-9]*\Z")
            self.assertEqual(self.harness.send("GET", "/me", **self.as_alice).status, 200)
            self.assertEqual(self.harness.send("GET", "/health").status, 200)
        for target, value in (("/signup", new), ("/login", ALICE), ("/token/login", ALICE)):
            self.assertIn(self.harness.send("POST", target, value).status, (200, 201))


class TheServerItself(AppTest):
    def test_its_methods(self) -> None:
        """OPTIONS * names every method that some path takes, HEAD too; of one path it names none (405)."""
        answer = self.harness.send("OPTIONS", "*")
        self.assertEqual((answer.status, answer.header("allow")), (204, "DELETE, GET, HEAD, PATCH, POST"))
        self.assertEqual(self.harness.send("OPTIONS", "/me").status, 405)


class Headers(AppTest):
    def answers(self, harness: Harness) -> dict[int, Response]:
        """One answer of each status that the app gives, of those with one status the one whose route is called last."""
        harness.sign_up()
        root = harness.sign_up("root@example.com", role="admin")
        cookie, as_root = harness.cookie(), {"cookie": harness.cookie("root@example.com")}
        new = {"email": "new@example.com", "password": PASSWORD}
        answers = [
            harness.send("GET", "/"),
            harness.send("GET", "/me", cookie=cookie),
            harness.send("POST", "/signup", new),
            harness.send("POST", "/signup", new),
            harness.send("POST", "/signup", {}),
            harness.send("POST", "/login"),
            harness.send("GET", "/me"),
            harness.send("GET", "/users", cookie=cookie),
            harness.send("POST", "/login", ALICE, origin="https://evil.example"),
            harness.send("GET", "/nothing"),
            harness.send("PUT", "/me"),
            with_body(harness, "POST", "/login", b"{}", content_type="text/plain"),
            harness.send("PATCH", f"/users/{root}", {"role": "user"}, **as_root),
        ]
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            answers.append(harness.send("POST", "/login", ALICE))
        with mock.patch("authref.sessions.Sessions.authenticate", side_effect=RuntimeError):
            answers.append(harness.send("GET", "/me"))
        alice = body(harness.send("GET", "/me", cookie=cookie))["user"]["id"]
        answers.append(harness.send("DELETE", f"/users/{alice}", cookie=cookie))
        for _ in range(6):
            answers.append(harness.send("POST", "/login", {"email": "nobody@example.com", "password": "x"}))
        return {answer.status: answer for answer in answers}

    def test_on_every_status(self) -> None:
        """Errors carry the headers that guard an answer in a browser just as successes do, each once."""
        answers = self.answers(Harness())
        self.assertEqual(set(answers), {200, 201, 204, 400, 401, 403, 404, 405, 409, 411, 415, 429, 500, 503})
        for number, answer in answers.items():
            for name, value in SECURITY_HEADERS.items():
                with self.subTest(number, header=name):
                    self.assertEqual([text for field, text in answer.headers if field == name], [value])
            self.assertIsNone(answer.header("strict-transport-security"))  # it means nothing without TLS
            self.assertIsNone(answer.header("access-control-allow-origin"))
            self.assertNotRegex(answer.header("server") or "", "[0-9]|Python")

    def test_under_https(self) -> None:
        """Under https every status tells the browser to come back by TLS only, for a year at least."""
        for number, answer in self.answers(Harness(public_url="https://auth.example")).items():
            with self.subTest(number):
                transport = answer.header("strict-transport-security") or ""
                self.assertRegex(transport, r"\Amax-age=[0-9]{8,}; includeSubDomains\Z")

    def test_on_what_cannot_be_read(self) -> None:
        """What the reader refuses, before any route is asked, carries them too."""
        with running(self.harness.app) as server:
            for data, expected in (
                (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 200),
                (b"GET /health HTTP/1.1\r\n\r\n", 400),
                (b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n", 413),
                (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
                (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 17000 + b"\r\n\r\n", 431),
                (b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
                (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ):
                with self.subTest(expected):
                    answer = exchange(server, data).decode()
                    self.assertEqual(status(answer.encode()), expected)
                    for name, value in SECURITY_HEADERS.items():
                        self.assertIn(f"\r\n{name}: {value}\r\n", answer)

    def test_a_401_says_how(self) -> None:
        """Every 401 has a challenge (RFC 9110 §11.6.1)."""
        wrong = {**ALICE, "password": "a wrong password"}
        for method, target, value in (("POST", "/login", wrong), ("POST", "/token/login", wrong), ("GET", "/me", None),
                                      ("GET", "/token/me", None), ("GET", "/users", None)):  # fmt: skip
            with self.subTest(target):
                answer = self.harness.send(method, target, value)
                self.assertEqual(answer.status, 401)
                scheme = "Bearer" if "token" in target else "Cookie"
                self.assertRegex(answer.header("www-authenticate") or "", rf'\A{scheme} realm="authref"\Z')

    def test_cross_site_requests(self) -> None:
        """A page of another site cannot make a browser sign up, log in, log out or delete anything here."""
        target = f"/users/{self.alice}"
        for method, path, value in (
            ("POST", "/signup", {"email": "new@example.com", "password": PASSWORD}),
            ("POST", "/login", ALICE),
            ("POST", "/token/login", ALICE),
            ("POST", "/logout", None),
            ("PATCH", target, {"disabled": True}),
            ("DELETE", target, None),
            ("POST", "/nothing", None),
        ):
            for foreign in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
                with self.subTest(path, **foreign):
                    answer = self.harness.send(method, path, value, host="a.example", **foreign, **self.as_root)
                    self.assert_problem(answer, 403, "cross_site")
        self.assertEqual(self.harness.send("GET", "/me", **self.as_root).status, 200)  # nobody was logged out
        own = {"host": "a.example", "origin": "http://a.example"}
        self.assertEqual(self.harness.send("DELETE", target, **own, **self.as_root).status, 204)


class AtOnce(AppTest):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)  # threads take turns as often as they can, so that a race has its chance

    def test_a_hundred_sign_ups_of_one_address(self) -> None:
        """However many sign up one address at once: one 201, 99 times 409, and one account."""
        statuses: list[int] = []
        start = threading.Barrier(100)
        account = {"email": "new@example.com", "password": PASSWORD}

        def sign_up() -> None:
            start.wait()
            statuses.append(self.harness.send("POST", "/signup", account).status)

        threads = [threading.Thread(target=sign_up) for _ in range(100)]
        with mock.patch("authref.throttle.turns", Turns(running=4, waiting=100)):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(sorted(statuses), [201] + [409] * 99)
        self.assertEqual([user["email"] for user in everybody(self.harness)].count("new@example.com"), 1)
        self.assertEqual(self.harness.send("POST", "/login", account).status, 200)

    def test_a_session_logged_out_while_it_is_used(self) -> None:
        """A request that had begun before the logout does not bring the session back by noting that it was used."""
        self.harness.clock.advance(200)  # long enough for the next use to move the session's idle end
        find = self.harness.app.users.get

        def log_out_meanwhile(user_id: str) -> object:
            with mock.patch.object(self.harness.app.users, "get", find):
                self.assertEqual(self.harness.send("POST", "/logout", **self.as_alice).status, 200)
            return find(user_id)

        with mock.patch.object(self.harness.app.users, "get", log_out_meanwhile):  # asked between finding and noting
            self.harness.send("GET", "/me", **self.as_alice)
        self.assertEqual(self.harness.send("GET", "/me", **self.as_alice).status, 401)


if __name__ == "__main__":
    unittest.main()
