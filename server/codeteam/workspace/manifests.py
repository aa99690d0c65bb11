"""What a project says of itself in the files of its language: packages that it declares, files that its tools need."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence, Set
from pathlib import PurePosixPath
from typing import Any

from codeteam.domain.source import SourceFile
from codeteam.workspace.definitions import is_python
from codeteam.workspace.folder import Folder
from codeteam.workspace.go_packages import required_modules
from codeteam.workspace.imports import imports_of
from codeteam.workspace.named_files import packages_named_by
from codeteam.workspace.requirements import dependencies, for_tests
from codeteam.workspace.rust_declared import declared_crates
from codeteam.workspace.tables import LIMIT, entries

_MOST = 200
_NOT_FOR_NODE = frozenset({"@jest/globals", "@playwright/test", "jest", "mocha", "vitest"})
"""Test runners, which are not what runs the tests here: what imports them does not run with them either."""
_MANIFESTS = {
    "javascript": ("package.json",),
    "typescript": ("package.json",),
    "go": ("go.mod", "go.sum"),
    "rust": ("Cargo.toml",),
}
"""By language, files by which its tools know how to read the others."""


def declared(
    language: str,
    path: str,
    folder: Folder,
    pyproject: Mapping[str, Any],
    listing: Sequence[str],
    *,
    near: Sequence[str],
) -> tuple[str, ...]:
    """Requirement lines that the project declares, as the language's index takes them: names and versions only.

    `path` is that of the document, for a workspace may hold several projects. `near` are the files that a job takes
    beside the document's, by which those of Rust's crates are known.
    """
    if language == "python":
        return dependencies(folder, pyproject, listing)
    if language in ("javascript", "typescript"):
        return _of_npm(folder, "dependencies")
    if language == "go":
        nearest = next((name for name in manifests(language, path, listing) if name.endswith("go.mod")), "")
        return required_modules(folder.text(nearest, LIMIT) or "") if nearest else ()
    return declared_crates(folder, near) if language == "rust" else ()


def declared_for_tests(
    language: str,
    folder: Folder,
    pyproject: Mapping[str, Any],
    listing: Sequence[str],
    files: Sequence[SourceFile],
) -> tuple[str, ...]:
    """Requirement lines that the project declares for its tests and its development, as far as `files`, which a job
    takes, may lean on them. Go and Rust do not tell them from the others, or cannot do without them.
    """
    if language == "python":
        return for_tests(folder, pyproject, listing, lambda: _modules(files) - sys.stdlib_module_names)
    if language in ("javascript", "typescript"):
        named = {name for file in files for name in packages_named_by(file.path, file.text)} - _NOT_FOR_NODE
        types = {f"@types/{name.removeprefix('@').replace('/', '__')}" for name in named}
        return _of_npm(folder, "devDependencies", named | types)
    return ()


def manifests(language: str, path: str, listing: Sequence[str]) -> list[str]:
    """Those files in the folder of a document and above it; without a document, those of the workspace."""
    there = set(listing)
    folders = ["" if str(above) == "." else f"{above}/" for above in PurePosixPath(path or "x").parents]
    names = (f"{folder}{name}" for folder in folders for name in _MANIFESTS.get(language, ()))
    return [name for name in names if name in there]


def _modules(files: Sequence[SourceFile]) -> set[str]:
    """First words of the modules that Python files import by their full names."""
    imports = (found for file in files if is_python(file.path) for found in imports_of(file.text) if not found.level)
    return {found.module.partition(".")[0] for found in imports}


def _of_npm(folder: Folder, table: str, wanted: Set[str] | None = None) -> tuple[str, ...]:
    """`name@range` of what `package.json` declares in a table, of these names if any are given; what comes from an
    address, a folder or an alias is left out.
    """
    try:
        manifest = json.loads(folder.text("package.json", LIMIT) or "{}")
    except (ValueError, RecursionError):
        return ()
    found = entries(manifest, table).items()
    lines = (f"{name}@{at}" for name, at in found if isinstance(at, str) and (wanted is None or name in wanted))
    return tuple(line for line in lines if ":" not in line and line.count("/") <= line.startswith("@"))[:_MOST]
