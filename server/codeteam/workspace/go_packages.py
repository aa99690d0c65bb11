"""What a Go package needs to be compiled: its own files, those of the packages that it imports, and other modules."""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterator, Sequence

from codeteam.workspace.folder import Folder

_PACKAGES = 30
_LINES = 5000
_REQUIRED = 400
"""As many as the sandbox takes."""
_MODULE = re.compile(r"^module[ \t]+(\S{1,300})", re.MULTILINE)
_IMPORT = re.compile(r'^\s*(?:import\s*\(?\s*)?(?:[\w.]{1,100}[ \t]+)?"([^"\n]{1,300})"', re.MULTILINE)
_NAMED = re.compile(r"[\w./-]{1,300}\.go\b")


def package_files(folder: Folder, path: str, requirement: str, listing: Sequence[str]) -> list[str]:
    """Paths of Go files, nearest first: of the document's package, of those that the requirement names files of, and of
    the module's packages that these import; none of them tests.
    """
    there: dict[str, list[str]] = {}
    for name in listing:
        if name.endswith(".go") and not name.endswith("_test.go"):
            there.setdefault(posixpath.dirname(name), []).append(name)
    named = [posixpath.dirname(match[0].lstrip("./")) for match in _NAMED.finditer(requirement[:50_000])]
    queue = deque(dict.fromkeys([posixpath.dirname(path)] * path.endswith(".go") + named))
    modules = dict(_modules(folder, listing))
    found: list[str] = []
    seen: set[str] = set()
    while queue and len(seen) < _PACKAGES:
        package = queue.popleft()
        if package in seen:
            continue
        seen.add(package)
        for name in there.get(package, ()):
            found.append(name)
            for match in _IMPORT.finditer(folder.text(name) or ""):
                queue += _folders(match[1], modules)
    return found


def required_modules(manifest: str) -> tuple[str, ...]:
    """`path@version` of what a `go.mod` requires, marked as there where it is needed indirectly.

    What it replaces by a folder or by another module is left out.
    """
    found: dict[str, str] = {}
    replaced: set[str] = set()
    block = ""
    for line in manifest.splitlines()[:_LINES]:
        text, _, comment = line.partition("//")
        words = [word.strip('"`') for word in text.split()]
        if block:
            words = [] if words == [")"] else [block, *words]
            block = block if words else ""
        elif words[1:] == ["("]:
            block = words[0]
        if words[:1] == ["replace"] and "=>" in words:
            replaced.add(words[1])
        elif words[:1] == ["require"] and len(words) == 3:
            indirect = comment.split()[:1] in (["indirect"], ["indirect;"])
            found[words[1]] = f"{words[1]}@{words[2]}{' // indirect' if indirect else ''}"
    return tuple(line for path, line in found.items() if path not in replaced)[:_REQUIRED]


def _modules(folder: Folder, listing: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The folder of each module by its name."""
    for path in listing:
        if posixpath.basename(path) == "go.mod" and (match := _MODULE.search(folder.text(path) or "")):
            yield match[1], posixpath.dirname(path)


def _folders(imported: str, modules: dict[str, str]) -> list[str]:
    return [
        posixpath.normpath(posixpath.join(home, imported.removeprefix(name).lstrip("/"))).removeprefix(".")
        for name, home in modules.items()
        if imported == name or imported.startswith(f"{name}/")
    ]
