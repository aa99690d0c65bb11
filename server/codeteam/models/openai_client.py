"""AutoGen's clients for OpenAI and all that speak like it, set up so that our retry is the only one.

Loading the SDK takes most of a second, which whoever uses another provider does not pay (`catalog.load_clients`).
"""

from __future__ import annotations

from collections.abc import Mapping

from autogen_core.models import ChatCompletionClient
from autogen_ext.models.openai import AzureOpenAIChatCompletionClient, OpenAIChatCompletionClient
from openai import DefaultAsyncHttpxClient, Timeout

from codeteam.models.capabilities import model_info
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
        **({"http_client": DefaultAsyncHttpxClient(trust_env=False)} if endpoint.is_loopback else {}),  # type: ignore[arg-type]
        **_options(facts, temperature),  # type: ignore[arg-type]
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
        **_options(facts, temperature),  # type: ignore[arg-type]
    )


def _options(facts: Facts, temperature: float) -> dict[str, float]:
    options: dict[str, float] = {} if facts.fixed_temperature else {"temperature": temperature}
    return {**options, "max_tokens": facts.reply_limit} if facts.reply_limit else options


def _timeout(endpoint: Endpoint) -> float:
    # AutoGen's annotation knows floats only, the SDKs take the object.
    return Timeout(endpoint.silence, connect=min(10.0, endpoint.silence))  # type: ignore[return-value]
