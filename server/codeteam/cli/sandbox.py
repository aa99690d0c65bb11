"""`codeteam sandbox`: a program in the hardened sandbox by itself, the sandbox's image, and what crashed runs left."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codeteam.cli.terminal import put, tell
from codeteam.domain.errors import BadInput
from codeteam.domain.settings import SandboxKind, Settings
from codeteam.jobs.places import state_dir
from codeteam.workspace.configuration import config_folder, user_settings

if TYPE_CHECKING:
    from codeteam.sandbox.docker import DockerSandbox
    from codeteam.sandbox.interface import Outcome, Sandbox

TIMED_OUT = 124
"""As `timeout` says it."""
KILLED_FOR_MEMORY = 137
"""As a shell says of a program that got SIGKILL."""
MOST_BYTES = 96 * 1024 * 1024
MOST_FILES = 5000
LEFT_OUT = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache"})
LONGEST = 86_400.0
"""Seconds of one run at most."""
OUTPUT = 64 * 1024 * 1024
"""Bytes of each stream that are shown at most."""
DISK = 256 * 1024 * 1024


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("sandbox", help="run a program in the sandbox, build its image, clean up")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_run(actions)
    build = actions.add_parser("build", help="make the sandbox's image", allow_abbrev=False)
    build.add_argument(
        "--from", dest="source", choices=("auto", "registry", "host", "debian"), default="auto",
        help="a registry's image, this machine's own Python, or Debian packages; auto: the first that works",
    )  # fmt: skip
    build.add_argument("--reference", default="", metavar="REF", help="image to pull, best with its digest")
    build.add_argument("--if-missing", action="store_true", help="do nothing when there is an image that will do")
    build.set_defaults(run=_build)
    prune = actions.add_parser("prune", help="remove what crashed runs left behind", allow_abbrev=False)
    prune.add_argument("--volumes", action="store_true", help="also all fetched packages that nothing uses now")
    prune.set_defaults(run=_prune)


def _add_run(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "run",
        help="run a program",
        description="Runs ARGV in a fresh sandbox without network. Nothing comes back but its output and exit code.",
        epilog="Exit code: the program's own; 124 when its time was over, 137 when memory ran out, 128 and the number "
        "of the signal that ended it; 2 for wrong usage, 3 when there is no sandbox. The reason is on stderr.",
        allow_abbrev=False,
    )
    left_out = ", ".join(sorted(LEFT_OUT))
    parser.add_argument("--workdir", type=Path, help=f"folder whose regular files are copied in (without {left_out})")
    parser.add_argument("--requirements", type=Path, help="file of packages to have, one a line, wheels only")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds it may take (60)")
    parser.add_argument("--memory", type=int, default=0, metavar="MIB", help="memory it may use (from the settings)")
    parser.add_argument("--image", default="", help="image to use (from the settings, else the one that was built)")
    parser.add_argument("--runtime", default="", help="runtime of the engine, such as runsc (from the settings)")
    parser.add_argument("--stdin", action="store_true", help="hand standard input on to the program")
    parser.add_argument("--local", action="store_true", help="run on this machine, NOT isolated")
    parser.add_argument("argv", nargs="+", metavar="ARGV", help="the program and its arguments, after --")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if not 0 < args.timeout <= LONGEST:
        raise BadInput(f"--timeout must be more than 0 and at most {LONGEST:.0f} seconds.")
    copied = read_folder(args.workdir) if args.workdir is not None else Copied()
    for note in copied.notes:
        tell(f"codeteam: {note}")
    requirements = _requirements(args.requirements) if args.requirements is not None else ()
    settings = _settings(args)
    return asyncio.run(_run_in_sandbox(args, settings, copied, requirements))


async def _run_in_sandbox(
    args: argparse.Namespace, settings: Settings, copied: Copied, requirements: tuple[str, ...]
) -> int:
    from codeteam.sandbox.choose import open_sandbox  # noqa: PLC0415 - Docker's SDK takes its time
    from codeteam.sandbox.interface import Command, Limits  # noqa: PLC0415

    sandbox: Sandbox = open_sandbox(settings, home=state_dir(args.environ), environ=args.environ)
    try:
        # The user's own file: whatever is in it is meant.
        named = frozenset(re.split(r"[^A-Za-z0-9._-]", line.strip(), maxsplit=1)[0].lower() for line in requirements)
        dependencies = await sandbox.prepare(requirements, trusted=named | {name.replace("_", "-") for name in named})
        if isinstance(dependencies, tuple):
            lines = [f"{problem.requirement}: {problem.message}" for problem in dependencies]
            raise BadInput("Packages cannot be had. " + " ".join(lines), "Correct the requirements file.")
        command = Command(
            argv=tuple(args.argv),
            files=copied.files,
            executable=copied.executable,
            stdin=sys.stdin.buffer.read() if args.stdin else b"",
            timeout=args.timeout,
        )
        limits = Limits(memory=settings.sandbox_memory * 1024 * 1024, output=OUTPUT, kept=0, disk=DISK)
        async with sandbox.open(dependencies, limits) as session:
            return _report(await session.run(command, _show), args.timeout, settings)
    finally:
        await sandbox.aclose()


def _show(stream: str, chunk: bytes) -> None:
    """Bytes as they come; what a program wrote is not ours to change."""
    target = sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer
    target.write(chunk)
    target.flush()


def _report(outcome: Outcome, timeout: float, settings: Settings) -> int:
    """The exit code, and on stderr why it is not the program's own."""
    run = outcome.run
    if run.truncated:
        tell(f"codeteam: output beyond {OUTPUT // 1024**2} MiB was dropped.")
    if outcome.notice:
        tell(f"codeteam: {outcome.notice}")
    if run.out_of_memory:
        tell(f"codeteam: memory ran out: more than {settings.sandbox_memory} MiB (--memory raises it).")
        return KILLED_FOR_MEMORY
    if run.timed_out:
        tell(f"codeteam: killed after {timeout:g} s (--timeout raises it).")
        return TIMED_OUT
    if run.exit_code < 0:
        tell(f"codeteam: the program was ended by signal {-run.exit_code}.")
        return 128 - run.exit_code
    return run.exit_code


