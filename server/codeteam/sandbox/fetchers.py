"""Runs the programs that fetch packages, uv, npm, go and cargo, on the host."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

LONGEST = 600
"""Seconds for one call."""


async def call(*argv: str, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of a program, and what it said as errors; 2 and "timed out" where it did not end in time."""
    code, _, said = await answer(*argv, cwd=cwd, env=env)
    return code, said


async def answer(*argv: str, cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
    """As `call`, with what the program said on its standard output before its errors."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST):
            told, said = await process.communicate()
    except TimeoutError:
        return 2, "", "timed out"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, told.decode("utf-8", "replace"), said.decode("utf-8", "replace")
