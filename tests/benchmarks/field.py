"""Who is compared? authref as it can be started, and its peers as a good user would start them.

Rules of this file:
- one process and one worker each, unless the name says otherwise; keep-alive on (where the server has it) and no
  access log;
- who cannot take part here is named, with the reason: nobody silently drops out of the table.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from authref.keys import fresh_keys, write_keys

ROOT = Path(__file__).parents[2]  # of the checkout
PEERS = "tests.benchmarks.peers"
NODE_FOLDER = Path(__file__).parent / "peers" / "node"
AUTHREF, SQLITE, REDIS, WORKERS = "authref", "authref, SQLite", "authref, Redis", "authref, SQLite, 2 workers"
FASTAPI, FLASK, BARE, AIOHTTP = "FastAPI (uvicorn)", "Flask (gunicorn)", "bare ASGI (uvicorn)", "aiohttp"
STARLETTE_REDIS, FLASK_REDIS = "Starlette (uvicorn), redis.asyncio", "Flask (gunicorn), Flask-Session"
EXPRESS_REDIS = "Express, connect-redis"
STARLETTE, STDLIB, NODE, EXPRESS = "Starlette (uvicorn)", "http.server", "Node http", "Express"


@dataclass(frozen=True)
class Contestant:
    """One server: how it is started. `{port}` stands for the port it is given."""

    name: str
    command: tuple[str, ...]
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    needs_sign_up: bool = False  # a peer knows its user from the start
    only_free: bool = False  # several workers: on one core there is nothing to see

    @classmethod
    def authref(cls, name: str, *flags: str, only_free: bool = False) -> Contestant:
        """authref with these flags. bcrypt at cost 4: hashing is not what is compared."""
        command = (sys.executable, "-m", "authref", "--port", "{port}", "--quiet", "--log", "off")
        cost = () if "--bcrypt-cost" in flags else ("--bcrypt-cost", "4")
        keys = {"AUTHREF_KEYS": write_keys(fresh_keys())}
        return cls(name, (*command, *cost, *flags), environment=keys, needs_sign_up=True, only_free=only_free)

    @classmethod
    def asgi(cls, name: str, module: str, environment: Mapping[str, str] | None = None) -> Contestant:
        """A peer on uvicorn as `uvicorn[standard]` installs it: uvloop, and httptools as the parser."""
        flags = ("--port", "{port}", "--loop", "uvloop", "--http", "httptools", "--no-access-log")
        command = (sys.executable, "-m", "uvicorn", f"{PEERS}.{module}:app", "--log-level", "warning", *flags)
        return cls(name, command, environment=environment or {})


def contestants(databases: Path, node_folder: Path, redis_url: str | None) -> tuple[list[Contestant], dict[str, str]]:
    """Everybody who can take part here, and the others with the reason. The two folders are there to be filled."""
    present, absent = _authrefs(databases, redis_url)
    redis = {"REDIS_URL": redis_url} if redis_url else None
    for package, contestant in _python_peers(redis):
        missing = [name for name in (*package, "jwt") if find_spec(name) is None]
        if missing:
            absent[contestant.name] = f"the package {missing[0]} is not installed (requirements.txt)"
        else:
            present.append(contestant)
    reason = _install_node_peers(node_folder)
    for name, script in ((NODE, "http.js"), (EXPRESS, "express.js"), (EXPRESS_REDIS, "express-redis.js")):
        if reason or name == EXPRESS_REDIS and not redis:
            absent[name] = reason or "redis-server is missing"
        else:
            production = {"NODE_ENV": "production", **(redis or {})}
            present.append(Contestant(name, ("node", script, "{port}"), node_folder, production))
    return present, absent


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _authrefs(databases: Path, redis_url: str | None) -> tuple[list[Contestant], dict[str, str]]:
    present, absent = [Contestant.authref(AUTHREF)], {}
    help_text = subprocess.run(
        [sys.executable, "-m", "authref", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    database = f"sqlite:{databases}/one.db"
    if "--store" in help_text:
        present.append(Contestant.authref(SQLITE, "--store", database))
    else:
        absent[SQLITE] = "this authref has no --store"
    if "--store" in help_text and redis_url:
        present.append(Contestant.authref(REDIS, "--store", redis_url))
    else:
        absent[REDIS] = "this authref has no --store" if redis_url else "redis-server or its Python package is missing"
    if "--workers" in help_text:
        database = f"sqlite:{databases}/two.db"
        present.append(Contestant.authref(WORKERS, "--store", database, "--workers", "2", only_free=True))
    else:
        absent[WORKERS] = "this authref has no --workers"
    return present, absent


def _python_peers(redis: Mapping[str, str] | None) -> list[tuple[tuple[str, ...], Contestant]]:
    """The peers, each with the packages it needs; those whose sessions lie in Redis only if there is one."""
    uvicorn = ("uvicorn", "uvloop", "httptools")
    gunicorn = ("--bind", "127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", "64")
    flask = (sys.executable, "-m", "gunicorn", *gunicorn, "--keep-alive", "75", "--log-level", "warning")
    with_redis = [
        (("starlette", "redis", *uvicorn), Contestant.asgi(STARLETTE_REDIS, "starlette_redis_app", redis)),
        (
            ("flask", "flask_session", "redis", "gunicorn"),
            Contestant(FLASK_REDIS, (*flask, f"{PEERS}.flask_redis_app:app"), environment=redis or {}),
        ),
    ]
    return [
        *(with_redis if redis else ()),
        (("fastapi", *uvicorn), Contestant.asgi(FASTAPI, "fastapi_app")),
        (("starlette", *uvicorn), Contestant.asgi(STARLETTE, "starlette_app")),
        (uvicorn, Contestant.asgi(BARE, "bare_asgi_app")),
        (("aiohttp", "uvloop"), Contestant(AIOHTTP, (sys.executable, "-m", f"{PEERS}.aiohttp_app", "{port}"))),
        (("flask", "gunicorn"), Contestant(FLASK, (*flask, f"{PEERS}.flask_app:app"))),
        ((), Contestant(STDLIB, (sys.executable, "-m", f"{PEERS}.http_server_app", "{port}"))),
    ]


def _install_node_peers(folder: Path) -> str:
    """Put the Node peers and their packages into the folder. The reason if that cannot be done."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node or npm is missing"
    if not folder.exists():
        shutil.copytree(NODE_FOLDER, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "CI": "1"})
    return "" if done.returncode == 0 else f"npm install failed: {done.stderr.strip()[-200:]}"
