"""What travelled, what did it change, and which code ran? One exchange at a time, kept while there is room.

The recorder stands around an app, itself a function from request to response, so the app does not know.

Rules of this file:
- any website can make a request that lands here, so all of it is somebody's text, and never markup;
- a password is masked before anything is kept. Of a body that is no JSON object, and of bytes that made no request,
  nobody knows where it stands: there the body is kept as its length only;
- at most 10,000 exchanges or 60 MB are kept, whichever comes first. The oldest leave.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from authref.wire import PHRASES, Problem, Request, Response
from authref.xray.calls import Marks, Step, function_of, traced, tree
from authref.xray.glass import Notes, columns, watched

MAX_EXCHANGES = 10_000
MAX_BYTES = 60 * 1024 * 1024
MAX_BODY = 4 * 1024  # characters of a body that are shown
MAX_STEPS = 400  # of one exchange
MASK = "(masked)"

# How the relay signs its requests (User-Agent), and what the page calls whoever sent them.
ACTORS = {"x-ray-thief": "thief", "x-ray-relay": "relay", "x-ray-admin": "admin"}


@dataclass(slots=True)
class Exchange:
    """One request, its answer, and what happened in between; `at` is the server's clock, in Unix seconds."""

    number: int
    at: float
    who: str
    server: str
    request: Request  # its passwords masked
    response: Response
    notes: Notes
    marks: Marks
    verdict: str = ""
    since: str = ""  # what turned that verdict
    milliseconds: float = 0.0
    raw: str = ""  # what the relay sent, where it made no request


class Recorder:
    """The exchanges so far, for whoever waits for the next one."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: deque[Exchange] = deque()
        self._bytes = 0
        self._number = 0
        self._cause = ""  # what changed something last: an exchange, or a button
        self._verdicts: dict[str, tuple[str, str]] = {}  # of each server and credential: let in or not, since when
        self._lock = threading.Condition()

    def record(self, app: Callable[[Request], Response], request: Request, server: str = "") -> Response:
        """The app's answer, which it would have given unwatched, too."""
        started = time.perf_counter()
        with watched() as notes:
            response, marks = traced(lambda: app(request))
        spent = (time.perf_counter() - started) * 1000
        verdict = verdict_of(request.path, response.status)
        self._keep(Exchange(0, 0.0, who(request), server, masked(request), response, notes, marks, verdict, "", spent))
        return response

    def record_refusal(self, error: Exception, response: Response, request: Request, raw: bytes) -> None:
        """Keep what the reader refused: as much of the request as it read, and the bytes that the relay sent."""
        code = error.code if isinstance(error, Problem) else type(error).__name__
        text = _masked_bytes(raw)
        method, target = [*text.partition("\r\n")[0].split(" ")[:2], "?", "?"][:2]
        seen = request if request.method else Request(method, target)
        notes = Notes(events=[f"refused by the reader: {code}"])
        self._keep(Exchange(0, 0.0, "relay" if raw else who(seen), "", masked(seen), response, notes, (), raw=text))

    def _keep(self, exchange: Exchange) -> None:
        with self._lock:
            self._number += 1
            exchange.number, exchange.at = self._number, self._now()
            exchange.since = self._since(exchange)
            if exchange.notes.changes:
                self._cause = f"#{self._number} {exchange.request.method} {exchange.request.path}"
            self._kept.append(exchange)
            self._bytes += size_of(exchange)
            while len(self._kept) > MAX_EXCHANGES or self._bytes > MAX_BYTES:
                self._bytes -= size_of(self._kept.popleft())
            self._lock.notify_all()

    def _since(self, exchange: Exchange) -> str:
        """What turned the verdict on this credential, or "" if it was never another one."""
        if not exchange.verdict:
            return ""
        credentials = [value for name, value in exchange.request.headers if name in ("cookie", "authorization")]
        key = _digest(exchange.server + "".join(credentials))
        before, since = self._verdicts.get(key, (exchange.verdict, ""))
        if before != exchange.verdict:
            since = f"since {self._cause}"
        if len(self._verdicts) > MAX_EXCHANGES:
            self._verdicts.clear()
        self._verdicts[key] = (exchange.verdict, since)
        return since

    def hand_out(self, credential: str) -> None:
        """From now on the server lets in whoever sends this; a refusal later has a cause."""
        with self._lock:
            self._verdicts[_digest(credential)] = ("let in", "")

    def note(self, text: str) -> None:
        """A line of the feed for what somebody pressed: no request went out."""
        with self._lock:
            self._number += 1
            self._cause = text
            pressed = Request("", text)
            self._kept.append(Exchange(self._number, self._now(), "button", "", pressed, Response(200), Notes(), ()))
            self._lock.notify_all()

    def forget(self) -> None:
        """Begin again: nothing is kept."""
        with self._lock:
            self._kept.clear()
            self._verdicts.clear()
            self._bytes = 0
            self._lock.notify_all()

    def after(self, number: int, seconds: float) -> list[Exchange]:
        """The exchanges after this number, as soon as there is one; none if there is none within the seconds."""
        with self._lock:
            self._lock.wait_for(lambda: self._number > number, timeout=seconds)
            newer = []
            for exchange in reversed(self._kept):
                if exchange.number <= number:
                    break
                newer.append(exchange)
            return newer[::-1]

    def __len__(self) -> int:
        return len(self._kept)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def who(request: Request) -> str:
    """Who sent it, as far as it says itself: this page, the relay's thief, curl …"""
    agent = request.header("user-agent") or ""
    first = agent.partition("/")[0][:20]
    if first in ACTORS:
        return ACTORS[first]
    if request.header("sec-fetch-site") == "same-origin":
        return "you"
    return first or "somebody"


