"""A job from the command to its end, as an editor sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.artifacts import Feedback
from codeteam.domain.events import Event, Failed, Noted, Queued, SentBack, Stalled, StepStarted
from codeteam.domain.source import Span
from codeteam.domain.task import Complaint, Intent
from tests.lsp.client import CAPABILITIES, Client, ServerError, at, without
from tests.lsp.playing import GATE, HOLD, STEPS, let_go, playing, proposed, tasks

CODE = 'def slug(text: str) -> str:\n    """Make a slug."""\n    ...\n'
DONE = CODE.replace("...", "return text.lower()")


def workspace(tmp_path: Path, text: str = CODE) -> tuple[Path, str]:
    """A workspace of one module, and the module's URI."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "slug.py").write_bytes(text.encode())
    return root, (root / "slug.py").as_uri()


async def started(client: Client, uri: str, intent: str = "implement", **more: Any) -> str:
    argument = {"uri": uri, "version": client.buffers[uri].version, "range": at(1, 4), **more}
    job: str = (await client.execute(f"codeteam.{intent}", argument))["jobId"]
    return job


async def submitted(client: Client, home: Path, number: int) -> None:
    """Wait until so many jobs have reached the engine."""
    await client.until(lambda: len(tasks(home)) == number, f"task {number}")


async def begun(client: Client, job: str) -> None:
    """Wait until a job's progress shows."""
    await client.until(lambda: client.progress(job), "progress")


async def test_a_job_reports_its_phases_and_its_edit_is_applied(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, *STEPS, proposed({"slug.py": DONE})) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await begun(client, job)
        let_go(tmp_path / "home")
        await client.job_state(job, "applied")
        assert client.buffers[uri].text == DONE
        first, *reports, last = client.progress(job)
        assert first["kind"] == "begin"
        assert first["title"] == "Codeteam: implement slug"
        assert first["cancellable"] is True
        assert not any("percentage" in value for value in (first, *reports))
        assert "iteration 1 of 5 · executor: is running the draft" in [value["message"] for value in reports]
        assert last == {"kind": "end", "message": "tested"}
        assert await client.leave() == 0


async def test_the_command_is_answered_before_anything_is_done(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await started(client, uri)  # the first loads what gathering needs
        start = time.monotonic()
        await started(client, uri)
        assert time.monotonic() - start < 2  # some milliseconds where nothing else runs; the figure is in the bench


async def test_the_engine_gets_the_whole_task(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path, "import data\n\n" + CODE)
    (root / "data.py").write_text("LIMIT = 3\n")
    (root / "AGENTS.md").write_text("Be kind.\n")
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root, initializationOptions={"maxIterations": 3})
        client.open(uri, "import data\n\n" + CODE)
        client.open((root / "data.py").as_uri(), "LIMIT = 4  # not saved yet\n")
        problem = {"range": at(2, 0, 2, 5), "message": "undefined", "source": "ruff", "code": "F821"}
        await started(client, uri, "fix", range=at(2, 0, 4, 0), instruction="mind the limit", diagnostics=[problem])
        await submitted(client, tmp_path / "home", 1)
        (task,) = tasks(tmp_path / "home")
        assert task.intent is Intent.FIX
        assert task.requirement == "mind the limit"
        assert task.document is not None
        assert task.document.path == "slug.py"
        assert task.selection == Span(3, 4)
        assert task.complaints == (Complaint("undefined", Span(3, 3), "ruff", "F821"),)
        assert task.rules == "Be kind.\n"
        assert [file.text for file in task.neighbours if file.path == "data.py"] == ["LIMIT = 4  # not saved yet\n"]
        assert task.settings.max_iterations == 3


async def test_every_action_has_its_command(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        for number, intent in enumerate(["implement", "refactor", "document", "test", "review"], 1):
            await started(client, uri, intent)
            await submitted(client, tmp_path / "home", number)
            assert tasks(tmp_path / "home")[-1].intent == intent


async def cancel_by_command(client: Client, job: str) -> None:
    assert await client.execute("codeteam.cancel", {"jobId": job}) == {"jobId": job, "cancelled": True}


async def cancel_by_progress(client: Client, job: str) -> None:
    client.notify("window/workDoneProgress/cancel", {"token": f"codeteam/{job}"})


@pytest.mark.parametrize("cancel", [cancel_by_command, cancel_by_progress])
async def test_a_job_can_be_cancelled(tmp_path: Path, cancel: Any) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", *STEPS, HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.until(
            lambda: any("executor" in value.get("message", "") for value in client.progress(job)), "phase"
        )
        await cancel(client, job)
        await client.job_state(job, "cancelled")
        assert client.progress(job)[-1] == {"kind": "end", "message": "cancelled"}
        assert client.edits == []
        assert (await client.execute("codeteam.cancel", {"jobId": job}))["cancelled"] is False


