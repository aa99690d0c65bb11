"""Which files of the workspace a file needs to be imported and tested, found without running anything."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from codeteam.domain.source import SourceFile
from codeteam.workspace.definitions import is_python, parse
from codeteam.workspace.folder import Folder, Paths
from codeteam.workspace.named_files import named_by

_FILES = 100
_BYTES = 1_000_000
"""Of the files that a task carries to the sandbox; what a prompt has room for is another matter (`team/visible.py`)."""
_LOOKED_AT = 200
_PER_FILE = 200
_LONGEST_LINE = 500
"""Characters of a line that may be an import, where the file does not parse."""
_IMPORT_LINE = re.compile(  # repeats are bounded, for the text may be anything
    r"[ \t]{0,100}(?:"
    r"from[ \t]{1,20}(\.{0,20}\w[\w.]{0,200}|\.{1,20})[ \t]{1,20}import[ \t]{1,20}\(?([\w ,*\t]{0,500})"
    r"|import[ \t]{1,20}([\w., \t]{1,500}))"
)


@dataclass(frozen=True, slots=True)
class Needed:
    """What a document leans on."""

    files: tuple[SourceFile, ...]
    """Nearest first."""
    unread: tuple[str, ...]
    """Paths of those that could not be had: they may not be read, or there is no room for them."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement."""

    level: int
    """Dots before the name; 0 for an absolute import."""
    module: str
    names: tuple[str, ...] = ()
    """What is taken from the module; each may be a module itself."""


class Resolver:
    """Finds the files behind import statements, as Python would with these source roots on its path."""

    def __init__(self, folder: Paths, roots: Sequence[str]) -> None:
        self._folder = folder
        self._roots = tuple(dict.fromkeys(roots))

    def imported_by(self, path: str, text: str) -> Iterator[str]:
        """Files that a module's import statements load, the imported one before the packages around it."""
        for found in imports_of(text):
            yield from self.files_of(path, found)

    def files_of(self, path: str, wanted: Import) -> list[str]:
        parts = [part for part in wanted.module.split(".") if part]
        home = _parent(path)
        if wanted.level:
            for _ in range(wanted.level - 1):
                if not home:
                    return []
                home = _parent(home)
            return self._walk(home, parts, wanted.names)
        own = self._package_root(home)
        for root in dict.fromkeys((own, *self._roots, home)):
            found = self._walk(root, parts, wanted.names)
            if found:
                return found
        return []

    def around(self, path: str) -> list[str]:
        """The `__init__` files of the packages that a file is in, the innermost first."""
        folder, found = _parent(path), []
        while folder and self._folder.has(f"{folder}/__init__.py"):
            found.append(f"{folder}/__init__.py")
            folder = _parent(folder)
        return [init for init in found if init != path]

    def _package_root(self, folder: str) -> str:
        while folder and self._folder.has(f"{folder}/__init__.py"):
            folder = _parent(folder)
        return folder

    def _walk(self, here: str, parts: Sequence[str], names: Iterable[str]) -> list[str]:
        found: list[str] = []
        for part in parts:
            here = _join(here, part)
            if self._folder.has(f"{here}/__init__.py"):
                found.append(f"{here}/__init__.py")
            elif self._folder.has(f"{here}.py"):
                return [f"{here}.py", *reversed(found)]
            elif not self._folder.has_folder(here):
                return found[::-1]
        if not parts and self._folder.has(_join(here, "__init__.py")):
            found.append(_join(here, "__init__.py"))
        modules = [self._module(_join(here, name)) for name in names]
        return [module for module in modules if module] + found[::-1]

    def _module(self, stem: str) -> str:
        return next((path for path in (f"{stem}/__init__.py", f"{stem}.py") if self._folder.has(path)), "")


def imports_of(text: str) -> list[Import]:
    """A file's import statements, outer before inner ones; read by their look when the file does not parse."""
    tree = parse(text)
    if tree is None:
        return _by_look(text)[:_PER_FILE]
    found: list[Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(
                Import(node.level, node.module or "", tuple(alias.name for alias in node.names if alias.name != "*"))
            )
    return found[:_PER_FILE]


def needed_files(
    folder: Folder, resolver: Resolver, document: SourceFile | None, near: Sequence[str], tests: Sequence[str]
) -> Needed:
    """Files the document leans on: what it imports and what that imports, within bounds.

    Args:
        near: paths that count as being as near as the document's own imports.
        tests: paths that are kept whatever else there is: the document's tests and their set-up.
    """
    first: list[str] = []
    if document is not None and is_python(document.path):
        first += resolver.imported_by(document.path, document.text)
        first += resolver.around(document.path)
    elif document is not None:
        first += named_by(folder, document.path, document.text)
    kept = [path for path in dict.fromkeys(tests) if document is None or path != document.path]
    queue = deque(dict.fromkeys((*first[: _FILES * 2], *near, *kept)))
    shelf = _Shelf(folder, reserved=kept)
    seen = dict.fromkeys([document.path] if document is not None else [])
    while queue and len(seen) < _LOOKED_AT:
        path = queue.popleft()
        if path in seen:
            continue
        seen[path] = None
        text = shelf.take(path)
        if text and is_python(path):
            queue += resolver.imported_by(path, text)
            queue += resolver.around(path)
        elif text:
            queue += named_by(folder, path, text)
    unread = [
        path for path in (*seen, *queue) if path not in shelf.paths and (document is None or path != document.path)
    ]
    return Needed(shelf.files(), tuple(dict.fromkeys(unread)))


class _Shelf:
    """Files taken so far, within the bounds; empty ones (most `__init__.py`) are free."""

    def __init__(self, folder: Folder, *, reserved: Sequence[str]) -> None:
        self._folder = folder
        self._files: list[SourceFile] = []
        self.paths: set[str] = set()
        # room for the tests first: were they left out, they would be overwritten
        self._reserved = {path: len((folder.text(path) or "").encode("utf-8", "replace")) for path in reserved}
        self._count = _FILES - len(self._reserved)
        self._room = _BYTES - sum(self._reserved.values())

    def take(self, path: str) -> str | None:
        text = self._folder.text(path)
        if text is None:
            return None
        size = len(text.encode("utf-8", "replace"))
        if path not in self._reserved and size:
            if self._count <= 0 or size > self._room:
                return None
            self._count -= 1
            self._room -= size
        self._files.append(SourceFile(path, text))
        self.paths.add(path)
        return text

    def files(self) -> tuple[SourceFile, ...]:
        return tuple(self._files)


def _by_look(text: str) -> list[Import]:
    found: list[Import] = []
    for line in text.split("\n"):
        match = _IMPORT_LINE.match(line) if len(line) <= _LONGEST_LINE else None
        if match is None:
            continue
        if len(found) >= _PER_FILE:
            break
        source, names, modules = match[1], match[2], match[3]
        if modules is not None:
            found += [Import(0, name.split()[0]) for name in modules.split(",") if name.strip(". \t")]
        elif source:
            taken = tuple(name.split()[0] for name in names.split(",") if name.strip() and name.strip() != "*")
            found.append(Import(len(source) - len(source.lstrip(".")), source.lstrip("."), taken))
    return found


def _parent(path: str) -> str:
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
