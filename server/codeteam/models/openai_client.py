"""AutoGen's clients for OpenAI and all that speak like it, set up so that our retry is the only one.

Loading the SDK takes most of a second, which whoever uses another provider does not pay (`catalog.load_clients`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autogen_core.models import ChatCompletionClient
from autogen_ext.models.openai import AzureOpenAIChatCompletionClient, OpenAIChatCompletionClient
from openai import DefaultAsyncHttpxClient, Timeout

from codeteam.models.capabilities import model_info
from codeteam.models.connections import Telling
from codeteam.models.endpoints import Endpoint
from codeteam.models.table import Facts


def openai_client(endpoint: Endpoint, facts: Facts, temperature: float) -> ChatCompletionClient:
    """For OpenAI and every server that speaks like it."""
    return OpenAIChatCompletionClient(
        model=endpoint.provider.model,
        base_url=endpoint.base_url,
        api_key=endpoint.key or "none",
        model_info=model_info(facts),
        max_retries=0,
        timeout=_timeout(endpoint),
        include_name_in_message=False,
        stream_options={"include_usage": True},
        **_options(endpoint, facts, temperature),
    )


def azure_client(
    endpoint: Endpoint, facts: Facts, temperature: float, environ: Mapping[str, str]
) -> ChatCompletionClient:
    version = environ.get("OPENAI_API_VERSION") or environ.get("AZURE_OPENAI_API_VERSION") or "2024-10-21"
    return AzureOpenAIChatCompletionClient(
        model=endpoint.provider.model,
        azure_deployment=endpoint.provider.model,
        azure_endpoint=endpoint.base_url,
        api_version=version,
        api_key=endpoint.key,
        model_info=model_info(facts),
        max_retries=0,
        timeout=_timeout(endpoint),
        include_name_in_message=False,
        stream_options={"include_usage": True},
        **_options(endpoint, facts, temperature),
    )


class _Http(Telling, DefaultAsyncHttpxClient):
    pass


def _options(endpoint: Endpoint, facts: Facts, temperature: float) -> dict[str, Any]:
    """What AutoGen passes on, and its annotations do not know or not always name."""
    options: dict[str, Any] = {"http_client": _Http(trust_env=not endpoint.is_loopback)}
    if not facts.fixed_temperature:
        options["temperature"] = temperature
    return {**options, "max_tokens": facts.reply_limit} if facts.reply_limit else options


def _timeout(endpoint: Endpoint) -> float:
    # AutoGen's annotation knows floats only, the SDKs take the object.
    return Timeout(endpoint.silence, connect=min(10.0, endpoint.silence))  # type: ignore[return-value]
