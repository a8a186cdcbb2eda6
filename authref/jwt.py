"""How can a note that the client carries be trusted? By a signature that only the server can make.

A JSON Web Token is three parts, base64url, joined by dots (RFC 7515, RFC 7519):

    {"alg":"HS256","typ":"at+jwt","kid":"k1"} . {"sub":"…","exp":1900000000,…} . HMAC-SHA-256 of the two

Anybody can read it: it is signed, not encrypted. Nobody without the key can change it. `sign/unsign` sign
bytes (JWS), `create/verify` add what the payload's members, the claims, mean (JWT).

Rules of this file:
- the signature is checked before one byte of the payload is interpreted;
- the token never chooses how it is checked, for a forger writes its header. `alg` is HS256, `kid` only picks one of
  our keys, other keys (`jwk`, `jku`, `x5u`) are not looked at, extensions (`crit`) are refused;
- of the spellings that base64url has for the same bytes one is taken, or a refused token comes back in another;
- each refusal has its own class, for the log. The client hears one and the same 401.

Left out: encryption (JWE), and public-key algorithms, for whoever issues a token here also reads it.
"""

from __future__ import annotations

import hmac
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from functools import lru_cache

from authref.wire import read_json, write_json

MAX_TOKEN = 8 * 1024  # characters; ours have about 400
MAX_HEADER = 512  # characters
MIN_KEY = 32  # bytes, like the hash (RFC 7518 §3.2); HMAC takes an empty key
TYPE = "at+jwt"  # an access token: this key signs nothing else (RFC 9068 §2.1)
END_OF_TIME = 253_402_300_800  # Unix seconds: the year 10000; a time beyond it is no date but an attack

_SWAP = bytes.maketrans(b"+/-_", b"-_+/")  # makes base64url of base64, and back
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Keys = Mapping[str, bytes]  # by their names; the first one signs (keys.py)
Claims = dict[str, object]


class InvalidToken(Exception):
    """The token is refused. The message says why, and quotes nothing of the token.

    Malformed       Not the form of our tokens.
    WrongAlgorithm  Another algorithm than HS256.
    WrongType       Made for another purpose.
    UnknownKey      Its `kid` names no key of ours.
    BadSignature    Not signed with that key, or changed since.
    MissingClaim    A claim that it must have is missing.
    Expired         Its time is over.
    NotYetValid     Its time has not come.
    WrongIssuer     Issued by somebody else.
    WrongAudience   Issued for somebody else.
    """


class Malformed(InvalidToken): ...
class WrongAlgorithm(InvalidToken): ...
class WrongType(InvalidToken): ...
class UnknownKey(InvalidToken): ...
class BadSignature(InvalidToken): ...
class MissingClaim(InvalidToken): ...
class Expired(InvalidToken): ...
class NotYetValid(InvalidToken): ...
class WrongIssuer(InvalidToken): ...
class WrongAudience(InvalidToken): ...


def sign(payload: bytes, key: bytes, header: Mapping[str, object] | None = None) -> str:
    """The payload as a compact JWS (RFC 7515 §7.1). `header` cannot change `alg`. Raises ValueError for a short key."""
    return _assemble(encode(write_json({**(header or {}), "alg": "HS256"})), payload, key)


def unsign(token: str, key: bytes) -> bytes:
    """The payload, if this key signed it (RFC 7515 §5.2). Raises InvalidToken; ValueError for a short key."""
    header, payload, signature = _split(token)
    _members(header)
    _check_signature(header, payload, signature, key)
    return decode(payload)


def create(claims: Claims, keys: Keys) -> str:
    """An access token with these claims, signed with the first key."""
    kid = next(iter(keys))
    return _assemble(_header(kid), write_json(claims), keys[kid])


def verify(
    token: str,
    keys: Keys,
    *,
    issuer: str | None = None,
    audience: str | None = None,
    now: float | None = None,
    leeway: float = 0,
) -> Claims:
    """The claims of a token that may be believed at `now` (RFC 7519 §7.2, RFC 9068 §4). Raises InvalidToken.

    `issuer` and `audience` are compared when given; `leeway` is how many seconds clocks may differ.
    """
    header, payload, signature = _split(token)
    key = keys.get(_key_id(header))
    if key is None:
        raise UnknownKey("no key of ours has this kid")
    _check_signature(header, payload, signature, key)
    claims = _claims(payload)
    try:
        _check_times(claims, time.time() if now is None else now, leeway)
        if issuer is not None and claims["iss"] != issuer:
            raise WrongIssuer("iss is not the expected issuer")
        if audience is not None and not _is_for(audience, claims["aud"]):
            raise WrongAudience("aud does not name the expected audience")
        for text in (claims["sub"], claims["jti"]):
            if not isinstance(text, str) or not text.isprintable():  # a NUL or a line end harms a store or a log
                raise Malformed("sub and jti must be strings of printable characters")
    except KeyError as absent:
        raise MissingClaim(f"there is no {absent.args[0]}") from None
    return claims


