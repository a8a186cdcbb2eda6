"""python tests/field/proxies.py [NAME ...]: what do reverse proxies do to us, with the shortest configuration?

Outside CI. It needs the proxies of PROXIES, as Debian 12 packages them (apt-get install nginx-light apache2 haproxy
caddy lighttpd varnish squid h2o), and h2 from PyPI for the column on HTTP/2. Each is started on loopback before a
server of ours that trusts 127.0.0.1; the clients come from 127.0.0.2 and its neighbours: their addresses differ.

Without names all are tried at once, which takes two minutes, and what comes out is written to proxies.md beside this
file, with the configurations.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

PROJECT = Path(__file__).parent.parent.parent
PAGE = Path(__file__).with_suffix(".md")
PASSWORD = "correct horse battery"
SITE = "auth.example"
LONG_PAUSE = 85  # seconds: longer than our server keeps an idle connection, shorter than Caddy does


@dataclass(frozen=True)
class Proxy:
    """How one is started, what has to stand in its configuration, and what surrounds that here."""

    package: str
    command: str
    configuration: str
    frame: str = "{configuration}"


PROXIES = {
    "nginx": Proxy(
        "nginx",
        "nginx -p {folder} -c {file}",
        """location / {{
    proxy_pass http://127.0.0.1:{upstream};
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}}""",
        """daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
server {{ listen 127.0.0.1:{port}; {configuration} }}
server {{ listen 127.0.0.1:{port2} http2; {configuration} }} }}""",
    ),
    "Apache": Proxy(
        "apache2",
        "apache2 -DFOREGROUND -d {folder} -f {file}",
        "ProxyPass / http://127.0.0.1:{upstream}/",
        """PidFile {folder}/pid
ServerName localhost
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{port2}
ErrorLog {folder}/errors
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
Protocols h2c http/1.1
{configuration}
""",
    ),
    "HAProxy": Proxy(
        "haproxy",
        "haproxy -db -f {file}",
        """backend authref
    mode http
    option forwardfor
    server here 127.0.0.1:{upstream}""",
        """defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
{configuration}
frontend here
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{port2} proto h2
    default_backend authref
""",
    ),
    "Caddy": Proxy(
        "caddy",
        "caddy run --adapter caddyfile --config {file}",
        "reverse_proxy 127.0.0.1:{upstream}",
        """{{
admin off
servers {{
protocols h1 h2c
}}
}}
http://:{port}, http://:{port2} {{
bind 127.0.0.1
{configuration}
}}
""",
    ),
    "lighttpd": Proxy(
        "lighttpd",
        "lighttpd -D -f {file}",
        """server.modules += ("mod_proxy")
proxy.server = ("" => (("host" => "127.0.0.1", "port" => {upstream})))""",
        """server.document-root = "{folder}"
server.port = {port}
server.bind = "127.0.0.1"
server.feature-flags = ("server.h2c" => "enable")
$SERVER["socket"] == "127.0.0.1:{port2}" {{ }}
{configuration}
""",
    ),
    "Varnish": Proxy(
        "varnish",
        "varnishd -F -n {folder}/v -a 127.0.0.1:{port} -a 127.0.0.1:{port2} -f {file} -s malloc,10m -p feature=+http2",
        """backend authref {{ .host = "127.0.0.1"; .port = "{upstream}"; }}""",
        "vcl 4.1;\n{configuration}\n",
    ),
    "Squid": Proxy(
        "squid",
        "squid -N -f {file}",
        """http_port 127.0.0.1:{port} accel defaultsite=auth.example
cache_peer 127.0.0.1 parent {upstream} 0 no-query originserver login=PASSTHRU
http_access allow all""",
        """{configuration}
pid_filename {folder}/pid
access_log none
cache_log {folder}/errors
coredump_dir {folder}
shutdown_lifetime 1 second
""",
    ),
    "h2o": Proxy(
        "h2o",
        "h2o -c {file}",
        """paths:
  "/":
    proxy.reverse.url: "http://127.0.0.1:{upstream}/\"""",
        """listen: {{host: 127.0.0.1, port: {port}}}
hosts:
  default:
    {configuration}
""",
    ),
}

