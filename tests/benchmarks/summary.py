"""What do several runs say together? Their median; and one failed request makes all of them fail."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """All runs of one server on one path in one placement: medians, except for `least`, `most` and `failed`."""

    server: str
    path: str
    placement: str
    rate: float
    least: float
    most: float
    p99: float
    cpu: float
    failed: int  # requests, in all runs


@dataclass(frozen=True)
class Summary:
    """All rows."""

    rows: tuple[Row, ...]

    def select(self, path: str, placement: str) -> list[Row]:
        """Everybody on this path in this placement."""
        return [row for row in self.rows if (row.path, row.placement) == (path, placement)]

    def row(self, server: str, path: str, placement: str) -> Row | None:
        """One server's."""
        return next((row for row in self.select(path, placement) if row.server == server), None)


def summarise(http: dict[str, Any]) -> Summary:
    """The rows of the runs of over_http.py."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for run in http.get("runs", []):
        groups.setdefault((run["server"], run["path"], run["placement"]), []).append(run)
    return Summary(tuple(_row(name, runs) for name, runs in groups.items()))


def _row(name: tuple[str, str, str], runs: list[dict[str, Any]]) -> Row:
    rates = [run["rate"] for run in runs]
    p99, cpu = (median(run[field] for run in runs) for field in ("p99", "cpu"))
    return Row(*name, median(rates), min(rates), max(rates), p99, cpu, sum(run["failed"] for run in runs))
