"""Where am I logged in, how do I end that, and how do I change my password? app/accounts.py, by cookie and by token.

Two claims run through it: nobody sees or ends what is somebody else's, and a changed password leaves
nobody logged in who knew the old one.
"""

from __future__ import annotations

import re
import unittest
from typing import Any

from authref.app import App
from authref.sessions import IDLE_LIFETIME, MAX_PER_USER, TOUCH_INTERVAL
from authref.wire import Response
from tests.basics import PASSWORD
from tests.support import Harness, body, quick_hashes
from tests.test_cookies import CLEARED

EMAIL, BOB = "alice@example.com", "bob@example.com"
NEW = "a new battery staple"


class LoginCase(unittest.TestCase):
    """Alice and Bob have accounts; a caller is the header that speaks for them: a cookie or an authorization."""

    def setUp(self) -> None:
        self.enterContext(quick_hashes())
        self.begin()

    def begin(self, revocation: str = "none") -> None:
        self.harness = Harness(revocation=revocation)
        self.clock = self.harness.clock
        self.app: App = self.harness.app
        self.alice, self.bob = self.harness.sign_up(EMAIL), self.harness.sign_up(BOB)

    def by_cookie(self, email: str = EMAIL, password: str = PASSWORD, **headers: str) -> dict[str, str]:
        answer = self.harness.send("POST", "/login", {"email": email, "password": password}, **headers)
        return {"cookie": new_cookie(answer)}

    def by_token(self, email: str = EMAIL, password: str = PASSWORD, **headers: str) -> dict[str, str]:
        answer = self.harness.send("POST", "/token/login", {"email": email, "password": password}, **headers)
        return {"authorization": f"Bearer {body(answer)['token']}"}

    def refresh_token(self, email: str = EMAIL) -> str:
        answer = self.harness.send("POST", "/token/login", {"email": email, "password": PASSWORD})
        return str(body(answer)["refresh_token"])

    def logins(self, caller: dict[str, str]) -> list[dict[str, Any]]:
        answer = self.harness.send("GET", "/me/sessions", **caller)
        self.assertEqual(answer.status, 200, answer.body)
        return list(body(answer)["sessions"])

    def current(self, caller: dict[str, str]) -> str:
        """The public id of the caller's own login."""
        (login,) = [login for login in self.logins(caller) if login["current"]]
        return str(login["id"])

    def delete(self, login_id: str, caller: dict[str, str]) -> Response:
        return self.harness.send("DELETE", f"/me/sessions/{login_id}", **caller)

    def status(self, caller: dict[str, str]) -> int:
        """What the caller's credential gives at a route that takes either."""
        return self.harness.send("GET", "/me/sessions", **caller).status

    def refresh_status(self, token: str) -> int:
        return self.harness.send("POST", "/token/refresh", {"refresh_token": token}).status


def new_cookie(answer: Response) -> str:
    return (answer.header("set-cookie") or "").partition(";")[0]


