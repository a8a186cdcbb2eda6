"""Who may call what: every kind of caller is sent to every route by both mechanisms.

The cells are made from the app's own table, so a new route takes part by being there. What each route should ask for
stands in RULES, written by hand from the specification: a route without a line there, or with another rule, fails.
"""

from __future__ import annotations

import itertools
import threading
import time
import unittest
from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

from authref.app.routes import Route
from authref.roles import ROLES, permits
from authref.users import User
from authref.wire import Request, Response
from tests.basics import KEYS, PASSWORD
from tests.support import Harness, body, map_class, quick_hashes


class Asked(NamedTuple):
    """What a route asks for: its rule, what may speak for the caller, a body it accepts, the status of a success."""

    rule: str
    by: str
    value: object
    success: int


ACCOUNT = {"email": "new@example.com", "password": PASSWORD}
ROOT = {"email": "root@example.com", "password": PASSWORD}
CHANGE = {"current_password": PASSWORD, "new_password": "another password"}
REFRESH = {"refresh_token": "a live one"}  # World.call puts one in its place
RULES = {
    ("POST", "/signup"): Asked("anyone", "", ACCOUNT, 201),
    ("POST", "/login"): Asked("anyone", "", ROOT, 200),
    ("POST", "/logout"): Asked("anyone", "", None, 200),
    ("GET", "/me"): Asked("user", "session", None, 200),
    ("GET", "/me/sessions"): Asked("user", "either", None, 200),
    ("DELETE", "/me/sessions"): Asked("user", "either", None, 204),
    ("DELETE", "/me/sessions/{id}"): Asked("user", "either", None, 204),
    ("POST", "/me/password"): Asked("user", "either", CHANGE, 204),
    ("POST", "/token/login"): Asked("anyone", "", ROOT, 200),
    ("POST", "/token/refresh"): Asked("anyone", "", REFRESH, 200),
    ("POST", "/token/logout"): Asked("anyone", "", REFRESH, 200),
    ("GET", "/token/me"): Asked("user", "bearer", None, 200),
    ("GET", "/users"): Asked("admin", "either", None, 200),
    ("GET", "/users/{id}"): Asked("self_or_admin", "either", None, 200),
    ("PATCH", "/users/{id}"): Asked("admin", "either", {"role": "user"}, 200),
    ("DELETE", "/users/{id}"): Asked("self_or_admin", "either", None, 204),
    ("GET", "/health"): Asked("anyone", "", None, 200),
    ("GET", "/openapi.json"): Asked("anyone", "", None, 200),
    ("GET", "/"): Asked("anyone", "", None, 200),
}

MECHANISMS = ("session", "bearer")

# What happens to each kind of caller between the login and the request.
CALLERS = ("anonymous", "user", "owner", "admin", "disabled admin", "demoted admin", "deleted user")

# Whom the store still knows: for each, whether it is an admin now, and whether the path names them.
LIVE = {"user": (False, False), "owner": (False, True), "admin": (True, False), "demoted admin": (False, False)}

# Authorization headers that let nobody in, with the answer: half a header is malformed (RFC 6750 §3.1).
BAD_AUTHORIZATION = {
    "": (401, "unauthorized"),
    "x": (401, "unauthorized"),
    "Basic cm9vdDpyb290": (401, "unauthorized"),
    "Bearer x": (401, "unauthorized"),
    "Bearer a.b.c": (401, "unauthorized"),
    "Bearer": (400, "invalid_request"),
    "Bearer ": (400, "invalid_request"),
    "Bearer ,": (400, "invalid_request"),
    "Bearer a b": (400, "invalid_request"),
}
BAD_COOKIES = ("session=", "session=x", "session=" + "A" * 43, "session=" + "A" * 44, "session", "; =;")


