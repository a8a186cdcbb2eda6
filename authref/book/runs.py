"""Is that so? The lines under an answer on the page of questions are played, and what travelled is shown.

    you POST /login 200 set-cookie Secure      who asks, how, the status, and words that must stand in the answer
    you GET /me without the cookie 401         a request that is not as usual: FORMS has them all

Rules of this file:
- each question has a server of its own, whose clock is put forward by the lines and by nothing else;
- a line that is not so raises Lie, so neither the book nor its tests can be made with a wrong answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar

from authref import jwt
from authref.app import Settings, build
from authref.book import browser
from authref.events import Events
from authref.keys import fresh_keys
from authref.passwords import MIN_COST
from authref.wire import Headers, Request, Response, write_json
from authref.xray.glass import Clock, GlassStore, OverheardEvents
from authref.xray.recorder import Exchange, Recorder, received, sent

EMAIL, PASSWORD = "alice@example.com", "correct horse battery"
MAX_LINE = 160  # characters
TELLING = ("cookie", "authorization", "origin", "set-cookie")  # of the headers, what the questions are about
BESIDE = ("addresses", "admins", "costs", "counters", "devices")  # maps that none of them is about


class Lie(Exception):
    """A line of the page is not so, or nobody knows how to play it."""


@dataclass
class Client:
    """What somebody holds."""

    cookie: str = ""
    token: str = ""
    refresh: str = ""
    password: str = PASSWORD

    def keep(self, path: str, answer: Response) -> None:
        """Keep what an answer hands out."""
        for name, value in answer.headers:
            if name == "set-cookie" and "session=" in value:
                self.cookie = value.partition(";")[0]
        if answer.status == 200 and path in ("/token/login", "/token/refresh"):
            given = json.loads(answer.body)
            self.token, self.refresh = given["token"], given["refresh_token"]


class Run:
    """One server and its clients, for the lines of one question."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._recorder, self._jar = Recorder(self.clock), CookieJar()
        self._clients: dict[str, Client] = {}
        self._public_url: str | None = None
        self._keys, self._store = fresh_keys(), GlassStore(self.clock)
        self._start()

    def _start(self) -> None:
        self._app = build(
            Settings(
                public_url=self._public_url,
                bcrypt_cost=MIN_COST,
                store=self._store,
                keys=self._keys,
                events=OverheardEvents(Events()),
                now=self.clock,
            )
        )

    def play(self, line: str) -> str:
        """Do what the line says, and see that it is so; what travelled, "" if nothing did. Raises Lie."""
        for form, act in FORMS.items():
            if found := re.fullmatch(form, line):
                return act(self, *found.groups())
        raise Lie(f"nobody knows how to play {line!r}")

    def later(self, minutes: str) -> str:
        """Put the clock forward."""
        self.clock.ahead += 60 * int(minutes)
        return ""

    def copies(self, who: str) -> str:
        """Somebody else holds what you hold."""
        self._clients[who] = Client(**vars(self._clients["you"]))
        return ""

    def starts(self, lost: str) -> str:
        """The server starts again, and has lost its key or its memory."""
        if "key" in lost:
            self._keys = fresh_keys()
        else:
            self._store = GlassStore(self.clock)
        self._start()
        return ""

    def under(self, url: str) -> str:
        """The server is reached under this URL."""
        self._public_url = url
        self._start()
        return ""

    def logged(self, reason: str) -> str:
        """The log has given this reason."""
        said = [event for exchange in self._recorder.after(0, 0) for event in exchange.notes.events]
        found = [event for event in said if f"reason={reason}" in event]
        return _true(f"the log: {found[0]}" if found else "", bool(found), said)

    def judged(self, claim: str, verdict: str) -> str:
        """A token made with this claim meets the verdict."""
        now, (kid, key) = int(self.clock()), next(iter(self._keys.items()))
        claims: dict[str, object] = {"iss": "authref", "sub": "u", "jti": "t", "iat": now - 900, "exp": now + 900}
        claims |= {"sub": 7} if claim == "with sub 7" else {"exp": now - 1}
        token = jwt.sign(write_json(claims), key, {"alg": "HS256", "typ": "at+jwt", "kid": kid})
        leeway = 5 if verdict.endswith("leeway of 5") else 0
        try:
            jwt.verify(token, self._keys, now=now, leeway=leeway)
            seen, why = f"accepted with a leeway of {leeway}", ""
        except jwt.InvalidToken as refused:
            seen, why = f"refused: {type(refused).__name__}", f": {refused}"
        return _true(f"now {now}\n{json.dumps(claims)}\n{seen}{why}", seen == verdict, seen)

    def ask(self, who: str, method: str, path: str, how: str | None, status: str, words: str | None) -> str:
        """Send it as this client would, keep what comes back, and compare."""
        client = self._clients.setdefault(who, Client())
        headers, value = otherwise(how or "", _headers(client, path), _fields(client, method, path))
        data = b"" if value is None else json.dumps(value).encode()
        kind: Headers = () if value is None else (("content-type", "application/json"),)
        answer = self._recorder.record(self._app, Request(method, path, (*headers.items(), *kind), data))
        client.keep(path, answer)
        shown = f"{answer.headers} {answer.body!r}"
        good = str(answer.status) == status and all(word in shown for word in (words or "").split())
        return _true(as_text(self._recorder.after(0, 0)[-1]), good, (answer.status, shown))


    def browse(self, method: str, host: str, path: str, status: str, sends: str) -> str:
        """Send it as a browser would that was told this host, and look whether the session's cookie goes along."""
        fields = _fields(Client(), method, path)
        data = None if fields is None else json.dumps(fields).encode()
        app = browser.OnLoopback(self._app, lambda request: self._recorder.record(self._app, request))
        asked = browser.ask(app, self._jar, method, host, path, data)
        exchange = self._recorder.after(0, 0)[-1]
        sent_it = "session=" in (asked.get_header("Cookie") or "")
        good = str(exchange.response.status) == status and sent_it == (sends == "sends its cookie")
        return _true(f"{asked.full_url}\n{as_text(exchange)}", good, (exchange.response.status, sent_it))


