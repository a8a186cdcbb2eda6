"""What do the members of a token mean? Each in words, and each time as a date and as a distance from now.

Rules of this file:
- a member that is absent means something too, where its absence matters: a token without `exp` never ends;
- what a token holds is never obeyed by a terminal: it is shown in ASCII.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeGuard

from authref import jwt

Claims = Mapping[str, object]

YEAR = 365.2425 * 86_400  # seconds
ALGORITHMS = {
    "HS256": "HMAC with SHA-256: the same secret signs and verifies",
    "HS384": "HMAC with SHA-384: the same secret signs and verifies",
    "HS512": "HMAC with SHA-512: the same secret signs and verifies",
    "none": "not signed at all: nobody should believe it",
}
FAMILIES = {"RS": "RSA", "PS": "RSA (PSS)", "ES": "elliptic curves", "Ed": "Ed25519 or Ed448"}  # their first letters
TYPES = {
    "at+jwt": "an access token, and nothing else (RFC 9068)",
    "jwt": "any JSON Web Token: it does not say what for",
    "logout+jwt": "a request to log out (OpenID Connect)",
    "dpop+jwt": "a proof that its sender holds a key (RFC 9449)",
    "secevent+jwt": "a security event (RFC 8417)",
}
HEADER = {
    "kid": "which key signed it, by its name",
    "cty": "what the payload is; JWT here means a token inside a token",
    "crit": "extensions that a verifier must know, or refuse the token",
    "jku": "where its key is said to lie: whoever forged it would say that too",
    "x5u": "where its certificate is said to lie: whoever forged it would say that too",
    "jwk": "its own key: whoever forged it would bring one too",
    "x5c": "its own certificate: whoever forged it would bring one too",
    "x5t": "a hash of the signer's certificate",
    "x5t#S256": "a hash of the signer's certificate",
    "enc": "how the payload is encrypted",
    "b64": "whether the payload is base64url (RFC 7797)",
}
CLAIMS = {
    "iss": "issuer: who made it",
    "sub": "subject: whose it is",
    "aud": "audience: whom it is for",
    "jti": "its own id, by which it can be revoked",
    "iat": "issued",
    "nbf": "valid from",
    "exp": "expires",
    "auth_time": "logged in",
    "updated_at": "the account was changed",
    "email": "e-mail address",
    "email_verified": "whether the address was found to be theirs",
    "name": "their name, for people",
    "preferred_username": "the name they log in with",
    "role": "what they may do, as it was when this was made",
    "roles": "what they may do, as it was when this was made",
    "groups": "the groups they belonged to when this was made",
    "scope": "what the program that holds it may do for them",
    "scp": "what the program that holds it may do for them",
    "azp": "the program that it was made for",
    "client_id": "the program that it was made for",
    "nonce": "the number that its asker chose, against replay",
    "sid": "the session that it belongs to",
    "fam": "the login that it came from, by which authref revokes",
    "created_at": "when the account was made",
    "acr": "how strongly they proved who they are",
    "amr": "by which means they proved who they are",
    "at_hash": "a hash of the access token that came with it",
    "cnf": "the key that its holder must prove to have (RFC 7800)",
    "act": "who acts for them (RFC 8693)",
}
TIMES = ("iat", "nbf", "exp")
DATES = (*TIMES, "auth_time", "updated_at")
ABSENT = {
    "exp": "it never expires",
    "iat": "nobody can tell how old it is",
    "iss": "it does not say who made it",
    "aud": "it is for anybody who has the key",
    "sub": "it does not say whose it is",
    "jti": "it cannot be revoked by itself",
}


def header_in_words(header: Mapping[str, object]) -> Iterator[str]:
    """A line for each member of the header that has a meaning, and for what should be there."""
    signed = algorithm(header["alg"]) if "alg" in header else "is absent: it does not say how it is signed"
    yield f"  alg  {signed}"
    if "typ" in header:
        kind = str(header["typ"]).lower().removeprefix("application/")
        yield f"  typ  {TYPES.get(kind, 'a kind of token that its two sides know')}"
    else:
        yield "  typ  is absent: it does not say what it is for"
    for name in header:
        if name in HEADER:
            yield f"  {name:3}  {HEADER[name]}"


def algorithm(name: object) -> str:
    """How such a token is signed."""
    if isinstance(name, str) and name in ALGORITHMS:
        return ALGORITHMS[name]
    if isinstance(name, str) and name[:2] in FAMILIES:
        return f"{FAMILIES[name[:2]]}: a private key signs, a public one verifies; this command cannot check it"
    if isinstance(name, str) and name.lower() == "none":
        return f"{ALGORITHMS['none']}, however it is spelt"
    return "no algorithm that this command knows"


def claims_in_words(claims: Claims, now: float) -> Iterator[str]:
    """A line for each claim, and for each absent one whose absence matters."""
    width = max([3, *(len(name) for name in claims if len(name) <= 16)])
    for name, value in claims.items():
        if name in CLAIMS:
            yield f"  {name:{width}}  {_meaning(name, value, now)}"
        else:
            yield f"  {shown(name)[1:-1]:{width}}  a claim of their own: its two sides know what it means"
    for name, consequence in ABSENT.items():
        if name not in claims:
            yield f"  {name:{width}}  is absent: {consequence}"
    yield from _life(claims, width)


def _meaning(name: str, value: object, now: float) -> str:
    words = CLAIMS[name]
    if name in DATES:
        over = name == "exp" and _is_date(value) and value <= now
        return f"{'expired' if over else words if _is_date(value) else 'is'} {in_words(value, now)}"
    if name == "sub" and not isinstance(value, str):
        return f"{words}; RFC 7519 wants a text here, and some libraries refuse anything else"
    return words


def _life(claims: Claims, width: int) -> Iterator[str]:
    """For how long it was made."""
    begun, end = claims.get("iat"), claims.get("exp")
    if _is_date(begun) and _is_date(end) and begun < end:
        yield f"  {'':{width}}  made to last {length(end - begun)}"


def _is_date(moment: object) -> TypeGuard[float]:
    return isinstance(moment, int | float) and not isinstance(moment, bool) and 0 <= moment < jwt.END_OF_TIME


def in_words(moment: object, now: float) -> str:
    """A number of seconds since 1970 as a date, and as a distance from `now`."""
    if isinstance(moment, bool) or not isinstance(moment, (int, float)) or moment < 0:
        return "not a date"
    if moment >= jwt.END_OF_TIME:
        return "not a date" + (", but perhaps one in milliseconds" if moment < 1000 * jwt.END_OF_TIME else "")
    when = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    amount = length(abs(moment - now))
    return f"{when}, {'in ' + amount if moment > now else amount + ' ago'}"


def length(duration: float) -> str:
    """Seconds in the largest unit of which there are two."""
    seconds = round(duration)
    for unit, size in (("years", YEAR), ("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds} s"


def shown(value: object) -> str:
    """The value as JSON, ASCII only, in at most 60 characters."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "nested too deeply to be shown"
    return text if len(text) <= 60 else text[:57] + "..."
