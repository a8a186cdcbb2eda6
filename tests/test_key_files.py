"""Where do the keys come from, and does a restart end every token? keys.read_key_file, and `python -m authref`.

Whoever can read the key file is everybody, so these tests are about who can, and about what is said when
something is wrong with it: one sentence, and never the key.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
import threading
import unittest
from base64 import urlsafe_b64encode
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from authref import cli
from authref.app import App
from authref.keys import read_key_file, read_keys, write_keys
from authref.wire import Request
from tests.basics import JSON, KEYS, PASSWORD
from tests.support import body, in_forks

ROOT = Path(__file__).parent.parent
SECRET = urlsafe_b64encode(bytes(range(60, 92))).decode().rstrip("=")


@dataclass
class Start:
    """How one start of the command ended: its app if it came to serving, else its exit status and what it said."""

    app: App | None
    status: object
    said: str


def start(*arguments: str, keys: str | None = None) -> Start:
    """Run `python -m authref` up to the moment where it would open a socket; `keys` is AUTHREF_KEYS."""
    said, status = io.StringIO(), None
    with (
        mock.patch.dict(os.environ),
        mock.patch("authref.serving.server.serve") as serve,
        redirect_stderr(said),
        redirect_stdout(said),
    ):
        os.environ.pop("AUTHREF_KEYS", None)
        if keys is not None:
            os.environ["AUTHREF_KEYS"] = keys
        try:
            status = cli.main(["--port", "0", "--bcrypt-cost", "4", "--log", "off", "--quiet", *arguments])
        except SystemExit as end:
            status = end.code
    return Start(serve.call_args.args[0] if serve.called else None, status, said.getvalue())


class KeyFileCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "keys"

    def write(self, content: bytes, mode: int = 0o600) -> None:
        self.path.write_bytes(content)
        self.path.chmod(mode)

    def mode(self) -> int:
        return self.path.stat().st_mode & 0o7777

    def assert_one_sentence(self, outcome: Start) -> None:
        """The start was refused with status 2 and one line that says something about keys or files."""
        self.assertEqual((outcome.app, outcome.status), (None, 2))
        self.assertRegex(outcome.said, r"^authref: [^\n]+\n$")
        self.assertRegex(outcome.said, "[Kk]ey|file")
        self.assertNotIn("Traceback", outcome.said)


class Making(KeyFileCase):
    def test_a_new_file(self) -> None:
        """It is made with one fresh key, for its owner alone whatever the umask says, with nothing left beside it."""
        for umask in (0o000, 0o022, 0o077):
            with self.subTest(umask=oct(umask)):
                self.path.unlink(missing_ok=True)
                before = os.umask(umask)
                try:
                    ring = read_key_file(str(self.path))
                finally:
                    os.umask(before)
                self.assertEqual([len(key) for key in ring.values()], [32])
                self.assertEqual(self.mode(), 0o600)
                self.assertEqual(os.listdir(self.folder), ["keys"])

    def test_a_second_start(self) -> None:
        """The same ring comes back, and the file is not written again."""
        ring = read_key_file(str(self.path))
        written = self.path.stat()
        self.assertEqual(read_key_file(str(self.path)), ring)
        again = self.path.stat()
        self.assertEqual((again.st_mtime_ns, again.st_ino), (written.st_mtime_ns, written.st_ino))

    def test_two_files(self) -> None:
        """Each new file has a key and a kid of its own: no token of one may name the other's key."""
        one, other = read_key_file(str(self.path)), read_key_file(str(self.folder / "other"))
        self.assertEqual(set(one) & set(other), set())
        self.assertEqual(set(one.values()) & set(other.values()), set())

    def test_a_ring_written_by_hand(self) -> None:
        """A rotated ring in the file is read in its order: the first key signs."""
        ring = {"new": bytes(range(40, 72)), **KEYS}
        self.write(write_keys(ring).encode() + b"\n")
        self.assertEqual(list(read_key_file(str(self.path)).items()), list(ring.items()))

    def test_a_draft_left_by_a_dead_process(self) -> None:
        """What a killed start left behind does not stop the next; in a container both have the same number."""
        (self.folder / f"keys.{os.getpid()}").write_bytes(b"")
        try:
            self.assertEqual(len(read_key_file(str(self.path))), 1)
        except FileExistsError as error:
            self.fail(f"the leftover stops every start: {error}")

    def test_where_the_draft_lies(self) -> None:
        """A new ring is written beside its place, for a link reaches no other disk, and nobody else can read it."""

        def link(draft: str, path: str) -> None:
            self.assertEqual((Path(draft).parent, path), (self.folder, str(self.path)))
            self.assertEqual(os.stat(draft).st_mode & 0o777, 0o600)
            real(draft, path)

        real = os.link
        with mock.patch("os.link", link):
            self.assertEqual(len(read_key_file(str(self.path))), 1)


