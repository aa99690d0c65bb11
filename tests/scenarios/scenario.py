"""Reads and plays a scenario: one Markdown file a behaviour, through the command line and real sandboxes.

A file has a title, a few sentences that say what is pinned, and these parts, each a heading with a fence below it:

- `## task` (YAML): `argv`, the arguments of `codeteam`, in which `{folder}` stands for a scratch folder, and `env`.
- `## file PATH`: a file of the workspace before the job. Words after the fence's own change it: `crlf` makes every
  line end in CRLF, `bom` puts a byte order mark first, `repeat=N` writes the text N times, `{n}` in it being the
  number, from 1.
- `## module PATH VERSION`: the Go code of a module that a proxy on loopback serves, which is the one that go's settings
  name; words after the fence's own are modules that it requires, as `PATH@VERSION`.
- `## reply ROLE` and `## traits`: the recorded replies, as in `script/FILE`.
- `## expect` (YAML): see `check`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codeteam.jobs.history import History
from codeteam.sandbox.volumes import FILLING_TIMEOUT
from codeteam.wire import Codec
from tests.sandbox.modules import Module, proxy

_OPEN = re.compile(r"(?P<mark>`{3,}|~{3,})(?P<words>.*)$")
DEADLINE = FILLING_TIMEOUT + 300
"""Seconds after which a scenario is stuck, on whatever busy machine: 300, and what the first job in a language may wait
for its toolchain, for Go's standard library is compiled then."""


@dataclass(frozen=True)
class Scenario:
    path: Path
    task: dict[str, Any]
    files: dict[str, bytes]
    expect: dict[str, Any]
    modules: tuple[Module, ...] = ()


@dataclass(frozen=True)
class Played:
    """What came of a scenario."""

    exit_code: int
    result: dict[str, Any]
    """The job's JSON object."""
    events: list[dict[str, Any]]
    """From the history."""
    stderr: str
    workspace: dict[str, bytes]
    """Files of the workspace afterwards."""
    folder: Path


def read_scenario(path: Path) -> Scenario:
    files: dict[str, bytes] = {}
    parts: dict[str, Any] = {}
    modules: list[Module] = []
    for title, words, body in _parts(path.read_text("utf-8").splitlines(keepends=True)):
        if title.startswith("file "):
            files[title.removeprefix("file ")] = _content(words, body)
        elif title.startswith("module "):
            requires = [word.replace("@", " ") for word in words.split() if "@" in word]
            name, version = title.split()[1:]
            modules.append(Module(name, version, {"code.go": body}, requires))
        elif title in {"task", "expect"}:
            parts[title] = yaml.safe_load(body)
    assert set(parts) == {"task", "expect"}, f"{path.name} needs a task and what to expect"
    return Scenario(path, parts["task"], files, parts["expect"], tuple(modules))


def _parts(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Title, words after the fence's mark, and inside of each fence; headings inside of fences are none."""
    title, number = "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("## "):
            title = line[3:].strip()
        elif opening := _OPEN.match(line):
            start = number
            while lines[number].rstrip() != opening["mark"]:
                number += 1
            yield title, opening["words"], "".join(lines[start:number])
            number += 1


def _content(words: str, body: str) -> bytes:
    if times := re.search(r"repeat=(\d+)", words):
        body = "".join(body.replace("{n}", str(number)) for number in range(1, int(times[1]) + 1))
    body = body.replace("\n", "\r\n") if "crlf" in words.split() else body
    return body.encode("utf-8-sig" if "bom" in words.split() else "utf-8")


def play(scenario: Scenario, folder: Path, environ: Mapping[str, str]) -> Played:
    """Run the scenario's command line in a fresh workspace, with a fresh state folder, and more environment."""
    workspace = folder / "workspace"
    workspace.mkdir()
    for path, content in scenario.files.items():
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CODETEAM_")}
    env |= {"CODETEAM_HOME": str(folder / "home"), "CODETEAM_CONFIG": str(folder / "config")}
    env |= {**environ, **scenario.task.get("env", {})}
    argv = [str(word).replace("{folder}", str(folder)) for word in scenario.task["argv"]]
    argv += ["--format", "json"] if argv[0] == "review" else ["--json"]
    with _served(scenario, folder) as settings:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "codeteam", *argv, "--model", f"script/{scenario.path}"],
            cwd=workspace,
            env=env | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=DEADLINE,
            check=False,
        )
    result = json.loads(done.stdout) if done.stdout.strip() else {}
    [result] = result.get("jobs", [result])
    events: list[dict[str, Any]] = []
    if result.get("job"):
        events = _remembered(folder / "home", result["job"])
    after = {path.relative_to(workspace).as_posix(): path.read_bytes() for path in _files(workspace)}
    return Played(done.returncode, result, events, done.stderr, after, folder)


