"""Packages for generated code: resolved and fetched on the host by uv, wheels only, so that no build code ever runs.

Requirement lines come from a model and are hostile: names with versions pass, everything else (URLs, paths, options)
is a `DependencyProblem`. Which index is asked is the business of the user's own uv configuration.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uv
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import fetchers, known
from codeteam.sandbox.interface import DependencyProblem
from codeteam.sandbox.policy import DEPENDENCIES
from codeteam.sandbox.scratch import scratch

MOST_REQUIREMENTS = 100
LONGEST_LINE = 200
MANYLINUX = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
"""Minor versions of glibc that uv knows as platforms."""
FRESH = 24 * 3600
"""Seconds for which a resolution is used again; afterwards newer releases are looked for."""
TOO_YOUNG = "Every release that fits was published only in the last days: too young to be taken unasked."
_ROUNDS = 8
"""How often names are found whose index gives no dates: a package, what it needs, what that needs."""
_UNDATED = re.compile(r"`([A-Za-z0-9][\w.]*(?:-[A-Za-z][\w.]*)*)-\d[^`]*` is missing an upload date")


@dataclass(frozen=True, slots=True)
class Target:
    """For which Python packages are chosen."""

    python: str
    """Full version, "3.12.4"."""
    platform: str = ""
    """As uv names it, "x86_64-manylinux_2_36"; empty for the machine that this runs on."""

    @classmethod
    def of(cls, *, python: str, machine: str, libc: str, libc_version: str) -> Target:
        machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(machine, machine)
        if libc != "glibc":
            return cls(python, f"{machine}-unknown-linux-musl")
        minor = int(libc_version.split(".")[1])
        return cls(python, f"{machine}-manylinux_2_{max((n for n in MANYLINUX if n <= minor), default=17)}")

    @property
    def arguments(self) -> tuple[str, ...]:
        platform = ("--python-platform", self.platform) if self.platform else ()
        return ("--python-version", self.python, *platform)


@dataclass(frozen=True, slots=True)
class Lock:
    """Exact versions with hashes, for one target."""

    text: str
    """In the form of a requirements file."""
    key: str
    """Content hash of text and target, 24 hex digits."""

    @classmethod
    def of(cls, text: str, target: Target) -> Lock:
        tag = ".".join(target.python.split(".")[:2])
        return cls(text, hashlib.sha256(f"1\0{text}\0{tag}\0{target.platform}".encode()).hexdigest()[:24])

    @property
    def packages(self) -> tuple[str, ...]:
        return tuple(re.findall(r"^([A-Za-z0-9][^ ;\\\n]*==[^ ;\\\n]+)", self.text, re.MULTILINE))


def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
    """Requirement lines in a normal form, sorted, and what is wrong with the others."""
    good: set[str] = set()
    problems = []
    for line in lines[:MOST_REQUIREMENTS]:
        message = ""
        try:
            requirement = Requirement(line) if len(line) <= LONGEST_LINE and "\n" not in line else None
        except InvalidRequirement:
            requirement = None
        if requirement is None:
            message = "This is not a package name with versions; options, paths and addresses are not taken."
        elif requirement.url:
            message = "Packages come from the index alone, not from an address."
        elif "===" in line:
            message = "Versions that are compared as text (===) are not taken; use ==."
        elif requirement.name in sys.stdlib_module_names:
            message = "This module is part of Python's standard library; it must not be installed."
        else:
            requirement.name = canonicalize_name(requirement.name)
            good.add(str(requirement))
        if message:
            problems.append(DependencyProblem(line[:LONGEST_LINE], message))
    too_many = f"More than {MOST_REQUIREMENTS} requirements."
    problems += [DependencyProblem(line[:LONGEST_LINE], too_many) for line in lines[MOST_REQUIREMENTS:][:1]]
    return tuple(sorted(good)), tuple(problems)


def name_of(line: str) -> str:
    """The package that a requirement line asks for, as indexes compare names; the line itself when it is none."""
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return line


class Resolver:
    """Turns requirement lines into locks and locks into folders, with uv."""

    kind: Final = "deps"
    folder: Final = DEPENDENCIES
    link: Final = ""
    env: Final[Mapping[str, str]] = {}  # where the packages are looked for anyway

    @staticmethod
    def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
        return check(lines)

    @staticmethod
    def name_of(line: str) -> str:
        return name_of(line)

    def __init__(self, *, cache: Path, environ: Mapping[str, str], exclude_newer: str = "") -> None:
        self._locks = cache / "locks"
        self._environ = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
        self._exclude_newer = exclude_newer
        """A date; releases uploaded later are not seen. Empty for no such gate."""

    async def lock(
        self,
        requirements: tuple[str, ...],
        target: Target,
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> Lock | tuple[DependencyProblem, ...]:
        """Exact versions for requirement lines that passed `check`; packages of trusted names may be of any age.

        Versions that are `preferred`, as `name==version`, are taken where they fit, of whatever is needed.

        Where an index does not say when a release was uploaded, as private ones often do not, its age is no matter.

        Raises:
            SandboxUnavailable: the index cannot be reached and no earlier answer is known, or the disk is full.
        """
        names = {canonicalize_name(Requirement(line).name) for line in requirements}
        free = names & {canonicalize_name(name) for name in trusted}
        known = (f"preferred {line}" for line in preferred)
        question = "\0".join(
            (*requirements, target.python, target.platform, self._exclude_newer, *sorted(free), *known)
        )
        earlier = self._locks / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.txt"
        if text := recall(earlier, FRESH):
            return Lock.of(text, target)
        with scratch("lock") as folder:
            asked = keep(folder / "requirements.in", "\n".join(requirements) + "\n")
            answer = keep(folder / "lock.txt", "".join(f"{line}\n" for line in preferred))  # as uv reads an earlier one
            for _ in range(_ROUNDS):
                code, text = await self._uv(
                    folder, "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", *self._gate(free),
                    *target.arguments, "--output-file", str(answer), str(asked), quiet=False,
                )  # fmt: skip
                undated = {canonicalize_name(name) for name in _UNDATED.findall(text)} - free
                if code != 1 or not undated:
                    break
                free |= undated
            if code == 1:
                return problems_of(text, requirements)
            if code != 0 and (unread := _unread(text, requirements)):
                return unread
            if code != 0 and (before := recall(earlier)):
                return Lock.of(before, target)
            _raise_for(code, text)
            return Lock.of(recall(keep(earlier, recall(answer))), target)

    def _gate(self, free: Iterable[str]) -> tuple[str, ...]:
        if not self._exclude_newer:
            return ()
        without = (word for name in sorted(free) for word in ("--exclude-newer-package", f"{name}=false"))
        return ("--exclude-newer", self._exclude_newer, *without)

    async def install(self, lock: Lock, target: Target, folder: Path, *, own_copies: bool) -> None:
        """Unpack the wheels of a lock into an empty folder; nothing of them is run.

        With `own_copies`, no file is shared with uv's cache.

        Raises:
            SandboxUnavailable: the index cannot be reached, the disk is full.
        """
        with scratch("lock") as place:
            lines = keep(place / "lock.txt", lock.text)
            mode = ("--link-mode", "copy") if own_copies else ()
            code, text = await self._uv(
                place, "pip", "install", "--require-hashes", "--no-deps", *mode, *target.arguments,
                "--target", str(folder), "--requirements", str(lines),
            )  # fmt: skip
            _raise_for(code, text)

    async def _uv(self, folder: Path, *arguments: str, quiet: bool = True) -> tuple[int, str]:
        """Run uv where no configuration but the user's own is found; its exit code and what it said."""
        # uv looks for one in the folders above too, and others may write where temporary files are.
        (folder / "uv.toml").touch()
        (folder / "pyproject.toml").write_text("[tool.uv]\n", "utf-8")
        return await fetchers.call(
            uv.find_uv_bin(), *arguments, "--only-binary", ":all:", "--color", "never",
            *(("--quiet",) if quiet else ()), "--python", sys.executable,
            cwd=folder, env=self._environ,
        )  # fmt: skip


