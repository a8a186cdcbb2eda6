"""How can a server know who you are without remembering anything? You carry a proof, signed by it.

The token says whose it is and until when, and the signature says that the server wrote it. Any server with
the key can believe it, on any machine, with no look-up: that is the strength of tokens. What was once
signed stays true until it expires, even after a logout: that is their price.

Compare sessions.py: the same three verbs, and a note that is kept.

Rules of this file:
- a token lives 15 minutes: that is how long a stolen one opens doors, and how old its claims can be;
- it travels in the Authorization header only. In a query it would be written to logs and histories, in a
  cookie it would need everything that guards a cookie;
- it says who you are. What you may do is asked of the store (roles.py), for a role can change in 15 minutes.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

from authref import jwt
from authref.events import Events
from authref.users import User
from authref.wire import Headers, Request, Response

ACCESS_LIFETIME = 15 * 60  # seconds: how long a stolen token stays useful

# credentials = "Bearer" 1*SP token (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1)
_CREDENTIALS = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")


class Tokens:
    """Logins that the client carries."""

    challenge: Headers = (("www-authenticate", 'Bearer realm="authref"'),)

    def __init__(
        self, keys: jwt.Keys, events: Events, *, issuer: str, audience: str, now: Callable[[], float] = time.time
    ) -> None:
        self._keys, self._events, self._now = keys, events, now
        self._issuer, self._audience = issuer, audience

    def log_in(self, user: User, request: Request) -> Response:
        """200 with a new access token and its lifetime in seconds (the form of RFC 6749 §5.1)."""
        now = int(self._now())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user.id,
            "email": user.email,
            "role": user.role,
            "created_at": user.created_at,
            "iat": now,
            "exp": now + ACCESS_LIFETIME,
            "jti": secrets.token_urlsafe(16),
        }
        self._events.emit("authn_token_created", user=user.id, peer=request.peer)
        token = jwt.create(claims, self._keys)
        return Response.json({"token": token, "token_type": "Bearer", "expires_in": ACCESS_LIFETIME})

    def authenticate(self, request: Request) -> User | Response:
        """The user as the request's token describes them, or 401."""
        header = request.header("authorization")
        if header is None:
            return self.refusal()
        credentials = _CREDENTIALS.fullmatch(header)
        if credentials is None:
            return self._refuse(request, "not a bearer token")
        try:
            claims = jwt.verify(
                credentials[1], self._keys, issuer=self._issuer, audience=self._audience, now=self._now()
            )
        except jwt.InvalidToken as invalid:
            return self._refuse(request, f"{type(invalid).__name__}: {invalid}")
        return _user(claims)

    def log_out(self, request: Request) -> Response:
        """200, and nothing more: nothing was kept, so nothing can be ended. The client must forget the token."""
        return Response.json({"message": "Logged out"})

    def refusal(self) -> Response:
        """The one answer to every request without a good token; why it is bad goes to the log only."""
        return Response.problem(401, "unauthorized", "Send a token: Authorization: Bearer …", self.challenge)

    def _refuse(self, request: Request, reason: str) -> Response:
        self._events.emit("authn_token_refused", reason=reason, peer=request.peer)
        challenge = (("www-authenticate", 'Bearer realm="authref", error="invalid_token"'),)  # RFC 6750 §3.1
        return Response.problem(401, "unauthorized", "The token is not valid; log in again.", challenge)


def _user(claims: jwt.Claims) -> User:
    """The user whom our own signed claims describe; only enabled users are given tokens."""
    return User(
        id=str(claims["sub"]),
        email=str(claims.get("email")),
        role=str(claims.get("role")),
        disabled=False,
        created_at=str(claims.get("created_at")),
    )
