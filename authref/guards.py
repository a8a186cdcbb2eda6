"""What stands before the door, whoever you are?

A browser may add your cookies to a request that another site wrote. So a hidden form on a page you visit can press
buttons here in your name (cross-site request forgery). SameSite stops most of these, not all.
A browser also opens answers in frames, guesses their type and gives them to other pages, unless it is told not to.

Rules of this file:
- a request that changes something must come from our own pages or from no browser, else 403. A browser says whose
  page it was, in `Sec-Fetch-Site` and `Origin`, and no page can forge these;
- a request with a bearer token passes: unlike a cookie or a Basic password, a browser never adds that by itself;
- there are no exceptions by path, for the one exception is what gets found;
- a page of another origin reads our answers only if its exact name is listed (CORS), never by our cookies. With "any
  origin, with credentials" every page could read your account. Tokens cross, cookies do not;
- a request whose `Host` is not our name is refused (DNS rebinding);
- every answer, errors too, forbids the browser to frame it, to guess its type and to share it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from authref.wire import Headers, Request, Response

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1

SECURITY_HEADERS: Headers = (
    ("cache-control", "no-store"),  # no cache keeps what depends on who asked
    # Even if an answer is opened as a page: it loads nothing, sits in no frame and posts nowhere.
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),  # no other site can embed it
    ("referrer-policy", "no-referrer"),
    ("server", "authref"),  # no version: it tells which holes to try
    ("x-content-type-options", "nosniff"),  # JSON that looks like HTML stays JSON
)
# From the first visit on, for a year, the browser refuses to speak to this host, and to every subdomain of it,
# without TLS (RFC 6797). Never for `localhost`: that would be every other project on this machine, too.
HSTS: Headers = (("strict-transport-security", "max-age=31536000; includeSubDomains"),)

_PUBLIC_TLS = re.compile(r"https://(?!(?:.*\.)?localhost(?::|$)|127\.|\[::1\])")
_ADDRESS = re.compile(r"[0-9.]+|\[.*\]")


def security_headers(public_url: str | None) -> Headers:
    """What every answer carries where browsers reach us under this origin."""
    return SECURITY_HEADERS + (HSTS if _PUBLIC_TLS.match(public_url or "") else ())


def is_ours(request: Request, names: Collection[str]) -> bool:
    """True if the request's Host is one of our names; without `names` every host is ours.

    A stranger can have their own name resolve to our address; for a browser their page is then ours (DNS rebinding).
    A request without Host comes from no browser; /health by a bare address comes from a load balancer.
    """
    host = request.header("host")
    if host is None or not names:
        return True
    name, _, port = host.lower().rpartition(":")
    if not port.isdecimal():
        name = host.lower()
    return name in names or (request.path == "/health" and _ADDRESS.fullmatch(name) is not None)


def is_cross_site(request: Request, public_url: str | None, allowed: Collection[str] = ()) -> bool:
    """True for a request that another site may have caused and that would change something.

    Without a `public_url` our origin is `http://` and the request's Host; `allowed` are those of others that may.
    """
    if request.method in SAFE_METHODS:
        return False
    if (request.header("authorization") or "").lower().startswith("bearer "):
        return False
    origin, site = request.header("origin"), request.header("sec-fetch-site")
    if origin is None:  # neither header: a program; "none": typed in
        return site not in (None, "same-origin", "none")
    if origin == "null":  # a page that hides its address, as ours do
        return site != "same-origin"
    host = request.header("host")
    if origin in allowed or origin == (public_url or (f"http://{host}" if host else None)):
        return False
    # A proxy may have ended TLS and not said so. The browser knows, and no foreign origin has our host and port.
    behind_tls = public_url is None and origin == f"https://{host}"
    return not (behind_tls and site == "same-origin")


def preflight(request: Request, methods: Collection[str], allowed: Collection[str]) -> Response | None:
    """What a page of a listed origin may send here, if its browser asks that; `cors_headers` adds the origin."""
    if request.method != "OPTIONS" or request.header("access-control-request-method") is None:
        return None
    headers = (
        ("access-control-allow-methods", ", ".join(sorted(methods))),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-max-age", "600"),  # seconds: a withdrawn permission is soon forgotten
    )
    return Response(204, headers=headers) if request.header("origin") in allowed else None


def cors_headers(request: Request, allowed: Collection[str]) -> Headers:
    """The headers that let a listed origin read the answer. Nothing allows credentials, so no cookie crosses."""
    origin = request.header("origin") if allowed else None
    if origin is None or origin not in allowed:
        return ()
    exposed = ("access-control-expose-headers", "Location, Retry-After, WWW-Authenticate")
    return (("access-control-allow-origin", origin), exposed, ("vary", "origin"))


def cross_site(origin: str | None) -> Response:
    """403 for a request that came from another site."""
    detail = "This request was made by a page of another site."
    if origin == "null":  # ours says so, too
        detail = "The page that made this request hides which site it is of (Origin: null)."
    return Response.problem(403, "cross_site", detail)
