"""A model client that tries again, counts everything, and fails with words fit for the user.

It stands between AutoGen's agents and any other client, so that every provider is treated alike.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from autogen_core import CancellationToken
from autogen_core.models import (
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelCapabilities,
    ModelInfo,
    RequestUsage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from codeteam.domain.errors import ModelUnavailable
from codeteam.domain.evidence import Usage
from codeteam.models.connections import Connections
from codeteam.models.runaway import Runaway
from codeteam.models.schema import response_format
from codeteam.models.trouble import (
    READY_TO_WAIT,
    CallFailed,
    Provider,
    Symptoms,
    Trouble,
    Waiting,
    context_too_long,
    diagnose,
    drop_refused_option,
    duration,
    read_symptoms,
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait between calls, in seconds: doubling from `first` to `longest`, half of it by chance."""

    first: float = 0.5
    longest: float = 20.0

    def pause(self, attempt: int) -> float:
        """Seconds after the given failed attempt, counted from 1."""
        full = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return full * (0.5 + random.random() / 2)  # noqa: S311 - spreads calls, guards nothing


Renew = Callable[[], Awaitable[tuple[ChatCompletionClient, Provider] | None]]
"""A client with a key, where the user gives one."""
_WONDERED_AT = 5.0
"""Seconds of a pause that the caller is told of."""
_KEY_LENGTH = 16
"""Shorter keys are made up for servers that want none, and are ordinary words."""


@runtime_checkable
class KnowsRoles(Protocol):
    """A client whose answer depends on who asks: recorded replies."""

    def for_role(self, role: str) -> ChatCompletionClient: ...


