"""Findings that the user does not want to see again: remembered by workspace, shared by every editor of the machine."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

_MOST = 2000
"""Fingerprints kept of one workspace; the oldest go first."""
_WORKSPACES = 200
"""Workspaces remembered; those where nothing was dismissed for longest go first."""
_PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
_LARGEST = 1024 * 1024
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


class Dismissals:
    """One file a workspace, a fingerprint a line, the newest last; written whole, under a lock, in a thread."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when something is first dismissed."""
        self._folder = folder
        self._now: dict[Path | None, set[str]] = {}
        self._unwritten: dict[Path, list[str]] = {}
        self._writing: dict[Path, asyncio.Task[None]] = {}

    def of(self, workspace: Path | None) -> set[str]:
        """What was dismissed in a workspace, by any editor; where there is no workspace, in this session."""
        dismissed = set(self._now.get(workspace, ()))
        return dismissed if workspace is None else dismissed | set(_read(self._path(workspace)))

    def add(self, workspace: Path | None, fingerprint: str) -> None:
        """Dismiss from now on; returns before it is written, see `written`."""
        self._now.setdefault(workspace, set()).add(fingerprint)
        if workspace is not None:
            self._unwritten.setdefault(workspace, []).append(fingerprint)
            if workspace not in self._writing:
                self._writing[workspace] = asyncio.create_task(self._remember(workspace), name="dismissals")

    async def written(self, seconds: float) -> None:
        """Wait until everything is on the disk, so long at most."""
        if self._writing:
            await asyncio.wait(self._writing.values(), timeout=seconds)

    async def _remember(self, workspace: Path) -> None:
        """Write what there is, all at once, for every editor of the machine waits for the same lock."""
        while fingerprints := self._unwritten.pop(workspace, []):
            try:
                await asyncio.to_thread(_write, self._path(workspace), fingerprints)
            except OSError as error:  # a lock that cannot be had is one as well
                log.warning("dismissed findings are forgotten when this editor closes: %s", error)
        del self._writing[workspace]

    def _path(self, workspace: Path) -> Path:
        name = hashlib.sha256(os.fsencode(workspace)).hexdigest()[:32]
        return self._folder / f"{name}.txt"


def _read(path: Path) -> list[str]:
    """The fingerprints of a file, the oldest first; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode("ascii", "replace")
    except OSError:
        return []
    return [line for line in text.split("\n") if _FINGERPRINT.fullmatch(line)]


def _write(path: Path, fingerprints: list[str]) -> None:
    from filelock import FileLock  # noqa: PLC0415 - only for who dismisses something

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.parent / ".lock", timeout=_PATIENCE):
        lines = [*(line for line in _read(path) if line not in fingerprints), *dict.fromkeys(fingerprints)][-_MOST:]
        fresh = path.with_suffix(".new")
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        fresh.replace(path)
        by_age = sorted(path.parent.glob("*.txt"), key=lambda other: other.stat().st_mtime)
        for other in by_age[:-_WORKSPACES]:
            with suppress(FileNotFoundError):
                other.unlink()
