"""JSON-RPC as the Language Server Protocol wants it: pygls's messages and types, with its traps cured.

What differs from stock pygls: every request is answered (malformed, out of order or failing ones with an error code
and a sentence, never a traceback), a handler that was cancelled stays cancelled, late replies are dropped quietly,
our own requests are withdrawn when nobody waits for them any more, and message bodies are never logged.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, Any

import cattrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

from codeteam.domain.errors import CodeteamError

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

log = logging.getLogger(__name__)

Handler = Callable[[Any], Any]
"""Takes a message's params; a request's may return an awaitable."""

_RAW = frozenset({types.INITIALIZE, types.TEXT_DOCUMENT_CODE_ACTION})
"""Params handed over as plain JSON: capabilities are an open set, and a value we do not know is no error; a menu is
asked for so often that its handler reads what it needs by itself."""
_DUMP = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Refused(JsonRpcException):
    """An answer that says no: a code of the protocol and a sentence for the user."""

    def __init__(self, code: types.ErrorCodes | types.LSPErrorCodes, message: str) -> None:
        super().__init__(message, int(code))


class Stage(Enum):
    """Where the conversation stands; only `RUNNING` takes everything."""

    NEW = auto()
    RUNNING = auto()
    SHUT_DOWN = auto()


class Protocol(LanguageServerProtocol):
    """One conversation with one client."""

    def __init__(self, server: LanguageServer, converter: cattrs.Converter) -> None:
        super().__init__(server, converter)
        self.stage = Stage.NEW
        self.write: Callable[[bytes], None] = lambda _: None
        self._handlers: dict[str, Handler] = {}
        self._running: dict[int | str, asyncio.Future[Any]] = {}
        self._asked: dict[str, tuple[str, asyncio.Future[Any]]] = {}
        self._ids = count(1)

    def _register_builtin_features(self) -> None:
        """None of pygls's own handlers: `on` says what is answered."""

    def on(self, method: str, handler: Handler) -> None:
        """Handle a request or notification."""
        self._handlers[method] = handler

    def receive(self, body: bytes) -> None:
        """Take one message; never raises."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self._refuse(None, types.ErrorCodes.ParseError, "The message is not JSON.")
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self._refuse(None, types.ErrorCodes.InvalidRequest, "The message is not a JSON-RPC 2.0 object.")
        elif isinstance(message.get("method"), str):
            self._take(message["method"], message)
        elif "id" in message and ("result" in message or "error" in message):
            self._take_reply(message)
        else:
            self._refuse(_id(message), types.ErrorCodes.InvalidRequest, "The message has neither method nor result.")

    def tell(self, method: str, params: object) -> None:
        """Send a notification; params are lsprotocol's or plain JSON."""
        self._send({"jsonrpc": "2.0", "method": method, "params": self._plain(params)})

    async def ask(self, method: str, params: object) -> Any:
        """Send a request and wait for its result, typed where lsprotocol knows the method.

        Withdraws the request when cancelled. Raises JsonRpcException when the client answers with an error, or with
        something that is not an answer to this request.
        """
        name = f"codeteam-{next(self._ids)}"
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[name] = (method, future)
        self._send({"jsonrpc": "2.0", "id": name, "method": method, "params": self._plain(params)})
        try:
            return await future
        finally:
            if self._asked.pop(name, None):
                self.tell(types.CANCEL_REQUEST, {"id": name})

    def abandon(self) -> None:
        """Cancel what handlers still do; their requests are answered as cancelled."""
        for future in tuple(self._running.values()):
            future.cancel()

    def _take(self, method: str, message: dict[str, Any]) -> None:
        is_request = "id" in message
        number = _id(message)
        if is_request and number is None:
            self._refuse(None, types.ErrorCodes.InvalidRequest, "A request's id is a number or a string.")
            return
        wrong = self._out_of_order(method)
        if wrong:
            if is_request:
                self._refuse(number, *wrong)
            elif method != types.EXIT:
                log.warning("dropped %s: %s", method, wrong[1])
            return
        if method == types.CANCEL_REQUEST:
            self._cancel(message)
            return
        handler = self._handlers.get(method)
        if handler is None:
            if is_request:
                self._refuse(number, types.ErrorCodes.MethodNotFound, f"{method} is not answered here.")
            return
        self._handle(number, method, handler, message)

    def _out_of_order(self, method: str) -> tuple[types.ErrorCodes, str] | None:
        if method == types.EXIT:
            return None
        if self.stage is Stage.SHUT_DOWN:
            return types.ErrorCodes.InvalidRequest, "The server was shut down."
        if self.stage is Stage.NEW and method != types.INITIALIZE:
            return types.ErrorCodes.ServerNotInitialized, "The first request is initialize."
        if self.stage is Stage.RUNNING and method == types.INITIALIZE:
            return types.ErrorCodes.InvalidRequest, "The server is initialized already."
        return None

    def _handle(self, number: int | str | None, method: str, handler: Handler, message: dict[str, Any]) -> None:
        try:
            result = handler(self._params(method, message))
            if inspect.isawaitable(result):
                self._start(number, method, result)
            elif number is not None:
                self._answer(number, result)
        except Exception as error:  # noqa: BLE001 - whatever a handler does, the client gets an answer
            self._failed(number, method, error)

    def _start(self, number: int | str | None, method: str, work: Awaitable[Any]) -> None:
        future = asyncio.ensure_future(work)
        name = number if number is not None else f"{method} {next(self._ids)}"
        self._running[name] = future

        def finished(_: object) -> None:
            self._running.pop(name, None)
            if future.cancelled():
                self._refuse_request(number, types.LSPErrorCodes.RequestCancelled, "Cancelled.")
            elif error := future.exception():
                self._failed(number, method, error)
            elif number is not None:
                self._answer(number, future.result())

        future.add_done_callback(finished)

    def _params(self, method: str, message: dict[str, Any]) -> Any:
        kinds = types.METHOD_TO_TYPES.get(method)
        params = message.get("params")
        if method in _RAW or kinds is None or kinds[0] is None:
            return params
        try:
            return self._converter.structure({"id": 0, **message}, kinds[0]).params
        except Exception as error:
            log.info("bad params of %s", method, exc_info=error)
            raise Refused(types.ErrorCodes.InvalidParams, f"The parameters of {method} are wrong.") from error

    def _cancel(self, message: dict[str, Any]) -> None:
        params = message.get("params")
        number = params.get("id") if isinstance(params, dict) else None
        if isinstance(number, (int, str)) and (future := self._running.get(number)):
            future.cancel()

    def _take_reply(self, message: dict[str, Any]) -> None:
        method, future = self._asked.pop(str(message["id"]), ("", None))
        if future is None or future.done():
            return  # late: whoever asked has gone
        if "error" in message:
            error = message["error"] if isinstance(message["error"], dict) else {}
            code, said = error.get("code"), str(error.get("message", "no reason given"))
            refusal = JsonRpcException(said, code if isinstance(code, int) else None, error.get("data"))
            future.set_exception(refusal)
            return
        kind = types.METHOD_TO_TYPES.get(method, (None, None))[1]
        try:
            result = self._converter.structure(message, kind).result if kind else message["result"]
        except Exception as error:  # cattrs raises whatever the client's answer leads it to
            log.info("bad reply to %s", method, exc_info=error)
            future.set_exception(JsonRpcException(f"The client's answer to {method} cannot be read."))
        else:
            future.set_result(result)

    def _failed(self, number: int | str | None, method: str, error: BaseException) -> None:
        if isinstance(error, JsonRpcException):
            self._refuse_request(number, error.code, error.message)
        elif isinstance(error, CodeteamError):
            self._refuse_request(number, types.LSPErrorCodes.RequestFailed, str(error))
        else:
            log.error("%s failed", method, exc_info=error)
            text = f"{method} failed inside the server; its log says more."
            self._refuse_request(number, types.ErrorCodes.InternalError, text)

    def _answer(self, number: int | str, result: object) -> None:
        self._send({"jsonrpc": "2.0", "id": number, "result": self._plain(result)})

    def _refuse_request(self, number: int | str | None, code: int, message: str) -> None:
        if number is not None:
            self._refuse(number, code, message)

    def _refuse(self, number: int | str | None, code: int, message: str) -> None:
        self._send({"jsonrpc": "2.0", "id": number, "error": {"code": int(code), "message": message}})

    def _plain(self, value: object) -> Any:
        """Lists and dictionaries are plain JSON already, and all that is in them; the rest is lsprotocol's."""
        return value if isinstance(value, (dict, list)) else self._converter.unstructure(value)

    def _send(self, message: dict[str, Any]) -> None:
        body = _DUMP(message).encode()
        self.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def _id(message: dict[str, Any]) -> int | str | None:
    number = message.get("id")
    return number if isinstance(number, (int, str)) and not isinstance(number, bool) else None
