"""One job from task to proposal: the stream of its events."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from codeteam.domain.artifacts import FileChange, Plan, Proposal, Status
from codeteam.domain.errors import BadInput, ModelUnavailable, SandboxUnavailable, UnreadableReply
from codeteam.domain.events import Event, Noted, Proposed
from codeteam.domain.evidence import Evidence, Gate, RunResult
from codeteam.domain.languages import TONGUES, can_be_written, foreign, named_in
from codeteam.domain.settings import Order, Quality
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.models.catalog import Model, Models
from codeteam.sandbox import indexes
from codeteam.sandbox.consents import Consents
from codeteam.sandbox.interface import Sandbox
from codeteam.sandbox.languages import LANGUAGES
from codeteam.team import context
from codeteam.team.bench import Bench
from codeteam.team.budget import Budget, uncounted, unpriced
from codeteam.team.crew import Record, assemble
from codeteam.team.executor import Executor, examples_of
from codeteam.team.failing import with_failing_tests
from codeteam.team.pipeline import pipeline
from codeteam.team.session import JobSession
from codeteam.team.suggestions import with_tried_suggestions
from codeteam.team.visible import before_text

_BOLD = 0.7
"""Temperature of a weak developer's further samples: pass@5 was measured there."""
_EVIDENCE = 8_000
"""Characters of each run's output that a proposal carries."""
_LONGEST_REQUIREMENT = 1_000_000


async def run_job(
    task: Task, *, sandbox: Sandbox, models: Models, consents: Consents | None = None
) -> AsyncIterator[Event]:
    """Events of the job as they happen, the last a `Proposed`; closing the iterator cancels the job.

    Raises:
        CodeteamError: what ends a job without a proposal.
    """
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    work = asyncio.create_task(_proposal(task, sandbox, models, events.put_nowait, consents))
    work.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        yield Proposed(await work)
    finally:
        if not work.done():
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work


async def _proposal(
    task: Task, sandbox: Sandbox, models: Models, record: Record, consents: Consents | None
) -> Proposal:
    _refuse_bad_input(task)
    budget = Budget(task.settings, time.monotonic)
    notes: list[str] = []

    def noting(event: Event) -> None:
        if isinstance(event, Noted):
            notes.append(event.message)
        record(event)

    async with JobSession(task, sandbox, noting, consents) as session:
        executor = Executor(session, secrets.token_hex(16))
        examples = examples_of(task)
        for line in task.notes:
            noting(Noted(line))
        for line in examples.left_out:
            noting(Noted(f"An example that cannot be read with certainty is left out: {line[:200]}"))
        for line in executor.unmeasured:
            noting(Noted(line))
        opened: dict[str, Model] = {}
        begun = False
        bench = Bench(task, assemble(task, opened, budget, noting), executor, noting, examples, Plan("", ()))
        try:
            async with asyncio.timeout(budget.seconds_left) as limit:
                await sandbox.ready(task.settings.language)  # before anything is paid for
                begun = True
                opened |= await _open_models(task, models)
                if note := unpriced(task.settings, opened.values()):
                    noting(Noted(note))
                stopped = await _arranged(bench, opened, budget)
        except TimeoutError:
            if not limit.expired():
                raise
            stopped = bench.out_of_budget(budget.overdue())
        except (ModelUnavailable, UnreadableReply) as error:
            if not _changes(bench) and not _found(bench):
                raise
            # A draft was worked for and paid for: it is proposed, below the quality asked for, with what it passed.
            stopped = Gate("model", False, str(error))
        except SandboxUnavailable as error:
            said = _gone(error) if begun else error
            if not _changes(bench):
                raise said from error
            # A draft that had no chance to run is no worse for that.
            stopped = Gate("sandbox", False, str(said))
        if stopped is None:
            await with_tried_suggestions(bench, budget.seconds_left)
        bench.best = with_failing_tests(bench.best)
        return _finished(bench, stopped, budget, tuple(notes))


def _gone(error: SandboxUnavailable) -> SandboxUnavailable:
    """What is to be said of an engine that answered before: that it is not installed is not the reason."""
    if error.kind not in ("docker_missing", "docker_down"):
        return error
    message = "The Docker engine went away during the job."
    return SandboxUnavailable(
        message, "Start it again, then run the job once more; `codeteam doctor` checks it.", error.kind
    )


async def _arranged(bench: Bench, models: Mapping[str, Model], budget: Budget) -> Gate | None:
    if bench.task.settings.order is Order.CONVERSATION:
        if bench.task.intent is Intent.IMPLEMENT:
            from codeteam.team.conversation import conversation  # noqa: PLC0415 - AutoGen's teams, which few ask for

            return await conversation(bench, models, budget)
        bench.record(Noted(f"The conversation only implements; to {bench.task.intent.value}, the pipeline is used."))
    return await pipeline(bench)


def _refuse_bad_input(task: Task) -> None:
    if len(task.requirement) > _LONGEST_REQUIREMENT:
        raise BadInput("The requirement is longer than a million characters.", "Select the part that matters.")
    if task.intent in (Intent.REVIEW, Intent.TEST, Intent.FIX, Intent.REFACTOR, Intent.DOCUMENT):
        if task.document is None or not task.document.text.strip():
            raise BadInput(f"There is no code to {task.intent.value}.", "Name a file, or select code in the editor.")
    elif not task.requirement.strip() and not (task.document and task.document.text.strip()):
        raise BadInput("The requirement is empty.", "Say what is to be written, or select it in the editor.")
    if task.document and "\0" in task.document.text:
        raise BadInput(f"{task.document.path} is not a text file.", "Choose a file of source code.")
    _refuse_declared(task)
    if task.document and _cannot_be_run(task, task.document.path):
        known = ", ".join(tongue.title for tongue in TONGUES.values())
        message = f"{task.document.path} is in no language that can be run and checked here ({known})."
        raise BadInput(message, "Choose a file of one of them; what prose asks for can be implemented.")


