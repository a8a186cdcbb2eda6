"""An answer of the store gets lost, at every operation of every route: what does whoever asks again get?

The store may have done what it was asked, or not; the server knows neither, so the client hears 503. Asked once more,
the same request finishes the work, or says truly that it is done: 401 and 404 for what is gone, 409 for an address
that is taken. What is right by construction is said beside each route. In no case does anybody get in who should not.
"""

from __future__ import annotations

import re
import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from unittest import mock

from authref.events import Events
from authref.maps import Map, Store, StoreUnavailable
from authref.wire import Response
from tests.basics import PASSWORD
from tests.support import Harness, body, new_store
from tests.test_maps import Watched
from tests.test_users import quick_check, quick_hash

EVERYBODY = ALICE, BOB, ROOT, OTHER_ROOT = [f"{name}@example.com" for name in ("alice", "bob", "root", "other")]
NEW = "a new battery staple"
MODES = ("none", "denylist", "allowlist")


class LossyStore(Store):
    """One whose answer to one operation gets lost, before it is done or after; and that can go back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.inner = new_store(now)
        self.close = self.inner.close  # type: ignore[method-assign]
        self.maps: list[Watched[Any]] = []
        self.asked, self.lost, self.done = 0, 0, False

    def map(self, name: str, kind: type[Any]) -> Map[Any]:
        entries: Watched[Any] = Watched(self.inner.map(name, kind))
        entries.before = lambda verb, key: self._count(not self.done, 1)
        entries.after = lambda verb, key: self._count(self.done, 0)
        self.maps.append(entries)
        return entries

    def lose(self, number: int, *, done: bool) -> None:
        """Lose the answer to this operation from now on; 0 for none."""
        self.asked, self.lost, self.done = 0, number, done

    def entries(self) -> list[dict[str, Any]]:
        """All there is."""
        return [entries.inner.page("", 1000) for entries in self.maps]

    def go_back(self, before: list[dict[str, Any]]) -> None:
        """Have these entries, and no others."""
        for entries, now, values in zip(self.maps, self.entries(), before, strict=True):
            if now == values:
                continue
            for key in now.keys() - values.keys():
                entries.inner.pop(key)
            for key, value in values.items():
                if now.get(key) != value:
                    entries.inner[key] = value

    def _count(self, now: bool, step: int) -> None:
        self.asked += step
        if now and self.asked == self.lost:
            raise StoreUnavailable("an answer got lost")


@dataclass(frozen=True)
class Login:
    """What one login gave: a cookie, or two tokens."""

    cookie: str = ""
    access: str = ""
    refresh: str = ""

    @property
    def header(self) -> dict[str, str]:
        bearer = {"authorization": f"Bearer {self.access}"} if self.access else {}
        return {"cookie": self.cookie} if self.cookie else bearer


@dataclass(frozen=True)
class Case:
    """One request, what the second time may answer, which logins are over then, and what else must hold."""

    name: str
    method: str
    path: str
    value: object
    caller: Login
    again: tuple[int, ...]
    over: tuple[Login, ...] = ()
    check: Callable[[Response], None] = lambda answer: None


class LostAnswers(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.multiple("bcrypt", hashpw=quick_hash, checkpw=quick_check))

    def begin(self, mode: str) -> None:
        self.mode = mode
        self.harness = Harness(LossyStore, revocation=mode, events=Events())  # which writes nothing
        store = self.harness.app.store
        assert isinstance(store, LossyStore)
        self.store = store
        self.ids = {email: self.harness.app.users.sign_up(email, PASSWORD).id for email in EVERYBODY}
        for email in (ROOT, OTHER_ROOT):
            self.harness.app.admins.change(self.ids[email], role="admin")
        self.session, self.other = self.by_session(ALICE), self.by_session(ALICE)
        self.token, self.other_token = self.by_token(ALICE), self.by_token(ALICE)
        self.all = (self.session, self.other, self.token, self.other_token)
        self.bob, self.root = (self.by_session(BOB), self.by_token(BOB)), self.by_session(ROOT)
        self.ended = (self.by_session(BOB), self.by_token(BOB))
        self.harness.send("POST", "/logout", **self.ended[0].header)
        self.harness.send("POST", "/token/logout", {"refresh_token": self.ended[1].refresh})
        self.admins = (self.by_session(OTHER_ROOT), self.by_token(OTHER_ROOT), self.by_token(OTHER_ROOT))

    def by_session(self, email: str) -> Login:
        answer = self.harness.send("POST", "/login", {"email": email, "password": PASSWORD})
        return Login(cookie=(answer.header("set-cookie") or "").partition(";")[0])

    def by_token(self, email: str) -> Login:
        answer = body(self.harness.send("POST", "/token/login", {"email": email, "password": PASSWORD}))
        return Login(access=answer["token"], refresh=answer["refresh_token"])

    def send(self, case: Case) -> Response:
        return self.harness.send(case.method, case.path, case.value, **case.caller.header)

    def status(self, method: str, path: str, value: object = None, **headers: str) -> int:
        return self.harness.send(method, path, value, **headers).status

    def assert_over(self, login: Login) -> None:
        """Nothing that this login gave opens anything; without a list, an access token has to run out."""
        if login.cookie:
            self.assertEqual(self.status("GET", "/me", **login.header), 401)
            return
        if self.mode != "none":
            self.assertEqual(self.status("GET", "/token/me", **login.header), 401)
        self.assertEqual(self.status("POST", "/token/refresh", {"refresh_token": login.refresh}), 400)

    def can_log_in(self, email: str, password: str) -> bool:
        return self.status("POST", "/login", {"email": email, "password": password}) == 200

    def cases(self) -> Iterator[Case]:
        """Each route, for each kind of caller."""
        nobody, alice, other_root = Login(), f"/users/{self.ids[ALICE]}", f"/users/{self.ids[OTHER_ROOT]}"
        new = {"email": "new@example.com", "password": PASSWORD}
        # 409: the account was made, and its owner knows the password.
        yield Case("sign up", "POST", "/signup", new, nobody, (201, 409), check=self.check_new_account)
        log_in = {"email": ALICE, "password": PASSWORD}
        yield Case("log in", "POST", "/login", log_in, self.session, (200,), (self.session,), self.check_login)
        yield Case("log out", "POST", "/logout", None, self.session, (200,), (self.session,))
        wrong = {**log_in, "password": "a wrong password"}
        yield Case("a wrong password", "POST", "/login", wrong, self.session, (401,), check=self.check_untouched)
        yield Case("log in by token", "POST", "/token/login", log_in, nobody, (200,), check=self.check_token)
        mine = {"refresh_token": self.token.refresh}
        yield Case("refresh", "POST", "/token/refresh", mine, nobody, (200,), check=self.check_token)
        yield Case("log out by token", "POST", "/token/logout", mine, nobody, (200,), (self.token,))
        change = {"current_password": PASSWORD, "new_password": NEW}
        for kind, caller in (("session", self.session), ("token", self.token)):
            mine, others = caller, tuple(login for login in self.all if login != caller)
            # 401: it was done, and so the caller's own login is over.
            yield Case(f"log out everywhere, by {kind}", "DELETE", "/me/sessions", None, mine, (204, 401), self.all)
            for login in (self.other, self.other_token):
                path = f"/me/sessions/{self.public_id(login)}"
                yield Case(f"end one by {kind}", "DELETE", path, None, mine, (204, 404), (login,))
            # 401: the session is void, for it proved the old password; so is the old password for who has a token.
            yield Case(f"password by {kind}", "POST", "/me/password", change, mine, (204, 401), others, self.check_new)
            yield Case(f"delete oneself by {kind}", "DELETE", alice, None, mine, (204, 401), self.all, self.check_gone)
        ban, demote, promote = {"disabled": True}, {"role": "user"}, {"role": "admin"}
        yield Case("delete somebody", "DELETE", alice, None, self.root, (204, 404), self.all, self.check_gone)
        yield Case("ban somebody", "PATCH", alice, ban, self.root, (200,), self.all, self.check_user(disabled=True))
        yield Case("promote", "PATCH", alice, promote, self.root, (200,), check=self.check_user(role="admin"))
        yield Case("demote", "PATCH", other_root, demote, self.root, (200,), check=self.check_may_go)
        for path, caller in (
            ("/me", self.session), ("/token/me", self.token), ("/me/sessions", self.session), ("/users", self.root),
            (alice, self.token), ("/health", nobody), ("/openapi.json", nobody), ("/", nobody),
        ):  # fmt: skip
            yield Case("look", "GET", path, None, caller, (200,), check=self.check_untouched)
        for caller in self.admins[:2]:
            # 401 and 403: it was done, and so the caller may not ask again.
            yield Case("ban oneself", "PATCH", other_root, ban, caller, (200, 401), self.admins, self.check_may_go)
            yield Case("demote oneself", "PATCH", other_root, demote, caller, (200, 403), check=self.check_may_go)
            yield Case("delete an admin", "DELETE", other_root, None, caller, (204, 401), self.admins)

    def public_id(self, login: Login) -> str:
        logins = body(self.harness.send("GET", "/me/sessions", **login.header))["sessions"]
        return next(str(each["id"]) for each in logins if each["current"])

    def check_new_account(self, answer: Response) -> None:
        self.assertTrue(self.can_log_in("new@example.com", PASSWORD))

    def check_login(self, answer: Response) -> None:
        cookie = (answer.header("set-cookie") or "").partition(";")[0]
        self.assertEqual(self.status("GET", "/me", cookie=cookie), 200)

    def check_token(self, answer: Response) -> None:
        tokens = body(answer)
        self.assertEqual(self.status("GET", "/token/me", authorization=f"Bearer {tokens['token']}"), 200)
        self.assertEqual(self.status("POST", "/token/refresh", {"refresh_token": tokens["refresh_token"]}), 200)

    def check_untouched(self, answer: Response) -> None:
        for path, login in (("/me", self.session), ("/token/me", self.token)):
            self.assertEqual(self.status("GET", path, **login.header), 200)

    def check_new(self, answer: Response) -> None:
        self.assertEqual((self.can_log_in(ALICE, PASSWORD), self.can_log_in(ALICE, NEW)), (False, True))
        self.assert_over(self.session)
        self.assertEqual(self.status("POST", "/token/refresh", {"refresh_token": self.token.refresh}), 400)

    def check_gone(self, answer: Response) -> None:
        self.assertEqual(self.status("GET", f"/users/{self.ids[ALICE]}", **self.root.header), 404)
        self.assertEqual(self.status("POST", "/signup", {"email": ALICE, "password": PASSWORD}), 201)

    def check_user(self, **expected: object) -> Callable[[Response], None]:
        def check(answer: Response) -> None:
            user = body(self.harness.send("GET", f"/users/{self.ids[ALICE]}", **self.root.header))["user"]
            self.assertEqual({name: user[name] for name in expected}, expected)

        return check

    def check_may_go(self, answer: Response) -> None:
        """The change is made, and whoever is left is the last: nobody counts who may not administer."""
        user = body(self.harness.send("GET", f"/users/{self.ids[OTHER_ROOT]}", **self.root.header))["user"]
        self.assertTrue(user["disabled"] or user["role"] == "user")
        self.assertEqual(self.status("DELETE", f"/users/{self.ids[ROOT]}", **self.root.header), 409)

    def test_every_operation(self) -> None:
        """Whichever answer gets lost, before it was done or after, the same request once more leads to the same end."""
        self.tried = 0
        for mode in MODES:
            self.begin(mode)
            before = self.store.entries()
            cases = list(self.cases())
            routes = {(route.method, route.path) for route in self.harness.app.routes}
            found = {(case.method, re.sub("(/users|/me/sessions)/.+", r"\1/{id}", case.path)) for case in cases}
            self.assertEqual(found, routes)
            for case in cases:
                self.judged: list[object] = []
                for done in (False, True):
                    self.lose_each(case, before, done=done)
        self.assertGreater(self.tried, 2000)

    def lose_each(self, case: Case, before: list[dict[str, Any]], *, done: bool) -> None:
        """Lose the answer to the first operation, to the second, and so on, until the request needs no more."""
        for number in count(1):
            with self.subTest(case.name, mode=self.mode, lost=number, done=done):
                self.store.go_back(before)
                self.store.lose(number, done=done)
                answer = self.send(case)
                lost = self.store.asked >= number
                self.store.lose(0, done=False)
                self.assertEqual(answer.status, 503 if lost else case.again[0])
                answer = self.send(case) if lost else answer
                self.assertIn(answer.status, case.again)
                self.tried += lost
                end = answer, self.store.entries()
                if end not in self.judged:  # by the entries all that follows is decided
                    self.assert_end(case, answer)
                    self.judged.append(end)
            if not lost:
                return

    def assert_end(self, case: Case, answer: Response) -> None:
        """The request was done; whoever had nothing to do with it neither lost nor got anything."""
        for login in case.over:
            self.assert_over(login)
        case.check(answer)
        self.assertEqual(self.status("GET", "/me", **self.bob[0].header), 200)
        self.assertEqual(self.status("GET", "/token/me", **self.bob[1].header), 200)
        for login in self.ended:
            self.assert_over(login)

    def test_a_refresh_after_a_long_outage(self) -> None:
        """Until the token is used, asking again is no theft, an hour later neither; after that only within a minute.

        So whatever is asked of the store is asked before the token is used: that is the last operation.
        """
        for mode in MODES:
            self.begin(mode)
            before = self.store.entries()
            started = self.harness.clock.time
            case = Case("refresh", "POST", "/token/refresh", {"refresh_token": self.token.refresh}, Login(), (200,))
            self.store.lose(0, done=False)
            self.assertEqual(self.send(case).status, 200)
            last = self.store.asked
            for done, number in ((done, number) for done in (False, True) for number in range(1, last + 1)):
                with self.subTest(mode=mode, done=done, lost=number):
                    self.harness.clock.time = started
                    self.store.go_back(before)
                    self.store.lose(number, done=done)
                    self.assertEqual(self.send(case).status, 503)
                    self.store.lose(0, done=False)
                    self.harness.clock.advance(3600)
                    self.assertEqual(self.send(case).status, 400 if done and number == last else 200)

    def test_a_deletion_of_nobody(self) -> None:
        """The twin of a deletion that broke off: an id that never was is not found, however often one asks."""
        self.begin("denylist")
        for _ in range(2):
            self.assertEqual(self.status("DELETE", "/users/nobody", **self.root.header), 404)
        self.assertEqual(self.status("GET", "/me", **self.session.header), 200)


if __name__ == "__main__":
    unittest.main()
