"""Behind a proxy the right client is counted, and never a wrong one believed: serving/proxies.py."""

from __future__ import annotations

import unittest

from authref.serving.proxies import Proxies
from authref.wire import Request
from tests.support import Harness

PROXY, INNER, CLIENT, FORGED = "10.0.0.5", "10.0.1.7", "198.51.100.7", "203.0.113.66"


def client(header: str | None, peer: str = PROXY, name: str = "x-forwarded-for", trusted: tuple[str, ...] = ()) -> str:
    """The address that counts."""
    headers = ((name, header),) if header is not None else ()
    proxies = Proxies(trusted or (PROXY, "10.0.1.0/24", "2001:db8:aa::/48"), name)
    return proxies.client(Request("GET", "/", headers, peer=peer))


class Forwarded(unittest.TestCase):
    def test_x_forwarded_for(self) -> None:
        """It is read from the right up to the first hop that is no proxy of ours; malformed, it counts for nothing."""
        table = {
            "one hop": (CLIENT, CLIENT),
            "what the client wrote stands to the left": (f"{FORGED}, {CLIENT}", CLIENT),
            "two proxies of ours": (f"{FORGED}, {CLIENT}, {INNER}", CLIENT),
            "a client in our own network": (f"{INNER}", INNER),
            "all of it ours": (f"{INNER}, 10.0.1.8", INNER),
            "with a port": (f"{CLIENT}:4711", CLIENT),
            "IPv6": ("2001:db8::1", "2001:db8::1"),
            "IPv6 with a port": ("[2001:db8::1]:4711", "2001:db8::1"),
            "IPv4 as IPv6": (f"::ffff:{CLIENT}", CLIENT),
            "a proxy as IPv6": (f"{CLIENT}, ::ffff:{INNER}", CLIENT),
            "missing": (None, PROXY),
            "empty": ("", PROXY),
            "no address": (f"{CLIENT}, unknown", PROXY),
            "an empty last hop": (f"{CLIENT},", PROXY),
            "no address behind a proxy of ours": (f"evil, {INNER}", PROXY),
            "no address that nobody asks for": (f"evil, {CLIENT}", CLIENT),
            "a name": ("localhost", PROXY),
            "a blank that is none": (f"{CLIENT}\xa0", PROXY),
            "a letter before it": (f"X{CLIENT}", PROXY),
            "a zone, which is no part of it": ("fe80::1%eth0", "fe80::1"),
            "a number": ("3325256711", PROXY),
            "digits of another script": ("١٩٨.51.100.7", PROXY),
        }
        for name, (header, expected) in table.items():
            with self.subTest(name):
                self.assertEqual(client(header), expected)

    def test_two_lines(self) -> None:
        """Two lines of it are one list, in their order: the proxy adds a line as it adds a hop."""
        lines = (("x-forwarded-for", FORGED), ("x-forwarded-for", CLIENT))
        self.assertEqual(Proxies([PROXY]).client(Request("GET", "/", lines, peer=PROXY)), CLIENT)

    def test_forwarded(self) -> None:
        """RFC 7239 has pairs, quotes and ports, and a comma in quotes ends no element."""
        table = {
            "one hop": (f"for={CLIENT}", CLIENT),
            "other pairs": (f"proto=https;for={CLIENT};by={PROXY}", CLIENT),
            "capitals": (f"For={CLIENT}", CLIENT),
            "quotes and a port": (f'for="{CLIENT}:4711"', CLIENT),
            "IPv6": ('for="[2001:db8::1]:4711"', "2001:db8::1"),
            "two hops": (f"for={FORGED}, for={CLIENT}", CLIENT),
            "a hop in quotes": (f'for={CLIENT};host="a, for={FORGED}"', CLIENT),
            "a pair in quotes": (f'host="a;for={FORGED}";for={CLIENT}', CLIENT),
            "an open quote": (f'for={FORGED};host="a, for={CLIENT}', PROXY),
            "twice in one hop": (f"for={FORGED};for={CLIENT}", PROXY),
            "without for": ("proto=https", PROXY),
            "unknown": ("for=unknown", PROXY),
            "a letter before it": (f"for=X{CLIENT}", PROXY),
            "hidden": ("for=_secret", PROXY),
            "no pair": (CLIENT, PROXY),
            "an empty element": (f"for={CLIENT}, ", PROXY),
            "empty": ("", PROXY),
        }
        for name, (header, expected) in table.items():
            with self.subTest(name):
                self.assertEqual(client(header, name="forwarded"), expected)

    def test_who_is_trusted(self) -> None:
        """Only a peer that the configuration names is believed: an address, a network, or what has none."""
        for peer, trusted, expected in (
            (PROXY, (PROXY,), CLIENT),
            (FORGED, (PROXY,), FORGED),
            ("10.0.0.99", ("10.0.0.0/24",), CLIENT),
            (f"::ffff:{PROXY}", (PROXY,), CLIENT),
            ("2001:db8:aa::1", ("2001:db8:aa::/48",), CLIENT),
            ("", ("unix:",), CLIENT),
            ("unix:", ("unix:",), CLIENT),
            ("", (PROXY,), ""),
            (PROXY, ("unix:",), PROXY),
        ):
            with self.subTest(peer=peer, trusted=trusted):
                self.assertEqual(client(CLIENT, peer, trusted=trusted), expected)

    def test_the_other_header(self) -> None:
        """A header that our proxies do not write is a client's own, and is not read."""
        headers = (("forwarded", f"for={FORGED}"), ("x-real-ip", FORGED), ("x-forwarded-for", CLIENT))
        for name, expected in (("x-forwarded-for", CLIENT), ("forwarded", FORGED)):
            request = Request("GET", "/", headers, peer=PROXY)
            self.assertEqual(Proxies([PROXY], name).client(request), expected)

    def test_who_cannot_be_trusted(self) -> None:
        """Everybody, half an address, and a network with an address in it, are one sentence each."""
        for name in ("0.0.0.0/0", "::/0", "10.0.0", "10.0.0.5/24", "localhost", "", "unix", "*"):
            with self.subTest(name), self.assertRaisesRegex(ValueError, r"\A[A-Z'].*\.\Z"):
                Proxies([name])
        with self.assertRaisesRegex(ValueError, r"names none.*\.\Z"):  # a flag of blanks: nobody would be believed
            Proxies([])


class InTheApp(unittest.TestCase):
    def test_who_is_counted(self) -> None:
        """Through a trusted proxy each client has tries of its own, and the log names the client."""
        for trusted, last in (((PROXY,), 401), ((), 429)):
            with self.subTest(trusted=trusted):
                harness = Harness(proxies=Proxies(trusted) if trusted else None)
                for number in range(21):
                    forwarded = (("x-forwarded-for", f"198.51.100.{number}"), ("content-type", "application/json"))
                    value = b'{"email": "user%d@example.com", "password": "x"}' % number
                    answer = harness.app(Request("POST", "/login", forwarded, value, PROXY))
                self.assertEqual(answer.status, last)
                peer = harness.events()[-1]["peer"]
                self.assertEqual(peer, "198.51.100.20" if trusted else PROXY)


if __name__ == "__main__":
    unittest.main()
