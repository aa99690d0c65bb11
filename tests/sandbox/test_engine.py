"""The engine around the containers: what they are made with, and what happens when one side dies."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import tarfile
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container, image, owner, policy, volumes
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.interface import Command
from codeteam.sandbox.room import Room
from tests.sandbox.conftest import CACHE, SMALL
from tests.sandbox.proxy import Proxy
from tests.sandbox.running import python

pytestmark = pytest.mark.docker


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine(os.environ)
    yield made
    made.close()


async def of_this_process(engine: Engine, label: str = "") -> list[dict[str, Any]]:
    """Containers with an owner's label, this process's when none is given."""
    wanted = f"{container.OWNER}={label or owner.this_process().label}"
    return list(await engine.call(lambda api: api.containers(all=True, filters={"label": wanted})))


async def until(condition: Any, seconds: float = 20) -> None:
    """Wait for an asynchronous condition; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.05)


async def _none(engine: Engine) -> bool:
    return not await of_this_process(engine)


async def test_containers_are_made_as_the_policy_says(docker: DockerSandbox, engine: Engine) -> None:
    async with docker.open(job="abcdefghijkl") as session:
        assert session.image.startswith("codeteam/sandbox:")
        (listed,) = await of_this_process(engine)
        facts = await engine.call(lambda api: api.inspect_container(listed["Id"]))
    host, config = facts["HostConfig"], facts["Config"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["Privileged"] is False
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert [text for text in host["SecurityOpt"] if text.startswith("seccomp=")] == [
        "seccomp=" + policy.seccomp_profile()
    ]
    assert host["IpcMode"] == "private"
    assert host["PidsLimit"] == SMALL.processes
    assert host["Memory"] == host["MemorySwap"] == SMALL.memory
    assert 0 < host["NanoCpus"] <= SMALL.cpus * 1e9
    assert host["OomScoreAdj"] == 500
    assert host["ShmSize"] == 16 * 1024 * 1024
    assert host["LogConfig"]["Type"] == "none"
    assert host["AutoRemove"] is True
    assert host["RestartPolicy"]["Name"] == "no"
    assert {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} == {
        "fsize": SMALL.disk, "nofile": 1024, "core": 0, "memlock": 0, "msgqueue": 0,
    }  # fmt: skip
    assert "noexec" in host["Tmpfs"]["/tmp"]
    assert "nosuid,nodev" in host["Tmpfs"]["/work"]
    assert [mount["RW"] for mount in facts["Mounts"]] == [False]
    assert not host["Devices"]
    uid = int(config["User"].partition(":")[0])
    assert policy.FIRST_UID <= uid < policy.FIRST_UID + policy.UIDS
    assert facts["Name"].startswith("/codeteam-abcdefghijkl-")
    assert config["Labels"][container.OWNER] == owner.this_process().label
    assert config["StdinOnce"] is True
    assert config["StopSignal"] == "SIGKILL"
    assert config["Tty"] is False
    await until(lambda: _none(engine))


async def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    sandbox = DockerSandbox(cache=tmp_path, environ={"DOCKER_HOST": f"unix://{tmp_path}/nonexistent.sock"})
    for attempt in (lambda: sandbox.prepare(("plain",)), lambda: sandbox.open().__aenter__()):
        with pytest.raises(SandboxUnavailable) as caught:
            await attempt()
        assert caught.value.kind == "docker_missing"
        assert caught.value.hint.endswith(": unset DOCKER_HOST")
    await sandbox.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "user:geheim@127.0.0.1:1",
        "user:ge heim@127.0.0.1:1",
        "http://user:ge/heim@127.0.0.1:1",
        "tcp://user:x@geheim@127.0.0.1:1",
        "weird://geheim:x@127.0.0.1",
        "ssh://user:geheim@127.0.0.1:1",
    ],
)
async def test_a_password_in_an_engines_address_is_not_told(tmp_path: Path, address: str) -> None:
    sandbox = DockerSandbox(cache=tmp_path, environ={"DOCKER_HOST": address})
    with pytest.raises(SandboxUnavailable) as caught:
        await sandbox.prepare(("plain",))
    assert caught.value.hint.endswith(": unset DOCKER_HOST")
    assert "127.0.0.1" in caught.value.message
    assert "heim" not in str(caught.value)
    await sandbox.aclose()


