"""Connections that a call has open: only the SDK below AutoGen's client knows them.

To leave its stream closes none, and a server goes on writing for as long as somebody may read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ANSWERS: ContextVar[list[Any] | None] = ContextVar("answers", default=None)


class Telling:
    """Mixed into an SDK's HTTP client: tells `Connections` of each answer."""

    async def send(self, request: Any, **options: Any) -> Any:
        answer = await super().send(request, **options)  # type: ignore[misc]
        if (answers := _ANSWERS.get()) is not None:
            answers.append(answer)
        return answer


class Connections:
    """Those of one call."""

    def __init__(self) -> None:
        self._answers: list[Any] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is called inside, by this task and those that it starts, is of this call."""
        token = _ANSWERS.set(self._answers)
        try:
            yield
        finally:
            _ANSWERS.reset(token)

    async def close(self) -> None:
        for answer in self._answers:
            await answer.aclose()
