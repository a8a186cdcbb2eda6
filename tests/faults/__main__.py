"""python -m tests.faults: break the machine around authref, one thing at a time, and say what was seen.

Exit status 0 if all claims held, else 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from tests.faults import (
    admins,
    clock,
    connections,
    descriptors,
    disk,
    kill,
    password_race,
    redis_away,
    sigterm,
    store_gone,
    threads,
    throttle_burst,
    throttle_lockout,
    throttle_queue,
    workers,
)
from tests.faults.claims import Broken, CannotRun, Flags
from tests.faults.client import Unanswered

FAULTS: dict[str, Callable[[Flags], Iterator[str]]] = {
    "kill": kill.run,
    "redis": redis_away.run,
    "disk": disk.run,
    "start": store_gone.run,
    "clock": clock.run,
    "connections": connections.run,
    "descriptors": descriptors.run,
    "sigterm": sigterm.run,
    "threads": threads.run,
    "workers": workers.run,
    "lockout": throttle_lockout.run,
    "queue": throttle_queue.run,
    "burst": throttle_burst.run,
    "admins": admins.run,
    "password": password_race.run,
}


def main() -> int:
    """Run the faults that were asked for; the exit status."""
    parser = argparse.ArgumentParser("python -m tests.faults", description="Break the machine around authref.")
    parser.add_argument("fault", nargs="*", help=f"{', '.join(FAULTS)} (default: all)")
    parser.add_argument("--times", type=int, default=100, metavar="N", help="kills (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds of everything but the kills")
    chosen = parser.parse_args()
    if unknown := set(chosen.fault) - set(FAULTS):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    flags = Flags(chosen.times, chosen.quick)
    held = [_try(name, flags) for name in chosen.fault or FAULTS]
    return 0 if all(held) else 1


def _try(name: str, flags: Flags) -> bool:
    """Run one; True if all its claims held."""
    begun = time.monotonic()
    try:
        for line in FAULTS[name](flags):
            print(f"{name}: {line}", flush=True)
    except Broken as broken:
        print(f"{name}: DOES NOT HOLD: {broken}", flush=True)
        return False
    except Unanswered as broken:
        print(f"{name}: DOES NOT HOLD: a request was not answered: {broken}", flush=True)
        return False
    except CannotRun as lack:
        print(f"{name}: NOT RUN: {lack}", flush=True)
        return False
    print(f"{name}: all held ({time.monotonic() - begun:.0f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
