"""Three-way merge over lines: what the user typed meanwhile and what the team proposes, both made from one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeteam.domain.diff import Change, apply, changes, split_lines
from codeteam.domain.source import Span


@dataclass(frozen=True, slots=True)
class Merged:
    """Both sides' changes together."""

    text: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Both sides changed the same lines, or lines beside each other, in different ways."""

    spans: tuple[Span, ...]
    """Where, in lines of `ours`; an insertion's span is the line it stands before."""


def merge(base: str, ours: str, theirs: str) -> Merged | Conflict:
    """The text that has the changes of both sides.

    As in diff3, changes that touch each other conflict unless they are the same: without an unchanged line
    between them, nobody can say that they belong to different places.
    """
    if ours in (base, theirs):
        return Merged(theirs)
    if theirs == base:
        return Merged(ours)
    lines = split_lines(base)
    mine, other = changes(lines, split_lines(ours)), changes(lines, split_lines(theirs))
    clashes = tuple(_span(change, mine) for change in mine if any(_clash(change, edit) for edit in other))
    if clashes:
        return Conflict(clashes)
    both = sorted({*mine, *other}, key=lambda change: (change.start, change.end))
    return Merged("".join(apply(lines, both)))


def _clash(left: Change, right: Change) -> bool:
    return left != right and left.start <= right.end and right.start <= left.end


def _span(change: Change, mine: Sequence[Change]) -> Span:
    """Where a change of our side stands in our text."""
    start = change.start + sum(earlier.grows for earlier in mine if earlier.start < change.start)
    return Span(start + 1, start + max(1, len(change.lines)))
