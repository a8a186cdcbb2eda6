"""One interface, two mechanisms: the same claims about log_in, authenticate and log_out, run on both.

`MechanismContract` holds for sessions and for tokens. Below it each says what is its own: what it is called on
the wire, how long it lives, and what of a login that was ended can still be used. That difference is the lesson.
"""

from __future__ import annotations

import json
import unittest
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

from authref.app.routes import Mechanism
from authref.users import User
from authref.wire import Request, Response
from tests.basics import KEYS, PASSWORD
from tests.support import Harness, body
from tests.test_maps import race

ALICE, BOB, ROOT = "alice@example.com", "bob@example.com", "root@example.com"


class MechanismContract:
    """The claims that hold for every mechanism. `settings` choose it; the methods below say how it looks."""

    settings: dict[str, object] = {}
    LIFETIME: int  # seconds for which a login that is not used can be used
    ENDS_AT_ONCE: bool  # whether a login that was ended is refused from the next request on, without asking more

    def mechanism(self, harness: Harness) -> Mechanism:
        """The mechanism in this app."""
        raise NotImplementedError

    def carry(self, answer: Response) -> dict[str, str]:
        """The header by which a client shows what this login gave it."""
        raise NotImplementedError

    def leave(self, answer: Response) -> Request:
        """The request by which the client of this login logs out."""
        raise NotImplementedError

    def forgeries(self, answer: Response) -> dict[str, dict[str, str]]:
        """Headers that were made from a good login's, and are not one."""
        raise NotImplementedError

    # -- helpers

    def setUp(self) -> None:
        self.harness = Harness(**self.settings)
        self.users, self.admins = self.harness.app.users, self.harness.app.admins
        ids = [self.harness.sign_up(email) for email in (ALICE, BOB)] + [self.harness.sign_up(ROOT, role="admin")]
        self.alice, self.bob, self.root = map(self.users.get, ids)
        self.door = self.mechanism(self.harness)

    def log_in(self, user: User | None = None) -> Response:
        """The answer to a login, Alice's unless said otherwise."""
        answer = self.door.log_in(user or self.alice, Request("POST", "/any"))
        self.assertEqual(answer.status, 200)
        return answer

    def authenticate(self, headers: dict[str, str]) -> User | Response:
        return self.door.authenticate(Request("GET", "/any", tuple(headers.items())))

    def who(self, headers: dict[str, str]) -> str:
        """The address of whoever these headers name; "nobody" for a 401."""
        caller = self.authenticate(headers)
        if isinstance(caller, User):
            return caller.email
        self.assertEqual((caller.status, body(caller)["code"]), (401, "unauthorized"))
        return "nobody"

    def in_use(self, email: str = ALICE) -> str:
        """What `who` says of a login that was ended, before its time is over."""
        return "nobody" if self.ENDS_AT_ONCE else email

    # -- logging in and being recognised

    def test_whoever_logged_in(self) -> None:
        """What a login gives is recognised as that user, field by field, and as nobody else."""
        for user in (self.alice, self.bob, self.root):
            with self.subTest(user.email):
                caller = self.authenticate(self.carry(self.log_in(user)))
                self.assertEqual(caller.public(), user.public())

    def test_what_a_login_says(self) -> None:
        """The answer is JSON and holds no hash; nothing of the account's secrets leaves with it."""
        answer = self.log_in()
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertNotIn("$2b$", answer.body.decode() + repr(answer.headers))
        self.assertNotIn("hash", json.dumps(body(answer)))

    def test_several_logins(self) -> None:
        """Each login gives something new, of the same user too, and all of them work side by side."""
        logins = [self.carry(self.log_in(user)) for user in (self.alice, self.alice, self.bob)]
        self.assertEqual(len({str(headers) for headers in logins}), 3)
        self.assertEqual([self.who(headers) for headers in logins], [ALICE, ALICE, BOB])

    def test_used_often(self) -> None:
        """It can be used again and again, by many at once, and is the same each time."""
        headers = self.carry(self.log_in())
        self.assertEqual(race(*[lambda: self.who(headers)] * 20), [ALICE] * 20)

    # -- not being recognised

    def test_nothing_shown(self) -> None:
        """Without credentials: 401 that names a scheme, the same for everybody, and no line in the log."""
        answer = self.authenticate({})
        self.assertEqual(answer, self.door.refusal())
        self.assertEqual((answer.status, body(answer)["code"]), (401, "unauthorized"))
        self.assertEqual(answer.header("www-authenticate"), self.door.challenge[0][1])
        self.assertEqual(self.harness.log, [])

    def test_something_forged(self) -> None:
        """What was made up, changed, cut, or belongs to the other mechanism is refused; the original goes on."""
        answer = self.log_in()
        for name, headers in self.forgeries(answer).items():
            with self.subTest(name):
                self.assertNotEqual(headers, self.carry(answer))
                refusal = self.authenticate(headers)
                self.assertIsInstance(refusal, Response)
                self.assertIn(refusal.status, (400, 401))
        self.assertEqual(self.who(self.carry(answer)), ALICE)

    def test_refusals_beside_each_other(self) -> None:
        """Made up, or good until a second ago: the same answer to the byte, so that nobody learns what was wrong."""
        made_up = self.forgeries(self.log_in())["the last sign changed"]
        old = self.carry(self.log_in())
        self.harness.clock.advance(self.LIFETIME)
        self.assertEqual(self.authenticate(old), self.authenticate(made_up))

    def test_the_log(self) -> None:
        """Logins and refusals leave a line, a good request none, and no line holds what the client carries."""
        answer = self.log_in()
        self.assertEqual(len(self.harness.log), 1)
        self.authenticate(self.carry(answer))
        self.assertEqual(len(self.harness.log), 1)
        self.door.log_out(self.leave(answer))
        self.harness.clock.advance(self.LIFETIME)
        self.authenticate(self.carry(answer))
        for headers in self.forgeries(answer).values():  # most of them are made of the good one
            self.authenticate(headers)
        log = "".join(self.harness.log)
        self.assertIn("WARN", log)
        (shown,) = self.carry(answer).values()
        for part in (shown, shown.split("=")[-1], *shown.split("."), *self.secrets(answer)):
            self.assertNotIn(part.removeprefix("Bearer "), log)

    def secrets(self, answer: Response) -> list[str]:
        """What else the client must keep to itself."""
        return []

    # -- how long

    def test_its_end(self) -> None:
        """Unused, it is good up to its last second and not a second longer."""
        for wait, expected in ((self.LIFETIME - 1, ALICE), (self.LIFETIME, "nobody")):
            with self.subTest(wait=wait):
                headers = self.carry(self.log_in())
                self.harness.clock.advance(wait)
                self.assertEqual(self.who(headers), expected)

    # -- logging out

    def test_after_logging_out(self) -> None:
        """A logout answers 200. Then a copy opens nothing: of a session at once, of a token once expired or listed."""
        answer, other = self.log_in(), self.log_in()
        bobs = self.carry(self.log_in(self.bob))
        self.assertEqual(self.door.log_out(self.leave(answer)).status, 200)
        self.assertEqual(self.who(self.carry(answer)), self.in_use())
        self.assertEqual((self.who(self.carry(other)), self.who(bobs)), (ALICE, BOB))
        self.harness.clock.advance(self.LIFETIME)
        self.assertEqual(self.who(self.carry(answer)), "nobody")

    def test_logging_out_again(self) -> None:
        """A second logout is answered like the first, and ends nobody else's login."""
        answer, other = self.log_in(), self.log_in()
        first = self.door.log_out(self.leave(answer))
        self.assertEqual(self.door.log_out(self.leave(answer)), first)
        self.assertEqual(self.who(self.carry(other)), ALICE)

    def test_logging_in_after_logging_out(self) -> None:
        """Whoever logged out can log in again, and gets something new."""
        old = self.log_in()
        self.door.log_out(self.leave(old))
        new = self.log_in()
        self.assertNotEqual(self.carry(new), self.carry(old))
        self.assertEqual(self.who(self.carry(new)), ALICE)

    # -- when the account is no longer what it was

    def test_after_the_account_changed(self) -> None:
        """Disabled, deleted, password changed, logged out everywhere: what opens at once no longer, see below."""
        admin = {"authorization": self.harness.bearer(ROOT)}
        alice = f"/users/{self.alice.id}"
        passwords = {"current_password": PASSWORD, "new_password": "another password"}
        changes: dict[str, Callable[[dict[str, str]], Response]] = {
            "logged out everywhere": lambda own: self.harness.send("DELETE", "/me/sessions", **own),
            "password": lambda own: self.harness.send("POST", "/me/password", passwords, **own),
            "disabled": lambda own: self.harness.send("PATCH", alice, {"disabled": True}, **admin),
            "deleted": lambda own: self.harness.send("DELETE", alice, **admin),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.admins.change(self.alice.id, disabled=False)
                headers = self.carry(self.log_in(self.users.get(self.alice.id)))
                bobs = self.carry(self.log_in(self.bob))
                own = self.carry(self.log_in(self.users.get(self.alice.id)))
                self.assertIn(change(own).status, (200, 204))
                self.assertEqual(self.who(headers), self.in_use())
                self.assertEqual(self.who(bobs), BOB)
                self.harness.clock.advance(self.LIFETIME)
                self.assertEqual(self.who(headers), "nobody")
                admin["authorization"] = self.harness.bearer(ROOT)

    def test_what_a_disabled_user_may_do(self) -> None:
        """Nothing is done for a disabled or deleted user, whatever the mechanism still believes: the store is asked."""
        headers = self.carry(self.log_in())
        target = f"/users/{self.alice.id}"
        self.assertEqual(self.harness.send("GET", target, **headers).status, 200)
        self.admins.change(self.alice.id, disabled=True)
        self.assertEqual(self.harness.send("GET", target, **headers).status, 401)
        self.admins.delete(self.alice.id)
        self.assertEqual(self.harness.send("GET", target, **headers).status, 401)

    def test_what_a_demoted_admin_may_do(self) -> None:
        """A demotion acts on the next request, and a promotion too: what one may do is asked of the store."""
        headers = self.carry(self.log_in(self.root))
        self.assertEqual(self.harness.send("GET", "/users", **headers).status, 200)
        self.admins.change(self.alice.id, role="admin")
        self.admins.change(self.root.id, role="user")
        self.assertEqual(self.harness.send("GET", "/users", **headers).status, 403)
        self.admins.change(self.root.id, role="admin")
        self.assertEqual(self.harness.send("GET", "/users", **headers).status, 200)

    def test_a_login_with_yesterdays_password(self) -> None:
        """If the password is changed while somebody who proved the old one logs in, what they get opens nothing."""
        self.users.set_password(self.alice.id, "another password", 0)
        answer = self.door.log_in(self.alice, Request("POST", "/any"))
        if answer.status == 200:
            self.assertEqual(self.who(self.carry(answer)), "nobody")
        else:
            self.assertEqual(answer, self.door.refusal())
        self.assertEqual(self.who(self.carry(self.log_in(self.users.get(self.alice.id)))), ALICE)

    def test_a_login_with_tomorrows_password(self) -> None:
        """After an old backup was restored the older password counts: a login that proved a later one opens nothing."""
        later = replace(self.alice, password_version=self.alice.password_version + 1)
        answer = self.door.log_in(later, Request("POST", "/any"))
        self.assertEqual(answer, self.door.refusal())
        self.assertEqual(self.who(self.carry(self.log_in())), ALICE)

    def test_a_user_that_is_not_the_one_of_the_login(self) -> None:
        """The login stands for an id, not for an address: a new account of the same address is somebody else."""
        headers = self.carry(self.log_in())
        self.admins.delete(self.alice.id)
        again = self.users.sign_up(ALICE, PASSWORD)
        self.assertEqual(self.harness.send("GET", f"/users/{again.id}", **headers).status, 401)


class SessionsTest(MechanismContract, unittest.TestCase):
    """What is shown is a number; everything about it is asked of the server, so everything acts at once."""

    LIFETIME = 30 * 60
    ENDS_AT_ONCE = True

    def mechanism(self, harness: Harness) -> Mechanism:
        return harness.app.sessions

    def carry(self, answer: Response) -> dict[str, str]:
        return {"cookie": (answer.header("set-cookie") or "").partition(";")[0]}

    def leave(self, answer: Response) -> Request:
        return Request("POST", "/logout", tuple(self.carry(answer).items()))

    def forgeries(self, answer: Response) -> dict[str, dict[str, str]]:
        cookie = self.carry(answer)["cookie"]
        token = self.harness.bearer()
        return {
            "nothing in it": {"cookie": "session="},
            "the last sign changed": {"cookie": cookie[:-1] + ("B" if cookie[-1] == "A" else "A")},
            "the first sign changed": {"cookie": cookie.replace("session=", "session=A")[:-1]},
            "other letters": {"cookie": "session=" + cookie.removeprefix("session=").swapcase()},
            "cut": {"cookie": cookie[:-1]},
            "longer": {"cookie": cookie + "A"},
            "the user's id": {"cookie": f"session={self.alice.id}"},
            "another name": {"cookie": cookie.replace("session", "token")},
            "a token": {"cookie": "session=" + token.removeprefix("Bearer ")},
            "a token where tokens go": {"authorization": token},
            "the id where tokens go": {"authorization": "Bearer " + cookie.removeprefix("session=")},
        }

    def test_a_role_that_changed(self) -> None:
        """The user is as the store knows them now."""
        headers = self.carry(self.log_in())
        self.admins.change(self.alice.id, role="admin")
        self.assertEqual(self.authenticate(headers).role, "admin")

    def test_another_server(self) -> None:
        """A server with another memory does not know the session, whatever keys they share."""
        other = Harness(**self.settings)
        other.sign_up(ALICE)
        answer = other.app.sessions.authenticate(Request("GET", "/me", tuple(self.carry(self.log_in()).items())))
        self.assertEqual(answer, other.app.sessions.refusal())

    def test_logging_out_tells_the_browser(self) -> None:
        """The cookie is cleared with the record, with or without a session."""
        for request in (self.leave(self.log_in()), Request("POST", "/logout")):
            self.assertIn("session=; ", self.door.log_out(request).header("set-cookie"))


class TokensTest(MechanismContract, unittest.TestCase):
    """What is shown says everything itself and nothing is asked: it stays good until it expires."""

    LIFETIME = 15 * 60
    ENDS_AT_ONCE = False

    def mechanism(self, harness: Harness) -> Mechanism:
        return harness.app.tokens

    def carry(self, answer: Response) -> dict[str, str]:
        return {"authorization": "Bearer " + body(answer)["token"]}

    def leave(self, answer: Response) -> Request:
        fields = json.dumps({"refresh_token": body(answer)["refresh_token"]}).encode()
        return Request("POST", "/token/logout", (("content-type", "application/json"),), fields)

    def secrets(self, answer: Response) -> list[str]:
        return body(answer)["refresh_token"].split(".")

    def forgeries(self, answer: Response) -> dict[str, dict[str, str]]:
        token = body(answer)["token"]
        header, payload, signature = token.split(".")
        _, bobs_payload, bobs_signature = body(self.log_in(self.bob))["token"].split(".")
        cookie = self.harness.cookie()
        forged = {
            "nothing in it": "Bearer ",
            "no scheme": token,
            "another scheme": f"Basic {token}",
            "the last sign changed": f"Bearer {token[:-1]}{'A' if token[-1] != 'A' else 'E'}",
            "the first sign changed": f"Bearer A{token[1:]}",
            "other letters": f"Bearer {token.swapcase()}",
            "cut": f"Bearer {token[:-1]}",
            "longer": f"Bearer {token}A",
            "no signature": f"Bearer {header}.{payload}.",
            "two parts": f"Bearer {header}.{payload}",
            "somebody else's claims": f"Bearer {header}.{bobs_payload}.{signature}",
            "somebody else's signature": f"Bearer {header}.{payload}.{bobs_signature}",
            "the user's id": f"Bearer {self.alice.id}",
            "the refresh token": f"Bearer {body(answer)['refresh_token']}",
            "a session's id": "Bearer " + cookie.removeprefix("session="),
            "two in one line": f"Bearer {token}, Bearer {token}",
            "a parameter": f"Bearer {token} x",
        }
        return {
            **{name: {"authorization": value} for name, value in forged.items()},
            "in a cookie": {"cookie": f"token={token}"},
            "in the session's cookie": {"cookie": f"session={token}"},
            "a session's cookie": {"cookie": cookie},
        }

    def test_a_role_that_changed(self) -> None:
        """The user is as the token describes them, up to a quarter of an hour old."""
        headers = self.carry(self.log_in())
        self.admins.change(self.alice.id, role="admin")
        self.assertEqual(self.authenticate(headers).role, "user")

    def test_another_server(self) -> None:
        """A server with the same keys believes the token without ever having seen it; one with other keys does not."""
        request = Request("GET", "/token/me", tuple(self.carry(self.log_in()).items()))
        same = Harness(**self.settings).app.tokens
        self.assertEqual(same.authenticate(request).email, ALICE)
        second_key_only = Harness(**self.settings, keys={"k0": KEYS["k0"]}).app.tokens
        self.assertEqual(second_key_only.authenticate(request).status, 401)

    def test_without_a_store(self) -> None:
        """Believing a token asks the store of users nothing at all."""
        headers, cookie = self.carry(self.log_in()), self.harness.cookie()
        with mock.patch.object(self.users, "get", side_effect=AssertionError("the store was asked")):
            self.assertEqual(self.who(headers), ALICE)
            with self.assertRaises(AssertionError):  # the twin: a session cannot be believed without it
                self.harness.app.sessions.authenticate(Request("GET", "/me", (("cookie", cookie),)))

    def test_the_schemes_case(self) -> None:
        """The scheme's name is "Bearer" in any case, with one blank or more behind it (RFC 9110 §11.1)."""
        token = body(self.log_in())["token"]
        for start in ("Bearer ", "bearer ", "BEARER ", "bEaReR   "):
            with self.subTest(start):
                self.assertEqual(self.who({"authorization": start + token}), ALICE)
        for start in ("Bearer", "Bearer\t", "Bearer\u00a0", "Bearers ", " Bearer "):
            with self.subTest(start):
                self.assertIsInstance(self.authenticate({"authorization": start + token}), Response)


class DenyListTest(TokensTest):
    """With a list of ended logins, a token ends with its login; one more question at each request is the price."""

    settings = {"revocation": "denylist"}
    ENDS_AT_ONCE = True


class AllowListTest(TokensTest):
    """With a list of living logins, a token ends like a session, and another server no longer believes it."""

    settings = {"revocation": "allowlist"}
    ENDS_AT_ONCE = True

    def test_another_server(self) -> None:
        """The same keys are not enough any more: the other server has no such login on its list."""
        request = Request("GET", "/token/me", tuple(self.carry(self.log_in()).items()))
        self.assertEqual(Harness(**self.settings).app.tokens.authenticate(request).status, 401)
        self.assertEqual(self.door.authenticate(request).email, ALICE)


if __name__ == "__main__":
    unittest.main()
