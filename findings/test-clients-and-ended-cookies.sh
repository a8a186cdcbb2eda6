#!/usr/bin/env bash
# The test clients of frameworks, and a cookie that has ended.
#
# A test of "log out" or "the session ends after an hour" asks with the framework's test client, which keeps cookies.
# What one would guess: it keeps them as a browser does, or at least drops what has ended.
# What happens: only two of five do. Flask's sends a cookie after its Max-Age. Django's does, too, and sends what a logout
# has deleted, now empty, and what is for another path or another host. supertest's agent ends a cookie by its Expires,
# and does not know Max-Age. So a test of the cookie's end sees a login that goes on, or an empty session where a browser
# would send nothing. Starlette's and WebTest's drop all of these.
# Needs npm, Node 20 and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install --disable-pip-version-check Flask==3.1.3 Werkzeug==3.1.9 Django==5.2.19 WebTest==3.0.7 \
    starlette==1.10.0 httpx==0.28.1 2>/dev/null
npm install --silent --no-fund --no-audit supertest@7.3.2 >/dev/null

cat >ask.py <<'PY'
import time
from http.cookies import SimpleCookie
from importlib.metadata import version

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import re_path
from flask import Flask, request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from webtest import TestApp

SETS = {
    "/log-in": ["live=1; Path=/", "ended=1; Path=/; Max-Age=1", "deleted=1; Path=/", "old=1; Path=/",
                "elsewhere=1; Path=/admin", "foreign=1; Path=/; Domain=other.example"],
    "/log-out": ["deleted=; Path=/; Max-Age=0", "old=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
}

in_flask = Flask("app")


@in_flask.get("/<path:path>")
def answer_in_flask(path):
    return request.headers.get("Cookie", "nothing"), [("Set-Cookie", each) for each in SETS.get("/" + path, [])]


def answer_in_django(request):
    answer = HttpResponse(request.headers.get("Cookie", "nothing"))
    for each in SETS.get(request.path, []):
        answer.cookies.update(SimpleCookie(each))
    return answer


async def answer_in_starlette(request):
    answer = PlainTextResponse(request.headers.get("Cookie", "nothing"))
    for each in SETS.get(request.url.path, []):
        answer.headers.append("Set-Cookie", each)
    return answer


urlpatterns = [re_path("", answer_in_django)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
django.setup()
from django.test import Client  # noqa: E402

in_starlette = Starlette(routes=[Route("/{path:path}", answer_in_starlette)])
clients = {
    "Flask": in_flask.test_client(),
    "Django": Client(),
    "WebTest": TestApp(in_flask.wsgi_app),
    "starlette": TestClient(in_starlette, base_url="http://app.example"),
}
for name, client in clients.items():
    client.get("/log-in")
    client.get("/log-out")
time.sleep(1.5)
for name, client in clients.items():
    answer = client.get("/me")
    text = answer.content.decode() if name == "Django" else answer.text
    print(f"{name} {version(name)}:", "; ".join(sorted(text.split("; "))))
PY
cat >ask.mjs <<'JS'
import { readFileSync } from "node:fs";
import request from "supertest";

const sets = {
    "/log-in": ["live=1; Path=/", "ended=1; Path=/; Max-Age=1", "deleted=1; Path=/", "old=1; Path=/",
        "elsewhere=1; Path=/admin", "foreign=1; Path=/; Domain=other.example"],
    "/log-out": ["deleted=; Path=/; Max-Age=0", "old=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
};
const agent = request.agent((asked, answer) => {
    answer.setHeader("Set-Cookie", sets[asked.url] ?? []);
    answer.setHeader("Content-Type", "text/plain");
    answer.end(asked.headers.cookie ?? "nothing");
});
await agent.get("/log-in");
await agent.get("/log-out");
await new Promise((resolve) => setTimeout(resolve, 1500));
const version = JSON.parse(readFileSync("node_modules/supertest/package.json")).version;
console.log(`supertest ${version}: ${(await agent.get("/me")).text.split("; ").sort().join("; ")}`);
JS
{ python/bin/python ask.py; node ask.mjs; } 2>warnings | tee seen
diff - seen <<'SEEN'
Flask 3.1.3: ended=1; live=1
Django 5.2.19: deleted=; elsewhere=1; ended=1; foreign=1; live=1; old=
WebTest 3.0.7: live=1
starlette 1.10.0: live=1
supertest 7.3.2: deleted=; ended=1; live=1
SEEN
