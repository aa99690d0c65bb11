"""Locks between processes: files that the system unlocks when their holder dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POLL = 0.05
"""Seconds between two looks at a lock that somebody holds."""


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the lock file, made as needed; waits for whoever else holds it, without blocking the event loop.

    Taken and given back in one thread, for the library keeps account of threads.
    """
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            await asyncio.sleep(POLL)
    try:
        yield
    finally:
        lock.release()
