"""The book: the source, to be read in a browser, and the pages that are no source.

    chapters.py     a file as a chapter: prose, and the code beside it
    shown.py        the exchanges of the x-ray's story, for the chapters whose code they ran
    asked.py        what a reader should be able to answer
    paths.py        what to read in thirty minutes, and what in two hours
    words.py        where a word is met first
    runs.py         the answers to the questions, played and shown
    browser.py      what a browser sends along, by a jar of cookies
    page.py         all of it as one page
    pages/          what is told beside the source: questions, words, how to operate it …

This is a room: the core never imports it. What it needs to be made is the extra `authref[book]`; the source and the
pages are read without.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from authref.serving.server import serve
from authref.terminal import Parser, fail, pip_install, say
from authref.wire import Problem, Request, Response

HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)


def main(arguments: Sequence[str]) -> int:
    """Serve the book on this machine, or write it to a file; the exit status."""
    flags = _parser().parse_args(arguments)
    try:
        from authref.book.page import book
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("markdown_it", "mdurl", "pygments"):
            raise
        fail(f"The book needs two packages that are missing; install them: {pip_install('markdown-it-py pygments')}")
    html = book()
    if flags.out:
        try:
            Path(flags.out).write_text(html, "utf-8")
        except OSError as error:
            fail(f"Cannot write {flags.out} ({error.strerror}); name another file.")
        say(f"The book is in {flags.out}: {len(html.encode()) / 1e6:.1f} MB, one file.")
        return 0
    try:
        serve(Book(html), "127.0.0.1", flags.port, lambda url: say(f"Read it in a browser: {url}/ (Ctrl-C ends)"))
    except (OSError, OverflowError) as error:
        fail(f"Cannot listen on port {flags.port} ({error.args[-1]}); choose another: --port 0")
    return 0


class Book:
    """What the server needs of an app: the one page, and nothing else."""

    unwell = ""

    def __init__(self, html: str) -> None:
        self._html = html.encode("utf-8")

    def __call__(self, request: Request) -> Response:
        """The book at `/`."""
        if request.path != "/":
            return Response.problem(404, "not_found", "The book is at /.", HEADERS[1:])
        if request.method not in ("GET", "HEAD"):
            allow = (("allow", "GET, HEAD"), *HEADERS[1:])
            return Response.problem(405, "method_not_allowed", "The book is only read.", allow)
        return Response(200, self._html, HEADERS)

    def is_slow(self, request: Request) -> bool:
        """False: the page is ready."""
        return False

    def refuse(self, error: Exception, request: Request) -> Response:
        """The answer to what could not be read."""
        return error.response if isinstance(error, Problem) else Response.problem(500, "internal_error", "Try again.")


def _parser() -> Parser:
    parser = Parser("authref book", description="Read the source as a book, in a browser on this machine.")
    parser.add_argument("--out", metavar="FILE", help="write it as one HTML file instead")
    parser.add_argument("--port", type=int, default=8080, help="0 for any free one (default: %(default)s)")
    return parser
