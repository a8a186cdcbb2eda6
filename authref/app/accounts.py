"""Signing up, logging in, logging out, and asking who I am: remembered by a session.

Rules of this file:
- signing up logs nobody in and grants nothing: everybody starts as `user`;
- a failed login says one thing, whoever it was for and whatever was wrong.
"""

from __future__ import annotations

from authref.app.routes import Routes, read_fields
from authref.users import EmailTaken, objections
from authref.wire import Problem, Request, Response


class AccountRoutes(Routes):
    """Signing up, in and out by session."""

    def sign_up(self, request: Request) -> Response:
        """201 with the new user."""
        fields = read_fields(request, {"email": str, "password": str})
        if errors := objections(fields["email"], fields["password"]):
            raise Problem(400, "invalid_request", "No account can be made of this.", errors=errors)
        try:
            with self.throttle.sign_up(request.peer):
                user = self.users.sign_up(fields["email"], fields["password"])
        except EmailTaken:
            self.events.emit("user_create_fail", reason="email_taken", peer=request.peer)
            return Response.problem(409, "email_taken", "There is an account with this e-mail address.")
        self.events.emit("user_created", user=user.id, peer=request.peer)
        return Response.json({"user": user.public()}, 201, (("location", f"/users/{user.id}"),))

    def log_in(self, request: Request) -> Response:
        """200 with the user and a session cookie, or 401."""
        return self.log_in_by(self.sessions, request)

    def log_out(self, request: Request) -> Response:
        """200, with or without a session."""
        return self.sessions.log_out(request)

    def me(self, request: Request) -> Response:
        """200 with the user of this session."""
        caller = self.sessions.authenticate(request)
        if isinstance(caller, Response):
            return caller
        return Response.json({"user": caller.public()})
