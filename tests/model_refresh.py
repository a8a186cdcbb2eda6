"""Every way in which clients that hold one refresh token can meet: `python -m tests.model_refresh` takes some minutes.

The shipped Tokens renews over a map that stops before each of its operations. Between two of them the model lets other
clients go first, lets time pass, and lets answers get lost. It makes every such choice there is, down to so many
renewals, and judges each answer. Three clients hold the token of a login: two tabs of one browser, which share what
they store, and one with a copy of its own, an honest third or a thief: no server can know which. Each request may reach
another server, whose clock is wrong.

What must hold, whatever happens:

    window  Who asks again within the window of a token's first use is not refused, whatever others did meanwhile.
    found   Who brings a used token later than that is refused, and the family ends. So of two parties that hold
            different tokens, the one that renews more than a window after the other is found out there.
    one     A family has one living token, and each answer gives that one.

The window is measured by servers' clocks. A first use that was noted by a clock behind another may end as much earlier
there, and one that is judged by a clock behind may end as much later.

Time stands still at START: when it passes, all that was noted moves into the past instead. So one situation at two
moments is one state, and is looked at once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple
from unittest import mock

from authref import jwt, refresh
from authref.events import Events
from authref.maps import Map
from authref.refresh import RETRY_WINDOW, Family, new_family
from authref.revocation import Revocation
from authref.tokens import Tokens
from authref.users import User
from authref.wire import Request, Response
from tests.basics import KEYS, START

ALICE = User("alice", "alice@example.com", "user", False, "2100-01-15T08:00:00Z")
CLIENTS = ("tab 1", "tab 2", "other")
PARTY = (0, 0, 1)  # whose storage each client reads and writes: the browser's, or its own

# How a server renews, with its map, its clock and a token: what it answers is a token, or None when it refuses.
Renew = Callable[[Any, Callable[[], float], str], str | None]


class Pending(NamedTuple):
    """A renewal under way: what was sent to which server, and what its map and its clock have said so far."""

    token: str
    offset: float  # seconds by which that server's clock is wrong
    log: tuple[Any, ...] = ()
    judged: float = 0.0  # when the server looked at its clock last
    age: float | None = None  # how long ago the token's first use was then; None: it had not been used
    behind: float = 0.0  # by how much the clock that noted the first use is behind the one that is ahead of all


class Client(NamedTuple):
    """A client: what it sent last without hearing an answer, and what is under way."""

    unanswered: str = ""
    pending: Pending | None = None


class State(NamedTuple):
    """All there is at one moment."""

    record: Family | None
    held: tuple[str, str]  # by each party
    clients: tuple[Client, ...] = (Client(),) * len(CLIENTS)
    used: tuple[tuple[str, float, float], ...] = ()  # each used token, when it was used first, and by which clock
    begun: int = 0
    ticked: bool = False


class Outcome(NamedTuple):
    """What one operation of a renewal has brought about."""

    record: Family | None
    log: tuple[Any, ...]
    done: bool = False
    token: str | None = None
    ended: bool = False


class Pause(BaseException):
    """The next operation waits for its turn."""


class Violation(AssertionError):
    """Something that must hold does not, and this is the way there."""


class SteppedMap(Map[Family]):
    """The families' map, and a clock, for one step of one renewal.

    What was done before, the log says again. Then one operation is done, and the next one raises Pause.
    """

    def __init__(self, record: Family | None, log: tuple[Any, ...], clock: float) -> None:
        self.record, self.log, self.clock = record, list(log), clock
        self.place, self.acted, self.ended = 0, False, False

    def now(self) -> float:
        return float(self._next(lambda: self.clock))

    def get(self, key: str) -> Family | None:
        return self._operation(lambda: self.record)

    def __setitem__(self, key: str, value: Family) -> None:
        self._operation(lambda: self._put(value))

    def replace(self, key: str, old: Family, new: Family) -> bool:
        return bool(self._operation(lambda: self.record == old and self._put(new)))

    def pop(self, key: str) -> Family | None:
        return self._operation(self._end)

    def _put(self, record: Family) -> bool:
        self.record = record
        return True

    def _end(self) -> Family | None:
        record, self.record = self.record, None
        self.ended = record is not None
        return record

    def _operation(self, act: Callable[[], Any]) -> Any:
        if self.place == len(self.log):
            if self.acted:
                raise Pause
            self.acted = True
        return self._next(act)

    def _next(self, act: Callable[[], Any]) -> Any:
        if self.place == len(self.log):
            self.log.append(act())
        self.place += 1
        return self.log[self.place - 1]


class AliceOnly:
    """Users among whom Alice always is."""

    @staticmethod
    def who_proved(user_id: str, password_version: int) -> User:
        return ALICE


class Renewals(Tokens):
    """The shipped class, whose answer is the refresh token alone: access tokens do not matter here."""

    def _answer(self, user: User, family_id: str, family: Family, token: str, request: Request) -> Response:
        return Response(200, token.encode())


def shipped(records: Any, now: Callable[[], float], token: str) -> str | None:
    """How authref renews."""
    users: Any = AliceOnly
    tokens = Renewals(KEYS, records, Revocation("none", records, records, now), users, Events().emit, "i", "a", now)
    answer = tokens.refresh(token, Request("POST", "/token/refresh"))
    return answer.body.decode() if answer.status == 200 else None


def new_login() -> tuple[Family, str]:
    """The record of a new login, and its first token."""
    return new_family(ALICE, "", START)


@dataclass
class Model:
    """All interleavings of so many renewals, by `shipped` or by what another `module` has for `renew` and `log_in`."""

    depth: int
    offsets: tuple[float, ...] = (0,)  # the servers' clocks
    slow: bool = False  # time passes between the operations of a renewal, too
    renew: Renew = shipped
    log_in: Callable[[], tuple[Any, str]] = new_login
    module: Any = refresh
    window: int = RETRY_WINDOW
    ticks: tuple[int, ...] = ()  # seconds that may pass; one, and those before and up to the window, if nothing is said
    claims: tuple[str, ...] = ("window", "found", "one")
    seen: dict[State, int] = field(default_factory=dict)
    thefts: int = 0

    def __post_init__(self) -> None:
        self.ahead = max(self.offsets)
        self.past = START - self.window - 2 * (self.ahead - min(self.offsets)) - 1  # what is older is simply old
        self.next, self.settled = cache(self._next), cache(self._settled)
        self.earlier = cache(lambda part, seconds: moved(part, lambda moment: moment - seconds))
        self.old = cache(lambda part: moved(part, lambda moment: max(moment, self.past)))

    def run(self) -> int:
        """The number of interleavings. Raises Violation."""
        with mock.patch.object(self.module, "secrets", self):
            self.secret = b"start"
            record, token = self.log_in()
            return self.explore(self.settled(State(replace(record, used_at=self.past), (token, token))), [])

    def token_bytes(self, length: int) -> bytes:
        """In place of the one in `secrets`: what is drawn follows from who draws it, and for which token."""
        return hashlib.sha256(self.secret).digest()[:length]

    def token_urlsafe(self, length: int) -> str:
        return jwt.encode(self.token_bytes(length)).decode()

    def explore(self, state: State, way: list[str]) -> int:
        """In how many ways all can end from here."""
        if state not in self.seen:
            ways = 0
            for what, after in self.choices(state, way):
                way.append(what)
                ways += self.explore(after, way)
                way.pop()
            self.seen[state] = ways or 1
        return self.seen[state]

    def choices(self, state: State, way: list[str]) -> Iterator[tuple[str, State]]:
        """What can happen next."""
        under_way = any(client.pending for client in state.clients)
        if not state.ticked and (self.slow if under_way else state.begun < self.depth):
            for seconds in self.ticks or (1, self.window - 1, self.window):
                later = State(*(self.earlier(part, seconds) for part in state))
                yield f"{seconds} s pass", self.settled(later._replace(ticked=True))
        for number, client in enumerate(state.clients):
            if client.pending:
                yield from self.go_on(state, number, client.pending, way)
            elif state.begun < self.depth:
                begun = state._replace(begun=state.begun + 1)
                for token in sorted({state.held[PARTY[number]], client.unanswered} - {""}):
                    for offset in self.offsets:
                        yield from self.go_on(begun, number, Pending(token, offset), way)

    def go_on(self, state: State, number: int, pending: Pending, way: list[str]) -> Iterator[tuple[str, State]]:
        """After the renewal's next operation; when that was its last, with the answer heard, and with it lost."""
        name = CLIENTS[number]
        outcome = self.next(state.record, pending, b"%d" % number)
        if any(isinstance(each, float) for each in outcome.log[len(pending.log) :]):
            pending = self.looked_at_the_clock(state, pending)
        state = state._replace(record=outcome.record, ticked=False)
        if not outcome.done:
            yield f"{name} asks", put(state, number, Client("", pending._replace(log=outcome.log)))
            return
        state = self.judge(state, pending, outcome, [*way, f"{name} is answered"])
        if outcome.token is None:
            yield f"{name} is refused", self.settled(put(state, number, Client()))
        else:
            held: Any = tuple(outcome.token if party == PARTY[number] else old for party, old in enumerate(state.held))
            yield f"{name} is answered", self.settled(put(state._replace(held=held), number, Client()))
            yield f"{name} hears nothing", self.settled(put(state, number, Client(pending.token)))

    def _next(self, record: Family | None, pending: Pending, who: bytes) -> Outcome:
        records = SteppedMap(record, pending.log, START + pending.offset)
        self.secret = pending.token.encode() + who
        try:
            token = self.renew(records, records.now, pending.token)
        except Pause:
            return Outcome(records.record, tuple(records.log))
        return Outcome(records.record, tuple(records.log), True, token, records.ended)

    def looked_at_the_clock(self, state: State, pending: Pending) -> Pending:
        """The renewal with what the model knows about its token at this moment."""
        for token, first, offset in state.used:
            if token == pending.token:
                return pending._replace(judged=START, age=START - first, behind=self.ahead - offset)
        return pending._replace(judged=START, age=None)

    def judge(self, state: State, pending: Pending, outcome: Outcome, way: list[str]) -> State:
        """The state with what is to be remembered of this answer. Raises Violation."""
        age, record, token = pending.age, outcome.record, outcome.token
        self.thefts += outcome.ended
        if outcome.ended and (age is None or age < self.window - pending.behind):
            self.complain("window", f"refused {age} s after the token's first use", way)
        if token and age is not None and age >= self.window + self.ahead - pending.offset:
            self.complain("found", f"taken {age} s after the token's first use", way)
        living = [line for line in record.live if " " not in line] if record else []
        if token and living != [hashlib.sha256(token.encode()).hexdigest()]:
            self.complain("one", f"{len(living)} living tokens", way)
        if not token or token == pending.token or age is not None:
            return state
        return state._replace(used=tuple(sorted({*state.used, (pending.token, pending.judged, pending.offset)})))

    def complain(self, claim: str, what: str, way: list[str]) -> None:
        if claim in self.claims:
            raise Violation(f"{claim}: {what}: {', '.join(way)}")

    def _settled(self, state: State) -> State:
        """The state without what nobody can ask for any more, unless a renewal under way has seen it."""
        if any(client.pending for client in state.clients):
            return state
        state = State(*map(self.old, state))
        known = {*state.held, *(client.unanswered for client in state.clients)}
        record = replace(state.record, last_seen=self.past) if state.record else None
        return state._replace(used=tuple(each for each in state.used if each[0] in known), record=record)


