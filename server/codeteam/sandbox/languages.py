"""What the sandbox knows of each programming language: one row a language, with builders of command lines.

The command lines work in every sandbox: `python3` and `ruff` are found on the PATH, tools through `CODETEAM_TOOLS`.
Python's builders are here; those of another language have a module of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from codeteam.domain.languages import TONGUES, Tongue, tongue_of
from codeteam.sandbox import golang, javascript, rust, shell
from codeteam.sandbox.program import Program
from codeteam.sandbox.toolchains import GO, NODE, PYTHON, RUST, SHELL, Toolchain
from codeteam.sandbox.type_check import mypy

REPORT = ".codeteam/report.xml"
"""Where the test runner writes its JUnit report, in the work folder."""
COVERAGE = ".codeteam/coverage.json"
"""Where coverage.py writes its JSON report, in the work folder."""
RUFF_RULES = ("E", "F", "W", "B", "S", "UP", "SIM", "C4", "PIE", "PERF", "RUF", "ASYNC", "BLE", "DTZ", "PLE", "PLW")
RUFF_IGNORED = ("S101", "E501", "W292", "W391", "RUF001", "RUF002", "RUF003")
"""Asserts belong into tests; the rest is taste, or an editor's work."""


@dataclass(frozen=True, slots=True)
class Language:
    """A row of the table."""

    tongue: Tongue
    """Its names, and how its files look."""
    toolchain: Toolchain
    """What its commands need."""
    packages: str
    """Whose index a job's own packages come from: "pypi", "npm", "go", "crates", or "" where there is no such step."""
    run_argv: Callable[[str], tuple[str, ...]]
    """The command that runs the program at a path."""
    load: Callable[[Sequence[str], str, str], Program] | None
    """From files, a marker's path and its text, what loads (or compiles) every file and then writes the marker. None
    for Python, whose files are modules with names that the team works out."""
    ran: str
    """What it means that `load` ended well, for the evidence."""
    test_argv: Callable[[Sequence[str], str, Sequence[str]], tuple[str, ...]]
    """From test files, the report's path and what coverage is measured of (none for no coverage)."""
    report: str
    """What the test runner's report is: "junit", "go" or "rust"."""
    family: frozenset[str]
    """Languages whose files its commands take too, its own among them."""
    coverage: str
    """Where the coverage report is written, in the work folder; empty where coverage is not measured."""
    lint_argvs: Callable[[Sequence[str]], tuple[tuple[str, tuple[str, ...]], ...]]
    """From files, the name and the command of each static check."""
    tidy_argvs: Callable[[Sequence[str], str], tuple[tuple[str, ...], ...]]
    """From files and the style guide, the commands that put new files into the form an editor saves them in."""
    undefined_argv: Callable[[Sequence[str]], tuple[str, ...]] | None = None
    """From files, the command that fails when one uses a name that is defined nowhere; None where nothing asks."""
    path_variable: str = ""
    """Environment variable of folders that imports are looked for in; empty where imports name files."""
    scaffold: Callable[[Collection[str], Collection[str]], Mapping[str, bytes]] = lambda _, __: {}
    """From the paths that are there and the job's packages, files that its commands need beside them; never a part of a
    proposal."""
    all_or_none: bool = False
    """Whether nothing compiles where one of the packages that a project declares is not there."""
    requires: str = ""
    """What a user runs so that the project's own manifest asks for `{packages}` as well; empty where there are several
    such commands in use."""
    unmeasured: tuple[str, ...] = ()
    """What Python's jobs are judged by and this language's are not yet, in words for the evidence."""

    @property
    def name(self) -> str:
        return self.tongue.name

    def takes(self, path: str) -> bool:
        """Whether a file holds code that its commands run and check."""
        tongue = tongue_of(path)
        return tongue is not None and tongue.name in self.family and not path.endswith(tongue.declarations)

    @property
    def endings(self) -> tuple[str, ...]:
        return self.tongue.endings


def python_run(path: str) -> tuple[str, ...]:
    return ("python3", path)


def python_test(
    paths: Sequence[str], report_path: str = REPORT, coverage_sources: Sequence[str] = ()
) -> tuple[str, ...]:
    """Pytest with a JUnit report, values of locals in failures, and coverage of the sources (folders or modules)."""
    coverage = [f"--cov={source}" for source in coverage_sources]
    if coverage:
        coverage.append(f"--cov-report=json:{COVERAGE}")
    return (
        "python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "--showlocals", "--color=no",
        "-o", "asyncio_default_fixture_loop_scope=function",
        f"--junitxml={report_path}", *coverage, "--", *paths,
    )  # fmt: skip


