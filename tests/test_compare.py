"""`authref compare`: each figure follows the thing it speaks of, and what did not hold is said.

One small run of everything is shared by most tests; where a test swaps the mechanism, the store or the mode, it
measures that cell anew. The command itself runs in this process with the run taken from there, and in processes of
its own where it must end.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from authref import compare
from authref.compare import cost, flows, lab, lockout, page, report, servers, storage, text, travel
from authref.compare.figures import Claim, Claims, Seconds, Spread, Table, count, number, spread
from authref.compare.lab import SESSION, TOKEN
from authref.compare.lockout import Answer, Scene
from authref.keys import fresh_keys, write_keys
from authref.revocation import ACCESS_LIFETIME, CLOCK_ERROR
from tests.test_cli import PROJECT, environment
from tests.warm import Piped

TINY = report.Effort((1, 3), 2, 5, 1, 16)
VOID = {"meta", "rect", "path"}

PIPED = {**vars(subprocess), "Popen": Piped}


@cache
def seen() -> report.Report:
    """What one small run saw, with two servers instead of three, which are forked: else that takes most of its time."""
    with mock.patch.object(report, "SERVERS", 2), mock.patch.object(servers, "subprocess", SimpleNamespace(**PIPED)):
        return report.run(TINY)


def answer(name: str, **changes: Any) -> Answer:
    """One of the answers to a theft, perhaps another."""
    return replace(next(each for each in lockout.ANSWERS if each.name == name), **changes)


def by_mechanism(rows: Any, **fields: str) -> dict[str, Any]:
    """The rows with these fields, by their mechanism."""
    return {row.mechanism: row for row in rows if all(getattr(row, name) == value for name, value in fields.items())}


class TheFlows(unittest.TestCase):
    def test_the_other_mechanism(self) -> None:
        """By token another map remembers than by session, nothing is looked up, and nothing deleted is missed."""
        session, token = seen().flows
        self.assertEqual((session.look_ups, token.look_ups), ({"sessions": 1, "users": 1}, {}))
        added = [{name for name in flow.after if flow.after[name] != flow.before[name]} for flow in (session, token)]
        self.assertEqual(added, [{"sessions", "devices"}, {"families"}])
        self.assertEqual((session.forgotten.status, token.forgotten.status), (401, 200))
        self.assertGreater(token.next.request_bytes, session.next.request_bytes + 300)

    def test_another_revocation_mode(self) -> None:
        """With an allow list a token asks the store, ends with its record, and the claim about tokens does not hold."""
        listed = flows.flow(TOKEN, "allowlist")
        self.assertEqual((listed.look_ups, listed.forgotten.status), ({"families": 1}, 401))
        self.assertFalse(flows.claims(seen().flows[0], listed)["token"].held)

    def test_bytes_as_sent(self) -> None:
        """What is shown is a real request and its real answer, with nothing in it that could be a whole secret."""
        for flow in seen().flows:
            for exchange in (flow.log_in, flow.next):
                with self.subTest(flow.mechanism, request=exchange.request[0]):
                    self.assertRegex(exchange.request[0], r"\A(GET|POST) /[a-z/]+ HTTP/1\.1\Z")
                    self.assertEqual(exchange.answer[0], "HTTP/1.1 200 OK")
                    self.assertIn("bytes", exchange.answer[-3] + exchange.answer[-1])
                    for line in exchange.request + exchange.answer:
                        self.assertNotRegex(line, r"[A-Za-z0-9_.-]{25}")
        answer = "\n".join(seen().flows[0].log_in.answer)
        self.assertRegex(answer, r"set-cookie: session=[\w-]{8}…\(43\); Path=/; Max-Age")


class WhatLoginsLeave(unittest.TestCase):
    def test_more_in_the_token(self) -> None:
        """A longer address makes the token longer, by a third more than the address, and the cookie not by a byte."""
        long = "a" * 60 + "@example.com"
        for mechanism, growth in ((SESSION, 0), (TOKEN, 55 * 4 / 3)):
            with self.subTest(mechanism.name):
                usual = by_mechanism(seen().flows)[mechanism.name].header_bytes
                self.assertAlmostEqual(flows.flow(mechanism, email=long).header_bytes - usual, growth, delta=3)

    def test_what_can_be_read(self) -> None:
        """Without a key a token tells the address; a cookie tells nothing, nor does anything that is no token."""
        session, token = seen().flows
        self.assertEqual((session.readable, "email" in token.readable), ((), True))
        self.assertEqual(token.says["email"], lab.EMAIL)
        self.assertIn("user_id", session.says)
        for credential in ("", "x", "a.b.c", "a.!.c", "a.bnVsbA.c"):
            self.assertEqual(flows.unverified_readable(credential), {})

    def test_more_logins(self) -> None:
        """Three logins leave three times what one leaves, by either mechanism, and not the same by both."""
        for name in ("session", "token"):
            one, three = (each for each in seen().stored if each.mechanism == name)
            self.assertEqual((one.records, three.records), (1, 3))
            self.assertEqual(three.bytes_total, 3 * one.bytes_total)
        self.assertGreater(storage.stored(TOKEN, 2).bytes_total, storage.stored(SESSION, 2).bytes_total)

    def test_a_store_that_drops_what_it_is_given(self) -> None:
        """If a login left nothing, the row would say so, and the claim that it leaves a record would not hold."""
        with mock.patch("authref.refresh.LIFETIME", 0):
            nothing = storage.stored(TOKEN, 2)
        self.assertEqual((nothing.records, nothing.bytes_total), (0, 0))
        self.assertFalse(storage.claims([*seen().stored, nothing])["records"].held)


class WhatARequestCosts(unittest.TestCase):
    def test_mechanism_and_mode(self) -> None:
        """Look-ups are counted for each: two by session, none by token, one with either list."""
        found = [cost.look_ups(mechanism, mode) for mechanism, mode in cost.MODES]
        self.assertEqual(found, [2, 0, 1, 1])

    def test_another_store(self) -> None:
        """On a store whose look-ups take 5 milliseconds more, a session takes 10 more, and a token none."""
        get = lab.Store().map("x", str).__class__.get
        quick = by_mechanism(cost.work("memory", "memory", 5, 3), revocation="none")
        with mock.patch("authref.maps.MemoryMap.get", slowly(get)):
            late = by_mechanism(cost.work("memory", "memory", 5, 3), revocation="none")
        self.assertLess(quick["session"].time.lowest, 5000)
        self.assertLess(late["token"].time.lowest, 5000)
        self.assertGreaterEqual(late["session"].time.lowest, 10_000)

    def test_the_spread(self) -> None:
        """Each time and rate has its lowest and highest around the middle, and says so."""
        for figure in [one.time for one in seen().work] + [one.per_second for one in seen().rates]:
            self.assertLessEqual(figure.lowest, figure.median)
            self.assertLessEqual(figure.median, figure.highest)
        self.assertEqual(str(spread([3, 1, 2.5], "µs")), "2.5 µs (1–3)")
        self.assertEqual(str(spread([7, 7], "bytes")), "7 bytes")
        self.assertEqual([number(each) for each in (12345.6, 45.67, 0.0123, 7)], ["12,346", "45.7", "0.0123", "7"])
        found = [f"{Seconds(each)}" for each in (0, 900, 86400)]
        self.assertEqual(found, ["0 s", "900 s (15 min)", "86,400 s (24 h)"])
        self.assertEqual([count(1, "byte"), count(2000, "byte")], ["1 byte", "2,000 bytes"])

    def test_a_request_that_is_refused(self) -> None:
        """Refusals are quick; they are never counted as requests served."""
        refused = self.assertRaisesRegex(ValueError, "refused")
        with lab.serving(lab.make_app()) as url, lab.Client(url) as client, refused:
            cost.load([client], client.message("GET", "/me"), 3)


def slowly(get: Any) -> Any:
    """The same look-up, 5 milliseconds later."""

    def late(self: Any, key: str) -> Any:
        time.sleep(5e-3)
        return get(self, key)

    return late


class WhereItTravels(unittest.TestCase):
    def test_a_client_without_a_jar(self) -> None:
        """Only who keeps cookies is known without doing anything, and only by session."""
        untouched = {(one.client, one.mechanism): one.untouched for one in seen().carrying}
        self.assertEqual(untouched.pop((travel.JAR, "session")), 200)
        self.assertEqual(set(untouched.values()), {401})
        self.assertEqual({one.status for one in seen().carrying}, {200})

    def test_an_origin_that_is_not_listed(self) -> None:
        """Without --allow-origin the token does not cross to a page of another origin either, and the claim falls."""
        closed = travel.crossings(())
        for found, expected in ((seen().crossings, True), (closed, False)):
            self.assertEqual(by_mechanism(found, case=travel.LISTED)["token"].crossed, expected)
            self.assertFalse(by_mechanism(found, case=travel.LISTED)["session"].crossed)
            self.assertEqual(travel.claims(seen().carrying, found)["listed"].held, expected)

    def test_the_guard_against_other_sites_gone(self) -> None:
        """Another site's POST is refused with the cookie; without the guard it passes, and the cell says so."""
        self.assertEqual(by_mechanism(seen().crossings, case=travel.FORGED)["session"].seen, "403")
        with mock.patch("authref.guards.is_cross_site", return_value=False):
            open_ = travel.crossings()
        self.assertEqual(by_mechanism(open_, case=travel.FORGED)["session"].seen, "204")
        self.assertFalse(travel.claims(seen().carrying, open_)["forged"].held)


