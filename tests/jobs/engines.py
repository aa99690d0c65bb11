"""Engines for tests: real processes of `odd_worker`, events as they come, deadlines that are generous."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from codeteam.domain.events import END, Event, Noted
from codeteam.domain.settings import Settings
from codeteam.domain.task import Intent, Task
from codeteam.jobs.engine import AnswerJob
from codeteam.jobs.history import History
from codeteam.jobs.owner import process_start
from codeteam.jobs.supervisor import WorkerEngine

ODD = (sys.executable, "-P", str(Path(__file__).with_name("odd_worker.py")))


def odd_task(orders: str, job: str = "job000000001", settings: Settings | None = None) -> Task:
    return Task(job, Intent.IMPLEMENT, orders.replace("; ", "\n"), settings or Settings())


@contextlib.asynccontextmanager
async def engine_at(
    home: Path,
    *,
    jobs: int = 2,
    argv: tuple[str, ...] = ODD,
    environ: Mapping[str, str] | None = None,
    remember: bool = True,
    grace: float = 30.0,
    answer: AnswerJob | None = None,
) -> AsyncIterator[WorkerEngine]:
    history = History(home) if remember else None
    engine = WorkerEngine(
        home=home,
        environ=os.environ if environ is None else environ,
        history=history,
        jobs=jobs,
        argv=argv,
        grace=grace,
    )
    engine.answer = answer
    try:
        yield engine
    finally:
        await engine.aclose()
        if history is not None:
            history.close()


async def all_events(engine: WorkerEngine, job: str = "job000000001") -> list[Event]:
    async with asyncio.timeout(60):
        return [event async for event in engine.events(job)]


async def until(engine: WorkerEngine, kind: type[Event], job: str = "job000000001") -> Event:
    """The job's first event of a kind."""
    async with asyncio.timeout(60):
        async for event in engine.events(job):
            if isinstance(event, kind):
                return event
            assert not isinstance(event, END), event
    raise AssertionError("no such event")


def notes(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Noted)]


def is_alive(pid: int) -> bool:
    return process_start(pid) != ""


async def gone(pid: int, seconds: float = 15) -> None:
    await true_soon(lambda: not is_alive(pid), seconds)


async def true_soon(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.02)
