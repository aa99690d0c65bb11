"""What a draft adds that keeps checkers, or readers, from seeing it as it is: comments that switch checks off, and
characters that cannot be seen or turn text around. What a file had before is its owner's.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from codeteam.domain.diff import split_lines
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.languages import tongue_of
from codeteam.domain.source import SourceFile
from codeteam.team.checks import static_finding

_LONGEST_LINE = 4000
"""Characters of a line in which comments are looked for."""
_WIDE = {
    "python": (
        r"#\s*mypy\s*:",
        r"#\s*type\s*:\s*ignore(?!\s*\[\s*[a-z])",
        r"\bno_type_check(?:_decorator)?\b",
    ),
    "javascript": (
        r"@ts-nocheck\b",
        r"@ts-ignore\b",
        r"@ts-expect-error(?!.{10})",
        r"biome-ignore-(?:all|start)\b",
        r"biome-ignore\s+(?:lint|assist|syntax|suppressions)(?!/\w+/\w)",
        r"eslint-disable(?:-(?:next-)?line)?\s*(?:\*/|--|$)",
        r"/\*\s*eslint-disable\s",
        r"/\*\s*eslint\s",
    ),
    "go": (r"//\s*nolint\b(?!:)", r"//\s*nolint:.*\ball\b", r"//\s*lint:file-ignore\b", r"//go:build\s+ignore\b"),
    "rust": (
        r"#!\[\s*(?:allow|expect)\b",
        r"#\[\s*(?:allow|expect)\(.*\b(?:warnings|clippy::all|clippy::correctness)\b",
    ),
    "shell": (r"#\s*shellcheck\s.*\bdisable=(?:\S*,)?(?:all\b|(?:SC)?\d+-)",),
}
"""Switches off a checker for a file, or all of its rules for a line: blocking."""
_NARROW = {
    "python": (r"#\s*type\s*:\s*ignore\s*\[",),
    "javascript": (r"@ts-expect-error\b", r"biome-ignore\s", r"eslint-disable"),
    "go": (r"//\s*nolint:", r"//\s*lint:ignore\b"),
    "rust": (r"#\[\s*(?:allow|expect)\(",),
    "shell": (r"#\s*shellcheck\s.*\bdisable=",),
}
"""Switches off a rule that it names, in one place: the reviewer is told."""
_FAMILY = {"typescript": "javascript"}
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset(
    map(
        chr,
        (
            0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B, 0x200E, 0x200F,
            *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0, *range(0xE0000, 0xE0080),
        ),
    )
)  # fmt: skip
"""Marks of direction, and characters that have no width."""


def hidden(before: Mapping[str, str], files: Iterable[SourceFile]) -> tuple[Finding, ...]:
    """A finding for each line of a draft on which something is hidden that its file did not hide before."""
    found: list[Finding] = []
    for file in files:
        known = Counter(what for _, what, _, _ in _hiding(file.path, before.get(file.path, "")))
        for row, what, severity, message in _hiding(file.path, file.text):
            if known[what]:
                known[what] -= 1
                continue
            rule = "codeteam/unseen" if what.startswith("U+") else "codeteam/unchecked"
            found.append(static_finding(rule, severity, file.path, row, message, {file.path: file.text}))
    return tuple(found)


def _hiding(path: str, text: str) -> Iterator[tuple[int, str, Severity, str]]:
    """Row, what it is, how bad, and what is said of it."""
    tongue = tongue_of(path)
    family = _FAMILY.get(tongue.name, tongue.name) if tongue else ""
    wide, narrow = _any_of(_WIDE.get(family, ())), _any_of(_NARROW.get(family, ()))
    begun = False
    for row, line in enumerate(split_lines(text), 1):
        for letter in _unseen(line.removeprefix("\ufeff") if row == 1 else line):
            name = unicodedata.name(letter, "a character without a name").lower()
            code = f"U+{ord(letter):04X}"
            yield row, code, Severity.ERROR, f"{code} ({name}) cannot be seen. Write it as an escape, or leave it out."
        said = line[:_LONGEST_LINE].strip()
        if wide.search(said):
            yield row, said, Severity.ERROR, "This switches a check off. Mend what the check finds instead."
        elif narrow.search(said):
            whole = family == "shell" and not begun
            where = "for the whole file. Mend what it finds, or put this before the line that needs it."
            yield (
                row,
                said,
                Severity.ERROR if whole else Severity.WARNING,
                f"This switches a rule off {where if whole else 'here; is the reason for it good?'}",
            )
        begun = begun or bool(said and not said.startswith("#"))


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)")


def _unseen(line: str) -> Iterator[str]:
    if line.isascii():
        return
    for at, letter in enumerate(line):
        beside = line[max(at - 1, 0) : at] + line[at + 1 : at + 2]
        # Joiners belong to some scripts and to emoji; between letters of ASCII they only hide.
        if letter in _UNSEEN or (letter in _JOINERS and beside.isascii()):
            yield letter
