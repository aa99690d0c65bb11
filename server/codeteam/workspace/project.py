"""What a project says of itself: its dependencies, where its code and its tests are."""

from __future__ import annotations

import configparser
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from codeteam.domain.languages import Tongue, is_test, tongue_of
from codeteam.workspace.folder import Folder
from codeteam.workspace.reading import is_plain

_MOST_FILES = 20
"""Files of requirements that are read."""
_REQUIREMENTS = 200
_LIMIT = 512 * 1024
_TEST_FOLDERS = ("tests", "test")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===|~=|[=!<>]=|[<>])\s*v?\d[\w.!+*-]*"
# PEP 508 without addresses, as narrow as it is used. The server does not carry `packaging`; whoever installs the
# packages reads the lines with it.
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})\s*(?P<extras>\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\])?"
    rf"\s*\(?(?P<versions>\s*{_VERSION}(?:\s*,\s*{_VERSION})*\s*,?)?\s*\)?"
    r"\s*(?:;(?P<marker>[\w\s.,'\"<>=!~()+*-]+))?"
)
_RELEASE = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})*)[\w.+-]*")


def read_pyproject(folder: Folder) -> Mapping[str, Any]:
    """The project's `pyproject.toml`; empty when there is none that can be read."""
    try:
        return tomllib.loads(folder.text("pyproject.toml", _LIMIT) or "")
    except (ValueError, RecursionError):
        return {}


def dependencies(folder: Folder, pyproject: Mapping[str, Any], listing: Sequence[str]) -> tuple[str, ...]:
    """Requirement lines that the project declares, by name and version only: no addresses, no options, no files."""
    found: dict[tuple[str, str], str] = {}
    own = _normal(str(_at(pyproject, "project", "name") or _at(pyproject, "tool", "poetry", "name") or ""))
    for line in _declared(folder, pyproject, listing):
        match = _REQUIREMENT.fullmatch(line.strip()) if len(line) <= 300 else None
        if match is None or _normal(match["name"]) == own:
            continue
        marker = " ".join((match["marker"] or "").split())
        wanted = "".join(f"{match['extras'] or ''}{match['versions'] or ''}".split()).rstrip(",")
        requirement = f"{match['name']}{wanted}{f'; {marker}' if marker else ''}"
        found.setdefault((_normal(match["name"]), marker), requirement)
        if len(found) >= _REQUIREMENTS:
            break
    return tuple(found.values())


def source_roots(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """Folders that are on the project's import path, as far as its settings and habits tell; "" is the workspace."""
    stated: list[Any] = [
        *_strings(_at(pyproject, "tool", "pytest", "ini_options", "pythonpath")),
        *_strings(_at(pyproject, "tool", "setuptools", "packages", "find", "where")),
        *(_outer(path) for path in _strings(_at(pyproject, "tool", "hatch", "build", "targets", "wheel", "packages"))),
    ]
    directories = _at(pyproject, "tool", "setuptools", "package-dir")
    if isinstance(directories, Mapping):
        stated.append(directories.get(""))
    packages = _at(pyproject, "tool", "poetry", "packages")
    if isinstance(packages, list):
        stated += [entry.get("from") for entry in packages if isinstance(entry, Mapping)]
    tidy = [root.removeprefix("./").strip("/") for root in stated if isinstance(root, str)]
    return tuple(dict.fromkeys((*(root for root in tidy if is_plain(root)), "src", "", "lib")))


def tests_folder(folder: Folder, pyproject: Mapping[str, Any], path: str, listing: Sequence[str]) -> str:
    """Where the project keeps its tests; "" for beside the code.

    What pytest's settings say; else a folder `tests` or `test` beside the document or above it, the nearest first;
    else beside the document, when tests stand there; else "tests".
    """
    for stated in (*_strings(_at(pyproject, "tool", "pytest", "ini_options", "testpaths")), *_ini_testpaths(folder)):
        tidy = stated.removeprefix("./").rstrip("/")
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
    return "" if path and _has_tests(listing, beside) else "tests"


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


def _ini_testpaths(folder: Folder) -> list[str]:
    for name, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(folder.text(name) or "")
            found = parser.get(section, "testpaths", fallback="").split()
        except (configparser.Error, ValueError):
            continue
        if found:
            return found
    return []


def _declared(folder: Folder, pyproject: Mapping[str, Any], listing: Sequence[str]) -> Iterator[str]:
    yield from _strings(_at(pyproject, "project", "dependencies"))
    poetry = _at(pyproject, "tool", "poetry", "dependencies")
    if isinstance(poetry, Mapping):
        for name, wanted in poetry.items():
            yield from _from_poetry(str(name), wanted)
    read: set[str] = set()
    for path in listing:
        pure = PurePosixPath(path)
        if "/" not in path and pure.name.startswith("requirements") and pure.suffix == ".txt":
            yield from _required(folder, path, read)


def _required(folder: Folder, path: str, read: set[str]) -> Iterator[str]:
    """Lines of a requirements file, and of those that it includes; each is read once."""
    if path in read or len(read) >= _MOST_FILES or not is_plain(path):
        return
    read.add(path)
    text = (folder.text(path, _LIMIT) or "").replace("\\\r\n", " ").replace("\\\n", " ")
    for line in text.splitlines():
        if included := re.match(r"\s*(?:-r|--requirement)[\s=]\s*(\S+)", line):
            yield from _required(folder, posixpath.normpath(PurePosixPath(path).parent / included[1]), read)
        else:
            yield re.split(r"(?:^|\s)#|\s--", line, maxsplit=1)[0]


def _normal(name: str) -> str:
    """A project's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _from_poetry(name: str, wanted: object) -> Iterator[str]:
    """A dependency in Poetry's own way of writing: `^1.2`, `~1.2`, a table, or several tables."""
    if name.lower() == "python":
        return
    for entry in wanted if isinstance(wanted, list) else [wanted]:
        table = entry if isinstance(entry, Mapping) else {"version": entry}
        version = table.get("version", "*")
        if not isinstance(version, str) or table.get("optional") is True:
            continue
        if any(source in table for source in ("git", "path", "url", "file")):
            continue
        extras = ",".join(_strings(table.get("extras")))
        marker = table.get("markers")
        tail = f"; {marker}" if isinstance(marker, str) and marker else ""
        yield f"{name}{f'[{extras}]' if extras else ''}{_specifier(version)}{tail}"


def _specifier(version: str) -> str:
    if "||" in version:  # alternatives cannot be said in a requirement line
        return ""
    return ",".join(filter(None, (_part(part.strip()) for part in version.split(","))))


def _part(part: str) -> str:
    if part in ("", "*"):
        return ""
    if part[0] in "<>=!" or part.startswith("~="):
        return part
    if part[0] not in "^~":
        return f"=={part}"
    low = _RELEASE.fullmatch(part[1:].strip())
    if low is None:
        return ""
    release = [int(number) for number in low[1].split(".")]
    if part[0] == "^":  # up to the next change of the leftmost number that is not zero
        fixed = next((index for index, number in enumerate(release) if number), len(release) - 1)
    else:
        fixed = min(1, len(release) - 1)
    high = ".".join(str(number) for number in (*release[:fixed], release[fixed] + 1))
    return f">={low[0]},<{high}"


def _at(table: Any, *keys: str) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _outer(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0] or "."
