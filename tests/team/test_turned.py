"""Turned round, tests of honest code fail, every one, whatever their form."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from codeteam.domain.evidence import RunResult, TestCase, TestReport
from codeteam.domain.source import SourceFile
from codeteam.team.examples import read_examples
from codeteam.team.turned import deception, turned, turned_examples

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


def run(folder: Path, text: str) -> TestReport:
    folder.mkdir()
    (folder / "code_under_test.py").write_text(CODE, "utf-8")
    (folder / "test_it.py").write_text(text, "utf-8")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=report.xml", "--rootdir=."]
    subprocess.run([*argv, "-c", "/dev/null", "test_it.py"], cwd=folder, capture_output=True, check=False)
    cases = [
        TestCase(
            f"{case.get('classname')}::{case.get('name')}",
            next((outcome for outcome in ("failure", "error", "skipped") if case.find(outcome) is not None), "passed"),
        )
        for case in ET.parse(folder / "report.xml").iter("testcase")
    ]
    return TestReport(tuple(cases), RunResult(argv=("pytest",), exit_code=0))


def test_honest_code_fails_every_turned_test(tmp_path: Path) -> None:
    honest = run(tmp_path / "honest", TESTS)
    assert {case.outcome for case in honest.cases} == {"passed", "skipped"}
    [file] = turned([FILE])
    assert file.path == FILE.path
    report = run(tmp_path / "turned", file.text)
    assert not [case.name for case in report.cases if case.outcome not in ("failure", "skipped")]
    assert len(report.cases) > len(honest.cases)
    assert {case.name.rpartition("_")[0] for case in report.cases} >= {
        case.name.partition("[")[0] for case in honest.cases
    }


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


def test_what_passes_is_named_once() -> None:
    names = ("test_a_abcde[1]", "test_a_fghij[2]", "test_b_klmno")
    cases = (*(TestCase(f"tests.test_it::{name}", "passed") for name in names), TestCase("x::test_c_abcde", "failed"))
    said = deception(TestReport(cases, RunResult(argv=("pytest",), exit_code=1)))
    assert said.endswith("the code deceives its tests: test_a, test_b.")
    assert not deception(TestReport(cases[-1:], RunResult(argv=("pytest",), exit_code=1)))
