"""What the first edition kept in its stores goes on working: a SQLite file and the contents of a Redis made by it.

fixtures/make_first_edition.py says how they were made. In both Alice has logged in by token five times; her tokens
stand in fixtures/first_edition.json.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

from authref.maps import Store
from authref.refresh import RETRY_WINDOW
from authref.stores.sqlite_store import SqliteStore
from authref.wire import Response
from tests.basics import PASSWORD, Clock
from tests.support import WITHOUT_REDIS, Harness, RedisServer, body

FIXTURES = Path(__file__).parent / "fixtures"
ALICE = {"email": "alice@example.com", "password": PASSWORD}
LOGINS = ("unused", "used once", "two tabs", "many tabs", "used a while ago")


class FirstEdition:
    """The claims, for each store; `store` opens a new copy of what the first edition has left."""

    name = ""

    def store(self, clock: Clock) -> Store:
        raise NotImplementedError

    def setUp(self) -> None:
        self.harness = Harness(store=self.store)  # type: ignore[arg-type]
        self.clock = self.harness.clock
        self.held: dict[str, Any] = json.loads(FIXTURES.joinpath("first_edition.json").read_text())[self.name]

    def use(self, token: str) -> Response:
        return self.harness.send("POST", "/token/refresh", {"refresh_token": token})

    def successor(self, token: str) -> str:
        answer = self.use(token)
        assert answer.status == 200, answer
        return str(body(answer)["refresh_token"])

    def logins(self: Any) -> int:
        """How many logins by token Alice has, as she sees them."""
        cookie = self.harness.cookie()
        listed = body(self.harness.send("GET", "/me/sessions", cookie=cookie))["sessions"]
        return len([login for login in listed if login["kind"] == "token"])

    def test_they_are_there(self: Any) -> None:
        """Alice logs in with her old password and sees her five logins by token."""
        self.assertEqual(set(self.held), set(LOGINS))
        self.assertEqual(self.logins(), len(LOGINS))

    def test_going_on(self: Any) -> None:
        """Each living token of each login is refreshed for a month, and so are those of its other tabs."""
        newest = {token: token for login in self.held.values() for token in login["live"]}
        for _ in range(29):
            for token in newest:
                newest[token] = self.successor(newest[token])
            self.clock.advance(24 * 60 * 60)
        self.assertEqual(len(set(newest.values())), 1 + 1 + 2 + 12 + 1)
        self.assertEqual(self.logins(), len(LOGINS))

    def test_a_retry(self: Any) -> None:
        """Who had no answer from the old server asks the new one, and both tokens go on, the one that was lost too."""
        for name in LOGINS[1:]:
            with self.subTest(name):
                login = self.held[name]
                second = self.successor(login["used"])
                self.assertEqual(self.successor(login["used"]), second)
                self.successor(login["live"][0])
        self.clock.advance(RETRY_WINDOW)
        self.successor(second)
        self.assertEqual(self.harness.events("authn_token_reuse"), [])

    def test_a_theft(self: Any) -> None:
        """A token that was used before comes back after a minute: its login ends, the others go on."""
        self.clock.advance(RETRY_WINDOW)
        for number, name in enumerate(LOGINS[1:], 1):
            with self.subTest(name):
                login = self.held[name]
                self.assertEqual(self.use(login["used"]).status, 400)
                self.assertEqual({self.use(token).status for token in login["live"]}, {400})
                self.assertEqual(self.logins(), len(LOGINS) - number)
        self.successor(self.held["unused"]["live"][0])

    def test_ends(self: Any) -> None:
        """A logout ends one of them, and logging out everywhere all of them."""
        used, *others = (login["live"][0] for login in self.held.values())
        self.harness.send("POST", "/token/logout", {"refresh_token": used})
        self.assertEqual((self.use(used).status, self.logins()), (400, len(LOGINS) - 1))
        self.harness.send("DELETE", "/me/sessions", cookie=self.harness.cookie())
        self.assertEqual({self.use(token).status for token in others}, {400})
        self.assertEqual(self.logins(), 0)


class FromSqlite(FirstEdition, unittest.TestCase):
    name = "sqlite"

    def store(self, clock: Clock) -> Store:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = shutil.copy(FIXTURES / "first_edition.db", folder.name)
        os.chmod(path, 0o600)  # a clone does not keep that others may not read it
        return SqliteStore(path, clock)


@unittest.skipIf(WITHOUT_REDIS, WITHOUT_REDIS)
class FromRedis(FirstEdition, unittest.TestCase):
    name = "redis"

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = RedisServer()
        cls.addClassCleanup(cls.server.stop)

    def store(self, clock: Clock) -> Store:
        import redis

        from authref.stores.redis_store import RedisStore

        with redis.Redis.from_url(self.server.url) as client:
            client.flushall()
            for command in json.loads(FIXTURES.joinpath("first_edition.redis.json").read_text()):
                client.execute_command(*command)
        return RedisStore(self.server.url, clock)


if __name__ == "__main__":
    unittest.main()
