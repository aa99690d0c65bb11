"""A session over a supervisor, whatever the supervisor runs in: the part that Docker and local have in common."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import frames
from codeteam.sandbox.frames import CHUNK, Forged, Frames, ProtocolError
from codeteam.sandbox.interface import Command, Limits, OnOutput, Outcome
from codeteam.sandbox.protocol import Greeting, Reading, WorkFolderWrecked, check_command, encode_request

GRACE = 15.0
"""Seconds after a run's own deadline, in which the supervisor must have answered."""
GREETING_TIMEOUT = 30.0
EMPTYING_TIMEOUT = 2.0
LIGHT = 1024 * 1024
"""Bytes of files that are not worth the trouble of removing them."""
MEMORY_RAN_OUT = re.compile(rb"^MemoryError\b", re.MULTILINE)


class Body(Protocol):
    """A place where a supervisor runs, and the line to it."""

    async def send(self, data: bytes) -> None:
        """Raises OSError when the line is cut."""

    async def receive(self) -> bytes:
        """The next bytes; empty at the end of the line. Raises OSError when it is cut."""

    async def died_of_memory(self) -> bool:
        """Whether memory ran out in it, asked after the line ended.

        Raises:
            SandboxUnavailable: not the place died but what it runs on.
        """

    async def destroy(self) -> None:
        """End everything in it and remove it; never raises for what is gone already."""


