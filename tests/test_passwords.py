"""A stored hash recognises its password, exactly as it was sent, and nothing else.

bcrypt alone would cut a password after 72 bytes, and would work for days on a hash that somebody planted; a
crowd of strangers could keep every core busy. Each of these is tried here, beside the honest case.
"""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import bcrypt

import authref
from authref import passwords
from authref.passwords import cost_of, hash_of_nobody, hash_password, objection, verify_password
from tests.basics import PASSWORD, SENTENCE, TEST_COST, in_place_of

COMMON = Path(authref.__file__).with_name("common-passwords.txt").read_text("ascii").split()

# What bcrypt is given, computed elsewhere:
#   printf %s "$PASSWORD" | openssl dgst -sha256 -hmac "authref password v1" -binary | base64
CONDENSED = {
    "correct horse battery": b"+f7uBwxlrqERoQef4NxLhpcDBuN0LoCBxJfi3tfPlnM=",
    "pässwört \U0001f511": b"dwo3ES0vBIjC1lgxIISVlLrnv6UO3QSlI15jq+HHOzo=",
    "nul\0inside": b"KJ5HeT7qVPewtMBxs7H/28RBCaVi+tV/0t7XyhQAJ98=",
}


class Hashes(unittest.TestCase):
    def test_form(self) -> None:
        """A hash is bcrypt's `$2b$`, its cost, and 53 characters of salt and sum."""
        self.assertRegex(hash_password(PASSWORD, TEST_COST), r"\A\$2b\$04\$[./A-Za-z0-9]{53}\Z")
        self.assertRegex(hash_password(PASSWORD, 5), r"\A\$2b\$05\$[./A-Za-z0-9]{53}\Z")

    def test_default_cost(self) -> None:
        """Who names no cost gets 12."""
        with mock.patch("bcrypt.hashpw", return_value=b"") as hashpw:
            hash_password(PASSWORD)
        self.assertTrue(hashpw.call_args[0][1].startswith(b"$2b$12$"))

    def test_the_same_password_twice(self) -> None:
        """Each hash has a salt of its own, so that equal passwords cannot be seen in a leaked store."""
        hashes = {hash_password(PASSWORD, TEST_COST) for _ in range(5)}
        self.assertEqual(len({stored[7:29] for stored in hashes}), 5)
        for stored in hashes:
            self.assertTrue(verify_password(PASSWORD, stored))

    def test_against_another_implementation(self) -> None:
        """What is hashed is base64 of HMAC-SHA-256 under our label, as OpenSSL computes it, and nothing else."""
        for password, condensed in CONDENSED.items():
            with self.subTest(password):
                stored = hash_password(password, TEST_COST).encode()
                self.assertTrue(bcrypt.checkpw(condensed, stored))
                self.assertFalse(bcrypt.checkpw(condensed[:-1] + b"A", stored))
                self.assertFalse(bcrypt.checkpw(password.encode().replace(b"\0", b""), stored))

    def test_a_hash_stored_long_ago(self) -> None:
        """A hash that stands in somebody's store today is still recognised: changing the scheme locks everybody out."""
        stored = "$2b$04$abcdefghijklmnopqrstuuAGyxzOKaTGWuoTBlbAK04IBlbGHplSK"
        self.assertTrue(verify_password("correct horse battery", stored))
        self.assertFalse(verify_password("correct horse batterz", stored))


class ExactlyAsSent(unittest.TestCase):
    def test_passwords_that_look_alike(self) -> None:
        """Two passwords that differ anywhere, beyond byte 72 or by one blank, are two passwords."""
        pairs = {
            "72 and 73 bytes": ("a" * 72, "a" * 73),
            "73 and 74 bytes": ("a" * 73, "a" * 74),
            "equal in the first 72 bytes": ("a" * 72 + "left", "a" * 72 + "right"),
            "the last of 1,024 characters": ("a" * 1023 + "b", "a" * 1023 + "c"),
            "the last of 64 emoji": ("\U0001f511" * 64, "\U0001f511" * 63 + "\U0001f512"),
            "after a NUL": ("before\0after", "before\0other"),
            "up to a NUL": ("before\0after", "before"),
            "a NUL at the end": ("password1\0", "password1"),
            "a blank at the end": ("some words ", "some words"),
            "a blank in front": (" some words", "some words"),
            "a line break at the end": ("some words\n", "some words"),
            "case": ("Some Words", "some words"),
            "é as one sign or two": ("caf\u00e9 au lait", "cafe\u0301 au lait"),
            "a look-alike from another alphabet": ("p\u0430ssword!", "password!"),
            "blanks of two lengths": (" " * 8, " " * 9),
        }
        for name, (right, wrong) in pairs.items():
            with self.subTest(name):
                self.assertNotEqual(right, wrong)
                for password, other in ((right, wrong), (wrong, right)):
                    stored = hash_password(password, TEST_COST)
                    self.assertTrue(verify_password(password, stored))
                    self.assertFalse(verify_password(other, stored))

    def test_no_password(self) -> None:
        """The empty password fits no other password's hash."""
        self.assertFalse(verify_password("", hash_password(PASSWORD, TEST_COST)))


