"""What a Python project declares: packages of its own code, and those of its tests and its development.

Of all that is read, names and versions come out: no addresses, no options, no files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import PurePosixPath
from typing import Any

from codeteam.workspace.folder import Folder
from codeteam.workspace.projects import Project, normal
from codeteam.workspace.reading import is_plain
from codeteam.workspace.tables import LIMIT, at, entries, strings

_MOST_FILES = 20
"""Files of requirements that are read."""
_MOST_GROUPS = 50
"""Groups that are looked into, those that they include among them."""
_REQUIREMENTS = 200
_FOR_TESTS = frozenset({"dev", "devel", "develop", "development", "test", "tests", "testing", "unittests", "pytest"})
"""Words in the names of what a project keeps its tests' packages in: groups, extras, files of requirements."""
_PROGRAMS = re.compile(
    r"(?:pytest|pytest-asyncio|pytest-cov|coverage|ruff|mypy"  # the sandbox has its own
    r"|autoflake|autopep8|bandit|basedpyright|black|build|bump2version|bump-my-version|check-manifest|cibuildwheel"
    r"|codespell|commitizen|cruft|debugpy|deptry|doc8|docformatter|flake8|furo|gitlint|hatch|import-linter|interrogate"
    r"|ipdb|ipykernel|ipython|isort|jupyter|jupyterlab|mdformat|mike|mutmut|myst-parser|notebook|nox|pdbpp|pdm|pip"
    r"|pip-audit|pip-tools|pipdeptree|poetry|poethepoet|pre-commit|pudb|py-spy|pycodestyle|pydocstyle|pyinstrument"
    r"|pylint|pyright|pyupgrade|python-semantic-release|pyroma|radon|reuse|safety|scriv|semgrep|setuptools-scm"
    r"|snakeviz|sphinx|taskipy|towncrier|tox|twine|ty|uv|versioneer|virtualenv|vulture|wheel|wily|xenon"
    r"|yamllint|yapf|(?:flake8|mkdocs|pytest-mypy|pytest-ruff|sphinx|sphinxcontrib|tox|jupyter|nox|pylint)-.*|mkdocs"
    r"|pydata-sphinx-theme)"
)
"""Normal names of what developers run, and their code does not import."""
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


def dependencies(folder: Folder, projects: Sequence[Project], listing: Sequence[str], own: Set[str]) -> tuple[str, ...]:
    """Requirement lines that projects declare for their code, without the workspace's `own` packages (normal names)."""
    return tuple(_plain(_of_their_code(folder, projects, listing), own).values())


def for_tests(
    folder: Folder,
    projects: Sequence[Project],
    listing: Sequence[str],
    own: Set[str],
    modules: Callable[[], Set[str]],
) -> tuple[str, ...]:
    """Requirement lines that projects declare for their tests and their development, without programs that no code
    imports; and of their other groups and extras those that the given modules, by their first words, may come from.
    """
    code = {name for name, _ in _plain(_of_their_code(folder, projects, listing), own)}
    tests: list[str] = []
    others: list[str] = []
    for project in projects:
        for group, lines in _groups(project.facts):
            (tests if _is_for_tests(group) else others).extend(lines)
        files = _requirements(listing, project.home)
        tests += _of_files(folder, (path for path in files if _is_for_tests(path.removeprefix(project.home))))
    found = {key: line for key, line in _plain(tests, own).items() if not _PROGRAMS.fullmatch(key[0])}
    if further := {key: line for key, line in _plain(others, own).items() if key not in found}:
        words = {_letters(module) for module in modules() if len(module) > 2}
        found |= {key: line for key, line in further.items() if any(word in _letters(key[0]) for word in words)}
    return tuple(line for (name, _), line in found.items() if name not in code)[:_REQUIREMENTS]


def required_names(facts: Mapping[str, Any]) -> list[str]:
    """Normal names of all that a manifest names, for whatever."""
    lines = [*strings(at(facts, "project", "dependencies")), *(line for _, some in _groups(facts) for line in some)]
    matches = (_REQUIREMENT.match(line.strip()) for line in lines if len(line) <= 300)
    poetry = [normal(str(name)) for name in entries(facts, "tool", "poetry", "dependencies")]
    return [*dict.fromkeys([*(normal(match["name"]) for match in matches if match), *poetry])]


def _plain(lines: Iterable[str], own: Set[str]) -> dict[tuple[str, str], str]:
    """Lines as an index takes them, by name and marker; of one name those of the innermost project count."""
    found: dict[tuple[str, str], str] = {}
    for line in lines:
        match = _REQUIREMENT.fullmatch(line.strip()) if len(line) <= 300 else None
        if match is None or normal(match["name"]) in own:
            continue
        marker = " ".join((match["marker"] or "").split())
        wanted = "".join(f"{match['extras'] or ''}{match['versions'] or ''}".split()).rstrip(",")
        requirement = f"{match['name']}{wanted}{f'; {marker}' if marker else ''}"
        found.setdefault((normal(match["name"]), marker), requirement)
        if len(found) >= _REQUIREMENTS:
            break
    return found


