"""Models by their specs: opened once, counted, tried again, closed together.

`openai/…`, `azure/…`, `anthropic/…`, `gemini/…`, `ollama/…`, `compatible/…`, `local/…`, `editor` and `script/FILE`.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from autogen_core.models import ChatCompletionClient

from codeteam.domain.errors import BadInput
from codeteam.domain.questions import Ask, Key, ask_no_one
from codeteam.models.asked_keys import AskedKeys
from codeteam.models.capabilities import model_info
from codeteam.models.editor import EditorClient
from codeteam.models.embedded import Embedded, embedded
from codeteam.models.endpoints import Endpoint, MissingKey, endpoint_of
from codeteam.models.script import ScriptClient, read_script
from codeteam.models.serving import Serving, serve
from codeteam.models.steady import Patience, Renew, SteadyClient
from codeteam.models.table import Facts, facts
from codeteam.models.trouble import Provider

DEFAULT = "local/qwen2.5-coder-1.5b"


@dataclass(frozen=True, slots=True)
class Traits:
    """What the team has to know of a model to use it well."""

    structured_output: bool
    """JSON under a schema is enforced by the server."""
    json_output: bool
    context: int
    """Tokens of prompt and reply together."""
    verdict_counts: bool
    """False for the small embedded models: their approval proves nothing."""
    input_price: float | None
    """US dollars per million tokens; None unknown, 0.0 for models that run here."""
    output_price: float | None


@dataclass(frozen=True, slots=True)
class Model:
    spec: str
    client: ChatCompletionClient
    traits: Traits


class Models:
    """Opens each spec once and closes all of them, and the embedded model's server, at the end.

    Recorded replies go on where they stand for as long as this object lives; `rewind` starts them anew for a job.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        home: Path,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        ask: Ask = ask_no_one,
    ) -> None:
        """`ask` reaches the editor: for its models, and for keys that `environ` does not have."""
        self._environ = environ
        self._home = home
        self._patience = patience
        self._ask = ask
        self._keys = AskedKeys(ask)
        self._open: dict[tuple[str, str, float], Model] = {}
        self._servings: dict[tuple[str, str, float], Serving] = {}
        self._scripts: list[ScriptClient] = []
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        # AutoGen would otherwise put whole messages into traces and logs.
        os.environ["AUTOGEN_DISABLE_RUNTIME_TRACING"] = "true"
        for name in ("autogen_core", "autogen_agentchat", "openai", "anthropic", "httpx", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.clear()
        self._keys.forget()
        await self._stack.aclose()

    async def open(self, spec: str, *, base_url: str = "", temperature: float = 0.3) -> Model:
        """The model of a spec; an empty one means the embedded default.

        Raises `BadInput` for a spec that means nothing, `ModelUnavailable` when a key or the embedded model is missing.
        Nothing is sent yet: an address that does not answer shows at the first call.
        """
        async with self._lock:
            key = (spec or DEFAULT, base_url, temperature)
            serving = self._servings.get(key)
            if serving and key in self._open and not await serving.answers():
                del self._open[key]  # it was killed since; the next job shall not suffer for it
            if key not in self._open:
                self._open[key] = await self._make(*key)
            return self._open[key]

    def rewind(self) -> None:
        """Start every script from its first reply: to be called before each job."""
        for script in self._scripts:
            script.rewind()

    async def _make(self, spec: str, base_url: str, temperature: float) -> Model:
        provider, _, name = spec.partition("/")
        if provider == "editor":
            return self._editor(spec, name, temperature)
        if provider not in _PROVIDERS or not name:
            raise BadInput(f"There is no model {spec!r}.", f"A model is one of {', '.join(_PROVIDERS.values())}.")
        if provider == "script":
            return self._script(spec, name)
        known = facts(provider, name)
        if provider == "local":
            return await self._local(spec, embedded(name), known, (spec, base_url, temperature))
        return await self._remote(spec, known, base_url, temperature)

    async def _remote(self, spec: str, known: Facts, base_url: str, temperature: float) -> Model:
        provider, _, name = spec.partition("/")

        def endpoint(address: str = "") -> Endpoint:
            given = self._keys.given(address)
            found = endpoint_of(provider, name, base_url=base_url, environ={**self._environ, **given})
            if found.key not in given.values():
                return found
            return replace(found, provider=replace(found.provider, key_hint=_ANOTHER_KEY))

        try:
            found = endpoint()
        except MissingKey as missing:
            await self._keys.ask(missing)
            found = endpoint()

        async def with_key() -> tuple[ChatCompletionClient, Provider] | None:
            """For a server of one's own, which only tells when it is asked that it wants a key."""
            if not await self._keys.ask_if_needed(Key.OWN, found.provider.address):
                return None
            again = endpoint(found.provider.address)
            return await self._client(provider, again, known, temperature), again.provider

        renew = with_key if provider == "compatible" and not found.key else None
        client = await self._client(provider, found, known, temperature)
        return self._model(spec, client, found.provider, known, self._patience, renew=renew)

    def _editor(self, spec: str, name: str, temperature: float) -> Model:
        known = facts("editor", name)
        provider = Provider("The editor's model", name or "that is chosen there")
        client = EditorClient(self._ask, name, temperature, model_info(known))
        return self._model(spec, client, provider, known, self._patience)

    async def _client(
        self, provider: str, endpoint: Endpoint, known: Facts, temperature: float
    ) -> ChatCompletionClient:
        # Off the event loop, where it was not done before: a cancellation must not wait for it.
        await asyncio.to_thread(load_clients, (provider,))
        if provider == "anthropic":
            from codeteam.models.anthropic_client import anthropic_client  # noqa: PLC0415

            return anthropic_client(endpoint, known, temperature)
        from codeteam.models.openai_client import azure_client, openai_client  # noqa: PLC0415

        if provider == "azure":
            return azure_client(endpoint, known, temperature, self._environ)
        return openai_client(endpoint, known, temperature)

    async def _local(self, spec: str, model: Embedded, known: Facts, key: tuple[str, str, float]) -> Model:
        serving = await serve(model, environ=self._environ, home=self._home)
        self._servings[key] = serving
        self._stack.push_async_callback(serving.aclose)
        provider = Provider(
            "The embedded model",
            model.name,
            "nothing",
            address=serving.base_url.removesuffix("/v1"),
            down_hint="Run the job again; if it happens again, see the log in the state directory's embedded folder.",
            secrets=(serving.key,),
        )
        endpoint = Endpoint(provider, serving.base_url, serving.key, silence=900.0)
        client = await self._client("local", endpoint, known, key[2])
        return self._model(spec, client, provider, known, self._patience)

    def _script(self, spec: str, name: str) -> Model:
        path = Path(name).expanduser()
        script = read_script(path)
        try:
            known = replace(facts("script", path.name), **script.traits)
        except TypeError:
            raise BadInput(f"{path.name}: the traits are not ones that a model has.", "Mend the script.") from None
        client = ScriptClient(path, script, model_info(known))
        self._scripts.append(client)
        provider = Provider("The script", path.name, key_variable="the key")
        # The waits are those of the real thing, shortened: a script is played for tests and demonstrations.
        return self._model(spec, client, provider, known, Patience(first=0.01, longest=0.1))

    def _model(
        self,
        spec: str,
        client: ChatCompletionClient,
        provider: Provider,
        known: Facts,
        patience: Patience,
        *,
        renew: Renew | None = None,
    ) -> Model:
        steady = SteadyClient(
            client,
            provider,
            context=known.context,
            patience=patience,
            renew=renew,
            small=not known.verdict_counts,
        )
        self._stack.push_async_callback(steady.close)
        return Model(spec, steady, _traits(known))


def load_clients(providers: Iterable[str]) -> None:
    """Import the SDKs that these providers' models need, which takes most of a second each."""
    for provider in providers:
        if provider == "anthropic":
            importlib.import_module("codeteam.models.anthropic_client")
        elif provider in _PROVIDERS and provider not in ("script", "editor"):
            importlib.import_module("codeteam.models.openai_client")


_ANOTHER_KEY = "The key came from your editor: give it another one."
_PROVIDERS = {
    "local": "local/qwen2.5-coder-1.5b",
    "openai": "openai/NAME",
    "azure": "azure/DEPLOYMENT",
    "anthropic": "anthropic/NAME",
    "gemini": "gemini/NAME",
    "ollama": "ollama/NAME",
    "compatible": "compatible/NAME with a base URL",
    "editor": "editor, where an editor lends its own",
    "script": "script/FILE",
}


def _traits(known: Facts) -> Traits:
    return Traits(
        structured_output=known.structured_output,
        json_output=known.json_output,
        context=known.context,
        verdict_counts=known.verdict_counts,
        input_price=known.input_price,
        output_price=known.output_price,
    )
