"""A language client of our own, on raw JSON: it applies edits to its buffers, answers questions, and hides nothing.

It shares no code with the server, so that both cannot be wrong in the same way.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 20.0
"""Seconds that anything may take on a busy machine before a test says that it did not happen."""

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    "workspace": {
        "applyEdit": True,
        "configuration": False,
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
        },
        "publishDiagnostics": {"relatedInformation": True, "codeDescriptionSupport": True, "dataSupport": True},
    },
    "experimental": {"codeteam": {"jobs": True}},
}
"""What a complete editor says; tests take away or add with `without` and `capabilities`."""


class ServerError(Exception):
    """The server answered with an error."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.error = error


class Refusal(LookupError):
    """What an own answer raises to refuse with a code and data."""

    def __init__(self, message: str, data: Any = None, code: int = -32803) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


@dataclass
class Buffer:
    """A document as an editor holds it."""

    uri: str
    language: str
    text: str
    version: int = 1

    def offset(self, position: Mapping[str, int], encoding: str) -> int:
        """Where a position lies in the text; fails the test when it lies nowhere."""
        starts = [0] + [match.end() for match in re.finditer(r"\r\n|\r|\n", self.text)]
        assert position["line"] < len(starts), f"line {position['line']} of {len(starts)}"
        start = starts[position["line"]]
        line = re.split(r"\r|\n", self.text[start:], maxsplit=1)[0]
        width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
        codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
        encoded = line.encode(codec)[: position["character"] * width]
        assert len(encoded) == position["character"] * width, f"column {position['character']} is past the line's end"
        return start + len(encoded.decode(codec))

    def replaced(self, edits: Sequence[Mapping[str, Any]], encoding: str) -> str:
        """The text after edits that all speak of the text before."""
        places = [
            (
                self.offset(edit["range"]["start"], encoding),
                self.offset(edit["range"]["end"], encoding),
                edit["newText"],
            )
            for edit in edits
        ]
        places.sort()
        for left, right in pairwise(places):
            assert left[1] <= right[0], "edits overlap"
        text = self.text
        for start, end, new in reversed(places):
            text = text[:start] + new + text[end:]
        return text


