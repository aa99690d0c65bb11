"""One at a time, within a process and between processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

from codeteam.sandbox.locks import locked


async def test_tasks_take_turns(tmp_path: Path) -> None:
    inside = 0

    async def work() -> None:
        nonlocal inside
        async with locked(tmp_path / "folder" / "a.lock"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.01)
            inside -= 1

    for _ in range(3):
        await asyncio.gather(*(work() for _ in range(8)))


async def test_a_waiting_task_can_be_cancelled(tmp_path: Path) -> None:
    async def hold() -> None:
        async with locked(tmp_path / "a.lock"):
            await asyncio.sleep(60)

    holder, waiter = asyncio.ensure_future(hold()), asyncio.ensure_future(hold())
    await asyncio.sleep(0.2)
    waiter.cancel()
    await asyncio.wait([waiter])
    holder.cancel()
    await asyncio.wait([holder])
    async with asyncio.timeout(10), locked(tmp_path / "a.lock"):
        pass


async def test_the_lock_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    program = """
        import asyncio, sys
        from pathlib import Path
        from codeteam.sandbox.locks import locked

        async def hold():
            async with locked(Path(sys.argv[1])):
                print("held", flush=True)
                await asyncio.sleep(60)

        asyncio.run(hold())
    """
    path = tmp_path / "a.lock"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), str(path), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"held\n"

    async def take() -> None:
        async with locked(path):
            pass

    waiter = asyncio.ensure_future(take())
    await asyncio.sleep(0.3)
    assert not waiter.done()
    process.kill()
    await process.wait()
    await asyncio.wait_for(waiter, 10)
