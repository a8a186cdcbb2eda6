"""Where am I logged in, and how do I end that? Looking after one's own account, by either mechanism.

Rules of this file:
- a login is ended by its public id, which opens nothing; somebody else's is not found, like one that never was;
- a new password is asked for together with the old one: a session left open must not become an account;
- it ends every login that proved the old password. Only this session goes on, under a new id.
"""

from __future__ import annotations

from authref.app.routes import Routes, read_fields
from authref.passwords import objection
from authref.refresh import Family
from authref.sessions import Session
from authref.wire import Problem, Request, Response, rfc3339


class LoginRoutes(Routes):
    """The caller's own logins and password."""

    def list(self, request: Request) -> Response:
        """200 with the caller's logins, by session and by token, oldest first."""
        caller = self.permitted(request, "user")
        if isinstance(caller, Response):
            return caller
        current = self.mechanism(request).current(request)
        logins: dict[str, Session | Family] = {**self.sessions.logins(caller.id), **self.tokens.logins(caller.id)}
        oldest_first = sorted(logins.items(), key=lambda item: item[1].created_at)
        return Response.json({"sessions": [_public(id, login, id == current) for id, login in oldest_first]})

    def end_one(self, request: Request, public_id: str) -> Response:
        """204: that login has ended."""
        caller = self.permitted(request, "user")
        if isinstance(caller, Response):
            return caller
        if not (self.sessions.end(caller.id, public_id) or self.tokens.end(caller.id, public_id)):
            return Response.problem(404, "not_found", "You have no such login.")
        self.events.emit("session_expired", reason="ended by its user", user=caller.id, peer=request.peer)
        return Response(204)

    def end_every(self, request: Request) -> Response:
        """204: every login of the caller has ended, this one too."""
        caller = self.permitted(request, "user")
        if isinstance(caller, Response):
            return caller
        mechanism = self.mechanism(request)
        current = mechanism.current(request)
        self.end_all(caller.id, but=current)
        mechanism.end(caller.id, current)  # last: should an answer get lost before, the caller can ask again
        self.events.emit("session_expired", reason="all ended by their user", user=caller.id, peer=request.peer)
        return Response(204, headers=self.sessions.clearing)

    def change_password(self, request: Request) -> Response:
        """204; a caller with a session gets a new one, everything else has ended."""
        caller = self.permitted(request, "user")
        if isinstance(caller, Response):
            return caller
        fields = read_fields(request, {"current_password": str, "new_password": str})
        mechanism = self.mechanism(request)
        proved = self.prove(caller.email, fields["current_password"], request, caller)
        wrong = Response.problem(401, "invalid_credentials", "Wrong current password.", mechanism.challenge)
        if proved is None:
            return wrong
        if sentence := objection(fields["new_password"], caller.email):
            raise Problem(400, "invalid_request", "This password may not be chosen.", errors={"new_password": sentence})
        # First, for tokens outlive their password, and the caller cannot ask again once it has changed.
        self.tokens.end_all(caller.id, but=mechanism.current(request))
        with self.throttle.turn(f"known {caller.id}", request.peer):
            user = self.users.set_password(caller.id, fields["new_password"], proved.password_version)
        if user is None:
            return wrong
        self.end_all(user.id)
        self.events.emit("authn_password_change", user=user.id, peer=request.peer)
        if mechanism is not self.sessions:
            return Response(204)
        cookies = [header for header in self.sessions.log_in(user, request).headers if header[0] == "set-cookie"]
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
