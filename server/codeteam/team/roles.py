"""The port to AutoGen's agents: a role, its prompt and what was said go in, one reply comes out."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import TextMessage
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import AssistantMessage, LLMMessage, UserMessage
from pydantic import BaseModel

from codeteam.domain.errors import ModelUnavailable
from codeteam.domain.events import Event, Noted
from codeteam.domain.evidence import Usage
from codeteam.models.catalog import Model, Traits
from codeteam.models.steady import SteadyClient
from codeteam.models.trouble import READY_TO_WAIT, Provider, Waiting
from codeteam.team.budget import Budget


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model returned."""

    text: str
    usage: Usage
    """Of every call it took, repeated ones included."""
    seconds: float
    model: str
    """The spec."""


async def ask(
    model: Model,
    role: str,
    system: str,
    messages: Sequence[tuple[str, str]],
    *,
    schema: type[BaseModel] | None = None,
    waiting: Waiting = READY_TO_WAIT,
) -> Reply:
    """Let a role answer; `messages` are (speaker, text), the speaker "user" or "assistant", the last one "user".

    A fresh agent each time: one whose call failed or was cancelled keeps what it was told and would say it twice.
    With `schema`, a server that can is told to keep to it; the raw text is returned either way.
    Raises `ModelUnavailable`, whose `usage` is what the calls so far have used; cancellation closes the connection.
    """
    *earlier, (_, last) = messages
    client = voice(model, role, schema=schema, waiting=waiting)
    agent = AssistantAgent(
        role,
        client,
        model_client_stream=True,
        system_message=system or None,
        model_context=UnboundedChatCompletionContext([_said(role, *message) for message in earlier]),
    )
    started = time.monotonic()
    text = ""
    try:
        async with aclosing(agent.run_stream(task=last)) as stream:
            async for event in stream:
                if isinstance(event, TaskResult):
                    final = event.messages[-1]
                    text = final.content if isinstance(final, TextMessage) else ""
    except ModelUnavailable as error:
        error.usage = cost(client.usage, model.traits)
        raise
    except asyncio.CancelledError as error:
        # What was used by then is billed all the same; the exception carries it to whoever counts.
        error.usage = cost(client.usage, model.traits)  # type: ignore[attr-defined]
        raise
    return Reply(without_thoughts(text), cost(client.usage, model.traits), time.monotonic() - started, model.spec)


def voice(
    model: Model, role: str, *, schema: type[BaseModel] | None = None, waiting: Waiting = READY_TO_WAIT
) -> SteadyClient:
    """The model's client for one role, with a count of its own (`usage`): for agents that AutoGen itself orders."""
    client = model.client
    if not isinstance(client, SteadyClient):
        client = SteadyClient(client, Provider("The model", model.spec), context=model.traits.context)
    return client.for_role(role, schema=schema if model.traits.structured_output else None, waiting=waiting)


def waiting(budget: Budget, record: Callable[[Event], None]) -> Waiting:
    """Pauses that servers ask for: the user is told of them, and none is begun that the job's time does not hold."""
    return Waiting(lambda: budget.seconds_left, lambda said: record(Noted(said)))


def cost(usage: Usage, traits: Traits) -> Usage:
    """The same usage with its price; None when it was not free of tokens and the price is unknown."""
    if not usage.tokens:
        return replace(usage, cost=0.0)
    if traits.input_price is None or traits.output_price is None:
        return replace(usage, cost=None)
    dollars = usage.prompt_tokens * traits.input_price + usage.completion_tokens * traits.output_price
    return replace(usage, cost=dollars / 1_000_000)


def without_thoughts(text: str) -> str:
    """The reply without the `<think>` block that some servers leave in it."""
    return _THOUGHTS.sub("", text, count=1)


_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


def _said(role: str, speaker: str, text: str) -> LLMMessage:
    if speaker == "assistant":
        return AssistantMessage(content=text, source=role)
    return UserMessage(content=text, source="user")
