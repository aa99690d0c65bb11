"""What a project says of itself: where its code and its tests are."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from codeteam.domain.languages import Tongue, is_test, tongue_of
from codeteam.workspace.folder import Folder
from codeteam.workspace.projects import Project, own_packages
from codeteam.workspace.reading import is_plain
from codeteam.workspace.requirements import required_names
from codeteam.workspace.tables import at, entries, read_toml, strings

_OPTIONS = {
    "asyncio_mode": r"auto|strict",
    "asyncio_default_fixture_loop_scope": r"function|class|module|package|session",
    "asyncio_default_test_loop_scope": r"function|class|module|package|session",
    "anyio_mode": r"auto|strict",
}
"""Settings of pytest that decide whether a test runs, with what they may be; how it reports is not the project's."""
_TEST_FOLDERS = ("tests", "test")
_MOST_PROJECTS = 20
"""Whose code one may need."""


def source_roots(projects: Sequence[Project], folder: Folder, listing: Sequence[str]) -> tuple[str, ...]:
    """Folders that are on the projects' import path, as far as their settings and habits tell; "" is the workspace.

    Those of the innermost project come first, then those of the workspace's own that it needs, and so on.
    """
    own = own_packages(folder, listing, projects) if len(projects) > 1 else {}
    found: dict[str, None] = {}
    waiting, seen = list(projects[:1]), set[str]()
    while waiting and len(seen) < _MOST_PROJECTS:
        project = waiting.pop(0)
        if project.home in seen:
            continue
        seen.add(project.home)
        found |= dict.fromkeys(_joined(project.home, root) for root in _roots(project.facts))
        homes = [own.get(name, "/") for name in required_names(project.facts)]
        waiting += [Project(home, read_toml(folder, f"{home}pyproject.toml")) for home in homes if home != "/"]
        if not waiting:
            waiting += [other for other in projects if other.home not in seen]
    return tuple(found)


def _roots(facts: Mapping[str, Any]) -> Iterator[str]:
    stated: list[Any] = [
        *_strings(at(facts, "tool", "pytest", "ini_options", "pythonpath")),
        *_strings(at(facts, "tool", "setuptools", "packages", "find", "where")),
        *(_outer(path) for path in _strings(at(facts, "tool", "hatch", "build", "targets", "wheel", "packages"))),
    ]
    directories = at(facts, "tool", "setuptools", "package-dir")
    if isinstance(directories, Mapping):
        stated.append(directories.get(""))
    packages = at(facts, "tool", "poetry", "packages")
    if isinstance(packages, list):
        stated += [entry.get("from") for entry in packages if isinstance(entry, Mapping)]
    tidy = [root.removeprefix("./").strip("/") for root in stated if isinstance(root, str)]
    yield from (root for root in tidy if is_plain(root))
    yield from ("src", "", "lib")


def _joined(home: str, path: str) -> str:
    return f"{home}{path}".rstrip("/")


def tests_folder(folder: Folder, project: Project, path: str, listing: Sequence[str]) -> str:
    """Where the document's project keeps its tests; "" for beside the code.

    What pytest's settings say; else a folder `tests` or `test` beside the document or above it, the nearest first;
    else beside the document, when tests stand there; else "tests" in the project's folder.
    """
    in_ini = _ini_options(folder, project.home).get("testpaths", "").split()
    for stated in (*_strings(at(project.facts, "tool", "pytest", "ini_options", "testpaths")), *in_ini):
        tidy = _joined(project.home, stated.removeprefix("./"))
        if is_plain(tidy) and folder.has_folder(tidy):
            return tidy
    home = PurePosixPath(path).parent
    for above in (home, *home.parents):
        for name in _TEST_FOLDERS:
            candidate = (above / name).as_posix()
            if folder.has_folder(candidate):
                return candidate
            if above.name == name:  # the document is a test itself
                return above.as_posix()
    beside = "" if str(home) == "." else home.as_posix()
    return "" if path and _has_tests(listing, beside) else f"{project.home}tests"


def test_options(folder: Folder, projects: Sequence[Project]) -> tuple[str, ...]:
    """`name=value` of the settings of pytest that tests do not run without, of the innermost project that has any."""
    settings = (
        _ini_options(folder, project.home) or entries(project.facts, "tool", "pytest", "ini_options")
        for project in projects
    )
    stated = next(filter(None, settings), {})
    named = ((name, stated.get(name), allowed) for name, allowed in _OPTIONS.items())
    return tuple(f"{name}={value}" for name, value, allowed in named if re.fullmatch(allowed, str(value)))


def tests_of(path: str, tests: str, listing: Sequence[str]) -> list[str]:
    """Existing test files of a document and the `conftest.py` files that set them up."""
    pure = PurePosixPath(path)
    stem = pure.parent.name if pure.stem == "__init__" else pure.stem
    tongue = tongue_of(path)
    found = [other for other in listing if stem and tongue and _tests(other, tongue, stem)]
    found.sort(key=lambda other: (-_shared(other, path), not other.startswith(f"{tests}/"), len(other)))
    found = found[:3]
    there = set(listing)
    folders = {"", tests, *(str(above) for other in (*found, path) for above in PurePosixPath(other).parents)} - {"."}
    for folder in sorted(folders, key=len):
        conftest = f"{folder}/conftest.py" if folder else "conftest.py"
        if conftest in there:
            found.append(conftest)
    return found


def _tests(path: str, tongue: Tongue, stem: str) -> bool:
    """Whether a path is that of a test file for what has this stem."""
    name = PurePosixPath(path).name
    ending = next((ending for ending in tongue.endings if name.endswith(ending)), "")
    if not ending or not is_test(path) or name == "conftest.py":
        return False
    bare = name.removesuffix(ending)
    return stem in (re.sub(r"^test[_.-]", "", bare), re.sub(r"[._-]test$|\.spec$", "", bare))


def _shared(test: str, path: str) -> int:
    """How many folder names a test's path and the document's have in common: mirrored layouts match best."""
    return len(set(PurePosixPath(test).parts[:-1]) & set(PurePosixPath(path).parts[:-1]))


def _has_tests(listing: Sequence[str], where: str) -> bool:
    prefix = f"{where}/" if where else ""
    return any(
        path.startswith(prefix) and is_test(path) and "/" not in path[len(prefix) :]
        for path in listing
        if not path.endswith(("_test.py", "conftest.py"))
    )


def _ini_options(folder: Folder, home: str) -> Mapping[str, str]:
    """Those of the file in ini form that pytest would take there, which count before `pyproject.toml`."""
    for name, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(folder.text(f"{home}{name}") or "")
            if found := dict(parser[section]):
                return found
        except (configparser.Error, KeyError, ValueError):
            continue
    return {}


def _strings(value: object) -> list[str]:
    return value.split() if isinstance(value, str) else strings(value)


def _outer(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0] or "."
