"""One job as the editor sees it: what was asked where, how far it is, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from codeteam.domain.artifacts import Proposal
from codeteam.domain.events import END, Event, StepFinished, StepStarted
from codeteam.domain.settings import Settings
from codeteam.domain.source import Span
from codeteam.domain.story import Step
from codeteam.domain.task import Complaint, Intent, Task
from codeteam.lsp.document import Snapshot
from codeteam.lsp.progress import NoProgress, Progress


class State(StrEnum):
    """How far a job is; what comes after `RUNNING` is an end."""

    QUEUED = "queued"
    RUNNING = "running"
    PROPOSED = "proposed"
    """Done; the result is being brought to the editor, or waits for its user."""
    APPLIED = "applied"
    KEPT = "kept"
    """Done, and not in the buffer: discarded, or the buffer had changed; it can be applied later."""
    DONE = "done"
    """Done, and there is nothing to apply."""
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for, fixed at the moment of asking."""

    intent: Intent
    snapshot: Snapshot
    selection: Span | None
    cursor_line: int
    """From 1."""
    instruction: str = ""
    complaints: tuple[Complaint, ...] = ()
    title: str = ""
    """For people: "implement slugify"."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the request's paths lead."""

    root: Path | None
    """The workspace folder; None where there is none."""
    folder: Path | None
    """What a proposal's paths are relative to: the workspace, else the document's own folder."""
    path: str
    """The document's own path, relative to `folder`."""


@dataclass(slots=True)
class EditorJob:
    """A job's life in this server."""

    id: str
    request: Request
    place: Place
    settings: Settings
    state: State = State.QUEUED
    step: str = ""
    """The role whose turn it is."""
    iteration: int = 0
    message: str = ""
    created: float = 0.0
    """When it was asked for, seconds since the epoch."""
    task: Task | None = None
    """What the team was asked; None until the workspace was read."""
    events: list[Event] = field(default_factory=list)
    """What happened so far, the end included."""
    times: list[float] = field(default_factory=list)
    """When, in seconds since the epoch, one for each event."""
    turns: dict[str, StepStarted] = field(default_factory=dict)
    """By role, the turns under way: the tester works beside the developer."""
    steps_told: tuple[Step, ...] = ()
    """The steps as the client was told of them."""
    proposal: Proposal | None = None
    chosen: bool = False
    """The user has asked by name for the proposal to be applied."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What the team was shown, by path: what a proposal is compared with."""
    progress: Progress = field(default_factory=NoProgress)
    stopping: bool = False
    """The user asked to cancel it."""
    work: asyncio.Task[None] | None = None

    @property
    def workspace(self) -> str:
        return str(self.place.root or "")

    @property
    def uri(self) -> str:
        return self.request.snapshot.uri

    @property
    def active(self) -> bool:
        return self.state in {State.QUEUED, State.RUNNING}

    @property
    def can_apply(self) -> bool:
        return self.state is State.KEPT and self.proposal is not None and bool(self.proposal.files)

    def happened(self, event: Event, at: float) -> None:
        """Take note of an event; nothing comes after the end."""
        if not (self.events and isinstance(self.events[-1], END)):
            self.events.append(event)
            self.times.append(at)
        match event:
            case StepStarted(role):
                self.turns.pop(role, None)
                self.turns[role] = event
            case StepFinished(role):
                self.turns.pop(role, None)
            case _:
                return
        if self.turn is not None:
            self.step, self.iteration = self.turn.role, self.turn.iteration

    @property
    def turn(self) -> StepStarted | None:
        """The turn under way that began last."""
        return next(reversed(self.turns.values()), None)
