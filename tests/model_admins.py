"""python -m tests.model_admins: all interleavings of what two admins do to each other. Does somebody stay one?

Two admins work at once, each through one request or one after the other. Everything that the shipped classes ask of
their maps is one step; between two steps the other one may go on. All orders of steps are gone through. With crashes,
one request of each may also break off at each step; it is then repeated from its beginning, or never.

Nothing runs at the same time here. To go one step further a request is run from its start: it is told again what its
maps answered before, takes one more step, and is stopped. So a state is a value, and is looked at once however many
orders lead to it.

In each state somebody must be an active admin whose address is theirs. Where all requests have ended and none broke
off, the outcome must be that of some order of whole requests; and each admin may go as long as there is another.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from unittest import mock

from authref.maps import Map, MemoryMap
from authref.users import Pointer, User, Users

try:  # what changes rights; the first edition's stood in Users, and this must find its fault
    from authref.admins import Admins, LastAdmin, Outdated
except ImportError:
    from authref.users import LastAdmin

    Admins, Outdated = None, KeyError

A, B = "a", "b"
MAPS = ("users", "addresses", "admins", "roster")
VERBS: dict[str, dict[str, object] | None] = {
    "demote": {"role": "user"},
    "disable": {"disabled": True},
    "enable": {"disabled": False},
    "promote": {"role": "admin"},
    "delete": None,
}

Entries = dict[str, dict[str, Any]]  # of each map
Outside = tuple[str, tuple[bool, ...], tuple[bool, ...]]  # the accounts, and which requests were done


@dataclass(frozen=True)
class Ask:
    """One request: who sends it, what it does, and to whom."""

    by: str
    verb: str
    to: str

    def __str__(self) -> str:
        return f"{self.by.upper()} {self.verb}s {self.to.upper()}"


@dataclass(frozen=True)
class Actor:
    """Somebody who sends requests one after the other, and how far they have come."""

    asks: tuple[Ask, ...]
    answers: tuple[Any, ...] = ()  # of the maps, to the first of `asks`
    outcomes: tuple[str, ...] = ()  # of those that have ended
    crashes: int = 0  # how often a request may still break off
    broken: bool = False  # one broke off

    @cached_property
    def text(self) -> str:
        """All of it, to tell states apart."""
        return repr(self)


class Stopped(BaseException):
    """One step was taken."""


class Steps:
    """What a request's maps have in common: the answers from before, then one step.

    Only the map that the step goes to is made; the others' entries stay the same object.
    """

    def __init__(self, entries: Entries, answers: tuple[Any, ...]) -> None:
        self.entries = dict(entries)
        self.before, self.answers = iter(answers), answers
        self.stepped = False

    def ask(self, name: str, act: Callable[[MemoryMap[Any]], Any]) -> Any:
        for answer in self.before:
            return answer
        if self.stepped:
            raise Stopped
        self.stepped = True
        stepped: MemoryMap[Any] = MemoryMap(lambda: 1.0)
        for key, value in self.entries[name].items():
            stepped[key] = value
        answer = act(stepped)
        after = stepped.page("", 100)
        if after != self.entries[name]:
            self.entries[name] = after
        self.answers += (answer,)
        return answer


class Stepwise(Map[Any]):
    """A map each of whose methods is a step."""

    def __init__(self, steps: Steps, name: str) -> None:
        self._ask = partial(steps.ask, name)

    def get(self, key: str) -> Any:
        return self._ask(lambda entries: entries.get(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._ask(lambda entries: entries.__setitem__(key, value))

    def setdefault(self, key: str, value: Any) -> Any:
        return self._ask(lambda entries: entries.setdefault(key, value))

    def pop(self, key: str) -> Any:
        return self._ask(lambda entries: entries.pop(key))

    def replace(self, key: str, old: Any, new: Any) -> bool:
        return bool(self._ask(lambda entries: entries.replace(key, old, new)))

    def drop_owned_by(self, user_id: str) -> int:
        return int(self._ask(lambda entries: entries.drop_owned_by(user_id)))

    def page(self, after: str, limit: int) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(lambda entries: entries.page(after, limit))
        return found


def request(maps: list[Map[Any]], ask: Ask) -> str:
    """What becomes of it, as in app/users.py."""
    records, addresses, admins, rosters = maps
    third: Any = MemoryMap() if Admins else admins  # the costs of hashes, of which none is made here
    users: Any = Users(records, addresses, third)
    rights: Any = Admins(records, addresses, rosters, admins) if Admins else users
    while True:
        caller = users.get(ask.by)
        own = ask.verb == "delete" and ask.by == ask.to
        if caller is None or caller.disabled or not (own or caller.is_active_admin):
            return "refused"
        by, fields = (caller,) if Admins else (), VERBS[ask.verb]
        try:
            if fields is None:
                return "done" if rights.delete(ask.to, *by) else "not found"
            return "done" if rights.change(ask.to, *by, **fields) else "not found"
        except LastAdmin:
            return "refused"
        except Outdated:
            pass


def step(entries: Entries, actor: Actor) -> tuple[Entries, Actor]:
    """The state after one more step of this actor."""
    steps = Steps(entries, actor.answers)
    try:
        outcome = request([Stepwise(steps, name) for name in MAPS], actor.asks[0])
    except Stopped:
        return steps.entries, replace(actor, answers=steps.answers)
    return steps.entries, replace(actor, asks=actor.asks[1:], answers=(), outcomes=(*actor.outcomes, outcome))


class Explorer:
    """All orders of the steps of two actors."""

    def __init__(self, start: Entries) -> None:
        self._start = start
        self._seen: dict[tuple[str, ...], int] = {}
        self._texts: dict[int, tuple[object, str]] = {}
        self._ways: dict[tuple[str, ...], list[tuple[Entries, Actor]]] = {}
        self.faults: set[str] = set()
        self._whole: set[Outside] = set()

    def explore(self, first: tuple[Ask, ...], second: tuple[Ask, ...], crashes: int = 0) -> int:
        """The number of interleavings; what is wrong with one of them stands in `faults`."""
        name = f"{_says(first)} while {_says(second)}"
        self._seen, self._texts, self._ways = {}, {}, {}
        with mock.patch("authref.users.hash_password", lambda password, cost: ""):  # the first edition makes one
            self._whole = set(_in_turn(self._start, Actor(first), Actor(second)))
            return self._orders(self._start, (Actor(first, crashes=crashes), Actor(second, crashes=crashes)), name)

    @property
    def states(self) -> int:
        """How many states the last `explore` has met."""
        return len(self._seen)

    def _orders(self, entries: Entries, actors: tuple[Actor, Actor], name: str) -> int:
        texts = tuple(map(self._text, entries.values()))
        key = (*texts, actors[0].text, actors[1].text)
        if key not in self._seen:
            self._look(entries, actors, name)
            ways = [
                self._orders(after, (moved, actors[1]) if number == 0 else (actors[0], moved), name)
                for number, actor in enumerate(actors)
                if actor.asks
                for after, moved in self._next(entries, actor, (*texts, actor.text))
            ]
            self._seen[key] = sum(ways) if ways else 1
        return self._seen[key]

    def _next(self, entries: Entries, actor: Actor, key: tuple[str, ...]) -> Sequence[tuple[Entries, Actor]]:
        """The states after what this actor may do next, which does not depend on the other one: asked once for each."""
        if key not in self._ways:
            self._ways[key] = list(_next(entries, actor))
        return self._ways[key]

    def _text(self, entries: dict[str, Any]) -> str:
        """All of a map's entries; made once for each object, which is kept, so that no other has its id."""
        known = self._texts.get(id(entries))
        if known is None:
            known = self._texts[id(entries)] = entries, repr(entries)
        return known[1]

    def _look(self, entries: Entries, actors: tuple[Actor, Actor], name: str) -> None:
        active = _active(entries)
        if not active:
            self.faults.add(f"{name}: nobody administers")
        if actors[0].asks or actors[1].asks or any(actor.broken for actor in actors):
            return
        if _seen_from_outside(entries, *actors) not in self._whole:
            self.faults.add(f"{name}: the outcome is that of no order of whole requests")
        for one, other in itertools.permutations(active, 2):
            if alone(entries, Ask(other, "demote", one))[1] != "done":
                self.faults.add(f"{name}: an admin may not go, though there is another")


