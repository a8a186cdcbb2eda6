"""What would it be in aiohttp? Its own server with its own parser in C, on uvloop as uvicorn is."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web

from tests.benchmarks.peers import accounts

routes = web.RouteTableDef()


@routes.post("/login")
async def login(request: web.Request) -> web.Response:
    user = await by_password(request)
    response = web.json_response({"user": user})
    response.set_cookie("session", accounts.start_session(user), httponly=True, samesite="Lax")
    return response


@routes.get("/me")
async def me(request: web.Request) -> web.Response:
    return web.json_response({"user": known(accounts.user_of_session(request.cookies.get("session")))})


@routes.post("/token/login")
async def token_login(request: web.Request) -> web.Response:
    token = accounts.create_token(await by_password(request))
    return web.json_response({"token": token, "token_type": "Bearer", "expires_in": accounts.LIFETIME})


@routes.get("/token/me")
async def token_me(request: web.Request) -> web.Response:
    return web.json_response({"user": known(accounts.user_of_bearer(request.headers.get("Authorization")))})


async def by_password(request: web.Request) -> accounts.User:
    fields = await request.json()
    return known(accounts.user_of_password(fields["email"], fields["password"]))


def known(user: accounts.User | None) -> accounts.User:
    if user is None:
        raise web.HTTPUnauthorized
    return user


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=uvloop.new_event_loop())
