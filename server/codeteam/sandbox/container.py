"""One hardened container with the supervisor in it, from its creation to its end."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, TypeVar

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import policy
from codeteam.sandbox.abilities import Abilities
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.frames import ProtocolError
from codeteam.sandbox.image import Image
from codeteam.sandbox.interface import Limits
from codeteam.sandbox.line import Line
from codeteam.sandbox.policy import Mounts
from codeteam.sandbox.protocol import Greeting
from codeteam.sandbox.scratch import scratch
from codeteam.sandbox.session import Attendant

LABEL = "codeteam.sandbox"
OWNER = "codeteam.owner"
CREATED = "codeteam.created"
REMOVAL_TIMEOUT = 20.0
"""Seconds that the engine has to end a container before only the end of its stdin is relied on."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that makes one container differ from another."""

    image: Image
    limits: Limits
    mounts: Mounts = Mounts()
    uid: int | None = None
    """User of the programs; None for a number of its own."""
    runtime: str | None = None
    """As the engine calls it, for example "runsc"; None for its default."""
    owner: str = ""
    job: str = ""


class Container:
    """A `Body` that is a container."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        self._id = name
        """What the engine calls it whatever its name is; until it is made, the name."""
        self.when_gone: Callable[[Container], object] = lambda _: None
        self.attendant = Attendant(self)
        self._line: Line | None = None
        self._began = time.time()

    async def send(self, data: bytes) -> None:
        await self._open_line().send(data)

    async def receive(self) -> bytes:
        return await self._open_line().receive()

    def _open_line(self) -> Line:
        if self._line is None:
            raise OSError("not attached")
        return self._line

    async def create(self, recipe: Recipe) -> None:
        """Create without starting; the volumes can be filled now.

        Raises:
            SandboxUnavailable: the engine will not have it; says why.
        """
        able = await self._engine.abilities(recipe.runtime)
        if able.podman and recipe.runtime:
            raise SandboxUnavailable(
                f"Podman takes no runtime through its socket, so containers would not run in {recipe.runtime}.",
                f"Start its service with `podman --runtime {recipe.runtime} system service`, "
                "and leave `sandbox-runtime` empty.",
            )
        labels = {
            LABEL: "1",
            OWNER: recipe.owner,
            CREATED: datetime.now(UTC).isoformat(timespec="seconds"),
        }
        uid = recipe.uid if recipe.uid is not None else policy.FIRST_UID + secrets.randbelow(policy.UIDS)
        folders = (*recipe.mounts.read_only, *recipe.mounts.writable)

        def make(api: Any) -> str:
            with _profile(able) as seccomp:
                options = policy.host_config(
                    recipe.limits, uid=uid, mounts=recipe.mounts, runtime=recipe.runtime, able=able, seccomp=seccomp
                )
                made = api.create_container(
                    image=recipe.image.id,
                    name=self.name,
                    entrypoint=_command(folders),
                    user=f"{uid}:{uid}",
                    working_dir=policy.WORK,
                    environment=policy.environment(),
                    hostname="sandbox",
                    labels=labels,
                    stdin_open=True,
                    tty=False,
                    detach=False,
                    stop_signal="SIGKILL",  # PID 1 hears no other, and an engine that starts again waits 10 s for it
                    network_disabled=True,
                    healthcheck={"test": ["NONE"]},
                    use_config_proxy=False,  # the user's proxy, with its password, is none of the program's business
                    host_config=api.create_host_config(**options),
                )
            return str(made["Id"])

        try:
            self._id = await self._engine.call(make)
        except SandboxUnavailable as error:
            raise _explained(error, recipe) from error

    async def start(self) -> Greeting:
        """Attach, start and hear the supervisor's greeting.

        Raises:
            SandboxUnavailable: it did not start, or something else answers.
        """
        self._line = await self._engine.attach(self._id)
        await self._engine.call(lambda api: api.start(self._id))
        try:
            return await self.attendant.greeting()
        except ProtocolError as error:
            said = self._line.complaints.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1] if said else str(error)
            raise SandboxUnavailable(
                f"The sandbox did not start: {reason[:300]}",
                "The image needs python3 (3.11 or newer) with its whole standard library; "
                "`codeteam sandbox build` makes one that fits.",
            ) from error

    async def assign(self, job: str) -> None:
        """Name a container that was in stock for the job that has it now, if that has a name.

        Raises:
            SandboxUnavailable: it is gone, or the engine is.
        """
        if job:
            name = new_name(job)
            await self._engine.call(lambda api: api.rename(self._id, name))
            self.name = name

    @property
    def alive(self) -> bool:
        return self._line is not None and not self._line.ended

    async def died_of_memory(self) -> bool:
        """From the engine's events, for the container itself is gone by now.

        Not every kernel tells the engine of memory. But programs inside cannot kill PID 1: if it got SIGKILL and the
        engine was not asked to send one, it was for memory.
        """
        for _ in range(40):
            events = await self._engine.call(self._events)
            if "oom" in events:
                return True
            if "die" in events:
                return events["die"] == "137" and "kill" not in events
            await asyncio.sleep(0.05)
        return False

    def _events(self, api: Any) -> dict[str, str]:
        """Exit code, where there is one, by what happened."""
        filters = {"container": [self._id], "type": ["container"], "event": ["oom", "die", "kill"]}
        found = api.events(since=int(self._began), until=int(time.time()) + 1, filters=filters, decode=True)
        return {event["Action"]: event["Actor"]["Attributes"].get("exitCode", "") for event in found}

    async def destroy(self) -> None:
        try:
            async with asyncio.timeout(REMOVAL_TIMEOUT):
                await remove(self._engine, self._id)
        except TimeoutError:
            pass  # an engine that hangs: the end of stdin must do
        finally:
            if self._line is not None:
                self._line.close()
            self.when_gone(self)


def _explained(error: SandboxUnavailable, recipe: Recipe) -> SandboxUnavailable:
    """What only the maker of a container can say of a refusal."""
    if recipe.runtime and "runtime" in error.message.lower():
        has = "`docker info` lists those that it has; `sandbox-runtime` chooses one."
        return SandboxUnavailable(f"The Docker engine has no runtime {recipe.runtime}.", has)
    if "seccomp profile" in error.message:
        return SandboxUnavailable(
            "This Podman is on another machine: it reads lists of system calls from its own files alone.",
            "Use Podman on this machine, or a Docker engine.",
        )
    return error


@contextmanager
def _profile(able: Abilities) -> Iterator[str]:
    """The list of system calls as the engine wants it: its text, or for Podman a file, which it reads at once."""
    if not able.podman:
        yield policy.seccomp_profile()
        return
    with scratch("seccomp") as folder:
        file = folder / "profile.json"
        file.write_text(policy.seccomp_profile(), "utf-8")
        yield str(file)


async def remove(engine: Engine, name: str) -> None:
    """Kill and remove a container; that it is gone, or that the engine is, is no failure: stdin's end ends it."""
    try:
        await engine.call(lambda api: api.remove_container(name, v=False, force=True))
    except SandboxUnavailable as error:
        if error.kind == "conflict":  # the engine is at it, for the program ended at the same moment
            await _until_gone(engine, name)


