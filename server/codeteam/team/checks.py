"""Reads what static checkers and test runners report. Their output comes out of the sandbox: untrusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree

from codeteam.domain.diff import split_lines
from codeteam.domain.evidence import RunResult, TestCase, TestReport
from codeteam.domain.findings import Finding, Severity, fingerprint
from codeteam.domain.source import SourceFile
from codeteam.team import python_code
from codeteam.team.replies import FindingReply

MOST_FINDINGS = 5
"""A job shows at most so many; more are noise that hides the worst."""

_LONGEST_MESSAGE = 4000
_BLOCKING_RUFF = re.compile(r"[FBS]\d|E9|PLE")
_TASTE = ("E1", "E2", "E3", "E4", "E5", "E7", "W", "UP", "SIM", "C4", "PIE", "RUF")
# Bandit rules that ask for a habit rather than point at a fault: shown, never a reason to send a draft back.
_ADVICE = ("S101", "S311", "S404", "S603", "S607", "S110", "S112", "B008", "B904", "B905")


def ruff_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `ruff check --output-format json`, for files that are ours."""
    found: list[Finding] = []
    for item in _json_list(output):
        path = _own_path(str(item.get("filename", "")), texts)
        location = item.get("location")
        row = location.get("row") if isinstance(location, dict) else None
        rule = str(item.get("code") or "syntax")
        if path and isinstance(row, int):
            if rule.startswith(_TASTE):
                continue
            blocking = (
                (bool(_BLOCKING_RUFF.match(rule)) and rule not in _ADVICE) or rule == "syntax" or "syntax" in rule
            )
            severity = Severity.ERROR if blocking else Severity.INFORMATION
            found.append(_static(f"ruff/{rule}", severity, path, row, str(item.get("message", "")), texts))
    return tuple(found)


