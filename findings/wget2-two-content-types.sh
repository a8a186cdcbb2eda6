#!/usr/bin/env bash
# wget2 and a POST whose Content-Type is given on the command line.
#
# What one would guess: as with wget, `--header 'Content-Type: application/json'` takes the place of the default.
# What happens: wget2 1.99.1 (Debian 12) sends both lines, the form's after it. A server that takes the last one, or joins
# the two, refuses JSON that looks right on the command line.
# Needs apt-get, dpkg and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download wget2=1.99.1-2.2 libwget0
for package in *.deb; do dpkg -x "$package" .; done
libraries=$(dirname "$(find . -name 'libwget.so*' | head -1)")
export LD_LIBRARY_PATH=$folder/$libraries

cat >ask.py <<'PY'
import socket
import subprocess

with socket.create_server(("127.0.0.1", 0)) as listener:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    flags = ["-q", "-O", "/dev/null", "--header", "Content-Type: application/json", "--post-data", "{}"]
    client = subprocess.Popen(["usr/bin/wget2", *flags, url])
    listener.settimeout(10)
    connection = listener.accept()[0]
    head = connection.recv(4000).decode()
    connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    connection.close()
    client.wait(10)
print(*[line for line in head.split("\r\n") if line.startswith(("User-Agent", "Content-Type"))], sep="\n")
PY
seen=$(timeout 30 python3 ask.py)
echo "$seen"
expected='User-Agent: wget2/1.99.1
Content-Type: application/json
Content-Type: application/x-www-form-urlencoded'
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; exit 1; }
echo "As described: two lines where one was asked for."
