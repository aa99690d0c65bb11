"""Replies that run on: a model that has begun to repeat itself does so until it may say no more.

Small models do it now and then, and then take minutes for what is thrown away.
"""

from __future__ import annotations

import re
from collections import deque

STOPPED = "[stopped here: what follows was the same again and again]"
LONGEST_BLOCK = 8
"""Lines that are repeated together."""
REPEATS = 100
"""How often the same lines follow each other in what no one would write."""
SMALL_REPEATS = 30
"""The same for a small model, which counts on as it repeats: lines that differ in their numbers are the same."""
_LONG_LINE = 2000
"""Characters of a line without an end from which on it is looked at."""
_PERIOD = 64
"""Characters that are repeated together in such a line."""
_NUMBER = re.compile(r"\d+")
_SAME = re.compile(r"(\S)\1{2,}")


class Runaway:
    """Watches a reply as it comes."""

    def __init__(self, *, small: bool) -> None:
        self._small = small
        self._needed = SMALL_REPEATS if small else REPEATS
        self._pieces: list[str] = []
        self.received = 0
        """Characters."""
        self._line = ""
        """The end of the line that has no end yet."""
        self._look_at = _LONG_LINE
        """With how many characters that line is looked at next."""
        self._length = 0
        """Characters of that line."""
        self._count = 0
        """Lines that are whole."""
        self._last: deque[str] = deque(maxlen=LONGEST_BLOCK)
        self._same = [0] * (LONGEST_BLOCK + 1)
        """By the number of lines in a block, how many of the last lines were the same as those a block before."""
        self._kept: int | None = None

    def told(self, piece: str) -> bool:
        """Take the next piece; whether the reply runs on by now."""
        self._pieces.append(piece)
        self.received += len(piece)
        *whole, rest = piece.split("\n")
        for line in whole:
            self._end_line(self._line + line)
            self._line, self._length, self._look_at = "", 0, _LONG_LINE
        self._line = (self._line + rest)[-_LONG_LINE:]
        self._length += len(rest)
        if self._length >= self._look_at:
            self._look_at = self._length + _LONG_LINE // 4
            self._look()
        return self.runs_on

    @property
    def runs_on(self) -> bool:
        return self._kept is not None

    @property
    def kept(self) -> str:
        """The reply up to where it began to run on, with a line that says so; all of it where it does not."""
        text = "".join(self._pieces)
        return text if self._kept is None else f"{text[: self._kept].rstrip()}\n{STOPPED}\n"

    def _look(self) -> None:
        """At a line that has no end."""
        line = self._line
        period = next((size for size in range(1, _PERIOD + 1) if line[size:] == line[:-size]), 0)
        if period and self._kept is None:
            text = "".join(self._pieces)
            once = len(text) - period
            for step in (_LONG_LINE, 1):  # a line may have millions
                while once >= step and text[once - step : once] == text[once - step + period : once + period]:
                    once -= step
            self._kept = once + period

    def _end_line(self, line: str) -> None:
        if self._small:
            line = _SAME.sub(r"\1", _NUMBER.sub("0", line))
        again = line in self._last
        if not again:  # nearly always
            self._same = [0] * (LONGEST_BLOCK + 1)
        for block in range(1, len(self._last) + 1 if again else 0):
            same = self._last[-block] == line
            self._same[block] = self._same[block] + 1 if same else 0
        self._last.append(line)
        self._count += 1
        for block, lines in enumerate(self._same if again else ()):
            if block and self._kept is None and lines >= block * (self._needed - 1):
                once = "".join(self._pieces).split("\n")[: self._count - lines]
                self._kept = len("\n".join(once))
