"""Browsers: what can a page of another site do in its visitor's name, and what can it see?"""

from __future__ import annotations

from collections.abc import Mapping

from authref.attacks.scene import Group, Outcome, Scene, has_a_session, judge, judge_each, logs_in, logs_out, must

BROWSERS = Group("browsers", has_a_session)
attack = BROWSERS.attack

EVIL = "http://evil.example"


def from_elsewhere(scene: Scene, tried: Mapping[str, Mapping[str, str]]) -> Outcome:
    """What comes of logins that a browser sends with these headers: each names another site.

    Without asking first, a page can send forms and text, and no `application/json`.
    """
    plain = {} if scene.is_form(scene.routes.log_in) else {"Content-Type": "text/plain"}
    fields = scene.fields(scene.alice)
    answers = (
        (what, scene.post(scene.client(), scene.routes.log_in, fields, {**plain, **headers}, elsewhere=True))
        for what, headers in tried.items()
    )
    return judge_each((what, answer, scene.succeeded(answer)) for what, answer in answers)


@attack(
    13, has="a page that the victim visits", gains="a login that they chose, or a change in the victim's name",
    counts="a request that names another origin is obeyed", read="guards.py:is_cross_site",
    tiny="tiny.py:Handler.answer", wstg="SESS-05", asvs="3.5.1", cwe=352, exercise="cross-site", twin=logs_in,
    needs=("log_in",),
)  # fmt: skip
def form_of_another_site(scene: Scene) -> Outcome:
    """Another site sends a request, and `Origin` says so"""
    return from_elsewhere(
        scene,
        {
            "a foreign origin": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
            "the origin alone": {"Origin": EVIL},
            "an origin that lies": {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
        },
    )


@attack(
    13, has="a page in a sandboxed frame", gains="a login that they chose, or a change in the victim's name",
    counts="a request of a hidden origin is obeyed", read="guards.py:is_cross_site", tiny="tiny.py:Handler.answer",
    wstg="SESS-05", asvs="3.5.1", cwe=346, exercise="cross-site", twin=logs_in, needs=("log_in",),
)  # fmt: skip
def origin_null(scene: Scene) -> Outcome:
    """A page that hides its origin sends a request: `Origin: null`"""
    return from_elsewhere(
        scene, {"null": {"Origin": "null"}, "null, cross-site": {"Origin": "null", "Sec-Fetch-Site": "cross-site"}}
    )


@attack(
    13, has="a host whose name looks like ours", gains="a login that they chose, or a change in the victim's name",
    counts="a request of such an origin is obeyed", read="guards.py:is_cross_site", tiny="tiny.py:Handler.answer",
    wstg="SESS-05", asvs="3.5.1", cwe=346, exercise="cross-site", twin=logs_in, needs=("log_in",),
)  # fmt: skip
def origin_that_looks_alike(scene: Scene) -> Outcome:
    """An origin that begins or ends like ours, or has another port"""
    ours = f"http://{scene.target.address.named}"
    host, port = scene.target.address.host, scene.target.address.port
    tried = {
        "a longer name": f"{ours}.evil.example",
        "a longer port": f"{ours}0",
        "another port": f"http://{host}:1",
        "before an at": f"{ours}@evil.example",
        "a name before": f"http://x{host}:{port}",
    }
    return from_elsewhere(scene, {what: {"Origin": origin} for what, origin in tried.items()})


@attack(
    13, has="a page on a neighbouring host", gains="a login or a change, for SameSite lets neighbours pass",
    counts="a request that is not of the same origin is obeyed", read="guards.py:is_cross_site",
    tiny="tiny.py:Handler.answer", wstg="SESS-05", asvs="3.5.1", cwe=352, exercise="cross-site", twin=logs_in,
    needs=("log_in",),
)  # fmt: skip
def fetch_site_says_so(scene: Scene) -> Outcome:
    """The browser says that another site sends the request: `Sec-Fetch-Site`"""
    return from_elsewhere(scene, {each: {"Sec-Fetch-Site": each, "Origin": ""} for each in ("cross-site", "same-site")})


@attack(
    12, has="a page on a neighbouring host", gains="a logout that the visitor did not want",
    counts="the session is ended", read="guards.py:is_cross_site", tiny="tiny.py:Handler.answer", wstg="SESS-05",
    asvs="3.5.1", cwe=352, twin=logs_out, needs=("log_in",), exercise="attack-headers",
)  # fmt: skip
def logout_of_another_site(scene: Scene) -> Outcome:
    """A page of another site logs its visitor out"""
    victim = scene.session(scene.alice)
    tried = victim.send(scene.routes.log_out, headers={"Origin": EVIL, "Sec-Fetch-Site": "same-site"})
    answer = scene.me(victim)
    return judge(answer, not scene.succeeded(answer), f"after a foreign logout ({tried.status})")


@attack(
    13, has="a form on any page", gains="requests without a preflight", counts="JSON is taken under another type",
    read="wire.py:Request.json", tiny="tiny.py:Handler.answer", wstg="SESS-05", asvs="3.5.2", cwe=352,
    exercise="read-fields", twin=logs_in, needs=("log_in",),
)  # fmt: skip
def json_by_a_form(scene: Scene) -> Outcome:
    """A form sends JSON as `text/plain`, which needs no preflight"""
    scene.must_take_json()
    fields = scene.fields(scene.alice)
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "")
    answers = (
        (kind, scene.client().send(scene.routes.log_in, fields, {"Content-Type": kind, "Origin": ""})) for kind in kinds
    )
    return judge_each((kind or "no type", answer, scene.succeeded(answer)) for kind, answer in answers)


