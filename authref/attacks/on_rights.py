"""Rights: what may somebody do who is logged in, and who is not?"""

from __future__ import annotations

import json
import re
from contextlib import suppress

from authref.attacks.client import Client
from authref.attacks.scene import (
    Account,
    Group,
    NotPlayed,
    Outcome,
    Scene,
    administers,
    another_id,
    has_a_session,
    judge,
    judge_each,
    must,
    plain,
)

RIGHTS = Group("rights", administers)
attack = RIGHTS.attack


def routes_that_ask(scene: Scene) -> list[str]:
    """The routes that only somebody who is logged in may use."""
    routes = scene.routes
    named = [
        routes.me,
        routes.token_me,
        routes.sessions,
        routes.end_session,
        routes.change_password,
        routes.users,
        routes.user,
        routes.change_user,
        routes.delete_user,
    ]
    return [route.replace("{id}", "x") for route in named if route]


def promote(scene: Scene, role: str, client: Client) -> None:
    """Let the admin give the client's user this role. Raises NotPlayed."""
    route = scene.with_id(scene.routes.change_user, scene.id_of(client))
    must(scene, scene.post(scene.admin, route, {"role": role}), "the admin's change")


@attack(
    11, has="nothing", gains="what these routes protect", counts="a route answers without credentials",
    read="app/routes.py:Routes.permitted", tiny="tiny.py:Handler.answer", wstg="ATHN-04", asvs="8.2.1", cwe=306,
    exercise="me", twin=has_a_session,
)  # fmt: skip
def no_credentials(scene: Scene) -> Outcome:
    """Protected routes without any credentials"""
    answers = ((route, scene.client().send(route, {} if route[0] == "P" else None)) for route in routes_that_ask(scene))
    return judge_each((route, answer, scene.succeeded(answer)) for route, answer in answers)


@attack(
    11, has="a guess of what a proxy adds", gains="any account", counts="a header that anybody can write is believed",
    read="app/routes.py:Routes.mechanism", tiny="tiny.py:Handler.answer", wstg="ATHN-04", asvs="4.1.3", cwe=290,
    exercise="who-are-you", twin=has_a_session,
)  # fmt: skip
def identity_in_a_header(scene: Scene) -> Outcome:
    """A header says who is calling: X-User, X-Forwarded-User, Basic"""
    user = scene.mark(scene.alice_session).decode()
    headers = (
        {"X-User": user},
        {"X-User-Id": user},
        {"X-Forwarded-User": scene.alice.email},
        {"Remote-User": user},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Role": "admin"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Cookie": f"user={user}; role=admin; {scene.routes.cookie}={user}"},
    )
    answers = ((next(iter(each)), scene.client().send(scene.me_route, headers=each)) for each in headers)
    return judge_each((name, answer, scene.succeeded(answer)) for name, answer in answers)


@attack(
    19, has="an account", gains="everybody's addresses", counts="a user sees what admins see", read="roles.py:permits",
    tiny="tiny.py:Handler.answer", wstg="ATHZ-02", asvs="8.2.1", cwe=285, exercise="permits",
)  # fmt: skip
def user_as_admin(scene: Scene) -> Outcome:
    """A user asks for what only admins may see"""
    answers = {"by login": scene.eve_session.send(scene.routes.users)}
    with suppress(NotPlayed):
        bearer = {"Authorization": f"Bearer {scene.alice_token}"}
        answers["by token"] = scene.client().send(scene.routes.users, headers=bearer)
    return judge_each((how, answer, scene.succeeded(answer)) for how, answer in answers.items())


@attack(
    19, has="an account", gains="everybody's addresses", counts="another spelling of the path is open",
    read="app/__init__.py:App._look_up", tiny="tiny.py:Handler.answer", wstg="ATHZ-02", asvs="8.3.1", cwe=178,
)  # fmt: skip
def another_spelling_of_the_path(scene: Scene) -> Outcome:
    """The admins' path in another spelling"""
    path = scene.routes.users.partition(" ")[2]
    refused = scene.eve_session.send(scene.routes.users)
    if scene.succeeded(refused):
        raise NotPlayed("the path itself is open to a user (see user-as-admin)")
    others = (
        path + "/",
        "/" + path,
        path.upper(),
        path + ";x",
        path + "/.",
        f"/.{path}",
        f"/%{ord(path[1]):02x}{path[2:]}",
        path + "%2f",
        path + "%00",
        path + "?",
        "/x/.." + path,
        path + "%20",
        path + ".json",
    )
    answers = [(each, scene.eve_session.send(f"GET {each}")) for each in others]
    seen = next((each for each, answer in answers if scene.succeeded(answer)), "")
    return judge(refused, bool(seen), seen or f"{len(others)} spellings open nothing")