class Listing(LoginCase):
    def test_the_shape(self) -> None:
        """Each login has these six members, with times in UTC, sessions and tokens in one list, oldest first."""
        session = self.by_cookie(user_agent="Laptop")
        self.clock.advance(61)
        token = self.by_token(user_agent="Phone")
        first, second = self.logins(session)
        login_id = first.pop("id")
        self.assertEqual(
            first,
            {
                "kind": "session",
                "created_at": "2100-01-15T08:00:00Z",
                "last_seen": "2100-01-15T08:00:00Z",
                "user_agent": "Laptop",
                "current": True,
            },
        )
        self.assertNotEqual(second.pop("id"), login_id)
        self.assertEqual(
            second,
            {
                "kind": "token",
                "created_at": "2100-01-15T08:01:01Z",
                "last_seen": "2100-01-15T08:01:01Z",
                "user_agent": "Phone",
                "current": False,
            },
        )
        self.assertEqual([login["current"] for login in self.logins(token)], [False, True])

    def test_the_current_one(self) -> None:
        """Exactly one login is marked, the one that asks, by whichever mechanism."""
        callers = []
        for log_in in (self.by_cookie, self.by_token, self.by_cookie, self.by_token):
            callers.append(log_in())
            self.clock.advance(1)
        for number, caller in enumerate(callers):
            with self.subTest(number):
                marks = [login["current"] for login in self.logins(caller)]
                self.assertEqual(marks, [other == number for other in range(4)])

    def test_both_credentials_in_one_request(self) -> None:
        """The Authorization header decides; the cookie beside it is not looked at, not even when the token is bad."""
        cookie, token = self.by_cookie(BOB), self.by_token(EMAIL)
        self.assertEqual(self.current({**cookie, **token}), self.current(token))
        self.assertEqual(self.status({**cookie, "authorization": "Bearer junk"}), 401)

    def test_last_seen(self) -> None:
        """It moves when the login is used: a session after a while without a write, a token when it is refreshed."""
        session, token = self.by_cookie(), self.refresh_token()
        self.clock.advance(TOUCH_INTERVAL)
        self.refresh_status(token)
        self.logins(session)
        self.assertEqual([login["last_seen"] for login in self.logins(session)], ["2100-01-15T08:03:00Z"] * 2)
        self.assertEqual([login["created_at"] for login in self.logins(session)], ["2100-01-15T08:00:00Z"] * 2)

    def test_what_the_ids_open(self) -> None:
        """A public id is no credential: who reads the list over somebody's shoulder can use nothing of it."""
        session, token = self.by_cookie(), self.by_token()
        for login in self.logins(session):
            for text in (login["id"], login["id"][:43]):
                self.assertEqual(self.status({"cookie": f"session={text}"}), 401)
                self.assertEqual(self.status({"authorization": f"Bearer {text}"}), 401)
                self.assertEqual(self.refresh_status(text), 400)
        self.assertEqual((self.status(session), self.status(token)), (200, 200))

    def test_nothing_of_others_and_nothing_of_the_past(self) -> None:
        """The list holds one's own living logins only."""
        session = self.by_cookie()
        self.by_cookie(BOB)
        self.by_token(BOB)
        self.harness.send("POST", "/logout", **self.by_cookie())
        self.harness.send("POST", "/token/logout", {"refresh_token": self.refresh_token()})
        self.assertEqual(len(self.logins(session)), 1)
        self.clock.advance(IDLE_LIFETIME - 1)
        token = self.by_token()
        self.assertEqual(len(self.logins(token)), 2)
        self.clock.advance(1)
        self.assertEqual(len(self.logins(token)), 1)

    def test_without_a_login(self) -> None:
        """None of the four routes tells or does anything without one."""
        self.by_cookie()
        for method, path in (
            ("GET", "/me/sessions"),
            ("DELETE", "/me/sessions"),
            ("DELETE", "/me/sessions/x"),
            ("POST", "/me/password"),
        ):
            fields = {"current_password": PASSWORD, "new_password": NEW} if method == "POST" else None
            for caller in ({}, {"cookie": "session=" + "A" * 43}, {"authorization": "Bearer a.b.c"}):
                with self.subTest(method=method, path=path, caller=caller):
                    self.assertEqual(self.harness.send(method, path, fields, **caller).status, 401)
        self.assertEqual(len(self.logins(self.by_cookie())), 2)

    def test_the_user_agent(self) -> None:
        """What a client calls itself is cut to 200 characters, and goes to the page that shows it as ASCII JSON."""
        table = (
            (None, ""),
            ("", ""),
            ("curl/8", "curl/8"),
            ("x" * 200, "x" * 200),
            ("x" * 201, "x" * 200),
            ("x" * 10_000, "x" * 200),
            ('"}],"admin":true', '"}],"admin":true'),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("\x1b[2J\u202e\u2028é\0", "\x1b[2J\u202e\u2028é\0"),
        )
        for sent, shown in table:
            with self.subTest(sent and sent[:30]):
                self.begin()
                headers = {} if sent is None else {"user_agent": sent}
                caller = self.by_cookie(**headers)
                self.by_token(**headers)
                answer = self.harness.send("GET", "/me/sessions", **caller)
                self.assertEqual([login["user_agent"] for login in body(answer)["sessions"]], [shown] * 2)
                self.assertRegex(answer.body.rstrip(b"\n"), rb"^[ -~]+$")
                self.assertEqual(answer.header("content-type"), "application/json")
                self.assertEqual(answer.header("x-content-type-options"), "nosniff")


