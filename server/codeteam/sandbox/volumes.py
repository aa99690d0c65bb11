"""Volumes of packages on the engine: filled once, whole or absent, then mounted read-only by every container."""

from __future__ import annotations

import asyncio
import io
import os
import re
import tarfile
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container
from codeteam.sandbox.container import Container, Recipe
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.image import Image
from codeteam.sandbox.interface import Command, Limits
from codeteam.sandbox.policy import MARKER, Mounts
from codeteam.sandbox.session import SupervisedSession

LABEL = "codeteam.volume"
LARGEST = 2 * 1024 * 1024 * 1024
"""Bytes of packages in one volume at most."""
FILLING = Limits(memory=1024 * 1024 * 1024, processes=64)
FILLING_TIMEOUT = 300.0
FINISH = """
import compileall, os, py_compile, sys
folder, marker, key = sys.argv[1:]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
compileall.compile_dir(folder, quiet=2, maxlevels=30, workers=0, invalidation_mode=mode)
with open(os.path.join(folder, marker), "w") as file:
    file.write(key)
"""


class Volumes:
    """Makes and remembers filled volumes."""

    def __init__(self, engine: Engine, *, cache: Path, owner: str, runtime: str | None) -> None:
        self._engine = engine
        self._cache = cache
        self._owner = owner
        self._runtime = runtime
        self._known: set[str] = set()

    def forget(self, name: str) -> None:
        """A container found it incomplete: somebody removed it."""
        self._known.discard(name)

    async def ensure(
        self, name: str, key: str, folder: str, image: Image, cpus: int, unpack: Callable[[Path], Awaitable[None]]
    ) -> None:
        """See that the volume is there and holds what `unpack` puts into a folder; `key` is the content's.

        Raises:
            SandboxUnavailable: it cannot be filled.
        """
        if name in self._known:
            return
        locks = self._cache / "volumes"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{name}.lock", thread_local=False)
        await asyncio.to_thread(lock.acquire)
        try:
            if not await self._is_whole(name, key, folder, image, cpus):
                await self._fill(name, key, folder, image, cpus, unpack)
        finally:
            lock.release()
        self._known.add(name)

    async def _is_whole(self, name: str, key: str, folder: str, image: Image, cpus: int) -> bool:
        """Ask a container that is never started: its view of the volume is the real one."""
        try:
            await self._engine.call(lambda api: api.inspect_volume(name))
        except SandboxUnavailable as error:
            if error.kind != "not_found":
                raise
            return False
        reader = Container(self._engine, container.new_name())
        recipe = Recipe(image, FILLING, Mounts(read_only={folder: name}), owner=self._owner, runtime=self._runtime)
        try:
            await container.finish(reader, reader.create(recipe, cpus))
            return await self._engine.call(lambda api: _read_file(api, reader.name, f"{folder}/{MARKER}")) == key
        finally:
            await reader.destroy()

    async def _fill(
        self, name: str, key: str, folder: str, image: Image, cpus: int, unpack: Callable[[Path], Awaitable[None]]
    ) -> None:
        """Copy the packages in, compile them where nothing can reach out, and write the marker last."""
        with tempfile.TemporaryDirectory(prefix="codeteam-packages-") as place:
            packages, archive = Path(place, "packages"), Path(place, "packages.tar")
            packages.mkdir()
            try:
                await unpack(packages)
                await asyncio.to_thread(_pack, packages, archive)
            except OSError as error:
                raise SandboxUnavailable(
                    f"Packages could not be unpacked: {error.strerror}.", "", "disk_full"
                ) from error
            labels = {LABEL: key, container.OWNER: self._owner}
            await self._engine.call(lambda api: api.create_volume(name, labels=labels))
            filler = Container(self._engine, container.new_name())
            recipe = Recipe(
                image, FILLING, Mounts(writable={folder: name}), uid=0, owner=self._owner, runtime=self._runtime
            )
            await container.finish(filler, self._put(filler, recipe, cpus, folder, archive))
            await container.finish(filler, _compile(filler, folder, key))

    async def _put(self, filler: Container, recipe: Recipe, cpus: int, folder: str, archive: Path) -> None:
        await filler.create(recipe, cpus)

        def send(api: Any) -> None:
            with archive.open("rb") as file:
                api.put_archive(filler.name, folder, file)

        await self._engine.call(send)
        await filler.start()


async def _compile(filler: Container, folder: str, key: str) -> None:
    async def no_other() -> Any:
        raise SandboxUnavailable("Packages could not be prepared: the container ended.", "Try again.")

    session = SupervisedSession(image="", first=filler.attendant, another=no_other, limits=FILLING, env={})
    argv = ("/usr/bin/env", "python3", "-I", "-S", "-c", FINISH, folder, MARKER, key)
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    outcome = await session.run(Command(argv, env=path, timeout=FILLING_TIMEOUT))
    await session.close()
    if not outcome.run.ok:
        raise SandboxUnavailable(f"Packages could not be prepared: {outcome.run.stderr[-300:]}", "Try again.")


def _read_file(api: Any, name: str, path: str) -> str:
    try:
        stream, _ = api.get_archive(name, path)
    except Exception as error:
        if getattr(error, "status_code", None) == 404:
            return ""
        raise
    content = io.BytesIO(b"".join(stream))
    with tarfile.open(fileobj=content) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                return file.read(4096).decode("utf-8", "replace")
    return ""


def _pack(folder: Path, target: Path) -> None:
    """Packages as an archive: owned by root, readable by all, scripts pointed at the image's own Python."""
    size = 0
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted((*folders, *names)):
                path = Path(place, name)
                member = archive.gettarinfo(path, str(path.relative_to(folder)))
                if not (member.isdir() or member.isreg()) or name == ".lock":
                    continue
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                if member.isdir():
                    archive.addfile(member)
                    continue
                content: Any = path.open("rb")
                if path.parent == folder / "bin":
                    with content:
                        script = _with_plain_python(content.read())
                    member.size, content = len(script), io.BytesIO(script)
                size += member.size
                if size > LARGEST:
                    raise SandboxUnavailable(
                        f"The packages take more than {LARGEST // 1024**3} GiB.", "Ask for fewer or smaller ones."
                    )
                with content:
                    archive.addfile(member, content)


def _with_plain_python(script: bytes) -> bytes:
    """A script whose first line names the Python of the machine that unpacked it, made to find its own."""
    return re.sub(
        rb"\A(#!/bin/sh\n'''exec' .*?\n' '''|#![^\n]*python[^\n]*)\n", b"#!/usr/bin/env python3\n", script, count=1
    )
