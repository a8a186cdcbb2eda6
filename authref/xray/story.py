"""What happens to a login, in twelve steps? The same story for the page and for the terminal.

A step says what it shows in two sentences, names the verbs to press, and what must be seen afterwards. `seen` is
(who, path, status) of the exchanges that the step makes, in their order; a test reads them from the page.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its title, two sentences, the verbs to press, and what is to be seen then."""

    title: str
    text: str
    press: tuple[str, ...]
    seen: tuple[tuple[str, str, int], ...]

    def as_json(self) -> dict[str, object]:
        """The step for the page."""
        return asdict(self)


STORY = (
    Step(
        "Sign up",
        "An account is a name that you chose and a secret that only you know. The server keeps a hash: it recognises"
        " the password and cannot reveal it.",
        ("signup",),
        (("you", "/signup", 201),),
    ),
    Step(
        "Log in by session",
        "The server writes a note about your login, a new row under sessions. Your browser gets the note's number in"
        " a cookie: 43 random characters that mean nothing.",
        ("session.login",),
        (("you", "/login", 200),),
    ),
    Step(
        "Ask who you are",
        "Your browser sends the number by itself. The server looks up what it means: one session, one user.",
        ("session.me",),
        (("you", "/me", 200),),
    ),
    Step(
        "Log in by token",
        "This login gives you a text that says who you are, signed by the server. Read it: the token itself is kept"
        " nowhere here. The new row, a family, is for the refresh token, which gives the next one.",
        ("token.login",),
        (("you", "/token/login", 200),),
    ),
    Step(
        "Ask who you are, by token",
        "The client sends the text, and the server checks its signature and its time. Nothing was looked up.",
        ("token.me",),
        (("you", "/token/me", 200),),
    ),
    Step(
        "A thief copies the cookie",
        "Whoever holds the number is you: the server cannot tell the copy from yours. So a cookie is guarded by flags"
        " that keep it from scripts and from other sites.",
        ("steal.cookie", "thief.cookie"),
        (("thief", "/me", 200),),
    ),
    Step(
        "You log out",
        "The note is torn up: the row under sessions is gone. From this moment the thief's number leads to"
        " nothing.",
        ("session.logout", "thief.cookie"),
        (("you", "/logout", 200), ("thief", "/me", 401)),
    ),
    Step(
        "A thief copies the token",
        "Whoever shows the text is you, here too. The server believes its own signature.",
        ("steal.token", "thief.token"),
        (("thief", "/token/me", 200),),
    ),
    Step(
        "You log out",
        "The family is gone, so nobody can renew this login. But the token still opens the door: nothing is looked"
        " up, so nothing can say no.",
        ("token.logout", "thief.token"),
        (("you", "/token/logout", 200), ("thief", "/token/me", 200)),
    ),
    Step(
        "Fifteen minutes later",
        "The token says itself until when it holds, and that time is over. So its short life is what limits the"
        " thief.",
        ("clock.900", "thief.token"),
        (("thief", "/token/me", 401),),
    ),
    Step(
        "Take the word back",
        "With a deny list the server notes each login that was ended, and asks that list at every request. The thief"
        " is out at once, and the price is a look-up: what a session costs.",
        ("mode.denylist", "token.login", "steal.token", "token.logout", "thief.token"),
        (("you", "/token/login", 200), ("you", "/token/logout", 200), ("thief", "/token/me", 401)),
    ),
    Step(
        "Two questions for you",
        "A web app of one domain, and a mobile app beside it: which of the two fits which? And why is it harder to"
        " revoke a token than a session?",
        (),
        (),
    ),
)

# What the story showed, for whoever has thought about the two questions.
ANSWERS = (
    "The web app: sessions. Its browser carries a cookie by itself, guarded by flags (steps 2 and 6), and ends at once"
    " (step 7). The mobile app: a token with a refresh token, which it sends itself (step 5). One server offers both.",
    "A session is a row here, and a row can be deleted (step 7). A token is with the client, and nothing here was"
    " asked (steps 5 and 9): it ends by its time (step 10), or by a list that is asked each time (step 11).",
)
