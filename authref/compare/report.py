"""What do all the figures say together? The seven rows, what courses say of them, and two questions answered.

    run     carries out all experiments, one after the other
    tell    puts what they saw in order, as blocks that text.py and page.py draw

Rules of this file:
- each cell, and each ground of an answer, is made of this run's figures;
- what courses say is held against them: a saying that is too simple is printed as not true, with what was seen.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain

from authref import __version__
from authref.compare import cost, flows, lockout, scaling, storage, travel
from authref.compare.figures import Block, Claim, Claims, Heading, Paragraph, Table, count
from authref.compare.lab import BOTH, COST
from authref.compare.servers import processes
from authref.stores import open_store
from authref.wire import rfc3339


@dataclass(frozen=True)
class Effort:
    """How much of everything."""

    logins: tuple[int, ...]
    batches: int  # of calls that are timed
    calls: int  # in a batch
    rounds: int  # of load
    requests: int  # in a round
    note: str = ""


OTHERS = 10  # innocent people around a lock-out
SERVERS = 3  # processes, of which one is killed
TURNS = 12  # requests of each person to the servers in turn
FULL = Effort((1, 100, 10_000), 21, 500, 9, 2_400)
QUICK = Effort((1, 10, 100), 5, 100, 3, 240, " Made with --quick: few repetitions, so a spread says little.")


@dataclass(frozen=True)
class Report:
    """All that one run saw, and below that what follows from it."""

    about: str
    flows: tuple[flows.Flow, ...]
    stored: tuple[storage.Stored, ...]
    carrying: tuple[travel.Carrying, ...]
    crossings: tuple[travel.Crossing, ...]
    outcomes: tuple[lockout.Outcome, ...]
    work: tuple[cost.Work, ...]
    rates: tuple[cost.Rate, ...]
    scaled: tuple[scaling.Scaled, ...]
    claims: dict[str, dict[str, Claim]] = field(default_factory=dict)
    rows: dict[str, tuple[str, str]] = field(default_factory=dict)  # by session, and by token
    answers: tuple[Claims, ...] = ()


def run(effort: Effort, redis: str | None = None, progress: Callable[[str], object] = lambda stage: None) -> Report:
    """Everything, measured now. Raises ValueError, in a sentence, for a store that cannot be used."""
    if redis:
        open_store(redis).close()  # if it cannot be used, better now than in half a minute
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stores = {"memory": "memory", "SQLite": f"sqlite:{folder}/store"} | ({"Redis": redis} if redis else {})
        # They start while what needs no clock is done; and all have started before anything is timed.
        running = {label: stack.enter_context(processes(SERVERS, store)) for label, store in stores.items()}
        progress("1 of 6: the two flows")
        flown = tuple(flows.flow(mechanism) for mechanism in BOTH)
        progress("2 of 6: what logins leave")
        stored = tuple(storage.stored(mechanism, logins) for logins in effort.logins for mechanism in BOTH)
        progress("3 of 6: transport and cross-domain")
        carrying, crossings = travel.carrying(), travel.crossings()
        progress("4 of 6: revocation")
        outcomes = tuple(lockout.play(answer, OTHERS) for answer in lockout.ANSWERS)
        progress("5 of 6: what a request costs")
        for server in chain(*running.values()):
            server.wait_until_ready()
        work = tuple(one for it in stores.items() for one in cost.work(*it, effort.batches, effort.calls))
        rates = tuple(one for label, servers in running.items()
                      for one in cost.rates(label, servers[0], effort.rounds, effort.requests))  # fmt: skip
        progress("6 of 6: scaling")
        scaled = tuple(one for it in running.items() for one in scaling.scale(*it, TURNS))
    seen = (flown, stored, carrying, crossings, outcomes, work, rates, scaled)
    return conclude(Report(_about(effort), *seen))


def conclude(report: Report) -> Report:
    """The report with what follows from its figures."""
    claims = {
        "flows": flows.claims(*report.flows),
        "storage": storage.claims(report.stored),
        "cost": cost.claims(report.work, report.rates),
        "travel": travel.claims(report.carrying, report.crossings),
        "lockout": lockout.claims(report.outcomes),
        "scaling": scaling.claims(report.scaled),
        "courses": sayings(report),
    }
    return replace(report, claims=claims, rows=rows(report), answers=answers(claims))


def rows(report: Report) -> dict[str, tuple[str, str]]:
    """The seven rows of the table that courses end with: by session, and by token."""
    session, token = (_column(report, mechanism.name) for mechanism in BOTH)
    return {name: (session[name], token[name]) for name in session}


def _column(report: Report, by: str) -> dict[str, str]:
    """The seven cells of one mechanism, by their rows."""
    [flow] = [one for one in report.flows if one.mechanism == by]
    refresh = f", and a refresh token of {flow.refresh_bytes}" if flow.refresh_bytes else ""
    cells = {
        "identity": [
            "in the token, signed:" if flow.readable else "on the server; the cookie is only a number:",
            ", ".join(flow.says)],
        "client holds": [
            f"{flow.header_bytes} bytes in each request{refresh}",
            f"readable without a key: {count(len(flow.readable), 'claim') if flow.readable else 'nothing'}"],
        "server storage": [
            *(f"{count(one.logins, 'login')}: {count(one.records, 'record')}, {count(one.bytes_total, 'byte')}"
              for one in report.stored if one.mechanism == by),
            f"look-ups in each request: {sum(flow.look_ups.values())}"],
        "revocation": [
            "thief in for, after",
            *(f"{one.name}: {one.seconds}" + (f", {one.out}" if one.thrown_out else "")
              for one in report.outcomes if one.mechanism == by)],
        "scaling": [
            f"through, of requests to {report.scaled[0].servers} servers",
            *(_scaled(one, by) for one in report.scaled)],
        "transport": [
            "steps of the program, with",
            *(f"{one.client}: {len(one.steps)}" for one in report.carrying if one.mechanism == by)],
        "cross-domain": [
            f"{one.case}: {'yes' if one.crossed else 'no'}" for one in report.crossings if one.mechanism == by],
    }  # fmt: skip
    return {name: "\n".join(lines) for name, lines in cells.items()}


def _scaled(one: scaling.Scaled, by: str) -> str:
    shares = [one.session] if by == "session" else [one.token, one.refresh]
    if one.killed:
        lost = ", refreshing ".join(str(share.shut_out) for share in shares)
        return f"{one.store}, one killed: people out {lost}"
    return f"{one.store}: " + ", refreshing ".join(f"{float(share):.0f} %" for share in shares)


def per_request(report: Report) -> Table:
    """What one request costs by either mechanism, on memory."""
    found = []
    for flow in report.flows:
        case = ("memory", flow.mechanism, "none")
        [work] = [one for one in report.work if (one.store, one.mechanism, one.revocation) == case]
        [rate] = [one for one in report.rates if (one.store, one.mechanism) == case[:2]]
        wire = f"{flow.next.request_bytes} + {flow.next.answer_bytes}"
        found.append((flow.mechanism, wire, work.look_ups, work.time, rate.per_second))
    heads = ("by", "bytes out + in", "look-ups", "authenticating alone", "end to end")
    return Table("Per request, on memory", heads, found)


def sayings(report: Report) -> dict[str, Claim]:
    """What courses say, held against what was seen."""
    return {**_of_work(report), **_of_ending(report), **_of_scaling(report)}


def _of_work(report: Report) -> dict[str, Claim]:
    """What is kept, and what a check costs."""
    kept = [one for one in report.stored if one.mechanism == "token"][-1]
    stores = [one.store for one in report.scaled if not one.killed]
    times = {(one.store, one.mechanism): one.time for one in report.work if one.revocation == "none"}
    return {
        "nothing stored": Claim(
            "Tokens leave nothing on the server.",
            kept.records == 0,
            f"{kept.records:,} records of {kept.logins:,} logins, {kept.bytes_each} each: their refresh tokens"),
        "cheaper": Claim(
            "Checking a token is cheaper than looking up a session.",
            all(times[store, "token"].median < times[store, "session"].median for store in stores),
            "; ".join(f"{store}: {times[store, 'token']} against {times[store, 'session']}" for store in stores)),
    }  # fmt: skip


def _of_ending(report: Report) -> dict[str, Claim]:
    """What ends a token, and whose."""
    by = {outcome.name: outcome for outcome in report.outcomes}
    denied, changed = by["deny list"], by["change the key"]
    return {
        "until expiry": Claim(
            "A token cannot be revoked before it expires.",
            denied.seconds > 0,
            f"with a deny list {denied.seconds}, for {denied.look_ups}"),
        "everybody out": Claim(
            "Changing the key logs everybody out.",
            changed.thrown_out == changed.others and not changed.came_back,
            f"{changed.out}; {changed.came_back} of them back by refresh, and the thief with them"),
    }  # fmt: skip


def _of_scaling(report: Report) -> dict[str, Claim]:
    """What several servers have to share."""
    memory, whole = report.scaled[0], [one for one in report.scaled if not one.killed]
    return {
        "one server": Claim(
            "Sessions do not scale beyond one server.",
            all(one.session.succeeded < one.session.tried for one in whole),
            "; ".join(f"{one.store}: {one.session}" for one in whole)),
        "only the key": Claim(
            "Tokens scale with nothing shared but the key.",
            float(memory.token) == float(memory.refresh) == 100,
            f"on memory, access {memory.token}, but refreshing {memory.refresh}"),
    }  # fmt: skip


def answers(claims: dict[str, dict[str, Claim]]) -> tuple[Claims, Claims]:
    """The two questions that stand behind the table, answered, and the claims on which the answers rest."""
    flown, travels, locked, scaled = (claims[name] for name in ("flows", "travel", "lockout", "scaling"))
    return (
        _answer(
            "A web app on the same domain and a mobile app: which fits?",
            "The web app: a session. The mobile app: tokens. One server can offer both, as this one does.",
            {
                "web, nothing to carry": travels["jar"],
                "web, out of reach": flown["scripts"],
                "web, ended at once": locked["session"],
                "web, the price": travels["forged"],
                "mobile, as easy to carry": travels["plain"],
                "mobile, any server": scaled["token"],
                "mobile, the price": locked["refresh"],
            },
        ),
        _answer(
            "Why is token revocation harder than session revocation?",
            "Because checking a token asks nobody, so nobody can say no. What makes it ask gives up what it was for.",
            {
                "sessions": locked["session"],
                "tokens": locked["exp"],
                "to end one sooner": locked["deny list"],
                "or": locked["allow list"],
                "or, for everybody": locked["key"],
            },
        ),
    )


def _answer(question: str, answer: str, grounds: dict[str, Claim]) -> Claims:
    """The answer, as far as its grounds allow it to be given."""
    missing = sum(not ground.held for ground in grounds.values())
    doubt = f" (Of the grounds for this, {missing} did not hold on this run: judge for yourself.)" if missing else ""
    named = {name: replace(ground, text=f"{name}. {ground.text}") for name, ground in grounds.items()}
    return Claims(question, named, answer + doubt)


def tell(report: Report) -> list[Block]:
    """All of it for readers."""
    return [
        Paragraph(report.about),
        *flows.tell(*report.flows),
        Heading("2. The table"),
        Table("Seven rows, all from this run", ("", "sessions", "tokens"),
              [(name, *cells) for name, cells in report.rows.items()]),
        per_request(report),
        *storage.tell(report.stored),
        *cost.tell(report.work, report.rates),
        *travel.tell(report.carrying, report.crossings),
        *lockout.tell(report.outcomes),
        *scaling.tell(report.scaled),
        Heading("5. What courses say"),
        Claims("What is said of the two in general, held against this run", report.claims["courses"]),
        Heading("6. Two questions"),
        *report.answers,
    ]  # fmt: skip


def _about(effort: Effort) -> str:
    return (
        f"Measured on {rfc3339(time.time())} by authref {__version__} with Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs. Figures are medians, with the lowest and "
        f"the highest in brackets where they differ. Passwords were hashed at bcrypt's cost {COST}, where a server "
        f"takes 12: a login costs that hash by either mechanism, so it is not compared.{effort.note}"
    )
