"""What does it look like? Two bars for each server, the longest on top, on a ground of its own, light or dark."""

from __future__ import annotations

from html import escape

from tests.benchmarks.summary import Row, Summary

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 760, 190, 90, 70, 13, 14  # pixels
TITLE = "Who is calling? Answers per second, one worker each; pale: the peers"
PATHS = {"/me": "session", "/token/me": "token"}
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328 } .ground { fill: #ffffff; stroke: #d1d9e0 }
    .title { font-weight: 600; font-size: 15px } .number { font-size: 11px }
    .session { fill: #0969da } .token { fill: #bc4c00 } .peer { opacity: 0.55 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .ground { fill: #0d1117; stroke: #3d444d }
      .session { fill: #4493f8 } .token { fill: #db6d28 }
    }
"""


def draw(summary: Summary, placement: str = "free") -> str:
    """The SVG of everybody's requests per second."""
    rows = [row for row in summary.rows if row.placement == placement and not row.failed]
    by_session = sorted((row for row in rows if row.path == "/me"), key=lambda row: -row.rate)
    servers = list(dict.fromkeys(row.server for row in [*by_session, *rows]))
    most = max((row.rate for row in rows), default=1.0)
    height = TOP + len(servers) * (2 * BAR + GAP) + 10
    words = "; ".join(_sentence(server, rows) for server in servers)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title desc">',
        '  <title id="title">Requests per second of authref and other servers</title>',
        f'  <desc id="desc">{escape(words)}.</desc>',
        f"  <style>{STYLE}  </style>",
        f'  <rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>',
        f'  <text class="title" x="16" y="26">{TITLE}</text>',
        f'  <rect class="session" x="{LEFT}" y="40" width="12" height="12"/><text x="{LEFT + 18}" y="51">by session: '
        f'GET /me</text><rect class="token" x="{LEFT + 170}" y="40" width="12" height="12"/>'
        f'<text x="{LEFT + 188}" y="51">by token: GET /token/me</text>',
    ]
    for number, server in enumerate(servers):
        top = TOP + number * (2 * BAR + GAP)
        parts.append(f'  <text x="{LEFT - 8}" y="{top + BAR + 5}" text-anchor="end">{escape(server)}</text>')
        parts += [_bar(row, top, most) for row in rows if row.server == server]
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: Row, top: int, most: float) -> str:
    length = round((WIDTH - LEFT - RIGHT) * row.rate / most, 1)
    y = top + (0 if row.path == "/me" else BAR + 1)
    kind = PATHS[row.path] + ("" if row.server.startswith("authref") else " peer")
    return (
        f'  <rect class="{kind}" x="{LEFT}" y="{y}" width="{length}" height="{BAR}"/>'
        f'<text class="number" x="{LEFT + length + 6}" y="{y + BAR - 2}">{row.rate:,.0f}</text>'
    )


def _sentence(server: str, rows: list[Row]) -> str:
    rates = [f"{row.rate:,.0f} by {PATHS[row.path]}" for row in rows if row.server == server]
    return f"{server} {' and '.join(rates)}"
