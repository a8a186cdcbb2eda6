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
from collections.abc import Callable
from typing import NoReturn

from authref import passwords
from authref.app import App
from authref.server import Server, stop_on_signals

RESTART_SECONDS = 0.5  # before a dead one is replaced: if they cannot live here, they die slowly


def serve_by_many(app: App, host: str, port: int, ready: Callable[[str], object], count: int) -> None:
    """Serve the app as `server.serve` does, from `count` processes. Raises OSError when the address cannot be had."""
    with Server(app, host, port) as server:
        ready(server.url)
        app.store.close()
        passwords.share_cores(count)
        _supervise(server, count)


def _supervise(server: Server, count: int) -> None:
    """Keep `count` processes serving until Ctrl-C or SIGTERM."""
    lifeline, held = os.pipe()
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            os.close(held)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    running = {_fork(server, lifeline, held) for _ in range(count)}
    while running:
        died, _ = os.wait()
        running.discard(died)
        if not stopping:
            server.app.events.emit("sys_worker_died", worker=died)
            time.sleep(RESTART_SECONDS)
        if not stopping:
            running.add(_fork(server, lifeline, held))
    os.close(lifeline)


def _fork(server: Server, lifeline: int, held: int) -> int:
    """The id of a new process that serves."""
    worker = os.fork()
    if worker == 0:
        _serve(server, lifeline, held)
    return worker


def _serve(server: Server, lifeline: int, held: int) -> NoReturn:
    """What a forked process does, and all it ever does."""
    status = 1
    try:
        stop_on_signals(server)
        os.close(held)
        threading.Thread(target=_stop_at_the_end, args=(server, lifeline), daemon=True).start()
        server.serve_forever()
        server.app.store.close()
        status = 0
    except Exception as error:
        server.app.crash(error)
    finally:
        os._exit(status)  # not sys.exit: what follows the fork in the caller is the first process's business


def _stop_at_the_end(server: Server, lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written: it returns when the other end is closed
    server.stop()
