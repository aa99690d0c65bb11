"""What a job did, told from its events alone, so that a running job and one of last month read alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from codeteam.domain.artifacts import Draft, Feedback, Proposal, Tests
from codeteam.domain.events import (
    END,
    Cancelled,
    Drafted,
    Event,
    Executed,
    Failed,
    Noted,
    Planned,
    Proposed,
    Replied,
    Reviewed,
    SentBack,
    Stalled,
    StepFinished,
    StepStarted,
    Tested,
    TestsWritten,
)
from codeteam.domain.evidence import Evidence, Gate, Usage
from codeteam.domain.findings import Finding

_ASIDE = frozenset({"tidy", "blind", "turned"})
"""Purposes of runs that are part of another's step and do not name it."""
INTERRUPTED = Failed(
    "interrupted",
    "The job has no end: what ran it was killed, or the machine stopped.",
    "Start it again; what it did until then is here.",
)
"""The end of a job that has none and runs no more."""


class StepState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """A gate that sent the draft back, or the step that ended the job."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Step:
    """One role's turn."""

    number: int
    """Counts a job's steps from 0."""
    role: str
    iteration: int
    """From 1; 0 before the first draft."""
    state: StepState
    message: str
    """What is being done, and once that is over, how it went: "running ruff and mypy: clean"."""
    purpose: str = ""
    """What an executor's step ran: "run", "examples", "static", "tests", "stub"; empty for others."""
    seconds: float = 0.0
    """0 while it runs."""
    tokens: int = 0
    """0 while it runs."""


@dataclass(frozen=True, slots=True)
class Iteration:
    """One draft and its verdict."""

    number: int
    draft: Draft | None = None
    """None when the developer's reply could not be read."""
    sent_back: Feedback | None = None
    """None when it passed, or when the job ended before a verdict."""
    stalled: str = ""
    """Why the architect was asked for another way after it; empty when the job moved."""


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of a job but what was asked."""

    steps: tuple[Step, ...]
    iterations: tuple[Iteration, ...]
    planned: Planned | None
    """The latest plan."""
    tests: Tests | None
    """The tester's latest files."""
    runs: tuple[Executed, ...]
    models: tuple[str, ...]
    """Each model that replied, once."""
    findings: tuple[Finding, ...]
    """The proposal's; before there is one, those of the latest review."""
    evidence: Evidence
    """The proposal's; before there is one, what was done so far."""
    end: Proposed | Failed | Cancelled | None
    """None while the job runs."""

    @property
    def proposal(self) -> Proposal | None:
        return self.end.proposal if isinstance(self.end, Proposed) else None


def story_of(events: Sequence[Event], times: Sequence[float], *, interrupted: bool = False) -> Story:
    """The story of a job, running or ended.

    `times` are seconds since any fixed moment, one for each event; `interrupted` says that no more will come.
    """
    last = events[-1] if events else None
    end = last if isinstance(last, END) else INTERRUPTED if interrupted else None
    evidence = end.proposal.evidence if isinstance(end, Proposed) else evidence_of(events)
    if not isinstance(end, Proposed) and times:
        evidence = replace(evidence, seconds=times[-1] - times[0])
    reviews = [event.review for event in events if isinstance(event, Reviewed)]
    plans = [event for event in events if isinstance(event, Planned)]
    tests = [event.tests for event in events if isinstance(event, TestsWritten)]
    return Story(
        steps=steps_of(events, times, interrupted=interrupted),
        iterations=_iterations(events),
        planned=plans[-1] if plans else None,
        tests=tests[-1] if tests else None,
        runs=tuple(event for event in events if isinstance(event, Executed)),
        models=tuple(dict.fromkeys(event.model for event in events if isinstance(event, Replied))),
        findings=end.proposal.findings if isinstance(end, Proposed) else reviews[-1].findings if reviews else (),
        evidence=evidence,
        end=end,
    )


def steps_of(events: Sequence[Event], times: Sequence[float], *, interrupted: bool = False) -> tuple[Step, ...]:
    """The roles' turns so far; `times` and `interrupted` as for `story_of`."""
    turns = _Turns()
    for event, at in zip(events, times, strict=True):
        turns.take(event, at)
    if interrupted and times:
        turns.take(INTERRUPTED, times[-1])
    return tuple(turns.steps)


