"""One draft on its way through the gates: run, examples, static checks and review, docs, tests.

The first gate that fails sends its feedback back to the developer; what passed decides the quality.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from codeteam.domain.artifacts import Draft, Feedback, Plan, Review, Tests
from codeteam.domain.errors import UnreadableReply
from codeteam.domain.events import Noted, Reviewed, StepFinished, StepStarted, Tested, TestsWritten
from codeteam.domain.evidence import Gate, RunResult, TestCase, TestReport
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.settings import Quality
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.team import checks, python_code
from codeteam.team.crew import Record, Team
from codeteam.team.examples import Examples
from codeteam.team.executor import Executor
from codeteam.team.splice import before_text
from codeteam.team.stall import signature

_SHOWN = 3
"""Failing tests shown to the developer at once; more only hide the cause."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one draft."""

    draft: Draft
    gates: tuple[Gate, ...]
    review: Review | None = None
    report: TestReport | None = None
    tests: Tests | None = None
    findings: tuple[Finding, ...] = ()
    feedback: Feedback | None = None
    """Why it goes back; None when it passed, or when another draft would not help."""

    @property
    def quality(self) -> Quality | None:
        """The highest level whose gates, and those of all below it, are green."""
        passed = {gate.name for gate in self.gates if gate.passed}
        failed = {gate.name for gate in self.gates if not gate.passed}
        earned: Quality | None = None
        for quality, needed in (
            (Quality.DRAFT, {"run"}),
            (Quality.REVIEWED, {"review"}),
            (Quality.TESTED, {"tests"}),
            (Quality.PRODUCTION, set[str]()),
        ):
            blocked = failed & {"run", "scope"} if quality < Quality.PRODUCTION else failed
            if not needed <= passed or blocked or (quality >= Quality.TESTED and "examples" in failed):
                break
            earned = quality
        return earned

    @property
    def rank(self) -> tuple[int, int, int]:
        """Larger is better: quality, gates passed, tests passed."""
        return (
            self.quality or 0,
            sum(gate.passed for gate in self.gates),
            self.report.count("passed") if self.report else 0,
        )


@dataclass(slots=True)
class Bench:
    """What the gates of one job share."""

    task: Task
    team: Team
    executor: Executor
    record: Record
    examples: Examples
    plan: Plan
    tests: asyncio.Future[Tests] | None = None
    """The tester's work, under way while the developer writes."""
    announced: asyncio.Future[Tests] | None = None
    """The tester's work whose end was told."""
    sent_back: set[str] = field(default_factory=set)
    """Tests for which the developer was already sent back once."""
    believed: set[str] = field(default_factory=set)
    """Test files that were seen to fail against a stub."""
    dependency_findings: tuple[Finding, ...] = ()
    last_run: RunResult | None = None
    """How the draft under judgement ran, for the reviewer."""
    best: Verdict | None = None
    """The best draft so far, which a limit does not lose."""
    plans: int = 0
    tested_interface: tuple[tuple[str, str], ...] = ()
    """Of the plan that the tester wrote for."""

    @contextmanager
    def step(self, role: str, iteration: int, message: str) -> Iterator[list[str]]:
        """Events around a role's turn; what is appended to the list is how it went."""
        said: list[str] = []
        start = time.monotonic()
        self.record(StepStarted(role, iteration, message))
        yield said
        self.record(StepFinished(role, iteration, "; ".join(said), time.monotonic() - start))


async def judge(bench: Bench, draft: Draft) -> Verdict:
    """Take a draft through every gate that the quality asked for needs; stops at the first that fails."""
    asked = bench.task.settings.asked_quality
    gates: list[Gate] = []
    if feedback := _scope(bench, draft, gates) or await _run(bench, draft, gates):
        return Verdict(draft, tuple(gates), findings=bench.dependency_findings, feedback=feedback)
    if feedback := await _examples(bench, draft, gates):
        return Verdict(draft, tuple(gates), findings=bench.dependency_findings, feedback=feedback)
    if asked < Quality.REVIEWED:
        return Verdict(draft, tuple(gates), findings=bench.dependency_findings)
    review, feedback = await _review(bench, draft, gates)
    findings = checks.worst((), (*bench.dependency_findings, *review.findings))
    if feedback or asked < Quality.TESTED:
        return Verdict(draft, tuple(gates), review, findings=findings, feedback=feedback)
    report, tests, feedback = await _tests(bench, draft, gates)
    return Verdict(draft, tuple(gates), review, report, tests, findings, feedback)


