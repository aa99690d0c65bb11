"""Crates that Rust manifests ask for, as requirement lines, at the versions that the workspace's `Cargo.lock` has.

Cargo looks for all of them before it compiles anything: for tests, for other platforms, and optional ones too. So what
is no crate of a registry is among the lines as well, in words that no index takes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from codeteam.workspace.folder import Folder
from codeteam.workspace.rust_manifests import MANIFEST, inherited, table, wanted
from codeteam.workspace.tables import read_toml, strings

_MOST = 200
_LOCK_LIMIT = 2 * 1024 * 1024
_PLAIN = re.compile(r"\^?\s*(\d{1,9}(?:\.\d{1,9}){0,2})")
"""The usual range: up to the next change of the leftmost number that is not zero."""


def declared_crates(folder: Folder, paths: Sequence[str]) -> tuple[str, ...]:
    """Lines `name[feature,feature]@range` for the manifests among the paths; `-default` among the features leaves the
    default ones out, and a registry's name and a slash come before a crate of another registry than crates.io.
    """
    manifests = {path: read_toml(folder, path) for path in paths if posixpath.basename(path) == MANIFEST}
    known = _locked(folder, manifests)
    found: dict[str, None] = {}
    for path, facts in manifests.items():
        for name, how in wanted(facts):
            if line := _line(name, *inherited(name, how, path, manifests), known):
                found.setdefault(line)
        found |= dict.fromkeys(f"crates from the table [{kind}]" for kind in ("patch", "replace") if facts.get(kind))
    return tuple(found)[:_MOST]


def _line(name: str, facts: Mapping[str, Any], place: str, known: Mapping[str, Sequence[str]]) -> str:
    """Empty for a crate of the workspace; `place` is what its path is relative to."""
    crate = str(facts.get("package") or name)
    if isinstance(facts.get("path"), str):
        outside = posixpath.normpath(posixpath.join(place, facts["path"])).startswith(("..", "/"))
        return f"{crate} from a folder outside of the workspace" if outside else ""
    if "git" in facts or "registry-index" in facts:
        return f"{crate} from {'a git repository' if 'git' in facts else 'an address'}"
    bare = ["-default"] if False in (facts.get("default-features"), facts.get("default_features")) else []
    features = ",".join(dict.fromkeys([*bare, *strings(facts.get("features"))]))
    versions = str(facts.get("version") or "*").strip()
    registry = f"{facts['registry']}/" if isinstance(facts.get("registry"), str) else ""
    return f"{registry}{crate}{f'[{features}]' if features else ''}@{_pinned(versions, known.get(crate, ()))}"


def _pinned(versions: str, known: Sequence[str]) -> str:
    """The version that is locked, where it is plain which one is meant; else the range as it is."""
    if match := _PLAIN.fullmatch(versions):
        low = _numbers(match[1])
        fixed = next((at for at, number in enumerate(low) if number), len(low) - 1) + 1
        known = [version for version in known if _numbers(version)[:fixed] == low[:fixed] and _numbers(version) >= low]
    elif versions != "*":
        return versions
    return f"={known[0]}" if len(known) == 1 else versions


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)[:3]]


def _locked(folder: Folder, manifests: Mapping[str, object]) -> Mapping[str, Sequence[str]]:
    """Versions by crate, of the lock beside the outermost manifest."""
    place = min((posixpath.dirname(path) for path in manifests), key=len, default="")
    found: dict[str, list[str]] = {}
    packages = read_toml(folder, posixpath.join(place, "Cargo.lock"), _LOCK_LIMIT).get("package")
    for item in packages if isinstance(packages, list) else ():
        facts = table(item)
        if str(facts.get("source", "")).startswith(("registry+", "sparse+")):
            found.setdefault(str(facts.get("name")), []).append(str(facts.get("version")))
    return found
