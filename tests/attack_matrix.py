"""Which attacks get through which server, and which guard stops which attack? `python -m tests.attack_matrix`

    python -m tests.attack_matrix table            both columns, row by row, slow ones too
    python -m tests.attack_matrix guards [NAME …]  each guard taken away in turn

An attack that no missing guard lets through proves nothing. So each guard here is taken out of a copy of the source,
and all quick attacks are played on what is left: those that belong to the guard get through, and no others.
The run ends with the attacks that no guard here lets through: the slow ones, and those that would need a feature which
is not there to be broken (a token in an address, say).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import authref
from authref.attacks import servers
from authref.attacks.play import Result, play_all, play_on
from authref.attacks.scene import NOT_PLAYED, PRICE, STOPPED, THROUGH
from authref.attacks.table import ATTACKS, BY_NAME, chosen

PACKAGE = Path(authref.__file__).parent

_PASS_CHAPTER_ONE = """
address-in-capitals address-that-looks-alike sign-up-at-once common-password password-is-the-address guessing spraying
sign-up-tells login-time field-twice body-in-utf-16 cookie-twice blank-that-is-none old-id-after-a-new-login
sessions-without-number private-answer-kept two-credentials form-of-another-site origin-null origin-that-looks-alike
fetch-site-says-so logout-of-another-site json-by-a-form frame guessed-type embedded-answer rebinding version-told
length-and-chunks two-lengths odd-length two-hosts folded-line bare-line-end odd-field huge-body deep-json slow-head
slow-body
"""
_NOT_IN_CHAPTER_ONE = """
new-password-without-the-old session-after-password-change session-after-disable session-after-delete id-in-the-address
listed-id another-algorithm extension-passed-over token-of-another-type token-without-an-end token-of-tomorrow
issuer-that-looks-alike token-for-somebody-else claim-twice token-in-the-address token-after-password-change
token-after-disable token-after-delete id-in-the-path delete-somebody-else promote-oneself field-at-a-change
refusal-that-tells yesterdays-admin last-admin end-anothers-session address-used-again preflight odd-chunks
"""
ON_AUTHREF = {name: PRICE if name in servers.PRICES else STOPPED for name in BY_NAME}
ON_TINY = {
    **dict.fromkeys(BY_NAME, STOPPED),
    **{attack.name: NOT_PLAYED for attack in ATTACKS if attack.group == "refresh"},
    **dict.fromkeys(_NOT_IN_CHAPTER_ONE.split(), NOT_PLAYED),
    **dict.fromkeys(_PASS_CHAPTER_ONE.split(), THROUGH),
    **dict.fromkeys(servers.TINY_PRICES, PRICE),
}


@dataclass(frozen=True)
class Guard:
    """A guard, or the smallest set of them where two stand behind each other: pieces of source, and what is left."""

    name: str
    pieces: tuple[tuple[str, str, str], ...]  # a file, what stands there, and what is put in its place
    attacks: tuple[str, ...]  # those that get through then


def guard(name: str, attacks: str, *pieces: tuple[str, str, str]) -> Guard:
    """A row of the table below."""
    return Guard(name, pieces, tuple(attacks.split()))


SESSIONS_END = ("app/logins.py", "self.end_all(user.id)", "pass")
DISABLE_ENDS = ("app/users.py", "if user.disabled:", "if False:")
TWICE = ("serving/reader.py", 'raise _malformed(f"A request has at most one {name}.")', "continue")
GUARDS = (
    guard("exactly these fields", "role-at-sign-up field-at-a-change",
          ("app/routes.py", "unknown = [name for name in fields if name not in known]", "unknown = []"),
          ("app/accounts.py", 'self.users.sign_up(fields["email"], fields["password"])',
           'self.users.sign_up(fields["email"], fields["password"], fields.get("role", "user"))')),
    guard("addresses in small letters", "address-in-capitals",
          ("users.py", "email, user_id = email.lower(), ", "email, user_id = email, "),
          ("users.py", "self._addresses.get(email.lower())", "self._addresses.get(email)")),
    guard("what an address is", "address-that-looks-alike",
          ("users.py", "or not _EMAIL.fullmatch(email)", "")),
    guard("every byte of a password", "the-73rd-byte",
          ("passwords.py", 'return b64encode(hmac.digest(_LABEL, password.encode("utf-8"), hashlib.sha256))',
           'return password.encode("utf-8")[:72]')),
    guard("NUL is a byte of a password", "nul-in-a-password",
          ("passwords.py", 'password.encode("utf-8"), hashlib', 'password.encode("utf-8").split(b"\\0")[0], hashlib')),
    guard("common passwords", "common-password",
          ("passwords.py", "if password.lower() in COMMON:", "if False:")),
    guard("the address as the password", "password-is-the-address",
          ("passwords.py", "if password.lower() == email.lower():", "if False:")),
    guard("eight characters", "short-password",
          ("passwords.py", "if not MIN_LENGTH <= len(password)", "if not 0 < len(password)")),
    guard("the throttle", "guessing spraying",
          ("throttle.py", "if counter and counter.count >= free and now < counter.next_try:", "if False:")),
    guard("failures of an account", "guessing", ("throttle.py", "FREE_FAILURES = 5", "FREE_FAILURES = 10**6")),
    guard("failures of an address", "spraying", ("throttle.py", "ADDRESS_FAILURES = 20", "ADDRESS_FAILURES = 10**6")),
    guard("one refusal for all logins", "login-that-tells",
          ("app/routes.py", "user=failure.user_id, peer=request.peer)\n",
           'user=failure.user_id, peer=request.peer)\n            if failure.reason == "unknown_user":\n'
           '                raise Problem(401, "unknown_user", "Nobody has this address.") from None\n')),
    guard("what others may see", "hash-in-an-answer",
          ("users.py", '"disabled": self.disabled,', '"disabled": self.disabled, "hash": self.password_hash,')),
    guard("a name comes once", "field-twice claim-twice",
          ("wire.py", "if len(result) != len(pairs):", "if False:")),
    guard("UTF-8", "body-in-utf-16 claim-twice",
          ("wire.py", 'data.decode("utf-8")', "data.decode(json.detect_encoding(data))")),
    guard("the old password", "new-password-without-the-old",
          ("app/logins.py", 'self.prove(caller.email, fields["current_password"], request, caller)',
           "self.users.get(caller.id)")),
    guard("a new id at each login", "fixation old-id-after-a-new-login",
          ("sessions.py", "session_id, now = secrets.token_urlsafe(ID_BYTES), self._now()",
           'came = cookies.values(request.header("cookie") or "", self.cookie_name)\n'
           "        session_id, now = (came or [secrets.token_urlsafe(ID_BYTES)])[0], self._now()")),
    guard("the session before ends", "old-id-after-a-new-login",
          ("sessions.py", "        self._end(request)\n        session_id", "        session_id")),
    guard("a logout ends the session", "logout-that-only-clears",
          ("sessions.py", "session = self._end(request)", "session = None")),
    guard("HttpOnly", "cookie-for-scripts", ("cookies.py", "{lifetime}; HttpOnly;", "{lifetime};")),
    guard("SameSite", "cookie-for-other-sites", ("cookies.py", 'HttpOnly; SameSite=Lax" +', 'HttpOnly" +')),
    guard("no Domain", "cookie-for-neighbours",
          ("cookies.py", "; Path=/; {lifetime}", "; Path=/; Domain=x.example; {lifetime}")),
    guard("a cookie that comes twice", "cookie-twice",
          ("sessions.py", "if len(ids) == 1 and _ID.fullmatch(ids[0])", "if ids and _ID.fullmatch(ids[0])")),
    guard("what a blank is", "blank-that-is-none", ("cookies.py", '_BLANKS = " \\t"', "_BLANKS = None")),
    guard("a new password ends sessions", "session-after-password-change", SESSIONS_END,
          ("users.py", " and user.password_version == password_version", "")),
    guard("a disabled account has no session", "session-after-disable", DISABLE_ENDS,
          ("users.py", " and not user.disabled else", " else")),
    guard("ids that are listed", "listed-id",
          ("sessions.py", 'return hashlib.sha256(session_id.encode("ascii")).hexdigest()', "return session_id")),
    guard("no-store", "private-answer-kept", ("guards.py", '("cache-control", "no-store"),', "")),
    guard("frame-ancestors", "frame", ("guards.py", "; frame-ancestors 'none'", "")),
    guard("nosniff", "guessed-type", ("guards.py", '("x-content-type-options", "nosniff"),', "")),
    guard("the resource policy", "embedded-answer",
          ("guards.py", '("cross-origin-resource-policy", "same-origin"),', "")),
    guard("no version", "version-told", ("guards.py", '("server", "authref"),', '("server", "authref/0.1.0"),')),
    guard("alg", "another-algorithm", ("jwt.py", 'if members.get("alg") != "HS256":', "if False:")),
    guard("alg, and a signature at all", "alg-none another-algorithm half-a-signature",
          ("jwt.py", 'if members.get("alg") != "HS256":', "if False:"),
          ("jwt.py", "if not hmac.compare_digest(", "if signature and not hmac.compare_digest(")),
    guard("the whole signature", "half-a-signature",
          ("jwt.py", 'if not hmac.compare_digest(_signature(header + b"." + payload, key), signature):',
           'if not _signature(header + b"." + payload, key).startswith(signature):')),
    guard("the signature",
          "changed-payload half-a-signature key-in-the-token key-from-an-address empty-key another-spelling",
          ("jwt.py", 'if not hmac.compare_digest(_signature(header + b"." + payload, key), signature):', "if False:")),
    guard("crit", "extension-passed-over", ("jwt.py", 'if "crit" in members:', "if False:")),
    guard("typ", "token-of-another-type",
          ("jwt.py", 'not isinstance(kind, str) or kind.lower().removeprefix("application/") != TYPE', "False")),
    guard("exp", "token-without-an-end", ("jwt.py", 'if not now < _date(claims["exp"]) + leeway:', "if False:")),
    guard("nbf", "token-of-tomorrow", ("jwt.py", 'if not now >= _date(claims.get("nbf", 0)) - leeway:', "if False:")),
    guard("iss, the whole of it", "issuer-that-looks-alike",
          ("jwt.py", 'claims["iss"] != issuer', 'not str(claims["iss"]).startswith(issuer)')),
    guard("aud", "token-for-somebody-else", ("jwt.py", 'not _is_for(audience, claims["aud"])', "False")),
    guard("kid names a key of ours", "kid-that-leads-away",
          ("jwt.py", "MIN_KEY = 32", "MIN_KEY = 0"),
          ("jwt.py", "keys.get(_key_id(header))", 'keys.get(_key_id(header), b"")')),
    guard("lines of one name are joined", "two-credentials",
          ("wire.py", '", ".join(values) if values', "values[0] if values")),
    guard("a logout ends the refresh token", "refresh-after-logout",
          ("tokens.py", "if family := self.families.get(family_id):", "if family := None:")),
    guard("a new password ends refresh tokens", "session-after-password-change refresh-after-password-change",
          SESSIONS_END,
          ("app/logins.py", "self.tokens.end_all(caller.id, but=mechanism.current(request))", "pass"),
          ("users.py", " and user.password_version == password_version", "")),
    guard("a disabled account has no refresh token", "session-after-disable refresh-after-disable", DISABLE_ENDS,
          ("app/users.py", "partial(self.tokens.end_all, user_id, but=self.mechanism(request).current(request))",
           "partial(print, end=str())"),
          ("users.py", " and not user.disabled else", " else")),
    guard("one's own account", "id-in-the-path delete-somebody-else refusal-that-tells",
          ("roles.py", 'rule == "self_or_admin" and caller.id == user_id', 'rule == "self_or_admin"')),
    guard("admins alone",
          "user-as-admin id-in-the-path delete-somebody-else promote-oneself refusal-that-tells yesterdays-admin "
          "last-admin",
          ("roles.py", "if caller.is_active_admin or", "if True or")),
    guard("the role that the store knows", "yesterdays-admin",
          ("app/routes.py", "roles.permits(rule, live, user_id)", "roles.permits(rule, caller, user_id)")),
    guard("roles that there are", "field-at-a-change",
          ("app/users.py", 'fields.get("role", "user") not in roles.ROLES', "False")),
    guard("the last admin", "last-admin", ("admins.py", "raise LastAdmin\n", "pass\n")),
    guard("one's own logins", "end-anothers-session",
          ("sessions.py", "public_id in self.logins(user_id) and ", "")),
    guard("Sec-Fetch-Site", "fetch-site-says-so",
          ("guards.py", 'return site not in (None, "same-origin", "none")', "return False")),
    guard("Origin: null", "origin-null", ("guards.py", 'return site != "same-origin"', "return False")),
    guard("Origin", "form-of-another-site origin-that-looks-alike logout-of-another-site",
          ("guards.py", 'return not (behind_tls and site == "same-origin")', "return False")),
    guard("Origin, the whole of it", "origin-that-looks-alike",
          ("guards.py", "    if origin in allowed or origin ==",
           '    if origin.startswith(f"http://{host}"):\n        return False\n    if origin in allowed or origin ==')),
    guard("application/json", "json-by-a-form",
          ("wire.py", 'if media_type.strip(" \\t") != "application/json" or', "if")),
    guard("origins that are listed", "reflected-origin preflight",
          ("guards.py", 'origin = request.header("origin") if allowed else None', 'origin = request.header("origin")'),
          ("guards.py", "if origin is None or origin not in allowed:", "if origin is None:")),
    guard("our names", "rebinding", ("guards.py", "if host is None or not names:", "if True:")),
    guard("one framing", "length-and-chunks",
          ("serving/reader.py", 'if length is not None or version == "HTTP/1.0":', "if False:")),
    guard("one length", "two-lengths", TWICE),
    guard("one host", "two-lengths two-hosts rebinding", TWICE,
          ("guards.py", "if host is None or not names:", "if True:")),
    guard("digits", "odd-length", ("serving/reader.py", 're.compile(r"0|[1-9][0-9]*")', 're.compile(r"[+]?[0-9_]+")')),
    guard("lines that are fields", "folded-line bare-line-end odd-field length-and-chunks",
          ("serving/reader.py", 'if len(found) != block.count("\\r\\n") - 1:', "if False:")),
    guard("chunk extensions", "odd-chunks",
          ("serving/reader.py", '([0-9A-Fa-f]{1,8})\\r\\n")', '([0-9A-Fa-f]{1,8})(?:;[^\\r\\n]*)?\\r\\n")')),
    guard("a head's size", "huge-head",
          ("serving/reader.py", "MAX_HEAD = 16 * 1024", "MAX_HEAD = 1 << 30"),
          ("serving/reader.py", "MAX_FIELDS = 100 ", "MAX_FIELDS = 1 << 30 ")),
    guard("a body's size", "huge-body", ("serving/reader.py", "MAX_BODY = 64 * 1024", "MAX_BODY = 1 << 30")),
    guard("depth", "deep-json", ("wire.py", "except RecursionError:", "except ZeroDivisionError:")),
)  # fmt: skip


@contextmanager
def without(each: Guard) -> Iterator[Path]:
    """A folder with a copy of the package that lacks the guard."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "authref")
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "exercises", "compare", "xray"))
        for file, there, instead in each.pieces:
            text = (copy / file).read_text("utf-8")
            if text.count(there) != 1:
                raise ValueError(f"{each.name}: {there!r} stands {text.count(there)} times in {file}")
            (copy / file).write_text(text.replace(there, instead), "utf-8")
        yield Path(folder)


