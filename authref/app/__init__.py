"""What does it look like put together? A user-management API over sessions and tokens.

An app is a function from a request to a response. It owns the parts above and knows nothing of sockets, so
a test calls it like any other function. This file holds the table and that function; settings.py what can
be chosen, routes.py what all handlers need, accounts.py, tokens.py, logins.py and users.py the handlers.

Rules of this file:
- what is not in the table does not exist, and each row says who may call it; a test sends every kind of
  caller to every row;
- whatever goes wrong ends as an answer of one shape, and never as somebody let in;
- every answer carries the security headers, errors too: an error page can be framed like any other.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from authref import guards
from authref.app.accounts import AccountRoutes
from authref.app.logins import LoginRoutes
from authref.app.routes import Route
from authref.app.settings import Settings
from authref.app.tokens import TokenRoutes
from authref.app.users import UserRoutes
from authref.maps import MemoryStore, StoreUnavailable
from authref.passwords import TooBusy
from authref.refresh import Family
from authref.revocation import Denial, Revocation
from authref.sessions import Session, Sessions
from authref.throttle import Counter, Throttle
from authref.tokens import Tokens
from authref.users import Cost, EmailTaken, Pointer, User, Users
from authref.wire import Headers, Problem, Request, Response

__all__ = ["App", "Settings", "build"]

_PACKAGE = Path(__file__).parent.parent
RETRY_SECONDS = 1  # one hash later there is a free place, and a store that restarts may be back


def build(settings: Settings | None = None) -> App:
    """The app for these settings, with its first admin if they name one. Raises ValueError, in a sentence."""
    app = App(settings or Settings())
    if app.settings.admin_email is not None:
        app.made_admin = _first_admin(app.users, app.settings.admin_email, app.settings.admin_password or "")
    return app


def _first_admin(users: Users, email: str, password: str) -> bool:
    """True if the admin was made now, False if the store has them already, with a password of their own."""
    try:
        users.sign_up(email, password, role="admin")
    except EmailTaken:
        known = users.by_email(email)
        if known is None or not known.is_active_admin:  # whoever signed up first must not be handed the keys
            raise ValueError(f"{email} has an account, and it is no admin; name another address.") from None
        return False
    return True


class App:
    """The whole system without a socket."""

    def __init__(self, settings: Settings) -> None:
        settings.check()
        now, events = settings.now, settings.events
        self.settings, self.events = settings, events
        self.store = store = settings.store or MemoryStore(now)
        self.made_admin = False
        self.users = Users(
            store.map("users", User),
            store.map("addresses", Pointer),
            store.map("admins", Pointer),
            store.map("costs", Cost),
            settings.bcrypt_cost,
            now,
        )
        self.sessions = Sessions(store.map("sessions", Session), self.users, events, secure=settings.secure, now=now)
        families = store.map("families", Family)
        self.tokens = Tokens(
            settings.keys,
            families,
            Revocation(settings.revocation, families, store.map("denials", Denial), now),
            self.users,
            events,
            issuer=settings.issuer,
            audience=settings.audience,
            now=now,
        )
        parts = (self.users, self.sessions, self.tokens, Throttle(store.map("counters", Counter), now), events)
        self.routes = (
            *AccountRoutes(*parts).table(),
            *LoginRoutes(*parts).table(),
            *TokenRoutes(*parts).table(),
            *UserRoutes(*parts).table(),
            Route("GET", "/health", self.health, "anyone"),
            Route("GET", "/openapi.json", self.openapi, "anyone", store=""),
            Route("GET", "/", self.index, "anyone", store=""),
        )
        self._by_path: dict[str, dict[str, Route]] = {}  # and then by method
        self._by_parent: dict[str, dict[str, Route]] = {}  # the same for paths that end in an id
        self._index_routes()
        self._headers = guards.SECURITY_HEADERS + (guards.HSTS if settings.secure else ())
        self._index = _PACKAGE.joinpath("index.html").read_bytes()
        self._openapi = _PACKAGE.joinpath("openapi.json").read_bytes()

    def __call__(self, request: Request) -> Response:
        """The answer to the request, whatever it is."""
        try:
            response = self._answer(request)
        except Problem as problem:
            response = self._note(problem, request.peer)
        except TooBusy:
            retry = (("retry-after", str(RETRY_SECONDS)),)
            too_busy = Problem(503, "too_busy", "Too many logins at once; try again.", retry)
            response = self._note(too_busy, request.peer)
        except StoreUnavailable as error:
            response = self._without_store(error)
        except Exception as error:  # the last resort: nobody is let in, and nothing is told
            response = self._crash(error)
        return self._harden(response, guards.cors_headers(request, self.settings.allow_origins))

    def refuse(self, problem: Problem, peer: str) -> Response:
        """The answer to bytes that make no request."""
        return self._harden(self._note(problem, peer))

    def crash(self, error: Exception) -> Response:
        """The answer when something failed after the app had answered."""
        return self._harden(self._crash(error))

    def is_slow(self, request: Request) -> bool:
        """True if the answer may take longer than everybody else should wait for theirs."""
        route = self._find(request.path)[0].get(_as_routed(request.method))
        return route is not None and (route.slow or route.store in self.store.slow)

    def health(self, request: Request) -> Response:
        """200 while requests can be answered, 503 while the store cannot be."""
        self.store.check()
        return Response.json({"status": "ok"})

    def openapi(self, request: Request) -> Response:
        """200 with the description of this table for programs."""
        return Response(200, self._openapi, (("content-type", "application/json"),))

    def index(self, request: Request) -> Response:
        """200 with the description of this table for people."""
        return Response(200, self._index, (("content-type", "text/html; charset=utf-8"),))

    def _index_routes(self) -> None:
        for route in self.routes:
            parent, _, last = route.path.rpartition("/")
            table, key = (self._by_parent, parent) if last == "{id}" else (self._by_path, route.path)
            table.setdefault(key, {})[route.method] = route

    def _answer(self, request: Request) -> Response:
        settings = self.settings
        if guards.is_cross_site(request, settings.public_url, settings.allow_origins):
            self.events.emit("malicious_cors", method=request.method, peer=request.peer)
            return guards.cross_site()
        methods, arguments = self._find(request.path)
        if not methods:
            raise Problem(404, "not_found", "Nothing is here; GET / says what there is.")
        if guards.is_preflight(request, settings.allow_origins):
            return guards.preflight_answer(methods)
        route = methods.get(_as_routed(request.method))
        if route is None:
            allowed = ", ".join(sorted([*methods, *(["HEAD"] if "GET" in methods else [])]))
            raise Problem(405, "method_not_allowed", f"This path takes {allowed}.", (("allow", allowed),))
        if "?" in request.target and not request.query.keys() <= set(route.query):
            raise Problem(400, "invalid_request", "This route takes no such query parameter.")
        return route.handler(request, *arguments)

    def _note(self, problem: Problem, peer: str) -> Response:
        """The problem's answer; the log hears of it, unless somebody only mistyped a path."""
        if problem.code not in ("not_found", "method_not_allowed"):
            excess = problem.response.status in (429, 503)
            name = "excess_rate_limit_exceeded" if excess else "input_validation_fail"
            self.events.emit(name, reason=problem.code, peer=peer)
        return problem.response

    def _crash(self, error: Exception) -> Response:
        """500, which tells nothing; the log gets the kind of error and its place."""
        where = traceback.extract_tb(error.__traceback__)[-1]
        # Not its message: that may quote what the client sent.
        place = f"{Path(where.filename).name}:{where.lineno}"
        self.events.emit("sys_crash", error=type(error).__name__, at=place)
        return Response.problem(500, "internal_error", "Something went wrong here.")

    def _without_store(self, error: StoreUnavailable) -> Response:
        """503: nobody is let in and nothing is promised while the store is away."""
        self.events.emit("sys_store_unavailable", error=error)
        retry = (("retry-after", str(RETRY_SECONDS)),)
        return Response.problem(503, "store_unavailable", "The store does not answer; try again in a moment.", retry)

    def _find(self, path: str) -> tuple[dict[str, Route], tuple[str, ...]]:
        """What the path offers, by method, and what stands where a route has `{id}`."""
        if path in self._by_path:
            return self._by_path[path], ()
        parent, _, last = path.rpartition("/")
        return (self._by_parent.get(parent, {}), (last,)) if last else ({}, ())

    def _harden(self, response: Response, more: Headers = ()) -> Response:
        return Response(response.status, response.body, response.headers + more + self._headers)


def _as_routed(method: str) -> str:
    return "GET" if method == "HEAD" else method  # the server leaves the body away
