#!/usr/bin/env bash
# wget2 and cookies of `localhost`.
#
# What one would guess: a cookie without Domain belongs to the host that set it, whatever its name. (RFC 6265, 5.3, lets a
# public suffix matter only for a cookie that has a Domain.)
# What happens: wget2 1.99.1 (Debian 12) drops it without a word: a name of one label counts as a public suffix, and that
# is asked for cookies without Domain, too. From 127.0.0.1 or app.localhost the same cookie is kept. (aiohttp does it the
# other way round and drops those of addresses: see aiohttp-ip-cookies.sh.)
# Needs apt-get, dpkg and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download wget2=1.99.1-2.2 libwget0
for package in *.deb; do dpkg -x "$package" .; done
libraries=$(dirname "$(find . -name 'libwget.so*' | head -1)")
export LD_LIBRARY_PATH=$folder/$libraries no_proxy=

cat >ask.py <<'PY'
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


class Cookies(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Set-Cookie", "a=1; Path=/; Max-Age=600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


with HTTPServer(("127.0.0.1", 0), Cookies) as server:
    Thread(target=server.serve_forever, daemon=True).start()
    print(subprocess.check_output(["usr/bin/wget2", "--version"], text=True).split("-")[0].strip())
    for host in ("localhost", "127.0.0.1", "app.localhost"):
        jar = f"{host}.txt"
        # The proxy is the server itself: so it is found by each name, also where app.localhost has no address.
        proxy = f"http://127.0.0.1:{server.server_port}"
        command = ["usr/bin/wget2", "-q", "-O", "/dev/null", f"--save-cookies={jar}", "--no-config"]
        subprocess.run([*command, f"--http-proxy={proxy}", f"http://{host}:8080/"], check=True)
        try:
            kept = "a\t1" in open(jar).read()
        except FileNotFoundError:
            kept = False
        print(host, "kept" if kept else "dropped")
    server.shutdown()
PY
seen=$(python3 ask.py)
echo "$seen"
expected='GNU Wget2 1.99.1
localhost dropped
127.0.0.1 kept
app.localhost kept'
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: a host of one label keeps no cookies."
