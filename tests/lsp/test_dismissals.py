"""Dismissed findings stay away: in the next session, in every editor, in their workspace alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import Client
from tests.lsp.playing import finding, playing, proposed
from tests.lsp.test_findings import reviewed, shown

LINES = [f"value_{number} = {number}" for number in range(40)]
CODE = "".join(f"{line}\n" for line in LINES)
FOUND = [finding("a.py", number, line, rule=f"bug/{number}") for number, line in enumerate(LINES, 1)]


def workspace(tmp_path: Path, name: str = "shop") -> tuple[Path, str]:
    root = tmp_path / name
    root.mkdir()
    (root / "a.py").write_text(CODE)
    return root, (root / "a.py").as_uri()


async def begin(client: Client, root: Path, uri: str) -> list[dict[str, Any]]:
    """Review the document; what is shown of it."""
    await client.initialize(root)
    client.open(uri, CODE)
    await reviewed(client, uri)
    return await shown(client, uri, 1)


def kept(home: Path) -> list[list[str]]:
    """What the files on the disk hold."""
    return [path.read_text().split() for path in (home / "dismissed").glob("*.txt")]


async def test_what_was_dismissed_stays_away_in_the_next_session_of_its_workspace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (root, uri), (other, other_uri) = workspace(tmp_path), workspace(tmp_path, "other")
    async with playing(home, proposed(findings=FOUND)) as client:
        assert len(await begin(client, root, uri)) == 40
        await client.execute("codeteam.dismiss", {"findingId": FOUND[3].fingerprint})
        assert await client.leave() == 0
    assert kept(home) == [[FOUND[3].fingerprint]]
    async with playing(home, proposed(findings=FOUND)) as client:
        codes = [found["code"] for found in await begin(client, root, uri)]
        assert codes == [found.rule for found in FOUND if found is not FOUND[3]]
    async with playing(home, proposed(findings=FOUND)) as client:
        assert len(await begin(client, other, other_uri)) == 40


async def test_two_editors_that_dismiss_at_once_lose_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    root, uri = workspace(tmp_path)
    async with (
        playing(home, proposed(findings=FOUND)) as one,
        playing(home, proposed(findings=FOUND)) as two,
    ):
        for client in (one, two):
            await begin(client, root, uri)
        await asyncio.gather(
            *(
                client.execute("codeteam.dismiss", {"findingId": found.fingerprint})
                for client, half in ((one, FOUND[:20]), (two, FOUND[19:]))
                for found in half
            )
        )
        for client in (one, two):
            assert await client.leave() == 0
    (lines,) = kept(home)
    assert sorted(lines) == sorted(found.fingerprint for found in FOUND)
    async with playing(home, proposed(findings=FOUND)) as client:
        assert await begin(client, root, uri) == []


async def test_an_editor_learns_of_what_another_dismissed_with_the_next_review(tmp_path: Path) -> None:
    home = tmp_path / "home"
    root, uri = workspace(tmp_path)
    async with (
        playing(home, proposed(findings=FOUND)) as one,
        playing(home, proposed(findings=FOUND)) as two,
    ):
        for client in (one, two):
            await begin(client, root, uri)
        await one.execute("codeteam.dismiss", {"findingId": FOUND[0].fingerprint})
        await one.until(lambda: kept(home), "the file")
        await reviewed(two, uri)
        assert len(await shown(two, uri, 2)) == 39


async def test_the_memory_is_bounded_and_what_was_dismissed_last_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    root, uri = workspace(tmp_path)
    async with playing(home, proposed(findings=FOUND)) as client:
        await begin(client, root, uri)
        await client.execute("codeteam.dismiss", {"findingId": FOUND[0].fingerprint})
        await client.until(lambda: kept(home), "the file")
        (path,) = (home / "dismissed").glob("*.txt")
        path.write_text("".join(f"{number:016x}\n" for number in range(3000)) + "not a fingerprint\n")
        for number in range(300):
            (home / "dismissed" / f"{number}.txt").touch()
        await client.execute("codeteam.dismiss", {"findingId": FOUND[1].fingerprint})
        await client.until(lambda: FOUND[1].fingerprint in path.read_text(), "the second one")
        assert await client.leave() == 0
    lines = path.read_text().split("\n")[:-1]
    assert (len(lines), lines[-1], lines[0]) == (2000, FOUND[1].fingerprint, f"{3000 - 1999:016x}")
    assert len(list((home / "dismissed").glob("*.txt"))) == 200


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"", b"../../etc\n" * 1000])
async def test_a_damaged_memory_is_no_trouble(tmp_path: Path, content: bytes) -> None:
    home = tmp_path / "home"
    root, uri = workspace(tmp_path)
    for _ in range(2):
        async with playing(home, proposed(findings=FOUND)) as client:
            assert len(await begin(client, root, uri)) == 40
            await client.execute("codeteam.dismiss", {"findingId": FOUND[0].fingerprint})
            assert await client.leave() == 0
        (path,) = (home / "dismissed").glob("*.txt")
        path.write_bytes(content)


async def test_where_nothing_can_be_written_it_holds_for_the_session(tmp_path: Path) -> None:
    home = tmp_path / "home"
    root, uri = workspace(tmp_path)
    home.mkdir()
    (home / "dismissed").touch()  # a file in the folder's place
    async with playing(home, proposed(findings=FOUND)) as client:
        await begin(client, root, uri)
        await client.execute("codeteam.dismiss", {"findingId": FOUND[0].fingerprint})
        await reviewed(client, uri)
        assert len(await shown(client, uri, 3)) == 39
        await client.until(lambda: any("forgotten when this editor closes" in line for line in client.errors), "log")
        assert await client.leave() == 0


async def test_without_a_workspace_a_file_remembers_by_its_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _, uri = workspace(tmp_path)
    for count in (40, 39):
        async with playing(home, proposed(findings=FOUND)) as client:
            await client.initialize()
            client.open(uri, CODE)
            await reviewed(client, uri)
            assert len(await shown(client, uri, 1)) == count
            await client.execute("codeteam.dismiss", {"findingId": FOUND[40 - count].fingerprint})
            assert await client.leave() == 0