def usage_of(events: Iterable[Event]) -> Usage:
    """What the calls that were answered used."""
    return sum((event.usage for event in events if isinstance(event, Replied)), Usage())


def evidence_of(events: Sequence[Event]) -> Evidence:
    """What a job without a proposal did: it was paid for all the same. Seconds are not counted."""
    found = Evidence(usage=usage_of(events))
    for event in events:
        match event:
            case Replied():
                prompts = {**dict(found.prompts), event.role: event.prompt_hash}
                iterations = max(found.iterations, event.iteration)
                found = replace(found, iterations=iterations, prompts=tuple(prompts.items()))
            case Executed():
                found = replace(found, runs=(*found.runs, event.run))
            case Tested(purpose="tests"):
                found = replace(found, tests=event.report)
            case SentBack():
                gate = Gate(event.feedback.gate, passed=False, detail=event.feedback.text.partition("\n")[0])
                found = replace(found, gates=(*found.gates, gate))
            case Noted():
                found = replace(found, notes=(*found.notes, event.message))
            case _:
                pass
    return found


def _iterations(events: Iterable[Event]) -> tuple[Iteration, ...]:
    found: dict[int, Iteration] = {}

    def of(number: int) -> Iteration:
        return found.setdefault(number, Iteration(number))

    for event in events:
        match event:
            case Drafted(draft):
                found[draft.iteration] = replace(of(draft.iteration), draft=draft)
            case SentBack(number, feedback):
                found[number] = replace(of(number), sent_back=feedback)
            case Stalled(number, reason):
                found[number] = replace(of(number), stalled=reason)
            case _:
                pass
    return tuple(found[number] for number in sorted(found))


@dataclass(slots=True)
class _Turns:
    """The steps while the events are read. Turns of different roles may overlap, those of one role do not."""

    steps: list[Step] = field(default_factory=list)
    _open: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By role, the number of the step under way and when it began."""
    _tokens: dict[str, int] = field(default_factory=dict)
    """By role, what was used and is in no step yet."""
    _sent_back: set[int] = field(default_factory=set)

    def take(self, event: Event, at: float) -> None:
        match event:
            case StepStarted(role, iteration, message):
                self._close(role, StepState.FAILED, at)  # an error ended it, and the job went on without it
                self._open[role] = (len(self.steps), at)
                self.steps.append(Step(len(self.steps), role, iteration, StepState.RUNNING, message))
            case Replied(role=role, usage=usage):
                self._tokens[role] = self._tokens.get(role, 0) + usage.tokens
            case Executed(purpose=purpose) if purpose not in _ASIDE and "executor" in self._open:
                number, _ = self._open["executor"]
                self.steps[number] = replace(self.steps[number], purpose=purpose)
            case StepFinished(role, iteration, message, seconds, state):
                self._close(role, StepState(state), at, iteration=iteration, message=message, seconds=seconds)
            case SentBack(iteration, feedback):
                self._send_back(iteration, feedback.gate)
            case Proposed() | Failed() | Cancelled():
                state = StepState.CANCELLED if isinstance(event, Cancelled) else StepState.FAILED
                for role in tuple(self._open):
                    self._close(role, state, at)
            case _:
                pass

    def _close(
        self,
        role: str,
        state: StepState,
        at: float,
        *,
        iteration: int | None = None,
        message: str = "",
        seconds: float | None = None,
    ) -> None:
        if role not in self._open:
            return
        number, began = self._open.pop(role)
        step = self.steps[number]
        self.steps[number] = replace(
            step,
            iteration=step.iteration if iteration is None else iteration,
            state=StepState.FAILED if number in self._sent_back else state,
            message=f"{step.message}: {message}" if message else step.message,
            seconds=at - began if seconds is None else seconds,
            tokens=self._tokens.pop(role, 0),
        )

    def _send_back(self, iteration: int, gate: str) -> None:
        """Find the step whose verdict it was: the gate's own, else the last of the iteration, which made the draft."""
        own = [step for step in self.steps if step.iteration == iteration]
        role = "reviewer" if gate in ("review", "docs") else ""
        drafting = [step for step in own if step.role != "tester"]
        judged = [step for step in own if step.purpose == gate or step.role == role] or drafting or self.steps
        if judged:
            number = judged[-1].number
            self._sent_back.add(number)
            if judged[-1].state is StepState.DONE:
                self.steps[number] = replace(judged[-1], state=StepState.FAILED)
