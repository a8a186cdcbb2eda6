"""What if the clock jumps an hour while the server runs, and later back? With each store and each list.

The server runs in this process on a real socket; its clock is ours to move. Deadlines of connections go by another
clock, which nobody can set, so they must not notice.

Must hold at each moment: nobody who logged out comes back, no token that was taken back is good again, no
request crashes, new logins work and can be ended, a login can be refreshed, and nobody has to wait longer than
throttle.py says. What else was seen, such as logins that a wrong clock ended for good, is printed.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from authref.app import Settings, build
from authref.events import Events
from authref.maps import Store
from authref.stores import open_store
from authref.throttle import ADDRESS_FAILURES, ADDRESS_WINDOW, FREE_FAILURES, MAX_WAIT
from tests.basics import KEYS, PASSWORD, TEST_COST
from tests.faults.claims import Flags, claim
from tests.faults.client import Answer, Client, whole_answer
from tests.faults.processes import Redis
from tests.support import running

HOUR = 60 * 60
JUMPS = ((HOUR, "an hour forwards", "back again"), (-HOUR, "an hour backwards", "forwards again"))


def run(flags: Flags) -> Iterator[str]:
    """Each jump with each store and list; what was seen is said once for all that saw the same."""
    for jump, there, back in JUMPS:
        seen: dict[str, list[str]] = {}
        for store in ("memory", "sqlite", "redis"):
            for revocation in ("denylist", "allowlist"):
                clock = Clock()
                with _opened(store, clock) as opened, _scene(opened, clock, revocation) as scene:
                    seen.setdefault(_jump(scene, jump, there, back), []).append(f"{store} with {revocation}")
        for what, where in seen.items():
            yield f"{what} ({'all stores, both lists' if len(where) == 6 else ', '.join(where)})"


class Clock:
    """The machine's clock, and how much it is wrong."""

    def __init__(self) -> None:
        self.wrong_by = 0.0

    def __call__(self) -> float:
        return time.time() + self.wrong_by


@contextmanager
def _opened(name: str, clock: Clock) -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        if name == "redis":
            with Redis(folder) as redis:
                yield open_store(redis.url, clock)
        else:
            yield open_store(f"sqlite:{folder}/a.db", clock) if name == "sqlite" else Store(clock)


@contextmanager
def _scene(store: Store, clock: Clock, revocation: str) -> Iterator[Scene]:
    log: list[str] = []
    events = Events(log.append, "json", clock)
    settings = Settings(bcrypt_cost=TEST_COST, keys=KEYS, now=clock, store=store, revocation=revocation, events=events)
    with running(build(settings)) as server:
        yield Scene(server.server_port, clock)
    store.close()
    claim(not [line for line in log if "sys_crash" in line], "a request crashed")


class Scene:
    """People who logged in, out, and failed to, before the clock jumps; and what they see afterwards."""

    def __init__(self, port: int, clock: Clock) -> None:
        self.port, self.clock = port, clock
        self._client = Client(port)
        for name in ("alice", "bob", "carol", "dave", "erin"):
            self.ask("POST", "/signup", {201}, _credentials(name))
        self.session, self.ended_session = self.log_in("alice"), self.log_in("alice")
        self.tokens, self.ended_tokens, self.old_tokens = (self.token_log_in("alice") for _ in range(3))
        self.ask("POST", "/logout", {200}, cookie=self.ended_session)
        self.token_log_out(self.ended_tokens)
        self.new_tokens = self.refresh(self.old_tokens, {200}).value
        self.fail("bob", FREE_FAILURES + 1)
        self.crowded = self.crowd()

    def ask(
        self,
        method: str,
        path: str,
        allowed: set[int],
        value: object = None,
        what: str = "",
        client: Client | None = None,
        **headers: str,
    ) -> Answer:
        answer = (client or self._client).ask(method, path, value, **headers)
        claim(answer.status in allowed, f"{method} {path} {what}: {answer.status} instead of {allowed}")
        return answer

    def log_in(self, name: str) -> str:
        """The cookie of a new session."""
        return self.ask("POST", "/login", {200}, _credentials(name), f"for {name}").cookie

    def token_log_in(self, name: str) -> dict[str, Any]:
        """The tokens of a new login."""
        found: dict[str, Any] = self.ask("POST", "/token/login", {200}, _credentials(name), f"for {name}").value
        return found

    def token_log_out(self, tokens: dict[str, Any]) -> None:
        self.ask("POST", "/token/logout", {200}, {"refresh_token": tokens["refresh_token"]})

    def refresh(self, tokens: dict[str, Any], allowed: set[int], what: str = "") -> Answer:
        return self.ask("POST", "/token/refresh", allowed, {"refresh_token": tokens["refresh_token"]}, what)

    def me(self, cookie: str, allowed: set[int], what: str = "") -> int:
        return self.ask("GET", "/me", allowed, None, what, cookie=cookie).status

    def token_me(self, tokens: dict[str, Any], allowed: set[int], what: str = "") -> int:
        return self.ask("GET", "/token/me", allowed, None, what, authorization=f"Bearer {tokens['token']}").status

    def fail(self, name: str, times: int) -> None:
        """Try wrong passwords."""
        for _ in range(times):
            self.ask("POST", "/login", {401, 429}, {**_credentials(name), "password": "a wrong password"})

    def crowd(self) -> Client:
        """An address from which too many have failed."""
        client = Client(self.port, moving=False)
        for number in range(ADDRESS_FAILURES):
            self.ask("POST", "/login", {401, 429}, _credentials(f"nobody{number}"), client=client)
        return client

    def check_ends(self, when: str) -> None:
        """What ended has ended."""
        self.me(self.ended_session, {401}, f"with a session that logged out, {when}")
        self.token_me(self.ended_tokens, {401}, f"with a token of a login that was ended, {when}")
        self.refresh(self.ended_tokens, {400}, f"of a login that was ended, {when}")

    def check_new_logins(self, when: str) -> None:
        """Somebody logs in and out, by both mechanisms, which is also when stores tidy up."""
        cookie, tokens = self.log_in("dave"), self.token_log_in("dave")
        self.me(cookie, {200}, f"after a new login, {when}")
        self.token_me(tokens, {200}, f"after a new login, {when}")
        refreshed = self.refresh(tokens, {200}, f"after a new login, {when}").value
        self.ask("POST", "/logout", {200}, cookie=cookie)
        self.token_log_out(refreshed)
        self.me(cookie, {401}, f"after a logout, {when}")
        self.token_me(refreshed, {401}, f"after a logout, {when}")

    def wait(self, name: str, client: Client | None = None) -> int:
        """Seconds that somebody who knows the password has to wait; 0 if they are let in."""
        answer = self.ask("POST", "/login", {200, 429}, _credentials(name), client=client)
        return int(answer.headers.get("retry-after", "0"))