def _refuse_declared(task: Task) -> None:
    """Where nothing compiles without all that a project declares, what no index has ends the job before it begins."""
    language = LANGUAGES[task.settings.language]
    _, problems = indexes.check(task.dependencies, language.packages)
    if language.all_or_none and problems:
        names = ", ".join(problem.requirement for problem in problems[:5]) + " and others" * (len(problems) > 5)
        raise BadInput(
            f"The workspace declares {names}, which cannot be had in the sandbox: its code cannot be compiled there.",
            "Choose a file of a crate that does with crates of a registry, and with those of its own workspace.",
        )


def _cannot_be_run(task: Task, path: str) -> bool:
    """Whether a job would change what cannot be run, and propose it unproven.

    What prose or a table asks for is written in another file, and so is what is to be ported to a file that is named.
    """
    if task.intent is Intent.IMPLEMENT:
        return foreign(path) and not named_in(task.requirement)
    return not can_be_written(path)


async def _open_models(task: Task, models: Models) -> dict[str, Model]:
    settings = task.settings
    needed = ("reviewer",) if task.intent is Intent.REVIEW else ("architect", "developer", "reviewer", "tester")
    for role in context.ROLES:
        context.prompt_of(task, role)
    opened = {
        role: await models.open(settings.model_of(role), base_url=settings.base_url, temperature=settings.temperature)
        for role in needed
    }
    if "developer" in opened and not opened["developer"].traits.verdict_counts:
        opened["bold"] = await models.open(
            settings.model_of("developer"),
            base_url=settings.base_url,
            temperature=max(settings.temperature, _BOLD),
        )
    return opened


def _finished(bench: Bench, stopped: Gate | None, budget: Budget, notes: tuple[str, ...]) -> Proposal:
    """The proposal of the best draft, with everything a user may want to see before trusting it."""
    task, best = bench.task, bench.best
    gates = (*(best.gates if best else ()), *((stopped,) if stopped else ()))
    accepted = _accepted(bench, stopped)
    evidence = Evidence(
        iterations=best.draft.iteration if best else 0,
        usage=budget.usage,
        seconds=round(budget.seconds, 3),
        image=bench.executor.session.image,
        runs=tuple(_brief(run) for run in bench.executor.session.runs),
        tests=best.report if best else None,
        gates=gates,
        prompts=tuple((role, context.prompt_of(task, role).sha256) for role in context.ROLES),
        notes=(*notes, *uncounted(budget.usage)),
    )
    failed = [gate for gate in gates if not gate.passed]
    # A limit that was reached says why the job ended; the gate before it, what the draft lacks.
    why = "; ".join(f"{gate.name}: {gate.detail}" for gate in reversed(failed)) if not accepted else ""
    files = _changes(bench)
    return Proposal(
        Status.ACCEPTED if accepted else Status.BELOW,
        _quality(bench, accepted),
        files,
        best.findings if best else (),
        evidence,
        "" if accepted else why or "the quality asked for was not reached",
        _summary(bench, files),
    )


def _brief(run: RunResult) -> RunResult:
    """The run with the ends of its output: the whole is in its own event, and a proposal must stay small."""
    return replace(run, stdout=run.stdout[-_EVIDENCE:], stderr=run.stderr[-_EVIDENCE:])


def _accepted(bench: Bench, stopped: Gate | None) -> bool:
    best = bench.best
    if best is None or stopped is not None:
        return False
    if bench.task.intent is Intent.REVIEW:
        return True
    if bench.task.intent is Intent.TEST:
        return all(gate.passed for gate in best.gates)
    return best.quality is not None and best.quality >= bench.task.settings.asked_quality


def _quality(bench: Bench, accepted: bool) -> Quality | None:
    """What the proposal has earned; one of tests alone, by passing on the code as it is; a review has none."""
    if bench.best is None or bench.task.intent is Intent.REVIEW:
        return None
    return Quality.TESTED if bench.task.intent is Intent.TEST and accepted else bench.best.quality


def _changes(bench: Bench) -> tuple[FileChange, ...]:
    """Files that differ from what they were: the draft's, then the tests'."""
    best, task = bench.best, bench.task
    if best is None or task.intent is Intent.REVIEW:
        return ()
    drafted: tuple[SourceFile, ...] = () if task.intent is Intent.TEST else best.draft.files
    files = (*drafted, *(best.tests.files if best.tests else ()))
    changes = (FileChange(file.path, file.text, before_text(task, file.path) is None) for file in files)
    return tuple(change for change in changes if change.text != before_text(task, change.path))


def _found(bench: Bench) -> bool:
    """Whether a review found something before its reviewer was lost."""
    return bench.task.intent is Intent.REVIEW and bench.best is not None and bool(bench.best.findings)


def _summary(bench: Bench, files: tuple[FileChange, ...]) -> str:
    best = bench.best
    if best is None:
        return "No draft could be made."
    if bench.task.intent is Intent.REVIEW:
        count = len(best.findings)
        return f"{count} finding{'s' if count != 1 else ''}." if count else "Nothing to report."
    passed = ", ".join(f"{gate.name}: {gate.detail}" for gate in best.gates if gate.passed)
    return f"{', '.join(change.path for change in files) or 'Nothing changed'} — {passed or 'no gate passed'}."
