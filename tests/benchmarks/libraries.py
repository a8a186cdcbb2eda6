"""What does one call cost? The same work, written for authref and for each library that people use for it.

Rules of this file:
- all read the same tokens and the same Cookie headers, a different one at each call, so that nobody can answer from
  memory what they were asked before;
- verifying means all checks that authref makes: signature, algorithm, exp, iat, issuer, audience, sub and jti there;
- keys and option tables are made once, outside the timed part, where the library can keep them;
- each piece of work returns what it found, and inprocess.py looks at it once before timing it.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from typing import Any

from authref import cookies, jwt
from authref.keys import fresh_keys

Work = Callable[[], object]
Works = dict[str, Work]  # by the name of the operation

CREATE, VERIFY, REFUSE = "jwt.create", "jwt.verify", "jwt.verify refuses a changed token"
PARSE_ONE, PARSE_MANY, SET = "cookies.parse, 1 cookie", "cookies.parse, 8 cookies", "cookies.set_cookie"
REFUSED = "refused"
ISSUER = AUDIENCE = "authref"
KEYS = fresh_keys()
KID, KEY = next(iter(KEYS.items()))
HEADER = {"kid": KID, "typ": jwt.TYPE}
REQUIRED = ["exp", "iat", "sub", "jti"]
MAX_AGE = 24 * 60 * 60


def claims() -> dict[str, object]:
    """The claims of one of authref's access tokens."""
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": secrets.token_urlsafe(16),
        "email": "alice@example.com",
        "role": "user",
        "created_at": "2027-01-15T08:00:00Z",
        "iat": now,
        "exp": now + 60 * 60,
        "jti": secrets.token_urlsafe(16),
        "fam": secrets.token_urlsafe(16),
    }


TOKENS = [jwt.create(claims(), KEYS) for _ in range(256)]
PARTS = [token.rpartition(".") for token in TOKENS]
CHANGED = [f"{head}.{'B' if tail[0] == 'A' else 'A'}{tail[1:]}" for head, _, tail in PARTS]  # in the signature
SESSION_IDS = [secrets.token_urlsafe(32) for _ in range(256)]
ONE_COOKIE = [f"session={session_id}" for session_id in SESSION_IDS]
OTHERS = (
    "_ga=GA1.1.1203417752.1767225600; _ga_K1N8XQ2P7D=GS1.1.1767225600.3.1.1767226211.0.0.0; theme=dark; locale=en-GB; "
    "consent=1%2C0%2C1; csrftoken=k3v0y8p2WZ5q1n7TBaXcVdEfGhIjKlMn; seen=42"
)
MANY_COOKIES = [f"{OTHERS}; session={session_id}" for session_id in SESSION_IDS]


def cycle(texts: list[str]) -> Callable[[], str]:
    """A function that gives the next one at each call, without end."""
    iterator: Iterator[str] = itertools.cycle(texts)
    return iterator.__next__


def authref_() -> Works:
    """authref itself."""
    one = claims()

    def verify(token: str) -> jwt.Claims:
        return jwt.verify(token, KEYS, issuer=ISSUER, audience=AUDIENCE)

    return {
        CREATE: lambda: jwt.create(one, KEYS),
        **verifying(verify, jwt.BadSignature),
        **parsing(cookies.parse),
        SET: lambda: cookies.set_cookie("session", SESSION_IDS[0], max_age=MAX_AGE, now=1_800_000_000),
    }


def pyjwt() -> Works:
    """PyJWT, the most used one."""
    import jwt as library

    one = claims()
    options: Any = {"require": REQUIRED}

    def verify(token: str) -> object:
        return library.decode(token, KEY, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE, options=options)

    return {
        CREATE: lambda: library.encode(one, KEY, algorithm="HS256", headers=HEADER),
        **verifying(verify, library.InvalidSignatureError),
    }


