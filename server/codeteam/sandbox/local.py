"""`LocalSandbox`: runs on this machine, NOT isolated. For those who ask for it; never chosen silently.

What it has: resource limits, a scratch folder a session, the same supervisor (deadlines, caps, everything that a run
leaves behind is killed), and bubblewrap where it is installed and allowed. What it has not: a boundary that hostile
code could not cross. Every result says so through `Session.image`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import owner, toolchains
from codeteam.sandbox.abilities import Lack
from codeteam.sandbox.dependencies import Resolver, Target
from codeteam.sandbox.frames import ProtocolError
from codeteam.sandbox.indexes import Locked, environment, indexes, looked_up, with_doubts
from codeteam.sandbox.interface import (
    DependencyProblem,
    DependencySet,
    Limits,
    Session,
)
from codeteam.sandbox.languages import LANGUAGES
from codeteam.sandbox.locks import locked
from codeteam.sandbox.npm import Npm
from codeteam.sandbox.scratch import scratch
from codeteam.sandbox.session import Attendant, SupervisedSession, Uncounted
from codeteam.sandbox.toolchains import Toolchain, ToolSet

IMAGE = "local (not isolated)"
DEFAULT_LIMITS = Limits()


class LocalSandbox:
    """Sessions in scratch folders of this machine."""

    def __init__(
        self,
        *,
        home: Path,
        cache: Path,
        environ: Mapping[str, str],
        limits: Limits = DEFAULT_LIMITS,
        bubblewrap: bool = True,
        exclude_newer: str = "",
    ) -> None:
        """`home` holds the scratch folders, `cache` the packages; `bubblewrap` uses it where it works."""
        self._environ = environ
        self._scratch = home / "scratch"
        self._cache = cache
        self._limits = limits
        self._wrapper = _bubblewrap(environ) if bubblewrap else None
        self._resolver = Resolver(cache=cache, environ=environ, exclude_newer=exclude_newer)
        self._npm = Npm(cache=cache, environ=environ, resolver=self._resolver, before=exclude_newer)
        self._indexes = indexes(
            cache=cache, environ=environ, resolver=self._resolver, npm=self._npm, before=exclude_newer
        )
        self._target = Target(platform.python_version())
        self._bodies: set[LocalBody] = set()

    async def ready(self, language: str = "python") -> None:
        if (chain := LANGUAGES[language].toolchain).of_this_machine:
            await toolchains.tool_set(chain, self._target, self._environ)

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
        await self._unpacked(lock, language)
        return DependencySet(lock.key, asked, lock.packages, language, trusted, preferred)

    @asynccontextmanager
    async def open(
        self,
        dependencies: DependencySet | None = None,
        limits: Limits | None = None,
        *,
        job: str = "",
        language: str = "python",
    ) -> AsyncIterator[Session]:
        del job
        if sys.platform == "win32":
            raise SandboxUnavailable("The local sandbox needs Linux or macOS.", "Use Docker instead.")
        limits = limits or self._limits
        chain = LANGUAGES[language].toolchain
        packages = [await self._tools(await toolchains.tool_set(chain, self._target, self._environ))]
        if dependencies is not None and dependencies.key:
            packages.insert(0, await self._again(dependencies))
        await asyncio.to_thread(prune_scratch, self._scratch)
        place = await asyncio.to_thread(_make_scratch, self._scratch)
        env = toolchains.environment(chain, str(packages[-1]), _environment(place, packages))
        if dependencies is not None and dependencies.key:
            index = self._indexes[LANGUAGES[dependencies.language].packages]
            env |= environment(index, str(packages[0]))
            if index.link:
                (place / index.link).symlink_to(packages[0])

        async def another() -> Attendant:
            body = LocalBody(place, _supervisor(place, packages, self._wrapper))
            self._bodies.add(body)
            return await body.start()

        try:
            session = SupervisedSession(
                image=IMAGE,
                first=await another(),
                another=another,
                limits=limits,
                env=env,
                rlimits=_rlimits(limits, chain.reserves),
            )
            try:
                await toolchains.demand(chain, session)
                yield Uncounted(session)
            finally:
                await session.close()
        finally:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    def warm(self, language: str = "python") -> None:
        """Nothing: a process starts at once."""

    async def aclose(self) -> None:
        for body in tuple(self._bodies):
            await body.destroy()
        self._bodies.clear()

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
            return await self._locked(asked, language, trusted, preferred)

        return await looked_up(requirements, LANGUAGES[language].packages, lock)

    async def _locked(
        self, asked: tuple[str, ...], language: str, trusted: frozenset[str], preferred: tuple[str, ...]
    ) -> Locked | tuple[DependencyProblem, ...]:
        index = self._indexes[LANGUAGES[language].packages]
        locked: Locked | tuple[DependencyProblem, ...] = await index.lock(asked, self._target, trusted, preferred)
        return locked

    async def _again(self, dependencies: DependencySet) -> Path:
        lock = await self._locked(
            dependencies.requirements, dependencies.language, dependencies.trusted, dependencies.preferred
        )
        if isinstance(lock, tuple):
            raise SandboxUnavailable(f"Packages are gone from the index: {lock[0].message}", "Prepare them again.")
        return await self._unpacked(lock, dependencies.language)

    async def _unpacked(self, lock: Locked, language: str) -> Path:
        """The folder of a lock's packages, whole or absent."""

        async def fill(folder: Path) -> None:
            await asyncio.to_thread(folder.mkdir)
            index = self._indexes[LANGUAGES[language].packages]
            await index.install(lock, self._target, folder, own_copies=True)

        return await self._filled(lock.key, fill)

    async def _tools(self, tools: ToolSet) -> Path:
        async def fill(folder: Path) -> None:
            await toolchains.unpack(tools, self._target, folder, resolver=self._resolver, npm=self._npm, own=True)
            if tools.chain.prepare:
                base = {"PATH": os.defpath, "CODETEAM_TOOLS": str(folder)}
                env = toolchains.environment(tools.chain, str(folder), base)
                await asyncio.to_thread(_prepare, tools.chain, env)

        return await self._filled(tools.key, fill)

    async def _filled(self, key: str, fill: Callable[[Path], Awaitable[None]]) -> Path:
        folder = self._cache / "packages" / key
        if folder.is_dir():
            return folder
        async with locked(folder.with_suffix(".lock")):
            if not folder.is_dir():
                with scratch("filling", folder.parent) as place:
                    await fill(Path(place, "packages"))
                    await asyncio.to_thread(_finish, Path(place, "packages"), folder)
        return folder


