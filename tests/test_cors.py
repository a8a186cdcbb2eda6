"""Which pages of other sites may press our buttons, and which may read our answers? guards.py, through the app.

The first class is about pressing (cross-site requests), the others about reading (CORS), and the last about
the list of origins itself, where a slip of the pen opens the gate.
"""

from __future__ import annotations

import unittest
from unittest import mock

from authref import guards
from authref.app import Settings
from authref.throttle import Turns
from authref.wire import Request, Response
from tests.basics import KEYS, PASSWORD
from tests.support import Harness, body

EMAIL = "alice@example.com"
OURS = "https://auth.example"
APP, LOCAL = "https://app.example", "http://localhost:3000"  # the listed ones
LISTED = (APP, LOCAL)

# Origins that look like a listed one. Each differs from it in one thing.
UNLISTED = (
    "null",  # a sandboxed frame, a file, a redirect: anybody can be null
    "",
    "*",
    "https://app.example.evil.example",  # the listed one as a prefix
    "https://app.examples",
    "https://evilapp.example",  # as a suffix
    "https://evil.example/https://app.example",
    "https://sub.app.example",
    "https://example",
    "https://app.example:443",  # a browser leaves the default port away, so this is no browser
    "https://app.example:8443",
    "http://app.example",  # whoever is in the network can write its pages
    "http://localhost",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://127.0.0.1:3000",
    "https://APP.example",
    "HTTPS://app.example",
    "https://app.example.",
    "https://app.example/",
    "https://app.example ",
    "https://app.example, https://evil.example",
    "https://evil.example, https://app.example",
    "https://app.example https://evil.example",
    "https://app.example\0",
    "https://app。example",
    OURS,
)


def cors_of(answer: Response) -> dict[str, str]:
    """The headers of the answer that a browser takes for permissions."""
    return {name: value for name, value in answer.headers if name.startswith("access-control-")}


class CorsCase(unittest.TestCase):
    def setUp(self) -> None:
        self.harness = Harness(public_url=OURS, allow_origins=LISTED)

    def preflight(self, origin: str, path: str = "/token/me", method: str = "GET") -> Response:
        """The answer to what a browser asks before it lets a page of that origin send the request."""
        return self.harness.send(
            "OPTIONS",
            path,
            origin=origin,
            access_control_request_method=method,
            access_control_request_headers="authorization,content-type",
            sec_fetch_site="cross-site",
            sec_fetch_mode="cors",
        )

    def get(self, origin: str, path: str = "/health", **headers: str) -> Response:
        return self.harness.send("GET", path, origin=origin, sec_fetch_site="cross-site", **headers)

    def assert_readable(self, answer: Response, origin: str) -> None:
        """The page of that origin may read this answer; nobody else, and not with cookies."""
        self.assertEqual(answer.header("access-control-allow-origin"), origin)
        self.assertEqual([value.lower() for name, value in answer.headers if name == "vary"], ["origin"])
        self.assertNotIn("access-control-allow-credentials", cors_of(answer))
        self.assertNotIn("*", "".join(cors_of(answer).values()))


