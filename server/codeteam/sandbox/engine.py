"""The Docker engine: calls off the event loop, and failures in our words.

Only this module imports Docker's SDK. Its calls are synchronous and its failures come in unrelated types
(`DockerException`, `requests.RequestException`, `OSError`): both ends here.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import docker
import docker.errors
import docker.utils
import requests
from docker.context import ContextAPI
from docker.context.config import get_current_context_name

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import abilities, mending
from codeteam.sandbox.abilities import Abilities
from codeteam.sandbox.line import Line, attached, in_thread
from codeteam.sandbox.mending import Platform, this_platform

T = TypeVar("T")
FAILURES = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)
CALL_TIMEOUT = 120
"""Seconds for one answer of the engine."""
CONNECTIONS = 64
"""Kept open at most, for as many calls at once; those beyond make one of their own."""
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
        self._abilities: dict[str | None, Abilities] = {}
        self._asking = asyncio.Lock()

    async def call(self, work: Callable[[Any], T]) -> T:
        """Do something with the SDK's `APIClient` in a thread (`Any`, for it is typed only in part).

        To cancel the caller does not stop the thread.

        Raises:
            SandboxUnavailable: the engine cannot be reached, has no such thing, or refuses; with kind and hint.
        """
        return await in_thread(lambda: self._do(work))

    async def attach(self, container: str) -> Line:
        """The standard streams of a container that was created, not yet started.

        Raises:
            SandboxUnavailable: as `call`.
        """
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        opened = await self.call(lambda api: api.attach_socket(container, params=params))
        return attached(opened)

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
        facts = await self._described()
        if runtime not in self._abilities:
            self._abilities[runtime] = abilities.of(facts, runtime)
        return self._abilities[runtime]

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


def _connect(environ: Mapping[str, str]) -> docker.APIClient:
    settings: dict[str, Any] = {**docker.utils.kwargs_from_env(environment=dict(environ))}
    if "base_url" not in settings:
        context = _context()
        if context.Host:
            settings["base_url"] = context.Host
            if context.TLSConfig:
                settings["tls"] = context.TLSConfig
    try:
        return _Client(version="auto", timeout=CALL_TIMEOUT, max_pool_size=CONNECTIONS, **settings)
    except ValueError:  # from below the SDK, of a port that is no number, in words that repeat the address
        raise docker.errors.DockerException("Invalid bind address") from None


def _context() -> Any:
    """The one that the user chose; over a file of it that is broken the SDK fails in every way there is."""
    try:
        context = ContextAPI.get_current_context()
    except Exception as error:
        raise docker.errors.ContextException(get_current_context_name()) from error
    if context is None:  # not silently another engine
        raise docker.errors.ContextException(get_current_context_name())
    return context


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
    if isinstance(error, docker.errors.ContextException):
        return SandboxUnavailable(
            f"The Docker context {error.msg} cannot be read: its file is missing, or not as Docker writes it.",
            "Make it anew with `docker context create`, or take this machine's own: docker context use default",
            "docker_down",
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
