"""Open documents as lists of lines: positions are found without a scan, and an edit costs its own size.

Lines end where the protocol says (LF, CRLF, CR) and nowhere else; a column past the end of its line means the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.uris import to_fs_path

from codeteam.domain.diff import split_lines


class Encoding(StrEnum):
    """What a column counts."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"

    def width(self, text: str) -> int:
        """Columns that a text without line ends takes."""
        if self is Encoding.UTF32 or text.isascii():
            return len(text)
        if self is Encoding.UTF16:
            return len(text) + sum(character > "\uffff" for character in text)
        return len(text.encode("utf-8", "surrogatepass"))

    def offset(self, text: str, column: int) -> int:
        """Characters before a column; one inside a character means its start, one past the end the end."""
        if self is Encoding.UTF32 or text.isascii():
            return min(column, len(text))
        at = 0
        for number, character in enumerate(text):
            at += self.width(character)
            if at > column:
                return number
        return len(text)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document as it was at one moment."""

    uri: str
    """As the editor spells it."""
    language: str
    version: int | None
    """None for a file that no editor has open."""
    text: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """What an edit did, in whole lines: from `start` (from 0) the old lines went and the new ones came."""

    start: int
    old: Sequence[str]
    new: Sequence[str]


class Document:
    """A document that an editor has open, kept in step by `change`."""

    def __init__(self, *, uri: str, language: str, version: int, text: str, encoding: Encoding) -> None:
        self.uri = uri
        self.language = language
        self.version = version
        self.encoding = encoding
        self._lines = lines_of(text)
        self._text: str | None = text

    @property
    def lines(self) -> list[str]:
        """Lines with their ends, the last without one (it may be empty); not to be written to."""
        return self._lines

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = "".join(self._lines)
        return self._text

    def snapshot(self) -> Snapshot:
        return Snapshot(self.uri, self.language, self.version, self.text)

    def content(self, line: int) -> str:
        """A line without its end; empty past the last."""
        return self._lines[line].rstrip("\r\n") if 0 <= line < len(self._lines) else ""

    def change(self, change: types.TextDocumentContentChangeEvent) -> Replacement:
        """Replace a range, or everything."""
        self._text = None
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            before, self._lines = self._lines, lines_of(change.text)
            return Replacement(0, before, self._lines.copy())
        first, start = self._place(change.range.start)
        last, end = self._place(change.range.end)
        last, end = max((last, end), (first, start))
        text = self._lines[first][:start] + change.text + self._lines[last][end:]
        if first and self._lines[first - 1].endswith("\r"):  # it may have been half of a CRLF
            first -= 1
            text = self._lines[first] + text
        at_end = last == len(self._lines) - 1
        old = self._lines[first : last + 1]
        new = lines_of(text) if at_end else split_lines(text)
        self._lines[first : last + 1] = new
        return Replacement(first, old, new)

    def _place(self, position: types.Position) -> tuple[int, int]:
        """Line and character index of a position, drawn into the text where it lies outside."""
        if position.line >= len(self._lines):
            return len(self._lines) - 1, len(self._lines[-1])
        return position.line, self.encoding.offset(self.content(position.line), position.character)


class Documents:
    """Every open document; a file is the same however its URI is spelled."""

    def __init__(self) -> None:
        self.encoding = Encoding.UTF16
        self._open: dict[str, Document] = {}

    def open(self, item: types.TextDocumentItem) -> Document:
        document = Document(
            uri=item.uri,
            language=item.language_id,
            version=item.version,
            text=item.text,
            encoding=self.encoding,
        )
        self._open[key(item.uri)] = document
        return document

    def close(self, uri: str) -> None:
        self._open.pop(key(uri), None)

    def get(self, uri: str) -> Document | None:
        return self._open.get(key(uri))

    def all(self) -> tuple[Document, ...]:
        return tuple(self._open.values())


def key(uri: str) -> str:
    """The same for every spelling of one document's URI."""
    path = path_of(uri)
    return str(path) if path is not None else unquote(uri)


def lines_of(text: str) -> list[str]:
    """The lines as `Document.lines` has them."""
    return _with_last(split_lines(text))


def path_of(uri: str) -> Path | None:
    """The file a URI names; None where it is not a file of this machine."""
    try:
        if urlsplit(uri).scheme != "file":
            return None
        path = to_fs_path(uri)
    except ValueError:
        return None
    return Path(path) if path and "\0" not in path else None


def _with_last(lines: list[str]) -> list[str]:
    """The lines, and after a final line end the empty line that follows it."""
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines
