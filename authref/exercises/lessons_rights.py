"""Lessons 19 and 20: what somebody may do, and mistakes that many have made."""

from __future__ import annotations

from authref.exercises.exercise import BREAK, EASY, HEAL, MIDDLE, PREDICT, WRITE, Exercise, Question
from authref.exercises.lessons_accounts import APP

SITE = APP.replace("begin()", 'begin(public_url="http://auth.example")')

RIGHTS: tuple[Exercise, ...] = (
    Exercise(
        id="permits",
        lesson=19,
        kind=WRITE,
        title="May you do this?",
        minutes=5,
        difficulty=EASY,
        task="Say whether a rule lets this caller act on the account `user_id`. The table of rules stands at the top "
        "of the file; an admin counts only while the account is active, and a rule that nobody defined lets no user "
        "in.",
        attacker="A server that checks that somebody is logged in, and not whether this is theirs, gives every account "
        "to every user. It is the most common hole of all.",
        read="authref/roles.py: the opening; authref/users.py: User.is_active_admin",
        why="The caller comes from the store, so an admin who was disabled is none here. A rule that nobody defined "
        "reaches the last line, and lets no user in.",
        target="authref.roles:permits",
        attacks=("user-as-admin", "promote-oneself"),
        claims=(
            "tests.test_authorization.TheMatrix.test_the_rules_by_themselves",
            "tests.test_roles.Permits.test_rules_by_callers",
            "tests.test_roles.Permits.test_a_rule_with_a_misprint",
            "tests.test_roles.AtTheDoor.test_unknown_known_and_admin",
        ),
        hints=(
            "Who passes whatever the rule is? Which rules let every caller in? And for which one does it matter whose "
            "account it is?",
            "`is_active_admin` asks for the role and the state together. For admin as for an unknown rule the answer "
            "to everybody else is no; that should be what is left over, not what is listed.",
            "Two yeses first, for active admins and for the two rules that ask nothing more. What remains is true only "
            "for one rule, and only if the two ids are the same.",
        ),
    ),
    Exercise(
        id="others-account",
        lesson=19,
        kind=BREAK,
        title="The number in the address",
        minutes=6,
        difficulty=EASY,
        task="You are logged in, and your own page is at /users/ and your id. This handler asks whether somebody is "
        "logged in. Look at somebody else's page.",
        attacker="It takes no tool: one changes the number in the address bar (broken object level authorization).",
        read="authref/app/users.py: `show`; authref/roles.py: the opening",
        target="authref.app.users:UserRoutes.show",
        attacks=("id-in-the-path", "delete-somebody-else", "refusal-that-tells"),
        claims=(
            "tests.test_app.WhenAllIsWell.test_show_user",
            "tests.test_roles.AtTheDoor.test_somebody_else_and_nobody",
            "tests.test_roles.AtTheDoor.test_unknown_known_and_admin",
        ),
        naive='''\
def show(self, request: Request, user_id: str) -> Response:
    """200 with the user."""
    self.permitted(request, "user")
    user = self.users.get(user_id)
    return shown(user) if user else NO_SUCH_USER
''',
        attack='''\
def attack(own_id: str, other_id: str) -> str:
    """The target of a GET request, such as "/me", that shows you the other one's account."""
''',
        check="""\
def check(target, attack):
    from unittest import mock

    from authref.app import Settings, build
    from authref.app.users import UserRoutes
    from authref.wire import Request

    with mock.patch.object(UserRoutes, "show", target):
        app = build(Settings(bcrypt_cost=4))
        eve = app.users.sign_up("eve@example.com", "correct horse battery")
        alice = app.users.sign_up("alice@example.com", "correct horse battery")
        login = app.sessions.log_in(eve, Request("POST", "/login"))
        cookie = login.header("set-cookie").partition(";")[0]
        answer = app(Request("GET", attack(eve.id, alice.id), (("cookie", cookie),)))
    return b"alice@example.com" in answer.body
""",
        hints=(
            "What does the handler ask about the caller, and what about the id in the path?",
            'The rule "user" lets in whoever is logged in. Whose account it is would be the rule "self_or_admin".',
            "Your own address with the other id in the place of yours.",
        ),
    ),
    Exercise(
        id="role-from-token",
        lesson=19,
        kind=HEAL,
        title="Yesterday's admin",
        minutes=8,
        difficulty=MIDDLE,
        task="This believes what the mechanism says of the caller, the role in a token included. Ask the store "
        "instead: judge the account as it is now, and give it to the handler. Whoever is disabled or gone is refused "
        "like a stranger. Each refusal of yours leaves an `authz_fail` in the log with the user; for a 403 also with "
        "the rule.",
        attacker="An admin who is dismissed still holds a token that says admin, for up to a quarter of an hour.",
        read="authref/app/routes.py: Mechanism, `prove`; authref/roles.py; authref/tokens.py: the opening",
        why="The mechanism says only who is asking; the store says what they are now. Whoever is disabled is refused "
        "like a stranger, so nothing is told of the account. Their tokens end once more, for a crash may have cut "
        "that short.",
        target="authref.app.routes:Routes.permitted",
        attacks=("yesterdays-admin",),
        claims=(
            "tests.test_roles.AtTheDoor.test_unknown_known_and_admin",
            "tests.test_roles.AtTheDoor.test_somebody_else_and_nobody",
            "tests.test_roles.AtTheDoor.test_a_demotion",
            "tests.test_roles.AtTheDoor.test_a_promotion",
            "tests.test_roles.AtTheDoor.test_disabled_or_deleted",
            "tests.test_roles.AtTheDoor.test_refusals_leave_a_trace",
            "tests.test_tokens.StatelessAndLive.test_what_they_may_do",
        ),
        naive='''\
def permitted(self, request: Request, rule: roles.Rule, user_id: str | None = None) -> User:
    """The caller as the store knows them now, if the rule lets them in. Raises Refused."""
    mechanism = self.mechanism(request)
    caller = mechanism.authenticate(request)
    if isinstance(caller, Response):
        raise Refused(caller)
    if not roles.permits(rule, caller, user_id):
        raise Refused(roles.forbidden(mechanism.forbidden))
    return caller
''',
        hints=(
            "How old is what a token says? And who knows what is true now?",
            "`self.users.get(id)` is the account as it is now, or None. 401 (`mechanism.refusal()`) for whoever is "
            "nobody any more, 403 for whoever is somebody and may not. The event is called authz_fail.",
            "After the caller is known, look the account up. If it is gone or disabled: note it, refuse as a stranger. "
            "Then ask the rule about the account that was found; if it says no: note it, 403. Return what was found.",
        ),
    ),
    Exercise(
        id="reflected-origin",
        lesson=20,
        kind=HEAL,
        title="Every origin is welcome",
        minutes=8,
        difficulty=MIDDLE,
        task="This lets the page of any origin read the answers, and with cookies. Let only those read that are "
        "listed, by their exact name, never with cookies, and tell caches that the answer depends on who asks. They "
        "may read the headers Location, Retry-After and WWW-Authenticate, too.",
        attacker='With "any origin, with credentials", a page that you happen to visit reads your account in your '
        "name.",
        read="authref/guards.py: the opening; the Fetch standard, CORS protocol",
        why="Origins are looked up as a whole, for one that only looks like a listed one is somebody else's. `vary` "
        "keeps a cache from giving one origin's answer to another. No header allows credentials, so no cookie goes "
        "along.",
        target="authref.guards:cors_headers",
        attacks=("reflected-origin", "preflight"),
        claims=(
            "tests.test_cors.Reading.test_without_an_origin",
            "tests.test_cors.Reading.test_listed_origins",
            "tests.test_cors.Reading.test_errors",
            "tests.test_cors.Reading.test_unlisted_origins",
            "tests.test_cors.Reading.test_two_origin_headers",
            "tests.test_cors.Preflight.test_an_unlisted_origin",
        ),
        naive='''\
def cors_headers(request: Request, allowed: Collection[str]) -> Headers:
    """The headers that let a listed origin read the answer. Nothing allows credentials, so no cookie crosses."""
    origin = request.header("origin")
    if origin is None:
        return ()
    return (("access-control-allow-origin", origin), ("access-control-allow-credentials", "true"))
''',
        hints=(
            "Who may read the answer now? Which of the two headers says something about cookies?",
            "An origin is compared as a whole; `in` does that. The header `vary: origin` tells a cache that the answer "
            "is another one for another origin. Without access-control-allow-credentials no cookie crosses.",
            "No headers at all if there is no origin or it is not listed. Else three: the origin named back, the one "
            "that names the headers its page may read beside the body (Location, Retry-After, WWW-Authenticate), and "
            "the one for caches.",
        ),
    ),
    Exercise(
        id="split-response",
        lesson=20,
        kind=BREAK,
        title="A header that begins another one",
        minutes=10,
        difficulty=MIDDLE,
        task="The server puts a text that you choose into a `location` header, and this writes it as it stands. Choose "
        "it so that the victim's browser gets a cookie from you.",
        attacker="Whatever comes after a line end is a header of the attacker's choosing, or, after an empty line, a "
        "page.",
        read="authref/wire.py: `write_response`; RFC 9112 §2.1, RFC 9110 §5.5",
        target="authref.wire:write_response",
        attacks=("split-response", "bare-line-end"),
        claims=(
            "tests.test_wire.WriteResponse.test_the_bytes",
            "tests.test_wire.WriteResponse.test_a_line_break_in_a_header",
        ),
        naive='''\
def write_response(response: Response, date: str, more: str = "", without_body: bool = False) -> bytes:
    """The answer's bytes, all of them, for one send (RFC 9112 §4)."""
    lines = [f"HTTP/1.1 {response.status} {PHRASES[response.status]}", f"date: {date}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    no_content = response.status == 204
    if not no_content:
        lines.append(f"content-length: {len(response.body)}")
    head = "\\r\\n".join(lines) + "\\r\\n" + more + "\\r\\n"
    return head.encode("latin-1") + (b"" if without_body or no_content else response.body)
''',
        attack='''\
def attack() -> str:
    """The value of a `location` header, after which the answer sets a cookie named session."""
''',
        check="""\
def check(target, attack):
    from authref.wire import Response

    response = Response(303, headers=(("location", attack()),))
    try:
        answer = target(response, "Fri, 15 Jan 2027 08:00:00 GMT")
    except ValueError:
        return False
    head = answer.partition(b"\\r\\n\\r\\n")[0]
    return any(line.lower().startswith(b"set-cookie: session=") for line in head.split(b"\\n"))  # browsers take LF, too
""",
        hints=(
            "What ends a header line on the wire, and what may stand in a text that you choose?",
            'Lines of a head end with CR LF, in Python "\\r\\n". A header is a name, a colon, a blank and a value. An '
            "empty line ends the head, so do not write one before your header.",
            "A harmless path, a line end, and after it the header that sets a cookie, without a line end of its own.",
        ),
    ),
    Exercise(
        id="attack-headers",
        lesson=20,
        kind=PREDICT,
        title="Which attack gets which answer?",
        minutes=5,
        difficulty=EASY,
        task="The server is reached as http://auth.example, and Alice has a session. Say which status each request "
        "gets.",
        attacker="These are the requests that are sent to every new server within its first hour.",
        read="authref/guards.py, authref/tokens.py and authref/app/routes.py: their openings",
        hints=(
            "For each request: which guard meets it first, the one at the door, the one that asks who is calling, or "
            "the one that reads the body?",
            "Foreign pages: 403 before anything else. Nobody's credentials: 401. Credentials or a body of a wrong "
            "form: 400. A body that is not declared as JSON: 415.",
            "A bad token beside a good cookie is a bad token. Two credentials in one header are not even one. A field "
            "that a route does not know is a wrong form of the body.",
        ),
        attacks=("logout-of-another-site",),
        questions=(
            Question(
                "A form on a foreign page logs Alice out.",
                'ask("POST", "/logout", cookie=cookie(), origin="https://evil.example").status',
                SITE,
                "The Origin is foreign and the method changes something, so the guard at the door refuses. "
                "It does not even look at the cookie.",
            ),
            Question(
                "Sign-up with a role",
                'ask("POST", "/signup", {"email": "eve@example.com", "password": '
                '"correct horse battery", "role": "admin"}).status',
                SITE,
                "The route knows no field role. Passed over in silence, nobody would notice the attempt, nor "
                "their own misspelt field.",
            ),
            Question(
                "A made-up token beside Alice's good cookie",
                'ask("GET", "/users/" + alice.id, cookie=cookie(), authorization="Bearer a.b.c").status',
                SITE,
                "A request with an Authorization header is judged by it alone. A bad token never falls back "
                "to the cookie.",
            ),
            Question(
                "Two tokens in one header",
                'ask("GET", "/token/me", authorization="Bearer a.b.c, Bearer a.b.c").status',
                SITE,
                "What is behind Bearer cannot be a token, for it has a comma and a blank. RFC 6750 calls "
                "that invalid_request.",
            ),
            Question(
                "A login that is sent as text/plain",
                'ask("POST", "/login", {}, content_type="text/plain").status',
                SITE,
                "A body counts as JSON only if it says so. Forms of foreign pages can send text/plain "
                "without being asked, and JSON not.",
            ),
        ),
    ),
)
