"""Reads and plays a scenario: one Markdown file a behaviour, through the command line and real sandboxes.

A file has a title, a few sentences that say what is pinned, and these parts:

- `## task`: a `yaml` fence with `argv` (arguments of `codeteam`) and, where needed, `env`.
- `## file PATH`: a fence with a file of the workspace before the job (`crlf` after the fence's word for CRLF ends).
- `## reply ROLE`: the recorded replies, as in `script/FILE`.
- `## expect`: a `yaml` fence: `exit`, `status`, `quality`, `events` (names in this order, others may stand between),
  `absent` (names that must not occur), `replies` (calls by role), `files` (by path: pieces of text that must be
  there, a `!` before a piece for one that must not, or `whole` text), `only` (paths of the proposal, all of them), `findings` (rules),
  `gates` (by name: true or false), `stopped_by`, `error` (kind), `stderr` (pieces).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_PART = re.compile(r"^## (?P<title>.+)$", re.MULTILINE)
_FENCE = re.compile(r"^(?P<mark>`{3,}|~{3,})(?P<words>[^\n]*)\n(?P<body>.*?)^(?P=mark)\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Scenario:
    name: str
    path: Path
    task: dict[str, Any]
    files: dict[str, bytes]
    expect: dict[str, Any]


@dataclass
class Played:
    """What a scenario's job returned."""

    exit_code: int
    result: dict[str, Any]
    events: list[dict[str, Any]]
    stderr: str
    workspace: dict[str, bytes] = field(default_factory=dict)
    """Files of the workspace afterwards."""


def read_scenario(path: Path) -> Scenario:
    text = path.read_text("utf-8")
    files: dict[str, bytes] = {}
    task: dict[str, Any] = {}
    expect: dict[str, Any] = {}
    parts = _PART.split(text)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        fence = _FENCE.search(body)
        if title == "task" and fence:
            task = yaml.safe_load(fence["body"])
        elif title == "expect" and fence:
            expect = yaml.safe_load(fence["body"])
        elif title.startswith("file ") and fence:
            content = fence["body"]
            files[title.removeprefix("file ").strip()] = (
                content.replace("\n", "\r\n") if "crlf" in fence["words"] else content
            ).encode()
    assert task and expect, f"{path.name} needs a task and what to expect"
    return Scenario(path.stem, path, task, files, expect)


async def play(scenario: Scenario, folder: Path, environment: dict[str, str]) -> Played:
    """Run the scenario's command line in a fresh workspace and state folder."""
    workspace, home = folder / "workspace", folder / "home"
    workspace.mkdir()
    for path, content in scenario.files.items():
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    argv = [str(part) for part in scenario.task["argv"]]
    if argv[0] in {"run", "review", "test"}:
        argv += ["--json"]
        if "--model" not in argv:
            argv += ["--model", f"script/{scenario.path}"]
        if argv[0] == "run":
            argv += ["--workspace", str(workspace)]
    env = os.environ | environment | {"CODETEAM_HOME": str(home)} | scenario.task.get("env", {})
    code, out, err = await _codeteam(argv, workspace, env)
    result = json.loads(out) if out.strip() else {}
    events: list[dict[str, Any]] = []
    if result.get("job"):
        _, told, _ = await _codeteam(["jobs", result["job"], "--json"], workspace, env)
        events = json.loads(told)["events"] if told.strip() else []
    after = {
        str(path.relative_to(workspace)): path.read_bytes() for path in sorted(workspace.rglob("*")) if path.is_file()
    }
    return Played(code, result, events, err, after)


async def _codeteam(argv: list[str], cwd: Path, env: dict[str, str]) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "codeteam",
        *argv,
        cwd=cwd,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 240)
    return process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def check(scenario: Scenario, played: Played) -> None:
    """Assert everything the scenario expects, with the whole outcome in the message."""
    expect, result = dict(scenario.expect), played.result
    seen = [event["event"] for event in played.events]
    told = (
        f"exit {played.exit_code}\nevents {seen}\nstopped_by {result.get('stopped_by')}\n"
        f"error {result.get('error')}\ngates {(result.get('evidence') or {}).get('gates') or result.get('gates')}\n"
        f"stderr {played.stderr[-3000:]}"
    )
    for name in ("status", "quality"):
        if name in expect:
            assert result.get(name) == expect.pop(name), told
    if "exit" in expect:
        assert played.exit_code == expect.pop("exit"), told
    _check_events(expect.pop("events", []), expect.pop("absent", []), seen, told)
    for role, count in expect.pop("replies", {}).items():
        calls = [event for event in played.events if event["event"] == "Replied" and event["role"] == role]
        assert len(calls) == count, f"{role} was called {len(calls)} times\n{told}"
    proposed = {file["path"]: file["text"] for file in result.get("files", [])}
    for path, pieces in expect.pop("files", {}).items():
        assert path in proposed, f"{path} is not in the proposal {sorted(proposed)}\n{told}"
        _check_text(path, pieces, proposed[path])
    if "only" in expect:
        assert sorted(proposed) == sorted(expect.pop("only")), told
    if "findings" in expect:
        assert [item["rule"] for item in result.get("findings", [])] == expect.pop("findings"), told
    gates = {gate["name"]: gate["passed"] for gate in result.get("evidence", {}).get("gates", [])}
    for name, passed in expect.pop("gates", {}).items():
        assert gates.get(name) is passed, f"gate {name}\n{told}"
    if "stopped_by" in expect:
        assert expect.pop("stopped_by") in str(result.get("stopped_by")), told
    if "error" in expect:
        assert (result.get("error") or {}).get("kind") == expect.pop("error"), told
    for piece in expect.pop("stderr", []):
        assert piece in played.stderr, told
    for piece in expect.pop("message", []):
        assert piece in json.dumps(result.get("error"), ensure_ascii=False), told
    assert not expect, f"unknown expectations: {sorted(expect)}"
    if "--apply" not in scenario.task["argv"]:
        assert played.workspace == scenario.files, "the workspace was changed without --apply"


def _check_events(wanted: list[str], absent: list[str], seen: list[str], told: str) -> None:
    rest = iter(seen)
    for name in wanted:
        assert any(name == event for event in rest), f"{name} is missing, or out of order\n{told}"
    for name in absent:
        assert name not in seen, f"{name} must not happen\n{told}"


def _check_text(path: str, pieces: list[str] | dict[str, str], text: str) -> None:
    if isinstance(pieces, dict):
        assert text == pieces["whole"], f"{path}:\n{text}"
        return
    for piece in pieces:
        if piece.startswith("!"):
            assert piece[1:] not in text, f"{path} has {piece[1:]!r}:\n{text}"
        else:
            assert piece in text, f"{path} lacks {piece!r}:\n{text}"