class Ending(LoginCase):
    def test_one_login(self) -> None:
        """204, that login is over, and no other: a session or a token, ended from a session or a token."""
        for ender in (self.by_cookie, self.by_token):
            for victim in (self.by_cookie, self.by_token):
                with self.subTest(ender=ender.__name__, victim=victim.__name__):
                    self.begin("denylist")
                    caller, other, third = ender(), victim(), self.by_cookie()
                    answer = self.delete(self.current(other), caller)
                    self.assertEqual((answer.status, answer.body), (204, b""))
                    self.assertEqual([self.status(login) for login in (other, caller, third)], [401, 200, 200])

    def test_the_refresh_token_of_an_ended_login(self) -> None:
        """Ending a login by token ends its refresh token, also where its access token has to run out."""
        caller, token = self.by_cookie(), self.refresh_token()
        (login_id,) = [login["id"] for login in self.logins(caller) if login["kind"] == "token"]
        self.assertEqual(self.delete(login_id, caller).status, 204)
        self.assertEqual(self.refresh_status(token), 400)

    def test_the_current_one(self) -> None:
        """Ending the login that asks is logging out: 204, and the next request is refused."""
        session = self.by_cookie()
        self.assertEqual(self.delete(self.current(session), session).status, 204)
        self.assertEqual(self.status(session), 401)

    def test_somebody_elses(self) -> None:
        """Another user's login is not found, in the same bytes as one that never was, and it goes on."""
        mallory = self.by_cookie(BOB)
        for victim in (self.by_cookie(), self.by_token()):
            login_id = self.current(victim)
            unknown = self.delete("0" * len(login_id), mallory)
            self.assertEqual((unknown.status, body(unknown)["code"]), (404, "not_found"))
            self.assertEqual(self.delete(login_id, mallory), unknown)
            self.assertEqual(self.current(victim), login_id)
            self.assertEqual(self.delete(login_id, victim).status, 204)

    def test_an_admin(self) -> None:
        """Not even an admin ends others' logins here: this route knows one's own (they can disable the account)."""
        self.app.admins.change(self.bob, role="admin")
        victim, admin = self.by_cookie(), self.by_cookie(BOB)
        self.assertEqual(self.delete(self.current(victim), admin).status, 404)
        self.assertEqual(self.status(victim), 200)

    def test_ids_of_another_form(self) -> None:
        """Whatever stands in the path is an unknown login and nothing worse."""
        session = self.by_cookie()
        login_id = self.current(session)
        for text in ("x", "%00", "..", login_id.upper(), login_id[:-1], login_id + "0", "x" * 5000, "{id}"):
            with self.subTest(text[:20]):
                self.assertEqual(self.delete(text, session).status, 404)
        self.assertEqual(self.current(session), login_id)

    def test_twice(self) -> None:
        """A login can be ended once; then it is not found."""
        session, other = self.by_cookie(), self.by_cookie()
        login_id = self.current(other)
        self.assertEqual([self.delete(login_id, session).status for _ in range(2)], [204, 404])

    def test_everywhere(self) -> None:
        """One request ends every login of both mechanisms, the asking one too, and nobody else's."""
        for caller_kind in (self.by_cookie, self.by_token):
            with self.subTest(caller_kind.__name__):
                self.begin("denylist")
                others = [self.by_cookie(), self.by_cookie(), self.by_token()]
                token, caller, bob = self.refresh_token(), caller_kind(), self.by_cookie(BOB)
                answer = self.harness.send("DELETE", "/me/sessions", **caller)
                self.assertEqual((answer.status, answer.body), (204, b""))
                self.assertIn(CLEARED, [value for _, value in answer.headers])
                self.assertEqual([self.status(login) for login in (*others, caller)], [401] * 4)
                self.assertEqual(self.refresh_status(token), 400)
                self.assertEqual(self.status(bob), 200)
                self.assertEqual(len(self.logins(self.by_cookie())), 1)

    def test_one_session_too_many(self) -> None:
        """The 21st session ends the oldest one; the list never shows more than 20, and tokens count by themselves."""
        token, sessions = self.by_token(), []
        for _ in range(21):
            self.clock.advance(1)
            sessions.append(self.by_cookie())
        self.assertEqual([self.status(session) for session in sessions], [401] + [200] * 20)
        kinds = [login["kind"] for login in self.logins(token)]
        self.assertEqual((kinds.count("session"), kinds.count("token")), (20, 1))

    def test_one_session_too_many_with_the_clock_set_back(self) -> None:
        """The session just opened is never the one that goes, whatever the clock says of its age."""
        for _ in range(MAX_PER_USER):
            self.by_cookie()
        self.clock.advance(-1)
        self.assertEqual(self.status(self.by_cookie()), 200)


