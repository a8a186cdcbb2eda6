"""Several processes behind one door: whichever answers, it knows what the others were told, and any of them may die.

To choose who answers, a test holds the others (SIGSTOP): a process that stands still lets nobody in.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from authref import throttle
from authref.maps import Store
from authref.serving import workers
from authref.serving.server import STOP_SECONDS, ends
from authref.serving.workers import RESTART_SECONDS, serve_by_many
from authref.wire import Request
from tests.basics import PASSWORD
from tests.support import Harness
from tests.test_cli import ADMIN_PASSWORD, ALICE, RING, Kept, Program, Sentences, run

LINUX = sys.platform == "linux"  # /proc says who the children are


def address(program: Program) -> tuple[str, int]:
    """Where it listens."""
    return "127.0.0.1", urlsplit(program.url).port or 0


def state_of(process: int) -> str:
    """A letter: T is one that stands still, Z one that has ended and that nobody has taken note of; "" when gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_alive(process: int) -> bool:
    """False once it has ended."""
    return state_of(process) not in ("", "Z")


def workers_of(program: Program) -> list[int]:
    """The ids of its processes that live."""
    pid = program.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if is_alive(int(child))]


def eventually(happened: Callable[[], Any], seconds: float = 10) -> bool:
    """True as soon as it has happened, False if it does not within these seconds."""
    give_up = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def held(*processes: int) -> Iterator[None]:
    """While the block runs these processes stand still."""
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        assert eventually(lambda: {state_of(process) for process in processes} <= {"T"}), "they do not stop"
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


