"""python tests/field/wsgi_servers.py [NAME ...]: what does a WSGI server change before we see it, and is that safe?

Outside CI. It needs the servers of SERVERS where it runs (all but mod_wsgi from PyPI, that one from Debian's
libapache2-mod-wsgi-py3); those that are missing are left out. Each is started twice on loopback: once with an app that
tells the environ it was given, once with authref and a SQLite file. What is sent are bytes through plain sockets.

Without names all are asked, and what comes out is written to wsgi_servers.md beside this file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
TABLE = Path(__file__).with_suffix(".md")
PASSWORD = "correct horse battery"
JUDGED = ("safe", "let through", "lost", "files left open")
VISITS = 500  # after which as many files are open as before, unless some are left open

# {app} is the module, {port} the port, {many} the number of processes; names are package, then kind.
PYTHON = "{python} -m "
SERVERS = {
    "gunicorn, sync": PYTHON + "gunicorn --bind 127.0.0.1:{port} --workers {many} {app}:application",
    "gunicorn, gthread": PYTHON + "gunicorn --bind 127.0.0.1:{port} --workers {many} --threads 4 {app}:application",
    "gunicorn, gevent": PYTHON + "gunicorn --bind 127.0.0.1:{port} --workers {many} -k gevent {app}:application",
    "waitress": PYTHON + "waitress --listen=127.0.0.1:{port} {app}:application",
    "uWSGI": "{bin}/uwsgi --master --need-app --enable-threads --threads 4 --die-on-term --processes {many}"
    " --http11-socket 127.0.0.1:{port} --module {app}:application",
    "cheroot": PYTHON + "cheroot --bind 127.0.0.1:{port} {app}:application",
    "bjoern": "bjoern.run(application, '127.0.0.1', {port})",
    "hypercorn": PYTHON + "hypercorn --bind 127.0.0.1:{port} --workers {many} wsgi:{app}:application",
    "granian": "{bin}/granian --interface wsgi --host 127.0.0.1 --port {port} --workers {many} {app}:application",
    "a2wsgi": "uvicorn.run(a2wsgi.WSGIMiddleware(application), port={port}, log_level='warning')",
    "eventlet": "eventlet.wsgi.server(eventlet.listen(('127.0.0.1', {port})), application)",
    "gevent, pywsgi": "gevent.pywsgi.WSGIServer(('127.0.0.1', {port}), application).serve_forever()",
    "Twisted": PYTHON + "twisted web --wsgi={app}.application --listen=tcp:{port}:interface=127.0.0.1",
    "Werkzeug": "werkzeug.serving.run_simple('127.0.0.1', {port}, application, threaded=True)",
    "wsgiref": "wsgiref.simple_server.make_server('127.0.0.1', {port}, application).serve_forever()",
    "mod_wsgi": "apache2 -X -d {folder} -f {folder}/apache.conf",
}
MODULES = {"a2wsgi": "a2wsgi, uvicorn", "Werkzeug": "werkzeug.serving", "wsgiref": "wsgiref.simple_server"}
ONE_PROCESS = ("waitress", "cheroot", "bjoern", "a2wsgi", "eventlet", "gevent, pywsgi", "Twisted", "Werkzeug",
               "wsgiref", "mod_wsgi")  # fmt: skip

TELLS = """
import json
def application(environ, start_response):
    try:
        chunked = environ.get("HTTP_TRANSFER_ENCODING")
        read = environ["wsgi.input"].read(65537 if chunked else int(environ.get("CONTENT_LENGTH") or 0))
    except Exception as error:
        read = repr(error).encode()
    told = {name: value for name, value in environ.items() if isinstance(value, (str, int))}
    kind = type(environ["wsgi.input"])
    told |= {"body": read.decode("latin-1"), "input": f"{kind.__module__}.{kind.__qualname__}"}
    answer = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
