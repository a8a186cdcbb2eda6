"""What does an attack play on, and what does it say in the end?

An attack is one small function: the steps of a client, and an outcome. It knows routes by what they do and never by
path, so that it plays on any server. Around it stands the honest twin: the same steps by an honest client.

Rules of this file:
- the twin must succeed just before and just after: a server that refuses everybody is not safe, it is down;
- a 404, a 429 or a 5xx says nothing about a guard: such an attack was *not played*, and that is never *stopped*;
- accounts are new ones under random names, or those that were given; nobody else's is touched.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from typing import TypeVar, cast
from urllib.parse import urlsplit

from authref.attacks.client import Address, Answer, Client

T = TypeVar("T")
THROUGH, STOPPED, PRICE, NOT_PLAYED = "through", "stopped", "price", "not played"
SAYS_NOTHING = (0, 404, 429)  # and every 5xx: the request met no guard


class NotPlayed(Exception):
    """The attack could not be tried; the message says why, after "because"."""


@dataclass(frozen=True)
class Outcome:
    """What came of an attack, in one line of evidence."""

    got_through: bool
    evidence: str


@dataclass(frozen=True)
class Account:
    """Somebody who may log in."""

    email: str
    password: str


@dataclass(frozen=True)
class Routes:
    """How a server is spoken to: what a `--routes` file may say, under these names. "" is a route that is not there."""

    sign_up: str = "POST /signup"
    log_in: str = "POST /login"  # "" where there are tokens only: they are taken for logins then
    log_out: str = "POST /logout"
    me: str = "GET /me"
    token_log_in: str = "POST /token/login"
    token_log_out: str = "POST /token/logout"
    token_me: str = "GET /token/me"
    refresh: str = "POST /token/refresh"
    change_password: str = "POST /me/password"
    sessions: str = "GET /me/sessions"
    end_session: str = "DELETE /me/sessions/{id}"
    users: str = "GET /users"
    user: str = "GET /users/{id}"
    change_user: str = "PATCH /users/{id}"
    delete_user: str = "DELETE /users/{id}"
    email: str = "email"  # the field's name …
    login_email: str = ""  # … and at a login, where it is another one
    password: str = "password"
    current_password: str = "current_password"
    new_password: str = "new_password"
    token: str = "token"  # the field of the answer to a login by token
    refresh_token: str = "refresh_token"
    cookie: str = "session"  # the cookie's name
    refresh_by: str = "field"  # or "bearer": a refresh token is sent as if it were an access token
    body: str = "json"  # or "form" …
    log_in_body: str = ""  # … and of a login, where it is the other one
    somebody: str = ""  # what stands in the answer of `me` only where somebody is logged in: where nobody is a 200, too
    disable: str = '{"disabled": true}'  # what an admin's change says …
    promote: str = '{"role": "admin"}'  # … in JSON
    csrf_page: str = ""  # "/login": a page to fetch first, for what stands in its hidden field …
    csrf_field: str = ""  # … of this name
    success: str = ""  # a redirect to here is a login that succeeded: "/home"


@dataclass
class Target:
    """One server, as the one who plays on it knows it."""

    name: str
    address: Address
    routes: Routes = Routes()
    admin: Account | None = None
    given: list[Account] = field(default_factory=list)  # to be used where nobody can sign up
    key: bytes = b""  # what signs its tokens, where that is known: for what only its issuer could write
    ours: bool = False  # we started it, and it ends with us: nothing on it needs to be spared
    prices: Mapping[str, str] = field(default_factory=dict)  # by attack: why the one who built it pays that
    headers: Mapping[str, str] = field(default_factory=dict)  # sent with each request, where the server asks for them
    more: Mapping[str, str] = field(default_factory=dict)  # fields that a sign-up has as well
    public_key: bytes = b""  # as it is published, where its tokens are signed with a pair of keys
    wait: Callable[[float], None] | None = None  # puts its clock ahead by so many seconds, or back
    another: Callable[..., AbstractContextManager[Target]] | None = None  # the same, started with other flags and keys


class Scene:
    """A server with the people on it. What several attacks may share is made once."""

    def __init__(self, target: Target) -> None:
        self.target, self.routes = target, target.routes
        self.travelled: list[tuple[str, bytes]] = []
        self._kept: dict[str, object] = {}
        self._given = list(target.given)
        self._made: list[Account] = []

    @property
    def secrets(self) -> list[str]:
        """The passwords and the key that were given, and must be written nowhere."""
        passwords = [each.password for each in (*self.target.given, self.target.admin) if each]
        return [*passwords, self.target.key.decode("latin-1")]

    def client(self) -> Client:
        """A client from an address of its own."""
        client = Client(self.target.address)
        client.travelled = self.travelled
        client.headers.update(self.target.headers)
        return client

    def turn(self, whose: str) -> None:
        """Note whose turn it is, for who reads what travelled."""
        self.travelled.append(("#", whose.encode()))

    def fields(self, account: Account) -> dict[str, str]:
        """What a login sends."""
        return {self.routes.login_email or self.routes.email: account.email, self.routes.password: account.password}

    @property
    def log_in_route(self) -> str:
        """The login by session; where there is none, the one by token."""
        return self.routes.log_in or self.routes.token_log_in

    @property
    def me_route(self) -> str:
        """What tells somebody who is logged in who they are."""
        return self.routes.me if self.routes.log_in else self.routes.token_me

    def post(
        self,
        client: Client,
        route: str,
        fields: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
        elsewhere: bool = False,
    ) -> Answer:
        """The answer to these fields, as JSON or as the form that the server wants.

        A page from `elsewhere` cannot know what stands in the hidden field of the server's own.
        """
        if not route:
            raise NotPlayed("the server has no such route")
        if route.startswith("GET "):  # some servers' logout
            return client.send(route, headers=headers)
        if not self.is_form(route):
            return client.send(route, dict(fields), headers)
        texts = {name: str(value) for name, value in fields.items()}
        if self.routes.csrf_page and not elsewhere:
            page = client.send(f"GET {self.routes.csrf_page}").body.decode("utf-8", "replace")
            name = re.escape(self.routes.csrf_field)
            found = re.search(rf'name="{name}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="{name}"', page)
            if found is None:
                raise NotPlayed(f"the page {self.routes.csrf_page} has no field {self.routes.csrf_field}")
            texts[self.routes.csrf_field] = found[1] or found[2]
        return client.send(route, headers=headers, form=texts)

    def is_form(self, route: str) -> bool:
        """True if the server wants a form there."""
        a_login = route in (self.routes.log_in, self.routes.token_log_in)
        return (a_login and self.routes.log_in_body or self.routes.body) == "form"

    def must_take_json(self) -> None:
        """Raise NotPlayed where a login in JSON would only be refused because forms are expected."""
        if self.is_form(self.log_in_route):
            raise NotPlayed("the server takes forms")

    def sign_up(self, account: Account, client: Client | None = None, **more: object) -> Answer:
        """The answer to a sign-up."""
        names = {self.routes.email: account.email, self.routes.password: account.password}
        return self.post(client or self.client(), self.routes.sign_up, {**names, **self.target.more, **more})

    def log_in(self, account: Account, client: Client | None = None) -> Answer:
        """The answer to a login; the client keeps the cookie."""
        return self.post(client or self.client(), self.log_in_route, self.fields(account))

    def log_out(self, client: Client) -> Answer:
        """The answer to a logout. Raises NotPlayed where it is refused."""
        answer = self.post(client, self.routes.log_out, {})
        if not 200 <= answer.status < 400:  # many send their visitors elsewhere then
            raise NotPlayed(f"an honest logout was answered {answer.status or 'by nothing'}")
        return answer

    def succeeded(self, answer: Answer) -> bool:
        """True for a 2xx that is not said to nobody; where a redirect means that a login succeeded, for that alone."""
        if answer.status in (302, 303) or answer.request in (self.routes.log_in, self.routes.sign_up):
            to = urlsplit(answer.header("location")).path
            if self.routes.success or answer.status >= 300:
                return answer.status in (302, 303) and to == self.routes.success != ""
        asked_who = answer.request.startswith((self.routes.me or "-", self.routes.token_me or "-"))
        said_to_nobody = asked_who and self.routes.somebody.encode() not in answer.body
        return 200 <= answer.status < 300 and not said_to_nobody

    def new_account(self) -> Account:
        """Somebody who has just signed up; one of those who were given, where nobody can."""
        if self._given:
            self._given.append(self._given.pop(0))
            return self._given[-1]
        return self.account_to_lose()

    def account_to_lose(self) -> Account:
        """Somebody who has just signed up, and whose account may be changed or deleted. Never one that was given."""
        account = somebody()
        if self._given:
            raise NotPlayed("it would change an account that was given")
        must(self, self.sign_up(account), "a sign-up")
        self._made.append(account)
        return account

    def tidy(self) -> None:
        """Delete the accounts that were made here, where their owners can do that."""
        for account in self._made:
            with suppress(NotPlayed, OSError):
                self.delete(self.logged_in(account))

    def delete(self, owner: Client) -> None:
        """Let the owner delete their account, or the admin where owners may not. Raises NotPlayed."""
        route = self.with_id(self.routes.delete_user, self.id_of(owner))
        answer = owner.send(route)
        if answer.status in (401, 403) and self.target.admin:
            answer = self.admin.send(route)
        must(self, answer, "deleting an account")

    def logged_in(self, account: Account) -> Client:
        """A client that has just logged in: by session, or by token where there are no sessions."""
        if self.routes.log_in:
            return self.session(account)
        client = self.client()
        client.owner = account.email
        client.headers["Authorization"] = f"Bearer {self.tokens(account)[0]}"
        return client

    def session(self, account: Account) -> Client:
        """A client that has just logged in by session."""
        if not self.routes.log_in:
            raise NotPlayed("the server has no sessions")
        client = self.client()
        client.owner = account.email
        must(self, self.log_in(account, client), "an honest login")
        if self.routes.cookie in client.withheld:
            raise NotPlayed("its cookie is Secure, and no client sends it back over http")
        if self.routes.cookie not in client.cookies:
            raise NotPlayed(f"its login sets no cookie named {self.routes.cookie}")
        return client

    def tokens(self, account: Account) -> tuple[str, str]:
        """An access token and a refresh token ("" where there is none) of a new login."""
        answer = self.post(self.client(), self.routes.token_log_in, self.fields(account))
        token = must(self, answer, "an honest login by token").json.get(self.routes.token)
        if not isinstance(token, str):
            raise NotPlayed(f"its login by token answers no field {self.routes.token}")
        return token, str(answer.json.get(self.routes.refresh_token, ""))

    def refreshable(self, account: Account | None = None) -> str:
        """The refresh token of a new login."""
        token = self.tokens(account or self.alice)[1]
        if not token:
            raise NotPlayed("it has no refresh tokens")
        return token

    @property
    def alice(self) -> Account:
        """Somebody honest, who logs in as often as it takes."""
        return self.once("alice", self.new_account)

    @property
    def alice_session(self) -> Client:
        """An honest session that stays open; its account has no other, or many logins would put an end to it."""
        return self.once("session", lambda: self.logged_in(self.new_account()))

    @property
    def alice_token(self) -> str:
        """An honest access token."""
        return self.once("token", lambda: self.tokens(self.new_account())[0])

    @property
    def eve_session(self) -> Client:
        """The attacker's own open session: they may have an account like anybody."""
        return self.once("eve", lambda: self.logged_in(self.new_account()))

    @property
    def admin(self) -> Client:
        """An admin's client, logged in."""
        account = self.target.admin
        if account is None:
            raise NotPlayed("no admin was given")
        return self.once("admin", lambda: self.logged_in(account))

    @property
    def admin_account(self) -> Account:
        """The admin's account."""
        if self.target.admin is None:
            raise NotPlayed("no admin was given")
        return self.target.admin

    @contextmanager
    def later(self) -> Iterator[Callable[[float], None]]:
        """What puts the server's clock ahead while the block runs; what was shared before may have ended then."""
        if self.target.wait is None:
            raise NotPlayed("its clock cannot be put ahead")
        ahead, wait = 0.0, self.target.wait

        def put(seconds: float) -> None:
            nonlocal ahead
            ahead += seconds
            wait(seconds)

        try:
            yield put
        finally:
            wait(-ahead)
            self._kept.clear()

    def let_pass(self, seconds: float) -> None:
        """Wait until the server's clock is so much later: it is put ahead where that can be done."""
        (self.target.wait or time.sleep)(seconds)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made at the first call under this name."""
        if name not in self._kept:
            self._kept[name] = make()
        return cast(T, self._kept[name])

    def me(self, client: Client, headers: Mapping[str, str] | None = None) -> Answer:
        """Who the server takes this client for."""
        return client.send(self.me_route, headers=headers)

    def token_me(self, token: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Who the server takes the token for."""
        if not self.routes.token_me:
            raise NotPlayed("the server has no such route")
        return self.client().send(self.routes.token_me, headers={"Authorization": f"Bearer {token}", **(headers or {})})

    def use_refresh(self, token: str) -> Answer:
        """The answer to a refresh."""
        if self.routes.refresh_by == "bearer":
            return self.client().send(self.routes.refresh, b"", {"Authorization": f"Bearer {token}"})
        return self.post(self.client(), self.routes.refresh, {self.routes.refresh_token: token})

    def id_of(self, client: Client) -> str:
        """The user's own id, as the server tells it."""
        answer = self.me(client)
        user = answer.json.get("user", answer.json)
        if not isinstance(user, dict) or "id" not in user:
            raise NotPlayed("the server does not tell users their id")
        return str(user["id"])

    def mark(self, client: Client) -> bytes:
        """What an answer about this client's user holds and no other's: their id, or what they log in with."""
        with suppress(NotPlayed):
            return self.id_of(client).encode()
        if client.owner.encode() not in self.me(client).body:
            raise NotPlayed("the server does not tell users who they are")
        return client.owner.encode()

    def need(self, name: str) -> None:
        """Raise NotPlayed unless the server has this route: without credentials it is refused, and not missing."""
        route = getattr(self.routes, name).replace("{id}", "x")
        status = self.once(route, lambda: self._knock(route)) if route else 404
        if status in (404, 405, 501):
            raise NotPlayed(f"the server has no {route or f'route for {name}'} ({status})")

    def _knock(self, route: str) -> int:
        self.turn("is the route there?")
        return self.client().send(route).status

    def with_id(self, route: str, user_id: str) -> str:
        """The route with the id in its place."""
        if not route:
            raise NotPlayed("the server has no such route")
        return route.replace("{id}", user_id)

    def forged(self, header: Mapping[str, object] | None = None, claims: Mapping[str, object] | None = None) -> str:
        """Alice's token with other members, signed by the server's own key; a member that is None is left away."""
        if not self.target.key:
            raise NotPlayed("only its issuer can sign this, and its key is not known")
        first, second = (read_part(part) for part in self.alice_token.split(".")[:2])
        return signed(changed(first, header), changed(second, claims), self.target.key)


