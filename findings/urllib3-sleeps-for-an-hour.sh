#!/usr/bin/env bash
# urllib3, requests, and a server that says Retry-After.
#
# What one would guess: a client that was asked for nothing of the kind hands a 429 to its caller, Retry-After and all.
# requests does. Its `max_retries` is "never" for "requests where data has made it to the server", says its manual.
# What happens: urllib3 2.8.0, as it comes, sleeps for as long as the server says, in the middle of the call, and asks
# again, three times over, before it gives the 429 back: with one hour in the answer, the call takes three. So does
# requests with max_retries=3. No timeout ends it, and no setting for statuses is needed; without Retry-After, or
# with POST, the first answer comes back at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2 urllib3==2.8.0 2>/dev/null

cat >ask.py <<'PY'
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests
import urllib3
from requests.adapters import HTTPAdapter

asked, slept = [], []
time.sleep = slept.append  # so that it need not be waited for


class Busy(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        status, *wait = self.path[1:].split("/")
        self.send_response(int(status))
        for seconds in wait:
            self.send_header("Retry-After", seconds)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
Thread(target=server.serve_forever, daemon=True).start()
plain, retrying = requests.Session(), requests.Session()
plain.trust_env = retrying.trust_env = False
retrying.mount("http://", HTTPAdapter(max_retries=3))
pool = urllib3.PoolManager(timeout=5)
clients = {
    "urllib3": lambda method, url: pool.request(method, url).status,
    "requests": lambda method, url: plain.request(method, url, timeout=5).status_code,
    "requests, max_retries=3": lambda method, url: retrying.request(method, url, timeout=5).status_code,
}
for name, ask in clients.items():
    for method, path in (("GET", "/429/3600"), ("GET", "/503/3600"), ("GET", "/429"), ("POST", "/429/3600")):
        asked.clear(), slept.clear()
        status = ask(method, f"http://127.0.0.1:{server.server_port}{path}")
        print(f"{name}, {method} {path}: {status}, requests: {len(asked)}, slept: {sum(slept)} s")
server.shutdown()
PY
echo "urllib3 2.8.0, requests 2.34.2"
venv/bin/python ask.py | tee seen
diff - seen <<'SEEN'
urllib3, GET /429/3600: 429, requests: 4, slept: 10800 s
urllib3, GET /503/3600: 503, requests: 4, slept: 10800 s
urllib3, GET /429: 429, requests: 1, slept: 0 s
urllib3, POST /429/3600: 429, requests: 1, slept: 0 s
requests, GET /429/3600: 429, requests: 1, slept: 0 s
requests, GET /503/3600: 503, requests: 1, slept: 0 s
requests, GET /429: 429, requests: 1, slept: 0 s
requests, POST /429/3600: 429, requests: 1, slept: 0 s
requests, max_retries=3, GET /429/3600: 429, requests: 4, slept: 10800 s
requests, max_retries=3, GET /503/3600: 503, requests: 4, slept: 10800 s
requests, max_retries=3, GET /429: 429, requests: 1, slept: 0 s
requests, max_retries=3, POST /429/3600: 429, requests: 1, slept: 0 s
SEEN
