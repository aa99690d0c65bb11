"""Folders to work in for a while; what a process that was killed leaves of them, the next one removes."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codeteam.sandbox import owner

_NAME = re.compile(r"codeteam-[a-z]+-(\w+_\S+_\S+_\d+_\S+)-[a-z0-9_]{8}")


@contextmanager
def scratch(what: str, place: Path | None = None) -> Iterator[Path]:
    """An empty folder that only this user can enter, removed at the end.

    `what` is a word of small letters, `place` the folder to make it in, the one for temporary files if none is given.
    """
    parent = place or Path(tempfile.gettempdir())
    _clear(parent)
    label = owner.this_process().label.replace(":", "_")
    with tempfile.TemporaryDirectory(prefix=f"codeteam-{what}-{label}-", dir=parent) as folder:
        yield Path(folder)


def _clear(parent: Path) -> None:
    """Remove this user's folders whose makers are dead."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            named = _NAME.fullmatch(entry.name)
            if named is None or owner.is_alive(named[1].replace("_", ":")) is not False:
                continue
            if entry.is_dir(follow_symlinks=False) and _is_mine(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_mine(entry: os.DirEntry[str]) -> bool:
    """Others may write where temporary files are, and name what they make as they like."""
    return not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid()
