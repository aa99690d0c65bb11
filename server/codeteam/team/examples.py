"""Acceptance tests from the requirement's own examples: doctests, `f(x) == y`, `f(x) -> y`, `f(x) raises E`.

Only what can be read with certainty is run: the left side must parse as an expression that calls something, the
right side as a literal. What looks like an example and is not that is listed for the user, never guessed.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeteam.domain.source import SourceFile
from codeteam.team.python_code import module_name, parse

TEST_PATH = "test_codeteam_examples.py"
"""Where the acceptance tests are written in the sandbox; they are never part of a proposal."""

_ARROWS = re.compile(r"\s+(?:==|->|→|=>|raises)\s+")
_CANDIDATE = re.compile(r"\b[A-Za-z_][\w.]*\(.*\)\s+(?:==|->|→|=>|raises)\s+\S")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_SIGNATURE = re.compile(r"^\s*(?:async\s+)?def\s")
_EXCEPTION = re.compile(r"^[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Iteration|Warning)$")
_MOST = 100


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
    """"equal", "raises" or "doctest"."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What a requirement gives."""

    run: tuple[Example, ...]
    left_out: tuple[str, ...]
    """Lines that look like examples but cannot be read with certainty."""


def read_examples(requirement: str) -> Examples:
    """The examples in a requirement's text, at most a hundred."""
    found: list[Example] = []
    left_out: list[str] = []
    text = requirement.replace("\r\n", "\n")
    rest = _doctests(text, found, left_out)
    for statement in _statements(rest):
        if example := _read(statement):
            if example not in found:
                found.append(example)
        elif statement not in left_out and not _is_signature(statement):
            left_out.append(statement)
    return Examples(tuple(found[:_MOST]), tuple(left_out[:_MOST]))


def _doctests(text: str, found: list[Example], left_out: list[str]) -> str:
    """Takes the doctests out of the text and returns the rest."""
    if ">>>" not in text:
        return text
    kept: list[str] = []
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        inside = bool(block) and line.strip() and not re.match(r"^\s*(?:```|~~~)", line)
        if line.lstrip().startswith(">>>") or inside:
            block.append(line)
            continue
        if block:
            _doctest_block("\n".join(block) + "\n", found, left_out)
            block = []
        kept.append(line)
    return "\n".join(kept)


def _doctest_block(block: str, found: list[Example], left_out: list[str]) -> None:
    try:
        parsed = doctest.DocTestParser().get_examples(block)
        calls = any(isinstance(node, ast.Call) for item in parsed for node in ast.walk(ast.parse(item.source)))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        left_out.append(block.strip())
        return
    if parsed and calls:
        found.append(Example(block.strip(), block, "", "doctest"))
    else:
        left_out.append(block.strip())


def _statements(text: str) -> Iterator[str]:
    """Pieces of the text that look like an example: code spans first, else whole lines without their bullet."""
    for line in text.split("\n"):
        if not _ARROWS.search(line):
            continue
        spans = [span for span in re.findall(r"`([^`]+)`", line) if _CANDIDATE.search(span)]
        if spans:
            yield from (span.strip() for span in spans)
            continue
        plain = _BULLET.sub("", line).replace("`", "").strip()
        plain = re.sub(r"^assert\s+", "", plain)
        if _CANDIDATE.search(plain):
            yield plain


def _read(statement: str) -> Example | None:
    for match in _ARROWS.finditer(statement):
        call, expected = statement[: match.start()].strip(), statement[match.end() :].strip()
        if not _is_call(call):
            continue
        trimmed = re.sub(r"\s+#.*$", "", expected) if _literal(expected) is None else expected
        for right in (trimmed, re.sub(r"[.,;]$", "", trimmed)):
            if match.group().strip() == "raises":
                name = right.removeprefix("a ").removeprefix("an ")
                if _EXCEPTION.match(name):
                    return Example(statement, call, name, "raises")
            elif _literal(right) is not None:
                return Example(statement, call, right, "equal")
    return None


def _is_call(text: str) -> bool:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not hasattr(builtins, node.id)}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    # One name that is called, the rest literals: anything else would have to be guessed.
    return len(names) == 1 and names <= called


def _literal(text: str) -> ast.expr | None:
    try:
        tree = ast.parse(text, mode="eval")
        ast.literal_eval(tree)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    return tree.body


def _is_signature(statement: str) -> bool:
    if _SIGNATURE.match(statement):
        return True
    tree = parse(f"def {statement.rstrip(':')}: ...")
    if tree is None:
        return False
    node = tree.body[0]
    # `f(x) -> y` parses as a signature too: only annotated parameters, or none, make it one for certain.
    return isinstance(node, ast.FunctionDef) and all(argument.annotation for argument in node.args.args)


def acceptance_test(examples: tuple[Example, ...], files: tuple[SourceFile, ...], roots: tuple[str, ...]) -> str:
    """A pytest file that checks the examples against the modules that define their names.

    Names are looked up when a test runs, so that a module that does not import fails its tests and no others.
    """
    names = {name for example in examples for name in _names(example)}
    modules = sorted({name for file in files if file.path.endswith(".py") and (name := module_name(file.path, roots))})
    lines = [
        "import doctest",
        "import importlib",
        "import math",
        "import pytest",
        f"_MODULES = {modules!r}",
        f"_NAMES = {sorted(names)!r}",
        _SCAFFOLD,
    ]
    for number, example in enumerate(examples, 1):
        lines.append(_test(number, example))
    return "\n".join(lines) + "\n"


_SCAFFOLD = """
def _scope():
    scope = {}
    for module in _MODULES:
        loaded = importlib.import_module(module)
        for name in _NAMES:
            if hasattr(loaded, name):
                scope.setdefault(name, getattr(loaded, name))
    return scope


def _same(left, right):
    if isinstance(left, float) and isinstance(right, (int, float)) and not isinstance(right, bool):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return left == right
"""


def _test(number: int, example: Example) -> str:
    head = f"\n\ndef test_example_{number}():\n    # {ascii(example.text)[1:-1][:200]}\n"
    if example.kind == "doctest":
        return (
            f"{head}    source = {example.call!r}\n"
            "    test = doctest.DocTestParser().get_doctest(source, _scope(), 'requirement', None, 0)\n"
            "    said = []\n"
            "    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)\n"
            "    assert result.failed == 0, ''.join(said)\n"
        )
    if example.kind == "raises":
        expected = f"scope.get({example.expected!r}) or getattr(__import__('builtins'), {example.expected!r})"
        return (
            f"{head}    scope = _scope()\n    with pytest.raises({expected}):\n        eval({example.call!r}, scope)\n"
        )
    return (
        f"{head}    scope = _scope()\n    got = eval({example.call!r}, scope)\n"
        f"    expected = eval({example.expected!r}, {{}})\n    assert _same(got, expected)\n"
    )


def _names(example: Example) -> set[str]:
    source = example.call
    if example.kind == "doctest":
        source = "\n".join(item.source for item in doctest.DocTestParser().get_examples(example.call))
    tree = parse(source)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else set()
    if example.kind == "raises":
        names.add(example.expected)
    return {name for name in names if not hasattr(builtins, name)}


def called_names(examples: tuple[Example, ...]) -> tuple[str, ...]:
    """Names that the examples use and someone has to define, in order of appearance."""
    seen: dict[str, None] = {}
    for example in examples:
        if example.kind != "doctest":
            for name in sorted(_names(example)):
                seen.setdefault(name)
    return tuple(seen)