class Password(LoginCase):
    def change(self, caller: dict[str, str], current: str = PASSWORD, new: str = NEW) -> Response:
        fields = {"current_password": current, "new_password": new}
        return self.harness.send("POST", "/me/password", fields, **caller)

    def log_in_status(self, password: str) -> int:
        return self.harness.send("POST", "/login", {"email": EMAIL, "password": password}).status

    def test_by_session(self) -> None:
        """204; the caller goes on under a new id, and every other login, the old id too, has ended."""
        caller, other, token, bob = self.by_cookie(), self.by_cookie(), self.refresh_token(), self.by_cookie(BOB)
        answer = self.change(caller)
        self.assertEqual((answer.status, answer.body), (204, b""))
        renewed = {"cookie": new_cookie(answer)}
        self.assertNotEqual(renewed, caller)
        self.assertEqual([self.status(login) for login in (renewed, caller, other, bob)], [200, 401, 401, 200])
        self.assertEqual(self.refresh_status(token), 400)
        self.assertEqual(len(self.logins(renewed)), 1)
        self.assertRegex(
            answer.header("set-cookie") or "",
            r"^session=[\w-]{43}; Path=/; Max-Age=86400; Expires=Sat, 16 Jan 2100 08:00:00 GMT; "
            r"HttpOnly; SameSite=Lax$",
        )

    def test_by_token(self) -> None:
        """204 without a cookie; every login has ended, the caller's refresh token too, and only logging in helps."""
        for mode, status in (("none", 200), ("denylist", 401), ("allowlist", 401)):
            with self.subTest(mode):
                self.begin(mode)
                session, token, caller = self.by_cookie(), self.refresh_token(), self.by_token()
                answer = self.change(caller)
                self.assertEqual((answer.status, answer.body, answer.header("set-cookie")), (204, b"", None))
                self.assertEqual(self.status(session), 401)
                self.assertEqual(self.refresh_status(token), 400)
                self.assertEqual(self.status(caller), status)  # without a list it has to run out
                self.assertEqual(self.status(self.by_token(password=NEW)), 200)

    def test_logging_in_afterwards(self) -> None:
        """The new password logs in and the old one does not."""
        self.assertEqual(self.change(self.by_cookie()).status, 204)
        self.assertEqual((self.log_in_status(PASSWORD), self.log_in_status(NEW)), (401, 200))

    def test_a_wrong_current_password(self) -> None:
        """401 with the challenge of the mechanism that asked, and no change: an open session is not an account."""
        for caller, scheme in ((self.by_cookie(), "Cookie"), (self.by_token(), "Bearer")):
            with self.subTest(scheme):
                answer = self.change(caller, current="not it at all")
                self.assertEqual((answer.status, body(answer)["code"]), (401, "invalid_credentials"))
                self.assertTrue((answer.header("www-authenticate") or "").startswith(scheme + " "))
                self.assertIsNone(answer.header("set-cookie"))
                self.assertEqual((self.status(caller), self.log_in_status(PASSWORD)), (200, 200))

    def test_a_bad_new_password(self) -> None:
        """400 names the field and why; nothing has changed and nobody is logged out."""
        caller = self.by_cookie()
        for new in ("", "seven77", "x" * 1025, "password", "PassWord", EMAIL, EMAIL.upper()):
            with self.subTest(new[:20]):
                answer = self.change(caller, new=new)
                problem = body(answer)
                self.assertEqual((answer.status, problem["code"]), (400, "invalid_request"))
                self.assertEqual(list(problem["errors"]), ["new_password"])
                self.assertEqual((self.status(caller), self.log_in_status(PASSWORD)), (200, 200))
        for new in ("eight888", "x" * 1024, "  blanks  ", "пароль на русском", "nul\0inside"):
            with self.subTest(new[:20]):
                self.begin()
                self.assertEqual(self.change(self.by_cookie(), new=new).status, 204)
                self.assertEqual(self.log_in_status(new), 200)

    def test_the_wrong_password_for_a_bad_new_one(self) -> None:
        """The current password is asked first, so that a stolen session learns nothing more from this route."""
        answer = self.change(self.by_cookie(), current="not it at all", new="short")
        self.assertEqual(answer.status, 401)

    def test_a_body_of_another_form(self) -> None:
        """Exactly two text fields: without the current password, or with somebody's id, nothing happens."""
        caller = self.by_cookie()
        good = {"current_password": PASSWORD, "new_password": NEW}
        for value in (
            {"new_password": NEW},
            {"current_password": PASSWORD},
            {**good, "current_password": None},
            {**good, "current_password": ""},
            {**good, "new_password": [NEW]},
            {**good, "email": BOB},
            {**good, "id": self.bob},
            [],
        ):
            with self.subTest(value):
                answer = self.harness.send("POST", "/me/password", value, **caller)
                self.assertEqual((answer.status, body(answer)["code"]), (400, "invalid_request"))
        self.assertEqual(self.log_in_status(PASSWORD), 200)

    def test_the_log(self) -> None:
        """The change leaves one line with the user's id, a failed try another, and neither holds a password."""
        caller = self.by_cookie()
        self.change(caller, current="not it at all")
        self.change(caller)
        (line,) = self.harness.events("authn_password_change")
        self.assertEqual(line["user"], self.alice)
        self.assertEqual([line["user"] for line in self.harness.events("authn_login_fail")], [self.alice])
        for password in (PASSWORD, NEW, "not it at all"):
            self.assertNotIn(password, "".join(self.harness.log))

    def test_a_change_that_was_cut_off_in_the_middle(self) -> None:
        """The one write of the new password voids the old logins, even if the process dies right after it."""
        session, token = self.by_cookie(), self.refresh_token()
        self.app.users.set_password(self.alice, NEW, 0)
        self.assertEqual(self.status(session), 401)
        self.assertEqual(self.refresh_status(token), 400)


