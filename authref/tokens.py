"""How can a server know who you are without looking anything up? You carry a proof, signed by it.

The access token says whose it is and until when. Any server with the key can believe it: the strength of tokens.
What was once signed stays true until it expires, even after a logout: their price. (Compare sessions.py.)

Rules of this file:
- an access token lives 15 minutes. That is how long a stolen one opens doors, and how old its claims can be;
- it travels in the Authorization header only: a URL is written to logs, and a cookie needs guards;
- it says who you are: by default `GET /token/me` looks nothing up. What you may do is looked up (roles.py);
- all tokens of one login are a family (refresh.py). The claim `fam` names it; whoever reads it can end nothing.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from authref import jwt
from authref.maps import Clock, Map
from authref.refresh import ACCESS_LIFETIME, Family, InvalidGrant, Reused, family_of, new_family, use
from authref.revocation import Revocation
from authref.users import User, Users
from authref.wire import Emit, Headers, Request, Response

MAX_PER_USER = 20  # logins at once; the oldest goes

# credentials = "Bearer" 1*SP b64token (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1)
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


@dataclass(repr=False)  # which would show the keys
class Tokens:
    """Logins that the client carries."""

    keys: jwt.Keys
    families: Map[Family]
    revocation: Revocation
    users: Users
    emit: Emit
    issuer: str
    audience: str
    now: Clock
    challenge: Headers = (("www-authenticate", 'Bearer realm="authref"'),)
    forbidden: Headers = (("www-authenticate", 'Bearer realm="authref", error="insufficient_scope"'),)

    def log_in(self, user: User, request: Request) -> Response:
        """200 with both tokens and their lifetimes in seconds (RFC 6749 §5.1; its `access_token` is `token` here)."""
        family, token = new_family(user, request.user_agent, self.now())
        self.families[family_of(token)] = family
        if not self.users.who_proved(user.id, user.password_version):  # disabled, or another password by now
            self.families.pop(family_of(token))
            return self.refusal()
        for family_id, oldest in list(self.logins(user.id).items())[:-MAX_PER_USER]:
            self.revocation.end(family_id, oldest)
        return self._answer(user, family_of(token), family, token, request)

    def authenticate(self, request: Request) -> User | Response:
        """The user as the request's token describes them, or the refusal of RFC 6750 §3.1."""
        claims = self._claims(request)
        if isinstance(claims, Response):
            return claims
        email, role, created_at = [str(claims.get(name, "")) for name in ("email", "role", "created_at")]
        return User(str(claims["sub"]), email, role, False, created_at)

    def refresh(self, token: str, request: Request) -> Response:
        """200 with new tokens, at the very end without a refresh token; or 400 `invalid_grant` (RFC 6749 §5.2)."""
        family_id = family_of(token)
        family = self.families.get(family_id)
        try:
            # Asked before the token is used: after an outage in between, the next try would look like theft.
            # (A family that is there may be revoked: its end broke off.)
            user = family and self.users.who_proved(family.user_id, family.password_version)
            if not family or not user or self.revocation.is_revoked(family_id):
                raise InvalidGrant("unknown, ended, or of an account that changed")
            changed, newest = use(self.families, token, family, self.now)
        except InvalidGrant as refused:
            event = "authn_token_reuse" if isinstance(refused, Reused) else "authn_token_refused"
            user_id = family.user_id if family else None
            self.emit(event, reason=f"refresh token {refused}", user=user_id, peer=request.peer)
            if family:
                self.revocation.end(family_id, family)
            return Response.problem(400, "invalid_grant", "This refresh token cannot be used (any more); log in again.")
        return self._answer(user, family_id, changed, newest, request)

    def log_out(self, request: Request) -> Response:
        """200; the login of the body's refresh token has ended, if it had not before (RFC 7009 §2.2)."""
        fields = request.json()
        token = fields.get("refresh_token") if isinstance(fields, dict) else None
        family_id = family_of(str(token))
        if family := self.families.get(family_id):
            self.emit("authn_token_revoked", user=family.user_id, peer=request.peer)
            self.revocation.end(family_id, family)
        return Response.json({"message": "Logged out"})

    def current(self, request: Request) -> str:
        """The id of the login that the request's token came from."""
        claims = self._claims(request)
        return "" if isinstance(claims, Response) else str(claims.get("fam"))

    def logins(self, user_id: str) -> dict[str, Family]:
        """The user's living logins by token."""
        return self.families.owned_by(user_id)

    def end(self, user_id: str, family_id: str) -> bool:
        """End one login of this user; False if they have no such one."""
        if family := self.logins(user_id).get(family_id):
            self.revocation.end(family_id, family)
        return family is not None

    def end_all(self, user_id: str, but: str = "") -> None:
        """End every login of this user, except the one of this id."""
        for family_id, family in self.logins(user_id).items():
            if family_id != but:
                self.revocation.end(family_id, family)

    def refusal(self, request: Request | None = None) -> Response:
        """401 for a request that brings no token; it tells only whether a cookie came instead."""
        detail = "Send a token: Authorization: Bearer <token>."
        if request is not None and request.header("authorization") is None and request.header("cookie") is not None:
            detail = "This route takes a token (Authorization: Bearer <token>), /me a cookie, all others take either."
        return Response.problem(401, "unauthorized", detail, self.challenge)

    def _claims(self, request: Request) -> jwt.Claims | Response:
        """What the request's token says, if it may be believed; or the refusal."""
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            return self.refusal(request)
        token = token.lstrip(" ")
        try:
            claims = jwt.verify(token, self.keys, issuer=self.issuer, audience=self.audience, now=self.now())
        except jwt.InvalidToken as invalid:
            if _B64TOKEN.fullmatch(token):
                return self._refuse(request, f"{type(invalid).__name__}: {invalid}")
            self.emit("authn_token_refused", reason="malformed credentials", peer=request.peer)
            return _bearer_error(400, "invalid_request", "Send one token: Authorization: Bearer <token>.")
        if self.revocation.is_revoked(str(claims.get("fam"))):
            return self._refuse(request, "revoked")
        return claims

    def _refuse(self, request: Request, reason: str) -> Response:
        self.emit("authn_token_refused", reason=reason, peer=request.peer)
        return _bearer_error(401, "invalid_token", "The token is not valid; log in again.")

    def _answer(self, user: User, family_id: str, family: Family, token: str, request: Request) -> Response:
        self.emit("authn_token_created", user=user.id, peer=request.peer)
        issued, end = int(self.now()), int(family.expires_at)
        expires = min(issued + ACCESS_LIFETIME, end)
        claims: jwt.Claims = {"iss": self.issuer, "aud": self.audience}
        claims |= {"sub": user.id, "email": user.email, "role": user.role, "created_at": user.created_at}
        claims |= {"iat": issued, "exp": expires, "jti": secrets.token_urlsafe(16), "fam": family_id}
        answer = {"token": jwt.create(claims, self.keys), "token_type": "Bearer", "expires_in": expires - issued}
        if token:
            answer["refresh_token"] = token
        answer["refresh_expires_in"] = end - issued if token else 0
        return Response.json(answer)


def _bearer_error(status: int, error: str, detail: str) -> Response:
    challenge = (("www-authenticate", f'Bearer realm="authref", error="{error}"'),)
    return Response.problem(status, "unauthorized" if status == 401 else error, detail, challenge)
