"""What can be turned and pushed: the clock, the keys, the mode, a thief, a second server.

One server, rebuilt over the same maps when its mode or its keys change; and a second one that shares the keys and
not the memory. All of it is this run's own: nothing here outlives the process.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, replace
from math import isfinite

from authref.app import App, Settings, build
from authref.keys import fresh_keys
from authref.revocation import MODES
from authref.wire import Request, Response
from authref.xray.glass import Clock, GlassStore, OverheardEvents
from authref.xray.recorder import Recorder, who

MAX_AHEAD = 400 * 24 * 60 * 60  # seconds that the clock may be put forward in all
ADMIN = "admin@example.com"
THINGS = ("cookie", "token")


@dataclass(slots=True)
class Loot:
    """What the thief holds: copies of what a browser was given."""

    cookie: str = ""  # the pair, `session=…`
    token: str = ""


class World:
    """The server under glass, and all that can be done to it from outside."""

    def __init__(self, settings: Settings) -> None:
        self._given = replace(settings, events=OverheardEvents(settings.events))
        self.clock = Clock()
        self.recorder = Recorder(self.clock)
        self.admin_email = settings.admin_email or ADMIN
        self.admin_password = settings.admin_password or secrets.token_urlsafe(12)
        self._changing = threading.Lock()
        self.rounds = 0  # how often it began; a page that sees another number begins anew, too
        self.begin()

    def begin(self) -> None:
        """Empty everything: accounts, sessions, keys, the feed; the clock shows the real time."""
        with self._changing:
            self.rounds += 1
            self.clock.ahead = 0.0
            self.mode = self._given.revocation
            self.keys = fresh_keys()
            self.store = GlassStore(self.clock)
            self.second_store = GlassStore(self.clock)
            self.loot, self.held = Loot(), Loot()
            self.recorder.forget()
            self._build()

    def _build(self) -> None:
        """The server of the present keys and mode, over what is remembered."""
        settings = replace(
            self._given,
            store=self.store,
            keys=self.keys,
            revocation=self.mode,
            admin_email=self.admin_email,
            admin_password=self.admin_password,
            now=self.clock,
        )
        self.app: App = build(settings)
        self.second: App | None = None

    def answer(self, request: Request) -> Response:
        """The server's answer, recorded; what it handed to a browser is remembered, so that a thief can copy it."""
        response = self.recorder.record(self.app, request)
        if who(request) not in ("thief", "admin"):
            self._remember(response)
        return response

    def ask_second(self, request: Request) -> Response:
        """The answer of another machine: the same keys, another memory."""
        if self.second is None:
            settings = replace(self.app.settings, store=self.second_store, admin_email=None)
            self.second = build(settings)
        return self.recorder.record(self.second, request, "second server")

    def _remember(self, response: Response) -> None:
        if response.status != 200:
            return
        for name, value in response.headers:
            if name == "set-cookie" and value.startswith("session=") and not value.startswith("session=;"):
                self.held.cookie = value.partition(";")[0]
                self.recorder.hand_out(self.held.cookie)
        if b'"token":"' in response.body:
            self.held.token = response.body.partition(b'"token":"')[2].partition(b'"')[0].decode("ascii")
            self.recorder.hand_out(f"Bearer {self.held.token}")

    def put_forward(self, seconds: float) -> None:
        """Put the clock forward. Raises ValueError for what is no number of seconds."""
        if not isfinite(seconds):
            raise ValueError("The clock goes forward by a number of seconds.")
        self.clock.ahead = min(self.clock.ahead + max(0.0, seconds), MAX_AHEAD)
        self.recorder.note(f"the clock goes {said(seconds)} forward")

    def choose(self, mode: str) -> None:
        """Change what an access token is checked against; what is remembered stays."""
        if mode not in MODES:
            raise ValueError(f"The mode is one of {', '.join(MODES)}.")
        with self._changing:
            self.mode = mode
            self._build()
        words = {"none": "nothing", "denylist": "the deny list", "allowlist": "the allow list"}[mode]
        self.recorder.note(f"from now on an access token is checked against {words}")

    def change_key(self) -> None:
        """Sign with a new key, and believe the old one no more."""
        with self._changing:
            self.keys = fresh_keys()
            self._build()
        self.recorder.note("the signing key was changed: no token of the old one is believed")

    def steal(self, what: str) -> None:
        """Let the thief copy the cookie or the token. Raises ValueError when there is none."""
        if what not in THINGS or not getattr(self.held, what):
            raise ValueError(f"There is no {what} to copy yet; log in first.")
        setattr(self.loot, what, getattr(self.held, what))
        self.recorder.note(f"a thief copies the {what}")

    def state(self) -> dict[str, object]:
        """What stands at the top of the page, and what the server remembers."""
        return {
            "round": self.rounds,
            "now": self.clock(),
            "ahead": self.clock.ahead,
            "mode": self.mode,
            "thief": {"cookie": self.loot.cookie, "token": self.loot.token},
            "held": {"cookie": self.held.cookie, "token": self.held.token},
            "memory": self.store.tables(),
        }


def said(seconds: float) -> str:
    """The time in words."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {name}{'s' if count != 1 else ''}"
    return f"{round(seconds)} seconds"
