"""Which key signed this? One of a key ring, so that a key can be changed without logging anybody out.

Whoever has the key can write any token, for any user. So a key is 32 random bytes, never a word, and it is
changed at once when it leaks. A key ring holds several, each with a name (`kid`). The first one signs, all of
them verify. To change it, put a new one in front; take the old one away when its last token has expired.

    AUTHREF_KEYS = kid ":" base64url *( "," kid ":" base64url )
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from pkgutil import get_data
from secrets import token_bytes, token_hex
from tempfile import NamedTemporaryFile

from authref.jwt import MIN_KEY, InvalidToken, Keys, decode, encode

_KID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEXADECIMAL = re.compile(r"([0-9A-Fa-f]{2}){16,}")

# Keys of tutorials and standards, in hexadecimal, each with its place: where those who guess begin.
_LINES = (get_data("authref", "published-keys.txt") or b"").decode("ascii").splitlines()
_PUBLISHED = frozenset(bytes.fromhex(line.split()[0]) for line in _LINES)


def fresh_keys() -> dict[str, bytes]:
    """A ring of one new key, whose kid is as new as the key: no token of another key may name it."""
    return {"k" + token_hex(4): token_bytes(32)}


def write_keys(keys: Keys) -> str:
    """The ring as `read_keys` reads it."""
    return ",".join(f"{kid}:{encode(key).decode('ascii')}" for kid, key in keys.items())


def read_keys(text: str) -> dict[str, bytes]:
    """The ring written as `kid:base64url,kid:base64url`; its first key signs. Raises ValueError, in a sentence."""
    ring: dict[str, bytes] = {}
    for number, entry in enumerate(text.split(","), 1):
        kid, _, secret = entry.strip().partition(":")
        if _HEXADECIMAL.fullmatch(secret):  # it would pass for base64url of other bytes
            raise ValueError(f"Key {number} of the ring is written in hexadecimal; write the same bytes in base64url.")
        key = b""
        with suppress(InvalidToken, UnicodeEncodeError):
            key = decode(secret.rstrip("=").encode("ascii"))
        if not kid or not key:
            raise ValueError("A key ring is written as kid:secret,kid:secret, the secrets in base64url.")
        if kid in ring:
            raise ValueError(f"Key {number} of the ring has the kid of another one; give each its own.")
        ring[kid] = key
    check_keys(ring)
    return ring


def check_keys(keys: Keys) -> None:
    """Raise ValueError, in a sentence, for a ring that must not sign: a guessed key gives every account away."""
    if not keys:
        raise ValueError("The key ring is empty; it needs at least one key.")
    # The sentences give a key's place: what stands where the kid should may be the secret.
    for number, (kid, key) in enumerate(keys.items(), 1):
        if not _KID.fullmatch(kid):
            raise ValueError(f"The kid of key {number} is not 1 to 64 letters, digits, dots, dashes or underscores.")
        if len(key) < MIN_KEY:
            raise ValueError(f"Key {number} of the ring has {len(key)} bytes; HS256 needs {MIN_KEY} random ones.")
        if key in _PUBLISHED or len(set(key)) < 16:  # of 32 random bytes about 30 differ
            raise ValueError(f"Key {number} of the ring is a published or patterned secret; use 32 random bytes.")


def read_key_file(path: str) -> dict[str, bytes]:
    """The ring in the file, which is made, with a fresh key, if it is not there. Raises ValueError, OSError."""
    if not hasattr(os, "geteuid"):
        raise ValueError("A key file needs a system whose files have owners, such as Linux; set AUTHREF_KEYS.")
    if not os.path.lexists(path):
        with NamedTemporaryFile("w", dir=Path(path).parent) as draft:  # which nobody else can read
            draft.write(write_keys(fresh_keys()) + "\n")
            draft.flush()
            os.fsync(draft.fileno())
            # A link appears whole or not at all, and never over a ring that another process has just put there.
            with suppress(FileExistsError):
                os.link(draft.name, path)
    with open(path, encoding="ascii", errors="replace") as file:
        status = os.fstat(file.fileno())
        if status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid()):
            raise ValueError(f"Others may have read the key file {path}; remove it, and a new one is made.")
        try:
            return read_keys(file.read())
        except ValueError as error:
            raise ValueError(f"The key file {path} is not usable; remove it, and a new one is made. {error}") from None
