"""Cuts from requirements.lock what some of the requirements need: `python scripts/cut_lock.py FOLDER`.

The extension carries three parts of the lock: `server.lock` (installed into the VSIX when it is packed), `worker.lock`
and `embedded.lock` (installed on the user's machine on first use), and `uv.lock`, uv alone.
Which package needs which is read from what is installed; the lock itself does not say.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
_ENTRY = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==")


def main(folder: Path) -> None:
    """Writes the parts into the folder."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    locked = _entries((ROOT / "requirements.lock").read_text("utf-8"))
    needed = project["project"]["dependencies"]
    parts = {
        "server": project["dependency-groups"]["server"],
        "worker": needed,
        "embedded": project["project"]["optional-dependencies"]["local"],
        "uv": ["uv"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, requirements in parts.items():
        names = closure(map(Requirement, requirements))
        missing = {found for found in map(canonicalize_name, _names(requirements)) if found not in locked}
        if missing:
            raise SystemExit(
                f"requirements.lock does not name {', '.join(sorted(missing))}; make it again: npm run lock"
            )
        lines = (locked[found] for found in sorted(names) if found in locked)
        (folder / f"{name}.lock").write_text("".join(lines), "utf-8")


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """The names of the requirements and of all that they need, on whatever system."""
    names: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        names.add(name)
        if (name, extras) not in seen:
            seen.add((name, extras))
            waiting += _needs(name, extras)
    return names


def _needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """What a package needs; one that another system alone needs is not installed here, and needs nothing more."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        if _belongs(requirement, extras):
            yield requirement


def _belongs(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Whether these extras need it on some system; what the marker says of systems and versions is left to uv."""
    wanted = set(re.findall(r"extra == ['\"]([^'\"]+)['\"]", str(requirement.marker or "")))
    return not wanted or bool(
        {canonicalize_name(name) for name in wanted} & {canonicalize_name(name) for name in extras}
    )


def _names(requirements: Iterable[str]) -> Iterator[str]:
    return (Requirement(line).name for line in requirements)


def _entries(lock: str) -> dict[str, str]:
    """Each package's lines, by its name."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if line.startswith("#"):
            continue
        if match := _ENTRY.match(line):
            name = canonicalize_name(match[1])
        if name:
            found[name] = found.get(name, "") + line
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