async def test_an_engine_that_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sandbox = DockerSandbox(cache=tmp_path, environ={"DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
    with pytest.raises(SandboxUnavailable) as caught:
        await sandbox.prepare(("plain",))
    assert caught.value.kind == "docker_down"
    assert (
        caught.value.message
        == f"The Docker engine at tcp://127.0.0.1:{port} (DOCKER_HOST) does not answer: nothing listens there."
    )
    assert caught.value.hint.endswith(": unset DOCKER_HOST")
    await sandbox.aclose()


async def test_an_engine_that_dies_during_a_run(docker_ready: Path, tmp_path: Path, engine: Engine) -> None:
    async with Proxy(tmp_path / "engine.sock") as proxy:
        sandbox = DockerSandbox(
            cache=docker_ready / CACHE, environ={"DOCKER_HOST": f"unix://{proxy.path}"}, limits=SMALL
        )
        begun = asyncio.Event()
        async with sandbox.open() as session:
            assert (await python(session, "print('works')")).run.stdout == "works\n"
            program = "import time; print('begun', flush=True); time.sleep(60)"
            running = asyncio.ensure_future(python(session, program, lambda *_: begun.set()))
            await asyncio.wait_for(begun.wait(), 20)
            await proxy.cut()
            with pytest.raises(SandboxUnavailable) as caught:
                await asyncio.wait_for(running, 30)
            assert caught.value.kind in ("docker_down", "docker_missing")
            with pytest.raises(SandboxUnavailable):
                await python(session, "print('again')")
        await sandbox.aclose()

    await until(lambda: _none(engine))


async def test_a_container_that_somebody_removes(docker: DockerSandbox, engine: Engine) -> None:
    async with docker.open() as session:
        begun = asyncio.Event()
        program = "import time; print('begun', flush=True); time.sleep(60)"
        running = asyncio.ensure_future(python(session, program, lambda *_: begun.set(), files={"kept": b"x"}))
        await asyncio.wait_for(begun.wait(), 20)
        (listed,) = await of_this_process(engine)
        await engine.call(lambda api: api.remove_container(listed["Id"], force=True))
        outcome = await asyncio.wait_for(running, 30)
        assert not outcome.run.ok
        assert not outcome.run.out_of_memory
        assert "ended" in outcome.notice
        assert (await python(session, "print(open('kept').read())")).run.stdout == "x\n"


OWNER_PROGRAM = """
    import asyncio, os, sys
    from pathlib import Path
    from codeteam.sandbox import owner
    from codeteam.sandbox.docker import DockerSandbox
    from codeteam.sandbox.interface import Command

    BOMB = "import os\\nprint('bomb', flush=True)\\nwhile True:\\n try: os.fork()\\n except OSError: pass"

    async def main():
        sandbox = DockerSandbox(cache=Path(sys.argv[1]), environ=os.environ)
        async with sandbox.open() as session:
            print(owner.this_process().label, flush=True)
            await session.run(Command(("python3", "-c", BOMB), timeout=300), lambda *_: print("running", flush=True))

    asyncio.run(main())
"""


async def test_containers_die_with_their_owner(docker_ready: Path, engine: Engine) -> None:
    """SIGKILL in the middle of a fork bomb: the end of stdin is the end of the container."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(OWNER_PROGRAM), str(docker_ready / CACHE), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    label = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"running\n"
    assert len(await of_this_process(engine, label)) == 1
    process.kill()
    await process.wait()

    async def gone() -> bool:
        return not await of_this_process(engine, label)

    await until(gone, 10)


def dead_owner() -> str:
    """The label of a process that has ended."""
    program = "from codeteam.sandbox.owner import this_process; print(this_process().label)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_owners() -> None:
    assert owner.is_alive(owner.this_process().label) is True
    assert owner.is_alive(dead_owner()) is False
    here = owner.this_process()
    reused = owner.Owner(here.host, here.boot, here.namespace, here.pid, "1")
    assert owner.is_alive(reused.label) is False
    rebooted = owner.Owner(here.host, "earlier", here.namespace, here.pid, here.start)
    assert owner.is_alive(rebooted.label) is False
    elsewhere = owner.Owner("another", here.boot, here.namespace, 1, "1")
    assert owner.is_alive(elsewhere.label) is None
    assert owner.is_alive("nonsense") is None


async def test_what_nobody_can_be_asked_about_is_left_as_long_as_a_run_may_take(
    docker: DockerSandbox, engine: Engine
) -> None:
    """The owner is of another machine that uses the same engine."""
    found = await image.find(engine)
    assert found is not None
    elsewhere = owner.Owner("another", "boot", "namespace", 1, "1").label

    async def leave(age: timedelta) -> str:
        labels = {
            container.LABEL: "1",
            container.OWNER: elsewhere,
            container.CREATED: (datetime.now(UTC) - age).isoformat(timespec="seconds"),
        }
        made = await engine.call(
            lambda api: api.create_container(found.id, ["true"], name=container.new_name(), labels=labels)
        )
        return str(made["Id"])

    running, abandoned = await leave(timedelta(days=6.9)), await leave(timedelta(days=9))
    try:
        await docker.prune()
        there = await engine.call(lambda api: [facts["Id"] for facts in api.containers(all=True)])
        assert running in there
        assert abandoned not in there
    finally:
        await container.remove(engine, running)


async def test_prune_takes_what_the_dead_left_and_nothing_else(docker: DockerSandbox, engine: Engine) -> None:
    found = await image.find(engine)
    assert found is not None
    half, filling = (f"codeteam-deps-{secrets.token_hex(12)}" for _ in range(2))

    async def leave(volume: str, label: str) -> None:
        labels = {volumes.LABEL: volume.rpartition("-")[2], container.OWNER: label}
        await engine.call(lambda api: api.create_volume(volume, labels=labels))

    await leave(filling, owner.this_process().label)
    try:
        async with docker.open() as session:
            for _ in range(20):
                left = container.Container(engine, container.new_name())
                await left.create(container.Recipe(found, SMALL, owner=dead_owner()))
                await leave(half, dead_owner())
                pruned = await docker.prune()
                if left.name in pruned.containers and half in pruned.volumes:
                    break  # others clear up meanwhile too, and may have been first
            assert (await python(session, "print('alive')")).run.stdout == "alive\n"
        assert left.name in pruned.containers
        assert half in pruned.volumes
        assert filling not in pruned.volumes
        tools = [facts["Name"] for facts in (await engine.call(lambda api: api.volumes()))["Volumes"]]
        assert [name for name in tools if name.startswith("codeteam-tools-")]
    finally:
        await engine.call(lambda api: api.remove_volume(filling))


async def test_a_new_sandbox_clears_up_first(docker_ready: Path, engine: Engine) -> None:
    found = await image.find(engine)
    assert found is not None
    left = container.Container(engine, container.new_name())
    label = dead_owner()
    await left.create(container.Recipe(found, SMALL, owner=label))
    sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=os.environ, limits=SMALL)
    async with sandbox.open():
        assert not await of_this_process(engine, label)
    await sandbox.aclose()


async def test_a_volume_that_somebody_emptied_is_filled_again(
    docker: DockerSandbox, engine: Engine, tmp_path: Path
) -> None:
    await docker.aclose()
    tools = [
        facts["Name"]
        for facts in (await engine.call(lambda api: api.volumes(filters={"label": volumes.LABEL})))["Volumes"]
        if facts["Name"].startswith("codeteam-tools-")
    ]
    assert tools
    text = "example-for-tests==1.0"
    async with empty_parcel(engine, docker, text) as (parcel, found):
        label = owner.this_process().label
        machine = await engine.machine()
        filled = volumes.Volumes(engine, Room(tmp_path, owner=label), cache=docker._cache, owner=label, runtime=None)
        await filled.ensure(parcel, found)
        assert not await filled.is_whole(parcel, found)

        async def counted() -> bool:
            with contextlib.suppress(OSError, ValueError):
                entries = json.loads((tmp_path / f"{machine.name}.json").read_bytes())
                return [entry["memory"] for entry in entries] == [volumes.FILLING.memory]
            return False

        while_it_is_filled = asyncio.ensure_future(until(counted))
        await filled.ensure(parcel, found, doubt=True)
        await while_it_is_filled
        assert not await counted()
        assert await filled.is_whole(parcel, found)


@pytest.mark.parametrize("step", ["prepare", "build"])
async def test_whoever_fills_a_volume_and_is_stopped_does_not_wait_for_what_runs(
    docker: DockerSandbox, engine: Engine, tmp_path: Path, step: str
) -> None:
    async with docker.open():
        pass
    await docker.aclose()
    async with empty_parcel(engine, docker, "example-for-tests==1.0") as (parcel, found):
        sleep = ("sleep", "300")
        slow = dataclasses.replace(parcel, **({"build": sleep} if step == "build" else {"prepare": sleep}))  # type: ignore[arg-type]
        label = owner.this_process().label
        filled = volumes.Volumes(engine, Room(tmp_path, owner=label), cache=docker._cache, owner=label, runtime=None)
        filling = asyncio.ensure_future(filled.ensure(slow, found, doubt=True))

        async def sleeps() -> bool:
            running = [facts["Id"] for facts in await of_this_process(engine) if facts["State"] == "running"]
            told = await engine.call(lambda api: [api.top(name) for name in running])
            return "'300'" in str(told) or "sleep 300" in str(told)

        await until(sleeps)
        filling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(filling, 60)
        assert await _none(engine)
        assert not await filled.is_whole(parcel, found)


@asynccontextmanager
async def empty_parcel(
    engine: Engine, docker: DockerSandbox, text: str
) -> AsyncIterator[tuple[volumes.Parcel, image.Image]]:
    """A volume that exists but is empty, as a crash or a prune leaves it."""

    async def unpack(folder: Path) -> None:
        (folder / "example.py").write_text(f"TEXT = {text!r}\n")

    found = await image.find(engine)
    assert found is not None
    parcel = volumes.Parcel("deps", secrets.token_hex(12), policy.DEPENDENCIES, unpack)
    labels = {volumes.LABEL: parcel.key, container.OWNER: owner.this_process().label}
    await engine.call(lambda api: api.create_volume(parcel.volume, labels=labels))
    try:
        yield parcel, found
    finally:
        await engine.call(lambda api: api.remove_volume(parcel.volume))


async def test_an_image_that_is_not_there(docker_ready: Path) -> None:
    sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=os.environ, image="codeteam/no-such-image:1")
    with pytest.raises(SandboxUnavailable) as caught:
        await sandbox.open().__aenter__()
    assert caught.value.kind == "image_missing"
    assert "codeteam sandbox build" in caught.value.hint
    await sandbox.aclose()


async def test_an_image_without_python(docker_ready: Path, engine: Engine) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    tag = secrets.token_hex(4)
    name = f"codeteam-test/no-python:{tag}"
    await engine.call(
        lambda api: api.import_image_from_data(stream.getvalue(), repository="codeteam-test/no-python", tag=tag)
    )
    try:
        sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=os.environ, image=name)
        with pytest.raises(SandboxUnavailable) as caught:
            await sandbox.open().__aenter__()
        assert "python3" in str(caught.value)
        await sandbox.aclose()
        assert not await of_this_process(engine)
    finally:
        await engine.call(lambda api: api.remove_image(name))


async def test_closing_the_sandbox_ends_its_containers(docker_ready: Path, engine: Engine) -> None:
    sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=os.environ, limits=SMALL)
    opened = sandbox.open()
    session = await opened.__aenter__()
    assert (await session.run(Command(("true",)))).run.ok
    assert await of_this_process(engine)
    await sandbox.aclose()
    assert not await of_this_process(engine)


async def test_opening_can_be_cancelled(docker_ready: Path, engine: Engine) -> None:
    sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=os.environ, limits=SMALL)

    async def stay() -> None:
        async with sandbox.open():
            await asyncio.sleep(60)

    for delay in (0.01, 0.05, 0.1, 0.2, 0.5):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stay(), delay)
        assert not await of_this_process(engine)
    await sandbox.aclose()
