"""The roles as callables: what each is asked, how its reply is read, and the one chance to mend a malformed one."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel

from codeteam.domain.artifacts import Draft, Feedback, Plan, PlannedFile, Review, Tests
from codeteam.domain.errors import UnreadableReply
from codeteam.domain.events import Event, Noted, Replied
from codeteam.domain.evidence import RunResult
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.languages import TONGUES, Tongue, is_test, tongue_of
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Task
from codeteam.models.catalog import Model
from codeteam.team import checks, context, python_code, replies, splice
from codeteam.team.budget import Budget
from codeteam.team.code import code_of
from codeteam.team.examples import called_names, read_examples
from codeteam.team.newcomers import parted
from codeteam.team.replies import FaultReply, MalformedReply, PlanReply, ReviewReply
from codeteam.team.roles import ask, waiting
from codeteam.team.stall import signature

_T = TypeVar("_T")
_RESAMPLED = ("run", "examples", "static", "tests", "scope")
"""Gates after which a weak model starts afresh, more boldly, rather than repair."""
Record = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """The tester's word on a failing test."""

    in_test: bool
    reason: str
    tests: Tests | None
    """The corrected files when the test was wrong; None leaves the failing tests out."""


@dataclass(frozen=True, slots=True)
class Team:
    """One callable a role; a test's team is a few plain functions."""

    plan: Callable[[Sequence[str]], Awaitable[Plan]]
    """From what was tried so far."""
    develop: Callable[[int, Plan, Draft | None, Feedback | None], Awaitable[Draft | Feedback]]
    """Iteration, plan, last draft and why it was sent back; Feedback when the reply oversteps its scope."""
    write_tests: Callable[[Plan, str], Awaitable[Tests]]
    """Plan, and what was wrong with the last tests, empty the first time."""
    arbitrate: Callable[[Plan, Tests, str], Awaitable[Fault]]
    """Plan, tests and what fails."""
    review: Callable[[int, Plan | None, Sequence[SourceFile], RunResult | None, Sequence[Finding]], Awaitable[Review]]
    """Iteration, plan, files, how they ran, and the static findings."""


def assemble(task: Task, models: Mapping[str, Model], budget: Budget, record: Record) -> Team:
    """The team of AutoGen agents for a task.

    `models` are by role name; "bold" is a weak developer's at a higher temperature, for its further samples.
    """
    crew = _Crew(task, models, budget, record)
    return Team(crew.plan, crew.develop, crew.write_tests, crew.arbitrate, crew.review)


