"""What every store has in common: its name, its text, its races between processes; and the app when a store is away.

`ProcessRaces` is run on each store that processes share.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from authref.app.routes import Route
from authref.maps import Map, Store, StoreUnavailable
from authref.refresh import Family
from authref.revocation import CLOCK_ERROR, Denial
from authref.sessions import IDLE_LIFETIME, TOUCH_INTERVAL, Session
from authref.stores import open_store
from authref.stores.codec import KEPT, LONGEST, Codec
from authref.throttle import FORGET_AFTER, Counter
from authref.users import Pointer, User
from authref.wire import Request, Response
from tests import test_app
from tests.basics import PASSWORD, START, Clock
from tests.support import WITHOUT_REDIS, Harness, body, hashed, in_forks
from tests.test_maps import Note, Watched

ROOT = Path(__file__).parent.parent
ALICE = {"email": "alice@example.com", "password": PASSWORD}
T = TypeVar("T")
VERBS = ("get", "set", "setdefault", "pop", "replace", "owned_by", "drop_owned_by", "page")

COUNTER = Counter(-1, 0.0, 1e11)


class ProcessRaces:
    """Several processes and one store. Inherit it beside unittest.TestCase; `open` opens a store that begins empty."""

    RACERS: int
    ROUNDS: int

    def test_processes(self) -> None:
        """Of processes that open a new store at once, each succeeds; of those that want one thing, exactly one gets it.

        Two that both believe to be first are two accounts of one address, or a refresh token used twice.
        """
        won = {"setdefault": self.race(self.take_what_is_free)}
        with closing(self.open()) as store:
            entries = store.map("counters", Counter)
            for number in range(self.ROUNDS):
                entries[f"there {number}"] = entries[f"zero {number}"] = COUNTER
            entries["sum"] = Counter(0, 0.0, 1e11)
        both = self.race(self.take_what_is_there)
        won["pop"], won["replace"] = [pop for pop, _ in both], [replaced for _, replaced in both]
        for verb, numbers in won.items():
            with self.subTest(verb):
                self.assertEqual(sorted(sum(numbers, [])), list(range(self.ROUNDS)))
        with closing(self.open()) as store:
            entries = store.map("counters", Counter)
            for number in range(self.ROUNDS):
                with self.subTest("who won is who is there", number=number):
                    first, last = entries.get(f"free {number}"), entries.get(f"zero {number}")
                    self.assertIn(number, won["setdefault"][first.count])
                    self.assertIn(number, won["replace"][last.count])
                    self.assertIsNone(entries.get(f"there {number}"))
            self.assertEqual(entries.get("sum").count, self.RACERS * self.ROUNDS)

    def test_what_another_process_wrote(self) -> None:
        """Once it is written it is what all read, however often they have read the value from before."""

        def wait_for(entries: Map[Counter], key: str) -> None:
            give_up = time.monotonic() + 10
            while not entries.get(key) and time.monotonic() < give_up:
                time.sleep(0.001)

        def read() -> list[Counter | None]:
            with closing(self.open()) as store:
                entries = store.map("counters", Counter)
                entries["k"] = COUNTER
                seen = [entries.get("k") for _ in range(3)]
                entries["seen"] = COUNTER
                wait_for(entries, "written")
                return [*seen, entries.get("k")]

        def write() -> list[Counter | None]:
            with closing(self.open()) as store:
                entries = store.map("counters", Counter)
                wait_for(entries, "seen")
                entries["k"] = replace(COUNTER, count=7)
                entries["written"] = COUNTER
                return [entries.get("k")]

        changed = replace(COUNTER, count=7)
        self.assertEqual(in_forks(read, write), [[COUNTER] * 3 + [changed], [changed]])

    def test_a_server_whose_clock_is_ahead(self) -> None:
        """It finds no session any more, but ends none: those whose clocks are right find it, and its owner's others."""
        for ahead, left in ((40 * 60, True), (CLOCK_ERROR - 1, True), (2 * CLOCK_ERROR, False)):
            with self.subTest(ahead=ahead), closing(self.open()) as store:
                notes = store.map(f"ahead by {ahead}", Note)
                session = notes["k"] = Note("k", "u", self.clock() + 1)
                self.clock.advance(1 + ahead)
                self.assertIsNone(notes.get("k"))
                for number in range(30):
                    notes[f"its own {number}"] = Note(user_id="u" if number % 2 else "v", expires_at=self.clock() + 100)
                self.clock.advance(-1 - ahead)
                found = notes.get("k"), notes.owned_by("u").get("k")
                self.assertEqual(found, (session, session) if left else (None, None))
                self.assertTrue(all(notes.get(f"its own {number}") for number in range(30)))

    def race(self, job: Callable[[Map[Counter], Counter], T]) -> list[T]:
        """What the job returns in each of the processes, which open the store for themselves, at one moment."""

        def run(number: int) -> T:
            with closing(self.open()) as store:
                return job(store.map("counters", Counter), Counter(number, 0.0, 1e11))

        return in_forks(*(partial(run, number) for number in range(self.RACERS)))

    def take_what_is_free(self, entries: Map[Counter], mine: Counter) -> list[int]:
        """The numbers of the entries that this process was the first to make."""
        return [n for n in range(self.ROUNDS) if entries.setdefault(f"free {n}", mine) == mine]

    def take_what_is_there(self, entries: Map[Counter], mine: Counter) -> tuple[list[int], list[int]]:
        """The numbers of those that it removed, and replaced; and it counts to ROUNDS together with the others."""
        popped = [n for n in range(self.ROUNDS) if entries.pop(f"there {n}")]
        replaced = [n for n in range(self.ROUNDS) if entries.replace(f"zero {n}", COUNTER, mine)]
        for _ in range(self.ROUNDS):
            while (old := entries.get("sum")) and not entries.replace("sum", old, replace(old, count=old.count + 1)):
                pass
        return popped, replaced


