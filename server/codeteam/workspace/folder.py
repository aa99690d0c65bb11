"""A workspace read with suspicion: within bounds, without what is ignored or secret, never out of its folder."""

from __future__ import annotations

import os
import re
import stat
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pathspec import GitIgnoreSpec

from codeteam.workspace.reading import inside, is_plain, is_utf8, mode, read_text
from codeteam.workspace.secret_looking import secret_by_content, secret_by_name

FILE_LIMIT = 400_000
"""Bytes of a file that is read; what is larger is left out."""
NEVER = frozenset(
    {
        ".git", ".hg", ".svn", ".jj", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox", ".mypy_cache",
        ".pytest_cache", ".ruff_cache", ".hypothesis", ".eggs", ".idea", ".codeteam", "site-packages",
    }
)  # fmt: skip
_DEEPEST = 24
_LONGEST_NAME = 120
_SCANNED = 20_000
_IGNORE_FILE_LIMIT = 64 * 1024
_PATTERNS = 1000
_LONGEST_PATTERN = 500
_LONGEST_PATH = 400
"""Bounds of what is looked at; beyond them all is taken as ignored."""
_STARS = 3
_FEW_STARS = 2
_WITH_STARS = 40
"""Matching takes time that grows with the power of a pattern's stars: so many patterns may have `_STARS`, the others
`_FEW_STARS`; what has more is cut after the last of them, and then ignores more than it says."""
_MATCHING = 1.5
"""Seconds of processor time for all matching; afterwards what was not looked at is taken as ignored."""
_FOLDER_MARK = "ps_d"
_ANY_FOLDER = f"(?P<{_FOLDER_MARK}>/)"
"""How pathspec marks the end of a folder that a pattern matches, and its short form of `*/`."""
_TOKEN = re.compile(r"\\.|\[!?\]?[^\]]*\]|\*+|.", re.DOTALL)

_Rules = list[tuple[re.Pattern[str], bool]]
"""The last pattern of the file first; True for one that ignores, False for an exception."""


class Paths(Protocol):
    """What there is to be found."""

    def has(self, path: str) -> bool: ...

    def has_folder(self, path: str) -> bool: ...


