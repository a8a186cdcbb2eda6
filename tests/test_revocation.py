"""A signed word, taken back: what each revocation mode really ends, and when. revocation.py and keys.py.

test_endings.py makes the table of the page. Here stand the attacks on it: tokens that come back when a
note is forgotten, a clock that is set back, a key that was thought to be gone.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock

from authref import jwt
from authref.app import App, Settings, build
from authref.events import Events
from authref.maps import MemoryMap
from authref.refresh import ACCESS_LIFETIME, LIFETIME, RETRY_WINDOW, Family, family_of, new_family, use
from authref.revocation import CLOCK_ERROR, MODES, Denial, Revocation
from authref.users import User
from authref.wire import Request
from tests.basics import JSON, PASSWORD, START, TEST_COST, Clock
from tests.support import Harness, body, quick_hashes

EMAIL, BOB, ROOT = "alice@example.com", "bob@example.com", "root@example.com"
ALICE = User("alice", EMAIL, "user", False, "2100-01-15T08:00:00Z")


class Scene:
    """Alice with two logins by token, Bob with one, and an admin with a session, in one mode."""

    def __init__(self, mode: str) -> None:
        self.harness = Harness(revocation=mode)
        self.clock = self.harness.clock
        self.ids = {EMAIL: self.harness.sign_up(EMAIL), BOB: self.harness.sign_up(BOB)}
        self.harness.sign_up(ROOT, role="admin")
        self.root = self.harness.cookie(ROOT)
        self.victim, self.other, self.bob = self.log_in(), self.log_in(), self.log_in(BOB)

    def log_in(self, email: str = EMAIL) -> dict[str, Any]:
        return body(self.harness.send("POST", "/token/login", {"email": email, "password": PASSWORD}))

    def refresh(self, login: dict[str, Any]) -> dict[str, Any]:
        return body(self.harness.send("POST", "/token/refresh", {"refresh_token": login["refresh_token"]}))

    def log_out(self, login: dict[str, Any]) -> None:
        self.harness.send("POST", "/token/logout", {"refresh_token": login["refresh_token"]})

    def me(self, login: dict[str, Any]) -> int:
        return self.harness.send("GET", "/token/me", authorization=f"Bearer {login['token']}").status

    def last_refusal(self) -> str:
        return str(self.harness.events("authn_token_refused")[-1]["reason"])


def log_out(scene: Scene) -> None:
    scene.log_out(scene.victim)


def theft(scene: Scene) -> None:
    scene.refresh(scene.victim)
    scene.clock.advance(RETRY_WINDOW)
    scene.refresh(scene.victim)


def end_in_the_list(scene: Scene) -> None:
    authorization = f"Bearer {scene.other['token']}"
    logins = body(scene.harness.send("GET", "/me/sessions", authorization=authorization))["sessions"]
    for login in logins:
        if not login["current"]:
            scene.harness.send("DELETE", f"/me/sessions/{login['id']}", authorization=authorization)


def end_everywhere(scene: Scene) -> None:
    scene.harness.send("DELETE", "/me/sessions", authorization=f"Bearer {scene.other['token']}")


def log_in_too_often(scene: Scene) -> None:
    for _ in range(19):
        scene.log_in()


def disable(scene: Scene) -> None:
    scene.harness.send("PATCH", f"/users/{scene.ids[EMAIL]}", {"disabled": True}, cookie=scene.root)


def delete(scene: Scene) -> None:
    scene.harness.send("DELETE", f"/users/{scene.ids[EMAIL]}", cookie=scene.root)


def change_password(scene: Scene) -> None:
    fields = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    scene.harness.send("POST", "/me/password", fields, authorization=f"Bearer {scene.other['token']}")


# What happens, and whether Alice's other login ends with it.
CAUSES: tuple[tuple[Callable[[Scene], None], bool], ...] = (
    (log_out, False),
    (theft, False),
    (end_in_the_list, False),
    (log_in_too_often, False),
    (end_everywhere, True),
    (disable, True),
    (delete, True),
    (change_password, True),
)


class Modes(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(quick_hashes())

    def cases(self) -> list[tuple[str, Callable[[Scene], None], bool]]:
        return [(mode, cause, ends_all) for mode in MODES for cause, ends_all in CAUSES]

    def test_right_after_the_login_ended(self) -> None:
        """A list ends the access token at once, without one it goes on; who is not concerned goes on in any mode."""
        for mode, cause, ends_all in self.cases():
            with self.subTest(mode=mode, cause=cause.__name__):
                scene = Scene(mode)
                ended = 200 if mode == "none" else 401
                self.assertEqual([scene.me(login) for login in (scene.victim, scene.other, scene.bob)], [200] * 3)
                cause(scene)
                self.assertEqual(scene.me(scene.victim), ended)
                self.assertEqual(scene.me(scene.other), ended if ends_all else 200)
                self.assertEqual(scene.me(scene.bob), 200)

    def test_until_the_token_has_expired(self) -> None:
        """What is ended stays ended at every moment that the token has left, and no mode makes a token live longer."""
        for mode, cause, _ in self.cases():
            with self.subTest(mode=mode, cause=cause.__name__):
                scene = Scene(mode)
                cause(scene)
                for seconds in (1, ACCESS_LIFETIME - 1, ACCESS_LIFETIME - 0.001):
                    scene.clock.time = START + seconds
                    self.assertEqual(scene.me(scene.victim), 200 if mode == "none" else 401, seconds)
                    if mode != "none":
                        self.assertEqual(scene.last_refusal(), "revoked")
                scene.clock.time = START + ACCESS_LIFETIME
                self.assertEqual(scene.me(scene.victim), 401)
                self.assertRegex(scene.last_refusal(), "^Expired")

    def test_all_access_tokens_of_one_login(self) -> None:
        """Not only the token at hand ends, but each one that the login ever gave out: a thief holds an older copy."""
        for mode in ("denylist", "allowlist"):
            with self.subTest(mode):
                scene = Scene(mode)
                tokens = [scene.victim]
                for _ in range(3):
                    scene.clock.advance(60)
                    tokens.append(scene.refresh(tokens[-1]))
                self.assertEqual([scene.me(token) for token in tokens], [200] * 4)
                scene.log_out(tokens[0])  # any token of the login says which one it is
                self.assertEqual([scene.me(token) for token in tokens], [401] * 4)

    def test_the_thiefs_access_token(self) -> None:
        """Where there is a list, the theft that is found takes the thief's fresh access token back too."""
        for mode in MODES:
            with self.subTest(mode):
                scene = Scene(mode)
                thief = scene.refresh(scene.victim)
                scene.clock.advance(RETRY_WINDOW)
                self.assertEqual(scene.me(thief), 200)
                scene.refresh(scene.victim)
                self.assertEqual(scene.me(thief), 200 if mode == "none" else 401)

    def test_a_new_login_after_the_end(self) -> None:
        """What is denied is the login that ended and not the user: the next login works at once, in every mode."""
        for mode in MODES:
            with self.subTest(mode):
                scene = Scene(mode)
                theft(scene)
                scene.log_out(scene.other)
                login = scene.log_in()
                self.assertEqual(scene.me(login), 200)
                self.assertEqual(scene.me(scene.refresh(login)), 200)

    def test_a_refusal(self) -> None:
        """A revoked token gets the same bytes as one that expired; only the log tells them apart."""
        for mode in ("denylist", "allowlist"):
            with self.subTest(mode):
                scene = Scene(mode)
                log_out(scene)
                header = f"Bearer {scene.victim['token']}"
                revoked = scene.harness.send("GET", "/token/me", authorization=header)
                scene.clock.advance(ACCESS_LIFETIME)
                self.assertEqual(scene.harness.send("GET", "/token/me", authorization=header), revoked)

    def test_logging_out_of_nothing(self) -> None:
        """Revoking an unknown token, or one twice, is 200 (RFC 7009 §2.2) and denies nobody anything."""
        for mode in MODES:
            with self.subTest(mode):
                scene = Scene(mode)
                for token in ("junk", "A" * 22 + "." + "A" * 43, scene.victim["token"]):
                    answer = scene.harness.send("POST", "/token/logout", {"refresh_token": token})
                    self.assertEqual(answer.status, 200)
                self.assertEqual([scene.me(login) for login in (scene.victim, scene.other, scene.bob)], [200] * 3)
                log_out(scene)
                log_out(scene)
                self.assertEqual([scene.me(login) for login in (scene.other, scene.bob)], [200] * 2)


