"""Calls over real sockets: what is repeated, what ends a job and with which words, and what is counted."""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel

from codeteam.domain.errors import ModelUnavailable
from codeteam.models.catalog import Model, Models
from codeteam.models.runaway import STOPPED
from codeteam.models.steady import Patience
from codeteam.models.trouble import Waiting
from codeteam.team.roles import Reply, ask
from tests.models.endpoint import (
    Behaviour,
    Endpoint,
    anthropic_reply,
    broken,
    error,
    hang,
    held,
    reply,
    status,
    stream,
)

KEY = "sk-test-0123456789abcdefSECRET"
QUICK = Patience(first=0.01, longest=0.02)


@asynccontextmanager
async def served(
    tmp_path: Path, *behaviours: Behaviour, spec: str = "compatible/some-model", **environ: str
) -> AsyncIterator[tuple[Endpoint, Model]]:
    async with Endpoint(list(behaviours)) as endpoint:
        variables = {"CODETEAM_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url, "OLLAMA_HOST": endpoint.root, **environ}
        async with Models(environ=variables, home=tmp_path, patience=QUICK) as models:
            yield endpoint, await models.open(spec, base_url=endpoint.url)


async def say(model: Model) -> Reply:
    return await ask(model, "developer", "You write Python.", [("user", "Write f.")])


async def fail(model: Model) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        await say(model)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
    assert KEY not in shown
    assert caught.value.message
    assert caught.value.hint
    return caught.value


async def test_the_reply_comes_whole_and_counted(tmp_path: Path) -> None:
    text = "Here:\n\n~~~\nä = '✓'\n~~~\n"
    async with served(tmp_path, reply(text, (120, 30))) as (endpoint, model):
        answer = await say(model)
    assert answer.text == text
    assert (answer.usage.calls, answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1, 120, 30)
    assert answer.usage.cost is None  # nobody knows the price of this model
    assert answer.model == "compatible/some-model"
    assert endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert endpoint.requests[0].body["temperature"] == 0.3


async def test_messages_arrive_in_order_with_their_speakers(tmp_path: Path) -> None:
    said = [
        ("user", "first"),
        ("assistant", "answer\nof two lines"),
        ("user", "second"),
        ("assistant", "x"),
        ("user", "y"),
    ]
    async with served(tmp_path, reply("ok")) as (endpoint, model):
        await ask(model, "architect", "system text", said)
        await ask(model, "architect", "system text", said[:1])
    sent = [(m["role"], m["content"]) for m in endpoint.requests[0].body["messages"]]
    assert sent == [("system", "system text"), *said]
    # Nothing of the call before is kept.
    assert [m["content"] for m in endpoint.requests[1].body["messages"]] == ["system text", "first"]


@pytest.mark.parametrize("code", [429, 500, 502, 503, 529, 408])
async def test_passing_errors_are_tried_again(tmp_path: Path, code: int) -> None:
    async with served(tmp_path, error(code, "busy"), error(code, "busy"), reply("done")) as (endpoint, model):
        answer = await say(model)
    assert answer.text == "done"
    assert answer.usage.calls == len(endpoint.requests) == 3


@pytest.mark.parametrize("form", ["seconds", "date", "milliseconds"])
async def test_retry_after_is_honoured(tmp_path: Path, form: str) -> None:
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    headers = {
        "seconds": {"retry_after": "1"},
        "date": {"retry_after": date},
        "milliseconds": {"retry_after_ms": "900", "retry_after": "30"},
    }[form]
    async with served(tmp_path, error(429, "slow down", **headers), reply("done")) as (_, model):
        started = time.monotonic()
        assert (await say(model)).text == "done"
    assert 0.5 < time.monotonic() - started < 20


@pytest.mark.parametrize(("code", "kind"), [(429, "model_quota"), (503, "model_error")])
async def test_a_wait_that_is_too_long_ends_with_its_length(tmp_path: Path, code: int, kind: str) -> None:
    async with served(tmp_path, error(code, "come back", retry_after="7200")) as (endpoint, model):
        failure = await fail(model)
    assert failure.kind == kind
    assert "2 hours" in failure.message
    assert len(endpoint.requests) == 1


async def test_a_wait_is_told_and_none_is_begun_that_there_is_no_time_for(tmp_path: Path) -> None:
    told: list[str] = []
    left = 30.0
    waiting = Waiting(lambda: left, told.append)
    async with served(tmp_path, error(429, "slow down", retry_after="5"), reply("done")) as (_, model):
        answer = await ask(model, "developer", "be brief", [("user", "go")], waiting=waiting)
    assert answer.text == "done"
    assert len(told) == 1
    assert "slow down" in told[0]
    assert "tried again in 5 seconds" in told[0]
    left = 4.0
    async with served(tmp_path, error(429, "slow down", retry_after="5")) as (endpoint, model):
        with pytest.raises(ModelUnavailable, match="asks to wait 5 seconds"):
            await ask(model, "developer", "be brief", [("user", "go")], waiting=waiting)
    assert len(endpoint.requests) == 1


async def test_errors_that_stay_end_the_job(tmp_path: Path) -> None:
    async with served(tmp_path, error(503, "maintenance")) as (endpoint, model):
        failure = await fail(model)
    assert failure.kind == "model_error"
    assert "maintenance" in failure.message
    assert failure.usage.calls == len(endpoint.requests) == 5
    assert failure.usage.tokens == 0


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (error(401, f"Incorrect API key provided: {KEY}", "invalid_api_key"), "model_auth", "CODETEAM_API_KEY"),
        (error(403, "Your country is not served"), "model_auth", "not served"),
        (error(400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"), "model_auth", "key"),
        (error(429, "You exceeded your current quota", "insufficient_quota"), "model_quota", "billing"),
        (error(402, "Payment required"), "model_quota", "billing"),
        (error(400, "Your credit balance is too low"), "model_quota", "credit balance"),
        (error(404, "The model `some-model` does not exist", "model_not_found"), "model_unknown", "some-model"),
        (error(400, "too long", "context_length_exceeded"), "context_too_long", "larger context"),
        (
            error(400, "the request exceeds the available context size", "exceed_context_size_error"),
            "context_too_long",
            "",
        ),
        (error(413, "Request too large"), "context_too_long", "Select less"),
        (error(400, "you sent nonsense"), "model_error", "nonsense"),
        (status(418, ["what"]), "model_error", "418"),
    ],
)
async def test_errors_that_no_repetition_cures(tmp_path: Path, behaviour: Behaviour, kind: str, words: str) -> None:
    async with served(tmp_path, behaviour) as (endpoint, model):
        failure = await fail(model)
    assert failure.kind == kind
    assert words in str(failure)
    assert len(endpoint.requests) == 1


async def test_a_broken_stream_is_tried_again_and_what_it_used_is_estimated(tmp_path: Path) -> None:
    async with served(tmp_path, broken("x" * 400), reply("whole", (10, 5))) as (_, model):
        answer = await say(model)
    assert answer.text == "whole"
    assert answer.usage.calls == 2
    asked = -(-len("You write Python.Write f.") // 4)
    assert answer.usage.prompt_tokens == 10 + asked
    assert answer.usage.completion_tokens == 5 + 100


async def test_a_stream_that_ends_before_its_end_is_not_a_reply(tmp_path: Path) -> None:
    async with served(tmp_path, reply("half of it", usage=None, finish=None), reply("all of it")) as (_, model):
        assert (await say(model)).text == "all of it"


async def test_streams_that_always_break_end_the_job_with_their_usage(tmp_path: Path) -> None:
    async with served(tmp_path, broken("x" * 40)) as (endpoint, model):
        failure = await fail(model)
    assert failure.kind == "model_unreachable"
    assert failure.usage.calls == len(endpoint.requests) == 4
    assert failure.usage.completion_tokens == 40


NUMBERED = "".join(f"    if number == {number}:\n        return {'M' * (3 + number // 40)!r}\n" for number in range(90))
"""Each line once, but for its numbers."""
BEGIN = "```python path=f.py\ndef f(number):\n"


@pytest.mark.parametrize(
    ("spec", "runs_on"),
    [
        ("compatible/some-model", "    x = 1\n    x += 1\n" * 200),
        ("compatible/some-model", "    x = '" + "ab " * 2000),
        ("ollama/qwen2.5-coder:1.5b", NUMBERED),
    ],
    ids=["lines", "one line", "numbers of a small model"],
)
async def test_a_reply_that_runs_on_is_stopped(tmp_path: Path, spec: str, runs_on: str) -> None:
    """It is cut where it began to repeat itself: a reply that is not whole, which the team asks for again."""
    async with served(tmp_path, held(BEGIN + runs_on, pieces=300), spec=spec) as (endpoint, model):
        answer = await asyncio.wait_for(say(model), 30)
        await asyncio.wait_for(endpoint.disconnected.wait(), 5)
    assert answer.text.startswith(BEGIN)
    assert answer.text.endswith(STOPPED + "\n")
    assert len(answer.text) < len(BEGIN) + 200
    assert answer.usage.estimated
    assert answer.usage.completion_tokens > len(answer.text) / 4


async def test_what_is_only_much_the_same_comes_whole(tmp_path: Path) -> None:
    table = BEGIN + NUMBERED + "    0,\n" * 90 + "x" * 1900 + "\n```\n"
    async with served(tmp_path, reply(table, pieces=300)) as (_, model):
        assert (await say(model)).text == table


async def test_a_server_that_counts_in_every_piece(tmp_path: Path) -> None:
    choice = {"index": 0, "delta": {"content": "whole"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    piece = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    async with served(tmp_path, stream([json.dumps({**piece, "usage": usage}), "[DONE]"])) as (_, model):
        answer = await say(model)
    assert (answer.text, answer.usage.calls, answer.usage.tokens) == ("whole", 1, 4)


async def test_an_error_inside_a_stream(tmp_path: Path) -> None:
    overloaded = stream([json.dumps({"error": {"message": "overloaded", "type": "server_error", "code": None}})])
    async with served(tmp_path, overloaded, reply("done")) as (endpoint, model):
        assert (await say(model)).text == "done"
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    "malformed", [status(200, {"hello": "world"}), stream(["{not json"]), stream(['{"choices": "none"}'])]
)
async def test_an_answer_that_is_no_completion(tmp_path: Path, malformed: Behaviour) -> None:
    async with served(tmp_path, malformed) as (_, model):
        failure = await fail(model)
    assert failure.kind in {"model_unreachable", "model_error"}


async def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    async with served(tmp_path, hang, CODETEAM_MODEL_TIMEOUT="0.3") as (endpoint, model):
        failure = await fail(model)
    assert failure.kind == "model_unreachable"
    assert "in time" in failure.message
    assert len(endpoint.requests) == 3


async def test_a_server_that_falls_silent_in_mid_reply(tmp_path: Path) -> None:
    async with served(tmp_path, held("x"), reply("done"), CODETEAM_MODEL_TIMEOUT="0.5") as (_, model):
        assert (await say(model)).text == "done"


async def test_nobody_is_there(tmp_path: Path) -> None:
    async with served(tmp_path, reply("x")) as (endpoint, _):
        url = endpoint.url
    async with Models(environ={}, home=tmp_path, patience=QUICK) as models:
        failure = await fail(await models.open("compatible/m", base_url=url))
    assert failure.kind == "model_unreachable"
    assert url.removesuffix("/v1") in failure.message
    assert failure.usage.calls == 4


@pytest.mark.parametrize(
    ("spec", "behaviour"),
    [
        ("compatible/m", hang),
        ("compatible/m", held("")),
        ("compatible/m", held("some text")),
        ("anthropic/claude-haiku-4-5", hang),
        ("anthropic/claude-haiku-4-5", anthropic_reply("some text", hold=True)),
    ],
)
async def test_cancelling_closes_the_connection(tmp_path: Path, spec: str, behaviour: Behaviour) -> None:
    async with Endpoint([behaviour]) as endpoint, AsyncExitStack() as stack:
        environ = {"ANTHROPIC_BASE_URL": endpoint.root, "ANTHROPIC_API_KEY": KEY}
        models = await stack.enter_async_context(Models(environ=environ, home=tmp_path, patience=QUICK))
        model = await models.open(spec, base_url=endpoint.url)
        call = asyncio.create_task(say(model))
        await asyncio.wait_for(endpoint.asked.wait(), 20)
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(endpoint.disconnected.wait(), 20)
        assert len(endpoint.requests) == 1


async def test_cancelling_between_calls_ends_the_wait(tmp_path: Path) -> None:
    async with served(tmp_path, error(429, "wait", retry_after="55")) as (endpoint, model):
        call = asyncio.create_task(say(model))
        await asyncio.wait_for(endpoint.asked.wait(), 20)
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(call, 20)


class Verdict(BaseModel):
    approved: bool
    findings: list[Remark]
    comment: str = ""


class Remark(BaseModel):
    message: str
    confidence: float | None = None


Verdict.model_rebuild()


async def test_a_schema_goes_to_the_server_and_the_raw_text_comes_back(tmp_path: Path) -> None:
    async with served(tmp_path, reply('{"approved": "perhaps"')) as (endpoint, model):
        answer = await ask(model, "reviewer", "Review.", [("user", "code")], schema=Verdict)
    assert answer.text == '{"approved": "perhaps"'
    sent = endpoint.requests[0].body["response_format"]
    assert sent["type"] == "json_schema"
    schema = sent["json_schema"]["schema"]
    assert schema["required"] == ["approved", "findings", "comment"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["findings"]["items"]["properties"]["message"] == {"type": "string"}
    assert "$ref" not in json.dumps(sent)


async def test_a_server_without_schemas_is_asked_without(tmp_path: Path) -> None:
    refusal = error(400, "Unknown parameter: 'response_format.json_schema'.")
    async with served(tmp_path, refusal, reply("{}")) as (endpoint, model):
        answer = await ask(model, "reviewer", "Review.", [("user", "code")], schema=Verdict)
    assert answer.text == "{}"
    assert "response_format" not in endpoint.requests[1].body


async def test_a_model_with_a_temperature_of_its_own_is_asked_without(tmp_path: Path) -> None:
    refusal = error(400, "Unsupported value: 'temperature' does not support 0.3 with this model.", "unsupported_value")
    async with served(tmp_path, refusal, reply("ok")) as (endpoint, model):
        assert (await say(model)).text == "ok"
    assert "temperature" not in endpoint.requests[1].body


async def test_a_prompt_that_cannot_fit_is_not_sent(tmp_path: Path) -> None:
    async with served(tmp_path, reply("ok")) as (endpoint, model):
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model, "developer", "", [("user", "x" * (7 * model.traits.context))])
    assert caught.value.kind == "context_too_long"
    assert endpoint.requests == []


async def test_a_filtered_reply_is_an_error(tmp_path: Path) -> None:
    async with served(tmp_path, reply("", finish="content_filter")) as (_, model):
        assert "filter" in (await fail(model)).message


async def test_thoughts_are_not_part_of_the_reply(tmp_path: Path) -> None:
    async with served(tmp_path, reply("<think>\nlong\n</think>\n\nThe answer.")) as (_, model):
        assert (await say(model)).text == "The answer."


async def test_prices_are_reckoned(tmp_path: Path) -> None:
    async with served(tmp_path, reply("x", (1_000_000, 500_000)), spec="openai/gpt-4.1", OPENAI_API_KEY=KEY) as (
        _,
        model,
    ):
        assert (await say(model)).usage.cost == pytest.approx(2.00 + 4.00)


async def test_texts_of_servers_are_cut_and_cleaned(tmp_path: Path) -> None:
    hostile = f"\x1b[31mred\x1b[0m\n{KEY}\nBearer {KEY}\n" + "x" * 5000
    async with served(tmp_path, error(400, hostile)) as (_, model):
        failure = await fail(model)
    assert len(failure.message) < 500
    assert failure.message.isprintable()


async def test_keys_and_prompts_stay_out_of_logs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(tmp_path, error(401, f"bad key {KEY}"), reply("ok")) as (_, model):
        await fail(model)
        await say(model)
    assert KEY not in caplog.text
    assert "You write Python." not in caplog.text


async def test_calls_at_the_same_time_are_counted_apart(tmp_path: Path) -> None:
    async with served(tmp_path, error(500, "x"), reply("a", (1, 2))) as (_, model):
        answers = await asyncio.gather(say(model), say(model))
    assert sorted(answer.usage.calls for answer in answers) == [1, 2]
    assert all(answer.usage.completion_tokens == 2 for answer in answers)


async def test_anthropic_over_its_own_protocol(tmp_path: Path) -> None:
    async with Endpoint([error(529, "Overloaded", "overloaded_error"), anthropic_reply("Hello.")]) as endpoint:
        environ = {"ANTHROPIC_BASE_URL": endpoint.root, "ANTHROPIC_API_KEY": KEY}
        async with Models(environ=environ, home=tmp_path, patience=QUICK) as models:
            model = await models.open("anthropic/claude-haiku-4-5")
            answer = await ask(model, "reviewer", "Review.", [("user", "code")], schema=Verdict)
    assert answer.text == "Hello."
    assert (answer.usage.calls, answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 12, 7)
    assert answer.usage.cost == pytest.approx((12 * 1 + 7 * 5) / 1e6)
    assert endpoint.requests[1].path == "/v1/messages"
    headers = endpoint.requests[1].headers
    assert KEY in headers.get("x-api-key", "") + headers.get("authorization", "")
    assert endpoint.requests[1].body["temperature"] == 0.3
    assert endpoint.requests[1].body["max_tokens"] == 32_000
    assert endpoint.requests[1].body["system"] == "Review."


async def test_an_anthropic_model_without_temperature(tmp_path: Path) -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "temperature: not supported"}}
    async with Endpoint([status(400, body), anthropic_reply("Hello.")]) as endpoint:
        environ = {"ANTHROPIC_BASE_URL": endpoint.root, "ANTHROPIC_API_KEY": KEY}
        async with Models(environ=environ, home=tmp_path, patience=QUICK) as models:
            assert (await say(await models.open("anthropic/claude-next"))).text == "Hello."
    assert "temperature" not in endpoint.requests[1].body


async def test_anthropic_errors_have_the_same_kinds(tmp_path: Path) -> None:
    body = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    async with Endpoint([status(401, body)]) as endpoint:
        environ = {"ANTHROPIC_BASE_URL": endpoint.root, "ANTHROPIC_API_KEY": KEY}
        async with Models(environ=environ, home=tmp_path, patience=QUICK) as models:
            failure = await fail(await models.open("anthropic/claude-haiku-4-5"))
    assert failure.kind == "model_auth"
    assert "ANTHROPIC_API_KEY" in failure.hint


async def test_azure_gemini_and_ollama_are_asked_at_their_addresses(tmp_path: Path) -> None:
    async with Endpoint([reply("ok")]) as endpoint:
        environ = {
            "AZURE_OPENAI_ENDPOINT": endpoint.root,
            "AZURE_OPENAI_API_KEY": "azure-key",
            "OPENAI_API_VERSION": "2024-10-21",
            "GOOGLE_GEMINI_BASE_URL": endpoint.root,
            "GOOGLE_API_KEY": "gemini-key",
            "OLLAMA_HOST": f"0.0.0.0:{endpoint.port}",
        }
        async with Models(environ=environ, home=tmp_path, patience=QUICK) as models:
            for spec in ("azure/my-gpt", "gemini/gemini-2.5-flash", "ollama/qwen2.5-coder:1.5b"):
                assert (await say(await models.open(spec))).text == "ok"
    azure, gemini, ollama = endpoint.requests
    assert azure.path == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    assert azure.headers["api-key"] == "azure-key"
    assert gemini.path == "/v1beta/openai/chat/completions"
    assert gemini.headers["authorization"] == "Bearer gemini-key"
    assert gemini.body["model"] == "gemini-2.5-flash"
    assert ollama.path == "/v1/chat/completions"
    assert ollama.body["model"] == "qwen2.5-coder:1.5b"
