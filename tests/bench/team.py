"""Compares the pipeline with the conversation on the recorded job of the examples: `python -m tests.bench.team`.

Both play the same replies (the conversation's speakers are chosen by recorded replies too) and come to the same end.
Calls and characters are counted where they leave for the model. Each arrangement runs once in the real sandbox; then
what the sandbox returned is played back, and the model answers at once, so that what is left is the framework: the
processor time of this process, the median of several jobs. The sandbox's own time is reported beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from autogen_core import CancellationToken
from autogen_core.models import (
    CreateResult,
    LLMMessage,
)

from codeteam.domain.artifacts import Proposal
from codeteam.domain.events import Proposed
from codeteam.domain.settings import Order, Settings
from codeteam.domain.task import Intent, Task
from codeteam.models.catalog import Model, Models
from codeteam.models.script import ScriptClient
from codeteam.models.steady import SteadyClient
from codeteam.models.text_client import TextClient
from codeteam.models.trouble import Provider
from codeteam.sandbox.choose import open_sandbox
from codeteam.sandbox.interface import (
    Command,
    DependencyProblem,
    DependencySet,
    Limits,
    OnOutput,
    Outcome,
    Sandbox,
    Session,
)
from codeteam.team import expectations, python_code, replies
from codeteam.team.job import run_job

EXAMPLES = Path(__file__).parents[2] / "examples"
SPEAKERS = (
    *("architect", "developer", "executor"),  # does not import
    *("developer", "executor", "reviewer"),  # rejected
    *("developer", "executor", "reviewer", "tester", "executor"),  # a test fails
    *("developer", "executor", "reviewer", "executor"),  # right
)
"""Who has the word in the conversation, for the replies that are recorded: no turn is wasted."""


@dataclass
class Tally:
    """What was sent to the model."""

    calls: int = 0
    characters: int = 0


class CountedClient(TextClient):
    """Counts every call and what it carries, on the way to the recorded replies."""

    def __init__(self, inner: ScriptClient, tally: Tally) -> None:
        super().__init__(inner.model_info)
        self._inner = inner
        self._tally = tally

    def for_role(self, role: str) -> CountedClient:
        return CountedClient(self._inner.for_role(role), self._tally)

    async def answer(
        self, messages: Sequence[LLMMessage], cancellation: CancellationToken | None
    ) -> AsyncGenerator[str | CreateResult, None]:
        self._tally.calls += 1
        self._tally.characters += sum(len(message.content) for message in messages if isinstance(message.content, str))
        async for piece in self._inner.answer(messages, cancellation):
            yield piece


class CountedModels(Models):
    """Models of recorded replies whose clients count."""

    def __init__(self, *, environ: Mapping[str, str], home: Path) -> None:
        super().__init__(environ=environ, home=home)
        self.tally = Tally()

    async def open(self, spec: str, *, base_url: str = "", temperature: float = 0.3) -> Model:
        model = await super().open(spec, base_url=base_url, temperature=temperature)
        client = CountedClient(self._scripts[0], self.tally)
        steady = SteadyClient(client, Provider("The script", spec), context=model.traits.context)
        return replace(model, client=steady)


@dataclass
class Tape:
    """What a sandbox returned in the course of a job."""

    image: str = ""
    prepared: list[DependencySet | tuple[DependencyProblem, ...]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    """Of runs and preparations."""


class RecordingSandbox:
    """The real sandbox; what it returns goes onto a tape."""

    def __init__(self, real: Sandbox, tape: Tape) -> None:
        self._real = real
        self._tape = tape
        self.image = ""

    async def ready(self, language: str = "python") -> None:
        start = time.monotonic()
        await self._real.ready(language)
        self._tape.seconds += time.monotonic() - start

    async def prepare(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> DependencySet | tuple[DependencyProblem, ...]:
        start = time.monotonic()
        prepared = await self._real.prepare(requirements, language, trusted, preferred)
        self._tape.seconds += time.monotonic() - start
        self._tape.prepared.append(prepared)
        return prepared

    async def look_up(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> tuple[DependencyProblem, ...]:
        return ()

    @asynccontextmanager
    async def open(
        self,
        dependencies: DependencySet | None = None,
        limits: Limits | None = None,
        *,
        job: str = "",
        language: str = "python",
    ) -> AsyncIterator[Session]:
        start = time.monotonic()
        async with self._real.open(dependencies, limits, job=job, language=language) as session:
            self._tape.seconds += time.monotonic() - start
            self._tape.image = self.image = session.image
            self._session = session
            yield self

    async def run(self, command: Command, on_output: OnOutput | None = None) -> Outcome:
        start = time.monotonic()
        outcome = await self._session.run(command, on_output)
        self._tape.seconds += time.monotonic() - start
        self._tape.outcomes.append(outcome)
        return outcome

    def warm(self, language: str = "python") -> None:
        pass

    async def aclose(self) -> None:
        await self._real.aclose()


class PlayedSandbox:
    """Returns what is on the tape, at once."""

    def __init__(self, tape: Tape) -> None:
        self._prepared = iter(tape.prepared)
        self._outcomes = iter(tape.outcomes)
        self.image = tape.image

    async def ready(self, language: str = "python") -> None:
        """A tape is."""

    async def prepare(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> DependencySet | tuple[DependencyProblem, ...]:
        return next(self._prepared)

    async def look_up(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> tuple[DependencyProblem, ...]:
        return ()

    @asynccontextmanager
    async def open(
        self,
        dependencies: DependencySet | None = None,
        limits: Limits | None = None,
        *,
        job: str = "",
        language: str = "python",
    ) -> AsyncIterator[Session]:
        yield self

    async def run(self, command: Command, on_output: OnOutput | None = None) -> Outcome:
        outcome = next(self._outcomes)
        if ".codeteam/ran" in outcome.files:  # the proof of a clean end is another one in every job
            token = re.search(rb"'([0-9a-f]{32})'", command.files["codeteam_run.py"])
            assert token, "the runner has no token"
            outcome = replace(outcome, files={**outcome.files, ".codeteam/ran": token[1]})
        return outcome

    def warm(self, language: str = "python") -> None:
        pass

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Measured:
    """One arrangement's figures."""

    proposal: Proposal
    tally: Tally
    runs: int
    sandbox_seconds: float
    framework_seconds: float


