#!/usr/bin/env bash
# A cookie with Secure, and a server that one tries out on this machine, without TLS.
#
# RFC 6265bis sends it over a "secure" connection, and leaves it to the client which ones are. Browsers count their own
# machine as one, so a login with `__Host-` can be tried there.
# What one would guess: other clients follow the browsers, or refuse such a cookie when it comes without TLS.
# What happens: libcurl 8.16.0 (in pycurl 7.45.7) and tough-cookie 6.1.0, the jar of jsdom and got, follow them, also for
# 127.0.0.1. Python's jar, which requests 2.34.2 uses, takes the cookie, lists it, and sends it to neither name: the login
# answers 200, the cookie is there to be seen, and the next request is a stranger's.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install pycurl==7.45.7 requests==2.34.2 2>/dev/null
npm install --silent --no-fund --no-audit tough-cookie@6.1.0 >/dev/null

cat >serve.py <<'PY'
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.headers["Cookie"] or "no cookie").encode()
        self.send_response(200)
        self.send_header("Set-Cookie", "__Host-session=1; Path=/; Secure")
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
from io import BytesIO

import pycurl
import requests

print(pycurl.version.split()[1])
for host in ("localhost", "127.0.0.1"):
    url = f"http://{host}:{sys.argv[1]}/"
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.COOKIEFILE, "")
    for _ in range(2):
        answer = BytesIO()
        curl.setopt(pycurl.WRITEDATA, answer)
        curl.perform()
    print(f"curl, {host}: {answer.getvalue().decode()}")
    with requests.Session() as session:
        session.get(url)
        print(f"requests, {host}: {session.get(url).text}; in the jar: {len(session.cookies)}")
PY
cat >ask.mjs <<'JS'
import { CookieJar } from "tough-cookie";

for (const host of ["localhost", "127.0.0.1"]) {
    const url = `http://${host}:${process.argv[2]}/`;
    const jar = new CookieJar();
    for (const line of (await fetch(url)).headers.getSetCookie()) await jar.setCookie(line, url, { ignoreError: true });
    console.log(`tough-cookie, ${host}: ${(await jar.getCookieString(url)) || "no cookie"}`);
}
JS
{ env -u http_proxy python/bin/python ask.py "$(cat port)"; node ask.mjs "$(cat port)"; } | tee seen
diff - seen <<'SEEN'
libcurl/8.16.0-DEV
curl, localhost: __Host-session=1
requests, localhost: no cookie; in the jar: 1
curl, 127.0.0.1: __Host-session=1
requests, 127.0.0.1: no cookie; in the jar: 1
tough-cookie, localhost: __Host-session=1
tough-cookie, 127.0.0.1: __Host-session=1
SEEN
