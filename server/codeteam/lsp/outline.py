"""The Python definition around a line, found by indentation from the lines beside it.

A menu has a millisecond where parsing a long file takes a hundred; and half-typed code does not parse at all.
What the team is given is found again by the syntax tree, in `codeteam.workspace`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeteam.domain.source import Span

_FARTHEST = 4000
"""Lines looked at upwards for the definition's head, and downwards for its end."""
_LONGEST_HEAD = 60
"""Lines that a signature may take."""
_HEAD = re.compile(r"(\s*)(?:async\s+)?(def|class)\s+(\w+)")
_QUOTE = re.compile(r"\s*[rRuUbB]{0,2}(\"\"\"|'''|\"|')")
_EMPTY = re.compile(r"(?:\.\.\.|pass|raise\s+NotImplementedError\b.*)\s*(?:#.*)?$")
_DECLARED = re.compile(r"\s*@(?:\w+\.)*(?:overload|abstract\w+)\b")
"""Decorators of what has no body, and is to have none."""
_ABSTRACT = re.compile(r"\b(?:Protocol|ABC|ABCMeta)\b")
"""Bases of classes that say what others write."""
_MARKER = re.compile(r"\w*(?:Error|Exception|Warning)")
"""Names of classes that are finished with their documentation."""
_ONE_LINE_STUB = re.compile(r":\s*(?:\.\.\.|pass)\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class as its lines show it."""

    name: str
    span: Span
    """Decorators included."""
    stub: bool
    """It has no body to speak of, and is to have one: `...`, `pass`, `raise NotImplementedError`, a docstring alone."""
    docstring: Span | None


def definition_at(lines: Sequence[str], line: int) -> Definition | None:
    """The innermost definition that holds a line (from 1)."""
    at = min(line, len(lines)) - 1
    while 0 <= at < len(lines) - 1 and lines[at].lstrip().startswith("@"):
        at += 1
    for number in _outwards(lines, at):
        match = _HEAD.match(lines[number])
        if match:
            found = _read(lines, number, match)
            if found.span.end_line > at:
                return found
    return None


def module_docstring(lines: Sequence[str]) -> Span | None:
    """The lines of the text in quotes that a module begins with."""
    first = next((number for number, line in enumerate(lines[:_FARTHEST]) if line.strip() and line[0] != "#"), None)
    return None if first is None else _docstring(lines, first, min(len(lines), first + _FARTHEST))


def only_docstring(lines: Sequence[str], docstring: Span | None) -> bool:
    """Whether a module holds nothing but the text in quotes that it begins with."""
    rest = lines[docstring.end_line if docstring else 0 :]
    return len(rest) <= _FARTHEST and not any(line.strip() and line.lstrip()[0] != "#" for line in rest)


def _outwards(lines: Sequence[str], at: int) -> Iterator[int]:
    """The line itself, then upwards each that stands further left than all before it."""
    limit = 1 << 30
    for number in range(at, max(-1, at - _FARTHEST), -1):
        indent = _indent(lines[number])
        if indent is not None and indent < limit:
            yield number
            limit = indent
        if limit == 0:
            return


def _indent(line: str) -> int | None:
    """Columns before the first letter; None for lines that say nothing about the block they are in."""
    text = line.lstrip()
    return None if not text or text[0] in "#)]}" else len(line) - len(text)


def _read(lines: Sequence[str], head: int, match: re.Match[str]) -> Definition:
    indent = len(match.group(1))
    body = _body_start(lines, head)
    end = body
    for number in range(body, min(len(lines), body + _FARTHEST)):
        column = _indent(lines[number])
        if column is not None and column <= indent:
            break
        if lines[number].strip():
            end = number + 1
    first = head
    while first > 0 and lines[first - 1].lstrip().startswith("@") and _indent(lines[first - 1]) == indent:
        first -= 1
    docstring = _docstring(lines, body, end)
    is_class = match.group(2) == "class"
    stub = _is_stub(lines, body, end, docstring, is_class=is_class)
    finished = stub and (bool(is_class and _MARKER.fullmatch(match.group(3))) or _only_declared(lines, first, head))
    return Definition(match.group(3), Span(first + 1, end), stub and not finished, docstring)


def _only_declared(lines: Sequence[str], first: int, head: int) -> bool:
    """Whether a definition without a body is complete: by its decorators, or by the class that it is, or is in."""
    if any(_DECLARED.match(line) for line in lines[first:head]):
        return True
    for number in _outwards(lines, head):
        match = _HEAD.match(lines[number])
        if match and match.group(2) == "class":
            return any(_ABSTRACT.search(line) for line in lines[number : _body_start(lines, number)])
        if match and number < head:
            return False
    return False


def _body_start(lines: Sequence[str], head: int) -> int:
    """The index after the signature, over as many lines as its brackets take."""
    depth = 0
    for number in range(head, min(len(lines), head + _LONGEST_HEAD)):
        text = lines[number].partition("#")[0]
        depth += sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")
        if depth <= 0 and ":" in text:
            return number + 1
    return head + 1


def _is_stub(lines: Sequence[str], body: int, end: int, docstring: Span | None, *, is_class: bool) -> bool:
    rest = (line.strip() for line in lines[docstring.end_line if docstring else body : end])
    code = [line for line in rest if line and not line.startswith("#")]
    if not code and not docstring:
        return bool(_ONE_LINE_STUB.search(lines[body - 1])) and not is_class
    if is_class and not docstring:  # an empty class is a finished exception or marker, more often than not
        return False
    return len(code) <= 1 and all(_EMPTY.match(line) for line in code)


def _docstring(lines: Sequence[str], body: int, end: int) -> Span | None:
    first = next((number for number in range(body, end) if lines[number].strip()), None)
    match = _QUOTE.match(lines[first]) if first is not None else None
    if first is None or match is None:
        return None
    quote = match.group(1)
    if len(quote) == 1 or quote in lines[first][match.end() :]:
        return Span(first + 1, first + 1)
    last = next((number for number in range(first + 1, end) if quote in lines[number]), end - 1)
    return Span(first + 1, last + 1)
