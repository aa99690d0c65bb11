"""`codeteam/job`: how far a job is, for clients that asked to be told."""

from __future__ import annotations

from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob


def tell_job(editor: Editor, job: EditorJob) -> None:
    """Send the job's state; nothing where the client did not ask for it."""
    if not editor.features.job_notifications:
        return
    proposal = job.proposal
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
            "message": job.message,
            "quality": proposal.quality.label if proposal and proposal.quality else None,
        },
    )
