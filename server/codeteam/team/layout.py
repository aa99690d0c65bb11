"""How a text is laid out: indentation, line ends, byte order mark; and how another takes on its layout."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

from codeteam.domain.diff import changes, split_lines
from codeteam.team.python_code import Definition, parse

_BOM = "\ufeff"
_STRING_STARTS = ("FSTRING_START", "TSTRING_START")
_STRING_ENDS = ("FSTRING_END", "TSTRING_END")


def keep_layout(before: str, after: str, *, blanks: bool = True) -> str:
    """`after` with the line endings, byte order mark and final newline that `before` has.

    Unchanged lines stay as they are, blanks at their ends included unless `blanks` is False; new ones take the line
    end that the file uses most.
    """
    old = split_lines(before.removeprefix(_BOM))
    ends = Counter(end for line in old if (end := _end(line)))
    usual = ends.most_common(1)[0][0] if ends else "\n"
    new = [line.rstrip("\r\n") for line in split_lines(after.removeprefix(_BOM))]
    result = [line + usual for line in new]
    for start, new_start, length in _equal(old, new, blanks=blanks):
        for offset in range(length):
            line = old[start + offset]
            result[new_start + offset] = line if _end(line) else line + usual
    if result and old and not _end(old[-1]):
        result[-1] = result[-1].rstrip("\r\n")
    return (_BOM if before.startswith(_BOM) else "") + "".join(result)


def _equal(old: list[str], new: list[str], *, blanks: bool) -> Iterator[tuple[int, int, int]]:
    """Runs of unchanged lines: old start, new start, length."""
    key = str.rstrip if blanks else lambda line: line.rstrip("\r\n")
    left, right = [key(line) for line in old], [key(line) for line in new]
    at = new_at = 0
    for edit in changes(left, right):
        yield at, new_at, edit.start - at
        new_at += edit.start - at + len(edit.lines)
        at = edit.end
    yield at, new_at, len(left) - at


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def indent_of(line: str) -> str:
    """The blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def unit_of(text: str) -> str:
    """What one level is indented by in a text: a tab, or so many blanks; empty when nothing is indented."""
    found: Counter[str] = Counter()
    last = ""
    for line in re.split(r"\r\n|\r|\n", text):
        solid = line.strip()
        if not solid:
            continue
        if last.rstrip().endswith((":", "{")) and len(step := indent_of(line)) > len(indent_of(last)):
            found[step.removeprefix(indent_of(last))] += 1
        last = line
    plain = [(unit, count) for unit, count in found.items() if unit in ("\t", " " * len(unit))]
    return max(plain, key=lambda item: item[1])[0] if plain else ""


def fitted(code: str, indent: str, unit: str) -> str:
    """Code moved to an indentation, one level being `unit`; strings over several lines keep their text.

    Docstrings move with their code.
    """
    lines = split_lines(code)
    solid = next((line for line in lines if line.strip()), "")
    base, own = indent_of(solid), unit_of(code)
    convert = bool(unit and own) and unit != own
    if base == indent and not convert:
        return code
    fixed = _inside_strings(code)
    moved = [line if number in fixed else _moved(line, base, indent) for number, line in enumerate(lines)]
    if not convert:
        return "".join(moved)
    other = "".join(
        line if number in fixed else _converted(line, base, indent, own, unit) for number, line in enumerate(lines)
    )
    return other if same_code("".join(moved), other) else "".join(moved)


def same_code(one: str, other: str) -> bool:
    """Whether two pieces of code, each at its own indentation, mean the same."""
    left, right = (parse(_opened(code)) for code in (one, other))
    try:
        return left is not None and right is not None and _dump(left) == _dump(right)
    except RecursionError:
        return False


def _dump(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, Definition) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _opened(code: str) -> str:
    """Indented code under a line that allows it to be."""
    solid = next((line for line in code.split("\n") if line.strip()), "")
    return f"if 1:\n{code}" if indent_of(solid) else f"\n{code}"


def _moved(line: str, base: str, indent: str) -> str:
    if not line.strip():
        return line.lstrip(" \t")
    here = indent_of(line)
    rest = here.removeprefix(base) if here.startswith(base) else ""
    return f"{indent}{rest}{line[len(here) :]}"


def _converted(line: str, base: str, indent: str, own: str, unit: str) -> str:
    if not line.strip():
        return line.lstrip(" \t")
    here = indent_of(line)
    inner = here.removeprefix(base) if here.startswith(base) else ""
    levels = 0
    while inner.startswith(own):
        inner = inner.removeprefix(own)
        levels += 1
    return f"{indent}{unit * levels}{inner}{line[len(here) :]}"


def _inside_strings(code: str) -> set[int]:
    """Lines, from 0, that begin inside of a string which is no docstring: their blanks are part of a value."""
    source = _opened(code)
    rows: set[int] = set()
    started: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            name = tokenize.tok_name[token.type]
            if name == "STRING":
                rows.update(range(token.start[0] + 1, token.end[0] + 1))
            elif name in _STRING_STARTS:
                started.append(token.start[0])
            elif name in _STRING_ENDS and started:
                rows.update(range(started.pop() + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        pass
    tree = parse(source) if rows else None
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, Definition) and ast.get_docstring(node, clean=False) is not None:
            rows.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return {row - 2 for row in rows}
