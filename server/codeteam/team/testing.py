"""The last gate: tests that can fail, that are not wrong themselves, and that pass."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import replace

from codeteam.domain.artifacts import Draft, Feedback, Tests
from codeteam.domain.errors import CodeteamError, UnreadableReply
from codeteam.domain.events import Noted, StepFinished, StepStarted, Tested, TestsWritten
from codeteam.domain.evidence import Gate, TestCase, TestReport
from codeteam.domain.languages import is_test
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent
from codeteam.team import python_code
from codeteam.team.bench import Bench, failed
from codeteam.team.code import code_of
from codeteam.team.reports import test_of

SHOWN = 3
"""Failing tests shown to the developer at once; more only hide the cause."""


async def try_tests(
    bench: Bench, draft: Draft, gates: list[Gate]
) -> tuple[TestReport | None, Tests | None, Feedback | None]:
    if bench.task.intent is Intent.DOCUMENT:
        gates.append(Gate("tests", True, "not needed: the code is the same but for its documentation"))
        return None, None, None
    if bench.tests is None:
        return None, None, None
    try:
        tests = await believed_tests(bench, draft)
    except UnreadableReply as error:
        gates.append(Gate("tests", False, error.message))
        return None, None, None
    if tests is None:
        gates.append(Gate("tests", False, "the tester's tests pass even against an empty implementation"))
        return None, None, None
    report = await run_tests(bench, draft, tests)
    if not report.ok and (said := _does_not_load(report)) and not bench.rewritten:
        bench.rewritten = True
        bench.tests = await begin_tests(bench, draft.iteration, f"They do not load: {said}")
        return await try_tests(bench, draft, gates)
    if not report.ok and _again(bench, report):
        tests, report = await arbitrated(bench, draft, tests, report)
    if report.ok:
        gates.append(Gate("tests", True, score(report)))
        return report, tests, None
    if not _names(tests):
        gates.append(Gate("tests", False, "no test is left that holds"))
        return report, None, None
    bench.sent_back |= _failures(report)
    return report, tests, failed(gates, "tests", test_feedback(report), score(report))


def _does_not_load(report: TestReport) -> str:
    """What a test file itself does wrong when it is loaded, whatever the code does; empty when nothing is."""
    for case in failing_cases(report):
        frames = re.findall(r"^(\S+\.py):\d+: in ", case.message, re.MULTILINE)
        error = re.search(r"^E +((?:NameError|SyntaxError|IndentationError): .*)", case.message, re.MULTILINE)
        if case.outcome == "error" and error and frames and is_test(frames[-1]):
            return f"{frames[-1]}: {error[1]}"[:500]
    return ""


def _again(bench: Bench, report: TestReport) -> bool:
    return bool(_failures(report) & bench.sent_back)


def _failures(report: TestReport) -> set[str]:
    """What failed: names of tests, or what kept all of them from a report."""
    return {case.name for case in failing_cases(report)} or {report.problem}


def _names(tests: Tests) -> frozenset[str]:
    return frozenset(name for file in tests.files for name in code_of(file.path).names_of_tests(file.text))


async def run_tests(bench: Bench, draft: Draft, tests: Tests) -> TestReport:
    """The tester's tests, and those the project has of this code: what passed before must pass still."""
    if bench.failing_before is None:
        await _look_at_the_old_tests(bench)
    existing, known = bench.existing_tests, bench.failing_before or frozenset()
    with bench.step("executor", draft.iteration, "running the tests") as said:
        report = await bench.executor.tests.run(draft.iteration, draft.files, [*tests.files, *existing], "tests")
        report = replace(report, cases=tuple(case for case in report.cases if case.name not in known))
        report = await bench.executor.tests.undeceived(draft.iteration, draft.files, tests.files, report)
        bench.record(Tested(draft.iteration, "tests", report))
        said.append(score(report))
    return report


async def _look_at_the_old_tests(bench: Bench) -> None:
    """Which of the project's own tests of this code pass before the job: only those can show what a draft broke."""
    bench.failing_before = frozenset()
    existing = tuple(file for file in bench.task.neighbours if is_test(file.path))
    if not any(code_of(file.path).names_of_tests(file.text) for file in existing):
        return
    with bench.step("executor", 0, "running the project's tests on the code as it was") as said:
        report = await bench.executor.tests.run(0, (), existing, "tests")
        said.append(score(report))
    if report.problem:
        bench.record(Noted(f"The project's own tests are left out, as they do not run by themselves: {report.problem}"))
        return
    bench.existing_tests = existing
    bench.failing_before = frozenset(case.name for case in failing_cases(report))


async def _true_of_the_old(bench: Bench, tests: Tests) -> Tests:
    """Of a refactoring's tests those that pass on the code as it was: its behaviour is what must stay."""
    with bench.step("executor", 0, "running the tests on the code as it was") as said:
        report = await bench.executor.tests.run(0, (), tests.files, "tests")
        said.append(score(report))
    wrong = {test_of(case.name) for case in failing_cases(report)}
    if not wrong:
        return tests
    bench.record(Noted(f"Left out, as the code never behaved so: {', '.join(sorted(wrong))}."))
    return _without(tests, wrong)


def _without(tests: Tests, names: set[str]) -> Tests:
    left = (SourceFile(file.path, code_of(file.path).without_functions(file.text, names)) for file in tests.files)
    return Tests(tuple(left), tests.explanation)


