"""Signing up and passwords: who gets an account, and who gets into somebody else's?"""

from __future__ import annotations

import json
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from authref.attacks.client import Answer
from authref.attacks.scene import (
    Account,
    Group,
    NotPlayed,
    Outcome,
    Scene,
    judge,
    judge_each,
    logs_in,
    must,
    plain,
    signs_up,
    somebody,
)

ACCOUNTS = Group("accounts", signs_up)
attack = ACCOUNTS.attack

COMMON = ("password", "12345678", "qwertyuiop", "iloveyou", "Password1", "football")
ADMIN = re.compile(r'"(role|roles)": ?\[? ?"admin"|"(is_?admin|admin|is_?superuser|is_?staff)": ?true', re.I)
GUESSES = 8  # at one account: honest people err less often in a row
SPRAYED = 24  # accounts that one password is tried on
PAIRS = 15  # of measured logins


def joins(scene: Scene, account: Account) -> tuple[Answer, bool]:
    """The answer to a sign-up, and whether one can log in then: some answer yes to all, and make no account."""
    answer = scene.sign_up(account)
    return answer, scene.succeeded(answer) and scene.succeeded(scene.log_in(account))


@attack(
    6, has="the sign-up form", gains="an admin's account", counts="the new account is an admin",
    read="app/routes.py:read_fields", tiny="tiny.py:Users.sign_up", wstg="INPV-20", asvs="15.3.3", cwe=915,
    exercise="role-from-body",
)  # fmt: skip
def role_at_sign_up(scene: Scene) -> Outcome:
    """A field nobody asked for at sign-up: the role"""
    asked: dict[str, object] = json.loads(scene.routes.promote)
    for more in ({"role": "admin"}, {"is_admin": True, "admin": True, "isAdmin": True, "roles": ["admin"]}, asked):
        account = somebody()
        answer = scene.sign_up(account, **more)
        if scene.succeeded(answer):
            user = scene.me(scene.logged_in(account)).body.decode("utf-8", "replace")
            taken = ADMIN.search(user)
            if taken:
                return Outcome(True, f"{', '.join(more)} taken: {taken[0]}")
    return judge(answer, False, "the role is that of everybody")


@attack(
    6, has="somebody's address", gains="a second account that passes for theirs", counts="a second account is made",
    read="users.py:Users.sign_up", tiny="tiny.py:Users.sign_up", wstg="IDNT-02", asvs="2.2.1", cwe=178,
)  # fmt: skip
def address_in_capitals(scene: Scene) -> Outcome:
    """One address in upper and in lower case makes two accounts"""
    account = scene.new_account()
    name, _, domain = account.email.partition("@")
    twins = (f"{name.upper()}@{domain}", f"{name}@{domain.upper()}", f"{name.capitalize()}@{domain.title()}")
    return judge_each((twin, *joins(scene, Account(twin, "another horse entirely"))) for twin in twins)


@attack(
    6, has="somebody's address", gains="an account whose address looks like theirs",
    counts="one can sign up with it, and log in", read="users.py:objections",
    tiny="tiny.py:Users.sign_up", wstg="IDNT-02", asvs="2.2.1", cwe=1007,
)  # fmt: skip
def address_that_looks_alike(scene: Scene) -> Outcome:
    """An address with a blank, a NUL or a foreign letter is taken"""
    name = scene.new_account().email
    twins = {
        "a blank at its end": name + " ",
        "a NUL at its end": name + "\0",
        "a Cyrillic letter": f"\u0430{name}",
        "a zero-width blank": f"\u200b{name}",
        "two addresses": f"{name},eve@attack.example",
    }
    return judge_each((what, *joins(scene, Account(twin, "another horse entirely"))) for what, twin in twins.items())


@attack(
    6, has="two requests sent in one moment", gains="two accounts with one address, one of which nobody sees",
    counts="more than one of the sign-ups succeeds", read="users.py:Users.sign_up", tiny="tiny.py:Users.sign_up",
    wstg="BUSL-04", asvs="15.4.2", cwe=362, exercise="map-setdefault", slow=True,
)  # fmt: skip
def sign_up_at_once(scene: Scene) -> Outcome:
    """Several sign-ups with one address at the same time"""
    account = somebody()
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda number: scene.sign_up(Account(account.email, f"password {number} xyz")), range(6))
        )
    made = sum(map(scene.succeeded, answers))
    if not made:
        raise NotPlayed("none of the sign-ups succeeded")
    return Outcome(made > 1, f"6 at once, {made} succeeded")


