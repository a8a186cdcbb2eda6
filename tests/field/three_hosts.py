"""python tests/field/three_hosts.py: what do people notice while a deployment of three hosts is tended and breaks?

Outside CI. Linux, root, haproxy and redis-server from Debian, gunicorn and redis from PyPI. Each host is a network
namespace in which gunicorn serves authref; before them stands HAProxy, behind them one Redis that writes each change
at once. Everything is in a namespace of its own, so that nothing is left.

Twelve people log in, look, refresh, log out, by session and by token, as clients do that ask again after a 5xx; a
thirteenth guesses passwords. Meanwhile, at the times of EVENTS, each host is restarted, a key comes and the old one
goes, a host is killed, the network of another is cut, Redis is killed and started. What is counted: logins that
somebody lost without ending them, logins that live though their end was acknowledged, wrong passwords that got in.

It takes two minutes and writes three_hosts.md and three_hosts.svg beside this file.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
HOSTS = (1, 2, 3)
PEOPLE = 12
PASSWORD = "correct horse battery"
END = 106.0  # seconds

HAPROXY = """
global
    stats socket {folder}/control level admin
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 5s
    retries 2
    option redispatch
    option forwardfor
    # While the store is away no host is well, and HAProxy answers by itself.
    http-error status 503 content-type text/plain string "try again" hdr Retry-After 1
frontend people
    bind 127.0.0.1:8080
    default_backend hosts
backend hosts
    option httpchk GET /health
    http-check send hdr Host 127.0.0.1
    default-server check inter 500ms fall 2 rise 2
"""


class Deployment:
    """The hosts, what stands before and behind them, and what is done to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = [f"k1:{secrets.token_urlsafe(32)}"]
        self.hosts: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for host in HOSTS:
            run(f"ip netns add h{host}")
            run(f"ip link add v{host} type veth peer name e0 netns h{host}")
            run(f"ip addr add 10.99.{host}.1/24 dev v{host}")
            run(f"ip link set v{host} up")
            run(f"ip -n h{host} addr add 10.99.{host}.2/24 dev e0")
            run(f"ip -n h{host} link set e0 up")
            run(f"ip -n h{host} link set lo up")
        self.start_redis()
        for host in HOSTS:
            self.start_host(host)
        for host in HOSTS:
            self.wait(host)
        servers = "".join(f"    server h{host} 10.99.{host}.2:8000\n" for host in HOSTS)
        Path(self.folder, "haproxy").write_text(HAPROXY.format(folder=self.folder) + servers)
        self.haproxy = self.process("haproxy", "haproxy", "-db", "-f", "haproxy")
        time.sleep(2)

    def process(self, log: str, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        with open(Path(self.folder, f"{log}.log"), "ab") as output:
            return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **variables}, stdout=output,
                                    stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip

    def start_redis(self) -> None:
        addresses = ["127.0.0.1", *(f"10.99.{host}.1" for host in HOSTS)]
        options = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--protected-mode", "no")
        self.redis = self.process("redis", "redis-server", "--port", "6379", "--bind", *addresses, *options)

    def start_host(self, host: int) -> None:
        gunicorn = (sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "8")
        self.hosts[host] = self.process(
            f"h{host}", "ip", "netns", "exec", f"h{host}", *gunicorn, "--bind", f"10.99.{host}.2:8000", "authref.wsgi",
            AUTHREF_STORE=f"redis://10.99.{host}.1:6379/0", AUTHREF_KEYS=",".join(self.keys), PYTHONPATH=str(PROJECT),
            AUTHREF_REVOCATION="denylist", AUTHREF_BCRYPT_COST="4", AUTHREF_TRUSTED_PROXY=f"10.99.{host}.1",
            AUTHREF_LOG="off", HOME=str(self.folder),
        )  # fmt: skip

    def wait(self, host: int) -> None:
        """Return once the host serves."""
        for _ in range(300):
            with suppress(OSError, HTTPException):
                if ask("GET", "/health", address=f"10.99.{host}.2", port=8000).status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"host {host} does not start: {Path(self.folder, f'h{host}.log').read_text()[-800:]}")

    def restart_each(self) -> None:
        """One after the other, as an update is rolled out: nobody is sent to a host that is about to stop."""
        for host in HOSTS:
            self.tell_haproxy(f"set server hosts/h{host} state maint")
            time.sleep(1)
            self.hosts[host].terminate()
            self.hosts[host].wait()
            self.start_host(host)
            self.wait(host)
            self.tell_haproxy(f"set server hosts/h{host} state ready")
            time.sleep(1.5)  # until HAProxy has asked /health twice

    def tell_haproxy(self, command: str) -> None:
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(f"{self.folder}/control")
            control.sendall(command.encode() + b"\n")
            control.recv(4096)

    def know_new_key(self) -> None:
        self.keys.append(f"k2:{secrets.token_urlsafe(32)}")
        self.restart_each()

    def sign_with_new_key(self) -> None:
        self.keys.reverse()
        self.restart_each()

    def forget_old_key(self) -> None:
        del self.keys[1]
        self.restart_each()

    def kill_host(self) -> None:
        os.killpg(self.hosts[2].pid, signal.SIGKILL)
        self.hosts[2].wait()

    def start_it_again(self) -> None:
        self.start_host(2)
        self.wait(2)

    def cut_network(self) -> None:
        run("ip -n h3 link set e0 down")

    def mend_network(self) -> None:
        run("ip -n h3 link set e0 up")

    def kill_redis(self) -> None:
        os.killpg(self.redis.pid, signal.SIGKILL)
        self.redis.wait()

    def stop(self) -> None:
        for process in (self.haproxy, self.redis, *self.hosts.values()):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


