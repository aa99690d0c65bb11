"""Facts about a job, in the order they happened: what history stores, what progress shows."""

from __future__ import annotations

from dataclasses import dataclass

from codeteam.domain.artifacts import Draft, Feedback, Plan, Proposal, Review, Tests
from codeteam.domain.evidence import RunResult, TestReport, Usage


@dataclass(frozen=True, slots=True)
class Queued:
    """The job waits for its turn."""

    ahead: int
    """Jobs before it."""


@dataclass(frozen=True, slots=True)
class Started:
    """A worker took the job."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A role's turn begins."""

    role: str
    """"architect", "developer", "executor", "reviewer" or "tester"."""
    iteration: int
    """From 1; 0 before the first draft."""
    message: str
    """What is being done, for people: "running the draft"."""


@dataclass(frozen=True, slots=True)
class StepFinished:
    role: str
    iteration: int
    message: str
    """How it went, for people: "3 passed, 1 failed"."""
    seconds: float
    state: str = "done"
    """"done", "failed", or "cancelled" when it was stopped, for nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Replied:
    """One model call's answer, whole, with what it used; enough to replay the job."""

    role: str
    iteration: int
    model: str
    text: str
    usage: Usage
    seconds: float
    prompt_hash: str
    """SHA-256 of the role's prompt file."""


@dataclass(frozen=True, slots=True)
class Planned:
    plan: Plan
    attempt: int
    """1 for the first plan, more after the team was stuck."""


@dataclass(frozen=True, slots=True)
class Drafted:
    draft: Draft


@dataclass(frozen=True, slots=True)
class Executed:
    iteration: int
    purpose: str
    """"tidy", "run", "static", "examples", "tests", "stub", "blind", "turned"."""
    run: RunResult

    @property
    def must_fail(self) -> bool:
        """Whether it proves something by failing: tests without code, and tests turned round."""
        return self.purpose in {"stub", "turned"}


@dataclass(frozen=True, slots=True)
class Reviewed:
    iteration: int
    review: Review


@dataclass(frozen=True, slots=True)
class TestsWritten:
    __test__ = False
    tests: Tests


@dataclass(frozen=True, slots=True)
class Tested:
    __test__ = False
    iteration: int
    purpose: str
    """"examples" or "tests"."""
    report: TestReport


@dataclass(frozen=True, slots=True)
class SentBack:
    """A gate failed; the draft goes back to the developer."""

    iteration: int
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class Stalled:
    """The same failure again, or drafts going in circles: the architect is asked for another way."""

    iteration: int
    reason: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the user should know that is not a failure."""

    message: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """The last event of a job that ended with a proposal."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event of a job that could not go on."""

    kind: str
    message: str
    hint: str = ""
    exit_code: int = 3


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The last event of a job that the user stopped."""


Event = (
    Queued
    | Started
    | StepStarted
    | StepFinished
    | Replied
    | Planned
    | Drafted
    | Executed
    | Reviewed
    | TestsWritten
    | Tested
    | SentBack
    | Stalled
    | Noted
    | Proposed
    | Failed
    | Cancelled
)
END = (Proposed, Failed, Cancelled)
"""The events after which nothing comes."""
