"""Acceptance tests from the requirement's own examples: doctests, `f(x) == y`, `f(x) -> y`, `f(x) raises E`.

Only what can be read with certainty is run: the left side must parse as an expression that calls something, the
right side as a literal. What looks like an example and is not that is listed for the user, never guessed.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeteam.domain.source import SourceFile
from codeteam.team.doctests import called_in, take_doctests
from codeteam.team.python_code import module_name, parse, top_level_names
from codeteam.team.statements import LONGEST, is_doubtful_heading, read_line

TEST_PATH = "test_codeteam_examples.py"
"""Where the acceptance tests are written in the sandbox; they are never part of a proposal."""

_FENCE = re.compile(r"\s*(?:```|~~~)")
_LISTED = re.compile(r"\s*(?:>\s*)?(?:[-*+|]|\d{1,3}[.)])\s")
_ASYNC = re.compile(r"\basync\s+def\s+(\w+)|\bawait\s+(\w+)\(")
_ALL_ASYNC = re.compile(r"\b(?:async|asynchronous|coroutine)\s+(?:function|method|generator)s?\b", re.IGNORECASE)
_MOST = 100
_LONGEST_TEXT = 300_000
"""Characters of a requirement in which examples are looked for."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example that can be checked."""

    text: str
    """As the requirement has it."""
    call: str
    """The expression to evaluate; for a doctest its whole source."""
    expected: str
    """A literal, an exception's name, or the output that a doctest wants."""
    kind: str
    """"equal", "raises" or "doctest"; "blind" where `expected` is the number of a value that is kept elsewhere."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What a requirement gives."""

    run: tuple[Example, ...]
    left_out: tuple[str, ...]
    """Lines that look like examples but cannot be read with certainty."""


