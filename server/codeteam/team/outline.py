"""A module without its bodies: what a tester is shown, and what honest tests must fail against."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable, Iterator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_LONGEST_VALUE = 300
"""Characters of a constant's value that are shown."""
_DECLARATIVE = (
    ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.keyword, ast.Tuple, ast.List, ast.Dict, ast.Set,
    ast.UnaryOp, ast.BinOp, ast.Slice, ast.Starred, ast.expr_context, ast.unaryop, ast.operator,
)  # fmt: skip
"""What a value may be made of to be shown: it says what a thing is, not how something is worked out."""
_FLAG = "__codeteam_stub__"
_REFUSE = f"((_ for _ in ()).throw(NotImplementedError) if globals().get({_FLAG!r}) else None)".encode()
"""An expression, which has a place in a lambda and on any line; once the module has loaded it raises."""
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
    """The module without bodies: imports, constants, signatures and docstrings. Leaves the tree as it is.

    Raises:
        RecursionError: the tree is too deep.
    """
    body = list(_declared(tree.body))
    return ast.unparse(ast.Module(body, [])) + "\n" if body else ""


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
            case ast.Assign(value=ast.expr() as value) | ast.AnnAssign(value=ast.expr() as value):
                shown = copy.copy(node)  # the tree is shared
                shown.value = _shown(value)
                yield shown
            case ast.AnnAssign():
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
    node = copy.copy(node)
    node.decorator_list = [_without_lambdas(mark) for mark in node.decorator_list]
    if isinstance(node, ast.ClassDef):
        node.body = list(_declared(node.body)) or [ast.Expr(ast.Constant(...))]
        return node
    node.args = copy.copy(node.args)
    node.args.defaults = [_shown(value) for value in node.args.defaults]
    node.args.kw_defaults = [_shown(value) if value else None for value in node.args.kw_defaults]
    docstring = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
    node.body = [*docstring, ast.Expr(ast.Constant(...))]
    return node


def _shown(value: ast.expr) -> ast.expr:
    plain = all(isinstance(part, _DECLARATIVE) for part in ast.walk(value))
    return value if plain and len(ast.unparse(value)) <= _LONGEST_VALUE else ast.Constant(...)


def _without_lambdas(mark: ast.expr) -> ast.expr:
    if not any(isinstance(part, ast.Lambda) for part in ast.walk(mark)):
        return mark
    mark = copy.deepcopy(mark)
    for part in ast.walk(mark):
        if isinstance(part, ast.Lambda):
            part.body = ast.Constant(...)
    return mark


def refusing(text: str, tree: ast.Module) -> str:
    """The same module, of which everything raises NotImplementedError once it is loaded. Leaves the tree as it is.

    Until then its functions work: a module that calls its own while it loads must load, or tests that prove nothing
    would fail with its import and be believed.

    Raises:
        RecursionError: the tree is too deep.
    """
    lines = re.split(rb"(?<=\n)|(?<=\r)(?!\n)", text.encode())
    guards = _Guards(lines)
    guards.visit(tree)
    for line, column, words in sorted(guards.places, reverse=True):
        there = lines[line - 1]
        lines[line - 1] = there[:column] + words + there[column:]
    names = [name for node in tree.body for name in _names(node)]
    end = _REFUSE_CLASSES if guards.found else "".join(f"{name} = NotImplemented\n" for name in dict.fromkeys(names))
    return f"{b''.join(lines).decode()}\n{end}"


def _names(node: ast.stmt) -> Iterator[str]:
    """What a module without functions has to offer: constants, enumerations, exceptions."""
    if isinstance(node, ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


class _Guards(ast.NodeVisitor):
    """Finds where words must go so that every function refuses after the module has loaded."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        self.found = False
        """Whether there is anything that can refuse."""
        self.places: list[tuple[int, int, bytes]] = []
        """Line from 1, byte in it from 0, and the words."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._guard(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._guard(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]
        self.found |= not any(base.endswith(("Enum", "Flag", "Error", "Exception")) for base in bases)
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.generic_visit(node)
        self.places.append((node.body.lineno, node.body.col_offset, b"%b or (" % _REFUSE))
        self.places.append((*_end(node.body), b")"))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Python 3.11 does not know the places inside; what is worked out there is no one's interface."""

    def _guard(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.found = True
        self.generic_visit(node)
        documented = ast.get_docstring(node, clean=False) is not None
        first = node.body[0]
        if documented and len(node.body) == 1:
            self.places.append((*_end(first), b"; %b" % _REFUSE))
            return
        if documented:
            first = node.body[1]
        if hasattr(first, "body") or isinstance(first, ast.Match):  # what has parts has lines of its own
            number = min([first.lineno, *(mark.lineno for mark in getattr(first, "decorator_list", ()))])
            line = self._lines[number - 1]
            self.places.append((number, 0, line[: -len(line.lstrip())] + _REFUSE + b"\n"))
        else:
            self.places.append((first.lineno, first.col_offset, b"%b; " % _REFUSE))


def _end(node: ast.stmt | ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0
