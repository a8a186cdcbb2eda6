"""Under glass: what the x-ray records and shows, what it must never show, and who may look."""

from __future__ import annotations

import ast
import http.client
import io
import json
import re
import sys
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import authref
from authref import passwords, xray
from authref.app import Settings
from authref.maps import MemoryMap
from authref.wire import Request, Response
from authref.xray import calls, recorder
from authref.xray.explain import EXPLAINED
from authref.xray.glass import GlassStore, columns
from authref.xray.pages import XRay
from authref.xray.play import ALICE, Client
from authref.xray.story import STORY
from authref.xray.world import World
from tests.basics import PASSWORD, TEST_COST
from tests.support import Harness, running
from tests.test_cli import run

ROOM = Path(xray.__file__).parent
HOST = ("host", "localhost")
SECRET_PASSWORD = "a pass word nobody must see"


def world(**settings: Any) -> World:
    """A server under glass, with cheap hashes."""
    return World(Settings(bcrypt_cost=TEST_COST, **settings))


def post(path: str, value: object, *headers: tuple[str, str]) -> Request:
    """A request with this value as JSON."""
    data = json.dumps(value).encode()
    framing = (("content-type", "application/json"), ("content-length", str(len(data))))
    return Request("POST", path, (HOST, *headers, *framing), data)


def names(steps: list[dict[str, Any]]) -> list[str]:
    """The functions of a call tree, in their order."""
    return [name for each in steps for name in (each["name"], *names(each["steps"]))]


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.world = world()
        self.client = Client(self.world)

    def press(self, *buttons: str) -> list[dict[str, Any]]:
        """What the feed shows of these buttons."""
        last = self.world.recorder.after(0, 0)
        for button in buttons:
            self.client.press(button)
        seen = self.world.recorder.after(last[-1].number if last else 0, 0)
        return [recorder.as_json(each) for each in seen]


class TheCodeThatRan(Case):
    def test_a_visit(self) -> None:
        """A request's calls are those that it made: from the app to the map, each once, with the lines that ran."""
        self.press("signup", "session.login")
        (shown,) = self.press("session.me")
        called = names(shown["steps"])
        for name in ("App.__call__", "AccountRoutes.me", "Sessions.authenticate", "values", "Users.get"):
            self.assertIn(name, called)
        self.assertLess(called.index("Sessions.authenticate"), called.index("Users.get"))
        self.assertNotIn("Tokens.authenticate", called)

    def test_a_refusal(self) -> None:
        """A refusal shows the rung: the function that raised, by the exception's class, and the event beside it."""
        self.press("signup", "token.login", "steal.token", "clock.900")
        (shown,) = self.press("thief.token")
        self.assertEqual((shown["response"]["status"], shown["verdict"]), (401, "refused"))
        raised = re.findall(r"'name': '(\w+)', [^\[]*\[[^\]]*\], 'raised': 'Expired'", str(shown["steps"]))
        self.assertIn("verify", raised)
        self.assertTrue(any("Expired" in event for event in shown["events"]), shown["events"])
        self.assertNotIn("Expired", shown["response"]["body"])

    def test_a_function_that_is_new(self) -> None:
        """Nothing is listed by hand: a function that the project gains is seen as soon as it runs."""
        folder = Path(authref.__file__).parent
        code = compile("def brand_new():\n    '''A sentence.'''\n    return 1\n", str(folder / "events.py"), "exec")
        found: dict[str, Any] = {}
        exec(code, found)
        _, marks = calls.traced(found["brand_new"])
        (step,) = calls.tree(marks).steps
        assert step.code is not None
        self.assertEqual((step.code.co_name, step.lines), ("brand_new", {3}))

    def test_another_thread(self) -> None:
        """Only the thread of the request is traced: whatever runs beside it is neither seen nor slowed."""
        beside: list[object] = []

        def elsewhere() -> None:
            beside.append(sys.gettrace())
            passwords.objection("x", "y")

        def both() -> None:
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
            passwords.objection("x" * 20, "y")

        _, marks = calls.traced(both)
        self.assertEqual(beside, [None])
        self.assertEqual(len(calls.tree(marks).steps), 1)
        self.assertIsNone(sys.gettrace())

    def test_an_exception_that_is_caught(self) -> None:
        """What is raised and caught on the way is no refusal; what leaves a function is."""
        folder = Path(authref.__file__).parent
        source = "def inner():\n    raise KeyError\n"
        source += "def outer():\n    try:\n        inner()\n    except KeyError:\n        return 1\n"
        found: dict[str, Any] = {}
        exec(compile(source, str(folder / "events.py"), "exec"), found)
        _, marks = calls.traced(found["outer"])
        (outer,) = calls.tree(marks).steps
        self.assertEqual((outer.raised, outer.steps[0].raised), ("", "KeyError"))

    def test_an_exception_that_another_except_lets_by(self) -> None:
        """An exception leaves a function also past an `except` of another kind, which catches nothing."""
        folder = Path(authref.__file__).parent
        source = "def inner():\n    raise KeyError\n"
        source += "def outer():\n    try:\n        inner()\n    except ValueError:\n        return 1\n"
        source += "def outermost():\n    try:\n        outer()\n    except KeyError:\n        return 1\n"
        found: dict[str, Any] = {}
        exec(compile(source, str(folder / "events.py"), "exec"), found)
        _, marks = calls.traced(found["outermost"])
        (outermost,) = calls.tree(marks).steps
        (outer,) = outermost.steps
        self.assertEqual((outermost.raised, outer.raised, outer.steps[0].raised), ("", "KeyError", "KeyError"))

    def test_each_step_has_words(self) -> None:
        """What the story runs through is told in sentences: at least every third step has one, and none is cut off."""
        self.press("signup", "session.login", "token.login")
        shown = self.press("session.me", "token.me")
        for exchange in shown:
            steps = list(flat(exchange["steps"]))
            told = [step["sentence"] for step in steps if step["sentence"]]
            self.assertGreater(len(told), len(steps) / 3)
            for sentence in told:
                self.assertRegex(sentence, r"[.:;)`]$|\.\)$")


