"""AutoGen's client for Anthropic, made to work with every version of Anthropic's SDK."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient
from autogen_core.models import ChatCompletionClient, ModelInfo
from autogen_ext.models.anthropic import BaseAnthropicChatCompletionClient

from codeteam.models.capabilities import model_info
from codeteam.models.connections import Telling
from codeteam.models.endpoints import Endpoint
from codeteam.models.table import Facts


def anthropic_client(endpoint: Endpoint, facts: Facts, temperature: float) -> ChatCompletionClient:
    sdk = AsyncAnthropic(
        base_url=endpoint.base_url,
        api_key=endpoint.key,
        max_retries=0,
        timeout=endpoint.silence,
        http_client=_Http(trust_env=not endpoint.is_loopback),
    )
    arguments = {"model": endpoint.provider.model, "max_tokens": facts.reply_limit, "temperature": float(temperature)}
    return AnthropicClient(sdk, create_args=arguments, info=model_info(facts))


class _Http(Telling, DefaultAsyncHttpxClient):
    pass


class AnthropicClient(BaseAnthropicChatCompletionClient):
    """As AutoGen's `AnthropicChatCompletionClient`, over an SDK client that is already set up."""

    def __init__(self, sdk: AsyncAnthropic, *, create_args: dict[str, Any], info: ModelInfo) -> None:
        super().__init__(_Sdk(sdk), create_args=create_args, model_info=info)


class _Sdk:
    """The two things AutoGen wants of the SDK."""

    def __init__(self, sdk: AsyncAnthropic) -> None:
        self.messages = _Messages(sdk)
        self.close = sdk.close


class _Messages:
    def __init__(self, sdk: AsyncAnthropic) -> None:
        self._sdk = sdk

    async def create(self, **arguments: Any) -> Any:
        """Send a request; AutoGen always names a temperature, which newer SDKs know only as part of the body."""
        temperature = arguments.pop("temperature", None)
        if isinstance(temperature, float):  # a marker stands there when the model refused to be given one
            arguments["extra_body"] = {"temperature": temperature}
        return await self._sdk.messages.create(**arguments)
