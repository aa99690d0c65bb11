"""Files of Rust crates that are compiled with a document: its own crate's, and those of the crates that it names.

What these ask for of registries is read in `rust_declared`.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterator, Sequence

from codeteam.workspace.folder import Folder
from codeteam.workspace.rust_manifests import MANIFEST, inherited, wanted
from codeteam.workspace.tables import read_toml

_CRATES = 30
_NAMED = re.compile(r"[\w./-]{1,300}\.rs\b")


def crate_files(folder: Folder, path: str, requirement: str, listing: Sequence[str]) -> list[str]:
    """Paths of manifests and code, nearest first: of the crate of the document, of those that the requirement names
    files of, else of the one at the top, and of the workspace's crates that these depend on; none of them tests.
    """
    there = frozenset(name for name in listing if posixpath.basename(name) == MANIFEST)
    named = [match[0].removeprefix("./").lstrip("/") for match in _NAMED.finditer(requirement[:50_000])]
    homes = [_home(name, there) for name in ([path] * path.endswith(".rs") + named) or [MANIFEST]]
    queue = deque(dict.fromkeys(home for home in homes if home is not None))
    found: dict[str, None] = {}
    seen: set[str] = set()
    while queue and len(seen) < _CRATES:
        home = queue.popleft()
        if home in seen:
            continue
        seen.add(home)
        found |= dict.fromkeys(_manifests(home, there))
        code = [name for name in listing if _is_code(name, home)]
        found |= dict.fromkeys(sorted(code, key=lambda name: -_shared(name, path)))
        queue += _depended_on(folder, home, there)
    return list(found)


def _home(path: str, there: frozenset[str]) -> str | None:
    """The folder of the crate that a file is in."""
    home = posixpath.dirname(path)
    while home and posixpath.join(home, MANIFEST) not in there:
        home = posixpath.dirname(home)
    return home if posixpath.join(home, MANIFEST) in there else None


def _manifests(home: str, there: frozenset[str]) -> Iterator[str]:
    """That of a crate, and those above it: a workspace's has what its crates inherit."""
    while True:
        if (name := posixpath.join(home, MANIFEST)) in there:
            yield name
        if not home:
            return
        home = posixpath.dirname(home)


def _is_code(path: str, home: str) -> bool:
    inside = path.removeprefix(f"{home}/") if home else path
    return path.endswith(".rs") and (inside != path or not home) and (inside.startswith("src/") or inside == "build.rs")


def _depended_on(folder: Folder, home: str, there: frozenset[str]) -> Iterator[str]:
    """Folders of the crates that one depends on by their paths, and those above it, which cargo looks at as well."""
    manifests = {name: read_toml(folder, name) for name in _manifests(home, there)}
    for name, facts in manifests.items():
        for crate, how in wanted(facts):
            asked, place = inherited(crate, how, name, manifests)
            if isinstance(asked.get("path"), str):
                other = posixpath.normpath(posixpath.join(place, asked["path"])).removeprefix(".")
                if posixpath.join(other, MANIFEST) in there:
                    yield other


def _shared(one: str, other: str) -> int:
    """How many folders two paths have in common, from the top."""
    return len(posixpath.commonpath([f"/{one}", f"/{other}"]).split("/"))
