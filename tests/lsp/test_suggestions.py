"""Suggestions that were tried in the sandbox are one action away; others, and those of older text, are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import CAPABILITIES, Client, ServerError, at, without
from tests.lsp.playing import finding, playing, proposed
from tests.lsp.test_findings import reviewed, shown

CODE = "def page(items, start, size):\n    # a page\n    return items[start : start + size - 1]\n"
QUOTE = "    return items[start : start + size - 1]"
FIX = "if size < 1:\n    return []\nreturn items[start : start + size]\n"
TRIED = finding("a.py", 3, QUOTE, suggestion=FIX, fix=FIX)
FIXED = """\
def page(items, start, size):
    # a page
    if size < 1:
        return []
    return items[start : start + size]
"""


def workspace(tmp_path: Path) -> tuple[Path, str]:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "a.py").write_text(CODE)
    return root, (root / "a.py").as_uri()


async def offered(client: Client, uri: str, count: int = 1) -> dict[str, Any] | None:
    """The action that applies the suggestion of the first finding, after the `count`th notification."""
    (fault, *_) = await shown(client, uri, count)
    actions = await client.code_actions(uri, fault["range"], diagnostics=[fault], only=["quickfix"])
    return next((action for action in actions if action["kind"] == "quickfix.codeteam.suggestion"), None)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_applying_it_changes_the_lines_and_takes_the_finding_away(tmp_path: Path, end: str) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[TRIED])) as client:
        await client.initialize(root)
        client.open(uri, CODE.replace("\n", end))
        await reviewed(client, uri)
        action = await offered(client, uri)
        assert action is not None
        assert action["title"] == "Codeteam: apply suggestion: This is wrong."
        assert action["isPreferred"] is True
        assert "edit" not in action
        assert "jobId" in await client.run(action)
        await client.until(lambda: client.buffers[uri].version == 2, "edit")
        assert client.buffers[uri].text == FIXED.replace("\n", end)
        (operation,) = client.edits[0]["documentChanges"]
        assert operation["textDocument"] == {"uri": uri, "version": 1}
        assert "changeAnnotations" not in client.edits[0]  # chosen by its name: nothing is to be confirmed
        assert await shown(client, uri, 2) == []


async def test_it_moves_with_its_lines_and_takes_their_indentation(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[TRIED])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        client.change(uri, (None, "class Pages:\n" + "".join(f"    {line}" for line in CODE.splitlines(keepends=True))))
        action = await offered(client, uri, 2)
        assert action is not None
        await client.run(action)
        await client.until(lambda: client.buffers[uri].version == 3, "edit")
        assert client.buffers[uri].text == "class Pages:\n" + "".join(
            f"    {line}" for line in FIXED.splitlines(keepends=True)
        )


async def test_the_last_line_of_a_file_stays_without_an_end(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[TRIED])) as client:
        await client.initialize(root)
        client.open(uri, CODE.rstrip("\n"))
        await reviewed(client, uri)
        action = await offered(client, uri)
        assert action is not None
        await client.run(action)
        await client.until(lambda: client.buffers[uri].version == 2, "edit")
        assert client.buffers[uri].text == FIXED.rstrip("\n")


async def test_words_and_what_did_not_hold_are_not_offered(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[finding("a.py", 3, QUOTE, suggestion=FIX)])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        assert await offered(client, uri) is None
        with pytest.raises(ServerError, match="no suggestion that was tried"):
            await client.execute("codeteam.applySuggestion", {"findingId": TRIED.fingerprint})


async def test_lines_that_were_touched_are_left_alone(tmp_path: Path) -> None:
    """The quote still stands there, with more beside it: what was tried is no longer what would be made."""
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[TRIED])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        action = await offered(client, uri)
        assert action is not None
        client.change(uri, (at(2, 42), " or []"))
        assert await offered(client, uri, 2) is None
        with pytest.raises(ServerError, match="have changed") as refused:
            await client.run(action)
        assert refused.value.code == -32801
        assert client.edits == []


async def test_a_client_that_applies_no_edits_is_not_offered_one(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    capabilities = without(CAPABILITIES, "workspace", "applyEdit")
    async with playing(tmp_path / "home", proposed(findings=[TRIED]), capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        assert await offered(client, uri) is None


async def test_an_edit_that_the_editor_does_not_take_is_told(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[TRIED])) as client:
        client.accept = lambda _: {"applied": False, "failureReason": "the file is read-only"}
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        action = await offered(client, uri)
        assert action is not None
        await client.run(action)
        await client.until(lambda: any("did not take the edit" in text for text in client.messages()), "message")
        assert client.messages()[-1].endswith("(the file is read-only).")
