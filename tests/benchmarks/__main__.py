"""python -m tests.benchmarks: measure over HTTP, in one process and under mixed load, then report.

python -m tests.benchmarks all                everything, and the report: about 20 minutes
python -m tests.benchmarks http --quick       one part, quickly: good for a look at the kit only
python -m tests.benchmarks report             the tables of README.md and the plot, from the JSON
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.benchmarks import inprocess, mixed, over_http, report

PARTS = {"http": over_http.run, "inprocess": inprocess.run, "mixed": mixed.run}
QUICK = {"rounds": 1, "seconds": 1, "repeats": 3, "sessions": 20_000, "mixed_seconds": 5}


def main() -> None:
    """Run the parts that were asked for; each writes its own JSON when it is done."""
    flags = _parser().parse_args()
    if flags.quick:
        vars(flags).update(QUICK)
    folder = Path(flags.out)
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS if flags.part == "all" else [flags.part]:
        if part in PARTS:
            result = PARTS[part](flags)
            (folder / f"{part}.json").write_text(json.dumps(result, indent=1))
    if flags.part in ("all", "report"):
        report.run(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description="Measure authref and its peers.")
    parser.add_argument("part", choices=[*PARTS, "all", "report"])
    parser.add_argument("--out", metavar="FOLDER", default="benchmark-results", help="for the JSON (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one short round of everything; numbers mean little")
    parser.add_argument("--rounds", type=int, default=7, help="of each server over HTTP (%(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="of each run over HTTP (%(default)s)")
    parser.add_argument("--connections", type=int, default=64, help="of wrk (%(default)s)")
    parser.add_argument("--repeats", type=int, default=9, help="of each call in one process (%(default)s)")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="in the fullest store (%(default)s)")
    parser.add_argument("--mixed-seconds", type=int, default=60, help="of the mixed load (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
