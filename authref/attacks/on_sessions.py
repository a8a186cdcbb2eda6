"""Sessions: whose cookie is this, and when does it mean nothing any more?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from authref.attacks.client import Client
from authref.attacks.scene import (
    Account,
    Group,
    NotPlayed,
    Outcome,
    Scene,
    has_a_session,
    judge,
    judge_each,
    logs_in,
    logs_out,
    must,
)

SESSIONS = Group("sessions", has_a_session, ("log_in",))
attack = SESSIONS.attack

HOUR = 3600.0  # seconds
IDS = 64  # logins whose ids are compared
LOGINS = 26  # of one user at once


def with_cookie(scene: Scene, cookie: str) -> Client:
    """A client that sends this and nothing else."""
    client = scene.client()
    name, _, value = cookie.partition("=")
    client.cookies[name] = value
    return client


def login_cookie(scene: Scene) -> list[str]:
    """The attributes of the cookie that a login sets, in small letters."""
    client = scene.client()
    answer = must(scene, scene.log_in(scene.alice, client), "an honest login")
    for line in answer.all("set-cookie"):
        pair, *attributes = line.split(";")
        if pair.strip().startswith(scene.routes.cookie + "="):
            return [each.strip().lower() for each in attributes]
    raise NotPlayed(f"its login sets no cookie named {scene.routes.cookie}")


@attack(
    10, has="a cookie that they put into the victim's browser", gains="the victim's session",
    counts="the planted id is the victim's after the login", read="sessions.py:Sessions.log_in",
    tiny="tiny.py:Sessions.log_in", wstg="SESS-03", asvs="7.2.4", cwe=384, exercise="fixation", twin=logs_in,
)  # fmt: skip
def fixation(scene: Scene) -> Outcome:
    """The id that was there before the login is good after it"""
    name = scene.routes.cookie
    first = scene.client()
    first.send("GET /")
    planted = first.cookies.get(name, "A" * 43)
    victim = with_cookie(scene, f"{name}={planted}")
    must(scene, scene.log_in(scene.alice, victim), "an honest login")
    answer = scene.me(with_cookie(scene, f"{name}={planted}"))
    return judge(answer, scene.succeeded(answer))


@attack(
    9, has="some ids of their own", gains="any session", counts="the ids are short, alike or in an order", slow=True,
    read="sessions.py:Sessions.log_in", tiny="tiny.py:Sessions.log_in", wstg="SESS-01", asvs="7.2.3", cwe=330,
    exercise="guessable-session", twin=logs_in,
)  # fmt: skip
def guessable_id(scene: Scene) -> Outcome:
    """The ids of 64 logins have a pattern"""
    with ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(lambda _: scene.session(scene.alice).cookies[scene.routes.cookie], range(IDS)))
    length = min(map(len, ids))
    varied = sum(len({each[place] for each in ids}) >= 8 for place in range(length))  # hexadecimal digits too
    evidence = f"{len(set(ids))} of {IDS} differ, {varied} of {length} places vary"
    return Outcome(len(set(ids)) < IDS or varied < 22, evidence)


@attack(
    9, has="a part of an id", gains="a session", counts="another spelling of the id is taken",
    read="sessions.py:Sessions.current", tiny="tiny.py:Sessions.read_cookie", wstg="SESS-01", asvs="7.2.1", cwe=287,
    exercise="sessions-authenticate",
)  # fmt: skip
def id_nearly_right(scene: Scene) -> Outcome:
    """An id that is cut, longer, in the other case, or a pattern"""
    name, right = scene.routes.cookie, scene.alice_session.cookies[scene.routes.cookie]
    tried = [right[:-1], right + "A", right.swapcase(), right[:8], "*", "%", "' OR '1'='1", "../" + right, "null", "0"]
    answers = ((each, scene.me(with_cookie(scene, f"{name}={each}"))) for each in tried if each != right)
    return judge_each((each[:8], answer, scene.succeeded(answer)) for each, answer in answers)


@attack(
    13, has="a script that slipped into a page", gains="the cookie", counts="the cookie has no HttpOnly",
    read="cookies.py:set_cookie", tiny="tiny.py:Sessions.log_in", wstg="SESS-02", asvs="3.3.4", cwe=1004,
    exercise="cookie-flags", twin=logs_in,
)  # fmt: skip
def cookie_for_scripts(scene: Scene) -> Outcome:
    """Scripts can read the cookie"""
    attributes = login_cookie(scene)
    return Outcome("httponly" not in attributes, "; ".join(attributes) or "no attributes")


@attack(
    13, has="a page of another site", gains="requests with the victim's cookie", twin=logs_in,
    counts="the cookie has no SameSite, or None", read="cookies.py:set_cookie", tiny="tiny.py:Sessions.log_in",
    wstg="SESS-02", asvs="3.3.2", cwe=1275, exercise="cookie-flags",
)  # fmt: skip
def cookie_for_other_sites(scene: Scene) -> Outcome:
    """Other sites' requests carry the cookie"""
    attributes = login_cookie(scene)
    safe = "samesite=lax" in attributes or "samesite=strict" in attributes
    return Outcome(not safe, "; ".join(attributes) or "no attributes")


