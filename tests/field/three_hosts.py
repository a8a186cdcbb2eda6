"""python tests/field/three_hosts.py: what do people notice while a deployment of three hosts is tended and breaks?

Outside CI. Linux, root; haproxy, redis-server and curl from Debian; gunicorn, redis, requests, httpx from PyPI. Each
machine is a network namespace on one bridge: three hosts, on each gunicorn with authref and a Sentinel; two for Redis,
a master and its replica. HAProxy stands before them. All of it is in a namespace of its own, so that nothing is left.

Twelve people log in, look, refresh, log out, by session and by token, with requests, httpx and curl, which keep their
own cookies; they ask again after a 5xx, as `Retry-After` says. Each has a login from the first second on, which must
last. A thirteenth guesses passwords, and whatever was ended is tried by somebody who has a copy. Meanwhile, at the
times of EVENTS, each host is restarted, a key comes and the old one goes, a host loses its power, the network of
another is cut, the master loses its power. What is counted: logins that somebody lost without ending them, logins that
live though their end was acknowledged, people let in who should not be.

It takes three minutes and writes three_hosts.md and three_hosts.svg beside this file.
"""

from __future__ import annotations

import json
import os
import random
import re
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
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx
import redis
import requests
from requests.adapters import HTTPAdapter

PROJECT = Path(__file__).parent.parent.parent
BALANCER = "10.99.0.1"
HOSTS = ("h1", "h2", "h3")
MACHINES = {"h1": "10.99.0.11", "h2": "10.99.0.12", "h3": "10.99.0.13", "r1": "10.99.0.21", "r2": "10.99.0.22"}
PEOPLE = 12
PASSWORD = "correct horse battery"
REDIS_PASSWORD = "store-secret"
DOWN_AFTER = 2.0  # seconds of silence after which a Sentinel takes the master for dead
STYLE = """
svg { background: #fff } text { font: 12px sans-serif; fill: #333 } path { stroke: #555; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { svg { background: #16171a } text { fill: #ececf0 } path { stroke: #aeb0b8 } }
"""
COLOURS = {"answered": "#4a7dab", "refused": "#9fb8cc", "503": "#e0a030", "no answer": "#c03a2b"}
FIRST = {"no answer": 500, "refused": 400, "answered": 100}  # the first status of each kind
ENTRANCE = "http://127.0.0.1:8080"

HAPROXY = """
global
    stats socket {folder}/control level admin
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 4s
    option redispatch
    option forwardfor
    # A host that goes silent may have done what it was asked. With authref the same request may be sent again; but
    # HAProxy can repeat a POST only if it had all of it before it sent the first byte on.
    option http-buffer-request
    retries 2
    retry-on conn-failure empty-response response-timeout
    http-error status 503 content-type text/plain string "try again" hdr Retry-After 1
frontend people
    bind 127.0.0.1:8080
    # While the store cannot write, no host is well; they still know who is logged in, and say 503 to the rest.
    use_backend anyone if {{ nbsrv(hosts) eq 0 }}
    default_backend hosts
backend hosts
    option httpchk GET /health
    http-check send hdr Host 127.0.0.1
    timeout check 3s
    default-server check inter 500ms fall 2 rise 2
{servers}
backend anyone
    default-server check inter 500ms fall 2 rise 2
{servers}
"""

REDIS = {
    "--port": "6379", "--protected-mode": "no", "--requirepass": REDIS_PASSWORD, "--masterauth": REDIS_PASSWORD,
    "--save": "", "--appendonly": "yes", "--appendfsync": "always", "--min-replicas-to-write": "1",
    "--repl-diskless-sync-delay": "0",
}  # fmt: skip

SENTINEL = f"""
port 26379
protected-mode no
sentinel monitor main 10.99.0.21 6379 2
sentinel auth-pass main {REDIS_PASSWORD}
sentinel down-after-milliseconds main {DOWN_AFTER * 1000:.0f}
sentinel failover-timeout main 10000
"""


