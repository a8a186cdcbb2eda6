"""How do bytes get in and out, for a thousand clients at once, some of whom mean harm?

`http.server` gives us the listening socket and its manners. Its own way, a thread for each connection,
lets idle clients hold threads and makes busy ones fight for the interpreter. So one thread here looks after
all connections: it asks the system which of them have something to say (a selector), answers those, and
sends the answers together. What would keep it from the others, hashing a password above all, goes to a pool.

Rules of this file:
- the loop never waits for one client, neither to hear from it nor to be heard;
- every state of a connection has a deadline, set when the state begins. A byte now and then does not move
  it: that is how one laptop used to hold a whole server (slowloris);
- requests of one connection are answered in order, one at a time, each answer in one send;
- when all places are taken, whoever holds most of them gives one up: nobody keeps the others out by holding on;
- where the store can look up for many at once (stores/together.py), reading requests that come while it does so are
  its next round; one that comes alone goes its way alone;
- what is only a kindness (a thread's niceness, a larger limit) may fail without a word. What is needed may not:
  a thread that dies is replaced, and while there is none, slow requests and /health say so;
- after a request that was refused as unreadable the connection closes (see reader.py).
"""

from __future__ import annotations

import ipaddress
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import chain
from queue import Empty, SimpleQueue
from socketserver import TCPServer
from typing import Protocol

from authref.serving.cores import cores
from authref.serving.reader import Reader
from authref.throttle import MAX_WAITING, share_cores
from authref.wire import Problem, Request, Response, write_response

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# A connection's states: how many seconds each may last, what the selector watches for, and what happens then.
IDLE_SECONDS = 75  # after an answer: proxies keep their side for 60, and what they send must not meet a closed door
STATES = {
    "new": (15.0, READ, "receive"),  # nothing of its first request has come
    "idle": (float(IDLE_SECONDS), READ, "receive"),  # nothing of its next request has come
    "head": (10.0, READ, "receive"),  # its first byte has come, the end of its head has not
    "body": (15.0, READ, "receive"),
    "working": (float("inf"), 0, ""),  # the pool makes the answer: our own time, not the client's
    "answer": (15.0, WRITE, "flush"),  # the client is slow to take it
    "goodbye": (2.0, READ, "discard"),  # closing at once, with bytes unread, would take the answer back (a reset)
}
QUIET = ("new", "idle", "goodbye")  # whoever is put out of one of these loses nothing
LINGER = 30.0  # seconds that a goodbye lasts at most, while bytes of a refused upload still come
KEEP_ALIVE = f"connection: keep-alive\r\nkeep-alive: timeout={IDLE_SECONDS}\r\n"
CLOSE = "connection: close\r\n"
GRACE = 0.25  # seconds after a stop in which a request that is already on its way is still answered
PATIENCE = 2.0  # seconds that a slow client has left after a stop
WORK = 20.0  # seconds that our own work has left after a stop: 64 waiting hashes on one core take 16
STOP_SECONDS = 30  # after which a process that was told to end does so, whatever hangs in it
MAX_CONNECTIONS = 1024  # beyond: somebody gives up a place
POOL_THREADS = 64 + MAX_WAITING  # more than may wait for a password hash: other slow work finds a thread
MAX_TOGETHER = 128  # requests of one round: what they look up must not hold up a store that others share
RECEIVE = 16 * 1024  # bytes taken at once, so that one client's pipeline cannot hold up the others for long
MAX_FILES = 2 * MAX_CONNECTIONS  # one for each connection, three for each thread that has the store's file open
SWEEP_INTERVAL = 0.25  # seconds between two looks at the deadlines


class App(Protocol):
    """What this server needs of an app. `authref.app.App` is one; a function in a class is enough for another.

    One whose store can look up for many has `together` as well: from jobs to what each returns, or None for those that
    must be called alone. It may call a job several times.
    """

    def __call__(self, request: Request) -> Response:
        """The answer to the request."""

    unwell: str  # the server writes it: a sentence while it cannot do slow work, for /health to tell, else ""

    def is_slow(self, request: Request) -> bool:
        """True if the answer may take longer than everybody else should wait for theirs."""

    def refuse(self, error: Exception, request: Request) -> Response:
        """The answer to bytes that make no request (a Problem), or when an answer could not be written.

        Of the request there is as much as was read: at least its peer.
        """


