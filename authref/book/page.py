"""How does the source look as a book? One page: no script, no font and no picture from anywhere else.

Markdown and colours are made by packages of the field (`authref[book]`). Sources are text that somebody wrote for
readers of code, so all of it is escaped, and only what this file adds is markup.
"""

from __future__ import annotations

import ast
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from html import escape, unescape
from pathlib import Path
from textwrap import indent

from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from authref.attacks.table import ATTACKS
from authref.book.asked import ASKED
from authref.book.chapters import OPENING, PACKAGE, Chapter, Piece, chapters, texts
from authref.book.paths import LONG, SHORT, Way
from authref.book.runs import played
from authref.book.shown import Shown
from authref.book.words import first_uses
from authref.exercises.lessons import EXERCISES
from authref.xray.explain import EXPLAINED

PAGES = Path(__file__).parent / "pages"
ORDER = (
    "paths", "questions", "words", "when-access-ends", "compare", "attack", "teach", "jwt", "api", "limits",
    "keep-and-spread", "operate", "how-fast", "change",
)  # fmt: skip

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_COLOURS = HtmlFormatter(nowrap=True)
_RFC = re.compile(r"RFC (\d{3,5})(?!\d|bis)(?: §(\d+(?:\.\d+)*))?(?![^<]*>)")
_FILE = re.compile(
    r"(?<![\w./-])(?:<code>)?(?:authref/)?(?P<file>(?:\w+/)?\w+\.py)(?![\w/])(?:</code>)?"
    r"(?:: <code>(?P<name>[\w.]+)</code>)?(?![^<]*</(?:a|pre|code></pre)>)"
)
_PLAY = re.compile(r'<pre><code class="language-play">(.*?)</code></pre>', re.DOTALL)
_NAME = re.compile(  # and not where something else gets that name: an argument, a variable
    r'(?:(?P<before><span class="(?:n|bp)">(?P<of>\w+)</span>)?(?P<dot><span class="o">\.</span>))?'
    r'(?P<whole><span class="nn?">(?P<name>[\w.]+)</span>)(?!\s*<span class="[op]">[=:]</span>)'
)

STYLE = """
:root { color-scheme: light dark; --ground: #fdfcf9; --text: #1d1d1f; --faint: #5b5b63; --line: #dad7cf; --box: #f4f2ec;
  --link: #0b57a4; --word: #7a2a8c; --value: #1b6b2f; --note: #5d5d52; }
@media (prefers-color-scheme: dark) { :root { --ground: #16171a; --text: #ececf0; --faint: #aeb0b8; --line: #3a3d44;
  --box: #1f2125; --link: #7db8f5; --word: #cfa7f5; --value: #86d897; --note: #b5b5a4; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--ground); color: var(--text);
  font: 1rem/1.55 Georgia, serif; overflow-wrap: anywhere; }
a { color: var(--link); } h1, h2, h3, nav, .try { font-family: system-ui, sans-serif; }
h1 { font-size: 1.7rem; } h2 { margin: 4rem 0 .2rem; font-size: 1.35rem; line-height: 1.25; } h3 { font-size: 1rem; }
.file { margin: 0; color: var(--faint); } nav ol { columns: 2 20rem; column-gap: 3rem; padding-left: 1.6rem; }
.opening > :not(pre) { max-width: 46rem; }
  .where { display: block; font-size: .88rem; } nav li { break-inside: avoid; }
.piece { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 0 1.5rem; margin: 1rem 0; }
.piece > .prose > :first-child { margin-top: 0; } .alone { grid-template-columns: minmax(0, 1fr); }
.piece > pre { align-self: start; } code, pre { font: .82rem/1.5 ui-monospace, monospace; }
  pre { margin: 0; padding: .6rem .8rem; background: var(--box);
  border-left: 3px solid var(--line); white-space: pre-wrap; } pre a { color: inherit; }
.c1, .sd { color: var(--note); font-style: italic; } .k, .kn, .kc, .ow { color: var(--word); }
.s1, .s2, .sa, .si, .mi, .mf, .mh { color: var(--value); }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); } .scroll { overflow-x: auto; } img { max-width: 100%; }
.try { margin-top: 1.5rem; padding: .2rem 1rem; border: 1px solid var(--line); border-radius: 8px; font-size: .92rem; }
.words { font: .85rem/1.45 system-ui, sans-serif; color: var(--faint); border-left: 3px solid var(--line);
  padding-left: .7rem; } .words p { margin: .2rem 0; } .path { font: .85rem system-ui, sans-serif; }
[id^="page-"] > p, [id^="page-"] > ul, [id^="page-"] > ol { max-width: 46rem; }
.run { margin: .2rem 0; font: .9rem system-ui, sans-serif; } p.run { padding-left: 1rem; } summary { cursor: pointer; }
@media (max-width: 760px) { .piece { grid-template-columns: minmax(0, 1fr); } .prose { margin-bottom: .4rem; } }
@media print { :root { color-scheme: light; --ground: #fff; --text: #000; --faint: #444; --line: #bbb; --box: #f6f6f4;
  --word: #7a2a8c; --value: #1b6b2f; --note: #555; } body { max-width: none; font-size: 10pt; }
  main h2 { break-before: page; } pre { break-inside: avoid-page; } .prose { break-after: avoid; }
  a { color: inherit; text-decoration: none; } details::details-content { content-visibility: visible; } }
"""