class Deployment:
    """The machines, what stands before them, and what is done to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = [f"k1:{secrets.token_urlsafe(32)}"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.killed = self.named = self.writable = 0.0  # when the master was killed, another one named, and copied

    def start(self) -> None:
        run("ip link add bridge type bridge")
        run("ip addr add 10.99.0.1/24 dev bridge")
        run("ip link set bridge up")
        for machine in MACHINES:
            run(f"ip netns add {machine}")
            run(f"ip link add {machine} type veth peer name e0 netns {machine}")
            run(f"ip -n {machine} addr add {MACHINES[machine]}/24 dev e0")
            run(f"ip -n {machine} link set e0 up")
            run(f"ip -n {machine} link set lo up")
            run(f"ip link set {machine} up")
            self.connect(machine)
            Path(self.folder, machine).mkdir()
        self.start_redis("r1")
        self.start_redis("r2", "--replicaof", MACHINES["r1"], "6379")
        for host in HOSTS:
            Path(self.folder, host, "sentinel.conf").write_text(SENTINEL)
            self.start_sentinel(host)
        until(lambda: all(knows(host, {"num-slaves": 1, "num-other-sentinels": 2}) for host in HOSTS))
        for host in HOSTS:
            self.start_authref(host)
        for host in HOSTS:
            until(lambda host=host: well(host))
        servers = "".join(f"    server {host} {MACHINES[host]}:8000\n" for host in HOSTS)
        Path(self.folder, "haproxy.cfg").write_text(HAPROXY.format(folder=self.folder, servers=servers))
        self.process("haproxy", ".", "haproxy", "-db", "-f", "haproxy.cfg")
        time.sleep(2)

    def connect(self, machine: str) -> None:
        run(f"ip link set {machine} master bridge")

    def cut(self, machine: str) -> None:
        """What is sent to it or by it vanishes, and nobody is told."""
        run(f"ip link set {machine} nomaster")

    def process(self, name: str, folder: str, *command: str, **variables: str) -> None:
        with open(Path(self.folder, f"{name}.log"), "ab") as output:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder / folder, env={**os.environ, **variables}, stdout=output, stderr=output,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def start_redis(self, machine: str, *more: str) -> None:
        options = [part for option in REDIS.items() for part in option]
        self.process(f"redis-{machine}", machine, *within(machine), "redis-server", *options, *more)

    def start_sentinel(self, host: str) -> None:
        self.process(f"sentinel-{host}", host, *within(host), "redis-sentinel", "sentinel.conf")

    def start_authref(self, host: str) -> None:
        gunicorn = (sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "8")
        sentinels = ",".join(f"{MACHINES[each]}:26379" for each in HOSTS)
        self.process(
            f"authref-{host}", host, *within(host), *gunicorn, "--bind", f"{MACHINES[host]}:8000", "authref.wsgi",
            AUTHREF_STORE=f"redis+sentinel://:{REDIS_PASSWORD}@{sentinels}/main", AUTHREF_STORE_COPIES="1",
            AUTHREF_KEYS=",".join(self.keys), AUTHREF_REVOCATION="denylist", AUTHREF_BCRYPT_COST="4",
            AUTHREF_TRUSTED_PROXY=BALANCER, AUTHREF_LOG="off", PYTHONPATH=str(PROJECT), HOME=str(self.folder),
        )  # fmt: skip

    def restart_each(self) -> None:
        """One after the other, as an update is rolled out: nobody is sent to a host that is about to stop."""
        for host in HOSTS:
            self.tell_haproxy(host, "maint")
            time.sleep(1)
            self.processes[f"authref-{host}"].terminate()
            self.processes[f"authref-{host}"].wait()
            self.start_authref(host)
            until(lambda host=host: well(host))
            self.tell_haproxy(host, "ready")
            time.sleep(1.5)  # until HAProxy has asked /health twice

    def tell_haproxy(self, host: str, state: str) -> None:
        for backend in ("hosts", "anyone"):
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(f"{self.folder}/control")
                control.sendall(f"set server {backend}/{host} state {state}\n".encode())
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
        """The one whose Sentinel all ask first."""
        self.cut("h1")
        self.kill("authref-h1", "sentinel-h1")

    def start_host(self) -> None:
        self.connect("h1")
        self.start_sentinel("h1")
        self.start_authref("h1")

    def cut_host(self) -> None:
        self.cut("h3")

    def mend_host(self) -> None:
        self.connect("h3")

    def kill_master(self) -> None:
        """As when its machine loses its power: what it has sent to nobody yet is not sent by its system either."""
        self.killed = time.monotonic()
        self.cut("r1")
        self.kill("redis-r1")
        threading.Thread(target=self.look_for_master).start()

    def look_for_master(self) -> None:
        until(lambda: all(knows(host, {"ip": MACHINES["r2"]}) for host in HOSTS))
        self.named = time.monotonic()
        with redis.Redis(MACHINES["r2"], password=REDIS_PASSWORD, decode_responses=True) as new:
            until(lambda: new.info("replication").get("min_slaves_good_slaves"))
        self.writable = time.monotonic()

    def start_old_master(self) -> None:
        """It still believes to be the master, until a Sentinel tells it."""
        self.connect("r1")
        self.start_redis("r1")

    def kill(self, *names: str) -> None:
        for name in names:
            with suppress(ProcessLookupError):
                os.killpg(self.processes[name].pid, signal.SIGKILL)
            self.processes[name].wait()

    def stop(self) -> None:
        self.kill(*self.processes)


# Seconds after the one before is done, its name, and what it is.
EVENTS: tuple[tuple[float, str, Callable[[Deployment], None]], ...] = (
    (4, "each host restarted", Deployment.restart_each),
    (4, "all know a new key", Deployment.know_new_key),
    (4, "and sign with it", Deployment.sign_with_new_key),
    (4, "the old one goes", Deployment.forget_old_key),
    (4, "host 1 killed", Deployment.kill_host),
    (8, "started again", Deployment.start_host),
    (8, "host 3 cut off", Deployment.cut_host),
    (10, "and back", Deployment.mend_host),
    (8, "master killed", Deployment.kill_master),
    (8, "started again", Deployment.start_old_master),
    (26, "", lambda deployment: None),
)


def run(command: str) -> None:
    subprocess.run(command.split(), check=True)


def within(machine: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", machine)


def until(happened: Callable[[], Any]) -> None:
    """Return once it has. Raises TimeoutError after half a minute."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        with suppress(OSError, HTTPException, redis.RedisError):
            if happened():
                return
        time.sleep(0.05)
    raise TimeoutError("the deployment is not as it should be")


