"""The map in a Redis server keeps what a map promises, also when the server stops, hangs, is full, or only reads.

The contract of maps.py is run on it. The tests start a server of their own; without one they are skipped.
"""

from __future__ import annotations

import argparse
import random
import socket
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from unittest import mock

from authref.configuration import add_flags, settings_of
from authref.keys import fresh_keys, write_keys
from authref.maps import Map, StoreUnavailable
from authref.revocation import CLOCK_ERROR
from authref.stores import open_store
from tests.basics import START, Clock
from tests.support import WITHOUT_REDIS, RedisServer, in_a_fork
from tests.test_maps import MapContract, Note
from tests.test_stores import ProcessRaces

if not WITHOUT_REDIS:
    import redis
    from redis.crc import key_slot

    from authref.stores import redis_store
    from authref.stores.redis_store import RedisStore

SECRET = "hunter2"
KEYS = {"AUTHREF_KEYS": write_keys(fresh_keys())}
SHORT = 0.1  # seconds to wait for a server that does not answer; the store's own time is longer than a test should take


def setUpModule() -> None:
    global server, raw
    if WITHOUT_REDIS:
        raise unittest.SkipTest(WITHOUT_REDIS)
    server = RedisServer()
    unittest.addModuleCleanup(server.stop)
    raw = redis.Redis.from_url(server.url, decode_responses=True)
    unittest.addModuleCleanup(raw.close)


class RedisContract(MapContract, unittest.TestCase):
    THREADS = 20

    @classmethod
    def setUpClass(cls) -> None:
        raw.flushall()
        cls.clock_of_store: Callable[[], float] = Clock()
        cls.store = RedisStore(server.url, lambda: cls.clock_of_store())
        cls.addClassCleanup(cls.store.close)
        cls.made = 0

    def make(self, now: Callable[[], float]) -> Map[Note]:
        """One more map in one server: the entries of all the tests before lie beside its own."""
        type(self).clock_of_store, type(self).made = staticmethod(now), self.made + 1
        return self.store.map(f"notes {self.made}", Note)


class StoreCase(unittest.TestCase):
    def setUp(self) -> None:
        raw.flushall()
        self.clock = Clock()

    def open(self, now: Callable[[], float] | None = None, url: str = "", timeout: float = 5) -> RedisStore:
        with mock.patch.object(redis_store, "TIMEOUT", timeout):
            store = RedisStore(url or server.url, now or self.clock)
        self.addCleanup(store.close)
        return store

    def verbs(self, notes: Map[Note]) -> dict[str, Callable[[], object]]:
        """Each verb, on something that is there."""
        there = Note("there", "u")
        return {
            "get": lambda: notes.get("there"),
            "owned_by": lambda: notes.owned_by("u"),
            "page": lambda: notes.page("", 10),
            "len": lambda: len(notes),
            "[]=": lambda: notes.__setitem__("there", Note("there", "v")),
            "a new key": lambda: notes.__setitem__("free", Note()),
            "setdefault": lambda: notes.setdefault("free", Note()),
            "replace": lambda: notes.replace("there", there, Note()),
            "pop": lambda: notes.pop("there"),
            "drop_owned_by": lambda: notes.drop_owned_by("u"),
        }


READS = {"get", "owned_by", "page", "len"}
REMOVALS = {"pop", "drop_owned_by"}


