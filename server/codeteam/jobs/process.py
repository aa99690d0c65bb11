"""One worker process as the engine holds it: its pipes, its log, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from pathlib import Path

from codeteam.domain.errors import WorkerDied
from codeteam.jobs.log import WorkerLog
from codeteam.wire import LINE_LIMIT, VERSION, Codec, Message, Ready

PYTHON = "CODETEAM_WORKER_PYTHON"
"""Variable that names the interpreter of the workers, where it is not the server's own."""
_WINDOWS_FLAGS = sum(
    getattr(subprocess, name, 0) for name in ("CREATE_NEW_PROCESS_GROUP", "BELOW_NORMAL_PRIORITY_CLASS")
)
"""A worker stands back behind the editor; elsewhere it does so by itself."""
READY_SECONDS = 60.0
"""A worker that has not loaded by then, on whatever slow disk, will not."""


def worker_argv(environ: Mapping[str, str]) -> tuple[str, ...]:
    """How a worker is started: with the server's own interpreter, or the one that the environment names.

    With -P, for the current folder is the user's: a `json.py` in it must not run as ours.
    """
    chosen = environ.get(PYTHON, "").strip()
    return (str(Path(chosen).expanduser()) if chosen else sys.executable, "-P", "-X", "utf8", "-m", "codeteam.worker")


class WorkerProcess:
    """A child that speaks `codeteam.wire`; made by `start`, ended by `close` or `kill`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        transport: asyncio.SubprocessTransport,
        log: WorkerLog,
        interpreter: str = "",
    ) -> None:
        """`interpreter` is the one that the user chose, empty for the server's own."""
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("the process needs its three pipes")
        self._process = process
        self._transport = transport
        self._input, self._output, self._errors = process.stdin, process.stdout, process.stderr
        self._log = log
        self.redactor = log.redactor
        self.knows_secret = False
        """A job's key was given to it: it serves no other job."""
        self._interpreter = interpreter
        self._codec = Codec()
        self._drain = asyncio.create_task(self._pump_log(), name=f"log of worker {process.pid}")
        self._greeting = asyncio.create_task(self._greet(), name=f"start of worker {process.pid}")
        # Whoever takes the worker asks how it went; a worker that no one took may fail unheard.
        self._greeting.add_done_callback(lambda task: task.cancelled() or task.exception())

    @classmethod
    async def start(cls, argv: Sequence[str], environ: Mapping[str, str], log: WorkerLog) -> WorkerProcess:
        """Start a worker in a process group of its own; raises WorkerDied when that is not possible."""
        loop = asyncio.get_running_loop()
        interpreter = argv[0] if environ.get(PYTHON, "").strip() else ""
        try:
            # What `asyncio.create_subprocess_exec` does, but it keeps the transport to itself, and without closing
            # that one the pipes would be cleaned up by the garbage collector.
            transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(limit=LINE_LIMIT, loop=loop),
                *argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environ),
                start_new_session=os.name == "posix",
                creationflags=_WINDOWS_FLAGS,
            )
        except (OSError, ValueError) as error:  # ValueError: a path that no system can have
            said = f"The worker could not be started: {error}."
            if interpreter:
                raise _unfit(interpreter, said) from error
            raise WorkerDied(said, "Is Codeteam installed whole?") from error
        return cls(asyncio.subprocess.Process(transport, protocol, loop), transport, log, interpreter)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> None:
        """Until the worker has loaded what it needs; raises WorkerDied when it does not."""
        await asyncio.wait({self._greeting})
        if self._greeting.cancelled():
            raise WorkerDied("The worker was stopped before it had loaded.", self._hint())
        self._greeting.result()

    async def send(self, message: Message) -> None:
        """Raises WorkerDied when the worker is gone."""
        try:
            self._input.write(self._codec.encode(message))
            await self._input.drain()
        except (ConnectionError, RuntimeError) as error:
            raise await self._death() from error

    def post(self, message: Message) -> None:
        """Send without waiting; for what may be lost when the worker is gone."""
        if not self._input.is_closing():
            self._input.write(self._codec.encode(message))

    def learn(self, secret: str) -> None:
        """The worker was told a secret: it must not be in its log or in what it says, and dies with this worker."""
        self.knows_secret = True
        self.redactor.add(secret)

    async def receive(self) -> Message:
        """The next message; raises WorkerDied when the worker ends or writes what is not one (it is killed then)."""
        try:
            line = await self._output.readline()
            if not line.endswith(b"\n"):
                raise await self._death()
            return self._codec.decode(line)
        except ValueError as error:  # a line beyond the limit is one as well
            self._log.feed(f"bad line from the worker: {str(error)[:500]}\n".encode())
            await self.kill()
            raise WorkerDied(
                "The worker sent something that is not a message, and was stopped.", self._hint()
            ) from error

    async def kill(self) -> None:
        """End the worker and what it started, at once."""
        self._greeting.cancel()
        await self._exit_code()
        self._drain.cancel()
        self._transport.close()
        self._log.close()

    def kill_now(self) -> None:
        """The same without waiting, for a process that is about to exit itself."""
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            return
        import psutil  # noqa: PLC0415 - only where there are no process groups

        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self, patience: float) -> None:
        """Let the worker end by itself, which it does when its input ends; kill it after that many seconds."""
        self._input.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), patience)
        await self.kill()

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                message = await self.receive()
        except TimeoutError:
            self.kill_now()
            raise WorkerDied(f"The worker did not load within {READY_SECONDS:.0f} s.", self._hint()) from None
        except WorkerDied as error:
            if self._interpreter:
                raise _unfit(self._interpreter, f"{error.message}{self._last_words()}") from error
            raise
        if message != Ready():
            self.kill_now()
            said = f"The worker speaks another version than {VERSION}."
            if self._interpreter:
                raise _unfit(self._interpreter, said)
            raise WorkerDied(said, "Codeteam was updated while it ran: start it anew.")

    async def _death(self) -> WorkerDied:
        """Why nothing more will come; the group is killed, for a child may have outlived the worker."""
        code = await self._exit_code()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return WorkerDied(f"The worker {how} before the job was done.", self._hint())

    async def _exit_code(self) -> int:
        """Kill, and wait for the end and for the last words; bounded, for a stranger may hold the pipes open."""
        self.kill_now()
        await asyncio.wait({asyncio.ensure_future(self._process.wait()), self._drain}, timeout=1.0)
        return -9 if self._process.returncode is None else self._process.returncode

    def _hint(self) -> str:
        return f"Start the job again; the worker was replaced. Its log is {self._log.path}.{self._last_words()}"

    def _last_words(self) -> str:
        last = self._log.tail.strip().rpartition("\n")[2]
        return f" Its last words: {last[:300]}" if last else ""

    async def _pump_log(self) -> None:
        while chunk := await self._errors.read(65536):
            self._log.feed(chunk)


def _unfit(interpreter: str, said: str) -> WorkerDied:
    """The interpreter that was chosen cannot run a worker, and trying again would not change that."""
    hint = f"{PYTHON} is {interpreter}: it must be Python 3.11 or newer that has this version of Codeteam installed."
    return WorkerDied(said, hint, "worker_environment")
