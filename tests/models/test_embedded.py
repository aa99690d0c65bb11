"""The embedded model for real: fetched when missing, served, asked, shared between processes, gone at the end."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import signal
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from pydantic import BaseModel

from codeteam.domain.errors import ModelUnavailable
from codeteam.models.catalog import DEFAULT, Models
from codeteam.models.embedded import Embedded, embedded
from codeteam.models.pull import pull
from codeteam.models.serving import serve
from codeteam.team.roles import ask
from tests.sessions import SCHEDULED, niceness_of_session

NAME = DEFAULT.removeprefix("local/")
FORMAT = "Answer with one fenced block: ```python path=src/mean.py, the code, and ```."


class Remark(BaseModel):
    severity: str
    message: str


class Verdict(BaseModel):
    approved: bool
    findings: list[Remark]


@pytest.fixture(scope="module")
def pulled() -> Path:
    return pull(embedded(NAME), environ=os.environ, progress=lambda *_: None)


def server_pid(home: Path) -> int:
    return int(json.loads((home / "embedded" / f"{NAME}.json").read_text())["pid"])


async def gone(pid: int) -> bool:
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.mark.model
@pytest.mark.usefixtures("pulled")
async def test_the_main_job_of_a_model(tmp_path: Path) -> None:
    async with Models(environ=os.environ, home=tmp_path) as models:
        model = await models.open("", temperature=0.0)
        assert not model.traits.verdict_counts
        pid = server_pid(tmp_path)
        address = tmp_path / "embedded" / f"{NAME}.json"
        assert stat.S_IMODE(address.stat().st_mode) == 0o600

        requirement = "Write a function `mean(numbers)` that returns the arithmetic mean of a list."
        answer = await ask(model, "developer", f"You write Python. {FORMAT}", [("user", requirement)])
        code = re.search(r"```python.*?\n(.*?)```", answer.text, re.DOTALL)
        assert code, answer.text
        assert any(isinstance(node, ast.FunctionDef) and node.name == "mean" for node in ast.parse(code[1]).body)
        assert answer.usage.calls == 1
        assert answer.usage.prompt_tokens > 20
        assert answer.usage.completion_tokens > 10
        assert answer.usage.cost == 0.0

        review = await ask(
            model, "reviewer", "Review the code.", [("user", "def f(a, b): return a / b")], schema=Verdict
        )
        Verdict.model_validate_json(review.text)

        # A cancelled reply frees its place: the next one does not wait for hundreds of tokens nobody wants.
        long = asyncio.create_task(ask(model, "developer", "", [("user", "Count from 1 to 5000, all the numbers.")]))
        await asyncio.sleep(2)
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        with pytest.raises(urllib.error.HTTPError) as refused:  # nobody gets in without the key of this run
            await asyncio.to_thread(urllib.request.urlopen, f"{json.loads(address.read_text())['address']}/v1/models")
        refused.value.close()
        assert refused.value.code == 401
    assert await gone(pid)
    assert not address.exists()


@asynccontextmanager
async def user_process(home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that opens the model, says so, and holds it until its stdin ends; it stands back by seven."""
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from codeteam.models.catalog import Models\n"
        "async def main():\n"
        "    async with Models(environ=os.environ, home=Path(sys.argv[1])) as models:\n"
        "        await models.open('')\n"
        "        print('open', flush=True)\n"
        "        await asyncio.to_thread(sys.stdin.read)\n"
        "asyncio.run(main())\n"
    )
    pipe = asyncio.subprocess.PIPE
    command = ("nice", "-n", "7", sys.executable, "-c", program, str(home))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.model
@pytest.mark.usefixtures("pulled")
async def test_processes_share_one_server_that_outlives_none_of_them(tmp_path: Path) -> None:
    async with user_process(tmp_path) as first, user_process(tmp_path) as second:
        for process in (first, second):
            assert process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), 200) == b"open\n"
        pid = server_pid(tmp_path)
        niceness = psutil.Process(pid).nice()
        assert niceness == psutil.Process().nice() + 7
        assert not SCHEDULED or niceness_of_session(pid) == niceness
        async with Models(environ=os.environ, home=tmp_path) as models:
            model = await models.open("")
            assert server_pid(tmp_path) == pid
            for process in (first, second):  # one of them is the server's parent; both die without a word
                process.send_signal(signal.SIGKILL)
                await process.wait()
            answer = await ask(model, "developer", "", [("user", "Say yes.")])
            assert answer.text

            # A server that is killed is replaced for the next job.
            psutil.Process(pid).kill()
            assert await gone(pid)
            again = await models.open("")
            assert (await ask(again, "developer", "", [("user", "Say yes.")])).text
            other = server_pid(tmp_path)
            assert other != pid
    assert await gone(other)


async def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    broken = Embedded("broken", 4, "", memory=1, hub="", parts=())
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.gguf").write_bytes(b"GGUF")
    environ = {**os.environ, "CODETEAM_CACHE": str(tmp_path)}
    with pytest.raises(ModelUnavailable, match="did not start") as caught:
        await serve(broken, environ=environ, home=tmp_path)
    assert "broken.log" in caught.value.hint


async def test_too_little_memory_is_told_before_the_start(tmp_path: Path) -> None:
    huge = Embedded("huge", 4, "", memory=10**15, hub="", parts=())
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "huge.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelUnavailable, match="GB of memory") as caught:
        await serve(huge, environ={**os.environ, "CODETEAM_CACHE": str(tmp_path)}, home=tmp_path)
    assert "0.5b" in caught.value.hint