def book() -> str:
    """The whole book as one HTML page."""
    read, shown = chapters(), Shown()
    titles = {name: _title(name) for name in ORDER}
    contents = "".join(
        f'<li><a href="#{_anchor(each.file)}">{escape(each.title)}</a> {_where(each)}</li>' for each in read
    )
    beside = "".join(f'<li><a href="#page-{name}">{escape(title)}</a></li>' for name, title in titles.items())
    notes = _notes()
    body = [_chapter(each, shown, notes) for each in read] + [_page(name) for name in ORDER]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>authref, the book</title><link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
        "<h1>authref: how a server knows who is calling</h1>"
        "<p>The source is the book. Each chapter is a file as it stands: what it says, and its code beside it.</p>"
        f"<nav><h2>Paths</h2>{_way(SHORT)}{_way(LONG)}"
        f"<h2>Everything: the chapters</h2><ol>{contents}</ol><h2>Pages</h2><ol>{beside}</ol></nav>"
        f"<main>{''.join(body)}</main></body></html>\n"
    )


def _way(way: Way) -> str:
    """The path for the contents page: its questions, and under each the places that answer it."""
    steps = (
        f'<li>{escape(step.question)} <span class="where"><code>{step.file}</code>: '
        + ", ".join(f'<a href="#{_place(step.file, name)}">{name}</a>' for name in step.names)
        + "</span></li>"
        for step in way.steps
    )
    title = f"{escape(way.title)} · {way.minutes} min of reading, {len(way.places)} places"
    return f"<details{' open' * (way is SHORT)}><summary>{title}</summary><ol>{''.join(steps)}</ol></details>"


def _notes() -> dict[str, str]:
    """What the book adds at a place: the words that a reader meets there first, and where the short path goes on."""
    found_at = {_place(*each): text for each, text in texts().items()}
    path = [_place(*each) for each in SHORT.places]
    order = dict.fromkeys([*path, *found_at])  # whoever reads all of it has read the short path first
    notes = dict.fromkeys(found_at, "")
    for place, found in first_uses((place, found_at[place]) for place in order).items():
        lines = "".join(f"<p><b>{escape(each.word)}</b> {escape(each.sentence)}</p>" for each in found)
        notes[place] += f'<div class="words">{lines}</div>'
    for number, place in enumerate(path, 1):
        notes[place] += f'<p class="path">30 minutes, {number} of {len(path)}. {_next(path[number:])}</p>'
    return notes


def _next(rest: list[str]) -> str:
    if not rest:
        return 'Now <a href="#page-paths">ten questions</a>.'
    file, _, name = rest[0].partition(".")
    goes_on = name or f"the opening of {file.replace('-', '/')}.py"
    return f'Next: <a href="#{rest[0]}">{escape(goes_on)}</a>.'


