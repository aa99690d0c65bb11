"""How a proposal reaches the buffer: confirmed, minimal, in the form the client takes, and never over newer text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.artifacts import Status
from codeteam.domain.events import Proposed
from tests.lsp.client import CAPABILITIES, Client, Refusal, ServerError, at, without
from tests.lsp.playing import GATE, capabilities_of, let_go, playing, proposed, record, tasks

BEFORE = "".join(f"line_{number} = {number}\n" for number in range(30))
AFTER = BEFORE.replace("line_3 = 3\n", "line_3 = 33\nmore = 1\n").replace("line_25 = 25\n", "")
EDIT = without(CAPABILITIES, "workspace", "workspaceEdit", "changeAnnotationSupport")
NEOVIM = without(EDIT, "workspace", "workspaceEdit", "documentChanges")
"""It names the operations on files that it knows, and not the document changes that hold them."""
PLAIN = without(NEOVIM, "workspace", "workspaceEdit", "resourceOperations")
BELOW = proposed({"a.py": AFTER}, status=Status.BELOW, stopped_by="the reviewer found faults")
METHOD_NOT_FOUND, REQUEST_CANCELLED = -32601, -32800


def workspace(tmp_path: Path, text: str = BEFORE) -> tuple[Path, str]:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "a.py").write_bytes(text.encode())
    return root, (root / "a.py").as_uri()


async def started(client: Client, uri: str) -> str:
    argument = {"uri": uri, "version": client.buffers[uri].version, "range": at(0, 0, 1, 0), "instruction": "do it"}
    job: str = (await client.execute("codeteam.refactor", argument))["jobId"]
    return job


async def test_the_edit_is_minimal_versioned_and_to_be_confirmed(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "applied")
        assert client.buffers[uri].text == AFTER
        (operation,) = client.edits[0]["documentChanges"]
        assert operation["textDocument"] == {"uri": uri, "version": 1}
        assert [(edit["range"], edit["newText"]) for edit in operation["edits"]] == [
            (at(3, 0, 4, 0), "line_3 = 33\nmore = 1\n"),
            (at(25, 0, 26, 0), ""),
        ]
        (note,) = client.edits[0]["changeAnnotations"].values()
        assert note["needsConfirmation"] is True
        assert note["description"] == "tested, 2 iterations"
        assert set(client.edits[0]["changeAnnotations"]) == {job}
        assert {edit["annotationId"] for edit in operation["edits"]} == {job}


async def test_new_files_are_created_and_filled(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    new = {"pkg/__init__.py": "", "pkg/neu é.py": "x = 1\n", "tests/test_x.py": "def test_x(): pass"}
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}, new=new)) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "applied")
        assert {path: (root / path).read_text() for path in new} == new
        creations = [step for step in client.edits[0]["documentChanges"] if step.get("kind") == "create"]
        assert len(creations) == 3
        assert all(step["annotationId"] for step in creations)


async def test_a_client_that_cannot_create_files_gets_their_text_alone(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    capabilities = without(CAPABILITIES, "workspace", "workspaceEdit", "resourceOperations")
    async with playing(tmp_path / "home", proposed(new={"n.py": "x = 1\n"}), capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "applied")
        (operation,) = client.edits[0]["documentChanges"]
        assert operation["textDocument"] == {"uri": (root / "n.py").as_uri(), "version": None}
        assert (root / "n.py").read_text() == "x = 1\n"


async def test_a_client_that_names_operations_on_files_gets_them(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(new={"n/n.py": "x = 1\n"}), capabilities=NEOVIM) as client:
        client.choose = lambda question: question["actions"][0]["title"]
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "applied")
        creation, operation = client.edits[0]["documentChanges"]
        assert (creation["kind"], creation["uri"]) == ("create", operation["textDocument"]["uri"])


@pytest.mark.parametrize("capabilities", [EDIT, PLAIN], ids=["versioned", "plain"])
async def test_a_client_without_annotations_is_asked_first(tmp_path: Path, capabilities: dict[str, Any]) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}), capabilities=capabilities) as client:
        client.choose = lambda question: question["actions"][0]["title"]
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "applied")
        question = await client.asked("window/showMessageRequest")
        assert [action["title"] for action in question["actions"]] == ["Apply", "Open proposal", "Discard"]
        assert "a.py (tested, 2 iterations)" in question["message"]
        assert client.buffers[uri].text == AFTER
        assert ("changes" in client.edits[0]) is (capabilities is not EDIT)
        assert "changeAnnotations" not in client.edits[0]


@pytest.mark.parametrize("answer", ["Discard", None])
async def test_who_does_not_want_it_gets_nothing_and_can_apply_it_later(tmp_path: Path, answer: str | None) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}), capabilities=EDIT) as client:
        client.choose = lambda _: answer
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "kept")
        assert client.edits == []
        client.choose = lambda _: "Apply"
        apply = next(a for a in await client.code_actions(uri, at(0)) if a["kind"] == "source.codeteam.apply")
        assert await client.run(apply) == {"jobId": job}
        await client.job_state(job, "applied")
        assert client.buffers[uri].text == AFTER
        with pytest.raises(ServerError, match="applied already"):
            await client.run(apply)


async def test_what_the_user_discards_in_the_preview_is_kept(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        client.accept = lambda _: {"applied": False, "failureReason": "discarded by the user"}
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "kept")
        log = await client.notified("window/logMessage")
        assert "discarded by the user" in log["message"]
        client.accept = lambda _: True
        await client.execute("codeteam.apply", {"jobId": job})
        await client.job_state(job, "applied")
        assert client.buffers[uri].text == AFTER


async def test_edits_made_meanwhile_elsewhere_are_merged(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed({"a.py": AFTER})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        client.change(uri, (at(0, 0), "# typed meanwhile\n"), (at(15, 0, 15, 7), "renamed"))
        await client.code_actions(uri, at(0))  # the server has seen it when it answers this
        let_go(tmp_path / "home")
        await client.job_state(job, "applied")
        text = client.buffers[uri].text
        assert text == "# typed meanwhile\n" + AFTER.replace("line_14", "renamed")
        assert client.edits[0]["documentChanges"][0]["textDocument"]["version"] == 2
        (note,) = client.edits[0]["changeAnnotations"].values()
        assert "merged with your changes" in note["description"]


async def test_edits_made_meanwhile_in_the_same_place_are_never_overwritten(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed({"a.py": AFTER})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        client.change(uri, (at(3, 0, 3, 10), "mine = 3"))
        await client.code_actions(uri, at(0))
        let_go(tmp_path / "home")
        await client.job_state(job, "kept")
        assert client.edits == []
        assert client.buffers[uri].text == BEFORE.replace("line_3 = 3\n", "mine = 3\n")
        question = await client.asked("window/showMessageRequest")
        assert "changed meanwhile in the same place (line 4)" in question["message"]
        assert [action["title"] for action in question["actions"]] == ["Open proposal", "Rerun"]
        client.change(uri, (at(3, 0, 3, 8), "line_3 = 3"))  # the user takes it back
        await client.execute("codeteam.apply", {"jobId": job})
        await client.job_state(job, "applied")
        assert client.buffers[uri].text == AFTER


async def test_a_conflict_can_be_run_again_on_the_new_text(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed({"a.py": AFTER})) as client:
        client.choose = lambda _: "Rerun"
        await client.initialize(root)
        client.open(uri, BEFORE)
        await started(client, uri)
        client.change(uri, (at(3, 0, 3, 10), "mine = 3"))
        await client.code_actions(uri, at(0))
        let_go(tmp_path / "home")
        await client.until(lambda: len(tasks(tmp_path / "home")) == 2, "second job")
        client.choose = lambda _: None
        document = tasks(tmp_path / "home")[1].document
        assert document is not None
        assert "mine = 3" in document.text


async def test_a_conflict_can_be_looked_at_as_a_patch(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed({"a.py": AFTER}, new={"n.py": "x\n"})) as client:
        client.choose = lambda _: "Open proposal"
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        client.change(uri, (at(3, 0, 3, 10), "mine = 3"))
        await client.code_actions(uri, at(0))
        let_go(tmp_path / "home")
        shown = await client.asked("window/showDocument")
        path = tmp_path / "home" / "proposals" / f"{job}.patch"
        assert shown["uri"] == path.as_uri()
        patch = path.read_text()
        assert "-line_3 = 3\n+line_3 = 33\n+more = 1\n" in patch
        assert "new file mode 100644\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1,1 @@\n+x\n" in patch
        assert path.stat().st_mode & 0o077 == 0


async def test_typing_while_the_edit_is_on_its_way_makes_it_anew(tmp_path: Path) -> None:
    """The client refuses the version that it has left behind; the next edit is made for the new text."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:

        def type_first(_: Any) -> bool:
            if len(client.edits) == 1:
                client.change(uri, (at(29, 0), "late = 1\n"))
            return True

        client.accept = type_first
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "applied")
        assert len(client.edits) == 2
        assert client.buffers[uri].text == AFTER.replace("line_29", "late = 1\nline_29")