@dataclass
class Client:
    """One conversation with one server process."""

    process: asyncio.subprocess.Process
    capabilities: dict[str, Any]
    encoding: str = "utf-16"
    buffers: dict[str, Buffer] = field(default_factory=dict)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    """What the server asked, in order."""
    edits: list[dict[str, Any]] = field(default_factory=list)
    """Every edit that the server asked to apply."""
    settings: Any = None
    """The answer to `workspace/configuration`."""
    choose: Callable[[dict[str, Any]], str | None] = lambda _: None
    """What the user clicks when asked; None closes the question."""
    accept: Callable[[dict[str, Any]], bool | dict[str, Any] | asyncio.Future[Any]] = lambda _: True
    """Whether the user takes an edit; a dict answers in place of applying, a future lets them think."""
    announce_applied: bool = True
    """Send didChange for what an edit changed, as editors do."""
    answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    """Own answers to requests, by method; may be awaitable, and may raise LookupError to answer with an error."""
    received: list[bytes] = field(default_factory=list)
    """Everything that the server wrote, as it came."""
    errors: list[str] = field(default_factory=list)
    """Lines of the server's standard error."""
    broken: BaseException | None = None
    """What went wrong in the client itself: a failed assertion about the server's messages."""
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _next: int = 0
    _over: bool = False
    """The server's output has ended."""
    _tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def initialize(self, root: Path | None = None, **params: Any) -> Any:
        """The handshake, both halves; returns the result of initialize."""
        folders = None if root is None else [{"uri": root.as_uri(), "name": root.name}]
        given = {"processId": os.getpid(), "rootUri": None, "workspaceFolders": folders, **params}
        result = await self.request("initialize", {"capabilities": self.capabilities, **given})
        self.encoding = result["capabilities"].get("positionEncoding", "utf-16")
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, language: str = "python") -> Buffer:
        buffer = self.buffers[_key(uri)] = Buffer(uri, language, text)
        item = {"uri": uri, "languageId": language, "version": buffer.version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return buffer

    def close(self, uri: str) -> None:
        del self.buffers[_key(uri)]
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def change(self, uri: str, *edits: tuple[dict[str, Any] | None, str]) -> None:
        """Type: each edit is a range and its new text, or None and the whole new text."""
        buffer = self.buffers[_key(uri)]
        events: list[dict[str, Any]] = []
        for place, new in edits:
            if place is None:
                buffer.text = new
                events.append({"text": new})
            else:
                buffer.text = buffer.replaced([{"range": place, "newText": new}], self.encoding)
                events.append({"range": place, "text": new})
        buffer.version += 1
        document = {"uri": buffer.uri, "version": buffer.version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": events})

    async def code_actions(
        self, uri: str, place: dict[str, Any], *, diagnostics: Sequence[Any] = (), **context: Any
    ) -> list[dict[str, Any]]:
        given = {"diagnostics": list(diagnostics), "triggerKind": 1, **context}
        params = {"textDocument": {"uri": uri}, "range": place, "context": given}
        return await self.request("textDocument/codeAction", params) or []

    async def run(self, action: dict[str, Any]) -> Any:
        """Do what an editor does when an action is chosen."""
        command = action["command"] if isinstance(action["command"], dict) else action
        return await self.execute(command["command"], *command.get("arguments", []))

    async def execute(self, command: str, *arguments: Any) -> Any:
        return await self.request("workspace/executeCommand", {"command": command, "arguments": list(arguments)})

    async def request(self, method: str, params: Any = None) -> Any:
        """Ask and wait for the answer; raises ServerError for an error."""
        _, future = self.ask(method, params)
        return await self._within(future, f"the answer to {method}")

    def ask(self, method: str, params: Any = None) -> tuple[int, asyncio.Future[Any]]:
        """Ask without waiting."""
        self._next += 1
        future = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        self.send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        return self._next, future

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: Any) -> None:
        self.send_raw(json.dumps(message).encode())

    def send_raw(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def until(self, seen: Callable[[], Any], what: str) -> Any:
        """Wait until something is true of what came from the server, and return it."""

        async def wait() -> Any:
            while not (found := seen()):
                if self.broken is not None:
                    raise self.broken
                assert not self._over, f"the server ended before {what}; its log: {self.errors[-30:]}"
                self._news.clear()
                with suppress(TimeoutError):  # it may be about a file, of which no message tells
                    await asyncio.wait_for(self._news.wait(), 0.1)
            return found

        return await self._within(asyncio.ensure_future(wait()), what)

    async def notified(self, method: str, matches: Callable[[Any], Any] = lambda _: True, *, count: int = 1) -> Any:
        """The params of the `count`th notification of a kind, waiting for it where it has not come yet."""

        def seen() -> list[Any]:
            return [
                entry["params"]
                for entry in self.notifications
                if entry["method"] == method and matches(entry["params"])
            ]

        await self.until(lambda: len(seen()) >= count, f"notification {method}")
        return seen()[count - 1]

    async def asked(self, method: str, *, count: int = 1) -> Any:
        """The params of the `count`th request of a kind from the server."""

        def seen() -> list[Any]:
            return [entry["params"] for entry in self.requests if entry["method"] == method]

        await self.until(lambda: len(seen()) >= count, f"request {method}")
        return seen()[count - 1]

    async def job_state(self, job: str, *states: str) -> dict[str, Any]:
        """Wait until `codeteam/job` told one of these states of a job."""
        params: dict[str, Any] = await self.notified(
            "codeteam/job", lambda params: params["jobId"] == job and params["state"] in states
        )
        return params

    def progress(self, job: str) -> list[dict[str, Any]]:
        """The values of a job's work-done progress so far."""
        return [
            entry["params"]["value"]
            for entry in self.notifications
            if entry["method"] == "$/progress" and entry["params"]["token"] == f"codeteam/{job}"
        ]

    def messages(self) -> list[str]:
        """Everything the user was shown; a client that follows its jobs says by itself that one has failed."""
        shown = [*self.notifications, *self.requests]
        said = [entry["params"]["message"] for entry in shown if entry["method"].startswith("window/showMessage")]
        jobs = [entry["params"] for entry in self.notifications if entry["method"] == "codeteam/job"]
        failed = [(job["title"], job["error"]) for job in jobs if job["state"] == "failed"]
        return said + [f"Codeteam could not {title}: {why['message']} {why['hint']}".strip() for title, why in failed]

    async def leave(self) -> int:
        """Shut the server down and wait for its end."""
        await self.request("shutdown")
        self.notify("exit")
        return await self.ended()

    async def ended(self) -> int:
        """The exit code, once the server has ended."""
        code: int = await self._within(asyncio.ensure_future(self.process.wait()), "the server's end")
        return code

    async def _within(self, future: asyncio.Future[Any], what: str) -> Any:
        try:
            return await asyncio.wait_for(future, PATIENCE)
        except (TimeoutError, asyncio.CancelledError) as error:
            if not isinstance(error, TimeoutError) and not future.cancelled():
                raise
            await asyncio.sleep(0.2)  # for what the server still writes about it
            if self.broken is not None:
                raise self.broken from None
            log = "\n".join(self.errors[-30:])
            told = "\n".join(json.dumps(entry.get("params"))[:200] for entry in self.notifications[-15:])
            raise AssertionError(f"{what} did not come; last came:\n{told}\nthe server's log:\n{log}") from None

    async def read(self) -> None:
        """Take the server's messages until it ends; started by `running`."""
        stream = self.process.stdout
        assert stream is not None
        with suppress(asyncio.IncompleteReadError):
            while True:
                header = await stream.readuntil(b"\r\n\r\n")
                match = re.fullmatch(rb"Content-Length: (\d+)\r\n(?:Content-Type: [^\r\n]+\r\n)?\r\n", header)
                if match is None:
                    self.broken = AssertionError(f"not a header: {header!r}")
                    break
                self.received.append(await stream.readexactly(int(match[1])))
                message = json.loads(self.received[-1])
                try:
                    self._take(message)
                except AssertionError as error:
                    self.broken = error
                self._news.set()
        self._over = True
        for future in self._waiting.values():
            if not future.done():
                future.cancel()
        self._news.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            future = self._waiting.pop(message["id"], None) if message["id"] is not None else None
            if future is None:
                self.notifications.append({"method": "unasked", "params": message})
            elif "error" in message:
                future.set_exception(ServerError(message["error"]))
            else:
                future.set_result(message["result"])
        elif "id" in message:
            self.requests.append(message)
            self._tasks.append(asyncio.create_task(self._reply(message), name=str(message["id"])))
        else:
            self.notifications.append(message)
            if message["method"] == "$/cancelRequest":
                for task in self._tasks:
                    if task.get_name() == str(message["params"]["id"]):
                        task.cancel()

    async def _reply(self, message: dict[str, Any]) -> None:
        try:
            result = await self._result(message["method"], message["params"])
        except LookupError as error:
            refusal = error if isinstance(error, Refusal) else Refusal(str(error), code=-32603)
            told = {"code": refusal.code, "message": str(error), "data": refusal.data}
            self.send({"jsonrpc": "2.0", "id": message["id"], "error": told})
        except asyncio.CancelledError:
            told = {"code": -32800, "message": "Cancelled."}
            self.send({"jsonrpc": "2.0", "id": message["id"], "error": told})
        except AssertionError as error:
            self.broken = error
            self._news.set()
        else:
            self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async def _result(self, method: str, params: Any) -> Any:
        if method in self.answers:
            answer = self.answers[method](params)
            return await answer if isawaitable(answer) else answer
        match method:
            case "workspace/applyEdit":
                return await self._apply(params)
            case "window/showMessageRequest":
                title = self.choose(params)
                return None if title is None else {"title": title}
            case "workspace/configuration":
                return [self.settings for _ in params["items"]]
            case "window/showDocument":
                return {"success": True}
            case "window/workDoneProgress/create" | "client/registerCapability" | "client/unregisterCapability":
                return None
            case _:
                raise AssertionError(f"the server asked for {method}")

    async def _apply(self, params: dict[str, Any]) -> Any:
        self.edits.append(params["edit"])
        self._news.set()
        verdict = self.accept(params)
        if isinstance(verdict, asyncio.Future):
            verdict = await verdict
        if isinstance(verdict, dict):
            return verdict
        if not verdict:
            return {"applied": False}
        return self._write(params["edit"])

    def _write(self, edit: dict[str, Any]) -> dict[str, Any]:
        operations = edit.get("documentChanges")
        if operations is None:
            operations = [
                {"textDocument": {"uri": uri, "version": None}, "edits": edits}
                for uri, edits in edit["changes"].items()
            ]
        for operation in operations:  # all or nothing, as VS Code checks versions first
            if "textDocument" in operation:
                buffer = self.buffers.get(_key(operation["textDocument"]["uri"]))
                version = operation["textDocument"]["version"]
                if version is not None and (buffer is None or buffer.version != version):
                    return {"applied": False}
        for operation in operations:
            if operation.get("kind") == "create":
                path = _path(operation["uri"])
                assert not path.exists() or operation["options"]["overwrite"], f"{path} exists"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")
            else:
                self._edit(operation["textDocument"]["uri"], operation["edits"])
        return {"applied": True}

    def _edit(self, uri: str, edits: Sequence[Mapping[str, Any]]) -> None:
        buffer = self.buffers.get(_key(uri))
        if buffer is None:
            path = _path(uri)
            closed = Buffer(uri, "", path.read_bytes().decode() if path.exists() else "")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(closed.replaced(edits, self.encoding).encode())
            return
        old = buffer.text
        buffer.text = buffer.replaced(edits, self.encoding)
        buffer.version += 1
        if self.announce_applied and buffer.text != old:
            events = [
                {"range": edit["range"], "text": edit["newText"]}
                for edit in sorted(edits, key=lambda edit: -self._line(edit))
            ]
            document = {"uri": buffer.uri, "version": buffer.version}
            self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": events})

    @staticmethod
    def _line(edit: Mapping[str, Any]) -> int:
        return int(edit["range"]["start"]["line"])


def at(line: int, character: int = 0, end_line: int | None = None, end_character: int | None = None) -> dict[str, Any]:
    """A range; a cursor when no end is given."""
    end = {
        "line": line if end_line is None else end_line,
        "character": character if end_character is None else end_character,
    }
    return {"start": {"line": line, "character": character}, "end": end}


def without(capabilities: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """Capabilities that lack what stands at a path."""
    copy: dict[str, Any] = json.loads(json.dumps(capabilities))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copy


@asynccontextmanager
async def running(
    argv: Sequence[str],
    *,
    capabilities: Mapping[str, Any] = CAPABILITIES,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    python: str | Path = sys.executable,
) -> AsyncIterator[Client]:
    """A server process and a client that talks to it; ends the process when the test has not."""
    process = await asyncio.create_subprocess_exec(
        python,
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environ or {})},
        cwd=cwd or Path(__file__).parents[2],
    )
    client = Client(process, json.loads(json.dumps(capabilities)))
    reading = asyncio.create_task(client.read())
    logging = asyncio.create_task(_log(process, client.errors))
    try:
        yield client
        if client.broken is not None:
            raise client.broken
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await asyncio.gather(reading, logging)


async def _log(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        lines.append(line.decode(errors="replace").rstrip())


def _key(uri: str) -> str:
    return unquote(uri)


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))
