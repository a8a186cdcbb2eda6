"""How many requests a second, how late, and for how much CPU and memory? Everybody in turn, round after round.

Rules of this file:
- all servers are started once for each placement and stay idle while another one is measured;
- round 1 of each server, then round 2 of each: what the machine does meanwhile meets everybody alike;
- each run begins with a new login, by which the server is checked; the first run of each (a second) is not counted:
  compilers at run time get to know the code in it;
- placements: "free", where server and wrk share all CPUs as users run it, and "pinned", each on one of its own.
"""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

from tests.benchmarks.field import contestants
from tests.benchmarks.processes import NotTheSame, Running, machine, redis_server, started
from tests.benchmarks.versions import versions
from tests.benchmarks.wrk import check_tools, wrk

PATHS = ("/me", "/token/me")
WARM_UP_SECONDS = 1


def run(flags: Namespace) -> dict[str, Any]:
    """The runs, one by one, for report.py to summarise."""
    check_tools()
    result: dict[str, Any] = {"machine": machine(), "flags": vars(flags), "runs": [], "memory": {}, "absent": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for placement in ("free", "pinned"):
            if placement == "pinned" and len(os.sched_getaffinity(0)) < 2:
                print("pinned: not measured, this needs two CPUs")
            else:
                _measure(placement, Path(scratch), flags, result)
        result["versions"] = versions(Path(scratch) / "node")
    return result


def _measure(placement: str, scratch: Path, flags: Namespace, result: dict[str, Any]) -> None:
    pinned = placement == "pinned"
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_server(pinned))
        databases = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch)))
        present, absent = contestants(databases, scratch / "node", redis_url)
        result["absent"].update(absent)
        running: list[Running] = []
        for contestant in present:
            if pinned and contestant.only_free:
                continue
            try:
                running.append(stack.enter_context(started(contestant, pinned)))
            except NotTheSame as error:
                result["absent"][contestant.name] = str(error)
                print(f"{contestant.name}: not measured. {error}")
        for number in range(flags.rounds + 1):  # round 0 is the warm-up
            for path in PATHS:
                for server in running:
                    row = _one_run(server, path, pinned, number, flags)
                    if number:
                        result["runs"].append({**row, "placement": placement})
        for server in running:
            result["memory"][f"{server.contestant.name}, {placement}"] = server.peak_megabytes()


def _one_run(server: Running, path: str, pinned: bool, number: int, flags: Namespace) -> dict[str, Any]:
    seconds = flags.seconds if number else WARM_UP_SECONDS
    row: dict[str, Any] = {"server": server.contestant.name, "path": path, "round": number}
    try:
        header = server.credentials()[path]
        row |= wrk(server, path, header, seconds=seconds, connections=flags.connections, pinned=pinned)
    except (NotTheSame, OSError, SubprocessError) as error:
        row |= {"failed": 1, "rate": 0.0, "p50": 0.0, "p99": 0.0, "cpu": 0.0, "error": str(error)}
    where = "pinned" if pinned else "free"
    failed = f"  {row['failed']} FAILED {row.get('error', '')}" if row["failed"] else ""
    numbers = f"{row['rate']:9.0f}/s  p99 {row['p99']:7.2f} ms"
    print(f"{where:6} round {number} {path:9} {row['server']:28} {numbers}{failed}", flush=True)
    return row
