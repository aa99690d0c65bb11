"""Files that a file of another language than Python names as what it needs: read by their look, for nothing is run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from codeteam.domain.languages import tongue_of
from codeteam.workspace.folder import Paths
from codeteam.workspace.reading import is_plain

_LONGEST = 500_000
"""Characters of a file that are looked through."""
_NODE = re.compile(r"""\b(?:from|import|require)\s{0,5}\(?\s{0,5}["'](\.{1,2}/[^"'\n]{1,200})["']""")
_NODE_PACKAGE = re.compile(
    r"""\b(?:from|import|require)\s{0,5}\(?\s{0,5}["'](@[\w.-]{1,100}/[\w.-]{1,100}|[A-Za-z][\w.-]{0,100})(?:["']|/)"""
)
_NODE_ENDINGS = ("", ".js", ".ts", ".mjs", ".mts", ".cjs", ".cts", ".json", "/index.js", "/index.ts")


def named_by(folder: Paths, path: str, text: str) -> Iterator[str]:
    """Paths of files of the workspace that a file imports by their names, in order of appearance."""
    tongue = tongue_of(path)
    if tongue is not None and tongue.name in ("javascript", "typescript"):
        yield from _of_node(folder, path, text[:_LONGEST])


def packages_named_by(path: str, text: str) -> Iterator[str]:
    """Packages of npm that a file of JavaScript or TypeScript imports by name, those of Node itself among them."""
    tongue = tongue_of(path)
    if tongue is not None and tongue.name in ("javascript", "typescript"):
        yield from (match[1] for match in _NODE_PACKAGE.finditer(text[:_LONGEST]))


def _of_node(folder: Paths, path: str, text: str) -> Iterator[str]:
    home = posixpath.dirname(path)
    for match in _NODE.finditer(text):
        stem = posixpath.normpath(posixpath.join(home, match[1]))
        # TypeScript may name a file by what it becomes.
        for candidate in (*(f"{stem}{ending}" for ending in _NODE_ENDINGS), re.sub(r"\.([cm]?)js$", r".\1ts", stem)):
            if is_plain(candidate) and folder.has(candidate):
                yield candidate
                break
