"""How does a browser bring something back with every request? You give it a cookie.

The server hands it over once (`Set-Cookie`); the browser shows it at every later visit (`Cookie`), even if another
site caused the visit. Its attributes, or flags, limit who may read it and when it travels (RFC 6265bis):

    Cookie      = pair *( ";" pair )          pair = blanks name "=" value blanks
    Set-Cookie  = name "=" value "; Path=/; Max-Age=…; Expires=…; HttpOnly; SameSite=Lax" [ "; Secure" ]

Rules of this file:
- whoever controls a neighbouring host (another subdomain) can plant cookies, so a name that comes twice is ignored;
- a value is taken as sent. Quotes, %41 and \\101 stay what they are: a reader that decodes them, as http.cookies
  does, sees another name or value than the browser did;
- one bad pair does not make the others unreadable; reading is linear in the header's length;
- nothing that could end the header line, or add an attribute, is ever written.

Left out: the Domain attribute, which shares a login with every subdomain.
"""

from __future__ import annotations

import re
from email.utils import formatdate

MAX_SIZE = 4096  # bytes of name and value: browsers silently drop a larger cookie

# str.strip() also eats U+2000, and `<U+2000>__Host-session`, which a browser lets any page set, would arrive as ours.
_BLANKS = " \t"
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
        name, equals, value = pair.partition("=")
        name = name.strip(_BLANKS)
        if name in cookies and equals:
            repeated.append(name)
        elif name and equals:
            cookies[name] = value.strip(_BLANKS)
    for name in repeated:
        cookies.pop(name, None)
    return cookies


def values(header: str, name: str) -> list[str]:
    """Every value that the header gives this name, in their order; it is read as `parse` reads it."""
    found = []
    for pair in header.split(";"):
        other, equals, value = pair.partition("=")
        if other.strip(_BLANKS) == name and equals:
            found.append(value.strip(_BLANKS))
    return found


def set_cookie(name: str, value: str, *, max_age: int, now: float, secure: bool = False) -> str:
    """A Set-Cookie header's value for a cookie that lives `max_age` seconds from `now` on. Raises ValueError.

    HttpOnly: a script that slipped into a page (XSS) cannot read it. SameSite=Lax: it goes along with another site's
    link, not with its form or image. Path=/ and no Domain: for all of this host alone. Secure: never without TLS.
    Chromium and Firefox take `__Host-` names only with these three, so no neighbour plants one; WebKitGTK takes any.

    >>> set_cookie("session", "abc", max_age=60, now=1_800_000_000)
    'session=abc; Path=/; Max-Age=60; Expires=Fri, 15 Jan 2027 08:01:00 GMT; HttpOnly; SameSite=Lax'
    """
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError("a cookie's name or value holds a character that would break out of its header")
    if len(name) + len(value) > MAX_SIZE:
        raise ValueError(f"a cookie's name and value together have at most {MAX_SIZE} bytes")
    if name.startswith(("__Host-", "__Secure-")) and not secure:
        raise ValueError("a browser ignores a cookie with this prefix unless it is Secure")
    # Without Expires, Java's clients read Max-Age as RFC 2965 (of 2000) meant it, and send the value back in quotes.
    # Others misread what follows SameSite, so these stand before it.
    lifetime = f"Max-Age={max_age}; Expires={formatdate(now + max_age, usegmt=True)}"
    return f"{name}={value}; Path=/; {lifetime}; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


def clear_cookie(name: str, *, secure: bool = False) -> str:
    """A Set-Cookie header's value that makes the browser drop the cookie: same name and flags, ended in 1970."""
    return set_cookie(name, "", max_age=0, now=0, secure=secure)
