"""What a job is called before its user: "implement slugify"."""

from __future__ import annotations

from collections.abc import Sequence

from codeteam.domain.source import Span
from codeteam.domain.task import Intent
from codeteam.lsp.document import Snapshot
from codeteam.lsp.outline import definition_at

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
    name = snapshot.uri.rstrip("/").rpartition("/")[2]
    if snapshot.language == "python" and (selection is None or selection.start_line > 1):
        found = definition_at(lines, selection.start_line if selection else cursor)
        if found is not None:
            return found.name
    return f"{name}, lines {selection.start_line}-{selection.end_line}" if selection else name
