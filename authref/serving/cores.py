"""How many cores may be kept busy? In a container fewer than the machine has, and more threads would only wait."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path


def cores() -> int:
    """How many cores may be kept busy: of the machine's, those this process is bound to and its cgroup grants it."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *_quotas()]))


def _quotas(root: Path = Path("/")) -> Iterator[int]:
    """The cores that each cgroup above this process is granted, where there is a limit (a container's, mostly)."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        folder = root / "sys/fs/cgroup" / ("cpu" if "cpu" in kinds.split(",") else "") / path.lstrip("/")
        for group in (folder, *folder.parents):
            limit = _read(group / "cpu.max") or _read(group / "cpu.cfs_quota_us") + _read(group / "cpu.cfs_period_us")
            if re.fullmatch(r"[1-9][0-9]*\s[1-9][0-9]*\s", limit):  # version 2 and 1; "max" or -1 is no limit
                quota, period = map(int, limit.split())
                yield quota // period


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""
