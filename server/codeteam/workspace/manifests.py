"""What a project says of itself in the files of its language: packages that it declares, files that its tools need."""

from __future__ import annotations

import sys
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from codeteam.domain.source import SourceFile
from codeteam.workspace.definitions import is_python
from codeteam.workspace.folder import Folder
from codeteam.workspace.go_packages import required_modules
from codeteam.workspace.imports import imports_of
from codeteam.workspace.named_files import packages_named_by
from codeteam.workspace.node_locks import locked_for_node
from codeteam.workspace.projects import Project, node_projects, own_node_packages, own_packages, python_projects
from codeteam.workspace.python_locks import locked_versions
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


@dataclass(frozen=True, slots=True)
class Declared:
    """Requirement lines as the language's index takes them: names and versions only, and nobody's own packages."""

    code: tuple[str, ...] = ()
    """What the projects declare for their code, or for all that they do."""
    tests: tuple[str, ...] = ()
    """What they declare for their tests and their development alone, as far as a job's files may lean on it. Go and
    Rust do not tell that from the rest, or cannot do without it."""
    locked: tuple[str, ...] = ()
    """Versions that the projects have locked, `name==version` or `name@version`, whose lines do not say them."""


def declared(
    language: str,
    path: str,
    folder: Folder,
    listing: Sequence[str],
    files: Sequence[SourceFile],
    *,
    near: Sequence[str],
) -> Declared:
    """What the projects that a document is in declare.

    `path` is that of the document; `files` are those that a job takes, and `near` those beside the document's, by which
    those of Rust's crates are known.
    """
    if language == "python":
        projects = python_projects(folder, path, listing)
        own = own_packages(folder, listing, projects).keys()
        modules = partial(_modules, files)
        return Declared(
            dependencies(folder, projects, listing, own),
            for_tests(folder, projects, listing, own, modules),
            locked_versions(folder, projects),
        )
    if language in ("javascript", "typescript"):
        return _of_npm(folder, path, listing, files)
    if language == "go":
        nearest = next((name for name in manifests(language, path, listing) if name.endswith("go.mod")), "")
        return Declared(required_modules(folder.text(nearest, LIMIT) or "") if nearest else ())
    return Declared(declared_crates(folder, near) if language == "rust" else ())


def manifests(language: str, path: str, listing: Sequence[str]) -> list[str]:
    """Those files in the folder of a document and above it; without a document, those of the workspace."""
    there = set(listing)
    folders = ["" if str(above) == "." else f"{above}/" for above in PurePosixPath(path or "x").parents]
    names = (f"{folder}{name}" for folder in folders for name in _MANIFESTS.get(language, ()))
    return [name for name in names if name in there]


def _modules(files: Sequence[SourceFile]) -> Set[str]:
    """First words of the modules that Python files import by their full names, without Python's own."""
    imports = (found for file in files if is_python(file.path) for found in imports_of(file.text) if not found.level)
    return {found.module.partition(".")[0] for found in imports} - sys.stdlib_module_names


def _of_npm(folder: Folder, path: str, listing: Sequence[str], files: Sequence[SourceFile]) -> Declared:
    projects = node_projects(folder, path, listing)
    own = own_node_packages(folder, listing)
    named = {name for file in files for name in packages_named_by(file.path, file.text)} - _NOT_FOR_NODE
    types = {f"@types/{name.removeprefix('@').replace('/', '__')}" for name in named}
    code = _npm_lines(projects, "dependencies", own)
    tests = _npm_lines(projects, "devDependencies", own | code.keys())
    for_tests = {name: line for name, line in tests.items() if name in named | types}
    ranges = {name: line.rpartition("@")[2] for name, line in {**code, **for_tests}.items()}
    return Declared(tuple(code.values()), tuple(for_tests.values()), locked_for_node(folder, projects, ranges))


def _npm_lines(projects: Sequence[Project], table: str, own: Set[str]) -> dict[str, str]:
    """`name@range` by name of what projects declare in a table, the innermost first; what comes from an address, a
    folder, an alias or the workspace itself is left out.
    """
    found: dict[str, str] = {}
    for project in projects:
        for name, at in entries(project.facts, table).items():
            line = f"{name}@{at}"
            if not isinstance(at, str) or name in own or ":" in line or line.count("/") > name.startswith("@"):
                continue
            if len(found) < _MOST:
                found.setdefault(name, line)
    return found
