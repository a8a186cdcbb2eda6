"""The program as its user meets it: what it prints, what it says when it cannot go on, how it ends.

What needs a real process shares a few servers, each asked many questions. The rest stops where a server would begin to
serve, in the process of the tests.
"""

from __future__ import annotations

import contextlib
import gc
import io
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
import unittest
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TextIO
from unittest import mock
from urllib.parse import urlsplit

import authref
from authref import cli
from authref.app import App
from authref.maps import MemoryMap, Store, StoreUnavailable
from authref.terminal import sentences
from authref.wire import Request
from tests.basics import KEYS, PASSWORD
from tests.warm import Forked

try:
    import pty
except ImportError:  # Windows
    pty = None  # type: ignore[assignment]

PROJECT = Path(authref.__file__).parent.parent
ESCAPE = "\033"
RING = "k1:" + urlsafe_b64encode(KEYS["k1"]).decode().rstrip("=")
ADMIN_PASSWORD = "an admin's own password"
ALICE = {"email": "alice@example.com", "password": PASSWORD}


def environment(root: Path = PROJECT, **more: str) -> dict[str, str]:
    """The environment of a process that imports authref from `root`, without what the tester's own shell has set."""
    foreign = ("AUTHREF_", "PYTHON", "NO_COLOR", "FORCE_COLOR")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        "PYTHONPATH": str(root),
        "NO_PROXY": "*",
        **more,
    }


