"""JavaScript and TypeScript in every sandbox: Node runs and tests, Biome and tsc check, packages come from npm."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from codeteam.sandbox import npm
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command, DependencyProblem, DependencySet, Sandbox, Session
from codeteam.sandbox.languages import LANGUAGES, REPORT
from codeteam.team import linters, reports
from tests.cli.command import ARCHITECT, Place
from tests.sandbox.index import environment, index, wheel

SCRIPT = LANGUAGES["javascript"]
TYPED = LANGUAGES["typescript"]
CODE = """\
/** Twice n. */
export function double(n: number): number {
  if (n > 100) {
    return -1;
  }
  return n * 2;
}
"""
TESTS = b"""\
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";

import { double } from "../src/calc.ts";

test("twice [two] is four", () => {
  assert.equal(double(2), 4);
});

describe("more", () => {
  it("is wrong", () => {
    assert.equal(double(3), 7);
  });
});
"""


@pytest.fixture
async def node(sandbox: Sandbox) -> AsyncIterator[Session]:
    async with sandbox.open(language="typescript") as opened:
        yield opened


async def test_modules_are_loaded_and_an_early_exit_is_seen(node: Session) -> None:
    assert SCRIPT.load is not None
    files = {"a.mjs": b"export const A = 1;", "b.cjs": b"exports.B = 2;", "c.ts": b"export const C: number = 3;"}
    for more, ran in (({}, b"token"), ({"c.ts": b"process.exit(0);"}, None)):
        program = SCRIPT.load(tuple(files), "ran", "token")
        command = Command(program.argv, files={**files, **more, **program.files}, remove=(".",), collect=("ran",))
        outcome = await node.run(command)
        assert outcome.run.exit_code == 0, outcome
        assert outcome.files.get("ran") == ran


async def test_tests_are_reported_by_name_with_coverage(node: Session) -> None:
    files = {"src/calc.ts": CODE.encode(), "tests/calc.test.ts": TESTS, ".codeteam/.reports": b""}
    argv = TYPED.test_argv(("tests/calc.test.ts",), REPORT, ("src/calc.ts",))
    outcome = await node.run(Command(argv, files=files, collect=(REPORT, TYPED.coverage)))
    expected = frozenset({"twice [two] is four", "is wrong"})
    found = outcome.files.get(REPORT), outcome.files.get(TYPED.coverage)
    report = reports.read_report(outcome.run, *found, expected, ("tests/calc.test.ts",))
    assert not report.problem, outcome
    assert [(case.name, case.outcome) for case in report.cases] == [
        ("tests/calc.test.ts::twice [two] is four", "passed"),
        ("tests/calc.test.ts::is wrong", "failed"),
    ]
    assert "6 !== 7" in report.cases[1].message
    assert report.coverage is not None
    assert 50 < report.coverage < 100


@pytest.mark.parametrize("fault", [b"import './none.ts';", b"process.exit(0);", b"const = 1;"])
async def test_a_test_file_that_does_not_run_passes_nothing(node: Session, fault: bytes) -> None:
    files = {"src/calc.ts": CODE.encode(), "tests/calc.test.ts": fault + b"\n" + TESTS, ".codeteam/.reports": b""}
    argv = TYPED.test_argv(("tests/calc.test.ts",), REPORT, ())
    outcome = await node.run(Command(argv, files=files, remove=(".",), collect=(REPORT,)))
    report = reports.read_report(
        outcome.run, outcome.files.get(REPORT), None, frozenset({"is wrong"}), ("tests/calc.test.ts",)
    )
    assert not report.ok
    assert not report.count("passed")


async def test_checks_find_faults_and_are_silent_on_clean_code(node: Session) -> None:
    bad = 'import fs from "node:fs";\nexport function f(a: number): string {\n  debugger;\n  return a + missing;\n}\n'
    texts = {"bad.ts": bad, "good.ts": CODE}
    found: dict[tuple[str, str, int], str] = {}
    for name, argv in TYPED.lint_argvs(tuple(texts)):
        files = {path: text.encode() for path, text in texts.items()}
        outcome = await node.run(Command(argv, files=files))
        assert outcome.run.exit_code in (0, 1), outcome
        found |= {
            (item.rule, item.path, item.start_line): item.severity
            for item in linters.READERS[name](outcome.run.stdout, texts)
        }
    assert found["biome/noUnusedImports", "bad.ts", 1] == "information"
    assert found["biome/noDebugger", "bad.ts", 3] == "error"
    assert found["biome/noUndeclaredVariables", "bad.ts", 4] == "error"
    assert found["tsc/TS2304", "bad.ts", 4] == "error"
    assert {path for _, path, _ in found} == {"bad.ts"}


async def test_new_files_are_tidied_as_the_style_says(node: Session) -> None:
    for style, indent in (("", b"\n  return"), ("tabs", b"\n\treturn")):
        [argv] = SCRIPT.tidy_argvs(("a.js",), style)
        command = Command(argv, files={"a.js": b"export function f() {\n        return 'a'\n}"}, collect=("a.js",))
        outcome = await node.run(command)
        assert outcome.files["a.js"] == b"export function f() {" + indent + b' "a";\n}\n', outcome


async def test_packages_are_there_and_cannot_be_changed(sandbox: Sandbox) -> None:
    ready = await sandbox.prepare(("escape-string-regexp ^5",), "javascript")
    assert isinstance(ready, DependencySet), ready
    assert ready.locked[0].startswith("escape-string-regexp@5.")
    assert await sandbox.prepare(("escape-string-regexp@^5",), "typescript") == DependencySet(
        ready.key, ready.requirements, ready.locked, "typescript"
    )
    program = b"""
        import escape from "escape-string-regexp";
        import { appendFileSync } from "node:fs";
        import { fileURLToPath } from "node:url";
        console.log(escape("."));
        try {
          appendFileSync(fileURLToPath(import.meta.resolve("escape-string-regexp")), "\\n");
          console.log("writable");
        } catch {}
    """
    async with sandbox.open(ready, language="javascript") as session:
        outcome = await session.run(Command(SCRIPT.run_argv("src/a.mjs"), files={"src/a.mjs": program}))
    expected = "\\.\n" if isinstance(sandbox, DockerSandbox) else "\\.\nwritable\n"
    assert outcome.run.stdout == expected, outcome


async def test_locked_versions_are_taken_where_they_fit(sandbox: Sandbox) -> None:
    for wanted, preferred, expected in (
        ("^4", ("escape-string-regexp@4.0.0", "debug@4.3.1"), "4.0.0"),
        ("^5", ("escape-string-regexp@4.0.0",), "5.0.0"),  # it does not fit
        ("~5.0", ("escape-string-regexp@5.0.99",), "5.0.0"),  # there is none
    ):
        ready = await sandbox.prepare((f"escape-string-regexp@{wanted}",), "javascript", preferred=preferred)
        assert isinstance(ready, DependencySet), ready
        assert ready.locked == (f"escape-string-regexp@{expected}",)


async def test_what_npm_does_not_have_is_a_finding(sandbox: Sandbox) -> None:
    for line, words in (
        ("surely-invented-package-of-codeteam", "no package of this name"),
        ("escape-string-regexp@^999", "no such version"),
        ("favicon.ico", "npm cannot read this name"),
    ):
        problems = await sandbox.prepare((line,), "javascript")
        assert isinstance(problems, tuple)
        assert [problem.requirement.partition("@")[0] for problem in problems] == [line.partition("@")[0]]
        assert words in problems[0].message
        assert "/" not in problems[0].message


@pytest.mark.parametrize(
    "line",
    ["file:../x", "x@file:../x", "git+https://127.0.0.1/x.git", "x@https://127.0.0.1/x.tgz", "x@npm:y@1", "../x",
     "--registry=x", "user/repository", "x@github:a/b", "X y\nz", "x@1;rm", "fs",
     "x@..", "x@.", "x ..", "x@y.tgz", "x@1.0.0-y.tgz", "x@1.0.0-y.TAR", "x@1.tar.gz", "x@-1", "x@^^^", "x@1..2",
     "x@a b", "path@1", "a" * 300],
)  # fmt: skip
def test_only_names_and_ranges_are_taken(line: str) -> None:
    good, problems = npm.check((line, "zod@^3"))
    assert good == ("zod@^3",)
    assert [type(problem) for problem in problems] == [DependencyProblem]


def test_a_machine_that_no_node_fits_is_told_what_to_do(tmp_path: Path) -> None:
    """The index has the version that is locked, for another system alone."""
    lock = files("codeteam.sandbox").joinpath("toolchains", "node.lock").read_text("utf-8")
    name, _, version = lock.partition(" ")[0].partition("==")
    elsewhere = wheel(name.replace("-", "_"), version, {}, tag="py3-none-win_amd64")
    replies = {"architect": [ARCHITECT.replace("slug.py", "slug.js")]}
    with index({name: [elsewhere]}) as address:
        settings = {key: value for key, value in environment(address, tmp_path).items() if key.startswith("UV_")}
        place = Place(tmp_path, {**settings, "CODETEAM_CACHE": str(tmp_path / "cache")})
        script = place.script(replies)
        done = place.run(
            *("run", "Slugs", "--language", "javascript", "--sandbox", "local", "--json", "--model", script)
        )
    assert done.code == 3, done.err
    error = done.json["error"]
    assert error["kind"] == "toolchain_missing"
    assert "no toolchain `node` for this platform" in error["message"]
    assert "`codeteam sandbox build`" in error["hint"]
