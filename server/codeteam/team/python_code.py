"""What can be known of Python source without running it. Every function is safe on source that does not parse."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from codeteam.team import outline

Definition = outline.Definition
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LONGEST = 1_500_000
"""Characters that are parsed; the largest document that is taken has a mebibyte."""


# The same few texts are asked about many times in a job, and parsing is most of the work.
remembered = lru_cache(maxsize=64)
_REMEMBERED = 100_000
"""Characters of the longest text whose tree is kept; a tree takes a hundred times the room of its text."""


def parse(text: str) -> ast.Module | None:
    """The syntax tree, the caller's own; None when the text is not Python, or is made to overwhelm the parser."""
    if len(text) > _LONGEST:
        return None
    try:
        return _parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parses(text: str) -> bool:
    """Whether the text is Python."""
    return tree_of(text) is not None


def tree_of(text: str) -> ast.Module | None:
    """The syntax tree as `parse` gives it, shared by all: for reading alone."""
    return _kept(text) if len(text) <= _REMEMBERED else parse(text)


@remembered
def _kept(text: str) -> ast.Module | None:
    return parse(text)


@remembered
def syntax_error(text: str) -> str:
    """What the compiler says, with the line; empty when the text is Python."""
    if len(text) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if tree_of(text) is not None:
        return ""
    try:
        _parsed(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}: {(error.text or '').strip()[:120]}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"cannot be read: {type(error).__name__}"
    return ""


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text.removeprefix("\ufeff"))


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module or class that run when it is made, those inside of `if`, `try` and `with` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.With | ast.Try | ast.TryStar):
            yield from statements(node.body)
        if isinstance(node, ast.If | ast.Try | ast.TryStar):
            yield from statements(node.orelse)
        if isinstance(node, ast.Try | ast.TryStar):
            for handler in node.handlers:
                yield from statements(handler.body)
            yield from statements(node.finalbody)


@remembered
def top_level_names(text: str) -> frozenset[str]:
    """Names that the module defines at its top: functions, classes, assignments."""
    tree = tree_of(text)
    names: set[str] = set()
    for node in statements(tree.body) if tree else ():
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


@remembered
def definitions(text: str) -> frozenset[str]:
    """Names of functions and classes at the module's top, and of what is in classes as `Class.method`."""
    return frozenset(definition_lines(text))


def definition_lines(text: str) -> dict[str, int]:
    """The line of each definition, from 1, by its name as in `definitions`; of several, the first."""
    tree = tree_of(text)
    found: dict[str, int] = {}
    for name, node in defined(tree.body if tree else ()):
        found.setdefault(name, node.lineno)
    return found


def spans(text: str) -> list[tuple[str, int, int]]:
    """The definitions with their first and last line, decorators left out."""
    tree = tree_of(text)
    found = defined(tree.body if tree else ())
    return [(name, node.lineno, node.end_lineno or node.lineno) for name, node in found]


def defined(body: Iterable[ast.stmt], owner: str = "") -> Iterator[tuple[str, Definition]]:
    """The definitions of a module or class with their names, `Class.method` for what is in classes."""
    for node in statements(body):
        if isinstance(node, Definition):
            yield f"{owner}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from defined(node.body, f"{owner}{node.name}.")


@remembered
def signatures(text: str) -> str:
    """The module without bodies: imports, constants, signatures and docstrings; empty when it does not parse."""
    tree = tree_of(text)
    try:
        return outline.declarations(tree) if tree else ""
    except RecursionError:
        return ""


def rough_signatures(text: str) -> str:
    """As `signatures`; of what does not parse, the lines that look like the heads of definitions."""
    return signatures(text) if tree_of(text) is not None else outline.heads(text)


@remembered
def stub(text: str) -> str:
    """The same module with every function raising NotImplementedError: what honest tests must fail against."""
    tree = tree_of(text)
    try:
        return outline.refusing(text.removeprefix("\ufeff"), tree) if tree and tree.body else ""
    except RecursionError:
        return ""


def undocumented(text: str, *, before: str = "") -> tuple[str, ...]:
    """Public modules, classes and functions without a docstring that `before` did not already have so."""
    known = set(_all_undocumented(before))
    return tuple(name for name in _all_undocumented(text) if name not in known)


@remembered
def _all_undocumented(text: str) -> tuple[str, ...]:
    tree = tree_of(text)
    return tuple(dict.fromkeys(_undocumented(tree))) if tree and tree.body else ()


def _undocumented(tree: ast.Module) -> Iterator[str]:
    if ast.get_docstring(tree) is None:
        yield "the module"
    for name, node in defined(tree.body):
        public = not any(part.startswith("_") for part in name.split("."))
        if public and ast.get_docstring(node) is None and not any(map(_is_repetition, node.decorator_list)):
            yield name


def _is_repetition(mark: ast.expr) -> bool:
    """Whether a decorator makes another form of something that is documented already."""
    last = mark.attr if isinstance(mark, ast.Attribute) else mark.id if isinstance(mark, ast.Name) else ""
    return last in ("overload", "setter", "deleter", "override")


