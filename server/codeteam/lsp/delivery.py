"""From a proposal to the buffer: as an edit that the user confirms, and never over something that changed meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codeteam.domain.artifacts import FileChange, Proposal, Status
from codeteam.lsp.document import path_of
from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob, State
from codeteam.lsp.findings_board import FindingsBoard
from codeteam.lsp.job_news import tell_job
from codeteam.lsp.job_title import apply_title
from codeteam.lsp.planning import Blocked, EditPlan, Target, file_below, patch_of, plan_edits, text_now
from codeteam.lsp.to_lsp import uri_of, workspace_edit

_TRIES = 5
"""Times an edit is made anew because the buffer moved on while it was made or sent."""
_LATE_TRIES = 2
"""Times that an edit is sent and refused late, without a reason, for a text that has changed since: it may be a user's
Apply, so the edit is made anew; it may be a discard, so that is done once."""
_NOBODY_READS_SO_FAST = 1.0
"""Seconds: a refusal within them came from the editor, a later one from its user, or after the user's Apply."""
_LONGEST = 1000
"""Characters of a reason or of the evidence, so that what comes after them in a message is not cut off."""
APPLY, OPEN, DISCARD, RERUN = "Apply", "Open proposal", "Discard", "Rerun"


class Delivery:
    """Brings proposals to one editor."""

    def __init__(
        self, *, editor: Editor, board: FindingsBoard, proposals: Path, rerun: Callable[[EditorJob], object]
    ) -> None:
        """`proposals` is the folder where patches to look at are written; `rerun` starts a job's request again."""
        self._editor = editor
        self._board = board
        self._proposals = proposals
        self._rerun = rerun

    async def deliver(self, job: EditorJob) -> None:
        """Offer the edit and show the findings; sets the job's state."""
        proposal = job.proposal
        if proposal is None:
            return
        self._show_findings(job, proposal)
        if not proposal.files:
            self._tell_result(job, proposal)
        elif not self._editor.features.apply_edit:
            await self._keep(job, "this editor cannot apply edits that a server offers")
        else:
            await self._apply(job, proposal)

    async def _apply(self, job: EditorJob, proposal: Proposal) -> None:
        # what is below the quality asked for is never left to a preview, which may not say so
        confirmed = self._editor.features.confirms and proposal.status is Status.ACCEPTED
        told = confirmed and self._editor.features.job_notifications
        late = 0
        for _ in range(_TRIES):
            targets = await asyncio.to_thread(self._targets, job, proposal)
            plan = await asyncio.to_thread(plan_edits, targets)
            outside = self._outside(targets)
            if outside or plan.blocked:
                await self._keep(job, _because((*outside, *plan.blocked)))
                return
            if not plan.edits:
                job.state = State.DONE
                self._editor.say(
                    types.MessageType.Info,
                    f"Codeteam changed nothing ({job.request.title}): the files are as proposed already.",
                )
                return
            if not confirmed:
                answer = await self._ask(job, proposal, plan)
                unasked = answer is None
                if unasked and not job.chosen:
                    await self._leave(job, proposal, plan)
                    return
                if not unasked and answer != APPLY:
                    await self._set_aside(job, answer)
                    return
                confirmed, told = True, not unasked
                continue  # the buffer may have moved on while the question stood
            if not told:
                self._editor.say(_kind(proposal), self._offer(job, proposal, plan))
                told = True
            sent = time.monotonic()
            if await self._send(job, proposal, plan, sent):
                return
            late += not _so_fast(sent)
            if late == _LATE_TRIES:
                break
        await self._keep(job, "the file keeps changing")

    async def _send(self, job: EditorJob, proposal: Proposal, plan: EditPlan, sent: float) -> bool:
        """Send the edit, at the time `sent`; False when it should be made anew, for the buffer has moved on."""
        if self._moved(plan):
            return False
        label = f"Codeteam: {job.request.title}"
        described, features = _evidence(proposal, plan), self._editor.features
        edit = workspace_edit(plan.edits, features, job=job.id, label=label, description=described)
        params = types.ApplyWorkspaceEditParams(edit=edit, label=label)
        try:
            result = await self._editor.protocol.ask(types.WORKSPACE_APPLY_EDIT, params)
        except JsonRpcException as error:
            await self._keep(job, f"the editor could not apply it: {error.message}")
            return True
        if result.applied:
            job.state = State.APPLIED
        elif self._moved(plan) and (_so_fast(sent) or not result.failure_reason):
            return False  # late, it may be the Apply of a user who typed while the preview stood
        else:
            job.state = State.KEPT
            reason = f" ({result.failure_reason})" if result.failure_reason else ""
            self._editor.log(f"The proposal of job {job.id} was not applied{reason}; it is kept.")
        return True

    def _moved(self, plan: EditPlan) -> bool:
        """Whether a document is no longer at the version that its edit was made for."""
        for edit in plan.edits:
            document = self._editor.documents.get(edit.uri)
            if (document.version if document else None) != edit.version:
                return True
        return False

    async def _ask(self, job: EditorJob, proposal: Proposal, plan: EditPlan) -> str | None:
        text = self._offer(job, proposal, plan)
        return await self._editor.choose(_kind(proposal), text, APPLY, OPEN, DISCARD)

    def _offer(self, job: EditorJob, proposal: Proposal, plan: EditPlan) -> str:
        count = len(plan.edits)
        files = job.place.path if count == 1 and plan.edits[0].uri == job.uri else f"{count} file{'s' * (count != 1)}"
        return f"Codeteam proposes to {job.request.title}: {files} ({_evidence(proposal, plan)[:_LONGEST]})."

    async def _leave(self, job: EditorJob, proposal: Proposal, plan: EditPlan) -> None:
        """Say to the user of an editor without questions what there is, and how to have it."""
        job.state = State.KEPT
        path = await self._written(job, proposal)
        text = f"{self._offer(job, proposal, plan)} This editor shows no questions, so nothing was changed."
        action = apply_title(job.request.title)
        self._tell(_kind(proposal), f"{text} It is in {path}; to apply it, choose the code action “{action}”.")

    async def _keep(self, job: EditorJob, reason: str) -> None:
        """Leave everything as it is and say why; the proposal can still be opened, applied later, or made again."""
        choices = (OPEN, RERUN) if await self._is_there(job) else (OPEN,)
        job.state = State.KEPT
        tell_job(self._editor, job, job.times[-1])
        text = f"Codeteam changed nothing ({job.request.title}): {reason[:_LONGEST]}. The proposal is kept"
        answer = await self._editor.choose(types.MessageType.Warning, f"{text}.", *choices)
        if answer is None and job.proposal is not None:
            path = await self._written(job, job.proposal)
            self._tell(types.MessageType.Warning, f"{text}: it is in {path}.")
        await self._set_aside(job, answer)

    async def _is_there(self, job: EditorJob) -> bool:
        """Whether the job's document can be worked on again; it may have been renamed or deleted meanwhile."""
        is_open = self._editor.documents.get(job.uri) is not None
        return is_open or await asyncio.to_thread(text_now, job.uri, job.place) is not None

    def _tell(self, kind: types.MessageType, text: str) -> None:
        """Say what an editor that shows no questions may show a line of; its log has all."""
        self._editor.say(kind, text)
        self._editor.log(text)

    async def _set_aside(self, job: EditorJob, answer: str | None) -> None:
        job.state = State.KEPT
        if answer == RERUN:
            self._rerun(job)
        elif answer == OPEN and job.proposal is not None:
            path = await self._written(job, job.proposal)
            if not await self._editor.show(path):
                self._editor.say(types.MessageType.Info, f"The proposal is in {path}.")

    async def _written(self, job: EditorJob, proposal: Proposal) -> Path:
        """The proposal as a patch in a file."""
        targets = await asyncio.to_thread(self._targets, job, proposal)
        return await asyncio.to_thread(self._write_patch, job.id, patch_of(targets))

    def _write_patch(self, job: str, patch: str) -> Path:
        self._proposals.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._proposals / f"{job}.patch"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(patch)
        return path

    def _targets(self, job: EditorJob, proposal: Proposal) -> tuple[Target, ...]:
        """Where each file goes; reads the disk."""
        return tuple(self._target(job, change) for change in proposal.files)

    def _target(self, job: EditorJob, change: FileChange) -> Target:
        base = job.texts.get(change.path)
        own, document = change.path == job.place.path, self._editor.documents.get(job.uri)
        if own and (document is not None or path_of(job.uri) is None):
            uri = document.uri if document else job.uri
            return Target(change, uri, path_of(job.uri), base, document.snapshot() if document else None)
        path = file_below(job.place.folder, change.path)
        uri = "" if path is None else job.uri if own else uri_of(path)
        document = self._editor.documents.get(uri) if uri else None
        return Target(change, document.uri if document else uri, path, base, document.snapshot() if document else None)

    def _outside(self, targets: tuple[Target, ...]) -> tuple[Blocked, ...]:
        return tuple(
            Blocked(target.change.path, "has no place in the workspace") for target in targets if not target.uri
        )

    def _tell_result(self, job: EditorJob, proposal: Proposal) -> None:
        job.state = State.DONE
        self._editor.say(_kind(proposal), f"Codeteam ({job.request.title}): {job.message.rstrip('.')}.")

    def _show_findings(self, job: EditorJob, proposal: Proposal) -> None:
        """Findings of the document, and of files that are open; the board finds their places in the text as it is."""
        own = [found for found in proposal.findings if found.path == job.place.path]
        by_uri = {job.uri: own} if job.uri else {}  # the command line's jobs may be about no file
        for found in proposal.findings:
            if found.path != job.place.path:
                path = file_below(job.place.folder, found.path)
                if path is not None:
                    by_uri.setdefault(uri_of(path), []).append(found)
        for uri, findings in by_uri.items():
            document = self._editor.documents.get(uri)
            self._board.show(document.uri if document else uri, job.id, findings, job.place.folder)


