"""What does it look like put together? A user-management API over sessions and tokens.

An app is a function from a request to a response. It knows nothing of sockets, so a test calls it like any other.
This file holds that function and the table of routes; accounts.py and users.py their handlers.

Rules of this file:
- what is not in the table does not exist, and each row says who may call it;
- whatever goes wrong ends as an answer of one shape, and never as somebody let in;
- every answer carries the security headers, errors too: an error page can be framed like any other.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from authref import guards
from authref.admins import Outdated
from authref.app.accounts import AccountRoutes
from authref.app.routes import Refused, Route
from authref.app.settings import Settings
from authref.app.users import UserRoutes
from authref.maps import StoreUnavailable
from authref.users import EmailTaken
from authref.wire import Problem, Request, Response

__all__ = ["App", "Settings", "build"]

RETRY = (("retry-after", "1"),)  # seconds


def build(settings: Settings | None = None) -> App:
    """The app for these settings, with its first admin if they name one. Raises ValueError, in a sentence."""
    app = App(settings or Settings())
    if (email := app.settings.admin_email) is not None:
        with suppress(EmailTaken):
            app.users.sign_up(email, app.settings.admin_password or "", role="admin")
            app.made_admin = True
        admin = app.users.by_email(email)
        if admin is None or not admin.is_active_admin:  # a stranger signed up first
            app.store.close()
            raise ValueError(f"{email} has an account, and it is no admin; name another address.")
        app.admins.change(admin.id)  # puts them on the roster
    return app


class App(AccountRoutes, UserRoutes):
    """The whole system without a socket."""

    def __init__(self, settings: Settings) -> None:
        settings.check()
        super().__init__(settings)
        self.together = self.store.together
        self.made_admin = False  # nor if the store had them already
        self.unwell = ""  # the server says here what it cannot do
        self.routes = self._table()
        self._find = lru_cache(maxsize=100)(self._look_up)
        self._slow_work = {"hashes", "scans", *self.store.slow}
        self._headers = guards.security_headers(settings.public_url)

    def _table(self) -> tuple[Route, ...]:
        """All that there is, and who may call it."""
        asks = "" if self.settings.revocation == "none" else "reads"
        return (
            Route("POST", "/signup", self.sign_up, "anyone", work="hashes"),
            Route("POST", "/login", partial(self.log_in, self.sessions), "anyone", work="hashes"),
            Route("POST", "/logout", partial(self.log_out, self.sessions), "anyone"),
            Route("GET", "/me", partial(self.me, self.sessions), "user", "session", work="reads"),
            # Forty logins, each by token of up to 9 KB, are long to read in some stores.
            Route("GET", "/me/sessions", self.list_logins, "user", "either", work="scans"),
            Route("DELETE", "/me/sessions", self.end_every, "user", "either"),
            Route("DELETE", "/me/sessions/{id}", self.end_one, "user", "either"),
            Route("POST", "/me/password", self.change_password, "user", "either", work="hashes"),
            Route("POST", "/token/login", partial(self.log_in, self.tokens), "anyone", work="hashes"),
            Route("POST", "/token/refresh", self.refresh, "anyone"),
            Route("POST", "/token/logout", partial(self.log_out, self.tokens), "anyone"),
            Route("GET", "/token/me", partial(self.me, self.tokens), "user", "bearer", work=asks),
            Route("GET", "/users", self.list_users, "admin", "either", query=("limit", "after"), work="scans"),
            Route("GET", "/users/{id}", self.show, "self_or_admin", "either", work="reads"),
            Route("PATCH", "/users/{id}", self.change, "admin", "either"),
            Route("DELETE", "/users/{id}", self.delete, "self_or_admin", "either"),
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
        except Exception as error:  # the last resort: nobody is let in
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
            self.emit("malicious_cors", method=request.method, peer=request.peer)
            return guards.cross_site(request.header("origin"))
        methods, arguments = self._find(request.path)
        if request.target == "*" and request.method == "OPTIONS":  # RFC 9110 §9.3.7
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
        try:
            return route.handler(request, *arguments)
        except Outdated:
            return self._answer(request)

    def _look_up(self, path: str) -> tuple[dict[str, Route], tuple[str, ...]]:
        """What the path offers, by method, and what stands where a route has `{id}`."""
        parent, _, last = path.rpartition("/")
        by_id = parent + "/{id}" if last else ""
        found = {route.method: route for route in self.routes if route.path in (path, by_id)}
        if get := found.get("GET"):
            found["HEAD"] = get
        return found, (last,) if any(route.path == by_id for route in found.values()) else ()

    def _explain(self, error: Exception, request: Request) -> Response:
        """What the client hears of it; the log hears more, unless somebody only mistyped a path."""
        if isinstance(error, Refused):
            return error.response
        if isinstance(error, Problem):
            excess = error.response.status in (429, 503)
            name = "excess_rate_limit_exceeded" if excess else "input_validation_fail"
            if error.code not in ("not_found", "method_not_allowed"):
                self.emit(name, reason=error.code, peer=request.peer)
            return error.response
        if isinstance(error, StoreUnavailable):
            self.emit("sys_store_unavailable", error=error)
            return Response.problem(503, "store_unavailable", "The store does not answer; try again.", RETRY)
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        # Not its message: that may quote what the client sent.
        self.emit("sys_crash", error=type(error).__name__, at=place)
        return Response.problem(500, "internal_error", "Something went wrong here.")

    def _harden(self, response: Response, request: Request) -> Response:
        more = guards.cors_headers(request, self.settings.allow_origins)
        return Response(response.status, response.body, response.headers + more + self._headers)


def _file(name: str, media_type: str) -> Callable[[Request], Response]:
    """A handler that answers 200 with a file of this package."""
    body = Path(__file__).parent.with_name(name).read_bytes()
    answer = Response(200, body, (("content-type", media_type),))
    return lambda request: answer
