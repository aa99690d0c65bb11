"""Where a job's own packages come from: one row an index, which is all that sandboxes and the team know of it.

Another index is a class like `Npm`, a row here, and its name in the row of a language.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from codeteam.sandbox import known
from codeteam.sandbox.crates import Crates
from codeteam.sandbox.dependencies import LONGEST_LINE, MOST_REQUIREMENTS, Resolver, Target
from codeteam.sandbox.go_modules import GoModules
from codeteam.sandbox.interface import DependencyProblem
from codeteam.sandbox.npm import Npm


class Locked(Protocol):
    """Exact versions with hashes, for one platform."""

    @property
    def key(self) -> str:
        """Content hash, 24 hex digits."""

    @property
    def packages(self) -> tuple[str, ...]:
        """`name==version` or `name@version` of everything in it."""


L = TypeVar("L", bound=Locked)


class Index(Protocol[L]):
    """Checks requirement lines, turns them into locks and locks into folders; nothing of a package is run."""

    @property
    def kind(self) -> str:
        """A word for the names of its volumes."""

    @property
    def folder(self) -> str:
        """Where containers see the packages."""

    @property
    def link(self) -> str:
        """Name by which programs look for the packages in the folders above theirs; empty where they do not."""

    @property
    def env(self) -> Mapping[str, str]:
        """How programs are told where the packages are: variables, in which `{packages}` is the folder."""

    @staticmethod
    def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
        """Requirement lines in a normal form, sorted, and what is wrong with the others."""

    @staticmethod
    def name_of(line: str) -> str:
        """The package that a line asks for, however it is spelt; the line itself when it is none."""

    async def lock(
        self,
        requirements: tuple[str, ...],
        target: Target,
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> L | tuple[DependencyProblem, ...]:
        """Exact versions for requirement lines that passed `check`; packages of trusted names may be of any age.

        Versions that are `preferred`, as the packages of a lock are written, are taken where they fit, by indexes whose
        lines are no exact versions already.

        Raises:
            SandboxUnavailable: the index cannot be reached and no earlier answer is known, or the disk is full.
        """

    async def install(self, lock: L, target: Target, folder: Path, *, own_copies: bool) -> None:
        """Unpack the packages of a lock into an empty folder; with `own_copies`, it shares no file with a cache.

        Raises:
            SandboxUnavailable: the index cannot be reached, the disk is full.
        """


_CLASSES: Mapping[str, type[Index[Any]]] = {"pypi": Resolver, "npm": Npm, "go": GoModules, "crates": Crates}
"""By the name in a language's row."""


def indexes(
    *, cache: Path, environ: Mapping[str, str], resolver: Resolver, npm: Npm, before: str
) -> Mapping[str, Index[Any]]:
    """All of them, by the name in a language's row; what was published after the date `before` is too young."""
    return {
        "pypi": resolver,
        "npm": npm,
        "go": GoModules(cache=cache, environ=environ, resolver=resolver, before=before),
        "crates": Crates(cache=cache, environ=environ, before=before),
    }


def environment(index: Index[Any], folder: str = "") -> dict[str, str]:
    """Its variables where the packages lie in a folder, the one that containers see if none is given."""
    return {name: value.replace("{packages}", folder or index.folder) for name, value in index.env.items()}


def package_name(line: str, index: str) -> str:
    """The package of an index that a requirement line asks for; the line itself when it is none."""
    return _CLASSES[index].name_of(line) if index in _CLASSES else line


def check(lines: Sequence[str], index: str) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
    """Requirement lines in a normal form, sorted, and what is wrong with the others."""
    if index in _CLASSES:
        return _CLASSES[index].check(lines)
    said = "Packages of this language are not fetched for the sandbox; do with what it has."
    return (), tuple(DependencyProblem(line[:LONGEST_LINE], said) for line in lines[:MOST_REQUIREMENTS])


async def looked_up(
    requirements: tuple[str, ...],
    index: str,
    lock: Callable[[tuple[str, ...]], Awaitable[Locked | tuple[DependencyProblem, ...]]],
) -> tuple[tuple[str, ...], Locked | tuple[DependencyProblem, ...] | None]:
    """Requirement lines in their normal form, and what they come to; None for no packages."""
    asked, problems = check(requirements, index)
    if problems:
        return asked, problems
    return asked, await lock(asked) if asked else None


def with_doubts(
    problems: tuple[DependencyProblem, ...], requirements: Iterable[str], index: str, trusted: frozenset[str]
) -> tuple[DependencyProblem, ...]:
    """Problems, and of checked lines without one those whose name is one letter away from a popular package's.

    Such a package is there, and may well be the one that is meant: a reason to ask, none to refuse it.
    """
    told = {problem.requirement for problem in problems}
    found = list(problems)
    for line in requirements:
        name = package_name(line, index)
        if line not in told and name not in trusted and (other := known.mistaken(name, index)):
            said = f"It is easily mistaken for {other}, which is far more common. Did you mean {other}?"
            found.append(DependencyProblem(line, said, "mistaken"))
    return tuple(found)
