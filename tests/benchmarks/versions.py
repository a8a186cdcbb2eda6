"""Which versions were measured? Asked of what is installed, never written down by hand."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import authref

PYTHON_PACKAGES = (
    *("aiohttp", "bcrypt", "Django", "fastapi", "Flask", "Flask-Session", "gunicorn", "httptools", "joserfc", "oxyjwt"),
    *("pydantic", "PyJWT", "redis", "starlette", "uvicorn", "uvloop", "Werkzeug"),
)
NODE_PACKAGES = ("express", "express-session", "connect-redis", "redis", "jose")


def versions(node_folder: Path | None = None) -> dict[str, str]:
    """The version of everything that is here, by name."""
    found = {"authref": authref.__version__, "SQLite": sqlite3.sqlite_version}
    for name in PYTHON_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for tool, word in (("node", 0), ("wrk", 1), ("redis-server", 2)):
        if shutil.which(tool):
            said = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout.split()
            found[tool] = said[word].removeprefix("v=") if len(said) > word else "?"
    for name in NODE_PACKAGES:
        package = (node_folder or Path()) / "node_modules" / name / "package.json"
        if package.exists():
            found[name] = json.loads(package.read_text())["version"]
    return found
