"""`authref jwt decode | verify | create`: what a token says, which check refuses it, and how to make one.

The commands run in this process, at a set time, with AUTHREF_KEYS as the environment has it. Tokens come from
the tables of test_jwt.py: each of them must be refused at the rung where it fails, and told all that is wrong.
"""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

from authref import cli, inspector, jwt
from authref.inspector.secret import well_known
from authref.keys import write_keys
from tests.basics import KEYS, START
from tests.test_jwt import (
    ACCEPTED,
    END,
    GOOD,
    GOOD_HEADER,
    MISSING,
    NOW,
    OTHERS_KEY,
    REFUSED,
    check,
    claims,
    encode,
    header,
    sealed,
    signed,
    to_bytes,
)  # fmt: skip

PROJECT = Path(__file__).parent.parent
RUNGS = ("form", "header", "type", "key", "signature", "claims", "times", "issuer", "audience", "names")


parser = cache(inspector._parser)  # hundreds of runs need no more than one


@cache
def known() -> dict[bytes, str]:
    """The well-known secrets without the commonest passwords, thousands of guesses for each token."""
    return {secret: place for secret, place in well_known().items() if place != "one of the commonest passwords"}


def guessing() -> Any:
    """While the block runs the commonest passwords are tried, too."""
    return mock.patch("authref.inspector.secret.well_known", well_known)


def setUpModule() -> None:
    unittest.enterModuleContext(mock.patch("authref.inspector.secret.well_known", known))


