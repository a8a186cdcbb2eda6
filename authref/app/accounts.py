"""One's own account: signing up, logging in and out, who am I, and where am I logged in?

Rules of this file:
- signing up logs nobody in and grants nothing: everybody starts as `user`;
- a failed login says one thing, whoever it was for and whatever was wrong;
- a login is ended by its public id, which opens nothing; somebody else's is not found, like one that never was;
- a new password is asked for together with the old one: a session left open must not become an account;
- it ends every login that proved the old password. Only this session goes on, under a new id.
"""

from __future__ import annotations

from dataclasses import replace

from authref.app.routes import Mechanism, Routes, read_fields, shown
from authref.passwords import objection
from authref.refresh import Family
from authref.sessions import Session
from authref.users import EmailTaken, objections
from authref.wire import Problem, Request, Response, rfc3339


class AccountRoutes(Routes):
    """What everybody may do with their own account."""

    def sign_up(self, request: Request) -> Response:
        """201 with the new user."""
        fields = read_fields(request, {"email": str, "password": str})
        if errors := objections(fields["email"], fields["password"]):
            raise Problem(400, "invalid_request", "No account can be made of this.", errors=errors)
        try:
            with self.throttle.sign_up(request.peer):
                user = self.users.sign_up(fields["email"], fields["password"])
        except EmailTaken:
            self.emit("user_create_fail", reason="email_taken", peer=request.peer)
            return Response.problem(409, "email_taken", "There is an account with this e-mail address.")
        self.emit("user_created", user=user.id, peer=request.peer)
        return Response.json({"user": user.public()}, 201, (("location", f"/users/{user.id}"),))

    def log_in(self, mechanism: Mechanism, request: Request) -> Response:
        """What the mechanism gives to whoever knows the password, or 401, the same for everybody else."""
        fields = read_fields(request, {"email": str, "password": str})
        user = self.prove(fields["email"], fields["password"], request)
        if user is None:
            return Response.problem(401, "invalid_credentials", "Wrong e-mail or password.", mechanism.challenge)
        self.emit("authn_login_success", user=user.id, peer=request.peer)
        answer = mechanism.log_in(user, request)
        device = self.devices.remember(user, request) if mechanism is self.sessions else ()
        return replace(answer, headers=answer.headers + device)

    def refresh(self, request: Request) -> Response:
        """200 with new tokens for a refresh token, or 400."""
        fields = read_fields(request, {"refresh_token": str})
        return self.tokens.refresh(fields["refresh_token"], request)

    def log_out(self, mechanism: Mechanism, request: Request) -> Response:
        """200, whether there was anything to end or not."""
        if mechanism is self.tokens:
            read_fields(request, {"refresh_token": str})
        return mechanism.log_out(request)

    def me(self, mechanism: Mechanism, request: Request) -> Response:
        """200 with the user as the mechanism knows them, or its refusal."""
        caller = mechanism.authenticate(request)
        if isinstance(caller, Response):
            return caller
        return shown(caller)

    def list_logins(self, request: Request) -> Response:
        """200 with the caller's logins, by session and by token, oldest first."""
        caller = self.permitted(request, "user")
        current = self.mechanism(request).current(request)
        logins: dict[str, Session | Family] = {**self.sessions.logins(caller.id)}
        logins |= self.tokens.logins(caller.id)
        oldest_first = sorted(logins.items(), key=lambda item: item[1].created_at)
        found = [_public(id, login, id == current) for id, login in oldest_first]
        return Response.json({"sessions": found})

    def end_one(self, request: Request, public_id: str) -> Response:
        """204: that login has ended."""
        caller = self.permitted(request, "user")
        if not (self.sessions.end(caller.id, public_id) or self.tokens.end(caller.id, public_id)):
            return Response.problem(404, "not_found", "You have no such login.")
        self.emit("session_expired", reason="ended by its user", user=caller.id, peer=request.peer)
        return Response(204)

    def end_every(self, request: Request) -> Response:
        """204: every login of the caller has ended, this one too."""
        caller, mechanism = self.permitted(request, "user"), self.mechanism(request)
        current = mechanism.current(request)
        self.end_all(caller.id, but=current)
        mechanism.end(caller.id, current)  # last, so that the caller can ask again
        self.emit("session_expired", reason="all ended by their user", user=caller.id, peer=request.peer)
        return Response(204, headers=self.sessions.clearing)

    def change_password(self, request: Request) -> Response:
        """204; a caller with a session gets a new one, everything else has ended."""
        caller, mechanism = self.permitted(request, "user"), self.mechanism(request)
        fields = read_fields(request, {"current_password": str, "new_password": str})
        proved = self.prove(caller.email, fields["current_password"], request, caller)
        wrong = Response.problem(401, "invalid_credentials", "Wrong current password.", mechanism.challenge)
        if proved is None:
            return wrong
        if sentence := objection(fields["new_password"], caller.email):
            errors = {"new_password": sentence}
            raise Problem(400, "invalid_request", "This password may not be chosen.", errors=errors)
        # First, for tokens outlive their password, and after it the caller cannot ask again.
        self.tokens.end_all(caller.id, but=mechanism.current(request))
        with self.throttle.turn(f"known {caller.id}", request.peer):
            user = self.users.set_password(caller.id, fields["new_password"], proved.password_version)
        if user is None:
            return wrong
        self.end_all(user.id)
        self.emit("authn_password_change", user=user.id, peer=request.peer)
        if mechanism is not self.sessions:
            return Response(204)
        headers = self.sessions.log_in(user, request).headers
        cookies = [header for header in headers if header[0] == "set-cookie"]
        return Response(204, headers=(*cookies, *self.devices.remember(user, request)))


def _public(id: str, login: Session | Family, current: bool) -> dict[str, object]:
    return {
        "id": id,
        "kind": "session" if isinstance(login, Session) else "token",
        "created_at": rfc3339(login.created_at),
        "last_seen": rfc3339(login.last_seen),
        "user_agent": login.user_agent,
        "current": current,
    }
