"""Python's JWT libraries: the name of one. See libraries.py for what is read and printed."""

from __future__ import annotations

import json
import os
import sys
from base64 import urlsafe_b64decode
from importlib.metadata import version
from typing import Any

TOKEN, SECRET, KID = os.environ["TOKEN"], os.environ["SECRET"], os.environ["KID"]
KEY = urlsafe_b64decode(SECRET + "=")
CLAIMS: dict[str, Any] = json.loads(os.environ["CLAIMS"])
PLAIN = {"sub": CLAIMS["sub"]}
HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": KID}
JWK = {"kty": "oct", "k": SECRET}


def pyjwt() -> None:
    """PyJWT."""
    import jwt

    print("PyJWT", version("pyjwt"))
    _say(lambda: jwt.decode(TOKEN, KEY, algorithms=["HS256"], audience="authref", issuer="authref"))
    print(jwt.encode(PLAIN, KEY, "HS256"))
    print(jwt.encode(CLAIMS, KEY, "HS256", headers={"typ": "at+jwt", "kid": KID}))


def joserfc() -> None:
    """joserfc."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    key = OctKey.import_key(JWK)
    print("joserfc", version("joserfc"))
    _say(lambda: jwt.decode(TOKEN, key, algorithms=["HS256"]))
    print(jwt.encode({"alg": "HS256"}, PLAIN, key))
    print(jwt.encode(HEADER, CLAIMS, key))


def jwcrypto() -> None:
    """jwcrypto."""
    from jwcrypto.jwk import JWK as Key
    from jwcrypto.jwt import JWT

    key = Key(**JWK)

    def made(header: dict[str, str], claims: dict[str, Any]) -> str:
        token = JWT(header=header, claims=claims)
        token.make_signed_token(key)
        return str(token.serialize())

    print("jwcrypto", version("jwcrypto"))
    _say(lambda: JWT(jwt=TOKEN, key=key, expected_type="JWS"))
    print(made({"alg": "HS256"}, PLAIN))
    print(made(HEADER, CLAIMS))


def python_jose() -> None:
    """python-jose."""
    from jose import jwt

    print("python-jose", version("python-jose"))
    _say(lambda: jwt.decode(TOKEN, KEY, algorithms=["HS256"], audience="authref", issuer="authref"))
    print(jwt.encode(PLAIN, KEY, "HS256"))
    print(jwt.encode(CLAIMS, KEY, "HS256", headers={"typ": "at+jwt", "kid": KID}))


def authlib() -> None:
    """Authlib."""
    from authlib.jose import jwt

    print("Authlib", version("authlib"))
    _say(lambda: jwt.decode(TOKEN, KEY).validate())
    print(jwt.encode({"alg": "HS256"}, PLAIN, KEY).decode())
    print(jwt.encode(HEADER, CLAIMS, KEY).decode())


def jwskate() -> None:
    """jwskate."""
    from jwskate import Jwt, SymmetricJwk

    key = SymmetricJwk.from_bytes(KEY, alg="HS256", kid=KID)
    print("jwskate", version("jwskate"))
    _say(lambda: Jwt(TOKEN).validate(key, alg="HS256", issuer="authref", audience="authref"))
    print(Jwt.sign(PLAIN, key))
    print(Jwt.sign(CLAIMS, key, typ="at+jwt"))


def oxyjwt() -> None:
    """OxyJWT, written in Rust."""
    import oxyjwt

    print("OxyJWT", version("oxyjwt"))
    _say(lambda: oxyjwt.decode(TOKEN, KEY, algorithms=["HS256"], audience="authref", issuer="authref"))
    print(oxyjwt.encode(PLAIN, KEY))
    print(oxyjwt.encode(CLAIMS, KEY, headers={"typ": "at+jwt", "kid": KID}))


def superjwt() -> None:
    """SuperJWT."""
    from superjwt import OctKey, decode, encode

    key = OctKey.import_key(KEY)
    print("SuperJWT", version("superjwt"))
    _say(lambda: decode(TOKEN, key, "HS256"))
    print(encode(PLAIN, key, "HS256").decode())
    print(encode(CLAIMS, key, "HS256", headers=HEADER).decode())


def _say(check: Any) -> None:
    try:
        check()
        print("accepted")
    except Exception as refused:
        print("refused:", type(refused).__name__, str(refused)[:60])


if __name__ == "__main__":
    globals()[sys.argv[1]]()