# What a line more, or less, changes.
RAW_URLS = 'server.http-parseopts = ("url-normalize" => "disable")\nserver.modules'
NO_NAME = 'setenv.set-request-header = ("X_Forwarded_For" => "")'
for _name, _of, _old, _new in (
    ("Apache, `nocanon`", "Apache", "{upstream}/", "{upstream}/ nocanon"),
    ("Apache, `RequestHeader`", "Apache", "ProxyPass", "RequestHeader unset X_Forwarded_For\nProxyPass"),
    ("Caddy, `header_up`", "Caddy", "{upstream}", "{upstream} {{\n    header_up -X_Forwarded_For\n}}"),
    ("lighttpd, `url-normalize`", "lighttpd", "server.modules", RAW_URLS),
    ("lighttpd, `setenv`", "lighttpd", "proxy.server", f'server.modules += ("mod_setenv")\n{NO_NAME}\nproxy.server'),
    ("Squid, no `login`", "Squid", " login=PASSTHRU", ""),
):
    PROXIES[_name] = replace(PROXIES[_of], configuration=PROXIES[_of].configuration.replace(_old, _new))
SURPRISES = """
- **nginx** counts everybody as one if `X-Forwarded-For` is not set. It drops names with `_`. No variable of nginx has a
  dash: `$cookie___Host-session` is the same text for everybody, so that a limit by it is one for all
  (`findings/nginx-cookie-with-a-dash.sh`). A `map` of `$http_cookie` finds the cookie.
- **Apache** writes `X-Forwarded-For` by itself. It decodes the path, so that `/%6de` is `/me` for us; with `nocanon` at
  the end of the line it comes as sent. `RequestHeader unset X_Forwarded_For` drops that name.
- **HAProxy** writes its `X-Forwarded-For` in a line of its own after the client's; both are read as one. A
  `stick-table type string` keeps 31 bytes of a key, and all our tokens begin alike: a limit by `Authorization` is one
  for all, without `len 1000` (`findings/haproxy-keys-of-31.sh`).
- **Caddy** drops what the client says of itself, but `X_Forwarded_For` stands after its own, unless `header_up
  -X_Forwarded_For` drops it. It keeps idle connections to us for two minutes, longer than we do, and noticed each time
  that we had closed ours.
- **lighttpd** answers 411 to a POST without a length, so that `curl -X POST …/logout` needs `-d ''`. It decodes the
  path, unless `server.http-parseopts = ("url-normalize" => "disable")`. Two `Cookie` lines become one.
  `setenv.set-request-header = ("X_Forwarded_For" => "")` drops that name.
- **Varnish** and **Squid** keep nothing of ours: every answer says `no-store`.
- **Squid** drops `Authorization` before an origin server: all tokens are 401, until it says `login=PASSTHRU`.
- **h2o** writes `X-Forwarded-For` by itself, and makes one of two `Cookie` lines.
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def process(command: list[str], log: Path, cwd: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program while the block runs."""
    with open(log, "wb") as output:
        started = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def send(port: int, data: str, source: str = "127.0.0.2", seconds: float = 10.0, slowly: float = 0.0) -> bytes:
    """What comes back for these bytes until the other side closes, or is silent for a while."""
    answer = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), seconds, (source, 0)) as sock:
        sock.settimeout(seconds)
        sent = data.encode("latin-1")
        try:
            for start in range(0, len(sent), 8192 if slowly else len(sent)):
                sock.sendall(sent[start : start + 8192] if slowly else sent)
                time.sleep(slowly)
        except OSError:  # it was refused under way; what has come is read all the same
            pass
        while chunk := sock.recv(65536):
            answer += chunk
            if _is_whole(answer) and "close" in data:
                break
    return answer


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


def request(line: str, *fields: str, body: str = "") -> str:
    """A request that asks to have the connection closed."""
    names = [f"Host: {SITE}", "Connection: close", *fields]
    if body and not any("ngth:" in each or "oding:" in each for each in fields):
        names += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([f"{line} HTTP/1.1", *names, "", body])


