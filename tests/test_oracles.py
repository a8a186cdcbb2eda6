"""Two libraries that many people rely on, PyJWT and joserfc, agree with us: what one side makes, the other reads.

Tests written by the author of the code share the author's misunderstandings; other people's code does not.
Optional: skipped where the two are not installed.
"""

from __future__ import annotations

import time
import unittest
import warnings
from collections.abc import Callable
from typing import Any

from authref import jwt
from tests.basics import START
from tests.test_jwt import ACCEPTED

try:
    import joserfc.errors
    import joserfc.jws
    import joserfc.jwt
    import jwt as pyjwt
    from joserfc.jwk import OctKey
except ImportError:
    INSTALLED = False
else:
    INSTALLED = True

KEY, OTHER = bytes(range(64)), bytes(range(64, 128))  # 64 bytes: enough for HS512, of which these libraries warn
RING = {"k1": KEY}
HEADER = {"kid": "k1", "typ": "at+jwt"}
NOW = int(time.time())  # the libraries look at the real clock
CLAIMS: dict[str, Any] = {
    "iss": "authref",
    "aud": "authref",
    "sub": "user-4711",
    "iat": NOW,
    "exp": NOW + 9000,
    "jti": "token-4711",
}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("plain", CLAIMS),
    ("with nbf", CLAIMS | {"nbf": NOW}),
    ("times with fractions", CLAIMS | {"iat": NOW - 0.5, "exp": NOW + 9000.5}),
    ("letters beyond ASCII", CLAIMS | {"sub": "Jürgen \U0001f511", "né": "\u2028"}),
    ("aud a list, as Go's libraries write it", CLAIMS | {"aud": ["authref"]}),
    ("claims of all kinds", CLAIMS | {"x": [1, 2.5, None, True, {"a": [{}]}], "y": ""}),
]
PAYLOADS = (b"", b"payload", bytes(range(256)), "é".encode())


def pyjwt_write(claims: dict[str, Any], header: dict[str, Any], alg: str = "HS256", key: bytes = KEY) -> str:
    return pyjwt.encode(claims, key if alg != "none" else None, algorithm=alg, headers=header)


def pyjwt_read(token: str, key: bytes = KEY) -> dict[str, Any]:
    return pyjwt.decode(token, key, algorithms=["HS256"], issuer="authref", audience="authref")


def joserfc_write(claims: dict[str, Any], header: dict[str, Any], alg: str = "HS256", key: bytes = KEY) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that none is deprecated
        return joserfc.jwt.encode({"alg": alg, **header}, claims, OctKey.import_key(key), algorithms=[alg])


def joserfc_read(token: str, key: bytes = KEY) -> dict[str, Any]:
    read = joserfc.jwt.decode(token, OctKey.import_key(key), algorithms=["HS256"])
    wanted = {"value": "authref", "essential": True}
    joserfc.jwt.JWTClaimsRegistry(iss=wanted, aud=wanted, exp={"essential": True}).validate(read.claims)
    return dict(read.claims)


LIBRARIES: list[tuple[str, Callable[..., str], Callable[..., dict[str, Any]]]] = [
    ("PyJWT", pyjwt_write, pyjwt_read),
    ("joserfc", joserfc_write, joserfc_read),
]