def somebody() -> Account:
    """Somebody with a random name, who has no account yet."""
    return Account(f"{secrets.token_hex(8)}@attack.example", f"correct horse {secrets.token_hex(6)}")


def must(scene: Scene, answer: Answer, what: str) -> Answer:
    """The answer, if it is a success. Raises NotPlayed."""
    if not scene.succeeded(answer):
        raise NotPlayed(f"{what} was answered {answer.status or 'by nothing'}")
    return answer


def judge(answer: Answer, got_through: bool, detail: str = "") -> Outcome:
    """The outcome of a request. Raises NotPlayed for an answer that says nothing about a guard."""
    if not got_through and (answer.status in SAYS_NOTHING or answer.status >= 500):
        raise NotPlayed(f"{answer.request} was answered {answer.status or 'by nothing'}")
    return Outcome(got_through, f"{answer.request}: {answer.status}{', ' * bool(detail)}{detail}")


def judge_each(cases: Iterable[tuple[str, Answer, bool]]) -> Outcome:
    """The outcome of several spellings of one attack: it is through with the first that is."""
    seen: list[Answer] = []
    for name, answer, got_through in cases:
        if got_through:
            return Outcome(True, f"{name}: {answer.status}")
        seen.append(answer)
    telling = [each for each in seen if not (each.status in SAYS_NOTHING or each.status >= 500)]
    if not telling:
        return judge(seen[0], False)
    statuses = ", ".join(str(each) for each in sorted({each.status for each in telling}))
    return Outcome(False, f"{len(telling)} spelling{'s' * (len(telling) > 1)}: {statuses}")


