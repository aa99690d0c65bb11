"""Code that leans on packages which its project declares for its tests alone: it would not run where it is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Set

from codeteam.domain.findings import Finding, Severity
from codeteam.domain.languages import is_test
from codeteam.domain.source import SourceFile
from codeteam.team import python_code
from codeteam.team.checks import static_finding


def leaning(
    before: Mapping[str, str], files: Iterable[SourceFile], packages: Set[str], *, folder: str
) -> tuple[Finding, ...]:
    """A finding for each module of these packages (by their names in the index) that a draft's code imports and none
    did before; what stands in the tests' `folder` is no such code. A module that is called otherwise is not found out.
    """
    by_module = {form: name for name in packages for form in _modules(name)}
    if not by_module:
        return ()
    old = {module for path, text in before.items() if _is_code(path, folder) for module, _ in _imports(text)}
    found = []
    for file in files:
        new = dict(_imports(file.text)) if _is_code(file.path, folder) else {}
        for module in sorted(new.keys() & by_module.keys() - old):
            message = (
                f"{by_module[module]} is declared for the project's tests alone: {module} may not be there where this "
                "code is used. Do without it."
            )
            texts = {file.path: file.text}
            found.append(static_finding("codeteam/test-only", Severity.ERROR, file.path, new[module], message, texts))
    return tuple(found)


def _is_code(path: str, tests: str) -> bool:
    return path.endswith(".py") and not is_test(path) and not (tests and path.startswith(f"{tests}/"))


def _modules(package: str) -> tuple[str, ...]:
    """What the module of a package may be called."""
    name = re.sub(r"[-.]", "_", package.lower())
    return (name, name.removeprefix("python_"), name.removeprefix("py"))


def _imports(text: str) -> Iterator[tuple[str, int]]:
    """First words of the modules that a file imports by their full names, with their rows."""
    tree = python_code.tree_of(text)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0], node.lineno