class CrossSiteRequests(unittest.TestCase):
    # The decision table of Go's http.CrossOriginProtection: method, Sec-Fetch-Site, Origin, let through?
    TABLE = (
        ("POST", "same-origin", None, True),
        ("POST", "none", None, True),
        ("POST", "cross-site", None, False),
        ("POST", "same-site", None, False),
        ("POST", None, None, True),
        ("POST", None, "https://example.com", True),
        ("POST", None, "https://attacker.example", False),
        ("POST", None, "null", False),
        ("GET", "cross-site", None, True),
        ("HEAD", "cross-site", None, True),
        ("OPTIONS", "cross-site", None, True),
        ("PUT", "cross-site", None, False),
    )
    # The same with https://trusted.example on the list, as Go's second table has it.
    WITH_A_LIST = (
        ("POST", None, "https://trusted.example", True),
        ("POST", "cross-site", "https://trusted.example", True),
        ("POST", None, "https://attacker.example", False),
        ("POST", "cross-site", "https://attacker.example", False),
    )

    def passes(self, harness: Harness, method: str, site: str | None, origin: str | None, **headers: str) -> bool:
        """True if the request came past the guard, whatever was said to it then."""
        if site is not None:
            headers["sec_fetch_site"] = site
        if origin is not None:
            headers["origin"] = origin
        answer = harness.send(method, "/logout", host="example.com", **headers)
        refused = answer.status == 403 and body(answer)["code"] == "cross_site"
        self.assertEqual(refused, bool(harness.events("malicious_cors")))
        self.assertEqual(answer.status, 403 if refused else 200 if method == "POST" else 405)
        harness.log.clear()
        return not refused

    def test_the_table(self) -> None:
        """What changes something passes from our own pages or from no browser; reading passes always."""
        harness = Harness(public_url="https://example.com")
        for row in self.TABLE:
            with self.subTest(row):
                self.assertEqual(self.passes(harness, *row[:3]), row[3])

    def test_the_table_with_a_list(self) -> None:
        """A listed origin passes, whatever Sec-Fetch-Site says, and the first table holds for everybody else."""
        harness = Harness(public_url="https://example.com", allow_origins=("https://trusted.example",))
        for row in self.TABLE + self.WITH_A_LIST:
            with self.subTest(row):
                self.assertEqual(self.passes(harness, *row[:3]), row[3])

    def test_origins_that_look_like_a_listed_one(self) -> None:
        """An origin is compared whole and letter by letter: no prefix, no suffix, no other port or scheme."""
        harness = Harness(public_url=OURS, allow_origins=LISTED)
        for origin in UNLISTED:
            with self.subTest(origin):
                self.assertEqual(self.passes(harness, "POST", None, origin), origin == OURS)
                self.assertEqual(self.passes(harness, "POST", "cross-site", origin), origin == OURS)
        for origin in LISTED:
            self.assertTrue(self.passes(harness, "POST", "cross-site", origin))

    def test_without_a_public_url(self) -> None:
        """The Host header says then who we are; another scheme, port or host is another site."""
        harness = Harness()
        for origin, expected in (
            ("http://example.com", True),
            ("https://example.com", False),
            ("http://example.com:80", False),
            ("http://example.com.evil.example", False),
            ("http://evilexample.com", False),
        ):
            with self.subTest(origin):
                self.assertEqual(self.passes(harness, "POST", None, origin), expected)

    def test_with_an_authorization_header(self) -> None:
        """A browser never adds that by itself, so a page that has the token may send it from anywhere."""
        harness = Harness(public_url=OURS)
        self.assertFalse(self.passes(harness, "POST", "cross-site", "https://other.example"))
        self.assertTrue(self.passes(harness, "POST", "cross-site", "https://other.example", authorization="Bearer x"))

    def test_what_a_foreign_form_achieves(self) -> None:
        """A hidden form on another site logs nobody out, in or up; from our own page the same request does."""
        harness = Harness(public_url=OURS)
        harness.sign_up(EMAIL)
        cookie = harness.cookie(EMAIL)
        login = {"email": EMAIL, "password": PASSWORD}
        foreign = {"origin": "https://evil.example", "sec_fetch_site": "cross-site"}
        paths = (("/logout", None), ("/login", login), ("/signup", login), ("/token/refresh", {}), ("/nowhere", None))
        for path, value in paths:
            with self.subTest(path):
                answer = harness.send("POST", path, value, cookie=cookie, **foreign)
                self.assertEqual((answer.status, body(answer)["code"]), (403, "cross_site"))
                self.assertIsNone(answer.header("set-cookie"))
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)
        harness.send("POST", "/logout", cookie=cookie, origin=OURS, sec_fetch_site="same-origin")
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 401)


class Preflight(CorsCase):
    def test_a_listed_origin(self) -> None:
        """It hears which methods this path takes, that a token and JSON may be sent, and for how long that is so."""
        for origin in LISTED:
            for path, method, methods in (
                ("/token/me", "GET", "GET, HEAD"),
                ("/token/login", "POST", "POST"),
                ("/me/sessions", "DELETE", "DELETE, GET, HEAD"),
                ("/users/some-id", "PATCH", "DELETE, GET, HEAD, PATCH"),
            ):
                with self.subTest(origin=origin, path=path):
                    answer = self.preflight(origin, path, method)
                    self.assertEqual((answer.status, answer.body), (204, b""))
                    self.assert_readable(answer, origin)
                    self.assertEqual(answer.header("access-control-allow-methods"), methods)
                    allowed = answer.header("access-control-allow-headers")
                    self.assertEqual(allowed, "authorization, content-type")
                    self.assertLessEqual(int(answer.header("access-control-max-age") or ""), 600)

    def test_an_unlisted_origin(self) -> None:
        """An origin that is not listed gets no permission beforehand, so the browser does not send its request."""
        for origin in UNLISTED:
            with self.subTest(origin):
                answer = self.preflight(origin)
                self.assertEqual(answer.status, 405)
                self.assertEqual(cors_of(answer), {})

    def test_a_path_that_is_not_there(self) -> None:
        """404 is no permission (a browser wants a 2xx), and a listed page may read it like any other error."""
        answer = self.preflight(APP, "/nowhere")
        self.assertEqual(answer.status, 404)
        self.assertEqual(list(cors_of(answer)), ["access-control-allow-origin", "access-control-expose-headers"])

    def test_options_that_is_no_preflight(self) -> None:
        """Without the question a browser asks, OPTIONS is a method that no route takes: 405 with Allow."""
        answer = self.harness.send("OPTIONS", "/token/me", origin=APP)
        self.assertEqual((answer.status, answer.header("allow")), (405, "GET, HEAD"))
        self.assertNotIn("access-control-allow-methods", cors_of(answer))

    def test_its_header_with_another_method(self) -> None:
        """Only OPTIONS asks first: any other request that brings the header is answered as what it is."""
        headers = {"origin": APP, "access_control_request_method": "POST"}
        for method, path, expected in (("GET", "/health", 200), ("PUT", "/health", 405), ("POST", "/logout", 200)):
            with self.subTest(method):
                answer = self.harness.send(method, path, **headers)
                self.assertEqual(answer.status, expected)
                self.assertNotIn("access-control-allow-methods", cors_of(answer))

    def test_what_a_preflight_does(self) -> None:
        """Nothing: it carries no credentials and reaches no handler, whatever method it asks about."""
        user_id = self.harness.sign_up(EMAIL)
        with mock.patch.object(self.harness.app.admins, "delete") as delete:
            self.assertEqual(self.preflight(APP, f"/users/{user_id}", "DELETE").status, 204)
        delete.assert_not_called()


