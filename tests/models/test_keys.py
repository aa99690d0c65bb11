"""Keys that the environment does not have: asked for when needed, once a job, and for no one else."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from codeteam.domain.errors import ModelUnavailable
from codeteam.domain.questions import Answer, Declined, Given, Key, Question, Secret, Why
from codeteam.models.asked_keys import AskedKeys
from codeteam.models.catalog import Models
from codeteam.models.endpoints import endpoint_of
from codeteam.models.steady import Patience
from codeteam.team.roles import ask
from tests.models.endpoint import Endpoint, anthropic_reply, error, reply

KEY = "sk-given-by-the-user-0123456789"
QUICK = Patience(first=0.01, longest=0.02)


class User:
    """Gives one key, or none."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Question] = []

    async def ask(self, question: Question, _: Callable[[str], None]) -> Answer:
        self.asked.append(question)
        await asyncio.sleep(0.01)
        return self.answer


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ("openai/gpt-4.1", Key.OPENAI),
        ("gemini/gemini-2.5-pro", Key.GEMINI),
        ("azure/my-gpt", Key.AZURE),
        ("anthropic/claude-haiku-4-5", Key.ANTHROPIC),
    ],
)
async def test_a_missing_key_is_asked_for_once_and_used(tmp_path: Path, spec: str, key: Key) -> None:
    user = User(Given(KEY))
    answer = anthropic_reply("ok") if "claude" in spec else reply("ok")
    async with Endpoint([answer]) as endpoint:
        environ = {
            "OPENAI_BASE_URL": endpoint.url,
            "GOOGLE_GEMINI_BASE_URL": endpoint.root,
            "AZURE_OPENAI_ENDPOINT": endpoint.root,
            "ANTHROPIC_BASE_URL": endpoint.root,
        }
        async with Models(environ=environ, home=tmp_path, ask=user.ask) as models:
            opened = await asyncio.gather(*(models.open(spec, temperature=t) for t in (0.1, 0.2, 0.3)))
            for model in opened:
                assert (await ask(model, "developer", "", [("user", "x")])).text == "ok"
    assert user.asked == [Secret(key)]
    assert all(KEY in str(request.headers) for request in endpoint.requests)


async def test_a_key_of_the_environment_is_not_asked_for(tmp_path: Path) -> None:
    user = User(Given(KEY))
    environ = {"OPENAI_API_KEY": "sk-own", "GOOGLE_API_KEY": "g", "CODETEAM_API_KEY": "c"}
    async with Models(environ=environ, home=tmp_path, ask=user.ask) as models:
        for spec in ("openai/gpt-4.1", "gemini/gemini-2.5-pro", "compatible/m", "ollama/m", "editor"):
            await models.open(spec, base_url="http://127.0.0.1:9/v1")
    assert user.asked == []


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (Given(None), "Set OPENAI_API_KEY, or give the key when the editor asks for it."),
        (Given(""), "Set OPENAI_API_KEY, or give the key when the editor asks for it."),
        (Declined(Why.NO_EDITOR), "Set OPENAI_API_KEY."),
    ],
)
async def test_no_key_is_the_usual_error(tmp_path: Path, answer: Answer, hint: str) -> None:
    user = User(answer)
    async with Models(environ={}, home=tmp_path, ask=user.ask) as models:
        for _ in range(2):
            with pytest.raises(ModelUnavailable) as caught:
                await models.open("openai/gpt-4.1")
            assert (caught.value.kind, caught.value.message, caught.value.hint) == (
                "model_auth",
                "There is no key for OpenAI.",
                hint,
            )
    assert len(user.asked) == 1


async def test_what_cannot_be_a_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    user = User(Given("geheimer schlüssel"))
    async with Models(environ={}, home=tmp_path, ask=user.ask) as models:
        with pytest.raises(ModelUnavailable) as caught:
            await models.open("openai/gpt-4.1")
    assert "geheim" not in f"{caught.value} {caught.value.__dict__}"


async def test_ones_own_server_is_given_a_key_when_it_wants_one(tmp_path: Path) -> None:
    user = User(Given(KEY))
    async with (
        Endpoint([reply("open"), error(401, "who are you?"), reply("known")]) as endpoint,
        Models(environ={}, home=tmp_path, patience=QUICK, ask=user.ask) as models,
    ):
        model = await models.open("compatible/m", base_url=endpoint.url)
        assert (await ask(model, "developer", "", [("user", "x")])).text == "open"
        assert user.asked == []
        assert (await ask(model, "developer", "", [("user", "x")])).text == "known"
        assert (await ask(model, "tester", "", [("user", "x")])).text == "known"
    assert user.asked == [Secret(Key.OWN, endpoint.root)]
    assert [KEY in str(request.headers) for request in endpoint.requests] == [False, False, True, True]


@pytest.mark.parametrize("answer", [Given(None), Given(KEY)])
async def test_a_key_that_is_not_accepted_ends_it(tmp_path: Path, answer: Given) -> None:
    user = User(answer)
    async with (
        Endpoint([error(401, f"not {KEY}")]) as endpoint,
        Models(environ={}, home=tmp_path, patience=QUICK, ask=user.ask) as models,
    ):
        model = await models.open("compatible/m", base_url=endpoint.url)
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model, "developer", "", [("user", "x")])
    assert caught.value.kind == "model_auth"
    assert answer.value is None or KEY not in str(caught.value)
    hint = "The key came from your editor: give it another one."
    assert caught.value.hint == (hint if answer.value else "Set CODETEAM_API_KEY to a valid key.")
    assert len(user.asked) == 1
    assert len(endpoint.requests) == (2 if answer.value else 1)


async def test_a_reply_that_says_the_key_is_kept_without_it(tmp_path: Path) -> None:
    user = User(Given(KEY))
    async with (
        Endpoint([reply(f"Your key is {KEY}.", pieces=7)]) as endpoint,
        Models(environ={"OPENAI_BASE_URL": endpoint.url}, home=tmp_path, ask=user.ask) as models,
    ):
        answer = await ask(await models.open("openai/gpt-4.1"), "developer", "", [("user", "x")])
    assert answer.text == "Your key is [key]."


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("http://[::1:8000]/v1", "http://[::1:8000]"),
        ("https://user:word@models.example/v1", "https://models.example"),
    ],
)
def test_each_server_has_an_address_of_its_own(url: str, address: str) -> None:
    assert endpoint_of("compatible", "m", base_url=url, environ={}).provider.address == address


async def test_a_key_is_forgotten_with_its_job(tmp_path: Path) -> None:
    async with Models(environ={}, home=tmp_path, ask=User(Given(KEY)).ask) as models:
        await models.open("openai/gpt-4.1")
    del models
    gc.collect()
    assert not [keys for keys in gc.get_objects() if isinstance(keys, AskedKeys) and keys.given()]