def _jump(scene: Scene, jump: int, there: str, back: str) -> str:
    """What was seen."""
    with closing(socket.create_connection(("127.0.0.1", scene.port), 10)) as half:
        half.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        scene.check_ends("before")
        scene.clock.wrong_by = jump
        seen = [f"{there}: {_look(scene, there)}"]
        used = {400} if jump > 0 else {200}  # a first use that lies ahead of the clock makes the second one a retry
        scene.refresh(scene.old_tokens, used, f"with a token used before, {there}")
        scene.refresh(scene.new_tokens, used, f"of the login whose token was used twice, {there}")
        tokens = scene.refresh(scene.tokens, {200}, f"of a living login, {there}").value
        waits = [_check_waiting(scene, "bob", scene.crowded, there)]
        scene.fail("carol", FREE_FAILURES + 1)
        crowded = scene.crowd()
        scene.clock.wrong_by = 0
        seen.append(f"{back}: {_look(scene, back)}")
        used = {400} if jump > 0 else {200, 400}  # whether a minute is over by now
        scene.refresh(scene.old_tokens, used, f"with a token used before, {back}")
        scene.refresh(tokens, {200}, f"of a living login, {back}")
        waits.append(_check_waiting(scene, "carol", crowded, back))
        half.sendall(b"\r\n")
        answer = whole_answer(half.recv(65536))
        claim(answer and answer.status == 200, "a request that was under way when the clock jumped got no answer")
    return f"{'; '.join(seen)}; waits after wrong passwords {waits[0]} s and {waits[1]} s"


def _look(scene: Scene, when: str) -> str:
    """What must hold, and what else is seen of the logins from before."""
    scene.check_new_logins(when)
    scene.check_ends(when)
    session, token = scene.me(scene.session, {200, 401}), scene.token_me(scene.tokens, {200, 401})
    return f"the session from before {session}, the token {token}"


def _check_waiting(scene: Scene, name: str, crowded: Client, when: str) -> int:
    """How long somebody waits who failed too often: no longer than throttle.py says, and then no more."""
    wait, window = scene.wait(name), scene.wait("erin", crowded)
    claim(wait <= MAX_WAIT, f"who failed {FREE_FAILURES + 1} times has to wait {wait} s, {when}")
    claim(window <= ADDRESS_WINDOW, f"an address from which {ADDRESS_FAILURES} failed has to wait {window} s, {when}")
    scene.clock.wrong_by += max(wait, window)
    claim(scene.wait(name) == 0, f"somebody has waited {wait} s, as told, and is not let in, {when}")
    claim(scene.wait("erin", crowded) == 0, f"an address has waited {window} s, as told, and is not let in, {when}")
    scene.clock.wrong_by -= max(wait, window)
    return wait


def _credentials(name: str) -> dict[str, str]:
    return {"email": f"{name}@example.com", "password": PASSWORD}
