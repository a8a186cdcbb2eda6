"""A cookie is read without interpreting it and written so that nothing can break out of it.

Whoever controls a neighbouring host, or a page on plain http, can send cookies of their own making beside
ours: the parser is what they attack. `session` stands for our name in the tables.
"""

from __future__ import annotations

import random
import unittest
from http.cookies import SimpleCookie
from string import ascii_letters, digits
from typing import Any

from authref.cookies import MAX_SIZE, clear_cookie, parse, set_cookie, values
from tests.basics import START

CLEARED = "session=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax"
MINUTE: dict[str, Any] = {"max_age": 60, "now": START}

# name, the Cookie header's value, what is read from it
HEADERS: list[tuple[str, str, dict[str, str]]] = [
    ("one cookie", "session=abc", {"session": "abc"}),
    ("two cookies", "session=abc; theme=dark", {"session": "abc", "theme": "dark"}),
    ("no blank after the semicolon", "session=abc;theme=dark", {"session": "abc", "theme": "dark"}),
    ("blanks and tabs around name and value", " \tsession\t =\t abc \t; a=b", {"session": "abc", "a": "b"}),
    ("an empty value", "session=; theme=dark", {"session": "", "theme": "dark"}),
    ("an = inside the value", "session=a=b==", {"session": "a=b=="}),
    ("names differ in case", "SESSION=x; Session=y; session=z", {"SESSION": "x", "Session": "y", "session": "z"}),
    ("SESSION is not session", "SESSION=x", {"SESSION": "x"}),
    ("nothing", "", {}),
    # -- a name that comes twice is not there: which of the two is ours, and which was planted?
    ("session twice, other values", "session=a; session=b", {}),
    ("session twice, the same value", "session=a; session=a", {}),
    ("session three times", "session=a; session=b; session=c", {}),
    ("session twice, once with blanks", "session=a;\t session \t=b", {}),
    ("session twice, once empty", "session=; session=a", {}),
    ("the twice-named one costs no other", "session=a; theme=dark; session=b", {"theme": "dark"}),
    ("two Cookie lines, joined as HTTP joins lines", "session=a, session=b", {"session": "a, session=b"}),
    # -- pairs that are none
    ("nameless", "=session=x", {}),
    ("nameless with a blank", " =x", {}),
    ("nameless twice beside ours", "=x; session=abc; =y", {"session": "abc"}),
    ("nothing but =", "= ", {}),
    ("session without =", "session", {}),
    ("session without = beside ours", "session; session=abc", {"session": "abc"}),
    ("semicolons", ";;;", {}),
    ("semicolons around ours", ";;; session=abc ;;;", {"session": "abc"}),
    # -- only SP and HTAB are blanks. str.strip() also eats these, and a browser lets any page set such a name:
    # after stripping it would arrive as the guarded one (the published __Host- bypass).
    ("U+2000 before the name", "\u2000__Host-session=evil", {"\u2000__Host-session": "evil"}),
    ("U+2000 beside ours", "\u2000session=evil; session=abc", {"\u2000session": "evil", "session": "abc"}),
    ("U+2000 as UTF-8 read byte by byte", "\xe2\x80\x80session=evil", {"\xe2\x80\x80session": "evil"}),
    ("NBSP before the name", "\xa0session=evil", {"\xa0session": "evil"}),
    ("NBSP after the name", "session\xa0=evil", {"session\xa0": "evil"}),
    ("NEL before the name", "\x85session=evil", {"\x85session": "evil"}),
    ("unit separator before the name", "\x1fsession=evil", {"\x1fsession": "evil"}),
    ("NBSP around the value", "session=\xa0abc\xa0", {"session": "\xa0abc\xa0"}),
    # -- nothing is decoded: the guard in front of us saw the text as it was sent
    ("a quoted value keeps its quotes", 'session="abc"', {"session": '"abc"'}),
    ("quotes do not hide a semicolon", '$Version=1; session="a; b"', {"$Version": "1", "session": '"a'}),
    ("a cookie inside quotes", 'theme="x; session=evil"', {"theme": '"x', "session": 'evil"'}),
    ("a quote that never ends", 'theme="; session=abc', {"theme": '"', "session": "abc"}),
    ("percent", "session=%41%3b; %73ession=evil", {"session": "%41%3b", "%73ession": "evil"}),
    ("backslash", r"session=\101\"; theme=\073", {"session": r"\101\"", "theme": r"\073"}),
    ("plus", "session=a+b", {"session": "a+b"}),
    # -- bad neighbours: the session is still read
    ("UTF-8 neighbour", "name=J\xc3\xbcrgen; session=abc", {"name": "J\xc3\xbcrgen", "session": "abc"}),
    ("invalid UTF-8 neighbour", "name=\xff\xfe\xc0\xaf; session=abc", {"name": "\xff\xfe\xc0\xaf", "session": "abc"}),
    ("invalid UTF-8 in a neighbour's name", "\xff=1; session=abc", {"\xff": "1", "session": "abc"}),
    ("a neighbour with a blank inside", "a b=c d; session=abc", {"a b": "c d", "session": "abc"}),
    ("a neighbour with brackets", 'x[y]="{}"; session=abc', {"x[y]": '"{}"', "session": "abc"}),
    ("a neighbour with control characters", "a=\0\x01; session=abc", {"a": "\0\x01", "session": "abc"}),
    ("attributes are names like any other", "session=abc; Path=/; Secure", {"session": "abc", "Path": "/"}),
]

