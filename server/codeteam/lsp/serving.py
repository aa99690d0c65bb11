"""The server's main loop: messages in until the client exits, goes away, or dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from codeteam.lsp.protocol import Stage
from codeteam.lsp.server import Composition, Server
from codeteam.lsp.stdio import BadFrame, Channel, next_message, open_stdio

log = logging.getLogger(__name__)


async def serve(composition: Composition) -> int:
    """Serve the client on standard input; the exit code is 0 when it said shutdown first, else 1."""
    channel = await open_stdio()
    server = Server(composition)
    server.protocol.write = channel.write
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, server.stopped.set)
    reading = asyncio.create_task(_read(channel, server), name="input")
    await server.stopped.wait()
    reading.cancel()
    await server.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(channel.flush(), 1.0)
    return 0 if server.protocol.stage is Stage.SHUT_DOWN else 1


async def _read(channel: Channel, server: Server) -> None:
    try:
        while (body := await next_message(channel.reader)) is not None:
            server.protocol.receive(body)
    except BadFrame as error:
        log.error("the client's stream cannot be read on: %s", error)
    finally:
        server.stopped.set()