def _place(file: str, name: str) -> str:
    """The id of a place."""
    return _anchor(file) if name == OPENING else f"{_anchor(file)}.{name}"


def _chapter(chapter: Chapter, shown: Shown, notes: dict[str, str]) -> str:
    anchor = _anchor(chapter.file)
    names = _known(chapter)
    rows = "".join(_piece(each, f"{anchor}.{each.name}", names, notes) for each in chapter.pieces)
    opening = chapter.opening.partition(chapter.title)[2].lstrip(".")
    return (
        f'<section id="{anchor}"><h2>{escape(chapter.title)}</h2><p class="file">{_where(chapter)}</p>'
        f'<div class="opening">{_prose(opening)}{notes[anchor]}</div>{rows}{"".join(_try(chapter, shown))}</section>\n'
    )


def _where(chapter: Chapter) -> str:
    minutes = f" · {chapter.minutes}" if chapter.minutes else ""
    return f"<code>{chapter.file}</code>{minutes}"


def _piece(piece: Piece, place: str, names: dict[str, str], notes: dict[str, str]) -> str:
    inside = piece.name.rpartition(".")[0]
    code = _NAME.sub(partial(_linked, names, inside), highlight(piece.code, PythonLexer(), _COLOURS))
    note = notes.get(place, "")
    prose = f'<div class="prose">{_prose(piece.prose)}{note}</div>' if piece.prose or note else ""
    found = f' id="{place}"' if piece.name else ""
    return f'<div class="piece{"" if prose else " alone"}"{found}>{prose}<pre>{_with_rfcs(code)}</pre></div>'


def _linked(names: dict[str, str], inside: str, found: re.Match[str]) -> str:
    """The name as a link, if it is known; after a dot only as a part of what stands before it."""
    whole, of, name = found["whole"], found["of"], found["name"]
    if not found["dot"]:
        return _link(names.get(name), whole)
    part = names.get(f"{inside if of == 'self' else of}.{name}")
    return _link(names.get(of or ""), found["before"] or "") + found["dot"] + _link(part, whole)


def _link(place: str | None, html: str) -> str:
    return f'<a href="#{place}">{html}</a>' if place else html


