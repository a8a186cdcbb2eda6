"""The three verbs of Tokens over HTTP: what a login hands out, what a request must show, what a logout can do.

A token is a proof that the client carries. The contrast at the end is the lesson of the file: what a token
says stays true until it expires; what its bearer may do is asked of the store, and changes at once.
"""

from __future__ import annotations

import base64
import json
import re
import unittest
from collections.abc import Callable
from typing import Any

from authref.wire import Request, Response
from tests.basics import JSON, KEYS, PASSWORD, SENTENCE, START
from tests.support import Harness, body, without_time
from tests.test_jwt import ACCEPTED, GOOD, OTHERS_KEY, REFUSED, claims, signed

LOGIN = {"email": "alice@example.com", "password": PASSWORD}
LIFETIME = 15 * 60  # seconds
TOKEN68 = r"[A-Za-z0-9\-._~+/]+=*"  # what may follow "Bearer" at all (RFC 9110 §11.2)

NO_TOKEN = 'Bearer realm="authref"'
BAD_TOKEN = 'Bearer realm="authref", error="invalid_token"'
BAD_REQUEST = 'Bearer realm="authref", error="invalid_request"'


def me(harness: Harness, *fields: tuple[str, str], target: str = "/token/me") -> Response:
    """The answer to the question who I am, asked with these header fields."""
    return harness.app(Request("GET", target, fields))


def ask(harness: Harness, token: str) -> int:
    """The status of the answer to a request with this token."""
    return me(harness, ("authorization", f"Bearer {token}")).status


def payload(token: str) -> dict[str, Any]:
    """The claims as anybody can read them."""
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return value