def status(answer: bytes) -> int:
    """The status of these bytes; 0 for none."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0


def login(email: str, password: str = PASSWORD) -> str:
    return json.dumps({"email": email, "password": password})


class Trial:
    """One proxy before one server of ours, and what came of each try."""

    def __init__(self, port: int, port2: int) -> None:
        self.port, self.port2 = port, port2
        self.row: dict[str, str] = {}

    def note(self, name: str, found: object, expected: object) -> None:
        self.row[name] = "yes" if found == expected else f"no: {found}"

    def run(self) -> dict[str, str]:
        self.sessions()
        self.throttle()
        self.uploads()
        self.requests()
        return self.row

    def by(self, email: str, path: str = "/login", source: str = "127.0.0.2", wrong: str = "", *more: str) -> bytes:
        body = login(email, wrong or PASSWORD)
        return send(self.port, request(f"POST {path}", *more, body=body), source)

    def sessions(self) -> None:
        signed_up = status(self.by("alice@example.com", "/signup"))
        answer = self.by("alice@example.com")
        found = re.search(rb"(?i)set-cookie: (__Host-session=[^;]+)", answer)
        self.cookie = f"Cookie: {found[1].decode() if found else ''}"
        me = status(send(self.port, request("GET /me", self.cookie)))
        head = send(self.port, request("HEAD /me", self.cookie), seconds=2)
        self.note("login, `/me`", (signed_up, status(answer), me), (201, 200, 200))
        self.note("HEAD", (status(head), head.partition(b"\r\n\r\n")[2]), (200, b""))
        foreign = status(send(self.port, request("DELETE /me/sessions", self.cookie, "Origin: https://evil.example")))
        own = status(send(self.port, request("PUT /me", self.cookie, f"Origin: https://{SITE}")))
        self.note("cross-site guard", (foreign, own), (403, 405))
        found = re.search(rb'"token":"([^"]+)"', self.by("alice@example.com", "/token/login"))
        bearer = f"Authorization: Bearer {found[1].decode() if found else ''}"
        self.note("bearer", status(send(self.port, request("GET /token/me", bearer))), 200)
        self.row["`a=1` and ours in HTTP/2"] = self.crumbs()
        self.row["`/%6de`"] = {404: "as sent", 200: "decoded"}.get(
            code := status(send(self.port, request("GET /%6de", self.cookie))), str(code))  # fmt: skip
        without = send(self.port, request("POST /logout", self.cookie), seconds=5)
        self.note("logout without a length", status(without), 200)
        if status(without) != 200:
            send(self.port, request("POST /logout", self.cookie, "Content-Length: 0"))
        self.note("logout is one", status(send(self.port, request("GET /me", self.cookie))), 401)

    def crumbs(self) -> str:
        """The status of GET /me when the cookies come as browsers send them in HTTP/2, one a field."""
        try:
            from h2.connection import H2Connection
            from h2.events import ResponseReceived
        except ImportError:
            return "not tried"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port2), 5, ("127.0.0.2", 0)) as sock:
            connection = H2Connection()
            connection.initiate_connection()
            fields = {":method": "GET", ":path": "/me", ":scheme": "http", ":authority": SITE}
            crumbs = [("cookie", "a=1"), ("cookie", self.cookie.removeprefix("Cookie: "))]
            connection.send_headers(1, [*fields.items(), *crumbs], end_stream=True)
            sock.sendall(connection.data_to_send())
            while data := sock.recv(65536):
                try:
                    events = connection.receive_data(data)
                except Exception:
                    return "no HTTP/2"
                for event in events:
                    if isinstance(event, ResponseReceived):
                        values = dict(event.headers)
                        return str((values.get(b":status") or values[":status"]).decode())
                sock.sendall(connection.data_to_send())
        return "no HTTP/2"

    def throttle(self) -> None:
        self.by("bob@example.com", "/signup")
        wrong = [status(self.by(f"{n}@example.com", "/login", "127.0.0.5", "wrong horse battery")) for n in range(21)]
        other = status(self.by("bob@example.com", "/login", "127.0.0.6"))
        self.note("20 tries an address", (wrong[0], wrong[19], wrong[20], other), (401, 401, 429, 200))
        forged = []
        for number in range(21):
            address = f"192.0.2.{number}"
            more = (f"X-Forwarded-For: {address}", f"X-Forwarded-For: {address}", f"Forwarded: for={address}",
                    f"X-Real-IP: {address}")  # fmt: skip
            forged.append(status(self.by(f"{number}@example.com", "/login", "127.0.0.7", "wrong horse battery", *more)))
        self.note("a forged address does not help", forged[20], 429)

    def uploads(self) -> None:
        size = 300_000
        kind = "Content-Type: application/json"
        whole = request("POST /login", kind, f"Content-Length: {size}", body="x" * size)
        self.note("slow upload, 413", status(send(self.port, whole, seconds=40, slowly=0.2)), 413)
        chunks = "2000\r\n" + "x" * 0x2000 + "\r\n"
        chunked = request("POST /login", kind, "Transfer-Encoding: chunked", body=chunks * 37 + "0\r\n\r\n")
        self.note("in chunks", status(send(self.port, chunked, seconds=40, slowly=0.2)), 413)
        body = login("bob@example.com")
        small = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
        answer = send(self.port, request("POST /login", kind, "Transfer-Encoding: chunked", body=small), "127.0.0.6")
        self.note("a login in chunks", status(answer), 200)

    def requests(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 10, ("127.0.0.8", 0)) as sock:
            sock.settimeout(10)
            found = []
            for _ in range(50):
                sock.sendall(f"GET /health HTTP/1.1\r\nHost: {SITE}\r\n\r\n".encode())
                answer = b""
                while not _is_whole(answer) and (chunk := sock.recv(65536)):
                    answer += chunk
                found.append(status(answer))
                if not answer:
                    break
        self.note("50 requests on a connection", (len(found), {*found}), (50, {200}))
        time.sleep(LONG_PAUSE)
        later = [status(self.by("bob@example.com", "/login", "127.0.0.6")) for _ in range(3)]
        self.note(f"a login after {LONG_PAUSE} s of silence", {*later}, {200})


class Echo:
    """An upstream that answers with the head that it was sent, while the block runs."""

    def __enter__(self) -> int:
        self._socket = socket.create_server(("127.0.0.1", 0))
        Thread(target=self._run, daemon=True).start()
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._socket.accept()
                Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            sock.settimeout(5)
            data = b""
            while b"\r\n\r\n" not in data and (chunk := sock.recv(65536)):
                data += chunk
            head = data.partition(b"\r\n\r\n")[0]
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(head) + head)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):  # to close with bytes unread would take the answer back
                pass


def what_it_passes_on(port: int) -> dict[str, str]:
    """What reaches a server behind it of what ours refuses, and of the names with which an address can be forged."""
    body = login("nobody@example.com")
    chunks = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    kind, length = "Content-Type: application/json", f"Content-Length: {len(body)}"
    passed = []
    for what, pattern, data in (
        ("two hosts", r"\nhost:.*\nhost:", request("GET /", "Host: other.example")),
        ("two lengths", r"\ncontent-length:.*\ncontent-length:",
         request("POST /", kind, length, "Content-Length: 2", body=body)),
        ("a length and chunks", r"(?=.*\ncontent-length:).*\ntransfer-encoding:",
         request("POST /", kind, length, "Transfer-Encoding: chunked", body=chunks)),
        ("a blank before the colon", r"\nx-a\s+:", request("GET /", "X-A : 1")),
        ("two `Cookie` lines", r"\ncookie:.*\ncookie:", request("GET /", "Cookie: a=1", "Cookie: b=2")),
        ("two tokens", r"\nauthorization:.*\nauthorization:",
         request("GET /", "Authorization: Bearer x", "Authorization: Bearer y")),
    ):  # fmt: skip
        if re.search(pattern, heard(port, data), re.DOTALL):
            passed.append(what)
    answer = heard(port, request("GET /", "X-Forwarded-For: 192.0.2.1", "X_Forwarded_For: 192.0.2.2"))
    own, forged = (answer.rfind(name) for name in ("x-forwarded-for:", "x_forwarded_for:"))
    return {
        "passes on": ", ".join(passed) or "nothing of it",
        "`X_Forwarded_For`": "dropped" if forged < 0 else f"{'before' if forged < own else 'after'} its own",
        "a client's `X-Forwarded-For`": "kept, its own after it" if "192.0.2.1" in answer else "dropped",
    }


def heard(port: int, data: str) -> str:
    """The head that reached the echo, in lower case; "" if the proxy refused."""
    return send(port, data, seconds=5).decode("latin-1").lower().partition("\r\n\r\n")[2]


@contextmanager
def started(name: str, upstream: int) -> Iterator[tuple[int, int]]:
    """The proxy before this port; its own ports, the second of them for HTTP/2."""
    proxy, port, port2 = PROXIES[name], free_port(), free_port()
    if "{port2}" not in proxy.frame + proxy.command:
        port2 = port  # which speaks both
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # some give up root's rights
        known = {"port": port, "port2": port2, "upstream": upstream, "folder": folder, "file": f"{folder}/conf"}
        core = proxy.configuration.format(**known)
        core = core.replace("\n", "\n    ") if proxy.package == "h2o" else core
        Path(folder, "conf").write_text(proxy.frame.format(**known, configuration=core))
        with process(proxy.command.format(**known).split(), Path(folder, "log"), folder) as running:
            for _ in range(200):
                if running.poll() is not None:
                    texts = [each.read_text(errors="replace")[-800:] for each in Path(folder).glob("[le]*")]
                    raise RuntimeError(f"{name} does not start: {texts}")
                if status(send(port, request("GET /health"), "127.0.0.9")) == 200:
                    break
                time.sleep(0.1)
            yield port, port2


def try_out(name: str) -> dict[str, str]:
    """The row of one proxy."""
    row = {"proxy": f"{name} {_version(PROXIES[name].package)}"}
    with Echo() as upstream, started(name, upstream) as (port, _):
        more = what_it_passes_on(port)
    flags = ("--port", "0", "--bcrypt-cost", "4", "--public-url", f"https://{SITE}", "--trusted-proxy", "127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with (
            process([sys.executable, "-m", "authref", *flags], log, str(PROJECT)),
            started(name, _port_in(log)) as (port, port2),
        ):
            return row | Trial(port, port2).run() | more


def _port_in(log: Path) -> int:
    for _ in range(400):
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"our own server does not start: {log.read_text()}")


def _version(package: str) -> str:
    text = subprocess.check_output(["dpkg-query", "-W", "-f", "${Version}", package], text=True)
    return re.sub(r"[-+].*", "", text)


def table(found: list[dict[str, str]], columns: list[str]) -> str:
    """These columns in Markdown."""
    lines = [columns, ["---"] * len(columns), *([row[column] for column in columns] for row in found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(found: list[dict[str, str]]) -> str:
    """The file that is written."""
    changes = ("passes on", "`X_Forwarded_For`", "a client's `X-Forwarded-For`", "`/%6de`", "`a=1` and ours in HTTP/2")
    works = [column for column in found[0] if column not in changes]
    known = {"upstream": 8000, "port": 80, "folder": "/var/www"}
    texts = ""
    for name, proxy in PROXIES.items():
        if "," not in name:
            lines = proxy.configuration.format(**known).splitlines()
            texts += f"{name}:\n\n{''.join(f'    {line}{chr(10)}' for line in lines)}\n"
    return f"""# Reverse proxies, and what they do to us

