"""With which secret is a token checked, and is that secret worth anything? Where it comes from, and what it may be.

Rules of this file:
- a secret never comes from a flag: everybody on this machine can list those. It is typed, or in a file or a variable;
- nobody knows by looking whether a text is the secret, or base64 of it. Both are tried, and the one that fits is told;
- a secret that others could guess is worth a warning, and no refusal: here one looks, and lets nobody in.
"""

from __future__ import annotations

import getpass
import hmac
import os
import warnings
from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import authref
from authref import jwt
from authref.terminal import fail
from authref.wire import read_json

DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
SIZES = {"HS256": 32, "HS384": 48, "HS512": 64}  # bytes: a key is no shorter than the hash (RFC 7518 §3.2)
PUBLISHED = Path(authref.__file__).with_name("published-keys.txt")
COMMON = Path(authref.__file__).with_name("common-passwords.txt")  # by its file: passwords.py would ask for bcrypt
EXAMPLES = (
    "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret", "your-secret-key", "your_secret_key",
    "your-secret", "your_jwt_secret", "my-secret-key", "my_secret_key", "mysecretkey", "secret_key", "secret-key",
    "secretkey", "secretKey", "SECRET_KEY", "jwt_secret", "jwt-secret", "jwtsecret", "JWT_SECRET", "super-secret",
    "supersecret", "super-secret-key", "super_secret_key", "topsecret", "top-secret", "shhhhh", "keyboard cat",
    "change-me", "change_me", "dev", "cc7e0d44fd473002f1c42167459001140ec6389b7353f8088f4d9a95f2f596f2",
)  # fmt: skip

Readings = tuple[tuple[str, bytes], ...]  # what the secret may be, each with the words for that


def secret_of_file(path: str) -> Readings:
    """What the secret in the file may be: a text, base64, bytes, or the `k` of a JWK. Ends the program without one."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        fail(f"Cannot read the secret in {path} ({getattr(error, 'strerror', None) or error}); name another file.")
    return readings(data.rstrip(b"\r\n"), path)


def secret_of_environment() -> Readings:
    """What the secret of AUTHREF_SECRET may be; empty where there is none."""
    text = os.environ.get("AUTHREF_SECRET", "")
    return readings(os.fsencode(text), "AUTHREF_SECRET") if text else ()


def secret_of_terminal() -> Readings:
    """What the secret may be that somebody types, unseen; empty where nobody can be asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # else it would show what is typed
        try:
            text = getpass.getpass("Secret, as text or base64 (it is not shown): ")
        except (getpass.GetPassWarning, EOFError, OSError):
            return ()
    return readings(os.fsencode(text), "what you typed")


def readings(data: bytes, place: str) -> Readings:
    """What these bytes may stand for, the likeliest first. Ends the program for what is no secret at all."""
    if not data:
        fail(f"The secret is empty: {place}; with an empty one anybody can sign.")
    if data.startswith(b"-----BEGIN"):
        fail("That is a key for RS256, ES256 or the like; this command checks HS256, HS384 and HS512, by a secret.")
    if (jwk := _jwk(data)) is not None:
        return (("the k of the JWK", jwk),)
    return (("as text", data), *_decoded(data))


def _jwk(data: bytes) -> bytes | None:
    """The key of a JWK for HMAC (RFC 7518 §6.4), if this is one."""
    try:
        value = read_json(data)
        if isinstance(value, dict) and value.get("kty") == "oct":
            return jwt.decode(str(value.get("k")).encode()) or None
    except (ValueError, jwt.Malformed):
        pass
    return None


def _decoded(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        standard = data.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        if decoded := b64decode(standard + b"=" * (-len(standard) % 4), validate=True):
            yield "decoded from base64", decoded
        if decoded := bytes.fromhex(data.decode("ascii")):
            yield "decoded from hexadecimal", decoded
    except ValueError:
        pass


def fits(signed: str, signature: str, key: bytes, algorithm: str) -> bool:
    """True if this key made the signature over the first two parts, by one of DIGESTS."""
    mac = hmac.digest(key, signed.encode("ascii"), DIGESTS[algorithm])
    return hmac.compare_digest(jwt.encode(mac), signature.encode("ascii"))


def weaknesses(key: bytes, algorithm: str) -> Iterator[str]:
    """What is wrong with it as a secret, in a sentence each."""
    if known := well_known().get(key):
        yield f"the secret is well known ({known}): anybody can write tokens with it. Take 32 random bytes."
    elif len(key) < SIZES[algorithm]:
        yield (
            f"the secret has {len(key)} bytes and {algorithm} wants {SIZES[algorithm]}, random ones (RFC 7518 §3.2):"
            " whoever has one token can try out secrets, as many as their machine can."
        )
    elif len(set(key)) < 8:
        yield f"the secret has only {len(set(key))} different bytes: it can be guessed. Take 32 random bytes."


def guessed(signed: str, signature: str, algorithm: object) -> str | None:
    """Where the secret is known from that made this signature, if it is a well-known one."""
    if algorithm not in list(DIGESTS) or len(signed) > jwt.MAX_TOKEN:  # of a longer one each guess costs too much
        return None
    text, digest, wanted = signed.encode("ascii"), DIGESTS[str(algorithm)], jwt.decode(signature.encode("ascii"))
    return next((place for key, place in well_known().items() if hmac.digest(key, text, digest) == wanted), None)


@cache
def well_known() -> dict[bytes, str]:
    """The secrets with which those who guess begin, each with its place."""
    places = {word.encode("ascii"): "one of the commonest passwords" for word in COMMON.read_text("ascii").split()}
    places |= {text.encode("ascii"): "an example of tutorials" for text in EXAMPLES}
    for line in PUBLISHED.read_text("ascii").splitlines():
        key, _, place = line.partition("  ")
        places[bytes.fromhex(key)] = place
    return places | {b"secret": "an example of tutorials"}


def nobody_asked() -> str:
    """What to do where no key and no secret was given, on one line."""
    return (
        "There is no key to check or sign it with. For authref, say --key-file FILE as its server did, or set"
        " AUTHREF_KEYS in both terminals to what this prints: python -m authref keys new. For others, say --ask or"
        " --secret-file FILE, or set AUTHREF_SECRET."
    )
