"""python -m authref: which commands are there, and how does the server start?

Rules of this file:
- a room is opened only when its command is given; the table below is all that the core knows of the rooms;
- files of the core are imported where they are used: a command that does not serve starts a third faster without them;
- whatever cannot go on says so in one sentence (terminal.py), and before anything slow was done.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from authref import __version__
from authref.terminal import Parser, did_you_mean, fail, highlight, prepare, refuse_an_archive, say, sentences, warn

if TYPE_CHECKING:
    from authref.app import App
    from authref.xray import XRay

MAX_WORKERS = 256

_BANNER = """\
authref {version}: {url} (Ctrl-C stops it)
{see}
{admin}
Paste into another terminal. A session: the server remembers, the cookie is only a number.

  URL={url} TYPE='Content-Type: application/json'
  ALICE='{{"email": "alice@example.com", "password": "correct horse battery"}}'
  curl -i "$URL/signup" -H "$TYPE" -d "$ALICE"
  curl -i "$URL/login"  -H "$TYPE" -d "$ALICE" -c cookies.txt
  curl -i "$URL/me"     -b cookies.txt

A token: the server forgets, the client carries a signed proof.

  TOKEN=$(curl -s "$URL/token/login" -H "$TYPE" -d "$ALICE" | cut -d '"' -f 4)
  curl -i "$URL/token/me" -H "Authorization: Bearer $TOKEN"

{who}

  {look}

And a refusal: log out, then show the old cookie.

  curl -i "$URL/logout" -X POST -b cookies.txt
  curl -i "$URL/me"     -b cookies.txt
