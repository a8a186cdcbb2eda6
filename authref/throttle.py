"""How many guesses does a stranger get, and who has to wait for that? Few, and nobody else.

Common passwords open some accounts after few guesses, and no hash helps: asking must be slow. And each answer
costs a hash, so whoever asks most would get all the cores.

What is promised:
- strangers together have five failures in a row for an account; then each next try waits 1, 2, 4 … seconds, 15
  minutes at most. That is 110 guesses on the first day and 96 on each that follows. A login forgives failures, but
  not those that have cost more than a second of waiting;
- they keep nobody out: a browser that was logged in there before (devices.py) has a count of its own.
  So has whoever is logged in and changes the password;
- an address (of IPv6 a /64) fails 20 times a minute, for those who try one password on many accounts;
- a try is a failure until it is known to be none, so a thousand at once count like one after the other;
- names that nobody has wait too, or the waiting would tell which exist. They share 65,536 counters, as addresses do:
  a million of them push nothing out, and meet nobody's account;
- one hash runs on each core and 64 wait. Addresses and accounts take turns, right passwords too; when all places are
  taken, who holds most loses one. That is answered 503, and like 429 it uses nothing up.

What is not:
- a new browser, and a program without cookies, wait while strangers guess: a program had better keep refreshing;
- a hundred addresses with an account each have a hundred turns, and each process has a line of its own;
- between machines whose clocks differ by more than a minute, strangers may have twice as many guesses.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import os
import threading
import time
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from authref.maps import Clock, Map
from authref.users import InvalidCredentials
from authref.wire import Problem

FREE_FAILURES = 5  # in a row, for one account
MAX_WAIT = 15 * 60  # seconds
FORGET_AFTER = 24 * 60 * 60  # seconds without a failure after which an account starts anew
ADDRESS_WINDOW = 60  # seconds
ADDRESS_FAILURES = 20  # failed logins in one window
ADDRESS_SIGN_UPS = 120  # sign-ups in one window: the answer "taken" tells who has an account here
CLOCK_ERROR = 60  # seconds by which the clocks of two machines may differ
MAX_WAITING = 64  # hashes that may wait for a core: at a quarter of a second each, 16 s on one core, 8 on two


@dataclass(frozen=True, slots=True)
class Counter:
    """What one account, browser or address has used up; times are Unix seconds."""

    count: int
    next_try: float
    expires_at: float


class Throttle:
    """Counts tries and gives out turns. `key` keeps it secret which names share a counter."""

    def __init__(self, counters: Map[Counter], key: bytes, now: Clock = time.time) -> None:
        self._counters, self._key, self._now = counters, key, now

    @contextmanager
    def guess(self, email: str, user_id: str | None, device: str, peer: str) -> Iterator[None]:
        """Let the block try a password when its turn comes; it has failed if it raises InvalidCredentials.

        `device` is what has a count of its own at the account, or "". Raises Problem 429, 503.
        """
        if user_id and device:
            with self.turn(f"known {user_id}", peer), self._counted(f"known {user_id} {device}"):
                yield
        else:
            account = f"account {user_id}" if user_id else self._bucket("nobody", email.lower())
            failures = self._bucket("address", _network(peer)), ADDRESS_FAILURES, ADDRESS_WINDOW
            with self.turn(account, peer), self._counted(*failures), self._counted(account):
                yield

    @contextmanager
    def sign_up(self, peer: str) -> Iterator[None]:
        """Let the block make an account when its turn comes. Raises Problem 429, 503."""
        with turns.take({_network(peer): ADDRESS_FAILURES}):
            self.admit(self._bucket("sign-ups", _network(peer)), ADDRESS_SIGN_UPS, ADDRESS_WINDOW)
            yield

    def turn(self, account: str, peer: str) -> AbstractContextManager[None]:
        """What lets a block hash when it is the turn of its account and its address. Raises Problem 503."""
        return turns.take({account: FREE_FAILURES, _network(peer): ADDRESS_FAILURES})

    def admit(self, name: str, free: int = FREE_FAILURES, window: int = 0) -> str:
        """The key of the counter where this try is now a failure, like those before it. Raises Problem 429.

        So many failures are `free`. With a `window` in seconds the next one waits for its end, else longer each time.
        """
        while True:
            key, now = name, self._now()
            counter = self._counters.get(key)
            if counter and counter.next_try > now + (window or MAX_WAIT) + CLOCK_ERROR:
                # A clock ahead of ours wrote that. To believe it means hours of waiting, to overwrite it a free try.
                key += ", by a clock behind"
                counter = self._counters.get(key)
            if counter and counter.count >= free and now < counter.next_try:
                raise _too_many(min(counter.next_try - now, window or MAX_WAIT))
            more = _one_more(counter, window, now)
            if self._counters.replace(key, counter, more) if counter else self._counters.setdefault(key, more) is more:
                return key

    @contextmanager
    def _counted(self, name: str, free: int = FREE_FAILURES, window: int = 0) -> Iterator[None]:
        """Admit the block, and let it count only if it fails."""
        key = self.admit(name, free, window)
        try:
            yield
        except InvalidCredentials:
            raise
        except BaseException:  # nobody looked at the password
            self._take_back(key)
            raise
        self._take_back(key, 0 if window else FREE_FAILURES + 1)  # this one, and five in a row

    def _take_back(self, key: str, forgiven: int = 0) -> None:
        """Count one failure less, or none at all if there are no more than are `forgiven`."""
        while counter := self._counters.get(key):
            count = counter.count - 1 if counter.count > forgiven else 0
            end = counter.expires_at if count else 0.0  # an entry that has ended is not there
            if self._counters.replace(key, counter, replace(counter, count=count, expires_at=end)):
                return

    def _bucket(self, kind: str, name: str) -> str:
        """One of 65,536 keys, and without our secret nobody can choose which."""
        return f"{kind} {hmac.digest(self._key, name.encode(), 'sha256')[:2].hex()}"


class Turns:
    """The line before the cores: next is whoever had a turn longest ago.

    Who stands there has names, an account and an address, and each may have so many turns at once.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._cores, self._places = running, waiting
        self._running: dict[threading.Event, Mapping[str, int]] = {}
        self._waiting: dict[threading.Event, Mapping[str, int]] = {}
        self._served: deque[Mapping[str, int]] = deque(maxlen=MAX_WAITING)
        self._lock = threading.Lock()

    @contextmanager
    def take(self, names: Mapping[str, int]) -> Iterator[None]:
        """Let the block run when it is its turn. Raises Problem 503 if others have a better right to wait."""
        place = self._enter(names)
        try:
            place.wait()
            if place not in self._running:
                raise Problem(503, "too_busy", "Too many logins at once; try again.", (("retry-after", "1"),))
            yield
        finally:
            self._leave(place)

    def _enter(self, names: Mapping[str, int]) -> threading.Event:
        """A place in the line, set when it is called, or taken away again."""
        place = threading.Event()
        with self._lock:
            self._waiting[place] = names
            self._call()
            if len(self._waiting) > self._places:
                self._dismiss()
        return place

    def _leave(self, place: threading.Event) -> None:
        with self._lock:
            self._waiting.pop(place, None)
            self._running.pop(place, None)
            self._call()

    def _call(self) -> None:
        """Begin as many turns as there are cores to be had."""
        while self._waiting and len(self._running) < self._cores:
            busy = Tally(name for names in self._running.values() for name in names)
            last = {name: number for number, names in enumerate(self._served, 1) for name in names}
            ready = [item for item in self._waiting.items() if all(busy[name] < most for name, most in item[1].items())]
            if not ready:
                return
            place, names = min(ready, key=lambda item: _rank(item[1], last))
            self._running[place] = self._waiting.pop(place)
            self._served.append(names)
            place.set()

    def _dismiss(self) -> None:
        """Take the newest place from whoever holds most: of one address, from the account that holds most of it."""
        held = Tally(name for line in (self._running, self._waiting) for names in line.values() for name in names)
        place, _ = max(reversed(self._waiting.items()), key=lambda item: _rank(item[1], held))
        del self._waiting[place]
        place.set()


turns = Turns(running=os.cpu_count() or 1, waiting=MAX_WAITING)  # one for the process: it is the cores that are scarce


def share_cores(cores: int) -> None:
    """Let this process hash on so many cores."""
    global turns
    turns = Turns(cores, MAX_WAITING)


def _rank(names: Mapping[str, int], by: Mapping[str, int]) -> list[int]:
    return sorted((by.get(name, 0) for name in names), reverse=True)


def _one_more(counter: Counter | None, window: int, now: float) -> Counter:
    count = counter.count + 1 if counter else 1
    if window:
        end = counter.expires_at if counter else now + window
        return Counter(count, end, end)
    wait = 2 ** min(count - FREE_FAILURES, 20) if count >= FREE_FAILURES else 0
    return Counter(count, now + min(wait, MAX_WAIT), now + FORGET_AFTER)


def _too_many(seconds: float) -> Problem:
    whole = max(1, math.ceil(seconds))
    return Problem(429, "too_many_requests", f"Too many tries; wait {whole} s.", (("retry-after", str(whole)),))


def _network(peer: str) -> str:
    """The address; of IPv6 the first half, for one home has 2**64 of them."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        # ::ffff:192.0.2.1 is how a server that listens on both sees an IPv4 client.
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
