"""The conversation with the supervisor (`supervisor.py`), from outside.

To the supervisor, in frames (`frames.py`): before the first request `K`, the key of its proofs; then `R` the request as
JSON; for each file `F` its path and `D` its chunks; `I` chunks of standard input; `G` go; or alone `W`, to remove all
that runs left. From it: once `H`, a greeting as JSON; then for each request `O` and `E` output as it comes, `X` the end
as JSON, for each collected file `C` its path and `D` its chunks, `L` each file left behind with the reason, and `Z`; or
`P` why the work folder could not be set up, and `Z`; for `W` nothing but `Z`, or `P` and `Z`. What comes out of a
sandbox is hostile until checked, also when its supervisor said it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeteam.domain.evidence import RunResult
from codeteam.sandbox import frames
from codeteam.sandbox.frames import CHUNK, ProtocolError
from codeteam.sandbox.interface import Command, Limits, OnOutput, Outcome

MOST_FILES = 2000
"""Files brought back from one run at most."""
_LONGEST_TEXT = 5000
"""Characters of a name or a reason that are kept."""
LONGEST = 7 * 86_400.0
"""Seconds of one run at most."""


class WorkFolderWrecked(Exception):
    """Programs left the work folder in a state in which nothing can be written: full, for the most part."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the supervisor says of the place it is in."""

    python: str
    """Version, for example "3.12.4"."""
    implementation: str
    machine: str
    system: str
    """As `sys.platform`."""
    libc: str
    """"glibc", or empty for others."""
    libc_version: str
    uid: int
    markers: Mapping[str, str]
    """Text of each marker file asked for; empty where it is not there."""

    @classmethod
    def parse(cls, payload: bytes) -> Greeting:
        """Raises ProtocolError when it is not a greeting."""
        try:
            greeting = cls(**_object(payload))
        except TypeError as error:
            raise ProtocolError(f"not a greeting: {error}") from error
        told = (greeting.python, greeting.implementation, greeting.machine, greeting.system, greeting.libc)
        texts = (*told, greeting.libc_version, *_items(greeting.markers))
        if type(greeting.uid) is not int or not all(isinstance(text, str) for text in texts):
            raise ProtocolError("not a greeting")
        return greeting


def encode_request(
    command: Command, env: Mapping[str, str], limits: Limits, rlimits: Mapping[str, int]
) -> Iterator[bytes]:
    """The request in pieces to be sent one after the other; the command passed `check_command`."""
    yield frames.make(b"R", json.dumps(_request(command, env, limits, rlimits)).encode())
    for path, content in command.files.items():
        yield frames.make(b"F", path.encode())
        yield from _chunks(b"D", content)
    yield from _chunks(b"I", command.stdin)
    yield frames.make(b"G", b"")


def check_command(command: Command) -> None:
    """Refuse what no sandbox can do.

    Raises:
        ValueError: a path that `check_path` refuses; no program; a senseless timeout.
    """
    for path in (*command.files, *command.executable):
        check_path(path)
    for path in command.remove:
        if path != ".":
            check_path(path)
    if not 0 < command.timeout <= LONGEST:
        raise ValueError("a timeout must be more than 0 seconds and at most a week")
    if not command.argv or any("\0" in word for word in command.argv):
        raise ValueError("argv must hold at least one word, and no NUL")


def check_path(path: str) -> None:
    """Raises ValueError unless the path is relative, POSIX, normal, encodable and not too long for file systems."""
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"not a path inside the work folder: {path!r}")
    if any("\ud800" <= letter <= "\udfff" for letter in path):
        raise ValueError(f"not a path in UTF-8: {path!r}")
    if max(len(part.encode()) for part in parts) > 255 or len(path.encode()) > 2000:
        raise ValueError(f"a path that is too long: {path[:80]!r}…")


