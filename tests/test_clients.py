"""Do clients and libraries in other languages, as they are, get along with us? Those that once did not, or are strict.

The whole tables stand in tests/field/. These need Debian's openjdk-17-jdk-headless, libwww-perl, ruby-http-cookie and
nodejs, and AUTHREF_NODE, a folder in which npm has installed jose; without it those are skipped, for they take seconds.
"""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

from authref import jwt
from tests.basics import KEYS
from tests.field import clients, libraries
from tests.support import Harness, running

NODE = os.environ.get("AUTHREF_NODE", "")

# As golang-jwt 4.4.3 writes it with its RegisteredClaims: `aud` is a list, and the header's members are sorted.
OF_GO = (
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0."
    "eyJlbWFpbCI6ImFsaWNlQGV4YW1wbGUuY29tIiwicm9sZSI6InVzZXIiLCJmYW0iOiJmMSIsImlzcyI6ImF1dGhyZWYiLCJzdWIiOiJ1MSIsImF1ZCI6"
    "WyJhdXRocmVmIl0sImV4cCI6MTgwMDAwMDkwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJ0MSJ9."
    "lXbS9EaC_C4U5Tfp_FXbbfcbNZPOtABE590Nea8AgGs"
)


@unittest.skipUnless(NODE, "needs AUTHREF_NODE, and what stands at the top of this file")
class CookieClients(unittest.TestCase):
    """Each logs in, stays logged in, and is out after it has logged out, by its own cookie jar."""

    def follow(self, name: str) -> None:
        with tempfile.TemporaryDirectory() as folder, running(Harness().app) as server:
            url = f"http://localhost:{server.server_address[1]}"
            version, statuses = clients.ask(name, clients.CLIENTS[name](Path(folder)), url, Path(folder))
            self.assertEqual(statuses, clients.RIGHT, version)

    def test_java(self) -> None:
        """Both of Java's clients: without Expires they would send the cookie back in quotes."""
        for name in ("Java java.net.http", "Java HttpURLConnection"):
            with self.subTest(name):
                self.follow(name)

    def test_perl(self) -> None:
        """LWP, with HTTP::Cookies."""
        self.follow("Perl LWP, HTTP::Cookies")

    def test_ruby(self) -> None:
        """Net::HTTP, with http-cookie."""
        self.follow("Ruby Net::HTTP, http-cookie")


class Libraries(unittest.TestCase):
    @unittest.skipUnless(NODE, "needs AUTHREF_NODE, and what stands at the top of this file")
    def test_jose(self) -> None:
        """jose reads our token, we read its with our claims; one it makes by its defaults is of another type."""
        command = libraries.LIBRARIES["Node jose"](Path(NODE))
        _, ours, plain, right = libraries.ask(command, Path(NODE))
        self.assertEqual((ours, right), ("accepted", "accepted"))
        self.assertRegex(plain, "^WrongType")

    def test_go(self) -> None:
        """A list of one audience names it as well as its text alone; another audience is refused."""
        claims = jwt.verify(OF_GO, KEYS, issuer="authref", audience="authref", now=1_800_000_000)
        self.assertEqual(claims["aud"], ["authref"])
        with self.assertRaises(jwt.WrongAudience):
            jwt.verify(OF_GO, KEYS, issuer="authref", audience="another", now=1_800_000_000)
