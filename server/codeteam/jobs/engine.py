"""The port through which editors and the command line start jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from codeteam.domain.events import Event
from codeteam.domain.questions import Answer, Question
from codeteam.domain.settings import Settings
from codeteam.domain.task import Task

AnswerJob = Callable[[str, Question, Callable[[str], None]], Awaitable[Answer]]
"""Answers a question of a job: its identifier, the question, and where pieces of the answer go.

Cancelled when no one waits for the answer any more; see `codeteam.domain.questions.Ask`.
"""


class Engine(Protocol):
    """Where jobs run: processes of this machine, or one day a cluster."""

    slots: int
    """Jobs that run at once; may be changed at any time."""
    answer: AnswerJob | None
    """Answers what jobs ask; None where there is no one to ask. Set before the first job is submitted."""

    async def submit(self, task: Task, workspace: str = "") -> None:
        """Take the task; returns at once. Its events, `Queued` first when it has to wait, come from `events`.

        `workspace` is the folder that the task was gathered from, for the history.
        """

    def events(self, job: str) -> AsyncIterator[Event]:
        """Events of a submitted job from its first, ending after one of `codeteam.domain.events.END`."""

    async def cancel(self, job: str) -> bool:
        """Stop the job within two seconds, whatever it is doing; False when it is unknown or has ended."""

    async def warm(self, settings: Settings | None = None) -> None:
        """Get ready for a job with such settings before it is asked for; quiet where that cannot be."""

    async def rest(self) -> None:
        """End what waits ready for a job, for none is to come; until `warm` is called nothing is started ahead."""

    async def aclose(self) -> None:
        """Cancel what runs and end every process."""

    def kill_now(self) -> None:
        """End every process at once, without waiting; for a program that is about to exit."""
