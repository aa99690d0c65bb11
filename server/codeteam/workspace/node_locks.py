"""The versions that a JavaScript project has locked of the packages that it declares.

What npm, pnpm and Yarn write is read without a parser of YAML, which the server does not carry: they write it by rule.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence

from codeteam.workspace.folder import Folder
from codeteam.workspace.projects import Project
from codeteam.workspace.tables import at, entries

_LIMIT = 8 * 1024 * 1024
_VERSION = re.compile(r"\d[\w.+-]{0,60}")
_PNPM = re.compile(r"^ {6}'?([^'\s:]+)'?:\n {8}specifier: .*\n {8}version: ([\w.+-]+)", re.MULTILINE)
_YARN = re.compile(r'^("?[^\s#].*):\n  version:? "?([\w.+-]+)"?$', re.MULTILINE)


def locked_for_node(folder: Folder, projects: Sequence[Project], ranges: Mapping[str, str]) -> tuple[str, ...]:
    """`name@version` of packages by name with the range that is declared, of the lock that is nearest to a project.

    `projects` are those that a document is in, the innermost first.
    """
    home = projects[0].home if projects else ""
    for project in projects:
        below = posixpath.relpath(
            home or ".", project.home or "."
        )  # where the document's project is, seen from the lock
        for name, read in _LOCKS.items():
            text = folder.record(f"{project.home}{name}", _LIMIT)
            if text:
                found = read(text.replace("\r\n", "\n"), below, ranges)
                return tuple(f"{name}@{found[name]}" for name in ranges if _VERSION.fullmatch(found.get(name, "")))
    return ()


def _of_npm(text: str, below: str, ranges: Mapping[str, str]) -> dict[str, str]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    packages, oldest = entries(facts, "packages"), entries(facts, "dependencies")
    found: dict[str, str] = {}
    for name in ranges:
        places = [posixpath.join("" if below == "." else below, "node_modules", name), f"node_modules/{name}"]
        entry = next((packages[place] for place in places if place in packages), oldest.get(name))
        source = at(entry, "resolved") or "https:"
        if not at(entry, "link") and isinstance(source, str) and source.startswith(("https:", "http:")):
            found[name] = str(at(entry, "version"))
    return found


def _of_pnpm(text: str, below: str, ranges: Mapping[str, str]) -> dict[str, str]:
    del ranges
    importers = text.partition("\nimporters:\n")[2]
    mine = re.split(r"^(?=\S)", importers, maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.split(r"^ {2}(\S.*):$", mine, flags=re.MULTILINE)
    by_place = {place.strip("'\""): block for place, block in zip(blocks[1::2], blocks[2::2], strict=True)}
    return dict(_PNPM.findall(by_place.get(below, "")))


def _of_yarn(text: str, below: str, ranges: Mapping[str, str]) -> dict[str, str]:
    del below  # one for all
    by_ask = {
        ask.strip().strip('"').replace("@npm:", "@"): version
        for asks, version in _YARN.findall(text)
        for ask in asks.replace('"', "").split(",")
    }
    return {name: by_ask[f"{name}@{wanted}"] for name, wanted in ranges.items() if f"{name}@{wanted}" in by_ask}


_LOCKS = {
    "package-lock.json": _of_npm,
    "npm-shrinkwrap.json": _of_npm,
    "pnpm-lock.yaml": _of_pnpm,
    "yarn.lock": _of_yarn,
}