class LocalBody:
    """A `Body` that is a process of this machine."""

    def __init__(self, place: Path, argv: list[str]) -> None:
        self._place = place
        self._argv = argv
        self._process: asyncio.subprocess.Process | None = None
        self.attendant = Attendant(self)

    async def start(self) -> Attendant:
        """Raises SandboxUnavailable when the supervisor does not start."""
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            env={"PATH": os.defpath, "CODETEAM_SCRATCH": str(self._place)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            await self.attendant.greeting()
        except (ProtocolError, OSError) as error:
            await self.destroy()
            raise SandboxUnavailable(f"The local sandbox did not start: {error}.") from error
        return self.attendant

    async def send(self, data: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None  # noqa: S101, PT018 - started
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def receive(self) -> bytes:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101, PT018 - started
        return await self._process.stdout.read(65536)

    async def died_of_memory(self) -> bool:
        return False

    async def destroy(self) -> None:
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await asyncio.to_thread(_kill_marked, str(self._place))


def _supervisor(place: Path, packages: list[Path], wrapper: str | None) -> list[str]:
    program = files("codeteam.sandbox").joinpath("supervisor.py").read_text("utf-8")
    python = [_interpreter(), "-I", "-S", "-c", program, str(place / "work")]
    if wrapper is None:
        return [*python, "local"]
    own = Path.home()
    hidden = ["--tmpfs", str(own)] if own != Path("/") else []
    seen = [str(path) for path in (Path(sys.base_prefix), *packages)]
    return [
        wrapper, "--unshare-all", "--as-pid-1", "--die-with-parent", "--new-session", "--ro-bind", "/", "/",
        "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run", *hidden,  # noqa: S108 - inside
        *(word for path in seen for word in ("--ro-bind", path, path)),
        "--bind", str(place), str(place), "--chdir", str(place), *python, "init",
    ]  # fmt: skip


def _interpreter() -> str:
    """The Python below any virtual environment: this program's own packages are not the sandbox's."""
    return str(Path(getattr(sys, "_base_executable", "") or sys.executable).resolve())


def _environment(place: Path, packages: list[Path]) -> dict[str, str]:
    tools = packages[-1]
    return {
        "PATH": f"{place}/bin:/usr/local/bin:/usr/bin:/bin:{tools}/bin",
        "HOME": f"{place}/home",
        "TMPDIR": str(place / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": ":".join(map(str, packages)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "CODETEAM_TOOLS": str(tools),
        "CODETEAM_SCRATCH": str(place),
    }


def _rlimits(limits: Limits, reserves: int) -> dict[str, int]:
    values = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.disk, "RLIMIT_NOFILE": 1024}
    if sys.platform == "linux":
        values |= {"RLIMIT_DATA": limits.memory + reserves, "RLIMIT_NPROC": _tasks_of_this_user() + limits.processes}
    return values


def _tasks_of_this_user() -> int:
    """Processes and threads, for the kernel counts a user's limit over all of them."""
    count = 0
    for task in Path("/proc").glob("[0-9]*/task/*"):
        with contextlib.suppress(OSError):
            count += task.stat().st_uid == os.getuid()
    return count


def _make_scratch(scratch: Path) -> Path:
    """A fresh folder, named for this process so that another can tell when it is abandoned."""
    place = scratch / f"{owner.this_process().label.replace(':', '_')}_{secrets.token_hex(4)}"
    for name in ("work", "home", "tmp"):
        (place / name).mkdir(parents=True)
    place.chmod(0o700)
    _add_python(place / "bin")
    return place


def _add_python(folder: Path) -> None:
    folder.mkdir()
    for name in ("python", "python3"):
        (folder / name).symlink_to(_interpreter())


def prune_scratch(scratch: Path) -> tuple[str, ...]:
    """Remove the scratch folders of processes that died; their names."""
    removed = []
    for place in scratch.iterdir() if scratch.is_dir() else ():
        label = place.name.rpartition("_")[0].replace("_", ":")
        if owner.is_alive(label) is False:
            _kill_marked(str(place))
            shutil.rmtree(place, ignore_errors=True)
            removed.append(place.name)
    return tuple(removed)


def _kill_marked(place: str) -> None:
    """End programs that outlived their supervisor; on Linux their environment tells them."""
    mark = f"CODETEAM_SCRATCH={place}".encode()
    for folder in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


def _finish(filled: Path, folder: Path) -> None:
    """Compile, and give the folder its name when all is in it."""
    argv = [_interpreter(), "-I", "-S", "-m", "compileall", "-q", "-q", str(filled)]
    subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    filled.rename(folder)


def _prepare(chain: Toolchain, env: Mapping[str, str]) -> None:
    with scratch("tools") as place:
        _add_python(place / "bin")
        env = {**env, "HOME": str(place), "PATH": f"{place}/bin:{env['PATH']}"}
        done = subprocess.run(chain.prepare, cwd=place, env=env, capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SandboxUnavailable(f"Packages could not be prepared: {reason}", chain.install or "Try again.")


def lacks(environ: Mapping[str, str]) -> tuple[Lack, ...]:
    """What hostile code is not held back by here, the worst first."""
    docker = "Use Docker where code is not trusted."
    always = (
        Lack("files can be read", docker),
        Lack("no list of system calls", docker),
        Lack("memory and processes are limited one by one", docker),
    )
    if _bubblewrap(environ) is not None:
        return always
    wrapper = "Install bubblewrap."
    return (
        Lack("the network can be reached", wrapper),
        Lack("files and processes of this user can be changed", wrapper),
        *always,
    )


def _bubblewrap(environ: Mapping[str, str]) -> str | None:
    """The program, where it is installed and this user may make namespaces."""
    program = shutil.which("bwrap", path=environ.get("PATH"))
    if program is None or sys.platform != "linux":
        return None
    trial = [program, "--unshare-all", "--as-pid-1", "--ro-bind", "/", "/", "--proc", "/proc", "/bin/true"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if subprocess.run(trial, capture_output=True, check=False, timeout=10).returncode == 0:
            return program
    return None
