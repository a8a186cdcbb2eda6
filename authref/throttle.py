"""How many guesses does a stranger get? A few for free, then each costs more waiting than the last.

People choose passwords that others chose too, and use one on many sites. So a list of common passwords, or
of those leaked elsewhere, opens some accounts after few guesses. No hash helps there: asking must be slow.

Rules of this file:
- per account: five failures in a row are free, then each next try waits 1, 2, 4 … seconds, 15 minutes at
  most. Never "locked until somebody unlocks it": then anybody could lock anybody out;
- per address: 20 failures a minute, for those who try one password on many accounts;
- once an account waits, it gets one try at a time. Before that a burst may slip in, of no more guesses than
  hashes may wait (passwords.py), and each of them is counted: the next try waits 15 minutes;
- the same for accounts that do not exist, or the waiting would tell which do;
- only asking for a password waits. Whoever is logged in goes on, and changes the password on a count of its own.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from authref.maps import Map
from authref.wire import Problem

FREE_FAILURES = 5  # in a row, for one account
MAX_WAIT = 15 * 60  # seconds
FORGET_AFTER = 24 * 60 * 60  # seconds without a failure after which an account starts anew
ADDRESS_WINDOW = 60  # seconds
ADDRESS_FAILURES = 20  # failed logins in one window
ADDRESS_SIGN_UPS = 120  # sign-ups in one window: the answer "taken" tells who has an account here
MAX_NAME = 280  # characters of what is counted: an e-mail address of 254, and what stands before it
MAX_COUNTERS = 100_000  # when full, new accounts and addresses go uncounted, rather than honest people refused


@dataclass(frozen=True, slots=True)
class Counter:
    """What one account or address has used up; times are Unix seconds."""

    count: int
    next_try: float
    expires_at: float


class Throttle:
    """Counts failures; refuses with Problem 429 and `Retry-After` whoever has had too many."""

    def __init__(self, counters: Map[Counter], now: Callable[[], float] = time.time) -> None:
        self._counters, self._now = counters, now

    def admit(self, email: str, peer: str) -> None:
        """Let a login begin, or raise Problem 429. A try that has to wait its turn takes the turn by asking."""
        key, now = _account(email), self._now()
        address = self._counters.get(_address(peer))
        if address is not None and address.count >= ADDRESS_FAILURES and _is_near(address.expires_at, now):
            raise self._too_many(address.expires_at)
        while (account := self._counters.get(key)) and account.count >= FREE_FAILURES:
            if now < account.next_try and _is_near(account.next_try, now):
                raise self._too_many(account.next_try)
            taken = Counter(account.count, now + _wait(account.count), now + FORGET_AFTER)
            if self._counters.replace(key, account, taken):
                return

    def failed(self, email: str, peer: str) -> None:
        """Count a failed login."""
        self._count_address(_address(peer))
        key, now = _account(email), self._now()
        while True:
            account = self._counters.get(key)
            count = account.count + 1 if account else 1
            next_try = now + _wait(count) if count >= FREE_FAILURES else now
            if self._store(key, account, Counter(count, next_try, now + FORGET_AFTER)):
                return

    def succeeded(self, email: str) -> None:
        """Forget the account's failures; the address keeps its own, or one good account would buy it more tries."""
        self._counters.pop(_account(email))

    def admit_sign_up(self, peer: str) -> None:
        """Let a sign-up begin and count it, or raise Problem 429."""
        key = "sign-ups " + _address(peer)
        counter = self._counters.get(key)
        if counter is not None and counter.count >= ADDRESS_SIGN_UPS and _is_near(counter.expires_at, self._now()):
            raise self._too_many(counter.expires_at)
        self._count_address(key)

    def _count_address(self, key: str) -> None:
        while True:
            old, now = self._counters.get(key), self._now()
            new = Counter(1, 0, now + ADDRESS_WINDOW)
            if old is not None and _is_near(old.expires_at, now):
                new = Counter(old.count + 1, 0, old.expires_at)
            if self._store(key, old, new):
                return

    def _store(self, key: str, old: Counter | None, new: Counter) -> bool:
        """True if `new` took the place of `old`, or if there is no room for another counter."""
        if old is not None:
            return self._counters.replace(key, old, new)
        return len(self._counters) >= MAX_COUNTERS or self._counters.setdefault(key, new) is new

    def _too_many(self, until: float) -> Problem:
        seconds = max(1, math.ceil(until - self._now()))
        retry = (("retry-after", str(seconds)),)
        return Problem(429, "too_many_requests", f"Too many tries; wait {seconds} s.", retry)


def _wait(failures: int) -> float:
    """Seconds until the next try."""
    return float(min(2 ** min(failures - FREE_FAILURES, 20), MAX_WAIT))


def _is_near(until: float, now: float) -> bool:
    """False for an end that no wait of ours can have: the clock was set back since, and nobody waits for that."""
    return until <= now + 2 * MAX_WAIT


def _account(name: str) -> str:
    return "account " + name.lower()[:MAX_NAME]


def _address(peer: str) -> str:
    """The address; of IPv6 the first half, for one home has 2**64 of them."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return f"address {peer}"
    if isinstance(address, ipaddress.IPv6Address):
        # ::ffff:192.0.2.1 is how a server that listens on both sees an IPv4 client.
        return f"address {address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False)}"
    return f"address {address}"