@attack(
    5, has="the beginning of a password", gains="the account that it begins", counts="another ending logs in",
    read="passwords.py:_pre_hash", tiny="tiny.py:Users.check_credentials", wstg="ATHN-07", asvs="6.2.8", cwe=916,
    exercise="long-passwords",
)  # fmt: skip
def the_73rd_byte(scene: Scene) -> Outcome:
    """Only the first 72 bytes of a password count"""
    account = Account(somebody().email, "correct horse ".ljust(72, "x") + "mine")
    answer = scene.sign_up(account)
    if not scene.succeeded(answer):
        return judge(answer, False, "so long a password is refused")
    answer = scene.log_in(Account(account.email, account.password[:72] + "eves"))
    return judge(answer, scene.succeeded(answer))


@attack(
    5, has="what stands before a NUL", gains="the account", counts="the part before the NUL logs in",
    read="passwords.py:_pre_hash", tiny="tiny.py:Users.check_credentials", wstg="ATHN-07", asvs="6.2.8", cwe=158,
    exercise="long-passwords",
)  # fmt: skip
def nul_in_a_password(scene: Scene) -> Outcome:
    """A password ends at its first NUL"""
    account = Account(somebody().email, "correct horse\0 and more of it")
    answer = scene.sign_up(account)
    if not scene.succeeded(answer):
        return judge(answer, False, "such a password is refused")
    answer = scene.log_in(Account(account.email, "correct horse"))
    return judge(answer, scene.succeeded(answer))


@attack(
    4, has="a published list of passwords", gains="each account that has one of them",
    counts="one can sign up with it, and log in", read="passwords.py:objection", tiny="tiny.py:Handler.answer",
    wstg="ATHN-07", asvs="6.2.4", cwe=521,
)  # fmt: skip
def common_password(scene: Scene) -> Outcome:
    """One of the commonest passwords may be chosen"""
    return judge_each((f'"{each}"', *joins(scene, Account(somebody().email, each))) for each in COMMON)


@attack(
    4, has="somebody's address", gains="the account, at the first guess", counts="one can sign up with it, and log in",
    read="passwords.py:objection", tiny="tiny.py:Handler.answer", wstg="ATHN-07", asvs="6.2.11", cwe=521,
)  # fmt: skip
def password_is_the_address(scene: Scene) -> Outcome:
    """The address itself may be the password"""
    email = somebody().email
    return judge(*joins(scene, Account(email, email)))


@attack(
    4, has="time for all short passwords", gains="accounts that a few tries open",
    counts="one can sign up with fewer than 8 characters, and log in", read="passwords.py:objection",
    tiny="tiny.py:Handler.answer", wstg="ATHN-07", asvs="6.2.1", cwe=521,
)  # fmt: skip
def short_password(scene: Scene) -> Outcome:
    """A password of a few characters may be chosen"""
    return judge_each((f'"{each}"', *joins(scene, Account(somebody().email, each))) for each in ("", "a", "xkq4f7v"))


@attack(
    7, has="an address, and a list of passwords", gains="the account", counts="no guess is held up",
    read="throttle.py:Throttle.admit", tiny="tiny.py:Handler.answer", wstg="ATHN-03", asvs="6.3.1", cwe=307,
    exercise="throttle-admit",
)  # fmt: skip
def guessing(scene: Scene) -> Outcome:
    """Any number of guesses at one account, from many addresses"""
    account = scene.new_account()
    with ThreadPoolExecutor(2) as pool:
        wrong = list(pool.map(lambda n: scene.log_in(Account(account.email, f"a wrong guess {n}")), range(GUESSES)))
    held = sum(answer.status == 429 for answer in wrong)
    last = scene.log_in(account)
    if not held and not scene.succeeded(last) and last.status != 429:
        raise NotPlayed(f"the right password was answered {last.status}")
    return Outcome(scene.succeeded(last), f"{GUESSES} guesses, {held} held up; then the right one: {last.status}")


@attack(
    7, has="somebody's address", gains="an owner who cannot log in while the guesses go on",
    counts="their right password is refused in the browser that they always use", read="throttle.py:Throttle.guess",
    tiny="tiny.py:Handler.answer", wstg="ATHN-03", asvs="6.3.1", cwe=645, exercise="throttle-admit",
)  # fmt: skip
def owner_locked_out(scene: Scene) -> Outcome:
    """A stranger's wrong guesses keep the owner out"""
    account, owner = scene.new_account(), scene.client()
    must(scene, scene.log_in(account, owner), "an honest login")
    for number in range(GUESSES):
        scene.log_in(Account(account.email, f"a wrong guess {number}"))
    answer = scene.log_in(account, owner)
    return Outcome(not scene.succeeded(answer), f"{GUESSES} wrong guesses of a stranger; the owner: {answer.status}")


