"""How does the same app run on several machines? Under any server that speaks WSGI (PEP 3333), with a shared store.

    AUTHREF_STORE=redis://10.0.0.5/0 AUTHREF_KEYS=… gunicorn --preload --workers 4 --threads 16 authref.wsgi:application

(Without --preload each worker reads the settings by itself, and gunicorn starts for ever those that refuse them.)

Everything is chosen by environment variables: each flag of `python -m authref` that is not about its own socket has
one, `--public-url` for example AUTHREF_PUBLIC_URL.

Rules of this file:
- a WSGI server has cut the bytes into a request already, and some are more lenient than ours. So the head is put
  together again and read by reader.py: whatever it refuses is refused here too;
- it starts with a shared store only: a server may have several processes, whatever it says of that, and a logout in
  the memory of one would mean nothing to the next.

What each server changes before we see it stands in tests/field/wsgi_servers.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from authref.app import App
from authref.configuration import add_flags, admin_password_of_environment, build_app, flags_of_environment, warnings
from authref.serving.cores import cores
from authref.serving.reader import MAX_BODY, read_head
from authref.terminal import Parser, fail, sentences, warn
from authref.throttle import share_cores
from authref.wire import PHRASES, Problem, Request, Response

Environ = dict[str, Any]

# Whose wsgi.input ends where a chunked body ends, though they do not say so in wsgi.input_terminated (PEP 3333 has no
# such word): seen with eventlet 0.41, Twisted 26.10, a2wsgi 1.10 on uvicorn, and hypercorn 0.18, which reads all first.
_ENDS = ("eventlet.wsgi.Input", "twisted.web.wsgi._InputStream", "a2wsgi.wsgi.Body", "_io.BytesIO")
_OUR_COOKIE = re.compile(r",(?=[ \t]*(?:__Host-)?session=)")


class Application:
    """The app as a WSGI callable."""

    def __init__(self, app: App) -> None:
        self._app = app
        app.store.close()  # it opens again by itself in each process that is forked from this one

    def __call__(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        response = self._answer(environ)
        headers = list(response.headers)
        if response.status != 204:
            headers.append(("content-length", str(len(response.body))))
        start_response(f"{response.status} {PHRASES[response.status]}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]

    def _answer(self, environ: Environ) -> Response:
        peer = environ.get("REMOTE_ADDR", "")
        try:
            return self._app(_request(environ, peer))
        except Problem as problem:
            origin = [("origin", environ["HTTP_ORIGIN"])] if "HTTP_ORIGIN" in environ else []
            return self._app.refuse(problem, Request("", "", tuple(origin), b"", peer))


def _request(environ: Environ, peer: str) -> Request:
    """The request as our own reader reads it. Raises Problem."""
    head = read_head(_head(environ))
    if head.length is None and not _ends(environ):
        raise Problem(411, "length_required", "This server takes no chunked body; send its Content-Length.")
    body = environ["wsgi.input"].read(MAX_BODY + 1 if head.length is None else head.length)
    if len(body) > MAX_BODY:
        raise Problem(413, "content_too_large", f"The body is longer than {MAX_BODY} bytes.")
    if head.length is not None and len(body) < head.length:
        raise Problem(400, "malformed_request", "The body ended before its Content-Length.")
    return Request(head.method, head.target, head.headers, body, peer)


def _ends(environ: Environ) -> bool:
    """True if who reads the body to its end does not read on into the next request, or wait for ever."""
    kind = type(environ["wsgi.input"])
    return bool(environ.get("wsgi.input_terminated")) or f"{kind.__module__}.{kind.__qualname__}" in _ENDS


def _head(environ: Environ) -> str:
    """The head that the server was sent, as far as it still tells."""
    named = [(name[5:], value) for name, value in environ.items() if name.startswith("HTTP_")]
    named += [(name, environ[name]) for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)]
    fields = list(dict.fromkeys(named))  # Twisted says type and length twice: equal copies are one
    # Two Cookie lines have come as one, `session=planted; x=1,session=own`: the second would hide in the first's x.
    fields += [("COOKIE", line) for line in _OUR_COOKIE.split(environ.get("HTTP_COOKIE", ""))[1:]]
    lines = [f"{environ['REQUEST_METHOD']} {_target(environ)} HTTP/1.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields]
    if any("\r" in line or "\n" in line for line in lines):
        raise Problem(400, "malformed_request", "A header holds a line end.")
    return "\r\n".join(lines) + "\r\n"


def _target(environ: Environ) -> str:
    """The target as sent, where the server tells it: in PATH_INFO it is decoded, and `/%6de` must not become `/me`."""
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if sent:
        return str(sent)
    # No prefix is taken away: with some servers a client can name one, and the guard before them sees another path.
    path, query = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), environ.get("QUERY_STRING")
    path = environ.get("RAW_PATH_INFO") or quote(path.encode("latin-1"))  # eventlet's word for the path as sent
    return path + (f"?{query}" if query else "")


def app_of_environment() -> App:
    """The app that the environment describes. Ends the program, with a sentence, where it cannot be made."""
    with sentences():
        parser = Parser("authref")
        add_flags(parser)
        flags = parser.parse_args(list(flags_of_environment()))
        admin_password = admin_password_of_environment()
        if flags.admin_email and not admin_password:
            fail("Nobody would see the admin's random password; set AUTHREF_ADMIN_PASSWORD.")
        share_cores(cores())
        app = build_app(flags, admin_password)
        if not app.store.shared:
            fail(
                "A WSGI server may have several processes, and each would remember its own logins only; give them a"
                " store to share: AUTHREF_STORE=sqlite:PATH, or redis://HOST:PORT/NUMBER for several machines."
            )
        for sentence in (*warnings(flags, app.store), *_warnings_of_servers()):
            warn(sentence)
        return app


def _warnings_of_servers() -> Iterator[str]:
    """What the server that imports us does by itself, as far as it can be seen, in a sentence each."""
    if "uvicorn" in sys.modules and "--no-proxy-headers" not in sys.argv:
        yield (
            "uvicorn takes what X-Forwarded-For says for the client's address, from whomever FORWARDED_ALLOW_IPS names"
            " and from this machine; have it stop that (--no-proxy-headers), and name the proxy: AUTHREF_TRUSTED_PROXY."
        )


application = Application(app_of_environment())
