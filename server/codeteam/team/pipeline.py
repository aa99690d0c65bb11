"""The product on one page: plan → develop → execute → review → test, and back to develop until it is right."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

from codeteam.domain.artifacts import Draft, Feedback, Plan, PlannedFile
from codeteam.domain.errors import OutOfBudget
from codeteam.domain.events import Drafted, Noted, Planned, Reviewed, SentBack, Stalled
from codeteam.domain.evidence import Gate
from codeteam.domain.findings import Finding, Severity, fingerprint
from codeteam.domain.settings import Quality
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent
from codeteam.sandbox.interface import DependencyProblem
from codeteam.team import checks
from codeteam.team.bench import Bench, Verdict, tally
from codeteam.team.code import code_of
from codeteam.team.crew import default_plan
from codeteam.team.gates import judge, judge_tests
from codeteam.team.stall import Progress
from codeteam.team.testing import begin_tests

_DESIGNED = (Intent.IMPLEMENT, Intent.REFACTOR)
"""Intents that an architect's plan pays for; for the others the document says where the work is."""


async def pipeline(bench: Bench) -> Gate | None:
    """Run a job to its end; what came of it is in `bench.best`.

    Returns the gate that stopped it short of what was asked (a limit, or no progress), or None.
    """
    try:
        if bench.task.intent is Intent.REVIEW:
            await _review(bench)
        elif bench.task.intent is Intent.TEST:
            await _test(bench)
        else:
            return await _iterate(bench)
    except OutOfBudget as error:
        return bench.out_of_budget(error)
    finally:
        await _dismiss_tester(bench)
    return None


async def _iterate(bench: Bench) -> Gate | None:
    progress = Progress()
    history: list[str] = []
    draft: Draft | None = None
    feedback: Feedback | None = None
    await _plan(bench, history, 1)
    for iteration in range(1, bench.task.settings.max_iterations + 1):
        drafted = await _develop(bench, iteration, draft, feedback)
        if isinstance(drafted, Draft):
            draft = drafted
            verdict = await judge(bench, draft)
            feedback = verdict.feedback
            if feedback is None:
                return None
        else:
            feedback = drafted
        bench.record(SentBack(iteration, feedback))
        history.append(_tried(iteration, draft, feedback))
        if reason := progress.stuck(draft if isinstance(drafted, Draft) else None, feedback):
            bench.record(Stalled(iteration, reason))
            if progress.stalls >= 3:
                return Gate("progress", False, f"{reason}; another approach did not help")
            if iteration < bench.task.settings.max_iterations:
                await _plan(bench, history, iteration + 1)
                draft = feedback = None
    return Gate("iterations", False, f"the limit of {bench.task.settings.max_iterations} iterations is reached")


async def _plan(bench: Bench, history: list[str], iteration: int) -> None:
    """Design, make the packages ready, and set the tester to work beside the developer of that iteration."""
    if bench.task.intent in _DESIGNED or history:
        await _design(bench, history)
    else:
        bench.plan = default_plan(bench.task)
    await _dependencies(bench)
    bench.plans += 1
    bench.record(Planned(bench.plan, bench.plans))
    asked = bench.task.settings.asked_quality >= Quality.TESTED and bench.task.intent is not Intent.DOCUMENT
    if asked and (bench.tests is None or _interface(bench.plan) != bench.tested_interface):
        await _dismiss_tester(bench)
        bench.tests = await begin_tests(bench, iteration)
        bench.tested_interface = _interface(bench.plan)


async def _design(bench: Bench, history: list[str]) -> None:
    with bench.step("architect", 0, "planning another approach" if history else "planning") as said:
        bench.plan = await bench.team.plan(history)
        said.append(", ".join(file.path for file in bench.plan.files))


def _interface(plan: Plan) -> tuple[tuple[str, str], ...]:
    return tuple((file.path, file.interface) for file in plan.files)


async def _dependencies(bench: Bench) -> None:
    """Packages for the sandbox; the architect is told once of what cannot be had, or may be mistaken for another.

    What still cannot be had is left out, what still may be mistaken is taken; of both there is a finding.
    """
    problems = await _prepare(bench, bench.plan)
    if problems and bench.task.intent in _DESIGNED:
        await _design(bench, [_said(problems)])
        problems = await _prepare(bench, bench.plan)
    findings: list[Finding] = []
    while problems:
        plan, missing = bench.plan, [problem for problem in problems if problem.kind != "mistaken"]
        if missing:
            name = bench.executor.session.package_name
            bad = {name(problem.requirement) for problem in missing}
            left = tuple(line for line in plan.dependencies if name(line) not in bad)
            bench.plan = replace(plan, dependencies=left if len(left) < len(plan.dependencies) else ())
            findings += [dependency_finding(plan, problem) for problem in missing]
            bench.record(Noted(_said(missing)))
        problems = await _prepare(bench, bench.plan)
    if doubts := bench.executor.session.doubts:
        findings += [dependency_finding(bench.plan, problem) for problem in doubts]
        bench.record(Noted(_said(doubts)))
    bench.dependency_findings = tuple(findings[: checks.MOST_FINDINGS])