def _next(entries: Entries, actor: Actor) -> Iterator[tuple[Entries, Actor]]:
    yield step(entries, actor)
    if actor.crashes and actor.answers:  # nothing has happened before the first step
        broken = replace(actor, answers=(), crashes=actor.crashes - 1, broken=True)
        yield entries, broken
        yield entries, replace(broken, asks=actor.asks[1:], outcomes=(*actor.outcomes, "broke off"))


def _in_turn(entries: Entries, *actors: Actor) -> Iterator[Outside]:
    """What may come of it if each request is done as a whole."""
    if not any(actor.asks for actor in actors):
        yield _seen_from_outside(entries, *actors)
    for number, actor in enumerate(actors):
        if actor.asks:
            after, outcome = alone(entries, actor.asks[0])
            moved = replace(actor, asks=actor.asks[1:], outcomes=(*actor.outcomes, outcome))
            yield from _in_turn(after, *actors[:number], moved, *actors[number + 1 :])


def _seen_from_outside(entries: Entries, *actors: Actor) -> Outside:
    accounts = [(user.id, user.role, user.disabled) for user in entries["users"].values()]
    done = [tuple(outcome == "done" for outcome in actor.outcomes) for actor in actors]  # however it was refused
    return repr((accounts, sorted(entries["addresses"]))), done[0], done[1]