class Client:
    """One connection, which stays with the process that let it in."""

    def __init__(self, program: Program) -> None:
        self._connection = HTTPConnection(*address(program), timeout=10)
        assert self.ask("GET", "/health")[0] == 200

    def ask(self, method: str, path: str, value: object = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON value of the answer."""
        data = None if value is None else json.dumps(value)
        self._connection.request(method, path, data, {"content-type": "application/json", **headers})
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def close(self) -> None:
        self._connection.close()


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """What these jobs return, begun in one moment."""
    results: list[Any] = [None] * len(jobs)
    together = threading.Barrier(len(jobs))

    def work(number: int) -> None:
        together.wait(10)
        results[number] = jobs[number]()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def burden() -> None:
    """What some of those who start us have done before: they ignored the death of children, and had one."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if os.fork() == 0:
        os.closerange(0, 64)
        time.sleep(20)
        os._exit(0)


@unittest.skipUnless(LINUX, "needs /proc")
class TwoWorkers(unittest.TestCase):
    """One server of two processes, and what is asked of it."""

    program: Program

    @classmethod
    def setUpClass(cls) -> None:
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        flags = ("--workers", "2", "--store", f"sqlite:{folder}/db", "--revocation", "denylist", "--log", "json")
        cls.program = Program("--quiet", *flags, "--admin-email", "root@example.com",
                              AUTHREF_ADMIN_PASSWORD=ADMIN_PASSWORD).start(preexec_fn=burden)  # fmt: skip
        cls.enterClassContext(cls.program)
        assert eventually(lambda: len(workers_of(cls.program)) == 3)
        os.kill(workers_of(cls.program)[0], signal.SIGKILL)  # the one that it was given

    def setUp(self) -> None:
        self.assertTrue(eventually(lambda: len(workers_of(self.program)) == 2))
        self.first, self.second = workers_of(self.program)

    def clients_of(self, worker: int, count: int) -> list[Client]:
        """As many clients of this one."""
        with held(*(other for other in workers_of(self.program) if other != worker)):
            clients = [Client(self.program) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
        return clients

    def client_of(self, worker: int) -> Client:
        """A client of this one."""
        return self.clients_of(worker, 1)[0]

    def log_in(self, email: str, password: str = PASSWORD) -> str:
        """The cookie of a new session."""
        status, headers, _ = self.program.send("POST", "/login", {"email": email, "password": password})
        self.assertEqual(status, 200)
        return headers["set-cookie"].partition(";")[0]

    def test_a_session_at_both(self) -> None:
        """A login counts at both processes, and a logout at one ends it at both: nobody asks which one answers."""
        one, other = self.client_of(self.first), self.client_of(self.second)
        self.assertEqual(one.ask("POST", "/signup", ALICE)[0], 201)
        self.assertEqual(other.ask("POST", "/signup", ALICE)[0], 409)
        cookie = self.log_in(ALICE["email"])
        for client in (one, other):
            self.assertEqual(client.ask("GET", "/me", cookie=cookie)[0], 200)
        self.assertEqual(other.ask("POST", "/logout", cookie=cookie)[0], 200)
        for client in (one, other):
            self.assertEqual(client.ask("GET", "/me", cookie=cookie)[0], 401)

    def test_many_connections(self) -> None:
        """Whichever process lets a client in, each of many gets the answer it would get from one server."""
        self.program.send("POST", "/signup", {"email": "many@example.com", "password": PASSWORD})
        cookie = self.log_in("many@example.com")
        with held(self.first, self.second):  # so that all of them wait at the door, and both begin with them
            waiting = [socket.create_connection(address(self.program), 10) for _ in range(20)]
            for client in waiting:
                client.sendall(f"GET /me HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        for client in waiting:
            with client:
                self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(self.program.send("POST", "/logout", cookie=cookie)[0], 200)
        found = [self.program.send("GET", "/me", cookie=cookie)[0] for _ in range(10)]
        self.assertEqual(found, [401] * 10)

    def test_a_token_at_both(self) -> None:
        """A token of one process is believed by the other, and once ended refused by both."""
        one, other = self.client_of(self.first), self.client_of(self.second)
        new = {"email": "token@example.com", "password": PASSWORD}
        self.assertEqual(one.ask("POST", "/signup", new)[0], 201)
        _, login = one.ask("POST", "/token/login", new)
        bearer = f"Bearer {login['token']}"
        self.assertEqual(other.ask("GET", "/token/me", authorization=bearer)[0], 200)
        self.assertEqual(other.ask("POST", "/token/logout", {"refresh_token": login["refresh_token"]})[0], 200)
        for client in (one, other):
            self.assertEqual(client.ask("GET", "/token/me", authorization=bearer)[0], 401)

    def test_one_address_signed_up_by_many(self) -> None:
        """Of twenty who sign up with one address, through both processes at once, one gets it."""
        clients = self.clients_of(self.first, 10) + self.clients_of(self.second, 10)
        new = {"email": "taken@example.com", "password": PASSWORD}
        found = at_once(*(partial(client.ask, "POST", "/signup", new) for client in clients))
        self.assertEqual(sorted(status for status, _ in found), [201] + [409] * 19)
        self.assertEqual(self.program.send("POST", "/login", new)[0], 200)

    def test_the_last_two_admins_go_at_once(self) -> None:
        """Two admins who step down in one moment, each through another process: one of them stays an admin."""
        new = {"email": "admin@example.com", "password": PASSWORD}
        self.program.send("POST", "/signup", new)
        cookies = (self.log_in("root@example.com", ADMIN_PASSWORD), self.log_in(new["email"]))
        paths = [f"/users/{self.program.send('GET', '/me', cookie=cookie)[2]['user']['id']}" for cookie in cookies]
        clients = [self.client_of(self.first), self.client_of(self.second)]
        stays, goes = 0, 1
        for _ in range(5):
            status, _ = clients[stays].ask("PATCH", paths[goes], {"role": "admin"}, cookie=cookies[stays])
            self.assertEqual(status, 200)
            found = at_once(*(
                partial(client.ask, "PATCH", path, {"role": "user"}, cookie=cookie)
                for client, path, cookie in zip(clients, paths, cookies, strict=True)
            ))  # fmt: skip
            statuses = [status for status, _ in found]
            self.assertIn(sorted(statuses), ([200, 409], [409, 409]))
            admins = [who for who in (0, 1) if clients[who].ask("GET", "/users", cookie=cookies[who])[0] == 200]
            self.assertEqual(len(admins), statuses.count(409))
            stays = admins[0]
            goes = 1 - stays

    def test_one_that_is_killed(self) -> None:
        """A process that dies is replaced and the log says so; clients of the other notice nothing, nobody is lost.

        It was started with SIGCHLD ignored and with a child that it did not make, which has ended: neither matters.
        """
        self.program.send("POST", "/signup", {"email": "left@example.com", "password": PASSWORD})
        cookie = self.log_in("left@example.com")
        ours, theirs = self.client_of(self.second), self.client_of(self.first)
        os.kill(self.first, signal.SIGKILL)
        killed = time.monotonic()
        self.assertEqual(ours.ask("GET", "/me", cookie=cookie)[0], 200)
        with self.assertRaises(OSError):
            theirs.ask("GET", "/health")
        self.assertEqual(self.program.send("GET", "/me", cookie=cookie)[0], 200)
        self.assertTrue(eventually(lambda: len(workers_of(self.program)) == 2))
        self.assertGreaterEqual(time.monotonic() - killed, RESTART_SECONDS, "many that die at once would take all time")
        [new] = set(workers_of(self.program)) - {self.second}
        self.assertEqual(self.client_of(new).ask("GET", "/me", cookie=cookie)[0], 200)
        self.assertEqual(ours.ask("GET", "/me", cookie=cookie)[0], 200)
        died = [json.loads(line) for line in self.program.err.splitlines() if "sys_worker_died" in line]
        self.assertEqual([event["worker"] for event in died], [self.first])


@unittest.skipUnless(LINUX, "needs /proc")
class TheEnd(unittest.TestCase):
    def test_how_it_can_end(self) -> None:
        """However the first process ends, all do, and leave the port; what is under way is answered before."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        programs = [Program("--workers", "2", "--store", f"sqlite:{folder}/{number}").start() for number in range(3)]
        at_the_terminal, killed, told = (self.enterContext(program) for program in programs)
        with self.subTest("Ctrl-C, which all of them get, as soon as the banner is there"):
            os.killpg(at_the_terminal.process.pid, signal.SIGINT)
            self.assertEqual(at_the_terminal.process.wait(5), 0)
            self.assert_ended(at_the_terminal, [], "sys_startup", "sys_shutdown")
        for program in (killed, told):
            self.assertTrue(eventually(lambda program=program: len(workers_of(program)) == 2))
        with self.subTest("SIGTERM to one of the others, with half a request; then kill -9"), ExitStack() as clients:
            workers = workers_of(killed)
            half = self.half_a_request(killed, workers[0], clients)
            os.kill(workers[0], signal.SIGTERM)
            self.finish(half)
            self.assertTrue(eventually(lambda: "sys_worker_died" in killed.err, 2), "it does not end")
            killed.process.kill()
            killed.process.wait()
            self.assert_ended(killed, workers, "sys_startup", "sys_worker_died")
        with self.subTest("SIGTERM, with half a request at each"), ExitStack() as clients:
            workers = workers_of(told)
            halves = [self.half_a_request(told, worker, clients) for worker in workers]
            told.process.send_signal(signal.SIGTERM)
            self.assertTrue(eventually(lambda: self.is_refused(told), 1), "it lets clients in whom nobody answers")
            with self.assertRaises(subprocess.TimeoutExpired, msg="it does not wait for the others"):
                told.process.wait(0.15)
            for half in halves:
                self.finish(half)
            self.assertEqual(told.process.wait(5), 0)
            self.assert_ended(told, workers, "sys_startup", "sys_shutdown")

    def assert_ended(self, program: Program, workers: list[int], *events: str) -> None:
        """All of its processes end soon, leave the port, and have said no more than this about themselves."""
        self.assertTrue(eventually(lambda: not any(map(is_alive, workers)), 3), "one outlives the first")
        self.assertTrue(self.is_refused(program))
        names = [line.split()[2] for line in program.err.splitlines()]
        self.assertEqual(tuple(name for name in names if name.startswith("sys_")), events, program.err)

    def half_a_request(self, program: Program, worker: int, clients: ExitStack) -> socket.socket:
        """A client of this process that has sent all but the last byte."""
        with held(*(other for other in workers_of(program) if other != worker)):
            client = clients.enter_context(socket.create_connection(address(program), 5))
            head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            client.sendall(head + b"Expect: 100-continue\r\n\r\n")
            self.assertIn(b"100 Continue", client.recv(100))
            client.sendall(b"{")
        return client

    def finish(self, half: socket.socket) -> None:
        """The last byte is sent, and answered."""
        with half:
            half.sendall(b"}")
            self.assertTrue(half.recv(1000).startswith(b"HTTP/1.1 400 "))

    def is_refused(self, program: Program) -> bool:
        """True if nobody listens there."""
        with socket.socket() as probe:
            return probe.connect_ex(address(program)) != 0


class Supervision(unittest.TestCase):
    """The first process, with a clock that is set and processes that only seem to be: how long each lives is given."""

    def setUp(self) -> None:
        self.now, self.slept = 1000.0, list[float]()
        self.server, self.app = mock.Mock(), mock.Mock()
        self.ends: dict[int, float] = {}  # when each process ends, of whose end nobody has heard
        self.made = 0
        self.enterContext(mock.patch("time.monotonic", lambda: self.now))
        self.enterContext(mock.patch("time.sleep", self.sleep))
        self.enterContext(mock.patch("os.waitpid", self.look))
        self.enterContext(mock.patch("signal.sigwait", self.wait))
        self.kill = self.enterContext(mock.patch("os.kill", side_effect=self.die))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def look(self, pid: int, how: int) -> tuple[int, int]:
        self.assertEqual(how, os.WNOHANG)
        if self.ends[pid] > self.now:
            return 0, 0
        del self.ends[pid]
        return pid, 0

    def die(self, pid: int, number: int) -> None:
        self.ends[pid] = self.now

    def wait(self, numbers: object) -> int:
        """Until the next one ends, or somebody tells us to."""
        self.assertEqual(numbers, (*ends(), signal.SIGCHLD))
        self.now = max(self.now, min(self.told, *self.ends.values()))
        return signal.SIGTERM if self.now >= self.told else signal.SIGCHLD

    def supervise(self, *lives: float | None, count: int = 1, told: float = 1e6) -> None:
        """Keep as many processes; each lives so many seconds, of None none can be had; told to end at that time."""
        left, self.told = iter(lives), told

        def fork(server: object, app: object, lifeline: int, held: int) -> int:
            self.assertEqual((server, app), (self.server, self.app))
            ways = [fcntl.fcntl(end, fcntl.F_GETFL) & os.O_ACCMODE for end in (lifeline, held)]
            self.assertEqual(ways, [os.O_RDONLY, os.O_WRONLY])
            self.pipe = lifeline, held
            seconds = next(left, 1e9)
            if seconds is None:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            self.made += 1
            self.ends[99 + self.made] = self.now + seconds
            return 99 + self.made

        with (
            mock.patch.object(workers, "_fork", fork),
            mock.patch.object(workers, "_await_end", side_effect=lambda running: self.left.append(running)),
        ):
            self.left: list[set[int]] = []
            workers._supervise(self.server, self.app, count)

    def died(self) -> list[int]:
        """Whose end the log tells of."""
        self.assertEqual({call.args for call in self.app.events.emit.mock_calls}, {("sys_worker_died",)})
        return [call.kwargs["worker"] for call in self.app.events.emit.mock_calls]

    def assert_given_up(self, *lives: float | None, **more: int) -> None:
        with self.assertRaisesRegex(ValueError, r"^The processes that serve end .* start with --workers 1 .*\.$"):
            self.supervise(*lives, **more)
        self.server.server_close.assert_called_once_with()

    def test_all_die_young(self) -> None:
        """Each is replaced after a longer pause; after eight in a row it is given up, and somebody is told why."""
        self.assert_given_up(*[0.5] * 8)
        self.assertEqual(self.slept, [0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0])
        self.assertEqual(self.died(), list(range(100, 108)))
        self.assertEqual(self.left, [set()])

    def test_one_that_lived(self) -> None:
        """Who lives for a second did not die young: the count of those who did, and the pause, begin anew."""
        self.supervise(*[0.5] * 7, 3.0, 0.5, told=1e5)  # of three seconds, two were a pause, as it may have died before
        self.assertEqual(self.slept[6:], [2.0, 0.25, 0.25])
        self.assertEqual((self.died(), self.left), (list(range(100, 109)), [{109}]))
        for end in self.pipe:
            self.assertRaises(OSError, os.fstat, end)

    def test_who_died_during_a_pause(self) -> None:
        """What it was dead for is not life: those that die with another one die young, too."""
        self.assert_given_up(*[0.5] * 20, count=2)
        self.assertEqual(len(self.slept), 4)

    def test_no_process_to_be_had(self) -> None:
        """Fewer serve where the system gives no more; none at all is a sentence."""
        self.supervise(1e9, None, count=3, told=2000)
        self.assertEqual((self.left, self.slept), ([{100}], []))
        self.server.reset_mock()
        self.ends.clear()
        self.assert_given_up(None)

    def test_those_that_hang(self) -> None:
        """They have thirty seconds; then they are killed, and nobody else is."""
        self.ends = {1: self.now + 1, 2: math.inf, 3: math.inf}
        began = self.now
        workers._await_end({1, 2, 3})
        self.assertEqual([call.args for call in self.kill.mock_calls], [(2, signal.SIGKILL), (3, signal.SIGKILL)])
        self.assertAlmostEqual(self.now - began, STOP_SECONDS, delta=0.1)


class TheFirstSteps(unittest.TestCase):
    def begin(self, cores: int, count: int) -> tuple[mock.Mock, mock.Mock]:
        """What it does before it forks, in its order; and its app."""
        app, steps = Harness(Store).app, mock.Mock()
        with (
            mock.patch.object(app.store, "close", steps.close),
            mock.patch("signal.signal", steps.signal),
            mock.patch("signal.pthread_sigmask", steps.mask),
            mock.patch.object(throttle, "share_cores", steps.share),
            mock.patch.object(workers, "cores", return_value=cores),
            mock.patch.object(workers, "_supervise", steps.fork),
        ):
            serve_by_many(app, "127.0.0.1", 0, steps.ready, count, {"192.0.2.1"})
        return steps, app

    def test_before_the_first_fork(self) -> None:
        """The store is closed, for locks do not survive a fork; and signals wait before anybody hears of the door."""
        steps, app = self.begin(6, 3)
        names = [name for name, _, _ in steps.mock_calls]
        self.assertEqual(sorted(names[:-1]), ["close", "close", "mask", "ready", "share", "signal"])
        self.assertEqual([name for name in names if name in ("close", "ready")], ["close", "ready", "close"])
        self.assertEqual([name for name in names if name in ("signal", "mask", "ready")], ["signal", "mask", "ready"])
        self.assertEqual(names[-1], "fork")
        steps.mask.assert_called_once_with(signal.SIG_BLOCK, (*ends(), signal.SIGCHLD))
        number, handler = steps.signal.call_args.args
        self.assertEqual((number, handler(number, None)), (signal.SIGCHLD, None))
        server, *more = steps.fork.call_args.args
        self.assertEqual((server.app, server.trusted, more), (app, {"192.0.2.1"}, [app, 3]))
        steps.ready.assert_called_once_with(server.url)
        self.assertLess(server.socket.fileno(), 0)

    def test_the_cores_of_each(self) -> None:
        """They are shared out, and nobody is left without one."""
        for cores, count, each in ((6, 3, 2), (7, 2, 3), (1, 4, 1), (2, 2, 1)):
            with self.subTest(cores=cores, count=count):
                self.begin(cores, count)[0].share.assert_called_once_with(each)

    def test_the_fork(self) -> None:
        """The new process serves and never comes back; the first one goes on with its id."""
        with mock.patch.object(workers, "_serve") as serve:
            with mock.patch("os.fork", return_value=7):
                self.assertEqual(workers._fork("server", "app", 3, 4), 7)  # type: ignore[arg-type]
            serve.assert_not_called()
            with mock.patch("os.fork", return_value=0):
                workers._fork("server", "app", 3, 4)  # type: ignore[arg-type]
            serve.assert_called_once_with("server", "app", 3, 4)


class OneOfThem(unittest.TestCase):
    """A forked process, played in this one."""

    def serve(self, **server: Any) -> tuple[mock.Mock, mock.Mock]:
        """What it did to the app, and its end."""
        app, (lifeline, held) = mock.Mock(), os.pipe()
        self.addCleanup(os.close, lifeline)
        with (
            mock.patch("os._exit") as ended,
            mock.patch("signal.pthread_sigmask") as mask,
            mock.patch.object(workers, "stop_on_signals") as hears,
            mock.patch.object(threading, "Thread") as thread,
        ):
            served = mock.Mock(**server)
            workers._serve(served, app, lifeline, held)
        mask.assert_called_once_with(signal.SIG_SETMASK, ())
        hears.assert_called_once_with(served)
        watch = {"target": workers._stop_at_the_end, "args": (served, lifeline), "daemon": True}
        self.assertEqual(thread.mock_calls, [mock.call(**watch), mock.call().start()])
        self.assertRaises(OSError, os.fstat, held)  # else it would hold its own lifeline
        return app, ended

    def test_its_end(self) -> None:
        """Told to end, it closes its store and says that all is well; what breaks it stands in the log."""
        app, ended = self.serve()
        app.store.close.assert_called_once_with()
        ended.assert_called_once_with(0)
        error = RuntimeError("broken")
        app, ended = self.serve(**{"serve_forever.side_effect": error})
        ended.assert_called_once_with(1)
        app.refuse.assert_called_once_with(error, Request("", ""))

    def test_the_end_of_the_first(self) -> None:
        """It stops when the first process is gone, and ends by force if it hangs."""
        lifeline, held = os.pipe()
        os.close(held)
        self.addCleanup(os.close, lifeline)
        server = mock.Mock()
        with mock.patch("os._exit") as ended, mock.patch("time.sleep") as sleep:
            workers._stop_at_the_end(server, lifeline)
        server.stop.assert_called_once_with()
        sleep.assert_called_once_with(STOP_SECONDS)
        ended.assert_called_once_with(1)


class TheBeginning(Sentences):
    def test_how_many(self) -> None:
        """There is one or more; several need a store to share, for a login at one would mean nothing to the next."""
        for pattern, flags in (
            ("1 or more", ("--workers", "0")),
            ("1 or more", ("--workers", "-1")),
            ("--workers", ("--workers", "x")),
            ("--workers", ("--workers", "1.5")),
            ("--workers", ("--workers",)),
            ("its own logins only.*--store sqlite:PATH", ("--workers", "2")),
        ):
            with self.subTest(flags):
                self.assert_one_sentence(run("--port", "0", "--bcrypt-cost", "4", *flags), pattern)
        without_fork = mock.patch("authref.cli.os", SimpleNamespace(environ=os.environ))
        with self.subTest("a system that cannot fork"), without_fork:
            self.assert_one_sentence(run("--port", "0", "--workers", "2", "--store", "sqlite:x"), "cannot fork")

    @unittest.skipUnless(hasattr(os, "fork"), "needs a system that can fork")
    def test_a_port_that_is_taken(self) -> None:
        """The door is opened before anybody is forked, so that a port that is taken is one sentence, not two."""
        kept = mock.patch("authref.stores.open_store", return_value=Kept())
        with socket.create_server(("127.0.0.1", 0)) as taken, kept:
            flags = ("--port", str(taken.getsockname()[1]), "--workers", "2", "--store", "redis://a.example")
            outcome = run("--bcrypt-cost", "4", *flags, AUTHREF_KEYS=RING)
        self.assert_one_sentence(outcome, "port .* in use.*--port")


if __name__ == "__main__":
    unittest.main()