EVENTS: tuple[tuple[float, str, Callable[[Deployment], None]], ...] = (
    (4, "each host restarted", Deployment.restart_each),
    (20, "all know a new key", Deployment.know_new_key),
    (36, "and sign with it", Deployment.sign_with_new_key),
    (52, "the old one goes", Deployment.forget_old_key),
    (68, "host 2 killed", Deployment.kill_host),
    (74, "started again", Deployment.start_it_again),
    (80, "host 3 cut off", Deployment.cut_network),
    (90, "and back", Deployment.mend_network),
    (96, "Redis killed", Deployment.kill_redis),
    (99, "started again", Deployment.start_redis),
)


def run(command: str) -> None:
    subprocess.run(command.split(), check=True)


@dataclass
class Answer:
    """What came back; status 0 if nothing did."""

    status: int = 0
    value: dict[str, object] = field(default_factory=dict)
    cookie: str = ""
    retry_after: bool = False


def ask(method: str, path: str, value: object = None, address: str = "127.0.0.1", port: int = 8080,
        source: str | None = None, **headers: str) -> Answer:  # fmt: skip
    """The answer, on a connection of its own. Raises OSError and HTTPException."""
    connection = HTTPConnection(address, port, timeout=8, source_address=(source, 0) if source else None)
    try:
        data = None if value is None else json.dumps(value).encode()
        kind = {} if value is None else {"Content-Type": "application/json"}
        connection.request(method, path, data, {"Content-Length": str(len(data or b"")), "Host": "127.0.0.1",
                                                **kind, **headers})  # fmt: skip
        answer = connection.getresponse()
        text = answer.read()
        with suppress(ValueError):
            value = json.loads(text) if text else {}
        cookies = answer.headers.get_all("set-cookie") or []
        cookie = next((each.partition(";")[0] for each in cookies if each.startswith("session=")), "")
        found = value if isinstance(value, dict) else {}
        return Answer(answer.status, found, cookie, "retry-after" in answer.headers)
    finally:
        connection.close()


