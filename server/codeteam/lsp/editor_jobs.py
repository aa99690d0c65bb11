"""Jobs that the editor started: from the command to the proposal, each as a task of its own.

A command is answered before anything here runs; everything slow (reading the workspace, the engine, the user's
answers) happens in the job's own task. A job always ends its progress.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from lsprotocol import types

from codeteam.domain.artifacts import Proposal
from codeteam.domain.errors import CodeteamError
from codeteam.domain.events import END, Cancelled, Event, Failed, Proposed, Queued, Replied, StepFinished
from codeteam.domain.languages import tongue_named
from codeteam.domain.task import Intent, Task
from codeteam.jobs.engine import Engine
from codeteam.lsp.availability import Availability
from codeteam.lsp.configuration import Configuration
from codeteam.lsp.document import key
from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob, Request, State
from codeteam.lsp.job_news import tell_job
from codeteam.lsp.progress import LogProgress, NoProgress, WorkDoneProgress, in_words
from codeteam.workspace.configuration import workspace_settings

log = logging.getLogger(__name__)

_REMEMBERED = 50
"""Ended jobs that can still be applied or run again."""
_PATIENCE = 1.0
"""Seconds a job may still take to end after the engine has stopped it."""
_INTERNAL = Failed("internal", "Codeteam failed inside the server.", "Its log says more; please report it.")

Deliver = Callable[[EditorJob], Awaitable[None]]
"""Brings a job's proposal to the user."""


