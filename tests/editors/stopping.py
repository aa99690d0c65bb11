"""Ends an editor and everything that it started."""

from __future__ import annotations

import psutil


def stop(pid: int) -> None:
    """Kill a process and what descends from it, by number; quiet when they are gone already."""
    try:
        own = psutil.Process(pid)
        family = [own, *own.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)
