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
- after a request that was refused as unreadable the connection closes (see reader.py).
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from socketserver import TCPServer
from typing import Protocol

from authref.passwords import MAX_WAITING
from authref.serving.reader import Reader
from authref.wire import Problem, Request, Response, write_response

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# A connection's states: how many seconds each may last, what the selector watches for, and what happens then.
STATES = {
    "request": (15.0, READ, "receive"),  # nothing of the next request has come: idle
    "head": (10.0, READ, "receive"),  # its first byte has come, the end of its head has not
    "body": (15.0, READ, "receive"),
    "working": (float("inf"), 0, ""),  # the pool makes the answer
    "answer": (15.0, WRITE, "flush"),  # the client is slow to take it
    "goodbye": (2.0, READ, "discard"),  # closing at once, with bytes unread, would take the answer back (a reset)
}
GRACE = 0.25  # seconds after a stop in which a request that is already on its way is still answered
PATIENCE = 2.0  # seconds that a slow client has left after a stop; our own work is finished, however long it takes
MAX_CONNECTIONS = 1024  # beyond: 503
POOL_THREADS = 64 + MAX_WAITING  # more than may wait for a password hash: other slow work finds a thread
RECEIVE = 16 * 1024  # bytes taken at once, so that one client's pipeline cannot hold up the others for long
MAX_FILES = 2 * MAX_CONNECTIONS  # one for each connection, three for each thread that has the store's file open
SWEEP_INTERVAL = 0.25  # seconds between two looks at the deadlines


class App(Protocol):
    """What this server needs of an app. `authref.app.App` is one; a function in a class is enough for another."""

    def __call__(self, request: Request) -> Response:
        """The answer to the request."""

    def is_slow(self, request: Request) -> bool:
        """True if the answer may take longer than everybody else should wait for theirs."""

    def refuse(self, problem: Problem, peer: str) -> Response:
        """The answer to bytes that make no request."""

    def crash(self, error: Exception) -> Response:
        """The answer when something failed after the app had answered."""


class Connection:
    """One client: its socket, the reader of its bytes, its state."""

    def __init__(self, server: Server, sock: socket.socket, peer: str) -> None:
        self.server, self.sock, self.reader = server, sock, Reader(peer)
        self.unsent = b""
        self.closing = False  # after the answer under way
        self._watched: tuple[int, str] = (0, "")
        self.enter("request")

    def enter(self, state: str) -> None:
        """Begin a state, its deadline and its watch."""
        self.state = state
        seconds, events, action = STATES[state]
        if self.server.stopping and state != "working":
            seconds = GRACE if state == "request" else PATIENCE
        self.deadline = time.monotonic() + seconds
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
        """Let the client finish sending what nobody reads any more."""
        self._take()

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
            self.server.slow_work.put((self, request))
        else:
            self.reply(self.answer(request))

    def refuse(self, problem: Problem) -> None:
        """Answer what could not be read, and end."""
        self.closing = True
        self.enter("working")  # and read nothing more: it could not be told apart
        self.reply(self.server.write(self.server.app.refuse(problem, self.reader.peer), close=True))

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
            self.enter("request")
            if self.reader.has_bytes:
                self.proceed()

    def close(self) -> None:
        """End the connection, now."""
        self._watch(0, "")
        self.server.connections.discard(self)
        self.sock.close()

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
            return self.server.write(self.server.app.crash(error), self.closing, without_body)


