"""Volumes of packages on the engine: filled once, whole or absent, then mounted read-only by every container."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import tarfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container
from codeteam.sandbox.container import Container, Recipe
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.image import Image
from codeteam.sandbox.interface import Command, Limits
from codeteam.sandbox.locks import locked
from codeteam.sandbox.policy import MARKER, Mounts
from codeteam.sandbox.room import Room
from codeteam.sandbox.scratch import scratch
from codeteam.sandbox.session import Attendant, SupervisedSession

LABEL = "codeteam.volume"
LARGEST = 2 * 1024 * 1024 * 1024
"""Bytes of packages in one volume at most."""
FILLING = Limits(memory=1024 * 1024 * 1024, processes=64)
FILLING_TIMEOUT = 600.0
BUILT = "built"
"""Folder of a volume that its packages are compiled into."""
FINISH = """
import compileall, os, py_compile, sys
folder, marker, key = sys.argv[1:]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
compileall.compile_dir(folder, quiet=2, maxlevels=30, workers=0, invalidation_mode=mode)
with open(os.path.join(folder, marker), "w") as file:
    file.write(key)
"""
"""Run in a container that can reach nothing else: to compile is not to import, but who knows."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The content of one volume."""

    kind: str
    key: str
    """Content hash."""
    folder: str
    """Where containers see it."""
    unpack: Callable[[Path], Awaitable[None]]
    """Puts the content into an empty folder."""
    prepare: tuple[str, ...] = ()
    """A command that makes more of it, run in a container that can reach nothing else."""
    env: Mapping[str, str] = field(default_factory=dict)
    """For that command."""
    hint: str = ""
    """What a user can do where that command fails."""
    build: tuple[str, ...] = ()
    """A command that runs what the packages bring, to compile them: by a user of its own, to whom of all of it only the
    folder `BUILT` is open. What it does not come to is left to those who need it."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Other volumes that it sees, by folder."""

    @property
    def volume(self) -> str:
        return f"codeteam-{self.kind}-{self.key}"


class Volumes:
    """Fills volumes and remembers which are."""

    def __init__(self, engine: Engine, room: Room, *, cache: Path, owner: str, runtime: str | None) -> None:
        self._engine = engine
        self._room = room
        self._locks = cache / "volumes"
        self._owner = owner
        self._runtime = runtime
        self._known: set[str] = set()

    async def ensure(self, parcel: Parcel, image: Image, *, doubt: bool = False) -> None:
        """See that the volume is there.

        A volume that exists is taken for whole until a container's greeting says otherwise; call again in `doubt`.

        Raises:
            SandboxUnavailable: it cannot be filled.
        """
        if doubt:
            self._known.discard(parcel.volume)
        if parcel.volume in self._known:
            return
        if doubt or not await self.exists(parcel.volume):
            async with locked(self._locks / f"{parcel.volume}.lock"):
                # Another process may have filled it while this one waited.
                if not await self.exists(parcel.volume) or not await self.is_whole(parcel, image):
                    await self._fill(parcel, image)
        self._known.add(parcel.volume)

    async def is_whole(self, parcel: Parcel, image: Image) -> bool:
        """Ask a container that is never started: its view of the volume is the real one."""
        reader = Container(self._engine, container.new_name())
        mounts = Mounts(read_only={parcel.folder: parcel.volume})
        recipe = Recipe(image, FILLING, mounts, owner=self._owner, runtime=self._runtime)
        try:
            await container.finish(reader, reader.create(recipe))
            marker = f"{parcel.folder}/{MARKER}"
            return await self._engine.call(lambda api: _read_file(api, reader.name, marker)) == parcel.key
        finally:
            await reader.destroy()

    async def exists(self, volume: str) -> bool:
        try:
            await self._engine.call(lambda api: api.inspect_volume(volume))
        except SandboxUnavailable as error:
            if error.kind != "not_found":
                raise
            return False
        return True

    async def _fill(self, parcel: Parcel, image: Image) -> None:
        """Copy the packages in, compile them where nothing can reach out, and write the marker last."""
        with scratch("packages") as place:
            packages = place / "packages"
            archive = place / "packages.tar"
            try:
                await asyncio.to_thread(packages.mkdir)
                await parcel.unpack(packages)
                await asyncio.to_thread(_pack, packages, archive, BUILT if parcel.build else "")
            except OSError as error:
                raise SandboxUnavailable(f"Packages cannot be unpacked: {error.strerror}.", kind="disk_full") from error
            labels = {LABEL: parcel.key, container.OWNER: self._owner}
            await self._engine.call(lambda api: api.create_volume(parcel.volume, labels=labels))
            async with self._room.count(await self._engine.machine(), FILLING.memory):
                filler = Container(self._engine, container.new_name())
                await container.finish(filler, self._put(filler, parcel, image, archive))
                try:
                    await self._build(parcel, image)
                except BaseException:
                    await asyncio.shield(filler.destroy())
                    raise
                await container.finish(filler, filler.start())
                await _compile(filler.attendant, parcel)

    async def _put(self, filler: Container, parcel: Parcel, image: Image, archive: Path) -> None:
        mounts = Mounts(writable={parcel.folder: parcel.volume})
        await filler.create(Recipe(image, FILLING, mounts, uid=0, owner=self._owner, runtime=self._runtime))

        def send(api: Any) -> None:
            with archive.open("rb") as file:
                api.put_archive(filler.name, parcel.folder, file)

        await self._engine.call(send)

    async def _build(self, parcel: Parcel, image: Image) -> None:
        if not parcel.build:
            return
        builder = Container(self._engine, container.new_name())
        mounts = Mounts(read_only=parcel.beside, writable={parcel.folder: parcel.volume})
        recipe = Recipe(image, FILLING, mounts, owner=self._owner, runtime=self._runtime)

        async def begin() -> None:
            await builder.create(recipe)
            await builder.start()

        with contextlib.suppress(SandboxUnavailable):  # whoever needs them compiles them, and is told what is wrong
            await container.finish(builder, begin())
            session = _session(builder.attendant)
            try:
                await session.run(Command(parcel.build, env=dict(parcel.env), timeout=FILLING_TIMEOUT))
            finally:
                await session.close()


