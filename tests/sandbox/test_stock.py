"""Containers that are started ahead: there in time, no more than there is room for, gone when nobody needs them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.interface import Command, Limits
from codeteam.sandbox.room import SPARE, SPARES_SHARE
from tests.sandbox.conftest import CACHE, SMALL
from tests.sandbox.index import environment, index, packages
from tests.sandbox.proxy import Proxy
from tests.sandbox.running import python
from tests.sandbox.test_engine import of_this_process, until

pytestmark = pytest.mark.docker


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine(os.environ)
    yield made
    made.close()


@contextlib.asynccontextmanager
async def stocked(places: Path, engine: Engine, **options: Any) -> AsyncIterator[DockerSandbox]:
    """A sandbox with its stock, of which nothing is left in the end."""
    options = {"environ": os.environ, "limits": SMALL, "spares": 1, "rest": 0, **options}
    sandbox = DockerSandbox(cache=places / CACHE, **options)
    try:
        yield sandbox
    finally:
        await sandbox.aclose()
    assert not await of_this_process(engine)


async def running(engine: Engine) -> set[str]:
    return {facts["Id"] for facts in await of_this_process(engine) if facts["State"] == "running"}


async def facts_of(engine: Engine, identifier: str) -> dict[str, Any]:
    return dict(await engine.call(lambda api: api.inspect_container(identifier)))


async def memory_of(engine: Engine, identifier: str) -> int:
    return int((await engine.call(lambda api: api.stats(identifier, stream=False)))["memory_stats"]["usage"])


async def has(engine: Engine, count: int) -> None:
    async def so_many() -> bool:
        return len(await running(engine)) == count

    await until(so_many)


async def gone(engine: Engine, identifiers: set[str]) -> None:
    """Those whose job is over end in the background."""

    async def so_they_are() -> bool:
        return not identifiers & {facts["Id"] for facts in await of_this_process(engine)}

    await until(so_they_are)


async def test_a_job_takes_what_was_started_ahead_and_no_other_gets_it(docker_ready: Path, engine: Engine) -> None:
    async with stocked(docker_ready, engine) as sandbox:
        began = time.monotonic()
        sandbox.warm()
        assert time.monotonic() - began < 0.1
        await has(engine, 1)
        ahead = await running(engine)
        async with sandbox.open(job="job000000001") as session:
            assert await running(engine) == ahead
            assert (await facts_of(engine, *ahead))["Name"].startswith("/codeteam-job000000001-")
            assert (await python(session, "print(1)", files={"planted": b""})).run.ok
        await gone(engine, ahead)
        await has(engine, 1)
        async with sandbox.open(job="job000000002") as session:
            assert (await python(session, "import os; print(os.listdir())")).run.stdout == "[]\n"


async def test_a_job_that_comes_early_waits_for_the_one_that_is_being_started(
    docker_ready: Path, engine: Engine
) -> None:
    async with stocked(docker_ready, engine) as sandbox:
        sandbox.warm()
        async with sandbox.open() as session:
            assert (await python(session, "print(1)")).run.ok
            assert len(await of_this_process(engine)) == 1


async def test_one_that_died_in_stock_is_not_handed_out(docker_ready: Path, engine: Engine) -> None:
    async with stocked(docker_ready, engine, spares=2) as sandbox:
        sandbox.warm()
        await has(engine, 2)
        for identifier in await running(engine):
            await container.remove(engine, identifier)
        async with sandbox.open(job="job000000001") as session:
            outcome = await python(session, "print(1)")
            assert (outcome.run.stdout, outcome.notice) == ("1\n", "")


async def test_only_one_with_the_same_packages_and_limits_will_do(
    docker_ready: Path, engine: Engine, tmp_path: Path
) -> None:
    program = "try:\n import plain\nexcept ImportError:\n print('none')\nelse:\n plain.hello()"
    with index(packages(tmp_path / "trap")) as address:
        async with stocked(docker_ready, engine, environ=environment(address, tmp_path)) as sandbox:
            ready = await sandbox.prepare(("plain==1.0",))
            assert not isinstance(ready, tuple)
            try:
                for dependencies, expected in ((None, "none\n"), (ready, "hello from plain\n"), (None, "none\n")):
                    sandbox.warm()
                    await has(engine, 1)
                    async with sandbox.open(dependencies) as session:
                        assert (await python(session, program)).run.stdout == expected
                wider = Limits(memory=SMALL.memory * 2)
                await has(engine, 1)
                async with sandbox.open(limits=wider, job="job000000001"):
                    found = [await facts_of(engine, identifier) for identifier in await running(engine)]
                    (mine,) = (facts for facts in found if "job000000001" in facts["Name"])
                    assert mine["HostConfig"]["Memory"] == wider.memory
            finally:
                await sandbox.aclose()
                with contextlib.suppress(SandboxUnavailable):  # other tests have the same packages
                    await engine.call(lambda api: api.remove_volume(f"codeteam-deps-{ready.key}"))


async def test_the_stock_keeps_to_its_memory(docker_ready: Path, engine: Engine) -> None:
    """Two sandboxes want ten each; there is room for three."""
    budget = SPARE * SPARES_SHARE * 3
    async with (
        stocked(docker_ready, engine, spares=10, budget=budget) as one,
        stocked(docker_ready, engine, spares=10, budget=budget) as other,
    ):
        one.warm()
        other.warm()
        await has(engine, 3)
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert len(await of_this_process(engine)) == 3
        for identifier in await running(engine):
            assert await memory_of(engine, identifier) < SPARE
        await one.aclose()
        await other.aclose()


async def test_the_stock_goes_when_nobody_needs_it_and_comes_again(docker_ready: Path, engine: Engine) -> None:
    async with stocked(docker_ready, engine, spares=2, idle=1.0) as sandbox:
        for _ in range(2):
            sandbox.warm()
            await has(engine, 2)
            await has(engine, 0)
        async with sandbox.open() as session:
            assert (await python(session, "print(1)")).run.ok


async def what_is_in(engine: Engine, identifier: str) -> set[str]:
    """Folders, files and programs of a container."""
    listing = ["sh", "-c", "ls -A /work /tmp /dev/shm; cat /proc/[0-9]*/comm"]
    said = await engine.call(lambda api: api.exec_start(api.exec_create(identifier, listing)["Id"]))
    return set(bytes(said).decode().split())


async def test_one_whose_job_is_over_is_empty(docker_ready: Path, engine: Engine) -> None:
    """It holds what a spare one does, until it is ended: at the latest with the sandbox."""
    leave = """
        import subprocess
        for place in ("/work", "/tmp", "/dev/shm"):
            open(place + "/left", "wb").write(bytes(10_000_000))
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    """
    async with stocked(docker_ready, engine, spares=0, hold=600) as sandbox, sandbox.open():
        other = await running(engine)
        async with sandbox.open() as session:
            assert (await python(session, leave)).run.ok
            (mine,) = await running(engine) - other
        listed = await what_is_in(engine, mine)
        assert (
            {"/work:", "/tmp:", "/dev/shm:", "python3"}
            <= listed
            <= {"/work:", "/tmp:", "/dev/shm:", "python3", "sh", "cat"}
        )
        told = (await engine.call(lambda api: api.stats(mine, stream=False)))["memory_stats"]
        files = told["stats"].get(
            "total_inactive_file", told["stats"].get("inactive_file", 0)
        )  # of the image, to be had again
        assert told["usage"] - files < SPARE
        await sandbox.aclose()


@pytest.mark.parametrize("count", [1, 2000])
async def test_one_in_which_hardly_anything_lies_is_left_as_it_is(
    docker_ready: Path, engine: Engine, count: int
) -> None:
    """To ask it costs more than a few files; many count though nothing is in them."""
    leave = f"for number in range({count}): open(f'/tmp/left{{number}}', 'w').close()"
    async with stocked(docker_ready, engine, spares=0, hold=600) as sandbox, sandbox.open():
        other = await running(engine)
        async with sandbox.open() as session:
            assert (await python(session, leave)).run.ok
            (mine,) = await running(engine) - other
        assert ("left0" in await what_is_in(engine, mine)) == (count == 1)
        await sandbox.aclose()


async def test_one_whose_job_is_over_goes(docker_ready: Path, engine: Engine) -> None:
    """When no job is at work, and also when another stays for long."""
    async with stocked(docker_ready, engine, spares=0) as sandbox:
        async with sandbox.open():
            mine = await running(engine)
        await gone(engine, mine)
        async with sandbox.open():
            other = await running(engine)
            async with sandbox.open():
                mine = await running(engine) - other
            await gone(engine, mine)
            assert await running(engine) == other


async def test_one_that_cannot_be_emptied_ends_at_once(docker_ready: Path, engine: Engine) -> None:
    async with stocked(docker_ready, engine, spares=0) as sandbox, sandbox.open():
        other = await running(engine)
        async with sandbox.open() as session:
            assert (await python(session, "open('large', 'wb').write(bytes(10_000_000))")).run.ok
            (mine,) = await running(engine) - other
            await engine.call(lambda api: api.pause(mine))
        assert await running(engine) == other


async def test_without_room_for_one_more_spare_a_container_ends_with_its_job(
    docker_ready: Path, engine: Engine
) -> None:
    async with stocked(docker_ready, engine, spares=0, budget=SMALL.memory // 2) as sandbox:
        for _ in range(2):
            async with sandbox.open() as session:
                assert (await python(session, "print(1)")).run.ok
            assert not await of_this_process(engine)


async def test_a_hundred_openings_wait_for_room(docker_ready: Path, engine: Engine) -> None:
    """Six at once fit the memory, and beside them eight in which nothing runs; the first come first."""
    most = 0
    ended: list[int] = []

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(await of_this_process(engine)))
            await asyncio.sleep(0.02)

    budget = SMALL.memory * 6 + 1
    async with stocked(docker_ready, engine, budget=budget, spares=2) as sandbox:

        async def job(number: int) -> None:
            async with sandbox.open(job=f"job{number:09}") as session:
                assert (await session.run(Command(("echo", str(number))))).stdout == f"{number}\n".encode()
                ended.append(number)

        watcher = asyncio.ensure_future(watch())
        await asyncio.gather(*(job(number) for number in range(100)))
        watcher.cancel()
    assert sorted(ended) == list(range(100))
    assert all(abs(place - number) <= 6 for place, number in enumerate(ended))
    assert 2 <= most <= 6 + budget // SPARES_SHARE // SPARE


async def test_a_waiting_opening_can_be_given_up(docker_ready: Path, engine: Engine) -> None:
    async with stocked(docker_ready, engine, budget=SMALL.memory) as sandbox:

        async def stay() -> None:
            async with sandbox.open():
                await asyncio.sleep(60)

        async with sandbox.open():
            waiting = [asyncio.ensure_future(stay()) for _ in range(3)]
            await asyncio.sleep(0.5)
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            assert len(await of_this_process(engine)) == 1
        async with asyncio.timeout(20), sandbox.open() as session:
            assert (await python(session, "print(1)")).run.ok


OWNER = """
    import asyncio, os, sys
    from pathlib import Path
    from codeteam.sandbox import owner
    from codeteam.sandbox.docker import DockerSandbox

    async def main():
        sandbox = DockerSandbox(cache=Path(sys.argv[1]), environ=os.environ, spares=3, budget=1024**3)
        async with sandbox.open():
            sandbox.warm()
            print(owner.this_process().label, flush=True)
            await asyncio.sleep(600)

    asyncio.run(main())