class Lockouts(unittest.TestCase):
    def test_each_answer(self) -> None:
        """How long the thief stays in follows from the answer, to the second."""
        found = {one.name: (one.seconds, one.seconds_refreshing, one.thrown_out) for one in seen().outcomes}
        month = 30 * 86400
        self.assertEqual(found, {
            "delete the session": (0, None, 0),
            "wait for exp": (86400, None, 0),
            "deny list": (0, 0, 0),
            "short access plus refresh": (900, 900, 0),
            "change the key": (0, month, 10),
            "change it, old one kept": (900, month, 0),
            "allow list": (0, 0, 0),
        })  # fmt: skip

    def test_a_token_of_another_life(self) -> None:
        """A token that lives a minute lets the thief in for a minute; so does a shorter ACCESS_LIFETIME."""
        self.assertEqual(lockout.last_second(answer("wait for exp", lifetime=60), Scene.thief_gets_in), 60)
        with mock.patch("authref.tokens.ACCESS_LIFETIME", 77):
            self.assertEqual(lockout.last_second(answer("short access plus refresh"), Scene.thief_gets_in), 77)

    def test_the_mode_swapped(self) -> None:
        """The same answer without its list ends nothing at once, asks nothing and writes nothing."""
        listed = next(one for one in seen().outcomes if one.name == "deny list")
        self.assertEqual((listed.asked, listed.kept), ({"denials": 1}, {"denials": 1}))
        self.assertEqual((listed.added, listed.added_for), (1, ACCESS_LIFETIME + CLOCK_ERROR))
        without = lockout.play(answer("deny list", mode="none"), 1)
        self.assertEqual((without.seconds, without.asked, without.added, without.added_for), (900, {}, 0, 0))

    def test_the_mechanism_swapped(self) -> None:
        """Deleting sessions does nothing to a token."""
        swapped = answer("delete the session", mechanism=TOKEN)
        self.assertEqual(lockout.last_second(swapped, Scene.thief_gets_in), ACCESS_LIFETIME)

    def test_more_innocent_people(self) -> None:
        """A changed key throws out as many as there are, and all of them come back by their refresh tokens."""
        for others in (1, 4):
            with mock.patch("authref.compare.lockout.last_second", return_value=Seconds(0)):  # not what is asked here
                changed = lockout.play(answer("change the key"), others)
            self.assertEqual((changed.thrown_out, changed.came_back, changed.others), (others, others, others))

    def test_a_thief_who_never_got_in(self) -> None:
        """That a stolen credential opens nothing afterwards counts for nothing if it opened nothing before."""
        with mock.patch.object(Scene, "gets_in", return_value=False):
            never = lockout.play(answer("delete the session"), 1)
        self.assertFalse(lockout.claims([never, *seen().outcomes[1:]])["before"].held)


