"""What an engine says of itself: how a container must be asked for there, and which protections it cannot give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Machines as Podman calls them, by the kernel's name."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A protection that is missing."""

    protection: str
    """In a few words, as in "no limit of memory"."""
    mend: str
    """What gives it back."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """Of one engine with the runtime that is to be used."""

    machine: str = ""
    """As the kernel names it, for example "x86_64"."""
    system: str = "linux"
    processors: int = 1
    podman: bool = False
    gvisor: bool = False
    rootless: bool = False
    user_namespaces: bool = False
    """Root in a container is not root on the machine."""
    seccomp: bool = True
    """Lists of system calls are applied."""
    memory: bool = True
    """A container's memory is limited; else only that of each of its processes."""
    swap: bool = True
    """Swap counts as memory; else a container may use as much of it again."""
    processes: bool = True
    processor_time: bool = True

    @property
    def name(self) -> str:
        """As in "rootless Podman with gVisor"."""
        name = "Podman" if self.podman else "Docker"
        return f"{'rootless ' * self.rootless}{name}{' with gVisor' * self.gvisor}"

    @property
    def remark(self) -> str:
        """What is neither missing nor there for certain."""
        if self.gvisor:
            return "gVisor's own kernel stands in the place of the list of system calls"
        if not self.user_namespaces:
            return "a rootless engine or `userns-remap` would leave less to a fault of the kernel"
        return ""

    @property
    def shown(self) -> str:
        """For the evidence: where something ran and what was missing there; empty for Docker with nothing missing."""
        lacks = ", ".join(lack.protection for lack in self.lacks)
        if not lacks:
            return "" if self.name == "Docker" else f"in {self.name}"
        return f"in {self.name}: {lacks}"

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """What hostile code is not held back by here, the worst first."""
        groups = "Let the engine use control groups: systemd with cgroup v2, and `Delegate=yes` where it is rootless."
        found = (
            (self.seccomp or self.gvisor, "no list of system calls", "Use an engine and a kernel with seccomp."),
            (self.memory, "memory is limited by process, not together", groups),
            (self.swap or not self.memory, "swap is not counted", "Boot with `swapaccount=1`, or turn swap off."),
            (self.processes, "no limit of processes but the user's own", groups),
            (self.processor_time, "no limit of processor time but the deadline", groups),
            (
                not (self.podman or self.gvisor),
                "no limit of the number of files but memory",
                "Use Docker where that matters.",
            ),
        )
        return tuple(Lack(protection, mend) for held, protection, mend in found if not held)


def of(facts: Mapping[str, Any], runtime: str | None = None) -> Abilities:
    """From the answer to `/info`; `runtime` is the engine's name of one, None for its default."""
    options = [str(option) for option in facts.get("SecurityOptions") or ()]

    def has(name: str) -> bool:
        return any(option == f"name={name}" or option.startswith(f"name={name},") for option in options)

    machine = str(facts.get("Architecture", ""))
    chosen = runtime or str(facts.get("DefaultRuntime", ""))
    way = json.dumps((facts.get("Runtimes") or {}).get(chosen, {}))
    rootless = has("rootless") or bool(facts.get("Rootless"))
    return Abilities(
        machine=MACHINES.get(machine, machine),
        system=str(facts.get("OSType", "")),
        processors=int(facts.get("NCPU", 1)),
        podman=is_podman(facts),
        gvisor="runsc" in chosen or "runsc" in way,
        rootless=rootless,
        user_namespaces=rootless or has("userns"),
        seccomp=has("seccomp"),
        memory=bool(facts.get("MemoryLimit")),
        swap=bool(facts.get("SwapLimit")),
        processes=bool(facts.get("PidsLimit")),
        processor_time=bool(facts.get("CpuCfsQuota")),
    )


def is_podman(facts: Mapping[str, Any]) -> bool:
    """Whether Podman gave this answer to `/info`."""
    return "BuildahVersion" in facts
