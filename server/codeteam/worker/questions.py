"""Questions of the job that runs: numbered, sent to the supervisor, and matched with their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

from codeteam.domain.questions import Answer, Ask, Question
from codeteam.wire import Answered, Asked, Message, Part, Withdrawn


class Questions:
    """Every question that waits for its answer."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._numbers = count(1)
        self._open: dict[int, tuple[asyncio.Future[Answer], Callable[[str], None]]] = {}

    def of(self, job: str) -> Ask:
        """How a job asks."""

        async def ask(question: Question, on_part: Callable[[str], None]) -> Answer:
            number = next(self._numbers)
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._open[number] = future, on_part
            self._send(Asked(job, number, question))
            try:
                return await future
            finally:
                if self._open.pop(number, None):
                    self._send(Withdrawn(job, number))

        return ask

    def take(self, message: Part | Answered) -> None:
        """What the supervisor sent; what comes for a question that was withdrawn is dropped."""
        match message:
            case Part(number, text) if number in self._open:
                self._open[number][1](text)
            case Answered(number, answer) if number in self._open:
                future, _ = self._open.pop(number)
                if not future.done():
                    future.set_result(answer)
            case _:
                pass