class WhatLiesInTheServer(StoreCase):
    def keys(self) -> list[str]:
        """What lies in the server, besides what `check` writes, which is gone after a second."""
        return sorted(key for key in raw.scan_iter("*") if key != "authref:check")

    def ends(self, now: float) -> dict[str, float | None]:
        """How many seconds the server keeps each key, besides the day that it keeps all longer; None for ever."""
        ends = {key: raw.pexpiretime(key) for key in self.keys()}
        return {key: round(end / 1000 - now) - 86400 if end >= 0 else None for key, end in ends.items()}

    def test_the_servers_own_clock(self) -> None:
        """Redis drops each entry a day after its end, an owner's set with the last of them: nobody has to tidy."""
        now = time.time()
        notes = self.open(time.time).map("notes", Note)
        prefix = "authref:{notes}:"
        notes["a"] = Note("a", "u", now + 100)
        notes["b"] = Note("b", "u", now + 300)
        notes["c"] = Note("c", "u", now + 200)
        notes["d"] = Note("d", "v", now + 50)
        notes["e"] = Note("e")
        expected = {f"{prefix}entry:{key}": end for key, end in zip("abcde", (100, 300, 200, 50, None), strict=True)}
        expected |= {f"{prefix}owner:u": 300, f"{prefix}owner:v": 50}
        for index in ("keys", "ends", "number"):
            expected[prefix + index] = None
        self.assertEqual(self.ends(now), expected)
        notes["a"] = Note("a", "u", now + 400)
        notes["c"] = Note("c", "u")  # for ever, and so the set as well
        self.assertEqual(self.ends(now)[f"{prefix}entry:a"], 400)
        self.assertEqual((self.ends(now)[f"{prefix}entry:c"], self.ends(now)[f"{prefix}owner:u"]), (None, None))
        notes["c"] = Note("c", "u", now + 10)
        self.assertEqual(self.ends(now)[f"{prefix}entry:c"], 10)

    def test_looking_after_it(self) -> None:
        """To ask whether it is well leaves nothing behind after a second."""
        store = self.open()
        raw.flushall()
        store.check()
        self.assertTrue(0 < raw.pttl("authref:check") <= 1000)

    def test_many_short_visits(self) -> None:
        """When a thousand entries have ended, a few writes later nothing of them is left: memory does not grow."""
        notes = self.open().map("notes", Note)
        for number in range(1000):
            notes[f"k{number}"] = Note(user_id=f"u{number % 300}", expires_at=START + 1)
        self.clock.advance(1 + CLOCK_ERROR)
        for _ in range(100):  # each takes ten away
            notes["k"] = Note()
        self.assertEqual(len(notes), 1)
        self.assertEqual(
            [(key, raw.type(key)) for key in self.keys()],
            [("authref:{notes}:ends", "zset"), ("authref:{notes}:entry:k", "string"),
             ("authref:{notes}:keys", "zset"), ("authref:{notes}:number", "string")],
        )  # fmt: skip
        self.assertEqual((raw.zcard("authref:{notes}:keys"), raw.zcard("authref:{notes}:ends")), (1, 1))

    def test_somebody_who_is_always_there(self) -> None:
        """An owner's set holds what lives, though it never ends itself: who logs in each day for years finds theirs."""
        notes = self.open().map("notes", Note)
        for number in range(20):
            notes[f"k{number}"] = Note(user_id="u", expires_at=START + 1)
        notes["old"] = Note("old", "u", START + 2 * CLOCK_ERROR)
        self.clock.advance(1 + CLOCK_ERROR)
        notes["new"] = Note("new", "u", START + 2 * CLOCK_ERROR)
        self.assertEqual(raw.zrange("authref:{notes}:owner:u", 0, -1), ["old", "new"])

    def test_an_owner_of_long_entries(self) -> None:
        """A write reads its own entry only: twenty logins of a thousand tokens each kept all servers waiting 25 ms."""
        notes = self.open().map("notes", Note)
        for number in range(20):
            notes[f"k{number}"] = Note(user_id="u", expires_at=START + 100)
            notes[f"for ever {number}"] = Note(user_id="u")
        self.assertEqual(len(notes.owned_by("u")), 40)
        for name, write in {
            "[]=": lambda: notes.__setitem__("k0", Note("a", "u", START + 100)),
            "replace": lambda: notes.replace("k0", Note("a", "u", START + 100), Note("b", "u", START + 100)),
            "setdefault": lambda: notes.setdefault("new", Note(user_id="u")),
        }.items():
            with self.subTest(name):
                before = raw.info("commandstats")["cmdstat_get"]["calls"]
                write()
                self.assertLess(raw.info("commandstats")["cmdstat_get"]["calls"] - before, 5)

    def test_what_left_early(self) -> None:
        """Entries that are popped, dropped or replaced leave no trace in any index either."""
        notes = self.open().map("notes", Note)
        for number in range(10):
            notes[f"k{number}"] = Note(user_id=f"u{number % 3}", expires_at=START + number)
        for number in range(5):
            notes.pop(f"k{number}")
        for number in range(3):
            notes.drop_owned_by(f"u{number}")
        self.assertEqual(self.keys(), ["authref:{notes}:number"])

    def test_one_machine_for_each_map(self) -> None:
        """In a cluster all keys of one map lie on one machine, or no script could see them at once."""
        notes = self.open().map("notes", Note)
        for key in ("a", "{b}", "}c{", ""):
            notes[key] = Note(key, key)
        self.assertEqual({key_slot(key.encode()) for key in self.keys()}, {key_slot(b"notes")})

    def test_two_stores_in_one_server(self) -> None:
        """Prefixes and maps keep apart what lies in one server, and the same prefix shares it."""
        one, other, same = (RedisStore(server.url, self.clock, prefix) for prefix in ("a", "b", "a"))
        for store in (one, other, same):
            self.addCleanup(store.close)
        one.map("notes", Note)["k"] = Note("one", "u")
        self.assertEqual(same.map("notes", Note).get("k"), Note("one", "u"))
        for stranger in (other.map("notes", Note), one.map("others", Note)):
            self.assertEqual((stranger.get("k"), len(stranger), stranger.drop_owned_by("u")), (None, 0, 0))

    def test_one_way_a_verb(self) -> None:
        """Each verb asks the server once: every further way would be paid by each request."""
        notes = self.open().map("notes", Note)
        for verb in self.verbs(notes).values():  # the first time a script is sent along
            verb()
        for name, verb in self.verbs(notes).items():
            with self.subTest(name):
                before = raw.info("stats")["total_reads_processed"]
                verb()
                self.assertEqual(raw.info("stats")["total_reads_processed"] - before, 1 + 1)  # and this question

    def test_an_entry_from_before_a_field_was_added(self) -> None:
        """It is replaced like any other: who looks and replaces until it works would else go round for ever."""
        notes = self.open().map("notes", Note)
        for text in ('{"text":"a"}', '{"text": "a", "user_id": null}', '{"expires_at":null,"user_id":null,"text":"a"}'):
            with self.subTest(text):
                raw.set("authref:{notes}:entry:k", text)
                self.assertFalse(notes.replace("k", Note("b"), Note("c")))
                self.assertTrue(notes.replace("k", Note("a"), Note("b")))
                self.assertEqual(notes.get("k"), Note("b"))
                self.assertFalse(notes.replace("k", Note("a"), Note("c")))  # the twin: what was replaced meanwhile
                self.assertFalse(notes.replace("free", Note("a"), Note("c")))

    def test_text_of_every_kind(self) -> None:
        """Keys, values and owners come out as they went in, whatever they would mean to Lua, JSON or Redis."""
        notes = self.open().map("notes", Note)
        texts = ("", "\0", "a\0b", "'; return --", '"', "]]", "{notes}", "*", "[a-z]", "\r\n", "-inf", "(a", "+",
                 "\x85", "\u2028\u2029", "\U0001f511", "\ufeff", "\uffff", "\\u0000", "e\u0301",
                 "y" * 1_000_000)  # fmt: skip
        for text in texts:
            notes[text] = Note(text, text, START + 0.1 + 0.2)
        for text in texts:
            with self.subTest(repr(text)[:20]):
                self.assertEqual(notes.get(text), Note(text, text, START + 0.1 + 0.2))
                self.assertEqual(notes.owned_by(text), {text: Note(text, text, START + 0.1 + 0.2)})
        self.assertEqual(list(notes.page("", 100)), sorted(texts)[1:])

    def test_an_entry_that_is_none(self) -> None:
        """What stands there and is not ours raises in every verb that has to understand it, and harms no other."""
        notes = self.open().map("notes", Note)
        contents = (b"", b"x", b"[]", b'{"text":"no such field","colour":1}', b"\xff\xfe", b"[" * 10_000, None)
        for content in contents:
            with self.subTest(content and content[:10]):
                raw.flushall()
                notes["k"], notes["other"] = Note("k", "u"), Note("other")
                raw.delete("authref:{notes}:entry:k")
                if content is None:
                    raw.lpush("authref:{notes}:entry:k", "a list")
                else:
                    raw.set("authref:{notes}:entry:k", content)
                for look in (lambda: notes.get("k"), lambda: notes.page("", 9), lambda: notes.owned_by("u"),
                             lambda: notes.pop("k")):  # fmt: skip
                    self.assertRaises(StoreUnavailable, look)
                self.assertEqual(notes.get("other"), Note("other"))


