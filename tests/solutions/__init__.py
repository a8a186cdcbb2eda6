"""What learners are not given: an attack for each exercise of that kind, and plausible wrong answers for all of them.

A wrong answer stands beside the first claim that it fails; check_exercises.py runs each. Most are the reference with a
piece exchanged (`but`), for that is how they come about: something was forgotten, or said the other way round.
"""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# The sources beside this file, and not the package as imported: that may be one with a hole in it.
PACKAGE = Path(__file__).parents[2] / "authref"


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: the source of the function, of the attack, or an answer to a question, as text.

    `fails` is the first claim that fails, without "tests.test_"; of an attack "naive" if it does not get past the
    naive version, "reference" if the reference lets it pass too, so that it is no attack; of a question its number.
    """

    source: str
    fails: str
    why: str


@cache
def reference(target: str) -> str:
    """The source of "authref.cookies:parse", without indentation."""
    module, _, name = target.partition(":")
    path = PACKAGE.joinpath(*module.split(".")[1:])
    text, node = _parsed(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    for part in name.split("."):
        (node,) = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", None) == part]
    assert isinstance(node, ast.FunctionDef)
    start = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return textwrap.dedent("\n".join(text.splitlines()[start - 1 : node.end_lineno]))


@cache
def _parsed(path: Path) -> tuple[str, ast.AST]:
    text = path.read_text("utf-8")
    return text, ast.parse(text)


def but(target: str, *changes: tuple[str, str]) -> str:
    """The reference with these pieces exchanged."""
    source = reference(f"authref.{target}")
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(f"{old!r} stands {source.count(old)} times in {target}")
        source = source.replace(old, new)
    return source


ATTACKS: dict[str, str] = {
    "fast-hash": """
def attack(stored, common):
    import hashlib

    for password in common:
        if hashlib.sha256(password.encode()).hexdigest() == stored:
            return password
""",
    "role-from-body": """
def attack():
    return {"email": "eve@example.com", "password": "correct horse battery", "role": "admin"}
""",
    "guessable-session": """
def attack(email, around):
    import hashlib
    from base64 import urlsafe_b64encode

    numbers = [hashlib.sha256(f"{email} {around + offset}".encode()).digest() for offset in range(-60, 61)]
    return [urlsafe_b64encode(number).decode().rstrip("=") for number in numbers]
""",
    "cookie-blank": """
def attack():
    return "\\u2000__Host-session", "planted"
""",
    "jwt-none": """
