"""What changed between two texts: the fewest line edits that an editor has to apply, and the patch that people read.

Lines keep their ends, so an edit never touches the line endings of lines it does not mean.
Ends are those of the Language Server Protocol: LF, CRLF and CR, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from codeteam.domain.source import Span

_CONTEXT = 3
"""Unchanged lines around a hunk of a patch, as `diff -u` has them."""
_FAR = 400
"""Lines added and removed beyond which the shortest script is not looked for: its cost grows with the square."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Change:
    """Lines `start` to `end` (from 0, the end excluded) become `lines`; an insertion has no old lines."""

    start: int
    end: int
    lines: tuple[str, ...]
    """Each with its end."""

    @property
    def grows(self) -> int:
        """Lines that the text gains, negative when it loses some."""
        return len(self.lines) - (self.end - self.start)


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends; joined they are the text again, and an empty text has none."""
    return _LINE.findall(text)


def changes(old: Sequence[str], new: Sequence[str]) -> tuple[Change, ...]:
    """The line edits that turn one list of lines into the other, in rising order, never touching each other."""
    head = _common_head(old, new)
    tail = _common_tail(old, new, head)
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    return tuple(_middle(before, after, head)) if before or after else ()


def few_changes(old: Sequence[str], new: Sequence[str], most: int) -> tuple[Change, ...]:
    """As `changes`, but in bounded time: what takes more than `most` lines added and removed is one change of all."""
    head = _common_head(old, new)
    tail = _common_tail(old, new, head)
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    path = _shortest(before, after, most) if before and after else ()
    return tuple(_edits(before, after, path or (), head))


def apply(old: Sequence[str], edits: Sequence[Change]) -> list[str]:
    """The lines after the edits."""
    lines: list[str] = []
    at = 0
    for edit in edits:
        lines += old[at : edit.start]
        lines += edit.lines
        at = edit.end
    lines += old[at:]
    return lines


def shift(span: Span, edits: Sequence[Change]) -> Span:
    """Where lines of the old text stand after the edits; edited lines stretch over the new ones."""
    start = _moved(span.start_line - 1, edits, end=False)
    end = _moved(span.end_line, edits, end=True)
    return Span(start + 1, max(start + 1, end))


def keep_line_ends(old: str, new: str) -> str:
    """The new text with CRLF throughout where the old text has nothing but CRLF; any other text as it is."""
    crlf = old.count("\r\n")
    if not crlf or crlf != old.count("\n") or crlf != old.count("\r"):
        return new
    return re.sub(r"\r\n|\r|\n", "\r\n", new)


def unified(path: str, old: str | None, new: str) -> str:
    """A patch that `git apply` and `patch -p1` take; `old` None makes a new file. Empty when nothing changes."""
    if old == new:
        return ""
    before, after = (_by_newline(text) for text in (old or "", new))
    mark = "\t" if " " in path else ""
    lines = [f"diff --git a/{path} b/{path}\n"]
    if old is None:
        lines.append("new file mode 100644\n")
    drift = 0
    for number, group in enumerate(_grouped(changes(before, after))):
        if not number:
            lines.append("--- /dev/null\n" if old is None else f"--- a/{path}{mark}\n")
            lines.append(f"+++ b/{path}{mark}\n")
        lines += _hunk(group, before, drift)
        drift += sum(edit.grows for edit in group)
    return "".join(lines)


def _common_head(old: Sequence[str], new: Sequence[str]) -> int:
    count = 0
    for left, right in zip(old, new, strict=False):
        if left != right:
            break
        count += 1
    return count


def _common_tail(old: Sequence[str], new: Sequence[str], head: int) -> int:
    most = min(len(old), len(new)) - head
    count = 0
    while count < most and old[-1 - count] == new[-1 - count]:
        count += 1
    return count


def _middle(old: Sequence[str], new: Sequence[str], offset: int) -> Iterator[Change]:
    path = _shortest(old, new, _FAR) if old and new else ()
    if path is None:
        opcodes = SequenceMatcher(a=old, b=new).get_opcodes()
        path = tuple((start, new_start, end - start) for tag, start, end, new_start, _ in opcodes if tag == "equal")
    return _edits(old, new, path, offset)


def _edits(
    old: Sequence[str], new: Sequence[str], path: Sequence[tuple[int, int, int]], offset: int
) -> Iterator[Change]:
    """What stands between equal runs (old start, new start, length)."""
    at = new_at = 0
    for start, new_start, length in (*path, (len(old), len(new), 0)):
        if start > at or new_start > new_at:
            yield Change(at + offset, start + offset, tuple(new[new_at:new_start]))
        at, new_at = start + length, new_start + length


def _shortest(old: Sequence[str], new: Sequence[str], most: int) -> tuple[tuple[int, int, int], ...] | None:
    """Equal runs (old start, new start, length) of the shortest edit script; None where it is longer than `most`.

    Myers, "An O(ND) difference algorithm and its variations" (1986). `difflib` alone is not enough: in long texts
    it leaves frequent lines out, and a table of equal lines becomes one edit over everything.
    """
    reach = {1: 0}
    trail: list[dict[int, int]] = []
    for distance in range(min(most, len(old) + len(new)) + 1):
        trail.append(reach.copy())
        for diagonal in range(-distance, distance + 1, 2):
            down = diagonal == -distance or (
                diagonal != distance and reach.get(diagonal - 1, -1) < reach.get(diagonal + 1, -1)
            )
            x = reach[diagonal + 1] if down else reach[diagonal - 1] + 1
            y = x - diagonal
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            reach[diagonal] = x
            if x >= len(old) and y >= len(new):
                return _walk_back(trail, len(old), len(new))
    return None


def _walk_back(trail: list[dict[int, int]], x: int, y: int) -> tuple[tuple[int, int, int], ...]:
    runs: list[tuple[int, int, int]] = []
    for distance in range(len(trail) - 1, -1, -1):
        reach, diagonal = trail[distance], x - y
        down = diagonal == -distance or (
            diagonal != distance and reach.get(diagonal - 1, -1) < reach.get(diagonal + 1, -1)
        )
        before = diagonal + 1 if down else diagonal - 1
        from_x = reach[before] if distance else 0
        from_y = from_x - before if distance else 0
        start_x, start_y = (from_x, from_y + 1) if down else (from_x + 1, from_y)
        if not distance:
            start_x, start_y = 0, 0
        if x > start_x:
            runs.append((start_x, start_y, x - start_x))
        x, y = from_x, from_y
    return tuple(reversed(runs))


def _moved(line: int, edits: Sequence[Change], *, end: bool) -> int:
    """The new number of the border before `line`, counted from 0."""
    moved = line
    for edit in edits:
        if edit.end <= line and not (edit.start == edit.end == line and end):
            moved += edit.grows
        elif edit.start < line:
            moved = edit.start + (moved - line) + (len(edit.lines) if end else 0)
            break
        else:
            break
    return moved


def _by_newline(text: str) -> list[str]:
    """Lines as patches know them: only LF ends one."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _grouped(edits: Sequence[Change]) -> Iterator[list[Change]]:
    """Edits that share a hunk, their contexts touching."""
    group: list[Change] = []
    for edit in edits:
        if group and edit.start - group[-1].end > 2 * _CONTEXT:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _hunk(group: Sequence[Change], old: Sequence[str], drift: int) -> Iterator[str]:
    """The hunk's lines; `drift` is what earlier hunks have added."""
    start, end = max(0, group[0].start - _CONTEXT), min(len(old), group[-1].end + _CONTEXT)
    shown: list[str] = []
    at = start
    for edit in group:
        shown += [f" {line}" for line in old[at : edit.start]]
        shown += [f"-{line}" for line in old[edit.start : edit.end]]
        shown += [f"+{line}" for line in edit.lines]
        at = edit.end
    shown += [f" {line}" for line in old[at:end]]
    grown = end - start + sum(edit.grows for edit in group)
    yield f"@@ -{_extent(start, end - start)} +{_extent(start + drift, grown)} @@\n"
    for line in shown:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _extent(start: int, length: int) -> str:
    """A hunk's place: lines count from 1, and an empty extent names the line before it."""
    return f"{start + 1 if length else start},{length}"
