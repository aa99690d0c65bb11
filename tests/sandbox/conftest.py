"""The sandboxes, made ready once: their tools come from the index, everything else in these tests from loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Limits, Sandbox, Session
from codeteam.sandbox.local import LocalSandbox
from tests.sandbox import engines
from tests.sandbox.engines import Reached

CACHE = "codeteam"
"""As `XDG_CACHE_HOME` would have it, so that commands share it."""
SMALL = Limits(memory=256 * 1024 * 1024, processes=64, disk=64 * 1024 * 1024, output=100_000, results=1024 * 1024)


def make(kind: str, folder: Path, reached: Reached | None = None) -> DockerSandbox | LocalSandbox:
    """`reached` is where an engine other than the machine's own is."""
    if kind == "local":
        return LocalSandbox(home=folder / "home", cache=folder / CACHE, environ=os.environ, limits=SMALL)
    reached = reached or Reached({})
    environ = {**os.environ, **reached.environ}
    return DockerSandbox(cache=folder / CACHE, environ=environ, limits=SMALL, runtime=reached.runtime or None)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State and cache folders that all tests share."""
    return tmp_path_factory.mktemp("codeteam")


async def _open_once(sandbox: Sandbox) -> None:
    async with sandbox.open():
        pass
    await sandbox.aclose()


@pytest.fixture(scope="session")
def docker_ready(places: Path) -> Path:
    """Image and tools are on the engine."""
    asyncio.run(_open_once(make("docker", places)))
    return places


@pytest.fixture(scope="session")
def local_ready(places: Path) -> Path:
    """Tools are unpacked."""
    asyncio.run(_open_once(make("local", places)))
    return places


@pytest.fixture(scope="session")
def reached(places: Path) -> Iterator[Callable[[str], Reached | None]]:
    """Where an engine is, image and tools on it; None for what is there already. Started when first asked for."""
    started: dict[str, Reached] = {}
    with ExitStack() as all_of_them:

        def where(kind: str) -> Reached | None:
            if kind in engines.ENGINES and kind not in started:
                _, start = engines.ENGINES[kind]
                started[kind] = all_of_them.enter_context(start())
                asyncio.run(_open_once(make(kind, places, started[kind])))
            return started.get(kind)

        yield where


ENGINES = [
    pytest.param("docker", marks=pytest.mark.docker),
    # Tests with an engine of their own share a process (`npm test` runs several), so that it is started once.
    *(pytest.param(kind, marks=[pytest.mark.docker, pytest.mark.xdist_group(kind)]) for kind in engines.there()),
]
of_engines = pytest.mark.parametrize("kind", ENGINES, indirect=True)
"""Of a test that holds on engines, not without one."""
LOCAL = pytest.param("local", marks=pytest.mark.xdist_group("local"))
"""In one process as well: its tools, some of which are compiled, are made once."""
everywhere = pytest.mark.parametrize("kind", [*ENGINES, LOCAL], indirect=True)


@pytest.fixture(params=[ENGINES[0], LOCAL])
def kind(request: pytest.FixtureRequest, reached: Callable[[str], Reached | None]) -> str:
    """Each implementation in turn, made ready before any event loop runs."""
    if reached(request.param) is None:
        request.getfixturevalue(f"{request.param}_ready")
    return str(request.param)


@pytest.fixture
async def sandbox(kind: str, places: Path, reached: Callable[[str], Reached | None]) -> AsyncIterator[Sandbox]:
    made = make(kind, places, reached(kind))
    yield made
    await made.aclose()


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[Session]:
    async with sandbox.open() as opened:
        yield opened


@pytest.fixture
async def docker(docker_ready: Path) -> AsyncIterator[DockerSandbox]:
    made = make("docker", docker_ready)
    assert isinstance(made, DockerSandbox)
    yield made
    await made.aclose()


@pytest.fixture
async def contained(docker: DockerSandbox) -> AsyncIterator[Session]:
    async with docker.open() as opened:
        yield opened
