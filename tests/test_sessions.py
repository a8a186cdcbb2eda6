"""The note is a random number; its meaning stays here, so it can be torn up at once.

`Door` holds a `Sessions` over a map that the test can look into. The claims: nobody chooses an id for somebody
else, a stolen store opens nothing, what has ended stays ended, and one cookie names at most one session.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import unittest
from base64 import urlsafe_b64decode
from collections.abc import Callable

from authref.events import Events
from authref.maps import MemoryMap, StoreUnavailable
from authref.sessions import ABSOLUTE_LIFETIME, IDLE_LIFETIME, MAX_PER_USER, TOUCH_INTERVAL, Session, Sessions
from authref.users import User
from authref.wire import Request, Response
from tests.basics import PASSWORD, SENTENCE, START, Clock, chance
from tests.support import Harness, accounts, body, without_time
from tests.test_cookies import CLEARED
from tests.test_maps import WRITES, Watched, race

PLANTED = "session=" + "A" * 43  # an id of the right form that nobody was ever given


class Door:
    """Sessions over a map that the test holds in its hands; a cookie here is the text `name=value`."""

    def __init__(self, *, secure: bool = False, now: Callable[[], float] | None = None) -> None:
        self.clock = Clock()
        now = now or self.clock
        self.log: list[str] = []
        self.users, self.admins = accounts(now)
        self.records: Watched[Session] = Watched(MemoryMap(now))
        events = Events(self.log.append, "json", now)
        self.sessions = Sessions(self.records, self.users, events.emit, secure=secure, now=now)
        self.alice = self.users.sign_up("alice@example.com", PASSWORD)

    def log_in(self, user: User | None = None, cookie: str = "") -> str:
        """The cookie of a new session, Alice's unless said otherwise."""
        answer = self.sessions.log_in(user or self.alice, request(cookie))
        return (answer.header("set-cookie") or "").partition(";")[0]

    def who(self, *cookies: str) -> str:
        """The address of whoever these Cookie lines name, or "nobody"."""
        caller = self.sessions.authenticate(request(*cookies))
        if isinstance(caller, Response):
            assert caller == self.sessions.refusal()
            return "nobody"
        return caller.email

    def log_out(self, cookie: str) -> None:
        assert self.sessions.log_out(request(cookie)).status == 200

    def stored(self) -> dict[str, Session]:
        """All live records by their keys."""
        return self.records.inner.page("", 1000)


def request(*cookies: str) -> Request:
    """A request with these Cookie lines."""
    return Request("GET", "/me", tuple(("cookie", cookie) for cookie in cookies if cookie))


class DoorTestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.door = Door()


