"""What travelled, what did it change, and which code ran? One exchange at a time, kept while there is room.

The recorder stands around an app, itself a function from request to response, so the app does not know.

Rules of this file:
- any website can make a request that lands here, so all of it is somebody's text, and never markup;
- a password is masked before anything is kept; a body that is no JSON is kept as its length only;
- at most 10,000 exchanges or 60 MB are kept, whichever comes first. The oldest leave.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authref.wire import PHRASES, Headers, Problem, Request, Response
from authref.xray.glass import Notes, columns, watched
from authref.xray.trace import Step, function_of, traced

MAX_EXCHANGES = 10_000
MAX_BYTES = 60 * 1024 * 1024
MAX_BODY = 4 * 1024  # characters of a body that are shown
MAX_STEPS = 400  # of one exchange
STEP_BYTES = 200  # what one step takes in memory, about
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
    request: dict[str, Any]
    response: dict[str, Any]
    notes: Notes
    root: Step
    verdict: str = ""
    since: str = ""  # what turned that verdict
    milliseconds: float = 0.0
    size: int = 0


class Recorder:
    """The exchanges so far, for whoever waits for the next one."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: deque[Exchange] = deque()
        self._bytes = 0
        self._number = 0
        self._cause = ""  # what changed something last: an exchange, or a button
        self._verdicts: dict[str, tuple[str, str]] = {}  # of each credential: let in or not, and since when
        self._lock = threading.Condition()

    def record(self, app: Callable[[Request], Response], request: Request, server: str = "") -> Response:
        """The app's answer, which it would have given unwatched, too."""
        started = time.perf_counter()
        with watched() as notes:
            response, root = traced(lambda: app(request))
        spent = (time.perf_counter() - started) * 1000
        self._keep(sent(request), who(request), response, notes, root, server, spent)
        return response

    def record_refusal(self, problem: Problem, response: Response, raw: bytes) -> None:
        """Keep what the reader refused before it was a request; `raw` is known of what the relay sent."""
        text = raw.decode("latin-1")[:MAX_BODY]
        request = {"line": text.partition("\r\n")[0], "headers": [], "body": "", "raw": text}
        notes = Notes(events=[f"refused by the reader: {problem.code}"])
        self._keep(request, "relay" if raw else "somebody", response, notes, Step(None), "", 0.0)

    def _keep(
        self, request: dict[str, Any], sender: str, response: Response, notes: Notes, root: Step, server: str, ms: float
    ) -> None:
        answer = received(response)
        size = len(str(request)) + len(str(answer)) + STEP_BYTES * _count(root) + 500
        with self._lock:
            self._number += 1
            verdict = verdict_of(request, response.status)
            exchange = Exchange(
                self._number, self._now(), sender, server, request, answer, notes, root, verdict,
                self._since(request, server, verdict), round(ms, 2), size,
            )  # fmt: skip
            if notes.changes:
                self._cause = f"#{self._number} {' '.join(request['line'].split(' ')[:2])}"
            self._kept.append(exchange)
            self._bytes += size
            while len(self._kept) > MAX_EXCHANGES or self._bytes > MAX_BYTES:
                self._bytes -= self._kept.popleft().size
            self._lock.notify_all()

    def _since(self, request: dict[str, Any], server: str, verdict: str) -> str:
        """What turned the verdict on this credential, or "" if it was never another one."""
        credentials = [value for name, value in request["headers"] if name in ("cookie", "authorization")]
        if not verdict or not credentials:
            return ""
        key = f"{server} {credentials}"
        before, since = self._verdicts.get(key, (verdict, ""))
        if before != verdict:
            since = f"since {self._cause}"
        if len(self._verdicts) > MAX_EXCHANGES:
            self._verdicts.clear()
        self._verdicts[key] = (verdict, since)
        return since

    def note(self, text: str) -> None:
        """A line of the feed for what somebody pressed: no request went out."""
        with self._lock:
            self._number += 1
            self._cause = text
            empty = {"line": text, "headers": [], "body": ""}
            self._kept.append(Exchange(self._number, self._now(), "button", "", empty, {}, Notes(), Step(None)))
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


def who(request: Request) -> str:
    """Who sent it, as far as it says itself: this page, the relay's thief, curl …"""
    agent = request.header("user-agent") or ""
    first = agent.partition("/")[0][:20]
    if first in ACTORS:
        return ACTORS[first]
    if request.header("sec-fetch-site") == "same-origin":
        return "you"
    return first or "somebody"


def sent(request: Request) -> dict[str, Any]:
    """The request as it is shown: line, header lines, body, all passwords masked."""
    return {
        "line": f"{request.method} {request.target} HTTP/1.1",
        "headers": [[name, _header_value(name, value)] for name, value in request.headers],
        "body": masked(request.body),
    }


def received(response: Response) -> dict[str, Any]:
    """The answer as it is shown."""
    return {
        "status": response.status,
        "line": f"HTTP/1.1 {response.status} {PHRASES[response.status]}",
        "headers": [list(pair) for pair in response.headers],
        "body": _shown(response.body, response.headers),
    }


def masked(body: bytes) -> str:
    """The JSON body with its passwords masked; of anything else only the length, for who knows what it holds."""
    if not body:
        return ""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return f"({len(body)} bytes that are no JSON)"
    return json.dumps(_without_passwords(value), separators=(",", ":"))[:MAX_BODY]


def _without_passwords(value: object) -> object:
    if isinstance(value, dict):
        return {name: MASK if "password" in name.lower() else _without_passwords(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_passwords(each) for each in value]
    return value


def _header_value(name: str, value: str) -> str:
    if name in ("authorization", "proxy-authorization") and value.lower().startswith("basic"):
        return f"Basic {MASK}"  # base64 of a name and a password
    return value[:MAX_BODY]


def _shown(body: bytes, headers: Headers) -> str:
    if any(name == "content-type" and "json" in value for name, value in headers):
        return body.decode("utf-8", "replace").rstrip("\n")[:MAX_BODY]
    return f"({len(body)} bytes)" if body else ""


def verdict_of(request: dict[str, Any], status: int) -> str:
    """Whether somebody was let in, where that was the question: a route that asks who is calling."""
    path = request["line"].split(" ")[1].partition("?")[0] if request["line"].count(" ") > 1 else ""
    if path not in ("/me", "/token/me") and not path.startswith(("/me/", "/users")):
        return ""
    return "let in" if status < 300 else "refused" if status in (401, 403) else ""


def as_json(exchange: Exchange) -> dict[str, Any]:
    """The exchange for the page: names and places, texts, and no objects of the server."""
    left = [MAX_STEPS]
    return {
        "number": exchange.number,
        "at": exchange.at,
        "who": exchange.who,
        "server": exchange.server,
        "request": exchange.request,
        "response": exchange.response,
        "verdict": exchange.verdict,
        "since": exchange.since,
        "milliseconds": exchange.milliseconds,
        "looked_up": exchange.notes.looked_up,
        "changes": [
            {"map": change.map, "key": change.key, "before": _row(change.before), "after": _row(change.after)}
            for change in exchange.notes.changes
        ],
        "events": exchange.notes.events,
        "steps": [_step(step, left) for step in exchange.root.steps],
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


def _count(step: Step) -> int:
    return 1 + sum(_count(each) for each in step.steps)
