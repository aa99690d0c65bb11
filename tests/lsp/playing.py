"""Recorded jobs for the tests of the language server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from codeteam.domain.artifacts import FileChange, Proposal, Status
from codeteam.domain.events import Event, Proposed, Started, StepFinished, StepStarted
from codeteam.domain.evidence import Evidence
from codeteam.domain.findings import Finding, Severity, fingerprint
from codeteam.domain.settings import Quality
from codeteam.domain.task import Task
from codeteam.wire import Codec
from tests.lsp.client import CAPABILITIES, Client, running

CODEC = Codec()
GATE = {"gate": "open"}
"""Where a job waits until the test calls `let_go`."""
HOLD = {"gate": "never"}
"""Where a job stays until it is cancelled."""
STEPS: tuple[Event, ...] = (
    Started(),
    StepStarted("architect", 0, "is planning"),
    StepFinished("architect", 0, "1 file planned", 0.1),
    StepStarted("developer", 1, "is writing the draft"),
    StepStarted("executor", 1, "is running the draft"),
    StepFinished("executor", 1, "it ran", 0.1),
)


def capabilities_of(editor: str) -> dict[str, Any]:
    """What an editor says of itself, by its name in `capabilities/`."""
    path = Path(__file__).parent / "capabilities" / f"{editor}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["capabilities"]
    return found


def let_go(home: Path) -> None:
    """Let the jobs that wait at the gate go on, and all that come later pass."""
    (home / "open").touch()


def record(home: Path, *steps: Event | Mapping[str, Any]) -> None:
    """Say what every job of the server in HOME will do."""
    home.mkdir(exist_ok=True)
    lines = [json.dumps(step) if isinstance(step, Mapping) else CODEC.encode_event(step) for step in steps]
    (home / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")


def tasks(home: Path) -> list[Task]:
    """What the server has asked of the engine."""
    path = home / "tasks.jsonl"
    return (
        [CODEC.decode_task(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]] if path.exists() else []
    )


def proposed(
    files: Mapping[str, str] | None = None,
    *,
    new: Mapping[str, str] | None = None,
    findings: Sequence[Finding] = (),
    status: Status = Status.ACCEPTED,
    stopped_by: str = "",
) -> Proposed:
    """The end of a job that proposes changed and new files."""
    changes = [FileChange(path, text, False) for path, text in (files or {}).items()]
    changes += [FileChange(path, text, True) for path, text in (new or {}).items()]
    evidence = Evidence(iterations=2)
    return Proposed(Proposal(status, Quality.TESTED, tuple(changes), tuple(findings), evidence, stopped_by))


def finding(path: str, line: int, quote: str, **more: Any) -> Finding:
    rule = more.pop("rule", "bug/off-by-one")
    fields = {"severity": Severity.WARNING, "message": "This is wrong.", **more}
    end = line + quote.strip("\n").count("\n")
    return Finding(
        rule=rule,
        path=path,
        start_line=line,
        end_line=end,
        quote=quote,
        fingerprint=fingerprint(rule, path, quote),
        **fields,
    )


@asynccontextmanager
async def playing(
    home: Path, *steps: Event | Mapping[str, Any], capabilities: Mapping[str, Any] = CAPABILITIES
) -> AsyncIterator[Client]:
    """A client of a server whose jobs go as recorded."""
    record(home, *steps)
    async with running(["-m", "tests.lsp.recorded", str(home)], capabilities=capabilities) as client:
        yield client