def _true(shown: str, good: bool, seen: object) -> str:
    if not good:
        raise Lie(f"seen was {seen}")
    return shown


def _headers(client: Client, path: str) -> dict[str, str]:
    """What a client of this kind sends along."""
    if path.startswith("/token"):
        bearer = client.token and path == "/token/me"
        return {"host": "localhost", **({"authorization": f"Bearer {client.token}"} if bearer else {})}
    return {"host": "localhost", **({"cookie": client.cookie} if client.cookie else {})}


def _fields(client: Client, method: str, path: str) -> dict[str, str] | None:
    """The fields of the body that this route wants, None for no body."""
    if path in ("/token/refresh", "/token/logout"):
        return {"refresh_token": client.refresh}
    if path == "/me/password":
        return {"current_password": client.password, "new_password": client.password + "!"}
    return None if method == "GET" or path == "/logout" else {"email": EMAIL, "password": client.password}


def otherwise(
    how: str, headers: dict[str, str], value: dict[str, str] | None
) -> tuple[dict[str, str], dict[str, str] | None]:
    """The request's headers and fields, with what this one has other than usual."""
    if how.startswith("from "):
        headers = {**headers, "origin": how.removeprefix("from ")}
    elif how == "with the token as a cookie":
        token = headers.pop("authorization").removeprefix("Bearer ")
        headers = {**headers, "cookie": f"session={token}"}
    elif how == "without the cookie":
        headers = {name: text for name, text in headers.items() if name != "cookie"}
    elif how.startswith("as "):
        value = {**(value or {}), "email": how.removeprefix("as ")}
    elif how:
        value = {**(value or {}), "password": "x" * 72 + how[-1] if "72 times x" in how else "a wrong password"}
    return headers, value


FORMS: dict[str, Callable[..., str]] = {
    r"(\w+) (GET|POST) (/[\w/]*)(?: ((?:with|as|from|without) .+?))? (\d{3})(?: (.+))?": Run.ask,
    r"a browser (GET|POST) (localhost|127\.0\.0\.1)(/\w+) (\d{3}), (sends its cookie|has no cookie)": Run.browse,
    r"(\d+) minutes later": Run.later,
    r"a (\w+) copies the refresh token": Run.copies,
    r"authref --public-url (\S+)": Run.under,
    r"the server starts again, (.+)": Run.starts,
    r"the log says: (\w+)": Run.logged,
    r"a token (.+) is ((?:refused|accepted).+)": Run.judged,
}


def played(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each line, and what travelled. Raises Lie."""
    run = Run()
    for line in lines:
        yield line, run.play(line)


def as_text(exchange: Exchange) -> str:
    """The exchange: what is telling of it, what was looked up, and what the log said."""
    request, response = sent(exchange), received(exchange.response)
    lines = [request["line"], *_telling(request["headers"]), request["body"]]
    lines += [response["line"], *_telling(response["headers"]), response["body"]]
    asked = [name for name in exchange.notes.looked_up if name not in BESIDE]
    shown = [each if len(each) <= MAX_LINE else f"{each[: MAX_LINE - 1]}…" for each in lines if each]
    told = [f"the log: {each}" for each in exchange.notes.events]
    return "\n".join([*shown, f"looked up: {', '.join(asked) or 'nothing'}", *told])


def _telling(headers: Iterable[list[str]]) -> Iterator[str]:
    return (f"{name}: {value}" for name, value in headers if name in TELLING and not value.startswith("device="))
