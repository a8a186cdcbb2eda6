#!/usr/bin/env bash
# nginx, and a cookie with a dash in its name.
#
# nginx gives each cookie as `$cookie_NAME`. Names of the safest cookies begin with `__Host-`.
# What one would guess: `$cookie___Host-session` is the value of that cookie; or `nginx -t` refuses the name.
# What happens: no variable has a dash. It is `$cookie___Host`, a cookie that nobody has, and then the letters "-session":
# the same text for everybody, which `nginx -t` finds all right. A limit for each session is one limit for all: Alice's
# request keeps Bob out. (A header's dashes become underscores: `$http_user_agent`. A cookie's do not, so that
# `$cookie___Host_session` is empty, and an empty key limits nobody.) A map of `$http_cookie` finds it.
# Needs apt-get, dpkg and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download nginx=1.22.1-9+deb12u11
dpkg -x nginx_*.deb root
mkdir empty
echo hello >empty/index.html

cat >ask.py <<'PY'
import os
import socket
import subprocess
import time
from http.client import HTTPConnection

CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log /dev/null;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_cookie $by_map {{
        "~(?:^|; )__Host-session=([^;]+)" $1;
    }}
    limit_req_zone {key} zone=each:1m rate=1r/m;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/empty;
        limit_req zone=each;
        add_header Key "<{key}>" always;
    }}
}}
"""


def ask(port, user):
    for _ in range(200):
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/", headers={"Cookie": "__Host-session=" + user})
            answer = connection.getresponse()
            return f"{answer.status} by the key {answer.headers['Key']}"
        except ConnectionRefusedError:
            time.sleep(0.05)


for key in ("$cookie___Host-session", "$cookie___Host_session", "$by_map"):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with open("config", "w") as config:
        config.write(CONFIG.format(folder=os.getcwd(), port=port, key=key))
    nginx = ["root/usr/sbin/nginx", "-c", os.path.abspath("config"), "-e", "/dev/null"]
    subprocess.run([*nginx, "-t", "-q"], check=True)
    server = subprocess.Popen(nginx)
    try:
        for user in ("alice", "bob"):
            print(f"{key}, {user}: {ask(port, user)}")
    finally:
        server.terminate()
        server.wait()
PY
root/usr/sbin/nginx -v 2>&1
python3 ask.py | tee seen
diff - seen <<'SEEN'
$cookie___Host-session, alice: 200 by the key <-session>
$cookie___Host-session, bob: 503 by the key <-session>
$cookie___Host_session, alice: 200 by the key <>
$cookie___Host_session, bob: 200 by the key <>
$by_map, alice: 200 by the key <alice>
$by_map, bob: 200 by the key <bob>
SEEN