def _scope(bench: Bench, draft: Draft, gates: list[Gate]) -> Feedback | None:
    """Files parse, and a `document` job changed nothing but documentation."""
    for file in draft.files:
        if not file.path.endswith(".py"):
            continue
        if problem := python_code.syntax_error(file.text):
            return _failed(gates, "run", f"{file.path} does not parse: {problem}", "it does not parse")
        before = before_text(bench.task, file.path) or ""
        if bench.task.intent is Intent.DOCUMENT and not python_code.same_but_docstrings(before, file.text):
            said = f"{file.path}: the code itself changed. Only docstrings and comments may differ."
            return _failed(gates, "scope", said, "code changed where only documentation was asked for")
    return None


async def _run(bench: Bench, draft: Draft, gates: list[Gate]) -> Feedback | None:
    with bench.step("executor", draft.iteration, "running the draft in the sandbox") as said:
        run = bench.last_run = await bench.executor.run(draft.iteration, draft.files)
        said.append("it runs" if run.ok else how_it_ended(run))
    if run.ok:
        gates.append(Gate("run", True, "every module imports and runs"))
        return None
    text = f"The code does not run: {how_it_ended(run)}.\n\n{_tail(run.stderr or run.stdout)}"
    return _failed(gates, "run", text, how_it_ended(run))


async def _examples(bench: Bench, draft: Draft, gates: list[Gate]) -> Feedback | None:
    if not bench.examples.run or bench.task.intent is Intent.DOCUMENT:
        return None
    with bench.step("executor", draft.iteration, "running the requirement's own examples") as said:
        report = await bench.executor.examples(draft.iteration, draft.files, bench.examples.run)
        bench.record(Tested(draft.iteration, "examples", report))
        said.append(_score(report))
    if report.ok:
        gates.append(Gate("examples", True, _score(report)))
        return None
    failing = [case for case in report.cases if case.outcome in ("failed", "error")]
    shown = "\n\n".join(_example_text(bench, case) for case in failing[:_SHOWN])
    text = f"Examples that the requirement gives do not hold.\n\n{shown or report.problem}"
    return _failed(gates, "examples", text, _score(report) if not report.problem else report.problem)


def _example_text(bench: Bench, case: TestCase) -> str:
    number = re.search(r"test_example_(\d+)", case.name)
    index = int(number[1]) - 1 if number else -1
    source = bench.examples.run[index].text if 0 <= index < len(bench.examples.run) else case.name
    return f"{source}\n{_said(case.message)}"


async def _review(bench: Bench, draft: Draft, gates: list[Gate]) -> tuple[Review, Feedback | None]:
    with bench.step("executor", draft.iteration, "running ruff and mypy") as said:
        static = await bench.executor.static(draft.iteration, draft.files)
        errors = [finding for finding in static if finding.severity is Severity.ERROR]
        said.append(f"{len(errors)} errors" if errors else "clean")
    docs = _undocumented(bench, draft)
    with bench.step("reviewer", draft.iteration, "reviewing the draft") as said:
        review = await bench.team.review(draft.iteration, bench.plan, draft.files, bench.last_run, static)
        bench.record(Reviewed(draft.iteration, review))
        said.append("approved" if review.approved else f"{len(review.findings)} findings")
    gates.append(Gate("static", not errors, f"{len(errors)} errors of ruff and mypy" if errors else "clean"))
    gates.append(Gate("review", review.approved, _review_detail(review, bool(errors))))
    if bench.task.settings.require_docs:
        gates.append(Gate("docs", not docs, f"{len(docs)} without a docstring" if docs else "complete"))
    wanted = docs if bench.task.settings.asked_quality is Quality.PRODUCTION else ()
    if review.approved and not wanted:
        return review, None
    lines = [_finding_text(finding) for finding in (*errors, *review.findings, *wanted)]
    text = "\n".join(dict.fromkeys(lines)) or review.comment
    if review.comment and not review.approved:
        text += f"\n\nThe reviewer says: {review.comment}"
    rules = sorted(f"{item.rule} {item.path} {item.quote}" for item in (*errors, *wanted, *_blocking(review)))
    gate = "static" if errors else "review" if not review.approved else "docs"
    return review, Feedback(gate, text, signature(gate, "\n".join(rules) or text))