@contextmanager
def variable(name: str, value: str | None) -> Iterator[None]:
    """While the block runs the environment has this value, or none; quicker than to copy all of it."""
    before = os.environ.pop(name, None)
    try:
        if value is not None:
            os.environ[name] = value
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def run(*arguments: str, keys: str | None = write_keys(KEYS), stdin: Any = "") -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `authref jwt` with these arguments, run at START."""
    out, err = io.StringIO(), io.StringIO()
    source = io.StringIO(stdin) if isinstance(stdin, str) else stdin
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch("sys.stdin", source),
        mock.patch("authref.inspector._parser", parser),
        mock.patch("time.time", lambda: START),
        variable("AUTHREF_KEYS", keys),
    ):
        try:
            status = cli.main(["jwt", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def climbed(output: str) -> list[tuple[str, str]]:
    """The rungs in the output of `verify`: yes, no or ?, and the first word of what was checked."""
    return re.findall(r"^  (yes|no|\?) +(\w+): ", output, re.M)


def wrong(output: str) -> dict[str, list[str]]:
    """What the output of `verify` says is wrong, by the rung."""
    found = re.findall(r"^  no  (\w+): .*\n((?: {8}.*\n)+)", output, re.M)
    return {name: [line.strip() for line in lines.splitlines()] for name, lines in found}


class Sentence(unittest.TestCase):
    def assert_sentence(self, result: tuple[int, str, str], word: str) -> None:
        """The command ended with status 2 and one line on standard error that has the word; nothing else was said."""
        status, out, err = result
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err, r"\Aauthref: [^\n]+[.\w]\n\Z")
        self.assertIn(word, err)
        self.assertNotIn("Traceback", err)


class Decode(Sentence):
    def test_three_parts(self) -> None:
        """Anybody can read a token, without any key: header and payload as JSON, times in words, and a warning."""
        status, out, err = run("decode", signed(payload=claims(nbf=NOW)), keys=None)
        self.assertEqual((status, err), (0, ""))
        parts = re.fullmatch(r"header\n(\{.*?\n\})\n.*?payload\n(\{.*?\n\})\n(.*)signature\n(.*)\n", out, re.S)
        assert parts is not None, out
        self.assertEqual(json.loads(parts[1]), header())
        self.assertEqual(json.loads(parts[2]), claims(nbf=NOW))
        self.assertEqual(
            parts[3],
            "  iss    issuer: who made it\n"
            "  aud    audience: whom it is for\n"
            "  sub    subject: whose it is\n"
            "  email  e-mail address\n"
            "  role   what they may do, as it was when this was made\n"
            "  iat    issued 2100-01-15 08:00:00 UTC, 0 s ago\n"
            "  exp    expires 2100-01-15 08:15:00 UTC, in 15 min\n"
            "  jti    its own id, by which it can be revoked\n"
            "  nbf    valid from 2100-01-15 08:00:00 UTC, 0 s ago\n"
            "         made to last 15 min\n",
        )
        self.assertIn("32 bytes, not checked", parts[4])

    def test_times_in_words(self) -> None:
        """Seconds since 1970 are said as a date and as a distance from now; what is no date is called so."""
        table = [
            (NOW + 1, "expires 2100-01-15 08:00:01 UTC, in 1 s"),
            (NOW + 119, "expires 2100-01-15 08:01:59 UTC, in 119 s"),
            (NOW + 120, "expires 2100-01-15 08:02:00 UTC, in 2 min"),
            (NOW + 7199, "expires 2100-01-15 09:59:59 UTC, in 119 min"),
            (NOW + 7200, "expires 2100-01-15 10:00:00 UTC, in 2 h"),
            (NOW + 2 * 86_400 - 1, "expires 2100-01-17 07:59:59 UTC, in 47 h"),
            (NOW + 2 * 86_400, "expires 2100-01-17 08:00:00 UTC, in 2 days"),
            (NOW + 730 * 86_400, "expires 2102-01-15 08:00:00 UTC, in 730 days"),
            (NOW + 731 * 86_400, "expires 2102-01-16 08:00:00 UTC, in 2 years"),
            (NOW, "expired 2100-01-15 08:00:00 UTC, 0 s ago"),
            (NOW - 900, "expired 2100-01-15 07:45:00 UTC, 15 min ago"),
            (0, "expired 1970-01-01 00:00:00 UTC, 130 years ago"),
            (0.5, "expired 1970-01-01 00:00:00 UTC, 130 years ago"),
            (END - 1, "expires 9999-12-31 23:59:59 UTC, in 7899 years"),
            *[(value, "is not a date") for value in (END, -1, 1e300, 10**400, True, None, "4103683200", [], {})],
        ]
        for value, words in table:
            with self.subTest(str(value)[:20]):
                status, out, _ = run("decode", signed(payload=claims(exp=value)))
                self.assertEqual(status, 0)
                self.assertIn(f"  exp    {words}", out)

    def test_what_is_absent(self) -> None:
        """An absent claim is named with its consequence, and the header says what it saw; a present one is not."""
        for token, lines in (
            (signed({"alg": "HS512"}, {}), ["typ  is absent", "exp  is absent: it never expires", "sub  is absent"]),
            (signed({"alg": "RS256", "typ": "JWT"}, {"exp": 1}), ["alg  RSA: ", "typ  any JSON", "iat  is absent"]),
            (signed({"typ": "at+jwt"}, {"own": 1}), ["alg  is absent", "typ  an access token", "own  a claim of"]),
            (signed({"alg": "nOnE", "jku": "x"}, {"sub": 4}), ["not signed at all", "jku  where its", "wants a text"]),
        ):  # fmt: skip
            out = run("decode", token, keys=None)[1]
            for line in lines:
                with self.subTest(line):
                    self.assertIn(line, out)
        self.assertNotIn("absent", run("decode", GOOD)[1])

    def test_what_it_was_copied_with(self) -> None:
        """A header, quotes and the answer to a login are taken off the token; what is left is the same token."""
        plain = run("decode", GOOD)
        for text in (
            f"Bearer {GOOD}",
            f"bearer  {GOOD}",
            f"Authorization: Bearer {GOOD}",
            f'"{GOOD}"',
            f" {GOOD}\n",
            json.dumps({"token": GOOD, "token_type": "Bearer"}),
            json.dumps({"access_token": GOOD}),
        ):
            with self.subTest(text[:20]):
                self.assertEqual(run("decode", text), plain)
                self.assertEqual(run("decode", "-", stdin=text), plain)
        for text in ("{", '{"token": 1}', "[]", "Bearer", f"Bearer {GOOD} x"):
            with self.subTest(text[:20]):
                self.assert_sentence(run("decode", text), "no token")

    def test_a_well_known_secret(self) -> None:
        """What was signed with a secret that everybody tries is told so, without any key; a random one is not."""
        for secret, name in (
            (b"secret", "an example"),
            (b"password1", "commonest"),
            (b"shhhhh", "an example"),
            (b"a-string-secret-at-least-256-bits-long", "jwt.io"),
        ):
            with self.subTest(secret), guessing():
                self.assertRegex(run("decode", signed(GOOD_HEADER, claims(), secret))[1], rf"well-known .*{name}")
        with guessing():
            self.assertNotIn("well-known", run("decode", GOOD)[1])

    def test_without_bcrypt(self) -> None:
        """Whoever only looks into tokens needs no other package."""
        code = "import sys; sys.modules['bcrypt'] = None; from authref.cli import main; sys.exit(main(sys.argv[1:]))"
        done = subprocess.run([sys.executable, "-c", code, "jwt", "decode", GOOD], cwd=PROJECT, capture_output=True,
                              text=True, timeout=30)  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_colours(self) -> None:
        """On a terminal the token stands first, its parts in the colours of their headings; in a pipe nothing does."""
        with mock.patch("authref.inspector.in_colour", return_value=True):
            out = run("decode", GOOD)[1]
        first = ".".join(f"\033[{n}m{part}\033[0m" for n, part in zip((31, 35, 36), GOOD.split("."), strict=True))
        self.assertEqual(out.splitlines()[0], first)
        for number, name in ((31, "header"), (35, "payload"), (36, "signature")):
            self.assertIn(f"\033[1;{number}m{name}\033[0m", out)
        self.assertNotIn("\033", run("decode", GOOD)[1])

    def test_a_token_nobody_should_believe(self) -> None:
        """Forged, expired and unsigned tokens are shown like any other, each with the warning."""
        table = [
            ("signed by nobody we know", signed(header(), claims(), OTHERS_KEY), "32 bytes"),
            ("unsigned", signed(header(alg="none")).rpartition(".")[0] + ".", "0 bytes"),
            ("expired", signed(payload=claims(exp=1)), "32 bytes"),
            ("payload no object", signed(payload="[1]"), "32 bytes"),
            ("header no object", signed("null"), "32 bytes"),
        ]
        for name, token, size in table:
            with self.subTest(name):
                status, out, err = run("decode", token)
                self.assertEqual((status, err), (0, ""))
                self.assertIn(f"{size}, not checked", out)

    def test_control_characters(self) -> None:
        """Whoever sends a token to look at writes nothing to the reader's terminal: ESC and the like are escaped."""
        status, out, _ = run("decode", signed(header(kid="\x1b[2J"), claims(sub="\x1b]0;x\x07\r\u202e\u2028\x9b")))
        self.assertEqual(status, 0)
        self.assertRegex(out, r"\A[ -~\n]+\Z")

    def test_no_token(self) -> None:
        """What is no token is refused in a sentence."""
        table = [
            ("nothing", ""),
            ("a word", "token"),
            ("two parts", "a.b"),
            ("five parts", "a.b.c.d.e"),
            ("not JSON", sealed(f"{encode(b'x')}.{encode(b'y')}")),
            ("padding", GOOD + "="),
            ("not ASCII", GOOD + "é"),
            ("half a surrogate pair", GOOD + "\udc80"),
            ("a name twice", signed(payload='{"a":1,"a":2}')),
            ("NaN", signed(payload='{"exp":NaN}')),
            ("UTF-16", signed(payload=json.dumps(claims()).encode("utf-16"))),
        ]
        for name, token in table:
            with self.subTest(name):
                self.assert_sentence(run("decode", token), "no token")

    def test_deep_nesting(self) -> None:
        """A payload nested so deep that Python gives up ends in a sentence too, at whatever depth that is."""
        gc.collect()  # or else the garbage of other tests is finalised down there, and complains about it
        for depth in (100, 980, 990, 1200, 100_000):
            with self.subTest(depth):
                status, _, err = run("decode", signed(payload="[" * depth + "]" * depth))
                self.assertIn(status, (0, 2))
                self.assertLess(len(err), 200, err)

    def test_from_standard_input(self) -> None:
        """With - the token is read from standard input, where it stands in no history and in no list of processes."""
        self.assertEqual(run("decode", "-", stdin=f"  {GOOD}\n"), run("decode", GOOD))

    def test_bytes_on_standard_input(self) -> None:
        """Standard input that is no text is no token, in a sentence."""
        for command in ("decode", "verify"):
            with self.subTest(command):
                status, _, err = run(command, "-", stdin=io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), "utf-8"))
                self.assertNotEqual(status, 0)
                self.assertNotIn("Traceback", err)