"""
# Apache from Debian has Python's 3.11; the packages are those of the environment that this script runs in.
APACHE = """
PidFile {folder}/apache.pid
ServerName localhost
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
ErrorLog {folder}/apache.log
WSGIPythonHome {prefix}
WSGIPassAuthorization On
WSGIScriptAlias / {folder}/{script}.wsgi
<Directory {folder}>
  Require all granted
</Directory>
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Server:
    """One that runs."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def send(self, data: str, seconds: float = 10.0) -> bytes:
        """Everything that comes back for these bytes until the server closes, or is silent for a while."""
        answer = b""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), seconds) as sock:
            sock.settimeout(seconds)
            sock.sendall(data.encode("latin-1"))
            while chunk := sock.recv(65536):
                answer += chunk
                sock.settimeout(0.5)
                if "close" in data and _is_whole(answer):  # not all servers that are asked to close do so
                    break
        return answer

    def open_files(self) -> int:
        """How many files its processes have open."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in _family(self.process.pid))


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


@contextmanager
def running(name: str, app: str, folder: str, many: int = 1) -> Iterator[Server]:
    """The server with this app, until the block ends."""
    port, log = free_port(), Path(folder, "log")
    known = {"port": port, "app": app, "many": many, "folder": folder, "python": sys.executable,
             "bin": Path(sys.executable).parent, "prefix": sys.prefix, "script": app.replace(".", "_")}  # fmt: skip
    command = SERVERS[name].format(**known).split()
    if "(" in command[0]:
        module = MODULES.get(name, name.replace(", ", ".") if ", " in name else name)
        module = "eventlet, eventlet.wsgi" if name == "eventlet" else module
        script = f"import {module}\nfrom {app} import application\n{SERVERS[name].format(**known)}\n"
        command = [sys.executable, "-c", script]
    if name == "mod_wsgi":
        Path(folder, "apache.conf").write_text(APACHE.format(**known))
        lines = "".join(f"os.environ[{key!r}] = {value!r}\n" for key, value in _environment(folder).items())
        path = f"import os, sys\nsys.path[:0] = [{folder!r}, {str(PROJECT)!r}]\n"
        Path(folder, f"{known['script']}.wsgi").write_text(f"{path}{lines}from {app} import application\n")
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{PROJECT}", "HOME": folder, **_environment(folder)}
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=output, start_new_session=True)  # fmt: skip
    server = Server(port, process, log)
    try:
        _wait(server)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(folder: str) -> dict[str, str]:
    return {
        "AUTHREF_STORE": f"sqlite:{folder}/store",
        "AUTHREF_BCRYPT_COST": "4",
        "AUTHREF_LOG": "off",
        "AUTHREF_TRUSTED_PROXY": "127.0.0.1",
    }


def _wait(server: Server) -> None:
    for _ in range(300):
        if server.process.poll() is not None:
            break
        if server.send("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1."):
            return
        time.sleep(0.1)
    raise RuntimeError(f"it does not start: {server.log.read_text(errors='replace')[-600:]}")


def statuses(answer: bytes) -> list[int]:
    """The status of each answer in these bytes."""
    return [int(found) for found in re.findall(rb"(?:^|(?<=[}\n>]))HTTP/1\.[01] (\d{3})", answer)]


def request(line: str, *fields: str, body: str = "", host: str = "a.example") -> str:
    """A request, which asks to have the connection closed."""
    names = [f"Host: {host}", "Connection: close", *fields]
    if body and not any("ngth:" in each or "oding:" in each for each in fields):
        names.append(f"Content-Length: {len(body)}")
    return "\r\n".join([f"{line} HTTP/1.1", *names, "", body])


def told(server: Server, data: str) -> dict[str, object]:
    """The environ that came of these bytes; {} if the server refused them, or dropped the connection."""
    answer = server.send(data)
    found = re.search(rb"\{.*\}", answer, re.DOTALL)
    status = statuses(answer)
    return json.loads(found[0]) if found and status[:1] == [200] else {"refused": status[0] if status else "closed"}


