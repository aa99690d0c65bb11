"""What stock pygls 2.1 does wrong, one test for each trap, through the wire; the cures are in `codeteam/lsp`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.lsp.client import CAPABILITIES, ServerError, at, without
from tests.lsp.playing import GATE, HOLD, STEPS, let_go, playing, proposed, tasks

CODE = "def slug(text):\n    ...\n"


def workspace(tmp_path: Path, text: str = CODE) -> tuple[Path, str]:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "slug.py").write_bytes(text.encode())
    return root, (root / "slug.py").as_uri()


def command(uri: str, version: int = 1, **more: Any) -> dict[str, Any]:
    """The params of a command that starts a job."""
    argument = {"uri": uri, "version": version, "range": at(1, 4), **more}
    return {"command": "codeteam.implement", "arguments": [argument]}


async def test_cancelling_a_command_neither_doubles_nor_swallows_its_answer(tmp_path: Path) -> None:
    """Stock: it answers "cancelled" while the handler runs on; one that leaks CancelledError never answers."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        number, future = client.ask("workspace/executeCommand", command(uri))
        client.notify("$/cancelRequest", {"id": number})
        job = (await asyncio.wait_for(future, 20))["jobId"]
        await client.until(lambda: tasks(tmp_path / "home"), "the job, which the answer has promised")
        assert await client.execute("codeteam.cancel", {"jobId": job}) == {"jobId": job, "cancelled": True}
        await client.job_state(job, "cancelled")
        assert not any(entry["method"] == "unasked" for entry in client.notifications)


async def test_input_is_read_while_threads_are_busy(tmp_path: Path) -> None:
    """Stock: standard input is read through the shared pool of threads, and busy ones block it."""
    root, uri = workspace(tmp_path)
    for number in range(1500):
        (root / f"module_{number}.py").write_text(f"from slug import slug\nVALUE = {number}\n")
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        for _ in range(30):
            client.ask("workspace/executeCommand", command(uri))
        assert await client.code_actions(uri, at(1, 4))
        assert len(tasks(tmp_path / "home")) < 30  # most are still being gathered, each in a thread


async def test_shutdown_in_the_midst_of_commands_is_answered_and_the_exit_code_is_right(tmp_path: Path) -> None:
    """Stock: "dictionary changed size", the exit code is always 0, and the exit waits for threads."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", *STEPS, HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        answers = [client.ask("workspace/executeCommand", command(uri))[1] for _ in range(8)]
        assert await client.request("shutdown") is None
        client.notify("exit")
        assert await client.ended() == 0
        assert all("jobId" in answer.result() for answer in answers)
    async with playing(tmp_path / "home", *STEPS, HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await client.request("workspace/executeCommand", command(uri))
        client.notify("exit")
        assert await client.ended() == 1


@pytest.mark.parametrize(
    ("when", "method", "params", "code"),
    [
        ("new", "textDocument/codeAction", None, -32002),
        ("running", "textDocument/codeAction", {"textDocument": 5}, -32602),
        ("running", "textDocument/codeAction", "triggerKind 7", -32602),
        ("running", "workspace/executeCommand", {"command": ["codeteam.review"]}, -32602),
        ("running", "initialize", {"capabilities": {}}, -32600),
        ("shut down", "textDocument/codeAction", None, -32600),
        ("shut down", "shutdown", None, -32600),
    ],
)
async def test_no_request_goes_without_an_answer(
    tmp_path: Path, when: str, method: str, params: Any, code: int
) -> None:
    """Stock: bad params, an unknown value of an enum, and requests after shutdown get no answer at all."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        if when != "new":
            await client.initialize(root)
            client.open(uri, CODE)
        if when == "shut down":
            await client.request("shutdown")
        if params == "triggerKind 7":
            context = {"diagnostics": [], "triggerKind": 7}
            params = {"textDocument": {"uri": uri}, "range": at(0), "context": context}
        with pytest.raises(ServerError) as refused:
            await client.request(method, params)
        assert refused.value.code == code


async def test_a_late_reply_to_a_question_that_was_withdrawn_bothers_no_one(tmp_path: Path) -> None:
    """Stock: an error pops up at the user."""
    root, uri = workspace(tmp_path)
    create = "window/workDoneProgress/create"
    async with playing(tmp_path / "home", GATE, proposed()) as client:
        client.answers[create] = lambda _: asyncio.get_running_loop().create_future()
        await client.initialize(root)
        client.open(uri, CODE)
        job = (await client.request("workspace/executeCommand", command(uri)))["jobId"]
        await client.asked(create)
        number = next(request["id"] for request in client.requests if request["method"] == create)
        let_go(tmp_path / "home")
        await client.job_state(job, "done")
        assert await client.notified("$/cancelRequest") == {"id": number}
        said = client.messages()
        for late in ({"result": None}, {"error": {"code": 1, "message": "too late"}}):
            client.send({"jsonrpc": "2.0", "id": number, **late})
        assert await client.code_actions(uri, at(1, 4))
        assert client.messages() == said
        assert not any("ERROR" in line for line in client.errors)


