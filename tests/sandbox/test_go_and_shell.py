"""Go and shell scripts in every sandbox: what their rows' commands do, and what is read from it."""

from __future__ import annotations

from codeteam.sandbox.interface import Command, DependencyProblem, Sandbox
from codeteam.sandbox.languages import LANGUAGES, REPORT
from codeteam.team import linters, reports

GO = LANGUAGES["go"]
SHELL = LANGUAGES["shell"]
CODE = """\
package calc

// Double is twice n.
func Double(n int) int {
\tif n > 100 {
\t\treturn -1
\t}
\treturn n * 2
}
"""
GO_TESTS = b"""\
package calc

import "testing"

func TestDouble(t *testing.T) {
\tfor name, n := range map[string]int{"two": 2, "three": 3} {
\t\tt.Run(name, func(t *testing.T) {
\t\t\tif got := Double(n); got != 4 {
\t\t\t\tt.Errorf("got %d", got)
\t\t\t}
\t\t})
\t}
}

func TestNothing(t *testing.T) {}
"""
SCRIPT = """\
#!/usr/bin/env bash
double() {
  echo $(($1 * 2))
}
"""
BATS = b"""\
setup() { source "$BATS_TEST_DIRNAME/../calc.sh"; }

@test "two is four" {
  run double 2
  [ "$output" = 4 ]
}

@test "three is [seven]" {
  run double 3
  [ "$output" = 7 ]
}
"""


async def test_go_compiles_tests_measures_and_vets(sandbox: Sandbox) -> None:
    assert GO.load is not None
    files = {"calc/calc.go": CODE.encode(), "calc/calc_test.go": GO_TESTS, ".codeteam/.reports": b""}
    files |= GO.scaffold(files, ())
    async with sandbox.open(language="go") as session:
        program = GO.load(("calc/calc.go",), "ran", "token")
        outcome = await session.run(Command(program.argv, files=files, collect=("ran",)))
        assert outcome.files == {"ran": b"token"}, outcome
        argv = GO.test_argv(("calc/calc_test.go",), REPORT, ("calc/calc.go",))
        outcome = await session.run(Command(argv, files=files, remove=(".",), collect=(REPORT, GO.coverage)))
        found = outcome.files.get(REPORT), outcome.files.get(GO.coverage)
        expected = frozenset({"TestDouble", "TestNothing"})
        report = reports.read_report(outcome.run, *found, expected, ("calc/calc_test.go",), GO.report)
        assert not report.problem, outcome
        assert {(case.name, case.outcome) for case in report.cases} == {
            ("calc/calc_test.go::TestDouble/two", "passed"),
            ("calc/calc_test.go::TestDouble/three", "failed"),
            ("calc/calc_test.go::TestNothing", "passed"),
        }
        assert report.coverage == 66.7
        bad = CODE.replace("return -1", 'fmt.Printf("%d", "x")\n\t\treturn -1').replace(
            "calc\n", 'calc\n\nimport "fmt"\n', 1
        )
        [(name, argv)] = GO.lint_argvs(("calc/calc.go",))
        outcome = await session.run(Command(argv, files={"calc/calc.go": bad.encode()}))
        [finding] = linters.READERS[name](outcome.run.stdout, {"calc/calc.go": bad})
        assert (finding.rule, "wrong type" in finding.message) == ("go/vet", True), outcome
        assert "Printf" in finding.quote


async def test_a_program_that_does_not_compile_passes_nothing(sandbox: Sandbox) -> None:
    files = {"calc.go": b"package calc\nfunc Double(n int) int { return m }\n", "calc_test.go": GO_TESTS}
    async with sandbox.open(language="go") as session:
        argv = GO.test_argv(("calc_test.go",), REPORT, ())
        everything = {**files, ".codeteam/.reports": b"", **GO.scaffold(files, ())}
        outcome = await session.run(Command(argv, files=everything, collect=(REPORT,)))
    report = reports.read_report(
        outcome.run, outcome.files.get(REPORT), None, frozenset({"TestNothing"}), ("calc_test.go",), GO.report
    )
    assert [case.outcome for case in report.cases] == ["error"], outcome
    assert "undefined: m" in report.cases[0].message


async def test_scripts_are_parsed_tested_and_checked(sandbox: Sandbox) -> None:
    assert SHELL.load is not None
    files = {"calc.sh": SCRIPT.encode(), "tests/calc.bats": BATS, ".codeteam/.reports": b""}
    async with sandbox.open(language="shell") as session:
        for text, ran in ((SCRIPT, True), (SCRIPT.replace("}", "fi"), False)):
            program = SHELL.load(("calc.sh",), "ran", "token")
            command = Command(program.argv, files={"calc.sh": text.encode()}, remove=(".",), collect=("ran",))
            outcome = await session.run(command)
            assert (outcome.run.ok, bool(outcome.files)) == (ran, ran), outcome
        argv = SHELL.test_argv(("tests/calc.bats",), REPORT, ())
        outcome = await session.run(Command(argv, files=files, remove=(".",), collect=(REPORT,)))
        expected = frozenset({"two is four", "three is [seven]"})
        report = reports.read_report(outcome.run, outcome.files.get(REPORT), None, expected, ("tests/calc.bats",))
        assert not report.problem, outcome
        assert [(case.name, case.outcome) for case in report.cases] == [
            ("tests/calc.bats::two is four", "passed"),
            ("tests/calc.bats::three is [seven]", "failed"),
        ]
        bad = "#!/bin/sh\nif [ $1 = a ]; then\n  echo $*\n  [ a == ]\nfi\n"
        [(name, argv)] = SHELL.lint_argvs(("bad.sh",))
        outcome = await session.run(Command(argv, files={"bad.sh": bad.encode()}))
        found = {item.rule: item.severity for item in linters.READERS[name](outcome.run.stdout, {"bad.sh": bad})}
        assert "error" in found.values(), outcome
        [argv] = SHELL.tidy_argvs(("calc.sh",), "tabs")
        outcome = await session.run(Command(argv, files={"calc.sh": SCRIPT.encode()}, collect=("calc.sh",)))
        assert b"\n\techo" in outcome.files["calc.sh"]


async def test_scripts_have_no_packages(sandbox: Sandbox) -> None:
    [problem] = await sandbox.prepare(("github.com/x/y",), "shell")  # type: ignore[misc]
    assert isinstance(problem, DependencyProblem)
    assert "not fetched" in problem.message