class EditorJobs:
    """Every job of this server, by its identifier."""

    def __init__(
        self,
        *,
        editor: Editor,
        engine: Callable[[], Awaitable[Engine]],
        configuration: Configuration,
        availability: Availability,
        deliver: Deliver,
        remember: Callable[[str], None],
        new_id: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        """`engine` gives the engine once it is loaded, `remember` notes that a job's proposal was applied, in a thread;
        `clock` gives seconds since the epoch.
        """
        self._editor = editor
        self._engine = engine
        self._configuration = configuration
        self._availability = availability
        self._deliver = deliver
        self._remember = remember
        self._new_id = new_id
        self._clock = clock
        self._jobs: dict[str, EditorJob] = {}
        self._turn = asyncio.Lock()
        self._said: set[str] = set()
        """Problems with workspaces' settings that the user was told of."""

    async def warm(self) -> None:
        """Load what the first job needs; a start-up that waited for it would be a third longer."""
        engine = await self._engine()
        await asyncio.gather(engine.warm(self._configuration.settings), asyncio.to_thread(_load_gathering))

    def start(self, request: Request) -> EditorJob:
        """Begin a job; returns at once."""
        place, now = self._editor.place(request.snapshot), self._clock()
        job = EditorJob(self._new_id(), request, place, self._configuration.settings, created=now)
        self._forget_old()
        self._jobs[job.id] = job
        title, protocol = f"Codeteam: {request.title}", self._editor.protocol
        if self._editor.features.progress:
            job.progress = WorkDoneProgress(protocol, job=job.id, title=title)
        else:
            job.progress = LogProgress(protocol, title=title)
        job.work = asyncio.create_task(self._run(job), name=f"job {job.id}")
        return job

    def get(self, name: str) -> EditorJob | None:
        return self._jobs.get(name)

    def all(self) -> tuple[EditorJob, ...]:
        """Every job that is remembered, the newest first."""
        return tuple(reversed(self._jobs.values()))

    def of(self, uri: str) -> tuple[EditorJob, ...]:
        """Jobs of a document, the newest first."""
        return tuple(job for job in reversed(self._jobs.values()) if key(job.uri) == key(uri))

    def cancel(self, job: EditorJob) -> bool:
        """Stop a job; returns at once, False when it has ended."""
        if not job.active or job.stopping:
            return job.active
        job.stopping = True
        job.message = "stopping"
        job.progress.report("stopping")
        self._tell(job)
        asyncio.create_task(self._stop(job), name=f"cancel {job.id}")  # noqa: RUF006 - the job's task outlives it
        return True

    def cancel_all(self) -> None:
        for job in tuple(self._jobs.values()):
            self.cancel(job)

    def deliver(self, job: EditorJob) -> None:
        """Offer a kept proposal again; a job of the history is one of this server's from then on."""
        self._forget_old()
        self._jobs[job.id] = job
        job.state, job.chosen = State.PROPOSED, True
        self._tell(job)
        job.work = asyncio.create_task(self._bring(job), name=f"apply {job.id}")

    async def close(self) -> None:
        """Cancel every job and end every progress."""
        tasks = [job.work for job in self._jobs.values() if job.work is not None and not job.work.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: EditorJob) -> None:
        end: Event = _INTERNAL
        try:
            self._tell(job)
            end = await self._work(job)
        except CodeteamError as error:
            end = Failed(error.kind, error.message, error.hint, error.exit_code)
        except asyncio.CancelledError:
            end = Cancelled()
            raise
        except Exception:
            log.exception("job %s failed inside the server", job.id)
        finally:
            self._end(job, end)
        await self._bring(job)

    async def _work(self, job: EditorJob) -> Event:
        """The job in the engine, to its last event."""
        job.settings = await self._configuration.settled()
        engine = await self._engine()
        async with self._turn:  # jobs reach the engine in the order they were asked for
            task, problems = await asyncio.to_thread(self._gather, job, self._editor.buffers(job.place.root))
            if job.stopping:
                return Cancelled()
            await engine.submit(task, job.workspace)
        if job.stopping:
            await engine.cancel(job.id)
        self._tell_problems(problems)
        async for event in engine.events(job.id):
            self._show(job, event)
            if isinstance(event, END):
                return event
        return _INTERNAL

    def _tell_problems(self, problems: Sequence[str]) -> None:
        """Say what is wrong with a workspace's settings, each thing once."""
        for problem in problems:
            if problem not in self._said:
                self._said.add(problem)
                self._editor.say(types.MessageType.Warning, problem)

    def _gather(self, job: EditorJob, buffers: dict[str, str]) -> tuple[Task, tuple[str, ...]]:
        """Read what the job needs from the workspace, and what is wrong with its settings; runs in a thread."""
        request, place = job.request, job.place
        problems: tuple[str, ...] = ()
        if place.root is not None:
            job.settings, problems = workspace_settings(place.root, job.settings)
        task = _load_gathering()(
            job=job.id,
            intent=request.intent,
            root=place.root,
            path=place.path if place.folder is None or place.root is not None else str(place.folder / place.path),
            text=request.snapshot.text,
            selection=request.selection,
            cursor_line=request.cursor_line,
            instruction=request.instruction,
            settings=job.settings,
            complaints=request.complaints,
            trusted=self._configuration.trusted,
            config=self._configuration.folder,
            open_buffers=buffers,
            language=tongue.name if (tongue := tongue_named(request.snapshot.language)) else "",
        )
        job.task = task = replace(task, title=request.title)
        job.texts = task.texts
        if task.document is not None:
            job.place = replace(place, path=task.document.path)
        return task, problems

    def _show(self, job: EditorJob, event: Event) -> None:
        job.happened(event, self._clock())
        job.state = State.QUEUED if isinstance(event, Queued) else State.RUNNING
        # where a turn ends beside another, that other one is what goes on
        beside = job.turn if isinstance(event, StepFinished) else None
        shown = () if job.stopping else (event, beside)
        told = [words for one in shown if one and (words := in_words(one, job.settings.max_iterations)) is not None]
        for words in told:
            job.message = words
            job.progress.report(words)
        if not isinstance(event, END) and (told or isinstance(event, Replied)):
            self._tell(job)  # of the end `_end` tells, with what came of it

    def _end(self, job: EditorJob, end: Event) -> None:
        """Say how the engine's part ended; what to do with a proposal comes after it."""
        job.happened(end, self._clock())
        match end:
            case Proposed(proposal):
                job.proposal = proposal
                job.state = State.PROPOSED
                job.message = summary_of(proposal, job.request.intent)
                self._availability.worked()
            case Failed(kind, message, hint, _):
                job.state = State.FAILED
                job.message = f"{message} {hint}".strip()
                if kind != "model_auth" or not self._editor.features.secrets:  # the user may give a key next time
                    self._availability.failed(kind, job.message)
                if not self._editor.features.job_notifications:  # else the editor tells it, with what can be done
                    self._editor.say(types.MessageType.Error, f"Codeteam could not {job.request.title}: {job.message}")
            case _:
                job.state, job.message = State.CANCELLED, "cancelled"
        job.progress.end(job.message)
        job.progress = NoProgress()
        self._tell(job)

    async def _bring(self, job: EditorJob) -> None:
        if job.proposal is None:
            return
        try:
            await self._deliver(job)
            if job.state is State.APPLIED:
                await self._note_applied(job)
        except Exception:
            log.exception("the proposal of job %s could not be delivered", job.id)
            job.state = State.KEPT if job.proposal.files else State.DONE
            text = f"Codeteam could not bring the result of {job.request.title} to the editor; its log says more."
            self._editor.say(types.MessageType.Error, text)
        self._tell(job)

    async def _note_applied(self, job: EditorJob) -> None:
        try:
            await asyncio.to_thread(self._remember, job.id)
        except CodeteamError as error:
            log.warning("that job %s was applied is not kept: %s", job.id, error)

    def _tell(self, job: EditorJob) -> None:
        tell_job(self._editor, job, self._clock())

    async def _stop(self, job: EditorJob) -> None:
        try:
            await (await self._engine()).cancel(job.id)
        except Exception:
            log.exception("job %s could not be cancelled", job.id)
        if job.work is not None:
            await asyncio.wait({job.work}, timeout=_PATIENCE)
            if job.active:
                job.work.cancel()

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.work is None or job.work.done()]
        for name in ended[: max(0, len(ended) - _REMEMBERED)]:
            del self._jobs[name]


def _load_gathering() -> Callable[..., Task]:
    from codeteam.workspace.gather import gather_task  # noqa: PLC0415 - a tenth of the start-up, for the first job only

    return gather_task


def summary_of(proposal: Proposal, intent: Intent) -> str:
    """What came of a job, in a sentence or two."""
    if proposal.summary:
        return proposal.summary
    if intent is Intent.REVIEW:
        count = len(proposal.findings)
        return f"{count} finding{'' if count == 1 else 's'}" if count else "nothing found"
    quality = proposal.quality.label if proposal.quality else "not even run"
    return f"{quality}, below what was asked: {proposal.stopped_by}" if proposal.stopped_by else quality
