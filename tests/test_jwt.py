"""A token is believed only if nothing about it is wrong: one good token, changed in one way at a time.

`REFUSED` is the table of those changes, each with the one refusal it must meet, and `ACCEPTED` holds their
twins. Tokens are forged here by hand, not by the code under test, and signed with the right key wherever the
point is what comes after the signature. Tests of tokens.py and the inspector send the same table.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import unittest
from contextlib import suppress
from typing import Any
from unittest import mock

from authref import jwt
from tests.basics import KEYS, START, in_place_of

NOW = int(START)
END = 253_402_300_800  # the year 10000, where dates end
MISSING = mock.sentinel.missing  # a member with this value is left out
Forged = dict[str, Any] | str | bytes

GOOD_HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
GOOD_CLAIMS = {
    "iss": "authref",
    "aud": "authref",
    "sub": "user-4711",
    "email": "4711@example.com",
    "role": "user",
    "iat": NOW,
    "exp": NOW + 900,
    "jti": "token-4711",
}
OTHERS_KEY = bytes(range(200, 232))  # 32 bytes that are not in our ring


def encode(data: bytes) -> str:
    """The bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mac(text: str, key: bytes = KEYS["k1"], digest: str = "sha256") -> str:
    """The third part of a token whose first two are `text`."""
    return encode(hmac.new(key, text.encode(), digest).digest())


def sealed(parts: str, key: bytes = KEYS["k1"], digest: str = "sha256") -> str:
    """A token of these two parts, encoded already, with the signature that fits them."""
    return f"{parts}.{mac(parts, key, digest)}"


def signed(header: Forged = GOOD_HEADER, payload: Forged = GOOD_CLAIMS, *args: Any) -> str:
    """A token of this header and payload, given as an object, as JSON text or as bytes, signed with the right key."""
    return sealed(f"{encode(to_bytes(header))}.{encode(to_bytes(payload))}", *args)


def to_bytes(value: Forged) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else to_text(value)).encode()


