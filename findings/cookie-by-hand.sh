#!/usr/bin/env bash
# A client that is logged in, and one more cookie, given by hand with one request.
#
# What one would guess: the request has both, the cookie of the jar and the one of `Cookie: theme=dark`, in one line.
# What happens: as many answers as there can be. requests, httpx and urllib send the one by hand alone, and so are logged
# out for this request. got and fetch-cookie send the jar's alone. curl sends two lines of Cookie, which HTTP/1.1 does not
# allow (RFC 6265, 5.4). aiohttp, axios, superagent and undici send one line with both. None says a word.
# Needs npm, Node 20 and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5 pycurl==7.45.7 2>/dev/null
npm install --silent --no-fund --no-audit got@14.6.6 tough-cookie@6.1.0 fetch-cookie@3.2.0 superagent@10.4.2 \
    axios@1.21.1 axios-cookiejar-support@6.0.5 undici@7.30.2 http-cookie-agent@7.0.4 >/dev/null

cat >ask.mjs <<'JS'
import axios from "axios";
import { wrapper } from "axios-cookiejar-support";
import fetchCookie from "fetch-cookie";
import got from "got";
import { CookieAgent } from "http-cookie-agent/undici";
import superagent from "superagent";
import { CookieJar } from "tough-cookie";
import * as undici from "undici";

const url = process.argv[2];
const headers = { cookie: "theme=dark" };
const jar = () => new CookieJar();
const inGot = got.extend({ cookieJar: jar() });
const inFetch = fetchCookie(fetch);
const inAgent = superagent.agent();
const inAxios = wrapper(axios.create({ jar: jar() }));
const dispatcher = new CookieAgent({ cookies: { jar: jar() } });
const clients = {
    "got 14.6.6": async (path, options) => (await inGot(url + path, options)).body,
    "fetch-cookie 3.2.0": async (path, options) => (await inFetch(url + path, options)).text(),
    "superagent 10.4.2": async (path, options) => (await inAgent.get(url + path).set(options.headers)).text,
    "axios 1.21.1 with a jar": async (path, options) => (await inAxios.get(url + path, options)).data,
    "undici 7.30.2 with a jar": async (path, options) =>
        (await undici.fetch(url + path, { ...options, dispatcher })).text(),
};
for (const [name, ask] of Object.entries(clients)) {
    await ask("log-in", { headers: {} });
    console.log(`${name}: ${await ask("", { headers })}`);
}
JS
cat >ask.py <<'PY'
import asyncio
import os
import subprocess
import urllib.request
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread

import aiohttp
import httpx
import pycurl
import requests

BY_HAND = {"Cookie": "theme=dark"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        lines = self.headers.get_all("Cookie") or []
        body = " | ".join("; ".join(sorted(line.split("; "))) for line in lines).encode()
        self.send_response(200)
        if self.path == "/log-in":
            self.send_header("Set-Cookie", "session=1; Path=/")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


async def aiohttp_asks():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        await (await client.get(url + "log-in")).text()
        return await (await client.get(url, headers=BY_HAND)).text()


def curl_asks():
    curl = pycurl.Curl()
    curl.setopt(pycurl.COOKIEFILE, "")
    for path, headers in (("log-in", []), ("", ["Cookie: theme=dark"])):
        answer = BytesIO()
        curl.setopt(pycurl.URL, url + path)
        curl.setopt(pycurl.HTTPHEADER, headers)
        curl.setopt(pycurl.WRITEDATA, answer)
        curl.perform()
    return answer.getvalue().decode()


def urllib_asks():
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    opener.open(url + "log-in").read()
    return opener.open(urllib.request.Request(url, headers=BY_HAND)).read().decode()


def session_asks(client):
    with client:
        client.get(url + "log-in")
        return client.get(url, headers=BY_HAND).text


for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
    os.environ.pop(name, None)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
print("requests 2.34.2:", session_asks(requests.Session()))
print("httpx 0.28.1:", session_asks(httpx.Client()))
print("Python's urllib:", urllib_asks())
print("curl 8.16.0, in pycurl 7.45.7:", curl_asks())
print("aiohttp 3.14.5:", asyncio.run(aiohttp_asks()), flush=True)
subprocess.run(["node", "ask.mjs", url], check=True)
PY
python/bin/python ask.py | tee seen
diff - seen <<'SEEN'
requests 2.34.2: theme=dark
httpx 0.28.1: theme=dark
Python's urllib: theme=dark
curl 8.16.0, in pycurl 7.45.7: session=1 | theme=dark
aiohttp 3.14.5: session=1; theme=dark
got 14.6.6: session=1
fetch-cookie 3.2.0: session=1
superagent 10.4.2: session=1; theme=dark
axios 1.21.1 with a jar: session=1; theme=dark
undici 7.30.2 with a jar: session=1; theme=dark
SEEN
