"""Modules of Go: chosen and fetched on the host by the sandbox's own `go`, from the proxies of the user's settings.

Containers see them as Go's own cache of modules, read-only, which is a proxy of them as well: code whose `go.mod` does
not require them yet finds them there, and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.dependencies import FRESH, LONGEST_LINE, Resolver, Target, keep, recall
from codeteam.sandbox.go_choice import Choice, Question, choose
from codeteam.sandbox.go_host import GoHost, escaped, objects, unavailable
from codeteam.sandbox.interface import DependencyProblem
from codeteam.sandbox.policy import GO_MODULES
from codeteam.sandbox.scratch import scratch

MOST = 400
"""Requirements of a job: a `go.mod` names what is needed indirectly too."""
_FIRST = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ELEMENT = r"[A-Za-z0-9_~-](?:[A-Za-z0-9._~-]*[A-Za-z0-9_~-])?"
_PATH = rf"{_FIRST}(?:\.{_FIRST})*\.[a-z][a-z0-9-]*(?:/{_ELEMENT}){{0,20}}"
"""Of a module, as Go's own check has it; but one that begins with an address in numbers is none."""
_VERSION = r"v?(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}(?:-[0-9A-Za-z.-]{1,60})?(?:\+incompatible)?"
_LINE = re.compile(rf"(?P<path>{_PATH})(?:\s*@\s*|\s+|$)(?P<version>{_VERSION}|latest)?(?:\s*// indirect)?", re.ASCII)
_STANDARD = re.compile(r"[a-z0-9]+(?:/[a-z0-9]+)*(?:/v\d+)?(?:\s*@.*)?")


def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
    """Requirement lines as `path@version` or `path@latest`, sorted, and what is wrong with the others."""
    good: dict[str, str] = {}
    problems: list[DependencyProblem] = []
    for line in lines[:MOST]:
        match = _LINE.fullmatch(line.strip()) if len(line) <= LONGEST_LINE else None
        if match is not None:
            version = match["version"] or "latest"
            good.setdefault(match["path"], f"v{version}" if version[0].isdigit() else version)
        elif len(line) <= LONGEST_LINE and _STANDARD.fullmatch(line.strip()):
            said = "This is a package of Go's standard library, or none at all: a module's path begins with a domain."
            problems.append(DependencyProblem(line, said))
        else:
            said = "This is not the path of a module with a version, as in `example.com/path@v1.2.3`, or without one."
            problems.append(DependencyProblem(line[:LONGEST_LINE], said))
    problems += [DependencyProblem(line[:LONGEST_LINE], f"More than {MOST} requirements.") for line in lines[MOST:][:1]]
    return tuple(sorted(f"{path}@{version}" for path, version in good.items())), tuple(problems)


def name_of(line: str) -> str:
    """The module that a requirement line asks for; the line itself when it is none."""
    match = _LINE.fullmatch(line.strip())
    return match["path"] if match else line


@dataclass(frozen=True, slots=True)
class GoLock:
    """Exact versions, and hashes of what they need; the same for every platform."""

    text: str
    """A `Choice` in JSON."""

    @property
    def choice(self) -> Choice:
        found = json.loads(self.text)
        return Choice(found["manifest"], found["sums"], tuple(found["chosen"]), tuple(found["beside"]))

    @property
    def key(self) -> str:
        return hashlib.sha256(f"go\0{self.text}".encode()).hexdigest()[:24]

    @property
    def packages(self) -> tuple[str, ...]:
        return self.choice.chosen


