"""How much of the user's files a prompt has room for: what a role was not shown, it may not replace."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from codeteam.domain.artifacts import Plan
from codeteam.domain.diff import changes, split_lines
from codeteam.domain.source import SourceFile, Span
from codeteam.domain.task import Task
from codeteam.team.code import code_of
from codeteam.team.showing import halves

WHOLE_FILE_LINES = 300
"""Files longer than this are not returned whole: only the definitions that change are."""
_WHOLE_FILE_CHARACTERS = 40_000
"""The same, for files of few but long lines."""
_WINDOW = 60
"""Lines shown above and below the place in a document that is too long to be shown whole."""
MOST_DOCUMENT = 120_000
"""Characters of a document that are shown."""
_MOST_NEIGHBOURS = 60_000
"""Characters of all neighbours together."""
_NEIGHBOURS_SHOWN = 20
_LARGEST_NEIGHBOUR = 200_000
"""Longer files are not even looked into for their signatures."""
_LEAST_ROOM = 500


def is_long(text: str) -> bool:
    """Whether a file is too long to be returned whole."""
    return len(text) > _WHOLE_FILE_CHARACTERS or len(split_lines(text)) > WHOLE_FILE_LINES


def is_large(task: Task) -> bool:
    """Whether the document is too long to be shown and returned whole."""
    return task.document is not None and is_long(task.document.text)


def before_text(task: Task, path: str) -> str | None:
    """A file's text before the job; None for a new file."""
    return task.texts.get(path)


def window(task: Task) -> Span:
    """The lines of the document that are shown: all, or of a long one those around its place."""
    text = task.document.text if task.document else ""
    count = len(split_lines(text))
    place = task.enclosing or task.selection
    if not is_large(task) or (place is None and len(text) <= MOST_DOCUMENT):
        return Span(1, count)
    place = place or Span(1, 1)
    return Span(max(place.start_line - _WINDOW, 1), min(place.end_line + _WINDOW, count))


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbour as it is shown."""

    file: SourceFile
    whole: bool
    """False where only its signatures are shown."""


def neighbours(task: Task, plan: Plan | None = None, *, bodies: bool = True) -> Iterator[Neighbour]:
    """What is shown of the neighbours: those that the plan is to change first, then the nearest.

    Without `bodies` it is their signatures alone: what is shown to all but the developer.
    """
    planned = {file.path for file in plan.files} if plan else set()
    room, places = _MOST_NEIGHBOURS, _NEIGHBOURS_SHOWN
    for file in sorted(task.neighbours, key=lambda file: file.path not in planned):
        if len(file.text) > _LARGEST_NEIGHBOUR or room < _LEAST_ROOM or not places:
            continue
        whole = bodies and len(file.text) <= (room if file.path in planned else room // 2)
        text = file.text if whole else code_of(file.path).signatures(file.text)
        if text.strip() and len(text) <= room:
            yield Neighbour(SourceFile(file.path, text), whole)
            room -= len(text)
            places -= 1


def seen(task: Task, plan: Plan | None = None) -> frozenset[str]:
    """Paths of the files that the developer may return: the document, and the neighbours that it is shown whole."""
    whole = {near.file.path for near in neighbours(task, plan) if near.whole}
    blank = {file.path for file in task.neighbours if not file.text.strip()}
    return frozenset(whole | blank | ({task.document.path} if task.document else set()))


def unseen_change(task: Task, after: str) -> int:
    """The first line of the document, from 1, that `after` lacks though nobody was shown it; 0 when there is none."""
    if task.document is None or not is_large(task):
        return 0
    lines = split_lines(task.document.text)
    shown = _shown_lines(task, lines)
    changed = changes([line.rstrip() for line in lines], [line.rstrip() for line in split_lines(after)])
    gone = (line for edit in changed for line in range(edit.start + 1, edit.end + 1))
    return next((line for line in gone if line not in shown and lines[line - 1].strip()), 0)


def _shown_lines(task: Task, lines: list[str]) -> Collection[int]:
    span = window(task)
    inside = range(span.start_line, span.end_line + 1)
    text = "".join(lines[span.start_line - 1 : span.end_line])
    if len(text) <= MOST_DOCUMENT:
        return inside
    head, tail = (len(split_lines(part)) for part in halves(text, MOST_DOCUMENT))
    return {*inside[: head - 1], *inside[len(inside) - tail + 1 :]}
