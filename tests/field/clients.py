"""Which clients log in, stay, and log out? Real ones against the real server; the table is clients.md.

    python -m tests.field.clients             all, and writes the table (some minutes: it installs them)
    python -m tests.field.clients curl Java   those whose name begins so, and only shows it

Each driver in drivers/ does what its client's documentation shows: POST /login, GET /me, POST /logout, GET /me, by the
client's own cookie jar. Its first line says the version, the next four the statuses. Debian's packages (see DEBIAN) are
there before; what comes from PyPI and npm is installed here, in a folder that is removed. The same driver then asks a
server that sets a cookie as a neighbour would plant it: who sends it back does not insist on what `__Host-` promises.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

PROJECT = Path(__file__).parents[2]
DRIVERS = Path(__file__).with_name("drivers")
TABLE = Path(__file__).with_name("clients.md")
RIGHT = ["200", "200", "200", "401"]
SECONDS = 600  # for one client: SBCL compiles Drakma first
DEBIAN = (
    "curl wget libwww-perl libmojolicious-perl libhttp-cookiejar-perl ruby ruby-http-cookie ruby-mechanize php-cli"
    " php-curl php-guzzlehttp-guzzle golang-go openjdk-17-jdk-headless nodejs npm"
    " w3m ruby-faraday-cookie-jar libhttpclient-java erlang-inets python3-gi gir1.2-soup-3.0 chromium firefox-esr"
    " xvfb gir1.2-webkit2-4.1 lynx elinks links wget2 libhttpclient5-java libokhttp-java libslf4j-java"
    " ruby-httpclient php-symfony-browser-kit php-symfony-http-client php-symfony-mime lua5.1 lua-http tclcurl"
    " cargo librust-reqwest-dev librust-ureq-dev ghc libghc-http-client-dev libclj-http-clojure cl-drakma sbcl"
    " emacs-nox"
)
PYPI = (
    "requests==2.32.3", "niquests==3.11.4", "httpx==0.28.1", "aiohttp==3.11.11", "mechanize==0.4.10", "pycurl==7.45.4",
    "httpie==3.2.4", "PySide6-WebEngine==6.12.0.140", "curl_cffi==0.17.0", "mechanicalsoup==1.4.0",
    "geventhttpclient==2.6.1", "treq==26.7.0", "scrapy==2.18.0",
)  # fmt: skip
NPM = (
    "tough-cookie@5.0.0", "axios@1.7.9", "axios-cookiejar-support@5.0.5", "got@14.4.5", "superagent@10.1.1",
    "puppeteer-core@24.10.0", "fetch-cookie@3.2.0", "needle@3.5.0", "playwright-core@1.65.1", "jsdom@26.1.0",
    "happy-dom@21.0.4", "newman@6.2.2",
)  # fmt: skip
APACHE = "httpclient httpcore commons-logging"
CLOJURE = f"{APACHE} clojure clj-http httpmime commons-codec commons-io potemkin slingshot clj-tuple riddley"

Command = Callable[[Path], list[str]]


def _script(program: str, name: str) -> Command:
    return lambda folder: [program, str(DRIVERS / name)]


def _python(name: str) -> Command:
    return lambda folder: [str(folder / "venv/bin/python"), str(DRIVERS / "python_clients.py"), name]


def _node(name: str) -> Command:
    return lambda folder: ["node", str(DRIVERS / "node_clients.mjs"), name]


def _java(jars: str, *command: str) -> Command:
    path = ":".join(f"/usr/share/java/{jar}.jar" for jar in jars.split())
    return lambda folder: ["java", "-cp", path, *command]


def built_by_cargo(crate: Path, folder: Path) -> Path:
    """The folder of the crate's programs, from the crates that Debian packages."""
    sources = ('source.crates-io.replace-with="debian"', 'source.debian.directory="/usr/share/cargo/registry"')
    options = [word for source in sources for word in ("--config", source)]
    shutil.copytree(crate, folder / "rust", dirs_exist_ok=True)
    subprocess.run(["cargo", "build", "--quiet", "--offline", *options], cwd=folder / "rust", check=True)
    return folder / "rust/target/debug"


def _rust(name: str) -> Command:
    return lambda folder: [str(built_by_cargo(DRIVERS / "rust", folder) / name)]


def _text_browser(*command: str) -> Command:
    return lambda folder: [sys.executable, str(DRIVERS / "text_browsers.py"), *command]


def _qt(name: str) -> Command:
    return lambda folder: [str(folder / "venv/bin/python"), str(DRIVERS / name)]


def _browser(kind: str, program: str) -> Command:
    return lambda folder: ["node", str(DRIVERS / "browsers.mjs"), kind, shutil.which(program) or program]


