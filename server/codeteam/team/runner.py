"""Tests of a draft, run in the sandbox, and whether they are to be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codeteam.domain.evidence import RunResult, TestReport
from codeteam.domain.languages import is_test
from codeteam.domain.source import SourceFile
from codeteam.sandbox.interface import Command, Outcome
from codeteam.sandbox.languages import REPORT
from codeteam.team import node_examples, python_code, reports
from codeteam.team.blind import GOT, Blind, blinded, blinded_examples, judged
from codeteam.team.code import code_of
from codeteam.team.examples import TEST_PATH, Example, acceptance_test
from codeteam.team.session import JobSession
from codeteam.team.turned import deception, too_large, turned, turned_examples

_REPORTS_GO_HERE = ".codeteam/.reports"
"""An empty file: not every test runner makes the folder of its report."""


class TestRunner:
    """The test runner of one job's language."""

    __test__ = False

    def __init__(self, session: JobSession) -> None:
        self._session = session

    async def examples(self, iteration: int, files: Sequence[SourceFile], examples: tuple[Example, ...]) -> TestReport:
        """The requirement's own examples as acceptance tests."""
        code = [file for file in files if not is_test(file.path)]
        task = self._session.task
        known = [*code, *([task.document] if task.document else []), *task.neighbours]
        unique = tuple({file.path: file for file in known if not is_test(file.path)}.values())
        if not self._session.is_python:
            own = tuple(file for file in unique if self._session.takes(file.path))
            test = SourceFile(node_examples.TEST_PATH, node_examples.node_acceptance_test(examples, own))
            return await self.run(iteration, files, (test,), "examples")
        roots = self._session.roots(files)

        def text_of(some: tuple[Example, ...]) -> SourceFile:
            return SourceFile(TEST_PATH, acceptance_test(some, unique, roots))

        report = await self.run(iteration, files, (text_of(examples),), "examples")
        if not report.ok:
            return report
        blind = blinded_examples(examples, text_of)
        return await self._undeceived(iteration, files, report, blind, (text_of(turned_examples(examples)),))

    async def run(
        self, iteration: int, files: Sequence[SourceFile], tests: Sequence[SourceFile], purpose: str
    ) -> TestReport:
        """Run test files against a draft; `purpose` is "examples", "tests", "stub" or "turned"."""
        named = {file.path: code_of(file.path).names_of_tests(file.text) for file in tests}
        paths = tuple(path for path, names in named.items() if names)
        if not paths:
            return TestReport((), RunResult((), 5), problem="No test is left.")
        outcome = await self._ran(iteration, files, tests, paths, purpose)
        expected = frozenset(name for names in named.values() for name in names)
        coverage = outcome.files.get(self._session.language.coverage)
        return reports.read_report(
            outcome.run, outcome.files.get(REPORT), coverage, expected, paths, self._session.language.report
        )

    async def _ran(  # noqa: PLR0917 - what is run, and what for
        self,
        iteration: int,
        files: Sequence[SourceFile],
        tests: Sequence[SourceFile],
        paths: Sequence[str],
        purpose: str,
        collect: tuple[str, ...] = (),
    ) -> Outcome:
        roots = self._session.roots([*files, *tests])
        sources = [file.path for file in files if not is_test(file.path)]
        language = self._session.language
        if language.path_variable:
            sources = [name for path in sources if (name := python_code.module_name(path, roots))]
        return await self._session.execute(
            iteration,
            purpose,
            Command(
                argv=language.test_argv(paths, REPORT, sources),
                files=self._session.written([*files, *tests]) | {_REPORTS_GO_HERE: b""},
                remove=(".",),
                env={language.path_variable: ":".join(roots), **self._options()} if language.path_variable else {},
                timeout=self._session.timeout,
                collect=(REPORT, *filter(None, [language.coverage]), *collect),
            ),
        )

    def _options(self) -> dict[str, str]:
        """What the project sets for pytest."""
        stated = " ".join(f"-o {option}" for option in self._session.task.test_options)
        return {"PYTEST_ADDOPTS": stated} if stated else {}

    async def undeceived(
        self, iteration: int, files: Sequence[SourceFile], tests: Sequence[SourceFile], report: TestReport
    ) -> TestReport:
        """A report of tests that passed, once it is sure that it is they who say so.

        Only of Python's; tests of other languages are believed as they are reported.
        """
        if not self._session.is_python or not report.ok:
            return report
        if problem := too_large(tests):
            return replace(report, problem=problem)
        if not any(python_code.names_of_tests(file.text) for file in tests):
            return report
        return await self._undeceived(iteration, files, report, blinded(tests), turned(tests))

    async def _undeceived(
        self,
        iteration: int,
        files: Sequence[SourceFile],
        report: TestReport,
        blind: Blind,
        wrong: Sequence[SourceFile],
    ) -> TestReport:
        """What tests expect is first kept from them; what that does not prove, they are turned round for."""
        own = frozenset(name for file in wrong for name in python_code.names_of_tests(file.text))
        doubtful = own
        if blind.wanted:
            for _ in range(2):  # a busy machine, perhaps; what it is twice, it is
                outcome = await self._ran(iteration, files, blind.files, blind.paths, "blind", (GOT,))
                if not (outcome.run.timed_out or outcome.run.out_of_memory):
                    break
            open_, problem = judged(blind, report, outcome.files.get(GOT))
            if problem:
                return replace(report, problem=problem)
            doubtful = open_ | own - set(blind.owners.values())
        if not doubtful:
            return report
        said = await self.run(iteration, files, wrong, "turned")
        if said.run.timed_out or said.run.out_of_memory:
            said = await self.run(iteration, files, wrong, "turned")
        return replace(report, problem=deception(said))

    async def cannot_fail(
        self, iteration: int, files: Sequence[SourceFile], tests: Sequence[SourceFile]
    ) -> tuple[str, ...]:
        """Test files of which every test passes against a stub of the same interface: they prove nothing."""
        own = [file for file in files if self._session.takes(file.path)]
        stubs = [SourceFile(file.path, code_of(file.path).stub(file.text)) for file in own]
        believed: list[str] = []
        for file in tests:
            if code_of(file.path).names_of_tests(file.text):
                others = [other for other in tests if other.path.endswith("conftest.py")]
                report = await self.run(iteration, stubs, [*others, file], "stub")
                if report.ok:
                    believed.append(file.path)
        return tuple(believed)
