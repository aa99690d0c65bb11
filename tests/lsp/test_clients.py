"""A whole job with what each editor says of itself; `capabilities/` tells where that was taken from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.events import Failed
from codeteam.domain.findings import Related
from tests.lsp.client import Client, ServerError, at
from tests.lsp.playing import GATE, HOLD, STEPS, capabilities_of, finding, let_go, playing, proposed

EDITORS = sorted(path.stem for path in (Path(__file__).parent / "capabilities").glob("*.json"))
ENCODINGS = {"vscode": "utf-16", "neovim": "utf-8", "emacs": "utf-16", "helix": "utf-8", "zed": "utf-16"}
CONFIRM = {"vscode"}
"""Those that ask their user themselves before an edit is made; the others are asked first."""
CODE = 'é = "😀"\n\n\ndef slug(text: str) -> str:\n    """Make a slug."""\n    ...  # 😀\n'
DONE = CODE.replace("...  # 😀", "return text.lower()").replace('"😀"', '"😀😀"')
TEST = "def test_slug() -> None:\n    ...\n"
FAULT = finding(
    "slug.py",
    6,
    "    return text.lower()",
    url="https://docs.example/rule",
    related=(Related("test_old.py", 1, "test_old fails"),),
)


def declared(editor: str, *names: str) -> Any:
    value: Any = capabilities_of(editor)
    for name in names:
        value = value.get(name, {}) if isinstance(value, dict) else {}
    return value


def workspace(tmp_path: Path) -> tuple[Path, str]:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "slug.py").write_text(CODE)
    (root / "test_old.py").write_text("def test_old() -> None: ...\n")
    return root, (root / "slug.py").as_uri()


async def implement(client: Client, uri: str) -> str:
    """Choose the first entry of the menu on the stub, as a user does."""
    actions = await client.code_actions(uri, at(4, 4), only=["refactor"])
    assert actions[0]["title"] == "Codeteam: implement slug"
    job: str = (await client.run(actions[0]))["jobId"]
    return job


def shown_diagnostics(client: Client, uri: str) -> list[dict[str, Any]]:
    told = [entry["params"] for entry in client.notifications if entry["method"].endswith("publishDiagnostics")]
    return next((params["diagnostics"] for params in reversed(told) if params["uri"] == uri), [])


def test_there_are_the_five_editors() -> None:
    assert set(EDITORS) == set(ENCODINGS)


@pytest.mark.parametrize("editor", EDITORS)
async def test_a_job_from_the_menu_to_the_dismissed_finding(tmp_path: Path, editor: str) -> None:
    root, uri = workspace(tmp_path)
    end = proposed({"slug.py": DONE}, new={"tests/test_slug.py": TEST}, findings=[FAULT])
    async with playing(tmp_path / "home", GATE, *STEPS, end, capabilities=capabilities_of(editor)) as client:
        client.choose = lambda question: question["actions"][0]["title"]
        result = await client.initialize(root)
        assert result["capabilities"]["positionEncoding"] == ENCODINGS[editor]
        client.open(uri, CODE)
        job = await implement(client, uri)
        await _began(client, editor, job)
        let_go(tmp_path / "home")
        await client.until(lambda: client.buffers[uri].text == DONE, "edit")
        await client.until(lambda: shown_diagnostics(client, uri), "finding")
        assert (root / "tests" / "test_slug.py").read_text() == TEST
        _check_edit(client, editor)
        fault = shown_diagnostics(client, uri)[0]
        _check_diagnostic(fault, editor, root)
        if not declared(editor, "textDocument", "publishDiagnostics", "dataSupport"):
            fault.pop("data")  # the client need not send back what it does not say it keeps
        actions = await client.code_actions(uri, fault["range"], diagnostics=[fault])
        await client.run(next(action for action in actions if action["title"].startswith("Codeteam: dismiss")))
        await client.until(lambda: not shown_diagnostics(client, uri), "dismissed finding")
        assert await client.leave() == 0


async def _began(client: Client, editor: str, job: str) -> None:
    """What the user sees of a job's beginning: progress, or a message where there is none."""
    if declared(editor, "window", "workDoneProgress"):
        await client.until(lambda: client.progress(job), "progress")
        assert client.messages() == []
    else:
        await client.until(client.messages, "message")
        assert "started" in client.messages()[0]
        assert not any(entry["method"] == "$/progress" for entry in client.notifications)
        assert not any(request["method"] == "window/workDoneProgress/create" for request in client.requests)


def _check_edit(client: Client, editor: str) -> None:
    """The strongest form that the editor takes, and its user asked where it does not ask itself."""
    (edit,) = client.edits
    questions = [request for request in client.requests if request["method"] == "window/showMessageRequest"]
    assert (len(questions), "changeAnnotations" in edit) == ((0, True) if editor in CONFIRM else (1, False))
    operations = edit.get("documentChanges")
    creates = "create" in declared(editor, "workspace", "workspaceEdit", "resourceOperations")
    assert (operations is not None) is (declared(editor, "workspace", "workspaceEdit", "documentChanges") or creates)
    assert operations is not None
    assert any(step.get("kind") == "create" for step in operations) is creates
    versions = [step["textDocument"]["version"] for step in operations if "textDocument" in step]
    assert versions == [1, None]


def _check_diagnostic(fault: dict[str, Any], editor: str, root: Path) -> None:
    told = declared(editor, "textDocument", "publishDiagnostics")
    assert fault["code"] == "bug/off-by-one"
    assert ("codeDescription" in fault) is (told.get("codeDescriptionSupport") is True)
    assert ("relatedInformation" in fault) is (told.get("relatedInformation") is True)
    if "relatedInformation" in fault:
        assert fault["relatedInformation"][0]["location"]["uri"] == (root / "test_old.py").as_uri()
    else:
        assert "See test_old.py, line 1" in fault["message"]


@pytest.mark.parametrize("editor", EDITORS)
async def test_a_job_is_cancelled_by_what_the_editor_has(tmp_path: Path, editor: str) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", *STEPS, HOLD, capabilities=capabilities_of(editor)) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await implement(client, uri)
        await _began(client, editor, job)
        actions = await client.code_actions(uri, at(0))
        cancel = next(action for action in actions if action["title"].startswith("Cancel Codeteam job"))
        assert await client.run(cancel) == {"jobId": job, "cancelled": True}
        if declared(editor, "window", "workDoneProgress"):
            await client.until(lambda: client.progress(job)[-1]["kind"] == "end", "end of the progress")
        else:
            await client.until(
                lambda: any(
                    entry["method"] == "window/logMessage" and entry["params"]["message"].endswith("cancelled")
                    for entry in client.notifications
                ),
                "word of the end",
            )
        assert client.edits == []


@pytest.mark.parametrize("editor", EDITORS)
async def test_what_cannot_run_is_disabled_or_refused_with_the_reason(tmp_path: Path, editor: str) -> None:
    root, uri = workspace(tmp_path)
    down = Failed("docker_down", "Docker does not answer.", "Start it, then try again.")
    async with playing(tmp_path / "home", down, capabilities=capabilities_of(editor)) as client:
        await client.initialize(root, initializationOptions={"trusted": False})
        client.open(uri, CODE)
        action = (await client.code_actions(uri, at(4, 4), only=["refactor"]))[0]
        if declared(editor, "textDocument", "codeAction", "disabledSupport"):
            assert "not trusted" in action["disabled"]["reason"]
        else:
            assert "disabled" not in action
        with pytest.raises(ServerError, match="not trusted"):
            await client.run(action)