def _so_fast(sent: float) -> bool:
    """Whether an answer comes before anybody can have read what was sent at that moment."""
    return time.monotonic() - sent < _NOBODY_READS_SO_FAST


def _because(blocked: tuple[Blocked, ...]) -> str:
    return "; ".join(f"{item.path} {item.reason}" for item in blocked[:3]) + ("; and more" if len(blocked) > 3 else "")


def _kind(proposal: Proposal) -> types.MessageType:
    return types.MessageType.Info if proposal.status is Status.ACCEPTED else types.MessageType.Warning


def _evidence(proposal: Proposal, plan: EditPlan) -> str:
    """What speaks for the proposal, in a line."""
    evidence = proposal.evidence
    parts = [proposal.quality.label if proposal.quality else "not even run"]
    if proposal.status is not Status.ACCEPTED:
        parts = [f"below the quality asked for, {proposal.stopped_by or 'unfinished'}", *parts]
    if evidence.tests is not None and not evidence.tests.problem:
        passed, all_tests = evidence.tests.count("passed"), len(evidence.tests.cases)
        parts.append(f"{passed} of {all_tests} tests passed")
    if evidence.iterations:
        parts.append(f"{evidence.iterations} iteration{'s' * (evidence.iterations != 1)}")
    if any(edit.merged for edit in plan.edits):
        parts.append("merged with your changes since, and not run again")
    return ", ".join(parts)
