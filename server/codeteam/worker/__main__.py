"""The worker process: takes the pipes, loads the team, says `Ready`, runs jobs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, cast

from codeteam.priority import stand_back
from codeteam.worker.pipes import take_over

if TYPE_CHECKING:
    from codeteam.domain.events import Event
    from codeteam.domain.questions import Ask
    from codeteam.domain.task import Task
    from codeteam.worker.loop import AtEnd, RunTask


def main() -> int:
    source, sink = take_over()
    stand_back()
    import asyncio  # noqa: PLC0415 - the pipes first

    from codeteam.worker.loop import Worker  # noqa: PLC0415

    async def serve() -> None:
        run_task, end = _team(os.environ, Path(os.environ["CODETEAM_HOME"]))
        await Worker(source, sink, run_task, end).serve()

    asyncio.run(serve())
    return 0


def _team(environ: Mapping[str, str], home: Path) -> tuple[RunTask, AtEnd]:
    """The real thing: the team, its models, the sandbox. Loading them takes seconds, which is why `Ready` exists."""
    from codeteam.models.catalog import Models, load_clients  # noqa: PLC0415
    from codeteam.sandbox.consents import Consents  # noqa: PLC0415
    from codeteam.team.job import run_job  # noqa: PLC0415
    from codeteam.worker.kept import KeptSandbox  # noqa: PLC0415

    load_clients(environ["CODETEAM_PROVIDERS"].split())
    gc.freeze()  # what is loaded stays, and need not be searched for garbage again and again

    kept = KeptSandbox(environ=environ, home=home)

    async def run_task(task: Task, ask: Ask) -> AsyncGenerator[Event]:
        consents = Consents(home / "packages.json", ask)
        sandbox = await kept.of(task)
        async with Models(environ=environ, home=home, ask=ask) as models:
            job = cast("AsyncGenerator[Event]", run_job(task, sandbox=sandbox, models=models, consents=consents))
            async with aclosing(job) as events:  # so that a cancelled job has cleaned up before it says so
                async for event in events:
                    yield event

    return run_task, kept.aclose


if __name__ == "__main__":
    sys.exit(main())
