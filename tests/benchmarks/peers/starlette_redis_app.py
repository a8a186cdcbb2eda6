"""The Starlette of starlette_app.py, with sessions and users in the Redis that REDIS_URL names, by redis.asyncio."""

from __future__ import annotations

import json
import os
import secrets

import redis.asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.benchmarks.peers.starlette_app import by_password, known, token_login, token_me

store = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


async def login(request: Request) -> Response:
    user, session_id = await by_password(request), secrets.token_urlsafe(32)
    await store.set(f"session:{session_id}", user["id"], ex=24 * 60 * 60)
    await store.set(f"user:{user['id']}", json.dumps(user))
    response = JSONResponse({"user": user})
    response.set_cookie("session", session_id, httponly=True, samesite="lax")
    return response


async def me(request: Request) -> Response:
    user_id = await store.get(f"session:{request.cookies.get('session')}")
    user = await store.get(f"user:{user_id}") if user_id else None
    return JSONResponse({"user": known(json.loads(user) if user else None)})


app = Starlette(
    routes=[
        Route("/login", login, methods=["POST"]),
        Route("/me", me),
        Route("/token/login", token_login, methods=["POST"]),
        Route("/token/me", token_me),
    ]
)
