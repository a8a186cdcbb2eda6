"""A login over Starlette's SessionMiddleware, as its page "Middleware" shows it; the routes are the fewest possible."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

users = {name: f"{name} rides a horse" for name in ("ann", "ben", "cleo", "dan")}


async def login(request):
    sent = await request.json()
    name = sent.get("name")
    if not isinstance(name, str) or name not in users or users[name] != sent.get("password"):
        return JSONResponse({"detail": "wrong name or password"}, 401)
    request.session["user"] = name
    return JSONResponse({"user": {"id": name}})


async def logout(request):
    request.session.clear()
    return JSONResponse({})


async def me(request):
    if "user" not in request.session:
        return JSONResponse({"detail": "log in first"}, 401)
    return JSONResponse({"user": {"id": request.session["user"]}})


app = Starlette(
    routes=[
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/me", me),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key="change me to something nobody knows, of 32 bytes or more")],
)
