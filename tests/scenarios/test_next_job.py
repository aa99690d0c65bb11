"""What a worker keeps from one job to the next: a container that is started and that no job has been in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import pytest

from codeteam.domain.events import Drafted, Proposed
from codeteam.domain.settings import Quality, SandboxKind, Settings
from codeteam.domain.task import Intent, Task
from codeteam.jobs.supervisor import WorkerEngine
from codeteam.worker.kept import KeptSandbox
from codeteam.workspace.gather import new_job_id
from tests.cli.command import slug_replies
from tests.jobs.engines import all_events, engine_at, true_soon, until

pytestmark = pytest.mark.docker


def settings(folder: Path, **more: object) -> Settings:
    """A short job whose reviewer takes its time, so that its container can be looked at."""
    script = folder / "replies.yaml"
    replies = slug_replies()
    script.write_text(json.dumps(replies | {"reviewer": [{"text": replies["reviewer"][0], "delay": 2}]}))
    return Settings(model=f"script/{script}", require=Quality.REVIEWED, require_tests=False, **more)  # type: ignore[arg-type]


async def run(engine: WorkerEngine, chosen: Settings) -> set[str]:
    """A job to its end; the containers that had its name, which no test running beside this one has."""
    job = new_job_id()
    await engine.submit(Task(job, Intent.IMPLEMENT, "Slugs", chosen))
    await until(engine, Drafted, job)
    await true_soon(lambda: bool(containers(f"name=codeteam-{job}-")))
    mine = containers(f"name=codeteam-{job}-")
    last = (await all_events(engine, job))[-1]
    assert isinstance(last, Proposed), last
    await true_soon(lambda: not containers(f"name=codeteam-{job}-"))  # the end of a job does not wait for it
    return mine


def containers(condition: str) -> set[str]:
    argv = ["docker", "ps", "-q", "--no-trunc", "--filter", condition]
    return set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split())


def of_worker(pid: int) -> set[str]:
    """Containers that a process made, as far as they run."""
    argv = ["docker", "ps", "--no-trunc", "--format", '{{.ID}} {{.Label "codeteam.owner"}}']
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0] for line in lines if f":{pid}:" in line}


def worker_of(engine: WorkerEngine) -> int:
    [worker] = engine._idle
    return worker.pid


async def test_the_next_job_has_its_container_before_it_begins(tmp_path: Path) -> None:
    async with engine_at(tmp_path, jobs=1, argv=()) as engine:
        await engine.warm()
        ahead = worker_of(engine)
        first = await run(engine, settings(tmp_path))
        await true_soon(lambda: bool(engine._idle))
        assert worker_of(engine) == ahead
        await true_soon(lambda: len(of_worker(ahead)) == 1)
        spare = of_worker(ahead)
        assert len(first) == 1
        assert not spare & first
        assert await run(engine, settings(tmp_path)) == spare
    assert not of_worker(ahead)


async def test_other_settings_get_another_sandbox(tmp_path: Path) -> None:
    async with engine_at(tmp_path, jobs=1, argv=()) as engine:
        await run(engine, settings(tmp_path))
        await true_soon(lambda: bool(engine._idle))
        worker = worker_of(engine)
        await true_soon(lambda: len(of_worker(worker)) == 1)
        spare = of_worker(worker)
        mine = await run(engine, settings(tmp_path, sandbox_memory=256))
        assert len(mine) == 1
        assert not mine & spare
        job = new_job_id()
        await engine.submit(Task(job, Intent.IMPLEMENT, "Slugs", settings(tmp_path, sandbox=SandboxKind.LOCAL)))
        last = (await all_events(engine, job))[-1]
        assert isinstance(last, Proposed)
        assert last.proposal.evidence.image == "local (not isolated)"
        assert not of_worker(worker)


async def test_every_setting_of_a_sandbox_makes_another(tmp_path: Path) -> None:
    """Nothing is started here: a task with packages of its own has no container made ahead."""
    kept = KeptSandbox(environ=os.environ, home=tmp_path)
    first = await kept.of(Task("j", Intent.IMPLEMENT, "x", Settings(), dependencies=("attrs",)))
    assert await kept.of(Task("j", Intent.IMPLEMENT, "x", Settings(), dependencies=("attrs",))) is first
    others: dict[str, object] = {
        "sandbox": SandboxKind.LOCAL,
        "sandbox_image": "other",
        "sandbox_runtime": "runsc",
        "sandbox_memory": 300,
        "sandbox_budget": 4096,
        "package_age": 9,
    }
    assert others.keys() >= {field.name for field in fields(Settings) if field.name.startswith("sandbox")}
    for name, value in others.items():
        changed = replace(Settings(), **{name: value})  # type: ignore[arg-type]
        made = await kept.of(Task("j", Intent.IMPLEMENT, "x", changed, dependencies=("attrs",)))
        assert made is not first, name
        first = await kept.of(Task("j", Intent.IMPLEMENT, "x", Settings(), dependencies=("attrs",)))
        assert made is not first, name
    await kept.aclose()


@pytest.mark.parametrize("end", ["killed", "closed"])
async def test_the_spare_container_ends_with_its_worker(tmp_path: Path, end: str) -> None:
    async with engine_at(tmp_path, jobs=1, argv=()) as engine:
        await run(engine, settings(tmp_path))
        await true_soon(lambda: bool(engine._idle))
        worker = worker_of(engine)
        await true_soon(lambda: len(of_worker(worker)) == 1)
        if end == "killed":
            os.kill(worker, signal.SIGKILL)
            await true_soon(lambda: not of_worker(worker), 10)  # two seconds on an idle machine
    assert not of_worker(worker)
