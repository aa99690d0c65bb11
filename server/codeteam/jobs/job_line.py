"""A job in a list: what the history says of it without decoding what was asked and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeteam.jobs.owner import Owner

LINES = """
SELECT id, created, intent, workspace, title, owner_pid, owner_started, COALESCE(end.ended, ''),
    CASE WHEN json_valid(task) THEN json_extract(task, '$.document.path') END,
    CASE WHEN json_valid(end.event) THEN json_extract(end.event, '$.proposal.quality') END,
    (SELECT MAX(at) FROM events WHERE job = id) - created,
    CASE WHEN json_valid(end.event) THEN
        json_extract(end.event, '$.proposal.evidence.usage.prompt_tokens')
        + json_extract(end.event, '$.proposal.evidence.usage.completion_tokens') END,
    CASE WHEN COALESCE(end.ended, '') NOT IN ('accepted', 'below') THEN
        (SELECT SUM(json_extract(event, '$.usage.prompt_tokens') + json_extract(event, '$.usage.completion_tokens'))
        FROM events WHERE job = id AND json_valid(event) AND json_extract(event, '$.event') = 'Replied') END,
    CASE WHEN json_valid(end.event) THEN json_array_length(end.event, '$.proposal.files') END,
    EXISTS (SELECT 1 FROM applied WHERE applied.job = id)
FROM jobs LEFT JOIN events AS end ON end.job = id AND end.ended <> ''
"""
"""Rows for `line_of`. SQLite reads the stored JSON itself: a list would take seconds if whole tasks were decoded."""


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in a list."""

    id: str
    created: float
    """Seconds since the epoch."""
    intent: str
    workspace: str
    """Folder the task came from; empty for none."""
    title: str
    """What its user sees it called."""
    state: str
    """"accepted", "below", "failed", "cancelled", "running" or "interrupted"."""
    document: str = ""
    """Path of the file it was about, relative to the workspace or absolute; empty for none."""
    quality: str = ""
    """What its proposal has earned; empty for nothing, or without a proposal."""
    seconds: float = 0.0
    """From when it was asked for to the last that happened."""
    tokens: int = 0
    """What its model calls used."""
    files: int = 0
    """That it proposes to change or to make."""
    applied: bool = False
    """Whether they are in the user's files, or were."""


def line_of(row: Sequence[Any]) -> JobLine:
    """A row of `LINES`; a job without an end whose owner is gone was interrupted."""
    job, created, intent, workspace, title, pid, started, *told = row
    ended, document, quality, seconds, used, answered, files, applied = told
    return JobLine(
        job,
        created,
        intent,
        workspace,
        title,
        ended or ("running" if Owner(pid, started).alive else "interrupted"),
        document or "",
        quality or "",
        max(seconds or 0.0, 0.0),
        int(used or answered or 0),
        files or 0,
        bool(applied),
    )
