"""Logging in, refreshing, logging out, and asking who I am: proved by a token.

Put it beside accounts.py; the difference is the lesson.
"""

from __future__ import annotations

from authref.app.routes import Routes, read_fields
from authref.wire import Request, Response


class TokenRoutes(Routes):
    """Logging in, on and out by token."""

    def log_in(self, request: Request) -> Response:
        """200 with an access token and a refresh token, or 401."""
        return self.log_in_by(self.tokens, request)

    def refresh(self, request: Request) -> Response:
        """200 with new tokens for a refresh token, or 400."""
        return self.tokens.refresh(read_fields(request, {"refresh_token": str})["refresh_token"], request)

    def log_out(self, request: Request) -> Response:
        """200, whether there was anything to end or not."""
        read_fields(request, {"refresh_token": str})
        return self.tokens.log_out(request)

    def me(self, request: Request) -> Response:
        """200 with the user as the token describes them: nothing is looked up."""
        caller = self.tokens.authenticate(request)
        if isinstance(caller, Response):
            return caller
        return Response.json({"user": caller.public()})
