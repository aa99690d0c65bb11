"""Reads what test runners report. Their reports come out of the sandbox: untrusted."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

from codeteam.domain.evidence import RunResult, TestCase, TestReport
from codeteam.domain.languages import tongue_of

_LONGEST_MESSAGE = 4000
_LARGEST_REPORT = 4 * 1024 * 1024
"""Bytes of a test report; with a thousand tests and all their messages it has less."""
_MOST_CASES = 5000
_LISTED = 500
"""Cases of a report that are kept, with their names; the others are counted."""
_LONGEST_MESSAGES = 256 * 1024
"""Characters that the messages of one report have together."""
_MOST_ELEMENTS = 200_000
_LONGEST_NAME = 500
_DEEPEST = 30


def read_report(  # noqa: PLR0917 - what a run left, and what was expected of it
    run: RunResult,
    report: bytes | None,
    coverage: bytes | None,
    expected: frozenset[str] = frozenset(),
    files: Sequence[str] = (),
    kind: str = "junit",
) -> TestReport:
    """What a test run's report says; the exit code alone is never believed.

    `expected` are names of tests that must be in it, `files` the test files that ran, `kind` is as a row of
    `codeteam.sandbox.languages` has it.
    """
    if run.timed_out:
        return TestReport((), run, problem="The tests did not end in time.")
    if run.out_of_memory:
        return TestReport((), run, problem="The tests used more memory than the sandbox gives.")
    if report is None:
        return TestReport((), run, problem="The test run left no report, so nothing is believed to have passed.")
    cases = _READERS[kind](report, files)
    if cases is None:
        return TestReport((), run, problem="The test report cannot be read.")
    if len(cases) > _MOST_CASES:
        return TestReport((), run, problem=f"The test report has more than {_MOST_CASES:,} cases, so it is not read.")
    names = {test_of(case.name) for case in cases}
    missing = sorted(expected - names)
    failed = any(case.outcome in ("failed", "error") for case in cases)
    problem = ""
    if not cases:
        problem = "No test ran."
    elif missing and all(case.outcome != "error" for case in cases):
        problem = f"These tests are not in the report: {', '.join(missing[:5])}."
    elif run.exit_code and not failed:
        # What is tested shares the runner's process and can write its report; it cannot easily write both.
        problem = f"The report names no failure, but the test run ended with exit code {run.exit_code}."
    listed, unlisted = _bounded(cases)
    return TestReport(listed, run, _percent(coverage), problem, unlisted)


def _bounded(cases: Sequence[TestCase]) -> tuple[tuple[TestCase, ...], tuple[tuple[str, int], ...]]:
    """As much of a report as events, history and people can bear, what failed first; and how many cases it leaves."""
    order = {"failed": 0, "error": 0, "skipped": 1, "passed": 2}
    kept = set(sorted(range(len(cases)), key=lambda at: order.get(cases[at].outcome, 2))[:_LISTED])
    left = _LONGEST_MESSAGES
    listed: list[TestCase] = []
    for case in (cases[at] for at in sorted(kept)):
        fits = len(case.message) <= left
        listed.append(case if fits else replace(case, message="[left out: the messages of the others are too long]"))
        left -= len(case.message) if fits else 0
    counts = Counter(case.outcome for at, case in enumerate(cases) if at not in kept)
    return tuple(listed), tuple(sorted(counts.items()))


def test_of(name: str) -> str:
    """The test that a case is of, by its name in the file.

    Pytest adds parameters, in brackets, Go adds parts, and Rust puts the modules first that a test is in.
    """
    place, _, test = name.partition("::")
    tongue = tongue_of(place)
    if tongue is None:
        return test.partition("[")[0]
    if tongue.name == "rust":
        return test.rpartition("::")[2]
    return test.partition("/")[0] if tongue.name == "go" else test


def _cases(report: bytes, files: Sequence[str]) -> tuple[TestCase, ...] | None:
    """The cases of a JUnit file; None when it is no such file, or made to overwhelm its reader."""
    if len(report) > _LARGEST_REPORT or b"<!DOCTYPE" in report or b"<!ENTITY" in report:
        return None
    cases: list[TestCase] = []
    depth = count = 0
    try:
        text = report.decode("utf-8-sig").encode()  # no other encoding in which a document type could hide
        for event, element in ElementTree.iterparse(io.BytesIO(text), events=("start", "end")):  # noqa: S314 - as above
            depth += 1 if event == "start" else -1
            count += event == "start"
            if depth > _DEEPEST or count > _MOST_ELEMENTS:
                return None
            if event == "end" and element.tag == "testcase":
                cases.append(_case(element, files))
                if len(cases) > _MOST_CASES:
                    break
                element.clear()
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError):
        return None
    return tuple(cases)


def _case(element: ElementTree.Element, files: Sequence[str]) -> TestCase:
    place, own = element.get("file", ""), element.get("name", "")
    # Node names the file apart from the class; and where a file does not load, the file is the only case. Bats has the
    # file's name for a class.
    file = max((path for path in files if place.endswith(f"/{path}")), key=len, default="")
    file = file or next((path for path in files if path.rpartition("/")[2] == element.get("classname", "")), "")
    if file and own in (place, file):
        return TestCase(f"{file}::", "error", _clip((element.findtext("failure") or "it does not load").strip()))
    name = f"{file or element.get('classname', '')}::{own}"[:_LONGEST_NAME]
    for tag, outcome in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        child = element.find(tag)
        if child is not None:
            text = f"{child.get('message', '')}\n{child.text or ''}".strip()
            return TestCase(name, outcome, _clip(text))
    return TestCase(name, "passed")


def _clip(text: str) -> str:
    if len(text) <= _LONGEST_MESSAGE:
        return text
    half = _LONGEST_MESSAGE // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


def _percent(coverage: bytes | None) -> float | None:
    if coverage is None:
        return None
    if coverage.startswith((b"TN:", b"SF:")):
        return _lcov_percent(coverage)
    if coverage.startswith(b"mode:"):
        return _go_percent(coverage)
    try:
        value = json.loads(coverage)["totals"]["percent_covered"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
    return round(float(value), 1) if known else None


def _lcov_percent(coverage: bytes) -> float | None:
    """Lines that ran, of all in an lcov report: `LH` and `LF` of each file."""
    totals = {b"LH": 0, b"LF": 0}
    for kind, digits in re.findall(rb"^(LH|LF):(\d{1,9})$", coverage, re.MULTILINE):
        totals[kind] += int(digits)
    hit, found = totals[b"LH"], totals[b"LF"]
    return round(100 * hit / found, 1) if found and hit <= found else None


def _go_cases(report: bytes, files: Sequence[str]) -> tuple[TestCase, ...] | None:
    """The cases of `go test -json`: an object an event, with the output between a test's beginning and its end."""
    if len(report) > _LARGEST_REPORT:
        return None
    said: dict[tuple[str, str], list[str]] = {}
    cases: list[TestCase] = []
    for line in report.decode("utf-8", "replace").splitlines()[:_MOST_ELEMENTS]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict):
            continue
        package = str(event.get("Package") or event.get("ImportPath") or "").partition(" ")[0]
        action, test = event.get("Action"), str(event.get("Test") or "")
        if action in ("output", "build-output"):
            if event.get("OutputType") != "frame":
                said.setdefault((package, test), []).append(str(event.get("Output", "")))
        elif action == "build-fail":
            message = _clip("".join(said.get((package, ""), [])).strip())
            cases.append(TestCase(f"{_file_of(package, files)}::", "error", message))
        elif action in ("pass", "fail", "skip") and test:
            outcome = {"pass": "passed", "fail": "failed", "skip": "skipped"}[action]
            message = _clip("".join(said.get((package, test), [])).strip()) if action == "fail" else ""
            cases.append(TestCase(f"{_file_of(package, files)}::{test}"[:_LONGEST_NAME], outcome, message))
        if len(cases) > _MOST_CASES:
            break
    return tuple(_without_empty_parents(cases))