class WhenTheServerIsAway(StoreCase):
    @contextmanager
    def stopped(self) -> Iterator[None]:
        server.stop()
        try:
            yield
        finally:
            server.start()

    @contextmanager
    def set(self, **config: str) -> Iterator[None]:
        """The server is configured like this while the block runs."""
        names = {name: name.replace("_", "-") for name in config}
        before = {name: raw.config_get(names[name])[names[name]] for name in config}
        for name, value in config.items():
            raw.config_set(names[name], value)
        try:
            yield
        finally:
            for name, value in before.items():
                raw.config_set(names[name], value)

    @contextmanager
    def replica(self) -> Iterator[None]:
        raw.replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            raw.replicaof("NO", "ONE")

    @contextmanager
    def with_a_password(self) -> Iterator[None]:
        with self.set(requirepass=SECRET):
            raw.client_kill_filter(_type="normal", skipme=True)
            yield

    def test_every_verb(self) -> None:
        """Whatever is wrong with the server, a verb works or raises in time; afterwards all is well by itself."""
        troubles: dict[str, tuple[Callable[[], AbstractContextManager[object]], set[str]]] = {
            # name: how it comes about, the verbs that work meanwhile
            "stopped": (self.stopped, set()),
            "paused": (server.paused, set()),
            "a password": (self.with_a_password, set()),
            "a replica, which only reads": (self.replica, READS),
            "too few replicas": (partial(self.set, min_replicas_to_write="1"), READS),
            "memory is full": (partial(self.set, maxmemory="1mb"), READS | REMOVALS),
        }
        for name, (trouble, works) in troubles.items():
            raw.flushall()
            store = self.open(timeout=SHORT if name == "paused" else 5)
            notes = store.map("notes", Note)
            notes["there"] = Note("there", "u")
            with trouble():
                for verb, call in self.verbs(notes).items():
                    with self.subTest(name, verb=verb):
                        begin = time.monotonic()
                        if verb in works:
                            call()
                        else:
                            with self.assertRaisesRegex(StoreUnavailable, "^Redis: [A-Za-z]+Error: ") as caught:
                                call()
                            self.assertNotIn(SECRET, str(caught.exception))
                        self.assertLess(time.monotonic() - begin, 1)
                        if works and verb not in REMOVALS:
                            self.assertEqual(notes.get("there"), Note("there", "u"))
                            self.assertIsNone(notes.get("free"))
                    if name == "paused":
                        break  # each costs the whole time-out; the others are asked in the same way
                with self.subTest(name, verb="check"):
                    self.assertRaises(StoreUnavailable, store.check)
            with self.subTest(name, then="over"):
                store.check()
                notes["there"] = Note("there", "u")
                self.assertEqual(notes.get("there"), Note("there", "u"))
                for call in self.verbs(notes).values():
                    call()

    def test_a_server_that_started_anew(self) -> None:
        """Connections that broke meanwhile and scripts that it has forgotten cost nobody an error."""
        store = self.open()
        notes = store.map("notes", Note)
        for verb in self.verbs(notes):
            with self.subTest(verb, after="a restart"):
                notes["there"] = Note("there", "u")
                if verb in ("get", "replace"):  # a restart takes a while; the others are asked in the same way
                    server.stop()
                    server.start()
                else:
                    raw.script_flush()
                    raw.client_kill_filter(_type="normal", skipme=True)
                self.verbs(notes)[verb]()

    def test_an_answer_that_got_lost(self) -> None:
        """A verb that failed is not sent again: a second `pop`, after one that was heard, would find nothing."""
        store = self.open(timeout=SHORT)
        notes = store.map("notes", Note)
        notes["k"] = Note()
        notes.pop("other")  # now the server knows the script
        [connection] = store._client.connection_pool._available_connections
        connection.send_command("CLIENT REPLY", "SKIP")  # the server hears what comes next, and does not answer
        with self.assertRaises(StoreUnavailable):
            notes.pop("k")
        self.assertIsNone(notes.get("k"))

    def test_many_at_once(self) -> None:
        """However many wait for an answer, each gets it: the server has more threads than a pool has connections."""
        notes = self.open().map("notes", Note)
        notes["k"] = Note()
        with ThreadPoolExecutor(130) as threads:
            with server.paused():
                answers = [threads.submit(notes.get, "k") for _ in range(130)]
                time.sleep(0.05)
            self.assertEqual([answer.result() for answer in answers], [Note()] * 130)

    def test_a_fork(self) -> None:
        """A forked process talks on a connection of its own: on a shared one, each would read the other's answers."""
        store = self.open()
        notes = store.map("notes", Note)
        notes["k"] = Note("from the parent")
        mine = store.ask(lambda: store._client.client_id())

        def child() -> list[object]:
            return [store.ask(lambda: store._client.client_id()), notes.get("k"), notes.pop("k")]

        theirs, *seen = in_a_fork(child)
        self.assertNotEqual(theirs, mine)
        self.assertEqual(seen, [Note("from the parent")] * 2)
        self.assertEqual(store.ask(lambda: store._client.client_id()), mine)
        self.assertIsNone(notes.get("k"))


