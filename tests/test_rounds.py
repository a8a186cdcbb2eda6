"""Requests that are looked up together hear what each would have heard alone, and the log tells of each once."""

from __future__ import annotations

import threading
import unittest
from collections.abc import Callable
from functools import partial

from authref.maps import StoreUnavailable
from authref.sessions import TOUCH_INTERVAL
from authref.stores.together import BreakOff, Round
from authref.wire import Request, Response, write_response
from tests.support import WITHOUT_REDIS, Harness, RedisServer, in_a_fork, without_time

Job = Callable[[], str]


class Rounds(unittest.TestCase):
    def setUp(self) -> None:
        self.round = Round()
        self.questions: list[list[str]] = []

    def fetch(self, keys: list[str]) -> list[str | None]:
        self.questions.append(keys)
        return [None if key == "nobody" else key.upper() for key in keys]

    def chain(self, *keys: str) -> str:
        """What stands at these keys, looked up one after the other."""
        return " ".join(str(self.round.look_up(key)) for key in keys)

    def answers(self, *jobs: Job) -> list[str | None]:
        return self.round.answers(jobs, self.fetch)

    def test_as_many_questions_as_the_longest_job_has_look_ups(self) -> None:
        """What all jobs miss is one question; a key that several want is in it once."""
        jobs = [partial(self.chain, *keys) for keys in ("ab", "cb", "ad", "c", "")]
        self.assertEqual(self.answers(*jobs), ["A B", "C B", "A D", "C", ""])
        self.assertEqual(self.questions, [["a", "c"], ["b", "d"]])

    def test_a_key_where_nothing_is(self) -> None:
        """That nothing is there is an answer, and not asked for again."""
        self.assertEqual(self.answers(partial(self.chain, "nobody", "a")), ["None A"])
        self.assertEqual(self.questions, [["nobody"], ["a"]])

    def test_a_job_that_wants_more(self) -> None:
        """It breaks off before it does anything, and is left to be called alone; the others have their answers."""
        done: list[str] = []

        def writes() -> str:
            self.chain("a")
            self.round.leave()
            done.append("written")
            return "never"

        self.assertEqual(self.answers(writes, partial(self.chain, "a"), writes), [None, "A", None])
        self.assertEqual(done, [])
        self.round.leave()  # the twin: outside a round it may do what it wants

    def test_nothing_is_kept(self) -> None:
        """The next round asks anew: in between anybody may have logged out."""
        for _ in range(2):
            self.assertEqual(self.answers(partial(self.chain, "a")), ["A"])
        self.assertEqual(self.questions, [["a"], ["a"]])
        self.assertRaises(BreakOff, self.round.look_up, "a")

    def test_a_question_without_an_answer(self) -> None:
        """Who was done keeps the answer, the others are left to ask alone."""

        def fetch(keys: list[str]) -> list[str | None]:
            if self.questions:
                raise StoreUnavailable("away")
            return self.fetch(keys)

        jobs = [partial(self.chain, *keys) for keys in ("a", "ab", "")]
        self.assertEqual(self.round.answers(jobs, fetch), ["A", None, ""])
        self.round.leave()

    def test_an_answer_that_is_none(self) -> None:
        """Too few values, or no list at all: nobody waits for ever, all are left to ask alone."""
        jobs = [partial(self.chain, "a"), partial(self.chain, "b")]
        for odd in ([None], None, 1):
            with self.subTest(odd):
                self.assertEqual(self.round.answers(jobs, lambda keys, odd=odd: odd), [None, None])  # type: ignore[misc]
                self.round.leave()

    def test_a_job_that_crashes(self) -> None:
        """The round is over for this thread, too."""
        with self.assertRaises(ZeroDivisionError):
            self.answers(lambda: str(1 // 0))
        self.round.leave()

    def test_other_threads(self) -> None:
        """A round is its thread's own: what others write meanwhile, they write."""
        free: list[bool] = []

        def other() -> None:
            self.round.leave()
            free.append(True)

        def job() -> str:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            return "done"

        self.assertEqual((self.answers(job), free), (["done"], [True]))


@unittest.skipIf(WITHOUT_REDIS, WITHOUT_REDIS)
class TogetherAndAlone(unittest.TestCase):
    """The whole app over a store that looks up for many."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = RedisServer()
        cls.addClassCleanup(cls.server.stop)

    def harness(self, number: int = 0, **settings: str) -> Harness:
        """An app with some callers, in `self.callers` by name."""
        from authref.stores.redis_store import RedisStore

        prefix = f"{self.id()} {number}"
        harness = Harness(lambda now: RedisStore(self.server.url, now, prefix), **settings)
        self.addCleanup(harness.app.store.close)
        self.ids = {name: harness.sign_up(f"{name}@example.com") for name in ("alice", "banned", "gone", "changed")}
        self.ids["root"] = harness.sign_up("root@example.com", role="admin")
        self.callers: dict[str, tuple[tuple[str, str], ...]] = {"nobody": (), "odd": (("cookie", "session=x"),)}
        for name in self.ids:
            address = f"{name}@example.com"
            self.callers[f"{name}'s cookie"] = (("cookie", harness.cookie(address)),)
            self.callers[f"{name}'s token"] = (("authorization", harness.bearer(address)),)
        users, admins = harness.app.users, harness.app.admins
        admins.change(self.ids["banned"], disabled=True)
        admins.delete(self.ids["gone"])
        users.set_password(self.ids["changed"], "another password", 0)
        harness.log.clear()
        return harness

    def both_ways(self, harness: Harness, requests: list[Request]) -> tuple[list[bytes], list[bytes | None]]:
        """The answers of each alone, and of all together; the log is to tell the same of both."""
        jobs = [partial(_bytes, harness, request) for request in requests]
        for job in jobs:  # what a request ends for good, the tokens of somebody who was deleted, has ended before
            job()
        harness.log.clear()
        alone = [job() for job in jobs]
        log_of_alone = sorted(str(without_time(event)) for event in harness.events())
        harness.log.clear()
        assert harness.app.together is not None
        together = harness.app.together(jobs)
        self.assertTrue(any(together))
        for number, answer in enumerate(together):
            if answer is None:  # as the server does
                jobs[number]()
        self.assertEqual(sorted(str(without_time(event)) for event in harness.events()), log_of_alone)
        harness.log.clear()
        return alone, together

    def test_every_route_and_caller(self) -> None:
        """Each safe route gives each caller the same answer both ways, and what is logged is logged once."""
        for number, revocation in enumerate(("none", "denylist", "allowlist")):
            harness = self.harness(number, revocation=revocation)
            paths = [route.path.replace("{id}", owner) for route in harness.app.routes if route.method == "GET"
                     for owner in (self.ids.values() if "{id}" in route.path else ("",))]  # fmt: skip
            requests = [Request(method, path, headers) for path in paths for headers in self.callers.values()
                        for method in ("GET", "HEAD")]  # fmt: skip
            alone, together = self.both_ways(harness, requests)
            for request, one, other in zip(requests, alone, together, strict=True):
                with self.subTest(revocation, path=request.path, headers=request.headers):
                    if request.path in ("/me", "/token/me"):
                        self.assertIsNotNone(other)  # what is asked most is never left over
                    if other is not None:
                        self.assertEqual(other, one)
            self.assertIn(b" 200 ", b"".join(each[:20] for each in together if each))

    def test_a_session_to_be_touched(self) -> None:
        """Writing that it was seen is no look-up: it is answered alone, once, and those beside it together."""
        harness = self.harness()
        harness.clock.advance(TOUCH_INTERVAL)
        young = (("cookie", harness.cookie("root@example.com")),)
        jobs = [partial(_bytes, harness, Request("GET", "/me", headers))
                for headers in (self.callers["alice's cookie"], young)]  # fmt: skip
        assert harness.app.together is not None
        old_one, young_one = harness.app.together(jobs)
        self.assertIsNone(old_one)
        self.assertIn(b"root@example.com", young_one or b"")
        jobs[0]()
        self.assertTrue(all(harness.app.together(jobs)))

    def test_what_another_process_wrote(self) -> None:
        """A logout, a ban, a new role elsewhere counts for the very next round: no round remembers another."""
        harness = self.harness()
        app = harness.app
        admins, alice, root = app.admins, self.ids["alice"], self.ids["root"]
        mine = Request("GET", "/me", self.callers["alice's cookie"])
        theirs = Request("GET", f"/users/{alice}", self.callers["root's cookie"])
        changes: tuple[tuple[Callable[[], object], str, str], ...] = (
            (lambda: None, '"role": "user"', '"role": "user"'),
            (lambda: admins.change(alice, role="admin") and None, '"role": "admin"', '"role": "admin"'),
            (lambda: admins.change(root, role="user") and None, '"role": "admin"', '"forbidden"'),
            (lambda: app.sessions.log_out(mine) and None, '"unauthorized"', '"forbidden"'),
            (lambda: admins.change(root, disabled=True) and None, '"unauthorized"', '"unauthorized"'),
        )
        jobs = [partial(_bytes, harness, request) for request in (mine, theirs)]
        assert app.together is not None
        for change, of_alice, of_root in changes:
            app.together(jobs)  # what could be remembered is
            in_a_fork(change)
            told = [answer or job() for answer, job in zip(app.together(jobs), jobs, strict=True)]
            for answer, expected in zip(told, (of_alice, of_root), strict=True):
                self.assertIn(expected.replace(": ", ":"), answer.decode().replace(": ", ":"))

    def test_an_entry_that_is_none(self) -> None:
        """An odd entry harms only who wants it: the others of its round are answered."""
        import redis

        harness = self.harness()
        requests = [Request("GET", "/me", self.callers[f"{name}'s cookie"]) for name in ("alice", "root")]
        alices = f"{self.id()} 0:{{users}}:entry:{self.ids['alice']}"
        with redis.Redis.from_url(self.server.url) as raw:
            for content in (b"", b"\xff\xfe", b"[]"):
                with self.subTest(content):
                    self.assertEqual(raw.set(alices, content, xx=True), True)
                    jobs = [partial(_bytes, harness, request) for request in requests]
                    assert harness.app.together is not None
                    told = [answer or job() for answer, job in zip(harness.app.together(jobs), jobs, strict=True)]
                    self.assertEqual([answer[9:12] for answer in told], [b"503", b"200"])


def _bytes(harness: Harness, request: Request) -> bytes:
    response: Response = harness.app(request)
    return write_response(response, "")


if __name__ == "__main__":
    unittest.main()
