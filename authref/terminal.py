"""How does a command speak? In one sentence, on the right stream, and in colour only where somebody looks.

Rules of this file:
- an error is one sentence with its remedy, and exit status 2; no traceback reaches a user, and no byte of a secret;
- that also holds where nobody can read it: a stream that is closed or full, an answer whose reader has gone;
- Ctrl-C is no error: it ends a command without a word.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, NoReturn

from authref.maps import StoreUnavailable


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message}; {self.prog} --help lists what there is.")

    def _print_message(self, message: str, file: IO[str] | Any = None) -> None:
        say(message.rstrip("\n"))  # help, or the version; argparse itself keeps quiet about a full disk


def say(text: str) -> None:
    """Print the answer, now. Ends the program where that fails: quietly if whoever read it has gone, as `head` does."""
    if sys.stdout is None:
        fail("Standard output is closed, so nobody would see the answer; send it to a file or to a terminal.")
    try:
        print(text, flush=True)
    except BrokenPipeError:  # whoever read it has gone, as `head` does
        raise SystemExit(1) from None
    except OSError as error:
        fail(f"Cannot write to standard output ({error.strerror}); make room, or send it elsewhere.")


def fail(sentence: str) -> NoReturn:
    """End the program with the sentence on standard error and status 2; on standard output where that is closed."""
    try:
        print(f"authref: {printable(sentence)}", file=sys.stderr, flush=True)
    except OSError:
        _let_go(2)
    raise SystemExit(2)


def refuse_what_cannot_be_written(*files: str | None) -> None:
    """End the program before a minute is spent on what then has no place."""
    for file in filter(None, files):
        if os.path.isdir(file) or not os.access(os.path.dirname(file) or ".", os.W_OK):
            fail(f"Cannot write {file}; name a file in a folder that is there and yours.")


def end_as_by_ctrl_c() -> None:
    """Whatever ends this program, also what a system sends at its own end, stops and tidies up what was started."""
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):
        number = getattr(signal, name)
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question whether the known word was meant that looks most like this one, with a blank before it; or ""."""
    from difflib import get_close_matches  # here, for only a mistake needs it

    return "".join(f" Did you mean {each}?" for each in get_close_matches(word, known, 1))


def pip_install(packages: str) -> str:
    """The command that installs them for the Python that runs this; a plain `pip` may be that of another one."""
    return f"{shlex.quote(sys.executable)} -m pip install {packages}"


def warn(sentence: str) -> None:
    """Say on standard error what should worry whoever starts this."""
    with suppress(OSError):
        print(f"Warning: {printable(sentence)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """The text on one line, with what a terminal would not show, or would obey, in the spelling of Python."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _let_go(number: int) -> None:
    """Send what is still unwritten nowhere: else Python, at its end, would try once more and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def prepare() -> None:
    """Make the standard streams safe to use, whoever started this process.

    A character that an old terminal lacks is shown by its number. And the three numbers are taken: where one is
    closed, the next file would get it, say the store's, and what Python says in an emergency would be written there.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one


def refuse_an_archive() -> None:
    """End the program where authref was imported from a zip file, in which its other files cannot be opened."""
    if not os.path.isfile(__file__):
        fail("This copy of authref is in an archive, where its files cannot be opened; unpack it, and run it there.")


@contextmanager
def sentences() -> Iterator[None]:
    """Makes one sentence of what goes wrong in the block, and ends the program."""
    try:
        yield
    except ModuleNotFoundError as missing:
        package, _, room = (missing.name or "").partition(".")
        if package == "authref":
            fail(f"A part of authref that this needs, authref/{room.split('.')[0]}, is missing; install authref anew.")
        fail(f"The package {package} is missing; install it: {pip_install(package)}")
    except UnicodeError:  # a ValueError, whose text quotes what it could not read: it may be a password
        fail("A flag, or a variable that begins with AUTHREF_, holds bytes that are no text; write it anew, in UTF-8.")
    except ValueError as error:
        fail(str(error))
    except StoreUnavailable as error:  # it was there a moment ago, and failed while the first admin was made
        fail(f"The store does not answer ({error}); start it, or name another one.")
    except BrokenPipeError:  # whoever read it has gone, as `head` does
        raise SystemExit(1) from None
    except OSError as error:
        fail(_trouble(error))
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        fail("No thread can be started here; let this user have more of them (ulimit -u).")
    finally:
        _flush()


def _flush() -> None:
    for number, stream in enumerate((sys.stdout, sys.stderr), 1):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # full: what was lost has been told, or was the log, and the status stays what it is
            _let_go(number)


def _trouble(error: OSError) -> str:
    """What the system refused, and what helps."""
    try:
        os.getcwd()
    except OSError:
        return "The folder that you are in is gone; go to another one: cd"
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"The system does not let this go on ({what}); mend that, and try again."


def in_colour() -> bool:
    """True on a terminal whose user has not asked for NO_COLOR."""
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def highlight(text: str) -> str:
    """The text with its lines to paste, those that begin with two blanks, in bold, where there are colours."""
    return re.sub(r"(?m)^  .*$", "\033[1m\\g<0>\033[0m", text) if in_colour() else text
