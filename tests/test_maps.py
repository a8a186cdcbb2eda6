"""A map forgets on time, knows what belongs to whom, and lets exactly one caller win.

`MapContract` is what every store must keep: a store's own test inherits it and gives it a `make`. What only
the memory map promises, that what is forgotten leaves the memory too, stands below it. `race` and `Watched`
are tools that other tests borrow.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import tracemalloc
import unittest
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any, TypeVar

from authref.maps import Map, MemoryMap, Store
from tests.basics import START, Clock

V = TypeVar("V")
T = TypeVar("T")

WRITES = ("set", "setdefault", "pop", "replace", "drop_owned_by")


def race(*jobs: Callable[[], T]) -> list[T]:
    """What the jobs return, each in its own thread and all started at one moment. Raises what one of them raises."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        start.wait(10)
        return job()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds: threads take turns as often as they can, so that a race is met, not missed
    try:
        with ThreadPoolExecutor(len(jobs)) as pool:
            return list(pool.map(run, jobs))
    finally:
        sys.setswitchinterval(usual)


class Watched(Map[V]):
    """A map that writes down what is asked of it; `before` and `after` are called around each verb."""

    def __init__(self, inner: Map[V]) -> None:
        self.inner = inner
        self.calls: list[tuple[str, str]] = []
        self.before: Callable[[str, str], object] = lambda verb, key: None
        self.after: Callable[[str, str], object] = lambda verb, key: None

    def asked(self, *verbs: str) -> int:
        """How often these verbs were called."""
        return sum(verb in verbs for verb, _ in self.calls)

    def get(self, key: str) -> V | None:
        return self._pass("get", key, lambda: self.inner.get(key))

    def __setitem__(self, key: str, value: V) -> None:
        self._pass("set", key, lambda: self.inner.__setitem__(key, value))

    def setdefault(self, key: str, value: V) -> V:
        return self._pass("setdefault", key, lambda: self.inner.setdefault(key, value))

    def pop(self, key: str) -> V | None:
        return self._pass("pop", key, lambda: self.inner.pop(key))

    def replace(self, key: str, old: V, new: V) -> bool:
        return self._pass("replace", key, lambda: self.inner.replace(key, old, new))

    def owned_by(self, user_id: str) -> dict[str, V]:
        return self._pass("owned_by", user_id, lambda: self.inner.owned_by(user_id))

    def drop_owned_by(self, user_id: str) -> int:
        return self._pass("drop_owned_by", user_id, lambda: self.inner.drop_owned_by(user_id))

    def page(self, after: str, limit: int) -> dict[str, V]:
        return self._pass("page", after, lambda: self.inner.page(after, limit))

    def __len__(self) -> int:
        return len(self.inner)

    def _pass(self, verb: str, key: str, act: Callable[[], T]) -> T:
        self.calls.append((verb, key))
        self.before(verb, key)
        result = act()
        self.after(verb, key)
        return result


@dataclass(frozen=True, slots=True)
class Note:
    """A value with a field of each kind that values have."""

    text: str = ""
    user_id: str | None = None
    expires_at: float | None = None
    number: int = 0
    fraction: float = 0.0
    flag: bool = False