class Watch:
    """What has happened so far."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.seconds: dict[str, Counter[int]] = {kind: Counter() for kind in ("answered", "503", "no answer")}
        self.lost: list[str] = []
        self.ended: list[tuple[str, dict[str, str]]] = []  # a path, and the headers that must open nothing there
        self.let_in = 0
        self.requests: Counter[str] = Counter()
        self.without_retry_after = 0
        self.over = threading.Event()

    def now(self) -> float:
        return time.monotonic() - self.begin

    def note(self, answer: Answer) -> None:
        kind = "answered" if 0 < answer.status < 500 else "503" if answer.status == 503 else "no answer"
        self.seconds[kind][int(self.now())] += 1
        if kind == "503" and not answer.retry_after:
            self.without_retry_after += 1


class Person:
    """Somebody with a browser and an app, who asks again when an answer does not come."""

    def __init__(self, watch: Watch, number: int) -> None:
        self.watch, self.number = watch, number
        self.source = f"127.0.1.{number + 1}"
        self.credentials = {"email": f"p{number}@example.com", "password": PASSWORD}
        self.chance = random.Random(number)

    def ask(self, method: str, path: str, value: object = None, **headers: str) -> Answer:
        """The first answer that is none of a server in trouble."""
        while True:
            try:
                answer = ask(method, path, value, source=self.source, **headers)
            except (OSError, HTTPException):
                answer = Answer()
            self.watch.note(answer)
            self.watch.requests[f"{method} {path}"] += 1
            if 0 < answer.status < 500:
                return answer
            time.sleep(0.3)

    def live(self) -> None:
        """Log in and out until all is over."""
        while not self.watch.over.is_set():
            self.by_session()
            self.by_token()

    def pause(self) -> None:
        time.sleep(self.chance.uniform(0.05, 0.4))

    def by_session(self) -> None:
        answer = self.ask("POST", "/login", self.credentials)
        if not self.expect(answer, 200, "log in"):
            return time.sleep(1)
        cookie = {"Cookie": answer.cookie}
        for _ in range(self.chance.randrange(3, 12)):
            self.pause()
            if not self.expect(self.ask("GET", "/me", **cookie), 200, "GET /me"):
                return
        if self.expect(self.ask("POST", "/logout", **cookie), 200, "log out"):
            self.watch.ended.append(("/me", cookie))

    def by_token(self) -> None:
        answer = self.ask("POST", "/token/login", self.credentials)
        if not self.expect(answer, 200, "log in by token"):
            return time.sleep(1)
        for _ in range(self.chance.randrange(3, 12)):
            self.pause()
            refresh = {"refresh_token": answer.value["refresh_token"]}
            seen = self.ask("GET", "/token/me", Authorization=f"Bearer {answer.value['token']}")
            if seen.status == 401 or self.chance.random() < 0.3:  # a client renews a token that is not taken any more
                answer = self.ask("POST", "/token/refresh", refresh)
                if not self.expect(answer, 200, "refresh"):
                    return
        refresh = {"refresh_token": answer.value["refresh_token"]}
        if self.expect(self.ask("POST", "/token/logout", refresh), 200, "log out by token"):
            self.watch.ended.append(("/token/me", {"Authorization": f"Bearer {answer.value['token']}"}))

    def expect(self, answer: Answer, status: int, what: str) -> bool:
        if answer.status != status:
            self.watch.lost.append(f"{self.watch.now():.1f} s: {what} by person {self.number}: {answer.status} "
                                   f"{answer.value.get('code')}")  # fmt: skip
        return answer.status == status


def guess(watch: Watch) -> None:
    """Wrong passwords, from one address, all the time."""
    number = 0
    while not watch.over.is_set():
        number += 1
        wrong = {"email": f"p{number % PEOPLE}@example.com", "password": f"a wrong password {number}"}
        with suppress(OSError, HTTPException):
            watch.let_in += ask("POST", "/login", wrong, source="127.0.2.1").status == 200
        time.sleep(0.5)


def main() -> int:
    """Run it all in a namespace of its own, then write what was seen; 0 if nothing that must not happen did."""
    if "--inside" not in sys.argv:
        mounts = "mount --make-rprivate / && mkdir -p /run/netns && mount -t tmpfs none /run/netns"
        inside = f"ip link set lo up && {mounts} && exec {sys.executable} {__file__} --inside"
        return subprocess.run(["unshare", "--net", "--mount", "sh", "-c", inside]).returncode
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder))
        deployment.start()
        try:
            return watch_it(deployment)
        finally:
            deployment.stop()


def watch_it(deployment: Deployment) -> int:
    people = [Person(Watch(), number) for number in range(PEOPLE)]
    for person in people:
        person.ask("POST", "/signup", person.credentials)
    watch = Watch()
    for person in people:
        person.watch = watch
    threads = [threading.Thread(target=person.live) for person in people]
    threads.append(threading.Thread(target=guess, args=(watch,)))
    for thread in threads:
        thread.start()
    for at, name, act in EVENTS:
        time.sleep(max(0.0, at - watch.now()))
        print(f"{watch.now():5.1f} s  {name}", flush=True)
        act(deployment)
    time.sleep(max(0.0, END - watch.now()))
    watch.over.set()
    for thread in threads:
        thread.join()
    alive = 0
    living = {"Cookie": people[0].ask("POST", "/login", people[0].credentials).cookie}
    for host in HOSTS:
        if ask("GET", "/me", address=f"10.99.{host}.2", port=8000, **living).status != 200:
            raise RuntimeError(f"host {host} knows nobody, so that it tells nothing of those who logged out")
        for path, headers in watch.ended:
            alive += ask("GET", path, address=f"10.99.{host}.2", port=8000, **headers).status == 200
    report(watch, alive)
    return 1 if watch.lost or alive or watch.let_in or watch.without_retry_after else 0


def report(watch: Watch, alive: int) -> None:
    """Print what was seen, and write it."""
    totals = {kind: sum(counts.values()) for kind, counts in watch.seconds.items()}
    logins = watch.requests["POST /login"] + watch.requests["POST /token/login"]
    seconds = [f"{second} s" for second in sorted({*watch.seconds["503"], *watch.seconds["no answer"]})]
    text = f"""# Three hosts, tended and broken

