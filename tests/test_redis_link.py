"""The server is found again after it was replaced, never the one that was replaced; and what must be copied is.

The tests start servers and sentinels of their own; without redis-server they are skipped.
"""

from __future__ import annotations

import itertools
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from authref.maps import StoreUnavailable
from authref.stores import open_store
from tests.support import REDIS, WITHOUT_REDIS, RedisServer
from tests.test_maps import Note

if not WITHOUT_REDIS:
    import redis

    from authref.stores import redis_link
    from authref.stores.redis_store import TIMEOUT, RedisStore

SECRET = "hunter2"
DOWN_AFTER = 1500  # milliseconds: longer than SENTINEL_IDLE, as the rule there wants it
IN_TIME = 15.0  # seconds in which a group of servers must have done something


def setUpModule() -> None:
    if WITHOUT_REDIS:
        raise unittest.SkipTest(WITHOUT_REDIS)


def eventually(happened: Callable[[], object]) -> bool:
    """True as soon as it has happened without an error, False if it has not in time."""
    give_up = time.monotonic() + IN_TIME
    while time.monotonic() < give_up:
        try:
            if happened():
                return True
        except (redis.RedisError, StoreUnavailable, OSError):
            pass
        time.sleep(0.02)
    return False


def ask(server: RedisServer, *command: object, password: str | None = None) -> object:
    """The server's answer."""
    with redis.Redis(port=server.port, password=password, decode_responses=True, socket_timeout=1) as client:
        return client.execute_command(*command)


def role(server: RedisServer) -> str:
    """What the server believes to be."""
    return ask(server, "ROLE")[0]


