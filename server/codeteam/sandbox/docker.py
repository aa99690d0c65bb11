"""`DockerSandbox`: each session is a fresh hardened container, with its packages in read-only volumes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container, image, owner, policy
from codeteam.sandbox.container import Recipe
from codeteam.sandbox.dependencies import Lock, Resolver, Target, check
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.image import Image
from codeteam.sandbox.interface import DependencyProblem, DependencySet, Limits, Session
from codeteam.sandbox.policy import Mounts
from codeteam.sandbox.session import Attendant, SupervisedSession
from codeteam.sandbox.volumes import Volumes


class DockerSandbox:
    """Sessions in containers of a Docker engine, local or remote."""

    def __init__(
        self,
        *,
        cache: Path,
        environ: Mapping[str, str],
        image: str = "",
        limits: Limits = Limits(),
        runtime: str | None = None,
        exclude_newer: str = "",
        job: str = "",
    ) -> None:
        """Nothing is contacted yet.

        `cache` is a folder for locks and facts, `image` a name or digest (empty for the one that was built),
        `runtime` a runtime of the engine such as "runsc", `exclude_newer` a date after which packages are too young.
        """
        self._cache = cache
        self._limits = limits
        self._wanted = image
        self._runtime = runtime
        self._job = job
        self._owner = owner.this_process().label
        self._engine = Engine(environ)
        self._resolver = Resolver(cache=cache, environ=environ, exclude_newer=exclude_newer)
        self._volumes = Volumes(self._engine, cache=cache, owner=self._owner, runtime=runtime)
        self._locks: dict[str, Lock] = {}
        self._running: set[container.Container] = set()
        self._cpus = 0
        self._targets: dict[str, Target] = {}

    async def prepare(self, requirements: tuple[str, ...]) -> DependencySet | tuple[DependencyProblem, ...]:
        asked, problems = check(requirements)
        if problems:
            return problems
        if not asked:
            return DependencySet(key="")
        found = await image.ensure(self._engine, self._cache, self._wanted)
        target = await self._target(found)
        lock = await self._resolver.lock(asked, target)
        if not isinstance(lock, Lock):
            return lock
        self._locks[lock.key] = lock
        await self._fill("deps", lock, policy.DEPENDENCIES, found)
        return DependencySet(key=lock.key, requirements=asked, locked=lock.packages)

    @asynccontextmanager
    async def open(
        self, dependencies: DependencySet | None = None, limits: Limits | None = None
    ) -> AsyncIterator[Session]:
        limits = limits or self._limits
        found = await image.ensure(self._engine, self._cache, self._wanted)
        locks = {policy.TOOLS: await self._tools(found)}
        if dependencies is not None and dependencies.key:
            locks[policy.DEPENDENCIES] = await self._lock_of(dependencies, found)

        async def another() -> Attendant:
            return await self._start(found, locks, limits)

        session = SupervisedSession(
            image=found.shown, first=await another(), another=another, limits=limits, env=policy.environment()
        )
        try:
            yield session
        finally:
            await session.close()

    async def aclose(self) -> None:
        for running in tuple(self._running):
            await running.destroy()
        self._running.clear()
        self._engine.close()

    async def _start(self, found: Image, locks: Mapping[str, Lock], limits: Limits) -> Attendant:
        """A container with all its packages; volumes that somebody emptied meanwhile are filled again."""
        keys = {folder: lock.key for folder, lock in locks.items()}
        names = {folder: _volume(_KINDS[folder], lock.key) for folder, lock in locks.items()}
        recipe = Recipe(found, limits, Mounts(read_only=names), runtime=self._runtime, owner=self._owner, job=self._job)
        for _ in range(2):
            for folder, lock in locks.items():
                await self._fill(_KINDS[folder], lock, folder, found)
            started, greeting = await container.start(self._engine, recipe, await self._processors())
            self._running.add(started)
            started.when_gone = lambda: self._running.discard(started)
            if container.complete(greeting, keys):
                return started.attendant
            await started.destroy()
            for name in names.values():
                self._volumes.forget(name)
        raise SandboxUnavailable(
            "The packages' volumes cannot be filled.", "Remove them with `codeteam sandbox prune --volumes`."
        )

    async def _fill(self, kind: str, lock: Lock, folder: str, found: Image) -> None:
        target = await self._target(found)

        async def unpack(place: Path) -> None:
            await self._resolver.install(lock, target, place, own_copies=False)

        cpus = await self._processors()
        await self._volumes.ensure(_volume(kind, lock.key), lock.key, folder, found, cpus, unpack)

    async def _tools(self, found: Image) -> Lock:
        text = files("codeteam.sandbox").joinpath("tools.lock").read_text("utf-8")
        return Lock.of(text, await self._target(found))

    async def _lock_of(self, dependencies: DependencySet, found: Image) -> Lock:
        """The lock of a set that this sandbox prepared, or another process before it."""
        if dependencies.key not in self._locks:
            target = await self._target(found)
            lock = await self._resolver.lock(dependencies.requirements, target)
            if not isinstance(lock, Lock):
                raise SandboxUnavailable(f"Packages are gone from the index: {lock[0].message}", "Prepare them again.")
            self._locks[dependencies.key] = lock
        return self._locks[dependencies.key]

    async def _target(self, found: Image) -> Target:
        """For which Python and platform packages are to be: asked of the image once, then remembered on disk."""
        if found.id in self._targets:
            return self._targets[found.id]
        note = self._cache / "images" / f"{found.id.removeprefix('sha256:')[:32]}.json"
        try:
            target = Target(**json.loads(note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            target = await self._ask(found)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps({"python": target.python, "platform": target.platform}), "utf-8")
        self._targets[found.id] = target
        return target

    async def _ask(self, found: Image) -> Target:
        recipe = Recipe(found, self._limits, runtime=self._runtime, owner=self._owner, job=self._job)
        started, greeting = await container.start(self._engine, recipe, await self._processors())
        await started.destroy()
        if greeting.implementation != "CPython" or tuple(map(int, greeting.python.split(".")[:2])) < (3, 11):
            raise SandboxUnavailable(
                f"The image {found.name} has {greeting.implementation} {greeting.python}; CPython 3.11 is the oldest that will do.",
                "Build another with `codeteam sandbox build`.",
                "image_missing",
            )
        return Target.of(
            python=greeting.python, machine=greeting.machine, libc=greeting.libc, libc_version=greeting.libc_version
        )

    async def _processors(self) -> int:
        if not self._cpus:
            facts: Any = await self._engine.call(lambda api: api.info())
            self._cpus = int(facts["NCPU"])
        return self._cpus


_KINDS = {policy.TOOLS: "tools", policy.DEPENDENCIES: "deps"}


def _volume(kind: str, key: str) -> str:
    return f"codeteam-{kind}-{key}"
