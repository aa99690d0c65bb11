"""Jobs of earlier servers and of the command line: what can still be done with them, from what the history has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types

from codeteam.domain.errors import BadInput
from codeteam.domain.events import Proposed
from codeteam.domain.languages import tongue_of
from codeteam.domain.story import steps_of
from codeteam.domain.task import Task
from codeteam.jobs.history import History, StoredJob
from codeteam.jobs.job_line import JobLine
from codeteam.lsp.document import Snapshot, lines_of
from codeteam.lsp.editor_job import EditorJob, Place, Request, State
from codeteam.lsp.editor_jobs import summary_of
from codeteam.lsp.from_lsp import wrong
from codeteam.lsp.job_title import job_title
from codeteam.lsp.planning import file_below
from codeteam.lsp.protocol import Refused
from codeteam.lsp.to_lsp import uri_of


class PastJobs:
    """The history as one client may use it: only jobs of its own workspace folders; every method reads the disk."""

    def __init__(self, history: History, folders: Sequence[Path]) -> None:
        self._history = history
        self._roots = {spelt: folder for folder in folders for spelt in (str(folder), os.path.realpath(folder))}

    def stored(self, name: str) -> StoredJob:
        """A job by its whole id; raises Refused where there is none."""
        try:
            stored = self._history.job(name)
        except BadInput:
            raise _unknown(name) from None
        if stored.line.id != name:  # the command line takes the beginning of an id, a program means the whole
            raise _unknown(name)
        return stored

    def kept(self, name: str) -> EditorJob:
        """A job whose proposal can be applied, as this server would have kept it; raises Refused with the reason."""
        stored = self.stored(name)
        job = self._job(stored, self.not_applied(stored.line))
        end = stored.events[-1] if stored.events else None
        if not isinstance(end, Proposed):  # it was written by a version whose proposals cannot be read
            raise _refusal(name, "has no proposal that this version of Codeteam can read")
        job.proposal = end.proposal
        job.message = summary_of(end.proposal, job.request.intent)
        job.steps_told = steps_of(job.events, job.times)  # whoever wants the steps of the past asks for the report
        return job

    def ended(self, name: str) -> EditorJob:
        """A job that can run again; raises Refused with the reason."""
        stored = self.stored(name)
        return self._job(stored, self.not_rerun(stored.line))

    def not_applied(self, line: JobLine) -> str:
        """Why there is nothing to apply here, to be read after the job's name; empty where there is."""
        if line.state == "running":
            return "is still running, for another editor or on the command line"
        if line.state not in {"accepted", "below"} or not line.files:
            return "has no proposal to apply"
        return self._elsewhere(line)

    def not_rerun(self, line: JobLine) -> str:
        """Why it cannot run again here, likewise."""
        if line.state == "running":
            return "is still running, for another editor or on the command line"
        return self._elsewhere(line) or ("" if line.document else "was not about a file: give it as a new job")

    def _elsewhere(self, line: JobLine) -> str:
        if not line.workspace:
            return "was about no workspace folder, so it is not known where its files are"
        return "" if line.workspace in self._roots else f"belongs to {line.workspace}, which is not open here"

    def _job(self, stored: StoredJob, refused: str) -> EditorJob:
        line, task = stored.line, stored.task
        if refused:
            raise _refusal(line.id, refused)
        root = self._roots[line.workspace]
        request, path = _request(task, root), task.document.path if task.document else ""
        place = Place(root, root, path)
        events, times = list(stored.events), list(stored.times)
        job = EditorJob(line.id, request, place, task.settings, State.KEPT, created=line.created, task=task)
        job.events, job.times, job.texts = events, times, task.texts
        return job


def _request(task: Task, root: Path) -> Request:
    """What was asked for; the text of the document is as it was then."""
    document = task.document
    if document is None:  # the command line's jobs may be about no file
        snapshot = Snapshot("", "", None, "")
    else:
        path = file_below(root, document.path)
        if path is None:
            raise _refusal(task.job, f"is about {document.path[:200]!r}, which leads out of its workspace")
        tongue = tongue_of(document.path)
        snapshot = Snapshot(uri_of(path), tongue.editor if tongue else "", None, document.text)
    first = task.selection or task.enclosing
    cursor = task.cursor_line or (first.start_line if first else 1)
    return Request(
        intent=task.intent,
        snapshot=snapshot,
        selection=task.selection,
        cursor_line=cursor,
        instruction=task.requirement if task.instructed else "",
        complaints=task.complaints,
        title=task.title or job_title(task.intent, snapshot, lines_of(snapshot.text), task.selection, cursor),
    )


def _refusal(name: str, reason: str) -> Refused:
    return Refused(types.LSPErrorCodes.RequestFailed, f"Job {name} {reason}.")


def _unknown(name: str) -> Refused:
    return wrong(f"there is no job {name[:100]!r}")
