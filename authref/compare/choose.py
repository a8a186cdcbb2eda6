"""Sessions or tokens: which should I pick? Six questions, and a ladder: the first rung that holds decides.

    1  several servers, no common store, and minutes will do        tokens with refresh
    2  browsers only, on pages of our own origin, and one service   sessions
    3  browsers on pages of our own origin, and others besides      sessions for the web and tokens for the rest
    4  no cookie can serve, and a lock-out must act at once         tokens with a server-side list
    5  no cookie can serve, and minutes will do                     tokens with refresh

In a browser a cookie is the safest place for a login, for no script can read it. Tokens are for the others: clients
that are no browser, pages of other origins, services that must believe a login without asking.

Rules of this file:
- a reason names the row of `authref compare` that shows it and the file that does it, and so does a cost;
- of two wishes that exclude each other the safer one wins ("instant" before "no store"), and a remark says so;
- the same answers always give the same words: no clock, no chance, nothing looked up;
- questions go to standard error, so that standard output holds the recommendation and nothing else.

Left out: signing in at somebody else's (OpenID Connect), and other people's apps (OAuth).
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from authref.compare import show
from authref.terminal import Parser, fail, in_colour

SESSIONS = "sessions"
TOKENS = "tokens with refresh"
BOTH = "sessions for the web and tokens for the rest"
LISTED = "tokens with a server-side list"
WIDTH = 80  # columns
_GLUE = "\0"  # a blank at which no line ends


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to know, why it matters, and the choices; Enter takes the first."""

    name: str
    text: str
    why: str
    choices: dict[str, str]
    many: bool = False  # several choices may hold at once


