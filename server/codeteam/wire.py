"""Tasks and events as JSON lines: what passes between the server and a worker, and what history stores.

One JSON object a line, UTF-8, no line breaks inside. To a worker: `Run`, `Stop`. From a worker: `Ready`, then
`Happened` for each event of the job it runs. A worker runs one job at a time. A job may ask something meanwhile:
`Asked` is answered by one `Answered`, before it perhaps some `Part`; after `Withdrawn` by nothing any more.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

import cattrs
from cattrs.strategies import configure_tagged_union

from codeteam.domain.events import Event
from codeteam.domain.questions import Answer, Question
from codeteam.domain.settings import Quality
from codeteam.domain.task import Task

VERSION = 2
"""Of the messages and of what history stores; raised when a reader of the old form would misread the new."""

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of one line at most; pass it as `limit=` to asyncio's streams."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run this task; the worker must be idle."""

    task: Task


@dataclass(frozen=True, slots=True)
class Stop:
    """Cancel this job; the worker answers with `Cancelled` and stays."""

    job: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded what it needs."""

    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a job."""

    job: str
    event: Event


@dataclass(frozen=True, slots=True)
class Asked:
    """The job asks something; it runs on, and may have asked more before it is answered."""

    job: str
    number: int
    """Of the question, the worker's own count: never used again by the same worker."""
    question: Question


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """No one waits for the answer any more."""

    job: str
    number: int


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the answer to come."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, whole."""

    number: int
    answer: Answer


Message = Run | Stop | Ready | Happened | Asked | Withdrawn | Part | Answered


@functools.cache
def _converter() -> cattrs.Converter:
    """One for the process: it writes a function for each class when it first meets it, 30 ms for all of them."""
    converter = cattrs.Converter(forbid_extra_keys=True, prefer_attrib_converters=False)
    converter.register_unstructure_hook(Quality, lambda quality: quality.label)
    converter.register_structure_hook(Quality, lambda value, _: Quality[str(value).upper()])
    configure_tagged_union(Event, converter, tag_name="event")
    configure_tagged_union(Question, converter, tag_name="question")
    configure_tagged_union(Answer, converter, tag_name="answer")
    configure_tagged_union(Message, converter, tag_name="type")
    return converter


class Codec:
    """Turns messages into lines and back."""

    def __init__(self) -> None:
        self._converter = _converter()

    def encode(self, message: Message) -> bytes:
        """One line, its end included."""
        return self._dump(self._converter.unstructure(message, unstructure_as=Message)) + b"\n"

    def decode(self, line: bytes) -> Message:
        """The message of a line.

        Raises:
            ValueError: not JSON, or not a message of this version.
        """
        return self._structure(line, Message)  # type: ignore[no-any-return]

    def encode_event(self, event: Event) -> str:
        return self._dump(self._converter.unstructure(event, unstructure_as=Event)).decode("utf-8", "surrogatepass")

    def decode_event(self, text: str | bytes) -> Event:
        """Raises ValueError when the text is not an event of this version."""
        return self._structure(text, Event)  # type: ignore[no-any-return]

    def encode_task(self, task: Task) -> str:
        return self._dump(self._converter.unstructure(task)).decode("utf-8", "surrogatepass")

    def decode_task(self, text: str | bytes) -> Task:
        """Raises ValueError when the text is not a task of this version."""
        return self._structure(text, Task)  # type: ignore[no-any-return]

    def plain(self, value: object) -> Any:
        """Any dataclass of the domain as JSON-ready dictionaries and lists."""
        return self._converter.unstructure(value)

    def _structure(self, text: str | bytes, kind: Any) -> Any:
        try:
            return self._converter.structure(json.loads(text), kind)
        except (cattrs.BaseValidationError, AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"not a {getattr(kind, '__name__', 'message')}: {error}") from error

    @staticmethod
    def _dump(value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
