"""Tests that are not told what is expected: they write down what they get, and it is compared outside.

Code under test shares the runner's process: whatever a test expects there, and whatever the runner reports, it can
read and change. So where tests expect values that are written out, they run once more with the values taken away.
What they got then is compared here, where the code does not run: to answer rightly it has to know what is right.
That it can tell such a run from another gains it nothing.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from codeteam.domain.evidence import TestReport
from codeteam.domain.languages import is_test
from codeteam.domain.source import SourceFile
from codeteam.team import python_code
from codeteam.team.examples import Example
from codeteam.team.expectations import Check, Examined, Function, Test, examined
from codeteam.team.reports import test_of

GOT = ".codeteam/got"
"""Where what was got is written, in the work folder."""
_MOST_LINES = 20_000
_MODULE = "codeteam_got"
_RECORDER = '''\
"""Writes down what tests get."""
import os

_PLACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), ".codeteam", "got")


def got(number, value, row=0):
    try:
        said = repr(_plain(value, 30))
    except Exception:
        said = "?"
    os.makedirs(os.path.dirname(_PLACE), exist_ok=True)
    with open(_PLACE, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{number} {row} {said}\\n")
    return True


def _plain(value, depth):
    """The value without what its class makes of it; an error where it is none that a literal can be."""
    if depth == 0:
        raise ValueError
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError
        return float.__float__(value)
    if isinstance(value, complex):
        return complex.__add__(value, 0j)
    if isinstance(value, list):
        return [_plain(item, depth - 1) for item in list.__iter__(value)]
    if isinstance(value, tuple):
        return tuple([_plain(item, depth - 1) for item in tuple.__iter__(value)])
    if isinstance(value, dict):
        return {_plain(key, depth - 1): _plain(item, depth - 1) for key, item in dict.items(value)}
    if isinstance(value, (set, frozenset)):
        each = set.__iter__ if isinstance(value, set) else frozenset.__iter__
        return {_plain(item, depth - 1) for item in each(value)}
    raise ValueError
'''


@dataclass(frozen=True, slots=True)
class Blind:
    """Tests without what they expect."""

    files: tuple[SourceFile, ...]
    wanted: Mapping[int, tuple[object, ...]]
    """What each check expects, in each row of its table; most have one."""
    owners: Mapping[int, str]
    """The test of each check, by its name."""
    paths: tuple[str, ...]
    """Of the files that have tests."""


def blinded(tests: Iterable[SourceFile]) -> Blind:
    """Test files in which values that are written out are no longer compared, but written down."""
    wanted: dict[int, tuple[object, ...]] = {}
    owners: dict[int, str] = {}
    files: list[SourceFile] = []
    named: dict[str, frozenset[str]] = {}
    for file in tests:
        named[file.path] = python_code.names_of_tests(file.text)
        swaps: dict[int, ast.expr] = {}
        checks: dict[int, tuple[Test, Check]] = {}
        found = examined(file.text if is_test(file.path) else "")
        for test in _blindable(found.tests):
            for number, check in enumerate(filter(_is_known, test.checks), len(wanted) + len(checks)):
                checks[number] = test, check
                swaps |= _swaps(number, check)
        text = _without(found, swaps) if swaps else ""
        files.append(SourceFile(file.path, text) if text else file)
        if text:
            wanted |= {number: tuple(map(ast.literal_eval, check.cells)) for number, (_, check) in checks.items()}
            owners |= {number: test.node.name for number, (test, _) in checks.items()}
    paths = tuple(file.path for file in files if named[file.path])
    return Blind((*files, _recorder()), wanted, owners, paths)


def blinded_examples(examples: Sequence[Example], text_of: Callable[[tuple[Example, ...]], SourceFile]) -> Blind:
    """The same of examples, for which `text_of` writes the test file."""
    equal = {number for number, example in enumerate(examples, 1) if example.kind == "equal"}
    shown = tuple(
        replace(example, text="", kind="blind", expected=str(number)) if number in equal else example
        for number, example in enumerate(examples, 1)
    )
    file = text_of(shown)
    return Blind(
        (file, _recorder()),
        {number: (ast.literal_eval(examples[number - 1].expected),) for number in equal},
        {number: f"test_example_{number}" for number in equal},
        (file.path,),
    )


def judged(blind: Blind, report: TestReport, written: bytes | None) -> tuple[frozenset[str], str]:
    """Of blinded tests that passed, those that what they got does not prove; and what is wrong, in words.

    A value that no literal can be is compared by its own class, so that only turned tests tell.
    """
    # A report that is cut short lists what was skipped before what passed; what is missing in one was said before.
    whole = set(blind.owners.values()) - {test_of(case.name) for case in report.cases if case.outcome == "skipped"}
    missing = {(number, row) for number, values in blind.wanted.items() for row in range(len(values))}
    doubtful: set[str] = set()
    wrong: dict[str, None] = {}
    for number, row, said in _lines(written or b""):
        if number in blind.wanted and row < len(blind.wanted[number]):
            missing.discard((number, row))
            if said == "?":
                doubtful.add(blind.owners[number])
            elif not _is(said, blind.wanted[number][row]):
                wrong[blind.owners[number]] = None
    silent = dict.fromkeys(blind.owners[number] for number, _ in sorted(missing) if blind.owners[number] in whole)
    for names, what in (
        (wrong, "what they get is not what they expect"),
        (silent, "they never get to what they expect"),
    ):
        if names:
            problem = f"These tests pass, but {what}, so the code deceives its tests: {', '.join(list(names)[:5])}."
            return frozenset(doubtful), problem
    return frozenset(doubtful), ""


def _recorder() -> SourceFile:
    return SourceFile(f"{_MODULE}.py", _RECORDER)


def _blindable(found: Sequence[Test]) -> Iterator[Test]:
    """Tests that make each of their checks whenever they run; of two with one name only one may."""
    counts = [test.node.name for test in found]
    for test in found:
        if not test.returns and counts.count(test.node.name) == 1:
            yield test


def _is_known(check: Check) -> bool:
    return bool(check.cells)


def _swaps(number: int, check: Check) -> dict[int, ast.expr]:
    arguments: list[ast.expr] = [ast.Constant(number), check.got, *([check.wanted] if check.is_table else [])]
    found = ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant(_MODULE)], [])
    swaps: dict[int, ast.expr] = {id(check.node): ast.Call(ast.Attribute(found, "got", ast.Load()), arguments, [])}
    if check.is_table:
        swaps |= {id(cell): ast.Constant(row) for row, cell in enumerate(check.cells)}
    return swaps


class _Blinding:
    """Copies a tree, without what is expected, and without what is said of it in messages and documentation."""

    def __init__(self, swaps: Mapping[int, ast.expr], documented: frozenset[int]) -> None:
        """`documented` are the nodes whose docstring goes: tests, and what they are in. Of others it may be asked."""
        self._swaps = swaps
        self._documented = documented

    def visit(self, node: ast.AST) -> ast.AST:
        node = self._swaps.get(id(node), node)
        copied = type(node)(**{name: self._copied(getattr(node, name, None)) for name in node._fields})
        if isinstance(copied, ast.stmt):
            copied.lineno = 1  # whoever writes statements out asks for it
        if isinstance(copied, ast.Assert):
            copied.msg = None
        if id(node) in self._documented and isinstance(copied, ast.Module | ast.ClassDef | Function):
            copied.body = copied.body[python_code.is_string(copied.body[0]) :] or [ast.Pass()]
        return copied

    def _copied(self, value: object) -> object:
        if isinstance(value, ast.AST):
            return self.visit(value)
        return list(map(self._copied, value)) if isinstance(value, list) else value


def _without(found: Examined, swaps: Mapping[int, ast.expr]) -> str:
    """The text of a file of tests with these nodes swapped; empty where that cannot be done."""
    classes = (node for node in found.tree.body if isinstance(node, ast.ClassDef))
    documented = () if found.reads_documentation else (found.tree, *classes, *(test.node for test in found.tests))
    try:
        return ast.unparse(_Blinding(swaps, frozenset(map(id, documented))).visit(found.tree))
    except (RecursionError, ValueError):
        return ""


def _lines(written: bytes) -> Iterator[tuple[int, int, str]]:
    for line in written.decode("utf-8", "replace").split("\n")[:_MOST_LINES]:
        number, _, rest = line.partition(" ")
        row, _, said = rest.partition(" ")
        if number.isascii() and row.isascii() and number.isdigit() and row.isdigit() and len(line) - len(said) < 20:
            yield int(number), int(row), said


def _is(said: str, wanted: object) -> bool:
    """Whether what was written is the value; what is written is parsed only where it is no longer than it should be."""
    known = repr(wanted)
    if said == known:
        return True
    if len(said) > 2 * len(known) + 64:
        return False
    try:
        return _same(ast.literal_eval(said), wanted)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False


def _same(left: object, right: object) -> bool:
    """As the tests of examples compare: floats may differ by what rounding does."""
    if isinstance(left, float) and isinstance(right, int | float) and not isinstance(right, bool):
        return left == right or math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(left, list | tuple) and type(left) is type(right) and len(left) == len(cast("list[object]", right)):
        return all(map(_same, left, cast("list[object]", right)))
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        return all(_same(left[key], right[key]) for key in left)
    return bool(left == right)