def knows(host: str, expected: dict[str, object]) -> bool:
    """Whether this host's Sentinel says so of the master."""
    with redis.Redis(MACHINES[host], 26379, socket_timeout=1, decode_responses=True) as sentinel:
        return expected.items() <= sentinel.sentinel_master("main").items()


def well(host: str) -> bool:
    return ask("GET", "/health", to=MACHINES[host]).status == 200


@dataclass
class Answer:
    """What came back; status 0 if nothing did."""

    status: int = 0
    text: str = ""
    set_cookie: str = ""
    retry_after: str = ""
    tries: int = 1

    @property
    def value(self) -> dict[str, Any]:
        with suppress(ValueError):
            return dict(json.loads(self.text))
        return {}

    @property
    def cookie(self) -> str:
        found = re.search(r"session=[^;,]+", self.set_cookie)
        return found[0] if found else ""


def ask(method: str, path: str, value: object = None, to: str = "", **headers: str) -> Answer:
    """The answer of one host, or of all of them, on a connection of its own. Raises OSError and HTTPException."""
    connection = HTTPConnection(to or "127.0.0.1", 8000 if to else 8080, timeout=8)
    try:
        data = None if value is None else json.dumps(value).encode()
        kind = {} if value is None else {"Content-Type": "application/json"}
        connection.request(method, path, data, {"Host": "127.0.0.1", **kind, **headers})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(), answer.getheader("set-cookie") or "")
    finally:
        connection.close()


