#!/usr/bin/env bash
# aiohttp's client and cookies of a server that is named by its IP address.
#
# What one would guess: a client session keeps the cookie that a login set, as curl and browsers do.
# What happens: cookies of an IP address are dropped without a word (CookieJar(unsafe=False) is the default). The same
# code, written with `localhost` instead of 127.0.0.1, stays logged in.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiohttp==3.13.2

cat >both.py <<'PY'
import asyncio

import aiohttp
from aiohttp import web


async def set_cookie(request):
    response = web.Response(text="set")
    response.set_cookie("session", "abc", path="/")
    return response


async def show(request):
    return web.Response(text=request.headers.get("Cookie", "none"))


async def main():
    app = web.Application()
    app.add_routes([web.get("/set", set_cookie), web.get("/show", show)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0)
    await site.start()
    for host in ("127.0.0.1", "localhost"):
        port = next(s.getsockname()[1] for s in site._server.sockets if ":" not in s.getsockname()[0])
        async with aiohttp.ClientSession() as client:
            await (await client.get(f"http://{host}:{port}/set")).text()
            print(host, await (await client.get(f"http://{host}:{port}/show")).text())
    await runner.cleanup()


print("aiohttp", aiohttp.__version__)
asyncio.run(main())
PY
seen=$(venv/bin/python both.py)
echo "$seen"
expected='aiohttp 3.13.2
127.0.0.1 none
localhost session=abc'
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: the address decides whether one stays logged in."