def expected(asked: Asked, caller: str, mechanism: str) -> int:
    """The status that the rule demands for this caller, by this mechanism."""
    if asked.rule == "anyone":
        return asked.success
    if caller == "anonymous" or asked.by not in ("either", mechanism):
        return 401
    if asked.by == "bearer":
        return asked.success  # a signed token is believed until it expires: that is the price of not looking
    if caller not in LIVE:
        return 401
    is_admin, is_owner = LIVE[caller]
    if asked.rule == "user" or is_admin or (is_owner and asked.rule == "self_or_admin"):
        return asked.success
    return 403


class World:
    """An app with a caller of one kind who has logged in by both mechanisms, and the user whom a path names."""

    def __init__(self, caller: str) -> None:
        self.harness = Harness()
        self.harness.sign_up("root@example.com", role="admin")  # there is always another admin
        self.owner = self.harness.sign_up("owner@example.com")
        self.caller, email = self.owner, "owner@example.com"
        if caller not in ("owner", "anonymous"):
            email = "caller@example.com"
            self.caller = self.harness.sign_up(email, role="admin" if "admin" in caller else "user")
        self.harness.cookie(email)
        self.login = next(iter(self.harness.app.sessions.logins(self.caller)))  # one that may be ended
        self.credentials: dict[str, dict[str, str]] = {"session": {}, "bearer": {}}
        if caller != "anonymous":
            self.credentials["session"] = {"cookie": self.harness.cookie(email)}
            self.credentials["bearer"] = {"authorization": self.harness.bearer(email)}
        if caller == "disabled admin":
            self.harness.app.admins.change(self.caller, disabled=True)
        if caller == "demoted admin":
            self.harness.app.admins.change(self.caller, role="user")
        if caller == "deleted user":
            self.harness.app.admins.delete(self.caller)

    def call(self, method: str, path: str, value: object, **credentials: str) -> Response:
        """The answer to the request; the path's {id} is the owner, or a login of the caller's."""
        target = path.replace("{id}", self.login if path.startswith("/me/") else self.owner)
        if value == REFRESH:
            value = {"refresh_token": body(self.harness.send("POST", "/token/login", ROOT))["refresh_token"]}
        return self.harness.send(method, target, value, **credentials)

    def users(self) -> list[User]:
        """All users as the store has them."""
        return self.harness.app.users.page("", 100)[0]


