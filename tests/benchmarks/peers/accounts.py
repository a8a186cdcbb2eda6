"""What do all Python peers share? The account, the sessions and the token, so that only the framework differs.

There is one user. The password is compared, not hashed: hashing is no server's own work, and authref's cheapest
hash is not measured either, for logins happen outside the measured runs. Sessions are a dict from id to user,
without an end; tokens are PyJWT's, with every check on that authref makes of its own: signature, algorithm, exp,
iat, issuer, audience, and that sub and jti are there.
"""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Any

import jwt

ISSUER = AUDIENCE = "benchmark"
LIFETIME = 15 * 60  # seconds that a token lives
KEY = secrets.token_bytes(32)
PASSWORD = "correct horse battery"

User = dict[str, Any]
USERS: dict[str, User] = {
    "3kZ0cVJY2vBq8nRtWmXxLQ": {
        "id": "3kZ0cVJY2vBq8nRtWmXxLQ",
        "email": "alice@example.com",
        "role": "user",
        "disabled": False,
        "created_at": "2027-01-15T08:00:00Z",
    }
}
SESSIONS: dict[str, str] = {}  # session id -> user id


def user_of_password(email: str, password: str) -> User | None:
    """The user, if this is their password."""
    right = hmac.compare_digest(password.encode(), PASSWORD.encode())
    return next((user for user in USERS.values() if user["email"] == email and right), None)


def start_session(user: User) -> str:
    """A new session's id."""
    session_id = secrets.token_urlsafe(32)
    SESSIONS[session_id] = user["id"]
    return session_id


def user_of_session(session_id: str | None) -> User | None:
    """The user whose session this is."""
    user = USERS.get(SESSIONS.get(session_id or "", ""))
    return None if user is None or user["disabled"] else user


def create_token(user: User) -> str:
    """A token that says who this is."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user["id"],
        "email": user["email"],
        "role": user["role"],
        "created_at": user["created_at"],
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.token_urlsafe(16),
    }
    return jwt.encode(claims, KEY, algorithm="HS256")


def user_of_token(token: str) -> User | None:
    """The user as the token describes them; nothing is looked up."""
    try:
        claims = jwt.decode(
            token,
            KEY,
            algorithms=["HS256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["exp", "iat", "sub", "jti"]},
        )
    except jwt.InvalidTokenError:
        return None
    return {
        "id": claims["sub"],
        "email": claims["email"],
        "role": claims["role"],
        "disabled": False,
        "created_at": claims["created_at"],
    }


def user_of_bearer(authorization: str | None) -> User | None:
    """The user of an Authorization header."""
    scheme, _, token = (authorization or "").partition(" ")
    return user_of_token(token) if scheme.lower() == "bearer" else None
