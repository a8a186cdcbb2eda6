#!/usr/bin/env bash
# Clients, and a POST whose answer is lost.
#
# A server has read a whole POST, and the connection ends before the answer: the server was restarted, or a proxy was.
# What one would guess: the client says so to whoever called it. It should not send a POST again by itself (RFC 9110,
# 9.2.2): a refresh token that counts once has been used twice then, and that is how a thief is told.
# What happens: wget, httplib2 and Java's HttpURLConnection send it again, on a new connection, and report the second
# answer as a success; nobody learns that there were two. curl, requests and Node's fetch send it once and say that there
# was no answer. (--tries=1 and -Dsun.net.http.retryPost=false turn it off in two; httplib2 also does it with RETRIES = 1.)
# Needs apt-get, dpkg, Node 20, Java 17 (17.0.21 here) and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download wget=1.21.3-1+deb12u1 libpsl5 libidn2-0 libunistring2 libgnutls30 \
    libnettle8 libhogweed6 libp11-kit0 libtasn1-6 libpcre2-8-0 libuuid1
for package in *.deb; do dpkg -x "$package" root; done
python3 -m venv python
python/bin/pip -q install httplib2==0.32.1 requests==2.34.2 pycurl==7.45.7 2>/dev/null

cat >Ask.java <<'JAVA'
import java.net.HttpURLConnection;
import java.net.URI;

class Ask {
    public static void main(String[] arguments) throws Exception {
        var connection = (HttpURLConnection) URI.create(arguments[0]).toURL().openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.getOutputStream().write("once".getBytes());
        System.out.print(connection.getResponseCode());
    }
}
JAVA
cat >ask.py <<'PY'
import os
import socket
import subprocess
import sys
from threading import Thread

library = os.path.abspath(f"root/usr/lib/{os.uname().machine}-linux-gnu")
WGET = ["env", f"LD_LIBRARY_PATH={library}", "root/usr/bin/wget", "-q", "-O", "-", "--post-data=once"]
CURL = """
import pycurl
curl = pycurl.Curl()
curl.setopt(pycurl.URL, {url!r})
curl.setopt(pycurl.POSTFIELDS, "once")
curl.setopt(pycurl.WRITEFUNCTION, lambda text: None)
curl.perform()
print(curl.getinfo(pycurl.RESPONSE_CODE), end="")"""
HTTPLIB2 = "import httplib2; print(httplib2.Http(proxy_info=None).request({url!r}, 'POST', 'once')[0].status, end='')"
REQUESTS = "import requests; print(requests.post({url!r}, 'once').status_code, end='')"
FETCH = "const answer = await fetch('{url}', {{ method: 'POST', body: 'once' }}); process.stdout.write(`${{answer.status}}`);"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n200"
CLIENTS = {
    "wget 1.21.3": [*WGET, "{url}"],
    "httplib2 0.32.1": [sys.executable, "-c", HTTPLIB2],
    "Java's HttpURLConnection": ["java", "Ask.java", "{url}"],
    "curl 8.16.0, in pycurl 7.45.7": [sys.executable, "-c", CURL],
    "requests 2.34.2": [sys.executable, "-c", REQUESTS],
    "Node's fetch": ["node", "--input-type=module", "-e", FETCH],
}


def serve(listener, read):
    """Read each POST to its end; hang up on the first of them, and answer the others."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            request = b""
            while not request.endswith(b"once"):
                request += client.recv(4096)
            read.append(request)
            if len(read) > 1:
                client.sendall(ANSWER)


environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
for name, command in CLIENTS.items():
    read = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, args=(listener, read), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        asked = subprocess.run([part.format(url=url) for part in command], env=environment, timeout=60,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    print(f"{name}: POSTs {len(read)}, {asked.stdout or 'no answer'}")
PY
python/bin/python ask.py | tee seen
diff - seen <<'SEEN'
wget 1.21.3: POSTs 2, 200
httplib2 0.32.1: POSTs 2, 200
Java's HttpURLConnection: POSTs 2, 200
curl 8.16.0, in pycurl 7.45.7: POSTs 1, no answer
requests 2.34.2: POSTs 1, no answer
Node's fetch: POSTs 1, no answer
SEEN