CLIENTS: dict[str, Command] = {
    "curl": _script("bash", "curl.sh"),
    "wget": _script("bash", "wget.sh"),
    "wget2": _script("bash", "wget2.sh"),
    "w3m": _script("bash", "w3m.sh"),
    "HTTPie, a session": _script("bash", "httpie.sh"),
    "Python urllib.request, http.cookiejar": _python("urllib_"),
    "Python requests": _python("requests"),
    "Python niquests": _python("niquests"),
    "Python httpx": _python("httpx"),
    "Python curl_cffi": _python("curl_cffi"),
    "Python geventhttpclient": _python("geventhttpclient"),
    "Python treq": _python("treq"),
    "Python Scrapy": _python("scrapy"),
    "Python MechanicalSoup": _python("mechanicalsoup"),
    "Python aiohttp": _python("aiohttp"),
    "Python mechanize": _python("mechanize"),
    "Python pycurl": _python("pycurl"),
    "Node fetch, tough-cookie": _node("tough-cookie"),
    "Node axios, axios-cookiejar-support": _node("axios"),
    "Node got, tough-cookie": _node("got"),
    "Node superagent, agent": _node("superagent"),
    "Node fetch, fetch-cookie": _node("fetch-cookie"),
    "Node needle": _node("needle"),
    "Node Playwright, its requests": _node("playwright"),
    "Node jsdom": _node("jsdom"),
    "Node happy-dom": _node("happy-dom"),
    "Node newman (Postman)": _node("newman"),
    "Java java.net.http": _script("java", "JavaNetHttp.java"),
    "Java HttpURLConnection": _script("java", "JavaUrlConnection.java"),
    "Java Apache HttpClient": _java(APACHE, str(DRIVERS / "ApacheHttpClient.java"), "default"),
    "Java Apache HttpClient, CookieSpecs.STANDARD": _java(APACHE, str(DRIVERS / "ApacheHttpClient.java"), "standard"),
    "Java Apache HttpClient 5": _java(
        "httpclient5 httpcore5 httpcore5-h2 slf4j-api slf4j-nop", str(DRIVERS / "ApacheHttpClient5.java")
    ),
    "Java OkHttp, JavaNetCookieJar": _java("okhttp okhttp-urlconnection okio", str(DRIVERS / "OkHttp.java")),
    "Clojure clj-http": _java(CLOJURE, "clojure.main", str(DRIVERS / "clj_http.clj")),
    "Go net/http, cookiejar": lambda folder: ["go", "run", str(DRIVERS / "cookiejar.go")],
    "Perl LWP, HTTP::Cookies": _script("perl", "lwp.pl"),
    "Perl Mojo::UserAgent": _script("perl", "mojo.pl"),
    "Perl HTTP::Tiny, HTTP::CookieJar": _script("perl", "cookiejar.pl"),
    "Ruby Net::HTTP, http-cookie": _script("ruby", "http_cookie.rb"),
    "Ruby Mechanize": _script("ruby", "mechanize.rb"),
    "Ruby Faraday, cookie jar": _script("ruby", "faraday.rb"),
    "Ruby httpclient": _script("ruby", "httpclient.rb"),
    "PHP curl": _script("php", "curl.php"),
    "PHP Guzzle": _script("php", "guzzle.php"),
    "PHP Symfony HttpBrowser": _script("php", "browser_kit.php"),
    "Erlang httpc": _script("escript", "httpc.escript"),
    "Rust reqwest": _rust("reqwest"),
    "Rust ureq": _rust("ureq"),
    "Haskell http-client": _script("runghc", "http_client.hs"),
    "Common Lisp Drakma": lambda folder: ["sbcl", "--script", str(DRIVERS / "drakma.lisp")],
    "Emacs url.el": lambda folder: ["emacs", "--batch", "--quick", "-l", str(DRIVERS / "emacs.el")],
    "Tcl TclCurl": _script("tclsh", "tclcurl.tcl"),
    "Lua lua-http": _script("lua5.1", "lua_http.lua"),
    "Lua lua-http, site_for_cookies": lambda folder: ["lua5.1", str(DRIVERS / "lua_http.lua"), "site"],
    "libsoup": _script("/usr/bin/python3", "libsoup.py"),
    "WebKitGTK": lambda folder: ["xvfb-run", "-a", "/usr/bin/python3", str(DRIVERS / "webkitgtk.py")],
    "Qt WebEngine": _qt("qt_webengine.py"),
    "Qt QNetworkAccessManager": _qt("qt_network.py"),
    "Lynx": _text_browser("lynx", "-accept_all_cookies", "-dump"),
    "ELinks": _text_browser("elinks", "-dump"),
    "Links": _text_browser("links", "-dump"),
    "Chromium": _browser("chrome", "chromium"),
    "Firefox": _browser("firefox", "firefox-esr"),
}

KNOWN = {  # what is no fault of the server's
    "Java Apache HttpClient": "by default it takes Expires in Netscape's form alone; the next row is the remedy",
    "wget2": "it sends a form's Content-Type beside ours, and keeps no cookie of localhost: see `findings/wget2-*`",
    "Emacs url.el": "it is out, but waits for ever for a 401 whose scheme it does not know",
    "Lua lua-http": "SameSite loses the cookie, see `findings/lua-http-samesite.sh`; the next row is the remedy",
}


