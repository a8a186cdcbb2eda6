"""Which JWT libraries read our tokens, and whose tokens do we read? The table is libraries.md.

    python -m tests.field.libraries             all, and writes the table
    python -m tests.field.libraries Go Perl     those whose name begins so, and only shows it

Each driver in jwt_drivers/ is given a token of ours and the key, and prints four lines: its version, whether it accepts
that token, a token of its own for one user as its documentation shows first, and a token with the claims and the header
that we ask for. Both are judged by `jwt.verify`, whose refusal the table names. Debian's packages (see DEBIAN) are
there before; what comes from PyPI and npm is installed here, in a folder that is removed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from authref import jwt, keys
from tests.field.clients import built_by_cargo

DRIVERS = Path(__file__).with_name("jwt_drivers")
TABLE = Path(__file__).with_name("libraries.md")
DEBIAN = (
    "libcrypt-jwt-perl libmojo-jwt-perl ruby-jwt ruby-json-jwt golang-go"
    " golang-github-golang-jwt-jwt-dev libjwt-dev gcc nodejs npm libjson-webtoken-perl"
    " golang-gopkg-square-go-jose.v2-dev golang-github-dvsekhvalnov-jose2go-dev librhonabwy-dev"
    " libcjose-dev g++ libcpp-jwt-dev libpoco-dev erlang-jose erlang-jiffy ghc libghc-jwt-dev cargo"
    " librust-jsonwebtoken-dev"
)
PYPI = (
    "pyjwt==2.10.1", "joserfc==1.0.1", "jwcrypto==1.5.6", "python-jose==3.3.0", "authlib==1.4.0", "jwskate==0.12.2",
    "oxyjwt==0.9.0", "superjwt==0.8.0",
)  # fmt: skip
NPM = (
    "jose@6.0.8", "jsonwebtoken@9.0.2", "fast-jwt@5.0.5", "jws@4.0.0", "njwt@2.0.1", "node-jose@2.2.0",
    "jwt-simple@0.5.6", "jsrsasign@11.1.5", "@hapi/jwt@3.2.4", "hono@4.13.19", "@tsndr/cloudflare-worker-jwt@3.2.3",
    "@node-rs/jsonwebtoken@0.5.11",
)  # fmt: skip

WRITE_ANOTHER_TYPE = ("Perl Mojo::JWT", "C libjwt", "Node hono", "Node @node-rs/jsonwebtoken", "Haskell jwt")
READ_NO_OTHER_TYPE = ("C libjwt", "C++ cpp-jwt")

Command = Callable[[Path], list[str]]


def _script(program: str, name: str) -> Command:
    return lambda folder: [program, str(DRIVERS / name)]


def _python(name: str) -> Command:
    return lambda folder: [str(folder / "venv/bin/python"), str(DRIVERS / "python_libraries.py"), name]


def _node(name: str) -> Command:
    return lambda folder: ["node", str(DRIVERS / "node_libraries.mjs"), name]


def _go(name: str) -> Command:
    return lambda folder: ["env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", "go", "run", str(DRIVERS / name)]


def _compiled(compiler: str, name: str, *libraries: str) -> Command:
    def command(folder: Path) -> list[str]:
        subprocess.run([compiler, DRIVERS / name, "-o", folder / name, *(f"-l{one}" for one in libraries)], check=True)
        return [str(folder / name)]

    return command


def _rust(folder: Path) -> list[str]:
    return [str(built_by_cargo(DRIVERS / "rust", folder) / "jwt_library")]


LIBRARIES: dict[str, Command] = {
    "Python PyJWT": _python("pyjwt"),
    "Python joserfc": _python("joserfc"),
    "Python jwcrypto": _python("jwcrypto"),
    "Python python-jose": _python("python_jose"),
    "Python Authlib": _python("authlib"),
    "Python jwskate": _python("jwskate"),
    "Python OxyJWT": _python("oxyjwt"),
    "Python SuperJWT": _python("superjwt"),
    "Node jose": _node("jose"),
    "Node jsonwebtoken": _node("jsonwebtoken"),
    "Node fast-jwt": _node("fast-jwt"),
    "Node jws": _node("jws"),
    "Node njwt": _node("njwt"),
    "Node node-jose": _node("node-jose"),
    "Node jwt-simple": _node("jwt-simple"),
    "Node jsrsasign": _node("jsrsasign"),
    "Node @hapi/jwt": _node("@hapi/jwt"),
    "Node hono": _node("hono"),
    "Node @tsndr/cloudflare-worker-jwt": _node("@tsndr/cloudflare-worker-jwt"),
    "Node @node-rs/jsonwebtoken": _node("@node-rs/jsonwebtoken"),
    "Perl Crypt::JWT": _script("perl", "crypt_jwt.pl"),
    "Perl Mojo::JWT": _script("perl", "mojo_jwt.pl"),
    "Perl JSON::WebToken": _script("perl", "json_webtoken.pl"),
    "Ruby jwt": _script("ruby", "jwt.rb"),
    "Ruby json-jwt": _script("ruby", "json_jwt.rb"),
    "Go golang-jwt": _go("golang_jwt.go"),
    "Go go-jose": _go("go_jose.go"),
    "Go jose2go": _go("jose2go.go"),
    "Rust jsonwebtoken": _rust,
    "Erlang jose": _script("escript", "jose.escript"),
    "Haskell jwt": _script("runghc", "jwt.hs"),
    "C libjwt": _compiled("gcc", "libjwt.c", "jwt"),
    "C Rhonabwy": _compiled("gcc", "rhonabwy.c", "rhonabwy"),
    "C cjose": _compiled("gcc", "cjose.c", "cjose"),
    "C++ cpp-jwt": _compiled("g++", "cpp_jwt.cpp", "crypto"),
    "C++ POCO": _compiled("g++", "poco_jwt.cpp", "PocoJWT", "PocoJSON", "PocoCrypto", "PocoFoundation"),
}


def main() -> int:
    """Ask the libraries; the exit status is 1 if another one than those refuses our token, or cannot make ours."""
    asked = tuple(sys.argv[1:])
    chosen = {name: command for name, command in LIBRARIES.items() if not asked or name.startswith(asked)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([folder / "venv/bin/pip", "install", "--quiet", *PYPI], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", *NPM], cwd=folder, check=True)
        rows = [(library, *ask(command(folder), folder)) for library, command in chosen.items()]
    text = _table(rows)
    print(text)
    if len(chosen) == len(LIBRARIES):
        TABLE.write_text(text, "utf-8")
    unread = any(reads != "accepted" and library not in READ_NO_OTHER_TYPE for library, _, reads, _, _ in rows)
    unmade = any(right != "accepted" and library not in WRITE_ANOTHER_TYPE for library, _, _, _, right in rows)
    return int(unread or unmade)


def ask(command: list[str], folder: Path) -> tuple[str, str, str, str]:
    """The version; what the library says to our token; what we say to its plain one, and to the one with our claims."""
    ring = keys.fresh_keys()
    [(kid, key)] = ring.items()
    now = int(time.time())
    claims = {"iss": "authref", "aud": "authref", "sub": "u1", "email": "alice@example.com", "role": "user",
              "created_at": "", "iat": now, "exp": now + 900, "jti": "t1", "fam": "f1"}  # fmt: skip
    given = {
        "TOKEN": jwt.create(claims, ring), "SECRET": jwt.encode(key), "HEX": key.hex(), "KID": kid,
        "CLAIMS": json.dumps(claims), "SUB": "u1", "HOME": str(folder),
    }  # fmt: skip
    done = subprocess.run(command, env={**os.environ, **given}, cwd=folder, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    if len(lines) < 4:
        print(command, done.stdout, done.stderr, file=sys.stderr)
        lines += ["nothing"] * 4
    return lines[0], lines[1], _judged(lines[2], ring), _judged(lines[3], ring)


def _judged(token: str, ring: dict[str, bytes]) -> str:
    try:
        jwt.verify(token, ring, issuer="authref", audience="authref")
    except jwt.InvalidToken as refused:
        return f"{type(refused).__name__}: {refused}"
    return "accepted"


def _table(rows: list[tuple[str, str, str, str, str]]) -> str:
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"""# JWT libraries

Made by `python -m tests.field.libraries` on {time.strftime("%Y-%m-%d")}. *Reads ours*: the library is given a token of
ours and the key. *Its own*: what we say to a token that it makes by its defaults, for one user. *With our claims*: the
same with the header and the claims that the server asks for.

These write `"typ":"JWT"`, whatever is asked: {", ".join(WRITE_ANOTHER_TYPE)}.
These read no other type: {", ".join(READ_NO_OTHER_TYPE)}; see `findings/libjwt-typ.sh`.
Nobody's own token is accepted: the type keeps tokens for something else out (RFC 8725 §3.11).
PyJWT, joserfc, Authlib and hono refuse a token with an `iat` two seconds ahead: see `findings/iat-of-this-second.sh`.

| library | version | reads ours | its own | with our claims |
|---|---|---|---|---|
{lines}"""


if __name__ == "__main__":
    sys.exit(main())
