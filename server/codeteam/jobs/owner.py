"""Who owns a job: a process told from any later one that got the same number."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, alive or gone."""

    pid: int
    started: str
    """When it started, in a form that only this module reads; empty when it could not be told."""

    @property
    def alive(self) -> bool:
        return self.started != "" and process_start(self.pid) == self.started


def process_start(pid: int) -> str:
    """When the process started, comparable only for equality; empty when there is no such process."""
    if sys.platform == "linux":
        return _linux_start(pid)
    import psutil  # noqa: PLC0415 - where /proc does not say it

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.0f}"
    except psutil.Error:
        return ""


def _linux_start(pid: int) -> str:
    """Clock ticks since boot, and which boot: unlike a time of day, no clock adjustment changes them."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return "" if state in {"Z", "X"} else f"{boot}:{fields[18]}"
