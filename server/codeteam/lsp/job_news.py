"""`codeteam/job` and `codeteam/step`: how far a job is and whose turn it was, for clients that asked to be told."""

from __future__ import annotations

from typing import Any

from codeteam.domain.events import Failed
from codeteam.domain.evidence import Usage
from codeteam.domain.story import Step, steps_of, usage_of
from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob

_LONGEST = 2000
"""Characters of a message at most: it may quote what a model or a program said."""


def tell_job(editor: Editor, job: EditorJob, now: float) -> None:
    """Send the job's state and the steps that are new or have changed; nothing where the client did not ask for it.

    `now` is in seconds since the epoch.
    """
    if not editor.features.job_notifications:
        return
    _tell_steps(editor, job)
    proposal = job.proposal
    usage = usage_so_far(job)
    editor.protocol.tell(
        "codeteam/job",
        {
            "jobId": job.id,
            "uri": job.uri,
            "intent": str(job.request.intent),
            "title": job.request.title,
            "state": str(job.state),
            "step": job.step,
            "iteration": job.iteration,
            "message": job.message[:_LONGEST],
            "quality": proposal.quality.label if proposal and proposal.quality else None,
            "stoppedBy": (proposal.stopped_by if proposal else "")[:_LONGEST],
            "tokens": usage.tokens,
            "cost": usage.cost,
            "seconds": seconds_so_far(job, now),
            "canApply": job.can_apply,
            "error": error_of(job.events[-1] if job.events else None),
        },
    )


def step_as_json(step: Step) -> dict[str, Any]:
    """A step as `codeteam/step` and `codeteam/jobReport` have it."""
    return {
        "number": step.number,
        "role": step.role,
        "iteration": step.iteration,
        "state": str(step.state),
        "purpose": step.purpose,
        "message": step.message[:_LONGEST],
        "seconds": round(step.seconds, 3),
        "tokens": step.tokens,
    }


def error_of(end: object) -> dict[str, str] | None:
    """Why a job failed; None when it did not."""
    if not isinstance(end, Failed):
        return None
    return {"kind": end.kind, "message": end.message[:_LONGEST], "hint": end.hint[:_LONGEST]}


def usage_so_far(job: EditorJob) -> Usage:
    """What its model calls used: by the proposal's own count, which knows of calls without an answer too."""
    return job.proposal.evidence.usage if job.proposal else usage_of(job.events)


def seconds_so_far(job: EditorJob, now: float) -> float:
    """Since the job was asked for; once the team's part has ended, until then."""
    end = now if job.active or not job.times else job.times[-1]
    return round(max(end - job.created, 0.0), 3)


def _tell_steps(editor: Editor, job: EditorJob) -> None:
    """What is new is found by comparing: a gate's step turns from done to failed when it sends the draft back."""
    steps = steps_of(job.events, job.times)
    told = job.steps_told
    for step in steps:
        if step.number >= len(told) or told[step.number] != step:
            editor.protocol.tell("codeteam/step", {"jobId": job.id, **step_as_json(step)})
    job.steps_told = steps