def thinking(client: Client, uri: str, *typed: str) -> Callable[[Any], Any]:
    """A user who looks at each preview for longer than an editor takes, and types meanwhile, once for each of these."""

    def accept(_: Any) -> Any:
        async def think() -> bool:
            await asyncio.sleep(1.2)
            if len(client.edits) <= len(typed):
                client.change(uri, (at(29, 0), typed[len(client.edits) - 1]))
            return False

        return asyncio.ensure_future(think())

    return accept


async def test_an_apply_after_typing_while_the_preview_stood_is_made_anew_however_late(tmp_path: Path) -> None:
    """The client refuses a version that it has left behind without a reason, also when its user took a while."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        think = thinking(client, uri, "late = 1\n")
        client.accept = lambda edit: think(edit) if len(client.edits) == 1 else True
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "applied")
        assert [edit["documentChanges"][0]["textDocument"]["version"] for edit in client.edits] == [1, 2]
        assert client.buffers[uri].text == AFTER.replace("line_29", "late = 1\nline_29")
        (note,) = client.edits[1]["changeAnnotations"].values()
        assert note["needsConfirmation"] is True, "nobody has seen what the merge makes of it"
        assert "merged with your changes" in note["description"]


async def test_a_discard_after_typing_is_asked_about_once_more_at_most(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        client.accept = thinking(client, uri, "late = 1\n")
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "kept")
        assert len(client.edits) == 2
        assert client.messages() == []
        assert client.buffers[uri].text == BEFORE.replace("line_29", "late = 1\nline_29")


async def test_who_types_in_every_preview_is_told_that_the_proposal_is_kept(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        client.accept = thinking(client, uri, "late = 1\n", "later = 1\n", "last = 1\n")
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "kept")
        assert "the file keeps changing" in (await client.asked("window/showMessageRequest"))["message"]
        assert len(client.edits) == 2


async def test_a_late_refusal_with_a_reason_is_final(tmp_path: Path) -> None:
    """So an editor says that its user has discarded the proposal."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:

        async def discard() -> dict[str, Any]:
            await asyncio.sleep(1.2)
            client.change(uri, (at(29, 0), "late = 1\n"))
            return {"applied": False, "failureReason": "discarded"}

        client.accept = lambda _: asyncio.ensure_future(discard())
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "kept")
        assert len(client.edits) == 1
        assert client.messages() == []


