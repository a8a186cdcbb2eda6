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

DRIVERS = Path(__file__).with_name("jwt_drivers")
TABLE = Path(__file__).with_name("libraries.md")
DEBIAN = (
    "libcrypt-jwt-perl libmojo-jwt-perl ruby-jwt ruby-json-jwt golang-go"
    " golang-github-golang-jwt-jwt-dev libjwt-dev gcc nodejs npm"
)
PYPI = ("pyjwt==2.10.1", "joserfc==1.0.1", "jwcrypto==1.5.6", "python-jose==3.3.0", "authlib==1.4.0")
NPM = ("jose@6.0.8", "jsonwebtoken@9.0.2", "fast-jwt@5.0.5", "jws@4.0.0", "njwt@2.0.1")

WRITE_ANOTHER_TYPE = ("Perl Mojo::JWT", "C libjwt")  # `typ` is JWT whatever is asked; libjwt reads no other, either

Command = Callable[[Path], list[str]]


def _script(program: str, name: str) -> Command:
    return lambda folder: [program, str(DRIVERS / name)]


def _python(name: str) -> Command:
    return lambda folder: [str(folder / "venv/bin/python"), str(DRIVERS / "python_libraries.py"), name]


def _node(name: str) -> Command:
    return lambda folder: ["node", str(DRIVERS / "node_libraries.mjs"), name]


def _go(folder: Path) -> list[str]:
    return ["env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", "go", "run", str(DRIVERS / "golang_jwt.go")]


def _c(folder: Path) -> list[str]:
    subprocess.run(["gcc", DRIVERS / "libjwt.c", "-o", folder / "libjwt", "-ljwt"], check=True)
    return [str(folder / "libjwt")]


LIBRARIES: dict[str, Command] = {
    "Python PyJWT": _python("pyjwt"),
    "Python joserfc": _python("joserfc"),
    "Python jwcrypto": _python("jwcrypto"),
    "Python python-jose": _python("python_jose"),
    "Python Authlib": _python("authlib"),
    "Node jose": _node("jose"),
    "Node jsonwebtoken": _node("jsonwebtoken"),
    "Node fast-jwt": _node("fast-jwt"),
    "Node jws": _node("jws"),
    "Node njwt": _node("njwt"),
    "Perl Crypt::JWT": _script("perl", "crypt_jwt.pl"),
    "Perl Mojo::JWT": _script("perl", "mojo_jwt.pl"),
    "Ruby jwt": _script("ruby", "jwt.rb"),
    "Ruby json-jwt": _script("ruby", "json_jwt.rb"),
    "Go golang-jwt": _go,
    "C libjwt": _c,
}


def main() -> int:
    """Ask the libraries; the exit status is 1 if another one than these refuses our token, or cannot make ours."""
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
    others = [row for row in rows if row[0] not in WRITE_ANOTHER_TYPE]
    return int(any((reads, right) != ("accepted", "accepted") for _, _, reads, _, right in others))


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

{" and ".join(WRITE_ANOTHER_TYPE)} write `"typ":"JWT"`, whatever is asked. libjwt reads no other type, either: see
`findings/libjwt-typ.sh`. Nobody's own token is accepted: the type keeps tokens for something else out (RFC 8725 §3.11).

| library | version | reads ours | its own | with our claims |
|---|---|---|---|---|
{lines}"""


if __name__ == "__main__":
    sys.exit(main())
