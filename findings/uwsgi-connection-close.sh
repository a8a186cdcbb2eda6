#!/usr/bin/env bash
# uWSGI's HTTP/1.1 socket and `Connection: close`.
#
# What one would guess: who asks for the connection to be closed reads the answer and then its end; a server that speaks
# HTTP/1.1 closes it at once (RFC 9112 9.6). `--http-socket` does.
# What happens: with `--http11-socket` the whole answer comes at once and the end only when uWSGI's read times out, four
# seconds later (--socket-timeout), and in the meantime the only thread of the process serves nobody else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyuwsgi==2.0.30.post1

cat >app.py <<'PY'
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
PY
cat >ask.py <<'PY'
import socket
import subprocess
import time


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def connect(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except OSError:
            time.sleep(0.05)


def ask(port):
    """Seconds until the answer is whole, and until the connection ends."""
    with connect(port) as sock:
        begin = time.monotonic()
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while not answer.endswith(b"hello"):
            answer += sock.recv(4096)
        whole = time.monotonic() - begin
        while sock.recv(4096):
            pass
        return whole, time.monotonic() - begin


def other(port):
    """Seconds until somebody else is answered who comes while the first connection has not ended."""
    with connect(port) as sock, connect(port) as second:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while b"hello" not in sock.recv(4096):
            pass
        begin = time.monotonic()
        second.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        second.recv(4096)
        return time.monotonic() - begin


for option in ("--http-socket", "--http11-socket"):
    port = free_port()
    command = ["venv/bin/uwsgi", "--master", "--die-on-term", option, f"127.0.0.1:{port}", "--module=app:application"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ask(port)
        (whole, end), waits = ask(port), other(port)
        word = lambda seconds: "at once" if seconds < 2 else "after seconds"
        print(f"{option}: the answer {word(whole)}, the end {word(end)}, the next client's answer {word(waits)}")
    finally:
        server.terminate()
        server.wait()
PY
venv/bin/uwsgi --version
seen=$(venv/bin/python ask.py)
echo "$seen"
expected="--http-socket: the answer at once, the end at once, the next client's answer at once
--http11-socket: the answer at once, the end after seconds, the next client's answer after seconds"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: the request to close is not heard."