def through_without(each: Guard) -> set[str]:
    """The quick attacks that get through where the guard is missing, but for the declared prices."""
    with without(each) as folder, servers.whole(folder, 4) as target:
        results = play_on(target, chosen([], [], False), lambda *_: None, threading.Event())
    return {result.attack.name for result in results if result.verdict == THROUGH}


def check_guards(names: list[str]) -> int:
    """The number of guards whose attacks are not those that are written down."""
    wrong = 0
    for each in GUARDS:
        if not names or each.name in names:
            seen, expected = through_without(each), set(each.attacks)
            wrong += seen != expected
            said = "ok" if seen == expected else f"MISSING {expected - seen or ''} MORE {seen - expected or ''}"
            print(f"{each.name:44}{said}", flush=True)
    proven = {name for each in GUARDS for name in each.attacks}
    print(f"{len(GUARDS)} guards, {len(proven)} of {len(ATTACKS)} attacks; without a guard here:",
          ", ".join(sorted(BY_NAME.keys() - proven)))  # fmt: skip
    return wrong


def check_table() -> int:
    """The number of verdicts that are not those that are written down."""
    with servers.both() as targets:
        tiny, whole = play_all(targets, ATTACKS, lambda *_: None)
    wrong = [result for result in tiny if not agrees(result, ON_TINY)]
    wrong += [result for result in whole if not agrees(result, ON_AUTHREF)]
    for result in wrong:
        print(f"{result.server} {result.attack.name}: {result.verdict}, {result.evidence}")
    print(f"{2 * len(ATTACKS)} verdicts, {len(wrong)} not as written down")
    return len(wrong)


def agrees(result: Result, expected: dict[str, str]) -> bool:
    """True for the verdict written down, and where the machine was too noisy to measure time."""
    noisy = result.attack.name == "login-time" and "too noisy" in result.evidence
    return noisy or result.verdict == expected[result.attack.name]


if __name__ == "__main__":
    what = sys.argv[1:2] or ["table"]
    sys.exit(bool(check_guards(sys.argv[2:]) if what == ["guards"] else check_table()))