Task = list[tuple["Connection", Request]]  # slow work for one thread: a request, or several to answer together


class Connection:
    """One client: its socket, the reader of its bytes, its state."""

    def __init__(self, server: Server, sock: socket.socket, peer: str, crowd: set[Connection]) -> None:
        self.server, self.sock, self.reader = server, sock, Reader(peer)
        self.crowd = crowd  # all connections of its address
        self.unsent = b""
        self.closing = False  # after the answer under way
        self._watched: tuple[int, str] = (0, "")
        self.enter("new")

    def enter(self, state: str) -> None:
        """Begin a state, its deadline and its watch."""
        self.state = state
        seconds, events, action = STATES[state]
        if self.server.stopping:
            seconds = WORK if state == "working" else GRACE if state in ("new", "idle") else PATIENCE
        self.since = time.monotonic()
        self.deadline = self.since + seconds
        if self._watched != (events, action):
            self._watch(events, action)

    def _watch(self, events: int, action: str) -> None:
        if self._watched[0]:
            self.server.selector.unregister(self.sock)
        if events:
            self.server.selector.register(self.sock, events, getattr(self, action))
        self._watched = (events, action)

    def receive(self) -> None:
        """Take what has come; begin to answer if it makes a request."""
        if self.unsent:  # its answer to the request before is sent at the end of this round
            return
        data = self._take()
        if data:
            self.reader.feed(data)
            self.proceed()

    def discard(self) -> None:
        """Let the client finish sending what nobody reads any more: it may be a large upload on a slow line."""
        if self._take() and not self.server.stopping:
            self.deadline = min(time.monotonic() + STATES["goodbye"][0], self.since + LINGER)

    def _take(self) -> bytes:
        try:
            data = self.sock.recv(RECEIVE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.close()
        return data

    def proceed(self) -> None:
        """Answer the next request if all of it is here."""
        try:
            request = self.reader.next_request()
        except Problem as problem:
            return self.refuse(problem)
        if request is None:
            self._await_more()
        elif self.server.app.is_slow(request):
            self.enter("working")
            if self.server.app.unwell:
                return self.refuse(_no_threads())
            self.server.hand_over(self, request)
        else:
            self.reply(self.answer(request))

    def refuse(self, problem: Problem) -> None:
        """Answer what cannot be served, and end."""
        self.closing = True
        self.enter("working")  # and read nothing more: it could not be told apart
        request = self.reader.so_far()
        answer = self.server.app.refuse(problem, request)
        self.reply(self.server.write(answer, close=True, without_body=request.method == "HEAD"))

    def reply(self, answer: bytes) -> None:
        """Leave the answer to be sent at the end of this round."""
        self.unsent = answer
        self.server.answered.append(self)

    def flush(self) -> None:
        """Send what the client takes now, the rest when it takes more; then go on, or say goodbye."""
        try:
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return self.close()
        if self.unsent:
            if self.state != "answer":
                self.enter("answer")
        elif self.closing:
            self.enter("goodbye")
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        else:
            self.enter("idle")
            if self.reader.has_bytes:
                self.proceed()

    def close(self) -> None:
        """End the connection, now."""
        self._watch(0, "")
        self.server.connections.discard(self)
        self.crowd.discard(self)
        self.sock.close()

    @property
    def is_waiting(self) -> bool:
        """True while it is the client's turn: no answer to it is being made, or made and not yet sent."""
        return self.state == "answer" or self.state != "working" and not self.unsent

    def _await_more(self) -> None:
        if self.state != self.reader.waiting_for:  # else the deadline stays where it is
            self.enter(self.reader.waiting_for)
            if self.reader.wants_continue:
                with suppress(OSError):
                    self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, request: Request) -> bytes:
        """The bytes of the app's answer; also called from the pool's threads."""
        without_body = request.method == "HEAD"
        try:
            response = self.server.app(request)
            head = self.reader.head  # asked only now: a stop may have come while the answer was made
            self.closing = self.server.stopping or head is None or not head.keep_alive
            return self.server.write(response, self.closing, without_body)
        except Exception as error:  # an answer that cannot be written
            return self.server.write(self.server.app.refuse(error, request), self.closing, without_body)