@attack(
    13, has="a neighbouring host", gains="the cookie, which browsers send there too",
    counts="the cookie names a Domain", read="cookies.py:set_cookie", tiny="tiny.py:Sessions.log_in", wstg="SESS-02",
    asvs="3.3.3", cwe=1275, twin=logs_in, exercise="cookie-flags",
)  # fmt: skip
def cookie_for_neighbours(scene: Scene) -> Outcome:
    """The cookie goes to every neighbouring host"""
    attributes = login_cookie(scene)
    return Outcome(any(each.startswith("domain=") for each in attributes), "; ".join(attributes) or "no attributes")


@attack(
    8, has="a neighbouring host that plants a second cookie", gains="what the victim types, in the attacker's account",
    counts="either order makes the victim the attacker", read="cookies.py:parse", tiny="tiny.py:Sessions.read_cookie",
    wstg="SESS-02", asvs="3.3.3", cwe=565, exercise="cookies-parse",
)  # fmt: skip
def cookie_twice(scene: Scene) -> Outcome:
    """A second cookie of the same name wins"""
    name = scene.routes.cookie
    mine, planted = (client.cookies[name] for client in (scene.alice_session, scene.eve_session))
    eve = scene.mark(scene.eve_session)
    orders = {"planted last": f"{mine}; {name}={planted}", "planted first": f"{planted}; {name}={mine}"}
    answers = ((order, scene.me(with_cookie(scene, f"{name}={value}"))) for order, value in orders.items())
    return judge_each((order, answer, eve in answer.body) for order, answer in answers)


@attack(
    8, has="a neighbouring host that may not set the guarded name", gains="the victim in the attacker's account",
    counts="a name that begins with an odd blank is taken for the guarded one", read="cookies.py:parse",
    tiny="tiny.py:Sessions.read_cookie", wstg="SESS-02", asvs="1.5.3", cwe=178, exercise="cookie-blank",
)  # fmt: skip
def blank_that_is_none(scene: Scene) -> Outcome:
    """A cookie's name that turns into ours when it is trimmed or decoded"""
    name, planted = scene.routes.cookie, scene.eve_session.cookies[scene.routes.cookie]
    names = {
        "a no-break blank before it": "\xa0" + name,
        "U+2000 before it": "\xe2\x80\x80" + name,
        "NEL behind it": name + "\x85",
        "form feed before it": "\x0c" + name,
        "in capitals": name.upper(),
        "percent-encoded": f"%{ord(name[0]):02x}{name[1:]}",
    }
    answers = ((what, scene.me(with_cookie(scene, f"{odd}={planted}"))) for what, odd in names.items())
    return judge_each((what, answer, scene.succeeded(answer)) for what, answer in answers)


@attack(
    8, has="a neighbouring host that plants a broken cookie", gains="victims who cannot log in",
    counts="the session beside it is not read", read="cookies.py:parse", tiny="tiny.py:Sessions.read_cookie",
    wstg="SESS-02", asvs="1.5.3", cwe=20, exercise="cookies-parse",
)  # fmt: skip
def broken_neighbour(scene: Scene) -> Outcome:
    """A broken cookie spoils those beside it"""
    pair = f"{scene.routes.cookie}={scene.alice_session.cookies[scene.routes.cookie]}"
    tried = ("=nameless", "no equals sign", 'quoted="never ended', "odd=\xff\xfe", "$Version=1", "a[b]=c", ";;;", "x==")
    answers = ((each, scene.me(with_cookie(scene, f"{each}; {pair}"))) for each in tried)
    return judge_each((each, answer, not scene.succeeded(answer)) for each, answer in answers)


@attack(
    12, has="a copy of the cookie", gains="the session, after its owner went home", twin=logs_in,
    counts="the copy works after the logout", read="sessions.py:Sessions.log_out", tiny="tiny.py:Sessions.log_out",
    wstg="SESS-06", asvs="7.4.1", cwe=613, exercise="logout",
)  # fmt: skip
def logout_that_only_clears(scene: Scene) -> Outcome:
    """The cookie is cleared, and the session goes on"""
    victim = scene.session(scene.alice)
    copy = with_cookie(scene, f"{scene.routes.cookie}={victim.cookies[scene.routes.cookie]}")
    scene.log_out(victim)
    answer = scene.me(copy)
    return judge(answer, scene.succeeded(answer))