def ask(url: str, method: str, path: str, value: object = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON value of what the server at this URL answers on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", urlsplit(url).port or 0, timeout=10)
    data = None if value is None else json.dumps(value).encode()
    kind = {} if value is None else {"content-type": "application/json"}
    try:
        connection.request(method, path, data, {**kind, **headers})
        answer = connection.getresponse()
        text = answer.read()
        names = {name.lower(): content for name, content in reversed(answer.getheaders())}  # of two cookies the first
        return answer.status, names, json.loads(text) if text else None
    finally:
        connection.close()


class Program:
    """`python -m authref` on a free port while the block runs; `out` and `err` are what it has printed so far."""

    def __init__(self, *flags: str, python: Sequence[str] = (), **variables: str) -> None:
        self.flags = ("--port", "0", "--bcrypt-cost", "4", *flags)
        self.python, self.environment = (sys.executable, *python), environment(**variables)

    def start(self, anew: bool = False, **options: Any) -> Program:
        """Start it without waiting; the block then waits until it serves. With options for Popen Python starts anew."""
        arguments = ("-m", "authref", *self.flags)
        self.folder = tempfile.TemporaryDirectory()
        self._out, self._err = (Path(self.folder.name, name) for name in ("out", "err"))
        with open(self._out, "wb") as out, open(self._err, "wb") as err, open(os.devnull, "rb") as nothing:
            where: dict[str, Any] = {"cwd": self.folder.name, "env": self.environment}
            self.process: Forked | subprocess.Popen[bytes]
            if anew or options or len(self.python) > 1 or os.name != "posix":
                self.process = subprocess.Popen([*self.python, *arguments], stdin=nothing, stdout=out, stderr=err,
                                                **where, **options)  # fmt: skip
            else:
                self.process = Forked(*arguments, streams=(nothing.fileno(), out.fileno(), err.fileno()), **where)
        return self

    def __enter__(self) -> Program:
        if not hasattr(self, "process"):
            self.start()
        try:
            self.url = self._wait_for_url()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGTERM)
        self.folder.cleanup()

    def _wait_for_url(self) -> str:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r'(http://[\d.]+:\d+)[" ].*\n', self.out + self.err):
                return found[1]
            time.sleep(0.01)
        raise AssertionError(f"the server did not start: {self.out}{self.err}")

    @property
    def out(self) -> str:
        """Standard output until now."""
        return self._out.read_text("utf-8")

    @property
    def err(self) -> str:
        """Standard error until now."""
        return self._err.read_text("utf-8")

    def stop(self, number: signal.Signals) -> int:
        """Send the signal; the program's exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def send(self, method: str, path: str, value: object = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        """What it answers."""
        return ask(self.url, method, path, value, **headers)


def on_any_port(arguments: Sequence[str]) -> list[str]:
    """The same, but where a server begins it takes any free port: somebody may have one running on ours."""
    return list(arguments) if arguments and not arguments[0].startswith("-") else ["--port", "0", *arguments]


def run(*arguments: str, terminal: TextIO | None = None, **variables: str) -> tuple[int, str, str]:
    """Exit status and both outputs of `main` in this process, where no server gets as far as serving."""
    out, err = io.StringIO(), io.StringIO()
    saved = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment(**variables))
    try:
        with contextlib.redirect_stdout(terminal or out), contextlib.redirect_stderr(err):
            status = cli.main(on_any_port(arguments))
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return status, out.getvalue(), err.getvalue()


def launch(*arguments: str, folder: str, **variables: str) -> subprocess.Popen[str]:
    """A Python with these arguments, in this folder."""
    return subprocess.Popen([sys.executable, *arguments], env=environment(**variables), cwd=folder, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def serving(*flags: str, terminal: TextIO | None = None, **variables: str) -> tuple[App, str, str]:
    """The app that would be served, and both outputs."""
    served: list[App] = []

    def serve(app: App, host: str, port: int, ready: Callable[[str], object], *more: object) -> None:
        served.append(app)
        ready("http://a.example")

    with mock.patch("authref.serving.server.serve", serve):
        status, out, err = run("--bcrypt-cost", "4", *flags, terminal=terminal, **variables)
    assert status == 0, err
    return served[0], out, err


class Sentences(unittest.TestCase):
    """What tests of errors have in common."""

    def assert_one_sentence(self, outcome: tuple[int, str, str], pattern: str) -> None:
        """It ended with status 2 and one line on standard error, which names the trouble."""
        status, out, err = outcome
        self.assertEqual((status, out), (2, ""), err)
        self.assertRegex(err, rf"\Aauthref: [^\n]*{pattern}[^\n]*\n\Z")
        self.assertNotIn("Traceback", err)


class WhatGoesWrong(Sentences):
    def test_as_a_process(self) -> None:
        """Whatever is wrong, with the machine or with what is installed, is told in one line, with exit status 2."""
        without_bcrypt = "import sys; sys.modules['bcrypt'] = None; from authref.cli import main; sys.exit(main([]))"
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            cases: tuple[tuple[tuple[str, ...], str], ...] = (
                (("-m", "authref", "--bcrypt-cost", "4", "--port", port), "port .* in use.*--port"),
                (("-c", without_bcrypt), "bcrypt is missing.*pip install bcrypt"),
            )
            with tempfile.TemporaryDirectory() as folder:
                started = [launch(*arguments, folder=folder) for arguments, _ in cases]
                ended = [(*process.communicate(timeout=30), process.returncode) for process in started]
        for (arguments, pattern), (out, err, status) in zip(cases, ended, strict=True):
            with self.subTest(arguments[2:]):
                self.assert_one_sentence((status, out, err), pattern)

    def test_without_threads(self) -> None:
        """Where no thread can be started each command says so, and what helps; a mistake of ours is not hidden."""
        none = mock.patch("threading.Thread.start", side_effect=RuntimeError("can't start new thread"))
        for command in (["attack"], ["compare", "--quick"]):
            with self.subTest(command), none:
                status, _, err = run(*command)
                self.assertEqual((status, err.count("\n")), (2, 1), err)
                self.assertRegex(err, "thread.*ulimit -u")
        with self.assertRaisesRegex(RuntimeError, "ours"), sentences():
            raise RuntimeError("a mistake of ours")

    def test_flags(self) -> None:
        """More of the same, in this process: a value that cannot be is named, and what to write instead."""
        for arguments, pattern in (
            (("--port", "99999"), "port 99999.*--port"),
            (("--port", "abc"), "--port"),
            (("--port", "-1"), "port"),
            (("--port",), "--port"),
            (("--host", "999.999.999.999"), "--host"),
            (("--bcrypt-cost", "3"), "cost.*4 to 14"),
            (("--bcrypt-cost", "99"), "cost.*4 to 14"),
            (("--bcrypt-cost", "x"), "--bcrypt-cost"),
            (("--public-url", "auth.example"), "https://auth.example"),
            (("--public-url", "https://auth.example/path"), "https://auth.example"),
            (("--public-url", "https://auth.example/"), "https://auth.example"),
            (("--public-url", "https://Auth.Example"), "https://auth.example"),
            (("--allow-origin", "*"), "https://auth.example"),
            (("--allow-origin", "null"), "https://auth.example"),
            (("--log", "xml"), "--log"),
            (("--trusted-proxy", "0.0.0.0/0"), "believes any address"),
            (("--trusted-proxy", "nginx"), "10.0.0.0/24"),
            (("--trusted-proxy", " ,"), "names none"),
            (("--trusted-proxy", "10.0.0.5", "--forwarded-header", "x-real-ip"), "--forwarded-header"),
            (("--revocation", "maybe"), "--revocation"),
            (("--key-file", "/no such folder/keys"), "/no such folder/keys"),
            (("serve",), "no command serve. authref --help"),
            (("atack",), "no command atack. Did you mean attack?"),
            (("attack", "fixaton"), "no attack fixaton. Did you mean fixation?"),
            (("attack", "zzz"), "no attack zzz. authref attack --list"),
            (("attack", "fixation", "--only", "tokens"), "leave --only and --skip away"),
            (("--ports", "80"), "--ports.*--help"),
            (("--host", "", "--port", "99999"), "--host is empty"),
            (("--key-file=", "--port", "99999"), "--key-file is empty"),
            (("--trusted-proxy", "", "--port", "99999"), "--trusted-proxy is empty"),
            (("--workers", "0"), "1 or more"),
            (("--workers", "257", "--store", "redis://nowhere.invalid"), "256 workers"),
            (("--admin-email", ""), "--admin-email is empty"),
            (("--admin-email", "nobody"), "admin.*e-mail"),
        ):
            with self.subTest(arguments):
                flags = ("--bcrypt-cost", "4") if arguments[0].startswith("-") else ()
                self.assert_one_sentence(run(*flags, *arguments), pattern)
        for arguments in (("keys",), ("keys", "old"), ("keys", "new", "more")):
            with self.subTest(arguments):
                self.assert_one_sentence(run(*arguments), "authref keys --help")

    def test_secrets(self) -> None:
        """A weak secret in the environment is refused before anything is served, and not repeated on the screen."""
        for variables, pattern in (
            ({"AUTHREF_KEYS": ""}, "AUTHREF_KEYS"),
            ({"AUTHREF_KEYS": "hunter2-is-no-key"}, "kid:secret.*AUTHREF_KEYS"),
            ({"AUTHREF_KEYS": "k1:c2hvcnQ"}, "5 bytes.*32.*AUTHREF_KEYS"),
            ({"AUTHREF_KEYS": "k1:" + "QUFB" * 11}, "random.*AUTHREF_KEYS"),
            ({"AUTHREF_KEYS": RING + "," + RING}, "own.*AUTHREF_KEYS"),
            ({"AUTHREF_KEYS": RING + "\u00e9"}, "base64url.*AUTHREF_KEYS"),
            ({"AUTHREF_ADMIN_PASSWORD": "hunter2"}, "admin.*8 to 1024"),
            ({"AUTHREF_ADMIN_PASSWORD": "password1"}, "admin.*common"),
            ({"AUTHREF_ADMIN_PASSWORD": "root@example.com"}, "admin.*differ"),
        ):
            with self.subTest(variables):
                outcome = run("--bcrypt-cost", "4", "--admin-email", "root@example.com", **variables)
                self.assert_one_sentence(outcome, pattern)
                for secret in variables.values():
                    self.assertFalse(secret and secret in outcome[2], "the secret is on the screen")

    def test_what_goes_right(self) -> None:
        """The twin: the version, the help and a new key ring end with status 0 and nothing on standard error."""
        version = run("--version")
        self.assertEqual(version, (0, f"authref {authref.__version__}\n", ""))
        status, out, err = run("--help")
        self.assertEqual((status, err), (0, ""))
        for flag in ("--host", "--port", "--public-url", "--admin-email", "--log", "--quiet", "--key-file", "keys new",
                     "--store", "--workers", "AUTHREF_STORE"):  # fmt: skip
            self.assertIn(flag, out)
        for keys in (("keys", "--help"), ("keys", "new", "--help")):
            status, out, err = run(*keys)
            self.assertEqual((status, err), (0, ""))
            self.assertIn("AUTHREF_KEYS", out)
        status, ring, err = run("keys", "new")
        self.assertEqual((status, err), (0, ""))
        outcome = run("--bcrypt-cost", "99", AUTHREF_KEYS=ring.strip())
        self.assert_one_sentence(outcome, "cost")  # the keys were fine


class Kept(Store):
    """A store that says of itself what Redis says, without one."""

    shared = True

    def warnings(self) -> list[str]:
        return ["It may forget."]


class WhereItIsKept(Sentences):
    """--store, and what else comes with it."""

    def opening(self) -> Any:
        """While the block runs every store is one that says of itself what Redis says."""
        return mock.patch("authref.stores.open_store", return_value=Kept())

    def test_what_cannot_be(self) -> None:
        """A store that is not there, or that lacks what it needs, is one sentence, before anything is served."""
        redis = ("--store", "redis://127.0.0.1/0")
        secret = "redis://:hunter2@127.0.0.1/0"
        absent = dict.fromkeys(("redis", "authref.stores.redis_store"))
        failing = mock.patch.object(MemoryMap, "setdefault", side_effect=StoreUnavailable("gone"))
        for pattern, flags, variables, circumstances in (
            ("A store is one of", ("--store", "postgres://x"), {}, None),
            ("A store is one of", (), {"AUTHREF_STORE": "postgres://x"}, None),
            ("/no such folder/db", ("--store", "sqlite:/no such folder/db"), {}, None),
            ("share the keys; set AUTHREF_KEYS to .*authref keys new", redis, {}, self.opening()),
            ("Redis store .*pip install redis", redis, {}, mock.patch.dict(sys.modules, absent)),
            ("authref/stores, is missing", redis, {}, mock.patch.dict(sys.modules, {"authref.stores": None})),
            ("AUTHREF_STORE", ("--store", secret), {}, None),
            ("AUTHREF_STORE", ("--store", "redis://127.0.0.1/0?password=hunter2"), {}, None),
            ("AUTHREF_STORE", ("--store", secret), {"AUTHREF_STORE": "redis://:other@127.0.0.1/0"}, None),
            ("does not answer", ("--admin-email", "root@example.com"), {}, failing),
            ("--revocation", (), {"AUTHREF_REVOCATION": "x"}, None),
            ("--bcrypt-cost", (), {"AUTHREF_BCRYPT_COST": "x"}, None),
            ("https://auth.example", (), {"AUTHREF_ALLOW_ORIGIN": "https://a.example *"}, None),
        ):  # fmt: skip
            with self.subTest(pattern, flags=flags, **variables), circumstances or contextlib.nullcontext():
                outcome = run("--bcrypt-cost", "4", *flags, **variables)
                self.assert_one_sentence(outcome, pattern)
                self.assertNotIn("hunter2", outcome[2], "the secret is on the screen")

    def test_what_can(self) -> None:
        """The twin: a password in the environment, an @ in a file's name; and what may be forgotten is said."""
        gc.collect()  # what other tests have left says so now, and not among the lines that are compared
        secret = "redis://:hunter2@127.0.0.1/0"
        for name, flags, variables in (
            (secret, (), {"AUTHREF_STORE": secret}),
            (secret, ("--store", secret), {"AUTHREF_STORE": secret}),
            ("redis://127.0.0.1/0", ("--store", "redis://127.0.0.1/0"), {}),
            ("sqlite:a@b", ("--store", "sqlite:a@b"), {}),
        ):
            with self.subTest(name, flags=flags), self.opening() as opened:
                app, out, err = serving(*flags, **variables, AUTHREF_KEYS=RING)
                opened.assert_called_once_with(name, copies=0)
                self.assertIsInstance(app.store, Kept)
                self.assertTrue(err.startswith("Warning: It may forget.\n"), err)
                self.assertNotIn("hunter2", out + err)

    def test_flags_and_variables(self) -> None:
        """What is typed counts more than what the environment says; without a flag the variable counts."""
        said = {"AUTHREF_STORE": "redis://127.0.0.1/0", "AUTHREF_REVOCATION": "denylist", "AUTHREF_KEYS": RING,
                "AUTHREF_PUBLIC_URL": "https://auth.example", "AUTHREF_ALLOW_ORIGIN": "https://a.example https://b.example",
                "AUTHREF_LOG": "json"}  # fmt: skip
        with self.opening():
            app, _, err = serving(**said)
        self.assertEqual((app.settings.revocation, app.settings.public_url), ("denylist", "https://auth.example"))
        self.assertEqual(app.settings.allow_origins, ("https://a.example", "https://b.example"))
        self.assertIn('"event": "sys_startup"', err)
        flags = ("--store", "memory", "--revocation", "allowlist", "--public-url", "http://auth.example")
        with self.opening() as opened:
            app, _, err = serving(*flags, "--log", "text", "--allow-origin", "https://c.example", **said)
        opened.assert_not_called()
        self.assertEqual((app.settings.revocation, app.settings.public_url), ("allowlist", "http://auth.example"))
        self.assertIn("https://c.example", app.settings.allow_origins)
        self.assertNotIn('"event"', err)

    def test_a_proxy(self) -> None:
        """Who serves https and names no proxy hears what that means; flags and variable may name several."""
        https = ("--public-url", "https://auth.example")
        several = "10.0.0.5, 10.0.1.0/24 unix:"
        for flags, variables, warned in (
            (https, {}, True),
            ((), {}, False),
            ((*https, "--trusted-proxy", "10.0.0.5", "--trusted-proxy", "10.0.1.0/24,unix:"), {}, False),
            (https, {"AUTHREF_TRUSTED_PROXY": several, "AUTHREF_FORWARDED_HEADER": "forwarded"}, False),
        ):
            with self.subTest(flags=flags, variables=variables):
                app, _, err = serving(*flags, **variables)
                self.assertEqual("Warning: behind the proxy" in err, warned)
                if len(flags) > 2 or variables:
                    proxies = app.settings.proxies
                    self.assertTrue(all(peer in proxies for peer in ("10.0.0.5", "10.0.1.9", "")))
                    self.assertEqual(proxies.header, "forwarded" if variables else "x-forwarded-for")

    def test_a_restart(self) -> None:
        """With SQLite accounts, sessions, tokens and keys outlive the process; so does the admin's password."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        flags = ("--store", f"sqlite:{folder}/db", "--admin-email")
        with Program(*flags, "root@example.com", AUTHREF_ADMIN_PASSWORD=ADMIN_PASSWORD) as before:
            self.assertIn("password that of AUTHREF_ADMIN_PASSWORD", before.out)
            self.assertEqual(before.send("POST", "/signup", ALICE)[0], 201)
            cookie = before.send("POST", "/login", ALICE)[1]["set-cookie"].partition(";")[0]
            _, _, login = before.send("POST", "/token/login", ALICE)
            with socket.create_connection(("127.0.0.1", urlsplit(before.url).port or 0)):
                self.assert_ends(before, signal.SIGTERM)  # while a client is connected
        self.assertEqual(sorted(os.listdir(folder)), ["db", "db.keys"], "the store was not closed")
        for name in ("db", "db.keys"):
            self.assertEqual(Path(folder, name).stat().st_mode & 0o777, 0o600, name)
        with Program(*flags, "root@example.com", AUTHREF_ADMIN_PASSWORD="another password") as after:
            self.assertEqual(after.send("GET", "/me", cookie=cookie)[0], 200)
            self.assertEqual(after.send("GET", "/token/me", authorization=f"Bearer {login['token']}")[0], 200)
            token = {"refresh_token": login["refresh_token"]}
            self.assertEqual(after.send("POST", "/token/refresh", token)[0], 200)
            self.assertEqual(after.send("POST", "/signup", ALICE)[0], 409)
            with self.subTest("the admin of before"):
                self.assertIn("admin root@example.com, password the one chosen before\n", after.out)
                for password, expected in ((ADMIN_PASSWORD, 200), ("another password", 401)):
                    root = {"email": "root@example.com", "password": password}
                    self.assertEqual(after.send("POST", "/login", root)[0], expected)
            with self.subTest("somebody who is no admin"):  # whoever signs up first must not be handed the keys
                outcome = run("--bcrypt-cost", "4", *flags, "alice@example.com")
                self.assert_one_sentence(outcome, "alice@example.com has an account, and it is no admin")
                self.assertEqual(after.send("GET", "/me", cookie=cookie)[2]["user"]["role"], "user")
            self.assert_ends(after, signal.SIGINT)

    def assert_ends(self, program: Program, number: signal.Signals) -> None:
        """Told so by this signal it ends quietly, with status 0, and its log says so."""
        self.assertEqual(program.stop(number), 0)
        self.assertIn("sys_shutdown", program.err.splitlines()[-1])
        self.assertNotIn("Traceback", program.err)


class AServer(unittest.TestCase):
    """One server with a ring, an admin and a log in JSON, started once for all the questions here."""

    program: Program

    @classmethod
    def setUpClass(cls) -> None:
        cls.program = Program("--log", "json", "--admin-email", "root@example.com",
                              AUTHREF_KEYS=RING, AUTHREF_ADMIN_PASSWORD=ADMIN_PASSWORD).__enter__()  # fmt: skip
        cls.addClassCleanup(cls.program.__exit__)

    def log_in(self, path: str, email: str, password: str) -> tuple[int, dict[str, str], Any]:
        return self.program.send("POST", path, {"email": email, "password": password})

    @unittest.skipUnless(shutil.which("curl") and shutil.which("bash"), "needs curl and bash")
    def test_pasting_the_banner(self) -> None:
        """The banner's lines, pasted into a shell as they stand, sign up, log in, ask, and are refused at the end."""
        lines = [line for line in self.program.out.splitlines() if line.startswith("  ")]
        self.assertGreater(len(lines), 7)
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["bash"], input="\n".join(lines) + "\n", cwd=folder,
                                  env=environment(AUTHREF_KEYS=RING), capture_output=True,
                                  text=True, timeout=30)  # fmt: skip
        statuses = re.findall(r"^HTTP/1\.1 (\d{3}) ", done.stdout, re.MULTILINE)
        self.assertEqual(statuses, ["201", "200", "200", "200", "200", "401"], done.stdout + done.stderr)
        self.assertIn("\naccepted\n", done.stdout)  # the token, by whoever has the server's keys

    def test_the_banner(self) -> None:
        """The banner says what runs, where, and how to stop it, on standard output, without escape codes in a pipe."""
        self.assertTrue(self.program.out.startswith(f"authref {authref.__version__}: {self.program.url} "))
        self.assertIn("Ctrl-C", self.program.out)
        self.assertNotIn(ESCAPE, self.program.out + self.program.err)

    def test_the_first_admin(self) -> None:
        """Whoever has AUTHREF_ADMIN_PASSWORD administers: logs in and lists users, by session and by token."""
        status, headers, _ = self.log_in("/login", "root@example.com", ADMIN_PASSWORD)
        self.assertEqual(status, 200)
        cookie = headers["set-cookie"].partition(";")[0]
        status, _, users = self.program.send("GET", "/users", cookie=cookie)
        self.assertEqual(status, 200)
        self.assertIn("root@example.com", [user["email"] for user in users["users"]])
        token = self.log_in("/token/login", "root@example.com", ADMIN_PASSWORD)[2]["token"]
        self.assertEqual(self.program.send("GET", "/users", authorization=f"Bearer {token}")[0], 200)

    def test_no_default_account(self) -> None:
        """No password that somebody could guess belongs to anybody (CWE-798)."""
        for email, password in (("admin", "admin"), ("root@example.com", "admin"), ("admin@example.com", "password")):
            with self.subTest(email):
                self.assertEqual(self.log_in("/login", email, password)[0], 401)

    def test_the_admins_own_password(self) -> None:
        """A password that the administrator has chosen is not printed: output ends up in journals."""
        self.assertNotIn(ADMIN_PASSWORD, self.program.out + self.program.err)

    def test_the_log(self) -> None:
        """With --log json every line on standard error is one JSON object with when, how serious and what."""
        self.program.send("POST", "/signup", {"email": "log@example.com", "password": PASSWORD})
        self.program.send("GET", "/token/me", authorization="Bearer x")
        events = [json.loads(line) for line in self.program.err.splitlines()]
        for event in events:
            self.assertEqual(list(event)[:3], ["datetime", "level", "event"])
        names = [event["event"] for event in events]
        self.assertEqual(names[0], "sys_startup")
        self.assertLessEqual({"user_created", "authn_token_refused"}, set(names))
        self.assertNotIn(RING.partition(":")[2], self.program.err)

    def test_a_token_after_a_restart(self) -> None:
        """With the same AUTHREF_KEYS another process believes this one's tokens; with keys of its own it does not."""
        new = {"email": "restart@example.com", "password": PASSWORD}
        self.program.send("POST", "/signup", new)
        bearer = "Bearer " + self.program.send("POST", "/token/login", new)[2]["token"]
        self.assertEqual(self.program.send("GET", "/token/me", authorization=bearer)[0], 200)
        request = Request("GET", "/token/me", (("authorization", bearer),))
        self.assertEqual(serving(AUTHREF_KEYS=RING)[0](request).status, 200)
        self.assertEqual(serving()[0](request).status, 401)


