"""Can one account take all the hashing there is? With its right password, on seventy connections, again and again.

Somebody else logs in meanwhile, from another address, and tries again when told to. Once the crowd logs in, and once it
"changes" its password to one that is refused, which costs the same hash.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from tests.faults.claims import Flags, claim
from tests.faults.client import Answer, Client, Unanswered
from tests.faults.processes import Server

PASSWORD = "correct horse battery"
ALICE, MALLORY = ({"email": f"{name}@example.com", "password": PASSWORD} for name in ("alice", "mallory"))
CROWD = 70
COST = "11"  # bcrypt's: an eighth of a second a hash
WITHIN = 3.0  # seconds, in the median
GIVE_UP = 15.0  # seconds


def run(flags: Flags) -> Iterator[str]:
    """Let the crowd ask, and measure what an honest login takes."""
    with tempfile.TemporaryDirectory() as folder, Server(folder, "--bcrypt-cost", COST) as server:
        first = Client(server.port)
        for account in (ALICE, MALLORY):
            claim(first.ask("POST", "/signup", account).status == 201, "nobody can sign up")
        token = f"Bearer {first.ask('POST', '/token/login', MALLORY).value['token']}"
        change = {"current_password": PASSWORD, "new_password": "password"}
        crowds: dict[str, Callable[[Client], Answer]] = {
            "logging in": lambda client: client.ask("POST", "/login", MALLORY),
            "changing the password": lambda client: client.ask("POST", "/me/password", change, authorization=token),
        }
        for what, ask in crowds.items():
            took, asked, refused = _measure(server, ask, flags.rounds(20, 6))
            seen = (
                f"{CROWD} connections of one account {what}, {asked} times: an honest login takes"
                f" {statistics.median(took):.2f} s in the median, {max(took):.2f} s at most, with {refused} times 503"
            )
            claim(statistics.median(took) <= WITHIN, seen)
            yield seen
        server.stop(within=60)


def _measure(server: Server, ask: Callable[[Client], Answer], times: int) -> tuple[list[float], int, int]:
    """What each honest login took, how often the crowd was answered, and how often the honest heard 503."""
    stop, asked, took, refused = threading.Event(), [0], [], 0
    crowd_address = Client(server.port, moving=False)
    crowd_address.connect()

    def act() -> None:
        client = Client(server.port, moving=False, address=crowd_address.address)
        while not stop.is_set():
            with suppress(Unanswered):
                ask(client)
                asked[0] += 1
        client.close()

    threads = [threading.Thread(target=act) for _ in range(CROWD)]
    for thread in threads:
        thread.start()
    time.sleep(2)  # until the line is full
    honest = Client(server.port, moving=False)
    for _ in range(times):
        begun = time.monotonic()
        while (answer := honest.ask("POST", "/login", ALICE)).status == 503 and time.monotonic() < begun + GIVE_UP:
            refused += 1
            time.sleep(float(answer.headers["retry-after"]))
        took.append(time.monotonic() - begun if answer.status == 200 else float("inf"))
    stop.set()
    for thread in threads:
        thread.join()
    return took, asked[0], refused
