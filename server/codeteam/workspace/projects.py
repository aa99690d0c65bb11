"""Which projects of a workspace a document belongs to: a workspace may hold several, and they may need each other."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from codeteam.workspace.folder import Folder
from codeteam.workspace.tables import LIMIT, at, entries, read_toml

_MOST = 100
"""Manifests that are read of one kind."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a manifest."""

    home: str
    """Relative, with a slash at its end; empty for the workspace itself."""
    facts: Mapping[str, Any]
    """Of the manifest."""


def python_projects(folder: Folder, path: str, listing: Sequence[str]) -> tuple[Project, ...]:
    """Those that a document is in, the innermost first, and the workspace at last, whether it has a manifest or not."""
    return _around(folder, path, listing, ("pyproject.toml", "requirements.txt"), lambda name: read_toml(folder, name))


def node_projects(folder: Folder, path: str, listing: Sequence[str]) -> tuple[Project, ...]:
    """As `python_projects`."""
    return _around(folder, path, listing, ("package.json",), lambda name: read_json(folder, name))


def own_packages(folder: Folder, listing: Sequence[str], projects: Sequence[Project]) -> dict[str, str]:
    """Python packages that are the workspace's own or from a place that it names, by their normal names; each with the
    home of its project, or what is no home. An index that has such a name has somebody else's package.
    """
    found: dict[str, str] = {}
    for project in projects:
        for name, source in entries(project.facts, "tool", "uv", "sources").items():
            sources = source if isinstance(source, list) else [source]
            if any(at(item, key) is not None for item in sources for key in ("workspace", "path", "git", "url")):
                found[normal(name)] = "/"
    for home, facts in _all(listing, "pyproject.toml", lambda path: read_toml(folder, path)):
        for name in (at(facts, "project", "name"), at(facts, "tool", "poetry", "name")):
            if isinstance(name, str):
                found[normal(name)] = home
    return found


def own_node_packages(folder: Folder, listing: Sequence[str]) -> frozenset[str]:
    """As `own_packages`, the names alone."""
    manifests = _all(listing, "package.json", lambda path: read_json(folder, path))
    return frozenset(name for _, facts in manifests if isinstance(name := facts.get("name"), str))


def read_json(folder: Folder, path: str) -> Mapping[str, Any]:
    """A file's object; empty where it cannot be read."""
    try:
        found = json.loads(folder.text(path, LIMIT) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def normal(name: str) -> str:
    """A Python project's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _around(
    folder: Folder,
    path: str,
    listing: Sequence[str],
    names: Sequence[str],
    read: Callable[[str], Mapping[str, Any]],
) -> tuple[Project, ...]:
    there = set(listing)
    above = ["" if str(parent) == "." else f"{parent}/" for parent in PurePosixPath(path or "x").parents]
    homes = [home for home in above if not home or any(f"{home}{name}" in there for name in names)]
    return tuple(Project(home, read(f"{home}{names[0]}")) for home in homes[: _MOST - 1] + homes[_MOST - 1 :][-1:])


def _all(
    listing: Sequence[str], name: str, read: Callable[[str], Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every manifest of the workspace, with the home of its project."""
    paths = [path for path in listing if posixpath.basename(path) == name]
    for path in sorted(paths, key=lambda path: path.count("/"))[:_MOST]:
        yield path.removesuffix(name), read(path)
