"""Reads what static checkers and test runners report. Their output comes out of the sandbox: untrusted."""

from __future__ import annotations

import io
import json
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
_LONGEST_QUOTE = 2000
_MOST_QUOTED_LINES = 60
_LARGEST_REPORT = 8 * 1024 * 1024
"""Bytes of a test report; with a few thousand tests and all their messages it has less."""
_MOST_ELEMENTS = 200_000
_LONGEST_NAME = 500
_DEEPEST = 30
_BLOCKING_RUFF = re.compile(r"(?:F|B|S|PLE)\d|E9")
# Bandit rules that ask for a habit rather than point at a fault: shown, never a reason to send a draft back.
_ADVICE = ("S101", "S311", "S404", "S603", "S607", "S110", "S112", "B008", "B904", "B905")
_RUFF_PAGE = re.compile(r"https://docs\.astral\.sh/ruff/rules/[a-z0-9-]{1,80}/?")
_MYPY_PAGES = "https://mypy.readthedocs.io/en/stable/_refs.html#code-"
_MYPY_CODE = re.compile(r"[a-z][a-z-]{1,60}")
_FOREIGN = re.compile(r"/(?:site-packages|dist-packages|typeshed|lib/python[\d.]*)/")
_MISSING_STUBS = ("import-untyped", "import-not-found", "import")
"""What mypy says of packages that come without types: their matter, not the draft's."""


def ruff_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `ruff check --output-format json` for files that are ours; what is cut off counts up to there."""
    found: list[Finding] = []
    for item in _json_list(output):
        path = _own_path(str(item.get("filename", "")), texts)
        location = item.get("location")
        row = location.get("row") if isinstance(location, dict) else None
        rule = str(item.get("code") or "syntax")
        if path and isinstance(row, int):
            blocking = bool(_BLOCKING_RUFF.match(rule) and rule not in _ADVICE) or "syntax" in rule
            severity = Severity.ERROR if blocking else Severity.INFORMATION
            finding = _static(f"ruff/{rule}", severity, path, row, str(item.get("message", "")), texts)
            url = str(item.get("url") or "")
            found.append(replace(finding, url=url) if _RUFF_PAGE.fullmatch(url) else finding)
    return tuple(found)


def mypy_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `mypy -O json` (one object a line), errors only."""
    found: list[Finding] = []
    for line in output.split("\n"):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(item, dict) or item.get("severity") != "error":
            continue
        path = _own_path(str(item.get("file", "")), texts)
        row = item.get("line")
        if path and isinstance(row, int) and row > 0:
            code = str(item.get("code") or "error")
            severity = Severity.INFORMATION if code in _MISSING_STUBS else Severity.ERROR
            finding = _static(f"mypy/{code}", severity, path, row, str(item.get("message", "")), texts)
            found.append(replace(finding, url=f"{_MYPY_PAGES}{code}") if _MYPY_CODE.fullmatch(code) else finding)
    return tuple(found)


def _json_list(output: str) -> list[dict[str, object]]:
    """The objects of a list, as far as it goes: output is cut off where the sandbox's limit is."""
    decoder = json.JSONDecoder()
    items: list[dict[str, object]] = []
    at = output.find("[") + 1
    while at:
        while at < len(output) and output[at] in " \t\r\n,":
            at += 1
        try:
            value, at = decoder.raw_decode(output, at)
        except (ValueError, RecursionError):
            break
        if isinstance(value, dict):
            items.append(value)
    return items


def _own_path(name: str, texts: Mapping[str, str]) -> str:
    """Which of our files a checker means: by its relative path, or the longest that an absolute one ends with."""
    plain = posixpath.normpath(name.replace("\\", "/"))
    if plain in texts:
        return plain
    if not (plain.startswith("/") or re.match(r"[A-Za-z]:/", plain)) or _FOREIGN.search(plain):
        return ""
    return max((path for path in texts if plain.endswith(f"/{path}")), key=len, default="")


def _static(  # noqa: PLR0917 - the parts of a finding, in its own order
    rule: str, severity: Severity, path: str, row: int, message: str, texts: Mapping[str, str]
) -> Finding:
    lines = split_lines(texts[path])
    row = min(max(row, 1), max(len(lines), 1))
    quote = lines[row - 1].strip("\r\n")[:_LONGEST_QUOTE] if lines else ""
    rule, message = _plain(rule, 80), _plain(message, 500)
    return Finding(rule, severity, path, row, row, quote, message, fingerprint=fingerprint(rule, path, quote))


def _plain(text: str, most: int) -> str:
    """Words for people: what would steer a terminal, or turn the text around, is taken out."""
    return "".join(
        letter for letter in text[:most] if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")
    ).strip()


def missing_docs(before: Mapping[str, str], files: Iterable[SourceFile]) -> tuple[Finding, ...]:
    """A finding for each public definition that a draft leaves undocumented."""
    found: list[Finding] = []
    for file in files:
        if not file.path.endswith(".py") or python_code.is_test(file.path):
            continue
        rows = python_code.definition_lines(file.text)
        for name in python_code.undocumented(file.text, before=before.get(file.path, "")):
            message = f"{name} has no docstring."
            found.append(
                _static("docs/missing", Severity.WARNING, file.path, rows.get(name, 1), message, {file.path: file.text})
            )
    return tuple(found)