class Names(unittest.TestCase):
    def test_what_names_no_store(self) -> None:
        """A name with a mistake in it is refused in one sentence: nobody keeps accounts where they did not mean to."""
        for name in ("", "Memory", "memory:", " memory", "mem", "sqlite", "sqlite:", "SQLITE:x", "sqlite3:x", "/tmp/x",
                     "redis", "redis:", "redis:/localhost", "redis//localhost", "Redis://localhost", "postgres://x",
                     "http://localhost"):  # fmt: skip
            with (
                self.subTest(name),
                self.assertRaisesRegex(ValueError, "^A store is one of: memory, sqlite:PATH, redis:"),
            ):
                open_store(name)

    def test_what_names_one(self) -> None:
        """The twin: each of the names opens its kind of store, on the clock that was given."""
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            for name, kind, shared in (
                ("memory", "Store", False),
                (f"sqlite:{folder}/store", "SqliteStore", True),
                (f"sqlite:{folder}/a:b", "SqliteStore", True),
            ):
                with self.subTest(name), closing(open_store(name, clock)) as store:
                    self.assertEqual((type(store).__name__, store.shared, store.warnings()), (kind, shared, []))
                    store.check()
                    notes = store.map("notes", Note)
                    notes["k"] = Note(expires_at=clock() + 1)
                    self.assertEqual(len(notes), 1)
                    clock.advance(1)
                    self.assertEqual(len(notes), 0)

    def test_redis_without_its_package(self) -> None:
        """Whoever has not installed the package is told how to; the other stores do without it."""
        absent = dict.fromkeys(("redis", "authref.stores.redis_store"))
        with mock.patch.dict(sys.modules, absent):
            for name in ("redis://localhost", "rediss://localhost/1", "unix:///run/redis.sock",
                         "redis+sentinel://localhost/mymaster", "rediss+sentinel://localhost/mymaster"):  # fmt: skip
                with self.subTest(name), self.assertRaisesRegex(ValueError, r"^The Redis store .*pip install redis$"):
                    open_store(name)
            with tempfile.TemporaryDirectory() as folder:
                open_store(f"sqlite:{folder}/store").close()

    def test_copies(self) -> None:
        """A count of replicas reaches Redis, and is refused elsewhere: whoever asked for it believes in it."""
        clock, module = Clock(), mock.Mock()
        with mock.patch.dict(sys.modules, {"authref.stores.redis_store": module}):
            open_store("redis://localhost", clock, copies=2)
        module.RedisStore.assert_called_once_with("redis://localhost", clock, copies=2)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("memory", f"sqlite:{folder}/store"):
                with self.subTest(name), self.assertRaisesRegex(ValueError, "^Only Redis .* leave --store-copies"):
                    open_store(name, clock, copies=1)
            self.assertEqual(list(Path(folder).iterdir()), [])


