"""The conversation itself: every request is answered, whatever it is, and the server ends when it should."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import PATIENCE, Client, ServerError, at
from tests.lsp.playing import HOLD, playing, tasks

URI = "file:///w/a.py"


async def refusal(client: Client, method: str, params: Any = None) -> tuple[int, str]:
    with pytest.raises(ServerError) as refused:
        await client.request(method, params)
    assert "Traceback" not in json.dumps(refused.value.error)
    assert "data" not in refused.value.error
    return refused.value.code, str(refused.value)


async def test_what_comes_before_initialize_is_refused(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        client.notify("textDocument/didOpen", {"textDocument": {}})
        assert (await refusal(client, "shutdown"))[0] == -32002
        assert (await refusal(client, "textDocument/codeAction"))[0] == -32002
        assert (await refusal(client, "initialize"))[0] == -32602
        await client.initialize()
        assert (await refusal(client, "initialize", {"capabilities": {}, "processId": None}))[0] == -32600


async def test_what_cannot_be_understood_is_answered_and_the_conversation_goes_on(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        client.open(URI, "x = 1\n")
        action = {"textDocument": {"uri": URI}, "range": at(0)}
        bad: list[tuple[str, Any]] = [
            ("textDocument/codeAction", None),
            ("textDocument/codeAction", {}),
            ("textDocument/codeAction", [1, 2]),
            ("textDocument/codeAction", {**action, "context": {"diagnostics": [], "triggerKind": 9}}),
            ("textDocument/codeAction", {**action, "context": {"diagnostics": [{"range": 3, "message": "x"}]}}),
            ("textDocument/codeAction", {**action, "range": {"start": {"line": "0"}}, "context": {"diagnostics": []}}),
            ("workspace/executeCommand", {"arguments": []}),
            ("workspace/executeCommand", {"command": 7}),
        ]
        for method, params in bad:
            assert (await refusal(client, method, params))[0] == -32602, params
        assert await refusal(client, "textDocument/hover", action) == (
            -32601,
            "textDocument/hover is not answered here.",
        )
        for raw, code in [
            (b"{", -32700),
            (b"\xff\xfe", -32700),
            (b"[" * 100_000, -32700),
            (b"[]", -32600),
            (b'"text"', -32600),
            (b'{"jsonrpc":"1.0","id":1,"method":"shutdown"}', -32600),
            (b'{"jsonrpc":"2.0","id":null,"method":"shutdown"}', -32600),
            (b'{"jsonrpc":"2.0","id":{"a":1},"method":"shutdown"}', -32600),
            (b'{"jsonrpc":"2.0","id":true,"method":"shutdown"}', -32600),
            (b'{"jsonrpc":"2.0","id":5}', -32600),
        ]:
            before = len(client.notifications)
            client.send_raw(raw)
            await client.until(lambda before=before: len(client.notifications) > before, "refusal")  # type: ignore[misc]  # mypy cannot infer a default
            assert client.notifications[-1]["params"]["error"]["code"] == code, raw[:50]
        for notification, params in [
            ("textDocument/didChange", {"textDocument": {"uri": URI}}),
            ("textDocument/didOpen", None),
            ("window/workDoneProgress/cancel", {"token": "codeteam/never"}),
            ("window/workDoneProgress/cancel", {"token": 7}),
            ("$/cancelRequest", {"id": 9999}),
            ("$/cancelRequest", None),
            ("$/setTrace", {"value": "verbose"}),
            ("codeteam/trust", None),
            ("some/thing", {"class": 1}),
        ]:
            client.notify(notification, params)
        client.notify("codeteam/trust", {"trusted": True})
        client.send({"jsonrpc": "2.0", "id": "codeteam-99", "result": None})  # an answer to nothing
        client.send({"jsonrpc": "2.0", "id": "codeteam-98", "error": {"code": 1, "message": "late"}})
        assert await client.code_actions(URI, at(0, 0, 0, 5))
        assert client.messages() == []
        assert await client.leave() == 0


async def test_ids_may_be_text(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        client.send({"jsonrpc": "2.0", "id": "seven", "method": "shutdown"})
        await client.until(lambda: client.notifications, "answer")
        assert client.notifications[-1]["params"] == {"jsonrpc": "2.0", "id": "seven", "result": None}


async def test_unknown_fields_and_values_of_newer_clients_are_no_trouble(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        client.capabilities["textDocument"]["completion"] = {"completionItemKind": {"valueSet": [1, 999]}}
        client.capabilities["workspace"]["symbol"] = {"tagSupport": {"valueSet": [77]}}
        client.capabilities["future"] = {"anything": [None]}
        client.capabilities["general"]["positionEncodings"] = ["utf-64", "utf-8"]
        result = await client.initialize(trace="messages", workDoneToken="t", later=True)
        assert result["capabilities"]["positionEncoding"] == "utf-8"
        client.open(URI, "x = 1\n")
        assert await client.code_actions(URI, at(0, 0, 0, 5), later=1)


@pytest.mark.parametrize("capabilities", [{}, {"general": None, "textDocument": [], "workspace": 5}])
async def test_a_client_that_says_little_or_nonsense_is_served(tmp_path: Path, capabilities: dict[str, Any]) -> None:
    async with playing(tmp_path / "home", HOLD, capabilities=capabilities) as client:
        result = await client.initialize()
        assert result["capabilities"]["positionEncoding"] == "utf-16"
        client.open(URI, "x = 1\n")
        (first, *_) = await client.code_actions(URI, at(0, 0, 0, 5))
        assert first["command"] == "codeteam.refactor"


async def test_what_the_server_can_do(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        result = await client.initialize()
        assert result["serverInfo"]["name"] == "codeteam"
        capabilities = result["capabilities"]
        assert capabilities["textDocumentSync"] == {"openClose": True, "change": 2}
        kinds = capabilities["codeActionProvider"]["codeActionKinds"]
        assert all(
            kind.startswith(("refactor.rewrite.codeteam.", "quickfix.codeteam.", "source.codeteam.")) for kind in kinds
        )
        assert set(capabilities["executeCommandProvider"]["commands"]) == {
            *(f"codeteam.{name}" for name in ("implement", "fix", "refactor", "document", "test", "review")),
            *(f"codeteam.{name}" for name in ("cancel", "apply", "applySuggestion", "dismiss", "rerun")),
        }


async def test_exit_without_shutdown_is_1_and_after_it_0(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        client.notify("exit")
        assert await client.ended() == 1
    async with playing(tmp_path / "home", HOLD) as client:
        client.notify("exit")
        assert await client.ended() == 1
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        assert await client.leave() == 0
        assert client.errors == []


async def test_the_end_of_input_ends_the_server_and_its_jobs(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        client.open(URI, "x = 1\n")
        argument = {"uri": URI, "version": 1, "range": at(0, 0, 0, 5)}
        await client.execute("codeteam.refactor", argument)
        await client.until(lambda: tasks(tmp_path / "home"), "task")
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert await client.ended() == 1
        assert "closed" in (tmp_path / "home" / "log").read_text().split()


async def test_a_broken_frame_ends_the_server(tmp_path: Path) -> None:
    for raw in (b"Content-Length: many\r\n\r\n{}", b"Hello: 1\r\n\r\n", b"Content-Length: 99999999999\r\n\r\n"):
        async with playing(tmp_path / "home", HOLD) as client:
            assert client.process.stdin is not None
            client.process.stdin.write(raw)
            assert await client.ended() == 1


async def test_headers_may_be_many_and_spelled_in_any_case(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        body = json.dumps({"jsonrpc": "2.0", "id": "x", "method": "shutdown"}).encode()
        header = b"content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:%d\r\n\r\n" % len(body)
        assert client.process.stdin is not None
        client.process.stdin.write(header[:20])
        await client.process.stdin.drain()
        client.process.stdin.write(header[20:] + body)
        await client.until(lambda: client.notifications, "answer")
        assert client.notifications[0]["params"]["error"]["code"] == -32002


async def test_the_editors_death_ends_the_server(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
        await client.initialize(processId=parent.pid)
        assert await client.code_actions(URI, at(0)) == []
        parent.kill()
        await parent.wait()
        assert await client.ended() == 1


async def test_a_terminated_server_says_goodbye_to_its_engine(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        await client.until((tmp_path / "home" / "log").exists, "engine")
        client.process.terminate()
        assert await client.ended() == 1
        assert "closed" in (tmp_path / "home" / "log").read_text().split()


async def test_a_client_that_does_not_read_for_a_while_misses_nothing(tmp_path: Path) -> None:
    """More than any pipe holds goes both ways before the client reads: neither side may wait for the other."""
    home = tmp_path / "home"
    async with playing(home, HOLD):
        pass  # the folder and its recording
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.lsp.recorded", str(home),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2], limit=1024,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    def framed(message: Any) -> bytes:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        return b"Content-Length: %d\r\n\r\n" % len(body) + body

    process.stdin.write(framed({"id": 0, "method": "initialize", "params": {"capabilities": {}}}))
    count = 5_000
    for number in range(1, count):
        process.stdin.write(framed({"id": number, "method": "nothing/here", "params": {"text": "x" * 200}}))
    await asyncio.wait_for(process.stdin.drain(), PATIENCE)
    process.stdin.write(framed({"method": "exit"}))
    output = bytearray()
    with suppress(TimeoutError):
        while block := await asyncio.wait_for(process.stdout.read(65536), PATIENCE):
            output += block
    assert output.count(b"Content-Length") == count
    assert await process.wait() == 1


async def test_a_stray_print_does_not_reach_the_client(tmp_path: Path) -> None:
    """The recorded engine prints when it takes a job; the client would fail on a line that is no header."""
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        client.open(URI, "x = 1\n")
        await client.execute("codeteam.refactor", {"uri": URI, "version": 1, "range": at(0, 0, 0, 5)})
        await client.until(lambda: any("stray" in line for line in client.errors), "the line on standard error")
        assert await client.leave() == 0


async def test_children_of_the_server_cannot_reach_its_channel(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        fds = Path(f"/proc/{client.process.pid}/fd")
        assert (fds / "0").readlink() == Path(os.devnull)
        assert (fds / "1").readlink() == (fds / "2").readlink()


async def test_input_that_is_no_pipe_is_read_all_the_same(tmp_path: Path) -> None:
    """Files and devices cannot be waited for by the event loop; they are read in a thread."""
    async with playing(tmp_path / "home", HOLD):
        pass  # the folder and its recording
    body = b'{"jsonrpc":"2.0","id":1,"method":"shutdown"}'
    asked, answered = tmp_path / "asked", tmp_path / "answered"
    asked.write_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    argv = [sys.executable, "-m", "tests.lsp.recorded", str(tmp_path / "home")]
    for source in (asked, Path(os.devnull)):
        with source.open("rb") as stdin, answered.open("wb") as stdout:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=stdin, stdout=stdout, cwd=Path(__file__).parents[2]
            )
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 1
        assert (b"-32002" in answered.read_bytes()) is (source is asked)
