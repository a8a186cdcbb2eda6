"""Who you are is not what you may do: 401 asks for a login, 403 says that no login will help.

The table of rules is tried in full, and then at the door: who gets 401, who 403, and what 404 would have told.
"""

from __future__ import annotations

import unittest

from authref.roles import ROLES, forbidden, permits
from authref.users import User
from authref.wire import Response
from tests.basics import SENTENCE
from tests.support import Harness, body


def user(user_id: str, role: str, disabled: bool = False) -> User:
    return User(user_id, f"{user_id}@example.com", role, disabled, "2100-01-15T08:00:00Z")


CALLERS = {
    "user": user("u1", "user"),
    "disabled user": user("u1", "user", disabled=True),
    "admin": user("a1", "admin"),
    "disabled admin": user("a1", "admin", disabled=True),
    "role in capitals": user("u1", "ADMIN"),
    "unknown role": user("u1", "root"),
    "empty role": user("u1", ""),
    "role with a blank": user("u1", "admin "),
}


class Permits(unittest.TestCase):
    def test_rules_by_callers(self) -> None:
        """Everybody passes "anyone" and "user"; an active admin passes all; "self_or_admin" asks whose it is."""
        for name, caller in CALLERS.items():
            admin = name == "admin"
            table = {
                ("anyone", None): True,
                ("user", None): True,
                ("self_or_admin", caller.id): True,
                ("self_or_admin", "somebody else"): admin,
                ("self_or_admin", caller.id.upper()): admin,
                ("self_or_admin", caller.id + " "): admin,
                ("self_or_admin", ""): admin,
                ("self_or_admin", None): admin,
                ("admin", None): admin,
                ("admin", caller.id): admin,  # one's own account does not make one an admin
            }
            for (rule, user_id), expected in table.items():
                with self.subTest(name, rule=rule, user_id=user_id):
                    self.assertIs(permits(rule, caller, user_id), expected)

    def test_a_rule_with_a_misprint(self) -> None:
        """A rule that nobody defined lets no user in, not even on their own account."""
        for rule in ("", "users", "Admin", "self", "any", None):
            with self.subTest(rule=rule):
                self.assertFalse(permits(rule, CALLERS["user"], "u1"))

    def test_the_roles(self) -> None:
        """There are two, and the harmless one comes first."""
        self.assertEqual(ROLES, ("user", "admin"))

    def test_forbidden(self) -> None:
        """403 is no invitation to log in: it has no challenge of its own, and says nothing of what was asked for."""
        answer = forbidden()
        self.assertEqual((answer.status, body(answer)["code"]), (403, "forbidden"))
        self.assertRegex(body(answer)["detail"], SENTENCE)
        self.assertIsNone(answer.header("www-authenticate"))


class AtTheDoor(unittest.TestCase):
    def setUp(self) -> None:
        self.harness = Harness()
        self.ids = {
            "alice": self.harness.sign_up("alice@example.com"),
            "bob": self.harness.sign_up("bob@example.com"),
            "admin": self.harness.sign_up("admin@example.com", role="admin"),
            "spare": self.harness.sign_up("spare@example.com", role="admin"),
            "nobody": "no-such-id",
        }

    def credentials(self, name: str) -> list[dict[str, str]]:
        """The headers by which this person may call: by session and by token; none for "anonymous"."""
        if name == "anonymous":
            return [{}]
        email = f"{name}@example.com"
        return [{"cookie": self.harness.cookie(email)}, {"authorization": self.harness.bearer(email)}]

    def ask(self, target: str, headers: dict[str, str]) -> Response:
        return self.harness.send("GET", target, **headers)

    def test_unknown_known_and_admin(self) -> None:
        """401 for whoever is unknown, 403 for whoever may not, then what is there: the same by cookie and by token."""
        table = {
            ("anonymous", "alice"): 401,
            ("anonymous", "nobody"): 401,
            ("anonymous", "list"): 401,
            ("alice", "alice"): 200,
            ("alice", "bob"): 403,
            ("alice", "nobody"): 403,
            ("alice", "list"): 403,
            ("admin", "alice"): 200,
            ("admin", "nobody"): 404,
            ("admin", "list"): 200,
        }
        for (caller, whom), expected in table.items():
            target = "/users" if whom == "list" else f"/users/{self.ids[whom]}"
            for headers in self.credentials(caller):
                with self.subTest(caller, whom=whom, by=list(headers)):
                    answer = self.ask(target, headers)
                    self.assertEqual(answer.status, expected)
                    if expected == 401:
                        self.assertIsNotNone(answer.header("www-authenticate"))
                    if expected == 403 and "authorization" in headers:
                        self.assertIn("insufficient_scope", answer.header("www-authenticate"))
                    elif expected == 403:
                        self.assertIsNone(answer.header("www-authenticate"), "it invites to log in again")

    def test_somebody_else_and_nobody(self) -> None:
        """Whoever may not look cannot tell an existing id from an invented one: the answers are equal to the byte."""
        for caller in ("anonymous", "alice"):
            for headers in self.credentials(caller):
                with self.subTest(caller, by=list(headers)):
                    there = self.ask(f"/users/{self.ids['bob']}", headers)
                    self.assertEqual(there, self.ask("/users/no-such-id", headers))
                    self.assertIn(there.status, (401, 403))

    def test_a_demotion(self) -> None:
        """A demoted admin is refused by the next request on, by session and by a token that still says "admin"."""
        for headers in self.credentials("admin"):
            with self.subTest(by=list(headers)):
                self.harness.app.admins.change(self.ids["admin"], role="admin")
                self.assertEqual(self.ask("/users", headers).status, 200)
                self.harness.app.admins.change(self.ids["admin"], role="user")
                self.assertEqual(self.ask("/users", headers).status, 403)

    def test_a_promotion(self) -> None:
        """A promotion acts at once, too: what one may do is asked of the store."""
        headers_by_mechanism = self.credentials("alice")
        self.harness.app.admins.change(self.ids["alice"], role="admin")
        for headers in headers_by_mechanism:
            with self.subTest(by=list(headers)):
                self.assertEqual(self.ask("/users", headers).status, 200)

    def test_disabled_or_deleted(self) -> None:
        """A disabled or deleted admin is nobody: 401, by session and by a token that is still good."""
        ways = {
            "admin": lambda: self.harness.app.admins.change(self.ids["admin"], disabled=True),
            "spare": lambda: self.harness.app.admins.delete(self.ids["spare"]),
        }
        self.harness.sign_up("third@example.com", role="admin")
        for name, end in ways.items():
            headers_by_mechanism = self.credentials(name)
            for headers in headers_by_mechanism:
                self.assertEqual(self.ask("/users", headers).status, 200)
            end()
            for headers in headers_by_mechanism:
                with self.subTest(name, by=list(headers)):
                    self.assertEqual(self.ask("/users", headers).status, 401)

    def test_refusals_leave_a_trace(self) -> None:
        """A 403 is logged with who and what rule; a permitted request is not."""
        (headers, _) = self.credentials("alice")
        self.ask(f"/users/{self.ids['alice']}", headers)
        self.assertEqual(self.harness.events("authz_fail"), [])
        self.ask("/users", headers)
        events = self.harness.events("authz_fail")
        self.assertEqual(len(events), 1)
        (event,) = events
        self.assertEqual((event["user"], event["rule"], event["level"]), (self.ids["alice"], "admin", "WARN"))


if __name__ == "__main__":
    unittest.main()
