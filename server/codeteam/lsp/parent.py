"""Whether the process that started us still lives."""

from __future__ import annotations

import os
import sys


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that may not be looked at counts as alive."""
    if sys.platform == "win32":  # there, signal 0 would end the process
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _is_alive_on_windows(pid: int) -> bool:
    import ctypes  # noqa: PLC0415 - of no use elsewhere

    synchronize, timeout = 0x00100000, 0x102
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]  # only there
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == timeout)
    finally:
        kernel.CloseHandle(handle)
