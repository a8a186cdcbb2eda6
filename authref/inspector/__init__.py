"""What does this token say, and would we believe it? `authref jwt decode | verify | create`.

    secret.py   with which secret it is checked    words.py   what its members mean    ladder.py   what is wrong with it

`decode` shows what anybody can read, without any key: a token is not secret from those who hold it.
`verify` climbs the ladder of jwt.verify and tells all that is wrong: what a server keeps to itself, since it would
help whoever is trying. With a key ring it judges as authref's server does; with a secret, tokens of anybody.

This is a room: the core never imports it. What it reads without checking the signature is called unverified.
"""

from __future__ import annotations

import argparse
import hmac
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Sequence

from authref import jwt
from authref.configuration import environment_keys
from authref.inspector.ladder import Expected, climb, reading
from authref.inspector.secret import (
    DIGESTS,
    Readings,
    guessed,
    nobody_asked,
    secret_of_environment,
    secret_of_file,
    secret_of_terminal,
    weaknesses,
)
from authref.inspector.words import claims_in_words, header_in_words, shown
from authref.keys import fresh_keys, read_key_file
from authref.terminal import Parser, fail, in_colour, say, warn
from authref.wire import read_json, write_json

COLOURS = {"header": 31, "payload": 35, "signature": 36}  # red, purple and blue, as on the page that most people know
TOKENS = ("token", "access_token", "id_token")  # where the answer to a login has it


def main(arguments: Sequence[str]) -> int:
    """Run one of the three commands; the exit status: 0 fine, 1 refused, 2 not understood."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "create":
        say(_create(chosen))
        return 0
    token = bare(_standard_input() if chosen.token == "-" else chosen.token)  # noqa: S105
    if chosen.command == "verify":
        return _verify(token, chosen)
    say(describe(token, time.time()))
    return 0


def _standard_input() -> str:
    if sys.stdin is None:
        fail("Standard input is closed; give the token as an argument, or send it through a pipe.")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        fail("This is no token: it is not text.")


def bare(text: str) -> str:
    """The token alone, of whatever it was copied with: a header, quotes, the JSON answer to a login."""
    text = re.sub(r"(?i)\A(authorization *: *)?(bearer +)?", "", text.strip().strip("\"'"))
    if text.startswith("{"):
        try:
            answer = read_json(text.encode("utf-8", "replace"))
        except ValueError:
            return text
        if isinstance(answer, dict):
            return next((each for name in TOKENS if isinstance(each := answer.get(name), str)), text)
    return text


def unverified_parts(token: str) -> tuple[object, object, bytes]:
    """Header, payload and signature as anybody can read them; believe none of it. Raises jwt.Malformed."""
    parts = token.split(".")
    if len(parts) == 5:
        raise jwt.Malformed("it has five parts, as one has that is encrypted (JWE), which only its key opens")
    if len(parts) != 3 or not token.isascii():
        raise jwt.Malformed("not three parts joined by dots")
    header, payload, signature = (jwt.decode(part.encode("ascii")) for part in parts)
    try:
        return read_json(header), read_json(payload), signature
    except ValueError:
        raise jwt.Malformed("the header or the payload is not JSON, or names a member twice") from None


def describe(token: str, now: float) -> str:
    """The three parts in lines for people, and what their members mean."""
    try:
        header, payload, signature = unverified_parts(token)
    except jwt.Malformed as error:
        fail(f"This is no token that can be read: {error}.")
    lines = [*_coloured(token), _painted("header"), _pretty(header)]
    lines += header_in_words(header) if isinstance(header, dict) else []
    lines += [_painted("payload"), _pretty(payload)]
    lines += claims_in_words(payload, now) if isinstance(payload, dict) else []
    lines += [_painted("signature"), f"  {len(signature)} bytes, {_worth(token, header)}"]
    return "\n".join(lines)


def _worth(token: str, header: object) -> str:
    """What the signature is worth to somebody without a key."""
    signed, _, signature = token.rpartition(".")
    algorithm = header.get("alg") if isinstance(header, dict) else None
    if place := guessed(signed, signature, algorithm):
        return f"made with a well-known secret ({place}): anybody could have written this token"
    remedy = ". To check it: authref jwt verify TOKEN" if algorithm in list(DIGESTS) else ""
    return f"not checked: anybody could have written this token{remedy}"


def _verify(token: str, chosen: argparse.Namespace) -> int:
    keys, secret = _held(chosen)
    issuer, audience = chosen.issuer, chosen.audience
    if not secret:
        issuer, audience = issuer or "authref", audience or "authref"
    expected = Expected(keys, issuer, audience, time.time(), chosen.leeway, secret)
    rungs, lines = climb(token, expected), []
    for rung in rungs:
        lines += [f"  {rung.answer:3} {rung.name}", *(f"        {line}" for line in rung.wrong or [])]
    used = reading(token, expected)
    for sentence in weaknesses(used[1], used[2]) if used else ():
        warn(sentence)
    if not secret:
        return _as_authref(token, expected, lines)
    for rung in rungs:
        if rung.answer != "yes":
            reason = (rung.wrong or ["could not be looked at"])[0]
            say("\n".join([*lines, f"refused: {rung.name.partition(':')[0]}, {reason}"]))
            return 1
    how = f"signed by {used[2]} with this secret, {used[0]}" if used else ""
    return _accepted(token, f"accepted: {how}", expected, lines)


def _as_authref(token: str, expected: Expected, lines: Sequence[str]) -> int:
    """Say what authref's server says of it."""
    try:
        expected.verify(token)
    except jwt.InvalidToken as refusal:
        remedy = ""
        if isinstance(refusal, jwt.UnknownKey):
            remedy = "; is it of a running server? Start that with --key-file FILE, and say the same here"
        say("\n".join([*lines, f"refused: {type(refusal).__name__}, {refusal}{remedy}"]))
        return 1
    return _accepted(token, "accepted", expected, lines)