@dataclass(frozen=True)
class Older:
    """A value as an older version wrote it."""

    user_id: str
    count: int


@dataclass(frozen=True)
class Newer:
    """The same kind of value in a newer version."""

    user_id: str
    count: int
    colour: str = "none"
    marks: tuple[str, ...] = ("a",)
    ends: float | None = None


class Texts(unittest.TestCase):
    FAMILY = Family("u", 1, START, START + 0.1, START + 1e6, "agent", ("a", "b"), "c", START + 1 / 3)
    VALUES = (
        User("u", "a@example.com", "admin", True, "2100-01-15T08:00:00Z", "$2b$04$x", 3),
        User("", "", "", False, ""),
        Pointer("u"),
        Pointer("u", 0),
        Pointer("u", START + 0.1 + 0.2),
        Session("u", 0, START, START + 1e-6, START + 1800, 'Mozilla "5.0" \\ \0 \u2028 \U0001f511 \x7f'),
        FAMILY,
        replace(FAMILY, live=()),
        replace(FAMILY, live=tuple(str(n) for n in range(1000))),
        Denial(START),
        Counter(2**53 + 1, 0, 1e300),
    )

    def test_every_kind_of_value(self) -> None:
        """What is read is what was written: equal, of the same types, hashable, and again the same text."""
        for value in self.VALUES:
            with self.subTest(value):
                codec = Codec(type(value))
                text = codec.write(value)
                found = codec.read(text)
                self.assertEqual(found, value)
                self.assertEqual([type(x) for x in astuple(found)], [type(x) for x in astuple(value)])
                self.assertEqual(hash(found), hash(value))
                self.assertEqual(codec.write(found), text)
                self.assertNotIn("\n", text)

    def test_what_is_kept(self) -> None:
        """Values are kept by their text, of which there is room for some thousand short ones: memory has an end."""
        codec = Codec(Pointer)
        texts = [codec.write(Pointer(f"{number}")) for number in range(KEPT + 100)]
        values = [codec.read(text) for text in texts]
        self.assertIs(codec.read(texts[-1]), values[-1])
        self.assertIsNot(codec.read(texts[0]), values[0])
        self.assertEqual(codec.read(texts[0]), values[0])
        long = codec.write(Pointer("x" * LONGEST))
        self.assertIsNot(codec.read(long), codec.read(long))

    def test_an_older_version(self) -> None:
        """An entry from before a field was added is read, with the field's default."""
        text = Codec(Older).write(Older("u", 5))
        self.assertEqual(Codec(Newer).read(text), Newer("u", 5))
        self.assertEqual(hash(Codec(Newer).read(text)), hash(Newer("u", 5)))

    def test_a_newer_version(self) -> None:
        """An entry with a field that is not known here is refused: what it says cannot be kept."""
        text = Codec(Newer).write(Newer("u", 5))
        self.assertRaises(StoreUnavailable, Codec(Older).read, text)

    def test_numbers_that_are_none(self) -> None:
        """Neither infinity nor NaN is written: JSON has no such thing, and other readers would stumble."""
        for number in (math.inf, -math.inf, math.nan):
            self.assertRaises(ValueError, Codec(Denial).write, Denial(number))

    def test_what_nobody_wrote(self) -> None:
        """Whatever stands in an entry, reading it gives a value or StoreUnavailable, which says nothing of the content.

        Any other exception would be a crash instead of a 503, and a message with the content would put it into the log.
        """
        texts = ["", " ", "{}", "[]", "null", "5", '"x"', "NaN", "{", '{"a":1}', "[" * 200_000, '{"a":' * 200_000,
                 "9" * 5000, '{"user_id":"u","user_id":"v","hunter2":1}', "\ud800", "\0"]  # fmt: skip
        chance = random.Random(4711)
        for value in self.VALUES:
            codec = Codec(type(value))
            text = codec.write(value)
            members = json.loads(text)
            texts += [json.dumps({k: v for k, v in members.items() if k != name}) for name in members]
            texts += [json.dumps(members | {name: v}) for name in members for v in (None, [], {}, 5, "hunter2", [[1]])]
            for _ in range(50):
                cut, more = chance.randrange(len(text)), chance.randrange(8)
                texts.append(text[:cut] + chance.choice(['"', "{", "]", ",", "\\", "", "1e999"]) + text[cut + more :])
        refused = 0
        for kind in (User, Pointer, Session, Family, Denial, Counter):
            for text in texts:
                try:
                    value = Codec(kind).read(text)
                except StoreUnavailable as error:
                    refused += 1
                    self.assertRegex(str(error), f"^an entry is no {kind.__name__} ")
                    self.assertNotIn("hunter2", str(error))
                    self.assertIsNone(error.__cause__)
                else:
                    self.assertIsInstance(value, kind)
        self.assertGreater(refused, 1000)


