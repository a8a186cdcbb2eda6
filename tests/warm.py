"""How does a test start authref without waiting for Python? It asks a Python that stands ready, which forks.

To start Python and to import authref takes longer than most of what a test then asks. So one process has imported it
all, and waits; what it forks has the streams, the folder, the environment and the arguments that the test gives, begins
where `python -m authref` begins, and ends as Python ends.

Rules of this file:
- what is forked knows nothing of the tests: the one that waits is a Python of its own, in which no test ever ran;
- a test of Python's own start (its flags, a package that is missing, imports that are cut short) starts Python;
- when the process that started it ends, however it ends, so does it, and so does whatever it has forked.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress

IMPORTED = ("authref.app", "authref.cli", "authref.configuration", "authref.exercises.commands",
            "authref.exercises.lessons", "authref.inspector", "authref.serving.workers", "authref.stores.backup",
            "authref.stores.sqlite_store", "authref.tiny", "authref.xray.play")  # fmt: skip
TYPE_CHECKING = False  # and not that of typing, for which a client would wait
if TYPE_CHECKING:
    from collections.abc import Mapping
    from subprocess import Popen
    from typing import Any


class Forked:
    """A Python with these arguments, `-m authref …` or `-c …`, in a session of its own; to be used like a Popen."""

    def __init__(self, *arguments: str, streams: tuple[int, ...], cwd: str, env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._line = ask(address(), arguments, streams, cwd, env)
        self.pid = int.from_bytes(self._line.recv(4))

    def poll(self) -> int | None:
        """Its exit status, or minus the signal that ended it; None while it runs."""
        from subprocess import TimeoutExpired

        with suppress(TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. Raises subprocess.TimeoutExpired."""
        from subprocess import TimeoutExpired

        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                answer = self._line.recv(4)
            except (BlockingIOError, TimeoutError) as error:
                raise TimeoutExpired(str(self.pid), timeout or 0) from error
            self.returncode = int.from_bytes(answer, signed=True)
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, whatever it does."""
        self.send_signal(signal.SIGKILL)


class Piped(Forked):
    """The same with a pipe at each of its streams; it takes what Popen takes for a Python with such pipes, as text."""

    def __init__(self, command: list[str], *, env: Mapping[str, str], **_: object) -> None:
        pipes = [os.pipe() for _ in range(3)]
        theirs = (pipes[0][0], pipes[1][1], pipes[2][1])
        super().__init__(*command[1:], streams=theirs, cwd=os.getcwd(), env=env)
        for stream in theirs:
            os.close(stream)
        self.stdin = open(pipes[0][1], "w")  # noqa: SIM115
        self.stdout, self.stderr = open(pipes[1][0]), open(pipes[2][0])  # noqa: SIM115

    def communicate(self) -> tuple[str, str]:
        """What it prints on its two outputs until it ends."""
        self.stdin.close()
        with self.stdout, self.stderr:
            printed = self.stdout.read(), self.stderr.read()
        self.wait()
        return printed


def result_of(*arguments: str, env: Mapping[str, str], cwd: str = os.curdir) -> tuple[int, str, str]:
    """The exit status of such a Python, and what it prints on its two outputs; it has nothing to read."""
    import tempfile

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        streams = (nothing.fileno(), out.fileno(), err.fileno())
        status = Forked(*arguments, streams=streams, cwd=os.path.abspath(cwd), env=env).wait(60)
        for file in (out, err):
            file.seek(0)
        return status, out.read().decode(), err.read().decode()


_ready: list[tuple[str, Popen[bytes], socket.socket]] = []


def address() -> str:
    """Where the one listens that forks, which this process starts if no other has."""
    if not _ready:
        import atexit
        import subprocess
        import tempfile

        import authref

        path = f"{tempfile.mkdtemp()}/warm"
        ours, theirs = socket.socketpair()
        with socket.socket(socket.AF_UNIX) as listener, theirs:
            listener.bind(path)
            listener.listen(100)
            root = os.path.dirname(os.path.dirname(authref.__file__))
            kept = {name: text for name, text in os.environ.items() if not name.startswith(("AUTHREF_", "PYTHON"))}
            process = subprocess.Popen([sys.executable, "-m", "tests.warm"], env={**kept, "PYTHONPATH": root}, cwd=root,
                                       stdin=listener, stdout=theirs, start_new_session=True)  # fmt: skip
        _ready.append((path, process, ours))
        atexit.register(_end)
    return _ready[0][0]


def _end() -> None:
    _, process, ours = _ready.pop()
    ours.send(b"!")
    process.wait()
    ours.close()


def ask(
    path: str, arguments: tuple[str, ...], streams: tuple[int, ...], cwd: str, env: Mapping[str, str]
) -> socket.socket:
    """The line on which the number of the new process comes, and in the end its status."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(path)
    job = json.dumps({"arguments": arguments, "cwd": cwd, "env": dict(env)}).encode()
    socket.send_fds(line, [len(job).to_bytes(4)], streams)
    line.sendall(job)
    return line


