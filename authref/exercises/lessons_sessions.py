"""Lessons 8 to 13: cookies, and logins that the server remembers."""

from __future__ import annotations

from authref.exercises.exercise import BREAK, EASY, HARD, HEAL, MIDDLE, PREDICT, WRITE, Exercise, Question

COOKIES = "from authref.cookies import parse"

SESSIONS: tuple[Exercise, ...] = (
    Exercise(
        id="cookie-header",
        lesson=8,
        kind=PREDICT,
        title="What does this Cookie header say?",
        minutes=5,
        difficulty=EASY,
        task="Say which dict `parse` makes of each of these header values, before you run it.",
        attacker="Whoever controls a neighbouring host can add cookies to a request. The parser is what they attack.",
        read="authref/cookies.py: the opening",
        hints=(
            "Cut at each semicolon first, and then each piece at its first equals sign. What is left over?",
            "Only blanks and tabs around a name or a value are dropped. Nothing is decoded: no quotes, no %41. A name "
            "that comes twice is not there.",
            "A quote does not protect a semicolon. A piece without an equals sign, or without a name, is no cookie. "
            "Of two cookies with one name neither is kept, and the others stay.",
        ),
        questions=(
            Question(
                "Two cookies, one with an equals sign inside",
                "parse('session=a=b; theme=dark')",
                COOKIES,
                "A piece is cut at its first equals sign; all that follows is value.",
            ),
            Question(
                "Our name twice",
                "parse('session=mine; theme=dark; session=planted')",
                COOKIES,
                "Nobody can tell which of two is the planted one, so neither is taken. The other cookie stays.",
            ),
            Question(
                "A quoted value with a semicolon",
                """parse('session="a; b=c"')""",
                COOKIES,
                "A semicolon separates, quoted or not, as in browsers. The quotes stay, each in its own value.",
            ),
            Question(
                "Pieces that are no pairs",
                "parse('session; =nameless; x=%41;;')",
                COOKIES,
                "No equals sign, or no name: no cookie. And nothing is decoded: another program that reads %41 as A "
                "would see another cookie than you.",
            ),
        ),
    ),
    Exercise(
        id="cookies-parse",
        lesson=8,
        kind=WRITE,
        title="Read a Cookie header",
        minutes=12,
        difficulty=MIDDLE,
        task="Make a dict of the value of a Cookie header. A name that comes twice is left out; a broken piece never "
        "costs its neighbours; nothing is decoded.",
        attacker="A page on a neighbouring host plants a second cookie of our name, or one whose name turns into ours "
        "when somebody trims or decodes it.",
        read="authref/cookies.py: the opening; RFC 6265 §5.4",
        why="A neighbouring host can plant a cookie of our name, and nobody can tell which of two is ours: so "
        "neither counts. Only blank and tab are trimmed, as browsers do: `strip()` alone drops more. Nothing is "
        "decoded or unquoted, for two readers may do that differently.",
        target="authref.cookies:parse",
        attacks=("cookie-twice", "broken-neighbour"),
        claims=(
            "tests.test_cookies.Reading.test_what_browsers_send",
            "tests.test_cookies.Writing.test_what_was_written_comes_back",
            "tests.test_cookies.Reading.test_the_table",
            "tests.test_cookies.Reading.test_64_kilobytes",
            "tests.test_cookies.Reading.test_random_neighbours",
        ),
        hints=(
            "What separates two cookies, and what separates a name from its value? What may stand around both? And "
            "how do you notice a name that came before?",
            "text.partition('=') cuts at the first equals sign only. str.strip() without an argument drops many more "
            "characters than blank and tab, among them U+2000, which a browser lets any page put before a name.",
            "Go through the pieces between semicolons. Pass over those without an equals sign. Trim blanks and tabs, "
            "and only those. Keep the first value of each name and note the names that come again; at the end throw "
            "those out.",
        ),
    ),
    Exercise(
        id="guessable-session",
        lesson=9,
        kind=BREAK,
        title="A number that means something",
        minutes=10,
        difficulty=MIDDLE,
        task="This login makes the session's id from the address and the time. Return the ids that are worth a try: "
        "one of them must be somebody else's.",
        attacker="An id that can be computed is no secret, however long it is and however random it looks.",
        read="authref/sessions.py: `log_in`, ID_BYTES",
        target="authref.sessions:Sessions.log_in",
        attacks=("guessable-id",),
        claims=(
            "tests.test_sessions.Ids.test_form",
            "tests.test_sessions.Ids.test_where_they_come_from",
            "tests.test_mechanisms.SessionsTest.test_several_logins",
        ),
        naive='''\
def log_in(self, user: User, request: Request) -> Response:
    """200 with the user, and a cookie with a new session's id."""
    from base64 import urlsafe_b64encode

    now = self._now()
    number = hashlib.sha256(f"{user.email} {int(now)}".encode()).digest()
    session_id = urlsafe_b64encode(number).decode().rstrip("=")
    session = Session(user.id, user.password_version, now, now, now + IDLE_LIFETIME, request.user_agent)
    self._records[_key(session_id)] = session
    cookie = cookies.set_cookie(
        self.cookie_name, session_id, max_age=ABSOLUTE_LIFETIME, now=now, secure=self._secure
    )
    return Response.json({"user": user.public()}, headers=(("set-cookie", cookie),))
''',
        attack='''\
def attack(email: str, around: int) -> list[str]:
    """At most 1,000 session ids to try: somebody with this address logged in within a minute of `around`.

    `around` is in Unix seconds.
    """
''',
        check="""\
def check(target, attack):
    import secrets
    from unittest import mock

    from authref.app import Settings, build
    from authref.sessions import Sessions
    from authref.wire import Request

    around = 1_800_000_000 + secrets.randbelow(1_000_000)
    moment = around - 59 + secrets.randbelow(118)
    with mock.patch.object(Sessions, "log_in", target):
        app = build(Settings(bcrypt_cost=4, now=lambda: moment))
        victim = app.users.sign_up("victim@example.com", "correct horse battery")
        app.sessions.log_in(victim, Request("POST", "/login"))
        guesses = attack("victim@example.com", around)[:1000]
        answers = [app(Request("GET", "/me", (("cookie", f"session={guess}"),))) for guess in guesses]
    return any(answer.status == 200 for answer in answers)
""",
        hints=(
            "What does the id depend on, and which of that do you not know? How many possibilities are left?",
            "hashlib.sha256 and base64.urlsafe_b64encode give the same for the same input, to you as to the server. "
            "A minute before and after are 121 seconds.",
            "For every second between a minute before and a minute after, do what the naive function does with it, "
            "and collect the texts.",
        ),
    ),
    Exercise(
        id="map-setdefault",
        lesson=9,
        kind=WRITE,
        title="Who was first?",
        minutes=8,
        difficulty=MIDDLE,
        task="Store the value if the key is free, and return what is there afterwards: the value itself for whoever "
        "was first, the first one's for everybody else. Of many at the same time exactly one is first. An entry whose "
        "time has ended counts as not there.",
        attacker="Two requests in the same moment that both believe they were first: two accounts with one address, "
        "one voucher used twice.",
        read="authref/maps.py: the opening, MemoryMap",
        why="To look and to store are two steps, and under the lock nobody comes between them. `get` knows an entry "
        "whose time has ended, so it counts as none. Each caller gets what is there now: whoever was second goes on "
        "with the first one's value.",
        target="authref.maps:MemoryMap.setdefault",
        attacks=("sign-up-at-once",),
        claims=(
            "tests.test_maps.MemoryMapTest.test_setdefault",
            "tests.test_maps.MemoryMapTest.test_every_verb_at_the_end",
            "tests.test_maps.MemoryMapTest.test_an_end_in_the_past",
            "tests.test_maps.MemoryMapTest.test_setdefault_at_once",
            "tests.test_maps.MemoryMapTest.test_setdefault_at_once_over_what_has_ended",
        ),
        hints=(
            "Looking and storing are two steps. What can happen between them, and how do the other verbs of this class "
            "prevent it?",
            "`self._lock` is an RLock: whoever holds it may take it again, so the other verbs can be used inside. "
            "`self.get` already knows what has ended, and storing by brackets keeps the indexes.",
            "Holding the lock: look. If nothing is there, store. Return the new value in that case, else the one that "
            "was found.",
        ),
    ),
    Exercise(
        id="fixation",
        lesson=10,
        kind=HEAL,
        title="The id you came with",
        minutes=6,
        difficulty=EASY,
        task="This login goes on with the session id that the browser brought, if the browser has one. Give each "
        "login a new id, of ID_BYTES random bytes. End the session that came with the request, also where the login "
        "is then refused.",
        attacker="The attacker plants an id of theirs in the victim's browser and waits for the login. Then both hold "
        "the same session (session fixation).",
        read="authref/sessions.py: the opening, `_end`",
        why="`_end` comes first, so that the planted session ends even where this login is refused. To keep ids that "
        "we gave out ourselves would not help: the attacker plants a session of their own. `who_proved` is asked "
        "after the record is written: whoever disables the user meanwhile either finds the record, or is noticed "
        "here. The cap keeps one user from filling the store.",
        target="authref.sessions:Sessions.log_in",
        attacks=("fixation", "old-id-after-a-new-login"),
        claims=(
            "tests.test_sessions.Ids.test_form",
            "tests.test_sessions.Ids.test_where_they_come_from",
            "tests.test_sessions.OnTheWire.test_the_cookie",
            "tests.test_sessions.Many.test_one_more_than_the_cap",
            "tests.test_sessions.WhoeverIsGone.test_a_login_that_ended_before_it_began",
            "tests.test_sessions.Fixation.test_an_id_that_somebody_planted",
            "tests.test_sessions.Fixation.test_the_attackers_own_session_planted",
            "tests.test_sessions.Fixation.test_a_second_login_in_the_same_browser",
        ),
        naive='''\
def log_in(self, user: User, request: Request) -> Response:
    """200 with the user, and a cookie with a new session's id."""
    known = cookies.values(request.header("cookie") or "", self.cookie_name)
    session_id, now = known[0] if known else secrets.token_urlsafe(ID_BYTES), self._now()
    session = Session(user.id, user.password_version, now, now, now + IDLE_LIFETIME, request.user_agent)
    self._records[_key(session_id)] = session
    if not self._users.who_proved(user.id, user.password_version):  # not any more: hashing took a while
        self._records.pop(_key(session_id))
        return self.refusal()
    for oldest in list(self.logins(user.id))[:-MAX_PER_USER]:
        self._records.pop(oldest)
    self._emit("session_created", user=user.id, peer=request.peer)
    cookie = cookies.set_cookie(
        self.cookie_name, session_id, max_age=ABSOLUTE_LIFETIME, now=now, secure=self._secure
    )
    return Response.json({"user": user.public()}, headers=(("set-cookie", cookie),))
''',
        hints=(
            "Where does the id come from, and who else may know it? What becomes of a session that the browser had "
            "before?",
            "secrets.token_urlsafe(ID_BYTES) makes an id that nobody can know. `_end` ends whatever session "
            "the request names.",
            "One line changes and one comes before it: end what came with the request, then take a fresh random id, "
            "whatever the cookie says.",
        ),
    ),
    Exercise(
        id="sessions-authenticate",
        lesson=10,
        kind=WRITE,
        title="Whose cookie is this?",
        minutes=15,
        difficulty=HARD,
        task="Return the user whose living session the request's cookie names, or the refusal. The user is looked up "
        "each time. Once TOUCH_INTERVAL seconds have passed since the session was last seen, note that it was used. A "
        "session that no longer counts leaves a line in the log, a request that shows none does not.",
        attacker="A session that was ended, that timed out, or whose user was disabled must open nothing. And the "
        "refusals must not say which of these it was.",
        read="authref/sessions.py: the opening, `current`, `_touch`, `_refuse`; authref/users.py: `who_proved`",
        why="`who_proved` asks the store at each request, for the version of the password too: so a disabled user is "
        "out at once. A write at each request would be dear, and a tenth of the idle time is exact enough. A visitor "
        "without a session leaves no line, or they would fill the log.",
        target="authref.sessions:Sessions.authenticate",
        attacks=(
            "id-nearly-right",
            "session-after-disable",
            "session-after-delete",
            "session-left-alone",
            "session-kept-alive",
        ),
        claims=(
            "tests.test_mechanisms.SessionsTest.test_whoever_logged_in",
            "tests.test_mechanisms.SessionsTest.test_nothing_shown",
            "tests.test_sessions.Ends.test_idle_after_a_use",
            "tests.test_sessions.OneCookie.test_ids_that_are_none",
            "tests.test_sessions.WhoeverIsGone.test_in_the_midst_of_a_session",
            "tests.test_mechanisms.SessionsTest.test_refusals_beside_each_other",
            "tests.test_sessions.Ends.test_writes",
        ),
        hints=(
            "Four things can be missing: an id in the request, a record under it, a user to whom it counts, and a "
            "recent note of its use. In which order do you ask for them?",
            'The map\'s keys are not the ids: `current` gives the key for this request, or "". `who_proved` gives the '
            "user or None. `refusal()` is for those who show nothing, `_refuse` also writes a line into the log.",
            "A ladder of three refusals, each of which returns; then, if the last note is old enough, a touch; then "
            "the user.",
        ),
    ),
    Exercise(
        id="me",
        lesson=11,
        kind=WRITE,
        title="A protected route",
        minutes=4,
        difficulty=EASY,
        task="Answer with the user whom the mechanism finds, as `shown` shows them; or with the refusal that it gives "
        "you.",
        attacker="The route that somebody forgot to protect is found. So every protected handler begins the same way.",
        read="authref/app/routes.py: Mechanism, `shown`; authref/users.py: User.public",
        why="`authenticate` gives a user or a response, and the type tells which. The refusal goes on as it is, for "
        "the mechanism knows what to say. `shown` chooses the fields that may leave: the hash never does.",
        target="authref.app.accounts:AccountRoutes.me",
        attacks=("no-credentials",),
        claims=(
            "tests.test_app.WhenAllIsWell.test_me_by_either",
            "tests.test_app.WhenAllIsWell.test_login_under_https",
            "tests.test_authorization.WithoutCredentials.test_no_credentials",
            "tests.test_authorization.BothAtOnce.test_routes_of_one_mechanism",
        ),
        hints=(
            "Whom do you ask who is calling, and what are the two kinds of answers? What must not leave the server?",
            "`mechanism.authenticate(request)` gives a User or a Response; isinstance tells them apart. A User "
            "also has a password hash, which `shown` leaves out.",
            "Ask the mechanism. If what comes back is a Response, that is the answer already; else show the user.",
        ),
    ),
    Exercise(
        id="logout",
        lesson=12,
        kind=HEAL,
        title="Logged out, says the browser",
        minutes=4,
        difficulty=EASY,
        task="This logout asks the browser to forget the cookie, and that is all. End on the server, too, the session "
        "that the request names. If there was one, leave a `session_expired` in the log, with the user, the peer and "
        "the reason `logout`. The answer stays the same for everybody.",
        attacker="Whoever copied the cookie before goes on using it after the logout. The victim believes that it is "
        "over.",
        read="authref/sessions.py: `_end`; authref/events.py: emit",
        why="`_end` removes the record, so a stolen copy of the cookie is worth nothing from then on. The cookie is "
        "cleared in any case, for the browser may hold one that is void. The same answer for everybody tells nobody "
        "whether the session lived.",
        target="authref.sessions:Sessions.log_out",
        attacks=("logout-that-only-clears",),
        claims=(
            "tests.test_sessions.LoggingOut.test_twice_and_without_a_session",
            "tests.test_mechanisms.SessionsTest.test_logging_out_tells_the_browser",
            "tests.test_sessions.LoggingOut.test_replay",
            "tests.test_app.WhenAllIsWell.test_logout",
            "tests.test_sessions.LoggingOut.test_a_second_cookie_that_somebody_planted",
            "tests.test_sessions.LoggingOut.test_a_store_that_cannot_be_reached",
            "tests.test_sessions.Ids.test_the_log",
            "tests.test_sessions.Ids.test_who_and_from_where",
        ),
        naive='''\
def log_out(self, request: Request) -> Response:
    """200, the session ended *and* the cookie cleared: a cleared cookie alone leaves a stolen copy working."""
    return Response.json({"message": "Logged out"}, headers=self.clearing)
''',
        hints=(
            "A copy of the cookie is out of the browser's reach. Where does the session stand that it names?",
            "`self._end(request)` removes the record, also when a planted second cookie makes the request nobody's, "
            "and returns the session or None. For the event, `self._emit` takes its name, and the rest by name.",
            "End it first; if there was one, write the event with the user's id and the reason, never the session's "
            "id. Then the same answer as before. If the store fails, let the error through: nobody may be told that "
            "they are logged out.",
        ),
    ),
    Exercise(
        id="password-change",
        lesson=12,
        kind=HEAL,
        title="A new password, and the thief stays",
        minutes=8,
        difficulty=MIDDLE,
        task="This changes the password and nothing else, so logins that proved the old one live on. Make the one "
        "write of the new password void them all, even if the server dies right after it. And of several changes with "
        "one old password only one may count: return None once the version that was proved is not the account's.",
        attacker="People change a password because somebody else knows it. That somebody is logged in already.",
        read="authref/users.py: User, `who_proved`, `_strengthen`",
        why="Hash and version are one write, so no crash can leave old logins alive beside the new password. "
        "`replace` writes only over the record that was read, so no other change is lost. `who_proved` is asked anew "
        "each time round: once another change has won, the old password proves nothing.",
        target="authref.users:Users.set_password",
        attacks=("session-after-password-change", "refresh-after-password-change"),
        claims=(
            "tests.test_logins.Password.test_logging_in_afterwards",
            "tests.test_users.NewPasswords.test_for_nobody",
            "tests.test_sessions.WhoeverIsGone.test_in_the_midst_of_a_session",
            "tests.test_logins.Password.test_a_change_that_was_cut_off_in_the_middle",
            "tests.test_users.NewPasswords.test_a_new_password",
            "tests.test_users.NewPasswords.test_while_the_account_is_changed",
            "tests.test_users.NewPasswords.test_one_after_the_other",
            "tests.test_users.NewPasswords.test_several_at_once",
        ),
        naive='''\
def set_password(self, user_id: str, password: str, proved_version: int) -> User | None:
    """The account with its new password, or None if the proof counts no more. Every older login is void."""
    password_hash = hash_password(password, self._cost)
    while user := self.get(user_id):
        changed = replace(user, password_hash=password_hash)
        if self._records.replace(user_id, user, changed):
            return changed
    return None
''',
        hints=(
            "How could a session know which password it was opened with? Look at what a Session carries, and at what "
            "a User counts.",
            "A login counts only while the `password_version` it carries is that of its user. Deleting the sessions "
            "one by one afterwards would be a second write, and a crash can come between the two.",
            "In the same write that brings the new hash, bring a version that is one higher than the one just read. "
            "Keep the loop, for a change of rights may come between; `who_proved` says when it ends.",
        ),
    ),
    Exercise(
        id="cookie-flags",
        lesson=13,
        kind=HEAL,
        title="A cookie without its guards",
        minutes=6,
        difficulty=EASY,
        task="This writes a name and a value. Write all that the docstring's example has, in its order; if `secure` "
        "is true, Secure comes last. HttpOnly, SameSite and Secure guard a session. Raise ValueError for characters "
        "that could break out of the header, and for more than MAX_SIZE bytes, the equals sign not counted. Raise it "
        "also for a name that begins with `__Host-` or `__Secure-`, spelled so, without Secure: a browser ignores "
        "that cookie.",
        attacker="A script in a page reads a cookie without HttpOnly. Another site's form carries one without "
        "SameSite. A line end in the value begins a header of the attacker's choosing.",
        read="authref/cookies.py: the opening, _NAME, _VALUE, MAX_SIZE; RFC 6265bis §4.1",
        why="A line end or a semicolon in a name or value would begin a header or a flag: the whole text must match. "
        "What browsers drop silently raises here: else every login would fail, and nobody would know why. A browser "
        "takes a `__Host-` name only with Secure, Path=/ and no Domain, so no neighbouring host plants it. Expires "
        "says again what Max-Age says, for clients that misread Max-Age alone.",
        target="authref.cookies:set_cookie",
        attacks=("cookie-for-scripts", "cookie-for-other-sites", "cookie-for-neighbours", "cookie-over-http"),
        claims=(
            "tests.test_cookies.Writing.test_what_was_written_comes_back",
            "tests.test_mechanisms.SessionsTest.test_whoever_logged_in",
            "tests.test_cookies.Writing.test_the_exact_text",
            "tests.test_cookies.Writing.test_read_by_the_standard_library",
            "tests.test_cookies.Writing.test_names_that_are_no_token",
            "tests.test_cookies.Writing.test_characters_that_break_out",
            "tests.test_cookies.Writing.test_one_byte_too_many",
            "tests.test_cookies.Writing.test_prefix_without_secure",
        ),
        naive='''\
def set_cookie(name: str, value: str, *, max_age: int, now: float, secure: bool = False) -> str:
    """A Set-Cookie header's value for a cookie that lives `max_age` seconds from `now` on. Raises ValueError.

    >>> set_cookie("session", "abc", max_age=60, now=1_800_000_000)
    'session=abc; Path=/; Max-Age=60; Expires=Fri, 15 Jan 2027 08:01:00 GMT; HttpOnly; SameSite=Lax'
    """
    return f"{name}={value}; Path=/; Max-Age={max_age}"
''',
        hints=(
            "What does the example have, and what comes only over TLS? What must neither a name nor a "
            "value contain, and how long may both be together?",
            "The patterns at the top of the file say what may stand in a name and in a value, if they fit the whole "
            "text. A browser ignores a name that begins with __Host- or __Secure- unless the cookie is Secure. The "
            "text ends with `; Secure` where `secure` is true. formatdate(seconds, usegmt=True) writes a date as HTTP "
            "does.",
            "Three refusals first: a name or value that the patterns do not cover, more than MAX_SIZE bytes, and "
            "a guarded prefix without `secure`. Then one text with all flags, to which Secure is added at the end.",
        ),
    ),
    Exercise(
        id="cookie-blank",
        lesson=13,
        kind=BREAK,
        title="A blank that is none",
        minutes=10,
        difficulty=HARD,
        task="The name __Host-session is guarded: a browser lets no page set it without TLS. This parser trims names a "
        "little too well. Write a cookie that a browser lets any page set, and that arrives as the guarded one.",
        attacker="This was published in 2025 and worked against several frameworks: the browser and the server trimmed "
        "different characters.",
        read="authref/cookies.py: `parse`, its comments",
        target="authref.cookies:parse",
        attacks=("blank-that-is-none",),
        claims=("tests.test_cookies.Reading.test_the_table",),
        naive='''\
def parse(header: str) -> dict[str, str]:
    """The cookies in a Cookie header's value, by name, without those that come twice."""
    cookies: dict[str, str] = {}
    repeated = set()
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        name = name.strip()
        if name in cookies:
            repeated.add(name)
        elif name and equals:
            cookies[name] = value.strip()
    return {name: value for name, value in cookies.items() if name not in repeated}
''',
        attack='''\
def attack() -> tuple[str, str]:
    """Name and value of a cookie that a page without TLS may set, and that arrives as `__Host-session`."""
''',
        check="""\
def check(target, attack):
    name, value = attack()
    name = name.strip(" \\t")  # as a browser does
    if name.lower().startswith(("__host-", "__secure-")) or any(sign in name for sign in ";=\\r\\n\\0"):
        return False  # a browser refuses it
    return target(f"{name}={value}").get("__Host-session") == value.strip()
""",
        hints=(
            "A browser drops blanks and tabs around a name, and then looks how it begins. What does str.strip() drop "
            "beyond these two?",
            "str.strip() without an argument drops everything for which str.isspace() is true, U+2000 (an en quad) and "
            "U+00A0 (a no-break space) among them. To a browser these are letters of the name like any other.",
            "The guarded name with one such character before it, and any value.",
        ),
    ),
    Exercise(
        id="cross-site",
        lesson=13,
        kind=WRITE,
        title="Who wrote this request?",
        minutes=15,
        difficulty=HARD,
        task="Return True for a request that would change something and that another site may have caused. A bearer "
        "token says that it did not. Else Origin decides, compared as a whole; without one, Sec-Fetch-Site must not "
        "name another site. With neither, no browser is asking: False. Where Sec-Fetch-Site says `same-origin`, two "
        "more Origins are ours: null, and without a `public_url` https:// with our Host, for a proxy may end TLS.",
        attacker="A hidden form on a foreign page sends a request, and the browser adds your cookie to it (cross-site "
        "request forgery).",
        read="authref/guards.py: the opening; RFC 9110 §9.2.1",
        why="No browser adds a bearer token by itself, so whoever sends one means it. Origins are compared as a "
        "whole: one that only begins like ours belongs to somebody else. A request without both headers comes from a "
        "program, and programs carry no victim's cookie.",
        target="authref.guards:is_cross_site",
        attacks=("form-of-another-site", "origin-null", "origin-that-looks-alike", "fetch-site-says-so"),
        claims=(
            "tests.test_guards.CrossSite.test_a_hidden_form_against_somebody_logged_in",
            "tests.test_guards.CrossSite.test_with_authorization",
            "tests.test_guards.CrossSite.test_the_table_of_go",
            "tests.test_guards.CrossSite.test_words_that_no_browser_says",
            "tests.test_guards.CrossSite.test_origins_that_look_like_ours",
            "tests.test_guards.CrossSite.test_origins_that_are_allowed",
            "tests.test_guards.CrossSite.test_no_host",
            "tests.test_guards.CrossSite.test_a_proxy_that_ends_tls",
        ),
        hints=(
            "Which requests need no question at all? Of the rest: what do the headers Sec-Fetch-Site and Origin say, "
            "and what does it mean if one of them, or both, are missing?",
            "GET, HEAD and OPTIONS change nothing here (SAFE_METHODS). A browser never adds `Authorization: Bearer` by "
            "itself, but a Basic password it does. Sec-Fetch-Site is `same-origin` for our own pages and `none` for "
            "what somebody typed. Our origin is `public_url`, or http:// and the Host if that is not set.",
            "A ladder: safe method and bearer token answer False. Without an Origin the answer is whether "
            "Sec-Fetch-Site is anything but absent or one of its two clearing words. An Origin that is allowed or "
            "ours answers False. All others are foreign, but for two beside `same-origin`: null, and, without a "
            "`public_url`, https:// and the Host.",
        ),
    ),
)
