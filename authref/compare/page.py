"""How does the comparison look as a page? One file: no script, no font, no picture from anywhere else.

Rules of this file:
- it reads in light and in dark, at 400 pixels and at 1,280: panels stack, and what is too wide scrolls in its own box;
- a chart is drawn as SVG with a title and a description that say all its figures, for those who hear the page;
- colour adds nothing that is not also said in words: a bar is blue where its label says "session";
- text stands out from its ground by 4.5 to 1 at least;
- everything that is written into the page is escaped: what servers sent is in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import SupportsFloat

from authref.compare.figures import Block, Claim, Claims, Heading, Pair, Paragraph, Spread, Table
from authref.compare.text import NOT_HELD

TITLE = "Sessions and tokens, run and measured side by side"
WIDTH, ROW = 360, 44  # of a chart, in its own units: as wide as the narrowest screen, so that its text stays readable

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1c1c22; --faint: #595966; --line: #d5d5de; --box: #f4f4f8;
  --session: #1f5fbf; --token: #a8480a; --yes: #17682b; --no: #b3161b; }
@media (prefers-color-scheme: dark) { :root { --ground: #16161b; --text: #ececf1; --faint: #a9a9b6; --line: #3c3c48;
  --box: #202028; --session: #7fb2ff; --token: #f5a55f; --yes: #7fd694; --no: #ff9d98; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 74rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3, caption, figcaption { font-size: 1rem; font-weight: 600; text-align: left; }
h3 { margin: 1.5rem 0 .5rem; } caption, figcaption { padding-bottom: .3rem; }
p, ul { max-width: 46rem; } ul { padding: 0; list-style: none; } li { margin: .6rem 0; }
.pair { display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
pre { margin: 0; padding: .8rem; background: var(--box); border-top: 4px solid var(--session); white-space: pre-wrap;
  font-size: .8rem; line-height: 1.4; } pre + pre { border-color: var(--token); }
.scroll { overflow-x: auto; margin: 1.5rem 0; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  white-space: pre-line; overflow-wrap: normal; } thead th { color: var(--faint); }
.beside { display: flex; flex-wrap: wrap; column-gap: 2rem; } .beside .scroll { flex: 1 1 26rem; }
figure { flex: 1 1 20rem; margin: 1.5rem 0; max-width: 26rem; }
svg { display: block; width: 100%; height: auto; fill: var(--text); font: 11px system-ui, sans-serif; }
.session { fill: var(--session); } .token { fill: var(--token); }
.spread { stroke: var(--text); stroke-width: 2; } .rest { fill: var(--box); }
.held { color: var(--yes); } .not-held { color: var(--no); } .evidence { color: var(--faint); }
@media (max-width: 40rem) { table { font-size: .85rem; } th, td { padding-right: .6rem; } }
"""


def write(blocks: Sequence[Block]) -> str:
    """The blocks as a page."""
    body = "\n".join(part for number, block in enumerate(blocks) for part in _parts(block, f"chart-{number}"))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{TITLE}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{TITLE}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _parts(block: Block, name: str) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"<h2>{escape(text)}</h2>"
        case Paragraph(text):
            yield f"<p>{escape(text)}</p>"
        case Pair(left, right):
            panels = (escape("\n".join(panel)) for panel in (left, right))
            yield '<div class="pair">' + "".join(f"<pre>{panel}</pre>" for panel in panels) + "</div>"
        case Table():
            yield f'<div class="beside">{_table(block)}{_chart(block, name)}</div>' if block.charted else _table(block)
        case Claims(title, claims, text):
            yield f"<h3>{escape(title)}</h3>" + (f"<p>{escape(text)}</p>" if text else "")
            yield from ("<ul>", *map(_claim, claims.values()), "</ul>")


def _claim(claim: Claim) -> str:
    mark = '<b class="held">true:</b>' if claim.held else f'<b class="not-held">{NOT_HELD}</b>'
    return f'<li>{mark} {escape(claim.text)} <span class="evidence">[{escape(claim.evidence)}]</span></li>'


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.heads)
    rows = ""
    for row in table.rows:
        first, *rest = map(str, row)
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        rows += f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>\n'
    caption = f"<caption>{escape(table.caption)}</caption>"
    # It scrolls, so it must be reachable by keyboard, and then it needs a name.
    box = f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption)}">'
    return f"{box}<table>{caption}<thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table></div>"


def _chart(table: Table, name: str) -> str:
    """A bar for each figure, and under its end a thin line from the lowest that was seen to the highest."""
    bars = list(_bars(table))
    most = max(highest for _, _, _, highest in bars) or 1

    def length(value: float) -> float:
        share = math.log1p(value) / math.log1p(most) if table.logarithmic else value / most
        return round(share * WIDTH, 1)

    drawn = ""
    for index, (label, lowest, middle, highest) in enumerate(bars):
        top, kind = index * ROW, "session" if "session" in label else "token"
        drawn += (
            f'<text y="{top + 13}">{escape(label)}</text>'
            f'<rect class="rest" y="{top + 18}" width="{WIDTH}" height="12"/>'
            f'<rect class="{kind}" y="{top + 18}" width="{length(middle)}" height="12"/>'
            f'<path class="spread" d="M{length(lowest)} {top + 33}H{length(highest)}"/>\n'
        )
    caption = escape(", ".join(table.charted) + (" (logarithmic)" if table.logarithmic else ""))
    said = escape("; ".join(label for label, *_ in bars))
    return (
        f"<figure><figcaption>{caption}</figcaption>"
        f'<svg role="img" viewBox="0 0 {WIDTH} {len(bars) * ROW}" aria-labelledby="{name}-title {name}-said">'
        f'<title id="{name}-title">{escape(table.caption)}: {caption}</title><desc id="{name}-said">{said}</desc>\n'
        f"{drawn}</svg></figure>"
    )


def _bars(table: Table) -> Iterator[tuple[str, float, float, float]]:
    """Each charted figure: in words after what stands left of it, then its lowest, middle and highest."""
    columns = [table.heads.index(head) for head in table.charted]
    for row in table.rows:
        for column in columns:
            figure, heads = row[column], [table.heads[column]] if len(columns) > 1 else []
            label = f"{', '.join([*map(str, row[: columns[0]]), *heads])}: {figure}"
            if isinstance(figure, Spread):
                yield label, figure.lowest, figure.median, figure.highest
            elif isinstance(figure, SupportsFloat):  # what was counted has no spread
                yield label, *3 * (float(figure),)
