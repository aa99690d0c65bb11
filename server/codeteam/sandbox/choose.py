"""Picks the sandbox that the settings ask for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from codeteam.domain.settings import SandboxKind, Settings
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Limits, Sandbox
from codeteam.sandbox.local import LocalSandbox


def open_sandbox(
    settings: Settings, *, home: Path, environ: Mapping[str, str] = os.environ, spares: int = 0
) -> Sandbox:
    """The sandbox of `settings.sandbox`, with its image and memory; nothing is contacted yet, and it must be closed.

    `home` is the state directory; scratch folders of local runs are made there. Caches are the user's.
    `spares` is how many containers to start ahead of need.
    """
    cache = Path(platformdirs.user_cache_dir("codeteam", appauthor=False))
    limits = Limits(memory=settings.sandbox_memory * 1024 * 1024)
    if settings.sandbox is SandboxKind.LOCAL:
        return LocalSandbox(home=home, cache=cache, environ=environ, limits=limits)
    return DockerSandbox(cache=cache, environ=environ, image=settings.sandbox_image, limits=limits, spares=spares)