class Server(HTTPServer):
    """An HTTPServer that serves all its connections from the thread that calls `serve_forever`."""

    request_queue_size = 1024  # connections that the system holds for us between two rounds

    def __init__(self, app: App, host: str, port: int) -> None:
        self.app = app
        self.connections: set[Connection] = set()
        self.answered: list[Connection] = []  # their answers wait for the end of this round
        self.finished: deque[tuple[Connection, bytes]] = deque()  # answers that the pool made
        self.slow_work: SimpleQueue[tuple[Connection, Request] | None] = SimpleQueue()
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
        self._begin()
        next_sweep = 0.0
        while self.connections or not self.stopping:
            if time.monotonic() >= next_sweep:
                self._sweep()
                next_sweep = time.monotonic() + poll_interval
            for key, _ in self.selector.select(0 if self.answered else poll_interval):
                key.data()
            # Sent together: a client woken once takes all its answers, instead of being woken for each. And one
            # answer a round for each connection, so that a pipeline of hundreds waits like everybody else.
            answered, self.answered = self.answered, []
            for connection in answered:
                connection.flush()

    def _begin(self) -> None:
        """Make what no two processes may share; whoever forks (workers.py) has forked by now."""
        _allow_files()
        self.selector = selectors.DefaultSelector()
        self._alarm_sender, self._alarm = socket.socketpair()  # a byte through it ends the selector's wait
        self._alarm_sender.setblocking(False)
        self.selector.register(self._alarm, READ, self._on_wake)
        self.begun = True
        # All of them now: starting a thread waits until it runs, and that is long while the others hash.
        for _ in range(POOL_THREADS):
            threading.Thread(target=self._work, daemon=True).start()

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
        for _ in range(POOL_THREADS):
            self.slow_work.put(None)
        self.selector.close()
        self._alarm_sender.close()
        self._alarm.close()

    def write(self, response: Response, close: bool, without_body: bool = False) -> bytes:
        """The response's bytes, with a Date that is made once a second."""
        second = int(time.time())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return write_response(response, self._date[1], close=close, without_body=without_body)

    def _work(self) -> None:
        """Make slow answers until there is no more to do: what each thread of the pool runs."""
        if sys.platform == "linux":  # where each thread has its own niceness: let the one that serves go first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        while task := self.slow_work.get():
            connection, request = task
            self.finished.append((connection, connection.answer(request)))
            self.wake()

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
            with suppress(KeyError):
                self.selector.unregister(self.socket)
            return False
        sock.setblocking(False)
        with suppress(OSError):  # the client may have gone already
            # Else the system holds a small packet back until the one before it is acknowledged: 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, sock, address[0])
        self.connections.add(connection)
        if len(self.connections) > MAX_CONNECTIONS:
            retry = (("retry-after", "1"),)
            connection.refuse(Problem(503, "too_many_connections", "Try again in a moment.", retry))
        return True

    def _sweep(self) -> None:
        """End every state that has lasted too long; listen again if that was given up."""
        now = time.monotonic()
        for connection in [each for each in self.connections if each.deadline <= now]:
            if connection.state in ("head", "body"):
                connection.refuse(Problem(408, "request_timeout", "The request took too long to arrive."))
            else:
                connection.close()
        if not self.stopping and self.socket not in self.selector.get_map():
            self.selector.register(self.socket, READ, self._accept)


def _allow_files() -> None:
    """Let this process open MAX_FILES files, or as many as the system allows it; often it begins with 1,024 or 256."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if 0 <= soft < MAX_FILES:  # -1: no limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES if hard < 0 else min(MAX_FILES, hard), hard))


def serve(app: App, host: str, port: int, ready: Callable[[str], object] = lambda url: None) -> None:
    """Serve the app until Ctrl-C, SIGTERM or SIGHUP; `ready` is called with the URL once clients can connect.

    Raises OSError when the address cannot be had.
    """
    with Server(app, host, port) as server:
        if threading.current_thread() is threading.main_thread():
            stop_on_signals(server)
        ready(server.url)
        server.serve_forever()


def stop_on_signals(server: Server) -> None:
    """Let Ctrl-C, SIGTERM and, unless it is ignored, SIGHUP stop the server."""
    for number in awaited_signals():
        signal.signal(number, lambda *_: server.stop())


def awaited_signals() -> set[signal.Signals]:
    """The signals that end a server. `nohup` has SIGHUP ignored, so that it outlives its terminal."""
    hangs_up = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN  # Windows has none
    return {signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])}
