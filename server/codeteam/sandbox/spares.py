"""Containers that are started before they are needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from codeteam.sandbox.container import Container


class Spares:
    """At most so many running containers in stock, all for the same key: the one asked for last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._key: object = None
        self._stock: list[asyncio.Task[Container]] = []

    async def take(self, key: object) -> Container | None:
        """A container of this key that lives, if one is in stock or about to be."""
        while self._stock and key == self._key:
            task = self._stock.pop(0)
            with contextlib.suppress(Exception):
                spare = await asyncio.shield(task)
                if spare.alive:
                    return spare
                await spare.destroy()
        return None

    async def refill(self, key: object, start: Callable[[], Awaitable[Container]]) -> None:
        """Start what is missing in the background; containers of another key go."""
        if not self._size:
            return
        if key != self._key:
            await self.clear()
            self._key = key
        while len(self._stock) < self._size:
            self._stock.append(asyncio.ensure_future(_call(start)))

    async def clear(self) -> None:
        """End all of them."""
        stock, self._stock = self._stock, []
        for task in stock:
            task.cancel()
        for task in stock:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await (await task).destroy()


async def _call(start: Callable[[], Awaitable[Container]]) -> Container:
    return await start()
