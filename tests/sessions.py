"""How far a session as a whole stands back, where Linux schedules sessions as groups (sched(7), autogroup)."""

from __future__ import annotations

from pathlib import Path

import pytest

SCHEDULED = Path("/proc/self/autogroup").exists()
needs_scheduled = pytest.mark.skipif(not SCHEDULED, reason="this kernel does not schedule sessions as groups")


def niceness_of_session(pid: int) -> int:
    """Of the session that a process is in; 0 where the kernel knows none."""
    return int(Path(f"/proc/{pid}/autogroup").read_text("ascii").rpartition(" ")[2]) if SCHEDULED else 0
