"""How things are shown to a model: fences that cannot be broken out of, bounded texts, changes with their marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from codeteam.domain.diff import changes, split_lines
from codeteam.team.replies import MalformedReply, fences

_AROUND = 8
"""Unchanged lines shown around a change."""
_LONGEST_LINE = 500
_MARKS = re.compile(r"([`~])\1*")
_BREAKS_OUT = re.compile(r"^ {0,3}(?:`{3}|~{3}|#{1,6} )", re.MULTILINE)


def hunks(before: str, after: str) -> Iterator[tuple[str, str]]:
    """The changed lines and those around them, each with its mark: "+", "-", " ", and "@" between the places."""
    old = split_lines(before)
    at = 0
    for edit in changes(old, split_lines(after)):
        start = at
        if not at or edit.start - at > 2 * _AROUND:
            yield from ((" ", _ended(line)) for line in old[at : at + _AROUND] if at)
            start = max(0, edit.start - _AROUND)
            yield "@", f"@ line {start + 1}\n"
        yield from ((" ", _ended(line)) for line in old[start : edit.start])
        yield from (("-", _ended(line)) for line in old[edit.start : edit.end])
        yield from (("+", _ended(line)) for line in edit.lines)
        at = edit.end
    yield from ((" ", _ended(line)) for line in old[at : at + _AROUND] if at)


def _ended(line: str) -> str:
    return line.rstrip("\r\n") + "\n"


def fence(text: str, words: str = "") -> str:
    """A fence longer than any in the text, so that what is shown cannot end it."""
    body = _plain(text)
    longest = {"`": 2, "~": 2}
    for found in _MARKS.finditer(body):
        longest[found[1]] = max(longest[found[1]], len(found[0]))
    mark = "`" if longest["`"] <= max(longest["~"], 20) else "~"
    run = mark * (longest[mark] + 1)
    return f"{run}{words}\n{body}{'' if body.endswith(chr(10)) else chr(10)}{run}"


def contained(text: str) -> str:
    """What a program or a model said, in a fence where it could be taken for a part of the message."""
    return fence(text, "text") if _BREAKS_OUT.search(_plain(text)) else text


def balanced(text: str) -> str:
    """Markdown of the user's, in a fence where one of its own is left open and would swallow what follows."""
    try:
        fences(f"{_plain(text)}\n.")
    except MalformedReply:
        return fence(text, "markdown")
    return text


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clipped(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    head, tail = halves(text, most)
    return f"{head}\n… {len(text) - len(head) - len(tail)} characters left out …\n{tail}"


def halves(text: str, most: int) -> tuple[str, str]:
    """Beginning and end of a text that is longer than `most`, as they are shown."""
    return text[: most // 2], text[-(most // 2) :]


def one_line(text: str, most: int = _LONGEST_LINE) -> str:
    """A name or a sentence on one line, without the marks that would begin a block."""
    return re.sub(r"`{3,}|~{3,}", "'", " ".join(text.split()))[:most]


def section(title: str, text: str) -> str:
    return f"# {title}\n\n{text}"


def joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part.strip())