def _accepted(token: str, sentence: str, expected: Expected, lines: Sequence[str]) -> int:
    claims = read_json(jwt.decode(token.split(".")[1].encode("ascii")))
    words = claims_in_words(claims, expected.now) if isinstance(claims, dict) else ()
    say("\n".join([*_coloured(token), *lines, sentence, _pretty(claims), *words]))
    return 0


def _held(chosen: argparse.Namespace) -> tuple[jwt.Keys, Readings]:
    """The keys of authref, or a fresh ring and what a secret of others may be: of a flag, else of the environment."""
    if chosen.key_file:
        return _ring_of(chosen.key_file), ()
    if chosen.secret_file:
        return fresh_keys(), secret_of_file(chosen.secret_file)
    if not chosen.ask and (secret := secret_of_environment()):
        return fresh_keys(), secret
    if not chosen.ask and "AUTHREF_KEYS" in os.environ:
        return environment_keys(), ()
    looked_at = sys.stderr is not None and sys.stderr.isatty()
    if (chosen.ask or looked_at) and (secret := secret_of_terminal()):
        return fresh_keys(), secret
    fail(nobody_asked())


def _ring_of(path: str) -> jwt.Keys:
    if not os.path.isfile(path):
        fail(f"There is no key file {path}; a server makes it that is started with --key-file {path}")
    try:
        return read_key_file(path)
    except OSError as error:
        fail(f"Cannot read the key file {path} ({error.strerror}); run this as the user whose server made it.")


def _create(chosen: argparse.Namespace) -> str:
    keys, secret = _held(chosen)
    now = int(time.time())
    told = {"iss": chosen.issuer, "aud": chosen.audience, "sub": chosen.sub, "email": chosen.email, "role": chosen.role}
    claims: jwt.Claims = {} if secret else {"iss": "authref", "aud": "authref", "role": "user"}
    claims |= {name: value for name, value in told.items() if value is not None}
    claims |= {"iat": now, "exp": now + chosen.lifetime, "jti": secrets.token_urlsafe(16)}
    claims |= dict(map(_claim, chosen.claim))
    return _signed(claims, secret, chosen.base64) if secret else jwt.create(claims, keys)


