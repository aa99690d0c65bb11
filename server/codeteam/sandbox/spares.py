"""Containers that are started before they are needed, and ended when they are not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container
from codeteam.sandbox.container import Container, Recipe
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.room import Room

IDLE = 300.0
"""Seconds without any use after which the stock is ended; it is filled again with the next use."""
Start = Callable[[Recipe], Awaitable[Container]]


@dataclass(frozen=True, slots=True)
class Spare:
    """A container in stock."""

    container: Container
    ticket: str
    """For the room that it has as a spare one."""


class Spares:
    """At most so many running containers in stock, all of the same kind: the one asked for last."""

    def __init__(self, engine: Engine, room: Room, size: int, *, idle: float = IDLE) -> None:
        self._engine = engine
        self._room = room
        self._size = size
        self._idle = idle
        self._kind: object = None
        self._stock: list[asyncio.Task[Spare | None]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, recipe: Recipe) -> Container | None:
        """A container of this kind that lives, if one is in stock or about to be; it belongs to the recipe's job."""
        while self._stock and self._kind == _kind_of(recipe):
            spare = await self._next()
            if spare is not None:
                with contextlib.suppress(SandboxUnavailable):  # somebody removed it
                    await container.finish(spare, spare.assign(recipe.job))
                    return spare
        return None

    def refill(self, recipe: Recipe, start: Start, *, after: float = 0) -> None:
        """Start what is missing in the background, in so many seconds; containers of another kind go."""
        if not self._size:
            return
        if after:
            self._later(after, lambda: self.refill(recipe, start))
            return
        if self._kind != _kind_of(recipe):
            self._expire()
            self._kind = _kind_of(recipe)
        while len(self._stock) < self._size:
            self._stock.append(asyncio.create_task(self._start(replace(recipe, job=""), start)))
        self._later(self._idle, self._expire)

    async def settled(self) -> int:
        """How many there are, once those that are being started are."""
        await asyncio.gather(*self._stock, return_exceptions=True)
        return sum(task.done() and not task.exception() and task.result() is not None for task in self._stock)

    async def clear(self) -> None:
        """End all of them, and start none any more; returns when they are gone."""
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
        self._expire()
        while self._ending:
            await asyncio.wait(set(self._ending))

    async def _next(self) -> Container | None:
        """The first in stock, once it is started; None when that came to nothing, or it is dead."""
        task = self._stock.pop(0)
        try:
            spare = await asyncio.shield(task)
            if spare is not None and spare.container.alive:
                self._room.drop(spare.ticket)  # whoever takes it has room for it by now
                return spare.container
            if spare is not None:
                await self._end_spare(spare)
        except asyncio.CancelledError:  # of the caller: nobody else would end it
            self._end([task])
            raise
        except Exception:  # noqa: BLE001 - whoever starts one in its place will meet the same, and say so
            return None
        return None

    async def _start(self, recipe: Recipe, start: Start) -> Spare | None:
        """None when there is no room for it."""
        machine = await self._engine.machine()
        ticket = await self._room.squeeze(machine)
        if ticket is None:
            return None
        try:
            return Spare(await start(recipe), ticket)
        except BaseException:
            await asyncio.shield(self._room.give_back(machine, ticket))
            raise

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        """What happens when nobody needs anything before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, act)

    def _expire(self) -> None:
        stock, self._stock = self._stock, []
        self._end(stock)

    def _end(self, stock: list[asyncio.Task[Spare | None]]) -> None:
        for task in stock:
            task.cancel()
            ending = asyncio.create_task(self._end_task(task))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _end_task(self, task: asyncio.Task[Spare | None]) -> None:
        await asyncio.wait([task])
        with contextlib.suppress(Exception, asyncio.CancelledError):
            spare = task.result()
            if spare is not None:
                await self._end_spare(spare)

    async def _end_spare(self, spare: Spare) -> None:
        await spare.container.destroy()
        await self._room.give_back(await self._engine.machine(), spare.ticket)


def _kind_of(recipe: Recipe) -> object:
    """What must be equal for one container to stand in for another; the job is only in its name."""
    return (recipe.image.id, recipe.limits, tuple(sorted(recipe.mounts.read_only.items())))