class StoredHashes(unittest.TestCase):
    GOOD = "$2b$04$" + "u" * 53

    def test_hashes_that_never_reach_bcrypt(self) -> None:
        """Whoever can write into the store must not make a login run for days, or crash: False at once."""
        tail = "u" * 53
        table = {
            "cost 31, days of work": f"$2b$31${tail}",
            "cost 15, just beyond the bearable": f"$2b$15${tail}",
            "cost 3": f"$2b$03${tail}",
            "cost 0": f"$2b$00${tail}",
            "a cost of one digit": f"$2b$4${tail}a",
            "a cost of three digits": f"$2b$004${tail}",
            "a cost in Arabic digits": f"$2b$\u0661\u0662${tail}",
            "no cost": f"$2b$${tail}",
            "the old $2a$": f"$2a$04${tail}",
            "PHP's $2y$": f"$2y$04${tail}",
            "the broken $2x$": f"$2x$04${tail}",
            "capitals": f"$2B$04${tail}",
            "one short": self.GOOD[:-1],
            "one long": self.GOOD + "a",
            "a line break behind": self.GOOD + "\n",
            "a NUL behind": self.GOOD + "\0",
            "a blank before": " " + self.GOOD,
            "a foreign sign": self.GOOD[:-1] + "+",
            "a salt that bcrypt raises for": "$2b$04$" + "a" * 53,
            "a sign that is no ASCII": self.GOOD[:-1] + "é",
            "a NUL within": self.GOOD[:-1] + "\0",
            "empty": "",
            "a word": "junk",
            "the password itself": PASSWORD,
            "what is left out for nobody": "!",
            "Argon2": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
            "1 MB": "$2b$04$" + "a" * 1_000_000,
        }
        reached = mock.Mock(side_effect=AssertionError("bcrypt was reached"))
        with in_place_of(bcrypt.checkpw, reached), in_place_of(bcrypt.hashpw, reached):
            for name, stored in table.items():
                with self.subTest(name):
                    self.assertIs(verify_password(PASSWORD, stored), False)

    def test_hashes_that_do_reach_bcrypt(self) -> None:
        """Each cost from 4 to 14 is passed on, and bcrypt's answer is the answer."""
        asked: list[tuple[bytes, bytes]] = []

        def checkpw(password: bytes, hashed_password: bytes) -> bool:
            asked.append((password, hashed_password))
            return answer

        def hashpw(password: bytes, salt: bytes) -> bytes:  # checkpw is this, and a comparison
            asked.append((password, salt))
            return salt if answer else b"$2b$another"

        with in_place_of(bcrypt.checkpw, checkpw), in_place_of(bcrypt.hashpw, hashpw):
            for cost in range(4, 15):
                for answer in (True, False):
                    stored = f"$2b${cost:02}${'u' * 53}"
                    with self.subTest(cost=cost, answer=answer):
                        asked.clear()
                        self.assertIs(verify_password(PASSWORD, stored), answer)
                        self.assertEqual(asked, [(CONDENSED[PASSWORD], stored.encode())])

    def test_every_spelling_of_a_salt(self) -> None:
        """bcrypt raises for most last signs of a salt: a crash at login, and it tells who has an account."""
        for sign in "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789":
            stored = f"$2b$04${'a' * 21}{sign}{'a' * 31}"
            with self.subTest(sign):
                self.assertIs(verify_password(PASSWORD, stored), False)
                try:
                    bcrypt.checkpw(b"x", stored.encode())
                except ValueError:
                    self.assertEqual(cost_of(stored), 0)
                else:
                    self.assertEqual(cost_of(stored), 4)

    def test_the_costs_that_may_be_chosen(self) -> None:
        """What may be configured is what is read back: a cost beyond it would lock everybody out who signs up."""
        self.assertEqual((passwords.MIN_COST, passwords.MAX_COST, passwords.COST), (4, 14, 12))

    def test_cost_of(self) -> None:
        """The cost stands in the hash; what bcrypt never gets to see has none."""
        for cost in range(4, 15):
            self.assertEqual(cost_of(f"$2b${cost:02}${'u' * 53}"), cost)
        self.assertEqual(cost_of(hash_password(PASSWORD, 5)), 5)
        for text in ("", "!", "$2b$31$" + "u" * 53, "$2b$03$" + "a" * 53, self.GOOD + "\n", "$2a$12$" + "a" * 53):
            with self.subTest(text):
                self.assertEqual(cost_of(text), 0)


@contextmanager
def counted_work() -> Iterator[list[int]]:
    """The rounds of each bcrypt hash that is made or compared in the block."""
    rounds: list[int] = []
    real_checkpw, real_hashpw = bcrypt.checkpw, bcrypt.hashpw
    checked = cache(real_checkpw)

    def cheap(salt: bytes) -> bytes:
        rounds.append(2 ** int(salt[4:6]))
        return salt[:4] + b"04" + salt[6:]

    def checkpw(password: bytes, hashed_password: bytes) -> bool:
        return checked(password, cheap(hashed_password))

    def hashpw(password: bytes, salt: bytes) -> bytes:
        return real_hashpw(password, cheap(salt))

    with in_place_of(real_checkpw, checkpw), in_place_of(real_hashpw, hashpw):
        yield rounds


