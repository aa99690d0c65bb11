"""Containers whose job is over: lightened at once, ended one at a time when no job waits for the engine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from codeteam.sandbox.engine import Engine
from codeteam.sandbox.room import Room
from codeteam.sandbox.session import Attendant, Body

HOLD = 2.0
"""Seconds that one stays at most for the sake of jobs at work: to end it costs the engine more than their runs do."""


@dataclass(frozen=True, slots=True)
class Lightened:
    """A container in which nothing runs and hardly anything lies."""

    body: Body
    give_back: Callable[[], Awaitable[None]]
    """Gives back the room that it has as a spare one has it."""
    until: float
    """By the loop's clock."""

    async def end(self) -> None:
        await self.body.destroy()
        await self.give_back()


class Leaving:
    """Those of one sandbox, and whether jobs of it are at work."""

    def __init__(self, engine: Engine, room: Room, *, hold: float = HOLD) -> None:
        self._engine = engine
        self._room = room
        self._hold = hold
        self._waiting: deque[Lightened] = deque()
        self._at_work = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._ending: asyncio.Task[None] | None = None
        self._closed = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While a job needs the engine, or waits for its place."""
        self._at_work += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._calm.set()

    async def take(self, attendant: Attendant | None, ticket: str) -> None:
        """See to the end of a container that has room by this ticket.

        It ends now if it cannot be lightened, or there is no room for one more spare. This goes on when the caller is
        cancelled.
        """
        if attendant is not None:
            await asyncio.shield(self._take(attendant, ticket))

    async def clear(self) -> None:
        """End all of them, and keep none any more; returns when they are gone."""
        self._closed = True
        waiting, self._waiting = tuple(self._waiting), deque()
        self._calm.set()
        await asyncio.gather(*(lightened.end() for lightened in waiting))
        if self._ending is not None:
            await asyncio.wait([self._ending])

    async def _take(self, attendant: Attendant, ticket: str) -> None:
        machine = await self._engine.machine()
        smaller = await self._room.shrink(machine, ticket) if await attendant.lighten() else None
        if smaller is None:
            await attendant.body.destroy()
            return

        async def give_back() -> None:
            await self._room.give_back(machine, smaller)

        lightened = Lightened(attendant.body, give_back, asyncio.get_running_loop().time() + self._hold)
        if self._closed:
            await lightened.end()
            return
        self._waiting.append(lightened)
        if self._ending is None or self._ending.done():
            self._ending = asyncio.create_task(self._end_all())

    async def _end_all(self) -> None:
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._waiting[0].until):
                    await self._calm.wait()
            if self._waiting:
                await self._waiting.popleft().end()
