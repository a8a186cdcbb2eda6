"""Text browsers that only follow links: an application beside the server passes their cookies on, and leads them on.

Both are `localhost`, and cookies know no port (RFC 6265bis, section 8.5): what it passes on is the browser's own.
"""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

STEPS = (("POST", "/login", os.environ["BODY"]), ("GET", "/me", ""), ("POST", "/logout", ""), ("GET", "/me", ""))
command, server = sys.argv[1:-1], sys.argv[-1]
seen: list[int] = []


class Application(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """The next step, with the cookies that came; the answer sends on to the step after it."""
        method, path, body = STEPS[len(seen) % 4]
        headers = {"Cookie": cookies} if (cookies := self.headers["Cookie"]) else {}
        headers |= {"Content-Type": "application/json"} if body else {}
        request = urllib.request.Request(server + path, body.encode() or None, headers, method=method)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as refused:
            answer = refused
        seen.append(answer.status)
        self.send_response(302 if len(seen) < 4 else 200)
        for value in answer.headers.get_all("Set-Cookie", []):
            self.send_header("Set-Cookie", value)
        if len(seen) < 4:
            self.send_header("Location", f"/{len(seen)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: standard output is for the statuses."""


version = subprocess.run([command[0], "-version"], capture_output=True, text=True).stdout.split("\n")[0]
print(*version.replace("(", " ").split()[:3])
with HTTPServer(("localhost", 0), Application) as application:
    Thread(target=application.serve_forever, daemon=True).start()
    subprocess.run([*command, f"http://localhost:{application.server_port}/0"], stdout=subprocess.DEVNULL, timeout=60)
    application.shutdown()
print(*seen, sep="\n")
