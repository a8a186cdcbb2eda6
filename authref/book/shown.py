"""What did a chapter's code do, just now? The story of the x-ray, played once when the book is made, and a little more.

What the story does not come to follows it: a changed key, a page that is for admins, an admin who locks somebody out, a
refresh token used twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from authref.app import Settings
from authref.guards import SECURITY_HEADERS
from authref.passwords import MIN_COST
from authref.wire import Request, Response
from authref.xray.calls import Step, function_of, tree
from authref.xray.play import Client
from authref.xray.recorder import Exchange, received, sent
from authref.xray.story import STORY
from authref.xray.world import World

MAX_LINE = 160  # characters
BEST = {  # of a file that has a part in many
    "events.py": "POST /token/refresh 400",
    "keys.py": "GET /token/me 401",
    "refresh.py": "POST /token/refresh 400",
    "revocation.py": "POST /token/logout 200",
    "roles.py": "GET /users 403",
    "admins.py": "PATCH /users/ID 200",
    "guards.py": "GET /me 200",
    "app/accounts.py": "GET /me/sessions 200",
    "app/users.py": "PATCH /users/ID 200",
}


class Shown:
    """The exchanges of the story, and which files had a part in each."""

    def __init__(self) -> None:
        world = World(Settings(bcrypt_cost=MIN_COST))
        client = Client(world)
        for step in STORY:
            for verb in step.press:
                client.press(verb)
        _go_on(world, client)
        exchanges = [each for each in world.recorder.after(0, 0) if each.who != "button"]
        self._by_files = [(each, set(_files(tree(each.marks).steps))) for each in exchanges]

    def by(self, file: str) -> str:
        """The exchange that shows this file best, or the first in which it had a part, as text; "" if there is none."""
        with_a_part = [each for each, files in self._by_files if file in files]
        best = [each for each, _ in self._by_files if _name(each) == BEST.get(file)]
        with_all = file in ("guards.py", "wire.py")
        return next((_as_text(each, with_all) for each in (*reversed(best), *with_a_part)), "")


def _name(exchange: Exchange) -> str:
    path = "/users/ID" if exchange.request.path.startswith("/users/") else exchange.request.path
    return f"{exchange.request.method} {path} {exchange.response.status}"


def _go_on(world: World, client: Client) -> None:
    """What comes after the story."""
    client.press("token.login")
    for seconds in (0, 120):  # the second use, two minutes later, is one too many
        world.clock.ahead += seconds
        _ask(world, "POST", "/token/refresh", {"refresh_token": client.refresh})
    world.change_key()
    client.press("token.me")
    client.press("session.login")
    cookie = ("cookie", client.cookie)
    me = json.loads(_ask(world, "GET", "/me", None, cookie).body)["user"]["id"]
    _ask(world, "GET", "/me/sessions", None, cookie)
    _ask(world, "GET", "/users", None, cookie)
    admin = {"email": world.admin_email, "password": world.admin_password}
    token = json.loads(_ask(world, "POST", "/token/login", admin).body)["token"]
    _ask(world, "PATCH", f"/users/{me}", {"disabled": True}, ("authorization", f"Bearer {token}"))


def _ask(
    world: World, method: str, path: str, value: Mapping[str, object] | None, *headers: tuple[str, str]
) -> Response:
    data = b"" if value is None else json.dumps(value).encode()
    kind = () if value is None else (("content-type", "application/json"), ("content-length", str(len(data))))
    return world.answer(Request(method, path, (("host", "localhost:8000"), *headers, *kind), data))


def _files(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.code:
            yield function_of(step.code).file
        yield from _files(step.steps)


def _as_text(exchange: Exchange, with_all: bool) -> str:
    """The exchange as text; the headers that every answer carries only `with_all`."""
    request, response = sent(exchange), received(exchange.response)
    everywhere = [list(pair) for pair in SECURITY_HEADERS] if not with_all else []
    headers = [f"{name}: {value}" for name, value in response["headers"] if [name, value] not in everywhere]
    left_out = ["(and what every answer carries: guards.py)"] if everywhere else []
    blocks = (
        [request["line"], *(f"{name}: {value}" for name, value in request["headers"])],
        [request["body"]],
        [response["line"], *headers, *left_out],
        [response["body"]],
        [f"changed: {change.map} {'+' if change.after else '-'}" for change in exchange.notes.changes]
        or ["changed: nothing"],
        [f"the log: {each}" for each in exchange.notes.events],
    )
    cut = [
        [each if len(each) <= MAX_LINE else f"{each[: MAX_LINE - 1]}…" for each in block if each] for block in blocks
    ]
    return "\n\n".join("\n".join(block) for block in cut if block)