def _build(args: argparse.Namespace) -> int:
    async def build(sandbox: DockerSandbox) -> int:
        made = await sandbox.build(args.source, args.reference, again=not args.if_missing)
        put(f"{made.shown}\n")
        return 0

    return _with_docker(args, build)


def _prune(args: argparse.Namespace) -> int:
    async def prune(sandbox: DockerSandbox) -> int:
        from codeteam.sandbox.local import prune_scratch  # noqa: PLC0415 - Docker's SDK takes its time

        removed = await sandbox.prune(every_volume=args.volumes)
        scratch = prune_scratch(state_dir(args.environ) / "scratch")
        for kind, names in (("container", removed.containers), ("volume", removed.volumes), ("folder", scratch)):
            for name in names:
                put(f"{kind} {name}\n")
        tell(f"codeteam: removed {len(removed.containers)} containers, {len(removed.volumes)} volumes.")
        return 0

    return _with_docker(args, prune)


def _with_docker(args: argparse.Namespace, action: Callable[[DockerSandbox], Awaitable[int]]) -> int:
    from codeteam.sandbox.choose import open_docker  # noqa: PLC0415 - Docker's SDK takes its time

    async def act() -> int:
        sandbox = open_docker(user_settings(config_folder(args.environ))[0], environ=args.environ)
        try:
            return await action(sandbox)
        finally:
            await sandbox.aclose()

    return asyncio.run(act())


def _settings(args: argparse.Namespace) -> Settings:
    """The user's settings with what the options say."""
    settings, problems = user_settings(config_folder(args.environ))
    for problem in problems:
        tell(f"codeteam: {problem}")
    if args.local:
        settings = replace(settings, sandbox=SandboxKind.LOCAL)
    if settings.sandbox is SandboxKind.LOCAL:
        tell("codeteam: warning: this runs on your machine, NOT isolated.")
    if args.memory:
        if not 16 <= args.memory <= 65536:
            raise BadInput("--memory is in MiB, from 16 to 65536.")
        settings = replace(settings, sandbox_memory=args.memory)
    if args.runtime:
        settings = replace(settings, sandbox_runtime=args.runtime)
    return replace(settings, sandbox_image=args.image) if args.image else settings


def _requirements(path: Path) -> tuple[str, ...]:
    """The lines of a requirements file without comments; what is wrong with them is told by `prepare`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from error
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    return tuple(line for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True, slots=True)
class Copied:
    """What of a folder goes into the sandbox."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, for people."""


def read_folder(root: Path) -> Copied:
    """All regular files below a folder, links not followed.

    Raises:
        BadInput: no such folder, or more than the sandbox takes.
    """
    if not root.is_dir():
        raise BadInput(f"{root} is not a folder.")
    files: dict[str, bytes] = {}
    executable: list[str] = []
    skipped = 0
    size = 0
    for path in _walk(root):
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            skipped += 1
            continue
        size += facts.st_size
        if size > MOST_BYTES or len(files) >= MOST_FILES:
            raise BadInput(
                f"{root} is too big for the sandbox: it takes {MOST_FILES} files and {MOST_BYTES // 1024**2} MiB.",
                "Name a smaller folder with --workdir.",
            )
        name = path.relative_to(root).as_posix()
        try:
            name.encode()
            files[name] = path.read_bytes()
        except (OSError, UnicodeEncodeError):
            skipped += 1
            continue
        if facts.st_mode & stat.S_IXUSR:
            executable.append(name)
    notes = (f"{skipped} links and other special or unreadable files were not copied.",) if skipped else ()
    return Copied(files, tuple(executable), notes)


def _walk(root: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        for name in sorted(names):
            yield Path(place, name)