async def test_typing_while_the_question_stands_is_merged_too(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}), capabilities=PLAIN) as client:

        def type_and_apply(_: Any) -> str:
            client.change(uri, (at(29, 0), "late = 1\n"))
            return "Apply"

        client.choose = type_and_apply
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "applied")
        assert client.buffers[uri].text == AFTER.replace("line_29", "late = 1\nline_29")


@pytest.mark.parametrize(
    ("meanwhile", "state", "result"),
    [
        ("B = 1\nC = 2\nD = 3\nE = 4\n", "applied", "B = 1\nC = 2\nD = 3\nE = 44\n"),
        ("B = 11\nC = 2\nD = 3\nE = 4\n", "applied", "B = 11\nC = 2\nD = 3\nE = 44\n"),
        ("B = 1\nC = 2\nD = 3\nE = 5\n", "kept", "B = 1\nC = 2\nD = 3\nE = 5\n"),
    ],
    ids=["as it was", "changed elsewhere", "changed in the same line"],
)
async def test_a_closed_file_is_compared_with_the_disk(tmp_path: Path, meanwhile: str, state: str, result: str) -> None:
    root, uri = workspace(tmp_path, "import b\n" + BEFORE)
    (root / "b.py").write_text("B = 1\nC = 2\nD = 3\nE = 4\n")
    async with playing(tmp_path / "home", GATE, proposed({"b.py": "B = 1\nC = 2\nD = 3\nE = 44\n"})) as client:
        await client.initialize(root)
        client.open(uri, "import b\n" + BEFORE)
        job = await started(client, uri)
        await client.until(lambda: tasks(tmp_path / "home"), "task")
        (root / "b.py").write_text(meanwhile)
        let_go(tmp_path / "home")
        await client.job_state(job, state)
        assert (root / "b.py").read_text() == result


def renamed(path: Path) -> None:
    path.rename(path.with_name("renamed.py"))