class SteadyClient(ChatCompletionClient):
    """Wraps a client; raises nothing but `ModelUnavailable` (with `usage`) and cancellation."""

    def __init__(
        self,
        inner: ChatCompletionClient,
        provider: Provider,
        *,
        context: int,
        patience: Patience = Patience(),
        schema: type[BaseModel] | None = None,
        renew: Renew | None = None,
        small: bool = False,
        waiting: Waiting = READY_TO_WAIT,
    ) -> None:
        """`renew` is asked once when the server wants a key; None where that would not help.

        Of a `small` model less repetition is taken for one that runs on.
        """
        self._waiting = waiting
        self._inner = inner
        self._renew = renew
        self._root = self
        self._provider = provider
        self._context = context
        self._patience = patience
        self._small = small
        self._extra: dict[str, Any] = {"response_format": response_format(schema)} if schema else {}
        self.usage = Usage()
        """Everything this client has used, calls that failed and were repeated included; cost not reckoned."""

    def for_role(
        self, role: str, *, schema: type[BaseModel] | None = None, waiting: Waiting = READY_TO_WAIT
    ) -> SteadyClient:
        """A client for one role (and one call) with its own count; it shares the connection.

        With `schema` the server is asked to keep the reply to it.
        """
        inner = self._inner.for_role(role) if isinstance(self._inner, KnowsRoles) else self._inner
        client = SteadyClient(
            inner,
            self._provider,
            context=self._context,
            patience=self._patience,
            schema=schema,
            renew=self._renew,
            small=self._small,
            waiting=waiting,
        )
        client._root = self
        return client

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        self._check_size(messages)
        extra = {**self._extra, **extra_create_args}
        options: dict[str, Any] = {
            "tools": tools,
            "tool_choice": tool_choice,
            "json_output": json_output,
            "cancellation_token": cancellation_token,
        }
        attempt = 0
        while True:
            attempt += 1
            try:
                stream = self._inner.create_stream(messages, extra_create_args=extra, **options)
                return await self._once(stream, _characters(messages))
            except ModelUnavailable as error:
                error.usage = self.usage
                raise
            except Exception as error:  # noqa: BLE001 - every client has exceptions of its own; diagnose() sorts them
                symptoms = read_symptoms(error)
            if drop_refused_option(symptoms, extra):
                continue
            trouble = diagnose(symptoms, self._provider, self._waiting.longest())
            if trouble.kind == "model_auth" and await self._renewed():
                continue
            if attempt >= trouble.attempts:
                # Raised outside the except block: the original holds the request, and with it the key.
                raise self._unavailable(trouble)
            wait = self._patience.pause(attempt) if trouble.retry_after is None else trouble.retry_after
            if wait >= _WONDERED_AT:
                self._waiting.told(f"{trouble.message} It is tried again in {duration(wait)}.")
            await asyncio.sleep(wait)

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Only the result: pieces of a reply that breaks off and starts again would be no use to anyone."""
        yield await self.create(
            messages,
            tools=tools,
            tool_choice=tool_choice,
            json_output=json_output,
            extra_create_args=extra_create_args,
            cancellation_token=cancellation_token,
        )

    async def _once(self, stream: AsyncGenerator[str | CreateResult, None], asked: int) -> CreateResult:
        """One call, streamed, because only a stream shows that it broke off before its end, or that it has none.

        `asked` is the length of the prompt in characters.
        """
        result = None
        reply = Runaway(small=self._small)
        connections = Connections()
        self.usage += Usage(calls=1)
        try:
            with connections.held():
                async with aclosing(stream):
                    async for piece in stream:
                        if isinstance(piece, CreateResult):
                            result = piece
                        elif reply.told(piece):
                            await connections.close()
                            break
        finally:
            used = result.usage if result else None
            if used and (used.prompt_tokens or used.completion_tokens):
                self.usage += Usage(0, used.prompt_tokens, used.completion_tokens)
            elif received := max(reply.received, len(result.content) if result else 0):
                # broken off or cancelled, or the server does not count: an estimate is nearer than nothing
                self.usage += Usage(0, estimate(asked), estimate(received), estimated=True)
        if reply.runs_on:
            said = CreateResult(finish_reason="length", content=reply.kept, usage=RequestUsage(0, 0), cached=False)
            return self._without_keys(said)
        if result is None or (result.finish_reason == "unknown" and not result.usage.completion_tokens):
            # Neither a reason to stop nor a count: the stream ended before its end.
            raise CallFailed(Symptoms(nature="broken_stream"))
        if result.finish_reason == "content_filter":
            raise CallFailed(Symptoms(nature="filtered"))
        return self._without_keys(result)

    async def _renewed(self) -> bool:
        """Go on with the key that the server turned out to want, this client and those to come; False without one."""
        if self._renew is None:
            return False
        renew, self._renew, self._root._renew = self._renew, None, None
        fresh = await renew()
        if fresh is None:
            return False
        self._inner, self._provider = self._root._inner, self._root._provider = fresh
        return True

    def _without_keys(self, result: CreateResult) -> CreateResult:
        """A server may say the key that it was sent; replies are kept and shown."""
        text = result.content
        for secret in self._provider.secrets:
            if len(secret) >= _KEY_LENGTH and isinstance(text, str):
                text = text.replace(secret, "[key]")
        return result if text == result.content else result.model_copy(update={"content": text})

    def _check_size(self, messages: Sequence[LLMMessage]) -> None:
        # Six characters a token is more than any text has on average: what is over is over for certain.
        if _characters(messages) > 6 * self._context:
            raise self._unavailable(context_too_long(self._provider))

    def _unavailable(self, trouble: Trouble) -> ModelUnavailable:
        error = ModelUnavailable(trouble.message, trouble.hint, trouble.kind)
        error.usage = self.usage
        return error

    async def close(self) -> None:
        await self._inner.close()

    def actual_usage(self) -> RequestUsage:
        return RequestUsage(prompt_tokens=self.usage.prompt_tokens, completion_tokens=self.usage.completion_tokens)

    def total_usage(self) -> RequestUsage:
        return self.actual_usage()

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """An estimate: the clients' own counting downloads tables first."""
        return estimate(_characters(messages))

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return self._context - self.count_tokens(messages)

    @property
    def capabilities(self) -> ModelCapabilities:
        return ModelCapabilities(vision=False, function_calling=False, json_output=self.model_info["json_output"])

    @property
    def model_info(self) -> ModelInfo:
        return self._inner.model_info


def estimate(characters: int) -> int:
    """Tokens of a text of that length, at four characters a token, rounded up."""
    return -(-characters // 4)


def _characters(messages: Sequence[LLMMessage]) -> int:
    return sum(len(message.content) for message in messages if isinstance(message.content, str))