class MapContract:
    """The claims that hold for every map. Inherit it beside unittest.TestCase and say how one is made."""

    THREADS = 50
    ROUNDS = 2  # of each race
    LATER = START + 1000

    def make(self, now: Callable[[], float]) -> Map[Note]:
        """A new map that is empty, whatever was in the one before; its values are Notes."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.clock = Clock()
        self.map = self.make(self.clock)

    def fill(self, *keys: str, **fields: Any) -> int:
        """Store a note under each key; its text is the key. Returns 0, the number of entries it dropped."""
        for key in keys:
            self.map[key] = Note(key, **fields)
        return 0

    def make_for_a_race(self) -> None:
        """A new map whose clock lets others go first, so that whoever can be interrupted within a verb is."""

        def slow_clock() -> float:
            time.sleep(0)
            return self.clock()

        self.map = self.make(slow_clock)
        self.fill("~bystander", expires_at=self.LATER)

    def keys(self) -> list[str]:
        """All live keys, in the order of `page`."""
        return list(self.map.page("", 1000))

    # -- one verb after the other

    def test_an_empty_map(self) -> None:
        """Where nothing was stored, every verb says so and none invents anything."""
        self.assertIsNone(self.map.get("k"))
        self.assertIsNone(self.map.pop("k"))
        self.assertFalse(self.map.replace("k", Note("old"), Note("new")))
        self.assertEqual(self.map.owned_by("u"), {})
        self.assertEqual(self.map.drop_owned_by("u"), 0)
        self.assertEqual(self.map.page("", 10), {})
        self.assertEqual(len(self.map), 0)

    def test_values_of_every_kind(self) -> None:
        """What comes out is what went in, field by field and type by type."""
        values = (
            Note(),
            Note("two\r\nlines, a NUL \0, a quote ' and \u2028 \U0001f511"),
            Note(" blanks around "),
            Note("x" * 100_000),
            Note("numbers", number=-1, fraction=0.1),
            Note("large", number=2**40, fraction=1e300),
            Note("True is not 1", number=1, fraction=1.0, flag=True),
            Note("somebody's", user_id="u", expires_at=START + 0.5),
        )
        for value in values:
            with self.subTest(value.text[:20]):
                self.map["k"] = value
                found = self.map.get("k")
                self.assertEqual(found, value)
                self.assertEqual([type(x) for x in astuple(found)], [type(x) for x in astuple(value)])

    def test_a_second_value_for_the_key(self) -> None:
        """Storing again replaces what was there."""
        self.fill("k")
        self.map["k"] = Note("new")
        self.assertEqual(self.map.get("k"), Note("new"))
        self.assertEqual(len(self.map), 1)

    def test_keys_that_look_alike(self) -> None:
        """Keys are compared exactly: no folding of case, no trimming, no wildcards, no quoting."""
        alike = ["a", "A", "a ", " a", "a\0", "a\n", "a%", "a_", "ab", "*", "[a]", "a:b", "a/b", "'", '"', "\\", "é"]
        self.fill(*alike)
        self.assertEqual(len(self.map), len(alike))
        for key in alike:
            with self.subTest(repr(key)):
                self.assertEqual(self.map.get(key), Note(key))
        for key in ("", "b", "Ab", "a*", "a\0\0", "e\u0301", "x" * 10_000):
            with self.subTest("not there: " + repr(key)[:20]):
                self.assertIsNone(self.map.get(key))

    def test_setdefault(self) -> None:
        """setdefault stores only under a free key, and returns what is there then."""
        self.assertEqual(self.map.setdefault("k", Note("first")), Note("first"))
        self.assertEqual(self.map.setdefault("k", Note("second")), Note("first"))
        self.assertEqual(self.map.get("k"), Note("first"))

    def test_pop(self) -> None:
        """pop returns the value once; then it is gone."""
        self.fill("k", "other")
        self.assertEqual(self.map.pop("k"), Note("k"))
        self.assertIsNone(self.map.pop("k"))
        self.assertIsNone(self.map.get("k"))
        self.assertEqual(self.keys(), ["other"])

    def test_replace(self) -> None:
        """replace stores only over a value equal to `old`; else all stays as it was."""
        there = Note("there", "u", START + 100, 1, 0.5, True)
        unequal = {
            "text": replace(there, text="there "),
            "owner": replace(there, user_id="v"),
            "no owner": replace(there, user_id=None),
            "end": replace(there, expires_at=START + 101),
            "number": replace(there, number=2),
            "fraction": replace(there, fraction=0.25),
            "flag": replace(there, flag=False),
        }
        self.map["k"] = there
        for name, old in unequal.items():
            with self.subTest(name):
                self.assertFalse(self.map.replace("k", old, Note("new")))
                self.assertEqual(self.map.get("k"), there)
        self.assertFalse(self.map.replace("free", there, Note("new")))
        self.assertIsNone(self.map.get("free"))
        self.assertTrue(self.map.replace("k", replace(there), Note("new")))  # a copy: equal, but another object
        self.assertEqual(self.map.get("k"), Note("new"))
        self.assertFalse(self.map.replace("k", there, Note("too late")))

    def test_touch(self) -> None:
        """touch stores over an equal value, and nothing else: what has left meanwhile is not brought back."""
        seen, again = Note("seen", "u", START + 100), Note("seen again", "u", START + 200)
        self.map["k"] = seen
        self.assertTrue(self.map.touch("k", replace(seen), again))
        self.assertEqual(self.map.owned_by("u"), {"k": again})
        self.assertFalse(self.map.touch("k", seen, Note("too late")))
        self.clock.advance(150)
        self.assertEqual(self.map.get("k"), again)
        self.map.pop("k")
        self.assertFalse(self.map.touch("k", again, seen))
        self.assertIsNone(self.map.get("k"))

    # -- whose it is

    def test_owners(self) -> None:
        """owned_by gives one user's entries, oldest first, and drop_owned_by removes those and no others."""
        self.fill("c", "a", "b", user_id="u")
        self.fill("d", user_id="v")
        self.fill("nobody's")
        self.assertEqual(list(self.map.owned_by("u")), ["c", "a", "b"])
        self.assertEqual(self.map.owned_by("v"), {"d": Note("d", "v")})
        self.assertEqual(self.map.owned_by("w"), {})
        self.assertEqual(self.map.drop_owned_by("u"), 3)
        self.assertEqual(self.map.drop_owned_by("u"), 0)
        self.assertEqual(self.map.owned_by("u"), {})
        self.assertEqual(self.keys(), ["d", "nobody's"])

    def test_owners_that_look_alike(self) -> None:
        """ "Log this user out everywhere" means this user, whatever signs an id is made of."""
        owners = ["abc", "ABC", "abc ", "a_c", "a%", "%", "*", "a*", "ab", "None"]
        for owner in owners:
            self.map[f"of {owner}"] = Note(user_id=owner)
        self.fill("nobody's")
        for number, owner in enumerate(owners):
            with self.subTest(repr(owner)):
                self.assertEqual(list(self.map.owned_by(owner)), [f"of {owner}"])
                self.assertEqual(self.map.drop_owned_by(owner), 1)
                self.assertEqual(len(self.map), len(owners) - number)
        self.assertEqual(self.keys(), ["nobody's"])

    def test_keys_and_owners_of_equal_letters(self) -> None:
        """A key and an owner are their letters: it does not matter that each request brings other copies of them."""

        def copied(text: str) -> str:
            return "".join(list(text))

        self.fill(copied("k1"), copied("k2"), user_id=copied("user"))
        self.fill(copied("k1"), user_id=copied("user"))
        self.assertEqual(list(self.map.owned_by(copied("user"))), ["k1", "k2"])
        self.assertIsNotNone(self.map.pop(copied("k1")))
        self.assertEqual(list(self.map.owned_by(copied("user"))), ["k2"])
        self.assertEqual(self.map.drop_owned_by(copied("user")), 1)

    def test_owner_after_a_change_of_value(self) -> None:
        """A new value of the same owner is found once, with its new content."""
        self.fill("a", "b", user_id="u")
        self.map["a"] = Note("stored", "u")
        self.map.replace("b", Note("b", "u"), Note("replaced", "u"))
        self.assertEqual(self.map.owned_by("u"), {"a": Note("stored", "u"), "b": Note("replaced", "u")})
        self.assertEqual(self.map.drop_owned_by("u"), 2)
        self.assertEqual(len(self.map), 0)

    def test_the_order_after_a_change_of_value(self) -> None:
        """A new value keeps the place of the old one: the oldest login stays the one that goes first."""
        self.fill("a", "b", "c", "d", user_id="u")
        self.map["a"] = Note("stored", "u")
        self.map.replace("b", Note("b", "u"), Note("replaced", "u"))
        self.map.touch("c", Note("c", "u"), Note("touched", "u"))
        self.assertEqual(list(self.map.owned_by("u")), ["a", "b", "c", "d"])

    def test_owner_after_a_change_of_owner(self) -> None:
        """An entry that changes hands belongs to the new owner only: dropping the old one's leaves it alone."""
        self.fill("stored", "replaced", "given up", "kept", user_id="u")
        self.map["stored"] = Note("stored", "v")
        self.map.replace("replaced", Note("replaced", "u"), Note("replaced", "v"))
        self.map["given up"] = Note("given up")
        self.assertEqual(list(self.map.owned_by("u")), ["kept"])
        self.assertEqual(list(self.map.owned_by("v")), ["stored", "replaced"])
        self.assertEqual(self.map.drop_owned_by("u"), 1)
        self.assertEqual(self.keys(), ["given up", "replaced", "stored"])

    def test_owner_after_pop(self) -> None:
        """What was popped is nobody's any more; stored again by somebody else, it is theirs."""
        self.fill("a", "b", user_id="u")
        self.map.pop("a")
        self.assertEqual(list(self.map.owned_by("u")), ["b"])
        self.fill("a", user_id="v")
        self.assertEqual(self.map.drop_owned_by("u"), 1)
        self.assertEqual(self.map.get("a"), Note("a", "v"))

    def test_owner_after_the_end(self) -> None:
        """What has ended is nobody's any more, and does not count when the owner's entries are dropped."""
        self.fill("short", user_id="u", expires_at=START + 10)
        self.fill("long", user_id="u", expires_at=START + 20)
        self.clock.advance(10)
        self.assertEqual(list(self.map.owned_by("u")), ["long"])
        self.fill("short", user_id="v")  # the key serves again, for somebody else
        self.assertEqual(self.map.drop_owned_by("u"), 1)
        self.assertEqual(self.map.get("short"), Note("short", "v"))

    # -- until when

    def test_every_verb_at_the_end(self) -> None:
        """Up to the last moment before `expires_at` every verb finds the entry, and from that moment on none does."""
        note = Note("k", "u", START + 10)
        verbs: dict[str, tuple[Callable[[Map[Note]], object], object, object]] = {
            # verb: how it is called, what it says of a live entry, what it says of one that has ended
            "get": (lambda m: m.get("k"), note, None),
            "pop": (lambda m: m.pop("k"), note, None),
            "setdefault": (lambda m: m.setdefault("k", Note("new")), note, Note("new")),
            "replace": (lambda m: m.replace("k", note, Note("new")), True, False),
            "owned_by": (lambda m: m.owned_by("u"), {"k": note}, {}),
            "drop_owned_by": (lambda m: m.drop_owned_by("u"), 1, 0),
            "page": (lambda m: m.page("", 10), {"k": note}, {}),
            "len": (lambda m: len(m), 1, 0),
        }
        for verb, (call, live, ended) in verbs.items():
            for after, expected in ((9.999, live), (10, ended), (10.001, ended), (1e9, ended)):
                with self.subTest(verb, after=after):
                    self.clock.time = START
                    entries = self.make(self.clock)
                    entries["k"] = note
                    self.clock.advance(after)
                    self.assertEqual(call(entries), expected)

    def test_no_end(self) -> None:
        """An entry without an end is still there after a century."""
        self.fill("k")
        self.clock.advance(100 * 365 * 86400)
        self.assertEqual(self.map.get("k"), Note("k"))
        self.assertEqual(len(self.map), 1)

    def test_an_end_in_the_past(self) -> None:
        """What has ended before it is stored is not there, and does not keep the key from others."""
        self.fill("k", user_id="u", expires_at=START - 1)
        self.assert_gone("k", "u")
        self.assertEqual(self.map.setdefault("k", Note("new")), Note("new"))

    def test_another_end(self) -> None:
        """The end is that of the value stored last, be it later, earlier, new or none: the one before means nothing."""
        ends = {
            "later": (10, 20),
            "much later": (10, 10_000),
            "earlier": (20, 10),
            "a new one": (None, 10),
            "none any more": (10, None),
        }
        for name, (first, second) in ends.items():
            for way in ("[]=", "replace"):
                with self.subTest(name, way=way):
                    self.clock.time = START
                    self.map = self.make(self.clock)
                    old = Note("k", "u", first and START + first)
                    new = Note("k", "u", second and START + second)
                    self.map["k"] = old
                    if way == "replace":
                        self.assertTrue(self.map.replace("k", old, new))
                    else:
                        self.map["k"] = new
                    self.clock.time = START + (second or 10_000) - 0.5
                    self.assertEqual(self.map.get("k"), new)
                    self.assertEqual((len(self.map), self.keys(), list(self.map.owned_by("u"))), (1, ["k"], ["k"]))
                    if second is not None:
                        self.clock.time = START + second
                        self.assert_gone("k", "u")

    def test_an_end_moved_many_times(self) -> None:
        """An entry whose end is moved with each use lives exactly until the last of these ends."""
        for step in range(50):
            self.map["k"] = Note("k", "u", self.clock() + 10)
            self.clock.advance(9)
            self.assertEqual(len(self.map), 1, step)
        self.clock.advance(1)
        self.assert_gone("k", "u")

    def test_many_ends(self) -> None:
        """Of entries that end one after the other, in any order, exactly those that have not ended are there."""
        ends = [(7 * number) % 101 for number in range(1, 101)]  # 1 to 100, shuffled
        for end in ends:
            self.map[f"{end:03}"] = Note(user_id="u", expires_at=START + end)
        for second in range(0, 101, 10):
            with self.subTest(second=second):
                self.clock.time = START + second
                live = [f"{end:03}" for end in range(second + 1, 101)]
                self.assertEqual(self.keys(), live)
                self.assertEqual(sorted(self.map.owned_by("u")), live)
                self.assertEqual(len(self.map), len(live))

    def assert_gone(self, key: str, user_id: str) -> None:
        """No verb that only looks finds the entry."""
        self.assertIsNone(self.map.get(key))
        self.assertEqual(self.map.page("", 10), {})
        self.assertEqual(self.map.owned_by(user_id), {})
        self.assertEqual(len(self.map), 0)

    # -- page by page

    def test_order_of_a_page(self) -> None:
        """Keys come in the order of their code points, whenever they were stored: `Z` before `_` before `a`."""
        self.fill("b", "_", "a", "Z", "0", "ab", "-", "é", "~")
        self.assertEqual(self.keys(), ["-", "0", "Z", "_", "a", "ab", "b", "~", "é"])

    def test_where_a_page_begins_and_ends(self) -> None:
        """A page begins after `after`, be it there or not, and has at most `limit` entries."""
        self.fill("a", "b", "d")
        pages = {
            ("", 10): ["a", "b", "d"],
            ("", 2): ["a", "b"],
            ("a", 2): ["b", "d"],
            ("b", 2): ["d"],
            ("c", 2): ["d"],
            ("d", 2): [],
            ("A", 1): ["a"],
            ("\0", 1): ["a"],
            ("%", 1): ["a"],
            ("a\0", 1): ["b"],
            ("\U0001f511", 1): [],
            ("z" * 10_000, 1): [],
        }
        for (after, limit), expected in pages.items():
            with self.subTest(after=after[:10], limit=limit):
                self.assertEqual(list(self.map.page(after, limit)), expected)
                self.assertEqual(self.map.page(after, limit), {key: Note(key) for key in expected})

    def test_ended_entries_on_a_page(self) -> None:
        """What has ended takes no place on a page: the live ones behind it move up."""
        self.fill("a", "b", "c", expires_at=START + 10)
        self.fill("d", "e", "f")
        self.clock.advance(10)
        self.assertEqual(list(self.map.page("", 2)), ["d", "e"])

    def test_a_walk_while_the_map_changes(self) -> None:
        """Page after page meets each entry that stays exactly once, though others come and go meanwhile."""
        stay = [f"{number:02}" for number in range(20)]
        self.fill(*stay)
        seen: list[str] = []
        after = ""
        while len(seen) < 100 and (page := self.map.page(after, 3)):
            seen += page
            after = max(page)
            self.fill(after + "+", "!")  # one just ahead, one behind
            self.map.pop(after + "+")
        self.assertEqual(seen, stay)

    # -- at once

    def test_setdefault_at_once(self) -> None:
        """However many insert under one key at once, one does, and all hear the same value."""
        for _ in range(self.ROUNDS):
            self.make_for_a_race()
            notes = [Note(str(n), f"u{n}", self.LATER) for n in range(self.THREADS)]
            heard = race(*[partial(self.map.setdefault, "k", note) for note in notes])
            self.assertEqual(len(set(heard)), 1)
            winner = self.map.get("k")
            self.assertEqual(winner, heard[0])
            owned = [self.map.owned_by(note.user_id) for note in notes]
            self.assertEqual([entries for entries in owned if entries], [{"k": winner}])
            self.assertEqual(len(self.map), 2)

    def test_setdefault_at_once_over_what_has_ended(self) -> None:
        """One of many takes a key whose entry has ended, too."""
        for _ in range(self.ROUNDS):
            self.make_for_a_race()
            self.fill("k", user_id="u", expires_at=self.clock())
            heard = race(*[partial(self.map.setdefault, "k", Note(str(n))) for n in range(self.THREADS)])
            self.assertEqual(set(heard), {self.map.get("k")})
            self.assertEqual(self.map.owned_by("u"), {})

    def test_pop_at_once(self) -> None:
        """However many pop one entry at once, one gets it: a refresh token is used once."""
        for _ in range(self.ROUNDS):
            self.make_for_a_race()
            self.fill("k", user_id="u", expires_at=self.LATER)
            popped = race(*[partial(self.map.pop, "k")] * self.THREADS)
            self.assertEqual([note for note in popped if note], [Note("k", "u", self.LATER)])
            self.assertEqual((self.keys(), self.map.owned_by("u")), (["~bystander"], {}))

    def test_replace_at_once(self) -> None:
        """However many replace one value at once, one succeeds, and its value is there."""
        for _ in range(self.ROUNDS):
            self.make_for_a_race()
            old = Note("old", "u", self.LATER)
            self.map["k"] = old
            new = [Note(str(n), f"u{n}", self.LATER) for n in range(self.THREADS)]
            won = race(*[partial(self.map.replace, "k", old, note) for note in new])
            self.assertEqual(won.count(True), 1)
            winner = new[won.index(True)]
            self.assertEqual(self.map.get("k"), winner)
            self.assertEqual((self.map.owned_by(winner.user_id), self.map.owned_by("u")), ({"k": winner}, {}))

    def test_counting_at_once(self) -> None:
        """A counter that many raise by get and replace loses no step: an attacker gets no free tries."""
        self.make_for_a_race()
        self.fill("k", expires_at=self.LATER)

        def step() -> None:
            while True:
                old = self.map.get("k")
                if self.map.replace("k", old, replace(old, number=old.number + 1)):
                    return

        for _ in range(self.ROUNDS):
            race(*[step] * 10)
        self.assertEqual(self.map.get("k").number, 10 * self.ROUNDS)

    def test_drop_while_others_insert(self) -> None:
        """An entry stored while its owner's are dropped is dropped or stays; it is never lost and never nobody's."""
        for _ in range(self.ROUNDS):
            self.make_for_a_race()
            inserts = [partial(self.fill, f"{n}a", f"{n}b", user_id="u", expires_at=self.LATER) for n in range(20)]
            drop = partial(self.map.drop_owned_by, "u")
            dropped = sum(race(*inserts, *[lambda drop=drop: sum(drop() for _ in range(10))] * 5))
            left = self.map.owned_by("u")
            self.assertEqual([*sorted(left), "~bystander"], self.keys())
            self.assertEqual(dropped + len(left), 40)
            self.assertEqual(self.map.drop_owned_by("u"), len(left))
            self.assertEqual(self.keys(), ["~bystander"])

    def test_drop_while_others_pop(self) -> None:
        """An entry is either popped or dropped: each is handed out once."""
        keys = [f"{n:02}" for n in range(20)]
        for _ in range(self.ROUNDS):
            self.make_for_a_race()
            self.fill(*keys, user_id="u", expires_at=self.LATER)
            outcomes = race(*[partial(self.map.pop, key) for key in keys], *[partial(self.map.drop_owned_by, "u")] * 5)
            handed_out = [1 if isinstance(outcome, Note) else outcome or 0 for outcome in outcomes]
            self.assertEqual(sum(handed_out), len(keys))
            self.assertEqual((self.keys(), self.map.owned_by("u")), (["~bystander"], {}))

    def test_everything_at_once(self) -> None:
        """After any tangle of verbs the owners' index, the pages and the entries tell the same story."""
        keys, owners = ["a", "b", "c"], ["u", "v"]
        self.make_for_a_race()

        def tangle(n: int) -> None:
            for step in range(5):
                key, owner = keys[(n + step) % 3], owners[(n * step) % 2]
                self.map[key] = Note(str(step), owner, self.LATER)
                self.map.pop(keys[step % 3])
                self.map.setdefault(key, Note("d", owner))
                if step % 5 == n % 5:
                    self.map.drop_owned_by(owner)
                self.map.page("", 2)

        race(*[partial(tangle, n) for n in range(10)])
        owned = self.map.owned_by("u") | self.map.owned_by("v")
        self.assertEqual([*sorted(owned), "~bystander"], self.keys())
        self.assertEqual(owned, {key: self.map.get(key) for key in owned})
        self.assertEqual(len(self.map), len(owned) + 1)