class _Crew:
    def __init__(self, task: Task, models: Mapping[str, Model], budget: Budget, record: Record) -> None:
        self._task = task
        self._models = models
        self._budget = budget
        self._record = record
        self._waiting = waiting(budget, record)

    async def plan(self, history: Sequence[str]) -> Plan:
        message = context.architect_message(self._task, history)
        weak = not self._models["architect"].traits.verdict_counts
        try:
            return await self._converse("architect", 0, message, lambda text: read_plan(self._task, text))
        except UnreadableReply:
            if not weak:
                raise
            self._record(Noted("The architect's plan could not be read; the team goes on with a plan of one file."))
            return default_plan(self._task)

    async def develop(
        self, iteration: int, plan: Plan, draft: Draft | None, feedback: Feedback | None
    ) -> Draft | Feedback:
        resample = feedback is not None and not self._models["developer"].traits.verdict_counts
        if resample and feedback and feedback.gate in _RESAMPLED:
            # Measured: shown its failure, a small model repairs 5 of 17 programs in two rounds; asked five times
            # afresh, it solves 15 of 15. What it is shown only makes it repeat itself.
            draft = feedback = None
        message = context.developer_message(self._task, plan, draft, feedback)

        def read(text: str) -> Draft | Feedback:
            try:
                files = splice.drafted_files(self._task, plan, replies.fences(text))
            except splice.OutOfScope as error:
                return Feedback("scope", str(error), signature("scope", str(error)))
            # A correction often names only the file that changes; what it does not name stays as it was.
            named = {file.path for file in files}
            kept = tuple(file for file in draft.files if file.path not in named) if draft and feedback else ()
            return Draft(iteration, (*kept, *files), replies.prose(text)[:1000])

        return await self._converse("developer", iteration, message, read, voice="bold" if resample else "developer")

    async def write_tests(self, plan: Plan, complaint: str) -> Tests:
        sure = self._models["architect"].traits.verdict_counts
        message = context.tester_message(self._task, plan, criteria=sure)
        if complaint:
            message += f"\n\n## Your last tests were refused\n\n{complaint}"

        def read(text: str) -> Tests:
            try:
                return Tests(splice.tester_files(self._task, plan, replies.fences(text)), replies.prose(text)[:1000])
            except splice.OutOfScope as error:
                raise MalformedReply(str(error)) from error

        return await self._converse("tester", 0, message, read)

    async def arbitrate(self, plan: Plan, tests: Tests, failures: str) -> Fault:
        message = context.arbiter_message(self._task, plan, tests, failures)

        def read(text: str) -> Fault:
            verdict = replies.metadata(text, FaultReply)
            if verdict.fault == "code":
                return Fault(False, verdict.reason, None)
            try:
                files = splice.tester_files(self._task, plan, replies.fences(text))
            except (MalformedReply, splice.OutOfScope):
                return Fault(True, verdict.reason, None)
            return Fault(True, verdict.reason, Tests(files, verdict.reason))

        return await self._converse("tester", 0, message, read, prompt="arbiter", schema=None)

    async def review(
        self,
        iteration: int,
        plan: Plan | None,
        files: Sequence[SourceFile],
        run: RunResult | None,
        static: Sequence[Finding],
    ) -> Review:
        message = context.reviewer_message(self._task, plan, files, run, static)
        counts = self._models["reviewer"].traits.verdict_counts
        if not counts and any(finding.severity is Severity.ERROR for finding in static):
            # It cannot be approved, and what so weak a reviewer adds is not worth its time.
            return verdict(ReviewReply(approved=False), (), static, counts)
        try:
            reply = await self._converse(
                "reviewer", iteration, message, lambda text: replies.metadata(text, ReviewReply), schema=ReviewReply
            )
        except UnreadableReply:
            if counts:
                raise
            reply = ReviewReply(approved=True, findings=[], comment="The reviewer's reply could not be read.")
        found, dropped = checks.located(reply.findings, files)
        if dropped:
            self._record(Noted(f"{dropped} of the reviewer's findings quote code that is not there, and were dropped."))
        return verdict(reply, found, static, counts)

    async def _converse(
        self,
        role: str,
        iteration: int,
        message: str,
        read: Callable[[str], _T],
        *,
        prompt: str = "",
        voice: str = "",
        schema: type[BaseModel] | None = None,
    ) -> _T:
        """Ask, read, and show a malformed reply its error once.

        Raises:
            UnreadableReply: the second reply is malformed too.
        """
        shown = context.prompt_of(self._task, prompt or role)
        messages = [*shown.turns, ("user", message)]
        for attempt in (1, 2):
            self._budget.check()
            model = self._models.get(voice or role, self._models[role])
            try:
                reply = await ask(model, role, shown.system, messages, schema=schema, waiting=self._waiting)
            except BaseException as error:  # a cancelled call is billed too
                if usage := getattr(error, "usage", None):
                    self._budget.spend(usage)
                raise
            self._budget.spend(reply.usage)
            self._record(Replied(role, iteration, reply.model, reply.text, reply.usage, reply.seconds, shown.sha256))
            try:
                return read(reply.text)
            except MalformedReply as error:
                if attempt == 2:
                    raise UnreadableReply(
                        f"The {role}'s model ({model.spec}) did not keep to the format it was asked for: {error}",
                        "Try again, or choose a stronger model with --model or the setting codeteam.model.",
                    ) from error
                messages += [("assistant", reply.text), ("user", f"{error}")]
        raise AssertionError("unreachable")  # pragma: no cover