async def test_a_job_that_is_cancelled_at_once_never_runs(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"slug.py": DONE})) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        argument = {"uri": uri, "version": 1, "range": at(1, 4)}
        _, first = client.ask("workspace/executeCommand", {"command": "codeteam.implement", "arguments": [argument]})
        job = (await first)["jobId"]
        await cancel_by_command(client, job)
        await client.job_state(job, "cancelled")
        assert client.edits == []


@pytest.mark.parametrize("capabilities", [CAPABILITIES, without(CAPABILITIES, "experimental")])
async def test_a_failure_is_told_once_with_what_to_do(tmp_path: Path, capabilities: Mapping[str, Any]) -> None:
    root, uri = workspace(tmp_path)
    failed = Failed("model_auth", "The key was refused.", "Set CODETEAM_API_KEY.")
    words = "The key was refused. Set CODETEAM_API_KEY."
    async with playing(tmp_path / "home", *STEPS, failed, capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.until(lambda: client.progress(job)[-1:] == [{"kind": "end", "message": words}], "end of the job")
        await client.until(client.messages, "message")
        assert client.messages() == [f"Codeteam could not implement slug: {words}"]


async def test_waiting_sending_back_and_notes_are_said_in_words(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    steps: list[Event] = [
        Queued(2),
        StepStarted("tester", 2, "writing tests"),
        SentBack(2, Feedback("tests", "long text", "signature")),
        Stalled(2, "the same failure twice"),
        Noted("one example could not be read"),
    ]
    async with playing(tmp_path / "home", GATE, *steps, proposed()) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await begun(client, job)
        let_go(tmp_path / "home")
        await client.job_state(job, "done")
        said = [value["message"] for value in client.progress(job) if value["kind"] == "report"]
        assert said == [
            "waiting for 2 other jobs",
            "iteration 2 of 5 · tester: writing tests",
            "iteration 2 of 5 · tests failed, back to the developer",
            "stuck (the same failure twice), looking for another approach",
            "one example could not be read",
        ]


async def test_job_notifications_are_for_clients_that_ask(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    for capabilities in (CAPABILITIES, without(CAPABILITIES, "experimental")):
        async with playing(tmp_path / "home", *STEPS, proposed({"slug.py": DONE}), capabilities=capabilities) as client:
            await client.initialize(root)
            client.open(uri, CODE)
            job = await started(client, uri)
            await client.asked("workspace/applyEdit")
            await client.request("shutdown")
            told = [entry["params"] for entry in client.notifications if entry["method"] == "codeteam/job"]
            if capabilities is CAPABILITIES:
                assert {entry["state"] for entry in told} >= {"queued", "running", "proposed"}
                assert {(entry["jobId"], entry["uri"], entry["intent"]) for entry in told} == {(job, uri, "implement")}
            else:
                assert told == []


async def test_a_client_without_progress_or_one_that_refuses_it_gets_its_edit_all_the_same(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)

    def refuse(_: Any) -> Any:
        raise LookupError("no progress here")

    for capabilities in (CAPABILITIES, without(CAPABILITIES, "window", "workDoneProgress")):
        async with playing(tmp_path / "home", *STEPS, proposed({"slug.py": DONE}), capabilities=capabilities) as client:
            client.answers["window/workDoneProgress/create"] = refuse
            await client.initialize(root)
            client.open(uri, CODE)
            job = await started(client, uri)
            await client.job_state(job, "applied")
            assert client.progress(job) == []
            asked = [request["method"] for request in client.requests]
            assert ("window/workDoneProgress/create" in asked) is (capabilities is CAPABILITIES)


async def test_two_jobs_of_a_document_do_not_disturb_each_other(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", *STEPS, HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        one, two = await started(client, uri), await started(client, uri, "review")
        await cancel_by_command(client, one)
        await client.job_state(one, "cancelled")
        cancels = [a for a in await client.code_actions(uri, at(0)) if a["kind"] == "source.codeteam.cancel"]
        assert [action["command"]["arguments"][0]["jobId"] for action in cancels] == [two]


async def test_shutdown_ends_every_job_and_its_progress(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", *STEPS, HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        jobs = [await started(client, uri) for _ in range(3)]
        for job in jobs:
            await begun(client, job)
        await client.request("shutdown")
        assert all(client.progress(job)[-1]["kind"] == "end" for job in jobs)
        with pytest.raises(ServerError) as refused:
            await client.code_actions(uri, at(0))
        assert refused.value.code == -32600
        client.notify("exit")
        assert await client.ended() == 0
        log = (tmp_path / "home" / "log").read_text().split()
        assert "closed" in log


WRONG: list[tuple[str, Any, str]] = [
    ("codeteam.implement", {}, "range"),
    ("codeteam.implement", {"uri": 3, "version": 1, "range": at(0)}, "uri"),
    ("codeteam.implement", {"uri": "file:///w/unknown.py", "version": 1, "range": at(0)}, "not open"),
    ("codeteam.implement", {"uri": "URI", "version": "1", "range": at(0)}, "version"),
    ("codeteam.implement", {"uri": "URI", "version": 1, "range": {"start": {"line": -1, "character": 0}}}, "range"),
    ("codeteam.implement", {"uri": "URI", "version": 1, "range": at(0), "instruction": 5}, "instruction"),
    ("codeteam.fix", {"uri": "URI", "version": 1, "range": at(0)}, "diagnostics"),
    ("codeteam.fix", {"uri": "URI", "version": 1, "range": at(0), "diagnostics": [{}]}, "diagnostics"),
    ("codeteam.cancel", {"jobId": "nothere"}, "no job"),
    ("codeteam.apply", {}, "jobId"),
    ("codeteam.rerun", {"jobId": None}, "jobId"),
    ("codeteam.dismiss", {"findingId": "0123"}, "no finding"),
    ("codeteam.unheard", {}, "no command"),
    ("codeteam.implement", "text", "one object"),
]


async def test_wrong_arguments_are_answered_in_words(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        for command, given, says in WRONG:
            argument = {**given, "uri": uri} if isinstance(given, dict) and given.get("uri") == "URI" else given
            with pytest.raises(ServerError, match=says) as refused:
                await client.execute(command, argument)
            assert refused.value.code == -32602
        assert tasks(tmp_path / "home") == []


async def test_an_action_of_an_older_text_is_refused(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        actions = await client.code_actions(uri, at(1, 4))
        client.change(uri, (at(0, 0), "import re\n"))
        with pytest.raises(ServerError, match="changed since") as refused:
            await client.run(actions[0])
        assert refused.value.code == -32801


async def test_an_untrusted_workspace_starts_nothing_until_it_is_trusted(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    capabilities = {**CAPABILITIES, "experimental": {"codeteam": {"jobs": True, "trust": True}}}
    async with playing(tmp_path / "home", HOLD, capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        with pytest.raises(ServerError, match="not trusted"):
            await started(client, uri)
        await client.request("codeteam/jobs")  # while it is answered, what began before would have gone on
        log = tmp_path / "home" / "log"
        assert not log.exists(), "nothing is started ahead"
        client.notify("codeteam/trust", {"trusted": True})
        await client.until(lambda: log.exists() and log.read_text() == "warm\n", "worker ahead")
        job = await started(client, uri)
        client.notify("codeteam/trust", {"trusted": False})
        await client.job_state(job, "cancelled")
        await client.until(lambda: "rest\n" in log.read_text(), "rest")
        with pytest.raises(ServerError, match="not trusted"):
            await client.execute("codeteam.rerun", {"jobId": job})


async def test_running_again_follows_the_lines_that_moved(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed()) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri, range=at(0, 0, 2, 7), instruction="be quick")
        await client.job_state(job, "done")
        client.change(uri, (at(0, 0), "import re\n\n\n"))
        again = (await client.execute("codeteam.rerun", {"jobId": job}))["jobId"]
        await client.job_state(again, "done")
        first, second = tasks(tmp_path / "home")
        assert (first.selection, second.selection) == (Span(1, 3), Span(4, 6))
        assert second.requirement == "be quick"
        assert second.document is not None
        assert second.document.text.startswith("import re")


async def test_a_document_without_a_file_can_be_worked_on(tmp_path: Path) -> None:
    uri = "untitled:Untitled-1"
    async with playing(tmp_path / "home", *STEPS, proposed({"untitled.py": DONE})) as client:
        await client.initialize()
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.job_state(job, "applied")
        assert client.buffers[uri].text == DONE


async def test_closing_the_document_does_not_end_the_job(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed({"slug.py": DONE})) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        client.close(uri)
        await client.code_actions(uri, at(0))  # the server has seen it when it answers this
        let_go(tmp_path / "home")
        await client.job_state(job, "applied")
        assert (root / "slug.py").read_text() == DONE
        assert client.edits[0]["documentChanges"][0]["textDocument"] == {"uri": uri, "version": None}


async def test_a_slow_client_does_not_stop_a_job(tmp_path: Path) -> None:
    """The client takes its time over progress/create: the job runs and ends meanwhile."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", *STEPS, proposed({"slug.py": DONE})) as client:
        client.answers["workspace/configuration"] = lambda _: [None]
        original = client._result

        async def slow(method: str, params: Any) -> Any:
            if method == "window/workDoneProgress/create":
                await asyncio.sleep(1)
            return await original(method, params)

        client._result = slow  # type: ignore[method-assign]  # this one test's client dawdles
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.job_state(job, "applied")
        assert client.progress(job) == []
