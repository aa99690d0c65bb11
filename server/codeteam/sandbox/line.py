"""An attached line to a container, and work in threads that may hang without harm."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")
_CAN_TRY = getattr(socket, "MSG_DONTWAIT", 0)
WAITING = 32
"""Chunks (of up to 64 KiB) read ahead of whoever listens; what more a program writes waits in its own pipes."""


class Line:
    """An attached socket: what a container writes, taken apart, and what it is sent.

    A thread of its own reads, so that TLS, SSH and named pipes work as a UNIX socket does.
    """

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        """Kept, for the response that owns the socket must not be collected."""
        self._socket = getattr(opened, "_sock", opened)
        if hasattr(self._socket, "settimeout"):
            self._socket.settimeout(None)
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(WAITING)
        self._closed = False
        self.ended = False
        """Nothing will come any more, and it may be that all of it was received."""
        self._drained = False
        self.complaints = bytearray()
        """The last of what the supervisor wrote to stderr: a traceback, if anything."""
        threading.Thread(target=self._read, name="docker-line", daemon=True).start()

    async def send(self, chunk: bytes) -> None:
        """Raises OSError when the line is cut."""
        if left := chunk[self._sent_at_once(chunk) :]:
            send = getattr(self._socket, "sendall", None) or self._socket.write
            await in_thread(lambda: send(left))

    def _sent_at_once(self, chunk: bytes) -> int:
        """Bytes that the socket takes without waiting: most often all, and to start a thread takes longer than that."""
        if type(self._socket) is not socket.socket or not _CAN_TRY:
            return 0
        try:
            return self._socket.send(chunk, _CAN_TRY)
        except BlockingIOError:
            return 0

    async def receive(self) -> bytes:
        """Bytes of standard output; empty at the end, and ever after."""
        if self._drained:
            return b""
        chunk = await self._chunks.get()
        self._room.release()
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

    def _shut(self) -> None:
        if hasattr(self._socket, "shutdown"):
            self._socket.shutdown(2)

    def _read(self) -> None:
        try:
            while header := self._exactly(8):
                stream, size = struct.unpack(">BxxxI", header)
                while size and (chunk := self._some(min(size, 65536))):
                    size -= len(chunk)
                    if stream == 2:
                        self.complaints = (self.complaints + chunk)[-4000:]
                    else:
                        self._put(chunk)
        except (OSError, ValueError, struct.error):
            pass
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

    def _exactly(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size and (chunk := self._some(size - len(parts))):
            parts += chunk
        return parts if len(parts) == size else b""

    def _some(self, size: int) -> bytes:
        receive = getattr(self._socket, "recv", None) or self._socket.read
        return bytes(receive(size))


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
