"""What does every handler need? To know the caller, and to take no more from a body than it asked for.

Each protected handler begins the same way. From there on it makes no difference whether by cookie or by token:

    caller = self.permitted(request, "user")      (or one mechanism's own: self.sessions.authenticate(request))
    if isinstance(caller, Response):
        return caller

Rules of this file:
- a request with an `Authorization` header is judged by the token in it, any other by its cookie. A bad token
  never falls back to the cookie: one request, one identity;
- a body has exactly the fields that its route names, with their types. A field that nobody reads today is
  the field that somebody trusts tomorrow (`"role": "admin"` at sign-up: mass assignment).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from authref import roles
from authref.admins import Admins
from authref.devices import Devices
from authref.events import Events
from authref.passwords import MAX_LENGTH
from authref.sessions import Sessions
from authref.throttle import Throttle
from authref.tokens import Tokens
from authref.users import InvalidCredentials, User, Users
from authref.wire import Headers, Problem, Request, Response


class Mechanism(Protocol):
    """What sessions and tokens have in common, and all that handlers know of either."""

    challenge: Headers  # the WWW-Authenticate line of a 401
    forbidden: Headers  # what a 403 adds

    def log_in(self, user: User, request: Request) -> Response: ...
    def authenticate(self, request: Request) -> User | Response: ...
    def log_out(self, request: Request) -> Response: ...
    def refusal(self) -> Response: ...
    def current(self, request: Request) -> str: ...
    def end(self, user_id: str, public_id: str) -> bool: ...
    def end_all(self, user_id: str, but: str = "") -> None: ...


@dataclass(frozen=True)
class Route:
    """One row of the table. `by` says what may speak for the caller: session, bearer, either, or "" for nothing."""

    method: str
    path: str
    handler: Callable[..., Response]
    rule: roles.Rule
    by: str = ""
    query: tuple[str, ...] = ()  # the parameters it takes; any other is refused (a token in an address, say)
    # What it does meanwhile: "hashes" a password, "scans" many records (neither is for the thread that serves
    # everybody), "writes" or "reads" a few of them, or "" for nothing.
    work: str = "writes"


@dataclass(frozen=True)
class Routes:
    """The parts that handlers work with; the files below add the handlers."""

    users: Users
    admins: Admins
    sessions: Sessions
    tokens: Tokens
    throttle: Throttle
    devices: Devices
    events: Events

    def mechanism(self, request: Request) -> Mechanism:
        """What judges the request."""
        return self.sessions if request.header("authorization") is None else self.tokens

    def permitted(self, request: Request, rule: roles.Rule, user_id: str | None = None) -> User | Response:
        """The caller as the store knows them now, if the rule lets them in; else 401 or 403."""
        mechanism = self.mechanism(request)
        caller = mechanism.authenticate(request)
        if isinstance(caller, Response):
            return caller
        live = self.users.get(caller.id)
        if live is None or live.disabled:
            self.tokens.end_all(caller.id)  # a crash may have kept them alive
            self.events.emit("authz_fail", user=caller.id, reason="disabled or deleted", peer=request.peer)
            return mechanism.refusal()
        if not roles.permits(rule, live, user_id):
            self.events.emit("authz_fail", user=live.id, rule=rule, method=request.method, peer=request.peer)
            return roles.forbidden(mechanism.forbidden)
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
            self.events.emit("authn_login_fail", reason=failure.reason, user=failure.user_id, peer=request.peer)
            return None

    def log_in_by(self, mechanism: Mechanism, request: Request) -> Response:
        """What the mechanism gives to whoever knows the password, or 401, the same for everybody else."""
        fields = read_fields(request, {"email": str, "password": str})
        user = self.prove(fields["email"], fields["password"], request)
        if user is None:
            return Response.problem(401, "invalid_credentials", "Wrong e-mail or password.", mechanism.challenge)
        self.events.emit("authn_login_success", user=user.id, peer=request.peer)
        answer = mechanism.log_in(user, request)
        device = self.devices.remember(user, request) if mechanism is self.sessions else ()
        return replace(answer, headers=answer.headers + device)

    def end_all(self, user_id: str, but: str = "") -> None:
        """End every login of the user except the one of this public id, and make strangers of the browsers."""
        self.devices.forget(user_id)
        self.sessions.end_all(user_id, but)
        self.tokens.end_all(user_id, but)


def read_fields(
    request: Request, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """The body's fields: all of `required`, some of `optional`, no others. Raises Problem, naming each wrong one."""
    fields = request.json()
    if not isinstance(fields, dict):
        raise Problem(400, "invalid_request", "The body is not a JSON object.")
    known = {**required, **(optional or {})}
    unknown = [name for name in fields if name not in known]
    errors = {name[:100]: "This route knows no such field." for name in unknown[:10]}  # no echo of 60 KB
    errors |= {name: "This field is missing." for name in required if name not in fields}
    for name, kind in known.items():
        if name in fields and type(fields[name]) is not kind:  # not isinstance(): True is no number here
            errors[name] = "This field is text." if kind is str else "This field is true or false."
    if errors:
        raise Problem(400, "invalid_request", "The body does not have the fields of this route.", errors=errors)
    return fields