def _known(chapter: Chapter) -> dict[str, str]:
    """The names that a chapter uses and some chapter defines, with their places; `guards.is_ours` as a whole."""
    defined = {each.file: [piece.name for piece in each.pieces if piece.name] for each in chapters()}
    names = {name: _place(chapter.file, name) for name in defined[chapter.file]}
    for node in ast.walk(ast.parse((PACKAGE / chapter.file).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("authref"):
            for each in node.names:
                names |= _imported(node.module or "", each.name, each.asname or each.name, defined)
    return names


def _imported(module: str, name: str, known_as: str, defined: dict[str, list[str]]) -> dict[str, str]:
    """What this import makes known: a file and all in it, or a name and its parts; a constant is its chapter."""
    if (file := _file(f"{module}.{name}")) in defined:
        return {known_as: _anchor(file)} | {f"{known_as}.{each}": _place(file, each) for each in defined[file]}
    if (file := _file(module)) not in defined:
        return {}
    parts = {f"{known_as}{each.removeprefix(name)}": _place(file, each)
             for each in defined[file] if each == name or each.startswith(f"{name}.")}  # fmt: skip
    return {module: _anchor(file), known_as: _anchor(file), **parts}


def _file(module: str) -> str:
    path = PACKAGE.parent.joinpath(*module.split("."))
    found = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return found.relative_to(PACKAGE).as_posix() if found.is_file() and found != PACKAGE / "__init__.py" else ""


def _prose(docstring: str) -> str:
    """The docstring as HTML; a worked example stands as it is."""
    examples = re.sub(r"(?m)^>>> .*(?:\n.+)*", lambda found: indent(found[0], "    "), docstring)
    return _with_files(_with_rfcs(_MARKDOWN.render(examples)))


def _with_files(html: str) -> str:
    """The same, with each file that is a chapter linked, and with each name that is said to stand in one."""
    files = {each.file: {piece.name for piece in each.pieces} for each in chapters()}

    def link(found: re.Match[str]) -> str:
        file, name = found["file"], found["name"] or ""
        if file not in files:
            return found[0]
        place = _place(file, name) if name in files[file] - {""} else _anchor(file)
        return f'<a href="#{place}">{found[0]}</a>'

    return _FILE.sub(link, html)


def _with_rfcs(html: str) -> str:
    """The same, with each mention of an RFC linked to its section."""

    def link(found: re.Match[str]) -> str:
        section = f"#section-{found[2]}" if found[2] else ""
        return f'<a href="https://www.rfc-editor.org/rfc/rfc{found[1]}{section}">{found[0]}</a>'

    return _RFC.sub(link, html)


def _try(chapter: Chapter, shown: Shown) -> Iterator[str]:
    """What there is to do at the end of a chapter, and what its reader should be able to answer."""
    module = f"authref.{chapter.file.removesuffix('.py').replace('/', '.').removesuffix('.__init__')}:"
    own = [(number, each) for number, each in enumerate(EXERCISES, 1) if each.target.startswith(module)]
    exercises = [f"{number} {each.title} ({each.kind})" for number, each in own]
    places = [(each, each.tiny if chapter.file == "tiny.py" else each.read) for each in ATTACKS]
    attacks = [f"{each.name}: {each.title}" for each, place in places if place.startswith(f"{chapter.file}:")]
    lines = [key for key, (_, _, file) in EXPLAINED.items() if file == chapter.file]
    exchange = shown.by(chapter.file)
    if not (exercises or attacks or lines or exchange or chapter.file in ASKED):
        return
    yield '<div class="try">'
    if exchange:
        yield f"<h3>At work, when this book was made</h3><pre>{_with_rfcs(escape(exchange))}</pre>"
    if chapter.file in ASKED:
        yield "<h3>Can you say now</h3>" + _list(ASKED[chapter.file])
    if exercises:
        yield "<h3>Write it: <code>authref exercises run NUMBER</code></h3>" + _list(exercises)
    if attacks:
        yield "<h3>Attack it: <code>authref attack NAME</code></h3>" + _list(attacks)
    if lines:
        yield "<h3>On the x-ray page, point to</h3>" + _list(lines)
    yield "</div>"


def _list(lines: tuple[str, ...] | list[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _title(name: str) -> str:
    return (PAGES / f"{name}.md").read_text("utf-8").partition("\n")[0].removeprefix("# ")


def _page(name: str) -> str:
    """A page that is no source; links between pages become links inside the book, pictures a part of it."""
    html = _MARKDOWN.render((PAGES / f"{name}.md").read_text("utf-8"))
    html = html.replace("<h2>", "<h3>").replace("</h2>", "</h3>").replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    html = re.sub(r'<img src="([^"]*)" alt="([^"]*)" ?/?>', _picture, html)
    html = re.sub(r'<a href="([\w-]+)\.md">', r'<a href="#page-\1">', html)
    html = re.sub(r'<a href="(?!#|https:)[^"]*">(.*?)</a>', r"\1", html)
    html = _PLAY.sub(lambda found: _run(unescape(found[1]).splitlines()), html)
    html = html.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    return f'<section id="page-{name}">{_with_files(_with_rfcs(html))}</section>\n'


def _run(lines: list[str]) -> str:
    """The lines under a question, each with what travelled when this book was made; refusals and the end unfolded."""
    shown = list(played(lines))
    return "".join(
        f'<details class="run"{" open" if number == len(shown) or " 40" in line else ""}>'
        f"<summary>{escape(line)}</summary><pre>{escape(text)}</pre></details>"
        if text
        else f'<p class="run">{escape(line)}</p>'
        for number, (line, text) in enumerate(shown, 1)
    )


def _picture(found: re.Match[str]) -> str:
    path = PAGES / found[1]
    if not path.is_file():  # an installed copy has no measurements
        return found[2]
    return f'<img src="data:image/svg+xml;base64,{b64encode(path.read_bytes()).decode()}" alt="{found[2]}">'


def _anchor(file: str) -> str:
    return file.removesuffix(".py").replace("/", "-").replace("-__init__", "")