@attack(
    19, has="an account", gains="a request that was checked as another one",
    counts="a header changes the method or the path", read="app/__init__.py:App._answer", tiny="tiny.py:Handler.answer",
    wstg="CONF-06", asvs="4.1.3", cwe=436, twin=has_a_session, needs=("users",),
)  # fmt: skip
def method_in_a_header(scene: Scene) -> Outcome:
    """A header names another method or path"""
    path = scene.routes.users.partition(" ")[2]
    client = scene.eve_session
    honest, again = must(scene, scene.me(client), "an honest session"), scene.me(client)
    if honest.body != again.body:
        raise NotPlayed("its answer changes by itself")
    for name, value in (("X-Original-URL", path), ("X-Rewrite-URL", path), ("X-HTTP-Method-Override", "DELETE")):
        answer = client.send(scene.me_route, headers={name: value})
        if (answer.status, answer.body) != (honest.status, honest.body):
            return judge(answer, answer.status != 400, f"{name} changes the answer")
    return judge(honest, False, "3 such headers change nothing")


@attack(
    19, has="an account, and another's id", gains="what it says", counts="a user reads another's account",
    read="roles.py:permits", wstg="ATHZ-04", asvs="8.2.2", cwe=639, exercise="others-account", needs=("user",),
    twin=has_a_session,
)  # fmt: skip
def id_in_the_path(scene: Scene) -> Outcome:
    """Somebody else's id in the path: read the account"""
    honest = scene.eve_session.send(scene.with_id(scene.routes.user, scene.id_of(scene.eve_session)))
    if honest.status == 403 and scene.target.admin:  # it is for admins alone
        honest = scene.admin.send(scene.with_id(scene.routes.user, scene.id_of(scene.eve_session)))
    must(scene, honest, "looking at one account")
    answer = scene.eve_session.send(scene.with_id(scene.routes.user, scene.id_of(scene.alice_session)))
    return judge(answer, scene.succeeded(answer))


@attack(
    19, has="an account, and another's id", gains="the end of that account", counts="a user deletes another's account",
    read="roles.py:permits", wstg="ATHZ-04", asvs="8.2.2", cwe=639, exercise="others-account", needs=("delete_user",),
    twin=has_a_session,
)  # fmt: skip
def delete_somebody_else(scene: Scene) -> Outcome:
    """Somebody else's id in the path: delete the account"""
    victim = scene.account_to_lose()
    user_id = scene.id_of(scene.logged_in(victim))
    answer = scene.eve_session.send(scene.with_id(scene.routes.delete_user, user_id))
    outcome = judge(answer, scene.succeeded(answer))
    must(scene, scene.me(scene.eve_session), "an honest login")
    return outcome


@attack(
    19, has="an account", gains="an admin's rights", counts="a user makes themselves an admin",
    read="app/users.py:UserRoutes.change", wstg="ATHZ-03", asvs="8.2.3", cwe=269, exercise="permits",
    needs=("change_user",), twin=has_a_session,
)  # fmt: skip
def promote_oneself(scene: Scene) -> Outcome:
    """A user makes themselves an admin"""
    eve = scene.logged_in(scene.account_to_lose())
    route = scene.with_id(scene.routes.change_user, scene.id_of(eve))
    answers = (
        (str(fields), scene.post(eve, route, fields))
        for fields in (json.loads(scene.routes.promote), {"disabled": False, **json.loads(scene.routes.promote)})
    )
    return judge_each((each, answer, scene.succeeded(answer)) for each, answer in answers)


@attack(
    19, has="an admin's form", gains="an id or a role of their choice", counts="such a field is changed",
    read="app/routes.py:read_fields", wstg="INPV-20", asvs="15.3.3", cwe=915, exercise="read-fields",
    needs=("change_user",), twin=has_a_session,
)  # fmt: skip
def field_at_a_change(scene: Scene) -> Outcome:
    """A change sets fields that nobody offers: the id, the date, an unknown role"""
    client = scene.logged_in(scene.account_to_lose())
    route = scene.with_id(scene.routes.change_user, scene.id_of(client))
    before = scene.me(client).body
    tried = {"id": "eve-s-own-id", "created_at": 1, "role": "root"}
    answers = ((name, scene.post(scene.admin, route, {name: value})) for name, value in tried.items())
    return judge_each(
        (name, answer, scene.succeeded(answer) and _says(answer.body, name) != _says(before, name))
        for name, answer in answers
    )


def _says(body: bytes, name: str) -> list[bytes]:
    """What an answer says under this name, but for the roles that there are."""
    return re.findall(rb'"%s": ?("?[^,}]*)' % name.encode(), body.replace(b'"admin"', b'"user"'))


