"""How many microseconds? Each piece of work in turn, again and again: the median and the best of the repeats."""

from __future__ import annotations

import itertools
import statistics
import timeit
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from tests.benchmarks import libraries, stores
from tests.benchmarks.libraries import LIBRARIES, SESSION_IDS, Work
from tests.benchmarks.processes import machine
from tests.benchmarks.versions import versions

SECONDS = 0.05  # that one repeat of one work lasts, about


def run(flags: Namespace) -> dict[str, Any]:
    """Microseconds of each operation by each library, and of the look-up in each store."""
    works: dict[tuple[str, str], Work] = {}
    absent = {}
    for library, make in LIBRARIES.items():
        try:
            works |= {(operation, library): work for operation, work in make().items()}
        except ModuleNotFoundError as missing:
            absent[library] = f"the package {missing.name} is not installed (requirements.txt)"
    for (operation, library), work in works.items():
        _check(operation, library, work())
    calls = _measure(works, flags.repeats)
    for row in calls:
        print(f"{row['operation']:36} {row['library']:16} {row['median']:8.2f} µs (best {row['best']:.2f})")
    looked_up, absent_stores = stores.run(flags)
    return {
        "machine": machine(),
        "flags": vars(flags),
        "versions": versions(),
        "calls": calls,
        "stores": looked_up,
        "absent": absent | absent_stores,
    }


def _measure(works: dict[tuple[str, str], Work], repeats: int) -> list[dict[str, Any]]:
    """Interleaved: everybody's first repeat, then everybody's second."""
    counts = {name: _count(work) for name, work in works.items()}
    times: dict[tuple[str, str], list[float]] = {name: [] for name in works}
    for _, (name, work) in itertools.product(range(repeats), works.items()):
        times[name].append(1e6 * timeit.timeit(work, number=counts[name]) / counts[name])
    return [
        {"operation": operation, "library": library, "median": statistics.median(found), "best": min(found)}
        for (operation, library), found in times.items()
    ]


def _count(work: Work) -> int:
    """How many calls last about SECONDS."""
    once = timeit.timeit(work, number=200) / 200
    return max(1, round(SECONDS / once))


def _check(operation: str, library: str, found: Any) -> None:
    """End if this is not the work that was meant."""
    tests: dict[str, Callable[[], bool]] = {
        libraries.CREATE: lambda: found.count(".") == 2,
        libraries.VERIFY: lambda: found["iss"] == libraries.ISSUER and "jti" in found,
        libraries.REFUSE: lambda: found == libraries.REFUSED,
        libraries.PARSE_ONE: lambda: found["session"] in SESSION_IDS,
        libraries.PARSE_MANY: lambda: found["session"] in SESSION_IDS and found["theme"] == "dark",
        libraries.SET: lambda: found.startswith(f"session={SESSION_IDS[0]};") and "httponly" in found.lower(),
    }
    if not tests[operation]():
        raise SystemExit(f"benchmarks: {library} does not do what {operation} is: {found!r}")