class Reading(CorsCase):
    # Without it a page cannot say how long to wait, what was wrong with its token, or where its account is.
    EXPOSED = {"access-control-expose-headers": "Location, Retry-After, WWW-Authenticate"}

    def test_listed_origins(self) -> None:
        """Each listed origin is named back to itself, never the whole list and never a star."""
        for origin in LISTED:
            with self.subTest(origin):
                answer = self.get(origin)
                self.assertEqual(answer.status, 200)
                self.assert_readable(answer, origin)
                self.assertEqual(cors_of(answer), {"access-control-allow-origin": origin, **self.EXPOSED})

    def test_unlisted_origins(self) -> None:
        """An origin that is not listed is answered, as it may be no browser; but no page of it can read that."""
        for origin in UNLISTED:
            with self.subTest(origin):
                answer = self.get(origin)
                self.assertEqual((answer.status, cors_of(answer)), (200, {}))

    def test_two_origin_headers(self) -> None:
        """Two header lines are none of the listed origins, even if both are the same."""
        for second in (APP, "https://evil.example"):
            headers = (("origin", APP), ("origin", second))
            self.assertEqual(cors_of(self.harness.app(Request("GET", "/health", headers))), {})

    def test_without_an_origin(self) -> None:
        """A request that no page made gets no permissions."""
        self.assertEqual(cors_of(self.harness.send("GET", "/health")), {})

    def test_errors(self) -> None:
        """A listed page may read why it was refused; from a bare "network error" people conclude to open the gate."""
        user_id = self.harness.sign_up(EMAIL)
        bearer = self.harness.bearer(EMAIL)
        wrong = {"email": EMAIL, "password": "wrong password"}
        text = {"content_type": "text/plain", "content_length": "0"}
        cases: tuple[tuple[int, str, str, object, dict[str, str]], ...] = (
            (401, "GET", "/token/me", None, {}),
            (401, "GET", "/token/me", None, {"authorization": "Bearer a.b.c"}),
            (400, "GET", "/token/me", None, {"authorization": "Bearer"}),
            (400, "GET", "/health?x=1", None, {}),
            (400, "POST", "/token/login", {}, {}),
            (400, "POST", "/token/refresh", {"refresh_token": "junk"}, {}),
            (401, "POST", "/token/login", wrong, {}),
            (403, "PATCH", f"/users/{user_id}", {"role": "admin"}, {"authorization": bearer}),
            (404, "GET", "/nowhere", None, {}),
            (405, "PUT", "/token/me", None, {"authorization": bearer}),
            (409, "POST", "/signup", {"email": EMAIL, "password": PASSWORD}, {}),
            (411, "POST", "/token/login", None, {}),
            (415, "POST", "/token/login", None, text),
        )
        for status, method, path, value, headers in cases:
            with self.subTest(f"{status} {method} {path}"):
                answer = self.harness.send(method, path, value, origin=APP, sec_fetch_site="cross-site", **headers)
                self.assertEqual(answer.status, status)
                self.assert_readable(answer, APP)

    def test_the_429(self) -> None:
        """Too many tries can be read too, so that a page can say how long to wait."""
        wrong = {"email": EMAIL, "password": "wrong password"}
        for _ in range(5):
            self.harness.send("POST", "/token/login", wrong, origin=APP)
        answer = self.harness.send("POST", "/token/login", wrong, origin=APP)
        self.assertEqual(answer.status, 429)
        self.assert_readable(answer, APP)

    def test_the_500(self) -> None:
        """The last resort is an answer of the same kind: a listed page may read that it was our fault."""
        with mock.patch.object(self.harness.app.tokens, "authenticate", side_effect=RuntimeError):
            answer = self.get(APP, "/token/me")
        self.assertEqual(answer.status, 500)
        self.assert_readable(answer, APP)

    def test_the_503(self) -> None:
        """So is the answer of a server that has too many passwords to hash."""
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            login = {"email": EMAIL, "password": PASSWORD}
            answer = self.harness.send("POST", "/token/login", login, origin=APP)
        self.assertEqual((answer.status, answer.header("retry-after")), (503, "1"))
        self.assert_readable(answer, APP)

    def test_a_login_by_token_from_a_listed_page(self) -> None:
        """The whole life of a token works from there: this is what the list is for."""
        self.harness.sign_up(EMAIL)
        page = {"origin": APP, "sec_fetch_site": "cross-site"}
        self.assertEqual(self.preflight(APP, "/token/login", "POST").status, 204)
        login = self.harness.send("POST", "/token/login", {"email": EMAIL, "password": PASSWORD}, **page)
        refresh = self.harness.send("POST", "/token/refresh", {"refresh_token": body(login)["refresh_token"]}, **page)
        me = self.harness.send("GET", "/token/me", authorization=f"Bearer {body(refresh)['token']}", **page)
        end = self.harness.send("POST", "/token/logout", {"refresh_token": body(refresh)["refresh_token"]}, **page)
        for answer in (login, refresh, me, end):
            self.assertEqual(answer.status, 200)
            self.assert_readable(answer, APP)

    def test_the_other_headers(self) -> None:
        """The permission comes beside the security headers and replaces none of them."""
        names = [name for name, _ in self.get(APP).headers]
        for name, _ in guards.SECURITY_HEADERS + guards.HSTS:
            self.assertEqual(names.count(name), 1, name)


