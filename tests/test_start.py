"""The start and the end of the program, whatever is closed, full, gone or odd: one sentence, and no traceback.

A process in which authref is imported forks for each case; what is closed or full there really is, and Python's own end
is reached. What the environment or the flags say wrong is tried in the process of the tests.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

from authref import cli
from authref.serving.server import ends
from tests.test_cli import ADMIN_PASSWORD, RING, Program, Sentences, environment, run
from tests.warm import Forked, result_of

# Is given cases, a line of them at a time, and forks for each: [arguments, {number of a stream: the file instead,
# "gone" for a pipe that nobody reads, null if closed}, is the folder removed]. Answers [status, standard output,
# standard error] of each. A child that would serve only says so, and ends.
FORKS = """
import gc, json, os, sys, tempfile
from unittest import mock
import bcrypt
import authref.app, authref.cli, authref.inspector, authref.serving.server, authref.serving.workers, authref.tiny
import authref.exercises.commands, authref.exercises.lessons, authref.stores.sqlite_store, authref.xray.play

salt = bcrypt.gensalt
bcrypt.gensalt = lambda rounds=12, prefix=b"2b": salt(4, prefix)

def serve(app, host, port, ready, *more):
    ready("http://a.example")
    print("serving", flush=True)

def outcome(arguments, streams, gone):
    files = [tempfile.TemporaryFile() for _ in range(2)]
    folder = tempfile.mkdtemp()
    child = os.fork()
    if child == 0:
        for number, file in enumerate(files, 1):
            os.dup2(file.fileno(), number)
        for number, path in streams.items():
            if path is None:
                os.close(int(number))
                setattr(sys, ("stdin", "stdout", "stderr")[int(number)], None)
            elif path == "gone":
                reader, writer = os.pipe()
                os.close(reader)
                os.dup2(writer, int(number))
            else:
                os.dup2(os.open(path, os.O_RDWR), int(number))
        os.chdir(folder)
        if gone:
            os.rmdir(folder)
        with mock.patch("authref.serving.server.serve", serve):
            sys.exit(authref.cli.main(arguments))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for file in files:
        file.seek(0)
    return [status, *(file.read().decode() for file in files)]

gc.freeze()  # no child looks through what was there before it
for line in sys.stdin:
    answer = json.dumps([outcome(*case) for case in json.loads(line)])
    try:
        print(answer, flush=True)
    except BrokenPipeError:  # the tests were interrupted
        os._exit(1)
"""

# Forks once for each share of the start, and sends itself Ctrl-C when so much of it is done: counted in what Python
# tells its auditors (imports, files, sockets), so that it does not matter how quick the machine is. What is needed of
# Python's library is there already: the moments are those of authref.
INTERRUPTED = """
import argparse, dataclasses, gc, hashlib, http.server, ipaddress, json, os, shutil, signal, socket, sys, tempfile
import authref.__main__

signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored

def start(interrupt_at, arguments):
    seen = 0
    def audit(event, _):
        nonlocal seen
        seen += 1
        if seen == interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
    sys.addaudithook(audit)
    sys.argv[1:] = arguments
    try:
        return authref.__main__.main(), seen
    except SystemExit as end:
        return end.code, seen

def fork(interrupt_at, arguments):
    files = [tempfile.TemporaryFile() for _ in range(2)]
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        for number, file in enumerate(files, 1):
            os.dup2(file.fileno(), number)
        status, seen = start(interrupt_at, arguments)
        os.write(writable, str(seen).encode())
        sys.exit(status)
    os.close(writable)
    with open(readable) as counted:
        seen = counted.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    files[1].seek(0)
    return status, int(seen or 0), files[1].read().decode()

