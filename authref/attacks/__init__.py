"""Attacks: what gets past chapter one, what stops it here, and what gets past your own server.

    client.py       a client that writes its own bytes, from an address of its own; loopback alone
    scene.py        a server, the people on it, honest twins, and what an attack says in the end
    on_*.py         the attacks, one small function each, a file for each group
    table.py        all of them
    play.py         an attack between two honest twins, and its verdict
    servers.py      chapter one and the whole server as processes, and their certain end; their prices
    aim.py          somebody's own server: its routes, from a file or from its openapi.json
    report.py       the table for people and programs; the source lines that make the difference

This is a room: the core never imports it.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from authref.terminal import (
    Parser,
    did_you_mean,
    end_as_by_ctrl_c,
    fail,
    in_colour,
    refuse_what_cannot_be_written,
    say,
)

if TYPE_CHECKING:
    from authref.attacks.client import Address
    from authref.attacks.report import Row
    from authref.attacks.scene import Attack, Target

REACHED_IN = 5.0  # seconds until a server that does not take a connection is not there
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended


def main(arguments: Sequence[str]) -> int:
    """Play the attacks; the exit status: 0 nothing is through on the server judged, 1 something is, 2 not possible."""
    flags = _parser().parse_args(arguments)
    attacks = _chosen(flags)
    if flags.list:
        say("\n".join(f"{each.name:34}{each.title}" for each in attacks))
        return 0
    if not attacks:
        fail("These flags choose no attack; leave one of them away.")
    refuse_what_cannot_be_written(flags.html, flags.sarif)
    address = _aimed_at(flags, len(attacks))
    end_as_by_ctrl_c()
    try:
        return _play(flags, attacks, address)
    except KeyboardInterrupt:
        _progress("")
        print("authref: Stopped, and every server that this had started.", file=sys.stderr)
        return INTERRUPTED


def _chosen(flags: argparse.Namespace) -> Sequence[Attack]:
    """The attacks that the flags name; ends the program, in a sentence, where they contradict each other."""
    from authref.attacks.table import BY_NAME, chosen

    if not flags.name:
        return chosen(flags.only, flags.skip, flags.slow)
    if flags.name not in BY_NAME:
        meant = did_you_mean(flags.name, BY_NAME)
        fail(f"There is no attack {flags.name}.{meant} authref attack --list shows all of them.")
    if flags.only or flags.skip:
        fail("One attack is played by its name alone; leave --only and --skip away.")
    return [BY_NAME[flags.name]]


def _aimed_at(flags: argparse.Namespace, number: int) -> Address | None:
    """Somebody's own server, if it is there and they agree; None for chapter one and the whole server."""
    from authref.attacks.client import address_of

    address = address_of(flags.on) if flags.on else None
    if flags.routes and not address:
        fail("Routes are those of your own server; name it: --on http://127.0.0.1:PORT")
    if address:
        if not flags.yes:
            _ask(flags.on, number)
        _knock(address, flags.on)
    return address


def _knock(address: Address, url: str) -> None:
    """End the program where nobody listens: else each attack would say so once more."""
    try:
        socket.create_connection((address.host, address.port), REACHED_IN).close()
    except OSError as error:
        fail(f"Nothing answers at {url} ({error.strerror or error}); start your server, and try again.")


def _play(flags: argparse.Namespace, attacks: Sequence[Attack], address: Address | None) -> int:
    from authref.attacks import report
    from authref.attacks.aim import aim, lines_of
    from authref.attacks.scene import NOT_PLAYED, THROUGH
    from authref.attacks.servers import both

    with ExitStack() as stack:
        _progress("starting")
        targets = [aim(address, flags.routes)] if address else stack.enter_context(both())
        if flags.name:
            return _play_slowly(attacks[0], targets)
        table = _played(attacks, targets)
    if flags.html:
        _write(flags.html, report.page(table))
    if flags.sarif:
        _write(flags.sarif, report.sarif(table, flags.routes or "authref/app/__init__.py", lines_of(flags.routes)))
    say(report.verdicts_as_json(table) if flags.json else report.text(table, in_colour()))
    verdicts = [row[-1].verdict for row in table]
    if set(verdicts) == {NOT_PLAYED}:  # a program must not take that for safe
        fail("Nothing could be played on this server; the table says why: --routes FILE may help.")
    return int(THROUGH in verdicts)