def made_read_only(path: Path) -> None:
    path.chmod(0o444)


def made_binary(path: Path) -> None:
    path.write_bytes(b"\x00\xff")


def made_a_link_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("meanwhile", "says"),
    [
        (Path.unlink, "is no longer there"),
        (renamed, "is no longer there"),
        (made_binary, "no longer a text file"),
        (made_read_only, "is read-only"),
        (made_a_link_out, "has no place in the workspace"),
    ],
    ids=["deleted", "renamed", "binary", "read-only", "link"],
)
async def test_a_closed_file_that_cannot_be_changed_any_more_is_left_alone(
    tmp_path: Path, meanwhile: Callable[[Path], None], says: str
) -> None:
    root, uri = workspace(tmp_path, "import b\n" + BEFORE)
    (root / "b.py").write_text("B = 1\n")
    async with playing(tmp_path / "home", GATE, proposed({"b.py": "B = 2\n"})) as client:
        client.choose = lambda question: "Open proposal" if question["actions"][0]["title"] == "Open proposal" else None
        await client.initialize(root)
        client.open(uri, "import b\n" + BEFORE)
        job = await started(client, uri)
        await client.until(lambda: tasks(tmp_path / "home"), "task")
        meanwhile(root / "b.py")
        let_go(tmp_path / "home")
        await client.job_state(job, "kept")
        assert client.edits == []
        question = await client.asked("window/showMessageRequest")
        assert says in question["message"]
        assert [action["title"] for action in question["actions"]] == ["Open proposal", "Rerun"]
        await client.asked("window/showDocument")
        assert "-B = 1\n+B = 2\n" in (tmp_path / "home" / "proposals" / f"{job}.patch").read_text()


@pytest.mark.parametrize("meanwhile", [Path.unlink, renamed], ids=["deleted", "renamed"])
async def test_the_document_itself_may_be_closed_and_gone_by_then(
    tmp_path: Path, meanwhile: Callable[[Path], None]
) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed({"a.py": AFTER})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.until(lambda: tasks(tmp_path / "home"), "task")
        client.close(uri)
        meanwhile(root / "a.py")
        await client.code_actions(uri, at(0))  # the server has seen it when it answers this
        let_go(tmp_path / "home")
        await client.job_state(job, "kept")
        assert client.edits == []
        assert not (root / "a.py").exists()
        question = await client.asked("window/showMessageRequest")
        assert "is no longer there" in question["message"]
        assert [action["title"] for action in question["actions"]] == ["Open proposal"], "there is nothing to rerun"


