"""Findings as diagnostics: pushed, kept with the text they quote while it moves, and dropped when it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types

from codeteam.domain.diff import split_lines
from codeteam.domain.findings import Finding, Related
from codeteam.lsp.dismissals import Dismissals
from codeteam.lsp.document import Document, Replacement, key, path_of
from codeteam.lsp.editor import Editor
from codeteam.lsp.from_lsp import finding_of
from codeteam.lsp.planning import FileEdit, file_below
from codeteam.lsp.quotes import Moves, near, nearest, quoted
from codeteam.lsp.to_lsp import diagnostic, uri_of
from codeteam.lsp.watching import Watching
from codeteam.workspace.reading import read_text

_DEBOUNCE = 0.15
"""Seconds of quiet before moved findings are sent again: typing comes in bursts."""
_LARGEST = 8 * 1024 * 1024
"""Bytes of a closed file that is read to find a finding's place."""


@dataclass(frozen=True, slots=True)
class _Shown:
    finding: Finding
    job: str
    start: int
    """Line from 0; where it is not in the text, where it was last."""

    @property
    def end(self) -> int:
        """Line from 0, included."""
        return self.start + len(quoted(self.finding.quote)) - 1

    def at(self, start: int) -> _Shown:
        return self if start == self.start else _Shown(self.finding, self.job, start)


@dataclass(slots=True)
class _Page:
    """What is shown of one document."""

    uri: str
    folder: Path | None = None
    """What the findings' paths are relative to: the workspace, else the document's own folder."""
    shown: tuple[_Shown, ...] = ()
    unplaced: tuple[_Shown, ...] = ()
    """Those whose quote is not there: the edit or the file that brings it may be on its way."""
    timer: asyncio.TimerHandle | None = None