def read_examples(requirement: str) -> Examples:
    """The examples in a requirement's text, at most a hundred; what is beyond is listed as left out."""
    text = requirement[:_LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    sessions, unread, rest = take_doctests(text)
    found = dict.fromkeys(Example(session.strip(), session, "", "doctest") for session in sessions)
    left_out = dict.fromkeys(unread)
    for piece, examples in _pieces(rest):
        found.update(dict.fromkeys(examples))
        if not examples:
            left_out[piece] = None
        if len(found) + len(left_out) > 10 * _MOST:
            break
    certain = _without_waiting(text, _without_contradictions(list(found), left_out), left_out)
    left_out.update(dict.fromkeys(example.text for example in certain[_MOST:]))
    more = len(left_out) - _MOST
    listed = list(left_out)[:_MOST] + ([f"and {more} more"] if more > 0 else [])
    return Examples(tuple(certain[:_MOST]), tuple(line[:LONGEST] for line in listed))


def _pieces(text: str) -> Iterator[tuple[str, tuple[Example, ...]]]:
    """What looks like an example, and what it says; nothing where it stands under words that put it in doubt."""
    code = doubtful = below_heading = False
    assigned: set[str] = set()
    for line in text.split("\n"):
        if _FENCE.match(line):
            code, assigned = not code, set()
            continue
        if code:
            assigned |= set(re.findall(r"^\s*(\w+)\s*=[^=]", line[:LONGEST]))
        elif line.startswith("#"):
            doubtful, below_heading = False, is_doubtful_heading(line[:LONGEST])
        elif line.rstrip().endswith(":"):
            doubtful = is_doubtful_heading(line[:LONGEST])
        elif line.strip() and not _LISTED.match(line) and not line.startswith((" ", "\t", "`")):
            doubtful = False
        for piece, said in read_line(line, code=code):
            sure = not (doubtful or below_heading) and not any(
                name in assigned for item in said for name in _loaded(item.call)
            )
            yield piece, tuple(Example(piece, item.call, item.expected, item.kind) for item in said if sure)


def _without_contradictions(examples: list[Example], left_out: dict[str, None]) -> list[Example]:
    """Where the requirement says two things of one call, neither is certain."""
    said: dict[str, set[tuple[str, str]]] = {}
    for example in examples:
        if example.kind != "doctest":
            said.setdefault(_normal(example.call), set()).add((example.kind, _normal(example.expected)))
    certain: dict[tuple[str, str], Example] = {}
    for example in examples:
        if example.kind == "doctest":
            certain[example.call, ""] = example
        elif len(said[_normal(example.call)]) > 1:
            left_out[example.text] = None
        else:
            certain.setdefault((_normal(example.call), "call"), example)
    return list(certain.values())


def _without_waiting(text: str, examples: list[Example], left_out: dict[str, None]) -> list[Example]:
    """Without the examples of asynchronous functions: as they are written they give a coroutine."""
    waiting = {name for match in _ASYNC.finditer(text) for name in match.groups() if name}
    every = bool(_ALL_ASYNC.search(text))
    kept: list[Example] = []
    for example in examples:
        session = example.kind == "doctest"
        names = set(called_in(example.call)) if session else _loaded(example.call)
        # A session that runs the coroutine says what comes of it.
        if (every or names & waiting) and not (session and "asyncio.run(" in example.call):
            left_out[example.text] = None
        else:
            kept.append(example)
    return kept


def _normal(text: str) -> str:
    return ast.unparse(ast.parse(text, mode="eval"))


def _loaded(text: str) -> set[str]:
    tree = parse(text)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else set()


def acceptance_test(examples: tuple[Example, ...], files: tuple[SourceFile, ...], roots: tuple[str, ...]) -> str:
    """A pytest file that checks the examples against the files that define their names, the first of them counts.

    Names are looked up when a test runs, and only where they can be: a module that does not import fails the tests
    that need it and no others.
    """
    names = sorted({name for example in examples for name in _names(example)})
    code = [file for file in files if file.path.endswith(".py")]
    tops = {file.path: top_level_names(file.text) for file in code}
    places: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        # First the files that define a name, then those that may hand it on.
        order = sorted(code, key=lambda file: name not in tops[file.path])
        places[name] = [(module_name(file.path, roots), file.path) for file in order]
    tests = (_test(number, example) for number, example in enumerate(examples, 1))
    return f"{_SCAFFOLD}\n\n_PLACES = {places!r}\n{''.join(tests)}"


_SCAFFOLD = '''\
"""The examples that the requirement gives."""
import ast
import builtins
import doctest
import importlib
import importlib.util
import math
import re

import pytest


def _found(name):
    problem = None
    for module, path in _PLACES[name]:
        try:
            loaded = importlib.import_module(module) if module else _by_path(path)
        except Exception as error:
            problem = problem or error
            continue
        if hasattr(loaded, name):
            return getattr(loaded, name)
    raise problem or NameError(f"no module defines {name}")


def _by_path(path):
    spec = importlib.util.spec_from_file_location(re.sub(r"\\W", "_", path), path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def _scope(names):
    scope = {"__name__": "requirement"}
    for name in names:
        scope[name] = _found(name)
    return scope


def _same(left, right):
    if isinstance(left, float) and isinstance(right, (int, float)) and not isinstance(right, bool):
        return left == right or math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    if type(left) is type(right) and isinstance(left, (list, tuple)) and len(left) == len(right):
        return all(map(_same, left, right))
    if type(left) is type(right) is dict and left.keys() == right.keys():
        return all(_same(left[key], right[key]) for key in left)
    return bool(left == right)


def _shown(value):
    try:
        return repr(value)[:300]
    except Exception as error:
        return f"a {type(value).__name__} whose repr fails with {type(error).__name__}"


class _Checker(doctest.OutputChecker):
    """Takes equal values for equal output, and an exception by its name for one with its module's before it."""

    def check_output(self, want, got, flags):
        if super().check_output(want, got, flags):
            return True
        bare = re.sub(r"^(?:\\w+\\.)+(?=\\w+(?:Error|Exception|[A-Z]\\w*)\\b)", "", got)
        if bare != got and super().check_output(want, bare, flags):
            return True
        try:
            left, right = ast.literal_eval(got.strip()), ast.literal_eval(want.strip())
        except Exception:
            return False
        return type(left) is type(right) and _same(left, right)
'''


def _test(number: int, example: Example) -> str:
    names = sorted(_names(example) - {example.expected})
    # Nothing but the code says what is expected: a comment would tell a turned example from a true one.
    head = f"\n\ndef test_example_{number}():\n"
    if example.kind == "doctest":
        return (
            f"{head}    source = {example.call!r}\n"
            f"    test = doctest.DocTestParser().get_doctest(source, _scope({names!r}), 'requirement', None, 0)\n"
            "    said = []\n"
            "    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS\n"
            "    runner = doctest.DocTestRunner(checker=_Checker(), verbose=False, optionflags=flags)\n"
            "    result = runner.run(test, out=said.append)\n"
            "    assert result.attempted and not result.failed, ''.join(said)\n"
        )
    if example.kind == "raises":
        return (
            f"{head}    scope = _scope({names!r})\n"
            f"    name = {example.expected!r}\n"
            "    expected = getattr(builtins, name) if hasattr(builtins, name) else _found(name)\n"
            f"    with pytest.raises(expected):\n        eval({example.call!r}, scope)\n"
        )
    if example.kind == "blind":
        said = f"__import__('codeteam_got').got({example.expected}, eval({example.call!r}, _scope({names!r})))"
        return f"{head}    assert {said}\n"
    return (
        f"{head}    got = eval({example.call!r}, _scope({names!r}))\n"
        f"    expected = eval({example.expected!r}, {{}})\n"
        f"    assert _same(got, expected), {example.call!r} + f' is {{_shown(got)}}, not {{_shown(expected)}}'\n"
    )


def _names(example: Example) -> set[str]:
    if example.kind == "doctest":
        names = set(called_in(example.call))
    else:
        names = _loaded(example.call) | ({example.expected} if example.kind == "raises" else set())
    return {name for name in names if not hasattr(builtins, name)}


def called_names(examples: tuple[Example, ...]) -> tuple[str, ...]:
    """Names that the examples use and someone has to define, in order of appearance."""
    seen: dict[str, None] = {}
    for example in examples:
        names = called_in(example.call) if example.kind == "doctest" else sorted(_loaded(example.call))
        seen.update(dict.fromkeys(name for name in names if not hasattr(builtins, name)))
    return tuple(seen)
