"""What would it be in Flask? Functions and `request`; on gunicorn with threads, so that connections stay open."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, jsonify, request

from tests.benchmarks.peers import accounts

app = Flask(__name__)


@app.post("/login")
def login() -> Response:
    user = by_password()
    response = jsonify(user=user)
    response.set_cookie("session", accounts.start_session(user), httponly=True, samesite="Lax")
    return response


@app.get("/me")
def me() -> dict[str, Any]:
    return {"user": known(accounts.user_of_session(request.cookies.get("session")))}


@app.post("/token/login")
def token_login() -> dict[str, Any]:
    return {"token": accounts.create_token(by_password()), "token_type": "Bearer", "expires_in": accounts.LIFETIME}


@app.get("/token/me")
def token_me() -> dict[str, Any]:
    return {"user": known(accounts.user_of_bearer(request.headers.get("Authorization")))}


def by_password() -> accounts.User:
    fields = request.get_json()
    return known(accounts.user_of_password(fields["email"], fields["password"]))


def known(user: accounts.User | None) -> accounts.User:
    if user is None:
        abort(401)
    return user
