"""Which answers were right? Customers that sign up, log in and out all day, and write down what they were told.

What a customer was told stands in the state of each login: LIVE once its making was acknowledged, ENDED once its end
was, UNSURE when an end was asked for and no whole answer came. Every answer is compared with that, during the fault
and after it:

- a login that ended is never good again, and nobody gets in with a wrong password, a made-up cookie or token;
- what was acknowledged holds: accounts, passwords, logins, ends;
- what was not acknowledged has happened whole or not at all, as far as one write goes: after a change of password
  without an answer either password opens the account, and the old sessions are good exactly if the old one does;
- 503 is the only excuse, and it says when to come again.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.claims import Broken, claim
from tests.faults.client import Answer, Client, Unanswered

LIVE, ENDED, UNSURE = "live", "ended", "unsure"
MAX_LOGINS = 12  # of one account: authref keeps 20 of each kind, and would end the oldest
MAX_SIGN_UPS = 100  # from one address; authref allows 120 a minute
RETRY_SECONDS = 55  # in which a refresh without an answer may be asked for again; authref allows 60
TOKEN_SECONDS, SESSION_SECONDS = 800, 1500  # in which an unused one cannot have expired yet


@dataclass
class Login:
    """One login by session or by token, as its client knows it."""

    kind: str  # session or token
    proof: str  # the Cookie header, or the Authorization header
    refresh_token: str = ""
    state: str = LIVE
    seen: float = field(default_factory=time.monotonic)
    refreshing: float = 0.0  # when a refresh was asked for that has no answer yet

    @property
    def headers(self) -> dict[str, str]:
        return {"cookie" if self.kind == "session" else "authorization": self.proof}

    @property
    def path(self) -> str:
        return "/me" if self.kind == "session" else "/token/me"

    @property
    def may_have_expired(self) -> bool:
        return time.monotonic() - self.seen > (SESSION_SECONDS if self.kind == "session" else TOKEN_SECONDS)


@dataclass
class Account:
    """One account, as its owner knows it."""

    email: str
    password: str
    new_password: str = ""  # asked for, without an answer yet
    logins: list[Login] = field(default_factory=list)
    tries: int = 0  # logins begun
    wrong: int = 0  # wrong passwords in a row
    unsure: bool = False  # something was asked for without an answer; it rests until it is checked
    checked: bool = False  # since the last write

    def of(self, state: str) -> list[Login]:
        return [login for login in self.logins if login.state == state]


class Book:
    """What all customers of one server share: where it is, what it may do now, and what they have counted."""

    def __init__(self, revocation: str = "denylist") -> None:
        self.revocation = revocation
        self.port = 0
        self.away = False  # the store certainly cannot be asked now: whoever gets in was let in by mistake
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0  # seconds until an answer
        self.cut: list[bytes] = []  # answers that ended in their middle
        self._lock = threading.Lock()

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.counts[what] += number

    def said(self, *names: str) -> str:
        """The counts of these names, in words."""
        return ", ".join(f"{self.counts[name]:,} {name}" for name in names)


ACKNOWLEDGED = ("sign-ups", "session ends", "revoked token logins", "password changes", "refreshes")


class Customer:
    """Somebody with a few accounts, who does one thing after the other. Raises Broken."""

    def __init__(self, book: Book, moving: bool = True) -> None:
        self.book, self.moving = book, moving
        self.client = Client(moving=moving)
        self.accounts: list[Account] = []
        self.hoped_for: list[Account] = []  # signed up without an answer
        self.breaks = 0  # requests on an open connection that had no whole answer
        self._checking = False

    # What one can do.

    def act(self) -> None:
        """Do one thing that makes sense now."""
        usable = [account for account in self.accounts if not account.unsure and account.tries < MAX_LOGINS]
        if self.accounts and random.random() < (0.25 if usable or not self.hoped_for else 0.9):
            return self.ask_around(random.choice(self.accounts[-20:]))
        if len(usable) < 2 or random.random() < 0.2:
            is_full = not self.moving and len(self.accounts + self.hoped_for) >= MAX_SIGN_UPS
            return self.ask_around(self.accounts[-1]) if is_full else self.sign_up()
        account = random.choice(usable)
        account.checked = False
        live = account.of(LIVE)
        if not live or random.random() < 0.2:
            return random.choice((self.log_in, self.token_log_in))(account)
        actions = (self.look, self.refresh, self.log_out, self.end_one, self.end_all, self.change_password)
        random.choices(actions, (10, 12, 14, 10, 4, 8))[0](account, random.choice(live))

    def ask_around(self, account: Account) -> None:
        """Do something that changes nothing, also with what is unsure, and much that must be refused."""
        if random.random() < 0.2 and self.moving:  # or the address would soon have to wait
            return self.try_wrong_password(account)
        if not account.logins or random.random() < 0.2:
            return self.try_made_up(account)
        login = random.choice(account.logins)
        self.look(account, login)
        if login.state == ENDED and login.kind == "token":
            self.ask("POST", "/token/refresh", {400}, {"refresh_token": login.refresh_token}, "an ended token login")

    def sign_up(self) -> None:
        account = Account(f"{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(12))
        credentials = {"email": account.email, "password": account.password}
        if self.ask("POST", "/signup", {201}, credentials):
            self.accounts.append(account)
            self.book.count("sign-ups")
        else:
            self.hoped_for.append(account)

    def log_in(self, account: Account) -> None:
        account.tries += 1
        answer = self._prove("/login", account)
        if answer:
            account.logins.append(Login("session", answer.cookie))

    def token_log_in(self, account: Account) -> None:
        account.tries += 1
        answer = self._prove("/token/login", account)
        if answer:
            account.logins.append(Login("token", _bearer(answer), answer.value["refresh_token"]))

    def _prove(self, path: str, account: Account) -> Answer | None:
        answer = self.ask("POST", path, {200}, {"email": account.email, "password": account.password})
        if answer:
            account.wrong = 0
            self.book.count("logins")
        return answer

    def look(self, account: Account, login: Login) -> None:
        """Ask who this login is: it is good, or refused, as its owner was told."""
        if login.may_have_expired and login.state == LIVE:
            return
        if login.kind == "token" and login.state != LIVE and self.book.revocation == "none":
            return
        allowed = {LIVE: {200}, ENDED: {401}, UNSURE: {200, 401}}[login.state]
        if login.state == LIVE and account.new_password:
            allowed = {200, 401}  # the change may have happened
        answer = self.ask("GET", login.path, allowed, what=f"a login that is {login.state}", headers=login.headers)
        if answer and answer.status == 200:
            claim(answer.value["user"]["email"] == account.email, "an answer tells of somebody else")
            login.seen = time.monotonic() if login.kind == "session" else login.seen
        if answer and self._checking and login.state == UNSURE:
            login.state = LIVE if answer.status == 200 else ENDED

    def refresh(self, account: Account, login: Login) -> None:
        if login.kind == "session":
            return self.look(account, login)
        login.refreshing = login.refreshing or time.monotonic()
        answer = self.ask("POST", "/token/refresh", {200}, {"refresh_token": login.refresh_token}, of=account)
        if answer:
            self._refreshed(login, answer)

    def _refreshed(self, login: Login, answer: Answer) -> None:
        login.proof, login.refresh_token = _bearer(answer), answer.value["refresh_token"]
        login.refreshing, login.seen = 0.0, time.monotonic()
        self.book.count("refreshes")

    def log_out(self, account: Account, login: Login) -> None:
        login.state = UNSURE
        if login.kind == "session":
            answer = self.ask("POST", "/logout", {200}, of=account, headers=login.headers)
        else:
            answer = self.ask("POST", "/token/logout", {200}, {"refresh_token": login.refresh_token}, of=account)
        if answer:
            self._end(login)

    def end_one(self, account: Account, login: Login) -> None:
        """End one login from another one."""
        own_list = self.ask("GET", "/me/sessions", {200}, headers=login.headers)
        if own_list:
            public_id = next(each["id"] for each in own_list.value["sessions"] if each["current"])
            login.state = UNSURE
            by = random.choice([*account.of(LIVE), login])
            if self.ask("DELETE", f"/me/sessions/{public_id}", {204}, of=account, headers=by.headers):
                self._end(login)

    def end_all(self, account: Account, login: Login) -> None:
        """Log out everywhere."""
        ending = account.of(LIVE)
        for each in ending:
            each.state = UNSURE
        if self.ask("DELETE", "/me/sessions", {204}, of=account, headers=login.headers):
            self._end(*ending)

    def change_password(self, account: Account, login: Login) -> None:
        account.new_password = secrets.token_urlsafe(12)
        value = {"current_password": account.password, "new_password": account.new_password}
        answer = self.ask("POST", "/me/password", {204}, value, of=account, headers=login.headers)
        if not answer:  # logins by token are ended before the password is written, so that it can be asked again
            for each in account.of(LIVE):
                each.state = UNSURE if each.kind == "token" else LIVE
        else:
            self._end(*account.of(LIVE))
            account.password, account.new_password = account.new_password, ""
            self.book.count("password changes")
            if login.kind == "session":
                account.tries += 1
                account.logins.append(Login("session", answer.cookie))

    def _end(self, *logins: Login) -> None:
        for login in logins:
            login.state = ENDED
            self.book.count("session ends" if login.kind == "session" else "revoked token logins")

    # What nobody may do.

    def try_wrong_password(self, account: Account) -> None:
        if account.wrong < 3:  # more in a row would have to wait
            account.wrong += 1
            path = random.choice(("/login", "/token/login"))
            self.ask("POST", path, {401}, {"email": account.email, "password": "a wrong password"}, "a wrong password")

    def try_made_up(self, account: Account) -> None:
        cookie = f"session={secrets.token_urlsafe(32)}"
        tokens = [login.proof for login in account.logins if login.kind == "token"]
        unsigned = tokens[-1].rpartition(".")[0] if tokens else "Bearer x.y"
        token = f"{unsigned}.{secrets.token_urlsafe(32)}"
        self.ask("GET", "/me", {401}, what="a made-up cookie", headers={"cookie": cookie})
        self.ask("GET", "/token/me", {401}, what="a forged token", headers={"authorization": token})

    # What must be true afterwards.

    def check(self, everything: bool = False) -> None:
        """Compare what is there with what was acknowledged; only while the server and its store are well."""
        self._checking = True
        for account in self.hoped_for:
            self._check_hoped_for(account)
        self.hoped_for.clear()
        for account in self.accounts:
            if everything or not account.checked:
                self._check(account)
        self._checking = False

    def _check_hoped_for(self, account: Account) -> None:
        """A sign-up that broke off leaves an account or a free address, never an address that is nobody's."""
        credentials = {"email": account.email, "password": account.password}
        self.ask("POST", "/signup", {201, 409}, credentials, "the address of a sign-up without an answer")
        self._sure("POST", "/login", {200}, credentials, "the account of a sign-up without an answer")

    def _check(self, account: Account) -> None:
        if account.new_password:
            new = {"email": account.email, "password": account.new_password}
            if self._sure("POST", "/login", {200, 401}, new, "a password change without an answer").status == 200:
                account.password = account.new_password
                for login in account.of(LIVE):
                    login.state = ENDED  # if not by the change, whose writes are several, then when it is used
            account.new_password = ""
        credentials = {"email": account.email, "password": account.password}
        self._sure("POST", "/login", {200}, credentials, "an acknowledged account and its password")
        for login in account.logins:
            if login.kind == "token":
                self._check_token_login(account, login)
            else:
                self.look(account, login)
        account.tries += 2
        account.unsure, account.checked = False, True
        self.book.count("checks")

    def _check_token_login(self, account: Account, login: Login) -> None:
        if login.state == LIVE:
            self.look(account, login)  # the token from before: the key is still there
        late = login.refreshing and time.monotonic() - login.refreshing > RETRY_SECONDS  # a retry would be called theft
        if late and login.state != ENDED:
            login.state = UNSURE
        allowed = {LIVE: {200}, ENDED: {400}, UNSURE: {200, 400}}[login.state]
        value = {"refresh_token": login.refresh_token}
        answer = self._sure("POST", "/token/refresh", allowed, value, f"a login that is {login.state}")
        if answer.status == 200:
            self._refreshed(login, answer)
        elif login.state == UNSURE:
            login.state = ENDED
        if login.state == UNSURE:  # refused as a token and still to be refreshed, or untouched: its owner ends it now
            self._sure("POST", "/token/logout", {200}, {"refresh_token": login.refresh_token}, "a logout")
            self._end(login)
        self.look(account, login)

    def _sure(self, method: str, path: str, allowed: set[int], value: object, what: str) -> Answer:
        answer = self.ask(method, path, allowed, value, what)
        assert answer
        return answer

    # Asking and judging.

    def ask(
        self,
        method: str,
        path: str,
        allowed: set[int],
        value: object = None,
        what: str = "",
        of: Account | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer | None:
        """The answer, which is one of those allowed; None when there is none, or only a 503. Raises Broken.

        `of` names the account that this request changes.
        """
        if of:
            of.unsure, of.checked = True, False
        self.client.port = self.book.port
        away, begun = self.book.away, time.monotonic()
        try:
            answer = self.client.ask(method, path, value, **(headers or {}))
        except Unanswered as silence:
            self._note_silence(silence)
            return None
        finally:
            self.book.slowest = max(self.book.slowest, time.monotonic() - begun)
        what = f"{method} {path}" + (f" for {what}" if what else "")
        if answer.status == 503:
            claim(answer.headers.get("retry-after", "").isdigit(), f"{what}: 503 without Retry-After")
            claim(not self._checking, f"{what}: 503 while all is well: {answer.body!r}")
            self.book.count("503s")
            time.sleep(0.02)  # and not the second that it asks for: there is something to be seen meanwhile
            return None
        claim(answer.status in allowed, f"{what}: {answer.status} instead of {allowed}: {answer.body!r}")
        # /logout without a session, say, needs no store; whatever is a yes does.
        claim(not (away and self.book.away and answer.status < 300), f"{what}: {answer.status} without a store to ask")
        self.book.count("right answers")
        if of:
            of.unsure = False
        return answer

    def _note_silence(self, silence: Unanswered) -> None:
        claim(not self._checking, f"no answer while all is well: {silence}")
        if silence.received:
            self.book.cut.append(silence.received)
        self.breaks += silence.sent
        self.book.count("unanswered" if silence.sent else "refused connections")
        if not silence.sent:
            time.sleep(0.02)


class Crowd:
    """Several customers at once, each in a thread of its own."""

    def __init__(self, book: Book, size: int = 4, moving: bool = True) -> None:
        self.book = book
        self.customers = [Customer(book, moving) for _ in range(size)]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._broken: list[BaseException] = []

    def begin(self) -> None:
        """Let them act until `end`."""
        self._stop.clear()
        self._run(self._act)

    def end(self) -> None:
        """Let each finish what it does. Raises Broken if a claim did not hold for one."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for customer in self.customers:
            customer.client.close()
        if self._broken:
            raise self._broken[0]

    def check(self, everything: bool = False) -> None:
        """Let all compare what is there with what they were told. Raises Broken."""
        self._run(lambda customer: customer.check(everything))
        self.end()

    def pause(self, seconds: float) -> None:
        """Let them act for so long. Raises Broken as soon as a claim does not hold for one."""
        until = time.monotonic() + seconds
        while True:
            if self._broken:
                self.end()
            if time.monotonic() >= until:
                return
            time.sleep(0.01)

    def _act(self, customer: Customer) -> None:
        while not self._stop.is_set() and not self._broken:
            customer.act()

    def _run(self, task: Callable[[Customer], None]) -> None:
        def guarded(customer: Customer) -> None:
            try:
                task(customer)
            except BaseException as error:
                self._broken.append(error)

        self._threads = [threading.Thread(target=guarded, args=(customer,)) for customer in self.customers]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with suppress(Broken):
            self.end()


def _bearer(answer: Answer) -> str:
    return f"Bearer {answer.value['token']}"
