"""What passes between processes and into the history: it comes back as it was, and nonsense is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeteam.domain.events import END, Event, Noted, Queued
from codeteam.domain.questions import Given, Key, Secret
from codeteam.domain.settings import Quality, Settings
from codeteam.domain.source import SourceFile, Span
from codeteam.domain.task import Intent, Task
from codeteam.wire import Answered, Asked, Codec, Happened, Message, Ready, Run, Stop

CODEC = Codec()
EVENTS: Any = Event  # a union is no type to the type checker
MESSAGES: Any = Message

# every text that a file or a model can bring, lone surrogates too: JSON allows them
st.register_type_strategy(str, st.text(st.characters(), max_size=20))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(st.from_type(EVENTS))
def test_every_event_comes_back_as_it_was(event: Event) -> None:
    text = CODEC.encode_event(event)
    assert "\n" not in text
    assert CODEC.decode_event(text) == event
    assert type(CODEC.decode_event(text)) is type(event)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=100)
@given(st.from_type(MESSAGES))
def test_every_message_is_one_line_and_comes_back_as_it_was(message: Message) -> None:
    line = CODEC.encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert CODEC.decode(line) == message


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(st.from_type(Task))
def test_every_task_comes_back_as_it_was(task: Task) -> None:
    assert CODEC.decode_task(CODEC.encode_task(task)) == task


def test_the_form_is_what_others_read() -> None:
    """History keeps this for years: a change here needs a new version."""
    task = Task("j", Intent.FIX, "r", Settings(require=Quality.TESTED), SourceFile("a.py", "é\r\n"), Span(1, 2))
    wired = json.loads(CODEC.encode(Run(task)))
    assert wired["type"] == "Run"
    assert wired["task"]["settings"]["require"] == "tested"
    assert wired["task"]["document"] == {"path": "a.py", "text": "é\r\n"}
    assert json.loads(CODEC.encode(Happened("j", Queued(2)))) == {
        "type": "Happened",
        "job": "j",
        "event": {"event": "Queued", "ahead": 2},
    }
    assert json.loads(CODEC.encode(Stop("j"))) == {"type": "Stop", "job": "j"}
    assert json.loads(CODEC.encode(Ready())) == {"type": "Ready", "version": 2}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"hello\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'"Ready"\n',
        b'{"type":"Surprise"}\n',
        b'{"type":["Ready"]}\n',
        b'{"type":"Stop"}\n',
        b'{"type":"Stop","job":"j","more":1}\n',
        b'{"type":"Ready","version":"x"}\n',
        b'{"type":"Happened","job":"j","event":{"event":"Queued"}}\n',
        b'{"type":"Happened","job":"j","event":{"event":"Bang"}}\n',
        b'{"type":"Happened","job":"j","event":7}\n',
        b'{"type":"Run","task":{"job":"j","intent":"conquer","requirement":"r"}}\n',
        b"\xff\xfe\x00\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_nonsense_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of them will do, and no other error
        CODEC.decode(line)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_crash_the_reader(line: bytes) -> None:
    try:
        CODEC.decode(line)
    except ValueError:
        return
    raise AssertionError("it was taken for a message")


def test_every_end_is_an_event_and_every_event_has_its_own_name() -> None:
    kinds = Event.__args__
    assert set(END) <= set(kinds)
    assert len({kind.__name__ for kind in kinds}) == len(kinds)
    assert all(dataclasses.is_dataclass(kind) for kind in kinds)
    assert Noted in kinds


def test_only_keys_of_providers_can_be_asked_for() -> None:
    line = CODEC.encode(Asked("j", 1, Secret(Key.OPENAI)))
    assert CODEC.decode(line) == Asked("j", 1, Secret(Key.OPENAI))
    for name in ("AWS_SECRET_ACCESS_KEY", "", "OPENAI_API_KEY "):
        with pytest.raises(ValueError, match="not a message"):
            CODEC.decode(line.replace(b"OPENAI_API_KEY", name.encode()))


def test_a_secret_is_not_in_what_is_shown_of_its_message() -> None:
    assert "geheim" not in repr(Answered(1, Given("geheim")))
