#!/usr/bin/env bash
# Python's cookie jar, and the name localhost.
#
# Tests often put a session's cookie into a client by hand.
# What one would guess: a cookie for localhost is kept, and set, under the domain "localhost".
# What happens: http.cookiejar adds ".local" to a name without a dot, so requests 2.34.2 and httpx 0.28.1 keep what a
# server at localhost sets under "localhost.local". A cookie that is set by hand for "localhost" is kept and never sent,
# with no word; one that is set for "localhost.local" is sent to localhost. With 127.0.0.1 nothing of this happens.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install requests==2.34.2 httpx==0.28.1 2>/dev/null

cat >serve.py <<'PY'
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.headers["Cookie"] or "no cookie").encode()
        self.send_response(200)
        if self.path == "/log-in":
            self.send_header("Set-Cookie", "session=1; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 serve.py >port &
server=$!
until [ -s port ]; do sleep 0.1; done

cat >ask.py <<'PY'
import sys

import httpx
import requests

for library, client in ((requests, requests.Session), (httpx, httpx.Client)):
    for host, domains in (("localhost", ("localhost", "localhost.local")), ("127.0.0.1", ("127.0.0.1",))):
        url = f"http://{host}:{sys.argv[1]}"
        with client() as received:
            received.get(f"{url}/log-in")
            kept = [cookie.domain for cookie in getattr(received.cookies, "jar", received.cookies)]
        print(f"{library.__name__}: set by a server at {host}, kept for {kept[0]}")
        for domain in domains:
            with client() as given:
                given.cookies.set("session", "1", domain=domain)
                print(f"{library.__name__}: set by hand for {domain}, sent to {host}: {given.get(url).text}")
PY
python/bin/python ask.py "$(cat port)" | tee seen
diff - seen <<'SEEN'
requests: set by a server at localhost, kept for localhost.local
requests: set by hand for localhost, sent to localhost: no cookie
requests: set by hand for localhost.local, sent to localhost: session=1
requests: set by a server at 127.0.0.1, kept for 127.0.0.1
requests: set by hand for 127.0.0.1, sent to 127.0.0.1: session=1
httpx: set by a server at localhost, kept for localhost.local
httpx: set by hand for localhost, sent to localhost: no cookie
httpx: set by hand for localhost.local, sent to localhost: session=1
httpx: set by a server at 127.0.0.1, kept for 127.0.0.1
httpx: set by hand for 127.0.0.1, sent to 127.0.0.1: session=1
SEEN
