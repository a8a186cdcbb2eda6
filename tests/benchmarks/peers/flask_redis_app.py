"""The Flask of flask_app.py, with sessions (by Flask-Session) and users in the Redis that REDIS_URL names."""

from __future__ import annotations

import json
import os
from typing import Any

import redis
from flask import Flask, session
from flask_session import Session

from tests.benchmarks.peers.flask_app import by_password, known, token_login, token_me

store = redis.Redis.from_url(os.environ["REDIS_URL"])
app = Flask(__name__)
app.config.update(SESSION_TYPE="redis", SESSION_REDIS=store)
Session(app)
app.post("/token/login")(token_login)
app.get("/token/me")(token_me)


@app.post("/login")
def login() -> dict[str, Any]:
    user = by_password()
    session["user_id"] = user["id"]
    store.set(f"user:{user['id']}", json.dumps(user))
    return {"user": user}


@app.get("/me")
def me() -> dict[str, Any]:
    user = store.get(f"user:{session['user_id']}") if "user_id" in session else None
    return {"user": known(json.loads(user) if user else None)}