def _of_their_code(folder: Folder, projects: Sequence[Project], listing: Sequence[str]) -> Iterator[str]:
    for project in projects:
        yield from strings(at(project.facts, "project", "dependencies"))
        yield from _of_poetry(at(project.facts, "tool", "poetry", "dependencies"))
        files = _requirements(listing, project.home)
        yield from _of_files(folder, (path for path in files if not _is_for_tests(path.removeprefix(project.home))))


def _groups(facts: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Every group, extra and environment with its lines, in the ways in which the usual tools have them written."""
    groups = entries(facts, "dependency-groups")  # PEP 735
    for name in groups:
        yield name, list(_with_included(groups, name))
    extras = entries(facts, "project", "optional-dependencies")
    for name in extras:
        yield name, list(_with_own_extras(extras, name, normal(str(at(facts, "project", "name")))))
    for name, group in entries(facts, "tool", "poetry", "group").items():
        yield name, list(_of_poetry(at(group, "dependencies")))
    yield "dev", list(_of_poetry(at(facts, "tool", "poetry", "dev-dependencies")))
    yield "dev", strings(at(facts, "tool", "uv", "dev-dependencies"))
    for name, lines in entries(facts, "tool", "pdm", "dev-dependencies").items():
        yield f"dev-{name}", strings(lines)
    for name, environment in entries(facts, "tool", "hatch", "envs").items():
        lines = [*strings(at(environment, "dependencies")), *strings(at(environment, "extra-dependencies"))]
        yield ("dev" if name == "default" else name), lines


def _with_included(groups: Mapping[str, Any], first: str) -> Iterator[str]:
    """Lines of a group and of those that it includes."""

    def included(lines: object) -> list[str]:
        return strings([at(item, "include-group") for item in lines] if isinstance(lines, list) else [])

    return _reached(groups, first, included)


def _with_own_extras(extras: Mapping[str, Any], first: str, own: str) -> Iterator[str]:
    """Lines of an extra and of those that it has by naming the project itself: `own[that]`."""

    def named(lines: object) -> list[str]:
        matches = (_REQUIREMENT.fullmatch(line.strip()) for line in strings(lines) if len(line) <= 300)
        ours = (match["extras"] for match in matches if match and match["extras"] and normal(match["name"]) == own)
        return [extra.strip() for extras in ours for extra in extras.strip("[] ").split(",")]

    return _reached(extras, first, named)


def _reached(groups: Mapping[str, Any], first: str, further: Callable[[object], list[str]]) -> Iterator[str]:
    """Lines of a group, and of the groups that `further` finds in what stands in it, and so on; each group once."""
    by_name = {normal(name): lines for name, lines in groups.items()}
    waiting, seen = [normal(first)], set[str]()
    while waiting and len(seen) < _MOST_GROUPS:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield from strings(by_name.get(name))
            waiting += map(normal, further(by_name.get(name)))


def _requirements(listing: Sequence[str], home: str) -> list[str]:
    """Files of requirements in a project's folder."""
    return [path for path in listing if path.startswith(home) and _is_requirements(path.removeprefix(home))]


def _is_requirements(path: str) -> bool:
    """`requirements.txt`, `requirements-dev.txt`, `dev-requirements.txt`; in a folder of that name, those for tests."""
    pure = PurePosixPath(path)
    if pure.suffix != ".txt":
        return False
    if len(pure.parts) == 1:
        return pure.stem.startswith("requirements") or (pure.stem.endswith("requirements") and _is_for_tests(pure.stem))
    return pure.parts[:-1] == ("requirements",) and _is_for_tests(pure.name)


def _is_for_tests(name: str) -> bool:
    return not _FOR_TESTS.isdisjoint(re.split(r"[-_./]", name.lower()))


def _of_files(folder: Folder, paths: Iterable[str]) -> Iterator[str]:
    read: set[str] = set()
    for path in paths:
        yield from _required(folder, path, read)


def _required(folder: Folder, path: str, read: set[str]) -> Iterator[str]:
    """Lines of a requirements file, and of those that it includes; each is read once."""
    if path in read or len(read) >= _MOST_FILES or not is_plain(path):
        return
    read.add(path)
    text = (folder.text(path, LIMIT) or "").replace("\\\r\n", " ").replace("\\\n", " ")
    for line in text.splitlines():
        if included := re.match(r"\s*(?:-r|--requirement)[\s=]\s*(\S+)", line):
            yield from _required(folder, posixpath.normpath(PurePosixPath(path).parent / included[1]), read)
        else:
            yield re.split(r"(?:^|\s)#|\s--", line, maxsplit=1)[0]


def _letters(name: str) -> str:
    """A name by which a module and the project that it is from may be known: python-dateutil has dateutil."""
    return re.sub(r"[-_.]+", "", name).lower()


def _of_poetry(table: object) -> Iterator[str]:
    for name, wanted in table.items() if isinstance(table, Mapping) else ():
        yield from _from_poetry(str(name), wanted)


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
        extras = ",".join(strings(table.get("extras")))
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