def _claim(text: str) -> tuple[str, object]:
    """The name and the value of `name=value`: JSON where it is some, else a text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        fail(f"--claim {shown(text)} has no name, or no value; write it as name=value, say admin=true or plan=gold.")
    try:
        return name, read_json(value.encode())
    except ValueError:
        return name, value


def _signed(claims: jwt.Claims, secret: Readings, base64: bool) -> str:
    """A token as most libraries make it, signed with this secret, weak or not."""
    keys = dict(secret)
    key = keys.get("decoded from base64") if base64 else secret[0][1]
    if key is None:
        fail("--base64: the secret is not base64; without that flag it is taken as the text it is.")
    for sentence in weaknesses(key, "HS256"):
        warn(sentence)
    parts = [jwt.encode(write_json(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(parts)
    return b".".join([signed, jwt.encode(hmac.digest(key, signed, "sha256"))]).decode("ascii")


def _painted(name: str) -> str:
    return f"\033[1;{COLOURS[name]}m{name}\033[0m" if in_colour() else name


def _coloured(token: str) -> list[str]:
    """On a terminal, the token with its three parts in the colours of their headings."""
    if not in_colour() or not re.fullmatch(r"[\w.-]+", token, re.ASCII):
        return []
    parts = zip(token.split("."), COLOURS.values(), strict=False)
    return [".".join(f"\033[{colour}m{part}\033[0m" for part, colour in parts), ""]


def _pretty(value: object) -> str:
    try:
        return json.dumps(value, indent=2)
    except RecursionError:
        return "(nested too deeply to be shown)"


class _Refused(argparse.Action):
    """A flag for a secret, which there is not."""

    def __call__(self, *_: object) -> None:
        fail(
            "A secret never comes from a flag: everybody on this machine can list those. Type it when you are asked"
            " (--ask), or name a file (--secret-file FILE); authref jwt --help has more."
        )


def _parser() -> Parser:
    about = (
        "Look at a token, check one, make one. A token of authref is checked with AUTHREF_KEYS or --key-file, as its"
        " server would; a token of others with a secret: AUTHREF_SECRET, --secret-file, or typed when asked."
    )
    parser = Parser("authref jwt", description=about)
    commands = parser.add_subparsers(dest="command", required=True, metavar="decode|verify|create")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about, description=f"Print {about}.", allow_abbrev=False)

    decode = add("decode", "the three parts, as anybody can read them, and what they mean")
    verify = add("verify", "the claims, or all that is wrong with the token")
    for command in (decode, verify):
        command.add_argument("token", help="the token, or - to read it, or the answer to a login, from standard input")
    create = add("create", "a new access token")
    create.add_argument("--sub", required=True, help="whose token it is: a user id")
    create.add_argument("--email")
    create.add_argument("--role", help="default: user; of others, none")
    default = "default: %(default)s"
    create.add_argument("--lifetime", type=int, default=15 * 60, metavar="SECONDS", help=default)
    about = "one more claim, or another value of one: a text, or JSON; may come several times"
    create.add_argument("--claim", action="append", default=[], metavar="NAME=VALUE", help=about)
    create.add_argument("--base64", action="store_true", help="the secret is base64, of bytes that sign")
    for command in (verify, create):
        command.add_argument("--issuer", help="default: authref; of others, any")
        command.add_argument("--audience", help="default: authref; of others, any")
        source = command.add_mutually_exclusive_group()
        source.add_argument("--key-file", metavar="FILE", help="the keys of an authref server that has this flag")
        source.add_argument("--secret-file", metavar="FILE", help="a file with the secret: text, base64, or a JWK")
        source.add_argument("--ask", action="store_true", help="ask for the secret, though there are AUTHREF_KEYS")
        source.add_argument("--secret", "--key", action=_Refused, help=argparse.SUPPRESS)
    leeway = "how far clocks may differ (default: %(default)s)"
    verify.add_argument("--leeway", type=float, default=0, metavar="SECONDS", help=leeway)
    return parser
