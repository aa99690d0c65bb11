"""Packages that a plan wants and no one vouches for: each asked about, or held to the age limit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from codeteam.domain.settings import NewPackages
from codeteam.sandbox.consents import Consents
from codeteam.sandbox.indexes import package_name
from codeteam.sandbox.interface import DependencyProblem, Sandbox


@dataclass(frozen=True, slots=True)
class Admitted:
    """What came of looking at the new ones."""

    trusted: frozenset[str]
    """Names that may be of any age, and look like any other."""
    refused: tuple[DependencyProblem, ...] = ()
    doubts: tuple[DependencyProblem, ...] = ()
    """Easily mistaken for others, and no one was asked."""


async def admitted(
    lines: Mapping[str, str],
    *,
    declared: frozenset[str],
    policy: NewPackages,
    consents: Consents,
    sandbox: Sandbox,
    language: str,
    index: str,
    preferred: tuple[str, ...] = (),
) -> Admitted:
    """Ask about the packages of a plan that neither workspace nor user has named before.

    `lines` are the plan's requirement lines by `package_name`, `declared` the names that the workspace has, `preferred`
    the versions.
    """
    trusted = declared | consents.granted(index)
    new = [name for name in lines if name not in trusted]
    if not new or not index:
        return Admitted(trusted)
    if policy is NewPackages.REFUSE:
        said = "The settings take no packages that the project does not declare."
        return Admitted(trusted, tuple(DependencyProblem(lines[name], said) for name in new))
    doubts = await sandbox.look_up(tuple(lines.values()), language, trusted, preferred)
    reasons = _reasons(doubts, lines, index)
    refused: list[DependencyProblem] = []
    unasked: list[DependencyProblem] = []
    asking = policy is NewPackages.ASK
    for name in new:
        reason = reasons.get(name)
        if reason is not None and not reason.kind:
            continue  # it cannot be had: there is nothing to ask
        answer = await consents.ask(name, index, reason.message if reason else "") if asking else None
        asking = answer is not None
        if answer is None:  # there is no one to ask; the age limit decides
            unasked += [reason] if reason and reason.kind == "mistaken" else []
        elif answer:
            trusted |= {name}
        else:
            refused.append(DependencyProblem(lines[name], "The user does not want it."))
    return Admitted(trusted, tuple(refused), tuple(unasked))


def _reasons(doubts: Sequence[DependencyProblem], lines: Mapping[str, str], index: str) -> dict[str, DependencyProblem]:
    """What was found wrong, by the package it is about; an index may have its own form of the line."""
    found: dict[str, DependencyProblem] = {}
    for problem in doubts:
        name = package_name(problem.requirement, index)
        if name in lines:
            found.setdefault(name, problem)
    return found


def parted(line: str) -> Iterator[str]:
    """The requirements of a line, for some write all of them as one, with commas.

    Those inside a version range are followed by an operator, those in brackets are between extras or features.
    """
    depth = start = 0
    for match in re.finditer(r"[\[{]|[\]}]|,\s*(?=[A-Za-z])", line):
        if match[0][0] != ",":
            depth += 1 if match[0] in "[{" else -1
        elif depth == 0:
            yield line[start : match.start()]
            start = match.end()
    yield line[start:]