class Entries(unittest.TestCase):
    """The deny list by itself: how many entries there are, and until when."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.records: MemoryMap[Family] = MemoryMap(self.clock)
        self.denials: MemoryMap[Denial] = MemoryMap(self.clock)
        self.deny_list = self.made("denylist")

    def start(self) -> tuple[Family, str]:
        family, token = new_family(ALICE, "", self.clock())
        self.records[family_of(token)] = family
        return family, token

    def made(self, mode: str) -> Revocation:
        return Revocation(mode, self.records, self.denials, self.clock)

    def end(self, token: str) -> None:
        family = self.records.get(family_of(token))
        assert family is not None
        self.deny_list.end(family_of(token), family)

    def test_a_login_that_ends_right_after_its_last_token(self) -> None:
        """An entry outlives its tokens by what a clock may be wrong, and no longer: the list stays short."""
        _, token = self.start()
        self.assertFalse(self.deny_list.is_revoked(family_of(token)))
        self.end(token)
        self.clock.time = START + ACCESS_LIFETIME + CLOCK_ERROR - 0.001
        self.assertTrue(self.deny_list.is_revoked(family_of(token)))
        self.assertEqual(len(self.denials), 1)
        self.clock.time = START + ACCESS_LIFETIME + CLOCK_ERROR
        self.assertFalse(self.deny_list.is_revoked(family_of(token)))
        self.assertEqual(len(self.denials), 0)

    def test_a_login_that_ends_later(self) -> None:
        """Whenever it ends, the entry outlasts every token of the login, and leaves 2 hours and 15 minutes later."""
        for later in (1, ACCESS_LIFETIME // 2, ACCESS_LIFETIME, LIFETIME - 1):
            with self.subTest(seconds_later=later):
                self.clock.time = START
                family, token = self.start()
                self.clock.advance(1)
                use(self.records, token, family, self.clock)
                last_token_expires = self.clock() + ACCESS_LIFETIME
                self.clock.time = START + later
                self.end(token)
                if self.clock() < last_token_expires:
                    self.clock.time = last_token_expires - 0.001
                    self.assertTrue(self.deny_list.is_revoked(family_of(token)))
                self.clock.time = max(last_token_expires, START + later + ACCESS_LIFETIME) + CLOCK_ERROR
                self.assertFalse(self.deny_list.is_revoked(family_of(token)))
                self.assertEqual(len(self.denials), 0)

    def test_an_exchange_beside_the_end(self) -> None:
        """A token given out after the logout had read the record, and before it wrote its entry, is denied as well."""
        read_before, token = self.start()
        self.clock.advance(60)
        use(self.records, token, read_before, self.clock)
        with mock.patch("authref.revocation.CLOCK_ERROR", 0):  # it would hide that the entry counts from too early
            self.deny_list.end(family_of(token), read_before)
        self.clock.advance(ACCESS_LIFETIME - 0.001)
        self.assertTrue(self.deny_list.is_revoked(family_of(token)))

    def test_many_tokens_of_one_login(self) -> None:
        """One entry denies a login, however many tokens it gave out, and however often it is ended."""
        family, token = self.start()
        for _ in range(20):
            family, token = use(self.records, token, family, self.clock)
            self.clock.advance(1)
        self.end(token)
        self.deny_list.end(family_of(token), family)
        self.assertEqual(len(self.denials), 1)

    def test_the_family_of_a_login_that_ended(self) -> None:
        """In every mode its record is gone, so that it cannot be refreshed; only the deny list has an entry for it."""
        for mode in MODES:
            with self.subTest(mode):
                family, token = self.start()
                self.made(mode).end(family_of(token), family)
                self.assertIsNone(self.records.get(family_of(token)))
                self.assertEqual(self.denials.get(family_of(token)) is not None, mode == "denylist")

    def test_the_allow_list(self) -> None:
        """It needs no entries of its own: what is not a living family is revoked, junk as well."""
        allow_list = self.made("allowlist")
        family, token = self.start()
        self.assertFalse(allow_list.is_revoked(family_of(token)))
        for junk in ("", "None", family_of(token)[:-1], family_of(token).upper()):
            self.assertTrue(allow_list.is_revoked(junk), junk)
        allow_list.end(family_of(token), family)
        self.assertTrue(allow_list.is_revoked(family_of(token)))

    def test_no_list(self) -> None:
        """Without a list nothing is ever revoked: the mode does not pretend."""
        stateless = self.made("none")
        family, token = self.start()
        stateless.end(family_of(token), family)
        self.assertFalse(stateless.is_revoked(family_of(token)))


class ClockSetBack(unittest.TestCase):
    """Time servers correct clocks. A token that was taken back must not come to life again by that."""

    def setUp(self) -> None:
        # Without the hours that an entry stays longer: they would hide that it counts from the wrong moment.
        exactly = mock.patch("authref.revocation.CLOCK_ERROR", 0)
        exactly.start()
        self.addCleanup(exactly.stop)

    def assert_stays_denied(self, scene: Scene, login: dict[str, Any]) -> None:
        """At no moment from now to long after its expiry is the login's access token accepted.

        In steps shorter than the 9 s by which any clock here is set back.
        """
        while scene.clock() < START + 2 * ACCESS_LIFETIME:
            self.assertEqual(scene.me(login), 401, f"{scene.clock() - START} s")
            scene.clock.advance(7)

    def test_after_the_logout(self) -> None:
        """Set back after the logout, the clock makes the entry stay longer, not shorter."""
        for mode in ("denylist", "allowlist"):
            with self.subTest(mode):
                scene = Scene(mode)
                scene.clock.advance(600)
                login = scene.refresh(scene.victim)
                scene.log_out(login)
                scene.clock.time = START
                self.assert_stays_denied(scene, login)

    def test_between_the_last_token_and_the_logout(self) -> None:
        """An entry's time runs from the last token, not from a clock that now shows an earlier time."""
        for mode in ("denylist", "allowlist"):
            with self.subTest(mode):
                scene = Scene(mode)
                scene.clock.advance(600)
                login = scene.refresh(scene.victim)
                scene.clock.time = START
                scene.log_out(login)
                self.assert_stays_denied(scene, login)

    def test_with_another_refresh_before_the_logout(self) -> None:
        """A token issued at an earlier time on the clock does not make the login forget the one that expires last."""
        for mode in ("denylist", "allowlist"):
            with self.subTest(mode):
                scene = Scene(mode)
                scene.clock.advance(600)
                login = scene.refresh(scene.victim)
                scene.clock.time = START
                scene.log_out(scene.refresh(login))
                self.assert_stays_denied(scene, login)

    def test_when_the_last_token_came_from_a_retry(self) -> None:
        """A retry hands out an access token like any other use, so the entry must outlast that one too."""
        for mode in ("denylist", "allowlist"):
            with self.subTest(mode):
                scene = Scene(mode)
                scene.refresh(scene.victim)
                scene.clock.advance(9)
                login = scene.refresh(scene.victim)
                scene.clock.time = START
                scene.log_out(login)
                self.assert_stays_denied(scene, login)