async def test_a_new_file_is_not_made_in_a_folder_that_is_read_only(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    (root / "sealed").mkdir()
    (root / "sealed").chmod(0o555)
    async with playing(tmp_path / "home", proposed(new={"sealed/deep/n.py": "x = 1\n"})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "kept")
        assert client.edits == []
        assert "read-only" in (await client.asked("window/showMessageRequest"))["message"]


async def test_an_open_document_is_the_editors_matter_even_when_its_file_is_read_only(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    (root / "a.py").chmod(0o444)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        client.accept = lambda _: {"applied": False, "failureReason": "a.py is read-only"}
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "kept")
        assert "a.py is read-only" in (await client.notified("window/logMessage"))["message"]
        assert client.buffers[uri].text == BEFORE


async def test_a_new_file_never_replaces_one_that_has_come_meanwhile(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed(new={"n.py": "x = 1\n"})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        (root / "n.py").write_text("mine\n")
        let_go(tmp_path / "home")
        await client.job_state(job, "kept")
        assert "n.py exists already" in (await client.asked("window/showMessageRequest"))["message"]
        assert (root / "n.py").read_text() == "mine\n"


@pytest.mark.parametrize("path", ["../outside.py", "/etc/outside.py", "link/outside.py", "a\\..\\b.py", ""])
async def test_nothing_is_written_outside_of_the_workspace(tmp_path: Path, path: str) -> None:
    root, uri = workspace(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}, new={path: "x\n"})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "kept")
        assert client.edits == []
        assert "no place in the workspace" in (await client.asked("window/showMessageRequest"))["message"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_texts_of_all_kinds_arrive_whole(tmp_path: Path, encoding: str) -> None:
    pairs = [
        ("é = '😀'\r\nb = 2\r\nc = 3\r\n", "é = '😀'\r\nb = 22\r\nc = 3\r\n"),
        ("é = '😀'\nlast = '😀😀'", "é = '😀'\nlast = '😀😀'\nmore = 1"),
        ("\ufeffa = 1\nb\x0c = '\u2028'\nc = 3\n", "\ufeffa = 1\nb\x0c = '\u2028'\nc = 4\n"),
        ("a = 1\n", ""),
        ("", "a = 1\n"),
    ]
    root, uri = workspace(tmp_path)
    capabilities = {**CAPABILITIES, "general": {"positionEncodings": [encoding, "utf-16"]}}
    async with playing(tmp_path / "home", capabilities=capabilities) as client:
        assert (await client.initialize(root))["capabilities"]["positionEncoding"] == encoding
        for before, after in pairs:
            record(tmp_path / "home", proposed({"a.py": after}))
            client.open(uri, before)
            await client.job_state(await started(client, uri), "applied")
            assert client.buffers[uri].text == after


async def test_line_ends_stay_crlf_even_when_the_proposal_forgot_them(tmp_path: Path) -> None:
    before = BEFORE.replace("\n", "\r\n")
    root, uri = workspace(tmp_path, before)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        await client.initialize(root)
        client.open(uri, before)
        await client.job_state(await started(client, uri), "applied")
        assert client.buffers[uri].text == AFTER.replace("\n", "\r\n")
        assert len(client.edits[0]["documentChanges"][0]["edits"]) == 2


@pytest.mark.parametrize("capabilities", [CAPABILITIES, EDIT, PLAIN], ids=["previewing", "versioned", "plain"])
@pytest.mark.parametrize("answer", ["Apply", "Discard", None])
async def test_what_is_below_the_quality_is_asked_about_in_every_editor(
    tmp_path: Path, capabilities: dict[str, Any], answer: str | None
) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", BELOW, capabilities=capabilities) as client:
        client.choose = lambda _: answer
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "applied" if answer == "Apply" else "kept")
        question = await client.asked("window/showMessageRequest")
        assert question["type"] == 2, "it is a warning"
        assert "(below the quality asked for, the reviewer found faults, tested, 2 iterations)" in question["message"]
        assert [action["title"] for action in question["actions"]] == ["Apply", "Open proposal", "Discard"]
        assert client.buffers[uri].text == (AFTER if answer == "Apply" else BEFORE)
        assert len(client.edits) == (answer == "Apply")
        assert len(client.messages()) == 1
        if client.edits and capabilities is CAPABILITIES:
            (note,) = client.edits[0]["changeAnnotations"].values()
            assert note["needsConfirmation"] is True
            assert note["description"].startswith("below the quality asked for, the reviewer found faults")


async def test_what_is_below_the_quality_is_asked_about_again_when_it_is_chosen_later(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", BELOW) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "kept")
        await client.execute("codeteam.apply", {"jobId": job})
        await client.asked("window/showMessageRequest", count=2)
        assert client.edits == []


@pytest.mark.parametrize("follows", [True, False], ids=["follows jobs", "does not"])
async def test_an_editor_that_previews_is_told_once_what_speaks_for_a_proposal(tmp_path: Path, follows: bool) -> None:
    """Whoever follows its jobs tells it by itself, beside the preview."""
    root, uri = workspace(tmp_path)
    capabilities = CAPABILITIES if follows else without(CAPABILITIES, "experimental")
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}), capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        await started(client, uri)
        await client.until(lambda: client.buffers[uri].text == AFTER, "edit")
        (note,) = client.edits[0]["changeAnnotations"].values()
        assert note["description"] == "tested, 2 iterations"
        wanted = [] if follows else ["Codeteam proposes to refactor a.py, lines 1-1: a.py (tested, 2 iterations)."]
        assert client.messages() == wanted


def refusing(code: int) -> Callable[[Any], Any]:
    def refuse(_: Any) -> Any:
        raise Refusal("Method not found", code=code)

    return refuse