class LogOut(LoginCase):
    def test_what_the_browser_is_told(self) -> None:
        """The record goes, the cookie is cleared with the flags it was set with, and what pages stored goes too."""
        session = self.by_cookie()
        answer = self.harness.send("POST", "/logout", **session)
        self.assertEqual((answer.status, body(answer)), (200, {"message": "Logged out"}))
        self.assertEqual(answer.header("set-cookie"), CLEARED)
        directives = re.findall(r'"(\w+)"', answer.header("clear-site-data") or "")
        self.assertEqual(sorted(directives), ["cache", "storage"])
        self.assertEqual(self.status(session), 401)

    def test_other_answers(self) -> None:
        """Only the logout clears what the site stored: no login, no refusal and no token route does."""
        session, token = self.by_cookie(), self.refresh_token()
        answers = (
            self.harness.send("POST", "/login", {"email": EMAIL, "password": PASSWORD}),
            self.harness.send("GET", "/me", **session),
            self.harness.send("GET", "/me"),
            self.harness.send("POST", "/token/logout", {"refresh_token": token}),
        )
        self.assertEqual([answer.header("clear-site-data") for answer in answers], [None] * 4)

    def test_the_other_mechanism(self) -> None:
        """Each logout ends its own login: a cookie's does not touch the tokens, a token's not the session."""
        session, token, bystander = self.by_cookie(), self.refresh_token(), self.by_cookie()
        self.harness.send("POST", "/token/logout", {"refresh_token": token})
        self.assertEqual(self.status(session), 200)
        token = self.refresh_token()
        self.harness.send("POST", "/logout", **session)
        self.assertEqual((self.refresh_status(token), self.status(bystander)), (200, 200))


if __name__ == "__main__":
    unittest.main()