def _played(attacks: Sequence[Attack], targets: Sequence[Target]) -> Sequence[Row]:
    """What came of the attacks, a row each; says meanwhile how far it is."""
    from authref.attacks.play import play_all
    from authref.attacks.report import rows

    done = {target.name: 0 for target in targets}

    def progress(server: str, number: int, attack: object) -> None:
        done[server] = number
        _progress(", ".join(f"{name}: {count} of {len(attacks)}" for name, count in done.items()))

    table = rows(play_all(targets, attacks, progress))
    _progress("")
    return table


def _play_slowly(attack: Attack, targets: Sequence[Target]) -> int:
    """Play one attack, with all that travels; the exit status."""
    from authref.attacks import report
    from authref.attacks.play import play_one
    from authref.attacks.scene import THROUGH, Scene

    _progress("")
    say(report.introduction(attack) + "\n")
    scenes = [Scene(target) for target in targets]
    with ThreadPoolExecutor(len(scenes)) as pool:
        for scene, (result, _) in zip(scenes, pool.map(lambda each: play_one(each, attack), scenes), strict=True):
            say(report.one(result, scene.travelled, scene.secrets) + "\n")
    say(report.sources(attack))
    return int(result.verdict == THROUGH)


def _ask(url: str, number: int) -> None:
    """Say what will be done to this server, and go on only if somebody agrees."""
    said = (
        f"This plays the known attacks ({number} of them) on {url}. It makes accounts with random names at"
        " attack.example, logs in and fails to, sends broken requests, and deletes what it can. If this port leads to"
        " another machine, it is that machine that is attacked. Only go on if the server is yours. Go on? [y/N] "
    )
    if sys.stdin is None or not sys.stdin.isatty():
        fail("Nobody is there to agree to that; read authref attack --help, and add --yes.")
    print(said, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        fail("Nothing was sent.")


def _write(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        fail(f"Cannot write {file} ({error.strerror}); name another file.")
    print(f"Written: {Path(file).absolute()}", file=sys.stderr, flush=True)


def _progress(stage: str) -> None:
    """Say on standard error, if that is a terminal, what is being done; with nothing to say, clear the line."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r\033[K{stage}", end="", file=sys.stderr, flush=True)


def _parser() -> Parser:
    about = (
        "Play the known attacks on a login: on chapter one and on the whole server, side by side, or on your own."
        " Exit status: 1 where something got through on the server judged (the last column), 0 where nothing did,"
        " 2 where it could not be played."
    )
    parser = Parser("authref attack", description=about, allow_abbrev=False)
    add = parser.add_argument
    add(
        "name",
        nargs="?",
        metavar="NAME",
        help="play this one slowly: its bytes, and the lines that make the difference",
    )
    add("--list", action="store_true", help="the attacks, and nothing is played")
    add("--only", metavar="WHICH", action="append", default=[], help="a name, a group or a WSTG number; may come often")
    add("--skip", metavar="WHICH", action="append", default=[], help="the same, left out")
    add("--slow", action="store_true", help="also those that race, measure time or wait: a minute more")
    add("--json", action="store_true", help="the table for programs")
    add("--html", metavar="FILE", help="write a page, too")
    add("--sarif", metavar="FILE", help="write what got through as SARIF 2.1.0, for code hosts")
    add("--on", metavar="URL", help="your own server, on this machine: http://127.0.0.1:PORT")
    add("--routes", metavar="FILE", help="how your server is spoken to, in TOML: see authref/attacks/aim.py")
    add("--yes", action="store_true", help="do not ask before your own server is attacked")
    return parser
