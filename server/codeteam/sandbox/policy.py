"""What a container may do: the settings that every sandbox container is created with, and its seccomp profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from codeteam.sandbox.abilities import Abilities
from codeteam.sandbox.interface import Limits

WORK = "/work"
DEPENDENCIES = "/opt/deps"
NODE_MODULES = "/node_modules"
"""Packages of npm: programs in the work folder find them by walking upwards."""
GO_MODULES = "/opt/modules"
CRATES = "/opt/crates"
TOOLS = "/opt/tools"
MARKER = ".codeteam-complete"
"""File in a volume of packages whose text is the volume's key once everything is in it."""
FIRST_UID = 20_000
UIDS = 40_000
"""A container's user is one of these many numbers: below 65536, so that user namespaces of the engine can map it."""

EPERM = 1
ENOSYS = 38
NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: `clone` only without them."""
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, SOCK_TYPE_MASK = 1, 2, 0xF
LAST_PLAIN_PROTOCOL = 17
"""IPPROTO_UDP: leaves out SCTP, MPTCP and others whose code no test needs."""

PODMANS_OWN = ("/run", "/var/tmp")  # noqa: S108 - of the container
"""Where Podman makes room to write in, read-only image or not, unless something is mounted there."""
GVISOR_TASKS = 16
"""Tasks of the machine that gVisor may take for each of its processes; its own threads are among them."""


@dataclass(frozen=True, slots=True)
class Mounts:
    """Volumes of packages by the folder they appear in."""

    read_only: Mapping[str, str] = field(default_factory=dict)
    """Volume name by folder."""
    writable: Mapping[str, str] = field(default_factory=dict)


def host_config(
    limits: Limits, *, uid: int, mounts: Mounts, runtime: str | None, able: Abilities, seccomp: str
) -> dict[str, Any]:
    """Arguments for `create_host_config`; each line closes an attack that the tests make.

    `seccomp` is the profile of system calls, in the form that this engine takes.
    """
    scratch = min(limits.disk, 64 * 1024 * 1024)
    return {
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={seccomp}"],
        "ipc_mode": "private",
        "pids_limit": limits.processes * (GVISOR_TASKS if able.gvisor else 1),
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "nano_cpus": int(min(limits.cpus, able.processors) * 1e9),
        "oom_score_adj": 500,
        "shm_size": 16 * 1024 * 1024,
        "log_config": {"type": "none", "config": {}},
        "ulimits": _ulimits(limits, able, uid),
        "tmpfs": {
            WORK: f"rw,exec,nosuid,nodev,size={limits.disk},{_work_folder(limits, uid, able)}",
            "/tmp": f"rw,noexec,nosuid,nodev,size={scratch},{_open_folder(limits, able)}",  # noqa: S108 - of the container
            **(dict.fromkeys(PODMANS_OWN, "ro,noexec,nosuid,nodev,size=64k,mode=0555") if able.podman else {}),
        },
        "binds": _binds(mounts),
        "auto_remove": True,
        "init": False,
        "privileged": False,
        "restart_policy": {"Name": "no"},
        "runtime": runtime,
    }


def environment() -> dict[str, str]:
    """All that a program in a container finds in its environment; the job's own packages win over the tools."""
    return {
        # The tools' programs win: a package that brings a `ruff` of its own must not be asked about the code.
        "PATH": f"/usr/local/bin:/usr/bin:/bin:{TOOLS}/bin:{DEPENDENCIES}/bin",
        "HOME": "/tmp",  # noqa: S108 - of the container
        "USER": "codeteam",
        "LOGNAME": "codeteam",
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{DEPENDENCIES}:{TOOLS}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "CODETEAM_TOOLS": TOOLS,
    }


def seccomp_profile() -> str:
    """An allow-list as Docker reads it: all else answers EPERM; `clone3` ENOSYS, so that libc falls back to `clone`."""
    names = json.loads(files("codeteam.sandbox").joinpath("syscalls.json").read_text("utf-8"))
    rules: list[dict[str, Any]] = [
        _rule(*names),
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
        _rule("clone", args=[_masked(0, NAMESPACE_FLAGS, 0)]),
        _rule("personality", args=[_equal(0, 0)]),
        _rule("personality", args=[_equal(0, 0xFFFFFFFF)]),
        # Only of the caller itself: programs share their user with the supervisor and must not limit it.
        _rule("prlimit64", args=[_equal(0, 0)]),
        _rule("socket", args=[_equal(0, AF_UNIX)]),
        # A pair of another family makes a socket of it before it is refused, and loads its module into the kernel.
        _rule("socketpair", args=[_equal(0, AF_UNIX)]),
        _rule("socket", args=[_equal(0, AF_NETLINK), _equal(2, 0)]),
    ]
    rules += [
        _rule("socket", args=[_equal(0, family), _masked(1, SOCK_TYPE_MASK, kind), _at_most(2, LAST_PLAIN_PROTOCOL)])
        for family in (AF_INET, AF_INET6)
        for kind in (SOCK_STREAM, SOCK_DGRAM)
    ]
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": rules,
    }
    return json.dumps(profile, separators=(",", ":"))


def _work_folder(limits: Limits, uid: int, able: Abilities) -> str:
    if able.podman:
        return _open_folder(limits, able)
    return f"nr_inodes={_inodes(limits)},mode=0700,uid={uid},gid={uid}"


def _open_folder(limits: Limits, able: Abilities) -> str:
    """Podman knows neither owners nor a number of files: there, names are limited by the memory that they take."""
    return "mode=1777" if able.podman else f"nr_inodes={_inodes(limits)},mode=1777"


def _inodes(limits: Limits) -> int:
    return max(limits.disk // 8192, 4096)


def _ulimits(limits: Limits, able: Abilities, uid: int) -> list[dict[str, Any]]:
    values = {"fsize": limits.disk, "nofile": 1024, "core": 0, "memlock": 0, "msgqueue": 0}
    if not able.processes and uid != 0:
        # Counted for the user, who is the container's own; root is the engine too, and runs nothing that was generated.
        values["nproc"] = limits.processes
    elif able.podman:
        values["nproc"] = limits.processes * 8  # else Podman asks for a million, which not every machine lets it give
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in values.items()]


def _binds(mounts: Mounts) -> list[str]:
    read_only = [f"{volume}:{folder}:ro,nocopy" for folder, volume in mounts.read_only.items()]
    return read_only + [f"{volume}:{folder}:rw,nocopy" for folder, volume in mounts.writable.items()]


def _rule(*names: str, args: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"names": list(names), "action": "SCMP_ACT_ALLOW", "args": args or []}


def _equal(index: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": 0, "op": "SCMP_CMP_EQ"}


def _at_most(index: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": 0, "op": "SCMP_CMP_LE"}


def _masked(index: int, mask: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
