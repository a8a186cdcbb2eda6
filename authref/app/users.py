"""Looking at accounts and changing them: the routes that not everybody may call.

Rules of this file:
- first the question who may (`permitted`), then everything else: not even "not found" for those who may not;
- the rule a handler applies is the rule its row of the table states, and a test compares the two.
"""

from __future__ import annotations

import re
from functools import partial

from authref import roles
from authref.admins import LastAdmin, Outdated
from authref.app.routes import Routes, read_fields
from authref.users import User
from authref.wire import Problem, Request, Response

MAX_PAGE = 100  # users in one answer


class UserRoutes(Routes):
    """Accounts, as admins see them."""

    def list(self, request: Request) -> Response:
        """200 with up to `limit` users in the order of their ids, and `next`, the `after` of the following page."""
        caller = self.permitted(request, "admin")
        if isinstance(caller, Response):
            return caller
        limit = request.query.get("limit", str(MAX_PAGE))
        if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_PAGE:
            raise Problem(400, "invalid_request", f"A limit is a number from 1 to {MAX_PAGE}.")
        users, after = self.users.page(request.query.get("after", ""), int(limit))
        return Response.json({"users": [user.public() for user in users], "next": after})

    def show(self, request: Request, user_id: str) -> Response:
        """200 with the user."""
        caller = self.permitted(request, "self_or_admin", user_id)
        if isinstance(caller, Response):
            return caller
        user = self.users.get(user_id)
        return Response.json({"user": user.public()}) if user else _no_such_user()

    def change(self, request: Request, user_id: str) -> Response:
        """200 with the user, whose role or state is another from now on."""
        caller = self.permitted(request, "admin")
        if isinstance(caller, Response):
            return caller
        fields = read_fields(request, {}, {"role": str, "disabled": bool})
        if not fields or fields.get("role", "user") not in roles.ROLES:
            raise Problem(400, "invalid_request", f"Send a role ({' or '.join(roles.ROLES)}), disabled, or both.")
        try:
            user = self.admins.change(user_id, caller, self._before(request, user_id), **fields)
        except LastAdmin:
            return self._last_admin(user_id, caller)
        except Outdated:
            return self.change(request, user_id)
        if user is None:
            return _no_such_user()
        if user.disabled:
            self.end_all(user.id)
        name = "privilege_permissions_changed" if "role" in fields else "user_updated"
        self.events.emit(name, user=user.id, by=caller.id, role=user.role, disabled=user.disabled)
        return Response.json({"user": user.public()})

    def delete(self, request: Request, user_id: str) -> Response:
        """204: the account, and with it every way in, is gone."""
        caller = self.permitted(request, "self_or_admin", user_id)
        if isinstance(caller, Response):
            return caller
        try:
            deleted = self.admins.delete(user_id, caller, self._before(request, user_id))
        except LastAdmin:
            return self._last_admin(user_id, caller)
        except Outdated:
            return self.delete(request, user_id)
        self.end_all(user_id)  # also if the account was gone: the request that deleted it may have broken off here
        if not deleted:
            return _no_such_user()
        self.events.emit("user_deleted", user=user_id, by=caller.id)
        return Response(204, headers=self.sessions.clearing if caller.id == user_id else ())

    def _before(self, request: Request, user_id: str) -> partial[None]:
        """What ends the user's tokens, which alone outlive an account; the caller's own goes on, to ask again."""
        return partial(self.tokens.end_all, user_id, but=self.mechanism(request).current(request))

    def _last_admin(self, user_id: str, caller: User) -> Response:
        self.events.emit("authz_fail", reason="last admin", user=user_id, by=caller.id)
        return Response.problem(409, "last_admin", "This is the last active admin; make another one first.")


def _no_such_user() -> Response:
    return Response.problem(404, "not_found", "There is no such user.")
