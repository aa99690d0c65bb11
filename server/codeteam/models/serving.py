"""One running embedded model for all processes of a user: find its server or start it, and hold a lease on it.

In `HOME/embedded`, for each model: `.start` is locked while someone finds or starts the server, `.alive` is locked by
the server for as long as it lives, `.lease` is locked (shared) by everyone who uses it, and `.json` (mode 0600) has
the address and the key made for this run.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from codeteam.domain.errors import ModelUnavailable
from codeteam.models.embedded import Embedded, file_of, is_pulled, models_folder
from codeteam.models.lock import FileLock, locked, try_lock, wait_for_lock
from codeteam.models.server import Orders

SLOTS = 2
CONTEXT = 8192
"""Tokens of each slot."""
_START_LIMIT = 180.0
"""Seconds until a server must be ready; a slow disk needs most of them."""


@dataclass(slots=True)
class Serving:
    """A running server and our lease on it."""

    base_url: str
    key: str
    _files: _Files
    _lease: FileLock
    _process: subprocess.Popen[bytes] | None
    """The server, when it is our child."""

    def alive(self) -> bool:
        """Whether the server still runs."""
        lock = try_lock(self._files.alive)
        if lock is None:
            return True
        lock.release()
        return False

    async def answers(self) -> bool:
        """Whether it runs and is fit for use."""
        return self.alive() and await asyncio.to_thread(_answers, self.base_url, self.key)

    async def aclose(self) -> None:
        """Give the lease back; the server ends when it was the last one, and is waited for when it is our child."""
        self._lease.release()
        if self._process is None:
            return
        if not _used_by_others(self._files.lease):
            await _ended(self._process)


@dataclass(frozen=True, slots=True)
class _Files:
    start: Path
    alive: Path
    lease: Path
    address: Path
    log: Path


async def serve(model: Embedded, *, environ: Mapping[str, str], home: Path) -> Serving:
    """The model's server, started when none runs, with a lease on it.

    Raises `ModelUnavailable` when the file or the engine is missing, when memory is short, or when it does not start.
    """
    folder = models_folder(environ).absolute()  # the server starts elsewhere
    if not is_pulled(model, folder):
        raise ModelUnavailable(f"{model.name} is not on this machine yet.", f"Run: codeteam model pull {model.name}")
    if importlib.util.find_spec("xllamacpp") is None:
        raise ModelUnavailable("The engine for embedded models is not installed.", "Run: pip install 'codeteam[local]'")
    place = (home / "embedded").absolute()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = _Files(*(place / f"{model.name}.{end}" for end in ("start", "alive", "lease", "json", "log")))
    async with locked(files.start):
        # A server that is just ending has the lease to itself for a moment.
        lease = await wait_for_lock(files.lease, shared=True)
        try:
            base_url, key, process = await _find(files) or await _start(model, files, folder, environ)
        except BaseException:
            lease.release()
            raise
    return Serving(base_url, key, files, lease, process)


async def _find(files: _Files) -> tuple[str, str, None] | None:
    """The server that runs, or None; one that runs but does not answer is given time, because it may be loading."""
    for _ in range(int(_START_LIMIT)):
        lock = try_lock(files.alive)
        if lock is not None:
            lock.release()
            return None
        address = _read(files.address)
        if address is not None and await asyncio.to_thread(_answers, *address):
            return *address, None
        await asyncio.sleep(1)
    raise ModelUnavailable("The embedded model's server hangs.", f"End the process named in {files.address}.")


async def _start(
    model: Embedded, files: _Files, folder: Path, environ: Mapping[str, str]
) -> tuple[str, str, subprocess.Popen[bytes]]:
    _check_memory(model)
    orders: Orders = {
        "model": str(file_of(model, folder)),
        "key": secrets.token_urlsafe(32),
        "slots": SLOTS,
        "context": CONTEXT,
        "threads": max(2, min(8, (os.cpu_count() or 2) // 2)),
        "alive": str(files.alive),
        "lease": str(files.lease),
        "address": str(files.address),
    }
    files.address.unlink(missing_ok=True)
    with files.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once; it must outlive this event loop
            # With -P and in a folder of ours, for the current one is the user's: a `codeteam` in it is not ours.
            [sys.executable, "-P", "-m", "codeteam.models.server"],
            cwd=files.address.parent,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Threads that spin while they wait make a busy machine ten times slower.
            env={**{k: v for k, v in environ.items() if not k.endswith("_KEY")}, "OMP_WAIT_POLICY": "PASSIVE"},
            # Shared with other processes: Ctrl-C at one of them must not end it.
            start_new_session=True,
        )
    try:
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin as stdin:  # it may have ended at once; its log says why
                stdin.write(json.dumps(orders).encode() + b"\n")
        return *await _ready(model, files, process), process
    except BaseException:
        process.kill()
        process.wait()
        raise


async def _ready(model: Embedded, files: _Files, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    deadline = asyncio.get_running_loop().time() + _START_LIMIT
    while process.poll() is None:
        address = _read(files.address)
        if address is not None and await asyncio.to_thread(_answers, *address):
            return address
        if asyncio.get_running_loop().time() > deadline:
            raise ModelUnavailable(f"{model.name} did not start in {_START_LIMIT:.0f} s.", f"See {files.log}.")
        await asyncio.sleep(0.1)
    lines = files.log.read_text("utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
    killed = " (the system killed it, probably for memory)" if process.returncode == -9 else ""
    raise ModelUnavailable(f"{model.name} did not start{killed}: {lines[-1][:200]}", f"See {files.log}.")


def _used_by_others(lease: Path) -> bool:
    """Whether anyone holds a lease; the server itself, about to end, holds the lock alone."""
    for shared in (False, True):
        if lock := try_lock(lease, shared=shared):
            lock.release()
            return shared
    return False


def _read(address: Path) -> tuple[str, str] | None:
    try:
        content = json.loads(address.read_text("utf-8"))
        return f"{content['address']}/v1", str(content["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _answers(base_url: str, key: str) -> bool:
    """Whether the server there is ready and takes the key."""
    request = urllib.request.Request(f"{base_url}/models", headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - ours
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def _ended(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """Reap the server, which looks at its lease twice a second; killed when it hangs."""
    deadline = asyncio.get_running_loop().time() + seconds
    while process.poll() is None:
        if asyncio.get_running_loop().time() > deadline:
            process.kill()
            process.wait()
            return
        await asyncio.sleep(0.05)


def _check_memory(model: Embedded) -> None:
    free = _available_memory()
    if free is not None and free < model.memory:
        message = f"{model.name} needs {model.memory / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB is free."
        smaller = "Close other programs, or set the model to local/qwen2.5-coder-0.5b or to a remote one."
        raise ModelUnavailable(message, smaller)


def _available_memory() -> int | None:
    """Bytes that can be had without swapping (Linux), None where it is not known."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
