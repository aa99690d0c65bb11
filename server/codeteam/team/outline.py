"""A module without its bodies: what a tester is shown, and what honest tests must fail against."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import cast

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_LONGEST_VALUE = 300
"""Characters of a constant's value that are shown."""
_DECLARATIVE = (
    ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.keyword, ast.Tuple, ast.List, ast.Dict, ast.Set,
    ast.UnaryOp, ast.BinOp, ast.Slice, ast.Starred, ast.expr_context, ast.unaryop, ast.operator,
)  # fmt: skip
"""What a value may be made of to be shown: it says what a thing is, not how something is worked out."""
_FLAG = "__codeteam_stub__"
_GUARD = f"if globals().get({_FLAG!r}):\n    raise NotImplementedError"
_REFUSED_LAMBDA = f"(_ for _ in ()).throw(NotImplementedError) if globals().get({_FLAG!r}) else None"
_REFUSE_CLASSES = f"""
{_FLAG} = True
def __codeteam_refuse__(*_, **__):
    raise NotImplementedError
for __codeteam_class__ in list(globals().values()):
    if isinstance(__codeteam_class__, type) and __codeteam_class__.__module__ == __name__:
        if not issubclass(__codeteam_class__, BaseException) and not hasattr(__codeteam_class__, "__members__"):
            try:
                __codeteam_class__.__init__ = __codeteam_refuse__
            except (AttributeError, TypeError):
                pass
"""
"""Data classes and their like have no function of their own that could refuse."""
_DEF = re.compile(r"[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\([^()]{0,1000}\)(?:[ \t]*->[ \t]*[^:\n#]{1,200})?")
_CLASS = re.compile(r"[ \t]*class[ \t]+\w+[ \t]*(?:\([^()\n]{0,200}\))?")


def declarations(tree: ast.Module) -> str:
    """The module without bodies: imports, constants, signatures and docstrings. Changes the tree.

    Raises:
        RecursionError: the tree is too deep.
    """
    tree.body = list(_declared(tree.body))
    return ast.unparse(tree) + "\n" if tree.body else ""


def heads(text: str) -> str:
    """Of a text that does not parse what looks like the heads of its definitions."""
    found = [match.group() for start in _heads(text) if (match := _DEF.match(start) or _CLASS.match(start))]
    return "".join(f"{head}: ...\n" for head in found)


def _heads(text: str) -> Iterator[str]:
    """Each line that begins a definition, with what follows it as far as brackets may go."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("def ", "async def ", "class ")):
            yield "\n".join(lines[number : number + 20])


def _declared(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that declare something, hollow; what is worked out when a module loads is left out."""
    for number, node in enumerate(body):
        match node:
            case ast.Import() | ast.ImportFrom():
                yield node
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield _hollow(node)
            case ast.Assign():
                node.value = _shown(node.value)
                yield node
            case ast.AnnAssign():
                node.value = _shown(node.value) if node.value else None
                yield node
            case ast.Expr(value=ast.Constant(value=str())) if number == 0:
                yield node
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                continue
            case ast.If() | ast.Try() | ast.TryStar():
                yield from _declared(node.body)
            case _ if type(node).__name__ == "TypeAlias":
                yield node


def _hollow(node: Definition) -> Definition:
    node.decorator_list = [_Lambdas().visit(mark) for mark in node.decorator_list]
    if isinstance(node, ast.ClassDef):
        node.body = list(_declared(node.body)) or [ast.Expr(ast.Constant(...))]
        return node
    node.args.defaults = [_shown(value) for value in node.args.defaults]
    node.args.kw_defaults = [_shown(value) if value else None for value in node.args.kw_defaults]
    docstring = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
    node.body = [*docstring, ast.Expr(ast.Constant(...))]
    return node


def _shown(value: ast.expr) -> ast.expr:
    plain = all(isinstance(part, _DECLARATIVE) for part in ast.walk(value))
    return value if plain and len(ast.unparse(value)) <= _LONGEST_VALUE else ast.Constant(...)


class _Lambdas(ast.NodeTransformer):
    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.body = ast.Constant(...)
        return node


def refusing(tree: ast.Module) -> str:
    """The same module, of which everything raises NotImplementedError once it is loaded. Changes the tree.

    Until then its functions work: a module that calls its own while it loads must load, or tests that prove nothing
    would fail with its import and be believed.

    Raises:
        RecursionError: the tree is too deep.
    """
    guard = _Guard()
    names = [name for node in tree.body for name in _names(node)]
    guard.visit(tree)
    end = _REFUSE_CLASSES if guard.found else "".join(f"{name} = NotImplemented\n" for name in dict.fromkeys(names))
    return f"{ast.unparse(tree)}\n{end}"


def _names(node: ast.stmt) -> Iterator[str]:
    """What a module without functions has to offer: constants, enumerations, exceptions."""
    if isinstance(node, ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


class _Guard(ast.NodeTransformer):
    """Makes every function refuse after the module has loaded."""

    def __init__(self) -> None:
        self.found = False
        """Whether there is anything that can refuse."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._guarded(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._guarded(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        bases = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]
        self.found |= not any(base.endswith(("Enum", "Flag", "Error", "Exception")) for base in bases)
        return self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        refused = cast("ast.IfExp", ast.parse(_REFUSED_LAMBDA, mode="eval").body)
        refused.orelse = node.body
        node.body = refused
        return node

    def _guarded(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.found = True
        self.generic_visit(node)
        after = 1 if ast.get_docstring(node, clean=False) is not None else 0
        node.body[after:after] = ast.parse(_GUARD).body
        return node
