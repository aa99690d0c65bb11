"""What one job's gates share, and what they say of a draft."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field

from codeteam.domain.artifacts import Draft, Feedback, Plan, Review, Tests
from codeteam.domain.errors import OutOfBudget
from codeteam.domain.events import StepFinished, StepStarted
from codeteam.domain.evidence import Gate, RunResult, TestReport
from codeteam.domain.findings import Finding
from codeteam.domain.settings import Quality
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Task
from codeteam.team.crew import Record, Team
from codeteam.team.examples import Examples
from codeteam.team.executor import Executor
from codeteam.team.stall import signature


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one draft."""

    draft: Draft
    gates: tuple[Gate, ...]
    review: Review | None = None
    report: TestReport | None = None
    tests: Tests | None = None
    findings: tuple[Finding, ...] = ()
    feedback: Feedback | None = None
    """Why it goes back; None when it passed, or when another draft would not help."""

    @property
    def quality(self) -> Quality | None:
        """The highest level whose gates, and those of all below it, are green."""
        passed = {gate.name for gate in self.gates if gate.passed}
        failed = {gate.name for gate in self.gates if not gate.passed}
        earned: Quality | None = None
        for quality, needed in (
            (Quality.DRAFT, {"run"}),
            (Quality.REVIEWED, {"review"}),
            (Quality.TESTED, {"tests"}),
            (Quality.PRODUCTION, set[str]()),
        ):
            blocked = failed & {"run", "scope"} if quality < Quality.PRODUCTION else failed
            if not needed <= passed or blocked or (quality >= Quality.TESTED and "examples" in failed):
                break
            earned = quality
        return earned

    @property
    def rank(self) -> tuple[int, int, int]:
        """Larger is better: quality, gates passed, tests passed."""
        return (
            self.quality or 0,
            sum(gate.passed for gate in self.gates),
            self.report.count("passed") if self.report else 0,
        )


@dataclass(slots=True)
class Bench:
    """What the gates of one job share."""

    task: Task
    team: Team
    executor: Executor
    record: Record
    examples: Examples
    plan: Plan
    tests: asyncio.Future[Tests] | None = None
    """The tester's work, under way while the developer writes."""
    sent_back: set[str] = field(default_factory=set)
    """Tests for which the developer was already sent back once."""
    believed: set[str] = field(default_factory=set)
    """Test files that were seen to fail against a stub."""
    failing_before: frozenset[str] | None = None
    """The project's own tests that failed before the job; None until they were run."""
    rewritten: bool = False
    """The tester was asked once to write anew what did not load by its own fault."""
    existing_tests: tuple[SourceFile, ...] = ()
    """The project's own tests of this code, where they run by themselves."""
    dependency_findings: tuple[Finding, ...] = ()
    last_run: RunResult | None = None
    """How the draft under judgement ran, for the reviewer."""
    best: Verdict | None = None
    """The best draft so far, which a limit does not lose."""
    plans: int = 0
    tested_interface: tuple[tuple[str, str], ...] = ()
    """Of the plan that the tester wrote for."""

    def keep(self, verdict: Verdict) -> Verdict:
        """Take note of how far a draft came; the best, of equals the latest, is what the job can propose."""
        if self.best is None or verdict.rank >= self.best.rank:
            self.best = verdict
        return verdict

    def out_of_budget(self, error: OutOfBudget) -> Gate:
        """The gate that a limit closes.

        Raises:
            OutOfBudget: there is no draft to propose.
        """
        if self.best is None:
            raise OutOfBudget(f"{error.message} No draft had been made by then.", error.hint, "budget") from error
        return Gate("budget", False, str(error))

    @contextmanager
    def step(self, role: str, iteration: int, message: str) -> Iterator[list[str]]:
        """Events around a role's turn; what is appended to the list is how it went."""
        said: list[str] = []
        start = time.monotonic()
        self.record(StepStarted(role, iteration, message))
        yield said
        self.record(StepFinished(role, iteration, "; ".join(said), time.monotonic() - start))


def failed(gates: list[Gate], name: str, text: str, detail: str) -> Feedback:
    """Close a gate, and say why to the developer: `text` in full, `detail` for people."""
    gates.append(Gate(name, False, detail))
    return Feedback(name, text, signature(name, text))


def tally(findings: Sized) -> str:
    """How many, in words."""
    return f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
