"""Jobs of servers that are gone, and of the command line: applied and run again by a server that was started anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.events import Failed, Started
from codeteam.domain.source import SourceFile, Span
from codeteam.domain.task import Complaint
from tests.lsp.client import CAPABILITIES, Client, ServerError, at
from tests.lsp.playing import HOLD, playing, proposed, record, tasks
from tests.lsp.test_delivery import AFTER, BEFORE, EDIT, started, workspace
from tests.lsp.test_known_jobs import listed, remember, report

TRUST = {**CAPABILITIES, "experimental": {"codeteam": {"jobs": True, "trust": True}}}
NEW = "tests/test_a.py"
JOB = "aaa000000001"


async def killed(tmp_path: Path, root: Path, uri: str) -> str:
    """A job whose proposal was kept by a server that was killed then."""
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}, new={NEW: "def test(): ...\n"})) as client:
        client.accept = lambda _: {"applied": False}
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "kept")
        client.process.kill()
        await client.ended()
    record(tmp_path / "home", HOLD)
    return job


async def refused(client: Client, command: str, job: str) -> str:
    with pytest.raises(ServerError) as error:
        await client.execute(f"codeteam.{command}", {"jobId": job})
    assert error.value.code == -32803
    return str(error.value)


async def can(client: Client, job: str) -> tuple[bool, bool]:
    """What the list and the report say can be done with a job: apply, run again."""
    [entry] = [entry for entry in await listed(client) if entry["jobId"] == job]
    assert (await report(client, job))["job"] == entry
    return entry["canApply"], entry["canRerun"]


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_the_proposal_of_a_killed_server_is_applied_by_the_next(tmp_path: Path, is_open: bool) -> None:
    root, uri = workspace(tmp_path)
    job = await killed(tmp_path, root, uri)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        if is_open:
            client.open(uri, BEFORE)
        assert await can(client, job) == (True, True)
        before = await report(client, job)
        assert await client.execute("codeteam.apply", {"jobId": job}) == {"jobId": job}
        told = await client.job_state(job, "applied")
        assert (told["title"], told["uri"]) == ("refactor a.py, lines 1-1", uri)
        assert (told["quality"], told["canApply"]) == ("tested", False)
        assert (client.buffers[uri].text if is_open else (root / "a.py").read_text()) == AFTER
        assert (root / NEW).read_text() == "def test(): ...\n"
        [edit] = client.edits
        [operation] = [step for step in edit["documentChanges"] if step.get("textDocument", {}).get("uri") == uri]
        assert operation["textDocument"] == {"uri": uri, "version": 1 if is_open else None}
        assert [note["needsConfirmation"] for note in edit["changeAnnotations"].values()] == [True]
        assert await can(client, job) == (False, True)
        assert "was applied already" in await refused(client, "apply", job)
        after = await report(client, job)
        assert (before["job"].pop("state"), after["job"].pop("state")) == ("accepted", "applied")
        assert {**before, "job": None} == {**after, "job": None}
        assert not [entry for entry in client.notifications if entry["method"] == "codeteam/step"]


async def test_who_asks_twice_at_once_gets_one_edit(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    job = await killed(tmp_path, root, uri)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        clicked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        client.accept = lambda _: clicked
        asked = [
            client.ask("workspace/executeCommand", {"command": "codeteam.apply", "arguments": [{"jobId": job}]})
            for _ in range(3)
        ]
        answers = await asyncio.gather(*(future for _, future in asked), return_exceptions=True)
        said = [str(answer) for answer in answers if isinstance(answer, ServerError)]
        assert said == [f"Job {job} is before you already."] * 2
        clicked.set_result(True)
        await client.job_state(job, "applied")
        assert len(client.edits) == 1


async def test_what_was_applied_already_changes_nothing(tmp_path: Path) -> None:
    root, _ = workspace(tmp_path)
    remember(tmp_path / "home", JOB, proposed({"a.py": AFTER}), where=str(root), document=SourceFile("a.py", BEFORE))
    (root / "a.py").write_text(AFTER)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        await client.execute("codeteam.apply", {"jobId": JOB})
        await client.job_state(JOB, "done")
        assert client.edits == []
        assert "as proposed already" in client.messages()[-1]


async def test_what_was_typed_since_is_merged(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    job = await killed(tmp_path, root, uri)
    mine = BEFORE.replace("line_14", "renamed")
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, mine)
        await client.execute("codeteam.apply", {"jobId": job})
        await client.job_state(job, "applied")
        assert client.buffers[uri].text == AFTER.replace("line_14", "renamed")
        [note] = client.edits[0]["changeAnnotations"].values()
        assert "merged with your changes" in note["description"]


async def test_what_was_typed_since_in_the_same_place_is_kept_and_the_job_runs_again(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    job = await killed(tmp_path, root, uri)
    mine = "import re\n" + BEFORE.replace("line_3 = 3\n", "mine = 3\n")
    (root / "a.py").write_text(mine)  # nobody has it open
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        await client.execute("codeteam.apply", {"jobId": job})
        question = await client.asked("window/showMessageRequest")
        assert "a.py was changed meanwhile in the same place (line 5)" in question["message"]
        assert [action["title"] for action in question["actions"]] == ["Open proposal", "Rerun"]
        assert (await client.job_state(job, "kept"))["canApply"] is True
        assert await can(client, job) == (True, True)
        client.choose = lambda _: "Rerun"
        await client.execute("codeteam.apply", {"jobId": job})
        await client.until(lambda: len(tasks(tmp_path / "home")) == 2, "another job")
        first, second = tasks(tmp_path / "home")
        assert second.document == SourceFile("a.py", mine)
        assert (second.intent, second.requirement) == (first.intent, "do it")
        assert (first.selection, second.selection) == (Span(1, 1), Span(2, 2))
        assert (client.edits, (root / "a.py").read_text()) == ([], mine)


async def test_the_proposal_can_be_opened_as_a_patch(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    job = await killed(tmp_path, root, uri)
    (root / "a.py").unlink()
    async with playing(tmp_path / "home", HOLD) as client:
        client.choose = lambda _: "Open proposal"
        await client.initialize(root)
        assert await can(client, job) == (True, False)  # there is nothing to run on
        await client.execute("codeteam.apply", {"jobId": job})
        shown = await client.asked("window/showDocument")
        assert "-line_3 = 3\n+line_3 = 33\n" in (tmp_path / "home" / "proposals" / f"{job}.patch").read_text()
        assert shown["uri"].endswith(f"{job}.patch")
        assert "a.py is no longer there" in client.messages()[0]
        assert (client.edits, list(root.iterdir())) == ([], [])
        assert "not open in the editor" in await refused(client, "rerun", job)


async def test_a_client_without_annotations_is_asked_of_a_past_proposal_too(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    remember(tmp_path / "home", JOB, proposed({"a.py": AFTER}), where=str(root), document=SourceFile("a.py", BEFORE))
    async with playing(tmp_path / "home", HOLD, capabilities=EDIT) as client:
        client.choose = lambda _: "Discard"
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.execute("codeteam.apply", {"jobId": JOB})
        await client.job_state(JOB, "kept")
        assert client.edits == []
        [apply] = [a for a in await client.code_actions(uri, at(0)) if a["kind"] == "source.codeteam.apply"]
        client.choose = lambda _: "Apply"
        await client.run(apply)
        await client.job_state(JOB, "applied")
        assert client.buffers[uri].text == AFTER


async def test_new_files_of_a_job_that_was_about_no_file_are_made(tmp_path: Path) -> None:
    root, _ = workspace(tmp_path)
    remember(tmp_path / "home", JOB, proposed(new={"pkg/n.py": "x = 1\n"}), where=str(root))
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        assert await can(client, JOB) == (True, False)
        await client.execute("codeteam.apply", {"jobId": JOB})
        await client.job_state(JOB, "applied")
        assert (root / "pkg" / "n.py").read_text() == "x = 1\n"
        assert all(
            entry["params"].get("uri") != ""
            for entry in client.notifications
            if entry["method"].endswith("Diagnostics")
        )


@pytest.mark.parametrize("where", ["elsewhere", "", "shop/inner", "."], ids=["other", "none", "inside", "around"])
async def test_a_job_of_another_workspace_is_not_touched(tmp_path: Path, where: str) -> None:
    root, _ = workspace(tmp_path)
    folder = tmp_path / where
    folder.mkdir(exist_ok=True)
    (folder / "a.py").write_text(BEFORE)
    of = str(folder) if where else ""
    remember(tmp_path / "home", JOB, proposed({"a.py": AFTER}), where=of, document=SourceFile("a.py", BEFORE))
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        assert await can(client, JOB) == (False, False)
        reason = f"belongs to {of}, which is not open here" if where else "no workspace folder"
        for command in ("apply", "rerun"):
            assert reason in await refused(client, command, JOB)
        assert client.edits == []
        if where:  # until it is opened
            event = {"added": [{"uri": folder.as_uri(), "name": "it"}], "removed": []}
            client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
            assert await can(client, JOB) == (True, True)


@pytest.mark.parametrize("path", ["../outside.py", "link/outside.py", "/outside.py"])
async def test_no_path_leads_out_of_the_workspace(tmp_path: Path, path: str) -> None:
    """The history is believed no further than a worker is."""
    root, _ = workspace(tmp_path)
    (tmp_path / "outside.py").write_text(BEFORE)
    (root / "link").symlink_to(tmp_path)
    home, outside = tmp_path / "home", SourceFile(path, BEFORE)
    remember(home, "aaa000000001", proposed({path: AFTER}), where=str(root), document=outside)
    remember(home, "aaa000000002", proposed(new={path: AFTER}), where=str(root), document=SourceFile("a.py", BEFORE))
    async with playing(home, HOLD) as client:
        await client.initialize(root)
        for command in ("apply", "rerun"):
            assert "leads out of its workspace" in await refused(client, command, "aaa000000001")
        await client.execute("codeteam.apply", {"jobId": "aaa000000002"})
        question = await client.asked("window/showMessageRequest")
        assert "has no place in the workspace" in question["message"]
        assert client.edits == []
        assert (tmp_path / "outside.py").read_text() == BEFORE


async def test_without_trust_nothing_is_applied_and_nothing_runs(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    job = await killed(tmp_path, root, uri)
    async with playing(tmp_path / "home", HOLD, capabilities=TRUST) as client:
        await client.initialize(root)
        assert await can(client, job) == (False, False)
        for command in ("apply", "rerun"):
            assert "not trusted" in await refused(client, command, job)
        assert len(tasks(tmp_path / "home")) == 1
        client.notify("codeteam/trust", {"trusted": True})
        assert await can(client, job) == (True, True)
        await client.execute("codeteam.apply", {"jobId": job})
        await client.job_state(job, "applied")
        client.notify("codeteam/trust", {"trusted": False})
        assert "not trusted" in await refused(client, "apply", job)


async def test_jobs_without_a_proposal_and_those_that_still_run_are_refused_with_the_reason(tmp_path: Path) -> None:
    root, _ = workspace(tmp_path)
    home, document = tmp_path / "home", SourceFile("a.py", BEFORE)
    remember(home, "aaa000000001", Started(), Failed("model_down", "No."), where=str(root), document=document)
    remember(home, "aaa000000002", Started(), where=str(root), document=document)  # this test's own process lives
    remember(home, "aaa000000003", proposed(), where=str(root))
    async with playing(home, HOLD) as client:
        await client.initialize(root)
        assert [await can(client, f"aaa00000000{n}") for n in (1, 2, 3)] == [
            (False, True),
            (False, False),
            (False, False),
        ]
        assert "no proposal to apply" in await refused(client, "apply", "aaa000000001")
        for command in ("apply", "rerun"):
            assert "still running" in await refused(client, command, "aaa000000002")
        assert "no proposal to apply" in await refused(client, "apply", "aaa000000003")
        assert "was not about a file" in await refused(client, "rerun", "aaa000000003")
        for command in ("apply", "rerun"):
            with pytest.raises(ServerError, match="there is no job 'aaa'"):
                await client.execute(f"codeteam.{command}", {"jobId": "aaa"})


CODE = '"""Texts."""\n\n\ndef slug(text: str) -> str:\n    """Make a slug."""\n    ...\n'


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_a_past_job_runs_again_on_the_document_as_it_is_now(tmp_path: Path, is_open: bool) -> None:
    """What stood in the document is read anew there; lines have moved, and the disk wins where nobody has it open."""
    root, uri = workspace(tmp_path, CODE)
    home = tmp_path / "home"
    async with playing(home, Started(), HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        argument: dict[str, Any] = {"uri": uri, "version": 1, "range": at(4, 4)}
        job = (await client.execute("codeteam.implement", argument))["jobId"]
        await client.job_state(job, "running")
        client.process.kill()
        await client.ended()
    now = "import re\n\n\n" + CODE.replace("Make a slug.", "Make a short slug.")
    (root / "a.py").write_text(BEFORE if is_open else now)
    async with playing(home, *[proposed({"a.py": now.replace("...", "return text")})]) as client:
        await client.initialize(root)
        if is_open:
            client.open(uri, now)
        assert await can(client, job) == (False, True)
        again = (await client.execute("codeteam.rerun", {"jobId": job}))["jobId"]
        told = await client.job_state(again, "applied")
        assert (again != job, told["title"], told["uri"]) == (True, "implement slug", uri)
        first, second = tasks(home)
        assert second.document == SourceFile("a.py", now)
        assert (first.requirement, second.requirement) == ("Make a slug.", "Make a short slug.")
        assert (first.cursor_line, second.cursor_line) == (5, 8)
        assert "return text" in (client.buffers[uri].text if is_open else (root / "a.py").read_text())
        assert await can(client, job) == (False, True)  # the old one stays what it was


async def test_a_job_of_the_command_line_keeps_its_words_and_complaints(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    wrong = (Complaint("undefined", Span(3, 3), "ruff", "F821"),)
    asked: dict[str, Any] = {"document": SourceFile("a.py", BEFORE), "requirement": "mend it", "complaints": wrong}
    remember(tmp_path / "home", JOB, Failed("model_down", "No."), where=str(root), **asked)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.execute("codeteam.rerun", {"jobId": JOB})
        await client.until(lambda: tasks(tmp_path / "home"), "task")
        [task] = tasks(tmp_path / "home")
        assert (task.requirement, task.complaints) == ("mend it", wrong)
