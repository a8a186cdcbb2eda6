"""How does a second core help? By a second process, behind the same door.

Python runs one thread of a process at a time, so one process keeps one core busy. Several processes that were
forked after the door was opened all take clients from it; the system gives each client to one of them.

That works only if it does not matter which one: what a process remembers in its own memory, the others have never
heard of. So the store must be shared (maps.py). An access token needs no store: any process with the key believes it.

Rules of this file:
- nothing that is open but the door is forked along: no connection to a store, no thread, no selector;
- a process that dies is replaced; clients of the others do not notice;
- all of them end when the first one does, however it ends: each watches a pipe that only the first one holds open.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from typing import NoReturn, Protocol

from authref import passwords
from authref.events import Events
from authref.maps import Store
from authref.serving.server import App, Server, awaited_signals, stop_on_signals

RESTART_SECONDS = 0.25  # before a dead one is replaced: if they cannot live here, they die slowly


class SharedApp(App, Protocol):
    """What several processes need of an app besides."""

    store: Store  # closed before the fork; each process opens it again
    events: Events


def serve_by_many(app: SharedApp, host: str, port: int, ready: Callable[[str], object], count: int) -> None:
    """Serve the app as `server.serve` does, from `count` processes. Raises OSError when the address cannot be had."""
    with Server(app, host, port) as server:
        # From here on signals wait until they are asked for: none comes between two steps, and none is missed.
        awaited = {*awaited_signals(), signal.SIGCHLD}
        signal.signal(signal.SIGCHLD, lambda *_: None)  # some are started with it ignored, and would never hear of it
        signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        ready(server.url)
        app.store.close()
        passwords.share_cores(count)
        _supervise(server, app, count, awaited)


def _supervise(server: Server, app: SharedApp, count: int, awaited: Collection[signal.Signals]) -> None:
    """Keep `count` processes serving until Ctrl-C, SIGTERM or SIGHUP."""
    lifeline, held = os.pipe()
    running = {_fork(server, app, lifeline, held) for _ in range(count)}
    while signal.sigwait(awaited) == signal.SIGCHLD:
        died = {worker for worker in running if os.waitpid(worker, os.WNOHANG)[0]}
        for worker in died:
            app.events.emit("sys_worker_died", worker=worker)
        if died:
            time.sleep(RESTART_SECONDS)
        running = running - died | {_fork(server, app, lifeline, held) for _ in died}
    os.close(held)
    server.server_close()  # so that who comes now is refused, instead of waiting where nobody opens any more
    for worker in running:
        os.waitpid(worker, 0)
    os.close(lifeline)


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
        app.crash(error)
    finally:
        os._exit(status)  # not sys.exit: what follows the fork in the caller is the first process's business


def _stop_at_the_end(server: Server, lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written: it returns when the other end is closed
    server.stop()
