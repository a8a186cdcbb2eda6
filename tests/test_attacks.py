"""The attacks: what gets past chapter one, what stops it here, and that the tool goes nowhere else.

Here the rows that cost no password hash of chapter one's are played, on two servers that the tests share; the whole
table, the slow ones, and the guards taken away one after the other are `python -m tests.attack_matrix`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import ClassVar
from unittest import mock

import authref
from authref import cli
from authref.attacks import aim, client, report, scene, servers, table
from authref.attacks.play import Result, play_on, play_one
from authref.attacks.scene import NOT_PLAYED, PRICE, STOPPED, THROUGH, Account, Attack, NotPlayed, Outcome, Target
from authref.exercises.exercise import BREAK
from authref.exercises.lessons import EXERCISES
from tests.attack_matrix import GUARDS, ON_AUTHREF, ON_TINY, WITHOUT_A_GUARD
from tests.support import Harness, quick_hashes, running
from tests.test_cli import PROJECT, environment

FOLDER = Path(authref.__file__).parent / "attacks"
KEPT = "tokens", "refresh", "rights", "browsers", "wire", "sessions", "accounts"


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status and both outputs of the command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(["attack", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def row(play: scene.Play, twin: scene.Twin = lambda _: None, name: str = "made-up") -> Attack:
    """An attack for tests."""
    return Attack(name, "T", "wire", 1, "h", "g", "c", "jwt.py:verify", "", "WSTG-X-01", "1.1.1", 1, twin, play)


class TheTable(unittest.TestCase):
    def test_each_row_says_all_there_is_to_say(self) -> None:
        """No row lacks its title, its attacker, its numbers, and names stand once."""
        self.assertGreaterEqual(len(table.ATTACKS), 60)
        self.assertEqual(len(table.BY_NAME), len(table.ATTACKS))
        for attack in table.ATTACKS:
            with self.subTest(attack.name):
                self.assertTrue(attack.title and attack.has and attack.gains and attack.counts)
                self.assertNotIn("the same", (attack.has, attack.gains), "each row is read alone")
                self.assertLessEqual(len(f"An attacker with {attack.has} gains {attack.gains}.".split()), 30)
                self.assertRegex(attack.wstg, r"\AWSTG-[A-Z]{4}-\d\d\Z")
                self.assertRegex(attack.asvs, r"\A\d+\.\d+\.\d+\Z")
                self.assertTrue(attack.twin.__doc__)
                self.assertTrue(set(attack.needs) <= scene.Routes.__dataclass_fields__.keys())

    def test_where_to_read_is_there(self) -> None:
        """Each place that a row names is found in the source."""
        for attack in table.ATTACKS:
            for read in filter(None, (attack.read, attack.tiny)):
                with self.subTest(attack.name, read=read):
                    self.assertTrue(report.source(read))
        with self.assertRaises(LookupError):
            report.source("jwt.py:nobody")

    def test_exercises_and_attacks_name_each_other(self) -> None:
        """Each attack's exercise names it back, and each exercise's attack names the exercise: by id, both ways."""
        of_attacks = {(attack.exercise, attack.name) for attack in table.ATTACKS if attack.exercise}
        of_exercises = [(exercise.id, name) for exercise in EXERCISES for name in exercise.attacks]
        self.assertEqual(of_attacks, set(of_exercises))
        self.assertEqual(len(of_exercises), len(of_attacks))
        self.assertGreater(len({exercise for exercise, _ in of_attacks}), 40)

    def test_each_break_has_its_attack(self) -> None:
        """Whoever broke a naive version can watch the same attack on real servers."""
        for exercise in EXERCISES:
            if exercise.kind == BREAK:
                with self.subTest(exercise.id):
                    self.assertTrue(exercise.attacks)

    def test_an_attack_is_short(self) -> None:
        """An attack is a client's steps, to be read at a glance: twenty lines or so."""
        for path in FOLDER.glob("on_*.py"):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.decorator_list:
                    with self.subTest(node.name):
                        self.assertLessEqual((node.end_lineno or 0) - node.lineno, 34)

    def test_what_is_chosen(self) -> None:
        """A name, a group, a number of the WSTG or its chapter choose; what nobody knows is refused."""
        names = [attack.name for attack in table.chosen(["SESS-03"], [], False)]
        self.assertEqual(names, ["fixation", "old-id-after-a-new-login"])
        self.assertEqual([each.name for each in table.chosen(["slow-head"], [], False)], ["slow-head"])
        self.assertTrue(all(each.group == "wire" and not each.slow for each in table.chosen(["wire"], [], False)))
        self.assertNotIn("wire", {each.group for each in table.chosen([], ["wire"], True)})
        with self.assertRaisesRegex(ValueError, "no attack, group or WSTG number nobody"):
            table.chosen(["nobody"], [], False)

    def test_each_guard_is_where_the_matrix_takes_it_away(self) -> None:
        """Each piece of source that the matrix replaces stands once in its file; each attack of a guard is one."""
        for guard in GUARDS:
            for file, there, _ in guard.pieces:
                with self.subTest(guard.name, file=file):
                    self.assertEqual((Path(authref.__file__).parent / file).read_text("utf-8").count(there), 1)
            self.assertLessEqual(set(guard.attacks), table.BY_NAME.keys())

    def test_each_attack_is_let_through_by_something(self) -> None:
        """Each attack is let through by a guard that is taken away, is a price, or says why nothing would let it."""
        proven = {name for guard in GUARDS for name in guard.attacks}
        groups = proven, servers.PRICES.keys(), WITHOUT_A_GUARD.keys()
        for name in table.BY_NAME:
            with self.subTest(name):
                self.assertEqual(sum(name in group for group in groups), 1)

    def test_both_columns_have_a_row_for_each(self) -> None:
        """What must come of each attack on either server is written down, and at least twenty pass chapter one."""
        self.assertEqual(ON_TINY.keys(), table.BY_NAME.keys())
        self.assertEqual(ON_AUTHREF.keys(), table.BY_NAME.keys())
        self.assertGreaterEqual(list(ON_TINY.values()).count(THROUGH), 20)
        self.assertNotIn(THROUGH, ON_AUTHREF.values())
        prices = {name for name, verdict in ON_AUTHREF.items() if verdict == PRICE}
        self.assertEqual(prices, servers.PRICES.keys())


