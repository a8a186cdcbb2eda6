"""The catalogue is complete and well formed. What running it shows is the business of check_exercises.py."""

from __future__ import annotations

import ast
import importlib
import re
import unittest
from collections import Counter
from functools import cache
from statistics import mean

from authref.exercises import nursery
from authref.exercises.exercise import BREAK, EASY, HARD, HEAL, LESSONS, MIDDLE, PREDICT, WRITE, Exercise
from authref.exercises.judge import judge, sentence_of
from authref.exercises.lessons import EXERCISES, GIVEN, PATHS, WIRE, in_order
from authref.exercises.report import contents
from tests.solutions import ATTACKS, PACKAGE, WRONG, reference
from tests.solutions.right import RIGHT
from tests.test_structure import core_files


@cache
def public_functions() -> frozenset[str]:
    """The public functions and methods of the core, as "authref.cookies:parse"."""
    found = set()
    for path in [path for paths in core_files().values() for path in paths]:
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found.add(f"{module}:{node.name}")
            elif isinstance(node, ast.ClassDef):
                methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
                found |= {f"{module}:{node.name}.{method.name}" for method in methods}
    return frozenset(name for name in found if not re.search(r"[:.]_", name))


def prose(exercise: Exercise) -> list[str]:
    """All that a learner reads before the exercise is solved, but for the code."""
    return [exercise.title, exercise.task, exercise.attacker, exercise.read, *exercise.hints]


