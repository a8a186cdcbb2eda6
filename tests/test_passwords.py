"""A stored hash recognises its password, exactly as it was sent, and nothing else.

bcrypt alone would cut a password after 72 bytes, and would work for days on a hash that somebody planted; a
crowd of strangers could keep every core busy. Each of these is tried here, beside the honest case.
"""

from __future__ import annotations

import os
import tempfile
import threading
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import bcrypt

import authref
from authref import passwords
from authref.passwords import TooBusy, Turns, cost_of, hash_of_nobody, hash_password, objection, verify_password
from tests.support import PASSWORD, SENTENCE, TEST_COST, in_place_of
from tests.test_maps import race

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
    GOOD = "$2b$04$" + "a" * 53

    def test_hashes_that_never_reach_bcrypt(self) -> None:
        """Whoever can write into the store must not make a login run for days, or crash: False at once."""
        tail = "a" * 53
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
                    stored = f"$2b${cost:02}${'a' * 53}"
                    with self.subTest(cost=cost, answer=answer):
                        asked.clear()
                        self.assertIs(verify_password(PASSWORD, stored), answer)
                        self.assertEqual(asked, [(CONDENSED[PASSWORD], stored.encode())])

    def test_the_costs_that_may_be_chosen(self) -> None:
        """What may be configured is what is read back: a cost beyond it would lock everybody out who signs up."""
        self.assertEqual((passwords.MIN_COST, passwords.MAX_COST, passwords.COST), (4, 14, 12))

    def test_cost_of(self) -> None:
        """The cost stands in the hash; what bcrypt never gets to see has none."""
        for cost in range(4, 15):
            self.assertEqual(cost_of(f"$2b${cost:02}${'a' * 53}"), cost)
        self.assertEqual(cost_of(hash_password(PASSWORD, 5)), 5)
        for text in ("", "!", "$2b$31$" + "a" * 53, "$2b$03$" + "a" * 53, self.GOOD + "\n", "$2a$12$" + "a" * 53):
            with self.subTest(text):
                self.assertEqual(cost_of(text), 0)


@contextmanager
def counted_work() -> Iterator[list[int]]:
    """The rounds of each bcrypt hash that is made or compared in the block."""
    rounds: list[int] = []
    real_checkpw, real_hashpw = bcrypt.checkpw, bcrypt.hashpw

    def cheap(salt: bytes) -> bytes:
        rounds.append(2 ** int(salt[4:6]))
        return salt[:4] + b"04" + salt[6:]

    def checkpw(password: bytes, hashed_password: bytes) -> bool:
        return real_checkpw(password, cheap(hashed_password))

    def hashpw(password: bytes, salt: bytes) -> bytes:
        return real_hashpw(password, cheap(salt))

    with in_place_of(real_checkpw, checkpw), in_place_of(real_hashpw, hashpw):
        yield rounds


class TheSameWork(unittest.TestCase):
    """Not a clock is asked, which would tell something else on each machine, but how many rounds are computed."""

    def test_every_cost(self) -> None:
        """A hash of any cost, of nobody too, takes as many rounds as one of the cost asked for, to the last one."""
        tail = hash_password(PASSWORD, 4)[7:]
        with counted_work() as rounds:
            for work in range(4, 15):
                for cost in range(4, work + 1):
                    for stored in (f"$2b${cost:02}${tail}", hash_of_nobody(cost)):
                        with self.subTest(cost=cost, work=work, stored=stored):
                            rounds.clear()
                            verify_password("wrong password", stored, work)
                            self.assertEqual(sum(rounds), 2**work)

    def test_right_or_wrong(self) -> None:
        """The right password is found right whatever comes after it, and takes as many rounds as a wrong one."""
        stored = hash_password(PASSWORD, 4)
        for work in (4, 5, 9):
            for password, expected in ((PASSWORD, True), ("wrong password", False)):
                with self.subTest(password, work=work), counted_work() as rounds:
                    self.assertIs(verify_password(password, stored, work), expected)
                    self.assertEqual(sum(rounds), 2**work)

    def test_a_hash_that_is_dearer(self) -> None:
        """A hash beyond the cost asked for is compared all the same, and nothing is added to it."""
        with counted_work() as rounds:
            verify_password(PASSWORD, hash_of_nobody(9), 5)
        self.assertEqual(rounds, [2**9])

    def test_one_turn(self) -> None:
        """All of it is one turn: whoever has an old hash must not hear more often than others that it is too busy."""
        with mock.patch("authref.passwords.turns", wraps=passwords.turns) as turns:
            verify_password(PASSWORD, hash_of_nobody(4), 7)
        self.assertEqual(turns.take.call_count, 1)

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


def in_time(act: Callable[[], object]) -> str:
    """How this ended: "done", or "too busy". Fails if it stands in line for longer than two seconds."""
    outcome: list[str] = []

    def run() -> None:
        try:
            act()
        except TooBusy:
            outcome.append("too busy")
        else:
            outcome.append("done")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(2)
    return outcome[0] if outcome else "it waits, and should have been refused"


def take(turns: Turns) -> None:
    """A turn that ends at once."""
    with turns.take():
        pass


