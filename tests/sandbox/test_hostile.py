"""What wrecks a container or its work folder, at limits of its own, and what honest programs need all the same.

Attacks that need nothing but a program are in `tests/attacks`.
"""

from __future__ import annotations

import textwrap

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command, Limits, Session
from tests.sandbox.conftest import SMALL
from tests.sandbox.running import python

pytestmark = pytest.mark.docker


async def test_memory_in_files(docker: DockerSandbox) -> None:
    """A work folder larger than the memory: filling it is said, and the next run has another sandbox."""
    limits = Limits(memory=64 * 1024 * 1024, disk=512 * 1024 * 1024)
    async with docker.open(limits=limits) as session:
        program = """
            with open("big", "wb") as file:
                while True:
                    file.write(bytes(1 << 20))
        """
        for _ in range(2):
            outcome = await python(session, program, files={"kept": b"yes"})
            assert outcome.run.out_of_memory, outcome
            assert not outcome.run.ok
            outcome = await python(session, "import os; print(os.listdir())")
            assert outcome.run.stdout == "['kept']\n"
            assert not outcome.run.out_of_memory
            assert outcome.notice


async def test_a_sandbox_that_dies_of_memory_altogether(docker: DockerSandbox) -> None:
    """The program makes itself the smallest target, so that the supervisor is killed: still said, still replaced."""
    limits = Limits(memory=48 * 1024 * 1024, disk=512 * 1024 * 1024)
    async with docker.open(limits=limits) as session:
        program = """
            import os
            for score in (500, 0):  # as low as the engine lets it
                try:
                    with open("/proc/self/oom_score_adj", "w") as file:
                        file.write(str(score))
                except OSError:
                    break
            os.execv("/bin/sh", ["sh", "-c", "while :; do cat /bin/sh >> big; done"])
        """
        outcome = await python(session, program, timeout=20)
        assert outcome.run.out_of_memory, outcome
        assert (await python(session, "print('fine')")).run.stdout == "fine\n"


async def test_a_full_work_folder_is_replaced(contained: Session) -> None:
    fill = """
        import os
        number = 0
        try:
            while True:
                open(f"f{number}", "w").close()
                number += 1
        except OSError:
            print("full")
    """
    await python(contained, "pass", files={"mine": b"kept"})
    assert (await python(contained, fill)).run.stdout == "full\n"
    outcome = await python(contained, "import os; print(sorted(os.listdir()))", files={"new": b"file"})
    assert outcome.run.stdout == "['mine', 'new']\n"
    assert "work folder" in outcome.notice


async def test_files_that_can_never_fit_are_a_clear_error(contained: Session) -> None:
    with pytest.raises(SandboxUnavailable) as caught:
        await contained.run(Command(("true",), files={"big": bytes(SMALL.disk + 1)}))
    assert caught.value.kind == "disk_full"
    assert caught.value.hint


async def test_users_differ(docker: DockerSandbox) -> None:
    async with docker.open() as one, docker.open() as two:
        users = {(await python(session, "import os; print(os.getuid())")).run.stdout for session in (one, two)}
    assert len(users) == 2


async def test_what_programs_commonly_need_works(contained: Session) -> None:
    program = """
        import asyncio, concurrent.futures, ctypes, decimal, multiprocessing, os, sqlite3
        import ssl, subprocess, tempfile, threading, zoneinfo
        def square(n):
            return n * n
        async def main():
            server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            return await asyncio.to_thread(square, 4)
        if __name__ == "__main__":
            print(asyncio.run(main()))
            with concurrent.futures.ThreadPoolExecutor() as pool:
                print(sum(pool.map(square, range(10))))
            with multiprocessing.Pool(2) as pool:
                print(sum(pool.map(square, range(10))))
            base = sqlite3.connect("x.db")
            base.execute("create table t (a)"); base.execute("insert into t values (1)"); base.commit()
            print(base.execute("select * from t").fetchall())
            print(subprocess.run("echo $((6 * 7)) | cat", shell=True, capture_output=True, text=True).stdout.strip())
            with tempfile.NamedTemporaryFile() as file:
                file.write(b"x")
            ssl.create_default_context()
            print(zoneinfo.ZoneInfo("Europe/Berlin").key, os.path.expanduser("~"), bool(os.environ["USER"]))
    """
    outcome = await contained.run(
        Command(("python3", "main.py"), files={"main.py": textwrap.dedent(program).encode()}, timeout=60)
    )
    assert outcome.run.stdout == "16\n285\n285\n[(1,)]\n42\nEurope/Berlin /tmp True\n", outcome