class Races(KeyFileCase):
    def test_processes(self) -> None:
        """Eight servers that start at once without a file end with one ring, that of the file, and leave no drafts."""
        rings = in_forks(*[partial(read_key_file, str(self.path))] * 8)
        self.assertEqual(rings, [read_key_file(str(self.path))] * 8)
        self.assertEqual(os.listdir(self.folder), ["keys"])

    def test_threads(self) -> None:
        """Two apps made in one process, say by a test or a WSGI server, end with one ring as well."""
        rings: list[dict[str, bytes]] = []
        errors: list[OSError] = []
        barrier = threading.Barrier(8)

        def run() -> None:
            barrier.wait()
            try:
                rings.append(read_key_file(str(self.path)))
            except OSError as error:
                errors.append(error)

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(rings, [rings[0]] * 8)
        self.assertEqual(os.listdir(self.folder), ["keys"])


class Permissions(KeyFileCase):
    def test_whose_file_it_is(self) -> None:
        """The server's own file is read, and root's; that of another user, who knows the key, is refused."""
        self.write(write_keys(KEYS).encode())
        for owner, us, good in ((1000, 1000, True), (0, 1000, True), (0, 0, True), (1, 1000, False), (1000, 0, False)):
            status = SimpleNamespace(st_mode=0o100600, st_uid=owner)
            both = mock.patch("os.fstat", return_value=status), mock.patch("os.geteuid", return_value=us)
            with self.subTest(owner=owner, us=us), both[0], both[1]:
                if good:
                    self.assertEqual(read_key_file(str(self.path)), KEYS)
                else:
                    self.assertRaisesRegex(ValueError, "Others may have read", read_key_file, str(self.path))

    def test_a_system_without_owners(self) -> None:
        """Where nobody can say whose a file is, no key file is made; a sentence names the other way."""
        with mock.patch.object(os, "geteuid"):
            del os.geteuid
            self.assertRaisesRegex(ValueError, r"owners.*set AUTHREF_KEYS\.$", read_key_file, str(self.path))
        self.assertEqual(os.listdir(self.folder), [])
        self.assertTrue(read_key_file(str(self.path)))

    def test_who_may_have_read_it(self) -> None:
        """A file that anybody but its owner can touch is refused with its remedy; one that is the owner's is read."""
        for mode in (0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o660, 0o666, 0o777):
            with self.subTest(oct(mode)):
                self.write(write_keys(KEYS).encode(), mode)
                with self.assertRaisesRegex(ValueError, "Others may have read .* remove it, and a new one is made"):
                    read_key_file(str(self.path))
                self.assertEqual(self.mode(), mode)  # quietly mending it would hide that the key is out
        for mode in (0o600, 0o400, 0o700):
            with self.subTest(oct(mode)):
                self.write(write_keys(KEYS).encode(), mode)
                self.assertEqual(read_key_file(str(self.path)), KEYS)
                self.path.unlink()

    def test_at_the_start(self) -> None:
        """The command says so in a sentence that names the file, and does not serve."""
        self.write(write_keys(KEYS).encode(), 0o644)
        outcome = start("--key-file", str(self.path))
        self.assert_one_sentence(outcome)
        self.assertIn(str(self.path), outcome.said)


class Content(KeyFileCase):
    def test_what_is_no_ring(self) -> None:
        """Whatever stands in the file: one sentence about keys, nothing served, and the file left as it is."""
        good = write_keys(KEYS).encode()
        contents = (
            b"",
            b"\n",
            b",",
            b":",
            b"hello\n",
            b"k1:",
            b"k1:AAAA",
            b"k1:" + b"A" * 43,
            b":" + SECRET.encode(),
            b"k1:" + SECRET.encode() + b",k1:" + SECRET.encode(),
            good + b",",
            good.replace(b",", b"\n"),
            b"k1:" + SECRET.encode()[:-1] + b"!",
            b'{"k1": "' + SECRET.encode() + b'"}',
            b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END PRIVATE KEY-----\n",
            b"\x00" * 64,
            b"\xff\xfe\x00\x01",
            "k1:ключ".encode(),
            b"A" * 1_000_000,
        )
        for content in contents:
            with self.subTest(content[:40]):
                self.write(content)
                outcome = start("--key-file", str(self.path))
                self.assert_one_sentence(outcome)
                self.assertLess(len(outcome.said), 300)
                self.assertEqual(self.path.read_bytes(), content)
        self.write(good)
        self.assertIsNotNone(start("--key-file", str(self.path)).app)

    def test_a_key_without_its_kid(self) -> None:
        """Whoever forgets the kid is told so, and the sentence, which goes to a log, does not repeat the secret."""
        for text in (SECRET, f"k1:{SECRET},{SECRET}", f"{SECRET}:k1", f"{SECRET}:AAAA", f"{SECRET}:", f"k1={SECRET}"):
            with self.subTest(text.replace(SECRET, "SECRET")):
                self.write(text.encode())
                for outcome in (start("--key-file", str(self.path)), start(keys=text)):
                    self.assert_one_sentence(outcome)
                    self.assertNotIn(SECRET, outcome.said)

    def test_a_path_that_is_no_file(self) -> None:
        """A folder, or a file in a folder that is not there, ends in a sentence that names it."""
        for path in (self.folder, self.folder / "missing" / "keys", self.folder / ("x" * 300)):
            with self.subTest(str(path)[:60]):
                outcome = start("--key-file", str(path))
                self.assert_one_sentence(outcome)
                self.assertIn(str(path)[:60], outcome.said)


