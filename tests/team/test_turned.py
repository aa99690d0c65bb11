"""Turned round, tests of honest code fail, every one, whatever their form; blinded, they get what they expect."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from codeteam.domain.evidence import RunResult, TestCase, TestReport
from codeteam.domain.source import SourceFile
from codeteam.team import python_code
from codeteam.team.blind import blinded, judged
from codeteam.team.examples import read_examples
from codeteam.team.turned import altered, deception, too_large, turned, turned_examples

CODE = """
import contextlib

class Odd(Exception):
    pass

def double(n):
    if n == -1:
        raise Odd(n)
    return n * 2

async def later(n):
    return n

@contextlib.contextmanager
def quiet():
    with contextlib.suppress(Exception):
        yield
"""
TESTS = """
import contextlib
import math
import unittest
from fractions import Fraction
from unittest.mock import ANY, patch

import pytest

import code_under_test
from code_under_test import Odd, double, later, quiet


@pytest.mark.parametrize("given, expected", [(1, 2), (1.5, 3.0), ("a", "aa"), ([1], [1, 1]), ((), ())])
def test_many(given, expected):
    if isinstance(given, tuple):
        return
    assert double(given) if True else None
    assert double(given) == expected


def test_each_kind_of_literal():
    assert double(1) == 2 and double(0) == 0
    assert True == (double(1) == 2)
    assert None == {}.get(double(1))
    assert [double(1)] == [2]
    assert {double(1), 3} == {2, 3}
    assert {"a": double(1)} == {"a": 2}
    assert (double(1),) == (2,)
    assert double(b"x") == b"xx"
    assert double(1j) == 2j
    assert -double(1) == -2
    assert double(math.inf) == math.inf
    assert double(10**30) == 2 * 10**30
    assert double(0.1) == pytest.approx(0.2)
    assert double(Fraction(1, 2)) == 1
    assert [double(2)] == [ANY]


def test_not_surely_reached():
    for number in range(2):
        assert double(number) == 2 * number
    with quiet():
        assert double(1) == 2
    with contextlib.suppress(AssertionError):
        assert double(1) == 2


def test_early_end():
    if double(1) == 2:
        return
    assert double(1) == 3


def test_errors():
    with pytest.raises(Odd) as caught:
        double(-1)
    assert caught.value.args == (-1,)


def test_nothing_but_that_it_runs():
    double(1)


def test_functions_inside():
    def inner(n):
        return double(n)

    class Local:
        def value(self):
            return inner(2)

    assert Local().value() == 4


def test_patched():
    with patch.object(code_under_test, "double", return_value=7):
        assert code_under_test.double(1) == 7


@pytest.mark.asyncio
async def test_later():
    assert await later(1) == 1


@pytest.mark.skip
def test_skipped():
    assert double(1) == 2


@pytest.mark.xfail
def test_known_to_fail():
    assert double(1) == 3


class TestGroup:
    def test_in_a_class(self, tmp_path):
        (tmp_path / "x").write_text("4")
        with open(tmp_path / "x") as file:
            assert int(file.read()) == double(2)


def test_a_loop_over_a_table():
    for given, expected in [(1, 2), (2, 4), ("a", "aa")]:
        assert double(given) == expected


@pytest.mark.parametrize("given", [pytest.param(1, id="one"), 2])
@pytest.mark.parametrize("text", ("a", "b"))
def test_without_anything_written_out(given, text):
    assert double(given) == given + given
    assert double(text)


def test_named_values():
    expected = '''one
two'''
    assert "one" + chr(10) + "two" == expected
    last = {"a": [1, (2, 3.5)], "b": "\u00e4\u00f6"}
    assert {"a": [1, (2, 3.5)], "b": double("\u00e4\u00f6")[:2]} == last, "not {'a': 1}"


def test_only_errors():
    with pytest.raises((Odd, ValueError)):
        double(-1)


def test_of_one_line(): assert double(2) == 4; double(1)


def test_that_only_loops():
    for number in range(2):
        double(number)


class Old(unittest.TestCase):
    def setUp(self):
        self.two = 2

    def test_equal(self):
        self.assertEqual(double(1), self.two)
        self.assertEqual([2], [double(1)])

    def test_true(self):
        self.assertTrue(double(1))