class Attendant:
    """Talks with one supervisor: the greeting, then one run after the other."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self._frames = Frames()
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._kept: int | None = 0
        """Bytes of memory that files take there, as far as known."""

    async def greeting(self) -> Greeting:
        """Raises ProtocolError when something else answers, or nothing does in time."""
        try:
            async with asyncio.timeout(GREETING_TIMEOUT):
                kind, payload = await self._next()
        except TimeoutError:
            raise ProtocolError("no answer from the supervisor") from None
        if kind != b"H":
            raise ProtocolError("no greeting")
        return Greeting.parse(payload)

    async def send(self, pieces: tuple[bytes, ...]) -> None:
        """Small pieces go together, for each one sent wakes the engine and the supervisor."""
        key = self._frames.demand_proof()
        if key is not None:
            pieces = (frames.make(b"K", key), *pieces)
        together = bytearray()
        for piece in pieces:
            if together and len(together) + len(piece) > CHUNK:
                await self.body.send(bytes(together))
                together.clear()
            together += piece
        await self.body.send(bytes(together))

    async def read(self, reading: Reading) -> None:
        """Until the supervisor said that it is done.

        Raises:
            ProtocolError, OSError: the line ended or carries something else.
        """
        self._kept = None
        while not reading.done:
            reading.take(*await self._next())
        self._kept = reading.kept

    async def lighten(self) -> bool:
        """Have what runs left removed if it is much; whether nothing runs and hardly anything lies there now."""
        return (self._kept is not None and self._kept <= LIGHT) or await self._empty()

    async def _empty(self) -> bool:
        try:
            async with asyncio.timeout(EMPTYING_TIMEOUT):
                await self.body.send(frames.make(b"W", b""))
                return await self._next() == (b"Z", b"")
        except (ProtocolError, OSError, TimeoutError):
            return False

    async def _next(self) -> tuple[bytes, bytes]:
        while not self._waiting:
            chunk = await self.body.receive()
            if not chunk:
                raise ProtocolError("the supervisor is gone")
            self._waiting.extend(self._frames.feed(chunk))
        return self._waiting.popleft()


class SupervisedSession:
    """A `Session`: runs commands in a body, and gets a new one with the same files when the body breaks."""

    def __init__(
        self,
        *,
        image: str,
        first: Attendant,
        another: Callable[[], Awaitable[Attendant]],
        limits: Limits,
        env: Mapping[str, str],
        rlimits: Mapping[str, int] | None = None,
    ) -> None:
        self.image = image
        self._attendant: Attendant | None = first
        self._another = another
        self._limits = limits
        self._env = dict(env)
        self._rlimits = dict(rlimits or {})
        self._files: dict[str, bytes] = {}
        self._executable: set[str] = set()
        self._replaced = ""
        self._one_at_a_time = asyncio.Lock()

    async def run(self, command: Command, on_output: OnOutput | None = None) -> Outcome:
        check_command(command)
        async with self._one_at_a_time:
            self._remember(command)
            try:
                return await self._run(command, on_output)
            except WorkFolderWrecked as error:
                await self._discard(f"the work folder could not be written ({error})")
            try:
                return await self._run(command, on_output)
            except WorkFolderWrecked as error:
                raise SandboxUnavailable(
                    f"The sandbox's work folder cannot hold the files: {error}.",
                    "Give it more room, or fewer files.",
                    kind="disk_full",
                ) from error

    def release(self) -> Attendant | None:
        """Give up the attendant, whose body is to be destroyed by whoever takes it; None when there is none."""
        attendant, self._attendant = self._attendant, None
        return attendant

    async def close(self) -> None:
        await self._discard("")

    async def _run(self, command: Command, on_output: OnOutput | None) -> Outcome:
        notice = ""
        if self._attendant is None:
            self._attendant = await self._another()
            notice, self._replaced = self._replaced, ""
            command = self._with_earlier_files(command)
        attendant = self._attendant
        pieces = tuple(encode_request(command, self._environment(command), self._limits, self._rlimits))
        reading = Reading(command, self._limits, on_output)
        began = time.monotonic()
        try:
            async with asyncio.timeout(GRACE + sum(map(len, pieces)) / 1e6):
                await attendant.send(pieces)
            async with asyncio.timeout(command.timeout + GRACE + self._limits.results / 1e6):
                await attendant.read(reading)
            outcome = reading.outcome()
            if reading.used_up:
                await self._discard(reading.used_up)
        except (ProtocolError, OSError, TimeoutError) as error:
            return await self._ended(reading, error, time.monotonic() - began)
        except BaseException:
            await self._discard("the run was given up")
            raise
        return _with_notice(outcome, notice)

    async def _ended(self, reading: Reading, error: Exception, seconds: float) -> Outcome:
        """The program broke its sandbox: said in the outcome, and the next run gets a new one."""
        late, forged = isinstance(error, TimeoutError), isinstance(error, Forged)
        attendant = self._attendant
        try:
            memory = attendant is not None and not late and not forged and await attendant.body.died_of_memory()
        finally:
            cause = "it ended during the run"
            if late or forged:
                cause = "it did not answer in time" if late else "a program wrote among its results"
            await self._discard(f"the sandbox was replaced: {cause}")
        why = "memory ran out" if memory else cause
        return reading.cut_short(
            seconds=seconds,
            timed_out=late,
            out_of_memory=memory,
            notice=f"The run ended together with its sandbox: {why}. The next run gets a new one.",
        )

    async def _discard(self, reason: str) -> None:
        attendant, self._attendant = self._attendant, None
        self._replaced = reason
        if attendant is not None:
            await asyncio.shield(attendant.body.destroy())

    def _environment(self, command: Command) -> dict[str, str]:
        env = self._env | dict(command.env)
        if "PYTHONPATH" in command.env and self._env.get("PYTHONPATH"):
            env["PYTHONPATH"] = f"{command.env['PYTHONPATH']}:{self._env['PYTHONPATH']}"
        return env

    def _remember(self, command: Command) -> None:
        for path in command.remove:
            for known in [known for known in self._files if path in (".", known) or known.startswith(path + "/")]:
                del self._files[known]
        self._files.update(command.files)
        self._executable.update(command.executable)

    def _with_earlier_files(self, command: Command) -> Command:
        """The same command for a new sandbox, whose work folder may hold what another left."""
        return Command(
            argv=command.argv,
            remove=(".",),
            files=self._files,
            executable=tuple(path for path in self._executable if path in self._files),
            env=command.env,
            stdin=command.stdin,
            timeout=command.timeout,
            collect=command.collect,
        )


class Uncounted:
    """A session where memory is limited by process and nobody counts who was killed for it: it shows as this error."""

    def __init__(self, inner: SupervisedSession) -> None:
        self._inner = inner
        self.image = inner.image

    async def run(self, command: Command, on_output: OnOutput | None = None) -> Outcome:
        outcome = await self._inner.run(command, on_output)
        if outcome.run.exit_code != 0 and MEMORY_RAN_OUT.search(outcome.stderr[-4000:]):
            run = dataclasses.replace(outcome.run, out_of_memory=True)
            return dataclasses.replace(outcome, run=run)
        return outcome


def _with_notice(outcome: Outcome, notice: str) -> Outcome:
    if not notice:
        return outcome
    return Outcome(outcome.run, outcome.files, outcome.stdout, outcome.stderr, outcome.dropped, notice)