def at_once(harness: Harness, requests: list[tuple[str, str, object]], cookies: list[str]) -> list[int]:
    """The statuses of these requests, each sent by a thread of its own in the same moment."""
    statuses: list[int] = []
    start = threading.Barrier(len(requests))

    def send(method: str, target: str, value: object, cookie: str) -> None:
        start.wait()
        statuses.append(harness.send(method, target, value, cookie=cookie).status)

    threads = [
        threading.Thread(target=send, args=(*request, cookie))
        for request, cookie in zip(requests, cookies, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def hesitating(replace: Callable[..., bool]) -> Callable[..., bool]:
    """A map's `replace` that takes its time: whoever has decided something waits before writing it."""

    def slow(*arguments: object) -> bool:
        time.sleep(0.01)
        return replace(*arguments)

    return slow


class TheTable(unittest.TestCase):
    def setUp(self) -> None:
        self.routes = Harness().app.routes

    def test_a_route_without_a_rule(self) -> None:
        """The app's table and RULES have the same rows: nobody adds a route and forgets who may call it."""
        self.assertEqual({(route.method, route.path) for route in self.routes}, set(RULES))
        self.assertEqual(len(self.routes), len(RULES), "a route stands in the table twice")

    def test_a_route_with_another_rule(self) -> None:
        """Each row of the app's table says the rule, and the mechanism, that the specification says."""
        for route in self.routes:
            asked = RULES.get((route.method, route.path))
            with self.subTest(route.path, method=route.method):
                self.assertEqual((route.rule, route.by), asked and asked[:2])

    def test_a_row_that_says_half(self) -> None:
        """A row names a mechanism exactly when it asks for a login, and only rules that exist."""
        for route in self.routes:
            with self.subTest(route.path, method=route.method):
                self.assertIn(route.rule, ("anyone", "user", "self_or_admin", "admin"))
                self.assertIn(route.by, ("session", "bearer", "either", ""))
                self.assertEqual(route.rule == "anyone", route.by == "")
                if route.rule == "self_or_admin":
                    self.assertEqual(route.path, "/users/{id}")


class WithoutCredentials(unittest.TestCase):
    def setUp(self) -> None:
        self.world = World("anonymous")
        self.protected = [route for route in self.world.harness.app.routes if route.rule != "anyone"]

    def methods(self, route: Route) -> tuple[str, ...]:
        return ("GET", "HEAD") if route.method == "GET" else (route.method,)

    def test_no_credentials(self) -> None:
        """Every route that is not for anyone answers 401 and says how to log in, before it looks at anything else."""
        self.assertGreaterEqual(len(self.protected), 10)
        before = self.world.users()
        for route in self.protected:
            for method in self.methods(route):
                for value in (RULES[route.method, route.path].value, None, [], {"unknown": "field"}):
                    with self.subTest(route.path, method=method, value=value):
                        answer = self.world.call(method, route.path, value)
                        self.assertEqual((answer.status, body(answer)["code"]), (401, "unauthorized"))
                        challenge = answer.header("www-authenticate") or ""
                        self.assertRegex(challenge, r'\A(Bearer|Cookie) realm="authref"\Z')
                        self.assertIsNone(answer.header("set-cookie"))
        self.assertEqual(self.world.users(), before)

    def test_credentials_that_are_none(self) -> None:
        """A made-up session id or token, in any form, is as good as none."""
        for route in self.protected:
            value = RULES[route.method, route.path].value
            for cookie in BAD_COOKIES:
                with self.subTest(route.path, method=route.method, cookie=cookie):
                    answer = self.world.call(route.method, route.path, value, cookie=cookie)
                    self.assertEqual((answer.status, body(answer)["code"]), (401, "unauthorized"))
                    self.assertIsNotNone(answer.header("www-authenticate"))
            for text, expected_answer in BAD_AUTHORIZATION.items():
                with self.subTest(route.path, method=route.method, authorization=text):
                    answer = self.world.call(route.method, route.path, value, authorization=text)
                    refused = (401, "unauthorized") if route.by == "session" else expected_answer
                    self.assertEqual((answer.status, body(answer)["code"]), refused)
                    self.assertIsNotNone(answer.header("www-authenticate"))

    def test_claims_about_oneself(self) -> None:
        """Headers that some proxies set to say who calls mean nothing here: anybody can send them."""
        for route in self.protected:
            answer = self.world.call(
                route.method, route.path, RULES[route.method, route.path].value,
                x_user_id=self.world.owner, x_forwarded_user="root@example.com", remote_user="root@example.com",
                x_original_url="/health", x_rewrite_url="/health", x_http_method_override="GET", x_real_ip="127.0.0.1",
            )  # fmt: skip
            with self.subTest(route.path, method=route.method):
                self.assertEqual(answer.status, 401)

    def test_the_other_mechanism(self) -> None:
        """A token is no session and a session id is no token: each opens only the routes that take it."""
        world = World("admin")
        session, token = world.credentials["session"]["cookie"], world.credentials["bearer"]["authorization"]
        swapped = {
            "session": {"cookie": "session=" + token.removeprefix("Bearer ")},
            "bearer": {"authorization": "Bearer " + session.removeprefix("session=")},
        }
        for route in self.protected:
            for mechanism in MECHANISMS:
                with self.subTest(route.path, method=route.method, mechanism=mechanism):
                    value = RULES[route.method, route.path].value
                    self.assertEqual(world.call(route.method, route.path, value, **swapped[mechanism]).status, 401)
        self.assertEqual(world.call("GET", "/users", None, cookie=session).status, 200)
        self.assertEqual(world.call("GET", "/users", None, authorization=token).status, 200)


class TheMatrix(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(quick_hashes())

    def test_every_caller_on_every_route_by_every_mechanism(self) -> None:
        """Each cell has the status that the rule demands; a refusal changes nothing and shows nobody's data."""
        cells = 0
        for caller in CALLERS:
            world = World(caller)
            for route, mechanism in itertools.product(world.harness.app.routes, MECHANISMS):
                asked = RULES[route.method, route.path]
                for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                    with self.subTest(route.path, method=method, caller=caller, mechanism=mechanism):
                        before = world.users()
                        answer = world.call(method, route.path, asked.value, **world.credentials[mechanism])
                        self.assertEqual(answer.status, expected(asked, caller, mechanism))
                        if answer.status in (401, 403):
                            code = "unauthorized" if answer.status == 401 else "forbidden"
                            self.assertEqual(body(answer)["code"], code)
                            self.assertNotIn(b"@example.com", answer.body)
                            self.assertEqual(world.users(), before)
                    cells += 1
                if route.method != "GET" and answer.status < 300:
                    world = World(caller)  # the next cell begins as this one did
        rows = len(RULES) + sum(method == "GET" for method, _ in RULES)  # where GET works, HEAD does
        self.assertEqual(cells, len(CALLERS) * len(MECHANISMS) * rows)

    def test_what_the_matrix_holds(self) -> None:
        """Some cells of each kind, spelt out, so that `expected` cannot excuse everything."""
        for method, path, caller, mechanism, status in (
            ("GET", "/users", "user", "session", 403),
            ("GET", "/users", "admin", "bearer", 200),
            ("GET", "/users", "demoted admin", "bearer", 403),
            ("GET", "/users", "disabled admin", "bearer", 401),
            ("GET", "/users/{id}", "owner", "session", 200),
            ("GET", "/users/{id}", "user", "bearer", 403),
            ("PATCH", "/users/{id}", "owner", "session", 403),
            ("DELETE", "/users/{id}", "owner", "bearer", 204),
            ("DELETE", "/users/{id}", "demoted admin", "session", 403),
            ("DELETE", "/users/{id}", "deleted user", "session", 401),
            ("GET", "/me", "admin", "bearer", 401),
            ("GET", "/me", "demoted admin", "session", 200),
            ("GET", "/token/me", "disabled admin", "bearer", 200),
            ("GET", "/token/me", "admin", "session", 401),
            ("POST", "/logout", "anonymous", "session", 200),
        ):
            with self.subTest(path, method=method, caller=caller, mechanism=mechanism):
                self.assertEqual(expected(RULES[method, path], caller, mechanism), status)

    def test_the_rules_by_themselves(self) -> None:
        """`permits` lets in whom the rule names, and an admin only while the account is active."""
        for rule, role, disabled, own, allowed in (
            ("anyone", "user", False, False, True),
            ("user", "user", False, False, True),
            ("self_or_admin", "user", False, True, True),
            ("self_or_admin", "user", False, False, False),
            ("self_or_admin", "admin", False, False, True),
            ("self_or_admin", "admin", True, False, False),
            ("admin", "user", False, True, False),
            ("admin", "admin", False, False, True),
            ("admin", "admin", True, True, False),
            ("admin", "Admin", False, False, False),
        ):
            with self.subTest(rule=rule, role=role, disabled=disabled, own=own):
                caller = User("me", "me@example.com", role, disabled, "")
                self.assertIs(permits(rule, caller, "me" if own else "you"), allowed)
        self.assertFalse(permits("admin", User("me", "me@example.com", "user", False, ""), "me"))
        self.assertFalse(permits("self_or_admin", User("me", "me@example.com", "user", False, "")))
        self.assertEqual(set(ROLES), {"user", "admin"})


class BothAtOnce(unittest.TestCase):
    """A request that shows a cookie and a token: one request, one identity."""

    def setUp(self) -> None:
        self.world = World("admin")
        self.cookie = self.world.credentials["session"]["cookie"]
        self.either = [route for route in self.world.harness.app.routes if route.by == "either"]
        self.assertGreaterEqual(len(self.either), 8)

    def test_a_bad_token_beside_a_good_cookie(self) -> None:
        """A bad Authorization header is refused and never replaced by the cookie, not even an empty one."""
        before = self.world.users()
        for route in self.either:
            for text, refused in BAD_AUTHORIZATION.items():
                with self.subTest(route.path, method=route.method, authorization=text):
                    value = RULES[route.method, route.path].value
                    answer = self.world.call(route.method, route.path, value, cookie=self.cookie, authorization=text)
                    self.assertEqual((answer.status, body(answer)["code"]), refused)
                    self.assertIn("Bearer", answer.header("www-authenticate") or "")
        self.assertEqual(self.world.users(), before)
        self.assertEqual(self.world.call("GET", "/users", None, cookie=self.cookie).status, 200)

    def test_an_expired_token_beside_a_good_cookie(self) -> None:
        """A token that was good does not fall back either, once it has expired."""
        token = self.world.credentials["bearer"]["authorization"]
        self.world.harness.clock.advance(15 * 60)
        for route in self.either:
            with self.subTest(route.path, method=route.method):
                value = RULES[route.method, route.path].value
                answer = self.world.call(route.method, route.path, value, cookie=self.cookie, authorization=token)
                self.assertEqual(answer.status, 401)
        self.assertEqual(self.world.call("GET", "/users", None, cookie=self.cookie).status, 200)

    def test_two_identities(self) -> None:
        """Where a token and a cookie name different users, the token decides, in both directions."""
        user = self.world.harness.bearer("owner@example.com")
        self.assertEqual(self.world.call("GET", "/users", None, cookie=self.cookie, authorization=user).status, 403)
        admin = self.world.credentials["bearer"]["authorization"]
        cookie = self.world.harness.cookie("owner@example.com")
        self.assertEqual(self.world.call("GET", "/users", None, cookie=cookie, authorization=admin).status, 200)

    def test_routes_of_one_mechanism(self) -> None:
        """A route that takes one mechanism does not look at the other's header at all."""
        bad_cookie = "session=" + "A" * 43
        token = self.world.credentials["bearer"]["authorization"]
        for path, cookie, authorization, status in (
            ("/me", self.cookie, "Bearer x", 200),
            ("/me", bad_cookie, token, 401),
            ("/token/me", bad_cookie, token, 200),
            ("/token/me", self.cookie, "Bearer x", 401),
        ):
            with self.subTest(path, authorization=authorization[:8]):
                answer = self.world.call("GET", path, None, cookie=cookie, authorization=authorization)
                self.assertEqual(answer.status, status)

    def test_two_lines_of_one_header(self) -> None:
        """A second Authorization or Cookie line hides nothing behind the first: together they are no credential."""
        token, cookie = self.world.credentials["bearer"]["authorization"], self.cookie
        owner = self.world.harness.cookie("owner@example.com")
        for path, status, headers in (
            ("/token/me", 400, (("authorization", token), ("authorization", token))),
            ("/token/me", 400, (("authorization", "Bearer x"), ("authorization", token))),
            ("/users", 400, (("authorization", token), ("authorization", "Bearer x"))),
            ("/users", 401, (("authorization", "Basic x"), ("authorization", token))),
            ("/me", 401, (("cookie", cookie), ("cookie", owner))),
            ("/me", 401, (("cookie", f"{owner}; {cookie}"),)),
        ):
            with self.subTest(path, headers=headers):
                self.assertEqual(self.world.harness.app(Request("GET", path, headers)).status, status)
        for path, headers in (("/token/me", (("authorization", token),)), ("/me", (("cookie", cookie),))):
            self.assertEqual(self.world.harness.app(Request("GET", path, headers)).status, 200)


class SomebodyElses(unittest.TestCase):
    """Ids in paths belong to somebody (broken object level authorization)."""

    def setUp(self) -> None:
        self.world = World("user")
        self.nobody = self.world.owner[::-1]
        self.assertIsNone(self.world.harness.app.users.get(self.nobody))

    def test_refused_looks_the_same_whoever_is_there(self) -> None:
        """Whether the other user exists cannot be told from the refusal: equal bytes and headers."""
        by_id = [route for route in self.world.harness.app.routes if route.path == "/users/{id}"]
        self.assertGreaterEqual(len(by_id), 3)
        for route, mechanism in itertools.product(by_id, MECHANISMS):
            for value in (RULES[route.method, route.path].value, {"unknown": 1}, None):
                answers = [
                    self.world.harness.send(
                        route.method, route.path.replace("{id}", user_id), value, **self.world.credentials[mechanism]
                    )
                    for user_id in (self.world.owner, self.nobody, "x", "'", "%00", "root@example.com")
                ]
                with self.subTest(route.path, method=route.method, mechanism=mechanism, value=value):
                    self.assertEqual((answers[0].status, body(answers[0])["code"]), (403, "forbidden"))
                    self.assertEqual(answers, answers[:1] * len(answers))

    def test_logins_of_others(self) -> None:
        """Somebody else's login is not found, like one that never was, for an admin too; and it goes on."""
        self.world.harness.sign_up("victim@example.com")
        victim = {"cookie": self.world.harness.cookie("victim@example.com")}
        bearer = {"authorization": self.world.harness.bearer("victim@example.com")}
        logins = body(self.world.harness.send("GET", "/me/sessions", **victim))["sessions"]
        self.assertEqual({login["kind"] for login in logins}, {"session", "token"})
        root = {"cookie": self.world.harness.cookie("root@example.com")}
        for caller in (*self.world.credentials.values(), root):
            answers = [
                self.world.harness.send("DELETE", f"/me/sessions/{login_id}", **caller)
                for login_id in ("0" * 64, "x", *(login["id"] for login in logins))
            ]
            self.assertEqual((answers[0].status, body(answers[0])["code"]), (404, "not_found"))
            self.assertEqual(answers, answers[:1] * 4)
        self.assertEqual(self.world.harness.send("GET", "/me", **victim).status, 200)
        for login in logins:
            with self.subTest("the twin: one's own", kind=login["kind"]):
                answer = self.world.harness.send("DELETE", f"/me/sessions/{login['id']}", **bearer)
                self.assertEqual(answer.status, 204)

    def test_an_admin_hears_what_is_not_there(self) -> None:
        """Whoever may see everybody is told 404."""
        world = World("admin")
        for route in world.harness.app.routes:
            if route.path == "/users/{id}":
                with self.subTest(route.path, method=route.method):
                    target = route.path.replace("{id}", self.nobody)
                    value = RULES[route.method, route.path].value
                    answer = world.harness.send(route.method, target, value, **world.credentials["session"])
                    self.assertEqual((answer.status, body(answer)["code"]), (404, "not_found"))

    def test_other_spellings_of_ones_own_id(self) -> None:
        """What is nearly one's own id is somebody else's."""
        own = self.world.caller
        for other in (own + "%20", "%20" + own, own + ";", own.swapcase(), own[:-1], own + "=", own + "%00", "me"):
            with self.subTest(other):
                answer = self.world.harness.send("GET", f"/users/{other}", **self.world.credentials["session"])
                self.assertEqual(answer.status, 403)
        answer = self.world.harness.send("GET", f"/users/{own}", **self.world.credentials["session"])
        self.assertEqual(answer.status, 200)

    def test_a_role_in_the_own_token(self) -> None:
        """What a token says of the role opens nothing, for a demoted admin's still says admin: the store is asked."""
        world = World("demoted admin")
        token = world.credentials["bearer"]
        self.assertEqual(body(world.call("GET", "/token/me", None, **token))["user"]["role"], "admin")
        self.assertEqual(world.call("GET", "/users", None, **token).status, 403)
        world.harness.app.admins.change(world.caller, role="admin")
        self.assertEqual(world.call("GET", "/users", None, **token).status, 200)

    def test_promotion_and_ban_act_at_once(self) -> None:
        """A change of rights is in force from the next request on, for sessions and tokens from before it."""
        world = World("user")
        for change, status in (({"role": "admin"}, 200), ({"disabled": True}, 401), ({"disabled": False}, 200),
                               ({"role": "user"}, 403)):  # fmt: skip
            world.harness.app.admins.change(world.caller, **change)
            for mechanism in MECHANISMS:
                with self.subTest(change, mechanism=mechanism):
                    answer = world.call("GET", "/users", None, **world.credentials[mechanism])
                    self.assertEqual(answer.status, status)

    def test_tokens_of_another_ring(self) -> None:
        """A token or a session of one server opens nothing on another with other keys, whatever it says."""
        other = Harness(keys={"k1": KEYS["k0"]})
        other.sign_up("root@example.com", role="admin")
        world = World("admin")
        foreign = ({"cookie": other.cookie("root@example.com")}, {"authorization": other.bearer("root@example.com")})
        for credentials in foreign:
            self.assertEqual(world.call("GET", "/users", None, **credentials).status, 401)
            self.assertEqual(other.send("GET", "/users", **credentials).status, 200)


class TheLastAdmin(unittest.TestCase):
    """There is always somebody who can administer."""

    def setUp(self) -> None:
        self.harness = Harness()
        self.root = self.harness.sign_up("root@example.com", role="admin")
        self.as_root = {"cookie": self.harness.cookie("root@example.com")}

    def takes_away(self) -> tuple[tuple[str, object], ...]:
        return (("PATCH", {"role": "user"}), ("PATCH", {"disabled": True}), ("DELETE", None))

    def test_the_only_one(self) -> None:
        """The only admin can be demoted, disabled and deleted by nobody, also when disabled ones are left: 409."""
        spare = self.harness.sign_up("spare@example.com", role="admin")
        self.harness.app.admins.change(spare, disabled=True)
        self.harness.sign_up("user@example.com")
        for method, value in (*self.takes_away(), ("PATCH", {"role": "user", "disabled": True})):
            with self.subTest(method, value=value):
                answer = self.harness.send(method, f"/users/{self.root}", value, **self.as_root)
                self.assertEqual((answer.status, body(answer)["code"]), (409, "last_admin"))
        self.assertEqual(self.harness.send("GET", "/users", **self.as_root).status, 200)
        same = self.harness.send("PATCH", f"/users/{self.root}", {"role": "admin", "disabled": False}, **self.as_root)
        self.assertEqual(same.status, 200)  # what takes nothing away is no conflict

    def test_one_of_two(self) -> None:
        """The twin: with another active admin each of these succeeds."""
        for number, (method, value) in enumerate(self.takes_away()):
            second = self.harness.sign_up(f"second{number}@example.com", role="admin")
            with self.subTest(method, value=value):
                answer = self.harness.send(method, f"/users/{second}", value, **self.as_root)
                self.assertIn(answer.status, (200, 204))

    def test_all_at_once(self) -> None:
        """However many admins leave in the same moment, one stays, or several who met; each who stays was refused."""
        for method, value in self.takes_away():
            harness = Harness()
            emails = [f"admin{number}@example.com" for number in range(8)]
            ids = [harness.sign_up(email, role="admin") for email in emails]
            cookies = [harness.cookie(email) for email in emails]
            with self.subTest(method, value=value):
                requests = [(method, f"/users/{user_id}", value) for user_id in ids]
                with mock.patch.object(map_class(), "replace", hesitating(map_class().replace)):
                    statuses = at_once(harness, requests, cookies)
                active = [user for user in harness.app.users.page("", 100)[0] if user.is_active_admin]
                self.assertGreaterEqual(len(active), 1)
                left = [204 if method == "DELETE" else 200] * (8 - len(active))
                self.assertEqual(sorted(statuses), left + [409] * len(active))


class TheWrongDoor(unittest.TestCase):
    """A token at /me, a cookie at /token/me: the two routes that take one of the two only."""

    def setUp(self) -> None:
        self.harness = Harness()
        self.harness.sign_up()
        self.cookie, self.bearer = self.harness.cookie(), self.harness.bearer()

    def detail(self, answer: Response) -> str:
        self.assertEqual((answer.status, body(answer)["code"]), (401, "unauthorized"))
        return str(body(answer)["detail"])

    def test_which_door_is_which(self) -> None:
        """The refusal says what this route takes, where the other is taken, and that all other routes take either."""
        at_me = self.detail(self.harness.send("GET", "/me", authorization=self.bearer))
        self.assertRegex(at_me, "This route takes the cookie.*/token/me takes a token.*others take either")
        at_token_me = self.detail(self.harness.send("GET", "/token/me", cookie=self.cookie))
        self.assertRegex(at_token_me, "This route takes a token.*Bearer <token>.*/me a cookie.*others take either")

    def test_what_it_says_is_true(self) -> None:
        """The twin: each opens its own door, and every route but these two takes either."""
        for route in self.harness.app.routes:
            if route.by == "either" and route.method == "GET" and route.rule == "user":
                for headers in ({"cookie": self.cookie}, {"authorization": self.bearer}):
                    with self.subTest(route.path, headers=list(headers)):
                        self.assertEqual(self.harness.send("GET", route.path, **headers).status, 200)
        self.assertEqual([route.path for route in self.harness.app.routes if route.by in ("session", "bearer")],
                         ["/me", "/token/me"])  # fmt: skip
        self.assertEqual(self.harness.send("GET", "/me", cookie=self.cookie).status, 200)
        self.assertEqual(self.harness.send("GET", "/token/me", authorization=self.bearer).status, 200)

    def test_no_oracle(self) -> None:
        """The answer is the same, byte for byte, for a good credential, a bad one and junk: which header counts."""
        ended = self.harness.cookie()
        self.harness.send("POST", "/logout", cookie=ended)
        bearers = (self.bearer, self.bearer[:-1], "Bearer x", "Bearer", "Basic YTpi", "")
        cookies = (self.cookie, ended, "session=x", "a=b", "", self.cookie + "; " + self.cookie)
        tokens_at_me = {self.harness.send("GET", "/me", authorization=bearer) for bearer in bearers}
        tokens_at_me |= {self.harness.send("GET", "/me", authorization=bearer, cookie=cookie)
                         for bearer in bearers for cookie in cookies[1:]}  # fmt: skip
        self.assertEqual(len(tokens_at_me), 1)
        self.assertEqual(len({self.harness.send("GET", "/token/me", cookie=cookie) for cookie in cookies}), 1)

    def test_nothing_at_all(self) -> None:
        """Who shows nothing is told how to log in, at either door, and at those that take either."""
        self.assertEqual(self.detail(self.harness.send("GET", "/me")), "Log in first: POST /login.")
        self.assertRegex(self.detail(self.harness.send("GET", "/token/me")), "^Send a token: .*: Bearer <token>")
        self.assertEqual(self.detail(self.harness.send("GET", "/me/sessions")), "Log in first: POST /login.")
        basic = {"cookie": self.cookie, "authorization": "Basic YTpi"}
        for target in ("/token/me", "/me/sessions"):  # the header is judged, and the cookie no longer matters
            self.assertRegex(self.detail(self.harness.send("GET", target, **basic)), "^Send a token")


if __name__ == "__main__":
    unittest.main()