def plain(answer: Answer, *sent: str) -> str:
    """What an answer says, without the words that were sent, and what is new each time: they tell nothing."""
    text = answer.body.decode("utf-8", "replace")
    for each in sent:
        text = re.sub(rf"(?<!\w){re.escape(each)}(?!\w)", "", text)
    return re.sub(r"[A-Za-z0-9_-]{20,}", "", text)


def another_id(user_id: str) -> str:
    """An id of the same form that nobody has."""
    if user_id.isdigit():
        return f"{user_id}000000"
    digits = {**dict.fromkeys("0123456789", "0123456789"), **dict.fromkeys("abcdef", "abcdef")}
    return "".join(secrets.choice(digits.get(each, each)) for each in user_id)


# -- tokens, written by hand


def read_part(part: str) -> dict[str, object]:
    """What a token's part says. Raises NotPlayed."""
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise NotPlayed("its tokens are no JSON Web Tokens")
    return value


def write_part(value: object) -> str:
    """The value, or these bytes, as a token's part."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: object, claims: object, key: bytes, algorithm: str = "sha256") -> str:
    """A token of these two parts, with the MAC that this key makes."""
    text = f"{write_part(header)}.{write_part(claims)}"
    return f"{text}.{write_part(digest(key, text.encode(), algorithm))}"


def changed(members: Mapping[str, object], others: Mapping[str, object] | None) -> dict[str, object]:
    """The members with others in their place; what is None is left away."""
    return {name: value for name, value in {**members, **(others or {})}.items() if value is not None}


def fingerprint(text: str) -> str:
    """What may be shown of a secret: enough to see that two differ."""
    return sha256(text.encode()).hexdigest()[:8]


# -- honest twins: each does what the attacks of its kind do, as an honest client does it


def signs_up(scene: Scene) -> None:
    """Somebody new signs up and logs in."""
    account = scene.new_account()
    must(scene, scene.log_in(account), "an honest login")
    tells_passwords_apart(scene)


def logs_in(scene: Scene) -> None:
    """Alice logs in and is taken for herself."""
    must(scene, scene.me(scene.logged_in(scene.alice)), "an honest login")
    tells_passwords_apart(scene)


def tells_passwords_apart(scene: Scene) -> None:
    """Nobody logs in with a wrong password, or each guess would seem to succeed. Raises NotPlayed."""
    if scene.once("wrong", lambda: scene.succeeded(scene.log_in(Account(scene.alice.email, somebody().password)))):
        raise NotPlayed("a wrong password is answered like the right one: a routes file may say what tells them apart")


def logs_out(scene: Scene) -> None:
    """Alice logs in and out, and is then nobody."""
    client = scene.session(scene.alice)
    scene.log_out(client)
    if scene.succeeded(scene.me(client)):
        raise NotPlayed("its logout ends nothing")


def has_a_session(scene: Scene) -> None:
    """Alice's open session is hers."""
    must(scene, scene.me(scene.alice_session), "an honest session")