@attack(
    7, has="a list of addresses", gains="each account that has this password", counts="no guess is held up",
    read="throttle.py:Throttle.admit", tiny="tiny.py:Handler.answer", wstg="ATHN-03", asvs="6.3.1", cwe=307,
    exercise="throttle-admit",
)  # fmt: skip
def spraying(scene: Scene) -> Outcome:
    """One password on many accounts, from one address, whatever X-Forwarded-For says"""
    client, account = scene.client(), scene.new_account()

    def guess(number: int) -> int:
        nobody = Account(somebody().email, "summer holidays")
        forwarded = {"X-Forwarded-For": f"192.0.2.{number}"}
        return scene.post(client, scene.log_in_route, scene.fields(nobody), forwarded).status

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(guess, range(SPRAYED)))
    if 429 in statuses:
        return Outcome(False, f"held up at try {statuses.index(429) + 1}: 429")
    last = scene.log_in(account, client)
    return judge(last, scene.succeeded(last), f"after {SPRAYED} failures from one address")


@attack(
    7, has="a list of addresses", gains="a list of those who have an account here", counts="the two refusals differ",
    read="app/accounts.py:AccountRoutes.log_in", tiny="tiny.py:Handler.answer", wstg="IDNT-04", asvs="6.3.8", cwe=204,
    exercise="login-message", twin=logs_in,
)  # fmt: skip
def login_that_tells(scene: Scene) -> Outcome:
    """The refusal of a login tells whether there is such an account"""
    alice, nobody = scene.alice.email, somebody().email
    known, unknown = (scene.log_in(Account(email, "a wrong password")) for email in (alice, nobody))
    parts = {
        "status": (known.status, unknown.status),
        "body": (plain(known, alice), plain(unknown, nobody)),
        "headers": tuple(sorted({name for name, _ in each.headers}) for each in (known, unknown)),
    }
    differ = [name for name, (one, other) in parts.items() if one != other]
    return judge(known, bool(differ), f"they differ in {', '.join(differ)}" if differ else "no difference")


@attack(
    6, has="a list of addresses", gains="a list of those who have an account here",
    counts="signing up with a taken address tells it", read="app/accounts.py:AccountRoutes.sign_up",
    tiny="tiny.py:Handler.answer", wstg="IDNT-04", asvs="6.3.8", cwe=204,
)  # fmt: skip
def sign_up_tells(scene: Scene) -> Outcome:
    """Signing up tells whether an address is taken"""
    taken = scene.sign_up(Account(scene.alice.email, somebody().password))
    free = scene.sign_up(somebody())
    return judge(taken, taken.status != free.status, f"a free one: {free.status}")


