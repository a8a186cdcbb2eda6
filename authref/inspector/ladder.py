"""What is wrong with this token? All of it: a server stops at the first thing, whoever mends a client needs them all.

Rules of this file:
- jwt.verify is the judge. Of one claim it is asked by a token of our own, which is good in all but this claim;
- a token of others, which is checked with their secret, needs no kid, no typ and no claim that nobody asked for;
- what cannot be looked at, because it cannot be read, is neither right nor wrong;
- what is wrong is told with what stands there: this is for whoever holds the key, and never for a client.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from authref import jwt
from authref.inspector.secret import DIGESTS, Readings, fits, guessed
from authref.inspector.words import TIMES, algorithm, in_words, shown
from authref.wire import read_json

LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
Claims = Mapping[str, object]


@dataclass(frozen=True)
class Rung:
    """One check. `wrong` has a line for each thing that is wrong; it is None where nothing could be looked at."""

    name: str
    wrong: list[str] | None

    @property
    def answer(self) -> str:
        """yes, no, or a question mark."""
        return "?" if self.wrong is None else "no" if self.wrong else "yes"


@dataclass(frozen=True)
class Expected:
    """What a token is held against; one of others, where there is a secret of theirs."""

    keys: jwt.Keys
    issuer: str | None
    audience: str | None
    now: float
    leeway: float
    secret: Readings = ()

    def asked(self, claims: Claims) -> Iterator[str]:
        """The claims that matter: all that authref asks for; of others, the times, and what somebody named."""
        if not self.secret:
            yield from (*TIMES, "iss", "aud", "sub", "jti")
            return
        yield from (name for name in TIMES if name in claims)
        yield from (name for name, wanted in (("iss", self.issuer), ("aud", self.audience)) if wanted is not None)

    def verify(self, token: str) -> jwt.Claims:
        """The claims of a token that a server would believe. Raises jwt.InvalidToken."""
        return jwt.verify(
            token, self.keys, issuer=self.issuer, audience=self.audience, now=self.now, leeway=self.leeway
        )

    def refusal(self, name: str, claims: Claims) -> jwt.InvalidToken | None:
        """Why a token is refused that has this claim, or lacks it, as these do, and is good in all others."""
        end = jwt.END_OF_TIME - 1  # of good claims: those of others may lack what ours must have
        good = {"iss": self.issuer, "aud": self.audience, "sub": "a", "jti": "b", "iat": 0, "exp": end}
        asked = {other: value for other, value in good.items() if other != name}
        try:
            token = jwt.create(asked | ({name: claims[name]} if name in claims else {}), self.keys)
            if len(token) <= jwt.MAX_TOKEN:
                self.verify(token)
        except jwt.InvalidToken as refusal:
            return refusal
        except (ValueError, RecursionError):  # it cannot be written again: nested too deeply
            pass
        return None


def climb(token: str, expected: Expected) -> list[Rung]:
    """The ladder of jwt.verify from the bottom up, each rung tried by itself."""
    parts = token.split(".")
    first, second = parts[:2] if len(parts) == 3 else ("?", "?")  # which is no base64url
    header, claims = _object(first), _object(second)
    rungs = [
        Rung("form: three parts of base64url, joined by dots", list(_form(token, bool(expected.secret)))),
        Rung(f"header: {'HMAC' if expected.secret else 'HS256'} and no extensions",
             _unread(first, "header") if header is None else list(_header(first, header, bool(expected.secret)))),
    ]  # fmt: skip
    if expected.secret:
        wrong = _signature_of_others(token, header or {}, expected.secret)
        rungs += [Rung("signature: made with this secret over these parts", wrong)]
    else:
        rungs += [
            Rung("type: an access token", None if header is None else list(_type(header, expected.keys))),
            Rung("key: one of our ring", None if header is None else list(_key(header, expected.keys))),
            Rung("signature: made with that key over these parts", _signature(token, header or {}, expected.keys)),
        ]
    return [*rungs, *_climb_claims(second, claims, expected)]


def _climb_claims(part: str, claims: Claims | None, expected: Expected) -> Iterator[Rung]:
    wrong = {} if claims is None else _wrong_claims(claims, expected)

    def about(name: str, *names: str) -> Rung:
        return Rung(name, None if claims is None else [line for each in names for line in wrong.get(each, [])])

    dates = "claims: a JSON object, its times in Unix seconds"
    yield Rung(dates, _unread(part, "payload")) if claims is None else about(dates, "dates")
    # Of a time that is no date nobody can say whether it has come.
    yield Rung("times: begun and not over", wrong.get("times", None if claims is None or "dates" in wrong else []))
    if expected.issuer is not None:
        yield about("issuer: the one expected", "iss")
    if expected.audience is not None:
        yield about("audience: the one expected, or a list that has it", "aud")
    if not expected.secret:
        yield about("names: sub and jti are there", "sub", "jti")


def _unread(part: str, name: str) -> list[str] | None:
    """What is wrong with a part that is no object; what is not even base64url is the form's business."""
    return None if _bytes(part) is None else [f"the {name} is not a JSON object, or names a member twice"]