async def test_form_feeds_and_unicode_separators_end_no_line_and_columns_may_be_too_large(tmp_path: Path) -> None:
    """Stock: an edit hits the wrong line, and a column past the end leaves a stray character."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, "a\x0cb\u2028c\x85d\r\nsecond\r\nthird\r\n")
        document = {"uri": uri, "version": 2}
        changes = [{"range": at(1, 0, 1, 6), "text": "2nd"}, {"range": at(2, 90, 2, 99), "text": "!"}]
        client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})
        await client.request("workspace/executeCommand", command(uri, version=2))
        await client.until(lambda: tasks(tmp_path / "home"), "task")
        (task,) = tasks(tmp_path / "home")
        assert task.document is not None
        assert task.document.text == "a\x0cb\u2028c\x85d\r\n2nd\r\nthird!\r\n"


async def test_objects_stay_objects_whatever_their_keys_are(tmp_path: Path) -> None:
    """Stock: custom params become named tuples, in which `class` is `_1` and `{}` is `[]`."""
    root, uri = workspace(tmp_path)
    capabilities = {**CAPABILITIES, "experimental": {"codeteam": {"jobs": True, "trust": True}}}
    async with playing(tmp_path / "home", HOLD, capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        client.notify("codeteam/trust", {"class": {}, "trusted": True, "2nd": []})
        data: dict[str, Any] = {"class": {"def": {}}, "empty": {}, "list": [], "a b": None}
        problem = {"range": at(0, 4), "message": "odd", "source": "other", "data": data, "later": {"x": {}}}
        actions = await client.code_actions(uri, at(0, 4), diagnostics=[problem], only=["quickfix"])
        assert actions[0]["diagnostics"] == [problem]
        assert "jobId" in await client.run(actions[0])


async def test_there_is_one_client_and_no_socket(tmp_path: Path) -> None:
    """Stock: over TCP a second client receives the replies of the first."""
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        process = psutil.Process(client.process.pid)
        assert process.net_connections(kind="inet") == []


@pytest.mark.parametrize("option", ["--tcp", "--port=0", "--ws"])
def test_there_is_no_way_to_ask_for_a_socket(option: str) -> None:
    argv = [sys.executable, "-P", "-m", "codeteam", "serve", option]
    ended = subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == 2


async def test_a_progress_is_over_with_its_job(tmp_path: Path) -> None:
    """Stock: tokens are kept for good, so that a late cancel finds what has ended."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed()) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        jobs = [(await client.request("workspace/executeCommand", command(uri)))["jobId"] for _ in range(2)]
        for job in jobs:
            await client.until(lambda job=job: client.progress(job), "progress")  # type: ignore[misc]  # mypy cannot infer a default
        let_go(tmp_path / "home")
        for job in jobs:
            await client.job_state(job, "done")
            client.notify("window/workDoneProgress/cancel", {"token": f"codeteam/{job}"})
        assert await client.code_actions(uri, at(1, 4))
        assert [client.progress(job)[-1]["kind"] for job in jobs] == ["end", "end"]
        states = [entry["params"]["state"] for entry in client.notifications if entry["method"] == "codeteam/job"]
        assert "cancelled" not in states


async def test_a_parent_that_dies_takes_the_server_along(tmp_path: Path) -> None:
    """Stock: the process that `processId` names is not watched."""
    async with playing(tmp_path / "home", HOLD) as client:
        editor = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
        await client.initialize(processId=editor.pid)
        editor.kill()
        await editor.wait()
        start = time.monotonic()
        assert await client.ended() == 1
        assert time.monotonic() - start < 15  # two seconds where nothing else runs


async def test_neither_replies_nor_logs_show_what_is_inside(tmp_path: Path) -> None:
    """Stock: error replies carry tracebacks, and the bodies of messages are logged."""
    secret = "sk-this-must-not-be-logged"
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", *STEPS, proposed({"slug.py": f"KEY = '{secret}'\n"})) as client:
        await client.initialize(root)
        client.open(uri, f"KEY = '{secret}'\n" + CODE)
        for params in ({"command": "codeteam.implement", "arguments": [{"uri": secret}]}, {"arguments": secret}, None):
            with pytest.raises(ServerError) as refused:
                await client.request("workspace/executeCommand", params)
            assert set(refused.value.error) == {"code", "message"}
            assert "Traceback" not in json.dumps(refused.value.error)
        job = (await client.request("workspace/executeCommand", command(uri, instruction=secret)))["jobId"]
        await client.job_state(job, "applied", "done", "kept")
        assert await client.leave() == 0
        assert not any(secret in line for line in client.errors)


async def test_a_command_has_its_arguments_and_no_tooltip(tmp_path: Path) -> None:
    """Stock: the third positional of `types.Command` is a tooltip."""
    root, uri = workspace(tmp_path)
    capabilities = without(CAPABILITIES, "textDocument", "codeAction", "codeActionLiteralSupport")
    async with playing(tmp_path / "home", HOLD, capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        (first, *_) = await client.code_actions(uri, at(1, 4))
        assert set(first) == {"title", "command", "arguments"}
        assert first["arguments"][0]["uri"] == uri


async def test_an_action_is_told_from_the_command_that_it_carries(tmp_path: Path) -> None:
    """lsprotocol, in test clients, reads a CodeAction that carries a command as a Command; this client reads JSON."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        (first, *_) = await client.code_actions(uri, at(1, 4))
        assert first["kind"] == "refactor.rewrite.codeteam.implement"
        assert first["command"]["command"] == "codeteam.implement"
        assert first["command"]["title"] == first["title"]