class Ids(DoorTestCase):
    def test_form(self) -> None:
        """An id is 32 bytes in base64url, each time others: in a few hundred, each bit was 0 once and 1 once."""
        ids = [self.door.log_in().removeprefix("session=") for _ in range(200)]
        ever, always = 0, 2**256 - 1
        for text in ids:
            self.assertRegex(text, r"\A[A-Za-z0-9_-]{43}\Z")
            data = urlsafe_b64decode(text + "=")
            self.assertEqual(len(data), 32)
            ever, always = ever | int.from_bytes(data), always & int.from_bytes(data)
        self.assertEqual((ever, always), (2**256 - 1, 0))
        self.assertEqual(len(set(ids)), 200)

    def test_where_they_come_from(self) -> None:
        """All 32 bytes of an id come from the system's generator, as `secrets` asks it: all else can be worked out."""
        ids = []
        for seed in (1, 2):
            with chance(seed) as asked, self.subTest("bytes asked of the system's generator"):
                ids.append(self.door.log_in())
                self.assertGreaterEqual(sum(asked), 32)
        self.assertNotEqual(*ids)

    def test_a_stolen_store(self) -> None:
        """The store holds SHA-256 of the id and nowhere the id: whoever reads it can log in as nobody."""
        cookie = self.door.log_in()
        text = cookie.removeprefix("session=")
        ((key, session),) = self.door.stored().items()
        self.assertEqual(key, hashlib.sha256(text.encode()).hexdigest())
        self.assertNotIn(text, repr(session))
        for stolen in (key, key[:43], session.user_id):
            with self.subTest(stolen[:8]):
                self.assertEqual(self.door.who("session=" + stolen), "nobody")
        self.assertEqual(self.door.who(cookie), "alice@example.com")

    def test_its_public_id(self) -> None:
        """What a user sees of a session is the store's key; a request without a session has none."""
        cookie = self.door.log_in()
        self.assertEqual([self.door.sessions.current(request(cookie))], list(self.door.stored()))
        for nothing in ("", "session=", "session=x", f"{cookie}; {cookie}"):
            with self.subTest(nothing[:9]):
                self.assertEqual(self.door.sessions.current(request(nothing)), "")

    def test_the_log(self) -> None:
        """No event, of a login, a use, a refusal or a logout, holds an id or its hash."""
        cookie = self.door.log_in()
        self.door.who(cookie)
        self.door.log_out(cookie)
        self.door.who(cookie)
        self.assertEqual(len(self.door.log), 3)
        for secret in (cookie.removeprefix("session="), hashlib.sha256(cookie[8:].encode()).hexdigest()):
            self.assertNotIn(secret, "".join(self.door.log))

    def test_who_and_from_where(self) -> None:
        """Each event names whose session it is, as far as that is known, the client's address, and the reason."""
        door, alice = self.door, self.door.alice.id

        def events(act: Callable[[Request], object], cookie: str) -> list[dict[str, str]]:
            door.log.clear()
            act(Request("POST", "/any", (("cookie", cookie),), peer="192.0.2.7"))
            return [without_time(json.loads(line)) for line in door.log]

        created = {"event": "session_created", "user": alice, "peer": "192.0.2.7"}
        ended = {"event": "session_expired", "reason": "logout", "user": alice, "peer": "192.0.2.7"}
        refused = {"event": "session_use_after_expire", "peer": "192.0.2.7"}
        self.assertEqual(events(lambda request: door.sessions.log_in(door.alice, request), ""), [created])
        cookie, other = door.log_in(), door.log_in()
        self.assertEqual(events(door.sessions.authenticate, cookie), [])
        self.assertEqual(events(door.sessions.log_out, cookie), [ended])
        self.assertEqual(events(door.sessions.log_out, cookie), [])
        self.assertEqual(events(door.sessions.authenticate, cookie), [{**refused, "reason": "no_such_session"}])
        door.users.set_password(alice, "another password", 0)
        reason = "account_or_password_changed"
        self.assertEqual(events(door.sessions.authenticate, other), [{**refused, "reason": reason}])


class Fixation(DoorTestCase):
    def test_an_id_that_somebody_planted(self) -> None:
        """An id from outside means nobody, before a login and after; whoever logs in with it gets a new one."""
        self.assertEqual(self.door.who(PLANTED), "nobody")
        cookie = self.door.log_in(cookie=PLANTED)
        self.assertNotEqual(cookie, PLANTED)
        self.assertEqual(self.door.who(PLANTED), "nobody")
        self.assertEqual(self.door.who(cookie), "alice@example.com")

    def test_the_attackers_own_session_planted(self) -> None:
        """A session that an attacker planted ends at the login: the victim does not share it."""
        eve = self.door.users.sign_up("eve@example.com", PASSWORD)
        planted = self.door.log_in(eve)
        self.assertEqual(self.door.who(planted), "eve@example.com")
        cookie = self.door.log_in(self.door.alice, cookie=planted)
        self.assertEqual((self.door.who(planted), self.door.who(cookie)), ("nobody", "alice@example.com"))
        planted = self.door.log_in(eve)
        self.door.users.set_password(self.door.alice.id, "another password", 0)
        self.door.log_in(self.door.alice, cookie=planted)  # what she proved counts no more: a refusal
        self.assertEqual(self.door.who(planted), "nobody")

    def test_a_second_login_in_the_same_browser(self) -> None:
        """The old session of that cookie ends; those of other browsers go on."""
        elsewhere, old = self.door.log_in(), self.door.log_in()
        new = self.door.log_in(cookie=old)
        self.assertNotEqual(old, new)
        self.assertEqual(self.door.who(old), "nobody")
        for cookie in (elsewhere, new):
            self.assertEqual(self.door.who(cookie), "alice@example.com")
        self.assertEqual(len(self.door.stored()), 2)

    def test_a_login_that_fails(self) -> None:
        """A wrong password in a browser that is logged in changes nothing there."""
        harness = Harness()
        harness.sign_up()
        cookie = harness.cookie()
        wrong = {"email": "alice@example.com", "password": "wrong password"}
        answer = harness.send("POST", "/login", wrong, cookie=cookie)
        self.assertEqual((answer.status, answer.header("set-cookie")), (401, None))
        self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)


