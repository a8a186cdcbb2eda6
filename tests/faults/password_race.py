"""Six changes of a password at once, all with the same old one: how many are made? One, on two workers and SQLite.

The others were proved by a password that is no longer the account's: a thief who knows the old one must not win over
the owner by being late. And whoever was answered 204 is logged in, with the password they chose.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator

from tests.faults.claims import Flags, claim
from tests.faults.client import Answer, Client
from tests.faults.processes import Server

EMAIL, AT_ONCE = "alice@example.com", 6


def run(flags: Flags) -> Iterator[str]:
    """So many rounds, each with the password that the round before has left."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = ("--store", f"sqlite:{folder}/a.db", "--workers", "2", "--bcrypt-cost", "8")
        with Server(folder, *chosen) as server:
            password, times = "correct horse battery", flags.rounds(20, 5)
            claim(_ask(server, "/signup", password).status == 201, "nobody can sign up")
            for number in range(times):
                password = _round(server, password, number)
            yield f"{times} times {AT_ONCE} changes at once: each time one 204, and {AT_ONCE - 1} refused"
            server.stop()


def _ask(server: Server, path: str, password: str) -> Answer:
    return Client(server.port).ask("POST", path, {"email": EMAIL, "password": password})


def _round(server: Server, old: str, number: int) -> str:
    """The password that was set."""
    answers: dict[str, Answer] = {}
    start = threading.Barrier(AT_ONCE)

    def change(new: str) -> None:
        client = Client(server.port)
        answer = client.ask("POST", "/login", {"email": EMAIL, "password": old})
        start.wait()
        fields = {"current_password": old, "new_password": new}
        answers[new] = client.ask("POST", "/me/password", fields, cookie=answer.cookie)

    threads = [threading.Thread(target=change, args=(f"round {number} by {each}",)) for each in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status for answer in answers.values())
    made = [new for new, answer in answers.items() if answer.status == 204]
    claim(len(made) == 1, f"{AT_ONCE} changes with one old password: {statuses}")
    claim(set(statuses) <= {204, 401, 429}, f"{AT_ONCE} changes with one old password: {statuses}")
    claim(_ask(server, "/login", made[0]).status == 200, "the password that was set does not log in")
    claim(_ask(server, "/login", old).status == 401, "the old password logs in")
    cookie = answers[made[0]].cookie
    status = Client(server.port).ask("GET", "/me", cookie=cookie).status
    claim(status == 200, f"whoever changed the password is not logged in: {status}")
    return made[0]


if __name__ == "__main__":
    for line in run(Flags()):
        print(line)
