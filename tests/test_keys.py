"""The ring is checked before it signs anything: a key that can be guessed gives every account away.

Each refusal is a sentence for whoever starts the server. That sentence must not quote the secret: it ends up
in logs and in screenshots of terminals.
"""

from __future__ import annotations

import base64
import unittest

from authref import jwt
from authref.keys import check_keys, fresh_keys, read_keys, write_keys
from tests.basics import KEYS, SENTENCE
from tests.test_jwt import GOOD_CLAIMS, check, encode

RANDOM = bytes.fromhex("a0d68b3f12c97e5544e10f98b7236dca5be8410296f3ad70c41d8f6e35b2097c")
SECRET, OTHER = encode(RANDOM), encode(RANDOM[::-1])

# Secrets of 32 bytes and more that everybody knows: jwt.io's, those of the tutorials of FastAPI and Spring Boot, and
# those of RFC 7515 §A.1.1 and RFC 7520 §3.5.
JWT_IO = "a-string-secret-at-least-256-bits-long"
FASTAPI = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
SPRING = "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970"
RFC_7520 = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"
RFC_7515 = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"

# name, AUTHREF_KEYS, what it means
READ: list[tuple[str, str, dict[str, bytes]]] = [
    ("one key", f"k1:{SECRET}", {"k1": RANDOM}),
    ("two keys", f"k1:{SECRET},k0:{OTHER}", {"k1": RANDOM, "k0": RANDOM[::-1]}),
    ("the other order", f"k0:{OTHER},k1:{SECRET}", {"k0": RANDOM[::-1], "k1": RANDOM}),
    ("the same key under two names", f"a:{SECRET},b:{SECRET}", {"a": RANDOM, "b": RANDOM}),
    ("padding, as most tools write it", f"k1:{SECRET}=", {"k1": RANDOM}),
    ("blanks and a line end around the entries", f" k1:{SECRET} , k0:{OTHER}\n", {"k1": RANDOM, "k0": RANDOM[::-1]}),
    ("a date as kid", f"2100-01-15:{SECRET}", {"2100-01-15": RANDOM}),
    ("a longer key", f"k1:{encode(RANDOM * 2)}", {"k1": RANDOM * 2}),
    ("hexadecimal but for one letter", f"k1:{RANDOM.hex()[1:]}g", {"k1": base64.b64decode(RANDOM.hex()[1:] + "g")}),
    ("a key whose text ends in X", f"k1:{encode(RANDOM + bytes((0x17,)))}", {"k1": RANDOM + bytes((0x17,))}),
]

# name, AUTHREF_KEYS, a word of the sentence
REFUSED: list[tuple[str, str, str]] = [
    ("nothing", "", "kid"),
    ("blanks", "  \n", "kid"),
    ("a comma", ",", "kid"),
    ("a comma at the end", f"k1:{SECRET},", "kid"),
    ("two commas", f"k1:{SECRET},,k0:{OTHER}", "kid"),
    ("no kid", f":{SECRET}", "kid"),
    ("one kid twice", f"k1:{SECRET},k1:{OTHER}", "kid"),
    ("one kid twice, the same key", f"k1:{SECRET},k1:{SECRET}", "kid"),
    ("one kid twice, once after a blank", f"k1:{SECRET}, k1:{OTHER}", "kid"),
    ("a kid alone", "k1", "base64url"),
    ("a kid and a colon", "k1:", "base64url"),
    ("a secret alone", SECRET, ""),
    ("a secret and a colon", f"{SECRET}:", ""),
    ("a secret with its padding where the kid should be", f"{SECRET}=:{OTHER}", "kid"),
    ("semicolon for comma", f"k1:{SECRET};k0:{OTHER}", "base64url"),
    ("= for the colon", f"k1={SECRET}", ""),
    ("base64 with + and /", f"k1:{SECRET[:-2]}+/", "base64url"),
    ("quotes, left over from a shell", f'k1:"{SECRET}"', "base64url"),
    ("a blank before the secret", f"k1: {SECRET}", "base64url"),
    ("a blank inside", f"k1:{SECRET[:9]} {SECRET[9:]}", "base64url"),
    ("a second colon", f"k1:{SECRET}:x", "base64url"),
    ("letters that are no ASCII", f"k1:{SECRET[:-1]}é", "base64url"),
    ("4n+1 characters", f"k1:{SECRET}AA", "base64url"),
    ("spare bits set", f"k1:{SECRET[:-1]}x", "base64url"),
    ("31 bytes", f"k1:{encode(RANDOM[:31])}", "31 bytes"),
    ("16 bytes", f"k1:{encode(RANDOM[:16])}", "16 bytes"),
    ("a word", f"k1:{encode(b'secret')}", "6 bytes"),
    ("a good one, then a short one", f"k1:{SECRET},k0:{encode(RANDOM[:31])}", "31 bytes"),
    ("zeros", f"k1:{encode(bytes(32))}", "patterned"),
    ("one letter", f"k1:{encode(b'x' * 64)}", "patterned"),
    ("a word again and again", f"k1:{encode(b'password' * 8)}", "patterned"),
    ("half of it good, half of it zeros", f"k1:{encode(RANDOM[:12] + bytes(20))}", "patterned"),
    ("a good one, then zeros", f"k1:{SECRET},k0:{encode(bytes(32))}", "patterned"),
    # -- hexadecimal, which base64url would take for other bytes
    ("32 bytes in hexadecimal", f"k1:{RANDOM.hex()}", "hexadecimal"),
    ("32 bytes in hexadecimal, in capitals", f"k1:{RANDOM.hex().upper()}", "hexadecimal"),
    ("64 bytes in hexadecimal", f"k1:{(RANDOM * 2).hex()}", "hexadecimal"),
    ("16 bytes in hexadecimal", f"k1:{RANDOM[:16].hex()}", "hexadecimal"),
    ("a good one, then one in hexadecimal", f"k1:{SECRET},k0:{RANDOM.hex()}", "Key 2 of the ring is written in hex"),
    ("FastAPI's tutorial, pasted as it stands", f"k1:{FASTAPI}", "hexadecimal"),
    ("Spring Boot's tutorials, pasted as it stands", f"k1:{SPRING}", "hexadecimal"),
    # -- published ones, each in the spellings in which people copy them
    ("jwt.io's", f"k1:{encode(JWT_IO.encode())}", "published"),
    ("FastAPI's tutorial, its text", f"k1:{encode(FASTAPI.encode())}", "published"),
    ("FastAPI's tutorial, its bytes", f"k1:{encode(bytes.fromhex(FASTAPI))}", "published"),
    ("Spring Boot's tutorials, the text", f"k1:{encode(SPRING.encode())}", "published"),
    ("Spring Boot's tutorials, the bytes", f"k1:{encode(bytes.fromhex(SPRING))}", "published"),
    ("RFC 7520's", f"k1:{RFC_7520}", "published"),
    ("RFC 7515's", f"k1:{RFC_7515}", "published"),
    ("RFC 7515's, padded", f"k1:{RFC_7515}==", "published"),
    ("a good one, then RFC 7515's", f"k1:{SECRET},k0:{RFC_7515}", "published"),
]


