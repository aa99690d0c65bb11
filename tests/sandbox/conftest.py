"""Both sandboxes, made ready once: their tools come from the index, everything else in these tests from loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Limits, Sandbox, Session
from codeteam.sandbox.local import LocalSandbox

CACHE = "codeteam"
"""As `XDG_CACHE_HOME` would have it, so that commands share it."""
SMALL = Limits(memory=256 * 1024 * 1024, processes=64, disk=64 * 1024 * 1024, output=100_000, results=1024 * 1024)


def make(kind: str, folder: Path) -> DockerSandbox | LocalSandbox:
    if kind == "docker":
        return DockerSandbox(cache=folder / CACHE, environ=os.environ, limits=SMALL)
    return LocalSandbox(home=folder / "home", cache=folder / CACHE, environ=os.environ, limits=SMALL)


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


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "local"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each implementation in turn, made ready before any event loop runs."""
    request.getfixturevalue(f"{request.param}_ready")
    return str(request.param)


@pytest.fixture
async def sandbox(kind: str, places: Path) -> AsyncIterator[Sandbox]:
    made = make(kind, places)
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
