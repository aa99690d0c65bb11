"""The worker's main loop: one job at a time, stoppable in the middle, ended when its input ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import BinaryIO

from codeteam.domain.errors import CodeteamError
from codeteam.domain.events import END, Cancelled, Event, Failed, Started
from codeteam.domain.questions import Ask
from codeteam.domain.task import Task
from codeteam.wire import Answered, Codec, Happened, Message, Part, Ready, Run, Stop
from codeteam.worker.questions import Questions

RunTask = Callable[[Task, Ask], AsyncGenerator[Event]]
"""Runs one task to its last event, asking what it must; cancelling it leaves nothing of it behind."""
AtEnd = Callable[[], Awaitable[None]]
"""Ends what is kept between tasks."""

PATIENCE = 5.0
"""Seconds to clean up after the input ended; then the worker ends itself with all it started."""


class Worker:
    """Reads `Run`, `Stop` and answers, writes `Ready`, `Happened` and questions."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, run_task: RunTask, at_end: AtEnd | None = None) -> None:
        self._source = source
        self._sink = sink
        self._run_task = run_task
        self._at_end = at_end
        self._codec = Codec()
        self._questions = Questions(self._send)
        self._tasks: deque[Task] = deque()
        self._stopped: set[str] = set()
        self._news = asyncio.Event()
        self._closed = False
        self._job = ""
        self._work: asyncio.Task[None] | None = None
        self._done = threading.Event()

    async def serve(self) -> None:
        """Until the input ends or the supervisor is gone."""
        loop = asyncio.get_running_loop()
        # A thread, for asyncio cannot read an ordinary pipe on Windows, and a blocked loop must still see the end.
        threading.Thread(target=self._read, args=(loop,), name="input", daemon=True).start()
        self._send(Ready())
        try:
            while not self._closed:
                if self._tasks:
                    await self._one(self._tasks.popleft())
                else:
                    self._news.clear()
                    await self._news.wait()
            if self._at_end is not None:
                await self._at_end()
        finally:
            self._done.set()

    async def _one(self, task: Task) -> None:
        self._job = task.job
        self._work = asyncio.create_task(self._events(task))
        if task.job in self._stopped:
            self._work.cancel()
        try:
            await self._work
            end: Event | None = None
        except asyncio.CancelledError:
            end = Cancelled()
        except Exception as error:  # noqa: BLE001 - whatever it is, the job must end and the worker go on
            end = _failure(error)
        self._job, self._work = "", None
        self._stopped.discard(task.job)
        if end is not None:
            self._send(Happened(task.job, end))

    async def _events(self, task: Task) -> None:
        self._send(Happened(task.job, Started()))
        async with contextlib.aclosing(self._run_task(task, self._questions.of(task.job))) as events:
            async for event in events:
                self._send(Happened(task.job, event))
                if isinstance(event, END):
                    return
        raise RuntimeError("the job's events ended without an end")

    def _send(self, message: Message) -> None:
        data = memoryview(self._codec.encode(message))
        try:
            while data:
                data = data[self._sink.write(data) :]
        except OSError:  # no one listens any more
            self._close()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """The input thread; ends the process when the loop does not do so in time."""
        try:
            for line in self._source:
                loop.call_soon_threadsafe(self._receive, self._codec.decode(line))
        except ValueError as error:
            sys.stderr.write(f"bad line from the supervisor: {str(error)[:500]}\n")
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(self._close)
        if not self._done.wait(PATIENCE):
            _end_group()

    def _receive(self, message: Message) -> None:
        match message:
            case Run(task):
                self._tasks.append(task)
                self._news.set()
            case Stop(job) if job == self._job and self._work is not None:
                self._work.cancel()
            case Stop(job) if any(task.job == job for task in self._tasks):
                self._stopped.add(job)
            case Part() | Answered():
                self._questions.take(message)
            case _:
                pass  # a Stop that crossed the end of its job

    def _close(self) -> None:
        self._closed = True
        self._news.set()
        if self._work is not None:
            self._work.cancel()


def _failure(error: Exception) -> Failed:
    known = _known(error)
    if known is not None:
        return Failed(known.kind, known.message, known.hint, known.exit_code)
    sys.stderr.write("".join(traceback.format_exception(error)))
    return Failed(
        "internal",
        f"Codeteam failed: {type(error).__name__}.",
        "Please report it with the worker's log (`codeteam doctor`).",
    )


def _known(error: BaseException) -> CodeteamError | None:
    """The error made for the user, also out of a group of several."""
    if isinstance(error, CodeteamError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((known for inner in error.exceptions if (known := _known(inner))), None)
    return None


def _end_group() -> None:
    """End this process and, where it leads a process group, everything in it."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