def moved(value: Any, move: Callable[[float], float]) -> Any:
    """The state, or any part of it, with each time in it moved."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return move(value) if value > START / 2 else value  # else it is a duration
    if isinstance(value, tuple):
        parts = [moved(each, move) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if not hasattr(value, "live"):
        return value
    lines = [line.split() for line in value.live]
    live = [" ".join([used, *[str(move(float(each))) for each in rest[:1]], *rest[1:]]) for used, *rest in lines]
    return replace(value, live=tuple(live), last_seen=move(value.last_seen), used_at=move(value.used_at))


def put(state: State, number: int, client: Client) -> State:
    """The state with this client in it."""
    return state._replace(clients=(*state.clients[:number], client, *state.clients[number + 1 :]))


FULL = {
    "6 renewals": Model(6),
    "5 renewals, clocks 2 s apart": Model(5, offsets=(0, 2)),
    "5 renewals, a clock that jumped back an hour": Model(5, offsets=(0, -3600)),
    "2 renewals, time passing within them": Model(2, slow=True),
}

if __name__ == "__main__":
    for name, model in FULL.items():
        began = time.perf_counter()
        ways = model.run()
        seen = f"{ways:,} interleavings, {len(model.seen):,} states, {model.thefts:,} thefts found"
        print(f"{name}: {seen}, {time.perf_counter() - began:.0f} s")