@attack(
    12, has="a picture on any page", gains="a logout that the visitor did not want", counts="a GET ends the session",
    read="app/__init__.py:App._table", tiny="tiny.py:Handler.answer", wstg="SESS-05", asvs="3.5.3", cwe=352,
    twin=logs_out,
)  # fmt: skip
def logout_by_get(scene: Scene) -> Outcome:
    """A link or a picture logs its visitor out"""
    victim = scene.session(scene.alice)
    path = scene.routes.log_out.partition(" ")[2]
    status = [victim.send(f"{method} {path}").status for method in ("GET", "HEAD")]
    answer = scene.me(victim)
    return judge(answer, not scene.succeeded(answer), f"after a GET and a HEAD of {path} ({status[0]}, {status[1]})")


@attack(
    10, has="a copy of the cookie", gains="a session that no new login ends", twin=logs_in,
    counts="the old id works after a new login with it", read="sessions.py:Sessions.log_in",
    tiny="tiny.py:Sessions.log_in", wstg="SESS-03", asvs="7.2.4", cwe=613, exercise="fixation",
)  # fmt: skip
def old_id_after_a_new_login(scene: Scene) -> Outcome:
    """Logging in again leaves the session before it open"""
    victim = scene.session(scene.alice)
    copy = with_cookie(scene, f"{scene.routes.cookie}={victim.cookies[scene.routes.cookie]}")
    must(scene, scene.log_in(scene.alice, victim), "an honest login")
    answer = scene.me(copy)
    return judge(answer, scene.succeeded(answer))


@attack(
    9, has="a copy of a cookie, and patience", gains="a session among many that nobody looks at", slow=True,
    counts=f"the first of {LOGINS} logins still works", read="sessions.py:Sessions.log_in",
    tiny="tiny.py:Sessions.log_in", wstg="SESS-11", asvs="7.1.2", cwe=770, twin=logs_in,
)  # fmt: skip
def sessions_without_number(scene: Scene) -> Outcome:
    """One user may have any number of sessions"""
    account = scene.new_account()
    first = scene.session(account)
    for _ in range(LOGINS - 1):
        scene.session(account)
    answer = scene.me(first)
    return judge(answer, scene.succeeded(answer), f"after {LOGINS} logins")


def after(scene: Scene, account: Account, change: Callable[[Client], object]) -> Outcome:
    """Whether the account's session, of which somebody has a copy, outlives the change."""
    copy, owner = scene.session(account), scene.session(account)
    must(scene, scene.me(copy), "an honest session")
    change(owner)
    answer = scene.me(copy)
    return judge(answer, scene.succeeded(answer))


@attack(
    12, has="a copy of the cookie", gains="the session, although its owner noticed", twin=logs_in,
    counts="another session outlives the new password", read="users.py:Users.who_proved", wstg="SESS-07", asvs="7.4.3",
    cwe=613, exercise="password-change", needs=("change_password",),
)  # fmt: skip
def session_after_password_change(scene: Scene) -> Outcome:
    """Other sessions go on after a new password"""
    account, routes = scene.account_to_lose(), scene.routes
    fields = {routes.current_password: account.password, routes.new_password: "another horse entirely"}
    return after(
        scene, account, lambda owner: must(scene, scene.post(owner, routes.change_password, fields), "a new password")
    )


@attack(
    11, has="a session on the day when they are thrown out", gains="access after the ban",
    counts="the session outlives the account's end", read="users.py:Users.who_proved", wstg="SESS-07", asvs="7.4.2",
    cwe=613, exercise="sessions-authenticate", twin=logs_in, needs=("change_user",),
)  # fmt: skip
def session_after_disable(scene: Scene) -> Outcome:
    """A disabled account's session goes on"""
    account, admin = scene.account_to_lose(), scene.admin

    def disable(owner: Client) -> None:
        route = scene.with_id(scene.routes.change_user, scene.id_of(owner))
        must(scene, scene.post(admin, route, json.loads(scene.routes.disable)), "the admin's change")

    return after(scene, account, disable)


@attack(
    11, has="a copy of the cookie", gains="an account that is no more", counts="the session outlives the account",
    read="users.py:Users.who_proved", wstg="SESS-07", asvs="7.4.2", cwe=613, twin=logs_in,
    needs=("delete_user",), exercise="sessions-authenticate",
)  # fmt: skip
def session_after_delete(scene: Scene) -> Outcome:
    """A deleted account's session goes on"""
    return after(scene, scene.account_to_lose(), scene.delete)


