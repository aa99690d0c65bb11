"""How far a session as a whole stands back, where Linux schedules sessions as groups (sched(7), autogroup)."""

from __future__ import annotations

from pathlib import Path

SCHEDULED = Path("/proc/self/autogroup").exists()
"""Elsewhere niceness is all there is to see."""


def niceness_of_session(pid: int) -> int:
    """Of the session that a process is in; 0 where the kernel knows none."""
    return int(Path(f"/proc/{pid}/autogroup").read_text("ascii").rpartition(" ")[2]) if SCHEDULED else 0