def mypy_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `mypy -O json` (one object a line), errors only."""
    found: list[Finding] = []
    for line in output.splitlines():
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(item, dict) or item.get("severity") != "error":
            continue
        path = _own_path(str(item.get("file", "")), texts)
        row = item.get("line")
        if path and isinstance(row, int):
            rule = f"mypy/{item.get('code') or 'error'}"
            found.append(_static(rule, Severity.ERROR, path, row, str(item.get("message", "")), texts))
    return tuple(found)


def _json_list(output: str) -> list[dict[str, object]]:
    try:
        value = json.loads(output or "[]")
    except (ValueError, RecursionError):
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _own_path(name: str, texts: Mapping[str, str]) -> str:
    plain = name.replace("\\", "/")
    return next((path for path in texts if plain == path or plain.endswith(f"/{path}")), "")


def _static(  # noqa: PLR0917 - the parts of a finding, in its own order
    rule: str, severity: Severity, path: str, row: int, message: str, texts: Mapping[str, str]
) -> Finding:
    lines = split_lines(texts[path])
    row = min(max(row, 1), max(len(lines), 1))
    quote = lines[row - 1].strip("\r\n") if lines else ""
    return Finding(rule, severity, path, row, row, quote, message[:500], fingerprint=fingerprint(rule, path, quote))


def missing_docs(before: Mapping[str, str], files: Iterable[SourceFile]) -> tuple[Finding, ...]:
    """A finding for each public definition that a draft leaves undocumented."""
    found: list[Finding] = []
    for file in files:
        if not file.path.endswith(".py") or python_code.is_test(file.path):
            continue
        for name in python_code.undocumented(file.text, before=before.get(file.path, "")):
            row = _definition_line(file.text, name)
            message = f"{name} has no docstring."
            found.append(_static("docs/missing", Severity.WARNING, file.path, row, message, {file.path: file.text}))
    return tuple(found)


def _definition_line(text: str, name: str) -> int:
    last = re.escape(name.rpartition(".")[2])
    for number, line in enumerate(split_lines(text), 1):
        if re.match(rf"\s*(?:async\s+def|def|class)\s+{last}\b", line):
            return number
    return 1


def located(replies: Iterable[FindingReply], files: Sequence[SourceFile]) -> tuple[tuple[Finding, ...], int]:
    """Findings with the place of their quote, and how many were dropped because it is nowhere."""
    found: list[Finding] = []
    dropped = 0
    for reply in replies:
        finding = _locate(reply, files)
        if finding is None:
            dropped += 1
        else:
            found.append(finding)
    return tuple(found), dropped


def _locate(reply: FindingReply, files: Sequence[SourceFile]) -> Finding | None:
    wanted = [" ".join(line.split()) for line in reply.quote.splitlines() if line.strip()]
    if not wanted:
        return None
    for file in sorted(files, key=lambda file: file.path != reply.path.removeprefix("./")):
        lines = [" ".join(line.split()) for line in split_lines(file.text)]
        place = _find(lines, wanted)
        if place:
            start, end = place
            quote = "".join(split_lines(file.text)[start - 1 : end]).rstrip("\r\n")
            return Finding(
                reply.rule[:80],
                Severity(reply.severity),
                file.path,
                start,
                end,
                quote,
                reply.message[:1000],
                reply.trigger[:500],
                reply.suggestion[:2000],
                reply.confidence,
                fingerprint(reply.rule, file.path, quote),
            )
    return None


def _find(lines: Sequence[str], wanted: Sequence[str]) -> tuple[int, int] | None:
    """First and last line, from 1, of the quote; blank lines do not matter, one line may be quoted in part."""
    solid = [(number, line) for number, line in enumerate(lines, 1) if line]
    for index in range(len(solid) - len(wanted) + 1):
        window = solid[index : index + len(wanted)]
        if all(line == part for (_, line), part in zip(window, wanted, strict=True)):
            return window[0][0], window[-1][0]
    if len(wanted) == 1 and len(wanted[0]) >= 4:
        for number, line in solid:
            if wanted[0] in line:
                return number, number
    return None


_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFORMATION: 2, Severity.HINT: 3}


def worst(static: Iterable[Finding], reviewed: Iterable[Finding]) -> tuple[Finding, ...]:
    """At most five findings, the worst first; the reviewer's on a line that a linter already names are dropped."""
    static = tuple(static)
    lines = {(finding.path, finding.start_line) for finding in static}
    own = [finding for finding in reviewed if (finding.path, finding.start_line) not in lines]
    unique = {finding.fingerprint: finding for finding in [*static, *own]}
    return tuple(sorted(unique.values(), key=lambda finding: (_ORDER[finding.severity], -finding.confidence)))[
        :MOST_FINDINGS
    ]


def read_report(
    run: RunResult,
    report: bytes | None,
    coverage: bytes | None,
    expected: frozenset[str] = frozenset(),
) -> TestReport:
    """What a pytest run's JUnit file says; the exit code alone is never believed.

    `expected` are names of test functions that must be in it.
    """
    if run.timed_out:
        return TestReport((), run, problem="The tests did not end in time.")
    if run.out_of_memory:
        return TestReport((), run, problem="The tests used more memory than the sandbox gives.")
    if report is None:
        return TestReport((), run, problem="The test run left no report, so nothing is believed to have passed.")
    try:
        root = ElementTree.fromstring(report)  # noqa: S314 - bounded in size; expat refuses entity bombs
    except (ElementTree.ParseError, ValueError, RecursionError):
        return TestReport((), run, problem="The test report cannot be read.")
    cases = tuple(_case(element) for element in root.iter("testcase"))
    names = {re.split(r"[\[:]", case.name.rpartition("::")[2])[0] for case in cases}
    missing = sorted(expected - names)
    problem = ""
    if not cases:
        problem = "No test ran."
    elif missing and all(case.outcome != "error" for case in cases):
        problem = f"These tests are not in the report: {', '.join(missing[:5])}."
    return TestReport(cases, run, _percent(coverage), problem)


def _case(element: ElementTree.Element) -> TestCase:
    name = f"{element.get('classname', '')}::{element.get('name', '')}"
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
    try:
        value = json.loads(coverage)["totals"]["percent_covered"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return round(float(value), 1) if isinstance(value, int | float) and 0 <= value <= 100 else None
