"""What a browser will not send: two cookies, another Host, somebody else's credentials.

So the page asks its own server to send it, to its own port, as exact bytes. Whoever sends says so in its User-Agent,
and the feed marks it.
"""

from __future__ import annotations

import socket
from http.client import HTTPException, HTTPResponse

MAX_SENT = 64 * 1024  # bytes of one request
SECONDS = 10.0  # for the whole answer


def raw_request(method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    """The bytes of the request exactly as they were asked for, right or wrong."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + body


def send(host: str, port: int, data: bytes) -> tuple[int, str]:
    """The answer's status and body to these bytes; (0, a sentence) when there was none."""
    try:
        with socket.create_connection((host, port), timeout=SECONDS) as sock:
            sock.sendall(data[:MAX_SENT])
            answer = HTTPResponse(sock, method=data.partition(b" ")[0].decode("latin-1"))  # HEAD: no body to wait for
            answer.begin()
            return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        return 0, f"No answer came ({type(error).__name__})."
