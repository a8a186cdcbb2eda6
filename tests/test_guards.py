"""What stands before the door: requests that another site made the browser send, and headers on every answer.

The decision is tried over the whole app, as an attacker would: methods, headers a browser adds, origins that
look like ours. A request passes if it got any answer but 403 `cross_site`.
"""

from __future__ import annotations

import unittest
from unittest import mock

from authref.app import App
from authref.throttle import Turns
from authref.wire import Request, Response
from tests.basics import PASSWORD, SENTENCE
from tests.support import Harness, body

HTTPS = "https://auth.example"
OURS = "http://auth.example:8000"  # where the Host header says we are, when nothing is configured
HOST = "auth.example:8000"

SAFE = ("GET", "HEAD", "OPTIONS")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PURGE", "post", "get", "")


def refused(app: App, method: str, target: str = "/logout", host: str | None = HOST, **headers: str | None) -> bool:
    """True if the app took this for another site's request. Headers that are None are not sent."""
    fields = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = Request(method, target, tuple((name, value) for name, value in fields.items() if value is not None))
    answer = app(request)
    if answer.status != 403:
        return False
    assert body(answer)["code"] == "cross_site"
    return True


class CrossSite(unittest.TestCase):
    def setUp(self) -> None:
        # Three ways to know our own origin, and what it is then.
        self.apps = {
            "by Host": (Harness().app, OURS),
            "public http": (Harness(public_url="http://auth.example").app, "http://auth.example"),
            "public https": (Harness(public_url=HTTPS).app, HTTPS),
        }

    def test_the_table_of_go(self) -> None:
        """The decisions of Go's CrossOriginProtection, row by row, for every method and with every setting.

        But for one: a foreign Origin is refused even beside `same-origin`. Some servers in front of an app join
        `Sec_Fetch_Site`, which a page may send, with the real one.
        """
        evil = "https://attacker.example"
        table = [
            # Sec-Fetch-Site, Origin, may it change something?
            ("same-origin", None, True),
            ("none", None, True),
            ("cross-site", None, False),
            ("same-site", None, False),
            (None, None, True),  # no browser: curl, a phone app
            (None, "ours", True),
            (None, evil, False),
            (None, "null", False),
            ("same-origin", evil, False),  # Go: True
            ("none", evil, False),
            ("same-origin", "null", True),  # a page of ours, which sends no referrer
            ("none", "null", False),
            ("same-origin", "ours", True),
            ("cross-site", evil, False),
            ("same-site", evil, False),
            ("cross-site", "null", False),
        ]
        for setting, (app, ours) in self.apps.items():
            for site, origin, passes in table:
                for method in (*SAFE, *UNSAFE):
                    with self.subTest(setting, method=method, site=site, origin=origin):
                        sent = ours if origin == "ours" else origin
                        expected = method in UNSAFE and not passes
                        self.assertEqual(refused(app, method, sec_fetch_site=site, origin=sent), expected)

    def test_a_proxy_that_ends_tls(self) -> None:
        """Behind TLS that nobody told us of, our own page's Origin is https and the browser says so; others' is not."""
        app, _ = self.apps["by Host"]
        for origin, site, passes in (
            (f"https://{HOST}", "same-origin", True),
            (f"https://{HOST}", "same-site", False),
            (f"https://{HOST}", "cross-site", False),
            (f"https://{HOST}", None, False),  # an old browser: nobody says that this is our page
            ("https://auth.example", "same-origin", False),  # another port is another site
            ("https://auth.example:8001", "same-origin", False),
            ("https://attacker.example:8000", "same-origin", False),
            ("ftp://" + HOST, "same-origin", False),
        ):
            with self.subTest(origin, site=site):
                self.assertEqual(refused(app, "POST", origin=origin, sec_fetch_site=site), not passes)
        for setting in ("public http", "public https"):  # where it was said, it holds
            app, ours = self.apps[setting]
            swapped = ours.replace("http:", "https:") if ours.startswith("http:") else ours.replace("https:", "http:")
            with self.subTest(setting):
                self.assertTrue(
                    refused(app, "POST", "/logout", "auth.example", origin=swapped, sec_fetch_site="same-origin")
                )
                self.assertFalse(
                    refused(app, "POST", "/logout", "auth.example", origin=ours, sec_fetch_site="same-origin")
                )

    def test_what_a_refused_page_hears(self) -> None:
        """A page that hides its origin is not called another site's: it may be our own, with `no-referrer`."""
        for origin, words in (("null", "hides"), ("https://attacker.example", "another site")):
            answer = self.apps["by Host"][0](Request("POST", "/logout", (("host", HOST), ("origin", origin))))
            self.assertEqual((answer.status, body(answer)["code"]), (403, "cross_site"))
            self.assertIn(words, body(answer)["detail"])
            self.assertRegex(body(answer)["detail"], SENTENCE)

    def test_words_that_no_browser_says(self) -> None:
        """A Sec-Fetch-Site that is not exactly a permitted word is no permission."""
        for app, ours in self.apps.values():
            for site in ("", "Same-Origin", "NONE", " none", "same-origin ", "same-origin, none", "origin", "null"):
                with self.subTest(site=site):
                    self.assertTrue(refused(app, "POST", sec_fetch_site=site))
                    self.assertFalse(refused(app, "POST", sec_fetch_site=site, origin=ours))  # it speaks for itself

    def test_the_header_twice(self) -> None:
        """A second line never hides behind the first: a permitted word beside a forbidden one is no permission."""
        app, ours = self.apps["by Host"]
        doubles = {
            "site": [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            "site, other order": [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "none")],
            "origin": [("origin", ours), ("origin", "https://attacker.example")],
            "origin, other order": [("origin", "https://attacker.example"), ("origin", ours)],
        }
        for name, lines in doubles.items():
            with self.subTest(name):
                self.assertEqual(app(Request("POST", "/logout", (("host", HOST), *lines))).status, 403)
                (harmless,) = [line for line in lines if line[1] in ("same-origin", "none", ours)]
                self.assertEqual(app(Request("POST", "/logout", (("host", HOST), harmless))).status, 200)

    def test_origins_that_look_like_ours(self) -> None:
        """Only our own origin, letter by letter, may change something; a look-alike is another site."""
        for setting, (app, ours) in self.apps.items():
            scheme, _, host = ours.partition("://")
            name, _, _ = host.partition(":")
            other_scheme = "https" if scheme == "http" else "http"
            alike = {
                "null, as from a sandboxed frame": "null",
                "empty": "",
                "another scheme": f"{other_scheme}://{host}",
                "no scheme": host,
                "another port": f"{scheme}://{name}:8001",
                "the default port, written out": f"{scheme}://{name}:{443 if scheme == 'https' else 80}",
                "upper case": ours.upper(),
                "a capital in the host": ours.replace("auth", "Auth"),
                "a dot at the end": f"{scheme}://{name}.{host[len(name) :]}",
                "a slash at the end": ours + "/",
                "a path": ours + "/login",
                "a blank": ours + " x",
                "our name in front of theirs": ours.replace("auth.example", "auth.example.evil.example"),
                "our name at the end of theirs": ours.replace("auth.example", "evilauth.example"),
                "our parent": ours.replace("auth.", ""),
                "our neighbour": ours.replace("auth.", "www."),
                "our child": ours.replace("auth.", "x.auth."),
                "our name as a user name": f"{scheme}://{host}@evil.example",
                "two origins": f"{ours}, https://evil.example",
                "a list in one header": f"https://evil.example {ours}",
                "a letter of another alphabet": ours.replace("a", "\u0430"),
                "None": "http://None",
            }
            for label, origin in alike.items():
                with self.subTest(setting, origin=label):
                    self.assertNotEqual(origin, ours)
                    self.assertTrue(refused(app, "POST", origin=origin))
                    self.assertTrue(refused(app, "POST", origin=origin, sec_fetch_site="same-site"))
            with self.subTest(setting, origin="ours"):
                self.assertFalse(refused(app, "POST", origin=ours))
                self.assertFalse(refused(app, "POST", origin=ours, sec_fetch_site="same-site"))

    def test_origins_that_are_allowed(self) -> None:
        """An origin in the allow list may change something, one that looks like it may not; ours still may."""
        listed = ("https://shop.example", "http://127.0.0.1:5173")
        for public_url, ours in ((None, OURS), (HTTPS, HTTPS)):
            app = Harness(public_url=public_url, allow_origins=listed).app
            for origin in (*listed, ours):
                for site in (None, "same-site", "cross-site"):
                    with self.subTest(origin, site=site):
                        self.assertFalse(refused(app, "POST", origin=origin, sec_fetch_site=site))
            for origin in (
                "null",
                "",
                "https://shop.example/",
                "https://shop.example.evil.example",
                "https://evilshop.example",
                "https://x.shop.example",
                "http://shop.example",
                "https://shop.example:443",
                "https://SHOP.example",
                "http://127.0.0.1",
                "http://127.0.0.1:51730",
                "https://shop.example, https://evil.example",
            ):
                with self.subTest(origin):
                    self.assertTrue(refused(app, "POST", origin=origin))
            with self.subTest("no origin, but a browser says that it is another site's"):
                self.assertTrue(refused(app, "POST", sec_fetch_site="cross-site"))

    def test_a_host_that_a_stranger_chose(self) -> None:
        """With public_url set, Host has no say: whoever forges it cannot make a foreign origin ours."""
        for setting in ("public http", "public https"):
            app, ours = self.apps[setting]
            with self.subTest(setting):
                self.assertTrue(refused(app, "POST", host="evil.example", origin="http://evil.example"))
                self.assertTrue(refused(app, "POST", host="evil.example", origin="https://evil.example"))
                self.assertFalse(refused(app, "POST", host="evil.example", origin=ours))

    def test_no_host(self) -> None:
        """Without Host and public_url no origin is ours; a request without any origin is still no browser's."""
        app, _ = self.apps["by Host"]
        for origin in ("http://None", "http://", "null", ""):
            with self.subTest(origin):
                self.assertTrue(refused(app, "POST", host=None, origin=origin))
        self.assertFalse(refused(app, "POST", host=None))

    def test_with_authorization(self) -> None:
        """A bearer token passes, for no browser adds one by itself; a Basic password it does add, like a cookie."""
        for setting, (app, _) in self.apps.items():
            for method in (*SAFE, *UNSAFE):
                with self.subTest(setting, method=method):
                    foreign = {"sec_fetch_site": "cross-site", "origin": "https://attacker.example"}
                    for value in ("Bearer x", "bearer x"):
                        self.assertFalse(refused(app, method, authorization=value, **foreign))
                    for value in ("Basic x", "Bearer", "", "x Bearer x"):
                        self.assertEqual(refused(app, method, authorization=value, **foreign), method in UNSAFE)
                    self.assertEqual(refused(app, method, cookie="authorization=Bearer x", **foreign), method in UNSAFE)

    def test_every_path(self) -> None:
        """There is no exception by path: every route that changes something, and every path that leads nowhere."""
        app, ours = self.apps["by Host"]
        targets = {(route.method, route.path.replace("{id}", "some-id")) for route in app.routes}
        targets |= {("POST", path) for path in ("/", "/nowhere", "/health", "/login/", "//login", "/login?x=1", "*")}
        unsafe = [(method, target) for method, target in targets if method not in SAFE]
        self.assertGreater(len(unsafe), 10)
        for method, target in unsafe:
            with self.subTest(method, target=target):
                self.assertTrue(refused(app, method, target, origin="https://attacker.example"))
                self.assertFalse(refused(app, method, target, origin=ours))

    def test_a_hidden_form_against_somebody_logged_in(self) -> None:
        """What another site asks for does not happen: the victim's session lives on, and the log tells of it."""
        harness = Harness()
        harness.sign_up()
        cookie = harness.cookie()
        answer = harness.send("POST", "/logout", cookie=cookie, host=HOST, origin="https://attacker.example")
        self.assertEqual((answer.status, body(answer)["code"]), (403, "cross_site"))
        self.assertRegex(body(answer)["detail"], SENTENCE)
        self.assertIsNone(answer.header("set-cookie"))
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)
        self.assertEqual([event["method"] for event in harness.events("malicious_cors")], ["POST"])
        # The twin: our own page's button.
        self.assertEqual(harness.send("POST", "/logout", cookie=cookie, host=HOST, origin=OURS).status, 200)
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 401)

    def test_login_from_another_site(self) -> None:
        """A foreign page cannot log its visitor in as the attacker either (login CSRF): no cookie is set."""
        harness = Harness()
        harness.sign_up()
        fields = {"email": "alice@example.com", "password": PASSWORD}
        for origin, expected in (("https://attacker.example", 403), (OURS, 200)):
            with self.subTest(origin):
                answer = harness.send("POST", "/login", fields, host=HOST, origin=origin)
                self.assertEqual(answer.status, expected)
                self.assertEqual(answer.header("set-cookie") is not None, expected == 200)


