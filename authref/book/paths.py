"""What to read in thirty minutes, and what in two hours? Two lists of places; the third path is everything.

A place is the opening of a file, or what a name in it defines: a function, a class as a whole, `Class.method`. The
tests resolve every place and count its minutes: 200 words of prose or 15 lines of code each.
"""

from __future__ import annotations

from dataclasses import dataclass

from authref.book.chapters import OPENING, texts
from authref.book.words import first_uses


@dataclass(frozen=True)
class Step:
    """A question, and the places of one file that answer it, in this order."""

    question: str
    file: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """A way through the source: its title, how long it takes to read, its steps."""

    title: str
    minutes: int
    steps: tuple[Step, ...]

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Each place: the file, and the name in it."""
        return tuple((step.file, name) for step in self.steps for name in step.names)


def _step(question: str, file: str, *names: str) -> Step:
    return Step(question, file, (OPENING, *names))


SHORT = Way(
    "30 minutes: from the cookie to why a token goes on",
    25,
    (
        _step("What does a server see?", "wire.py"),
        _step("How is a password kept?", "passwords.py", "hash_password", "verify_password"),
        _step("Who are you, once?", "users.py", "Users.check_credentials", "Users.who_proved"),
        _step("What does a browser carry?", "cookies.py", "set_cookie", "parse"),
        _step("How does the server remember?", "sessions.py",
              "Sessions.log_in", "Sessions.authenticate", "Sessions.log_out"),
        _step("Whose page made this request?", "guards.py"),
        _step("What if the client remembers?", "jwt.py",
              "sign", "_signature", "_members", "_key_id", "_check_signature", "verify"),
        _step("The same three verbs, and nothing kept?", "tokens.py", "Tokens.authenticate", "Tokens._claims"),
        _step("How does a login last longer than its tokens?", "refresh.py"),
        Step("What does a login by token give, and what does a logout take back?", "tokens.py",
             ("Tokens.log_in", "Tokens._answer", "Tokens.log_out")),
        _step("You are you. May you do this?", "roles.py"),
        _step("Where is that asked?", "app/routes.py", "Routes.permitted"),
        _step("Why does a token go on, and what does it cost to end it?", "revocation.py"),
    ),
)  # fmt: skip

LONG = Way(
    "Two hours: the core, without stores and flags",
    105,
    (
        _step("What does a server see?", "wire.py", "Request", "Response", "read_json", "write_response"),
        _step("How is a password kept?", "passwords.py", "hash_password", "verify_password", "hash_of_nobody"),
        _step("What does a server need of a memory?", "maps.py", "Map", "MemoryMap"),
        _step("Who are you?", "users.py", "User", "Users"),
        _step("What does a browser carry?", "cookies.py", "parse", "set_cookie", "clear_cookie"),
        _step("How does the server remember?", "sessions.py", "Session", "Sessions"),
        _step("How can a note that the client carries be trusted?", "jwt.py",
              "InvalidToken", "sign", "unsign", "create", "verify", "encode", "decode"),
        _step("Which key signed this?", "keys.py", "fresh_keys", "read_keys", "check_keys"),
        _step("How does a login last longer than its tokens?", "refresh.py",
              "Family", "new_family", "family_of", "use"),
        _step("What does it cost to take a word back?", "revocation.py", "Revocation"),
        _step("What does a server do that remembers nothing?", "tokens.py", "Tokens"),
        _step("You are you. May you do this?", "roles.py", "permits"),
        _step("Who is left to give rights?", "admins.py", "Roster", "Admins.change", "Admins.delete"),
        _step("What stands before the door?", "guards.py",
              "security_headers", "is_ours", "is_cross_site", "preflight", "cors_headers"),
        _step("How many guesses has a stranger?", "throttle.py", "Throttle", "Turns"),
        _step("Is this browser a stranger?", "devices.py", "Devices"),
        _step("What may a log say?", "events.py", "Events"),
        _step("How is it put together?", "app/__init__.py", "build", "App"),
        _step("What does every handler need?", "app/routes.py", "Routes"),
        _step("One's own account, by either mechanism", "app/accounts.py", "AccountRoutes"),
    ),
)  # fmt: skip


def as_markdown(way: Way) -> str:
    """The path as a table, as the page of paths shows it, with the words that each step is the first to use."""
    rows, met = [], first_uses((step, _text(step)) for step in way.steps)
    for step in way.steps:
        names = ", ".join(name if name == OPENING else f"`{name}`" for name in step.names)
        new = " · ".join(each.word.split(", ")[0] for each in met.get(step, ()))
        rows.append(f"| {step.question} | `{step.file}`: {names} | {new} |")
    return "\n".join(["| question | where | new [words](words.md) |", "|---|---|---|", *rows])


def _text(step: Step) -> str:
    """All that stands at the places of a step; a class has its methods."""
    return "\n".join(
        text for name in step.names for (file, each), text in texts().items()
        if file == step.file and (each == name or each.startswith(f"{name}."))
    )  # fmt: skip
