"""What a project says of itself in the files of its language: packages that it declares, files that its tools need."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from codeteam.workspace.folder import Folder
from codeteam.workspace.go_packages import required_modules
from codeteam.workspace.project import dependencies
from codeteam.workspace.rust_declared import declared_crates

_LIMIT = 512 * 1024
_MOST = 200
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
        return _of_npm(folder)
    if language == "go":
        nearest = next((name for name in manifests(language, path, listing) if name.endswith("go.mod")), "")
        return required_modules(folder.text(nearest, _LIMIT) or "") if nearest else ()
    return declared_crates(folder, near) if language == "rust" else ()


def manifests(language: str, path: str, listing: Sequence[str]) -> list[str]:
    """Those files in the folder of a document and above it; without a document, those of the workspace."""
    there = set(listing)
    folders = ["" if str(above) == "." else f"{above}/" for above in PurePosixPath(path or "x").parents]
    names = (f"{folder}{name}" for folder in folders for name in _MANIFESTS.get(language, ()))
    return [name for name in names if name in there]


def _of_npm(folder: Folder) -> tuple[str, ...]:
    """`name@range` of what `package.json` declares; what comes from an address, a folder or an alias is left out."""
    try:
        manifest = json.loads(folder.text("package.json", _LIMIT) or "{}")
    except (ValueError, RecursionError):
        return ()
    wanted = manifest.get("dependencies") if isinstance(manifest, dict) else None
    if not isinstance(wanted, dict):
        return ()
    lines = (f"{name}@{version}" for name, version in wanted.items() if isinstance(version, str))
    return tuple(line for line in lines if ":" not in line and line.count("/") <= line.startswith("@"))[:_MOST]
