"""Who may look, and what do they get? The page, its feed, and the buttons that a browser cannot press by itself.

Rules of this file:
- loopback is every user of this machine, so the address carries a secret of this start; without it there is nothing;
- only a Host that is ours (a name that an attacker points at 127.0.0.1 is not: DNS rebinding), and but for opening
  the page only requests of the page itself;
- the page runs its own script and nothing else: a CSP of 'self', no inline script, no markup from any request.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authref import guards
from authref.events import Events
from authref.maps import Store
from authref.wire import Headers, Problem, Request, Response
from authref.xray.calls import PACKAGE, source_of
from authref.xray.explain import EXPLAINED
from authref.xray.recorder import as_json
from authref.xray.relay import raw_request, send
from authref.xray.story import ANSWERS, STORY
from authref.xray.world import THINGS, World

WAIT = 1.0  # seconds that the feed waits for something new
FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
}
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Headers = tuple(
    (name, _CSP if name == "content-security-policy" else value) for name, value in guards.SECURITY_HEADERS
)


class XRay:
    """An app as the server wants one: the routes of the page, and around all others the recorder."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store: Store = world.store
        self.events: Events = world.app.events
        self.made_admin = True
        self.secret = secrets.token_urlsafe(16)
        self._host, self._port = "127.0.0.1", 0
        self._relayed = b""  # what the relay has just sent, for the refusals of the reader
        self._buttons: dict[str, Callable[[dict[str, Any]], object]] = {
            "send": self._send,
            "second": self._second,
            "clock": lambda asked: world.put_forward(float(asked["seconds"])),
            "mode": lambda asked: world.choose(str(asked["mode"])),
            "key": lambda asked: world.change_key(),
            "steal": lambda asked: world.steal(str(asked["what"])),
            "thief": self._thief,
            "lock_out": self._lock_out,
            "begin": lambda asked: world.begin(),
        }

    def opened(self, url: str) -> str:
        """The address of the page, now that the server listens on this URL."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or self._host, parts.port or 80
        return f"{url}/xray/{self.secret}/"

    def __call__(self, request: Request) -> Response:
        """The page's own answers; else the app's, recorded."""
        if request.path == "/xray" or request.path.startswith("/xray/"):
            return self._answer(request)
        return self.world.answer(request)

    def is_slow(self, request: Request) -> bool:
        """True for what waits, for something new or for the relay's answer, and for whatever the app calls slow."""
        return request.path.startswith("/xray/") or self.world.app.is_slow(request)

    @property
    def unwell(self) -> str:
        """What the server cannot do now, in a sentence."""
        return self.world.app.unwell

    @unwell.setter
    def unwell(self, sentence: str) -> None:
        self.world.app.unwell = sentence

    def refuse(self, error: Exception, request: Request) -> Response:
        """The app's answer to bytes that make no request; the feed shows it, too."""
        response = self.world.app.refuse(error, request)
        self.world.recorder.record_refusal(error, response, request, self._relayed)
        return response

    def _answer(self, request: Request) -> Response:
        try:
            response = self._found(request)
        except Problem as problem:
            response = problem.response
        except (KeyError, TypeError, ValueError) as error:
            response = Response.problem(400, "invalid_request", str(error) or "This button needs other fields.")
        return Response(response.status, response.body, response.headers + HEADERS)

    def _found(self, request: Request) -> Response:
        if not self._is_our_host(request.header("host") or ""):
            raise Problem(403, "forbidden", "This page is opened by the address that the terminal shows.")
        _, _, secret, *rest = [*request.path.split("/", 3), ""]
        if not hmac.compare_digest(secret.encode(), self.secret.encode()) or request.path.count("/") < 3:
            raise Problem(403, "forbidden", "Open the address that the terminal shows: it ends with a secret.")
        name = rest[0]
        opening = name in FILES and request.header("sec-fetch-mode") == "navigate"
        if not opening and request.header("sec-fetch-site") not in (None, "same-origin"):
            raise Problem(403, "cross_site", "Only the page itself may ask this.")
        if request.method in ("GET", "HEAD"):
            return self._read(name, request)
        if request.method == "POST" and name in self._buttons:
            return self._press(name, request)
        raise Problem(405, "method_not_allowed", "This path takes GET.", (("allow", "GET, HEAD"),))

    def _is_our_host(self, host: str) -> bool:
        return host in {f"{name}:{self._port}" for name in (self._host, "localhost", "127.0.0.1", "[::1]")}

    def _read(self, name: str, request: Request) -> Response:
        if name in FILES:
            file, kind = FILES[name]
            return Response(200, Path(__file__).with_name(file).read_bytes(), (("content-type", kind),))
        if name == "feed":
            exchanges = self.world.recorder.after(int(request.query.get("after", "0")), WAIT)
            return Response.json({"exchanges": [as_json(each) for each in exchanges[-200:]], **self.world.state()})
        if name == "words":
            story = [step.as_json() for step in STORY]
            return Response.json({"explained": EXPLAINED, "story": story, "answers": ANSWERS})
        if name == "source":
            return Response.json(source_of(request.query["file"], request.query["name"]))
        if name.startswith("file/") and name[5:] in files():
            text = PACKAGE.joinpath(name[5:]).read_bytes()
            return Response(200, text, (("content-type", "text/plain; charset=utf-8"),))
        raise Problem(404, "not_found", "Nothing is here.")

    def _press(self, name: str, request: Request) -> Response:
        asked = request.json()
        if not isinstance(asked, dict):
            raise Problem(400, "invalid_request", "The body is not a JSON object.")
        return Response.json({"done": self._buttons[name](asked), **self.world.state()})

    def _send(self, asked: dict[str, Any]) -> tuple[int, str]:
        """Send these exact bytes to our own port; only what every request needs, and this one lacks, is added."""
        headers = [(str(name), str(value)) for name, value in asked.get("headers", [])]
        agent = "x-ray-thief/1" if asked.get("thief") else "x-ray-relay/1"
        names = {name.lower() for name, _ in headers}
        added = [("Host", f"{self._host}:{self._port}")] if "host" not in names else []
        added += [("User-Agent", agent)] if "user-agent" not in names else []
        body = str(asked.get("body", "")).encode("utf-8")
        if body and not names & {"content-length", "transfer-encoding"}:
            added += [("Content-Length", str(len(body)))]
            added += [("Content-Type", "application/json")] if "content-type" not in names else []
        data = raw_request(str(asked["method"]), str(asked["path"]), [*added, *headers], body)
        self._relayed = data
        try:
            return send(self._host, self._port, data)
        finally:
            self._relayed = b""

    def _thief(self, asked: dict[str, Any]) -> object:
        """Let the thief ask who they are, with what they have copied."""
        what = str(asked["what"])
        loot = getattr(self.world.loot, what) if what in THINGS else ""
        if not loot:
            raise ValueError(f"The thief holds no {what} yet.")
        path = "/me" if what == "cookie" else "/token/me"
        header = ["Cookie", loot] if what == "cookie" else ["Authorization", f"Bearer {loot}"]
        return self._send({"method": "GET", "path": path, "headers": [header], "thief": True})

    def _second(self, asked: dict[str, Any]) -> object:
        """Ask another machine, which shares the key and not the memory."""
        what, held = str(asked["what"]), self.world.held
        if what not in THINGS or not getattr(held, what):
            raise ValueError(f"You hold no {what} to show; log in first.")
        path = "/me" if what == "cookie" else "/token/me"
        header = ("cookie", held.cookie) if what == "cookie" else ("authorization", f"Bearer {held.token}")
        host = f"{self._host}:{self._port}"
        headers = (("host", host), ("user-agent", "x-ray-relay/1"), header)
        return self.world.ask_second(Request("GET", path, headers)).status

    def _lock_out(self, asked: dict[str, Any]) -> object:
        """Let an admin disable the account with this address: a real login and a real request."""
        world = self.world
        user = world.app.users.by_email(str(asked["email"]))
        if user is None:
            raise ValueError("There is no such account to disable; sign up first.")
        agent = ["User-Agent", "x-ray-admin/1"]
        login = json.dumps({"email": world.admin_email, "password": world.admin_password})
        status, answer = self._ask("POST", "/token/login", [agent], login)
        if status != 200:
            raise ValueError(f"The admin could not log in ({status}); wait a moment and press again.")
        bearer = ["Authorization", f"Bearer {json.loads(answer)['token']}"]
        change = json.dumps({"disabled": bool(asked.get("disabled", True))})
        return self._ask("PATCH", f"/users/{user.id}", [agent, bearer], change)[0]

    def _ask(self, method: str, path: str, headers: list[list[str]], body: str) -> tuple[int, str]:
        return self._send({"method": method, "path": path, "headers": headers, "body": body})


def files() -> set[str]:
    """The project's own source files, by their paths."""
    return {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
