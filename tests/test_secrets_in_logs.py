"""A whole life with the app, and then its log is searched for every secret that went in or out.

The same life is lived twice: by calling the app, and over a real socket. The second half of this file asks the
opposite question: does every kind of happening leave its line?
"""

from __future__ import annotations

import hashlib
import json
import re
import unittest
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from authref.events import Events
from authref.serving.server import Server
from authref.throttle import Turns
from authref.wire import Request, Response
from tests.basics import KEYS, PASSWORD
from tests.support import Harness, body, exchange, quick_hashes, running

WRONG = "a wrong password, mistyped"
NEW_PASSWORD = "a new password altogether"
HOSTILE = ("\r\nFORGED", "\n", "\x1b[31m", "\0", "\u2028", "\u202e", "\x85", '"}\n{"event":"forged"}', "x" * 5000)
SHORTEST = 6  # characters: what is shorter could stand anywhere by chance

Send = Callable[..., Response]


def over(server: Server) -> Send:
    """A `send` like the harness's that goes through a socket."""

    def send(method: str, target: str, value: object = None, **headers: str) -> Response:
        data = b"" if value is None else json.dumps(value).encode()
        fields = {"host": "127.0.0.1", **({"content-type": "application/json"} if data else {}), **headers}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
        lines = [line.replace("_", "-") if line.startswith("user_agent") else line for line in lines]
        head = "\r\n".join([*lines, f"content-length: {len(data)}", "", ""])
        answer, _, rest = exchange(server, head.encode("latin-1") + data).partition(b"\r\n\r\n")
        first, *fields_back = answer.decode("latin-1").split("\r\n")
        pairs = tuple((name, text) for name, _, text in (line.partition(": ") for line in fields_back))
        return Response(int(first.split(" ")[1]), rest, pairs)

    return send