def masked(request: Request) -> Request:
    """The request without its passwords: in a JSON body, in the query, and in an Authorization that is no token."""
    headers = tuple((name, _masked_credentials(name, value)) for name, value in request.headers)
    target = re.sub(r"(?i)([?&][^=&]*password[^=&]*=)[^&]*", rf"\1{MASK}", request.target)
    return replace(request, target=target, headers=headers, body=_masked_body(request.body).encode("utf-8"))


def _masked_credentials(name: str, value: str) -> str:
    """The value; of an Authorization that is no bearer token, which may hold a password, only its scheme."""
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {MASK}" if "authorization" in name.lower() and blank and scheme.lower() != "bearer" else value


def _masked_bytes(raw: bytes) -> str:
    """The head of what the relay sent, without credentials; of its body only the length, for nobody could read it."""
    head, blank, body = raw.decode("latin-1").partition("\r\n\r\n")
    shown = re.sub(r"(?im)^([^:\r\n]*authorization[^:\r\n]*:).*$", rf"\1 {MASK}\r", head)[:MAX_BODY]
    return f"{shown}{blank}({len(body)} bytes)" if body else f"{shown}{blank}"


def _masked_body(body: bytes) -> str:
    """The JSON body with its passwords masked; of anything else only the length, for who knows what it holds."""
    if not body:
        return ""
    try:
        value = json.loads(body)
        if isinstance(value, dict):
            return json.dumps(_without_passwords(value), separators=(",", ":"))
    except (ValueError, RecursionError):
        pass
    return f"({len(body)} bytes that are no JSON object)"


def _without_passwords(value: object) -> object:
    if isinstance(value, dict):
        return {name: MASK if "password" in name.lower() else _without_passwords(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_passwords(each) for each in value]
    return value


def verdict_of(path: str, status: int) -> str:
    """Whether somebody was let in, where that was the question: on a route that asks who is calling."""
    if path not in ("/me", "/token/me") and not path.startswith(("/me/", "/users")):
        return ""
    return "let in" if status < 300 else "refused" if status in (401, 403) else ""


def size_of(exchange: Exchange) -> int:
    """About how many bytes it takes: the marks of equal requests are kept once, and count as a quarter."""
    headers = exchange.request.headers + exchange.response.headers
    text = sum(len(name) + len(value) + 100 for name, value in headers)
    bodies = len(exchange.request.body) + len(exchange.response.body) + len(exchange.raw)
    target = len(exchange.request.target)
    return 1500 + target + text + bodies + 2 * len(exchange.marks) + 400 * len(exchange.notes.changes)


def sent(exchange: Exchange) -> dict[str, Any]:
    """The request as it is shown: line, header lines, body."""
    request = exchange.request
    return {
        "line": f"{request.method} {request.target} HTTP/1.1" if request.method else request.target,
        "headers": [[name, value[:MAX_BODY]] for name, value in request.headers],
        "body": request.body.decode("utf-8", "replace")[:MAX_BODY],
        "raw": exchange.raw,
    }


def received(response: Response) -> dict[str, Any]:
    """The answer as it is shown."""
    is_json = any(name == "content-type" and "json" in value for name, value in response.headers)
    body = response.body.decode("utf-8", "replace").rstrip("\n")[:MAX_BODY]
    return {
        "status": response.status,
        "line": f"HTTP/1.1 {response.status} {PHRASES[response.status]}",
        "headers": [list(pair) for pair in response.headers],
        "body": body if is_json else f"({len(response.body)} bytes)" if body else "",
    }


def as_json(exchange: Exchange) -> dict[str, Any]:
    """The exchange for the page: names and places, texts, and no objects of the server."""
    left = [MAX_STEPS]
    return {
        "number": exchange.number,
        "at": exchange.at,
        "who": exchange.who,
        "server": exchange.server,
        "request": sent(exchange),
        "response": received(exchange.response),
        "verdict": exchange.verdict,
        "since": exchange.since,
        "milliseconds": round(exchange.milliseconds, 2),
        "looked_up": exchange.notes.looked_up,
        "changes": [
            {"map": change.map, "key": change.key, "before": _row(change.before), "after": _row(change.after)}
            for change in exchange.notes.changes
        ],
        "events": exchange.notes.events,
        "steps": [_step(step, left) for step in tree(exchange.marks).steps],
    }


def _row(value: object) -> dict[str, object] | None:
    return None if value is None else columns(value)


def _step(step: Step, left: list[int]) -> dict[str, Any]:
    left[0] -= 1
    function = function_of(step.code) if step.code else None
    return {
        "file": function.file if function else "",
        "name": function.name if function else "",
        "sentence": function.sentence if function else "",
        "first": function.first if function else 0,
        "lines": sorted(step.lines),
        "raised": step.raised,
        "steps": [_step(each, left) for each in step.steps if left[0] > 0],
    }