def _value(environ: dict[str, object], name: str) -> str:
    if "refused" in environ:
        return f"{environ['refused']}"
    return f"`{environ[name]}`" if environ.get(name) else "nothing"


def what_it_changes(name: str, folder: str) -> dict[str, str]:
    """The first half of a row."""
    row = {}
    with running(name, "tells", folder) as server:
        for column, key, data in (
            ("two `Cookie` lines", "HTTP_COOKIE", request("GET /", "Cookie: a=1", "Cookie: b=2")),
            ("two of another name", "HTTP_X_A", request("GET /", "X-A: 1", "X-A: 2")),
            ("`X_A` after `X-A`", "HTTP_X_A", request("GET /", "X-A: 1", "X_A: 2")),
            ("`é` in a value", "HTTP_X_A", request("GET /", "X-A: caf\xe9")),
            ("two `Host` lines", "HTTP_HOST", request("GET /", "Host: b.example")),
        ):
            row[column] = _value(told(server, data), key)
        encoded = told(server, request("GET /%6de"))
        sent = next((encoded[each] for each in ("RAW_URI", "REQUEST_URI", "RAW_PATH_INFO") if encoded.get(each)), None)
        row["target"] = "as sent" if sent == "/%6de" else "decoded" if not sent else f"`{sent}`"
        chunks = "5\r\nhello\r\n0\r\n\r\n"
        chunked = told(server, request("POST /", "Transfer-Encoding: chunked", body=chunks))
        end = "told" if chunked.get("wsgi.input_terminated") else "silent"
        read = {"hello": "read", chunks: "raw", "": "not read"}.get(str(chunked.get("body")), "fails")
        row["chunked body"] = f"{chunked['refused']}" if "refused" in chunked else f"{read}, {end}"
        row["input"] = str(chunked.get("input", ""))
        claimed = told(server, request("GET /", "X-Forwarded-For: 192.0.2.9"))
        row["`X-Forwarded-For`"] = "believed" if claimed.get("REMOTE_ADDR") == "192.0.2.9" else "left alone"
        row["says it is several"] = "yes" if claimed.get("wsgi.multiprocess") else "no"
    if name not in ONE_PROCESS:
        with running(name, "tells", folder, many=2) as server:
            several = told(server, request("GET /")).get("wsgi.multiprocess")
            row["says it is several"] += ", yes" if several else ", no"
    return row


