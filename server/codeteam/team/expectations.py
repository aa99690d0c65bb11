"""What the tests of a Python file surely compare, and with what: the places where they are turned round, or blinded."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from codeteam.team import python_code

Function = ast.FunctionDef | ast.AsyncFunctionDef
_TRANSPARENT = (
    "open", "TemporaryDirectory", "NamedTemporaryFile", "TestClient", "patch", "object", "dict", "multiple", "context",
    "closing", "nullcontext", "catch_warnings", "localcontext", "connect", "chdir",
)  # fmt: skip
"""Context managers that let a failing assertion through; of others it is not known."""
_READS = re.compile(r"__doc__|getdoc|doctest")
_COMPARES = (ast.Compare, ast.Call)
_RAISING = ("raises", "assertRaises")


@dataclass(frozen=True, slots=True)
class Check:
    """A comparison for equality that a passing test surely makes."""

    node: ast.Compare | ast.Call
    got: ast.expr
    wanted: ast.expr
    cells: tuple[ast.expr, ...]
    """The literals that `wanted` stands for, one after the other: itself, or those of a table that its name is taken
    from. Empty where that is not known."""

    @property
    def is_table(self) -> bool:
        return bool(self.cells) and self.cells[0] is not self.wanted


@dataclass(frozen=True, slots=True)
class Test:
    """A test function and what it surely checks."""

    __test__ = False
    node: Function
    checks: tuple[Check, ...]
    raised: tuple[ast.expr, ...]
    """Exceptions that it wants to be raised."""
    asserted: tuple[ast.expr, ...]
    """Other things that it wants to be true."""
    returns: tuple[ast.Return, ...]
    """Where it ends early."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A file of tests, for reading alone: it is shared."""

    tree: ast.Module
    """Empty where the file is not Python."""
    tests: tuple[Test, ...]
    """The tests in their order, but for those that are known to fail; their nodes are the tree's."""
    reads_documentation: bool
    """It may ask for a docstring of its own."""


@python_code.remembered
def examined(text: str) -> Examined:
    tree = python_code.tree_of(text) or ast.Module([], [])
    names = python_code.names_of_tests(text)
    found = (node for node in _functions(tree.body) if node.name in names and not _fails(node))
    return Examined(tree, tuple(map(_test, found)), bool(_READS.search(text)))


def is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return True


def _functions(body: Iterable[ast.stmt]) -> Iterator[Function]:
    for node in python_code.statements(body):
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body)


def _fails(node: Function) -> bool:
    return any(_called(mark) in ("xfail", "expectedFailure") for mark in node.decorator_list)


def _test(node: Function) -> Test:
    given = dict(_parametrized(node))
    tables = dict(given)
    reached = list(_reached(node.body, tables))
    names = [name for name in ast.walk(node) if isinstance(name, ast.Name)]
    loads = Counter(name.id for name in names if isinstance(name.ctx, ast.Load))
    binds = Counter(name.id for name in names if not isinstance(name.ctx, ast.Load))
    pairs = [(place, *sides) for place, said in reached if isinstance(place, _COMPARES) and (sides := _sides(said))]
    uses = Counter(wanted.id for _, _, wanted in pairs if isinstance(wanted, ast.Name))
    # A name that is bound twice may be another value, one that is used beside its comparisons may decide what is got.
    sure = {
        name: cells
        for name, cells in tables.items()
        if loads[name] == uses[name] and binds[name] == (0 if name in given else 1)
    }
    return Test(
        node,
        tuple(Check(place, got, wanted, _cells(wanted, sure)) for place, got, wanted in pairs),
        tuple(said for place, said in reached if isinstance(place, ast.With | ast.AsyncWith)),
        tuple(said for place, said in reached if isinstance(place, ast.Assert)),
        tuple(_returns(node.body)),
    )


