"""`DockerSandbox`: each session is a fresh hardened container, with its packages in read-only volumes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container, image, owner, policy, prune, toolchains
from codeteam.sandbox.abilities import Abilities
from codeteam.sandbox.container import Container, Recipe
from codeteam.sandbox.dependencies import Resolver
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.image import Image
from codeteam.sandbox.indexes import Locked, environment, indexes, looked_up, with_doubts
from codeteam.sandbox.interface import DependencyProblem, DependencySet, Limits, Session
from codeteam.sandbox.languages import LANGUAGES, Language
from codeteam.sandbox.leaving import HOLD, Leaving
from codeteam.sandbox.npm import Npm
from codeteam.sandbox.policy import Mounts
from codeteam.sandbox.protocol import Greeting
from codeteam.sandbox.room import Room
from codeteam.sandbox.session import Attendant, SupervisedSession, Uncounted
from codeteam.sandbox.spares import IDLE, Spares
from codeteam.sandbox.targets import Targets
from codeteam.sandbox.toolchains import Toolchain
from codeteam.sandbox.volumes import Parcel, Volumes

DEFAULT_LIMITS = Limits()
SEEN_FOR = 1.0
"""Seconds for which the image is the one that was found last: jobs that begin together ask the engine once."""
REST = 1.0
"""Seconds after a session until a spare container is started: whoever ran one job alone has ended by then."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The image, and until when it need not be looked for again, by the monotonic clock."""

    image: Image
    until: float


