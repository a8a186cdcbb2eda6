"""Lessons 14 to 18: tokens, and what they cost."""

from __future__ import annotations

from authref.exercises.exercise import BREAK, EASY, HARD, HEAL, MIDDLE, PREDICT, WRITE, Exercise, Question
from authref.exercises.lessons_accounts import APP

TOKEN = """
import json
from authref import jwt

# The example of RFC 7515, appendix A.1.
token = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

header, payload, signature = [jwt.decode(part) for part in token.encode().split(b".")]

def unsigned_with(key):
    try:
        return jwt.unsign(token, key).decode()
    except jwt.InvalidToken as refused:
        return type(refused).__name__
"""

ENDS = (
    "import json"
    + APP.replace("begin()", "begin(now=lambda: clock)").replace("app, alice", "clock = 1_800_000_000\napp, alice")
    + """
session = cookie()
login = json.loads(
    ask("POST", "/token/login", {"email": "alice@example.com", "password": "correct horse battery"}).body
)
bearer = "Bearer " + login["token"]
"""
)

# What breaking a verifier begins with: an honest token, and the app's own way to judge the one made from it.
FORGERY = """\
def check(target, attack):
    from unittest import mock

    from authref import jwt

    now, keys = 1_800_000_000, {"k1": bytes(range(32))}
    claims = {"iss": "authref", "aud": "authref", "sub": "eve", "role": "user", "jti": "1", "iat": now, "exp": now + 9}
    token = attack(jwt.create(claims, keys))
    with mock.patch.object(jwt, "NAME", target):
        try:
            claims = jwt.verify(token, keys, issuer="authref", audience="authref", now=now)
        except jwt.InvalidToken:
            return False
    return claims.get("role") == "admin"
"""