class Ends(DoorTestCase):
    def test_idle(self) -> None:
        """Unused for half an hour, to the second, a session has ended; one second earlier it has not."""
        for idle, expected in ((IDLE_LIFETIME - 1, "alice@example.com"), (IDLE_LIFETIME, "nobody")):
            with self.subTest(idle=idle):
                cookie = self.door.log_in()
                self.door.clock.advance(idle)
                self.assertEqual(self.door.who(cookie), expected)
        self.assertEqual(IDLE_LIFETIME, 30 * 60)

    def test_idle_after_a_use(self) -> None:
        """The half hour begins anew with a use, once a tenth of it has passed since the one that counted last."""
        for first_use, end in ((TOUCH_INTERVAL - 1, IDLE_LIFETIME), (TOUCH_INTERVAL, TOUCH_INTERVAL + IDLE_LIFETIME)):
            for moment, expected in ((end - 1, "alice@example.com"), (end, "nobody")):
                with self.subTest(first_use=first_use, moment=moment):
                    self.door = Door()
                    cookie = self.door.log_in()
                    self.door.clock.time = START + first_use
                    self.door.who(cookie)
                    self.door.clock.time = START + moment
                    self.assertEqual(self.door.who(cookie), expected)

    def test_absolute(self) -> None:
        """Used every ten minutes, a session ends after a day all the same, to the second: no thief keeps it warm."""
        cookie = self.door.log_in()
        for moment in range(0, ABSOLUTE_LIFETIME, 600):
            self.door.clock.time = START + moment
            self.assertEqual(self.door.who(cookie), "alice@example.com", moment)
        for moment, expected in ((ABSOLUTE_LIFETIME - 1, "alice@example.com"), (ABSOLUTE_LIFETIME, "nobody")):
            with self.subTest(moment=moment):
                self.door.clock.time = START + moment
                self.assertEqual(self.door.who(cookie), expected)
        self.assertEqual(ABSOLUTE_LIFETIME, 24 * 60 * 60)

    def test_what_has_ended_leaves_the_store(self) -> None:
        """An ended session is not kept."""
        self.door.log_in()
        self.door.clock.advance(IDLE_LIFETIME)
        self.assertEqual(len(self.door.records), 0)

    def test_writes(self) -> None:
        """A thousand requests are a thousand look-ups, and one write each time a tenth of the idle time has passed."""
        cookie = self.door.log_in()
        self.door.records.calls.clear()
        nearly = TOUCH_INTERVAL - 0.001
        for moment, writes in ((0, 0), (nearly, 0), (TOUCH_INTERVAL, 1), (TOUCH_INTERVAL + nearly, 1)):
            with self.subTest(moment=moment):
                self.door.clock.time = START + moment
                for _ in range(250):
                    self.door.who(cookie)
                self.assertEqual(self.door.records.asked(*WRITES), writes)
        self.assertEqual(self.door.records.asked("get"), 1000)
        (session,) = self.door.stored().values()
        self.assertEqual((session.created_at, session.last_seen), (START, START + TOUCH_INTERVAL))
        self.assertEqual(TOUCH_INTERVAL, IDLE_LIFETIME / 10)