class Servers(unittest.TestCase):
    def test_another_store(self) -> None:
        """On memory a session gets through at one server of two, on a shared file at all; a token everywhere."""
        found = [(one.store, one.servers, *map(float, (one.session, one.token, one.refresh))) for one in seen().scaled]
        self.assertEqual(found, [
            ("memory", 2, 50, 100, 50),
            ("memory", 1, 50, 100, 50),  # one of two people finds all requests answered, the other one none
            ("SQLite", 2, 100, 100, 100),
            ("SQLite", 1, 100, 100, 100),
        ])  # fmt: skip
        for kind, shut_out in (("session", [0, 1, 0, 0]), ("token", [0, 0, 0, 0]), ("refresh", [0, 1, 0, 0])):
            self.assertEqual([getattr(one, kind).shut_out for one in seen().scaled], shut_out, kind)

    def test_a_server_that_cannot_start(self) -> None:
        """What a server complains about arrives in the sentence."""
        server = servers.Process("nowhere", write_keys(fresh_keys()))
        with self.assertRaisesRegex(ValueError, "did not start .*A store is one of"):
            server.wait_until_ready()


class TheWhole(unittest.TestCase):
    def test_the_seven_rows(self) -> None:
        """The rows are those that courses have; in each, sessions and tokens differ."""
        names = ["identity", "client holds", "server storage", "revocation", "scaling", "transport", "cross-domain"]
        self.assertEqual(list(seen().rows), names)
        for session, token in seen().rows.values():
            self.assertNotEqual(session, token)

    def test_every_row_follows_its_figures(self) -> None:
        """With other figures each of the seven rows says something else."""
        run = seen()
        others = {
            "identity": {"flows": tuple(replace(one, says={"x": 1}) for one in run.flows)},
            "client holds": {"flows": (replace(run.flows[0], header_bytes=7), run.flows[1])},
            "server storage": {"stored": tuple(replace(one, bytes_total=5) for one in run.stored)},
            "revocation": {"outcomes": tuple(replace(one, seconds=Seconds(one.seconds + 1)) for one in run.outcomes)},
            "scaling": {"scaled": tuple(replace(one, session=one.token, token=one.session) for one in run.scaled)},
            "transport": {"carrying": tuple(replace(one, steps=("x",)) for one in run.carrying)},
            "cross-domain": {"crossings": tuple(replace(one, crossed=not one.crossed) for one in run.crossings)},
        }
        self.assertEqual(others.keys(), run.rows.keys())
        for name, fields in others.items():
            with self.subTest(name):
                changed = report.conclude(replace(run, **fields)).rows  # type: ignore[arg-type]
                self.assertEqual([name], [row for row in changed if changed[row] != run.rows[row]])

    def test_what_does_not_depend_on_time(self) -> None:
        """Every claim that no clock decides holds on every run, and every saying that is too simple does not."""
        for section, claims in seen().claims.items():
            for name, claim in claims.items():
                if section != "courses" and (section != "cost" or name == "look-ups"):
                    with self.subTest(section, claim=name):
                        self.assertTrue(claim.held, claim.evidence)
        held = {name: saying.held for name, saying in seen().claims["courses"].items() if name != "cheaper"}
        self.assertEqual(set(held.values()), {False}, held)

    def test_a_claim_that_does_not_hold(self) -> None:
        """With false figures the claim is printed as not true, and the answer that rests on it says so."""
        false = (replace(seen().outcomes[0], seconds=Seconds(7)), *seen().outcomes[1:])
        run = report.conclude(replace(seen(), outcomes=false))
        for drawn in (text.write(report.tell(run), 1000), page.write(report.tell(run))):
            plain = re.sub("<[^>]*>", "", drawn).replace("&#x27;", "'")
            self.assertIn("NOT TRUE on this run: Each check of a session asks for its record", plain)
            self.assertIn("Of the grounds for this, 1 did not hold", plain)
            self.assertIn("[7 s; 2 look-ups a request; 0 of 10 others out]", plain)
        self.assertFalse(run.claims["lockout"]["session"].held)
        self.assertNotIn("did not hold on this run: judge", text.write(report.tell(seen()), 1000))

    def test_each_claim_of_time_both_ways(self) -> None:
        """Which mechanism is quicker is taken from the figures: with the two swapped, the claims turn."""
        fast, slow = Spread(1, 1, 1, "µs"), Spread(10, 9, 11, "µs")
        for session, token, held in ((fast, slow, True), (slow, fast, False), (fast, fast, False)):
            work = [cost.Work("memory", "session", "none", session, 2), cost.Work("memory", "token", "none", token, 0)]
            rates = [cost.Rate("memory", name, Spread(100, 90, 110, "requests/s")) for name in ("session", "token")]
            self.assertEqual(cost.claims(work, rates)["sooner, memory"].held, held)

    def test_both_questions(self) -> None:
        """Both questions are answered, on grounds with figures of this run."""
        questions = [one.title for one in seen().answers]
        self.assertIn("a mobile app: which fits?", questions[0])
        self.assertIn("Why is token revocation harder", questions[1])
        for one in seen().answers:
            self.assertGreaterEqual(len(one.claims), 5)
            self.assertTrue(all(re.search(r"\d|HttpOnly", ground.evidence) for ground in one.claims.values()))


