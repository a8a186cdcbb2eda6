"""`authref choose`: each combination of answers gives one recommendation, and each recommendation can be checked.

A table of cases says what must come out, written down by hand; beside it, all 480 combinations are gone through.
The rungs of the ladder must not only exist, they must give advice that is safe: those claims have names here.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import unittest
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from itertools import combinations, product
from pathlib import Path
from unittest import mock

import authref
from authref import cli
from authref.app import Settings
from authref.compare import choose
from authref.compare.choose import BOTH, LADDER, LISTED, QUESTIONS, SESSIONS, TOKENS, Advice, Answers, advise, as_text
from authref.keys import fresh_keys
from authref.refresh import LIFETIME
from authref.revocation import ACCESS_LIFETIME

ROWS = {"identity", "client holds", "server storage", "revocation", "scaling", "transport", "cross-domain"}
PACKAGE = Path(authref.__file__).parent
ROOM = Path(choose.__file__).parent

# clients, domains, revoke, servers, store, services; the pick; rows and files that must be among those of the reasons;
# the remarks, all of them.
OWN, OAUTH, KEYS = "whose pages", "clients of your own", "one ring of keys"
COOKIE, CROSS, ENDS = "client holds cookies.py", "cross-domain guards.py", "revocation sessions.py"
HEADER, LIST = "transport tokens.py", "revocation revocation.py"
SECRET, FRONT, BESIDE = "a shared secret", "services behind the pages", "tokens beside the sessions"
CASES: tuple[tuple[str, str, set[str], set[str]], ...] = (
    # A web app of one domain: sessions, whatever else; several servers share a store.
    ("web one minutes one shared one", SESSIONS, {COOKIE, CROSS, ENDS}, set()),
    ("web one instant one shared one", SESSIONS, {COOKIE, CROSS, ENDS}, {BESIDE}),
    ("web one minutes several shared one", SESSIONS, {COOKIE, ENDS}, {KEYS}),
    ("web one instant several shared one", SESSIONS, {COOKIE, ENDS}, {KEYS, BESIDE}),
    ("web one instant several none one", SESSIONS, {COOKIE, ENDS}, {KEYS, BESIDE, "instant without a store"}),
    ("web one minutes one none one", SESSIONS, {COOKIE}, {"a store for one"}),
    # The same with a mobile app: each gets what suits it.
    ("web,mobile one minutes one shared one", BOTH, {COOKIE, CROSS, ENDS, HEADER, LIST}, {OAUTH}),
    ("web,mobile one instant one shared one", BOTH, {COOKIE, ENDS, HEADER, LIST}, {OAUTH}),
    ("web,mobile one minutes several shared one", BOTH, {COOKIE, HEADER}, {OAUTH, KEYS}),
    ("web,mobile one instant several none one", BOTH, {COOKIE, HEADER}, {OAUTH, KEYS, "instant without a store"}),
    ("web,cli one minutes one shared one", BOTH, {COOKIE, HEADER}, {OAUTH}),
    ("web,service one minutes one shared one", BOTH, {COOKIE, HEADER}, {OAUTH, "a service without a user"}),
    # Services behind a web app: the browser keeps its cookie.
    ("web one minutes one shared several", BOTH, {COOKIE, "scaling jwt.py"}, {OAUTH, KEYS, SECRET, FRONT}),
    ("web one instant one shared several", BOTH, {COOKIE}, {OAUTH, KEYS, SECRET, FRONT, "instant without asking"}),
    # Servers that cannot look anything up in one place.
    ("web one minutes several none one", TOKENS, {"scaling tokens.py"},
     {OAUTH, KEYS, "one server keeps the logins", "a store is better"}),
    ("web,mobile one minutes several none one", TOKENS, {"scaling tokens.py", HEADER},
     {OAUTH, KEYS, "one server keeps the logins", "a store is better"}),
    ("mobile one minutes several none one", TOKENS, {"scaling tokens.py", HEADER},
     {OAUTH, KEYS, "one server keeps the logins"}),
    ("mobile one instant several none one", LISTED, {LIST, HEADER}, {OAUTH, KEYS, "instant without a store"}),
    # Pages of other origins: no cookie crosses.
    ("web several minutes one shared one", TOKENS, {CROSS, LIST}, {OAUTH, OWN}),
    ("web several instant one shared one", LISTED, {CROSS, LIST}, {OAUTH, OWN}),
    ("web,mobile several minutes one shared one", TOKENS, {CROSS, HEADER}, {OAUTH, OWN}),
    ("web,mobile several instant several shared one", LISTED, {CROSS, HEADER, LIST}, {OAUTH, OWN, KEYS}),
    # No browser at all.
    ("mobile one minutes one shared one", TOKENS, {HEADER, LIST, "client holds refresh.py"}, {OAUTH}),
    ("mobile one instant one shared one", LISTED, {HEADER, LIST, "client holds refresh.py"}, {OAUTH}),
    ("mobile several minutes one shared one", TOKENS, {HEADER}, {OAUTH, "origins without browsers"}),
    ("cli one instant several shared one", LISTED, {HEADER, LIST}, {OAUTH, KEYS}),
    ("service one minutes several shared several", TOKENS, {HEADER, "scaling jwt.py"},
     {OAUTH, KEYS, SECRET, "a service without a user"}),
    ("mobile,service one instant one shared several", LISTED, {HEADER, LIST, "scaling jwt.py"},
     {OAUTH, KEYS, SECRET, "a service without a user", "instant without asking"}),
)  # fmt: skip

MOBILE_AND_WEB = ("--clients", "web,mobile", "--domains", "one", "--revoke", "minutes")


class Terminal(io.StringIO):
    """Text that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def run(*flags: str, typed: str | None = None, colour: bool = False) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `authref choose`; on a terminal if something is typed."""
    out = Terminal() if colour else io.StringIO()
    err, stdin = (io.StringIO(), io.StringIO()) if typed is None else (Terminal(), Terminal(typed))
    with redirect_stdout(out), redirect_stderr(err), mock.patch("sys.stdin", stdin):
        try:
            status = choose.main(flags)
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def flags_of(words: str) -> list[str]:
    """The flags of a case: its words in the order of the questions."""
    return [part for question, word in zip(QUESTIONS, words.split(), strict=True) for part in (_flag(question), word)]


def _flag(question: choose.Question) -> str:
    return f"--{question.name}"


def choices(question: choose.Question) -> list[str]:
    """Every answer to the question."""
    names = list(question.choices)
    if not question.many:
        return names
    return [",".join(some) for count in range(1, len(names) + 1) for some in combinations(names, count)]


@cache
def everything() -> tuple[Advice, ...]:
    """The advice for every combination of answers."""
    names = [question.name for question in QUESTIONS]
    return tuple(advise(Answers(**dict(zip(names, said, strict=True)))) for said in product(*map(choices, QUESTIONS)))


class TheCases(unittest.TestCase):
    def test_what_each_case_is_told(self) -> None:
        """For each case of the table: this pick, these reasons among those given, and exactly these remarks."""
        self.assertGreaterEqual(len(CASES), 20)
        for words, pick, reasons, remarks in CASES:
            with self.subTest(words):
                status, out, err = run("--json", *flags_of(words))
                self.assertEqual((status, err), (0, ""))
                told = json.loads(out)
                self.assertEqual(told["pick"], pick)
                self.assertLessEqual(reasons, {f"{reason['row']} {reason['file']}" for reason in told["reasons"]})
                self.assertEqual(set(told["remarks"]), remarks)

    def test_a_web_app_and_a_mobile_app_of_one_domain(self) -> None:
        """The case that people ask about is told in words what to pick, why, at which price, and how to run it."""
        status, out, err = run(*MOBILE_AND_WEB, "--servers", "one", "--services", "one")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith(f"Pick: {BOTH}\n"))
        text = " ".join(out.split())
        for part in ("cannot read an HttpOnly cookie", "[revocation; sessions.py]", "falls back to the cookie",
                     "secure storage (Keychain, Keystore)", "python -m authref --public-url"):  # fmt: skip
            with self.subTest(part):
                self.assertIn(part, text)

    def test_the_same_answers_again(self) -> None:
        """Nothing but the answers decides: the same ones, in any order and spelling, give the same words."""
        first = run(*MOBILE_AND_WEB, "--servers", "one", "--services", "one")
        again = run("--services", "ONE", "--clients", " Mobile,web", "--servers", "one", "--revoke", "minutes",
                    "--domains", "one", "--store", "shared")  # fmt: skip
        self.assertEqual(first, again)
        twice = run(*MOBILE_AND_WEB[2:], "--clients", "web", "--clients", "mobile", "--servers", "one",
                    "--services", "one")  # fmt: skip
        self.assertEqual(first, twice)


class AllCombinations(unittest.TestCase):
    def test_a_combination_without_an_answer(self) -> None:
        """Each of the 480 combinations gets one of the four, a reason, a cost, and text in 80 columns of ASCII."""
        self.assertEqual(len(everything()), 15 * 2**5)
        for advice in everything():
            self.assertIn(advice.pick, {SESSIONS, TOKENS, BOTH, LISTED})
            self.assertTrue(advice.reasons and advice.costs)
            text = as_text(advice)
            if not text.isascii() or not text.isprintable() and set(text) & {"\0", "\033", "\t"}:
                self.fail(f"{advice.answers}: a character that not every terminal shows")
            self.assertLessEqual(max(map(len, text.splitlines())), choose.WIDTH, advice.answers)

    def test_a_rung_that_nobody_stands_on(self) -> None:
        """Each rung decides for somebody, and each of the four is picked for somebody."""
        self.assertEqual({advice.rung for advice in everything()}, set(range(1, len(LADDER) + 1)))
        self.assertEqual({advice.pick for advice in everything()}, {SESSIONS, TOKENS, BOTH, LISTED})

    def test_the_ladder_as_the_file_opens_with_it(self) -> None:
        """The rungs that a reader is shown are the rungs that decide."""
        shown = re.findall(r"^ {4}(\d)  (.+?) {2,}(.+)$", choose.__doc__ or "", re.MULTILINE)
        self.assertEqual(shown, [(str(n), text, pick) for n, (text, _, pick) in enumerate(LADDER, 1)])

    def test_a_question_that_decides_nothing(self) -> None:
        """Each answer to each question changes the pick for somebody who answers all the others alike."""
        by_answers = {advice.answers: advice.pick for advice in everything()}
        for question in QUESTIONS:
            differing = set()
            for answers, pick in by_answers.items():
                for other in choices(question):
                    if pick != by_answers[_changed(answers, question.name, other)]:
                        differing |= {*getattr(answers, question.name).split(","), *other.split(",")}
            with self.subTest(question.name):
                self.assertEqual(differing, set(question.choices))

    def test_a_reason_that_points_nowhere(self) -> None:
        """Each row that is named is a row of the table, each file is there, and every row is named by somebody."""
        points = {point for advice in everything() for point in (*advice.reasons, *advice.costs)}
        for point in points:
            with self.subTest(point.sentence):
                self.assertIn(point.row, ROWS)
                self.assertTrue((PACKAGE / point.file).is_file())
                self.assertRegex(point.sentence, r"\A[A-Z].*[.)]\Z")
        self.assertEqual({point.row for point in points}, ROWS)
        table = "".join(path.read_text("utf-8") for path in ROOM.glob("*.py") if path.name != "choose.py")
        for row in ROWS:
            self.assertIn(f'"{row}"', table)
        for advice in everything():
            self.assertEqual(len({point.sentence for point in advice.reasons}), len(advice.reasons))

    def test_a_command_that_the_program_refuses(self) -> None:
        """The flags that are printed are flags of `python -m authref`, and settings that it accepts."""
        for line in {" ".join(advice.command) for advice in everything()}:
            with self.subTest(line):
                flags = cli._parser().parse_args(shlex.split(line)[3:])
                Settings(
                    public_url=flags.public_url, allow_origins=tuple(flags.allow_origin), revocation=flags.revocation,
                    keys=fresh_keys(),
                ).check()  # fmt: skip
                self.assertRegex(flags.store, r"\A(sqlite:|redis://).")

    def test_the_minutes(self) -> None:
        """What is said about 15 minutes and about one use is what revocation.py and refresh.py do."""
        self.assertEqual(ACCESS_LIFETIME, 15 * 60)
        self.assertGreater(LIFETIME, ACCESS_LIFETIME)
        self.assertIn("15 minutes", QUESTIONS[2].choices["minutes"])


def _changed(answers: Answers, name: str, value: str) -> Answers:
    return Answers(**{question.name: getattr(answers, question.name) for question in QUESTIONS} | {name: value})


# Words, and to whom they must be said.
WHO_IS_TOLD: tuple[tuple[str, Callable[[Advice], bool]], ...] = (
    # where a login is kept
    ("never in localStorage", lambda it: it.answers.calls("web") and it.pick in (TOKENS, LISTED)),
    ("cannot read an HttpOnly cookie", lambda it: it.pick in (SESSIONS, BOTH)),
    ("Keystore", lambda it: it.answers.calls("mobile")),
    ("mode 0600", lambda it: it.answers.calls("cli")),
    ("secret store", lambda it: it.answers.calls("service")),
    # what comes with cookies, with tokens, with both
    ("CSRF", lambda it: it.pick in (SESSIONS, BOTH)),
    ("PKCE", lambda it: it.pick != SESSIONS),
    ("Whoever has the key can be anybody", lambda it: it.pick != SESSIONS),
    ("two doors", lambda it: it.pick == BOTH),
    ("sends its login on purpose", lambda it: it.answers.clients != "web"),
    # other origins
    ("--allow-origin", lambda it: it.answers.calls("web") and it.answers.domains == "several"),
    ("Pages of listed origins", lambda it: it.answers.calls("web") and it.answers.domains == "several"),
    ("behind a proxy or a backend", lambda it: it.answers.calls("web") and it.answers.domains == "several"),
    # the lock-out
    ("session with another name", lambda it: it.pick != SESSIONS and it.answers.revoke == "instant"),
    ("opens doors until it ends", lambda it: it.pick != SESSIONS and it.answers.revoke == "minutes"),
    ("so no request has to ask", lambda it: it.pick != SESSIONS and it.answers.revoke == "minutes"),
    ("so each request asks", lambda it: it.pick != SESSIONS and it.answers.revoke == "instant"),
    # servers and services
    ("need one store", lambda it: it.answers.servers == "several" and it.rung != 1),
    ("--store redis:", lambda it: it.answers.servers == "several" and it.rung != 1),
    ("only check access tokens", lambda it: it.rung == 1),
    ("need only the key", lambda it: it.rung == 1),
    ("AUTHREF_KEYS", lambda it: "several" in (it.answers.servers, it.answers.services)),
    ("asks nobody.", lambda it: it.answers.services == "several" and it.answers.revoke == "minutes"),
    ("asks only to hear of lock-outs", lambda it: it.answers.services == "several" and it.answers.revoke == "instant"),
)


class SafeAdvice(unittest.TestCase):
    """Whatever is answered, none of this is ever recommended, or left unsaid."""

    def test_tokens_for_pages_of_our_own(self) -> None:
        """A browser on pages of our own origin has a cookie; tokens only without a store, and with a warning."""
        for advice in everything():
            if advice.answers.own_pages and advice.pick not in (SESSIONS, BOTH):
                self.assertTrue(advice.answers.apart)
                self.assertIn("Prefer that.", advice.remarks["a store is better"])

    def test_a_cookie_that_has_to_cross(self) -> None:
        """Nobody whose pages come from several origins, and nobody without a browser, is given a cookie."""
        for advice in everything():
            if advice.pick in (SESSIONS, BOTH):
                self.assertTrue(advice.answers.calls("web") and advice.answers.domains == "one")

    def test_a_lock_out_that_nobody_asks_for(self) -> None:
        """Instant is never paired with tokens that nothing is asked about, and minutes never pay for a list."""
        for advice in everything():
            instant = advice.answers.revoke == "instant"
            self.assertEqual("--revocation allowlist" in advice.command, instant)
            self.assertFalse(instant and advice.pick == TOKENS)
            self.assertFalse(not instant and advice.pick == LISTED)

    def test_a_key_that_is_given_away(self) -> None:
        """Whoever would give the key to other services is told that these could write tokens, and what else to do."""
        for advice in everything():
            text = advice.remarks.get("a shared secret", "")
            for part in ("can make them too", "public-key", "audience", "GET /token/me"):
                self.assertEqual(advice.answers.services == "several", part in text)

    def test_sentences_that_hold_for_some(self) -> None:
        """Each of these is said to those whom it concerns, and to nobody else."""
        texts = {}
        for advice in everything():
            points = [point.sentence for point in (*advice.reasons, *advice.costs)]
            texts[advice.answers] = "\n".join((*points, *advice.remarks.values(), *advice.command))
        for words, concerns in WHO_IS_TOLD:
            with self.subTest(words):
                for advice in everything():
                    self.assertEqual(concerns(advice), words in texts[advice.answers], advice.answers)


class Flags(unittest.TestCase):
    def assert_sentence(self, result: tuple[int, str, str], *words: str) -> None:
        """The command ended with status 2 and one sentence on standard error that has the words."""
        status, out, err = result
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err, r"\Aauthref: [^\n]+\.\n\Z")
        for word in words:
            self.assertIn(word, err)

    def test_answers_that_are_none(self) -> None:
        """A word that is no answer, an empty one, two where one is wanted: one sentence that lists the answers."""
        for flags, words in (
            (("--clients", "web,desktop"), ("--clients", "mobile")),
            (("--clients", ","), ("--clients", "service")),
            (("--clients", "1"), ("--clients", "web")),
            (("--domains", "two"), ("--domains", "several")),
            (("--revoke", ""), ("--revoke", "instant")),
            (("--revoke", "minutes,instant"), ("--revoke", "one of")),
            (("--servers", "one", "--servers", "several"), ("--servers", "one of")),
            (("--store",), ("--store",)),
            (("--client", "web"), ("--client",)),
            (("sessions",), ("sessions",)),
        ):
            with self.subTest(flags):
                self.assert_sentence(run(*flags), *words)

    def test_nobody_to_ask(self) -> None:
        """Without a terminal, what is missing is named, and only what would make a difference."""
        self.assert_sentence(run(), "--clients, --domains, --revoke, --servers, --services (")
        self.assert_sentence(run("--clients", "mobile", "--revoke", "minutes"), "add --servers, --services (")
        self.assert_sentence(run(*MOBILE_AND_WEB, "--services", "one", "--servers", "several"), "add --store (")
        self.assertEqual(run(*MOBILE_AND_WEB, "--services", "one", "--servers", "one")[0], 0)
        with mock.patch("sys.stdin", None), redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
            choose.main([])

    def test_a_reader_that_has_gone(self) -> None:
        """When whoever read the output has gone, as `head` does, it ends with status 1 and no traceback."""
        reading, writing = os.pipe()
        os.close(reading)
        code = "import sys; from authref.compare.choose import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", code, *flags_of("web one minutes one shared one")]
        with os.fdopen(writing, "wb") as out:
            done = subprocess.run(command, cwd=PACKAGE.parent, stdout=out, stderr=subprocess.PIPE, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_help(self) -> None:
        """--help lists every question with its answers, and ends with status 0."""
        status, out, _ = run("--help")
        self.assertEqual(status, 0)
        for question in QUESTIONS:
            self.assertIn(_flag(question), out)
            for name in question.choices:
                self.assertIn(name, out)


class Asking(unittest.TestCase):
    def test_enter_at_every_question(self) -> None:
        """Enter takes the first choice: pages of one origin, minutes, one of each, which gives sessions."""
        status, out, err = run(typed="\n" * 5)
        self.assertEqual(status, 0)
        self.assertTrue(out.startswith(f"Pick: {SESSIONS}\n"))
        for question in QUESTIONS:
            asked = question.name != "store"
            self.assertEqual(" ".join(err.split()).count(question.why), asked, question.name)

    def test_numbers_and_names(self) -> None:
        """An answer is a number or a name, several with commas where several may hold."""
        typed = run("--json", typed="1, mobile\n1\n2\nseveral\n2\n1\n")
        self.assertEqual(typed[1], run("--json", *flags_of("web,mobile one instant several none one"))[1])

    def test_only_what_is_open(self) -> None:
        """What a flag has answered is not asked, nor what would make no difference."""
        _, out, err = run("--clients", "cli", "--revoke", "instant", typed="1\n1\n")
        self.assertTrue(out.startswith(f"Pick: {LISTED}\n"))
        self.assertEqual(err.count("[1]: "), 2)
        self.assertNotIn("origin", err)

    def test_wrong_input(self) -> None:
        """What is no answer is asked again, after a sentence that says what is."""
        status, out, err = run(*MOBILE_AND_WEB, "--services", "one", typed="3\n0\n1,2\nmany\none\n")
        self.assertEqual(status, 0)
        self.assertTrue(out.startswith(f"Pick: {BOTH}\n"))
        self.assertEqual(err.count("The answer is one of: one, several."), 4)

    def test_leaving(self) -> None:
        """End of input and Ctrl-C end it with one sentence, status 2 and no recommendation."""
        interrupted = mock.patch("builtins.input", side_effect=KeyboardInterrupt)
        for name, result in (("end", run(typed="1\n")), ("Ctrl-C", self._with(interrupted))):
            with self.subTest(name):
                self.assertEqual(result[:2], (2, ""))
                self.assertRegex(result[2], r"\]: \nauthref: Stopped [^\n]+\.\n\Z")

    def _with(self, patch: mock._patch[mock.MagicMock]) -> tuple[int, str, str]:
        with patch:
            return run(typed="")

    def test_questions_and_json(self) -> None:
        """Questions go to standard error: standard output is JSON and nothing else."""
        _, out, err = run("--json", typed="\n" * 5)
        self.assertEqual(json.loads(out)["pick"], SESSIONS)
        self.assertIn("Who calls the API?", err)

    def test_a_question_wider_than_the_terminal(self) -> None:
        """Questions, choices and prompts fit 80 columns."""
        _, _, err = run(typed="x\n\n\n\nseveral\n\n\n")
        shown = err.replace("]: ", "]: \n")  # where Enter would be seen
        self.assertLessEqual(max(map(len, shown.splitlines())), choose.WIDTH)

    def test_colours(self) -> None:
        """On a terminal the headings stand out; with NO_COLOR, and in a file, they are plain."""
        flags = flags_of("web one minutes one shared one")
        with mock.patch.dict(os.environ):
            os.environ.pop("NO_COLOR", None)
            bold, plain = run(*flags, colour=True)[1], run(*flags)[1]
            os.environ["NO_COLOR"] = "1"
            asked_not_to = run(*flags, colour=True)[1]
        self.assertIn(f"\033[1mPick: {SESSIONS}\033[0m\n", bold)
        self.assertEqual(plain, asked_not_to)
        self.assertEqual(re.sub(r"\033\[[01]m", "", bold), plain)


if __name__ == "__main__":
    unittest.main()
