"""What asks? wrk: one thread and many connections, each of which asks again as soon as it is answered."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import CLIENT_CPU, Running

FOLDER = Path(__file__).parent
TIMEOUT = "30s"  # a login that waits for a core is late, and p99 says so; it has not failed


def check_tools() -> None:
    """End with a sentence if a tool is missing."""
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if not shutil.which(tool):
            raise SystemExit(f"benchmarks: {tool} is missing; install it: apt install {package}")


def wrk(
    server: Running,
    path: str,
    headers: Mapping[str, str],
    *,
    seconds: int,
    connections: int,
    pinned: bool = False,
    script: str = "load.lua",
    arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """One run: requests per second, milliseconds, how many requests failed, CPU seconds of the server per 1,000."""
    pin = ["taskset", "--cpu-list", str(CLIENT_CPU)] if pinned else []
    fields = [part for name, text in headers.items() for part in ("--header", f"{name}: {text}")]
    shape = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency"]
    shape += ["--timeout", TIMEOUT]
    url = f"http://127.0.0.1:{server.port}{path}"
    command = [*pin, "wrk", *shape, *fields, "--script", str(FOLDER / script), url, "--", *arguments]
    before = server.cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    used = server.cpu_seconds() - before
    result: dict[str, Any] = json.loads(done.stdout.rpartition("\nRESULT ")[2])
    result["failed"] = result["refused"] + result["late"] + result["broken"]
    result["rate"] = result["requests"] / result["seconds"]
    result["cpu"] = 1000 * used / max(result["requests"], 1)
    return result
