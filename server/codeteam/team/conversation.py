"""The other arrangement: the same agents and sandbox in AutoGen's `SelectorGroupChat`, a model choosing who speaks.

It is there so that users can compare; the gates that judge the outcome are those of the pipeline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence

from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.conditions import FunctionalTermination, MaxMessageTermination
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, SelectSpeakerEvent, TextMessage
from autogen_agentchat.teams import SelectorGroupChat
from autogen_core import CancellationToken

from codeteam.domain.artifacts import Draft, Feedback, Plan, Review, Tests
from codeteam.domain.errors import CodeteamError, OutOfBudget
from codeteam.domain.events import Drafted, Planned, Replied, SentBack, StepFinished, StepStarted, TestsWritten
from codeteam.domain.evidence import Gate, RunResult, Usage
from codeteam.domain.findings import Finding
from codeteam.domain.settings import Quality
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Task
from codeteam.models.catalog import Model
from codeteam.models.steady import SteadyClient
from codeteam.team import checks, context, missing, replies, splice, visible
from codeteam.team.bench import Bench, Verdict
from codeteam.team.budget import Budget
from codeteam.team.crew import Fault, Team, default_plan, read_plan, verdict
from codeteam.team.gates import judge
from codeteam.team.pipeline import dependency_finding
from codeteam.team.replies import MalformedReply, ReviewReply
from codeteam.team.roles import cost, voice, waiting

MOST_ROUNDS = 30
"""Messages at most, the task included, as in the source article."""

_DESCRIPTIONS = {
    "architect": "Analyses the requirement and designs the interfaces. Speaks first, and when the team is stuck.",
    "developer": "Writes the code. Speaks after the architect, and whenever the code has to be corrected.",
    "executor": "Runs the code and the tests in the sandbox. Speaks after the developer, and after the tester.",
    "reviewer": "Reviews the code. Speaks after the executor reported that the code runs.",
    "tester": "Writes the tests. Speaks after the reviewer approved.",
}


_DOING = {
    "architect": "planning",
    "developer": "writing the code",
    "executor": "running what there is",
    "reviewer": "reviewing the code",
    "tester": "writing tests",
}


async def conversation(bench: Bench, models: Mapping[str, Model], budget: Budget) -> Gate | None:
    """Let the team talk until the outcome is accepted or thirty messages are spoken; see `bench.best`."""
    talk = _Talk(bench, models, budget)
    token = CancellationToken()
    listening = asyncio.ensure_future(talk.listen(token, budget))
    try:
        return await asyncio.shield(listening)
    except asyncio.CancelledError:
        # A team hangs on a plain cancel until the call in flight ends; its token closes the connection at once.
        token.cancel()
        listening.cancel()
        await asyncio.wait({listening}, timeout=1)
        raise


class _Talk:
    """What was said, read into artifacts as it is said."""

    def __init__(self, bench: Bench, models: Mapping[str, Model], budget: Budget) -> None:
        self.bench = bench
        self.plan: Plan | None = None
        self.draft: Draft | None = None
        self.review: ReviewReply | None = None
        self.tests: Tests | None = None
        self.done = False
        self.exhausted = False
        """As many drafts were made as may be, and the last is not right."""
        self._since = time.monotonic()
        """When the speaker was given the word."""
        self._models = models
        self._spent: dict[str, Usage] = {}
        pause = waiting(budget, bench.record)
        # One voice a speaker, the selector with the architect's model: each counts what it uses.
        self._voices = {role: voice(models[role], role, waiting=pause) for role in _DESCRIPTIONS if role in models}
        self._voices["selector"] = voice(models["architect"], "selector", waiting=pause)
        self.trouble: CodeteamError | None = None
        """The first error of a speaker: AutoGen hands on only its text."""

    async def listen(self, token: CancellationToken, budget: Budget) -> Gate | None:
        await self.bench.executor.session.prepare(())
        try:
            async for message in self._team().run_stream(task=self._opening(), cancellation_token=token):
                if isinstance(message, TaskResult):
                    continue
                if isinstance(message, SelectSpeakerEvent):
                    self._give_word(message.content[0])
                self._hear(message, budget)
                budget.check()
        except OutOfBudget as error:
            await self._judged()
            return self.bench.out_of_budget(error)
        except RuntimeError:
            if self.trouble is None:
                raise
            raise self.trouble from None
        await self._judged()
        if self.done:
            return None
        most = self.bench.task.settings.max_iterations
        limit = f"{most} iterations" if self.exhausted else f"{MOST_ROUNDS} rounds"
        return Gate("iterations", False, f"the limit of {limit} is reached")

    def _team(self) -> SelectorGroupChat:
        agents = [
            _Speaker(
                self,
                role,
                self._voices[role],
                description=_DESCRIPTIONS[role],
                system_message=_system_message(self.bench.task, role),
            )
            for role in ("architect", "developer", "reviewer", "tester")
        ]
        return SelectorGroupChat(
            [agents[0], agents[1], _ExecutorAgent(self), agents[2], agents[3]],
            model_client=self._voices["selector"],
            termination_condition=MaxMessageTermination(MOST_ROUNDS)
            | FunctionalTermination(lambda _: self.done or self.exhausted),
            allow_repeated_speaker=True,
            emit_team_events=True,  # who is given the word
        )

    def _opening(self) -> str:
        return context.architect_message(self.bench.task)

    def _give_word(self, role: str) -> None:
        self._since = time.monotonic()
        self.bench.record(StepStarted(role, self.draft.iteration if self.draft else 0, _DOING[role]))

    def _hear(self, message: BaseAgentEvent | BaseChatMessage, budget: Budget) -> None:
        self._count(budget)
        if not isinstance(message, TextMessage) or message.source not in _DOING:
            return
        text, role = message.content, message.source
        seconds = time.monotonic() - self._since
        if role in self._models:
            self._take(role, text, message, seconds)
        said = text.strip().partition("\n")[0][:100]
        self.bench.record(StepFinished(role, self.draft.iteration if self.draft else 0, said, seconds))

    def _take(self, role: str, text: str, message: TextMessage, seconds: float) -> None:
        """Read a reply into an artifact."""
        used = message.models_usage
        usage = Usage(1, used.prompt_tokens, used.completion_tokens) if used else Usage(1)
        prompt = context.prompt_of(self.bench.task, role).sha256
        iteration = self.draft.iteration if self.draft else 0
        model = self._models[role]
        self.bench.record(Replied(role, iteration, model.spec, text, cost(usage, model.traits), seconds, prompt))
        try:
            self._keep(self._read(role, text))
        except (MalformedReply, splice.OutOfScope) as error:
            self.bench.record(SentBack(iteration, Feedback("scope", str(error), "")))

    def complaint(self, role: str, text: str) -> str:
        """What is wrong with the form of a reply, for who wrote it; empty when it can be read."""
        try:
            self._read(role, text)
        except (MalformedReply, splice.OutOfScope) as error:
            self.bench.record(SentBack(self.draft.iteration if self.draft else 0, Feedback("scope", str(error), "")))
            return f"Your answer cannot be used: {error} Answer again, complete."
        return ""

    def _count(self, budget: Budget) -> None:
        """Spend what the speakers used since the last look."""
        for role, client in self._voices.items():
            model = self._models["architect" if role == "selector" else role]
            before = self._spent.get(role, Usage())
            now = client.usage
            fresh = Usage(
                now.calls - before.calls,
                now.prompt_tokens - before.prompt_tokens,
                now.completion_tokens - before.completion_tokens,
                estimated=now.estimated,
            )
            if fresh.calls:
                budget.spend(cost(fresh, model.traits))
                self._spent[role] = now

    def _read(self, role: str, text: str) -> Plan | Draft | ReviewReply | Tests:
        task = self.bench.task
        plan = self.plan or default_plan(task)
        if role == "architect":
            return read_plan(task, text)
        if role == "reviewer":
            return replies.metadata(text, ReviewReply)
        if role == "tester":
            return Tests(splice.tester_files(task, plan, replies.fences(text)))
        files = splice.drafted_files(task, plan, replies.fences(text), shown=visible.seen(task))
        return Draft(self.draft.iteration + 1 if self.draft else 1, files)

    def _keep(self, said: Plan | Draft | ReviewReply | Tests) -> None:
        match said:
            case Plan():
                self.plan = self.bench.plan = said
                self.bench.plans += 1
                self.bench.record(Planned(said, self.bench.plans))
            case Draft():
                self.draft, self.review = said, None
                self.bench.keep(Verdict(said, ()))  # whatever ends the talk, it is not lost
                self.bench.record(Drafted(said))
            case ReviewReply():
                self.review = said
            case Tests():
                self.tests = said
                self.bench.record(TestsWritten(said))

    async def report(self) -> str:
        """What the executor says: how the latest draft does, in all that can be run by now."""
        if self.draft is None:
            return "There is no code to run yet."
        if self.plan and self.plan.dependencies:
            problems = await self.bench.executor.session.prepare(self.plan.dependencies)
            self.bench.dependency_findings = tuple(dependency_finding(self.plan, problem) for problem in problems)
            if problems:
                return self._not_yet("; ".join(f"{item.requirement}: {item.message}" for item in problems))
        run = await self.bench.executor.run(self.draft.iteration, self.draft.files)
        if why := missing.cause(self.bench.task, run):
            await self._judged()
            self.done = True  # no draft can help
            return why
        if not run.ok:
            return self._not_yet(f"The code does not run.\n\n{run.stderr[-2000:]}")
        self.bench.keep(Verdict(self.draft, (Gate("run", True, self.bench.executor.how_it_runs),)))
        asked = self.bench.task.settings.asked_quality
        if self.review is None and asked >= Quality.REVIEWED:
            return "The code runs."
        if self.tests is None and asked >= Quality.TESTED:
            return "The code runs; there are no tests yet."
        found = await self._judged()
        if found is None or found.feedback is not None:
            return self._not_yet(found.feedback.text if found and found.feedback else "The tests ran.")
        if found.quality is None or found.quality < asked:
            return self._not_yet("; ".join(f"{gate.name}: {gate.detail}" for gate in found.gates if not gate.passed))
        self.done = True
        return "Everything passes. The work is done."

    def _not_yet(self, said: str) -> str:
        """What is wrong with the draft, which was the last where no more may be made."""
        drafts = self.draft.iteration if self.draft else 0
        self.exhausted = drafts >= self.bench.task.settings.max_iterations
        return said

    async def _judged(self) -> Verdict | None:
        """The pipeline's gates on the latest draft, with what was said in the place of new calls."""
        if self.draft is None or self.done:
            return None
        bench = self.bench
        bench.plan = self.plan or default_plan(bench.task)
        bench.team = Team(self._no_plan, self._no_draft, self._same_tests, self._code_at_fault, self._last_review)
        bench.tests = None
        if self.tests is not None:
            bench.tests = asyncio.get_running_loop().create_future()
            bench.tests.set_result(self.tests)
        return await judge(bench, self.draft)

    async def _no_plan(self, history: Sequence[str]) -> Plan:
        return self.bench.plan

    async def _no_draft(self, iteration: int, plan: Plan, draft: Draft | None, said: Feedback | None) -> Feedback:
        return Feedback("scope", "", "")

    async def _same_tests(self, plan: Plan, complaint: str) -> Tests:
        return self.tests or Tests(())

    async def _code_at_fault(self, plan: Plan, tests: Tests, failures: str) -> Fault:
        return Fault(False, "", None)

    async def _last_review(
        self,
        iteration: int,
        plan: Plan | None,
        files: Sequence[SourceFile],
        run: RunResult | None,
        static: Sequence[Finding],
    ) -> Review:
        counts = self._models["reviewer"].traits.verdict_counts
        reply = self.review or ReviewReply(approved=False, comment="The reviewer has not spoken of this draft.")
        return verdict(reply, checks.located(reply.findings, files)[0], static, counts)