def _sides(said: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """What is compared: what came of the code, and what was expected."""
    if isinstance(said, ast.Compare) and len(said.ops) == 1 and isinstance(said.ops[0], ast.Eq):
        left, right = said.left, said.comparators[0]
    elif isinstance(said, ast.Call) and len(said.args) >= 2:
        left, right = said.args[:2]
    else:
        return None
    return (right, left) if _calls(right) and not _calls(left) else (left, right)


def _cells(wanted: ast.expr, tables: Mapping[str, tuple[ast.expr, ...]]) -> tuple[ast.expr, ...]:
    if isinstance(wanted, ast.Name):
        return tables.get(wanted.id, ())
    return (wanted,) if is_literal(wanted) else ()


def _reached(body: Iterable[ast.stmt], tables: dict[str, tuple[ast.expr, ...]]) -> Iterator[tuple[ast.AST, ast.expr]]:
    """What is surely checked, behind what says it: a comparison, a call that is one, an assertion, a `with`.

    Tables that are met on the way are added.
    """
    for node in body:
        if isinstance(node, ast.With | ast.AsyncWith):
            if all(map(_is_transparent, node.items)):
                yield from _reached(node.body, tables)
            elif len(node.items) == 1 and (kind := _wants_raised(node.items[0])) is not None:
                yield node, kind
        elif isinstance(node, ast.Assert):
            yield from _said(node, node.test)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Attribute) and call.func.attr == "assertEqual" and len(call.args) >= 2:
                yield call, call
        elif isinstance(node, ast.For) and (found := _columns(node.target, node.iter)) and not _leaves(node):
            tables |= found
            yield from _reached(node.body, tables)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_literal(node.value):
            tables[node.targets[0].id] = (node.value,)


def _said(node: ast.Assert, test: ast.expr) -> Iterator[tuple[ast.AST, ast.expr]]:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for value in test.values:
            yield from _said(node, value)
    else:
        yield (test if _sides(test) and isinstance(test, ast.Compare) else node), test


def _parametrized(node: Function) -> Iterator[tuple[str, tuple[ast.expr, ...]]]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and _called(mark) == "parametrize" and len(mark.args) >= 2:
            yield from _columns(_target(mark.args[0]), mark.args[1]).items()


def _target(names: ast.expr) -> ast.expr:
    """Names as `parametrize` takes them, as a loop has them."""
    if isinstance(names, ast.Constant) and isinstance(names.value, str):
        split = [name.strip() for name in names.value.split(",") if name.strip()]
    elif isinstance(names, ast.List | ast.Tuple):
        split = [str(name.value) for name in names.elts if isinstance(name, ast.Constant)]
    else:
        split = []
    found: list[ast.expr] = [ast.Name(name, ast.Store()) for name in split]
    return found[0] if len(found) == 1 else ast.Tuple(found, ast.Store())


def _columns(target: ast.expr, rows: ast.expr) -> dict[str, tuple[ast.expr, ...]]:
    """Of a table that is written out, the columns that are literals throughout, by the name that takes them."""
    if not isinstance(rows, ast.List | ast.Tuple) or not rows.elts:
        return {}
    cells: list[Sequence[ast.expr]] = []
    several = isinstance(target, ast.Tuple)
    for row in rows.elts:
        if isinstance(row, ast.Call) and isinstance(row.func, ast.Attribute) and row.func.attr == "param":
            cells.append([] if any(keyword.arg == "marks" for keyword in row.keywords) else row.args)
        elif not several:
            cells.append([row])
        else:
            cells.append(row.elts if isinstance(row, ast.List | ast.Tuple) else [])
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    if any(len(row) != len(names) for row in cells):
        return {}
    columns = {name.id: tuple(row[at] for row in cells) for at, name in enumerate(names) if isinstance(name, ast.Name)}
    return {name: column for name, column in columns.items() if all(map(is_literal, column))}


def _is_transparent(item: ast.withitem) -> bool:
    return _called(item.context_expr) in _TRANSPARENT


def _wants_raised(item: ast.withitem) -> ast.expr | None:
    call = item.context_expr
    wants = isinstance(call, ast.Call) and _called(call) in _RAISING and bool(call.args)
    return call.args[0] if wants and isinstance(call, ast.Call) else None


def _called(node: ast.expr) -> str:
    name = node.func if isinstance(node, ast.Call) else node
    return name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")


def _calls(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Call | ast.Await) for inner in ast.walk(node))


def _leaves(loop: ast.For) -> bool:
    return bool(loop.orelse) or any(isinstance(node, ast.Break | ast.Continue | ast.Return) for node in ast.walk(loop))


def _returns(body: Iterable[ast.AST]) -> Iterator[ast.Return]:
    """Returns of the function itself, not of those in it."""
    for node in body:
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            yield from _returns(ast.iter_child_nodes(node))