def to_text(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def header(**changes: Any) -> dict[str, Any]:
    """The good header with these members changed."""
    return {name: value for name, value in {**GOOD_HEADER, **changes}.items() if value is not MISSING}


def claims(**changes: Any) -> dict[str, Any]:
    """The good claims with these changed."""
    return {name: value for name, value in {**GOOD_CLAIMS, **changes}.items() if value is not MISSING}


def with_text(text: str) -> str:
    """The good claims as JSON text, and after them this text."""
    return to_text(GOOD_CLAIMS)[:-1] + text


def with_spare_bits(value: dict[str, Any]) -> str:
    """The object, encoded, with so much padding in it that four of its last character's six bits mean nothing."""
    texts = (to_bytes({**value, "pad": "x" * length}) for length in range(3))
    return next(encode(text) for text in texts if len(text) % 3 == 1)


def respelled(part: str, spare_bits: int) -> list[str]:
    """The other texts that a careless decoder takes for the same bytes: they differ in bits nobody reads."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(part[-1])
    return [part[:-1] + alphabet[last ^ bits] for bits in range(1, 2**spare_bits)]


def with_minus_and_underscore() -> str:
    """A good token whose signature uses both characters in which base64url differs from base64."""
    candidates = (signed(payload=claims(jti=f"t{number}")) for number in range(1000))
    return next(token for token in candidates if {"-", "_"} <= set(token.rpartition(".")[2]))


GOOD = signed()
FIRST, SECOND, THIRD = GOOD.split(".")
OTHER_ALPHABET = with_minus_and_underscore()
SPARE_HEADER, SPARE_PAYLOAD = with_spare_bits(GOOD_HEADER), with_spare_bits(GOOD_CLAIMS)

# Public keys are known to everybody. Where a verifier lets the token choose between HS256 and a public-key
# algorithm, their bytes have served as the "secret" of an HMAC.
DER = base64.b64decode("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")  # RFC 8410 §10.1
PEM = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(DER) + b"\n-----END PUBLIC KEY-----\n"
SSH = b"ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + DER[-32:])
JWK = json.dumps({"kty": "OKP", "crv": "Ed25519", "x": encode(DER[-32:])}).encode()

Malformed, WrongAlgorithm, WrongType = jwt.Malformed, jwt.WrongAlgorithm, jwt.WrongType
UnknownKey, BadSignature, MissingClaim = jwt.UnknownKey, jwt.BadSignature, jwt.MissingClaim
REQUIRED = ("iat", "exp", "iss", "aud", "sub", "jti")

FORM: list[tuple[str, str, type[jwt.InvalidToken]]] = [
    ("nothing", "", Malformed),
    ("two dots", "..", Malformed),
    ("no dot", "token", Malformed),
    ("two parts", f"{FIRST}.{SECOND}", Malformed),
    ("four parts", f"{GOOD}.", Malformed),
    ("five parts, as if encrypted", f"{FIRST}....{THIRD}", Malformed),
    ("no header", sealed(f".{SECOND}"), Malformed),
    ("no signature", f"{FIRST}.{SECOND}.", BadSignature),
    ("JSON serialization", json.dumps({"protected": FIRST, "payload": SECOND, "signature": THIRD}), Malformed),
    ("10 MB", "A" * 10_000_000, Malformed),
    ("10 MB with two dots", f"{FIRST}.{'A' * 10_000_000}.{THIRD}", Malformed),
    ("10 MB of dots", "." * 10_000_000, Malformed),
    ("a blank before", " " + GOOD, Malformed),
    ("a line end after", GOOD + "\n", Malformed),
    ("a line end inside", sealed(f"{FIRST}.{SECOND[:9]}\n{SECOND[9:]}"), Malformed),
    ("foreign characters, which urlsafe_b64decode skips", sealed(f"{FIRST}.{SECOND[:9]}!*{SECOND[9:]}"), Malformed),
    ("+ and / for - and _", OTHER_ALPHABET.replace("-", "+").replace("_", "/"), Malformed),
    ("padding after the signature", GOOD + "=", Malformed),
    ("padding after the header", f"{FIRST}==.{SECOND}.{THIRD}", Malformed),
    ("padding, signed", sealed(f"{FIRST}.{encode(b'{}')}=="), Malformed),
    ("NUL", GOOD + "\0", Malformed),
    ("a letter that is no ASCII", GOOD[:-1] + "é", Malformed),
    ("a full-width letter", GOOD[:-1] + "Ａ", Malformed),
    ("half a surrogate pair", GOOD + "\ud800", Malformed),
    ("a signature of 31 bytes", f"{FIRST}.{SECOND}.{encode(b'x' * 31)}", BadSignature),
    ("a signature of 33 bytes", f"{GOOD}AA", BadSignature),
    ("a signature cut to one character", f"{FIRST}.{SECOND}.{THIRD[0]}", BadSignature),
    ("a header of one character, no base64", sealed(f"A.{SECOND}"), Malformed),
    ("a payload of 4n+1 characters, no base64", sealed(f"{FIRST}.{SECOND[: len(SECOND) // 4 * 4]}A"), Malformed),
    *[("another spelling of the signature", f"{FIRST}.{SECOND}.{s}", BadSignature) for s in respelled(THIRD, 2)],
    *[("another spelling of the payload", sealed(f"{FIRST}.{p}"), Malformed) for p in respelled(SPARE_PAYLOAD, 4)],
    *[("another spelling of the header", sealed(f"{h}.{SECOND}"), Malformed) for h in respelled(SPARE_HEADER, 4)],
]

ALGORITHM: list[tuple[str, str, type[jwt.InvalidToken]]] = [
    *[
        (f"alg {name!r}, {what}", f"{encode(to_bytes(header(alg=name)))}.{SECOND}.{signature}", WrongAlgorithm)
        for name in ("none", "None", "NONE", "nOnE", "")
        for what, signature in (("no signature", ""), ("the old signature", THIRD))
    ],
    *[
        (f"alg {value!r}, signed with our key", signed(header(alg=value)), WrongAlgorithm)
        for value in ("none", "hs256", "Hs256", "HS256 ", " HS256", "HS256\0", "SHA256", "RS256", "EdDSA", "dir")
    ],
    *[
        (f"alg {value!r}", signed(header(alg=value)), WrongAlgorithm)
        for value in (MISSING, None, 123, 256, 0, True, [], {}, ["HS256"], {"HS256": 1})
    ],
    ("HS384, rightly so", signed(header(alg="HS384"), GOOD_CLAIMS, KEYS["k1"], "sha384"), WrongAlgorithm),
    ("HS512, rightly so", signed(header(alg="HS512"), GOOD_CLAIMS, KEYS["k1"], "sha512"), WrongAlgorithm),
    ("says HS256, is HS384", signed(GOOD_HEADER, GOOD_CLAIMS, KEYS["k1"], "sha384"), BadSignature),
    ("says HS256, is HS512", signed(GOOD_HEADER, GOOD_CLAIMS, KEYS["k1"], "sha512"), BadSignature),
    ("alg twice", signed('{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"k1"}'), Malformed),
    ("alg twice, the same", signed('{"alg":"HS256","alg":"HS256","typ":"at+jwt","kid":"k1"}'), Malformed),
    ("alg twice, once escaped", signed(r'{"alg":"HS256","\u0061lg":"none","typ":"at+jwt","kid":"k1"}'), Malformed),
]

KEY: list[tuple[str, str, type[jwt.InvalidToken]]] = [
    ("signed with a public key's PEM", signed(GOOD_HEADER, GOOD_CLAIMS, PEM), BadSignature),
    ("signed with a public key's PEM, no last line end", signed(GOOD_HEADER, GOOD_CLAIMS, PEM.strip()), BadSignature),
    ("signed with a public key's DER", signed(GOOD_HEADER, GOOD_CLAIMS, DER), BadSignature),
    ("signed with a public key's SSH line", signed(GOOD_HEADER, GOOD_CLAIMS, SSH), BadSignature),
    ("signed with a public key's JWK", signed(GOOD_HEADER, GOOD_CLAIMS, JWK), BadSignature),
    ("signed with nobody's key", signed(GOOD_HEADER, GOOD_CLAIMS, OTHERS_KEY), BadSignature),
    ("signed with the key of another kid", signed(header(kid="k1"), GOOD_CLAIMS, KEYS["k0"]), BadSignature),
    ("signed with the first key, kid of the second", signed(header(kid="k0"), GOOD_CLAIMS, KEYS["k1"]), BadSignature),
    ("signed with an empty key", signed(GOOD_HEADER, GOOD_CLAIMS, b""), BadSignature),
    ("signed with the kid", signed(GOOD_HEADER, GOOD_CLAIMS, b"k1"), BadSignature),
    ("a plain hash, no MAC", f"{FIRST}.{SECOND}.{encode(hashlib.sha256(SECOND.encode()).digest())}", BadSignature),
    ("the payload of another token", f"{FIRST}.{encode(to_bytes(claims(role='admin')))}.{THIRD}", BadSignature),
    ("the header of another token", f"{encode(to_bytes(header(typ='AT+JWT')))}.{SECOND}.{THIRD}", BadSignature),
    *[
        (f"kid {str(value)[:30]!r}", signed(header(kid=value)), UnknownKey)
        for value in (
            *("", "k2", "K1", "k1 ", "k1\0", "k", "../../dev/null", "/dev/null", "k1' OR '1'='1", "x' UNION SELECT 'a"),
            *("http://127.0.0.1/key", "x" * 200, "\U0001f511"),
            *(MISSING, None, 1, 0, 1.5, True, [], ["k1"], {}, {"k1": 1}),
        )
    ],
    ("kid of 10 KB", signed(header(kid="k" * 10_000)), Malformed),
    ("kid of 1 KB", signed(header(kid="k" * 1000)), Malformed),
    ("empty key behind an empty file", signed(header(kid="/dev/null"), GOOD_CLAIMS, b""), UnknownKey),
    *[
        (f"{name} that brings its own key", signed(header(**{name: value}), GOOD_CLAIMS, OTHERS_KEY), BadSignature)
        for name, value in (
            ("jwk", {"kty": "oct", "k": encode(OTHERS_KEY)}),
            ("jku", "http://127.0.0.1:9/keys.json"),
            ("x5u", "http://127.0.0.1:9/cert.pem"),
            ("x5c", [base64.b64encode(OTHERS_KEY).decode()]),
        )
    ],
]

HEADER: list[tuple[str, str, type[jwt.InvalidToken]]] = [
    *[
        (f"header {text[:20]!r}", signed(text), Malformed)
        for text in ("[]", '"HS256"', "null", "123", "true", "", "{", "{}{}", "{'alg':'HS256'}", '["alg","HS256"]')
    ],
    ("header in UTF-16", signed(json.dumps(GOOD_HEADER).encode("utf-16")), Malformed),
    ("header with a BOM", signed(json.dumps(GOOD_HEADER).encode("utf-8-sig")), Malformed),
    ("header in invalid UTF-8", signed(b'{"alg":"HS256","typ":"at+jwt","kid":"k1","x":"\xff"}'), Malformed),
    ("header with NaN", signed('{"alg":"HS256","typ":"at+jwt","kid":"k1","x":NaN}'), Malformed),
    ("kid twice", signed('{"alg":"HS256","typ":"at+jwt","kid":"k0","kid":"k1"}'), Malformed),
    ("typ twice", signed('{"alg":"HS256","typ":"JWT","typ":"at+jwt","kid":"k1"}'), Malformed),
    ("a member twice, further down", signed('{"alg":"HS256","typ":"at+jwt","kid":"k1","x":{"a":1,"a":2}}'), Malformed),
    ("a header of 514 characters", signed(header(x="x" * (385 - len(to_text(header(x="")))))), Malformed),
    ("crit naming exp", signed(header(crit=["exp"], exp=NOW + 900)), Malformed),
    ("crit naming an absent header", signed(header(crit=["exp"])), Malformed),
    ("crit empty", signed(header(crit=[])), Malformed),
    ("crit no list", signed(header(crit="b64")), Malformed),
    ("crit null", signed(header(crit=None)), Malformed),
    ("crit with b64 false", signed(header(crit=["b64"], b64=False)), Malformed),
    *[
        (f"typ {value!r}", signed(header(typ=value)), WrongType)
        for value in (
            *("JWT", "jwt", "application/jwt", "rt+jwt", "refresh", "", "at+jwt ", "at+jwt; v=1", "xat+jwt", "at+jwtx"),
            *("text/at+jwt", "application/", "application/application/at+jwt", "at jwt", "at+jwt\0"),
            *(MISSING, None, 1, True, ["at+jwt"], {"at+jwt": 1}),
        )
    ],
]

PAYLOAD: list[tuple[str, str, type[jwt.InvalidToken]]] = [
    *[
        (f"payload {text[:20]!r}", signed(payload=text), Malformed)
        for text in ("", "[]", '"sub"', "null", "123", "true", "{", "}", "{}{}", "{'exp':1}", "exp=1", "\0")
    ],
    ("payload in UTF-16", signed(payload=json.dumps(GOOD_CLAIMS).encode("utf-16")), Malformed),
    ("payload in UTF-16 without BOM", signed(payload=json.dumps(GOOD_CLAIMS).encode("utf-16-le")), Malformed),
    ("payload in UTF-32", signed(payload=json.dumps(GOOD_CLAIMS).encode("utf-32")), Malformed),
    ("payload with a BOM", signed(payload=json.dumps(GOOD_CLAIMS).encode("utf-8-sig")), Malformed),
    ("payload in Latin-1", signed(payload=with_text(',"x":"é"}').encode("latin-1")), Malformed),
    ("invalid UTF-8", signed(payload=with_text(',"x":"').encode() + b'\xc0\xaf"}'), Malformed),
    ("a surrogate in UTF-8", signed(payload=with_text(',"x":"').encode() + b'\xed\xa0\x80"}'), Malformed),
    ("half a surrogate pair in sub", signed(payload=claims(sub="\ud800")), Malformed),
    ("half a surrogate pair in a name", signed(payload=claims(**{"\udfff": 1})), Malformed),
    *[
        (f"{ascii(character)} in {name}", signed(payload=claims(**{name: f"x{character}y"})), Malformed)
        for name in ("sub", "jti")
        for character in "\0\n\r\x1b\x7f\x85\u2028\u202e"
    ],
    ("U+0000 between members", signed(payload=with_text(',\0"x":1}')), Malformed),
    ("a line end inside a string", signed(payload=with_text(',"x":"\n"}')), Malformed),
    ("text after the object", signed(payload=with_text("}x")), Malformed),
    ("a comma too many", signed(payload=with_text(",}")), Malformed),
    ("nested 100,000 deep", signed(payload="[" * 100_000 + "]" * 100_000), Malformed),
    ("nested 100,000 deep, in a claim", signed(payload=with_text(',"x":' + '{"a":' * 100_000 + "1}")), Malformed),
    ("nested 2,900 deep, which fits", signed(payload="[" * 2900 + "]" * 2900), Malformed),
    ("nested 5,800 deep without an end", signed(payload="[" * 5800), Malformed),
    ("objects nested 1,100 deep without an end", signed(payload='{"a":' * 1100), Malformed),
    ("sub twice", signed(payload=with_text(',"sub":"admin"}')), Malformed),
    ("role twice", signed(payload=with_text(',"role":"admin"}')), Malformed),
    ("exp twice", signed(payload=with_text(f',"exp":{NOW + 9000}}}')), Malformed),
    ("sub twice, the same", signed(payload=with_text(',"sub":"user-4711"}')), Malformed),
    ("exp twice, once escaped", signed(payload=with_text(f',"\\u0065xp":{NOW + 9000}}}')), Malformed),
    ("a name twice, further down", signed(payload=with_text(',"x":[{"a":1,"a":1}]}')), Malformed),
    ("NaN in an unused claim", signed(payload=with_text(',"x":NaN}')), Malformed),
    ("-Infinity in an unused claim", signed(payload=with_text(',"x":-Infinity}')), Malformed),
    ("1e400 in an unused claim", signed(payload=with_text(',"x":1e400}')), Malformed),
]


def date_in_text(name: str, text: str) -> str:
    """A token in which the claim has this JSON text, which Python's own writer would not write."""
    rest = to_text(claims(**{name: MISSING}))
    return signed(payload=f'{rest[:-1]},"{name}":{text}}}')


NO_DATES = ("9999999999", "", "soon", True, False, None, [], [NOW + 900], {}, -1, -0.5, END, 2**63, 1e300, 10**4000)
NO_DATES_IN_TEXT = ("1" + "0" * 5000, "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "0x7fffffff", "01900000000")
NO_TEXTS = (None, 1, 0, True, [], ["user-4711"], {}, {"a": 1})
NOT_OURS = (
    *("", "auth", "authref2", "authref.evil.example", "evil-authref", "uthref", "thre", "AUTHREF", "Authref"),
    *("authref ", " authref", "authref/", "authref\0", "https://authref", "\uff41uthref"),
    *([], {"authref": 1}, {}, None, True, 1),
)
AUDIENCES_NOT_OURS = (*NOT_OURS, ["x"], ["Authref", "authref "], [["authref"]], ["authref", 1], ["authref", None])

CLAIMS: list[tuple[str, str, type[jwt.InvalidToken]]] = [
    *[
        (f"{name} {str(value)[:20]!r}", signed(payload=claims(**{name: value})), Malformed)
        for name in ("exp", "nbf", "iat")
        for value in NO_DATES
    ],
    *[
        (f"{name} {text[:20]}", date_in_text(name, text), Malformed)
        for name in ("exp", "nbf", "iat")
        for text in NO_DATES_IN_TEXT
    ],
    *[
        (f"{name} {value!r}", signed(payload=claims(**{name: value})), Malformed)
        for name in ("sub", "jti")
        for value in NO_TEXTS
    ],
    *[(f"no {name}", signed(payload=claims(**{name: MISSING})), MissingClaim) for name in REQUIRED],
    ("no claims at all", signed(payload="{}"), MissingClaim),
    ("names in capitals", signed(payload={name.upper(): value for name, value in GOOD_CLAIMS.items()}), MissingClaim),
    ("exp 0", signed(payload=claims(exp=0)), jwt.Expired),
    ("exp -0.0", signed(payload=claims(exp=-0.0)), jwt.Expired),
    ("exp one second ago", signed(payload=claims(exp=NOW - 1)), jwt.Expired),
    ("exp now", signed(payload=claims(exp=NOW)), jwt.Expired),
    ("exp now, as a fraction", signed(payload=claims(exp=float(NOW))), jwt.Expired),
    ("nbf in one second", signed(payload=claims(nbf=NOW + 1)), jwt.NotYetValid),
    ("nbf in half a second", signed(payload=claims(nbf=NOW + 0.5)), jwt.NotYetValid),
    ("nbf in the year 9999", signed(payload=claims(nbf=END - 1)), jwt.NotYetValid),
    *[(f"iss {value!r}", signed(payload=claims(iss=value)), jwt.WrongIssuer) for value in (*NOT_OURS, ["authref"])],
    *[(f"aud {value!r}", signed(payload=claims(aud=value)), jwt.WrongAudience) for value in AUDIENCES_NOT_OURS],
]

REFUSED = FORM + ALGORITHM + KEY + HEADER + PAYLOAD + CLAIMS

ACCEPTED: list[tuple[str, str]] = [
    ("the good token", GOOD),
    ("a signature with - and _", OTHER_ALPHABET),
    ("the one spelling where there are spare bits", sealed(f"{SPARE_HEADER}.{SPARE_PAYLOAD}")),
    ("the second key of the ring under its own kid", signed(header(kid="k0"), GOOD_CLAIMS, KEYS["k0"])),
    ("alg once, escaped", signed(r'{"\u0061lg":"HS256","typ":"at+jwt","kid":"k1"}')),
    ("a header with blanks and line ends", signed('{"kid":"k1",\r\n "typ":"at+jwt",\r\n "alg":"HS256"}')),
    ("a header of 512 characters", signed(header(x="x" * (384 - len(to_text(header(x=""))))))),
    *[(f"typ {value!r}", signed(header(typ=value))) for value in ("at+JWT", "AT+JWT", "At+Jwt")],
    *[(f"typ {value!r}", signed(header(typ=value))) for value in ("application/at+jwt", "Application/AT+JWT")],
    ("exp in one second", signed(payload=claims(exp=NOW + 1))),
    ("exp in half a second", signed(payload=claims(exp=NOW + 0.5))),
    ("exp in the year 9999", signed(payload=claims(exp=END - 1))),
    ("exp with an exponent", date_in_text("exp", "42e8")),
    ("exp escaped, once", signed(payload=json.dumps(GOOD_CLAIMS).replace("exp", r"\u0065xp"))),
    *[(f"aud {value!r}", signed(payload=claims(aud=value))) for value in (["authref"], ["x", "authref", "authref"])],
    ("nbf now", signed(payload=claims(nbf=NOW))),
    ("nbf 0", signed(payload=claims(nbf=0))),
    ("iat 0", signed(payload=claims(iat=0))),
    ("letters beyond ASCII", signed(payload=claims(sub="Jürgen \U0001f511"))),
    ("letters beyond ASCII, unescaped", signed(payload=json.dumps(claims(sub="Jürgen"), ensure_ascii=False))),
    ("a whole surrogate pair, escaped", signed(payload=with_text(r',"x":"\ud83d\udd11"}'))),
    ("claims we do not know", signed(payload=claims(x={"a": [1, 2.5, None, True, "b"]}, y=None))),
    ("nested 100 deep", signed(payload=with_text(',"x":' + "[" * 100 + "]" * 100 + "}"))),
    ("a payload with blanks and line ends", signed(payload=json.dumps(GOOD_CLAIMS, indent=2).replace("\n", "\r\n"))),
]
# Headers that name a key or a place to fetch one from: they change nothing, and nobody goes there.
POINTING = {
    "jku": "http://127.0.0.1:9/keys.json",
    "x5u": "http://127.0.0.1:9/cert.pem",
    "jwk": {"kty": "oct", "k": "AAAA"},
    "x5c": ["AAAA"],
    "x5t": "AAAA",
    "url": "http://127.0.0.1:9/",
}
ACCEPTED += [(f"{name}, signed with our key", signed(header(**{name: value}))) for name, value in POINTING.items()]


def check(token: str, **changes: Any) -> jwt.Claims:
    """The token's claims as our server would read them at START."""
    return jwt.verify(token, **{"keys": KEYS, "issuer": "authref", "audience": "authref", "now": START, **changes})


def refusal(token: str, **changes: Any) -> jwt.InvalidToken | None:
    """What `check` raises; None if it accepts the token."""
    try:
        check(token, **changes)
    except jwt.InvalidToken as refused:
        return refused
    return None


def outcome(token: str, **changes: Any) -> str:
    """What becomes of the token: the name of the refusal, or "accepted"."""
    refused = refusal(token, **changes)
    return "accepted" if refused is None else type(refused).__name__


def setUpModule() -> None:
    """What tests of other modules have made jwt.py keep decides nothing here."""
    for kept in (jwt._header, jwt._members, jwt._key_id, jwt._read_once):
        kept.cache_clear()


class Examples(unittest.TestCase):
    """The examples of the RFCs, copied from there."""

    A1_KEY = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    A1_PAYLOAD = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    A1_TOKEN = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    COOKBOOK_KEY = base64.urlsafe_b64decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg=")
    COOKBOOK_KID = "018c0ae5-4d9b-471b-bfd6-eef314bc7037"
    COOKBOOK_PAYLOAD = (
        "It\u2019s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep "
        "your feet, there\u2019s no knowing where you might be swept off to."
    ).encode()
    COOKBOOK_TOKEN = (
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
        ".SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9h"
        "ZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3"
        "ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
    )
    UNSECURED = (
        "eyJhbGciOiJub25lIn0"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    )

    def test_rfc_7515_a_1(self) -> None:
        """The example of RFC 7515 §A.1 is unsigned to its payload, byte for byte, line ends and all."""
        self.assertEqual(jwt.unsign(self.A1_TOKEN, self.A1_KEY), self.A1_PAYLOAD)

    def test_rfc_7515_a_1_as_an_access_token(self) -> None:
        """Its signature is right and yet it is no access token: it says `typ` JWT, as tokens for anything do."""
        with self.assertRaises(jwt.WrongType):
            jwt.verify(self.A1_TOKEN, {"k1": self.A1_KEY}, now=1_300_000_000)

    def test_rfc_7520_4_4(self) -> None:
        """The example of RFC 7520 §4.4, whose payload is no JSON, comes out of `unsign` and out of `sign`."""
        self.assertEqual(jwt.unsign(self.COOKBOOK_TOKEN, self.COOKBOOK_KEY), self.COOKBOOK_PAYLOAD)
        made = jwt.sign(self.COOKBOOK_PAYLOAD, self.COOKBOOK_KEY, {"alg": "HS256", "kid": self.COOKBOOK_KID})
        self.assertEqual(made, self.COOKBOOK_TOKEN)

    def test_rfc_7519_6_1(self) -> None:
        """The unsecured token of RFC 7519 §6.1, which says itself that nobody signed it, is refused for that."""
        self.assertRaises(WrongAlgorithm, jwt.unsign, self.UNSECURED, self.A1_KEY)
        self.assertRaises(WrongAlgorithm, jwt.verify, self.UNSECURED, {"k1": self.A1_KEY}, now=1_300_000_000)

    def test_another_key(self) -> None:
        """The examples belong to their keys: with the other one's they are refused."""
        self.assertRaises(BadSignature, jwt.unsign, self.A1_TOKEN, self.COOKBOOK_KEY)
        self.assertRaises(BadSignature, jwt.unsign, self.COOKBOOK_TOKEN, self.A1_KEY)


class SignAndUnsign(unittest.TestCase):
    KEY = KEYS["k1"]

    def test_payloads_of_all_kinds(self) -> None:
        """What was signed comes back, whatever bytes it is: this layer does not ask what they mean."""
        last_letters = [bytes((0, 0, number)) for number in range(64)]  # the encoded text ends in each of its letters
        kinds = (b"", b"\0", b"a", b"ab", b"abc", bytes(range(256)), b"{}", "é".encode(), b"x" * 6000)
        for payload in (*kinds, *last_letters):
            with self.subTest(payload[:10]):
                token = jwt.sign(payload, self.KEY)
                self.assertEqual(jwt.unsign(token, self.KEY), payload)
                self.assertRaises(BadSignature, jwt.unsign, token, OTHERS_KEY)

    def test_made_by_hand(self) -> None:
        """The compact form is base64url of the header, a dot, base64url of the payload, a dot, their HMAC-SHA-256."""
        self.assertEqual(jwt.sign(b"payload", self.KEY), signed('{"alg":"HS256"}', b"payload"))
        self.assertEqual(jwt.unsign(signed('{"alg":"HS256"}', b"payload"), self.KEY), b"payload")

    def test_a_header_that_asks_for_another_algorithm(self) -> None:
        """`sign` takes members for the header, but `alg` says what was done, whatever was asked for."""
        for asked in ("none", "HS512", None):
            with self.subTest(asked):
                first = jwt.sign(b"payload", self.KEY, {"alg": asked, "typ": "x"}).partition(".")[0]
                read = json.loads(base64.urlsafe_b64decode(first + "=="))
                self.assertEqual(read, {"alg": "HS256", "typ": "x"})

    def test_a_short_key(self) -> None:
        """A key under 32 bytes neither signs nor verifies: HMAC would take even the empty one (RFC 7518 §3.2)."""
        for key in (b"", b"secret", b"x" * 31):
            with self.subTest(len(key)):
                self.assertRaises(ValueError, jwt.sign, b"payload", key)
                self.assertRaises(ValueError, jwt.unsign, signed(GOOD_HEADER, GOOD_CLAIMS, key), key)
                self.assertRaises(ValueError, jwt.create, GOOD_CLAIMS, {"k1": key})
                self.assertRaises(ValueError, check, signed(GOOD_HEADER, GOOD_CLAIMS, key), keys={"k1": key})
        self.assertEqual(jwt.unsign(jwt.sign(b"payload", b"x" * 32), b"x" * 32), b"payload")

    def test_what_is_said_of_a_short_key(self) -> None:
        """Whoever gives a short key hears how long it has to be."""
        self.assertRaisesRegex(ValueError, "32 bytes", jwt.sign, b"payload", b"secret")

    def test_what_it_refuses(self) -> None:
        """A wrong form, algorithm or signature is refused, and so is crit, before anybody asks what is claimed."""
        for name, token, kind in FORM + ALGORITHM + HEADER:
            if kind is not WrongType:
                with self.subTest(name), self.assertRaises(kind):
                    jwt.unsign(token, self.KEY)

    def test_what_it_leaves_to_verify(self) -> None:
        """What typ, kid and claims say does not matter here, as long as the signature fits."""
        for name, token, kind in HEADER + PAYLOAD + CLAIMS:
            if (kind is WrongType or (name, token, kind) not in HEADER) and len(token) <= jwt.MAX_TOKEN:
                with self.subTest(name):
                    self.assertIsInstance(jwt.unsign(token, self.KEY), bytes)


class CreateAndVerify(unittest.TestCase):
    def test_accepted(self) -> None:
        """Good tokens, each the twin of one that is refused and close to it, are believed."""
        for name, token in ACCEPTED:
            with self.subTest(name):
                self.assertEqual(outcome(token), "accepted")

    def test_refused(self) -> None:
        """The good token with one change is refused for just that change."""
        for name, token, kind in REFUSED:
            with self.subTest(name):
                self.assertEqual(outcome(token), kind.__name__)

    def test_every_refusal_is_in_the_table(self) -> None:
        """There is a refusal of its own for each thing a reader must tell apart, and none is a kind of another."""
        kinds = set(jwt.InvalidToken.__subclasses__())
        self.assertEqual({kind for _, _, kind in REFUSED}, kinds)
        self.assertEqual([kind for kind in kinds if kind.__subclasses__()], [])
        self.assertEqual(len(kinds), 10)

    def test_what_a_refusal_says(self) -> None:
        """A refusal has words for the log, and they quote nothing of the token: whoever reads logs is not its owner."""
        for name, token, _ in REFUSED:
            with self.subTest(name):
                words = str(refusal(token))
                self.assertRegex(words, r"\A[a-z]+,? [ -~]{8,100}\Z")  # they go on after its name and a colon
                self.assertNotIn("4711", words)

    def test_which_part_it_is(self) -> None:
        """Of a header and a payload that are no JSON object the refusal says which of the two it is."""
        for text in ("{", "[]", "[{}]", '{"x":{}'):
            self.assertRegex(str(refusal(signed(text))), r"\Athe header is ")
            self.assertRegex(str(refusal(signed(payload=text))), r"\Athe payload is ")

    def test_what_was_created(self) -> None:
        """The claims come back as they were, and the header names algorithm, type and key, nothing else."""
        token = jwt.create(claims(x=[1, 2.5, None, {"é": True}]), KEYS)
        self.assertEqual(check(token), claims(x=[1, 2.5, None, {"é": True}]))
        self.assertEqual(json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "==")), GOOD_HEADER)

    def test_the_same_token_many_times(self) -> None:
        """Flat claims are read once, however often their token is shown: whoever repeats it costs little."""
        for more, expected in (({}, 1), ({"x": "[{"}, 1), ({"aud": ["authref"]}, 6), ({"x": {"deep": 1}}, 6)):
            token = jwt.create(claims(**more, jti="shown many times"), KEYS)
            with self.subTest(more), mock.patch.object(jwt, "read_json", wraps=jwt.read_json) as read:
                for _ in range(5):
                    check(token)
                self.assertEqual(sum(b"many times" in call.args[0] for call in read.call_args_list), expected)

    def test_whoever_changes_the_claims(self) -> None:
        """Claims belong to whoever was given them: to change them changes nothing of what the next one is told."""
        for more in ({}, {"aud": ["authref"]}, {"x": {"deep": []}}):
            token = jwt.create(claims(**more), KEYS)
            with self.subTest(more):
                for value in (first := check(token)).values():
                    if isinstance(value, list):
                        value.append("evil")
                    elif isinstance(value, dict):
                        value["deep"].append("evil")
                first["sub"] = "somebody-else"
                self.assertEqual(check(token), claims(**more))

    def test_claims_that_json_cannot_carry(self) -> None:
        """A token that no verifier could read is not made."""
        for value in (float("nan"), float("inf")):
            with self.subTest(value):
                self.assertRaises(ValueError, jwt.create, claims(exp=value), KEYS)

    def test_a_signature_guessed_piece_by_piece(self) -> None:
        """Signatures are compared in constant time: how long a refusal takes does not tell how much was right."""
        compare = mock.Mock(wraps=hmac.compare_digest)
        with in_place_of(hmac.compare_digest, compare):
            for token in (GOOD, f"{FIRST}.{SECOND}.{'A' * 43}", f"{FIRST}.{SECOND}.{THIRD[:-1]}A"):
                with self.subTest(token[-5:]):
                    compare.reset_mock()
                    outcome(token)
                    compare.assert_called()

    def test_no_file_and_no_connection(self) -> None:
        """Whatever a header points to, a URL in jku and x5u or a path in kid, nobody opens it."""
        trap = AssertionError("was opened")
        with mock.patch("builtins.open", side_effect=trap), mock.patch("socket.socket", side_effect=trap):
            for name, token, kind in KEY:
                with self.subTest(name):
                    self.assertEqual(outcome(token), kind.__name__)
            for name, value in POINTING.items():
                with self.subTest(name):
                    self.assertEqual(outcome(signed(header(**{name: value}))), "accepted")

    def test_one_character_too_many(self) -> None:
        """A token of 8 KB is read, a longer one is not even split."""
        self.assertEqual(jwt.MAX_TOKEN, 8192)
        room = 8192 - len(FIRST) - len(THIRD) - 2
        fits = claims(pad="x" * (room * 3 // 4 - len(to_text(claims(pad="")))))
        self.assertEqual(len(signed(payload=fits)), 8192)
        self.assertEqual(outcome(signed(payload=fits)), "accepted")
        self.assertEqual(outcome(signed(payload={**fits, "pad": fits["pad"] + "x"})), "Malformed")


class Times(unittest.TestCase):
    # claims, seconds after START, leeway in seconds, outcome
    EDGES: list[tuple[dict[str, Any], float, float, str]] = [
        ({"exp": NOW}, -1, 0, "accepted"),
        ({"exp": NOW}, -0.001, 0, "accepted"),
        ({"exp": NOW}, 0, 0, "Expired"),
        ({"exp": NOW}, 1, 0, "Expired"),
        ({"exp": NOW}, 0, 10, "accepted"),
        ({"exp": NOW}, 9, 10, "accepted"),
        ({"exp": NOW}, 10, 10, "Expired"),
        ({"exp": NOW + 0.5}, 0, 0, "accepted"),
        ({"exp": NOW + 0.5}, 0.5, 0, "Expired"),
        ({"nbf": NOW}, -1, 0, "NotYetValid"),
        ({"nbf": NOW}, -0.001, 0, "NotYetValid"),
        ({"nbf": NOW}, 0, 0, "accepted"),
        ({"nbf": NOW}, 1, 0, "accepted"),
        ({"nbf": NOW}, -10, 10, "accepted"),
        ({"nbf": NOW}, -11, 10, "NotYetValid"),
        ({"nbf": NOW, "exp": NOW + 1}, 0, 0, "accepted"),
        ({"nbf": NOW, "exp": NOW}, 0, 0, "Expired"),
        ({"exp": NOW + 900}, 899, 0, "accepted"),
        ({"exp": NOW + 900}, 900, 0, "Expired"),
    ]

    def test_edges(self) -> None:
        """A token is good from nbf on and until just before exp (RFC 7519 §4.1.4); leeway moves both ends outwards."""
        for changes, seconds, leeway, expected in self.EDGES:
            with self.subTest(changes, seconds=seconds, leeway=leeway):
                token = signed(payload=claims(**changes))
                self.assertEqual(outcome(token, now=START + seconds, leeway=leeway), expected)

    def test_without_now(self) -> None:
        """Without `now` it is the present: a token is not believed for ever because somebody forgot an argument."""
        for seconds, expected in ((0, "accepted"), (899, "accepted"), (900, "Expired")):
            with self.subTest(seconds), mock.patch("time.time", return_value=START + seconds):
                self.assertEqual(outcome(GOOD, now=None), expected)

    def test_a_clock_that_begins_at_zero(self) -> None:
        """On a machine that does not know the date a token without nbf is good from the first second on."""
        self.assertEqual(outcome(signed(payload=claims(iat=0, exp=900)), now=0), "accepted")
        self.assertEqual(outcome(signed(payload=claims(iat=0, exp=900, nbf=1)), now=0), "NotYetValid")

    def test_the_same_token_again(self) -> None:
        """A token that was accepted is refused once it has expired: no answer is remembered."""
        self.assertEqual([outcome(GOOD, now=START + s) for s in (0, 900, 0)], ["accepted", "Expired", "accepted"])


class IssuerAndAudience(unittest.TestCase):
    def test_not_asked_for(self) -> None:
        """Without `issuer` and `audience` neither is compared, and neither has to be there."""
        for value in (MISSING, None, "somebody", ["a", "b"]):
            with self.subTest(value):
                self.assertEqual(outcome(signed(payload=claims(iss=value)), issuer=None), "accepted")
                self.assertEqual(outcome(signed(payload=claims(aud=value)), audience=None), "accepted")

    def test_one_asked_for(self) -> None:
        """Issuer and audience are compared each with its own claim, `iss` and `aud`."""
        crossed = signed(payload=claims(iss="them", aud="us"))
        self.assertEqual(outcome(crossed, issuer="them", audience="us"), "accepted")
        self.assertEqual(outcome(crossed, issuer="us", audience="us"), "WrongIssuer")
        self.assertEqual(outcome(crossed, issuer="them", audience="them"), "WrongAudience")
        self.assertEqual(outcome(crossed, issuer=None, audience="them"), "WrongAudience")
        self.assertEqual(outcome(crossed, issuer="us", audience=None), "WrongIssuer")

    def test_a_list_of_audiences(self) -> None:
        """A token for several, or for us alone in a list, as Go's libraries write it, is for us (RFC 7519 §4.1.3)."""
        table: list[tuple[object, str]] = [
            (["authref"], "accepted"),
            (["billing", "authref"], "accepted"),
            (["billing"], "WrongAudience"),
            ([], "WrongAudience"),
            (["authref2", "auth", "ref"], "WrongAudience"),
            ([["authref"]], "WrongAudience"),
            (["authref", 1], "WrongAudience"),  # strings only
            ({"authref": True}, "WrongAudience"),
        ]
        for aud, expected in table:
            with self.subTest(aud):
                self.assertEqual(outcome(signed(payload=claims(aud=aud))), expected)

    def test_what_a_missing_claim_is_called(self) -> None:
        """What is not there is missing, and the refusal names it; what is there and is null is something else."""
        for name in REQUIRED:
            with self.subTest(name):
                self.assertEqual(str(refusal(signed(payload=claims(**{name: MISSING})))), f"there is no {name}")
                self.assertNotEqual(outcome(signed(payload=claims(**{name: None}))), "MissingClaim")

    def test_an_empty_name_asked_for(self) -> None:
        """An empty setting is compared like any other: it does not switch the check off."""
        self.assertEqual(outcome(GOOD, issuer=""), "WrongIssuer")
        self.assertEqual(outcome(GOOD, audience=""), "WrongAudience")


class Ring(unittest.TestCase):
    NEW = {"k2": OTHERS_KEY}

    def test_the_first_signs(self) -> None:
        """A token is signed with the first key of the ring, in whatever order kids sort."""
        for ring in ({"k1": KEYS["k1"], "k0": KEYS["k0"]}, {"k0": KEYS["k0"], "k1": KEYS["k1"]}):
            with self.subTest(list(ring)):
                first = next(iter(ring))
                token = jwt.create(GOOD_CLAIMS, ring)
                self.assertEqual(outcome(token, keys={first: ring[first]}), "accepted")
                self.assertEqual(json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"], first)

    def test_a_new_key_in_front(self) -> None:
        """After a rotation new tokens and old ones are good; once the old key is taken away, the old ones are not."""
        old = jwt.create(GOOD_CLAIMS, KEYS)
        new = jwt.create(GOOD_CLAIMS, self.NEW | KEYS)
        self.assertEqual([outcome(token, keys=self.NEW | KEYS) for token in (old, new)], ["accepted", "accepted"])
        self.assertEqual([outcome(token, keys=self.NEW) for token in (old, new)], ["UnknownKey", "accepted"])
        self.assertEqual([outcome(token, keys=KEYS) for token in (old, new)], ["accepted", "UnknownKey"])

    def test_another_key_under_the_same_name(self) -> None:
        """A key that leaked is replaced even where its kid stays: nothing about a key is remembered by its name."""
        token = jwt.create(GOOD_CLAIMS, KEYS)
        self.assertEqual(outcome(token), "accepted")
        self.assertEqual(outcome(token, keys={"k1": OTHERS_KEY}), "BadSignature")
        again = jwt.create(GOOD_CLAIMS, {"k1": OTHERS_KEY})
        self.assertEqual(outcome(again, keys={"k1": OTHERS_KEY}), "accepted")
        self.assertEqual(outcome(again), "BadSignature")

    def test_a_kid_that_is_no_text(self) -> None:
        """A kid is not turned into text to find a key: 1 is not the key named "1"."""
        for value in (1, 1.5, True, None, ["k1"], {"k1": 1}):
            with self.subTest(value):
                ring = {str(value): KEYS["k1"], json.dumps(value): KEYS["k1"]}
                self.assertEqual(outcome(signed(header(kid=value)), keys=ring), "UnknownKey")
                self.assertEqual(outcome(signed(header(kid=str(value))), keys=ring), "accepted")

    def test_no_key_at_all(self) -> None:
        """With an empty ring nothing is believed."""
        self.assertEqual(outcome(GOOD, keys={}), "UnknownKey")


class Order(unittest.TestCase):
    BAD = "A" * 43  # a signature of the right form
    EXPIRED = encode(to_bytes(claims(exp=NOW - 1)))

    # two things are wrong; the one that is found
    PAIRS: list[tuple[str, str, type[jwt.InvalidToken]]] = [
        ("too long, alg none", signed(header(alg="none"), claims(x="x" * 9000)), Malformed),
        ("alg none, expired", f"{encode(to_bytes(header(alg='none')))}.{EXPIRED}.", WrongAlgorithm),
        ("alg none, payload no JSON", f"{encode(to_bytes(header(alg='none')))}.AAAA.", WrongAlgorithm),
        ("alg none, wrong typ", signed(header(alg="none", typ="JWT")), WrongAlgorithm),
        ("alg none, unknown kid", signed(header(alg="none", kid="k9")), WrongAlgorithm),
        ("alg none, crit", signed(header(alg="none", crit=["exp"])), WrongAlgorithm),
        ("crit, wrong typ", signed(header(crit=["exp"], typ="JWT")), Malformed),
        ("crit, bad signature", signed(header(crit=["exp"]), GOOD_CLAIMS, OTHERS_KEY), Malformed),
        ("wrong typ, unknown kid", signed(header(typ="JWT", kid="k9")), WrongType),
        ("wrong typ, bad signature", signed(header(typ="JWT"), GOOD_CLAIMS, OTHERS_KEY), WrongType),
        ("unknown kid, bad signature", signed(header(kid="k9"), GOOD_CLAIMS, OTHERS_KEY), UnknownKey),
        ("unknown kid, expired", signed(header(kid="k9"), claims(exp=0)), UnknownKey),
        ("bad signature, expired", f"{FIRST}.{EXPIRED}.{BAD}", BadSignature),
        ("bad signature, payload no JSON", f"{FIRST}.AAAA.{BAD}", BadSignature),
        ("bad signature, payload spelled otherwise", f"{FIRST}.{respelled(SPARE_PAYLOAD, 4)[0]}.{BAD}", BadSignature),
        ("bad signature, payload no base64", f"{FIRST}.A.{BAD}", BadSignature),
        ("bad signature, wrong issuer", signed(GOOD_HEADER, claims(iss="x"), OTHERS_KEY), BadSignature),
        ("payload names exp twice, expired", signed(payload=to_text(claims(exp=0))[:-1] + ',"exp":0}'), Malformed),
        ("no exp, wrong issuer", signed(payload=claims(exp=MISSING, iss="x")), MissingClaim),
        ("expired, no iss", signed(payload=claims(exp=0, iss=MISSING)), jwt.Expired),
        ("no iss, wrong audience", signed(payload=claims(iss=MISSING, aud="x")), MissingClaim),
        ("wrong audience, no sub", signed(payload=claims(aud="x", sub=MISSING)), jwt.WrongAudience),
        ("expired, wrong issuer", signed(payload=claims(exp=0, iss="x")), jwt.Expired),
        ("not yet valid, wrong audience", signed(payload=claims(nbf=NOW + 1, aud="x")), jwt.NotYetValid),
        ("wrong issuer, wrong audience", signed(payload=claims(iss="x", aud="x")), jwt.WrongIssuer),
    ]

    def test_two_things_wrong(self) -> None:
        """The earlier check refuses: nothing is read from a payload that nobody has signed."""
        for name, token, kind in self.PAIRS:
            with self.subTest(name):
                self.assertEqual(outcome(token), kind.__name__)

    def test_two_times_wrong(self) -> None:
        """Of the times, those that are no date are refused first, then what is over, then what has not begun."""
        for name, token, kind in (
            ("iat no date, expired", signed(payload=claims(iat="x", exp=0)), Malformed),
            ("expired, not yet valid", signed(payload=claims(exp=0, nbf=NOW + 1)), jwt.Expired),
        ):
            with self.subTest(name):
                self.assertEqual(outcome(token), kind.__name__)

    def test_the_payload_before_the_signature(self) -> None:
        """With a bad signature the answer is the same whatever the payload holds: an attacker learns nothing of it."""
        for name, token, _ in PAYLOAD + CLAIMS:
            if len(token) <= jwt.MAX_TOKEN:
                with self.subTest(name):
                    self.assertEqual(outcome(token.rpartition(".")[0] + "." + self.BAD), "BadSignature")


class OneSpelling(unittest.TestCase):
    def test_every_text_of_two_letters(self) -> None:
        """Of all 4,096 texts of two letters 256 are bytes, each one byte: the others are spellings nobody may use."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        read: dict[str, bytes] = {}
        for text in (first + second for first in letters for second in letters):
            with suppress(Malformed):
                read[text] = jwt.decode(text.encode())
        self.assertEqual(read, {encode(bytes((number,))): bytes((number,)) for number in range(256)})


class Fuzz(unittest.TestCase):
    def test_each_character_changed(self) -> None:
        """No character of a token can be another one of the alphabet: all 63 others, at every place, are refused."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        token = signed(payload=claims(email=MISSING, role=MISSING))
        for place, character in enumerate(token):
            for other in alphabet:
                if other != character and outcome(token[:place] + other + token[place + 1 :]) == "accepted":
                    self.fail(f"{other} at {place} was accepted")

    def test_random_changes(self) -> None:
        """Cut, doubled, inserted, swapped and spliced tokens are refused, by InvalidToken and nothing else."""
        dice = random.Random(7519)
        sources = [token for _, token in ACCEPTED] + [token for _, token, _ in REFUSED if len(token) < 1000]
        for _ in range(3000):
            token, other = dice.choice(sources), dice.choice(sources)
            a, b = sorted((dice.randrange(len(token) + 1), dice.randrange(len(token) + 1)))
            changed = dice.choice(
                (
                    token[:a] + token[b:],
                    token[:b] + token[a:],
                    token[:a] + dice.choice(".=+/-_ \0é\n\ud800A") + token[a:],
                    token[:a] + token[a:b][::-1] + token[b:],
                    token[:a] + other[a:],
                    ".".join(dice.choice((x, y)) for x, y in zip(token.split("."), other.split("."), strict=False)),
                )
            )
            if changed not in sources:
                self.assertNotEqual(outcome(changed), "accepted", changed)

    def test_random_claims(self) -> None:
        """Of well-signed tokens with random claims just those are accepted in which every single claim is good."""
        good: dict[str, tuple[Any, ...]] = {
            "iss": ("authref",),
            "aud": ("authref", ["authref"], ["x", "authref"]),
            "exp": (NOW + 1, NOW + 0.5, NOW + 900, END - 1),
            "nbf": (MISSING, NOW, 0, NOW - 0.5),
            "iat": (NOW, 0, 1.5),
            "sub": ("user-4711", "é"),
            "jti": ("token-4711",),
            "x": (MISSING, None, {"exp": 0}, [1]),
        }
        bad: dict[str, tuple[Any, ...]] = {
            "iss": (*NOT_OURS, MISSING),
            "aud": (*AUDIENCES_NOT_OURS, MISSING),
            "exp": (*NO_DATES, MISSING, NOW, NOW - 1, 0),
            "nbf": (*NO_DATES, NOW + 1),
            "iat": (*NO_DATES, MISSING),
            "sub": (*NO_TEXTS, MISSING),
            "jti": (*NO_TEXTS, MISSING),
        }
        dice = random.Random(9068)
        seen = {"accepted": 0, "refused": 0}
        for _ in range(1500):
            wrong = {name for name in bad if dice.random() < 0.1}
            chosen = {name: dice.choice((bad if name in wrong else good)[name]) for name in good}
            result = outcome(signed(payload={name: value for name, value in chosen.items() if value is not MISSING}))
            self.assertEqual(result == "accepted", not wrong, (result, chosen))
            seen["refused" if wrong else "accepted"] += 1
        self.assertGreater(min(seen.values()), 400)

    def test_random_json(self) -> None:
        """Well-signed nonsense in header and payload is refused by InvalidToken, or is claims: never another error."""
        dice = random.Random(8259)
        pieces = [*'{}[],:"\\é\0', '"alg":"HS256"', '"exp":1', '"sub":"a"', r'"\ud800"', r'"\u0000"', "1e400", "1e308"]
        pieces += ["-0", "NaN", "null", "true", "9" * 400, to_text(GOOD_HEADER), to_text(GOOD_CLAIMS)]
        for _ in range(2000):
            texts = ["".join(dice.choices(pieces, k=dice.randrange(1, 6))) for _ in range(2)]
            with self.subTest(texts):
                outcome(signed(dice.choice((GOOD_HEADER, texts[0])), texts[1]))


if __name__ == "__main__":
    unittest.main()