"""


def _tiny(arguments: Sequence[str]) -> int:
    from authref.tiny import main

    parser = Parser("authref tiny", description="Chapter one: all of it in one file, authref/tiny.py.")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one (default: %(default)s)")
    flags = parser.parse_args(arguments, argparse.Namespace(host="127.0.0.1", store="memory"))
    _refuse_a_port_that_is_taken(flags, ["tiny", *arguments])
    if sys.stdout is None:
        fail("Standard output is closed, so nobody would see the admin's password; send it to a file or to a terminal.")
    main(flags.port)
    return 0


def _jwt(arguments: Sequence[str]) -> int:
    from authref.inspector import main

    return main(arguments)


def _book(arguments: Sequence[str]) -> int:
    refuse_an_archive()
    from authref.book import main

    return main(arguments)


def _compare(arguments: Sequence[str]) -> int:
    refuse_an_archive()
    from authref.compare import main

    return main(arguments)


def _choose(arguments: Sequence[str]) -> int:
    from authref.compare.choose import main

    return main(arguments)


def _xray(arguments: Sequence[str]) -> int:
    refuse_an_archive()
    from authref.xray import main

    return main(arguments)


def _exercises(arguments: Sequence[str]) -> int:
    refuse_an_archive()
    from authref.exercises import main

    return main(arguments)


def _attack(arguments: Sequence[str]) -> int:
    refuse_an_archive()
    from authref.attacks import main

    return main(arguments)


def _keys(arguments: Sequence[str]) -> int:
    from authref.keys import fresh_keys, write_keys

    parser = Parser("authref keys", description="Make keys that sign tokens.")
    about = "print a ring of one new key: a value for AUTHREF_KEYS"
    parser.add_argument("command", choices=("new",), metavar="new", help=about)
    parser.parse_args(arguments)
    say(write_keys(fresh_keys()))
    return 0


def _backup(arguments: Sequence[str]) -> int:
    from authref.stores.backup import backup

    parser = Parser("authref backup", description="Copy a store, whole, while its servers run.")
    parser.add_argument("store", metavar="sqlite:PATH")
    parser.add_argument("copy", metavar="COPY", help="a file that is not there yet")
    flags = parser.parse_args(arguments)
    say(backup(flags.store, flags.copy))
    return 0


def _restore(arguments: Sequence[str]) -> int:
    from authref.stores.backup import restore

    parser = Parser("authref restore", description="Make a store of a copy; all logins in it end.")
    parser.add_argument("copy", metavar="COPY", help="made by authref backup")
    parser.add_argument("store", metavar="sqlite:PATH", help="a file that is not there yet")
    flags = parser.parse_args(arguments)
    say(restore(flags.copy, flags.store))
    return 0


def _help(arguments: Sequence[str]) -> int:
    _parser().print_help()
    return 0


COMMANDS: dict[str, tuple[str, Callable[[Sequence[str]], int]]] = {
    "tiny": ("chapter one: all of it in one file, to read in ten minutes", _tiny),
    "xray": ("what happens to a login, step by step; --xray: on a page", _xray),
    "exercises": ("write it yourself, a function at a time; the tests judge", _exercises),
    "attack": ("what gets past chapter one, and past your own server", _attack),
    "book": ("the source as a book, in a browser", _book),
    "compare": ("sessions and tokens, run and measured side by side", _compare),
    "choose": ("which of the two fits? a few questions, a reasoned answer", _choose),
    "jwt": ("look into a token, check one, make one", _jwt),
    "keys": ("keys new prints a key ring, for AUTHREF_KEYS", _keys),
    "backup": ("copy a SQLite store while its servers run", _backup),
    "restore": ("make a store of such a copy; all its logins end", _restore),
    "help": ("show this", _help),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    prepare()
    with sentences():
        if arguments and arguments[0] in COMMANDS:
            return COMMANDS[arguments[0]][1](arguments[1:])
        if arguments and not arguments[0].startswith("-"):
            meant = did_you_mean(arguments[0], COMMANDS)
            fail(f"There is no command {arguments[0]}.{meant} authref --help lists them.")
        from authref.configuration import flags_of_environment

        return _serve(_parser().parse_args([*flags_of_environment(), *arguments]), arguments)


def _serve(flags: argparse.Namespace, typed: Sequence[str]) -> int:
    refuse_an_archive()
    import secrets

    from authref.configuration import admin_password_of_environment, build_app

    flags.quiet = flags.quiet or sys.stdout is None  # closed, as some who start a service leave it
    _refuse_contradictions(flags)
    _refuse_a_port_that_is_taken(flags, typed)
    chosen = admin_password_of_environment() if flags.admin_email else ""
    admin_password = chosen or secrets.token_urlsafe(12)
    app, page = _watched(flags, admin_password) if flags.xray else (build_app(flags, admin_password), None)
    _refuse_a_memory_each(flags, app)

    def ready(url: str) -> None:
        # A password of their own is not repeated: output ends up in journals.
        shown = "that of AUTHREF_ADMIN_PASSWORD" if chosen else admin_password
        see = f"See what happens, in a browser: {page(url)}" if page else "See what happens, in a browser: add --xray."
        _greet(flags, app, url, see, shown if app.made_admin else "the one chosen before")

    _serve_until_the_end(app, flags, ready)
    app.events.emit("sys_shutdown")
    app.store.close()
    return 0


def _serve_until_the_end(app: App | XRay, flags: argparse.Namespace, ready: Callable[[str], None]) -> None:
    """Serve, in one process or in many, until a signal ends it."""
    from authref.configuration import proxies_of
    from authref.serving.server import serve
    from authref.serving.workers import serve_by_many

    trusted = proxies_of(flags) or ()
    if flags.workers > 1:
        serve_by_many(app, flags.host, flags.port, ready, flags.workers, trusted)
    else:
        serve(app, flags.host, flags.port, ready, trusted)


def _watched(flags: argparse.Namespace, admin_password: str) -> tuple[App | XRay, Callable[[str], str] | None]:
    """The app with a page that shows what it does, and what gives the page's address."""
    from authref.configuration import settings_of
    from authref.xray import refusal, under_glass

    if sentence := refusal(flags):
        fail(sentence)
    app = under_glass(settings_of(flags, admin_password))
    return app, app.opened


def _refuse_contradictions(flags: argparse.Namespace) -> None:
    """End the program for flags that nobody should give, or combine."""
    from authref.configuration import admin_password_of_environment

    for name, value in vars(flags).items():
        if value == "" or isinstance(value, list) and "" in value:  # a script's unset variable: --host "$HOST" is any
            fail(f"--{name.replace('_', '-')} is empty; give it a value, or leave it away.")
    if flags.quiet and flags.admin_email and not admin_password_of_environment():
        fail("Without a banner nobody would see the admin's random password; set AUTHREF_ADMIN_PASSWORD.")
    if flags.workers < 1 or flags.workers > 1 and not hasattr(os, "fork"):
        fail("The number of workers is 1 or more, and 1 on a system that cannot fork.")
    if flags.workers > MAX_WORKERS:
        fail(f"More than {MAX_WORKERS} workers would take all that this machine has; begin with one for each core.")
    password = not flags.store.startswith("sqlite:") and re.search("@|password=", flags.store)
    if password and flags.store != os.environ.get("AUTHREF_STORE"):
        fail("Everybody on this machine can list the flags; put a store's address with a password into AUTHREF_STORE.")