@contextmanager
def _served(scenario: Scenario, folder: Path) -> Iterator[dict[str, str]]:
    """Serve the scenario's modules; go's settings for them, and a cache that knows no others of these names."""
    if not scenario.modules:
        yield {}
        return
    with proxy(*scenario.modules) as served:
        caches = {"GOMODCACHE": str(folder / "no-modules"), "CODETEAM_CACHE": str(folder / "cache")}
        yield {"GOPROXY": served.address, "GOSUMDB": "off", **caches}


def _remembered(home: Path, job: str) -> list[dict[str, Any]]:
    history, codec = History(home), Codec()
    try:
        return [{"event": type(event).__name__, **codec.plain(event)} for event in history.job(job).events]
    finally:
        history.close()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def check(scenario: Scenario, played: Played) -> None:
    """Assert everything that the scenario expects, the whole outcome in the message. What can be expected:

    - `exit`, `status`, `quality`, `stopped_by` (a part of it), `iterations`, `error` (the kind), `message` (parts of
      the error's message and hint), `stderr` (parts), `notes` (each a part of one of the evidence's notes).
    - `events`: names in this order, others may stand between. `absent`: names that do not occur. `replies`: calls by
      role. `told`: by an event's name, parts that its texts have; `untold`: that none has.
    - `gates`: by name, whether it passed. `findings`: the rules, in order; `located`: by rule, path:first-last line;
      `related`: by rule, path:line of each place it points at; `fixes`: by rule, every suggestion that held.
    - `only`: the proposal's paths, all of them. `files`: by path, parts of the proposed text, `!` before a part that
      must not be there; or the whole text. `changes`: by path, the number of places (hunks of the patch) that change.
    - `disk`: the same for files of the workspace afterwards; without it the workspace must be as it was.
      `beside`: the same for files of the scratch folder.
    """
    expect = dict(scenario.expect)
    result, events = played.result, played.events
    try:
        _check_end(expect, played)
        _check_events(expect.pop("events", []), expect.pop("absent", []), [event["event"] for event in events])
        _check_told(expect.pop("told", {}), expect.pop("untold", {}), events)
        for role, count in expect.pop("replies", {}).items():
            calls = [event for event in events if event["event"] == "Replied" and event["role"] == role]
            assert len(calls) == count, f"{role} replied {len(calls)} times, not {count}"
        _check_evidence(expect, result)
        proposed = {file["path"]: file["text"] for file in result.get("files", [])}
        if "only" in expect:
            assert sorted(proposed) == sorted(expect.pop("only"))
        for path, wanted in expect.pop("files", {}).items():
            assert path in proposed, f"{path} is not in the proposal: {sorted(proposed)}"
            _check_text(path, wanted, proposed[path])
        for path, count in expect.pop("changes", {}).items():
            hunks = _patch_of(path, result["patch"]).count("\n@@ -")
            assert hunks == count, f"{path} changes in {hunks} places"
        _check_disk(expect, scenario, played)
        assert not expect, f"unknown expectations: {sorted(expect)}"
    except AssertionError as error:
        raise AssertionError(f"{error}\n\n{_outcome(played)}") from None


def _check_end(expect: dict[str, Any], played: Played) -> None:
    result = played.result
    error = result.get("error") or {}
    for name, found in (
        ("exit", played.exit_code),
        ("status", result.get("status")),
        ("quality", result.get("quality")),
        ("error", error.get("kind")),
    ):
        if name in expect:
            wanted = expect.pop(name)
            assert found == wanted, f"{name} is {found}, not {wanted}"
    for piece in _list(expect.pop("stopped_by", [])):
        assert piece in result["stopped_by"], f"stopped_by lacks {piece!r}"
    for piece in expect.pop("message", []):
        assert piece in f"{error.get('message')} {error.get('hint')}", f"the error's message lacks {piece!r}"
    for piece in expect.pop("stderr", []):
        assert piece in played.stderr, f"stderr lacks {piece!r}"


