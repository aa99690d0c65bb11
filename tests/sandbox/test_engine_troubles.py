"""What can befall an engine of one's own: it crashes and comes back, its disk is full, its image is deleted."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command
from tests.sandbox.conftest import SMALL
from tests.sandbox.own_engine import OwnEngine, own_engine
from tests.sandbox.running import python

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("troubled")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[OwnEngine]:
    with own_engine(folder / "engine") as made:
        yield made


@asynccontextmanager
async def sandbox_on(engine: OwnEngine, folder: Path) -> AsyncIterator[DockerSandbox]:
    environ = {**os.environ, "DOCKER_HOST": engine.host}
    made = DockerSandbox(cache=folder / "cache", environ=environ, limits=SMALL)
    try:
        yield made
    finally:
        await made.aclose()


async def test_an_engine_that_crashes_and_comes_back(engine: OwnEngine, folder: Path) -> None:
    async with sandbox_on(engine, folder) as sandbox:
        async with sandbox.open() as session:
            begun = asyncio.Event()
            program = "import time; print('begun', flush=True); time.sleep(60)"
            running = asyncio.ensure_future(python(session, program, lambda *_: begun.set()))
            await asyncio.wait_for(begun.wait(), 60)
            await asyncio.to_thread(engine.kill)
            with pytest.raises(SandboxUnavailable) as caught:
                await asyncio.wait_for(running, 60)
            assert caught.value.kind in ("docker_down", "docker_missing")
            assert "unset DOCKER_HOST" in caught.value.hint
        await asyncio.to_thread(engine.start)
        async with sandbox.open() as session:
            assert (await python(session, "print('again')")).run.stdout == "again\n"
    assert not engine.containers()


async def test_an_image_whose_names_are_deleted_while_it_is_used(engine: OwnEngine, folder: Path) -> None:
    """An engine keeps what a container uses, without its names; what runs goes on, the next session has it named."""
    async with sandbox_on(engine, folder) as sandbox:
        async with sandbox.open() as session:
            engine.docker("rmi", "--force", *_names(engine))
            assert (await python(session, "print('still')")).run.stdout == "still\n"
        async with sandbox.open() as session:
            assert (await python(session, "print('again')")).run.stdout == "again\n"


async def test_an_image_that_is_deleted_before_a_session_needs_another_container(
    engine: OwnEngine, folder: Path
) -> None:
    async with sandbox_on(engine, folder) as sandbox:
        async with sandbox.open() as session:
            begun = asyncio.Event()
            program = "import time; print('begun', flush=True); time.sleep(60)"
            running = asyncio.ensure_future(python(session, program, lambda *_: begun.set()))
            await asyncio.wait_for(begun.wait(), 60)
            engine.docker("rm", "--force", *engine.docker("ps", "-aq").stdout.split())
            assert not (await asyncio.wait_for(running, 60)).run.ok
            engine.docker("rmi", "--force", *_names(engine))
            with pytest.raises(SandboxUnavailable) as caught:
                await session.run(Command(("python3", "-c", "print('never')")))
            assert caught.value.kind == "image_missing"
            assert "codeteam sandbox build" in caught.value.hint
        async with sandbox.open() as session:
            assert (await python(session, "print('made again')")).run.stdout == "made again\n"


async def test_an_engine_whose_disk_is_full(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A clear error that says how to go on; nothing half is left that the next attempt would take for whole."""
    place = tmp_path_factory.mktemp("full")
    data = place / "engine" / "data"
    data.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", "size=150m", "tmpfs", data)
    with own_engine(place / "engine") as engine:
        async with sandbox_on(engine, place) as sandbox:
            with pytest.raises(SandboxUnavailable) as caught:
                async with sandbox.open():
                    pass
            assert caught.value.kind == "disk_full", caught.value.message
            assert "space" in caught.value.hint
            assert not engine.containers()
            _mount("-o", "remount,size=2g", data)
            async with sandbox.open() as session:
                assert (await python(session, "import pytest; print('room')")).run.stdout == "room\n"


def _names(engine: OwnEngine) -> list[str]:
    """Names of all images, and the numbers of those that have lost theirs."""
    shown = engine.docker("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").stdout.splitlines()
    return [number if name.startswith("<none>") else name for name, number in map(str.split, shown)]


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)