def _refuse_a_memory_each(flags: argparse.Namespace, app: App | XRay) -> None:
    if flags.workers > 1 and not app.store.shared:
        fail(
            "Each worker would remember its own logins only, and ask who you are when the next request meets another"
            " one; give them a store to share: --store sqlite:PATH"
        )


def _refuse_a_port_that_is_taken(flags: argparse.Namespace, typed: Sequence[str]) -> None:
    """End the program if it is, before anything slow is done; the sentence has a command that works."""
    try:
        _listen(flags.host, flags.port)
    except (OSError, OverflowError, TypeError) as error:  # TypeError: a host that no encoding knows
        try:
            remedy = f"try: {_again(typed, flags)}"
        except (OSError, TypeError):
            remedy = "choose others: --host, --port."
        fail(f"Cannot listen on {flags.host} port {flags.port} ({error.args[-1]}); {remedy}")


def _listen(host: str, port: int) -> int:
    """Take the port for a moment; its number, which is any free one for 0. Raises OSError, OverflowError, TypeError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        listener.bind((host, port))
        return int(listener.getsockname()[1])


def _again(typed: Sequence[str], flags: argparse.Namespace) -> str:
    """The command as it was typed, for a shell, with a free port. Raises OSError, TypeError when the host has none."""
    kept = _without(typed, "--port")
    if flags.store == os.environ.get("AUTHREF_STORE"):  # it may hold a password, and need not be said
        kept = _without(kept, "--store")
    return shlex.join([*_program(), *kept, "--port", str(_listen(flags.host, 0))])


def _without(typed: Sequence[str], flag: str) -> list[str]:
    """The arguments but for this flag and its value."""
    kept, words = [], iter(typed)
    for word in words:
        if word == flag:
            next(words, "")
        elif not word.startswith(f"{flag}="):
            kept.append(word)
    return kept


def _program() -> list[str]:
    """How this program was called: `authref`, by its path where no shell would find it, or `python -m authref`."""
    called = sys.argv[0]
    if os.path.basename(called) == "__main__.py":
        return [sys.orig_argv[0], "-m", "authref"]
    name = os.path.basename(called)
    return [name if shutil.which(name) == called else called]


def _greet(flags: argparse.Namespace, app: App | XRay, url: str, see: str, admin_password: str) -> None:
    """Say where the server is, and what should worry whoever starts it."""
    from authref.configuration import is_loopback, warnings

    if not is_loopback(flags.host):
        warn("what goes over this address can be read on its way; put TLS in front.")
    for sentence in warnings(flags, app.store):
        warn(sentence)
    if not flags.quiet:
        admin = f"\nadmin {flags.admin_email}, password {admin_password}\n" if flags.admin_email else ""
        who, look = _look_into_a_token(flags, app)
        say(highlight(_BANNER.format(version=__version__, url=url, see=see, admin=admin, who=who, look=look)))
    app.events.emit("sys_startup", url=url)


def _look_into_a_token(flags: argparse.Namespace, app: App | XRay) -> tuple[str, str]:
    """Who can read and check a token of this server, and the command that does."""
    command, path = shlex.join([*_program(), "jwt"]), flags.key_file or app.store.key_file
    if "AUTHREF_KEYS" in os.environ:
        return "Anybody can read it, and whoever has these AUTHREF_KEYS can check it.", f'{command} verify "$TOKEN"'
    if path:
        file = shlex.quote(os.path.abspath(path))
        return (
            "Anybody can read it, and whoever has the keys can check it.",
            f'{command} verify "$TOKEN" --key-file {file}',
        )
    return "Anybody can read it. (To check it too, start with --key-file FILE.)", f'{command} decode "$TOKEN"'


def _parser() -> Parser:
    from authref.configuration import add_flags

    commands = {"": ("start the server, with the flags below", _serve), **COMMANDS}
    lines = "\n".join(f"  authref {name:11}{about}" for name, (about, _) in commands.items())
    parser = Parser(
        "authref",
        usage="authref [COMMAND | FLAGS]",
        description=f"commands (each says more with --help):\n{lines}",
        epilog="Most flags have a variable too, such as AUTHREF_STORE.\nAUTHREF_KEYS holds the signing keys.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # else `--key SECRET` would be taken for --key-file, and make a file of that name
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8000, help="0 for any free one (default: %(default)s); cookies ignore it")
    add("--workers", metavar="N", type=int, default=1, help="processes that serve (default: %(default)s)")
    add_flags(parser)
    add("--xray", action="store_true", help="a page that shows each exchange, and what the server remembers")
    add("--quiet", action="store_true", help="no banner")
    add("--version", action="version", version=f"authref {__version__}")
    return parser