class WhatItPrints(unittest.TestCase):
    """The banner and what may stand beside it, up to the moment in which a server would serve."""

    def test_quiet(self) -> None:
        """--quiet prints no banner; what an address that others can reach should worry about is said all the same."""
        _, out, err = serving("--quiet", "--host", "0.0.0.0")
        self.assertEqual(out, "")
        self.assertRegex(err, r"\AWarning: [^\n]*TLS[^\n]*\n\S+ INFO +sys_startup ")
        _, out, err = serving("--quiet")
        self.assertEqual(out, "")
        self.assertNotIn("Warning", err)

    def test_how_to_look_into_a_token(self) -> None:
        """The command for a token names the key file, or only reads the token where its key is nowhere."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "the keys")
            _, out, _ = serving("--key-file", path)
            self.assertRegex(out, rf"""\n  .* jwt verify "\$TOKEN" --key-file '{path}'\n""")
            self.assertTrue(os.path.exists(path))
        _, out, _ = serving()
        self.assertRegex(out, r"""--key-file FILE.*\n\n  .* jwt decode "\$TOKEN"\n""")

    @unittest.skipIf(pty is None, "needs a pseudo-terminal")
    def test_colours(self) -> None:
        """On a terminal the lines to paste stand out; with NO_COLOR, whatever its value, they are plain."""
        bold, err = self.on_a_terminal()
        self.assertIn(f"{ESCAPE}[1m  curl", bold)
        self.assertNotIn(ESCAPE, err)
        plain, _ = self.on_a_terminal(NO_COLOR="1")
        self.assertIn("  curl", plain)
        self.assertNotIn(ESCAPE, plain)

    def on_a_terminal(self, **variables: str) -> tuple[str, str]:
        """What is seen on a terminal that is its standard output, and its standard error."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        with open(slave, "w", encoding="utf-8") as terminal:
            _, _, err = serving(terminal=terminal, **variables)
        seen = b""
        with contextlib.suppress(OSError):  # nobody holds the other end any more
            while chunk := os.read(master, 65536):
                seen += chunk
        return seen.decode("utf-8"), err

    def test_a_random_admin_password(self) -> None:
        """Without AUTHREF_ADMIN_PASSWORD the first admin's password is random, shown once, and works."""
        app, out, err = serving("--admin-email", "root@example.com")
        [password] = re.findall(r"^admin root@example.com, password (\S+)$", out, re.MULTILINE)
        self.assertGreaterEqual(len(password), 16)
        self.assertTrue(app.users.check_credentials("root@example.com", password).is_active_admin)
        self.assertEqual((out + err).count(password), 1)

    def test_no_log(self) -> None:
        """--log off: nothing on standard error."""
        self.assertIn("sys_startup", serving()[2])
        self.assertEqual(serving("--log", "off")[2], "")


if __name__ == "__main__":
    unittest.main()