# With several workers and no store that they share, the start ends just before a server would listen.
arguments = sys.argv[1:]
gc.freeze()
fork(-1, arguments)  # it may find no compiled files yet, and write them: more than the next ones have to do
status, total, _ = fork(-1, arguments)
print(json.dumps([total, *(fork(max(1, total * share // 12), arguments) for share in range(12))]))
"""


# Reads standard input as long as it takes until somebody presses Ctrl-C.
WAITING = """
import os, signal, sys, time
from authref.__main__ import main

class Waiting:
    def read(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
sys.stdin, sys.argv[1:] = Waiting(), ["jwt", "decode", "-"]
sys.exit(main())
"""

# Runs commands, one after the other, and tells the exit status of each and what it prints.
PACKED = """
import contextlib, io, json, sys
from authref.cli import main

def outcome(arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code
    return status, out.getvalue(), err.getvalue()

print(json.dumps([outcome(arguments) for arguments in json.loads(sys.argv[1])]))
"""


FULL, GONE, CLOSED = "/dev/full", "gone", None
SERVE = ["--port", "0", "--bcrypt-cost", "4"]
ADMIN = [*SERVE, "--admin-email", "root@example.com"]
TOKEN = ["jwt", "decode", "e30.e30.AA"]


@unittest.skipUnless(os.path.exists(FULL), "needs /dev/full")
class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        (theirs, asked), (answered, ours) = os.pipe(), os.pipe()
        forks = Forked("-c", FORKS, streams=(theirs, ours, 2), cwd=os.getcwd(), env=environment())
        cls.addClassCleanup(forks.wait)
        cls.asked, cls.answered = cls.enterClassContext(open(asked, "w")), cls.enterClassContext(open(answered))
        os.close(theirs)
        os.close(ours)

    def forked(self, *cases: tuple[list[str], dict[int, str | None], bool]) -> list[tuple[int, str, str]]:
        """Status, standard output and standard error of each case."""
        print(json.dumps(cases), file=self.asked, flush=True)
        return [(status, out, err) for status, out, err in json.loads(self.answered.readline())]

    # arguments, what is wrong with the streams, is the folder gone; status, and what the one line of the sentence has
    TABLE: list[tuple[list[str], dict[int, str | None], bool, int, str]] = [
        (SERVE, {1: FULL}, False, 2, "standard output.*No space left"),
        (ADMIN, {1: CLOSED}, False, 2, "nobody would see the admin's random password"),
        (["keys", "new"], {1: FULL}, False, 2, "standard output.*No space left"),
        (["keys", "new"], {1: CLOSED}, False, 2, "Standard output is closed"),
        (["--help"], {1: FULL}, False, 2, "standard output.*No space left"),
        (["--version"], {1: CLOSED}, False, 2, "Standard output is closed"),
        (TOKEN, {1: FULL}, False, 2, "standard output.*No space left"),
        (["jwt", "decode", "-"], {0: CLOSED}, False, 2, "Standard input is closed"),
        (["exercises", "list", "--markdown"], {1: FULL}, False, 2, "standard output.*No space left"),
        (["xray"], {1: FULL}, False, 2, "standard output.*No space left"),
        (["xray"], {1: CLOSED}, False, 2, "Standard output is closed"),
        (["tiny", "--port", "0"], {1: FULL}, False, 2, "No space left"),
        (["tiny", "--port", "0"], {1: CLOSED}, False, 2, "nobody would see the admin's password"),
        (["exercises", "list"], {}, True, 2, "folder that you are in is gone"),
        (["exercises", "start"], {}, True, 2, "folder that you are in is gone"),
        ([*SERVE, "--store", "sqlite:db"], {}, True, 2, "folder that you are in is gone"),
        ([*SERVE, "--key-file", "keys"], {}, True, 2, "key file keys.*No such file"),
    ]
    # The twins: what can go on does.
    FINE: list[tuple[list[str], dict[int, str | None], bool]] = [
        (SERVE, {1: CLOSED}, False),
        (SERVE, {2: FULL}, False),
        (SERVE, {2: CLOSED}, False),
        (SERVE, {0: CLOSED, 1: CLOSED, 2: CLOSED}, False),
        (SERVE, {}, True),
        (TOKEN, {0: CLOSED}, False),
        (["keys", "new"], {2: FULL}, True),
    ]

    def test_what_cannot_go_on(self) -> None:
        """Whatever is closed, full or gone: status 2, one sentence that names it, nothing else on either stream."""
        for case, outcome in zip(self.TABLE, self.forked(*[case[:3] for case in self.TABLE]), strict=True):
            with self.subTest(case[0], streams=case[1], gone=case[2]):
                status, out, err = outcome
                self.assertEqual((status, out), (case[3], ""), err)
                self.assertRegex(err, rf"\Aauthref: [^\n]*{case[4]}[^\n]*\n\Z")

    def test_what_can(self) -> None:
        """The twin: a server needs neither a banner nor a log, and a command only what it writes to."""
        for case, (status, out, err) in zip(self.FINE, self.forked(*self.FINE), strict=True):
            with self.subTest(case[0], streams=case[1], gone=case[2]):
                self.assertEqual(status, 0, err)
                self.assertNotIn("Traceback", err)
                if case[0] is SERVE and 1 not in case[1]:
                    self.assertIn("serving", out)

    def test_a_sentence_that_nobody_can_read(self) -> None:
        """With standard error closed the sentence goes where something is open; when that is full, the status tells."""
        wrong = ["--port", "x"]
        closed, full, both = self.forked((wrong, {2: CLOSED}, False), (wrong, {2: FULL}, False),
                                         (wrong, {1: CLOSED, 2: CLOSED}, False))  # fmt: skip
        self.assertRegex(closed[1], r"\Aauthref: [^\n]*--port[^\n]*\n\Z")
        self.assertEqual([closed[0], full[0], both[0]], [2, 2, 2])

    def test_whoever_read_it_has_gone(self) -> None:
        """A pipe that nobody reads any more, as after `head`, ends a command without a word."""
        commands = (["--help"], TOKEN, ["exercises", "list", "--markdown"], ["xray"])
        outcomes = self.forked(*((arguments, {1: GONE}, False) for arguments in commands))
        for arguments, outcome in zip(commands, outcomes, strict=True):
            with self.subTest(arguments):
                self.assertEqual(outcome, (1, "", ""))

    def test_the_numbers_of_closed_streams(self) -> None:
        """A file that is opened later never gets the number of a closed stream, where its errors would be written."""
        code = ("import os; from authref.terminal import prepare; [os.close(n) for n in range(3)]; prepare();"
                "os._exit(os.open(os.devnull, os.O_RDONLY))")  # fmt: skip
        self.assertGreater(subprocess.run([sys.executable, "-c", code], env=environment(), timeout=30).returncode, 2)


class FromAnArchive(unittest.TestCase):
    def test_a_zip_file(self) -> None:
        """Python can import authref from a zip file; what needs other files of it says so, and what does not runs."""
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "authref.zip")
            package = Path(cli.__file__).parent
            with zipfile.ZipFile(archive, "w") as packed:
                for path in (*package.glob("*.*"), *package.glob("app/*.py"), *package.glob("serving/*.py")):
                    packed.write(path, path.relative_to(package.parent))
            commands = (SERVE, ["exercises", "list"], ["compare", "--quick"], ["keys", "new"])
            command = [sys.executable, "-P", "-c", PACKED, json.dumps(commands)]
            done = subprocess.run(command, env=environment(archive), cwd=folder, capture_output=True, timeout=30)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
        for arguments, (status, out, err) in zip(commands, json.loads(done.stdout), strict=True):
            with self.subTest(arguments):
                if arguments == ["keys", "new"]:
                    self.assertEqual((status, err), (0, ""))
                else:
                    self.assertEqual((status, out), (2, ""), err)
                    self.assertRegex(err, r"\Aauthref: [^\n]*archive[^\n]*unpack it[^\n]*\n\Z")


class OddValues(Sentences):
    """Values that a shell, a file of variables or an orchestrator has damaged on their way."""

    def test_variables(self) -> None:
        """A line end in the admin's password would lock them out; bytes that are no text stop the start, unquoted."""
        broken = os.fsdecode(b"hunter2 and \xff more")
        for name, value, pattern in (
            ("AUTHREF_ADMIN_PASSWORD", ADMIN_PASSWORD + "\n", "AUTHREF_ADMIN_PASSWORD holds a line end"),
            ("AUTHREF_ADMIN_PASSWORD", ADMIN_PASSWORD + "\r", "AUTHREF_ADMIN_PASSWORD holds a line end"),
            ("AUTHREF_ADMIN_PASSWORD", "\n" + ADMIN_PASSWORD, "AUTHREF_ADMIN_PASSWORD holds a line end"),
            ("AUTHREF_ADMIN_PASSWORD", "\n", "AUTHREF_ADMIN_PASSWORD holds a line end"),
            ("AUTHREF_ADMIN_PASSWORD", broken, "AUTHREF_ADMIN_PASSWORD holds bytes that are no text"),
            ("AUTHREF_KEYS", RING + broken, "AUTHREF_KEYS"),
            ("AUTHREF_KEYS", broken + RING, "AUTHREF_KEYS"),
            ("AUTHREF_STORE", f"redis://:{broken}@127.0.0.1:1/0", ""),
            ("AUTHREF_PUBLIC_URL", os.fsdecode(b"https://a.ex\xff"), "https://auth.example"),
            ("AUTHREF_LOG", os.fsdecode(b"js\xff"), "--log"),
            ("AUTHREF_BCRYPT_COST", "4\n5", "--bcrypt-cost"),
        ):
            with self.subTest(name, value=value):
                outcome = run(*ADMIN[:2], "--admin-email", "root@example.com", **{"AUTHREF_KEYS": RING, name: value})
                self.assert_one_sentence(outcome, pattern)
                for secret in ("hunter2", "udcff", "\udcff", ADMIN_PASSWORD) if "PASS" in name or "KEY" in name else ():
                    self.assertNotIn(secret, outcome[2])

    def test_a_line_end_that_does_no_harm(self) -> None:
        """The twin: a line end behind a value that is no secret is what a file of variables left there."""
        with mock.patch("authref.serving.server.serve") as serve:
            outcome = run(*SERVE[:2], AUTHREF_BCRYPT_COST="4\n", AUTHREF_LOG="off\r\n", AUTHREF_KEYS=RING + "\n",
                          AUTHREF_ALLOW_ORIGIN="https://a.example\nhttps://b.example\n")  # fmt: skip
        self.assertEqual(outcome, (0, "", ""))
        self.assertEqual(serve.call_args.args[0].settings.allow_origins, ("https://a.example", "https://b.example"))

    def test_flags(self) -> None:
        """The same of flags: always one line, whatever they hold."""
        odd = os.fsdecode(b"a\xffb")
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(f"{folder}/pipe")
            os.mkdir(f"{folder}/folder")
            for arguments, pattern in (
                (("--host", odd), r"a\\udcffb"),
                (("--host", "a\nb"), r"a\\nb"),
                (("--host", "a..b"), "a..b"),
                (("--host", "a" * 300), "--host"),
                (("--admin-email", odd), "e-mail"),
                (("--public-url", odd), "https://auth.example"),
                (("--store", "sqlite:/no such\nfolder/db"), r"/no such\\nfolder/db"),
                (("--store", odd), "A store is one of"),
                (("--key-file", f"{folder}/pipe"), "ordinary file"),
                (("--key-file", f"{folder}/folder"), "ordinary file"),
                (("--key-file", "/dev/null"), "ordinary file"),
                (("--key-file", "\n/x"), r"\\n/x"),
                ((odd,), r"a\\udcffb"),
            ):
                with self.subTest(arguments):
                    self.assert_one_sentence(run(*SERVE, *arguments), pattern)


class ThePort(Sentences):
    """A port that is taken, and the command that helps."""

    def setUp(self) -> None:
        taken = self.enterContext(socket.socket())
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        self.port = str(taken.getsockname()[1])

    def test_before_anything_slow(self) -> None:
        """It is tried before a password is hashed or a store is opened."""
        arguments = ("--port", self.port, "--admin-email", "root@example.com", "--store", "sqlite:/no such folder/db")
        with mock.patch("authref.configuration.build_app", side_effect=AssertionError("it was built")):
            self.assert_one_sentence(run(*arguments), f"port {self.port} .*in use.*; try: ")

    def test_a_command_that_pastes(self) -> None:
        """The command is the one that was typed, quoted for a shell, as it was called, with a port that is free."""
        script = Path(sys.executable).parent / "authref"
        for called, argv, typed, expected in (
            (["/x/python", "-m", "authref"], "/x/authref/__main__.py", ["--port", self.port], "/x/python -m authref"),
            (["python"], "/x/authref/__main__.py", [f"--port={self.port}", "--quiet"], "python -m authref --quiet"),
            (["python"], "bin/authref", ["--quiet", "--port", self.port, "--log=off"], "bin/authref --quiet --log=off"),
            (["python"], str(script), ["--port", "1", "--port", self.port], str(script)),
            (["python"], "a b/authref", ["--port", self.port, "--store", "sqlite:my db"],
             "'a b/authref' --store 'sqlite:my db'"),
        ):  # fmt: skip
            with (
                self.subTest(typed),
                mock.patch.object(sys, "orig_argv", called),
                mock.patch.object(sys, "argv", [argv, *typed]),
            ):
                outcome = run(*typed)
                self.assert_one_sentence(outcome, "in use")
                command = outcome[2].partition("try: ")[2].strip()
                self.assertRegex(command, r"\A.* --port \d+\Z")
                self.assertEqual(command.rpartition(" --port ")[0], expected)
                self.assertEqual(shlex.split(command).count("--port"), 1)
                with socket.socket() as free:
                    free.bind(("127.0.0.1", int(command.rpartition(" ")[2])))

    def test_as_it_is_called(self) -> None:
        """A shell finds `authref` by its name: then that is said; else the path that was typed."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "authref")
            script.write_text("#!/bin/sh\n")
            script.chmod(0o755)
            for path, expected in ((folder, "authref"), ("/nowhere", str(script))):
                with self.subTest(path), mock.patch.object(sys, "argv", [str(script)]):
                    outcome = run("--port", self.port, PATH=path)
                    self.assertIn(f"try: {expected} --port ", outcome[2])

    def test_no_secret_in_it(self) -> None:
        """The address of a store, which may hold a password, is not repeated: its variable still names it."""
        secret = "redis://:hunter2@127.0.0.1/0"
        for typed, stored in (((), secret), (("--store", secret), secret), (("--store", secret), "")):
            with self.subTest(typed, stored=stored):
                _, _, err = run("--port", self.port, *typed, AUTHREF_STORE=stored)
                self.assertNotIn("hunter2", err)
        outcome = run("--port", self.port, "--store", "sqlite:other", AUTHREF_STORE=secret)
        self.assertIn("--store sqlite:other --port", outcome[2])

    def test_a_host_that_is_not_ours(self) -> None:
        """Where no port would help, none is named."""
        self.assert_one_sentence(run("--host", "192.0.2.1"), "192.0.2.1.*choose others: --host, --port")


class Help(unittest.TestCase):
    def test_commands_first(self) -> None:
        """`help` and `--help` are the same, list the commands before the flags, and fit a terminal of 80 columns."""
        with mock.patch.dict(os.environ, COLUMNS="80"):
            asked, flagged = run("help", COLUMNS="80"), run("--help", COLUMNS="80")
        self.assertEqual(asked, flagged)
        status, out, err = asked
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        for name in cli.COMMANDS:
            [line] = [number for number, text in enumerate(lines) if text.startswith(f"  authref {name} ")]
            self.assertLess(line, lines.index("options:"))
        self.assertLessEqual(max(map(len, lines)), 80)


@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
class CtrlC(unittest.TestCase):
    def interrupted(self, *arguments: str) -> list[Any]:
        done = subprocess.run([sys.executable, "-c", INTERRUPTED, *arguments], env=environment(), capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)  # fmt: skip
        self.assertEqual(done.stderr, "")
        total, *outcomes = json.loads(done.stdout)
        self.assertGreater(total, 50)
        return outcomes

    def test_at_any_moment_of_the_start(self) -> None:
        """Ctrl-C while authref is still starting ends it without a word, with the status that a shell expects."""
        for share, (status, _, err) in enumerate(self.interrupted(*SERVE, "--workers", "2")):
            with self.subTest(f"{share}/12 of the start"):
                self.assertEqual((status, err), (130, ""))

    def test_while_it_waits_for_a_token(self) -> None:
        """So it does while `jwt decode -` waits for standard input."""
        self.assertEqual(result_of("-c", WAITING, env=environment()), (130, "", ""))


@unittest.skipUnless(hasattr(signal, "SIGHUP"), "needs SIGHUP")
class HangUp(unittest.TestCase):
    def test_a_terminal_that_is_closed(self) -> None:
        """SIGHUP ends one process, or several, as SIGTERM does: quietly, status 0, and the log says so."""
        with tempfile.TemporaryDirectory() as folder:
            for flags in ((), ("--workers", "2", "--store", f"sqlite:{folder}/db")):
                with self.subTest(flags), Program(*flags) as program:
                    self.assertEqual(program.stop(signal.SIGHUP), 0)
                    self.assertIn("sys_shutdown", program.err.splitlines()[-1])

    def test_one_that_is_ignored(self) -> None:
        """Under nohup, which has it ignored, the server outlives its terminal; SIGTERM still ends it."""
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a process that is started now inherits that
        try:
            self.assertNotIn(signal.SIGHUP, ends())
            program = Program().start(anew=True)
        finally:
            signal.signal(signal.SIGHUP, before)
        with program:
            program.process.send_signal(signal.SIGHUP)
            self.assertEqual(program.send("GET", "/health")[0], 200)
            self.assertEqual(program.stop(signal.SIGTERM), 0)
        self.assertIn(signal.SIGHUP, ends())


if __name__ == "__main__":
    unittest.main()
