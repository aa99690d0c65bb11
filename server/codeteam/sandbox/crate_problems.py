"""What cargo says of crates that cannot be had, each told for the line it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.crate_lines import Wanted
from codeteam.sandbox.crate_releases import Release
from codeteam.sandbox.dependencies import TOO_YOUNG, without_places
from codeteam.sandbox.interface import DependencyProblem
from codeteam.sandbox.known import meant

_NOT_THERE = re.compile(r"no matching package named `([\w-]+)` found|searched package name: `([\w-]+)`")
_LIKE_IT = re.compile(r"perhaps you meant:\s+([A-Za-z][\w-]{0,63})\b")
_NO_VERSION = re.compile(r"failed to select a version for the requirement `([\w-]+)(?: = \"([^\"`]*)\")?`")
_NO_FEATURE = re.compile(r"on `([\w-]+)`,? with features?:? `([^`]*)` but `\1` does not have")
_CONFLICT = re.compile(r"failed to select a version for `([\w-]+)`")
_NO_REGISTRY = re.compile(r"(?:no index found for registry|not found in any configuration): `([\w-]+)`")
_OWN = re.compile(r"package `codeteam-lock [^`]*`")
_UNREADABLE = re.compile(r"failed to parse the version requirement `[^`]*` for dependency `dep-(\d+)`")


def problems_of(said: str, asked: Sequence[Wanted]) -> tuple[DependencyProblem, ...]:
    """Empty where it is no fault of what was asked for."""
    if match := _NOT_THERE.search(said):
        name = match[1] or match[2]
        if not (lines := _of(name, asked)):
            return _all(f"It needs the crate {name}, which is not in the registry.", _named(said, asked))
        known = "There is no crate of this name in the registry."
        other = like[1] if (like := _LIKE_IT.search(said)) else meant(name, "crates")
        return _all(f"{known} Did you mean {other}?" if other else known, lines)
    if match := _NO_VERSION.search(said):
        if lines := _of(match[1], asked):
            exact = [wanted for wanted in lines if match[2] in (wanted.range, f"^{wanted.range}")]
            return _all("The registry has no such version of this crate.", exact or lines)
        return _all(f"It needs a version of {match[1]} that the registry does not have.", _named(said, asked))
    if match := _NO_FEATURE.search(said):
        there = re.search(r"available features: ([\w ,.+-]+)", said)
        known = f"The crate {match[1]} has no feature {match[2][:80]}"
        known = f"{known}; it has {there[1].strip()[:300]}." if there else f"{known}."
        return _all(known, _of(match[1], asked) or _named(said, asked))
    if _CONFLICT.search(said):
        return _all(f"Cannot be met together: {_cause(said, asked)}", _named(said, asked))
    if match := _NO_REGISTRY.search(said):
        known = f"Cargo's own settings on this machine name no registry {match[1]}."
        return _all(known, [wanted for wanted in asked if wanted.registry == match[1]] or asked)
    if match := _UNREADABLE.search(said):
        return _all("Cargo cannot read these versions.", asked[int(match[1]) :][:1] or asked)
    return ()


def too_young(wanted: Wanted) -> DependencyProblem:
    return DependencyProblem(wanted.line, TOO_YOUNG, "young")


def older_rust(wanted: Wanted, release: Release, rust: Sequence[int]) -> DependencyProblem:
    """For a release that the compiler is too old for, and that has no older one in its place."""
    what = "Every release that fits" if wanted.crate == release.crate else f"It needs {release.crate}, which"
    needed, here = (".".join(map(str, numbers)) for numbers in (release.rust, rust))
    return DependencyProblem(wanted.line, f"{what} wants Rust {needed} or newer; this machine has {here}.")


def unavailable(said: str) -> SandboxUnavailable:
    """For what can only be mended on the machine."""
    if "no space left" in said.lower():
        return SandboxUnavailable("The disk is full: crates could not be fetched.", "Free some space.", "disk_full")
    plain = re.sub(_OWN, "what is asked for", said)
    lines = [line.strip().removeprefix("error: ") for line in plain.splitlines() if line.strip()]
    told = without_places("; ".join(dict.fromkeys(line for line in lines if line != "Caused by:")) or "cargo failed")
    if re.search(r"feature `edition\d+` is required|version of Cargo is older than", said):
        newer = "Install a newer Rust, or ask for an older release of the crate."
        return SandboxUnavailable(f"A crate needs a newer Rust than this machine has: {told[:300]}", newer)
    return SandboxUnavailable(
        f"Crates could not be fetched: {told[:300]}",
        "Check the network, and the registry that cargo is configured for; crates that were used before still work.",
    )


def _of(name: str, asked: Iterable[Wanted]) -> list[Wanted]:
    return [wanted for wanted in asked if wanted.crate == name]


def _named(said: str, asked: Sequence[Wanted]) -> Sequence[Wanted]:
    """Those that are spoken of, or all."""
    return [wanted for wanted in asked if re.search(rf"`{wanted.crate}\b", said)] or asked


def _cause(said: str, asked: Sequence[Wanted]) -> str:
    """Cargo's own words, with the lines in place of the package that they were put into."""
    flat = re.sub(_OWN, "what is asked for", " ".join(said.removeprefix("error:").split()))
    lines = {f"dep-{number}": wanted.line for number, wanted in enumerate(asked)}
    return without_places(re.sub(r"`(dep-\d+) = [^`]*`", lambda at: f"`{lines.get(at[1], at[1])}`", flat))[:600]


def _all(message: str, lines: Iterable[Wanted]) -> tuple[DependencyProblem, ...]:
    return tuple(DependencyProblem(wanted.line, message) for wanted in lines)
