"""Refresh tokens: what does a copy of one give, and for how long?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from authref.attacks.client import Answer
from authref.attacks.on_tokens import end_account
from authref.attacks.scene import Group, NotPlayed, Outcome, Scene, judge, judge_each, must, refreshes
from authref.refresh import RETRY_WINDOW

REFRESH = Group("refresh", refreshes, ("refresh",))
attack = REFRESH.attack


def next_of(scene: Scene, token: str) -> str:
    """The refresh token that comes for this one."""
    answer = must(scene, scene.use_refresh(token), "an honest refresh")
    return str(answer.json.get(scene.routes.refresh_token, ""))


def late_reuse(scene: Scene) -> tuple[Answer, Answer]:
    """What a token gets that was used more than a minute ago, and what the living one of its login gets then."""

    def play() -> tuple[Answer, Answer]:
        first = scene.refreshable()
        second = next_of(scene, first)
        if second in ("", first):
            raise NotPlayed("a refresh gives no new refresh token (see refresh-without-rotation)")
        scene.let_pass(RETRY_WINDOW + 1)
        third = next_of(scene, second)
        return scene.use_refresh(first), scene.use_refresh(third)

    return scene.once("late reuse", play)


@attack(
    18, has="a copy of a refresh token", gains="access for a month, unseen",
    counts="the same refresh token comes back, or none", read="refresh.py:_spend", wstg="SESS-10", asvs="10.4.5",
    cwe=613, exercise="refresh-rotation",
)  # fmt: skip
def refresh_without_rotation(scene: Scene) -> Outcome:
    """A refresh gives no new refresh token"""
    token = scene.refreshable()
    scene.let_pass(1.1)  # some servers take a use within a second for a retry
    answer = must(scene, scene.use_refresh(token), "an honest refresh")
    new = answer.json.get(scene.routes.refresh_token)
    return judge(
        answer, new in (None, token), "none comes" if new is None else "a new one" if new != token else "the same"
    )


@attack(
    18, has="a copy of a refresh token, at the moment of its use", gains="access beside the owner",
    counts="a second use within seconds succeeds", read="refresh.py:_follow", wstg="SESS-10", asvs="10.4.5", cwe=294,
    exercise="after-use",
)  # fmt: skip
def refresh_reuse_at_once(scene: Scene) -> Outcome:
    """A refresh token is used a second time within seconds"""
    token = scene.refreshable()
    next_of(scene, token)
    answer = scene.use_refresh(token)
    return judge(answer, scene.succeeded(answer))


@attack(
    18, has="a copy of a refresh token", gains="access after its owner used it", slow=True,
    counts="a token that was used over a minute ago succeeds", read="refresh.py:_after_use", wstg="SESS-10",
    asvs="10.4.5", cwe=294, exercise="refresh-rotation",
)  # fmt: skip
def refresh_reuse_later(scene: Scene) -> Outcome:
    """A refresh token is used again a minute later"""
    old, _ = late_reuse(scene)
    return judge(old, scene.succeeded(old))


@attack(
    18, has="a copy that they used first", gains="further access, although the copy was noticed", slow=True,
    counts="the login's newest token still works", read="tokens.py:Tokens.refresh", wstg="SESS-10", asvs="10.4.5",
    cwe=613, exercise="refresh-rotation",
)  # fmt: skip
def refresh_after_theft(scene: Scene) -> Outcome:
    """A stolen refresh token was noticed, and its login goes on"""
    _, living = late_reuse(scene)
    return judge(living, scene.succeeded(living))


@attack(
    18, has="a refresh token, and many connections", gains="many logins from one", slow=True,
    counts="a dozen uses at once give more than one living token", read="refresh.py:use", wstg="BUSL-04", asvs="15.4.2",
    cwe=362, exercise="refresh-rotation",
)  # fmt: skip
def refresh_at_once(scene: Scene) -> Outcome:
    """A dozen uses of one refresh token at the same time"""
    token = scene.refreshable()
    scene.let_pass(1.1)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: scene.use_refresh(token), range(12)))
    given = {str(answer.json.get(scene.routes.refresh_token)) for answer in answers if scene.succeeded(answer)}
    if not given:
        raise NotPlayed("none of the uses succeeded")
    return Outcome(len(given) > 1, f"12 uses, {sum(map(scene.succeeded, answers))} answered, {len(given)} new token(s)")


@attack(
    18, has="an access token, which every service sees", gains="access for a month instead of minutes",
    read="refresh.py:family_of", counts="a refresh with it succeeds", wstg="SESS-10", asvs="9.2.2", cwe=843,
)  # fmt: skip
def access_token_refreshes(scene: Scene) -> Outcome:
    """An access token is taken for a refresh token"""
    answer = scene.use_refresh(scene.alice_token)
    return judge(answer, scene.succeeded(answer))


@attack(
    18, has="a refresh token", gains="access for a month at once", counts="a route takes it", read="jwt.py:_split",
    wstg="SESS-10", asvs="9.2.2", cwe=843, exercise="jwt-split",
)  # fmt: skip
def refresh_token_opens(scene: Scene) -> Outcome:
    """A refresh token is taken for an access token"""
    answer = scene.token_me(scene.refreshable())
    return judge(answer, scene.succeeded(answer))


@attack(
    18, has="a login of their own, and a part of the victim's token", gains="the victim's login",
    counts="a token made of two is taken", read="refresh.py:_after_use", wstg="SESS-10", asvs="10.4.5", cwe=287,
    exercise="after-use",
)  # fmt: skip
def refresh_token_of_two(scene: Scene) -> Outcome:
    """The beginning of one token with the end of another"""
    mine, theirs = scene.refreshable(), scene.refreshable()
    head, dot, _ = theirs.rpartition(".")
    tried = {
        "another's end": head + dot + mine.rpartition(".")[2],
        "cut": theirs[:-1],
        "longer": theirs + "A",
        "in other letters": theirs.swapcase(),
        "its first part": head or theirs[:10],
        "nothing": "",
        "*": "*",
    }
    answers = ((what, scene.use_refresh(token)) for what, token in tried.items())
    return judge_each((what, answer, scene.succeeded(answer)) for what, answer in answers)


def refresh_after(scene: Scene, change: str) -> Outcome:
    """Whether a refresh token outlives what its owner or an admin does."""
    account, routes = scene.new_account() if change == "logout" else scene.account_to_lose(), scene.routes
    token = scene.refreshable(account)
    if change == "logout":
        must(scene, scene.post(scene.client(), routes.token_log_out, {routes.refresh_token: token}), "an honest logout")
    elif change == "password":
        fields = {routes.current_password: account.password, routes.new_password: "another horse entirely"}
        must(scene, scene.post(scene.logged_in(account), routes.change_password, fields), "a new password")
    else:
        end_account(scene, scene.logged_in(account), change)
    answer = scene.use_refresh(token)
    return judge(answer, scene.succeeded(answer))


@attack(
    18, has="a copy of the refresh token", gains="a month of access", counts="it can be used after the logout",
    read="tokens.py:Tokens.log_out", wstg="SESS-06", asvs="7.4.1", cwe=613, exercise="access-ends",
)  # fmt: skip
def refresh_after_logout(scene: Scene) -> Outcome:
    """The refresh token works after the logout"""
    return refresh_after(scene, "logout")


@attack(
    18, has="a copy of the refresh token", gains="a month of access, although its owner noticed",
    counts="it can be used after the new password", read="users.py:Users.who_proved", wstg="SESS-07", asvs="7.4.3",
    cwe=613, exercise="password-change",
    needs=("change_password",),
)  # fmt: skip
def refresh_after_password_change(scene: Scene) -> Outcome:
    """The refresh token works after a new password"""
    return refresh_after(scene, "password")


@attack(
    18, has="a refresh token on the day when they are thrown out", gains="a month of access",
    read="users.py:Users.who_proved", counts="it can be used after the account is disabled", wstg="SESS-07",
    asvs="7.4.2", cwe=613, needs=("change_user",), exercise="access-ends",
)  # fmt: skip
def refresh_after_disable(scene: Scene) -> Outcome:
    """A disabled account's refresh token works"""
    return refresh_after(scene, "disable")


@attack(
    18, has="a copy of the refresh token", gains="an account that is no more", read="users.py:Users.who_proved",
    counts="it can be used after the account is gone", wstg="SESS-07", asvs="7.4.2", cwe=613,
    needs=("delete_user",), exercise="access-ends",
)  # fmt: skip
def refresh_after_delete(scene: Scene) -> Outcome:
    """A deleted account's refresh token works"""
    return refresh_after(scene, "delete")
