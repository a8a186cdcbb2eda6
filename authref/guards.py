"""What stands before the door, whoever you are?

A browser adds your cookies to a request even if another site wrote that request: a hidden form on a page
you happen to visit can press buttons here in your name (cross-site request forgery). And it opens answers
in frames, guesses their type and shares them between pages, unless it is told not to.

Rules of this file:
- a method that changes something must come from our own pages or from no browser at all; a browser says
  where a request comes from in `Sec-Fetch-Site` and `Origin`, and a page cannot forge either;
- a request with a bearer token passes: unlike a cookie or a Basic password, a browser never adds that by itself;
- there are no exceptions by path, for the one exception is what gets found;
- another origin may read our answers only if it is listed, by its exact name, and never with our cookies:
  "any origin, with credentials" is the mistake that turns a guard into a gate. Tokens cross, cookies do not;
- every answer, errors too, tells the browser to keep it to itself.
"""

from __future__ import annotations

from collections.abc import Collection

from authref.wire import Headers, Request, Response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # they change nothing here (RFC 9110 §9.2.1)

SECURITY_HEADERS: Headers = (
    ("cache-control", "no-store"),  # no cache, here or on the way, keeps what depends on who asked
    # Even if an answer is opened as a page: it loads nothing, sits in no frame and posts nowhere.
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),  # no other site can embed it, not even blindly
    ("referrer-policy", "no-referrer"),
    ("server", "authref"),  # no version: it would tell which holes to try
    ("x-content-type-options", "nosniff"),  # JSON that looks like HTML stays JSON
)
# From the first visit on, for a year, the browser refuses to speak to this host, and to every subdomain of it,
# without TLS (RFC 6797).
HSTS: Headers = (("strict-transport-security", "max-age=31536000; includeSubDomains"),)


def is_cross_site(request: Request, public_url: str | None, allowed: Collection[str] = ()) -> bool:
    """True for a request that another site may have caused and that would change something.

    `public_url` is the origin under which we are reached; without one it is `http://` and the request's Host.
    `allowed` are the origins of others that may.
    """
    if request.method in SAFE_METHODS:
        return False
    if (request.header("authorization") or "").lower().startswith("bearer "):
        return False
    if request.header("sec-fetch-site") in ("same-origin", "none"):  # "none": typed in, or a bookmark
        return False
    origin, host = request.header("origin"), request.header("host")
    if origin is not None:
        ours = public_url or (f"http://{host}" if host else None)
        return origin != ours and origin not in allowed
    return request.header("sec-fetch-site") is not None  # neither header: curl, a phone app, a script; not a browser


def is_preflight(request: Request, allowed: Collection[str]) -> bool:
    """True when a browser asks for a page of a listed origin what that page may send."""
    asks = request.method == "OPTIONS" and request.header("access-control-request-method") is not None
    return asks and request.header("origin") in allowed


def preflight_answer(methods: Collection[str]) -> Response:
    """What a page of a listed origin may send here; `cors_headers` adds the origin."""
    headers = (
        ("access-control-allow-methods", ", ".join(sorted(methods))),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-max-age", "600"),  # seconds: a withdrawn permission is soon forgotten
    )
    return Response(204, headers=headers)


def cors_headers(request: Request, allowed: Collection[str]) -> Headers:
    """The headers that let a listed origin read the answer. Nothing allows credentials, so no cookie crosses."""
    origin = request.header("origin") if allowed else None
    if origin is None or origin not in allowed:
        return ()
    return (("access-control-allow-origin", origin), ("vary", "origin"))


def cross_site() -> Response:
    """403 for a request that came from another site."""
    return Response.problem(403, "cross_site", "This request was made by a page of another site.")