class OnAuthref(unittest.TestCase):
    def test_every_quick_row(self) -> None:
        """The quick attacks on the whole server, in this process: none gets through but the declared prices."""
        from authref.keys import fresh_keys

        keys = fresh_keys()
        admin = Account("root@attack.example", "an admin's own password")
        ahead: list[float] = []
        harness = Harness(now=lambda: time.time() + sum(ahead), keys=keys, admin_email=admin.email,
                          admin_password=admin.password,
                          hosts=("127.0.0.1",))  # fmt: skip
        with running(harness.app) as server, quick_hashes():
            address = client.Address("127.0.0.1", server.server_port)
            target = Target(
                "authref", address, admin=admin, key=next(iter(keys.values())), ours=True, prices=servers.PRICES,
                wait=ahead.append,
            )  # fmt: skip
            seen, proven = {}, None
            stage = scene.Scene(target)
            for attack in table.chosen([], ["refresh-without-rotation"], False):
                result, proven = play_one(stage, attack, proven)
                seen[attack.name] = result
        for name, result in seen.items():
            with self.subTest(name, evidence=result.evidence):
                self.assertEqual(result.verdict, ON_AUTHREF[name])


class TheVerdict(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = scene.Scene(Target("x", client.Address("127.0.0.1", 9), prices={"paid": "a reason"}))

    def verdict(self, attack: Attack) -> tuple[str, str]:
        """What is said of it."""
        result, _ = play_one(self.scene, attack)
        return result.verdict, result.evidence

    def test_a_twin_that_fails(self) -> None:
        """A server that refuses the honest client, before or after, was not attacked, whatever the attack saw."""
        calls = []

        def fails_after(_: scene.Scene) -> None:
            calls.append(1)
            if len(calls) == 2:
                raise NotPlayed("the server is down")

        through = row(lambda _: Outcome(True, "seen"), fails_after)
        self.assertEqual(self.verdict(through), (NOT_PLAYED, "because the server is down"))
        self.assertEqual(self.verdict(row(lambda _: Outcome(True, "seen")))[0], THROUGH)

    def test_answers_that_say_nothing(self) -> None:
        """404, 429, 5xx and silence are not played, never stopped; 401 is."""
        said_of = {**dict.fromkeys((404, 429, 500, 503, 0), NOT_PLAYED), 401: STOPPED, 400: STOPPED}
        for status, said in said_of.items():
            answer = client.Answer("GET /me", status)
            with self.subTest(status):
                self.assertEqual(self.verdict(row(lambda _, a=answer: scene.judge(a, False)))[0], said)
                self.assertEqual(self.verdict(row(lambda _, a=answer: scene.judge_each([("x", a, False)])))[0], said)

    def test_a_price_is_declared(self) -> None:
        """What got through is a price only where the server's builder says so, and the reason is shown."""
        self.assertEqual(self.verdict(row(lambda _: Outcome(True, "seen"), name="paid")), (PRICE, "a reason"))
        self.assertEqual(self.verdict(row(lambda _: Outcome(False, "seen"), name="paid")), (STOPPED, "seen"))

    def test_one_spelling_is_enough(self) -> None:
        """An attack is through with the first of its spellings that is."""
        no, yes = client.Answer("GET /", 401), client.Answer("GET /", 200)
        outcome = scene.judge_each([("one", no, False), ("two", yes, True), ("three", no, False)])
        self.assertEqual((outcome.got_through, outcome.evidence), (True, "two: 200"))

    def test_a_secure_cookie_over_http(self) -> None:
        """A Secure cookie is never sent over http, so what needs it is not played."""
        people = client.Client(client.Address("127.0.0.1", 9))
        people._keep(client.Answer("", 200, (("set-cookie", "session=a; Secure"), ("set-cookie", "theme=b; Path=/"))))
        self.assertEqual((people.cookies, people.withheld), ({"theme": "b"}, {"session"}))
        people._keep(client.Answer("", 200, (("set-cookie", "theme=; Max-Age=0"),)))
        self.assertEqual(people.cookies, {})


class OddServer(BaseHTTPRequestHandler):
    """Answers whatever it is asked with the same bytes."""

    answer: ClassVar[bytes]
    never_ends: ClassVar[bool] = False

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with contextlib.suppress(OSError):
            self.wfile.write(self.answer)
            while self.never_ends:
                self.wfile.write(self.answer)

    do_POST = do_PATCH = do_DELETE = do_TRACE = do_OPTIONS = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def odd_server(answer: bytes, never_ends: bool = False) -> Iterator[client.Address]:
    """The address of a server that answers so."""
    odd = type("Odd", (OddServer,), {"answer": answer, "never_ends": never_ends})
    with ThreadingHTTPServer(("127.0.0.1", 0), odd) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield client.Address("127.0.0.1", server.server_port)
        server.shutdown()


class OddAnswers(unittest.TestCase):
    """Of a server that answers oddly nothing is claimed, and it ends no run by a crash, or by never ending."""

    YES = (
        b'HTTP/1.1 200 OK\r\nContent-Length: 62\r\nSet-Cookie: session=x\r\n\r\n'
        b'{"user":{"id":"1"},"token":"eyJ9.eyJ9.c","refresh_token":"r"} '
    )

    def test_an_answer_that_never_ends(self) -> None:
        """No more than a megabyte is read, and not for longer than was said."""
        with odd_server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 4096, never_ends=True) as address:
            received = client.Client(address).raw_to_the_end(b"GET / HTTP/1.1\r\n\r\n", timeout=15)
        self.assertLess(len(received), client.MOST + 65536)

    def test_odd_framing(self) -> None:
        """Any number of interim answers, and a length of 5,000 digits, are no crash."""
        interim, answer = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"
        for data, status in ((interim * 9 + answer, 204), (interim * 20_000 + answer, 204), (interim, 0),
                             (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 200)):  # fmt: skip
            with self.subTest(data[:40], length=len(data)), odd_server(data) as address:
                self.assertEqual(client.Client(address).send("GET /").status, status)

    def test_chunks(self) -> None:
        """Chunks are put together up to the last one, and with that one nothing more need come."""
        data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n"
        self.assertEqual(client.parse("", data).body, b"abc")
        self.assertEqual([length for length in range(len(data) + 1) if client._is_whole(data[:length])], [len(data)])
        self.assertEqual(client._unchunked(b"0\r\n\r\n" * 200_000), (b"", True))
        self.assertEqual(client._unchunked(b"5\r\nab"), (b"ab", False))

    def test_yes_to_everything(self) -> None:
        """Where a wrong password is answered like the right one, no attack on accounts is said to be through."""
        with odd_server(self.YES) as address:
            status, out, err = run("--on", f"http://127.0.0.1:{address.port}", "--yes", "--json", "--only", "accounts",
                                   "--only", "half-a-signature")  # fmt: skip
        self.assertNotIn("Traceback", err)
        self.assertNotIn(f'"{THROUGH}"', out)
        self.assertEqual(status, 2)

    def test_an_answer_that_an_attack_cannot_read(self) -> None:
        """What stumbles there was not played; on our own servers it is a defect of ours, and is seen."""
        stumbles = row(lambda _: Outcome("short"[20] == "x", "seen"))
        target = Target("x", client.Address("127.0.0.1", 9))
        self.assertEqual(play_one(scene.Scene(target), stumbles)[0].verdict, NOT_PLAYED)
        with self.assertRaises(IndexError):
            play_one(scene.Scene(replace(target, ours=True)), stumbles)

    def test_a_server_that_hangs(self) -> None:
        """After three waits for nothing the others are not tried: a hundred times our patience is an hour."""
        with (
            socket.create_server(("127.0.0.1", 0)) as hung,
            mock.patch.multiple("authref.attacks.play", PATIENCE=0),
            mock.patch.object(client.Client.raw, "__defaults__", ("", 0.01)),
        ):
            target = Target("x", client.Address("127.0.0.1", hung.getsockname()[1]))
            tried: list[str] = []
            asks_nothing = row(lambda _: Outcome(False, "seen"))
            attacks = [each for wire in table.chosen(["wire"], [], False) for each in (wire, asks_nothing)]
            results = play_on(target, attacks, lambda _, __, each: tried.append(each.name), threading.Event())
        self.assertEqual(len(set(tried) - {asks_nothing.name}), 3)
        self.assertEqual({each.verdict for each in results if each.attack is not asks_nothing}, {NOT_PLAYED})
        self.assertEqual(len(results), len(attacks))


