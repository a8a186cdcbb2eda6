"""python -m authref: what the commands are, and what each says when it cannot go on.

Rules of this file:
- an error is one sentence with its remedy, and exit status 2; no traceback reaches a user;
- secrets come from the environment, never from a flag: everybody on the machine can list the flags;
- a room is opened only when its command is given.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from authref import __version__
from authref.events import Events
from authref.keys import fresh_keys, read_key_file, read_keys, write_keys
from authref.maps import MemoryStore, Store, StoreUnavailable

if TYPE_CHECKING:
    from authref.app import App

_BANNER = """\
authref {version}: {url} (Ctrl-C stops it)
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

And a refusal: log out, then show the old cookie.

  curl -i "$URL/logout" -X POST -b cookies.txt
  curl -i "$URL/me"     -b cookies.txt
"""


ROOMS = {"jwt": "inspector", "compare": "compare", "choose": "compare", "exercises": "exercises"}  # by their commands


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message}; {self.prog} --help lists what there is.")


def fail(sentence: str) -> NoReturn:
    """End the program with the sentence on standard error and status 2."""
    print(f"authref: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments and arguments[0] in ROOMS:
        with _sentences():
            return _enter(arguments[0], arguments[1:])
    if arguments[:1] == ["keys"]:
        _keys_parser().parse_args(arguments[1:])
        print(write_keys(fresh_keys()))
        return 0
    flags = _parser().parse_args([*_flags_of_environment(), *arguments])
    with _sentences():
        return _serve(flags)


def _enter(command: str, arguments: list[str]) -> int:
    """Run the command in its room."""
    try:
        if command == "jwt":
            from authref.inspector import main as run
        elif command == "compare":
            from authref.compare import main as run
        elif command == "choose":
            from authref.compare.choose import main as run
        else:
            from authref.exercises import main as run
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("authref."):
            raise
        fail(f"The room of this command, authref/{ROOMS[command]}, is missing; install authref anew.")
    return run(arguments)


def app_of_environment() -> App:
    """The app that the environment describes: what wsgi.py serves. Ends the program where it cannot be made."""
    with _sentences():
        flags = _parser().parse_args(list(_flags_of_environment()))
        admin_password = os.environ.get("AUTHREF_ADMIN_PASSWORD", "")
        if flags.admin_email and not admin_password:
            fail("Nobody would see the admin's random password; set AUTHREF_ADMIN_PASSWORD.")
        app = _build(flags, admin_password)
        _warn(app.store)
        return app


@contextmanager
def _sentences() -> Iterator[None]:
    """Makes one sentence of what goes wrong in the block, and ends the program."""
    try:
        yield
    except ModuleNotFoundError as missing:
        fail(f"The package {missing.name} is missing; install it: python -m pip install {missing.name}")
    except ValueError as error:
        fail(str(error))
    except StoreUnavailable as error:  # it was there a moment ago, and failed while the first admin was made
        fail(f"The store does not answer ({error}); start it, or name another one.")


def _flags_of_environment() -> Iterator[str]:
    """Variables such as AUTHREF_PUBLIC_URL, as the flags they stand for; flags that are given come later, and win."""
    for name in ("store", "public-url", "revocation", "key-file", "admin-email", "bcrypt-cost", "log"):
        if value := os.environ.get(_variable(name)):
            yield f"--{name}={value}"
    for origin in os.environ.get(_variable("allow-origin"), "").split():
        yield f"--allow-origin={origin}"


def _variable(flag: str) -> str:
    return "AUTHREF_" + flag.replace("-", "_").upper()


def environment_keys() -> dict[str, bytes]:
    """The key ring of AUTHREF_KEYS; ends the program when there is none, or a weak one."""
    try:
        return read_keys(os.environ["AUTHREF_KEYS"])
    except KeyError:
        fail("AUTHREF_KEYS is not set; set it to what this prints: python -m authref keys new")
    except ValueError as error:
        fail(f"{error} Set AUTHREF_KEYS to what this prints: python -m authref keys new")


def _serve(flags: argparse.Namespace) -> int:
    from authref.server import serve
    from authref.workers import serve_by_many

    _refuse_contradictions(flags)
    chosen = os.environ.get("AUTHREF_ADMIN_PASSWORD")
    admin_password = chosen or secrets.token_urlsafe(12)
    app = _build(flags, admin_password)
    if flags.workers > 1 and not app.store.shared:
        fail(
            "Each worker would remember its own logins only, and ask who you are when the next request meets another"
            " one; give them a store to share: --store sqlite:PATH"
        )

    def ready(url: str) -> None:
        # A password of their own is not repeated: output ends up in journals.
        shown = "that of AUTHREF_ADMIN_PASSWORD" if chosen else admin_password
        _greet(flags, app, url, shown if app.made_admin else "the one chosen before")

    try:
        if flags.workers > 1:
            serve_by_many(app, flags.host, flags.port, ready, flags.workers)
        else:
            serve(app, flags.host, flags.port, ready)
    except BrokenPipeError:  # whoever read the banner has gone
        return 1
    except (OSError, OverflowError) as error:
        fail(f"Cannot listen on {flags.host} port {flags.port} ({error.args[-1]}); choose others: --host, --port.")
    app.events.emit("sys_shutdown")
    app.store.close()
    return 0


def _refuse_contradictions(flags: argparse.Namespace) -> None:
    """End the program for flags that nobody should combine."""
    if flags.quiet and flags.admin_email and not os.environ.get("AUTHREF_ADMIN_PASSWORD"):
        fail("With --quiet nobody would see the admin's random password; set AUTHREF_ADMIN_PASSWORD.")
    if flags.workers < 1 or flags.workers > 1 and not hasattr(os, "fork"):
        fail("The number of workers is 1 or more, and 1 on a system that cannot fork.")
    password = not flags.store.startswith("sqlite:") and re.search("@|password=", flags.store)
    if password and flags.store != os.environ.get("AUTHREF_STORE"):
        fail("Everybody on this machine can list the flags; put a store's address with a password into AUTHREF_STORE.")


def _greet(flags: argparse.Namespace, app: App, url: str, admin_password: str) -> None:
    """Say where the server is, and what should worry whoever starts it."""
    if not _is_loopback(flags.host):
        print("Warning: what goes over this address can be read on its way; put TLS in front.", file=sys.stderr)
    _warn(app.store)
    if not flags.quiet:
        admin = f"\nadmin {flags.admin_email}, password {admin_password}\n" if flags.admin_email else ""
        print(_highlight(_BANNER.format(version=__version__, url=url, admin=admin)), flush=True)
    app.events.emit("sys_startup", url=url)


def _build(flags: argparse.Namespace, admin_password: str) -> App:
    # Here and not above: without bcrypt this import fails, and that deserves a sentence.
    from authref.app import Settings, build

    store = _open_store(flags.store)
    return build(
        Settings(
            public_url=flags.public_url,
            bcrypt_cost=flags.bcrypt_cost,
            store=store,
            keys=_keys(flags.key_file or store.key_file, store),
            revocation=flags.revocation,
            allow_origins=tuple(flags.allow_origin),
            admin_email=flags.admin_email,
            admin_password=admin_password,
            events=Events(None if flags.log == "off" or sys.stderr is None else sys.stderr.write, flags.log),
        )
    )


def _warn(store: Store) -> None:
    for sentence in store.warnings():
        print(f"Warning: {sentence}", file=sys.stderr)


def _open_store(name: str) -> Store:
    if name == "memory":
        return MemoryStore()
    try:
        from authref.stores import open_store
    except ImportError:
        fail("The room of this store, authref/stores, is missing; install authref anew.")
    return open_store(name)


def _keys(path: str | None, store: Store) -> dict[str, bytes]:
    """The ring of the environment, else of the file, else a fresh one."""
    if "AUTHREF_KEYS" in os.environ:
        return environment_keys()
    if path is None and store.shared:
        fail("Whoever shares this store must share the keys; set AUTHREF_KEYS to what this prints: authref keys new")
    if path is None:
        return fresh_keys()
    try:
        return read_key_file(path)
    except OSError as error:
        fail(f"Cannot use the key file {path} ({error.strerror}); choose another one.")


def _parser() -> Parser:
    # Without abbreviations: else `--key SECRET` would be taken for --key-file, and make a file of that name.
    epilog = (
        "Most flags have a variable too, such as AUTHREF_STORE; AUTHREF_KEYS holds the signing keys. Other commands:"
        " authref compare, authref choose, authref exercises, authref jwt, authref keys new; with --help each says"
        " more."
    )
    parser = Parser("authref", description="Start the server.", epilog=epilog, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--public-url", metavar="URL", help="origin that browsers use; https makes cookies Secure")
    parser.add_argument(
        "--allow-origin", metavar="URL", action="append", default=[], help="pages of that origin may use tokens here"
    )
    stores = "memory, sqlite:PATH or redis://HOST:PORT/NUMBER (default: %(default)s)"
    parser.add_argument("--store", metavar="WHERE", default="memory", help=stores)
    about = "processes that serve (default: %(default)s)"
    parser.add_argument("--workers", metavar="N", type=int, default=1, help=about)
    modes = ("none", "denylist", "allowlist")
    about = "what ends tokens early (default: %(default)s)"
    parser.add_argument("--revocation", choices=modes, default="none", help=about)
    about = "keep the signing keys there, so that a restart ends no token"
    parser.add_argument("--key-file", metavar="PATH", help=about)
    parser.add_argument("--admin-email", metavar="EMAIL", help="the first admin (password: AUTHREF_ADMIN_PASSWORD)")
    about = "4 to 14; each step doubles the work of a password hash (default: %(default)s)"
    parser.add_argument("--bcrypt-cost", type=int, default=12, metavar="N", help=about)
    about = "events on stderr (default: %(default)s)"
    parser.add_argument("--log", choices=("text", "json", "off"), default="text", help=about)
    parser.add_argument("--quiet", action="store_true", help="no banner")
    parser.add_argument("--version", action="version", version=f"authref {__version__}")
    return parser


def _keys_parser() -> Parser:
    parser = Parser("authref keys", description="Make keys that sign tokens.")
    about = "print a ring of one new key: a value for AUTHREF_KEYS"
    parser.add_argument("command", choices=("new",), metavar="new", help=about)
    return parser


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _highlight(banner: str) -> str:
    """The banner with its command lines in bold, where there are colours."""
    return re.sub(r"(?m)^  .*$", "\033[1m\\g<0>\033[0m", banner) if in_colour() else banner


def in_colour() -> bool:
    """True on a terminal whose user has not asked for NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
