"""A language client that only measures: it blocks, so that nothing of its own stands beside what it waits for."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True},
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create", "rename", "delete"],
            "changeAnnotationSupport": {"groupsOnLabel": True},
        },
    },
    "textDocument": {
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "refactor", "source"]}},
            "disabledSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        }
    },
    "experimental": {"codeteam": {"jobs": True}},
}
"""What VS Code says of what matters here."""


class Wire:
    """One server process, asked one thing at a time."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **environ}
            )
        self.told: list[dict[str, Any]] = []
        """Every notification that came."""
        self.root = ""
        """The workspace's URI, once there is one."""
        self.version = 1
        """Of the one document that is edited."""
        self._number = 0
        self._buffer = bytearray()

    def initialize(self, root: Path | None = None, **params: Any) -> None:
        self.root = "" if root is None else root.as_uri()
        folders = None if root is None else [{"uri": root.as_uri(), "name": root.name}]
        given = {"processId": os.getpid(), "rootUri": folders and folders[0]["uri"], "workspaceFolders": folders}
        self.ask("initialize", {"capabilities": CAPABILITIES, **given, **params})
        self.tell("initialized", {})

    def open(self, uri: str, text: str) -> None:
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})

    def menu(self, uri: str, line: int) -> Any:
        """The code actions for a cursor."""
        place = {"line": line, "character": 4}
        context = {"diagnostics": [], "triggerKind": 1}
        params = {"textDocument": {"uri": uri}, "range": {"start": place, "end": place}, "context": context}
        return self.ask("textDocument/codeAction", params)

    def ask(self, method: str, params: Any = None) -> Any:
        """The result; raises RuntimeError when the server refuses, or ends."""
        number = self.send(method, params)
        while (message := self.take()).get("id") != number:
            pass
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def send(self, method: str, params: Any = None) -> int:
        """Ask without waiting; the request's number."""
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        return self._number

    def tell(self, method: str, params: Any = None) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def until(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on to the first notification that matches."""
        while not matches(message := self.take()):
            pass
        return message

    def take(self) -> dict[str, Any]:
        """The next answer or notification; the server's own requests are answered on the way."""
        while "id" in (message := self._read()) and "method" in message:
            result = {"applied": True} if message["method"] == "workspace/applyEdit" else None
            self._write({"jsonrpc": "2.0", "id": message["id"], "result": result})
        if "method" in message:
            self.told.append(message)
        return message

    def cpu(self) -> float:
        """Seconds of processor time that the server itself has taken so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """MiB that the server itself holds."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def settle(self) -> None:
        """Wait until what the server starts in the background has been loaded."""
        before = -1.0
        while (now := self._all_cpu()) - before > 0.02:
            before = now
            time.sleep(1)

    def end(self) -> None:
        """Take the process away, however it stands."""
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
        self.process.kill()
        self.process.wait()

    def _all_cpu(self) -> float:
        own = psutil.Process(self.process.pid)
        times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
        return sum(spent.user + spent.system for spent in times)

    def _write(self, message: Any) -> None:
        body = json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._fill()
        headers = dict(line.lower().split(b":", 1) for line in bytes(self._buffer[:end]).split(b"\r\n"))
        length = int(headers[b"content-length"])
        while len(self._buffer) < end + 4 + length:
            self._fill()
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        message: dict[str, Any] = json.loads(body)
        return message

    def _fill(self) -> None:
        assert self.process.stdout is not None
        block = os.read(self.process.stdout.fileno(), 65536)
        if not block:
            raise RuntimeError(f"the server ended: {self.process.args!r}")
        self._buffer += block


@contextmanager
def wired(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> Iterator[Wire]:
    """A server for the length of a block."""
    wire = Wire(argv, environ, log)
    try:
        yield wire
    finally:
        wire.end()