def flat(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All steps of a tree."""
    for each in steps:
        yield each
        yield from flat(each["steps"])


class WhatTheServerRemembers(Case):
    def test_what_a_login_changes(self) -> None:
        """A login by session adds a row and a logout takes it; a request by token looks nothing up."""
        self.press("signup")
        (login,) = self.press("session.login")
        changes = [(each["map"], each["before"]) for each in login["changes"]]
        self.assertEqual(changes, [("sessions", None), ("devices", None)])
        (visit,) = self.press("session.me")
        self.assertEqual((visit["looked_up"], visit["changes"]), ({"sessions": 1, "users": 1}, []))
        (logout,) = self.press("session.logout")
        self.assertEqual([(each["map"], each["after"]) for each in logout["changes"]], [("sessions", None)])
        self.press("token.login")
        (visit,) = self.press("token.me")
        self.assertEqual((visit["looked_up"], visit["changes"]), ({}, []))

    def test_a_map_that_is_new(self) -> None:
        """Nothing is listed by hand: a map that the project gains is shown as soon as it is made."""

        @dataclass(frozen=True)
        class Note:
            text: str
            secret: str = field(default="x", repr=False)

        store = GlassStore(lambda: 0.0)
        store.map("notes", Note)["a"] = Note("hello", "hidden")
        self.assertEqual(store.tables(), {"notes": [("a", {"text": "hello", "secret": "not shown"})]})
        self.assertIs(store.map("notes", Note), store.map("notes", Note))

    def test_every_verb(self) -> None:
        """The glass passes every verb of a map on: it has each one, and what the memory map answers it answers."""
        verbs = {name for name in vars(MemoryMap) if not name.startswith("_")} | {"__setitem__", "__len__"}
        from authref.xray.glass import GlassMap

        self.assertLessEqual(verbs - {"touch"}, set(vars(GlassMap)))


class WhatMustNotBeSeen(Case):
    def test_a_password(self) -> None:
        """No password that was sent, right, wrong, nested or as Basic, is in anything the page can ask for."""
        basic = ("authorization", "Basic YWxpY2U6YSBwYXNzIHdvcmQ=")
        glass = XRay(self.world)
        for request in (
            post("/signup", {"email": "a@example.com", "password": SECRET_PASSWORD}),
            post("/login", {"email": "a@example.com", "password": SECRET_PASSWORD}),
            post("/login", {"email": "a@example.com", "password": SECRET_PASSWORD + "x"}),
            post("/me/password", {"current_password": SECRET_PASSWORD, "new_password": SECRET_PASSWORD}),
            post("/signup", {"more": [{"PassWord": SECRET_PASSWORD}]}),
            Request("POST", "/login", (HOST, ("content-length", "40")), f"password={SECRET_PASSWORD}".encode()),
            Request("GET", "/me", (HOST, basic)),
            Request("GET", "/me", (HOST, ("authorization", f"Digest {SECRET_PASSWORD}"))),
            Request("GET", f"/login?email=a&password={SECRET_PASSWORD}", (HOST,)),
            post("/login", SECRET_PASSWORD),
        ):
            glass(request)
        for head in ("Content-Length: 1\r\nContent-Length: 2", f"Authorization: Bearer {SECRET_PASSWORD}"):
            raw = f"POST /login HTTP/1.1\r\n{head}\r\n\r\n{SECRET_PASSWORD}".encode()
            self.world.recorder.record_refusal(ValueError(), Response(400), Request("", ""), raw)
        shown = json.dumps([recorder.as_json(each) for each in self.world.recorder.after(0, 0)])
        shown += json.dumps(self.world.state()) + repr(list(self.world.recorder.after(0, 0)))
        for secret in (SECRET_PASSWORD, "YWxpY2U6", self.world.admin_password):
            self.assertFalse(secret in shown, secret)
        self.assertIsNone(re.search(r"\$2b\$\d\d\$[./A-Za-z0-9]{20}", shown))
        self.assertTrue(recorder.MASK in shown)
        self.assertTrue("bytes that are no JSON" in shown)

    def test_a_key(self) -> None:
        """The signing key is in no table, no exchange and no source view, in whatever spelling."""
        from authref.keys import write_keys

        self.press("signup", "session.login", "token.login", "token.me")
        self.assertEqual(len(self.world.store.maps["devices"].rows()), 1)
        shown = json.dumps([recorder.as_json(each) for each in self.world.recorder.after(0, 0)])
        shown += json.dumps(self.world.state())
        for _, record in self.world.store.maps["devices"].rows():
            self.assertEqual(record["key"], "not shown")
        for kid, key in self.world.keys.items():
            for spelling in (key.hex(), write_keys({kid: key}).partition(":")[2], repr(key)[2:-1]):
                self.assertFalse(spelling in shown, kid)

    def test_a_hash_of_a_password(self) -> None:
        """A user's hash stays inside, as the record asks; the other columns are shown."""
        self.press("signup")
        rows = dict(self.world.store.maps["users"].rows())
        for row in rows.values():
            self.assertEqual(row["password_hash"], "not shown")
        self.assertIn("alice@example.com", [row["email"] for row in rows.values()])
        self.assertEqual(columns("text"), {"value": "text"})

    def test_a_flood(self) -> None:
        """The feed holds 10,000 exchanges or 60 MB; the oldest leave, and long bodies are cut."""
        with mock.patch.object(recorder, "MAX_EXCHANGES", 5):
            for number in range(8):
                self.world.answer(Request("GET", f"/{number}", (HOST,)))
        kept = [each.request.path for each in self.world.recorder.after(0, 0)]
        self.assertEqual(kept, ["/3", "/4", "/5", "/6", "/7"])
        self.world.answer(post("/login", {"email": "x" * 60_000, "password": "y"}))
        shown = recorder.as_json(self.world.recorder.after(0, 0)[-1])
        self.assertLessEqual(len(shown["request"]["body"]), recorder.MAX_BODY)
        with mock.patch.object(recorder, "MAX_BYTES", 100_000):
            for _ in range(40):
                self.world.answer(post("/login", {"email": "x" * 20_000, "password": "y"}))
        self.assertLess(len(self.world.recorder), 6)


class TheStory(unittest.TestCase):
    def test_from_first_to_last_step(self) -> None:
        """Each step does what it says: who asked what, and how it was answered, in the terminal as on the page."""
        glass = world()
        client, last = Client(glass), 0
        for step in STORY:
            for name in step.press:
                client.press(name)
            seen = glass.recorder.after(last, 0)
            last = seen[-1].number if seen else last
            shown = tuple((each.who, each.request.path, each.response.status) for each in seen if each.who != "button")
            with self.subTest(step.title):
                self.assertEqual(shown, step.seen)
                self.assertLessEqual(len(re.findall(r"[.?!:](?: |$)", step.text)), 4)

    def test_the_thief_to_the_second(self) -> None:
        """In each mode the thief is let in and kept out at the right second, by cookie and by token."""
        for mode, after_logout in (("none", 200), ("denylist", 401), ("allowlist", 401)):
            glass = world(revocation=mode)
            client = Client(glass)
            with self.subTest(mode), mock.patch("authref.xray.glass.time.time", lambda: 1_800_000_000.0):
                for name in ("signup", "session.login", "token.login", "steal.cookie", "steal.token"):
                    client.press(name)
                self.assertEqual(self.asked(client), (200, 200))
                client.press("clock.899")
                self.assertEqual(self.asked(client), (200, 200))
                client.press("clock.1")
                self.assertEqual(self.asked(client), (200, 401))  # 15 minutes after the login
                for name in ("token.login", "steal.token", "session.logout", "token.logout"):
                    client.press(name)
                self.assertEqual(self.asked(client), (401, after_logout))

    def asked(self, client: Client) -> tuple[int, ...]:
        """What the thief is answered now, by cookie and by token."""
        for what in ("cookie", "token"):
            client.press(f"thief.{what}")
        return tuple(each.response.status for each in client.world.recorder.after(0, 0)[-2:])

    def test_since_when(self) -> None:
        """The feed says what turned the verdict on a credential: the logout, the clock, the key."""
        glass = world()
        client = Client(glass)
        for name in ("signup", "session.login", "steal.cookie", "thief.cookie", "session.logout", "thief.cookie",
                     "token.login", "steal.token", "thief.token"):  # fmt: skip
            client.press(name)
        glass.change_key()
        client.press("thief.token")
        shown = [(each.verdict, each.since) for each in glass.recorder.after(0, 0) if each.who == "thief"]
        self.assertEqual(shown[0], ("let in", ""))
        self.assertRegex(" ".join(shown[1]), r"refused since #\d+ POST /logout")
        self.assertEqual(shown[2], ("let in", ""))
        self.assertRegex(" ".join(shown[3]), "refused since the signing key was changed")
        with self.subTest("a copy that was not shown before the end"):
            glass.choose("denylist")
            for name in ("token.login", "steal.token", "token.logout", "thief.token"):
                client.press(name)
            last = glass.recorder.after(0, 0)[-1]
            self.assertRegex(f"{last.verdict} {last.since}", r"refused since #\d+ POST /token/logout")

    def test_a_second_server(self) -> None:
        """Another machine with the key believes the token and has never heard of the session."""
        glass = world()
        client = Client(glass)
        for name in ("signup", "session.login", "token.login"):
            client.press(name)
        page = XRay(glass)
        self.assertEqual(page._second({"what": "cookie"}), 401)
        self.assertEqual(page._second({"what": "token"}), 200)

    def test_begin_again(self) -> None:
        """Everything is empty then: accounts, logins, the feed, the thief's pockets; and the clock tells the time."""
        glass = world()
        client = Client(glass)
        for name in ("signup", "session.login", "steal.cookie", "clock.900"):
            client.press(name)
        keys = glass.keys
        glass.begin()
        state = glass.state()
        self.assertEqual((len(glass.recorder), glass.loot.cookie, state["ahead"], state["round"]), (0, "", 0.0, 2))
        self.assertEqual([row["email"] for _, row in glass.store.tables()["users"]], [glass.admin_email])
        self.assertNotEqual(keys, glass.keys)

    def test_in_a_terminal(self) -> None:
        """`authref xray --all` says every step in lines of at most 80 columns; --json says the same for programs."""
        said = io.StringIO()
        with mock.patch("authref.xray.play.COST", TEST_COST), redirect_stdout(said):
            self.assertEqual(xray.main(["--all"]), 0)
        for number, step in enumerate(STORY, 1):
            self.assertIn(f"{number} of {len(STORY)}. {step.title}", said.getvalue())
        self.assertLessEqual(max(map(len, said.getvalue().splitlines())), 80)
        self.assertNotIn("\033", said.getvalue())
        said = io.StringIO()
        with mock.patch("authref.xray.play.COST", TEST_COST), redirect_stdout(said):
            self.assertEqual(xray.main(["--json"]), 0)
        told = json.loads(said.getvalue())
        self.assertEqual([step["title"] for step in told], [step.title for step in STORY])
        self.assertNotIn(ALICE["password"], said.getvalue())


class ThePage(unittest.TestCase):
    """Over a real socket: who gets what."""

    @contextmanager
    def site(self) -> Iterator[XRay]:
        """The page, listening."""
        self.page = XRay(world())
        with running(self.page) as server:  # type: ignore[arg-type]
            self.page.opened(server.url)
            self.port = server.server_port
            yield self.page

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """The answer's status, headers and body."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body)
        if data is not None:
            fields.setdefault("content-type", "application/json")
        try:
            client.request(method, path, data, fields)
            answer = client.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            client.close()

    def test_who_gets_nothing(self) -> None:
        """Without the secret, under a rebound Host, or from another origin's page: 403, nothing of the feed."""
        with self.site() as page:
            feed = f"/xray/{page.secret}/feed"
            self.assertEqual(self.ask("GET", feed)[0], 200)
            for what, path, headers in (
                ("no secret", "/xray", {}),
                ("no secret", "/xray/", {}),
                ("no secret", "/xray/feed", {}),
                ("another secret", f"/xray/{page.secret[:-1]}x/feed", {}),
                ("a longer secret", f"/xray/{page.secret}x/feed", {}),
                ("a rebound name", feed, {"host": f"evil.example:{self.port}"}),
                ("another port's name", feed, {"host": "127.0.0.1:1"}),
                ("another site", feed, {"sec_fetch_site": "cross-site"}),
                ("another port", feed, {"sec_fetch_site": "same-site"}),
                ("a frame of another site", f"/xray/{page.secret}/",
                 {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"}),
            ):  # fmt: skip
                with self.subTest(what, path=path):
                    status, _, body = self.ask("GET", path, **headers)
                    self.assertEqual(status, 403)
                    self.assertNotIn(b"exchanges", body)
            opened = self.ask("GET", f"/xray/{page.secret}/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
            self.assertEqual(opened[0], 200)  # the twin: a link in a mail may open it
            status, _, _ = self.ask("POST", f"/xray/{page.secret}/begin", {}, sec_fetch_site="cross-site")
            self.assertEqual(status, 403)

    def test_what_the_page_may_do(self) -> None:
        """Each file has a CSP of 'self' without inline script, nosniff, no-store; all of it is at most 120 KB."""
        with self.site() as page:
            total = 0
            for name in ("", "page.js", "page.css"):
                status, headers, body = self.ask("GET", f"/xray/{page.secret}/{name}")
                self.assertEqual((status, headers["x-content-type-options"]), (200, "nosniff"))
                self.assertIn("script-src 'self';", headers["content-security-policy"])
                self.assertNotIn("unsafe", headers["content-security-policy"])
                self.assertEqual(headers["cache-control"], "no-store")
                total += len(body)
            self.assertLess(total, 120 * 1024)
        html = ROOM.joinpath("page.html").read_text("utf-8")
        self.assertNotRegex(html, r"<script(?! src=)|\son\w+=|style=")
        script = ROOM.joinpath("page.js").read_text("utf-8")
        for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
            self.assertNotIn(danger, script)

    def test_a_request_from_outside(self) -> None:
        """What curl asks is in the feed, as its text: also what would be markup."""
        with self.site() as page:
            hostile = "/%3Cscript%3Ealert(1)"
            self.ask("GET", hostile, user_agent="curl/8.5.0")
            _, headers, body = self.ask("GET", f"/xray/{page.secret}/feed?after=0")
            self.assertIn("application/json", headers["content-type"])
            (shown,) = json.loads(body)["exchanges"]
            self.assertEqual((shown["who"], shown["request"]["line"]), ("curl", f"GET {hostile} HTTP/1.1"))
            self.assertEqual(shown["response"]["status"], 404)

    def test_what_a_browser_will_not_send(self) -> None:
        """The relay sends exact bytes to this very server; the refusal's rung is in the feed, the bytes beside it."""
        with self.site() as page:
            send = f"/xray/{page.secret}/send"
            for what, asked, status in (
                ("two cookies", {"method": "GET", "path": "/me", "headers": [["Cookie", "session=a; session=b"]]}, 401),
                ("alg none", {"method": "GET", "path": "/token/me",
                              "headers": [["Authorization", "Bearer e30.e30."]]}, 401),
                ("two lengths", {"method": "POST", "path": "/login", "body": "{}",
                                 "headers": [["Content-Length", "2"], ["Content-Length", "40"]]}, 400),
                ("HEAD, whose answer ends with its head", {"method": "HEAD", "path": "/me"}, 401),
                ("a foreign origin", {"method": "POST", "path": "/logout",
                                      "headers": [["Origin", "https://evil.example"]]}, 403),
            ):  # fmt: skip
                with self.subTest(what):
                    done = json.loads(self.ask("POST", send, asked)[2])["done"]
                    self.assertEqual(done[0], status)
                    newest = page.world.recorder.after(0, 0)[-1]
                    self.assertEqual((newest.who, newest.response.status), ("relay", status))
                    if asked["path"] != "/me":  # there nobody is named, as without any cookie: no line of the log
                        self.assertTrue(newest.notes.events, "the log says which rung")
            self.assertIn("Content-Length: 40", page.world.recorder.after(0, 0)[2].raw)

    def test_locked_out_by_an_admin(self) -> None:
        """An admin's real request ends the session of the account at once, and the token only when it is asked."""
        with self.site() as page:
            client = Client(page.world)
            for name in ("signup", "session.login", "token.login", "steal.cookie", "steal.token"):
                client.press(name)
            button = f"/xray/{page.secret}/lock_out"
            answer = json.loads(self.ask("POST", button, {"email": "alice@example.com", "disabled": True})[2])
            self.assertEqual(answer["done"], 200)
            seen = [(each.who, each.request.method) for each in page.world.recorder.after(0, 0)]
            self.assertIn(("admin", "PATCH"), seen)
            thief = f"/xray/{page.secret}/thief"
            self.assertEqual(json.loads(self.ask("POST", thief, {"what": "cookie"})[2])["done"][0], 401)
            self.assertEqual(json.loads(self.ask("POST", thief, {"what": "token"})[2])["done"][0], 200)
            status, _, body = self.ask("POST", button, {"email": "nobody@example.com"})
            self.assertEqual((status, json.loads(body)["code"]), (400, "invalid_request"))

    def test_a_button_that_is_pressed_wrong(self) -> None:
        """A field that is missing or odd is a sentence, not a crash."""
        with self.site() as page:
            wrong: tuple[tuple[str, dict[str, object]], ...] = (
                ("clock", {}), ("clock", {"seconds": "x"}), ("clock", {"seconds": "inf"}), ("mode", {"mode": "x"}),
                ("steal", {}), ("send", {}),
                ("thief", {"what": "cookie"}), ("thief", {"what": "x"}), ("steal", {"what": "__class__"}),
                ("second", {"what": "token"}), ("second", {"what": "app"}),
            )  # fmt: skip
            for name, asked in wrong:
                with self.subTest(name, asked=asked):
                    status, _, body = self.ask("POST", f"/xray/{page.secret}/{name}", asked)
                    self.assertEqual(status, 400)
                    self.assertIn("detail", json.loads(body))
            self.assertEqual(self.ask("POST", f"/xray/{page.secret}/nothing", {})[0], 405)
            self.assertEqual(self.ask("GET", f"/xray/{page.secret}/nothing")[0], 404)

    def test_source_views(self) -> None:
        """A function's source and a file of the project can be read; no other file can, by whatever path."""
        with self.site() as page:
            here = f"/xray/{page.secret}"
            shown = json.loads(self.ask("GET", f"{here}/source?file=cookies.py&name=parse")[2])
            self.assertTrue(shown["lines"][0].startswith("def parse("))
            self.assertIn(b"def parse(", self.ask("GET", f"{here}/file/cookies.py")[2])
            for path in ("file/../README.md", "file//etc/passwd", "file/..%2f..%2fREADME.md", "file/py.typed",
                         "source?file=/etc/passwd&name=x", "source?file=cookies.py&name=nothing"):  # fmt: skip
                with self.subTest(path):
                    self.assertIn(self.ask("GET", f"{here}/{path}")[0], (400, 404))

    def test_not_among_the_routes(self) -> None:
        """The page's routes are in no description of the server, and without --xray there is no such path."""
        description = Path(authref.__file__).with_name("openapi.json").read_text("utf-8")
        self.assertNotIn("xray", description)
        self.assertEqual(Harness().send("GET", "/xray", host="localhost").status, 404)


class TheWords(unittest.TestCase):
    def test_a_line_without_an_explanation(self) -> None:
        """Each header that our answers carry, each flag of our cookie and each claim of our token is explained."""
        glass = world()
        client = Client(glass)
        for name in (*(name for step in STORY for name in step.press), "session.me"):
            client.press(name)
        for exchange in glass.recorder.after(0, 0):
            for name, value in exchange.response.headers:
                self.assertIn(name, EXPLAINED)
                for flag in value.split(";")[1:] if name == "set-cookie" else ():
                    self.assertIn(f"set-cookie {flag.strip().partition('=')[0]}", EXPLAINED)
        from authref import jwt

        header, payload, _ = client.token.split(".")
        for part in (header, payload):
            for name in json.loads(jwt.decode(part.encode())):
                self.assertIn(f"jwt {name}", EXPLAINED)

    def test_a_file_that_was_renamed(self) -> None:
        """Each explanation is a sentence, and names a file that is there."""
        for key, (what, attack, file) in EXPLAINED.items():
            with self.subTest(key):
                self.assertRegex(what, r"^[A-Z`'].*\.$")
                self.assertTrue(not attack or re.match(r"^[A-Z`'].*\.$", attack))
                self.assertTrue(not file or Path(authref.__file__).parent.joinpath(file).is_file(), file)


class TheStart(unittest.TestCase):
    def test_where_it_is_refused(self) -> None:
        """It moves the clock and shows every secret: not beyond loopback, no other store, key, address or worker."""
        for pattern, flags, variables in (
            ("loopback only", ("--host", "0.0.0.0"), {}),
            ("container", ("--host", "0.0.0.0"), {}),
            ("memory store only", ("--store", "sqlite:x"), {}),
            ("keys of its own", (), {"AUTHREF_KEYS": "k1:x"}),
            ("keys of its own", ("--key-file", "x"), {}),
            ("this machine only", ("--public-url", "https://a.example"), {}),
            ("one process", ("--workers", "2"), {}),
        ):
            with self.subTest(flags, **variables):
                status, out, err = run("--xray", "--port", "0", "--bcrypt-cost", "4", *flags, **variables)
                self.assertEqual((status, out), (2, ""))
                self.assertRegex(err, rf"\Aauthref: [^\n]*{pattern}[^\n]*\n\Z")

    def test_the_address(self) -> None:
        """The banner gives the page's address with its secret; a plain start names the flag, and has no secret."""
        served: list[Any] = []

        def serve(app: Any, host: str, port: int, ready: Any, *more: Any) -> None:
            served.append(app)
            ready("http://127.0.0.1:8000")

        with mock.patch("authref.serving.server.serve", serve):
            _, watched, _ = run("--xray", "--port", "0", "--bcrypt-cost", "4")
            _, plain, _ = run("--port", "0", "--bcrypt-cost", "4")
        self.assertIn(f"http://127.0.0.1:8000/xray/{served[0].secret}/", watched)
        self.assertIn("--xray", plain)
        self.assertNotIn("/xray/", plain)
        self.assertGreaterEqual(len(served[0].secret), 22)

    def test_the_core_has_no_line_of_it(self) -> None:
        """No file of the core, and no line of the servers, names the x-ray: only the entrance does."""
        folder = Path(authref.__file__).parent
        for path in (*folder.glob("*.py"), *folder.glob("app/*.py"), *folder.glob("serving/*.py")):
            if path.stem in ("cli", "__init__"):
                continue
            with self.subTest(path.name):
                self.assertNotRegex(path.read_text("utf-8"), r"(?i)x-?ray")

    def test_the_same_answers(self) -> None:
        """Watched or not, a request is answered with the same bytes."""
        glass = world()
        plain = Harness().app
        for request in (
            Request("GET", "/me", (HOST,)),
            Request("GET", "/token/me", (HOST, ("authorization", "Bearer x"))),
            post("/signup", {"email": "x", "password": PASSWORD}),
            Request("PUT", "/me", (HOST,)),
            Request("GET", "/", (HOST,)),
        ):
            with self.subTest(request.target):
                watched, unwatched = glass.answer(request), plain(request)
                self.assertEqual((watched.status, watched.body, watched.headers),
                                 (unwatched.status, unwatched.body, unwatched.headers))  # fmt: skip


class TheSource(unittest.TestCase):
    def test_values_of_frames(self) -> None:
        """The tracer never looks at a value: neither locals nor arguments nor what a function returns."""
        tree = ast.parse(ROOM.joinpath("calls.py").read_text("utf-8"))
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        self.assertEqual(attributes & {"f_locals", "f_globals", "f_back", "args", "tb_frame"}, set())


if __name__ == "__main__":
    unittest.main()
