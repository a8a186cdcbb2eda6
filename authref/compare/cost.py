"""What does it cost to know who is calling? Look-ups, microseconds, and requests a second end to end.

Rules of this file:
- a request is authenticated as the server would, without its socket; look-ups are counted, not assumed;
- the mechanisms take turns, so that a machine that is busy just now is busy for all of them;
- the load comes from Python on the same machine. So requests a second are low, and only their ratio means something;
- differences under a fifth are ties.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from secrets import token_hex

from authref.app import App
from authref.compare.figures import Block, Claim, Claims, Spread, Table, spread
from authref.compare.lab import BOTH, SESSION, TOKEN, Client, Counting, Mechanism, guest, log_in, make_app, proof
from authref.compare.servers import Process
from authref.keys import fresh_keys
from authref.stores import open_store
from authref.users import User
from authref.wire import Request

MODES = ((SESSION, "none"), (TOKEN, "none"), (TOKEN, "denylist"), (TOKEN, "allowlist"))
SOCKETS = 8  # connections of the load: each sends one request, then each is heard
TIE = 1.2  # times


@dataclass(frozen=True)
class Work:
    """What authenticating one request costs, without any network but the store's."""

    store: str
    mechanism: str
    revocation: str
    time: Spread
    look_ups: int


@dataclass(frozen=True)
class Rate:
    """Requests a second end to end."""

    store: str
    mechanism: str
    per_second: Spread


def work(label: str, name: str, batches: int, calls: int) -> list[Work]:
    """What authenticating costs on this store, by either mechanism, in each mode."""
    with ExitStack() as stack:
        store, keys = open_store(name), fresh_keys()
        stack.callback(store.close)
        calls = max(1, calls // 10) if "reads" in store.slow else calls
        measures = []
        for mechanism, mode in MODES:
            app = make_app(store, keys=keys, revocation=mode)
            user = stack.enter_context(guest(app, f"{token_hex(8)}@compare.example"))
            measures.append(partial(microseconds, authenticating(app, mechanism, user), calls))
        times = in_turns(measures, batches, "µs")
    return [Work(label, mechanism.name, mode, time, look_ups(mechanism, mode))
            for (mechanism, mode), time in zip(MODES, times, strict=True)]  # fmt: skip


def in_turns(measures: Sequence[Callable[[], float]], rounds: int, unit: str) -> list[Spread]:
    """What each of them measures, over rounds in which they take turns."""
    found = [[measure() for measure in measures] for _ in range(rounds)]
    return [spread(values, unit) for values in zip(*found, strict=True)]


def microseconds(job: Callable[[], object], calls: int) -> float:
    """How long the job takes, over so many calls."""
    start = time.perf_counter()
    for _ in range(calls):
        job()
    return 1e6 * (time.perf_counter() - start) / calls


def authenticating(app: App, mechanism: Mechanism, user: User) -> Callable[[], object]:
    """A call that authenticates the same good request each time."""
    request = Request("GET", mechanism.me, mechanism.credential(log_in(app, mechanism, user)))
    return partial(mechanism.of(app).authenticate, request)


def look_ups(mechanism: Mechanism, mode: str) -> int:
    """How often authenticating one request asks the store."""
    store = Counting()
    app = make_app(store, revocation=mode)
    with guest(app) as user:
        return sum(store.during(authenticating(app, mechanism, user)).values())


def rates(label: str, server: Process, rounds: int, requests: int) -> list[Rate]:
    """Requests a second to one server, by either mechanism."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.url)) for _ in range(SOCKETS)]
        clients[0].send("POST", "/signup", value=proof(server.email))
        measures = []
        for mechanism in BOTH:
            answer = clients[0].send("POST", mechanism.log_in, value=proof(server.email))
            request = clients[0].message("GET", mechanism.me, mechanism.credential(answer))
            measures.append(partial(load, clients, request, requests))
        found = in_turns(measures, rounds, "requests/s")
    return [Rate(label, mechanism.name, each) for mechanism, each in zip(BOTH, found, strict=True)]


def load(clients: Sequence[Client], asking: bytes, requests: int) -> float:
    """Requests a second: all connections ask, then each is heard, and so on. Raises ValueError for a refusal."""
    clients[0].socket.sendall(asking)
    size = len(clients[0].socket.recv(65536))  # one send an answer, and all answers are as long
    turns = requests // len(clients)
    start = time.perf_counter()
    for _ in range(turns):
        for client in clients:
            client.socket.sendall(asking)
        for client in clients:
            if not client.socket.recv(size).startswith(b"HTTP/1.1 200"):
                raise ValueError("A server refused what it had answered before; run this again.")
    return turns * len(clients) / (time.perf_counter() - start)


def claims(work: Sequence[Work], rates: Sequence[Rate]) -> dict[str, Claim]:
    """What the figures show; on memory and on other stores it is not the same mechanism that is quick."""
    counted = {f"{one.mechanism}, {one.revocation}": one.look_ups for one in work}
    found = {
        "look-ups": Claim(
            "Checking a session asks the store twice, for record and user; a token never, or once for a list.",
            list(counted.values()) == [2, 0, 1, 1], "; ".join(f"{name}: {asked}" for name, asked in counted.items()))
    }  # fmt: skip
    for store in dict.fromkeys(one.store for one in work):
        times = {one.mechanism: one.time for one in work if (one.store, one.revocation) == (store, "none")}
        ends = {one.mechanism: one.per_second.median for one in rates if one.store == store}
        first, second = ("session", "token") if store == "memory" else ("token", "session")
        checking, whole = times[second].median / times[first].median, ends[first] / ends[second]
        found |= {
            f"sooner, {store}": Claim(
                f"On {store}, a {first} is checked sooner than a {second}.",
                checking > TIE, f"{times[first]} against {times[second]}; under {TIE} times is a tie"),
            f"end to end, {store}": Claim(
                f"On {store}, the difference is smaller end to end, where a request costs more than its checking.",
                max(whole, 1 / whole) < max(checking, 1 / checking),
                f"checked {checking:.2f} times as fast, {whole:.2f} times as many requests a second"),
        }  # fmt: skip
    return found


def tell(work: Sequence[Work], rates: Sequence[Rate]) -> list[Block]:
    """The evidence for readers."""
    alone = [(one.store, one.mechanism, one.revocation, one.time, one.look_ups) for one in work]
    whole = [(one.store, one.mechanism, one.per_second) for one in rates]
    return [
        Table("Authenticating one request, without the socket",
              ("store", "by", "revocation", "time to check", "look-ups"), alone, charted=["time to check"]),
        Table(f"End to end: one server process, {SOCKETS} connections, the client in Python on the same machine",
              ("store", "by", "requests a second"), whole, charted=["requests a second"]),
        Claims("What a request costs", claims(work, rates)),
    ]  # fmt: skip
