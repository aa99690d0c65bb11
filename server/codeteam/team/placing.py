"""Puts a part of a file into its place: a definition over the one that stands there, new code below a line.

What a model returns as "only the definition" comes in many shapes: with the imports it needs, with helpers beside it,
a method inside of its class or by itself, without the decorators. Each of these goes where it belongs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeteam.domain.diff import split_lines
from codeteam.domain.source import Span
from codeteam.team.edits import IMPORTS, Edits
from codeteam.team.layout import fitted, indent_of, unit_of
from codeteam.team.python_code import Definition, parse

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_OF_CLASSES = {"staticmethod", "classmethod", "property"}
_HEADER = re.compile(r"\s*(?:#|$)")


def put_over(document: str, place: Span, block: str, *, decorators: bool = True) -> str:
    """The document with a block in the place of the definition that these lines hold.

    With `decorators`, those of the definition stay when the block has none. New lines end in a line feed.
    """
    edits = Edits(ended(split_lines(document)))
    tree, unit = parse(document), unit_of(document)
    parts = Parts.of(fitted(trimmed(block), "", unit))
    chain = _chain(tree, place) if tree and parts else []
    while tree and parts and chain:
        if found := parts.take(chain):
            _Placer(edits, tree, chain, unit).place(parts, found, decorators=decorators)
            return edits.text()
        chain.pop()
        if chain and isinstance(chain[-1], ast.ClassDef):
            break  # a class without the method that was asked for is no answer
    _put_as_it_is(edits, place, block, unit)
    return edits.text()


def put_below(document: str, line: int, block: str) -> str:
    """The document with a block below a line, from 1, and as far in as that; its imports go to the others.

    0 stands for the end of the document.
    """
    lines = ended(split_lines(document))
    edits = Edits(lines)
    unit = unit_of(document)
    indent, gap = ("", "\n\n") if not line else (_indent_below(lines, line, unit), "")
    imports, code = _without_imports(fitted(trimmed(block), "", unit))
    at = line or len(lines)
    edits.add_imports(parse(document), imports)
    following = next((solid for solid in lines[at : at + 1] if solid.strip()), "")
    after = ""
    if following and code.lstrip().startswith(("def ", "async def ", "class ", "@")):
        after = "\n" if indent else "\n\n"
    edits.insert(at + 1, (gap if lines else "") + fitted(code, indent, unit) + after)
    return edits.text()


def _put_as_it_is(edits: Edits, place: Span, block: str, unit: str) -> None:
    """Where no tree tells more: the block at the indentation of the lines it replaces, its imports on top."""
    imports, code = _without_imports(fitted(trimmed(block), "", unit))
    edits.add_imports(parse("".join(edits.lines)), imports)
    first = edits.lines[place.start_line - 1] if place.start_line <= len(edits.lines) else ""
    edits.replaced[place.start_line] = (place.end_line, fitted(code, indent_of(first), unit))


@dataclass(slots=True)
class Parts:
    """A block's statements with the comments above them; a docstring is none of them."""

    imports: list[ast.stmt]
    others: list[tuple[ast.stmt, str]]

    @classmethod
    def of(cls, code: str) -> Parts | None:
        tree = parse(code)
        if tree is None:
            return None
        lines = split_lines(code)
        parts = cls([], [])
        last = 0
        for number, node in enumerate(tree.body):
            end = node.end_lineno or node.lineno
            if number == len(tree.body) - 1:
                end = len(lines)
            text = "".join(lines[last:end])
            last = end
            if isinstance(node, IMPORTS):
                parts.imports.append(node)
            elif not (number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                parts.others.append((node, text.strip("\r\n") + "\n"))
        return parts

    def take(self, chain: Sequence[Definition]) -> _Found | None:
        """Takes out the last definition of the chain, by itself or inside of its classes; None when it is not there."""
        name = chain[-1].name
        same = [
            index for index, (node, _) in enumerate(self.others) if isinstance(node, Definition) and node.name == name
        ]
        if same:
            # Of several (overloads, a property's parts) the one that has the same decorators.
            index = next((one for one in same if marks(self.others[one][0]) == marks(chain[-1])), same[0])
            return _Found(self.others.pop(index)[1], index)
        for index, (node, text) in enumerate(self.others):
            owners = [owner.name for owner in chain[:-1]]
            if isinstance(node, ast.ClassDef) and node.name in owners:
                inner = Parts.of(body_of(text))
                found = inner.take(chain[owners.index(node.name) + 1 :]) if inner else None
                if inner and found:
                    del self.others[index]
                    return _Found(found.text, index, [*found.beside, *inner.others])
        return None


@dataclass(frozen=True, slots=True)
class _Found:
    """The definition that was asked for, in a block."""

    text: str
    index: int
    """How many of the block's other statements stand before it."""
    beside: Sequence[tuple[ast.stmt, str]] = ()
    """What stands beside it in its class."""


def body_of(text: str) -> str:
    """The lines inside of a class, moved to the left; `text` is the class with what stands above it."""
    tree = parse(text)
    head = next((item for item in tree.body if isinstance(item, ast.ClassDef)), None) if tree else None
    lines = split_lines(text)
    if head is None:
        return ""
    first = min(first_line(item) for item in head.body)
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return fitted("".join(lines[first - 1 :]), "", "")


class _Placer:
    """Finds for each part of a block its place in a document that parses."""

    def __init__(self, edits: Edits, tree: ast.Module, chain: Sequence[Definition], unit: str) -> None:
        self._edits = edits
        self._tree = tree
        self._chain = chain
        self._target = chain[-1]
        self._owner = chain[-2] if len(chain) > 1 else None
        self._unit = unit

    def place(self, parts: Parts, found: _Found, *, decorators: bool) -> None:
        lines = self._edits.lines
        first = first_line(self._target)
        text = found.text
        if decorators and self._target.decorator_list and not _has_decorators(text):
            text = under_comments(text, fitted("".join(lines[first - 1 : self._target.lineno - 1]), "", ""))
        self._edits.add_imports(self._tree, parts.imports)
        inner, above, below = [text], "", ""
        for index, (node, piece) in enumerate([*parts.others, *found.beside]):
            of_class = index >= len(parts.others) or self._is_of_class(node)
            if self._stands_already(node, piece, of_class):
                continue
            lasting = isinstance(node, Definition | ast.Assign | ast.AnnAssign)
            if of_class or (self._owner and not isinstance(self._owner, ast.ClassDef)):
                inner.append(f"\n{piece}")
            elif is_main(node) or not (lasting or index < found.index):
                below += f"\n\n{piece}"
            elif self._owner or index < found.index:
                above += f"{piece}\n\n"
            else:
                inner.append(f"\n\n{piece}")
        self._replace(self._target, "".join(inner))
        if above:
            self._edits.insert(self._top_of(self._chain[0]), above)
        if below:
            self._edits.insert(len(lines) + 1, below)

    def _replace(self, node: Definition, text: str) -> None:
        first = first_line(node)
        indent = indent_of(self._edits.lines[first - 1])
        self._edits.replaced[first] = (node.end_lineno or first, fitted(text, indent, self._unit))

    def _is_of_class(self, node: ast.stmt) -> bool:
        """Whether a function that stands beside a method is a method too."""
        if not isinstance(node, _FUNCTIONS) or not isinstance(self._owner, ast.ClassDef):
            return False
        first = [*node.args.posonlyargs, *node.args.args][:1]
        return bool(first and first[0].arg in ("self", "cls")) or bool(marks(node) & _OF_CLASSES)

    def _stands_already(self, node: ast.stmt, text: str, of_class: bool) -> bool:
        """Whether the document has the statement; a definition that it has otherwise is replaced, unless hollow."""
        owner = self._owner if of_class and self._owner else self._tree
        alike = [item for item in owner.body if type(item) is type(node)]
        if isinstance(node, Definition):
            other = next((item for item in alike if isinstance(item, Definition) and item.name == node.name), None)
            if other and other not in self._chain and not is_hollow(node) and ast.dump(node) != ast.dump(other):
                self._replace(other, text)
            return other is not None
        dumped = ast.dump(node)
        return any(ast.dump(item) == dumped or (is_main(item) and is_main(node)) for item in alike)

    def _top_of(self, node: Definition) -> int:
        """The first line of a definition with the comments right above it."""
        first = first_line(node)
        while first > 1 and self._edits.lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return first


def is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).startswith("__name__ ==")


