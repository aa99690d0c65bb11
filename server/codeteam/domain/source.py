"""Text and places in it, as every other module speaks of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A text file of the workspace, or one to be added to it."""

    path: str
    """Relative to the workspace, POSIX separators, never absolute, no `..`."""
    text: str
    """The whole text, line endings as they are in the file."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole lines: both ends counted from 1, the end included."""

    start_line: int
    end_line: int
