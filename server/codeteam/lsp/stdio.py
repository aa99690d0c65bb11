"""Standard input and output as the protocol's channel: nothing else in the process can reach it.

The descriptors are moved away and standard output becomes standard error, so that a stray `print`, or a child
process, can neither break a message nor eat one.
"""

from __future__ import annotations

import asyncio
import os
import queue
import stat
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MOST = 256 * 1024 * 1024
"""Bytes of one message at most; a longer one cannot be meant."""


class BadFrame(Exception):
    """What came is not framed as the protocol says; where the next message begins cannot be known."""


@dataclass(frozen=True, slots=True)
class Channel:
    """The client's two streams."""

    reader: asyncio.StreamReader
    write: Callable[[bytes], None]
    """Takes bytes at once and sends them in order, however slowly the client reads."""
    flush: Callable[[], Awaitable[None]]
    """Waits until everything was sent."""


async def open_stdio() -> Channel:
    """Take over this process's standard streams."""
    source, sink = _take_descriptors()
    write, flush = await _writer(sink)
    return Channel(await _reader(source), write, flush)


async def next_message(reader: asyncio.StreamReader) -> bytes | None:
    """The next message's body; None at the end of the stream.

    Raises:
        BadFrame: no usable Content-Length.
    """
    length = None
    try:
        while line := await reader.readline():
            if line in {b"\r\n", b"\n"}:
                if length is None:
                    raise BadFrame("a message without Content-Length")
                return await reader.readexactly(length)
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = _length(value)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except ValueError as error:  # a header line beyond the stream's limit
        raise BadFrame("a header without end") from error
    return None


def _take_descriptors() -> tuple[BinaryIO, BinaryIO]:
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    sink = os.fdopen(os.dup(1), "wb", buffering=0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout.flush()  # what was printed before waits in the buffer, and goes to standard error now
    return source, sink


def _length(value: bytes) -> int:
    text = value.strip()
    if not text.isdigit() or len(text) > 12 or int(text) > _MOST:
        raise BadFrame("a Content-Length that is not a sensible number")
    return int(text)


async def _reader(source: BinaryIO) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1024 * 1024)
    if _can_be_watched(source):
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
        return reader
    threading.Thread(target=_pump, args=(source, reader, loop), name="stdin", daemon=True).start()
    return reader


def _pump(source: BinaryIO, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    """Read in a thread of its own, where the event loop cannot watch the stream."""
    with suppress(OSError, RuntimeError):  # the loop was closed meanwhile
        while data := os.read(source.fileno(), 65536):
            loop.call_soon_threadsafe(reader.feed_data, data)
        loop.call_soon_threadsafe(reader.feed_eof)


async def _writer(sink: BinaryIO) -> tuple[Callable[[bytes], None], Callable[[], Awaitable[None]]]:
    """Writing never blocks: a client that does not read for a while must not stop us from reading."""
    if not _can_be_watched(sink):
        return _threaded_writer(sink)
    transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.BaseProtocol, sink)

    async def drained() -> None:
        while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.005)

    return transport.write, drained


def _can_be_watched(stream: BinaryIO) -> bool:
    """Whether the event loop can wait for a stream: it cannot for files and devices, and on Windows for none."""
    mode = os.fstat(stream.fileno()).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


def _threaded_writer(sink: BinaryIO) -> tuple[Callable[[bytes], None], Callable[[], Awaitable[None]]]:
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    sent = threading.Event()

    def run() -> None:
        while True:
            data = memoryview(waiting.get())
            with suppress(OSError):  # the client is gone; the end of its input will say so
                while data:
                    data = data[sink.write(data) :]
            if waiting.empty():
                sent.set()

    def write(data: bytes) -> None:
        sent.clear()
        waiting.put(data)

    async def drained() -> None:
        while not (waiting.empty() and sent.is_set()):  # noqa: ASYNC110 - the event is a thread's
            await asyncio.sleep(0.005)

    sent.set()
    threading.Thread(target=run, name="stdout", daemon=True).start()
    return write, drained
