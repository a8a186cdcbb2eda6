"""How can a server know who you are without looking anything up? You carry a proof, signed by it.

The access token says whose it is and until when, and the signature says that the server wrote it. Any server
with the key can believe it, on any machine, with no look-up: that is the strength of tokens. What was once
signed stays true until it expires, even after a logout: that is their price. revocation.py says what it
costs to lower it, refresh.py how a login lasts longer than a token.

Compare sessions.py: the same three verbs, and a note that is kept.

Rules of this file:
- an access token lives 15 minutes: that is how long a stolen one opens doors, and how old its claims can be;
- it travels in the Authorization header only. In a query it would be written to logs and histories, in a
  cookie it would need everything that guards a cookie;
- it says who you are. What you may do is asked of the store (roles.py): a role can change in 15 minutes;
- a login that ends is noted (revocation.py) before its family goes (refresh.py): a crash between the two
  must not leave a login that nobody can end any more.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

from authref import jwt
from authref.events import Events
from authref.refresh import Families, Family, InvalidGrant, Reused, family_of
from authref.revocation import ACCESS_LIFETIME, Revocation
from authref.users import User, Users
from authref.wire import Headers, Problem, Request, Response

MAX_PER_USER = 20  # logins at once; the oldest goes

# credentials = "Bearer" 1*SP b64token (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1)
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class Tokens:
    """Logins that the client carries."""

    challenge: Headers = (("www-authenticate", 'Bearer realm="authref"'),)
    forbidden: Headers = (("www-authenticate", 'Bearer realm="authref", error="insufficient_scope"'),)

    def __init__(
        self,
        keys: jwt.Keys,
        families: Families,
        revocation: Revocation,
        users: Users,
        events: Events,
        *,
        issuer: str,
        audience: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys, self._families, self._revocation = keys, families, revocation
        self._users, self._events, self._now = users, events, now
        self._issuer, self._audience = issuer, audience
        self.asks = revocation.asks

    def log_in(self, user: User, request: Request) -> Response:
        """200 with an access token, its lifetime in seconds, and a refresh token.

        The form of RFC 6749 §5.1, whose `access_token` is called `token` here. 401 if the account has ended,
        or changed its password, since it was asked for.
        """
        family_id, family, token = self._families.start(user, request.user_agent)
        if not self._counts(family):  # the password was changed, or the account ended, since it was asked for
            self._families.end(family_id)
            return self.refusal()
        self._drop_oldest(user.id)
        return self._answer(user, family_id, family, token, request)

    def authenticate(self, request: Request) -> User | Response:
        """The user as the request's token describes them, or the refusal of RFC 6750 §3.1."""
        claims = self._claims(request)
        return claims if isinstance(claims, Response) else _user(claims)

    def _claims(self, request: Request) -> jwt.Claims | Response:
        """What the request's token says, if it may be believed; or the refusal."""
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            return self.refusal(request)
        token = token.lstrip(" ")
        try:
            claims = jwt.verify(token, self._keys, issuer=self._issuer, audience=self._audience, now=self._now())
        except jwt.InvalidToken as invalid:
            if _B64TOKEN.fullmatch(token):
                return self._refuse(request, f"{type(invalid).__name__}: {invalid}")
            self._events.emit("authn_token_refused", reason="malformed credentials", peer=request.peer)
            return _bearer_error(400, "invalid_request", "Send one token: Authorization: Bearer <token>.")
        if self._revocation.is_revoked(str(claims.get("fam"))):
            return self._refuse(request, "revoked")
        return claims

    def refresh(self, token: str, request: Request) -> Response:
        """200 with new tokens in exchange for this refresh token, or 400 `invalid_grant` (RFC 6749 §5.2)."""
        try:
            family_id, family, successor = self._families.use(token)
        except Reused as theft:
            if ended := self._families.get(theft.family_id):
                self._events.emit("authn_token_reuse", user=ended.user_id, peer=request.peer)
                self._end(theft.family_id, ended)
            return _invalid_grant()
        except InvalidGrant as invalid:
            self._events.emit("authn_token_refused", reason=f"refresh token {invalid}", peer=request.peer)
            return _invalid_grant()
        user = self._counts(family)
        if user is None:
            reason = "refresh token of an account that ended or changed its password"
            self._events.emit("authn_token_refused", reason=reason, user=family.user_id, peer=request.peer)
            self._end(family_id, family)
            return _invalid_grant()
        return self._answer(user, family_id, family, successor, request)

    def log_out(self, request: Request) -> Response:
        """200; the login that the body's refresh token belongs to has ended, if it had not before (RFC 7009 §2.2).

        Its access token, if nothing but the token itself is asked, stays good until it expires.
        """
        fields = request.json()
        token = fields.get("refresh_token") if isinstance(fields, dict) else None
        if not isinstance(token, str):
            raise Problem(400, "invalid_request", "Send the refresh token: {\"refresh_token\": …}.")
        family = self._families.get(family_of(token))
        if family is not None:
            self._events.emit("authn_token_revoked", user=family.user_id, peer=request.peer)
            self._end(family_of(token), family)
        return Response.json({"message": "Logged out"})

    def current(self, request: Request) -> str:
        """The id of the login that the request's token came from."""
        claims = self._claims(request)
        return "" if isinstance(claims, Response) else str(claims.get("fam"))

    def logins(self, user_id: str) -> dict[str, Family]:
        """The user's living logins by token."""
        return self._families.owned_by(user_id)

    def end(self, user_id: str, family_id: str) -> bool:
        """End one login of this user; False if they have no such one."""
        family = self.logins(user_id).get(family_id)
        if family is not None:
            self._end(family_id, family)
        return family is not None

    def end_all(self, user_id: str) -> None:
        """End every login of this user."""
        for family_id, family in self.logins(user_id).items():
            self._end(family_id, family)

    def refusal(self, request: Request | None = None) -> Response:
        """401 for a request that brings no token; whether it brought a cookie, good or bad, is all that it tells."""
        detail = "Send a token: Authorization: Bearer <token>."
        if request is not None and request.header("authorization") is None and request.header("cookie") is not None:
            detail = "This route takes a token (Authorization: Bearer <token>), /me a cookie, all others take either."
        return Response.problem(401, "unauthorized", detail, self.challenge)

    def _refuse(self, request: Request, reason: str) -> Response:
        self._events.emit("authn_token_refused", reason=reason, peer=request.peer)
        return _bearer_error(401, "invalid_token", "The token is not valid; log in again.")

    def _answer(self, user: User, family_id: str, family: Family, token: str, request: Request) -> Response:
        issued = int(self._now())
        expires = min(issued + ACCESS_LIFETIME, int(family.expires_at))
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user.id,
            "email": user.email,
            "role": user.role,
            "created_at": user.created_at,
            "iat": issued,
            "exp": expires,
            "jti": secrets.token_urlsafe(16),  # asked for by RFC 9068 §2.2; what is revoked is the login, `fam`
            "fam": family_id,
        }
        self._events.emit("authn_token_created", user=user.id, peer=request.peer)
        return Response.json(
            {
                "token": jwt.create(claims, self._keys),
                "token_type": "Bearer",
                "expires_in": expires - issued,
                "refresh_token": token,
            }
        )

    def _drop_oldest(self, user_id: str) -> None:
        for family_id, family in list(self._families.owned_by(user_id).items())[:-MAX_PER_USER]:
            self._end(family_id, family)

    def _counts(self, family: Family) -> User | None:
        """The family's user, if the password it was opened with is still theirs and they may log in at all."""
        user = self._users.get(family.user_id)
        good = user is not None and not user.disabled and user.password_version == family.password_version
        return user if good else None

    def _end(self, family_id: str, family: Family) -> None:
        self._revocation.end(family_id, family)
        self._families.end(family_id)


def _bearer_error(status: int, error: str, detail: str) -> Response:
    challenge = (("www-authenticate", f'Bearer realm="authref", error="{error}"'),)
    return Response.problem(status, "unauthorized" if status == 401 else error, detail, challenge)


def _invalid_grant() -> Response:
    return Response.problem(400, "invalid_grant", "This refresh token cannot be used (any more); log in again.")


def _user(claims: jwt.Claims) -> User:
    """The user whom our own signed claims describe; only enabled users are given tokens."""
    return User(
        id=str(claims["sub"]),
        email=str(claims.get("email", "")),
        role=str(claims.get("role", "")),
        disabled=False,
        created_at=str(claims.get("created_at", "")),
    )