def main() -> int:
    """Ask the clients; the exit status is 1 if one of them was not logged in, or still was."""
    asked = tuple(sys.argv[1:])
    chosen = {name: command for name, command in CLIENTS.items() if not asked or name.startswith(asked)}
    with tempfile.TemporaryDirectory() as name, _server() as url, _neighbour() as planting:
        folder = Path(name)
        _install(folder)
        commands = {client: command(folder) for client, command in chosen.items()}
        rows = [(client, *ask(client, command, url, folder)) for client, command in commands.items()]
        planted = [ask(client, command, planting, folder)[1] for client, command in commands.items()]
    text = _table(rows, planted)
    print(text)
    if len(chosen) == len(CLIENTS):
        TABLE.write_text(text, "utf-8")
    return int(any(statuses != RIGHT and client not in KNOWN for client, _, statuses in rows))


def _install(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    subprocess.run([folder / "venv/bin/pip", "install", "--quiet", *PYPI], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", *NPM], cwd=folder, check=True)


def ask(name: str, command: list[str], url: str, folder: Path) -> tuple[str, list[str]]:
    """The client's version, and the four statuses that it saw."""
    account = {"email": f"{abs(hash(name))}@example.com", "password": "correct horse battery"}
    body = json.dumps(account)
    request = urllib.request.Request(f"{url}/signup", body.encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()  # noqa: S310 - to our own server
    path = f"{folder / 'venv/bin'}:{os.environ['PATH']}"
    extra = {"BODY": body, "JAR": str(folder / f"jar{abs(hash(name + url))}"), "PATH": path, "HOME": str(folder)}
    environment = {**os.environ, **extra}
    try:
        done = subprocess.run(
            [*command, url], env=environment, cwd=folder, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"nothing in {SECONDS} s", []
    version, *statuses = done.stdout.split("\n")[:-1] or ["did not start"]
    if done.returncode and len(statuses) < len(RIGHT):
        print(name, done.stderr, file=sys.stderr)
    return version, statuses


def _table(rows: list[tuple[str, str, list[str]]], planted: list[list[str]]) -> str:
    def cell(statuses: list[str], place: int) -> str:
        seen = statuses[place] if place < len(statuses) else "nothing"
        return "yes" if seen == RIGHT[place] else f"**no** ({seen})"

    def insists(statuses: list[str], seen: list[str]) -> str:
        if seen[1:2] == ["200"]:
            return "no"
        return "yes" if (statuses[1:2], seen[1:2]) == (["200"], ["204"]) else "not shown"  # it keeps no cookie at all

    lines = "".join(
        f"| {name} | {version} | {' | '.join(cell(statuses, place) for place in (0, 1, 3))}"
        f" | {insists(statuses, seen)} |\n"
        for (name, version, statuses), seen in zip(rows, planted, strict=True)
    )
    notes = "".join(f"- {name}: {note}.\n" for name, note in KNOWN.items())
    return f"""# Clients that keep cookies

Made by `python -m tests.field.clients` on {time.strftime("%Y-%m-%d")}, {platform.system()}, against the server at
`http://localhost`. *Logs in*: POST /login is 200. *Stays*: then GET /me is 200. *Is out*: after POST /logout, 401.
Text browsers cannot POST JSON: an application on another port of localhost asks for them, with the cookies they send.
*Insists on `__Host-`*: a cookie of such a name that is not Secure is not sent back (RFC 6265bis section 4.1.3.2).

| client | version | logs in | stays | is out | insists on `__Host-` |
|---|---|---|---|---|---|
{lines}
{notes}"""


@contextmanager
def _server() -> Iterator[str]:
    """The URL of a server with cheap hashes, by the name that every cookie jar takes."""
    command = [sys.executable, "-m", "authref", "--port", "0", "--bcrypt-cost", "4", "--log", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server:
        try:
            assert server.stdout is not None
            line = next(line for line in server.stdout if "http://127.0.0.1:" in line)
            yield f"http://localhost:{line.partition('http://127.0.0.1:')[2].split()[0].strip('/')}"
        finally:
            server.terminate()


class _Neighbour(BaseHTTPRequestHandler):
    """Each POST plants the cookie; GET says 200 if it comes back, else 204."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.answer(200, "__Host-planted=1; Path=/; Max-Age=600")

    def do_GET(self) -> None:
        self.answer(200 if "__Host-planted" in (self.headers["Cookie"] or "") else 204, "")

    def answer(self, status: int, cookie: str) -> None:
        """No body; the cookie, if there is one."""
        self.send_response(status)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", "text/plain")  # Symfony takes what has none for HTML
        if status == 200:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the table says it."""


@contextmanager
def _neighbour() -> Iterator[str]:
    with ThreadingHTTPServer(("localhost", 0), _Neighbour) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