QUESTIONS = (
    Question("clients", "Who calls the API?",
             "A browser carries a cookie by itself; others carry their proof themselves.",
             {"web": "pages in browsers", "mobile": "apps", "cli": "programs that people run",
              "service": "other machines"}, many=True),
    Question("domains", "Where do the pages come from that call it?",
             "Cookies serve pages of one origin (scheme, host, port); to pages of others the login has to cross.",
             {"one": "from the API's own origin", "several": "from other origins too"}),
    Question("revoke", "How soon must a lock-out act?",
             "What is signed stays true until it expires; to end it sooner, each request has to ask.",
             {"minutes": "within 15 minutes", "instant": "at the next request"}),
    Question("servers", "How many processes or machines answer for the API?",
             "What one of them keeps in its memory, the others have never heard of.",
             {"one": "one", "several": "several"}),
    Question("store", "Is there a store that all of them reach?",
             "To find a login, all of them must look in the same place.",
             {"shared": "yes, or there can be one", "none": "no"}),
    Question("services", "Must other services believe a login without asking?",
             "A signature can be checked anywhere; but with HS256 whoever can check one can also make one.",
             {"one": "no, they ask, or there are none", "several": "yes, and they are given the key"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """One answer to each question, the clients joined by commas; and what follows from them."""

    clients: str
    domains: str = "one"
    revoke: str
    servers: str
    store: str = "shared"
    services: str

    def calls(self, client: str) -> bool:
        """True if such clients call the API."""
        return client in self.clients.split(",")

    @property
    def own_pages(self) -> bool:
        """There are browsers, and only pages of the API's own origin in them call it."""
        return self.calls("web") and self.domains == "one"

    @property
    def others(self) -> bool:
        """Somebody is there whom no cookie serves: another client, or a service that asks nobody."""
        return self.clients != "web" or self.services == "several"

    @property
    def instant(self) -> bool:
        """A lock-out must act at the next request."""
        return self.revoke == "instant"

    @property
    def apart(self) -> bool:
        """There are several servers, and they stay without a place where all of them could look."""
        return self.servers == "several" and self.store == "none" and not self.instant


LADDER: tuple[tuple[str, Callable[[Answers], bool], str], ...] = (
    ("several servers, no common store, and minutes will do", lambda a: a.apart, TOKENS),
    ("browsers only, on pages of our own origin, and one service", lambda a: a.own_pages and not a.others, SESSIONS),
    ("browsers on pages of our own origin, and others besides", lambda a: a.own_pages, BOTH),
    ("no cookie can serve, and a lock-out must act at once", lambda a: a.instant, LISTED),
    ("no cookie can serve, and minutes will do", lambda a: True, TOKENS),
)


@dataclass(frozen=True, slots=True)
class Point:
    """A reason or a cost: the row of `authref compare` that shows it, the file that does it, and what it says."""

    row: str
    file: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What to pick, by which rung (from 1), why, at which price, what else to know, and what runs it here."""

    answers: Answers
    pick: str
    rung: int
    because: str
    reasons: tuple[Point, ...]
    costs: tuple[Point, ...]
    remarks: dict[str, str]
    command: tuple[str, ...]


def advise(a: Answers) -> Advice:
    """The recommendation for these answers."""
    rung, because, pick = next((n, text, pick) for n, (text, holds, pick) in enumerate(LADDER, 1) if holds(a))
    reasons, costs = (tuple(Point(*row) for row in table(a, pick)) for table in (_reasons, _costs))
    return Advice(a, pick, rung, because, reasons, costs, dict(_remarks(a, pick)), _command(a))


# fmt: off
def _reasons(a: Answers, pick: str) -> Iterator[tuple[str, str, str]]:
    if pick in (SESSIONS, BOTH):
        yield ("client holds", "cookies.py", "A script that slips into a page (XSS) cannot read an HttpOnly cookie: it "
               "can act while the page is open, but not carry the login away.")
        yield "revocation", "sessions.py", "A session ends the moment its record goes."
        yield "cross-domain", "guards.py", "Pages and API share one origin, so no cookie has to cross."
    if pick == SESSIONS:
        return
    if a.clients != "web":
        yield "transport", "tokens.py", "What is no browser sends its login on purpose: a token, in a header."
    if a.calls("web") and a.domains == "several":
        yield "cross-domain", "guards.py", "Pages of listed origins can send a token; our cookies do not cross."
    if a.services == "several":
        asks = "and asks only to hear of lock-outs" if a.instant else "and asks nobody"
        yield "scaling", "jwt.py", f"A service with the key believes a token by its signature, {asks}."
    if a.apart:
        yield "scaling", "tokens.py", "Servers need only the key to check a token; a session must be looked up."
    if a.instant:
        yield "revocation", "revocation.py", "A lock-out must act at once, so each request asks if the login lives."
    else:
        yield ("revocation", "revocation.py", "An access token ends within 15 minutes, and that will do, so no request "
               "has to ask a list.")
    yield ("client holds", "refresh.py", "A refresh token is good for one use, so a stolen one shows once thief and "
           "owner have both used it; that ends the login.")


def _costs(a: Answers, pick: str) -> Iterator[tuple[str, str, str]]:
    if pick in (SESSIONS, BOTH):
        yield "server storage", "sessions.py", "Each request with a cookie looks up the session and its user."
        yield "transport", "guards.py", "A browser sends the cookie unasked (CSRF): keep SameSite and the guard."
    if a.servers == "several" and not a.apart:
        yield ("scaling", "maps.py", "All servers need one store; while it is away, nothing can be looked up. "
               "(Processes of one machine can share a file: --store sqlite:authref.db --workers 2)")
    if pick != SESSIONS:
        yield from _costs_of_tokens(a)
        yield from _costs_of_carrying(a, pick)


def _costs_of_tokens(a: Answers) -> Iterator[tuple[str, str, str]]:
    if a.instant:
        yield ("revocation", "revocation.py", "With a look-up at each request a token is a session with another name. "
               "(--revocation denylist keeps a shorter list; but if that is lost, ended tokens work again. If the list "
               "of living logins is lost, none does.)")
    else:
        yield ("revocation", "tokens.py", "An access token that was stolen, or whose owner is locked out, opens doors "
               "until it ends, up to 15 minutes.")
    yield "identity", "roles.py", "What a token says grows old: ask the store what its owner may do now."
    yield "identity", "keys.py", "Whoever has the key can be anybody: guard it, and know how to change it."
    yield "server storage", "refresh.py", "A record of each login stays after all, and each refresh looks it up."


def _costs_of_carrying(a: Answers, pick: str) -> Iterator[tuple[str, str, str]]:
    """What each kind of client does with its login."""
    if pick == BOTH:
        yield ("revocation", "app/routes.py", "Two mechanisms are two doors: to end all logins is to end both kinds, "
               "and a bad token never falls back to the cookie beside it.")
    elif a.calls("web"):
        yield ("client holds", "tokens.py", "A script that slips into a page (XSS) can take the tokens. Keep them in "
               "memory, never in localStorage, and keep scripts out (Content-Security-Policy).")
    if a.calls("mobile"):
        yield ("client holds", "refresh.py", "An app keeps its refresh token in the system's secure storage (Keychain, "
               "Keystore).")
    if a.calls("cli"):
        yield ("client holds", "refresh.py", "A program keeps its refresh token in the system's keychain, or in a file "
               "of mode 0600.")


def _remarks(a: Answers, pick: str) -> Iterator[tuple[str, str]]:
    """What is special about this combination, each with a name."""
    yield from _remarks_on_servers(a)
    if pick == SESSIONS and a.instant:
        yield ("tokens beside the sessions", "A session needs no flag for that. But authref gives tokens too, if "
               "somebody asks, and --revocation allowlist makes a lock-out end those at once as well.")
    if a.services == "several":
        yield from _remarks_on_services(a, pick)
    yield from _remarks_on_clients(a, pick)
    if a.domains == "several" and not a.calls("web"):
        yield "origins without browsers", "Only browsers care about origins; --domains decides nothing here."
    if a.store == "none" and a.servers == "one":
        yield "a store for one", "A single server shares with nobody; --store decides nothing here."
    if a.servers == "several" or a.services == "several":
        yield "one ring of keys", "Make AUTHREF_KEYS once (python -m authref keys new), and give it to all."


def _remarks_on_servers(a: Answers) -> Iterator[tuple[str, str]]:
    if a.servers == "several" and a.store == "none" and a.instant:
        yield ("instant without a store", "These exclude each other: several servers must look in one place. The "
               "lock-out won, so get the store, or settle for --revoke minutes.")
    if a.apart:
        yield ("one server keeps the logins", "Accounts and refresh tokens need a place, so one server does all logins "
               "and refreshes; the others only check access tokens.")
    if a.apart and a.own_pages:
        yield ("a store is better", "If all servers reached the place of the accounts, your pages would have sessions, "
               "which no script can carry away. Prefer that.")


def _remarks_on_services(a: Answers, pick: str) -> Iterator[tuple[str, str]]:
    """What services that believe a login by themselves must know."""
    if a.instant:
        yield ("instant without asking", "These exclude each other: a service that asks nobody hears of a lock-out "
               "when the token expires. One that must know at once asks: GET /token/me, with the token. If all must, "
               "answer --services one.")
    yield ("a shared secret", "With HS256 each service that checks tokens can make them too, for anybody; and as "
           "all are one audience, each can use elsewhere a token it was shown. Give the key only to services that "
           "you trust like the login itself. Else sign with a public-key algorithm, one audience a service, which "
           "authref leaves out; or let them ask: GET /token/me.")
    if pick == BOTH:
        yield ("services behind the pages", "The browser keeps its cookie only; the server of the pages holds tokens "
               "for it and sends them on to the services (a backend for frontend). authref leaves that server out.")


def _remarks_on_clients(a: Answers, pick: str) -> Iterator[tuple[str, str]]:
    if a.calls("web") and a.domains == "several":
        yield ("whose pages", "Pages of your own do better on one origin with the API, behind a proxy or a backend for "
               "frontend, as OAuth 2.0 for Browser-Based Applications advises: then answer --domains one.")
    if pick != SESSIONS:
        yield ("clients of your own", "POST /token/login takes the password itself. Other people's apps and pages must "
               "never see it: they need OAuth, the authorization code with PKCE (RFC 9700), which authref leaves out.")
    if a.calls("service"):
        yield ("a service without a user", "A service that acts for no user has an account of its own, with few rights "
               "and a random password in a secret store, and logs in again instead of refreshing. The standard for "
               "that: client credentials (RFC 6749 section 4.4).")
# fmt: on


def _command(a: Answers) -> tuple[str, ...]:
    """What runs the recommendation here, a flag a line; the addresses are examples."""
    shared = a.servers == "several" and not a.apart
    flags = ["python -m authref", "--public-url https://api.example"]
    flags.append("--store redis://HOST:6379/0" if shared else "--store sqlite:authref.db")
    if a.calls("web") and a.domains == "several":
        flags.append("--allow-origin https://pages.example")
    return (*flags, "--revocation allowlist") if a.instant else tuple(flags)


def main(arguments: Sequence[str]) -> int:
    """Recommend one of the four; ends the program, in a sentence, when an answer is wrong or missing."""
    given = vars(_parser().parse_args(arguments))
    as_json = given.pop("json")
    advice = advise(collect(given))
    show(json.dumps(asdict(advice), indent=2) if as_json else _highlight(as_text(advice)))
    return 0


def collect(given: dict[str, list[str] | None]) -> Answers:
    """The answers of the flags. What they leave open is asked for, if there is a terminal to ask on."""
    said = {question.name: _of_flag(question, texts) for question in QUESTIONS if (texts := given[question.name])}
    missing = [f"--{question.name}" for question in QUESTIONS if _is_open(question.name, said)]
    if missing and not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        fail(f"There is no terminal to ask on; add {', '.join(missing)} (authref choose --help lists the answers).")
    for question in QUESTIONS:
        if _is_open(question.name, said):
            said[question.name] = _ask(question)
    return Answers(**said)


def _is_open(name: str, said: dict[str, str]) -> bool:
    """True for a question without an answer that can still make a difference."""
    pages = "web" in said.get("clients", "web").split(",")
    pointless = name == "domains" and not pages or name == "store" and said.get("servers") != "several"
    return name not in said and not pointless


def read(question: Question, text: str) -> str:
    """The choices that the text names, in their own order. Raises ValueError, in a sentence."""
    words = {word for word in re.split(r"[,\s]+", text.lower()) if word}
    if not words or not words <= set(question.choices) or len(words) > 1 and not question.many:
        raise ValueError(f"The answer is {'any' if question.many else 'one'} of: {', '.join(question.choices)}.")
    return ",".join(name for name in question.choices if name in words)


def _of_flag(question: Question, texts: list[str]) -> str:
    try:
        return read(question, ",".join(texts))  # given twice with two answers: no answer, where one is wanted
    except ValueError as error:
        fail(f"--{question.name}: {error}")


def _ask(question: Question) -> str:
    names = dict(enumerate(question.choices, 1))
    lines = [f"  {number}  {name:8} {question.choices[name]}" for number, name in names.items()]
    print("", _wrap(f"{question.text} {question.why}"), *lines, sep="\n", file=sys.stderr)
    while True:
        hint = "Numbers or names, with commas" if question.many else "Number or name"
        print(f"{hint} [1]: ", end="", file=sys.stderr, flush=True)
        try:
            text = input().strip() or "1"
            return read(question, re.sub(r"[0-9]+", lambda found: names.get(int(found[0]), "?"), text))
        except (EOFError, KeyboardInterrupt):
            print(file=sys.stderr)
            fail("Stopped without a recommendation; begin again at any time.")
        except ValueError as error:  # or bytes that are no text
            print(error, file=sys.stderr)


def as_text(advice: Advice) -> str:
    """The recommendation for people, in lines of at most WIDTH columns."""
    said = " ".join(f"--{name}{_GLUE}{value}" for name, value in asdict(advice.answers).items())
    lines = [
        f"Pick: {advice.pick}",
        _wrap(f"because: {advice.because}", "  ", "    "),
        _wrap(f"answers: {said}", "  ", "    "),
        *_section("Why [row of authref compare; file that does it]", map(_sentence, advice.reasons)),
        *_section("What it costs, and what you must do", map(_sentence, advice.costs)),
        *_section("Remarks", (f"{name}: {sentence}" for name, sentence in advice.remarks.items())),
        *("", "Run it here (authref serves both mechanisms; copy only what you picked)"),
        _wrap(" ".join(flag.replace(" ", _GLUE) for flag in advice.command), "  ", "    ").replace("\n", " \\\n"),
    ]
    return "\n".join(lines).replace(_GLUE, " ")


def _sentence(point: Point) -> str:
    return point.sentence + " " + f"[{point.row}; {point.file}]".replace(" ", _GLUE)


def _section(title: str, sentences: Iterable[str]) -> list[str]:
    lines = [_wrap("- " + sentence, "  ", "    ") for sentence in sentences]
    return ["", title, *lines] if lines else []


def _wrap(text: str, first: str = "", then: str = "") -> str:
    # Two columns less: room for the backslash that a command needs.
    return textwrap.fill(text, WIDTH - 2, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)


def _highlight(text: str) -> str:
    """The text with its headings in bold, where there are colours."""
    return re.sub(r"(?m)^\S.*$", "\033[1m\\g<0>\033[0m", text) if in_colour() else text


def _parser() -> Parser:
    about = "Sessions or tokens? A recommendation, with its reasons. What no flag answers is asked on the terminal."
    parser = Parser("authref choose", description=about, allow_abbrev=False)
    for question in QUESTIONS:
        choices = ("," if question.many else "|").join(question.choices)
        parser.add_argument(f"--{question.name}", metavar=choices, action="append", help=question.text)
    parser.add_argument("--json", action="store_true", help="print the recommendation as JSON")
    return parser
