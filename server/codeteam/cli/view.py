"""How running jobs look: a live view on a terminal, plain lines otherwise, nothing when it shall be quiet."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from codeteam.cli.terminal import harmless, tell
from codeteam.cli.words import event_in_words
from codeteam.domain.events import (
    END,
    Event,
    Noted,
    Queued,
    Replied,
    SentBack,
    Stalled,
    Started,
    StepFinished,
    StepStarted,
)
from codeteam.domain.evidence import Usage
from codeteam.domain.task import Task
from codeteam.jobs.history import title_of

if TYPE_CHECKING:
    from rich.console import Console, Group

_SHOWN = (Queued, Started, StepStarted, StepFinished, SentBack, Stalled, Noted)
_MARKS: dict[type, str] = {SentBack: "↺", Stalled: "↺"}
_STEP_MARKS = {"done": "✓", "failed": "✗"}


class View(Protocol):
    def show(self, job: str, event: Event) -> None:
        """Take note of an event of a job."""

    def aside(self) -> AbstractContextManager[None]:
        """While something else is written to the terminal, and read from it."""


@contextlib.contextmanager
def open_view(tasks: Sequence[Task], *, quiet: bool) -> Iterator[View]:
    if quiet:
        yield _Quiet()
    elif sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 - only where it is seen
        from rich.live import Live  # noqa: PLC0415

        console = Console(stderr=True)
        live = _Live(tasks, console)
        with Live(console=console, get_renderable=live.rendered, refresh_per_second=4, transient=True) as shown:
            live.pause, live.go_on = shown.stop, shown.start
            yield live
    else:
        yield _Plain(tasks)


class _Quiet:
    def show(self, job: str, event: Event) -> None:
        """Nothing."""

    def aside(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()


class _Plain:
    """A line for each event that says something new."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._start = time.monotonic()
        self._names = {task.job: f"{_name(task)}: " if len(tasks) > 1 else "" for task in tasks}
        for task in tasks:
            tell(f"job {task.job}: {task.intent.value} {_name(task)}")

    def show(self, job: str, event: Event) -> None:
        if not isinstance(event, _SHOWN):
            return  # the steps say it, and the summary does
        for line in event_in_words(event).splitlines():
            tell(f"[{time.monotonic() - self._start:6.1f}s] {self._names[job]}{line}")

    def aside(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()


@dataclass(slots=True)
class _Progress:
    """What the live view knows of one job."""

    name: str
    start: float
    iteration: int = 0
    usage: Usage = Usage()
    now: str = "starting"
    turns: dict[str, str] = field(default_factory=dict)
    """By role, in words, the turns under way: the tester works beside the developer."""
    seconds: float | None = None
    """How long it took, once it has ended."""


class _Live:
    """What was done stays as lines; below them, redrawn in place, what each job is doing."""

    def __init__(self, tasks: Sequence[Task], console: Console) -> None:
        self._console = console
        self.pause: Callable[[], None] = lambda: None
        self.go_on: Callable[[], None] = lambda: None
        self._jobs = {task.job: _Progress(f"{task.intent.value} {_name(task)}", time.monotonic()) for task in tasks}

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        self.pause()
        try:
            yield
        finally:
            self.go_on()

    def show(self, job: str, event: Event) -> None:
        progress = self._jobs[job]
        words = event_in_words(event).partition("\n")[0]
        if isinstance(event, StepStarted | StepFinished):
            progress.turns.pop(event.role, None)
        if isinstance(event, StepStarted):
            progress.turns[event.role] = words
        elif progress.turns:
            progress.now = next(reversed(progress.turns.values()))
        match event:
            case Replied():
                progress.usage += event.usage
            case Queued() | StepStarted():
                progress.now = words
                progress.iteration = max(progress.iteration, getattr(event, "iteration", 0))
            case StepFinished():
                self._keep(progress, _STEP_MARKS.get(event.state, "·"), words)
            case SentBack() | Stalled() | Noted():
                self._keep(progress, _MARKS.get(type(event), "·"), words)
            case _ if isinstance(event, END):
                progress.now = words
                progress.seconds = time.monotonic() - progress.start
            case _:
                pass

    def _keep(self, progress: _Progress, mark: str, words: str) -> None:
        from rich.text import Text  # noqa: PLC0415 - Text takes no markup: what models say is not styling

        name = f"{progress.name}: " if len(self._jobs) > 1 else ""
        self._console.print(Text(harmless(f"{mark} {name}{words}")))

    def rendered(self) -> Group:
        from rich.console import Group  # noqa: PLC0415
        from rich.spinner import Spinner  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        parts: list[Text | Spinner] = []
        for job in self._jobs.values():
            seconds = job.seconds if job.seconds is not None else time.monotonic() - job.start
            drafts = f"draft {job.iteration} · " if job.iteration else ""
            parts.append(Text(job.name, style="bold", overflow="ellipsis", no_wrap=True))
            parts.append(Text(f"  {drafts}{job.usage.tokens} tokens · {seconds:.0f} s", style="dim"))
            now = Text(harmless(job.now), style="cyan", overflow="ellipsis", no_wrap=True)
            parts.append(Spinner("dots", text=now) if job.seconds is None else now)
        return Group(*parts)


def _name(task: Task) -> str:
    return harmless(task.document.path if task.document else title_of(task))
