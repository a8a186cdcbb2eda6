"""What was once a false alarm on a server that somebody else wrote, and must not be one again.

Each claim has two small servers: one that does what a real one did, and is right to, so that no attack may read as
*through* on it; and beside it the same server with the hole, which the attack must go on finding.
"""

from __future__ import annotations

import hmac
import io
import json
import re
import secrets
import threading
import time
import unittest
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from authref.attacks.client import Address
from authref.attacks.play import play_one
from authref.attacks.scene import NOT_PLAYED, STOPPED, THROUGH, Account, Routes, Scene, Target, signed
from authref.attacks.table import BY_NAME

KEY = b"a key of thirty-two bytes, or so"
PEOPLE = [Account(name, f"{name} rides a horse") for name in ("ann", "ben", "cleo")]
ROOT = Account("root", "root rides a horse")
HUGE, PIECE = 1 << 20, 1 << 18  # bytes
Answer = tuple[int, object, dict[str, str]]  # status, what goes as JSON, headers


class Small(BaseHTTPRequestHandler):
    """A login as small as can be, by cookie and by token. Each test makes one of its own that does one thing else."""

    hole: ClassVar[bool] = False
    people: ClassVar[dict[str, str]]
    sessions: ClassVar[dict[str, str]]

    def __init_subclass__(cls) -> None:
        cls.people = {each.email: each.password for each in (*PEOPLE, ROOT)}
        cls.sessions = {}

    def do_GET(self) -> None:
        status, value, headers = self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PATCH = do_GET

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: bytes) -> Answer:
        """The answer to this request."""
        match f"{self.command} {urlsplit(self.path).path}":
            case "POST /login":
                return self.log_in(self.read(body))
            case "POST /signup":
                fields = self.read(body)
                self.people[fields["email"]] = fields["password"]
                return 201, self.user(fields["email"]), {}
            case "POST /token/login":
                fields = self.read(body)
                return 200, {"token": signed(self.head(), self.claims(fields["email"]), KEY)}, {}
            case "GET /me":
                return self.me()
            case "GET /token/me":
                name = self.by_token()
                return (200, self.user(name), {}) if name else (401, None, {})
        return self.others(body)

    def read(self, body: bytes) -> dict[str, Any]:
        """The fields of a body."""
        if "form" in self.headers.get("Content-Type", ""):
            return dict(parse_qsl(body.decode()))
        value: dict[str, Any] = json.loads(body)
        return value

    def log_in(self, fields: dict[str, Any]) -> Answer:
        """A login: here 200 with a cookie, or 401."""
        if self.people.get(fields.get("email", "")) != fields.get("password", "-"):
            return self.refusal(fields)
        session = self.new_id()
        self.sessions[session] = fields["email"]
        return 200, self.user(fields["email"]), {"Set-Cookie": f"session={session}"}

    def refusal(self, fields: dict[str, Any]) -> Answer:
        """What a login is answered that fails."""
        return 401, {"detail": "wrong name or password"}, {}

    def new_id(self) -> str:
        """A session's id."""
        return secrets.token_hex(16)

    def caller(self) -> str:
        """Whose cookie this is, or ""."""
        found = re.search(r"session=([^;]*)", self.headers.get("Cookie", ""))
        return self.sessions.get(found[1], "") if found else ""

    def me(self) -> Answer:
        """Who the caller is."""
        return (200, self.user(self.caller()), {}) if self.caller() else (401, None, {})

    def user(self, name: str) -> object:
        """What is said of somebody."""
        return {"user": {"id": name}}

    def head(self) -> dict[str, object]:
        """The header of this server's tokens."""
        return {"alg": "HS256", "typ": "JWT"}

    def claims(self, name: str) -> dict[str, object]:
        """What its tokens say."""
        return {"sub": name, "exp": int(time.time()) + 900}

    def by_token(self) -> str:
        """Whom a good token names, or ""."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        parts = [urlsafe_b64decode(part + "==") for part in token.split(".")[:2]]
        right = hmac.compare_digest(token, signed_as(token))
        try:
            head, claims = json.loads(parts[0]), self.read_claims(parts[1])
        except (ValueError, TypeError):
            return ""
        return str(claims["sub"]) if right and self.believes(head, claims) else ""

    def read_claims(self, text: bytes) -> Any:
        """What a token's payload says."""
        return json.loads(text)

    def believes(self, head: dict[str, Any], claims: dict[str, Any]) -> bool:
        """What is looked at besides the signature."""
        return True

    def others(self, body: bytes) -> Answer:
        """Whatever other routes there are."""
        return 404, None, {}


