"""Tests that fail, as findings: at the code that they call, with the test as the place to look at."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from codeteam.domain.diff import split_lines
from codeteam.domain.evidence import TestCase
from codeteam.domain.findings import Finding, Related, Severity, fingerprint
from codeteam.domain.languages import is_test, tongue_of
from codeteam.domain.source import SourceFile
from codeteam.team import python_code
from codeteam.team.bench import Verdict
from codeteam.team.checks import MOST_FINDINGS
from codeteam.team.code import code_of
from codeteam.team.testing import asserted, failing_cases

RULE = "test/failed"
_FRAME = re.compile(r"^(\S+\.py):(\d{1,7}):", re.MULTILINE)
_OTHER_FRAME = re.compile(
    r"(?:^|[\s(])(?:file://)?([^\s():]{1,300}\.(?:[cm]?[jt]s|go|rs)):(\d{1,7})\b"
    r"|\bfile ([^\s():]{1,300}\.(?:sh|bash|bats)), line (\d{1,7})",
    re.MULTILINE,
)
"""As Node, Go, cargo and bats tell where they were, the innermost first."""
_PLACE = re.compile(r"\(.*\bfile .*line \d+\)$")
"""A line in which bats says where a test failed, and no more."""
_REACH = 30
"""Lines of a test that are looked through for what it calls."""
_LONGEST = 300
"""Characters of what a test says; it stands in the editor's list of problems."""


def with_failing_tests(best: Verdict | None) -> Verdict | None:
    """The verdict with a finding for each line of the code where tests fail, before the others."""
    if best is None or best.report is None or best.report.ok:
        return best
    tests = best.tests.files if best.tests else ()
    code = [file for file in best.draft.files if tongue_of(file.path) and not is_test(file.path)]
    found: dict[str, Finding] = {}
    for case in failing_cases(best.report):
        python = [file for file in tests if file.path.endswith(".py")]
        finding = _finding(case, code, python) if python else _other_finding(case, code, tests)
        if finding is not None:
            earlier = found.get(finding.fingerprint)
            related = (*(earlier.related if earlier else ()), *finding.related)
            found[finding.fingerprint] = replace(earlier or finding, related=related[:MOST_FINDINGS])
    return replace(best, findings=(*found.values(), *best.findings)[:MOST_FINDINGS])


def _finding(case: TestCase, code: Sequence[SourceFile], tests: Sequence[SourceFile]) -> Finding | None:
    frames = [(path, int(line)) for path, line in _FRAME.findall(case.message)]
    name = case.name.partition("::")[2] or case.name
    test = next((file for file in tests if _function(file.text, name) is not None), None)
    place = _blown(frames, code) or (_called(test.text, name, code) if test else None)
    if place is None:
        return None
    return _told(case, name, place, (test.path, _failing_line(test, name, frames)) if test else None)


def _other_finding(case: TestCase, code: Sequence[SourceFile], tests: Sequence[SourceFile]) -> Finding | None:
    """In languages other than Python, whose tests are known by what their runner says alone."""
    name = case.name.partition("::")[2]
    told = [(path or shell, int(line or at)) for path, line, shell, at in _OTHER_FRAME.findall(case.message)]
    inside = [(file, line) for path, line in told if (file := _named(path, (*tests, *code))) and _line(file.text, line)]
    failed = next(((file, line) for file, line in inside if file in tests), None) or _begun(case.name, tests)
    place = next(((file, line) for file, line in inside if file in code), None)
    if place is None and failed is not None:
        place = _used(failed[0].text, failed[1], code)
    return _told(case, name, place, (failed[0].path, failed[1]) if failed else None) if place and name else None


def _named(path: str, files: Sequence[SourceFile]) -> SourceFile | None:
    """The file that a runner means by a path that may begin, or end, elsewhere."""
    meant = [file for file in files if f"/{path}".endswith(f"/{file.path}") or f"/{file.path}".endswith(f"/{path}")]
    return max(meant, key=lambda file: len(file.path), default=None)


def _begun(case: str, tests: Sequence[SourceFile]) -> tuple[SourceFile, int] | None:
    """Where a test begins, by its name."""
    path, _, name = case.partition("::")
    for file in sorted(tests, key=lambda file: file.path != path):
        for number, line in enumerate(split_lines(file.text), 1):
            if name and name.partition("/")[0] in line:
                return file, number
    return None


def _used(test: str, at: int, code: Sequence[SourceFile]) -> tuple[SourceFile, int] | None:
    """The definition that the failing line names, else one of the lines above it, else of those below."""
    lines = split_lines(test)
    places = {
        defined.rpartition(".")[2]: (file, line)
        for file in code
        for defined, line in code_of(file.path).definition_lines(file.text).items()
    }
    for text in (*reversed(lines[max(0, at - _REACH) : at]), *lines[at : at + _REACH]):
        named = next((places[word] for word in re.findall(r"[\w$-]+", text) if word in places), None)
        if named is not None:
            return named
    return None


def _told(case: TestCase, name: str, place: tuple[SourceFile, int], failed: tuple[str, int] | None) -> Finding:
    file, line = place
    quote = _line(file.text, line)
    lines = asserted(case.message).split("\n")
    said = next((line.strip() for line in lines if not _PLACE.match(line)), lines[0])[:_LONGEST]
    related = (Related(*failed, f"{name} fails: {said}"),) if failed else ()
    message = f"The test {name} fails: {said}" if said else f"The test {name} fails."
    mark = fingerprint(RULE, file.path, quote)
    return Finding(RULE, Severity.ERROR, file.path, line, line, quote, message, fingerprint=mark, related=related)


def _blown(frames: Sequence[tuple[str, int]], code: Sequence[SourceFile]) -> tuple[SourceFile, int] | None:
    """The innermost line of the code that an exception passed."""
    by_path = {file.path: file for file in code}
    inside = [(by_path[path], line) for path, line in frames if path in by_path and _line(by_path[path].text, line)]
    return inside[-1] if inside else None


def _called(test: str, name: str, code: Sequence[SourceFile]) -> tuple[SourceFile, int] | None:
    """The definition that a test calls first."""
    function = _function(test, name)
    for node in ast.walk(function) if function else ():
        callee = node.func if isinstance(node, ast.Call) else None
        word = callee.id if isinstance(callee, ast.Name) else callee.attr if isinstance(callee, ast.Attribute) else ""
        for file in code:
            for defined, line in python_code.definition_lines(file.text).items():
                if word and word == defined.rpartition(".")[2]:
                    return file, line
    return None


def _failing_line(test: SourceFile, name: str, frames: Sequence[tuple[str, int]]) -> int:
    """Where the test failed, else where it begins."""
    lines = [line for path, line in frames if path == test.path]
    function = _function(test.text, name)
    return lines[0] if lines else function.lineno if function else 1


def _function(text: str, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    bare = name.partition("[")[0].rpartition("::")[2]
    tree = python_code.parse(text)
    nodes = ast.walk(tree) if tree else ()
    return next(
        (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == bare), None
    )


def _line(text: str, line: int) -> str:
    lines = split_lines(text)
    return lines[line - 1].rstrip("\r\n") if 0 < line <= len(lines) and lines[line - 1].strip() else ""