class TheSameWork(unittest.TestCase):
    """Not a clock is asked, which would tell something else on each machine, but how many rounds are computed."""

    def test_every_cost(self) -> None:
        """A hash of any cost, of nobody too, takes exactly as many rounds as one of the cost asked for."""
        tail = hash_password(PASSWORD, 4)[7:]
        with counted_work() as rounds:
            for work in range(4, 15):
                for cost in range(4, work + 1):
                    for stored in (f"$2b${cost:02}${tail}", hash_of_nobody(cost)):
                        with self.subTest(cost=cost, work=work, stored=stored):
                            rounds.clear()
                            verify_password("wrong password", stored, work)
                            self.assertEqual(f"{sum(rounds)} rounds", f"{2**work} rounds")

    def test_right_or_wrong(self) -> None:
        """The right password is found right whatever comes after it, and takes as many rounds as a wrong one."""
        stored = hash_password(PASSWORD, 4)
        for work in (4, 5, 9):
            for password, expected in ((PASSWORD, True), ("wrong password", False)):
                with self.subTest(password, work=work), counted_work() as rounds:
                    self.assertIs(verify_password(password, stored, work), expected)
                    self.assertEqual(f"{sum(rounds)} rounds", f"{2**work} rounds")

    def test_a_hash_that_is_dearer(self) -> None:
        """A hash beyond the cost asked for is compared all the same, and nothing is added to it."""
        with counted_work() as rounds:
            verify_password(PASSWORD, hash_of_nobody(9), 5)
        self.assertEqual(rounds, [2**9])

    def test_the_hash_of_nobody(self) -> None:
        """It has the form of a hash of its cost, and no password is right for it."""
        for cost in (4, 5, 14):
            self.assertEqual(cost_of(hash_of_nobody(cost)), cost)
        for password in ("", PASSWORD, "." * 53, *COMMON[:20]):
            self.assertFalse(verify_password(password, hash_of_nobody(4)))


class Choosing(unittest.TestCase):
    EMAIL = "alice.liddell@example.com"

    def test_what_may_be_chosen(self) -> None:
        """Any characters, 8 to 1,024 of them; length is what counts, not "one digit, one capital"."""
        table = {
            "8 characters": "wqzkvxjp",
            "8 characters of 4 bytes": "\U0001f511\U0001f512\U0001f513\U0001f514" * 2,
            "1,024 characters": "a" * 1024,
            "1,024 characters of 4 bytes": "\U0001f511" * 1024,
            "words and blanks": "correct horse battery",
            "blanks at both ends": "  padded  ",
            "only blanks": " " * 9,
            "NUL and line breaks": "\0\r\n\t\x1b\x7f..",
            "no Latin letter": "правильный конь",
            "half of the e-mail": "alice.liddell",
            "the e-mail and a blank": EMAIL_AND_BLANK,
            "a common password and a blank": "password1 ",
            "a common password within": "my password1 is long",
        }
        for name, password in table.items():
            with self.subTest(name):
                self.assertIsNone(objection(password, self.EMAIL))

    def test_what_may_not(self) -> None:
        """Too short, too long, or what an attacker tries first; the sentence says which."""
        table = {
            "empty": ("", "characters"),
            "7 characters": ("wqzkvxj", "characters"),
            "7 characters of 4 bytes": ("\U0001f511" * 7, "characters"),
            "7 characters in capitals": ("WQZKVXJ", "characters"),
            "1,025 characters": ("a" * 1025, "characters"),
            "a million": ("a" * 1_000_000, "characters"),
            "the e-mail": (self.EMAIL, "e-mail"),
            "the e-mail in capitals": (self.EMAIL.upper(), "e-mail"),
            "the commonest": ("password", "common"),
            "digits in a row": ("123456789", "common"),
            "a row of keys": ("qwertyuiop", "common"),
            "a common one in mixed case": ("PassWord1", "common"),
            "a sentence": ("ILoveYou1", "common"),
        }
        for name, (password, word) in table.items():
            with self.subTest(name):
                sentence = objection(password, self.EMAIL) or "no objection"
                self.assertIn(word, sentence)
                self.assertRegex(sentence, SENTENCE)

    def test_every_listed_password_in_any_case(self) -> None:
        """Each of the thousands of commonest passwords is refused, also in capitals or with a capital in front."""
        self.assertGreater(len(COMMON), 8000)
        for password in COMMON:
            for spelling in (password, password.upper(), password.capitalize(), password.swapcase()):
                if not objection(spelling, self.EMAIL):
                    self.fail(f"{spelling} was taken")


EMAIL_AND_BLANK = Choosing.EMAIL + " "


if __name__ == "__main__":
    unittest.main()