def attack(token):
    import base64
    import json

    def encoded(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return encoded({"alg": "None"}) + "." + encoded({**claims, "role": "admin"}) + "."
""",
    "half-a-signature": """
def attack(token):
    import base64
    import json

    header, payload, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["role"] = "admin"
    return header + "." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + "."
""",
    "issuer-prefix": """
def attack():
    return "https://auth.example.evil.example"
""",
    "others-account": """
def attack(own_id, other_id):
    return "/users/" + other_id
""",
    "split-response": """
def attack():
    return "/me\\r\\nset-cookie: session=planted"
""",
}


def _attack(body: str, parameters: str = "") -> str:
    return f"def attack({parameters}):\n    return {body}\n"


WRONG: dict[str, tuple[Wrong, ...]] = {
    # -- chapter one
    "tiny-sign-up": (
        Wrong(
            but("tiny:Users.sign_up", ("bcrypt.hashpw(password.encode(), bcrypt.gensalt())", "password.encode()")),
            "tiny.Passwords.test_what_is_kept",
            "The password itself, as bytes.",
        ),
        Wrong(
            """
def sign_up(self, email, password, role="user"):
    import hashlib
    if email in self:
        return None
    user = {"id": secrets.token_urlsafe(16), "email": email, "role": role}
    self[email] = user, hashlib.sha256(password.encode()).hexdigest().encode()
    return user
""",
            "tiny.Passwords.test_what_is_kept",
            "A fast hash.",
        ),
        Wrong(
            but("tiny:Users.sign_up", ("bcrypt.gensalt())", 'b"$2b$12$abcdefghijklmnopqrstuu")')),
            "tiny.Passwords.test_two_with_one_password",
            "One salt for all.",
        ),
        Wrong(
            but("tiny:Users.sign_up", ("bcrypt.gensalt())", "bcrypt.gensalt(rounds=4))")),
            "tiny.Passwords.test_how_slow_a_guess_is",
            "Cheap, so that the tests are quick.",
        ),
        Wrong(
            but("tiny:Users.sign_up", ("secrets.token_urlsafe(16)", 'f"user-number-{len(self):04}-{email}"')),
            "tiny.Passwords.test_where_ids_come_from",
            "Counted, and long.",
        ),
        Wrong(
            but("tiny:Users.sign_up", ("secrets.token_urlsafe(16)", '__import__("uuid").uuid1().hex')),
            "tiny.Passwords.test_where_ids_come_from",
            "The time and the machine's address.",
        ),
        Wrong(
            but(
                "tiny:Users.sign_up", ("secrets.token_urlsafe(16)", "f\"{__import__('random').getrandbits(128):032x}\"")
            ),
            "tiny.Passwords.test_where_ids_come_from",
            "A generator whose state can be computed from what it gave.",
        ),
        Wrong(
            but(
                "tiny:Users.sign_up",
                ("secrets.token_urlsafe(16)", '__import__("hashlib").sha256(email.encode()).hexdigest()'),
            ),
            "tiny.Passwords.test_where_ids_come_from",
            "Whoever knows the address knows the id.",
        ),
        Wrong(
            but(
                "tiny:Users.sign_up",
                ("secrets.token_urlsafe(16)", '__import__("hashlib").sha256(str(time()).encode()).hexdigest()'),
            ),
            "tiny.Passwords.test_where_ids_come_from",
            "The time, which looks random once it is hashed.",
        ),
        Wrong(
            but("tiny:Users.sign_up", ("secrets.token_urlsafe(16)", "str(len(self) + 1)")),
            "tiny.Passwords.test_ids",
            "Counted.",
        ),
        Wrong(
            but("tiny:Users.sign_up", ("    if email in self:\n        return None\n", "")),
            "tiny.Passwords.test_an_address_that_is_taken",
            "The second one takes the account over.",
        ),
        Wrong(
            but("tiny:Users.sign_up", ('"role": role', '"role": "user"')),
            "tiny.Passwords.test_a_new_user",
            "Nobody can ever be an admin.",
        ),
    ),
    "tiny-check": (
        Wrong(
            """
def check_credentials(self, email, password):
    user, stored = self.get(email, (None, b""))
    return user if user and bcrypt.hashpw(password.encode(), bcrypt.gensalt()) == stored else None
""",
            "tiny.Passwords.test_the_right_password",
            "Hashed anew, with another salt.",
        ),
        Wrong(
            but("tiny:Users.check_credentials", ("len(password.encode()) <= 72 and ", "")),
            "tiny.Passwords.test_more_than_bcrypt_reads",
            "bcrypt raises.",
        ),
        Wrong(
            but("tiny:Users.check_credentials", ("len(password.encode()) <= 72", "len(password) <= 72")),
            "tiny.Passwords.test_more_than_bcrypt_reads",
            "Characters are no bytes.",
        ),
        Wrong(
            but(
                "tiny:Users.check_credentials",
                ("len(password.encode()) <= 72 and ", ""),
                ("checkpw(password.encode()", "checkpw(password.encode()[:72]"),
            ),
            "tiny.Passwords.test_more_than_bcrypt_reads",
            "Cut to what bcrypt reads.",
        ),
        Wrong(
            "def check_credentials(self, email, password):\n"
            "    user, stored = self[email]\n"
            "    fits = len(password.encode()) <= 72 and bcrypt.checkpw(password.encode(), stored)\n"
            "    return user if fits else None\n",
            "tiny.Passwords.test_an_unknown_address",
            "KeyError for whoever is unknown.",
        ),
        Wrong(
            "def check_credentials(self, email, password):\n    return self.get(email, (None, b''))[0]\n",
            "tiny.Passwords.test_wrong_passwords",
            "Knowing the address is enough.",
        ),
    ),
    "tiny-session": (
        Wrong(
            but("tiny:Sessions.log_in", ("secrets.token_urlsafe(32)", 'user["id"]')),
            "tiny.SessionsTest.test_numbers",
            "The user's id: a number that means something.",
        ),
        Wrong(
            but("tiny:Sessions.log_in", ("secrets.token_urlsafe(32)", "str(len(self) + 1)")),
            "tiny.SessionsTest.test_numbers",
            "Counted.",
        ),
        Wrong(
            but("tiny:Sessions.log_in", ("secrets.token_urlsafe(32)", "secrets.token_urlsafe(4)")),
            "tiny.SessionsTest.test_numbers",
            "So short that it can be guessed.",
        ),
        Wrong(
            but(
                "tiny:Sessions.log_in",
                ("secrets.token_urlsafe(32)", "f\"{__import__('random').getrandbits(256):064x}\""),
            ),
            "tiny.SessionsTest.test_where_numbers_come_from",
            "A generator whose state can be computed from what it gave.",
        ),
        Wrong(
            but(
                "tiny:Sessions.log_in",
                (
                    "secrets.token_urlsafe(32)",
                    '__import__("hashlib").sha256(__import__("uuid").uuid1().bytes).hexdigest()',
                ),
            ),
            "tiny.SessionsTest.test_where_numbers_come_from",
            "The time, which looks random once it is hashed.",
        ),
        Wrong(
            but("tiny:Sessions.log_in", ("    self[session_id] = user\n", "")),
            "tiny.SessionsTest.test_whoever_logged_in",
            "Not remembered.",
        ),
        Wrong(
            but("tiny:Sessions.log_in", ("HttpOnly; ", "")),
            "tiny.SessionsTest.test_the_flags",
            "Scripts can read it.",
        ),
        Wrong(
            but("tiny:Sessions.log_in", ("SameSite=Lax", "SameSite=None")),
            "tiny.SessionsTest.test_the_flags",
            "Other sites' forms send it.",
        ),
        Wrong(
            but("tiny:Sessions.log_in", ('{"user": user}', '{"user": user, "session": session_id}')),
            "tiny.SessionsTest.test_the_answer",
            "In the body scripts can read it.",
        ),
    ),
    "tiny-cookie": (
        Wrong(
            but("tiny:Sessions.read_cookie", (".strip()", "")),
            "tiny.SessionsTest.test_among_other_cookies",
            "The blank becomes part of the name.",
        ),
        Wrong(
            "def read_cookie(self, request):\n"
            '    return request.headers.get("Cookie", "").partition("session=")[2].partition(";")[0]\n',
            "tiny.SessionsTest.test_names_like_ours",
            "Found anywhere.",
        ),
        Wrong(
            """
def read_cookie(self, request):
    header = request.headers.get("Cookie", "")
    return dict(pair.strip().split("=") for pair in header.split(";") if "=" in pair).get("session", "")
""",
            "tiny.SessionsTest.test_names_like_ours",
            "A second equals sign is too much for dict().",
        ),
        Wrong(
            but("tiny:Sessions.read_cookie", ('request.headers.get("Cookie", "")', 'request.headers["Cookie"]')),
            "tiny.SessionsTest.test_no_cookie",
            "None has no split.",
        ),
        Wrong(
            """
def read_cookie(self, request):
    for pair in request.headers.get("Cookie", "").split(";"):
        if pair.strip().startswith("session"):
            return pair.partition("=")[2]
    return ""
""",
            "tiny.SessionsTest.test_names_like_ours",
            "A name that begins like ours.",
        ),
    ),
    "tiny-logout": (
        Wrong(
            "def log_out(self, request):\n"
            '    cleared = "session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"\n'
            '    return 200, {"message": "Logged out"}, {"Set-Cookie": cleared}\n',
            "tiny.SessionsTest.test_a_copy_of_the_cookie",
            "Only the browser forgets.",
        ),
        Wrong(
            but("tiny:Sessions.log_out", ("; Max-Age=0", "")),
            "tiny.SessionsTest.test_what_the_browser_is_told",
            "The browser keeps an empty cookie.",
        ),
        Wrong(
            "def log_out(self, request):\n"
            "    self.pop(self.read_cookie(request), None)\n"
            '    return 200, {"message": "Logged out"}, {}\n',
            "tiny.SessionsTest.test_what_the_browser_is_told",
            "The browser is told nothing.",
        ),
        Wrong(
            but("tiny:Sessions.log_out", ("self.pop(self.read_cookie(request), None)", "self.clear()")),
            "tiny.SessionsTest.test_others_stay",
            "Everybody is logged out.",
        ),
        Wrong(
            but("tiny:Sessions.log_out", ("(request), None)", "(request))")),
            "tiny.SessionsTest.test_logging_out_twice",
            "KeyError for whoever is not logged in.",
        ),
    ),
    "tiny-hs256": (
        Wrong(
            "def sign(self, text):\n    import hashlib\n"
            "    return self.encode(hashlib.sha256(text.encode()).digest())\n",
            "tiny.TokensTest.test_another_key",
            "A hash without a key: everybody can make it.",
        ),
        Wrong(
            "def sign(self, text):\n    import hashlib\n"
            "    return self.encode(hashlib.sha256(KEY + text.encode()).digest())\n",
            "tiny.TokensTest.test_the_example_of_the_rfc",
            "The key in front of the text is no HMAC: the text can be made longer (length extension).",
        ),
        Wrong(
            but("tiny:Tokens.sign", ('"sha256"', '"sha512"')),
            "tiny.TokensTest.test_how_it_is_written",
            "Another hash, which is HS512.",
        ),
        Wrong(
            'def sign(self, text):\n    return hmac.new(KEY, text.encode(), "sha256").hexdigest()\n',
            "tiny.TokensTest.test_how_it_is_written",
            "In hexadecimal.",
        ),
        Wrong(
            but("tiny:Tokens.sign", ("KEY, text.encode()", "text.encode(), KEY")),
            "tiny.TokensTest.test_the_example_of_the_rfc",
            "Key and message in each other's place.",
        ),
    ),
    "tiny-token": (
        Wrong(
            but("tiny:Tokens.log_in", (', "exp": int(time()) + TOKEN_LIFETIME', "")),
            "tiny.TokensTest.test_what_a_token_says",
            "Good for ever.",
        ),
        Wrong(
            but("tiny:Tokens.log_in", ("int(time()) + TOKEN_LIFETIME", "TOKEN_LIFETIME")),
            "tiny.TokensTest.test_what_a_token_says",
            "It ended in 1970.",
        ),
        Wrong(
            but("tiny:Tokens.log_in", ("int(time()) + TOKEN_LIFETIME", "time() + TOKEN_LIFETIME")),
            "tiny.TokensTest.test_what_a_token_says",
            "With a fraction, where whole seconds were asked for.",
        ),
        Wrong(
            but("tiny:Tokens.log_in", ("self.sign(signed)", "self.sign(signed.partition('.')[2])")),
            "tiny.TokensTest.test_what_is_signed",
            "The header is not signed.",
        ),
        Wrong(
            but("tiny:Tokens.log_in", ('"HS256"', '"none"')),
            "tiny.TokensTest.test_what_a_token_says",
            "The header says that nothing is signed.",
        ),
        Wrong(
            but("tiny:Tokens.log_in", ('"expires_in": TOKEN_LIFETIME', '"expires_in": claims["exp"]')),
            "tiny.TokensTest.test_the_answer",
            "A moment, where a length of time belongs.",
        ),
    ),
    "tiny-verify": (
        Wrong(
            """
def authenticate(self, request):
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token.count(".") != 2:
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except ValueError:
        return None
    return {"id": said["sub"], "email": said["email"], "role": said["role"]} if time() < said["exp"] else None
""",
            "tiny.TokensTest.test_changed_claims",
            "Read, and never checked.",
        ),
        Wrong(
            """
def authenticate(self, request):
    signed, _, signature = request.headers.get("Authorization", "").removeprefix("Bearer ").rpartition(".")
    if signed.count(".") != 1:
        return None
    try:
        header = json.loads(base64.urlsafe_b64decode(signed.partition(".")[0] + "=="))
    except ValueError:
        return None
    if header["alg"].lower() != "none" and not hmac.compare_digest(signature.encode(), self.sign(signed).encode()):
        return None
    said = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    return {"id": said["sub"], "email": said["email"], "role": said["role"]} if time() < said["exp"] else None
""",
            "tiny.TokensTest.test_algorithms_that_the_token_names",
            "The token says how it is checked.",
        ),
        Wrong(
            but("tiny:Tokens.authenticate", (' if time() < said["exp"] else None', "")),
            "tiny.TokensTest.test_the_end",
            "Good for ever.",
        ),
        Wrong(
            but("tiny:Tokens.authenticate", ("time() < said", "time() <= said")),
            "tiny.TokensTest.test_the_end",
            "A second too long.",
        ),
        Wrong(
            but(
                "tiny:Tokens.authenticate",
                (
                    "if not hmac.compare_digest(signature.encode(), self.sign(signed).encode()):",
                    "if signature != self.sign(signed):",
                ),
            ),
            "tiny.TokensTest.test_how_signatures_are_compared",
            "Not in constant time.",
        ),
        Wrong(
            but(
                "tiny:Tokens.authenticate",
                ("signature.encode(), self.sign(signed).encode()", "signature, self.sign(signed)"),
            ),
            "tiny.TokensTest.test_no_token",
            "compare_digest raises for letters outside ASCII.",
        ),
        Wrong(
            but(
                "tiny:Tokens.authenticate",
                (
                    "if not hmac.compare_digest(signature.encode(), self.sign(signed).encode()):",
                    "if not signed or not self.sign(signed).startswith(signature):",
                ),
            ),
            "tiny.TokensTest.test_no_token",
            "Half a signature is enough, and none.",
        ),
        Wrong(
            but("tiny:Tokens.authenticate", ('"id": said["sub"]', '"sub": said["sub"]')),
            "tiny.TokensTest.test_a_good_token",
            "A user has an id, a token a sub.",
        ),
    ),
    # -- 1 to 7
    "who-are-you": (
        Wrong("403", "1", "Nobody may see the page, so it is forbidden."),
        Wrong("404", "4", "There is no such account."),
        Wrong("401", "5", "Alice is refused, and a refusal is 401."),
    ),
    "request-header": (
        Wrong(
            but("wire:Request.header", ('", ".join(values) if values else None', "values[0] if values else None")),
            "wire.Header.test_a_repeated_header",
            "The first line counts.",
        ),
        Wrong(
            but("wire:Request.header", ('", ".join(values) if values else None', '", ".join(values) or None')),
            "wire.Header.test_an_absent_and_an_empty_header",
            "An empty value is taken for none.",
        ),
        Wrong(
            "def header(self, name):\n    return dict(self.headers).get(name)\n",
            "wire.Header.test_a_repeated_header",
            "A dict keeps the last line.",
        ),
        Wrong(
            but("wire:Request.header", ('return ", "', 'return "; "')),
            "wire.Header.test_a_repeated_header",
            "Cookies have semicolons, so two lines would become one good Cookie header.",
        ),
    ),
    "body-length": (
        Wrong(
            but("serving.reader:_body_length", ("if not _DIGITS.fullmatch(length):", "if not length.isdigit():")),
            "reader.BodyLength.test_content_lengths",
            "isdigit() is true for digits of all scripts, and int() cannot even read some of them.",
        ),
        Wrong(
            but(
                "serving.reader:_body_length",
                ('if length is not None or version == "HTTP/1.0":', 'if version == "HTTP/1.0":'),
            ),
            "reader.BodyLength.test_content_length_and_chunked",
            "RFC 9112 lets a server ignore the length beside chunked.",
        ),
        Wrong(
            but(
                "serving.reader:_body_length",
                ('if last != "chunked" or "chunked" in others:', 'if "chunked" not in coding.lower():'),
            ),
            "reader.BodyLength.test_transfer_codings",
            "Any list with chunked in it.",
        ),
        Wrong(
            but("serving.reader:_body_length", ('length is not None or version == "HTTP/1.0"', "length is not None")),
            "reader.BodyLength.test_chunked_in_http_1_0",
            "The version is forgotten.",
        ),
        Wrong(
            but("serving.reader:_body_length", ("int(length) > MAX_BODY", "int(length) >= MAX_BODY")),
            "reader.Limits.test_a_long_body",
            "One byte too strict.",
        ),
    ),
    "published-keys": (
        Wrong(
            but("keys:check_keys", ("key in _PUBLISHED or len(set(key)) < 16", "len(set(key)) < 10")),
            "keys.Checking.test_given_in_the_program",
            "Known secrets can be quite mixed.",
        ),
        Wrong(
            but("keys:check_keys", ("key in _PUBLISHED or len(set(key)) < 16", "key in _PUBLISHED")),
            "keys.Checking.test_given_in_the_program",
            "32 zeros are in no tutorial.",
        ),
        Wrong(
            but("keys:check_keys", ("len(key) < MIN_KEY", "len(key) <= MIN_KEY")),
            "keys.Reading.test_read",
            "Off by one: 32 bytes are enough.",
        ),
        Wrong(
            but("keys:check_keys", ("The kid of key {number} is", "The kid {kid} is")),
            "keys.Reading.test_what_a_refusal_says",
            "Where the kid was forgotten, the secret stands in its place, and this prints it.",
        ),
    ),
    "fast-hash": (
        Wrong(_attack("stored", "stored, common"), "naive", "What is stored is not the password."),
        Wrong(_attack("common[0]", "stored, common"), "naive", "One guess of 8,500."),
        Wrong(
            _attack(
                "next((p for p in common if __import__('hashlib').md5(p.encode()).hexdigest() == stored), '')",
                "stored, common",
            ),
            "naive",
            "Another hash.",
        ),
    ),
    "long-passwords": (
        Wrong(
            "def _pre_hash(password):\n    return hashlib.sha256(password.encode()).hexdigest().encode()[:44]\n",
            "passwords.Hashes.test_against_another_implementation",
            "Without a key, hashes leaked elsewhere can be tried as passwords.",
        ),
        Wrong(
            but("passwords:_pre_hash", ('password.encode("utf-8")', 'password.strip().encode("utf-8")')),
            "passwords.ExactlyAsSent.test_passwords_that_look_alike",
            "A blank at the end is part of the password.",
        ),
        Wrong(
            but("passwords:_pre_hash", ('_LABEL, password.encode("utf-8")', 'password.encode("utf-8"), _LABEL')),
            "passwords.ExactlyAsSent.test_passwords_that_look_alike",
            "Key and message exchanged: a key is filled up with NUL, so that one at the end changes nothing.",
        ),
        Wrong(
            "def _pre_hash(password):\n    import unicodedata\n"
            '    text = unicodedata.normalize("NFKC", password)\n'
            '    return b64encode(hmac.digest(_LABEL, text.encode("utf-8"), hashlib.sha256))\n',
            "passwords.ExactlyAsSent.test_passwords_that_look_alike",
            "Normalising makes one password of two.",
        ),
    ),
    "verify-password": (
        Wrong(
            but("passwords:verify_password", ("not cost_of(stored)", 'not stored.startswith("$2b$")')),
            "passwords.StoredHashes.test_hashes_that_never_reach_bcrypt",
            "The cost is not looked at.",
        ),
        Wrong(
            but("passwords:verify_password", ("not cost_of(stored)", "not _STORED.match(stored)")),
            "passwords.StoredHashes.test_hashes_that_never_reach_bcrypt",
            "match() looks at the beginning only.",
        ),
        Wrong(
            but("passwords:verify_password", ("_pre_hash(password)", 'password.encode("utf-8")[:72]')),
            "passwords.Hashes.test_a_hash_stored_long_ago",
            "What was hashed is not the bare password.",
        ),
        Wrong(
            "def verify_password(password, stored, work=0):\n    return hash_password(password, 4) == stored\n",
            "passwords.Hashes.test_a_hash_stored_long_ago",
            "Each hash has a salt of its own, so a new one never equals the old one.",
        ),
        Wrong(
            but("passwords:verify_password", ("range(cost_of(stored), work)", "range(cost_of(stored) + 1, work + 1)")),
            "passwords.TheSameWork.test_every_cost",
            "One too many of each: 2**(c+1) up to 2**work is nearly twice as much.",
        ),
        Wrong(
            but(
                "passwords:verify_password",
                (
                    "        bcrypt.checkpw(secret, hash_of_nobody(cost).encode())\n",
                    "        right = bcrypt.checkpw(secret, hash_of_nobody(cost).encode())\n",
                ),
            ),
            "passwords.TheSameWork.test_right_or_wrong",
            "The last answer is returned, and it is always no.",
        ),
    ),
    "role-from-body": (
        Wrong(
            _attack('{"email": "eve@example.com", "password": "correct horse battery"}'), "naive", "An honest sign-up."
        ),
        Wrong(_attack('{"role": "admin"}'), "naive", "Without an address there is no account at all."),
        Wrong(
            _attack('{"email": "eve@example.com", "password": "correct horse battery", "is_admin": True}'),
            "naive",
            "There is no parameter of this name.",
        ),
    ),
    "read-fields": (
        Wrong(
            but("app.routes:read_fields", ("errors = {name[:100]", "errors = {} and {name[:100]")),
            "app.HostileBodies.test_unknown_fields",
            "Unknown fields are passed over in silence.",
        ),
        Wrong(
            but(
                "app.routes:read_fields",
                ("if not isinstance(fields, dict):", "if not fields:"),
            ),
            "app.HostileBodies.test_no_object",
            "A list can be full as well.",
        ),
        Wrong(
            but("app.routes:read_fields", ("elif name not in fields and not some:", "elif None:")),
            "app.HostileBodies.test_missing_fields",
            "Nobody looks for what is missing.",
        ),
        Wrong(
            but(
                "app.routes:read_fields",
                ("type(fields[name]) is not kind", "not isinstance(fields[name], (kind, int))"),
            ),
            "app.HostileBodies.test_wrong_types",
            "Numbers are let through, to be friendly.",
        ),
    ),
    "login-time": (
        Wrong(
            """
def check_credentials(self, email, password):
    user = self.by_email(email)
    if user is None:
        time.sleep(0.001)
        raise InvalidCredentials("unknown_user", None)
    if not verify_password(password, user.password_hash):
        raise InvalidCredentials("wrong_password", user.id)
    if user.disabled:
        raise InvalidCredentials("account_disabled", user.id)
    return self._strengthen(user, password)
""",
            "users.LoggingIn.test_what_a_failure_costs",
            "Waiting is not computing: under load the two can be told apart.",
        ),
        Wrong(
            """
def check_credentials(self, email, password):
    user = self.by_email(email)
    if user is None:
        hash_password(password, self._cost)
        raise InvalidCredentials("unknown_user", None)
    if not verify_password(password, user.password_hash):
        raise InvalidCredentials("wrong_password", user.id)
    if user.disabled:
        raise InvalidCredentials("account_disabled", user.id)
    return self._strengthen(user, password)
""",
            "users.LoggingIn.test_what_a_failure_costs",
            "Making a hash is not comparing with one; it is nearly, and nearly can be measured.",
        ),
        Wrong(
            but(
                "users:Users.check_credentials",
                ('    if user.disabled:\n        raise InvalidCredentials("account_disabled", user.id)\n', ""),
            ),
            "users.LoggingIn.test_disabled_and_enabled_again",
            "Disabled accounts are forgotten.",
        ),
        Wrong(
            """
def check_credentials(self, email, password):
    user = self.by_email(email)
    work = self._highest_cost(cost_of(user.password_hash) if user else 0)
    right = verify_password(password, user.password_hash if user else hash_of_nobody(work), work)
    if user is None:
        raise InvalidCredentials("unknown_user", None)
    if user.disabled:
        raise InvalidCredentials("account_disabled", user.id)
    if not right:
        raise InvalidCredentials("wrong_password", user.id)
    return self._strengthen(user, password)
""",
            "users.LoggingIn.test_reasons",
            "That an account is disabled is told to those who do not know its password.",
        ),
        Wrong(
            but("users:Users.check_credentials", ("hash_of_nobody(work), work)", "hash_of_nobody(work))")),
            "users.LoggingIn.test_the_same_work_whatever_the_cost",
            "An account with an older, cheaper hash answers sooner than nobody.",
        ),
        Wrong(
            but(
                "users:Users.check_credentials",
                ("self._highest_cost(cost_of(stored))", "self._cost"),
            ),
            "users.LoggingIn.test_the_same_work_whatever_the_cost",
            "An account whose hash another process has made, at a higher cost, answers later than nobody.",
        ),
    ),
    "login-message": (
        Wrong(
            but(
                "app.accounts:AccountRoutes.log_in",
                ('"Wrong e-mail or password."', '"Wrong e-mail or password." if known else "Wrong e-mail."'),
                ("    if user is None:", '    known = self.users.by_email(fields["email"])\n    if user is None:'),
            ),
            "app.AFailedLogin.test_who_does_not_exist",
            "The status is the same and the sentence is not.",
        ),
        Wrong(
            but("app.accounts:AccountRoutes.log_in", ('Wrong e-mail or password.", mechanism.challenge', 'Wrong."')),
            "app.Headers.test_a_401_says_how",
            "A 401 without a challenge.",
        ),
        Wrong(
            but("app.accounts:AccountRoutes.log_in", ("mechanism.log_in(", "self.sessions.log_in(")),
            "app.WhenAllIsWell.test_login_by_token",
            "The mechanism was chosen by the route, not here.",
        ),
        Wrong(
            but(
                "app.accounts:AccountRoutes.log_in",
                (
                    "    user = self.prove(",
                    '    if self.users.by_email(fields["email"]) is None:\n'
                    '        text = "Wrong e-mail or password."\n'
                    '        return Response.problem(401, "invalid_credentials", text, mechanism.challenge)\n'
                    "    user = self.prove(",
                ),
            ),
            "throttle.KnownAndUnknown.test_byte_for_byte",
            "The words are the same; but unknown addresses cost no hash and are never counted.",
        ),
    ),
    "throttle-admit": (
        Wrong(
            but(
                "throttle:Throttle.admit",
                ("more = _one_more(counter, window, now)", "more = counter or _one_more(None, window, now)"),
            ),
            "throttle.Accounts.test_the_schedule",
            "Only the first try is counted: fifty guesses at once are all let in.",
        ),
        Wrong(
            but(
                "throttle:Throttle.admit",
                (
                    "if self._counters.replace(key, counter, more) if counter else "
                    "self._counters.setdefault(key, more) is more:\n            return key",
                    "self._counters[key] = more\n        return key",
                ),
            ),
            "throttle.Counters.test_two_tries_that_both_saw_the_waiting_end",
            "Both of two who looked at the same moment write.",
        ),
        Wrong(
            but("throttle:Throttle.admit", ("counter.count >= free and", "counter.count >= free and not window and")),
            "throttle.Addresses.test_twenty_failures_in_a_minute",
            "One password on many accounts is not noticed.",
        ),
        Wrong(
            but(
                "throttle:Throttle.admit",
                (
                    "            raise _too_many(",
                    "            self._counters[key] = _one_more(counter, window, now)\n            raise _too_many(",
                ),
            ),
            "throttle.Accounts.test_the_schedule",
            "Knocking too early is counted as a failure: an impatient owner waits for ever.",
        ),
        Wrong(
            but("throttle:Throttle.admit", ('key += ", by a clock behind"\n', "self._counters.pop(key)\n")),
            "throttle.Counters.test_a_clock_that_is_ahead",
            "What another clock wrote is thrown away, and with it what was counted.",
        ),
    ),
    # -- 8 to 13
    "cookie-header": (
        Wrong("{'session': 'a', 'theme': 'dark'}", "1", "The value ends at the second equals sign."),
        Wrong("{'session': 'planted', 'theme': 'dark'}", "2", "The last one counts."),
        Wrong("{'session': 'a; b=c'}", "3", "Quotes hold a value together."),
        Wrong("{'x': 'A'}", "4", "%41 is an A."),
    ),
    "cookies-parse": (
        Wrong(
            """
def parse(header):
    return dict(pair.strip(" \\t").split("=") for pair in header.split(";"))
""",
            "cookies.Writing.test_what_was_written_comes_back",
            "A value may hold an equals sign, and a piece may hold none.",
        ),
        Wrong(
            but("cookies:parse", ("name = name.strip(_BLANKS)", "name = name.strip()")),
            "cookies.Reading.test_the_table",
            "strip() drops more than blanks and tabs.",
        ),
        Wrong(
            but("cookies:parse", ("repeated.append(name)", "pass")),
            "cookies.Reading.test_the_table",
            "The first one counts, whoever planted it.",
        ),
        Wrong(
            """
def parse(header):
    from http.cookies import SimpleCookie

    return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
""",
            "cookies.Writing.test_what_was_written_comes_back",
            "The standard library knows names of its own, drops everything for one bad neighbour, and decodes quotes.",
        ),
        Wrong(
            but("cookies:parse", ("cookies.pop(name, None)", "cookies.clear()")),
            "cookies.Reading.test_the_table",
            "One name that comes twice costs all the others.",
        ),
    ),
    "guessable-session": (
        Wrong(
            _attack('[f"{email} {around + n}" for n in range(-60, 61)]', "email, around"),
            "naive",
            "The id is made of these texts, and is not one of them.",
        ),
        Wrong(
            _attack('[__import__("hashlib").sha256(email.encode()).hexdigest()[:43]]', "email, around"),
            "naive",
            "The time is in it as well, and it is written in base64url.",
        ),
        Wrong(
            _attack('[__import__("secrets").token_urlsafe(32) for _ in range(1000)]', "email, around"),
            "naive",
            "A thousand of 2 to the power of 256.",
        ),
    ),
    "map-setdefault": (
        Wrong(
            """
def setdefault(self, key, value):
    return self._entries.setdefault(key, value)
""",
            "maps.MemoryMapTest.test_every_verb_at_the_end",
            "The dict knows nothing of ends and owners.",
        ),
        Wrong(
            """
def setdefault(self, key, value):
    current = self.get(key)
    if current is None:
        time.sleep(0)
        self[key] = value
    return value if current is None else current
""",
            "maps.MemoryMapTest.test_setdefault_at_once",
            "Between looking and storing, somebody else looks.",
        ),
        Wrong(
            """
def setdefault(self, key, value):
    with self._lock:
        if key not in self._entries:
            self[key] = value
        return self._entries[key]
""",
            "maps.MemoryMapTest.test_every_verb_at_the_end",
            "An entry that has ended keeps the key.",
        ),
        Wrong(
            """
def setdefault(self, key, value):
    with self._lock:
        current = self.get(key)
        if current is None:
            self[key] = value
        return current
""",
            "maps.MemoryMapTest.test_setdefault",
            "Whoever was first hears None.",
        ),
    ),
    "fixation": (
        Wrong(
            but("sessions:Sessions.log_in", ("    self._end(request)\n", "")),
            "sessions.Fixation.test_the_attackers_own_session_planted",
            "A new id, and the old session lives on.",
        ),
        Wrong(
            but(
                "sessions:Sessions.log_in",
                (
                    "    self._end(request)\n    session_id, now = secrets.token_urlsafe(ID_BYTES), self._now()\n",
                    "    known = cookies.parse(request.header('cookie') or '').get(self.cookie_name)\n"
                    "    known = known if known and self._records.get(_key(known)) else None\n"
                    "    session_id, now = known or secrets.token_urlsafe(ID_BYTES), self._now()\n",
                ),
            ),
            "sessions.Fixation.test_the_attackers_own_session_planted",
            "Ids that we gave out ourselves are trusted; the attacker's is one of them.",
        ),
        Wrong(
            but(
                "sessions:Sessions.log_in",
                ("    self._end(request)\n", ""),
                ("    return Response.json", "    self._end(request)\n    return Response.json"),
            ),
            "sessions.Fixation.test_the_attackers_own_session_planted",
            "Where the login is refused at last, the planted session lives on.",
        ),
        Wrong(
            but(
                "sessions:Sessions.log_in",
                (
                    "secrets.token_urlsafe(ID_BYTES), self._now()",
                    "__import__('base64').urlsafe_b64encode(__import__('random').randbytes(32)).decode()[:43], "
                    "self._now()",
                ),
            ),
            "sessions.Ids.test_where_they_come_from",
            "New, and of the wrong generator: whoever saw a few of its numbers computes the others.",
        ),
        Wrong(
            but("sessions:Sessions.log_in", ("self._end(request)", "self.end_all(user.id)")),
            "sessions.Many.test_one_more_than_the_cap",
            "Every login ends the user's others, and the planted one, which is somebody else's, lives.",
        ),
        Wrong(
            but("sessions:Sessions.log_in", ("[:-MAX_PER_USER]", "[:0]")),
            "sessions.Many.test_one_more_than_the_cap",
            "Sessions without end for one user.",
        ),
    ),
    "sessions-authenticate": (
        Wrong(
            but(
                "sessions:Sessions.authenticate",
                ("who_proved(session.user_id, session.password_version)", "get(session.user_id)"),
            ),
            "sessions.WhoeverIsGone.test_in_the_midst_of_a_session",
            "A disabled user, and one with a new password, is still there.",
        ),
        Wrong(
            but(
                "sessions:Sessions.authenticate",
                ("    if self._now() - session.last_seen >= TOUCH_INTERVAL:\n    ", ""),
            ),
            "sessions.Ends.test_idle_after_a_use",
            "A write at each request.",
        ),
        Wrong(
            but(
                "sessions:Sessions.authenticate",
                (
                    "key = self.current(request)",
                    "key = cookies.parse(request.header('cookie') or '').get(self.cookie_name, '')",
                ),
            ),
            "mechanisms.SessionsTest.test_whoever_logged_in",
            "The map's keys are hashes of the ids.",
        ),
        Wrong(
            but(
                "sessions:Sessions.authenticate",
                (
                    'return self._refuse(request, "no_such_session")',
                    'return Response.problem(401, "unauthorized", "Your session has ended.", self.challenge)',
                ),
            ),
            "sessions.Ends.test_idle_after_a_use",
            "The answer tells an ended session from none at all.",
        ),
        Wrong(
            but(
                "sessions:Sessions.authenticate",
                ("if self._now() - session.last_seen >= TOUCH_INTERVAL:", "if False:"),
            ),
            "sessions.Ends.test_idle_after_a_use",
            "Whoever works for half an hour is logged out.",
        ),
    ),
    "me": (
        Wrong(
            but("app.accounts:AccountRoutes.me", ("    if isinstance(caller, Response):\n        return caller\n", "")),
            "app.WhenAllIsWell.test_login_under_https",
            "A refusal is not a user.",
        ),
        Wrong(
            but(
                "app.accounts:AccountRoutes.me",
                ("mechanism.authenticate(request)", 'self.permitted(request, "user")'),
            ),
            "authorization.BothAtOnce.test_routes_of_one_mechanism",
            "This route takes a session and nothing else.",
        ),
        Wrong(
            but(
                "app.accounts:AccountRoutes.me",
                ("shown(caller)", "Response.json({'user': {n: getattr(caller, n) for n in caller.__slots__}})"),
            ),
            "app.WhenAllIsWell.test_me_by_either",
            "All fields, the hash too.",
        ),
        Wrong(
            but("app.accounts:AccountRoutes.me", ("shown(caller)", "Response.json(caller.public())")),
            "app.WhenAllIsWell.test_me_by_either",
            "Without the envelope that clients expect.",
        ),
    ),
    "logout": (
        Wrong(
            but("sessions:Sessions.log_out", ('"session_expired"', '"logged_out"')),
            "sessions.Ids.test_who_and_from_where",
            "Whoever watches the log looks for another word.",
        ),
        Wrong(
            but("sessions:Sessions.log_out", (", headers=self.clearing", "")),
            "mechanisms.SessionsTest.test_logging_out_tells_the_browser",
            "The browser goes on sending a dead cookie.",
        ),
        Wrong(
            """
def log_out(self, request):
    self._records.pop(self.current(request))
    return Response.json({"message": "Logged out"}, headers=self.clearing)
""",
            "sessions.LoggingOut.test_a_second_cookie_that_somebody_planted",
            "A planted twin makes the request nobody's, and the session lives on.",
        ),
        Wrong(
            but(
                "sessions:Sessions.log_out",
                (
                    "    if session is not None:\n",
                    "    if session is not None:\n        self.end_all(session.user_id)\n",
                ),
            ),
            "sessions.LoggingOut.test_twice_and_without_a_session",
            "It ends the user's sessions everywhere.",
        ),
        Wrong(
            but(
                "sessions:Sessions.log_out",
                (
                    "session = self._end(request)",
                    "try:\n        session = self._end(request)\n    except Exception:\n        session = None",
                ),
            ),
            "sessions.LoggingOut.test_a_store_that_cannot_be_reached",
            'It says "Logged out" although nothing was ended.',
        ),
    ),
    "password-change": (
        Wrong(
            but("users:Users.set_password", ("self.who_proved(user_id, proved_version)", "self.get(user_id)")),
            "users.NewPasswords.test_while_the_account_is_changed",
            "Of several changes with one old password the last one counts, whoever made it.",
        ),
        Wrong(
            but(
                "users:Users.set_password",
                (
                    "        if self._records.replace(user_id, user, changed):\n            return changed",
                    "        self._records[user_id] = changed\n        return changed",
                ),
            ),
            "users.NewPasswords.test_while_the_account_is_changed",
            "A change that came between is overwritten: a ban is lifted.",
        ),
        Wrong(
            but("users:Users.set_password", ("password_hash=stored, ", "")),
            "logins.Password.test_logging_in_afterwards",
            "Everybody is logged out, and the old password stays.",
        ),
        Wrong(
            but("users:Users.set_password", ("user.password_version + 1", "user.password_version - 1")),
            "users.NewPasswords.test_a_new_password",
            "It differs, but it does not count the changes.",
        ),
        Wrong(
            but("users:Users.set_password", ("user.password_version + 1", "1")),
            "users.NewPasswords.test_one_after_the_other",
            "The second change does not count.",
        ),
    ),
    "cookie-flags": (
        Wrong(
            but("cookies:set_cookie", ("{lifetime}; HttpOnly", "{lifetime}")),
            "cookies.Writing.test_the_exact_text",
            "Scripts can read it.",
        ),
        Wrong(
            but(
                "cookies:set_cookie",
                (
                    "if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):",
                    'if "\\r" in name + value or "\\n" in name + value:',
                ),
            ),
            "cookies.Writing.test_names_that_are_no_token",
            "A semicolon is enough to add a flag.",
        ),
        Wrong(
            but("cookies:set_cookie", ("_VALUE.fullmatch(value)", "_VALUE.match(value)")),
            "cookies.Writing.test_characters_that_break_out",
            "Only the beginning of the value is looked at.",
        ),
        Wrong(
            but("cookies:set_cookie", ("len(name) + len(value)", "len(value)")),
            "cookies.Writing.test_one_byte_too_many",
            "A browser counts the name too.",
        ),
        Wrong(
            but("cookies:set_cookie", ('name.startswith(("__Host-", "__Secure-"))', 'name.startswith("__Host-")')),
            "cookies.Writing.test_prefix_without_secure",
            "The other guarded prefix is forgotten.",
        ),
    ),
    "cookie-blank": (
        Wrong(_attack('("__Host-session", "planted")'), "naive", "The browser guards exactly this name."),
        Wrong(_attack('(" __Host-session", "planted")'), "naive", "The browser drops this blank too."),
        Wrong(_attack('("__HOST-session", "planted")'), "naive", "The browser guards it in any letters."),
        Wrong(_attack('("session", "planted")'), "naive", "This is another name."),
    ),
    "cross-site": (
        Wrong(
            but(
                "guards:is_cross_site",
                (
                    'origin == (public_url or (f"http://{host}" if host else None))',
                    'origin.startswith(public_url or f"http://{host}")',
                ),
            ),  # fmt: skip
            "guards.CrossSite.test_origins_that_look_like_ours",
            "http://auth.example.evil.example begins like ours.",
        ),
        Wrong(
            but("guards:is_cross_site", ('return site not in (None, "same-origin", "none")', "return False")),
            "guards.CrossSite.test_the_table_of_go",
            "A foreign request without Origin is let in, though Sec-Fetch-Site says what it is.",
        ),
        Wrong(
            but(
                "guards:is_cross_site",
                (
                    '(request.header("authorization") or "").lower().startswith("bearer ")',
                    'request.header("authorization") is not None',
                ),
            ),
            "guards.CrossSite.test_with_authorization",
            "A browser adds a Basic password by itself.",
        ),
        Wrong(
            but(
                "guards:is_cross_site",
                ('(public_url or (f"http://{host}" if host else None))', '(f"http://{host}" if host else None)'),
            ),
            "guards.CrossSite.test_the_table_of_go",
            "Whoever forges Host makes any origin ours.",
        ),
        Wrong(
            but("guards:is_cross_site", ('f"http://{host}" if host else None', 'f"http://{host}"')),
            "guards.CrossSite.test_no_host",
            "Without Host our origin would be http://None, and that can be sent.",
        ),
        Wrong(
            but(
                "guards:is_cross_site",
                ('site not in (None, "same-origin", "none")', 'site in ("cross-site", "same-site")'),
            ),
            "guards.CrossSite.test_words_that_no_browser_says",
            "What is not forbidden is allowed, unknown words too.",
        ),
        Wrong(
            but("guards:is_cross_site", ("    if origin is None:", '    if origin is None or site == "same-origin":')),
            "guards.CrossSite.test_the_table_of_go",
            "The newer header has the last word, and some servers let a page write it.",
        ),
        Wrong(
            but("guards:is_cross_site", ('not (behind_tls and site == "same-origin")', "True")),
            "guards.CrossSite.test_a_proxy_that_ends_tls",
            "Behind a proxy that ends TLS nobody can do anything any more.",
        ),
    ),
    # -- 14 to 18
    "base64url": (
        Wrong(
            """
def decode(part):
    from base64 import urlsafe_b64decode

    try:
        return urlsafe_b64decode(part + b"==")
    except ValueError:
        raise Malformed("not base64url") from None
""",
            "keys.Reading.test_refused",
            "The standard library skips foreign characters and ignores spare bits.",
        ),
        Wrong(
            but("jwt:decode", (' + b"==")', ")")),
            "jwt.Examples.test_rfc_7515_a_1",
            "The padding that was left away has to come back.",
        ),
        Wrong(
            but("jwt:decode", ("part.translate(_SWAP)", "part")),
            "jwt.SignAndUnsign.test_payloads_of_all_kinds",
            "base64 with + and / is another alphabet.",
        ),
        Wrong(
            but("jwt:decode", ("encode(data) != part", "False")),
            "keys.Reading.test_refused",
            "Spare bits are not looked at.",
        ),
    ),
    "jwt-anatomy": (
        Wrong("'none'", "1", "RFC 7515 has an example without a signature too; this is not it."),
        Wrong("43", "3", "These are the characters."),
        Wrong("'Expired'", "4", "It has expired long ago, but the signature comes first."),
    ),
    "jwt-split": (
        Wrong(
            """
def _split(token):
    parts = token.encode().split(b".")
    if len(parts) != 3:
        raise Malformed("not three parts")
    return parts[0], parts[1], parts[2]
""",
            "jwt.SignAndUnsign.test_what_it_refuses",
            "Three parts of anything.",
        ),
        Wrong(
            but(
                "jwt:_split",
                ('token.encode("ascii", "replace")', 'token.encode("ascii")'),
            ),
            "jwt.SignAndUnsign.test_what_it_refuses",
            "encode() raises an error of its own for é.",
        ),
        Wrong(
            but("jwt:_split", ("len(token) > MAX_TOKEN", "len(token) >= MAX_TOKEN")),
            "jwt.CreateAndVerify.test_one_character_too_many",
            "The longest one is allowed.",
        ),
        Wrong(
            but("jwt:_split", ('text.translate(None, _ALPHABET) != b".."', "text.count(b'.') != 2")),
            "jwt.SignAndUnsign.test_what_it_refuses",
            "Foreign characters are left to the decoder, which compares them as part of the signature.",
        ),
    ),
    "jwt-sign": (
        Wrong(
            but("jwt:sign", ('{**(header or {}), "alg": "HS256"}', '{"alg": "HS256", **(header or {})}')),
            "jwt.SignAndUnsign.test_a_header_that_asks_for_another_algorithm",
            "The caller's alg wins over ours.",
        ),
        Wrong(
            but("jwt:sign", ('"alg": "HS256"}', '"alg": "HS256", "typ": "JWT"}')),
            "jwt.SignAndUnsign.test_made_by_hand",
            "This layer does not say what the payload is.",
        ),
        Wrong(
            """
def sign(payload, key, header=None):
    head = encode(write_json({**(header or {}), "alg": "HS256"}))
    signed = head + b"." + encode(payload)
    return (signed + b"." + encode(hmac.digest(key, signed, "sha256"))).decode()
""",
            "jwt.SignAndUnsign.test_a_short_key",
            "HMAC takes any key, the empty one too.",
        ),
        Wrong(
            """
def sign(payload, key, header=None):
    head = write_json({**(header or {}), "alg": "HS256"})
    mac = _signature(head + b"." + payload, key)
    return b".".join([encode(head), encode(payload), mac]).decode()
""",
            "jwt.SignAndUnsign.test_payloads_of_all_kinds",
            "Signed is what is written, not what it means.",
        ),
    ),
    "jwt-create": (
        Wrong(
            but("jwt:create", ("next(iter(keys))", "list(keys)[-1]")),
            "jwt.CreateAndVerify.test_what_was_created",
            "The last key of the ring is the one that is about to go.",
        ),
        Wrong(
            but("jwt:create", ("next(iter(keys))", "min(keys)")),
            "jwt.CreateAndVerify.test_what_was_created",
            "How names sort says nothing about which key is the newest.",
        ),
        Wrong(
            but("jwt:create", ("_header(kid)", 'encode(write_json({"alg": "HS256", "typ": "JWT", "kid": kid}))')),
            "jwt.CreateAndVerify.test_what_was_created",
            "Any token that this key ever signs would be an access token.",
        ),
        Wrong(
            """
def create(claims, keys):
    kid = next(iter(keys))
    return sign(str(claims).encode(), keys[kid], {"typ": TYPE, "kid": kid})
""",
            "jwt.CreateAndVerify.test_what_was_created",
            "Python's way to write a dict is not JSON.",
        ),
    ),
    "jwt-alg": (
        Wrong(
            """
def unsign(token, key):
    header, payload, signature = _split(token)
    algorithm = _read_object(header, "header").get("alg")
    if not isinstance(algorithm, str) or algorithm.lower() == "none":
        raise WrongAlgorithm("unsigned")
    _check_signature(header, payload, signature, key)
    return decode(payload)
""",
            "jwt.SignAndUnsign.test_what_it_refuses",
            "One algorithm is forbidden, instead of one being allowed.",
        ),
        Wrong(
            """
def unsign(token, key):
    header, payload, signature = _split(token)
    _check_signature(header, payload, signature, key)
    return decode(payload)
""",
            "jwt.Examples.test_rfc_7519_6_1",
            "The header is not looked at, so that crit and alg mean nothing; and the refusal is the wrong one.",
        ),
        Wrong(
            """
def unsign(token, key):
    header, payload, signature = token.encode().split(b".")
    _members(header)
    _check_signature(header, payload, signature, key)
    return decode(payload)
""",
            "jwt.SignAndUnsign.test_what_it_refuses",
            "Without the form, ten megabytes and blanks get through to here.",
        ),
        Wrong(
            """
def unsign(token, key):
    header, payload, signature = _split(token)
    if _read_object(header, "header").get("alg") != "HS256":
        raise WrongAlgorithm("alg is not HS256")
    if not hmac.compare_digest(encode(hmac.digest(key, header + b"." + payload, "sha256")), signature):
        raise BadSignature("the signature does not fit")
    return decode(payload)
""",
            "jwt.SignAndUnsign.test_what_it_refuses",
            "crit is passed over, and an empty key signs.",
        ),
    ),
    "jwt-none": (
        Wrong(_attack("token", "token"), "naive", "The honest token says user."),
        Wrong(ATTACKS["jwt-none"].replace('"None"', '"none"'), "naive", "This spelling is the one that is refused."),
        Wrong(
            ATTACKS["jwt-none"].replace('"None"', '"HS256", "kid": "k1"'), "naive", "Without a signature it is refused."
        ),
    ),
    "half-a-signature": (
        Wrong(_attack("token", "token"), "naive", "The honest token says user."),
        Wrong(
            ATTACKS["half-a-signature"].replace('rstrip("=") + "."', 'rstrip("=") + "." + _'),
            "naive",
            "The old signature belongs to the old claims.",
        ),
        Wrong(
            ATTACKS["half-a-signature"].replace('rstrip("=") + "."', 'rstrip("=")'),
            "naive",
            "Without the second dot these are two parts.",
        ),
    ),
    "constant-time": (
        Wrong(
            """
def _check_signature(header, payload, signature, key):
    ours, wrong = _signature(header + b"." + payload, key), False
    for a, b in zip(ours, signature):
        wrong = wrong or a != b
    if wrong:
        raise BadSignature("the signature does not fit")
""",
            "jwt.CreateAndVerify.test_refused",
            "It takes its time, and compares as far as the shorter one goes.",
        ),
        Wrong(
            but(
                "jwt:_check_signature",
                (
                    '_signature(header + b"." + payload, key), signature',
                    'decode(_signature(header + b"." + payload, key)), decode(signature)',
                ),
            ),
            "jwt.CreateAndVerify.test_refused",
            "The bytes are compared, so that another spelling is refused as malformed and not as a bad signature.",
        ),
        Wrong(
            but(
                "jwt:_check_signature",
                (
                    '_signature(header + b"." + payload, key), signature',
                    '_signature(header + b"." + payload, key)[:16], signature[:16]',
                ),
            ),
            "jwt.CreateAndVerify.test_refused",
            "Half of it should do.",
        ),
        Wrong(
            """
def _check_signature(header, payload, signature, key):
    ours = _signature(header + b"." + payload, key)
    if len(ours) != len(signature) or any(a != b for a, b in zip(ours, signature)):
        raise BadSignature("the signature does not fit")
""",
            "jwt.CreateAndVerify.test_a_signature_guessed_piece_by_piece",
            "any() stops at the first difference, like != itself.",
        ),
    ),
    "jwt-times": (
        Wrong(
            but("jwt:_check_times", ("if not now < _date", "if not now <= _date")),
            "jwt.Times.test_the_same_token_again",
            "On exp it is over already.",
        ),
        Wrong(
            but("jwt:_check_times", ('_date(claims.get("nbf", 0))', "0")),
            "jwt.Times.test_edges",
            "nbf is forgotten.",
        ),
        Wrong(
            but("jwt:_check_times", ('    _date(claims["iat"])\n', "")),
            "jwt.CreateAndVerify.test_refused",
            "A token without iat, or with one that is no date.",
        ),
        Wrong(
            but("jwt:_check_times", ("- leeway", "+ leeway")),
            "jwt.Times.test_edges",
            "The leeway moves this end inwards.",
        ),
        Wrong(
            but("jwt:_check_times", ('_date(claims["exp"])', '_date(claims.get("exp", END_OF_TIME - 1))')),
            "jwt.CreateAndVerify.test_refused",
            "A token without exp lives till the year 10000.",
        ),
    ),
    "issuer-prefix": (
        Wrong(_attack('"https://auth.example"'), "reference", "That is the server's own name: honest use, no attack."),
        Wrong(_attack('"https://evil.example/https://auth.example"'), "naive", "It ends in the right way."),
        Wrong(_attack('"https://AUTH.example"'), "naive", "Capitals are other letters here."),
    ),
    "tokens-authenticate": (
        Wrong(
            but("tokens:Tokens._claims", (", now=self.now()", "")),
            "tokens.LogIn.test_a_quarter_of_an_hour",
            "The clock that was passed in is the one that counts.",
        ),
        Wrong(
            but("tokens:Tokens._claims", ("issuer=self.issuer, ", "")),
            "tokens.LogIn.test_another_machine_that_should_not",
            "A token of the staging server opens the real one.",
        ),
        Wrong(
            but("tokens:Tokens._claims", ('scheme.lower() != "bearer"', 'scheme != "Bearer"')),
            "tokens.Credentials.test_the_table",
            "The case of a scheme does not matter.",
        ),
        Wrong(
            but("tokens:Tokens._claims", ('token.lstrip(" ")', "token.strip()")),
            "tokens.Credentials.test_the_table",
            "A token with a blank behind it is not the token that was given out.",
        ),
        Wrong(
            but("tokens:Tokens._claims", ('self.revocation.is_revoked(str(claims.get("fam")))', "False")),
            "revocation.Modes.test_right_after_the_login_ended",
            "The list is kept and nobody looks at it.",
        ),
        Wrong(
            but("tokens:Tokens._claims", ('f"{type(invalid).__name__}: {invalid}"', '"invalid token"')),
            "tokens.Hostile.test_the_reason_in_the_log",
            "Whoever reads the log cannot tell an expired token from a forged one.",
        ),
    ),
    "tokens-log-in": (
        Wrong(
            but("tokens:Tokens.log_in", ("        self.families.pop(family_of(token))\n", "")),
            "tokens.WhatTheClientHears.test_an_account_that_ended_meanwhile",
            "It refuses, and the family stays: it comes back with the account.",
        ),
        Wrong(
            """
def log_in(self, user, request):
    family, token = new_family(user, request.user_agent, self.now())
    self.families[family_of(token)] = family
    for family_id, oldest in list(self.logins(user.id).items())[:-MAX_PER_USER]:
        self.revocation.end(family_id, oldest)
    return self._answer(user, family_of(token), family, token, request)
""",
            "mechanisms.TokensTest.test_a_login_with_yesterdays_password",
            "Nobody asks whether the password is still theirs.",
        ),
        Wrong(
            but("tokens:Tokens.log_in", ("[:-MAX_PER_USER]", "[MAX_PER_USER:]")),
            "refresh.Ends.test_one_login_too_many",
            "The newest goes, and the thief's old one stays.",
        ),
        Wrong(
            but("tokens:Tokens.log_in", ("    self.families[family_of(token)] = family\n", "")),
            "tokens.WhatTheClientHears.test_an_account_that_ended_meanwhile",
            "Nothing is kept that could be renewed.",
        ),
    ),
    "tokens-log-out": (
        Wrong(
            but("tokens:Tokens.log_out", ("        self.revocation.end(family_id, family)\n", "")),
            "tokens.LogIn.test_log_out",
            "It says so, and ends nothing.",
        ),
        Wrong(
            but("tokens:Tokens.log_out", ("self.revocation.end(family_id, family)", "self.families.pop(family_id)")),
            "mechanisms.DenyListTest.test_after_logging_out",
            "Where there is a deny list, the access token goes on.",
        ),
        Wrong(
            """
def log_out(self, request):
    family_id = family_of(request.json()["refresh_token"])
    family = self.families.get(family_id)
    if family is not None:
        self.emit("authn_token_revoked", user=family.user_id, peer=request.peer)
        self.revocation.end(family_id, family)
    return Response.json({"message": "Logged out"})
""",
            "tokens.WhatTheClientHears.test_a_logout_of_another_form",
            "A body of another form is an exception.",
        ),
        Wrong(
            but(
                "tokens:Tokens.log_out", ("self.revocation.end(family_id, family)", "self.end_all(family.user_id)")
            ),  # fmt: skip
            "mechanisms.DenyListTest.test_after_logging_out",
            "One device logs out, and all of them are.",
        ),
        Wrong(
            but(
                "tokens:Tokens.log_out",
                ('        self.emit("authn_token_revoked", user=family.user_id, peer=request.peer)\n', ""),
            ),
            "tokens.WhatTheLogHears.test_who_and_from_where",
            "Nothing of it stands in the log.",
        ),
    ),
    "cookie-or-token": (
        Wrong(
            but("app.routes:Routes.mechanism", ('request.header("authorization") is None', 'request.header("cookie")')),
            "authorization.BothAtOnce.test_a_bad_token_beside_a_good_cookie",
            "The cookie, which comes by itself, decides.",
        ),
        Wrong(
            but(
                "app.routes:Routes.mechanism",
                (' if request.header("authorization") is None', ' if not request.header("authorization")'),
            ),  # fmt: skip
            "authorization.BothAtOnce.test_a_bad_token_beside_a_good_cookie",
            "An empty header is one all the same.",
        ),
        Wrong(
            """
def mechanism(self, request):
    if request.header("authorization") is None or isinstance(self.tokens.authenticate(request), Response):
        return self.sessions
    return self.tokens
""",
            "authorization.BothAtOnce.test_a_bad_token_beside_a_good_cookie",
            "A bad token falls back to the cookie.",
        ),
        Wrong(
            """
def mechanism(self, request):
    if (request.header("authorization") or "").startswith("Bearer "):
        return self.tokens
    return self.sessions
""",
            "authorization.BothAtOnce.test_a_bad_token_beside_a_good_cookie",
            "Another scheme, or other letters, and the cookie is back.",
        ),
    ),
    "refresh-rotation": (
        Wrong(
            but("refresh:use", ("changed is family or families.replace(family_of(token), family, changed)", "changed")),
            "refresh.Rotation.test_two_logins",
            "What the use changed is written nowhere.",
        ),
        Wrong(
            but(
                "refresh:use",
                (
                    "        if changed is family or families.replace(family_of(token), family, changed):\n"
                    "            return changed, newest\n"
                    "        family = families.get(family_of(token))  # another use came between: look again\n",
                    "        families[family_of(token)] = changed\n        return changed, newest\n",
                ),
            ),
            "refresh.Meeting.test_an_end_after_the_look",
            "A login that ended meanwhile is written back.",
        ),
        Wrong(
            but(
                "refresh:use",
                (
                    "        family = families.get(family_of(token))  # another use came between: look again\n",
                    "        raise InvalidGrant('another use came between')\n",
                ),
            ),
            "refresh.Meeting.test_two_uses_that_both_saw_the_same_record",
            "Of two tabs, one is logged out.",
        ),
        Wrong(
            but(
                "refresh:use",
                (
                    "        family = families.get(family_of(token))  # another use came between: look again\n",
                    "        return changed, newest\n",
                ),
            ),
            "refresh.Meeting.test_an_end_after_the_look",
            "Whether the record could be written does not matter: the answer of a login that has ended.",
        ),
    ),
    "after-use": (
        Wrong(
            but("refresh:_after_use", ("    if _sha256", "    newest = token\n    if _sha256")),
            "refresh.Retry.test_a_token_from_many_steps_ago",
            "A lost answer counts as theft.",
        ),
        Wrong(
            but("refresh:_after_use", ("_follow(family, token, now)", "_follow(family, token, 0)")),
            "refresh.Rotation.test_a_used_token",
            "As long as a step is there, it is a retry.",
        ),
        Wrong(
            but(
                "refresh:_after_use",
                ('        raise Reused("used before")\n', "        return family, newest\n"),
            ),
            "refresh.Rotation.test_a_used_token",
            "Whoever has the handle is believed.",
        ),
        Wrong(
            but("refresh:_after_use", ("newest != token or ", "")),
            "refresh.Retry.test_a_token_from_many_steps_ago",
            "A retry uses up the token that somebody else has just been given.",
        ),
        Wrong(
            but("refresh:_after_use", (" or now - family.used_at < MIN_AGE", "")),
            "refresh.Retry.test_a_token_younger_than_a_second",
            "Who asks fast makes the record grow without end.",
        ),
        Wrong(
            but(
                "refresh:_after_use",
                ("if family.expires_at - now <=", "if newest == token and family.expires_at - now <="),
            ),
            "refresh.Ends.test_the_last_access_tokens",
            "A retry near the end is given a token with which nothing can be renewed.",
        ),
        Wrong(
            but("refresh:_after_use", ('return family, ""', "pass")),
            "refresh.Ends.test_the_last_access_tokens",
            "Clients renew what lives ever shorter, ever more often.",
        ),
        Wrong(
            but(
                "refresh:_after_use",
                ("elif _sha256(newest) != family.used or now - family.used_at >= RETRY_WINDOW:", "else:"),
            ),
            "refresh.FirstEdition.test_an_answer_that_got_lost_in_between",
            "During the upgrade a lost answer counts as theft.",
        ),
        Wrong(
            but("refresh:_after_use", ("if now - family.last_seen >= MIN_AGE:", "if True:")),
            "revocation.ClockSetBack.test_with_another_refresh_before_the_logout",
            "A clock set back makes the family forget its last token.",
        ),
    ),
    "deny-list": (
        Wrong(
            but("revocation:Revocation.end", ("max(family.last_seen, self.now())", "self.now()")),
            "revocation.ClockSetBack.test_between_the_last_token_and_the_logout",
            "The clock may have been set back since the last token.",
        ),
        Wrong(
            but("revocation:Revocation.end", ("max(family.last_seen, self.now())", "family.last_seen")),
            "revocation.Entries.test_an_exchange_beside_the_end",
            "A token may have been given out after the record was read.",
        ),
        Wrong(
            but("revocation:Revocation.end", ("last_token + ACCESS_LIFETIME", "family.expires_at")),
            "revocation.Entries.test_a_login_that_ends_right_after_its_last_token",
            "For a month: the list grows and grows.",
        ),
        Wrong(
            but("revocation:Revocation.end", ("last_token + ACCESS_LIFETIME", "last_token + 60")),
            "revocation.Entries.test_a_login_that_ends_right_after_its_last_token",
            "A minute later the token works again.",
        ),
        Wrong(
            but("revocation:Revocation.end", ('if self.mode == "denylist":', "if True:")),
            "revocation.Entries.test_the_family_of_a_login_that_ended",
            "A list is kept that nobody asks.",
        ),
        Wrong(
            but("revocation:Revocation.end", ("\n    self.families.pop(family_id)", "")),
            "revocation.Entries.test_the_family_of_a_login_that_ended",
            "Noted, and the login can be refreshed on.",
        ),
    ),
    "access-ends": (
        Wrong("200", "1", "The cookie says 24 hours."),
        Wrong("401", "2", "Logged out is logged out; but nobody asks about a token."),
        Wrong("200", "3", "15 minutes to the second are over."),
        Wrong("401", "4", "Half an hour without use would end it, not a quarter."),
        Wrong("200", "5", "The token is still good, but this route asks the store."),
    ),
    # -- 19 and 20
    "permits": (
        Wrong(
            but("roles:permits", ("caller.is_active_admin", 'caller.role == "admin"')),
            "authorization.TheMatrix.test_the_rules_by_themselves",
            "A disabled admin is one still.",
        ),
        Wrong(
            but("roles:permits", ('rule == "self_or_admin" and caller.id == user_id', "caller.id == user_id")),
            "authorization.TheMatrix.test_the_rules_by_themselves",
            "One's own account makes one an admin.",
        ),
        Wrong(
            but("roles:permits", ("caller.id == user_id", "user_id in (None, caller.id)")),
            "authorization.TheMatrix.test_the_rules_by_themselves",
            "Nobody's account is everybody's.",
        ),
        Wrong(
            """
def permits(rule, caller, user_id=None):
    if caller.is_active_admin:
        return True
    if rule == "admin":
        return False
    return rule != "self_or_admin" or caller.id == user_id
""",
            "roles.Permits.test_a_rule_with_a_misprint",
            "A rule with a misprint lets everybody in.",
        ),
    ),
    "others-account": (
        Wrong(_attack('"/users/" + own_id', "own_id, other_id"), "naive", "That is your own account."),
        Wrong(_attack('"/me?id=" + other_id', "own_id, other_id"), "naive", "This route takes no parameter."),
        Wrong(_attack('"/users"', "own_id, other_id"), "naive", "The list has a guard of its own."),
    ),
    "role-from-token": (
        Wrong(
            but("app.routes:Routes.permitted", ("if live is None or live.disabled:", "if live is None:")),
            "roles.AtTheDoor.test_disabled_or_deleted",
            "A disabled admin gets 403 and hears that somebody knows him.",
        ),
        Wrong(
            but(
                "app.routes:Routes.permitted",
                ("roles.permits(rule, live, user_id)", "roles.permits(rule, caller, user_id)"),
            ),
            "roles.AtTheDoor.test_a_demotion",
            "The account is looked up, and then the token is believed.",
        ),
        Wrong(
            but(
                "app.routes:Routes.permitted",
                ("Refused(mechanism.refusal())", "Refused(roles.forbidden(mechanism.forbidden))"),
            ),
            "roles.AtTheDoor.test_disabled_or_deleted",
            "Who is nobody is told that his role does not suffice.",
        ),
        Wrong(
            but(
                "app.routes:Routes.permitted",
                (
                    'self.emit("authz_fail", user=live.id, rule=rule, method=request.method, peer=request.peer)',
                    "pass",
                ),
            ),
            "roles.AtTheDoor.test_refusals_leave_a_trace",
            "Nobody will ever know of the tries.",
        ),
    ),
    "reflected-origin": (
        Wrong(
            but(
                "guards:cors_headers",
                ("origin is None or origin not in allowed", "origin is None or not origin.startswith(tuple(allowed))"),
            ),
            "cors.Reading.test_unlisted_origins",
            "https://app.example.evil.example begins like a listed one.",
        ),
        Wrong(
            but(
                "guards:cors_headers",
                ('("access-control-allow-origin", origin)', '("access-control-allow-origin", "*")'),
            ),
            "cors.Reading.test_listed_origins",
            "A star for everybody.",
        ),
        Wrong(
            but("guards:cors_headers", (', ("vary", "origin")', "")),
            "cors.Reading.test_listed_origins",
            "A cache hands the answer for one origin to another.",
        ),
        Wrong(
            but(
                "guards:cors_headers",
                ('("vary", "origin")', '("access-control-allow-credentials", "true"), ("vary", "origin")'),
            ),
            "cors.Reading.test_listed_origins",
            "Cookies cross.",
        ),
    ),
    "split-response": (
        Wrong(_attack('"/me; set-cookie: session=planted"'), "naive", "It stays one line."),
        Wrong(_attack('"/me\\\\r\\\\nset-cookie: session=planted"'), "naive", "Backslash and r are two letters."),
        Wrong(
            _attack('"/me\\r\\n\\r\\nset-cookie: session=planted"'),
            "naive",
            "The empty line ends the head: this is body.",
        ),
    ),
    "attack-headers": (
        Wrong("200", "1", "The cookie is good; but the request is not Alice's."),
        Wrong("201", "2", "The role is passed over in silence."),
        Wrong("200", "3", "The cookie would do."),
        Wrong("401", "4", "Two bad tokens are refused as one is; but this is no credential at all."),
    ),
}
