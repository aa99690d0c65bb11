"""The editor's own models: what is asked of them, how they answer, and how they say no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel

from codeteam.domain.errors import ModelUnavailable
from codeteam.domain.questions import Answer, Chat, Declined, Given, Question, Said, Why
from codeteam.models.catalog import Model, Models
from codeteam.models.steady import Patience
from codeteam.team.roles import ask

QUICK = Patience(first=0.01, longest=0.02)


class Editor:
    """Gives these answers in turn, the last one again and again; a text is said in two pieces first."""

    def __init__(self, *answers: Answer | float) -> None:
        self.answers = list(answers)
        self.asked: list[Chat] = []
        self.withdrawn = 0
        self.halfway = asyncio.Event()

    async def ask(self, question: Question, on_part: Callable[[str], None]) -> Answer:
        assert isinstance(question, Chat)
        self.asked.append(question)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, float):
            on_part("half of")
            self.halfway.set()
            try:
                await asyncio.sleep(answer)
            except asyncio.CancelledError:
                self.withdrawn += 1
                raise
            return Said("late")
        if isinstance(answer, Said):
            on_part(answer.text[:5])
            await asyncio.sleep(0)
            on_part(answer.text[5:])
        return answer


@asynccontextmanager
async def lent(tmp_path: Path, editor: Editor, spec: str = "editor") -> AsyncIterator[Model]:
    async with Models(environ={}, home=tmp_path, patience=QUICK, ask=editor.ask) as models:
        yield await models.open(spec, temperature=0.6)


async def test_the_reply_comes_whole_and_counted(tmp_path: Path) -> None:
    editor = Editor(Said("Hello, world.", "copilot/gpt-5", 120, 30))
    async with lent(tmp_path, editor, "editor/copilot/gpt-5") as model:
        answer = await ask(model, "developer", "You write Python.", [("user", "Write f.")])
    assert answer.text == "Hello, world."
    assert answer.model == "editor/copilot/gpt-5"
    usage = answer.usage
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (1, 120, 30, False)
    assert usage.cost is None
    messages = (("user", "You write Python.\n\nWrite f."),)
    assert editor.asked == [Chat("copilot/gpt-5", messages, 0.6, "the developer")]


async def test_what_no_one_counts_is_estimated_and_marked(tmp_path: Path) -> None:
    async with lent(tmp_path, Editor(Said("x" * 40))) as model:
        answer = await ask(model, "developer", "s" * 20, [("user", "u" * 20)])
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated, usage.cost) == (10, 10, True, None)


async def test_example_turns_stay_turns_and_system_text_goes_to_the_first(tmp_path: Path) -> None:
    editor = Editor(Said("ok"))
    said = [("user", "an example"), ("assistant", "its reply"), ("user", "the task"), ("user", "and more")]
    async with lent(tmp_path, editor) as model:
        await ask(model, "tester", "Be brief.", said)
        await ask(model, "tester", "", said[:1])
        await ask(model, "tester", "Be brief.", said[1:])
    assert [chat.messages for chat in editor.asked] == [
        (("user", "Be brief.\n\nan example"), ("assistant", "its reply"), ("user", "the task\n\nand more")),
        (("user", "an example"),),
        (("user", "Be brief."), ("assistant", "its reply"), ("user", "the task\n\nand more")),
    ]


class Verdict(BaseModel):
    approved: bool


async def test_schemas_are_left_to_the_prompt(tmp_path: Path) -> None:
    async with lent(tmp_path, Editor(Said('{"approved": true}'))) as model:
        assert not model.traits.structured_output
        answer = await ask(model, "reviewer", "Review.", [("user", "code")], schema=Verdict)
    assert answer.text == '{"approved": true}'


async def test_a_failure_that_may_pass_is_tried_again_and_counted(tmp_path: Path) -> None:
    editor = Editor(Declined(Why.FAILED, "socket hang up"), Declined(Why.FAILED), Said("there", "", 1, 1))
    async with lent(tmp_path, editor) as model:
        answer = await ask(model, "developer", "", [("user", "x")])
    assert answer.text == "there"
    assert answer.usage.calls == 3


@pytest.mark.parametrize("said", ["", "\x1b[31mIts own words\nin two lines."])
@pytest.mark.parametrize(
    ("why", "kind", "words", "hint"),
    [
        (Why.CONSENT, "model_consent", "does not let Codeteam use its model gpt-9", "Allow it"),
        (Why.QUOTA, "model_quota", "model gpt-9 has no requests left", "another model"),
        (Why.NOT_FOUND, "model_unknown", "has no model gpt-9", "another model"),
        (Why.BLOCKED, "model_error", "refused", "Reword"),
        (Why.CANCELLED, "model_error", "stopped", "Run the job again"),
        (Why.NO_EDITOR, "model_unknown", "an editor lends", "--model"),
    ],
)
async def test_a_no_is_a_no(tmp_path: Path, why: Why, kind: str, words: str, hint: str, said: str) -> None:
    editor = Editor(Declined(why, said))
    async with lent(tmp_path, editor, "editor/gpt-9") as model:
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model, "developer", "", [("user", "x")])
    assert len(editor.asked) == 1
    error = caught.value
    assert error.kind == kind
    assert ("Its own words in two lines." if said else words) in error.message
    assert hint in error.hint
    assert str(error).isprintable()


async def test_a_failure_that_stays_ends_the_job_with_what_was_said(tmp_path: Path) -> None:
    editor = Editor(Declined(Why.FAILED, "socket hang up"))
    async with lent(tmp_path, editor) as model:
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model, "developer", "", [("user", "x")])
    assert len(editor.asked) == 5
    assert "socket hang up" in caught.value.message
    assert caught.value.usage.calls == 5


async def test_an_answer_to_another_question_is_no_reply(tmp_path: Path) -> None:
    async with lent(tmp_path, Editor(Given("sk-nonsense"))) as model:
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model, "developer", "", [("user", "x")])
    assert "sk-nonsense" not in str(caught.value)


async def test_cancelling_withdraws_the_question_and_counts_what_came(tmp_path: Path) -> None:
    editor = Editor(600.0)
    async with lent(tmp_path, editor) as model:
        call = asyncio.create_task(ask(model, "developer", "", [("user", "x" * 8)]))
        await asyncio.wait_for(editor.halfway.wait(), 5)
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await asyncio.wait_for(call, 5)
    assert editor.withdrawn == 1
    usage = caught.value.usage  # type: ignore[attr-defined]
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (2, 2, True)


async def test_without_an_editor_the_command_line_says_so(tmp_path: Path) -> None:
    async with Models(environ={}, home=tmp_path) as models:
        for spec in ("editor", "editor/", "editor/gpt"):
            with pytest.raises(ModelUnavailable, match="whoever started this job lends none"):
                await ask(await models.open(spec), "developer", "", [("user", "x")])
