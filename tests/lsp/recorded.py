"""A server whose engine plays recorded events: `python -m tests.lsp.recorded HOME`, protocol on stdin and stdout.

HOME/events.jsonl holds one object a line: an event as `codeteam.wire` writes it, or `{"gate": "NAME"}`, where the job
waits until there is a file HOME/NAME, or the job is cancelled. Each job plays it from the start.
HOME/tasks.jsonl gets every task that was submitted, HOME/log what became of them, the history what happened.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from codeteam.domain.events import Cancelled, Event
from codeteam.domain.settings import Settings
from codeteam.domain.task import Task
from codeteam.jobs.engine import AnswerJob
from codeteam.jobs.history import History
from codeteam.lsp.server import Composition
from codeteam.lsp.serving import serve
from codeteam.wire import Codec


class RecordedEngine:
    """An `Engine` of one process that knows beforehand what will happen."""

    def __init__(self, home: Path, slots: int, history: History) -> None:
        self.slots = slots
        self.answer: AnswerJob | None = None
        self._home = home
        self._history = history
        self._codec = Codec()
        self._tasks: dict[str, Task] = {}
        self._stops: dict[str, asyncio.Event] = {}

    async def submit(self, task: Task, workspace: str = "") -> None:
        print("a stray line that must not reach the client", flush=True)
        self._tasks[task.job] = task
        self._stops[task.job] = asyncio.Event()
        self._history.add(task, workspace=workspace)
        self._write("tasks.jsonl", self._codec.encode_task(task))

    async def events(self, job: str) -> AsyncIterator[Event]:
        async for event in self._played(job):
            self._history.append(job, [event])
            yield event

    async def _played(self, job: str) -> AsyncIterator[Event]:
        for line in (self._home / "events.jsonl").read_text(encoding="utf-8").split("\n"):
            step = json.loads(line)
            if "event" in step:
                yield self._codec.decode_event(line)
            elif not await self._passed(job, self._home / step["gate"]):
                self._write("log", f"stopped {job}")
                yield Cancelled()
                return

    async def cancel(self, job: str) -> bool:
        if job not in self._stops:
            return False
        self._stops[job].set()
        return True

    async def warm(self, settings: Settings | None = None) -> None:
        self._write("log", "warm")

    async def rest(self) -> None:
        self._write("log", "rest")

    async def aclose(self) -> None:
        for stop in self._stops.values():
            stop.set()
        self._write("log", "closed")

    def kill_now(self) -> None:
        self._write("log", "killed")

    async def _passed(self, job: str, gate: Path) -> bool:
        """Wait at a gate; False when the job is cancelled there."""
        while not os.path.exists(gate):  # noqa: ASYNC240, PTH110 - a test's file, looked at fifty times a second
            if self._stops[job].is_set():
                return False
            await asyncio.sleep(0.02)
        return True

    def _write(self, name: str, line: str) -> None:
        with (self._home / name).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


async def _main(home: Path) -> None:
    history = History(home)
    parts = Composition(
        load=lambda: None,
        make_engine=lambda settings: RecordedEngine(home, settings.jobs, history),
        history=lambda: history,
        new_id=lambda: secrets.token_hex(6),
        home=home,
    )
    code = await serve(parts)
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    logging.basicConfig(level="INFO", stream=sys.stderr)
    asyncio.run(_main(Path(sys.argv[1])))
