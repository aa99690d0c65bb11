"""Programming languages as their files show them: what they are called, and which of their files hold tests.

What runs them is a row of `codeteam.sandbox.languages`, what can be known of their code is in `codeteam.team`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language by the look of its files."""

    name: str
    """As the setting `language` has it."""
    title: str
    """As people write it."""
    endings: tuple[str, ...]
    """Of its files, the one that new files get first."""
    editor: str
    """As editors name it (LSP's language identifiers)."""
    fences: tuple[str, ...]
    """Words by which a fenced block says that it is in this language, the one to write first."""
    tests: str
    """Regular expression of the paths that the test runner takes for tests, or for a part of them."""
    test_file: str
    """Name of a new test file, with `{stem}` for that of the file it tests."""
    declarations: tuple[str, ...] = ()
    """Endings of files that only declare what others hold: nothing in them runs."""
    beside: bool = False
    """Tests stand in the folder of what they test, and nowhere else."""
    package: str = ""
    """File of a package, where tests stand in the folder `tests` beside that file, and nowhere else."""
    editors: tuple[str, ...] = ()
    """Other names that some editors have for it, beside `editor`."""


TONGUES = {
    tongue.name: tongue
    for tongue in (
        Tongue(
            "python", "Python", (".py", ".pyi"), "python", ("python", "py", "python3"),
            r"(?:.*/)?(?:test_[^/]*|[^/]*_test|conftest)\.py", "test_{stem}.py", declarations=(".pyi",),
        ),
        Tongue(
            "javascript", "JavaScript", (".js", ".mjs", ".cjs"), "javascript",
            ("javascript", "js", "mjs", "cjs", "node"),
            r"(?:.*/)?(?:[^/]+[._-]test|[^/]+\.spec|test[._-][^/]+)\.[cm]?js|(?:.*/)?__tests__/.*\.[cm]?js",
            "{stem}.test.js",
        ),
        Tongue(
            "typescript", "TypeScript", (".ts", ".mts", ".cts"), "typescript", ("typescript", "ts", "mts", "cts"),
            r"(?:.*/)?(?:[^/]+[._-]test|[^/]+\.spec|test[._-][^/]+)\.[cm]?ts|(?:.*/)?__tests__/.*\.[cm]?ts",
            "{stem}.test.ts", declarations=(".d.ts", ".d.mts", ".d.cts"),
        ),
        Tongue(
            "shell", "Bash", (".sh", ".bash", ".bats"), "shellscript", ("bash", "sh", "shell", "bats", "zsh"),
            r".*\.bats", "{stem}.bats", editors=("sh", "bash"),
        ),
        Tongue("go", "Go", (".go",), "go", ("go", "golang"), r".*_test\.go", "{stem}_test.go", beside=True),
        Tongue(
            "rust", "Rust", (".rs",), "rust", ("rust", "rs"), r"(?:.*/)?tests/.*\.rs|(?:.*/)?tests\.rs|.*_test\.rs",
            "{stem}_test.rs", package="Cargo.toml",
        ),
    )
}  # fmt: skip
"""By name."""


_FOREIGN = re.compile(
    r"(?i).*\.(?:c|cc|cljs?|cpp|cs|cxx|dart|erl|exs?|f90|fs|h|hh|hpp|hs|hxx|java|jl|jsx|kts?|lua|mli?|nim|php|p[lm]|ps1"
    r"|r|rb|scala|sql|svelte|swift|tsx|vue|zig)"
)
"""Files of code in languages that the sandbox has nothing for."""


def foreign(path: str) -> bool:
    """Whether a file holds code that cannot be run here; prose and tables are no code."""
    return _FOREIGN.fullmatch(path) is not None


def tongue_of(path: str) -> Tongue | None:
    """The language of a file, by its ending; None for any other file."""
    ending = posixpath.splitext(path)[1].lower()  # of every file at every turn: paths as objects are slow
    return next((tongue for tongue in TONGUES.values() if ending in tongue.endings), None)


def tongue_named(identifier: str) -> Tongue | None:
    """The language that an editor means; None for any other."""
    return next((tongue for tongue in TONGUES.values() if identifier in (tongue.editor, *tongue.editors)), None)


def can_be_written(path: str) -> bool:
    """Whether the team works on such a file; one without an ending may be anything, the setting says in what."""
    return posixpath.splitext(path)[1] in ("", ".") or tongue_of(path) is not None


def is_test(path: str) -> bool:
    """Whether a test runner would take the file for tests, or for what sets them up."""
    tongue = tongue_of(path)
    return tongue is not None and re.fullmatch(tongue.tests, path) is not None


def tests_beside(path: str, there: Collection[str]) -> str | None:
    """The folder in which the tests of a file must stand, by its language; None where they may stand elsewhere.

    `there` are the paths of the workspace.
    """
    tongue = tongue_of(path)
    folder = posixpath.dirname(path)
    if tongue is not None and tongue.package:
        while folder and f"{folder}/{tongue.package}" not in there:
            folder = posixpath.dirname(folder)
        return posixpath.join(folder, "tests")
    return folder if tongue is not None and tongue.beside else None


def tongue_run(text: str) -> Tongue | None:
    """The language of the program that a script's first line names; None where it names none, or another."""
    match = _INTERPRETER.match(text)
    word = match[1].rstrip(".0123456789") if match else ""
    return next((tongue for tongue in TONGUES.values() if word and word in tongue.fences), None)


def language_for(path: str, requirement: str, setting: str, text: str = "", language: str = "") -> str:
    """The language of a job: that of its document, else of the files that the requirement names, else the setting's.

    Of a document whose name has no ending its first line, in `text`, tells, else `language`, which may be empty.
    """
    if tongue := tongue_of(path) or (tongue_run(text) if path and not posixpath.splitext(path)[1] else None):
        return tongue.name
    if language and path and not posixpath.splitext(path)[1]:
        return language
    named = named_in(requirement)
    return named.pop() if len(named) == 1 else setting


def named_in(requirement: str) -> set[str]:
    """The languages of the files that a requirement names."""
    return {tongue.name for word in _FILE.findall(requirement[:100_000]) if (tongue := tongue_of(word))}


_INTERPRETER = re.compile(r"#![ \t]*(?:\S{0,200}/)?(?:env[ \t]+(?:-S[ \t]+)?)?([\w.-]{1,40})")
_FILE = re.compile(r"(?<![\w./-])(?:[\w-]+/){0,20}[\w.-]{1,100}\.[a-z]{1,5}\b")