def _session(attendant: Attendant) -> SupervisedSession:
    async def no_other() -> Attendant:
        raise SandboxUnavailable("Packages could not be prepared: the container ended.", "Try again.")

    return SupervisedSession(image="", first=attendant, another=no_other, limits=FILLING, env={})


async def _compile(attendant: Attendant, parcel: Parcel) -> None:
    """Ends at once when it is cancelled, and its container with it: what is prepared may take long."""
    session = _session(attendant)
    argv = ("/usr/bin/env", "python3", "-I", "-S", "-c", FINISH, parcel.folder, MARKER, parcel.key)
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    commands = [Command(argv, env=path, timeout=FILLING_TIMEOUT)]
    if parcel.prepare:
        commands.insert(0, Command(parcel.prepare, env=path | dict(parcel.env), timeout=FILLING_TIMEOUT))
    try:
        for command in commands:
            outcome = await session.run(command)
            if not outcome.run.ok:
                reason = outcome.run.stderr.strip()[-300:] or outcome.notice or "it took too long"
                raise SandboxUnavailable(f"Packages could not be prepared: {reason}", parcel.hint or "Try again.")
    finally:
        await session.close()


def _read_file(api: Any, name: str, path: str) -> str:
    """The text of a small file in a container; empty when it is not there."""
    try:
        stream, _ = api.get_archive(name, path)
    except Exception as error:
        if getattr(error, "status_code", None) == 404:
            return ""
        raise
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                return file.read(4096).decode("utf-8", "replace")
    return ""


def _pack(folder: Path, target: Path, opened: str = "") -> None:
    """Packages as an archive: owned by root, readable by all, scripts pointed at the image's own Python.

    In the folder `opened`, which is made, whoever likes may make files of their own.
    """
    size = 0
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        if opened:
            member = tarfile.TarInfo(opened)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(member)
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in (*folders, *sorted(names)):
                path = Path(place, name)
                size += path.lstat().st_size
                if size > LARGEST:
                    room = f"{LARGEST // 1024**3} GiB"
                    raise SandboxUnavailable(f"The packages take more than {room}.", "Ask for fewer or smaller ones.")
                _pack_one(archive, path, folder)


def _pack_one(archive: tarfile.TarFile, path: Path, folder: Path) -> None:
    member = archive.gettarinfo(path, str(path.relative_to(folder)))
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    if member.isdir():
        archive.addfile(member)
    elif path.is_file() and not path.is_symlink():
        # Hard links of uv's cache are files like others.
        member.type = tarfile.REGTYPE
        if path.parent == folder / "bin":
            script = _with_plain_python(path.read_bytes())
            member.size = len(script)
            archive.addfile(member, io.BytesIO(script))
            return
        member.size = path.stat().st_size
        with path.open("rb") as file:
            archive.addfile(member, file)


def _with_plain_python(script: bytes) -> bytes:
    """A script whose first line names the Python of the machine that unpacked it, made to find its own."""
    return re.sub(
        rb"\A(#!/bin/sh\n'''exec' .*?\n' '''|#![^\n]*python[^\n]*)\n", b"#!/usr/bin/env python3\n", script, count=1
    )
