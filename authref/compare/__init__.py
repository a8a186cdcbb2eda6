"""Sessions and tokens, run and measured side by side: `authref compare [--quick] [--json] [--html FILE] [--redis URL]`.

Real servers on loopback, both flows over real sockets, and a table in which every cell is what was just seen:

    figures.py    what a figure and a claim are, and the blocks that readers see
    lab.py        apps, clients, a clock to set and a store that counts
    servers.py    servers in processes of their own, and their certain end
    flows.py      the two flows, as bytes: identity, client holds
    storage.py    what logins leave: server storage
    cost.py       what a request costs
    travel.py     transport, cross-domain
    lockout.py    revocation, timed
    scaling.py    three servers, and one of them killed
    report.py     all of it together, and two questions answered
    text.py       drawn for a terminal
    page.py       drawn as a page

This is a room: the core never imports it. (choose.py is another command: which of the two to pick.)
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from authref.maps import StoreUnavailable
from authref.terminal import Parser, end_as_by_ctrl_c, fail, in_colour, refuse_what_cannot_be_written, say

if TYPE_CHECKING:
    from authref.compare.report import Report

INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended
REDIS = "AUTHREF_COMPARE_REDIS"  # instead of --redis


def main(arguments: Sequence[str]) -> int:
    """Run the comparison; the exit status: 0 done, 2 not understood or not possible, 130 interrupted."""
    chosen = _parser().parse_args(arguments)
    refuse_what_cannot_be_written(chosen.html)
    if "@" in (chosen.redis or "") and chosen.redis != os.environ.get(REDIS):
        fail(f"Everybody on this machine can list the flags; put an address with a password into {REDIS}.")
    end_as_by_ctrl_c()
    try:
        seen = _run(chosen.quick, chosen.redis)
    except KeyboardInterrupt:
        _progress("")
        print("authref: Stopped, and every server that this had started.", file=sys.stderr)
        return INTERRUPTED
    _tell(seen, chosen.html, chosen.json)
    return 0


def _run(quick: bool, redis: str | None) -> Report:
    # Here and not above: the other command of this room measures nothing; and Ctrl-C may come as early as this.
    from authref.compare import report

    try:
        seen = report.run(report.QUICK if quick else report.FULL, redis, _progress)
    except ValueError as error:
        fail(str(error))
    except (OSError, StoreUnavailable) as error:
        fail(f"The comparison could not go on ({error}); mend that, or run it again.")
    _progress("")
    return seen


def _tell(seen: Report, html: str | None, as_json: bool) -> None:
    """Write the page, if one is wanted, and print what was seen."""
    from authref.compare import page, report, text

    blocks = report.tell(seen)
    if html:
        try:
            Path(html).write_text(page.write(blocks), "utf-8")
        except OSError as error:
            fail(f"Cannot write {html} ({error.strerror}); name another file.")
        print(f"The page is in {Path(html).absolute()}", file=sys.stderr, flush=True)
    columns = max(40, shutil.get_terminal_size().columns) if sys.stdout and sys.stdout.isatty() else 80
    show(json.dumps(asdict(seen), indent=2) if as_json else text.write(blocks, columns, in_colour()))


def show(text: str) -> None:
    """Print it; what the terminal's encoding lacks becomes one question mark, so that tables keep their width."""
    encoding = sys.stdout.encoding or "utf-8" if sys.stdout else "utf-8"
    say(text.encode(encoding, "replace").decode(encoding))


def _progress(stage: str) -> None:
    """Say on standard error, if that is a terminal, what is being done; with nothing to say, clear the line."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r\033[K{stage}", end="", file=sys.stderr, flush=True)


def _parser() -> Parser:
    about = "Run sessions and tokens side by side and measure them: some ten seconds, or more on a busy machine."
    parser = Parser("authref compare", description=about, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="a few seconds: fewer logins and requests")
    parser.add_argument("--json", action="store_true", help="the figures as JSON instead of text")
    parser.add_argument("--html", metavar="FILE", help="write a page with charts, too")
    redis = f"try this Redis too: redis://HOST:PORT/NUMBER (or {REDIS}, if it holds a password)"
    parser.add_argument("--redis", metavar="URL", default=os.environ.get(REDIS), help=redis)
    return parser
