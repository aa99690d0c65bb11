"""Toolchains that are run on the host as well, to fetch packages: npm and go, from the wheels that the sandbox has."""

from __future__ import annotations

import asyncio
import platform
from importlib.resources import files
from pathlib import Path

from codeteam.sandbox.dependencies import Lock, Resolver, Target
from codeteam.sandbox.locks import locked
from codeteam.sandbox.scratch import scratch


async def of_this_machine(chain: str, resolver: Resolver, cache: Path) -> Path:
    """The folder of a toolchain's wheels for this machine, from the lock that ships, unpacked once.

    Raises:
        SandboxUnavailable: it cannot be fetched, or there is none for this machine.
    """
    text = files("codeteam.sandbox").joinpath("toolchains", f"{chain}.lock").read_text("utf-8")
    target = Target(platform.python_version())
    lock = Lock.of(text, target)
    folder = cache / "packages" / f"{chain}-{lock.key}"
    if not folder.is_dir():
        async with locked(folder.with_suffix(".lock")):
            if not folder.is_dir():
                with scratch("filling", folder.parent) as place:
                    filled = place / "packages"
                    await resolver.install(lock, target, filled, own_copies=False)
                    await asyncio.to_thread(filled.rename, folder)
    return folder
