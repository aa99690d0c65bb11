"""Files that are there and that a job goes without, with the reason: where it fails by them, it can say so."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import PurePosixPath

from codeteam.domain.source import SourceFile
from codeteam.workspace.definitions import is_python
from codeteam.workspace.folder import NEVER, Folder
from codeteam.workspace.imports import Resolver
from codeteam.workspace.named_files import named_by
from codeteam.workspace.reading import is_plain, mode

_MOST = 20
"""Files that are told of."""
_NO_ROOM = "the code leans on more than a job carries"
_FILES = 200
"""Files whose imports are looked up a second time."""


def left_out(
    folder: Folder, roots: Sequence[str], carried: Sequence[SourceFile], unread: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Paths of what the code imports and the job does not carry, each with the reason in words that follow it.

    Args:
        carried: the files that the job carries, whose imports count.
        unread: paths that were found to be imported and could not be carried.
    """
    everything = _Everything(folder)
    resolver = Resolver(everything, roots)
    there = {file.path for file in carried}
    found = dict.fromkeys(unread)
    for file in carried[:_FILES]:
        if is_python(file.path):
            named = resolver.imported_by(file.path, file.text)
        else:
            named = named_by(everything, file.path, file.text)
        found |= dict.fromkeys(name for name in named if not folder.has(name))
    reasons = ((path, folder.reason(path) or (_NO_ROOM if path in unread else "")) for path in found)
    return tuple((path, reason) for path, reason in reasons if reason and path not in there)[:_MOST]


def told(path: str, reason: str) -> str:
    """A note for the user."""
    return f"{path} is imported but no part of the job: {reason}. Code that needs it does not run in the sandbox."


class _Everything:
    """All that is in a folder, whether it may be read or not; but not what others installed there."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def has(self, path: str) -> bool:
        return self._folder.has(path) or (self._is_own(path) and stat.S_ISREG(mode(self._folder.root / path)))

    def has_folder(self, path: str) -> bool:
        return path == "" or (self._is_own(path) and stat.S_ISDIR(mode(self._folder.root / path)))

    def _is_own(self, path: str) -> bool:
        return is_plain(path) and not NEVER.intersection(PurePosixPath(path).parts)