class LogIn(unittest.TestCase):
    def setUp(self) -> None:
        self.harness = Harness()
        self.user_id = self.harness.sign_up()
        self.answer = self.harness.send("POST", "/token/login", LOGIN)
        self.token = body(self.answer)["token"]

    def test_the_answer(self) -> None:
        """A login answers in the form of RFC 6749 §5.1, is not cached, and sets no cookie."""
        self.assertEqual(self.answer.status, 200)
        fields = ["token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"]
        self.assertEqual(list(body(self.answer)), fields)
        self.assertEqual(body(self.answer)["token_type"], "Bearer")
        self.assertEqual(body(self.answer)["expires_in"], LIFETIME)
        self.assertEqual(self.answer.header("cache-control"), "no-store")
        self.assertIsNone(self.answer.header("set-cookie"))

    def test_the_claims(self) -> None:
        """The token says who and until when, and nothing that its bearer should not read: it is no secret to them."""
        said = payload(self.token)
        self.assertRegex(said.pop("jti"), r"\A[A-Za-z0-9_-]{22}\Z")
        self.assertRegex(said.pop("fam"), r"\A[0-9a-f]{32}\Z")
        self.assertEqual(
            said,
            {
                "iss": "authref",
                "aud": "authref",
                "sub": self.user_id,
                "email": "alice@example.com",
                "role": "user",
                "created_at": "2100-01-15T08:00:00Z",
                "iat": int(START),
                "exp": int(START) + LIFETIME,
            },
        )

    def test_the_refresh_token_inside(self) -> None:
        """The access token, shown to every service, holds nothing of the refresh token, which lives a month."""
        refresh = body(self.answer)["refresh_token"]
        for part in refresh.split("."):
            self.assertNotIn(part, json.dumps(payload(self.token)))

    def test_two_logins(self) -> None:
        """Two tokens of one second differ in their id, so that one can be named without the other."""
        other = self.harness.bearer().removeprefix("Bearer ")
        self.assertNotEqual(payload(self.token)["jti"], payload(other)["jti"])
        self.assertNotEqual(payload(self.token)["fam"], payload(other)["fam"])

    def test_settings(self) -> None:
        """Issuer and audience are those of the settings, and the key is the first of the ring."""
        harness = Harness(issuer="https://auth.example", audience="api", keys={"k9": OTHERS_KEY} | KEYS)
        harness.sign_up()
        token = harness.bearer().removeprefix("Bearer ")
        said = payload(token)
        self.assertEqual((said["iss"], said["aud"]), ("https://auth.example", "api"))
        self.assertEqual(json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"], "k9")
        self.assertEqual(ask(harness, token), 200)

    def test_who_am_i(self) -> None:
        """Whoever shows the token is the user that it describes."""
        answer = me(self.harness, ("authorization", f"Bearer {self.token}"))
        user = {
            "id": self.user_id,
            "email": "alice@example.com",
            "role": "user",
            "disabled": False,
            "created_at": "2100-01-15T08:00:00Z",
        }
        self.assertEqual((answer.status, body(answer)), (200, {"user": user}))
        self.assertEqual(answer.header("cache-control"), "no-store")

    def test_a_quarter_of_an_hour(self) -> None:
        """A token is good for 15 minutes to the second, however often it is shown; then it is not, for good."""
        for after, expected in ((0, 200), (600, 200), (899, 200), (899.999, 200), (900, 401), (901, 401), (9e6, 401)):
            with self.subTest(f"{after:g} seconds after the login"):
                self.harness.clock.time = START + after
                self.assertEqual(ask(self.harness, self.token), expected)

    def test_between_two_seconds(self) -> None:
        """A login in the middle of a second promises no more than it keeps."""
        self.harness.clock.time = START + 0.75
        answer = self.harness.send("POST", "/token/login", LOGIN)
        said = payload(body(answer)["token"])
        self.assertEqual((said["iat"], said["exp"]), (int(START), int(START) + body(answer)["expires_in"]))

    def test_another_machine(self) -> None:
        """A server that has the key believes the token of a user it has never heard of: no look-up."""
        self.assertEqual(ask(Harness(), self.token), 200)
        self.assertEqual(ask(Harness(keys={"k9": OTHERS_KEY} | KEYS), self.token), 200)

    def test_another_machine_that_should_not(self) -> None:
        """Without the key, or meant for somebody else, the same token opens nothing."""
        others = {
            "another ring": Harness(keys={"k9": OTHERS_KEY}),
            "another key of this name": Harness(keys={"k1": OTHERS_KEY}),
            "another issuer": Harness(issuer="staging"),
            "another audience": Harness(audience="billing"),
        }
        for name, other in others.items():
            with self.subTest(name):
                self.assertEqual(ask(other, self.token), 401)

    def test_log_out(self) -> None:
        """After a logout the refresh token is dead and the access token is not: nobody asks anybody about it."""
        refresh = {"refresh_token": body(self.answer)["refresh_token"]}
        self.assertEqual(self.harness.send("POST", "/token/logout", refresh).status, 200)
        self.assertEqual(self.harness.send("POST", "/token/refresh", refresh).status, 400)
        self.harness.clock.advance(899)
        self.assertEqual(ask(self.harness, self.token), 200)
        self.harness.clock.advance(1)
        self.assertEqual(ask(self.harness, self.token), 401)


class Credentials(unittest.TestCase):
    """credentials = "Bearer" 1*SP token (RFC 6750 §2.1); T stands for a good token."""

    # name, values of Authorization fields, status, challenge
    TABLE: list[tuple[str, tuple[str, ...], int, str | None]] = [
        ("as it should be", ("Bearer T",), 200, None),
        ("lower case", ("bearer T",), 200, None),
        ("upper case", ("BEARER T",), 200, None),
        ("mixed case", ("bEaReR T",), 200, None),
        ("two spaces", ("Bearer  T",), 200, None),
        ("no field", (), 401, NO_TOKEN),
        ("an empty field", ("",), 401, NO_TOKEN),
        ("the token alone", ("T",), 401, NO_TOKEN),
        ("another scheme", ("Basic T",), 401, NO_TOKEN),
        ("Basic, well formed", ("Basic YWxpY2U6Y29ycmVjdCBob3JzZSBiYXR0ZXJ5",), 401, NO_TOKEN),
        ("Token", ("Token T",), 401, NO_TOKEN),
        ("Bearers", ("Bearers T",), 401, NO_TOKEN),
        ("no space", ("BearerT",), 401, NO_TOKEN),
        ("a tab", ("Bearer\tT",), 401, NO_TOKEN),
        ("a colon", ("Bearer: T",), 401, NO_TOKEN),
        ("a space before", (" Bearer T",), 401, NO_TOKEN),
        ("another scheme first", ("Basic T, Bearer T",), 401, NO_TOKEN),
        ("no token", ("Bearer",), 400, BAD_REQUEST),
        ("no token but a space", ("Bearer ",), 400, BAD_REQUEST),
        ("a space and a tab", ("Bearer \tT",), 400, BAD_REQUEST),
        ("a space after", ("Bearer T ",), 400, BAD_REQUEST),
        ("two tokens", ("Bearer T T",), 400, BAD_REQUEST),
        ("two tokens and a comma", ("Bearer T,T",), 400, BAD_REQUEST),
        ("quotes", ('Bearer "T"',), 400, BAD_REQUEST),
        ("Bearer twice", ("Bearer Bearer T",), 400, BAD_REQUEST),
        ("a line end", ("Bearer T\n",), 400, BAD_REQUEST),
        ("parameters", ("Bearer token=T, x",), 400, BAD_REQUEST),
        ("two fields, both good", ("Bearer T", "Bearer T"), 400, BAD_REQUEST),
        ("two fields, the first good", ("Bearer T", "Bearer x"), 400, BAD_REQUEST),
        ("two fields, the second good", ("Bearer x", "Bearer T"), 400, BAD_REQUEST),
        ("two fields, the second empty", ("Bearer T", ""), 400, BAD_REQUEST),
        ("two fields, Basic second", ("Bearer T", "Basic T"), 400, BAD_REQUEST),
        ("two fields, Basic first", ("Basic T", "Bearer T"), 401, NO_TOKEN),
        ("a token of the right form", ("Bearer x",), 401, BAD_TOKEN),
        ("half the token", ("Bearer T/2",), 401, BAD_TOKEN),
        ("padding", ("Bearer T==",), 401, BAD_TOKEN),
        ("a parameter that looks like padding", ("Bearer token=",), 401, BAD_TOKEN),
    ]

    def setUp(self) -> None:
        self.harness = Harness()
        self.harness.sign_up()
        self.token = self.harness.bearer().removeprefix("Bearer ")

    def test_the_table(self) -> None:
        """One field, one scheme, one token: what is not exactly that lets nobody in (RFC 6750 §3.1 says how)."""
        for name, values, status, challenge in self.TABLE:
            with self.subTest(name):
                fields = [("authorization", re.sub(r"\bT\b", self.token, value)) for value in values]
                answer = me(self.harness, *fields)
                self.assertEqual((answer.status, answer.header("www-authenticate")), (status, challenge))
                self.assertEqual("user" in body(answer), status == 200)

    def test_a_letter_too_many(self) -> None:
        """A good token with one more letter at either end is none: spaces are passed over, and nothing else."""
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/":
            for token in (letter + self.token, self.token + letter):
                with self.subTest(letter, front=token[0] == letter):
                    answer = me(self.harness, ("authorization", f"Bearer {token}"))
                    self.assertEqual((answer.status, answer.header("www-authenticate")), (401, BAD_TOKEN))

    def test_somewhere_else(self) -> None:
        """A token in an address would stand in logs and histories, one in a cookie would be sent by other sites."""
        places: list[tuple[str, str, tuple[tuple[str, str], ...]]] = [
            ("query", f"/token/me?access_token={self.token}", ()),
            ("query, named token", f"/token/me?token={self.token}", ()),
            ("path", f"/token/me/{self.token}", ()),
            ("cookie", "/token/me", (("cookie", f"session={self.token}"),)),
            ("cookie, named token", "/token/me", (("cookie", f"token={self.token}; access_token={self.token}"),)),
            ("cookie, as a whole", "/token/me", (("cookie", f"authorization=Bearer {self.token}"),)),
            ("a field of its own", "/token/me", (("x-access-token", self.token), ("token", self.token))),
            ("another authorization", "/token/me", (("proxy-authorization", f"Bearer {self.token}"),)),
        ]
        for name, target, fields in places:
            with self.subTest(name):
                answer = me(self.harness, *fields, target=target)
                self.assertIn(answer.status, (400, 401, 404))
                self.assertNotIn("user", body(answer))
        self.assertEqual(ask(self.harness, self.token), 200)  # the twin

    def test_in_a_body(self) -> None:
        """The form of RFC 6750 §2.2, a token in the body, is not taken either."""
        for data in (f"access_token={self.token}".encode(), json.dumps({"access_token": self.token}).encode()):
            for kind in ("application/x-www-form-urlencoded", "application/json"):
                with self.subTest(kind, body=data[:2]):
                    fields = (("content-type", kind), ("content-length", str(len(data))))
                    answer = self.harness.app(Request("GET", "/token/me", fields, data))
                    self.assertEqual(answer.status, 401)

    def test_a_session_beside_it(self) -> None:
        """A bad token never falls back to a good cookie: one request has one identity."""
        path = "/users/" + payload(self.token)["sub"]
        cookie = self.harness.cookie()
        self.assertEqual(self.harness.send("GET", path, cookie=cookie).status, 200)
        for value, status in (("Bearer x", 401), ("Bearer", 400), ("Basic x", 401), ("", 401)):
            with self.subTest(value):
                for target in (path, "/token/me"):
                    answer = self.harness.send("GET", target, cookie=cookie, authorization=value)
                    self.assertEqual(answer.status, status)
        self.assertEqual(self.harness.send("GET", "/token/me", cookie=cookie).status, 401)

    def test_a_refresh_token(self) -> None:
        """A refresh token opens no door, and an access token refreshes nothing: each is for its own place."""
        refresh = body(self.harness.send("POST", "/token/login", LOGIN))["refresh_token"]
        self.assertEqual(ask(self.harness, refresh), 401)
        answer = self.harness.send("POST", "/token/refresh", {"refresh_token": self.token})
        self.assertEqual((answer.status, body(answer)["code"]), (400, "invalid_grant"))
        self.assertEqual(self.harness.send("POST", "/token/refresh", {"refresh_token": refresh}).status, 200)


class Hostile(unittest.TestCase):
    """The table of test_jwt.py, sent over the wire."""

    # What is longer than a head may be never gets here; a blank before the token is allowed here.
    ROWS = [row for row in REFUSED if len(row[1]) < 16 * 1024 and not row[1].startswith(" ")]
    CREDENTIALS = [row for row in ROWS if re.fullmatch(TOKEN68, row[1])]
    OTHERS = [row for row in ROWS if not re.fullmatch(TOKEN68, row[1])]

    def setUp(self) -> None:
        self.harness = Harness()

    def test_one_answer(self) -> None:
        """All hostile tokens get one and the same answer, byte for byte: it must not help to make a better one."""
        seen = set()
        for name, token, _ in self.CREDENTIALS:
            with self.subTest(name):
                answer = me(self.harness, ("authorization", f"Bearer {token}"))
                self.assertEqual(answer.status, 401)
                seen.add(answer)
        self.assertEqual(len(seen), 1)
        (answer,) = seen
        self.assertEqual((answer.header("www-authenticate"), body(answer)["code"]), (BAD_TOKEN, "unauthorized"))

    def test_what_no_credentials_can_hold(self) -> None:
        """What has not even the letters of a token is a malformed request, all of it the same one."""
        seen = {me(self.harness, ("authorization", f"Bearer {token}")) for _, token, _ in self.OTHERS}
        self.assertEqual([(answer.status, answer.header("www-authenticate")) for answer in seen], [(400, BAD_REQUEST)])

    def test_the_reason_in_the_log(self) -> None:
        """The log has what the answer keeps to itself: one line a refusal, with its reason and who asked."""
        reasons = [(name, token, f"{kind.__name__}: ") for name, token, kind in self.CREDENTIALS]
        reasons += [(name, token, "malformed credentials") for name, token, _ in self.OTHERS]
        for name, token, reason in reasons:
            with self.subTest(name):
                self.harness.log.clear()
                me(self.harness, ("authorization", f"Bearer {token}"))
                events = self.harness.events()
                self.assertEqual(len(events), 1, "one line in the log")
                (event,) = events
                self.assertEqual((event["event"], event["peer"]), ("authn_token_refused", "127.0.0.1"))
                self.assertEqual(event["reason"][: len(reason)], reason)

    def test_the_token_in_the_log(self) -> None:
        """No log line holds any part of a token, good or bad: a log is read by people who must not log in with it."""
        self.harness.sign_up()
        tokens = [token for _, token, _ in self.ROWS] + [token for _, token in ACCEPTED]
        tokens += [self.harness.bearer().removeprefix("Bearer ")]
        for token in tokens:
            ask(self.harness, token)
        log = "".join(set(self.harness.log))  # each line once: they repeat
        self.assertIn("authn_token_refused", log)
        for text in {part for token in tokens for part in token.split(".")} | {"token-4711", "4711@example.com"}:
            if len(text) > 8:
                self.assertNotIn(text, log)

    def test_accepted(self) -> None:
        """Their twins are let in."""
        for name, token in ACCEPTED:
            with self.subTest(name):
                self.assertEqual(ask(self.harness, token), 200)
        self.assertEqual(self.harness.events("authn_token_refused"), [])


class WhatTheClientHears(unittest.TestCase):
    def setUp(self) -> None:
        self.harness = Harness()
        self.harness.sign_up()
        self.tokens = self.harness.app.tokens

    def test_each_refusal(self) -> None:
        """Each refusal has its status, its word, its challenge and a sentence, and says nothing of the token."""
        used = body(self.harness.send("POST", "/token/login", LOGIN))["refresh_token"]
        refresh = {"refresh_token": used + "x"}
        table = {
            "no token": (me(self.harness), 401, "unauthorized", NO_TOKEN),
            "a bad one": (me(self.harness, ("authorization", "Bearer x")), 401, "unauthorized", BAD_TOKEN),
            "two words": (me(self.harness, ("authorization", "Bearer x y")), 400, "invalid_request", BAD_REQUEST),
            "a bad refresh token": (self.harness.send("POST", "/token/refresh", refresh), 400, "invalid_grant", None),
        }
        for name, (answer, status, code, challenge) in table.items():
            with self.subTest(name):
                self.assertEqual((answer.status, body(answer)["code"]), (status, code))
                self.assertEqual(answer.header("www-authenticate"), challenge)
                self.assertRegex(body(answer)["detail"], SENTENCE)

    def test_a_cookie_instead(self) -> None:
        """Whoever brings a cookie and no token is told which route takes what; it tells nothing about the cookie."""
        other = "This route takes a token (Authorization: Bearer <token>), /me a cookie, all others take either."
        cookie, basic = ("cookie", "session=x"), ("authorization", "Basic x")
        self.assertEqual(body(me(self.harness, cookie))["detail"], other)
        self.assertEqual(body(me(self.harness, ("cookie", "")))["detail"], other)
        for fields in ((), (basic,), (basic, cookie), (("authorization", ""), cookie)):
            with self.subTest(fields):
                detail = "Send a token: Authorization: Bearer <token>."
                self.assertEqual(body(me(self.harness, *fields))["detail"], detail)

    def test_a_logout_of_another_form(self) -> None:
        """A logout names the refresh token, as text, in an object: all else is the client's mistake, and no logout."""
        login = body(self.harness.send("POST", "/token/login", LOGIN))
        for value in ({}, {"refresh_token": None}, {"refresh_token": 1}, {"refresh_token": ["x"]}, [], "x", 7):
            with self.subTest(value):
                answer = self.harness.send("POST", "/token/logout", value)
                self.assertEqual((answer.status, body(answer)["code"]), (400, "invalid_request"))
                self.assertRegex(body(answer)["detail"], SENTENCE)
                answer = self.tokens.log_out(Request("POST", "/token/logout", JSON, json.dumps(value).encode()))
                self.assertEqual((answer.status, body(answer)), (200, {"message": "Logged out"}))
        answer = self.harness.send("POST", "/token/refresh", {"refresh_token": login["refresh_token"]})
        self.assertEqual(answer.status, 200)

    def test_what_a_token_leaves_out(self) -> None:
        """What a good token does not say is empty: nobody is called "None", and no role comes from nowhere."""
        token = signed(payload={name: value for name, value in claims().items() if name not in ("email", "role")})
        user = {"id": "user-4711", "email": "", "role": "", "disabled": False, "created_at": ""}
        self.assertEqual(body(me(self.harness, ("authorization", f"Bearer {token}"))), {"user": user})

    def test_an_account_that_ended_meanwhile(self) -> None:
        """A login that began before the account was disabled leaves nothing that comes back when it is enabled."""
        user = self.harness.app.users.by_email("alice@example.com")
        assert user is not None
        self.harness.app.admins.change(user.id, disabled=True)
        answer = self.tokens.log_in(user, Request("POST", "/token/login"))
        self.assertEqual(answer, self.tokens.refusal())
        self.assertEqual(self.tokens.logins(user.id), {})
        self.harness.app.admins.change(user.id, disabled=False)
        answer = self.tokens.log_in(user, Request("POST", "/token/login", (("user-agent", "Lynx/2.9"),)))
        self.assertEqual(answer.status, 200)
        self.assertEqual([family.user_agent for family in self.tokens.logins(user.id).values()], ["Lynx/2.9"])

    def test_what_it_asks_the_store(self) -> None:
        """Without a list a token is believed without a look-up; with one the server must know that it may wait."""
        for mode, asks in (("none", ""), ("denylist", "reads"), ("allowlist", "reads")):
            with self.subTest(mode):
                routes = {route.path: route for route in Harness(revocation=mode).app.routes}
                self.assertEqual(routes["/token/me"].work, asks)

    def test_all_but_this_one(self) -> None:
        """Whoever ends all other logins keeps the one whose token asks, or they have locked themselves out."""
        bearers = [self.harness.bearer() for _ in range(3)]
        user_id = payload(bearers[0])["sub"]
        mine = self.tokens.current(Request("GET", "/me/sessions", (("authorization", bearers[1]),)))
        self.tokens.end_all(user_id, but=mine)
        self.assertEqual(list(self.tokens.logins(user_id)), [mine])
        self.tokens.end_all(user_id)
        self.assertEqual(self.tokens.logins(user_id), {})

    def test_shown_by_a_debugger(self) -> None:
        """Printed, as a traceback's tool or a careless log line does it, the tokens show no key: it signs for all."""
        self.assertEqual(self.harness.app.tokens.keys, KEYS)
        for key in KEYS.values():
            self.assertNotIn(repr(key), repr(self.tokens))
            self.assertNotIn(repr(key), str(self.tokens))

    def test_which_login_it_is(self) -> None:
        """A good token belongs to the login that it names; without one, or with a bad one, it is no login."""
        good = self.harness.bearer()
        ((family_id, _),) = self.tokens.logins(payload(good)["sub"]).items()
        for value, expected in ((good, family_id), ("Bearer x", ""), ("", "")):
            with self.subTest(value[:8]):
                request = Request("GET", "/me/sessions", (("authorization", value),) if value else ())
                self.assertEqual(self.tokens.current(request), expected)


class WhatTheLogHears(unittest.TestCase):
    def test_who_and_from_where(self) -> None:
        """Each event names whose login it is, as far as that is known, the client's address, and the reason."""
        harness = Harness(revocation="denylist")
        alice = harness.sign_up()
        tokens = harness.app.tokens
        peer = {"peer": "192.0.2.7"}

        def events(act: Callable[[Request], object], **fields: str) -> list[dict[str, str]]:
            harness.log.clear()
            headers = JSON + tuple((name, value) for name, value in fields.items() if name != "refresh_token")
            act(Request("POST", "/any", headers, json.dumps(fields).encode(), **peer))
            return [without_time(event) for event in harness.events()]

        def log_in(request: Request) -> Response:
            user = harness.app.users.get(alice)
            assert user is not None
            return tokens.log_in(user, request)

        def exchange(token: str) -> list[dict[str, str]]:
            return events(lambda request: tokens.refresh(token, request))

        created = {"event": "authn_token_created", "user": alice, **peer}
        refused = {"event": "authn_token_refused", **peer}
        self.assertEqual(events(log_in), [created])
        first = body(harness.send("POST", "/token/login", LOGIN))
        bearer = f"Bearer {first['token']}"
        self.assertEqual(events(tokens.authenticate, authorization=bearer), [])
        self.assertEqual(events(tokens.authenticate), [])  # nothing was tried
        malformed = {**refused, "reason": "malformed credentials"}
        self.assertEqual(events(tokens.authenticate, authorization="Bearer x y"), [malformed])

        self.assertEqual(exchange(first["refresh_token"]), [created])
        harness.clock.advance(60)
        reused = {"event": "authn_token_reuse", "reason": "refresh token used before", "user": alice, **peer}
        self.assertEqual(exchange(first["refresh_token"]), [reused])
        self.assertEqual(events(tokens.authenticate, authorization=bearer), [{**refused, "reason": "revoked"}])
        reason = "refresh token unknown, ended, or of an account that changed"
        self.assertEqual(exchange(first["refresh_token"]), [{**refused, "reason": reason, "user": None}])

        second = body(harness.send("POST", "/token/login", LOGIN))["refresh_token"]
        ended = {"event": "authn_token_revoked", "user": alice, **peer}
        self.assertEqual(events(tokens.log_out, refresh_token=second), [ended])
        self.assertEqual(events(tokens.log_out, refresh_token=second), [])
        third = body(harness.send("POST", "/token/login", LOGIN))["refresh_token"]
        harness.app.users.set_password(alice, "another password", 0)
        self.assertEqual(exchange(third), [{**refused, "reason": reason, "user": alice}])


class StatelessAndLive(unittest.TestCase):
    """An admin's token, after somebody has changed the admin in the store."""

    CHANGES: list[tuple[str, dict[str, Any] | None, int]] = [
        ("demoted", {"role": "user"}, 403),
        ("disabled", {"disabled": True}, 401),
        ("demoted and disabled", {"role": "user", "disabled": True}, 401),
        ("deleted", None, 401),
    ]

    def setUp(self) -> None:
        self.harness = Harness()
        self.harness.sign_up("other@example.com", role="admin")  # there is always one admin left
        self.victim = self.harness.sign_up("victim@example.com")
        self.admin = self.harness.sign_up("admin@example.com", role="admin")
        self.bearer = self.harness.bearer("admin@example.com")

    def change(self, changes: dict[str, Any] | None) -> None:
        """Demote, disable or delete the admin, as another admin could."""
        if changes is None:
            self.assertTrue(self.harness.app.admins.delete(self.admin))
        else:
            self.assertIsNotNone(self.harness.app.admins.change(self.admin, **changes))

    def statuses(self) -> list[int]:
        """What the admin routes answer to the token; DELETE comes last, for it works once."""
        victim = f"/users/{self.victim}"
        requests = [("GET", "/users", None), ("GET", victim, None), ("PATCH", victim, {"role": "user"})]
        requests += [("DELETE", victim, None)]
        sent = [self.harness.send(*request, authorization=self.bearer) for request in requests]
        return [answer.status for answer in sent]

    def test_before(self) -> None:
        """The twin: as long as nobody changed anything, the token opens every door."""
        self.assertEqual(self.statuses(), [200, 200, 200, 204])

    def test_what_they_may_do(self) -> None:
        """The admin routes ask the store and refuse at once, though the token still says `admin`."""
        for name, changes, refused in self.CHANGES:
            with self.subTest(name):
                self.setUp()
                self.assertEqual(self.harness.send("GET", "/users", authorization=self.bearer).status, 200)
                self.change(changes)
                self.assertEqual(self.statuses(), [refused] * 4)
                self.assertIsNotNone(self.harness.app.users.get(self.victim))

    def test_who_they_are(self) -> None:
        """/token/me asks nobody: it answers as on the day of the login until the token expires, and not after."""
        for name, changes, _ in self.CHANGES:
            with self.subTest(name):
                self.setUp()
                self.change(changes)
                self.harness.clock.advance(LIFETIME - 1)
                answer = self.harness.send("GET", "/token/me", authorization=self.bearer)
                self.assertEqual((answer.status, body(answer)["user"]["role"]), (200, "admin"))
                self.harness.clock.advance(1)
                self.assertEqual(self.harness.send("GET", "/token/me", authorization=self.bearer).status, 401)

    def test_promoted(self) -> None:
        """It works in the other direction too: a new admin's old token opens the admin routes at once."""
        bearer = self.harness.bearer("victim@example.com")
        self.assertEqual(self.harness.send("GET", "/users", authorization=bearer).status, 403)
        self.harness.app.admins.change(self.victim, role="admin")
        self.assertEqual(self.harness.send("GET", "/users", authorization=bearer).status, 200)

    def test_a_role_in_the_token(self) -> None:
        """A token that says `admin` of a user who is none, and rightly signed, opens no admin route."""
        forged = signed(payload=claims(sub=self.victim, role="admin"))
        self.assertEqual(ask(self.harness, forged), 200)
        self.assertEqual(self.harness.send("GET", "/users", authorization=f"Bearer {forged}").status, 403)

    def test_a_user_nobody_knows(self) -> None:
        """A good token of a user who is not in the store is somebody for /token/me and nobody for the rest."""
        self.assertEqual(ask(self.harness, GOOD), 200)
        self.assertEqual(self.harness.send("GET", "/users/user-4711", authorization=f"Bearer {GOOD}").status, 401)


if __name__ == "__main__":
    unittest.main()
