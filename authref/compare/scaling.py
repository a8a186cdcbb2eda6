"""What if one server is not enough? Three of them, with one key ring, and people who go to each in turn.

On each store it is tried which requests get through: of logins by session, of logins by token, and of refreshing.
There is one person for each server, who signed up and logged in there. Then one server is killed, and everybody
goes on with those that are left, as a load balancer would have it.

Rules of this file:
- the servers are processes of their own, and the turns are exact: what succeeds is counted, not sampled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice

from authref.compare.figures import Block, Claim, Claims, Heading, Paragraph, Table
from authref.compare.lab import SESSION, TOKEN, Client, Mechanism, proof
from authref.compare.servers import Process
from authref.wire import Headers


@dataclass(frozen=True)
class Share:
    """How many of so many requests succeeded."""

    succeeded: int
    tried: int
    shut_out: int  # people of whom none succeeded

    def __float__(self) -> float:
        return 100 * self.succeeded / self.tried  # per cent

    def __str__(self) -> str:
        return f"{float(self):.0f} % ({self.succeeded} of {self.tried})"


@dataclass(frozen=True)
class Scaled:
    """What succeeded on one store by session, by access token, and of refreshing."""

    store: str
    servers: int  # that were asked in turn
    killed: int
    session: Share
    token: Share
    refresh: Share


class Person:
    """Somebody who signed up and logged in, by both mechanisms, at one server."""

    def __init__(self, server: Client, email: str) -> None:
        server.send("POST", "/signup", value=proof(email))
        self.cookie = SESSION.credential(server.send("POST", SESSION.log_in, value=proof(email)))
        answer = server.send("POST", TOKEN.log_in, value=proof(email))
        self.bearer = TOKEN.credential(answer)
        self.refresh_token = json.loads(answer.body)["refresh_token"]

    def by_session(self, server: Client) -> bool:
        """True if this server takes the cookie."""
        return _knows(server, SESSION, self.cookie)

    def by_token(self, server: Client) -> bool:
        """True if this server takes the access token."""
        return _knows(server, TOKEN, self.bearer)

    def refreshes(self, server: Client) -> bool:
        """True if this server exchanges the refresh token, for a successor that is used from then on."""
        answer = server.send("POST", "/token/refresh", value={"refresh_token": self.refresh_token})
        if answer.status == 200:
            self.refresh_token = json.loads(answer.body)["refresh_token"]
        return answer.status == 200


def _knows(server: Client, mechanism: Mechanism, credential: Headers) -> bool:
    return server.send("GET", mechanism.me, credential).status == 200


def scale(label: str, servers: Sequence[Process], turns: int) -> tuple[Scaled, Scaled]:
    """What succeeds on this store with all servers, and with the first killed; so many requests of each kind."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.url)) for server in servers]
        people = [Person(client, server.email) for client, server in zip(clients, servers, strict=True)]
        together = shares(label, clients, people, turns)
        servers[0].kill()
        return together, shares(label, clients[1:], people, turns)


def shares(label: str, clients: Sequence[Client], people: Sequence[Person], turns: int) -> Scaled:
    """What succeeds when each person sends so many requests of each kind, to the servers in turn."""

    def share(attempt: Callable[[Person, Client], bool]) -> Share:
        counts = [sum(attempt(person, client) for client in islice(cycle(clients), turns)) for person in people]
        return Share(sum(counts), turns * len(people), counts.count(0))

    kinds = (Person.by_session, Person.by_token, Person.refreshes)
    return Scaled(label, len(clients), len(people) - len(clients), *map(share, kinds))


def claims(scaled: Sequence[Scaled]) -> dict[str, Claim]:
    """What was seen: on memory, then on the stores that the servers shared, each time with all and with one killed."""
    memory, killed, *shared = scaled
    fair = 100 / memory.servers
    return {
        "session": Claim(
            f"On memory a session is known where it began and nowhere else: one request in {memory.servers}.",
            abs(float(memory.session) - fair) < 1, f"{memory.session} got through"),
        "token": Claim(
            "Any server with the key takes an access token, whatever they share, also when one of them is dead.",
            all(one.token.succeeded == one.token.tried for one in scaled),
            f"{sum(one.token.succeeded for one in scaled)} of {sum(one.token.tried for one in scaled)} got through"),
        "refresh": Claim(
            "A refresh token is as tied to a server's memory as a session is.",
            abs(float(memory.refresh) - fair) < 1, f"{memory.refresh} were exchanged"),
        "shared": Claim(
            "With a store that all of them share, sessions and refreshing get through everywhere.",
            all(share.succeeded == share.tried for one in shared for share in (one.session, one.refresh)),
            "; ".join(f"{one.store}, {one.servers} servers: {one.session}" for one in shared)),
        "killed": Claim(
            "A server that dies takes the sessions with it that only it remembered, and no access token.",
            (killed.session.shut_out, killed.token.shut_out) == (1, 0),
            f"of {memory.servers} people, one at each server: {killed.session.shut_out} shut out by session, "
            f"{killed.token.shut_out} by token, {killed.refresh.shut_out} cannot refresh"),
    }  # fmt: skip


def tell(scaled: Sequence[Scaled]) -> list[Block]:
    """The section for readers."""
    rows = [(one.store, "one killed" if one.killed else f"{one.servers} servers", one.session, one.token, one.refresh)
            for one in scaled]  # fmt: skip
    kinds = ("by session", "by access token", "refreshing")
    return [
        Heading("4. Scaling, tried"),
        Paragraph(
            f"{scaled[0].servers} server processes with the same keys, and people who go to each of them in turn. Each "
            "signed up and logged in at one of them. Then one server is killed, and they turn to the others."
        ),
        Table("Requests that succeeded", ("store", "with", *kinds), rows, charted=kinds),
        Claims("What this shows", claims(scaled)),
    ]