class Browser:
    """A real client, which keeps its cookies and its connections by itself. Each has an address of its own."""

    def __init__(self, number: int) -> None:
        self.source = f"127.0.1.{number + 1}"

    def ask(self, method: str, path: str, value: object, headers: dict[str, str]) -> Answer:
        """What came back. Raises what this client raises if nothing did."""
        raise NotImplementedError


class ByRequests(Browser):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        source = self.source

        class FromThere(HTTPAdapter):
            def init_poolmanager(self, *args: Any, **more: Any) -> None:
                super().init_poolmanager(*args, **more, source_address=(source, 0))

        self.session = requests.Session()
        self.session.mount("http://", FromThere())

    def ask(self, method: str, path: str, value: object, headers: dict[str, str]) -> Answer:
        answer = self.session.request(method, ENTRANCE + path, json=value, headers=headers, timeout=20)
        found = answer.headers
        return Answer(answer.status_code, answer.text, found.get("set-cookie", ""), found.get("retry-after", ""))


class ByHttpx(Browser):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.client = httpx.Client(transport=httpx.HTTPTransport(local_address=self.source), timeout=20)

    def ask(self, method: str, path: str, value: object, headers: dict[str, str]) -> Answer:
        answer = self.client.request(method, ENTRANCE + path, json=value, headers=headers)
        found = answer.headers
        return Answer(answer.status_code, answer.text, found.get("set-cookie", ""), found.get("retry-after", ""))


