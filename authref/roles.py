"""You are who you say. May you do this?

401: I do not know who you are, log in. 403: I know, and no; logging in again changes nothing. Mixing them up hides
the most common hole of all: a server checks *that* somebody is logged in, and not *whether this is theirs*
(broken object level authorization).

    rule            who passes
    anyone          also without a login
    user            whoever is logged in
    self_or_admin   the user whom the path names, and admins
    admin           admins

Rules of this file:
- what you may do is asked of the store, never of a token, which is up to 15 minutes old: a demotion acts at once;
- refused comes before not found: whoever may not look learns nothing about what exists.
"""

from __future__ import annotations

from typing import Literal

from authref.users import User
from authref.wire import Headers, Response

Rule = Literal["anyone", "user", "self_or_admin", "admin"]

ROLES = ("user", "admin")


def permits(rule: Rule, caller: User, user_id: str | None = None) -> bool:
    """True if the rule lets this caller, as the store knows them now, act on `user_id`'s account."""
    if caller.is_active_admin or rule in ("anyone", "user"):
        return True
    return rule == "self_or_admin" and caller.id == user_id


def forbidden(headers: Headers = ()) -> Response:
    """403: known, and not allowed."""
    return Response.problem(403, "forbidden", "Your role does not allow this.", headers)