class WithoutAList(unittest.TestCase):
    def test_no_origin_is_listed(self) -> None:
        """That is the default: no answer says anything to other origins, our own included."""
        harness = Harness(public_url=OURS)
        harness.sign_up(EMAIL)
        for origin in (*LISTED, *UNLISTED, OURS):
            with self.subTest(origin):
                answers = (
                    harness.send("GET", "/health", origin=origin),
                    harness.send("GET", "/token/me", origin=origin),
                    harness.send("POST", "/token/login", {"email": EMAIL, "password": PASSWORD}, origin=origin),
                    harness.send("OPTIONS", "/token/me", origin=origin, access_control_request_method="GET"),
                )
                for answer in answers:
                    self.assertEqual((cors_of(answer), answer.header("vary")), ({}, None))


class TheList(unittest.TestCase):
    def test_what_is_an_origin(self) -> None:
        """Scheme, host and, where it is not the usual one, a port: as a browser writes it."""
        for origin in (
            "https://app.example",
            "http://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "https://xn--bcher-kva.example",
            "http://my_host:3000",
        ):
            with self.subTest(origin):
                Settings(keys=KEYS, allow_origins=(origin,), public_url=origin).check()

    def test_apps_in_a_web_view(self) -> None:
        """Their pages have a scheme of their own; it may talk to us, and is no address that we have."""
        for origin in (
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefgh",
        ):
            with self.subTest(origin):
                Settings(keys=KEYS, allow_origins=(origin,)).check()
                with self.assertRaisesRegex(ValueError, "public URL .* write it like https://"):
                    Settings(keys=KEYS, public_url=origin).check()

    def test_what_is_none(self) -> None:
        """Refused at the start, in a sentence that shows a right one: as an entry of the list and as our own name."""
        for origin in (
            "",
            "null",
            "*",
            "https://*",
            "https://*.example",
            "app.example",
            "//app.example",
            "https://",
            "https:app.example",
            "https://app.example/",
            "https://app.example/login",
            "https://app.example?x",
            "https://app.example#x",
            "https://user@app.example",
            "https://APP.example",
            "HTTPS://app.example",
            "https://app.example:",
            "https://app.example:port",
            "https://app.example:443",  # a browser leaves the default port away: this entry would never match
            "http://app.example:80",
            "https://app.example ",
            " https://app.example",
            "https://app.example\n",
            "https://app.example,https://other.example",
            "https://bücher.example",
            "file://",
            "://app.example",
            "1a://app.example",
        ):
            for settings in (
                Settings(keys=KEYS, allow_origins=(origin,)),
                Settings(keys=KEYS, allow_origins=(APP, origin)),
                Settings(keys=KEYS, public_url=origin),
            ):
                with self.subTest(origin), self.assertRaisesRegex(ValueError, "is no origin; write it like https://"):
                    settings.check()

    def test_a_text_where_a_list_belongs(self) -> None:
        """A single text would be searched for parts of it ("https://a" is in "https://app.example"): refused."""
        with self.assertRaises(ValueError):
            Settings(keys=KEYS, allow_origins=APP).check()  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