def has_a_token(scene: Scene) -> None:
    """Alice's token is hers."""
    must(scene, scene.token_me(scene.alice_token), "an honest token")


def refreshes(scene: Scene) -> None:
    """A refresh token is good for one new pair."""
    must(scene, scene.use_refresh(scene.refreshable()), "an honest refresh")


def administers(scene: Scene) -> None:
    """The admin sees the list of users."""
    if not scene.routes.users:
        raise NotPlayed("the server has no such route")
    must(scene, scene.admin.send(scene.routes.users), "an honest admin")


# -- the table's rows

Play = Callable[[Scene], Outcome]
Twin = Callable[[Scene], None]


@dataclass(frozen=True)
class Attack:
    """One row: a cause, whose spellings are its cases."""

    name: str
    title: str
    group: str
    lesson: int  # of the course, see the exercises
    has: str  # what the attacker has
    gains: str
    counts: str  # what counts as got through
    read: str  # what stops it: "sessions.py:Sessions.log_in"
    tiny: str  # the same in chapter one, or ""
    wstg: str  # of the OWASP Web Security Testing Guide 4.2: "WSTG-SESS-03"
    asvs: str  # of OWASP ASVS 5.0.0: "7.2.4"
    cwe: int
    twin: Twin
    play: Play
    needs: tuple[str, ...] = ()  # the routes, by their names in Routes, that not every server has
    slow: bool = False
    exercise: str = ""  # the id of the exercise whose lesson this is


class Group:
    """The attacks of one file, in their order."""

    def __init__(self, name: str, twin: Twin, needs: tuple[str, ...] = ()) -> None:
        self.name, self.twin, self.needs = name, twin, needs
        self.attacks: list[Attack] = []

    def attack(
        self,
        lesson: int,
        *,
        has: str,
        gains: str,
        counts: str,
        read: str,
        wstg: str,
        asvs: str,
        cwe: int,
        tiny: str = "",
        twin: Twin | None = None,
        needs: tuple[str, ...] = (),
        slow: bool = False,
        exercise: str = "",
    ) -> Callable[[Play], Play]:
        """Makes a row of the function: its name is the row's, its docstring the title."""

        def add(play: Play) -> Play:
            name, title = play.__name__.replace("_", "-"), (play.__doc__ or "").strip().rstrip(".")
            row = Attack(
                name, title, self.name, lesson, has, gains, counts, read, tiny, f"WSTG-{wstg}", asvs, cwe,
                twin or self.twin, play, (*self.needs, *needs), slow, exercise,
            )  # fmt: skip
            self.attacks.append(row)
            return play

        return add
