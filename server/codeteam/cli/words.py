"""Events and results in words."""

from __future__ import annotations

from codeteam.cli.result import Result
from codeteam.domain.artifacts import Status
from codeteam.domain.events import (
    Cancelled,
    Drafted,
    Event,
    Executed,
    Failed,
    Noted,
    Planned,
    Proposed,
    Queued,
    Replied,
    Reviewed,
    SentBack,
    Stalled,
    Started,
    StepFinished,
    StepStarted,
    Tested,
    TestsWritten,
)
from codeteam.domain.evidence import Evidence, RunResult, TestReport, Usage
from codeteam.domain.findings import Finding
from codeteam.domain.task import Intent

_PURPOSES = {"stub": "tests without code", "blind": "tests without what they expect", "turned": "tests turned round"}
"""The others' say it themselves."""


def event_in_words(event: Event) -> str:
    """One line; empty for what another event says as well."""
    match event:
        case Queued(ahead):
            return f"waiting, {ahead} job{_s(ahead)} ahead"
        case Started():
            return "started"
        case StepStarted(role, iteration, message):
            return f"{role}{_turn(iteration)}: {message}"
        case StepFinished(role, iteration, message, seconds, _):
            return f"{role}{_turn(iteration)}: {message} ({seconds:.1f} s)"
        case Replied(role, _, model, _, usage, seconds, _):
            return f"{role}: {model} used {usage.tokens} tokens in {seconds:.1f} s"
        case SentBack(iteration, feedback):
            return f"draft {iteration} goes back ({feedback.gate}): {_first(feedback.text)}"
        case Stalled(_, reason):
            return f"stuck: {_first(reason)}; the architect is asked for another way"
        case Noted(message):
            return f"note: {_first(message)}"
        case Cancelled():
            return "cancelled"
        case Failed(_, message, hint, _):
            return f"failed: {message} {hint}".rstrip()
        case _:
            return _artifact_in_words(event)


def _artifact_in_words(event: Event) -> str:
    match event:
        case Planned(plan, attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"plan{again}: {', '.join(file.path for file in plan.files)}"
        case Drafted(draft):
            return f"draft {draft.iteration}: {', '.join(file.path for file in draft.files)}"
        case Executed(_, purpose, run):
            return f"{_PURPOSES.get(purpose, purpose)}: {run_in_words(run)}{_duty(event)}"
        case Reviewed(iteration, review):
            return f"review of draft {iteration}: {'approved' if review.approved else 'not approved'}"
        case TestsWritten(tests):
            return f"tests: {', '.join(file.path for file in tests.files)}"
        case Tested(iteration, purpose, report):
            return f"{purpose} on draft {iteration}: {tests_in_words(report)}"
        case Proposed(proposal):
            if proposal.quality is None and proposal.status is Status.ACCEPTED:
                return proposal.status.value  # a review, which asks for no quality
            return f"{proposal.status.value}, {proposal.quality.label if proposal.quality else 'nothing ran'}"
        case _:
            return type(event).__name__


def run_in_words(run: RunResult) -> str:
    if run.timed_out:
        return f"timed out after {run.seconds:.1f} s"
    if run.out_of_memory:
        return "killed, out of memory"
    return f"exit code {run.exit_code} in {run.seconds:.1f} s"


def _duty(event: Executed) -> str:
    """Of a run that proves something by failing, whether it did."""
    if not event.must_fail or event.run.timed_out or event.run.out_of_memory:
        return ""
    return "; it passes, and must not" if event.run.ok else "; it fails, as it must"


def tests_in_words(report: TestReport) -> str:
    if report.problem:
        return _first(report.problem)
    counts = [(report.count(outcome), outcome) for outcome in ("passed", "failed", "error", "skipped")]
    words = ", ".join(f"{count} {outcome}" for count, outcome in counts if count) or "none ran"
    return words if report.coverage is None else f"{words}; {report.coverage:.0f} % of the statements ran"


def usage_in_words(usage: Usage) -> str:
    cost = "unknown cost" if usage.cost is None else f"${usage.cost:.4f}" if usage.cost else "no cost"
    return f"{usage.calls} model call{_s(usage.calls)}, {usage.tokens} tokens, {cost}"


def finding_in_words(finding: Finding) -> str:
    lines = [f"{finding.path}:{finding.start_line}: {finding.severity.value}: {finding.message} [{finding.rule}]"]
    if finding.trigger:
        lines.append(f"    when: {_first(finding.trigger)}")
    if finding.suggestion:
        lines.append(f"    do: {_first(finding.suggestion)}")
    return "\n".join(lines)


def summary(result: Result) -> str:
    """The verdict and the evidence, a few lines."""
    lines = [_verdict(result)]
    if result.proposal and result.proposal.summary:
        lines.append(f"  {result.proposal.summary}")
    lines += _evidence_in_words(result.evidence, drafted=result.task.intent is not Intent.REVIEW)
    return "\n".join(lines)


def _evidence_in_words(evidence: Evidence, *, drafted: bool) -> list[str]:
    lines = []
    if evidence.gates:
        marks = (f"{'✓' if gate.passed else '✗'} {gate.name}" for gate in evidence.gates)
        lines.append(f"  gates: {'  '.join(marks)}")
        lines += [
            f"    {gate.name}: {_first(gate.detail)}" for gate in evidence.gates if not gate.passed and gate.detail
        ]
    if evidence.tests:
        lines.append(f"  tests: {tests_in_words(evidence.tests)}")
    if evidence.usage.calls:
        drafts = f"{evidence.iterations} draft{_s(evidence.iterations)}, " if drafted else ""
        lines.append(f"  {drafts}{usage_in_words(evidence.usage)}, {evidence.seconds:.1f} s")
    if evidence.image:
        lines.append(f"  sandbox: {evidence.image}")
    return lines + [f"  note: {note}" for note in evidence.notes]


def _verdict(result: Result) -> str:
    proposal, end = result.proposal, result.end
    if proposal is not None and result.task.intent is Intent.REVIEW:
        count = len(proposal.findings)
        return f"reviewed: {count or 'no'} finding{_s(count)}"
    if proposal is not None:
        quality = proposal.quality.label if proposal.quality else "nothing ran"
        if proposal.status is Status.ACCEPTED:
            return f"accepted: {quality}"
        asked = result.task.settings.asked_quality.label
        why = f": {proposal.stopped_by}" if proposal.stopped_by else ""
        return f"below the quality asked for ({quality}, not {asked}){why}"
    if isinstance(end, Failed):
        return f"failed: {end.message}" + (f"\n  {end.hint}" if end.hint else "")
    return "cancelled"


def _turn(iteration: int) -> str:
    return f" ({iteration})" if iteration else ""


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _first(text: str) -> str:
    """The first line that says something, shortened."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 200 else line[:199] + "…"
