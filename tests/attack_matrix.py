"""Which attacks get through which server, and which guard stops which attack? `python -m tests.attack_matrix`

    python -m tests.attack_matrix table            both columns, row by row, slow ones too
    python -m tests.attack_matrix guards [NAME …]  each guard taken away in turn

An attack that no missing guard lets through proves nothing. So each guard here is taken out of a copy of the source,
and all quick attacks are played on what is left: those that belong to the guard get through, and no others.
The run ends with the attacks that no missing guard lets through, and why: each would need something new.
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
from authref.attacks.table import ATTACKS, BY_NAME

PACKAGE = Path(authref.__file__).parent

_PASS_CHAPTER_ONE = """
session-left-alone session-kept-alive
address-in-capitals address-that-looks-alike sign-up-at-once common-password password-is-the-address guessing spraying
sign-up-tells login-time field-twice body-in-utf-16 cookie-twice blank-that-is-none old-id-after-a-new-login
sessions-without-number private-answer-kept two-credentials form-of-another-site origin-null origin-that-looks-alike
fetch-site-says-so logout-of-another-site json-by-a-form frame guessed-type embedded-answer rebinding version-told
two-lengths odd-length two-hosts folded-line bare-line-end odd-field huge-body deep-json slow-head
slow-body
"""
_NOT_IN_CHAPTER_ONE = """
cookie-over-http packed-token token-after-key-change public-key-as-secret
new-password-without-the-old session-after-password-change session-after-disable session-after-delete id-in-the-address
listed-id another-algorithm extension-passed-over token-of-another-type token-without-an-end token-of-tomorrow
issuer-that-looks-alike token-for-somebody-else claim-twice token-in-the-address token-after-password-change
token-after-disable token-after-delete id-in-the-path delete-somebody-else promote-oneself field-at-a-change
refusal-that-tells yesterdays-admin last-admin end-anothers-session address-used-again preflight odd-chunks
"""
ON_AUTHREF = {
    **{name: PRICE if name in servers.PRICES else STOPPED for name in BY_NAME},
    "public-key-as-secret": NOT_PLAYED,
}
ON_TINY = {
    **dict.fromkeys(BY_NAME, STOPPED),
    **{attack.name: NOT_PLAYED for attack in ATTACKS if attack.group == "refresh"},
    **dict.fromkeys(_NOT_IN_CHAPTER_ONE.split(), NOT_PLAYED),
    **dict.fromkeys(_PASS_CHAPTER_ONE.split(), THROUGH),
    **dict.fromkeys(servers.TINY_PRICES, PRICE),
}


@dataclass(frozen=True)
class Guard:
    """A guard, or the smallest set of them where two stand behind each other: pieces of source, and what is left.

    Slow attacks are played where they are named, the quick ones always.
    """

    name: str
    pieces: tuple[tuple[str, str, str], ...]  # a file, what stands there, and what is put in its place
    attacks: tuple[str, ...]  # those that get through then
    key: bytes = b""  # what signs then, if it is not a random one


def guard(name: str, attacks: str, *pieces: tuple[str, str, str]) -> Guard:
    """A row of the table below."""
    return Guard(name, pieces, tuple(attacks.split()))


SESSIONS_END = ("app/accounts.py", "self.end_all(user.id)", "pass")
DISABLE_ENDS = ("app/users.py", "if user.disabled:", "if False:")
ANY_TYPE = ("wire.py", 'if media_type.strip(" \\t") != "application/json" or', "if")
ANY_QUERY = ("app/__init__.py", 'if "?" in request.target and not', "if False and not")
CREDENTIALS = '(request.header("authorization") or "").partition(" ")'
TWICE = ("serving/reader.py", 'raise _malformed(f"A request has at most one {name}.")', "continue")
GUARDS = (
    guard("exactly these fields, at a change", "field-at-a-change",
          ("app/routes.py", "unknown = [name for name in fields if name not in known]", "unknown = []")),
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
          ("app/routes.py", "reason=reason, user=user_id, peer=request.peer)\n",
           'reason=reason, user=user_id, peer=request.peer)\n            if reason == "unknown_user":\n'
           '                raise Problem(401, "unknown_user", "Nobody has this address.") from None\n')),
    guard("what others may see", "hash-in-an-answer",
          ("users.py", '"disabled": self.disabled,', '"disabled": self.disabled, "hash": self.password_hash,')),
    guard("a name comes once", "field-twice claim-twice",
          ("wire.py", "if len(result) != len(pairs):", "if False:")),
    guard("UTF-8", "body-in-utf-16 claim-twice",
          ("wire.py", 'data.decode("utf-8")', "data.decode(json.detect_encoding(data))")),
    guard("the old password", "new-password-without-the-old",
          ("app/accounts.py", 'self.prove(caller.email, fields["current_password"], request, caller)',
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
          ("app/accounts.py", "self.tokens.end_all(caller.id, but=mechanism.current(request))", "pass"),
          ("users.py", " and user.password_version == password_version", "")),
    guard("a disabled account has no refresh token", "session-after-disable refresh-after-disable", DISABLE_ENDS,
          ("app/users.py", "lambda: self.tokens.end_all(user_id, but=current)", "lambda: None"),
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
    guard("Sec-Fetch-Site", "fetch-site-says-so json-by-a-form", ANY_TYPE,
          ("guards.py", 'return site not in (None, "same-origin", "none")', "return False")),
    guard("Origin: null", "origin-null json-by-a-form", ANY_TYPE,
          ("guards.py", 'return site != "same-origin"', "return False")),
    guard("Origin, of what asks for no body", "logout-of-another-site",
          ("guards.py", 'return not (behind_tls and site == "same-origin")', "return False")),
    guard("Origin", "form-of-another-site origin-that-looks-alike logout-of-another-site json-by-a-form", ANY_TYPE,
          ("guards.py", 'return not (behind_tls and site == "same-origin")', "return False")),
    guard("Origin, the whole of it", "origin-that-looks-alike json-by-a-form", ANY_TYPE,
          ("guards.py", "    if origin in allowed or origin ==",
           '    if origin.startswith(f"http://{host}"):\n        return False\n    if origin in allowed or origin ==')),
    guard("application/json", "json-by-a-form", ANY_TYPE),
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
    guard("a chunk's size and its line end", "odd-chunks",
          ("serving/reader.py", '([0-9A-Fa-f]{1,8})\\r\\n")', '[+]?([0-9A-Fa-f]{1,8})\\r?\\n")')),
    guard("a head's size", "huge-head",
          ("serving/reader.py", "MAX_HEAD = 16 * 1024", "MAX_HEAD = 1 << 30"),
          ("serving/reader.py", "MAX_FIELDS = 100 ", "MAX_FIELDS = 1 << 30 ")),
    guard("a body's size", "huge-body",
          ("serving/reader.py", "MAX_BODY = 64 * 1024", "MAX_BODY = 1 << 30"),
          ("serving/server.py", '"body": (15.0, ', '"body": (1e9, ')),  # a slow machine does not read it in 15 seconds
    guard("depth", "deep-json", ("wire.py", "except RecursionError:", "except ZeroDivisionError:")),
    guard("no TRACE", "trace",
          ("app/__init__.py", "        if route is None:\n",
           '        if request.method == "TRACE":\n            return Response(200, repr(request.headers).encode())\n'
           "        if route is None:\n")),
    guard("the end of a slow head", "slow-head", ("serving/server.py", '"head": (10.0, ', '"head": (1e9, ')),
    guard("the end of a slow body", "slow-body", ("serving/server.py", '"body": (15.0, ', '"body": (1e9, ')),
    guard("one account for an address", "sign-up-at-once",
          ("users.py", "found = self._addresses.setdefault(email, mine)",
           "found, self._addresses[email] = mine, mine")),
    guard("the same work for nobody", "login-time",
          ("users.py", "        work = self._highest_cost(",
           '        if user is None:\n            raise InvalidCredentials("unknown_user", None)\n'
           "        work = self._highest_cost(")),
    guard("a count for the browser that is known", "owner-locked-out",
          ("throttle.py", "if user_id and device:", "if False:")),
    guard("random ids", "guessable-id",
          ("sessions.py", "secrets.token_urlsafe(ID_BYTES), self._now()",
           'f"{int(self._now() * 1e6):043d}", self._now()')),
    guard("the whole id", "id-nearly-right",
          ("sessions.py", "if len(ids) == 1 and _ID.fullmatch(ids[0])", "if len(ids) == 1"),
          ("sessions.py", 'session_id.encode("ascii")', 'session_id[:20].encode("latin-1", "replace")')),
    guard("neighbours that are broken", "broken-neighbour",
          ("cookies.py", 'other, equals, value = pair.partition("=")',
           '(other, value), equals = (pair or "=").split("=", 1), "="')),
    guard("a logout is no GET", "logout-by-get",
          ("app/__init__.py", 'Route("POST", "/logout", partial(self.log_out, self.sessions), "anyone"),',
           'Route("POST", "/logout", partial(self.log_out, self.sessions), "anyone"),\n'
           '            Route("GET", "/logout", partial(self.log_out, self.sessions), "anyone"),')),
    guard("at most so many sessions", "sessions-without-number",
          ("sessions.py", "MAX_PER_USER = 20 ", "MAX_PER_USER = 10**6 ")),
    guard("the idle end", "session-left-alone",
          ("sessions.py", "IDLE_LIFETIME = 30 * 60 ", "IDLE_LIFETIME = 24 * 60 * 60 ")),
    guard("the absolute end", "session-kept-alive",
          ("sessions.py", "ABSOLUTE_LIFETIME = 24 * 60 * 60 ", "ABSOLUTE_LIFETIME = 400 * 24 * 60 * 60 ")),
    guard("Secure", "cookie-over-http",
          ("sessions.py", '"__Host-session" if secure else "session"', '"session"'),
          ("cookies.py", ' + ("; Secure" if secure else "")', "")),
    guard("cookies come in their field", "id-in-the-address", ANY_QUERY,
          ("sessions.py", 'for name, value in request.headers if name == "cookie"]',
           'for name, value in request.headers if name == "cookie"] or [request.target.partition("?")[2]]')),
    guard("tokens do not come in the address", "token-in-the-address", ANY_QUERY,
          ("tokens.py", CREDENTIALS,
           '(request.header("authorization") or "Bearer " + request.target.partition("=")[2]).partition(" ")')),
    guard("tokens do not come in a cookie", "token-in-a-cookie",
          ("tokens.py", CREDENTIALS,
           '(request.header("authorization") or "Bearer " + (request.header("cookie") or "").partition("=")[2])'
           '.partition(" ")')),
    Guard("keys that are published", (("keys.py", "if key in _PUBLISHED or len(set(key)) < 16:", "if False:"),),
          ("published-secret",), b"a-string-secret-at-least-256-bits-long"),
    guard("what a token tells", "secret-in-the-payload",
          ("tokens.py", '{"sub": user.id, ', '{"sub": user.id, "password_hash": user.password_hash, ')),
    guard("a quarter of an hour", "token-for-a-year",
          ("tokens.py", "expires = min(issued + ACCESS_LIFETIME, end)", "expires = end")),
    guard("a new refresh token", "refresh-without-rotation",
          ("refresh.py", "return _spend(family, steps, newest, now)", "return replace(family, used_at=now), newest")),
    guard("a use in the window leads to the same token", "refresh-at-once",
          ("refresh.py", "while step := steps.get(_sha256(token)):", "while step := None:")),
    guard("a token that was used before", "refresh-reuse-later refresh-after-theft refresh-token-of-two",
          ("refresh.py", 'raise Reused("used before")', "pass")),
    guard("a theft ends the family", "refresh-after-theft",
          ("tokens.py", "            if family:\n                self.revocation.end",
           "            if None:\n                self.revocation.end")),
    guard("the whole of a refresh token", "refresh-token-of-two",
          ("refresh.py", "if _sha256(newest) in family.live:", "if True:")),
    guard("somebody must be logged in", "no-credentials user-as-admin yesterdays-admin",
          ("app/users.py", '        self.permitted(request, "admin")\n        limit = ', "        limit = ")),
    guard("headers say nothing of who one is", "identity-in-a-header",
          ("sessions.py", "        if not key:\n            return self.refusal(request)",
           '        if not key:\n            return self._users.get(request.header("x-user-id") or "") or '
           "self.refusal(request)")),
    guard("headers do not change the method", "method-in-a-header",
          ("app/__init__.py", "            return self._harden(self._answer(request), request)",
           '            method = request.header("x-http-method-override") or request.method\n'
           "            return self._harden(self._answer(replace(request, method=method)), request)")),
    guard("an id is nobody else's, ever", "address-used-again",
          ("users.py", "email.lower(), secrets.token_urlsafe(16)",
           "email.lower(), email.lower().replace('@', '-').replace('.', '-')")),
)  # fmt: skip

# What no line lets through that is taken away, and why; each price is through already.
WITHOUT_A_GUARD = {
    "default-account": "there is none to take away: somebody would have to make the account",
    "password-of-another-type": "what hashes takes text and nothing else: the answer would be a 500",
    "session-after-delete": "a session answers with its account, and there is none any more",
    "refresh-after-delete": "a refresh token leads to its account, and there is none any more",
    "packed-token": "it cannot unpack: that would have to be written",
    "public-key-as-secret": "it has no public key, so there is nothing to sign with",
    "access-token-refreshes": "a refresh token is looked up, and an access token is on no list",
    "refresh-token-opens": "a refresh token says nothing that could be believed: it is no JWT",
    "another-spelling-of-the-path": "who may is asked where a route is handled, whichever spelling led there",
    "split-response": "nothing that a client sends stands in a header of an answer",
}


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
    """The attacks that get through where the guard is missing, but for the declared prices."""
    played = [attack for attack in ATTACKS if not attack.slow or attack.name in each.attacks]
    keys = {"published": each.key} if each.key else None
    cost = servers.COST if len(played) > len([attack for attack in ATTACKS if not attack.slow]) else 4
    with without(each) as folder, servers.whole(folder, cost, keys=keys) as target:
        results = play_on(target, played, lambda *_: None, threading.Event())
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
    print(f"{len(GUARDS)} guards, {len(proven)} of {len(ATTACKS)} attacks; the others:")
    for name in sorted(BY_NAME.keys() - proven):
        print(f"  {name}: {WITHOUT_A_GUARD.get(name) or 'a price, through as it is'}")
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
