"""What a model's spec means, and what is said of one that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeteam.domain.errors import BadInput, ModelUnavailable
from codeteam.models.catalog import Models
from codeteam.team.roles import ask
from tests.models.endpoint import Endpoint, reply


async def open_models(tmp_path: Path, *specs: str, **environ: str) -> list[object]:
    async with Models(environ=environ, home=tmp_path) as models:
        return [(await models.open(spec, base_url="http://127.0.0.1:9/v1")).traits for spec in specs]


@pytest.mark.parametrize("spec", ["gpt-4", "openia/gpt-4", "openai/", "local", "/", "script/"])
async def test_a_spec_that_means_nothing_lists_what_there_is(tmp_path: Path, spec: str) -> None:
    with pytest.raises(BadInput) as caught:
        await open_models(tmp_path, spec)
    assert repr(spec) in caught.value.message
    for known in ("openai/NAME", "azure/DEPLOYMENT", "script/FILE", "local/qwen2.5-coder-1.5b"):
        assert known in caught.value.hint


async def test_an_unknown_embedded_model_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"qwen2\.5-coder-0\.5b"):
        await open_models(tmp_path, "local/llama")


@pytest.mark.parametrize(
    ("spec", "variable"),
    [
        ("openai/gpt-4.1", "OPENAI_API_KEY"),
        ("anthropic/claude-haiku-4-5", "ANTHROPIC_API_KEY"),
        ("gemini/gemini-2.5-pro", "GEMINI_API_KEY or GOOGLE_API_KEY"),
        ("azure/my-gpt", "AZURE_OPENAI_API_KEY"),
    ],
)
async def test_a_missing_key_is_named(tmp_path: Path, spec: str, variable: str) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await open_models(tmp_path, spec, AZURE_OPENAI_ENDPOINT="http://127.0.0.1:9")
    assert caught.value.kind == "model_auth"
    assert variable in caught.value.hint
    with pytest.raises(ModelUnavailable):  # the key of one's own server is not theirs
        await open_models(tmp_path, spec, AZURE_OPENAI_ENDPOINT="http://127.0.0.1:9", CODETEAM_API_KEY="sk-own")


async def test_the_key_of_ones_own_server_is_for_that_server_alone(tmp_path: Path) -> None:
    async with Endpoint([reply("ok"), reply("ok")]) as endpoint:
        base = endpoint.url.removesuffix("/v1")
        environ = {"CODETEAM_API_KEY": "sk-own", "CODETEAM_BASE_URL": endpoint.url, "OLLAMA_HOST": base}
        async with Models(environ=environ, home=tmp_path) as models:
            for spec in ("ollama/m", "compatible/m"):
                await ask(await models.open(spec), "developer", "", [("user", "x")])
    sent = ["sk-own" in str(request) for request in endpoint.requests]
    assert sent == [False, True]


async def test_a_key_that_cannot_be_one_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await open_models(tmp_path, "openai/gpt-4.1", OPENAI_API_KEY="schlüssel-geheim")
    assert caught.value.kind == "model_auth"
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host", "nonsense", "http://"])
async def test_addresses_are_checked(tmp_path: Path, url: str) -> None:
    async with Models(environ={}, home=tmp_path) as models:
        with pytest.raises(BadInput, match="address"):
            await models.open("compatible/m", base_url=url)
        with pytest.raises(BadInput, match="CODETEAM_BASE_URL"):
            await models.open("compatible/m")
        with pytest.raises(BadInput, match="AZURE_OPENAI_ENDPOINT"):
            await models.open("azure/m")


@pytest.mark.parametrize(
    ("spec", "variable"),
    [
        ("azure/m", "AZURE_OPENAI_ENDPOINT"),
        ("openai/m", "OPENAI_BASE_URL"),
        ("anthropic/m", "ANTHROPIC_BASE_URL"),
        ("gemini/m", "GOOGLE_GEMINI_BASE_URL"),
        ("ollama/m", "OLLAMA_HOST"),
        ("compatible/m", "CODETEAM_BASE_URL"),
    ],
)
@pytest.mark.parametrize("url", ["ftp://host/v1", "http://[", "http://host:99999"])
async def test_a_wrong_address_is_told_with_the_variable_that_holds_it(
    tmp_path: Path, spec: str, variable: str, url: str
) -> None:
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "GEMINI_API_KEY": "k", "AZURE_OPENAI_API_KEY": "k"}
    async with Models(environ={**keys, variable: url}, home=tmp_path) as models:
        with pytest.raises(BadInput) as caught:
            await models.open(spec)
    assert "is not an http(s) URL" in caught.value.message
    assert variable in caught.value.hint


async def test_a_key_of_one_provider_is_not_shown_to_another_server(tmp_path: Path) -> None:
    async with Endpoint([reply("ok")]) as endpoint:
        environ = {"OPENAI_API_KEY": "sk-for-openai-only", "CODETEAM_BASE_URL": endpoint.url}
        async with Models(environ=environ, home=tmp_path) as models:
            await ask(await models.open("compatible/m"), "developer", "", [("user", "x")])
    assert "sk-for-openai-only" not in str(endpoint.requests)


async def test_a_spec_is_opened_once(tmp_path: Path) -> None:
    async with Models(environ={}, home=tmp_path) as models:
        url = "http://127.0.0.1:9/v1"
        first = await models.open("compatible/m", base_url=url)
        assert await models.open("compatible/m", base_url=url) is first
        assert await models.open("compatible/m", base_url=url, temperature=0.9) is not first


async def test_traits(tmp_path: Path) -> None:
    async with Models(environ={"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, home=tmp_path) as models:
        small = (await models.open("ollama/qwen2.5-coder:1.5b")).traits
        big = (await models.open("ollama/qwen2.5-coder:32b")).traits
        known = (await models.open("openai/gpt-4.1-mini-2025-04-14")).traits
        unknown = (await models.open("openai/gpt-99")).traits
        claude = (await models.open("anthropic/claude-next")).traits
    assert not small.verdict_counts
    assert big.verdict_counts
    assert (big.input_price, big.output_price) == (0.0, 0.0)
    assert (known.input_price, known.output_price) == (0.40, 1.60)
    assert known.context > 1_000_000
    assert unknown.input_price is None
    assert unknown.structured_output
    assert not claude.structured_output


async def test_the_embedded_model_must_be_pulled_first(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await open_models(tmp_path, "", CODETEAM_CACHE=str(tmp_path))
    assert "codeteam model pull qwen2.5-coder-1.5b" in caught.value.hint
