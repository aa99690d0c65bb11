"""A real server on loopback that behaves as model servers do, badly when told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Endpoint:
    """Answers each request with the next behaviour; the last one stays."""

    behaviours: list[Behaviour]
    requests: list[Request] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went away while it was being answered."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split()
            headers = dict(_header(line) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Request(method, path, headers, json.loads(body or b"{}")))
            behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
            self.asked.set()
            answer = asyncio.ensure_future(behaviour(reader, writer))
            gone = asyncio.ensure_future(reader.read())  # ends when the client closes
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                self.disconnected.set()
                answer.cancel()
            gone.cancel()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.disconnected.set()
        finally:
            writer.close()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def status(code: int, body: object = None, **headers: str) -> Behaviour:
    """A whole answer with a status and a JSON body."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content = json.dumps(body if body is not None else {}).encode()
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n{extra}"
        writer.write(f"{head}connection: close\r\n\r\n".encode() + content)
        await writer.drain()

    return behave


def error(code: int, message: str, kind: str = "", **headers: str) -> Behaviour:
    """An error in OpenAI's shape."""
    return status(code, {"error": {"message": message, "code": kind or None, "type": kind or None}}, **headers)


def reply(
    text: str, usage: tuple[int, int] | None = (10, 5), finish: str | None = "stop", pieces: int = 3
) -> Behaviour:
    """A streamed chat completion; without `finish` it ends cleanly, but too early."""
    events = [_chunk(piece) for piece in _split(text, pieces)]
    if finish:
        events.append(_chunk(None, finish))
    if usage:
        events.append({**_chunk(None), "choices": [], "usage": _usage(*usage)})
    return stream([json.dumps(event) for event in events] + (["[DONE]"] if finish else []))


def stream(events: list[str], *, then: str = "end") -> Behaviour:
    """Server-sent events, and then an "end", an "abort" of the connection, or to "hold" it open."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for event in events:
            data = event.encode() if event.startswith("event:") else f"data: {event}\n\n".encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
        if then == "hold":
            await asyncio.sleep(3600)
        if then == "abort":
            # Half of what was announced: no client can take this for an end.
            writer.write(b"ff\r\nda")
            await writer.drain()
            return
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return behave


def broken(text: str) -> Behaviour:
    return stream([json.dumps(_chunk(text))], then="abort")


def held(text: str, pieces: int = 1) -> Behaviour:
    return stream([json.dumps(_chunk(piece)) for piece in _split(text, pieces)], then="hold")


async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing."""
    await asyncio.sleep(3600)


def anthropic_reply(text: str, *, hold: bool = False) -> Behaviour:
    """A streamed message in Anthropic's shape; with `hold` it stops after the text and stays open."""
    usage = {"input_tokens": 12, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "x", "content": [], "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
    if hold:
        del events[3:]
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return stream(lines, then="hold" if hold else "end")


def _chunk(content: str | None, finish: str | None = None) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _split(text: str, pieces: int) -> list[str]:
    size = max(1, -(-len(text) // pieces))
    return [text[start : start + size] for start in range(0, len(text), size)]
