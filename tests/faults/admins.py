"""Who administers after two admins have gone at once? Two workers, on SQLite and on Redis.

In each round there are two admins. One deletes themselves; in the same moment the other enables that account, as a
mistaken kindness, and then steps down. Each of the three requests may be granted, but not all of them.
"""

from __future__ import annotations

import random
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

from tests.faults.claims import CannotRun, Flags, claim
from tests.faults.client import Client
from tests.faults.processes import Redis, Server

ROOT, PASSWORD = "root@example.com", "correct horse battery"
SECONDS = 0.01  # at most between the two beginnings: about as long as a deletion takes


def run(flags: Flags) -> Iterator[str]:
    """So many rounds on each store."""
    for name in ("sqlite", "redis"):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            try:
                store = f"sqlite:{folder}/a.db" if name == "sqlite" else stack.enter_context(Redis(folder)).url
            except CannotRun as lack:
                yield f"{name}: not run: {lack}"
                continue
            variables = {"AUTHREF_ADMIN_PASSWORD": PASSWORD, "AUTHREF_KEYS": f"k1:{secrets.token_urlsafe(32)}"}
            chosen = ("--store", store, "--workers", "2", "--admin-email", ROOT)
            with Server(folder, *chosen, **variables) as server:
                yield f"{name}: {_rounds(server, flags.rounds(200, 40))}"
                server.stop()


class Person:
    """One account and a session of it."""

    def __init__(self, port: int, email: str) -> None:
        self.client = Client(port)
        self.credentials = {"email": email, "password": PASSWORD}

    def log_in(self) -> str:
        """The id of the account."""
        answer = self.client.ask("POST", "/login", self.credentials)
        claim(answer.status == 200, f"{self.credentials['email']} cannot log in: {answer.status}")
        self.cookie, self.id = answer.cookie, str(answer.value["user"]["id"])
        return self.id

    def ask(self, method: str, path: str, value: object = None) -> int:
        return self.client.ask(method, path, value, cookie=self.cookie).status

    def administers(self) -> bool:
        return self.ask("GET", "/users") == 200


def _rounds(server: Server, times: int) -> str:
    first, seen = Person(server.port, ROOT), {True: 0, False: 0}
    first.log_in()
    for number in range(times):
        second = _another(server, first, number)
        done = _together(first, second)
        stayed = [person for person in (first, second) if person.administers()]
        claim(stayed, f"nobody administers after {number + 1} rounds")
        seen[done] += 1
        first = stayed[0]
    return f"{times} rounds, and each time somebody administers; {seen[True]} deletions were granted"


def _another(server: Server, first: Person, number: int) -> Person:
    """A second admin, made by the first one."""
    second = Person(server.port, f"admin{number}-{secrets.token_hex(4)}@example.com")
    claim(second.client.ask("POST", "/signup", second.credentials).status == 201, "nobody can sign up")
    second.log_in()
    claim(first.ask("PATCH", f"/users/{second.id}", {"role": "admin"}) == 200, "an admin can make no other one")
    return second


def _together(leaves: Person, helps: Person) -> bool:
    """True if the deletion was granted."""
    start, statuses = threading.Barrier(2), []

    def leave() -> None:
        start.wait()
        statuses.append(leaves.ask("DELETE", f"/users/{leaves.id}"))

    thread = threading.Thread(target=leave)
    thread.start()
    start.wait()
    time.sleep(random.uniform(0, SECONDS))
    helps.ask("PATCH", f"/users/{leaves.id}", {"disabled": False})
    helps.ask("PATCH", f"/users/{helps.id}", {"role": "user"})
    thread.join()
    return statuses == [204]


if __name__ == "__main__":
    for line in run(Flags()):
        print(line)
