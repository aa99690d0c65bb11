"""What a job asks while it runs: it reaches the front, the answer comes back, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from codeteam.domain.events import Cancelled, Failed, Noted, Proposed
from codeteam.domain.questions import Answer, Chat, Declined, Given, Key, Question, Said, Secret, Why
from codeteam.domain.settings import Settings
from tests.jobs.engines import all_events, engine_at, notes, odd_task, true_soon, until

KEY = "kurz"
"""Shorter than what is taken for a secret in the environment: this one is known to be one."""


class Front:
    """Answers what it is asked, and remembers."""

    def __init__(self, *, hang: bool = False) -> None:
        self.hang = hang
        self.asked: list[tuple[str, Question]] = []
        self.withdrawn = 0
        self.late: Callable[[str], None] = print

    async def answer(self, job: str, question: Question, on_part: Callable[[str], None]) -> Answer:
        self.asked.append((job, question))
        if isinstance(question, Secret):
            return Given(KEY)
        on_part("so ")
        on_part("far")
        self.late = on_part
        if self.hang:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                self.withdrawn += 1
                raise
        return Said("so far", "theirs", 3, None)


async def test_an_answer_comes_back_with_its_pieces(tmp_path: Path) -> None:
    front = Front()
    async with engine_at(tmp_path, answer=front.answer) as engine:
        await engine.submit(odd_task("ask hello; ask again"))
        events = await all_events(engine)
    said = "['so ', 'far'] Said(text='so far', model='theirs', prompt_tokens=3, completion_tokens=None)"
    assert notes(events) == [said, said]
    assert isinstance(events[-1], Proposed)
    chats = [Chat("some-model", (("user", text),), 0.3, "a test") for text in ("hello", "again")]
    assert front.asked == [("job000000001", chat) for chat in chats]


async def test_without_a_front_the_answer_is_no(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("ask hello; key OPENAI_API_KEY"))
        first, second = notes(await all_events(engine))
    assert first == f"[] {Declined(Why.NO_EDITOR)}"
    assert "no_editor" in second


async def test_a_front_that_breaks_is_an_answer_too_and_its_words_stay_out_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> Answer:
        raise RuntimeError("words of the user")

    async with engine_at(tmp_path, answer=broken) as engine:
        await engine.submit(odd_task("ask hello"))
        assert notes(await all_events(engine)) == [f"[] {Declined(Why.FAILED)}"]
    assert "RuntimeError" in caplog.text
    assert "words of the user" not in caplog.text


@pytest.mark.parametrize("end", ["cancel", "killed", "proposed", "too long"])
async def test_however_a_job_ends_its_open_questions_are_withdrawn(tmp_path: Path, end: str) -> None:
    front = Front(hang=True)
    orders = "ask-and hello; sleep 0.5; done" if end == "proposed" else "pid; ask hello"
    settings = Settings(max_seconds=1) if end == "too long" else Settings()
    async with engine_at(tmp_path, answer=front.answer, grace=0.2) as engine:
        await engine.submit(odd_task(orders, settings=settings))
        await true_soon(lambda: bool(front.asked))
        if end == "cancel":
            assert await engine.cancel("job000000001")
        elif end == "killed":
            first = await until(engine, Noted)  # the worker's own number: it may be shown after its question is
            assert isinstance(first, Noted)
            os.kill(int(first.message), signal.SIGKILL)
        last = (await all_events(engine))[-1]
        await true_soon(lambda: front.withdrawn == 1)
        front.late("after the end")  # goes nowhere
        await engine.submit(odd_task("note again", "b"))
        assert notes(await all_events(engine, "b")) == ["again"]
    kinds = {"cancel": Cancelled, "killed": Failed, "proposed": Proposed, "too long": Failed}
    assert isinstance(last, kinds[end])


async def test_a_cancelled_question_is_withdrawn_while_its_worker_stays(tmp_path: Path) -> None:
    front = Front(hang=True)
    async with engine_at(tmp_path, answer=front.answer) as engine:
        await engine.submit(odd_task("pid; ask hello", "a"))
        await true_soon(lambda: bool(front.asked))
        await engine.cancel("a")
        assert front.withdrawn == 1
        front.hang = False
        await engine.submit(odd_task("pid; ask hello", "b"))
        again = notes(await all_events(engine, "b"))
        assert again[0] == notes(await all_events(engine, "a"))[0]
        assert "so far" in again[1]


async def test_a_worker_that_asks_without_end_is_stopped(tmp_path: Path) -> None:
    front = Front(hang=True)
    async with engine_at(tmp_path, answer=front.answer) as engine:
        await engine.submit(odd_task("flood 17"))
        failed = (await all_events(engine))[-1]
    assert isinstance(failed, Failed)
    assert "Asked out of turn" in failed.message
    assert front.withdrawn == len(front.asked)


async def test_a_key_is_in_no_file_and_in_no_message_and_dies_with_its_worker(tmp_path: Path) -> None:
    front = Front()
    async with engine_at(tmp_path, answer=front.answer) as engine:
        await engine.submit(odd_task("pid; key OPENAI_API_KEY", "a"))
        first, told = notes(await all_events(engine, "a"))
        await engine.submit(odd_task("pid", "b"))
        assert notes(await all_events(engine, "b")) != [first]
    assert told == "the key is [secret]"
    assert front.asked == [("a", Secret(Key.OPENAI))]
    texts = [path.read_bytes() for path in files_below(tmp_path)]
    assert any(b"the key is [secret]" in text for text in texts)
    assert not [text for text in texts if KEY.encode() in text]


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