def _file_of(package: str, files: Sequence[str]) -> str:
    """A test file of a package, which Go does not name: the first in the folder that the package's path ends with."""
    folders = sorted(files, key=lambda path: -path.count("/"))
    return next((path for path in folders if f"/{package}".endswith(f"/{path.rpartition('/')[0]}")), package)


def _without_empty_parents(cases: Sequence[TestCase]) -> list[TestCase]:
    """A test that failed for one of its parts says nothing itself; the part does."""
    parents: set[str] = set()
    for case in cases:
        # From the innermost out: where one is known, so are those around it.
        parent = case.name.rpartition("/")[0] if case.outcome == "failed" else ""
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    return [case for case in cases if case.outcome != "failed" or case.message or case.name not in parents]


def _go_percent(coverage: bytes) -> float | None:
    """Statements that ran, of all in a cover profile: `place statements count` a line, the first line says the mode."""
    hit = found = 0
    for statements, count in re.findall(rb"^\S+ (\d{1,9}) (\d{1,18})$", coverage, re.MULTILINE):
        found += int(statements)
        hit += int(statements) if int(count) else 0
    return round(100 * hit / found, 1) if found else None


def _rust_cases(report: bytes, files: Sequence[str]) -> tuple[TestCase, ...] | None:
    """The cases of what `codeteam.sandbox.rust_inside` wrote: an object a test file, none twice."""
    if len(report) > _LARGEST_REPORT:
        return None
    cases: list[TestCase] = []
    told: set[str] = set()
    for line in report.decode("utf-8", "replace").splitlines():
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            return None
        path = item.get("file") if isinstance(item, dict) else None
        if not isinstance(path, str) or path not in files or path in told:
            return None
        told.add(path)
        events, code = item.get("events"), item.get("exit")
        if isinstance(events, str) and code in (0, _RUST_FAILED):
            found = _rust_results(path, events)
            if found and any(case.outcome == "failed" for case in found) == (code == _RUST_FAILED):
                cases += found
                continue
        said = item.get("said") or f"The test program ended itself, with exit code {code}, before its tests had ended."
        cases.append(TestCase(f"{path}::", "error", _clip(str(said).strip())))
    return tuple(cases)