def _blocking(review: Review) -> tuple[Finding, ...]:
    return tuple(finding for finding in review.findings if finding.severity is Severity.ERROR)


def _undocumented(bench: Bench, draft: Draft) -> tuple[Finding, ...]:
    if not bench.task.settings.require_docs:
        return ()
    before = {file.path: before_text(bench.task, file.path) or "" for file in draft.files}
    if bench.task.intent is Intent.DOCUMENT:
        before = {}
    return checks.missing_docs(before, draft.files)


def _review_detail(review: Review, errors: bool) -> str:
    if not review.verdict_counts:
        word = "static checks failed" if errors else "static checks are clean"
        return f"{word}; this model is too weak for its verdict to count"
    if review.approved:
        return "the reviewer approved, static checks are clean"
    return "static checks failed" if errors else review.comment or f"{len(review.findings)} findings"


async def _tests(
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
        return None, await bench.tests, None
    report = await _tested(bench, draft, tests)
    if not report.ok and _again(bench, report):
        tests, report = await _arbitrated(bench, draft, tests, report)
    if report.ok:
        gates.append(Gate("tests", True, _score(report)))
        return report, tests, None
    bench.sent_back |= {case.name for case in failing_cases(report)}
    return report, tests, _failed(gates, "tests", test_feedback(report), _score(report))


async def judge_tests(bench: Bench, draft: Draft) -> Verdict:
    """For tests alone: they must be able to fail, and pass on the code as it is, unless the code is wrong."""
    gates: list[Gate] = []
    if await _run(bench, draft, gates):
        return Verdict(draft, tuple(gates))
    tests = await believed_tests(bench, draft)
    if tests is None:
        gates.append(Gate("tests", False, "the tests pass even against an empty implementation"))
        return Verdict(draft, tuple(gates))
    report = await _tested(bench, draft, tests)
    if not report.ok:
        tests, report = await _arbitrated(bench, draft, tests, report)
    detail = _score(report) if report.ok else f"{_score(report)}: the tester holds the code to be wrong"
    gates.append(Gate("tests", report.ok, detail))
    return Verdict(draft, tuple(gates), report=report, tests=tests)


def _again(bench: Bench, report: TestReport) -> bool:
    return any(case.name in bench.sent_back for case in failing_cases(report))


async def _tested(bench: Bench, draft: Draft, tests: Tests) -> TestReport:
    with bench.step("executor", draft.iteration, "running the tests") as said:
        report = await bench.executor.tests(draft.iteration, draft.files, tests.files, "tests")
        bench.record(Tested(draft.iteration, "tests", report))
        said.append(_score(report))
    return report


async def believed_tests(bench: Bench, draft: Draft) -> Tests | None:
    """The tester's files once each was seen to fail against a stub; None when they cannot be made to."""
    if bench.tests is None:
        return None
    for attempt in (1, 2):
        tests = await _awaited(bench, draft.iteration, bench.tests)
        tests = Tests(await bench.executor.tidy(draft.iteration, tests.files), tests.explanation)
        fresh = [file for file in tests.files if f"{file.path}\0{file.text}" not in bench.believed]
        if not fresh:
            return tests
        with bench.step("executor", draft.iteration, "checking that the tests can fail") as said:
            empty = await bench.executor.cannot_fail(draft.iteration, draft.files, fresh)
            said.append(f"{', '.join(empty)} cannot" if empty else "they can")
        if not empty:
            bench.believed |= {f"{file.path}\0{file.text}" for file in tests.files}
            return tests
        if attempt == 1:
            complaint = (
                f"Every test in {', '.join(empty)} passes even when each function only raises NotImplementedError, "
                "so they prove nothing. Write tests that fail unless the behaviour is there."
            )
            bench.tests = asyncio.ensure_future(bench.team.write_tests(bench.plan, complaint))
    return None


async def _awaited(bench: Bench, iteration: int, tests: asyncio.Future[Tests]) -> Tests:
    if tests.done() and bench.announced is tests:
        return tests.result()
    with bench.step("tester", iteration, "writing tests from the requirement") as said:
        written = await tests
        bench.announced = tests
        bench.record(TestsWritten(written))
        said.append(", ".join(file.path for file in written.files))
    return written


async def _arbitrated(bench: Bench, draft: Draft, tests: Tests, report: TestReport) -> tuple[Tests, TestReport]:
    """Ask the tester who is wrong before the developer is sent back a second time for the same test."""
    failing = failing_cases(report)
    with bench.step("tester", draft.iteration, "deciding whether test or code is at fault") as said:
        fault = await bench.team.arbitrate(bench.plan, tests, _assertions(failing))
        said.append(f"the {'test' if fault.in_test else 'code'} is: {fault.reason}")
    if not fault.in_test:
        return tests, report
    corrected = fault.tests
    if corrected is None:
        names = {_function(case.name) for case in failing}
        bench.record(Noted(f"Left out, as the tester found them wrong: {', '.join(sorted(names))}."))
        corrected = Tests(
            tuple(SourceFile(file.path, python_code.without_functions(file.text, names)) for file in tests.files),
            tests.explanation,
        )
    done: asyncio.Future[Tests] = asyncio.get_running_loop().create_future()
    done.set_result(corrected)
    bench.tests = bench.announced = done
    bench.record(TestsWritten(corrected))
    believed = await believed_tests(bench, draft)
    if believed is None:
        return tests, report
    return believed, await _tested(bench, draft, believed)


def failing_cases(report: TestReport) -> tuple[TestCase, ...]:
    return tuple(case for case in report.cases if case.outcome in ("failed", "error"))


def test_feedback(report: TestReport) -> str:
    """What the developer is shown of failing tests: each one's block, with the values there."""
    failing = failing_cases(report)
    if not failing:
        return f"{report.problem}\n\n{_tail(report.run.stdout + report.run.stderr)}"
    shown = "\n\n".join(f"{case.name} {case.outcome}:\n{case.message}" for case in failing[:_SHOWN])
    more = f"\n\n… and {len(failing) - _SHOWN} more" if len(failing) > _SHOWN else ""
    return f"{_score(report)}.\n\n{shown}{more}"


def _assertions(failing: Sequence[TestCase]) -> str:
    return "\n\n".join(f"{case.name}:\n{_said(case.message)}" for case in failing[:_SHOWN])


def _said(message: str) -> str:
    """Of a pytest failure only what was asserted, without the code around it."""
    lines = [line[1:].strip() for line in message.splitlines() if line.startswith("E ")]
    return "\n".join(lines[:20]) or message.splitlines()[0][:300] if message else ""


def _function(name: str) -> str:
    return re.split(r"[\[:]", name.rpartition("::")[2])[0]


def _failed(gates: list[Gate], name: str, text: str, detail: str) -> Feedback:
    gates.append(Gate(name, False, detail))
    return Feedback(name, text, signature(name, text))


def _finding_text(finding: Finding) -> str:
    parts = [f"- {finding.path}: {finding.message} ({finding.rule})", f"  in: {finding.quote.strip()[:300]}"]
    if finding.trigger:
        parts.append(f"  when: {finding.trigger}")
    if finding.suggestion:
        parts.append(f"  suggested: {finding.suggestion}")
    return "\n".join(parts)


def how_it_ended(run: RunResult) -> str:
    """For people: why a run failed."""
    if run.timed_out:
        return f"it did not end within {run.seconds:.0f} seconds"
    if run.out_of_memory:
        return "it used more memory than the sandbox gives"
    lines = [line for line in run.stderr.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else f"exit code {run.exit_code}"


def _score(report: TestReport) -> str:
    if report.problem:
        return report.problem
    counts = [(report.count(name), name) for name in ("passed", "failed", "error", "skipped")]
    return ", ".join(f"{count} {name}" for count, name in counts if count)


def _tail(text: str) -> str:
    return text[-3000:].strip()
