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
from collections.abc import Sequence
from typing import NoReturn

from authref import __version__
from authref.events import Events
from authref.keys import fresh_keys, read_key_file, read_keys, write_keys

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
    if arguments[:1] == ["jwt"]:
        try:
            from authref import inspector
        except ImportError:
            fail("The room of this command, authref/inspector, is missing; install authref anew.")
        return inspector.main(arguments[1:])
    if arguments[:1] == ["keys"]:
        if arguments != ["keys", "new"]:
            fail("The only command about keys is: authref keys new")
        print(write_keys(fresh_keys()))
        return 0
    flags = _parser().parse_args(arguments)
    try:
        return _serve(flags)
    except ModuleNotFoundError as missing:
        fail(f"The package {missing.name} is missing; install it: python -m pip install {missing.name}")
    except ValueError as error:
        fail(str(error))


def environment_keys() -> dict[str, bytes]:
    """The key ring of AUTHREF_KEYS; ends the program when there is none, or a weak one."""
    try:
        return read_keys(os.environ["AUTHREF_KEYS"])
    except KeyError:
        fail("AUTHREF_KEYS is not set; set it to what this prints: python -m authref keys new")
    except ValueError as error:
        fail(f"{error} Set AUTHREF_KEYS to what this prints: python -m authref keys new")


def _serve(flags: argparse.Namespace) -> int:
    # Here and not above: without bcrypt these imports fail, and that deserves a sentence.
    from authref.app import Settings, build
    from authref.server import serve

    events = Events(None if flags.log == "off" or sys.stderr is None else sys.stderr.write, flags.log)
    chosen = os.environ.get("AUTHREF_ADMIN_PASSWORD")
    if flags.quiet and flags.admin_email and not chosen:
        fail("With --quiet nobody would see the admin's random password; set AUTHREF_ADMIN_PASSWORD.")
    admin_password = chosen or secrets.token_urlsafe(12)
    app = build(
        Settings(
            public_url=flags.public_url,
            bcrypt_cost=flags.bcrypt_cost,
            keys=_keys(flags.key_file),
            revocation=flags.revocation,
            allow_origins=tuple(flags.allow_origin),
            admin_email=flags.admin_email,
            admin_password=admin_password,
            events=events,
        )
    )

    def ready(url: str) -> None:
        if not _is_loopback(flags.host):
            print("Warning: what goes over this address can be read on its way; put TLS in front.", file=sys.stderr)
        if not flags.quiet:
            # A password of their own is not repeated: output ends up in journals.
            shown = "that of AUTHREF_ADMIN_PASSWORD" if chosen else admin_password
            admin = f"\nadmin {flags.admin_email}, password {shown}\n" if flags.admin_email else ""
            print(_highlight(_BANNER.format(version=__version__, url=url, admin=admin)), flush=True)
        events.emit("sys_startup", url=url)

    try:
        serve(app, flags.host, flags.port, ready)
    except BrokenPipeError:  # whoever read the banner has gone
        return 1
    except (OSError, OverflowError) as error:
        fail(f"Cannot listen on {flags.host} port {flags.port} ({error.args[-1]}); choose others: --host, --port.")
    events.emit("sys_shutdown")
    return 0


def _keys(path: str | None) -> dict[str, bytes]:
    """The ring of the environment, else of the file, else a fresh one."""
    if "AUTHREF_KEYS" in os.environ:
        return environment_keys()
    if path is None:
        return fresh_keys()
    try:
        return read_key_file(path)
    except OSError as error:
        fail(f"Cannot use the key file {path} ({error.strerror}); choose another one.")


def _parser() -> Parser:
    # Without abbreviations: else `--key SECRET` would be taken for --key-file, and make a file of that name.
    epilog = "Also: authref jwt --help; authref keys new"
    parser = Parser("authref", description="Start the server.", epilog=epilog, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--public-url", metavar="URL", help="origin that browsers use; https makes cookies Secure")
    parser.add_argument(
        "--allow-origin", metavar="URL", action="append", default=[], help="pages of that origin may use tokens here"
    )
    modes = ("none", "denylist", "allowlist")
    parser.add_argument("--revocation", choices=modes, default="none", help="what ends tokens early (%(default)s)")
    parser.add_argument("--key-file", metavar="PATH", help="keep the keys there, so that a restart ends no token")
    parser.add_argument("--admin-email", metavar="EMAIL", help="the first admin (password: AUTHREF_ADMIN_PASSWORD)")
    parser.add_argument("--bcrypt-cost", type=int, default=12, metavar="N", help="4 to 14 (default: %(default)s)")
    parser.add_argument("--log", choices=("text", "json", "off"), default="text", help="events on stderr")
    parser.add_argument("--quiet", action="store_true", help="no banner")
    parser.add_argument("--version", action="version", version=f"authref {__version__}")
    return parser


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _highlight(banner: str) -> str:
    """The banner with its command lines in bold, on a terminal whose user has not asked for NO_COLOR."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return banner
    return re.sub(r"(?m)^  .*$", "\033[1m\\g<0>\033[0m", banner)