class Life:
    """Requests of every kind; what must stay secret is collected from what is sent and what comes back."""

    def __init__(self, harness: Harness, send: Send) -> None:
        self.harness, self._send = harness, send
        self.secrets: set[str] = set()
        self.answers: list[Response] = []
        for key in KEYS.values():
            self.secrets |= {key.hex(), b64encode(key).decode(), urlsafe_b64encode(key).decode().rstrip("="), repr(key)}

    def send(self, method: str, target: str, value: object = None, **headers: str) -> Response:
        """The answer; every text in the body sent, every credential and every part of one, is noted as a secret."""
        self.note(value)
        cookie, authorization = headers.get("cookie", ""), headers.get("authorization", "")
        for credential in (cookie.partition("=")[2], authorization.partition(" ")[2]):
            self.secrets |= {credential, *credential.split(".")}
        _, _, query = target.partition("?")
        self.secrets.add(query)
        answer = self._send(method, target, value, **headers)
        self.answers.append(answer)
        self.note_answer(answer)
        return answer

    def note(self, value: object) -> None:
        """Note each text in the value, but for the names of roles."""
        if isinstance(value, dict):
            for item in value.values():
                self.note(item)
        elif isinstance(value, str):
            self.secrets |= {value, value.lower(), json.dumps(value)[1:-1], b64encode(value.encode()).decode()}

    def note_answer(self, answer: Response) -> None:
        """Note the cookie, the tokens and their parts, and what the store keeps in their place."""
        session = (answer.header("set-cookie") or "").partition(";")[0].partition("=")[2]
        found = [session]
        if b'"token":' in answer.body:
            for token in (body(answer)["token"], body(answer)["refresh_token"]):
                found += [token, *token.split(".")]
        for text in found:
            digest = hashlib.sha256(text.encode()).digest()
            self.secrets |= {text, digest.hex(), b64encode(digest).decode()} if text else set()

    def note_hashes(self) -> None:
        """Note the password hashes that the store holds by now, whole and without their first part."""
        for user in self.harness.app.users.page("", 100)[0]:
            self.secrets |= {user.password_hash, user.password_hash[7:], user.email}

    def live(self) -> None:
        """All of it, from sign-up to deletion, with mistakes and attacks in between."""
        alice = {"email": "Alice@example.com", "password": PASSWORD}
        for email, password in (("Alice@example.com", PASSWORD), ("short@example.com", "tiny-pw"), (WRONG, WRONG)):
            for _ in range(2):
                self.send("POST", "/signup", {"email": email, "password": password})
        self.harness.sign_up("root@example.com", role="admin")
        self.note_hashes()
        root = {"email": "root@example.com", "password": PASSWORD}
        as_root = {"cookie": self.cookie(root)}
        self.log_in_and_out(alice)
        self.show_what_is_not_good(alice)
        self.change_and_end(alice, as_root)
        self.be_hostile()
        self.crash(alice)
        self.note_hashes()

    def cookie(self, account: dict[str, str]) -> str:
        """The Cookie header of a new session."""
        return (self.send("POST", "/login", account).header("set-cookie") or "").partition(";")[0]

    def log_in_and_out(self, alice: dict[str, str]) -> None:
        for path in ("/login", "/token/login"):
            for email in (alice["email"], "nobody@example.com", PASSWORD, ""):
                self.send("POST", path, {"email": email, "password": WRONG})
            self.harness.clock.advance(61)
        cookie = self.cookie(alice)
        tokens = body(self.send("POST", "/token/login", alice))
        self.send("GET", "/me", cookie=cookie)
        self.send("GET", "/token/me", authorization=f"Bearer {tokens['token']}")
        self.send("GET", "/me/sessions", cookie=cookie)
        self.send("POST", "/logout", cookie=cookie)
        self.send("GET", "/me", cookie=cookie)
        self.send("POST", "/token/refresh", {"refresh_token": tokens["refresh_token"]})
        self.harness.clock.advance(60)
        self.send("POST", "/token/refresh", {"refresh_token": tokens["refresh_token"]})  # theft
        end = body(self.send("POST", "/token/login", alice))["refresh_token"]
        for _ in range(2):
            self.send("POST", "/token/logout", {"refresh_token": end})
        self.send("POST", "/token/refresh", {"refresh_token": end})

    def show_what_is_not_good(self, alice: dict[str, str]) -> None:
        token = body(self.send("POST", "/token/login", alice))["token"]
        header, payload, signature = token.split(".")
        forged = urlsafe_b64encode(WRONG.encode()).decode()
        for text in (
            *(token + "A", token + "=", f"{payload}.{header}.{signature}", WRONG.replace(" ", "-"), "x.y.z"),
            *(f"{header}.{payload}.{signature[::-1]}", f"{header}.{payload}.", f"{header}.{forged}.{signature}"),
        ):
            self.send("GET", "/token/me", authorization=f"Bearer {text}")
        basic = b64encode(PASSWORD.encode()).decode()
        for text in (f"Bearer {token} {token}", f"Bearer {WRONG}", f"Basic {basic}", token):
            self.send("GET", "/users", authorization=text)
        for cookie in ("session=" + "A" * 43, "session=" + "B" * 42, f"session={token}", f"session={WRONG}"):
            self.send("GET", "/me", cookie=cookie)
        for query in (f"access_token={token}", "password=correct+horse", "email=alice%40example.com"):
            self.send("GET", f"/token/me?{query}")
            self.send("GET", f"/users?{query}")
        self.harness.clock.advance(16 * 60)
        self.send("GET", "/token/me", authorization=f"Bearer {token}")

    def change_and_end(self, alice: dict[str, str], as_root: dict[str, str]) -> None:
        as_alice = {"cookie": self.cookie(alice)}
        user_id = body(self.send("GET", "/me", **as_alice))["user"]["id"]
        self.send("GET", "/users", **as_alice)
        self.send("DELETE", "/me/sessions/" + "0" * 64, **as_alice)
        for current, new in ((WRONG, NEW_PASSWORD), (PASSWORD, "tiny-pw"), (PASSWORD, NEW_PASSWORD)):
            answer = self.send("POST", "/me/password", {"current_password": current, "new_password": new}, **as_alice)
        as_alice = {"cookie": (answer.header("set-cookie") or "").partition(";")[0]}
        bearer = "Bearer " + body(self.send("POST", "/token/login", {**alice, "password": NEW_PASSWORD}))["token"]
        self.note_hashes()
        for change in ({"role": "admin"}, {"role": "user"}, {"disabled": True}):
            self.send("PATCH", f"/users/{user_id}", change, **as_root)
        self.send("GET", "/me", **as_alice)
        self.send("GET", "/users", authorization=bearer)
        self.send("POST", "/login", {**alice, "password": NEW_PASSWORD})
        self.send("DELETE", f"/users/{user_id}", **as_root)
        self.send("GET", f"/users/{user_id}", authorization=bearer)

    def be_hostile(self) -> None:
        for number, text in enumerate(HOSTILE):
            self.harness.clock.advance(61)
            self.send("POST", "/login", {"email": f"{number}{text}@example.com", "password": WRONG + text})
            self.send("POST", "/signup", {"email": text, "password": WRONG + text, f"role-{WRONG}": WRONG})
            self.send("POST", "/token/refresh", {"refresh_token": text + WRONG})
            self.send("PATCH", f"/users/{WRONG.replace(' ', '-')}", {"role": text + WRONG})
        self.send("POST", "/login", {"email": "a@example.com", "password": WRONG}, origin="https://" + "evil" * 9)
        self.send("GET", "/" + WRONG.replace(" ", "-"))
        self.harness.clock.advance(61)
        for number in range(22):
            self.send("POST", "/login", {"email": f"guess{number}@example.com", "password": f"guess number {number}"})
        self.harness.clock.advance(61)
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            self.send("POST", "/login", {"email": "a@example.com", "password": WRONG})

    def crash(self, alice: dict[str, str]) -> None:
        for part in ("bcrypt.checkpw", "authref.users.Users.check_credentials", "authref.sessions.Sessions.log_in"):
            with mock.patch(part, side_effect=ValueError(f"{alice} {WRONG} {self.secrets}")):
                self.send("POST", "/login", alice)