@attack(
    7, has="a clock, and a list of addresses", gains="a list of those who have an account here",
    counts="an unknown address is answered in less than 70 % of the time", slow=True, twin=logs_in,
    read="users.py:Users.check_credentials", tiny="tiny.py:Users.check_credentials", wstg="IDNT-04", asvs="6.3.8",
    cwe=208, exercise="login-time",
)  # fmt: skip
def login_time(scene: Scene) -> Outcome:
    """The time until a refusal tells whether there is such an account"""
    known: list[float] = []
    unknown: list[float] = []
    account = scene.new_account()
    for number in range(PAIRS):
        if number % 3 == 2:  # three failures each: nobody has to wait
            account = scene.new_account()
        for email, times in ((account.email, known), (somebody().email, unknown)):
            begin = time.perf_counter()
            answer = scene.log_in(Account(email, "a wrong password"))
            times.append(time.perf_counter() - begin)
            if answer.status == 429:
                raise NotPlayed("the tries were held up (429)")
    with_account, without = sorted(known)[PAIRS // 4], sorted(unknown)[PAIRS // 4]  # quartiles: noise only adds
    figures = f"{with_account * 1000:.1f} ms with an account, {without * 1000:.1f} ms without (quartiles of {PAIRS})"
    if statistics.median(known) > 3 * with_account:
        raise NotPlayed(f"the machine is too noisy to tell ({figures})")
    return Outcome(without < 0.7 * with_account, figures)


@attack(
    4, has="an account", gains="hashes to try at home", counts="an answer holds a hash", twin=logs_in,
    read="users.py:User.public", tiny="tiny.py:Users.sign_up", wstg="ATHN-04", asvs="15.3.1", cwe=200,
    exercise="fast-hash",
)  # fmt: skip
def hash_in_an_answer(scene: Scene) -> Outcome:
    """An answer holds the hash of a password"""
    client, account = scene.client(), scene.alice
    answers = [scene.log_in(account, client), scene.me(scene.logged_in(account))]
    with suppress(NotPlayed):
        answers.append(scene.sign_up(somebody()))
    if scene.target.admin:
        answers.append(scene.admin.send(scene.routes.users))
    found = [
        each.request for each in answers if re.search(rb"\$2[aby]\$|\$argon2|pbkdf2|password_?hash", each.body, re.I)
    ]
    return judge(answers[0], bool(found), f"in {found[0]}" if found else f"{len(answers)} answers hold none")


@attack(
    3, has="nothing", gains="an admin's account", counts="one of the usual names and passwords logs in", twin=logs_in,
    read="cli.py:_serve", tiny="tiny.py:main", wstg="ATHN-02", asvs="6.3.2", cwe=1392,
)  # fmt: skip
def default_account(scene: Scene) -> Outcome:
    """An account that everybody knows is there from the start"""
    tried = [
        ("admin@example.com", "admin"),
        ("admin@example.com", "password"),
        ("admin", "admin"),
        ("root", "root"),
        ("test@example.com", "test"),
    ]
    answers = ((name, scene.log_in(Account(name, password))) for name, password in tried)
    return judge_each((name, answer, scene.succeeded(answer)) for name, answer in answers)


@attack(
    7, has="the login form", gains="any account whose check takes it for true",
    counts="a login with such a password succeeds", read="app/routes.py:read_fields", tiny="tiny.py:Handler.answer",
    wstg="INPV-05", asvs="15.3.5", cwe=1287, exercise="read-fields", twin=logs_in,
)  # fmt: skip
def password_of_another_type(scene: Scene) -> Outcome:
    """A password that is a list, a number, true, null or a query"""
    scene.must_take_json()
    tried: list[object] = [True, None, 0, [], {}, {"$ne": ""}, {"$gt": ""}, [scene.alice.password], "' or '1'='1", ""]
    fields = [{**scene.fields(scene.alice), scene.routes.password: each} for each in tried]
    answers = (
        (repr(each), scene.client().send(scene.log_in_route, sent))
        for each, sent in zip(tried, fields, strict=True)
        if each
    )
    return judge_each((each, answer, scene.succeeded(answer)) for each, answer in answers)


@attack(
    7, has="a gateway that reads JSON otherwise", gains="a login that the gateway took for another",
    counts="a body with the address twice is taken", read="wire.py:read_json", tiny="tiny.py:Handler.answer",
    wstg="INPV-04", asvs="15.3.7", cwe=235, twin=logs_in,
)  # fmt: skip
def field_twice(scene: Scene) -> Outcome:
    """A JSON body that has one field twice is taken"""
    scene.must_take_json()
    text = '{{"{0}": "nobody@attack.example", "{0}": "{2}", "{1}": "{3}"}}'
    (name, email), (word, password) = scene.fields(scene.alice).items()
    answer = scene.client().send(scene.log_in_route, text.format(name, word, email, password).encode())
    return judge(answer, scene.succeeded(answer))


@attack(
    7, has="a gateway that reads UTF-8 alone", gains="a body that the gateway could not read",
    counts="a login in UTF-16 succeeds", read="wire.py:read_json", tiny="tiny.py:Handler.answer", wstg="INPV-12",
    asvs="1.1.1", cwe=173, twin=logs_in,
)  # fmt: skip
def body_in_utf_16(scene: Scene) -> Outcome:
    """The encoding of a JSON body is guessed"""
    scene.must_take_json()
    text = json.dumps(scene.fields(scene.alice))
    answer = scene.client().send(scene.log_in_route, text.encode("utf-16-le"))
    return judge(answer, scene.succeeded(answer))


@attack(
    12, has="a session that was left open for a minute", gains="the account, for good", twin=logs_in,
    counts="the password is changed without the old one", read="app/accounts.py:AccountRoutes.change_password",
    wstg="ATHN-09", asvs="6.2.3", cwe=620, needs=("change_password",),
)  # fmt: skip
def new_password_without_the_old(scene: Scene) -> Outcome:
    """Whoever finds an open session can change the password"""
    victim = scene.account_to_lose()
    client, new, routes = scene.logged_in(victim), "another horse entirely", scene.routes
    tried: list[dict[str, object]] = [
        {routes.new_password: new},
        {routes.new_password: new, routes.current_password: ""},
        {routes.new_password: new, routes.current_password: "a wrong one"},
    ]
    answers = ((str(list(fields)), scene.post(client, routes.change_password, fields)) for fields in tried)
    return judge_each((each, answer, scene.succeeded(answer)) for each, answer in answers)