class Groups(unittest.TestCase):
    def servers(self, replicas: int, *flags: str) -> list[RedisServer]:
        """A master and its replicas, which have all it has."""
        servers = [RedisServer(*flags, "--repl-diskless-sync-delay", "0")]
        self.addCleanup(servers[0].stop)
        follow = ("--replicaof", "127.0.0.1", str(servers[0].port))
        for _ in range(replicas):
            servers.append(RedisServer(*flags, *follow))
            self.addCleanup(servers[-1].stop)
        self.assertTrue(eventually(lambda: all(ask(each, "ROLE")[3] == "connected" for each in servers[1:])))
        if replicas:
            self.assertTrue(eventually(lambda: ask(servers[0], "SET", "all", "here")))  # it knows of them, too
        return servers

    def sentinels(self, master: RedisServer, count: int = 1, password: str = "", more: str = "") -> list[int]:
        """The ports of sentinels, which know the master by the name "group"."""
        ports = []
        for _ in range(count):
            folder = tempfile.TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            with socket.create_server(("127.0.0.1", 0)) as free:
                ports.append(free.getsockname()[1])
            config = Path(folder.name, "sentinel.conf")
            lines = [f"port {ports[-1]}", "bind 127.0.0.1", f"dir {folder.name}", more,
                     f"sentinel monitor group 127.0.0.1 {master.port} {count // 2 + 1}",
                     f"sentinel down-after-milliseconds group {DOWN_AFTER}",
                     "sentinel failover-timeout group 3000"]  # fmt: skip
            config.write_text("\n".join([*lines, f"sentinel auth-pass group {password}" if password else ""]))
            process = subprocess.Popen([str(REDIS), str(config), "--sentinel"], stdout=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
        return ports

    def knows(self, port: int, replicas: int, sentinels: int) -> bool:
        """True once this sentinel knows of so many."""
        with redis.Redis(port=port, decode_responses=True) as client:
            state = client.sentinel_master("group")
            return (state["num-slaves"], state["num-other-sentinels"]) == (replicas, sentinels - 1)

    def open(self, url: str, **more: int) -> RedisStore:
        store = RedisStore(url, time.time, **more)
        self.addCleanup(store.close)
        return store

    def opened(self, url: str) -> RedisStore:
        """The store, as soon as the sentinels know enough for it."""
        found: list[RedisStore] = []

        def try_it() -> bool:
            try:
                found.append(self.open(url))
            except ValueError:
                return False
            return True

        self.assertTrue(eventually(try_it))
        return found[0]

    def refusal(self, url: str, **more: int) -> str:
        """What is said when this store cannot be opened: a sentence that does not show the password."""
        with self.assertRaises(ValueError) as caught:
            open_store(url, **more).close()
        self.assertRegex(str(caught.exception), r"^[A-Z][^\n]+\.$")
        self.assertNotIn(SECRET, str(caught.exception))
        return str(caught.exception)


class Sentinels(Groups):
    def test_a_master_that_hangs_and_comes_back(self) -> None:
        """Another one takes its place and is found; the old one, which still believes to be it, gets no write.

        What it was told would be gone once it hears that it is a replica: a login, or worse, a logout.
        """
        old, new = self.servers(1)
        ports = self.sentinels(old, 3)
        self.assertTrue(eventually(lambda: all(self.knows(port, 1, 3) for port in ports)))
        url = "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in (1, *ports)) + "/group"
        idle, busy = self.open(url), self.open(url)
        notes, others = idle.map("notes", Note), busy.map("notes", Note)
        notes["before"] = Note("before")
        with ThreadPoolExecutor(8) as threads:
            with old.paused():
                answers = [threads.submit(notes.get, "before") for _ in range(8)]
                time.sleep(0.05)
            self.assertEqual([answer.result() for answer in answers], [Note("before")] * 8)
        self.assertTrue(eventually(lambda: others.get("before")))
        with old.paused():
            for port in ports:
                self.assertTrue(eventually(lambda port=port: self.master(port) == new.port))
            begin = time.monotonic()
            self.assertTrue(eventually(lambda: others.setdefault("meanwhile", Note("meanwhile"))))
            self.assertLess(time.monotonic() - begin, TIMEOUT)  # no more than what is waiting now has to wait
        self.assertEqual(role(old), "master")  # or this test would show nothing
        notes["after"] = Note("after")
        self.assertEqual(role(old), "master")
        self.assertEqual([ask(each, "EXISTS", "authref:{notes}:entry:after") for each in (old, new)], [0, 1])
        self.assertEqual(notes.get("meanwhile"), Note("meanwhile"))

    def master(self, port: int) -> int:
        with redis.Redis(port=port, decode_responses=True) as client:
            return int(client.sentinel_get_master_addr_by_name("group")[1])

    def test_names(self) -> None:
        """Password, number and port go where they belong; a mistake is told in a sentence that shows no password."""
        [master] = self.servers(0, "--requirepass", SECRET)
        [port] = self.sentinels(master, password=SECRET)
        place = f"127.0.0.1:{port}"
        store = self.opened(f"redis+sentinel://:{SECRET}@{place}/group/3")
        store.map("notes", Note)["k"] = Note()
        with redis.Redis(port=master.port, password=SECRET, db=3) as raw:
            self.assertTrue(raw.exists("authref:{notes}:entry:k"))
        self.open(f"redis+sentinel://default:{SECRET}@127.0.0.1:1,{place}/group").check()
        for wrong in (f"redis+sentinel://:x{SECRET}@{place}/group", f"redis+sentinel://{place}/group",
                      f"redis+sentinel://:{SECRET}@{place}/nobody", f"redis+sentinel://:{SECRET}@127.0.0.1:1/group",
                      f"redis+sentinel://:{SECRET}@{place}", f"redis+sentinel://:{SECRET}@{place}/group/x",
                      f"redis+sentinel://:{SECRET}@[::1/group", f"redis+sentinel://:{SECRET}@a:b:1/group"):  # fmt: skip
            with self.subTest(wrong):
                self.assertLess(len(self.refusal(wrong)), 300)  # words of Redis, or ours
        self.assertIn("no sentinel names a master", self.refusal(f"redis+sentinel://:{SECRET}@{place}/nobody"))
        self.assertIn("redis+sentinel://", self.refusal(f"redis://{place}/0"))

    def test_sentinels_with_a_password(self) -> None:
        """They are told the one that the address has, too, if they want one."""
        [master] = self.servers(0, "--requirepass", SECRET)
        [port] = self.sentinels(master, password=SECRET, more=f"requirepass {SECRET}")
        self.opened(f"redis+sentinel://:{SECRET}@127.0.0.1:{port}/group").check()

    def test_a_user_whom_the_sentinels_do_not_know(self) -> None:
        """Name and password are the master's: sentinels that want none refuse whoever brings a name of nobody."""
        user = f"user somebody on >{SECRET} ~* &* +@all"
        [master] = self.servers(0, "--user", *user.split()[1:])
        [port] = self.sentinels(master)
        self.opened(f"redis+sentinel://somebody:{SECRET}@127.0.0.1:{port}/group").check()

    def test_a_sentinel_that_hangs(self) -> None:
        """It is passed over: the next one is asked."""
        [master] = self.servers(0)
        [port] = self.sentinels(master)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.opened(f"redis+sentinel://127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{port}/group").check()

    def test_places(self) -> None:
        """An address of IPv6 stands in brackets; where no port is named, it is the one of sentinels."""
        for text, place in (("a", ("a", 26379)), ("a:5", ("a", 5)), ("[::1]", ("::1", 26379)),
                            ("[2001:DB8::ab]:5", ("2001:DB8::ab", 5))):  # fmt: skip
            with self.subTest(text):
                self.assertEqual(redis_link._place(text), place)
        for text in ("", "a:", "a:b", "::1", "[::1", "[a]x", "[x]", "a:5:6"):
            with self.subTest(text):
                self.assertRaises(ValueError, redis_link._place, text)

    @unittest.skipUnless(shutil.which("openssl"), "needs openssl")
    def test_tls(self) -> None:
        """The same over TLS, sentinels and master; and a certificate that nobody vouches for is refused."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        key, certificate = f"{folder.name}/key", f"{folder.name}/certificate"
        command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                   "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            tls, sentinel = one.getsockname()[1], other.getsockname()[1]
        about = {"tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": certificate,
                 "tls-auth-clients": "no", "tls-replication": "yes"}  # fmt: skip
        flags = [part for name, value in about.items() for part in (f"--{name}", value)]
        try:
            master = RedisServer("--tls-port", str(tls), *flags)
        except AssertionError:
            self.skipTest("needs a redis-server that speaks TLS")
        self.addCleanup(master.stop)
        lines = [f"{name} {value}" for name, value in about.items()]
        by_tls = mock.Mock(port=tls)
        self.sentinels(by_tls, more="\n".join([f"tls-port {sentinel}", *lines]))
        url = f"rediss+sentinel://127.0.0.1:{sentinel}/group"
        store = self.opened(f"{url}?ssl_ca_certs={certificate}")
        store.map("notes", Note)["k"] = Note()
        self.assertEqual(ask(master, "EXISTS", "authref:{notes}:entry:k"), 1)
        self.refusal(url)


class Copies(Groups):
    WAITS = ("--min-replicas-to-write", "1")

    def test_when_it_starts(self) -> None:
        """Only where each replica has what is confirmed, and a lonely master stops."""
        for flags, replicas, copies, said in (
            ((), 1, 1, "min-replicas-to-write"), (self.WAITS, 2, 1, "write --store-copies 2"),
            (self.WAITS, 1, 2, "1 of 2 replicas"), (self.WAITS, 1, 1, ""),
        ):  # fmt: skip
            with self.subTest(flags=flags, replicas=replicas, copies=copies):
                url = self.servers(replicas, *flags)[0].url
                self.assertIn(said, self.refusal(url, copies=copies) if said else "")
                if not said:
                    self.open(url, copies=copies).check()
        for store in ("memory", "sqlite:db"):
            self.assertIn("--store-copies", self.refusal(store, copies=1))

    def test_a_replica_that_never_becomes_the_master(self) -> None:
        """It counts, for WAIT counts it: with its copy alone a logout was confirmed that the next master never got."""
        [master, _] = self.servers(1, *self.WAITS)
        never = RedisServer("--replicaof", "127.0.0.1", str(master.port), "--replica-priority", "0")
        self.addCleanup(never.stop)
        self.assertTrue(eventually(lambda: ask(master, "INFO", "replication")["min_slaves_good_slaves"] == 2))
        [port] = self.sentinels(master)
        self.assertTrue(eventually(lambda: self.priorities(port) == ["0", "100"]))
        url = f"redis+sentinel://127.0.0.1:{port}/group"
        self.assertIn("write --store-copies 2", self.refusal(url, copies=1))
        self.open(url, copies=2).check()
        never.stop()  # one that is away may be back when the master goes
        self.assertTrue(eventually(lambda: ask(master, "INFO", "replication")["connected_slaves"] == 1))
        self.assertIn("write --store-copies 2", self.refusal(url, copies=1))

    def priorities(self, port: int) -> list[str]:
        """Of the replicas that this sentinel has asked."""
        with redis.Redis(port=port, decode_responses=True) as client:
            return sorted(str(each["slave-priority"]) for each in client.sentinel_slaves("group"))

    def test_a_replica_that_has_not_heard(self) -> None:
        """A verb whose write lies on the master alone is not answered, nor is its repetition, which writes nothing.

        For then the master goes, and with it the logout; whoever was told so would believe that nobody is in.
        """
        master, replica = self.servers(1, *self.WAITS)
        store, other = self.open(master.url, copies=1), self.open(master.url, copies=1)
        notes = store.map("notes", Note)
        elsewhere = other.map("notes", Note)
        notes["k"], notes["mine"] = Note("k", "u"), Note("mine", "u")
        verbs: tuple[Callable[[], object], ...] = (
            lambda: notes.pop("k"), lambda: elsewhere.pop("k"), lambda: notes.drop_owned_by("u"),
            lambda: notes.owned_by("u"), lambda: notes.replace("k", Note("k"), Note("l")),
            lambda: notes.__setitem__("k", Note("l")), store.check,
        )  # fmt: skip
        with mock.patch("authref.stores.redis_store.COPY_SECONDS", 0.1), replica.paused():
            for number, verb in enumerate(verbs):
                with self.subTest(number), self.assertRaisesRegex(StoreUnavailable, "0 of 1"):
                    verb()
            self.assertEqual(notes.get("k"), Note("l"))  # to look something up waits for nobody
        self.assertTrue(eventually(lambda: store.check() == []))
        self.assertIsNone(notes.pop("gone"))
        notes["k"] = Note("new")
        master.process.send_signal(signal.SIGKILL)
        self.assertIn("new", str(ask(replica, "GET", "authref:{notes}:entry:k")))  # confirmed is copied

    def test_a_full_master(self) -> None:
        """What needs no room is done and copied, and done once: whoever takes something away gets it."""
        master, _ = self.servers(1, *self.WAITS)
        notes = self.open(master.url, copies=1).map("notes", Note)
        notes["k"] = Note("k")
        ask(master, "CONFIG", "SET", "maxmemory", 1)
        self.assertEqual(notes.pop("k"), Note("k"))
        self.assertRaises(StoreUnavailable, notes.__setitem__, "k", Note("k"))


class Idle(Groups):
    def test_a_connection_that_was_quiet(self) -> None:
        """After a minute without use it is made anew: a firewall has forgotten it, and first words would be lost."""
        [server] = self.servers(0)
        clock = itertools.count(0.0, 0.0)
        with mock.patch.object(redis_link.time, "monotonic", lambda: next(clock)):
            store = self.open(server.url)
            ids = []
            for now in (1000.0, 1060.0, 1060.0 + 61.0):
                clock = itertools.repeat(now)
                ids.append(store.ask(lambda: store._client.client_id()))
        self.assertEqual(ids[0], ids[1])
        self.assertNotEqual(ids[1], ids[2])

    def test_a_unix_socket(self) -> None:
        """A server on this machine is reached by its file, too, where no connection needs to be kept alive."""
        with tempfile.TemporaryDirectory() as folder:
            server = RedisServer("--unixsocket", f"{folder}/redis")
            self.addCleanup(server.stop)
            self.open(f"unix://{folder}/redis").check()
            self.refusal(f"unix://{folder}/other")

    def test_a_password_like_an_address(self) -> None:
        """What stands in a password says nothing of how the server is reached."""
        [server] = self.servers(0, "--requirepass", "x+sentinel:x")
        self.open(f"redis://:x+sentinel:x@127.0.0.1:{server.port}/0").check()

    def test_keep_alive(self) -> None:
        """The system speaks on a quiet connection, so that nobody on the way takes it for dead."""
        [server] = self.servers(0)
        store = self.open(server.url)
        [connection] = store._client.connection_pool._available_connections
        self.assertTrue(connection._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        if hasattr(socket, "TCP_KEEPIDLE"):
            self.assertEqual(connection._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 30)


if __name__ == "__main__":
    unittest.main()