class Server(HTTPServer):
    """An HTTPServer that serves all its connections from the thread that calls `serve_forever`."""

    request_queue_size = 1024  # connections that the system holds for us between two rounds

    def __init__(self, app: App, host: str, port: int, trusted: Container[str] = ()) -> None:
        self.app, self.trusted = app, trusted  # peers that hold connections for many: none of theirs must give way
        self.connections: set[Connection] = set()
        self.crowds: dict[str, set[Connection]] = {}  # those of each address that is not trusted
        self.pool: list[threading.Thread] = []
        self.answered: list[Connection] = []  # their answers wait for the end of this round
        self.finished: deque[tuple[Connection, bytes]] = deque()  # answers that the pool made
        self.slow_work: SimpleQueue[Task | None] = SimpleQueue()
        self.together = getattr(app, "together", None)  # answers several jobs, if the app can do so
        self.round: Task = []  # what is being answered together
        self.next_round: Task = []
        self.stopping = self.begun = False
        self._date = (0, "")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), BaseHTTPRequestHandler)  # no handler is ever made: Connection takes its place
        self.socket.setblocking(False)
        self.url = f"http://[{host}]:{self.server_port}" if ":" in host else f"http://{host}:{self.server_port}"

    def server_bind(self) -> None:
        """Bind as a TCPServer does; HTTPServer would look up the host's full name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def serve_forever(self, poll_interval: float = SWEEP_INTERVAL) -> None:
        """Serve until `stop` is called and what was under way by then is answered."""
        if not self.begun:
            self.begin()
        next_sweep = 0.0
        while self.connections or not self.stopping:
            if time.monotonic() >= next_sweep:
                self._sweep()
                next_sweep = time.monotonic() + poll_interval
            # What a client sent ahead is begun at the end of a round, when nothing is left that would wake us.
            at_once = self.answered or (self.next_round and not self.round)
            for key, _ in self.selector.select(0 if at_once else poll_interval):
                key.data()
            self._begin_round()
            # Sent together: a client woken once takes all its answers, instead of being woken for each. And one
            # answer a round for each connection, so that a pipeline of hundreds waits like everybody else.
            answered, self.answered = self.answered, []
            for connection in answered:
                connection.flush()

    def begin(self) -> None:
        """Make what no two processes may share; whoever forks (workers.py) has forked by now.

        Raises ValueError when not one thread can be had.
        """
        _allow_files()
        self.selector = selectors.DefaultSelector()
        self._alarm_sender, self._alarm = socket.socketpair()  # a byte through it ends the selector's wait
        self._alarm_sender.setblocking(False)
        self.selector.register(self._alarm, READ, self._on_wake)
        self.begun = True
        self._fill_pool()  # now: starting a thread waits until it runs, and that is long while the others hash
        if not self.pool:
            raise ValueError("Not one thread can be started here; let this user have more of them (ulimit -u).")

    def hand_over(self, connection: Connection, request: Request) -> None:
        """Give a slow request to the pool: at once, or with the next round if its method is safe (RFC 9110 §9.2.1)."""
        if self.together and request.method in ("GET", "HEAD"):
            self.next_round.append((connection, request))
        else:
            self.slow_work.put([(connection, request)])

    def _begin_round(self) -> None:
        if self.next_round and not self.round:
            self.round, self.next_round = self.next_round[:MAX_TOGETHER], self.next_round[MAX_TOGETHER:]
            self.slow_work.put(self.round)

    def stop(self) -> None:
        """Let `serve_forever` end; for any thread, and for a signal handler."""
        self.stopping = True
        self.wake()

    def wake(self) -> None:
        """End the selector's wait."""
        if self.begun:
            with suppress(OSError):  # enough bytes are on their way, or the server is closed already
                self._alarm_sender.send(b"!")

    def server_close(self) -> None:
        """Close everything that is open."""
        super().server_close()
        if not self.begun:
            return
        for connection in list(self.connections):
            connection.close()
        for _ in self.pool:
            self.slow_work.put(None)
        self.selector.close()
        self._alarm_sender.close()
        self._alarm.close()

    def write(self, response: Response, close: bool, without_body: bool = False) -> bytes:
        """The response's bytes, with a Date that is made once a second."""
        second = int(time.time())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return write_response(response, self._date[1], CLOSE if close else KEEP_ALIVE, without_body)

    def _work(self) -> None:
        """Make slow answers until there is no more to do: what each thread of the pool runs."""
        if sys.platform == "linux":  # where each thread has its own niceness: let the one that serves go first
            with suppress(OSError):  # it may be nicer already, and only root may take that back
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        while task := self.slow_work.get():
            try:
                self._answer(task)
            finally:
                if task is self.round:
                    self.round = []
            self.wake()

    def _answer(self, task: Task) -> None:
        """Finish the requests; of several, those that cannot be answered together come again, alone.

        Nobody hears those whose connection was ended meanwhile: they are not begun.
        """
        task = [each for each in task if each[0] in self.connections]
        jobs = [partial(connection.answer, request) for connection, request in task]
        answers = self.together(jobs) if self.together and len(jobs) > 1 else [job() for job in jobs]
        for (connection, request), answer in zip(task, answers, strict=True):
            if answer is None:
                self.slow_work.put([(connection, request)])
            else:
                self.finished.append((connection, answer))

    def _fill_pool(self) -> None:
        """Have POOL_THREADS threads, or as many as the system allows."""
        with suppress(RuntimeError):  # no more can be started
            while len(self.pool) < POOL_THREADS:
                thread = threading.Thread(target=self._work, daemon=True)
                thread.start()
                self.pool.append(thread)

    def _tend_pool(self) -> None:
        """Replace threads that have died. While none is left nobody waits in vain: they hear it, and /health tells."""
        self.pool = [thread for thread in self.pool if thread.is_alive()]
        self.app.unwell = "" if self.pool else _no_threads().args[0]
        if not self.pool:
            self.round = []
            for connection, _ in chain.from_iterable(_taken_from(self.slow_work)):
                connection.refuse(_no_threads())
        self._fill_pool()

    def _on_wake(self) -> None:
        self._alarm.recv(1024)
        while self.finished:
            connection, answer = self.finished.popleft()
            connection.reply(answer)
        if self.stopping and self.socket.fileno() >= 0:
            while self._accept():  # those whom the system has let in already
                pass
            with suppress(KeyError):
                self.selector.unregister(self.socket)
            super().server_close()
            for connection in self.connections:
                connection.enter(connection.state)

    def _accept(self) -> bool:
        """Let one client in; True if one was there. One a round, so that several processes at one door share them."""
        if self.socket.fileno() < 0:  # closed by a stop in this same round
            return False
        try:
            sock, address = self.socket.accept()
        except BlockingIOError:
            return False
        except OSError:  # no file descriptors left: stop listening until the next sweep, instead of spinning
            self._make_room(fewest=2)  # whoever has a single one keeps it: here newcomers may wait at the door
            with suppress(KeyError):
                self.selector.unregister(self.socket)
            return False
        sock.setblocking(False)
        with suppress(OSError):  # the client may have gone already
            # Else the system holds a small packet back until the one before it is acknowledged: 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        crowd = self._crowd(address[0])
        # Again and again: whoever was refused before still says goodbye, beyond the last place.
        while is_full := len(self.connections) >= MAX_CONNECTIONS:
            if not self._make_room() and not self._interrupt(crowd):
                break
        connection = Connection(self, sock, address[0], crowd)
        self.connections.add(connection)
        crowd.add(connection)
        if is_full:
            connection.refuse(_unavailable("too_many_connections", "Too many connections are at work; try again."))
        return True

    def _crowd(self, peer: str) -> set[Connection]:
        """The connections of this address; of IPv6 those of its first half, for one home has 2**64 of them."""
        if peer in self.trusted:
            return set()
        if ":" in peer:
            address = ipaddress.IPv6Address(peer.partition("%")[0])
            peer = str(address.ipv4_mapped or int(address) >> 64)
        return self.crowds.setdefault(peer, set())

    def _make_room(self, fewest: int = 1) -> bool:
        """End the connection that has waited longest, of the address that has most; False if none of them waits.

        Whoever says goodbye goes before all others, of whichever address.
        An address that has less than `fewest` keeps its own.
        It looks at each connection once, which takes a tenth of a millisecond: to refuse the newcomer costs no less.
        """
        most = max(fewest, *map(len, self.crowds.values()), 0)
        leaving = [each for each in self.connections if each.state == "goodbye"]
        largest = (each for crowd in self.crowds.values() if len(crowd) == most for each in crowd)
        crowded = leaving or [each for each in largest if each.is_waiting]
        if crowded:
            min(crowded, key=lambda each: (each.state not in QUIET, each.since)).close()
        return bool(crowded)

    def _interrupt(self, newcomers: set[Connection]) -> bool:
        """End what was begun last for the address that has most, if that is more than an eighth of all places.

        Who keeps us at work on each connection would keep everybody out. The newcomers of that address gain nothing.
        Nor does anybody while as much work waits as there are places, or two addresses in turn would pile up more.
        """
        if self.slow_work.qsize() + len(self.next_round) >= MAX_CONNECTIONS:
            return False
        largest = max(self.crowds.values(), key=len, default=newcomers)
        if largest is newcomers or len(largest) <= max(1, MAX_CONNECTIONS // 8):
            return False
        max(largest, key=lambda each: each.since).close()
        return True

    def _sweep(self) -> None:
        """End every state that has lasted too long; listen again if that was given up; see to the pool."""
        self._tend_pool()
        self.crowds = {peer: crowd for peer, crowd in self.crowds.items() if crowd}
        now = time.monotonic()
        for connection in [each for each in self.connections if each.deadline <= now]:
            if connection.state in ("head", "body"):
                connection.refuse(Problem(408, "request_timeout", "The request took too long to arrive."))
            else:
                connection.close()
        if not self.stopping and self.socket not in self.selector.get_map():
            self.selector.register(self.socket, READ, self._accept)


def _unavailable(code: str, detail: str) -> Problem:
    return Problem(503, code, detail, (("retry-after", "1"),))


def _no_threads() -> Problem:
    return _unavailable("no_threads", "The server has no thread left for slow work; try again in a moment.")


def _taken_from(queue: SimpleQueue[Task | None]) -> Iterator[Task]:
    """What waits in the queue, which is empty then."""
    with suppress(Empty):
        while task := queue.get_nowait():
            yield task


def _allow_files() -> None:
    """Let this process open MAX_FILES files, or as many as the system allows it; often it begins with 1,024 or 256."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if 0 <= soft < MAX_FILES:  # -1: no limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES if hard < 0 else min(MAX_FILES, hard), hard))


def serve(
    app: App,
    host: str,
    port: int,
    ready: Callable[[str], object] = lambda url: None,
    trusted: Container[str] = (),
) -> None:
    """Serve the app until Ctrl-C or SIGTERM; `ready` is called with the URL once clients can connect.

    Raises OSError when the address cannot be had, ValueError when no thread can be.
    """
    share_cores(cores())
    with Server(app, host, port, trusted) as server:
        server.begin()
        if threading.current_thread() is threading.main_thread():
            stop_on_signals(server)
        ready(server.url)
        server.serve_forever()
        _set_alarm(0)


def ends() -> tuple[signal.Signals, ...]:
    """The signals that end a server: Ctrl-C, SIGTERM, and a closed terminal's unless that is ignored (nohup)."""
    hang_up = getattr(signal, "SIGHUP", None)
    is_heard = hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *((hang_up,) if hang_up is not None and is_heard else ()))


def stop_on_signals(server: Server) -> None:
    """Let these signals stop the server, and end the process STOP_SECONDS later at the latest."""

    def stop(*_: object) -> None:
        _set_alarm(STOP_SECONDS)  # the system ends us then, even if all that is ours hangs
        server.stop()

    for number in ends():
        signal.signal(number, stop)


def _set_alarm(seconds: int) -> None:
    if hasattr(signal, "alarm"):  # Windows has none
        signal.alarm(seconds)
