"""Who holds what: a login by session and one by token as sequence diagrams, drawn from exchanges that took place."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from authref.app import Settings
from authref.xray.play import Client
from authref.xray.recorder import Exchange
from authref.xray.world import World
from tests.basics import TEST_COST

HERE = Path(__file__).parent
STORIES = {
    "session": ("session.login", "session.me", "session.logout", "session.me"),
    "token": ("token.login", "token.me", "token.logout", "token.me"),
}
WIDTH, ROW, TOP = 470, 66, 58  # pixels
LEFT, RIGHT = 62, 330  # where the lines of client and server stand
STYLE = """
svg { background: #fff }
text { font: 13px system-ui, sans-serif; fill: #1d1d1f } .dim { fill: #5b5b63; font-size: 12px }
line { stroke: #8a8790 } .good { fill: #1b6b2f; font-weight: 600 } .bad { fill: #a3260f; font-weight: 600 }
@media (prefers-color-scheme: dark) { svg { background: #16171a }
text { fill: #ececf0 } .dim { fill: #aeb0b8 } .good { fill: #86d897 } .bad { fill: #ff9a85 } }
"""


def draw() -> None:
    """Write session.svg and token.svg beside this file."""
    for name in STORIES:
        HERE.joinpath(f"{name}.svg").write_text(picture(name), "utf-8")


def picture(name: str) -> str:
    """The diagram of this login: what travels, what is looked up, and what the server keeps after it."""
    world = World(Settings(bcrypt_cost=TEST_COST))
    client, parts = Client(world), []
    client.press("signup")
    for place, verb in enumerate(STORIES[name]):
        before, cookie = world.recorder.after(0, 0)[-1].number, client.cookie
        client.press(verb)
        client.cookie = cookie or client.cookie  # a thief's copy is not cleared by the logout
        [exchange] = world.recorder.after(before, 0)
        parts.append(_exchange(TOP + place * ROW, exchange, _kept(world, name)))
    height = TOP + len(STORIES[name]) * ROW
    lanes = "".join(
        f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 6}" stroke-dasharray="3 4"/>' for x in (LEFT, RIGHT)
    )
    heads = f'<text x="{LEFT}" y="20" text-anchor="middle">client</text><text x="{RIGHT}" y="20">server keeps</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f"<style>{STYLE}</style>{heads}{lanes}{''.join(parts)}</svg>\n"
    )


def _exchange(y: int, exchange: Exchange, kept: str) -> str:
    request, status = exchange.request, exchange.response.status
    carried = {"cookie": "with the number", "authorization": "with the token"}
    sent = next((carried[header] for header, _ in request.headers if header in carried), "")
    given = " and a number" if request.path == "/login" else " and a token" if request.path == "/token/login" else ""
    looked = ", ".join(name for name in exchange.notes.looked_up if name in ("sessions", "users"))
    what = f"looks up: {looked or 'nothing'}" if exchange.verdict else ""
    return (
        _arrow(y, LEFT, RIGHT)
        + _text(LEFT + 8, y - 6, f"{request.method} {request.path} {sent}")
        + _arrow(y + 28, RIGHT, LEFT)
        + _text(LEFT + 8, y + 22, f"{status}{given}", "bad" if status == 401 else "good")
        + _text(RIGHT - 8, y + 22, what, "dim", "end")
        + _text(RIGHT + 8, y + 22, kept, "dim")
    )


def _kept(world: World, name: str) -> str:
    rows = world.store.tables()["sessions" if name == "session" else "families"]
    return ("nothing", "1 session" if name == "session" else "1 refresh token")[len(rows)]


def _arrow(y: int, start: int, end: int) -> str:
    back = 6 if end > start else -6
    ends = ((start, y), (end - back, y - 4), (end - back, y + 4))
    return "".join(f'<line x1="{end}" y1="{y}" x2="{x}" y2="{there}"/>' for x, there in ends)


def _text(x: int, y: int, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>' if text else ""
