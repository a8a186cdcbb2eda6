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

import hmac
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from authref import guards
from authref.admins import Admins, Roster
from authref.app.accounts import AccountRoutes
from authref.app.logins import LoginRoutes
from authref.app.routes import Route
from authref.app.settings import Settings
from authref.app.tokens import TokenRoutes
from authref.app.users import UserRoutes
from authref.devices import DeviceKey, Devices
from authref.maps import MemoryStore, StoreUnavailable
from authref.refresh import Family
from authref.revocation import Denial, Revocation
from authref.sessions import Session, Sessions
from authref.throttle import Counter, Throttle
from authref.tokens import Tokens
from authref.users import Cost, EmailTaken, Pointer, User, Users
from authref.wire import Problem, Request, Response

__all__ = ["App", "Settings", "build"]

RETRY = (("retry-after", "1"),)  # seconds: a store that restarts may be back


def build(settings: Settings | None = None) -> App:
    """The app for these settings, with its first admin if they name one. Raises ValueError, in a sentence."""
    app = App(settings or Settings())
    if (email := app.settings.admin_email) is not None:
        try:
            admin = app.users.sign_up(email, app.settings.admin_password or "", role="admin")
            app.made_admin = True
        except EmailTaken:
            known = app.users.by_email(email)
            if known is None or not known.is_active_admin:  # whoever signed up first must not be handed the keys
                app.store.close()
                raise ValueError(f"{email} has an account, and it is no admin; name another address.") from None
            admin = known
        app.admins.change(admin.id)  # puts them on the roster
    return app