class OurNames(unittest.TestCase):
    NAMES = ("auth.example", "localhost", "127.0.0.1", "[::1]")

    def test_a_name_that_a_stranger_gave_us(self) -> None:
        """A page whose own name was made to mean our address is refused, whatever it asks for (DNS rebinding)."""
        app = Harness(hosts=self.NAMES).app
        for host in ("auth.example", "auth.example:8000", "AUTH.example", "localhost:1", "127.0.0.1:8000", "[::1]:8000",
                     "[::1]", None):  # fmt: skip
            for method, target in (("GET", "/health"), ("POST", "/logout"), ("GET", "/nowhere")):
                with self.subTest(host, method=method, target=target):
                    fields = () if host is None else (("host", host),)
                    self.assertIn(app(Request(method, target, fields)).status, (200, 404))
        for host in ("evil.example", "evil.example:8000", "auth.example.evil.example", "evilauth.example", "", "local",
                     "auth.example.", "127.0.0.1.evil.example", "[::2]", "192.0.2.1", "localhost:80:80"):  # fmt: skip
            for method, target in (("GET", "/me"), ("POST", "/logout"), ("GET", "/nowhere"), ("OPTIONS", "*")):
                with self.subTest(host, method=method, target=target):
                    answer = app(Request(method, target, (("host", host),)))
                    self.assertEqual((answer.status, body(answer)["code"]), (421, "misdirected_request"))
                    self.assertRegex(body(answer)["detail"], SENTENCE)
                    self.assertEqual(Harness().app(Request(method, target, (("host", host),))).status < 421, True)

    def test_a_load_balancer(self) -> None:
        """What asks for /health by our address is answered: nobody can make an address mean another one."""
        app = Harness(hosts=self.NAMES).app
        for host, expected in (
            ("192.0.2.1", 200), ("192.0.2.1:8000", 200), ("[2001:db8::1]:8000", 200),
            ("evil.example", 421), ("192.0.2.1.evil.example", 421), ("1a", 421),
        ):  # fmt: skip
            with self.subTest(host):
                self.assertEqual(app(Request("GET", "/health", (("host", host),))).status, expected)


