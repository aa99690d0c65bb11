"""Tests turned round, so that each must fail: what passes them too deceives its tests.

Code under test shares the runner's process. It can hand out values that equal everything, take what is expected from
its caller, swallow failures, or write the report itself; a report of such code says "passed" whatever is tested. So
tests that pass, and whose outcome `blind` cannot prove, are run once more with expectations that cannot hold. Honest
code fails them all.

A turned file is the true one but for a few characters of each test: the same names, order, lines and words around
them. Where what is expected is written out, it is another value of the same look. Code that passes would have to tell
one from the other, which means to know what is right, or to read and judge the tests. Where nothing is written out, it
needs less: a comparison with a value that is worked out, an error that is wanted, and a bare assertion are turned in
ways that code which reads its caller can learn to recognise.
"""

from __future__ import annotations

import ast
import io
import math
import random
import re
import secrets
import string
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from codeteam.domain.evidence import TestReport
from codeteam.domain.languages import is_test
from codeteam.domain.source import SourceFile
from codeteam.team import python_code
from codeteam.team.doctests import turned_session
from codeteam.team.examples import Example
from codeteam.team.expectations import Check, Test, examined
from codeteam.team.reports import test_of

LARGEST = 100_000
"""Bytes of test files that are examined; reading as many takes about a second."""
_ERRORS = ("BufferError", "BlockingIOError", "ChildProcessError", "FloatingPointError", "InterruptedError")
"""Errors that honest code does not raise by another name."""
_CHOICE = random.SystemRandom()
_T = TypeVar("_T")
_Splice = tuple[ast.AST, str]
"""A node, and the text that takes its place."""


def too_large(tests: Iterable[SourceFile]) -> str:
    """Why tests are not examined, in words; empty when they can be."""
    size = sum(len(file.text.encode("utf-8", "replace")) for file in tests if file.path.endswith(".py"))
    if size <= LARGEST:
        return ""
    return f"The tests have {size:,} bytes; of more than {LARGEST:,} it is not known whether the code deceives them."


