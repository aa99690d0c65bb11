"""How a process of ours stands back behind the editor and whatever else the user does."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

NICENESS = 10
"""As the command `nice` has it: about a tenth of a processor that others want as well."""
_TRIES = 4
_PAUSE = 0.11
"""Seconds between tries: Linux takes one change in a tenth of a second, of all processes together."""


def stand_back() -> None:
    """Lower the priority of this process and of what it will start; may wait for a fraction of a second.

    Windows gives priorities from outside.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
        tell_session()


def tell_session() -> None:
    """Let this process's niceness hold for its session too, if it leads one; may wait for a fraction of a second.

    Linux may schedule each session as one group (`sched_autogroup_enabled`, sched(7)): then niceness counts only
    within the session, which has one of its own, and a new one has none.
    """
    if not hasattr(os, "getsid") or os.getsid(0) != os.getpid():
        return
    with suppress(OSError):  # another system, or a kernel without it
        _write(str(os.getpriority(os.PRIO_PROCESS, 0)))


def _write(niceness: str) -> None:
    for _ in range(_TRIES):
        try:
            Path("/proc/self/autogroup").write_text(niceness, encoding="ascii")
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return