class Frail(Store):
    """A store that is away while `away` says so of the verb that is asked, or of its number."""

    shared, slow, key_file = False, frozenset[str](), None

    def __init__(self, now: Callable[[], float]) -> None:
        self.inner = Store(now)
        self.away: Callable[[str, int], bool] = lambda verb, number: False
        self.asked = 0

    def map(self, name: str, kind: type[Any]) -> Map[Any]:
        watched = FrailMap(self.inner.map(name, kind))
        watched.store = self
        watched.before = self.ask
        return watched

    def ask(self, verb: str, key: str) -> None:
        self.asked += 1
        if self.away(verb, self.asked):
            raise StoreUnavailable("it went away\r\nat hunter2")

    def check(self) -> None:
        self.ask("check", "")

    def warnings(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


class FrailMap(Watched[Any]):
    store: Frail

    def __len__(self) -> int:
        self.store.ask("len", "")
        return super().__len__()


class WhenTheStoreIsAway(unittest.TestCase):
    def setUp(self) -> None:
        for name, stand_in in (("hash_password", hashed), ("verify_password", lambda text, *_: text == PASSWORD)):
            patch = mock.patch(f"authref.users.{name}", stand_in)  # these tests log in a thousand times
            patch.start()
            self.addCleanup(patch.stop)
        self.begin()

    def begin(self) -> None:
        self.harness = Harness(Frail)
        store = self.harness.app.store
        assert isinstance(store, Frail)
        self.store = store
        self.requests = test_app.WhenPartsBreak.requests(mock.Mock(), self.harness)
        self.harness.log.clear()

    def back(self) -> None:
        self.store.away = lambda verb, number: False

    def assert_unavailable(self, answer: Response) -> None:
        """503 with a time to come back, and nothing that would let anybody in."""
        self.assertEqual((answer.status, body(answer)["code"]), (503, "store_unavailable"))
        self.assertEqual(answer.header("retry-after"), "1")
        self.assertEqual(answer.header("content-type"), "application/problem+json")
        self.assertIsNone(answer.header("set-cookie"))
        self.assertNotIn(b"hunter2", answer.body)

    def assert_well(self) -> None:
        """Everybody can log in, be known, and sign up; the admin is one."""
        harness = self.harness
        self.assertEqual(harness.send("GET", "/health").status, 200)
        new = {"email": f"after{self.store.asked}@example.com", "password": PASSWORD}
        self.assertEqual(harness.send("POST", "/signup", new).status, 201)
        self.assertEqual(harness.send("GET", "/me", cookie=harness.cookie(new["email"])).status, 200)
        root = harness.bearer("root@example.com")
        self.assertEqual(harness.send("GET", "/users", authorization=root).status, 200)

    def test_every_verb(self) -> None:
        """A verb that raises costs those who need it a 503, one line in the log, and nobody anything else."""
        for away in (*VERBS, "check"):
            self.begin()
            self.store.away = lambda verb, number, away=away: verb == away
            answers = [self.harness.send(method, target, value, **headers)
                       for method, target, value, headers in self.requests]  # fmt: skip
            with self.subTest(away):
                unavailable = [answer for answer in answers if answer.status == 503]
                self.assertNotEqual(unavailable, [], "no request needs it")
                for answer in unavailable:
                    self.assert_unavailable(answer)
                self.assertLessEqual({answer.status for answer in answers}, {200, 201, 204, 503})
                lines = self.harness.events("sys_store_unavailable")
                self.assertEqual(len(lines), len(unavailable))
                self.assertEqual(self.harness.events("sys_crash"), [])
                self.back()
                self.assert_well()

    def test_all_of_it(self) -> None:
        """While nothing answers, what needs the store is 503; the documents are served, and tokens are believed."""
        self.store.away = lambda verb, number: True
        statuses = {}
        for method, target, value, headers in self.requests:
            answer = self.harness.send(method, target, value, **headers)
            statuses[f"{method} {target}"] = answer.status
            if answer.status == 503:
                self.assert_unavailable(answer)
        stays = {"GET /", "GET /openapi.json", "GET /token/me"}
        self.assertEqual({name for name, status in statuses.items() if status != 503}, stays)
        self.assertEqual({statuses[name] for name in stays}, {200})
        self.back()
        self.assert_well()

    def test_a_wrong_password_meanwhile(self) -> None:
        """Whatever part of a login cannot be asked, a wrong password, a made-up cookie or token lets nobody in."""
        wrong = {"email": "alice@example.com", "password": "a wrong password"}
        made_up = "A" * 22 + "." + "A" * 43
        attempts: tuple[tuple[str, str, object, dict[str, str]], ...] = (
            ("POST", "/login", wrong, {}),
            ("POST", "/token/login", wrong, {}),
            ("POST", "/token/refresh", {"refresh_token": made_up}, {}),
            ("GET", "/me", None, {"cookie": "session=" + "A" * 43}),
            ("GET", "/users", None, {"cookie": "session=" + "A" * 43}),
        )
        for away in (*VERBS, "len"):
            self.store.away = lambda verb, number, away=away: verb == away
            for method, target, value, headers in attempts:
                with self.subTest(away, target=target):
                    answer = self.harness.send(method, target, value, **headers)
                    self.assertIn(answer.status, (400, 401, 503))
                    self.assertIsNone(answer.header("set-cookie"))
                    self.assertNotIn(b'"token"', answer.body)
            self.back()
            self.harness.clock.advance(FORGET_AFTER)

    def test_in_the_middle_of_a_request(self) -> None:
        """Wherever in a request the store goes away, the answer is 503 or what was asked for, and all is well again."""
        for index in range(len(self.requests)):
            for number in range(1, 100):
                self.begin()
                method, target, value, headers = self.requests[index]
                first = self.store.asked + number
                self.store.away = lambda verb, asked, first=first: asked >= first
                answer = self.harness.send(method, target, value, **headers)
                if self.store.asked < first:
                    break  # it asks no more often than that
                with self.subTest(f"{method} {target}", number=number):
                    self.assert_unavailable(answer)
                    self.back()
                    self.assert_well()
                    if target == "/signup":
                        self.assertIn(self.harness.send(method, target, value).status, (201, 409))
                        self.assertEqual(self.harness.send("POST", "/login", value).status, 200)

    def test_a_session_that_cannot_be_touched(self) -> None:
        """On a full disk whoever is logged in stays so: the moment of the last request is not written, that is all."""
        harness = self.harness
        cookie = harness.cookie("carol@example.com")
        login = harness.send("POST", "/login", ALICE)
        self.assertEqual(login.status, 200)
        self.store.away = lambda verb, number: verb not in ("get", "page", "owned_by")
        harness.clock.advance(TOUCH_INTERVAL)
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)
        harness.clock.advance(IDLE_LIFETIME - TOUCH_INTERVAL - 1)
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)
        harness.clock.advance(1)  # but without a note of the last request nobody knows that there was one
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 401)
        self.back()
        cookie = harness.cookie("carol@example.com")
        harness.clock.advance(IDLE_LIFETIME - 1)
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)
        harness.clock.advance(1)
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)  # the twin: it could be noted

    def test_what_the_log_says(self) -> None:
        """The log names the trouble on one line; what the store said cannot forge a second one."""
        self.store.away = lambda verb, number: True
        self.harness.send("GET", "/health")
        [line] = self.harness.log
        self.assertEqual(self.harness.events("sys_store_unavailable")[0]["error"], "it went away\r\nat hunter2")
        self.assertEqual(line.count("\n"), 1)