class ByCurl(Browser):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.jar = tempfile.NamedTemporaryFile()  # noqa: SIM115, it lives as long as its browser

    def ask(self, method: str, path: str, value: object, headers: dict[str, str]) -> Answer:
        command = ["curl", "-sS", "-i", "--max-time", "20", "--interface", self.source, "-b", self.jar.name,
                   "-c", self.jar.name, "-X", method, ENTRANCE + path]  # fmt: skip
        if value is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(value)]
        command += [part for name, text in headers.items() for part in ("-H", f"{name}: {text}")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise OSError(done.stderr)
        head, _, text = done.stdout.replace("\r\n", "\n").partition("\n\n")
        set_cookie = ", ".join(re.findall(r"(?im)^set-cookie: (.*)$", head))
        retry_after = "".join(re.findall(r"(?im)^retry-after: (.*)$", head))
        return Answer(int(head.split()[1]), text, set_cookie, retry_after)


BROWSERS: tuple[type[Browser], ...] = (ByRequests, ByHttpx, ByCurl)


class Watch:
    """What has happened so far."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.seconds: dict[str, Counter[int]] = {kind: Counter() for kind in COLOURS}
        self.requests: Counter[str] = Counter()
        self.lost: list[str] = []
        self.ended: list[tuple[str, str, object, dict[str, str]]] = []  # requests that must open nothing any more
        self.alive_at_once = self.let_in = self.guesses = self.without_retry_after = 0
        self.refused_by_store: dict[bool, list[float]] = {True: [], False: []}  # for GET, and for what writes: when
        self.done: list[tuple[float, str]] = []  # the events, and when they began
        self.odd: list[str] = []  # a 5xx, or none, before the master was killed
        self.longest = 0.0
        self.over = threading.Event()

    def now(self) -> float:
        return time.monotonic() - self.begin

    def note(self, method: str, path: str, answer: Answer) -> None:
        kind = next((kind for kind, first in FIRST.items() if answer.status >= first), "no answer")
        kind = "503" if answer.status == 503 else kind
        self.seconds[kind][int(self.now())] += 1
        if kind == "503":
            self.without_retry_after += not answer.retry_after
            self.refused_by_store[method == "GET"].append(time.monotonic())
        if kind in ("503", "no answer") and "master killed" not in [name for _, name in self.done]:
            self.odd.append(f"{self.now():.1f} s: {method} {path}: {answer.status} {answer.text[:150]}")


class Person:
    """Somebody with a browser and an app, who asks again when an answer does not come."""

    def __init__(self, watch: Watch, number: int) -> None:
        self.watch, self.number = watch, number
        self.credentials = {"email": f"p{number}@example.com", "password": PASSWORD}
        self.chance = random.Random(number)
        self.kept, self.browser = self.new_browser(), self.new_browser()
        self.kept_refresh = ""

    def new_browser(self) -> Browser:
        return BROWSERS[self.number % len(BROWSERS)](self.number)

    def ask(self, browser: Browser, method: str, path: str, value: object = None, **headers: str) -> Answer:
        """The first answer that is none of a server in trouble."""
        begin = self.watch.now()
        tries = 0
        while True:
            tries += 1
            try:
                answer = browser.ask(method, path, value, headers)
            except (OSError, requests.RequestException, httpx.HTTPError) as error:
                answer = Answer(text=repr(error))
            self.watch.note(method, path, answer)
            self.watch.requests[f"{method} {path}"] += 1
            if 0 < answer.status < 500:
                self.watch.longest = max(self.watch.longest, self.watch.now() - begin)
                answer.tries = tries
                return answer
            time.sleep(float(answer.retry_after or 0.3))

    def arrive(self) -> None:
        """Sign up, and log in for as long as all of this lasts."""
        self.ask(self.kept, "POST", "/signup", self.credentials)
        self.expect(self.ask(self.kept, "POST", "/login", self.credentials), "log in to stay")
        answer = self.ask(self.kept, "POST", "/token/login", self.credentials)
        if self.expect(answer, "log in to stay"):
            self.kept_refresh = answer.value["refresh_token"]

    def live(self) -> None:
        """Log in and out until all is over."""
        while not self.watch.over.is_set():
            self.by_session()
            self.by_token()
            self.stay()

    def stay(self) -> None:
        """The login from the first second still works, by session and by token."""
        self.expect(self.ask(self.kept, "GET", "/me"), "GET /me, logged in since the beginning")
        answer = self.ask(self.kept, "POST", "/token/refresh", {"refresh_token": self.kept_refresh})
        if self.expect(answer, "refresh, logged in since the beginning"):
            self.kept_refresh = answer.value["refresh_token"]

    def pause(self) -> None:
        time.sleep(self.chance.uniform(0.05, 0.4))

    def by_session(self) -> None:
        answer = self.ask(self.browser, "POST", "/login", self.credentials)
        if not self.expect(answer, "log in"):
            return time.sleep(1)
        for _ in range(self.chance.randrange(3, 12)):
            self.pause()
            if not self.expect(self.ask(self.browser, "GET", "/me"), "GET /me"):
                return
        if self.expect(self.ask(self.browser, "POST", "/logout"), "log out"):
            self.end(("GET", "/me", None, {"Cookie": answer.cookie}))

    def by_token(self) -> None:
        answer = self.ask(self.browser, "POST", "/token/login", self.credentials)
        if not self.expect(answer, "log in by token"):
            return time.sleep(1)
        first = answer.value["token"]
        for _ in range(self.chance.randrange(3, 12)):
            self.pause()
            refresh = {"refresh_token": answer.value["refresh_token"]}
            seen = self.ask(self.browser, "GET", "/token/me", Authorization=f"Bearer {answer.value['token']}")
            if seen.status == 401 or self.chance.random() < 0.3:  # a client renews a token that is not taken any more
                answer = self.ask(self.browser, "POST", "/token/refresh", refresh)
                if not self.expect(answer, "refresh"):
                    return
        refresh = {"refresh_token": answer.value["refresh_token"]}
        if self.expect(self.ask(self.browser, "POST", "/token/logout", refresh), "log out by token"):
            self.end(("POST", "/token/refresh", refresh, {}))
            for token in {first, answer.value["token"]}:
                self.end(("GET", "/token/me", None, {"Authorization": f"Bearer {token}"}))

    def end(self, attempt: tuple[str, str, object, dict[str, str]]) -> None:
        """Its end was acknowledged; somebody who has a copy tries it at once."""
        method, path, value, headers = attempt
        self.watch.ended.append(attempt)
        with suppress(OSError, HTTPException):
            answer = ask(method, path, value, **headers)
            self.watch.note(method, path, answer)
            self.watch.alive_at_once += answer.status == 200

    def expect(self, answer: Answer, what: str) -> bool:
        if answer.status != 200:
            self.watch.lost.append(f"{self.watch.now():.1f} s: {what} by person {self.number}: {answer.status} "
                                   f"{answer.value.get('code')}")  # fmt: skip
        return answer.status == 200


def guess(watch: Watch) -> None:
    """Wrong passwords, from one address, all the time."""
    browser = ByHttpx(100)
    while not watch.over.is_set():
        watch.guesses += 1
        wrong = {"email": f"p{watch.guesses % PEOPLE}@example.com", "password": f"a wrong password {watch.guesses}"}
        with suppress(httpx.HTTPError):
            answer = browser.ask("POST", "/login", wrong, {})
            watch.note("POST", "/login", answer)
            watch.let_in += answer.status == 200
        time.sleep(0.5)


def main() -> int:
    """Run it all in a namespace of its own, then write what was seen; 0 if nothing that must not happen did."""
    if "--inside" not in sys.argv:
        mounts = "mount --make-rprivate / && mkdir -p /run/netns && mount -t tmpfs none /run/netns"
        inside = f"ip link set lo up && {mounts} && exec {sys.executable} {__file__} --inside"
        return subprocess.run(["unshare", "--net", "--mount", "sh", "-c", inside]).returncode
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder))
        try:
            deployment.start()
            return watch_it(deployment)
        finally:
            deployment.stop()


def watch_it(deployment: Deployment) -> int:
    watch = Watch()
    people = [Person(watch, number) for number in range(PEOPLE)]
    for person in people:
        person.arrive()
    old_key = ask("POST", "/token/login", people[0].credentials).value["token"]
    worked = ask("GET", "/token/me", Authorization=f"Bearer {old_key}").status == 200
    watch.begin = time.monotonic()
    for counts in watch.seconds.values():
        counts.clear()
    threads = [threading.Thread(target=person.live) for person in people]
    threads.append(threading.Thread(target=guess, args=(watch,)))
    for thread in threads:
        thread.start()
    for pause, name, act in EVENTS:
        time.sleep(pause)
        watch.done.append((watch.now(), name))
        print(f"{watch.now():5.1f} s  {name}", flush=True)
        act(deployment)
    watch.over.set()
    for thread in threads:
        thread.join()
    for person in people:
        person.stay()
    alive = 0
    for host in HOSTS:
        living = ask("POST", "/login", people[0].credentials).cookie
        if not worked or ask("GET", "/me", to=MACHINES[host], Cookie=living).status != 200:
            raise RuntimeError(f"{host} knows nobody, so that it tells nothing of those who logged out")
        for method, path, value, headers in watch.ended:
            alive += ask(method, path, value, to=MACHINES[host], **headers).status == 200
        watch.let_in += ask("GET", "/token/me", to=MACHINES[host], Authorization=f"Bearer {old_key}").status == 200
    report(watch, deployment, alive)
    return 1 if watch.lost or alive or watch.alive_at_once or watch.let_in or watch.without_retry_after else 0


def report(watch: Watch, deployment: Deployment, alive: int) -> None:
    """Print what was seen, and write it."""
    totals = {kind: sum(counts.values()) for kind, counts in watch.seconds.items()}
    logins = watch.requests["POST /login"] + watch.requests["POST /token/login"]
    last = {get: max([deployment.killed, *times]) - deployment.killed for get, times in watch.refused_by_store.items()}
    elsewhere = sum(at < deployment.killed for times in watch.refused_by_store.values() for at in times)
    text = f"""# Three hosts, tended and broken

Made by `python tests/field/three_hosts.py`: three hosts with gunicorn behind HAProxy, a Redis master and its replica,
a Sentinel on each host, `--store-copies 1`; {PEOPLE} people with requests, httpx and curl, and one who guesses. Each
machine is a network namespace; a cut is silent, as when a cable is pulled. A client asks again after a 5xx or no
answer, as `Retry-After` says. Before a restart a host is taken from HAProxy.

![Requests a second, and what was done to the machines](three_hosts.svg)

| seen | number |
| --- | --- |
| requests | {sum(totals.values()):,} |
| of them to log in | {logins:,} |
| logins lost by somebody who did not end them | {len(watch.lost)} |
| of these, logins that stood since the first second, of {2 * PEOPLE} | {sum("since" in each for each in watch.lost)} |
| sessions, access and refresh tokens ended with 200, tried at once and on each host later | {len(watch.ended):,} |
| of these alive | {alive + watch.alive_at_once} |
| wrong passwords tried | {watch.guesses} |
| wrong passwords, or a token of the key that went, let in | {watch.let_in} |
| 503 with `Retry-After`, after the master was killed | {totals["503"] - watch.without_retry_after - elsewhere} |
| 503 at any other time | {elsewhere} |
| 503 without `Retry-After` | {watch.without_retry_after} |
| no answer, or another 5xx | {totals["no answer"]} |
| longest that anybody waited for an answer that counts | {watch.longest:.1f} s |

| after the master was killed | seconds |
| --- | --- |
| Sentinel takes it for dead after | {DOWN_AFTER:.1f} |
| all Sentinels name the other one | {deployment.named - deployment.killed:.1f} |
| the last 503 to somebody who looked | {last[True]:.1f} |
| the killed one is started again, and becomes a replica | {deployment.writable - deployment.killed:.1f} |
| the last 503 to somebody who logged in, refreshed or logged out | {last[False]:.1f} |

With one replica and `--store-copies 1` nothing is confirmed until there is a replica again. So the store's own outage
ends for those who look when Sentinel names another master, and for those who write when the killed one follows it.
"""
    print(text, *watch.lost, *watch.odd, sep="\n")
    Path(__file__).with_suffix(".md").write_text(text)
    Path(__file__).with_suffix(".svg").write_text(picture(watch))


def picture(watch: Watch) -> str:
    """The timeline: a bar a second, what was answered below, what was not above it; and the events."""
    width, height, top, last = 8, 160, 150, 1 + max(max(counts, default=0) for counts in watch.seconds.values())
    most = max(sum(counts[second] for counts in watch.seconds.values()) for second in range(last))
    parts = []
    for second in range(last):
        y = float(top + height)
        for kind, counts in watch.seconds.items():
            size = counts[second] / most * height
            y -= size
            if size:
                parts.append(f'<rect x="{60 + second * width}" y="{y:.1f}" width="{width - 1}" height="{size:.1f}" '
                             f'fill="{COLOURS[kind]}"/>')  # fmt: skip
    for at, name in watch.done[:-1]:
        x = 60 + at * width
        parts.append(f'<path d="M{x:.0f} {top - 5}V{top + height}"/>')
        parts.append(f'<text transform="translate({x + 4:.0f} {top - 8}) rotate(-55)">{name}</text>')
    for second in range(0, last, 10):
        parts.append(f'<text x="{60 + second * width}" y="{top + height + 16}">{second} s</text>')
    for number, (kind, colour) in enumerate(COLOURS.items()):
        x, y = 60 + number * 150, top + height + 30
        parts.append(f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="{y + 10}">{kind}</text>')
    parts.append(f'<text x="8" y="{top + 10}">{most} /s</text>')
    size = f"{60 + (last + 5) * width} {top + height + 50}"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}">', f"<style>{STYLE}</style>",
                      *parts, "</svg>\n"])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
