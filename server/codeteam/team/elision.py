"""Finds where a reply says that code goes on instead of writing it: "... rest of the file unchanged"."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from codeteam.team.python_code import parse, syntax_error

_CODE = (
    r"(?:code|file|class|module|script|program|implementation|methods?|functions?|definitions?|imports?|logic|body"
    r"|contents?|tests?|routes?|endpoints?|handlers?|helpers?|attributes?|fields?|properties|constants?)"
)
_LEFT = (
    r"(?:(?:is|are|stays?|remains?|goes|go|left|kept|being)\s+)?"
    r"(?:unchanged|the same|same as before|same as above|as before|as above|as is|identical|untouched|unmodified|here"
    r"|not (?:changed|shown)|omitted|elided|truncated)(?:\s+for\s+(?:brevity|clarity))?"
)
_OWNED = r"(?:(?:the|your|this|my|all|any|of)\s+)*"
_REST = re.compile(
    rf"(?:and\s+)?{_OWNED}(?:(?:rest|remainder)\s+of\s+{_OWNED}|(?:existing|previous|other|remaining|original|more"
    rf"|additional|same)\s+)(?:[\w']+\s+){{0,3}}?{_CODE}(?P<said>[\s,:(]+{_LEFT})?"
)
_SUBJECT = re.compile(rf"{_OWNED}(?:rest|everything else|all else|code)\s+{_LEFT}|.*\bomitted for (?:brevity|clarity)")
_PLACEHOLDER = re.compile(
    r"(?:(?:add|put|insert|write|place)\s+)?(?:(?:the|your|actual|real|own|main)\s+)+(?:\w+\s+){0,2}?"
    r"(?:code|implementation|logic)\s+(?:goes\s+|would go\s+|should go\s+)?here"
    r"|(?:code|implementation|logic)\s+(?:goes|would go|should go)\s+here"
)
_DOTTED = re.compile(
    r"rest|unchanged|existing|and so on|etc\.?|continue[sd]?|same as (?:before|above)|omitted|snip(?:ped)?|"
)
_MARKS = re.compile(r"#|//|/\*|<!--|\*")
_WORDS = re.compile(r"\.\.\.|…|rest|remain|unchanged|existing|previous|same|omitted|here|else|snip", re.IGNORECASE)
"""Without one of them nothing here says that code is left out."""
_LONGEST = 160
"""Characters of a comment that says so; longer ones explain something."""


def elided(text: str, *, before: str = "") -> str:
    """The comment or line that stands for code that was left out; empty when the code is all there.

    What `before`, the same file as it was, says too is the user's own.
    """
    if not any(_MARKS.search(line) or "..." in line for line in text.split("\n") if _worth_reading(line)):
        return ""
    known = {line.strip() for line in before.split("\n")}
    sound = not syntax_error(text)
    for comment, alone in _comments(text) if sound else _comment_lines(text):
        if comment not in known and _says_so(comment, alone):
            return comment
    return "..." if sound and "..." in text and _dots(text) > _dots(before) else ""


def _worth_reading(text: str) -> bool:
    return _WORDS.search(text) is not None


def _comments(text: str) -> Iterator[tuple[str, bool]]:
    """Comments of Python code that may say so, and whether each stands on a line of its own."""
    if not any("#" in line and _worth_reading(line.partition("#")[2]) for line in text.split("\n")):
        return  # reading it token by token takes ten times as long
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and len(token.string) <= _LONGEST:
                yield token.string, not token.line[: token.start[1]].strip()
    except (tokenize.TokenError, SyntaxError):
        return


def _comment_lines(text: str) -> Iterator[tuple[str, bool]]:
    for line in text.split("\n"):
        solid = line.strip()
        if len(solid) <= _LONGEST and _MARKS.match(solid):
            yield solid, True


def _says_so(comment: str, alone: bool) -> bool:
    said = comment.removeprefix("<!--").removesuffix("-->").strip("#/* \t").lower()
    if not said:
        return False
    words = said.strip("()[]{}<>.…-*:= \t")
    dotted = said.startswith(("...", "…", "(", "[", "<")) or said.endswith(("...", "…"))
    if dotted and (said.startswith(("...", "…")) or alone) and _DOTTED.fullmatch(words):
        return True
    rest = _REST.fullmatch(words)
    if rest and (dotted or (alone and rest["said"])):
        return True
    return alone and bool(_SUBJECT.fullmatch(words) or _PLACEHOLDER.fullmatch(words))


def _dots(text: str) -> int:
    """How often `...` stands among other statements, where it can only mean that some are missing."""
    count = 0
    for node in ast.walk(parse(text) or ast.Module([], [])):
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(body, list):
                solid = [line for line in body if not _is_constant(line, str)]
                count += len(solid) > 1 and any(_is_constant(line, type(...)) for line in solid)
    return count


def _is_constant(node: ast.AST, kind: type) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, kind)
