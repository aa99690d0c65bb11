"""Where a quoted piece of a document stands, and where it stands after an edit.

A quote is lines without the white space around them, never none; places are lines from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codeteam.domain.diff import Change, few_changes, split_lines
from codeteam.lsp.document import Replacement

_NEAR = 3
"""Lines around its place where a quote that an edit has touched is looked for."""
_FAR = 200
"""Lines added and removed up to which the lines that stayed are told apart from those that came: some 20 ms."""


def quoted(text: str) -> list[str]:
    """The lines of a quote."""
    lines = [line.strip() for line in split_lines(text.strip())]
    return lines or [""]


def nearest(quote: Sequence[str], lines: Sequence[str], wanted: int) -> int | None:
    """Where the quote stands, the place nearest to a line; None where it stands nowhere."""
    if quote == [""]:
        return None
    places = _places(quote, lines, 0, len(lines))
    return min(places, key=lambda number: abs(number - wanted), default=None)


def near(quote: Sequence[str], lines: Sequence[str], wanted: int) -> int | None:
    """Where the quote stands, close to a line; elsewhere it would be another line that reads the same."""
    around = _places(quote, lines, wanted - _NEAR, wanted + _NEAR + 1)
    return min(around, key=lambda number: abs(number - wanted), default=None)


class Moves:
    """An edit, and where it moves quotes; what is compared is compared once, and only for a quote that was touched."""

    def __init__(self, edit: Replacement) -> None:
        self._edit = edit
        self._changes: tuple[Change, ...] | None = None
        self._new: Sequence[str] = ()

    def moved(self, quote: Sequence[str], start: int) -> int:
        """Where a quote stands after the edit, or would stand; whether it does, `near` tells."""
        edit = self._edit
        if start < edit.start:
            return start
        if start >= edit.start + len(edit.old):
            return start + len(edit.new) - len(edit.old)
        return edit.start + self._within(quote, start - edit.start)

    def _within(self, quote: Sequence[str], start: int) -> int:
        if self._changes is None:  # stripped, for a formatter that indents anew changes nothing of what is quoted
            self._new = [line.strip() for line in self._edit.new]
            self._changes = few_changes([line.strip() for line in self._edit.old], self._new, _FAR)
        grown = 0
        for change in self._changes:
            if start < change.start:
                break
            if start < change.end:
                return self._replaced(quote, start, change, change.start + grown)
            grown += change.grows
        return start + grown

    def _replaced(self, quote: Sequence[str], start: int, change: Change, first: int) -> int:
        """The place of a quote whose line was replaced by lines from `first`.

        That is the same one of as many, else the nearest, else the one that was put in elsewhere.
        """
        last = first + len(change.lines)
        before, after = _places(quote, self._edit.old, change.start, change.end), _places(quote, self._new, first, last)
        if len(before) == len(after) and start in before:
            return after[before.index(start)]
        wanted = first + start - change.start
        around = after or _places(quote, self._new, first - _NEAR, last + _NEAR)
        if around:
            return min(around, key=lambda number: abs(number - wanted))
        elsewhere = [number for begin, end in self._inserted() for number in _places(quote, self._new, begin, end)]
        return elsewhere[0] if len(elsewhere) == 1 else wanted

    def _inserted(self) -> Iterator[tuple[int, int]]:
        """Where the new lines stand."""
        grown = 0
        for change in self._changes or ():
            yield change.start + grown, change.start + grown + len(change.lines)
            grown += change.grows


def _places(quote: Sequence[str], lines: Sequence[str], first: int, last: int) -> list[int]:
    """Where the quote begins, from the line `first` up to, not including, the line `last`."""
    until = min(last, len(lines) - len(quote) + 1)
    return [
        number
        for number in range(max(first, 0), until)
        if quote[0] in lines[number] and all(text in lines[number + offset] for offset, text in enumerate(quote))
    ]
