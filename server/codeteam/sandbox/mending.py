"""The one command that brings a Docker engine to this machine, starts it, or lets its user speak to it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_START = "systemctl enable --now docker"
_INSTALL = {
    "debian": "apt-get install docker.io",
    "ubuntu": "apt-get install docker.io",
    "fedora": f"dnf install moby-engine && {_START}",
    "arch": f"pacman -S docker && {_START}",
    "suse": f"zypper install docker && {_START}",
    "opensuse": f"zypper install docker && {_START}",
    "alpine": "apk add docker && rc-service docker start",
}
"""By what a Linux calls itself; where the package does not start the engine, that is part of the command."""
_ANY_LINUX = "curl -fsSL https://get.docker.com | sh"
"""Docker's own installer, for every other Linux that it knows."""
_DESKTOP = {
    "Darwin": "brew install --cask docker-desktop && open -a Docker",
    "Windows": "winget install -e --id Docker.DockerDesktop",
}
_DESKTOP_START = {"Darwin": "open -a Docker", "Windows": "docker desktop start"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What decides which command it is."""

    system: str
    """As `platform.system` has it."""
    kinds: tuple[str, ...] = ()
    """What a Linux is, and what it is like, nearest first: `ID` and `ID_LIKE` of os-release(5)."""
    has_docker: bool = False
    """Docker is installed, running or not."""
    has_systemd: bool = False
    is_root: bool = False
    host: str = ""
    """What `DOCKER_HOST` says, without a password; empty where it says nothing."""


def this_platform(environ: Mapping[str, str]) -> Platform:
    """The machine that we run on, with the user's `PATH` and `DOCKER_HOST`."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:  # no Linux, or one that does not say
        release = {}
    path = environ.get("PATH", "")
    scheme, mark, rest = environ.get("DOCKER_HOST", "").strip().rpartition("://")
    return Platform(
        system=platform.system(),
        kinds=tuple(f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".replace("-", " ").split()),
        has_docker=any(shutil.which(program, path=path) for program in ("dockerd", "docker")),
        has_systemd=Path("/run/systemd/system").is_dir(),
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
        host=f"{scheme}{mark}{rest.rpartition('@')[2]}",
    )


def missing(machine: Platform) -> str:
    """What to do where there is no engine: words that end in a command."""
    if machine.host or machine.has_docker:
        return down(machine)
    return f"Install Docker: {_install(machine)}"


def down(machine: Platform) -> str:
    """What to do where an engine should be and does not answer."""
    if machine.host.startswith("unix:///run/user/"):  # an engine without root, each user's own
        return "Start the Docker engine: systemctl --user start docker"
    if machine.host:
        unset = "Remove-Item Env:DOCKER_HOST" if machine.system == "Windows" else "unset DOCKER_HOST"
        return f"Start that engine, or take this machine's own: {unset}"
    return f"Start the Docker engine: {_service(machine, 'start')}"


def silent(machine: Platform) -> str:
    """What to do with an engine that takes a call and never answers it."""
    return down(machine) if machine.host else f"Restart the Docker engine: {_service(machine, 'restart')}"


def forbidden(machine: Platform) -> str:
    """What to do where this user may not speak to the engine."""
    return f"Join its group, then log in again: {_as_root('usermod -aG docker $USER', machine)}"


def _install(machine: Platform) -> str:
    if machine.system in _DESKTOP:
        return _DESKTOP[machine.system]
    return _as_root(next((_INSTALL[kind] for kind in machine.kinds if kind in _INSTALL), _ANY_LINUX), machine)


def _service(machine: Platform, verb: str) -> str:
    if machine.system in _DESKTOP_START:
        return "docker desktop restart" if verb == "restart" else _DESKTOP_START[machine.system]
    if machine.has_systemd:
        return _as_root(f"systemctl {verb} docker", machine)
    return _as_root(f"rc-service docker {verb}" if "alpine" in machine.kinds else f"service docker {verb}", machine)


def _as_root(command: str, machine: Platform) -> str:
    """The command with `sudo` where it is needed; root may not even have that program."""
    if machine.is_root:
        return command
    if command == _ANY_LINUX:
        return command.replace("| sh", "| sudo sh")
    return " && ".join(f"sudo {part}" for part in command.split(" && "))
