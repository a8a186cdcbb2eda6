"""How does the story go without a browser? `authref xray` plays it, step by step, in 80 columns.

Nothing listens here: the requests are values, handed to the app and recorded as the server's are.
"""

from __future__ import annotations

import json
import shutil
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill

from authref.app import Settings
from authref.terminal import Parser, in_colour, say
from authref.wire import Headers, Request
from authref.xray.recorder import Exchange, as_json
from authref.xray.story import ANSWERS, STORY, Step
from authref.xray.world import World, said

ALICE = {"email": "alice@example.com", "password": "correct horse battery"}
COST = 10  # of bcrypt: the story hashes eight passwords, and nobody wants to wait for them
_HOST: Headers = (("host", "localhost:8000"),)
_YOU: Headers = (("user-agent", "you"),)
_THIEF: Headers = (("user-agent", "x-ray-thief/1"),)


@dataclass
class Client:
    """What you hold, and the verbs of the story."""

    world: World
    cookie: str = ""
    token: str = ""
    refresh: str = ""

    def press(self, name: str) -> None:
        """Do what the page does when its button of this name is pressed."""
        verb, _, what = name.partition(".")
        if verb == "clock":
            self.world.put_forward(float(what))
        elif verb == "mode":
            self.world.choose(what)
        elif verb == "steal":
            self.world.steal(what)
        elif verb == "thief":
            loot = self.world.loot
            credential = ("cookie", loot.cookie) if what == "cookie" else ("authorization", f"Bearer {loot.token}")
            self._send("GET", "/me" if what == "cookie" else "/token/me", None, (*_THIEF, credential))
        else:
            method, path, body = self._request(name)
            self._send(method, path, body, (*_YOU, *self._credential(path)))

    def _request(self, name: str) -> tuple[str, str, dict[str, str] | None]:
        return {
            "signup": ("POST", "/signup", ALICE),
            "session.login": ("POST", "/login", ALICE),
            "session.me": ("GET", "/me", None),
            "session.logout": ("POST", "/logout", None),
            "token.login": ("POST", "/token/login", ALICE),
            "token.me": ("GET", "/token/me", None),
            "token.logout": ("POST", "/token/logout", {"refresh_token": self.refresh}),
        }[name]

    def _credential(self, path: str) -> Headers:
        if path == "/token/me":
            return (("authorization", f"Bearer {self.token}"),)
        return (("cookie", self.cookie),) if self.cookie and not path.startswith("/token") else ()

    def _send(self, method: str, path: str, body: dict[str, str] | None, headers: Headers) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        framing = () if body is None else (("content-type", "application/json"), ("content-length", str(len(data))))
        response = self.world.answer(Request(method, path, (*_HOST, *headers, *framing), data))
        for header, value in response.headers:
            if header == "set-cookie" and value.startswith("session="):
                self.cookie = value.partition(";")[0]
        if response.status == 200 and path == "/token/login":
            answer = json.loads(response.body)
            self.token, self.refresh = answer["token"], answer["refresh_token"]


def play(arguments: Sequence[str]) -> int:
    """Play the story; the exit status."""
    chosen = _parser().parse_args(arguments)
    world = World(Settings(bcrypt_cost=COST))
    client, last = Client(world), 0
    told = []
    for number, step in enumerate(STORY, 1):
        for name in step.press:
            client.press(name)
        exchanges = world.recorder.after(last, 0)
        last = exchanges[-1].number if exchanges else last
        if chosen.json:
            told.append({**step.as_json(), "exchanges": [as_json(each) for each in exchanges], **world.state()})
            continue
        say("\n".join(_lines(number, step, exchanges, world)))
        if not chosen.all and sys.stdin.isatty() and number < len(STORY):
            input("\n  (Enter goes on, Ctrl-C ends) ")
    if chosen.json:
        say(json.dumps(told, indent=2))
    return 0


def _lines(number: int, step: Step, exchanges: Sequence[Exchange], world: World) -> Iterator[str]:
    """The step for a terminal: what is done, what travelled, what the server remembers."""
    width = min(80, shutil.get_terminal_size().columns) - 2
    yield _bold(f"\n{number} of {len(STORY)}. {step.title}")
    yield fill(step.text, width)
    for exchange in exchanges:
        yield from _exchange(exchange, width)
    if step.press:
        rows = {name: len(each) for name, each in world.store.tables().items() if each and name not in _BEHIND}
        kept = ", ".join(f"{name} {count}" for name, count in rows.items())
        yield fill(f"  The server remembers: {kept or 'nothing'}", width, subsequent_indent="    ")
    else:
        for answer in ANSWERS:
            yield "\n" + fill(answer, width)


_BEHIND = ("addresses", "admins", "costs", "counters", "devices", "roster")  # maps of which the story does not speak


def _exchange(exchange: Exchange, width: int) -> Iterator[str]:
    if exchange.who == "button":
        yield f"  * {exchange.request.target}"
        return
    request, response = exchange.request, exchange.response
    line = f"  {exchange.who:6} {request.method} {request.path} -> {response.status}"
    asked = ", ".join(f"{count} x {name}" for name, count in exchange.notes.looked_up.items() if name not in _BEHIND)
    verdict = f"  {exchange.verdict}" if exchange.verdict else ""
    whole = f"{line}{verdict}   looked up: {asked or 'nothing'}"[:width]
    yield whole.replace(verdict, _in_colour(verdict), 1) if verdict else whole
    for name, value in (*request.headers, *response.headers):
        if name in ("cookie", "authorization", "set-cookie"):
            line = f"           {name}: {value}"
            yield line if len(line) <= width else line[: width - 1] + "…"
    if request.path == "/token/login" and response.status == 200:
        payload = json.loads(response.body)["token"].split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=="))
        left = said(claims["exp"] - claims["iat"])
        yield fill(f"the token says: {claims['email']}, {claims['role']}, for {left}", width, initial_indent=" " * 11)
    for event in exchange.notes.events if exchange.verdict == "refused" else ():
        yield fill(f"the log: {event}", width, initial_indent="           ", subsequent_indent="             ")


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if in_colour() else text


def _in_colour(verdict: str) -> str:
    if not in_colour() or not verdict:
        return verdict
    return f"\033[{'31' if 'refused' in verdict else '32'}m{verdict}\033[0m"


def _parser() -> Parser:
    about = "Play what happens to a login, by session and by token, in twelve steps."
    parser = Parser("authref xray", description=about, epilog="On a page, with buttons: python -m authref --xray")
    parser.add_argument("--all", action="store_true", help="all steps at once")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser
