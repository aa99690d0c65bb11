"""What is particular to the sandbox that is none."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from codeteam.domain.settings import SandboxKind, Settings
from codeteam.sandbox.choose import open_sandbox
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.local import LocalSandbox, prune_scratch
from tests.sandbox.conftest import SMALL, make
from tests.sandbox.running import python


def test_only_who_asks_gets_it(tmp_path: Path) -> None:
    assert isinstance(open_sandbox(Settings(), home=tmp_path), DockerSandbox)
    assert isinstance(open_sandbox(Settings(sandbox=SandboxKind.LOCAL), home=tmp_path), LocalSandbox)


async def test_every_result_says_that_it_is_not_isolated(local_ready: Path) -> None:
    async with make("local", local_ready).open() as session:
        assert session.image == "local (not isolated)"


async def test_the_scratch_folder_goes(local_ready: Path) -> None:
    scratch = local_ready / "home" / "scratch"
    async with make("local", local_ready).open() as session:
        outcome = await python(session, "import os; print(os.getcwd())", files={"x": b""})
        place = Path(outcome.run.stdout.strip())
        assert place.parent.parent == scratch
        assert (place / "x").exists()
    assert not list(scratch.iterdir())


async def test_codeteams_own_packages_are_not_there(local_ready: Path) -> None:
    async with make("local", local_ready).open() as session:
        outcome = await python(session, "import codeteam")
        assert "ModuleNotFoundError" in outcome.run.stderr


async def test_a_program_that_kills_its_supervisor(local_ready: Path) -> None:
    """It can, without a boundary: said in the outcome, what it started ends, and the session goes on."""
    program = """
        import os, signal, time
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(600)
        print(os.getpid(), flush=True)
        time.sleep(1)  # the supervisor passes it on
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    """
    async with make("local", local_ready).open() as session:
        outcome = await python(session, program, files={"kept": b"yes"})
        assert not outcome.run.ok
        assert outcome.notice
        await asyncio.to_thread(_wait_for_the_end_of, [int(outcome.run.stdout)])
        assert (await python(session, "print(open('kept').read())")).run.stdout == "yes\n"


def _wait_for_the_end_of(pids: list[int], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while any(map(psutil.pid_exists, pids)):
        assert time.monotonic() < deadline, "still there"
        time.sleep(0.05)


OWNER_PROGRAM = """
    import asyncio, os, sys
    from pathlib import Path
    from codeteam.sandbox.interface import Command
    from codeteam.sandbox.local import LocalSandbox

    SLEEPERS = "import os, time\\nos.fork(); os.fork()\\nos.write(1, b'%d\\\\n' % os.getpid())\\ntime.sleep(600)"

    async def main():
        sandbox = LocalSandbox(home=Path(sys.argv[1], "home"), cache=Path(sys.argv[1], "codeteam"), environ=os.environ)
        async with sandbox.open() as session:
            command = Command(("python3", "-c", SLEEPERS), timeout=300)
            await session.run(command, lambda _, chunk: print(chunk.decode(), end="", flush=True))

    asyncio.run(main())
"""


async def test_programs_die_with_their_owner_and_the_next_clears_up(local_ready: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(OWNER_PROGRAM), str(local_ready), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pids: list[int] = []
    while len(pids) < 4:
        pids += [int(word) for word in (await asyncio.wait_for(process.stdout.readline(), 30)).split()]
    process.kill()
    await process.wait()
    await asyncio.to_thread(_wait_for_the_end_of, pids)
    scratch = local_ready / "home" / "scratch"
    assert len(list(scratch.iterdir())) == 1
    assert len(prune_scratch(scratch)) == 1
    assert not list(scratch.iterdir())


async def test_limits_of_files_and_descriptors(local_ready: Path) -> None:
    program = """
        import errno
        for step in (lambda: open("big", "wb").truncate(1 << 40), lambda: [open("/dev/null") for _ in range(2000)]):
            try:
                kept = step()
            except OSError as error:
                print(errno.errorcode[error.errno])
    """
    async with make("local", local_ready).open(limits=SMALL) as session:
        assert (await python(session, program)).run.stdout == "EFBIG\nEMFILE\n"


async def test_secrets_of_the_environment_stay_outside(local_ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODETEAM_API_KEY", "sk-secret-of-a-test")
    async with make("local", local_ready).open() as session:
        assert "sk-secret-of-a-test" not in (await python(session, "import os; print(os.environ)")).run.stdout
        assert os.environ["CODETEAM_API_KEY"]
