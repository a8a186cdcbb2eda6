"""A real Chromium in front of a real socket: what browsers do with our answers, instead of what we believe they do.

Needs selenium, chromium and chromedriver; without them the file is skipped. One browser serves all tests, without
cookies at the start of each. A test sees our side too: the server notes every request that reaches it.

Three names lead to the same machine. To Chromium they are three sites:

    localhost, 127.0.0.1    trusted without TLS: requests say where they come from in Sec-Fetch-Site
    authref.test            not trusted: no Sec-Fetch-Site, so that Origin alone must do; Clear-Site-Data means nothing

Another port of the same name is another origin but the *same site*: SameSite does not keep our cookie from it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

from authref.app import App
from authref.wire import Request, Response
from tests.basics import PASSWORD
from tests.support import Harness, running

try:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # for root, as whom machines of continuous integration often run
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
)
HOSTS = ("localhost", "127.0.0.1", "authref.test")
ONE_OF_EACH = ("localhost", "authref.test")  # trusted and not, where 127.0.0.1 would add only time
OTHER = {"localhost": "127.0.0.1", "127.0.0.1": "localhost", "authref.test": "evil.test"}

ALICE = {"email": "alice@example.com", "password": PASSWORD}
MALLORY = {"email": "mallory@example.com", "password": PASSWORD}
JSON = {"content-type": "application/json"}

# Where public_url says https and the browser comes by http, its Origin is not ours; these claims are about cookies.
NO_CROSS_SITE = mock.patch("authref.guards.is_cross_site", return_value=False)

FETCH = """
const [url, options, done] = arguments;
fetch(url, options)
    .then(async answer => done({status: answer.status, text: await answer.text()}))
    .catch(error => done({refused: error.name}));