@dataclass
class Visit:
    """Two people who have logged in, and what the server then does with hostile and honest bytes."""

    server: Server
    cookies: list[str] = field(default_factory=list)
    token: str = ""

    def begin(self) -> None:
        for email in ("alice@example.com", "bob@example.com"):
            self.post("/signup", email)
            found = re.search(rb"(?i)set-cookie: (session=[^;]+)", self.post("/login", email))
            self.cookies.append(found[1].decode() if found else "")
        found = re.search(rb'"token":"([^"]+)"', self.post("/token/login", "alice@example.com"))
        self.token = found[1].decode() if found else ""

    def post(self, path: str, email: str) -> bytes:
        body = json.dumps({"email": email, "password": PASSWORD})
        return self.server.send(request(f"POST {path}", "Content-Type: application/json", body=body))

    def hostile(self) -> Iterator[tuple[str, str, Callable[[list[int]], bool]]]:
        """Bytes, and what must not come back for them."""
        alice, bob = (f"Cookie: {cookie}" for cookie in self.cookies)
        bearer, kind = f"Authorization: Bearer {self.token}", "Content-Type: application/json"
        login = json.dumps({"email": "alice@example.com", "password": PASSWORD})
        hidden = "GET /health HTTP/1.1\r\nHost: a.example\r\n\r\n"
        chunks, chunked = f"{len(login):x}\r\n{login}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"
        two = lambda found: len(found) > 1  # noqa: E731
        let_in = lambda found: found[:1] == [200]  # noqa: E731
        yield "two session cookies in two lines", request("GET /me", bob, alice), let_in
        yield "two tokens in two lines", request("GET /token/me", "Authorization: Bearer x", bearer), let_in
        yield "two hosts", request("GET /health", "Host: b.example"), let_in
        yield "an encoded path", request("GET /%6de", alice), let_in
        yield "`Sec_Fetch_Site` for another site", request(
            "POST /logout", alice, "Origin: https://evil.example", "Sec_Fetch_Site: same-origin"), let_in  # fmt: skip
        yield (
            "two lengths",
            request(
                "POST /login", kind, f"Content-Length: {len(login)}", f"Content-Length: {len(login) - 1}", body=login
            ),
            let_in,
        )
        yield (
            "`Content_Length` beside the length",
            request("POST /login", kind, f"Content-Length: {len(login)}", "Content_Length: 2", body=login).replace(
                "close", "keep-alive"
            ),
            two,
        )
        yield "a length and chunks", request(
            "POST /login", kind, chunked, f"Content-Length: {len(login)}", body=chunks), let_in  # fmt: skip
        yield "a length with a plus", request("POST /login", kind, f"Content-Length: +{len(login)}", body=login), let_in
        yield "a blank before the colon", request("GET /me", alice.replace(":", " :")), let_in
        yield "a folded line", request("GET /me", "X-A: 1\r\n " + alice), let_in
        # Kept alive, and with a request in what nobody has read.
        hidden_chunk = f"{len(hidden):x}\r\n{hidden}\r\n0\r\n\r\n"
        for what, length, body in (
            ("a request hidden in a chunk", chunked, hidden_chunk),
            ("a request hidden behind a chunk without a size", chunked, "zz\r\n\r\n" + hidden),
            ("a request hidden in a body that is too large", "Content-Length: 70000", (hidden * 2000)[:70000]),
            ("a request hidden in chunks that are too many", chunked, hidden_chunk[:-5] * 2000 + "0\r\n\r\n"),
        ):
            yield what, request("POST /login", kind, length, body=body).replace("close", "keep-alive"), two

    def can_forge(self) -> bool:
        """True if a name with `_` beats the header of the proxy, which comes before it, in 21 wrong logins."""
        found = []
        for number in range(21):
            forged = f"X_Forwarded_For: 198.51.100.{number}"
            fields = ("Content-Type: application/json", "X-Forwarded-For: 192.0.2.1", forged)
            body = json.dumps({"email": f"{number}@example.com", "password": "a wrong password"})
            found += statuses(self.server.send(request("POST /login", *fields, body=body)))
        return found[-1:] != [429]

    def honest(self) -> Iterator[tuple[str, str, int]]:
        """What works with our own server, and its status."""
        alice, kind = f"Cookie: {self.cookies[0]}", "Content-Type: application/json"
        login = json.dumps({"email": "alice@example.com", "password": PASSWORD})
        yield "a session cookie", request("GET /me", alice), 200
        yield "a token", request("GET /token/me", f"Authorization: Bearer {self.token}"), 200
        yield "HEAD", request("HEAD /me", alice), 200
        yield "`é` in a neighbour of the session's cookie", request("GET /me", f"Cookie: a=\xe9; {alice[8:]}"), 200
        yield "an absolute target", request("GET http://a.example/me", alice), 200
        chunks = f"{len(login):x}\r\n{login}\r\n0\r\n\r\n"
        yield "a chunked body", request("POST /login", kind, "Transfer-Encoding: chunked", body=chunks), 200
        yield "`OPTIONS *`", request("OPTIONS *"), 204


