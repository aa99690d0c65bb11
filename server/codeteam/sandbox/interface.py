"""The sandbox as the team sees it: a session for a job, in which files are written and programs run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from codeteam.domain.evidence import RunResult


@dataclass(frozen=True, slots=True)
class Limits:
    """What one session may use."""

    memory: int = 512 * 1024 * 1024
    """Bytes, swap included."""
    cpus: float = 2.0
    processes: int = 128
    disk: int = 256 * 1024 * 1024
    """Bytes of the work folder, which is memory too."""
    output: int = 1024 * 1024
    """Bytes of standard output and of standard error taken from one run, each."""
    kept: int | None = None
    """Bytes of each that the outcome holds, for those who listen as it comes and keep nothing; None for all."""
    results: int = 16 * 1024 * 1024
    """Bytes of all collected files of one run."""


@dataclass(frozen=True, slots=True)
class Command:
    """One run. Paths are relative to the work folder, POSIX, without `..`."""

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Written before the run, folders made as needed."""
    executable: tuple[str, ...] = ()
    """Those of `files` that may be executed."""
    remove: tuple[str, ...] = ()
    """Files or folders removed before writing; "." empties the work folder."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the sandbox's own environment. `PYTHONPATH` is put before the sandbox's own, not in its place;
    relative entries, as in "src", start at the work folder."""
    stdin: bytes = b""
    timeout: float = 60.0
    """Seconds; at the end everything that the run started is killed."""
    collect: tuple[str, ...] = ()
    """Paths or glob patterns (`**` allowed) of regular files to bring back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command."""

    run: RunResult
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Collected regular files by path; names that would escape are never among them."""
    stdout: bytes = b""
    """As in `run.stdout`, undecoded."""
    stderr: bytes = b""
    dropped: tuple[tuple[str, str], ...] = ()
    """Matching files that were not brought back, with the reason: links, pipes, odd names, too large."""
    notice: str = ""
    """What a reader should know about the sandbox itself: it had to be replaced, and why."""


@dataclass(frozen=True, slots=True)
class DependencySet:
    """Packages made ready to be mounted read-only."""

    key: str
    """Content hash of lock and platform; empty for no packages."""
    requirements: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    """`name==version` of everything in it; `name@version` where the index is npm's."""
    language: str = "python"
    """Whose packages these are."""
    trusted: frozenset[str] = frozenset()
    """Names that were taken at whatever age."""
    preferred: tuple[str, ...] = ()
    """Versions that were taken where they fit."""


@dataclass(frozen=True, slots=True)
class DependencyProblem:
    """A requirement that cannot be met: a finding, not a crash."""

    requirement: str
    message: str
    """What is wrong, in words: not on the index, no wheel for this platform, versions that conflict."""
    kind: str = ""
    """"young" for what was published too recently: a user may still want it. "mistaken" for what can be had, but looks
    like another package; only `look_up` says so. Empty for what cannot be had at all."""


OnOutput = Callable[[str, bytes], None]
"""Called with "stdout" or "stderr" and a chunk, as the program writes."""


class Session(Protocol):
    """One job's own sandbox; nothing of it outlives the job, but where it ran may take a moment to go."""

    image: str
    """For the evidence: the image's name and short id, or "local (not isolated)"."""

    async def run(self, command: Command, on_output: OnOutput | None = None) -> Outcome:
        """Run a program to its end; a program that fails, hangs or eats memory is a value.

        Raises:
            SandboxUnavailable: the engine died, or the container could not be replaced.
            ValueError: a path that leaves the work folder or is too long, no program, a senseless timeout.
        """


class Sandbox(Protocol):
    """Makes sessions."""

    async def ready(self, language: str = "python") -> None:
        """Whether anything of a language can run at all, found out before a job pays for anything.

        Raises:
            SandboxUnavailable: the engine does not answer, there is no image and none can be made, or the language's
                toolchain is to be had from this machine and is not there.
        """

    async def prepare(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> DependencySet | tuple[DependencyProblem, ...]:
        """Resolve and fetch packages outside the sandbox, cached by content; nothing of them is run.

        `trusted` are names that the user chose: their age and their likeness to others are no matter. Versions that are
        `preferred`, in the form of `DependencySet.locked`, are taken where they fit, where the index can do so.

        Raises:
            SandboxUnavailable: the index or the engine cannot be reached, the disk is full.
        """

    async def look_up(
        self,
        requirements: tuple[str, ...],
        language: str = "python",
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> tuple[DependencyProblem, ...]:
        """What `prepare` would find wrong, and what is easily mistaken; the indexes are asked, nothing is fetched.

        Raises:
            SandboxUnavailable: as `prepare`.
        """

    def open(
        self,
        dependencies: DependencySet | None = None,
        limits: Limits | None = None,
        *,
        job: str = "",
        language: str = "python",
    ) -> AbstractAsyncContextManager[Session]:
        """A fresh session; the toolchain that `codeteam.sandbox.languages` names for the language is in it.

        It waits while others have all the room that sandboxes may take. `job` is the job's identifier, for its name.
        Without `limits`, those that the settings gave to this sandbox.

        Raises on entering:
            SandboxUnavailable: no engine, no image, disk full; says what to do.
        """

    def warm(self, language: str = "python") -> None:
        """Begin in the background what makes the next session without packages open at once; failures are silent."""

    async def aclose(self) -> None:
        """End every container that this sandbox started."""
