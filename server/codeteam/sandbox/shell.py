"""Command lines for shell scripts: bash reads and runs them, bats tests, shellcheck and shfmt look after the rest."""

from __future__ import annotations

from collections.abc import Sequence

from codeteam.sandbox.program import Program

_PARSE = """
marker=$1; token=$2; shift 2
for script; do bash -n "$script" || exit 1; done
mkdir -p .codeteam && printf %s "$token" >"$marker"
"""
_BATS = """
folder=$1; shift
mkdir -p "$folder" "$PWD/.codeteam/tmp"
export TMPDIR="$PWD/.codeteam/tmp"
exec bash "$CODETEAM_TOOLS/bats_core/_bats/bin/bats" --report-formatter junit --output "$folder" --formatter tap "$@"
"""


def run(path: str) -> tuple[str, ...]:
    return ("bash", path)


def load(paths: Sequence[str], marker: str, token: str) -> Program:
    """Reads every script without running it: what one does is seen by its tests alone."""
    return Program(("bash", "-c", _PARSE, "bash", marker, token, *paths))


def test(paths: Sequence[str], report_path: str, coverage_sources: Sequence[str]) -> tuple[str, ...]:
    """Bats, with its JUnit report, which is called `report.xml` in whatever folder."""
    del coverage_sources  # nothing measures it
    return ("bash", "-c", _BATS, "bash", report_path.rpartition("/")[0], *paths)


def lint(paths: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Findings as one JSON object on stdout; exit code 1 when there are any."""
    return (("shellcheck", ("shellcheck", "--norc", "--format=json1", "--external-sources", "--", *paths)),)


def tidy(paths: Sequence[str], style_guide: str) -> tuple[tuple[str, ...], ...]:
    """Shfmt with tabs where the style guide says so, else two blanks."""
    indent = "0" if "tab" in style_guide.lower() else "2"
    return (("shfmt", "--write", "--indent", indent, "--case-indent", "--", *paths),)