@attack(
    20, has="a page that the victim visits", gains="what the victim's answers say",
    counts="the answer allows the foreign origin", read="guards.py:cors_headers", tiny="tiny.py:Handler.do_GET",
    wstg="CLNT-07", asvs="3.4.2", cwe=942, exercise="reflected-origin",
)  # fmt: skip
def reflected_origin(scene: Scene) -> Outcome:
    """Pages of every origin may read answers"""
    ours = f"http://{scene.target.address.named}"
    for origin in (EVIL, "null", f"{ours}.evil.example", f"https://x{scene.target.address.named}"):
        answer = scene.me(scene.alice_session, {"Origin": origin})
        if answer.header("access-control-allow-origin") in (origin, "*"):
            return judge(answer, True, f"allows {origin}")
    return judge(answer, False, "4 foreign origins, none allowed")


@attack(
    20, has="a page that the victim visits", gains="requests that only scripts can send",
    counts="a preflight is answered yes", read="guards.py:preflight", tiny="tiny.py:Handler.answer", wstg="CLNT-07",
    asvs="3.5.2", cwe=942, exercise="reflected-origin",
)  # fmt: skip
def preflight(scene: Scene) -> Outcome:
    """A preflight of every origin gets a yes"""
    path = scene.log_in_route.partition(" ")[2]
    asks = {
        "Origin": EVIL,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = scene.client().send(f"OPTIONS {path}", headers=asks)
    allowed = answer.header("access-control-allow-origin")
    return judge(answer, allowed in (EVIL, "*"), f"allows {allowed or 'nobody'}")


def header_of(scene: Scene, name: str, *words: str) -> Outcome:
    """Whether an answer to somebody who is logged in lacks a header that says one of these."""
    answer = must(scene, scene.me(scene.alice_session), "an honest session")
    said = answer.header(name).lower()
    return judge(answer, not any(word in said for word in words), f"{name}: {said or 'none'}"[:60])


@attack(
    13, has="a page with an invisible frame", gains="the victim's click", counts="the answer may be framed by anybody",
    read="guards.py:SECURITY_HEADERS", tiny="tiny.py:Handler.do_GET", wstg="CLNT-09", asvs="3.4.6", cwe=1021,
)  # fmt: skip
def frame(scene: Scene) -> Outcome:
    """Any site may show an answer in a frame"""
    answer = must(scene, scene.me(scene.alice_session), "an honest session")
    policy, old = answer.header("content-security-policy"), answer.header("x-frame-options")
    safe = "frame-ancestors" in policy or old.lower() in ("deny", "sameorigin")
    return judge(
        answer, not safe, "frame-ancestors" if "frame-ancestors" in policy else f"x-frame-options: {old or 'none'}"
    )


@attack(
    13, has="a way to put text into an answer", gains="a script on our origin, where an answer lacks its type",
    counts="the answer has no `X-Content-Type-Options: nosniff`", read="guards.py:SECURITY_HEADERS",
    tiny="tiny.py:Handler.do_GET", wstg="CONF-14", asvs="3.4.4", cwe=430,
)  # fmt: skip
def guessed_type(scene: Scene) -> Outcome:
    """Nothing stops a browser from guessing the type of an answer"""
    return header_of(scene, "x-content-type-options", "nosniff")


@attack(
    13, has="a page that the victim visits", gains="knowledge of whether the victim is logged in, and as whom",
    counts="the answer has no `Cross-Origin-Resource-Policy` of our own", read="guards.py:SECURITY_HEADERS",
    tiny="tiny.py:Handler.do_GET", wstg="CLNT-13", asvs="3.5.8", cwe=346,
)  # fmt: skip
def embedded_answer(scene: Scene) -> Outcome:
    """Any site may embed an answer as an image or a script"""
    return header_of(scene, "cross-origin-resource-policy", "same-origin", "same-site")


@attack(
    13, has="a name of their own that resolves to our address", gains="our answers, in the victim's browser",
    counts="a request for another name is answered", read="guards.py:is_ours", tiny="tiny.py:Handler.answer",
    wstg="INPV-17", asvs="4.1.3", cwe=350,
)  # fmt: skip
def rebinding(scene: Scene) -> Outcome:
    """The attacker's name resolves to our address, and `Host` says so"""
    port = scene.target.address.port
    answers = (
        (host, scene.me(scene.alice_session, {"Host": host})) for host in (f"evil.example:{port}", "evil.example")
    )
    return judge_each((host, answer, scene.succeeded(answer)) for host, answer in answers)


@attack(
    20, has="a list of known holes", gains="knowledge of which of them to try", counts="an answer names a version",
    read="guards.py:SECURITY_HEADERS", tiny="tiny.py:Handler.do_GET", wstg="INFO-02", asvs="13.4.6", cwe=497,
)  # fmt: skip
def version_told(scene: Scene) -> Outcome:
    """An answer names software and its version"""
    answer = scene.me(scene.alice_session)
    told = " ".join(answer.header(name) for name in ("server", "x-powered-by", "x-aspnet-version")).strip()
    return judge(answer, any(sign.isdigit() for sign in told), f"server: {told or 'none'}")
