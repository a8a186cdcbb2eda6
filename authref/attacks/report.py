"""What does somebody read who has never seen our code? A table, and what each attack that got through means.

Rules of this file:
- no line of the text is longer than 80 columns, whatever a server answered;
- JSON has stable names: programs read it;
- where to read is a place in the source, and what stands there is shown when one attack is played alone.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path

import authref
from authref import __version__
from authref.attacks.client import masked
from authref.attacks.play import Result
from authref.attacks.scene import NOT_PLAYED, PRICE, STOPPED, THROUGH, Attack
from authref.terminal import printable

WIDTH = 80
MOST = 1600  # characters shown of one request or answer
LINES = 28  # shown of one function
BOLD, RED, GREEN, FAINT, PLAIN = "\033[1m", "\033[1;31m", "\033[32m", "\033[2m", "\033[0m"
COLOURS = {THROUGH: RED, STOPPED: GREEN, PRICE: BOLD, NOT_PLAYED: FAINT}
COLUMN = 11  # as wide as the longest verdict, and a blank

Row = tuple[Result, ...]  # one attack on each server


def rows(results: Sequence[Sequence[Result]]) -> list[Row]:
    """The results by attack."""
    return list(zip(*results, strict=True))


def text(table: Sequence[Row], colour: bool) -> str:
    """The table, and a summary, for a terminal."""
    servers = [result.server for result in table[0]]
    lines = ["attack".ljust(34) + "".join(server.ljust(COLUMN) for server in servers).rstrip()]
    group = ""
    for row in table:
        if row[0].attack.group != group:
            group = row[0].attack.group
            lines += ["", _paint(group, BOLD, colour)]
        lines += _row(row, colour)
    return "\n".join([*lines, "", *_summary(table)])


def _row(row: Row, colour: bool) -> Iterator[str]:
    attack = row[0].attack
    verdicts = "".join(_paint(result.verdict.ljust(COLUMN), COLOURS[result.verdict], colour) for result in row)
    yield "  " + attack.name.ljust(32) + verdicts.rstrip()
    yield from _wrapped(attack.title + ".", 4)
    for result in row:
        about = f"{result.server}: {result.evidence}"
        yield from _wrapped(printable(about), 6)
    judged = row[-1]
    if judged.server == "authref" and judged.verdict == STOPPED:
        yield from _wrapped(f"what stops it: {place(attack.read)}", 6)
    elif judged.verdict == THROUGH:
        yield from _wrapped(f"an attacker with {attack.has} gains {attack.gains}", 6)
        yield from _wrapped(f"in authref this is decided in {place(attack.read)}", 6)


def _wrapped(words: str, indent: int) -> list[str]:
    return textwrap.wrap(words, WIDTH - indent, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))


def _paint(words: str, code: str, colour: bool) -> str:
    return f"{code}{words}{PLAIN}" if colour else words


def _summary(table: Sequence[Row]) -> Iterator[str]:
    yield from (*_counts(table), "", *_wrapped("One of them, slowly, with its bytes: authref attack NAME", 0))


def _counts(table: Sequence[Row]) -> Iterator[str]:
    for column in zip(*table, strict=True):
        counts = Counter(result.verdict for result in column)
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in (THROUGH, PRICE, STOPPED, NOT_PLAYED))
        yield f"{column[0].server}: {said} (of {len(column)})"


def place(read: str) -> str:
    """Where to read: "authref/sessions.py, Sessions.log_in"."""
    path, _, name = read.partition(":")
    return f"authref/{path}, {name}"


def verdicts_as_json(table: Sequence[Row]) -> str:
    """The table for programs: one object, whose `attacks` have a verdict for each server."""
    attacks = [
        {
            **facts(row[0].attack),
            "verdicts": {result.server: {"verdict": result.verdict, "evidence": result.evidence} for result in row},
        }
        for row in table
    ]
    return json.dumps({"version": 1, "attacks": attacks}, indent=2)


def facts(attack: Attack) -> dict[str, object]:
    """What is known of an attack before it is played."""
    names = ("name", "title", "group", "lesson", "has", "gains", "counts", "read", "wstg", "asvs", "slow", "exercise")
    return {**{name: getattr(attack, name) for name in names}, "cwe": f"CWE-{attack.cwe}"}


def one(result: Result, travelled: Sequence[tuple[str, bytes]], secrets: Sequence[str]) -> str:
    """One attack on one server: what travelled, and what came of it."""
    lines, brief = [f"--- {result.server} ---", ""], False
    for mark, data in travelled:
        shown = masked(data.decode("latin-1"), *secrets)
        if mark == "#":
            lines += [f"[{shown}]", ""]
            brief = shown != "the attack"
            continue
        if brief:  # its first lines say enough
            shown = shown.partition("\r\n")[0]
        cut = shown[:MOST] + (f"\n… and {len(shown) - MOST:,} more characters" if len(shown) > MOST else "")
        lines += [f"{mark} {printable(line)}" for line in cut.replace("\r\n", "\n").rstrip("\n").split("\n")]
        lines.append("")
    return "\n".join([*lines, f"{result.server}: {result.verdict}. {printable(result.evidence)}"])


def introduction(attack: Attack) -> str:
    """What the attack is, before it is played."""
    exercise = f"write it yourself: authref exercises, {attack.exercise}" if attack.exercise else ""
    lines = [
        f"{attack.name}: {attack.title}.",
        f"lesson {attack.lesson}; {attack.wstg}, ASVS {attack.asvs}, CWE-{attack.cwe}",
        f"the attacker has    {attack.has}",
        f"and gains           {attack.gains}",
        f"it got through if   {attack.counts}",
        f"an honest client    {(attack.twin.__doc__ or '').strip()}",
        exercise,
    ]
    return "\n".join(filter(None, lines))


def sources(attack: Attack) -> str:
    """The lines that make the difference, chapter one's first."""
    parts = []
    for read in filter(None, (attack.tiny, attack.read)):
        parts.append(f"{place(read)}\n\n{textwrap.indent(source(read), '    ')}")
    return "\n\n".join(parts)