def _check_events(wanted: list[str], absent: list[str], seen: list[str]) -> None:
    rest = iter(seen)
    for name in wanted:
        assert any(name == event for event in rest), f"{name} is missing, or out of order"
    for name in absent:
        assert name not in seen, f"{name} must not happen"


def _check_told(told: dict[str, Any], untold: dict[str, Any], events: list[dict[str, Any]]) -> None:
    for name, pieces in told.items():
        texts = [_words(event) for event in events if event["event"] == name]
        for piece in _list(pieces):
            assert any(piece in text for text in texts), f"no {name} says {piece!r}:\n" + "\n---\n".join(texts)
    for name, pieces in untold.items():
        texts = [_words(event) for event in events if event["event"] == name]
        for piece in _list(pieces):
            assert not any(piece in text for text in texts), f"{name} says {piece!r}"


def _words(value: object) -> str:
    """All texts in an event, and its numbers and flags by their names, a line each."""
    if isinstance(value, dict):
        return "\n".join(
            _words(item) if isinstance(item, dict | list | str) else f"{key}: {item}" for key, item in value.items()
        )
    if isinstance(value, list):
        return "\n".join(_words(item) for item in value)
    return str(value)


def _check_evidence(expect: dict[str, Any], result: dict[str, Any]) -> None:
    evidence = result.get("evidence", {})
    if "iterations" in expect:
        assert evidence["iterations"] == expect.pop("iterations"), "iterations"
    gates = {gate["name"]: gate["passed"] for gate in evidence.get("gates", [])}
    for name, passed in expect.pop("gates", {}).items():
        assert gates.get(name) is passed, f"gate {name} is {gates.get(name)}, not {passed}"
    for piece in expect.pop("notes", []):
        assert any(piece in note for note in evidence["notes"]), f"no note says {piece!r}: {evidence['notes']}"
    found = result.get("findings", [])
    if "findings" in expect:
        assert [item["rule"] for item in found] == expect.pop("findings"), "findings"
    places = {item["rule"]: f"{item['path']}:{item['start_line']}-{item['end_line']}" for item in found}
    if "fixes" in expect:
        assert {item["rule"]: item["fix"].strip() for item in found if item["fix"]} == expect.pop("fixes"), "fixes"
    for rule, wanted in expect.pop("related", {}).items():
        pointed = [place for item in found if item["rule"] == rule for place in item["related"]]
        assert [f"{place['path']}:{place['line']}" for place in pointed] == wanted, "related"
    for rule, place in expect.pop("located", {}).items():
        assert places.get(rule) == place, f"{rule} is at {places.get(rule)}, not at {place}"


def _check_disk(expect: dict[str, Any], scenario: Scenario, played: Played) -> None:
    if "disk" not in expect:
        assert played.workspace == scenario.files, f"the workspace was changed: {sorted(played.workspace)}"
    for path, wanted in expect.pop("disk", {}).items():
        assert path in played.workspace, f"{path} was not written: {sorted(played.workspace)}"
        _check_text(path, wanted, played.workspace[path].decode())
    for path, wanted in expect.pop("beside", {}).items():
        _check_text(path, wanted, (played.folder / path).read_bytes().decode())


def _patch_of(path: str, patch: str) -> str:
    return next(part for part in patch.split("diff --git ") if part.startswith(f"a/{path} "))


def _check_text(path: str, wanted: list[str] | str, text: str) -> None:
    if isinstance(wanted, str):
        assert text == wanted, f"{path} is {text!r}\nnot {wanted!r}"
        return
    for piece in wanted:
        if piece.startswith("!"):
            assert piece[1:] not in text, f"{path} has {piece[1:]!r}:\n{text}"
        else:
            assert piece in text, f"{path} lacks {piece!r}:\n{text}"


def _list(value: list[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else value


def _outcome(played: Played) -> str:
    result = played.result
    kept = {name: result.get(name) for name in ("status", "quality", "stopped_by", "error", "findings")}
    evidence = result.get("evidence", {})
    kept |= {name: evidence.get(name) for name in ("gates", "notes")}
    names = " ".join(event["event"] for event in played.events)
    return f"exit {played.exit_code}\n{json.dumps(kept, indent=1)}\nevents: {names}\nstderr:\n{played.stderr[-6000:]}"