class Many(DoorTestCase):
    def test_one_more_than_the_cap(self) -> None:
        """The 21st login ends the oldest session, even one just used; nobody else's is touched."""
        bob = self.door.users.sign_up("bob@example.com", PASSWORD)
        bobs = self.door.log_in(bob)
        cookies = []
        for _ in range(MAX_PER_USER):
            cookies.append(self.door.log_in())
            self.door.clock.advance(10)
        for cookie in cookies:
            self.assertEqual(self.door.who(cookie), "alice@example.com")
        self.door.clock.advance(TOUCH_INTERVAL)
        self.door.who(cookies[0])
        new = self.door.log_in()
        self.assertEqual(self.door.who(cookies[0]), "nobody")
        for cookie in (*cookies[1:], new):
            self.assertEqual(self.door.who(cookie), "alice@example.com")
        self.assertEqual(self.door.who(bobs), "bob@example.com")
        self.assertEqual(MAX_PER_USER, 20)

    def test_all_in_the_same_moment(self) -> None:
        """Of logins with the same time the earlier ones go first."""
        cookies = [self.door.log_in() for _ in range(MAX_PER_USER + 2)]
        self.assertEqual([self.door.who(cookie) for cookie in cookies[:3]], ["nobody", "nobody", "alice@example.com"])

    def test_fifty_logins_at_once(self) -> None:
        """However many log in at once, twenty sessions remain."""
        race(*[self.door.log_in] * 50)
        self.assertEqual(len(self.door.stored()), MAX_PER_USER)