def same_but_docstrings(one: str, other: str) -> bool:
    """Whether two sources differ only in docstrings, comments and layout; False when either does not parse."""
    left, right = parse(one), parse(other)
    if left is None or right is None:
        return False
    try:
        return ast.dump(_Undocument().visit(left)) == ast.dump(_Undocument().visit(right))
    except RecursionError:
        return False


class _Undocument(ast.NodeTransformer):
    """Takes out every string that stands alone: docstrings, and those under attributes."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | Definition):
            node.body = [line for line in node.body if not is_string(line)] or [ast.Pass()]
        return node


def is_string(node: ast.stmt) -> bool:
    """Whether the statement is a string that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@remembered
def names_of_tests(text: str) -> frozenset[str]:
    """Names of the test functions that pytest would collect from the file."""
    tree = tree_of(text)
    return frozenset(_tests_in(tree.body)) if tree else frozenset()


def _tests_in(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in statements(body):
        if isinstance(node, _FUNCTIONS) and node.name.startswith("test") and not _is_fixture(node):
            yield node.name
        elif isinstance(node, ast.ClassDef) and _is_collected(node):
            yield from _tests_in(node.body)


def _is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    marks = [mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list]
    return any(
        (mark.attr if isinstance(mark, ast.Attribute) else getattr(mark, "id", "")) == "fixture" for mark in marks
    )


def _is_collected(node: ast.ClassDef) -> bool:
    """As pytest decides: `Test…` without a constructor, or a TestCase of unittest."""
    bases = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]
    if any(base.endswith("TestCase") for base in bases):
        return True
    made = any(isinstance(item, _FUNCTIONS) and item.name in ("__init__", "__new__") for item in node.body)
    return node.name.startswith("Test") and not made


def is_test(path: str) -> bool:
    """Whether pytest would take the file for tests."""
    name = PurePosixPath(path).name
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py")


def import_roots(paths: Iterable[str]) -> tuple[str, ...]:
    """Folders that must be on `sys.path` so that these files import as their packages, "." first."""
    known = set(paths)
    roots = {"."}
    for path in known:
        if path.endswith(".py"):
            roots.add(_root(path, known))
    if any(path.startswith("src/") for path in known):
        roots.add("src")
    return (".", *sorted(roots - {"."}))


def _root(path: str, known: set[str]) -> str:
    folder = PurePosixPath(path).parent
    while str(folder) != "." and str(folder / "__init__.py") in known:
        folder = folder.parent
    if "src" in folder.parts:  # of the workspace, or of one of its projects
        return str(PurePosixPath(*folder.parts[: folder.parts.index("src") + 1]))
    # A folder without __init__.py is a namespace package of the workspace's root, where that name is importable.
    regular = str(PurePosixPath(path).parent / "__init__.py") in known
    importable = all(part.isidentifier() for part in folder.parts)
    return "." if importable and not regular else str(folder)


def module_name(path: str, roots: Iterable[str]) -> str:
    """The dotted name under the longest root that holds it; empty when the path is no importable name."""
    best = ""
    for root in sorted(roots, key=len, reverse=True):
        inside = path if root == "." else path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else ""
        if inside:
            best = inside
            break
    parts = re.sub(r"(?:/__init__)?\.py$", "", best).split("/")
    return ".".join(parts) if best.endswith(".py") and all(part.isidentifier() for part in parts) else ""


def without_functions(text: str, names: Iterable[str]) -> str:
    """The source without these functions, decorators included, wherever they stand."""
    tree = tree_of(text)
    dropped = set(names)
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    for owner in ast.walk(tree) if tree else ():
        body = getattr(owner, "body", None)
        if not isinstance(body, list):
            continue
        gone = [node for node in body if isinstance(node, _FUNCTIONS) and node.name in dropped]
        for node in gone:
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            filler = (
                f"{lines[first - 1][: node.col_offset]}pass\n" if len(gone) == len(body) and node is gone[0] else ""
            )
            lines[first - 1 : node.end_lineno] = [filler, *[""] * ((node.end_lineno or first) - first)]
    return "".join(lines)


def without_stars(text: str) -> str:
    """The source without `from module import *` at its top level; unchanged when it has none, or does not parse."""
    if not re.search(r"import\s*\*", text):
        return text
    tree = tree_of(text)
    lines = text.split("\n")
    for node in tree.body if tree else ():
        if isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = "\0"
    return "\n".join(line for line in lines if line != "\0")


def with_import(text: str, module: str) -> str:
    """The source with `import module` when it uses the module's name and nothing binds it.

    An editor's quick fix: small models forget the import of what they use most.
    """
    tree = tree_of(text)
    if tree is None or not re.search(rf"\b{re.escape(module)}\.", text):
        return text
    used = any(isinstance(node, ast.Name) and node.id == module for node in ast.walk(tree))
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    bound = any((name.asname or name.name.partition(".")[0]) == module for node in imports for name in node.names)
    if not used or bound:
        return text
    first = tree.body[0]
    after = first.end_lineno or 0 if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else 0
    following = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__")
    after = max([after, *(node.end_lineno or 0 for node in following)])
    lines = text.split("\n")
    return "\n".join([*lines[:after], *([""] if after else []), f"import {module}", *lines[after:]])
