#!/usr/bin/env bash
# lua-http and a cookie with SameSite.
#
# What one would guess: SameSite says which pages of a browser may send a cookie; a client without pages keeps and sends
# it, as curl and the HTTP libraries of other languages do.
# What happens: lua-http, whose requests share a cookie store by default, drops a cookie with SameSite=Lax or Strict
# without a word: a request has no `site_for_cookies` unless one is set, and so counts as a request from another site.
# The same cookie without SameSite is kept. Setting `site_for_cookies` to the host keeps all three.
# Needs apt-get, dpkg and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
server=
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download lua-http=0.4-1 lua5.1 lua-basexx lua-binaryheap lua-bit32 \
    lua-compat53 lua-cqueues lua-fifo lua-lpeg lua-lpeg-patterns lua-luaossl
for package in *.deb; do dpkg -x "$package" root; done
library=$folder/root/usr/lib/$(uname -m)-linux-gnu

cat >server.py <<'PY'
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote


class Cookies(BaseHTTPRequestHandler):
    def do_GET(self):
        cookie = unquote(self.path.partition("?")[2])
        body = (self.headers["Cookie"] or "nothing").encode()
        self.send_response(200)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("localhost", 0), Cookies)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat >ask.lua <<'LUA'
local request, cookie = require "http.request", require "http.cookie"
print("lua-http " .. require("http.version").version)
for _, site in ipairs { "no site", "localhost" } do
  for _, set in ipairs { "a=1", "a=1; SameSite=Lax", "a=1; SameSite=Strict" } do
    local store = cookie.new_store()
    local function ask(path)
      local asked = request.new_from_uri("http://localhost:" .. arg[1] .. path)
      asked.cookie_store = store
      if site ~= "no site" then asked.site_for_cookies = site end
      local _, stream = assert(asked:go())
      return stream:get_body_as_string()
    end
    ask("/?" .. set:gsub(" ", "%%20"))
    print(site .. ", " .. set .. ": " .. ask("/"))
  end
end
LUA
mkfifo port
python3 server.py >port &
server=$!
read -r number <port
export LUA_PATH="$folder/root/usr/share/lua/5.1/?.lua;$folder/root/usr/share/lua/5.1/?/init.lua"
export LUA_CPATH="$library/lua/5.1/?.so" LD_LIBRARY_PATH="$library"
seen=$(root/usr/bin/lua5.1 ask.lua "$number")
echo "$seen"
expected='lua-http 0.4
no site, a=1: a=1
no site, a=1; SameSite=Lax: nothing
no site, a=1; SameSite=Strict: nothing
localhost, a=1: a=1
localhost, a=1; SameSite=Lax: a=1
localhost, a=1; SameSite=Strict: a=1'
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: without a site, SameSite loses the cookie."
