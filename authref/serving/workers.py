"""How does a second core help? By a second process, behind the same door.

Python runs one thread of a process at a time, so one process keeps one core busy. Several processes that were
forked after the door was opened all take clients from it; the system gives each client to one of them.

That works only if it does not matter which one: what a process remembers in its own memory, the others have never
heard of. So the store must be shared (maps.py). An access token needs no store: any process with the key believes it.

Rules of this file:
- nothing that is open but the door is forked along: no connection to a store, no thread, no selector;
- a process that dies is replaced; clients of the others do not notice. Where they all die young, the first one
  soon stops replacing them, and says so;
- all of them end when the first one does, however it ends: each watches a pipe that only the first one holds open;
- whatever hangs, they end within STOP_SECONDS.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Container
from contextlib import suppress
from typing import NoReturn, Protocol

from authref import throttle
from authref.events import Events
from authref.maps import Store
from authref.serving.cores import cores
from authref.serving.server import STOP_SECONDS, App, Server, ends, stop_on_signals
from authref.wire import Request

RESTART_SECONDS = 0.25  # before a dead one is replaced; twice as long after each that died young
LONGEST_RESTART = 2.0
YOUNG = 1.0  # seconds: one that ends earlier cannot live here, it was not killed by chance
MAX_YOUNG_DEATHS = 8  # in a row, then it is given up


class SharedApp(App, Protocol):
    """What several processes need of an app besides."""

    store: Store  # closed before the fork; each process opens it again
    events: Events


def serve_by_many(
    app: SharedApp,
    host: str,
    port: int,
    ready: Callable[[str], object],
    count: int,
    trusted: Container[str] = (),
) -> None:
    """Serve the app as `server.serve` does, from `count` processes.

    Raises OSError when the address cannot be had, ValueError when the processes cannot live.
    """
    with Server(app, host, port, trusted) as server:
        app.store.close()  # and with it a thread of its own: a signal that is not blocked there would end us
        # From here on signals wait until they are asked for: none comes between two steps, and none is missed.
        signal.signal(signal.SIGCHLD, lambda *_: None)  # some are started with it ignored, and would never hear of it
        signal.pthread_sigmask(signal.SIG_BLOCK, (*ends(), signal.SIGCHLD))
        ready(server.url)
        app.store.close()
        throttle.share_cores(max(1, cores() // count))
        _supervise(server, app, count)


def _supervise(server: Server, app: SharedApp, count: int) -> None:
    """Keep `count` processes serving until a signal ends them."""
    lifeline, held = os.pipe()
    running: dict[int, float] = {}  # the id of each process, and when it began
    young_deaths, pause = 0, 0.0
    while young_deaths < MAX_YOUNG_DEATHS:
        with suppress(OSError):  # no more processes may be started: fewer serve
            while len(running) < count:
                running[_fork(server, app, lifeline, held)] = time.monotonic()
        if not running or signal.sigwait((*ends(), signal.SIGCHLD)) != signal.SIGCHLD:
            break
        died = [worker for worker in running if os.waitpid(worker, os.WNOHANG)[0]]
        for worker in died:
            app.events.emit("sys_worker_died", worker=worker)
            age = time.monotonic() - running.pop(worker) - pause  # it may have died as the last pause began
            young_deaths = young_deaths + 1 if age < YOUNG else 0
        if died:
            pause = min(RESTART_SECONDS * 2 ** max(0, young_deaths - 1), LONGEST_RESTART)
            time.sleep(pause)
    can_live = bool(running) and young_deaths < MAX_YOUNG_DEATHS
    os.close(held)
    server.server_close()  # so that who comes now is refused, instead of waiting where nobody opens any more
    _await_end(set(running))
    os.close(lifeline)
    if not can_live:
        raise ValueError("The processes that serve end as soon as they begin; start with --workers 1 to see why.")


def _await_end(running: set[int]) -> None:
    """Return when these processes have ended; those that hang are killed after STOP_SECONDS."""
    killed_at = time.monotonic() + STOP_SECONDS
    while running := {worker for worker in running if not os.waitpid(worker, os.WNOHANG)[0]}:
        if time.monotonic() > killed_at:
            for worker in running:
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.01)


def _fork(server: Server, app: SharedApp, lifeline: int, held: int) -> int:
    """The id of a new process that serves."""
    worker = os.fork()
    if worker == 0:
        _serve(server, app, lifeline, held)
    return worker


def _serve(server: Server, app: SharedApp, lifeline: int, held: int) -> NoReturn:
    """What a forked process does, and all it ever does."""
    status = 1
    try:
        stop_on_signals(server)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.close(held)
        threading.Thread(target=_stop_at_the_end, args=(server, lifeline), daemon=True).start()
        server.serve_forever()
        app.store.close()
        status = 0
    except Exception as error:
        app.refuse(error, Request("", ""))  # for the log
    finally:
        os._exit(status)  # not sys.exit: what follows the fork in the caller is the first process's business


def _stop_at_the_end(server: Server, lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written: it returns when the other end is closed
    server.stop()
    time.sleep(STOP_SECONDS)  # it has ended by now, unless it hangs
    os._exit(1)
