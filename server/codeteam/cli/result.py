"""What came of a job, made from its events alone: the JSON object and the patch that scripts rely on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeteam.domain.artifacts import Proposal, Status
from codeteam.domain.diff import unified
from codeteam.domain.errors import CodeteamError
from codeteam.domain.events import Cancelled, Event, Failed, Proposed
from codeteam.domain.evidence import Evidence, RunResult
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.story import evidence_of
from codeteam.domain.task import Intent, Task

CANCELLED = 130
"""Exit code of a job that was stopped."""
TAIL = 4000
"""Characters of a run's output in the JSON object; the history has it all."""


@dataclass(frozen=True, slots=True)
class Result:
    """A job seen from its end."""

    task: Task
    end: Proposed | Failed | Cancelled
    evidence: Evidence
    """The proposal's, or what there was when the job ended without one."""
    kept: bool = True
    """The history has it."""

    @property
    def proposal(self) -> Proposal | None:
        return self.end.proposal if isinstance(self.end, Proposed) else None

    @property
    def status(self) -> Status:
        match self.end:
            case Proposed(proposal):
                return proposal.status
            case Failed():
                return Status.FAILED
            case Cancelled():
                return Status.CANCELLED

    @property
    def exit_code(self) -> int:
        """0 accepted, 1 below the quality asked for, 2 bad input, 3 the environment, 130 cancelled.

        A review is 0 when there is nothing to mend, 1 when there is an error or a warning.
        """
        if isinstance(self.end, Failed):
            return self.end.exit_code
        if self.task.intent is Intent.REVIEW and self.status is Status.ACCEPTED:
            return int(any(finding.severity in (Severity.ERROR, Severity.WARNING) for finding in self.findings))
        return {Status.ACCEPTED: 0, Status.BELOW: 1, Status.CANCELLED: CANCELLED}[self.status]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.proposal.findings if self.proposal else ()

    @property
    def patch(self) -> str:
        """A unified diff of every file, which `git apply` takes."""
        base = self.task.texts
        files = self.proposal.files if self.proposal else ()
        return "".join(unified(file.path, None if file.is_new else base.get(file.path), file.text) for file in files)


def result_of(task: Task, events: Sequence[Event], seconds: float) -> Result:
    """The result of a job that has ended after so many seconds; one that was interrupted counts as failed."""
    end = events[-1] if events else None
    if isinstance(end, Proposed):
        return Result(task, end, end.proposal.evidence)
    if not isinstance(end, Failed | Cancelled):
        end = Failed("interrupted", "The job has no end: it is still running, or what ran it was killed.")
    return Result(task, end, replace(evidence_of(events), seconds=seconds))


def as_json(result: Result, **more: object) -> dict[str, Any]:
    """The object of the documented shape; `more` are further keys."""
    proposal, end = result.proposal, result.end
    return {
        **_head(result.task.job, result.status.value),
        "intent": result.task.intent.value,
        "quality": proposal.quality.label if proposal and proposal.quality else None,
        "summary": proposal.summary if proposal else "",
        "stopped_by": proposal.stopped_by if proposal else "",
        "files": [
            {"path": file.path, "text": file.text, "is_new": file.is_new}
            for file in (proposal.files if proposal else ())
        ],
        "patch": result.patch,
        "findings": [finding_as_json(finding) for finding in result.findings],
        "evidence": evidence_as_json(result.evidence),
        "error": {"kind": end.kind, "message": end.message, "hint": end.hint} if isinstance(end, Failed) else None,
        **more,
    }


def refusal_as_json(error: CodeteamError) -> dict[str, Any]:
    """The object for a request that never became a job."""
    return {
        **_head(None, Status.FAILED.value),
        "evidence": evidence_as_json(Evidence()),
        "error": {"kind": error.kind, "message": error.message, "hint": error.hint},
    }


def _head(job: str | None, status: str) -> dict[str, Any]:
    return {"job": job, "status": status, "quality": None, "files": [], "patch": "", "findings": []}


def finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "path": finding.path,
        "start_line": finding.start_line,
        "end_line": finding.end_line,
        "quote": finding.quote,
        "message": finding.message,
        "trigger": finding.trigger,
        "suggestion": finding.suggestion,
        "confidence": finding.confidence,
        "fingerprint": finding.fingerprint,
        "fix": finding.fix,
        "related": [{"path": place.path, "line": place.line, "message": place.message} for place in finding.related],
        "url": finding.url,
    }


def evidence_as_json(evidence: Evidence) -> dict[str, Any]:
    tests = evidence.tests
    return {
        "iterations": evidence.iterations,
        "model_calls": evidence.usage.calls,
        "prompt_tokens": evidence.usage.prompt_tokens,
        "completion_tokens": evidence.usage.completion_tokens,
        "cost": evidence.usage.cost,
        "seconds": round(evidence.seconds, 3),
        "image": evidence.image,
        "runs": [_run_as_json(run) for run in evidence.runs],
        "tests": None
        if tests is None
        else {
            "passed": tests.count("passed"),
            "failed": tests.count("failed"),
            "errors": tests.count("error"),
            "skipped": tests.count("skipped"),
        },
        "coverage": tests.coverage if tests else None,
        "gates": [{"name": gate.name, "passed": gate.passed, "detail": gate.detail} for gate in evidence.gates],
        "prompts": dict(evidence.prompts),
        "notes": list(evidence.notes),
    }


def _run_as_json(run: RunResult) -> Mapping[str, Any]:
    return {
        "argv": list(run.argv),
        "exit_code": run.exit_code,
        "timed_out": run.timed_out,
        "out_of_memory": run.out_of_memory,
        "seconds": round(run.seconds, 3),
        "output_tail": (run.stdout + run.stderr)[-TAIL:],
    }
