"""How do you recognise a password that you must not be able to reveal?

Databases leak, and a thief guesses: billions of times a second if the hash is a fast one. bcrypt is slow on purpose
(cost c: 2**c rounds). Its salt, random bytes, makes equal passwords look different: each guess is for one user only.

Rules of this file:
- a password is taken exactly as sent: any characters, 8 to 1,024 of them, nothing trimmed or cut;
- bcrypt reads only 72 bytes, so it gets a hash of the whole password (a pre-hash);
- only a hash of cost 4 to 14 reaches bcrypt: one of cost 31, planted in the store, takes days;
- hashing is the one costly thing a stranger can ask for, so it waits for its turn first (throttle.py).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from pathlib import Path

import bcrypt

COST = 12  # 2**12 rounds, about a quarter of a second: slow for a thief, bearable at login
MIN_COST, MAX_COST = 4, 14  # 4 is for tests; 14 is a second, and every login pays it
MIN_LENGTH, MAX_LENGTH = 8, 1024  # characters

# Credit for the list: see common-passwords.LICENSE beside it.
COMMON = frozenset(Path(__file__).with_name("common-passwords.txt").read_text("ascii").split())

_LABEL = b"authref password v1"
# bcrypt raises for a salt that has spare bits set, at its 22nd character.
_STORED = re.compile(r"\$2b\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


def hash_password(password: str, cost: int = COST) -> str:
    """What to store for the password, a new salt each time: `$2b$12$` and 53 characters."""
    return bcrypt.hashpw(_pre_hash(password), bcrypt.gensalt(cost)).decode()


def verify_password(password: str, stored: str, work: int = 0) -> bool:
    """True if `stored` was made from this password.

    False, at once, for what is no `$2b$` hash of cost 4 to 14. Otherwise it does at least the work of cost `work`:
    an old hash of a lower cost would be quicker, and the time would tell whose it is.
    """
    if not cost_of(stored):
        return False
    secret = _pre_hash(password)
    right = bcrypt.checkpw(secret, stored.encode())
    for cost in range(cost_of(stored), work):  # 2**c rounds are done; 2**c + 2**(c+1) + … makes them 2**work
        bcrypt.checkpw(secret, hash_of_nobody(cost).encode())
    return right


def hash_of_nobody(cost: int) -> str:
    """A hash of this cost that no password gives: what to compare with where there is no account."""
    return f"$2b${cost:02}${'.' * 53}"


def cost_of(stored: str) -> int:
    """The cost of a hash; 0 for what is none. One below today's cost is renewed at login, when we have the password."""
    return int(stored[4:6]) if _STORED.fullmatch(stored) else 0


def objection(password: str, email: str) -> str | None:
    """Why this password may not be chosen, in a sentence, or None.

    Only guessability counts: no "one digit, one capital", which makes passwords worse (NIST SP 800-63B).
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters."
    if password.lower() in COMMON:
        return "This is one of the most common passwords, which attackers try first."
    if password.lower() == email.lower():
        return "The password must differ from the e-mail address."
    return None


def _pre_hash(password: str) -> bytes:
    """44 bytes that every byte of the password changes.

    bcrypt drops what follows byte 72 (release 5 raises), and older ones stopped at NUL. The hash has a key, or
    SHA-256 values that leaked elsewhere could be tried here, uncracked as they are ("password shucking").
    """
    return b64encode(hmac.digest(_LABEL, password.encode("utf-8"), hashlib.sha256))
