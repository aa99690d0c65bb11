"""A long run by hand: `python -m tests.soak [--jobs 200] [--seed N]`, as root, on an engine of its own."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from tests.sandbox.own_engine import own_engine
from tests.soak.kills import Soak, rounds

LONGEST = 2.0
"""Seconds that a container may outlive its owner."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="four a round (200)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the points of the kills")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="codeteam-soak-") as folder, own_engine(Path(folder, "engine")) as engine:
        soak = Soak(Path(folder), engine)
        for number, plan in enumerate(rounds(args.jobs // 4, args.seed), 1):
            begun = time.monotonic()
            asyncio.run(soak.round(plan))
            print(f"{number:4}  {plan}  {time.monotonic() - begun:.1f} s", flush=True)
        figures = soak.finish()
    print(f"{figures.jobs} jobs; killed {dict(figures.kills)}; history says {dict(figures.ended)}")
    for left, times in figures.outlived.items():
        ordered = sorted(times)
        print(f"{left}: gone after {ordered[len(ordered) // 2]:.2f} s (median), {ordered[-1]:.2f} s (most)")
        if left.startswith("containers") and ordered[-1] > LONGEST:
            figures.problems.append(f"{left} were there for {ordered[-1]:.2f} s")
    print(f"made and never started: {figures.unstarted}")
    print("\n".join(figures.problems) or "nothing was left, and history tells the truth")
    return 1 if figures.problems else 0


raise SystemExit(main())