class Headers(unittest.TestCase):
    EXPECTED = {
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "server": "authref",
        "x-content-type-options": "nosniff",
    }
    HSTS = "strict-transport-security"

    def answers(self, harness: Harness) -> dict[str, Response]:
        """An answer of every kind that the app gives."""
        app = harness.app
        user_id = harness.sign_up()
        harness.sign_up("admin@example.com", role="admin")
        user, admin = harness.bearer(), harness.bearer("admin@example.com")
        new = {"email": "new@example.com", "password": PASSWORD}
        answers = {
            "200 page": harness.send("GET", "/"),
            "200 json": harness.send("GET", "/health"),
            "200 head": harness.send("HEAD", "/health"),
            "200 login": harness.send("POST", "/login", {"email": "alice@example.com", "password": PASSWORD}),
            "201": harness.send("POST", "/signup", new),
            "400": harness.send("POST", "/signup", {"email": "x"}),
            "401 no credentials": harness.send("GET", "/me"),
            "401 bad token": harness.send("GET", "/token/me", authorization="Bearer x"),
            "401 bad password": harness.send("POST", "/login", {"email": "x", "password": "y"}),
            "403 role": harness.send("GET", "/users", authorization=user),
            "403 cross-site": harness.send("POST", "/logout", origin="null"),
            "404": harness.send("GET", "/nowhere"),
            "405": harness.send("PUT", "/login"),
            "409": harness.send("POST", "/signup", new),
            "411": harness.send("POST", "/signup"),
            "415": harness.send("POST", "/signup", content_length="0"),
            "204": harness.send("DELETE", f"/users/{user_id}", authorization=admin),
        }
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            answers["503"] = harness.send("POST", "/login", new)
        with mock.patch.object(app.users, "check_credentials", side_effect=ZeroDivisionError("secret detail")):
            answers["500"] = harness.send("POST", "/login", new)
        return answers

    def test_on_every_kind_of_answer(self) -> None:
        """Every answer, error or not, carries each security header once; HSTS only where the public URL is https."""
        settings = {"no public URL": (None, False), "http": ("http://auth.example", False), "https": (HTTPS, True)}
        for setting, (public_url, tls) in settings.items():
            for kind, answer in self.answers(Harness(public_url=public_url)).items():
                with self.subTest(setting, kind=kind):
                    self.assertEqual(answer.status, int(kind[:3]))
                    for name, value in self.EXPECTED.items():
                        self.assertEqual([text for field, text in answer.headers if field == name], [value], name)
                    hsts = [text for field, text in answer.headers if field == self.HSTS]
                    self.assertEqual(hsts, ["max-age=31536000; includeSubDomains"] if tls else [])

    def test_hsts_for_this_machine(self) -> None:
        """`localhost` never gets HSTS, or a year long no other project there could be opened without TLS."""
        for public_url, expected in (
            ("https://auth.example", True),
            ("https://auth.example:8443", True),
            ("https://localhost.example", True),
            ("https://my-localhost", True),
            ("https://localhost", False),
            ("https://localhost:8443", False),
            ("https://app.localhost:8443", False),
            ("https://127.0.0.1:8443", False),
            ("https://[::1]:8443", False),
            ("http://auth.example", False),
        ):
            with self.subTest(public_url):
                answer = Harness(public_url=public_url).send("GET", "/")
                self.assertEqual(answer.header(self.HSTS) is not None, expected)

    def test_what_a_failure_tells(self) -> None:
        """No answer names a file, a line of code, an exception or its message, or a version."""
        for kind, answer in self.answers(Harness()).items():
            with self.subTest(kind):
                text = repr(answer.headers) + ("" if kind == "200 page" else answer.body.decode())
                self.assertNotRegex(text, r"Traceback|\.py\b|ZeroDivision|secret detail|Python|[0-9]\.[0-9]+\.[0-9]")


if __name__ == "__main__":
    unittest.main()
