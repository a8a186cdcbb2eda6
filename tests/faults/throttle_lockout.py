"""Can a stranger keep somebody out of their own account? By one wrong password at the end of each wait, from elsewhere.

The owner has logged in before, with a browser that keeps its cookies, and tries again and again while that goes on.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator

from tests.faults.claims import Flags, claim
from tests.faults.client import Client
from tests.faults.processes import Server

RIGHT = {"email": "alice@example.com", "password": "correct horse battery"}
WRONG = {**RIGHT, "password": "a wrong password"}


def run(flags: Flags) -> Iterator[str]:
    """Guess for as long as a few waits last."""
    with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
        owner, stranger = Client(server.port, moving=False), Client(server.port, moving=False)
        claim(owner.ask("POST", "/signup", RIGHT).status == 201, "nobody can sign up")
        cookies = owner.ask("POST", "/login", RIGHT).cookies
        end = time.monotonic() + flags.rounds(60, 10)
        tries = right = guesses = 0
        guess_at = own_at = 0.0
        while (now := time.monotonic()) < end:
            if now >= guess_at:
                answer = stranger.ask("POST", "/login", WRONG)
                guesses += answer.status == 401
                guess_at = now + float(answer.headers.get("retry-after", "0"))
            elif now >= own_at:  # while strangers wait, and not in the moment in which one may try
                tries, own_at = tries + 1, now + 0.2
                answer = owner.ask("POST", "/login", RIGHT, cookie=cookies)
                right += answer.status == 200
                cookies = answer.cookies or cookies
            time.sleep(0.002)
        server.stop()
        seen = f"the owner's right password was taken {right} of {tries} times, while a stranger had {guesses} guesses"
        claim(tries > 20 and right == tries, seen)
        claim(guesses <= 11, seen)
        yield seen
