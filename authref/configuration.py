"""How do flags and variables become an app? In one place, for the command and for any WSGI server.

Rules of this file:
- each flag about the app has a variable too, `--public-url` for example AUTHREF_PUBLIC_URL; a flag wins;
- secrets come from the environment, never from a flag: everybody on the machine can list the flags;
- what nobody should run raises ValueError, one sentence with its remedy.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from authref.events import Events
from authref.guards import LOOPBACK
from authref.keys import fresh_keys, read_key_file, read_keys
from authref.maps import Store

if TYPE_CHECKING:
    from authref.app import App, Settings
    from authref.app.settings import Proxies

VARIABLES = (
    "store", "store-copies", "public-url", "revocation", "key-file", "admin-email", "bcrypt-cost", "log",
    "allow-origin", "trusted-proxy", "forwarded-header",
)  # fmt: skip
LISTS = ("allow-origin", "trusted-proxy")  # those flags may come several times
HEADERS = ("x-forwarded-for", "forwarded")  # of which a proxy writes one
NEW_KEYS = "set AUTHREF_KEYS to what this prints: python -m authref keys new"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give the parser the flags that choose the app."""
    add = parser.add_argument
    add("--public-url", metavar="URL", help="origin that browsers use; https makes cookies Secure")
    about = "pages of that origin may use tokens here"
    add("--allow-origin", metavar="URL", action="append", default=[], help=about)
    about = "a proxy that tells where requests come from: ADDRESS, NETWORK or unix:"
    add("--trusted-proxy", metavar="WHO", action="append", default=[], help=about)
    about = "the header in which it tells (default: %(default)s)"
    add("--forwarded-header", choices=HEADERS, default=HEADERS[0], help=about)
    about = "memory, sqlite:PATH or redis://HOST:PORT/NUMBER (default: %(default)s)"
    add("--store", metavar="WHERE", default="memory", help=about)
    about = "replicas of Redis that must have what is confirmed (default: %(default)s)"
    add("--store-copies", type=int, default=0, metavar="N", help=about)
    about = "what ends tokens early (default: %(default)s)"
    add("--revocation", choices=("none", "denylist", "allowlist"), default="none", help=about)
    add("--key-file", metavar="PATH", help="keep the signing keys there, so that a restart ends no token")
    add("--admin-email", metavar="EMAIL", help="the first admin (password: AUTHREF_ADMIN_PASSWORD)")
    about = "4 to 14; each step doubles the work of a password hash (default: %(default)s)"
    add("--bcrypt-cost", type=int, default=12, metavar="N", help=about)
    add("--log", choices=("text", "json", "off"), default="text", help="events on stderr (default: %(default)s)")


def flags_of_environment() -> Iterator[str]:
    """The variables as the flags they stand for; those of LISTS may name several."""
    for name in VARIABLES:
        value = os.environ.get("AUTHREF_" + name.replace("-", "_").upper(), "").rstrip("\r\n")  # of a file of variables
        for each in value.split() if name in LISTS else [value] if value else []:
            yield f"--{name}={each}"


def build_app(flags: argparse.Namespace, admin_password: str) -> App:
    """The app that the flags describe. Raises ValueError; ModuleNotFoundError when a package or room is missing."""
    from authref.app import build  # here and not above: without bcrypt this fails, which wants a sentence

    return build(settings_of(flags, admin_password))


def settings_of(flags: argparse.Namespace, admin_password: str) -> Settings:
    """What the flags choose. Raises as `build_app` does."""
    from authref.app import Settings

    store = _open_store(flags.store, flags.store_copies)
    if store.forgets and flags.revocation == "denylist":
        store.close()
        raise ValueError(f"{store.forgets}, so revoked tokens would work again; set it to noeviction.")
    return Settings(
        public_url=flags.public_url,
        hosts=_hosts(flags.public_url, getattr(flags, "host", "")),
        bcrypt_cost=flags.bcrypt_cost,
        store=store,
        keys=_keys(flags.key_file or store.key_file, store),
        revocation=flags.revocation,
        allow_origins=tuple(flags.allow_origin),
        proxies=proxies_of(flags),
        admin_email=flags.admin_email,
        admin_password=admin_password,
        events=Events(None if flags.log == "off" or sys.stderr is None else sys.stderr.write, flags.log),
    )


def admin_password_of_environment() -> str:
    """The password of AUTHREF_ADMIN_PASSWORD, or "". Raises ValueError for one that would lock its owner out."""
    password = os.environ.get("AUTHREF_ADMIN_PASSWORD", "")
    if password.splitlines() not in ([], [password]):
        raise ValueError("AUTHREF_ADMIN_PASSWORD holds a line end, which nobody types when they log in; take it away.")
    try:
        password.encode()
    except UnicodeEncodeError:  # its text would quote the password
        raise ValueError("AUTHREF_ADMIN_PASSWORD holds bytes that are no text; write it anew, in UTF-8.") from None
    return password


def is_loopback(host: str) -> bool:
    """True for an address, or its name, that only this machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hosts(public_url: str | None, host: str) -> tuple[str, ...]:
    """The names by which browsers may call us; none, so any, where nobody has said under which name we are reached."""
    if public_url is not None:
        return (re.sub(":[0-9]+$", "", public_url.partition("://")[2]), *LOOPBACK)
    return (*LOOPBACK, host) if is_loopback(host) else ()


def warnings(flags: argparse.Namespace, store: Store) -> Iterator[str]:
    """What should worry whoever starts this, in a sentence each."""
    yield from store.warnings()
    if (flags.public_url or "").startswith("https:") and not flags.trusted_proxy:
        yield (
            "behind the proxy that speaks TLS everybody has one address, and 20 wrong passwords a minute there keep all"
            " new browsers out; name the proxy: --trusted-proxy ADDRESS."
        )


def proxies_of(flags: argparse.Namespace) -> Proxies | None:
    """The proxies of ours, if any. Raises ValueError."""
    if not flags.trusted_proxy:
        return None
    from authref.serving.proxies import Proxies

    return Proxies(" ".join(flags.trusted_proxy).replace(",", " ").split(), flags.forwarded_header)


def environment_keys() -> dict[str, bytes]:
    """The key ring of AUTHREF_KEYS. Raises ValueError when there is none, or a weak one."""
    if "AUTHREF_KEYS" not in os.environ:
        raise ValueError(f"AUTHREF_KEYS is not set; {NEW_KEYS}")
    try:
        return read_keys(os.environ["AUTHREF_KEYS"])
    except ValueError as error:
        raise ValueError(f"{error} Or {NEW_KEYS}") from None


def _open_store(name: str, copies: int) -> Store:
    if name == "memory" and not copies:
        return Store()
    from authref.stores import open_store

    return open_store(name, copies=copies)


def _keys(path: str | None, store: Store) -> dict[str, bytes]:
    """The ring of the environment, else of the file, else a fresh one."""
    if "AUTHREF_KEYS" in os.environ:
        return environment_keys()
    if path is None and store.shared:
        raise ValueError(f"Whoever shares this store must share the keys; {NEW_KEYS}")
    if path is None:
        return fresh_keys()
    if os.path.exists(path) and not os.path.isfile(path):  # to open a pipe would wait for whoever writes into it
        raise ValueError(f"The key file {path} is no ordinary file; name another one.")
    try:
        return read_key_file(path)
    except OSError as error:
        raise ValueError(f"Cannot use the key file {path} ({error.strerror}); choose another one.") from None
