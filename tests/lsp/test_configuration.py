"""Settings from the editor: taken from wherever it gives them, and what is wrong is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.settings import Settings
from tests.lsp.client import CAPABILITIES, Client, at
from tests.lsp.playing import HOLD, playing, tasks

PULL: dict[str, Any] = {
    **CAPABILITIES,
    "workspace": {
        **CAPABILITIES["workspace"],
        "configuration": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
    },
}


async def settings_of_next_job(client: Client, home: Path, uri: str) -> Settings:
    before = len(tasks(home))
    argument = {"uri": uri, "version": 1, "range": at(0, 0, 0, 5)}
    await client.execute("codeteam.refactor", argument)
    await client.until(lambda: len(tasks(home)) > before, "task")
    return tasks(home)[-1].settings


def workspace(tmp_path: Path) -> tuple[Path, str]:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "a.py").write_text("x = 1\n")
    return root, (root / "a.py").as_uri()


async def test_start_options_may_stand_alone_or_under_our_name(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    for options in ({"maxIterations": 2, "trusted": True}, {"codeteam": {"max-iterations": 2}}):
        async with playing(tmp_path / "home", HOLD) as client:
            await client.initialize(root, initializationOptions=options)
            client.open(uri, "x = 1\n")
            assert (await settings_of_next_job(client, tmp_path / "home", uri)).max_iterations == 2
            assert client.messages() == []


async def test_wrong_settings_are_told_and_the_others_count(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        options = {"maxIterations": 99, "styleGuide": "Google", "maxIteratons": 2}
        await client.initialize(root, initializationOptions=options)
        message = await client.notified("window/showMessage")
        assert message["type"] == 2
        assert "maxIterations" in message["message"]
        assert "maxIteratons" in message["message"]
        client.open(uri, "x = 1\n")
        settings = await settings_of_next_job(client, tmp_path / "home", uri)
        assert (settings.max_iterations, settings.style_guide) == (5, "Google")


async def test_options_that_are_no_object_are_told(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(initializationOptions=[1])
        assert "must be an object" in (await client.notified("window/showMessage"))["message"]


async def test_the_editors_settings_are_asked_for_and_win(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD, capabilities=PULL) as client:
        client.settings = {"maxIterations": 7}
        await client.initialize(root, initializationOptions={"maxIterations": 3, "framework": "flask"})
        assert await client.asked("workspace/configuration") == {"items": [{"section": "codeteam"}]}
        registration = (await client.asked("client/registerCapability"))["registrations"][0]
        assert registration["method"] == "workspace/didChangeConfiguration"
        client.open(uri, "x = 1\n")
        settings = await settings_of_next_job(client, tmp_path / "home", uri)
        assert (settings.max_iterations, settings.framework) == (7, "flask")
        client.settings = {"maxIterations": 0}
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        assert "maxIterations" in (await client.notified("window/showMessage"))["message"]
        settings = await settings_of_next_job(client, tmp_path / "home", uri)
        assert settings.max_iterations == 3


async def test_settings_that_are_pushed_count_where_they_cannot_be_asked_for(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.notify("workspace/didChangeConfiguration", {"settings": {"codeteam": {"requireTests": False}}})
        client.open(uri, "x = 1\n")
        assert (await settings_of_next_job(client, tmp_path / "home", uri)).require_tests is False


async def test_a_workspace_may_tighten_and_what_else_it_tries_is_told_once(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    (root / "codeteam.toml").write_text('max_iterations = 2\nsandbox = "local"\n')
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, "x = 1\n")
        settings = await settings_of_next_job(client, tmp_path / "home", uri)
        assert (settings.max_iterations, str(settings.sandbox)) == (2, "docker")
        await settings_of_next_job(client, tmp_path / "home", uri)
        assert len([text for text in client.messages() if "sandbox" in text]) == 1


TRUSTING: dict[str, Any] = {**PULL, "experimental": {"codeteam": {"trust": True}}}
HOSTILE = {"model": "compatible/x", "developerModel": "compatible/x", "baseUrl": "http://127.0.0.1:9/v1"}
LOOSE = {"maxIterations": 50, "requireTests": False, "maxSeconds": 0, "require": "draft", "sandbox": "local"}


@pytest.mark.parametrize("told_apart", [True, False])
async def test_an_editors_settings_of_the_workspace_only_tighten(tmp_path: Path, told_apart: bool) -> None:
    """Also those of an editor that has such settings and does not say which they are."""
    root, uri = workspace(tmp_path)
    brought = {**HOSTILE, **LOOSE, "executionTimeout": 30, "styleGuide": "Google"}
    async with playing(tmp_path / "home", HOLD, capabilities=TRUSTING) as client:
        client.settings = {"maxTokens": 900, "workspace": brought} if told_apart else brought
        await client.initialize(root, initializationOptions={"trusted": True})
        client.open(uri, "x = 1\n")
        settings = await settings_of_next_job(client, tmp_path / "home", uri)
        tightened = Settings(execution_timeout=30, style_guide="Google", max_tokens=900 if told_apart else 0)
        assert settings == tightened
        [message] = client.messages()
        for name in ("model", "developer_model", "base_url", "max_iterations", "require_tests", "sandbox"):
            assert f'editor settings of the workspace: "{name}"' in message


async def test_what_the_user_chose_in_the_editor_counts_beside_the_workspaces(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", HOLD, capabilities=TRUSTING) as client:
        client.settings = {"model": "editor", "maxIterations": 9, "workspace": {"maxIterations": 3, "jobs": 9}}
        options = {"trusted": True, "workspace": {"maxIterations": 4, "requireLogging": True}}
        await client.initialize(root, initializationOptions=options)
        client.open(uri, "x = 1\n")
        settings = await settings_of_next_job(client, tmp_path / "home", uri)
        assert settings == Settings(model="editor", max_iterations=3, require_logging=True)
        client.settings = {"maxIterations": 2, "workspace": {"maxIterations": 3}}
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        await client.until(lambda: any("stays at 2" in text for text in client.messages()), "what is refused")
        assert (await settings_of_next_job(client, tmp_path / "home", uri)).max_iterations == 2


async def test_the_innermost_folder_that_holds_the_file_is_its_workspace(tmp_path: Path) -> None:
    root, _ = workspace(tmp_path)
    inner = root / "packages" / "one"
    inner.mkdir(parents=True)
    (inner / "b.py").write_text("y = 1\n")
    uri = (inner / "b.py").as_uri()
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, "y = 1\n")
        await settings_of_next_job(client, tmp_path / "home", uri)
        added = {"added": [{"uri": inner.as_uri(), "name": "one"}], "removed": []}
        client.notify("workspace/didChangeWorkspaceFolders", {"event": added})
        await settings_of_next_job(client, tmp_path / "home", uri)
        client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": added["added"]}})
        await settings_of_next_job(client, tmp_path / "home", uri)
        paths = [task.document.path for task in tasks(tmp_path / "home") if task.document]
        assert paths == ["packages/one/b.py", "b.py", "packages/one/b.py"]
