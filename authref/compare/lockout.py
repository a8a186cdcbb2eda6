"""Somebody's login was stolen: lock them out, now. How long does the thief still get in, and what does it cost?

For each answer there is (revocation.py, keys.py) the same scene is played: Alice's credentials are copied, others
are logged in as well, the answer is applied, and the clock is moved on until the thief is refused. The thief has
what Alice's client held: the cookie, or the access token; and, told apart, the refresh token that came with it.

Rules of this file:
- a moment is found by trying, in a new scene each time, so that one try cannot spoil the next; to the second;
- nothing counts that the thief could not do before: the same credentials are tried just before the answer, too;
- what had to be kept is read off the store: the maps that a request asks from then on, and what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from authref import jwt
from authref.compare.figures import Block, Claim, Claims, Heading, Paragraph, Seconds, Table, count
from authref.compare.lab import SESSION, TOKEN, Clock, Counting, Mechanism, ask, log_in, make_app
from authref.keys import fresh_keys
from authref.users import User
from authref.wire import Headers

DAY = 24 * 60 * 60  # seconds
ALICE = "alice"
HORIZON = 40 * DAY  # nobody looks further
LONG = Seconds(DAY)  # the life of a token where there is no refresh token: as long as a session


@dataclass(frozen=True)
class Answer:
    """One way to lock Alice out; `lifetime` is that of a long token of our own making, without refresh."""

    name: str
    mechanism: Mechanism
    mode: str
    apply: Callable[[Scene], object]
    lifetime: int | None = None


class Scene:
    """Alice and `others` more people, all logged in by one mechanism; a thief has a copy of what Alice holds."""

    def __init__(self, answer: Answer, others: int = 0) -> None:
        self.mechanism, self.lifetime = answer.mechanism, answer.lifetime
        self.clock, self.ring = Clock(), fresh_keys()
        self.store = Counting(self.clock)
        self.app = make_app(self.store, keys=self.ring, revocation=answer.mode, now=self.clock)
        self.stolen, self.refresh_token = self._credentials(ALICE)
        self.others = [self._credentials(f"other {number}") for number in range(others)]

    def _credentials(self, name: str) -> tuple[Headers, str]:
        user = self.store.maps["users"][name] = User(name, f"{name}@example.com", "user", False, "")
        answer = log_in(self.app, self.mechanism, user)
        if self.lifetime is None:
            return self.mechanism.credential(answer), json.loads(answer.body).get("refresh_token", "")
        claims = jwt.verify(json.loads(answer.body)["token"], self.ring, now=self.clock())
        token = jwt.create({**claims, "exp": int(self.clock()) + self.lifetime}, self.ring)
        return (("authorization", f"Bearer {token}"),), ""

    def gets_in(self, credential: Headers) -> bool:
        """True if a request with this credential is answered."""
        return ask(self.app, "GET", self.mechanism.me, credential).status == 200

    def thief_gets_in(self) -> bool:
        """True if the stolen cookie or access token is good."""
        return self.gets_in(self.stolen)

    def thief_gets_back(self) -> bool:
        """True if that is good, or what the stolen refresh token gives."""
        return self.thief_gets_in() or self.comes_back(self.refresh_token)

    def comes_back(self, refresh_token: str) -> bool:
        """True if this refresh token still gives an access token that is good."""
        answer = ask(self.app, "POST", "/token/refresh", (), {"refresh_token": refresh_token})
        return answer.status == 200 and self.gets_in(TOKEN.credential(answer))

    def change_key(self, kept: Mapping[str, bytes]) -> None:
        """Sign with another key from now on; those `kept` are still believed."""
        believed = {**fresh_keys(), **kept}
        self.ring.clear()
        self.ring.update(believed)


ANSWERS = (
    Answer("delete the session", SESSION, "none", lambda scene: scene.app.sessions.end_all(ALICE)),
    Answer("wait for exp", TOKEN, "none", lambda scene: None, LONG),
    Answer("deny list", TOKEN, "denylist", lambda scene: scene.app.tokens.end_all(ALICE)),
    Answer("short access plus refresh", TOKEN, "none", lambda scene: scene.app.tokens.end_all(ALICE)),
    Answer("change the key", TOKEN, "none", lambda scene: scene.change_key(kept={})),
    Answer("change it, old one kept", TOKEN, "none", lambda scene: scene.change_key(kept=scene.ring)),
    Answer("allow list", TOKEN, "allowlist", lambda scene: scene.app.tokens.end_all(ALICE)),
)


@dataclass(frozen=True)
class Outcome:
    """What an answer did; times are counted from its being applied."""

    name: str
    mechanism: str
    got_in_before: bool
    seconds: Seconds  # in which the thief still got in, with the cookie or the access token
    seconds_refreshing: Seconds | None  # and with the refresh token too, where there is one
    added: int  # records that were written for it
    added_for: Seconds  # after which they were gone
    asked: dict[str, int]  # look-ups of a request from then on, by map
    kept: dict[str, int]  # records in those maps
    others: int
    thrown_out: int  # of the others, whose next request was refused
    came_back: int  # of those, by their refresh token

    @property
    def look_ups(self) -> str:
        """How often a request asks from then on."""
        return f"{count(sum(self.asked.values()), 'look-up')} a request"

    @property
    def out(self) -> str:
        """How many innocent people it hit."""
        return f"{self.thrown_out} of {self.others} others out"


def play(answer: Answer, others: int) -> Outcome:
    """What this answer does."""
    scene = Scene(answer, others)
    got_in, before = scene.thief_gets_in(), scene.store.records()
    answer.apply(scene)
    after = scene.store.records()
    added = [name for name in after if after[name] > before[name]]
    asked = scene.store.during(lambda: scene.gets_in(scene.others[-1][0]))
    out = [refresh_token for credential, refresh_token in scene.others if not scene.gets_in(credential)]
    return Outcome(
        name=answer.name,
        mechanism=answer.mechanism.name,
        got_in_before=got_in,
        seconds=last_second(answer, Scene.thief_gets_in),
        seconds_refreshing=last_second(answer, Scene.thief_gets_back) if scene.refresh_token else None,
        added=sum(after[name] - before[name] for name in added),
        added_for=last_second(answer, lambda scene: any(len(scene.store.maps[name]) for name in added)),
        asked=asked,
        kept={name: after[name] for name in asked},
        others=others,
        thrown_out=len(out),
        came_back=sum(scene.comes_back(token) for token in out),
    )


def last_second(answer: Answer, holds: Callable[[Scene], bool]) -> Seconds:
    """For how long after the answer something holds that then ends for good; HORIZON if it does not end."""

    def at(second: int) -> bool:
        scene = Scene(answer)
        answer.apply(scene)
        scene.clock.time += second
        return holds(scene)

    if not at(0):
        return Seconds(0)
    low, high = 0, HORIZON  # it holds at low, and no more at high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle) else (low, middle)
    return Seconds(high)


def claims(outcomes: Sequence[Outcome]) -> dict[str, Claim]:
    """What the outcomes of all answers show."""
    session, waited, denied, short, changed, rotated, allowed = outcomes
    return {
        "before": Claim(
            "The thief got in until the answer came, whichever it was.",
            all(one.got_in_before for one in outcomes),
            f"{sum(one.got_in_before for one in outcomes)} of {len(outcomes)} scenes"),
        **_of_deleting(session, waited, short),
        **_of_lists(denied, allowed, short),
        **_of_keys(changed, rotated),
    }  # fmt: skip


def _of_deleting(session: Outcome, waited: Outcome, short: Outcome) -> dict[str, Claim]:
    """What is known on the server can be deleted there; what a token says cannot."""
    return {
        "session": Claim(
            "Each check of a session asks for its record: one that is deleted is over at once, and nobody else's.",
            session.asked.get("sessions", 0) > 0 == session.seconds == session.thrown_out == session.added,
            f"{session.seconds}; {session.look_ups}; {session.out}"),
        "exp": Claim(
            "The check of a token asks nothing, so until it expires nothing that the server deletes reaches it.",
            waited.seconds > 0 and not waited.asked,
            f"{waited.seconds} for a token made to last that long; {waited.look_ups}"),
        "refresh": Claim(
            "With short access plus refresh the thief is out when one access token expires, and nothing is asked.",
            0 < short.seconds == short.seconds_refreshing and short.seconds < waited.seconds and not short.asked,
            f"{short.seconds}; with the refresh token {short.seconds_refreshing}; {short.look_ups}"),
    }  # fmt: skip


def _of_lists(denied: Outcome, allowed: Outcome, short: Outcome) -> dict[str, Claim]:
    """A token that is looked up in a list can be ended, for the price of the list."""
    return {
        "deny list": Claim(
            "A deny list acts at once, for a look-up in each request of everybody; an entry goes after its token.",
            denied.seconds == denied.thrown_out == 0 < len(denied.asked) and denied.added_for >= short.seconds,
            f"{denied.seconds}; {denied.look_ups}; {count(denied.added, 'record')} for {denied.added_for}"),
        "allow list": Claim(
            "An allow list acts at once too, and asks for a record of every login: it is a session by another name.",
            allowed.seconds == allowed.thrown_out == 0 and sum(allowed.kept.values()) >= allowed.others,
            f"{allowed.seconds}; {allowed.look_ups}; {sum(allowed.kept.values())} records"),
    }  # fmt: skip


def _of_keys(changed: Outcome, rotated: Outcome) -> dict[str, Claim]:
    """A key that goes ends what it signed, of everybody, and nothing else."""
    again = changed.seconds_refreshing or Seconds(0)
    return {
        "key": Claim(
            "Changing the key ends the token at once, and those of everybody else with it.",
            changed.seconds == 0 and changed.thrown_out == changed.others,
            f"{changed.seconds}; {changed.out}"),
        "thief": Claim(
            "A changed key does not lock out a thief who has the refresh token.",
            again > changed.seconds, f"back for {again}, like {changed.came_back} of the others"),
        "rotation": Claim(
            "Keeping the old key for checking throws nobody out, nor the thief: so keys are changed in peace.",
            rotated.thrown_out == 0 < rotated.seconds, f"{rotated.out}; {rotated.seconds}"),
    }  # fmt: skip


def tell(outcomes: Sequence[Outcome]) -> list[Block]:
    """The section for readers."""
    reach = ("thief in for", "refreshing")
    heads = ("answer", *reach, "written", "look-ups", "others out")
    return [
        Heading("3. Revocation, timed"),
        Paragraph(
            "Somebody's login was stolen: lock them out, now. The thief has a copy of what the client held, and may "
            "be refreshing, too. The clock is passed in, so waiting costs nothing; each moment was found by trying. "
            f"\"Wait for exp\" has a token that lasts {LONG}, as it must where nothing refreshes it."
        ),
        Table("How long the thief still gets in, and what that costs", heads, [_row(one) for one in outcomes],
              charted=reach, logarithmic=True),
        Claims("What this shows", claims(outcomes)),
    ]  # fmt: skip


def _row(one: Outcome) -> tuple[object, ...]:
    refreshing = "-" if one.seconds_refreshing is None else one.seconds_refreshing
    written = f"{one.added} for {one.added_for}" if one.added else "nothing"
    records = ", ".join(f"{kept} {name}" for name, kept in one.kept.items())
    asks = f"{sum(one.asked.values())}" + (f", in {records}" if records else "")
    back = f", {one.came_back} back by refresh" if one.came_back else ""
    return one.name, one.seconds, refreshing, written, asks, f"{one.thrown_out} of {one.others}{back}"