class Restart(KeyFileCase):
    def token(self, app: App) -> str:
        value = f'{{"email":"alice@example.com","password":"{PASSWORD}"}}'.encode()
        app.users.sign_up("alice@example.com", PASSWORD)
        return str(body(app(Request("POST", "/token/login", JSON, value)))["token"])

    def app(self, *arguments: str, keys: str | None = None) -> App:
        outcome = start(*arguments, keys=keys)
        self.assertEqual((outcome.status, outcome.said), (0, ""))
        assert outcome.app is not None
        return outcome.app

    def status(self, app: App, token: str) -> int:
        return app(Request("GET", "/token/me", (("authorization", f"Bearer {token}"),))).status

    def test_with_a_key_file(self) -> None:
        """A token goes on after a restart; without the file each start has another key and ends it."""
        flags = ("--key-file", str(self.path))
        token = self.token(self.app(*flags))
        self.assertEqual(self.status(self.app(*flags), token), 200)
        self.assertEqual(self.status(self.app(), token), 401)
        self.assertNotEqual(self.app().settings.keys, self.app().settings.keys)
        self.path.unlink()  # the way to end every token of everybody
        self.assertEqual(self.status(self.app(*flags), token), 401)

    def test_the_environment_beside_a_key_file(self) -> None:
        """AUTHREF_KEYS wins: the file is neither made, nor read, nor complained about."""
        flags = ("--key-file", str(self.path))
        ring = write_keys(KEYS)
        self.assertEqual(self.app(*flags, keys=ring).settings.keys, KEYS)
        self.assertFalse(self.path.exists())
        self.write(b"hello", 0o666)
        self.assertEqual(self.app(*flags, keys=ring).settings.keys, KEYS)
        self.assertEqual(self.path.read_bytes(), b"hello")

    def test_a_bad_environment_beside_a_good_key_file(self) -> None:
        """A mistake in AUTHREF_KEYS, even an empty one, is said; the file does not step in and hide it."""
        self.write(write_keys(KEYS).encode())
        for text in ("", "k1", "k1:AAAA", "k1:!"):
            with self.subTest(text):
                outcome = start("--key-file", str(self.path), keys=text)
                self.assert_one_sentence(outcome)
                self.assertIn("python -m authref keys new", outcome.said)


class KeysNew(KeyFileCase):
    def run_keys_new(self) -> str:
        said = io.StringIO()
        with redirect_stdout(said):
            self.assertEqual(cli.main(["keys", "new"]), 0)
        return said.getvalue()

    def test_what_it_prints(self) -> None:
        """One line that AUTHREF_KEYS and a key file take as it is, with one key of 32 bytes, another each time."""
        lines = [self.run_keys_new() for _ in range(5)]
        for line in lines:
            self.assertTrue(re.fullmatch(r"k[0-9a-f]{8}:[A-Za-z0-9_-]{43}\n", line), line)
        rings = [read_keys(line) for line in lines]
        self.assertEqual(len({key for ring in rings for key in ring.values()}), 5)
        self.write(lines[0].encode())
        app = start("--key-file", str(self.path)).app
        assert app is not None
        self.assertEqual(app.settings.keys, rings[0])
        app = start(keys=lines[1].strip()).app
        assert app is not None
        self.assertEqual(app.settings.keys, rings[1])

    def test_a_key_among_the_flags(self) -> None:
        """No flag takes a key, and none is taken for another: everybody on the machine can list a process's flags."""
        for flag in ("--key", "--keys", "--secret"):
            with self.subTest(flag), chdir(self.folder):  # --key is no short --key-file: the key would name a file
                outcome = start(flag, f"k1:{SECRET}")
                self.assertEqual((outcome.app, outcome.status), (None, 2))


if __name__ == "__main__":
    unittest.main()
