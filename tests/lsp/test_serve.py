"""`codeteam serve` as it is installed: what it loads, and whole jobs through worker, models and sandbox."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from codeteam.jobs.history import History
from tests.lsp.client import CAPABILITIES, Client, at, running
from tests.sessions import SCHEDULED, niceness_of_session

HEAVY = (
    "autogen_agentchat",
    "autogen_core",
    "autogen_ext",
    "openai",
    "anthropic",
    "docker",
    "pydantic",
    "yaml",
    "httpx",
    "rich",
    "packaging",
    "filelock",
)
MODULE = '''\
"""Texts of the shop."""


def slug(text: str) -> str:
    """Lower-case words of the text, joined by hyphens; `slug('Hello World') == 'hello-world'`."""
    ...


GREETING = "¡hola! 😀"
'''
BODY = '    return "-".join(text.lower().split())\n'
REPLIES = """\
## reply architect

~~~~reply
One pure function.

```json
{"files": [{"path": "slug.py", "purpose": "make slugs"}], "dependencies": [], "criteria": ["joined by one hyphen"]}
```

```python path=slug.py
def slug(text: str) -> str:
    \"\"\"Lower-case words of the text, joined by hyphens.\"\"\"
    ...
```
~~~~

## reply developer

~~~~reply DELAY
Split on white space, join with hyphens.

```python path=slug.py
MODULE
```
~~~~

## reply tester

~~~~reply
```python path=tests/test_slug.py
\"\"\"Tests of slugs.\"\"\"

from slug import slug


def test_words_are_joined() -> None:
    assert slug("a  b c") == "a-b-c"


def test_empty_text_stays_empty() -> None:
    assert slug("") == ""
```
~~~~

## reply reviewer

~~~~reply
{"approved": true, "findings": [], "comment": "Fine."}
~~~~
"""
REVIEW = """\
## reply reviewer

~~~~reply
{"approved": false, "findings": [{"rule": "bug/key-error", "severity": "error", "path": "ages.py",
 "quote": "    return ages[name]", "message": "An unknown name raises KeyError.", "trigger": "age({}, 'Ann')",
 "suggestion": "Use get.", "confidence": 0.9}], "comment": "One fault."}
~~~~
"""


@asynccontextmanager
async def served(tmp_path: Path, *flags: str, capabilities: Mapping[str, Any] = CAPABILITIES) -> AsyncIterator[Client]:
    environ = {
        "CODETEAM_HOME": str(tmp_path / "home"),
        "CODETEAM_CONFIG": str(tmp_path / "config"),
        "CODETEAM_MODEL": "",
    }
    argv = ["-P", *flags, "-m", "codeteam", "serve"]
    async with running(argv, capabilities=capabilities, environ=environ, cwd=tmp_path) as client:
        yield client


def workspace(tmp_path: Path, replies: str, delay: str = "", **files: str) -> tuple[Path, dict[str, Any]]:
    """A workspace of these modules, and the start options that make the recorded replies the team."""
    root = tmp_path / "shop"
    root.mkdir()
    for name, text in files.items():
        (root / f"{name}.py").write_text(text, encoding="utf-8")
    script = tmp_path / "replies.md"
    done = MODULE.replace("    ...\n", BODY).rstrip("\n")
    script.write_text(replies.replace("MODULE", done).replace("DELAY", delay), encoding="utf-8")
    return root, {"model": f"script/{script}"}


async def started(client: Client, uri: str, command: str, **more: Any) -> str:
    argument = {"uri": uri, "version": client.buffers[uri].version, "range": at(3, 4), **more}
    job: str = (await client.execute(f"codeteam.{command}", argument))["jobId"]
    return job


async def ends(client: Client, job: str, state: str) -> None:
    """Wait for a job's end as long as a real one may take."""
    for _ in range(10):
        try:
            await client.job_state(job, state, "failed")
        except AssertionError:
            if client.broken is not None or client.process.returncode is not None:
                raise
        else:
            break
    states = [entry["params"]["state"] for entry in client.notifications if entry["method"] == "codeteam/job"]
    assert states[-1] == state, client.messages()


async def test_the_server_loads_neither_agents_nor_docker_nor_model_clients(tmp_path: Path) -> None:
    root, options = workspace(tmp_path, REPLIES, slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path, "-X", "importtime") as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        assert await client.code_actions(uri, at(3, 4))
        job = await started(client, uri, "implement")
        await client.until(lambda: client.progress(job), "progress")
        await client.execute("codeteam.cancel", {"jobId": job})
        await ends(client, job, "cancelled")
        assert (await client.request("codeteam/jobReport", {"jobId": job}))["status"] == "cancelled"
        assert [entry["jobId"] for entry in (await client.request("codeteam/jobs"))["jobs"]] == [job]
        assert await client.leave() == 0
        loaded = {line.rpartition("|")[2].strip() for line in client.errors if line.startswith("import time:")}
    assert {
        "pygls.lsp.server",
        "codeteam.workspace.gather",
        "codeteam.jobs.supervisor",
        "codeteam.lsp.known_jobs",
    } <= loaded
    assert not {name for name in loaded if name.split(".")[0] in HEAVY}


