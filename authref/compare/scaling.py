"""What if one server is not enough? Three of them, with one key ring, and clients that go to each in turn.

On each store it is tried which requests get through: of logins by session, of logins by token, and of refreshing.
There is one client for each server, who signed up and logged in there. Then one server is killed, and the clients
go on with those that are left, as a load balancer would have them do.

Rules of this file:
- the servers are processes of their own, and the turns are exact: what succeeds is counted, not sampled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from secrets import token_hex

from authref.compare.figures import Bars, Block, Claim, Claims, Heading, Paragraph, Table, spread
from authref.compare.lab import SESSION, TOKEN, Client, Mechanism, proof
from authref.compare.servers import processes
from authref.wire import Headers


@dataclass(frozen=True)
class Share:
    """How many of so many requests succeeded."""

    succeeded: int
    tried: int
    shut_out: int  # people of whom none succeeded

    @property
    def percent(self) -> float:
        return 100 * self.succeeded / self.tried

    def __str__(self) -> str:
        return f"{self.percent:.0f} % ({self.succeeded} of {self.tried})"


@dataclass(frozen=True)
class Scaled:
    """What succeeded on one store by session, by access token, and of refreshing."""

    store: str
    servers: int  # that were asked in turn
    session: Share
    token: Share
    refresh: Share


@dataclass
class Person:
    """A client's credentials; each refreshing changes its refresh token."""

    cookie: Headers
    bearer: Headers
    refresh_token: str


def scale(label: str, store: str, servers: int, requests: int) -> tuple[Scaled, Scaled]:
    """What succeeds on this store with all servers, and with one killed; each client sends so many of each kind."""
    emails = [f"{token_hex(8)}@compare.example" for _ in range(servers)]
    with processes(servers, store, emails) as running:
        with _connected([process.url for process in running]) as clients:
            people = [enrol(client, email) for client, email in zip(clients, emails, strict=True)]
            together = shares(label, clients, people, requests)
        running[0].kill()
        with _connected([process.url for process in running[1:]]) as clients:
            return together, shares(label, clients, people, requests)


@contextmanager
def _connected(urls: Sequence[str]) -> Iterator[Sequence[Client]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Client(url)) for url in urls]


def enrol(client: Client, email: str) -> Person:
    """Somebody who signed up and logged in, by both mechanisms, at this server."""
    client.send("POST", "/signup", value=proof(email))
    cookie = SESSION.credential(client.send("POST", SESSION.log_in, value=proof(email)))
    answer = client.send("POST", TOKEN.log_in, value=proof(email))
    return Person(cookie, TOKEN.credential(answer), json.loads(answer.body)["refresh_token"])


def shares(label: str, servers: Sequence[Client], people: Sequence[Person], requests: int) -> Scaled:
    """What succeeds when each person sends so many requests of each kind, to the servers in turn."""

    def share(attempt: Callable[[Client, Person], bool]) -> Share:
        counts = [sum(attempt(server, person) for server in islice(cycle(servers), requests)) for person in people]
        return Share(sum(counts), requests * len(people), counts.count(0))

    return Scaled(
        label,
        len(servers),
        share(lambda server, person: knows(server, SESSION, person.cookie)),
        share(lambda server, person: knows(server, TOKEN, person.bearer)),
        share(refreshes),
    )


def knows(server: Client, mechanism: Mechanism, credential: Headers) -> bool:
    """True if this server takes the credential."""
    return server.send("GET", mechanism.me, credential).status == 200


def refreshes(server: Client, person: Person) -> bool:
    """True if this server exchanges the refresh token; the person then holds its successor."""
    answer = server.send("POST", "/token/refresh", value={"refresh_token": person.refresh_token})
    if answer.status == 200:
        person.refresh_token = json.loads(answer.body)["refresh_token"]
    return answer.status == 200


def claims(scaled: Sequence[Scaled]) -> dict[str, Claim]:
    """What was seen: on memory, then on the stores that the servers shared, each time with all and with one killed."""
    memory, killed, *shared = scaled
    fair = 100 / memory.servers
    kept = [share.percent for one in shared for share in (one.session, one.refresh)]
    return {
        "session": Claim(
            f"On memory a session is known where it began and nowhere else: one request in {memory.servers}.",
            abs(memory.session.percent - fair) < 1, f"{memory.session} got through"),
        "token": Claim(
            "Any server with the key takes an access token, whatever they share, also when one of them is dead.",
            all(one.token.percent == 100 for one in scaled),
            f"{sum(one.token.succeeded for one in scaled)} of {sum(one.token.tried for one in scaled)} got through"),
        "refresh": Claim(
            "A refresh token is as tied to a server's memory as a session is.",
            abs(memory.refresh.percent - fair) < 1, f"{memory.refresh} were exchanged"),
        "shared": Claim(
            "With a store that all of them share, sessions and refreshing get through everywhere.",
            min(kept, default=0) == 100,
            "; ".join(f"{one.store}, {one.servers} servers: {one.session}" for one in shared)),
        "killed": Claim(
            "A server that dies takes the sessions with it that only it remembered, and no access token.",
            (killed.session.shut_out, killed.token.shut_out) == (1, 0),
            f"of {memory.servers} people, one at each server: {killed.session.shut_out} shut out by session, "
            f"{killed.token.shut_out} by token, {killed.refresh.shut_out} cannot refresh"),
    }  # fmt: skip


def tell(scaled: Sequence[Scaled]) -> list[Block]:
    """The section for readers."""
    most = scaled[0].servers
    rows = [(one.store, f"{one.servers} servers" if one.servers == most else "one killed",
             str(one.session), str(one.token), str(one.refresh)) for one in scaled]  # fmt: skip
    chart = []
    for one in scaled:
        if one.servers == most:
            kinds = {"session": one.session, "token": one.token, "token, refreshing": one.refresh}
            for kind, share in kinds.items():
                chart.append((f"{kind}, {one.store}", kind.partition(",")[0], spread([share.percent], "%")))
    return [
        Heading("4. Scaling, tried"),
        Paragraph(
            f"{most} server processes with the same keys, and clients that go to each of them in turn. Each client "
            "signed up and logged in at one of them. Then one server is killed, and the clients turn to the others."
        ),
        Table("Requests that succeeded", ("store", "with", "by session", "by access token", "refreshing"), rows),
        Bars(f"Per cent of the requests to {most} servers that succeeded", chart),
        Claims("What this shows", claims(scaled)),
    ]
