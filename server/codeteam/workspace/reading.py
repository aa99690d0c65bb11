"""Reading files that may be anything: links, pipes, devices, endless, not text."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

_NAME = re.compile(r"[A-Za-z]:")


def read_regular(path: Path, limit: int) -> bytes | None:
    """The bytes of a regular file of at most `limit` bytes; None for anything else. Never waits, never raises.

    The last component must not be a link: callers that follow links resolve them first and check where they lead.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # before opening: opening a device may already do something
            return None
        descriptor = os.open(path, flags)
    except (OSError, ValueError):
        return None
    try:
        with os.fdopen(descriptor, "rb") as file:
            # /proc and its like say 0 bytes and deliver more: what was read counts, not what was promised
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(limit + 1)
    except OSError:
        return None
    return content if len(content) <= limit else None


def read_text(path: Path, limit: int) -> str | None:
    """As `read_regular`, decoded; None when it is not UTF-8 text."""
    content = read_regular(path, limit)
    if content is None or b"\0" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def mode(path: Path) -> int:
    """The mode of what a path leads to, links followed; 0 where there is nothing, or it cannot be known."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def inside(root: Path, path: str) -> Path | None:
    """Where a relative path really leads, links followed; None when that is not below `root`, or not there.

    `root` must be resolved already.
    """
    if not is_plain(path):
        return None
    try:
        real = (root / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return None
    return real if real.is_relative_to(root) else None


def is_plain(path: str) -> bool:
    """Whether a path is relative, with POSIX separators, without empty, `.` or `..` parts or control characters."""
    if not path or "\\" in path or _NAME.match(path) or any(ord(letter) < 32 or ord(letter) == 127 for letter in path):
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def is_utf8(path: str) -> bool:
    """Whether a path can be written in UTF-8; file systems have names that are other bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def lines_of(text: str) -> list[str]:
    """Lines without their ends, counted as editors and Python count them: form feeds and U+2028 end no line."""
    return re.split(r"\r\n|\n|\r", text)
