"""What does every handler need? To know the caller, and to take no more from a body than it asked for.

Each protected handler begins the same way. From there on it makes no difference whether by cookie or by token:

    caller = self.permitted(request, "user")

Rules of this file:
- a request with an `Authorization` header is judged by the token in it, any other by its cookie. A bad token
  never falls back to the cookie: one request, one identity;
- a body has exactly the fields that its route names. A field that nobody reads today is one that somebody trusts
  tomorrow (`"role": "admin"` at sign-up: mass assignment).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from authref import roles
from authref.admins import Admins, Roster
from authref.app.settings import Settings
from authref.devices import DeviceKey, Devices
from authref.maps import Store
from authref.passwords import MAX_LENGTH
from authref.refresh import Family
from authref.revocation import Denial, Revocation
from authref.sessions import Session, Sessions
from authref.throttle import Counter, Throttle
from authref.tokens import Tokens
from authref.users import Cost, InvalidCredentials, Pointer, User, Users
from authref.wire import Problem, Request, Response

# All that handlers know of either: `log_in`, `authenticate`, `log_out`, what ends logins, and how to refuse.
Mechanism = Sessions | Tokens


@dataclass(eq=False)
class Refused(Exception):
    """Whoever asks may not; `response` tells them."""

    response: Response


@dataclass(frozen=True)
class Route:
    """One row of the table."""

    method: str
    path: str
    handler: Callable[..., Response]
    rule: roles.Rule
    by: str = ""  # what may speak for the caller: session, bearer, either
    query: tuple[str, ...] = ()  # parameters; others are refused
    # It "hashes" or "scans", for which everybody else should not wait; "writes" or "reads" a little; or does nothing.
    work: str = "writes"


class Routes:
    """The parts that handlers work with; the files below add the handlers."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.events = settings, settings.events
        self.emit = settings.events.emit
        now, secure = settings.now, settings.secure
        self.store = store = settings.store or Store(now)
        records, addresses = store.map("users", User), store.map("addresses", Pointer)
        self.users = Users(records, addresses, store.map("costs", Cost), settings.bcrypt_cost, now)
        self.admins = Admins(records, addresses, store.map("roster", Roster), store.map("admins", Pointer))
        self.sessions = Sessions(store.map("sessions", Session), self.users, self.emit, secure=secure, now=now)
        families = store.map("families", Family)
        revocation = Revocation(settings.revocation, families, store.map("denials", Denial), now)
        names = settings.issuer, settings.audience
        self.tokens = Tokens(settings.keys, families, revocation, self.users, self.emit, *names, now)
        # From the keys, so that it is the same in all processes; nothing leads back to them.
        secret = hmac.digest(next(iter(settings.keys.values())), b"authref throttle v1", "sha256")
        self.throttle = Throttle(store.map("counters", Counter), secret, now)
        self.devices = Devices(store.map("devices", DeviceKey), secure=secure, now=now)

    def mechanism(self, request: Request) -> Mechanism:
        """What judges the request."""
        return self.sessions if request.header("authorization") is None else self.tokens

    def permitted(self, request: Request, rule: roles.Rule, user_id: str | None = None) -> User:
        """The caller as the store knows them now, if the rule lets them in. Raises Refused."""
        mechanism = self.mechanism(request)
        caller = mechanism.authenticate(request)
        if isinstance(caller, Response):
            raise Refused(caller)
        live = self.users.get(caller.id)
        if live is None or live.disabled:
            self.tokens.end_all(caller.id)  # a crash may have left tokens alive
            self.emit("authz_fail", user=caller.id, reason="disabled or deleted", peer=request.peer)
            raise Refused(mechanism.refusal())
        if not roles.permits(rule, live, user_id):
            self.emit("authz_fail", user=live.id, rule=rule, method=request.method, peer=request.peer)
            raise Refused(roles.forbidden(mechanism.forbidden))
        return live

    def prove(self, email: str, password: str, request: Request, caller: User | None = None) -> User | None:
        """The user whose password this is, of the version that was proved, or None. Raises Problem 400, 429, 503.

        A `caller` is logged in already: their tries are counted apart from those of strangers.
        """
        if not 1 <= len(password) <= MAX_LENGTH:
            raise Problem(400, "invalid_request", f"A password has 1 to {MAX_LENGTH} characters.")
        user = self.users.by_email(email)
        device = "inside" if caller else self.devices.recognise(user, request)
        try:
            with self.throttle.guess(email, user.id if user else None, device, request.peer):
                return self.users.check_credentials(email, password)
        except InvalidCredentials as failure:
            reason, user_id = failure.args
            self.emit("authn_login_fail", reason=reason, user=user_id, peer=request.peer)
            return None

    def end_all(self, user_id: str, but: str = "") -> None:
        """End every login of the user except the one of this public id, and make strangers of the browsers."""
        self.devices.forget(user_id)
        self.sessions.end_all(user_id, but)
        self.tokens.end_all(user_id, but)


def read_fields(request: Request, known: Mapping[str, type], some: bool = False) -> dict[str, Any]:
    """The body's fields, all these or `some` of them, and no others. Raises Problem, naming each wrong one."""
    fields = request.json()
    if not isinstance(fields, dict):
        raise Problem(400, "invalid_request", "The body is not a JSON object.")
    unknown = [name for name in fields if name not in known]
    errors = {name[:100]: "This route knows no such field." for name in unknown[:10]}  # no echo of 60 KB
    for name, kind in known.items():
        if name in fields and type(fields[name]) is not kind:  # True is no number
            errors[name] = "This field is text." if kind is str else "This field is true or false."
        elif name not in fields and not some:
            errors[name] = "This field is missing."
    if errors:
        raise Problem(400, "invalid_request", "The body does not have the fields of this route.", errors=errors)
    return fields


@lru_cache(maxsize=10_000)  # for speed alone
def shown(user: User) -> Response:
    """200 with what others may see of the user."""
    return Response.json({"user": user.public()})