def is_it_safe(name: str, folder: str, visits: int = VISITS) -> dict[str, str]:
    """The second half of a row."""
    with running(name, "authref.wsgi", folder) as server:
        visit = Visit(server)
        visit.begin()
        before = server.open_files()
        for _ in range(visits):
            server.send(request("GET /me", f"Cookie: {visit.cookies[0]}"))
        leaked = server.open_files() - before
        bad = [what for what, data, is_bad in visit.hostile() if is_bad(statuses(server.send(data)))]
        lost = []
        for what, data, expected in visit.honest():
            found = statuses(server.send(data))
            if found[:1] != [expected]:
                lost.append(f"{what} ({found[0] if found else 'closed'})")
        if visit.can_forge():
            bad.append("an address in `X_Forwarded_For`")
    safe = "yes" if not bad else "yes *" if bad == ["an encoded path"] else "behind a strict proxy"
    left = f"{leaked}" if leaked > visits / 10 else "none"
    return dict(zip(JUDGED, (safe, "; ".join(bad) or "nothing", "; ".join(lost) or "nothing", left), strict=True))


def version_of(name: str) -> str:
    """The server's version. Raises LookupError when it is not here."""
    if name == "wsgiref":
        return sys.version.split()[0]
    if name == "mod_wsgi":
        if not shutil.which("apache2") or not Path("/usr/lib/apache2/modules/mod_wsgi.so").exists():
            raise LookupError
        return re.search(
            r"Version: (\S+?)-", subprocess.check_output(["dpkg", "-s", "libapache2-mod-wsgi-py3"], text=True)
        )[1]  # type: ignore[index]
    package = name.partition(",")[0]
    more = {"a2wsgi": ("uvicorn",), "gunicorn, gevent": ("gevent",)}.get(name, ())
    return " + ".join([version(package), *(f"{each} {version(each)}" for each in more)])


def rows(names: list[str]) -> Iterator[dict[str, str]]:
    """What came out for each of these servers that is here."""
    for name in names:
        try:
            row = {"server": f"{name} {version_of(name)}"}
        except (LookupError, PackageNotFoundError):
            print(f"{name} is not here", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)  # Apache's workers are of another user when root starts it
            Path(folder, "tells.py").write_text(TELLS)
            row |= what_it_changes(name, folder)
            row |= is_it_safe(name, folder)
        print(json.dumps(row, ensure_ascii=False, indent=1))
        yield row


def table(found: list[dict[str, str]], columns: list[str]) -> str:
    """These columns in Markdown."""
    lines = [columns, ["---"] * len(columns), *([row[column] for column in columns] for row in found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(found: list[dict[str, str]]) -> str:
    """The file that is written."""
    changes = [column for column in found[0] if column not in (*JUDGED, "input")]
    return f"""# WSGI servers, and what they change before we see it

Made by `python tests/field/wsgi_servers.py`, which starts each of them and sends it bytes through plain sockets.

## What they change

What stands in the environ for what was sent. A number is the status with which the server itself refused it, `closed` a
connection that ended without an answer. `read, told`: the body was given without its chunks, and
`wsgi.input_terminated` says so; `silent`: nothing says so. The last column is `wsgi.multiprocess` with one process, and
with two where it can have two.

{table(found, changes)}
## Is it safe?

*Let through*: what our own server refuses and, under this one, is answered as if nothing were wrong; a WSGI app cannot
see it. *Lost*: what our own server answers and, under this one, is not answered. *Safe*: yes, if nothing is let
through; `yes *` if only an encoded path is: `/%6de` is `/me`, so that a rule for paths in a proxy has to decode as the
server does. `behind a strict proxy`: one that sends one host, one length, one line of each name, and no name with `_`;
proxies.md says which do. *An address in `X_Forwarded_For`*: a client can choose the address that its guesses count for.

{table(found, ["server", *JUDGED])}"""


def main() -> int:
    """Ask the servers that are named, or all, and then write the page."""
    found = list(rows(sys.argv[1:] or list(SERVERS)))
    if not sys.argv[1:]:
        TABLE.write_text(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
