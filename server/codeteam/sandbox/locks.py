"""Locks between processes: files that the system unlocks when their holder dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the lock file, made as needed; waits for whoever else holds it, without blocking the event loop."""
    lock = FileLock(path, thread_local=False)
    taking = asyncio.ensure_future(asyncio.to_thread(_take, lock, path))
    try:
        await asyncio.shield(taking)
    except asyncio.CancelledError:
        taking.add_done_callback(lambda _: lock.release(force=True))
        raise
    try:
        yield
    finally:
        lock.release()


def _take(lock: FileLock, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock.acquire()
