"""One job's events on their way: written to the history first, then shown to everyone who asks, from the first on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from codeteam.domain.errors import CodeteamError
from codeteam.domain.events import END, Event, Noted
from codeteam.domain.task import Task
from codeteam.jobs.history import History

log = logging.getLogger(__name__)
NOT_KEPT = "This job is not being kept in the history."
"""How the note begins that says so."""


class Feed:
    """The events of one job; nothing is taken after its end."""

    def __init__(self, task: Task, workspace: str, history: History | None) -> None:
        self.task = task
        self._workspace = workspace
        self._history = history
        self._incoming: asyncio.Queue[Event] = asyncio.Queue()
        self._shown: list[Event] = []
        self._news = asyncio.Event()
        self._ending = False
        self._pump = asyncio.create_task(self._record(), name=f"events of {task.job}")

    @property
    def ending(self) -> bool:
        """The last event is in, though perhaps not shown yet."""
        return self._ending

    @property
    def ended(self) -> bool:
        """The last event was shown."""
        return bool(self._shown) and isinstance(self._shown[-1], END)

    def put(self, event: Event) -> None:
        """Take an event; it is written and shown soon after, in order. What comes after the end is dropped."""
        if self._ending:
            return
        self._ending = isinstance(event, END)
        self._incoming.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        """Every event from the first, also for those who come late; ends after the last."""
        seen = 0
        while True:
            news = self._news  # taken before looking, so that nothing falls between
            while seen < len(self._shown):
                seen += 1
                yield self._shown[seen - 1]
            if self.ended:
                return
            await news.wait()

    async def wait(self) -> None:
        """Until the last event was shown."""
        await asyncio.shield(self._pump)

    async def _record(self) -> None:
        await self._remember(None)
        while not self.ended:
            batch = [await self._incoming.get()]
            while not self._incoming.empty():
                batch.append(self._incoming.get_nowait())
            await self._remember(batch)
            self._show(*batch)

    async def _remember(self, batch: list[Event] | None) -> None:
        """Write to the history; however that fails, the job goes on without, for its events are waited for."""
        if self._history is None:
            return
        try:
            if batch is None:
                await asyncio.to_thread(self._history.add, self.task, workspace=self._workspace)
            else:
                await asyncio.to_thread(self._history.append, self.task.job, batch)
        except CodeteamError as error:
            self._go_on_without(str(error))
        except Exception as error:
            log.exception("job %a cannot be kept", self.task.job)
            self._go_on_without(f"{type(error).__name__}: {error}"[:300])

    def _go_on_without(self, reason: str) -> None:
        self._history = None
        self._show(Noted(f"{NOT_KEPT} {reason}"))

    def _show(self, *events: Event) -> None:
        self._shown.extend(events)
        self._news.set()
        self._news = asyncio.Event()