class TheCatalogue(unittest.TestCase):
    def each(self, *kinds: str) -> list[Exercise]:
        return [exercise for exercise in EXERCISES if not kinds or exercise.kind in kinds]

    def test_ids_and_order(self) -> None:
        """Each id names one exercise and can name a folder; lessons come in the course's order, but for wire."""
        ids = [exercise.id for exercise in EXERCISES]
        self.assertEqual(len(set(ids)), len(ids))
        for exercise in EXERCISES:
            self.assertRegex(exercise.id, r"\A[a-z0-9]+(-[a-z0-9]+)*\Z")
            self.assertIn(exercise.lesson, LESSONS)
        lessons = [exercise.lesson for exercise in EXERCISES if exercise.id not in WIRE]
        self.assertEqual(lessons, sorted(lessons))
        self.assertEqual({exercise.lesson for exercise in EXERCISES}, set(LESSONS), "a lesson without an exercise")
        self.assertGreater(min(map(ids.index, WIRE)), max(i for i, each in enumerate(EXERCISES) if each.lesson == 18))

    def test_paths(self) -> None:
        """Each path has exercises that are there, none twice, takes as long as its name says, and has no hard one."""
        known = {exercise.id: exercise for exercise in EXERCISES}
        named = [each for ids in PATHS.values() for each in ids]
        self.assertEqual(len(set(named)), len(named))
        self.assertEqual([len(ids) for ids in PATHS.values()], [6, 12, 0])
        minutes = {name: sum(known[each].minutes for each in ids) for name, ids in PATHS.items()}
        self.assertLessEqual(minutes["30 minutes"], 30)
        self.assertLessEqual(minutes["30 minutes"] + minutes["two hours"], 120)
        self.assertNotIn(HARD, {known[each].difficulty for each in named})
        self.assertEqual(sorted(in_order(EXERCISES)), list(range(1, len(EXERCISES) + 1)))
        self.assertEqual([EXERCISES[number - 1].id for number in in_order(EXERCISES)][: len(named)], named)

    def test_effort(self) -> None:
        """Each exercise says its minutes and its difficulty; what is harder takes longer on the whole."""
        for exercise in EXERCISES:
            self.assertIn(exercise.difficulty, (EASY, MIDDLE, HARD))
            self.assertTrue(3 <= exercise.minutes <= 20)
        means = [mean(each.minutes for each in EXERCISES if each.difficulty == one) for one in (EASY, MIDDLE, HARD)]
        self.assertEqual(means, sorted(means))

    def test_kinds(self) -> None:
        """There are enough of each kind, six at least of those that are about attacks."""
        kinds = Counter(exercise.kind for exercise in EXERCISES)
        self.assertEqual(set(kinds), {PREDICT, WRITE, HEAL, BREAK})
        self.assertGreaterEqual(len(EXERCISES), 35)
        self.assertGreaterEqual(min(kinds[HEAL], kinds[BREAK]), 6)
        self.assertGreaterEqual(kinds[PREDICT], 5)

    def test_what_each_kind_has(self) -> None:
        """A prediction has questions; the others have a target and claims; a naive version is one of the target."""
        for exercise in EXERCISES:
            with self.subTest(exercise.id):
                predicts, has_naive = exercise.kind == PREDICT, exercise.kind in (HEAL, BREAK)
                self.assertEqual(2 <= len(exercise.questions) <= 5, predicts)
                for question in exercise.questions:
                    self.assertRegex(question.reason, r"\A.{20,200}[.]\Z")
                self.assertEqual(exercise.target == "" and exercise.claims == (), predicts)
                self.assertEqual(exercise.naive != "", has_naive)
                self.assertEqual((exercise.attack != "", exercise.check != ""), (exercise.kind == BREAK,) * 2)
                if has_naive:
                    (function,) = ast.parse(exercise.naive).body
                    self.assertIsInstance(function, ast.FunctionDef)
                    self.assertEqual(function.name, re.split("[:.]", exercise.target)[-1])
                    self.assertIsNotNone(ast.get_docstring(function))
                    own = ast.parse(reference(exercise.target)).body[0]
                    self.assertEqual(ast.unparse(function.args), ast.unparse(own.args))
                if exercise.kind == BREAK:
                    for source, name in ((exercise.attack, "attack"), (exercise.check, "check")):
                        (function,) = ast.parse(source).body
                        self.assertEqual(function.name, name)
                if exercise.kind in (WRITE, HEAL):
                    self.assertTrue(3 <= len(exercise.claims) <= 8)

    def test_claims(self) -> None:
        """Each claim is a test that is there, and its docstring says what must hold."""
        for exercise in EXERCISES:
            self.assertEqual(len(set(exercise.claims)), len(exercise.claims), exercise.id)
            for claim in exercise.claims:
                with self.subTest(exercise.id, claim=claim):
                    module, name, test = claim.rsplit(".", 2)
                    method = getattr(getattr(importlib.import_module(module), name), test)
                    self.assertTrue(method.__doc__)
                    # It is shown without the test: no table, nothing below or above, nor a name that says what "it" is.
                    self.assertNotRegex(sentence_of(claim), r"\b(table|below|above)\b")
                    self.assertNotRegex(sentence_of(claim), r"\A(It|They|This|These|Each is|The (second|entry)) ")

    def test_words(self) -> None:
        """Texts are short and whole sentences; hints are three; nothing names a test or gives a line away."""
        ids = {exercise.id for exercise in EXERCISES}
        for exercise in EXERCISES:
            with self.subTest(exercise.id):
                self.assertEqual(exercise.lacks != "", exercise.lesson == 0)
                self.assertLessEqual(set(re.findall(r"\(exercise ([\w-]+)\)", exercise.lacks)), ids)
                sentences = len(re.findall(r"[.](?= |\Z)", exercise.why))
                self.assertTrue(2 <= sentences <= 4 if exercise.kind in (WRITE, HEAL) else exercise.why == "")
                self.assertEqual(len(exercise.hints), 3)
                self.assertLessEqual(len(exercise.title), 60)
                self.assertLessEqual(len(exercise.task), 720 if exercise.difficulty == HARD else 500)
                self.assertLessEqual(len(exercise.attacker), 260)
                for text in (exercise.task, exercise.attacker, *exercise.hints):
                    self.assertRegex(text, r"(?s)\A([A-Z`0-9]|[a-z_]+[a-z0-9]*[._(]).*[.?]\Z")  # or a name of Python's
                    self.assertNotRegex(text, r"  |TODO|\btest_")
                for hint in exercise.hints:
                    self.assertLessEqual(len(hint), 420)
                for text in (exercise.task, exercise.attacker, exercise.why, exercise.lacks):
                    for said in re.split(r"(?<=[.?!])\s+|\n", text):
                        self.assertLessEqual(len(said.split()), 30, said)

    def test_no_solution_is_told(self) -> None:
        """No line of the reference's body stands in a text."""
        for exercise in self.each(WRITE, HEAL, BREAK):
            (function,) = ast.parse(reference(exercise.target)).body
            assert isinstance(function, ast.FunctionDef)
            body = function.body[1:] if ast.get_docstring(function) else function.body
            lines = reference(exercise.target).splitlines()[body[0].lineno - 1 :]
            for line in (line.strip() for line in lines):
                for text in prose(exercise):
                    if len(line) > 12:
                        self.assertNotIn(line, text, exercise.id)

    def test_every_public_function(self) -> None:
        """Each public function of the core is asked for, or is given, with a reason; none is both."""
        targets = {exercise.target for exercise in EXERCISES}
        needed = set()
        for name in public_functions() - targets:
            module, _, function = name.partition(":")
            given = {module, f"{module}:{function.split('.')[0]}", name} & set(GIVEN)
            with self.subTest(name):
                self.assertEqual(len(given), 1)
            needed |= given
        self.assertEqual(set(GIVEN) - needed, set(), "given, and not needed")
        for name, reason in GIVEN.items():
            self.assertGreater(len(reason), 5, name)

    def test_the_lessons_of_the_page(self) -> None:
        """The page's list of lessons is the one that `exercises list --markdown` prints."""
        page = (PACKAGE / "book" / "pages" / "teach.md").read_text("utf-8")
        self.assertIn(contents(EXERCISES).strip(), page)

    def test_right_answers(self) -> None:
        """Other right answers are for exercises that are there, and each is another one than authref's own."""
        for name, answers in RIGHT.items():
            [exercise] = [each for each in EXERCISES if each.id == name]
            with self.subTest(name):
                self.assertEqual(len(set(answers)), len(answers))
                self.assertNotEqual(exercise.kind, PREDICT)
                for answer in answers:
                    target = "attack" if exercise.kind == BREAK else re.split("[:.]", exercise.target)[-1]
                    functions = [node for node in ast.parse(answer).body if isinstance(node, ast.FunctionDef)]
                    self.assertEqual([function.name for function in functions], [target])
                    own = ATTACKS[name] if exercise.kind == BREAK else reference(exercise.target)
                    self.assertNotEqual(ast.dump(functions[0]), ast.dump(ast.parse(own).body[0]))

    def test_right_answers_by_other_names(self) -> None:
        """What was called counts, and not how it was named: `from bcrypt import checkpw` is right as well."""
        for name in ("verify-password", "constant-time"):
            [exercise] = [each for each in EXERCISES if each.id == name]
            with self.subTest(name):
                self.assertRegex(RIGHT[name][0], r"\A\nfrom \w+ import ")
                with nursery.warm():
                    judgement = judge(exercise, RIGHT[name][0], "answer.py")
                self.assertTrue(judgement.solved, judgement)

    def test_wrong_answers(self) -> None:
        """Each exercise has three wrong answers or more, and each naive version that is to be broken an attack."""
        self.assertEqual(set(WRONG), {exercise.id for exercise in EXERCISES})
        self.assertEqual(set(ATTACKS), {exercise.id for exercise in self.each(BREAK)})
        for exercise in EXERCISES:
            answers = WRONG[exercise.id]
            with self.subTest(exercise.id):
                self.assertGreaterEqual(len({(wrong.source, wrong.fails) for wrong in answers}), 3)
                for wrong in answers:
                    if exercise.kind in (WRITE, HEAL):
                        self.assertIn(f"tests.test_{wrong.fails}", exercise.claims)
                        self.assertNotEqual(wrong.source.strip(), reference(exercise.target).strip())
                    elif exercise.kind == BREAK:
                        self.assertIn(wrong.fails, ("naive", "reference"))
                    else:
                        self.assertIn(int(wrong.fails), range(1, len(exercise.questions) + 1))


if __name__ == "__main__":
    unittest.main()
