"""An attached line to a container, and work in threads that may hang without harm."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")
WAITING = 32
"""Chunks (of up to 64 KiB) read ahead of whoever listens; what more a program writes waits in its own pipes."""
CHUNK = 65536
HEADER = struct.Struct(">BxxxI")
STDERR = 2


class Line(ABC):
    """An attached socket: what a container writes, taken apart, and what it is sent."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        """Kept, for the response that owns the socket must not be collected."""
        self._socket = getattr(opened, "_sock", opened)
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams = _Streams()
        self._closed = False
        self.ended = False
        """Nothing will come any more, and it may be that all of it was received."""
        self._drained = False

    @property
    def complaints(self) -> bytes:
        """The last of what the supervisor wrote to stderr: a traceback, if anything."""
        return bytes(self._streams.stderr)

    @abstractmethod
    async def send(self, chunk: bytes) -> None:
        """Raises OSError when the line is cut."""

    async def receive(self) -> bytes:
        """Bytes of standard output; empty at the end, and ever after."""
        if self._drained:
            return b""
        chunk = await self._chunks.get()
        self._received()
        self._drained = not chunk
        return chunk

    def close(self) -> None:
        """Cut the line: with a container made by us, that is the end of it."""
        self._closed = True
        for end in (self._shut, self._socket.close, self._opened.close):
            try:
                end()
            except (OSError, ValueError):
                continue

    @abstractmethod
    def _received(self) -> None:
        """One chunk less waits."""

    def _shut(self) -> None:
        if hasattr(self._socket, "shutdown"):
            self._socket.shutdown(2)


class _Watched(Line):
    """A plain socket, which the event loop watches: no thread has to be woken for what comes."""

    def __init__(self, opened: Any) -> None:
        super().__init__(opened)
        self._socket.setblocking(False)
        self._listening = False
        self._listen(True)

    async def send(self, chunk: bytes) -> None:
        await self._loop.sock_sendall(self._socket, chunk)

    def close(self) -> None:
        self._listen(False)
        super().close()

    def _received(self) -> None:
        if not self._listening and not self.ended and not self._closed:
            self._listen(True)

    def _listen(self, wanted: bool) -> None:
        if wanted and not self._listening:
            self._loop.add_reader(self._socket, self._read)
        elif self._listening and not wanted:
            self._loop.remove_reader(self._socket)
        self._listening = wanted

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if said := self._streams.feed(data):
            self._chunks.put_nowait(said)
        if not data:
            self.ended = True
            self._chunks.put_nowait(b"")
        self._listen(bool(data) and self._chunks.qsize() < WAITING)


class _Threaded(Line):
    """Whatever else can be read from, such as TLS, SSH and named pipes: a thread of its own reads."""

    def __init__(self, opened: Any) -> None:
        super().__init__(opened)
        if hasattr(self._socket, "settimeout"):
            self._socket.settimeout(None)
        self._room = threading.Semaphore(WAITING)
        threading.Thread(target=self._read, name="docker-line", daemon=True).start()

    async def send(self, chunk: bytes) -> None:
        send = getattr(self._socket, "sendall", None) or self._socket.write
        await in_thread(lambda: send(chunk))

    def _received(self) -> None:
        self._room.release()

    def _read(self) -> None:
        receive = getattr(self._socket, "recv", None) or self._socket.read
        with contextlib.suppress(OSError, ValueError):
            while data := receive(CHUNK):
                if said := self._streams.feed(bytes(data)):
                    self._put(said)
        self.ended = True
        with contextlib.suppress(OSError):
            self._put(b"")

    def _put(self, chunk: bytes) -> None:
        while not self._room.acquire(timeout=1):  # a program writes faster than it is listened to
            if self._closed:
                raise OSError("nobody listens any more")
        try:
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
        except RuntimeError:  # the loop has ended, and with it whoever would listen
            raise OSError("nobody listens") from None


class _Streams:
    """Takes the engine's frames apart: a byte for the stream, three of nothing, the size, and that many bytes."""

    def __init__(self) -> None:
        self.stderr = bytearray()
        """Its last 4,000 bytes."""
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """What of the next bytes is standard output."""
        stdout = bytearray()
        view = memoryview(data)
        while view:
            if self._left:
                piece, view = view[: self._left], view[self._left :]
                self._left -= len(piece)
                if self._stream == STDERR:
                    self.stderr = (self.stderr + piece)[-4000:]
                else:
                    stdout += piece
                continue
            missing = HEADER.size - len(self._header)
            self._header += view[:missing]
            view = view[missing:]
            if len(self._header) == HEADER.size:
                self._stream, self._left = HEADER.unpack(self._header)
                self._header.clear()
        return bytes(stdout)


def attached(opened: Any) -> Line:
    """The line over an attached socket; to be called where the event loop runs."""
    watched = type(getattr(opened, "_sock", opened)) is socket.socket and sys.platform != "win32"
    return _Watched(opened) if watched else _Threaded(opened)


async def in_thread(work: Callable[[], T]) -> T:
    """As `asyncio.to_thread`, but an engine that hangs does not keep this process from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast("T", result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - handed to whoever waits
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="docker-call", daemon=True).start()
    return await answer
