"""Where the sandbox's image comes from."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import image
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.host_image import write_layer
from codeteam.sandbox.interface import Command
from tests.sandbox.conftest import CACHE
from tests.sandbox.registry import registry
from tests.sandbox.running import python

OWN = "codeteam-test/sandbox"
"""A name of its own, for others use the engine meanwhile."""


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine(os.environ)
    yield made
    made.close()


def own_python() -> bytes:
    stream = io.BytesIO()
    write_layer(stream)
    return stream.getvalue()


def test_the_same_python_gives_the_same_bytes() -> None:
    layer = own_python()
    assert layer == own_python()
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        members = {member.name: member for member in archive}
    assert not {name for name in members if "site-packages" in name or name.startswith(("root", "home"))}
    assert {"bin", "usr/bin/sh", "usr/local/bin/python3", "etc/passwd", "tmp"} <= set(members)
    assert all(member.uid == member.gid == member.mtime == 0 for member in members.values())
    assert not [name for name, member in members.items() if member.mode & 0o6000]
    assert {name for name, member in members.items() if member.mode & 0o002} == {"tmp", "var/tmp"}


@pytest.mark.docker
async def test_two_processes_build_the_image_at_once(docker_ready: Path) -> None:
    command = [sys.executable, "-m", "codeteam", "sandbox", "build", "--from", "host"]
    environ = os.environ | {"XDG_CACHE_HOME": str(docker_ready / "other")}
    both = [
        await asyncio.create_subprocess_exec(*command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [await asyncio.wait_for(process.communicate(), 120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert said[0][0].startswith(b"codeteam/sandbox:host-")


async def _labels(engine: Engine, name: str) -> dict[str, str]:
    return dict((await engine.call(lambda api: api.inspect_image(name)))["Config"]["Labels"])


async def _remove(engine: Engine, name: str) -> None:
    await engine.call(lambda api: api.remove_image(name))


@pytest.mark.docker
async def test_an_image_from_a_registry(docker_ready: Path, engine: Engine) -> None:
    with registry(own_python()) as (address, digest):
        for reference in (f"{address}/demo:1", f"{address}/demo@{digest}"):
            made = await image.build(engine, docker_ready / CACHE, "registry", reference, repository=OWN)
            try:
                assert made.name.startswith(f"{OWN}:registry-")
                labels = await _labels(engine, made.name)
                assert labels["codeteam.reference"] == f"{address}/demo@{digest}"
                sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=os.environ, image=made.name)
                async with sandbox.open() as session:
                    assert (await python(session, "print('from afar')")).run.stdout == "from afar\n"
                await sandbox.aclose()
                assert await image.find(engine, repository=OWN) == made
            finally:
                await _remove(engine, made.name)
                await _remove(engine, f"{OWN}:current")
                await _remove(engine, reference)
        with pytest.raises(SandboxUnavailable) as caught:
            await image.build(engine, docker_ready / CACHE, "registry", f"{address}/other:1")
        assert caught.value.kind == "image_missing"


@pytest.mark.docker
async def test_a_registry_that_is_not_there(docker_ready: Path, engine: Engine) -> None:
    with registry(b"") as (address, _):
        pass
    with pytest.raises(SandboxUnavailable) as caught:
        await image.build(engine, docker_ready / CACHE, "registry", f"{address}/demo:1")
    assert caught.value.hint


@pytest.mark.docker
async def test_auto_falls_back_when_the_registry_is_away(docker_ready: Path, engine: Engine) -> None:
    with registry(b"") as (address, _):
        pass
    made = await image.build(engine, docker_ready / CACHE, "auto", f"{address}/demo:1")
    assert made.name.startswith("codeteam/sandbox:host-")
    assert await image.ensure(engine, docker_ready / CACHE) == made


@pytest.mark.docker
@pytest.mark.parametrize("tool", [found for found in [shutil.which("mmdebstrap")] if found])
async def test_an_image_of_debian_packages(docker_ready: Path, engine: Engine, tool: str) -> None:
    made = await image.build(engine, docker_ready / CACHE, "debian", repository=OWN)
    try:
        assert made.name.startswith(f"{OWN}:debian-"), tool
        assert (await _labels(engine, made.name))["codeteam.source"] == "debian"
        sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=os.environ, image=made.name)
        async with sandbox.open() as session:
            assert (await python(session, "import ssl, sqlite3; print('of packages')")).run.stdout == "of packages\n"
            shell = await session.run(Command(("bash", "-c", "seq 3 | grep 2 | sed s/2/two/"), timeout=30))
            assert shell.run.stdout == "two\n"
        await sandbox.aclose()
    finally:
        await _remove(engine, made.name)
        await _remove(engine, f"{OWN}:current")


async def test_debian_packages_without_the_tool(
    docker_ready: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable) as caught:
        await image.build(engine, docker_ready / CACHE, "debian", repository=OWN)
    assert "apt install mmdebstrap" in caught.value.hint
