"""Jobs without an editor: the same engine, shown as they go, stopped by Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from codeteam.cli.questions import TerminalAnswers
from codeteam.cli.result import Result, result_of
from codeteam.cli.terminal import tell
from codeteam.cli.view import View, open_view
from codeteam.domain.events import Event, Noted
from codeteam.domain.task import Task
from codeteam.jobs.feed import NOT_KEPT
from codeteam.jobs.history import History
from codeteam.jobs.places import state_dir
from codeteam.jobs.supervisor import WorkerEngine

_SIGNALS = ("SIGINT", "SIGTERM")


def run_jobs(tasks: Sequence[Task], *, root: Path, environ: Mapping[str, str], quiet: bool) -> list[Result]:
    """Run jobs to their ends, in as many slots as the settings allow; results in the order of the tasks."""
    return asyncio.run(_run(tasks, str(root), environ, quiet))


async def _run(tasks: Sequence[Task], workspace: str, environ: Mapping[str, str], quiet: bool) -> list[Result]:
    home = state_dir(environ)
    history = History(home)
    engine = WorkerEngine(home=home, environ=environ, history=history, jobs=tasks[0].settings.jobs)
    try:
        with open_view(tasks, quiet=quiet) as view, _stoppable(engine, tasks):
            if sys.stdin.isatty() and sys.stderr.isatty():
                engine.answer = TerminalAnswers(view).answer
            for task in tasks:
                await engine.submit(task, workspace)
            return await asyncio.gather(*(_follow(engine, task, view) for task in tasks))
    finally:
        await engine.aclose()
        history.close()


async def _follow(engine: WorkerEngine, task: Task, view: View) -> Result:
    start = time.monotonic()
    events: list[Event] = []
    async for event in engine.events(task.job):
        events.append(event)
        view.show(task.job, event)
    kept = not any(isinstance(event, Noted) and event.message.startswith(NOT_KEPT) for event in events)
    return replace(result_of(task, events, time.monotonic() - start), kept=kept)


@contextlib.contextmanager
def _stoppable(engine: WorkerEngine, tasks: Sequence[Task]) -> Iterator[None]:
    """The first Ctrl-C cancels the jobs, the second ends everything at once."""
    loop = asyncio.get_running_loop()
    stopping: set[asyncio.Task[bool]] = set()

    def cancel() -> None:
        tell("cancelling; once more to quit at once")
        stopping.update(asyncio.create_task(engine.cancel(task.job)) for task in tasks)

    asked = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            engine.kill_now()
            if sys.stderr.isatty():
                sys.stderr.write("\x1b[?25h")  # the live view hides the cursor
                sys.stderr.flush()
            os._exit(130)
        asked = True
        loop.call_soon_threadsafe(cancel)

    before = {name: signal.signal(getattr(signal, name), on_signal) for name in _SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
