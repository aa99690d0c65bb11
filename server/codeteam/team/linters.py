"""Reads what static checkers report. Their output comes out of the sandbox: untrusted."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from codeteam.domain.findings import Finding, Severity
from codeteam.team.checks import own_path, static_finding

_BLOCKING_RUFF = re.compile(r"(?:F|B|S|PLE)\d|E9")
# Bandit rules that ask for a habit rather than point at a fault: shown, never a reason to send a draft back.
_ADVICE = ("S101", "S311", "S404", "S603", "S607", "S110", "S112", "B008", "B904", "B905")
_MISSING_STUBS = ("import-untyped", "import-not-found", "import")
"""What mypy says of packages that come without types: their matter, not the draft's."""
_RUFF_PAGE = re.compile(r"https://docs\.astral\.sh/ruff/rules/[a-z0-9-]{1,80}/?")
_MYPY_PAGES = "https://mypy.readthedocs.io/en/stable/_refs.html#code-"
_MYPY_CODE = re.compile(r"[a-z][a-z-]{1,60}")
_BLOCKING_BIOME = re.compile(r"lint/(?:correctness|suspicious|security)/|parse|syntax")
_VET_LINE = re.compile(r"(?:vet: )?(?P<path>[^\n:]{1,500}):(?P<row>\d{1,9}):\d+: (?P<message>.*)")
_TSC_LINE = re.compile(r"(?P<path>[^\n(]{1,500})\((?P<row>\d{1,9}),\d+\): error (?P<code>TS\d+): (?P<message>.*)")


def ruff_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `ruff check --output-format json` for files that are ours; what is cut off counts up to there."""
    found: list[Finding] = []
    for item in _json_list(output):
        path = own_path(str(item.get("filename", "")), texts)
        location = item.get("location")
        row = location.get("row") if isinstance(location, dict) else None
        rule = str(item.get("code") or "syntax")
        if path and isinstance(row, int):
            blocking = bool(_BLOCKING_RUFF.match(rule) and rule not in _ADVICE) or "syntax" in rule
            severity = Severity.ERROR if blocking else Severity.INFORMATION
            finding = static_finding(f"ruff/{rule}", severity, path, row, str(item.get("message", "")), texts)
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
        path = own_path(str(item.get("file", "")), texts)
        row = item.get("line")
        if path and isinstance(row, int) and row > 0:
            code = str(item.get("code") or "error")
            severity = Severity.INFORMATION if code in _MISSING_STUBS else Severity.ERROR
            finding = static_finding(f"mypy/{code}", severity, path, row, str(item.get("message", "")), texts)
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


def biome_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `biome lint --reporter=json` for files that are ours; what is cut off counts up to there."""
    found: list[Finding] = []
    for item in _json_list(output[max(output.find('"diagnostics":'), 0) :]):
        location = item.get("location")
        start = location.get("start") if isinstance(location, dict) else None
        path = own_path(str(location.get("path", "")), texts) if isinstance(location, dict) else ""
        row = start.get("line") if isinstance(start, dict) else None
        rule = str(item.get("category") or "syntax")
        if path and isinstance(row, int):
            blocking = item.get("severity") in ("error", "fatal") and bool(_BLOCKING_BIOME.match(rule))
            severity = Severity.ERROR if blocking else Severity.INFORMATION
            name = rule.rpartition("/")[2]
            found.append(static_finding(f"biome/{name}", severity, path, row, str(item.get("message", "")), texts))
    return tuple(found)


def tsc_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Errors of `tsc --pretty false`, of which each has a line; what is indented below one explains it."""
    found: list[Finding] = []
    for line in output.split("\n"):
        match = _TSC_LINE.fullmatch(line.rstrip("\r")) if len(line) <= 4000 else None
        if match and (path := own_path(match["path"], texts)):
            rule = f"tsc/{match['code']}"
            found.append(static_finding(rule, Severity.ERROR, path, int(match["row"]), match["message"], texts))
    return tuple(found)


def shellcheck_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `shellcheck --format=json1` for files that are ours; what is cut off counts up to there."""
    found: list[Finding] = []
    for item in _json_list(output):
        path, row = own_path(str(item.get("file", "")), texts), item.get("line")
        if path and isinstance(row, int):
            severity = Severity.ERROR if item.get("level") == "error" else Severity.INFORMATION
            rule = f"shellcheck/SC{item.get('code')}"
            found.append(static_finding(rule, severity, path, row, str(item.get("message", "")), texts))
    return tuple(found)


def vet_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of `go vet` and the compiler, a line each."""
    found: list[Finding] = []
    for line in output.split("\n"):
        match = _VET_LINE.fullmatch(line.rstrip("\r")) if len(line) <= 4000 else None
        if match and (path := own_path(match["path"], texts)):
            found.append(static_finding("go/vet", Severity.ERROR, path, int(match["row"]), match["message"], texts))
    return tuple(found)


def clippy_findings(output: str, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """What cargo's messages say of files that are ours, one JSON object a line; the compiler's and clippy's alike."""
    found: dict[str, Finding] = {}  # of a library its tests are made too, and told of once more
    for line in output.split("\n"):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            continue
        message = item.get("message") if isinstance(item, dict) else None
        if not isinstance(message, dict):
            continue
        spans = message.get("spans")
        for span in spans if isinstance(spans, list) else ():
            if not isinstance(span, dict) or span.get("is_primary") is not True:
                continue
            row, name = span.get("line_start"), str(span.get("file_name", ""))
            crate = posixpath.dirname(str(item.get("manifest_path", "")))
            path = own_path(name, texts) or own_path(posixpath.join(crate, name), texts)
            if path and isinstance(row, int):
                code = message.get("code")
                rule = str(code.get("code") or "error") if isinstance(code, dict) else "error"
                tool, _, plain = rule.rpartition("::")
                severity = Severity.ERROR if message.get("level") == "error" else Severity.INFORMATION
                told = str(message.get("message", ""))
                finding = static_finding(f"{tool or 'rustc'}/{plain}", severity, path, row, told, texts)
                found.setdefault(finding.fingerprint, finding)
    return tuple(found.values())


READERS: dict[str, Callable[[str, Mapping[str, str]], tuple[Finding, ...]]] = {
    "ruff": ruff_findings,
    "mypy": mypy_findings,
    "biome": biome_findings,
    "tsc": tsc_findings,
    "shellcheck": shellcheck_findings,
    "vet": vet_findings,
    "clippy": clippy_findings,
}
"""By the name that a row of `codeteam.sandbox.languages` gives to a check."""