async def believed_tests(bench: Bench, draft: Draft) -> Tests | None:
    """The tester's files once each was seen to fail against a stub; None when they cannot be made to."""
    if bench.tests is None:
        return None
    for attempt in (1, 2):
        tests = await bench.tests
        imported = [
            replace(file, text=python_code.with_import(file.text, "pytest")) if file.path.endswith(".py") else file
            for file in tests.files
        ]
        tests = Tests(await bench.executor.tidy(draft.iteration, imported), tests.explanation)
        fresh = [file for file in tests.files if f"{file.path}\0{file.text}" not in bench.believed]
        if not fresh:
            return tests
        with bench.step("executor", draft.iteration, "checking that the tests can fail") as said:
            empty = await bench.executor.tests.cannot_fail(draft.iteration, draft.files, fresh)
            said.append(f"{', '.join(empty)} cannot" if empty else "they can")
        if not empty:
            if bench.task.intent is Intent.REFACTOR:
                tests = await _true_of_the_old(bench, tests)
                bench.tests = _done(tests)
            bench.believed |= {f"{file.path}\0{file.text}" for file in tests.files}
            return tests
        if attempt == 1:
            raises = "raises NotImplementedError" if bench.executor.session.is_python else "fails"
            complaint = (
                f"Every test in {', '.join(empty)} passes even when each function only {raises}, "
                "so they prove nothing. Write tests that fail unless the behaviour is there."
            )
            bench.tests = await begin_tests(bench, draft.iteration, complaint)
    return None


async def begin_tests(bench: Bench, iteration: int, complaint: str = "") -> asyncio.Future[Tests]:
    """Set the tester to work; its turn is told when it begins and when it ends, whoever works beside it."""
    writing = asyncio.ensure_future(_write(bench, iteration, complaint))
    await asyncio.sleep(0)  # it has begun before what comes next does
    return writing


async def _write(bench: Bench, iteration: int, complaint: str) -> Tests:
    start = time.monotonic()

    def ended(state: str, message: str) -> None:
        bench.record(StepFinished("tester", iteration, message, time.monotonic() - start, state))

    bench.record(StepStarted("tester", iteration, "writing tests from the requirement"))
    try:
        tests = await bench.team.write_tests(bench.plan, complaint)
    except asyncio.CancelledError:
        ended("cancelled", "stopped")
        raise
    except CodeteamError as error:
        ended("failed", error.message)
        raise
    bench.record(TestsWritten(tests))
    ended("done", ", ".join(file.path for file in tests.files))
    return tests


async def arbitrated(bench: Bench, draft: Draft, tests: Tests, report: TestReport) -> tuple[Tests, TestReport]:
    """Ask the tester who is wrong before the developer is sent back a second time for the same test."""
    failing = failing_cases(report)
    with bench.step("tester", draft.iteration, "deciding whether test or code is at fault") as said:
        shown = _assertions(failing) or f"{report.problem}\n{tail(report.run.stderr)}"
        fault = await bench.team.arbitrate(bench.plan, tests, shown)
        said.append(f"the {'test' if fault.in_test else 'code'} is: {fault.reason}")
    if not fault.in_test:
        return tests, report
    corrected = fault.tests
    if corrected is None:
        names = {test_of(case.name) for case in failing}
        bench.record(Noted(f"Left out, as the tester found them wrong: {', '.join(sorted(names))}."))
        corrected = _without(tests, names)
    if _names(corrected):
        bench.tests = _done(corrected)
        bench.record(TestsWritten(corrected))
    else:
        complaint = f"You found your tests to be wrong: {fault.reason}"
        bench.tests = await begin_tests(bench, draft.iteration, complaint)
    believed = await believed_tests(bench, draft)
    if believed is None:
        return tests, report
    return believed, await run_tests(bench, draft, believed)


def _done(tests: Tests) -> asyncio.Future[Tests]:
    done: asyncio.Future[Tests] = asyncio.get_running_loop().create_future()
    done.set_result(tests)
    return done


def failing_cases(report: TestReport) -> tuple[TestCase, ...]:
    return tuple(case for case in report.cases if case.outcome in ("failed", "error"))


def test_feedback(report: TestReport) -> str:
    """What the developer is shown of failing tests: each one's block, with the values there."""
    failing = failing_cases(report)
    if not failing:
        return f"{report.problem}\n\n{tail(report.run.stdout + report.run.stderr)}"
    shown = "\n\n".join(f"{case.name} {case.outcome}:\n{case.message}" for case in failing[:SHOWN])
    more = f"\n\n… and {len(failing) - SHOWN} more" if len(failing) > SHOWN else ""
    return f"{score(report)}.\n\n{shown}{more}"


def _assertions(failing: Sequence[TestCase]) -> str:
    return "\n\n".join(f"{case.name}:\n{asserted(case.message)}" for case in failing[:SHOWN])


def asserted(message: str) -> str:
    """Of a test's failure only what was asserted, without the code or the calls around it."""
    lines = [line[1:].strip() for line in message.splitlines() if line.startswith("E ")]
    if not lines and "\n    at " in message:  # as Node tells it
        told = message.partition("\nError [")[0].splitlines()
        lines = [line for line in told if line.strip() and not line.startswith("    at ")]
    if not lines and "panicked at " in message:  # as Rust tells it
        after = message.rpartition("panicked at ")[2].splitlines()
        lines = [line for line in after if line.strip() and not line.startswith("note: ")]
    return "\n".join(lines[:20]) or message.splitlines()[0][:300] if message else ""


def score(report: TestReport) -> str:
    if report.problem:
        return report.problem
    counts = [(report.count(name), name) for name in ("passed", "failed", "error", "skipped")]
    left_out = sum(count for _, count in report.unlisted)
    said = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{said} ({left_out} of them are counted, not listed)" if left_out else said


def tail(text: str) -> str:
    return text[-3000:].strip()
