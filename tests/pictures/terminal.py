"""What a command prints, as a picture: `authref choose` for a web app and a mobile app, down to its reasons."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from xml.sax.saxutils import escape

from authref.compare.choose import main as choose

HERE = Path(__file__).parent
ANSWERS = "--clients web,mobile --domains one --revoke minutes --servers one --store shared --services one"
ROW, SIGN, EDGE = 17, 7.3, 14  # pixels: a line, a character, around the text
STYLE = """
text { font: 12px ui-monospace, monospace; fill: #1d1d1f; white-space: pre } rect { fill: #f4f2ec }
.first { font-weight: 600 } .where { fill: #5b5b63 }
@media (prefers-color-scheme: dark) { text { fill: #ececf0 } rect { fill: #1f2125 } .where { fill: #aeb0b8 } }
"""


def draw() -> None:
    """Write choose.svg beside this file."""
    HERE.joinpath("choose.svg").write_text(picture(), "utf-8")


def picture() -> str:
    """The pick and its reasons."""
    with redirect_stdout(io.StringIO()) as printed:
        choose(ANSWERS.split())
    lines = [f"$ authref choose {ANSWERS}"[:80] + "…", *printed.getvalue().partition("\nWhat it costs")[0].splitlines()]
    width, height = round(82 * SIGN) + 2 * EDGE, len(lines) * ROW + 2 * EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<style>{STYLE}</style><rect width="{width}" height="{height}" rx="8"/>'
        f"{''.join(_line(number, line) for number, line in enumerate(lines, 1))}</svg>\n"
    )


def _line(number: int, line: str) -> str:
    kind = "first" if line.startswith("Pick") else "where" if line.strip().startswith(("[", "$")) else ""
    return f'<text x="{EDGE}" y="{EDGE + number * ROW - 4}" class="{kind}" xml:space="preserve">{escape(line)}</text>'
