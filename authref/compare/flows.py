"""What goes over the wire when somebody logs in, and with the next request? Everything, byte for byte.

Both flows run over a real socket. Shown is what was sent and received, with long values cut and header lines that
do not matter here counted instead of printed; the sizes are those of the whole. In between stands what the server
remembered: how many records each of its maps held before the login and after it.

Then the records that the login left are deleted, and the same request is sent once more. Whose answer changes
was remembered by the server; whose does not was carried by the client.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from authref.compare.figures import Block, Claim, Claims, Heading, Pair, Paragraph
from authref.compare.lab import Client, Counting, Mechanism, guest, make_app, proof, serving

SHOWN = ("host", "cookie", "authorization", "content-type", "content-length", "set-cookie", "www-authenticate")
_LONG = re.compile(r"[A-Za-z0-9_.-]{25,}")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, shortened for people, and the bytes of the whole."""

    request: tuple[str, ...]
    answer: tuple[str, ...]
    request_bytes: int
    answer_bytes: int
    status: int


@dataclass(frozen=True)
class Flow:
    """A login by one mechanism, the next request, and the same request after the server forgot the login."""

    mechanism: str
    log_in: Exchange
    next: Exchange
    forgotten: Exchange
    before: dict[str, int]  # records in each map
    after: dict[str, int]
    look_ups: dict[str, int]  # of the next request, in each map
    flags: tuple[str, ...]  # of the cookie


def flow(mechanism: Mechanism, revocation: str = "none") -> Flow:
    """What one login and the requests after it looked like."""
    store = Counting()
    app = make_app(store, revocation=revocation)
    with guest(app) as alice, serving(app) as url, Client(url) as client:
        before = store.records()
        answer = client.send("POST", mechanism.log_in, value=proof())
        log_in, after = _exchange(client), store.records()
        credential = mechanism.credential(answer)
        look_ups = store.during(lambda: client.send("GET", mechanism.me, credential))
        following = _exchange(client)
        for name in ("sessions", "families"):
            store.maps[name].drop_owned_by(alice.id)
        client.send("GET", mechanism.me, credential)
        flags = tuple((answer.header("set-cookie") or "").split("; ")[1:])
        return Flow(mechanism.name, log_in, following, _exchange(client), before, after, look_ups, flags)


def shorten(text: str) -> str:
    """The text with long values cut, and how long they were.

    >>> shorten("session=" + 43 * "x")
    'session=xxxxxxxx…(43)'
    """
    return _LONG.sub(lambda match: f"{match[0][:8]}…({len(match[0])})", text)


def _exchange(client: Client) -> Exchange:
    request, answer = _lines(client.sent), _lines(client.received)
    return Exchange(request, answer, len(client.sent), len(client.received), int(client.received.split(b" ")[1]))


def _lines(data: bytes) -> tuple[str, ...]:
    head, _, body = data.decode("utf-8").partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    kept = [line for line in fields if line.partition(":")[0] in SHOWN]
    left_out = [line for line in fields if line not in kept]
    note = [f"… and {len(left_out)} more: {sum(len(line) + 2 for line in left_out)} bytes"] if left_out else []
    return tuple(shorten(line) for line in [first, *kept, *note, *(["", body.rstrip("\n")] if body else [])])


def claims(session: Flow, token: Flow) -> dict[str, Claim]:
    """What the two flows show."""
    gone, stays = session.forgotten.status, token.forgotten.status
    readable = any('"token":' in line for line in token.log_in.answer)
    return {
        "cookie": Claim(
            "What a session's cookie means stands on the server: the record gone, the same cookie opens nothing.",
            (session.next.status, gone) == (200, 401), f"{session.next.status} with the record, {gone} without"),
        "token": Claim(
            "What a token means stands in the token: every record of the login gone, it still opens.",
            (token.next.status, stays) == (200, 200), f"{token.next.status} with the records, {stays} without"),
        "scripts": Claim(
            "A page's scripts can read a token, which came in the answer's body, and not the cookie: it is HttpOnly.",
            "HttpOnly" in session.flags and readable, f"the cookie's flags: {', '.join(session.flags) or 'none'}"),
    }  # fmt: skip


def tell(session: Flow, token: Flow) -> list[Block]:
    """The section for readers."""
    return [
        Heading("1. The two flows, as bytes"),
        Paragraph(
            "Log in, and ask who I am: > was sent, < was received, = is what the server did. Values that end in …(n) "
            "had n characters; they are of this run and open nothing any more."
        ),
        Pair(_panel("SESSION", session), _panel("TOKEN", token)),
        Claims("What this shows", claims(session, token)),
    ]


def _panel(title: str, flow: Flow) -> tuple[str, ...]:
    counts = [f"{name} {flow.before[name]} → {count}" for name, count in flow.after.items()]
    look_ups = [f"{count} in {name}" for name, count in flow.look_ups.items()]
    return (
        f"{title}: log in", *_arrows(flow.log_in), "",
        f"= remembered, in records: {', '.join(counts)}", "",
        f"{title}: the next request", *_arrows(flow.next),
        f"= looked up: {', '.join(look_ups) or 'nothing'}",
        f"= the same request with the login's records deleted: {flow.forgotten.status}",
    )  # fmt: skip


def _arrows(exchange: Exchange) -> list[str]:
    sent, received = [f"> {line}" for line in exchange.request], [f"< {line}" for line in exchange.answer]
    return [*sent, f"  {exchange.request_bytes} bytes", *received, f"  {exchange.answer_bytes} bytes"]
