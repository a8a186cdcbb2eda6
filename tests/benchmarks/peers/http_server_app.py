"""What would it be in the standard library alone? ThreadingHTTPServer as it comes: HTTP/1.0, so each request has a
connection and a thread of its own.
"""

from __future__ import annotations

import json
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.benchmarks.peers import accounts


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/me":
            session = SimpleCookie(self.headers.get("Cookie", "")).get("session")
            self.me(accounts.user_of_session(session.value if session else None))
        elif self.path == "/token/me":
            self.me(accounts.user_of_bearer(self.headers.get("Authorization")))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = accounts.user_of_password(fields["email"], fields["password"])
        if user is None:
            self.send_error(401)
        elif self.path == "/login":
            cookie = SimpleCookie({"session": accounts.start_session(user)})
            flags: Any = {"httponly": True, "samesite": "Lax", "path": "/"}
            cookie["session"].update(flags)
            self.answer({"user": user}, cookie["session"].OutputString())
        else:
            token = accounts.create_token(user)
            self.answer({"token": token, "token_type": "Bearer", "expires_in": accounts.LIFETIME})

    def me(self, user: accounts.User | None) -> None:
        if user is None:
            self.send_error(401)
        else:
            self.answer({"user": user})

    def answer(self, value: Any, cookie: str = "") -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
