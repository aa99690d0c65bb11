"""The Docker engine: calls off the event loop, an attached line to a container, and failures in our words.

Only this module imports Docker's SDK. Its calls are synchronous and its failures come in unrelated types
(`DockerException`, `requests.RequestException`, `OSError`): both ends here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import docker
import docker.errors
import docker.utils
import requests
from docker.context import ContextAPI

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import abilities, mending
from codeteam.sandbox.abilities import Abilities
from codeteam.sandbox.mending import Platform, this_platform

T = TypeVar("T")
FAILURES = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)
CALL_TIMEOUT = 120
"""Seconds for one answer of the engine."""
CONNECTIONS = 64
"""Kept open at most, for as many calls at once; those beyond make one of their own."""
WAITING = 32
"""Chunks (of up to 64 KiB) read ahead of whoever listens; what more a program writes waits in its own pipes."""
_REASONS: dict[int | None, str] = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.ECONNRESET: "it broke off the connection",
    errno.EPIPE: "it broke off the connection",
    errno.EHOSTUNREACH: "there is no way to that machine",
    errno.ENETUNREACH: "there is no way to that machine",
    errno.ETIMEDOUT: "it was silent too long",
}
"""In words, why a call did not come through."""
_NO_ADDRESS = "that is no address of an engine"


@dataclass(frozen=True, slots=True)
class Machine:
    """What an engine runs on."""

    name: str
    """Hexadecimal; another for each engine."""
    processors: int
    memory: int
    """Bytes."""


class Engine:
    """A connection to a Docker engine, opened by the first call."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._api: docker.APIClient | None = None
        self._opening = threading.Lock()
        self._facts: dict[str, Any] = {}
        self._asking = asyncio.Lock()

    async def call(self, work: Callable[[Any], T]) -> T:
        """Do something with the SDK's `APIClient` in a thread (`Any`, for it is typed only in part).

        To cancel the caller does not stop the thread.

        Raises:
            SandboxUnavailable: the engine cannot be reached, has no such thing, or refuses; with kind and hint.
        """
        return await _in_thread(lambda: self._do(work))

    async def attach(self, container: str) -> Line:
        """The standard streams of a container that was created, not yet started.

        Raises:
            SandboxUnavailable: as `call`.
        """
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        opened = await self.call(lambda api: api.attach_socket(container, params=params))
        return Line(opened)

    async def machine(self) -> Machine:
        """The engine's machine; it refuses containers that ask for more processors than it has.

        Raises:
            SandboxUnavailable: as `call`.
        """
        facts = await self._described()
        # Podman has another identifier for each answer.
        identity = (
            (facts.get("Name"), facts.get("DockerRootDir")) if abilities.is_podman(facts) else facts.get("ID", "")
        )
        name = hashlib.sha256(str(identity).encode()).hexdigest()[:16]
        return Machine(name, int(facts["NCPU"]), int(facts["MemTotal"]))

    async def abilities(self, runtime: str | None = None) -> Abilities:
        """What it can do; `runtime` as the engine calls it, None for its default.

        Raises:
            SandboxUnavailable: as `call`.
        """
        return abilities.of(await self._described(), runtime)

    async def _described(self) -> Mapping[str, Any]:
        """What it says of itself, asked once."""
        async with self._asking:
            if not self._facts:
                self._facts = await self.call(lambda api: api.info())
            return self._facts

    def _do(self, work: Callable[[Any], T]) -> T:
        try:
            with self._opening:
                if self._api is None:
                    self._api = _connect(self._environ)
            return work(self._api)
        except FAILURES as error:
            raise explain(error, self._environ) from error

    def close(self) -> None:
        if self._api is not None:
            self._api.close()


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
        send = getattr(self._socket, "sendall", None) or self._socket.write
        await _in_thread(lambda: send(chunk))

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


async def _in_thread(work: Callable[[], T]) -> T:
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