class Reading:
    """Gathers the frames of one run into an `Outcome`."""

    def __init__(self, command: Command, limits: Limits, on_output: OnOutput | None) -> None:
        self._command = command
        self._limits = limits
        self._on_output = on_output
        self._streams = {b"O": bytearray(), b"E": bytearray()}
        self._heard = dict.fromkeys(self._streams, 0)
        self._exit: _Exit | None = None
        self._files: dict[str, bytearray] = {}
        self._current: bytearray | None = None
        self._room = limits.results
        self._dropped: list[tuple[str, str]] = []
        self._problem = ""
        self.done = False
        """The supervisor has told everything."""

    @property
    def used_up(self) -> str:
        """Why this sandbox cannot serve another run; empty when it can."""
        if self._exit is not None and self._exit.full:
            return "files in the work folder had used up the memory"
        return "a program had slowed it down" if self._exit is not None and self._exit.slowed else ""

    @property
    def kept(self) -> int | None:
        """Bytes of memory that files take in this sandbox now; None where that is not known."""
        return None if self._exit is None else self._exit.kept

    def take(self, kind: bytes, payload: bytes) -> None:
        """Raises ProtocolError on what the supervisor would not say here."""
        if self.done:
            raise ProtocolError("more after the end")
        running = self._exit is None and not self._problem
        if kind in self._streams and running:
            self._output(kind, payload)
        elif kind == b"X" and running:
            self._exit = _Exit.parse(payload)
        elif kind == b"P" and running:
            self._problem = payload.decode("utf-8", "replace")[:_LONGEST_TEXT] or "?"
        elif kind == b"C" and self._exit is not None:
            self._open(payload)
        elif kind == b"D" and self._current is not None and len(payload) <= self._room:
            self._current += payload
            self._room -= len(payload)
        elif kind == b"L" and self._exit is not None:
            self._drop(payload)
        elif kind == b"Z" and not running:
            self.done = True
        else:
            raise ProtocolError(f"unexpected frame {kind!r}")

    def outcome(self) -> Outcome:
        """The whole outcome, after `done`.

        Raises:
            WorkFolderWrecked: the supervisor could not write the files.
            ProtocolError: it never said how the program ended.
        """
        if self._problem:
            raise WorkFolderWrecked(self._problem)
        if self._exit is None:
            raise ProtocolError("no end of the program")
        return self._build(self._exit)

    def cut_short(self, *, seconds: float, timed_out: bool, out_of_memory: bool, notice: str) -> Outcome:
        """The outcome of a run whose sandbox ended under it."""
        code = self._exit.code if self._exit is not None else -9
        timed_out = timed_out or (self._exit is not None and self._exit.timed_out)
        end = _Exit(code, seconds, timed_out, self._exit is not None and self._exit.truncated, out_of_memory)
        return self._build(end, notice)

    def _build(self, end: _Exit, notice: str = "") -> Outcome:
        stdout, stderr = bytes(self._streams[b"O"]), bytes(self._streams[b"E"])
        run = RunResult(
            argv=self._command.argv,
            exit_code=end.code,
            stdout=stdout.decode("utf-8", "replace"),
            stderr=stderr.decode("utf-8", "replace"),
            seconds=end.seconds,
            timed_out=end.timed_out,
            out_of_memory=end.oom,
            truncated=end.truncated,
        )
        files = {path: bytes(content) for path, content in self._files.items()}
        return Outcome(run, files, stdout, stderr, tuple(self._dropped), notice)

    def _output(self, kind: bytes, payload: bytes) -> None:
        self._heard[kind] += len(payload)
        if self._heard[kind] > self._limits.output:
            raise ProtocolError("more output than asked for")
        stream = self._streams[kind]
        stream += payload if self._limits.kept is None else payload[: max(self._limits.kept - len(stream), 0)]
        if self._on_output is not None:
            self._on_output("stdout" if kind == b"O" else "stderr", payload)

    def _open(self, payload: bytes) -> None:
        try:
            path = payload.decode()
            check_path(path)
        except ValueError as error:
            raise ProtocolError("a path that would escape") from error
        if path in self._files or len(self._files) >= MOST_FILES:
            raise ProtocolError("a file twice, or too many")
        self._current = self._files[path] = bytearray()

    def _drop(self, payload: bytes) -> None:
        told = _json(payload)
        if not (isinstance(told, list) and len(told) == 2 and all(isinstance(text, str) for text in told)):
            raise ProtocolError("not a dropped file")
        if len(self._dropped) < 200:
            self._dropped.append((told[0][:_LONGEST_TEXT], told[1][:_LONGEST_TEXT]))


@dataclass(frozen=True, slots=True)
class _Exit:
    code: int
    seconds: float
    timed_out: bool = False
    truncated: bool = False
    oom: bool = False
    full: bool = False
    """Memory ran out over what lies in the work folder: the next run would fare no better."""
    slowed: bool = False
    """A program changed how the supervisor, and so whatever it starts, is served by the processors."""
    kept: int | None = None
    """Bytes of memory that files take, of whichever run; None where nobody counts them."""

    @classmethod
    def parse(cls, payload: bytes) -> _Exit:
        try:
            end = cls(**_object(payload))
        except TypeError as error:
            raise ProtocolError(f"not an end: {error}") from error
        flags = (end.timed_out, end.truncated, end.oom, end.full, end.slowed)
        seconds = type(end.seconds) in (int, float) and 0 <= end.seconds <= LONGEST + 3600
        if type(end.code) is not int or not -128 <= end.code <= 255 or not seconds:
            raise ProtocolError("not an exit code, or no time")
        if end.kept is not None and (type(end.kept) is not int or end.kept < 0):
            raise ProtocolError("not a size")
        if not all(isinstance(flag, bool) for flag in flags):
            raise ProtocolError("not an end")
        return end


def _object(payload: bytes) -> dict[str, Any]:
    told = _json(payload)
    if not isinstance(told, dict):
        raise ProtocolError("not an object")
    return told


def _json(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("not JSON") from error


def _items(markers: object) -> Iterator[object]:
    """Keys and values; None, which is no text, for what is no mapping."""
    if isinstance(markers, dict):
        yield from (*markers, *markers.values())
    else:
        yield None


def _request(command: Command, env: Mapping[str, str], limits: Limits, rlimits: Mapping[str, int]) -> dict[str, Any]:
    return {
        "argv": list(command.argv),
        "env": dict(env),
        "timeout": command.timeout,
        "remove": list(command.remove),
        "executable": list(command.executable),
        "collect": list(command.collect),
        "memory": limits.memory,
        "output": limits.output,
        "results": limits.results,
        "count": MOST_FILES,
        "rlimits": dict(rlimits),
    }


def _chunks(kind: bytes, content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield frames.make(kind, content[start : start + CHUNK])
