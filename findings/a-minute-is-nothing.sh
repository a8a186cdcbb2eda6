#!/usr/bin/env bash
# Two libraries, and what lives for a minute.
#
# To see how a login ends, one gives it a short life: 60 seconds.
# What one would guess: it lives for 60 seconds.
# What happens: iron-session 8.0.4 takes a minute off the cookie's life, for clocks that differ: with `ttl: 60` it writes
# Max-Age=0, so that the login that sets the cookie removes it; with 30, Max-Age=-30. Nobody is ever logged in, and no error
# says why. Authlib 1.9.10 takes a minute off a token's life, too: one with `expires_in` of 60 has ended when it comes, and
# each request, the first one too, is two: a refresh, and then itself.
# Needs npm, Node 20 and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit iron-session@8.0.4 tough-cookie@6.1.0 >/dev/null
python3 -m venv python
python/bin/pip -q install --disable-pip-version-check Authlib==1.9.10 requests==2.34.2 2>/dev/null

cat >ask.mjs <<'JS'
import { getIronSession } from "iron-session";
import { CookieJar } from "tough-cookie";

for (const ttl of [30, 60, 61, 3600]) {
    const response = new Response();
    const session = await getIronSession(new Request("https://app.example/"), response, {
        password: "p".repeat(32),
        cookieName: "session",
        ttl,
    });
    session.user = "alice";
    await session.save();
    const jar = new CookieJar();
    const line = response.headers.get("set-cookie");
    await jar.setCookie(line, "https://app.example/");
    const kept = (await jar.getCookies("https://app.example/")).length;
    console.log(`iron-session, ttl ${ttl}: ${line.match(/Max-Age=[-\d]+/)}, ${kept ? "kept" : "not kept"}`);
}
JS
cat >ask.py <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from authlib.integrations.requests_client import OAuth2Session

asked = []
lifetime = 0


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append("page")
        self.answer({})

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked.append("refresh" if "grant_type=refresh_token" in form else "login")
        token = {"access_token": "a", "token_type": "Bearer", "expires_in": lifetime, "refresh_token": "r"}
        self.answer(token)

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
for lifetime in (30, 60, 90, 3600):
    asked.clear()
    with OAuth2Session("client", "secret", token_endpoint=url) as client:
        client.trust_env = False
        client.fetch_token(url, username="alice", password="correct horse")
        client.get(url)
        client.get(url)
    print(f"Authlib, expires_in {lifetime}:", ", ".join(asked))
server.shutdown()
PY
{ node ask.mjs; python/bin/python ask.py; } 2>warnings | tee seen
diff - seen <<'SEEN'
iron-session, ttl 30: Max-Age=-30, not kept
iron-session, ttl 60: Max-Age=0, not kept
iron-session, ttl 61: Max-Age=1, kept
iron-session, ttl 3600: Max-Age=3540, kept
Authlib, expires_in 30: login, refresh, page, refresh, page
Authlib, expires_in 60: login, refresh, page, refresh, page
Authlib, expires_in 90: login, page, page
Authlib, expires_in 3600: login, page, page
SEEN