def python_lint(paths: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("ruff", ruff(paths)), ("mypy", mypy(paths)))


def ruff(paths: Sequence[str]) -> tuple[str, ...]:
    """Findings as one JSON list on stdout; exit code 1 when there are any. No configuration of the files' is read."""
    return (
        "ruff", "check", "--isolated", "--no-cache", "--ignore-noqa", "--output-format=json", "--target-version=py311",
        f"--select={','.join(RUFF_RULES)}", f"--ignore={','.join(RUFF_IGNORED)}", "--", *paths,
    )  # fmt: skip


def python_tidy(paths: Sequence[str], style_guide: str) -> tuple[tuple[str, ...], ...]:
    """Safe fixes (unused imports, white space, import order), then the formatter."""
    # PEP 8 asks for 79 columns; the other guides in use leave it to the formatter's 88.
    width = "--line-length=79" if style_guide.upper().replace(" ", "") == "PEP8" else "--line-length=88"
    common = ("--isolated", "--no-cache", "--quiet", "--target-version=py311", width)
    return (
        ("ruff", "check", *common, "--fix-only", "--select=F401,I001,W291,W293,F541", "--", *paths),
        ("ruff", "format", *common, "--", *paths),
    )


def python_undefined(paths: Sequence[str]) -> tuple[str, ...]:
    return ("ruff", "check", "--isolated", "--no-cache", "--quiet", "--select=F821,F822,F405,E9", "--", *paths)


_NOT_TURNED = "Tests that pass are not run turned round: code that deceives them is not found out."
_PYTHON = Language(
    tongue=TONGUES["python"],
    toolchain=PYTHON,
    packages="pypi",
    run_argv=python_run,
    load=None,
    ran="every module imports and runs",
    test_argv=python_test,
    report="junit",
    family=frozenset({"python"}),
    coverage=COVERAGE,
    lint_argvs=python_lint,
    tidy_argvs=python_tidy,
    undefined_argv=python_undefined,
    path_variable="PYTHONPATH",
)
_JAVASCRIPT = Language(
    tongue=TONGUES["javascript"],
    toolchain=NODE,
    packages="npm",
    run_argv=javascript.run,
    load=javascript.load,
    ran="every module imports and runs",
    test_argv=javascript.test,
    report="junit",
    family=frozenset({"javascript", "typescript"}),
    coverage=javascript.COVERAGE,
    lint_argvs=javascript.lint,
    tidy_argvs=javascript.tidy,
    unmeasured=(_NOT_TURNED,),
)
LANGUAGES = {
    row.name: row
    for row in (
        _PYTHON,
        _JAVASCRIPT,
        replace(_JAVASCRIPT, tongue=TONGUES["typescript"], lint_argvs=javascript.lint_typed),
        Language(
            tongue=TONGUES["go"],
            toolchain=GO,
            packages="go",
            run_argv=golang.run,
            load=golang.load,
            ran="every package compiles",
            test_argv=golang.test,
            report="go",
            family=frozenset({"go"}),
            coverage=golang.COVERAGE,
            lint_argvs=golang.lint,
            tidy_argvs=golang.tidy,
            scaffold=golang.scaffold,
            requires="go get {packages}",
            unmeasured=(
                "Examples of a requirement are not run in Go.",
                _NOT_TURNED,
            ),
        ),
        Language(
            tongue=TONGUES["rust"],
            toolchain=RUST,
            packages="crates",
            run_argv=rust.run,
            load=rust.load,
            ran="every crate compiles",
            test_argv=rust.test,
            report="rust",
            family=frozenset({"rust"}),
            coverage="",
            lint_argvs=rust.lint,
            tidy_argvs=rust.tidy,
            scaffold=rust.scaffold,
            all_or_none=True,
            unmeasured=(
                "Unit tests inside of source files are compiled, not run; the tests are those in the folder `tests`.",
                "Coverage of Rust is not measured, and examples of a requirement are not run in it.",
                _NOT_TURNED,
            ),
        ),
        Language(
            tongue=TONGUES["shell"],
            toolchain=SHELL,
            packages="",
            run_argv=shell.run,
            load=shell.load,
            ran="every script parses",
            test_argv=shell.test,
            report="junit",
            family=frozenset({"shell"}),
            coverage="",
            lint_argvs=shell.lint,
            tidy_argvs=shell.tidy,
            unmeasured=(
                "Scripts are parsed, not run, before they are tested.",
                "Coverage of shell scripts is not measured, and examples of a requirement are not run for them.",
                _NOT_TURNED,
            ),
        ),
    )
}
"""By the name in `Settings.language`."""
