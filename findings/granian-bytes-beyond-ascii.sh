#!/usr/bin/env bash
# granian's WSGI interface and a header value with a byte beyond ASCII.
#
# What one would guess: such a byte is allowed (obs-text, RFC 9110 5.5), and WSGI passes it on as Latin-1 (PEP 3333).
# gunicorn does. A server that does not like it could also answer 400.
# What happens: the whole value is empty. One `é` in a cookie of somebody else, and every cookie of the request is gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check granian==2.8.9 gunicorn==27.0.1

cat >app.py <<'PY'
def application(environ, start_response):
    body = environ.get("HTTP_COOKIE", "none").encode("latin-1")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PY
cat >ask.py <<'PY'
import socket
import subprocess
import time
from importlib.metadata import version


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ask(port, value):
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + value + b"\r\nConnection: close\r\n\r\n"
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                sock.sendall(request)
                answer = b""
                while part := sock.recv(4096):
                    answer += part
                return answer.partition(b"\r\n\r\n")[2]
        except OSError:
            time.sleep(0.05)
    return "no answer"


port = free_port()
for name, command in (
    ("granian", ["venv/bin/granian", "--interface", "wsgi", "--port", str(port), "app:application"]),
    ("gunicorn", ["venv/bin/gunicorn", "--bind", f"127.0.0.1:{port}", "app"]),
):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for value in (b"theme=cafe; session=abc", b"theme=caf\xe9; session=abc", "theme=café; session=abc".encode()):
            print(f"{name} {version(name)}: {value} arrives as {ask(port, value)}")
    finally:
        server.terminate()
        server.wait()
PY
seen=$(venv/bin/python ask.py)
echo "$seen"
expected="granian 2.8.9: b'theme=cafe; session=abc' arrives as b'theme=cafe; session=abc'
granian 2.8.9: b'theme=caf\\xe9; session=abc' arrives as b''
granian 2.8.9: b'theme=caf\\xc3\\xa9; session=abc' arrives as b''
gunicorn 27.0.1: b'theme=cafe; session=abc' arrives as b'theme=cafe; session=abc'
gunicorn 27.0.1: b'theme=caf\\xe9; session=abc' arrives as b'theme=caf\\xe9; session=abc'
gunicorn 27.0.1: b'theme=caf\\xc3\\xa9; session=abc' arrives as b'theme=caf\\xc3\\xa9; session=abc'"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: one byte costs the whole value."
