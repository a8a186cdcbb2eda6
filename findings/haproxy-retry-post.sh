#!/usr/bin/env bash
# HAProxy's `retry-on` and a POST whose body follows its head.
#
# The manual says that with anything beyond conn-failure "the whole request" is copied into a buffer, so that it can be
# sent again, and that only what does not fit there is never retried.
# What one would guess: a POST of five bytes is retried, whoever sends it.
# What happens: it is if head and body come in one packet, as curl sends them. If the body comes a moment later, as from
# Python's http.client, urllib and requests, the first failure is the client's: 502. `option http-buffer-request`, which
# the entry on retry-on does not name, makes both the same.
# Needs apt-get, dpkg and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 . # apt's own user writes here
apt-get download -qq haproxy=2.6.12-1+deb12u4 liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu

cat >ask.py <<'PY'
import socket
import subprocess
import threading
import time

CONFIG = """
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
    retries 2
    retry-on conn-failure empty-response response-timeout
    {option}
listen all
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{server}
"""
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def serve(listener):
    """Hang up on the first whole request of each two, and answer the second."""
    number = 0
    while True:
        client, _ = listener.accept()
        with client:
            request = b""
            while not request.endswith(b"hello" if request.startswith(b"POST") else b"\r\n\r\n"):
                more = client.recv(4096)
                if not more:
                    break
                request += more
            else:
                number += 1
                if number % 2 == 0:
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def ask(option, parts):
    """The status that a client gets which sends these parts, on a deployment of its own."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with open("config", "w") as config:
            config.write(CONFIG.format(option=option, port=port, server=listener.getsockname()[1]))
        proxy = subprocess.Popen(["root/usr/sbin/haproxy", "-db", "-f", "config"], stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    client = socket.create_connection(("127.0.0.1", port), timeout=20)
                    break
                except OSError:
                    time.sleep(0.05)
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for part in parts:
                    client.sendall(part)
                    time.sleep(0.3)
                return client.recv(4096).split()[1].decode()
        finally:
            proxy.terminate()
            proxy.wait()


for option in ("", "option http-buffer-request"):
    seen = [ask(option, parts) for parts in ((GET,), (POST + b"hello",), (POST, b"hello"))]
    print(f"{option or 'retry-on alone'}: GET {seen[0]}, POST in one packet {seen[1]}, in two {seen[2]}")
PY
root/usr/sbin/haproxy -v | head -1
seen=$(python3 ask.py)
echo "$seen"
expected="retry-on alone: GET 200, POST in one packet 200, in two 502
option http-buffer-request: GET 200, POST in one packet 200, in two 200"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: what comes in two packets is not retried."
