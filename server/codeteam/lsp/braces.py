"""The definition around a line in languages with braces, found from the line outwards without a parser.

Upwards the braces of each line are counted by themselves; where that leads to a head, the text from there on is read
properly, strings and comments skipped, to its end: a head is believed only when that end is behind the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from codeteam.domain.source import Span
from codeteam.lsp.outline import Definition

_FARTHEST = 4000
"""Lines looked at upwards for the definition's head, and downwards for its end."""
_LONGEST_LINE = 500
"""Characters of a line whose braces count; what is longer was hardly written by hand."""
_LONGEST_HEAD = 60
"""Lines that a signature may take."""
_SHORT = 4
"""Lines of code up to which a body may be no more than a stub."""
_BRACE = re.compile(r"[{}]")
_MOST = 20
"""Heads that are read to their end; more than one or two only where strings over several lines mislead."""
_HEREDOC = re.compile(r"<<-?\s*['\"\\]?(\w+)['\"]?")


@dataclass(frozen=True, slots=True)
class Braces:
    """A row: how a language with braces looks."""

    heads: tuple[re.Pattern[str], ...]
    """Match what stands before the brace of a definition, from its line's beginning; the group is its name."""
    skipped: re.Pattern[str]
    """Matches a string or a comment in a line."""
    comment: str
    """Begins a comment that ends with its line."""
    nothing_yet: re.Pattern[str]
    """Matches a statement that says that the body is still to be written."""
    opened: Mapping[str, str]
    """What begins a string or a comment that may end in a later line, and what ends it."""
    finished: frozenset[str] = frozenset()
    """Names of definitions that may well be empty."""
    heredocs: bool = False


def definition_at(lines: Sequence[str], line: int, language: str) -> Definition | None:
    """The innermost function or type that holds a line (from 1); None in languages that have no row."""
    row = ROWS.get(language)
    if row is None or not 0 < line <= len(lines):
        return None
    at = line - 1
    places = chain(_below(lines, at, row), _around(lines, at, row))
    read = (found for opening in places if (found := _read(lines, opening, row)) is not None)
    around = (found for found in islice(read, _MOST) if found.span.start_line <= line <= found.span.end_line)
    return next(around, None)


def _below(lines: Sequence[str], at: int, row: Braces) -> Iterator[int]:
    """Lines with a brace of a signature that the line may be part of."""
    within = 0
    for number in range(at, min(len(lines), at + _LONGEST_HEAD)):
        text = _bare(lines[number], row).strip()
        within += text.count("(") - text.count(")")
        if "{" in text:
            yield number
        if within <= 0 and ("{" in text or "}" in text or text.endswith(";") or (number > at and not text)):
            return


def _around(lines: Sequence[str], at: int, row: Braces) -> Iterator[int]:
    """Lines above with a brace that is still open at the line, the innermost first."""
    closed = 0
    for number in range(at, max(-1, at - _FARTHEST), -1):
        line = lines[number]
        if "{" not in line and "}" not in line:
            continue
        text = _bare(line, row)
        inner = 0  # braces that close what the same line opens
        for brace in reversed([mark for mark in text if mark in "{}"]):
            if brace == "}":
                inner += 1
            elif inner:
                inner -= 1
            elif closed:
                closed -= 1
            else:
                yield number
        closed += inner if number < at else 0
        margin = not closed and number < at and "}" not in text and not line[0].isspace()
        if margin and _head(lines, number, text.find("{"), row) is not None:
            return  # past a whole definition that stands at the margin: what is around it is no definition


def _bare(line: str, row: Braces) -> str:
    """A line by itself, without its strings and comments; nothing of one in the midst of a comment."""
    if len(line) > _LONGEST_LINE or ("*" in line and "/*" in row.opened and line.lstrip().startswith("*")):
        return ""
    return row.skipped.sub(_blank, line)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _read(lines: Sequence[str], opening: int, row: Braces) -> Definition | None:
    """The definition whose brace stands in a line; None where that is none's."""
    column = _bare(lines[opening], row).find("{")
    while column >= 0:
        head = _head(lines, opening, column, row)
        if head is not None:
            end, body = _body(lines, opening, column, row)
            name = head[1]
            stub = head[2] and name not in row.finished and _is_stub(body, row)
            return Definition(name, Span(head[0] + 1, end + 1), stub, None)
        column = _bare(lines[opening], row).find("{", column + 1)
    return None


def _head(lines: Sequence[str], opening: int, column: int, row: Braces) -> tuple[int, str, bool] | None:
    """Line, name and whether it can be a stub, of what a brace belongs to."""
    text = _bare(lines[opening], row)[: max(column, 0)]
    first = opening
    while first > max(0, opening - _LONGEST_HEAD) and (not text.strip() or _open(text) < 0):
        first -= 1
        text = _bare(lines[first], row) + text
    if _open(text) != 0:
        return None
    for number, pattern in enumerate(row.heads):
        match = pattern.match(text.rstrip())
        if match:
            name = next((group for group in match.groups() if group), "")
            return (first, name.rpartition(".")[2], number > 0) if name else None
    return None


def _open(text: str) -> int:
    """How many brackets a text leaves open, negative when it closes more."""
    return sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")