class TakingTurns(unittest.TestCase):
    """bcrypt is what makes a stranger's request costly: it must not be given more cores or patience than there are."""

    def setUp(self) -> None:
        self.inside = self.most = 0
        self.lock = threading.Lock()
        self.go = threading.Event()
        self.addCleanup(self.go.set)

    def work(self, turns: Turns, started: threading.Semaphore) -> str:
        """Take a turn that lasts until `go`; "done", or "too busy"."""
        try:
            with turns.take():
                with self.lock:
                    self.inside += 1
                    self.most = max(self.most, self.inside)
                started.release()
                self.assertTrue(self.go.wait(5))
                with self.lock:
                    self.inside -= 1
        except TooBusy:
            return "too busy"
        return "done"

    def test_more_callers_than_places(self) -> None:
        """Two run, three wait, and the other five of ten hear at once that it is too much."""
        turns, started = Turns(running=2, waiting=3), threading.Semaphore(0)
        refused = threading.Semaphore(0)

        def caller() -> str:
            outcome = self.work(turns, started)
            if outcome == "too busy":
                refused.release()
            return outcome

        def door_keeper() -> str:
            try:
                for semaphore, times in ((started, 2), (refused, 5)):  # the refused do not wait for anybody's end
                    for _ in range(times):
                        self.assertTrue(semaphore.acquire(timeout=2))
            finally:
                self.go.set()
            return "opened"

        outcomes = race(door_keeper, *[caller] * 10)
        self.assertEqual((outcomes.count("done"), outcomes.count("too busy")), (5, 5))
        self.assertEqual(self.most, 2)
        self.assertEqual(self.work(turns, started), "done")  # the rush is over

    def test_no_waiting(self) -> None:
        """With no places to wait, a second caller is refused while the first runs, and served afterwards."""
        turns = Turns(running=1, waiting=0)
        with turns.take():
            self.assertEqual(in_time(lambda: take(turns)), "too busy")
        self.assertEqual(in_time(lambda: take(turns)), "done")

    def test_an_exception_inside(self) -> None:
        """Whoever fails during their turn gives it back: a hundred failures do not use up the places."""
        turns = Turns(running=1, waiting=1)
        for _ in range(100):
            with self.assertRaises(ZeroDivisionError), turns.take():
                raise ZeroDivisionError
        self.assertEqual(in_time(lambda: take(turns)), "done")

    def test_refusals_give_nothing_back(self) -> None:
        """Being refused frees no place that was not taken: after a hundred refusals the next is refused as well."""
        turns = Turns(running=1, waiting=0)
        with turns.take():
            for _ in range(100):
                self.assertEqual(in_time(lambda: take(turns)), "too busy")

    def test_hashing_takes_turns(self) -> None:
        """Both costly calls stand in the one line, and TooBusy comes through to the caller."""
        stored = hash_password(PASSWORD, TEST_COST)
        with mock.patch("authref.passwords.turns", Turns(running=1, waiting=0)) as turns:
            with turns.take():
                self.assertEqual(in_time(lambda: hash_password(PASSWORD, TEST_COST)), "too busy")
                self.assertEqual(in_time(lambda: verify_password(PASSWORD, stored)), "too busy")
                self.assertEqual(in_time(lambda: verify_password(PASSWORD, "junk")), "done")  # it costs nothing
            self.assertTrue(verify_password(PASSWORD, stored))

    def test_at_the_start(self) -> None:
        """Until the cores are shared out, all of them hash: with all but one taken the next caller need not wait."""
        with ExitStack() as taken:
            for _ in range(passwords.cores() - 1):
                taken.enter_context(passwords.turns.take())
            self.assertEqual(in_time(lambda: take(passwords.turns)), "done")
        self.assertEqual(passwords.MAX_WAITING, 64)

    def test_sharing_the_cores(self) -> None:
        """All processes together hash on as many cores as there are, and each on one at least."""
        with mock.patch.object(passwords, "turns"), mock.patch.object(passwords, "MAX_WAITING", 0):
            for cores, processes, expected in ((8, 2, 4), (2, 2, 1), (8, 3, 2), (1, 4, 1), (4, 1, 4)):
                with self.subTest(cores=cores, processes=processes), ExitStack() as taken:
                    with mock.patch.object(passwords, "cores", return_value=cores):
                        passwords.share_cores(processes)
                    for _ in range(expected):
                        taken.enter_context(passwords.turns.take())
                    with self.assertRaises(passwords.TooBusy):
                        taken.enter_context(passwords.turns.take())

    def test_cores_that_are_not_ours(self) -> None:
        """A container of one core on a machine of 64 hashes one at a time, not 64: all else would stand still."""
        own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
        for name, files, expected in (
            ("no cgroups", {}, []),
            ("version 2, a container", {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, [1]),
            ("version 2, without a limit", {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, []),
            ("version 2, a service in a slice", {
                "proc/self/cgroup": "0::/a.slice/b.service\n",
                "sys/fs/cgroup/a.slice/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a.slice/b.service/cpu.max": "50000 100000\n",
            }, [0, 4]),
            ("version 1", {
                "proc/self/cgroup": "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            }, [2]),
            ("version 1, without a limit", {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            }, []),
        ):  # fmt: skip
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                for path, text in files.items():
                    Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                    Path(folder, path).write_text(text)
                self.assertEqual(list(passwords._quotas(Path(folder))), expected)
        for quotas, expected in (([], len(own)), ([0], 1), ([1, 4], 1), ([10_000], len(own))):
            with mock.patch.object(passwords, "_quotas", return_value=quotas):
                self.assertEqual(passwords.cores(), expected)


if __name__ == "__main__":
    unittest.main()
