"""What a proposal does to the files as they are now: edits where that is safe, and the reason where it is not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeteam.domain.artifacts import FileChange
from codeteam.domain.diff import keep_line_ends, unified
from codeteam.domain.merge import Conflict, merge
from codeteam.lsp.document import Snapshot, path_of
from codeteam.lsp.editor_job import Place
from codeteam.workspace.reading import is_plain, read_text

_LARGEST = 32 * 1024 * 1024
"""Bytes of a closed file that is still compared."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file of a proposal, where it goes, and what the team knew of it."""

    change: FileChange
    uri: str
    path: Path | None
    """None for a document that is no file."""
    base: str | None
    """The text the team worked from; None when the file was not shown to it."""
    current: Snapshot | None
    """The document, where the editor has it open."""


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file that can be changed now."""

    uri: str
    version: int | None
    before: str | None
    """The text that is there now; None for a file to be made."""
    after: str
    merged: bool = False
    """The file was changed meanwhile, elsewhere: what results is not what the team ran."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A file that must be left alone."""

    path: str
    reason: str
    """Completes the sentence "PATH …"."""


@dataclass(frozen=True, slots=True)
class EditPlan:
    edits: tuple[FileEdit, ...] = ()
    blocked: tuple[Blocked, ...] = ()


def plan_edits(targets: Sequence[Target]) -> EditPlan:
    """Compare with the buffers and the disk; reads files, so call it in a thread."""
    edits: list[FileEdit] = []
    blocked: list[Blocked] = []
    for target in targets:
        result = _new(target) if target.change.is_new and target.base is None else _changed(target)
        if isinstance(result, Blocked):
            blocked.append(result)
        elif result is not None:
            edits.append(result)
    return EditPlan(tuple(edits), tuple(blocked))


def file_below(folder: Path | None, path: str) -> Path | None:
    """Where a proposal's path leads; None when that is not below the folder, links followed. Reads the disk."""
    if folder is None or not is_plain(path):
        return None
    try:
        root = folder.resolve()
        real = (root / path).resolve()
    except (OSError, RuntimeError, ValueError):
        return None
    return folder / path if real.is_relative_to(root) else None


def text_now(uri: str, place: Place) -> str | None:
    """The text of a job's document that the editor has closed; None where it is no text file below the job's folder."""
    path = file_below(place.folder, place.path) if path_of(uri) is not None else None
    return None if path is None else read_text(Path(os.path.realpath(path)), _LARGEST)


def patch_of(targets: Sequence[Target]) -> str:
    """The proposal as one patch against what the team worked from."""
    return "".join(
        unified(target.change.path, None if target.change.is_new else target.base or "", target.change.text)
        for target in targets
    )


def _new(target: Target) -> FileEdit | Blocked | None:
    change = target.change
    if target.current is not None:
        present: str | None = target.current.text
    elif target.path is not None and (target.path.exists() or target.path.is_symlink()):
        present = read_text(target.path, _LARGEST)
    else:
        there = None if target.path is None else next(path for path in target.path.parents if path.exists())
        if there is not None and (not there.is_dir() or _is_read_only(there)):
            return Blocked(change.path, "cannot be made in its folder, which is read-only or no folder")
        return FileEdit(target.uri, None, None, change.text)
    return None if present == change.text else Blocked(change.path, "exists already")


def _changed(target: Target) -> FileEdit | Blocked | None:
    change = target.change
    if target.base is None:
        return Blocked(change.path, "was not among the files that the team had read")
    if target.current is not None:
        now: str | None = target.current.text
    else:
        now = read_text(target.path, _LARGEST) if target.path is not None else None
    if now is None:
        return Blocked(change.path, "is no longer there, or no longer a text file")
    if target.current is None and target.path is not None and _is_read_only(target.path):
        return Blocked(change.path, "is read-only")
    result = merge(target.base, now, keep_line_ends(target.base, change.text))
    if isinstance(result, Conflict):
        return Blocked(change.path, f"was changed meanwhile in the same place ({_lines(result)})")
    if result.text == now:
        return None
    version = target.current.version if target.current else None
    return FileEdit(target.uri, version, now, result.text, merged=now != target.base)


def _is_read_only(path: Path) -> bool:
    """Whether nobody may write, or not we; by its mode too, for to root all is allowed, and editors go by the mode."""
    return not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK)


def _lines(conflict: Conflict) -> str:
    shown = [
        f"{span.start_line}-{span.end_line}" if span.end_line > span.start_line else f"{span.start_line}"
        for span in conflict.spans[:5]
    ]
    return f"line {', '.join(shown)}" + (" and more" if len(conflict.spans) > len(shown) else "")
