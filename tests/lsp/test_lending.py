"""Models and keys that the editor lends: whole jobs on them, every way to say no, and nothing that leaks or hangs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from codeteam.domain.events import Planned, Replied
from codeteam.jobs.history import History
from tests.lsp.client import CAPABILITIES, Client, Refusal, ServerError, at, running
from tests.lsp.playing import HOLD, playing, tasks
from tests.lsp.test_serve import BODY, MODULE, REPLIES, REVIEW, ends, started, workspace
from tests.models.endpoint import Endpoint, error, reply

LENDING = {**CAPABILITIES, "experimental": {"codeteam": {"jobs": True, "chat": True, "secrets": True}}}
KEY = "sk-canary-0123456789abcdef"
CHAT, SECRET = "codeteam/chat", "codeteam/secret"


@asynccontextmanager
async def lending(
    tmp_path: Path, chat: Callable[[Any], Any] | None = None, capabilities: Mapping[str, Any] = LENDING, **environ: str
) -> AsyncIterator[tuple[Client, str]]:
    """A client that answers `codeteam/chat`, of a real server, with a workspace of one open module: its URI."""
    root, _ = workspace(tmp_path, REPLIES, slug=MODULE)
    variables = {"HOME": "home", "CONFIG": "config", "MODEL": "", "API_KEY": "", "BASE_URL": ""}
    variables = {f"CODETEAM_{name}": value and str(tmp_path / value) for name, value in variables.items()}
    argv = ["-P", "-m", "codeteam", "serve", "--log-level", "debug"]
    own = {**variables, "OPENAI_API_KEY": "", **environ}
    async with running(argv, capabilities=capabilities, environ=own, cwd=tmp_path) as client:
        if chat is not None:
            client.answers[CHAT] = chat
        await client.initialize(root, initializationOptions={"model": "editor", "trusted": True, "workspace": {}})
        uri = (root / "slug.py").as_uri()
        client.open(uri, MODULE)
        yield client, uri


def recorded(params: Mapping[str, Any]) -> str:
    """The recorded reply of the role that asks."""
    [role] = re.findall(r"\Athe (\w+) asks, to implement slug\Z", params["label"])
    [text] = re.findall(rf"## reply {role}\n\n~~~~reply[^\n]*\n(.*?)\n~~~~\n", REPLIES, re.DOTALL)
    return str(text).replace("MODULE", MODULE.replace("    ...\n", BODY).rstrip("\n"))


def withdrawn(client: Client) -> list[str]:
    """The ids of requests that the server has withdrawn."""
    found = [entry["params"]["id"] for entry in client.notifications if entry["method"] == "$/cancelRequest"]
    return [request["id"] for request in client.requests if request["method"] == CHAT and request["id"] in found]


def chats(client: Client) -> list[dict[str, Any]]:
    return [request["params"] for request in client.requests if request["method"] == CHAT]


async def never(_: object) -> Any:
    await asyncio.sleep(3600)


@pytest.mark.docker
async def test_a_whole_job_on_the_editors_model(tmp_path: Path) -> None:
    async def say(params: dict[str, Any]) -> dict[str, Any]:
        text = recorded(params)
        for start in range(0, len(text), 40):
            client.notify("codeteam/chatPart", {"chatId": params["chatId"], "text": text[start : start + 40]})
            await asyncio.sleep(0)
        counted = "developer" in params["label"]
        counts = {"promptTokens": 100.0, "completionTokens": 10} if counted else {}
        return {"text": text, "model": "copilot/some", "promptTokens": None, "completionTokens": None, **counts}

    async with lending(tmp_path, say) as (client, uri):
        job = await started(client, uri, "implement")
        await ends(client, job, "applied")
        assert client.buffers[uri].text == MODULE.replace("    ...\n", BODY)
        asked = chats(client)
        assert len({params["chatId"] for params in asked}) == len(asked)
        for params in asked:
            assert (params["jobId"], params["model"], params["temperature"]) == (job, "", 0.3)
            speakers = [message["role"] for message in params["messages"]]
            assert speakers == ["user", "assistant"] * (len(speakers) // 2) + ["user"]
        assert withdrawn(client) == []
        assert await client.leave() == 0
        logs = [*client.errors, *(path.read_text("utf-8") for path in files_below(tmp_path / "home" / "logs"))]
        assert not any("joined by hyphens" in text for text in logs)  # not even where the log tells everything
    replies = [event for event in History(tmp_path / "home").job(job).events if isinstance(event, Replied)]
    assert {event.model for event in replies} == {"editor"}
    by_role = {event.role: event.usage for event in replies}
    assert (by_role["developer"].prompt_tokens, by_role["developer"].completion_tokens) == (100, 10)
    assert not by_role["developer"].estimated
    assert by_role["architect"].estimated
    assert by_role["architect"].completion_tokens > 50
    assert all(usage.cost is None for usage in by_role.values())


async def test_cancelling_withdraws_the_chat_at_once(tmp_path: Path) -> None:
    async with lending(tmp_path, never) as (client, uri):
        job = await started(client, uri, "implement")
        await client.asked(CHAT)
        begun = time.monotonic()
        await client.execute("codeteam.cancel", {"jobId": job})
        await client.until(lambda: withdrawn(client), "the withdrawal")
        assert time.monotonic() - begun < 5  # some milliseconds where nothing else runs
        await client.job_state(job, "cancelled")
        assert await client.leave() == 0


async def test_leaving_in_mid_chat(tmp_path: Path) -> None:
    async with lending(tmp_path, never) as (client, uri):
        await started(client, uri, "implement")
        await client.asked(CHAT)
        assert await client.leave() == 0


async def test_a_refusal_is_told_in_its_words_and_no_one_asks_again(tmp_path: Path) -> None:
    kinds = ("consent", "quota", "not_found", "blocked", "cancelled")

    def refuse(_: object) -> Any:
        kind = kinds[len(chats(client)) - 1]
        raise Refusal("the error's own text", {"kind": kind, "message": f"It is for {kind}."})

    async with lending(tmp_path, refuse) as (client, uri):
        for number, kind in enumerate(kinds, 1):
            job = await started(client, uri, "implement")
            await ends(client, job, "failed")
            assert f"It is for {kind}." in client.messages()[-1]
            assert len(chats(client)) == number
            if kind == "not_found":  # and the menu says why, until something was changed that may mend it
                (action, *_) = await client.code_actions(uri, at(3, 4))
                assert "It is for not_found." in action["disabled"]["reason"]
                client.notify("workspace/didChangeConfiguration", {"settings": {"codeteam": {"model": "editor/x"}}})
                (action, *_) = await client.code_actions(uri, at(3, 4))
                assert "disabled" not in action
        assert [params["model"] for params in chats(client)] == ["", "", "", "x", "x"]
        assert await client.leave() == 0


async def test_what_may_pass_is_asked_again_until_it_does_not(tmp_path: Path) -> None:
    refusals: list[Any] = [None, {}, {"kind": "no_editor", "message": "made up"}, {"kind": 7}, {"kind": "failed"}]

    def refuse(_: object) -> Any:
        raise Refusal("socket hang up", refusals.pop(0))

    async with lending(tmp_path, refuse) as (client, uri):
        job = await started(client, uri, "implement")
        await ends(client, job, "failed")
        [message] = client.messages()
        assert "socket hang up" in message
        assert refusals == []
        assert await client.leave() == 0


async def test_answers_and_pieces_that_make_no_sense_do_no_harm(tmp_path: Path) -> None:
    nonsense: list[Any] = [None, [], {"text": 3}, {"text": "x" * 4_000_001, "model": 7, "promptTokens": -1}]

    long = " ".join(map(str, range(450_000)))  # three million characters, never the same twice

    async def babble(params: dict[str, Any]) -> Any:
        name = params["chatId"]
        pieces: list[Any] = [None, [], {}, {"chatId": name}, {"chatId": name, "text": 3}, {"chatId": "x", "text": "y"}]
        for piece in [*pieces, {"chatId": name, "text": long}, {"chatId": name, "text": long}]:
            client.notify("codeteam/chatPart", piece)
        if nonsense:
            return nonsense.pop(0)
        raise Refusal("", {"kind": "quota", "message": "Used up."})

    async with lending(tmp_path, babble) as (client, uri):
        job = await started(client, uri, "implement")
        await ends(client, job, "failed")
        [message] = client.messages()
        assert "Used up." in message
        assert len(chats(client)) == 5
        for params in chats(client):  # late pieces of chats that have ended
            client.notify("codeteam/chatPart", {"chatId": params["chatId"], "text": "late"})
        client.answers[CHAT] = never
        again = await started(client, uri, "implement")
        await client.asked(CHAT, count=6)
        await client.execute("codeteam.cancel", {"jobId": again})
        await client.job_state(again, "cancelled")
        assert await client.leave() == 0


async def test_a_client_that_never_answers_costs_no_more_than_the_jobs_time(tmp_path: Path) -> None:
    async with lending(tmp_path, never) as (client, uri):
        client.notify("workspace/didChangeConfiguration", {"settings": {"codeteam": {"maxSeconds": 2}}})
        job = await started(client, uri, "implement")
        await ends(client, job, "failed")
        [message] = client.messages()
        assert "2 seconds" in message
        assert len(withdrawn(client)) == 1
        assert await client.leave() == 0


async def test_a_worker_that_is_killed_in_mid_chat_leaves_no_chat_behind(tmp_path: Path) -> None:
    async with lending(tmp_path, never) as (client, uri):
        job = await started(client, uri, "implement")
        await client.asked(CHAT)
        for worker in psutil.Process(client.process.pid).children():
            if "codeteam.worker" in worker.cmdline():
                os.kill(worker.pid, signal.SIGKILL)
        await ends(client, job, "failed")
        assert len(withdrawn(client)) == 1
        again = (await client.execute("codeteam.rerun", {"jobId": job}))["jobId"]
        await client.asked(CHAT, count=2)
        assert chats(client)[1]["jobId"] == again
        assert await client.leave() == 0


async def test_a_client_without_models_is_told_before_and_after(tmp_path: Path) -> None:
    async with lending(tmp_path, capabilities=CAPABILITIES) as (client, uri):
        (action, *_) = await client.code_actions(uri, at(3, 4))
        assert "lends no models" in action["disabled"]["reason"]
        job = await started(client, uri, "implement")  # by a key binding, which asks for no menu
        await ends(client, job, "failed")
        [message] = client.messages()
        assert "a model that an editor lends" in message
        assert "codeteam.model" in message
        assert chats(client) == []
        assert await client.leave() == 0


async def test_trust_that_is_taken_back_withdraws_the_chat(tmp_path: Path) -> None:
    experimental = {"codeteam": {**LENDING["experimental"]["codeteam"], "trust": True}}
    async with lending(tmp_path, never, {**LENDING, "experimental": experimental}) as (client, uri):
        job = await started(client, uri, "implement")
        await client.asked(CHAT)
        client.notify("codeteam/trust", {"trusted": False})
        await client.job_state(job, "cancelled")
        assert len(withdrawn(client)) == 1
        with pytest.raises(ServerError, match="not trusted"):
            await started(client, uri, "implement")
        assert await client.leave() == 0


async def test_a_workspace_cannot_choose_the_editors_model(tmp_path: Path) -> None:
    root, _ = workspace(tmp_path, REPLIES, slug=MODULE)
    roles = "".join(f'{role}-model = "editor"\n' for role in ("architect", "developer", "reviewer", "tester"))
    (root / "pyproject.toml").write_text(f'[tool.codeteam]\nmodel = "editor"\nbase-url = "http://e"\n{roles}')
    (root / "codeteam.toml").write_text('model = "editor/gpt"\n')
    uri = (root / "slug.py").as_uri()
    async with playing(tmp_path / "home", HOLD, capabilities=LENDING) as client:
        await client.initialize(root)
        client.open(uri, MODULE)
        await started(client, uri, "implement")
        await client.until(lambda: tasks(tmp_path / "home"), "the task")
        [task] = tasks(tmp_path / "home")
        chosen = {task.settings.model_of(role) for role in ("architect", "developer", "reviewer", "tester")}
        assert chosen == {""}
        assert task.settings.base_url == ""
        await client.until(lambda: len(client.messages()) == 7, "what is wrong with the settings")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def leaks(client: Client, home: Path) -> list[str]:
    """Where the key can be found after a job."""
    found = [str(path) for path in files_below(home) if KEY.encode() in path.read_bytes()]
    found += [line for line in client.errors if KEY in line]
    return found + [body.decode()[:500] for body in client.received if KEY.encode() in body]


@pytest.mark.docker
async def test_a_key_is_asked_for_used_and_found_nowhere(tmp_path: Path) -> None:
    spoken = REVIEW.partition("~~~~reply\n")[2].partition("\n~~~~")[0]
    spoken = spoken.replace("One fault.", f"Your key is {KEY}.").replace("Use get.", f"Use {KEY}.")
    code = "def age(ages: dict[str, int], name: str) -> int:\n    return ages[name]\n"
    endpoint = Endpoint([reply(spoken, pieces=9), error(401, f"Incorrect API key provided: {KEY}")])
    async with endpoint, AsyncExitStack() as stack:
        client, uri = await stack.enter_async_context(lending(tmp_path, OPENAI_BASE_URL=endpoint.url))
        client.answers[SECRET] = lambda _: {"value": f" {KEY}\n"}
        client.notify("workspace/didChangeConfiguration", {"settings": {"codeteam": {"model": "openai/gpt-4.1"}}})
        client.change(uri, (None, code))
        job = await started(client, uri, "review", range=at(0, 0, 2, 0))
        await ends(client, job, "done")
        asked = await client.asked(SECRET)
        assert asked == {"jobId": job, "name": "OPENAI_API_KEY", "label": "OpenAI", "address": ""}
        published = await client.notified("textDocument/publishDiagnostics")
        assert any(found["code"] == "bug/key-error" for found in published["diagnostics"])
        refused = await started(client, uri, "review", range=at(0, 0, 2, 0))
        await ends(client, refused, "failed")
        assert "did not accept the key" in client.messages()[-1]
        assert (await client.asked(SECRET, count=2))["jobId"] == refused  # it was forgotten with the first job
        assert await client.leave() == 0
    assert [KEY in request.headers["authorization"] for request in endpoint.requests] == [True, True]
    assert leaks(client, tmp_path) == []
    assert any(b"Your key is [key]." in path.read_bytes() for path in files_below(tmp_path / "home"))


async def test_a_key_of_ones_own_server_is_asked_for_with_its_address(tmp_path: Path) -> None:
    async with Endpoint([error(401, "who are you?")]) as endpoint, lending(tmp_path) as (client, uri):
        client.answers[SECRET] = lambda _: {"value": None}
        model = {"model": "compatible/m", "baseUrl": endpoint.url}
        client.notify("workspace/didChangeConfiguration", {"settings": {"codeteam": model}})
        job = await started(client, uri, "implement")
        await ends(client, job, "failed")
        asked = await client.asked(SECRET)
        label = "the server of compatible/NAME"
        assert asked | {"label": label} == {
            "jobId": job,
            "name": "CODETEAM_API_KEY",
            "label": label,
            "address": endpoint.root,
        }
        assert await client.leave() == 0


async def test_no_key_is_told_with_what_to_do_and_may_be_given_next_time(tmp_path: Path) -> None:
    answers: list[Any] = [{"value": None}, None, [], {"value": 7}, {"value": KEY * 1000}, {"value": " "}, LookupError]
    given: list[Any] = []

    def give(_: object) -> Any:
        answer = answers[len(given)]
        given.append(answer)
        if isinstance(answer, dict | list) or answer is None:
            return answer
        raise answer("no secrets here")

    async with lending(tmp_path) as (client, uri):
        client.answers[SECRET] = give
        client.notify("workspace/didChangeConfiguration", {"settings": {"codeteam": {"model": "openai/gpt-4.1"}}})
        for number in range(1, len(answers) + 1):
            job = await started(client, uri, "implement")
            await ends(client, job, "failed")
            assert len(given) == number
            said = "There is no key for OpenAI. Set OPENAI_API_KEY, or give the key when the editor asks for it."
            assert said in client.messages()[-1]
            (action, *_) = await client.code_actions(uri, at(3, 4))
            assert "disabled" not in action
        assert await client.leave() == 0
    assert leaks(client, tmp_path) == []


async def test_a_client_that_keeps_no_secrets_is_not_asked(tmp_path: Path) -> None:
    async with lending(tmp_path, capabilities=CAPABILITIES) as (client, uri):
        client.notify("workspace/didChangeConfiguration", {"settings": {"codeteam": {"model": "openai/gpt-4.1"}}})
        job = await started(client, uri, "implement")
        await ends(client, job, "failed")
        [message] = client.messages()
        assert message.endswith("There is no key for OpenAI. Set OPENAI_API_KEY.")
        assert await client.leave() == 0


PACKAGE = "window/showMessageRequest"


async def planned_with_six(client: Client, tmp_path: Path) -> None:
    """Initialize, and play a job whose architect wants `six`, and plans without it when told that it cannot be had."""
    first, mark, others = REPLIES.partition("## reply developer")
    wanting = first.replace('"dependencies": []', '"dependencies": ["six"]')
    root, options = workspace(tmp_path, wanting + first + mark + others, slug=MODULE)
    await client.initialize(root, initializationOptions={**options, "require": "draft", "trusted": True})
    uri = (root / "slug.py").as_uri()
    client.open(uri, MODULE)
    await ends(client, await started(client, uri, "implement"), "applied")


@pytest.mark.docker
@pytest.mark.parametrize("choice", ["Leave it out", "Fetch it", None, Refusal("no such method", code=-32601)])
async def test_a_new_package_is_asked_for_once(tmp_path: Path, choice: str | Refusal | None) -> None:
    def choose(_: object) -> str | None:
        if isinstance(choice, Refusal):
            raise choice
        return choice

    environ = {"CODETEAM_HOME": str(tmp_path / "home"), "CODETEAM_CONFIG": str(tmp_path / "config")}
    async with running(["-P", "-m", "codeteam", "serve"], environ=environ, cwd=tmp_path) as client:
        client.choose = choose
        await planned_with_six(client, tmp_path)
        question = await client.asked(PACKAGE)
        assert "the package six of PyPI" in question["message"]
        assert [action["title"] for action in question["actions"]] == ["Fetch it", "Leave it out"]
        assert await client.leave() == 0
    assert (tmp_path / "home" / "packages.json").exists() == (choice == "Fetch it")
    # A refusal by the client is no answer of its user: the age of the release decides.
    [job] = History(tmp_path / "home").jobs()
    planned = [event.plan for event in History(tmp_path / "home").job(job.id).events if isinstance(event, Planned)]
    assert [plan.dependencies for plan in planned] == [() if choice in ("Leave it out", None) else ("six",)]