class Verify(Sentence):
    def test_accepted(self) -> None:
        """A good token climbs the whole ladder; its claims and times are shown."""
        for name, token in ACCEPTED:
            with self.subTest(name):
                status, out, err = run("verify", token)
                self.assertEqual((status, err), (0, ""))
                self.assertEqual(climbed(out), [("yes", rung) for rung in RUNGS])
                self.assertIn("\naccepted\n", out)
        status, out, _ = run("verify", GOOD)
        self.assertIn(json.dumps(claims(), indent=2), out)
        self.assertIn("  exp    expires 2100-01-15 08:15:00 UTC, in 15 min\n", out)

    # a token, the first rung that it fails, the refusal
    RUNG: list[tuple[str, str, str, str]] = [
        ("two parts", "a.b", "form", "Malformed"),
        ("padding", GOOD + "=", "form", "Malformed"),
        ("too long", "A" * 9000, "form", "Malformed"),
        ("header no base64", sealed("A." + GOOD.split(".")[1]), "form", "Malformed"),
        ("payload no base64", sealed(GOOD.split(".")[0] + ".A"), "form", "Malformed"),
        ("alg none", signed(header(alg="none")), "header", "WrongAlgorithm"),
        ("HS512", signed(header(alg="HS512"), claims(), KEYS["k1"], "sha512"), "header", "WrongAlgorithm"),
        ("crit", signed(header(crit=["exp"])), "header", "Malformed"),
        ("header no JSON", signed("x"), "header", "Malformed"),
        ("header no object", signed("[]"), "header", "Malformed"),
        ("alg twice", signed('{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"k1"}'), "header", "Malformed"),
        ("typ JWT", signed(header(typ="JWT")), "type", "WrongType"),
        ("kid unknown", signed(header(kid="k9")), "key", "UnknownKey"),
        ("another's key", signed(header(), claims(), OTHERS_KEY), "signature", "BadSignature"),
        ("the key of another kid", signed(header(kid="k0"), claims(), KEYS["k1"]), "signature", "BadSignature"),
        ("payload no JSON", signed(payload="x"), "claims", "Malformed"),
        ("payload no JSON, second key", signed(header(kid="k0"), "x", KEYS["k0"]), "claims", "Malformed"),
        ("payload no object", signed(payload="[]"), "claims", "Malformed"),
        ("exp twice", signed(payload='{"exp":1,"exp":2}'), "claims", "Malformed"),
        ("exp a text", signed(payload=claims(exp="x")), "claims", "Malformed"),
        ("no claims", signed(payload={}), "claims", "MissingClaim"),
        ("no exp", signed(payload=claims(exp=MISSING)), "claims", "MissingClaim"),
        ("no iss", signed(payload=claims(iss=MISSING)), "issuer", "MissingClaim"),
        ("no aud", signed(payload=claims(aud=MISSING)), "audience", "MissingClaim"),
        ("no sub at all", signed(payload=claims(sub=MISSING)), "names", "MissingClaim"),
        ("no jti", signed(payload=claims(jti=MISSING)), "names", "MissingClaim"),
        ("a sub that is none", signed(payload=claims(sub=None)), "names", "Malformed"),
        ("expired", signed(payload=claims(exp=NOW)), "times", "Expired"),
        ("not yet valid", signed(payload=claims(nbf=NOW + 1)), "times", "NotYetValid"),
        ("wrong issuer", signed(payload=claims(iss="x")), "issuer", "WrongIssuer"),
        ("wrong audience", signed(payload=claims(aud=["other"])), "audience", "WrongAudience"),
    ]

    def test_the_rung(self) -> None:
        """A bad token is told the first rung that refuses it, as a server would, with lines that say why."""
        for name, token, rung, kind in self.RUNG:
            with self.subTest(name):
                status, out, err = run("verify", token)
                self.assertEqual((status, err), (1, ""))
                self.assertEqual([name for _, name in climbed(out)], list(RUNGS))
                self.assertEqual([name for answer, name in climbed(out) if answer == "no"][0], rung)
                self.assertEqual(set(wrong(out)), {name for answer, name in climbed(out) if answer == "no"})
                self.assertRegex(out.splitlines()[-1], rf"\Arefused: {kind}, \w")

    # a token, and all that is wrong with it: the rungs, each with what its lines say
    ALL: list[tuple[str, str, dict[str, list[str]]]] = [
        ("one thing", signed(payload=claims(exp=NOW)), {"times": ["exp is 4103683200, .*, 0 s ago: exp has passed"]}),
        ("two times", signed(payload=claims(exp=NOW - 60, nbf=NOW + 60)),
         {"times": ["nbf is .*, in 60 s: nbf has not come", "exp is .*, 60 s ago: exp has passed"]}),
        ("what a library makes without being told",
         sealed(f"{encode(to_bytes({'alg': 'HS256', 'typ': 'JWT'}))}.{encode(to_bytes({'sub': 'a', 'iat': NOW}))}"),
         {"type": ['typ is "JWT"; wanted: at.jwt'], "key": ["there is no kid; wanted: k1 or k0"],
          "claims": ["there is no exp"], "issuer": ["there is no iss"],
          "audience": ["there is no aud"], "names": ["there is no jti"]}),
        ("another algorithm, kid and everything",
         signed(header(alg="HS512", typ=MISSING, kid="k9", crit=["x"]),
                {"iss": "x", "aud": ["x"], "sub": 1, "jti": "", "iat": True, "exp": NOW * 1000}, KEYS["k0"], "sha512"),
         {"header": ['alg is "HS512"; wanted: HS256', "crit names extensions"], "type": ["there is no typ"],
          "key": ['kid is "k9"; wanted: k1 or k0'], "signature": ["it fits k0, by HS512"],
          "claims": ["iat is true, not a date", "exp is 4103683200000, .*milliseconds"],
          "issuer": ['iss is "x".*"authref"'], "audience": [r'aud is \["x"\].*"authref"'], "names": ["sub is 1"]}),
        ("the key of another kid", signed(header(kid="k0"), claims(), KEYS["k1"]),
         {"signature": ["it fits k1, which is not the one that kid names"]}),
        ("nobody's key", signed(header(), claims(exp=1), OTHERS_KEY),
         {"signature": ["neither this key nor another"], "times": ["exp is 1"]}),
        ("absent is not malformed", signed(payload=claims(jti=MISSING, exp=MISSING, iat=None)),
         {"claims": ["iat is null, not a date", "there is no exp"], "names": ["there is no jti"]}),
        ("padding", GOOD + "=", {"form": ['it holds "=".*without padding'], "signature": ["not base64url"]}),
        ("five parts", "a.b.c.d.e", {"form": ["it has 5 parts; an encrypted token"]}),
        ("no header, no payload", signed("[]", '{"a":1,"a":2}'),
         {"header": ["the header is not a JSON object"], "claims": ["the payload is not a JSON object"]}),
        ("an empty header", signed("{}"), {"header": ["there is no alg"], "type": ["there is no typ"],
                                           "key": ["there is no kid"]}),
        ("too long, expired", signed(payload=claims(exp=1, x="x" * 9000)),
         {"form": ["it has 12... characters; ours have at most 8192"], "times": ["exp is 1, .*exp has passed"]}),
    ]  # fmt: skip

    def test_all_that_is_wrong(self) -> None:
        """It climbs on: each thing that is wrong is told, with what stands there, and nothing that is not."""
        for name, token, expected in self.ALL:
            with self.subTest(name):
                status, out, err = run("verify", token)
                self.assertEqual((status, err), (1, ""))
                self.assertEqual(list(wrong(out)), list(expected), out)
                for rung, patterns in expected.items():
                    self.assertEqual(len(wrong(out)[rung]), len(patterns), out)
                    for line, pattern in zip(wrong(out)[rung], patterns, strict=True):
                        self.assertRegex(line, pattern)

    def test_a_key_used_as_text(self) -> None:
        """A key is bytes, and its base64url is a text: who takes one for the other is told which of them it was."""
        key, text = KEYS["k1"], encode(KEYS["k1"])
        written, high, long = text.encode(), bytes(range(224, 256)), bytes(range(200, 240))
        for name, used, ring, pattern in (
            ("base64url", written, KEYS, "k1, its base64 text used as the key: decode it first.*`k` of a JWK"),
            ("padded", written + b"=", KEYS, "k1, its base64 text used as the key"),
            ("base64", base64.b64encode(high), {"k1": high}, "its base64 text used"),
            ("hexadecimal", key.hex().encode(), KEYS, "k1, written in hexadecimal, and that text used as the key"),
            ("HEXADECIMAL", long.hex().upper().encode(), {"k1": long}, "written in hexadecimal"),
            ("decoded once more", key, {"k1": written}, "k1, decoded once more as base64: use it as it is"),
            ("from hexadecimal", long, {"k1": long.hex().encode()}, "decoded once more as hexadecimal"),
        ):
            # The ring as a program may hold it, even where AUTHREF_KEYS would not take it.
            with self.subTest(name), mock.patch("authref.inspector.environment_keys", return_value=ring):
                status, out, _ = run("verify", signed(GOOD_HEADER, claims(), used))
                self.assertEqual((status, list(wrong(out))), (1, ["signature"]))
                self.assertRegex(wrong(out)["signature"][0], f"it fits .*{pattern}")
                self.assertNotIn(text, out)
                self.assertEqual(run("verify", signed(GOOD_HEADER, claims(), ring["k1"]))[0], 0)

    def test_an_audience_among_others(self) -> None:
        """A list that holds ours is the expected audience (RFC 7519 §4.1.3); one that does not is none."""
        for value, expected in ((["authref"], 0), (["a", "authref"], 0), (["a"], 1), ([], 1), ("authref", 0)):
            with self.subTest(value):
                self.assertEqual(run("verify", signed(payload=claims(aud=value)))[0], expected)

    def test_what_a_token_holds_on_the_screen(self) -> None:
        """Whatever it holds is shown in a line of ASCII, cut where it is long."""
        odd = "\x1b[2J\u202e\n" + "x" * 5000
        _, out, _ = run("verify", signed(header(kid=odd[:40], typ="\x9b"), claims(iss=odd, exp=odd[:9], aud=[odd])))
        self.assertRegex(out, r"\A[ -~\n]+\Z")
        self.assertLess(max(map(len, out.splitlines())), 200)

    def test_each_refusal_has_a_rung(self) -> None:
        """The table above has a token for each refusal there is, and for each rung."""
        kinds = {kind.__name__ for kind in jwt.InvalidToken.__subclasses__()}
        self.assertEqual({kind for *_, kind in self.RUNG}, kinds)
        self.assertEqual({rung for _, _, rung, _ in self.RUNG}, set(RUNGS))

    PLACES = {"WrongAlgorithm": "header", "WrongType": "type", "UnknownKey": "key", "BadSignature": "signature",
              "Expired": "times", "NotYetValid": "times", "WrongIssuer": "issuer",
              "WrongAudience": "audience"}  # fmt: skip

    def test_refused(self) -> None:
        """Every hostile token is refused here as in the server, with the same refusal, and at the rung of that."""
        for name, token, kind in REFUSED:
            if token == token.strip() and len(token) < 20_000:
                with self.subTest(name):
                    status, out, err = run("verify", token)
                    self.assertEqual((status, err), (1, ""))
                    self.assertRegex(out.splitlines()[-1], rf"\Arefused: {kind.__name__}, \w")
                    self.assertIn("no", [answer for answer, _ in climbed(out)])
                    if kind.__name__ in self.PLACES:
                        self.assertIn(("no", self.PLACES[kind.__name__]), climbed(out))

    def test_no_rung_is_said_to_be_passed_that_was_not(self) -> None:
        """A token without sub is not told that its sub is fine, whatever else is wrong with it."""
        for name, token in (
            ("expired", signed(payload={"iat": 0, "exp": 1})),
            ("wrong issuer", signed(payload={"iss": "x", "iat": 0, "exp": END - 1})),
        ):
            with self.subTest(name):
                status, out, _ = run("verify", token)
                self.assertEqual(status, 1)
                self.assertNotRegex(out, r"yes [^\n]*\bsub\b")

    def test_options(self) -> None:
        """Issuer, audience and leeway are as told."""
        other = signed(payload=claims(iss="us", aud="them", exp=NOW - 5))
        told = ("--issuer", "us", "--audience", "them", "--leeway", "6")
        self.assertEqual(run("verify", other, *told)[0], 0)
        for index, rung in ((0, "issuer"), (2, "audience"), (4, "times")):
            with self.subTest(rung):
                status, out, _ = run("verify", other, *told[:index], *told[index + 2 :])
                self.assertEqual((status, list(wrong(out))), (1, [rung]))
        self.assertEqual(run("verify", other, *told[:4], "--leeway", "5")[0], 1)

    def test_leeway_that_is_no_number(self) -> None:
        """A leeway of nan, with which every comparison is false, does not make an expired token good."""
        self.assertNotEqual(run("verify", signed(payload=claims(exp=1)), "--leeway", "nan")[0], 0)

    def test_from_standard_input(self) -> None:
        """With - the token is read from standard input."""
        self.assertEqual(run("verify", "-", stdin=GOOD + "\n"), run("verify", GOOD))
        self.assertEqual(run("verify", "-", stdin=GOOD + "x\n")[0], 1)


