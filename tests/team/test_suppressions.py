"""What a draft adds to keep checks or readers from it is found; what a file had before is not."""

from __future__ import annotations

import pytest

from codeteam.domain.findings import Severity
from codeteam.domain.source import SourceFile
from codeteam.team.suppressions import hidden

WIDE = {
    "a.py": [
        "# mypy: ignore-errors", "x = 1  # type: ignore", "x = 1  #type:ignore", "# type: ignore[]", "@no_type_check",
        "from typing import no_type_check as fine", "# mypy: disable-error-code=assignment",
    ],
    "a.ts": [
        "// @ts-nocheck", "/* @ts-nocheck */", "// @ts-ignore because", "// @ts-expect-error", "/* eslint-disable */",
        "// biome-ignore-all lint: generated", "// biome-ignore-start lint/style/x: y", "// biome-ignore lint: no",
        "// biome-ignore lint/suspicious: no", "/* eslint-disable no-eval */", "// eslint-disable-line",
        "// eslint-disable-next-line -- because", "/* eslint no-eval: 0 */",
    ],
    "a.js": ["// @ts-nocheck", "// biome-ignore-all lint: no"],
    "a.go": ["x() //nolint", "x() // nolint", "//nolint:all", "//lint:file-ignore U1000 x", "//go:build ignore"],
    "a.rs": ["#![allow(dead_code)]", "#[allow(warnings)]", "#[allow(clippy::all, unused)]"],
    "a.sh": ["# shellcheck disable=all", "#shellcheck disable=SC1000-SC9999\n", "# shellcheck disable=SC2086,all",
             "# shellcheck disable=SC2086"],
}  # fmt: skip
NARROW = {
    "a.py": ["x = 1  # type: ignore[assignment] - why"],
    "a.ts": ["// @ts-expect-error the library's types are wrong", "// biome-ignore lint/suspicious/noDebugger: why",
             "// eslint-disable-next-line no-eval"],
    "a.go": ["x() //nolint:errcheck // why", "//lint:ignore U1000 why"],
    "a.rs": ["#[allow(dead_code)]"],
    "a.sh": ["echo\n# shellcheck disable=SC2086\necho $1"],
}  # fmt: skip
FINE = {
    "a.py": ["x = 1  # noqa: F401", "# the type: ignored", "# fmt: off", "mypy = 1", "caf\u00e9 = 1"],
    "a.ts": ["// ignore", "const a = '\U0001f468\u200d\U0001f469\u200d\U0001f466';", "// @ts-check"],
    "a.sh": ["# shellcheck shell=bash", "# shellcheck source=lib.sh"],
    "a.go": ["//go:build linux", "// nothing"],
    "a.md": ["Write `# type: ignore`.", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\ufeff# Title"],
}


def each(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(path, line) for path, lines in table.items() for line in lines]


@pytest.mark.parametrize(("path", "line"), each(WIDE))
def test_what_switches_a_check_off_blocks(path: str, line: str) -> None:
    [found] = hidden({}, [SourceFile(path, f"{line}\n")])
    assert (found.rule, found.severity) == ("codeteam/unchecked", Severity.ERROR)


@pytest.mark.parametrize(("path", "line"), each(NARROW))
def test_what_switches_one_rule_off_is_told(path: str, line: str) -> None:
    [found] = hidden({}, [SourceFile(path, f"{line}\n")])
    assert (found.rule, found.severity) == ("codeteam/unchecked", Severity.WARNING)


@pytest.mark.parametrize(("path", "line"), each(FINE))
def test_what_hides_nothing_is_no_finding(path: str, line: str) -> None:
    assert not hidden({}, [SourceFile(path, f"{line}\n")])


@pytest.mark.parametrize(("path", "line"), [*each(WIDE), *each(NARROW)])
def test_what_a_file_had_before_stays(path: str, line: str) -> None:
    before = f"first\n{line}\n"
    assert not hidden({path: before}, [SourceFile(path, f"added\n{before}added\n")])
    assert len(hidden({path: before}, [SourceFile(path, f"{before}{line}\n")])) == 1
    assert len(hidden({"other.py": before}, [SourceFile(path, before)])) == 1


@pytest.mark.parametrize("path", ["a.py", "a.ts", "a.go", "a.sh", "a.rs", "a.md", "Makefile"])
@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\u200b", "\u2060", "\U000e0041", "\u3164", "\u00ad", "\ufeff"])
def test_what_cannot_be_seen_blocks_in_every_file(path: str, letter: str) -> None:
    [found] = hidden({}, [SourceFile(path, f"one\ntwo{letter}three\n")])
    assert (found.rule, found.severity, found.start_line) == ("codeteam/unseen", Severity.ERROR, 2)
    assert not hidden({path: f"two{letter}"}, [SourceFile(path, f"one\ntwo{letter}three\n")])


def test_joiners_between_plain_letters_block() -> None:
    assert hidden({}, [SourceFile("a.py", "is\u200dadmin = 1\n")])
