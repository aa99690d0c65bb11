"""Findings: where in the code they are, and which of them a user is shown."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from codeteam.domain.diff import split_lines
from codeteam.domain.findings import Finding, Severity, fingerprint
from codeteam.domain.languages import is_test
from codeteam.domain.source import SourceFile
from codeteam.team.code import code_of
from codeteam.team.replies import FindingReply

MOST_FINDINGS = 5
"""A job shows at most so many; more are noise that hides the worst."""

_LONGEST_QUOTE = 2000
_MOST_QUOTED_LINES = 60
_FOREIGN = re.compile(r"/(?:site-packages|dist-packages|typeshed|lib/python[\d.]*|vendor/[\w-]+-\d+\.\d+\.\d+[^/]*)/")


def own_path(name: str, texts: Mapping[str, str]) -> str:
    """Which of our files a checker means: by its relative path, or the longest that an absolute one ends with."""
    plain = posixpath.normpath(name.replace("\\", "/"))
    if plain in texts:
        return plain
    if not (plain.startswith("/") or re.match(r"[A-Za-z]:/", plain)) or _FOREIGN.search(plain):
        return ""
    return max((path for path in texts if plain.endswith(f"/{path}")), key=len, default="")


def static_finding(  # noqa: PLR0917 - the parts of a finding, in its own order
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
        if is_test(file.path):
            continue
        code = code_of(file.path)
        rows = code.definition_lines(file.text)
        for name in code.undocumented(file.text, before=before.get(file.path, "")):
            message = f"{name} has no {'docstring' if file.path.endswith('.py') else 'doc comment'}."
            found.append(
                static_finding(
                    "docs/missing", Severity.WARNING, file.path, rows.get(name, 1), message, {file.path: file.text}
                )
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