class MemoryMapTest(MapContract, unittest.TestCase):
    def make(self, now: Callable[[], float]) -> Map[Note]:
        return MemoryMap(now)


@dataclass(frozen=True)
class Weak:
    """A value whose life in memory can be watched (one with slots cannot)."""

    user_id: str | None = None
    expires_at: float | None = None


class Key(str):
    """A key whose life in memory can be watched."""


class MemoryOnly(unittest.TestCase):
    """What holds for the map in memory alone."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.map: MemoryMap[Any] = MemoryMap(self.clock)

    def test_values_without_owner_or_end(self) -> None:
        """A value that has neither field belongs to nobody and never ends."""
        self.map["k"] = "just text"
        self.clock.advance(1e9)
        self.assertEqual(self.map.get("k"), "just text")
        self.assertEqual(self.map.page("", 10), {"k": "just text"})

    def test_values_after_they_left(self) -> None:
        """Whatever removes an entry, its value is really gone: what is forgotten cannot be read from memory either."""
        gc.freeze()  # what the tests before left is looked through no more: it would take a second
        self.addCleanup(gc.unfreeze)
        ways: dict[str, Callable[[], object]] = {
            "pop": lambda: self.map.pop("k"),
            "[]=": lambda: self.map.__setitem__("k", Weak()),
            "replace": lambda: self.map.replace("k", self.map.get("k"), Weak()),
            "drop_owned_by": lambda: self.map.drop_owned_by("u"),
            "its end, then a write": lambda: (self.clock.advance(10), self.map.__setitem__("other", Weak())),
            "its end, then pop": lambda: (self.clock.advance(10), self.map.pop("k")),
        }
        for name, remove in ways.items():
            with self.subTest(name):
                self.map = MemoryMap(self.clock)
                self.map["k"] = value = Weak("u", self.clock() + 10)
                watch = weakref.ref(value)
                del value
                gc.collect()
                self.assertIsNotNone(watch(), "it should be there as long as the map has it")
                remove()
                gc.collect()
                self.assertIsNone(watch())

    def test_an_earlier_end_frees_earlier(self) -> None:
        """An entry whose end was moved to an earlier time leaves the memory at that time, not at the first one."""
        self.map["k"] = Weak("u", START + 1000)
        self.map["k"] = value = Weak("u", START + 10)
        watch = weakref.ref(value)
        del value
        self.clock.advance(10)
        self.map["other"] = Weak()
        gc.collect()
        self.assertIsNone(watch())

    def test_generation_after_generation(self) -> None:
        """Keys, owners and ends leave with their entries: many short visits need the memory of a few."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        sizes = []
        for generation in range(8):
            for number in range(300):
                self.map[f"key {generation} {number}"] = Weak(f"owner {generation} {number}", self.clock() + 10)
            sizes.append(tracemalloc.get_traced_memory()[0])
            self.clock.advance(10)
        self.assertEqual(len(self.map), 0)
        self.assertLess(sizes[-1], 1.5 * sizes[0])

    def test_many_that_leave_early(self) -> None:
        """Logging in and out a thousand times, or out everywhere, leaves no pile of keys; what stays ends on time."""
        self.map["first"], self.map["for ever"] = Weak(None, START + 10), Weak()
        for number in range(50):
            self.map[f"later {number}"] = Weak(None, START + 20)
        watches = []
        for number in range(1000):
            key = Key(number)
            watches.append(weakref.ref(key))
            self.map[key] = Weak("u", START + 1000)
            self.map.pop(key)
        for number in range(1000):
            key = Key(f"of one {number}")
            watches.append(weakref.ref(key))
            self.map[key] = Weak("one", START + 1000)
        del key
        self.assertEqual(self.map.drop_owned_by("one"), 1000)
        self.come_and_go(700)
        gc.collect()
        self.assertLess(sum(watch() is not None for watch in watches), 60)
        for moment, left in ((9, 52), (10, 51), (19, 51), (20, 1), (2000, 1)):
            with self.subTest(moment=moment):
                self.clock.time = START + moment
                self.assertEqual(len(self.map), left)

    def come_and_go(self, times: int) -> None:
        """Store and pop so many new entries: each that comes looks at a few others, also at keys that have left."""
        for _ in range(times):
            self.map["visitor"] = Weak()
            self.map.pop("visitor")

    def test_a_thousand_that_end_at_once(self) -> None:
        """No write pays for all of them; a few hundred entries later, none of them is left in memory."""
        ended = [Weak("u", START + 10) for _ in range(1000)]
        watches = [weakref.ref(value) for value in ended]
        for number, value in enumerate(ended):
            self.map[f"short {number}"] = value
        ended.clear()
        del value
        self.clock.advance(10)
        left = []
        for _ in range(6):
            self.come_and_go(100)
            left.append(sum(watch() is not None for watch in watches))
        self.assertEqual(left[-1], 0)
        self.assertGreater(left[0], 500)

    def test_what_a_write_costs(self) -> None:
        """A write looks at a few entries, however many there are, and however many have come and gone."""
        looks = 0

        class Counted:
            @property
            def expires_at(self) -> float:
                nonlocal looks
                looks += 1
                return START + 1000

        for number in range(3000):
            self.map[str(number)] = Counted()
        for _ in range(1000):
            self.map["x"] = Counted()
            self.map.pop("x")
        self.assertLess(looks, 5 * 5000)

    def test_its_store(self) -> None:
        """The maps of a memory store go by its clock; no other process sees them, and nothing is kept or slow."""
        store = Store(self.clock)
        notes = store.map("notes", Note)
        notes["k"] = Note("k", None, START + 10)
        for moment, expected in ((9, Note("k", None, START + 10)), (10, None)):
            self.clock.time = START + moment
            self.assertEqual(notes.get("k"), expected)
        self.assertEqual((store.shared, store.slow, store.key_file), (False, frozenset(), None))
        self.assertEqual(store.warnings(), [])


if __name__ == "__main__":
    unittest.main()