class GoModules:
    """Turns requirement lines into locks and locks into folders, with go."""

    kind: Final = "go"
    folder: Final = GO_MODULES
    link: Final = ""
    env: Final[Mapping[str, str]] = {
        "GOMODCACHE": "{packages}",
        "GOPROXY": "file://{packages}/cache/download",
        # Checked where they were fetched.
        "GOSUMDB": "off",
    }

    @staticmethod
    def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
        return check(lines)

    @staticmethod
    def name_of(line: str) -> str:
        return name_of(line)

    def __init__(self, *, cache: Path, environ: Mapping[str, str], resolver: Resolver, before: str = "") -> None:
        """`before` is a date; versions of later commits are too young. Empty for no such gate."""
        self._locks = cache / "locks"
        self._host = GoHost(cache=cache, environ=environ, resolver=resolver)
        self._before = before

    async def lock(
        self,
        requirements: tuple[str, ...],
        target: Target,
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> GoLock | tuple[DependencyProblem, ...]:
        """Versions for requirement lines that passed `check`, each at least what was asked, as in a `go.mod`.

        Raises:
            SandboxUnavailable: no proxy can be reached and no earlier answer is known, or the disk is full.
        """
        del target, preferred  # Go is compiled where it is used; names of another index
        free = sorted(trusted & {name_of(line) for line in requirements})
        question = "\0".join(("go", *requirements, self._before, *free))
        earlier = self._locks / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.go.json"
        if text := recall(earlier, FRESH):
            return GoLock(text)
        lines = dict(line.split("@", 1) for line in requirements)
        try:
            with scratch("go") as place:
                settings = await self._host.settings(place)
                found = await choose(Question(self._host, settings, place, lines, trusted, self._before))
        except SandboxUnavailable:
            if text := recall(earlier):
                return GoLock(text)
            raise
        return GoLock(recall(keep(earlier, json.dumps(asdict(found))))) if isinstance(found, Choice) else found

    async def install(self, lock: GoLock, target: Target, folder: Path, *, own_copies: bool) -> None:
        """Put the modules of a lock into an empty folder, as Go's own cache of modules has them.

        They share no file with the cache on the host, whatever `own_copies` is.

        Raises:
            SandboxUnavailable: no proxy can be reached, what it has is not what it had before, the disk is full.
        """
        del target, own_copies
        choice = lock.choice
        known = self._locks / f"{lock.key}.go.sum"
        with scratch("go") as place:
            proxies = (await self._host.settings(place)).nearest
            (place / "go.mod").write_text(choice.manifest, "utf-8")
            (place / "go.sum").write_text(choice.sums + recall(known), "utf-8")
            _, said = await self._host.ask(place, "mod", "graph", proxies=proxies)
            wanted = (*choice.chosen, *choice.beside)
            told, ended = await self._host.ask(place, "mod", "download", "-json", *wanted, proxies=proxies)
            fetched = list(objects(told))
            if wrong := next((str(fact["Error"]) for fact in fetched if "Error" in fact), said or ended):
                raise unavailable(wrong)
            # Once fetched, a version stays what it was.
            keep(known, "".join(f"{fact['Path']} {fact['Version']} {fact['Sum']}\n" for fact in fetched))
            await asyncio.to_thread(_fill, folder, self._host.modules, choice)


def _fill(folder: Path, modules: Path, choice: Choice) -> None:
    """Copy from one cache of modules into another what Go looks for, which is little beside the code."""
    cache = Path("cache", "download")
    manifests = re.findall(r"^(\S+) (\S+)/go\.mod ", choice.sums, re.MULTILINE)
    for path, version in manifests:
        _copy(cache / escaped(path) / "@v", f"{escaped(version)}.mod", modules, folder)
    for name in (*choice.chosen, *choice.beside):
        path, version = map(escaped, name.split("@"))
        shutil.copytree(modules / f"{path}@{version}", folder / f"{path}@{version}")
        for ending in ("info", "mod", "ziphash"):
            _copy(cache / path / "@v", f"{version}.{ending}", modules, folder)
    for name in choice.chosen:
        # Whoever asks this cache for a module's newest version gets the chosen one.
        path, version = map(escaped, name.split("@"))
        place = folder / cache / path
        (place / "@v" / "list").write_text(f"{name.partition('@')[2]}\n", "utf-8")
        shutil.copy(place / "@v" / f"{version}.info", place / "@latest")


def _copy(where: Path, name: str, source: Path, target: Path) -> None:
    (target / where).mkdir(parents=True, exist_ok=True)
    shutil.copy(source / where / name, target / where / name)
