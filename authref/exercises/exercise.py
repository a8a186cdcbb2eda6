"""What is an exercise? A hole in the one source, and the claims that must hold again when it is filled.

Nothing here is a second copy of the code: what a learner gets is cut from the source as it stands (cutting.py), and
what judges them is the project's own unittest suite. Only what cannot be cut is written down: the naive versions that
are to be healed or broken, the questions that are to be predicted, and the words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PREDICT, WRITE, HEAL, BREAK = "predict", "write", "heal", "break"
EASY, MIDDLE, HARD = "easy", "middle", "hard"


@dataclass(frozen=True)
class Question:
    """One thing to predict: what `expression` gives after `setup`, a Python literal; of an exception its name."""

    text: str
    expression: str
    setup: str = ""
    reason: str = ""  # why that comes back


@dataclass(frozen=True)
class Exercise:
    """One exercise; `claims` are unittest ids, judged in this order."""

    id: str  # stable, such as "cookies-parse": a learner's folder names it
    lesson: int  # of the course, 1 to 20, or 0 for chapter one: see LESSONS
    kind: str  # predict, write, heal or break
    title: str
    minutes: int = field(kw_only=True)  # for somebody who has read what stands under `read`
    difficulty: str = field(kw_only=True)  # easy, middle or hard
    task: str  # what to do, in a few sentences
    attacker: str  # why an attacker cares
    read: str  # where to read: a function, an RFC section
    hints: tuple[str, str, str]  # the question again with what to look at; the fact needed; the shape in words
    target: str = ""  # "authref.cookies:parse", "authref.sessions:Sessions.authenticate"; "" for predict
    attacks: tuple[str, ...] = ()  # names for `authref attack`: it plays what this exercise stops, the plainest first
    why: str = ""  # why authref's own is as it is, what is not obvious in it: `show` tells it
    lacks: str = ""  # what authref's own leaves open there, and which file closes it; of chapter one
    claims: tuple[str, ...] = ()  # "tests.test_cookies.Parsing.test_a_name_twice"; break: what the naive fails
    naive: str = ""  # heal and break: the source of the naive version of the target
    questions: tuple[Question, ...] = ()  # predict
    attack: str = ""  # break: the `def` line and docstring of what the learner writes: it returns the attack
    check: str = ""  # break: source of `check(target, attack)`: True if the attack gets past; to raise is to stop it


LESSONS = {
    0: "All of it in one file",
    1: "Who are you?",
    2: "HTTP is stateless",
    3: "Project setup",
    4: "Why not store passwords directly",
    5: "Hashing with bcrypt",
    6: "The signup route",
    7: "The login route",
    8: "What is a cookie",
    9: "What is a session",
    10: "Building session management",
    11: "Protecting routes",
    12: "Logout",
    13: "Cookie security",
    14: "What is a token",
    15: "Anatomy of a JWT",
    16: "Creating JWTs",
    17: "Verifying JWTs",
    18: "Sessions and tokens",
    19: "Authorization",
    20: "Common mistakes",
}
