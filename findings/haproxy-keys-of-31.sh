#!/usr/bin/env bash
# HAProxy, and a limit for each token.
#
# What one would guess: `track-sc0 req.hdr(authorization)` in a table of strings counts each token by itself.
# What happens: a table of strings keeps the first 31 bytes of a key, unless `len` is given (the manual speaks of it where
# it explains tables). All tokens of one server begin with the same header, and that has more bytes than are kept: what
# Alice has asked for counts against Bob, who is refused at his first request. `haproxy -c` has nothing to say of it.
# Needs apt-get, dpkg and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download haproxy=2.6.12-1+deb12u4 liblua5.3-0 \
    libopentracing-c-wrapper0 libopentracing1
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu

cat >ask.py <<'PY'
import hashlib
import hmac
import json
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from http.client import HTTPConnection

CONFIG = """
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend front
    bind 127.0.0.1:{port}
    stick-table type {type} size 1k expire 1m store http_req_cnt
    http-request track-sc0 req.hdr(authorization)
    http-request deny deny_status 429 if {{ sc_http_req_cnt(0) gt 3 }}
    http-request return status 200
"""


def token(user):
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": user})
    text = b".".join(urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).rstrip(b"=") for part in parts)
    return (text + b"." + urlsafe_b64encode(hmac.digest(b"k" * 32, text, hashlib.sha256)).rstrip(b"=")).decode()


def ask(port, user):
    for _ in range(200):
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/", headers={"Authorization": "Bearer " + token(user)})
            return str(connection.getresponse().status)
        except ConnectionRefusedError:
            time.sleep(0.05)


for kind in ("string", "string len 1000"):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with open("config", "w") as config:
        config.write(CONFIG.format(port=port, type=kind))
    subprocess.run(["root/usr/sbin/haproxy", "-c", "-q", "-f", "config"], check=True)
    proxy = subprocess.Popen(["root/usr/sbin/haproxy", "-db", "-f", "config"], stderr=subprocess.DEVNULL)
    try:
        seen = {user: " ".join(ask(port, user) for _ in range(3)) for user in ("alice", "bob")}
        print(f"type {kind}: Alice {seen['alice']}, Bob {seen['bob']}")
    finally:
        proxy.terminate()
        proxy.wait()
PY
root/usr/sbin/haproxy -v | head -1
python3 ask.py | tee seen
diff - seen <<'SEEN'
type string: Alice 200 200 200, Bob 429 429 429
type string len 1000: Alice 200 200 200, Bob 200 200 200
SEEN
