"""What is the least that an ASGI app can be? One function, no framework; what is left is uvicorn."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tests.benchmarks.peers import accounts

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    status, value, cookie = await answer(scope, receive)
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if cookie:
        headers.append((b"set-cookie", cookie.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer(scope: Message, receive: Receive) -> tuple[int, Any, str]:
    """The status, the JSON and the cookie to set."""
    route = (scope["method"], scope["path"])
    if route == ("GET", "/me"):
        return me(accounts.user_of_session(cookies(scope).get("session")))
    if route == ("GET", "/token/me"):
        return me(accounts.user_of_bearer(header(scope, b"authorization")))
    if route not in (("POST", "/login"), ("POST", "/token/login")):
        return 404, {"detail": "Not Found"}, ""
    fields = json.loads(await body_of(receive))
    user = accounts.user_of_password(fields["email"], fields["password"])
    if user is None:
        return me(None)
    if scope["path"] == "/login":
        cookie = f"session={accounts.start_session(user)}; HttpOnly; SameSite=Lax; Path=/"
        return 200, {"user": user}, cookie
    return 200, {"token": accounts.create_token(user), "token_type": "Bearer", "expires_in": accounts.LIFETIME}, ""


def me(user: accounts.User | None) -> tuple[int, Any, str]:
    return (200, {"user": user}, "") if user else (401, {"detail": "Unauthorized"}, "")


def header(scope: Message, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def cookies(scope: Message) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in header(scope, b"cookie").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


async def body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body