class LoggingOut(DoorTestCase):
    def test_a_second_cookie_that_somebody_planted(self) -> None:
        """A planted twin makes a session unusable, but logging out must end it: who says "Logged out" means it."""
        for planted in ("session=x", "session=" + "A" * 43, "session="):
            for order in (1, -1):
                with self.subTest(planted, order=order):
                    cookie = self.door.log_in()
                    self.door.log_out("; ".join([cookie, planted][::order]))
                    self.assertEqual(self.door.who(cookie), "nobody")

    def test_hundreds_of_ids(self) -> None:
        """However many ids a line names, logging out ends at most twenty sessions: each costs the store a write."""
        planted = [f"session={number:043}" for number in range(290)]
        self.door.records.calls.clear()
        self.door.log_out("; ".join(planted))
        self.assertEqual(self.door.records.asked(*WRITES), MAX_PER_USER)
        cookie = self.door.log_in()
        self.door.log_out("; ".join([*["session=junk"] * 290, cookie]))  # what is no id costs nothing
        self.assertEqual(self.door.who(cookie), "nobody")

    def test_two_lines(self) -> None:
        """Ids in two Cookie lines, or in two that a server joined by a comma, are all ended."""
        for joined in (False, True):
            with self.subTest(joined=joined):
                ours, other = self.door.log_in(), self.door.log_in()
                self.door.sessions.log_out(request(f"{ours}, {other}") if joined else request(ours, other))
                self.assertEqual((self.door.who(ours), self.door.who(other)), ("nobody", "nobody"))

    def test_another_cookie_whose_name_ends_alike(self) -> None:
        """Only our own name counts: an id under another name is not a session of this browser's."""
        for name in ("xsession", "my-session", "Session"):
            with self.subTest(name):
                cookie = self.door.log_in()
                self.door.log_out(cookie.replace("session=", f"{name}="))
                self.assertEqual(self.door.who(cookie), "alice@example.com")

    def test_disabled_while_the_password_is_checked(self) -> None:
        """A login that began before the account was disabled leaves no session that comes back when it is enabled."""
        root = self.door.users.sign_up("root@example.com", PASSWORD, role="admin")
        self.assertTrue(root.is_active_admin)
        self.door.admins.change(self.door.alice.id, disabled=True)
        self.assertEqual(self.door.sessions.log_in(self.door.alice, request()).status, 401)
        self.assertEqual(self.door.stored(), {})

    def test_replay(self) -> None:
        """The old cookie, copied before the logout, opens nothing after it, now or later; another session goes on."""
        other, cookie = self.door.log_in(), self.door.log_in()
        self.door.log_out(cookie)
        for wait in (0, 1, TOUCH_INTERVAL, IDLE_LIFETIME):
            self.door.clock.advance(wait)
            self.assertEqual(self.door.who(cookie), "nobody")
            if wait < IDLE_LIFETIME:
                self.assertEqual(self.door.who(other), "alice@example.com")

    def test_twice_and_without_a_session(self) -> None:
        """Logging out again, with a planted id, or with no cookie, is answered alike and ends no session."""
        other, cookie = self.door.log_in(), self.door.log_in()
        first = self.door.sessions.log_out(request(cookie))
        for again in (cookie, PLANTED, "", "session=", "other=1"):
            with self.subTest(again):
                self.assertEqual(self.door.sessions.log_out(request(again)), first)
        self.assertEqual(self.door.who(other), "alice@example.com")

    def test_between_look_up_and_touch(self) -> None:
        """A logout that comes in the midst of a request is not undone by that request's note of `last_seen`."""
        cookie = self.door.log_in()
        self.door.clock.advance(TOUCH_INTERVAL)

        def log_out_first(verb: str, key: str) -> None:
            if verb in WRITES:
                self.door.records.before = lambda verb, key: None
                self.door.log_out(cookie)

        self.door.records.before = log_out_first
        self.door.who(cookie)
        self.assertEqual(self.door.who(cookie), "nobody")
        self.assertEqual(self.door.stored(), {})

    def test_a_hundred_threads_meanwhile(self) -> None:
        """While one logs out, a hundred others use the session: none that begins after the answer gets in."""
        for _ in range(2):
            cookie = self.door.log_in()
            self.door.clock.advance(TOUCH_INTERVAL)  # so that they write, too
            answered = threading.Event()
            seen: list[str] = []

            def use(cookie: str = cookie, answered: threading.Event = answered, seen: list[str] = seen) -> str:
                while True:
                    too_late = answered.is_set()
                    who = self.door.who(cookie)
                    seen.append(who)
                    if too_late:
                        return who
                    time.sleep(0.001)

            def log_out(cookie: str = cookie, answered: threading.Event = answered, seen: list[str] = seen) -> str:
                while len(seen) < 150:  # the others are at work
                    time.sleep(0.0001)
                self.door.log_out(cookie)
                answered.set()
                return "nobody"

            self.assertEqual(set(race(log_out, *[use] * 100)), {"nobody"})
            self.assertEqual((seen[0], self.door.who(cookie)), ("alice@example.com", "nobody"))
            self.assertEqual(self.door.stored(), {})

    def test_what_it_says(self) -> None:
        """The answer says that it is done, and tells the browser to forget the cookie and what pages stored."""
        answer = self.door.sessions.log_out(request(self.door.log_in()))
        self.assertEqual(body(answer), {"message": "Logged out"})
        cleared = ("set-cookie", CLEARED)
        self.assertEqual(answer.headers[1:], (cleared, ("clear-site-data", '"cache", "storage"')))

    def test_a_store_that_can_only_be_read(self) -> None:
        """On a full disk a session is as good as before, only it is not prolonged; no other failure is passed over."""
        cookie = self.door.log_in()
        self.door.clock.advance(TOUCH_INTERVAL)
        failure: Exception = StoreUnavailable("full")

        def fail(verb: str, key: str) -> None:
            if verb in WRITES:
                raise failure

        self.door.records.before = fail
        self.assertEqual(self.door.who(cookie), "alice@example.com")
        self.door.clock.advance(IDLE_LIFETIME - TOUCH_INTERVAL)
        self.assertEqual(self.door.who(cookie), "nobody")
        self.door.records.before = lambda verb, key: None
        cookie = self.door.log_in()
        self.door.clock.advance(TOUCH_INTERVAL)
        self.door.records.before, failure = fail, ZeroDivisionError()
        self.assertRaises(ZeroDivisionError, self.door.who, cookie)

    def test_a_store_that_cannot_be_reached(self) -> None:
        """If the record cannot be deleted, nobody is told that they are logged out."""
        cookie = self.door.log_in()

        def fail(verb: str, key: str) -> None:
            raise OSError("no connection")

        self.door.records.before = fail
        with self.assertRaises(OSError):
            self.door.sessions.log_out(request(cookie))


