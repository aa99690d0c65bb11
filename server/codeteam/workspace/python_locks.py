"""The versions that a Python project has locked, of which a job had better have the same.

Such files are written by tools, so lines tell enough; they are long, and parsing them as TOML takes seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from codeteam.workspace.folder import Folder
from codeteam.workspace.projects import Project, normal
from codeteam.workspace.tables import entries

_LIMIT = 8 * 1024 * 1024
_MOST = 1000
_TABLES = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_PIPENV = "Pipfile.lock"
_NAME = re.compile(r'^name = "([A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?)"', re.MULTILINE)
_VERSION = re.compile(r'^version = "([0-9][A-Za-z0-9.!+_-]{0,60})"', re.MULTILINE)
_ELSEWHERE = re.compile(
    r"^source = \{ (?!registry\b)"  # uv
    r"|^\[package\.source\]\ntype = \"(?!legacy\")"  # Poetry
    r"|^(?:\[packages\.|)(?:vcs|directory|archive)\b",  # PEP 751
    re.MULTILINE,
)
"""What is from no index."""
_ELSEWHERE_BY_PDM = re.compile(r"^(?:git|url|path) = ", re.MULTILINE)
"""The same, in the first lines; Poetry has such keys in a table below."""
_MARKERS = re.compile(r'^(?:resolution-markers = \[\n((?: {4}".*",\n)+)\]|markers? = (".*")$)', re.MULTILINE)
_MARKER = re.compile(r"\"([\w\s.,'<>=!~()+*-]{1,200})\"")
"""Where one of several versions is for, as PEP 508 has it."""


def locked_versions(folder: Folder, projects: Sequence[Project]) -> tuple[str, ...]:
    """Lines `name==version` of the nearest lock of these projects, the innermost first: what it has from an index. Of
    several versions each has a marker behind it.
    """
    for project in projects:
        for name in (*_TABLES, _PIPENV):
            text = folder.record(f"{project.home}{name}", _LIMIT)
            if text:
                return _lines(_of_pipenv(text) if name == _PIPENV else _of_tables(text))
    return ()


def _lines(packages: Iterator[tuple[str, str, str]]) -> tuple[str, ...]:
    found: dict[str, dict[str, str]] = {}
    for name, version, marker in packages:
        found.setdefault(normal(name), {})[version] = marker
    return tuple(
        f"{name}=={version}" if len(versions) == 1 else f"{name}=={version} ; {marker}"
        for name, versions in sorted(found.items())
        for version, marker in versions.items()
        if marker or len(versions) == 1
    )[:_MOST]


def _of_tables(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, version and marker."""
    for block in re.split(r"^\[\[packages?\]\]$", text.replace("\r\n", "\n"), flags=re.MULTILINE)[1:]:
        name, version = _NAME.search(block), _VERSION.search(block)
        elsewhere = _ELSEWHERE.search(block) or _ELSEWHERE_BY_PDM.search(block.partition("\n[")[0])
        if name and version and not elsewhere:
            markers = _MARKERS.search(block)
            told = _MARKER.findall(markers[1] or markers[2]) if markers else []
            yield name[1], version[1], " or ".join(f"({marker})" for marker in told)


def _of_pipenv(text: str) -> Iterator[tuple[str, str, str]]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return
    for section in ("default", "develop"):
        for name, package in entries(facts, section).items():
            version = package.get("version") if isinstance(package, dict) else None
            if isinstance(version, str):
                yield from _of_tables(f'[[package]]\nname = "{name}"\nversion = "{version.removeprefix("==")}"\n')