async def measure(order: Order, jobs: int) -> Measured:
    """One real job, then `jobs` played ones."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "replies.md"
        turns = "".join(f"\n## reply selector\n\n~~~~reply\n{speaker}\n~~~~\n" for speaker in SPEAKERS)
        script.write_text((EXAMPLES / "rest-api.replies.md").read_text("utf-8") + turns, "utf-8")
        task = Task(
            "bench0000000",
            Intent.IMPLEMENT,
            (EXAMPLES / "rest-api.md").read_text("utf-8"),
            Settings(model=f"script/{script}", order=order, framework="FastAPI"),
        )
        async with CountedModels(environ=os.environ, home=Path(folder)) as models:
            tape = Tape()
            real = RecordingSandbox(open_sandbox(task.settings, home=Path(folder)), tape)
            try:
                proposal = await _run(task, real, models)
            finally:
                await real.aclose()
            tally = replace(models.tally)
            seconds = []
            gc.freeze()  # as a worker does once it has loaded
            for _ in range(jobs + 1):
                models.rewind()
                _forget()
                start = time.process_time()
                played = await _run(task, PlayedSandbox(tape), models)
                seconds.append(time.process_time() - start)
                assert played.status is proposal.status, "the played job ended otherwise than the real one"
    return Measured(proposal, tally, len(tape.outcomes), tape.seconds, statistics.median(seconds[1:]))


def _forget() -> None:
    """What was worked out of the texts of the job before, which are the same: every job works for itself."""
    for remembered in (*vars(python_code).values(), *vars(expectations).values(), replies.fences):
        if hasattr(remembered, "cache_clear"):
            remembered.cache_clear()


async def _run(task: Task, sandbox: Sandbox, models: Models) -> Proposal:
    async for event in run_job(task, sandbox=sandbox, models=models):
        if isinstance(event, Proposed):
            return event.proposal
    raise AssertionError("the job ended without a proposal")


def table(pipeline: Measured, conversation: Measured) -> str:
    """The figures side by side, with the ratios and what is aimed at."""
    milliseconds = pipeline.framework_seconds * 1000
    rows = [
        ("", "pipeline", "conversation", "ratio", "target"),
        _row("model calls", pipeline.tally.calls, conversation.tally.calls, 0.4),
        _row("prompt characters", pipeline.tally.characters, conversation.tally.characters, 0.2),
        (
            "framework time, ms a job",
            f"{milliseconds:.1f}",
            f"{conversation.framework_seconds * 1000:.1f}",
            f"{pipeline.framework_seconds / conversation.framework_seconds:.0%}",
            f"≤ 50 ms: {'met' if milliseconds <= 50 else 'missed'}",
        ),
        ("sandbox runs", str(pipeline.runs), str(conversation.runs), "", ""),
        ("sandbox time, s", f"{pipeline.sandbox_seconds:.1f}", f"{conversation.sandbox_seconds:.1f}", "", ""),
        ("drafts", *(str(item.proposal.evidence.iterations) for item in (pipeline, conversation)), "", ""),
        ("outcome", *(_outcome(item.proposal) for item in (pipeline, conversation)), "", ""),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number in {0, 4} else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(name: str, one: int, other: int, target: float) -> tuple[str, str, str, str, str]:
    ratio = one / other
    return name, f"{one:,}", f"{other:,}", f"{ratio:.1%}", f"≤ {target:.0%}: {'met' if ratio <= target else 'missed'}"


def _outcome(proposal: Proposal) -> str:
    return f"{proposal.status.value}, {proposal.quality.label if proposal.quality else 'nothing ran'}"


async def _main(jobs: int) -> None:
    pipeline = await measure(Order.PIPELINE, jobs)
    conversation = await measure(Order.CONVERSATION, jobs)
    print(table(pipeline, conversation))
    for name, measured in (("pipeline", pipeline), ("conversation", conversation)):
        if measured.proposal.stopped_by:
            print(f"{name}: {measured.proposal.stopped_by}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=9, help="played jobs for the framework's time (default: 9)")
    asyncio.run(_main(parser.parse_args().jobs))