class WhoeverIsGone(DoorTestCase):
    def test_in_the_midst_of_a_session(self) -> None:
        """Disabled, deleted, or with a new password since the login: refused from then on. The others stay."""
        users, admins, alice = self.door.users, self.door.admins, self.door.alice
        ends: dict[str, Callable[[], object]] = {
            "disabled": lambda: admins.change(alice.id, disabled=True),
            "new password": lambda: users.set_password(alice.id, "another password", 0),
            "deleted": lambda: admins.delete(alice.id),
        }
        bobs = self.door.log_in(users.sign_up("bob@example.com", PASSWORD))
        for name, end in ends.items():
            with self.subTest(name):
                admins.change(alice.id, disabled=False)
                cookie = self.door.log_in(users.get(alice.id))
                self.assertEqual(self.door.who(cookie), "alice@example.com")
                end()
                self.assertEqual(self.door.who(cookie), "nobody")
                self.assertEqual(self.door.who(bobs), "bob@example.com")

    def test_a_login_that_ended_before_it_began(self) -> None:
        """If the account is deleted or gets a new password while somebody logs in, that session opens nothing."""
        users, alice = self.door.users, self.door.alice
        users.set_password(alice.id, "another password", 0)
        self.assertEqual(self.door.who(self.door.log_in(alice)), "nobody")
        self.door.admins.delete(alice.id)
        self.assertEqual(self.door.who(self.door.log_in(alice)), "nobody")

    def test_the_address_signs_up_again(self) -> None:
        """A session of the deleted account does not open the new account of the same address."""
        cookie = self.door.log_in()
        self.door.admins.delete(self.door.alice.id)
        self.door.users.sign_up("alice@example.com", PASSWORD)
        self.assertEqual(self.door.who(cookie), "nobody")

    def test_a_new_role(self) -> None:
        """The user is looked up each time, so a promotion or a demotion shows at once."""
        cookie = self.door.log_in()
        root = self.door.users.sign_up("root@example.com", PASSWORD, role="admin")
        self.door.admins.change(root.id)
        for role in ("admin", "user"):
            with self.subTest(role):
                self.door.admins.change(self.door.alice.id, role=role)
                caller = self.door.sessions.authenticate(request(cookie))
                self.assertEqual(caller.role, role)


class OnTheWire(unittest.TestCase):
    # How browsers reach us, and the cookie's name and its last flag there.
    SETTINGS = {
        None: ("session", ""),
        "http://auth.example": ("session", ""),
        "https://auth.example": ("__Host-session", "; Secure"),
    }

    def test_what_a_login_and_a_refusal_say(self) -> None:
        """A login gives the user without any hash, a refusal a challenge and a sentence; the browser's name is kept."""
        door = Door()
        answer = door.sessions.log_in(door.alice, Request("POST", "/login", (("user-agent", "Lynx/2.9"),)))
        self.assertEqual(body(answer), {"user": door.alice.public()})
        self.assertEqual([session.user_agent for session in door.stored().values()], ["Lynx/2.9"])
        answer = door.sessions.refusal()
        self.assertEqual((answer.status, body(answer)["code"]), (401, "unauthorized"))
        self.assertRegex(body(answer)["detail"], SENTENCE)
        self.assertEqual(answer.header("www-authenticate"), 'Cookie realm="authref"')

    def test_whoever_does_not_mention_tls(self) -> None:
        """Without a word about TLS the cookie is the one that works without it: a browser would drop a Secure one."""
        door = Door()
        plain = Sessions(door.records, door.users, Events().emit, now=door.clock)
        answer = plain.log_in(door.alice, request())
        flags = (answer.header("set-cookie") or "").partition("; ")[2]
        until = "Max-Age=86400; Expires=Sat, 16 Jan 2100 08:00:00 GMT"
        self.assertEqual((plain.cookie_name, flags), ("session", f"Path=/; {until}; HttpOnly; SameSite=Lax"))

    def test_the_cookie(self) -> None:
        """The line that gives the cookie, and the one that takes it away: same name, same flags, letter by letter."""
        for public_url, (name, secure) in self.SETTINGS.items():
            with self.subTest(public_url):
                harness = Harness(public_url=public_url)
                harness.sign_up()
                answer = harness.send("POST", "/login", {"email": "alice@example.com", "password": PASSWORD})
                line = answer.header("set-cookie") or ""
                until = "Max-Age=86400; Expires=Sat, 16 Jan 2100 08:00:00 GMT"
                flags = f"HttpOnly; SameSite=Lax{secure}"
                self.assertRegex(line, rf"\A{name}=[A-Za-z0-9_-]{{43}}; Path=/; {until}; {flags}\Z")
                cookie = line.partition(";")[0]
                self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 200)
                answer = harness.send("POST", "/logout", cookie=cookie)
                cleared = [text for field, text in answer.headers if field == "set-cookie"]
                self.assertEqual(cleared, [CLEARED.replace("session", name) + secure])
                self.assertEqual(harness.send("GET", "/me", cookie=cookie).status, 401)

    def test_the_name_of_the_other_setting(self) -> None:
        """Under https only the guarded name counts, which no neighbour can set; without, only the plain one."""
        for secure, ours, other in ((True, "__Host-session", "session"), (False, "session", "__Host-session")):
            with self.subTest(ours):
                door = Door(secure=secure)
                value = door.log_in().partition("=")[2]
                self.assertEqual(door.who(f"{other}={value}"), "nobody")
                self.assertEqual(door.who(f"{ours}={value}"), "alice@example.com")
                self.assertEqual(door.who(f"{other}={'A' * 43}; {ours}={value}"), "alice@example.com")

    def test_only_a_login_sets_a_cookie(self) -> None:
        """Being recognised, being refused, and signing up leave the browser's cookies as they are."""
        harness = Harness()
        harness.sign_up()
        cookie = harness.cookie()
        new = {"email": "new@example.com", "password": PASSWORD}
        for answer in (
            harness.send("GET", "/me", cookie=cookie),
            harness.send("GET", "/me", cookie=PLANTED),
            harness.send("GET", "/me"),
            harness.send("POST", "/signup", new, cookie=cookie),
        ):
            with self.subTest(answer.status):
                self.assertIsNone(answer.header("set-cookie"))


