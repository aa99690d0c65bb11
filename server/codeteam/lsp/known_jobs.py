"""`codeteam/jobs` and `codeteam/jobReport`: the jobs of this server as they stand, and those of the history."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeteam.domain.events import END
from codeteam.domain.story import story_of
from codeteam.domain.task import Task
from codeteam.jobs.history import History
from codeteam.jobs.job_line import JobLine
from codeteam.lsp.configuration import Configuration
from codeteam.lsp.document import path_of
from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob, State
from codeteam.lsp.editor_jobs import EditorJobs
from codeteam.lsp.from_lsp import text_of, wrong
from codeteam.lsp.job_news import seconds_so_far, usage_so_far
from codeteam.lsp.job_report import report_as_json
from codeteam.lsp.past_jobs import PastJobs
from codeteam.lsp.to_lsp import uri_of
from codeteam.workspace.reading import mode

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
    past: PastJobs
    clock: Callable[[], float]
    """Seconds since the epoch."""

    async def listed(self, params: object) -> dict[str, Any]:
        """The newest jobs, newest first.

        Raises:
            Refused: the parameters are wrong.
            HistoryUnreadable: nothing can be said of earlier jobs.
        """
        limit, workspaces = _wanted(params)
        past = await asyncio.to_thread(lambda: [self._past(line) for line in self.history.jobs(limit, workspaces)])
        here = [job for job in self.jobs.all() if workspaces is None or job.workspace in workspaces]
        entries = {entry["jobId"]: entry for entry in (*past, *[await self._present(job) for job in here])}
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
            entry, task = await self._present(job), job.task or _unread(job)
            return await asyncio.to_thread(report_as_json, entry, task, story_of(tuple(job.events), tuple(job.times)))
        return await asyncio.to_thread(self._past_report, name)

    def _past_report(self, name: str) -> dict[str, Any]:
        stored = self.past.stored(name)
        story = story_of(stored.events, stored.times, interrupted=stored.line.state == "interrupted")
        return report_as_json(self._past(stored.line), stored.task, story)

    async def _present(self, job: EditorJob) -> dict[str, Any]:
        """A job of this server: its state is what became of the proposal, which the history does not know."""
        ended = bool(job.events) and isinstance(job.events[-1], END)
        proposal, trusted = job.proposal, self.configuration.trusted
        there = self.editor.documents.get(job.uri) is not None
        if ended and trusted and not there:
            there = await asyncio.to_thread(_is_file, path_of(job.uri))
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
            "canApply": job.can_apply and trusted,
            "canRerun": ended and trusted and there,
        }

    def _past(self, line: JobLine) -> dict[str, Any]:
        """A job of another server, or of the command line, as the history has it; reads the disk."""
        uri, trusted = _uri(line), self.configuration.trusted
        can_rerun = trusted and not self.past.not_rerun(line)
        return {
            "jobId": line.id,
            "created": line.created,
            "intent": line.intent,
            "title": line.title,
            "workspace": line.workspace,
            "uri": uri,
            "state": str(State.APPLIED) if line.applied else line.state,
            "quality": line.quality or None,
            "seconds": round(line.seconds, 3),
            "tokens": line.tokens,
            "canApply": trusted and not self.past.not_applied(line),
            "canRerun": can_rerun and (self.editor.documents.get(uri) is not None or _is_file(path_of(uri))),
        }


def _uri(line: JobLine) -> str:
    if not line.document or "\0" in line.document:
        return ""
    path = Path(line.workspace, line.document) if line.workspace else Path(line.document)
    return uri_of(path) if path.is_absolute() else ""


def _is_file(path: Path | None) -> bool:
    return path is not None and stat.S_ISREG(mode(path))


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