TOKENS: tuple[Exercise, ...] = (
    Exercise(
        id="base64url",
        lesson=14,
        kind=WRITE,
        title="One spelling",
        minutes=10,
        difficulty=MIDDLE,
        task="Decode base64url without padding, strictly. Raise Malformed for characters of another alphabet, for an "
        "impossible length, and for spare bits at the end that are not zero.",
        attacker="If two texts mean the same token, a list of revoked tokens knows only one of them.",
        read="authref/jwt.py: `encode`; RFC 7515 §2, RFC 4648 §3.5",
        why="Python's decoder skips foreign characters and ignores spare bits, so many texts give the same bytes. To "
        "encode the bytes again and to compare leaves one spelling. Otherwise a token with a changed last letter "
        "could still fit.",
        target="authref.jwt:decode",
        attacks=("another-spelling",),
        claims=(
            "tests.test_jwt.Examples.test_rfc_7515_a_1",
            "tests.test_jwt.SignAndUnsign.test_payloads_of_all_kinds",
            "tests.test_jwt.CreateAndVerify.test_accepted",
            "tests.test_keys.Reading.test_read",
            "tests.test_keys.Reading.test_refused",
            "tests.test_jwt.CreateAndVerify.test_refused",
        ),
        hints=(
            "How does base64url differ from base64, and what has been left away at the end? Of all texts that decode "
            "to the same bytes, which one is right?",
            "`_SWAP` exchanges the two alphabets; bytes.translate does it. a2b_base64 wants padding and raises a kind "
            "of ValueError, but skips foreign characters and ignores spare bits. `encode` gives the one right "
            "spelling.",
            "Translate, add two equals signs, decode; turn a ValueError into Malformed. Then encode what you got: if "
            "that is not the text you were given, it was another spelling.",
        ),
    ),
    Exercise(
        id="jwt-anatomy",
        lesson=15,
        kind=PREDICT,
        title="What does this token say?",
        minutes=5,
        difficulty=EASY,
        task="This is the example of RFC 7515. Read it with your own eyes, or any base64 decoder, and say what comes "
        "out.",
        attacker="A token is signed and not encrypted. Whoever sees it reads it, the attacker too.",
        read="authref/jwt.py: the opening; RFC 7515 §3.1 and appendix A.1",
        hints=(
            "A token has parts with dots between them. Which parts are JSON, and which one is not?",
            "Each part is base64url: header, payload, signature. HMAC-SHA-256 gives 32 bytes. Reading needs no key, "
            "believing does.",
            "Decode the first part for the header's members, the second for the claims. With any other key the "
            "signature does not fit, and the refusal is named after that.",
        ),
        attacks=("secret-in-the-payload",),
        questions=(
            Question(
                "Which algorithm does the header name?",
                "json.loads(header)['alg']",
                TOKEN,
                'The first part is base64url of {"typ":"JWT", "alg":"HS256"}, with a line break inside.',
            ),
            Question(
                "Who issued it?",
                "json.loads(payload)['iss']",
                TOKEN,
                "The second part is base64url of three claims, and iss is the issuer. No key was needed to read it.",
            ),
            Question(
                "How many bytes has the signature?",
                "len(signature)",
                TOKEN,
                "SHA-256 has 256 bits. In base64url they are 43 characters.",
            ),
            Question(
                "What is it, checked with a key of 32 zeros?",
                "unsigned_with(bytes(32))",
                TOKEN,
                "With another key another signature comes out. That it has expired is not even asked: "
                "before the signature fits, its claims are not believed, not that one either.",
            ),
        ),
    ),
    Exercise(
        id="jwt-split",
        lesson=15,
        kind=WRITE,
        title="Three parts, exactly",
        minutes=8,
        difficulty=MIDDLE,
        task="Cut a token into header, payload and signature, as bytes, still encoded. Raise Malformed for what is "
        "longer than MAX_TOKEN, or is not three parts of base64url.",
        attacker="Ten megabytes of dots, blanks that somebody else trims, a fourth part that only one reader looks at: "
        "this is the first function that meets them.",
        read="authref/jwt.py: MAX_TOKEN, _ALPHABET; RFC 7515 §7.1",
        why="The length comes first, so that nobody makes us work on a long text. Without the letters of the "
        "alphabet two dots must be left: that finds foreign characters and a wrong number of parts at once.",
        target="authref.jwt:_split",
        attacks=("refresh-token-opens",),
        claims=(
            "tests.test_jwt.Examples.test_rfc_7515_a_1",
            "tests.test_jwt.CreateAndVerify.test_accepted",
            "tests.test_jwt.SignAndUnsign.test_what_it_refuses",
            "tests.test_jwt.CreateAndVerify.test_one_character_too_many",
        ),
        hints=(
            "What do you check before you look at the parts at all? And which characters may be left if you take away "
            "those of the alphabet?",
            "str.isascii() before encode('ascii'), which would raise otherwise. bytes.translate(None, delete) removes "
            "all bytes of a set; a part may be empty here, for others refuse that.",
            "Three refusals, the cheapest first: too long, not ASCII, and something else left than two dots once the "
            "alphabet is taken away. Then cut at the dots.",
        ),
    ),
    Exercise(
        id="jwt-sign",
        lesson=16,
        kind=WRITE,
        title="Sign it",
        minutes=6,
        difficulty=EASY,
        task="Return the payload as a signed token: header, payload and HMAC-SHA-256 of the two, each in base64url, "
        "with dots between them. The header has the members that are given, in their order, and `alg`, which always "
        "says HS256; it comes last, unless it was given.",
        attacker="A key of three letters is guessed on a laptop from a single token. So a short one must not sign.",
        read="authref/jwt.py: `encode`, `_signature`, `_assemble`; RFC 7515 §5.1, §7.1",
        why="`alg` is written after the members that are given, so no caller can change it. A member that is written "
        "again keeps its place in the dict, so the order stays.",
        target="authref.jwt:sign",
        attacks=("empty-key",),
        claims=(
            "tests.test_jwt.SignAndUnsign.test_payloads_of_all_kinds",
            "tests.test_jwt.SignAndUnsign.test_made_by_hand",
            "tests.test_jwt.SignAndUnsign.test_a_header_that_asks_for_another_algorithm",
            "tests.test_jwt.Examples.test_rfc_7520_4_4",
            "tests.test_jwt.SignAndUnsign.test_a_short_key",
        ),
        hints=(
            "Which bytes are signed: the header and the payload as they are, or as they are written? Which helper of "
            "this file does that part already?",
            "write_json makes compact JSON of a dict. In a dict that is written down, {**given, name: value}, later "
            "members win over earlier ones. `_assemble` takes the encoded header, the payload and the key, and "
            "refuses a short key.",
            "Build the header as a dict, the given members first and the algorithm after them; make JSON of it; encode "
            "that; hand it to the helper that puts the three parts together.",
        ),
    ),
    Exercise(
        id="jwt-create",
        lesson=16,
        kind=WRITE,
        title="Say which key signed it",
        minutes=5,
        difficulty=EASY,
        task="Make an access token of these claims. The ring's first key signs, and the header says three things: the "
        "algorithm, that this is an access token and no other kind, and the name of the key.",
        attacker="A token made for another purpose, a link in a mail say, signed with the same key, must not open "
        "doors. And a key that leaked must go without logging everybody out, so each token names the one it needs.",
        read="authref/jwt.py: TYPE, `sign`, `_header`, `_assemble`; RFC 7515 §4.1.4, §4.1.9; RFC 9068 §2.1",
        why="The first key signs: a new one is put in front, and the others go on to verify. The kid tells a reader "
        "which of them to take. The header also says that this is an access token: no other kind, signed with the "
        "same key, passes for one.",
        target="authref.jwt:create",
        attacks=("kid-that-leads-away", "token-of-another-type"),
        claims=(
            "tests.test_jwt.CreateAndVerify.test_what_was_created",
            "tests.test_jwt.Ring.test_the_first_signs",
            "tests.test_jwt.Ring.test_another_key_under_the_same_name",
            "tests.test_jwt.Ring.test_a_new_key_in_front",
            "tests.test_jwt.CreateAndVerify.test_claims_that_json_cannot_carry",
        ),
        hints=(
            "A mapping keeps its order. How do you get its first name without the others? What does the header of "
            "every token of one key look like?",
            "next(iter(mapping)) is the first name. The ring maps names to keys, so the key is one look-up away; "
            "`write_json` makes bytes of the claims. `sign` writes alg by itself and takes typ and kid; `_header` "
            "has made the whole header already.",
            "Find the first name, make JSON of the claims, and hand header, payload and that name's key to the helper "
            "that puts the three parts together.",
        ),
    ),
    Exercise(
        id="jwt-alg",
        lesson=17,
        kind=HEAL,
        title="The token says how to check it",
        minutes=6,
        difficulty=MIDDLE,
        task="This verifier does what the token's header asks for. Make it check with HS256 and nothing else, "
        "whatever the header says. The helpers of this file refuse keys that are too short, tokens of a wrong form, "
        "and headers with extensions: use them.",
        attacker="The header is written by whoever wrote the token. If it may choose the check, it chooses none.",
        read="authref/jwt.py: the opening, `_split`, `_members`, `_check_signature`; RFC 8725 §2.1, §3.1",
        why="Nothing here depends on `alg`, for whoever writes a token chooses it. `_members` refuses what this file "
        "does not understand. The payload is decoded last: before the signature fits, nobody vouches for it.",
        target="authref.jwt:unsign",
        attacks=(
            "another-algorithm",
            "key-in-the-token",
            "key-from-an-address",
            "extension-passed-over",
            "public-key-as-secret",
        ),
        claims=(
            "tests.test_jwt.Examples.test_rfc_7515_a_1",
            "tests.test_jwt.SignAndUnsign.test_payloads_of_all_kinds",
            "tests.test_jwt.Examples.test_another_key",
            "tests.test_jwt.Examples.test_rfc_7519_6_1",
            "tests.test_jwt.SignAndUnsign.test_what_it_refuses",
            "tests.test_jwt.SignAndUnsign.test_a_short_key",
        ),
        naive='''\
def unsign(token: str, key: bytes) -> bytes:
    """The payload, if this key signed it (RFC 7515 §5.2). Raises InvalidToken; ValueError for a short key."""
    header, payload, signature = token.encode().split(b".")
    algorithm = _read_object(header, "header").get("alg")
    if algorithm == "none":
        return decode(payload)
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[str(algorithm)]
    if not hmac.compare_digest(encode(hmac.digest(key, header + b"." + payload, digest)), signature):
        raise BadSignature("the signature does not fit")
    return decode(payload)
''',
        hints=(
            "Which lines let the token decide something? What remains for the header to say if it may decide nothing?",
            "RFC 8725 §3.1: the verifier knows which algorithm it expects. `_members` refuses every other one, and "
            "`crit` too; `_check_signature` refuses short keys, `decode` comes last.",
            "Four steps, each with a helper of the file: cut the token, read the header so that it can be refused, "
            "check the signature, and only then decode what it covers.",
        ),
    ),
    Exercise(
        id="jwt-none",
        lesson=17,
        kind=BREAK,
        title="None, in other letters",
        minutes=10,
        difficulty=MIDDLE,
        task="This verifier has heard of `none` and refuses it. Make an admin of yourself all the same.",
        attacker="Lists of what is forbidden are incomplete. Real verifiers fell to exactly this spelling.",
        read="authref/jwt.py: `_members`; RFC 8725 §2.1; RFC 7519 §6",
        target="authref.jwt:verify",
        attacks=("alg-none",),
        claims=(
            "tests.test_jwt.CreateAndVerify.test_accepted",
            "tests.test_jwt.Examples.test_rfc_7519_6_1",
            "tests.test_jwt.CreateAndVerify.test_refused",
        ),
        naive='''\
def verify(
    token: str,
    keys: Keys,
    *,
    issuer: str | None = None,
    audience: str | None = None,
    now: float | None = None,
    leeway: float = 0,
) -> Claims:
    """The claims of a token that may be believed at `now` (RFC 7519 §7.2, RFC 9068 §4). Raises InvalidToken."""
    header, payload, signature = _split(token)
    members = _read_object(header, "header")
    algorithm = str(members.get("alg"))
    if algorithm == "none":
        raise WrongAlgorithm("unsigned tokens are not taken")
    if algorithm.lower() != "none":
        key = keys.get(str(members.get("kid")))
        if key is None:
            raise UnknownKey("no key of ours has this kid")
        _check_signature(header, payload, signature, key)
    claims = _read_object(payload)
    _check_times(claims, time.time() if now is None else now, leeway)
    if issuer is not None and claims.get("iss") != issuer:
        raise WrongIssuer("iss is not the expected issuer")
    if audience is not None and claims.get("aud") != audience:
        raise WrongAudience("aud is not the expected audience")
    return claims
''',
        attack='''\
def attack(token: str) -> str:
    """A token whose claims say `"role": "admin"`, made from this honest one of yours."""
''',
        check=FORGERY.replace("NAME", "verify"),
        hints=(
            "Two lines look at the algorithm. Which texts does the first one let through that the second one takes for "
            "none?",
            'A token is three parts of base64url with dots between them; the last may be empty. "None" is not "none" '
            "for ==, and is for lower().",
            "Take the honest token apart, set the role in the payload, put a header in front that spells the word "
            "with a capital somewhere, and leave the third part empty, but not its dot.",
        ),
    ),
    Exercise(
        id="half-a-signature",
        lesson=17,
        kind=BREAK,
        title="Compared as far as it goes",
        minutes=8,
        difficulty=MIDDLE,
        task="This compares the signatures character by character, as far as both of them go. Get your own claims past "
        "it, without the key.",
        attacker="This comparison ends where the shorter of the two texts ends, and the attacker chooses how long "
        "theirs is.",
        read="authref/jwt.py: `_check_signature`",
        target="authref.jwt:_check_signature",
        attacks=("half-a-signature",),
        claims=(
            "tests.test_jwt.CreateAndVerify.test_accepted",
            "tests.test_jwt.SignAndUnsign.test_what_it_refuses",
            "tests.test_jwt.CreateAndVerify.test_a_signature_guessed_piece_by_piece",
        ),
        naive='''\
def _check_signature(header: bytes, payload: bytes, signature: bytes, key: bytes) -> None:
    """Raise BadSignature unless it is right."""
    for ours, theirs in zip(_signature(header + b"." + payload, key), signature):
        if ours != theirs:
            raise BadSignature("the signature does not fit")
''',
        attack='''\
def attack(token: str) -> str:
    """A token whose claims say `"role": "admin"`, made from this honest one of yours."""
''',
        check=FORGERY.replace("NAME", "_check_signature"),
        hints=(
            "How many characters are compared if the two texts have different lengths?",
            "zip() ends with the shorter one. Nothing says that a signature has to have 43 characters.",
            "Take the token apart, set the role in the payload, encode it again, and put it behind the old header. "
            "What is the shortest third part there is?",
        ),
    ),
    Exercise(
        id="constant-time",
        lesson=17,
        kind=HEAL,
        title="The clock tells",
        minutes=5,
        difficulty=EASY,
        task="This compares the signatures with !=, which stops at the first character that differs. Compare them so "
        "that the time says nothing.",
        attacker="Whoever can measure how far a comparison got finds a signature character by character: 64 tries for "
        "each instead of 2 to the power of 256 for all.",
        read="authref/jwt.py: `_signature`; the standard library's hmac.compare_digest",
        why="`!=` stops at the first difference, and its time tells how much of a guess was right. `compare_digest` "
        "always goes to the end. The texts are compared and not the bytes, for several texts can stand for the same "
        "bytes.",
        target="authref.jwt:_check_signature",
        claims=(
            "tests.test_jwt.SignAndUnsign.test_payloads_of_all_kinds",
            "tests.test_jwt.CreateAndVerify.test_accepted",
            "tests.test_jwt.CreateAndVerify.test_refused",
            "tests.test_jwt.Order.test_two_things_wrong",
            "tests.test_jwt.CreateAndVerify.test_a_signature_guessed_piece_by_piece",
        ),
        naive='''\
def _check_signature(header: bytes, payload: bytes, signature: bytes, key: bytes) -> None:
    """Raise BadSignature unless it is right."""
    if _signature(header + b"." + payload, key) != signature:
        raise BadSignature("the signature does not fit")
''',
        hints=(
            "How long does != take if the first character is wrong, and how long if only the last one is?",
            "hmac.compare_digest(a, b) takes two bytes and as long for one difference as for another. Compare the "
            "texts and not the bytes they spell: each signature has one spelling.",
            "The same function with the one comparison exchanged, and a `not` before it.",
        ),
    ),
    Exercise(
        id="jwt-times",
        lesson=17,
        kind=HEAL,
        title="A token without an end",
        minutes=8,
        difficulty=MIDDLE,
        task="This looks at `exp` if there is one. Ask for it, and for `iat`, as claims[…]: `verify` makes a "
        "MissingClaim of a KeyError. Heed `nbf` (not before) if it is there. A token is good from nbf on and until "
        "just before exp, and `leeway` moves both ends outwards.",
        attacker="A token that never expires is stolen once and used for ever.",
        read="authref/jwt.py: `_date`, the refusals; RFC 7519 §4.1.4 to §4.1.6",
        why="Without a default a missing claim raises: no token is without an end. NaN compares false with "
        "everything, so the good case is asked for, and `not` refuses the rest. `nbf` is the first moment at which a "
        "token counts, `exp` the first at which it no longer does.",
        target="authref.jwt:_check_times",
        attacks=("token-without-an-end", "token-of-tomorrow"),
        claims=(
            "tests.test_jwt.CreateAndVerify.test_accepted",
            "tests.test_jwt.Times.test_the_same_token_again",
            "tests.test_tokens.LogIn.test_a_quarter_of_an_hour",
            "tests.test_jwt.Times.test_edges",
            "tests.test_jwt.CreateAndVerify.test_refused",
            "tests.test_jwt.Order.test_two_things_wrong",
        ),
        naive='''\
def _check_times(claims: Claims, now: float, leeway: float) -> None:
    """Raise unless iat is a date, exp lies ahead and nbf, if there is one, behind (RFC 7519 §4.1)."""
    end = claims.get("exp")
    if isinstance(end, (int, float)) and end <= now:
        raise Expired("exp has passed")
''',
        hints=(
            "What happens if `exp` is missing, or a text, or true? And what says from when on a token is good?",
            "`_date` gives a number of seconds and raises Malformed for everything else. What must be there is "
            "claims[name]: `verify` makes a MissingClaim of the KeyError. A missing nbf means: from the beginning of "
            "time. RFC 7519 §4.1.4: on or after exp a token is refused.",
            "Three lines of thought: iat must be a date; now must lie before exp, moved later by the leeway, else "
            "Expired; now must not lie before nbf, moved earlier by it, else NotYetValid.",
        ),
    ),
    Exercise(
        id="issuer-prefix",
        lesson=17,
        kind=BREAK,
        title="It begins like ours",
        minutes=6,
        difficulty=MIDDLE,
        task="Several issuers use one signing service, each under a name of its own. This verifier believes an issuer "
        "whose name begins in the right way. Choose the name under which you issue your tokens.",
        attacker="Names and addresses are compared as a whole or not at all. A domain that begins like yours costs ten "
        "dollars.",
        read="authref/jwt.py: `verify`; RFC 7519 §4.1.1",
        target="authref.jwt:verify",
        attacks=("issuer-that-looks-alike",),
        claims=(
            "tests.test_jwt.CreateAndVerify.test_accepted",
            "tests.test_jwt.IssuerAndAudience.test_one_asked_for",
            "tests.test_jwt.CreateAndVerify.test_refused",
        ),
        naive='''\
def verify(
    token: str,
    keys: Keys,
    *,
    issuer: str | None = None,
    audience: str | None = None,
    now: float | None = None,
    leeway: float = 0,
) -> Claims:
    """The claims of a token that may be believed at `now` (RFC 7519 §7.2, RFC 9068 §4). Raises InvalidToken."""
    header, payload, signature = _split(token)
    key = keys.get(_key_id(header))
    if key is None:
        raise UnknownKey("no key of ours has this kid")
    _check_signature(header, payload, signature, key)
    claims = _read_object(payload)
    _check_times(claims, time.time() if now is None else now, leeway)
    if issuer is not None and not str(claims.get("iss")).startswith(issuer):
        raise WrongIssuer("iss is not the expected issuer")
    if audience is not None and claims.get("aud") != audience:
        raise WrongAudience("aud is not the expected audience")
    return claims
''',
        attack='''\
def attack() -> str:
    """The name of your own issuer. The server expects https://auth.example"""
''',
        check="""\
def check(target, attack):
    from authref import jwt

    now, keys = 1_800_000_000, {"k1": bytes(range(32))}
    claims = {"iss": attack(), "aud": "shop", "sub": "eve", "iat": now, "exp": now + 900, "jti": "1"}
    try:
        target(jwt.create(claims, keys), keys, issuer="https://auth.example", audience="shop", now=now)
    except jwt.InvalidToken:
        return False
    return True
""",
        hints=(
            "Which names does startswith() take besides the one that is meant?",
            'A name is a text: "https://auth.example" is the beginning of many longer ones, and some of those are '
            "hosts that you can register.",
            "The expected name, and after it whatever makes it a name of your own.",
        ),
    ),
    Exercise(
        id="tokens-authenticate",
        lesson=18,
        kind=WRITE,
        title="Whose token is this?",
        minutes=20,
        difficulty=HARD,
        task="Return what the request's bearer token claims, or a refusal. The cases:\n"
        "- no Authorization header, or another scheme than Bearer: `refusal`;\n"
        "- no text that _B64TOKEN matches whole: 400 `invalid_request` by `_bearer_error`, and the event "
        "authn_token_refused with the reason `malformed credentials`. Blanks before the token are skipped. With a "
        "blank after it, it is no token; nor is nothing;\n"
        "- a token that `jwt.verify` does not believe: `_refuse`. The reason for the log is the exception's class, a "
        "colon, a blank and its text;\n"
        "- a token whose login has ended: `_refuse` with the reason `revoked`. The claim `fam` names the login, and "
        "`is_revoked` takes it.",
        attacker="Two tokens in one line, a token in quotes, one for another server, one whose login has ended. "
        "Whoever is asked here must say no, and the log must know why.",
        read="authref/tokens.py: the opening, `authenticate`, `_refuse`, `_bearer_error`; authref/jwt.py: `verify`; "
        "authref/revocation.py: `is_revoked`; authref/sessions.py: `authenticate`, its twin; RFC 6750 §2.1, §3.1",
        why="Another scheme is no token of ours, so it is answered as if nothing had come. Only blanks before the "
        "token are skipped: one behind it belongs to no token (RFC 6750 §2.1). `verify` comes first, for the pattern "
        "only chooses between two refusals, and a good token needs neither. `fam` comes last: before the signature "
        "holds, no claim is to be believed.",
        target="authref.tokens:Tokens._claims",
        attacks=("token-in-a-cookie",),
        claims=(
            "tests.test_tokens.LogIn.test_who_am_i",
            "tests.test_tokens.LogIn.test_a_quarter_of_an_hour",
            "tests.test_tokens.LogIn.test_another_machine_that_should_not",
            "tests.test_tokens.Credentials.test_the_table",
            "tests.test_tokens.Hostile.test_one_answer",
            "tests.test_tokens.Hostile.test_what_no_credentials_can_hold",
            "tests.test_tokens.Hostile.test_the_reason_in_the_log",
            "tests.test_revocation.Modes.test_right_after_the_login_ended",
        ),
        hints=(
            "The header has a scheme, spaces and a token. Which refusal is for a request that shows no token of ours? "
            "Who checks the token itself, and against which expectations? What can still be wrong when it is good?",
            "str.partition cuts at the first space; the scheme's case does not matter, and more spaces may follow. "
            "jwt.verify raises InvalidToken and wants keys, issuer, audience and now; `_refuse` takes the reason for "
            "the log. If _B64TOKEN does not fit, the answer is `_bearer_error` 400 invalid_request, with an event "
            'whose reason is "malformed credentials". `self.revocation.is_revoked` asks about the claim fam.',
            "Cut the header; another scheme is a `refusal`. Then verify in a try: what is raised becomes one of two "
            "refusals, whose reason for the log is the exception's class and text, with a colon between. Then ask "
            "whether the login was ended. Then the claims.",
        ),
    ),
    Exercise(
        id="tokens-log-in",
        lesson=18,
        kind=WRITE,
        title="Hand out what you will not remember",
        minutes=12,
        difficulty=MIDDLE,
        task="Log the user in by token: begin a family (all refresh tokens of one login), keep it under its id, and "
        "return the answer with both tokens. A user whose password changed meanwhile, or who was disabled, gets the "
        "refusal, and nothing is left of the login. Of more than MAX_PER_USER logins the oldest end.",
        attacker="While a password is checked it may be changed, or the account closed: a login that began before must "
        "not outlive that.",
        read="authref/sessions.py: `log_in`, its twin: put the two side by side; authref/refresh.py: `new_family`, "
        "`family_of`",
        why="The family is kept before `who_proved` is asked: whoever disables the user meanwhile either finds it, "
        "or is noticed here. Otherwise one login could outlive the end of all. The oldest end through `revocation`, "
        "so that a deny list hears of them.",
        target="authref.tokens:Tokens.log_in",
        claims=(
            "tests.test_tokens.LogIn.test_the_answer",
            "tests.test_tokens.LogIn.test_the_claims",
            "tests.test_mechanisms.TokensTest.test_several_logins",
            "tests.test_mechanisms.TokensTest.test_a_login_with_yesterdays_password",
            "tests.test_tokens.WhatTheClientHears.test_an_account_that_ended_meanwhile",
            "tests.test_refresh.Ends.test_one_login_too_many",
        ),
        hints=(
            "A session leaves a record, and so does a token login: not of the access token, but of what renews it. "
            "What does `Sessions.log_in` do after it has kept its record, and why after?",
            "`new_family` makes a family and its first refresh token of a user, their client and the time; `family_of` "
            "gives the id in that token. `users.who_proved` is None for a password that is no longer theirs. `logins` "
            "are in order, oldest first; `revocation.end` takes an id and its family.",
            "Make and keep the family. Ask whether the user still is who proved it; if not, take the family out again "
            "and refuse. End what is before the last MAX_PER_USER logins. `_answer` does the rest.",
        ),
    ),
    Exercise(
        id="tokens-log-out",
        lesson=18,
        kind=WRITE,
        title="A logout that the token does not hear",
        minutes=5,
        difficulty=EASY,
        task="End the login that the body's refresh_token belongs to, with the event authn_token_revoked in the log. "
        'The answer is 200 and {"message": "Logged out"}, whatever the body says: whoever asks learns nothing, and who '
        "logs out twice is logged out.",
        attacker="They have copied the access token. This logout ends the refresh token at once; the copy goes on "
        "until it expires, and you will see it.",
        read="authref/sessions.py: `log_out`, its twin; authref/revocation.py: the opening, `end`; RFC 7009 §2.2",
        why="No record holds the access token, so the logout ends what would renew it. The body may be a list or a "
        "number, and the answer is still the same. `revocation` ends the login, and notes it where there is a deny "
        "list.",
        target="authref.tokens:Tokens.log_out",
        claims=(
            "tests.test_mechanisms.TokensTest.test_after_logging_out",
            "tests.test_tokens.LogIn.test_log_out",
            "tests.test_mechanisms.TokensTest.test_logging_out_again",
            "tests.test_tokens.WhatTheClientHears.test_a_logout_of_another_form",
            "tests.test_tokens.WhatTheLogHears.test_who_and_from_where",
            "tests.test_mechanisms.DenyListTest.test_after_logging_out",
        ),
        hints=(
            "Which of the two tokens does the server know something about? What may a client send instead of an "
            "object with a text in it?",
            "`request.json()` may be a list, a text or a number. `family_of` takes a refresh token and gives the id of "
            "its family, and for any other text one that nobody has. `families.get` is None for such an id. "
            "`revocation.end` takes an id and its family.",
            "Read the token, if the body is an object. If its family lives: an event with user and peer, then its end. "
            "The answer is the same in all cases.",
        ),
    ),
    Exercise(
        id="cookie-or-token",
        lesson=18,
        kind=WRITE,
        title="Cookie or token?",
        minutes=4,
        difficulty=EASY,
        task="Return what judges this request, the sessions or the tokens, for routes that take either. A browser "
        "sends its cookie by itself, an Authorization header is sent on purpose: so whoever has such a header, good, "
        "bad or empty, is judged by it alone.",
        attacker="Where a bad token falls back to the cookie, a request has two identities, and what was checked for "
        "one is done for the other.",
        read="authref/app/routes.py: Mechanism, `permitted`; authref/wire.py: Request.header",
        why="`is None` tells a missing header from an empty one, which counts as shown. To fall back to the cookie "
        "would give one request two identities.",
        target="authref.app.routes:Routes.mechanism",
        claims=(
            "tests.test_authorization.BothAtOnce.test_a_bad_token_beside_a_good_cookie",
            "tests.test_authorization.BothAtOnce.test_an_expired_token_beside_a_good_cookie",
            "tests.test_authorization.BothAtOnce.test_two_identities",
        ),
        hints=(
            "What does a request have that was sent on purpose? Does it matter here whether that is any good?",
            "`header` gives the value of a header, and None where there is none. An empty text is a header that is "
            "there, and false in an `if`.",
            "One question, with two answers: is there no such header at all?",
        ),
    ),
    Exercise(
        id="refresh-rotation",
        lesson=18,
        kind=HEAL,
        title="A key that opens for a month",
        minutes=10,
        difficulty=MIDDLE,
        task="This refresh token can be used again and again. Make it good for one use: each use gives a successor, "
        "and an old token that comes back is theft. `_after_use` knows these rules; you see to it that what it says is "
        "written, and that of two uses at once neither undoes the other.",
        attacker="A refresh token that was stolen once gives new access tokens for a month, and nobody notices.",
        read="authref/refresh.py: the opening, `_after_use`, `family_of`; RFC 9700 §4.14",
        why="`replace` writes only if the record is still the one that was read. If not, another use came between, "
        "and the rules are asked about the record as it is now. A family that is gone stays gone: to write it would "
        "bring an ended login back.",
        target="authref.refresh:use",
        attacks=("refresh-reuse-later", "refresh-without-rotation", "refresh-after-theft", "refresh-at-once"),
        claims=(
            "tests.test_refresh.Rotation.test_two_logins",
            "tests.test_refresh.Ends.test_thirty_days",
            "tests.test_refresh.Rotation.test_an_exchange",
            "tests.test_refresh.Rotation.test_a_used_token",
            "tests.test_refresh.Theft.test_who_comes_second",
            "tests.test_refresh.Junk.test_what_is_no_token",
            "tests.test_refresh.Meeting.test_an_end_after_the_look",
            "tests.test_refresh.Meeting.test_two_uses_that_both_saw_the_same_record",
        ),
        naive='''\
def use(families: Map[Family], token: str, family: Family | None, now: Clock) -> tuple[Family, str]:
    """The family after a use of its token, and the token to go on with. Raises InvalidGrant, Reused."""
    if family is None or _sha256(token) not in family.live:
        raise InvalidGrant("unknown or ended")
    return family, token
''',
        hints=(
            "What must change in the record when a token is used? And if two uses read the same record, what must the "
            "second one do?",
            "`_after_use(family, token, now())` gives the changed record and the token to go on with, or raises Reused."
            " The map, `families`, writes with `replace` only over the record that you read, and says whether it did. "
            "`family_of(token)` is the record's key.",
            "As long as there is a record: ask for the changed one; if replacing worked, return it with the token; "
            "else read the record again. If it is not there, or no longer, it is InvalidGrant.",
        ),
    ),
    Exercise(
        id="after-use",
        lesson=18,
        kind=WRITE,
        title="A retry, or a thief?",
        minutes=20,
        difficulty=HARD,
        task="Return the record after a use of this token, and the token to go on with. `_follow` leads from this "
        "token to the newest one. The first line that fits decides:\n"
        "- the newest lives, and the family ends in ACCESS_LIFETIME or less: an empty text;\n"
        "- it lives, and another token came, which is a retry: the newest as it is;\n"
        "- it lives, and the last use (`used_at`) is less than MIN_AGE ago: the newest as it is;\n"
        "- it lives: `_spend`;\n"
        "- it is `family.used`, and the last use is less than RETRY_WINDOW ago: `_spend`. A server of the first "
        "edition used it, and left no step;\n"
        "- else raise Reused.\n"
        "Whichever fits, `last_seen` becomes now once MIN_AGE or more has passed since, and never moves back.",
        attacker="Thief and owner hold the same token, and sooner or later both use it. The second use is the only "
        "sign of the theft, but two tabs of one browser look nearly the same.",
        read="authref/refresh.py: the opening, Family, `_follow`, `_spend`; dataclasses.replace",
        why="A retry gets the newest token and uses up nothing, so two tabs go on with one token. Servers of the "
        "first edition left no steps: of theirs only `family.used` is known, and for a minute that may be a retry, "
        "too. All else was used before, and means theft. `last_seen` never moves back with a clock: a deny list "
        "counts from it how long the last access token may live.",
        target="authref.refresh:_after_use",
        attacks=("refresh-reuse-at-once", "refresh-token-of-two"),
        claims=(
            "tests.test_refresh.Rotation.test_a_used_token",
            "tests.test_refresh.Theft.test_who_comes_second",
            "tests.test_refresh.Retry.test_the_edges_of_the_window",
            "tests.test_refresh.Retry.test_a_token_from_many_steps_ago",
            "tests.test_refresh.Retry.test_a_token_younger_than_a_second",
            "tests.test_refresh.Ends.test_the_last_access_tokens",
            "tests.test_refresh.FirstEdition.test_an_answer_that_got_lost_in_between",
            "tests.test_revocation.ClockSetBack.test_with_another_refresh_before_the_logout",
        ),
        hints=(
            "Where do the steps lead, and is the token there the living one? Which of the two, the one that came or "
            "the newest, decides what happens next?",
            "`_follow(family, token, now)` gives the steps and the newest token; `_sha256` of that is in "
            "`family.live` if it lives. `family.used_at` says when the last successor came, `_spend` makes the next "
            "one. dataclasses.replace(family, last_seen=…) makes a changed copy.",
            "First last_seen, if MIN_AGE or more has passed since. If the newest token lives: the empty text if the "
            "family lasts no longer than ACCESS_LIFETIME from now; the newest as it is if another token came, or if it "
            "is too young. If it does not live: Reused, unless it is `family.used` and in time. The rest is used up.",
        ),
    ),
    Exercise(
        id="deny-list",
        lesson=18,
        kind=WRITE,
        title="For how long is a no remembered?",
        minutes=10,
        difficulty=HARD,
        task="End a login. With a deny list, first note it there, until its last access token has expired, and "
        "CLOCK_ERROR seconds more. The family's `last_seen` says when it last gave one out; another may have "
        "followed, until now. Then, in every mode, remove the record of the login.",
        attacker="An entry that leaves the list too early brings a revoked token back to life. One that never leaves "
        "makes the list grow until somebody switches it off.",
        read="authref/revocation.py: the opening, CLOCK_ERROR, Denial; authref/refresh.py: ACCESS_LIFETIME",
        why="The note comes first: should the server die in between, the login is still there to be ended. The later "
        "of two moments counts, so that after a clock was set back the note outlives the token. CLOCK_ERROR is for a "
        "clock that was ahead: once it is set right, the token must not live on unnoted.",
        target="authref.revocation:Revocation.end",
        claims=(
            "tests.test_revocation.Entries.test_a_login_that_ends_right_after_its_last_token",
            "tests.test_revocation.Entries.test_many_tokens_of_one_login",
            "tests.test_revocation.Entries.test_a_login_that_ends_later",
            "tests.test_revocation.Entries.test_an_exchange_beside_the_end",
            "tests.test_revocation.Entries.test_the_family_of_a_login_that_ended",
            "tests.test_refresh.Crashes.test_a_crash_after_the_note_and_before_the_end",
            "tests.test_revocation.ClockSetBack.test_between_the_last_token_and_the_logout",
        ),
        hints=(
            "When does the last access token of this login expire, at the latest? Which two moments could it have been "
            "given out at?",
            "An access token lives ACCESS_LIFETIME seconds. The record may be a little old, so a token may have been "
            "given out until now; and the clock may have been set back, so the record's `last_seen` may lie ahead.",
            "In the mode `denylist`: take the later of the two moments, add the lifetime and the error, and store a "
            "Denial that ends then under the family's id. After that, in any mode, pop the family.",
        ),
    ),
    Exercise(
        id="access-ends",
        lesson=18,
        kind=PREDICT,
        title="When does access end?",
        minutes=5,
        difficulty=EASY,
        task="Alice has a session and a token (with the default: nothing is asked about tokens). Then something "
        "happens. Say which status her next request gets.",
        attacker="From the logout to the end of the token: these minutes are a thief's.",
        read="authref/revocation.py: the opening; authref/book/pages/when-access-ends.md",
        hints=(
            "For each credential: is something looked up when it is shown, or is everything in the thing itself?",
            "A session is a record, and gone is gone. A token says itself how long it is good: 15 minutes. What "
            "somebody may do is asked of the store at each request, by either.",
            "Ending a login acts on a session at once and on a token not before it expires. A question that needs the "
            "store, such as a user's own page by id, notices at once that the user is disabled.",
        ),
        attacks=(
            "token-after-logout",
            "token-for-a-year",
            "token-after-password-change",
            "token-after-disable",
            "token-after-delete",
            "token-after-key-change",
            "refresh-after-logout",
            "refresh-after-disable",
            "refresh-after-delete",
        ),
        questions=(
            Question(
                "The session at /me after its logout",
                'ask("GET", "/me", cookie=session).status',
                ENDS + 'ask("POST", "/logout", cookie=session)\n',
                "The server has torn up the record, and the number means nothing any more.",
            ),
            Question(
                "The token at /token/me after its logout",
                'ask("GET", "/token/me", authorization=bearer).status',
                ENDS + 'ask("POST", "/token/logout", {"refresh_token": login["refresh_token"]})\n',
                "Nothing is looked up, and what was signed stays true until it expires. The logout ended the "
                "refresh token only.",
            ),
            Question(
                "The token at /token/me 15 minutes later",
                'ask("GET", "/token/me", authorization=bearer).status',
                ENDS + "clock += 15 * 60\n",
                "Exp has come. It lives 15 minutes, and at the end of them it does not.",
            ),
            Question(
                "The session at /me 15 minutes later",
                'ask("GET", "/me", cookie=session).status',
                ENDS + "clock += 15 * 60\n",
                "A session ends after 30 minutes without use, or 24 hours after the login.",
            ),
            Question(
                "The token at /users/{her id} after Alice was disabled",
                'ask("GET", "/users/" + alice.id, authorization=bearer).status',
                ENDS + "app.admins.change(alice.id, disabled=True)\n",
                "What somebody may do is asked of the store, where she is disabled. At /token/me, which asks "
                "nothing, it would still be 200.",
            ),
        ),
    ),
)