Made by `python tests/field/three_hosts.py`: three hosts with gunicorn behind HAProxy, one Redis, {PEOPLE} people, and
one who guesses. A client asks again after a 5xx or no answer. Before a restart a host is taken from HAProxy.

![Requests a second, and what was done to the hosts](three_hosts.svg)

| seen | number |
| --- | --- |
| requests | {sum(totals.values())} |
| of them to log in | {logins} |
| logins lost by somebody who did not end them | {len(watch.lost)} |
| logins ended with 200, each asked of all three hosts afterwards | {len(watch.ended)} |
| of these alive | {alive} |
| wrong passwords let in | {watch.let_in} |
| 503 with `Retry-After` | {totals["503"] - watch.without_retry_after} |
| 503 without | {watch.without_retry_after} |
| no answer, 502 or 504 | {totals["no answer"]} |

Seconds in which some request was not answered at once: {", ".join(seconds) or "none"}.
"""
    print(text, *watch.lost, sep="\n")
    Path(__file__).with_suffix(".md").write_text(text)
    Path(__file__).with_suffix(".svg").write_text(picture(watch))


def picture(watch: Watch) -> str:
    """The timeline: a bar a second, what was answered below, what was not above it; and the events."""
    width, height, top, colours = 10, 160, 150, {"answered": "#4a7dab", "503": "#e0a030", "no answer": "#c03a2b"}
    most = max(sum(counts[second] for counts in watch.seconds.values()) for second in range(int(END) + 9))
    parts = []
    for second in range(int(END) + 9):
        y = float(top + height)
        for kind, counts in watch.seconds.items():
            size = counts[second] / most * height
            y -= size
            if size:
                parts.append(f'<rect x="{60 + second * width}" y="{y:.1f}" width="{width - 1}" height="{size:.1f}" '
                             f'fill="{colours[kind]}"/>')  # fmt: skip
    for at, name, _ in EVENTS:
        x = 60 + at * width
        parts.append(f'<path d="M{x} {top - 5}V{top + height}" stroke="#555" stroke-dasharray="3 3"/>')
        parts.append(f'<text transform="translate({x + 4} {top - 8}) rotate(-55)">{name}</text>')
    for second in range(0, int(END) + 1, 10):
        parts.append(f'<text x="{60 + second * width}" y="{top + height + 16}">{second} s</text>')
    for number, (kind, colour) in enumerate(colours.items()):
        x, y = 60 + number * 150, top + height + 30
        parts.append(f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="{y + 10}">{kind}</text>')
    parts.append(f'<text x="8" y="{top + 10}">{most} /s</text>')
    size = f"{60 + (int(END) + 12) * width} {top + height + 50}"
    style = 'font-family="sans-serif" font-size="12" fill="#333"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" {style}>\n'
            f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