async def test_a_worker_waits_ready_before_the_first_job(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        await client.initialize()
        server = psutil.Process(client.process.pid)
        await client.until(server.children, "worker")
        await client.until(lambda: server.children()[0].nice() == server.nice() + 10, "worker that stands back")
        worker = server.children()[0]
        await client.until(lambda: not SCHEDULED or niceness_of_session(worker.pid) == worker.nice(), "its session too")
        assert await client.leave() == 0
        assert not server.is_running()


async def test_no_worker_waits_where_nothing_may_run(tmp_path: Path) -> None:
    capabilities = {**CAPABILITIES, "experimental": {"codeteam": {"trust": True}}}
    async with served(tmp_path, capabilities=capabilities) as client:
        await client.initialize()
        server = psutil.Process(client.process.pid)
        for _ in range(2):
            client.notify("codeteam/trust", {"trusted": False})
            await client.until(lambda: not server.children(), "end of the worker")
            client.notify("codeteam/trust", {"trusted": True})
            await client.until(server.children, "worker")
        assert await client.leave() == 0


@pytest.mark.docker
async def test_a_stub_becomes_a_tested_edit(tmp_path: Path) -> None:
    root, options = workspace(tmp_path, REPLIES, slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        (action, *_) = await client.code_actions(uri, at(3, 4), only=["refactor"])
        assert action["title"] == "Codeteam: implement slug"
        job = (await client.run(action))["jobId"]
        await ends(client, job, "applied")
        assert client.buffers[uri].text == MODULE.replace("    ...\n", BODY)
        assert "test_words_are_joined" in (root / "tests" / "test_slug.py").read_text()
        edits = [step["edits"] for step in client.edits[0]["documentChanges"] if step.get("edits")]
        assert [edit["range"] for edit in edits[0]] == [at(5, 0, 6, 0)]
        (note,) = client.edits[0]["changeAnnotations"].values()
        assert note["description"].startswith("production, ")
        said = " ".join(value.get("message", "") for value in client.progress(job))
        assert "architect" in said
        assert "iteration 1 of 5 · executor" in said
        assert await client.leave() == 0
    stored = History(tmp_path / "home").job(job)
    assert stored.task.intent == "implement"


@pytest.mark.docker
async def test_what_is_typed_while_the_team_works_stays(tmp_path: Path) -> None:
    root, options = workspace(tmp_path, REPLIES, slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        job = await started(client, uri, "implement")
        client.change(uri, (at(8, 0), "# 😀 typed meanwhile\n"))
        await ends(client, job, "applied")
        assert client.buffers[uri].text == MODULE.replace("    ...\n", BODY).replace(
            "GREETING", "# 😀 typed meanwhile\nGREETING"
        )


@pytest.mark.docker
async def test_a_review_brings_findings_and_changes_nothing(tmp_path: Path) -> None:
    code = "def age(ages: dict[str, int], name: str) -> int:\n    return ages[name]\n"
    root, options = workspace(tmp_path, REVIEW, ages=code)
    uri = (root / "ages.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, code)
        job = await started(client, uri, "review", range=at(0, 0, 2, 0))
        await ends(client, job, "done")
        assert client.edits == []
        params = await client.notified("textDocument/publishDiagnostics")
        fault = next(found for found in params["diagnostics"] if found["code"] == "bug/key-error")
        assert fault["range"] == at(1, 4, 1, 21)
        assert fault["severity"] == 1


@pytest.mark.docker
@pytest.mark.parametrize("role", ["developer", "executor"])
async def test_cancelling_leaves_no_container_and_no_edit(tmp_path: Path, role: str) -> None:
    delay = "delay=60" if role == "developer" else ""
    replies = REPLIES.replace("MODULE", "import time\n\ntime.sleep(50)\n" + MODULE) if role == "executor" else REPLIES
    root, options = workspace(tmp_path, replies, delay, slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        job = await started(client, uri, "implement")
        for _ in range(5):
            if any(role in value.get("message", "") for value in client.progress(job)):
                break
            await client.until(
                lambda: any(role in v.get("message", "") for v in client.progress(job)), f"the {role}'s turn"
            )
        if role == "executor":
            await client.until(lambda: containers(job), "the job's container")
        start = time.monotonic()
        client.notify("window/workDoneProgress/cancel", {"token": f"codeteam/{job}"})
        await ends(client, job, "cancelled")
        assert time.monotonic() - start < 10  # two seconds where nothing else runs
        assert client.edits == []
        await gone(job)


@pytest.mark.docker
async def test_leaving_in_mid_job_leaves_nothing_behind(tmp_path: Path) -> None:
    root, options = workspace(tmp_path, REPLIES, "delay=60", slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        job = await started(client, uri, "implement")
        await client.until(lambda: any("developer" in v.get("message", "") for v in client.progress(job)), "developer")
        children = psutil.Process(client.process.pid).children(recursive=True)
        assert children
        assert await client.leave() == 0
        assert client.progress(job)[-1]["kind"] == "end"
        await gone(job)
        await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert not any(child.is_running() for child in children)


@pytest.mark.docker
async def test_a_server_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    sleeps = f"import time\n\ntime.sleep(50)\n{MODULE}"
    root, options = workspace(tmp_path, REPLIES.replace("MODULE", sleeps), slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        job = await started(client, uri, "implement")
        await client.until(lambda: containers(job), "the job's container")
        children = psutil.Process(client.process.pid).children(recursive=True)
        client.process.kill()
        await client.ended()
        await gone(job)
        await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert not any(child.is_running() for child in children)


@pytest.mark.docker
async def test_two_jobs_run_at_once_and_the_third_waits_visibly(tmp_path: Path) -> None:
    root, options = workspace(tmp_path, REPLIES.replace("~~~~reply\nOne", "~~~~reply delay=60\nOne"), slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        one, two, three = [await started(client, uri, "implement") for _ in range(3)]

        def said(job: str, words: str) -> bool:
            return any(words in value.get("message", "") for value in client.progress(job))

        await client.until(lambda: said(one, "architect") and said(two, "architect"), "two jobs at work")
        await client.until(lambda: said(three, "waiting for 2 other jobs"), "the third waiting")
        await client.execute("codeteam.cancel", {"jobId": one})
        await client.until(lambda: said(three, "architect"), "the third at work")
        assert await client.leave() == 0


async def test_a_worker_that_is_killed_is_told_and_replaced(tmp_path: Path) -> None:
    root, options = workspace(tmp_path, REPLIES, "delay=60", slug=MODULE)
    uri = (root / "slug.py").as_uri()
    async with served(tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        server = psutil.Process(client.process.pid)
        job = await started(client, uri, "implement")
        await client.until(lambda: any("architect" in v.get("message", "") for v in client.progress(job)), "architect")
        for worker in server.children():
            if "codeteam.worker" in worker.cmdline():
                os.kill(worker.pid, signal.SIGKILL)
        await ends(client, job, "failed")
        assert any("worker" in text for text in client.messages())
        again = (await client.execute("codeteam.rerun", {"jobId": job}))["jobId"]
        await client.until(
            lambda: any("architect" in v.get("message", "") for v in client.progress(again)), "architect"
        )
        assert await client.leave() == 0


async def test_docker_that_is_not_there_is_told_and_disables_the_menu(tmp_path: Path) -> None:
    root, options = workspace(tmp_path, REPLIES, slug=MODULE)
    uri = (root / "slug.py").as_uri()
    environ = {
        "DOCKER_HOST": f"unix://{tmp_path}/no.sock",
        "CODETEAM_HOME": str(tmp_path / "home"),
        "CODETEAM_MODEL": "",
    }
    environ["CODETEAM_CONFIG"] = str(tmp_path / "config")
    async with running(["-P", "-m", "codeteam", "serve"], environ=environ, cwd=tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        job = await started(client, uri, "implement")
        await ends(client, job, "failed")
        assert any(re.search("docker", text, re.IGNORECASE) for text in client.messages())
        (action, *_) = await client.code_actions(uri, at(3, 4))
        assert re.search("docker", action["disabled"]["reason"], re.IGNORECASE)
        assert await client.leave() == 0


@pytest.mark.parametrize(("written", "said"), [("", ""), ('tester-model = "ollama/own"\n', "ollama/own")])
async def test_the_model_of_the_users_own_settings_is_told_at_the_start(
    tmp_path: Path, written: str, said: str
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.toml").write_text(written)
    async with served(tmp_path) as client:
        result = await client.initialize()
        assert result["capabilities"]["experimental"]["codeteam"]["model"] == said
        assert await client.leave() == 0


def containers(job: str) -> list[str]:
    argv = ["docker", "ps", "-aq", "--filter", f"name=codeteam-{job}-"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


async def gone(job: str) -> None:
    """Wait until no container of a job is left."""
    for _ in range(100):
        if not await asyncio.to_thread(containers, job):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"containers of {job} are left: {containers(job)}")
