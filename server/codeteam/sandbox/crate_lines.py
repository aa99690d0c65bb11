"""Requirement lines of Rust: `name`, `name@range`, `name[feature,feature]@range`, or as a `Cargo.toml` has them.

The normal form is the third; `-default` among the features leaves the crate's default ones out. A crate of another
registry than crates.io has the registry's name before its own, as in `registry/name@range`; only the user's own cargo
configuration says what that registry is.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from codeteam.sandbox.interface import DependencyProblem

MOST = 200
"""Lines: a workspace's crates may ask for many."""
LONGEST = 2000
"""Characters of one: some crates have a feature for each thing they do."""
_SHOWN = 200
_NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
_NAMED = rf"(?:{_NAME}/)?{_NAME}"
_BARE = "-default"
_FEATURE = rf"(?:{_BARE}|[A-Za-z0-9_][A-Za-z0-9_+.-]{{0,63}})"
_LINE = re.compile(
    rf"(?P<name>{_NAMED})\s*(?:\[\s*(?P<features>{_FEATURE}(?:\s*,\s*{_FEATURE})*)?\s*,?\s*\])?"
    r"\s*@?\s*(?P<range>[\w.^~<>=*+, -]{0,100})"
)
_VERSION = r"(?:\^|~|[<>]=?|=)?\s*\d{1,9}(?:\.(?:\d{1,9}|\*)){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_RANGE = re.compile(rf"\*|{_VERSION}(?:\s*,\s*{_VERSION}){{0,7}}", re.ASCII)
_OWN = frozenset({"std", "core", "alloc", "proc_macro", "proc-macro", "test"})
"""Crates that come with the compiler."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a line asks for."""

    name: str
    """With its registry and a slash before it, where that is not crates.io."""
    range: str = "*"
    features: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        return f"{self.name}[{','.join(self.features)}]@{self.range}" if self.features else f"{self.name}@{self.range}"

    @property
    def crate(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def registry(self) -> str:
        return self.name.rpartition("/")[0]

    def table(self, *, named: bool = False) -> str:
        """The value of an entry of `[dependencies]`; `named` where its key is another than the crate's name."""
        facts: dict[str, Any] = {"package": self.crate} if named else {}
        facts |= {"version": self.range}
        features = [feature for feature in self.features if feature != _BARE]
        facts |= {"default-features": False} if _BARE in self.features else {}
        facts |= {"features": features} if features else {}
        facts |= {"registry": self.registry} if self.registry else {}
        return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in facts.items()) + " }"


def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
    """Requirement lines in their normal form, sorted, and what is wrong with the others."""
    good: list[Wanted] = []
    problems: list[DependencyProblem] = []
    for line in lines[:MOST]:
        wanted = read(line)
        if wanted is None:
            said = "This is not a crate's name with features and versions; paths, addresses and options are not taken."
            problems.append(DependencyProblem(line[:_SHOWN], said))
        elif wanted.name in _OWN:
            said = "This crate is part of Rust itself; it must not be added."
            problems.append(DependencyProblem(line[:_SHOWN], said))
        else:
            good.append(wanted)
    problems += [DependencyProblem(line[:_SHOWN], f"More than {MOST} requirements.") for line in lines[MOST:][:1]]
    return tuple(sorted(wanted.line for wanted in _joined(good))), tuple(problems)


def name_of(line: str) -> str:
    """The crate that a requirement line asks for; the line itself when it is none."""
    wanted = read(line)
    return wanted.name if wanted else line


def read(line: str) -> Wanted | None:
    """What a line asks for; None where it is no requirement."""
    line = line.strip()
    if len(line) > LONGEST or not line.isprintable():
        return None
    if match := _LINE.fullmatch(line):
        return _wanted(match["name"], match["range"], re.split(r"\s*,\s*", match["features"] or ""))
    try:
        entries = tomllib.loads(line)
    except (ValueError, RecursionError):
        return None
    [(name, how), *others] = entries.items() or [("", "")]
    facts = {"version": how} if isinstance(how, str) else how
    if others or not isinstance(facts, dict) or not facts.keys() <= {"version", "features", "default-features"}:
        return None
    features, version = facts.get("features", []), facts.get("version", "")
    if not isinstance(features, list) or not isinstance(version, str):
        return None
    return _wanted(name, version, [*features, *([_BARE] if facts.get("default-features") is False else [])])


def _wanted(name: str, versions: str, features: Iterable[object]) -> Wanted | None:
    versions = versions.strip() or "*"
    found = [feature for feature in features if feature]
    if not re.fullmatch(_NAMED, name) or not _RANGE.fullmatch(versions):
        return None
    if not all(isinstance(feature, str) and re.fullmatch(_FEATURE, feature) for feature in found):
        return None
    return Wanted(name, "".join(versions.split()), tuple(sorted({str(feature) for feature in found})))


def _joined(found: Sequence[Wanted]) -> list[Wanted]:
    """One of each name and range; where there is a range, any version means that one."""
    ranges: dict[str, set[str]] = {}
    for wanted in found:
        ranges.setdefault(wanted.name, set()).add(wanted.range)
    features: dict[tuple[str, str], list[set[str]]] = {}
    for wanted in found:
        for versions in (ranges[wanted.name] - {"*"} or {"*"}) if wanted.range == "*" else {wanted.range}:
            features.setdefault((wanted.name, versions), []).append(set(wanted.features))
    return [Wanted(name, versions, _all_of(asked)) for (name, versions), asked in features.items()]


def _all_of(asked: Sequence[set[str]]) -> tuple[str, ...]:
    """Default features are there unless nobody wants them."""
    return tuple(sorted(set[str]().union(*asked) - {_BARE} | set[str].intersection(*asked)))
