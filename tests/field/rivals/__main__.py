"""Which attacks get through eight servers that nobody here wrote? `python -m tests.field.rivals [FOLDER]`

Outside CI: it installs pinned packages from PyPI and npm into a folder (a temporary one, or FOLDER, which is kept),
starts each server on loopback, built as its own documentation shows it first, plays the whole table, and writes the
tables of tests/field/README.md. `--only NAME` plays one of them and writes nothing.

Rules of this file:
- what is said of a server is its class and effect, as its own documentation tells, and whose setting it is;
- what newly gets through is tried by hand before it is shown: in plain Python, with an honest login beside it;
- a row that no documentation of theirs speaks of is *not shown*.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from authref.attacks.scene import NOT_PLAYED, STOPPED, THROUGH
from authref.attacks.table import chosen
from tests.field.rivals.said import NOT_SHOWN, SAID

ATTACKS = chosen([], [], False)
BEGIN, END = "<!-- python -m tests.field.rivals writes what follows -->", "<!-- to here -->"
HERE = Path(__file__).parent
PROJECT = HERE.parent.parent.parent
README = HERE.parent / "README.md"


@dataclass(frozen=True)
class Rival:
    """A server of others: its file here, who serves it, and the page that shows it."""

    name: str
    file: str
    command: tuple[str, ...]
    packages: str
    page: str


GUNICORN = ("bin/gunicorn", "--chdir", str(HERE), "--threads", "4", "--bind", "127.0.0.1:{port}")
UVICORN = ("bin/uvicorn", "--app-dir", str(HERE), "--port", "{port}", "--log-level", "error")
RIVALS = (
    Rival("flask-login", "flask_login_app", (*GUNICORN, "flask_login_app:app"), "Flask-Login Flask gunicorn",
          "https://github.com/maxcountryman/flask-login#a-basic-example"),
    Rival("flask-jwt-ext.", "flask_jwt_extended_app", (*GUNICORN, "flask_jwt_extended_app:app"),
          "Flask-JWT-Extended Flask gunicorn", "https://flask-jwt-extended.readthedocs.io/en/stable/basic_usage.html"),
    Rival("django+simplejwt", "django_app", (*GUNICORN, "django_app:app"),
          "Django djangorestframework djangorestframework-simplejwt gunicorn",
          "https://docs.djangoproject.com/en/5.2/topics/auth/default/, "
          "https://django-rest-framework-simplejwt.readthedocs.io/en/latest/getting_started.html"),
    Rival("fastapi-users", "fastapi_users_app", (*UVICORN, "fastapi_users_app:app"), "fastapi-users fastapi uvicorn",
          "https://fastapi-users.github.io/fastapi-users/latest/configuration/full-example/"),
    Rival("starlette", "starlette_app", (*UVICORN, "starlette_app:app"), "starlette itsdangerous uvicorn",
          "https://www.starlette.io/middleware/#sessionmiddleware"),
    Rival("express+passport", "express_passport_app", ("node", "express_passport_app.js"),
          "express express-session passport passport-local", "https://www.passportjs.org/tutorials/password/"),
    Rival("better-auth", "better_auth_app", ("node", "better_auth_app.mjs"), "better-auth express",
          "https://better-auth.com/docs/installation, https://better-auth.com/docs/integrations/express"),
    Rival("fastify", "fastify_app", ("node", "fastify_app.js"), "fastify @fastify/session @fastify/jwt",
          "https://github.com/fastify/session#usage, https://github.com/fastify/fastify-jwt#usage"),
)  # fmt: skip


def install(folder: Path) -> None:
    """Put the pinned packages into the folder, once."""
    if not (folder / "bin").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin/pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
    if not (folder / "node_modules").exists():
        (folder / "package.json").write_text((HERE / "package.json").read_text("utf-8"), "utf-8")
        subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder], check=True)


@contextmanager
def started(rival: Rival, folder: Path, mode: str = "production") -> Iterator[int]:
    """The port on which the server answers while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [part.replace("{port}", str(port)) for part in rival.command]
    if command[0] == "node":  # its packages are looked for beside its file
        (folder / command[1]).write_text((HERE / command[1]).read_text("utf-8"), "utf-8")
    else:
        command[0] = str(folder / command[0])
    own = {"PATH": os.environ["PATH"], "PORT": str(port), "NODE_ENV": mode, "HOME": str(folder),
           "BETTER_AUTH_SECRET": secrets.token_urlsafe(32), "BETTER_AUTH_TELEMETRY": "0"}  # fmt: skip
    with (folder / f"{rival.file}.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=own, stdout=log, stderr=log)
        try:
            _wait_for(server, port)
            yield port
        finally:
            server.terminate()
            server.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not start; its log says why")


def play(rival: Rival, folder: Path, *more: str, mode: str = "production") -> dict[str, dict[str, str]]:
    """The verdict and the evidence of each attack on this server, by attack."""
    with started(rival, folder, mode) as port:
        command = [sys.executable, "-m", "authref", "attack", "--on", f"http://127.0.0.1:{port}", "--yes", "--json"]
        done = subprocess.run(
            [*command, "--routes", str(HERE / f"{rival.file}.toml"), *more],
            cwd=PROJECT, stdout=subprocess.PIPE, check=False, text=True,
        )  # fmt: skip
    rows = json.loads(done.stdout)["attacks"]
    return {row["name"]: next(iter(row["verdicts"].values())) for row in rows}


def play_as_told(rival: Rival, folder: Path) -> dict[str, dict[str, str]]:
    """The same; of better-auth the guesses in production, where its limit is, and the rest where it is not."""
    if rival.name != "better-auth":
        return play(rival, folder)
    rows = play(rival, folder, mode="development")
    for name in ("guessing", "spraying"):
        rows.update(play(rival, folder, "--only", name))
    return rows


def tables(results: dict[str, dict[str, dict[str, str]]]) -> str:
    """The tables, in Markdown. Raises LookupError for what got through and of which nothing is said here."""
    names = [rival.name for rival in RIVALS]
    lines = ["| attack | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for attack in ATTACKS:
        row = [_cell(name, attack.name, results[name][attack.name]["verdict"]) for name in names]
        if THROUGH in row:
            lines.append(f"| {attack.name} | " + " | ".join(row) + " |")
    counts = [Counter(row["verdict"] for row in results[name].values()) for name in names]
    for verdict in (STOPPED, NOT_PLAYED):
        numbers = " | ".join(str(each[verdict]) for each in counts)
        lines.append(f"| *{verdict}, of {len(ATTACKS)}* | {numbers} |")
    said = [f"- `{name}`: {text}" for name, text in SAID.items()]
    pinned = (HERE / "requirements.txt").read_text("utf-8").split()
    node = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]
    pinned += [f"{name}=={version}" for name, version in node.items()]
    versions = {line.partition("==")[0].partition("[")[0].lower(): line.partition("==")[2] for line in pinned}
    pages = ["| server | versions | built as this page shows first |", "|---|---|---|"]
    for rival in RIVALS:
        packages = ", ".join(f"{each} {versions[each.lower()]}" for each in rival.packages.split())
        pages.append(f"| {rival.name} | {packages} | {rival.page} |")
    return "\n".join([*lines, "", "## What their documentation says of it", "", *said, "", *pages, ""])


def _cell(server: str, attack: str, verdict: str) -> str:
    if (server, attack) in NOT_SHOWN:
        return "not shown"
    if verdict == THROUGH and attack not in SAID:
        raise LookupError(f"{attack} got through {server}: check it by hand, and say what their documentation says")
    return {THROUGH: THROUGH, STOPPED: "stopped"}.get(verdict, "")


def main() -> None:
    """Play on all of them, and write the tables; or on one, and print its rows."""
    parser = argparse.ArgumentParser(description="Play the attacks on eight servers of others.")
    parser.add_argument("folder", nargs="?", help="where the packages are, or go")
    parser.add_argument("--only", choices=[rival.name for rival in RIVALS])
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(flags.folder or temporary).absolute()
        install(folder)
        played = [rival for rival in RIVALS if flags.only in (None, rival.name)]
        results = {rival.name: play_as_told(rival, folder) for rival in played}
    if flags.only:
        for name, row in results[flags.only].items():
            print(f"{name:34}{row['verdict']:12}{row['evidence']}")
        return
    text = README.read_text("utf-8")
    begin = text.index(BEGIN) + len(BEGIN)
    README.write_text(text[:begin] + "\n\n" + tables(results) + text[text.index(END):], "utf-8")


if __name__ == "__main__":
    main()
