"""How is somebody's own server spoken to? As ours, as its openapi.json says, or as a small file says.

    [routes]                         # all of it may be left away: what is not said is as in authref
    log_in = "POST /auth/login"      # "" for a route that is not there
    email = "username"               # the names of fields, too
    body = "form"
    csrf_page = "/auth/login"
    csrf_field = "csrf_token"
    success = "/home"                # a redirect to here is a login that succeeded
    [admin]
    email = "root"
    password = "…"
    [sign_up]                        # what a sign-up asks for as well
    name = "Eve"
    [headers]                        # what each request must say
    Origin = "http://{host}"
    [prices]                         # what gets through and is meant to, each with its reason
    token-after-logout = "a token ends after five minutes"
    [key]                            # what signs its tokens (HS256), for what only their issuer could write
    secret = "…"
    public = "-----BEGIN PUBLIC KEY-----…"  # where it is a pair of keys: what it publishes, byte by byte
    [[accounts]]                     # where nobody can sign up: at least two
    email = "alice"
    password = "…"

Rules of this file:
- a name that nobody knows is refused: a route that was misspelt would be *not played*, and nobody would notice;
- what the document of the server says is guessed from the last words of its paths, and a file is believed before it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

from authref.attacks.client import Address, Client
from authref.attacks.scene import Account, Routes, Target
from authref.attacks.table import BY_NAME

_PARTS = ("routes", "admin", "accounts", "sign_up", "headers", "prices", "key")
_NAMES = {field.name for field in fields(Routes)}
# The last words of paths that do what ours do, where ours are not there.
_WORDS = {
    "sign_up": r"POST \S*/(signup|sign-up|register|users/register|registration)/?",
    "log_in": r"POST \S*/(login|log-in|signin|sign-in|sign-in/email|session)/?",
    "log_out": r"POST \S*/(logout|log-out|signout|sign-out)/?",
    "me": r"GET \S*/(me|profile|whoami|user)/?",
    "token_log_in": r"POST \S*/(token|token/login|jwt/login|token/pair|jwt/create)/?",
    "token_me": r"GET \S*/(token/me|me|profile|whoami|protected)/?",
    "refresh": r"POST \S*/(refresh|token/refresh|jwt/refresh)/?",
}


def aim(address: Address, file: str | None) -> Target:
    """The server at this address, as the file and its own document describe it. Raises ValueError, in a sentence."""
    said = _read(file) if file else {}
    if unknown := said.keys() - set(_PARTS):
        raise ValueError(f"{file} has a part that nobody knows, {min(unknown)}; there are {', '.join(_PARTS)}.")
    routes = _texts(said, "routes", _NAMES, file)
    prices, key = _texts(said, "prices", set(BY_NAME), file), _texts(said, "key", {"secret", "public"}, file)
    headers = _texts(said, "headers", None, file)
    guessed = {name: route for name, route in _guess(address) if name not in routes}
    admin = _account(said["admin"], file) if "admin" in said else None
    accounts = said.get("accounts", [])
    if not isinstance(accounts, list) or len(accounts) == 1:
        raise ValueError(f"{file}: accounts are two at least, each a [[accounts]] with an email and a password.")
    given = [_account(each, file) for each in accounts]
    named = f"127.0.0.1:{address.port}"
    return Target(
        named,
        address,
        replace(Routes(), **{**guessed, **routes}),
        admin=admin,
        given=given,
        key=key.get("secret", "").encode(),
        public_key=key.get("public", "").encode(),
        prices=prices,
        headers={name: text.replace("{host}", address.named) for name, text in headers.items()},
        more=_texts(said, "sign_up", None, file),
    )


def lines_of(file: str | None) -> dict[str, int]:
    """Where the file speaks of what a group of attacks plays on, by group: for results that need a line."""
    routes = {"accounts": "sign_up", "sessions": "log_in", "tokens": "token_log_in", "refresh": "refresh",
              "rights": "users", "browsers": "log_in", "wire": "me"}  # fmt: skip
    text = Path(file).read_text("utf-8").splitlines() if file else []
    found = {line.partition("=")[0].strip(): number for number, line in enumerate(text, 1)}
    return {group: found.get(route, 1) for group, route in routes.items()}


def _read(file: str) -> dict[str, object]:
    try:
        return tomllib.loads(Path(file).read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"Cannot read {file} ({error.strerror}); name a file that is there.") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is no TOML ({error}); authref attack --help shows what may stand in it.") from None


def _texts(said: Mapping[str, object], part: str, known: Set[str] | None, file: str | None) -> dict[str, str]:
    """A part of the file that gives names, which are `known` if that is given, a text each."""
    found = said.get(part, {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(f'{file}: in {part} each name has a text, such as log_in = "POST /login".')
    if known is not None and (unknown := found.keys() - known):
        raise ValueError(f"{file}: nobody knows {min(unknown)} in {part}; there are {', '.join(sorted(known))}.")
    return found


def _account(value: object, file: str | None) -> Account:
    if isinstance(value, dict):
        email, password = value.get("email"), value.get("password")
        if isinstance(email, str) and isinstance(password, str) and len(value) == 2:
            return Account(email, password)
    raise ValueError(f"{file}: an account has an email and a password, both texts, and nothing else.")


def _guess(address: Address) -> Iterator[tuple[str, str]]:
    """Routes of the server's own document that do what ours do, where it does not have ours."""
    paths: object = None
    with suppress(OSError):
        paths = Client(address).send("GET /openapi.json").json.get("paths")
    if not isinstance(paths, dict):
        return
    there = [f"{method.upper()} {path}" for path, methods in paths.items() if isinstance(methods, dict)
             for method in methods]  # fmt: skip
    for name, pattern in _WORDS.items():
        if getattr(Routes, name) not in there:
            yield (
                name,
                min((route for route in there if re.fullmatch(pattern, route)), key=len, default=getattr(Routes, name)),
            )
