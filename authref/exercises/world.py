"""What do predictions ask? A server without a socket, on which Alice has an account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from authref.app import App, Settings, build
from authref.users import User
from authref.wire import Request, Response

EMAIL, PASSWORD = "alice@example.com", "correct horse battery"  # noqa: S105


def begin(**settings: Any) -> tuple[App, User, Callable[..., Response], Callable[..., Response], Callable[[], str]]:
    """The app with these settings, Alice, and three ways to ask: anything, for a login, and for her cookie."""
    app = build(Settings(bcrypt_cost=4, **settings))
    alice = app.users.sign_up(EMAIL, PASSWORD)

    def ask(method: str, target: str, value: object = None, **headers: str) -> Response:
        fields = tuple((name.replace("_", "-"), text) for name, text in headers.items())
        body = b"" if value is None else json.dumps(value).encode()
        return app(Request(method, target, (("content-type", "application/json"), *fields), body))

    def log_in(email: str = EMAIL, password: str = PASSWORD) -> Response:
        return ask("POST", "/login", {"email": email, "password": password})

    def cookie() -> str:
        return (log_in().header("set-cookie") or "").partition(";")[0]

    return app, alice, ask, log_in, cookie
