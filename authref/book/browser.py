"""Which cookies does a browser send along? A jar of cookies decides, as in a browser, and a server on loopback answers.

One machine answers under two names, `localhost` and `127.0.0.1`: the request goes to the same address, only its name
is another. Each request meets a new port.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from urllib.request import Request as Asked

from authref.app import App
from authref.serving.server import Server
from authref.wire import Request, Response


@dataclass
class OnLoopback:
    """The app as a server needs it; each of its answers is given by `answer`."""

    app: App
    answer: Callable[[Request], Response]
    unwell: str = ""

    def __call__(self, request: Request) -> Response:
        """The answer."""
        return self.answer(request)

    def is_slow(self, request: Request) -> bool:
        """False: nobody else waits."""
        return False

    def refuse(self, error: Exception, request: Request) -> Response:
        """The answer to what could not be read."""
        return self.app.refuse(error, request)


def ask(app: OnLoopback, jar: CookieJar, method: str, host: str, path: str, data: bytes | None) -> Asked:
    """What a browser with this jar sends to 127.0.0.1 under the name `host`; the jar keeps what the answer sets."""
    with Server(app, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            asked = Asked(f"http://{host}:{server.server_port}{path}", data, {"Content-Type": "application/json"})  # noqa: S310
            jar.add_cookie_header(asked)
            connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
            connection.request(method, path, data, {"Host": asked.host, **dict(asked.header_items())})
            jar.extract_cookies(connection.getresponse(), asked)
            connection.close()
        finally:
            server.stop()
            thread.join()
    return asked