class OnATerminal(unittest.TestCase):
    def test_widths(self) -> None:
        """No line is longer than the terminal is wide, whatever its width."""
        for width in (40, 80, 100, 132):
            lines = text.write(report.tell(seen()), width, colour=False).splitlines()
            self.assertLessEqual(max(map(len, lines)), width)

    def test_room_for_two(self) -> None:
        """On a wide terminal the flows stand side by side, on a narrow one below each other; no word is lost."""
        for width, beside in ((80, 0), (109, 0), (110, 1), (140, 1)):
            with self.subTest(width):
                drawn = text.write(report.tell(seen()), width)
                self.assertEqual(len(re.findall("(?m)^SESSION: log in +TOKEN: log in$", drawn)), beside)
                self.assertIn("TOKEN: the next request", drawn)

    def test_colour(self) -> None:
        """Colour is there when asked for, and adds no word and no width."""
        blocks = [Claims("t", {"a": Claim("x", True, "1"), "b": Claim("y", False, "2")})]
        plain = text.write(blocks)
        self.assertIn("  true: x [1]\n  NOT TRUE on this run: y [2]", plain)
        self.assertNotIn("\033", plain)
        self.assertEqual(re.sub("\033\\[[0-9;]*m", "", text.write(blocks, colour=True)), plain)
        self.assertIn("\033[1;31mNOT TRUE", text.write(blocks, colour=True))

    def test_a_number_and_its_unit(self) -> None:
        """A line never ends between a number and its unit."""
        drawn = text.write(report.tell(seen()), 61)
        self.assertNotRegex(drawn, r"(?m)\d\n +(s|h|min|days|µs|%)\b")
        self.assertNotRegex(drawn, r"(?m)^[<>]\n +\{")  # nor between the arrow and a body that hardly fits


