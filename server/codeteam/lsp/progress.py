"""What a running job says while it runs: work-done progress, in words."""

from __future__ import annotations

import asyncio
from typing import Protocol as Shape

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codeteam.domain.events import Drafted, Event, Noted, Queued, SentBack, Stalled, Started, StepFinished, StepStarted
from codeteam.lsp.protocol import Protocol

_PREFIX = "codeteam/"
_WORDS = 200
"""Characters of a message at most: an editor shows it in a corner."""


class Progress(Shape):
    """Where a job's phases are shown."""

    def report(self, message: str) -> None: ...

    def end(self, message: str) -> None: ...


class NoProgress:
    """After the end."""

    def report(self, message: str) -> None:
        pass

    def end(self, message: str) -> None:
        pass


class LogProgress:
    """For clients that cannot show progress: a message that it begins, then lines in the client's log."""

    def __init__(self, protocol: Protocol, *, title: str) -> None:
        self._protocol = protocol
        self._title = title
        text = f"{title}: started. A code action of this file cancels it."
        params = types.ShowMessageParams(type=types.MessageType.Info, message=text)
        protocol.tell(types.WINDOW_SHOW_MESSAGE, params)

    def report(self, message: str) -> None:
        params = types.LogMessageParams(type=types.MessageType.Info, message=f"{self._title}: {_clip(message)}")
        self._protocol.tell(types.WINDOW_LOG_MESSAGE, params)

    def end(self, message: str) -> None:
        self.report(message or "done")


class WorkDoneProgress:
    """One progress of the client's: created, begun, reported and always ended, in that order.

    It has no percentage, for nobody knows it, and VS Code drops the message of a report that lacks one after a begin
    that had one.
    """

    def __init__(self, protocol: Protocol, *, job: str, title: str) -> None:
        self._protocol = protocol
        self._token = f"{_PREFIX}{job}"
        self._title = title
        self._latest = "starting"
        self._begun = False
        self._ended = ""
        self._creation = asyncio.create_task(self._create(), name=f"progress of {job}")

    def report(self, message: str) -> None:
        self._latest = message
        if self._begun and not self._ended:
            self._tell(types.WorkDoneProgressReport(message=_clip(message), cancellable=True))

    def end(self, message: str) -> None:
        """Say how it ended; what comes later is not said."""
        if self._ended:
            return
        self._ended = message or "done"
        if self._begun:
            self._tell(types.WorkDoneProgressEnd(message=_clip(self._ended)))
        else:
            self._creation.cancel()

    async def _create(self) -> None:
        try:
            params = types.WorkDoneProgressCreateParams(token=self._token)
            await self._protocol.ask(types.WINDOW_WORK_DONE_PROGRESS_CREATE, params)
        except JsonRpcException:
            return  # the client will not show it; the job goes on
        self._begun = True
        self._tell(types.WorkDoneProgressBegin(title=self._title, message=_clip(self._latest), cancellable=True))

    def _tell(
        self, value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd
    ) -> None:
        self._protocol.tell(types.PROGRESS, types.ProgressParams(token=self._token, value=value))


def job_of(token: int | str) -> str | None:
    """The job a progress token was made for."""
    return token.removeprefix(_PREFIX) if isinstance(token, str) and token.startswith(_PREFIX) else None


def in_words(event: Event, most: int) -> str | None:
    """An event as a person reads it; None where it says nothing new. `most` is the iterations allowed."""
    match event:
        case Queued(ahead):
            return f"waiting for {ahead} other job{'' if ahead == 1 else 's'}" if ahead else "waiting for a worker"
        case Started():
            return "started"
        case StepStarted(role, iteration, message):
            return _phase(iteration, most, f"{role}: {message or 'at work'}")
        case StepFinished(role, iteration, message):
            return _phase(iteration, most, f"{role}: {message}") if message else None
        case Drafted(draft):
            return _phase(draft.iteration, most, f"draft of {len(draft.files)} file{'s' * (len(draft.files) != 1)}")
        case SentBack(iteration, feedback):
            return _phase(iteration, most, f"{feedback.gate} failed, back to the developer")
        case Stalled(_, reason):
            return f"stuck ({reason}), looking for another approach"
        case Noted(message):
            return message
        case _:
            return None


def _phase(iteration: int, most: int, text: str) -> str:
    return f"iteration {iteration} of {most} · {text}" if iteration else text


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else line[: _WORDS - 1] + "…"
