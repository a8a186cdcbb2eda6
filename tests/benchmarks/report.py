"""What came out? The JSON of the runs becomes tables in README.md, between its two marks, and the plot.

Rules of this file:
- a row is the median of its runs, with the least and the most in brackets; ratios are of medians of the same placement;
- a server with one failed request in one run is marked failed, and nothing is compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import plot, targets
from tests.benchmarks.field import AUTHREF
from tests.benchmarks.summary import Row, Summary, summarise

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- results: written by `report` -->", "<!-- end of results -->"
PATH_TITLES = {"/me": "GET /me, by session", "/token/me": "GET /token/me, by token"}
PLACEMENT_TITLES = {"free": "all CPUs free", "pinned": "server and wrk pinned apart"}


def run(folder: Path, into: Path = FOLDER) -> None:
    """Write the tables and the plot of the results in the folder."""
    found = {name: _load(folder / f"{name}.json") for name in ("http", "inprocess", "mixed")}
    if not any(found.values()):
        raise SystemExit(f"benchmarks: {folder} holds no results; make some: python -m tests.benchmarks all")
    summary = summarise(found["http"])
    lines = [*_machine(found), *_targets(summary, found), *_http(found["http"], summary), *_mixed(found["mixed"])]
    lines += [*_calls(found["inprocess"]), *_stores(found["inprocess"]), *_absent(found)]
    if summary.rows:
        into.joinpath("plot.svg").write_text(plot.draw(summary))
        lines = ["![Requests per second of each server](plot.svg)", "", *lines]
    readme = into / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text("\n".join([before + BEGIN, "", *lines, END]) + after)
    print(f"written: {readme}")


def _load(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return value


def _machine(found: dict[str, dict[str, Any]]) -> list[str]:
    some = next(result for result in found.values() if result)
    versions: dict[str, str] = {}
    for result in found.values():
        versions |= result.get("versions", {})
    machine = some["machine"]
    lines = [f"Measured on {machine['date']}: {machine['CPU']}, {machine['memory']}, {machine['system']}, "]
    lines[0] += f"Python {machine['Python']}; {', '.join(f'{name} {text}' for name, text in versions.items())}."
    if flags := found["http"].get("flags"):
        lines.append(
            f"Over HTTP: {flags['rounds']} round(s) of {flags['seconds']} s, {flags['connections']} connections."
        )
    if any(result and result["flags"]["quick"] for result in found.values()):
        lines.append("**Made with --quick: good for nothing but a look at the kit.**")
    return [*lines, ""]


def _targets(summary: Summary, found: dict[str, dict[str, Any]]) -> list[str]:
    rows = targets.judge(summary, found["inprocess"], found["mixed"])
    return ["### What was aimed at", "", *_table(["target", "measured", ""], rows), ""]


def _http(http: dict[str, Any], summary: Summary) -> list[str]:
    lines: list[str] = []
    for placement, path in ((placement, path) for placement in PLACEMENT_TITLES for path in PATH_TITLES):
        rows = sorted(summary.select(path, placement), key=lambda row: -row.rate)
        if rows:
            own = summary.row(AUTHREF, path, placement)
            lines += [f"### {PATH_TITLES[path]}; {PLACEMENT_TITLES[placement]}", ""]
            heads = ["server", "requests/s", "authref is", "p99 ms", "CPU s / 1,000", "peak MB"]
            lines += [*_table(heads, [_http_row(row, own, http["memory"]) for row in rows]), ""]
    return lines


def _http_row(row: Row, own: Row | None, memory: dict[str, float]) -> list[str]:
    times = f"{own.rate / row.rate:.2f}×" if own and row.rate and not own.failed and not row.failed else "–"
    rate = f"{row.rate:,.0f} ({row.least:,.0f}–{row.most:,.0f})"
    if row.failed:
        rate += f" **failed: {row.failed:,} requests**"
    peak = memory.get(f"{row.server}, {row.placement}", 0.0)
    return [row.server, rate, times, f"{row.p99:.2f}", f"{row.cpu:.3f}", f"{peak:.0f}"]


def _mixed(mixed: dict[str, Any]) -> list[str]:
    if not mixed:
        return []
    row, flags = mixed["mixed"], mixed["flags"]
    reads = row["reads"]
    heads = ["", "requests", "failed", "p50 ms", "p99 ms", "longest ms"]
    rows = [
        ["all, logins too", f"{row['requests']:,} ({row['rate']:,.0f}/s)", str(row["failed"])]
        + [f"{row[name]:.1f}" for name in ("p50", "p99", "max")],
        ["one reader beside them", f"{reads['requests']:,}", str(reads["failed"])]
        + [f"{reads[name]:.1f}" for name in ("p50", "p99", "max")],
    ]
    title = f"### Mixed: 90 % GET /me, 9 % GET /token/me, 1 % POST /login at cost 10; {flags['mixed_seconds']} s"
    return [title, "", *_table(heads, rows), ""]


def _calls(inprocess: dict[str, Any]) -> list[str]:
    if not inprocess:
        return []
    calls = inprocess["calls"]
    lines = ["### In one process: microseconds a call, the median of the repeats (the best)", ""]
    operations = list(dict.fromkeys(row["operation"] for row in calls))
    rows = []
    for operation in operations:
        times = {row["library"]: row for row in calls if row["operation"] == operation}
        own = times["authref"]["median"]
        for library, row in sorted(times.items(), key=lambda item: item[1]["median"]):
            found = f"{row['median']:.2f} ({row['best']:.2f})"
            rows.append([operation, library, found, f"{row['median'] / own:.2f}×"])
    return [*lines, *_table(["call", "library", "µs", "authref is faster by"], rows), ""]


def _stores(inprocess: dict[str, Any]) -> list[str]:
    if not inprocess:
        return []
    stores = inprocess["stores"]
    heads = ["store", *(f"{size:,} session{'s' * (size > 1)}" for size in stores["sizes"])]
    rows = [[store, *(f"{us:.2f}" for us in times)] for store, times in stores["microseconds"].items()]
    lines = ["### From a request to its user: microseconds of `Sessions.authenticate`", "", *_table(heads, rows), ""]
    size = stores["sizes"][-1]
    lines.append(f"A session in memory takes, the mean of {size:,}:")
    return [*lines, *(f"- {count:.0f} bytes {kind}" for kind, count in stores["bytes"].items()), ""]


def _absent(found: dict[str, dict[str, Any]]) -> list[str]:
    absent: dict[str, str] = {}
    for result in found.values():
        absent |= result.get("absent", {})
    if not absent:
        return []
    return ["### Not measured", "", *(f"- {name}: {reason}" for name, reason in absent.items()), ""]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