def complaint(text: str) -> str:
    """What `read_keys` says against this text; "" if it takes it."""
    try:
        read_keys(text)
    except ValueError as error:
        return str(error)
    return ""


class Reading(unittest.TestCase):
    def test_read(self) -> None:
        """A ring is read as written, in its order: the first key signs."""
        for name, text, ring in READ:
            with self.subTest(name):
                self.assertEqual(list(read_keys(text).items()), list(ring.items()))

    def test_refused(self) -> None:
        """A ring that is misspelt, empty, short or well known is refused, in a sentence that says why."""
        for name, text, word in REFUSED:
            with self.subTest(name):
                self.assertIn(word, complaint(text))
                self.assertRegex(complaint(text), r"\A[A-Z][ -~]{10,150}\.\Z")

    def test_which_key_it_is(self) -> None:
        """A refusal names the key by its place in the ring, counted as people count."""
        for second in (f"k1:{OTHER}", "k0:AAAA", f"k0:{encode(bytes(32))}", f"{'k' * 65}:{OTHER}"):
            with self.subTest(second[:9]):
                self.assertRegex(complaint(f"k1:{SECRET},{second},k2:{SECRET}"), r"\b[Kk]ey 2\b")

    def test_what_a_refusal_says(self) -> None:
        """A refusal quotes no secret, even where somebody forgot the kid and the secret stands in its place."""
        for name, text, _ in REFUSED:
            with self.subTest(name):
                for start in range(len(SECRET) - 8):
                    self.assertNotIn(SECRET[start : start + 8], complaint(text))

    def test_written_and_read(self) -> None:
        """A ring that was written is read back the same."""
        for ring in ({"k1": RANDOM}, KEYS, fresh_keys()):
            with self.subTest(list(ring)):
                self.assertEqual(list(read_keys(write_keys(ring)).items()), list(ring.items()))


class Checking(unittest.TestCase):
    def test_no_keys(self) -> None:
        """An empty ring is refused before it could sign with nothing."""
        self.assertRaisesRegex(ValueError, SENTENCE, check_keys, {})

    def test_a_pattern(self) -> None:
        """A key of 15 different bytes is taken for a pattern, one of 16 is not; of 32 random ones about 30 differ."""
        self.assertRaisesRegex(ValueError, "patterned", check_keys, {"k1": bytes(range(15)) * 3})
        check_keys({"k1": bytes(range(16)) * 2})

    def test_given_in_the_program(self) -> None:
        """A ring that was not read from text is held to the same rules."""
        for key in (b"", b"secret", RANDOM[:31], bytes(32), b"ab" * 40, JWT_IO.encode(), base64.b64decode(SPRING)):
            with self.subTest(key):
                self.assertRaises(ValueError, check_keys, {"k1": key})
                self.assertRaises(ValueError, check_keys, {"k1": RANDOM, "k0": key})
        check_keys({"k1": RANDOM})

    def test_fresh_keys(self) -> None:
        """A fresh ring passes its own check, is 32 bytes of chance, and shares neither key nor kid with another."""
        rings = [fresh_keys() for _ in range(50)]
        for ring in rings:
            check_keys(ring)
            self.assertEqual([len(key) for key in ring.values()], [32])
        self.assertEqual(len({key for ring in rings for key in ring.values()}), 50)
        self.assertEqual(len({kid for ring in rings for kid in ring}), 50)

    def test_odd_kids(self) -> None:
        """A ring that passes at the start gives tokens that verify: or else every login fails, and only then."""
        for kid in ("k1", "1", " ", "clé", "\U0001f511", "../../k", '"', "k" * 100, "k" * 500, "k" * 10_000, "\udc80"):
            with self.subTest(kid[:20]):
                ring = {kid: RANDOM}
                try:
                    check_keys(ring)
                except ValueError:
                    continue
                self.assertEqual(check(jwt.create(GOOD_CLAIMS, ring), keys=ring), GOOD_CLAIMS)


if __name__ == "__main__":
    unittest.main()
