"""Lessons 1 to 7: requests, passwords, accounts, and proving who you are once."""

from __future__ import annotations

from authref.exercises.exercise import BREAK, EASY, HARD, HEAL, MIDDLE, PREDICT, WRITE, Exercise, Question

# What several predictions begin with; see world.py.
APP = """
from authref.exercises.world import begin

# A server on which alice@example.com has an account, her password being "correct horse battery".
app, alice, ask, log_in, cookie = begin()
"""

ACCOUNTS: tuple[Exercise, ...] = (
    Exercise(
        id="who-are-you",
        lesson=1,
        kind=PREDICT,
        title="Who does the server take you for?",
        minutes=5,
        difficulty=EASY,
        task="The server knows one user, alice@example.com. Say which status comes back for each request.",
        attacker="The difference between two refusals is information. An attacker collects such differences.",
        read="authref/roles.py, its opening; RFC 9110 §15.5.2 (401) and §15.5.4 (403)",
        hints=(
            "Each time, ask two questions: does the server know who is asking, and may that person do this?",
            "401 means: I do not know who you are. 403 means: I know, and no. 200 means yes.",
            "Nothing shown and a wrong password are the first kind of no. An unknown address gets the same answer as "
            "a wrong password. A known user at somebody else's door is the second kind.",
        ),
        attacks=("identity-in-a-header",),
        questions=(
            Question(
                "Somebody who shows nothing asks for /me.",
                'ask("GET", "/me").status',
                APP,
                "The server does not know who is asking, and says how to change that: log in first.",
            ),
            Question(
                "Alice logs in with her password.",
                "log_in().status",
                APP,
                "The password proves who she is, and the answer carries her cookie.",
            ),
            Question(
                "Somebody logs in as Alice with a wrong one.",
                'log_in(password="a wrong password").status',
                APP,
                "Who is asking was not proved. That is no 403, which says: I know who you are.",
            ),
            Question(
                "Somebody logs in with an address nobody has.",
                'log_in("nobody@example.com").status',
                APP,
                "The same as for a wrong password. A 404 here would tell a stranger which addresses have accounts.",
            ),
            Question(
                "Alice, logged in, asks for all users.",
                'ask("GET", "/users", cookie=cookie()).status',
                APP,
                "The server knows that it is Alice, and only an admin may see the list. To log in again changes "
                "nothing.",
            ),
        ),
    ),
    Exercise(
        id="request-header",
        lesson=2,
        kind=WRITE,
        title="One name, several header lines",
        minutes=6,
        difficulty=EASY,
        task="A request's headers are a tuple of pairs, names in small letters. Return the value of the field with "
        "this name, or None if it was not sent. If it was sent on several lines, none of them may be lost.",
        attacker="A second Cookie or Authorization line, added on the way, would like to be overlooked by one part of "
        "the system and believed by another.",
        read="authref/wire.py: Request; RFC 9110 §5.3",
        why="RFC 9110 §5.3 joins lines of one name by a comma: both can be seen, and neither wins silently. An empty "
        "value is a value, and only a missing field is None.",
        target="authref.wire:Request.header",
        attacks=("two-credentials",),
        claims=(
            "tests.test_wire.Header.test_an_absent_and_an_empty_header",
            "tests.test_wire.Header.test_a_repeated_header",
            "tests.test_wire.JsonBody.test_media_types",
            "tests.test_authorization.BothAtOnce.test_two_lines_of_one_header",
        ),
        hints=(
            "Which lines have this name, and what should a caller see if there are two? Look at the docstring.",
            "RFC 9110 §5.3: lines of one name mean the same as one line with their values, separated by a comma and a "
            "blank. An empty value is a value; only a missing field is None.",
            "Collect the values of all matching pairs in their order. If there are none, the answer is None; else "
            "glue them together.",
        ),
    ),
    Exercise(
        id="body-length",
        lesson=2,
        kind=HEAL,
        title="Where does the request end?",
        minutes=15,
        difficulty=HARD,
        task="This version finds out how long a body is, and takes whatever it gets. Make it strict: what a proxy "
        "could understand differently is refused with 400; another coding before chunked with 501, more than MAX_BODY "
        "bytes with 413. Honest requests still get their length in bytes, None for a chunked body, and 0 if no field "
        "speaks of a body.",
        attacker="If a proxy and the server disagree about where a request ends, the attacker hides a second request "
        "in the first one. The proxy's checks never see it (request smuggling).",
        read="authref/serving/reader.py: its opening and the helpers `_malformed`, `_too_large`; RFC 9112 §6.3",
        why="Two statements of the length, or chunked in HTTP/1.0, can be read in two ways: they are refused, not "
        "resolved. Digits are matched before `int` sees them, for it takes `+5`, `5_0` and digits of other scripts. "
        "A number of many digits is refused by their count.",
        target="authref.serving.reader:_body_length",
        attacks=("two-lengths", "length-and-chunks", "odd-length", "huge-body"),
        claims=(
            "tests.test_reader.Pipeline.test_three_at_once",
            "tests.test_reader.Chunks.test_good_chunks",
            "tests.test_reader.BodyLength.test_content_lengths",
            "tests.test_reader.BodyLength.test_content_length_in_other_digits",
            "tests.test_reader.BodyLength.test_content_length_and_chunked",
            "tests.test_reader.BodyLength.test_transfer_codings",
            "tests.test_reader.BodyLength.test_chunked_in_http_1_0",
            "tests.test_reader.Limits.test_a_long_body",
        ),
        naive='''\
def _body_length(fields: dict[str, str], version: str) -> int | None:
    """The body's length in bytes, None for chunked, 0 when no field speaks of a body (RFC 9112 §6.3)."""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        return None
    try:
        return int(fields.get("content-length", "0"))
    except ValueError:
        raise _malformed("Content-Length is a number.") from None
''',
        hints=(
            "Which texts does int() take that are not plain digits? What if both fields are there? And how long may "
            "a body be at all?",
            'int() takes "+5", "5_0" and digits of other scripts; the file has a pattern for ASCII digits. RFC 9112 '
            "§6.3: Transfer-Encoding together with Content-Length is suspicious, HTTP/1.0 knows no chunks, and where "
            "chunked is not the last of the codings nobody knows the end: 400. The file has MAX_BODY, `_malformed` "
            "(400) and `_too_large` (413); another coding before the one chunked is 501.",
            "A ladder: if there is a coding, refuse the length beside it and the old version. Cut the value at its "
            "commas; the last is exactly the one word, the others are not, and if there are others, that is 501. Only "
            "then say None. Without a length 0. Else the whole text must be digits, few "
            "enough to convert, and the number must not be beyond the limit.",
        ),
    ),
    Exercise(
        id="published-keys",
        lesson=3,
        kind=HEAL,
        title="A secret that everybody knows",
        minutes=8,
        difficulty=MIDDLE,
        task="Before a server starts, it looks at its ring of signing keys: each has a name, its `kid`. This version "
        "is content if there is one. Refuse every ring that must not sign. A `kid` must match _KID. A key must not "
        "be too short (say how many bytes it has), published, or patterned (fewer than 16 different bytes). Each "
        "refusal says in one sentence which of these it is, in these words, and quotes no secret.",
        attacker="Whoever guesses the key can write any token, for any user. Guessing begins with the keys from "
        "tutorials.",
        read="authref/keys.py; RFC 7518 §3.2",
        why="A refusal names the place of the key and not its kid: whoever forgets the kid has the secret standing "
        "there. HMAC takes a key of any length, so nothing else would complain of a short one. Fewer than 16 "
        "different bytes were typed or repeated, and not drawn at random.",
        target="authref.keys:check_keys",
        attacks=("published-secret",),
        claims=(
            "tests.test_keys.Reading.test_read",
            "tests.test_keys.Checking.test_fresh_keys",
            "tests.test_keys.Checking.test_no_keys",
            "tests.test_keys.Checking.test_given_in_the_program",
            "tests.test_keys.Reading.test_refused",
            "tests.test_keys.Reading.test_what_a_refusal_says",
            "tests.test_revocation.Keys.test_a_key_that_must_not_sign",
        ),
        naive='''\
def check_keys(keys: Keys) -> None:
    """Raise ValueError, in a sentence, for a ring that must not sign: a guessed key gives every account away."""
    if not keys:
        raise ValueError("The key ring is empty; it needs at least one key.")
''',
        hints=(
            "What makes a key guessable? Think of its length, of how often the same byte comes, and of where it could "
            "have been copied from. The top of the file has a list.",
            "RFC 7518 §3.2: an HS256 key has at least 32 bytes (MIN_KEY). Of 32 random bytes about 30 differ; "
            "len(set(key)) counts them. `_PUBLISHED` holds the known ones, `_KID` is what a name looks like. If "
            "somebody forgets the name, the secret stands where the name should be.",
            "Go through the ring and count along. For each entry three questions: is the whole name as the pattern "
            "says, is the key long enough, is it neither known nor made of fewer than 16 different bytes? A refusal "
            "names the key by its number in the ring.",
        ),
    ),
    Exercise(
        id="fast-hash",
        lesson=4,
        kind=BREAK,
        title="A leaked table of fast hashes",
        minutes=10,
        difficulty=MIDDLE,
        task="This version stores SHA-256 of the password. You hold one stored text and a list of the commonest "
        "passwords. Find the password.",
        attacker="One stolen backup is enough. A graphics card computes billions of SHA-256 values a second, and "
        "without salt one pass over the list serves for all users at once.",
        read="authref/passwords.py: its opening",
        target="authref.passwords:hash_password",
        attacks=("hash-in-an-answer",),
        claims=(
            "tests.test_passwords.Hashes.test_form",
            "tests.test_passwords.Hashes.test_the_same_password_twice",
        ),
        naive='''\
def hash_password(password: str, cost: int = COST) -> str:
    """What to store for the password."""
    return hashlib.sha256(password.encode("utf-8")).hexdigest()
''',
        attack='''\
def attack(stored: str, common: list[str]) -> str:
    """The password that `stored` was made from. It is one of the `common` ones."""
''',
        check="""\
def check(target, attack):
    import secrets

    from authref.passwords import COMMON

    common = sorted(COMMON)
    passwords = [secrets.choice(common) for _ in range(3)]
    return all(attack(target(password, 4), common) == password for password in passwords)
""",
        hints=(
            "What would the server do with each password of the list, and with what could you compare the result?",
            "hashlib.sha256(…).hexdigest() gives the same text for the same bytes, always. The list has about 8,500 "
            "entries; that is a few milliseconds.",
            "For each candidate make what the server would have stored, and return the candidate for which the two "
            "texts are the same. With bcrypt the same search takes a quarter of a second for each guess, and starts "
            "anew for each user.",
        ),
    ),
    Exercise(
        id="long-passwords",
        lesson=5,
        kind=HEAL,
        title="The seventy-third byte",
        minutes=8,
        difficulty=MIDDLE,
        task="No more than 72 bytes reach bcrypt, so this version cuts the password there. Make 44 bytes of the "
        "password instead that depend on each of its bytes, as the docstring says.",
        attacker="With a cut password, a long sentence is worth its beginning only. One product hashed name and "
        "password in one piece: with a long name any password was right.",
        read="authref/passwords.py: the opening, `hash_password`; the standard library's hmac.digest",
        why="HMAC makes 32 bytes of any text, and each byte of the text counts. These may hold a NUL, at which older "
        "releases of bcrypt stop: base64 has none. Its 44 letters are fewer than 72.",
        target="authref.passwords:_pre_hash",
        attacks=("the-73rd-byte", "nul-in-a-password"),
        claims=(
            "tests.test_passwords.Hashes.test_form",
            "tests.test_passwords.Hashes.test_the_same_password_twice",
            "tests.test_passwords.ExactlyAsSent.test_no_password",
            "tests.test_passwords.ExactlyAsSent.test_passwords_that_look_alike",
            "tests.test_passwords.Hashes.test_against_another_implementation",
            "tests.test_passwords.Hashes.test_a_hash_stored_long_ago",
        ),
        naive='''\
def _pre_hash(password: str) -> bytes:
    """44 bytes that every byte of the password changes.

    They are base64 of the HMAC-SHA-256 of the password in UTF-8, with `_LABEL` as its key.
    """
    return password.encode("utf-8")[:72]
''',
        hints=(
            "Two passwords that begin alike for 72 bytes must give different bytes. What makes few bytes of many, so "
            "that each one counts?",
            "hmac.digest(key, message, digest) gives 32 raw bytes. One of them may be NUL, at which older versions of "
            "bcrypt stopped; base64 (b64encode) makes 44 plain letters of them.",
            "Encode the password, take the keyed hash with the label as the key, and put base64 around the result. "
            "Nothing is trimmed, lowered or normalised before.",
        ),
    ),
    Exercise(
        id="verify-password",
        lesson=5,
        kind=WRITE,
        title="Is this the password?",
        minutes=8,
        difficulty=EASY,
        task="Say whether the stored text was made from this password, as `hash_password` does it: the pre-hash "
        "first, then bcrypt. Where `cost_of` is 0, say False at once: that is no bcrypt hash, or one that costs too "
        "much. To compare with a hash of cost c takes 2**c rounds. If `work` is more than c, do 2**work rounds in "
        "all, so that the time is the same. For the rest compare with hashes of nobody, of cost c, c+1 and so on up "
        "to work - 1:\n"
        "2**c + 2**c + 2**(c+1) + … + 2**(work-1) = 2**work rounds.",
        attacker="Whoever can write into the database plants a hash of cost 31: then one login computes for days. And "
        "a hash of an old, lower cost answers sooner: the time tells whose account is old, and that it exists.",
        read="authref/passwords.py: `hash_password`, `cost_of`, `hash_of_nobody`",
        why="`hash_password` hashed a pre-hash, so the pre-hash comes first: without it no stored hash fits. "
        "`cost_of` stands before bcrypt, for bcrypt would begin on a hash of cost 31 and compute for days. The first "
        "comparison has done 2**c rounds; the loop's 2**c + 2**(c+1) + … make them 2**work. The loop runs for a "
        "right password too: else the time would tell that it was right.",
        target="authref.passwords:verify_password",
        claims=(
            "tests.test_passwords.ExactlyAsSent.test_no_password",
            "tests.test_passwords.Hashes.test_a_hash_stored_long_ago",
            "tests.test_passwords.StoredHashes.test_hashes_that_do_reach_bcrypt",
            "tests.test_passwords.StoredHashes.test_hashes_that_never_reach_bcrypt",
            "tests.test_passwords.TheSameWork.test_every_cost",
            "tests.test_passwords.TheSameWork.test_right_or_wrong",
        ),
        hints=(
            "What does `hash_password` do before its call of bcrypt? The same has to happen here.",
            "bcrypt.checkpw(password, hashed) takes bytes on both sides and finds salt and cost in the hash. "
            "`cost_of` is 0 for what is no good hash. Powers of two add up: 2**c and 2**c make 2**(c+1).",
            "First the form: if it has no cost, the answer is no. Then bcrypt compares the pre-hash of "
            "the password with the stored text as bytes, and after that with `hash_of_nobody` of each cost from the "
            "hash's own up to, and without, `work`. The first answer is the one to return.",
        ),
    ),
    Exercise(
        id="role-from-body",
        lesson=6,
        kind=BREAK,
        title="The field nobody asked for",
        minutes=5,
        difficulty=EASY,
        task="This sign-up passes on whatever the body names. Write the body that makes its sender an admin.",
        attacker="It takes one extra word in a request. This is called mass assignment, and it has happened to large "
        "sites.",
        read="authref/app/accounts.py: `sign_up`; authref/users.py: the parameters of `Users.sign_up`",
        target="authref.app.accounts:AccountRoutes.sign_up",
        attacks=("role-at-sign-up",),
        claims=(
            "tests.test_app.WhenAllIsWell.test_signup",
            "tests.test_app.HostileBodies.test_unknown_fields",
        ),
        naive='''\
def sign_up(self, request: Request) -> Response:
    """201 with the new user."""
    fields = request.json()
    try:
        user = self.users.sign_up(**fields)
    except EmailTaken:
        return Response.problem(409, "email_taken", "There is an account with this e-mail address.")
    return Response.json({"user": user.public()}, 201, (("location", f"/users/{user.id}"),))
''',
        attack='''\
def attack() -> dict:
    """The body of a sign-up, as an object, that makes its sender an admin."""
''',
        check="""\
def check(target, attack):
    import json
    from unittest import mock

    from authref.app import Settings, build
    from authref.app.accounts import AccountRoutes
    from authref.wire import Request

    with mock.patch.object(AccountRoutes, "sign_up", target):
        app = build(Settings(bcrypt_cost=4))
        body = json.dumps(attack()).encode()
        app(Request("POST", "/signup", (("content-type", "application/json"),), body))
    return any(user.role == "admin" for user in app.users.page("", 10)[0])
""",
        hints=(
            "Where do the names in the body end up? Look at the two stars, and at what they call.",
            "f(**fields) hands each name over as a parameter. `Users.sign_up` has one parameter more than a visitor "
            "should be able to choose.",
            "An honest body, an address and a password that may be chosen, and beside them the name of that third "
            "parameter with the value of an administrator.",
        ),
    ),
    Exercise(
        id="read-fields",
        lesson=6,
        kind=WRITE,
        title="Exactly these fields",
        minutes=12,
        difficulty=MIDDLE,
        task="Read the fields of a JSON body: all that are `known`, or `some` of them, and no others, each of exactly "
        "the type that is named. Otherwise raise Problem 400 `invalid_request`. Its `errors` is a dict with a "
        "sentence under the name of each wrong field; for a body that is no object it is left out.",
        attacker="A field that nobody reads today is trusted by somebody tomorrow. And where a text belongs, a list "
        "or a number may pass a check that was written for texts.",
        read="authref/app/routes.py: the opening; authref/wire.py: Problem, Request.json",
        why="`type(…) is` and not `isinstance`, for True is an int as well. Unknown fields are refused: else "
        "somebody sends a `role`, and one day it is believed. All mistakes are told at once, and names are cut: one "
        "may be as long as the body.",
        target="authref.app.routes:read_fields",
        attacks=("field-at-a-change", "password-of-another-type", "json-by-a-form"),
        claims=(
            "tests.test_app.WhenAllIsWell.test_login_by_session",
            "tests.test_app.HostileBodies.test_the_bodies_they_accept",
            "tests.test_app.HostileBodies.test_no_object",
            "tests.test_app.HostileBodies.test_missing_fields",
            "tests.test_app.HostileBodies.test_wrong_types",
            "tests.test_app.HostileBodies.test_unknown_fields",
        ),
        hints=(
            "Three things can be wrong with a field: it is missing, it is unknown, it has another type. How do you "
            "find all of them, not only the first?",
            "type(value) is str is exact; isinstance(True, int) is true in Python, so isinstance is not. Problem takes "
            "`errors=` with a mapping from a field's name to a sentence.",
            "Ask for the JSON value and refuse what is no dict. Fill one mapping of errors in three small steps: names "
            "that are in the body and not known, known ones that are not in the body, and known ones whose type "
            "differs. If it is not empty, raise; else return the dict.",
        ),
    ),
    Exercise(
        id="login-time",
        lesson=7,
        kind=HEAL,
        title="The quick no",
        minutes=8,
        difficulty=MIDDLE,
        task="This login looks the user up, and says no at once if there is none. Every way to fail must cost one "
        "comparison of a password. That an account is disabled is said only in the log, and only after the right "
        "password.",
        attacker="A known address takes a quarter of a second, an unknown one a thousandth. With a stopwatch the "
        "attacker sorts a list of addresses into those who have an account here and those who do not.",
        read="authref/users.py: the opening, `Users.__init__`, InvalidCredentials",
        why="Each way to fail makes one comparison, so it takes the same time. Where there is no account, "
        "`hash_of_nobody` is compared, at the highest cost that is known. Whether the account is disabled is asked "
        "after the password: else any stranger could ask it.",
        target="authref.users:Users.check_credentials",
        attacks=("login-time",),
        claims=(
            "tests.test_users.LoggingIn.test_the_right_password",
            "tests.test_users.LoggingIn.test_disabled_and_enabled_again",
            "tests.test_users.Strengthening.test_a_login_after_the_cost_was_raised",
            "tests.test_users.LoggingIn.test_reasons",
            "tests.test_users.LoggingIn.test_what_a_failure_costs",
            "tests.test_users.LoggingIn.test_the_same_work_whatever_the_cost",
            "tests.test_app.AFailedLogin.test_one_hash_whoever_it_is",
        ),
        naive='''\
def check_credentials(self, email: str, password: str) -> User:
    """The user whose password this is. Raises InvalidCredentials.

    Every way to fail takes the same work: a quicker answer would tell who has no account, or an old one.
    """
    user = self.by_email(email)
    if user is None:
        raise InvalidCredentials("unknown_user", None)
    if user.disabled:
        raise InvalidCredentials("account_disabled", user.id)
    if not verify_password(password, user.password_hash):
        raise InvalidCredentials("wrong_password", user.id)
    return self._strengthen(user, password)
''',
        hints=(
            "On which of the four ways through this function is bcrypt called, and on which is it not? Is there a hash "
            "to compare with if nobody has the address?",
            "`self._highest_cost(seen)` says what each login has to cost; tell it the user's cost, `cost_of` their "
            "hash, or 0. `hash_of_nobody(cost)` is a hash that no password gives. `verify_password` takes a third "
            "argument.",
            "Look the user up and ask for the work, then compare once, with the user's hash or with nobody's, and keep "
            "the result. After that the ladder of refusals: nobody, wrong, disabled.",
        ),
    ),
    Exercise(
        id="login-message",
        lesson=7,
        kind=HEAL,
        title="The helpful no",
        minutes=5,
        difficulty=EASY,
        task="This login tells people whether their address or their password was wrong. Make both refusals one, "
        "byte for byte, with a sentence that is true of both. Refuse nobody before `prove`, not even with the same "
        "bytes: it counts the failures, and would not count that one. Whoever knows the password is logged in as "
        "before.",
        attacker="With helpful answers anybody can ask who has an account here, and then guess only there, or write "
        "to them in your name.",
        read="authref/app/routes.py: `prove`; authref/app/accounts.py: the opening",
        why="`prove` takes the same time for an address that nobody has, and counts that failure as well. After too "
        "many it answers 429. A refusal that comes before it is never counted: no 429 would ever come, and that "
        "tells which addresses have no account. One sentence names both fields, so that nothing is left to tell "
        "apart.",
        target="authref.app.accounts:AccountRoutes.log_in",
        attacks=("login-that-tells",),
        claims=(
            "tests.test_app.WhenAllIsWell.test_login_by_session",
            "tests.test_app.WhenAllIsWell.test_login_by_token",
            "tests.test_app.Headers.test_a_401_says_how",
            "tests.test_app.AFailedLogin.test_who_does_not_exist",
            "tests.test_throttle.KnownAndUnknown.test_byte_for_byte",
        ),
        naive='''\
def log_in(self, mechanism: Mechanism, request: Request) -> Response:
    """What the mechanism gives to whoever knows the password, or 401, the same for everybody else."""
    fields = read_fields(request, {"email": str, "password": str})
    if self.users.by_email(fields["email"]) is None:
        return Response.problem(404, "unknown_address", "Nobody has this e-mail address.")
    user = self.prove(fields["email"], fields["password"], request)
    if user is None:
        return Response.problem(401, "invalid_credentials", "The password is wrong.", mechanism.challenge)
    self.emit("authn_login_success", user=user.id, peer=request.peer)
    answer = mechanism.log_in(user, request)
    device = self.devices.remember(user, request) if mechanism is self.sessions else ()
    return replace(answer, headers=answer.headers + device)
''',
        hints=(
            "How many different refusals are there, and who can tell them apart? Look also at what `prove` does by "
            "itself.",
            "`prove` returns None whatever was wrong, and it counts the failure, for addresses nobody has as well. A "
            "refusal that comes before it is not counted.",
            "Leave the question whether the address is known to `prove`. There is one refusal then, and its sentence "
            "names both fields.",
        ),
    ),
    Exercise(
        id="throttle-admit",
        lesson=7,
        kind=WRITE,
        title="May this one try?",
        minutes=20,
        difficulty=HARD,
        task="Let a try begin, or raise the Problem that `_too_many` makes. A counter with `free` failures or more "
        "waits for its `next_try`. Count the try as a failure as soon as it is let in, before anybody looks at the "
        "password: whoever asks in the same moment must meet it. Return the key of the counter. A `next_try` later "
        "than any wait is another clock's error: count under another key.",
        attacker="People choose passwords that others chose too. A list of a thousand common ones opens some accounts, "
        "unless asking is slow. So fifty guesses are sent at once, in the moment the waiting ends.",
        read="authref/throttle.py: the opening, `_counted`, `_one_more`",
        why="The try is written as a failure before the password is looked at. Otherwise a thousand tries at once "
        "would all see the counter as it was. `replace` and `setdefault` write only where nobody came between; "
        "whoever did not succeed looks again.",
        target="authref.throttle:Throttle.admit",
        attacks=("guessing", "owner-locked-out", "spraying"),
        claims=(
            "tests.test_throttle.Counters.test_asking_and_succeeding",
            "tests.test_throttle.Accounts.test_the_schedule",
            "tests.test_throttle.Accounts.test_asking_while_waiting",
            "tests.test_throttle.Accounts.test_the_right_password_while_waiting",
            "tests.test_throttle.Addresses.test_twenty_failures_in_a_minute",
            "tests.test_throttle.Counters.test_a_try_that_is_still_being_hashed",
            "tests.test_throttle.Counters.test_two_tries_that_both_saw_the_waiting_end",
            "tests.test_throttle.Counters.test_a_clock_that_is_ahead",
        ),
        hints=(
            "Which of a counter's fields say whether there is a wait, and until when? `_one_more` makes the counter "
            "with one more failure, also of none.",
            "The map's `replace(key, old, new)` writes only if nobody else was faster, and says so; "
            "`setdefault(key, new)` returns `new` itself only to whoever was first. A `next_try` further ahead than "
            "any wait and CLOCK_ERROR comes from another clock: then count under another key.",
            "Again and again: look the counter up, and under the other key if the first lies too far ahead. Refuse "
            "before its time, with no more seconds than the longest wait. Else try to put `_one_more` in its place, "
            "and return the key if that worked; if not, look again.",
        ),
    ),
)
