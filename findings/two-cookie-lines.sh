#!/usr/bin/env bash
# Four WSGI servers and a request with two Cookie lines.
#
# HTTP/2 allows a client to split its cookies over several lines, and RFC 9113 (8.2.3) says how to join them: with "; ".
# What one would guess: every WSGI server does that, or passes on one of them in the same way.
# What happens: `Cookie: a=1` and `Cookie: b=2` arrive in HTTP_COOKIE in several forms. Where a comma joins them, a cookie
# parser that follows RFC 6265 reads one cookie, a, with the value "1,b=2": the second one is gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gunicorn==23.0.0 waitress==3.0.2 cheroot==10.0.1

cat >app.py <<'PY'
def application(environ, start_response):
    body = environ.get("HTTP_COOKIE", "none").encode("latin-1")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PY
cat >ask.py <<'PY'
import socket
import subprocess
import sys
import time

SERVERS = {
    "gunicorn": ["-m", "gunicorn", "--bind", "127.0.0.1:PORT", "app"],
    "waitress": ["-m", "waitress", "--listen=127.0.0.1:PORT", "app:application"],
    "cheroot": ["-m", "cheroot", "--bind", "127.0.0.1:PORT", "app"],
    "wsgiref": ["-c", "from wsgiref.simple_server import make_server; import app;"
                " make_server('127.0.0.1', PORT, app.application).serve_forever()"],
}
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ask(port):
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                sock.sendall(REQUEST)
                answer = b""
                while part := sock.recv(4096):
                    answer += part
                return answer.partition(b"\r\n\r\n")[2].decode()
        except OSError:
            time.sleep(0.05)
    return "no answer"


for name, arguments in SERVERS.items():
    port = free_port()
    command = [sys.executable, *(each.replace("PORT", str(port)) for each in arguments)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        print(f"{name:9}{ask(port)}")
    finally:
        server.terminate()
        server.wait()
PY
venv/bin/pip list --disable-pip-version-check 2>/dev/null | grep -E "^(gunicorn|waitress|cheroot) "
python3 --version
seen=$(venv/bin/python ask.py)
echo "$seen"
expected='gunicorn a=1,b=2
waitress a=1, b=2
cheroot  b=2
wsgiref  a=1,b=2'
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: joined with a comma, with a comma and a blank, or the last one alone; nobody joins as RFC 9113 says."