class Full(StoreCase):
    """A Redis that evicts nothing, and whose memory is full."""

    @contextmanager
    def full(self, by: int) -> Iterator[None]:
        """While the block runs, there are so many bytes more in it than it may hold."""
        raw.config_set("maxmemory", max(1, raw.info("memory")["used_memory"] - by))
        try:
            yield
        finally:
            raw.config_set("maxmemory", 0)

    def fill(self, notes: Map[Note]) -> None:
        for number in range(300):
            notes[f"k{number}"] = Note("x" * 3000, f"u{number}", START + 1)

    def test_all_of_it_has_ended(self) -> None:
        """What has ended makes room for what comes, also for another map, and for the check that /health makes."""
        for name, by in (("the same map", 50_000), ("the same map", 10**9), ("another map", 50_000), ("check", 50_000)):
            with self.subTest(name, by=by):
                raw.flushall()
                self.clock = Clock()
                store = self.open()
                notes, others = store.map("notes", Note), store.map("others", Note)
                self.fill(notes)
                notes["living"] = Note("living", "u", START + 2 * CLOCK_ERROR)
                self.clock.advance(1 + CLOCK_ERROR)
                with self.full(by):
                    if name == "check":
                        store.check()
                    else:
                        target = notes if name == "the same map" else others
                        target["new"] = Note("new")
                        self.assertEqual(target.get("new"), Note("new"))
                    self.assertEqual(notes.get("living").text, "living")
                    self.assertLess(raw.zcard("authref:{notes}:ends"), 300)

    def test_none_of_it_has_ended(self) -> None:
        """The twin: what lives is not removed; who comes is refused, and nothing of it is half there."""
        store = self.open()
        notes = store.map("notes", Note)
        self.fill(notes)
        with self.full(10**9):
            for write in (lambda: notes.__setitem__("new", Note("new")), store.check):
                self.assertRaises(StoreUnavailable, write)
            self.assertIsNone(notes.get("new"))
        self.assertEqual(len(notes), 300)