"""
REFUSED = {"refused": "TypeError"}  # what a script sees of whatever the browser keeps from it
POST_FORM = """
const [action, type, fields] = arguments;
const form = document.createElement("form");
Object.assign(form, {method: "POST", action: action, enctype: type});
for (const [name, value] of fields) {
    form.append(Object.assign(document.createElement("input"), {name: name, value: value}));
}
document.body.append(form);
form.submit();
"""
LOAD = """
const [tag, url, done] = arguments;
const element = document.createElement(tag);
element.onload = () => done("load");
element.onerror = () => done("error");
element.src = url;
document.body.append(element);
"""
STATUS = "return performance.getEntriesByType('navigation')[0].responseStatus"


class ForeignPages(BaseHTTPRequestHandler):
    """An empty page at every address, of somebody who means harm; its scripts come from the tests."""

    timeout = 2  # seconds: browsers open connections in advance and say nothing on them

    def do_GET(self) -> None:
        page = b"<!doctype html><title>foreign</title><link rel=icon href=data:,><body></body>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Noting:
    """An app that notes the requests which reach it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.requests: list[Request] = []
        self.port = 0

    def __call__(self, request: Request) -> Response:
        if request.path != "/favicon.ico":  # browsers ask for it by themselves, at some moment or other
            self.requests.append(request)
        return self.app(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def cookies_of(self, target: str) -> list[str | None]:
        """The Cookie header of each request for the target."""
        return [request.header("cookie") for request in self.requests if request.target == target]


class Shared:
    """What is started once: the browser and the foreign server."""

    browser: Any = None
    foreign_port = 0


def setUpModule() -> None:
    if webdriver is None or CHROMIUM is None or DRIVER is None:
        raise unittest.SkipTest("needs selenium, chromium and chromedriver")
    foreign = ThreadingHTTPServer(("127.0.0.1", 0), ForeignPages)
    foreign.daemon_threads = True
    threading.Thread(target=foreign.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    unittest.addModuleCleanup(foreign.server_close)
    unittest.addModuleCleanup(foreign.shutdown)
    Shared.foreign_port = foreign.server_port
    profile = tempfile.mkdtemp(prefix="authref-browser-")
    unittest.addModuleCleanup(shutil.rmtree, profile, ignore_errors=True)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    Shared.browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    unittest.addModuleCleanup(Shared.browser.quit)
    # The browser keeps its connections open; no test waits to hear whether more comes on them.
    unittest.enterModuleContext(mock.patch("authref.serving.server.GRACE", 0.01))
    Shared.browser.set_script_timeout(10)
    Shared.browser.set_page_load_timeout(10)


class BrowserCase(unittest.TestCase):
    """A browser without cookies."""

    def setUp(self) -> None:
        self.browser = Shared.browser
        self.bypass_csp(True)
        self.browser.get_log("browser")  # and forget what earlier tests left in it

    def devtools(self, command: str, **parameters: object) -> None:
        self.browser.execute_cdp_cmd(command, parameters)

    def bypass_csp(self, enabled: bool) -> None:
        """Our pages forbid themselves every fetch (CSP `default-src 'none'`); tests speak from them all the same."""
        self.devtools("Page.setBypassCSP", enabled=enabled)

    @contextmanager
    def site(self, **settings: Any) -> Iterator[Noting]:
        """An app with Alice and Mallory, on a socket."""
        harness = Harness(now=time.time, **settings)
        for person in (ALICE, MALLORY):
            harness.sign_up(person["email"], person["password"])
        app = Noting(harness.app)
        with running(app) as server:  # type: ignore[arg-type]
            app.port = server.server_port
            yield app

    @contextmanager
    def visit(self, app: Noting, host: str) -> Iterator[str]:
        """The app's origin under this host name; the browser has no cookies, the app has seen no request."""
        with self.subTest(host=host):
            self.devtools("Network.clearBrowserCookies")  # they are kept by host, whatever the port
            del app.requests[:]
            yield f"http://{host}:{app.port}"

    def foreign(self, host: str) -> str:
        """The origin of the foreign server under this host name."""
        return f"http://{host}:{Shared.foreign_port}"

    def fetch(self, url: str, **options: object) -> dict[str, Any]:
        """What a script of the page that is open gets from `fetch`."""
        answer = self.browser.execute_async_script(FETCH, url, options)
        assert isinstance(answer, dict)
        return answer

    def post(self, url: str, value: object, **options: object) -> dict[str, Any]:
        """What a script gets when it posts the value as JSON."""
        return self.fetch(url, method="POST", headers=JSON, body=json.dumps(value), **options)

    def kept(self) -> list[dict[str, Any]]:
        """The browser's cookies: the session's, then the other one."""
        return sorted(self.browser.get_cookies(), key=lambda cookie: cookie["name"], reverse=True)

    def log_in(self, ours: str, person: dict[str, str] = ALICE) -> None:
        """Log in by a script in a page of ours, as a page of an application would."""
        self.browser.get(ours + "/health")
        self.assertEqual(self.post("/login", person).get("status"), 200)

    def post_form(self, action: str, kind: str, fields: list[list[str]]) -> tuple[int, str]:
        """Status and text of the page to which a form in the open page leads."""
        self.browser.execute_script(POST_FORM, action, kind, fields)
        self.wait_for(action)
        return self.browser.execute_script(STATUS), self.text()

    def wait_for(self, url: str) -> None:
        """Go on when this page is open."""
        WebDriverWait(self.browser, 5, 0.02).until(lambda browser: browser.current_url == url)

    def text(self) -> str:
        """What the open page shows."""
        return str(self.browser.find_element(By.TAG_NAME, "body").text)

    def who_am_i(self, ours: str) -> str | None:
        """The address of whoever is logged in at our site in this browser."""
        self.browser.get(ours + "/health")
        answer = self.fetch("/me")
        return json.loads(answer["text"])["user"]["email"] if answer["status"] == 200 else None


class OurPages(BrowserCase):
    def test_a_login_by_script(self) -> None:
        """The browser keeps the session's cookie and sends it; a script, our own or injected, can neither read nor
        replace it."""
        with self.site() as app:
            for host in HOSTS:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    self.assertEqual(self.fetch("/me")["status"], 200)
                    kept, device = self.kept()
                    self.assertEqual((kept["name"], kept["httpOnly"], kept["sameSite"]), ("session", True, "Lax"))
                    self.assertEqual((kept["path"], kept["domain"], kept["secure"]), ("/", host, False))
                    both = f"session={kept['value']}; device={device['value']}"
                    self.assertEqual(app.cookies_of("/me"), [both])
                    self.assertEqual(self.browser.execute_script("return document.cookie"), "")
                    self.browser.execute_script("document.cookie = 'session=planted; path=/'")
                    self.assertEqual(self.kept(), [kept, device])

    def test_a_logout(self) -> None:
        """It clears the cookie in the browser, also where Clear-Site-Data counts for nothing, and ends the session
        for whoever copied the cookie."""
        with self.site() as app:
            for host in HOSTS:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    stolen = self.browser.get_cookie("session")["value"]
                    self.assertEqual(self.fetch("/logout", method="POST")["status"], 200)
                    (device,) = self.browser.get_cookies()  # which logs nobody in, and stays
                    self.assertEqual(device["name"], "device")
                    self.browser.delete_all_cookies()
                    self.assertIsNone(self.who_am_i(ours))
                    self.browser.add_cookie({"name": "session", "value": stolen})
                    self.assertIsNone(self.who_am_i(ours))
                    self.assertEqual(app.cookies_of("/me"), [None, f"session={stolen}"])

    def test_a_password_change(self) -> None:
        """The browser takes the new session's cookie in place of the old one, and stays logged in."""
        with self.site() as app, self.visit(app, "localhost") as ours:
            self.log_in(ours)
            before = self.browser.get_cookie("session")
            change = {"current_password": PASSWORD, "new_password": "a different passphrase"}
            self.assertEqual(self.post("/me/password", change)["status"], 204)
            after = self.browser.get_cookie("session")
            self.assertNotEqual(after["value"], before["value"])
            self.assertEqual(self.who_am_i(ours), "alice@example.com")

    def test_a_cookie_planted_behind_tls(self) -> None:
        """The name `__Host-session` makes the browser itself refuse whatever a page plants under it."""
        # Chromium takes Secure cookies from localhost without TLS, so that this needs no certificate.
        with NO_CROSS_SITE, self.site(public_url="https://auth.example") as app, self.visit(app, "localhost") as ours:
            self.browser.get(ours + "/health")
            for flags in ("", "; secure", "; path=/", "; path=/me; secure", "; domain=localhost; path=/; secure"):
                self.browser.execute_script(f"document.cookie = '__Host-session=planted{flags}'")
                self.assertEqual(self.browser.get_cookies(), [])
            self.log_in(ours)
            kept = {each["name"]: (each["secure"], each["httpOnly"]) for each in self.browser.get_cookies()}
            self.assertEqual(kept, {"__Host-session": (True, True), "__Host-device": (True, True)})
            self.assertEqual(self.who_am_i(ours), "alice@example.com")
            self.assertEqual(self.fetch("/logout", method="POST")["status"], 200)
            self.assertEqual([each["name"] for each in self.browser.get_cookies()], ["__Host-device"])

    def test_a_script_that_slipped_in(self) -> None:
        """Even one that runs in a page of ours reaches nobody from there, not even us: no fetch, image or form."""
        self.bypass_csp(False)
        with self.site() as app, self.visit(app, "localhost") as ours:
            for page in ("/", "/health", "/nothing-here"):
                with self.subTest(page):
                    self.browser.get(ours + page)
                    for url in ("/me", self.foreign("localhost")):
                        self.assertEqual(self.fetch(url), REFUSED)
                    self.assertEqual(self.browser.execute_async_script(LOAD, "img", ours + "/me"), "error")
                    self.browser.execute_script(POST_FORM, ours + "/logout", "text/plain", [])
                    refusals = " ".join(line["message"] for line in self.browser.get_log("browser"))
                    for directive in ("connect-src", "img-src", "form-action"):
                        self.assertIn(directive, refusals)
            self.assertEqual([request for request in app.requests if request.path in ("/me", "/logout")], [])

    def test_the_plain_page(self) -> None:
        """It shows its text on a telephone and on a desk, without scrolling sideways and without an error."""
        self.bypass_csp(False)
        self.addCleanup(self.devtools, "Emulation.clearDeviceMetricsOverride")
        with self.site() as app, self.visit(app, "localhost") as ours:
            for width in (400, 1280):
                with self.subTest(width=width):
                    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
                    self.devtools("Emulation.setDeviceMetricsOverride", **size)
                    self.browser.get(ours + "/")
                    self.assertEqual(self.browser.title, "authref")
                    self.assertIn("who is calling", self.browser.find_element(By.TAG_NAME, "h1").text)
                    self.assertIn("/token/refresh", self.text())
                    self.assertEqual(self.browser.execute_script("return window.innerWidth"), width)
                    beyond = "const page = document.documentElement; return page.scrollWidth - page.clientWidth"
                    self.assertEqual(self.browser.execute_script(beyond), 0)
                    # A browser asks for an icon by itself; there is none.
                    errors = [line for line in self.browser.get_log("browser") if "favicon" not in line["message"]]
                    self.assertEqual(errors, [])
            self.browser.find_element(By.LINK_TEXT, "GET /openapi.json").click()
            self.wait_for(ours + "/openapi.json")
            self.assertEqual(json.loads(self.text())["openapi"], "3.1.0")


class OtherSites(BrowserCase):
    # A form as text/plain writes name=value: here the "=" falls into a string, and the body is JSON.
    TRICK = json.dumps({**MALLORY, "x": "="}).split("=")
    CREDENTIALS = [[name, text] for name, text in MALLORY.items()]
    FORMS = (
        ("/logout", "application/x-www-form-urlencoded", []),
        ("/login", "text/plain", [TRICK]),
        ("/logout", "text/plain", []),
        ("/logout", "multipart/form-data", []),
        ("/login", "application/x-www-form-urlencoded", CREDENTIALS),
        ("/login", "multipart/form-data", CREDENTIALS),
    )

    def test_a_hidden_form(self) -> None:
        """It can neither log the visitor out nor log them in as the attacker, whatever it is encoded as, and also
        not from another port of the same name, which our cookie does travel with (cross-site request forgery)."""
        with self.site() as app:
            for host in HOSTS:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    cookie = "; ".join(f"{each['name']}={each['value']}" for each in self.kept())
                    for page, travels in ((OTHER[host], None), (host, cookie)):
                        # All kinds where SameSite is no help; elsewhere one that logs out and one that logs in.
                        for path, kind, fields in self.FORMS if page == "localhost" else self.FORMS[:2]:
                            with self.subTest(page=page, path=path, kind=kind):
                                self.browser.get(self.foreign(page))
                                status, text = self.post_form(ours + path, kind, fields)
                                self.assertEqual((status, json.loads(text)["code"]), (403, "cross_site"))
                                (sent,) = app.cookies_of(path)[-1:]
                                self.assertEqual(sent, travels)
                    self.assertEqual(self.who_am_i(ours), "alice@example.com")

    def test_a_form_of_our_own(self) -> None:
        """The twin that is let in: the same form in a page of ours logs out."""
        # Only where there is Sec-Fetch-Site: without it, our Referrer-Policy makes the browser say "Origin: null".
        with self.site() as app:
            for host in ("localhost", "127.0.0.1"):
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    self.assertEqual(self.post_form(ours + "/logout", "text/plain", [])[0], 200)
                    self.assertIsNone(self.who_am_i(ours))

    def test_a_link(self) -> None:
        """Whoever follows a link from elsewhere arrives logged in: that is why the cookie is Lax and not Strict."""
        with self.site() as app:
            for host in ONE_OF_EACH:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    self.browser.get(self.foreign(OTHER[host]))
                    self.browser.execute_script("location.href = arguments[0]", ours + "/me")
                    self.wait_for(ours + "/me")
                    self.assertIn("alice@example.com", self.text())

    def test_a_fetch_with_credentials(self) -> None:
        """A script of another site reads nothing of ours, and the cookie does not even travel (SameSite=Lax)."""
        with self.site() as app:
            for host in HOSTS:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    self.browser.get(self.foreign(OTHER[host]))
                    for mode in ("cors", "no-cors"):
                        self.assertEqual(self.fetch(ours + "/me", mode=mode, credentials="include"), REFUSED)
                    self.assertEqual(app.cookies_of("/me"), [None, None])

    def test_a_fetch_with_credentials_from_another_port(self) -> None:
        """There the cookie travels, for it is the same site, and still the script reads nothing: neither by CORS,
        nor as something that it embeds (Cross-Origin-Resource-Policy)."""
        with self.site() as app:
            for host in ONE_OF_EACH:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    cookie = "; ".join(f"{each['name']}={each['value']}" for each in self.kept())
                    self.browser.get(self.foreign(host))
                    for mode in ("cors", "no-cors"):
                        self.assertEqual(self.fetch(ours + "/me", mode=mode, credentials="include"), REFUSED)
                    self.assertEqual(app.cookies_of("/me"), [cookie, cookie])

    def test_a_fetch_that_changes_something(self) -> None:
        """A script of another site or port cannot end the visitor's sessions."""
        with self.site() as app:
            for host in ONE_OF_EACH:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    for page in (OTHER[host], host):
                        self.browser.get(self.foreign(page))
                        for path, method, mode in (("/me/sessions", "DELETE", "cors"), ("/logout", "POST", "no-cors")):
                            answer = self.fetch(ours + path, method=method, mode=mode, credentials="include")
                            self.assertEqual(answer, REFUSED)
                    self.assertEqual(self.who_am_i(ours), "alice@example.com")

    def test_in_a_frame(self) -> None:
        """No page can show ours in a frame, to lay something over it that the visitor clicks (clickjacking)."""
        self.bypass_csp(False)
        with self.site() as app, self.visit(app, "localhost") as ours:
            for page in ("127.0.0.1", "localhost"):
                with self.subTest(page=page):
                    self.browser.get(self.foreign(page))
                    self.browser.execute_async_script(LOAD, "iframe", ours + "/")
                    self.browser.switch_to.frame(0)
                    self.assertEqual(self.browser.execute_script("return location.protocol"), "chrome-error:")
                    self.browser.switch_to.default_content()

    def test_a_cookie_planted_from_another_port(self) -> None:
        """It cannot log the visitor in as the attacker (fixation): beside the visitor's own, neither cookie counts,
        and before a login, the login puts its own in that place."""
        with self.site() as app:
            for host in ONE_OF_EACH:
                with self.visit(app, host) as ours:
                    self.log_in(ours, MALLORY)
                    planted = self.browser.get_cookie("session")["value"]
                    self.devtools("Network.clearBrowserCookies")
                    self.log_in(ours)
                    self.browser.get(self.foreign(host))
                    self.browser.execute_script(f"document.cookie = 'session={planted}; path=/me'")
                    self.assertIsNone(self.who_am_i(ours))
                    self.assertEqual(str(app.cookies_of("/me")[-1]).count("session="), 2)
                    self.devtools("Network.clearBrowserCookies")
                    self.browser.get(self.foreign(host))
                    self.browser.execute_script(f"document.cookie = 'session={planted}; path=/'")
                    self.log_in(ours)
                    self.assertEqual(self.who_am_i(ours), "alice@example.com")

    def test_a_cookie_whose_name_only_looks_like_ours(self) -> None:
        """A name that a browser lets pages plant, and that a careless reader trims into `__Host-session`, is
        another name."""
        with NO_CROSS_SITE, self.site(public_url="https://auth.example") as app, self.visit(app, "localhost") as ours:
            self.log_in(ours, MALLORY)
            stolen = self.browser.get_cookie("__Host-session")["value"]
            self.devtools("Network.clearBrowserCookies")
            self.browser.get(self.foreign("localhost"))
            for name in ("\u2000__Host-session", "\u00a0__Host-session", "__Host-session\u2000", "=__Host-session"):
                self.browser.execute_script("document.cookie = arguments[0]", f"{name}={stolen}; path=/")
            self.assertIsNone(self.who_am_i(ours))
            self.assertIn("__Host-session", str(app.cookies_of("/me")[-1]))  # it was sent, and not believed


class TokensElsewhere(BrowserCase):
    def use(self, ours: str, token: str) -> dict[str, Any]:
        """What the page that is open gets from our site with this token."""
        return self.fetch(ours + "/token/me", headers={"authorization": f"Bearer {token}"})

    def token(self, ours: str) -> str:
        """A token that a page of ours has fetched."""
        self.browser.get(ours + "/health")
        return str(json.loads(self.post("/token/login", ALICE)["text"])["token"])

    def test_a_listed_origin(self) -> None:
        """A page of an origin in `allow_origins` may use a token of ours, log in for one of its own, and read why
        something is refused."""
        with self.site(allow_origins=[self.foreign(other) for other in OTHER.values()]) as app:
            for host in HOSTS:
                with self.visit(app, host) as ours:
                    token = self.token(ours)
                    self.browser.get(self.foreign(OTHER[host]))
                    self.assertIn("alice@example.com", self.use(ours, token)["text"])
                    login = self.post(ours + "/token/login", ALICE)
                    self.assertEqual(self.use(ours, json.loads(login["text"])["token"])["status"], 200)
                    refusal = self.use(ours, "nonsense")
                    self.assertEqual((refusal["status"], json.loads(refusal["text"])["code"]), (401, "unauthorized"))

    def test_an_origin_that_is_not_listed(self) -> None:
        """The same page is kept out by the browser before it sends anything but the question whether it may, and so
        is another port or scheme beside a listed one."""
        beside = [f"http://{host}:1" for host in OTHER.values()]
        beside += [self.foreign(host).replace("http:", "https:") for host in OTHER.values()]
        for listed in ([], beside):
            with self.site(allow_origins=listed) as app:
                for host in HOSTS if listed else ONE_OF_EACH:
                    with self.visit(app, host) as ours:
                        token = self.token(ours)
                        self.browser.get(self.foreign(OTHER[host]))
                        del app.requests[:]
                        self.assertEqual(self.use(ours, token), REFUSED)
                        self.assertEqual(self.post(ours + "/token/login", ALICE), REFUSED)
                        self.assertEqual([request.method for request in app.requests], ["OPTIONS", "OPTIONS"])

    def test_a_cookie_for_a_listed_origin(self) -> None:
        """Listing an origin lets tokens cross and never cookies: its scripts cannot act as whoever is logged in."""
        with self.site(allow_origins=[self.foreign(host) for host in (*HOSTS, "evil.test")]) as app:
            for host in ONE_OF_EACH:
                with self.visit(app, host) as ours:
                    self.log_in(ours)
                    for page in (OTHER[host], host):
                        self.browser.get(self.foreign(page))
                        self.assertEqual(self.fetch(ours + "/me")["status"], 401)
                        self.assertEqual(app.cookies_of("/me")[-1], None)
                        self.assertEqual(self.fetch(ours + "/me", credentials="include"), REFUSED)


if __name__ == "__main__":
    unittest.main()
