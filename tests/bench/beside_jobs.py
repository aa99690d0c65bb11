"""The menu while four jobs run, and while none does; beside it that of a server that has no part in them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.figures import percentile
from tests.bench.wire import Wire, wired
from tests.bench.working import BUSY, MODULE, begin, drained, ended, stub, working

REPLY_SECONDS = 3.0
"""What a quick model takes for a reply."""
KEY_REPEAT_SECONDS = 0.033
"""How often a held cursor key moves on."""
TARGET = 2
"""Times as long as with no job the slowest of a hundred menus may take."""
OTHER = "file:///w/slug.py"


def beside_jobs(folder: Path, environ: Mapping[str, str], stock: Sequence[str], rounds: int) -> None:
    """As users have it, and the worst that there can be: jobs that wait for no model, menus as fast as they come."""
    for reply, pause in ((REPLY_SECONDS, KEY_REPEAT_SECONDS), (0.0, 0.002)):
        with working(folder, environ, reply, all_roles=True) as wire, wired(stock, environ, folder / "log") as other:
            other.initialize()
            other.open(OTHER, MODULE)
            for _ in range(BUSY):  # the sandbox's spare containers, and the workers
                begin(wire)
            drained(wire)
            wire.settle()
            sides = _Sides({"codeteam": (wire, stub(wire)), "stock pygls": (other, OTHER)}, pause)
            jobs = 0
            for _ in range(3):
                sides.watch("idle", 2 * rounds)
                jobs += _keep_busy(wire, sides, 4 * rounds)
                drained(wire)
        print(f"\nmenu every {pause * 1000:.0f} ms, {BUSY} jobs whose models take {reply:g} s a reply ({jobs} ended)")
        sides.show(judged=bool(reply))


class _Sides:
    """Two servers that are asked in turns, so that both meet the same machine."""

    def __init__(self, sides: Mapping[str, tuple[Wire, str]], pause: float) -> None:
        self._sides = sides
        self._pause = pause
        self._times: dict[tuple[str, str], list[float]] = {}
        self._turn = 0

    def look(self, when: str) -> None:
        self._turn += 1
        for name in sorted(self._sides, reverse=self._turn % 2 == 1):  # neither is always the first
            wire, uri = self._sides[name]
            start = time.perf_counter()
            wire.menu(uri, 1)
            self._times.setdefault((when, name), []).append((time.perf_counter() - start) * 1000)
            time.sleep(self._pause / 2)

    def watch(self, when: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look(when)

    def show(self, *, judged: bool) -> None:
        for share in (50, 99):
            for name in self._sides:
                idle, busy = (percentile(self._times[when, name], share) for when in ("idle", "busy"))
                verdict = ""
                if judged and (share, name) == (99, "codeteam"):
                    verdict = f", at most {TARGET}: {'yes' if busy <= TARGET * idle else 'NO'}"
                print(f"  p{share}, {name}: idle {idle:.2f} ms, busy {busy:.2f} ms, {busy / idle:.2f} x{verdict}")


def _keep_busy(wire: Wire, sides: _Sides, seconds: float) -> int:
    """Look while as many jobs run as may; how many of them ended."""
    jobs = 0
    until = time.monotonic() + seconds
    told = len(wire.told)
    running = [begin(wire) for _ in range(BUSY)]
    while time.monotonic() < until:
        sides.look("busy")
        news, told = wire.told[told:], len(wire.told)
        for job in [job for job in running if any(ended(message, job) for message in news)]:
            running.remove(job)
            running.append(begin(wire))
            jobs += 1
    return jobs