def source(read: str) -> str:
    """What stands at this place. Raises LookupError if nothing does."""
    path, _, name = read.partition(":")
    whole, node = _parsed(Path(authref.__file__).parent / path)
    for part in name.split("."):
        node = next((each for each in ast.iter_child_nodes(node) if part in _names(each)), ast.Pass())
    if not isinstance(node, ast.stmt) or isinstance(node, ast.Pass):
        raise LookupError(f"{read} is not there")
    lines = textwrap.dedent("\n".join(whole[node.lineno - 1 : node.end_lineno])).splitlines()
    return "\n".join(lines[:LINES] + ["…"] * (len(lines) > LINES))


@cache
def _parsed(path: Path) -> tuple[list[str], ast.AST]:
    text = path.read_text("utf-8")
    return text.split("\n"), ast.parse(text)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [ast.unparse(node.target)]
    return [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []


# -- a page, and what code hosts read

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1c1c22; --faint: #595966; --line: #d5d5de;
  --yes: #17682b; --no: #b3161b; --price: #7a4a00; }
@media (prefers-color-scheme: dark) { :root { --ground: #16161b; --text: #ececf1; --faint: #a9a9b6; --line: #3c3c48;
  --yes: #7fd694; --no: #ff9d98; --price: #f5c26b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 74rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 3rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th, small { color: var(--faint); } small { display: block; font-weight: 400; }
.through { color: var(--no); } .stopped { color: var(--yes); } .price { color: var(--price); }
"""
TITLE = "Attacks: what got through, and what stopped it"


def page(table: Sequence[Row]) -> str:
    """The table as one file: no script, no font, no picture; everything that a server sent is escaped."""
    servers = "".join(f'<th scope="col">{escape(result.server)}</th>' for result in table[0])
    body = []
    for group in dict.fromkeys(row[0].attack.group for row in table):
        lines = "".join(_page_row(row) for row in table if row[0].attack.group == group)
        body.append(
            f'<h2>{escape(group)}</h2>\n<div class="scroll" tabindex="0" role="region" aria-label="{escape(group)}">'
            f'<table><thead><tr><th scope="col">attack</th>{servers}</tr></thead>\n<tbody>{lines}</tbody></table></div>'
        )
    summary = "".join(f"<p>{escape(line)}</p>" for line in _counts(table))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{TITLE}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{TITLE}</h1>\n{summary}\n{''.join(body)}\n</main>\n"
        "</body>\n</html>\n"
    )


def _page_row(row: Row) -> str:
    attack = row[0].attack
    numbers = f"{attack.wstg}, ASVS {attack.asvs}, CWE-{attack.cwe}; {place(attack.read)}"
    cells = "".join(
        f'<td><b class="{result.verdict.replace(" ", "-")}">{result.verdict}</b>'
        f"<small>{escape(printable(result.evidence))}</small></td>"
        for result in row
    )
    gains = f"An attacker with {attack.has} gains {attack.gains}." * any(each.verdict == THROUGH for each in row)
    about = "".join(f"<small>{escape(line)}</small>" for line in (f"{attack.title}.", gains, numbers) if line)
    head = escape(attack.name) + about
    return f'<tr><th scope="row">{head}</th>{cells}</tr>\n'


def sarif(table: Sequence[Row], file: str, lines: dict[str, int]) -> str:
    """What got through on the server judged, as SARIF 2.1.0; each result stands at a line of the file."""
    judged = [row[-1] for row in table]
    rules = [
        {
            "id": result.attack.name,
            "shortDescription": {"text": result.attack.title},
            "fullDescription": {"text": f"An attacker with {result.attack.has} gains {result.attack.gains}."},
            "properties": {"tags": ["security", f"external/cwe/cwe-{result.attack.cwe}", result.attack.wstg]},
        }
        for result in judged
    ]
    found = [
        {
            "ruleId": result.attack.name,
            "level": "error" if result.verdict == THROUGH else "note",
            "message": {"text": f"{result.attack.title}: {result.verdict}. {printable(result.evidence)}"},
            "locations": [_location(file, lines.get(result.attack.group, 1))],
            "partialFingerprints": {"attack/v1": result.attack.name},
        }
        for result in judged
        if result.verdict in (THROUGH, PRICE)
    ]
    driver = {"name": "authref attack", "version": __version__, "rules": rules}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    run = {"tool": {"driver": driver}, "results": found}
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _location(file: str, line: int) -> dict[str, object]:
    path = re.sub("[^A-Za-z0-9._/-]", "_", file)
    return {"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": line}}}
