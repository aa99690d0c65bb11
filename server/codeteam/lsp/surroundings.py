"""What stands at the cursor, found by looking at a few lines: the menu of code actions must not parse a whole file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeteam.domain.source import Span
from codeteam.lsp import braces, outline, rust_outline

PROSE = frozenset(
    {"markdown", "plaintext", "text", "restructuredtext", "rst", "asciidoc", "org", "latex", "typst", "quarto", "mdx"}
)
"""Languages whose text is for people: a selection of it is a requirement."""
_TODO = re.compile(r"(?:#|//|/\*|\*|--|;|<!--).*?\b(?:TODO|FIXME)\b")
_LONGEST_COMMENT = 2000
"""Characters of a line that is looked at; what is longer was not written by hand."""
_LONGEST_BLOCK = 200
"""Lines above that are looked at for where a block of comment begins."""
_COMMENT = re.compile(r"\s*(?:#(?!!)|//|/\*|\*/|\* |--(?:\s|$)|;;|<!--)")
_REMARK = re.compile(r"\s*(?:#+(?!\S)|//|/\*|--(?!\S)|;;|<!--)")
"""The same under the cursor, where nobody has chosen it: `#include` is none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the selection, or the cursor where nothing is selected, is about."""

    selected: Span | None
    """None when nothing but white space is selected."""
    requirement: bool
    """The text says what is wanted: prose, comments, a docstring, a stub, or a TODO."""
    code: bool
    """There is code that can be worked on."""
    name: str = ""
    """The definition that is meant, empty where there is none."""
    definition: Span | None = None
    blank: bool = False
    """The whole document is empty."""
    todo: bool = False
    stub: bool = False
    docstring: bool = False
    comment: bool = False
    """The cursor stands in a line that is all comment."""

    @property
    def deserves_a_hint(self) -> bool:
        """Worth offering something although nobody asked (LSP's automatic trigger)."""
        return self.selected is not None or self.todo or self.stub


def look(
    lines: Sequence[str], *, language: str, selected: Span | None, cursor: int, declares: bool = False
) -> Surroundings:
    """Read the place.

    Args:
        language: by its name, see `codeteam.domain.languages`, else as the editor names it.
        cursor: a line from 1.
        declares: the file only declares what another holds, so that nothing in it lacks a body.
    """
    prose = language in PROSE
    if selected is not None:
        chosen = [line.strip() for line in lines[selected.start_line - 1 : selected.end_line]]
        chosen = [line for line in chosen if line]
        if not chosen:
            selected = None
        elif prose:
            return Surroundings(selected=selected, requirement=True, code=False)
        else:
            return _selection(lines, chosen, selected, language, declares)
    if prose:
        blank = not any(line.strip() for line in lines)
        return Surroundings(selected=None, requirement=not blank, code=False, blank=blank)
    return _cursor(lines, language, cursor, declares)


def _selection(
    lines: Sequence[str], chosen: Sequence[str], selected: Span, language: str, declares: bool
) -> Surroundings:
    first = next(number for number in range(selected.start_line, selected.end_line + 1) if lines[number - 1].strip())
    found = _definition_at(lines, first, language)
    begins = found is not None and found.span.start_line >= first and found.span.end_line <= selected.end_line
    whole = (
        begins
        and found is not None
        and not any(line.strip() for line in lines[found.span.end_line : selected.end_line])
    )
    quoted = found is not None and found.docstring is not None and _within(selected, found.docstring)
    stub = found is not None and found.stub and not declares and (whole or _within(selected, found.span))
    comments = all(_COMMENT.match(line) for line in chosen)
    todo = any(_asks(line) for line in chosen)
    return Surroundings(
        selected=selected,
        requirement=comments or todo or stub or quoted,
        code=not (comments or stub or quoted),
        name=found.name if found and (whole or stub or quoted) else "",
        definition=found.span if found else None,
        todo=todo,
        stub=stub,
        docstring=quoted,
    )


def _cursor(lines: Sequence[str], language: str, cursor: int, declares: bool) -> Surroundings:
    found = _definition_at(lines, cursor, language)
    line = lines[cursor - 1] if cursor <= len(lines) else ""
    todo = _asks(line)
    comment = len(line) < _LONGEST_COMMENT and (bool(_REMARK.match(line)) or _in_block(lines, cursor - 1))
    docstring = found.docstring if found else outline.module_docstring(lines) if language == "python" else None
    quoted = docstring is not None and _within(Span(cursor, cursor), docstring)
    stub = found.stub and not declares if found else quoted and outline.only_docstring(lines, docstring)
    blank = found is None and not line.strip() and not any(text.strip() for text in lines)
    return Surroundings(
        selected=None,
        requirement=todo or stub or quoted or comment,
        code=not blank and not stub,
        name=found.name if found else "",
        definition=found.span if found else None,
        blank=blank,
        todo=todo,
        stub=stub,
        docstring=quoted,
        comment=comment,
    )


def _definition_at(lines: Sequence[str], line: int, language: str) -> outline.Definition | None:
    """In languages whose definitions are found by their look."""
    if language == "python":
        return outline.definition_at(lines, line)
    if language == "rust":
        return rust_outline.definition_at(lines, line)
    return braces.definition_at(lines, line, language)


def _in_block(lines: Sequence[str], at: int) -> bool:
    """Whether a line that begins with an asterisk stands in a block of such lines that begins as a comment."""
    for number in range(at, max(-1, at - _LONGEST_BLOCK), -1):
        text = lines[number].lstrip() if number < len(lines) else ""
        if not text.startswith("*") or (text.startswith("*/") and number < at):
            return number < at and text.startswith("/*") and "*/" not in text
    return False


def _asks(line: str) -> bool:
    """Whether a comment of the line holds a TODO; the cheap look first, for lines may be very long."""
    return ("TODO" in line or "FIXME" in line) and len(line) < _LONGEST_COMMENT and bool(_TODO.search(line))


def _within(inner: Span, outer: Span) -> bool:
    return outer.start_line <= inner.start_line and inner.end_line <= outer.end_line