class Loopback(unittest.TestCase):
    def test_other_addresses(self) -> None:
        """No address but loopback is attacked, however it is spelt; the refusal is one sentence, status 2."""
        for url in ("http://192.0.2.1:80", "http://example.com", "http://10.0.0.1", "http://[2001:db8::1]:80",
                    "https://127.0.0.1:8443", "http://127.0.0.1@192.0.2.1/", "http://0.0.0.0:8000", "ftp://127.0.0.1",
                    "http://127.1.evil.example", "http://2130706433/", "127.0.0.1:8000", "http://x:99999"):  # fmt: skip
            with self.subTest(url), mock.patch("socket.create_connection") as connect:
                status, out, err = run("--on", url, "--yes")
                self.assertEqual((status, out, connect.called), (2, "", False))
                self.assertRegex(err, r"\Aauthref: [^\n]+\n\Z")
        self.assertEqual(client.address_of("http://127.0.0.1:8000"), client.Address("127.0.0.1", 8000))
        self.assertEqual(client.address_of("http://[::1]:8000/").named, "[::1]:8000")

    def test_localhost_is_looked_up_once(self) -> None:
        """`localhost` is what it was at the first look-up; a name that leads elsewhere is refused."""
        there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 8000))]
        with mock.patch("socket.getaddrinfo", side_effect=[there]):
            self.assertEqual(client.address_of("http://localhost:8000").host, "127.0.0.1")
        elsewhere = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 8000))]
        with mock.patch("socket.getaddrinfo", return_value=elsewhere), self.assertRaises(ValueError):
            client.address_of("http://localhost:8000")

    def test_nobody_answers(self) -> None:
        """Where nobody listens one sentence says so, and no table; where nothing is said, nothing could be played.

        The exit status is 2 for both: a program must not take that for safe.
        """
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        status, out, err = run("--on", f"http://127.0.0.1:{port}", "--yes", "--only", "trace")
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err, rf"\Aauthref: Nothing answers at http://127.0.0.1:{port} [^\n]+\n\Z")
        with ThreadingTCPServer(("127.0.0.1", 0), BaseRequestHandler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            status, out, err = run("--on", f"http://127.0.0.1:{server.server_address[1]}", "--yes", "--only", "trace")
            server.shutdown()
        self.assertEqual((status, "not played" in out), (2, True))
        self.assertRegex(err, r"\Aauthref: Nothing could be played[^\n]+\n\Z")

    def test_a_file_that_cannot_be_written(self) -> None:
        """It is refused in a sentence before anything is played, and not a minute later."""
        for flag, file in (("--html", "/nowhere/at/all/x.html"), ("--sarif", "/")):
            with self.subTest(flag), mock.patch("authref.attacks._play") as play:
                status, out, err = run(flag, file)
                self.assertEqual((status, out, play.called), (2, "", False))
                self.assertRegex(err, rf"\Aauthref: Cannot write {file}; [^\n]+\n\Z")

    def test_nobody_agrees(self) -> None:
        """Without a terminal, and without --yes, nothing is sent."""
        with mock.patch("socket.create_connection") as connect, mock.patch("sys.stdin", io.StringIO("")):
            status, _, err = run("--on", "http://127.0.0.1:9")
        self.assertEqual((status, connect.called), (2, False))
        self.assertIn("--yes", err)

    def test_no_redirect_and_no_proxy(self) -> None:
        """An answer that redirects is an answer; no second connection is made, and proxy variables change nothing."""
        asked = []

        class Elsewhere(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(302)
                self.send_header("Location", "http://192.0.2.1/")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            with mock.patch.dict(os.environ, {"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}):
                answer = client.Client(client.Address("127.0.0.1", server.server_port)).send("GET /a")
            server.shutdown()
        self.assertEqual((answer.status, asked), (302, ["/a"]))


class WhatIsWritten(unittest.TestCase):
    def setUp(self) -> None:
        evidence = "GET /me: 200, <b>\x1b[31m and so on " + "x" * 200
        first = Result(table.BY_NAME["fixation"], "tiny", THROUGH, evidence)
        self.rows = report.rows([[first], [Result(first.attack, "authref", STOPPED, "GET /me: 401")]])

    def test_eighty_columns(self) -> None:
        """No line of the text is longer than 80 columns, and nothing that a server sent reaches the terminal raw."""
        text = report.text(self.rows, False)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertNotIn("\x1b", text)
        self.assertIn("tiny: 1 through, 0 price, 0 stopped, 0 not played (of 1)", text)

    def test_the_page(self) -> None:
        """What a server sent is escaped in the page."""
        page = report.page(self.rows)
        self.assertIn("&lt;b&gt;", page)
        self.assertNotIn("<script", page)

    def test_json_and_sarif(self) -> None:
        """One object with `attacks`, a verdict for each server; SARIF holds what is through on the server judged."""
        value = json.loads(report.verdicts_as_json(self.rows))
        verdicts = value["attacks"][0]["verdicts"]
        self.assertEqual(
            {name: each["verdict"] for name, each in verdicts.items()}, {"tiny": THROUGH, "authref": STOPPED}
        )
        self.assertEqual(json.loads(report.sarif(self.rows, "a.toml", {}))["runs"][0]["results"], [])
        [run] = json.loads(report.sarif([self.rows[0][:1]], "a b.toml", {"sessions": 7}))["runs"]
        place = run["results"][0]["locations"][0]["physicalLocation"]
        self.assertEqual((place["artifactLocation"]["uri"], place["region"]["startLine"]), ("a_b.toml", 7))

    def test_tokens_are_masked(self) -> None:
        """Whatever opens a door is cut short, wherever it stands; a header's name is left as it is."""
        token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        text = f"Authorization: Bearer {token}\r\nCookie: session={'a1' * 20}\r\ncontent-security-policy: x, hunter2"
        shown = client.masked(text, "hunter2")
        for part in (*token.split("."), "a1" * 20, "hunter2"):
            self.assertNotIn(part, shown)
        self.assertIn("content-security-policy", shown)

    def test_a_megabyte_is_masked(self) -> None:
        """What was sent is read once, however long its words are: a search from each of its signs would take hours."""
        long = "a" * (1 << 20)
        self.assertEqual((client.masked(long), client.masked(f"{long}1")), (long, "aaaaaa…"))


class Aim(unittest.TestCase):
    def aimed(self, text: str) -> Target:
        """What the file makes of a server that answers nothing."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "routes.toml")
            path.write_text(text, "utf-8")
            return aim.aim(client.Address("127.0.0.1", 9), str(path))

    def test_what_the_file_may_say(self) -> None:
        """Routes, fields, an admin and accounts; what is not said is as in authref."""
        target = self.aimed('[routes]\nlog_in = "POST /in"\nbody = "form"\n[admin]\nemail = "r"\npassword = "p"\n')
        self.assertEqual((target.routes.log_in, target.routes.body, target.routes.me), ("POST /in", "form", "GET /me"))
        self.assertEqual(target.admin, Account("r", "p"))
        target = self.aimed('[prices]\ntoken-after-logout = "short"\n[key]\nsecret = "k"\n')
        self.assertEqual((target.prices, target.key), ({"token-after-logout": "short"}, b"k"))

    def test_what_nobody_knows(self) -> None:
        """A misspelt route would never be played, so it is refused, as is half an account."""
        for text in ('[prices]\nnobody = "x"', "[key]\nsecret = 1", '[key]\nother = "x"'):
            with self.subTest(text), self.assertRaises(ValueError):
                self.aimed(text)
        half, one = '[admin]\nemail = "r"', '[[accounts]]\nemail = "a"\npassword = "b"'
        for text in ('[routes]\nlogin = "POST /in"', "[other]\n", "[routes]\nlog_in = 1", "not toml", half, one):
            with self.subTest(text), self.assertRaises(ValueError):
                self.aimed(text)


@unittest.skipIf(os.name == "nt", "signals are those of POSIX")
class TheCommand(unittest.TestCase):
    def test_ctrl_c(self) -> None:
        """Ctrl-C ends the command and both servers that it had started, with one sentence."""
        command = [sys.executable, "-m", "authref", "attack"]
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip
        try:
            ports = self.wait_for_servers(process.pid)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
        self.assertEqual((process.returncode, out), (130, ""))
        self.assertRegex(err, r"\Aauthref: Stopped[^\n]*\n\Z")
        end = time.monotonic() + 30  # until whoever inherits what was killed has noticed
        while any(Path(f"/proc/{pid}").exists() for pid in ports) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual([pid for pid in ports if Path(f"/proc/{pid}").exists()], [])

    def wait_for_servers(self, pid: int) -> list[int]:
        """The two processes that it has started."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                if len(found) == 2:
                    return [int(each) for each in found]
            time.sleep(0.05)
        self.skipTest("this system does not show who started whom")


if __name__ == "__main__":
    unittest.main()
