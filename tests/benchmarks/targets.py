"""What was promised before it was measured, and was it kept? Each line says met or not met; none is left out.

A target whose other side could not be measured, or failed, is "not measured": nobody wins against somebody who fell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.benchmarks import libraries
from tests.benchmarks.field import (
    AIOHTTP,
    AUTHREF,
    BARE,
    EXPRESS_REDIS,
    FASTAPI,
    FLASK,
    FLASK_REDIS,
    NODE,
    REDIS,
    SQLITE,
    STARLETTE_REDIS,
    WORKERS,
)
from tests.benchmarks.summary import Row, Summary

AHEAD = ((FASTAPI, 4.0), (FLASK, 10.0), (BARE, 1.0), (NODE, 1.0))  # how many times their rate ours is to be
PATHS, PLACEMENTS = ("/me", "/token/me"), ("free", "pinned")
SQLITE_SHARE = 0.3
REDIS_FACTOR = 3.0  # times the rate of each peer whose sessions lie in the same Redis
VERIFIER_SPEED = 3.0  # times PyJWT's
FLAT = 2.0  # a look-up among the most sessions takes at most so many times one among a single session
MAX_BYTES = 500
MET, NOT_MET, NOT_MEASURED, NO_TARGET = "met", "**not met**", "not measured", ""

Line = tuple[str, str, str]  # what was aimed at, what was measured, the verdict


def judge(summary: Summary, inprocess: dict[str, Any], mixed: dict[str, Any]) -> list[Line]:
    """All lines, in the order of the promises."""
    return [*_http(summary), *_own_stores(summary), *_calls(inprocess), *_scale(inprocess), *_mixed(mixed)]


def _http(summary: Summary) -> Iterator[Line]:
    for path in PATHS:
        for placement in PLACEMENTS:
            own = summary.row(AUTHREF, path, placement)
            for name, factor in AHEAD:
                aim = f"at least {factor:g}× the rate of {name}" if factor > 1 else f"ahead of {name}"
                times = _ratio(own, summary.row(name, path, placement))
                yield _line(f"GET {path}, {placement}: {aim}", times, lambda x, f=factor: x >= f if f > 1 else x > 1)
            peer = summary.row(AIOHTTP, path, placement)
            aim = f"GET {path}, {placement}: p99 no worse than {AIOHTTP}'s"
            if own is None or peer is None or own.failed or peer.failed:
                yield aim, "–", NOT_MEASURED
            else:
                yield aim, f"{own.p99:.2f} ms, {peer.p99:.2f} ms", _verdict(own.p99 <= peer.p99)


def _own_stores(summary: Summary) -> Iterator[Line]:
    for placement in PLACEMENTS:
        share = _ratio(summary.row(SQLITE, "/me", placement), summary.row(AUTHREF, "/me", placement))
        aim = f"GET /me, {placement}: SQLite at least {SQLITE_SHARE:g} of the memory store's rate"
        yield _line(aim, share, lambda x: x >= SQLITE_SHARE)
        for name in (STARLETTE_REDIS, EXPRESS_REDIS, FLASK_REDIS):
            times = _ratio(summary.row(REDIS, "/me", placement), summary.row(name, "/me", placement))
            aim = f"GET /me, {placement}, on the same Redis: at least {REDIS_FACTOR:g}× the rate of {name}"
            yield _line(aim, times, lambda x: x >= REDIS_FACTOR)
    for path in PATHS:
        times = _ratio(summary.row(WORKERS, path, "free"), summary.row(SQLITE, path, "free"))
        yield _line(f"GET {path}: 2 workers against 1, both SQLite, wrk on the same CPUs", times, None)


def _calls(inprocess: dict[str, Any]) -> Iterator[Line]:
    times: dict[str, dict[str, float]] = {}
    for row in inprocess.get("calls", []):
        times.setdefault(row["operation"], {})[row["library"]] = row["median"]
    for operation in (libraries.VERIFY, libraries.CREATE):
        found = times.get(operation, {})
        for library, target in (("PyJWT", VERIFIER_SPEED), ("oxyjwt (Rust)", None)):
            ratio = found[library] / found["authref"] if library in found else None
            aim = f"at least {target:g}× as fast as {library}" if target else f"how many times as fast as {library}"
            yield _line(f"{operation}: {aim}", ratio, (lambda x, t=target: x >= t) if target else None)
    for operation in (libraries.PARSE_ONE, libraries.PARSE_MANY):
        others = {name: us for name, us in times.get(operation, {}).items() if name != "authref"}
        aim = f"{operation}: the fastest of all"
        if not others:
            yield aim, "–", NOT_MEASURED
        else:
            best, own = min(others, key=lambda name: others[name]), times[operation]["authref"]
            yield aim, f"{own:.2f} µs, {best} {others[best]:.2f} µs", _verdict(own < others[best])


def _scale(inprocess: dict[str, Any]) -> Iterator[Line]:
    stores = inprocess.get("stores", {"microseconds": {}, "bytes": {}, "sizes": [1, 1_000_000]})
    for store in ("memory", "SQLite", "Redis"):
        found = stores["microseconds"].get(store)
        aim = f"look-up in {store}: flat from 1 to {stores['sizes'][-1]:,} sessions (at most {FLAT:g}× as long)"
        yield _line(aim, found[-1] / found[0] if found else None, lambda x: x <= FLAT)
    for kind, count in stores["bytes"].items():
        yield f"a session in memory, {kind}: at most {MAX_BYTES} bytes", f"{count:.0f}", _verdict(count <= MAX_BYTES)
    if not stores["bytes"]:
        yield f"a session in memory: at most {MAX_BYTES} bytes", "–", NOT_MEASURED


def _mixed(mixed: dict[str, Any]) -> Iterator[Line]:
    if not mixed:
        yield "mixed load: no error", "–", NOT_MEASURED
        return
    row = mixed["mixed"]
    failed = row["failed"] + row["reads"]["failed"]
    yield "mixed load: no error", f"{failed} of {row['requests']:,}", _verdict(failed == 0)
    yield "mixed load: p99 of all, and of a reader", f"{row['p99']:.1f} ms, {row['reads']['p99']:.1f} ms", NO_TARGET


def _ratio(one: Row | None, other: Row | None) -> float | None:
    """How many times the other's rate; None if one is missing or failed."""
    if one is None or other is None or one.failed or other.failed or not other.rate:
        return None
    return one.rate / other.rate


def _line(aim: str, ratio: float | None, holds: Any) -> Line:
    if ratio is None:
        return aim, "–", NOT_MEASURED
    return aim, f"{ratio:.2f}×", NO_TARGET if holds is None else _verdict(holds(ratio))


def _verdict(holds: bool) -> str:
    return MET if holds else NOT_MET
