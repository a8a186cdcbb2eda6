"""Who carries the proof of a login, and where does it get?

    transport      a client that keeps nothing, and one that keeps cookies as browsers do (http.cookiejar): what had
                   the program to do so that its next request was known?
    cross-domain   a login made at one origin, tried at others: by that client, by a page of another origin as the
                   rules of browsers for such pages have it (CORS), and by another site's forged POST

Rules of this file:
- first nothing is done, and only what then fails is done by hand: a step is counted because it was needed;
- one app stands behind all origins, so that nothing but the origin differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from urllib.error import HTTPError
from urllib.request import BaseHandler, HTTPCookieProcessor, ProxyHandler, build_opener
from urllib.request import Request as UrlRequest

from authref.app import App
from authref.compare.figures import Block, Claim, Claims, Table
from authref.compare.lab import BOTH, PASSWORD, SESSION, TIMEOUT, TOKEN, Mechanism, ask, guest, make_app, proof, serving
from authref.wire import Headers, Response, write_json

PLAIN, JAR = "urllib alone", "urllib with a cookie jar"
ELSEWHERE, OTHER_PORT = "another host", "another port"
LISTED, FORGED = "a page of a listed origin", "a POST from another site"
PAGE = "https://app.example"  # the listed origin
OTHER_SITE: Headers = (("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"))

Send = Callable[[str, str, Headers, object], Response]


@dataclass(frozen=True)
class Carrying:
    """What a client had to do so that its next request was known."""

    client: str
    mechanism: str
    untouched: int  # the status of the next request if the program did nothing
    steps: tuple[str, ...]  # what it had to do
    status: int  # and the status then


@dataclass(frozen=True)
class Crossing:
    """Whether a login got through somewhere else than where it was made, and what was seen."""

    case: str
    mechanism: str
    crossed: bool
    seen: str


def client(*helpers: BaseHandler) -> Send:
    """urllib: http.client with helpers, one that keeps cookies perhaps. Without any it keeps nothing."""
    opener = build_opener(ProxyHandler({}), *helpers)

    def send(method: str, url: str, headers: Headers = (), value: object = None) -> Response:
        body, more = (None, {}) if value is None else (write_json(value), {"content-type": "application/json"})
        asked = UrlRequest(url, body, {**dict(headers), **more}, method=method)  # noqa: S310
        try:
            answer = opener.open(asked, timeout=TIMEOUT)
        except HTTPError as refusal:
            answer = refusal
        with answer:
            fields = tuple((name.lower(), text) for name, text in answer.headers.items())
            return Response(answer.status, answer.read(), fields)

    return send


def carrying() -> tuple[Carrying, ...]:
    """What either client had to do, for either mechanism."""
    clients = ((PLAIN, client()), (JAR, client(HTTPCookieProcessor())))
    with serving(app := make_app()) as url, guest(app):
        return tuple(_carrying(name, send, mechanism, url) for name, send in clients for mechanism in BOTH)


def _carrying(name: str, send: Send, mechanism: Mechanism, url: str) -> Carrying:
    answer = send("POST", url + mechanism.log_in, (), proof())
    untouched = status = send("GET", url + mechanism.me, (), None).status
    steps: tuple[str, ...] = ()
    if untouched != 200:
        [(field, _)] = headers = mechanism.credential(answer)
        steps = ("keep what the login gave", f"put {field} into each request")
        status = send("GET", url + mechanism.me, headers, None).status
    return Carrying(name, mechanism.name, untouched, steps, status)


def crossings(allowed: tuple[str, ...] = (PAGE,)) -> tuple[Crossing, ...]:
    """What becomes of a login at 127.0.0.1 elsewhere; pages of the `allowed` origins may talk to us."""
    with ExitStack() as stack:
        app = make_app(allow_origins=allowed)
        stack.enter_context(guest(app))
        home, port, host = (stack.enter_context(serving(app, name)) for name in ("127.0.0.1", "127.0.0.1", "localhost"))
        send = client(HTTPCookieProcessor())
        send("POST", home + SESSION.log_in, (), proof())

        def visit(url: str, mechanism: Mechanism, credential: Headers) -> tuple[bool, str]:
            by_hand = credential if mechanism is TOKEN else ()  # the cookie is the jar's business
            status = send("GET", url + mechanism.me, by_hand, None).status
            return status == 200, f"{status}"

        tried = {
            ELSEWHERE: partial(visit, host),
            OTHER_PORT: partial(visit, port),
            LISTED: partial(page_may_read, app),
            FORGED: partial(other_site_may_post, app),
        }
        held = [(each, each.credential(ask(app, "POST", each.log_in, (), proof()))) for each in BOTH]
        return tuple(Crossing(case, mechanism.name, *attempt(mechanism, credential))
                     for case, attempt in tried.items() for mechanism, credential in held)  # fmt: skip


def other_site_may_post(app: App, mechanism: Mechanism, credential: Headers) -> tuple[bool, str]:
    """Whether a password is changed by a POST that another site's page had a browser send, and the answer's status."""
    change = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    status = ask(app, "POST", "/me/password", (*OTHER_SITE, *credential), change).status
    return status == 204, f"{status}"


def page_may_read(app: App, mechanism: Mechanism, credential: Headers) -> tuple[bool, str]:
    """Whether a browser would let PAGE send this credential and read the answer (Fetch standard §3.2), and why."""
    origin = ("origin", PAGE)
    answer = ask(app, "GET", mechanism.me, (origin, *credential))
    if answer.header("access-control-allow-origin") != PAGE:
        return False, "origin not allowed by the answer"
    if mechanism is SESSION:
        allowed = answer.header("access-control-allow-credentials") == "true"
        return allowed, f"cookies {'allowed' if allowed else 'not allowed'} by the answer"
    wish = (("access-control-request-method", "GET"), ("access-control-request-headers", "authorization"))
    preflight = ask(app, "OPTIONS", mechanism.me, (origin, *wish))
    allowed = "authorization" in (preflight.header("access-control-allow-headers") or "")
    return allowed, f"Authorization {'allowed' if allowed else 'not allowed'} by the preflight ({preflight.status})"


def claims(carrying: Sequence[Carrying], crossings: Sequence[Crossing]) -> dict[str, Claim]:
    """What the journeys show."""
    steps = {(one.client, one.mechanism): len(one.steps) for one in carrying if one.status == 200}
    fate = {(one.case, one.mechanism): one for one in crossings}

    def carries(who: str, expected: tuple[int, int], text: str) -> Claim:
        seen = steps.get((who, "session")), steps.get((who, "token"))
        return Claim(text, seen == expected, f"steps of the program: {seen[0]} by session, {seen[1]} by token")

    def crosses(case: str, expected: tuple[bool, bool], text: str) -> Claim:
        session, token = fate[case, "session"], fate[case, "token"]
        return Claim(text, (session.crossed, token.crossed) == expected, f"cookie: {session.seen}; token: {token.seen}")

    return {
        "jar": carries(JAR, (0, 2),
            "A client that keeps cookies carries a session by itself; a token its program must carry."),
        "plain": carries(PLAIN, (2, 2),
            "A client that keeps nothing has as much to do for a session as for a token."),
        "host": crosses(ELSEWHERE, (False, True),
            "The cookie stays with its host; a token goes where its program sends it."),
        "port": crosses(OTHER_PORT, (True, True),
            "A port is no border: cookies go to every port of their host."),
        "listed": crosses(LISTED, (False, True),
            "A page of a listed origin can use a token here, and no cookie."),
        "forged": crosses(FORGED, (False, True),
            "Another site's POST with the cookie is refused; with a token, which no browser adds, it passes."),
    }  # fmt: skip


def tell(carrying: Sequence[Carrying], crossings: Sequence[Crossing]) -> list[Block]:
    """The evidence for readers."""
    clients = [(one.client, one.mechanism, one.untouched, ", ".join(one.steps) or "nothing", one.status)
               for one in carrying]  # fmt: skip
    places = [(one.case, one.mechanism, "yes" if one.crossed else "no", one.seen) for one in crossings]
    return [
        Table("Transport: the request after the login",
              ("client", "by", "nothing done", "what its program had to do", "then"), clients),
        Table("Cross-domain: a login made at http://127.0.0.1, tried at or by",
              ("where", "by", "got through", "seen"), places),
        Claims("Transport, cross-domain", claims(carrying, crossings)),
    ]  # fmt: skip