async def _prepare(bench: Bench, plan: Plan) -> tuple[DependencyProblem, ...]:
    with bench.step("executor", 0, "making the sandbox ready") as said:
        problems = await bench.executor.session.prepare(plan.dependencies)
        said.append(_said(problems) if problems else bench.executor.session.image)
    return problems


def _said(problems: Sequence[DependencyProblem]) -> str:
    parts = []
    for words, found in (
        ("Packages that cannot be had", [item for item in problems if item.kind != "mistaken"]),
        ("Packages that may not be the ones that are meant", [item for item in problems if item.kind == "mistaken"]),
    ):
        if found:
            parts.append(f"{words}: " + "; ".join(f"{item.requirement}: {item.message}" for item in found))
    return " ".join(parts)


def dependency_finding(plan: Plan, problem: DependencyProblem) -> Finding:
    """A package of the plan that cannot be had, or may not be the one that is meant."""
    path, line = plan.files[0].path, problem.requirement
    rule, severity, message = (
        ("dependency/mistaken", Severity.WARNING, f"Is {line} the package that is meant? {problem.message}")
        if problem.kind == "mistaken"
        else ("dependency/unavailable", Severity.ERROR, f"The package {line} cannot be had: {problem.message}")
    )
    return Finding(rule, severity, path, 1, 1, "", message, fingerprint=fingerprint(rule, path, line))


async def _develop(bench: Bench, iteration: int, draft: Draft | None, feedback: Feedback | None) -> Draft | Feedback:
    doing = "writing the draft" if feedback is None else f"correcting the draft ({feedback.gate})"
    with bench.step("developer", iteration, doing) as said:
        drafted = await bench.team.develop(iteration, bench.plan, draft, feedback)
        if isinstance(drafted, Draft):
            bench.keep(Verdict(drafted, ()))
            drafted = replace(drafted, files=await bench.executor.tidy(iteration, drafted.files))
            bench.record(Drafted(drafted))
            said.append(", ".join(file.path for file in drafted.files))
        else:
            said.append(drafted.text)
    return drafted


async def _review(bench: Bench) -> None:
    """Reviewer only: nothing is changed."""
    document = [bench.task.document] if bench.task.document else []
    await bench.executor.session.prepare(())
    with bench.step("executor", 1, f"running {bench.executor.checks.names}") as said:
        static = await bench.executor.checks.run(1, document, everything=True)
        said.append(tally(static) if static else "clean")
    bench.best = Verdict(Draft(1, ()), (), findings=checks.worst(static, ()))  # if the reviewer is lost
    with bench.step("reviewer", 1, "reviewing") as said:
        review = await bench.team.review(1, None, document, None, static)
        bench.record(Reviewed(1, review))
        said.append("approved" if review.approved else tally(review.findings))
    gate = Gate("review", True, "reviewed; nothing was changed")
    bench.best = Verdict(Draft(1, ()), (gate,), review, findings=review.findings)


async def _test(bench: Bench) -> None:
    """Tester only: test files for the code as it is; the code is not touched."""
    document = bench.task.document or SourceFile("", "")
    bench.plan = Plan(
        "The code exists; only its tests are missing.",
        (PlannedFile(document.path, "", code_of(document.path).signatures(document.text)),),
    )
    await bench.executor.session.prepare(())
    bench.record(Planned(bench.plan, 1))
    bench.tests = await begin_tests(bench, 1)
    bench.best = await judge_tests(bench, Draft(1, (document,)))


async def _dismiss_tester(bench: Bench) -> None:
    if bench.tests is not None:
        bench.tests.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # a failure that no draft ever waited for
            await bench.tests


def _tried(iteration: int, draft: Draft | None, feedback: Feedback) -> str:
    code = "\n\n".join(f"{file.path}:\n{file.text[:1500]}" for file in draft.files[:3]) if draft else "(no draft)"
    return f"Iteration {iteration} failed at {feedback.gate}:\n{feedback.text[:1500]}\n\nThe draft was:\n{code}"
