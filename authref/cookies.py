"""How does a browser bring something back with every request? You give it a cookie.

A cookie is a note that the server hands over once (`Set-Cookie`) and that the browser then shows at every
visit (`Cookie`), unasked, also when another site caused the visit. The flags say who may read it and when
it travels (RFC 6265bis):

    Cookie      = pair *( ";" pair )          pair = blanks name "=" value blanks
    Set-Cookie  = name "=" value "; HttpOnly; SameSite=Lax; Path=/; Max-Age=…" [ "; Secure" ]

Rules of this file:
- anybody who controls a neighbouring host can plant cookies, so a name that comes twice is not there;
- a value is taken as sent. Quotes, %41 and \\101 stay what they are: readers that decode them
  (http.cookies does) see a name or a value that the guard before them did not;
- one bad pair never costs its neighbours; reading is linear in the header's length;
- nothing that could end the header line, or add a flag, is ever written.

Left out: the Domain flag (it shares a login with every subdomain), and any way to leave the others away.
"""

from __future__ import annotations

import re

MAX_SIZE = 4096  # bytes of name and value: browsers silently drop a larger cookie

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")  # no blank, quote, comma, semicolon or backslash


def parse(header: str) -> dict[str, str]:
    """The cookies in a Cookie header's value, by name, without those that come twice.

    >>> parse('a=1; session="x"; =nameless; b; a=2')
    {'session': '"x"'}
    """
    cookies: dict[str, str] = {}
    repeated = []
    for pair in header.split(";"):
        if "=" in pair:
            name, _, value = pair.partition("=")
            # Blank and tab only: str.strip() also eats U+2000, and `<U+2000>__Host-session=…`, which a browser
            # lets any page set, would arrive as the guarded name.
            name = name.strip(" \t")
            if name in cookies:
                repeated.append(name)
            elif name:
                cookies[name] = value.strip(" \t")
    for name in repeated:
        cookies.pop(name, None)
    return cookies


def set_cookie(name: str, value: str, *, max_age: int, secure: bool = False) -> str:
    """A Set-Cookie header's value for a cookie that lives `max_age` seconds. Raises ValueError.

    HttpOnly: a script that slipped into a page cannot read it. SameSite=Lax: another site's form or image
    does not carry it, a link does. Path=/ and no Domain: for this host alone, all of it. Secure: never
    without TLS. A `__Host-` name makes the browser insist on Secure, Path=/ and no Domain.

    >>> set_cookie("session", "abc", max_age=60)
    'session=abc; HttpOnly; SameSite=Lax; Path=/; Max-Age=60'
    """
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError("a cookie's name or value holds a character that would break out of its header")
    if len(name) + len(value) > MAX_SIZE:
        raise ValueError(f"a cookie's name and value together have at most {MAX_SIZE} bytes")
    if name.startswith(("__Host-", "__Secure-")) and not secure:
        raise ValueError("a browser ignores a cookie with this prefix unless it is Secure")
    cookie = f"{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age}"
    return cookie + "; Secure" if secure else cookie


def clear_cookie(name: str, *, secure: bool = False) -> str:
    """A Set-Cookie header's value that makes the browser drop the cookie: same name and flags, no life left."""
    return set_cookie(name, "", max_age=0, secure=secure)