class Keys(unittest.TestCase):
    """The fourth answer: the key. The apps here share nothing but key rings and the clock."""

    OLD, NEW = bytes(range(1, 33)), bytes(range(200, 232))

    def setUp(self) -> None:
        self.clock = Clock()

    def app(self, keys: dict[str, bytes], revocation: str = "none") -> App:
        settings = Settings(bcrypt_cost=TEST_COST, keys=keys, revocation=revocation, now=self.clock, events=Events())
        app = build(settings)
        app.users.sign_up(EMAIL, PASSWORD)
        return app

    def log_in(self, app: App, path: str = "/token/login") -> Any:
        value = f'{{"email":"{EMAIL}","password":"{PASSWORD}"}}'.encode()
        return app(Request("POST", path, JSON, value))

    def token(self, app: App) -> str:
        return str(body(self.log_in(app))["token"])

    def me(self, app: App, token: str) -> int:
        return app(Request("GET", "/token/me", (("authorization", f"Bearer {token}"),))).status

    def test_a_server_that_never_saw_the_user(self) -> None:
        """The key alone makes a token good on another machine: nothing is looked up there, and so nothing is known."""
        here, there = self.app({"k1": self.OLD}), self.app({"k1": self.OLD})
        token = self.token(here)
        self.assertEqual(self.me(there, token), 200)
        for path in ("/me/sessions", "/users"):  # what somebody may do is asked of the store, which has no such user
            answer = there(Request("GET", path, (("authorization", f"Bearer {token}"),)))
            self.assertEqual(answer.status, 401)

    def test_rotating_the_keys(self) -> None:
        """Added behind, moved to the front, the old one taken away after 15 minutes: no step logs anybody out."""
        old, new = {"k1": self.OLD}, {"k2": self.NEW}
        start, added, moved, done = (self.app(ring) for ring in (old, {**old, **new}, {**new, **old}, new))
        for before, after in ((start, added), (added, moved)):
            self.assertEqual(self.me(after, self.token(before)), 200)
            self.assertEqual(self.me(before, self.token(after)), 200)  # while one machine is a step behind
        last_of_the_old = self.token(added)
        self.clock.advance(ACCESS_LIFETIME)
        self.assertEqual(self.me(moved, last_of_the_old), 401)  # by its time, so the key can go
        self.assertEqual(self.me(done, self.token(moved)), 200)

    def test_retiring_the_old_key(self) -> None:
        """With the key its tokens go, the unexpired ones too, and those that a thief of the key writes for himself."""
        token = self.token(self.app({"k1": self.OLD}))
        forged = jwt.create(jwt.verify(token, {"k1": self.OLD}, now=self.clock()), {"k1": self.OLD})
        both, new = self.app({"k2": self.NEW, "k1": self.OLD}), self.app({"k2": self.NEW})
        for text in (token, forged):
            self.assertEqual(self.me(both, text), 200)
            self.assertEqual(self.me(new, text), 401)

    def test_the_old_kid_for_the_new_key(self) -> None:
        """A name used again helps nobody: the signature of the old key does not fit the new one."""
        token = self.token(self.app({"k1": self.OLD}))
        self.assertEqual(self.me(self.app({"k1": self.OLD}), token), 200)
        self.assertEqual(self.me(self.app({"k1": self.NEW}), token), 401)

    def test_changing_the_key_of_a_running_server(self) -> None:
        """Every access token of everybody ends, in every mode; sessions and refresh tokens hang on no key and go on."""
        for mode in MODES:
            with self.subTest(mode):
                ring = {"k1": self.OLD}
                app = self.app(ring, mode)
                logins = [body(self.log_in(app)) for _ in range(3)]
                cookie = (self.log_in(app, "/login").header("set-cookie") or "").partition(";")[0]
                del ring["k1"]
                ring["k2"] = self.NEW
                self.assertEqual([self.me(app, login["token"]) for login in logins], [401] * 3)
                self.assertEqual(app(Request("GET", "/me", (("cookie", cookie),))).status, 200)
                value = f'{{"refresh_token":"{logins[0]["refresh_token"]}"}}'.encode()
                refreshed = body(app(Request("POST", "/token/refresh", JSON, value)))
                self.assertEqual(self.me(app, refreshed["token"]), 200)

    def test_a_key_that_must_not_sign(self) -> None:
        """A short, patterned or missing key is refused at the start, beside one of 32 mixed bytes that is not."""
        self.app({"k1": self.OLD})
        for ring in ({}, {"k1": self.OLD[:31]}, {"k1": bytes(32)}, {"k1": b"secret" * 6}, {"k1": self.OLD, "k0": b""}):
            with self.subTest(ring), self.assertRaises(ValueError):
                Settings(keys=ring).check()


if __name__ == "__main__":
    unittest.main()