def _assemble(header: bytes, payload: bytes, key: bytes) -> str:
    signed = header + b"." + encode(payload)
    return (signed + b"." + _signature(signed, key)).decode()


def _split(token: str) -> list[bytes]:
    """Header, payload and signature, still encoded."""
    if len(token) > MAX_TOKEN:
        raise Malformed("longer than any token of ours")
    text = token.encode("ascii", "replace")  # puts "?" for foreign characters
    if text.translate(None, _ALPHABET) != b"..":  # all that is left: exactly two dots
        raise Malformed("not three parts of base64url")
    return text.split(b".")


@lru_cache  # for speed alone: few headers come again and again
def _header(kid: str) -> bytes:
    """The first part of every access token that this key signs."""
    return encode(write_json({"alg": "HS256", "typ": TYPE, "kid": kid}))


@lru_cache
def _members(header: bytes) -> dict[str, object]:
    """What the header says, if this file may go on with it."""
    if len(header) > MAX_HEADER:
        raise Malformed("the header is longer than any of ours")
    members = _read_object(header, "header")
    if members.get("alg") != "HS256":  # a token that says how to check it could say "not at all"
        raise WrongAlgorithm("alg is not HS256")
    if "crit" in members:
        raise Malformed("crit names extensions, and this verifier has none")
    return members


@lru_cache
def _key_id(header: bytes) -> str:
    """The `kid` of an access token's header, once its `alg`, `crit` and `typ` are found right."""
    members = _members(header)
    kind, kid = members.get("typ"), members.get("kid")
    # A media type: case does not matter, and "application/" may stand before it (RFC 7515 §4.1.9).
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") != TYPE:
        raise WrongType(f"typ is not {TYPE}")
    if not isinstance(kid, str):
        raise UnknownKey("there is no kid")
    return kid


def _check_signature(header: bytes, payload: bytes, signature: bytes, key: bytes) -> None:
    """Raise BadSignature unless this key made it."""
    # In constant time, or somebody finds it character by character. Texts, not bytes, which have other spellings.
    if not hmac.compare_digest(_signature(header + b"." + payload, key), signature):
        raise BadSignature("the signature does not fit")


def _signature(signed: bytes, key: bytes) -> bytes:
    """HMAC-SHA-256 of the first two parts and the dot between them, encoded."""
    if len(key) < MIN_KEY:
        raise ValueError(f"an HS256 key has at least {MIN_KEY} bytes")
    return encode(hmac.digest(key, signed, "sha256"))


def _read_object(part: bytes, name: str = "payload") -> dict[str, object]:
    try:
        value = read_json(decode(part))
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    raise Malformed(f"the {name} is not a JSON object, or names a member twice")


_read_once = lru_cache(maxsize=10_000)(_read_object)


def _claims(payload: bytes) -> Claims:
    """What the payload says: read once, and each caller is given a copy; lists and objects in it are read anew."""
    claims = _read_once(payload)
    is_flat = {list, dict}.isdisjoint(map(type, claims.values()))
    return claims.copy() if is_flat else _read_object(payload)


def _check_times(claims: Claims, now: float, leeway: float) -> None:
    """Raise unless iat is a date, exp lies ahead and nbf, if there is one, behind (RFC 7519 §4.1)."""
    _date(claims["iat"])
    # "not now <" and "not now >=": should a number be NaN, both comparisons are false.
    if not now < _date(claims["exp"]) + leeway:
        raise Expired("exp has passed")
    if not now >= _date(claims.get("nbf", 0)) - leeway:
        raise NotYetValid("nbf has not come")


def _date(value: object) -> float:
    # type(), not isinstance(): to Python, True is the number 1.
    if (type(value) is int or type(value) is float) and 0 <= value < END_OF_TIME:
        return value
    raise Malformed("exp, iat and nbf must be dates, in seconds since 1970")


def _is_for(audience: str, aud: object) -> bool:
    """True if `aud` is this audience, or a list of strings that has it among others (RFC 7519 §4.1.3)."""
    if isinstance(aud, list):
        return audience in aud and all(isinstance(name, str) for name in aud)
    return aud == audience


def encode(data: bytes) -> bytes:
    """The bytes in base64url without padding (RFC 7515 §2)."""
    return b2a_base64(data, newline=False).translate(_SWAP).rstrip(b"=")


def decode(part: bytes) -> bytes:
    """The bytes that base64url without padding says, if this is how it spells them (RFC 7515 §2)."""
    try:
        data = a2b_base64(part.translate(_SWAP) + b"==")  # too much padding does no harm
    except ValueError:
        raise Malformed("not base64url") from None
    # a2b_base64 alone skips foreign characters and ignores spare bits at the end.
    if encode(data) != part:
        raise Malformed("not the one spelling of its bytes")
    return data