@pytest.mark.parametrize("end", [proposed({"a.py": AFTER}), BELOW], ids=["accepted", "below"])
async def test_an_editor_without_questions_says_where_the_proposal_is_and_applies_it_by_name(
    tmp_path: Path, end: Proposed
) -> None:
    """As Helix answers that knows no questions."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", end, capabilities=capabilities_of("helix")) as client:
        client.answers["window/showMessageRequest"] = refusing(METHOD_NOT_FOUND)
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        told = await client.notified("window/showMessage")
        patch = tmp_path / "home" / "proposals" / f"{job}.patch"
        action = "Codeteam: apply the kept proposal (refactor a.py, lines 1-1)"
        assert (
            f"nothing was changed. It is in {patch}; to apply it, choose the code action “{action}”" in told["message"]
        )
        assert ("below the quality asked for, the reviewer found faults" in told["message"]) is (end is BELOW)
        assert told["type"] == (2 if end is BELOW else 3)
        assert "-line_3 = 3\n+line_3 = 33\n" in patch.read_text()
        assert (client.edits, client.buffers[uri].text) == ([], BEFORE)
        apply = next(a for a in await client.code_actions(uri, at(0)) if a["title"] == action)
        assert await client.run(apply) == {"jobId": job}
        await client.until(lambda: client.buffers[uri].text == AFTER, "edit")
        assert "tested, 2 iterations" in (await client.notified("window/showMessage", count=2))["message"]


async def test_a_question_that_was_cancelled_is_no_consent(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}), capabilities=EDIT) as client:
        client.answers["window/showMessageRequest"] = refusing(REQUEST_CANCELLED)
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.job_state(job, "kept")
        await client.execute("codeteam.apply", {"jobId": job})
        await client.notified("codeteam/job", lambda params: params["state"] == "kept", count=2)
        assert client.edits == []


async def test_an_editor_without_questions_is_told_why_nothing_was_changed(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", GATE, proposed({"a.py": AFTER}), capabilities=PLAIN) as client:
        client.answers["window/showMessageRequest"] = refusing(METHOD_NOT_FOUND)
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        client.change(uri, (at(3, 0, 3, 10), "mine = 3"))
        await client.code_actions(uri, at(0))
        let_go(tmp_path / "home")
        told = await client.notified("window/showMessage")
        patch = tmp_path / "home" / "proposals" / f"{job}.patch"
        assert "changed meanwhile in the same place (line 4)" in told["message"]
        assert f"The proposal is kept: it is in {patch}." in told["message"]
        assert patch.exists()


async def test_a_proposal_that_changes_nothing_says_so(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": BEFORE})) as client:
        await client.initialize(root)
        client.open(uri, BEFORE)
        await client.job_state(await started(client, uri), "done")
        assert client.edits == []
        assert any("as proposed already" in message for message in client.messages())


async def test_a_client_that_cannot_apply_edits_gets_a_patch(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    capabilities = without(without(CAPABILITIES, "workspace", "applyEdit"), "window", "showDocument")
    async with playing(tmp_path / "home", proposed({"a.py": AFTER}), capabilities=capabilities) as client:
        client.choose = lambda _: "Open proposal"
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.until(lambda: any(".patch" in text for text in client.messages()), "path of the patch")
        assert (tmp_path / "home" / "proposals" / f"{job}.patch").exists()


async def test_the_user_may_look_at_the_preview_for_a_while_and_the_server_goes_on(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        thinking: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        client.accept = lambda _: thinking
        await client.initialize(root)
        client.open(uri, BEFORE)
        job = await started(client, uri)
        await client.until(lambda: client.edits, "edit")
        assert client.progress(job)[-1]["kind"] == "end"
        assert await client.code_actions(uri, at(0, 0, 1, 0))
        thinking.set_result(True)
        await client.job_state(job, "applied")


async def test_shutdown_withdraws_the_question(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed({"a.py": AFTER})) as client:
        client.accept = lambda _: asyncio.get_running_loop().create_future()
        await client.initialize(root)
        client.open(uri, BEFORE)
        await started(client, uri)
        await client.until(lambda: client.edits, "edit")
        number = next(request["id"] for request in client.requests if request["method"] == "workspace/applyEdit")
        assert await client.leave() == 0
        assert await client.notified("$/cancelRequest") == {"id": number}


async def test_a_change_in_ten_thousand_lines_is_two_small_edits(tmp_path: Path) -> None:
    before = "".join(f"value_{number} = {number % 7}\n" for number in range(10_000))
    after = before.replace("value_5 = 5\n", "").replace("value_9990 = 1\n", "value_9990 = 1\nmore = 2\n")
    root, uri = workspace(tmp_path, before)
    async with playing(tmp_path / "home", proposed({"a.py": after})) as client:
        await client.initialize(root)
        client.open(uri, before)
        await client.job_state(await started(client, uri), "applied")
        assert client.buffers[uri].text == after
        (operation,) = client.edits[0]["documentChanges"]
        assert [(edit["range"], edit["newText"]) for edit in operation["edits"]] == [
            (at(5, 0, 6, 0), ""),
            (at(9991, 0, 9991, 0), "more = 2\n"),
        ]
