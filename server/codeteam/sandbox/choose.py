"""Picks the sandbox that the settings ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import platformdirs

from codeteam.domain.settings import SandboxKind, Settings
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Limits, Sandbox
from codeteam.sandbox.local import LocalSandbox


def open_sandbox(
    settings: Settings,
    *,
    home: Path,
    environ: Mapping[str, str] = os.environ,
    spares: int = 0,
    today: Callable[[], date] = date.today,
) -> Sandbox:
    """The sandbox of `settings.sandbox`, with its image and memory; nothing is contacted yet, and it must be closed.

    `home` is the state directory, where local runs have their scratch folders. `spares` is how many containers to
    start ahead of need at most, `today` the day that the age of packages is counted from.
    """
    newest = _newest(settings, today)
    if settings.sandbox is SandboxKind.LOCAL:
        return LocalSandbox(
            home=home,
            cache=cache_folder(environ),
            environ=environ,
            limits=_limits(settings),
            exclude_newer=newest,
        )
    return open_docker(settings, environ=environ, spares=spares, newest=newest)


def open_docker(
    settings: Settings, *, environ: Mapping[str, str] = os.environ, spares: int = 0, newest: str = ""
) -> DockerSandbox:
    """The Docker sandbox, whatever the settings say of its kind."""
    return DockerSandbox(
        cache=cache_folder(environ),
        environ=environ,
        image=settings.sandbox_image,
        limits=_limits(settings),
        exclude_newer=newest,
        runtime=settings.sandbox_runtime or None,
        spares=spares,
        budget=settings.sandbox_budget * 1024 * 1024,
    )


def _newest(settings: Settings, today: Callable[[], date]) -> str:
    """The last day on which a release may have been published; a whole day, so that answers are used again."""
    return (today() - timedelta(days=settings.package_age)).isoformat() if settings.package_age else ""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where what can be fetched again lies: `CODETEAM_CACHE`, or the user's cache directory."""
    chosen = environ.get("CODETEAM_CACHE", "")
    return Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("codeteam", appauthor=False)


def _limits(settings: Settings) -> Limits:
    return Limits(memory=settings.sandbox_memory * 1024 * 1024)
