"""The engine of one machine: a worker process per job slot, one started ahead, further jobs in a visible queue."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from pathlib import Path

from codeteam.domain.errors import BadInput, WorkerDied
from codeteam.domain.events import Cancelled, Event, Failed, Noted, Proposed, Queued, StepFinished
from codeteam.domain.settings import Settings
from codeteam.domain.task import Task
from codeteam.jobs.engine import AnswerJob
from codeteam.jobs.feed import Feed
from codeteam.jobs.history import History
from codeteam.jobs.log import Redactor, WorkerLog
from codeteam.jobs.process import WorkerProcess, worker_argv
from codeteam.jobs.questions import OpenQuestions
from codeteam.wire import Asked, Happened, Run, Stop, Withdrawn

STOP_SECONDS = 1.5
"""How long a worker may take to stop by itself; with the kill after it, a job ends within two seconds."""
GRACE_SECONDS = 30.0
"""How long after its limit of time a job may take to end by itself."""
KEPT_FEEDS = 32
"""Ended jobs whose events can still be asked for; the history has them all."""


@dataclasses.dataclass(slots=True)
class _Running:
    feed: Feed
    worker: WorkerProcess | None = None
    sent: bool = False
    """The worker knows of the job."""
    cancelled: bool = False


class WorkerEngine:
    """An `Engine` of worker processes. Make it inside a running loop; `aclose` ends every process."""

    def __init__(
        self,
        *,
        home: Path,
        environ: Mapping[str, str],
        history: History | None,
        jobs: int = 2,
        argv: Sequence[str] = (),
        grace: float = GRACE_SECONDS,
    ) -> None:
        """`home` is the state directory; `environ` goes to the workers; without `history` nothing is remembered.

        `argv` starts a worker; empty for Codeteam's own, in the interpreter that `environ` names.
        """
        self.slots = jobs
        """Jobs that run at once; may be changed at any time."""
        self.answer: AnswerJob | None = None
        self._argv = tuple(argv) or worker_argv(environ)
        self._grace = grace
        self._home = home
        self._environ = {**environ, "CODETEAM_HOME": str(home)}
        self._default_model = environ.get("CODETEAM_MODEL", "")
        self._providers = _providers(Settings(model=self._default_model))
        """Of the models that the next job is likely to use; a worker loads their clients before it is ready."""
        self._history = history
        self._numbers = itertools.count(1)
        self._feeds: dict[str, Feed] = {}
        self._waiting: deque[Feed] = deque()
        self._running: dict[str, _Running] = {}
        self._idle: list[WorkerProcess] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._warming = False
        self._resting = False
        """No job is to come: nothing is started ahead."""
        self._closing = False

    async def warm(self, settings: Settings | None = None) -> None:
        """Start a worker ahead, so that the next job does not wait for it to load; returns before it has."""
        if settings is not None:
            self._expect(settings)
        self._resting = False
        await self._start_ahead()

    async def rest(self) -> None:
        """See `Engine.rest`."""
        self._resting = True
        await self._end_idle()

    async def _start_ahead(self) -> None:
        if self._resting:
            return
        self._idle = [worker for worker in self._idle if worker.alive]
        if self._idle or self._warming or self._closing or len(self._running) >= self.slots:
            return
        self._warming = True
        try:
            worker = await self._spawn()  # not within the next line: `_idle` may be another list by then
            self._idle.append(worker)
        except WorkerDied:
            return  # the job that needs a worker will say so
        finally:
            self._warming = False
        if self._closing or self._resting:
            await self._end_idle()

    async def submit(self, task: Task, workspace: str = "") -> None:
        """See `Engine.submit`. A task without a model gets the one of the environment, so that history tells it."""
        if self._closing:
            raise BadInput("Codeteam is shutting down; no new job is taken.")
        if task.job in self._feeds:
            raise BadInput(f"There is a job {task.job} already.")
        if not task.settings.model and self._default_model:
            task = dataclasses.replace(task, settings=dataclasses.replace(task.settings, model=self._default_model))
        self._expect(task.settings)
        self._forget_old()
        feed = self._feeds[task.job] = Feed(task, workspace, self._history)
        self._waiting.append(feed)
        self._advance()
        if self._waiting and self._waiting[-1] is feed:
            feed.put(Queued(self._ahead(len(self._waiting) - 1)))

    async def events(self, job: str) -> AsyncIterator[Event]:
        feed = self._feeds.get(job)
        if feed is None:
            raise BadInput(f"There is no job {job!r} here.", "`codeteam jobs` lists what is remembered.")
        async for event in feed.events():
            yield event

    async def cancel(self, job: str) -> bool:
        """See `Engine.cancel`; returns when the job has ended."""
        feed = self._feeds.get(job)
        if feed is None or feed.ending:
            return False
        running = self._running.get(job)
        if running is None:
            self._waiting.remove(feed)
            feed.put(Cancelled())
            self._tell_queue()
        elif not running.sent or running.worker is None:
            running.cancelled = True
            feed.put(Cancelled())
        else:
            running.cancelled = True
            with contextlib.suppress(WorkerDied, TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await running.worker.send(Stop(job))
                    await feed.wait()
            if not feed.ending:
                await running.worker.kill()
        await feed.wait()
        return True

    async def aclose(self) -> None:
        self._closing = True
        await asyncio.gather(*(self.cancel(job) for job, feed in list(self._feeds.items()) if not feed.ending))
        while self._tasks or self._idle:  # one that ends may begin another, to end its worker
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._end_idle()
        await asyncio.gather(*(feed.wait() for feed in self._feeds.values()))

    def kill_now(self) -> None:
        """Kill every worker without waiting; for a process that is about to exit."""
        self._closing = True
        for worker in [*self._idle, *(running.worker for running in self._running.values())]:
            if worker is not None:
                worker.kill_now()

    def _advance(self) -> None:
        """Start what may start, and tell the others how many are before them."""
        moved = False
        while self._waiting and len(self._running) < self.slots:
            feed = self._waiting.popleft()
            running = self._running[feed.task.job] = _Running(feed)
            self._background(self._run(running), f"job {feed.task.job}")
            moved = True
        if moved:
            self._tell_queue()

    def _tell_queue(self) -> None:
        for index, feed in enumerate(self._waiting):
            feed.put(Queued(self._ahead(index)))

    def _ahead(self, index: int) -> int:
        return len(self._running) + index

    async def _run(self, running: _Running) -> None:
        """One job from a free slot to its end; whatever happens, the job ends."""
        feed = running.feed
        try:
            if not await self._attempt(running, retry=True):
                await self._attempt(running, retry=False)
        except WorkerDied as error:
            feed.put(
                Cancelled() if running.cancelled else Failed(error.kind, error.message, error.hint, error.exit_code)
            )
        except BaseException as error:
            feed.put(Failed("internal", f"Codeteam failed: {type(error).__name__}: {error}.", "Please report it."))
            raise
        finally:
            del self._running[feed.task.job]
            self._advance()
            if not self._closing:
                self._background(self._start_ahead(), "worker ahead")

    async def _attempt(self, running: _Running, *, retry: bool) -> bool:
        """Run the job on a worker; False when the worker died before it began, and `retry` allows another.

        Raises:
            WorkerDied: in mid-job.
        """
        running.sent = False
        began = False
        worker = running.worker = await self._take()
        try:
            await worker.ready()
            if not running.feed.ending:  # cancelled while the worker loaded
                running.sent = True
                await worker.send(Run(running.feed.task))
            # The team keeps its own limit; a worker that is stuck in a computation cannot, and is ended from here.
            limit = running.feed.task.settings.max_seconds
            async with (
                asyncio.timeout(limit + self._grace if limit else None),
                OpenQuestions(running.feed.task.job, worker, self.answer) as questions,
            ):
                while not running.feed.ending:
                    event = await self._next_event(worker, running.feed.task.job, questions)
                    began = True
                    running.feed.put(event)
        except TimeoutError:
            await worker.kill()
            said = f"The job went on past its limit of {limit:g} seconds, and its worker was ended."
            raise WorkerDied(said, "Raise it with --max-seconds or codeteam.maxSeconds.", "max_seconds") from None
        except WorkerDied:
            await worker.kill()
            if began or running.cancelled or not retry:
                raise
            return False
        except BaseException:
            await worker.kill()
            raise
        self._give_back(worker)
        return True

    async def _next_event(self, worker: WorkerProcess, job: str, questions: OpenQuestions) -> Event:
        """The job's next event; its questions are taken on the way."""
        while True:
            message = await worker.receive()
            match message:
                case Happened() if message.job == job:
                    return _without_secrets(message.event, worker.redactor)
                case Asked() if questions.take(message):
                    continue
                case Withdrawn(_, number):  # perhaps of the job before: nothing is open under that number then
                    questions.withdraw(number)
                case _:
                    await worker.kill()
                    raise WorkerDied(f"The worker sent {type(message).__name__} out of turn, and was stopped.")

    async def _take(self) -> WorkerProcess:
        """A worker that was alive a moment ago: one that has loaded, one that loads, or a new one."""
        while self._idle:
            worker = self._idle.pop(0)
            if worker.alive:
                return worker
            await worker.kill()
        return await self._spawn()

    def _give_back(self, worker: WorkerProcess) -> None:
        """Keep it while another job waits for it; otherwise one is enough, for each holds a hundred megabytes.

        One that was given a key is not kept: the key was for that job, and goes with the process that knew it.
        """
        wanted = self._waiting or not (self._idle or self._resting)
        if worker.alive and not self._closing and not worker.knows_secret and wanted:
            self._idle.append(worker)
        else:
            self._background(worker.close(STOP_SECONDS), f"end of worker {worker.pid}")

    def _expect(self, settings: Settings) -> None:
        model = settings.model or self._default_model
        self._providers = _providers(dataclasses.replace(settings, model=model))

    async def _spawn(self) -> WorkerProcess:
        name = f"worker-{os.getpid()}-{next(self._numbers)}"
        environ = {**self._environ, "CODETEAM_PROVIDERS": self._providers}
        return await WorkerProcess.start(
            self._argv, environ, WorkerLog(self._home / "logs", name, Redactor(self._environ))
        )

    async def _end_idle(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*(worker.close(STOP_SECONDS) for worker in idle))

    def _background(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget_old(self) -> None:
        ended = [job for job, feed in self._feeds.items() if feed.ended]
        for job in ended[: max(0, len(ended) - KEPT_FEEDS)]:
            del self._feeds[job]


def _without_secrets(event: Event, redactor: Redactor) -> Event:
    """The event with words redacted that may quote an error of a library; what the user's files hold stays as it is."""
    match event:
        case Failed(_, message, hint):
            return dataclasses.replace(event, message=redactor.text(message), hint=redactor.text(hint))
        case Noted(message):
            return Noted(redactor.text(message))
        case StepFinished():
            return dataclasses.replace(event, message=redactor.text(event.message))
        case Proposed(proposal):
            notes = tuple(redactor.text(note) for note in proposal.evidence.notes)
            evidence = dataclasses.replace(proposal.evidence, notes=notes)
            stopped_by = redactor.text(proposal.stopped_by)
            return Proposed(dataclasses.replace(proposal, evidence=evidence, stopped_by=stopped_by))
        case _:
            return event


def _providers(settings: Settings) -> str:
    """Who serves the models of a team, the embedded one where none is named; their names do not matter."""
    return " ".join(sorted({spec.partition("/")[0] or "local" for spec in settings.models}))
