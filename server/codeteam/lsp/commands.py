"""workspace/executeCommand: each command takes one object, checks it, and answers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from codeteam.domain.diff import changes, shift, split_lines
from codeteam.domain.source import Span
from codeteam.domain.task import Intent
from codeteam.lsp.configuration import Configuration
from codeteam.lsp.document import Document, Snapshot
from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob, Request, State
from codeteam.lsp.editor_jobs import EditorJobs
from codeteam.lsp.findings_board import FindingsBoard
from codeteam.lsp.from_lsp import job_arguments, text_of, wrong
from codeteam.lsp.job_title import job_title
from codeteam.lsp.planning import text_now
from codeteam.lsp.protocol import Refused

if TYPE_CHECKING:
    from codeteam.lsp.past_jobs import PastJobs

UNTRUSTED = "This workspace is not trusted: Codeteam runs what it writes, and starts nothing here until you trust it."
COMMANDS = (
    *(f"codeteam.{intent}" for intent in Intent),
    "codeteam.cancel",
    "codeteam.apply",
    "codeteam.applySuggestion",
    "codeteam.dismiss",
    "codeteam.rerun",
)
"""Every command, as the server announces them."""
Answer = dict[str, Any] | Awaitable[dict[str, Any]]
"""Of a command; awaited where the disk has to be read for it."""


class Commands:
    """The commands of one server."""

    def __init__(
        self,
        *,
        editor: Editor,
        jobs: EditorJobs,
        board: FindingsBoard,
        configuration: Configuration,
        past: Callable[[], PastJobs],
    ) -> None:
        """`past` gives the jobs of the history; not called before one of them is asked for."""
        self._editor = editor
        self._past = past
        self._jobs = jobs
        self._board = board
        self._configuration = configuration
        others = (self._cancel, self._apply, self._apply_suggestion, self._dismiss, self._rerun)
        starters = (self._starter(intent) for intent in Intent)
        self._table = dict(zip(COMMANDS, (*starters, *others), strict=True))

    def execute(self, params: types.ExecuteCommandParams) -> Answer:
        """Run a command; raises Refused for an unknown one and for wrong arguments."""
        command = self._table.get(params.command)
        if command is None:
            raise Refused(types.ErrorCodes.InvalidParams, f"There is no command {params.command!r}.")
        arguments = params.arguments or []
        if len(arguments) != 1 or not isinstance(arguments[0], Mapping):
            raise wrong(f"{params.command} takes one object")
        return command(arguments[0])

    async def rerun(self, job: EditorJob) -> EditorJob:
        """The same request on the document as it is now; its lines have moved with the edits since.

        A document that the editor has closed is read from the disk. Raises Refused where it is not there any more.
        """
        request = job.request
        snapshot = await self._now(job)
        self._check_trust()
        edits = changes(split_lines(request.snapshot.text), split_lines(snapshot.text))
        cursor = shift(Span(request.cursor_line, request.cursor_line), edits).start_line
        selection = shift(request.selection, edits) if request.selection else None
        return self._jobs.start(replace(request, snapshot=snapshot, selection=selection, cursor_line=cursor))

    async def _now(self, job: EditorJob) -> Snapshot:
        document = self._editor.documents.get(job.uri)
        if document is None:
            text = await asyncio.to_thread(text_now, job.uri, job.place)
            document = self._editor.documents.get(job.uri)  # it may have been opened meanwhile
            if document is None and text is not None:
                return replace(job.request.snapshot, version=None, text=text)
        if document is None:
            text = f"{job.place.path or job.uri} is not open in the editor, and no text file that can be read"
            raise Refused(types.LSPErrorCodes.RequestFailed, f"{text}.")
        return document.snapshot()

    def _starter(self, intent: Intent) -> Callable[[Mapping[str, object]], dict[str, Any]]:
        def start(value: Mapping[str, object]) -> dict[str, Any]:
            asked = job_arguments(value)
            if intent is Intent.FIX and not (asked.complaints or asked.instruction):
                raise wrong("codeteam.fix needs diagnostics, or an instruction that says what is wrong")
            self._check_trust()
            document = self._document(asked.uri)
            if asked.version is not None and asked.version != document.version:
                text = "The document has changed since; please choose the action again."
                raise Refused(types.LSPErrorCodes.ContentModified, text)
            snapshot = document.snapshot()
            request = Request(
                intent=intent,
                snapshot=snapshot,
                selection=asked.selection,
                cursor_line=asked.cursor_line,
                instruction=asked.instruction,
                complaints=asked.complaints,
                title=job_title(intent, snapshot, document.lines, asked.selection, asked.cursor_line),
            )
            return {"jobId": self._jobs.start(request).id}

        return start

    def _cancel(self, value: Mapping[str, object]) -> dict[str, Any]:
        job = self._job(value)
        return {"jobId": job.id, "cancelled": self._jobs.cancel(job)}

    def _apply(self, value: Mapping[str, object]) -> Answer:
        self._check_trust()
        name = text_of(value, "jobId")
        job = self._jobs.get(name)
        return self._deliver(job) if job is not None else self._apply_past(name)

    async def _apply_past(self, name: str) -> dict[str, Any]:
        job = await asyncio.to_thread(lambda: self._past().kept(name))
        self._check_trust()
        return self._deliver(self._jobs.get(name) or job)

    def _deliver(self, job: EditorJob) -> dict[str, Any]:
        if not job.can_apply:
            states = {State.PROPOSED: "is before you already", State.APPLIED: "was applied already"}
            reason = states.get(job.state, "has no proposal to apply")
            raise Refused(types.LSPErrorCodes.RequestFailed, f"Job {job.id} {reason}.")
        self._jobs.deliver(job)
        return {"jobId": job.id}

    def _apply_suggestion(self, value: Mapping[str, object]) -> dict[str, Any]:
        finding = text_of(value, "findingId")
        found = self._board.suggestion(finding)
        if found is None:
            text = "The lines of this finding have changed since, or it has no suggestion that was tried."
            raise Refused(types.LSPErrorCodes.ContentModified, text)
        edit, job = found
        self._editor.change(edit, "Codeteam: apply suggestion")
        return {"jobId": job}

    def _dismiss(self, value: Mapping[str, object]) -> dict[str, Any]:
        finding = text_of(value, "findingId")
        job = self._board.dismiss(finding)
        if job is None:
            raise wrong(f"there is no finding {finding!r}")
        return {"jobId": job}

    async def _rerun(self, value: Mapping[str, object]) -> dict[str, Any]:
        self._check_trust()
        name = text_of(value, "jobId")
        job = self._jobs.get(name)
        if job is None:
            job = await asyncio.to_thread(lambda: self._past().ended(name))
        return {"jobId": (await self.rerun(job)).id}

    def _job(self, value: Mapping[str, object]) -> EditorJob:
        name = text_of(value, "jobId")
        job = self._jobs.get(name)
        if job is None:
            raise wrong(f"there is no job {name!r} in this server")
        return job

    def _document(self, uri: str) -> Document:
        document = self._editor.documents.get(uri)
        if document is None:
            raise wrong(f"{uri} is not open in the editor")
        return document

    def _check_trust(self) -> None:
        if not self._configuration.trusted:
            raise Refused(types.LSPErrorCodes.RequestFailed, UNTRUSTED)