Made by `python tests/field/proxies.py`, which starts each of them before a server of ours and sends bytes through it.
Our server runs with `--public-url https://auth.example --trusted-proxy 127.0.0.1`. TLS is left out here.

## The shortest configuration

{texts}## What surprises
{SURPRISES}
## What works

*20 tries an address*: 20 wrong passwords from one address keep it out, and not its neighbour. *Slow upload*: 300,000
bytes in 7 seconds are refused after the first of them, and the client still reads why.

{table(found, works)}
## What it changes

*Passes on*: what of two hosts, two lengths, a length and chunks, a blank before the colon, two `Cookie` lines and two
tokens reaches the server behind it. `X_Forwarded_For`: where the client's line of that name stands; our own server
passes over it, some WSGI servers do not (wsgi_servers.md). The last column: browsers send each cookie by itself in
HTTP/2; 200 if the proxy joins them as it must (RFC 9113 §8.2.3).

{table(found, ["proxy", *changes])}"""


def main() -> int:
    """Try the proxies that are named, or all, and then write the page."""
    names = sys.argv[1:] or list(PROXIES)
    with ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(try_out, names))
    for row in found:
        print(json.dumps(row, indent=1, ensure_ascii=False))
    if not sys.argv[1:]:
        PAGE.write_text(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
