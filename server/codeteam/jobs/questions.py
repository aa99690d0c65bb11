"""What a worker's job asks, handed to the front that started it, for as long as the job and its worker live."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Self

from codeteam.domain.errors import WorkerDied
from codeteam.domain.questions import Answer, Declined, Given, Why
from codeteam.jobs.engine import AnswerJob
from codeteam.jobs.process import WorkerProcess
from codeteam.wire import Answered, Asked, Part

log = logging.getLogger(__name__)

MOST = 16
"""Questions of one job that are open at once; a team has four members."""


class OpenQuestions:
    """One job's questions; leaving the context withdraws those that are still open."""

    def __init__(self, job: str, worker: WorkerProcess, answer: AnswerJob | None) -> None:
        self._job = job
        self._worker = worker
        self._answer = answer
        self._open: dict[int, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = tuple(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def take(self, asked: Asked) -> bool:
        """Begin to answer; returns at once, False for a question that no worker in order asks."""
        if asked.job != self._job or asked.number in self._open or len(self._open) >= MOST:
            return False
        task = asyncio.create_task(self._work(asked), name=f"question {asked.number} of {self._job}")
        self._open[asked.number] = task
        task.add_done_callback(lambda _: self._open.pop(asked.number, None))
        return True

    def withdraw(self, number: int) -> None:
        """The worker does not wait for it any more, or never did."""
        if task := self._open.get(number):
            task.cancel()

    async def _work(self, asked: Asked) -> None:
        answer = await self._answer_to(asked)
        if isinstance(answer, Given) and answer.value:
            self._worker.learn(answer.value)
        with contextlib.suppress(WorkerDied):  # whoever reads from the worker learns of it, too
            await self._worker.send(Answered(asked.number, answer))

    async def _answer_to(self, asked: Asked) -> Answer:
        if self._answer is None:
            return Declined(Why.NO_EDITOR)
        try:
            return await self._answer(
                self._job, asked.question, lambda text: self._worker.post(Part(asked.number, text))
            )
        except Exception as error:  # noqa: BLE001 - the job must be told, whatever happened
            # Its words are left out: they may quote what was asked, or a key.
            log.error("a question of job %s failed: %s", self._job, type(error).__name__)
            return Declined(Why.FAILED)
