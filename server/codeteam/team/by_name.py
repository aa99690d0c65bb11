"""Puts definitions into a file by their names: what a model returns of a file that is too long to be written whole."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from codeteam.domain.diff import split_lines
from codeteam.team.edits import Edits
from codeteam.team.layout import fitted, indent_of, unit_of
from codeteam.team.placing import Parts, body_of, ended, first_line, is_hollow, is_main, marks, trimmed, under_comments
from codeteam.team.python_code import Definition, parse, statements


def put_by_name(document: str, block: str) -> str | None:
    """The document with a block's definitions over those of the same name, and what is new where it belongs.

    Of a class that the block shows in part, the members that it has are put in; what it leaves out stays.
    None when one of the two does not parse, or what comes out.
    """
    unit = unit_of(document)
    tree, parts = parse(document), Parts.of(fitted(trimmed(block), "", unit))
    if tree is None or parts is None:
        return None
    placer = _Placer(Edits(ended(split_lines(document))), unit)
    placer.edits.add_imports(tree, parts.imports)
    placer.place(tree.body, parts.others, end=_end_of(tree, placer.edits.lines), gap="\n\n")
    merged = placer.edits.text()
    return merged if parse(merged) else None


class _Placer:
    def __init__(self, edits: Edits, unit: str) -> None:
        self.edits = edits
        self._unit = unit

    def place(self, body: Sequence[ast.stmt], parts: Iterable[tuple[ast.stmt, str]], *, end: int, gap: str) -> None:
        """Statements into a body; new definitions go above line `end`, other new ones above the first definition."""
        present = list(statements(body))
        known = {ast.dump(node) for node in present}
        first = next((self._with_comments(first_line(node)) for node in body if isinstance(node, Definition)), end)
        indent = indent_of(self.edits.lines[first_line(body[0]) - 1]) if body else ""
        for node, text in parts:
            if ast.dump(node) in known:
                continue
            if old := _same(node, present):
                self._over(old, node, text)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and first < end:
                self.edits.insert(first, fitted(text, indent, self._unit) + gap)
            else:
                above, below = (self._is_solid(line) for line in (end - 1, end))
                self.edits.insert(end, (above * gap) + fitted(text, indent, self._unit) + (below * gap))

    def _with_comments(self, line: int) -> int:
        """The first of the comments right above a line."""
        while line > 1 and self.edits.lines[line - 2].lstrip().startswith("#"):
            line -= 1
        return line

    def _is_solid(self, line: int) -> bool:
        return 0 < line <= len(self.edits.lines) and bool(self.edits.lines[line - 1].strip())

    def _over(self, old: ast.stmt, node: ast.stmt, text: str) -> None:
        if isinstance(old, ast.ClassDef) and isinstance(node, ast.ClassDef) and _members(old) - _members(node):
            inner = Parts.of(body_of(text))
            self.place(old.body, inner.others if inner else (), end=(old.end_lineno or old.lineno) + 1, gap="\n")
            return
        if isinstance(node, Definition) and is_hollow(node):
            return  # shown for its name
        start = first_line(old)
        indent = indent_of(self.edits.lines[start - 1])
        if (
            isinstance(old, Definition)
            and isinstance(node, Definition)
            and old.decorator_list
            and not node.decorator_list
        ):
            own = "".join(self.edits.lines[start - 1 : old.lineno - 1])
            text = under_comments(text, fitted(own, "", ""))
        start = self._with_comments(start) if text.startswith("#") else start
        self.edits.replaced[start] = (old.end_lineno or start, fitted(text, indent, self._unit))


def _same(node: ast.stmt, present: Sequence[ast.stmt]) -> ast.stmt | None:
    """What a statement is another form of: the definition or the variable of that name, the program's own part."""
    if isinstance(node, Definition):
        alike = [other for other in present if isinstance(other, Definition) and other.name == node.name]
        # Of several (overloads, a property's parts) the one that has the same decorators.
        return next((other for other in alike if marks(other) == marks(node)), alike[0] if alike else None)
    if is_main(node):
        return next((other for other in present if is_main(other)), None)
    targets = _targets(node)
    return next((other for other in present if targets and _targets(other) == targets), None)


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets]
    return [ast.unparse(node.target)] if isinstance(node, ast.AnnAssign) else []


def _members(node: ast.ClassDef) -> set[str]:
    names = {item.name for item in node.body if isinstance(item, Definition)}
    return names.union(*(_targets(item) for item in node.body))


def _end_of(tree: ast.Module, lines: Sequence[str]) -> int:
    """The line above which new definitions go: that of the program's own part, else the end."""
    return next((node.lineno for node in tree.body if is_main(node)), len(lines) + 1)
