"""How does the server remember that you logged in? It keeps a note, and you carry its number.

The number, the session's id, is 32 random bytes that mean nothing. What they stand for is in a map here: whose login,
until when. So it can end at any moment: its strength. Each request costs a look-up: its price. (Compare tokens.py.)

Rules of this file:
- logging in always makes a new id and ends the one that came with the request. Otherwise an attacker plants their
  own id in the victim's browser and waits for the login (fixation);
- the map's keys are SHA-256 of the ids, so that whoever reads the store cannot use what they read;
- two ends, at which the map forgets it: 30 minutes without use (idle end), 24 hours in all (absolute end);
- the user is looked up anew each time, so being disabled or deleted acts at once;
- a session counts only for the password it was opened with: one write, of a new password, ends them all.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, replace

from authref import cookies
from authref.maps import Clock, Map
from authref.users import User, Users
from authref.wire import Emit, Headers, Request, Response

ID_BYTES = 32  # from the system's generator: 256 bits cannot be guessed, however many sessions exist
IDLE_LIFETIME = 30 * 60  # seconds without a request
ABSOLUTE_LIFETIME = 24 * 60 * 60  # seconds since login, whatever happens
TOUCH_INTERVAL = IDLE_LIFETIME // 10  # seconds between two writes of `last_seen`: each request would be one
MAX_PER_USER = 20  # sessions at once, the oldest goes; and ids in one request that are looked at

_ID = re.compile(r"[A-Za-z0-9_-]{43}")  # what token_urlsafe(32) gives: nothing else is worth a look-up


@dataclass(frozen=True, slots=True)
class Session:
    """What one cookie stands for; times are Unix seconds."""

    user_id: str
    password_version: int  # of the password that the login proved
    created_at: float
    last_seen: float
    expires_at: float
    user_agent: str


class Sessions:
    """Logins that the server remembers."""

    # RFC 9110 §11.6.1 wants a challenge with each 401; no scheme is registered for cookies, so this names the thing.
    challenge: Headers = (("www-authenticate", 'Cookie realm="authref"'),)
    forbidden: Headers = ()

    def __init__(
        self, records: Map[Session], users: Users, emit: Emit, *, secure: bool = False, now: Clock = time.time
    ) -> None:
        self._records, self._users, self._emit, self._now = records, users, emit, now
        self._secure = secure
        self.cookie_name = "__Host-session" if secure else "session"
        # What makes a browser forget. Not "cookies" too: without TLS, Chromium then keeps even the one cleared here.
        clear = cookies.clear_cookie(self.cookie_name, secure=secure)
        self.clearing = (("set-cookie", clear), ("clear-site-data", '"cache", "storage"'))

    def log_in(self, user: User, request: Request) -> Response:
        """200 with the user, and a cookie with a new session's id; the session of the old cookie ends."""
        self._end(request)
        session_id, now = secrets.token_urlsafe(ID_BYTES), self._now()
        session = Session(user.id, user.password_version, now, now, now + IDLE_LIFETIME, request.user_agent)
        self._records[_key(session_id)] = session
        if not self._users.who_proved(user.id, user.password_version):  # disabled, or another password by now
            self._records.pop(_key(session_id))
            return self.refusal()
        for oldest in list(self.logins(user.id))[:-MAX_PER_USER]:
            self._records.pop(oldest)
        self._emit("session_created", user=user.id, peer=request.peer)
        cookie = cookies.set_cookie(
            self.cookie_name, session_id, max_age=ABSOLUTE_LIFETIME, now=now, secure=self._secure
        )
        return Response.json({"user": user.public()}, headers=(("set-cookie", cookie),))

    def authenticate(self, request: Request) -> User | Response:
        """The user whose live session the request's cookie names, or 401."""
        key = self.current(request)
        if not key:
            return self.refusal(request)
        session = self._records.get(key)
        if session is None:
            return self._refuse(request, "no_such_session")
        user = self._users.who_proved(session.user_id, session.password_version)
        if user is None:
            return self._refuse(request, "account_or_password_changed")
        if self._now() - session.last_seen >= TOUCH_INTERVAL:
            self._touch(key, session)
        return user

    def log_out(self, request: Request) -> Response:
        """200, the session ended *and* the cookie cleared: a cleared cookie alone leaves a stolen copy working."""
        session = self._end(request)
        if session is not None:
            self._emit("session_expired", reason="logout", user=session.user_id, peer=request.peer)
        return Response.json({"message": "Logged out"}, headers=self.clearing)

    def current(self, request: Request) -> str:
        """The public id of the session that the cookie names: the map's key, from which no cookie can be made."""
        lines = [value for name, value in request.headers if name == "cookie"]
        # A browser sends one line (RFC 6265 §5.4) with our name once; whoever added another may have planted ours.
        ids = cookies.values(lines[0], self.cookie_name) if len(lines) == 1 else []
        return _key(ids[0]) if len(ids) == 1 and _ID.fullmatch(ids[0]) else ""

    def logins(self, user_id: str) -> dict[str, Session]:
        """The user's living sessions by their public ids."""
        return self._records.owned_by(user_id)

    def end(self, user_id: str, public_id: str) -> bool:
        """End one session of this user; False if they have no such one."""
        return public_id in self.logins(user_id) and self._records.pop(public_id) is not None

    def end_all(self, user_id: str, but: str = "") -> None:
        """End every session of this user, except the one of this public id."""
        for public_id in self.logins(user_id).keys() - {but}:
            self._records.pop(public_id)

    def refusal(self, request: Request | None = None) -> Response:
        """401 for a request without a live session; it tells only whether a token came instead."""
        detail = "Log in first: POST /login."
        if request is not None and request.header("authorization") is not None:
            detail = "This route takes the cookie of a session, /token/me takes a token, all others take either."
        return Response.problem(401, "unauthorized", detail, self.challenge)

    def _refuse(self, request: Request, reason: str) -> Response:
        self._emit("session_use_after_expire", reason=reason, peer=request.peer)
        return self.refusal(request)

    def _end(self, request: Request) -> Session | None:
        """End each session that the request names, a planted one too; the last of them, or None."""
        ended = None
        line = (request.header("cookie") or "").replace(",", ";")  # a comma joins two lines
        ids = [each for each in cookies.values(line, self.cookie_name) if _ID.fullmatch(each)]
        for session_id in ids[:MAX_PER_USER]:
            ended = self._records.pop(_key(session_id)) or ended
        return ended

    def _touch(self, key: str, session: Session) -> None:
        """Move the idle end. `touch`, not `[]=`: a logout in between must not be undone by writing it back."""
        now = self._now()
        end = min(now + IDLE_LIFETIME, session.created_at + ABSOLUTE_LIFETIME)
        self._records.touch(key, session, replace(session, last_seen=now, expires_at=end))


def _key(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("ascii")).hexdigest()
