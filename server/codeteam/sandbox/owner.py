"""Who started a container, in a label, and whether that process still lives.

The label is `host:boot:namespace:pid:start`: with the boot, the PID namespace and the start time of the process, a
number that was given out again is not taken for the owner.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, as precisely as this platform can say."""

    host: str
    boot: str
    namespace: str
    pid: int
    start: str

    @property
    def label(self) -> str:
        return f"{self.host}:{self.boot}:{self.namespace}:{self.pid}:{self.start}"


def this_process() -> Owner:
    return Owner(_host(), _boot(), _namespace(), os.getpid(), _start(os.getpid()))


def is_alive(label: str) -> bool | None:
    """Whether the owner of a label lives; None where this process cannot know (another machine or namespace)."""
    try:
        host, boot, namespace, number, start = label.split(":")
        pid = int(number)
    except ValueError:
        return None
    if host != _host():
        return None
    if boot != _boot():
        return False
    if namespace != _namespace() or sys.platform == "win32":
        return None
    return bool(start) and _start(pid) == start


def _host() -> str:
    """A short name of this machine that tells nothing about it."""
    try:
        identity = Path("/etc/machine-id").read_text("ascii").strip()
    except OSError:
        identity = f"{platform.node()}-{uuid.getnode()}"
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")[:12]
    except OSError:
        return "-"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "-"


def _start(pid: int) -> str:
    """When a process started, in whatever unit the platform has; empty when there is no such process."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    if sys.platform == "win32":
        return "-"
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return hashlib.sha256(found.stdout.strip().encode()).hexdigest()[:12] if found.stdout.strip() else ""