def _bytes(part: str) -> bytes | None:
    try:
        return jwt.decode(part.encode("ascii"))
    except (jwt.Malformed, UnicodeEncodeError):
        return None


def _object(part: str) -> dict[str, object] | None:
    """The JSON object that this part says, if it does."""
    try:
        value = read_json(_bytes(part) or b"")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _form(token: str, others: bool) -> Iterator[str]:
    parts = token.split(".")
    if len(token) > jwt.MAX_TOKEN and not others:
        yield f"it has {len(token)} characters; ours have at most {jwt.MAX_TOKEN}"
    if foreign := sorted(set(token) - LETTERS):
        padding = "; base64url stands here without padding" if "=" in foreign else ""
        yield f"it holds {', '.join(map(shown, foreign[:5]))}, which base64url has not{padding}"
    if len(parts) != 3:
        encrypted = "; an encrypted token (JWE) has five" if len(parts) == 5 else ""
        yield f"it has {len(parts)} part{'s' if len(parts) > 1 else ''}{encrypted}"
    for name, part in zip(("header", "payload"), parts, strict=False):
        if len(parts) == 3 and _bytes(part) is None and set(part) <= LETTERS:
            yield f"the {name} is not base64url, or not the one spelling of its bytes"


def _header(part: str, members: Claims, others: bool) -> Iterator[str]:
    if len(part) > jwt.MAX_HEADER and not others:
        yield f"it has {len(part)} characters; ours have at most {jwt.MAX_HEADER}"
    known = DIGESTS if others else ("HS256",)
    if members.get("alg") not in list(known):
        yield _is_not("alg", members, *known) + (f" ({algorithm(members.get('alg'))})" if others else "")
    if "crit" in members:
        yield "crit names extensions, and this verifier has none"


def _type(members: Claims, keys: jwt.Keys) -> Iterator[str]:
    kid, key = next(iter(keys.items()))
    asked = jwt.sign(b"{}", key, {name: value for name, value in members.items() if name == "typ"} | {"kid": kid})
    try:
        jwt.verify(asked, keys)
    except jwt.WrongType:
        yield _is_not("typ", members, jwt.TYPE)
    except jwt.InvalidToken:  # its claims, of which it has none
        pass


def _key(members: Claims, keys: jwt.Keys) -> Iterator[str]:
    kid = members.get("kid")
    if not isinstance(kid, str) or kid not in keys:
        yield _is_not("kid", members, *keys)


def _is_not(name: str, members: Claims, *wanted: str) -> str:
    """What is said of a member that is absent, or another one than is wanted."""
    if name not in members:
        return f"there is no {name}; wanted: {' or '.join(wanted)}"
    return f"{name} is {shown(members[name])}; wanted: {' or '.join(wanted)}"


# -- the signature ------------------------------------------------------------------------------------------------


def _signature(token: str, members: Claims, keys: jwt.Keys) -> list[str] | None:
    """What is wrong with it; None if it cannot be told, for want of three parts or of a key."""
    signed, dot, signature = token.rpartition(".")
    if signed.count(".") != 1 or not token.isascii():
        return None
    kid = members.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is not None and fits(signed, signature, key, "HS256"):
        return []
    found = _found(signed, signature, members, keys)
    if found in keys and key is None:  # what is wrong is the kid
        return []
    if found is not None:
        return [f"it fits {found}" + (", which is not the one that kid names" if found in keys else "")]
    if key is None:
        return None
    if _bytes(signature) is None:
        return ["it is not base64url, or not the one spelling of its bytes"]
    return ["it fits neither this key nor another of the ring: made with another one, or changed since"]