SIZE = 64 * 1024
# name, 64 KB of text, what is read from it; what matters is that the test ends
HUGE: list[tuple[str, str, dict[str, str]]] = [
    (";", ";" * SIZE, {}),
    ("=", "=" * SIZE, {}),
    ("quote and backslash", '"\\' * (SIZE // 2), {}),
    ("quotes in a value", "session=" + '"\\' * (SIZE // 2), {"session": '"\\' * (SIZE // 2)}),
    ("blanks", "session=" + " " * SIZE + ";theme=dark", {"session": "", "theme": "dark"}),
    ("blanks inside", "session=a" + " \t" * (SIZE // 2) + "b", {"session": "a" + " \t" * (SIZE // 2) + "b"}),
    ("= ;", "= ;" * (SIZE // 3), {}),
    ("one name, 16,384 times", "a=1;" * (SIZE // 4), {}),
    ("ours at the end", "a=1;" * (SIZE // 4) + "session=abc", {"session": "abc"}),
    ("10,000 names", ";".join(f"{n}={n}" for n in range(10_000)), {str(n): str(n) for n in range(10_000)}),
]


class Reading(unittest.TestCase):
    def test_what_browsers_send(self) -> None:
        """Names and values as a browser writes them, pairs of them with a semicolon and a blank in between."""
        self.assertEqual(parse("session=abc"), {"session": "abc"})
        self.assertEqual(parse("session=abc; theme=dark; empty="), {"session": "abc", "theme": "dark", "empty": ""})

    def test_the_table(self) -> None:
        """Planted, quoted, encoded and broken pairs gain nothing, whatever stands beside them in the header."""
        for name, header, expected in HEADERS:
            with self.subTest(name):
                self.assertEqual(parse(header), expected)

    def test_all_values_of_one_name(self) -> None:
        """`values` tells each value of a name in its order, where `parse` keeps those only that come alone."""
        table = {
            "session=a; theme=dark; session=b": ["a", "b"],
            "session=a; session=a": ["a", "a"],
            " session\t=\t a \t;session=": ["a", ""],
            "session; theme=session=a": [],
            "SESSION=a; xsession=b; sessionx=c; \u2000session=d; \xa0session=e": [],
            "session=a=b; =session=c": ["a=b"],
            "": [],
        }
        for header, expected in table.items():
            with self.subTest(header):
                self.assertEqual(values(header, "session"), expected)

    def test_read_in_two_ways(self) -> None:
        """`parse` has a cookie where `values` finds one value, and has none where it finds more, or none."""
        dice = random.Random(6264)
        texts = ["".join(dice.choices('=; \t"ab\u2000\xa0', k=dice.randrange(30))) for _ in range(1500)]
        for header in [header for _, header, _ in HEADERS] + texts:
            with self.subTest(header):
                names = {pair.partition("=")[0].strip(" \t") for pair in header.split(";")} - {""}
                alone = {name: found for name in names if len(found := values(header, name)) == 1}
                self.assertEqual(parse(header), {name: value for name, (value,) in alone.items()})

    def test_64_kilobytes(self) -> None:
        """A header as large as can be is read like a small one; no pattern makes the parser go back and forth."""
        for name, header, expected in HUGE:
            with self.subTest(name):
                self.assertTrue(parse(header) == expected)
                self.assertIn(len(values(header, "session")), (0, 1))

    def test_random_text(self) -> None:
        """Whatever is sent, parsing raises nothing, and invents nothing: names and values stand in the header."""
        dice = random.Random(6265)
        for _ in range(1500):
            header = "".join(dice.choices('=; \t"\\,ab%\u2000\xa0é\0\r\n', k=dice.randrange(40)))
            with self.subTest(header):
                for name, value in parse(header).items():
                    self.assertNotEqual(name, "")
                    self.assertIn(name, header)
                    self.assertIn(value, header)
                    for text in (name, value):
                        self.assertNotIn(";", text)
                        self.assertEqual(text, text.strip(" \t"))

    def test_random_neighbours(self) -> None:
        """Our cookie is read whatever stands before and after it, unless that names it a second time."""
        dice = random.Random(6266)
        for _ in range(1000):
            before, after = ("".join(dice.choices('=; \t"\\,ab%\u2000\xff', k=dice.randrange(20))) for _ in range(2))
            with self.subTest(before=before, after=after):
                self.assertEqual(parse(f"{before};session=abc;{after}").get("session"), "abc")
                self.assertNotIn("session", parse(f"session=abc;{before};session=abc;{after}"))


class Writing(unittest.TestCase):
    def test_the_exact_text(self) -> None:
        """The text is name=value, Path, Max-Age, Expires and the flags, in this order, with Secure only over TLS."""
        self.assertEqual(
            set_cookie("session", "abc", max_age=86400, now=START),
            "session=abc; Path=/; Max-Age=86400; Expires=Sat, 16 Jan 2100 08:00:00 GMT; HttpOnly; SameSite=Lax",
        )
        self.assertEqual(
            set_cookie("__Host-session", "abc", max_age=60, now=0, secure=True),
            "__Host-session=abc; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:01:00 GMT; HttpOnly; SameSite=Lax; "
            "Secure",
        )

    def test_a_fraction_of_a_second(self) -> None:
        """A clock that tells fractions makes no date that a browser cannot read."""
        self.assertEqual(set_cookie("s", "abc", max_age=1, now=0.9), set_cookie("s", "abc", max_age=1, now=0))

    def test_read_by_the_standard_library(self) -> None:
        """Python's own parser sees one cookie, with the flags that were meant, and without Domain."""
        morsels = SimpleCookie(set_cookie("__Host-session", "a-_Z9", **MINUTE, secure=True))
        self.assertEqual(list(morsels), ["__Host-session"])
        flags = {name: value for name, value in morsels["__Host-session"].items() if value}
        expected = {"httponly": True, "secure": True, "samesite": "Lax", "path": "/", "max-age": "60"}
        expected["expires"] = "Fri, 15 Jan 2100 08:01:00 GMT"
        self.assertEqual((morsels["__Host-session"].value, flags), ("a-_Z9", expected))

    def test_what_was_written_comes_back(self) -> None:
        """Every name and value that `set_cookie` writes is read back unchanged by `parse`."""
        characters = [chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\']
        for value in ("".join(characters), *(f"{character}abc{character}" for character in characters)):
            pair = set_cookie("session", value, **MINUTE).partition("; ")[0]
            self.assertEqual(parse(pair), {"session": value})
        for letter in "!#$%&'*+-.^_`|~" + digits + ascii_letters:
            name = f"{letter}session{letter}"  # it is no other cookie, whatever letters stand around it
            self.assertEqual(parse(set_cookie(name, "abc", **MINUTE).partition("; ")[0]), {name: "abc"})

    def test_prefix_without_secure(self) -> None:
        """A __Host- or __Secure- cookie needs Secure, or the browser drops it and every login fails silently."""
        for prefix in ("__Host-", "__Secure-"):
            with self.subTest(prefix):
                self.assertRaises(ValueError, set_cookie, prefix + "session", "abc", **MINUTE)
                self.assertRaises(ValueError, clear_cookie, prefix + "session")
                self.assertIn("; Secure", set_cookie(prefix + "session", "abc", **MINUTE, secure=True))
                self.assertIn("; Secure", clear_cookie(prefix + "session", secure=True))

    def test_characters_that_break_out(self) -> None:
        """A line end would begin a header of the attacker's choosing, a semicolon a flag: both raise ValueError."""
        for character in '\r\n\0;,"\\ \t\x1f\x7f\x85\xa0é\u2028\ud800':
            for value in (character, "abc" + character, character + "abc", f"a{character}c"):
                with self.subTest(value):
                    self.assertRaises(ValueError, set_cookie, "session", value, **MINUTE)
                    self.assertRaises(ValueError, set_cookie, value, "abc", **MINUTE)
                    self.assertRaises(ValueError, clear_cookie, value)

    def test_names_that_are_no_token(self) -> None:
        """A cookie's name that is empty, or has a blank, a semicolon or another separator, raises ValueError."""
        for name in ("", "=", "a=b", "a b", "(", ")", "<", ">", "@", ":", "/", "[", "]", "?", "{", "}"):
            with self.subTest(name):
                self.assertRaises(ValueError, set_cookie, name, "abc", **MINUTE)
        self.assertTrue(set_cookie("!#$%&'*+-.^_`|~09azAZ", "abc", **MINUTE))

    def test_one_byte_too_many(self) -> None:
        """Name and value have 4,096 bytes together at most: a larger cookie is dropped by browsers without a word."""
        self.assertEqual(MAX_SIZE, 4096)
        for name in ("s", "session"):
            with self.subTest(name):
                fits = "x" * (4096 - len(name))
                self.assertTrue(set_cookie(name, fits, **MINUTE).startswith(f"{name}={fits}; "))
                self.assertRaises(ValueError, set_cookie, name, fits + "x", **MINUTE)

    def test_what_a_refusal_says(self) -> None:
        """The sentence of a ValueError names what is wrong: the characters, the size, or Secure."""
        for name, value, word in (
            ("session", "a\r\nb", "character"), ("a b", "abc", "character"), ("session", "x" * 4096, "4096"),
            ("__Host-session", "abc", "Secure"), ("__Secure-session", "abc", "Secure"),
        ):  # fmt: skip
            with self.subTest(name, value=value[:9]):
                self.assertRaisesRegex(ValueError, word, set_cookie, name, value, **MINUTE)
        self.assertRaisesRegex(ValueError, "character", clear_cookie, "a b")
        self.assertRaisesRegex(ValueError, "Secure", clear_cookie, "__Host-session")

    def test_clearing(self) -> None:
        """Clearing names the same cookie with the same flags, empty, and ended long ago: else a browser keeps the old.

        Both Max-Age and Expires say so: not every client knows the first, and a client's clock may be wrong by years.
        """
        self.assertEqual(clear_cookie("session"), CLEARED)
        for name, secure in (("session", False), ("session", True), ("__Host-session", True)):
            with self.subTest(name, secure=secure):
                written = set_cookie(name, "abc", max_age=86400, now=START, secure=secure)
                expected = written.replace("abc", "").replace("Max-Age=86400", "Max-Age=0")
                expected = expected.replace("Sat, 16 Jan 2100 08:00:00", "Thu, 01 Jan 1970 00:00:00")
                self.assertEqual(clear_cookie(name, secure=secure), expected)


if __name__ == "__main__":
    unittest.main()
