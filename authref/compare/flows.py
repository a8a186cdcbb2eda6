"""What goes over the wire when somebody logs in, and with the next request? Everything, byte for byte.

Both flows run over a real socket. Shown is what was sent and received, with long values cut and header lines that
do not matter here counted instead of printed; the sizes are those of the whole. In between stands what the server
remembered: how many records each of its maps held before the login and after it.

Then the records that the login left are deleted, and the same request is sent once more. Whose answer changes
was remembered by the server; whose does not was carried by the client.

What the client holds is looked at, too: how much of it travels with each request, and what it says without any key.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from authref import jwt
from authref.compare.figures import Block, Claim, Claims, Heading, Pair, Paragraph, Table, spread
from authref.compare.lab import EMAIL, Client, Counting, Mechanism, guest, make_app, proof, serving

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
    says: dict[str, object]  # the record that the cookie stands for, or the token's own claims
    readable: tuple[str, ...]  # which of it can be read, without a key, in what the client holds
    header_bytes: int  # of the line that says in each request who one is
    refresh_bytes: int  # held, and sent only to be exchanged


def flow(mechanism: Mechanism, revocation: str = "none", email: str = EMAIL) -> Flow:
    """What one login and the requests after it looked like."""
    store = Counting()
    app = make_app(store, revocation=revocation)
    with guest(app, email) as alice, serving(app) as url, Client(url) as client:
        before = store.records()
        answer = client.send("POST", mechanism.log_in, value=proof(email))
        log_in, after = _exchange(client), store.records()
        credential = mechanism.credential(answer)
        look_ups = store.during(lambda: client.send("GET", mechanism.me, credential))
        following = _exchange(client)
        record = next(iter(store.maps["sessions"].page("", 1).values()), None)
        for name in ("sessions", "families"):
            store.maps[name].drop_owned_by(alice.id)
        client.send("GET", mechanism.me, credential)
        forgotten = _exchange(client)
    [(field, text)] = credential
    readable = unverified_readable(text)
    return Flow(
        mechanism.name, log_in, following, forgotten, before, after, look_ups,
        flags=tuple((answer.header("set-cookie") or "").split("; ")[1:]),
        says={name: getattr(record, name) for name in record.__slots__} if record else readable,
        readable=tuple(readable),
        header_bytes=len(f"{field}: {text}\r\n"),
        refresh_bytes=len(json.loads(answer.body).get("refresh_token", "")),
    )  # fmt: skip


def unverified_readable(credential: str) -> dict[str, object]:
    """What anybody can read in a credential, without any key: the members of what is JSON in its second part."""
    try:
        value = json.loads(jwt.decode(credential.split(".")[1].encode("ascii")))
    except (IndexError, jwt.Malformed, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


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
    in_body = any('"token":' in line for line in token.log_in.answer)
    return {
        "cookie": Claim(
            "What a session's cookie means stands on the server: the record gone, the same cookie opens nothing.",
            (session.next.status, gone) == (200, 401), f"{session.next.status} with the record, {gone} without"),
        "token": Claim(
            "What a token means stands in the token: every record of the login gone, it still opens.",
            (token.next.status, stays) == (200, 200), f"{token.next.status} with the records, {stays} without"),
        "scripts": Claim(
            "A page's scripts can read a token, which came in the answer's body, and not the cookie: it is HttpOnly.",
            "HttpOnly" in session.flags and in_body, f"the cookie's flags: {', '.join(session.flags) or 'none'}"),
        "readable": Claim(
            "A token tells whoever holds it whose it is; a cookie tells nothing.",
            "email" in token.readable and not session.readable,
            f"readable without a key: of a token {len(token.readable)} claims, of a cookie {len(session.readable)}"),
    }  # fmt: skip


def tell(session: Flow, token: Flow) -> list[Block]:
    """The section for readers."""
    both = (session, token)
    holds = [(one.mechanism, spread([one.header_bytes], "bytes"), ", ".join(one.readable) or "nothing") for one in both]
    return [
        Heading("1. The two flows, as bytes"),
        Paragraph(
            "Log in, and ask who I am: > was sent, < was received, = is what the server did. Values that end in …(n) "
            "had n characters; they are of this run and open nothing any more."
        ),
        Pair(_panel("SESSION", session), _panel("TOKEN", token)),
        Pair(_record("SESSION: the record that the cookie stands for", session), _record("TOKEN: decoded", token)),
        Table("What the client holds", ("by", "in each request", "readable without a key"), holds,
              charted=["in each request"]),
        Claims("What this shows", claims(session, token)),
    ]  # fmt: skip


def _record(title: str, flow: Flow) -> tuple[str, ...]:
    return title, *json.dumps(flow.says, indent=2).split("\n")


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