def leaks(secrets: set[str], text: str) -> list[str]:
    """The secrets that stand in the text, as they are or escaped for JSON."""
    return sorted(secret for secret in secrets if len(secret) >= SHORTEST and secret in text)


class NoSecretInTheLog(unittest.TestCase):
    """One life for each form of the log, and one over a socket."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.lives: dict[str, Life] = {}
        cls.lines: dict[str, list[str]] = {}
        for form in ("json", "text"):
            cls.lines[form] = []
            harness = Harness(events=Events(cls.lines[form].append, form))
            cls.lives[form] = Life(harness, harness.send)
            with quick_hashes():
                cls.lives[form].live()

    def assert_clean(self, life: Life, log: str) -> None:
        """The log has no secret of this life, and this life was one."""
        self.assertGreater(len(life.secrets), 150)
        self.assertGreater(len(log.splitlines()), 60)
        self.assertEqual({answer.status for answer in life.answers} & {200, 400, 401, 403, 404, 429, 500, 503},
                         {200, 400, 401, 403, 404, 429, 500, 503})  # fmt: skip
        for secret in leaks(life.secrets, log):
            with self.subTest(secret[:60]):
                self.fail("\n".join(line for line in log.splitlines() if secret in line))

    def test_calling_the_app(self) -> None:
        """No password, session id, token, key, hash or typed e-mail address is in the log, in either of its forms."""
        for form, life in self.lives.items():
            with self.subTest(form):
                self.assert_clean(life, "".join(self.lines[form]))

    def test_over_a_socket(self) -> None:
        """Nor when bytes that are no request at all come between."""
        harness = Harness()
        with running(harness.app) as server:
            life = Life(harness, over(server))
            life.live()
            for data in (
                f"POST /login HTTP/1.1\r\nHost: {WRONG}\r\n\r\n",
                f"GET /{WRONG} HTTP/1.1\r\nHost: a\r\n\r\n",
                f"{PASSWORD}\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: a\r\nCookie: session={WRONG}\nX: y\r\n\r\n",
                f"GET /?token={PASSWORD} HTTP/3.0\r\nHost: a\r\n\r\n",
                f"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: {WRONG}\r\n\r\n{PASSWORD}",
                f"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{PASSWORD}\r\n",
            ):
                before = len(harness.log)
                with self.subTest(data):
                    self.assertRegex(exchange(server, data.encode()), rb"\AHTTP/1\.1 (400|505) ")
                    self.assertEqual(len(harness.log), before + 1)
            life.secrets |= {WRONG, PASSWORD}
        self.assert_clean(life, "".join(harness.log))

    def test_what_is_searched_for(self) -> None:
        """The twin: the search finds what is there, so that an empty result means something."""
        life = self.lives["json"]
        for secret in (PASSWORD, WRONG, NEW_PASSWORD, "alice@example.com", KEYS["k1"].hex(), "guess number 7"):
            with self.subTest(secret):
                self.assertIn(secret, life.secrets)
                self.assertEqual(leaks({secret}, f"2026 INFO user={secret}"), [secret])
        kinds = {"session id": r"[\w-]{43}", "token": r"eyJ[\w.-]{200,}", "refresh token": r"[\w-]{22}\.[\w-]{43}",
                 "hash": r"\$2b\$04\$.{53}", "key of the store": r"[0-9a-f]{64}"}  # fmt: skip
        for kind, pattern in kinds.items():
            with self.subTest(kind):
                self.assertTrue(any(re.fullmatch(pattern, secret) for secret in life.secrets))

    def test_answers(self) -> None:
        """No answer shows a password, a hash, a key or a trace of what went wrong inside."""
        life = self.lives["json"]
        never = {PASSWORD, NEW_PASSWORD, "guess number 7", "Traceback", "authref/", "$2b$04$"}
        never |= {urlsafe_b64encode(key).decode().rstrip("=") for key in KEYS.values()}
        self.assertGreater(len(life.answers), 100)
        for answer in life.answers:
            self.assertEqual(leaks(never, answer.body.decode() + str(answer.headers)), [], answer)

    def test_one_line_each(self) -> None:
        """Whatever a client sends, an event is one line of printable ASCII, not longer than a screen or two."""
        for form, life in self.lives.items():
            lines, harness = self.lines[form], life.harness
            for text in HOSTILE:
                harness.app(Request("GET", "/me", (("cookie", "session=" + "A" * 43), ("user-agent", text)), b"", text))
                harness.app(Request("POST" + text, "/me" + text, (("origin", text),), b"", text))
                harness.app(Request("GET", "/me", (("authorization", "Bearer " + text),), b"", text))
                harness.app(Request("POST", "/logout", (("origin", text),), b"", text))
            for line in lines:
                self.assertRegex(line, r"\A[ -~]{1,1000}\n\Z")
            self.assertGreater(len(lines), 80)

    def test_what_the_log_does_say(self) -> None:
        """Who it was stands there by id: without that, the log would be clean and useless."""
        harness = Harness()
        user_id = harness.sign_up()
        harness.cookie()
        self.assertEqual(harness.events("authn_login_success")[0]["user"], user_id)
        harness.send("POST", "/login", {"email": "alice@example.com", "password": WRONG})
        failure = harness.events("authn_login_fail")[0]
        self.assertEqual((failure["user"], failure["reason"]), (user_id, "wrong_password"))
        self.assertEqual((failure["peer"], failure["level"]), ("127.0.0.1", "WARN"))


class EachHappeningLeavesALine(unittest.TestCase):
    def setUp(self) -> None:
        self.harness = Harness()
        self.alice = self.harness.sign_up()
        self.root = self.harness.sign_up("root@example.com", role="admin")
        self.account = {"email": "alice@example.com", "password": PASSWORD}
        self.cookie, self.bearer = self.harness.cookie(), self.harness.bearer()
        self.as_root = {"cookie": self.harness.cookie("root@example.com")}

    def refresh_token(self) -> str:
        return str(body(self.harness.send("POST", "/token/login", self.account))["refresh_token"])

    def names_after(self, *request: Any, **headers: str) -> tuple[int, list[str]]:
        """The answer's status, and the names of the events that this one request left."""
        before = len(self.harness.log)
        answer = self.harness.send(*request, **headers)
        return answer.status, [event["event"] for event in self.harness.events()[before:]]

    def happenings(self) -> Iterator[tuple[tuple[Any, ...], dict[str, str], int, list[str]]]:
        """One after the other: a request, its headers, the status and the events that it must leave."""
        alice, wrong = self.account, {**self.account, "password": WRONG}
        new = {"email": "new@example.com", "password": PASSWORD}
        yield ("POST", "/signup", new), {}, 201, ["user_created"]
        yield ("POST", "/signup", new), {}, 409, ["user_create_fail"]
        yield ("POST", "/signup", {**new, "role": "admin"}), {}, 400, ["input_validation_fail"]
        yield ("POST", "/login", alice), {}, 200, ["authn_login_success", "session_created"]
        yield ("POST", "/token/login", alice), {}, 200, ["authn_login_success", "authn_token_created"]
        yield ("POST", "/login", wrong), {}, 401, ["authn_login_fail"]
        yield ("POST", "/token/login", {**wrong, "email": "nobody@example.com"}), {}, 401, ["authn_login_fail"]
        yield ("POST", "/logout", None), {"cookie": self.cookie}, 200, ["session_expired"]
        yield ("GET", "/me", None), {"cookie": self.cookie}, 401, ["session_use_after_expire"]
        yield ("GET", "/token/me", None), {"authorization": "Bearer a.b.c"}, 401, ["authn_token_refused"]
        yield ("GET", "/token/me", None), {"authorization": "Bearer a b"}, 400, ["authn_token_refused"]
        token, gone = self.refresh_token(), self.refresh_token()
        yield ("POST", "/token/refresh", {"refresh_token": token}), {}, 200, ["authn_token_created"]
        self.harness.clock.advance(61)
        yield ("POST", "/token/refresh", {"refresh_token": token}), {}, 400, ["authn_token_reuse"]
        yield ("POST", "/token/refresh", {"refresh_token": token}), {}, 400, ["authn_token_refused"]
        yield ("POST", "/token/logout", {"refresh_token": gone}), {}, 200, ["authn_token_revoked"]
        yield ("GET", "/users", None), {"authorization": self.bearer}, 403, ["authz_fail"]
        yield ("GET", f"/users/{self.root}", None), {"authorization": self.bearer}, 403, ["authz_fail"]
        yield ("POST", "/login", alice), {"origin": "https://evil.example"}, 403, ["malicious_cors"]
        yield ("GET", "/me?token=x", None), {}, 400, ["input_validation_fail"]
        change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        session = {"cookie": self.harness.cookie()}
        yield ("POST", "/me/password", {**change, "current_password": WRONG}), session, 401, ["authn_login_fail"]
        yield ("POST", "/me/password", change), session, 204, ["authn_password_change", "session_created"]
        alice = {**alice, "password": NEW_PASSWORD}
        bearer = {"authorization": self.harness.bearer(password=NEW_PASSWORD)}
        yield ("DELETE", "/me/sessions", None), bearer, 204, ["session_expired"]
        path = f"/users/{self.alice}"
        yield ("PATCH", path, {"role": "admin"}), self.as_root, 200, ["privilege_permissions_changed"]
        yield ("PATCH", path, {"disabled": True}), self.as_root, 200, ["user_updated"]
        yield ("POST", "/login", alice), {}, 401, ["authn_login_fail"]
        yield ("DELETE", path, None), self.as_root, 204, ["user_deleted"]

    def test_each_kind(self) -> None:
        """Each login, refusal and change leaves exactly its events, by their names of the OWASP vocabulary."""
        for request, headers, status, names in self.happenings():
            with self.subTest(request[:2], names=names):
                self.assertEqual(self.names_after(*request, **headers), (status, names))

    def test_daily_business(self) -> None:
        """The twin: an ordinary successful request leaves no line, and neither does a mistyped path."""
        for request, headers in (
            (("GET", "/me"), {"cookie": self.cookie}),
            (("GET", "/token/me"), {"authorization": self.bearer}),
            (("GET", "/me/sessions"), {"cookie": self.cookie}),
            (("GET", "/users"), self.as_root),
            (("GET", f"/users/{self.alice}"), self.as_root),
            (("GET", "/health"), {}),
            (("GET", "/"), {}),
            (("POST", "/logout"), {}),
            (("GET", "/nothing"), {}),
            (("PUT", "/me"), {}),
        ):
            with self.subTest(request):
                self.assertEqual(self.names_after(*request, **headers)[1], [])

    def test_overload_and_crash(self) -> None:
        """Too many tries, too many hashes at once, and a crash are noted, each with its kind."""
        wrong = {"email": "nobody@example.com", "password": WRONG}
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            self.assertEqual(self.names_after("POST", "/login", wrong), (503, ["excess_rate_limit_exceeded"]))
        with mock.patch("authref.users.Users.get", side_effect=RuntimeError(PASSWORD)):
            self.assertEqual(self.names_after("GET", "/me", None, cookie=self.cookie), (500, ["sys_crash"]))
        crash = self.harness.events("sys_crash")[0]
        self.assertEqual((crash["level"], crash["error"]), ("CRITICAL", "RuntimeError"))
        self.assertRegex(crash["at"], r"\A\w+\.py:\d+\Z")
        for _ in range(6):
            last = self.names_after("POST", "/login", wrong)
        self.assertEqual(last, (429, ["excess_rate_limit_exceeded"]))

    def test_a_token_of_an_account_that_was_disabled(self) -> None:
        """A good token of a disabled or deleted account is refused where the store is asked, and leaves a line."""
        for method, value in (("PATCH", {"disabled": True}), ("DELETE", None)):
            with self.subTest(method):
                self.harness.send(method, f"/users/{self.alice}", value, **self.as_root)
                status, names = self.names_after("GET", f"/users/{self.alice}", None, authorization=self.bearer)
                self.assertEqual((status, len(names)), (401, 1))

    def test_the_last_admin(self) -> None:
        """An attempt to take the last admin's rights is refused, and that leaves a line."""
        for method, value in (("PATCH", {"role": "user"}), ("DELETE", None)):
            with self.subTest(method):
                status, names = self.names_after(method, f"/users/{self.root}", value, **self.as_root)
                self.assertEqual((status, len(names)), (409, 1))

    def test_bytes_that_make_no_request(self) -> None:
        """What the reader refuses leaves a line too, with the address it came from."""
        with running(self.harness.app) as server:
            self.assertIn(b" 400 ", exchange(server, b"GET / HTTP/1.1\r\n\r\n"))
        last = self.harness.events()[-1]
        self.assertEqual((last["event"], last["peer"]), ("input_validation_fail", "127.0.0.1"))


if __name__ == "__main__":
    unittest.main()