def _system_message(task: Task, role: str) -> str:
    """In a conversation there are no earlier turns of one role's own, nor messages to one role alone: the example, and
    what of the task only this role is shown, stand in its system prompt.
    """
    prompt = context.prompt_of(task, role)
    example = [f"Example of the {speaker}'s turn:\n\n{text}" for speaker, text in prompt.turns]
    return "\n\n".join(filter(None, [prompt.system, *example, context.for_one_role(task, role)]))


class _Speaker(AssistantAgent):
    """An agent whose error is kept as it is."""

    def __init__(self, talk: _Talk, name: str, client: SteadyClient, *, description: str, system_message: str) -> None:
        super().__init__(name, client, description=description, system_message=system_message)
        self._talk = talk

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        said: Sequence[BaseChatMessage] = messages
        try:
            for last in (False, True):
                problem = ""
                async for message in super().on_messages_stream(said, cancellation_token):
                    if not last and isinstance(message, Response) and (problem := self._complaint(message)):
                        said = [TextMessage(content=problem, source="user")]  # its author is told once
                    else:
                        yield message
                if not problem:
                    return
        except CodeteamError as error:
            self._talk.trouble = self._talk.trouble or error
            raise

    def _complaint(self, response: Response) -> str:
        said = response.chat_message
        return self._talk.complaint(self.name, said.content) if isinstance(said, TextMessage) else ""


class _ExecutorAgent(BaseChatAgent):
    """Runs the latest draft in the sandbox when it is given the word."""

    def __init__(self, talk: _Talk) -> None:
        super().__init__("executor", _DESCRIPTIONS["executor"])
        self._talk = talk

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        try:
            return Response(chat_message=TextMessage(content=await self._talk.report(), source=self.name))
        except CodeteamError as error:
            self._talk.trouble = self._talk.trouble or error
            raise

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing is kept between turns."""
