"""Reads what test runners report. Their reports come out of the sandbox: untrusted."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from xml.etree import ElementTree

from codeteam.domain.evidence import RunResult, TestCase, TestReport
from codeteam.domain.languages import tongue_of

_LONGEST_MESSAGE = 4000
_LARGEST_REPORT = 8 * 1024 * 1024
"""Bytes of a test report; with a few thousand tests and all their messages it has less."""
_MOST_ELEMENTS = 200_000
_LONGEST_NAME = 500
_DEEPEST = 30


def read_report(
    run: RunResult,
    report: bytes | None,
    coverage: bytes | None,
    expected: frozenset[str] = frozenset(),
    files: Sequence[str] = (),
) -> TestReport:
    """What a test run's JUnit file says; the exit code alone is never believed.

    `expected` are names of tests that must be in it, `files` the test files that ran.
    """
    if run.timed_out:
        return TestReport((), run, problem="The tests did not end in time.")
    if run.out_of_memory:
        return TestReport((), run, problem="The tests used more memory than the sandbox gives.")
    if report is None:
        return TestReport((), run, problem="The test run left no report, so nothing is believed to have passed.")
    cases = _cases(report, files)
    if cases is None:
        return TestReport((), run, problem="The test report cannot be read.")
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
    return TestReport(cases, run, _percent(coverage), problem)


def test_of(name: str) -> str:
    """The test that a case is of, by its name in the file: pytest adds parameters to it, in brackets."""
    place, _, test = name.partition("::")
    return test if tongue_of(place) else test.partition("[")[0]


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
                element.clear()
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError):
        return None
    return tuple(cases)


def _case(element: ElementTree.Element, files: Sequence[str]) -> TestCase:
    place, own = element.get("file", ""), element.get("name", "")
    # Node names the file apart from the class; and where a file does not load, the file is the only case.
    file = max((path for path in files if place.endswith(f"/{path}")), key=len, default="")
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
