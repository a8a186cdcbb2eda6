"""When exactly does access end? Every cause, by session and by token, in every revocation mode, to the second.

The table is made by running: for each cell an app is built, somebody logs in, the cause happens, and the
clock is set to one second before, at and after the promised end. A page shows the same table, and the
last test compares the two.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from authref.app import Settings
from authref.refresh import RETRY_WINDOW
from tests.basics import KEYS, PASSWORD
from tests.support import Harness, body, quick_hashes

MINUTE, DAY = 60, 24 * 60 * 60
EMAIL = "alice@example.com"
AT_ONCE, QUARTER, HALF_HOUR, MONTH = "at once", "after 15 min", "after 30 min unused", "after 30 days"
SECONDS = {QUARTER: 15 * MINUTE, HALF_HOUR: 30 * MINUTE, MONTH: 30 * DAY}


@dataclass
class Scene:
    """Alice, logged in by session and by token, an admin with a session, and the app they are in."""

    mode: str
    ring: dict[str, bytes] = field(default_factory=lambda: dict(KEYS))

    def __post_init__(self) -> None:
        self.harness = Harness(revocation=self.mode, keys=self.ring)
        self.harness.sign_up("root@example.com", role="admin")
        self.alice = self.harness.sign_up(EMAIL)
        self.harness.app.admins.change(self.alice, role="admin")
        self.root = self.harness.cookie("root@example.com")
        self.cookie = self.harness.cookie(EMAIL)
        answer = self.harness.send("POST", "/token/login", {"email": EMAIL, "password": PASSWORD})
        self.access, self.refresh = body(answer)["token"], body(answer)["refresh_token"]

    def send(self, method: str, path: str, value: object = None, **headers: str) -> None:
        status = self.harness.send(method, path, value, **headers).status
        assert status in (200, 201, 204, 400), (method, path, status)


def nothing(scene: Scene) -> None:
    pass


def log_out(scene: Scene) -> None:
    scene.send("POST", "/logout", cookie=scene.cookie)
    scene.send("POST", "/token/logout", {"refresh_token": scene.refresh})


def end_from_elsewhere(scene: Scene) -> None:
    elsewhere = scene.harness.cookie(EMAIL)
    logins = body(scene.harness.send("GET", "/me/sessions", cookie=elsewhere))["sessions"]
    for login in logins:
        if not login["current"]:
            scene.send("DELETE", f"/me/sessions/{login['id']}", cookie=elsewhere)


def log_out_everywhere(scene: Scene) -> None:
    scene.send("DELETE", "/me/sessions", cookie=scene.harness.cookie(EMAIL))


def change_password(scene: Scene) -> None:
    fields = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    scene.send("POST", "/me/password", fields, cookie=scene.harness.cookie(EMAIL))


def disable(scene: Scene) -> None:
    scene.send("PATCH", f"/users/{scene.alice}", {"disabled": True}, cookie=scene.root)


def disable_and_enable(scene: Scene) -> None:
    disable(scene)
    scene.send("PATCH", f"/users/{scene.alice}", {"disabled": False}, cookie=scene.root)


def delete(scene: Scene) -> None:
    scene.send("DELETE", f"/users/{scene.alice}", cookie=scene.root)


def delete_and_sign_up_again(scene: Scene) -> None:
    delete(scene)
    scene.send("POST", "/signup", {"email": EMAIL, "password": PASSWORD})


def demote(scene: Scene) -> None:
    scene.send("PATCH", f"/users/{scene.alice}", {"role": "user"}, cookie=scene.root)


def replay_the_refresh_token(scene: Scene) -> None:
    """The thief uses it, and has the successor. Then Alice uses hers, which takes a minute to be no retry."""
    first = scene.harness.send("POST", "/token/refresh", {"refresh_token": scene.refresh})
    scene.harness.clock.advance(RETRY_WINDOW)
    scene.harness.send("POST", "/token/refresh", {"refresh_token": scene.refresh})
    scene.refresh = body(first)["refresh_token"]  # what the thief holds now
    scene.harness.clock.advance(-RETRY_WINDOW)  # for the other columns count from the login


def change_the_key(scene: Scene) -> None:
    scene.ring.clear()
    scene.ring["k2"] = bytes(range(50, 82))


CAUSES: tuple[tuple[str, Callable[[Scene], None]], ...] = (
    ("nothing happens", nothing),
    ("log out", log_out),
    ("ended from another login", end_from_elsewhere),
    ("log out everywhere", log_out_everywhere),
    ("password changed", change_password),
    ("disabled by an admin", disable),
    ("disabled and enabled again", disable_and_enable),
    ("deleted", delete),
    ("deleted, and the address signed up again", delete_and_sign_up_again),
    ("demoted", demote),
    ("refresh token stolen and used twice", replay_the_refresh_token),
    ("signing key changed", change_the_key),
)


def session_works(scene: Scene) -> bool:
    return scene.harness.send("GET", "/me", cookie=scene.cookie).status == 200


def access_works(scene: Scene) -> bool:
    return scene.harness.send("GET", "/token/me", authorization=f"Bearer {scene.access}").status == 200


def refresh_works(scene: Scene) -> bool:
    return scene.harness.send("POST", "/token/refresh", {"refresh_token": scene.refresh}).status == 200


def admin_rights_work(scene: Scene) -> bool:
    by_token = scene.harness.send("GET", "/users", authorization=f"Bearer {scene.access}").status == 200
    return by_token or scene.harness.send("GET", "/users", cookie=scene.cookie).status == 200


# Each column: its heading, the probe, the revocation mode, and the end that it has when nothing happens.
COLUMNS = (
    ("session", session_works, "none", HALF_HOUR),
    ("access token at `/token/me`, `none`", access_works, "none", QUARTER),
    ("`denylist`", access_works, "denylist", QUARTER),
    ("`allowlist`", access_works, "allowlist", QUARTER),
    ("refresh token", refresh_works, "none", MONTH),
)


def works_after(cause: Callable[[Scene], None], probe: Callable[[Scene], bool], mode: str, seconds: float) -> bool:
    scene = Scene(mode)
    cause(scene)
    scene.harness.clock.advance(seconds)
    return probe(scene)


def measured(cause: Callable[[Scene], None], probe: Callable[[Scene], bool], mode: str, natural: str) -> str:
    """When access ended in this run, in the words of the table."""
    if not works_after(cause, probe, mode, 0):
        return AT_ONCE
    edge = SECONDS[natural]
    seen = [works_after(cause, probe, mode, edge + offset) for offset in (-1, 0, 1)]
    return natural if seen == [True, False, False] else f"not as expected: {seen}"


def table() -> list[str]:
    """The table in Markdown."""
    heads = ["what happens", *(column[0] for column in COLUMNS)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, cause in CAUSES:
        cells = [measured(cause, probe, mode, natural) for _, probe, mode, natural in COLUMNS]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return lines


class Endings(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(quick_hashes())

    def test_the_table_of_the_page(self) -> None:
        """The page promises exactly what this run has seen, in every cell."""
        page = Path(__file__).parent.parent / "authref" / "book" / "pages" / "when-access-ends.md"
        promised = page.read_text("utf-8").splitlines()
        for line in table():
            with self.subTest(line):
                self.assertIn(line, promised)

    def test_rights_of_an_admin_who_was_demoted_disabled_or_deleted(self) -> None:
        """What somebody may do is asked of the store at each request, so it ends at once in every mode."""
        for mode in ("none", "denylist", "allowlist"):
            self.assertTrue(works_after(nothing, admin_rights_work, mode, 0), mode)
            for cause in (demote, disable, delete, delete_and_sign_up_again):
                with self.subTest(mode=mode, cause=cause.__name__):
                    self.assertFalse(works_after(cause, admin_rights_work, mode, 0))

    def test_a_session_kept_warm(self) -> None:
        """A session that is used all the time still ends 24 hours after its login, to the second."""
        scene = Scene("none")
        for _ in range(24 * 4 - 1):
            scene.harness.clock.advance(15 * MINUTE)
            self.assertTrue(session_works(scene))
        scene.harness.clock.advance(15 * MINUTE - 1)
        self.assertTrue(session_works(scene))
        scene.harness.clock.advance(1)
        self.assertFalse(session_works(scene))

    def test_a_refresh_token_kept_fresh(self) -> None:
        """Refreshing every day does not carry a login over its 30 days."""
        scene = Scene("none")
        for day in range(30):
            answer = scene.harness.send("POST", "/token/refresh", {"refresh_token": scene.refresh})
            self.assertEqual(answer.status, 200, day)
            scene.refresh = body(answer)["refresh_token"]
            scene.harness.clock.advance(DAY)
        self.assertFalse(refresh_works(scene))

    def test_an_unknown_mode(self) -> None:
        """A mode that does not exist is refused at the start, not taken for "none"."""
        with self.assertRaisesRegex(ValueError, "none, denylist, allowlist"):
            Settings(revocation="deny").check()


if __name__ == "__main__":
    print("\n".join(table()))
