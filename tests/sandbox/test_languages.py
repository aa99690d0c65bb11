"""The command lines of each language do in a sandbox what they are for."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from codeteam.sandbox.interface import Command, Session
from codeteam.sandbox.languages import COVERAGE, LANGUAGES, REPORT, python_test, ruff
from codeteam.sandbox.type_check import mypy

PYTHON = LANGUAGES["python"]

CODE = b'''"""A module."""


def double(n: int) -> int:
    """Twice n."""
    if n > 100:
        return -1
    return n * 2
'''
TESTS = b"""import asyncio

import pytest

from shop.calc import double


def test_double():
    assert double(2) == 4


@pytest.mark.asyncio
async def test_async():
    await asyncio.sleep(0)


def test_wrong():
    value = double(3)
    assert value == 7
"""


async def test_a_program_runs(session: Session) -> None:
    argv = PYTHON.run_argv("src/main.py")
    outcome = await session.run(
        Command(argv, files={"src/main.py": b"import other; print(other.X)", "src/other.py": b"X = 1"})
    )
    assert outcome.run.stdout == "1\n"


async def test_tests_are_reported_with_locals_and_coverage(session: Session) -> None:
    files = {"src/shop/__init__.py": b"", "src/shop/calc.py": CODE, "tests/test_calc.py": TESTS}
    argv = PYTHON.test_argv(("tests/test_calc.py",), REPORT, ("src/shop",))
    command = Command(argv, files=files, env={PYTHON.path_variable: "src"}, collect=(REPORT, COVERAGE), timeout=60)
    outcome = await session.run(command)
    assert outcome.run.exit_code == 1, outcome
    assert outcome.run.stderr == ""
    suite = ET.fromstring(outcome.files[REPORT]).find("testsuite")
    assert suite is not None
    assert {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")} == {
        "test_double": [],
        "test_async": [],
        "test_wrong": ["failure"],
    }
    assert "value      = 6" in outcome.files[REPORT].decode()
    assert 70 < json.loads(outcome.files[COVERAGE])["totals"]["percent_covered"] < 90


async def test_tests_without_coverage(session: Session) -> None:
    argv = python_test(("test_a.py",))
    files = {"test_a.py": b"def test_a():\n    pass\n"}
    outcome = await session.run(Command(argv, files=files, collect=(".codeteam/*",), timeout=60))
    assert outcome.run.ok, outcome
    assert set(outcome.files) == {REPORT}


async def test_ruff_finds_bugs_and_security_holes(session: Session) -> None:
    bad = b"import os\nimport subprocess\n\n\ndef f(x=[]):\n    subprocess.call(x, shell=True)\n    return undefined\n"
    outcome = await session.run(Command(ruff(("bad.py",)), files={"bad.py": bad}))
    assert outcome.run.exit_code == 1, outcome
    codes = {finding["code"] for finding in json.loads(outcome.stdout)}
    assert {"F401", "F821", "B006", "S602"} <= codes
    clean = await session.run(Command(ruff(("good.py",)), files={"good.py": CODE}))
    assert clean.run.ok
    assert json.loads(clean.stdout) == []


async def test_the_files_own_configuration_cannot_switch_ruff_off(session: Session) -> None:
    files = {"bad.py": b"import os\n", "ruff.toml": b'lint.select = []\nexclude = ["*"]\n', "pyproject.toml": b"["}
    outcome = await session.run(Command(ruff(("bad.py",)), files=files))
    assert [finding["code"] for finding in json.loads(outcome.stdout)] == ["F401"]


async def test_mypy_finds_wrong_types(session: Session) -> None:
    files = {"shop/__init__.py": b"", "shop/calc.py": CODE, "use.py": b"from shop.calc import double\n\ndouble('x')\n"}
    outcome = await session.run(Command(mypy(("use.py",)), files=files, timeout=120))
    assert outcome.run.exit_code == 1, outcome
    (finding,) = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert finding["file"] == "use.py"
    assert finding["line"] == 3
    assert finding["code"] == "arg-type"


async def test_files_of_the_work_folder_do_not_stand_in_for_the_tools(session: Session) -> None:
    trap = b"raise SystemExit('hijacked')\n"
    names = ("mypy.py", "typing_extensions.py", "json.py", "runpy.py", "sitecustomize.py", "ruff.py", "os.py")
    files = {**dict.fromkeys(names, trap), "use.py": b"x: int = 'y'\n"}
    for argv in (mypy(("use.py",)), ruff(("use.py",))):
        outcome = await session.run(Command(argv, files=files, timeout=120))
        assert b"hijacked" not in outcome.stdout + outcome.stderr, argv
    assert outcome.run.exit_code == 0


@pytest.mark.parametrize("path", ["-x.py", "--help"])
async def test_paths_are_not_taken_for_options(session: Session, path: str) -> None:
    outcome = await session.run(Command(ruff((path,)), files={path: b"import os\n"}))
    assert outcome.run.exit_code in (0, 1)
    assert json.loads(outcome.stdout) is not None


async def test_every_language_has_its_checks() -> None:
    for language in LANGUAGES.values():
        assert language.endings
        assert [name for name, _ in language.lint_argvs(("a.py",))]