def verdict(reply: ReviewReply, found: Sequence[Finding], static: Sequence[Finding], counts: bool) -> Review:
    """A review from the reviewer's words and the static checks.

    A model's approval alone never approves: static errors forbid it. A rejection needs something to act on: a located
    error, or a comment. A weak model's word decides nothing, and its findings, most of them false alarms, are
    information of little confidence.
    """
    if not counts:
        found = [replace(item, severity=Severity.INFORMATION, confidence=min(item.confidence, 0.3)) for item in found]
    errors = [finding for finding in static if finding.severity is Severity.ERROR]
    located_errors = [finding for finding in found if finding.severity is Severity.ERROR]
    rejected = counts and (bool(located_errors) or (not reply.approved and bool(found or reply.comment)))
    objected = counts and not reply.approved and not rejected
    return Review(not errors and not rejected, checks.worst(static, found), reply.comment[:1000], counts, objected)


def read_plan(task: Task, text: str) -> Plan:
    """The plan of an architect's reply.

    Raises:
        MalformedReply: no readable metadata, a path outside the workspace, only tests planned.
    """
    reply = replies.metadata(text, PlanReply)
    interfaces: dict[str, str] = {}
    for fence in replies.fences(text):
        if fence.path and fence.language != "json":
            # Bodies are taken out: the tester is shown this, and must not see code.
            # So are star imports, which a developer copies.
            plain = python_code.without_stars(fence.text) if fence.path.endswith(".py") else fence.text
            outline = code_of(fence.path).rough_signatures(plain) if tongue_of(fence.path) else fence.text
            interfaces[fence.path.removeprefix("./")] = outline
    files = [
        PlannedFile(path, item.purpose, interfaces.get(path, ""))
        for item in reply.files
        if not is_test(path := replies.safe_path(item.path))
    ]
    if task.document and tongue_of(task.document.path) and task.document.path not in {file.path for file in files}:
        files.insert(0, PlannedFile(task.document.path, "the document", interfaces.get(task.document.path, "")))
    if not files:
        raise MalformedReply("The plan names no file but tests. Name the files that hold the code.")
    files = _as_the_requirement_names(task, files)
    packages = [part.strip() for line in reply.dependencies for part in parted(line)]
    # Python's own modules need no package; in other languages one may have the name of such a module.
    own = sys.stdlib_module_names if task.settings.language == "python" else frozenset[str]()
    packages = [line for line in packages if line and line not in own]
    return Plan(replies.prose(text)[:4000], tuple(files), tuple(packages), tuple(reply.criteria))


def _as_the_requirement_names(task: Task, files: list[PlannedFile]) -> list[PlannedFile]:
    """A plan of one new file gets the one name that the requirement gives: small models read over it."""
    endings = "|".join(re.escape(ending) for ending in TONGUES[task.settings.language].endings)
    named = set(re.findall(rf"(?<![\w./-])((?:[\w-]+/)*[\w-]+(?:{endings}))\b", task.requirement))
    if len(files) != 1 or len(named) != 1 or files[0].path in task.listing or task.document is not None:
        return files
    [name] = named
    if is_test(name) or not tongue_of(files[0].path):
        return files
    try:
        return [replace(files[0], path=replies.safe_path(name))]
    except MalformedReply:
        return files


def default_plan(task: Task) -> Plan:
    """A plan of one file, made without a model: the document itself, or a module named for what the examples call."""
    if task.document and not task.document.path.lower().endswith((".md", ".markdown", ".txt", ".rst")):
        outline = code_of(task.document.path).signatures(task.document.text)
        return Plan("", (PlannedFile(task.document.path, "", outline),))
    names = called_names(read_examples(task.requirement).run)
    stem = names[0].lower() if names and names[0].isidentifier() else "solution"
    tongue = TONGUES[task.settings.language]
    ending = tongue.endings[0]
    path, number = f"{stem}{ending}", 2
    while path in task.listing:
        path, number = f"{stem}_{number}{ending}", number + 1
    [file] = _as_the_requirement_names(task, [PlannedFile(path, "", _given_interface(task.requirement, tongue))])
    return Plan("", (file,))


def _given_interface(requirement: str, tongue: Tongue) -> str:
    """Signatures that the requirement itself shows in a block of code; empty where it shows none."""
    try:
        blocks = replies.fences(requirement)
    except MalformedReply:
        return ""
    code = code_of(f"given{tongue.endings[0]}")
    given = (block.text for block in blocks if block.language in tongue.fences)
    return next((code.signatures(text) for text in given if code.definitions(text)), "")