@unittest.skipUnless(INSTALLED, "needs PyJWT and joserfc")
class Agreement(unittest.TestCase):
    def check(self, token: str) -> jwt.Claims:
        return jwt.verify(token, RING, issuer="authref", audience="authref")

    def test_made_here(self) -> None:
        """A token made here is read there, with the same claims; with another key it is refused there."""
        for library, _, read in LIBRARIES:
            for name, claims in VARIANTS:
                with self.subTest(library, claims=name):
                    token = jwt.create(claims, RING)
                    self.assertEqual(read(token), claims)
                    with self.assertRaises((pyjwt.InvalidTokenError, joserfc.errors.JoseError)):
                        read(token, OTHER)

    def test_made_there(self) -> None:
        """A token made there, with our header and claims, is believed here; with another key it is not."""
        for library, write, _ in LIBRARIES:
            for name, claims in VARIANTS:
                with self.subTest(library, claims=name):
                    self.assertEqual(self.check(write(claims, HEADER)), claims)
                    self.assertRaises(jwt.BadSignature, self.check, write(claims, HEADER, key=OTHER))

    def test_signed_here(self) -> None:
        """Bytes signed here are unsigned there: the two JWS layers agree too."""
        for payload in PAYLOADS:
            with self.subTest(payload[:10]):
                token = jwt.sign(payload, KEY)
                self.assertEqual(pyjwt.PyJWS().decode(token, KEY, algorithms=["HS256"]), payload)
                read = joserfc.jws.deserialize_compact(token, OctKey.import_key(KEY), algorithms=["HS256"])
                self.assertEqual(read.payload, payload)

    def test_signed_there(self) -> None:
        """Bytes signed there are unsigned here."""
        for payload in PAYLOADS:
            with self.subTest(payload[:10]):
                theirs = pyjwt.PyJWS().encode(payload, KEY, algorithm="HS256")
                self.assertEqual(jwt.unsign(theirs, KEY), payload)
                theirs = joserfc.jws.serialize_compact({"alg": "HS256"}, payload, OctKey.import_key(KEY))
                self.assertEqual(jwt.unsign(theirs, KEY), payload)

    def test_hostile_tokens_made_there(self) -> None:
        """What these libraries make on request, and what other verifiers take, is refused here."""
        without = {name: {n: v for n, v in CLAIMS.items() if n != name} for name in CLAIMS}
        table: list[tuple[str, dict[str, Any], dict[str, Any], str, bytes, type[jwt.InvalidToken]]] = [
            ("HS384", CLAIMS, HEADER, "HS384", KEY, jwt.WrongAlgorithm),
            ("HS512", CLAIMS, HEADER, "HS512", KEY, jwt.WrongAlgorithm),
            ("none", CLAIMS, HEADER, "none", KEY, jwt.WrongAlgorithm),
            ("another key", CLAIMS, HEADER, "HS256", OTHER, jwt.BadSignature),
            ("typ JWT, which is their default", CLAIMS, {"kid": "k1"}, "HS256", KEY, jwt.WrongType),
            ("no kid", CLAIMS, {"typ": "at+jwt"}, "HS256", KEY, jwt.UnknownKey),
            ("unknown kid", CLAIMS, HEADER | {"kid": "k2"}, "HS256", KEY, jwt.UnknownKey),
            ("aud a list without us", CLAIMS | {"aud": ["billing"]}, HEADER, "HS256", KEY, jwt.WrongAudience),
            ("another aud", CLAIMS | {"aud": "billing"}, HEADER, "HS256", KEY, jwt.WrongAudience),
            ("another iss", CLAIMS | {"iss": "staging"}, HEADER, "HS256", KEY, jwt.WrongIssuer),
            ("expired", CLAIMS | {"exp": NOW - 1}, HEADER, "HS256", KEY, jwt.Expired),
            ("not yet valid", CLAIMS | {"nbf": NOW + 6000}, HEADER, "HS256", KEY, jwt.NotYetValid),
            *[(f"no {name}", without[name], HEADER, "HS256", KEY, jwt.MissingClaim) for name in CLAIMS],
        ]
        for library, write, _ in LIBRARIES:
            for name, claims, header, alg, key, refusal in table:
                with self.subTest(library, token=name):
                    self.assertRaises(refusal, self.check, write(claims, header, alg, key))

    def test_accepted_here(self) -> None:
        """Whatever odd token is accepted here has the right signature and the same claims there too."""
        loose = joserfc.jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False)
        keys = {"k1": bytes(range(32)), "k0": bytes(range(100, 132))}  # those of the table
        options = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), False)
        for name, token in ACCEPTED:
            with self.subTest(name):
                ours = jwt.verify(token, keys, now=START)
                key = keys[pyjwt.get_unverified_header(token)["kid"]]
                self.assertEqual(pyjwt.decode(token, key, algorithms=["HS256"], options=options), ours)
                self.assertEqual(joserfc.jwt.decode(token, OctKey.import_key(key), registry=loose).claims, ours)


if __name__ == "__main__":
    unittest.main()