class Secrets(Sentence):
    """Tokens of others, by a secret of theirs."""

    SECRET = "correct horse battery staple, more than sixty-four bytes of text"
    THEIRS = ({"alg": "HS256"}, {"sub": "bob", "exp": NOW + 60})

    def verify(self, token: str, secret: bytes | str | None = None, *more: str) -> tuple[int, str, str]:
        """`authref jwt verify` with this secret in AUTHREF_SECRET, which wins over AUTHREF_KEYS."""
        text = self.SECRET if secret is None else os.fsdecode(secret)
        with variable("AUTHREF_SECRET", text):
            return run("verify", token, *more)

    def test_any_type_and_no_kid(self) -> None:
        """With a secret, any typ, no kid and no claims are accepted; and by each algorithm of HMAC."""
        for members, said in (
            self.THEIRS,
            ({"typ": "x", "alg": "HS256"}, {}),
            ({"kid": 7, "alg": "HS256"}, {"sub": 1}),
        ):
            with self.subTest(members):
                status, out, err = self.verify(signed(members, said, self.SECRET.encode()))
                self.assertEqual((status, err, set(dict(climbed(out)))), (0, "", {"yes"}))
                self.assertIn("\naccepted: signed by HS256 with this secret, as text\n", out)
        for name, digest in (("HS384", "sha384"), ("HS512", "sha512")):
            with self.subTest(name):
                token = signed({"alg": name}, {}, self.SECRET.encode(), digest)
                self.assertIn(f"accepted: signed by {name}", self.verify(token)[1])

    # a token, and all that is wrong with it
    WRONG: list[tuple[str, str, dict[str, list[str]]]] = [
        ("another secret", signed(*THEIRS, OTHERS_KEY), {"signature": ["it does not fit the secret .tried: as text"]}),
        ("changed", signed({"alg": "HS256"}, {}, SECRET.encode())[:-2] + "AA", {"signature": ["changed since"]}),
        ("expired", signed(THEIRS[0], {"exp": NOW - 60}, SECRET.encode()), {"times": ["60 s ago: exp has passed"]}),
        ("too early", signed({"alg": "HS256"}, {"nbf": NOW + 60}, SECRET.encode()), {"times": ["nbf has not come"]}),
        ("no date", signed({"alg": "HS256"}, {"exp": "x"}, SECRET.encode()), {"claims": ["not a date"]}),
        ("another algorithm", signed({"alg": "HS256"}, {}, SECRET.encode(), "sha512"),
         {"signature": ['it fits the secret by HS512, and the header says "HS256"']}),
        ("unsigned", signed({"alg": "none"}, {}).rpartition(".")[0] + ".",
         {"header": ['alg is "none".*not signed at all'], "signature": ["there is none"]}),
        ("public key", signed({"alg": "RS256"}, {}), {"header": ['alg is "RS256".*RSA']}),
        ("extension", signed({"alg": "HS256", "crit": ["b64"]}, {}, SECRET.encode()), {"header": ["crit names"]}),
        ("not three", "a.b", {"form": ["it has 2 parts"]}),
        ("not JSON", signed({"alg": "HS256"}, "x", SECRET.encode()), {"claims": ["not a JSON object"]}),
        ("well known", signed(*THEIRS, b"secret"), {"signature": ["a well-known secret .*not yours"]}),
    ]  # fmt: skip

    def test_all_that_is_wrong(self) -> None:
        """What is wrong is refused and told, all of it."""
        for name, token, expected in self.WRONG:
            with self.subTest(name):
                status, out, err = self.verify(token)
                self.assertEqual((status, err, list(wrong(out))), (1, "", list(expected)), out)
                for rung, patterns in expected.items():
                    self.assertEqual(len(wrong(out)[rung]), len(patterns))
                    self.assertRegex(wrong(out)[rung][0], patterns[0])
                self.assertRegex(out.splitlines()[-1], rf"\Arefused: {next(iter(expected))}, \w")

    def test_issuer_and_audience(self) -> None:
        """Issuer and audience are compared where they are named."""
        token = signed({"alg": "HS256"}, {"iss": "us", "aud": ["them", "you"]}, self.SECRET.encode())
        self.assertEqual(self.verify(token, None, "--issuer", "us", "--audience", "you")[0], 0)
        for told, rung in (("--issuer", "issuer"), ("--audience", "audience")):
            with self.subTest(rung):
                status, out, _ = self.verify(token, None, told, "x")
                self.assertEqual((status, list(wrong(out))), (1, [rung]))

    def test_hostile(self) -> None:
        """Every hostile token ends in an answer here too, and none of them is accepted."""
        for name, token, _ in REFUSED:
            with self.subTest(name):
                if "\0" not in token and len(token) < 20_000:
                    status, out, err = self.verify(token)
                    self.assertEqual((status, err), (1, ""))

    def test_text_or_base64(self) -> None:
        """A secret may be a text, or bytes in base64, base64url or hexadecimal; which of them fits is told."""
        key = bytes(range(200, 264 - 8)) + b"\x01\xff\xfe\xfb"
        for written, used, how in (
            (base64.b64encode(key), key, "decoded from base64"),
            (encode(key).encode(), key, "decoded from base64"),
            (encode(key).encode(), encode(key).encode(), "as text"),
            (key.hex().encode(), key, "decoded from hexadecimal"),
            (key.hex().encode(), key.hex().encode(), "as text"),
            ("sé€cret, some thirty-two bytes of it and more".encode(), None, "as text"),
        ):
            with self.subTest(how, written=written[:8]):
                status, out, _ = self.verify(signed(*self.THEIRS, used or written), written)
                self.assertEqual(status, 0, out)
                self.assertIn(f"with this secret, {how}\n", out)

    def test_from_a_file(self) -> None:
        """A file holds the secret with or without a line end, as bytes, or as a JWK; what is none is a sentence."""
        random = bytes([0xFF, *range(1, 33)])
        good = [(self.SECRET, self.SECRET.encode()), (self.SECRET + "\r\n", self.SECRET.encode()), (random, random),
                (json.dumps({"kty": "oct", "k": encode(random)}), random)]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "secret")
            for content, key in good:
                with self.subTest(content):
                    path.write_bytes(content if isinstance(content, bytes) else content.encode())
                    status, out, err = run("verify", signed(*self.THEIRS, key), "--secret-file", str(path))
                    self.assertEqual((status, err), (0, ""), out)
            for content, word in ((b"", "empty"), (b"\n", "empty"), (b"-----BEGIN PUBLIC KEY-----\n", "RS256")):
                with self.subTest(content):
                    path.write_bytes(content)
                    self.assert_sentence(run("verify", GOOD, "--secret-file", str(path)), word)
            self.assert_sentence(run("verify", GOOD, "--secret-file", folder), "name another file")
            self.assert_sentence(run("verify", GOOD, "--secret-file", str(path) + "x"), "name another file")

    def test_a_weak_secret(self) -> None:
        """A short, patterned or well-known secret is worth a warning, on standard error; a strong one is not."""
        for secret, word in (
            (b"x7Q", "3 bytes and HS256 wants 32"),
            (b"shhhhh", "well known"),
            (b"password", "commonest"),
            (b"a-string-secret-at-least-256-bits-long", "jwt.io"),
            (b"ab" * 20, "2 different"),
        ):
            with self.subTest(secret), guessing():
                status, _, err = self.verify(signed(*self.THEIRS, secret), secret)
                self.assertEqual(status, 0)
                self.assertRegex(err, rf"\AWarning: [^\n]*{word}[^\n]*\n\Z")
        self.assertEqual(self.verify(signed(*self.THEIRS, self.SECRET.encode()))[2], "")

    def test_never_from_a_flag(self) -> None:
        """A secret in a flag is refused with the ways there are, and not repeated."""
        for flags in (["--secret", "hunter22"], ["--secret=hunter22"], ["--key", "hunter22"]):
            for command in (["verify", GOOD], ["create", "--sub", "a"]):
                with self.subTest(flags, command=command[0]):
                    result = run(*command, *flags)
                    self.assert_sentence(result, "--secret-file")
                    self.assertNotIn("hunter22", result[2])

    @unittest.skipIf(sys.platform == "win32", "needs a pseudo-terminal")
    def test_asked_for_on_the_terminal(self) -> None:
        """Without any key the secret is asked for on the terminal, which does not show it."""
        import pty

        for more in ([], ["--ask"]):
            with self.subTest(more):
                pid, terminal = pty.fork()
                if pid == 0:
                    token = signed({"alg": "HS256"}, {"sub": "bob"}, self.SECRET.encode())
                    kept = {"PATH": os.defpath, "PYTHONPATH": str(PROJECT)} | ({"AUTHREF_KEYS": "x"} if more else {})
                    arguments = [sys.executable, "-m", "authref", "jwt", "verify", token, *more]
                    os.execve(sys.executable, arguments, kept)
                seen = b""
                with suppress(OSError):  # Linux: what a pseudo-terminal says once nobody is at its other end
                    while part := os.read(terminal, 4096):
                        seen += part
                        if part.endswith(b"shown): "):
                            os.write(terminal, self.SECRET.encode() + b"\n")
                os.close(terminal)
                self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, seen)
                self.assertIn(b"accepted: signed by HS256", seen)
                self.assertNotIn(self.SECRET.encode(), seen)

    def test_a_key_file(self) -> None:
        """The key file of a server checks its tokens, whatever AUTHREF_KEYS says; one that is not there is not made."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "keys")
            path.write_text(write_keys(KEYS), "ascii")
            path.chmod(0o600)
            self.assertEqual(run("verify", GOOD, "--key-file", str(path), keys=write_keys({"k9": OTHERS_KEY}))[0], 0)
            self.assertEqual(run("verify", GOOD, keys=write_keys({"k9": OTHERS_KEY}))[0], 1)
            self.assert_sentence(run("verify", GOOD, "--key-file", f"{path}x"), "--key-file")
            self.assertFalse(Path(f"{path}x").exists())

    def test_create(self) -> None:
        """A token of others has what was named, alg and typ; the secret is a text, or base64 where that is said."""
        key = bytes(range(100, 140))
        for secret, more, used in (
            (self.SECRET, (), self.SECRET.encode()),
            (encode(key), ("--base64",), key),
            (encode(key), (), encode(key).encode()),
        ):
            with self.subTest(secret, more=more), variable("AUTHREF_SECRET", secret):
                status, out, err = run("create", "--sub", "bob", *more)
                self.assertEqual((status, err), (0, ""))
                said = json.loads(jwt.decode(out.split(".")[1].encode()))
                self.assertEqual(set(said), {"sub", "iat", "exp", "jti"})
                self.assertEqual(out.strip(), signed({"alg": "HS256", "typ": "JWT"}, said, used))
        with variable("AUTHREF_SECRET", "not base64!"):
            self.assert_sentence(run("create", "--sub", "bob", "--base64"), "not base64")
        with variable("AUTHREF_SECRET", "secret"):
            self.assertIn("Warning: the secret is well known", run("create", "--sub", "bob")[2])

    @unittest.skipUnless(find_spec("jwt") and find_spec("joserfc"), "needs PyJWT and joserfc")
    def test_tokens_of_libraries(self) -> None:
        """Tokens of PyJWT and joserfc, as they make them, are accepted; and ours by them."""
        import jwt as pyjwt
        from joserfc import jwt as joserfc
        from joserfc.jwk import OctKey

        theirs = {"sub": "bob", "exp": NOW + 60}
        for name in ("HS256", "HS384", "HS512"):
            with self.subTest(name):
                self.assertEqual(self.verify(pyjwt.encode(theirs, self.SECRET, name))[0], 0)
                self.assertEqual(
                    self.verify(joserfc.encode({"alg": name}, theirs, OctKey.import_key(self.SECRET), [name]))[0], 0
                )
        with variable("AUTHREF_SECRET", self.SECRET):
            made = run("create", "--sub", "bob", "--claim", "admin=true")[1].strip()
        self.assertTrue(pyjwt.decode(made, self.SECRET, ["HS256"], options={"verify_iat": False})["admin"])
        self.assertEqual(joserfc.decode(made, OctKey.import_key(self.SECRET)).claims["sub"], "bob")


class Create(Sentence):
    def test_a_token(self) -> None:
        """What is created is one line, a token that the server would believe, for 15 minutes."""
        status, out, err = run("create", "--sub", "alice", "--email", "alice@example.com", "--role", "admin")
        self.assertEqual((status, err, out.count("\n")), (0, "", 1))
        said = check(out.strip())
        self.assertRegex(str(said.pop("jti")), r"\A[A-Za-z0-9_-]{22}\Z")
        expected = {"iss": "authref", "aud": "authref", "sub": "alice", "email": "alice@example.com", "role": "admin"}
        self.assertEqual(said, expected | {"iat": NOW, "exp": NOW + 900})

    def test_what_was_not_given(self) -> None:
        """Nothing but sub is needed; a claim that nobody gave is not in the token."""
        said = check(run("create", "--sub", "alice")[1].strip())
        self.assertEqual(set(said), {"iss", "aud", "sub", "role", "iat", "exp", "jti"})
        self.assertEqual(said["role"], "user")

    def test_options(self) -> None:
        """Lifetime, issuer and audience are as told, and `verify` agrees."""
        told = ("--issuer", "us", "--audience", "them")
        token = run("create", "--sub", "alice", "--lifetime", "60", *told)[1].strip()
        self.assertEqual(check(token, issuer="us", audience="them")["exp"], NOW + 60)
        self.assertEqual(run("verify", token, *told)[0], 0)
        expired = run("create", "--sub", "alice", "--lifetime", "0")[1].strip()
        self.assertEqual(list(wrong(run("verify", expired)[1])), ["times"])

    def test_claims(self) -> None:
        """--claim adds a claim or gives one another value: JSON where it is some, else a text."""
        given = ("admin=true", "plan=gold", "n=1", 's="1"', "list=[1]", "eq=a=b", "role=boss", "empty=",
                 "exp=4103683300", "nan=NaN")  # fmt: skip
        token = run("create", "--sub", "alice", *(word for each in given for word in ("--claim", each)))[1].strip()
        said = check(token)
        expected = {"admin": True, "plan": "gold", "n": 1, "s": "1", "list": [1], "eq": "a=b", "role": "boss",
                    "empty": "", "exp": 4103683300, "nan": "NaN"}  # fmt: skip
        self.assertEqual({name: said[name] for name in expected}, expected)
        for each in ("admin", "=1", ""):
            with self.subTest(each):
                self.assert_sentence(run("create", "--sub", "alice", "--claim", each), "name=value")

    def test_two_tokens(self) -> None:
        """Two tokens of one moment differ, in their jti."""
        self.assertNotEqual(run("create", "--sub", "alice"), run("create", "--sub", "alice"))

    def test_the_first_key(self) -> None:
        """The ring's first key signs."""
        token = run("create", "--sub", "alice")[1].strip()
        self.assertEqual(run("verify", token, keys=write_keys({"k1": KEYS["k1"]}))[0], 0)
        self.assertEqual(run("verify", token, keys=write_keys({"k0": KEYS["k0"]}))[0], 1)


