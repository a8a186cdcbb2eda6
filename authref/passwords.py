"""How do you recognise a password that you must not be able to reveal?

Databases leak. Whoever holds a stolen one guesses, billions of times a second if the hash is a fast one. A bcrypt
hash is slow on purpose and salted: each guess costs the thief what it costs us, and has to be repeated for each
user. Its cost c, which stands in it, means 2**c rounds.

Rules of this file:
- a password is taken exactly as sent: any characters, 8 to 1,024 of them, nothing trimmed or cut;
- bcrypt reads only 72 bytes, so what it gets is 44 bytes that depend on every character (a pre-hash);
- what is not a bcrypt hash of a bearable cost never reaches bcrypt: a planted cost of 31 takes days;
- hashing is the one costly thing a stranger can ask for, so one runs per core, a few wait, the rest hear so.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt

COST = 12  # 2**12 rounds, about a quarter of a second: slow for a thief, bearable at login
MIN_COST, MAX_COST = 4, 14  # 4 is for tests; 14 is a second, and every login pays it
MIN_LENGTH, MAX_LENGTH = 8, 1024  # characters
MAX_WAITING = 64  # hashes that may wait for a core: at a quarter of a second each, 16 s on one core, 8 on two

# Credit for the list: see common-passwords.LICENSE beside it.
COMMON = frozenset(Path(__file__).with_name("common-passwords.txt").read_text("ascii").split())

_LABEL = b"authref password v1"
_STORED = re.compile(r"\$2b\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}")


class TooBusy(Exception):
    """More hashes are waiting for a core than anybody should wait for; try again in a second."""


class Turns:
    """Lets `running` callers in at a time and at most `waiting` more stand in line; raises TooBusy for the rest."""

    def __init__(self, running: int, waiting: int) -> None:
        self._cores = threading.Semaphore(running)
        self._places = threading.Semaphore(running + waiting)

    @contextmanager
    def take(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise TooBusy
        try:
            with self._cores:
                yield
        finally:
            self._places.release()


def cores() -> int:
    """How many cores may be kept busy: of the machine's, those this process is bound to and its cgroup grants it."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *_quotas()]))


def _quotas(root: Path = Path("/")) -> Iterator[int]:
    """The cores that each cgroup above this process is granted, where there is a limit (a container's, mostly)."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        folder = root / "sys/fs/cgroup" / ("cpu" if "cpu" in kinds.split(",") else "") / path.lstrip("/")
        for group in (folder, *folder.parents):
            limit = _read(group / "cpu.max") or _read(group / "cpu.cfs_quota_us") + _read(group / "cpu.cfs_period_us")
            if re.fullmatch(r"[1-9][0-9]*\s[1-9][0-9]*\s", limit):  # version 2 and 1; "max" or -1 is no limit
                quota, period = map(int, limit.split())
                yield quota // period


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""


turns = Turns(running=cores(), waiting=MAX_WAITING)  # one for the process: it is the cores that are scarce


def share_cores(processes: int) -> None:
    """Let this process hash on its share of the cores only."""
    global turns
    turns = Turns(max(1, cores() // processes), MAX_WAITING)


def hash_password(password: str, cost: int = COST) -> str:
    """What to store for the password, a new salt each time: `$2b$12$` and 53 characters. Raises TooBusy."""
    with turns.take():
        return bcrypt.hashpw(_pre_hash(password), bcrypt.gensalt(cost)).decode("ascii")


def verify_password(password: str, stored: str, work: int = 0) -> bool:
    """True if `stored` was made from this password. Raises TooBusy.

    False, at once, for anything that is not a `$2b$` hash of cost 04 to 14. It takes at least the work of cost
    `work`, so that time does not tell whose hash is an old one.
    """
    if not cost_of(stored):
        return False
    with turns.take():
        secret = _pre_hash(password)
        right = bcrypt.checkpw(secret, stored.encode())
        for cost in range(cost_of(stored), work):  # 2**c + 2**c + 2**(c+1) + … + 2**(work-1) = 2**work
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

    bcrypt would drop what follows byte 72 (release 5 raises instead), and older ones stopped at NUL; base64
    has neither. Why a keyed hash: SHA-256 values that leaked elsewhere could be tried here as ready-made
    passwords, uncracked as they are ("password shucking").
    """
    return b64encode(hmac.digest(_LABEL, password.encode("utf-8"), hashlib.sha256))