class App:
    """The whole system without a socket."""

    def __init__(self, settings: Settings) -> None:
        settings.check()
        now, events = settings.now, settings.events
        self.settings, self.events = settings, events
        self.store = store = settings.store or MemoryStore(now)
        self.together = store.together
        self.made_admin = False  # False, too, if the store has them already, with a password of their own
        self.unwell = ""  # what the server cannot do now, in a sentence
        records, addresses = store.map("users", User), store.map("addresses", Pointer)
        self.users = Users(records, addresses, store.map("costs", Cost), settings.bcrypt_cost, now)
        self.admins = Admins(records, addresses, store.map("roster", Roster), store.map("admins", Pointer))
        self.sessions = Sessions(store.map("sessions", Session), self.users, events, secure=settings.secure, now=now)
        families = store.map("families", Family)
        revocation = Revocation(settings.revocation, families, store.map("denials", Denial), now)
        self.tokens = Tokens(
            settings.keys,
            families,
            revocation,
            self.users,
            events,
            issuer=settings.issuer,
            audience=settings.audience,
            now=now,
        )
        # A key of its own kind, and the same in all processes: it comes from the ring, and nothing leads back.
        secret = hmac.digest(next(iter(settings.keys.values())), b"authref throttle v1", "sha256")
        throttle = Throttle(store.map("counters", Counter), secret, now)
        devices = Devices(store.map("devices", DeviceKey), secure=settings.secure, now=now)
        parts = (self.users, self.admins, self.sessions, self.tokens, throttle, devices, events)
        self.routes = self._table(
            AccountRoutes(*parts),
            LoginRoutes(*parts),
            TokenRoutes(*parts),
            UserRoutes(*parts),
        )
        self._by_path: dict[str, dict[str, Route]] = {}  # and then by method
        self._by_parent: dict[str, dict[str, Route]] = {}  # the same for paths that end in an id
        for route in self.routes:
            table = self._by_parent if route.path.endswith("/{id}") else self._by_path
            methods = table.setdefault(route.path.removesuffix("/{id}"), {})
            methods[route.method] = route
            if route.method == "GET":
                methods["HEAD"] = route  # the server leaves the body away
        self._slow_work = {"hashes", "scans", *store.slow}
        self._headers = guards.security_headers(settings.public_url)

    def _table(
        self,
        accounts: AccountRoutes,
        logins: LoginRoutes,
        tokens: TokenRoutes,
        users: UserRoutes,
    ) -> tuple[Route, ...]:
        """All that there is, and who may call it."""
        asks = "" if self.settings.revocation == "none" else "reads"
        return (
            Route("POST", "/signup", accounts.sign_up, "anyone", work="hashes"),
            Route("POST", "/login", accounts.log_in, "anyone", work="hashes"),
            Route("POST", "/logout", accounts.log_out, "anyone"),
            Route("GET", "/me", accounts.me, "user", by="session", work="reads"),
            # Scans: forty logins, of which each by token may hold 9 KB, are long to read in some stores.
            Route("GET", "/me/sessions", logins.list, "user", by="either", work="scans"),
            Route("DELETE", "/me/sessions", logins.end_every, "user", by="either"),
            Route("DELETE", "/me/sessions/{id}", logins.end_one, "user", by="either"),
            Route("POST", "/me/password", logins.change_password, "user", by="either", work="hashes"),
            Route("POST", "/token/login", tokens.log_in, "anyone", work="hashes"),
            Route("POST", "/token/refresh", tokens.refresh, "anyone"),
            Route("POST", "/token/logout", tokens.log_out, "anyone"),
            Route("GET", "/token/me", tokens.me, "user", by="bearer", work=asks),
            Route("GET", "/users", users.list, "admin", by="either", query=("limit", "after"), work="scans"),
            Route("GET", "/users/{id}", users.show, "self_or_admin", by="either", work="reads"),
            Route("PATCH", "/users/{id}", users.change, "admin", by="either"),
            Route("DELETE", "/users/{id}", users.delete, "self_or_admin", by="either"),
            Route("GET", "/health", self.health, "anyone"),
            Route("GET", "/openapi.json", _file("openapi.json", "application/json"), "anyone", work=""),
            Route("GET", "/", _file("index.html", "text/html; charset=utf-8"), "anyone", work=""),
        )

    def __call__(self, request: Request) -> Response:
        """The answer to the request, whatever it is."""
        if self.settings.proxies is not None:
            request = replace(request, peer=self.settings.proxies.client(request))
        try:
            return self._harden(self._answer(request), request)
        except Exception as error:  # the last resort: nobody is let in, and nothing is told
            return self.refuse(error, request)

    def refuse(self, error: Exception, request: Request) -> Response:
        """The answer to what could not be read, or not be answered."""
        return self._harden(self._explain(error, request), request)

    def is_slow(self, request: Request) -> bool:
        """True if the answer may take longer than everybody else should wait for theirs."""
        route = self._find(request.path)[0].get(request.method)
        return route is not None and route.work in self._slow_work

    def health(self, request: Request) -> Response:
        """200 while requests can be answered, 503 while the store or the server cannot do its part."""
        if self.unwell:
            raise Problem(503, "unwell", self.unwell, RETRY)
        warnings = self.store.check()
        return Response.json({"status": "ok", **({"warnings": warnings} if warnings else {})})

    def _answer(self, request: Request) -> Response:
        """The answer of the route that the request names. Raises whatever keeps it from that."""
        settings = self.settings
        if not guards.is_ours(request, settings.hosts):
            raise Problem(421, "misdirected_request", "This server has another name than that in Host.")
        if guards.is_cross_site(request, settings.public_url, settings.allow_origins):
            self.events.emit("malicious_cors", method=request.method, peer=request.peer)
            return guards.cross_site(request.header("origin"))
        methods, arguments = self._find(request.path)
        if request.target == "*" and request.method == "OPTIONS":  # what the server can do as such (RFC 9110 §9.3.7)
            every = {"HEAD", *(route.method for route in self.routes)}
            return Response(204, headers=(("allow", ", ".join(sorted(every))),))
        if not methods:
            raise Problem(404, "not_found", "Nothing is here; GET / says what there is.")
        if permission := guards.preflight(request, methods, settings.allow_origins):
            return permission
        route = methods.get(request.method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise Problem(405, "method_not_allowed", f"This path takes {allowed}.", (("allow", allowed),))
        if "?" in request.target and not request.query.keys() <= set(route.query):
            raise Problem(400, "invalid_request", "This route takes no such query parameter.")
        return route.handler(request, *arguments)

    def _find(self, path: str) -> tuple[dict[str, Route], tuple[str, ...]]:
        """What the path offers, by method, and what stands where a route has `{id}`."""
        methods = self._by_path.get(path)
        if methods is not None:
            return methods, ()
        parent, _, last = path.rpartition("/")
        return (self._by_parent.get(parent, {}), (last,)) if last else ({}, ())

    def _explain(self, error: Exception, request: Request) -> Response:
        """What the client hears of it; the log hears more, unless somebody only mistyped a path."""
        if isinstance(error, Problem):
            excess = error.response.status in (429, 503)
            name = "excess_rate_limit_exceeded" if excess else "input_validation_fail"
            if error.code not in ("not_found", "method_not_allowed"):
                self.events.emit(name, reason=error.code, peer=request.peer)
            return error.response
        if isinstance(error, StoreUnavailable):  # nobody is let in and nothing is promised while it is away
            self.events.emit("sys_store_unavailable", error=error)
            return Response.problem(503, "store_unavailable", "The store does not answer; try again.", RETRY)
        where = traceback.extract_tb(error.__traceback__)[-1]
        # Not its message: that may quote what the client sent.
        self.events.emit("sys_crash", error=type(error).__name__, at=f"{Path(where.filename).name}:{where.lineno}")
        return Response.problem(500, "internal_error", "Something went wrong here.")

    def _harden(self, response: Response, request: Request) -> Response:
        more = guards.cors_headers(request, self.settings.allow_origins)
        return Response(response.status, response.body, response.headers + more + self._headers)


def _file(name: str, media_type: str) -> Callable[[Request], Response]:
    """A handler that answers 200 with a file of this package."""
    answer = Response(200, Path(__file__).parent.with_name(name).read_bytes(), (("content-type", media_type),))
    return lambda request: answer