def signed_as(token: str) -> str:
    """The token with the signature that it should have."""
    text = token.rpartition(".")[0]
    return f"{text}.{urlsafe_b64encode(hmac.digest(KEY, text.encode(), 'sha256')).decode().rstrip('=')}"


class Quiet(ThreadingHTTPServer):
    """A server whose mistakes are not printed."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[Any]) -> Iterator[int]:
    """The port of a server of this kind while the block runs."""
    with Quiet(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def verdict(name: str, handler: type[Any], routes: Routes | None = None, **more: Any) -> str:
    """What is said of the attack on such a server; a failing test shows the evidence with it."""
    with serving(handler) as port:
        more["headers"] = {name: text.format(port) for name, text in more.get("headers", {}).items()}
        target = Target("small", Address("127.0.0.1", port), routes or Routes(sign_up=""), key=KEY,
                        **{"given": list(PEOPLE), "admin": ROOT, **more})  # fmt: skip
        result, _ = play_one(Scene(target), BY_NAME[name])
    return result.verdict


class Case(unittest.TestCase):
    def assert_told_apart(
        self, name: str, handler: type[Any], routes: Routes | None = None, right: str = STOPPED, **more: Any
    ) -> None:
        """The attack is not through on this server, and it is on the same one with its hole."""
        for hole, expected in ((False, right), (True, THROUGH)):
            with self.subTest(name, hole=hole):
                kind = type("Kind", (handler,), {"hole": hole})
                self.assertEqual(verdict(name, kind, routes, **more), expected)


class Alarms(Case):
    def test_a_success_that_says_nobody(self) -> None:
        """Some answer 200 to everybody, and say in the body who is logged in: nobody is no hole."""

        class Kind(Small):
            def me(self) -> Answer:
                name = self.caller() or ("ann" if self.hole else "")
                return 200, self.user(name) if name else None, {}

        self.assert_told_apart("no-credentials", Kind, Routes(sign_up="", somebody='"user"'))

    def test_a_success_that_says_nobody_to_odd_bytes(self) -> None:
        """The same, where an odd line in the head made the server pass over the cookie."""

        class Kind(Small):
            def me(self) -> Answer:
                name = self.caller() if self.hole or "X-Note" not in str(self.headers) else ""
                return 200, self.user(name) if name else None, {}

        self.assert_told_apart("folded-line", Kind, Routes(sign_up="", somebody='"user"'))

    def test_a_login_that_redirects(self) -> None:
        """A redirect means success where it leads to the page that is named, and to no other page below it."""

        class Kind(Small):
            def log_in(self, fields: dict[str, Any]) -> Answer:
                if self.hole and fields["email"] == fields["password"] == "root":
                    fields["password"] = ROOT.password
                status, _, headers = super().log_in(fields)
                return 302, None, {**headers, "Location": "/" if status == 200 else "/login"}

        self.assert_told_apart("default-account", Kind, Routes(sign_up="", body="form", success="/"))

    def test_a_refusal_that_is_a_page(self) -> None:
        """Where a redirect means success, a 200 is the form again, with a sentence above it."""

        class Kind(Small):
            def log_in(self, fields: dict[str, Any]) -> Answer:
                if self.hole and fields["email"] == fields["password"] == "root":
                    fields["password"] = ROOT.password
                status, _, headers = super().log_in(fields)
                return (302, None, {**headers, "Location": "/"}) if status == 200 else (200, "try again", {})

        self.assert_told_apart("default-account", Kind, Routes(sign_up="", body="form", success="/"))

    def test_an_origin_that_each_request_must_say(self) -> None:
        """What an honest client says with each request, a page of another site cannot say for it."""

        class Kind(Small):
            def answer(self, body: bytes) -> Answer:
                ours = f"http://127.0.0.1:{self.server.server_address[1]}"
                if self.command == "POST" and self.headers.get("Origin", ours if self.hole else "") != ours:
                    return 403, None, {}
                return super().answer(body)

        for name in ("fetch-site-says-so", "json-by-a-form"):
            self.assert_told_apart(name, Kind, headers={"Origin": "http://127.0.0.1:{}"})

    def test_json_of_another_site(self) -> None:
        """A page cannot send application/json unasked, so a server that takes nothing else is safe from its forms."""

        class Kind(Small):
            def answer(self, body: bytes) -> Answer:
                if self.command == "POST" and self.headers["Content-Type"] != "application/json" and not self.hole:
                    return 415, None, {}
                return super().answer(body)

        for name in ("form-of-another-site", "origin-null", "json-by-a-form"):
            self.assert_told_apart(name, Kind)

    def test_our_origin_with_a_dot(self) -> None:
        """A name with a dot at its end is the same host, so to take its origin for ours is none of the look-alikes."""

        class Kind(Small):
            def answer(self, body: bytes) -> Answer:
                origin, ours = self.headers.get("Origin"), f"http://127.0.0.1:{self.server.server_address[1]}"
                same = not origin or origin.replace(".:", ":") == ours or self.hole and origin.startswith(ours)
                return super().answer(body) if same else (403, None, {})

        self.assert_told_apart("origin-that-looks-alike", Kind)

    def test_a_refusal_that_echoes(self) -> None:
        """A refusal may repeat the address that was sent, and a form's hidden field is new each time."""

        class Kind(Small):
            def refusal(self, fields: dict[str, Any]) -> Answer:
                why = "wrong password" if self.hole and fields["email"] in self.people else "wrong name or password"
                return 401, f"{fields['email']}: {why}. <input name=csrf value={secrets.token_urlsafe(32)}>", {}

        self.assert_told_apart("login-that-tells", Kind)

    def test_a_sign_up_that_says_yes_to_all(self) -> None:
        """Whoever tells nobody which addresses are taken, or refused, answers yes to each, and makes no account."""

        class Kind(Small):
            def answer(self, body: bytes) -> Answer:
                if self.path == "/signup":
                    fields = self.read(body)
                    good = re.fullmatch(r"[a-z0-9]+@[a-z.]+", fields["email"]) and len(fields["password"]) > 15
                    if self.hole or good and fields["password"] != fields["email"]:
                        self.people[fields["email"]] = fields["password"]
                    return 200, "Look into your mail.", {}
                return super().answer(body)

        for name in ("address-in-capitals", "address-that-looks-alike", "common-password", "short-password",
                     "password-is-the-address"):  # fmt: skip
            self.assert_told_apart(name, Kind, Routes(), given=[])

    def test_an_answer_that_changes_by_itself(self) -> None:
        """An answer with the time in it, or with a new number each time, was changed by no header."""

        class Kind(Small):
            def me(self) -> Answer:
                told = "everybody" if "X-Original-URL" in self.headers else self.caller()
                return 200, {"user": {"id": told}, "at": 0 if self.hole else time.perf_counter()}, {}

            def others(self, body: bytes) -> Answer:
                return 403, None, {}

        self.assert_told_apart("method-in-a-header", Kind, right=NOT_PLAYED)

    def test_a_refusal_that_repeats_the_path(self) -> None:
        """A refusal may repeat the id that was asked for; an id in another form is refused for its form."""

        class Kind(Small):
            ids: ClassVar[dict[str, str]] = {each.email: str(uuid4()) for each in PEOPLE}

            def user(self, name: str) -> object:
                return {"user": {"id": self.ids[name]}}

            def others(self, body: bytes) -> Answer:
                asked = self.path.rpartition("/")[2]
                if not re.fullmatch(r"[0-9a-f-]{36}", asked):
                    return 422, "no id", {}
                why = "not yours" if self.hole and asked in self.ids.values() else "not yours, or not there"
                return 403, f"{asked} is {why} (request {uuid4()})", {}

        self.assert_told_apart("refusal-that-tells", Kind)

    def test_ids_that_other_letters_do_not_change(self) -> None:
        """An id of digits alone is the same in other letters, and not nearly the same."""

        class Kind(Small):
            def new_id(self) -> str:
                return f"{secrets.randbelow(10**30):030d}"

            def caller(self) -> str:
                sent = self.headers.get("Cookie", "").removeprefix("session=")
                found = [name for each, name in self.sessions.items() if self.hole and each.startswith(sent)]
                return self.sessions.get(sent) or (found[0] if found else "")

        self.assert_told_apart("id-nearly-right", Kind)

    def test_a_field_that_is_passed_over(self) -> None:
        """A change that succeeds and passes over a field nobody knows has changed nothing."""

        class Kind(Small):
            made: ClassVar[dict[str, int]] = {}

            def user(self, name: str) -> object:
                return {"user": {"id": name, "created_at": self.made.get(name, 0)}}

            def others(self, body: bytes) -> Answer:
                if self.caller() != "root":
                    return 401, None, {}
                fields, name = self.read(body), self.path.rpartition("/")[2]
                if fields.get("role", "user") not in ("user", "admin"):
                    return 400, None, {}
                if self.hole and "created_at" in fields:
                    self.made[name] = fields["created_at"]
                return 200, self.user(name), {}

        self.assert_told_apart("field-at-a-change", Kind, Routes(), given=[])

    def test_tokens_that_say_their_type_in_a_claim(self) -> None:
        """What a token is for may stand in a claim, and the header's `typ` then says nothing."""

        class Kind(Small):
            def claims(self, name: str) -> dict[str, object]:
                return {**super().claims(name), "type": "access"}

            def believes(self, head: dict[str, Any], claims: dict[str, Any]) -> bool:
                return self.hole or claims.get("type") == "access"

        self.assert_told_apart("token-of-another-type", Kind)

    def test_tokens_that_say_whom_they_are_for(self) -> None:
        """Where tokens are told apart by their audience, their type was not tried, and nothing is through."""

        class Kind(Small):
            def claims(self, name: str) -> dict[str, object]:
                return {**super().claims(name), **({"type": "access"} if self.hole else {"aud": "us"})}

        self.assert_told_apart("token-of-another-type", Kind, right=NOT_PLAYED)

    def test_a_date_as_others_write_it(self) -> None:
        """A minute for clocks that differ, a date in quotes, far ahead or true are no token without an end."""

        class Kind(Small):
            def believes(self, head: dict[str, Any], claims: dict[str, Any]) -> bool:
                return number(claims.get("exp", "inf" if self.hole else "none")) > time.time() - 60

        self.assert_told_apart("token-without-an-end", Kind)

    def test_a_token_of_yesterday(self) -> None:
        """An `iat` that is no date is not looked at, and `nbf` may be true: that is long ago."""

        class Kind(Small):
            def believes(self, head: dict[str, Any], claims: dict[str, Any]) -> bool:
                return self.hole or number(claims.get("nbf", 0)) <= time.time()

        self.assert_told_apart("token-of-tomorrow", Kind)

    def test_tokens_with_claims_of_their_own(self) -> None:
        """A claim that the server's tokens do not have is not there twice when one adds it."""

        class Kind(Small):
            def read_claims(self, text: bytes) -> Any:
                pairs = json.loads(text.decode("utf-8"), object_pairs_hook=list)
                claims = dict(pairs)
                if not self.hole and len(claims) < len(pairs):
                    raise ValueError
                return claims

        self.assert_told_apart("claim-twice", Kind)

    def test_tokens_without_an_issuer(self) -> None:
        """Where tokens name no issuer, none looks like it."""

        class Kind(Small):
            def claims(self, name: str) -> dict[str, object]:
                return {**super().claims(name), **({"iss": "https://login.example"} if self.hole else {})}

        self.assert_told_apart("issuer-that-looks-alike", Kind, right=NOT_PLAYED)


