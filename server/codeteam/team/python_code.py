"""What can be known of Python source without running it. Every function is safe on source that does not parse."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LONGEST = 500_000


def parse(text: str) -> ast.Module | None:
    """The syntax tree; None when the text is not Python, or is made to overwhelm the parser."""
    if len(text) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def syntax_error(text: str) -> str:
    """What the compiler says, with the line; empty when the text is Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}: {(error.text or '').strip()[:120]}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"cannot be read: {type(error).__name__}"
    return ""


def top_level_names(text: str) -> frozenset[str]:
    """Names that the module defines at its top: functions, classes, plain assignments."""
    tree = parse(text)
    names: set[str] = set()
    for node in tree.body if tree else ():
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


def definitions(text: str) -> frozenset[str]:
    """Names of functions and classes at the module's top, and of methods as `Class.method`."""
    tree = parse(text)
    names: set[str] = set()
    for node in tree.body if tree else ():
        if isinstance(node, Definition):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(f"{node.name}.{item.name}" for item in node.body if isinstance(item, _FUNCTIONS))
    return frozenset(names)


def signatures(text: str) -> str:
    """The module without bodies: imports, constants, signatures and docstrings; empty when it does not parse."""
    tree = parse(text)
    return ast.unparse(ast.fix_missing_locations(_Hollow("...").visit(tree))) + "\n" if tree and tree.body else ""


def stub(text: str) -> str:
    """The same module with every function raising NotImplementedError: what honest tests must fail against."""
    tree = parse(text)
    if tree is None or not tree.body:
        return ""
    return ast.unparse(ast.fix_missing_locations(_Hollow("raise NotImplementedError").visit(tree))) + "\n"


class _Hollow(ast.NodeTransformer):
    """Empties functions, but for dunder methods of a stub that would keep the module from importing."""

    def __init__(self, body: str) -> None:
        self._body = body

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._emptied(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._emptied(node)

    def _emptied(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        kept: list[ast.stmt] = []
        if ast.get_docstring(node, clean=False) is not None:
            kept.append(node.body[0])
        node.body = kept + ast.parse(self._body).body
        return node


def undocumented(text: str, *, before: str = "") -> tuple[str, ...]:
    """Public modules, classes and functions without a docstring that `before` did not already have so."""
    return tuple(name for name in _undocumented(text) if name not in set(_undocumented(before)))


def _undocumented(text: str) -> Iterator[str]:
    tree = parse(text)
    if tree is None or not tree.body:
        return
    if ast.get_docstring(tree) is None:
        yield "the module"
    for node in tree.body:
        yield from _undocumented_in(node, "")


def _undocumented_in(node: ast.stmt, owner: str) -> Iterator[str]:
    if not isinstance(node, Definition) or node.name.startswith("_"):
        return
    name = f"{owner}{node.name}"
    overload = any("overload" in ast.unparse(mark) or ".setter" in ast.unparse(mark) for mark in node.decorator_list)
    if ast.get_docstring(node) is None and not overload:
        yield name
    if isinstance(node, ast.ClassDef):
        for item in node.body:
            yield from _undocumented_in(item, f"{name}.")


def same_but_docstrings(one: str, other: str) -> bool:
    """Whether two sources differ only in docstrings, comments and layout; False when either does not parse."""
    left, right = parse(one), parse(other)
    if left is None or right is None:
        return False
    return ast.dump(_Undocument().visit(left)) == ast.dump(_Undocument().visit(right))


class _Undocument(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | Definition) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node


def names_of_tests(text: str) -> frozenset[str]:
    """Names of the test functions that pytest would collect from the file."""
    tree = parse(text)
    names: set[str] = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, _FUNCTIONS) and node.name.startswith("test"):
            names.add(node.name)
    return frozenset(names)


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
    if folder.parts[:1] == ("src",):
        return "src"
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
    return ".".join(parts) if best and all(part.isidentifier() for part in parts) else ""


def without_functions(text: str, names: Iterable[str]) -> str:
    """The source without these functions, decorators included, wherever they stand."""
    tree = parse(text)
    dropped = set(names)
    lines = text.split("\n")
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, _FUNCTIONS) and node.name in dropped:
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            for number in range(first - 1, node.end_lineno or node.lineno):
                lines[number] = "\0"
    return "\n".join(line for line in lines if line != "\0")