@attack(
    19, has="an account", gains="a list of the accounts that exist",
    counts="a missing account and somebody else's are refused differently", read="app/users.py:UserRoutes.show",
    wstg="IDNT-04", asvs="8.2.2", cwe=204, needs=("user",), twin=has_a_session, exercise="others-account",
)  # fmt: skip
def refusal_that_tells(scene: Scene) -> Outcome:
    """A refusal tells which accounts exist"""
    alice = scene.id_of(scene.alice_session)
    theirs, nobody = scene.eve_session.send(scene.with_id(scene.routes.user, alice)), another_id(alice)
    nobodys = scene.eve_session.send(scene.with_id(scene.routes.user, nobody))
    same = (theirs.status, plain(theirs, alice)) == (nobodys.status, plain(nobodys, nobody))
    return judge(theirs, not same, f"one that is not there: {nobodys.status}")


@attack(
    19, has="an old token that says admin", gains="an admin's rights, after the demotion",
    counts="yesterday's admin sees what admins see", read="app/routes.py:Routes.permitted", wstg="ATHZ-03",
    asvs="8.3.2", cwe=613, exercise="role-from-token",
    needs=("change_user",),
)  # fmt: skip
def yesterdays_admin(scene: Scene) -> Outcome:
    """A token that says admin, after the demotion"""
    account = scene.account_to_lose()
    client = scene.logged_in(account)
    promote(scene, "admin", client)
    bearer = {"Authorization": f"Bearer {scene.tokens(account)[0]}"}
    must(scene, scene.client().send(scene.routes.users, headers=bearer), "an honest admin's token")
    promote(scene, "user", client)
    answers = {
        "token": scene.client().send(scene.routes.users, headers=bearer),
        "session": client.send(scene.routes.users),
    }
    return judge_each((how, answer, scene.succeeded(answer)) for how, answer in answers.items())


@attack(
    19, has="an admin's account, or a slip", gains="a service that nobody can administer", counts="the last admin goes",
    read="admins.py:Admins.change", wstg="BUSL-02", asvs="2.3.1", cwe=283, needs=("change_user",), twin=has_a_session,
)  # fmt: skip
def last_admin(scene: Scene) -> Outcome:
    """The last admin demotes, disables or deletes themselves"""
    if not scene.target.ours:
        raise NotPlayed("the admin that was given might really go")
    user_id, routes = scene.id_of(scene.admin), scene.routes
    change = scene.with_id(routes.change_user, user_id)
    answers = {
        "demote": scene.post(scene.admin, change, {"role": "user"}),
        "disable": scene.post(scene.admin, change, {"disabled": True}),
        "delete": scene.admin.send(scene.with_id(routes.delete_user, user_id)),
    }
    return judge_each((what, answer, scene.succeeded(answer)) for what, answer in answers.items())


@attack(
    12, has="an account, and the id of another's login", gains="the end of the other's login",
    counts="a user ends another's login", read="sessions.py:Sessions.end", wstg="ATHZ-04", asvs="8.2.2", cwe=639,
    twin=has_a_session, needs=("end_session",),
)  # fmt: skip
def end_anothers_session(scene: Scene) -> Outcome:
    """Ending somebody else's login by its id"""
    victim = scene.logged_in(scene.new_account())
    listing = must(scene, victim.send(scene.routes.sessions), "an honest list of logins").json.get("sessions")
    if not isinstance(listing, list) or not listing:
        raise NotPlayed("its list of logins has another form")
    scene.eve_session.send(scene.with_id(scene.routes.end_session, str(listing[0]["id"])))
    answer = scene.me(victim)
    return judge(answer, not scene.succeeded(answer), "the victim, after it was tried")


@attack(
    6, has="an old session or token of a deleted account", gains="the account of whoever has the address now",
    counts="the old session or token opens the new account", read="users.py:Users.sign_up", wstg="IDNT-03",
    asvs="10.3.3", cwe=613, twin=has_a_session, needs=("delete_user",),
)  # fmt: skip
def address_used_again(scene: Scene) -> Outcome:
    """What is left of a deleted account opens a new one with the same address"""
    account = scene.account_to_lose()
    client, (token, refresh) = scene.logged_in(account), scene.tokens(account)
    scene.delete(client)
    new = Account(account.email, "another horse entirely")
    must(scene, scene.sign_up(new), "a sign-up")
    user_id = scene.id_of(scene.logged_in(new)).encode()
    answers = {"cookie": scene.me(client), "token": scene.token_me(token), "refresh": scene.use_refresh(refresh)}
    return judge_each((what, answer, user_id in answer.body) for what, answer in answers.items())