def number(value: object) -> float:
    """The date that this is, as a generous reader takes it; one that compares with none where it is no date."""
    try:
        found = float(str(value)) if not isinstance(value, bool) else float(value)
    except ValueError:
        return float("nan")
    return float("nan") if found in (float("inf"), float("-inf")) and value != "inf" else found


class Strict(Small):
    """The same, which looks at the bytes of a head before it believes them; with the hole it does not."""

    wrong = rb"\Z."

    def parse_request(self) -> bool:
        lines: list[bytes] = []
        while (line := self.rfile.readline(65537)) not in (b"\r\n", b"\n", b""):
            lines.append(line)
        whole, self.rfile = self.rfile, io.BytesIO(b"".join([*lines, b"\r\n"]))
        try:
            if not super().parse_request():
                return False
        finally:
            self.rfile = whole
        if not self.hole and re.search(self.wrong, b"".join(lines), re.I | re.M):
            self.send_error(400)
        return self.hole or not re.search(self.wrong, b"".join(lines), re.I | re.M)


def read_chunks(rfile: Any, hole: bool) -> bytes:
    """The body that comes in chunks, with extensions and trailers. Raises ValueError, with the hole for less."""
    body = b""
    while True:
        line = rfile.readline()
        if not hole and not re.fullmatch(rb"[0-9A-Fa-f]{1,8}(;[^\r\n]*)?\r\n", line):
            raise ValueError
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        body += rfile.read(size)
        if rfile.readline() != b"\r\n":
            raise ValueError
    while rfile.readline() not in (b"\r\n", b""):
        pass
    return body


