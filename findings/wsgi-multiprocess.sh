#!/usr/bin/env bash
# What WSGI servers say in wsgi.multiprocess.
#
# What one would guess: true if another process may run the same application, as PEP 3333 says; so an application that
# keeps something in memory could refuse to run where it is true.
# What happens: granian with two workers says no, though two processes answer in turn. hypercorn and a2wsgi say
# yes with a single process. Only gunicorn and uWSGI say what is the case.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    gunicorn==27.0.1 granian==2.8.9 hypercorn==0.18.0 a2wsgi==1.10.10 uvicorn==0.54.0 pyuwsgi==2.0.30.post1

cat >app.py <<'PY'
import os


def application(environ, start_response):
    body = f"{environ['wsgi.multiprocess']} {os.getpid()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PY
cat >ask.py <<'PY'
import os
import signal
import socket
import subprocess
import time
import urllib.request

A2WSGI = "import a2wsgi, app, uvicorn; uvicorn.run(a2wsgi.WSGIMiddleware(app.application), port=PORT)"
UWSGI = ["venv/bin/uwsgi", "--master", "--die-on-term", "--http-socket=127.0.0.1:PORT", "--module=app:application"]
GRANIAN = ["venv/bin/granian", "--interface=wsgi", "--port=PORT", "app:application", "--workers"]
SERVERS = (
    ("gunicorn, 1", ["venv/bin/gunicorn", "--bind=127.0.0.1:PORT", "app", "--workers", "1"]),
    ("gunicorn, 2", ["venv/bin/gunicorn", "--bind=127.0.0.1:PORT", "app", "--workers", "2"]),
    ("uWSGI, 1", [*UWSGI, "--processes", "1"]),
    ("uWSGI, 2", [*UWSGI, "--processes", "2"]),
    ("granian, 1", [*GRANIAN, "1"]),
    ("granian, 2", [*GRANIAN, "2"]),
    ("hypercorn, 1", ["venv/bin/hypercorn", "--bind=127.0.0.1:PORT", "wsgi:app:application", "--workers", "1"]),
    ("a2wsgi, 1", ["venv/bin/python", "-c", A2WSGI]),
)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ask(port):
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read().decode().split()
        except OSError:
            time.sleep(0.05)
    return ["no answer", ""]


for name, command in SERVERS:
    port = free_port()
    server = subprocess.Popen([each.replace("PORT", str(port)) for each in command], start_new_session=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        said, processes = set(), set()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (len(processes) < int(name[-1]) or len(processes) == 0):
            flag, process = ask(port)
            said.add(flag)
            processes.add(process)
        print(f"{name}: {len(processes)} answer, wsgi.multiprocess is {' or '.join(said)}")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
PY
seen=$(venv/bin/python ask.py)
echo "$seen"
expected="gunicorn, 1: 1 answer, wsgi.multiprocess is False
gunicorn, 2: 2 answer, wsgi.multiprocess is True
uWSGI, 1: 1 answer, wsgi.multiprocess is False
uWSGI, 2: 2 answer, wsgi.multiprocess is True
granian, 1: 1 answer, wsgi.multiprocess is False
granian, 2: 2 answer, wsgi.multiprocess is False
hypercorn, 1: 1 answer, wsgi.multiprocess is True
a2wsgi, 1: 1 answer, wsgi.multiprocess is True"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: the flag tells nothing about the number of processes."