class NotUnderstood(Sentence):
    def test_keys(self) -> None:
        """Without good keys nothing is created or verified: a sentence, with the command that makes one."""
        table = [
            ("missing", None),
            ("empty", ""),
            ("misspelt", "k1:???"),
            ("short", f"k1:{encode(b'secret')}"),
            ("patterned", f"k1:{encode(bytes(32))}"),
            ("published", f"k1:{encode(b'a-string-secret-at-least-256-bits-long')}"),
            ("twice", f"{write_keys(KEYS)},{write_keys(KEYS)}"),
        ]
        for name, keys in table:
            with self.subTest(name):
                self.assert_sentence(run("verify", GOOD, keys=keys), "authref keys new")
                self.assert_sentence(run("create", "--sub", "alice", keys=keys), "authref keys new")
                self.assertEqual(run("decode", GOOD, keys=keys)[0], 0)

    def test_the_remedy(self) -> None:
        """The command that the sentence names prints keys that work."""
        out = io.StringIO()
        with redirect_stdout(out):
            self.assertEqual(cli.main(["keys", "new"]), 0)
        token = run("create", "--sub", "alice", keys=out.getvalue())[1].strip()
        self.assertEqual(run("verify", token, keys=out.getvalue())[0], 0)

    def test_arguments(self) -> None:
        """A command line that cannot be understood ends in a sentence that says where to read on."""
        table: list[tuple[str, ...]] = [
            (),
            ("forge",),
            ("decode",),
            ("decode", GOOD, GOOD),
            ("verify",),
            ("verify", GOOD, "--leeway", "soon"),
            ("create",),
            ("create", "--sub"),
            ("create", "--sub", "alice", "--lifetime", "1h"),
        ]
        for arguments in table:
            with self.subTest(" ".join(arguments)[:30]):
                self.assert_sentence(run(*arguments), "--help")

    def test_help(self) -> None:
        """--help is an answer, not an error."""
        for arguments in (["--help"], ["decode", "--help"], ["verify", "--help"], ["create", "--help"]):
            with self.subTest(arguments):
                status, out, err = run(*arguments)
                self.assertEqual((status, err), (0, ""))
                self.assertIn("usage: authref jwt", out)


if __name__ == "__main__":
    unittest.main()