def marks(node: ast.stmt) -> set[str]:
    return {ast.unparse(mark) for mark in getattr(node, "decorator_list", [])}


def _chain(tree: ast.Module, place: Span) -> list[Definition]:
    """The definitions from the outermost to the one whose lines these are; empty when they are not one's."""
    chain: list[Definition] = []
    body: list[ast.stmt] = tree.body
    while inner := next((node for node in _nested(body) if _holds(node, place)), None):
        chain.append(inner)
        if (first_line(inner), inner.end_lineno) == (place.start_line, place.end_line):
            return chain
        body = inner.body
    return []


def _nested(body: Sequence[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, Definition):
            yield node
        else:
            for item in ast.iter_child_nodes(node):
                if isinstance(item, ast.stmt):
                    yield from _nested([item])


def _holds(node: Definition, place: Span) -> bool:
    return first_line(node) <= place.start_line and place.end_line <= (node.end_lineno or node.lineno)


def first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(mark.lineno for mark in decorators)])


def _has_decorators(text: str) -> bool:
    tree = parse(text)
    return bool(tree and any(isinstance(node, Definition) and node.decorator_list for node in tree.body))


def under_comments(text: str, decorators: str) -> str:
    lines = split_lines(text)
    first = next((number for number, line in enumerate(lines) if line.strip() and not _HEADER.match(line)), 0)
    return "".join([*lines[:first], decorators, *lines[first:]])


def is_hollow(node: Definition) -> bool:
    """Whether a definition is only shown for its name: `...`, `pass` or a docstring."""
    return all(
        isinstance(line, ast.Pass)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        or (isinstance(line, Definition) and is_hollow(line))
        for line in node.body
    )


def _without_imports(code: str) -> tuple[list[ast.stmt], str]:
    """Leading import statements of a block, and what follows."""
    tree = parse(code)
    found: list[ast.stmt] = []
    for node in tree.body if tree else ():
        if not isinstance(node, IMPORTS):
            break
        found.append(node)
    lines = split_lines(code)
    end = (found[-1].end_lineno or 0) if found else 0
    return (found, "".join(lines[end:]).lstrip("\r\n")) if end < len(lines) else ([], code)


def _indent_below(lines: Sequence[str], line: int, unit: str) -> str:
    above = next((text for text in reversed(lines[:line]) if text.strip()), "")
    opens = not above.lstrip().startswith("#") and above.split("#")[0].rstrip().endswith(":")
    return indent_of(above) + (unit or "    " if opens else "")


def trimmed(block: str) -> str:
    lines = split_lines(block)
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return "".join(ended(lines))


def ended(lines: list[str]) -> list[str]:
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n"
    return lines
