#!/usr/bin/env bash
# WSGI servers and a request without a Content-Type.
#
# What one would guess: CONTENT_TYPE is empty or absent, as PEP 3333 says, so that an application sees that the client
# said nothing of its body.
# What happens: wsgiref and eventlet say "text/plain", on a GET without a body too. They read the head with Python's
# email package, for which text is the default. gunicorn and waitress leave it out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gunicorn==27.0.1 waitress==3.0.2 eventlet==0.41.3

cat >app.py <<'PY'
def application(environ, start_response):
    body = (environ.get("CONTENT_TYPE") or "nothing").encode("latin-1")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PY
cat >ask.py <<'PY'
import socket
import subprocess
import sys
import time

EVENTLET = "import app, eventlet, eventlet.wsgi; eventlet.wsgi.server(eventlet.listen(('127.0.0.1', PORT)), app.application)"
WSGIREF = "import app, wsgiref.simple_server as s; s.make_server('127.0.0.1', PORT, app.application).serve_forever()"
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "--bind=127.0.0.1:PORT", "app"],
    "waitress": ["-m", "waitress", "--listen=127.0.0.1:PORT", "app:application"],
    "wsgiref": ["-c", WSGIREF],
    "eventlet": ["-c", EVENTLET],
}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ask(port, head):
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                sock.sendall(head + b"Host: localhost\r\nConnection: close\r\n\r\n")
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
        get, post = ask(port, b"GET / HTTP/1.1\r\n"), ask(port, b"POST / HTTP/1.1\r\nContent-Length: 0\r\n")
        print(f"{name}: GET {get}, POST {post}")
    finally:
        server.terminate()
        server.wait()
PY
seen=$(venv/bin/python ask.py)
echo "$(venv/bin/python --version), eventlet 0.41.3"
echo "$seen"
expected="gunicorn: GET nothing, POST nothing
waitress: GET nothing, POST nothing
wsgiref: GET text/plain, POST text/plain
eventlet: GET text/plain, POST text/plain"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: two of them invent a type."