def _body(lines: Sequence[str], opening: int, column: int, row: Braces) -> tuple[int, list[str] | None]:
    """The line that closes a brace, and the code between; None for more than a few lines of it."""
    depth, until, heredoc = 0, "", ""
    code: list[str] | None = []
    last = min(len(lines), opening + _FARTHEST) - 1
    for number in range(opening, last + 1):
        line = lines[number].rstrip("\r\n") if len(lines[number]) <= _LONGEST_LINE else ""
        at = column if number == opening else 0
        if heredoc:
            heredoc = "" if line.strip() == heredoc else heredoc
            continue
        if until:  # in a string or a comment that began above
            end = line.find(until)
            if end < 0:
                continue
            at, until = end + len(until), ""
        rest, until = _rest(line[at:], row)
        text = row.skipped.sub(_blank, rest)
        shown = _without_comments(rest, row)
        for brace in _BRACE.finditer(text):
            depth += 1 if brace[0] == "{" else -1
            if depth == 0:
                return number, _with(code, shown[1 if number == opening else 0 : brace.start()])
        if row.heredocs and (found := _HEREDOC.search(text)):
            heredoc = found[1]
        code = _with(code, shown[1:] if number == opening else shown)
    return last, None


def _rest(text: str, row: Braces) -> tuple[str, str]:
    """A line up to where a string or comment begins that does not end in it, and what will end that."""
    blank = row.skipped.sub(_blank, text)
    begun = [(place, mark) for mark in row.opened if (place := blank.find(mark)) >= 0]
    if not begun:
        return text, ""
    place, mark = min(begun)
    return text[:place], row.opened[mark]


def _without_comments(text: str, row: Braces) -> str:
    def kept(match: re.Match[str]) -> str:
        comment = match[0].lstrip().startswith((row.comment, "/*"))
        return " " * len(match[0]) if comment else match[0]

    return row.skipped.sub(kept, text)


def _with(code: list[str] | None, text: str) -> list[str] | None:
    if code is None or not text.strip():
        return code
    return None if len(code) == _SHORT else [*code, text.strip()]


def _is_stub(body: list[str] | None, row: Braces) -> bool:
    return body is not None and all(row.nothing_yet.fullmatch(line.rstrip("; ")) for line in body)


_UNWRITTEN = r"(?i:not[ _-]?(?:yet[ _-]?)?implemented|unimplemented|to ?do\b)"
_WORDS = (
    r"(?:(?:export|default|declare|abstract|async|public|private|protected|static|readonly|override|get|set)\s+){0,6}"
)
_NO_METHOD = r"(?!(?:if|for|while|switch|catch|with|function|return|do|else|new|await|typeof|super)\b)"
_SCRIPT = Braces(
    heads=(
        re.compile(rf"\s*{_WORDS}(?:class|interface|enum|namespace)\s+([\w$]+)"),
        re.compile(rf"\s*{_WORDS}function\b\s*\*?\s*([\w$]+)"),
        re.compile(rf"\s*{_WORDS}(?:const|let|var)\s+([\w$]+)(?s:.*)(?:=>$|=\s*(?:async\s+)?function\b)"),
        re.compile(rf"\s*{_WORDS}{_NO_METHOD}([\w$#.]+)\s*(?=[:=])(?s:.*)(?:=>$|[:=]\s*(?:async\s+)?function\b)"),
        re.compile(rf"\s*{_WORDS}\*?\s*{_NO_METHOD}([\w$#]+)\s*\??(?:<[^({{]{{0,200}}>)?\((?s:.*)\)\s*(?::[^=]*)?$"),
    ),
    skipped=re.compile(
        r"//.*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`"
        r"|(?:(?<=[(,=:\[!&|?{};])|(?<=return))\s*/(?![/*])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/"
    ),
    comment="//",
    nothing_yet=re.compile(rf"throw\s+(?:new\s+)?[\w.]*Error\(\s*['\"`]?{_UNWRITTEN}?.*\);?", re.DOTALL),
    opened={"/*": "*/", "`": "`"},
    finished=frozenset({"constructor"}),
)
ROWS: dict[str, Braces] = {
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "go": Braces(
        heads=(
            re.compile(r"\s*type\s+(\w+)(?:\[.*\])?\s+(?:struct|interface)"),
            re.compile(r"\s*func\s+(?:\([^)]*\)\s*)?(\w+)\s*[\[(]"),
        ),
        skipped=re.compile(r"//.*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`"),
        comment="//",
        nothing_yet=re.compile(rf"panic\((?:fmt\.Sprint\w*\(|errors\.New\()?[\"`]{_UNWRITTEN}.*\)"),
        opened={"/*": "*/", "`": "`"},
    ),
    "shell": Braces(
        heads=(re.compile(r"(?!)"), re.compile(r"\s*(?:function\s+([\w:.-]+)\s*(?:\(\s*\))?|([\w:.-]+)\s*\(\s*\))$")),
        skipped=re.compile(r"(?:^|(?<=\s))#.*|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\."),
        comment="#",
        nothing_yet=re.compile(rf":|true|(?:echo|printf)\b.*{_UNWRITTEN}.*|(?:return|exit)(?:\s+[1-9]\d*)?"),
        opened={"'": "'", '"': '"'},
        heredocs=True,
    ),
}
"""By the name of the language (`codeteam.domain.languages`)."""