def _connect(environ: Mapping[str, str]) -> docker.APIClient:
    settings: dict[str, Any] = {**docker.utils.kwargs_from_env(environment=dict(environ))}
    if "base_url" not in settings:
        context: Any = ContextAPI.get_current_context()
        if context is not None and context.Host:
            settings["base_url"] = context.Host
            if context.TLSConfig:
                settings["tls"] = context.TLSConfig
    try:
        return _Client(version="auto", timeout=CALL_TIMEOUT, max_pool_size=CONNECTIONS, **settings)
    except ValueError:  # from below the SDK, of a port that is no number, in words that repeat the address
        raise docker.errors.DockerException("Invalid bind address") from None


class _Client(docker.APIClient):
    """`requests` would take `REQUESTS_CA_BUNDLE`, which is for the web, for the authority of the engine too."""

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        return {**super().merge_environment_settings(*args, **kwargs), "verify": self.verify}


def explain(error: Exception, environ: Mapping[str, str]) -> SandboxUnavailable:
    """A failure of the engine as what it means to the user."""
    text = str(getattr(error, "explanation", None) or error)
    if "no space left on device" in text.lower():
        return SandboxUnavailable(
            "The disk of the Docker engine is full.",
            "Free some space: `docker system df` shows what uses it.",
            "disk_full",
        )
    if isinstance(error, docker.errors.ImageNotFound):
        return SandboxUnavailable(
            "The image of the sandbox is not there.", "Build it with `codeteam sandbox build`.", "image_missing"
        )
    if isinstance(error, docker.errors.NotFound):
        return SandboxUnavailable(f"The Docker engine does not have it: {_first_line(text)}", "", "not_found")
    if isinstance(error, docker.errors.APIError) and error.status_code == 409:
        return SandboxUnavailable(f"The Docker engine is at something else: {_first_line(text)}", "", "conflict")
    if isinstance(error, docker.errors.APIError):
        return SandboxUnavailable(f"The Docker engine refused: {_first_line(text)}", "`docker info` may say more.")
    return _unreached(error, text, this_platform(environ))


def _unreached(error: Exception, text: str, machine: Platform) -> SandboxUnavailable:
    """An engine that did not answer at all, with the command that mends it here."""
    lowered = text.lower()
    at = f" at {machine.host} (DOCKER_HOST)" if machine.host else ""
    if "permission denied" in lowered:
        return SandboxUnavailable(
            "This user may not speak to the Docker engine.", mending.forbidden(machine), "docker_down"
        )
    if "no such file" in lowered or "filenotfounderror" in lowered or "cannot find the file" in lowered:
        said = f"There is no Docker engine{at}: its socket does not exist."
        return SandboxUnavailable(said, mending.missing(machine), "docker_missing")
    reason = _reason(error)
    said = f"The Docker engine{at} does not answer" + (f": {reason}." if reason else ".")
    return SandboxUnavailable(said, mending.down(machine), "docker_down")


def _reason(error: BaseException | None) -> str:
    """Why in words, from the failure that is below the libraries' own; empty where none of them says."""
    words = ""
    while error is not None:
        if isinstance(error, requests.exceptions.Timeout | TimeoutError):
            return "it was silent too long"
        if isinstance(error, requests.exceptions.SSLError):
            return "its certificate does not hold"
        if isinstance(error, socket.gaierror):
            return "no machine has that name"
        if isinstance(error, OSError) and error.errno is not None:
            words = _REASONS.get(error.errno) or (error.strerror or "").lower()
        elif isinstance(error, docker.errors.DockerException) and error.__cause__ is None:
            # the SDK's own words, but not of an address, which may hold a password
            said = _first_line(str(error)).rstrip(".")
            words = _NO_ADDRESS if said.startswith("Invalid bind") else re.sub(r"(\w*://)?\S*@", r"\1", said)
        error = error.__cause__ or error.__context__
    return words


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:300]