class FindingsBoard:
    """The findings of every document, as the editor shows them."""

    def __init__(self, editor: Editor, dismissals: Dismissals) -> None:
        self._editor = editor
        self._dismissals = dismissals
        self._pages: dict[str, _Page] = {}
        self._watching = Watching(editor)

    def show(self, uri: str, job: str, findings: Sequence[Finding], folder: Path | None) -> None:
        """Show a job's findings of a document in place of what was shown before.

        `folder` is what their paths are relative to; it is where dismissals are remembered.
        """
        page = self._pages.setdefault(key(uri), _Page(uri))
        page.uri, page.folder = uri, folder
        dismissed = self._dismissals.of(folder)
        wanted = {found.fingerprint: found for found in findings if found.fingerprint not in dismissed}
        page.shown, page.unplaced = (), tuple(_Shown(found, job, found.start_line - 1) for found in wanted.values())
        self._place_again(page)

    def changed(self, document: Document, edits: Sequence[Replacement]) -> None:
        """Keep step with edits, one after the other; `document` is as after them."""
        page = self._pages.get(key(document.uri))
        if page is None or not (page.shown or page.unplaced):
            return
        for edit in edits:
            moves = Moves(edit)
            page.shown = tuple(item.at(moves.moved(quoted(item.finding.quote), item.start)) for item in page.shown)
        found = ((item, near(quoted(item.finding.quote), document.lines, item.start)) for item in page.shown)
        page.shown = tuple(item.at(start) for item, start in found if start is not None)
        self._place(page, document.lines)
        self._later(page)

    def refresh(self, document: Document) -> None:
        """A document was opened: its findings are looked for in the text that the editor has."""
        page = self._pages.get(key(document.uri))
        if page is not None:
            page.uri = document.uri
            self._place_again(page)

    def on_disk(self, uri: str) -> None:
        """A document was closed, or a file changed, came or went: without a buffer, what counts is the file."""
        page = self._pages.get(key(uri))
        if page is not None and self._editor.documents.get(uri) is None:
            self._place_again(page)

    def dismiss(self, fingerprint: str) -> str | None:
        """Take a finding away, and remember that; its job, or None when it is not shown."""
        for page, item in self._all():
            if item.finding.fingerprint == fingerprint:
                self._dismissals.add(page.folder, fingerprint)
                page.shown = tuple(other for other in page.shown if other is not item)
                self._publish(page)
                return item.job
        return None

    def fingerprint(self, uri: str, item: Mapping[str, Any]) -> str:
        """Which finding a client's diagnostic is; empty for another server's.

        Clients that do not send `data` back are understood by the rule and the place.
        """
        if item.get("source") != "codeteam" or (mark := finding_of(item)):
            return finding_of(item)
        page = self._pages.get(key(uri))
        places = ((shown.start, shown.finding) for shown in page.shown) if page else ()
        at = (item["range"]["start"]["line"], item.get("code"))
        return next((found.fingerprint for start, found in places if (start, found.rule) == at), mark)

    def fixable(self, fingerprint: str) -> bool:
        """Whether a finding has a suggestion that was tried, and its lines are as they were then."""
        return self._editor.features.apply_edit and self.suggestion(fingerprint) is not None

    def suggestion(self, fingerprint: str) -> tuple[FileEdit, str] | None:
        """A finding's suggestion as an edit of the open document, and its job; None where it cannot be applied."""
        for page, item in self._all():
            document = self._editor.documents.get(page.uri)
            if item.finding.fingerprint == fingerprint and item.finding.fix and document is not None:
                after = _replaced(document.lines, item)
                if after is not None:
                    return FileEdit(document.uri, document.version, document.text, after), item.job
        return None

    def _all(self) -> Iterator[tuple[_Page, _Shown]]:
        for page in self._pages.values():
            for item in page.shown:
                yield page, item

    def _lines(self, page: _Page) -> Sequence[str]:
        document = self._editor.documents.get(page.uri)
        if document is not None:
            return document.lines
        path = path_of(page.uri)
        text = read_text(Path(path), _LARGEST) if path is not None else None
        return [*split_lines(text or ""), ""]

    def _place_again(self, page: _Page) -> None:
        """The text may be another one: look for every finding in it, and show what is there."""
        page.unplaced, page.shown = (*page.unplaced, *page.shown), ()
        self._place(page, self._lines(page))
        self._publish(page)

    def _place(self, page: _Page, lines: Sequence[str]) -> None:
        """Find the unplaced in the text, the nearest place first."""
        found = [(item, nearest(quoted(item.finding.quote), lines, item.start)) for item in page.unplaced]
        page.shown = (*page.shown, *(item.at(start) for item, start in found if start is not None))
        page.unplaced = tuple(item for item, start in found if start is None)

    def _later(self, page: _Page) -> None:
        if page.timer is not None:
            page.timer.cancel()
        page.timer = asyncio.get_running_loop().call_later(_DEBOUNCE, self._publish, page)

    def _publish(self, page: _Page) -> None:
        if page.timer is not None:
            page.timer.cancel()
            page.timer = None
        self._watching.watch(page.uri, bool(page.shown or page.unplaced))
        document = self._editor.documents.get(page.uri)
        lines = self._lines(page)
        params = types.PublishDiagnosticsParams(
            uri=page.uri,
            version=document.version if document else None,
            diagnostics=[
                diagnostic(
                    item.finding,
                    lines=lines,
                    start=item.start,
                    end=item.end,
                    features=self._editor.features,
                    job=item.job,
                    related=_related(item.finding, page.folder),
                )
                for item in page.shown
                if item.end < len(lines)
            ],
        )
        self._editor.protocol.tell(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)


def _related(finding: Finding, folder: Path | None) -> tuple[tuple[str, Related], ...]:
    """The places a finding points at, as URIs; only what is there, for an editor shows an error for the rest."""
    found = ((file_below(folder, place.path), place) for place in finding.related)
    return tuple((uri_of(path), place) for path, place in found if path is not None and path.is_file())


def _replaced(lines: Sequence[str], item: _Shown) -> str | None:
    """The text with the suggestion in the place of the quote; None where a quoted line is not as it was."""
    there = lines[item.start : item.end + 1]
    if [line.strip() for line in there] != quoted(item.finding.quote):
        return None
    indent = there[0][: len(there[0]) - len(there[0].lstrip())]
    end = there[-1][len(there[-1].rstrip("\r\n")) :]
    new = [f"{indent}{line}" if line.strip() else line for line in split_lines(item.finding.fix)]
    text = (end or "\n").join(line.rstrip("\r\n") for line in new)
    return "".join((*lines[: item.start], text, end, *lines[item.end + 1 :]))