class SlowRoutes(unittest.TestCase):
    """Who waits for a disk or a network does not do so in the thread that serves everybody."""

    ALWAYS = {"POST /signup", "POST /login", "POST /token/login", "POST /me/password", "GET /users", "GET /me/sessions"}
    READS = {"GET /me", "GET /users/{id}"}
    NEVER = {"GET /", "GET /openapi.json"}

    def slow(self, settings: dict[str, Any], *kinds: str) -> set[str]:
        """The routes that are slow on a store with which these are."""

        class Slow(Frail):
            slow = frozenset(kinds)

        app = Harness(Slow, **settings).app
        routes: tuple[Route, ...] = app.routes
        self.all = {f"{route.method} {route.path}" for route in routes}
        slow = {f"{route.method} {route.path}" for route in routes
                if app.is_slow(Request(route.method, route.path.replace("{id}", "x")))}  # fmt: skip
        for route in routes:
            if route.method == "GET":  # HEAD does all that GET does
                head = app.is_slow(Request("HEAD", route.path.replace("{id}", "x")))
                self.assertEqual(head, f"GET {route.path}" in slow)
        return slow

    def test_each_kind_of_store(self) -> None:
        """Memory: what hashes or walks. A file: what writes, too. A network: all but what asks no store."""
        for revocation in ("none", "denylist", "allowlist"):
            settings, token_me = {"revocation": revocation}, {"GET /token/me"} if revocation != "none" else set()
            with self.subTest(revocation):
                self.assertEqual(self.slow(settings), self.ALWAYS)
                reads = self.READS | token_me
                self.assertEqual(self.slow(settings, "reads"), self.ALWAYS | reads)
                self.assertEqual(self.slow(settings, "writes"), self.all - self.READS - self.NEVER - {"GET /token/me"})
                never = self.NEVER | ({"GET /token/me"} - token_me)
                self.assertEqual(self.slow(settings, "reads", "writes"), self.all - never)

    def test_what_the_stores_say(self) -> None:
        """Memory keeps nobody waiting; a file does when it is written, a network always."""
        self.assertEqual(Store.slow, frozenset())
        from authref.stores.sqlite_store import SqliteStore

        self.assertEqual(SqliteStore.slow, {"writes"})
        if not WITHOUT_REDIS:
            from authref.stores.redis_store import RedisStore

            self.assertEqual(RedisStore.slow, {"reads", "writes"})

    def test_what_a_route_says_it_does(self) -> None:
        """What is said to ask no store asks none, and what is said to read only writes nothing; or all would wait."""
        for revocation in ("none", "denylist", "allowlist"):
            harness = Harness(Frail, revocation=revocation)
            store = harness.app.store
            assert isinstance(store, Frail)
            requests = test_app.WhenPartsBreak.requests(mock.Mock(), harness)
            seen: list[str] = []
            store.away = lambda verb, number, seen=seen: seen.append(verb)  # type: ignore[func-returns-value, misc]
            said = {(route.method, route.path.partition("{")[0]): route.work for route in harness.app.routes}
            for method, target, value, headers in requests:
                seen.clear()
                harness.send(method, target, value, **headers)
                key = target if (method, target) in said else target[: target.rindex("/") + 1]
                with self.subTest(f"{method} {target}", revocation=revocation):
                    reads = {"get", "page", "owned_by", "len"}
                    writes = reads | {*VERBS, "check"}
                    allowed = {"": set[str](), "reads": reads, "scans": reads, "writes": writes, "hashes": writes}
                    self.assertLessEqual(set(seen), allowed[said[method, key]])


if __name__ == "__main__":
    unittest.main()