"""


async def test_stock_and_room_end_with_their_owner(docker_ready: Path, engine: Engine) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(OWNER), str(docker_ready / CACHE), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    label = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()

    async def four() -> bool:
        return len([facts for facts in await of_this_process(engine, label) if facts["State"] == "running"]) == 4

    async def none() -> bool:
        return not await of_this_process(engine, label)

    await until(four)
    async with stocked(docker_ready, engine, budget=512 * 1024**2) as sandbox:
        opening = asyncio.ensure_future(sandbox.open().__aenter__())
        await asyncio.sleep(0.5)
        assert not opening.done(), "the other process has all the room"
        process.kill()
        await process.wait()
        await until(none, 10)  # two seconds on an idle machine
        assert (await python(await asyncio.wait_for(opening, 20), "print(1)")).run.ok


async def test_an_engine_that_comes_back(docker_ready: Path, engine: Engine, tmp_path: Path) -> None:
    """What is kept from job to job must not remember an engine that is gone."""
    path = tmp_path / "engine.sock"
    environ = {"DOCKER_HOST": f"unix://{path}"}
    async with stocked(docker_ready, engine, environ=environ) as sandbox:
        async with Proxy(path):
            async with sandbox.open() as session:
                assert (await python(session, "print(1)")).run.ok
                mine = await running(engine)
            await gone(engine, mine)
            await has(engine, 1)
        await has(engine, 0)  # their lines were cut
        sandbox.warm()
        with pytest.raises(SandboxUnavailable):
            await sandbox.open().__aenter__()
        async with Proxy(path):
            async with sandbox.open() as session:
                assert (await python(session, "print(2)")).run.stdout == "2\n"
            await sandbox.aclose()