# -- the one that waits -------------------------------------------------------------------------------------------


def tend(listener: socket.socket, command: socket.socket) -> dict[str, Any] | None:
    """Fork for whoever asks, until the command ends. In a fork: what it is to do."""
    import selectors

    lines: dict[int, socket.socket] = {}  # by the number of the process
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    selector = selectors.DefaultSelector()
    for end in (listener, command, woken):
        selector.register(end, selectors.EVENT_READ)
    while True:
        ready = [key.fileobj for key, _ in selector.select()]
        if command in ready:
            break
        if woken in ready:
            woken.recv(100)
        if listener in ready:
            line, _ = listener.accept()
            job, streams = _hear(line)
            number = os.fork()
            if not number:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                selector.close()  # else it would be closed later, when its number may be that of another file
                return {**job, "streams": streams}
            for stream in streams:
                os.close(stream)
            line.sendall(number.to_bytes(4))
            lines[number] = line
        for number, line in list(lines.items()):
            ended, status = os.waitpid(number, os.WNOHANG)
            if ended:
                with suppress(OSError):  # nobody waits for it
                    line.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
                lines.pop(number).close()
    signal.set_wakeup_fd(-1)  # which is closed before the last of them has ended
    for number in lines:
        for kill in (os.killpg, os.kill):  # it may not yet have a session of its own
            with suppress(OSError):
                kill(number, signal.SIGKILL)
    os.unlink(listener.getsockname())
    os.rmdir(os.path.dirname(listener.getsockname()))
    return None


def _hear(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    length, streams, *_ = socket.recv_fds(line, 4, 3)
    data = b""
    while len(data) < int.from_bytes(length):
        data += line.recv(65536)
    return json.loads(data), streams


def become(arguments: list[str], cwd: str, env: dict[str, str], streams: list[int]) -> None:
    """Do in this process what a Python with these arguments does."""
    import runpy

    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = open(number, "rww"[number], errors=getattr(sys, name).errors, closefd=False)  # noqa: SIM115
        stream.reconfigure(line_buffering=name == "stderr" or stream.isatty())
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    kind, what, *more = arguments
    sys.orig_argv, sys.argv = [sys.executable, *arguments], [what if kind == "-m" else kind, *more]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


def main() -> None:
    """With a path: be `python -m authref`, for a shell. Without: be the one that waits."""
    if sys.argv[1:]:
        path, *arguments = sys.argv[1:]
        line = ask(path, ("-m", "authref", *arguments), (0, 1, 2), os.getcwd(), os.environ)
        line.recv(4)
        sys.exit(int.from_bytes(line.recv(4), signed=True))
    import gc
    from importlib import import_module

    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    if job := tend(socket.socket(fileno=os.dup(0)), socket.socket(fileno=os.dup(1))):
        become(**job)


if __name__ == "__main__":
    main()
