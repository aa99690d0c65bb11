"""What a job is called before its user: "implement slugify"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from codeteam.domain.languages import tongue_named, tongue_of
from codeteam.domain.source import Span
from codeteam.domain.task import Intent
from codeteam.lsp.document import Snapshot
from codeteam.lsp.surroundings import look

_WORDS = {
    Intent.IMPLEMENT: "implement",
    Intent.FIX: "fix problems in",
    Intent.REFACTOR: "refactor",
    Intent.DOCUMENT: "document",
    Intent.TEST: "write tests for",
    Intent.REVIEW: "review",
}


def job_title(intent: Intent, snapshot: Snapshot, lines: Sequence[str], selection: Span | None, cursor: int) -> str:
    """What is done, and to what: the definition, the lines or the file.

    `lines` are the snapshot's, as `Document.lines` has them; `cursor` is one of them, from 1.
    """
    return f"{_WORDS[intent]} {_subject(snapshot, lines, selection, cursor)}"


def apply_title(title: str) -> str:
    """The code action that applies the kept proposal of a job of this title."""
    return f"Codeteam: apply the kept proposal ({title})"


def _subject(snapshot: Snapshot, lines: Sequence[str], selection: Span | None, cursor: int) -> str:
    tongue = tongue_named(snapshot.language) or tongue_of(snapshot.uri)
    if tongue is not None and lines and (selection is None or selection.start_line > 1):
        place = look(lines, language=tongue.name, selected=selection, cursor=min(max(cursor, 1), len(lines)))
        if place.name:
            return place.name
    name = _shown(snapshot.uri)
    return f"{name}, lines {selection.start_line}-{selection.end_line}" if selection else name


def _shown(uri: str) -> str:
    """The name of a document as an editor shows it, of one that was never saved too (`untitled:Untitled-1`)."""
    name = unquote(re.split("[/:]", uri.rstrip("/"))[-1])
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