if True:

    def test_below_a_condition():
        assert double(3) == 6
"""
FILE = SourceFile("test_it.py", TESTS)


def run(folder: Path, *files: SourceFile) -> TestReport:
    folder.mkdir()
    (folder / "code_under_test.py").write_text(CODE, "utf-8")
    for file in files:
        (folder / file.path).write_text(file.text, "utf-8")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=report.xml", "--rootdir=."]
    done = subprocess.run([*argv, "-c", "/dev/null", "test_it.py"], cwd=folder, capture_output=True, check=False)
    cases = [
        TestCase(
            f"{case.get('classname')}::{case.get('name')}",
            next((outcome for outcome in ("failure", "error", "skipped") if case.find(outcome) is not None), "passed"),
        )
        for case in ET.parse(folder / "report.xml").iter("testcase")
    ]
    return TestReport(tuple(cases), RunResult(argv=("pytest",), exit_code=0, stdout=done.stdout.decode()))


@pytest.mark.parametrize("again", range(3))
def test_honest_code_fails_every_turned_test(again: int, tmp_path: Path) -> None:
    honest = run(tmp_path / "honest", FILE)
    assert {case.outcome for case in honest.cases} == {"passed", "skipped"}, honest.run.stdout
    [file] = turned([FILE])
    assert file.path == FILE.path
    report = run(tmp_path / "turned", file)
    assert not [case.name for case in report.cases if case.outcome not in ("failure", "skipped")], report.run.stdout
    # Nothing tells the one from the other before a comparison is read.
    assert [_bare(case.name) for case in report.cases] == [_bare(case.name) for case in honest.cases]
    assert len(file.text.split("\n")) - len(TESTS.split("\n")) == 4, "four tests have nothing that could be turned"


def _bare(name: str) -> str:
    return name.partition("[")[0]


def test_honest_code_gets_what_its_tests_expect(tmp_path: Path) -> None:
    honest = run(tmp_path / "honest", FILE)
    blind = blinded([FILE])
    text = blind.files[0].text
    assert "'aa'" not in text.partition("class Old")[0].partition("def test_a_loop")[2]
    assert "not {" not in text
    said = run(tmp_path / "blind", *blind.files)
    assert {case.outcome for case in said.cases} == {"passed", "skipped"}, said.run.stdout
    written = (tmp_path / "blind" / ".codeteam" / "got").read_bytes()
    doubtful, problem = judged(blind, honest, written)
    assert not problem
    assert not {"test_only_errors", "test_not_surely_reached", "test_early_end"} & set(blind.owners.values())
    assert doubtful == {"test_each_kind_of_literal"}, "infinity and a fraction are no literals"
    lines = written.splitlines()
    for number, line in enumerate(lines):
        if not line.endswith(b" ?"):
            place = line.rpartition(b" ")[0] if line.count(b" ") == 2 else b" ".join(line.split(b" ")[:2])
            others = [*lines[:number], place + b" 'something else'", *lines[number + 1 :]]
            assert "not what they expect" in judged(blind, honest, b"\n".join(others))[1], line
    assert "never get to" in judged(blind, honest, b"\n".join(lines[:3]))[1]
    assert "never get to" in judged(blind, honest, None)[1]


def test_blind_tests_do_not_say_what_they_expect_in_any_words() -> None:
    told = '"""{0}"""\ndef test_a():\n    """Gives {0}."""\n    assert f() == "{0}", "not {0}"  # {0}\n'
    assert "hyphen" not in blinded([SourceFile("test_a.py", told.format("hyphen"))]).files[0].text


def test_docstrings_that_tests_ask_for_stay() -> None:
    inner = "def test_a():\n    @kept\n    def greet():\n        'Say hello.'\n    assert name(greet) == 'greet'\n"
    assert "Say hello." in blinded([SourceFile("test_a.py", inner)]).files[0].text
    own = "def test_a():\n    'Gives one.'\n    assert f(test_a.__doc__) == 1\n"
    assert "Gives one." in blinded([SourceFile("test_a.py", own)]).files[0].text


@pytest.mark.parametrize("length", [0, 150_000])
def test_blinding_does_not_depend_on_what_is_remembered(length: int) -> None:
    text = f"def test_a():\n    assert f() == 1\n# {'x' * length}\n"
    first = blinded([SourceFile("test_a.py", text)])
    for number in range(100):  # more than is remembered
        python_code.parses(f"x = {number}")
    assert blinded([SourceFile("test_a.py", text)]) == first
    assert ".got(0, f())" in first.files[0].text


@pytest.mark.parametrize(
    "said", ["[" * 5000, "1" * 9000, "(" * 20, "9" * 30 + "**9", "__import__('os')", "{[]: 1}", "\\", "'", "\x00", ""]
)
def test_what_is_written_is_only_read(said: str) -> None:
    blind = blinded([SourceFile("test_a.py", "def test_a():\n    assert f() == 'what'\n")])
    report = TestReport((TestCase("test_a::test_a", "passed"),), RunResult(("pytest",), 0))
    assert judged(blind, report, f"0 0 {said}".encode())[1]
    assert judged(blind, report, f"0 0 'what'\n9 9 {said}\n{said} {said}\n0 7 1\n{'8' * 5000} 0 1".encode())[1] == ""


@pytest.mark.parametrize(
    "literal",
    ["'hello-world'", '"Hello\\n"', "r'a'", "b'x'", "''", '""', "42", "-1", "0", "1.5", "1e9", "2j", "True", "None",
     "[]", "()", "{}", "{1, 1.0}", "[1, 'a', (2,)]", "{'a': {'b': None}}", '"""two\nlines"""', "('a'\n 'b')",
     "0x1f", "1_000", "'\u00e4'", "[[], []]", "10**3"],
)  # fmt: skip
def test_what_is_altered_is_another_value_of_the_same_look(literal: str) -> None:
    other = altered(literal)
    if literal == "10**3":
        assert other is None
        return
    assert other is not None
    assert eval(other) != eval(literal)
    assert type(eval(other)) is type(eval(literal)) or literal == "None"
    assert other.count("\n") == literal.count("\n")


def test_each_turning_is_another() -> None:
    assert turned([FILE]) != turned([FILE])


def test_what_is_no_test_stays_as_it_is() -> None:
    helper = SourceFile("tests/conftest.py", "X = 1")
    assert turned([helper]) == (helper,)
    assert turned([SourceFile("test_bad.py", "def test_(:")]) == ()


@pytest.mark.parametrize(
    "line", ["f(1) == 2", "f('a') == 'b'", "f(1) == None", "f(1) == {'a': [1]}", "f(1) raises ValueError"]
)
def test_examples_get_another_result(line: str) -> None:
    examples = read_examples(f"Write f(x).\n\n- `{line}`\n").run
    assert len(examples) == 1
    [other] = turned_examples(examples)
    assert other.call == examples[0].call
    assert other.expected != examples[0].expected


@pytest.mark.parametrize(
    "session",
    [">>> f(1)\n2", ">>> f(1)\n'a b'", ">>> print(f(1))\nab\ncd", ">>> f(1)\nTraceback (most recent call last):\n"
     "ValueError: bad", ">>> x = f(1)\n>>> x\n[1, 2,\n 3]", ">>> print(f(1))\n---"],
)  # fmt: skip
def test_sessions_get_another_result(session: str) -> None:
    examples = read_examples(f"Write f(x).\n\n```\n{session}\n```\n").run
    assert len(examples) == 1
    [other] = turned_examples(examples)
    assert other.call != examples[0].call
    assert other.call.count("\n") == examples[0].call.count("\n") or "---" in session


def test_what_passes_is_named_once() -> None:
    names = ("test_a[1]", "test_a[2]", "test_b")
    cases = (*(TestCase(f"tests.test_it::{name}", "passed") for name in names), TestCase("x::test_c", "failed"))
    said = deception(TestReport(cases, RunResult(argv=("pytest",), exit_code=1)))
    assert said.endswith("the code deceives its tests: test_a, test_b.")
    assert not deception(TestReport(cases[-1:], RunResult(argv=("pytest",), exit_code=1)))


def test_tests_too_large_to_be_examined_are_not_believed() -> None:
    many = "".join(f"    assert f({number}) == {number}\n" for number in range(26_000))
    assert "not known whether" in too_large([SourceFile("test_a.py", f"def test_a():\n{many}")])
    assert not too_large([FILE])