def turned(tests: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """Test files in which every test expects something else, in one place; others stay as they are.

    What cannot be turned, as it does not parse, is left out.
    """
    return tuple(
        SourceFile(file.path, text)
        for file in tests
        if file.path.endswith(".py") and (text := _turned(file.text) if is_test(file.path) else file.text)
    )


def turned_examples(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The same calls and sessions with other results."""
    return tuple(map(_other_example, examples))


def deception(report: TestReport) -> str:
    """What the report of turned tests gives away, in words; empty when all failed as they must."""
    names = (test_of(case.name) for case in report.cases if case.outcome == "passed")
    if passed := tuple(dict.fromkeys(names)):
        return f"These tests pass whatever they expect, so the code deceives its tests: {', '.join(passed[:5])}."
    failed = any(case.outcome in ("failed", "error") for case in report.cases)
    return "" if failed or not report.problem else f"Made so that they must fail, the tests do not: {report.problem}"


def altered(text: str) -> str | None:
    """A literal of the same look that is another value, as source; None where none is found."""
    try:
        value = ast.literal_eval(text)
        places = list(_places(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    _CHOICE.shuffle(places)
    for start, end, others in places[:20]:
        for other in others:
            candidate = text[:start] + other + text[end:]
            try:
                if _differs(value, ast.literal_eval(candidate)):
                    return candidate
            except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
                continue
    return _grown(value)


def _other_example(example: Example) -> Example:
    if example.kind == "raises":
        return replace(example, expected=_another_error(example.expected))
    if example.kind == "doctest":
        return replace(example, call=turned_session(example.call, altered, _another_error))
    return replace(example, expected=altered(example.expected) or repr(_word()))


def _turned(text: str) -> str:
    bare = text.removeprefix("\ufeff")
    if not python_code.parses(bare):
        return ""
    lines = [line.encode("utf-8", "surrogateescape") for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", bare)]
    splices: list[_Splice] = []
    for test in examined(bare).tests:
        splices += _turning(test, lines)
    edits = sorted({(*_span(node), other) for node, other in splices}, reverse=True)
    for (first, start), (last, end), other in edits:
        joined = lines[first][:start] + other.encode("utf-8", "surrogateescape") + lines[last][end:]
        lines[first : last + 1] = [joined, *[b""] * (last - first)]
    changed = b"".join(lines).decode("utf-8", "surrogateescape")
    return changed if python_code.parses(changed) else ""


def _turning(test: Test, lines: Sequence[bytes]) -> list[_Splice]:
    """What makes a test fail: other values if any are written out, else whatever else it wants, else its end."""
    returns: list[_Splice] = [(node, "assert False") for node in test.returns]
    known = [splices for check in _shuffled(test.checks) if (splices := _other_cells(check, lines))]
    if known:
        return [*returns, *known[0]]
    for check in _shuffled(test.checks):
        return [*returns, (check.wanted, f"({_source(check.wanted, lines)}, {_word()!r})")]
    for kind in _shuffled(test.raised):
        return [*returns, (kind, _another_error(_source(kind, lines)))]
    for said in _shuffled(test.asserted):
        return [*returns, (said, f"(not ({_source(said, lines)}))")]
    last = test.node.body[-1]
    if isinstance(last, ast.Return):
        return returns
    line, column = test.node.body[0].lineno - 1, test.node.body[0].col_offset
    indent = "" if lines[line][:column].strip() else lines[line][:column].decode()
    joint = f"\n{indent}" if indent else "; "
    return [*returns, (last, f"{_source(last, lines)}{joint}assert False")]


def _other_cells(check: Check, lines: Sequence[bytes]) -> list[_Splice]:
    """Other values for what is written out, in every row of a table; none where one has no other."""
    cells = check.cells or _approximate(check.wanted)
    splices: list[_Splice] = [(cell, other) for cell in cells if (other := altered(_source(cell, lines))) is not None]
    return splices if len(splices) == len(cells) else []


def _approximate(wanted: ast.expr) -> tuple[ast.expr, ...]:
    """The number in `approx(number)`."""
    if not isinstance(wanted, ast.Call) or wanted.keywords or len(wanted.args) != 1:
        return ()
    name = wanted.func.attr if isinstance(wanted.func, ast.Attribute) else getattr(wanted.func, "id", "")
    return (wanted.args[0],) if name == "approx" else ()


def _span(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    place = node  # every node of an expression or a statement has its place
    return (
        (getattr(place, "lineno", 1) - 1, getattr(place, "col_offset", 0)),
        (getattr(place, "end_lineno", 1) - 1, getattr(place, "end_col_offset", 0)),
    )


def _source(node: ast.AST, lines: Sequence[bytes]) -> str:
    (first, start), (last, end) = _span(node)
    if first == last:
        return lines[first][start:end].decode("utf-8", "surrogateescape")
    raw = b"".join([lines[first][start:], *lines[first + 1 : last], lines[last][:end]])
    return raw.decode("utf-8", "surrogateescape")


def _places(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Places in a literal's source where a letter, a digit or a word can be another, and those others."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(f"({text}\n)").readline):
        # The bracket in front, which lets the literal go over lines, is one character of the first of them.
        (row, column), word = token.start, token.string
        at = starts[row - 1] + column - (row == 1) if row <= len(starts) else 0
        if token.type == tokenize.NAME and word in ("True", "False", "None"):
            yield at, at + len(word), ["False" if word == "True" else "True"]
        elif token.type == tokenize.NUMBER:
            for index, digit in enumerate(word):
                if digit.isdigit():
                    yield at + index, at + index + 1, _others(digit, string.digits)
        elif token.type == tokenize.STRING:
            begin = re.match(r"[A-Za-z]*(?:\"\"\"|'''|.)", word)
            quotes = len(begin[0].lstrip(string.ascii_letters)) if begin else 1
            inside = range(begin.end() if begin else 1, len(word) - quotes)
            for index in inside:
                if word[index].isascii() and word[index].isalnum() and "\\" not in word[max(0, index - 10) : index]:
                    yield at + index, at + index + 1, _others(word[index], _kind(word[index]))


def _kind(letter: str) -> str:
    kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    return next(kind for kind in kinds if letter in kind)


def _others(letter: str, kind: str) -> list[str]:
    return _CHOICE.sample(kind.replace(letter, ""), 4)


def _differs(one: object, other: object) -> bool:
    """Whether they are unequal, and not by as little as comparisons of floats forgive."""
    number = int | float
    if isinstance(one, number) and isinstance(other, number) and (isinstance(one, float) or isinstance(other, float)):
        return not math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-3)
    if isinstance(one, list | tuple) and type(one) is type(other) and len(one) == len(other):
        return any(map(_differs, one, other))
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return any(_differs(one[key], other[key]) for key in one)
    return one != other


def _grown(value: object) -> str | None:
    """What has no letter and no digit to change gets something more."""
    match value:
        case str():
            return repr(value + _word()[0])
        case bytes():
            return repr(value + _word()[:1].encode())
        case list():
            return repr([*value, 0])
        case tuple():
            return repr((*value, 0))
        case dict():
            return repr({**value, 0: 0})
        case set():
            return repr({*value, 0})
        case _:
            return None


def _another_error(name: str) -> str:
    return _CHOICE.choice([error for error in _ERRORS if error != name])


def _shuffled(items: Sequence[_T]) -> list[_T]:
    return _CHOICE.sample(items, len(items))


def _word() -> str:
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(5))
