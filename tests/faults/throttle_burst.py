"""How many guesses are a hundred at once? As many as one after the other: 20 of an address, 5 at an account.

Each hundred is sent together. Afterwards the owner, logged in before, changes the password from an address that has
used up its tries.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator

from tests.faults.claims import Flags, claim
from tests.faults.client import Client
from tests.faults.processes import Server

OWNER = {"email": "alice@example.com", "password": "correct horse battery"}
BURST = 60  # fewer than may wait in the line


def run(flags: Flags) -> Iterator[str]:
    """Send them."""
    with tempfile.TemporaryDirectory() as folder, Server(folder, "--bcrypt-cost", "9") as server:
        owner = Client(server.port, moving=False)
        claim(owner.ask("POST", "/signup", OWNER).status == 201, "nobody can sign up")
        token = f"Bearer {owner.ask('POST', '/token/login', OWNER).value['token']}"
        statuses = _at_once(server, [f"user{number}@example.com" for number in range(BURST)], owner.address)
        seen = f"one address, {BURST} accounts at once: {statuses[401]} guesses"
        claim(statuses[401] <= 20, seen)
        yield seen
        change = {"current_password": OWNER["password"], "new_password": "another password"}
        status = owner.ask("POST", "/me/password", change, authorization=token).status
        claim(status == 204, f"from that address the owner, logged in, changes the password: {status}")
        yield "from that address the owner, logged in, changes the password: 204"
        statuses = _at_once(server, [OWNER["email"]] * BURST)
        seen = f"one account, {BURST} addresses at once: {statuses[401]} guesses"
        claim(statuses[401] <= 5, seen)
        yield seen
        server.stop()


def _at_once(server: Server, emails: list[str], address: str = "") -> Counter[int]:
    """How often each status came."""
    statuses: Counter[int] = Counter()
    start = threading.Barrier(len(emails))

    def guess(email: str) -> None:
        client = Client(server.port, moving=False, address=address)
        client.connect()
        start.wait()
        statuses[client.ask("POST", "/login", {"email": email, "password": "a wrong password"}).status] += 1

    threads = [threading.Thread(target=guess, args=(email,)) for email in emails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