_RUST_FAILED = 101
"""Exit code of a test program of which a test failed."""


def _rust_results(path: str, text: str) -> list[TestCase] | None:
    """What a test program's own runner says, each result once and as many as it counted; else None."""
    outcomes = {"ok": "passed", "failed": "failed", "ignored": "skipped"}
    found: dict[str, TestCase] = {}
    begun: list[object] = []
    counted: list[object] = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue  # what is tested may print past its runner
        if not isinstance(event, dict):
            continue
        kind, action = event.get("type"), str(event.get("event"))
        if kind == "suite" and action == "started":
            begun.append(event.get("test_count"))
        elif kind == "suite":
            counted.append([event.get(name) for name in ("passed", "failed", "ignored")])
        elif kind == "test" and action in outcomes:
            name = f"{path}::{event.get('name')}"[:_LONGEST_NAME]
            if name in found or counted:
                return None
            message = _clip(str(event.get("stdout") or action).strip()) if outcomes[action] == "failed" else ""
            found[name] = TestCase(name, outcomes[action], message)
    counts = [sum(case.outcome == outcome for case in found.values()) for outcome in ("passed", "failed", "skipped")]
    return [*found.values()] if begun == [len(found)] and counted == [counts] else None


_READERS = {"junit": _cases, "go": _go_cases, "rust": _rust_cases}
"""By what a row of `codeteam.sandbox.languages` calls its report."""