@attack(
    10, has="a browser that was left open", gains="the session that was left there", twin=logs_in,
    counts="a session that was not used for eight hours works", read="sessions.py:IDLE_LIFETIME",
    tiny="tiny.py:Sessions.authenticate", wstg="SESS-07", asvs="7.3.1", cwe=613, exercise="sessions-authenticate",
)  # fmt: skip
def session_left_alone(scene: Scene) -> Outcome:
    """A session that nobody uses never ends"""
    victim = scene.session(scene.new_account())
    must(scene, scene.me(victim), "an honest session")
    with scene.later() as put:
        put(8 * HOUR)
        answer = scene.me(victim)
    return judge(answer, scene.succeeded(answer), "after eight hours")


@attack(
    10, has="a copy of the cookie", gains="the session, for as long as they use it", twin=logs_in,
    counts="a session that is used every quarter of an hour works after two days", wstg="SESS-07",
    read="sessions.py:ABSOLUTE_LIFETIME", tiny="tiny.py:Sessions.authenticate", asvs="7.3.2", cwe=613,
    exercise="sessions-authenticate",
)  # fmt: skip
def session_kept_alive(scene: Scene) -> Outcome:
    """A session that is used never ends"""
    thief = scene.session(scene.new_account())
    with scene.later() as put:
        for _ in range(48 * 4):
            put(HOUR / 4)
            answer = scene.me(thief)
            if not scene.succeeded(answer):
                break
    return judge(answer, scene.succeeded(answer), "for two days")


@attack(
    13, has="a place in the network between browser and site", gains="the cookie, the first time it goes over http",
    counts="a site that browsers reach by https sets a cookie without Secure, or that a neighbour could set",
    read="cookies.py:set_cookie", wstg="SESS-02", asvs="3.3.1", cwe=614, exercise="cookie-flags", twin=logs_in,
    slow=True,
)  # fmt: skip
def cookie_over_http(scene: Scene) -> Outcome:
    """The cookie of an https site goes over http, too"""
    if scene.target.another is None:
        raise NotPlayed("nobody told it that browsers reach it by https")
    with scene.target.another(("--public-url", "https://login.example")) as same:
        answer = Scene(same).client().send(
            same.routes.log_in, Scene(same).fields(Scene(same).admin_account), {"Origin": "https://login.example"}
        )
    lines = [line for line in answer.all("set-cookie") if scene.routes.cookie in line.partition("=")[0]]
    if not lines:
        raise NotPlayed(f"a login was answered {answer.status}, with no cookie")
    name, flags = lines[0].partition("=")[0], [each.strip().lower() for each in lines[0].split(";")]
    return Outcome("secure" not in flags or not name.startswith("__Host-"), f"{name}: {'; '.join(flags[1:])}")


@attack(
    9, has="a log, a browser history or a Referer", gains="the session", counts="an id in the URL is taken",
    read="app/__init__.py:App._answer", tiny="tiny.py:Sessions.read_cookie", wstg="SESS-04", asvs="14.2.1", cwe=598,
)  # fmt: skip
def id_in_the_address(scene: Scene) -> Outcome:
    """The session's id may stand in the URL"""
    name, value = scene.routes.cookie, scene.alice_session.cookies[scene.routes.cookie]
    tried = [f"?{name}={value}", f";{name}={value}", f"?PHPSESSID={value}", f"?sid={value}"]
    answers = ((each.partition("=")[0], scene.client().send(scene.routes.me + each)) for each in tried)
    return judge_each((each, answer, scene.succeeded(answer)) for each, answer in answers)


@attack(
    13, has="the same computer, or a cache on the way", gains="what the answer said",
    counts="a private answer may be kept", read="guards.py:SECURITY_HEADERS", tiny="tiny.py:Handler.do_GET",
    wstg="ATHN-06", asvs="14.3.2", cwe=525,
)  # fmt: skip
def private_answer_kept(scene: Scene) -> Outcome:
    """Caches may keep what depends on who asked"""
    answer = scene.me(scene.alice_session)
    said = answer.header("cache-control")
    return judge(answer, not re.search("no-store|private", said), f"cache-control: {said or 'none'}")


@attack(
    12, has="a look at the victim's list of logins", gains="one of these sessions", twin=logs_in,
    counts="a listed id opens a session", read="sessions.py:_key", wstg="SESS-04", asvs="7.5.2", cwe=200,
    needs=("sessions",),
)  # fmt: skip
def listed_id(scene: Scene) -> Outcome:
    """The list of logins shows the ids that the cookies hold"""
    client = scene.session(scene.new_account())
    listing = must(scene, client.send(scene.routes.sessions), "an honest list of logins")
    ids = re.findall(r'"id": ?"([^"]+)"', listing.body.decode())
    answers = ((each, scene.me(with_cookie(scene, f"{scene.routes.cookie}={each}"))) for each in ids)
    return judge_each((each[:6], answer, scene.succeeded(answer)) for each, answer in answers)
