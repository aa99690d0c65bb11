"""One draft on its way through the gates: run, examples, static checks and review, docs, tests.

The first gate that fails sends its feedback back to the developer; what passed decides the quality.
"""

from __future__ import annotations

import re

from codeteam.domain.artifacts import Draft, Feedback, Review
from codeteam.domain.events import Reviewed, Tested
from codeteam.domain.evidence import Gate, RunResult, TestCase
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.languages import TONGUES, tongue_of
from codeteam.domain.settings import Quality
from codeteam.domain.task import Intent
from codeteam.team import checks, missing
from codeteam.team.bench import Bench, Verdict, failed, tally
from codeteam.team.code import code_of
from codeteam.team.stall import signature
from codeteam.team.testing import SHOWN, arbitrated, asserted, believed_tests, run_tests, score, tail, try_tests
from codeteam.team.visible import before_text


async def judge(bench: Bench, draft: Draft) -> Verdict:
    """Take a draft through every gate that the quality asked for needs; stops at the first that fails.

    How far it came is kept after each gate, so that a limit that ends the job in the midst of it loses nothing.
    """
    asked = bench.task.settings.asked_quality
    gates: list[Gate] = []
    bench.keep(Verdict(draft, (), findings=bench.dependency_findings))
    feedback = _scope(bench, draft, gates) or await _run(bench, draft, gates)
    verdict = bench.keep(Verdict(draft, tuple(gates), findings=bench.dependency_findings, feedback=feedback))
    if feedback or not gates[-1].passed:
        return verdict
    feedback = await _examples(bench, draft, gates)
    verdict = bench.keep(Verdict(draft, tuple(gates), findings=bench.dependency_findings, feedback=feedback))
    if feedback or asked < Quality.REVIEWED:
        return verdict
    review, feedback = await _review(bench, draft, gates)
    findings = checks.worst((), (*bench.dependency_findings, *review.findings))
    verdict = bench.keep(Verdict(draft, tuple(gates), review, findings=findings, feedback=feedback))
    if feedback or asked < Quality.TESTED or bench.executor.checks.unchecked:
        return verdict
    report, tests, feedback = await try_tests(bench, draft, gates)
    return bench.keep(Verdict(draft, tuple(gates), review, report, tests, findings, feedback))


def _scope(bench: Bench, draft: Draft, gates: list[Gate]) -> Feedback | None:
    """Files parse, and a `document` job changed nothing but documentation."""
    for file in draft.files:
        if tongue_of(file.path) is None:
            continue
        code = code_of(file.path)
        if problem := code.syntax_error(file.text):
            return failed(gates, "run", f"{file.path} does not parse: {problem}", "it does not parse")
        before = before_text(bench.task, file.path) or ""
        if bench.task.intent is Intent.DOCUMENT and not code.same_but_docstrings(before, file.text):
            said = f"{file.path}: the code itself changed. Only docstrings and comments may differ."
            return failed(gates, "scope", said, "code changed where only documentation was asked for")
    return None


async def _run(bench: Bench, draft: Draft, gates: list[Gate]) -> Feedback | None:
    if not bench.executor.has_code(draft.files):
        language = TONGUES[bench.task.settings.language].title
        wrong = f"None of the files is {language}, so nothing of the draft can be run."
        told = f"none of its files is {language}: nothing was run"
        return failed(gates, "run", f"{wrong} Write what was asked for in {language}.", told)
    with bench.step("executor", draft.iteration, "running the draft in the sandbox") as said:
        run = bench.last_run = await bench.executor.run(draft.iteration, draft.files)
        said.append("it runs" if run.ok else how_it_ended(run))
    if run.ok:
        gates.append(Gate("run", True, bench.executor.how_it_runs))
        return None
    if why := missing.cause(bench.task, run):
        gates.append(Gate("run", False, why))
        return None
    text = f"The code does not run: {how_it_ended(run)}.\n\n{tail(run.stderr or run.stdout)}"
    return failed(gates, "run", text, how_it_ended(run))


