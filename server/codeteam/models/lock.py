"""Locks on files, for processes that must not do the same thing at once; the kernel lets go when a holder dies."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from codeteam.domain.errors import ModelUnavailable

if sys.platform != "win32":
    import fcntl


class FileLock:
    """A held lock; `release` lets go, and so does the end of the process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def try_lock(path: Path, *, shared: bool = False) -> FileLock | None:
    """The lock on a file (made when missing, mode 0600), or None when someone holds it.

    Shared locks go together; an exclusive one is alone.
    """
    if sys.platform == "win32":
        raise ModelUnavailable("Embedded models run on Linux and macOS only.", "Choose another model.")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return FileLock(handle)


async def wait_for_lock(path: Path, *, shared: bool = False) -> FileLock:
    """The lock, waited for without blocking the event loop."""
    while True:
        lock = try_lock(path, shared=shared)
        if lock is not None:
            return lock
        await asyncio.sleep(0.05)


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a file's lock."""
    lock = await wait_for_lock(path)
    try:
        yield
    finally:
        lock.release()
