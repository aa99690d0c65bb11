"""Changes to the lines of a document, imports among them, gathered first and made all at once."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from codeteam.team.python_code import statements

IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(slots=True)
class Edits:
    """What happens to a document's lines; numbers count from 1 and are those of the document as it was."""

    lines: list[str]
    replaced: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By first line: the last one, and what comes there instead."""
    before: dict[int, list[str]] = field(default_factory=dict)
    """By line: what comes above it."""

    def insert(self, line: int, text: str) -> None:
        self.before.setdefault(line, []).append(text)

    def add_imports(self, tree: ast.Module | None, wanted: Sequence[ast.stmt]) -> None:
        """Imports that the document lacks, among those at its top."""
        present = list(statements(tree.body)) if tree else []
        known = {key for node in present for key in _keys(node)} if tree else {line.strip() for line in self.lines}
        bare = not any(isinstance(node, IMPORTS) for node in present) if tree else not _loose_imports(self.lines)
        ordinary: list[str] = []
        for node in wanted:
            if not isinstance(node, IMPORTS) or ast.unparse(node) in known:
                continue
            names = [alias for alias, key in zip(node.names, _keys(node), strict=True) if key not in known]
            known.update(_keys(node))
            node.names = names
            if names and getattr(node, "module", "") == "__future__":
                self.insert(_import_place(tree, self.lines, future=True), f"{ast.unparse(node)}\n")
            elif names:
                ordinary.append(f"{ast.unparse(node)}\n")
        if not ordinary:
            return
        place = _import_place(tree, self.lines)
        above = self.lines[place - 2].strip() if place > 1 else ""
        below = self.lines[place - 1].strip() if place <= len(self.lines) else ""
        if bare and above and not above.startswith(("import ", "from ")):
            ordinary.insert(0, "\n")
        if bare and below:
            ordinary.append("\n\n")
        self.insert(place, "".join(ordinary))

    def text(self) -> str:
        parts: list[str] = []
        number = 1
        while number <= len(self.lines) + 1:
            parts += self.before.get(number, [])
            if number in self.replaced:
                last, text = self.replaced[number]
                parts.append(text)
                # Nothing may be lost that was to come inside of what is replaced.
                parts += [text for line in range(number + 1, last + 1) for text in self.before.get(line, [])]
                number = last + 1
                continue
            if number <= len(self.lines):
                parts.append(self.lines[number - 1])
            number += 1
        return "".join(parts)


def _keys(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [f"{alias.name} as {alias.asname}" for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{'.' * node.level}{node.module or ''}:{alias.name} as {alias.asname}" for alias in node.names]
    return []


def _import_place(tree: ast.Module | None, lines: Sequence[str], *, future: bool = False) -> int:
    """The line above which imports go: below the last at the top, else below docstring and leading comments."""
    if tree is None:
        tops = _loose_imports(lines)
        return tops[0] if tops else _below_header(lines)
    place = _below_header(lines)
    for number, node in enumerate(tree.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        belongs = isinstance(node, IMPORTS) and (not future or getattr(node, "module", "") == "__future__")
        if not docstring and not belongs:
            break
        place = (node.end_lineno or 0) + 1
    return place


def _loose_imports(lines: Sequence[str]) -> list[int]:
    """Lines that look like imports at the top of a file that does not parse."""
    return [number for number, line in enumerate(lines, 1) if re.match(r"(?:import|from)\s+[\w.]+", line)]


def _below_header(lines: Sequence[str]) -> int:
    """The line below a file's opening comments; a comment right above code belongs to the code."""
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if end < len(lines) and not lines[end].strip():
        return end + 1
    return next((number for number, line in enumerate(lines, 1) if not line.startswith(("#!", "# -*-"))), 1)
