"""Findings as diagnostics: where the quoted text is, for as long as it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.findings import Related, Severity
from tests.lsp.client import CAPABILITIES, Client, at, without
from tests.lsp.playing import finding, playing, proposed

CODE = "import os\n\n\ndef size(path):\n    é = os.stat(path)\n    return é.st_size\n"
FAULT = finding("a.py", 6, "return é.st_size", trigger="a folder", suggestion="check it", severity=Severity.ERROR)
WIDE = finding("a.py", 4, "def size(path):\n    é = os.stat(path)", rule="docs/missing")


def workspace(tmp_path: Path) -> tuple[Path, str]:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "a.py").write_text(CODE)
    return root, (root / "a.py").as_uri()


async def reviewed(client: Client, uri: str) -> str:
    argument = {"uri": uri, "version": client.buffers[uri].version, "range": at(0)}
    job: str = (await client.execute("codeteam.review", argument))["jobId"]
    await client.job_state(job, "done")
    return job


async def shown(client: Client, uri: str, count: int) -> list[dict[str, Any]]:
    """The diagnostics of the `count`th notification for a document."""
    params = await client.notified("textDocument/publishDiagnostics", lambda p: p["uri"] == uri, count=count)
    found: list[dict[str, Any]] = params["diagnostics"]
    return found


async def test_findings_are_shown_where_they_are(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT, WIDE])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await reviewed(client, uri)
        first, second = await shown(client, uri, 1)
        assert first["range"] == at(5, 4, 5, 20)
        assert (first["source"], first["code"], first["severity"]) == ("codeteam", "bug/off-by-one", 1)
        assert first["message"] == "This is wrong.\nGoes wrong with: a folder\nSuggestion: check it"
        assert first["data"] == {"findingId": FAULT.fingerprint, "jobId": job}
        assert second["range"] == at(3, 0, 4, 21)
        params = await client.notified("textDocument/publishDiagnostics")
        assert params["version"] == 1
        assert client.messages() == ["Codeteam (review a.py): 2 findings."]


async def test_findings_move_with_their_text_and_go_with_it(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT, WIDE])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        client.change(uri, (at(1, 0), "import sys\nimport re\n"))
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 2)] == [7, 5]
        client.change(uri, (at(7, 4, 7, 20), "return 1"))
        assert [found["code"] for found in await shown(client, uri, 3)] == ["docs/missing"]
        client.change(uri, (at(7, 4, 7, 12), "return é.st_size"))
        assert [found["code"] for found in await shown(client, uri, 4)] == ["docs/missing"]
        client.change(uri, (at(5, 0), "\n\n"), (at(0, 0, 1, 0), ""))
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 5)] == [6]


@pytest.mark.parametrize("whole", [True, False])
async def test_findings_stay_with_their_text_when_all_of_it_is_replaced(tmp_path: Path, whole: bool) -> None:
    """Some clients send the whole text at every change; formatters send one range from the first line to the last."""
    root, uri = workspace(tmp_path)
    pasted = "".join(f"import m{number}\n" for number in range(6))
    async with playing(tmp_path / "home", proposed(findings=[FAULT, WIDE])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        client.change(uri, (None if whole else at(0, 0, 6, 0), pasted + CODE))
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 2)] == [11, 9]
        tabs = (pasted + CODE).replace("    ", "\t").replace("import os\n", "")
        client.change(uri, (None if whole else at(0, 0, 12, 0), tabs))
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 3)] == [10, 8]
        client.change(uri, (None if whole else at(0, 0, 11, 0), tabs.replace("return é.st_size", "return 1")))
        assert [found["code"] for found in await shown(client, uri, 4)] == ["docs/missing"]


async def test_what_is_pasted_below_a_finding_leaves_it_there(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[WIDE, FAULT])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        client.change(uri, (at(5, 20), "\n" + "\n".join(f"    # {number}" for number in range(6))))
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 2)] == [3, 5]


async def test_typing_is_answered_with_one_notification(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        for number in range(20):
            client.change(uri, (at(1, number), "#"))
        await shown(client, uri, 2)
        last = client.notifications[-1]["params"]
        assert last["version"] == 21
        await client.code_actions(uri, at(0))
        count = sum(entry["method"] == "textDocument/publishDiagnostics" for entry in client.notifications)
        assert count <= 4


async def test_a_closed_document_is_its_file_again(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT, WIDE])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        client.change(uri, (at(0, 0), "import re\n" * 9))
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 2)] == [14, 12]
        client.close(uri)
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 3)] == [5, 3]
        client.open(uri, CODE)
        await shown(client, uri, 4)
        (root / "a.py").write_text(CODE.replace("return é.st_size", "return 1"))
        client.close(uri)
        assert [found["code"] for found in await shown(client, uri, 5)] == ["docs/missing"]


def watchers(client: Client) -> list[tuple[str, str]]:
    """What the server has asked to be watched: the registrations with their patterns."""
    asked = [entry["params"] for entry in client.requests if entry["method"] == "client/registerCapability"]
    return [
        (one["id"], watcher["globPattern"])
        for params in asked
        for one in params["registrations"]
        if one["method"] == "workspace/didChangeWatchedFiles"
        for watcher in one["registerOptions"]["watchers"]
    ]


async def test_a_closed_file_is_watched_while_findings_of_it_are_shown(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    capabilities = {**CAPABILITIES, "workspace": {**CAPABILITIES["workspace"]}}
    capabilities["workspace"]["didChangeWatchedFiles"] = {"dynamicRegistration": True}

    def told(kind: int) -> None:
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": kind}]})

    async with playing(tmp_path / "home", proposed(findings=[FAULT]), capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        await client.asked("client/registerCapability")
        ((mark, pattern),) = watchers(client)
        assert pattern == "**/a.py"
        (root / "a.py").write_text("\n" + CODE)
        told(2)  # the buffer is what the user sees, whatever the file is
        client.close(uri)
        assert [found["range"]["start"]["line"] for found in await shown(client, uri, 2)] == [6]
        (root / "a.py").write_text("\n\n" + CODE)
        told(2)
        (fault,) = await shown(client, uri, 3)
        assert fault["range"] == at(7, 4, 7, 20)
        (root / "a.py").unlink()
        told(3)
        assert await shown(client, uri, 4) == []
        (root / "a.py").write_text(CODE)
        told(1)
        (fault,) = await shown(client, uri, 5)
        await client.execute("codeteam.dismiss", {"findingId": fault["data"]["findingId"]})
        gone = await client.asked("client/unregisterCapability")
        assert [one["id"] for one in gone["unregisterations"]] == [mark]
        assert len(watchers(client)) == 1


async def test_an_editor_that_watches_nothing_is_asked_for_nothing(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        await shown(client, uri, 1)
        client.close(uri)
        await shown(client, uri, 2)
        assert watchers(client) == []


async def test_a_dismissed_finding_goes_and_does_not_come_back(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT, WIDE])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await reviewed(client, uri)
        (fault, _) = await shown(client, uri, 1)
        actions = await client.code_actions(uri, fault["range"], diagnostics=[fault])
        dismiss = next(action for action in actions if action["kind"] == "quickfix.codeteam.dismiss")
        assert dismiss["title"] == "Codeteam: dismiss: This is wrong."
        assert await client.run(dismiss) == {"jobId": job}
        assert [found["code"] for found in await shown(client, uri, 2)] == ["docs/missing"]
        await reviewed(client, uri)
        assert [found["code"] for found in await shown(client, uri, 3)] == ["docs/missing"]


async def test_a_finding_can_be_fixed_by_the_team(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        (fault,) = await shown(client, uri, 1)
        actions = await client.code_actions(uri, fault["range"], diagnostics=[fault], only=["quickfix"])
        assert [action["title"] for action in actions] == [
            "Codeteam: fix with the team: This is wrong.",
            "Codeteam: dismiss: This is wrong.",
        ]
        fix = next(action for action in actions if action["kind"] == "quickfix.codeteam.fix")
        assert "jobId" in await client.run(fix)


async def test_findings_of_new_text_appear_when_it_does(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    after = CODE + "\n\nprint(size('.'))\n"
    late = finding("a.py", 9, "print(size('.'))", rule="style/print")
    new = finding("n.py", 1, "x = 1", rule="style/name")
    async with playing(
        tmp_path / "home", proposed({"a.py": after}, new={"n.py": "x = 1\n"}, findings=[late, new])
    ) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        argument = {"uri": uri, "version": 1, "range": at(0)}
        job = (await client.execute("codeteam.refactor", argument))["jobId"]
        await client.job_state(job, "applied")
        assert await shown(client, uri, 1) == []
        assert [found["range"] for found in await shown(client, uri, 2)] == [at(8, 0, 8, 16)]
        other = (root / "n.py").as_uri()
        client.open(other, "x = 1\n")
        await client.until(lambda: client.notifications[-1]["params"].get("uri") == other, "finding of the new file")
        assert [found["code"] for found in client.notifications[-1]["params"]["diagnostics"]] == ["style/name"]


async def test_a_new_review_replaces_the_old_one(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        await reviewed(client, uri)
        assert len(await shown(client, uri, 2)) == 1


async def test_a_quote_that_is_not_there_is_not_shown(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[finding("a.py", 2, "never written")])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        assert await shown(client, uri, 1) == []


async def test_a_finding_outside_of_the_workspace_is_not_shown(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    (tmp_path / "b.py").write_text("secret = 1\n")
    async with playing(tmp_path / "home", proposed(findings=[finding("../b.py", 1, "secret = 1")])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        uris = {n["params"]["uri"] for n in client.notifications if n["method"] == "textDocument/publishDiagnostics"}
        assert uris == {uri}


async def test_nothing_found_is_said(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed()) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        assert client.messages() == ["Codeteam (review a.py): nothing found."]


async def test_a_diagnostic_says_where_its_rule_is_explained_and_which_test_fails(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    (root / "tests").mkdir()
    (root / "tests" / "test_a.py").write_text("def test_size():\n    assert False\n")
    places = (Related("tests/test_a.py", 2, "test_size fails"), Related("tests/gone.py", 1, "never written"))
    fault = finding("a.py", 6, "return é.st_size", related=places, url="https://docs.example/off-by-one")
    plain = without(without(CAPABILITIES, "textDocument", "publishDiagnostics"), "textDocument", "codeAction")
    for capabilities in (CAPABILITIES, plain):
        async with playing(tmp_path / "home", proposed(findings=[fault]), capabilities=capabilities) as client:
            await client.initialize(root)
            client.open(uri, CODE)
            await reviewed(client, uri)
            (told,) = await shown(client, uri, 1)
            if capabilities is plain:
                assert told["message"] == "This is wrong.\nSee tests/test_a.py, line 2: test_size fails"
                assert not {"relatedInformation", "codeDescription"} & set(told)
                continue
            assert told["codeDescription"] == {"href": "https://docs.example/off-by-one"}
            assert told["relatedInformation"] == [
                {
                    "location": {"uri": (root / "tests" / "test_a.py").as_uri(), "range": at(1)},
                    "message": "test_size fails",
                }
            ]


async def test_a_client_that_keeps_no_data_can_dismiss_all_the_same(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    async with playing(tmp_path / "home", proposed(findings=[FAULT, WIDE])) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await reviewed(client, uri)
        (fault, _) = await shown(client, uri, 1)
        del fault["data"]
        actions = await client.code_actions(uri, fault["range"], diagnostics=[fault])
        await client.run(next(action for action in actions if action["kind"] == "quickfix.codeteam.dismiss"))
        assert [found["code"] for found in await shown(client, uri, 2)] == ["docs/missing"]
