"""Command lines for JavaScript and TypeScript: Node runs, tests and measures both, for it takes types away itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from codeteam.sandbox.program import Program

COVERAGE = ".codeteam/coverage.info"
"""Where Node writes its lcov report, in the work folder."""
_BIOME = 'exec node "$CODETEAM_TOOLS/node_modules/@biomejs/biome/bin/biome" "$@"'
_TSC = """
tools=$CODETEAM_TOOLS/node_modules
exec node "$tools/typescript/bin/tsc" --typeRoots "$tools/@types" --types node "$@"
"""

_LOADER_PATH = "codeteam_run.mjs"
_LOADER = """\
// Imports every module of a draft; the marker at the end tells a clean end from an early exit.
import { mkdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

for (const path of %(paths)s) await import(pathToFileURL(path).href);
mkdirSync('.codeteam', { recursive: true });
writeFileSync(%(marker)s, %(token)s);
"""


def run(path: str) -> tuple[str, ...]:
    return ("node", path)


def load(paths: Sequence[str], marker: str, token: str) -> Program:
    """An ES module that imports the files, CommonJS ones too, and leaves the marker."""
    text = _LOADER % {"paths": json.dumps(list(paths)), "marker": json.dumps(marker), "token": json.dumps(token)}
    return Program(run(_LOADER_PATH), {_LOADER_PATH: text.encode()})


def test(paths: Sequence[str], report_path: str, coverage_sources: Sequence[str]) -> tuple[str, ...]:
    """Node's own runner, a process a file, with a JUnit report and coverage of all that is no test."""
    coverage = (
        "--experimental-test-coverage", "--test-coverage-exclude=**/*.test.*", "--test-coverage-exclude=**/*.spec.*",
        "--test-coverage-exclude=**/test_*", "--test-reporter=lcov", f"--test-reporter-destination={COVERAGE}",
    )  # fmt: skip
    return (
        "node", "--test", "--test-reporter=junit", f"--test-reporter-destination={report_path}",
        "--test-reporter=spec", "--test-reporter-destination=stdout",
        *(coverage if coverage_sources else ()), *paths,
    )  # fmt: skip


def lint(paths: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("biome", biome(paths)),)


def lint_typed(paths: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("biome", biome(paths)), ("tsc", tsc(paths)))


def biome(paths: Sequence[str]) -> tuple[str, ...]:
    """Findings as one JSON object on stdout; exit code 1 when there are errors. The rules are the toolchain's."""
    return _tool(
        _BIOME, "lint", "--reporter=json", "--max-diagnostics=200", "--colors=off", "--no-errors-on-unmatched", *paths
    )


def tsc(paths: Sequence[str]) -> tuple[str, ...]:
    """Findings as lines `path(line,column): error CODE: message` on stdout; exit code 1 or 2 when there are any.

    Only what Node can take away by itself is allowed: no enumerations, no namespaces, no parameter properties.
    """
    return _tool(
        _TSC, "--noEmit", "--strict", "--target", "esnext", "--module", "esnext", "--moduleResolution", "bundler",
        "--allowImportingTsExtensions", "--erasableSyntaxOnly", "--verbatimModuleSyntax", "--skipLibCheck",
        "--allowJs", "--pretty", "false", "--ignoreConfig", *paths,
    )  # fmt: skip


def tidy(paths: Sequence[str], style_guide: str) -> tuple[tuple[str, ...], ...]:
    """Biome's formatter with tabs where the style guide says so, else two blanks."""
    layout = ("--indent-style=tab",) if "tab" in style_guide.lower() else ("--indent-style=space", "--indent-width=2")
    return (_tool(_BIOME, "format", "--write", "--colors=off", *layout, "--line-width=100", *paths),)


def _tool(script: str, *arguments: str) -> tuple[str, ...]:
    return ("sh", "-c", script, "sh", *arguments)
