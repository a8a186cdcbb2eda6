#!/usr/bin/env bash
# A login in a file of cookies, and the program that reads it next.
#
# curl, wget and Python's MozillaCookieJar write and read one format, Netscape's: seven columns, a cookie on each line.
# What one would guess: log in with one of them, go on with another.
# What happens: each goes on with its own file, and with no other's. The cookie of a login is mostly HttpOnly, and has no
# end. curl marks HttpOnly as "#HttpOnly_" before the host: a comment, to wget. For "no end" curl and wget write 0, which
# Python reads as 1970, though it was told to keep such cookies (ignore_discard); Python leaves the column empty, and curl
# and wget drop that line. wget writes the port beside the host, if it is not 80, and so the others look for another
# host. The same cookie with Max-Age, and not HttpOnly, stays logged in wherever the port is no part of it.
# Needs apt-get, dpkg and Python 3 (3.11.7 here).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download wget=1.21.3-1+deb12u1 libpsl5 libidn2-0 libunistring2 libgnutls30 \
    libnettle8 libhogweed6 libp11-kit0 libtasn1-6 libpcre2-8-0 libuuid1
python3 -m venv python
python/bin/pip -q install --disable-pip-version-check pycurl==7.45.7 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done

cat >curl.py <<'PY'
import sys
from io import BytesIO

import pycurl

curl, answer = pycurl.Curl(), BytesIO()
curl.setopt(pycurl.URL, sys.argv[2])
curl.setopt(pycurl.WRITEDATA, answer)
curl.setopt(pycurl.COOKIEJAR if sys.argv[1] == "write" else pycurl.COOKIEFILE, "cookies.txt")
curl.perform()
curl.close()
print(answer.getvalue().decode())
PY
cat >python.py <<'PY'
import sys
from http.cookiejar import MozillaCookieJar
from urllib.request import HTTPCookieProcessor, build_opener

jar = MozillaCookieJar("cookies.txt")
if sys.argv[1] == "read":
    jar.load(ignore_discard=True)
print(build_opener(HTTPCookieProcessor(jar)).open(sys.argv[2]).read().decode())
if sys.argv[1] == "write":
    jar.save(ignore_discard=True)
PY
cat >ask.py <<'PY'
import os
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

library = os.path.abspath(f"root/usr/lib/{os.uname().machine}-linux-gnu")
WGET = ["env", f"LD_LIBRARY_PATH={library}", "root/usr/bin/wget", "-q", "-O", "-"]
WRITE = {
    "curl": ["python/bin/python", "curl.py", "write"],
    "wget": [*WGET, "--keep-session-cookies", "--save-cookies=cookies.txt"],
    "Python": ["python/bin/python", "python.py", "write"],
}
READ = {
    "curl": ["python/bin/python", "curl.py", "read"],
    "wget": [*WGET, "--load-cookies=cookies.txt"],
    "Python": ["python/bin/python", "python.py", "read"],
}
sets = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"in" if self.headers["Cookie"] == "session=1" else b"out"
        self.send_response(200)
        if self.path == "/log-in":
            self.send_header("Set-Cookie", sets)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
for sets in ("session=1; Path=/; HttpOnly", "session=1; Path=/; Max-Age=600"):
    print(sets)
    for writer, write in WRITE.items():
        subprocess.run([*write, url + "log-in"], check=True, stdout=subprocess.DEVNULL)
        kept, seen = open("cookies.txt").read(), []
        for reader, read in READ.items():
            open("cookies.txt", "w").write(kept)
            seen.append(f"{reader} {subprocess.check_output([*read, url], text=True).strip()}")
        print(f"  written by {writer}:", ", ".join(seen))
server.shutdown()
PY
python/bin/python -c 'import pycurl; print(pycurl.version.split()[1])'
env "LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu" root/usr/bin/wget --version | head -1 | cut -d' ' -f1-3
python3 --version
env -u http_proxy python3 ask.py | tee seen
diff - seen <<'SEEN'
session=1; Path=/; HttpOnly
  written by curl: curl in, wget out, Python out
  written by wget: curl out, wget in, Python out
  written by Python: curl out, wget out, Python in
session=1; Path=/; Max-Age=600
  written by curl: curl in, wget in, Python in
  written by wget: curl out, wget in, Python out
  written by Python: curl in, wget in, Python in
SEEN
