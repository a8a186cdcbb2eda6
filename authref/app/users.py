"""Looking at accounts and changing them: the routes that not everybody may call.

Each handler asks first who may (`permitted`), then everything else: whoever may not hears not even "not found". Its
rule is that of its row in the table; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from authref import roles
from authref.admins import LastAdmin
from authref.app.routes import Refused, Routes, read_fields, shown
from authref.users import User
from authref.wire import Problem, Request, Response

MAX_PAGE = 100  # users in one answer
NO_SUCH_USER = Response.problem(404, "not_found", "There is no such user.")


class UserRoutes(Routes):
    """Accounts, as admins see them."""

    def list_users(self, request: Request) -> Response:
        """200 with up to `limit` users in the order of their ids, and `next`, the `after` of the following page."""
        self.permitted(request, "admin")
        limit = request.query.get("limit", str(MAX_PAGE))
        if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_PAGE:
            raise Problem(400, "invalid_request", f"A limit is a number from 1 to {MAX_PAGE}.")
        users, after = self.users.page(request.query.get("after", ""), int(limit))
        return Response.json({"users": [user.public() for user in users], "next": after})

    def show(self, request: Request, user_id: str) -> Response:
        """200 with the user."""
        self.permitted(request, "self_or_admin", user_id)
        user = self.users.get(user_id)
        return shown(user) if user else NO_SUCH_USER

    def change(self, request: Request, user_id: str) -> Response:
        """200 with the user, whose role or state is another from now on."""
        caller = self.permitted(request, "admin")
        fields = read_fields(request, {"role": str, "disabled": bool}, some=True)
        if not fields or fields.get("role", "user") not in roles.ROLES:
            raise Problem(400, "invalid_request", f"Send a role ({' or '.join(roles.ROLES)}), disabled, or both.")
        user = self._decide(self.admins.change, request, user_id, caller, **fields)
        if user is None:
            return NO_SUCH_USER
        if user.disabled:
            self.end_all(user.id)
        name = "privilege_permissions_changed" if "role" in fields else "user_updated"
        self.emit(name, user=user.id, by=caller.id, role=user.role, disabled=user.disabled)
        return shown(user)

    def delete(self, request: Request, user_id: str) -> Response:
        """204: the account, and with it every way in, is gone."""
        caller = self.permitted(request, "self_or_admin", user_id)
        deleted = self._decide(self.admins.delete, request, user_id, caller)
        self.end_all(user_id)  # also if it was gone: a deletion may have broken off
        if not deleted:
            return NO_SUCH_USER
        self.emit("user_deleted", user=user_id, by=caller.id)
        return Response(204, headers=self.sessions.clearing if caller.id == user_id else ())

    def _decide(self, verb: Callable[..., Any], request: Request, user_id: str, caller: User, **fields: Any) -> Any:
        """What a verb of admins.py returns. Raises Refused for the last admin, Outdated."""
        # Tokens alone outlive an account, so they end before it. The caller's own goes on, to ask again.
        current = self.mechanism(request).current(request)
        try:
            return verb(user_id, caller, lambda: self.tokens.end_all(user_id, but=current), **fields)
        except LastAdmin:
            self.emit("authz_fail", reason="last admin", user=user_id, by=caller.id)
            conflict = "This is the last active admin; make another one first."
            raise Refused(Response.problem(409, "last_admin", conflict)) from None
