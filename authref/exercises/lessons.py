"""The catalogue: what is asked, in the order of the course's lessons, and what is given instead, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from authref.exercises.exercise import Exercise
from authref.exercises.lessons_accounts import ACCOUNTS
from authref.exercises.lessons_rights import RIGHTS
from authref.exercises.lessons_sessions import SESSIONS
from authref.exercises.lessons_tiny import CHAPTER_ONE
from authref.exercises.lessons_tokens import TOKENS

# How bytes become a request belongs to lesson 2, and is hard to love before one knows what travels in them.
WIRE = ("request-header", "body-length")

EXERCISES: tuple[Exercise, ...] = (
    *CHAPTER_ONE,
    *(each for each in ACCOUNTS if each.id not in WIRE),
    *SESSIONS,
    *TOKENS,
    *(each for each in ACCOUNTS if each.id in WIRE),
    *RIGHTS,
)

# Three paths: each goes on where the one before it ends, and the last one is everything.
PATHS: dict[str, tuple[str, ...]] = {
    "30 minutes": ("tiny-session", "logout", "tiny-hs256", "jwt-alg", "tokens-log-out", "access-ends"),
    "two hours": (
        "tiny-cookie", "tiny-verify", "fast-hash", "login-message", "fixation", "cookie-flags", "me", "jwt-none",
        "jwt-times", "cookie-or-token", "refresh-rotation", "others-account",
    ),
    "everything": (),
}  # fmt: skip


def in_order(exercises: Sequence[Exercise]) -> list[int]:
    """Their numbers, in the order of the paths."""
    numbers = {exercise.id: number for number, exercise in enumerate(exercises, 1)}
    first = [numbers[each] for path in PATHS.values() for each in path if each in numbers]
    return [*first, *(number for number in numbers.values() if number not in first)]


def on_path(exercises: Sequence[Exercise], name: str) -> list[int]:
    """The numbers of all that belong to this path: what those before it have, too; of the last one, all of them."""
    names = list(PATHS)
    count = sum(len(PATHS[each]) for each in names[: names.index(name) + 1])
    return in_order(exercises) if name == names[-1] else in_order(exercises)[:count]


# Public functions and methods of the core that no exercise asks for: a whole file ("authref.cli"), a class
# ("authref.maps:MemoryMap") or one function, each with its reason.
GIVEN: dict[str, str] = {
    "authref.cli": "flags and sentences",
    "authref.configuration": "flags and variables",
    "authref.terminal": "sentences and colours",
    "authref.wsgi": "an entrance: the app for somebody else's server",
    "authref.app": "it puts the parts together, and a hole in it is a hole in everything",
    "authref.app.settings": "what can be chosen, checked once at the start",
    "authref.events": "about logs: half of all claims look at them, and none could say anything without",
    # -- accounts
    "authref.wire:Request": "the other readers of a request: `header` stands for them",
    "authref.wire:Response": "three ways to build one, which every exercise uses",
    "authref.wire:read_json": "half a dozen traps of the json module, better read than guessed; lesson 15 meets them",
    "authref.wire:write_json": "one line",
    "authref.wire:rfc3339": "one line of datetime",
    "authref.keys:fresh_keys": "one line of secrets",
    "authref.keys:write_keys": "one line",
    "authref.keys:read_keys": "splitting text; what may stand in the ring is asked in check_keys",
    "authref.keys:read_key_file": "about files that two processes make at once",
    "authref.passwords:hash_of_nobody": "one line of text",
    "authref.passwords:cost_of": "two digits of the hash",
    "authref.passwords:objection": "three comparisons, whose sentences the tests would have to know",
    "authref.users:User": "fields",
    "authref.admins": "changes of rights, one after the other: to be read slowly",
    "authref.users:Users": "writes whose order survives a crash: to be read slowly; two of its verbs are exercises",
    "authref.users:objections": "two questions, both answered by patterns that are given",
    "authref.throttle:Throttle": "`admit` is an exercise; the others say what is counted",
    "authref.throttle:Turns": "about threads",
    "authref.throttle:share_cores": "one number",
    "authref.devices": "a keyed hash again, as in lesson 16; what it is for is played in tests/test_throttle_table.py",
    "authref.app.accounts:AccountRoutes": "three are exercises; lessons 7, 10 and 12 ask for what the others call",
    "authref.app.routes:shown": "one line",
    "authref.app.routes:Routes": "`mechanism` and `permitted` are exercises; the others go along",
    # -- sessions
    "authref.cookies:values": "`parse` for one name, which is an exercise",
    "authref.cookies:clear_cookie": "one line over set_cookie",
    "authref.maps:Map": "a protocol",
    "authref.maps:Store": "it makes maps",
    "authref.maps:MemoryMap": "a dict and an index; a race can be seen best at `setdefault`",
    "authref.sessions:Sessions": "its three verbs matter, and all of them are exercises; the others look up or end",
    "authref.guards:is_ours": "a name in a list of names; what makes it needed is a browser and a resolver",
    "authref.guards:security_headers": "constants, and when one more of them",
    "authref.guards:preflight": "three constant headers, meaningless without a browser that asks for them",
    "authref.guards:cross_site": "one constant answer",
    # -- tokens
    "authref.jwt:encode": "one line; its counterpart `decode` has the traps",
    "authref.refresh:new_family": "a record, field by field",
    "authref.refresh:family_of": "one pattern",
    "authref.revocation:Revocation": "`end` is an exercise; the other one is a look-up",
    "authref.tokens:Tokens": "the twin of Sessions: its verbs are exercises, `_claims` for one; the others read alike",
    # -- rights
    "authref.roles:forbidden": "one constant answer",
    "authref.app.users:UserRoutes": "`show` is an exercise; the others ask the same question first",
}
