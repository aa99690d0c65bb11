"""The line to a container: what is sent arrives whole and in order, however much of it waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from codeteam.sandbox.line import Line


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


async def received(end: socket.socket, size: int) -> bytes:
    """Slowly, so that whoever sends has to wait."""
    parts = bytearray()
    while len(parts) < size:
        parts += await asyncio.to_thread(end.recv, 65536)
    return bytes(parts)


@pytest.mark.parametrize("size", [1, 1000, 10_000_000])
async def test_what_is_sent_arrives(ends: tuple[socket.socket, socket.socket], size: int) -> None:
    line = Line(ends[0])
    whole = bytes(range(251)) * (size // 251 + 1)
    reading = asyncio.create_task(received(ends[1], 2 * len(whole)))
    await line.send(whole)
    await line.send(whole[::-1])
    assert await reading == whole + whole[::-1]
    line.close()


async def test_a_line_that_is_cut_says_so(ends: tuple[socket.socket, socket.socket]) -> None:
    line = Line(ends[0])
    ends[1].close()
    with pytest.raises(BrokenPipeError):
        await line.send(b"x" * 10)
    assert await line.receive() == b""