class Folder:
    """What may be read of one workspace. Nothing here raises; what cannot or may not be read is simply not there."""

    def __init__(
        self,
        root: Path,
        open_buffers: Mapping[str, str] | None = None,
        *,
        deepest: int = _DEEPEST,
        seconds: float = 3.0,
    ) -> None:
        """`root` is resolved; `open_buffers`, by relative path, win over the disk; after `seconds` no more is read."""
        self.root = root
        self._buffers = dict(open_buffers or {})
        self._deepest = deepest
        self._end = time.monotonic() + seconds
        self._listed_by = time.monotonic() + seconds / 2  # the other half is for reading what is needed
        self._specs: dict[str, _Rules | _Unreadable | None] = {}
        self._matching = _MATCHING
        self._shut: dict[str, bool] = {"": False}
        self._texts: dict[tuple[str, int], str | None] = {}

    def text(self, path: str, limit: int = FILE_LIMIT) -> str | None:
        """The text of a file that may be shown; None when there is none, or it is ignored, secret, large, not UTF-8."""
        if (path, limit) not in self._texts:
            self._texts[path, limit] = self._read(path, limit)
        return self._texts[path, limit]

    def record(self, path: str, limit: int) -> str:
        """What a tool wrote into a file that may be shown, for names and versions to be found in; none of it is shown
        as it is, so it is not searched for secrets, which takes long. Empty when there is none.
        """
        real = self._real(path)
        return (read_text(real, limit) or "") if real else ""

    def reason(self, path: str, limit: int = FILE_LIMIT) -> str:
        """Why a file that is there has no text here, never what is in it; empty when it has, or is not there."""
        real = inside(self.root, path)
        if path not in self._buffers and not stat.S_ISREG(mode(self.root / path)):
            return ""
        if path not in self._buffers and real is None:
            return "it is a link that leads out of the workspace"
        if secret_by_name(path):
            return "its name is that of a file with secrets"
        if self._late():
            return "there was no time left to look at it"
        if not self.has(path):
            return "a .gitignore leaves it out" if self._is_ignored(path) else "it is out of what is looked at"
        if self.text(path, limit) is not None:
            return ""
        text = self._buffers.get(path) or (read_text(real, limit) if real else None)
        if text is not None and secret_by_content(text):
            return "there is something in it that looks like a secret"
        return f"it is larger than {limit // 1000} kB, or no text in UTF-8"

    def has(self, path: str) -> bool:
        """Whether there is such a file and it may be shown, by its name."""
        return self._real(path) is not None or (path in self._buffers and self._shown(path))

    def has_folder(self, path: str) -> bool:
        if path == "":
            return True
        real = inside(self.root, path)
        try:
            return real is not None and real.is_dir() and not self._hidden_folder(path)
        except OSError:
            return False

    def listing(self, limit: int = 2000) -> tuple[str, ...]:
        """Paths of files, sorted; when there are more than `limit`, those nearest to the root."""
        found: list[str] = [path for path in self._buffers if self._shown(path)][:limit]
        folders, scanned = deque([""]), 0
        while folders and len(found) < limit and scanned < _SCANNED and time.monotonic() < self._listed_by:
            below, files, seen = self._scan(folders.popleft(), _SCANNED - scanned)
            found += files
            folders += below
            scanned += seen
        return tuple(sorted(set(found[:limit])))

    def unreadable(self) -> tuple[str, ...]:
        """Ignore files, of those that were looked into, that cannot be read, and what that means."""
        blind = sorted(folder for folder, spec in self._specs.items() if isinstance(spec, _Unreadable))
        return tuple(
            f"{f'{folder}/' if folder else ''}.gitignore cannot be read, "
            "so nothing below its folder is shown to a model but what is open in the editor."
            for folder in blind
        )

    def _scan(self, folder: str, most: int) -> tuple[list[str], list[str], int]:
        below: list[str] = []
        files: list[str] = []
        seen = 0
        try:
            with os.scandir(self.root / folder) as entries:
                for entry in entries:
                    seen += 1
                    if seen > most or time.monotonic() > self._listed_by:
                        break
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if path.count("/") < self._deepest and not self._hidden_folder(path):
                            below.append(path)
                    elif (entry.is_symlink() or entry.is_file(follow_symlinks=False)) and self._real(path) is not None:
                        files.append(path)
        except OSError:
            pass  # what cannot be listed holds nothing for us
        return sorted(below), sorted(files), seen

    def _read(self, path: str, limit: int) -> str | None:
        text: str | None
        if path in self._buffers and self._shown(path):
            text = self._buffers[path]
            if len(text) > limit:
                return None
        else:
            real = self._real(path)
            text = None if real is None else read_text(real, limit)
        return None if text is None or secret_by_content(text) else text

    def _real(self, path: str) -> Path | None:
        """The regular file behind a path that may be shown; a link must lead to a file that may be shown too."""
        if not self._shown(path):
            return None
        real = inside(self.root, path)
        try:
            if real is None or not real.is_file():
                return None
        except OSError:
            return None
        target = real.relative_to(self.root).as_posix()
        return real if target == path or self._shown(target) else None

    def _shown(self, path: str) -> bool:
        if not is_plain(path) or not is_utf8(path) or secret_by_name(path):
            return False
        parent, _, name = path.rpartition("/")
        return len(name) <= _LONGEST_NAME and not self._hidden_folder(parent) and not self._ignored(path, path)

    def _hidden_folder(self, folder: str) -> bool:
        """Whether a folder, or one above it, is left out."""
        if folder not in self._shut:
            parent, _, name = folder.rpartition("/")
            self._shut[folder] = (
                folder.count("/") >= self._deepest
                or name in NEVER
                or len(name) > _LONGEST_NAME
                or not is_plain(folder)
                or secret_by_name(f"{folder}/x")
                or self._hidden_folder(parent)
                or self._ignored(folder, folder + "/")
            )
        return self._shut[folder]

    def _ignored(self, path: str, shape: str) -> bool:
        """As git decides: the nearest `.gitignore` that has a matching pattern. `shape` ends in / for folders.

        Below a `.gitignore` that cannot be read all is ignored, except what is open in the editor.
        """
        if self._late() or len(path) > _LONGEST_PATH:
            return True  # what there was no time to check is left out
        begun = time.thread_time()
        try:
            decision: bool | None = None
            folder = path
            while folder and decision is not True:
                folder = folder.rpartition("/")[0]
                spec = self._spec(folder)
                if isinstance(spec, _Unreadable):
                    decision = not self._is_open(path, shape)
                    break
                if spec is not None and decision is None:
                    decision = _decision(spec, shape[len(folder) + 1 :] if folder else shape)
            return decision is True
        finally:
            self._matching -= time.thread_time() - begun

    def _is_ignored(self, path: str) -> bool:
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return self._ignored(path, path) or any(self._ignored(folder, f"{folder}/") for folder in above)

    def _is_open(self, path: str, shape: str) -> bool:
        return path in self._buffers if shape == path else any(name.startswith(shape) for name in self._buffers)

    def _spec(self, folder: str) -> _Rules | _Unreadable | None:
        if folder not in self._specs:
            self._specs[folder] = self._load(f"{folder}/.gitignore" if folder else ".gitignore")
        return self._specs[folder]

    def _load(self, path: str) -> _Rules | _Unreadable | None:
        if not os.path.lexists(self.root / path):
            return None
        real = inside(self.root, path)
        text = None if real is None else read_text(real, _IGNORE_FILE_LIMIT)
        return _Unreadable() if text is None else _rules_of(text)

    def _late(self) -> bool:
        return self._matching <= 0 or time.monotonic() > self._end


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Rules that cannot be known: a file that is too large, not text, a link that leads out, too many patterns."""


def _rules_of(text: str) -> _Rules | _Unreadable | None:
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip() and not line.startswith("#")]
    if len(lines) > _PATTERNS or any(len(line) > _LONGEST_PATTERN for line in lines):
        return _Unreadable()
    patterns: _Rules = []
    with_stars = 0
    for line in lines:
        believed = _STARS if with_stars < _WITH_STARS else _FEW_STARS
        cut = _cut(line, believed)
        with_stars += _stars(cut) == _STARS
        try:
            spec = GitIgnoreSpec.from_lines([cut])
        except (ValueError, re.error):
            continue  # one that matches nothing for git either
        patterns += [(part.regex, part.include) for part in spec.patterns if part.regex and part.include is not None]
    return patterns[::-1]


def _decision(rules: _Rules, shape: str) -> bool | None:
    """What the last rule that matches says: True for ignored. The folders above were decided on their own before."""
    for regex, ignored in rules:
        match = regex.search(shape)
        if match is None:
            continue
        folder_end = match.end(_FOLDER_MARK) if _FOLDER_MARK in regex.groupindex else -1
        if folder_end in (-1, len(shape)) or (regex.pattern == _ANY_FOLDER and shape.endswith("/")):
            return ignored
    return None


def _cut(pattern: str, stars: int) -> str:
    """A pattern with so many stars at most, that ignores at least what it did; empty for one that shows something."""
    kept: list[str] = []
    for token in _TOKEN.findall(pattern):
        if stars == 0 and token[0] == "*":
            return "" if pattern.startswith("!") else "".join(kept[: _last_star(kept) + 1])
        stars -= token[0] == "*"
        kept.append(token)
    return pattern


def _last_star(tokens: Sequence[str]) -> int:
    return max(index for index, token in enumerate(tokens) if token[0] == "*")


def _stars(pattern: str) -> int:
    return sum(token[0] == "*" for token in _TOKEN.findall(pattern))