async def _until_gone(engine: Engine, name: str) -> None:
    give_up = time.monotonic() + REMOVAL_TIMEOUT
    while time.monotonic() < give_up:
        try:
            await engine.call(lambda api: api.inspect_container(name))
        except SandboxUnavailable:
            return
        await asyncio.sleep(0.02)


def new_name(job: str = "") -> str:
    """A name that no other container has, with the job that the container is for."""
    known = re.sub(r"[^A-Za-z0-9]", "", job)[:40]
    return f"codeteam-{known}-{secrets.token_hex(6)}" if known else f"codeteam-{secrets.token_hex(6)}"


async def start(engine: Engine, recipe: Recipe) -> tuple[Container, Greeting]:
    """A container that runs.

    Raises:
        SandboxUnavailable: no engine, no image, disk full, or the supervisor cannot run in the image.
    """
    container = Container(engine, new_name(recipe.job))
    return container, await finish(container, _create_and_start(container, recipe))


async def _create_and_start(container: Container, recipe: Recipe) -> Greeting:
    await container.create(recipe)
    return await container.start()


async def finish(container: Container, work: Coroutine[Any, Any, T]) -> T:
    """Let work on a container come to its end; when it fails, or is cancelled, the container goes."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except BaseException:
        await asyncio.shield(_clear(container, task))
        raise


async def _clear(container: Container, task: asyncio.Future[Any]) -> None:
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
    await container.destroy()


def _command(folders: Iterable[str]) -> list[str]:
    program = files("codeteam.sandbox").joinpath("supervisor.py").read_text("utf-8")
    markers = [f"{folder}/{policy.MARKER}" for folder in folders]
    return ["python3", "-I", "-S", "-c", program, policy.WORK, "container", *markers]


def complete(greeting: Greeting, keys: Mapping[str, str]) -> bool:
    """Whether each mounted folder holds all the packages of its key."""
    return all(greeting.markers.get(f"{folder}/{policy.MARKER}", "") == key for folder, key in keys.items())
