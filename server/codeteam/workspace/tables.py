"""Tables of TOML files, of which nothing is known before: what they hold may be of any type, or missing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from codeteam.workspace.folder import Folder

LIMIT = 512 * 1024
"""Bytes of a manifest that is read."""


def read_toml(folder: Folder, path: str, limit: int = LIMIT) -> Mapping[str, Any]:
    """A file's table; empty where it cannot be read."""
    try:
        return tomllib.loads(folder.text(path, limit) or "")
    except (ValueError, RecursionError):
        return {}


def at(table: Any, *keys: str) -> Any:
    """What stands under these keys; None where nothing does."""
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table


def entries(table: Any, *keys: str) -> Mapping[str, Any]:
    """The table that stands under these keys; an empty one where none does."""
    found = at(table, *keys)
    return found if isinstance(found, Mapping) else {}


def strings(value: object) -> list[str]:
    """The strings of a list; none of anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
