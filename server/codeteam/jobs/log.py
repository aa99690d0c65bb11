"""What workers write to standard error: kept in bounded files under the state directory, its end also in memory."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

FILE_LIMIT = 1024 * 1024
"""Bytes of one log file; at the limit it becomes `.old`, over an earlier one."""
FILES = 20
"""Newest log files that are kept."""
LINE_LIMIT = 64 * 1024
"""Bytes after which a line without end is written as it is."""
TAIL_LINES = 40
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")
_SECRET_LENGTH = 8
"""Shorter values are ordinary words too often, and no provider gives keys like that."""

_LEAST_SECRET = 4
"""Replacing anything shorter would only garble what is said."""


class Redactor:
    """Replaces the values of secret-looking environment variables, and secrets that were given later."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        found = {
            value
            for name, value in environ.items()
            if len(value) >= _SECRET_LENGTH and any(word in name.upper() for word in _SECRET_WORDS)
        }
        self._secrets = sorted(found, key=len, reverse=True)

    def add(self, secret: str) -> None:
        """Given by the user as a secret, so it is one, if it could be one at all."""
        if len(secret) < _LEAST_SECRET:
            return
        self._secrets = sorted({*self._secrets, secret}, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


class WorkerLog:
    """One worker's standard error. A log that cannot be written is no reason to stop a job: it is then not kept."""

    def __init__(self, folder: Path, name: str, redactor: Redactor) -> None:
        self._path = folder / f"{name}.log"
        self.redactor = redactor
        self._file: BinaryIO | None = None
        self._size = 0
        self._pending = b""
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    @property
    def path(self) -> Path:
        return self._path

    @property
    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self._tail)

    def feed(self, chunk: bytes) -> None:
        """Take what was read; whole lines are written, so that no secret is cut in two and missed."""
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        if len(self._pending) > LINE_LIMIT:
            lines.append(self._pending)
            self._pending = b""
        for line in lines:
            self._write(line)

    def _write(self, line: bytes) -> None:
        text = self.redactor.text(line.decode("utf-8", "replace")).rstrip("\r")
        self._tail.append(text[:2000])
        with contextlib.suppress(OSError):
            data = text.encode("utf-8", "replace") + b"\n"
            if self._file is None or self._size + len(data) > FILE_LIMIT:
                self._file = self._turn()
            self._size += len(data)
            self._file.write(data)

    def close(self) -> None:
        if self._pending:
            self._write(self._pending)
            self._pending = b""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _turn(self) -> BinaryIO:
        """A fresh file; the one before it becomes `.old`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._file is not None:
            self._file.close()
            self._path.replace(self._path.with_suffix(".old"))
        else:
            _prune(self._path.parent)
        self._size = 0
        return os.fdopen(os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb", buffering=0)


def _prune(folder: Path) -> None:
    """Remove the oldest files, so that one more may be added."""
    files: list[tuple[float, Path]] = []
    for path in folder.glob("worker-*"):
        with contextlib.suppress(OSError):  # another process prunes as well
            files.append((path.stat().st_mtime, path))
    for _, path in sorted(files)[: max(0, len(files) - FILES + 1)]:
        with contextlib.suppress(OSError):
            path.unlink()