def located(replies: Iterable[FindingReply], files: Sequence[SourceFile]) -> tuple[tuple[Finding, ...], int]:
    """Findings with the place of their quote, and how many were dropped because it is nowhere."""
    found: list[Finding] = []
    dropped = 0
    readings = [_Reading.of(file) for file in files]
    for reply in replies:
        finding = _locate(reply, readings)
        if finding is None:
            dropped += 1
        else:
            found.append(finding)
    return tuple(found), dropped


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file's lines as quotes are compared with them."""

    path: str
    lines: list[str]
    forms: tuple[tuple[list[tuple[int, str]], str, Callable[[str], str]], ...]
    """Lines that are not blank with their number, the same as one text, and how they were normalised."""

    @classmethod
    def of(cls, file: SourceFile) -> _Reading:
        lines = split_lines(file.text)
        forms = []
        for normal in (_spaced, _unspaced):
            solid = [(number, normal(line)) for number, line in enumerate(lines, 1) if line.strip()]
            forms.append((solid, "".join(f"\n{line}" for _, line in solid) + "\n", normal))
        return cls(file.path, lines, tuple(forms))


def _locate(reply: FindingReply, readings: Sequence[_Reading]) -> Finding | None:
    named = reply.path.removeprefix("./").replace("\\", "/")
    for reading in sorted(readings, key=lambda reading: reading.path != named):
        if place := _place(reading, reply.quote):
            start, end = place
            quote = "".join(reading.lines[start - 1 : end]).rstrip("\r\n")[:_LONGEST_QUOTE]
            rule = _plain(reply.rule, 80) or "review"
            return Finding(
                rule,
                Severity(reply.severity),
                reading.path,
                start,
                end,
                quote,
                _plain(reply.message, 1000),
                _plain(reply.trigger, 500),
                _plain(reply.suggestion, 2000),
                reply.confidence,
                fingerprint(rule, reading.path, quote),
            )
    return None


def _place(reading: _Reading, quote: str) -> tuple[int, int] | None:
    """First and last line, from 1, of a quote: as it is, else without what models put around it."""
    quoted = [line.strip() for line in split_lines(quote)[:_MOST_QUOTED_LINES] if line.strip()]
    bare = [line.strip("`") for line in quoted]
    # A change is shown with a plus before each line, and some number the lines that they quote.
    unmarked = [re.sub(r"^(?:\+|\d{1,6}\s*[:|])\s?", "", line) for line in quoted]
    for wanted in (quoted, bare, unmarked):
        for solid, text, normal in reading.forms:
            if place := _find(solid, text, [normal(line) for line in wanted if normal(line)]):
                return place
    return None


def _spaced(line: str) -> str:
    return " ".join(line.split())


def _unspaced(line: str) -> str:
    return "".join(line.split())


def _find(solid: Sequence[tuple[int, str]], text: str, wanted: Sequence[str]) -> tuple[int, int] | None:
    """Where the lines of a quote stand; blank lines do not matter, one line may be quoted in part.

    `text` is the solid lines as one, each between line feeds.
    """
    if not wanted:
        return None
    at = text.find("\n" + "\n".join(wanted) + "\n")
    if at != -1:
        index = text.count("\n", 0, at)
        return solid[index][0], solid[index + len(wanted) - 1][0]
    if len(wanted) > 1 or len(wanted[0]) < 4:
        return None
    parts = [number for number, line in solid if wanted[0] in line]
    # A word that stands everywhere says nothing about where.
    return (parts[0], parts[0]) if len(parts) == 1 or (parts and len(wanted[0]) >= 12) else None


_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFORMATION: 2, Severity.HINT: 3}


def worst(static: Iterable[Finding], reviewed: Iterable[Finding]) -> tuple[Finding, ...]:
    """At most five findings, the worst first; the reviewer's on a line that a linter already names are dropped.

    But not an error for the sake of a linter's small advice on the same line.
    """
    static = tuple(static)
    named: dict[tuple[str, int], int] = {}
    for finding in static:
        place = (finding.path, finding.start_line)
        named[place] = min(named.get(place, len(_ORDER)), _ORDER[finding.severity])
    own = [finding for finding in reviewed if not _is_named(finding, named.get((finding.path, finding.start_line)))]
    unique: dict[str, Finding] = {}
    for finding in sorted([*static, *own], key=lambda finding: (_ORDER[finding.severity], -finding.confidence)):
        unique.setdefault(finding.fingerprint or f"{finding.path}:{finding.start_line}:{finding.message}", finding)
    return tuple(unique.values())[:MOST_FINDINGS]


def _is_named(finding: Finding, linter: int | None) -> bool:
    return linter is not None and (finding.severity is not Severity.ERROR or linter == _ORDER[Severity.ERROR])


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
    cases = _cases(report)
    if cases is None:
        return TestReport((), run, problem="The test report cannot be read.")
    names = {case.name.partition("::")[2].partition("[")[0] for case in cases}
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


def _cases(report: bytes) -> tuple[TestCase, ...] | None:
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
                cases.append(_case(element))
                element.clear()
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError):
        return None
    return tuple(cases)


def _case(element: ElementTree.Element) -> TestCase:
    name = f"{element.get('classname', '')}::{element.get('name', '')}"[:_LONGEST_NAME]
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
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
    return round(float(value), 1) if known else None
