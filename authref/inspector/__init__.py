"""What does this token say, and would we believe it? `authref jwt decode | verify | create`.

`decode` shows what anybody can read, without any key: a token is not secret from those who hold it.
`verify` climbs the ladder of jwt.verify (ladder.py) and tells all that is wrong: what a server keeps to itself,
since it would help whoever is trying.

This is a room: the core never imports it. What it reads without checking the signature is called unverified.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Sequence

from authref import jwt
from authref.configuration import environment_keys
from authref.inspector.ladder import TIMES, Expected, climb, in_words
from authref.terminal import Parser, fail, say
from authref.wire import read_json


def main(arguments: Sequence[str]) -> int:
    """Run one of the three commands; the exit status: 0 fine, 1 refused, 2 not understood."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "create":
        say(_create(chosen))
        return 0
    token = _standard_input() if chosen.token == "-" else chosen.token.strip()  # noqa: S105
    if chosen.command == "verify":
        return _verify(token, chosen)
    say(describe(token, time.time()))
    return 0


def _standard_input() -> str:
    if sys.stdin is None:
        fail("Standard input is closed; give the token as an argument, or send it through a pipe.")
    try:
        return sys.stdin.read().strip()
    except UnicodeDecodeError:
        fail("This is no token: it is not text.")


def unverified_parts(token: str) -> tuple[object, object, bytes]:
    """Header, payload and signature as anybody can read them; believe none of it. Raises jwt.Malformed."""
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise jwt.Malformed("not three parts joined by dots")
    header, payload, signature = (jwt.decode(part.encode("ascii")) for part in parts)
    try:
        return read_json(header), read_json(payload), signature
    except ValueError:
        raise jwt.Malformed("the header or the payload is not JSON, or names a member twice") from None


def describe(token: str, now: float) -> str:
    """The three parts in lines for people, with the times of the claims in words."""
    try:
        header, payload, signature = unverified_parts(token)
    except jwt.Malformed as error:
        fail(f"This is no token: {error}.")
    lines = ["header", _pretty(header), "payload", _pretty(payload)]
    if isinstance(payload, dict):
        lines += _times(payload, now)
    lines += ["signature", f"  {len(signature)} bytes, not checked: anybody could have written this token"]
    return "\n".join(lines)


def _verify(token: str, chosen: argparse.Namespace) -> int:
    expected = Expected(environment_keys(), chosen.issuer, chosen.audience, time.time(), chosen.leeway)
    lines = []
    for rung in climb(token, expected):
        lines += [f"  {rung.answer:3} {rung.name}", *(f"        {line}" for line in rung.wrong or [])]
    try:
        claims = expected.verify(token)
    except jwt.InvalidToken as refusal:
        say("\n".join([*lines, f"refused: {type(refusal).__name__}, {refusal}"]))
        return 1
    say("\n".join([*lines, "accepted", _pretty(claims), *_times(claims, expected.now)]))
    return 0


def _times(claims: jwt.Claims, now: float) -> list[str]:
    return [f"  {name}: {in_words(claims[name], now)}" for name in TIMES if name in claims]


def _create(chosen: argparse.Namespace) -> str:
    now = int(time.time())
    claims = {"iss": chosen.issuer, "aud": chosen.audience, "sub": chosen.sub, "email": chosen.email}
    claims |= {"role": chosen.role, "iat": now, "exp": now + chosen.lifetime, "jti": secrets.token_urlsafe(16)}
    return jwt.create({name: value for name, value in claims.items() if value is not None}, environment_keys())


def _pretty(value: object) -> str:
    try:
        return json.dumps(value, indent=2)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _parser() -> Parser:
    parser = Parser("authref jwt", description="Look at a token, check one, make one. Keys come from AUTHREF_KEYS.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="decode|verify|create")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about, description=f"Print {about}.")

    decode = add("decode", "the three parts, as anybody can read them")
    verify = add("verify", "the claims, or all that is wrong with the token")
    for command in (decode, verify):
        command.add_argument("token", help="the token, or - to read it from standard input")
    create = add("create", "a new access token")
    create.add_argument("--sub", required=True, help="whose token it is: a user id")
    create.add_argument("--email")
    default = "default: %(default)s"
    create.add_argument("--role", default="user", help=default)
    create.add_argument("--lifetime", type=int, default=15 * 60, metavar="SECONDS", help=default)
    for command in (verify, create):
        command.add_argument("--issuer", default="authref", help=default)
        command.add_argument("--audience", default="authref", help=default)
    leeway = "how far clocks may differ (default: %(default)s)"
    verify.add_argument("--leeway", type=float, default=0, metavar="SECONDS", help=leeway)
    return parser