def reading(token: str, expected: Expected) -> tuple[str, bytes, str] | None:
    """As what the secret of others fits the signature, those bytes, and the algorithm that the token names."""
    signed, _, signature = token.rpartition(".")
    algorithm = (_object(signed.partition(".")[0]) or {}).get("alg")
    if algorithm not in list(DIGESTS) or not token.isascii():
        return None
    found = (each for each in expected.secret if fits(signed, signature, each[1], str(algorithm)))
    return next(((*each, str(algorithm)) for each in found), None)


def _signature_of_others(token: str, members: Claims, secret: Readings) -> list[str] | None:
    """What is wrong with it; None if it cannot be told, for want of three parts or of an algorithm."""
    signed, _, signature = token.rpartition(".")
    if signed.count(".") != 1 or not token.isascii():
        return None
    if not signature:
        return ["there is none"]
    found = [name for name in DIGESTS for _, key in secret if fits(signed, signature, key, name)]
    named = members.get("alg")
    if named in found:
        return []
    if found:
        return [f"it fits the secret by {found[0]}, and the header says {shown(named)}"]
    if named not in list(DIGESTS):
        return None
    if _bytes(signature) is None:
        return ["it is not base64url, or not the one spelling of its bytes"]
    if place := guessed(signed, signature, named):
        return [f"it fits a well-known secret ({place}), and not yours: anybody could have made it"]
    tried = ", ".join(how for how, _ in secret)
    return [f"it does not fit the secret (tried: {tried}): made with another one, or changed since"]


def _found(signed: str, signature: str, members: Claims, keys: jwt.Keys) -> str | None:
    """Which key it does fit, and how that was used: what libraries and their callers take for the key differs."""
    digests = {"HS256", str(members.get("alg"))} & set(DIGESTS)
    for kid, key in keys.items():
        for how, candidate in _uses(key):
            for alg in sorted(digests):
                if fits(signed, signature, candidate, alg):
                    return f"{kid}{how}" + (f", by {alg}" if alg != "HS256" else "")
    return None


def _uses(key: bytes) -> Iterator[tuple[str, bytes]]:
    """The key, and what is taken for it when its text and its bytes are mixed up; each with the words for that."""
    text = jwt.encode(key)
    yield "", key
    for spelling in (text, text + b"=" * (-len(text) % 4), b64encode(key), b64encode(key).rstrip(b"=")):
        yield ", its base64 text used as the key: decode it first (it is the `k` of a JWK)", spelling
    for spelling in (key.hex().encode(), key.hex().upper().encode()):
        yield ", written in hexadecimal, and that text used as the key: decode it first", spelling
    written = key.decode("ascii", "replace")
    with suppress(ValueError):
        yield ", decoded once more as hexadecimal: use it as it is", bytes.fromhex(written)
    if decoded := _bytes(written.rstrip("=").translate(str.maketrans("+/", "-_"))):
        yield ", decoded once more as base64: use it as it is", decoded


# -- the claims ---------------------------------------------------------------------------------------------------


def _wrong_claims(claims: Claims, expected: Expected) -> dict[str, list[str]]:
    """What is wrong with each claim that is asked for; with dates under "dates", or "times" where only the hour is."""
    wrong: dict[str, list[str]] = {}
    for name in expected.asked(claims):
        refusal = expected.refusal(name, claims)
        if refusal is None:
            continue
        place = name
        if name in TIMES:
            place = "times" if isinstance(refusal, jwt.Expired | jwt.NotYetValid) else "dates"
        wrong.setdefault(place, []).append(_about(name, claims, refusal, expected))
    return wrong


def _about(name: str, claims: Claims, refusal: jwt.InvalidToken, expected: Expected) -> str:
    if name not in claims:
        return f"there is no {name}"
    value = claims[name]
    if name in TIMES:
        return f"{name} is {shown(value)}, {in_words(value, expected.now)}: {refusal}"
    wanted = {"iss": expected.issuer, "aud": expected.audience}.get(name)
    return f"{name} is {shown(value)}: {refusal}" + (f", {shown(wanted)}" if wanted else "")
