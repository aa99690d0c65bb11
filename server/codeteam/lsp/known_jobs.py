"""`codeteam/jobs` and `codeteam/jobReport`: the jobs of this server as they stand, and those of the history."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeteam.domain.errors import BadInput
from codeteam.domain.events import END
from codeteam.domain.story import story_of
from codeteam.domain.task import Task
from codeteam.jobs.history import History
from codeteam.jobs.job_line import JobLine
from codeteam.lsp.configuration import Configuration
from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob
from codeteam.lsp.editor_jobs import EditorJobs
from codeteam.lsp.from_lsp import text_of, wrong
from codeteam.lsp.job_news import seconds_so_far, usage_so_far
from codeteam.lsp.job_report import report_as_json
from codeteam.lsp.to_lsp import uri_of

_USUAL = 50
"""Jobs in a list when the client does not say how many."""
_MOST = 1000
_MOST_WORKSPACES = 100


@dataclass(frozen=True, slots=True)
class KnownJobs:
    """Answers the two requests; the history is read in a thread."""

    editor: Editor
    jobs: EditorJobs
    configuration: Configuration
    history: History
    clock: Callable[[], float]
    """Seconds since the epoch."""

    async def listed(self, params: object) -> dict[str, Any]:
        """The newest jobs, newest first.

        Raises:
            Refused: the parameters are wrong.
            HistoryUnreadable: nothing can be said of earlier jobs.
        """
        limit, workspaces = _wanted(params)
        lines = await asyncio.to_thread(self.history.jobs, limit, workspaces)
        entries = {line.id: _past(line) for line in lines}
        for job in self.jobs.all():
            if workspaces is None or job.workspace in workspaces:
                entries[job.id] = self._present(job)
        newest = sorted(entries.values(), key=lambda entry: -float(entry["created"]))
        return {"jobs": newest[:limit]}

    async def report(self, params: object) -> dict[str, Any]:
        """All that is known of one job.

        Raises:
            Refused: the parameters are wrong, or there is no such job.
            HistoryUnreadable: the job is not of this server, and nothing can be said of earlier ones.
        """
        name = text_of(_object(params), "jobId")
        job = self.jobs.get(name)
        if job is not None:
            entry, task = self._present(job), job.task or _unread(job)
            return await asyncio.to_thread(report_as_json, entry, task, story_of(tuple(job.events), tuple(job.times)))
        return await asyncio.to_thread(self._past_report, name)

    def _past_report(self, name: str) -> dict[str, Any]:
        try:
            stored = self.history.job(name)
        except BadInput:
            raise _unknown(name) from None
        if stored.line.id != name:  # the command line takes the beginning of an id, a program means the whole
            raise _unknown(name)
        story = story_of(stored.events, stored.times, interrupted=stored.line.state == "interrupted")
        return report_as_json(_past(stored.line), stored.task, story)

    def _present(self, job: EditorJob) -> dict[str, Any]:
        """A job of this server: its state is what became of the proposal, which the history does not know."""
        ended = bool(job.events) and isinstance(job.events[-1], END)
        proposal = job.proposal
        return {
            "jobId": job.id,
            "created": job.created,
            "intent": str(job.request.intent),
            "title": job.request.title,
            "workspace": job.workspace,
            "uri": job.uri,
            "state": str(job.state),
            "quality": proposal.quality.label if proposal and proposal.quality else None,
            "seconds": seconds_so_far(job, self.clock()),
            "tokens": usage_so_far(job).tokens,
            "canApply": job.can_apply,
            "canRerun": ended and self.configuration.trusted and self.editor.documents.get(job.uri) is not None,
        }


def _past(line: JobLine) -> dict[str, Any]:
    """A job of another server, or of the command line: neither its buffer nor its request is here any more."""
    return {
        "jobId": line.id,
        "created": line.created,
        "intent": line.intent,
        "title": line.title,
        "workspace": line.workspace,
        "uri": _uri(line),
        "state": line.state,
        "quality": line.quality or None,
        "seconds": round(line.seconds, 3),
        "tokens": line.tokens,
        "canApply": False,
        "canRerun": False,
    }


def _uri(line: JobLine) -> str:
    if not line.document or "\0" in line.document:
        return ""
    path = Path(line.workspace, line.document) if line.workspace else Path(line.document)
    return uri_of(path) if path.is_absolute() else ""


def _unread(job: EditorJob) -> Task:
    """What is known of the task before the workspace was read."""
    return Task(job.id, job.request.intent, job.request.instruction, job.settings)


def _wanted(params: object) -> tuple[int, tuple[str, ...] | None]:
    given = {} if params is None else _object(params)
    limit = given.get("limit")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= _MOST):
        raise wrong(f"limit must be a whole number from 1 to {_MOST}")
    folders = given.get("workspaces")
    if folders is None:
        return limit or _USUAL, None
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        raise wrong("workspaces must be a list of folders' paths")
    if len(folders) > _MOST_WORKSPACES:
        raise wrong(f"workspaces names more than {_MOST_WORKSPACES} folders")
    return limit or _USUAL, tuple(os.path.normpath(folder) for folder in folders)


def _object(params: object) -> Mapping[str, object]:
    if not isinstance(params, dict):
        raise wrong("the parameters must be an object")
    return params


def _unknown(name: str) -> Exception:
    return wrong(f"there is no job {name[:100]!r}")
