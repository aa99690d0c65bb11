"""The line to a container: what is sent and said arrives whole and in order, however much of it waits."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from codeteam.sandbox.line import CHUNK, WAITING, Line, attached

STDOUT, STDERR = 1, 2
Ends = tuple[Line, socket.socket]


class Wrapped(socket.socket):
    """As a socket with TLS is one: more than the event loop may watch."""


@pytest.fixture(params=["watched", "in a thread"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    if request.param == "in a thread":
        ours = Wrapped(ours.family, ours.type, ours.proto, ours.detach())
    line = attached(ours)
    yield line, theirs
    line.close()
    theirs.close()


def frame(stream: int, text: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(text)) + text


async def received(end: socket.socket, size: int) -> bytes:
    """Slowly, so that whoever sends has to wait."""
    parts = bytearray()
    while len(parts) < size:
        parts += await asyncio.to_thread(end.recv, 65536)
    return bytes(parts)


async def heard(line: Line) -> bytes:
    """All that is said until the end."""
    parts = bytearray()
    while chunk := await line.receive():
        parts += chunk
    return bytes(parts)


@pytest.mark.parametrize("size", [1, 1000, 10_000_000])
async def test_what_is_sent_arrives(ends: Ends, size: int) -> None:
    line, engine = ends
    whole = bytes(range(251)) * (size // 251 + 1)
    reading = asyncio.create_task(received(engine, 2 * len(whole)))
    await line.send(whole)
    await line.send(whole[::-1])
    assert await reading == whole + whole[::-1]


@pytest.mark.parametrize("piece", [1, 7, 8, 9, 100_000])
async def test_what_is_said_arrives_however_it_is_cut(ends: Ends, piece: int) -> None:
    line, engine = ends
    said = frame(STDOUT, b"one") + frame(STDERR, b"x" * 5000 + b"oh") + frame(STDOUT, b"") + frame(STDOUT, b"two" * 999)

    def say() -> None:
        for start in range(0, len(said), piece):
            engine.sendall(said[start : start + piece])
        engine.shutdown(socket.SHUT_WR)

    saying = asyncio.create_task(asyncio.to_thread(say))
    assert await heard(line) == b"one" + b"two" * 999
    assert await line.receive() == b"", "and ever after"
    assert line.ended
    assert line.complaints == b"x" * 3998 + b"oh"
    await saying


async def test_who_says_more_than_is_listened_to_waits(ends: Ends) -> None:
    line, engine = ends
    size = 4 * WAITING * CHUNK
    saying = asyncio.create_task(asyncio.to_thread(engine.sendall, frame(STDOUT, bytes(size))))
    await asyncio.sleep(1)
    assert not saying.done()
    got = 0
    while got < size:
        got += len(await line.receive())
    assert got == size
    await saying


async def test_a_line_that_is_cut_says_so(ends: Ends) -> None:
    line, engine = ends
    engine.close()
    with pytest.raises(BrokenPipeError):
        await line.send(b"x" * 10)
    assert await line.receive() == b""
