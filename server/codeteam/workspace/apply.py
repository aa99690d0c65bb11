"""Writing a proposal into the workspace: all of it or nothing, and never over what changed in the meantime."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeteam.domain.artifacts import FileChange
from codeteam.domain.errors import BadInput
from codeteam.workspace.reading import is_plain, read_regular

_LIMIT = 64 * 1024 * 1024
"""Bytes of a file that may be replaced; larger ones are no source code."""
_OWN = frozenset({".git", ".hg", ".svn", ".codeteam"})
"""Folders whose files run or decide something: hooks, prompts."""


def apply_files(root: Path, files: Sequence[FileChange], base: Mapping[str, str | None]) -> None:
    """Write every file, making folders as needed; mode, byte order mark and line endings of a file stay.

    Args:
        root: the workspace.
        files: what to write; paths relative to `root`.
        base: by path, the text that the proposal was made from; None where there was no file.

    Raises:
        BadInput: a file is not (any more) as `base` says, a path leads out of the workspace or to something that
            is not a regular file, or the disk would not take it. Nothing is changed then.
    """
    root = root.resolve()
    changes = [_check(root, change, base) for change in files]
    if len({change.target for change in changes}) < len(changes):
        raise BadInput("The proposal names a file twice.", "Nothing was written; run the job again.")
    made: list[Path] = []
    staged: list[tuple[_Change, Path]] = []
    try:
        for change in changes:
            _make_folders(change.target.parent, made)
            staged.append((change, _stage(change)))
        for change, wanted in zip(changes, files, strict=True):
            if _check(root, wanted, base) != change:  # staging took time; look again just before the switch
                raise _changed(wanted.path)
        _switch(staged)
    except BaseException as error:
        for _, temporary in staged:
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            _remove_if_empty(folder)
        if isinstance(error, OSError):
            raise _not_written(error) from error
        raise


@dataclass(frozen=True, slots=True)
class _Change:
    target: Path
    content: bytes
    before: bytes | None
    """None for a new file."""
    mode: int | None


def _check(root: Path, change: FileChange, base: Mapping[str, str | None]) -> _Change:
    target = _target(root, change.path)
    expected = base.get(change.path, None if change.is_new else _UNKNOWN)
    if expected is _UNKNOWN:
        raise BadInput(f"{change.path} was never read, so it cannot be replaced.", "Nothing was written.")
    try:
        if expected is None:
            if os.path.lexists(target):
                raise BadInput(
                    f"{change.path} exists by now, but the proposal makes it anew.",
                    "Nothing was written; move the file away, or run the job again.",
                )
            return _Change(target, _encode(change, change.text), None, None)
        before = read_regular(target, _LIMIT)
        mode = target.stat().st_mode & 0o7777 if before is not None else None
    except OSError as error:
        raise _changed(change.path) from error
    if before is None or _normal(before) != _encode(change, expected).removeprefix(_BOM).replace(b"\r\n", b"\n"):
        raise _changed(change.path)
    return _Change(target, _like(before, _encode(change, change.text)), before, mode)


_UNKNOWN = "\0unknown"
_BOM = b"\xef\xbb\xbf"


def _target(root: Path, path: str) -> Path:
    """The file that a path means, links inside the workspace followed."""
    outside = BadInput(f"{path!r:.200} leads out of the workspace.", "Nothing was written.")
    if not is_plain(path):
        raise outside
    try:
        target = (root / path).resolve()
        if not target.is_relative_to(root) or target == root:
            raise outside
        if (root / path).is_symlink() and not target.is_file():
            raise BadInput(f"{path} is a link to something that is not a file.", "Nothing was written.")
        parts = (*path.split("/"), *target.relative_to(root).parts)
    except (OSError, RuntimeError, ValueError) as error:
        raise outside from error
    # some file systems do not tell .GIT from .git, or drop dots and blanks at the end
    if any(part.lower().rstrip(". ") in _OWN for part in parts):
        raise BadInput(f"{path} belongs to a tool's own folder and is never written.", "Nothing was written.")
    return target


def _encode(change: FileChange, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"The text for {change.path} is not valid Unicode.", "Nothing was written.") from error


def _normal(content: bytes) -> bytes:
    return content.removeprefix(_BOM).replace(b"\r\n", b"\n")


def _like(before: bytes, content: bytes) -> bytes:
    """`content` with the line endings and the byte order mark of `before`; mixed endings stay as they come."""
    pairs, singles = before.count(b"\r\n"), before.count(b"\n")
    if singles and pairs in (0, singles):
        content = content.replace(b"\r\n", b"\n")
        if pairs:
            content = content.replace(b"\n", b"\r\n")
    return _BOM + content.removeprefix(_BOM) if before.startswith(_BOM) else content


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
        made.append(parent)


def _stage(change: _Change) -> Path:
    """The new content beside its place, on disk."""
    temporary = change.target.with_name(f".codeteam-{secrets.token_hex(8)}")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666
    )  # a new file gets what the umask leaves
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(change.content)
            file.flush()
            os.fsync(file.fileno())
        if change.mode is not None:
            temporary.chmod(change.mode)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _switch(staged: list[tuple[_Change, Path]]) -> None:
    """Put every staged file in its place; should one fail, those before it are put back."""
    try:
        for change, temporary in staged:
            temporary.replace(change.target)
    except BaseException:  # an interrupt too must not leave one half
        for change, temporary in reversed(staged):
            if os.path.lexists(temporary):
                continue
            if change.before is None:
                change.target.unlink(missing_ok=True)
            else:
                _stage(_Change(change.target, change.before, None, change.mode)).replace(change.target)
        raise


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # someone else uses it by now


def _changed(path: str) -> BadInput:
    return BadInput(
        f"{path} changed since the job started.", "Nothing was written; look at the proposal, or run the job again."
    )


def _not_written(error: OSError) -> BadInput:
    reason = error.strerror or type(error).__name__
    return BadInput(
        f"The workspace could not be written: {reason}.",
        "Nothing was changed; make the folder writable and see that the disk has room.",
        kind="workspace_not_writable",
    )