def problems_of(text: str, requirements: tuple[str, ...]) -> tuple[DependencyProblem, ...]:
    """What uv says of requirements that cannot be met, each told for the line it is about."""
    flat = " ".join(text.split())
    found = []
    young = {canonicalize_name(name) for name in re.findall(r"`([\w.-]+)` was filtered by `exclude-newer", flat)}
    for line in requirements:
        name = re.escape(Requirement(line).name)
        if re.search(rf"\b{name} was not found in", flat):
            said = "There is no package of this name on the index."
            other = known.meant(Requirement(line).name, "pypi")
            found.append(DependencyProblem(line, f"{said} Did you mean {other}?" if other else said))
        elif canonicalize_name(Requirement(line).name) in young:
            found.append(DependencyProblem(line, TOO_YOUNG, "young"))
        elif re.search(rf"there (is|are) no versions? of {name}\b", flat):
            found.append(DependencyProblem(line, "The index has no such version of this package."))
        elif re.search(rf"\b{name}\S* (has|have) no (usable )?wheels", flat) or re.search(
            rf"Wheels are required for `{name}`", flat
        ):
            found.append(DependencyProblem(line, "There is no wheel for this platform; nothing is built from source."))
    if found:
        return tuple(found)
    cause = without_places(re.sub(r"^.*?cause: ", "", flat))[:600]
    named = [line for line in requirements if re.search(rf"\b{re.escape(Requirement(line).name)}\b", flat)]
    return tuple(DependencyProblem(line, f"Cannot be met together: {cause}") for line in named or requirements)


def _unread(text: str, requirements: tuple[str, ...]) -> tuple[DependencyProblem, ...]:
    """Lines that uv cannot parse, which is stricter than `check` in some corners."""
    if "Couldn't parse requirement" not in text:
        return ()
    said = "This is not a package name with versions that uv can read."
    return tuple(
        DependencyProblem(line, said) for line in [line for line in requirements if line in text] or requirements
    )


def without_places(text: str) -> str:
    """What a tool said, without addresses, which may hold keys, and without paths of this machine."""
    return re.sub(r"""(?<![\w.:/])(?:/|[A-Za-z]:\\)[^\s'"`]*""", "a file", re.sub(r"\w+://\S+", "the index", text))


def recall(path: Path, youngest: float = 0) -> str:
    """The text of a file that is there and, with `youngest`, not older than so many seconds; else empty."""
    try:
        if youngest and time.time() - path.stat().st_mtime > youngest:
            return ""
        return path.read_text("utf-8")
    except OSError:
        return ""


def keep(path: Path, text: str) -> Path:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
    return path


def _raise_for(code: int, text: str) -> None:
    if code == 0:
        return
    if "no space left" in text.lower():
        raise SandboxUnavailable("The disk is full: packages could not be fetched.", "Free some space.", "disk_full")
    reasons = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line.removeprefix("cause: ") for line in reasons if line.startswith("cause: ")]
    words = without_places((causes or reasons or ["uv failed"])[-1])
    raise SandboxUnavailable(
        f"Packages could not be fetched: {words}",
        "Check the network, and the index that uv is configured for; packages that were used before still work.",
    )