class OtherHeaders(DoorTestCase):
    def test_what_else_a_browser_sends(self) -> None:
        """The header lines before and after the Cookie line are none, whatever they are called and hold."""
        cookie = self.door.log_in()
        others = [(name, cookie) for name in ("accept", "cook", "cookie2", "host", "set-cookie", "x-cookie", "")]
        lines = (*others, ("cookie", cookie), *others)
        caller = self.door.sessions.authenticate(Request("GET", "/me", lines))
        self.assertEqual(caller, self.door.users.get(self.door.alice.id))
        nobody = self.door.sessions.authenticate(Request("GET", "/me", (*others, *others)))
        self.assertEqual(nobody, self.door.sessions.refusal())


class OneCookie(DoorTestCase):
    """A neighbouring host can add cookies to a request, but not choose which of two counts: none does."""

    def setUp(self) -> None:
        super().setUp()
        self.good = self.door.log_in()
        self.other = self.door.log_in()

    def test_the_name_twice(self) -> None:
        """Our name twice in one line is no session, whatever the values and whatever stands between."""
        good, other = self.good, self.other
        for line in (
            f"{good}; {good}",
            f"{good}; {other}",
            f"{good};{other}",
            f"{good}; a=b; {other}",
            f"session=; {good}",
            f"{good}; session=",
            f"{good}; session =x",
            f"{good}; \tsession\t= x",
            f"session=junk; {good}; session=junk",
            f"{good}; {good}; {good}",
        ):
            with self.subTest(line.replace(good, "GOOD").replace(other, "OTHER")):
                self.assertEqual(self.door.who(line), "nobody")
        self.assertEqual((self.door.who(good), self.door.who(other)), ("alice@example.com", "alice@example.com"))

    def test_two_lines(self) -> None:
        """Two Cookie lines are no session, wherever our name stands in them: browsers send one."""
        good, other = self.good, self.other
        for lines in (
            (good, good),
            (good, other),
            (good, "a=b"),
            ("a=b", good),
            (f"{good}; a=b", other),
            (f"{good}; a=b", f"c=d; {other}"),
            (f"a=b; {good}", f"{other}; c=d"),
            (f"{good}; a=b", good),
            (f"{good}; a=b", "c=d"),
            (f"{good}; a=b", "session=x"),
            (f"a=b; {good};", other),
            (good, ""),
            ("", good),
        ):
            with self.subTest(str([line.replace(good, "GOOD").replace(other, "OTHER") for line in lines])):
                headers = tuple(("cookie", line) for line in lines)
                caller = self.door.sessions.authenticate(Request("GET", "/me", headers))
                self.assertEqual(caller, self.door.sessions.refusal())

    def test_neighbours(self) -> None:
        """Whatever other cookies stand beside it, one session cookie is found."""
        for line in (
            "{}",
            "a=b; {}",
            "{}; a=b",
            "{}; a=b; a=c",
            ";;; {} ;;;",
            "nameless; {}; =x; =",
            " \t{}\t ",
            'a="; {}; b="',
            "a=\u00e9; {}; b=\xff\xfe",
            "Session=x; {}; SESSION=y",
            "session2=x; {}; xsession=y",
            "session; {}",
        ):
            with self.subTest(line):
                self.assertEqual(self.door.who(line.format(self.good)), "alice@example.com")

    def test_a_token_at_this_door(self) -> None:
        """Who sends an Authorization header, whatever stands in it, reads which route takes what."""
        sessions = self.door.sessions
        for cookie in ("", self.good, PLANTED, "session=junk"):
            with_token = Request("GET", "/me", (("cookie", cookie), ("authorization", "Bearer junk")))
            answer = sessions.authenticate(with_token)
            if cookie == self.good:
                self.assertNotIsInstance(answer, Response)
                continue
            detail = "This route takes the cookie of a session, /token/me takes a token, all others take either."
            self.assertEqual(body(answer)["detail"], detail)
            answer = sessions.authenticate(request(cookie))
            self.assertEqual(body(answer)["detail"], "Log in first: POST /login.")

    def test_names_that_look_like_ours(self) -> None:
        """A name in other letters, or with a foreign blank beside it, is another cookie that anybody can set."""
        value = self.good.removeprefix("session=")
        for name in ("Session", "SESSION", "session2", "sessio", "%73ession", '"session"', "$session", "session[]", ""):
            with self.subTest(name):
                self.assertEqual(self.door.who(f"{name}={value}"), "nobody")
        for blank in ("\u2000", "\u3000", "\xa0", "\x85", "\x1c", "\v", "\f", "\r", "\0", "\ufeff"):
            with self.subTest(repr(blank)):
                self.assertEqual(self.door.who(f"{blank}session={value}"), "nobody")
                self.assertEqual(self.door.who(f"session{blank}={value}"), "nobody")
                self.assertEqual(self.door.who(f"session={blank}{value}"), "nobody")
        for blank in (" ", "\t"):
            self.assertEqual(self.door.who(f"{blank}session{blank}={blank}{value}{blank}"), "alice@example.com")

    def test_ids_that_are_none(self) -> None:
        """What has not the form of an id is not looked up: junk costs the store nothing, and never reaches it."""
        value = self.good.removeprefix("session=")
        table = {
            "no cookie": "",
            "empty": "session=",
            "no equals sign": "session",
            "one short": f"session={value[:-1]}",
            "one long": f"session={value}A",
            "padding": f"session={value}=",
            "10 KB": f"session={'A' * 10_000}",
            "quoted": f'session="{value}"',
            "quoted, the old way": f'$Version=1; session="{value}"',
            "percent-coded": f"session=%{ord(value[0]):02x}{value[1:]}",
            "the other alphabet": f"session={'+/' * 21}+",
            "a blank within": f"session={value[:20]} {value[21:]}",
            "a line break behind": f"session={value}\n",
            "a NUL behind": f"session={value}\0",
            "no ASCII": f"session={'é' * 43}",
            "other digits": f"session={'٣' * 43}",
            "SQL": f"session={'a' * 20}' OR 1=1 --{'a' * 12}",
            "a path": f"session={'../' * 14}a",
        }
        for name, line in table.items():
            with self.subTest(name):
                self.door.records.calls.clear()
                self.assertEqual(self.door.who(line), "nobody")
                self.assertEqual(self.door.sessions.log_out(request(line)).status, 200)
                self.assertEqual(self.door.records.calls, [])
        self.assertEqual(self.door.who(PLANTED), "nobody")  # the twin: of the right form, but unknown
        self.assertEqual(self.door.records.asked("get"), 1)
        self.assertEqual(self.door.who(self.good), "alice@example.com")


if __name__ == "__main__":
    unittest.main()
