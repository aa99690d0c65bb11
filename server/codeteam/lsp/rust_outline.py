"""The Rust definition around a line, found by indentation from the lines beside it, as in `codeteam.lsp.outline`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codeteam.domain.source import Span
from codeteam.lsp.outline import Definition

_FARTHEST = 4000
"""Lines looked at upwards for the definition's head, and downwards for its end."""
_LONGEST_LINE = 500
_HEAD = re.compile(
    r"\s*(?:pub(?:\([\w: ]{1,60}\))?\s+)?(?:(?:default|const|async|unsafe|extern(?:\s+\"[^\"]{1,20}\")?)\s+){0,4}"
    r"(?:(?:fn|struct|enum|union|trait)\s+(?P<name>\w+)|impl\b(?:<[^{]{0,200}?>)?\s+(?:[^{]{1,200}?\bfor\s+)?(?P<type>[\w:]+))"
)
_ABOVE = re.compile(r"\s*(?:///|#\[|\#!\[)")
_NOTHING_YET = re.compile(r"\s*(?:todo|unimplemented)!\s*[({].{0,300}[)}];?\s*(?://.*)?")
_BESIDE = re.compile(r".*\{\s*((?:todo|unimplemented)!.*)\}\s*")


def definition_at(lines: Sequence[str], line: int) -> Definition | None:
    """The innermost function, type, trait or `impl` that holds a line (from 1), its documentation included."""
    at = min(line, len(lines)) - 1
    while 0 <= at < len(lines) - 1 and _ABOVE.match(lines[at]):
        at += 1
    limit = 1 << 30
    for number in range(at, max(-1, at - _FARTHEST), -1):
        text = lines[number].strip()
        indent = len(lines[number]) - len(lines[number].lstrip())
        if not text or text[0] in ")}]" or indent >= limit:
            continue
        if match := _HEAD.match(lines[number][:_LONGEST_LINE]):
            found = _read(lines, number, indent, match)
            if found.span.end_line > at:
                return found
        limit = indent
        if limit == 0:
            break
    return None


def _read(lines: Sequence[str], head: int, indent: int, match: re.Match[str]) -> Definition:
    end = _end(lines, head, indent)
    first = head
    while first > 0 and _ABOVE.match(lines[first - 1]):
        first -= 1
    documented = [number for number in range(first, head) if lines[number].lstrip().startswith("///")]
    docstring = Span(documented[0] + 1, documented[-1] + 1) if documented else None
    name = match["name"] or match["type"].rpartition("::")[2]
    return Definition(name, Span(first + 1, end + 1), _is_stub(lines, head, end), docstring)


def _end(lines: Sequence[str], head: int, indent: int) -> int:
    """The line, from 0, on which a definition ends: the brace, or the semicolon, at the indentation of its head."""
    for number in range(head, min(len(lines), head + _FARTHEST)):
        text = lines[number].rstrip()
        level = len(lines[number]) - len(lines[number].lstrip())
        if number > head and level <= indent and text and text.lstrip()[0] not in ")}]w{-":
            return number - 1
        if level == indent and (text.lstrip().startswith("}") or text.endswith((";", "}"))):
            return number
    return min(len(lines), head + _FARTHEST) - 1


def _is_stub(lines: Sequence[str], head: int, end: int) -> bool:
    """Whether its body says `todo!()` or `unimplemented!()`, and no more."""
    if head == end:
        beside = _BESIDE.fullmatch(lines[head][:_LONGEST_LINE])
        return beside is not None and bool(_NOTHING_YET.fullmatch(beside[1]))
    opened = next((number for number in range(head, end) if lines[number].rstrip().endswith("{")), end)
    body = [line for line in lines[opened + 1 : end] if line.strip() and not line.lstrip().startswith("//")]
    return len(body) == 1 and bool(_NOTHING_YET.fullmatch(body[0][:_LONGEST_LINE]))