class Opening(StoreCase):
    def refusal(self, url: str) -> str:
        """What is said when this store cannot be opened: one sentence, in time, without the password."""
        begin = time.monotonic()
        with mock.patch.object(redis_store, "TIMEOUT", SHORT), self.assertRaises(ValueError) as caught:
            open_store(url).close()
        self.assertLess(time.monotonic() - begin, 1)
        said = str(caught.exception)
        self.assertRegex(said, r"^[A-Z][^\n]+\.$")
        self.assertNotIn(SECRET, said)
        self.assertIsNone(caught.exception.__cause__)
        return said

    def test_where_no_server_answers(self) -> None:
        """A start with nobody there, one who says nothing, or one who takes no writes ends in one sentence."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            self.refusal(f"redis://127.0.0.1:{port}/0")
        self.assertIn("Connection refused", self.refusal(f"redis://127.0.0.1:{port}/0"))
        self.refusal("unix:///nowhere/redis.sock")
        raw.replicaof("127.0.0.1", "1")
        try:
            self.assertIn("read only", self.refusal(server.url))
        finally:
            raw.replicaof("NO", "ONE")
        self.open().check()

    def test_a_name_with_a_mistake(self) -> None:
        """The sentence says what is wrong, and never repeats the password, which a mistake may put anywhere."""
        for url in (
            f"redis://:{SECRET}/x@127.0.0.1:6379/0",
            f"redis://:x#{SECRET}@127.0.0.1:6379/0",
            f"redis://:x@127.0.0.1:{SECRET}/0",
            f"redis://127.0.0.1:6379:{SECRET}/0",
            f"redis://:[{SECRET}@127.0.0.1/0",
            f"redis://127.0.0.1:{server.port}/0?socket_timeout={SECRET}",
            f"redis://127.0.0.1:{server.port}/0?{SECRET}=1",
            f"redis://127.0.0.1:{server.port}/99",
            "redis://127.0.0.1:99999/0",
        ):
            with self.subTest(url):
                self.refusal(url)
        self.assertIn("redis://:PASSWORD@HOST:PORT/NUMBER", self.refusal(f"redis://:{SECRET}/x@127.0.0.1:6379/0"))

    def test_a_password(self) -> None:
        """With the right one it opens; with a wrong one or none it says so, and shows neither."""
        raw.config_set("requirepass", SECRET)
        self.addCleanup(raw.config_set, "requirepass", "")
        place = f"127.0.0.1:{server.port}/0"
        for credentials in ("", f":{SECRET}x@", f"default:x{SECRET}@", f"somebody:{SECRET}@"):
            with self.subTest(credentials):
                self.assertRegex(self.refusal(f"redis://{credentials}{place}"), "(?i)authenticat|password")
        for credentials in (f":{SECRET}@", f"default:{SECRET}@"):
            with self.subTest(credentials):
                self.open(url=f"redis://{credentials}{place}").check()

    def test_the_version(self) -> None:
        """A server too old for the scripts is refused at the start, not at the first login."""
        have = int(raw.info("server")["redis_version"].partition(".")[0])
        with mock.patch.object(redis_store, "OLDEST", have + 1):
            self.assertRegex(self.refusal(server.url), rf"of version {have}\.[0-9.]+; use {have + 1}\.0 or newer")
        with mock.patch.object(redis_store, "OLDEST", have):
            self.open().check()

    def test_what_the_server_may_forget(self) -> None:
        """A server that is not set to keep what it confirms, or to keep accounts when it is full, is warned of."""
        safe = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        before = {name: raw.config_get(name)[name] for name in safe}
        for name, value in before.items():
            self.addCleanup(raw.config_set, name, value)
        self.addCleanup(raw.execute_command, "ACL SETUSER", "default", "+@all")
        for changes, expected in (
            ({}, ""),
            ({"appendonly": "no"}, "forget"),
            ({"appendfsync": "everysec"}, "forget"),
            ({"maxmemory-policy": "allkeys-lru"}, "accounts vanish.*revoked tokens work again"),
            ({"maxmemory-policy": "volatile-ttl"}, "drop"),
            ({"appendonly": "no", "maxmemory-policy": "allkeys-lru"}, "forget.*drop"),
        ):
            with self.subTest(changes):
                for name, value in {**safe, **changes}.items():
                    raw.config_set(name, value)
                said = self.open(time.time).warnings()
                self.assertRegex(" ".join(said), expected or "^$")
                for sentence in said:
                    self.assertRegex(sentence, r"^Redis (may|drops) [^\n]+; set [^\n]+\.$")
        raw.execute_command("ACL SETUSER", "default", "-config|get")
        self.assertEqual([sentence.partition(" (")[0] for sentence in self.open(time.time).warnings()],
                         ["Redis drops entries when its memory is full"])  # fmt: skip
        raw.config_set("maxmemory-policy", "noeviction")
        self.assertEqual(self.open(time.time).warnings(), [])

    def test_a_server_that_says_little(self) -> None:
        """Who rents a server may not see how it is set: it is used, and is not said to drop what it keeps."""
        info = redis.Redis.info

        def little(client: redis.Redis, *section: str) -> dict[str, object]:
            return {"redis_version": info(client, *section)["redis_version"]}

        with mock.patch.object(redis.Redis, "info", little):
            self.assertEqual(self.open().forgets, "")

    def test_a_deny_list_that_may_be_dropped(self) -> None:
        """Revoked tokens would work again when the memory is full: so it does not start; without a list it does."""
        self.addCleanup(raw.config_set, "maxmemory-policy", "noeviction")
        parser = argparse.ArgumentParser()
        add_flags(parser)
        for policy, revocation, starts in (
            ("allkeys-lru", "denylist", False), ("volatile-ttl", "denylist", False), ("noeviction", "denylist", True),
            ("allkeys-lru", "none", True), ("allkeys-lru", "allowlist", True),
        ):  # fmt: skip
            with self.subTest(policy, revocation=revocation), mock.patch.dict("os.environ", KEYS):
                raw.config_set("maxmemory-policy", policy)
                flags = parser.parse_args(["--store", server.url, "--revocation", revocation])
                if starts:
                    settings_of(flags, "").store.close()
                else:
                    said = rf"^Redis drops entries .*\(maxmemory-policy {policy}\), so revoked tokens .*; set [^\n]+\.$"
                    self.assertRaisesRegex(ValueError, said, settings_of, flags, "")

    def test_a_cluster(self) -> None:
        """One server of a cluster has some of the keys only: it is refused at the start, not at the first login.

        What it is stands under a name of its own in each kin of Redis: server_mode in Valkey's INFO.
        """
        # Unsaid, its second port is 10,000 above the first, which may be too high; these the system gives to nobody.
        bus = str(random.randrange(20_000, 32_000))
        with tempfile.TemporaryDirectory() as folder:
            one = RedisServer("--cluster-enabled", "yes", "--cluster-port", bus, "--dir", folder)
            self.addCleanup(one.stop)
            self.assertRegex(self.refusal(one.url), "part of a cluster.*; use one that stands alone")
            with redis.Redis(port=one.port) as client:
                without_a_mode = {**client.info(), "redis_mode": ""}
            with mock.patch.object(redis.Redis, "info", lambda client: without_a_mode):
                self.assertRegex(self.refusal(one.url), "part of a cluster.*; use one that stands alone")

    def test_a_clock_that_differs(self) -> None:
        """More than a minute between our clock and that of Redis is said at the start and by each check."""
        for wrong_by, expected in ((0, ""), (50, ""), (-50, ""), (70, r"\+\d+ s from"), (-70, r"-\d+ s from")):
            with self.subTest(wrong_by):
                store = self.open(lambda wrong_by=wrong_by: time.time() + wrong_by)
                found = " ".join(sentence for sentence in store.warnings() if "clock" in sentence)
                self.assertRegex(found, expected or "^$")
                self.assertEqual(" ".join(store.check()), found)


class Processes(ProcessRaces, StoreCase):
    RACERS = 3
    ROUNDS = 50


if __name__ == "__main__":
    unittest.main()