class Page(HTMLParser):
    """Reads a page as strictly as XML: each element closed, in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


class AsAPage(unittest.TestCase):
    def setUp(self) -> None:
        self.source = page.write(report.tell(seen()))
        self.page = Page(self.source)

    def test_one_file(self) -> None:
        """The page is whole, needs no script, and points nowhere: nothing is loaded, so nothing is told to anybody."""
        self.assertEqual(self.page.open, [])
        names = {tag for tag, _ in self.page.tags}
        self.assertFalse(names & {"script", "link", "img", "iframe", "object", "base", "a", "form"})
        for tag, attributes in self.page.tags:
            self.assertFalse({"href", "src", "srcset", "xlink:href", "style"} & attributes.keys(), tag)
            self.assertFalse([name for name in attributes if name.startswith("on")], tag)
        self.assertNotRegex(page.STYLE, "url|@import|http")

    def test_what_a_server_sent(self) -> None:
        """What looks like a tag in a figure is shown, not run."""
        evil = "<script>alert(1)</script>\"'&"
        for block in (Claims(evil, {"a": Claim(evil, False, evil)}, evil), Table(evil, [evil], [[evil]]),
                      Table(evil, [evil, evil + evil], [[evil, Spread(1, 1, 1, evil)]], [evil + evil])):  # fmt: skip
            shown = Page(page.write([block]))
            self.assertNotIn("script", {tag for tag, _ in shown.tags})
            self.assertIn(evil, shown.text)

    def test_every_figure(self) -> None:
        """Every claim with its evidence, every row and every spread of the JSON stands on the page, as in the text."""
        drawn = " ".join(text.write(report.tell(seen()), 4000).split())
        shown = " ".join(self.page.text.split())
        for words in figures_of(asdict(seen())):
            with self.subTest(words):
                self.assertIn(words, shown)
                self.assertIn(words, drawn)

    def test_for_who_cannot_see(self) -> None:
        """Each chart is an image with a title and all its figures in words; each table has a caption and scopes."""
        charts = [attributes for tag, attributes in self.page.tags if tag == "svg"]
        self.assertGreaterEqual(len(charts), 5)
        ids = {attributes["id"] for _, attributes in self.page.tags if "id" in attributes}
        for attributes in charts:
            self.assertEqual(attributes["role"], "img")
            self.assertLessEqual(set((attributes["aria-labelledby"] or "").split()), ids)
        self.assertEqual(self.source.count("<desc "), len(charts))
        for label in re.findall("<text[^>]*>([^<]*)<", self.source):
            self.assertLess(len(label), 64, label)  # what does not fit into a chart is cut off, and nobody would know
        self.assertEqual(self.source.count("<table>"), self.source.count("<caption>"))
        self.assertEqual({attributes.get("scope") for tag, attributes in self.page.tags if tag == "th"}, {"col", "row"})
        self.assertIn(("html", {"lang": "en"}), self.page.tags)

    def test_light_and_dark(self) -> None:
        """All that is written stands out by 4.5 to 1, bars by 3 to 1, on both grounds and in boxes, light and dark."""
        light, dark = re.findall(r"--ground.*?--no: #\w+", page.STYLE, re.S)
        for palette in (light, dark):
            colours = dict(re.findall(r"--(\w+): (#\w+)", palette))
            for name, least in (("text", 4.5), ("faint", 4.5), ("yes", 4.5), ("no", 4.5), ("session", 3), ("token", 3)):
                for ground in ("ground", "box"):
                    with self.subTest(name, on=ground, of=colours["ground"]):
                        self.assertGreaterEqual(contrast(colours[name], colours[ground]), least)


def figures_of(value: Any) -> Iterator[str]:
    """The words for each claim, row and spread in the JSON."""
    if isinstance(value, dict):
        if value.keys() == {"text", "held", "evidence"}:
            yield f"{value['text']} [{value['evidence']}]"
        elif value.keys() == {"median", "lowest", "highest", "unit"}:
            yield str(Spread(**value))
        else:
            for each in value.values():
                yield from figures_of(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from figures_of(each)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""

    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def run(*arguments: str, result: object = None) -> tuple[int, str, str]:
    """Exit status and both outputs of the command, which finds what was seen already."""
    out, err = io.StringIO(), io.StringIO()
    found = mock.patch("authref.compare.report.run", side_effect=result or (lambda *_: seen()))
    handlers = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGHUP)}
    with found, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = compare.main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
    for name, handler in handlers.items():
        signal.signal(name, handler)
    return status, out.getvalue(), err.getvalue()


class TheCommand(unittest.TestCase):
    def test_the_three_forms(self) -> None:
        """Text by default, JSON with --json, and a page beside either with --html."""
        self.assertEqual(run("--quick"), (0, text.write(report.tell(seen())) + "\n", ""))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "page.html")
            status, out, err = run("--json", "--html", str(path))
            self.assertEqual((status, err), (0, f"The page is in {path}\n"))  # on stderr: the other is for programs
            self.assertEqual(json.loads(out), json.loads(json.dumps(asdict(seen()))))
            self.assertEqual(path.read_text("utf-8"), page.write(report.tell(seen())))

    def test_what_is_asked_for(self) -> None:
        """--quick asks for less, and --redis, or its variable, for a third store."""
        for arguments, expected in (
            ((), (report.FULL, None)),
            (("--quick",), (report.QUICK, None)),
            (("--redis", "redis://x"), (report.FULL, "redis://x")),
        ):
            asked: list[Any] = []
            run(*arguments, result=lambda *given, asked=asked: (asked.extend(given), seen())[1])
            self.assertEqual(tuple(asked[:2]), expected)
        with mock.patch.dict(os.environ, {"AUTHREF_COMPARE_REDIS": "redis://y"}):
            run(result=lambda *given, asked=asked: (asked.extend(given), seen())[1])
        self.assertEqual(asked[4], "redis://y")

    def test_what_cannot_be_done(self) -> None:
        """An error is one sentence with its remedy and status 2, before anything is measured where it can be."""
        refused: list[tuple[tuple[str, ...], object, str]] = [
            (("--fast",), None, "--help"),
            (("--html", "/nowhere/page.html"), AssertionError, "name a file"),
            (("--html", "/"), AssertionError, "name a file"),
            (("--redis", "redis://:secret@127.0.0.1/0"), AssertionError, "AUTHREF_COMPARE_REDIS"),
            ((), ValueError("The store is away; start it."), "start it"),
            ((), OSError("no address left"), "no address left"),
        ]
        for arguments, result, word in refused:
            with self.subTest(arguments):
                status, out, err = run(*arguments, result=result)
                self.assertEqual((status, out), (2, ""))
                self.assertRegex(err, r"\Aauthref: [^\n]+\n\Z")
                self.assertIn(word, err)

    def test_a_redis_that_is_not_there(self) -> None:
        """A store that cannot be reached is missed first, and named, whether its package is installed or not."""
        stages: list[str] = []
        with self.assertRaisesRegex(ValueError, "Redis"):
            report.run(TINY, "redis://127.0.0.1:1/0", stages.append)
        self.assertEqual(stages, [])


@unittest.skipUnless(Path("/proc/self/stat").exists(), "needs /proc")
class TheEnd(unittest.TestCase):
    def test_stopped_on_the_way(self) -> None:
        """Ctrl-C and SIGTERM in the middle leave no server behind, and say so."""
        self.addCleanup(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
        for number_, some in ((signal.SIGINT, 2), (signal.SIGTERM, 1)):
            with self.subTest(number_.name):
                started: list[int] = []
                self.assertEqual(run("--quick", result=partial(under_way, number_, some, started)), (130, "", STOPPED))
                self.assertEqual(len(started), some)
                self.assertEqual([pid for pid in started if alive(pid)], [])

    def test_a_terminal_that_is_closed(self) -> None:
        """SIGHUP stops it as Ctrl-C does, unless it is ignored: under nohup it goes on to its end."""
        for handler, expected in ((signal.SIG_DFL, (130, "", STOPPED)), (signal.SIG_IGN, None)):
            with self.subTest(handler):
                self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, handler))
                outcome = run("--quick", result=lambda *_: (os.kill(os.getpid(), signal.SIGHUP), seen())[1])
                if expected:
                    self.assertEqual(outcome, expected)
                else:
                    self.assertEqual((outcome[0], outcome[2]), (0, ""))

    def test_killed_on_the_way(self) -> None:
        """Even SIGKILL, after which nothing can be tidied up, leaves no server behind."""
        with subprocess.Popen([sys.executable, "-c", UNDER_WAY], env=environment(PROJECT), text=True,
                              stdout=subprocess.PIPE) as killed:  # fmt: skip
            self.assertEqual(killed.stdout and killed.stdout.readline(), "under way\n")
            [server] = children(killed.pid)
            killed.kill()
        deadline = time.monotonic() + 10
        while alive(server) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(alive(server))


def under_way(number_: signal.Signals, some: int, started: list[int], *_: object) -> None:
    """Start so many servers, note who they are, and be stopped: by Ctrl-C while they are still starting."""
    before = children(os.getpid())
    with servers.processes(some, "memory") as running:
        if number_ == signal.SIGTERM:
            running[0].wait_until_ready()
        started.extend(set(children(os.getpid())) - set(before))
        os.kill(os.getpid(), number_)
        time.sleep(10)


STOPPED = "authref: Stopped, and every server that this had started.\n"
UNDER_WAY = """
import time
from authref.compare import servers
with servers.processes(1, "memory") as [server]:
    server.wait_until_ready()
    print("under way", flush=True)
    time.sleep(60)
"""


def children(parent: int) -> list[int]:
    """The processes that this one has started and that are running."""
    started = [path.read_text().split() for path in Path(f"/proc/{parent}/task").glob("*/children")]
    return [int(child) for each in started for child in each if alive(int(child))]


def alive(pid: int) -> bool:
    """True while the process runs; one that nobody has buried yet runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