async def _examples(bench: Bench, draft: Draft, gates: list[Gate]) -> Feedback | None:
    if not bench.examples.run or bench.task.intent is Intent.DOCUMENT:
        return None
    with bench.step("executor", draft.iteration, "running the requirement's own examples") as said:
        report = await bench.executor.tests.examples(draft.iteration, draft.files, bench.examples.run)
        bench.record(Tested(draft.iteration, "examples", report))
        said.append(score(report))
    if report.ok:
        gates.append(Gate("examples", True, score(report)))
        return None
    failing = [case for case in report.cases if case.outcome in ("failed", "error")]
    shown = "\n\n".join(_example_text(bench, case) for case in failing[:SHOWN])
    text = f"Examples that the requirement gives do not hold.\n\n{shown or report.problem}"
    return failed(gates, "examples", text, score(report) if not report.problem else report.problem)


def _example_text(bench: Bench, case: TestCase) -> str:
    number = re.search(r"test_example_(\d+)", case.name)
    index = int(number[1]) - 1 if number else -1
    source = bench.examples.run[index].text if 0 <= index < len(bench.examples.run) else case.name
    return f"{source}\n{asserted(case.message)}"


async def _review(bench: Bench, draft: Draft, gates: list[Gate]) -> tuple[Review, Feedback | None]:
    with bench.step("executor", draft.iteration, f"running {bench.executor.checks.names}") as said:
        static = await bench.executor.checks.run(draft.iteration, draft.files)
        errors = [finding for finding in static if finding.severity is Severity.ERROR]
        said.append(f"{len(errors)} errors" if errors else "clean")
    docs = _undocumented(bench, draft)
    with bench.step("reviewer", draft.iteration, "reviewing the draft") as said:
        review = await bench.team.review(draft.iteration, bench.plan, draft.files, bench.last_run, static)
        bench.record(Reviewed(draft.iteration, review))
        said.append("approved" if review.approved else tally(review.findings))
    unchecked = bench.executor.checks.unchecked
    found = f"{len(errors)} errors of {bench.executor.checks.names}" if errors else "clean"
    gates.append(Gate("static", not errors and not unchecked, unchecked or found))
    approved = review.approved and not unchecked
    gates.append(Gate("review", approved, unchecked or _review_detail(review, bool(errors))))
    if bench.task.settings.require_docs:
        gates.append(
            Gate("docs", not docs, f"{len(docs)} without {bench.executor.documentation}" if docs else "complete")
        )
    wanted = docs if bench.task.settings.require is Quality.PRODUCTION else ()
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
    if review.objected:
        return "the reviewer said no without anything to act on; static checks are clean"
    if review.approved:
        return "the reviewer approved, static checks are clean"
    return "static checks failed" if errors else review.comment or tally(review.findings)


async def judge_tests(bench: Bench, draft: Draft) -> Verdict:
    """For tests alone: they must be able to fail, and pass on the code as it is, unless the code is wrong."""
    gates: list[Gate] = []
    if await _run(bench, draft, gates) or not gates[-1].passed:
        return Verdict(draft, tuple(gates))
    tests = await believed_tests(bench, draft)
    if tests is None:
        gates.append(Gate("tests", False, "the tests pass even against an empty implementation"))
        return Verdict(draft, tuple(gates))
    bench.keep(Verdict(draft, tuple(gates), tests=tests))
    report = await run_tests(bench, draft, tests)
    bench.keep(Verdict(draft, tuple(gates), report=report, tests=tests))
    if not report.ok:
        tests, report = await arbitrated(bench, draft, tests, report)
    detail = score(report) if report.ok else f"{score(report)}: the tester holds the code to be wrong"
    gates.append(Gate("tests", report.ok, detail))
    return Verdict(draft, tuple(gates), report=report, tests=tests)


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
    if lines and lines[-1].startswith("Node.js v"):  # its last word; the error stands further up
        lines = [line for line in lines if re.match(r"(?:Uncaught )?\w*Error\b.*: ", line)] or lines
    return lines[-1].strip()[:200] if lines else f"exit code {run.exit_code}"
