"""What would it be in Starlette? Routes and JSON responses, no models; on uvicorn."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.benchmarks.peers import accounts


async def login(request: Request) -> Response:
    user = await by_password(request)
    response = JSONResponse({"user": user})
    response.set_cookie("session", accounts.start_session(user), httponly=True, samesite="lax")
    return response


async def me(request: Request) -> Response:
    return JSONResponse({"user": known(accounts.user_of_session(request.cookies.get("session")))})


async def token_login(request: Request) -> Response:
    token = accounts.create_token(await by_password(request))
    return JSONResponse({"token": token, "token_type": "Bearer", "expires_in": accounts.LIFETIME})


async def token_me(request: Request) -> Response:
    return JSONResponse({"user": known(accounts.user_of_bearer(request.headers.get("authorization")))})


async def by_password(request: Request) -> accounts.User:
    fields = await request.json()
    return known(accounts.user_of_password(fields["email"], fields["password"]))


def known(user: accounts.User | None) -> accounts.User:
    if user is None:
        raise HTTPException(401)
    return user


app = Starlette(
    routes=[
        Route("/login", login, methods=["POST"]),
        Route("/me", me),
        Route("/token/login", token_login, methods=["POST"]),
        Route("/token/me", token_me),
    ]
)