class AlarmsOnTheWire(Case):
    def test_two_lengths_and_then_the_end(self) -> None:
        """Whoever takes both lengths and then ends the connection leaves no bytes for the next request."""

        class Kind(Strict):
            protocol_version = "HTTP/1.1"
            wrong = rb"^transfer-encoding :"

            def answer(self, body: bytes) -> Answer:
                self.close_connection |= "Transfer-Encoding" in self.headers and not self.hole
                return super().answer(body)

        self.assert_told_apart("length-and-chunks", Kind)

    def test_a_length_with_a_zero_before_it(self) -> None:
        """A zero before a length is in the grammar, and changes nothing."""

        class Kind(Strict):
            wrong = rb"^content-length: (?![0-9]+\r)"

        self.assert_told_apart("odd-length", Kind)

    def test_a_field_with_an_odd_sign(self) -> None:
        """What a field may hold besides NUL and line ends is wide: whoever takes ESC has no hole."""

        class Kind(Strict):
            wrong = rb"\0|^:|^[^:\r\n]*\r|^[^:\r\n]* :"

        self.assert_told_apart("odd-field", Kind)

    def test_another_name_in_the_line(self) -> None:
        """A server must take a whole address in the line, and with HTTP/1.0 a request without a host."""

        class Kind(Strict):
            wrong = rb"^host:(.*\n)*host:"

        self.assert_told_apart("two-hosts", Kind)

    def test_chunks_as_the_grammar_has_them(self) -> None:
        """Extensions and trailers are valid, and a server that reads no chunks at all was not tried."""

        class Kind(Small):
            def do_POST(self) -> None:
                if "Transfer-Encoding" in self.headers:
                    try:
                        self.rfile = io.BytesIO(read_chunks(self.rfile, self.hole))
                    except ValueError:
                        self.send_error(400)
                        return
                    self.headers["Content-Length"] = str(len(self.rfile.getvalue()))
                self.do_GET()

        self.assert_told_apart("odd-chunks", Kind)
        self.assertEqual(verdict("odd-chunks", Small), NOT_PLAYED)

    def test_a_body_that_is_thrown_away(self) -> None:
        """Whoever reads megabytes and keeps nothing has refused them: by 413, or without a word at the end."""

        class Kind(Small):
            says = 413

            def do_POST(self) -> None:
                left = int(self.headers["Content-Length"])
                if left < HUGE:
                    self.do_GET()
                    return
                while left and (piece := self.rfile.read(min(left, PIECE))):
                    left -= len(piece)
                if self.hole or self.says:
                    self.send_error(401 if self.hole else self.says)

        self.assert_told_apart("huge-body", Kind)
        self.assert_told_apart("huge-body", type("Silent", (Kind,), {"says": 0}))

    def test_a_list_is_too_much_for_it(self) -> None:
        """A server that falls over any list, with a 500 or without a word, is not hurt by its depth."""

        class Kind(Small):
            says = 0

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if data == b"[]" and self.hole:
                    self.send_error(400)
                elif data.startswith(b"["):
                    if self.says:
                        self.send_error(self.says)
                else:
                    self.rfile = io.BytesIO(data)
                    self.do_GET()

        self.assert_told_apart("deep-json", Kind, right=NOT_PLAYED)
        self.assert_told_apart("deep-json", type("Says", (Kind,), {"says": 500}), right=NOT_PLAYED)


if __name__ == "__main__":
    unittest.main()