def _active(entries: Entries) -> list[str]:
    """Who may administer and can log in."""
    addresses = entries["addresses"]
    return [user.id for user in entries["users"].values() if user.is_active_admin and user.email in addresses]


def alone(entries: Entries, ask: Ask) -> tuple[Entries, str]:
    """What comes of a request while nobody else does anything, and its outcome."""
    actor = Actor((ask,))
    while actor.asks:
        entries, actor = step(entries, actor)
    return entries, actor.outcomes[0]


def _says(asks: tuple[Ask, ...]) -> str:
    return " and ".join(map(str, asks))


def beginnings() -> dict[str, Entries]:
    """From where it starts: both are admins; or A is one, and B is disabled, or a user."""
    states = {"both are admins": {}, "B is disabled": {"disabled": True}, "B is a user": {"role": "user"}}
    return {name: _two_accounts(**fields) for name, fields in states.items()}


def _two_accounts(**fields: Any) -> Entries:
    entries: Entries = {name: {} for name in MAPS}
    for user_id in (A, B):
        user = User(user_id, user_id, "admin", False, "")
        entries["users"][user_id], entries["addresses"][user_id] = user, Pointer(user_id)
    entries["users"][B] = replace(entries["users"][B], **fields)
    for user in entries["users"].values():
        if user.is_active_admin:  # the roster is made of these when it is asked for first
            entries["admins"][user.id] = Pointer(user.id)
    return entries


def requests(by: str) -> list[Ask]:
    """All that one of them can ask for."""
    return [Ask(by, verb, to) for verb in VERBS for to in (A, B)]


@dataclass
class Found:
    """What was gone through, and what is wrong."""

    interleavings: int = 0
    states: int = 0
    faults: set[str] | None = None


def explore_all(seconds: int, crashes: int) -> Found:
    """One request of A beside up to so many of B, from each beginning."""
    found = Found(faults=set())
    for beginning, start in beginnings().items():
        explorer = Explorer(start)
        for number in range(1, seconds + 1):
            for first in requests(A):
                for second in itertools.product(requests(B), repeat=number):
                    found.interleavings += explorer.explore((first,), second, crashes)
                    found.states += explorer.states
        assert found.faults is not None
        found.faults |= {f"{beginning}: {fault}" for fault in explorer.faults}
    return found


def main() -> int:
    """Go through them all; 1 if something is wrong."""
    wrong = 0
    for seconds, crashes in ((1, 0), (1, 1), (2, 0)):
        begun = time.monotonic()
        found = explore_all(seconds, crashes)
        print(
            f"one request beside up to {seconds}, {crashes} crashes each: {found.interleavings:,} interleavings, "
            f"{found.states:,} states, {len(found.faults or ())} faults ({time.monotonic() - begun:.0f} s)"
        )
        for fault in sorted(found.faults or ())[:20]:
            print("   ", fault)
        wrong += len(found.faults or ())
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
