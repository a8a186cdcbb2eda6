"""Has this browser logged in here before? It carries a note of that, and so is no stranger (OWASP: device cookies).

Whoever guesses at an account makes strangers wait, and from outside its owner looks like one of them: keeping
somebody out would be as easy as failing in their name. So a login leaves a second cookie, which outlives the logout:

    device = note *( "." note )          note = 32 hex digits, random, and 32 of a MAC

Rules of this file:
- a note opens nothing. Whoever steals it may guess on a count apart, and no more;
- it says nothing: only the server, asked about one account, can tell whether a note is of that account. A failed
  login changes none, so neither cookie nor answer tells who has an account here;
- the MAC's key is the account's own. It goes when all logins are ended, when the password is changed, and with the
  account; then every browser is a stranger again. Keys that sign tokens come and go without that;
- a browser keeps the notes of eight accounts, the newest first.

Left out: a list of them, and programs without cookies (throttle.py).
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from dataclasses import dataclass, field

from authref import cookies
from authref.maps import Clock, Map
from authref.users import User
from authref.wire import Headers, Request

MAX_NOTES = 8  # accounts that one browser is known to
LIFETIME = 365 * 24 * 60 * 60  # seconds since the last login

_NOTE = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """What makes the notes of one account."""

    user_id: str
    key: str = field(repr=False)

    def note(self, number: str, version: int) -> str:
        """The note for this number; with the password's version in it the write of a new password makes it void."""
        mac = hmac.digest(bytes.fromhex(self.key), f"{version} {number}".encode(), "sha256")
        return number + mac.hex()[:32]


class Devices:
    """Tells the browsers that an account was used from."""

    def __init__(self, keys: Map[DeviceKey], *, secure: bool = False, now: Clock = time.time) -> None:
        self._keys, self._secure, self._now = keys, secure, now
        self.cookie_name = "__Host-device" if secure else "device"

    def recognise(self, user: User | None, request: Request) -> str:
        """The number of this browser if the account was used from it, else ""."""
        notes = self._notes(request)
        record = self._keys.get(user.id if user else "") if notes else None  # asked for nobody as well
        return next((note[:32] for note in notes if user and record and _is_of(user, record, note)), "")

    def remember(self, user: User, request: Request) -> Headers:
        """The Set-Cookie line after which this browser is known to the account."""
        record = self._keys.setdefault(user.id, DeviceKey(user.id, secrets.token_hex(32)))
        others = [note for note in self._notes(request) if not _is_of(user, record, note)]
        own = record.note(secrets.token_hex(16), user.password_version)
        value = ".".join([own, *others][:MAX_NOTES])
        line = cookies.set_cookie(self.cookie_name, value, max_age=LIFETIME, now=self._now(), secure=self._secure)
        return (("set-cookie", line),)

    def forget(self, user_id: str) -> None:
        """Make every browser a stranger to the account."""
        self._keys.pop(user_id)

    def _notes(self, request: Request) -> list[str]:
        value = cookies.parse(request.header("cookie") or "").get(self.cookie_name, "")
        return _NOTE.findall(value)[:MAX_NOTES]


def _is_of(user: User, record: DeviceKey, note: str) -> bool:
    return hmac.compare_digest(note, record.note(note[:32], user.password_version))
