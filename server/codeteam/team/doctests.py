"""Finds the doctests of a requirement: sessions with `>>>`, in fences, docstrings or plain text."""

from __future__ import annotations

import ast
import builtins
import doctest
import re
import secrets
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from codeteam.team.python_code import parse
from codeteam.team.statements import is_doubtful_heading, is_literal

_FENCE = re.compile(r"\s*(?:```|~~~)")
_QUOTES = re.compile(r"\s*(?:\"\"\"|''')\s*")


_MOST = 100
"""Sessions that are read."""
_LONGEST = 300
"""Lines of a session that is read."""


@dataclass(slots=True)
class _Block:
    """Lines of a session that belong together."""

    lines: list[str] = field(default_factory=list)
    fenced: bool = False
    lead: str = ""
    """The line of text before it."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def take_doctests(text: str) -> tuple[list[str], list[str], str]:
    """Sessions that can be run, those that cannot be read with certainty, and the text without either.

    A session that goes on from an earlier one begins with it.
    """
    if ">>>" not in text:
        return [], [], text
    blocks, rest = _blocks(text.split("\n"))
    good: list[str] = []
    bad: list[str] = []
    known: list[tuple[str, set[str]]] = []
    for number, block in enumerate(blocks):
        items = _items(block) if number < _MOST else None
        if items is None:
            bad.append(block.text.strip())
            continue
        source = _sources(items)
        earlier = [session for session, names in known if names & _needed(source)]
        known.append((block.text, _stored(source)))
        whole = "\n".join([*earlier, block.text])
        certain = _is_known(source, "".join(_sources(doctest.DocTestParser().get_examples(text)) for text in earlier))
        if certain and _checks_something(items):
            good.append(whole)
        elif not certain or not _stored(source):
            bad.append(block.text.strip())
    return good, bad, rest


def called_in(session: str) -> list[str]:
    """Names that a session uses and does not define itself, in order of appearance."""
    source = _sources(doctest.DocTestParser().get_examples(session))
    tree = parse(source)
    order = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)] if tree else []
    needed = _needed(source)
    return [name for name in dict.fromkeys(order) if name in needed]


def turned_session(session: str, altered: Callable[[str], str | None], another: Callable[[str], str]) -> str:
    """The session with another result, by what makes another literal and another exception of one; lines stay."""
    lines = session.split("\n")
    items = [item for item in doctest.DocTestParser().get_examples(session) if item.want]
    for item in reversed(items):
        first = item.lineno + item.source.count("\n")
        old = item.want.rstrip("\n").split("\n")
        if item.exc_msg:
            name = re.match(r"[\w.]+", item.exc_msg)
            told = item.exc_msg.split("\n")[0]
            new = [another(line) + line[name.end() :] if name and line == told else line for line in old]
        else:
            new = (altered(item.want.strip()) or _misspelt("\n".join(old))).split("\n")
        if new != old and len(new) == len(old):
            for number, line in enumerate(new, first):
                lines[number] = " " * item.indent + line
            return "\n".join(lines)
    indent = " " * (items[-1].indent if items else 0)
    return f"{session.rstrip()}\n{indent}>>> 1\n{indent}2\n"


def _misspelt(text: str) -> str:
    """The text with one letter changed, for another of its kind."""
    found = [match.start() for match in re.finditer(r"[a-zA-Z]", text)] or [
        match.start() for match in re.finditer(r"[0-9]", text)
    ]
    if not found:
        return text
    at = secrets.choice(found)
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    others = next(kind for kind in kinds if text[at] in kind).replace(text[at], "")
    return text[:at] + secrets.choice(others) + text[at + 1 :]


def _blocks(lines: Sequence[str]) -> tuple[list[_Block], str]:
    """Sessions that only blank lines part, or that one fence holds, are one."""
    blocks: list[_Block] = []
    kept: list[str] = []
    block = _Block()
    fenced = apart = False
    lead = ""
    for line in [*lines, "", "end"]:
        fence = bool(_FENCE.match(line))
        fenced ^= fence
        ends = fence or bool(_QUOTES.fullmatch(line)) or not line.strip()
        if line.lstrip().startswith(">>>") or (block.lines and not apart and not ends):
            if apart and block.lines:
                block.lines.append("")
            block.fenced, block.lead, apart = fenced, block.lead or lead, False
            closing = re.fullmatch(r"(.*\S)\s*(?:\"\"\"|''')\s*", line)
            block.lines.append(closing[1] if closing and not line.lstrip().startswith(">>>") else line)
            continue
        if block.lines and (fence or (line.strip() and apart and not fenced) or _QUOTES.fullmatch(line)):
            blocks.append(block)
            block = _Block()
        apart = bool(block.lines)
        lead = line if line.strip() and not fence else lead
        kept.append(line)
    if block.lines:
        blocks.append(block)
    return blocks, "\n".join(kept[:-2])


def _items(block: _Block) -> list[doctest.Example] | None:
    """The examples of a session; None when what is expected of it is not certain."""
    if is_doubtful_heading(block.lead) or len(block.lines) > _LONGEST:
        return None
    try:
        items = doctest.DocTestParser().get_examples(block.text)
        for item in items:
            ast.parse(item.source)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    for item in items:
        first, _, more = item.want.partition("\n")
        # Without a fence, text right below what is printed may be the next sentence.
        if not block.fenced and more.strip() and is_literal(first.strip()):
            return None
        if item.options.get(doctest.SKIP):
            return None
    return items


def _is_known(source: str, earlier: str) -> bool:
    """Whether every name comes from the session or is plainly one of the code under test: called, or a class."""
    tree = parse(earlier + source)
    if tree is None:
        return False
    plain = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    plain |= {
        mark.id for node in ast.walk(tree) for mark in getattr(node, "decorator_list", ()) if isinstance(mark, ast.Name)
    }
    loose = _needed(earlier + source) - plain
    return all(hasattr(builtins, name) or name[0].isupper() for name in loose)


def _checks_something(items: Sequence[doctest.Example]) -> bool:
    calls = any(isinstance(node, ast.Call) for item in items for node in ast.walk(ast.parse(item.source)))
    return calls and any(item.want or item.exc_msg for item in items)


def _sources(items: Sequence[doctest.Example]) -> str:
    return "".join(item.source for item in items)


def _stored(source: str) -> set[str]:
    return set(_assigned(source))


def _assigned(source: str) -> Iterator[str]:
    tree = parse(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.arg):
            yield node.arg


def _needed(source: str) -> set[str]:
    tree = parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else set()
    return used - _stored(source)