class DockerSandbox:
    """Sessions in containers of a Docker engine, local or remote."""

    def __init__(
        self,
        *,
        cache: Path,
        environ: Mapping[str, str],
        image: str = "",
        limits: Limits = DEFAULT_LIMITS,
        runtime: str | None = None,
        exclude_newer: str = "",
        spares: int = 0,
        rest: float = REST,
        idle: float = IDLE,
        hold: float = HOLD,
        budget: int = 0,
    ) -> None:
        """Nothing is contacted yet.

        `cache` is a folder for locks and facts, `image` a name or digest (empty for the one that was built), `runtime`
        a runtime of the engine such as "runsc", `exclude_newer` a date after which packages are too young, `spares`
        how many containers to start ahead of need at most, `rest` the seconds after a session when they are, `idle`
        the seconds after which they go unused, `hold` the seconds that one whose job is over may stay while other jobs
        are at work, `budget` bytes of memory for all containers in use on the engine (0 for
        a share of the machine's).
        """
        self._cache = cache
        self._limits = limits
        self._wanted = image
        self._runtime = runtime
        self._owner = owner.this_process().label
        self._environ = environ
        self._engine = Engine(environ)
        self._resolver = Resolver(cache=cache, environ=environ, exclude_newer=exclude_newer)
        self._npm = Npm(cache=cache, environ=environ, resolver=self._resolver, before=exclude_newer)
        self._indexes = indexes(
            cache=cache, environ=environ, resolver=self._resolver, npm=self._npm, before=exclude_newer
        )
        self._room = Room(cache / "room", owner=self._owner, budget=budget)
        self._volumes = Volumes(self._engine, self._room, cache=cache, owner=self._owner, runtime=runtime)
        self._spares = Spares(self._engine, self._room, spares, idle=idle)
        self._leaving = Leaving(self._engine, self._room, hold=hold)
        self._rest = rest
        self._warming: asyncio.Task[None] | None = None
        self._starts: asyncio.Semaphore | None = None
        self._running: set[Container] = set()
        self._locks: dict[str, Locked] = {}
        self._targets = Targets(cache / "images", self._ask)
        self._pruned = False
        self._seen: _Seen | None = None
        self._looking = asyncio.Lock()

    async def ready(self, language: str = "python") -> None:
        found = await self._image()
        if (chain := LANGUAGES[language].toolchain).of_this_machine:
            await toolchains.tool_set(chain, await self._targets.of(found), self._environ)

    async def prepare(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> DependencySet | tuple[DependencyProblem, ...]:
        asked, lock = await self._looked_up(requirements, language, trusted, preferred)
        if lock is None:
            return DependencySet(key="", language=language)
        if isinstance(lock, tuple):
            return lock
        found = await self._image()
        self._locks[lock.key] = lock
        tools, packages = (
            await self._tools(LANGUAGES[language].toolchain, found),
            await self._parcel(lock, language, found),
        )
        for parcel in (tools, packages) if packages.build else (packages,):
            await self._volumes.ensure(parcel, found)
        return DependencySet(lock.key, asked, lock.packages, language, trusted, preferred)

    async def look_up(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> tuple[DependencyProblem, ...]:
        asked, lock = await self._looked_up(requirements, language, trusted, preferred)
        return with_doubts(lock if isinstance(lock, tuple) else (), asked, LANGUAGES[language].packages, trusted)

    async def _looked_up(
        self, requirements: tuple[str, ...], language: str, trusted: frozenset[str], preferred: tuple[str, ...]
    ) -> tuple[tuple[str, ...], Locked | tuple[DependencyProblem, ...] | None]:
        async def lock(asked: tuple[str, ...]) -> Locked | tuple[DependencyProblem, ...]:
            return await self._locked(asked, language, await self._image(), trusted, preferred)

        return await looked_up(requirements, LANGUAGES[language].packages, lock)

    async def _locked(
        self,
        asked: tuple[str, ...],
        language: str,
        found: Image,
        trusted: frozenset[str],
        preferred: tuple[str, ...],
    ) -> Locked | tuple[DependencyProblem, ...]:
        index = self._indexes[LANGUAGES[language].packages]
        target = await self._targets.of(found)
        locked: Locked | tuple[DependencyProblem, ...] = await index.lock(asked, target, trusted, preferred)
        return locked

    @asynccontextmanager
    async def open(
        self,
        dependencies: DependencySet | None = None,
        limits: Limits | None = None,
        *,
        job: str = "",
        language: str = "python",
    ) -> AsyncIterator[Session]:
        limits = limits or self._limits
        chain = LANGUAGES[language].toolchain
        async with self._place(limits.memory) as ticket:
            found = await self._image()
            parcels = await self._parcels(dependencies, found, chain)
            recipe = self._recipe(found, parcels, limits, job)
            env = toolchains.environment(chain, policy.TOOLS, policy.environment())
            if dependencies is not None and dependencies.key:
                env |= environment(self._indexes[LANGUAGES[dependencies.language].packages])

            async def another() -> Attendant:
                return (await self._obtain(recipe, parcels)).attendant

            able = await self.abilities()
            session = SupervisedSession(
                image=", ".join(filter(None, (found.shown, able.shown))),
                first=await another(),
                another=another,
                limits=limits,
                env=env,
                rlimits={} if able.memory else {"RLIMIT_DATA": limits.memory + chain.reserves},
            )
            try:
                await toolchains.demand(chain, session)
                yield session if able.memory else Uncounted(session)
                await self._leaving.take(session.release(), ticket)
            finally:
                await session.close()
                self._stock(recipe, parcels, after=self._rest)

    @asynccontextmanager
    async def _place(self, memory: int) -> AsyncIterator[str]:
        """Room for a job's container; those whose job is over are not ended at its expense."""
        with self._leaving.at_work():
            async with self._room.place(await self._engine.machine(), memory) as ticket:
                yield ticket

    def warm(self, language: str = "python") -> None:
        if self._warming is None or self._warming.done():
            self._warming = asyncio.create_task(self._warm(LANGUAGES[language].toolchain))

    async def _warm(self, chain: Toolchain) -> None:
        with contextlib.suppress(SandboxUnavailable, OSError):  # the session that needs one will say so
            found = await self._image()
            parcels = await self._parcels(None, found, chain)
            self._stock(self._recipe(found, parcels, self._limits, ""), parcels)

    async def build(self, source: str, reference: str = "", *, again: bool = True) -> Image:
        """Make the image anew, or without `again` only when there is none; `source` is one of `image.SOURCES`.

        Raises:
            SandboxUnavailable: it cannot be made this way.
        """
        try:
            return await image.build(self._engine, self._cache, source, reference, again=again)
        finally:
            self._seen = None

    async def abilities(self) -> Abilities:
        """What the engine can do, with the runtime that is used.

        Raises:
            SandboxUnavailable: no engine.
        """
        return await self._engine.abilities(self._runtime)

    async def survey(self) -> tuple[tuple[Language, bool, SandboxUnavailable | None], ...]:
        """Each language, whether its toolchain is on the engine already, and what is lacking for it.

        Raises:
            SandboxUnavailable: no engine, no image.
        """
        found = await self._image()
        target = await self._targets.of(found)
        there = dict.fromkeys(LANGUAGES, False)
        missing: dict[str, SandboxUnavailable] = {}
        for row in LANGUAGES.values():
            try:
                tools = await toolchains.tool_set(row.toolchain, target, self._environ)
            except SandboxUnavailable as error:
                missing[row.name] = error
                continue
            volume = Parcel("tools", tools.key, policy.TOOLS, _nothing).volume
            there[row.name] = await self._volumes.exists(volume)
        if there["python"]:  # nothing is fetched to look
            async with self.open() as session:
                for row in LANGUAGES.values():
                    try:
                        await toolchains.demand(row.toolchain, session)
                    except SandboxUnavailable as error:
                        missing[row.name] = error
        return tuple((row, there[row.name], missing.get(row.name)) for row in LANGUAGES.values())

    async def prune(self, *, every_volume: bool = False) -> prune.Pruned:
        """Remove what crashed runs left; with `every_volume` also all packages that no container uses.

        Raises:
            SandboxUnavailable: the engine cannot be reached.
        """
        containers = await prune.prune_containers(self._engine)
        found = await image.find(self._engine)
        removed = await prune.prune_volumes(self._engine, self._volumes, found, every=every_volume)
        return prune.Pruned(containers, removed)

    async def aclose(self) -> None:
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        await asyncio.gather(self._spares.clear(), self._leaving.clear())
        await asyncio.gather(*(running.destroy() for running in self._running))
        self._engine.close()

    async def _image(self) -> Image:
        async with self._looking:
            if self._seen is not None and time.monotonic() <= self._seen.until:
                return self._seen.image
            found = await image.ensure(self._engine, self._cache, self._wanted)
            if not self._pruned:
                self._pruned = True
                await prune.prune_containers(self._engine)
            self._seen = _Seen(found, time.monotonic() + SEEN_FOR)
            return found

    def _recipe(self, found: Image, parcels: tuple[Parcel, ...], limits: Limits, job: str) -> Recipe:
        mounts = Mounts(read_only={parcel.folder: parcel.volume for parcel in parcels})
        return Recipe(found, limits, mounts, runtime=self._runtime, owner=self._owner, job=job)

    def _stock(self, recipe: Recipe, parcels: tuple[Parcel, ...], *, after: float = 0) -> None:
        """See in the background that there are spare containers of this kind."""
        self._spares.refill(recipe, lambda ahead: self._start(ahead, parcels), after=after)

    async def _obtain(self, recipe: Recipe, parcels: tuple[Parcel, ...]) -> Container:
        """A spare container, the one that is about to be, or a new one."""
        if self._warming is not None:
            await asyncio.wait([self._warming])
        return await self._spares.take(recipe) or await self._start(recipe, parcels)

    async def _start(self, recipe: Recipe, parcels: tuple[Parcel, ...]) -> Container:
        """A container with all its packages; volumes that are not whole are filled again."""
        for doubt in (False, True):
            for parcel in parcels:
                await self._volumes.ensure(parcel, recipe.image, doubt=doubt)
            if self._starts is None:  # as many at once as there are processors: more would slow each other down
                self._starts = asyncio.Semaphore((await self._engine.machine()).processors)
            async with self._starts:
                try:
                    started, greeting = await container.start(self._engine, recipe)
                except SandboxUnavailable:
                    self._seen = None  # perhaps it is gone
                    raise
            self._running.add(started)
            started.when_gone = self._running.discard
            if container.complete(greeting, {parcel.folder: parcel.key for parcel in parcels}):
                return started
            await started.destroy()
        raise SandboxUnavailable(
            "The volumes of packages cannot be filled.", "Remove them with `codeteam sandbox prune --volumes`."
        )

    async def _parcels(self, dependencies: DependencySet | None, found: Image, chain: Toolchain) -> tuple[Parcel, ...]:
        """Its toolchain first."""
        parcels = [await self._tools(chain, found)]
        if dependencies is not None and dependencies.key:
            lock = await self._lock_of(dependencies, found)
            parcels.append(await self._parcel(lock, dependencies.language, found))
        return tuple(parcels)

    async def _tools(self, chain: Toolchain, found: Image) -> Parcel:
        target = await self._targets.of(found)
        tools = await toolchains.tool_set(chain, target, self._environ)

        async def unpack(folder: Path) -> None:
            await toolchains.unpack(tools, target, folder, resolver=self._resolver, npm=self._npm, own=False)

        env = toolchains.environment(chain, policy.TOOLS, policy.environment())
        return Parcel("tools", tools.key, policy.TOOLS, unpack, chain.prepare, env, chain.install)

    async def _parcel(self, lock: Locked, language: str, found: Image) -> Parcel:
        """A job's own packages."""
        target = await self._targets.of(found)
        index = self._indexes[LANGUAGES[language].packages]

        async def unpack(folder: Path) -> None:
            await index.install(lock, target, folder, own_copies=False)

        chain = LANGUAGES[language].toolchain
        if chain.ahead is None:
            return Parcel(index.kind, lock.key, index.folder, unpack)
        env = toolchains.environment(chain, policy.TOOLS, policy.environment()) | environment(index)
        beside = {policy.TOOLS: (await self._tools(chain, found)).volume}
        return Parcel(index.kind, lock.key, index.folder, unpack, env=env, build=chain.ahead(), beside=beside)

    async def _lock_of(self, dependencies: DependencySet, found: Image) -> Locked:
        """The lock of a set that this sandbox prepared, or another process before it."""
        if dependencies.key not in self._locks:
            lock = await self._locked(
                dependencies.requirements, dependencies.language, found, dependencies.trusted, dependencies.preferred
            )
            if isinstance(lock, tuple):
                raise SandboxUnavailable(f"Packages are gone from the index: {lock[0].message}", "Prepare them again.")
            self._locks[dependencies.key] = lock
        return self._locks[dependencies.key]

    async def _ask(self, found: Image) -> Greeting:
        started, greeting = await container.start(self._engine, self._recipe(found, (), self._limits, ""))
        await started.destroy()
        return greeting


async def _nothing(_: Path) -> None:
    """For a volume that is only looked for."""
