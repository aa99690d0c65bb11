"""Tests turned round, so that each must fail: what passes them too deceives its tests.

Code under test shares the runner's process. It can hand out values that equal everything, take what is expected from
its caller, swallow failures, or write the report itself; a report of such code says "passed" whatever is tested. So
tests that pass are run once more with expectations that cannot hold. Honest code fails them all. Code that passes
would have to tell one from the other, which means to know what is right, or to read and judge the tests.
"""

from __future__ import annotations

import ast
import re
import secrets
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from codeteam.domain.evidence import TestReport
from codeteam.domain.languages import is_test
from codeteam.domain.source import SourceFile
from codeteam.team import python_code
from codeteam.team.examples import Example
from codeteam.team.reports import test_of

_MOST = 8
"""Turned twins of one test at most; each has another of its expectations turned."""
_MOST_OF_A_FILE = 200
_MARKED = re.compile(r"_[a-z]{5}$")
"""What a twin's name has more than its test's."""
_TRANSPARENT = (
    "open", "TemporaryDirectory", "NamedTemporaryFile", "TestClient", "patch", "object", "dict", "multiple", "context",
    "closing", "nullcontext", "catch_warnings", "localcontext", "connect", "chdir",
)  # fmt: skip
"""Context managers that let a failing assertion through; of others it is not known."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Node = TypeVar("_Node", bound=ast.AST)


def turned(tests: Iterable[SourceFile], most: int = _MOST) -> tuple[SourceFile, ...]:
    """Test files in which every test was replaced by at most so many twins that must fail; others stay as they are.

    What cannot be turned, as it does not parse, is left out.
    """
    return tuple(
        SourceFile(file.path, text)
        for file in tests
        if file.path.endswith(".py") and (text := _turned(file.text, most) if is_test(file.path) else file.text)
    )


def turned_examples(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The same calls with other results; sessions stay as they are, for `turned` to deal with."""
    return tuple(
        replace(example, expected="BufferError" if example.expected != "BufferError" else "LookupError")
        if example.kind == "raises"
        else replace(example, expected=_another_literal(example.expected))
        if example.kind == "equal"
        else example
        for example in examples
    )


def deception(report: TestReport) -> str:
    """What the report of turned tests gives away, in words; empty when all failed as they must."""
    names = (test_of(case.name) for case in report.cases if case.outcome == "passed")
    if passed := tuple(dict.fromkeys(_MARKED.sub("", name) for name in names)):
        return f"These tests pass whatever they expect, so the code deceives its tests: {', '.join(passed[:5])}."
    failed = any(case.outcome in ("failed", "error") for case in report.cases)
    return "" if failed or not report.problem else f"Made so that they must fail, the tests do not: {report.problem}"


def _turned(text: str, most: int) -> str:
    tree = python_code.parse(text)
    if tree is None:
        return ""
    names = python_code.names_of_tests(text)
    _turn_body(tree.body, names, max(1, min(most, _MOST_OF_A_FILE // max(len(names), 1))))
    try:
        return ast.unparse(ast.fix_missing_locations(tree))
    except (RecursionError, ValueError):
        return ""


def _turn_body(body: list[ast.stmt], names: frozenset[str], most: int) -> None:
    for node in tuple(body):
        if isinstance(node, _Function) and node.name in names:
            at = body.index(node)
            body[at : at + 1] = _twins(node, most)
        else:
            for inner in ("body", "orelse", "handlers", "finalbody"):
                if not isinstance(node, _Function) and isinstance(getattr(node, inner, None), list):
                    _turn_body(getattr(node, inner), names, most)


def _twins(test: _Function, most: int) -> Iterator[_Function]:
    """Each with one expectation turned; of a test without any that is surely reached, one that fails at its end."""
    count = len(list(_expectations(test.body)))
    for number in range(min(count, most)):
        twin = _twin(test)
        owner, field, index = list(_expectations(twin.body))[number]
        sides = getattr(owner, field)
        sides[index] = _another(sides[index])
        yield twin
    if not count:
        twin = _twin(test)
        twin.body.append(_failure())
        yield twin


def _twin(test: _Function) -> _Function:
    """The same test under another name, but that it fails where it returns early."""
    twin = _copied(test)
    twin.name = f"{test.name}_{_word()}"
    twin.body = [_Returns().visit(node) for node in twin.body]
    return twin


def _copied(node: _Node) -> _Node:
    """A tree of its own, as `copy.deepcopy` makes it in several times the time; marks without fields are shared."""
    if not node._fields:
        return node
    twin = type(node)()
    for name, value in vars(node).items():
        if isinstance(value, list):
            setattr(twin, name, [_copied(item) if isinstance(item, ast.AST) else item for item in value])
        else:
            setattr(twin, name, _copied(value) if isinstance(value, ast.AST) else value)
    return twin


_Place = tuple[ast.AST, str, int]
"""A node, a list in it, and the index there of what is expected."""


def _expectations(body: Iterable[ast.stmt]) -> Iterator[_Place]:
    """What is expected in those comparisons for equality that a passing test surely makes."""
    for node in body:
        if isinstance(node, ast.With | ast.AsyncWith) and all(map(_is_transparent, node.items)):
            yield from _expectations(node.body)
        elif isinstance(node, ast.Assert):
            yield from _compared(node.test)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Attribute) and call.func.attr == "assertEqual" and len(call.args) >= 2:
                yield call, "args", 0 if _calls(call.args[1]) and not _calls(call.args[0]) else 1


def _compared(test: ast.expr) -> Iterator[_Place]:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for value in test.values:
            yield from _compared(value)
    elif isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        if _calls(test.comparators[0]) and not _calls(test.left):
            # What is expected stands on the left: turned round, so that it can be reached as the right side is.
            test.left, test.comparators[0] = test.comparators[0], test.left
        yield test, "comparators", 0


def _is_transparent(item: ast.withitem) -> bool:
    call = item.context_expr
    name = call.func if isinstance(call, ast.Call) else call
    return (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) in _TRANSPARENT


def _calls(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Call | ast.Await) for inner in ast.walk(node))


def _another(node: ast.expr) -> ast.expr:
    """What no honest value that equals the node equals too."""
    try:
        return ast.parse(_another_literal(ast.unparse(node)), mode="eval").body
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return ast.Tuple([node, ast.Constant(_word())], ast.Load())


def _another_literal(text: str) -> str:
    """A literal of the same kind that is another value."""
    value = ast.literal_eval(text)
    word, number = _word(), secrets.randbelow(900) + 3
    match value:
        case bool():
            other: object = not value
        case int() | float() | complex():
            other = value + number if value == value and abs(value) < 2**40 else float(number)  # noqa: PLR0124 - NaN
        case str():
            other = value + word
        case bytes():
            other = value + word.encode()
        case list():
            other = [*value, word]
        case tuple():
            other = (*value, word)
        case set() | frozenset():
            other = {*value, word}
        case dict():
            other = {**value, word: number}
        case _:
            other = word
    return repr(other)


class _Returns(ast.NodeTransformer):
    """Where a test returns, it fails."""

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        return _failure()

    def _own(self, node: ast.AST) -> ast.AST:
        return node  # a function in a test returns as ever

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _own  # noqa: N815 - as `ast` calls it


def _failure() -> ast.stmt:
    return ast.Assert(ast.Compare(ast.Constant(_word()), [ast.Eq()], [ast.Constant(_word() + "s")]), None)


def _word() -> str:
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(5))