def joserfc() -> Works:
    """joserfc, Authlib's successor for JOSE."""
    from joserfc import jwt as library
    from joserfc.errors import BadSignatureError
    from joserfc.jwk import OctKey
    from joserfc.jwt import JWTClaimsRegistry

    one, key = claims(), OctKey.import_key(KEY)
    essential: Any = {name: {"essential": True} for name in REQUIRED}
    expected: Any = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": AUDIENCE}}
    header = {"alg": "HS256", **HEADER}

    def verify(token: str) -> object:
        decoded = library.decode(token, key, algorithms=["HS256"])
        JWTClaimsRegistry(**essential, **expected).validate(decoded.claims)  # made anew: it holds the time
        return decoded.claims

    return {CREATE: lambda: library.encode(header, one, key), **verifying(verify, BadSignatureError)}


def oxyjwt() -> Works:
    """oxyjwt, whose core is in Rust; its interface is PyJWT's."""
    import oxyjwt as library

    one = claims()
    encoding, decoding = library.EncodingKey.from_secret(KEY), library.DecodingKey.from_secret(KEY)
    options = {"require": REQUIRED}

    def verify(token: str) -> object:
        return library.decode(token, decoding, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE, options=options)

    return {
        CREATE: lambda: library.encode(one, encoding, algorithm="HS256", headers=HEADER),
        **verifying(verify, library.InvalidSignatureError),
    }


def http_cookies() -> Works:
    """http.cookies, of the standard library."""

    def parse(header: str) -> dict[str, str]:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}

    flags: Any = {"httponly": True, "samesite": "Lax", "path": "/", "max-age": MAX_AGE}

    def set_cookie() -> str:
        cookie = SimpleCookie({"session": SESSION_IDS[0]})
        cookie["session"].update(flags)
        return cookie["session"].OutputString()

    return {**parsing(parse), SET: set_cookie}


def werkzeug() -> Works:
    """Werkzeug, which Flask is made of."""
    from werkzeug.http import dump_cookie, parse_cookie

    return {
        **parsing(parse_cookie),
        SET: lambda: dump_cookie("session", SESSION_IDS[0], max_age=MAX_AGE, httponly=True, samesite="Lax"),
    }


def django() -> Works:
    """Django; its cookie is set on a response, and this one is used again and again."""
    from django.conf import settings  # type: ignore[import-untyped]
    from django.http import HttpResponse, parse_cookie  # type: ignore[import-untyped]

    settings.configure()
    response = HttpResponse()

    def set_cookie() -> str:
        response.set_cookie("session", SESSION_IDS[0], max_age=MAX_AGE, httponly=True, samesite="Lax")
        text: str = response.cookies["session"].OutputString()
        return text

    return {**parsing(parse_cookie), SET: set_cookie}


def starlette() -> Works:
    """Starlette; its cookie is set on a response, and this one is used again and again."""
    from starlette.requests import cookie_parser
    from starlette.responses import Response

    response = Response()

    def set_cookie() -> str:
        response.set_cookie("session", SESSION_IDS[0], max_age=MAX_AGE, httponly=True, samesite="lax")
        return response.raw_headers.pop()[1].decode("latin-1")

    return {**parsing(cookie_parser), SET: set_cookie}


def verifying(verify: Callable[[str], object], error: type[Exception]) -> Works:
    """The two works of a verifier: a good token, and a changed one."""
    good, changed = cycle(TOKENS), cycle(CHANGED)

    def refuse() -> str:
        try:
            verify(changed())
        except error:
            return REFUSED
        return "let in"

    return {VERIFY: lambda: verify(good()), REFUSE: refuse}


def parsing(parse: Callable[[str], object]) -> Works:
    """The two works of a parser."""
    one, many = cycle(ONE_COOKIE), cycle(MANY_COOKIES)
    return {PARSE_ONE: lambda: parse(one()), PARSE_MANY: lambda: parse(many())}


LIBRARIES: dict[str, Callable[[], Works]] = {
    "authref": authref_,
    "PyJWT": pyjwt,
    "joserfc": joserfc,
    "oxyjwt (Rust)": oxyjwt,
    "http.cookies": http_cookies,
    "Werkzeug": werkzeug,
    "Django": django,
    "Starlette": starlette,
}
